//! What an exclusive group has in place of a threshold and a calibration for each label: its
//! likeliest outcome, and one temperature.

use multihot_table::Cell;
use serde::Serialize;

use super::calibration::{Calibration, CalibrationMethod, FEW, SMALLEST_SLOPE};
use super::cuts::{self, Cut, NEVER, best};
use super::fit::FEWEST;
use super::{Band, Objective, SureTargets};
use crate::questions::{ExclusiveGroup, Said};
use crate::scores::{log_sum_exp, sigmoid, softmax_log_odds};

/// The steepest slope: beyond it every answer is 0 or 1, and more would change nothing but costs.
const LARGEST_SLOPE: f64 = 100.0;
/// Rounds of Newton's method, which needs five or so.
const MOST_ROUNDS: usize = 60;

/// What was chosen for an exclusive group, and how well that does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExclusiveTuning {
    /// What it is called.
    pub name: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// Whether none of them may hold.
    pub at_most_one: bool,
    /// Rows that say which outcome it is.
    pub settled: usize,
    /// The share of them that is answered rightly, cross-fitted.
    pub accuracy: Option<f64>,
    /// What the logits of its labels are divided by; `None` where they stay as they are.
    pub temperature: Option<f64>,
    /// Mean cross-entropy of the settled rows.
    pub log_loss: GroupFigures,
}

/// The mean cross-entropy of a group's settled rows; `None` where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct GroupFigures {
    /// Of the network's own chances.
    pub raw: Option<f64>,
    /// Of the calibrated ones, each fifth of the rows calibrated by the others.
    pub calibrated: Option<f64>,
}

/// The rows that say which outcome of a group it is.
pub(super) struct SettledRows {
    n_outcomes: usize,
    /// Row-major, one an outcome.
    logits: Vec<f64>,
    outcomes: Vec<usize>,
    folds: Vec<u16>,
}

impl SettledRows {
    /// Takes the settled rows of row-major `logits` and `cells` of `n_labels` labels.
    pub fn new(
        group: &ExclusiveGroup,
        logits: &[f32],
        cells: &[Cell],
        n_labels: usize,
        folds: &[u16],
    ) -> Self {
        let mut settled = Self {
            n_outcomes: group.n_outcomes(),
            logits: Vec::new(),
            outcomes: Vec::new(),
            folds: Vec::new(),
        };
        let rows = logits.chunks_exact(n_labels);
        let rows = rows.zip(cells.chunks_exact(n_labels)).zip(folds);
        for ((logits, cells), &fold) in rows {
            if let Said::Outcome(outcome) = group.said(cells) {
                settled.logits.extend(group.outcome_logits(logits));
                settled.outcomes.push(outcome);
                settled.folds.push(fold);
            }
        }
        settled
    }

    pub fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Logits, outcome and fold of each row.
    fn rows(&self) -> impl Iterator<Item = (&[f64], usize, u16)> {
        let rows = self.logits.chunks_exact(self.n_outcomes);
        let rows = rows.zip(&self.outcomes).zip(&self.folds);
        rows.map(|((logits, &outcome), &fold)| (logits, outcome, fold))
    }

    /// The temperature with the least cross-entropy on the rows outside of fold `left_out`; none
    /// where there are few in all.
    pub fn calibration(&self, method: CalibrationMethod, left_out: Option<u16>) -> Calibration {
        if method == CalibrationMethod::None || self.len() < FEW {
            return Calibration::None;
        }
        // The cost is convex in the slope, one over the temperature.
        let (mut low, mut high, mut slope) = (SMALLEST_SLOPE, LARGEST_SLOPE, 1.0);
        for _ in 0..MOST_ROUNDS {
            let (first, second) = self.derivatives(slope, left_out);
            if first > 0.0 {
                high = slope;
            } else {
                low = slope;
            }
            let newton = slope - first / second;
            // Newton's step may leave what is known, and has no length where the cost is flat.
            let next = if newton > low && newton < high {
                newton
            } else {
                (low * high).sqrt()
            };
            let moved = (next - slope).abs();
            slope = next;
            if moved <= 1e-9 * slope {
                break;
            }
        }
        Calibration::Temperature {
            temperature: 1.0 / slope,
        }
    }

