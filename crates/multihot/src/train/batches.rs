//! Which rows go through the encoder together.
//!
//! A batch is packed: its rows stand one behind the other without a pad token, and each attends
//! to itself alone. Rows of like length side by side would save nothing, so the order is chance
//! and the lengths serve only to fill a token budget.

use multihot_kernels::random;
use serde::{Deserialize, Serialize};

/// Tells this use of the seed from the others.
const PURPOSE: u64 = 0x6261_7463_6865_7301;

/// Batches kept open while rows are dealt out to a token budget: enough that a short row finds
/// a gap, too few for the short rows of an epoch to gather in its last batches.
const OPEN_BATCHES: usize = 8;

/// How much one batch holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchSize {
    /// This many rows, the last batch of an epoch perhaps fewer.
    Rows(usize),
    /// At most this many tokens; a row with more has a batch to itself.
    Tokens(usize),
}

/// Deals the rows of one epoch, given by their `lengths` in tokens, into batches of row indices.
///
/// Every row is in exactly one batch. The order is new in each epoch and the same for the same seed.
///
/// # Panics
///
/// When `size` is zero rows.
pub fn batches(lengths: &[usize], size: BatchSize, seed: u64, epoch: u32) -> Vec<Vec<usize>> {
    let mut rows: Vec<usize> = (0..lengths.len()).collect();
    random::shuffle(random::key(seed, &[PURPOSE, epoch.into()]), &mut rows);
    match size {
        BatchSize::Rows(n) => rows.chunks(n).map(<[usize]>::to_vec).collect(),
        BatchSize::Tokens(budget) => fill(&rows, lengths, budget),
    }
}

/// Puts each of `rows` into the first open batch with room for it.
fn fill(rows: &[usize], lengths: &[usize], budget: usize) -> Vec<Vec<usize>> {
    let mut full = Vec::new();
    let mut open: Vec<(usize, Vec<usize>)> = Vec::new();
    for &row in rows {
        let length = lengths[row];
        match open
            .iter_mut()
            .find(|(tokens, _)| tokens.saturating_add(length) <= budget)
        {
            Some((tokens, batch)) => {
                *tokens += length;
                batch.push(row);
            }
            None => open.push((length, vec![row])),
        }
        if open.len() > OPEN_BATCHES {
            full.push(take_fullest(&mut open));
        }
    }
    full.extend(open.into_iter().map(|(_, batch)| batch));
    full
}

/// Removes the batch with the most tokens, the oldest of them where several have as many.
fn take_fullest(open: &mut Vec<(usize, Vec<usize>)>) -> Vec<usize> {
    let most = open.iter().map(|&(tokens, _)| tokens).max();
    let fullest = open.iter().position(|&(tokens, _)| Some(tokens) == most);
    open.remove(fullest.expect("only called with open batches"))
        .1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sizes() -> impl Strategy<Value = BatchSize> {
        prop_oneof![
            (1..40_usize).prop_map(BatchSize::Rows),
            (1..300_usize).prop_map(BatchSize::Tokens),
        ]
    }

    proptest! {
        #[test]
        fn every_row_is_dealt_once(
            lengths in prop::collection::vec(1..120_usize, 0..200),
            size in sizes(),
            seed: u64,
            epoch in 0..5_u32,
        ) {
            let mut dealt = batches(&lengths, size, seed, epoch).concat();
            dealt.sort_unstable();
            prop_assert_eq!(dealt, (0..lengths.len()).collect::<Vec<_>>());
        }

        #[test]
        fn no_batch_is_too_large(
            lengths in prop::collection::vec(1..120_usize, 0..200),
            size in sizes(),
            seed: u64,
        ) {
            for batch in batches(&lengths, size, seed, 0) {
                prop_assert!(!batch.is_empty());
                let tokens: usize = batch.iter().map(|&row| lengths[row]).sum();
                match size {
                    BatchSize::Rows(n) => prop_assert!(batch.len() <= n),
                    BatchSize::Tokens(n) => prop_assert!(tokens <= n || batch.len() == 1),
                }
            }
        }

        #[test]
        fn the_seed_decides(
            lengths in prop::collection::vec(1..120_usize, 0..200),
            size in sizes(),
            seed: u64,
        ) {
            prop_assert_eq!(batches(&lengths, size, seed, 3), batches(&lengths, size, seed, 3));
        }
    }

    #[test]
    fn each_epoch_and_each_seed_has_its_own_order() {
        let lengths = [5; 100];
        let order = |seed, epoch| batches(&lengths, BatchSize::Rows(8), seed, epoch).concat();
        assert_ne!(order(1, 0), order(1, 1));
        assert_ne!(order(1, 0), order(2, 0));
    }

    #[test]
    fn batches_of_rows_are_whole_but_for_the_last() {
        let sizes: Vec<usize> = batches(&[3; 70], BatchSize::Rows(32), 0, 0)
            .iter()
            .map(Vec::len)
            .collect();
        assert_eq!(sizes, [32, 32, 6]);
    }

    #[test]
    fn a_token_budget_is_well_used() {
        // Lengths of posts: most short, some cut off at 64.
        let lengths: Vec<usize> = (0..2000).map(|i| 5 + (i * i * 7 + i * 13) % 60).collect();
        let tokens: usize = lengths.iter().sum();
        let n = batches(&lengths, BatchSize::Tokens(1024), 9, 0).len();
        assert!(
            n as f64 <= 1.03 * tokens as f64 / 1024.0 + 1.0,
            "{n} batches for {tokens} tokens"
        );
    }

    #[test]
    fn a_row_above_the_budget_stands_alone() {
        let dealt = batches(&[500, 10, 10], BatchSize::Tokens(100), 0, 0);
        assert_eq!(dealt.len(), 2);
        assert!(dealt.contains(&vec![0]));
    }

    #[test]
    fn no_rows_make_no_batches() {
        assert!(batches(&[], BatchSize::Rows(4), 0, 0).is_empty());
        assert!(batches(&[], BatchSize::Tokens(4), 0, 0).is_empty());
    }
}
