//! What an exclusive group costs, and how its chances are read, in `f64`.
//!
//! With `z` the logits of its outcomes (its labels, and where none of them may hold that one's,
//! which is always 0) and `A` the outcomes that a row leaves open, it costs
//!
//! ```text
//! ln(sum of e^z over all outcomes) - ln(sum of e^z over A)
//! ```
//!
//! the `-ln` of the chance that the row is right (the marginal likelihood). Where the row says
//! which outcome it is, `A` is that one alone, and this is the cross-entropy of a softmax.

use multihot_table::Cell;

use crate::questions::{ExclusiveGroup, Said};
use crate::scores::log_sum_exp;

/// One group in one row.
pub(super) struct Row {
    logits: Vec<f64>,
    /// Whether each outcome is left open.
    open: Vec<bool>,
}

impl Row {
    /// The `group` in a row of logits and cells of all labels; `None` where nothing is known of it.
    pub fn of(group: &ExclusiveGroup, logits: &[f32], cells: &[Cell]) -> Option<Self> {
        let outcomes = 0..group.n_outcomes();
        let open = match group.said(cells) {
            Said::Nothing => return None,
            Said::Outcome(outcome) => outcomes.map(|other| other == outcome).collect(),
            Said::Partly => outcomes.map(|other| group.is_open(other, cells)).collect(),
        };
        Some(Self {
            logits: group.outcome_logits(logits),
            open,
        })
    }

    /// What it costs. A share `smoothing` of it is the mean cost of all outcomes: with the outcome
    /// known, PyTorch's `cross_entropy` with that `label_smoothing`.
    pub fn cost(&self, smoothing: f64) -> f64 {
        let all = log_sum_exp(self.logits.iter().copied());
        let open = self.logits.iter().zip(&self.open);
        let open = open.filter(|(_, open)| **open).map(|(z, _)| *z);
        let right = all - log_sum_exp(open);
        if smoothing == 0.0 {
            return right;
        }
        let mean = self.logits.iter().sum::<f64>() / self.logits.len() as f64;
        (1.0 - smoothing) * right + smoothing * (all - mean)
    }

    /// The derivative of [`Row::cost`] by each outcome's logit.
    pub fn slopes(&self, smoothing: f64) -> Vec<f64> {
        let all = log_sum_exp(self.logits.iter().copied());
        let open = self.logits.iter().zip(&self.open);
        let open = open.filter(|(_, open)| **open).map(|(z, _)| *z);
        let open = log_sum_exp(open);
        let uniform = 1.0 / self.logits.len() as f64;
        let slope = |(&z, &is_open): (&f64, &bool)| {
            let target = if is_open { (z - open).exp() } else { 0.0 };
            (z - all).exp() - (1.0 - smoothing) * target - smoothing * uniform
        };
        self.logits.iter().zip(&self.open).map(slope).collect()
    }
}

/// The chance of each outcome of `group` over `rows` of cells with their weights, from those that
/// say which it is: each counts half a row more than there are, so that no chance is 0.
fn base_rates<'a>(
    group: &ExclusiveGroup,
    rows: impl Iterator<Item = (&'a [Cell], f64)>,
) -> Vec<f64> {
    let mut counts = vec![0.5; group.n_outcomes()];
    for (row, weight) in rows {
        if let Said::Outcome(outcome) = group.said(row) {
            counts[outcome] += weight;
        }
    }
    let all: f64 = counts.iter().sum();
    counts.iter().map(|count| count / all).collect()
}

/// The output biases with which an untrained head answers the group's base rates, as a loss with
/// this `smoothing` would have them; one a member.
pub(super) fn start<'a>(
    group: &ExclusiveGroup,
    rows: impl Iterator<Item = (&'a [Cell], f64)>,
    smoothing: f64,
) -> Vec<f32> {
    let chances = base_rates(group, rows);
    let smoothed = chances
        .iter()
        .map(|p| (1.0 - smoothing) * p + smoothing / chances.len() as f64);
    member_logits(group, smoothed.map(f64::ln).collect())
}

/// Rows that say which outcome of `group` it is.
pub(super) fn settled(group: &ExclusiveGroup, cells: &[Cell], n_labels: usize) -> usize {
    let rows = cells.chunks_exact(n_labels);
    rows.filter(|row| matches!(group.said(row), Said::Outcome(_)))
        .count()
}

/// The smallest chance that so many settled rows can show: half a row of one more.
pub(super) fn smallest_chance(settled: usize) -> f64 {
    0.5 / (settled as f64 + 1.0)
}

