//! A table of any size, answered in order and in constant memory.

use std::io::Write;
use std::time::{Duration, Instant};

use multihot_table::{
    Format, Prediction, PredictionColumns, PredictionWriter, TableError, TextRow, TextRows,
};
use multihot_tokenizer::Text;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::classifier::Classifier;
use crate::decisions::Answer;
use crate::error::Error;
use crate::speed::{Scoring, peak_rss_bytes};

/// Rows that are read before they are scored together.
const PORTION_ROWS: usize = 512;
/// Bytes of text at which a portion is full even with fewer rows.
const PORTION_BYTES: usize = 4 << 20;

/// How predictions are written.
#[derive(Clone, Copy, Debug)]
pub struct PredictOptions {
    /// Csv or Jsonl.
    pub format: Format,
    /// Write the network's raw outputs too.
    pub logits: bool,
    /// Write the network's own probabilities beside the calibrated ones.
    pub raw: bool,
}

/// What a prediction came to.
#[derive(Debug, Serialize)]
pub struct PredictSummary {
    /// Rows read, and rows written.
    pub rows: usize,
    /// Texts that were cut to the longest length the model reads.
    pub truncated: usize,
    /// Texts that were read in more than one window; `None` for a model without windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windowed: Option<usize>,
    /// Rows answered yes, by label.
    pub yes: Map<String, Value>,
    /// Rows answered neither yes nor no, by label.
    pub unsure: Map<String, Value>,
    /// Wall time of everything: reading, scoring, writing.
    pub seconds: f64,
    /// The scoring alone.
    pub scoring: Scoring,
    /// Most memory the process has held, where the system tells.
    pub peak_rss_bytes: Option<u64>,
}

/// Scores `rows` and writes one output row for each, in order. `progress` hears the
/// number of rows written so far.
///
/// # Errors
///
/// At the first row that cannot be read, scored or written; the rows before it are written.
pub fn predict<W: Write>(
    classifier: &Classifier,
    rows: TextRows,
    out: W,
    options: PredictOptions,
    progress: &mut dyn FnMut(usize),
) -> Result<PredictSummary, Error> {
    let started = Instant::now();
    let columns = rows.columns().to_vec();
    let mut writer = PredictionWriter::new(
        out,
        options.format,
        classifier.labels(),
        &columns,
        PredictionColumns {
            raw_probabilities: options.raw,
            logits: options.logits,
            unsure: classifier.decisions().has_bands(),
            calibrated: classifier.decisions().is_calibrated(),
            windows: classifier.reading().windows.is_some(),
        },
    )?;
    let n_labels = classifier.labels().len();
    let mut tally = Tally {
        yes: vec![0; n_labels],
        unsure: vec![0; n_labels],
        ..Tally::default()
    };
    let mut rows = rows.fuse();
    loop {
        let (portion, failure) = next_portion(&mut rows);
        if !portion.is_empty() {
            answer(classifier, &portion, options, &mut writer, &mut tally)?;
            progress(tally.rows);
        }
        if let Some(failure) = failure {
            writer.finish()?;
            return Err(failure.into());
        }
        if portion.is_empty() {
            break;
        }
    }
    writer.finish()?;
    Ok(tally.summary(classifier, started.elapsed()))
}

/// The next rows, and the error that ended them early.
fn next_portion(
    rows: &mut impl Iterator<Item = Result<TextRow, TableError>>,
) -> (Vec<TextRow>, Option<TableError>) {
    let (mut portion, mut bytes) = (Vec::new(), 0);
    while portion.len() < PORTION_ROWS && bytes < PORTION_BYTES {
        match rows.next() {
            Some(Ok(row)) => {
                bytes += row.text.len();
                portion.push(row);
            }
            Some(Err(error)) => return (portion, Some(error)),
            None => break,
        }
    }
    (portion, None)
}

/// Scores and writes one portion.
fn answer<W: Write>(
    classifier: &Classifier,
    portion: &[TextRow],
    options: PredictOptions,
    writer: &mut PredictionWriter<W>,
    tally: &mut Tally,
) -> Result<(), Error> {
    let rows = portion.iter();
    let texts = rows.map(|row| classifier.text(&row.text, row.pair.as_deref()));
    let texts: Vec<Text<'_>> = texts.collect();
    let scores = classifier.score_texts(&texts)?;
    let raw = options
        .raw
        .then(|| classifier.log_odds(&scores.logits).probabilities());
    let (questions, decisions) = (classifier.questions(), classifier.decisions());
    let answers = decisions.answers(questions, &scores.probabilities);
    let n_labels = classifier.labels().len();
    for ((index, row), answers) in portion.iter().enumerate().zip(answers.chunks(n_labels)) {
        let is = |wanted| answers.iter().map(|&answer| answer == wanted).collect();
        let (yes, unsure): (Vec<bool>, Vec<bool>) = (is(Answer::Yes), is(Answer::Unsure));
        tally.count(&yes, &unsure);
        writer.write(
            row,
            &Prediction {
                probabilities: scores.probabilities.row(index),
                raw_probabilities: raw.as_ref().map(|raw| raw.row(index)),
                logits: options.logits.then(|| scores.logits.row(index)),
                labels: &yes,
                unsure: &unsure,
                windows: scores.windows.get(index),
            },
        )?;
    }
    tally.truncated += scores.truncated;
    tally.windowed += scores.windows.iter().filter(|text| text.count > 1).count();
    tally.tokens += scores.scoring.tokens;
    tally.scoring_time += Duration::from_secs_f64(scores.scoring.seconds);
    Ok(())
}

#[derive(Default)]
struct Tally {
    rows: usize,
    truncated: usize,
    windowed: usize,
    yes: Vec<u64>,
    unsure: Vec<u64>,
    tokens: u64,
    scoring_time: Duration,
}

impl Tally {
    fn count(&mut self, yes: &[bool], unsure: &[bool]) {
        self.rows += 1;
        for (counts, answers) in [(&mut self.yes, yes), (&mut self.unsure, unsure)] {
            for (count, &answer) in counts.iter_mut().zip(answers) {
                *count += u64::from(answer);
            }
        }
    }

    fn summary(self, classifier: &Classifier, time: Duration) -> PredictSummary {
        let by_label = |counts: Vec<u64>| {
            let labels = classifier.labels().iter().cloned();
            labels.zip(counts.into_iter().map(Value::from)).collect()
        };
        PredictSummary {
            rows: self.rows,
            truncated: self.truncated,
            windowed: classifier.reading().windows.map(|_| self.windowed),
            yes: by_label(self.yes),
            unsure: by_label(self.unsure),
            seconds: time.as_secs_f64(),
            scoring: classifier.scoring(self.tokens, self.scoring_time),
            peak_rss_bytes: peak_rss_bytes(),
        }
    }
}
