//! vocab.json and merges.txt: the byte-level BPE of RoBERTa.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use crate::TokenizerError;
use crate::files::{invalid, read_json, read_text};
use crate::frame::framed_by;
use crate::layout::Layout;
use crate::special_tokens::{SpecialTokens, roberta_defaults};
use crate::tokenizer::{Built, add_tokens};

/// Builds the tokenizer of the vocab.json `file` and the merges.txt beside it.
pub(crate) fn build(
    file: &Path,
    folder: &Path,
    config: &Map<String, Value>,
) -> Result<Built, TokenizerError> {
    let special = SpecialTokens::read(folder, config, &roberta_defaults())?;
    let vocabulary: HashMap<String, u32> = read_json(file)?;
    if vocabulary.is_empty() {
        return Err(invalid(file, "it has no tokens"));
    }
    let merges_file = folder.join("merges.txt");
    let merges = read_merges(&merges_file)?;
    let model = BPE::builder()
        .vocab_and_merges(vocabulary.into_iter().collect::<Vocab>(), merges)
        .build()
        .map_err(|error| invalid(&merges_file, format!("it does not fit vocab.json: {error}")))?;
    let prefix = config
        .get("add_prefix_space")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(prefix, true, true)));
    let notes = add_tokens(&mut tokenizer, &special, None, file)?;
    framed_by(
        &mut tokenizer,
        (special.content("cls_token"), special.content("sep_token")),
        Layout::Roberta,
        file,
    )?;
    Ok(Built {
        tokenizer,
        notes,
        pad_token: special.content("pad_token").to_owned(),
    })
}

/// Pairs of tokens, a pair a line, the most frequent first.
fn read_merges(file: &Path) -> Result<Vec<(String, String)>, TokenizerError> {
    let mut merges = Vec::new();
    for (index, line) in read_text(file)?.lines().enumerate() {
        if line.starts_with("#version") || line.is_empty() {
            continue;
        }
        let Some((left, right)) = line
            .split_once(' ')
            .filter(|(_, right)| !right.contains(' '))
        else {
            return Err(invalid(
                file,
                format!("line {} is not two tokens with a space between", index + 1),
            ));
        };
        merges.push((left.to_owned(), right.to_owned()));
    }
    Ok(merges)
}
