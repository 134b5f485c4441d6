//! Files of a folder, read with errors that name them.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::TokenizerError;

/// Every file that makes, or describes, a tokenizer of the supported families.
const TOKENIZER_FILES: [&str; 10] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
];

/// The SentencePiece model of a folder, under any of its usual names.
pub(crate) fn sentence_piece_model(folder: &Path) -> Option<PathBuf> {
    existing(folder, &TOKENIZER_FILES[7..]).into_iter().next()
}

/// The tokenizer files that stand in `folder`.
pub(crate) fn tokenizer_files(folder: &Path) -> Vec<PathBuf> {
    existing(folder, &TOKENIZER_FILES)
}

fn existing(folder: &Path, names: &[&str]) -> Vec<PathBuf> {
    names
        .iter()
        .map(|name| folder.join(name))
        .filter(|file| file.is_file())
        .collect()
}

pub(crate) fn read(file: &Path) -> Result<Vec<u8>, TokenizerError> {
    fs::read(file).map_err(|source| TokenizerError::Read {
        file: file.to_owned(),
        source,
    })
}

pub(crate) fn read_text(file: &Path) -> Result<String, TokenizerError> {
    String::from_utf8(read(file)?).map_err(|error| {
        invalid(
            file,
            format!("not UTF-8 from byte {}", error.utf8_error().valid_up_to()),
        )
    })
}

pub(crate) fn read_json<T: DeserializeOwned>(file: &Path) -> Result<T, TokenizerError> {
    parse_json(file, &read(file)?)
}

pub(crate) fn parse_json<T: DeserializeOwned>(
    file: &Path,
    bytes: &[u8],
) -> Result<T, TokenizerError> {
    serde_json::from_slice(bytes).map_err(|source| TokenizerError::Json {
        file: file.to_owned(),
        source,
    })
}

/// The object in `file`, empty where there is no such file.
pub(crate) fn read_object(file: &Path) -> Result<Map<String, Value>, TokenizerError> {
    if file.is_file() {
        read_json(file)
    } else {
        Ok(Map::new())
    }
}

pub(crate) fn invalid(file: &Path, reason: impl ToString) -> TokenizerError {
    TokenizerError::Invalid {
        file: file.to_owned(),
        reason: reason.to_string(),
    }
}
