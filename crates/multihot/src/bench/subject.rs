//! The encoder at work: one batch predicted, or learned from.

use std::slice::from_ref;
use std::sync::Arc;

use multihot_checkpoint::{ModelConfig, ModelFolder, Pooling};
use multihot_encoder::{DropoutSeed, Encoder, Purpose, StepPlan, TokenBatch};
use multihot_kernels::{Cpu, Precision, random};
use multihot_table::Cell;
use serde::Serialize;

use crate::error::Error;
use crate::stored::Stored;
use crate::train::Criterion;
use crate::train::learn::{Lesson, learn};
use crate::windows::WindowPooling;

/// Labels of an encoder that has no head yet.
const LABELS: usize = 10;

/// Every so many cells one says yes.
const YES_EVERY: usize = 5;

/// Start of what is drawn, weights of a fresh head and token ids.
const SEED: u64 = 0;

/// What is done with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// From tokens to logits.
    Predict,
    /// Forward, loss, backward, and one step of the optimizer.
    Train,
}

impl Task {
    /// The name as reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Task::Predict => "predict",
            Task::Train => "train",
        }
    }
}

/// An encoder loaded for one number type.
pub(crate) struct Subject {
    encoder: Encoder,
    step: u64,
}

impl Subject {
    pub(crate) fn load(
        folder: &ModelFolder,
        precision: Precision,
        cpu: Arc<Cpu>,
    ) -> Result<Self, Error> {
        let stored = Stored::read(folder)?;
        let pooling = stored.map_or(Pooling::Cls, |stored| stored.pooling);
        let labels = folder.config().label_names.as_ref().map(Vec::len);
        let purpose = Purpose {
            precision,
            trains: precision != Precision::Int8,
        };
        let n_labels = labels.unwrap_or(LABELS);
        let (encoder, _) = Encoder::load(folder, n_labels, pooling, SEED, cpu, purpose)?;
        Ok(Self { encoder, step: 0 })
    }

    pub(crate) fn precision(&self) -> Precision {
        self.encoder.precision()
    }

    pub(super) fn cpu(&self) -> &Arc<Cpu> {
        self.encoder.cpu()
    }

    /// What it can do: there is no training in int8.
    pub(super) fn tasks(&self) -> Vec<Task> {
        match self.precision() {
            Precision::Int8 => vec![Task::Predict],
            Precision::F32 | Precision::Bf16 => vec![Task::Predict, Task::Train],
        }
    }

    pub(crate) fn run(&mut self, task: Task, batch: &TokenBatch) -> Result<(), Error> {
        match task {
            Task::Predict => {
                // Costs nothing but after an update.
                self.encoder.settle();
                self.encoder.forward(batch)?;
            }
            Task::Train => self.train(batch)?,
        }
        Ok(())
    }

    /// One update as a training makes it, with answers made up.
    fn train(&mut self, batch: &TokenBatch) -> Result<(), Error> {
        self.step += 1;
        let n_cells = batch.rows() * self.encoder.n_labels();
        let cell = |index: usize| match index.is_multiple_of(YES_EVERY) {
            true => Cell::Yes,
            false => Cell::No,
        };
        let cells: Vec<Cell> = (0..n_cells).map(cell).collect();
        let dropout = DropoutSeed {
            seed: SEED,
            step: self.step,
            micro_batch: 0,
        };
        let lesson = Lesson {
            targets: (&cells).into(),
            criterion: Criterion::default(),
            pooling: WindowPooling::default(),
            scale: 1.0 / n_cells as f32,
            dropout,
            next_dropout: 1,
        };
        let (batches, counts) = (from_ref(batch), vec![1; batch.rows()]);
        learn(&mut self.encoder, batches, &counts, lesson)?;
        self.encoder.step(&step_plan(self.step));
        Ok(())
    }
}

/// The defaults of a training, with a rate that hardly moves anything.
fn step_plan(step: u64) -> StepPlan {
    StepPlan {
        learning_rate: 1e-6,
        head_learning_rate: 1e-6,
        weight_decay: 0.01,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        layer_decay: 1.0,
        clip: Some(1.0),
        step,
    }
}

/// `count` rows of `length` tokens from the whole vocabulary.
pub(super) fn draw_rows(config: &ModelConfig, length: usize, count: usize) -> Vec<Vec<u32>> {
    let draw = |row: usize, position: usize| {
        let index = (row * length + position) as u64;
        let id = random::uniform(SEED, index) * config.vocab_size as f64;
        (id as usize).min(config.vocab_size - 1) as u32
    };
    (0..count)
        .map(|row| (0..length).map(|position| draw(row, position)).collect())
        .collect()
}

/// The batch of `rows`, in their order.
pub(super) fn batch<'a>(rows: impl IntoIterator<Item = &'a Vec<u32>>) -> TokenBatch {
    let mut batch = TokenBatch::new();
    rows.into_iter().for_each(|row| batch.push(row));
    batch
}