    /// First and second derivative by the slope of the summed cross-entropy: the mean logit less
    /// that of the outcome, and the variance of the logits, both over the softmax.
    fn derivatives(&self, slope: f64, left_out: Option<u16>) -> (f64, f64) {
        let (mut first, mut second) = (0.0, 0.0);
        for (logits, outcome, _) in self.rows().filter(|(.., fold)| left_out != Some(*fold)) {
            let all = log_sum_exp(logits.iter().map(|z| slope * z));
            let chance = |z: f64| (slope * z - all).exp();
            let mean: f64 = logits.iter().map(|&z| chance(z) * z).sum();
            let spread = |&z: &f64| chance(z) * (z - mean) * (z - mean);
            first += mean - logits[outcome];
            second += logits.iter().map(spread).sum::<f64>();
        }
        (first, second)
    }

    /// Mean cross-entropy with the calibration of each row's fold.
    pub fn log_loss<'a>(&self, of_fold: impl Fn(u16) -> &'a Calibration) -> Option<f64> {
        let cost = |(logits, outcome, fold): (&[f64], usize, u16)| {
            let slope = slope(of_fold(fold));
            log_sum_exp(logits.iter().map(|z| slope * z)) - slope * logits[outcome]
        };
        let sum: f64 = self.rows().map(cost).sum();
        (self.len() > 0 && sum.is_finite()).then(|| sum / self.len() as f64)
    }

    /// The band of chances of the likeliest outcome that are too low to be sure of: above it, on
    /// the rows outside of fold `left_out`, the answer is as often right as `targets` ask of a yes.
    pub fn band(
        &self,
        calibration: &Calibration,
        left_out: Option<u16>,
        targets: SureTargets,
    ) -> Band {
        let slope = slope(calibration);
        let likeliest = |(logits, outcome, _): (&[f64], usize, u16)| {
            let calibrated: Vec<f64> = logits.iter().map(|z| slope * z).collect();
            let log_odds = softmax_log_odds(&calibrated);
            let higher = |best: usize, i: usize| {
                if log_odds[i] > log_odds[best] {
                    i
                } else {
                    best
                }
            };
            let top = (0..log_odds.len()).reduce(higher).unwrap_or(0);
            (sigmoid(log_odds[top]) as f32, top == outcome)
        };
        let rows = self.rows().filter(|(.., fold)| left_out != Some(*fold));
        let mut ranked: Vec<(f32, bool)> = rows.map(likeliest).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let right = ranked.iter().filter(|(_, right)| *right).count();
        let precise = Objective::Precision {
            at_least: targets.yes,
        };
        let cuts = cuts::cuts(ranked.iter().copied());
        let is_all = |cut: &Cut| cut.tp + cut.fp == ranked.len();
        let to = if self.len() < FEWEST {
            NEVER
        } else if let Some(all) = cuts.clone().find(is_all)
            && precise.worth(all, right).is_some()
        {
            0.0
        } else {
            best(cuts, |cut| precise.worth(cut, right)).map_or(NEVER, Cut::threshold)
        };
        Band { from: 0.0, to }
    }
}

