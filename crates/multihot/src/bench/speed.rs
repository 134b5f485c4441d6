//! Tokens a second of the whole model: rows of one length, a table's rows, and sweeps for plots.

use std::sync::Arc;
use std::time::{Duration, Instant};

use multihot_checkpoint::{ModelConfig, ModelFolder};
use multihot_encoder::TokenBatch;
use multihot_kernels::{Cpu, Precision};
use serde::Serialize;

use super::subject::{Subject, Task, batch as batch_of, draw_rows};
use super::{BenchOptions, median};
use crate::error::Error;

/// Rows of a batch in a sweep over batches: powers of two up to this one.
const LARGEST_BATCH: usize = 256;

/// Rows in a sweep over rows: from the first number, each four times the one before, until one of
/// them takes longer than a measurement may.
const FEWEST_ROWS: usize = 64;
const MOST_ROWS: usize = 1 << 20;

/// One speed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Speed {
    /// What `x` is: `lengths`, `table` (rows of a batch), or a sweep's name.
    pub what: &'static str,
    /// Tokens of a row, rows of a batch, rows, or threads.
    pub x: usize,
    /// The number type.
    pub precision: &'static str,
    /// `predict` or `train`.
    pub work: Task,
    /// Tokens of real rows a second; there are no others.
    pub tokens_per_s: f64,
}

/// What is varied while the rest stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Tokens of a row, in batches of as many tokens.
    Lengths,
    /// Rows of a batch.
    Batch,
    /// Rows, in batches of as many rows.
    Rows,
    /// Threads.
    Threads,
}

impl Sweep {
    /// The name as options and reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Sweep::Lengths => "lengths",
            Sweep::Batch => "batch",
            Sweep::Rows => "rows",
            Sweep::Threads => "threads",
        }
    }
}

/// Rows of each of `lengths`, as many as fit a batch.
pub(super) fn lengths(
    subject: &mut Subject,
    config: &ModelConfig,
    lengths: &[usize],
    options: &BenchOptions,
) -> Result<Vec<Speed>, Error> {
    let batches = lengths.iter().map(|&length| {
        let rows = draw_rows(config, length, (options.batch_tokens / length).max(1));
        (length, vec![batch_of(&rows)])
    });
    all_tasks(subject, Sweep::Lengths.name(), batches, options.time)
}

/// A table's rows, in their order.
pub(super) fn table(
    subject: &mut Subject,
    rows: &[Vec<u32>],
    options: &BenchOptions,
) -> Result<Vec<Speed>, Error> {
    let batches = batches(rows, options.batch_rows);
    let batches = [(options.batch_rows, batches)].into_iter();
    all_tasks(subject, "table", batches, options.time)
}

/// The same rows in batches of different sizes.
pub(super) fn batch(
    subject: &mut Subject,
    rows: &[Vec<u32>],
    options: &BenchOptions,
) -> Result<Vec<Speed>, Error> {
    let sizes = doubling(LARGEST_BATCH).map(|size| (size, batches(rows, size)));
    all_tasks(subject, Sweep::Batch.name(), sizes, options.time)
}

/// More and more rows, each number gone through once.
pub(super) fn rows(
    subject: &mut Subject,
    rows: &[Vec<u32>],
    options: &BenchOptions,
) -> Result<Vec<Speed>, Error> {
    let mut speeds = Vec::new();
    for task in subject.tasks() {
        go_through(subject, task, rows, 1, 1)?;
        let mut count = FEWEST_ROWS;
        while count <= MOST_ROWS {
            let begin = Instant::now();
            let tokens = go_through(subject, task, rows, count, options.batch_rows)?;
            let took = begin.elapsed();
            let rate = tokens as f64 / took.as_secs_f64();
            speeds.push(speed(subject, Sweep::Rows.name(), count, task, rate));
            if took > options.time {
                break;
            }
            count *= 4;
        }
    }
    Ok(speeds)
}

