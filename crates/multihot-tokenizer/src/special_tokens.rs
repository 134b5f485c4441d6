//! Special and added tokens as the small JSON files of a folder name them.
//!
//! Read only where there is no tokenizer.json. The order of precedence is that of Transformers 5
//! (`PreTrainedTokenizerBase._from_pretrained` and `TokenizersBackend.__init__`).

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::AddedToken;

use crate::TokenizerError;
use crate::files::{invalid, read_object};

/// Roles of a special token, in the order in which Transformers adds them.
const ROLES: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// The tokens to register on top of a vocabulary.
pub(crate) struct SpecialTokens {
    /// Role and token.
    named: Vec<(&'static str, AddedToken)>,
    /// Tokens with the ids that the files give them, by id.
    pub(crate) numbered: Vec<(u32, AddedToken)>,
    /// Further tokens of tokenizer_config.json, which come before those of a SentencePiece model.
    configured_extra: Option<Vec<AddedToken>>,
    /// Further tokens of special_tokens_map.json, which come after those.
    mapped_extra: Vec<AddedToken>,
}

/// A token as Python's `AddedToken(**…)` takes it.
#[derive(Deserialize)]
struct TokenFields {
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    normalized: Option<bool>,
    #[serde(default)]
    special: bool,
}

impl TokenFields {
    fn into_token(self, special: bool) -> AddedToken {
        let special = special || self.special;
        AddedToken {
            content: self.content,
            single_word: self.single_word,
            lstrip: self.lstrip,
            rstrip: self.rstrip,
            normalized: self.normalized.unwrap_or(!special),
            special,
        }
    }
}

/// A token written as a string, which is special, or as an object, which is so where `special` or the object says it.
fn token(
    file: &Path,
    key: &str,
    value: &Value,
    special: bool,
) -> Result<AddedToken, TokenizerError> {
    if let Value::String(content) = value {
        return Ok(AddedToken::from(content.clone(), true));
    }
    let fields: TokenFields = serde_json::from_value(value.clone())
        .map_err(|error| invalid(file, format!("`{key}` is no token: {error}")))?;
    Ok(fields.into_token(special))
}

fn tokens(file: &Path, key: &str, value: &Value) -> Result<Vec<AddedToken>, TokenizerError> {
    match value {
        Value::Array(values) => values
            .iter()
            .map(|value| token(file, key, value, true))
            .collect(),
        Value::Object(values) => values
            .values()
            .map(|value| token(file, key, value, true))
            .collect(),
        _ => Err(invalid(
            file,
            format!("`{key}` is neither a list nor an object"),
        )),
    }
}

/// The further special tokens that `object` names, under the new key or the old one.
fn extra(
    file: &Path,
    object: &Map<String, Value>,
) -> Result<Option<Vec<AddedToken>>, TokenizerError> {
    let keys = ["extra_special_tokens", "additional_special_tokens"];
    let named = keys.into_iter().find_map(|key| {
        let value = object.get(key)?;
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        (!empty).then_some((key, value))
    });
    named
        .map(|(key, value)| tokens(file, key, value))
        .transpose()
}

impl SpecialTokens {
    /// Reads the files of `folder`; `config` is its tokenizer_config.json, `defaults` the class's own tokens by role.
    pub(crate) fn read(
        folder: &Path,
        config: &Map<String, Value>,
        defaults: &[(&str, AddedToken)],
    ) -> Result<Self, TokenizerError> {
        let config_file = folder.join("tokenizer_config.json");
        let map_file = folder.join("special_tokens_map.json");
        let decoder = config
            .get("added_tokens_decoder")
            .filter(|value| !value.is_null());
        // Where tokenizer_config.json numbers the added tokens, the older files are not read.
        let map = if decoder.is_some() {
            Map::new()
        } else {
            read_object(&map_file)?
        };
        let mut special = Self {
            named: Vec::new(),
            numbered: Vec::new(),
            configured_extra: extra(&config_file, config)?,
            mapped_extra: extra(&map_file, &map)?.unwrap_or_default(),
        };
        let mut said_by_files = Vec::new();
        for role in ROLES {
            let said = [(&map_file, map.get(role)), (&config_file, config.get(role))]
                .into_iter()
                .find_map(|(file, value)| Some((file, value.filter(|value| !value.is_null())?)));
            let found = match said {
                Some((file, value)) => Some(token(file, role, value, file == &map_file)?),
                None => None,
            };
            said_by_files.extend(found.iter().map(|token| token.content.clone()));
            let default = || defaults.iter().find(|(name, _)| *name == role);
            let found = found.or_else(|| default().map(|(_, token)| token.clone()));
            special
                .named
                .extend(found.map(|token| (role, token.special(true))));
        }
        match decoder {
            Some(decoder) => special.read_decoder(&config_file, decoder)?,
            None => special.read_added(&folder.join("added_tokens.json"), said_by_files)?,
        }
        special.numbered.sort_by_key(|(id, _)| *id);
        special.settle();
        Ok(special)
    }

