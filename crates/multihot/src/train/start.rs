//! What stands before the first update: the parts of the rows, and the encoder with its head.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use multihot_checkpoint::{ModelFolder, Pooling};
use multihot_encoder::{Encoder, Freeze as EncoderFreeze, Purpose};
use multihot_table::{Cell, Table};

use super::{
    Distortion, Freeze, Observer, OptionsError, Part, PositiveWeights, TrainJob, TrainOptions,
    TrainPlan, folds, loss,
};
use crate::baseline::{BaselineReport, BaselineRows};
use crate::error::Error;
use crate::questions::{Place, Questions, Relations};
use crate::rows::{as_strs, wholes};
use crate::split::{Rows, hold_out_dev};
use crate::stored::{Answers, Stored};

/// Exponent of the weights of `auto`: between no weighting (0) and balanced classes (1).
const POSITIVE_WEIGHT_EXPONENT: f32 = 0.5;

/// The rows to learn from and the rows held out, with the labels in the network's order.
pub(crate) struct Parts<'a> {
    pub(super) train: Part<'a>,
    pub(super) dev: Part<'a>,
    pub(super) questions: Questions,
    /// What a person should know about the cells, a sentence each.
    pub(super) notes: Vec<String>,
}

impl<'a> Parts<'a> {
    /// Takes the dev rows from `job.dev`, or splits them off `job.table`. With folds there are
    /// none: all rows are learned from.
    pub(super) fn split(job: &TrainJob<'a>, folder: &ModelFolder) -> Result<Self, Error> {
        let (order, labels) = label_order(folder, &job.table.labels)?;
        let questions = questions(job, folder, &labels)?;
        job.options.check_loss(&questions)?;
        let mut notes = Vec::new();
        let mut settled = |table| Part::settled(table, &order, &questions, &mut notes);
        let whole = settled(job.table)?;
        if let Some(dev) = job.dev {
            let dev = settled(dev)?;
            return Ok(Self {
                train: whole,
                dev,
                questions,
                notes,
            });
        }
        if job.options.folds.is_some() {
            return Ok(Self {
                dev: whole.select(&[]),
                train: whole,
                questions,
                notes,
            });
        }
        let (groups, texts) = (job.groups(), wholes(&whole.texts));
        let texts = as_strs(&texts);
        let rows = Rows {
            texts: &texts,
            groups: &groups,
            cells: &whole.cells,
            n_labels: labels.len(),
        };
        let parts = hold_out_dev(&rows, job.options.seed);
        let (train, dev) = parts.map_err(|_| Error::TooFewRows {
            source_name: job.table.source.clone(),
            rows: texts.len(),
            distinct: texts.iter().collect::<HashSet<_>>().len(),
        })?;
        Ok(Self {
            train: whole.select(&train),
            dev: whole.select(&dev),
            questions,
            notes,
        })
    }

    /// Names of the labels, in the network's order.
    pub(super) fn labels(&self) -> &[String] {
        self.questions.labels()
    }

    /// What would make a figure undefined or a label unlearnable, a sentence each.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = vec![format!(
            "{} rows to learn from, {} held out",
            self.train.texts.len(),
            self.dev.texts.len()
        )];
        warnings.extend(self.notes.iter().cloned());
        let parts = [("train", &self.train), ("dev", &self.dev)];
        for (name, part) in parts.into_iter().filter(|(_, part)| !part.texts.is_empty()) {
            for (index, label) in self.labels().iter().enumerate() {
                let missing = match (part.count(index, Cell::Yes), part.count(index, Cell::No)) {
                    (0, 0) => "known",
                    (0, _) => "yes",
                    (_, 0) => "no",
                    _ => continue,
                };
                warnings.push(format!("label `{label}` is never {missing} in {name}"));
            }
        }
        if self.labels().len() == 1 {
            warnings.push("one label only: this is an ordinary yes/no question".into());
        }
        warnings
    }

    /// The weight of the yes side of each label's loss, where such weights are wanted.
    pub(super) fn positive_weights(
        &self,
        options: &TrainOptions,
    ) -> Result<Option<Vec<f32>>, Error> {
        match &options.positive_weights {
            None => Ok(None),
            Some(PositiveWeights::Auto { cap }) => {
                let (targets, n_labels) = (self.train.targets(), self.labels().len());
                let power = POSITIVE_WEIGHT_EXPONENT;
                let mut weights = loss::positive_weights_auto(targets, n_labels, *cap, power);
                for (label, weight) in weights.iter_mut().enumerate() {
                    // In a group the yes of one label is the no of the others.
                    if self.questions.is_exclusive(label) {
                        *weight = 1.0;
                    }
                }
                Ok(Some(weights))
            }
            Some(PositiveWeights::ByLabel(weights)) => {
                for (label, &weight) in weights {
                    if !self.labels().contains(label) || !weight.is_finite() || weight <= 0.0 {
                        let known = self.labels().to_vec();
                        return Err(Error::PositiveWeight {
                            label: label.clone(),
                            weight,
                            known,
                        });
                    }
                }
                let weight = |label| weights.get(label).copied().unwrap_or(1.0);
                Ok(Some(self.labels().iter().map(weight).collect()))
            }
        }
    }
}

