//! tokenizer.json: read by the tokenizers library itself, after a look at what it would trust.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use tokenizers::models::ModelWrapper;

use crate::TokenizerError;
use crate::char_map;
use crate::files::{invalid, parse_json, read};
use crate::tokenizer::{Built, guarded};

/// The parts of the file that are looked at before the library reads it.
#[derive(Deserialize)]
struct Shape {
    truncation: Option<Value>,
    padding: Option<Value>,
    normalizer: Option<Value>,
}

/// Reads `file` without the truncation and the padding that are baked into it.
pub(crate) fn build(file: &Path) -> Result<Built, TokenizerError> {
    let bytes = read(file)?;
    let shape: Shape = parse_json(file, &bytes)?;
    if let Some(normalizer) = &shape.normalizer {
        check_character_maps(normalizer).map_err(|reason| invalid(file, reason))?;
    }
    let mut tokenizer = guarded(|| tokenizers::Tokenizer::from_bytes(&bytes)).map_err(|error| {
        invalid(
            file,
            format!(
                "the tokenizers library, which reads its formats up to version 0.23, says: {error}"
            ),
        )
    })?;
    tokenizer
        .with_truncation(None)
        .map_err(|error| invalid(file, error))?;
    tokenizer.with_padding(None);
    let mut notes: Vec<String> = baked_in(&shape).into_iter().collect();
    notes.extend(without_dropout(&mut tokenizer));
    let pad_token = shape
        .padding
        .as_ref()
        .and_then(|padding| padding["pad_token"].as_str());
    Ok(Built {
        tokenizer,
        notes,
        pad_token: pad_token.unwrap_or_default().to_owned(),
    })
}

/// Checks every character map in a normalizer, however deep it stands in sequences.
fn check_character_maps(normalizer: &Value) -> Result<(), String> {
    match normalizer {
        Value::Object(fields) => {
            if let Some(map) = fields.get("precompiled_charsmap").and_then(Value::as_str) {
                let map = decode_base64(map).ok_or("the character map is not base64")?;
                char_map::check(&map)?;
            }
            fields.values().try_for_each(check_character_maps)
        }
        Value::Array(values) => values.iter().try_for_each(check_character_maps),
        _ => Ok(()),
    }
}

/// The bytes behind base64 with the usual alphabet; padding may be left out.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut n_bits) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            bytes.push((bits >> n_bits) as u8);
        }
    }
    Some(bytes)
}

/// What the file would truncate and pad to.
fn baked_in(shape: &Shape) -> Option<String> {
    let truncates =
        shape
            .truncation
            .as_ref()
            .map(|truncation| match truncation["max_length"].as_u64() {
                Some(length) => format!("truncates at {length} tokens"),
                None => "truncates".to_owned(),
            });
    let pads = shape
        .padding
        .as_ref()
        .map(|padding| match padding["strategy"]["Fixed"].as_u64() {
            Some(length) => format!("pads to {length}"),
            None => "pads each batch to its longest row".to_owned(),
        });
    let both: Vec<String> = truncates.into_iter().chain(pads).collect();
    (!both.is_empty()).then(|| format!("tokenizer.json {}: shown, not applied", both.join(" and ")))
}

/// Turns off the random merges of BPE dropout: the same text has the same ids.
fn without_dropout(tokenizer: &mut tokenizers::Tokenizer) -> Option<String> {
    let ModelWrapper::BPE(model) = tokenizer.get_model() else {
        return None;
    };
    let share = model.dropout.filter(|share| *share > 0.0)?;
    let mut model = model.clone();
    model.dropout = None;
    tokenizer.with_model(model);
    Some(format!(
        "tokenizer.json drops {share} of its merges at random: shown, not applied"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_the_rfc_has_it() {
        let cases = [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYmFy", "foobar"),
        ];
        for (text, expected) in cases {
            assert_eq!(
                decode_base64(text).as_deref(),
                Some(expected.as_bytes()),
                "{text}"
            );
        }
        assert_eq!(decode_base64("Zm 9"), None);
    }
}
