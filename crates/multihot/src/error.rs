//! What can go wrong, each with the advice that goes with it.

use std::path::{Path, PathBuf};

use multihot_checkpoint::CheckpointError;
use multihot_encoder::EncoderError;
use multihot_table::TableError;
use multihot_tokenizer::TokenizerError;

use crate::decisions::TuneError;
use crate::questions::{RelationsError, UnsettledError};
use crate::split::SplitError;
use crate::train::OptionsError;

/// Everything that can stop a training, an evaluation or a prediction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A table could not be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A model folder could not be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A tokenizer could not be read, or a text not encoded.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// An encoder could not be built from its folder.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// An option has a value that cannot be used.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// Decisions could not be worked out.
    #[error(transparent)]
    Tune(#[from] TuneError),
    /// Labels cannot belong together as it was said.
    #[error(transparent)]
    Relations(#[from] RelationsError),
    /// A row says what an exclusive group rules out.
    #[error(transparent)]
    Unsettled(#[from] UnsettledError),
    /// The folder holds an encoder that nobody has trained a head for.
    #[error("{}: config.json names no `…ForSequenceClassification`: this is an encoder without answers", .0.display())]
    NotAClassifier(PathBuf),
    /// The folder's answers are no yes/no answers, or it is not said whether they exclude each other.
    #[error(
        "{}: `problem_type` is {found}; expected `multi_label_classification`, or \
         `single_label_classification` with several labels",
        folder.display()
    )]
    ProblemType {
        /// The model folder.
        folder: PathBuf,
        /// What config.json says, as it stands there.
        found: String,
    },
    /// What stands under `multihot` in config.json cannot be read.
    #[error("{}: `multihot` in config.json: {reason}", folder.display())]
    Stored {
        /// The model folder.
        folder: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The rows of a table cannot be split as asked.
    #[error("{source_name}: {reason}")]
    Split {
        /// The table.
        source_name: String,
        /// Why not.
        reason: SplitError,
    },
    /// A table of which no cell is known: there is nothing to share out.
    #[error("{source_name}: every cell of {} is unknown", labels.join(", "))]
    NothingKnown {
        /// The table.
        source_name: String,
        /// Its labels.
        labels: Vec<String>,
    },
    /// A table changed between two times it was read.
    #[error("{source_name}: the table has changed while it was read")]
    TableChanged {
        /// The table.
        source_name: String,
    },
    /// The folder to replace is the one that the table stands in.
    #[error("{} stands in {}, which would be replaced", table.display(), out.display())]
    TableInOut {
        /// The table.
        table: PathBuf,
        /// The folder.
        out: PathBuf,
    },
    /// The rows do not suffice for a training and a dev part.
    #[error(
        "{source_name}: {rows} rows with {distinct} distinct texts do not suffice for a training and a dev part"
    )]
    TooFewRows {
        /// The table.
        source_name: String,
        /// Rows in it.
        rows: usize,
        /// Distinct texts in it.
        distinct: usize,
    },
    /// A weight is given for a label that the table does not have.
    #[error("positive weights: label `{label}` has weight {weight}; labels are {}", known.join(", "))]
    PositiveWeight {
        /// The label that the weight is for.
        label: String,
        /// The weight.
        weight: f32,
        /// The labels there are.
        known: Vec<String>,
    },
    /// Two models that are compared answer different questions.
    #[error(
        "the models do not have the same labels: {}",
        differing(only_a, only_b)
    )]
    LabelsDiffer {
        /// Labels that only model A has.
        only_a: Vec<String>,
        /// Labels that only model B has.
        only_b: Vec<String>,
    },
    /// A training left a checkpoint, and it was not said what to do with it.
    #[error("{}: a training that has not ended left its checkpoint here", .0.display())]
    CheckpointInTheWay(PathBuf),
    /// There is nothing to continue.
    #[error("{}: no checkpoint of an unfinished training is there", .0.display())]
    NothingToResume(PathBuf),
    /// The checkpoint belongs to a training with other options or other rows.
    #[error("{}: the checkpoint was made with another {what}", checkpoint.display())]
    ResumeDiffers {
        /// The checkpoint folder.
        checkpoint: PathBuf,
        /// What differs, with both values where they are short.
        what: String,
    },
    /// Training was stopped before there was anything to keep.
    #[error("stopped before the first epoch ended: there is nothing to keep yet")]
    StoppedEarly,
    /// A loss that is not a number.
    #[error("step {step}: the loss is {loss}, so the training has diverged")]
    Diverged {
        /// The update at which it happened.
        step: u64,
        /// The loss there.
        loss: f64,
    },
    /// No report can be written there.
    #[error("{}: no report can be written there: {source}", path.display())]
    NoPlaceForReport {
        /// Where the report was to go.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether what was wrong is where the output goes, such as a full disk, and not what was read.
    pub fn is_of_output(&self) -> bool {
        matches!(self, Error::Table(TableError::Write(_)))
    }

    /// What the user may do about it, in one sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Table(error) => error.hint(),
            Error::Checkpoint(error) => error.hint(),
            Error::Tokenizer(error) => error.hint(),
            Error::Encoder(error) => error.hint(),
            Error::Tune(error) => error.hint(),
            Error::NotAClassifier(folder) => Some(format!(
                "train it first: `multihot train TABLE --encoder {} --out MODEL`",
                folder.display()
            )),
            Error::ProblemType { .. } => Some(
                "where the answers do not exclude each other, write \
                 `\"problem_type\": \"multi_label_classification\"` into config.json, and where \
                 they do `\"single_label_classification\"`"
                    .into(),
            ),
            Error::Relations(error) => error.hint(),
            Error::Unsettled(error) => error.hint(),
            Error::Split { reason, .. } => reason.hint(),
            Error::NothingKnown { .. } => {
                Some("`multihot inspect` shows what was read of each column".into())
            }
            Error::TableChanged { .. } => Some("run it again once nothing writes there".into()),
            Error::TableInOut { .. } => Some("pass another `--out`".into()),
            Error::TooFewRows { .. } => {
                Some("add rows, or pass a second table with `--dev`".into())
            }
            Error::CheckpointInTheWay(_) => {
                Some("`--resume` continues that training, `--overwrite` throws it away".into())
            }
            Error::NothingToResume(_) => Some("leave `--resume` out to start afresh".into()),
            Error::ResumeDiffers { .. } => Some(
                "pass the same options and tables as before, or start afresh with `--overwrite`"
                    .into(),
            ),
            Error::LabelsDiffer { .. } => Some(
                "compare models of the same labels, in whatever order; one with others can be \
                 trained on the same table with `--labels`"
                    .into(),
            ),
            Error::NoPlaceForReport { .. } => {
                Some("name a file in a folder that is there, such as `--report report.html`".into())
            }
            Error::Diverged { .. } => Some("try a lower `--learning-rate`".into()),
            Error::Options(_)
            | Error::Stored { .. }
            | Error::PositiveWeight { .. }
            | Error::StoppedEarly
            | Error::Io { .. } => None,
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
        move |source| Error::Io {
            path: path.to_owned(),
            source,
        }
    }
}

/// The labels that only one of two models has.
fn differing(only_a: &[String], only_b: &[String]) -> String {
    let names = |model: &str, labels: &[String]| {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        format!("only {model} has {}", labels.join(", "))
    };
    match (only_a, only_b) {
        (a, []) => names("A", a),
        ([], b) => names("B", b),
        (a, b) => format!("{}; {}", names("A", a), names("B", b)),
    }
}
