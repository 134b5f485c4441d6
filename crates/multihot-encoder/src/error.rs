//! What can go wrong with an encoder.

use std::path::PathBuf;

use multihot_checkpoint::CheckpointError;

/// How many names of a file an error lists before it only counts the rest.
const NAMES_LISTED: usize = 12;

/// Why an encoder could not be built or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncoderError {
    /// The folder's files could not be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The encoder needs a weight that the file does not have.
    #[error("{}: weight `{name}` is missing; the file has {}", file.display(), listed(found))]
    MissingWeight {
        /// The weights' file, or the index of its shards.
        file: PathBuf,
        /// The name in a model of this family.
        name: String,
        /// The names there are.
        found: Vec<String>,
    },
    /// A weight has another shape than config.json says.
    #[error("{}: weight `{name}` is {found:?}; config.json makes it {expected:?}", file.display())]
    WrongShape {
        /// The weights' file, or the index of its shards.
        file: PathBuf,
        /// The name in the file.
        name: String,
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape that the config asks for.
        expected: Vec<usize>,
    },
    /// A head without outputs was asked for.
    #[error("a model for 0 labels was asked for; it needs at least one")]
    NoLabels,
    /// Training was asked for in a number type that has none.
    #[error("training in int8 was asked for; an encoder learns in f32 or bf16")]
    TrainsInInt8,
    /// A token that the word embedding has no row for.
    #[error(
        "row {row} of the batch: token {position} has id {id}; the word embedding has {vocab_size} rows"
    )]
    UnknownToken {
        /// The row, from 0.
        row: usize,
        /// The token in the row, from 0.
        position: usize,
        /// Its id.
        id: u32,
        /// Ids run below this.
        vocab_size: usize,
    },
    /// A type that the type embedding has no row for.
    #[error("a token of the batch has type {id}; the type embedding has {types} rows")]
    UnknownType {
        /// The type.
        id: u32,
        /// Types run below this.
        types: usize,
    },
    /// A row without any token.
    #[error("row {row} of the batch has no tokens; it needs at least one")]
    EmptyRow {
        /// The row, from 0.
        row: usize,
    },
    /// A row that the position embedding does not reach to the end of.
    #[error("row {row} of the batch has {tokens} tokens; the position embedding reaches {usable}")]
    RowTooLong {
        /// The row, from 0.
        row: usize,
        /// Its tokens.
        tokens: usize,
        /// The most tokens a row may have.
        usable: usize,
    },
    /// Training was asked of an encoder that was loaded for prediction.
    #[error("this encoder was loaded for prediction only and cannot be trained")]
    InferenceOnly,
}

impl EncoderError {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Checkpoint(error) => error.hint(),
            Self::MissingWeight { .. } => Some(
                "the file may hold another family than config.json names, or fewer layers".into(),
            ),
            Self::WrongShape { .. } => {
                Some("config.json and the weights do not belong together".into())
            }
            Self::UnknownToken { .. } | Self::UnknownType { .. } => {
                Some("the tokenizer and the weights do not belong together".into())
            }
            Self::RowTooLong { usable, .. } => Some(format!("cut rows to {usable} tokens")),
            Self::TrainsInInt8 => {
                Some("train in f32 or bf16, and predict with the result in int8".into())
            }
            Self::NoLabels | Self::EmptyRow { .. } | Self::InferenceOnly => None,
        }
    }
}

/// The first of `names`, and how many more there are.
fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none at all".into();
    }
    let shown: Vec<String> = names
        .iter()
        .take(NAMES_LISTED)
        .map(|name| format!("`{name}`"))
        .collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(NAMES_LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_up_to_a_limit() {
        let names = |n: usize| (0..n).map(|i| format!("w{i}")).collect::<Vec<_>>();
        assert_eq!(listed(&names(0)), "none at all");
        assert_eq!(listed(&names(2)), "`w0`, `w1`");
        assert!(listed(&names(15)).ends_with("`w11` and 3 more"));
    }

    #[test]
    fn messages_name_both_sides() {
        let error = EncoderError::UnknownToken {
            row: 2,
            position: 7,
            id: 99,
            vocab_size: 60,
        };
        assert_eq!(
            error.to_string(),
            "row 2 of the batch: token 7 has id 99; the word embedding has 60 rows"
        );
        assert!(error.hint().is_some());
    }
}