    fn read_decoder(&mut self, file: &Path, decoder: &Value) -> Result<(), TokenizerError> {
        let decoder = decoder
            .as_object()
            .ok_or_else(|| invalid(file, "`added_tokens_decoder` is no object"))?;
        for (id, value) in decoder {
            let id = id.parse().map_err(|_| {
                invalid(
                    file,
                    format!("`added_tokens_decoder` has the id `{id}`, which is no number"),
                )
            })?;
            self.numbered
                .push((id, token(file, "added_tokens_decoder", value, false)?));
        }
        Ok(())
    }

    /// Reads added_tokens.json; `special` are the tokens that the other files name. Those that only the class names do
    /// not count as special at this point, and so are matched in the normalized text.
    fn read_added(&mut self, file: &Path, mut special: Vec<String>) -> Result<(), TokenizerError> {
        special.extend(
            self.configured_extra
                .iter()
                .flatten()
                .map(|token| token.content.clone()),
        );
        for (content, id) in read_object(file)? {
            let id = id
                .as_u64()
                .and_then(|id| u32::try_from(id).ok())
                .ok_or_else(|| {
                    invalid(
                        file,
                        format!("`{content}` has the id {id}, which is no token id"),
                    )
                })?;
            let is_special = special.contains(&content);
            self.numbered
                .push((id, AddedToken::from(content, is_special)));
        }
        Ok(())
    }

    /// A numbered token is the token of its role, with its flags; a token with a role is special.
    fn settle(&mut self) {
        for (_, named) in &mut self.named {
            let Some((_, numbered)) = self
                .numbered
                .iter_mut()
                .find(|(_, token)| token.content == named.content)
            else {
                continue;
            };
            numbered.special = true;
            named.clone_from(numbered);
        }
    }

    /// The content of the token with this role.
    pub(crate) fn content(&self, role: &str) -> &str {
        self.named
            .iter()
            .find(|(name, _)| *name == role)
            .map_or("", |(_, token)| &token.content)
    }

    /// Every token to register, in order; `pieces` are those that a SentencePiece model itself marks.
    pub(crate) fn to_add(&self, pieces: Option<Vec<AddedToken>>) -> Vec<AddedToken> {
        let mut tokens: Vec<AddedToken> = self
            .numbered
            .iter()
            .map(|(_, token)| token.clone())
            .collect();
        let further = self
            .configured_extra
            .clone()
            .or(pieces)
            .unwrap_or_else(|| self.mapped_extra.clone());
        let named = self.named.iter().map(|(_, token)| token.clone());
        for token in named.chain(further) {
            if tokens.iter().all(|known| known.content != token.content) {
                tokens.push(token);
            }
        }
        tokens
    }
}

/// Plain special tokens by role: what a tokenizer class names when no file does.
pub(crate) fn defaults<'a>(named: &[(&'a str, &str)]) -> Vec<(&'a str, AddedToken)> {
    named
        .iter()
        .map(|(role, content)| (*role, AddedToken::from((*content).to_owned(), true)))
        .collect()
}

/// The tokens of the RoBERTa family.
pub(crate) fn roberta_defaults() -> Vec<(&'static str, AddedToken)> {
    defaults(&[
        ("bos_token", "<s>"),
        ("eos_token", "</s>"),
        ("unk_token", "<unk>"),
        ("sep_token", "</s>"),
        ("pad_token", "<pad>"),
        ("cls_token", "<s>"),
        ("mask_token", "<mask>"),
    ])
}
