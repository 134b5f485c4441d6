//! The trained model as a folder.

use std::io::Write;
use std::path::Path;

use multihot_checkpoint::save::{self, NewFolder};
use multihot_checkpoint::{Pooling, ProblemType};
use multihot_encoder::Encoder;
use multihot_table::{Cell, ScoredRows, Table, write_scored};
use serde_json::Value;

use super::{EpochReport, Origin};
use crate::decisions::Tuning;
use crate::error::Error;
use crate::scores::Logits;
use crate::stored::{self, Stored, TUNING_FILE};

/// In a model's folder: what the models of folds said about the rows they were not trained on.
pub const OUT_OF_FOLD_FILE: &str = "out-of-fold.csv";

/// The output bias to save: without what the weights of the loss added to the log-odds,
/// so that a plain sigmoid of the saved network's logits is right.
pub(super) fn saved_bias(trained: &[f32], shifts: &[f32]) -> Vec<f32> {
    trained
        .iter()
        .zip(shifts)
        .map(|(bias, shift)| bias - shift)
        .collect()
}

/// What is kept of the training itself.
pub(super) struct Records<'a> {
    pub epochs: &'a [EpochReport],
    pub tuning: Option<&'a Tuning>,
    pub out_of_fold: Option<OutOfFoldRows<'a>>,
}

/// All rows of the table, each scored by the model of its fold.
pub(super) struct OutOfFoldRows<'a> {
    pub table: &'a Table,
    /// In the order of the model's labels, as are the logits.
    pub cells: &'a [Cell],
    /// With what the loss does to chances undone.
    pub undone: &'a Logits,
}

/// Writes everything into `out` and puts it in place.
pub(super) fn model(
    out: NewFolder,
    origin: &Origin,
    encoder: &Encoder,
    stored: &Stored,
    records: Records<'_>,
) -> Result<(), Error> {
    for file in origin.tokenizer.files() {
        save::copy_file(&file, out.path())?;
    }
    let multihot = stored::value(stored);
    let parameters: Vec<_> = encoder
        .parameters()
        .iter()
        .enumerate()
        .map(|(index, spec)| (spec, encoder.values(index)))
        .collect();
    let (dir, config, labels) = (out.path(), origin.folder.config(), &stored.labels);
    match stored.pooling {
        Pooling::Cls => {
            let problem = if stored.questions().is_single_label() {
                ProblemType::SingleLabel
            } else {
                ProblemType::MultiLabel
            };
            let answers = (labels.as_slice(), problem);
            save::write_sequence_classifier(dir, config, answers, multihot, &parameters)?;
        }
        Pooling::Mean => {
            let length = stored.reading.max_length;
            save::write_sentence_transformers(dir, config, labels, multihot, length, &parameters)?;
        }
    }
    write_epochs(&dir.join("training.jsonl"), records.epochs)?;
    if let Some(tuning) = records.tuning {
        save::write_json(&dir.join(TUNING_FILE), &stored::value(tuning))?;
    }
    if let Some(rows) = records.out_of_fold {
        write_out_of_fold(&dir.join(OUT_OF_FOLD_FILE), stored, &rows)?;
    }
    Ok(out.finish()?)
}

/// Writes a file that `tune --scores` and `evaluate --scores` read: what the model's own logits
/// would be for these.
fn write_out_of_fold(path: &Path, stored: &Stored, rows: &OutOfFoldRows<'_>) -> Result<(), Error> {
    let (labels, questions) = (&stored.labels, stored.questions());
    let logits = stored.distortion.apply_to_all(rows.undone, &questions);
    let scored = ScoredRows {
        logits: logits.values().to_vec(),
        cells: rows.cells.to_vec(),
    };
    let ids: Vec<&Value> = rows.table.rows.iter().map(|row| &row.id).collect();
    let file = std::fs::File::create(path).map_err(Error::io(path))?;
    Ok(write_scored(file, &ids, labels, &scored)?)
}

/// Which of the two layouts a model of `origin`'s family is written in, and who loads it.
pub(super) fn layout(origin: &Origin, pooling: Pooling) -> String {
    match pooling {
        Pooling::Cls => format!(
            "the model is a {}: `AutoModelForSequenceClassification` of Transformers loads it",
            origin.folder.config().family.architecture()
        ),
        Pooling::Mean => "the model is in the layout of sentence-transformers (Transformer, \
             Pooling, Dense), as no `…ForSequenceClassification` pools the mean: \
             `SentenceTransformer` loads it, and its outputs are the logits"
            .into(),
    }
}

/// `training.jsonl`: a line an epoch.
fn write_epochs(path: &Path, epochs: &[EpochReport]) -> Result<(), Error> {
    let mut file = std::fs::File::create(path).map_err(Error::io(path))?;
    for epoch in epochs {
        let line = serde_json::to_string(epoch).expect("a report has string keys only");
        writeln!(file, "{line}").map_err(Error::io(path))?;
    }
    Ok(())
}
