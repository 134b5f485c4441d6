//! How well the logits of one label rank its texts and how well they fit, without a threshold.

use multihot_table::Cell;

use crate::scores::{Logits, softplus};

use super::counts::share;

/// The known cells of one label with their logits, the highest first.
pub(super) struct Ranking {
    sorted: Vec<(f32, bool)>,
    positives: usize,
}

impl Ranking {
    /// Collects the known cells of `label`.
    pub fn of(label: usize, logits: &Logits, cells: &[Cell]) -> Self {
        let logits_and_cells = logits.values().iter().zip(cells);
        let of_label = logits_and_cells.skip(label).step_by(logits.n_labels());
        let known = of_label.filter_map(|(&logit, cell)| match cell {
            Cell::Yes => Some((logit, true)),
            Cell::No => Some((logit, false)),
            Cell::Unknown => None,
        });
        Self::new(known.collect())
    }

    fn new(mut sorted: Vec<(f32, bool)>) -> Self {
        // Stable, and whole even where a logit is NaN.
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let positives = sorted.iter().filter(|(_, yes)| *yes).count();
        Self { sorted, positives }
    }

    /// Known cells.
    pub fn known(&self) -> usize {
        self.sorted.len()
    }

    /// Known cells that say yes.
    pub fn positives(&self) -> usize {
        self.positives
    }

    /// The chance that a yes text has a higher logit than a no text, a tie counting one half.
    pub fn roc_auc(&self) -> Option<f64> {
        self.check_rankable()?;
        let mut above = 0;
        let mut twice_ordered = 0.0;
        for (yes, no) in self.ties() {
            twice_ordered += no as f64 * (2 * above + yes) as f64;
            above += yes;
        }
        let negatives = self.known() - self.positives;
        Some(twice_ordered / (2.0 * self.positives as f64 * negatives as f64))
    }

    /// The sum of precisions at each distinct logit, weighted with the recall gained there: exact,
    /// not interpolated, and independent of the order within a tie.
    pub fn average_precision(&self) -> Option<f64> {
        self.check_rankable()?;
        let (mut found, mut seen, mut sum) = (0, 0, 0.0);
        for (yes, no) in self.ties() {
            found += yes;
            seen += yes + no;
            sum += yes as f64 * share(found, seen)?;
        }
        Some(sum / self.positives as f64)
    }

    /// Sum of the binary cross-entropy over the known cells.
    pub fn loss_sum(&self) -> f64 {
        let loss = |&(logit, yes): &(f32, bool)| {
            let logit = f64::from(logit);
            softplus(if yes { -logit } else { logit })
        };
        self.sorted.iter().map(loss).sum()
    }

    /// Both values must be there, and no logit may be NaN, which has no rank.
    fn check_rankable(&self) -> Option<()> {
        let both = self.positives > 0 && self.positives < self.known();
        (both && !self.sorted.iter().any(|(logit, _)| logit.is_nan())).then_some(())
    }

    /// Yes and no cells at each distinct logit, the highest first.
    fn ties(&self) -> impl Iterator<Item = (usize, usize)> {
        self.sorted.chunk_by(|a, b| a.0 == b.0).map(|tie| {
            let yes = tie.iter().filter(|(_, yes)| *yes).count();
            (yes, tie.len() - yes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Logits of known cells, and what the cells say.
    type Known<'a> = &'a [(f32, bool)];

    fn ranking(cells: Known<'_>) -> Ranking {
        Ranking::new(cells.to_vec())
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
            assert_eq!(ranking(cells).roc_auc(), Some(roc_auc), "{name}");
            let actual = ranking(cells).average_precision().unwrap();
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
            assert_eq!(ranking(cells).roc_auc(), None, "{name}");
            assert_eq!(ranking(cells).average_precision(), None, "{name}");
        }
    }

    #[test]
    fn loss_is_finite_far_out() {
        let cases = [
            (1e4, true, 0.0),
            (1e4, false, 1e4),
            (-110.0, true, 110.0),
            (0.0, true, 2_f64.ln()),
        ];
        for (logit, yes, expected) in cases {
            assert!(
                (ranking(&[(logit, yes)]).loss_sum() - expected).abs() < 1e-12,
                "{logit} {yes}"
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
            prop_assert_eq!(ranking(&cells).roc_auc(), ranking(&mapped).roc_auc());
            let average_precision = ranking(&cells).average_precision();
            prop_assert_eq!(average_precision, ranking(&mapped).average_precision());
        }

        #[test]
        fn turning_logits_and_cells_round_keeps_roc_auc(cells in cells()) {
            let turned: Vec<_> = cells.iter().map(|&(x, yes)| (-x, !yes)).collect();
            prop_assert_eq!(ranking(&cells).roc_auc(), ranking(&turned).roc_auc());
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
            prop_assert_eq!(ranking(&cells).roc_auc(), expected);
        }
    }
}
