//! Training, top to bottom: [`train`] is the whole story, its steps are below it and in
//! the modules beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use multihot_checkpoint::save::NewFolder;
use multihot_checkpoint::{Family, ModelFolder};
use multihot_encoder::{DropoutSeed, Encoder, StepPlan};
use multihot_kernels::Cpu;
use multihot_table::{Cell, RowCounts, Table};
use multihot_tokenizer::{Text, Tokenizer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::baseline::BaselineReport;
use crate::classifier::{THRESHOLD, forward_windows, tokenizer};
use crate::decisions::{self, Decisions, TuneError, TuneOptions, Tuning};
use crate::error::Error;
use crate::metrics::{self, Evaluation};
use crate::precision::{self, Precision, PrecisionName};
use crate::report::{self, ReportInput, ReportKind, write_report};
use crate::rows::{self, TokenRows, as_strs, wholes};
use crate::scores::Logits;
use crate::stored::Stored;
use crate::windows::Reading;

pub(crate) mod batches;
mod folds;
mod guard;
pub(crate) mod learn;
mod loss;
mod options;
mod resume;
mod schedule;
mod start;
pub(crate) mod targets;
mod write;

pub use batches::BatchSize;
pub(crate) use batches::batches;
pub use loss::Loss;
pub(crate) use loss::{Criterion, Distortion};
pub use options::{
    Freeze, OptionsError, POSITIVE_WEIGHT_CAP, PlanFacts, PositiveWeights, TrainOptions, TrainPlan,
    WindowOptions,
};
pub use schedule::Schedule;
pub use write::OUT_OF_FOLD_FILE;

use folds::OutOfFold;
use learn::{Lesson, learn, portions};
use resume::{Checkpoint, Progress};
use start::Parts;

/// What to train, on what, and where the result goes.
pub struct TrainJob<'a> {
    /// Rows to learn from.
    pub table: &'a Table,
    /// Held-out rows; without them a part of `table` is split off.
    pub dev: Option<&'a Table>,
    /// Folder of the pretrained encoder, or of a model whose training goes on.
    pub encoder: &'a Path,
    /// Stands in for a `model_type` that config.json lacks.
    pub family: Option<Family>,
    /// Folder of the trained model.
    pub out: &'a Path,
    /// Replaces what stands at `out`.
    pub overwrite: bool,
    /// Continues from the checkpoint of an unfinished training.
    pub resume: bool,
    /// The choices.
    pub options: &'a TrainOptions,
    /// Threads and instruction set.
    pub cpu: Arc<Cpu>,
    /// Where a report of the held-out rows goes, if anywhere.
    pub report: Option<&'a Path>,
}

impl<'a> TrainJob<'a> {
    /// Refuses what goes together in no training.
    fn check(&self) -> Result<(), OptionsError> {
        self.options.check()?;
        let beside = match (self.dev, self.resume) {
            (Some(_), _) => "dev rows",
            (None, true) => "`--resume`",
            _ => return Ok(()),
        };
        match self.options.folds {
            None => Ok(()),
            Some(folds) => Err(OptionsError {
                option: "--folds",
                found: format!("{folds} beside {beside}"),
                expected: "one of the two".into(),
            }),
        }
    }

    /// The group of each row of the table.
    fn groups(&self) -> Vec<Option<&'a str>> {
        let rows = self.table.rows.iter();
        rows.map(|row| row.group.as_deref()).collect()
    }
}

/// One update of the parameters, as it is reported.
#[derive(Clone, Copy, Debug)]
pub struct StepReport {
    /// The epoch, from 1.
    pub epoch: u32,
    /// The update, from 1.
    pub step: u64,
    /// Updates in all.
    pub steps: u64,
    /// Loss of this update's rows.
    pub loss: f64,
    /// Tokens of this update's rows.
    pub tokens: u64,
    /// Time this update took.
    pub time: Duration,
}

/// One epoch, as it is reported and as it stands in `training.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// The epoch, from 1.
    pub epoch: u32,
    /// Mean loss of the training cells, with dropout, and with the loss and all weights as trained.
    pub train_loss: f64,
    /// Mean cross-entropy of the known dev cells, unweighted, an exclusive group counting as one;
    /// `None` where none is known.
    pub dev_loss: Option<f64>,
    /// Mean over the labels with both values in dev; `None` where there is none.
    pub dev_macro_average_precision: Option<f64>,
}

