//! A trained model, ready to answer.

use std::borrow::Cow;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use multihot_checkpoint::{Family, ModelFolder, Pooling};
use multihot_encoder::{Encoder, Purpose};
use multihot_kernels::Cpu;
use multihot_table::{Cell, LabelReading, ReadOptions, Table, TextWindows};
use multihot_tokenizer::{FolderFacts, Text, Tokenizer};

use crate::baseline::{BaselineReport, BaselineRows};
use crate::decisions::{Decisions, TuneOptions, Tuning, tune};
use crate::error::Error;
use crate::metrics::{Bootstrap, Evaluation, Judged, evaluate_with};
use crate::precision::{Precision, PredictPrecision, precision_note};
use crate::questions::{Place, Questions};
use crate::rows::{self, TokenRows, as_strs, wholes};
use crate::scores::{LogOdds, Logits, Probabilities};
use crate::speed::Scoring;
use crate::split::{Rows, hold_out_dev};
use crate::stored::{self, Answers};
use crate::train::Distortion;
use crate::windows::{Reading, deciding};

/// A probability from here on is a yes, where a label has no threshold of its own.
pub const THRESHOLD: f32 = 0.5;

/// An encoder with a trained head, its tokenizer and the names of its labels.
pub struct Classifier {
    encoder: Encoder,
    tokenizer: Tokenizer,
    questions: Questions,
    text_columns: Vec<String>,
    text_joiner: Option<String>,
    pair_column: Option<String>,
    reads_pairs: bool,
    label_reading: Option<LabelReading>,
    reading: Reading,
    decisions: Decisions,
    distortion: Distortion,
    notes: Vec<String>,
    assumptions: Vec<String>,
}

/// How a model is loaded; the default suits a folder that names its family.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadOptions {
    /// Stands in for a `model_type` that config.json lacks.
    pub family: Option<Family>,
    /// The number type to answer in.
    pub precision: PredictPrecision,
}

/// What the model says about some texts, one row a text.
pub struct Scores {
    /// The network's raw outputs.
    pub logits: Logits,
    /// The log-odds that follow from them: calibrated, rid of what the loss of the training did,
    /// and in agreement with exclusive groups and implications.
    pub calibrated: LogOdds,
    /// The chances that go with these, which decisions are made of.
    pub probabilities: Probabilities,
    /// Texts that were cut to the longest length the model reads.
    pub truncated: usize,
    /// For each text its windows and which of them decided; empty for a model without windows.
    pub windows: Vec<TextWindows>,
    /// How long that took.
    pub scoring: Scoring,
}

impl Classifier {
    /// Reads a folder that multihot or Transformers wrote.
    ///
    /// # Errors
    ///
    /// When a file is missing or damaged, when the folder holds an encoder without a
    /// trained head, or when it does not say whether its answers exclude each other.
    pub fn load(path: &Path, options: LoadOptions, cpu: Arc<Cpu>) -> Result<Self, Error> {
        let folder = ModelFolder::open(path, options.family)?;
        let answers = Answers::of(&folder)?;
        let purpose = Purpose {
            precision: options.precision.resolve(cpu.isa()),
            trains: false,
        };
        let isa = cpu.isa();
        // Each takes about half of the time that a program needs to its first answer.
        let (tokenizer, encoder) = std::thread::scope(|scope| {
            let tokenizer = scope.spawn(|| tokenizer(&folder));
            let n_labels = answers.questions.labels().len();
            let encoder = Encoder::load(&folder, n_labels, answers.pooling, 0, cpu, purpose);
            let tokenizer = tokenizer.join();
            (
                tokenizer.unwrap_or_else(|panic| resume_unwind(panic)),
                encoder,
            )
        });
        let (tokenizer, (encoder, report)) = (tokenizer?, encoder?);
        if !report.kept_head {
            return Err(Error::NotAClassifier(path.to_owned()));
        }
        let mut notes = folder.notes();
        notes.extend(tokenizer.notes().iter().cloned());
        notes.extend(answers.notes.iter().cloned());
        notes.extend(precision_note(purpose.precision, isa));
        Ok(Self {
            encoder,
            tokenizer,
            decisions: answers
                .decisions
                .unwrap_or_else(|| Decisions::fixed(&answers.questions, THRESHOLD)),
            questions: answers.questions,
            text_columns: answers.text_columns,
            text_joiner: answers.text_joiner,
            reads_pairs: answers.pair_column.is_some(),
            pair_column: answers.pair_column,
            label_reading: answers.label_reading,
            reading: answers.reading,
            distortion: answers.distortion,
            notes,
            assumptions: answers.notes,
        })
    }

