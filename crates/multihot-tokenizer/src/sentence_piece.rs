//! sentencepiece.bpe.model: the Unigram tokenizers of CamemBERT and XLM-R, with the id offsets of each.
//!
//! As `CamembertTokenizer` and `XLMRobertaTokenizer` of Transformers 5 build them (convert_slow_tokenizer.py).

mod model;

use std::path::Path;

use serde_json::{Map, Value};
use tokenizers::AddedToken;
use tokenizers::models::unigram::Unigram;
use tokenizers::normalizers::Precompiled;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;

use crate::TokenizerError;
use crate::char_map;
use crate::files::{invalid, read};
use crate::frame::framed_by;
use crate::layout::Layout;
use crate::special_tokens::{SpecialTokens, roberta_defaults};
use crate::tokenizer::{Built, add_tokens};
use model::{Algorithm, Model, PieceType};

/// Where both layouts put the unknown token, whatever the model itself says.
const UNKNOWN_ID: usize = 3;

/// Builds the tokenizer of the model `file`, with ids as `layout` shifts them.
pub(crate) fn build(
    file: &Path,
    folder: &Path,
    config: &Map<String, Value>,
    layout: Layout,
) -> Result<Built, TokenizerError> {
    let model = Model::parse(&read(file)?).map_err(|reason| invalid(file, reason))?;
    refuse_unsuitable(&model, file)?;
    let special = SpecialTokens::read(folder, config, &defaults(layout))?;
    let vocabulary = vocabulary(&model, &special, layout);
    let unigram =
        Unigram::from(vocabulary, Some(UNKNOWN_ID), false).map_err(|error| invalid(file, error))?;
    let mut tokenizer = tokenizers::Tokenizer::new(unigram);
    if let Some(map) = &model.character_map {
        let map = Precompiled::from(map).map_err(|error| invalid(file, error))?;
        tokenizer
            .with_normalizer(Some(map))
            .map_err(|error| invalid(file, error))?;
    }
    tokenizer.with_pre_tokenizer(Some(words(config)));
    let mut notes = add_tokens(&mut tokenizer, &special, Some(marked(&model)), file)?;
    framed_by(
        &mut tokenizer,
        (special.content("bos_token"), special.content("eos_token")),
        layout,
        file,
    )?;
    notes.extend(differences(&model));
    Ok(Built {
        tokenizer,
        notes,
        pad_token: special.content("pad_token").to_owned(),
    })
}

fn refuse_unsuitable(model: &Model, file: &Path) -> Result<(), TokenizerError> {
    if model.algorithm != Algorithm::Unigram {
        let found = model.algorithm;
        return Err(invalid(
            file,
            format!(
                "a SentencePiece model of type {found:?}; Unigram is supported, which camembert and xlm-roberta use"
            ),
        ));
    }
    let first: Vec<&str> = model
        .pieces
        .iter()
        .take(3)
        .map(|piece| piece.text.as_str())
        .collect();
    if first != ["<unk>", "<s>", "</s>"] {
        return Err(invalid(
            file,
            format!(
                "its first pieces are {first:?}; the ids of camembert and xlm-roberta start from <unk>, <s>, </s>"
            ),
        ));
    }
    if let Some(piece) = model.pieces.iter().find(|piece| !piece.score.is_finite()) {
        return Err(invalid(
            file,
            format!("piece `{}` has the score {}", piece.text, piece.score),
        ));
    }
    match &model.character_map {
        Some(map) => char_map::check(map).map_err(|reason| invalid(file, reason)),
        None => Ok(()),
    }
}

fn defaults(layout: Layout) -> Vec<(&'static str, AddedToken)> {
    let mut defaults = roberta_defaults();
    for (role, token) in &mut defaults {
        // Only CamemBERT's class says it; the files of XLM-R say it themselves.
        token.lstrip = *role == "mask_token" && layout == Layout::Camembert;
    }
    defaults
}

/// The pieces with the special tokens of the layout in front and the mask behind.
fn vocabulary(model: &Model, special: &SpecialTokens, layout: Layout) -> Vec<(String, f64)> {
    let [start, pad, end, unknown] = ["bos_token", "pad_token", "eos_token", "unk_token"]
        .map(|role| (special.content(role), 0.0));
    let (front, skipped) = match layout {
        // The model's own <unk> is priced out, in favour of the one at 3.
        Layout::Camembert => (
            vec![
                ("<s>NOTUSED", 0.0),
                pad,
                ("</s>NOTUSED", 0.0),
                unknown,
                ("<unk>NOTUSED", -100.0),
            ],
            1,
        ),
        _ => (vec![start, pad, end, unknown], 3),
    };
    let pieces = model.pieces[skipped..]
        .iter()
        .map(|piece| (piece.text.as_str(), f64::from(piece.score)));
    let all = front
        .into_iter()
        .chain(pieces)
        .chain([(special.content("mask_token"), 0.0)]);
    all.map(|(text, score)| (text.to_owned(), score)).collect()
}

/// Words at whitespace, each with the sign for a space in front.
fn words(config: &Map<String, Value>) -> Sequence {
    let prefix = config
        .get("add_prefix_space")
        .and_then(Value::as_bool)
        .unwrap_or(true);
    let scheme = if prefix {
        PrependScheme::Always
    } else {
        PrependScheme::Never
    };
    Sequence::new(vec![
        PreTokenizerWrapper::WhitespaceSplit(WhitespaceSplit),
        PreTokenizerWrapper::Metaspace(Metaspace::new('▁', scheme, true)),
    ])
}

/// Pieces that the model keeps out of the search: control symbols and those that its trainer defined.
fn marked(model: &Model) -> Vec<AddedToken> {
    let marked = model.pieces.iter().filter_map(|piece| {
        let special = match piece.kind {
            PieceType::Control => true,
            PieceType::UserDefined => false,
            PieceType::Other => return None,
        };
        Some(AddedToken::from(piece.text.clone(), special).normalized(false))
    });
    marked.collect()
}

/// Where Transformers, and we with it, leave the way of SentencePiece.
fn differences(model: &Model) -> Vec<String> {
    let cases = [
        (
            model.byte_fallback,
            "the SentencePiece model falls back to bytes; Transformers writes <unk> instead, and so is done here",
        ),
        (
            !model.add_dummy_prefix,
            "the SentencePiece model adds no space in front; Transformers adds one all the same, and so is done here",
        ),
        (
            !model.remove_extra_whitespaces,
            "the SentencePiece model keeps extra spaces; Transformers drops them, and so is done here",
        ),
    ];
    cases
        .into_iter()
        .filter(|(differs, _)| *differs)
        .map(|(_, note)| note.to_owned())
        .collect()
}
