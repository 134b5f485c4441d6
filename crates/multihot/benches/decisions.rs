//! Time and memory of tuning a million rows with 28 labels.
//!
//! `cargo bench -p multihot --bench decisions`; items are cells. All cores. Cross-fitting makes it six
//! fits.

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use multihot::decisions::{TuneOptions, tune};
use multihot::{Cell, Logits, Questions};
use multihot_kernels::{Pool, random};

#[global_allocator]
static MEMORY: AllocProfiler = AllocProfiler::system();

// In a debug build, as tests run it, it only shows that it works.
const ROWS: usize = if cfg!(debug_assertions) {
    1_000
} else {
    1_000_000
};
const LABELS: usize = 28;

fn main() {
    divan::main();
}

/// Labels from a third of the rows down to one in two hundred, with logits that tend to be right.
fn scores() -> (Logits, Vec<Cell>) {
    let (yes, noise) = (random::key(1, &[]), random::key(2, &[]));
    let rate = |i: usize| 0.33 * 0.86_f64.powi((i % LABELS) as i32);
    let is_yes = |i: usize| random::uniform(yes, i as u64) < rate(i);
    let places = || 0..ROWS * LABELS;
    let logit = |i: usize| {
        let centre = if is_yes(i) { 0.5 } else { -2.5 };
        (centre + 1.5 * random::normal(noise, i as u64)) as f32
    };
    let cell = |i| if is_yes(i) { Cell::Yes } else { Cell::No };
    let logits = Logits::new(places().map(logit).collect(), LABELS);
    (logits, places().map(cell).collect())
}

#[divan::bench(args = ["f1", "micro-f1", "precision>=0.9", "recall>=0.9,guaranteed"], sample_count = 3, sample_size = 1)]
fn tuning(bencher: Bencher, objective: &str) {
    let (logits, cells) = scores();
    let labels: Vec<String> = (0..LABELS).map(|label| format!("label {label}")).collect();
    let questions = Questions::independent(&labels);
    let options = TuneOptions {
        objective: objective.parse().expect("it is one"),
        ..TuneOptions::default()
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let pool = Pool::new(threads);
    bencher
        .counter(ItemsCount::new(ROWS * LABELS))
        .bench_local(|| tune(&questions, &logits, &cells, &options, &pool));
}
