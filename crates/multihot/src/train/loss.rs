//! What a training makes smaller: the loss on logits, its gradient, and what it says about a start.
//!
//! `cell.rs` has what one cell costs, `exclusive.rs` what a group of labels that exclude each other
//! does, `distortion.rs` what the loss does to chances.

mod cell;
mod distortion;
mod exclusive;

use std::fmt;

use multihot_table::Cell;
use serde::{Deserialize, Serialize};

use super::options::{OptionsError, within};
use super::targets::Targets;
use crate::questions::{ExclusiveGroup, Questions};
use crate::scores::Logits;

pub(crate) use distortion::Distortion;

/// What a cell costs at a chance `q` of yes. See `docs/multi-label.md` for when to take which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loss {
    /// Binary cross-entropy: `-ln` of the chance of the right answer.
    #[default]
    Bce,
    /// Focal loss (arXiv:1708.02002): that times `(1 - chance of the right answer)^gamma`.
    Focal {
        /// How much cells that are nearly right are passed over; 0 is cross-entropy.
        gamma: f32,
    },
    /// Asymmetric loss (arXiv:2009.14119): a yes costs `(1 - q)^gamma_positive * -ln(q)`, a no
    /// `r^gamma_negative * -ln(1 - r)` with `r = max(q - clip, 0)`.
    Asymmetric {
        /// How much yes cells that are nearly right are passed over.
        gamma_positive: f32,
        /// How much no cells that are nearly right are passed over.
        gamma_negative: f32,
        /// The chance of yes up to which a no costs nothing.
        clip: f32,
    },
}

/// The numbers of a [`Loss`], whichever it is.
#[derive(Clone, Copy)]
struct Terms {
    gamma_positive: f64,
    gamma_negative: f64,
    clip: f64,
}

impl Loss {
    /// Checks the numbers.
    ///
    /// # Errors
    ///
    /// The first that cannot be used.
    pub(crate) fn check(self) -> Result<(), OptionsError> {
        match self {
            Loss::Bce => Ok(()),
            Loss::Focal { gamma } => within("--focal-gamma", gamma, 0.0..=10.0),
            Loss::Asymmetric {
                gamma_positive,
                gamma_negative,
                clip,
            } => {
                within("--asl-gamma-pos", gamma_positive, 0.0..=10.0)?;
                within("--asl-gamma-neg", gamma_negative, 0.0..=10.0)?;
                within("--asl-clip", clip, 0.0..=0.5)
            }
        }
    }

    fn terms(self) -> Terms {
        let (gamma_positive, gamma_negative, clip) = match self {
            Loss::Bce => (0.0, 0.0, 0.0),
            Loss::Focal { gamma } => (gamma, gamma, 0.0),
            Loss::Asymmetric {
                gamma_positive,
                gamma_negative,
                clip,
            } => (gamma_positive, gamma_negative, clip),
        };
        Terms {
            gamma_positive: gamma_positive.into(),
            gamma_negative: gamma_negative.into(),
            clip: clip.into(),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Bce => write!(f, "cross-entropy"),
            Loss::Focal { gamma } => write!(f, "focal loss (gamma {gamma})"),
            Loss::Asymmetric {
                gamma_positive,
                gamma_negative,
                clip,
            } => write!(
                f,
                "asymmetric loss (gamma {gamma_positive} for yes, {gamma_negative} for no; clip {clip})"
            ),
        }
    }
}

/// The loss of a training with all that changes it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Criterion<'a> {
    pub(super) loss: Loss,
    /// `a`: a yes counts as `1 - a/2` of a yes and `a/2` of a no, and a no the other way round.
    pub(super) label_smoothing: f32,
    /// What the yes side of each label counts; 1 where there are none.
    pub(super) positive_weights: Option<&'a [f32]>,
    /// Which labels exclude each other; none do without.
    pub(super) questions: Option<&'a Questions>,
}

