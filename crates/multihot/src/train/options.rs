//! What a person may choose about a training, and the same choices worked out for one table.

use multihot_checkpoint::Pooling;
use multihot_table::Cell;
use multihot_tokenizer::Truncation;
use serde::{Deserialize, Serialize};

use super::batches::{self, BatchSize};
use super::loss::{Criterion, Distortion, Loss, known_cells, settled_rows};
use super::schedule::Schedule;
use crate::decisions::TuneOptions;
use crate::precision::{Precision, PrecisionName, TrainPrecision};
use crate::questions::{Questions, Relations};
use crate::windows::{Reading, SHORTEST_ROW, WindowPooling, Windows};

/// Share of the steps over which the learning rate rises from zero.
const WARMUP_SHARE: f32 = 0.06;
/// How much faster a head learns than the encoder below it.
///
/// At equal rates the head of a small encoder has hardly moved when the encoder
/// has: macro average precision 0.23 against 0.48 on GoEmotions.
const HEAD_RATE_FACTOR: f32 = 10.0;

/// Most tokens that go through the encoder at once where texts have several windows: half of what 32
/// full rows of 512 take, and more than a pass needs to be efficient.
const PORTION_TOKENS: usize = 8192;

/// As many models are a slip of the finger.
const MOST_FOLDS: usize = 100;

/// Which part of the encoder keeps its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Freeze {
    /// Everything learns.
    #[default]
    None,
    /// The embeddings keep their values.
    Embeddings,
    /// The embeddings and this many layers from the bottom keep their values.
    Layers(usize),
    /// Only the head learns.
    Encoder,
}

/// Largest weight of the yes side that [`PositiveWeights::Auto`] gives where nobody says otherwise.
pub const POSITIVE_WEIGHT_CAP: f32 = 20.0;

/// Weights of the yes side of the loss, which make up for rare labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PositiveWeights {
    /// `min(cap, sqrt(no / yes))` per label, counted on the training rows.
    Auto {
        /// The largest weight.
        cap: f32,
    },
    /// These weights, by label name; a label that is not named has weight 1.
    ByLabel(std::collections::BTreeMap<String, f32>),
}

/// How a long text becomes windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowOptions {
    /// Tokens from the start of one window to that of the next. Default: three quarters of a window.
    pub stride: Option<usize>,
    /// How the logits of the windows become those of the text.
    pub pooling: WindowPooling,
}

