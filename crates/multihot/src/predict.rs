//! A table of any size, answered in order and in constant memory.

use std::io::Write;
use std::time::{Duration, Instant};

use multihot_table::{
    Format, Prediction, PredictionColumns, PredictionWriter, TableError, TextRow, TextRows,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::classifier::Classifier;
use crate::decisions::Answer;
use crate::error::Error;
use crate::speed::{Scoring, peak_rss_bytes};

/// Rows that are read before they are scored together.
const WINDOW_ROWS: usize = 512;
/// Bytes of text at which a window is full even with fewer rows.
const WINDOW_BYTES: usize = 4 << 20;

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
    /// Rows that were cut to the longest length the model reads.
    pub truncated: usize,
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
        let (window, failure) = next_window(&mut rows);
        if !window.is_empty() {
            answer(classifier, &window, options, &mut writer, &mut tally)?;
            progress(tally.rows);
        }
        if let Some(failure) = failure {
            writer.finish()?;
            return Err(failure.into());
        }
        if window.is_empty() {
            break;
        }
    }
    writer.finish()?;
    Ok(tally.summary(classifier, started.elapsed()))
}

/// The next rows, and the error that ended them early.
fn next_window(
    rows: &mut impl Iterator<Item = Result<TextRow, TableError>>,
) -> (Vec<TextRow>, Option<TableError>) {
    let (mut window, mut bytes) = (Vec::new(), 0);
    while window.len() < WINDOW_ROWS && bytes < WINDOW_BYTES {
        match rows.next() {
            Some(Ok(row)) => {
                bytes += row.text.len();
                window.push(row);
            }
            Some(Err(error)) => return (window, Some(error)),
            None => break,
        }
    }
    (window, None)
}

/// Scores and writes one window.
fn answer<W: Write>(
    classifier: &Classifier,
    window: &[TextRow],
    options: PredictOptions,
    writer: &mut PredictionWriter<W>,
    tally: &mut Tally,
) -> Result<(), Error> {
    let texts: Vec<&str> = window.iter().map(|row| row.text.as_str()).collect();
    let scores = classifier.score(&texts)?;
    let raw = options
        .raw
        .then(|| classifier.log_odds(&scores.logits).probabilities());
    let answers = classifier.decisions().answers(&scores.probabilities);
    let n_labels = classifier.labels().len();
    for ((index, row), answers) in window.iter().enumerate().zip(answers.chunks(n_labels)) {
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
            },
        )?;
    }
    tally.truncated += scores.truncated;
    tally.tokens += scores.scoring.tokens;
    tally.scoring_time += Duration::from_secs_f64(scores.scoring.seconds);
    Ok(())
}

#[derive(Default)]
struct Tally {
    rows: usize,
    truncated: usize,
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
            yes: by_label(self.yes),
            unsure: by_label(self.unsure),
            seconds: time.as_secs_f64(),
            scoring: classifier.scoring(self.tokens, self.scoring_time),
            peak_rss_bytes: peak_rss_bytes(),
        }
    }
}