/// Hears what goes on in a training.
pub trait Observer {
    /// Something to know before it runs, or something odd. A sentence.
    fn note(&mut self, _note: &str) {}
    /// The choices, worked out.
    fn plan(&mut self, _plan: &TrainPlan) {}
    /// An update was made.
    fn step(&mut self, _report: &StepReport) {}
    /// The model of this fold comes next.
    fn fold(&mut self, _fold: usize, _folds: usize) {}
    /// An epoch ended.
    fn epoch(&mut self, _report: &EpochReport) {}
    /// Asked after each update; `true` ends the training there.
    fn stop_requested(&self) -> bool {
        false
    }
}

/// An observer that hears nothing.
pub struct Silent;

impl Observer for Silent {}

/// What a training came to, as `train --json` prints it.
#[derive(Debug, Serialize)]
pub struct TrainSummary {
    /// Tokens of all updates, after truncation, special ones included.
    pub train_tokens: u64,
    /// Wall time of the updates alone.
    pub train_seconds: f64,
    /// The one over the other.
    pub train_tokens_per_second: f64,
    /// Wall time of everything.
    pub total_seconds: f64,
    /// Most memory the process has held, where the system tells.
    pub peak_rss_bytes: Option<u64>,
    /// The epoch whose parameters were kept.
    pub best_epoch: u32,
    /// All epochs.
    pub epochs: Vec<EpochReport>,
    /// The kept model on the dev rows, with the decisions that were chosen on them; with folds the
    /// models of the folds on all rows, each on those that it was not trained on.
    pub dev: Evaluation,

    /// Where the model lies.
    pub out: PathBuf,
    /// Whether training was stopped before its last epoch ended.
    pub interrupted: bool,
    /// Number type that matrices were multiplied in.
    #[serde(with = "PrecisionName")]
    pub precision: Precision,
    /// How the decisions were chosen, and what to expect of them on fresh rows; `None` where no dev
    /// cell is known.
    pub tuning: Option<Tuning>,
    /// Folds that models were trained for besides.
    pub folds: Option<usize>,
    /// A linear model of the same rows, on the rows that `dev` is about.
    pub baseline: Option<BaselineReport>,
    /// Rows of the table that was learned from, and what became of them.
    pub rows: RowCounts,
}

/// Fine-tunes an encoder on `job.table`, keeps the epoch with the highest dev macro
/// average precision (on a tie, or where it is undefined, the lower dev loss), works decisions
/// out on the dev rows, and writes the model folder.
///
/// With folds nothing is held out: a model for each fold, trained on the others, says which
/// epoch is best and scores the rows that decisions are worked out on; the model that is written
/// learns from all rows, up to that epoch.
///
/// # Errors
///
/// Before anything runs: when an option, a table or a folder cannot be used, or when
/// `job.out` exists and is not to be replaced. Later: when the loss is not a number,
/// when a file cannot be written, or when it is stopped before the first epoch ended.
pub fn train(job: &TrainJob<'_>, observer: &mut dyn Observer) -> Result<TrainSummary, Error> {
    let started = Instant::now();
    job.check()?;
    if let Some(path) = job.report {
        report::check_place(path, job.out)?;
    }
    let checkpoint = Checkpoint::beside(job.out);
    checkpoint.check(job)?;
    // An interrupted training has left its best epoch at `out`.
    let out = NewFolder::create(job.out, job.overwrite || job.resume)?;
    let origin = Origin::open(job, observer)?;
    let parts = Parts::split(job, &origin.folder)?;
    job.options.decisions.check(&parts.questions)?;
    let state = job.resume.then(|| checkpoint.state()).transpose()?;
    // On a resume `auto` is what it was, on whatever machine that was.
    let saved = state.as_ref().map(|state| state.plan.precision);
    let auto_precision = saved.unwrap_or_else(|| precision::auto(job.cpu.isa()));
    let out_of_fold = job
        .options
        .folds
        .map(|folds| OutOfFold::train(job, (&origin, &parts), folds, auto_precision, observer));
    let out_of_fold = out_of_fold.transpose()?;
    let mut run = Run::prepare(job, &origin, &parts, auto_precision, observer)?;
    if let Some(state) = state {
        checkpoint.resume(state, &mut run)?;
    }
    if let Some(out_of_fold) = &out_of_fold {
        run.last_epoch = out_of_fold.best_epoch;
    }
    let interrupted = run.epochs(&checkpoint, observer)?;
    run.restore_best(interrupted, &checkpoint)?;
    let held_out = match out_of_fold {
        Some(out_of_fold) => (out_of_fold.undone, &parts.train),
        None => (run.saved_logits()?, &parts.dev),
    };
    let mut verdict = run.decide(held_out, &job.options.tune_options(), observer)?;
    if job.options.baseline && verdict.tuning.is_some() {
        verdict.baseline = Some(start::baseline(job, &parts)?);
    }
    run.write(out, job, &origin, &verdict)?;
    observer.note(&write::layout(&origin, run.plan.pooling));
    if let Some(path) = job.report {
        // With the checkpoint still there, `--resume` makes a report that could not be written.
        run.report(path, job, &verdict)?;
    }
    if !interrupted {
        checkpoint.remove()?;
    }
    let total = started.elapsed();
    let Run { progress, plan, .. } = run;
    Ok(progress.summary(&plan, verdict, job, total, interrupted))
}