/// What a user may choose, on the command line or in code.
///
/// `None` stands for a default that depends on the encoder or on another option.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainOptions {
    /// Passes over the training rows.
    pub epochs: u32,
    /// Highest learning rate of the encoder. Default by width: 2e-4 up to 384, 1e-4 up to 512, 5e-5 above.
    pub learning_rate: Option<f32>,
    /// Highest learning rate of the head. Default: ten times the encoder's.
    pub head_learning_rate: Option<f32>,
    /// Rows or tokens of one batch.
    pub batch: BatchSize,
    /// Batches whose gradients are added up before each update.
    pub accumulation: usize,
    /// Longest row in tokens, special ones included; with windows the size of one. Default: what the
    /// encoder can read.
    pub max_length: Option<usize>,
    /// What of a longer text is lost, without windows.
    pub truncation: Truncation,
    /// Make windows of a longer text, so that nothing is lost.
    pub windows: Option<WindowOptions>,
    /// Number type that matrices are multiplied in.
    pub precision: TrainPrecision,
    /// Keep the input of each layer only and pass through it again on the way back: less memory,
    /// more time, the same bits.
    pub recompute: bool,
    /// Start of every random choice.
    pub seed: u64,
    /// Weight decay of everything except biases and LayerNorm.
    pub weight_decay: f32,
    /// Share of the steps over which the learning rate rises.
    pub warmup_share: f32,
    /// Course of the learning rate after that.
    pub schedule: Schedule,
    /// Largest norm of the whole gradient; `None` leaves it as it is.
    pub clip: Option<f32>,
    /// Factor of the learning rate from each layer to the one below it.
    pub layer_decay: f32,
    /// Part of the encoder that keeps its values.
    pub freeze: Freeze,
    /// Epochs without a better dev figure after which training ends.
    pub patience: Option<u32>,
    /// What a cell costs.
    pub loss: Loss,
    /// How far each answer is moved toward even odds in training: with `a`, a yes is taken for
    /// `1 - a/2` and a no for `a/2`.
    pub label_smoothing: f32,
    /// Weights of the yes side of the loss.
    pub positive_weights: Option<PositiveWeights>,
    /// Which labels exclude or imply each other. Nothing said: as a model whose training goes on.
    pub relations: Relations,
    /// How a row's tokens become one vector. Default: as a model whose training goes on, else `Cls`.
    pub pooling: Option<Pooling>,
    /// How calibrations and thresholds are chosen on the dev rows.
    pub decisions: TuneOptions,
    /// Hold nothing out, and train a model for each of so many folds besides, to say which epoch is
    /// best and to score each row by a model that was not trained on it.
    pub folds: Option<usize>,
    /// Fit a linear model to the same rows, and compare.
    pub baseline: bool,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            epochs: 3,
            learning_rate: None,
            head_learning_rate: None,
            batch: BatchSize::Rows(32),
            accumulation: 1,
            max_length: None,
            truncation: Truncation::Right,
            windows: None,
            precision: TrainPrecision::Auto,
            recompute: false,
            seed: 0,
            weight_decay: 0.01,
            warmup_share: WARMUP_SHARE,
            schedule: Schedule::Linear,
            clip: Some(1.0),
            layer_decay: 1.0,
            freeze: Freeze::None,
            patience: None,
            loss: Loss::Bce,
            label_smoothing: 0.0,
            positive_weights: None,
            relations: Relations::default(),
            pooling: None,
            decisions: TuneOptions::default(),
            folds: None,
            baseline: true,
        }
    }
}

/// An option whose value cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{option}` is {found}; expected {expected}")]
#[non_exhaustive]
pub struct OptionsError {
    /// The option, as the command line writes it.
    pub option: &'static str,
    /// What it was set to.
    pub found: String,
    /// What it may be.
    pub expected: String,
}

/// What a plan depends on besides the options.
pub struct PlanFacts<'a> {
    /// Width of the encoder.
    pub hidden_size: usize,
    /// Layers of the encoder.
    pub n_layers: usize,
    /// How texts become rows, from [`TrainOptions::reading`].
    pub reading: Reading,
    /// What [`TrainPrecision::Auto`] comes to: the number type of the checkpoint that is gone on
    /// from, else what suits the machine.
    pub auto_precision: Precision,
    /// Tokens of each training text, after truncation, in all its windows.
    pub lengths: &'a [usize],
    /// How the model whose training goes on makes one vector of a row's tokens.
    pub pooling: Option<Pooling>,
    /// The weight of the yes side of each label's loss, where there are such weights.
    pub positive_weights: Option<Vec<f32>>,
}

