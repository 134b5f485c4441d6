//! Binary cross-entropy on logits, its gradient, and what it says about a start.

use multihot_table::Cell;

use crate::scores::{Logits, sigmoid, softplus};

/// Sum of the binary cross-entropy of `logits` against the known `cells`, and how many are known.
///
/// Per score `z` and target `y` this is `max(z, 0) - z*y + ln(1 + e^-|z|)`, which is finite for
/// every finite `z`; with a label's positive weight `w` it is `w*y*ln(1 + e^-z) + (1-y)*ln(1 + e^z)`.
/// It stays a sum because the divisor is the known cells of the whole effective batch.
pub(crate) fn bce_with_logits(
    logits: &Logits,
    cells: &[Cell],
    positive_weights: Option<&[f32]>,
) -> (f64, usize) {
    check_shape(logits, cells, positive_weights);
    let mut sum = 0.0;
    let mut known = 0;
    for (i, (&logit, &cell)) in logits.values().iter().zip(cells).enumerate() {
        let logit = f64::from(logit);
        sum += match cell {
            Cell::Yes => weight(positive_weights, i % logits.n_labels()) * softplus(-logit),
            Cell::No => softplus(logit),
            Cell::Unknown => continue,
        };
        known += 1;
    }
    (sum, known)
}

/// Gradient of `scale` times the sum of [`bce_with_logits`]; an unknown cell has 0.
///
/// `scale` is one over the known cells of the whole effective batch, all its parts together.
pub(crate) fn bce_gradient(
    logits: &Logits,
    cells: &[Cell],
    positive_weights: Option<&[f32]>,
    scale: f32,
    d_logits: &mut [f32],
) {
    check_shape(logits, cells, positive_weights);
    assert_eq!(
        d_logits.len(),
        cells.len(),
        "loss: `d_logits` and `cells` differ in length"
    );
    let scores = logits.values().iter().zip(cells).zip(d_logits).enumerate();
    for (i, ((&logit, &cell), d_logit)) in scores {
        let logit = f64::from(logit);
        let slope = match cell {
            // Not `sigmoid(z) - 1`, which cancels to 0 for a far logit.
            Cell::Yes => -weight(positive_weights, i % logits.n_labels()) * sigmoid(-logit),
            Cell::No => sigmoid(logit),
            Cell::Unknown => 0.0,
        };
        *d_logit = (f64::from(scale) * slope) as f32;
    }
}

/// A weight for each label's yes cells: `(n⁻/n⁺)^power` over its known cells, at most `cap`, and
/// 1 where one of the two never occurs.
pub(crate) fn positive_weights_auto(
    cells: &[Cell],
    n_labels: usize,
    cap: f32,
    power: f32,
) -> Vec<f32> {
    let weight = |(yes, no): (usize, usize)| {
        if yes == 0 || no == 0 {
            1.0
        } else {
            (no as f32 / yes as f32).powf(power).min(cap)
        }
    };
    yes_and_no(cells, n_labels)
        .into_iter()
        .map(weight)
        .collect()
}

/// The output bias with which an untrained head answers each label's base rate:
/// `ln((n⁺ + ½) / (n⁻ + ½)) + ln w`, finite for a label that is never or always true.
///
/// A head that starts here spends no steps on learning how rare the labels are (the prior of
/// RetinaNet, arXiv:1708.02002). Training with a positive weight shifts every logit by `ln w`.
pub(crate) fn base_rate_bias(
    cells: &[Cell],
    n_labels: usize,
    positive_weights: Option<&[f32]>,
) -> Vec<f32> {
    let bias = |(label, (yes, no)): (usize, (usize, usize))| {
        let log_odds = ((yes as f64 + 0.5) / (no as f64 + 0.5)).ln();
        (log_odds + weight(positive_weights, label).ln()) as f32
    };
    yes_and_no(cells, n_labels)
        .into_iter()
        .enumerate()
        .map(bias)
        .collect()
}

fn weight(positive_weights: Option<&[f32]>, label: usize) -> f64 {
    positive_weights.map_or(1.0, |weights| weights[label].into())
}

/// How many cells of each label say yes, and how many no.
fn yes_and_no(cells: &[Cell], n_labels: usize) -> Vec<(usize, usize)> {
    let mut counts = vec![(0, 0); n_labels];
    for (i, cell) in cells.iter().enumerate() {
        let (yes, no) = &mut counts[i % n_labels];
        match cell {
            Cell::Yes => *yes += 1,
            Cell::No => *no += 1,
            Cell::Unknown => {}
        }
    }
    counts
}