/// What held-out rows say about the kept model.
struct Verdict<'a> {
    /// Before calibration, with what the loss does to chances undone.
    undone: Logits,
    /// The dev rows, or with folds all of them.
    rows: &'a Part<'a>,
    /// With the decisions that were chosen.
    dev: Evaluation,
    /// `None` where no dev cell is known.
    tuning: Option<Tuning>,
    /// A linear model on the same rows, where one is wanted.
    baseline: Option<BaselineReport>,
    /// What a person should know, a sentence each.
    warnings: Vec<String>,
}

/// Where a training starts from.
struct Origin {
    folder: ModelFolder,
    tokenizer: Tokenizer,
}

impl Origin {
    /// Opens `job.encoder` and says what is odd about it.
    fn open(job: &TrainJob<'_>, observer: &mut dyn Observer) -> Result<Self, Error> {
        let folder = ModelFolder::open(job.encoder, job.family)?;
        let tokenizer = tokenizer(&folder)?;
        let notes = folder.notes();
        for note in notes.iter().chain(tokenizer.notes()) {
            observer.note(note);
        }
        Ok(Self { folder, tokenizer })
    }

    /// Encodes the texts of `part`, called `name`, and says what became of the long ones.
    fn encode(
        &self,
        cpu: &Cpu,
        (name, part): (&str, &Part<'_>),
        reading: Reading,
        observer: &mut dyn Observer,
    ) -> Result<TokenRows, Error> {
        let rows = TokenRows::encode(cpu, &self.tokenizer, &part.texts, reading.fit())?;
        let notes = [windows_note(&rows, reading), cut_note(&rows, reading)];
        for note in notes.into_iter().flatten() {
            observer.note(&format!("{name}: {note}"));
        }
        Ok(rows)
    }
}

/// How many texts have several windows, where any has.
fn windows_note(rows: &TokenRows, reading: Reading) -> Option<String> {
    let counts = rows.counts();
    let several = counts.iter().filter(|&&count| count > 1).count();
    let most = counts.iter().max().filter(|_| several > 0)?;
    Some(format!(
        "{several} of {} texts are longer than {} tokens and have several windows, {most} at the most \
         (the longest has {} tokens); {} windows in all",
        counts.len(),
        reading.max_length,
        rows.longest(),
        counts.iter().sum::<usize>(),
    ))
}

/// How many texts were cut, where any was.
fn cut_note(rows: &TokenRows, reading: Reading) -> Option<String> {
    (rows.truncated() > 0).then(|| {
        format!(
            "{} of {} texts are longer than {} tokens and {} (the longest has {})",
            rows.truncated(),
            rows.texts().len(),
            reading.max_length,
            reading.loss_of_long_texts(),
            rows.longest()
        )
    })
}

/// A training under way.
pub(crate) struct Run<'a> {
    plan: TrainPlan,
    encoder: Encoder,
    parts: &'a Parts<'a>,
    train_rows: TokenRows,
    dev_rows: TokenRows,
    /// What the loss adds to each label's log-odds, and what the output bias is rid of for saving.
    shifts: Vec<f32>,
    /// What the loss does to chances besides.
    distortion: Distortion,
    /// The epoch after which it ends, from 1.
    last_epoch: u32,
    progress: Progress,
}

