//! What becomes of one label at each threshold, and how far its probabilities can be trusted.

use serde::Serialize;

use crate::metrics::counts::{Counts, share};

/// Steps from threshold 0 to 1, and from no yes cell found to all of them.
const STEPS: usize = 100;
/// Most bins of a reliability diagram.
const MOST_BINS: usize = 15;
/// Fewest cells that make a bin of their own: with fewer a share of yes is mostly noise.
const CELLS_OF_A_BIN: usize = 10;

/// A known cell: its probability, and whether it says yes.
pub(super) type KnownCell = (f32, bool);

/// Exact counts of one label at some 200 thresholds, whatever the number of rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Curve {
    /// Rising; a probability from there on is a yes.
    pub thresholds: Vec<f32>,
    /// Yes cells found, at each.
    pub tp: Vec<usize>,
    /// No cells taken for yes, at each.
    pub fp: Vec<usize>,
    /// Place of the stored threshold.
    pub stored: usize,
}

impl Curve {
    /// Counts `ranked` cells, from the highest probability down, at each hundredth of the
    /// threshold, at each hundredth of the yes cells (at every one, where there are no more than
    /// that), and at the `stored` threshold.
    pub fn of(ranked: &[KnownCell], stored: f32) -> Self {
        let found: Vec<usize> = std::iter::once(0)
            .chain(ranked.iter().scan(0, |found, (_, yes)| {
                *found += usize::from(*yes);
                Some(*found)
            }))
            .collect();
        let thresholds = thresholds(ranked, stored);
        let taken = |threshold: &f32| ranked.partition_point(|(p, _)| p >= threshold);
        let taken: Vec<usize> = thresholds.iter().map(taken).collect();
        Self {
            stored: thresholds.partition_point(|threshold| *threshold < stored),
            tp: taken.iter().map(|&taken| found[taken]).collect(),
            fp: taken.iter().map(|&taken| taken - found[taken]).collect(),
            thresholds,
        }
    }

    /// The counts at place `at`, of a label with so many yes and no cells.
    pub fn counts(&self, at: usize, positives: usize, negatives: usize) -> Counts {
        let (tp, fp) = (self.tp[at], self.fp[at]);
        Counts {
            tp,
            fp,
            fn_: positives - tp,
            tn: negatives - fp,
        }
    }

    /// The place of `threshold`, one of the hundredths.
    pub fn place(&self, threshold: f32) -> usize {
        self.thresholds.partition_point(|other| *other < threshold)
    }
}

fn thresholds(ranked: &[KnownCell], stored: f32) -> Vec<f32> {
    let yes = ranked.iter().filter(|(p, yes)| *yes && p.is_finite());
    let yes: Vec<f32> = yes.map(|(p, _)| *p).collect();
    let steps = STEPS.min(yes.len());
    let at_yes = (1..=steps).map(|step| yes[step * yes.len() / steps - 1]);
    let hundredths = (0..=STEPS).map(|step| step as f32 / STEPS as f32);
    let mut thresholds: Vec<f32> = hundredths.chain(at_yes).chain([stored]).collect();
    thresholds.sort_by(f32::total_cmp);
    thresholds.dedup();
    thresholds
}

/// Cells of neighbouring probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Bin {
    /// Their mean probability.
    pub probability: Option<f64>,
    /// How many of them say yes.
    pub yes: usize,
    /// How many there are.
    pub cells: usize,
}

/// `ranked` cells in bins of equally many, the lowest probabilities first.
pub(super) fn reliability(ranked: &[KnownCell]) -> Vec<Bin> {
    let n = ranked.len();
    let bins = (n / CELLS_OF_A_BIN).clamp(1, MOST_BINS);
    let of_bin = |bin| {
        let cells = &ranked[bin * n / bins..(bin + 1) * n / bins];
        let sum: f64 = cells.iter().map(|(p, _)| f64::from(*p)).sum();
        Bin {
            probability: share(1, cells.len()).map(|one| sum * one),
            yes: cells.iter().filter(|(_, yes)| *yes).count(),
            cells: cells.len(),
        }
    };
    (0..bins).rev().map(of_bin).collect()
}

