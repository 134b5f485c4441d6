//! What can go wrong, and what to do then.

use std::path::PathBuf;

/// Why a tokenizer could not be read, or a text not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// A file is there and cannot be read.
    #[error("{}: cannot read it: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that should hold JSON does not.
    #[error("{}: not the JSON it should be: {source}", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A file can be read, and its content makes no tokenizer.
    #[error("{}: {reason}", file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// None of the files that make a tokenizer is there.
    #[error("{}: no tokenizer here for model_type `{model_type}`", folder.display())]
    NotFound {
        /// The folder searched.
        folder: PathBuf,
        /// The model_type of its config.json.
        model_type: String,
    },
    /// A SentencePiece model whose id offsets nobody names.
    #[error(
        "{}: model_type `{model_type}` does not say how the ids of this SentencePiece model are shifted",
        file.display()
    )]
    UnknownOffsets {
        /// The SentencePiece model.
        file: PathBuf,
        /// The model_type of config.json.
        model_type: String,
    },
    /// The special tokens alone are longer than a row may be, or leave windows no room for a text.
    #[error(
        "max length {max_length} leaves no room beside the {n_special} special tokens of a row"
    )]
    MaxLengthTooSmall {
        /// The length asked for.
        max_length: usize,
        /// The special tokens of every row.
        n_special: usize,
    },
    /// The special tokens of a pair are not known.
    #[error(
        "{}: its post_processor does more with a pair of texts than put special tokens round and between them",
        file.display()
    )]
    NoPairs {
        /// The file the tokenizer came from.
        file: PathBuf,
    },
    /// A text produced an id that the embedding has no row for.
    #[error("token `{token}` has id {id}; the embedding has {vocab_size} rows")]
    IdPastEmbedding {
        /// The token as the tokenizer writes it.
        token: String,
        /// Its id.
        id: u32,
        /// Rows of the word embedding.
        vocab_size: usize,
    },
    /// The tokenizer gave up on a text.
    #[error("{}: cannot encode a text of {bytes} bytes: {reason}", file.display())]
    Encode {
        /// The file the tokenizer came from.
        file: PathBuf,
        /// Length of the text.
        bytes: usize,
        /// What the tokenizer said.
        reason: String,
    },
}

impl TokenizerError {
    /// What to do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } => Some(
                "one of these makes a tokenizer: tokenizer.json; vocab.txt (bert, distilbert, electra); vocab.json \
                 with merges.txt (roberta); sentencepiece.bpe.model (camembert, xlm-roberta)"
                    .to_owned(),
            ),
            Self::UnknownOffsets { .. } => Some(
                "set `tokenizer_class` in tokenizer_config.json to `CamembertTokenizer` or `XLMRobertaTokenizer`, or \
                 put the tokenizer.json of the model into the folder"
                    .to_owned(),
            ),
            Self::MaxLengthTooSmall { n_special, .. } => {
                Some(format!("pass a max length of {} or more", n_special + 2))
            }
            Self::NoPairs { .. } => Some(
                "an encoder that was trained on pairs has a tokenizer that says how they are written; without one, join \
                 the two texts in the table"
                    .to_owned(),
            ),
            Self::IdPastEmbedding { .. } => Some(
                "the tokenizer has more tokens than the encoder was made for: use the tokenizer files that came with \
                 the encoder, or take the token out of the text"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}