/// The logits whose softmax the members' chances are, of a network that was trained with targets
/// moved by `smoothing` toward the mean of all outcomes.
///
/// It answers `q = (1 - a) p + a/K` where the chance is `p`. Below the `smallest` chance that the
/// training could show, `p` falls with `q` in proportion, so that it keeps its order and stays
/// above 0.
pub(super) fn unsmoothed(
    group: &ExclusiveGroup,
    row: &[f32],
    smoothing: f64,
    smallest: f64,
) -> Vec<f32> {
    let (floor, lowest) = ends(group, smoothing, smallest);
    log_chances(group, row, |log_q| {
        let q = log_q.exp();
        if q >= lowest {
            ((q - floor) / (1.0 - smoothing)).ln()
        } else {
            // In logarithms, as `q` may be too small for a number.
            smallest.ln() + log_q - lowest.ln()
        }
    })
}

/// [`unsmoothed`] the other way round, exact where no chance is below the smallest.
pub(super) fn smoothed(
    group: &ExclusiveGroup,
    row: &[f32],
    smoothing: f64,
    smallest: f64,
) -> Vec<f32> {
    let (floor, lowest) = ends(group, smoothing, smallest);
    log_chances(group, row, |log_p| {
        let p = log_p.exp();
        if p >= smallest {
            ((1.0 - smoothing) * p + floor).ln()
        } else {
            lowest.ln() + log_p - smallest.ln()
        }
    })
}

/// What smoothing gives an outcome of chance 0, and what it gives one of the `smallest` chance.
fn ends(group: &ExclusiveGroup, smoothing: f64, smallest: f64) -> (f64, f64) {
    let floor = smoothing / group.n_outcomes() as f64;
    (floor, (1.0 - smoothing) * smallest + floor)
}

/// The members' logits once `map` has been through the logarithm of each outcome's chance.
fn log_chances(group: &ExclusiveGroup, row: &[f32], map: impl Fn(f64) -> f64) -> Vec<f32> {
    let logits = group.outcome_logits(row);
    let all = log_sum_exp(logits.iter().copied());
    member_logits(group, logits.into_iter().map(|z| map(z - all)).collect())
}