/// From the highest probability down; what is no number goes last, as it is never a yes.
pub(super) fn rank(mut cells: Vec<KnownCell>) -> Vec<KnownCell> {
    let key = |p: f32| if p.is_nan() { f32::NEG_INFINITY } else { p };
    cells.sort_unstable_by(|a, b| key(b.0).total_cmp(&key(a.0)));
    cells
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn brute_force(cells: &[KnownCell], threshold: f32) -> (usize, usize) {
        let taken = |wanted: bool| {
            let taken = cells
                .iter()
                .filter(|(p, yes)| *p >= threshold && *yes == wanted);
            taken.count()
        };
        (taken(true), taken(false))
    }

    fn cells() -> impl Strategy<Value = Vec<KnownCell>> {
        let probability = prop_oneof![
            9 => (0..=40_u8).prop_map(|p| f32::from(p) / 40.0),
            9 => 0.0..=1.0_f32,
            1 => Just(f32::NAN),
        ];
        prop::collection::vec((probability, any::<bool>()), 0..400)
    }

    proptest! {
        #[test]
        fn counts_are_those_of_brute_force(cells in cells(), stored in 0.0..=1.0_f32) {
            let curve = Curve::of(&rank(cells.clone()), stored);
            for (at, &threshold) in curve.thresholds.iter().enumerate() {
                prop_assert_eq!((curve.tp[at], curve.fp[at]), brute_force(&cells, threshold));
            }
            prop_assert_eq!(curve.thresholds[curve.stored], stored);
            prop_assert!(curve.thresholds.is_sorted_by(|a, b| a < b));
            prop_assert!(curve.thresholds.len() <= 2 * STEPS + 2);
            prop_assert_eq!(curve.thresholds[curve.place(0.5)], 0.5);
        }

        #[test]
        fn every_yes_cell_is_a_point_where_they_are_few(cells in cells()) {
            let yes = cells.iter().filter(|(p, yes)| *yes && !p.is_nan());
            let yes: Vec<f32> = yes.map(|(p, _)| *p).collect();
            prop_assume!(yes.len() <= STEPS);
            let curve = Curve::of(&rank(cells), 0.5);
            prop_assert!(yes.iter().all(|p| curve.thresholds.contains(p)));
        }

        #[test]
        fn bins_hold_every_cell_once(cells in cells()) {
            let bins = reliability(&rank(cells.clone()));
            prop_assert_eq!(bins.iter().map(|bin| bin.cells).sum::<usize>(), cells.len());
            let yes = cells.iter().filter(|(_, yes)| *yes).count();
            prop_assert_eq!(bins.iter().map(|bin| bin.yes).sum::<usize>(), yes);
            let rising: Vec<f64> = bins.iter().filter_map(|bin| bin.probability).collect();
            let rising: Vec<f64> = rising.into_iter().filter(|p| !p.is_nan()).collect();
            prop_assert!(rising.is_sorted_by(|a, b| *a <= b + 1e-12));
        }
    }

    #[test]
    fn a_million_cells_are_some_two_hundred_points() {
        let cells = (0..1_000_000_u32).map(|i| (i as f32 / 1e6, i % 7 == 0));
        let curve = Curve::of(&rank(cells.collect()), 0.123_456);
        assert!(curve.thresholds.len() > 150 && curve.thresholds.len() <= 202);
        let counts = curve.counts(curve.place(0.5), 142_858, 857_142);
        assert_eq!((counts.tp, counts.tp + counts.fp), (71_429, 500_000));
        assert_eq!(counts.known(), 1_000_000);
    }

    #[test]
    fn no_cell_is_a_curve_of_nothing() {
        let curve = Curve::of(&[], 0.5);
        assert_eq!(curve.thresholds.len(), 101);
        assert!(curve.tp.iter().chain(&curve.fp).all(|&count| count == 0));
        let nothing = Bin {
            probability: None,
            yes: 0,
            cells: 0,
        };
        assert_eq!(reliability(&[]), [nothing]);
    }

    #[test]
    fn a_bin_is_ten_cells_or_more() {
        let cells: Vec<KnownCell> = (0..25).map(|i| (i as f32 / 25.0, i >= 20)).collect();
        let bins = reliability(&rank(cells));
        let sizes: Vec<(usize, usize)> = bins.iter().map(|bin| (bin.cells, bin.yes)).collect();
        assert_eq!(sizes, [(13, 0), (12, 5)]);
    }
}
