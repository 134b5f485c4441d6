//! How far probabilities are from the shares that turn out to be yes.

use serde::Serialize;

use crate::scores::sigmoid;

use super::counts::mean;
use super::curves::Tie;

/// Bins of probabilities, as torchmetrics has them by default.
const BINS: usize = 15;

/// How far the probabilities of one label are off, or the mean over labels; `None` where nothing is
/// known, or where a logit is NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CalibrationErrors {
    /// The mean squared distance of the probability from 0 or 1.
    pub brier: Option<f64>,
    /// Expected calibration error over 15 bins of equally many cells: the mean over the cells of
    /// the distance, in their bin, of the mean probability from the share of yes. Equal logits
    /// stay in one bin.
    pub ece: Option<f64>,
    /// The largest such distance of a bin.
    pub mce: Option<f64>,
    /// The same distances over 15 bins of equal width, as torchmetrics has them.
    pub equal_width: EqualWidth,
}

/// Calibration errors over bins of equal width, in three norms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct EqualWidth {
    /// The mean distance over the cells: the expected calibration error as it is most often given.
    pub l1: Option<f64>,
    /// The root of the mean squared distance.
    pub l2: Option<f64>,
    /// The largest distance.
    pub max: Option<f64>,
}

/// The cells of a bin.
#[derive(Clone, Copy, Default)]
struct Bin {
    cells: usize,
    yes: usize,
    probabilities: f64,
}

impl CalibrationErrors {
    /// The figures of `ties`, the lowest logit first, with `known` cells in all and no NaN.
    pub(crate) fn of(ties: impl Iterator<Item = Tie>, known: usize) -> Self {
        if known == 0 {
            return Self::default();
        }
        let (mut by_mass, mut by_width) = ([Bin::default(); BINS], [Bin::default(); BINS]);
        let (mut squares, mut seen) = (0.0, 0);
        for tie in ties {
            // Rounded as decisions and readers see it.
            let probability = f64::from(sigmoid(tie.logit.into()) as f32);
            let (yes, no) = (tie.yes as f64, tie.no as f64);
            squares += yes * (1.0 - probability).powi(2) + no * probability.powi(2);
            by_mass[seen * BINS / known].add(tie, probability);
            // 1 belongs to the last bin.
            let bin = (probability * BINS as f64) as usize;
            by_width[bin.min(BINS - 1)].add(tie, probability);
            seen += tie.yes + tie.no;
        }
        Self {
            brier: Some(squares / known as f64),
            ece: Some(l1(&by_mass, known)),
            mce: Some(largest(&by_mass)),
            equal_width: EqualWidth {
                l1: Some(l1(&by_width, known)),
                l2: Some(l2(&by_width, known)),
                max: Some(largest(&by_width)),
            },
        }
    }

    /// The mean of each figure over the labels that have it.
    pub(super) fn mean<'a>(labels: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let mean = |figure: fn(&Self) -> Option<f64>| mean(labels.clone().map(figure));
        Self {
            brier: mean(|label| label.brier),
            ece: mean(|label| label.ece),
            mce: mean(|label| label.mce),
            equal_width: EqualWidth {
                l1: mean(|label| label.equal_width.l1),
                l2: mean(|label| label.equal_width.l2),
                max: mean(|label| label.equal_width.max),
            },
        }
    }
}

impl Bin {
    fn add(&mut self, tie: Tie, probability: f64) {
        let cells = tie.yes + tie.no;
        self.cells += cells;
        self.yes += tie.yes;
        self.probabilities += cells as f64 * probability;
    }

    /// How far the mean probability is from the share of yes; 0 where nothing is in the bin.
    fn distance(self) -> f64 {
        (self.probabilities - self.yes as f64).abs() / self.cells.max(1) as f64
    }
}

fn l1(bins: &[Bin], known: usize) -> f64 {
    let weighted = bins.iter().map(|bin| bin.cells as f64 * bin.distance());
    weighted.sum::<f64>() / known as f64
}