/// The members' logits, moved so that the one of none is 0 where there is one.
fn member_logits(group: &ExclusiveGroup, outcomes: Vec<f64>) -> Vec<f32> {
    let none = match outcomes.get(group.members.len()) {
        Some(&none) => none,
        None => 0.0,
    };
    let members = outcomes.iter().take(group.members.len());
    members.map(|z| (z - none) as f32).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::questions::Questions;
    use crate::questions::tests::{cells, questions};
    use crate::scores::Logits;

    const LABELS: &str = "a,b,c,d";

    fn group(questions: &Questions) -> &ExclusiveGroup {
        &questions.exclusive()[0]
    }

    fn exactly() -> Questions {
        questions(LABELS, &["g=a,b,c,d"], &[])
    }

    fn at_most() -> Questions {
        questions(LABELS, &["g?=a,b,c,d"], &[])
    }

    #[derive(Deserialize)]
    struct Golden {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        at_most_one: bool,
        label_smoothing: f64,
        logits: Vec<f32>,
        cells: String,
        cost: f64,
        slopes: Vec<f64>,
    }

    #[test]
    fn costs_and_slopes_are_those_of_pytorch() {
        let golden: Golden =
            serde_json::from_str(include_str!("../../../tests/golden/exclusive.json")).unwrap();
        assert!(golden.cases.len() > 50, "{} cases", golden.cases.len());
        for case in golden.cases {
            let questions = if case.at_most_one {
                at_most()
            } else {
                exactly()
            };
            let row = Row::of(group(&questions), &case.logits, &cells(&case.cells)).unwrap();
            let at = format!("{} {:?}", case.cells, case.logits);
            let actual = row.cost(case.label_smoothing);
            assert!(
                (actual - case.cost).abs() <= 1e-12 * case.cost.abs().max(1.0),
                "{at}: {actual} vs {}",
                case.cost
            );
            let slopes = row.slopes(case.label_smoothing);
            for (actual, expected) in slopes.iter().zip(&case.slopes) {
                assert!(
                    (actual - expected).abs() <= 1e-13,
                    "{at}: {actual} vs {expected}"
                );
            }
        }
    }

    #[test]
    fn a_group_of_two_is_one_yes_no_question() {
        let pair = questions("a,b", &["g=a,b"], &[]);
        for (a, b) in [(0.3, -1.2), (17.0, -17.0), (1e4, 0.0)] {
            let row = Row::of(group(&pair), &[a, b], &cells("ny")).unwrap();
            let z = f64::from(a) - f64::from(b);
            let expected = crate::scores::softplus(z);
            assert!(
                (row.cost(0.0) - expected).abs() <= 1e-12 * expected,
                "{a} {b}"
            );
        }
    }

    #[test]
    fn far_logits_cost_a_finite_sum_and_have_a_finite_slope() {
        for questions in [exactly(), at_most()] {
            for logits in [[1e4, -1e4, 0.0, 110.0], [-1e4; 4], [1e4; 4]] {
                for row in ["ynnn", "nynn", "n???", "nnn?"] {
                    let row = Row::of(group(&questions), &logits, &cells(row)).unwrap();
                    for smoothing in [0.0, 0.2] {
                        let cost = row.cost(smoothing);
                        assert!(cost.is_finite() && cost >= 0.0, "{cost}");
                        let slopes = row.slopes(smoothing);
                        assert!(slopes.iter().all(|slope| slope.abs() <= 1.0), "{slopes:?}");
                    }
                }
            }
        }
        assert!(Row::of(group(&exactly()), &[0.0; 4], &cells("????")).is_none());
    }

    proptest! {
        #[test]
        fn slopes_agree_with_finite_differences(
            logits in prop::collection::vec(-6f32..6.0, 4),
            row in "[?n]{4}",
            yes in 0usize..8,
            may_be_none: bool,
            smoothing in 0.0..0.5,
        ) {
            let questions = if may_be_none { at_most() } else { exactly() };
            let mut cells = cells(&row);
            if yes < 4 {
                cells[yes] = Cell::Yes;
            }
            let Some(of) = Row::of(group(&questions), &logits, &cells) else {
                return Ok(());
            };
            let slopes = of.slopes(smoothing);
            let step = 1e-5;
            for (outcome, slope) in slopes.iter().enumerate() {
                let moved = |by: f64| {
                    let mut logits = of.logits.clone();
                    logits[outcome] += by;
                    Row { logits, open: of.open.clone() }.cost(smoothing)
                };
                let expected = (moved(step) - moved(-step)) / (2.0 * step);
                prop_assert!((slope - expected).abs() < 1e-8, "{slope} vs {expected}");
            }
        }

        #[test]
        fn what_smoothing_does_is_undone(
            logits in prop::collection::vec(-3f32..3.0, 4),
            may_be_none: bool,
        ) {
            let questions = if may_be_none { at_most() } else { exactly() };
            let group = group(&questions);
            let chances = |logits: &[f32]| {
                let log_odds = Logits::new(logits.to_vec(), 4).log_odds(&questions);
                log_odds.probabilities().values().to_vec()
            };
            let (smoothing, smallest) = (0.2, 1e-4);
            let trained = smoothed(group, &logits, smoothing, smallest);
            for (q, p) in chances(&trained).iter().zip(chances(&logits)) {
                let expected = 0.8 * p + 0.2 / group.n_outcomes() as f32;
                prop_assert!((q - expected).abs() < 1e-6, "{q} vs {expected}");
            }
            let back = unsmoothed(group, &trained, smoothing, smallest);
            for (actual, expected) in chances(&back).iter().zip(chances(&logits)) {
                prop_assert!((actual - expected).abs() < 1e-5, "{actual} vs {expected}");
            }
        }
    }

    #[test]
    fn chances_below_the_smallest_keep_their_order_and_are_finite() {
        let questions = exactly();
        let row = unsmoothed(group(&questions), &[9.0, -3.0, -40.0, -1e4], 0.2, 1e-3);
        assert!(
            row.iter().all(|z| z.is_finite()) && row.is_sorted_by(|a, b| a > b),
            "{row:?}"
        );
    }

    #[test]
    fn a_start_has_the_base_rates() {
        let rows = ["ynnn", "ynnn", "nynn", "????", "n???"].map(cells);
        let start_of = |questions: &Questions, smoothing| {
            let rows = rows.iter().map(|row| (row.as_slice(), 1.0));
            let bias = start(group(questions), rows, smoothing);
            let log_odds = Logits::new(bias, 4).log_odds(questions);
            log_odds.probabilities().values().to_vec()
        };
        let check = |actual: Vec<f32>, expected: [f32; 4]| {
            for (actual, expected) in actual.iter().zip(expected) {
                assert!((actual - expected).abs() < 1e-6, "{actual} vs {expected}");
            }
        };
        check(start_of(&exactly(), 0.0), [2.5 / 5.0, 1.5 / 5.0, 0.1, 0.1]);
        check(
            start_of(&at_most(), 0.0),
            [2.5, 1.5, 0.5, 0.5].map(|n| n / 5.5),
        );
        check(
            start_of(&exactly(), 0.2),
            [0.5, 0.3, 0.1, 0.1].map(|p| 0.8 * p + 0.05),
        );
        assert_eq!(settled(group(&exactly()), &rows.concat(), 4), 3);
    }
}