impl<'a> Run<'a> {
    /// Works out the plan and brings encoder and rows to where the first update starts.
    fn prepare(
        job: &TrainJob<'_>,
        origin: &Origin,
        parts: &'a Parts<'a>,
        auto_precision: Precision,
        observer: &mut dyn Observer,
    ) -> Result<Self, Error> {
        let warnings = parts.warnings();
        warnings.iter().for_each(|warning| observer.note(warning));
        let config = origin.folder.config();
        let reading = job.options.reading(config.usable_length())?;
        let mut encode = |name, part| origin.encode(&job.cpu, (name, part), reading, observer);
        let train_rows = encode("train", &parts.train)?;
        let dev_rows = encode("dev", &parts.dev)?;
        let plan = job.options.plan(PlanFacts {
            hidden_size: config.hidden_size,
            n_layers: config.n_layers,
            reading,
            auto_precision,
            lengths: &train_rows.lengths(),
            pooling: Stored::read(&origin.folder)?.map(|stored| stored.pooling),
            positive_weights: parts.positive_weights(job.options)?,
        })?;
        observer.plan(&plan);
        if let Some(note) = precision::precision_note(plan.precision, job.cpu.isa()) {
            observer.note(&note);
        }
        let distortion = plan.distortion(&parts.train.cells, &parts.questions);
        Ok(Self {
            encoder: start::encoder(job, &origin.folder, &plan, parts, &distortion, observer)?,
            shifts: plan.shifts(parts.labels().len()),
            distortion,
            last_epoch: plan.epochs,
            plan,
            parts,
            train_rows,
            dev_rows,
            progress: Progress::default(),
        })
    }

    /// Runs the epochs that are left. `true` when it was asked to stop before the end.
    fn epochs(
        &mut self,
        checkpoint: &Checkpoint,
        observer: &mut dyn Observer,
    ) -> Result<bool, Error> {
        for epoch in self.progress.epochs.len() as u32..self.last_epoch {
            // Asked first: a resumed training may have had no patience left.
            if self.out_of_patience() {
                observer.note(&format!(
                    "no better dev figure for {} epochs: training ends early",
                    self.plan.patience.unwrap_or_default()
                ));
                break;
            }
            if self.epoch_and_dev(epoch, observer)?.is_none() {
                return if self.progress.epochs.is_empty() {
                    Err(Error::StoppedEarly)
                } else {
                    Ok(true)
                };
            }
            checkpoint.save(self)?;
        }
        Ok(false)
    }

    /// One pass over the training rows, reported with what the dev rows say after it: their
    /// logits, undone, or `None` when asked to stop.
    fn epoch_and_dev(
        &mut self,
        epoch: u32,
        observer: &mut dyn Observer,
    ) -> Result<Option<Logits>, Error> {
        let train_loss = self.epoch(epoch, observer)?;
        self.encoder.settle();
        let Some(train_loss) = train_loss else {
            return Ok(None);
        };
        let undone = self.trained_logits()?;
        let cells = &self.parts.dev.cells;
        let dev = self.evaluate(&undone, cells);
        let report = EpochReport {
            epoch: epoch + 1,
            train_loss,
            dev_loss: self.plain_loss(&undone, cells),
            dev_macro_average_precision: dev.macro_scores.average_precision,
        };
        observer.epoch(&report);
        self.progress.epochs.push(report);
        Ok(Some(undone))
    }

    /// Mean cross-entropy of the answered questions; `None` where there is none.
    fn plain_loss(&self, undone: &Logits, cells: &[Cell]) -> Option<f64> {
        let plain = Criterion {
            questions: Some(&self.parts.questions),
            ..Criterion::default()
        };
        let (sum, answered) = plain.sum(undone, cells);
        (answered > 0.0 && sum.is_finite()).then(|| sum / answered)
    }

