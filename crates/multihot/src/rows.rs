//! Rows of a table, turned into tokens: the step between a cell and the encoder.

use std::borrow::Cow;

use multihot_encoder::TokenBatch;
use multihot_kernels::Cpu;
use multihot_table::Table;
use multihot_tokenizer::{Encoded, Fit, Text, Tokenizer, TokenizerError, Window};

/// Tokens of one batch when nothing is learned: enough to keep every core busy, small
/// enough for its activations to stay within a few tens of megabytes.
const FORWARD_TOKENS: usize = 2048;

/// Token ids of some texts, in the order of the texts: one row each, or several windows.
pub(crate) struct TokenRows {
    texts: Vec<Encoded>,
}

impl TokenRows {
    /// Encodes `texts` on all threads of `cpu`, each in rows as `fit` says.
    pub(crate) fn encode(
        cpu: &Cpu,
        tokenizer: &Tokenizer,
        texts: &[Text<'_>],
        fit: Fit,
    ) -> Result<Self, TokenizerError> {
        let mut encoded: Vec<Option<Result<Encoded, TokenizerError>>> =
            texts.iter().map(|_| None).collect();
        cpu.pool().for_each_chunk(&mut encoded, 1, |index, slot| {
            slot[0] = Some(tokenizer.encode(texts[index], fit));
        });
        let texts = encoded
            .into_iter()
            .map(|text| text.expect("the pool has visited every text"))
            .collect::<Result<_, _>>()?;
        Ok(Self { texts })
    }

    /// The texts, in order.
    pub(crate) fn texts(&self) -> &[Encoded] {
        &self.texts
    }

    /// The windows of all texts, in order.
    pub(crate) fn windows(&self) -> impl Iterator<Item = &Window> {
        self.texts.iter().flat_map(|text| &text.windows)
    }

    /// How many windows each text has.
    pub(crate) fn counts(&self) -> Vec<usize> {
        self.texts.iter().map(|text| text.windows.len()).collect()
    }

    /// Tokens of each text, in all its windows.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        self.texts.iter().map(Encoded::tokens).collect()
    }

    /// Tokens of all windows together.
    pub(crate) fn tokens(&self) -> u64 {
        self.windows().map(|window| window.ids.len() as u64).sum()
    }

    /// Texts of which tokens were left out.
    pub(crate) fn truncated(&self) -> usize {
        self.texts.iter().filter(|text| text.is_cut).count()
    }

    /// Tokens of the longest text, whole, with the special ones of one row.
    pub(crate) fn longest(&self) -> usize {
        let lengths = self.texts.iter().map(|text| text.full_length);
        lengths.max().unwrap_or(0)
    }

    /// The batch that holds the windows of the texts `indices`, in that order.
    pub(crate) fn batch(&self, indices: impl IntoIterator<Item = usize>) -> TokenBatch {
        let texts = indices.into_iter().map(|index| &self.texts[index]);
        let mut batch = TokenBatch::new();
        for window in texts.flat_map(|text| &text.windows) {
            batch.push_typed(&window.ids, &window.types);
        }
        batch
    }

    /// The windows of all texts in order, as batches that fit a forward pass.
    pub(crate) fn forward_batches(&self) -> impl Iterator<Item = TokenBatch> {
        batches(self.windows(), FORWARD_TOKENS)
    }
}

/// `windows` in order, in batches of at most `most_tokens`, or of one window that has more.
pub(crate) fn batches<'a>(
    windows: impl Iterator<Item = &'a Window>,
    most_tokens: usize,
) -> impl Iterator<Item = TokenBatch> {
    let mut windows = windows.peekable();
    std::iter::from_fn(move || {
        let mut batch = TokenBatch::new();
        while let Some(window) = windows
            .next_if(|window| batch.rows() == 0 || batch.tokens() + window.ids.len() <= most_tokens)
        {
            batch.push_typed(&window.ids, &window.types);
        }
        (batch.rows() > 0).then_some(batch)
    })
}

/// All texts of `table`, with the second ones where `reads_pairs`.
pub(crate) fn texts(table: &Table, reads_pairs: bool) -> Vec<Text<'_>> {
    let rows = table.rows.iter();
    rows.map(|row| Text {
        text: &row.text,
        pair: row.pair.as_deref().filter(|_| reads_pairs),
    })
    .collect()
}

/// All that there is to read of each text: of a pair both.
pub(crate) fn wholes<'a>(texts: &[Text<'a>]) -> Vec<Cow<'a, str>> {
    texts.iter().map(|text| text.whole()).collect()
}

/// Borrows each of `texts`.
pub(crate) fn as_strs<'a>(texts: &'a [Cow<'_, str>]) -> Vec<&'a str> {
    texts.iter().map(AsRef::as_ref).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_full_and_a_long_window_stands_alone() {
        let window = |tokens: usize| Window {
            ids: vec![7; tokens],
            types: vec![],
            bytes: 0..0,
        };
        let windows = [3, 4, 1, 20, 2, 8, 1].map(window);
        let batches: Vec<usize> = batches(windows.iter(), 8)
            .map(|batch| batch.tokens())
            .collect();
        assert_eq!(batches, [8, 20, 2, 8, 1]);
        assert_eq!(super::batches([].iter(), 8).count(), 0);
    }
}