/// The options, checked and worked out for one table: nothing left to validate.
///
/// It is saved with the model; a resumed training must have the same one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainPlan {
    /// Passes over the training rows.
    pub epochs: u32,
    /// Updates of the parameters, all epochs together.
    pub steps: u64,
    /// Updates over which the learning rate rises.
    pub warmup_steps: u64,
    /// Course of the learning rate after that.
    pub schedule: Schedule,
    /// Highest learning rate of the encoder.
    pub learning_rate: f32,
    /// Highest learning rate of the head.
    pub head_learning_rate: f32,
    /// Rows or tokens of one batch.
    pub batch: BatchSize,
    /// Batches an update.
    pub accumulation: usize,
    /// How texts become rows.
    #[serde(flatten)]
    pub reading: Reading,
    /// Number type that matrices are multiplied in.
    #[serde(with = "PrecisionName")]
    pub precision: Precision,
    /// Start of every random choice.
    pub seed: u64,
    /// Weight decay of everything except biases and LayerNorm.
    pub weight_decay: f32,
    /// Largest norm of the whole gradient.
    pub clip: Option<f32>,
    /// Factor of the learning rate from each layer to the one below it.
    pub layer_decay: f32,
    /// Part of the encoder that keeps its values.
    pub freeze: Freeze,
    /// Epochs without a better dev figure after which training ends.
    pub patience: Option<u32>,
    /// What a cell costs. A plan from before there was a choice has cross-entropy.
    #[serde(default)]
    pub loss: Loss,
    /// How far each answer is moved toward even odds.
    #[serde(default)]
    pub label_smoothing: f32,
    /// Weight of the yes side of each label's loss.
    pub positive_weights: Option<Vec<f32>>,
    /// Folds that models were trained for besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// How a row's tokens become one vector.
    pub pooling: Pooling,
}

impl TrainOptions {
    /// How texts become rows for an encoder that can read `usable_length` tokens.
    ///
    /// # Errors
    ///
    /// When `max_length` is below 3 (two special tokens and one of the text) or above `usable_length`,
    /// or the stride of windows is not from 1 to their size.
    pub fn reading(&self, usable_length: usize) -> Result<Reading, OptionsError> {
        let max_length = self.max_length.unwrap_or(usable_length);
        if !(SHORTEST_ROW..=usable_length).contains(&max_length) {
            return Err(OptionsError {
                option: match self.windows {
                    Some(_) => "--windows",
                    None => "--max-length",
                },
                found: max_length.to_string(),
                expected: format!(
                    "{SHORTEST_ROW} to {usable_length}, the longest row that this encoder reads"
                ),
            });
        }
        let windows = self.windows.map(|options| options.windows(max_length));
        Ok(Reading {
            max_length,
            truncation: self.truncation,
            windows: windows.transpose()?,
        })
    }

    /// Checks the options that no table is needed for.
    ///
    /// # Errors
    ///
    /// The first option with a value that cannot be used.
    pub fn check(&self) -> Result<(), OptionsError> {
        let batch = match self.batch {
            BatchSize::Rows(rows) => rows,
            BatchSize::Tokens(tokens) => tokens,
        };
        at_least_one("--epochs", self.epochs as usize)?;
        at_least_one("the batch size", batch)?;
        at_least_one("--accumulation", self.accumulation)?;
        at_least_one("--patience", self.patience.unwrap_or(1) as usize)?;
        self.check_folds()?;
        self.check_windows()?;
        within(
            "--learning-rate",
            self.learning_rate.unwrap_or(0.0),
            0.0..=1.0,
        )?;
        within(
            "--head-learning-rate",
            self.head_learning_rate.unwrap_or(0.0),
            0.0..=1.0,
        )?;
        within("--weight-decay", self.weight_decay, 0.0..=1.0)?;
        within("--warmup-share", self.warmup_share, 0.0..=1.0)?;
        within("--layer-decay", self.layer_decay, 0.01..=1.0)?;
        within("--clip", self.clip.unwrap_or(1.0), 1e-6..=1e6)?;
        self.loss.check()?;
        within("--label-smoothing", self.label_smoothing, 0.0..=0.5)?;
        match self.positive_weights {
            Some(PositiveWeights::Auto { cap }) => within("--pos-weight-cap", cap, 1.0..=1e6),
            _ => Ok(()),
        }
    }