    /// One pass over the training rows: the mean loss, or `None` when asked to stop.
    fn epoch(&mut self, epoch: u32, observer: &mut dyn Observer) -> Result<Option<f64>, Error> {
        let lengths = self.train_rows.lengths();
        let batches = batches::batches(&lengths, self.plan.batch, self.plan.seed, epoch);
        let (mut loss_sum, mut known_sum) = (0.0, 0.0);
        for micro_batches in batches.chunks(self.plan.accumulation) {
            let start = Instant::now();
            let step = self.progress.step + 1;
            let known = self.known(micro_batches);
            let loss = self.update(step, micro_batches, known)?;
            if !loss.is_finite() {
                return Err(Error::Diverged { step, loss });
            }
            let tokens = micro_batches
                .iter()
                .flatten()
                .map(|&row| lengths[row] as u64)
                .sum();
            let time = start.elapsed();
            self.progress.count(tokens, time);
            (loss_sum, known_sum) = (loss_sum + loss, known_sum + known);
            observer.step(&StepReport {
                epoch: epoch + 1,
                step,
                steps: self.plan.steps,
                loss: loss / divisor(known),
                tokens,
                time,
            });
            if observer.stop_requested() {
                return Ok(None);
            }
        }
        Ok(Some(loss_sum / divisor(known_sum)))
    }

    /// Answered questions of an update, each counted as its row's weight: what its loss is divided
    /// by.
    fn known(&self, micro_batches: &[Vec<usize>]) -> f64 {
        let Parts {
            train, questions, ..
        } = self.parts;
        let weight =
            |&row: &usize| train.targets().weight(row) * questions.answered(train.row(row)) as f64;
        micro_batches.iter().flatten().map(weight).sum()
    }

    /// Forward, backward and one step of the optimizer; the loss summed over the cells.
    fn update(
        &mut self,
        step: u64,
        micro_batches: &[Vec<usize>],
        known: f64,
    ) -> Result<f64, Error> {
        let scale = 1.0 / divisor(known) as f32;
        let mut loss_sum = 0.0;
        for (micro_batch, texts) in micro_batches.iter().enumerate() {
            let mut dropout = DropoutSeed {
                seed: self.plan.seed,
                step,
                micro_batch: micro_batch as u64,
            };
            for portion in portions(self.train_rows.texts(), texts, self.plan.portion_tokens()) {
                let picked = self.parts.train.targets_of(portion.texts);
                let lesson = Lesson {
                    targets: picked.targets(),
                    criterion: self.plan.criterion(&self.parts.questions),
                    pooling: self.plan.reading.pooling(),
                    scale,
                    dropout,
                    next_dropout: self.plan.accumulation as u64,
                };
                loss_sum += learn(&mut self.encoder, &portion.batches, &portion.counts, lesson)?;
                dropout = lesson.dropout(portion.batches.len());
            }
        }
        let norm = self.encoder.step(&self.plan.step(step));
        // The optimizer makes no step with such a gradient; what is left to say is why.
        Ok(if norm.is_finite() { loss_sum } else { norm })
    }

    /// [`Run::saved_logits`] of the network as it would be saved, in the middle of a training.
    fn trained_logits(&mut self) -> Result<Logits, Error> {
        let trained = self.encoder.output_bias().to_vec();
        self.encoder
            .set_output_bias(&write::saved_bias(&trained, &self.shifts));
        let logits = self.saved_logits();
        self.encoder.set_output_bias(&trained);
        logits
    }

    /// Logits of the dev rows by a network whose output bias is that for saving, with what the
    /// loss does to chances undone.
    fn saved_logits(&self) -> Result<Logits, Error> {
        let windows = forward_windows(&self.encoder, &self.dev_rows)?;
        let pooling = self.plan.reading.pooling();
        let logits = pooling.pool(&windows, &self.dev_rows.counts());
        Ok(self
            .distortion
            .undo(&logits, &self.parts.questions)
            .into_owned())
    }