    /// Names of the labels, in the order of every row of scores.
    pub fn labels(&self) -> &[String] {
        self.questions.labels()
    }

    /// The labels with what they have to do with each other.
    pub fn questions(&self) -> &Questions {
        &self.questions
    }

    /// The columns that held the texts in training, in the order they were joined; none where they
    /// are not known.
    pub fn text_columns(&self) -> &[String] {
        &self.text_columns
    }

    /// `options` for a table of this model: its columns of texts unless others are given, and its
    /// labels in its order, which are looked for as they were written in training where the table
    /// has no column for each.
    pub fn read_options(&self, options: ReadOptions) -> ReadOptions {
        let ReadOptions {
            mut text,
            mut text_joiner,
            pair,
            mut label_options,
            ..
        } = options.clone();
        if text.is_empty() {
            text.clone_from(&self.text_columns);
            text_joiner = text_joiner.or_else(|| self.text_joiner.clone());
        }
        label_options.remembered = self.label_reading.clone();
        label_options.expected = Some(self.labels().to_vec());
        let pair = pair.or_else(|| self.pair_column.clone());
        ReadOptions {
            text,
            text_joiner,
            pair,
            label_options,
            ..options
        }
    }

    /// The column that held the second texts in training, where there was one.
    pub fn pair_column(&self) -> Option<&str> {
        self.pair_column.as_deref()
    }

    /// Reads pairs of texts from now on, as a model that was trained on them does by itself.
    pub fn read_pairs(&mut self) {
        self.reads_pairs = true;
    }

    /// Longest row in tokens, special ones included.
    pub fn max_length(&self) -> usize {
        self.reading.max_length
    }

    /// How texts become rows of the encoder.
    pub fn reading(&self) -> Reading {
        self.reading
    }

    /// How a row's tokens become one vector.
    pub fn pooling(&self) -> Pooling {
        self.encoder.pooling()
    }

    /// The number type that it answers in.
    pub fn precision(&self) -> Precision {
        self.encoder.precision()
    }

    /// How its logits become answers.
    pub fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// The probability from which on each label is a yes; `None` for one of an exclusive group,
    /// whose likeliest label is the answer.
    pub fn thresholds(&self) -> Vec<Option<f32>> {
        self.decisions.thresholds()
    }

    /// Answers with yes from `threshold` up, whatever thresholds and bands the folder keeps; its
    /// calibration stays, and so do the answers of exclusive groups.
    pub fn decide_at(&mut self, threshold: f32) {
        self.decisions = self.decisions.clone().at_threshold(threshold);
    }

    /// What is odd about the folder, or about its number type on this machine, a sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Those of the [notes](Classifier::notes) that the meaning of its answers hangs on: what was
    /// read out of a folder that another program wrote.
    pub fn assumptions(&self) -> &[String] {
        &self.assumptions
    }

    /// Scores `texts`. A text's scores are the same bits alone and among others.
    ///
    /// # Errors
    ///
    /// When the tokenizer gives an id that the encoder has no row for.
    pub fn score(&self, texts: &[&str]) -> Result<Scores, Error> {
        let texts: Vec<Text<'_>> = texts.iter().map(|&text| text.into()).collect();
        self.score_texts(&texts)
    }