impl<'a> Part<'a> {
    /// The rows of `table` with their labels in this order, and what follows from their cells.
    fn settled(
        table: &'a Table,
        order: &[usize],
        questions: &Questions,
        notes: &mut Vec<String>,
    ) -> Result<Self, Error> {
        let mut part = Self::whole(table).with_labels(order);
        let before = part.shares.is_some().then(|| part.cells.clone());
        let place = |row: usize| Place::from(&table.rows[row]);
        let settled = questions.settle(&mut part.cells, &table.source, place)?;
        notes.extend(settled.notes(&table.source));
        if let Some(before) = before {
            part.settle_shares(&before, questions)?;
        }
        Ok(part)
    }
}

impl Part<'_> {
    /// Gives cells that were unknown `before` and follow from others their chances, 0 or 1.
    ///
    /// # Errors
    ///
    /// When a label of an exclusive group has a chance in between.
    fn settle_shares(&mut self, before: &[Cell], questions: &Questions) -> Result<(), Error> {
        let n_labels = self.n_labels;
        let shares = self.shares.iter_mut().flatten();
        for (i, (share, cell)) in shares.zip(&self.cells).enumerate() {
            if before[i] == Cell::Unknown {
                *share = f32::from(u8::from(*cell == Cell::Yes));
            }
            let is_between = *cell != Cell::Unknown && *share > 0.0 && *share < 1.0;
            if is_between && questions.is_exclusive(i % n_labels) {
                return Err(Error::Options(OptionsError {
                    option: "--exclusive",
                    found: format!(
                        "said of `{}`, which holds chances such as {share}",
                        questions.labels()[i % n_labels]
                    ),
                    expected: "labels whose cells say yes, no or nothing".into(),
                }));
            }
        }
        Ok(())
    }

    /// The same rows with their cells in another order of labels.
    fn with_labels(mut self, order: &[usize]) -> Self {
        let rows = 0..self.texts.len();
        let n_labels = self.n_labels;
        let places = rows.flat_map(|row| order.iter().map(move |&label| row * n_labels + label));
        self.cells = places.clone().map(|place| self.cells[place]).collect();
        if let Some(shares) = &mut self.shares {
            *shares = places.map(|place| shares[place]).collect();
        }
        self
    }

    fn count(&self, label: usize, wanted: Cell) -> usize {
        let column = self.cells.iter().skip(label).step_by(self.n_labels);
        column.filter(|cell| **cell == wanted).count()
    }
}

/// The order of labels that `folder`'s head has, where it has just these labels; else the table's.
fn label_order(
    folder: &ModelFolder,
    labels: &[String],
) -> Result<(Vec<usize>, Vec<String>), Error> {
    let own = own_labels(folder)?.unwrap_or_default();
    let place = |label: &String| labels.iter().position(|other| other == label);
    let order: Option<Vec<usize>> = own.iter().map(place).collect();
    Ok(match order {
        Some(order) if order.len() == labels.len() => (order, own),
        _ => ((0..labels.len()).collect(), labels.to_vec()),
    })
}

/// The questions of a training: as the options say, or where these say nothing as those of a model
/// with the same labels whose training goes on.
fn questions(
    job: &TrainJob<'_>,
    folder: &ModelFolder,
    labels: &[String],
) -> Result<Questions, Error> {
    let relations = &job.options.relations;
    let own = own_relations(folder, labels)?;
    let relations = own.filter(|_| relations.is_empty());
    Ok(Questions::new(
        labels,
        &relations.unwrap_or_else(|| job.options.relations.clone()),
    )?)
}

/// The relations that a head in `folder` was trained for, if it answers these labels.
fn own_relations(folder: &ModelFolder, labels: &[String]) -> Result<Option<Relations>, Error> {
    if own_labels(folder)?.as_deref() != Some(labels) {
        return Ok(None);
    }
    let answers = Answers::of(folder).ok();
    Ok(answers.map(|answers| answers.questions.relations()))
}

/// The labels that the head in `folder` was trained for.
fn own_labels(folder: &ModelFolder) -> Result<Option<Vec<String>>, Error> {
    if let Some(stored) = Stored::read(folder)? {
        return Ok(Some(stored.labels));
    }
    let config = folder.config();
    Ok(config
        .label_names
        .clone()
        .filter(|_| config.is_classifier()))
}

