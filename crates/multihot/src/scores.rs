//! Logits and probabilities, kept apart by their types.

use multihot_kernels::Pool;

/// Raw scores of a batch, one row per text and one column per label, row-major.
///
/// Losses are computed from these. A probability exists only after
/// [`Logits::probabilities`], and nothing turns one back.
#[derive(Clone, Debug, PartialEq)]
pub struct Logits {
    values: Vec<f32>,
    labels: usize,
}

/// Chances in `0.0..=1.0`, shaped like the [`Logits`] they came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Probabilities {
    values: Vec<f32>,
    labels: usize,
}

impl Logits {
    /// Takes the row-major scores of `labels` labels.
    ///
    /// # Panics
    ///
    /// When `labels` is 0 or the values do not fill whole rows.
    pub fn new(values: Vec<f32>, labels: usize) -> Self {
        assert!(labels > 0, "logits: no labels");
        assert!(
            values.len().is_multiple_of(labels),
            "logits: the last row is not whole"
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

    /// The scores of row `i`, one per label.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.labels..][..self.labels]
    }

    /// All scores, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Whether each chance is at least the threshold of its label, row-major, without the memory
    /// that [`Logits::probabilities`] takes.
    ///
    /// # Panics
    ///
    /// When there is not one threshold for each label.
    pub(crate) fn decisions(&self, thresholds: &[f32], pool: &Pool) -> Vec<bool> {
        assert_eq!(
            thresholds.len(),
            self.labels,
            "decisions: not one threshold for each label"
        );
        const ROWS: usize = 4096;
        let mut decisions = vec![false; self.values.len()];
        pool.for_each_chunk(&mut decisions, ROWS * self.labels, |chunk, out| {
            let logits = &self.values[chunk * ROWS * self.labels..];
            let thresholds = thresholds.iter().cycle();
            for ((decision, &logit), &threshold) in out.iter_mut().zip(logits).zip(thresholds) {
                *decision = sigmoid(logit.into()) as f32 >= threshold;
            }
        });
        decisions
    }

    /// The chance that each label holds, by the logistic function.
    pub fn probabilities(&self) -> Probabilities {
        let values = self
            .values
            .iter()
            .map(|&logit| sigmoid(logit.into()) as f32)
            .collect();
        Probabilities {
            values,
            labels: self.labels,
        }
    }
}

impl Probabilities {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.labels
    }

    /// Number of labels, the width of a row.
    pub fn n_labels(&self) -> usize {
        self.labels
    }

    /// The chances of row `i`, one per label.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.labels..][..self.labels]
    }

    /// All chances, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Whether each chance is at least the threshold of its label, row-major.
    ///
    /// # Panics
    ///
    /// When there is not one threshold for each label.
    pub fn decisions(&self, thresholds: &[f32]) -> Vec<bool> {
        assert_eq!(
            thresholds.len(),
            self.labels,
            "decisions: not one threshold for each label"
        );
        let rows = self.values.chunks_exact(self.labels);
        rows.flat_map(|row| row.iter().zip(thresholds).map(|(p, t)| p >= t))
            .collect()
    }
}

/// The project's only sigmoid: [`Logits::probabilities`] and the gradient of the loss.
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
    use super::*;

    #[test]
    fn far_logits_become_0_and_1() {
        let logits = Logits::new(vec![-1e4, -110.0, -17.0, 0.0, 17.0, 110.0, 1e4], 1);
        let probabilities = logits.probabilities();
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
        let probabilities = logits.probabilities();
        assert_eq!((probabilities.rows(), probabilities.n_labels()), (2, 3));
        assert_eq!(probabilities.row(0)[0], 0.5);
        assert_eq!(Logits::new(vec![], 3).rows(), 0);
    }

    #[test]
    fn a_chance_equal_to_the_threshold_is_a_yes() {
        let probabilities = Logits::new(vec![0.0, -0.01, f32::NAN], 3).probabilities();
        assert_eq!(probabilities.decisions(&[0.5; 3]), [true, false, false]);
    }

    #[test]
    fn each_label_has_its_own_threshold() {
        let probabilities = Logits::new(vec![0.0, 0.0, 2.0, 2.0], 2).probabilities();
        let decisions = probabilities.decisions(&[0.5, 0.8]);
        assert_eq!(decisions, [true, false, true, true]);
    }

    #[test]
    fn decisions_on_logits_are_those_on_their_probabilities() {
        let logits: Vec<f32> = (0..30_000).map(|i| (i as f32 * 0.37).sin() * 4.0).collect();
        let (logits, thresholds) = (Logits::new(logits, 3), [0.5, 0.1, 0.9]);
        assert_eq!(
            logits.decisions(&thresholds, &Pool::new(2)),
            logits.probabilities().decisions(&thresholds)
        );
    }

    #[test]
    #[should_panic(expected = "not whole")]
    fn a_broken_row_is_our_mistake() {
        Logits::new(vec![0.0; 5], 3);
    }
}
