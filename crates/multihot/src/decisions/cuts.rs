//! All ways to cut the ranked cells of a label in two, each with what it gets right.

use std::iter::Peekable;

/// A cut: the cells from `lowest_yes` up are answered with yes, those below it with no.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    /// Yes cells among those answered with yes.
    pub tp: usize,
    /// No cells among them.
    pub fp: usize,
    /// The lowest probability that is a yes; `None` where none is.
    pub lowest_yes: Option<f32>,
    /// The highest probability that is a no; `None` where none is.
    pub highest_no: Option<f32>,
}

/// The smallest threshold that no probability reaches.
pub(super) const NEVER: f32 = 1.0_f32.next_up();

impl Cut {
    /// The threshold in the middle between the two sides: a probability from it on is a yes.
    ///
    /// Where everything is a yes it is half the lowest probability, where nothing is, halfway to
    /// 1, and [`NEVER`] where the highest probability is 1 itself.
    pub(super) fn threshold(self) -> f32 {
        match (self.lowest_yes, self.highest_no) {
            (None, None) => 0.5,
            (Some(yes), None) => yes / 2.0,
            (Some(yes), Some(no)) => middle(no, yes),
            (None, Some(no)) if no < 1.0 => middle(no, 1.0),
            (None, Some(_)) => NEVER,
        }
    }
}

/// The number halfway from `low` to a higher `high`, above `low` even where the two are neighbours.
fn middle(low: f32, high: f32) -> f32 {
    let middle = ((f64::from(low) + f64::from(high)) / 2.0) as f32;
    if middle > low { middle } else { high }
}

/// The cuts of `ranked` cells (probability, and whether the cell says yes), given from the highest
/// probability down. The first cut answers nothing with yes, the last everything; cells with the
/// same probability are never parted.
pub(super) fn cuts<I: Iterator<Item = (f32, bool)>>(ranked: I) -> Cuts<I> {
    Cuts {
        ranked: ranked.peekable(),
        next: Some(Cut {
            tp: 0,
            fp: 0,
            lowest_yes: None,
            highest_no: None,
        }),
    }
}

#[derive(Clone)]
pub(super) struct Cuts<I: Iterator<Item = (f32, bool)>> {
    ranked: Peekable<I>,
    /// The cut to give next, its `highest_no` still to be looked up.
    next: Option<Cut>,
}

impl<I: Iterator<Item = (f32, bool)>> Iterator for Cuts<I> {
    type Item = Cut;

    fn next(&mut self) -> Option<Cut> {
        let mut cut = self.next.take()?;
        let Some(&(probability, _)) = self.ranked.peek() else {
            return Some(cut);
        };
        cut.highest_no = Some(probability);
        let mut next = Cut {
            lowest_yes: Some(probability),
            highest_no: None,
            ..cut
        };
        while let Some((_, yes)) = self.ranked.next_if(|(other, _)| *other == probability) {
            if yes {
                next.tp += 1;
            } else {
                next.fp += 1;
            }
        }
        self.next = Some(next);
        Some(cut)
    }
}

/// The cut that is worth most, the one with fewest yes decisions among equals; `None` where every
/// cut is worth `None`.
pub(super) fn best(
    cuts: impl Iterator<Item = Cut>,
    worth: impl Fn(Cut) -> Option<f64>,
) -> Option<Cut> {
    let mut best: Option<(f64, Cut)> = None;
    for cut in cuts {
        if let Some(worth) = worth(cut)
            && best.is_none_or(|(highest, _)| worth > highest)
        {
            best = Some((worth, cut));
        }
    }
    best.map(|(_, cut)| cut)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_distinct_probability_is_a_cut_and_so_is_nothing() {
        let ranked = [(0.9, true), (0.5, false), (0.5, true), (0.25, false)];
        let all: Vec<(usize, usize, f32)> = cuts(ranked.into_iter())
            .map(|cut| (cut.tp, cut.fp, cut.threshold()))
            .collect();
        let expected = [(0, 0, 0.95), (1, 0, 0.7), (2, 1, 0.375), (2, 2, 0.125)];
        assert_eq!(all.len(), expected.len());
        for (actual, expected) in all.iter().zip(expected) {
            assert_eq!((actual.0, actual.1), (expected.0, expected.1));
            assert!((actual.2 - expected.2).abs() < 1e-6, "{actual:?}");
        }
    }

    #[test]
    fn neighbours_and_the_ends_are_parted() {
        let low = 0.3_f32;
        let high = low.next_up();
        assert_eq!(middle(low, high), high);
        let cut = cuts([(1.0, true)].into_iter()).next().unwrap();
        assert!(cut.threshold() > 1.0);
        let cut = cuts([(1.0_f32.next_down(), true)].into_iter())
            .next()
            .unwrap();
        assert_eq!(cut.threshold(), 1.0);
        assert_eq!(cuts(std::iter::empty()).next().unwrap().threshold(), 0.5);
        assert_eq!(cuts(std::iter::empty()).count(), 1);
    }

    proptest! {
        #[test]
        fn a_threshold_decides_as_its_cut_counts(
            mut cells in prop::collection::vec((0u8..20, any::<bool>()), 1..40)
        ) {
            cells.sort_by(|a, b| b.cmp(a));
            let cells: Vec<(f32, bool)> =
                cells.iter().map(|&(p, yes)| (f32::from(p) / 19.0, yes)).collect();
            for cut in cuts(cells.iter().copied()) {
                let threshold = cut.threshold();
                let yes = cells.iter().filter(|(p, _)| *p >= threshold);
                let (tp, all) = (yes.clone().filter(|(_, yes)| *yes).count(), yes.count());
                prop_assert_eq!((cut.tp, cut.fp), (tp, all - tp));
            }
        }
    }
}
