//! How well the logits of some cells rank them, without a threshold.

use serde::Serialize;

/// Known cells that share a logit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tie {
    pub logit: f32,
    pub yes: usize,
    pub no: usize,
}

/// The two figures of a ranking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Curve<T = Option<f64>> {
    /// Area under the ROC curve: the chance that a yes has a higher logit than a no, a tie
    /// counting one half.
    pub roc_auc: T,
    /// Area under the steps of precision and recall: the precision at each distinct logit,
    /// weighted with the recall gained there. Exact, not interpolated.
    pub average_precision: T,
}

impl Curve {
    /// The figures of `ties`, the highest logit first; none unless both values occur.
    pub(super) fn of(ties: impl Iterator<Item = Tie>) -> Self {
        let (mut found, mut seen) = (0, 0);
        let (mut twice_ordered, mut sum) = (0.0, 0.0);
        for Tie { yes, no, .. } in ties {
            twice_ordered += no as f64 * (2 * found + yes) as f64;
            found += yes;
            seen += yes + no;
            sum += yes as f64 * (found as f64 / seen as f64);
        }
        if found == 0 || found == seen {
            return Self::default();
        }
        let pairs = found as f64 * (seen - found) as f64;
        Self {
            roc_auc: Some(twice_ordered / (2.0 * pairs)),
            average_precision: Some(sum / found as f64),
        }
    }
}

/// The known cells of one label, the highest logit first.
pub(crate) struct Ranking {
    sorted: Vec<RankedCell>,
    positives: usize,
    has_nan: bool,
}

/// A logit, a cell and the row's [group](super::bootstrap) in one number, smaller where the logit
/// is higher. Sorting numbers is several times as fast as sorting pairs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RankedCell(u64);

impl RankedCell {
    fn new(logit: f32, yes: bool, group: u16) -> Self {
        // The group last: within a tie it changes no figure, and no rounding either.
        Self(u64::from(rank(logit)) << 32 | u64::from(yes) << 16 | u64::from(group))
    }

    fn rank(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub fn logit(self) -> f32 {
        logit_of(self.rank())
    }

    pub fn is_yes(self) -> bool {
        self.0 >> 16 & 1 == 1
    }

    pub fn group(self) -> u16 {
        self.0 as u16
    }
}

/// A number that is smaller where `logit` is higher, the same for both zeros.
pub(super) fn rank(logit: f32) -> u32 {
    // -0 + 0 is 0.
    let bits = (logit + 0.0).to_bits();
    // As IEEE 754 lays numbers out, those below 0 rise with their bits, the others fall with them.
    if bits >> 31 == 1 {
        bits
    } else {
        !bits & (u32::MAX >> 1)
    }
}

/// The logit of a [`rank`].
pub(super) fn logit_of(rank: u32) -> f32 {
    f32::from_bits(if rank >> 31 == 1 {
        rank
    } else {
        !rank & (u32::MAX >> 1)
    })
}

impl Ranking {
    /// Ranks known cells: the logit, whether the cell says yes, the group of its row.
    pub fn new(cells: impl Iterator<Item = (f32, bool, u16)>) -> Self {
        let (mut positives, mut has_nan) = (0, false);
        let mut sorted: Vec<RankedCell> = cells
            .map(|(logit, yes, group)| {
                positives += usize::from(yes);
                has_nan |= logit.is_nan();
                RankedCell::new(logit, yes, group)
            })
            .collect();
        sorted.sort_unstable();
        Self {
            sorted,
            positives,
            has_nan,
        }
    }

    /// The cells, the highest logit first.
    pub fn cells(&self) -> &[RankedCell] {
        &self.sorted
    }

    /// Known cells.
    pub fn known(&self) -> usize {
        self.sorted.len()
    }

    /// Known cells that say yes.
    pub fn positives(&self) -> usize {
        self.positives
    }

    /// The figures of the ranking; none where a logit is NaN, which has no rank.
    pub fn curve(&self) -> Curve {
        if self.has_nan {
            return Curve::default();
        }
        Curve::of(self.ties())
    }

    /// Whether a logit is NaN.
    pub fn has_nan(&self) -> bool {
        self.has_nan
    }

