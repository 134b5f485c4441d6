//! Odd things about a tokenizer folder that are worth a line, and change nothing here.

use std::path::Path;

use serde_json::{Map, Value};
use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;

use crate::files::read_object;
use crate::layout::Layout;
use crate::{FolderFacts, TokenizerError};

/// Everything that a note may be about.
pub(crate) struct Findings<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) facts: &'a FolderFacts,
    /// tokenizer_config.json.
    pub(crate) config: &'a Map<String, Value>,
    pub(crate) layout: Option<Layout>,
    pub(crate) source: &'a Path,
    pub(crate) tokenizer: &'a tokenizers::Tokenizer,
    pub(crate) pad_token: &'a str,
}

impl Findings<'_> {
    /// The notes, in the order in which a reader meets their files.
    pub(crate) fn notes(&self) -> Result<Vec<String>, TokenizerError> {
        let notes = [
            self.model_max_length(),
            self.max_seq_length()?,
            self.missing_character_map(),
            self.other_words_in_transformers(),
            self.other_case_in_transformers(),
            self.ids_past_embedding(),
            self.pad_disagreement(),
        ];
        Ok(notes.into_iter().flatten().collect())
    }

    fn model_max_length(&self) -> Option<String> {
        // 1e30 is how Transformers writes that there is no such length.
        let length = self
            .config
            .get("model_max_length")?
            .as_u64()
            .filter(|length| *length < 1 << 32)?;
        Some(format!(
            "tokenizer_config.json has model_max_length {length}: shown, not applied"
        ))
    }

    fn max_seq_length(&self) -> Result<Option<String>, TokenizerError> {
        let config = read_object(&self.folder.join("sentence_bert_config.json"))?;
        let length = config.get("max_seq_length").and_then(Value::as_u64);
        Ok(length.map(|length| {
            format!("sentence_bert_config.json has max_seq_length {length}: shown, not applied (`--max-length` does)")
        }))
    }

    fn missing_character_map(&self) -> Option<String> {
        let expected = matches!(self.layout?, Layout::Camembert | Layout::XlmRoberta)
            && matches!(self.tokenizer.get_model(), ModelWrapper::Unigram(_));
        let missing = !self
            .tokenizer
            .get_normalizer()
            .is_some_and(has_character_map);
        (expected && missing).then(|| {
            format!(
                "{} has no character map (Precompiled normalizer), which camembert and xlm-roberta come with: \
                 characters such as `½`, `…` and `ﬁ` may become <unk>",
                self.source_name()
            )
        })
    }

    /// Transformers 5 takes the vocabulary of tokenizer.json and puts the class's own word splitting round it.
    fn other_words_in_transformers(&self) -> Option<String> {
        let rebuilt = self.is_tokenizer_json()
            && matches!(self.layout?, Layout::Camembert | Layout::XlmRoberta);
        let alone = matches!(
            self.tokenizer.get_pre_tokenizer(),
            Some(PreTokenizerWrapper::Metaspace(_))
        );
        (rebuilt && alone).then(|| {
            "tokenizer.json keeps a `▁` for a space at the end of a text and beside a special token; Transformers 5 \
             drops it, so such a text has other ids there"
                .to_owned()
        })
    }

    /// Transformers 5 takes `do_lower_case` from tokenizer_config.json, true where it says nothing.
    fn other_case_in_transformers(&self) -> Option<String> {
        if !self.is_tokenizer_json() || self.layout? != Layout::Bert {
            return None;
        }
        let Some(NormalizerWrapper::BertNormalizer(normalizer)) = self.tokenizer.get_normalizer()
        else {
            return None;
        };
        let theirs = self
            .config
            .get("do_lower_case")
            .and_then(Value::as_bool)
            .unwrap_or(true);
        (normalizer.lowercase != theirs).then(|| {
            format!(
                "tokenizer.json has lowercase {}; tokenizer_config.json has do_lower_case {theirs} (true where it says \
                 nothing), which Transformers 5 follows, so its ids differ",
                normalizer.lowercase
            )
        })
    }

    fn ids_past_embedding(&self) -> Option<String> {
        let rows = self.facts.vocab_size;
        let added = self.tokenizer.get_added_tokens_decoder();
        let mut past: Vec<(u32, &str)> = added
            .iter()
            .map(|(id, token)| (*id, token.content.as_str()))
            .filter(|(id, _)| *id as usize >= rows)
            .collect();
        past.sort_unstable();
        if !past.is_empty() {
            let shown: Vec<String> = past
                .iter()
                .take(5)
                .map(|(id, token)| format!("`{token}` ({id})"))
                .collect();
            let more = past.len() - shown.len();
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let shown = shown.join(", ");
            return Some(format!(
                "{} adds tokens past the {rows} rows of the embedding: {shown}{more}; a text that has one is refused",
                self.source_name()
            ));
        }
        let n_tokens = self.tokenizer.get_vocab_size(true);
        (n_tokens > rows).then(|| {
            format!(
                "{} has {n_tokens} tokens; the embedding has {rows} rows: a text that needs one of the others is \
                 refused",
                self.source_name()
            )
        })
    }

    fn pad_disagreement(&self) -> Option<String> {
        let (ours, pad) = (self.facts.pad_token_id, self.pad_token);
        let theirs = self.tokenizer.token_to_id(pad)?;
        (ours != theirs).then(|| {
            format!(
                "config.json has pad_token_id {ours}; the tokenizer's `{pad}` has id {theirs}: positions follow \
                 config.json, as in Transformers"
            )
        })
    }

    fn is_tokenizer_json(&self) -> bool {
        self.source_name() == "tokenizer.json"
    }

    fn source_name(&self) -> std::borrow::Cow<'_, str> {
        self.source
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
    }
}

fn has_character_map(normalizer: &NormalizerWrapper) -> bool {
    match normalizer {
        NormalizerWrapper::Precompiled(_) => true,
        NormalizerWrapper::Sequence(sequence) => sequence.as_ref().iter().any(has_character_map),
        _ => false,
    }
}
