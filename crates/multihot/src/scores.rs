//! Logits, log-odds and probabilities, kept apart by their types.
//!
//! What a logit means depends on its label: a yes/no question of its own is answered by a
//! sigmoid, the labels of an exclusive group by a softmax over the group. [`Logits::log_odds`]
//! asks for the [`Questions`] and settles that once; from there on every label is alike, because
//! the sigmoid of a label's log-odds *is* its chance, in a group as well.

use multihot_kernels::Pool;

use crate::questions::Questions;

/// Raw scores of a batch, one row per text and one column per label, row-major.
///
/// Losses are computed from these. A chance exists only after [`Logits::log_odds`], which has to
/// be told which labels exclude each other, and nothing turns one back.
#[derive(Clone, Debug, PartialEq)]
pub struct Logits {
    values: Vec<f32>,
    labels: usize,
}

/// `ln(p / (1 - p))` of the chance `p` that each label holds, shaped like the [`Logits`] it came
/// from. Every figure that is about chances is computed from these, as they are exact far out.
#[derive(Clone, Debug, PartialEq)]
pub struct LogOdds {
    values: Vec<f32>,
    labels: usize,
}

/// Chances in `0.0..=1.0`, shaped like the [`LogOdds`] they came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Probabilities {
    values: Vec<f32>,
    labels: usize,
}

/// What the three have in common: rows of one value a label.
macro_rules! rows_of_labels {
    ($type:ty, $name:literal) => {
        impl $type {
            /// Takes row-major values of `labels` labels.
            ///
            /// # Panics
            ///
            /// When `labels` is 0 or the values do not fill whole rows.
            pub fn new(values: Vec<f32>, labels: usize) -> Self {
                assert!(labels > 0, concat!($name, ": no labels"));
                assert!(
                    values.len().is_multiple_of(labels),
                    concat!($name, ": the last row is not whole")
                );
                Self { values, labels }
            }

            /// Number of rows.
            pub fn rows(&self) -> usize {
                self.values.len() / self.labels
            }

            /// Number of labels, the width of a row.
            pub fn n_labels(&self) -> usize {
                self.labels
            }

            /// The values of row `i`, one per label.
            pub fn row(&self, i: usize) -> &[f32] {
                &self.values[i * self.labels..][..self.labels]
            }

            /// All values, row-major.
            pub fn values(&self) -> &[f32] {
                &self.values
            }
        }
    };
}

rows_of_labels!(Logits, "logits");
rows_of_labels!(LogOdds, "log-odds");
rows_of_labels!(Probabilities, "probabilities");

impl Logits {
    /// The log-odds that each label holds: its logit, or where it is in an exclusive group those
    /// of its share of the group's softmax.
    ///
    /// # Panics
    ///
    /// When `questions` has another number of labels.
    pub fn log_odds(&self, questions: &Questions) -> LogOdds {
        self.clone().into_log_odds(questions)
    }

    /// [`Logits::log_odds`] in the same memory.
    pub fn into_log_odds(mut self, questions: &Questions) -> LogOdds {
        assert_eq!(
            questions.labels().len(),
            self.labels,
            "log-odds: not one logit for each label"
        );
        if !questions.exclusive().is_empty() {
            for row in self.values.chunks_exact_mut(self.labels) {
                exclude(questions, row);
            }
        }
        LogOdds {
            values: self.values,
            labels: self.labels,
        }
    }
}

impl LogOdds {
    /// The chance that each label holds, by the logistic function.
    pub fn probabilities(&self) -> Probabilities {
        Probabilities {
            values: self.values.iter().map(|&x| chance(x)).collect(),
            labels: self.labels,
        }
    }

    /// [`Probabilities::decisions`], without the memory that [`LogOdds::probabilities`] takes.
    pub(crate) fn decisions(
        &self,
        questions: &Questions,
        thresholds: &[Option<f32>],
        pool: &Pool,
    ) -> Vec<bool> {
        const ROWS: usize = 4096;
        let mut decisions = vec![false; self.values.len()];
        pool.for_each_chunk(&mut decisions, ROWS * self.labels, |chunk, out| {
            let mut probabilities = vec![0.0; self.labels];
            for (i, out) in out.chunks_exact_mut(self.labels).enumerate() {
                chances(self.row(chunk * ROWS + i), &mut probabilities);
                questions.decide(&probabilities, thresholds, out);
            }
        });
        decisions
    }
}