impl Criterion<'_> {
    /// Sum of what `logits` cost against the known cells of `targets`, and how many questions are
    /// answered, each counted as its row's weight.
    ///
    /// A label in no exclusive group is a question of its own. A group is one question, whatever
    /// the number of its labels: with two it costs what one yes/no question about the difference
    /// of their logits costs. `exclusive.rs` has its cost.
    ///
    /// A cell with the chance `y` of a yes, in a row of weight `v`, costs
    /// `v·(w·y·yes_cost + (1-y)·no_cost)`, which is finite for every finite logit; with
    /// cross-entropy that is `v·(w·y·ln(1 + e^-z) + (1-y)·ln(1 + e^z))`. It stays a sum because the
    /// divisor is that of the whole effective batch.
    pub(crate) fn sum<'t>(&self, logits: &Logits, targets: impl Into<Targets<'t>>) -> (f64, f64) {
        let targets = targets.into();
        self.check_shape(logits, &targets);
        let n_labels = logits.n_labels();
        let (mut sum, mut known) = (0.0, 0.0);
        for (i, &logit) in logits.values().iter().enumerate() {
            let Some(sides) = self.sides(i % n_labels, targets.share(i)) else {
                continue;
            };
            let (logit, weight) = (f64::from(logit), targets.weight(i / n_labels));
            sum += weight * sides.of(|| self.loss.yes_cost(logit), || self.loss.no_cost(logit));
            known += weight;
        }
        for (i, _, row) in self.exclusive_rows(logits, targets.cells) {
            sum += targets.weight(i) * row.cost(self.label_smoothing.into());
            known += targets.weight(i);
        }
        (sum, known)
    }

    /// Gradient of `scale` times [`Criterion::sum`]; an unknown cell has 0, unless others of its
    /// exclusive group are known.
    ///
    /// `scale` is one over the answered questions of the whole effective batch, all its parts
    /// together, each counted as its row's weight.
    pub(crate) fn gradient<'t>(
        &self,
        logits: &Logits,
        targets: impl Into<Targets<'t>>,
        scale: f32,
        d_logits: &mut [f32],
    ) {
        let targets = targets.into();
        self.check_shape(logits, &targets);
        assert_eq!(
            d_logits.len(),
            targets.cells.len(),
            "loss: `d_logits` and `cells` differ in length"
        );
        let n_labels = logits.n_labels();
        let scores = logits.values().iter().zip(&mut *d_logits).enumerate();
        for (i, (&logit, d_logit)) in scores {
            let logit = f64::from(logit);
            let slope = self
                .sides(i % n_labels, targets.share(i))
                .map_or(0.0, |sides| {
                    let slope =
                        sides.of(|| self.loss.yes_slope(logit), || self.loss.no_slope(logit));
                    targets.weight(i / n_labels) * slope
                });
            *d_logit = (f64::from(scale) * slope) as f32;
        }
        for (i, group, row) in self.exclusive_rows(logits, targets.cells) {
            let scale = f64::from(scale) * targets.weight(i);
            let slopes = row.slopes(self.label_smoothing.into());
            for (&label, slope) in group.members.iter().zip(slopes) {
                d_logits[i * n_labels + label] = (scale * slope) as f32;
            }
        }
    }

    /// The exclusive groups of each row that says something about them, with the row's number.
    fn exclusive_rows<'a>(
        &'a self,
        logits: &'a Logits,
        cells: &'a [Cell],
    ) -> impl Iterator<Item = (usize, &'a ExclusiveGroup, exclusive::Row)> {
        let groups = self.questions.map_or(&[][..], Questions::exclusive);
        groups.iter().flat_map(move |group| {
            let rows = cells.chunks_exact(logits.n_labels()).enumerate();
            rows.filter_map(move |(i, cells)| {
                let row = exclusive::Row::of(group, logits.row(i), cells)?;
                Some((i, group, row))
            })
        })
    }

    /// What each side of a cell with the chance `share` of a yes counts, where it is known; nothing
    /// for one of an exclusive group.
    fn sides(&self, label: usize, share: Option<f64>) -> Option<Sides> {
        let share = share?;
        if self
            .questions
            .is_some_and(|questions| questions.is_exclusive(label))
        {
            return None;
        }
        let half = f64::from(self.label_smoothing) / 2.0;
        let yes = share * (1.0 - half) + (1.0 - share) * half;
        Some(Sides {
            yes: yes * weight(self.positive_weights, label),
            no: 1.0 - yes,
        })
    }

    fn check_shape(&self, logits: &Logits, targets: &Targets<'_>) {
        let n_cells = targets.cells.len();
        assert_eq!(
            logits.values().len(),
            n_cells,
            "loss: logits and `cells` differ in length"
        );
        if let Some(shares) = targets.shares {
            assert_eq!(shares.len(), n_cells, "loss: not one chance for each cell");
        }
        if let Some(weights) = targets.weights {
            let n_rows = n_cells / logits.n_labels();
            assert_eq!(weights.len(), n_rows, "loss: not one weight for each row");
        }
        if let Some(weights) = self.positive_weights {
            assert_eq!(
                weights.len(),
                logits.n_labels(),
                "loss: not one positive weight for each label"
            );
        }
        if let Some(questions) = self.questions {
            assert_eq!(
                questions.labels().len(),
                logits.n_labels(),
                "loss: not one question for each label"
            );
        }
    }
}

