//! The special tokens of every row, round one text or round the two of a pair.

use std::path::Path;

use tokenizers::processors::template::TemplateProcessing;
use tokenizers::tokenizer::{Encoding, Token};

use crate::TokenizerError;
use crate::files::invalid;
use crate::layout::Layout;

/// No tokens have these ids: a vocabulary of 2^32 entries does not fit into a file that anybody reads.
const FIRST: u32 = u32::MAX;
const SECOND: u32 = u32::MAX - 1;

/// What a row is put together from, in order, each part with the type of its tokens.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    parts: Vec<(Part, u8)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Special(u32),
    First,
    Second,
}

impl Frame {
    /// What the post-processor puts round a text.
    pub(crate) fn of_one(
        tokenizer: &tokenizers::Tokenizer,
        file: &Path,
    ) -> Result<Self, TokenizerError> {
        let fail = || {
            let reason =
                "its post_processor does more than put special tokens before and after a text";
            invalid(file, reason)
        };
        Self::probe(tokenizer, file, &[FIRST])?.ok_or_else(fail)
    }

    /// What it puts round and between the texts of a pair; `None` where it does more than that.
    pub(crate) fn of_two(
        tokenizer: &tokenizers::Tokenizer,
        file: &Path,
    ) -> Result<Option<Self>, TokenizerError> {
        Self::probe(tokenizer, file, &[FIRST, SECOND])
    }

    /// What becomes of texts of one token each, `texts`.
    fn probe(
        tokenizer: &tokenizers::Tokenizer,
        file: &Path,
        texts: &[u32],
    ) -> Result<Option<Self>, TokenizerError> {
        let framed = |special: bool| {
            let mut probes = texts.iter().zip(0..).map(|(&id, type_id)| {
                Encoding::from_tokens(vec![Token::new(id, "a".to_owned(), (0, 1))], type_id)
            });
            let first = probes.next().expect("there is a text");
            tokenizer
                .post_process(first, probes.next(), special)
                .map_err(|error| invalid(file, error))
        };
        let (bare, whole) = (framed(false)?, framed(true)?);
        let once = |text: &u32| whole.get_ids().iter().filter(|id| *id == text).count() == 1;
        if bare.get_ids() != texts || !texts.iter().all(once) {
            return Ok(None);
        }
        let part = |(&id, &type_id): (&u32, &u32)| {
            let part = match id {
                FIRST => Part::First,
                SECOND => Part::Second,
                id => Part::Special(id),
            };
            let type_id = u8::try_from(type_id)
                .map_err(|_| invalid(file, format!("its post_processor has type {type_id}")))?;
            Ok((part, type_id))
        };
        let parts = whole.get_ids().iter().zip(whole.get_type_ids()).map(part);
        Ok(Some(Self {
            parts: parts.collect::<Result<_, _>>()?,
        }))
    }

    /// The same with all tokens of type 0, for an encoder that is given no types.
    pub(crate) fn without_types(mut self) -> Self {
        for (_, type_id) in &mut self.parts {
            *type_id = 0;
        }
        self
    }

    /// How many special tokens there are.
    pub(crate) fn n_special(&self) -> usize {
        let special = |part: &&(Part, u8)| matches!(part.0, Part::Special(_));
        self.parts.iter().filter(special).count()
    }

    /// The ids of a row, and the types of its tokens, empty where all are 0.
    pub(crate) fn row(&self, first: [&[u32]; 2], second: [&[u32]; 2]) -> (Vec<u32>, Vec<u8>) {
        let (mut ids, mut types) = (Vec::new(), Vec::new());
        let has_types = self.parts.iter().any(|(_, type_id)| *type_id != 0);
        for &(part, type_id) in &self.parts {
            match part {
                Part::Special(id) => ids.push(id),
                Part::First => first.iter().for_each(|kept| ids.extend_from_slice(kept)),
                Part::Second => second.iter().for_each(|kept| ids.extend_from_slice(kept)),
            }
            if has_types {
                types.resize(ids.len(), type_id);
            }
        }
        (ids, types)
    }
}

/// Puts the special tokens `start` and `end` round every text, and round the two of a pair as `layout` does.
pub(crate) fn framed_by(
    tokenizer: &mut tokenizers::Tokenizer,
    (start, end): (&str, &str),
    layout: Layout,
    file: &Path,
) -> Result<(), TokenizerError> {
    let with_id = |token: &str| match tokenizer.token_to_id(token) {
        Some(id) => Ok((token.to_owned(), id)),
        None => Err(invalid(
            file,
            format!("the special token `{token}` is not in it"),
        )),
    };
    let special = vec![with_id(start)?, with_id(end)?];
    let pieces = |pieces: &[&str]| pieces.iter().map(|piece| (*piece).to_owned()).collect();
    let typed = |piece: &str| format!("{piece}:1");
    let pair: Vec<String> = match layout {
        Layout::Bert => pieces(&[start, "$A", end, "$B:1", &typed(end)]),
        _ => pieces(&[start, "$A", end, end, "$B", end]),
    };
    let template = TemplateProcessing::builder()
        .try_single(pieces(&[start, "$A", end]))
        .and_then(|builder| builder.try_pair(pair))
        .map_err(|error| invalid(file, error))?
        .special_tokens(special)
        .build()
        .map_err(|error| invalid(file, error))?;
    tokenizer.with_post_processor(Some(template));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_given_for_rows_that_have_any() {
        let special = |id| Part::Special(id);
        let frame = Frame {
            parts: vec![
                (special(1), 0),
                (Part::First, 0),
                (special(2), 0),
                (Part::Second, 1),
                (special(2), 1),
            ],
        };
        assert_eq!(frame.n_special(), 3);
        let row = frame.row([&[5, 6], &[9]], [&[7], &[]]);
        let ids = vec![1, 5, 6, 9, 2, 7, 2];
        assert_eq!(row, (ids.clone(), vec![0, 0, 0, 0, 0, 1, 1]));
        let row = frame.without_types().row([&[5, 6], &[9]], [&[7], &[]]);
        assert_eq!(row, (ids, vec![]));
    }
}