    /// Compares `undone` logits with `cells`, yes from even odds up.
    fn evaluate(&self, undone: &Logits, cells: &[Cell]) -> Evaluation {
        let questions = &self.parts.questions;
        let thresholds = Decisions::fixed(questions, THRESHOLD).thresholds();
        metrics::evaluate(questions, &undone.log_odds(questions), cells, &thresholds)
    }

    /// Brings the best epoch's parameters back and shifts the output bias for saving.
    fn restore_best(&mut self, interrupted: bool, checkpoint: &Checkpoint) -> Result<(), Error> {
        // The parameters of an epoch that has just ended are still there.
        let is_here =
            !interrupted && self.progress.best_epoch() as usize == self.progress.epochs.len();
        if !is_here {
            checkpoint.restore_best(&mut self.encoder)?;
        }
        let bias = write::saved_bias(self.encoder.output_bias(), &self.shifts);
        self.encoder.set_output_bias(&bias);
        Ok(())
    }

    /// Works decisions out on `rows` that were held out, and evaluates them with these.
    fn decide<'p>(
        &self,
        (undone, rows): (Logits, &'p Part<'p>),
        options: &TuneOptions,
        observer: &mut dyn Observer,
    ) -> Result<Verdict<'p>, Error> {
        let (questions, cells) = (&self.parts.questions, &rows.cells);
        let plain = self.evaluate(&undone, cells);
        let mut warnings = Vec::from_iter(guard::collapse(&plain, cells, self.plan.pooling));
        let pool = self.encoder.cpu().pool();
        let (dev, tuning) = match decisions::tune(questions, &undone, cells, options, pool) {
            Ok(mut tuning) => {
                if self.plan.folds.is_some() {
                    tuning.of_other_models();
                }
                warnings.extend(tuning.warnings());
                let calibrated = tuning.decisions.calibrate(questions, &undone);
                let thresholds = tuning.decisions.thresholds();
                let dev = metrics::evaluate(questions, &calibrated, cells, &thresholds);
                (dev, Some(tuning))
            }
            Err(TuneError::NothingKnown) => {
                warnings.push("no dev cell is known, so thresholds stay at 0.5".into());
                (plain, None)
            }
            Err(error) => return Err(error.into()),
        };
        warnings.iter().for_each(|warning| observer.note(warning));
        Ok(Verdict {
            undone,
            rows,
            dev,
            tuning,
            baseline: None,
            warnings,
        })
    }

    /// Writes the model's folder, with what is kept of the training and of its verdict.
    fn write(
        &self,
        out: NewFolder,
        job: &TrainJob<'_>,
        origin: &Origin,
        verdict: &Verdict<'_>,
    ) -> Result<(), Error> {
        let tuning = verdict.tuning.as_ref();
        let stored = Stored::new(
            &self.parts.questions,
            job.table,
            (self.shifts.clone(), self.distortion.clone()),
            &self.plan,
            tuning.map(|tuning| tuning.decisions.clone()),
        );
        let records = write::Records {
            epochs: &self.progress.epochs,
            tuning,
            out_of_fold: job.options.folds.map(|_| write::OutOfFoldRows {
                table: job.table,
                cells: &verdict.rows.cells,
                undone: &verdict.undone,
            }),
        };
        write::model(out, origin, &self.encoder, &stored, records)
    }

    /// Writes the report of the held-out rows.
    fn report(&self, path: &Path, job: &TrainJob<'_>, verdict: &Verdict<'_>) -> Result<(), Error> {
        let (parts, tuning) = (&self.parts, verdict.tuning.as_ref());
        let decisions = tuning.map_or_else(
            || Decisions::fixed(&parts.questions, THRESHOLD),
            |tuning| tuning.decisions.clone(),
        );
        let (model, texts) = (job.out.display().to_string(), wholes(&verdict.rows.texts));
        let input = ReportInput {
            kind: ReportKind::Training,
            model: &model,
            table: &job.dev.unwrap_or(job.table).source,
            tune_arguments: &self.tune_arguments(job),
            questions: &parts.questions,
            log_odds: &verdict.undone.log_odds(&parts.questions),
            calibrated: &decisions.calibrate(&parts.questions, &verdict.undone),
            cells: &verdict.rows.cells,
            decisions: &decisions,
            texts: Some(&as_strs(&texts)),
            ids: Some(&verdict.rows.ids),
            evaluation: &verdict.dev,
            tuning,
            epochs: &self.progress.epochs,
            baseline: verdict.baseline.as_ref(),
            warnings: &verdict.warnings,
        };
        write_report(path, &input)
    }

    /// What `multihot tune` takes to choose on the same rows again.
    fn tune_arguments(&self, job: &TrainJob<'_>) -> Vec<String> {
        let model = job.out.display().to_string();
        if self.plan.folds.is_some() {
            let scores = job.out.join(write::OUT_OF_FOLD_FILE);
            return vec![model, scores.display().to_string(), "--scores".into()];
        }
        // Rows that were split off stand in no table of their own.
        let dev = job.dev.map_or("HELD-OUT-ROWS", |dev| &dev.source);
        vec![model, dev.to_owned()]
    }

    fn out_of_patience(&self) -> bool {
        let since = self.progress.epochs.len() as u32 - self.progress.best_epoch();
        self.plan.patience.is_some_and(|patience| since >= patience)
    }
}