/// A linear model of the rows, on those that decisions were worked out on: the dev rows, or with
/// folds all rows, each scored by a model of the other folds.
pub(super) fn baseline(job: &TrainJob<'_>, parts: &Parts<'_>) -> Result<BaselineReport, Error> {
    let (questions, pool) = (&parts.questions, job.cpu.pool());
    let options = job.options.tune_options();
    if let Some(folds) = job.options.folds {
        let started = Instant::now();
        let (logits, features) = folds::baseline(job, parts, folds)?;
        let seconds = started.elapsed().as_secs_f64();
        let rows = (&logits, parts.train.cells.as_slice());
        let report = BaselineReport::of_logits(questions, rows, rows, &options, pool)?;
        return Ok(BaselineReport {
            features,
            seconds,
            ..report
        });
    }
    let texts = [&parts.train, &parts.dev].map(|part| wholes(&part.texts));
    let [train_texts, dev_texts] = texts.each_ref().map(|texts| as_strs(texts));
    let train = BaselineRows {
        texts: &train_texts,
        cells: &parts.train.cells,
    };
    let dev = BaselineRows {
        texts: &dev_texts,
        cells: &parts.dev.cells,
    };
    Ok(BaselineReport::new(
        questions,
        [train, dev, dev],
        &options,
        pool,
    )?)
}

/// Loads the encoder; a fresh head starts at the base rates of the training rows.
pub(super) fn encoder(
    job: &TrainJob<'_>,
    folder: &ModelFolder,
    plan: &TrainPlan,
    parts: &Parts<'_>,
    distortion: &Distortion,
    observer: &mut dyn Observer,
) -> Result<Encoder, Error> {
    let n_labels = parts.labels().len();
    let cpu = Arc::clone(&job.cpu);
    let (mut encoder, report) = Encoder::load(
        folder,
        n_labels,
        plan.pooling,
        plan.seed,
        cpu,
        Purpose {
            precision: plan.precision,
            trains: true,
        },
    )?;
    encoder.recompute(job.options.recompute);
    report.notes.iter().for_each(|note| observer.note(note));
    if report.kept_head && own_labels(folder)?.as_deref() == Some(parts.labels()) {
        if own_relations(folder, parts.labels())? != Some(parts.questions.relations()) {
            observer.note(
                "the exclusive groups or implications differ from those it was trained with, so \
                 its logits have to move",
            );
        }
        continue_head(folder, plan, &mut encoder, observer)?;
    } else {
        if report.kept_head {
            encoder.restart_output(plan.seed);
            observer
                .note("the folder's head answers other labels, so the output layer starts afresh");
        }
        let shifts = plan.shifts(n_labels);
        let (targets, questions) = (parts.train.targets(), &parts.questions);
        let bias = loss::base_rate_bias(targets, questions, distortion, &shifts);
        encoder.set_output_bias(&bias);
    }
    if !report.fresh.is_empty() {
        observer.note(&format!("started afresh: {}", report.fresh.join(", ")));
    }
    if plan.pooling == Pooling::Cls && folder.pooling_hint().as_deref() == Some("mean") {
        observer.note("this encoder was trained with mean pooling: `--pooling mean` may do better");
    }
    encoder.freeze(match plan.freeze {
        Freeze::None => EncoderFreeze::None,
        Freeze::Embeddings => EncoderFreeze::Embeddings,
        Freeze::Layers(n) => EncoderFreeze::Layers(n),
        Freeze::Encoder => EncoderFreeze::Encoder,
    });
    Ok(encoder)
}

/// Takes up a trained head where it stopped: the shift of the loss's weights, which saving
/// took off the output bias, comes back.
fn continue_head(
    folder: &ModelFolder,
    plan: &TrainPlan,
    encoder: &mut Encoder,
    observer: &mut dyn Observer,
) -> Result<(), Error> {
    observer.note("the folder's head answers the same labels, so its training goes on");
    if let Some(trained) = Stored::read(folder)?.map(|stored| stored.plan) {
        if (trained.reading.windows, trained.reading.truncation)
            != (plan.reading.windows, plan.reading.truncation)
        {
            observer.note(&format!(
                "it was trained to read {}, and goes on with {}",
                trained.reading, plan.reading
            ));
        }
        if trained.log_weights(encoder.n_labels()) != plan.log_weights(encoder.n_labels()) {
            observer.note("the weights of the yes side differ from those it was trained with");
        }
        if (trained.loss, trained.label_smoothing) != (plan.loss, plan.label_smoothing) {
            observer.note(
                "the loss differs from the one it was trained with, so its logits have to move",
            );
        }
    }
    let shifts = plan.shifts(encoder.n_labels());
    // The saved bias answers for unweighted log-odds, so what comes on top are this plan's
    // shifts: the saved ones where the weights are the same.
    let bias = encoder
        .output_bias()
        .iter()
        .zip(&shifts)
        .map(|(bias, shift)| bias + shift);
    let bias: Vec<f32> = bias.collect();
    encoder.set_output_bias(&bias);
    Ok(())
}
