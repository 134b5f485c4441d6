//! The full state of a training after each epoch, so that it can go on to the same bits.
//!
//! It lies beside the model, in `MODEL.checkpoint`: `state.json` (the plan, the rows it is
//! for, the epochs so far), `state.safetensors` (parameters and the optimizer's two
//! moments) and `best.safetensors` (the parameters of the best epoch).

use std::path::{Path, PathBuf};
use std::time::Duration;

use multihot_checkpoint::Weights;
use multihot_checkpoint::save::{self, NewFolder};
use multihot_encoder::Encoder;
use multihot_table::Cell;
use multihot_tokenizer::Window;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{EpochReport, Run, TrainJob, TrainPlan, TrainSummary, Verdict, best_epoch};
use crate::error::Error;
use crate::questions::Relations;
use crate::speed::peak_rss_bytes;

/// How far a training has come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Updates made.
    pub(super) step: u64,
    pub(super) epochs: Vec<EpochReport>,
    train_tokens: u64,
    train_seconds: f64,
}

impl Progress {
    /// Counts one update.
    pub(super) fn count(&mut self, tokens: u64, time: Duration) {
        self.step += 1;
        self.train_tokens += tokens;
        self.train_seconds += time.as_secs_f64();
    }

    /// The best epoch so far, from 1; 0 before the first.
    pub(super) fn best_epoch(&self) -> u32 {
        best_epoch(&self.epochs).unwrap_or(0)
    }

    pub(super) fn summary(
        self,
        plan: &TrainPlan,
        verdict: Verdict<'_>,
        job: &TrainJob<'_>,
        total: Duration,
        interrupted: bool,
    ) -> TrainSummary {
        TrainSummary {
            train_tokens: self.train_tokens,
            train_seconds: self.train_seconds,
            train_tokens_per_second: self.train_tokens as f64 / self.train_seconds.max(1e-9),
            total_seconds: total.as_secs_f64(),
            peak_rss_bytes: peak_rss_bytes(),
            best_epoch: self.best_epoch(),
            epochs: self.epochs,
            dev: verdict.dev,
            out: job.out.to_owned(),
            interrupted,
            precision: plan.precision,
            tuning: verdict.tuning,
            folds: plan.folds,
            baseline: verdict.baseline,
            rows: job.table.row_counts(),
        }
    }
}

/// What `state.json` holds.
#[derive(Serialize, Deserialize)]
pub(super) struct State {
    pub(super) plan: TrainPlan,
    /// Which labels exclude or imply each other.
    #[serde(default, skip_serializing_if = "Relations::is_empty")]
    relations: Relations,
    /// SHA-256 of labels, tokens, cells, chances and weights of both parts, and of what the encoder
    /// computes.
    rows: String,
    progress: Progress,
}

/// The folder that holds the state.
pub(super) struct Checkpoint {
    folder: PathBuf,
}

impl Checkpoint {
    /// The checkpoint that belongs to the model folder `out`.
    pub(super) fn beside(out: &Path) -> Self {
        // Taken apart and put together, the path has no slash at its end.
        let mut name = out.components().collect::<PathBuf>().into_os_string();
        name.push(".checkpoint");
        Self {
            folder: name.into(),
        }
    }

    /// Refuses a job that would lose a state, or that has none to go on from.
    pub(super) fn check(&self, job: &TrainJob<'_>) -> Result<(), Error> {
        match (job.resume, self.folder.exists()) {
            (true, false) => Err(Error::NothingToResume(self.folder.clone())),
            (false, true) if !job.overwrite => Err(Error::CheckpointInTheWay(self.folder.clone())),
            _ => Ok(()),
        }
    }

    /// What was saved, without the parameters and the moments.
    pub(super) fn state(&self) -> Result<State, Error> {
        let path = self.folder.join("state.json");
        let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
        serde_json::from_str(&text)
            .map_err(|error| self.differs(format!("layout of state.json ({error})")))
    }

    /// Takes up `state` in `run`, which must have the same plan and the same rows.
    pub(super) fn resume(&self, state: State, run: &mut Run<'_>) -> Result<(), Error> {
        let differs = |what| self.differs(what);
        if let Some(what) = first_difference(&state.plan, &run.plan) {
            return Err(differs(what));
        }
        if state.relations != run.parts.questions.relations() {
            return Err(differs("`--exclusive` or `--implies`".into()));
        }
        if state.rows != run.digest() {
            return Err(differs("table or encoder".into()));
        }
        let file = Weights::open_safetensors(&self.folder.join("state.safetensors"))?;
        let n = run.encoder.optimizer_state().0.len();
        let read = |name: &str| {
            let mut out = vec![0.0; n];
            read_flat(&file, name, &mut out).map_err(&differs)?;
            Ok::<_, Error>(out)
        };
        run.encoder
            .restore_state(&read("values")?, &read("m")?, &read("v")?);
        run.progress = state.progress;
        Ok(())
    }

