//! What a folder is, and what is odd about it.

use std::path::Path;

use multihot_checkpoint::{Family, ModelFolder};
use multihot_tokenizer::Truncation;
use serde::Serialize;

use crate::classifier::tokenizer;
use crate::decisions::Decisions;
use crate::error::Error;
use crate::questions::Relations;
use crate::stored::{Answers, Stored};
use crate::windows::Windows;

/// What a model or encoder folder holds.
#[derive(Debug, Serialize)]
pub struct FolderReport {
    /// `model` where it answers questions, `encoder` where it does not yet.
    pub kind: &'static str,
    /// Its `model_type`.
    pub family: &'static str,
    /// Layers, width, heads and width of the inner layer.
    pub layers: usize,
    /// Numbers in a token's vector.
    pub hidden_size: usize,
    /// Attention heads.
    pub heads: usize,
    /// Rows of the word embedding.
    pub vocab_size: usize,
    /// Values of all tensors together.
    pub parameters: u64,
    /// Longest row in tokens that the encoder can read.
    pub usable_length: usize,
    /// Longest row in tokens that the model was trained to read.
    pub max_length: Option<usize>,
    /// What of a longer text is lost, where multihot wrote the folder.
    pub truncation: Option<Truncation>,
    /// The windows that a longer text becomes, where it does.
    pub windows: Option<Windows>,
    /// The columns of texts that it was trained on; none where that is not known.
    pub text_columns: Vec<String>,
    /// The column of second texts, where it was trained on pairs.
    pub pair_column: Option<String>,
    /// Names of its labels, in order; empty for an encoder.
    pub labels: Vec<String>,
    /// Which of them exclude or imply each other.
    #[serde(flatten)]
    pub relations: Relations,
    /// How its logits become answers, where that was worked out.
    pub decisions: Option<Decisions>,
    /// How a row's tokens become one vector, where multihot wrote the folder.
    pub pooling: Option<multihot_checkpoint::Pooling>,
    /// Pooling that the encoder says it was trained with.
    pub pooling_hint: Option<String>,
    /// The tokenizer's file.
    pub tokenizer: String,
    /// What is odd, a sentence each.
    pub notes: Vec<String>,
}

/// Looks at a folder in the Hugging Face layout.
///
/// # Errors
///
/// When a file is missing or damaged.
pub fn folder(path: &Path, family: Option<Family>) -> Result<FolderReport, Error> {
    let folder = ModelFolder::open(path, family)?;
    let config = folder.config();
    let tokenizer = tokenizer(&folder)?;
    let weights = folder.weights()?;
    let stored = Stored::read(&folder)?;
    let mut notes = folder.notes();
    notes.extend(tokenizer.notes().iter().cloned());
    let answers = match Answers::of(&folder) {
        Ok(answers) => {
            notes.extend(answers.notes.iter().cloned());
            Some(answers)
        }
        Err(Error::NotAClassifier(_)) => None,
        Err(error) => {
            notes.push(error.to_string());
            None
        }
    };
    let reading = stored.as_ref().map(|stored| stored.reading);
    let sizes = weights.names().filter_map(|name| weights.get(name));
    Ok(FolderReport {
        kind: if answers.is_some() {
            "model"
        } else {
            "encoder"
        },
        family: config.family.model_type(),
        layers: config.n_layers,
        hidden_size: config.hidden_size,
        heads: config.n_heads,
        vocab_size: config.vocab_size,
        parameters: sizes
            .map(|tensor| tensor.shape.iter().product::<usize>() as u64)
            .sum(),
        usable_length: config.usable_length(),
        max_length: reading.map(|reading| reading.max_length),
        truncation: reading.map(|reading| reading.truncation),
        windows: reading.and_then(|reading| reading.windows),
        text_columns: stored
            .as_ref()
            .map_or(Vec::new(), |stored| stored.text_column.clone()),
        pair_column: stored
            .as_ref()
            .and_then(|stored| stored.pair_column.clone()),
        decisions: answers
            .as_ref()
            .and_then(|answers| answers.decisions.clone()),
        relations: answers
            .as_ref()
            .map(|answers| answers.questions.relations())
            .unwrap_or_default(),
        labels: answers
            .map(|answers| answers.questions.labels().to_vec())
            .unwrap_or_default(),
        pooling: stored.map(|stored| stored.pooling),
        pooling_hint: folder.pooling_hint(),
        tokenizer: tokenizer.source().display().to_string(),
        notes,
    })
}
