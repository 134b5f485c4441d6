//! Speed of an evaluation from stored scores, in the width of GoEmotions (28 labels, one cell in
//! 25 yes).
//!
//! `cargo bench -p multihot --bench metrics`; the threads are those of the machine, or
//! `MULTIHOT_THREADS`. `Mitem/s` are millions of cells.

use divan::Bencher;
use divan::counter::ItemsCount;
use multihot::metrics::{Bootstrap, Judged, evaluate_with};
use multihot::{LogOdds, Questions};
use multihot_kernels::{Pool, random};
use multihot_table::Cell;

const LABELS: usize = 28;

/// In a debug build, as tests run it, it only shows that it works.
const ROWS: &[usize] = if cfg!(debug_assertions) {
    &[1_000]
} else {
    &[5_000, 50_000, 1_000_000]
};

fn main() {
    divan::main();
}

/// Logits of labels that are yes in one cell of 25, and 2 higher there.
fn table(rows: usize) -> (LogOdds, Vec<Cell>) {
    let is_yes = |i: &u64| random::uniform(1, *i) < 0.04;
    let places = 0..(rows * LABELS) as u64;
    let logits = places.clone().map(|i| {
        let mean = if is_yes(&i) { -1.5 } else { -3.5 };
        (mean + random::normal(2, i)) as f32
    });
    let cell = |i| if is_yes(&i) { Cell::Yes } else { Cell::No };
    (
        LogOdds::new(logits.collect(), LABELS),
        places.map(cell).collect(),
    )
}

fn bench_rows(bencher: Bencher<'_, '_>, rows: usize, bootstrap: Bootstrap) {
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = std::env::var("MULTIHOT_THREADS")
        .ok()
        .and_then(|n| n.parse().ok());
    let pool = Pool::new(threads.unwrap_or(available));
    let names: Vec<String> = (0..LABELS).map(|label| format!("label {label}")).collect();
    let questions = Questions::independent(&names);
    let (log_odds, cells) = table(rows);
    bencher.counter(ItemsCount::new(rows * LABELS)).bench(|| {
        let judged = Judged::new(&questions, &log_odds, &cells, &[Some(0.3); LABELS], &pool);
        evaluate_with(&judged, bootstrap)
    });
}

#[divan::bench(args = ROWS, sample_count = 3, sample_size = 1)]
fn figures(bencher: Bencher<'_, '_>, rows: usize) {
    bench_rows(bencher, rows, Bootstrap::OFF);
}

#[divan::bench(args = ROWS, sample_count = 3, sample_size = 1)]
fn figures_and_intervals(bencher: Bencher<'_, '_>, rows: usize) {
    bench_rows(bencher, rows, Bootstrap::default());
}
