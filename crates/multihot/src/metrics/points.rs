//! The best that some threshold reaches while another figure is held at 0.9.

use serde::Serialize;

use super::counts::Counts;
use super::curves::Tie;

/// Where the other figure is held.
const HELD: f64 = 0.9;

/// What the best threshold reaches, each figure with its own; `None` where no threshold does, or
/// where only one value occurs.
///
/// They are torchmetrics' `recall_at_fixed_precision` and its three relatives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct OperatingPoints {
    /// The highest recall at a precision of at least 0.9.
    #[serde(rename = "recall_at_precision_0.9")]
    pub recall_at_precision: Option<f64>,
    /// The highest precision at a recall of at least 0.9.
    #[serde(rename = "precision_at_recall_0.9")]
    pub precision_at_recall: Option<f64>,
    /// The highest recall (sensitivity) at a specificity of at least 0.9.
    #[serde(rename = "sensitivity_at_specificity_0.9")]
    pub sensitivity_at_specificity: Option<f64>,
    /// The highest specificity at a recall (sensitivity) of at least 0.9.
    #[serde(rename = "specificity_at_sensitivity_0.9")]
    pub specificity_at_sensitivity: Option<f64>,
}

impl OperatingPoints {
    /// The best points of `ties`, the highest logit first, with `positives` yes and `negatives`
    /// no cells in all.
    pub(super) fn of(ties: impl Iterator<Item = Tie>, positives: usize, negatives: usize) -> Self {
        let mut best = Self::default();
        if positives == 0 || negatives == 0 {
            return best;
        }
        let mut counts = Counts {
            fn_: positives,
            tn: negatives,
            ..Counts::default()
        };
        best.consider(counts);
        for Tie { yes, no, .. } in ties {
            counts.tp += yes;
            counts.fn_ -= yes;
            counts.fp += no;
            counts.tn -= no;
            best.consider(counts);
        }
        best
    }

    /// Takes the decisions at one more threshold into account.
    fn consider(&mut self, counts: Counts) {
        let (precision, recall) = (counts.precision(), counts.recall());
        let specificity = counts.specificity();
        raise(&mut self.recall_at_precision, recall, precision);
        raise(&mut self.precision_at_recall, precision, recall);
        raise(&mut self.sensitivity_at_specificity, recall, specificity);
        raise(&mut self.specificity_at_sensitivity, specificity, recall);
    }
}

/// Raises `best` to `value` where `held` is high enough.
fn raise(best: &mut Option<f64>, value: Option<f64>, held: Option<f64>) {
    if held.is_some_and(|held| held >= HELD) && value > *best {
        *best = value;
    }
}

#[cfg(test)]
mod tests {
    use super::super::counts::share;
    use super::*;

    fn points(cells: &[(usize, usize)]) -> OperatingPoints {
        let ties = cells.iter().map(|&(yes, no)| Tie {
            logit: 0.0,
            yes,
            no,
        });
        let (positives, negatives) = cells
            .iter()
            .fold((0, 0), |(p, n), (yes, no)| (p + yes, n + no));
        OperatingPoints::of(ties, positives, negatives)
    }

    #[test]
    fn points_are_those_worked_out_by_hand() {
        // Yes and no cells at each logit: 9 and 1 of 10 yes cells are found at 9/10 and 10/15.
        let actual = points(&[(9, 1), (1, 4), (0, 5)]);
        assert_eq!(actual.recall_at_precision, share(9, 10));
        assert_eq!(actual.precision_at_recall, share(9, 10));
        assert_eq!(actual.sensitivity_at_specificity, share(9, 10));
        assert_eq!(actual.specificity_at_sensitivity, share(9, 10));
    }

    #[test]
    fn what_no_threshold_reaches_is_none() {
        let actual = points(&[(1, 1), (1, 1)]);
        assert_eq!(actual.recall_at_precision, None);
        assert_eq!(actual.precision_at_recall, Some(0.5));
        // Deciding no always is right about every no.
        assert_eq!(actual.sensitivity_at_specificity, Some(0.0));
        for one_value in [&[(3, 0)][..], &[(0, 2)], &[]] {
            assert_eq!(points(one_value), OperatingPoints::default());
        }
    }
}
