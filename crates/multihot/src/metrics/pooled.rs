//! All known cells as one ranking, whatever their label: what `micro` figures are of.

use super::Judged;
use super::counts::known;
use super::curves::{Curve, Tie, logit_of, rank};

/// Values that a thread sorts at a time.
const CHUNK: usize = 1 << 18;

/// The curve of all known cells; none where a logit is NaN.
pub(super) fn curve(judged: &Judged<'_>) -> Curve {
    // Apart, as a bit more for the cell would double the memory.
    let (mut yes, mut no) = (Vec::new(), Vec::new());
    for (&logit, &cell) in judged.log_odds.values().iter().zip(judged.cells) {
        let Some(is_yes) = known(cell) else { continue };
        if logit.is_nan() {
            return Curve::default();
        }
        if is_yes { &mut yes } else { &mut no }.push(rank(logit));
    }
    for ranks in [&mut yes, &mut no] {
        let sort = |_, chunk: &mut [u32]| chunk.sort_unstable();
        judged.pool.for_each_chunk(ranks, CHUNK, sort);
        // Finds the sorted chunks and merges them.
        ranks.sort();
    }
    Curve::of(ties(&yes, &no))
}

/// Yes and no cells at each distinct logit, the highest first, from sorted ranks.
fn ties(mut yes: &[u32], mut no: &[u32]) -> impl Iterator<Item = Tie> {
    std::iter::from_fn(move || {
        let next = yes.first().into_iter().chain(no.first()).min().copied()?;
        Some(Tie {
            logit: logit_of(next),
            yes: take(&mut yes, next),
            no: take(&mut no, next),
        })
    })
}

/// Takes what is `wanted` from the front of `ranks`, and says how many that were.
fn take(ranks: &mut &[u32], wanted: u32) -> usize {
    let n = ranks.iter().take_while(|&&rank| rank == wanted).count();
    *ranks = &ranks[n..];
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_of_two_lists_come_in_order() {
        let ranks = |logits: &[f32]| logits.iter().map(|&logit| rank(logit)).collect::<Vec<_>>();
        let (yes, no) = (ranks(&[3.0, 1.0, 1.0]), ranks(&[2.0, 1.0, -1.0]));
        let tie = |logit, yes, no| Tie { logit, yes, no };
        let expected = [
            tie(3.0, 1, 0),
            tie(2.0, 0, 1),
            tie(1.0, 2, 1),
            tie(-1.0, 0, 1),
        ];
        assert_eq!(ties(&yes, &no).collect::<Vec<_>>(), expected);
        assert_eq!(ties(&[], &[]).count(), 0);
    }
}