    /// Writes the state after an epoch: beside the old one, then exchanged.
    pub(super) fn save(&self, run: &Run<'_>) -> Result<(), Error> {
        let next = NewFolder::create(&self.folder, true)?;
        let values = run.encoder.all_values();
        let (m, v) = run.encoder.optimizer_state();
        let shape = [values.len()];
        save::write_safetensors(
            &next.path().join("state.safetensors"),
            &[
                ("values", &shape, values),
                ("m", &shape, m),
                ("v", &shape, v),
            ],
        )?;
        let best = next.path().join("best.safetensors");
        if run.progress.best_epoch() as usize == run.progress.epochs.len() {
            save::write_safetensors(&best, &[("values", &shape, values)])?;
        } else {
            let old = self.folder.join("best.safetensors");
            std::fs::copy(&old, &best).map_err(Error::io(&old))?;
        }
        let state = State {
            plan: run.plan.clone(),
            relations: run.parts.questions.relations(),
            rows: run.digest(),
            progress: run.progress.clone(),
        };
        let path = next.path().join("state.json");
        let text = serde_json::to_string_pretty(&state).expect("a state has string keys only");
        std::fs::write(&path, text + "\n").map_err(Error::io(&path))?;
        Ok(next.finish()?)
    }

    /// Puts the best epoch's parameters into `encoder`.
    pub(super) fn restore_best(&self, encoder: &mut Encoder) -> Result<(), Error> {
        let file = Weights::open_safetensors(&self.folder.join("best.safetensors"))?;
        encoder
            .restore_with(|values| read_flat(&file, "values", values))
            .map_err(|what| self.differs(what))
    }

    fn differs(&self, what: String) -> Error {
        Error::ResumeDiffers {
            checkpoint: self.folder.clone(),
            what,
        }
    }

    /// Removes the state of a training that has ended.
    pub(super) fn remove(&self) -> Result<(), Error> {
        std::fs::remove_dir_all(&self.folder).map_err(Error::io(&self.folder))
    }
}

/// Reads tensor `name` to `out`, or says what is wrong with it.
fn read_flat(file: &Weights, name: &str, out: &mut [f32]) -> Result<(), String> {
    let tensor = file
        .get(name)
        .ok_or_else(|| format!("layout: `{name}` is missing"))?;
    tensor
        .read_into(out)
        .map_err(|error| format!("encoder ({error})"))
}

/// The first choice in which two plans differ, with both values.
fn first_difference(old: &TrainPlan, new: &TrainPlan) -> Option<String> {
    let object = |plan| serde_json::to_value(plan).expect("a plan has string keys only");
    let (old, new) = (object(old), object(new));
    let fields = old.as_object().expect("a plan is an object");
    let (key, old) = fields
        .iter()
        .find(|(key, value)| new.get(key) != Some(value))?;
    let new = new.get(key).map(ToString::to_string).unwrap_or_default();
    Some(format!("`{key}` ({old}; now {new})"))
}

impl Run<'_> {
    /// SHA-256 of what the figures depend on besides plan and parameters: the labels, each row's
    /// tokens, cells, chances and weight, and what the encoder computes with them.
    fn digest(&self) -> String {
        let mut digest = Sha256::new();
        let config = self.encoder.config();
        digest.update(format!(
            "{:?} {:?} {} heads, epsilon {}, pad {}, dropout {} {} {}",
            config.family,
            config.activation,
            config.n_heads,
            config.layer_norm_epsilon,
            config.pad_token_id,
            config.hidden_dropout,
            config.attention_dropout,
            config.head_dropout,
        ));
        for label in self.parts.labels() {
            digest.update(label);
            digest.update([0]);
        }
        let parts = [
            (&self.parts.train, &self.train_rows),
            (&self.parts.dev, &self.dev_rows),
        ];
        for (part, rows) in parts {
            digest.update([1]);
            for (row, text) in rows.texts().iter().enumerate() {
                for Window { ids, types, .. } in &text.windows {
                    digest.update((ids.len() as u64).to_le_bytes());
                    ids.iter().for_each(|id| digest.update(id.to_le_bytes()));
                    digest.update(types);
                }
                digest.update(part.row(row).iter().map(code).collect::<Vec<u8>>());
            }
            for (kind, numbers) in [(2, &part.shares), (3, &part.weights)] {
                for number in numbers.iter().flatten() {
                    digest.update([kind]);
                    digest.update(number.to_le_bytes());
                }
            }
        }
        digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// A cell's byte in the digest.
fn code(cell: &Cell) -> u8 {
    match cell {
        Cell::No => 0,
        Cell::Yes => 1,
        Cell::Unknown => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(epoch: u32, precision: Option<f64>, loss: f64) -> EpochReport {
        EpochReport {
            epoch,
            train_loss: 0.0,
            dev_loss: Some(loss),
            dev_macro_average_precision: precision,
        }
    }

    #[test]
    fn the_best_epoch_has_the_highest_precision_then_the_lowest_loss_then_comes_first() {
        let cases = [
            ("none yet", vec![], 0),
            (
                "highest precision",
                vec![(Some(0.4), 0.1), (Some(0.6), 0.9), (Some(0.5), 0.1)],
                2,
            ),
            (
                "tie: lower loss",
                vec![(Some(0.5), 0.3), (Some(0.5), 0.2)],
                2,
            ),
            ("undefined: lower loss", vec![(None, 0.3), (None, 0.4)], 1),
            ("all the same: the first", vec![(None, 0.3), (None, 0.3)], 1),
        ];
        for (name, epochs, expected) in cases {
            let epochs = epochs.into_iter().zip(1..);
            let epochs = epochs.map(|((precision, loss), epoch)| report(epoch, precision, loss));
            let progress = Progress {
                epochs: epochs.collect(),
                ..Progress::default()
            };
            assert_eq!(progress.best_epoch(), expected, "{name}");
        }
    }
}