/// How much of a yes and how much of a no a cell is.
struct Sides {
    yes: f64,
    no: f64,
}

impl Sides {
    /// Adds the two up, and asks for none that counts nothing.
    fn of(&self, yes: impl FnOnce() -> f64, no: impl FnOnce() -> f64) -> f64 {
        let yes = if self.yes == 0.0 {
            0.0
        } else {
            self.yes * yes()
        };
        let no = if self.no == 0.0 { 0.0 } else { self.no * no() };
        yes + no
    }
}

/// A weight for each label's yes cells: `(n⁻/n⁺)^power` over its known cells, at most `cap`, and
/// 1 where one of the two never occurs. A cell counts as its row's weight, and one with a chance on
/// both sides.
pub(crate) fn positive_weights_auto<'t>(
    targets: impl Into<Targets<'t>>,
    n_labels: usize,
    cap: f32,
    power: f32,
) -> Vec<f32> {
    let weight = |(yes, no): (f64, f64)| {
        if yes == 0.0 || no == 0.0 {
            1.0
        } else {
            (no as f32 / yes as f32).powf(power).min(cap)
        }
    };
    yes_and_no(&targets.into(), n_labels)
        .into_iter()
        .map(weight)
        .collect()
}

/// The output bias with which an untrained head answers each label's base rate, as the loss would
/// have it: the smoothed log-odds `ln((n⁺ + ½) / (n⁻ + ½))`, finite for a label that is never or
/// always true, with what the loss does to them.
///
/// A head that starts here spends no steps on learning how rare the labels are (the prior of
/// RetinaNet, arXiv:1708.02002). `shifts` are `ln w` of weights that no distortion knows of. The
/// labels of an exclusive group share its outcomes' base rates.
pub(crate) fn base_rate_bias<'t>(
    targets: impl Into<Targets<'t>>,
    questions: &Questions,
    distortion: &Distortion,
    shifts: &[f32],
) -> Vec<f32> {
    let (targets, n_labels) = (targets.into(), questions.labels().len());
    let counts = yes_and_no(&targets, n_labels).into_iter().zip(shifts);
    let bias = |(label, ((yes, no), shift)): (usize, ((f64, f64), &f32))| {
        let log_odds = ((yes + 0.5) / (no + 0.5)).ln();
        distortion.apply(label, log_odds as f32) + shift
    };
    let mut bias: Vec<f32> = counts.enumerate().map(bias).collect();
    for group in questions.exclusive() {
        let rows = targets.cells.chunks_exact(n_labels).enumerate();
        let rows = rows.map(|(row, cells)| (cells, targets.weight(row)));
        let start = exclusive::start(group, rows, distortion.smoothing_of_groups());
        for (&label, start) in group.members.iter().zip(start) {
            bias[label] = start;
        }
    }
    bias
}