fn check_shape(logits: &Logits, cells: &[Cell], positive_weights: Option<&[f32]>) {
    assert_eq!(
        logits.values().len(),
        cells.len(),
        "loss: logits and `cells` differ in length"
    );
    if let Some(weights) = positive_weights {
        assert_eq!(
            weights.len(),
            logits.n_labels(),
            "loss: not one positive weight for each label"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Cell::{No, Unknown, Yes};

    const LOGITS: [f32; 11] = [
        0.0, 1.0, -1.0, 17.0, -17.0, 110.0, -110.0, 1e4, -1e4, 0.37, -2.5,
    ];

    fn loss(logit: f32, cell: Cell, weight: f32) -> f64 {
        bce_with_logits(&Logits::new(vec![logit], 1), &[cell], Some(&[weight])).0
    }

    fn gradient(logit: f32, cell: Cell, weight: f32, scale: f32) -> f32 {
        let mut d_logits = [f32::NAN];
        bce_gradient(
            &Logits::new(vec![logit], 1),
            &[cell],
            Some(&[weight]),
            scale,
            &mut d_logits,
        );
        d_logits[0]
    }

    /// `-y ln p - (1-y) ln(1-p)` with the same chance written as `1/(1+e^a)`, so that neither
    /// logarithm sees a rounded 0 or 1: `-ln(1/(1+e^a))` is `ln(1+e^a)`, and past 700 it is `a`.
    fn definition(logit: f64, yes: bool) -> f64 {
        let a = if yes { -logit } else { logit };
        if a > 700.0 { a } else { a.exp().ln_1p() }
    }

    #[test]
    fn agrees_with_the_definition_in_f64_near_and_far() {
        for logit in LOGITS {
            for (cell, yes) in [(Yes, true), (No, false)] {
                let expected = definition(logit.into(), yes);
                let actual = loss(logit, cell, 1.0);
                let bound = 1e-14 * expected.max(f64::MIN_POSITIVE);
                assert!(
                    (actual - expected).abs() <= bound,
                    "{logit} {cell:?}: {actual} vs {expected}"
                );
            }
        }
    }

    #[test]
    fn equals_the_formula_without_weights() {
        for logit in LOGITS {
            let z = f64::from(logit);
            for (cell, y) in [(Yes, 1.0), (No, 0.0)] {
                let expected = z.max(0.0) - z * y + (-z.abs()).exp().ln_1p();
                assert!(
                    (loss(logit, cell, 1.0) - expected).abs() <= 1e-12,
                    "{logit} {cell:?}"
                );
            }
        }
    }

    #[test]
    fn a_weight_multiplies_the_yes_cells_alone() {
        for logit in LOGITS {
            assert_eq!(
                loss(logit, Yes, 3.0),
                3.0 * loss(logit, Yes, 1.0),
                "{logit}"
            );
            assert_eq!(loss(logit, No, 3.0), loss(logit, No, 1.0), "{logit}");
            assert_eq!(
                gradient(logit, No, 3.0, 1.0),
                gradient(logit, No, 1.0, 1.0),
                "{logit}"
            );
        }
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let step = 0.015_625; // Added to these logits without rounding.
        for logit in [
            0.0, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 17.0, -17.0, 110.0, -110.0,
        ] {
            for cell in [Yes, No, Unknown] {
                for (weight, scale) in [(1.0, 1.0), (2.5, 0.125)] {
                    let rise = loss(logit + step, cell, weight) - loss(logit - step, cell, weight);
                    let expected = f64::from(scale) * rise / f64::from(2.0 * step);
                    let actual = f64::from(gradient(logit, cell, weight, scale));
                    // The third derivative times step²/6 is below 1e-5 times the weight.
                    assert!(
                        (actual - expected).abs() <= 2e-5,
                        "{logit} {cell:?}: {actual} vs {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn far_gradients_are_0_or_whole() {
        let cases = [
            (1e4, Yes, 0.0),
            (1e4, No, 1.0),
            (-1e4, Yes, -1.0),
            (-1e4, No, 0.0),
            (-110.0, Yes, -1.0),
            (110.0, No, 1.0),
        ];
        for (logit, cell, expected) in cases {
            assert_eq!(
                gradient(logit, cell, 1.0, 1.0),
                expected,
                "{logit} {cell:?}"
            );
        }
        assert!(gradient(17.0, Yes, 1.0, 1.0) < 0.0, "a far yes still pulls");
    }

    #[test]
    fn unknown_cells_cost_nothing() {
        let logits = Logits::new(vec![1.0, -2.0, f32::NAN, 4.0], 2);
        let cells = [Yes, No, Unknown, Unknown];
        let (sum, known) = bce_with_logits(&logits, &cells, None);
        assert_eq!(known, 2);
        assert_eq!(sum, loss(1.0, Yes, 1.0) + loss(-2.0, No, 1.0));
        let mut d_logits = [9.0; 4];
        bce_gradient(&logits, &cells, None, 0.5, &mut d_logits);
        assert_eq!(d_logits[2..], [0.0, 0.0]);
        assert_eq!(bce_with_logits(&logits, &[Unknown; 4], None), (0.0, 0));
    }

    #[test]
    fn weights_lift_the_rarer_value_up_to_a_cap() {
        let cases = [
            ("even", vec![Yes, No], 1.0),
            ("one in five", vec![Yes, No, No, No, No], 2.0),
            ("four in five", vec![Yes, Yes, Yes, Yes, No], 0.5),
            ("never true", vec![No, No], 1.0),
            ("always true", vec![Yes, Yes, Unknown], 1.0),
            (
                "one in a thousand",
                [vec![Yes], vec![No; 999]].concat(),
                20.0,
            ),
        ];
        for (name, cells, expected) in cases {
            assert_eq!(
                positive_weights_auto(&cells, 1, 20.0, 0.5),
                [expected],
                "{name}"
            );
        }
    }

    #[test]
    fn bias_is_the_smoothed_log_odds() {
        let cells = [Yes, No, Unknown, No, No, No, No, No, Yes];
        let bias = base_rate_bias(&cells, 3, None);
        let expected = [(1.5_f32 / 2.5).ln(), (0.5_f32 / 3.5).ln(), 0.0];
        for (label, (actual, expected)) in bias.iter().zip(expected).enumerate() {
            assert!(
                (actual - expected).abs() < 1e-6,
                "label {label}: {actual} vs {expected}"
            );
        }
        let shifted = base_rate_bias(&cells, 3, Some(&[1.0, 4.0, 0.5]));
        assert!((shifted[1] - bias[1] - 4.0_f32.ln()).abs() < 1e-6);
        assert!((shifted[2] - bias[2] - 0.5_f32.ln()).abs() < 1e-6);
    }
}