/// The same rows on different numbers of threads.
pub(super) fn threads(
    folder: &ModelFolder,
    precision: Precision,
    cpu: &Cpu,
    rows: &[Vec<u32>],
    options: &BenchOptions,
) -> Result<Vec<Speed>, Error> {
    let most = cpu.threads();
    let fewer = doubling(most).filter(|threads| *threads < most);
    let mut speeds = Vec::new();
    for threads in fewer.chain([most]) {
        let cpu = Arc::new(Cpu::new(cpu.isa(), threads));
        let subject = &mut Subject::load(folder, precision, cpu)?;
        let batches = [(threads, batches(rows, options.batch_rows))].into_iter();
        let name = Sweep::Threads.name();
        speeds.extend(all_tasks(subject, name, batches, options.time)?);
    }
    Ok(speeds)
}

/// The speed of everything that `subject` can do, at each `x` with its batches.
fn all_tasks(
    subject: &mut Subject,
    what: &'static str,
    points: impl Iterator<Item = (usize, Vec<TokenBatch>)>,
    time: Duration,
) -> Result<Vec<Speed>, Error> {
    let mut speeds = Vec::new();
    for (x, batches) in points {
        for task in subject.tasks() {
            let rate = median_rate(subject, task, &batches, time)?;
            speeds.push(speed(subject, what, x, task, rate));
        }
    }
    Ok(speeds)
}

fn speed(subject: &Subject, what: &'static str, x: usize, work: Task, tokens_per_s: f64) -> Speed {
    Speed {
        what,
        x,
        precision: subject.precision().name(),
        work,
        tokens_per_s,
    }
}

/// The median tokens a second over as many batches as fit `time`, after the first to warm up.
fn median_rate(
    subject: &mut Subject,
    task: Task,
    batches: &[TokenBatch],
    time: Duration,
) -> Result<f64, Error> {
    subject.run(task, &batches[0])?;
    let mut rates = Vec::new();
    let start = Instant::now();
    for batch in batches.iter().cycle() {
        let begin = Instant::now();
        subject.run(task, batch)?;
        rates.push(batch.tokens() as f64 / begin.elapsed().as_secs_f64());
        if start.elapsed() >= time {
            break;
        }
    }
    Ok(median(rates))
}

/// Runs `count` rows in batches and returns their tokens. Where `rows` are fewer, they come again.
fn go_through(
    subject: &mut Subject,
    task: Task,
    rows: &[Vec<u32>],
    count: usize,
    batch_rows: usize,
) -> Result<usize, Error> {
    let mut tokens = 0;
    for first in (0..count).step_by(batch_rows) {
        let next = rows.iter().cycle().skip(first % rows.len());
        let batch = batch_of(next.take(batch_rows.min(count - first)));
        subject.run(task, &batch)?;
        tokens += batch.tokens();
    }
    Ok(tokens)
}

/// Whole batches of `size` rows, in order; one at least, for which the rows come again.
fn batches(rows: &[Vec<u32>], size: usize) -> Vec<TokenBatch> {
    let whole = rows.chunks_exact(size);
    if whole.len() == 0 {
        return vec![batch_of(rows.iter().cycle().take(size))];
    }
    whole.map(batch_of).collect()
}

/// 1, 2, 4 and so on up to `most`.
fn doubling(most: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(1), |n| Some(2 * n)).take_while(move |n| *n <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_whole() {
        let rows = [vec![1], vec![2, 2], vec![3, 3, 3]];
        let tokens = |size| -> Vec<usize> {
            let batches = batches(&rows, size);
            batches.iter().map(TokenBatch::tokens).collect()
        };
        assert_eq!(tokens(1), [1, 2, 3]);
        assert_eq!(tokens(2), [3]);
        assert_eq!(tokens(3), [6]);
        assert_eq!(tokens(4), [7]);
    }

    #[test]
    fn sweeps_double_up_to_their_end() {
        assert_eq!(doubling(1).collect::<Vec<_>>(), [1]);
        assert_eq!(doubling(6).collect::<Vec<_>>(), [1, 2, 4]);
    }
}