/// How many cells of each label are known.
pub(crate) fn known_cells(cells: &[Cell], n_labels: usize) -> Vec<usize> {
    let mut known = vec![0; n_labels];
    for (i, cell) in cells.iter().enumerate() {
        known[i % n_labels] += usize::from(*cell != Cell::Unknown);
    }
    known
}

/// Of each exclusive group the rows that say which of its outcomes it is.
pub(crate) fn settled_rows(cells: &[Cell], questions: &Questions) -> Vec<usize> {
    let n_labels = questions.labels().len();
    let groups = questions.exclusive().iter();
    groups
        .map(|group| exclusive::settled(group, cells, n_labels))
        .collect()
}

fn weight(positive_weights: Option<&[f32]>, label: usize) -> f64 {
    positive_weights.map_or(1.0, |weights| weights[label].into())
}

/// How many cells of each label say yes, and how many no, each counted as its row's weight.
fn yes_and_no(targets: &Targets<'_>, n_labels: usize) -> Vec<(f64, f64)> {
    let mut counts = vec![(0.0, 0.0); n_labels];
    for i in 0..targets.cells.len() {
        let Some(share) = targets.share(i) else {
            continue;
        };
        let (yes, no) = &mut counts[i % n_labels];
        let weight = targets.weight(i / n_labels);
        *yes += weight * share;
        *no += weight * (1.0 - share);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::questions::tests::questions;
    use Cell::{No, Unknown, Yes};

    const LOGITS: [f32; 11] = [
        0.0, 1.0, -1.0, 17.0, -17.0, 110.0, -110.0, 1e4, -1e4, 0.37, -2.5,
    ];

    fn weighted(weight: &f32) -> Criterion<'_> {
        Criterion {
            positive_weights: Some(std::slice::from_ref(weight)),
            ..Criterion::default()
        }
    }

    fn loss(logit: f32, cell: Cell, weight: f32) -> f64 {
        cost(weighted(&weight), logit, cell)
    }

    fn gradient(logit: f32, cell: Cell, weight: f32, scale: f32) -> f32 {
        slope(weighted(&weight), logit, cell, scale)
    }

    fn cost(criterion: Criterion<'_>, logit: f32, cell: Cell) -> f64 {
        criterion.sum(&Logits::new(vec![logit], 1), &[cell]).0
    }

    fn slope(criterion: Criterion<'_>, logit: f32, cell: Cell, scale: f32) -> f32 {
        let mut d_logits = [f32::NAN];
        criterion.gradient(&Logits::new(vec![logit], 1), &[cell], scale, &mut d_logits);
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
        let criterion = Criterion::default();
        let (sum, known) = criterion.sum(&logits, &cells);
        assert_eq!(known, 2.0);
        assert_eq!(sum, loss(1.0, Yes, 1.0) + loss(-2.0, No, 1.0));
        let mut d_logits = [9.0; 4];
        criterion.gradient(&logits, &cells, 0.5, &mut d_logits);
        assert_eq!(d_logits[2..], [0.0, 0.0]);
        assert_eq!(criterion.sum(&logits, &[Unknown; 4]), (0.0, 0.0));
    }

    /// Logits, cells and chances of three rows with two labels.
    const SOFT_LOGITS: [f32; 6] = [0.5, -3.0, 17.0, -1.0, 2.0, 110.0];
    const SOFT_CELLS: [Cell; 6] = [No, Yes, Yes, No, Unknown, No];
    const SHARES: [f32; 6] = [0.25, 0.9, 1.0, 0.0, 0.0, 0.4];
    const WEIGHTS: [f32; 3] = [1.0, 0.25, 3.0];

    fn soft<'a>(weights: Option<&'a [f32]>) -> Targets<'a> {
        Targets {
            cells: &SOFT_CELLS,
            shares: Some(&SHARES),
            weights,
        }
    }

    #[test]
    fn a_chance_costs_its_share_of_both_sides() {
        let logits = Logits::new(SOFT_LOGITS.to_vec(), 2);
        let (sum, known) = Criterion::default().sum(&logits, soft(None));
        let share = |(i, &logit): (usize, &f32)| {
            let y = f64::from(SHARES[i]);
            y * definition(logit.into(), true) + (1.0 - y) * definition(logit.into(), false)
        };
        let cells = SOFT_LOGITS.iter().enumerate();
        let expected: f64 = cells.filter(|(i, _)| *i != 4).map(share).sum();
        assert!(
            (sum - expected).abs() <= 1e-12 * expected,
            "{sum} vs {expected}"
        );
        assert_eq!(known, 5.0);
        // At the logit of its chance there is nothing to learn.
        let even = Targets {
            cells: &[No],
            shares: Some(&[0.25]),
            weights: None,
        };
        let mut d_logits = [9.0];
        let logit = Logits::new(vec![(0.25_f32 / 0.75).ln()], 1);
        Criterion::default().gradient(&logit, even, 1.0, &mut d_logits);
        assert!(d_logits[0].abs() < 1e-7, "{d_logits:?}");
    }

    #[test]
    fn a_row_of_weight_two_is_two_rows() {
        let logits = Logits::new(SOFT_LOGITS.to_vec(), 2);
        let twice = Logits::new([&SOFT_LOGITS[..], &SOFT_LOGITS[2..4]].concat(), 2);
        let cells = [&SOFT_CELLS[..], &SOFT_CELLS[2..4]].concat();
        let shares = [&SHARES[..], &SHARES[2..4]].concat();
        let criterion = Criterion::default();
        let (weighted, known) = criterion.sum(&logits, soft(Some(&[1.0, 2.0, 1.0])));
        let repeated = Targets {
            cells: &cells,
            shares: Some(&shares),
            weights: None,
        };
        let (expected, expected_known) = criterion.sum(&twice, repeated);
        assert!((weighted - expected).abs() <= 1e-12 * expected);
        assert_eq!(known, expected_known);
        let questions = Questions::independent(&["a".to_owned(), "b".to_owned()]);
        let bias = |targets: Targets<'_>| {
            base_rate_bias(targets, &questions, &Distortion::None, &[0.0; 2])
        };
        assert_eq!(bias(soft(Some(&[1.0, 2.0, 1.0]))), bias(repeated));
        let auto = |targets: Targets<'_>| positive_weights_auto(targets, 2, 20.0, 0.5);
        assert_eq!(auto(soft(Some(&[1.0, 2.0, 1.0]))), auto(repeated));
    }

    #[test]
    fn gradients_of_chances_and_weights_agree_with_finite_differences() {
        let step = 0.015_625; // Added to these logits without rounding.
        let weights = [2.0, 0.5];
        let criteria = [
            Criterion::default(),
            Criterion {
                loss: Loss::Focal { gamma: 2.0 },
                label_smoothing: 0.1,
                positive_weights: Some(&weights),
                questions: None,
            },
        ];
        let targets = soft(Some(&WEIGHTS));
        for criterion in criteria {
            let mut d_logits = [0.0; 6];
            let logits = Logits::new(SOFT_LOGITS.to_vec(), 2);
            criterion.gradient(&logits, targets, 0.125, &mut d_logits);
            for i in 0..6 {
                let at = |change: f32| {
                    let mut moved = SOFT_LOGITS.to_vec();
                    moved[i] += change;
                    criterion.sum(&Logits::new(moved, 2), targets).0
                };
                let expected = 0.125 * (at(step) - at(-step)) / f64::from(2.0 * step);
                let actual = f64::from(d_logits[i]);
                // The third derivative times step²/6, times weights below 8.
                assert!(
                    (actual - expected).abs() <= 1e-4,
                    "{i}: {actual} vs {expected}"
                );
            }
            assert_eq!(d_logits[4], 0.0, "an unknown cell pulls nowhere");
        }
    }

    #[test]
    fn an_exclusive_group_and_free_labels_are_one_loss() {
        // `a` and `c` exclude each other, `b` is free.
        let questions = questions("a,b,c", &["g=a,c"], &[]);
        let criterion = Criterion {
            questions: Some(&questions),
            ..Criterion::default()
        };
        let values = vec![0.5, -1.0, 2.0, 1.0, 3.0, -0.5, 0.0, 0.25, 1.0];
        let cells = [Yes, No, No, Unknown, Yes, Unknown, No, Unknown, Unknown];
        let (sum, answered) = criterion.sum(&Logits::new(values.clone(), 3), &cells);
        // The first row answers both questions, the others one each.
        assert_eq!(answered, 4.0);
        let expected = [
            loss(0.5 - 2.0, Yes, 1.0),
            loss(-1.0, No, 1.0),
            loss(3.0, Yes, 1.0),
            // Not `a`, so `c`.
            loss(1.0, Yes, 1.0),
        ];
        assert!((sum - expected.iter().sum::<f64>()).abs() < 1e-12);

        let mut d_logits = [f32::NAN; 9];
        criterion.gradient(&Logits::new(values.clone(), 3), &cells, 0.5, &mut d_logits);
        let step = 0.015_625;
        for (i, d_logit) in d_logits.iter().enumerate() {
            let moved = |by: f32| {
                let mut values = values.clone();
                values[i] += by;
                criterion.sum(&Logits::new(values, 3), &cells).0
            };
            let expected = 0.5 * (moved(step) - moved(-step)) / f64::from(2.0 * step);
            assert!(
                (f64::from(*d_logit) - expected).abs() < 1e-5,
                "{i}: {d_logit} vs {expected}"
            );
        }
        assert_eq!((d_logits[3], d_logits[5], d_logits[7]), (0.0, 0.0, 0.0));
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
        let shifts = [0.0, 4.0_f32.ln(), 0.5_f32.ln()];
        let bias = base_rate_bias(
            &cells,
            &questions("a,b,c", &[], &[]),
            &Distortion::None,
            &[0.0; 3],
        );
        let expected = [(1.5_f32 / 2.5).ln(), (0.5_f32 / 3.5).ln(), 0.0];
        for (label, (actual, expected)) in bias.iter().zip(expected).enumerate() {
            assert!(
                (actual - expected).abs() < 1e-6,
                "label {label}: {actual} vs {expected}"
            );
        }
        let shifted = base_rate_bias(
            &cells,
            &questions("a,b,c", &[], &[]),
            &Distortion::None,
            &shifts,
        );
        assert!((shifted[1] - bias[1] - 4.0_f32.ln()).abs() < 1e-6);
        assert!((shifted[2] - bias[2] - 0.5_f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn every_loss_is_that_of_pytorch() {
        let golden = golden::read();
        assert!(golden.cases.len() > 20, "{} cases", golden.cases.len());
        for case in &golden.cases {
            let criterion = case.criterion();
            for (cell, side) in [(Yes, &case.yes), (No, &case.no)] {
                for (i, &logit) in golden.logits.iter().enumerate() {
                    let at = format!("{} at {logit} {cell:?}", case.name());
                    let (actual, expected) = (cost(criterion, logit, cell), side.costs[i]);
                    // Theirs loses digits in `1 - p`, up to 1e-16 of the factor's own size.
                    let bound = 1e-11 * expected + 1e-14;
                    assert!(
                        (actual - expected).abs() <= bound,
                        "{at}: {actual} vs {expected}"
                    );
                    let actual = f64::from(slope(criterion, logit, cell, 1.0));
                    let expected = side.slopes[i];
                    // Ours is rounded to f32.
                    let bound = 1e-7 * expected.abs() + 1e-14;
                    assert!(
                        (actual - expected).abs() <= bound,
                        "{at}: {actual} vs {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn smoothing_moves_a_cell_toward_even_odds() {
        let smooth = |label_smoothing| Criterion {
            label_smoothing,
            ..Criterion::default()
        };
        for logit in LOGITS {
            let (yes, no) = (loss(logit, Yes, 1.0), loss(logit, No, 1.0));
            let actual = cost(smooth(0.25), logit, Yes);
            assert!(
                (actual - (0.875 * yes + 0.125 * no)).abs() <= 1e-12 * actual,
                "{logit}"
            );
            let actual = cost(smooth(0.25), logit, No);
            assert!(
                (actual - (0.125 * yes + 0.875 * no)).abs() <= 1e-12 * actual,
                "{logit}"
            );
            assert_eq!(cost(smooth(0.25), logit, Unknown), 0.0, "{logit}");
        }
        let balanced = slope(smooth(0.25), 7f32.ln(), Yes, 1.0);
        assert!(
            balanced.abs() < 1e-7,
            "at 7 to 1 there is nothing to learn: {balanced}"
        );
    }

    #[test]
    fn a_start_is_where_the_loss_wants_the_base_rate() {
        // One yes in five, smoothed to 2.5 in 11.
        let cells = [[Yes; 2].as_slice(), &[No; 8], &[Unknown; 3]].concat();
        let (yes, no) = (2.5 / 11.0, 8.5 / 11.0);
        for case in golden::read().cases {
            let known = known_cells(&cells, 1);
            assert_eq!(known, [10]);
            let start = base_rate_bias(
                &cells,
                &questions("a", &[], &[]),
                &case.distortion(known[0]),
                &[0.0],
            );
            let criterion = case.criterion();
            let pull = |side| f64::from(slope(criterion, start[0], side, 1.0));
            let pulls = (yes * pull(Yes), no * pull(No));
            assert!(
                (pulls.0 + pulls.1).abs() <= 1e-5 * pulls.1.abs(),
                "{}: {pulls:?} at {start:?}",
                case.name()
            );
        }
    }
}

/// What `tools/reference/losses.py` found with PyTorch.
#[cfg(test)]
mod golden {
    use serde::Deserialize;

    use super::{Criterion, Distortion, Loss};

    #[derive(Deserialize)]
    pub(super) struct Golden {
        pub(super) logits: Vec<f32>,
        pub(super) chances: Vec<f64>,
        pub(super) cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    pub(super) struct Case {
        pub(super) loss: Loss,
        pub(super) label_smoothing: f32,
        pub(super) weight: f32,
        pub(super) yes: Side,
        pub(super) no: Side,
        /// For each chance the logit of least cost, `None` where that is infinite.
        pub(super) optima: Vec<Option<f32>>,
    }

    /// What a cell that says so costs at each logit.
    #[derive(Deserialize)]
    pub(super) struct Side {
        pub(super) costs: Vec<f64>,
        pub(super) slopes: Vec<f64>,
    }

    pub(super) fn read() -> Golden {
        let text = include_str!("../../tests/golden/losses.json");
        serde_json::from_str(text).expect("the file is as the script writes it")
    }

    impl Case {
        pub(super) fn name(&self) -> String {
            format!(
                "{}, smoothing {}, weight {}",
                self.loss, self.label_smoothing, self.weight
            )
        }

        /// The loss of one label.
        pub(super) fn criterion(&self) -> Criterion<'_> {
            Criterion {
                loss: self.loss,
                label_smoothing: self.label_smoothing,
                positive_weights: Some(std::slice::from_ref(&self.weight)),
                questions: None,
            }
        }

        /// What it does to a label with so many known cells.
        pub(super) fn distortion(&self, known: usize) -> Distortion {
            let log_weights = [self.weight.ln()];
            Distortion::new(
                self.loss,
                self.label_smoothing,
                &log_weights,
                &[known],
                Vec::new(),
            )
        }
    }
}
