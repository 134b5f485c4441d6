//! How well and how fast the linear baseline does on two tables:
//! `cargo run --release -p multihot --example baseline -- TRAIN TEST [THREADS]`.

use std::time::Instant;

use multihot::{Baseline, Questions, ReadOptions, Source, Table};
use multihot_table::Cell;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (train, test, threads) = match &arguments[..] {
        [train, test] => (train, test, 1),
        [train, test, threads] => (train, test, threads.parse()?),
        _ => return Err("usage: baseline TRAIN TEST [THREADS]".into()),
    };
    let read = |path: &str| multihot::read(&Source::from(path), &ReadOptions::default());
    let (train, test) = (read(train)?, read(test)?);
    let n_labels = train.labels.len();
    if test.labels != train.labels {
        return Err("the two tables have other labels, or in another order".into());
    }

    let start = Instant::now();
    let baseline = Baseline::fit(&texts(&train), &cells(&train), n_labels, threads);
    let fitted = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let logits = baseline.logits(&texts(&test));
    let scored = start.elapsed().as_secs_f64();
    let n_features = baseline.n_features();
    let questions = Questions::independent(&test.labels);
    let (log_odds, thresholds) = (logits.log_odds(&questions), vec![Some(0.5); n_labels]);
    let evaluation = multihot::metrics::evaluate(&questions, &log_odds, &cells(&test), &thresholds);

    println!(
        "rows {} {}, features {n_features}",
        train.rows.len(),
        test.rows.len()
    );
    println!("fitted in {fitted:.2} s, scored in {scored:.2} s, {threads} threads");
    if let Some(bytes) = multihot::peak_rss_bytes() {
        println!("peak memory {} MB", bytes / 1_000_000);
    }
    println!(
        "{:?}, log loss {:?}",
        evaluation.macro_scores, evaluation.log_loss
    );
    Ok(())
}

fn texts(table: &Table) -> Vec<&str> {
    table.rows.iter().map(|row| row.text.as_str()).collect()
}

fn cells(table: &Table) -> Vec<Cell> {
    table
        .rows
        .iter()
        .flat_map(|row| row.cells.iter().copied())
        .collect()
}
