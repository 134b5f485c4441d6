//! Rows of a table, turned into tokens: the step between a cell and the encoder.

use multihot_encoder::TokenBatch;
use multihot_kernels::Cpu;
use multihot_tokenizer::{Encoded, Tokenizer, TokenizerError};

/// Tokens of one batch when nothing is learned: enough to keep every core busy, small
/// enough for its activations to stay within a few tens of megabytes.
const FORWARD_TOKENS: usize = 2048;

/// Token ids of some rows, in the order of the rows.
pub(crate) struct TokenRows {
    rows: Vec<Encoded>,
}

impl TokenRows {
    /// Encodes `texts` on all threads of `cpu`, each row cut to `max_length` tokens.
    pub(crate) fn encode(
        cpu: &Cpu,
        tokenizer: &Tokenizer,
        texts: &[&str],
        max_length: usize,
    ) -> Result<Self, TokenizerError> {
        let mut rows: Vec<Option<Result<Encoded, TokenizerError>>> =
            texts.iter().map(|_| None).collect();
        cpu.pool().for_each_chunk(&mut rows, 1, |index, slot| {
            slot[0] = Some(tokenizer.encode(texts[index], max_length));
        });
        let rows = rows
            .into_iter()
            .map(|row| row.expect("the pool has visited every row"))
            .collect::<Result<_, _>>()?;
        Ok(Self { rows })
    }

    /// Token ids of each row, in order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &[u32]> {
        self.rows.iter().map(|row| row.ids.as_slice())
    }

    /// Tokens of each row, after truncation.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        self.rows.iter().map(|row| row.ids.len()).collect()
    }

    /// Tokens of all rows together, after truncation.
    pub(crate) fn tokens(&self) -> u64 {
        self.rows.iter().map(|row| row.ids.len() as u64).sum()
    }

    /// Rows that were longer than the limit.
    pub(crate) fn truncated(&self) -> usize {
        self.rows
            .iter()
            .filter(|row| row.full_length > row.ids.len())
            .count()
    }

    /// Tokens of the longest row before truncation.
    pub(crate) fn longest(&self) -> usize {
        self.rows
            .iter()
            .map(|row| row.full_length)
            .max()
            .unwrap_or(0)
    }

    /// The batch that holds the rows `indices`, in that order.
    pub(crate) fn batch(&self, indices: impl IntoIterator<Item = usize>) -> TokenBatch {
        let mut batch = TokenBatch::new();
        for index in indices {
            batch.push(&self.rows[index].ids);
        }
        batch
    }

    /// All rows in order, as ranges that fit a forward pass.
    pub(crate) fn forward_ranges(&self) -> Vec<std::ops::Range<usize>> {
        let mut ranges = Vec::new();
        let (mut start, mut tokens) = (0, 0);
        for (index, row) in self.rows.iter().enumerate() {
            if index > start && tokens + row.ids.len() > FORWARD_TOKENS {
                ranges.push(start..index);
                (start, tokens) = (index, 0);
            }
            tokens += row.ids.len();
        }
        if start < self.rows.len() {
            ranges.push(start..self.rows.len());
        }
        ranges
    }
}