impl Probabilities {
    /// Whether each label is answered with yes, row-major: where its chance is at least its
    /// threshold, or where it is the likeliest of its exclusive group; what implies a no is a no.
    ///
    /// # Panics
    ///
    /// When there is not one threshold for each label, `None` for those in exclusive groups.
    pub fn decisions(&self, questions: &Questions, thresholds: &[Option<f32>]) -> Vec<bool> {
        let mut decisions = vec![false; self.values.len()];
        let rows = self.values.chunks_exact(self.labels);
        for (row, out) in rows.zip(decisions.chunks_exact_mut(self.labels)) {
            questions.decide(row, thresholds, out);
        }
        decisions
    }
}

/// Makes the log-odds of a row's labels out of its logits, where these are in exclusive groups.
pub(crate) fn exclude(questions: &Questions, row: &mut [f32]) {
    for group in questions.exclusive() {
        let log_odds = softmax_log_odds(&group.outcome_logits(row));
        // A group that may have none has one more outcome, which is no label.
        for (&label, log_odds) in group.members.iter().zip(log_odds) {
            row[label] = log_odds as f32;
        }
    }
}

/// The chances of a row's log-odds.
pub(crate) fn chances(log_odds: &[f32], out: &mut [f32]) {
    for (out, &log_odds) in out.iter_mut().zip(log_odds) {
        *out = chance(log_odds);
    }
}

fn chance(log_odds: f32) -> f32 {
    sigmoid(log_odds.into()) as f32
}

/// The project's only softmax: `z_i - ln(sum of e^z_j over the others)` for each outcome, the
/// log-odds of `e^z_i / (sum of all e^z_j)`. Finite for finite logits.
pub(crate) fn softmax_log_odds(logits: &[f64]) -> Vec<f64> {
    let highest = |best: usize, i: usize| if logits[i] > logits[best] { i } else { best };
    let top = (0..logits.len()).reduce(highest).unwrap_or(0);
    let others = || logits.iter().enumerate().filter(|(i, _)| *i != top);
    let weight = |z: f64| (z - logits[top]).exp();
    // The top's own weight is 1, so that what is left without another one is never nearly 0.
    let sum = 1.0 + others().map(|(_, &z)| weight(z)).sum::<f64>();
    let log_odds = |(i, &z): (usize, &f64)| {
        if i == top {
            z - log_sum_exp(others().map(|(_, &z)| z))
        } else {
            z - logits[top] - (sum - weight(z)).ln()
        }
    };
    logits.iter().enumerate().map(log_odds).collect()
}

/// `ln(sum of e^x)`, finite for finite values, at least one of them.
pub(crate) fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let highest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    highest + values.map(|x| (x - highest).exp()).sum::<f64>().ln()
}