fn l2(bins: &[Bin], known: usize) -> f64 {
    let weighted = bins
        .iter()
        .map(|bin| bin.cells as f64 * bin.distance().powi(2));
    (weighted.sum::<f64>() / known as f64).sqrt()
}

fn largest(bins: &[Bin]) -> f64 {
    bins.iter().map(|bin| bin.distance()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Ties of whole thousands of cells, at these probabilities.
    fn calibration(ties: &[(f64, usize, usize)]) -> CalibrationErrors {
        let ties = ties.iter().map(|&(probability, yes, no)| Tie {
            logit: (probability / (1.0 - probability)).ln() as f32,
            yes,
            no,
        });
        let known = ties.clone().map(|tie| tie.yes + tie.no).sum();
        CalibrationErrors::of(ties, known)
    }

    fn close(actual: Option<f64>, expected: f64) -> bool {
        actual.is_some_and(|actual| (actual - expected).abs() < 1e-6)
    }

    #[test]
    fn errors_are_those_worked_out_by_hand() {
        // Three in four cells at 0.25 where half is yes, the last at 0.75 where all is.
        let actual = calibration(&[(0.25, 3, 3), (0.75, 2, 0)]);
        assert!(close(
            actual.brier,
            (3.0 * 0.5625 + 3.0 * 0.0625 + 2.0 * 0.0625) / 8.0
        ));
        for one in [
            actual.ece,
            actual.mce,
            actual.equal_width.l1,
            actual.equal_width.l2,
        ] {
            assert!(close(one, 0.25), "{actual:?}");
        }
        let actual = calibration(&[(0.25, 2, 4), (0.75, 2, 0)]);
        assert!(close(actual.ece, 0.75 / 12.0 + 0.25 / 4.0), "{actual:?}");
        assert!(close(actual.mce, 0.25), "{actual:?}");
        assert!(close(
            actual.equal_width.l2,
            (0.75 / 144.0 + 0.25 / 16.0_f64).sqrt()
        ));
    }

    #[test]
    fn equal_logits_share_a_bin_and_unequal_ones_part() {
        assert!(close(calibration(&[(0.5, 1, 1)]).ece, 0.0));
        assert!(close(
            calibration(&[(0.4999, 0, 1), (0.5001, 1, 0)]).ece,
            0.4999
        ));
    }

    #[test]
    fn nothing_known_has_no_calibration() {
        assert_eq!(
            CalibrationErrors::of([].into_iter(), 0),
            CalibrationErrors::default()
        );
        let two = [calibration(&[(0.25, 1, 3)]), CalibrationErrors::default()];
        assert!(close(CalibrationErrors::mean(two.iter()).ece, 0.0));
    }

    proptest! {
        #[test]
        fn probabilities_that_are_the_shares_of_yes_have_no_error(
            counts in prop::collection::btree_map(1..999_usize, 1..5_usize, 1..40),
        ) {
            let ties: Vec<_> = counts.iter().map(|(&thousandths, &times)| {
                (thousandths as f64 / 1000.0, thousandths * times, (1000 - thousandths) * times)
            }).collect();
            let actual = calibration(&ties);
            for error in [actual.ece, actual.mce, actual.equal_width.l1, actual.equal_width.max] {
                prop_assert!(close(error, 0.0), "{actual:?}");
            }
        }

        #[test]
        fn no_error_is_above_one_and_none_above_the_largest(
            ties in prop::collection::vec((1..999_u32, 0..5_usize, 1..5_usize), 1..60),
        ) {
            let mut ties: Vec<_> =
                ties.iter().map(|&(p, yes, no)| (f64::from(p) / 1000.0, yes, no)).collect();
            ties.sort_by(|a, b| a.0.total_cmp(&b.0));
            let actual = calibration(&ties);
            let (l1, l2) = (actual.equal_width.l1.unwrap(), actual.equal_width.l2.unwrap());
            prop_assert!(l1 <= l2 + 1e-12 && l2 <= actual.equal_width.max.unwrap() + 1e-12);
            prop_assert!(actual.ece.unwrap() <= actual.mce.unwrap() + 1e-12);
            prop_assert!(actual.mce.unwrap() <= 1.0);
        }
    }
}
