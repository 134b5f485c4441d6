//! vocab.txt: the tokenizer of BERT, DistilBERT and ELECTRA.

use std::path::Path;

use serde_json::{Map, Value};
use tokenizers::models::bpe::Vocab;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;

use crate::TokenizerError;
use crate::files::{invalid, read_text};
use crate::frame::framed_by;
use crate::layout::Layout;
use crate::special_tokens::{SpecialTokens, defaults};
use crate::tokenizer::{Built, add_tokens};

/// Builds the tokenizer of `file`, a vocab.txt with a token a line.
pub(crate) fn build(
    file: &Path,
    folder: &Path,
    config: &Map<String, Value>,
) -> Result<Built, TokenizerError> {
    let special = SpecialTokens::read(
        folder,
        config,
        &defaults(&[
            ("unk_token", "[UNK]"),
            ("sep_token", "[SEP]"),
            ("pad_token", "[PAD]"),
            ("cls_token", "[CLS]"),
            ("mask_token", "[MASK]"),
        ]),
    )?;
    let vocabulary: Vocab = read_text(file)?
        .lines()
        .map(|line| line.trim_end().to_owned())
        .zip(0..)
        .collect();
    if vocabulary.is_empty() {
        return Err(invalid(file, "it has no tokens"));
    }
    let unknown = special.content("unk_token").to_owned();
    if !vocabulary.contains_key(&unknown) {
        return Err(invalid(
            file,
            format!("the unknown token `{unknown}` is not in it"),
        ));
    }
    let model = WordPiece::builder()
        .vocab(vocabulary)
        .unk_token(unknown)
        .build()
        .map_err(|error| invalid(file, error))?;
    let flag = |key: &str| config.get(key).and_then(Value::as_bool);
    let normalizer = BertNormalizer::new(
        true,
        flag("tokenize_chinese_chars").unwrap_or(true),
        flag("strip_accents"),
        flag("do_lower_case").unwrap_or(true),
    );
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    tokenizer
        .with_normalizer(Some(normalizer))
        .map_err(|error| invalid(file, error))?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    let notes = add_tokens(&mut tokenizer, &special, None, file)?;
    framed_by(
        &mut tokenizer,
        (special.content("cls_token"), special.content("sep_token")),
        Layout::Bert,
        file,
    )?;
    Ok(Built {
        tokenizer,
        notes,
        pad_token: special.content("pad_token").to_owned(),
    })
}