/// The project's only sigmoid: [`LogOdds::probabilities`] and the gradient of the loss.
///
/// In `f64` the far ends need no case of their own: `e^-z` overflows to infinity below -709,
/// where the quotient is 0, far under the smallest `f32`.
pub(crate) fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// `ln(1 + e^x)`, finite for every finite `x`: what a cell costs that says no to the logit `x`,
/// or yes to the logit `-x`.
pub(crate) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::questions::tests::questions;

    #[test]
    fn far_log_odds_become_0_and_1() {
        let log_odds = LogOdds::new(vec![-1e4, -110.0, -17.0, 0.0, 17.0, 110.0, 1e4], 1);
        let probabilities = log_odds.probabilities();
        let expected = [0.0, 0.0, 4.139_937_7e-8, 0.5, 0.999_999_96, 1.0, 1.0];
        for (actual, expected) in probabilities.values().iter().zip(expected) {
            assert!(
                (actual - expected).abs() <= 1e-7 * expected,
                "{actual} vs {expected}"
            );
        }
    }

    #[test]
    fn rows_are_as_wide_as_the_labels() {
        let logits = Logits::new(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 3);
        assert_eq!((logits.rows(), logits.n_labels()), (2, 3));
        assert_eq!(logits.row(1), [3.0, 4.0, 5.0]);
        let probabilities = logits
            .log_odds(&questions("a,b,c", &[], &[]))
            .probabilities();
        assert_eq!((probabilities.rows(), probabilities.n_labels()), (2, 3));
        assert_eq!(probabilities.row(0)[0], 0.5);
        assert_eq!(Logits::new(vec![], 3).rows(), 0);
    }

    #[test]
    fn labels_of_their_own_keep_their_logits() {
        let logits = Logits::new(vec![0.5, -3.0, f32::INFINITY, 1e4], 2);
        let log_odds = logits.log_odds(&questions("a,b", &[], &[]));
        assert_eq!(log_odds.values(), logits.values());
    }

    #[test]
    fn a_group_is_answered_by_the_softmax() {
        // Labels 1 and 3 exclude each other; 0 and 2 are free.
        let questions = questions("a,b,c,d", &["g=d,b"], &[]);
        let log_odds = Logits::new(vec![0.5, 1.0, -0.5, 3.0], 4).log_odds(&questions);
        assert_eq!(log_odds.values(), [0.5, -2.0, -0.5, 2.0]);
        let p = log_odds.probabilities();
        assert!((p.row(0)[1] + p.row(0)[3] - 1.0).abs() < 1e-7);
    }

    #[test]
    fn a_group_that_may_have_none_leaves_room_for_it() {
        let questions = questions("a,b", &["g?=a,b"], &[]);
        let p = Logits::new(vec![1.0, -1.0], 2)
            .log_odds(&questions)
            .probabilities();
        let e = 1f64.exp();
        let sum = 1.0 + e + 1.0 / e;
        for (actual, expected) in p.values().iter().zip([e / sum, 1.0 / e / sum]) {
            assert!((f64::from(*actual) - expected).abs() < 1e-7, "{actual}");
        }
    }

    #[test]
    fn far_logits_of_a_group_stay_finite_and_exact() {
        let questions = questions("a,b,c", &["g=a,b,c"], &[]);
        for (logits, expected) in [
            ([1e4, -1e4, 0.0], [1e4, -2e4, -1e4]),
            ([40.0, 0.0, 0.0], [40.0 - 2f32.ln(), -40.0, -40.0]),
            ([-1e4, -1e4, -1e4], [-(2f32.ln()); 3]),
        ] {
            let log_odds = Logits::new(logits.to_vec(), 3).log_odds(&questions);
            for (actual, expected) in log_odds.values().iter().zip(expected) {
                assert!(
                    (actual - expected).abs() <= 1e-6 * expected.abs(),
                    "{logits:?}: {actual} vs {expected}"
                );
            }
        }
        let broken = Logits::new(vec![f32::NAN, 1.0, 2.0], 3).log_odds(&questions);
        assert!(broken.values().iter().all(|x| x.is_nan()), "{broken:?}");
    }

    proptest! {
        #[test]
        fn chances_of_a_group_sum_to_one(
            logits in prop::collection::vec(-30f32..30.0, 5),
        ) {
            let exactly = questions("a,b,c,d,e", &["g=a,c,e,d"], &[]);
            let at_most = questions("a,b,c,d,e", &["g?=a,c,e,d"], &[]);
            let logits = Logits::new(logits, 5);
            let sum = |questions: &Questions| {
                let p = logits.log_odds(questions).probabilities();
                [0, 2, 3, 4].iter().map(|&label| f64::from(p.row(0)[label])).sum::<f64>()
            };
            prop_assert!((sum(&exactly) - 1.0).abs() < 1e-6);
            let members = [0, 2, 3, 4].map(|label| f64::from(logits.row(0)[label]).exp());
            let members: f64 = members.iter().sum();
            prop_assert!((sum(&at_most) - members / (1.0 + members)).abs() < 1e-6);
        }
    }

    #[test]
    fn a_chance_equal_to_the_threshold_is_a_yes() {
        let questions = questions("a,b,c", &[], &[]);
        let probabilities = LogOdds::new(vec![0.0, -0.01, f32::NAN], 3).probabilities();
        assert_eq!(
            probabilities.decisions(&questions, &[Some(0.5); 3]),
            [true, false, false]
        );
    }

    #[test]
    fn each_label_has_its_own_threshold() {
        let questions = questions("a,b", &[], &[]);
        let probabilities = LogOdds::new(vec![0.0, 0.0, 2.0, 2.0], 2).probabilities();
        let decisions = probabilities.decisions(&questions, &[Some(0.5), Some(0.8)]);
        assert_eq!(decisions, [true, false, true, true]);
    }

    #[test]
    fn decisions_on_log_odds_are_those_on_their_probabilities() {
        let logits: Vec<f32> = (0..40_000).map(|i| (i as f32 * 0.37).sin() * 4.0).collect();
        let questions = questions("a,b,c,d", &["g=b,d"], &["c:a"]);
        let log_odds = Logits::new(logits, 4).log_odds(&questions);
        let thresholds = [Some(0.5), None, Some(0.1), None];
        assert_eq!(
            log_odds.decisions(&questions, &thresholds, &Pool::new(2)),
            log_odds.probabilities().decisions(&questions, &thresholds)
        );
    }

    #[test]
    #[should_panic(expected = "not whole")]
    fn a_broken_row_is_our_mistake() {
        Logits::new(vec![0.0; 5], 3);
    }
}
