//! Where the time of one batch goes, by kind of work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use multihot_encoder::TokenBatch;
use multihot_kernels::{Breakdown, Work};
use serde::Serialize;

use super::subject::{Subject, Task};
use crate::error::Error;

/// One batch, taken apart.
#[derive(Clone, Debug, Serialize)]
pub struct WhereTimeGoes {
    /// The number type.
    pub precision: &'static str,
    /// `predict` or `train`.
    pub work: Task,
    /// Rows of the batch.
    pub rows: usize,
    /// Their tokens.
    pub tokens: usize,
    /// All of it.
    pub ms: f64,
    /// The share of the linear layers' products.
    pub products_share: f64,
    /// What occurs, and at last the rest.
    pub parts: Vec<Part>,
}

/// One kind of work.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// Its name.
    pub part: &'static str,
    /// Its time.
    pub ms: f64,
    /// The same as a share of all.
    pub share: f64,
}

impl WhereTimeGoes {
    /// The mean of the faster half of as many runs as fit `time`: in the others a neighbour had a share.
    pub(super) fn measure(
        subject: &mut Subject,
        task: Task,
        batch: &TokenBatch,
        time: Duration,
    ) -> Result<Self, Error> {
        subject.run(task, batch)?;
        let cpu = Arc::clone(subject.cpu());
        let mut runs = Vec::new();
        let start = Instant::now();
        while runs.is_empty() || start.elapsed() < time {
            let (done, breakdown) = cpu.breakdown(|| subject.run(task, batch));
            done?;
            runs.push(breakdown);
        }
        runs.sort_unstable_by_key(Breakdown::whole);
        runs.truncate(runs.len().div_ceil(2));
        let mean = |time: &dyn Fn(&Breakdown) -> Duration| {
            let sum: Duration = runs.iter().map(time).sum();
            sum.as_secs_f64() * 1e3 / runs.len() as f64
        };
        let whole = mean(&Breakdown::whole);
        let part = |part, ms| Part {
            part,
            ms,
            share: ms / whole,
        };
        let parts = Work::ALL.map(|work| (work, mean(&|run| run.part(work))));
        let products = parts.iter().filter(|(work, _)| work.is_product());
        let products: f64 = products.map(|(_, ms)| ms).sum();
        let occurring = parts.into_iter().filter(|(_, ms)| *ms > 0.0);
        let rest = part("rest", mean(&Breakdown::rest));
        Ok(Self {
            precision: subject.precision().name(),
            work: task,
            rows: batch.rows(),
            tokens: batch.tokens(),
            ms: whole,
            products_share: products / whole,
            parts: occurring
                .map(|(work, ms)| part(work.name(), ms))
                .chain([rest])
                .collect(),
        })
    }
}