    /// Yes and no cells at each distinct logit, the highest first.
    pub fn ties(&self) -> impl DoubleEndedIterator<Item = Tie> {
        let ties = self.sorted.chunk_by(|a, b| a.rank() == b.rank());
        ties.map(|tie| {
            let yes = tie.iter().filter(|cell| cell.is_yes()).count();
            Tie {
                logit: tie[0].logit(),
                yes,
                no: tie.len() - yes,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Logits of known cells, and what the cells say.
    type Known<'a> = &'a [(f32, bool)];

    fn curve(cells: Known<'_>) -> Curve {
        Ranking::new(cells.iter().map(|&(logit, yes)| (logit, yes, 0))).curve()
    }

    #[test]
    fn curves_are_those_worked_out_by_hand() {
        let cases: [(&str, Known<'_>, f64, f64); 6] = [
            ("perfect", &[(2.0, true), (1.0, false)], 1.0, 1.0),
            ("reversed", &[(2.0, false), (1.0, true)], 0.0, 0.5),
            (
                "all tied",
                &[(1.0, true), (1.0, false), (1.0, false), (1.0, false)],
                0.5,
                0.25,
            ),
            ("signed zeros tie", &[(0.0, false), (-0.0, true)], 0.5, 0.5),
            (
                "the example of scikit-learn",
                &[(0.1, false), (0.4, false), (0.35, true), (0.8, true)],
                0.75,
                5.0 / 6.0,
            ),
            (
                "a tie in the middle",
                &[(3.0, true), (2.0, true), (2.0, false), (1.0, false)],
                0.875,
                5.0 / 6.0,
            ),
        ];
        for (name, cells, roc_auc, average_precision) in cases {
            assert_eq!(curve(cells).roc_auc, Some(roc_auc), "{name}");
            let actual = curve(cells).average_precision.unwrap();
            assert!(
                (actual - average_precision).abs() < 1e-12,
                "{name}: {actual}"
            );
        }
    }

    #[test]
    fn what_cannot_be_ranked_has_no_curve() {
        let cases: [(&str, Known<'_>); 4] = [
            ("nothing known", &[]),
            ("always true", &[(1.0, true), (2.0, true)]),
            ("never true", &[(1.0, false)]),
            ("a NaN", &[(1.0, true), (f32::NAN, false)]),
        ];
        for (name, cells) in cases {
            assert_eq!(curve(cells).roc_auc, None, "{name}");
            assert_eq!(curve(cells).average_precision, None, "{name}");
        }
    }

    #[test]
    fn ranks_fall_as_logits_rise() {
        let logits = [
            f32::INFINITY,
            1e30,
            1.5,
            1e-40,
            0.0,
            -1e-40,
            -2.0,
            f32::NEG_INFINITY,
        ];
        assert!(logits.is_sorted_by(|&a, &b| rank(a) < rank(b)));
        for logit in logits {
            assert_eq!(logit_of(rank(logit)), logit);
        }
    }

    #[test]
    fn a_ranked_cell_keeps_what_it_was_made_of() {
        for (logit, yes, group) in [(-0.5, true, 999), (7.0, false, 0), (0.0, true, u16::MAX)] {
            let cell = RankedCell::new(logit, yes, group);
            assert_eq!(
                (cell.logit(), cell.is_yes(), cell.group()),
                (logit, yes, group)
            );
        }
    }

    /// Few distinct logits, so that ties are common.
    fn cells() -> impl Strategy<Value = Vec<(f32, bool)>> {
        prop::collection::vec(
            ((-8..8_i8).prop_map(|x| f32::from(x) / 2.0), any::<bool>()),
            2..60,
        )
    }

    proptest! {
        #[test]
        fn a_rising_map_changes_no_curve(cells in cells()) {
            let mapped: Vec<_> = cells.iter().map(|&(x, yes)| (3.0 * x.exp() - 7.0, yes)).collect();
            prop_assert_eq!(curve(&cells).roc_auc, curve(&mapped).roc_auc);
            let average_precision = curve(&cells).average_precision;
            prop_assert_eq!(average_precision, curve(&mapped).average_precision);
        }

        #[test]
        fn turning_logits_and_cells_round_keeps_roc_auc(cells in cells()) {
            let turned: Vec<_> = cells.iter().map(|&(x, yes)| (-x, !yes)).collect();
            prop_assert_eq!(curve(&cells).roc_auc, curve(&turned).roc_auc);
        }

        #[test]
        fn roc_auc_is_the_share_of_ordered_pairs(cells in cells()) {
            let (mut ordered, mut pairs) = (0.0, 0.0);
            for (a, _) in cells.iter().filter(|(_, yes)| *yes) {
                for (b, _) in cells.iter().filter(|(_, yes)| !yes) {
                    ordered += if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
                    pairs += 1.0;
                }
            }
            let expected = (pairs > 0.0).then(|| ordered / pairs);
            prop_assert_eq!(curve(&cells).roc_auc, expected);
        }
    }
}