    /// Checks the loss against the `questions` that it is for.
    ///
    /// # Errors
    ///
    /// When there is an exclusive group and the loss, or a weight, has no meaning for it.
    pub(super) fn check_loss(&self, questions: &Questions) -> Result<(), OptionsError> {
        let Some(group) = questions.exclusive().first() else {
            return Ok(());
        };
        if self.loss != Loss::Bce {
            return Err(OptionsError {
                option: "--loss",
                found: format!("{} beside the exclusive group `{}`", self.loss, group.name),
                expected: "`bce`, the only loss with a meaning for a group (cross-entropy of its \
                           softmax); `--label-smoothing` goes with it, and `--pos-weight` for \
                           labels in no group"
                    .into(),
            });
        }
        let Some(PositiveWeights::ByLabel(weights)) = &self.positive_weights else {
            return Ok(());
        };
        let label_of = |(label, name): (usize, &String)| {
            let weight = weights.get(name).filter(|weight| **weight != 1.0)?;
            Some((name.clone(), *weight, questions.group_of(label)?))
        };
        match questions.labels().iter().enumerate().find_map(label_of) {
            None => Ok(()),
            Some((name, weight, group)) => Err(OptionsError {
                option: "--pos-weight",
                found: format!(
                    "{weight} for `{name}` of the exclusive group `{}`",
                    group.name
                ),
                expected: "weights for labels in no group".into(),
            }),
        }
    }

    /// How decisions are chosen, from the seed of the training.
    pub(super) fn tune_options(&self) -> TuneOptions {
        TuneOptions {
            seed: self.seed,
            ..self.decisions.clone()
        }
    }

    fn check_windows(&self) -> Result<(), OptionsError> {
        if self.windows.is_none() || self.truncation == Truncation::Right {
            return Ok(());
        }
        Err(OptionsError {
            option: "--truncate",
            found: "given beside `--windows`".into(),
            expected: "one of the two: windows leave nothing out".into(),
        })
    }

    fn check_folds(&self) -> Result<(), OptionsError> {
        let Some(folds) = self.folds else {
            return Ok(());
        };
        if !(2..=MOST_FOLDS).contains(&folds) {
            return Err(OptionsError {
                option: "--folds",
                found: folds.to_string(),
                expected: format!("2 to {MOST_FOLDS}"),
            });
        }
        if self.patience.is_some() {
            return Err(OptionsError {
                option: "--folds",
                found: format!("{folds} beside `--patience`"),
                expected:
                    "one of the two: the models of all folds say together which epoch is best"
                        .into(),
            });
        }
        Ok(())
    }

    /// Lays the options out for one encoder and one table.
    ///
    /// # Errors
    ///
    /// The first option with a value that cannot be used.
    pub fn plan(&self, facts: PlanFacts<'_>) -> Result<TrainPlan, OptionsError> {
        self.check()?;
        if let Freeze::Layers(n) = self.freeze
            && n > facts.n_layers
        {
            return Err(OptionsError {
                option: "--freeze",
                found: format!("{n} layers"),
                expected: format!("at most the {} layers of this encoder", facts.n_layers),
            });
        }
        let learning_rate = self
            .learning_rate
            .unwrap_or_else(|| default_rate(facts.hidden_size));
        let steps = self.steps(facts.lengths);
        Ok(TrainPlan {
            epochs: self.epochs,
            steps,
            warmup_steps: (steps as f64 * f64::from(self.warmup_share)).ceil() as u64,
            schedule: self.schedule,
            learning_rate,
            head_learning_rate: self
                .head_learning_rate
                .unwrap_or(learning_rate * HEAD_RATE_FACTOR),
            batch: self.batch,
            accumulation: self.accumulation,
            reading: facts.reading,
            precision: self.precision.resolve(facts.auto_precision),
            seed: self.seed,
            weight_decay: self.weight_decay,
            clip: self.clip,
            layer_decay: self.layer_decay,
            freeze: self.freeze,
            patience: self.patience,
            loss: self.loss,
            label_smoothing: self.label_smoothing,
            positive_weights: facts.positive_weights,
            folds: self.folds,
            pooling: self.pooling.or(facts.pooling).unwrap_or(Pooling::Cls),
        })
    }

    /// Updates over all epochs. With a token budget their number differs between epochs.
    fn steps(&self, lengths: &[usize]) -> u64 {
        (0..self.epochs)
            .map(|epoch| batches::batches(lengths, self.batch, self.seed, epoch).len())
            .map(|batches| batches.div_ceil(self.accumulation) as u64)
            .sum()
    }
}

