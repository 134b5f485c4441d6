//! How long a fine-tuning would take on this machine, from a short measurement.

use std::sync::Arc;
use std::time::{Duration, Instant};

use multihot_checkpoint::ModelFolder;
use multihot_kernels::Cpu;
use serde::Serialize;

use crate::bench::{Subject, Task};
use crate::error::Error;
use crate::precision::auto;
use crate::rows::TokenRows;
use crate::split::dev_rows;
use crate::train::{BatchSize, TrainOptions, batches};

/// How long to measure each of training and prediction, at least.
const MEASURED: Duration = Duration::from_millis(1500);

/// Tokens of a measured batch: as fast as larger ones, and over sooner where rows are long.
const BATCH_TOKENS: usize = 2048;

/// What a training with the defaults would take.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainingTime {
    /// Passes over the rows.
    pub epochs: u32,
    /// The longest row in tokens.
    pub max_length: usize,
    /// Tokens learned from in an epoch.
    pub tokens: f64,
    /// Tokens learned from a second.
    pub tokens_per_s: f64,
    /// The number type.
    pub precision: &'static str,
    /// Threads.
    pub threads: usize,
    /// All epochs, the look at the held-out rows after each of them included.
    pub seconds: f64,
}

/// Learns from batches of `sample`, and works out what `rows` rows like these would take.
pub(super) fn training_time(
    folder: &ModelFolder,
    cpu: &Arc<Cpu>,
    sample: &TokenRows,
    max_length: usize,
    rows: usize,
) -> Result<TrainingTime, Error> {
    let options = TrainOptions::default();
    let mut subject = Subject::load(folder, auto(cpu.isa()), Arc::clone(cpu))?;
    let mut measure = |task| tokens_per_s(&mut subject, task, sample);
    let (learned, predicted) = (measure(Task::Train)?, measure(Task::Predict)?);
    let mean = sample.tokens() as f64 / sample.lengths().len().max(1) as f64;
    let held_out = dev_rows(rows);
    let tokens = (rows - held_out) as f64 * mean;
    let epoch = tokens / learned + held_out as f64 * mean / predicted;
    Ok(TrainingTime {
        epochs: options.epochs,
        max_length,
        tokens,
        tokens_per_s: learned,
        precision: subject.precision().name(),
        threads: cpu.threads(),
        seconds: f64::from(options.epochs) * epoch,
    })
}

fn tokens_per_s(subject: &mut Subject, task: Task, sample: &TokenRows) -> Result<f64, Error> {
    let batches = batches(&sample.lengths(), BatchSize::Tokens(BATCH_TOKENS), 0, 0);
    let mut batches = batches
        .iter()
        .cycle()
        .map(|rows| sample.batch(rows.iter().copied()));
    let mut next = || batches.next().expect("a sample has texts");
    // The first batch touches memory that the others find ready.
    subject.run(task, &next())?;
    let (start, mut tokens) = (Instant::now(), 0);
    while tokens == 0 || start.elapsed() < MEASURED {
        let batch = next();
        tokens += batch.tokens();
        subject.run(task, &batch)?;
    }
    Ok(tokens as f64 / start.elapsed().as_secs_f64())
}