/// What a group's calibration multiplies logits with.
fn slope(calibration: &Calibration) -> f64 {
    match calibration {
        Calibration::Temperature { temperature } => 1.0 / temperature,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use multihot_kernels::random;

    use super::*;
    use crate::questions::tests::{cells, questions};

    /// Rows of three labels whose outcome is drawn from the softmax of their logits, which a
    /// network then exaggerates.
    fn drawn(rows: usize, boldness: f64, at_most_one: bool) -> SettledRows {
        let group = if at_most_one { "g?=a,b,c" } else { "g=a,b,c" };
        let questions = questions("a,b,c", &[group], &[]);
        let group = &questions.exclusive()[0];
        let (mut logits, mut all) = (Vec::new(), Vec::new());
        for row in 0..rows as u64 {
            let own: Vec<f32> = (0..3)
                .map(|label| 2.0 * random::normal(random::key(3, &[label]), row) as f32)
                .collect();
            let log_odds = softmax_log_odds(&group.outcome_logits(&own));
            let mut left = random::uniform(9, row);
            let outcome = log_odds.iter().position(|&x| {
                left -= sigmoid(x);
                left < 0.0
            });
            let mut said = cells("nnn");
            if let Some(cell) = said.get_mut(outcome.unwrap_or(0)) {
                *cell = Cell::Yes;
            }
            all.extend(said);
            logits.extend(own.iter().map(|z| boldness as f32 * z));
        }
        let folds: Vec<u16> = (0..rows).map(|row| (row % 5) as u16).collect();
        SettledRows::new(group, &logits, &all, 3, &folds)
    }

    #[test]
    fn the_temperature_of_a_bold_network_is_found() {
        for at_most_one in [false, true] {
            let rows = drawn(20_000, 3.0, at_most_one);
            let calibration = rows.calibration(CalibrationMethod::Platt, None);
            let Calibration::Temperature { temperature } = calibration else {
                panic!("no temperature");
            };
            // Four standard errors.
            assert!((temperature - 3.0).abs() < 0.15, "{temperature}");
            let (slope, _) = rows.derivatives(1.0 / temperature, None);
            assert!(slope.abs() < 1e-4 * rows.len() as f64, "{slope}");
            assert!(rows.log_loss(|_| &calibration) < rows.log_loss(|_| &Calibration::None));
        }
    }

    #[test]
    fn few_rows_or_no_wish_leave_the_network_as_it_is() {
        let method = CalibrationMethod::Platt;
        assert_eq!(
            drawn(19, 3.0, false).calibration(method, None),
            Calibration::None
        );
        // What a fold's complement has is what all rows have, or another rule would be measured.
        for (rows, is_none) in [(19, true), (20, false), (21, false)] {
            let rows = drawn(rows, 3.0, false);
            for left_out in [None, Some(0), Some(4)] {
                let calibration = rows.calibration(method, left_out);
                assert_eq!(calibration == Calibration::None, is_none, "{left_out:?}");
            }
        }
        let rows = drawn(100, 3.0, false);
        assert_eq!(
            rows.calibration(CalibrationMethod::None, None),
            Calibration::None
        );
        assert_eq!(drawn(0, 1.0, false).log_loss(|_| &Calibration::None), None);
    }

    #[test]
    fn rows_that_are_all_right_or_tell_nothing_have_a_finite_temperature() {
        let questions = questions("a,b", &["g=a,b"], &[]);
        let group = &questions.exclusive()[0];
        let (said, folds) = (cells(&"ynny".repeat(20)), [0; 40]);
        let sure: Vec<f32> = [2.0, -2.0, -2.0, 2.0].repeat(20);
        for logits in [sure, vec![0.5; 80], vec![1e4; 80]] {
            let rows = SettledRows::new(group, &logits, &said, 2, &folds);
            let calibration = rows.calibration(CalibrationMethod::Platt, None);
            assert_eq!(calibration.flaw(), None, "{calibration:?}");
        }
    }

    #[test]
    fn a_band_leaves_out_what_is_wrong_too_often() {
        let rows = drawn(5_000, 1.0, true);
        let targets = SureTargets { yes: 0.9, no: 0.9 };
        let band = rows.band(&Calibration::None, None, targets);
        assert!(
            band.from == 0.0 && (0.5..0.9).contains(&band.to),
            "{band:?}"
        );
        // A temperature moves the band with the chances.
        let shy = Calibration::Temperature { temperature: 3.0 };
        assert!(rows.band(&shy, None, targets).to < band.to);
        let easy = SureTargets { yes: 0.51, no: 0.9 };
        assert_eq!(rows.band(&Calibration::None, None, easy).to, 0.0);
        assert_eq!(drawn(9, 1.0, true).band(&shy, None, easy).to, NEVER);
        // Ten in all suffice, eight in the others as well.
        let rows = drawn(10, 1.0, true);
        let always = SureTargets { yes: 1e-9, no: 0.9 };
        assert!(rows.band(&shy, Some(0), always).to < NEVER);
    }
}