impl WindowOptions {
    /// The same for windows of `size` tokens.
    fn windows(self, size: usize) -> Result<Windows, OptionsError> {
        let stride = self.stride.unwrap_or(size * 3 / 4);
        if !(1..=size).contains(&stride) {
            return Err(OptionsError {
                option: "--windows",
                found: format!("{size}:{stride}"),
                expected: format!("a stride from 1 to {size}, the size of a window"),
            });
        }
        Ok(Windows {
            stride,
            pooling: self.pooling,
        })
    }
}

impl TrainPlan {
    /// Most tokens that go through the encoder at once where texts have several windows.
    pub(super) fn portion_tokens(&self) -> usize {
        match self.batch {
            BatchSize::Rows(_) => PORTION_TOKENS,
            BatchSize::Tokens(tokens) => tokens,
        }
    }

    /// The loss of each update, of these `questions`.
    pub(crate) fn criterion<'a>(&'a self, questions: &'a Questions) -> Criterion<'a> {
        Criterion {
            loss: self.loss,
            label_smoothing: self.label_smoothing,
            positive_weights: self.positive_weights.as_deref(),
            questions: Some(questions),
        }
    }

    /// How far the weights of the loss push the log-odds of each label up in the same way for all
    /// texts: `ln w` with cross-entropy, 0 with a loss that bends them.
    pub(super) fn shifts(&self, n_labels: usize) -> Vec<f32> {
        match self.loss {
            Loss::Bce => self.log_weights(n_labels),
            _ => vec![0.0; n_labels],
        }
    }

    /// What the loss does to the chances of a network whose output bias is rid of the shifts, for
    /// a training on `cells`.
    pub(super) fn distortion(&self, cells: &[Cell], questions: &Questions) -> Distortion {
        let n_labels = questions.labels().len();
        let log_weights = self.log_weights(n_labels).into_iter();
        let left = log_weights.zip(self.shifts(n_labels));
        let left: Vec<f32> = left.map(|(weight, shift)| weight - shift).collect();
        let known = known_cells(cells, n_labels);
        let settled = settled_rows(cells, questions);
        Distortion::new(self.loss, self.label_smoothing, &left, &known, settled)
    }

    /// `ln w` of each label.
    pub(super) fn log_weights(&self, n_labels: usize) -> Vec<f32> {
        match &self.positive_weights {
            Some(weights) => weights.iter().map(|weight| weight.ln()).collect(),
            None => vec![0.0; n_labels],
        }
    }
}

/// Learning rate that suits an encoder of this width.
fn default_rate(hidden_size: usize) -> f32 {
    match hidden_size {
        ..=384 => 2e-4,
        385..=512 => 1e-4,
        _ => 5e-5,
    }
}

fn at_least_one(option: &'static str, value: usize) -> Result<(), OptionsError> {
    if value > 0 {
        return Ok(());
    }
    Err(OptionsError {
        option,
        found: "0".into(),
        expected: "at least 1".into(),
    })
}