    /// Scores texts, or pairs of texts, as [`Classifier::score`].
    ///
    /// # Errors
    ///
    /// As [`Classifier::score`], and where the tokenizer does not say how a pair is encoded.
    pub fn score_texts(&self, texts: &[Text<'_>]) -> Result<Scores, Error> {
        let started = Instant::now();
        let cpu = self.encoder.cpu();
        let rows = TokenRows::encode(cpu, &self.tokenizer, texts, self.reading.fit())?;
        let windows = forward_windows(&self.encoder, &rows)?;
        let logits = self.reading.pooling().pool(&windows, &rows.counts());
        let calibrated = self.calibrated(&logits);
        let tokens = rows.tokens();
        Ok(Scores {
            logits,
            probabilities: calibrated.probabilities(),
            calibrated,
            truncated: rows.truncated(),
            windows: match self.reading.windows {
                Some(_) => deciding(texts, rows.texts(), &windows),
                None => Vec::new(),
            },
            scoring: self.scoring(tokens, started.elapsed()),
        })
    }

    /// The cells of `table`, which must have the model's labels in its order, with those filled
    /// that exclusive groups and implications leave no choice, and what there is to say about that.
    ///
    /// # Errors
    ///
    /// When a row says what an exclusive group rules out.
    pub fn settled_cells(&self, table: &Table) -> Result<(Vec<Cell>, Vec<String>), Error> {
        let mut cells = table.cells();
        let place = |row: usize| Place::from(&table.rows[row]);
        let settled = self.questions.settle(&mut cells, &table.source, place)?;
        Ok((cells, settled.notes(&table.source)))
    }

    /// Compares the model's answers with those of `table`, which must have its labels in
    /// the model's order (read it with [`Classifier::read_options`]).
    ///
    /// # Errors
    ///
    /// As [`Classifier::score`] and [`Classifier::settled_cells`].
    pub fn evaluate(&self, table: &Table) -> Result<Evaluation, Error> {
        Ok(self.evaluate_timed(table, Bootstrap::OFF)?.0)
    }

    /// [`Classifier::evaluate`] with intervals, and how long the scoring took.
    ///
    /// # Errors
    ///
    /// As [`Classifier::score`].
    pub fn evaluate_timed(
        &self,
        table: &Table,
        bootstrap: Bootstrap,
    ) -> Result<(Evaluation, Scoring), Error> {
        let (cells, _) = self.settled_cells(table)?;
        let scores = self.score_table(table)?;
        let evaluation = self.evaluate_calibrated(&scores.calibrated, &cells, bootstrap);
        Ok((evaluation, scores.scoring))
    }

    /// Compares the answers that go with the network's `logits` with `cells` of the same shape, as
    /// [`Classifier::settled_cells`] has them.
    pub fn evaluate_logits(
        &self,
        logits: &Logits,
        cells: &[Cell],
        bootstrap: Bootstrap,
    ) -> Evaluation {
        self.evaluate_calibrated(&self.calibrated(logits), cells, bootstrap)
    }

    fn evaluate_calibrated(
        &self,
        calibrated: &LogOdds,
        cells: &[Cell],
        bootstrap: Bootstrap,
    ) -> Evaluation {
        let (thresholds, pool) = (self.thresholds(), self.cpu().pool());
        let judged = Judged::new(&self.questions, calibrated, cells, &thresholds, pool);
        let mut evaluation = evaluate_with(&judged, bootstrap);
        if self.decisions.has_bands() {
            let probabilities = calibrated.probabilities();
            let answers = self
                .decisions
                .answer_figures(&self.questions, &probabilities, cells);
            for (label, answers) in evaluation.labels.iter_mut().zip(answers) {
                label.answers = Some(answers);
            }
        }
        evaluation
    }

    /// The log-odds that this model's decisions are made of, from its `logits`.
    pub fn calibrated(&self, logits: &Logits) -> LogOdds {
        self.decisions
            .calibrate(&self.questions, &self.undone(logits))
    }

    /// The network's own log-odds: before any calibration, and before implications are made true.
    pub fn log_odds(&self, logits: &Logits) -> LogOdds {
        self.undone(logits).log_odds(&self.questions)
    }

    /// `logits` of this model, with what the loss of the training did to them undone.
    fn undone<'a>(&self, logits: &'a Logits) -> Cow<'a, Logits> {
        self.distortion.undo(logits, &self.questions)
    }

    /// Works out decisions anew, on `table`, which must have the model's labels in its order and
    /// none of the rows that it was trained on. They count for this classifier from now on;
    /// [`Classifier::save_decisions`] puts them into its folder.
    ///
    /// # Errors
    ///
    /// As [`Classifier::score`] and [`Classifier::settled_cells`], and where nothing is to be
    /// learned from the table.
    pub fn tune(&mut self, table: &Table, options: &TuneOptions) -> Result<Tuning, Error> {
        let (cells, _) = self.settled_cells(table)?;
        let scores = self.score_table(table)?;
        self.tune_logits(&scores.logits, &cells, options)
    }

    /// [`Classifier::tune`] on the network's `logits` and `cells` of the same shape, as
    /// [`Classifier::settled_cells`] has them.
    ///
    /// # Errors
    ///
    /// Where nothing is to be learned from them.
    pub fn tune_logits(
        &mut self,
        logits: &Logits,
        cells: &[Cell],
        options: &TuneOptions,
    ) -> Result<Tuning, Error> {
        let (undone, pool) = (self.undone(logits), self.encoder.cpu().pool());
        let tuning = tune(&self.questions, &undone, cells, options, pool)?;
        self.decisions = tuning.decisions.clone();
        Ok(tuning)
    }

    /// A linear model that learns from `train`, chooses its thresholds on `dev` as this classifier
    /// does, and is evaluated on `test`: does the encoder earn its keep? Without `dev` a part of
    /// `train` is held out. All tables must have the model's labels in its order.
    ///
    /// # Errors
    ///
    /// When `train` is too small to hold a part out, or nothing is known of the dev rows, and as
    /// [`Classifier::settled_cells`].
    pub fn baseline(
        &self,
        train: &Table,
        dev: Option<&Table>,
        test: &Table,
    ) -> Result<BaselineReport, Error> {
        let read = |table| wholes(&rows::texts(table, true));
        let (train_texts, test_texts) = (read(train), read(test));
        let dev_texts = dev.map(read).unwrap_or_default();
        let (train_texts, (train_cells, _)) = (as_strs(&train_texts), self.settled_cells(train)?);
        let (test_cells, _) = self.settled_cells(test)?;
        let whole = Rows {
            texts: &train_texts,
            groups: &[],
            cells: &train_cells,
            n_labels: self.labels().len(),
        };
        let (learned, held_out) = match dev {
            Some(dev) => (
                (train_texts.clone(), train_cells.clone()),
                (as_strs(&dev_texts), self.settled_cells(dev)?.0),
            ),
            None => {
                let (learned, held_out) =
                    hold_out_dev(&whole, 0).map_err(|reason| Error::Split {
                        source_name: train.source.clone(),
                        reason,
                    })?;
                (whole.select(&learned), whole.select(&held_out))
            }
        };
        let test = (as_strs(&test_texts), test_cells);
        let rows = [&learned, &held_out, &test].map(|(texts, cells)| BaselineRows { texts, cells });
        let pool = self.encoder.cpu().pool();
        Ok(BaselineReport::new(
            &self.questions,
            rows,
            &self.decisions.tune_options(),
            pool,
        )?)
    }

    /// Puts what `tuning` chose into the model folder at `path`, in place of what stands there.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or written.
    pub fn save_decisions(
        path: &Path,
        family: Option<Family>,
        tuning: &Tuning,
    ) -> Result<(), Error> {
        stored::replace_decisions(path, family, tuning)
    }

    /// The processor that it computes on.
    pub(crate) fn cpu(&self) -> &Cpu {
        self.encoder.cpu()
    }

    /// Scores the texts of `table`.
    ///
    /// # Errors
    ///
    /// As [`Classifier::score`].
    pub fn score_table(&self, table: &Table) -> Result<Scores, Error> {
        self.score_texts(&rows::texts(table, self.reads_pairs))
    }

    /// `text` with its second one, where the model reads pairs.
    pub(crate) fn text<'a>(&self, text: &'a str, pair: Option<&'a str>) -> Text<'a> {
        let pair = pair.filter(|_| self.reads_pairs);
        Text { text, pair }
    }

    /// The scoring of `tokens` in `time` by this model.
    pub(crate) fn scoring(&self, tokens: u64, time: Duration) -> Scoring {
        Scoring::new(self.encoder.cpu(), self.precision(), tokens, time)
    }
}

/// Logits of all windows of `rows`, in order, without dropout.
pub(crate) fn forward_windows(encoder: &Encoder, rows: &TokenRows) -> Result<Logits, Error> {
    let mut values = Vec::new();
    for batch in rows.forward_batches() {
        values.extend(encoder.forward(&batch)?);
    }
    Ok(Logits::new(values, encoder.n_labels()))
}

/// The tokenizer of `folder`.
pub(crate) fn tokenizer(folder: &ModelFolder) -> Result<Tokenizer, Error> {
    let config = folder.config();
    let facts = FolderFacts {
        model_type: config.family.model_type().to_owned(),
        vocab_size: config.vocab_size,
        pad_token_id: config.pad_token_id,
    };
    Ok(Tokenizer::from_folder(folder.path(), &facts)?)
}
