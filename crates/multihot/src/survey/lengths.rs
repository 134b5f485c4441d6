//! How long texts are for an encoder, and how well its tokenizer knows their words.

use multihot_kernels::Cpu;
use multihot_tokenizer::{Fit, Text, Tokenizer};
use serde::Serialize;

use crate::error::Error;
use crate::rows::TokenRows;

/// Lengths that people train with.
const COMMON_LENGTHS: [usize; 5] = [32, 64, 128, 256, 512];

/// Lengths of texts in tokens, special ones included.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lengths {
    /// Texts that were looked at.
    pub texts: usize,
    /// The longest row that the encoder reads.
    pub limit: usize,
    /// The mean.
    pub mean: f64,
    /// Half of the texts are no longer.
    pub median: usize,
    /// 95 of 100 texts are no longer.
    pub percentile_95: usize,
    /// The longest.
    pub longest: usize,
    /// Texts that would be cut at some lengths up to the limit.
    pub cut: Vec<Cut>,
    /// Share of the tokens that stand for what the vocabulary does not have; `None` where the
    /// tokenizer knows everything, byte by byte if need be.
    pub unknown_tokens: Option<f64>,
    /// Tokens of a word, special ones left out: 1.1 to 1.6 where the vocabulary is of the
    /// language.
    pub tokens_per_word: Option<f64>,
}

/// Texts that do not fit a length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cut {
    /// The length in tokens.
    pub length: usize,
    /// Share of the texts that are longer.
    pub share: f64,
    /// Share of all tokens that would be lost.
    pub tokens: f64,
}

/// Encodes `texts` as they are, and says how long they get. The rows come with it, cut to `limit`.
pub(super) fn lengths(
    cpu: &Cpu,
    tokenizer: &Tokenizer,
    texts: &[&str],
    limit: usize,
) -> Result<(Lengths, TokenRows), Error> {
    let encode = |max_length| {
        let texts: Vec<Text<'_>> = texts.iter().map(|&text| text.into()).collect();
        TokenRows::encode(cpu, tokenizer, &texts, Fit::cut(max_length))
    };
    let whole = encode(usize::MAX)?;
    let special = tokenizer.n_special(false)?;
    let mut sorted = whole.lengths();
    sorted.sort_unstable();
    let tokens = whole.tokens();
    let of_texts = tokens - (special * sorted.len()) as u64;
    let words: usize = texts
        .iter()
        .map(|text| text.split_whitespace().count())
        .sum();
    let unknown = tokenizer.unknown_id().map(|id| {
        let unknown = whole
            .windows()
            .map(|window| window.ids.iter().filter(|&&token| token == id).count());
        unknown.sum::<usize>() as f64 / of_texts.max(1) as f64
    });
    let common = COMMON_LENGTHS.into_iter().filter(|length| *length < limit);
    let lengths = Lengths {
        texts: sorted.len(),
        limit,
        mean: tokens as f64 / sorted.len().max(1) as f64,
        median: quantile(&sorted, 0.5),
        percentile_95: quantile(&sorted, 0.95),
        longest: sorted.last().copied().unwrap_or(0),
        cut: common
            .chain([limit])
            .map(|length| cut(&sorted, length))
            .collect(),
        unknown_tokens: unknown,
        tokens_per_word: (words > 0).then(|| of_texts as f64 / words as f64),
    };
    Ok((lengths, encode(limit)?))
}

fn quantile(sorted: &[usize], share: f64) -> usize {
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or(0)
}

fn cut(sorted: &[usize], length: usize) -> Cut {
    let longer = &sorted[sorted.partition_point(|tokens| *tokens <= length)..];
    let lost: usize = longer.iter().map(|tokens| tokens - length).sum();
    let all: usize = sorted.iter().sum();
    Cut {
        length,
        share: longer.len() as f64 / sorted.len().max(1) as f64,
        tokens: lost as f64 / all.max(1) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_cuts_are_those_of_the_list() {
        let sorted: Vec<usize> = (1..=100).collect();
        assert_eq!(
            [0.5, 0.95, 1.0].map(|share| quantile(&sorted, share)),
            [50, 95, 100]
        );
        assert_eq!((quantile(&[], 0.5), quantile(&[7], 0.5)), (0, 7));
        let found = cut(&sorted, 90);
        assert_eq!((found.length, found.share), (90, 0.1));
        assert!((found.tokens - 55.0 / 5050.0).abs() < 1e-12);
        assert_eq!(cut(&[], 8).share, 0.0);
    }
}