pub(super) fn within(
    option: &'static str,
    value: f32,
    range: std::ops::RangeInclusive<f32>,
) -> Result<(), OptionsError> {
    // A NaN is in no range.
    if range.contains(&value) {
        return Ok(());
    }
    Err(OptionsError {
        option,
        found: value.to_string(),
        expected: format!("{} to {}", range.start(), range.end()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(lengths: &[usize]) -> PlanFacts<'_> {
        PlanFacts {
            hidden_size: 384,
            n_layers: 6,
            reading: Reading::cut(512),
            auto_precision: Precision::F32,
            lengths,
            pooling: None,
            positive_weights: None,
        }
    }

    #[test]
    fn the_last_batch_and_the_last_update_may_be_short() {
        let options = TrainOptions {
            epochs: 3,
            accumulation: 2,
            ..TrainOptions::default()
        };
        // 65 rows are three batches of 32, 32 and 1, and two updates an epoch.
        assert_eq!(options.plan(facts(&[10; 65])).unwrap().steps, 6);
    }

    #[test]
    fn the_default_rate_goes_by_width() {
        for (width, expected) in [(60, 2e-4), (384, 2e-4), (512, 1e-4), (768, 5e-5)] {
            let plan = TrainOptions::default()
                .plan(PlanFacts {
                    hidden_size: width,
                    ..facts(&[10; 8])
                })
                .unwrap();
            assert_eq!(plan.learning_rate, expected, "width {width}");
            assert_eq!(plan.head_learning_rate, expected * 10.0, "width {width}");
        }
    }

    #[test]
    fn the_plan_has_a_number_type_and_no_auto() {
        use Precision::{Bf16, F32};
        let cases = [
            (TrainPrecision::Auto, F32, F32),
            (TrainPrecision::Auto, Bf16, Bf16),
            (TrainPrecision::F32, Bf16, F32),
            (TrainPrecision::Bf16, F32, Bf16),
        ];
        for (precision, auto_precision, expected) in cases {
            let options = TrainOptions {
                precision,
                ..TrainOptions::default()
            };
            let plan = options.plan(PlanFacts {
                auto_precision,
                ..facts(&[10; 8])
            });
            assert_eq!(plan.unwrap().precision, expected, "{precision:?}");
        }
    }

    #[test]
    fn an_option_out_of_range_is_named() {
        let cases = [
            (
                TrainOptions {
                    epochs: 0,
                    ..Default::default()
                },
                "--epochs",
            ),
            (
                TrainOptions {
                    batch: BatchSize::Tokens(0),
                    ..Default::default()
                },
                "the batch size",
            ),
            (
                TrainOptions {
                    learning_rate: Some(f32::NAN),
                    ..Default::default()
                },
                "--learning-rate",
            ),
            (
                TrainOptions {
                    warmup_share: 1.5,
                    ..Default::default()
                },
                "--warmup-share",
            ),
            (
                TrainOptions {
                    freeze: Freeze::Layers(7),
                    ..Default::default()
                },
                "--freeze",
            ),
        ];
        for (options, named) in cases {
            assert_eq!(options.plan(facts(&[10; 8])).unwrap_err().option, named);
        }
    }

    #[test]
    fn the_longest_row_stays_within_what_the_encoder_reads() {
        let with = |max_length| TrainOptions {
            max_length,
            ..Default::default()
        };
        assert_eq!(with(None).reading(512), Ok(Reading::cut(512)));
        assert_eq!(with(Some(64)).reading(512), Ok(Reading::cut(64)));
        assert!(with(Some(513)).reading(512).is_err());
        assert!(with(Some(2)).reading(512).is_err());
    }

    #[test]
    fn windows_have_a_stride_within_their_size_and_cut_nothing() {
        let with = |max_length, stride| TrainOptions {
            max_length,
            windows: Some(WindowOptions {
                stride,
                ..Default::default()
            }),
            ..Default::default()
        };
        let cases = [
            (None, None, Ok(384)),
            (Some(256), None, Ok(192)),
            (Some(256), Some(1), Ok(1)),
            (Some(3), None, Ok(2)),
            (Some(256), Some(256), Ok(256)),
            (Some(256), Some(257), Err("--windows")),
            (Some(256), Some(0), Err("--windows")),
            (Some(513), None, Err("--windows")),
        ];
        for (size, stride, expected) in cases {
            let reading = with(size, stride).reading(512);
            let found = reading.map(|reading| reading.windows.unwrap().stride);
            let found = found.map_err(|error| error.option);
            assert_eq!(found, expected, "{size:?}:{stride:?}");
        }
        let both = TrainOptions {
            truncation: Truncation::Left,
            ..with(None, None)
        };
        assert_eq!(both.check().unwrap_err().option, "--truncate");
    }
}
