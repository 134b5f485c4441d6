//! Time and memory of splitting a million rows with 28 labels.
//!
//! `cargo bench -p multihot --bench split`; items are rows. One thread, whatever the machine has.

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use multihot::split::{Rows, k_folds, split_shares};
use multihot_kernels::random;
use multihot_table::Cell;

#[global_allocator]
static MEMORY: AllocProfiler = AllocProfiler::system();

// In a debug build, as tests run it, it only shows that it works.
const ROWS: usize = if cfg!(debug_assertions) {
    1_000
} else {
    1_000_000
};
const LABELS: usize = 28;
const SEED: u64 = 0;

fn main() {
    divan::main();
}

/// Distinct texts, and labels from a third of the rows down to one in two hundred: 8 % of the
/// known cells say yes.
struct Table {
    texts: Vec<String>,
    cells: Vec<Cell>,
}

impl Table {
    fn new(blanks: f64) -> Self {
        let texts = (0..ROWS).map(|row| format!("the text of row {row}, which is like no other"));
        let (yes, blank) = (random::key(1, &[]), random::key(2, &[]));
        let cell = |i: usize| {
            let rate = 0.33 * 0.86_f64.powi((i % LABELS) as i32);
            if random::uniform(blank, i as u64) < blanks {
                Cell::Unknown
            } else if random::uniform(yes, i as u64) < rate {
                Cell::Yes
            } else {
                Cell::No
            }
        };
        Self {
            texts: texts.collect(),
            cells: (0..ROWS * LABELS).map(cell).collect(),
        }
    }

    fn with_rows<T>(&self, work: impl FnOnce(&Rows<'_>) -> T) -> T {
        let texts: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        work(&Rows {
            texts: &texts,
            groups: &[],
            cells: &self.cells,
            n_labels: LABELS,
        })
    }
}

#[divan::bench(args = [0.0, 0.3], sample_count = 5)]
fn train_dev_and_test(bencher: Bencher, blanks: f64) {
    Table::new(blanks).with_rows(|rows| {
        let shares = [0.8, 0.1, 0.1];
        let split = || split_shares(rows, &shares, SEED).expect("there are rows enough");
        bencher.counter(ItemsCount::new(ROWS)).bench_local(split);
    });
}

#[divan::bench(args = [5, 10], sample_count = 5)]
fn folds(bencher: Bencher, folds: usize) {
    Table::new(0.0).with_rows(|rows| {
        let split = || k_folds(rows, folds, SEED).expect("there are rows enough");
        bencher.counter(ItemsCount::new(ROWS)).bench_local(split);
    });
}