/// What a sum over answered questions is divided by: nothing is left to divide where none is.
fn divisor(known: f64) -> f64 {
    if known > 0.0 { known } else { 1.0 }
}

impl TrainPlan {
    /// The optimizer's settings at update `step`, from 1.
    fn step(&self, step: u64) -> StepPlan {
        // Transformers counts the updates already made.
        let factor = self
            .schedule
            .factor(step - 1, self.steps, self.warmup_steps) as f32;
        StepPlan {
            learning_rate: self.learning_rate * factor,
            head_learning_rate: self.head_learning_rate * factor,
            weight_decay: self.weight_decay,
            // The defaults of torch.optim.AdamW.
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            layer_decay: self.layer_decay,
            clip: self.clip,
            step,
        }
    }
}

/// The epoch with the best dev result, from 1; the first of several, `None` before the first ends.
pub(crate) fn best_epoch(epochs: &[EpochReport]) -> Option<u32> {
    let best = |best, next| if better(next, best) { next } else { best };
    Some(epochs.iter().reduce(best)?.epoch)
}

/// Whether `a` is a better dev result than `b`.
fn better(a: &EpochReport, b: &EpochReport) -> bool {
    let lower_loss = || match (a.dev_loss, b.dev_loss) {
        (Some(a), Some(b)) => a < b,
        _ => false,
    };
    match (a.dev_macro_average_precision, b.dev_macro_average_precision) {
        (Some(a), Some(b)) if a != b => a > b,
        // Without dev rows the last epoch is as good as any.
        (None, None) if a.dev_loss.is_none() && b.dev_loss.is_none() => true,
        _ => lower_loss(),
    }
}

/// One part of the rows: texts, and cells row by row, with what they are trained toward.
pub(crate) struct Part<'a> {
    texts: Vec<Text<'a>>,
    ids: Vec<&'a Value>,
    cells: Vec<Cell>,
    /// Chances of a yes, as [`Targets`] has them.
    shares: Option<Vec<f32>>,
    /// Weights of the rows, as [`Targets`] has them.
    weights: Option<Vec<f32>>,
    n_labels: usize,
}

impl<'a> Part<'a> {
    fn whole(table: &'a Table) -> Self {
        Self {
            texts: rows::texts(table, true),
            ids: table.rows.iter().map(|row| &row.id).collect(),
            cells: table.cells(),
            shares: table.targets(),
            weights: targets::weights(table),
            n_labels: table.labels.len(),
        }
    }

    fn select(&self, rows: &[usize]) -> Self {
        Self {
            texts: rows.iter().map(|&row| self.texts[row]).collect(),
            ids: rows.iter().map(|&row| self.ids[row]).collect(),
            cells: self.cells_of(rows),
            shares: self.shares_of(rows),
            weights: self.weights_of(rows),
            n_labels: self.n_labels,
        }
    }

    fn row(&self, row: usize) -> &[Cell] {
        &self.cells[row * self.n_labels..][..self.n_labels]
    }

    fn cells_of(&self, rows: &[usize]) -> Vec<Cell> {
        rows.iter()
            .flat_map(|&row| self.row(row).iter().copied())
            .collect()
    }
}
