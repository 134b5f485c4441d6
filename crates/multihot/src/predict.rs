//! A table of any size, answered in order and in constant memory.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use multihot_table::{
    Format, Prediction, PredictionColumns, PredictionWriter, TableError, TextRow, TextRows, Written,
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
    /// Csv, Jsonl, Parquet or Xlsx.
    pub format: Format,
    /// Write the network's raw outputs too.
    pub logits: bool,
    /// Write the network's own probabilities beside the calibrated ones.
    pub raw: bool,
    /// Write yes and no in a column for each label, where there are columns.
    pub answers: bool,
}

/// What a prediction came to.
#[derive(Debug, Serialize)]
pub struct PredictSummary {
    /// Rows written.
    pub rows: usize,
    /// How many of them an earlier prediction had written.
    pub resumed: usize,
    /// Whether it was ended before the last row.
    pub interrupted: bool,
    /// Texts without a word, whose answers say nothing; of the rows of this run.
    pub empty_texts: usize,
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

/// Scores `rows` and writes one output row for each, in order, behind those that `so_far` says are
/// written: as many of `rows` are passed over. `progress` hears the number of rows written so far,
/// after each portion, all of which has then left for `out` unless the format is written whole; it may
/// end the prediction.
///
/// # Errors
///
/// At the first row that cannot be read, scored or written; the rows before it are written. When
/// there are fewer rows than were written, or some were in a format that is written whole.
pub fn predict<W: Write>(
    classifier: &Classifier,
    mut rows: TextRows,
    out: W,
    options: PredictOptions,
    so_far: &Written,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<PredictSummary, Error> {
    let started = Instant::now();
    let columns = rows.columns().to_vec();
    let make = match so_far.bytes {
        0 => PredictionWriter::new,
        _ => PredictionWriter::going_on,
    };
    let mut writer = make(
        out,
        options.format,
        classifier.labels(),
        &columns,
        PredictionColumns {
            raw_probabilities: options.raw,
            logits: options.logits,
            answers: options.answers,
            unsure: classifier.decisions().has_bands(),
            calibrated: classifier.decisions().is_calibrated(),
            windows: classifier.reading().windows.is_some(),
        },
    )?;
    let mut tally = Tally::of(so_far, classifier.labels().len());
    pass_over(&mut rows, so_far.rows)?;
    let mut rows = rows.fuse();
    loop {
        let (portion, failure) = next_portion(&mut rows);
        if !portion.is_empty() {
            answer(classifier, &portion, options, &mut writer, &mut tally)?;
            writer.flush()?;
            tally.interrupted = progress(tally.rows).is_break();
        }
        if let Some(failure) = failure {
            writer.finish()?;
            return Err(failure.into());
        }
        if portion.is_empty() || tally.interrupted {
            break;
        }
    }
    writer.finish()?;
    Ok(tally.summary(classifier, started.elapsed()))
}

/// Reads `count` rows for nothing.
fn pass_over(rows: &mut TextRows, count: usize) -> Result<(), Error> {
    for _ in 0..count {
        rows.next().ok_or_else(|| Error::TableChanged {
            source_name: rows.source().to_owned(),
        })??;
    }
    Ok(())
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
    let is_empty = |row: &&TextRow| row.text.trim().is_empty() && row.pair.is_none();
    tally.empty_texts += portion.iter().filter(is_empty).count();
    tally.truncated += scores.truncated;
    tally.windowed += scores.windows.iter().filter(|text| text.count > 1).count();
    tally.tokens += scores.scoring.tokens;
    tally.scoring_time += Duration::from_secs_f64(scores.scoring.seconds);
    Ok(())
}

#[derive(Default)]
struct Tally {
    rows: usize,
    resumed: usize,
    interrupted: bool,
    empty_texts: usize,
    truncated: usize,
    windowed: usize,
    yes: Vec<u64>,
    unsure: Vec<u64>,
    tokens: u64,
    scoring_time: Duration,
}

impl Tally {
    /// A tally of `n_labels` labels that begins with what is written.
    fn of(so_far: &Written, n_labels: usize) -> Self {
        let counts = |counts: &[u64]| match counts {
            [] => vec![0; n_labels],
            counts => counts.to_vec(),
        };
        Self {
            rows: so_far.rows,
            resumed: so_far.rows,
            yes: counts(&so_far.yes),
            unsure: counts(&so_far.unsure),
            ..Self::default()
        }
    }

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
            resumed: self.resumed,
            interrupted: self.interrupted,
            empty_texts: self.empty_texts,
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
