//! Logistic regression of one label on sparse rows.
//!
//! A truncated Newton method: each step solves `H s = -g` roughly by conjugate gradients, which
//! needs products with the rows and never the Hessian `H` itself, and goes along `s` as far as the
//! objective falls enough. This is how LIBLINEAR fits the same model (Lin, Weng and Keerthi,
//! "Trust Region Newton Method for Large-Scale Logistic Regression", JMLR 9, 2008; with a line
//! search: Galli and Lin, "A Study on Truncated Newton Methods for Linear Classification", IEEE
//! TNNLS 33, 2022). Nothing in it is random.

use multihot_table::Cell;

use super::sparse::SparseRows;
use crate::scores::{sigmoid, softplus};

/// What a row's loss weighs against the penalty `½|w|²`; scikit-learn calls it `C`.
///
/// Chosen on dev parts, see `docs/multi-label.md`.
const LOSS_WEIGHT: f64 = 4.0;

/// The length of the gradient at which a fit is done.
///
/// The objective is strongly convex in the weights, with modulus 1 for its penalty, so they are
/// then this near to the best ones; and a text's row has length 1, so its logit is so, too.
const GRADIENT_BOUND: f64 = 1e-4;

/// A fit takes some twelve Newton steps; this is a bound on what bad numbers may cost.
const MAX_NEWTON_STEPS: usize = 50;

/// A bound again. Each direction on the way is downhill, so stopping early costs steps at most.
const MAX_PRODUCTS: usize = 200;

/// The label's line through the space of features: its logit is `weights · row + intercept`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) weights: Vec<f64>,
    pub(super) intercept: f64,
}

/// The rows that know a label, and what they say.
pub(super) struct Examples<'a> {
    rows: &'a SparseRows,
    known: Vec<usize>,
    /// 1 for yes, 0 for no.
    targets: Vec<f64>,
}

/// Weights with the intercept behind them, and the logits that they give the examples.
struct Point {
    weights: Vec<f64>,
    logits: Vec<f64>,
}

/// Fits the line for which `½|w|² + C * (sum of cross-entropies)` is least.
///
/// The intercept is no part of the penalty. Where all examples say the same, it would be infinite:
/// the line then has no weights, and the base rate for its intercept.
pub(super) fn fit(examples: &Examples) -> Line {
    let mut point = examples.base_rate();
    if examples.have_both_values() {
        for _ in 0..MAX_NEWTON_STEPS {
            let gradient = examples.gradient(&point);
            if length(&gradient) <= GRADIENT_BOUND {
                break;
            }
            let step = newton_step(examples, &point, &gradient);
            match downhill(examples, &point, &gradient, &step) {
                Some(lower) => point = lower,
                // What is left to gain is lost in rounding.
                None => break,
            }
        }
    }
    let (&intercept, weights) = point.weights.split_last().expect("the intercept is there");
    Line {
        weights: weights.to_vec(),
        intercept,
    }
}

/// Solves `H s = -g` until what is left of `g` is small beside it, by conjugate gradients with the
/// diagonal of `H` as preconditioner.
///
/// Half at first, where more would be wasted on a step that is soon outdated; in the end so little
/// that each step doubles the right digits.
fn newton_step(examples: &Examples, point: &Point, gradient: &[f64]) -> Vec<f64> {
    let curvatures = examples.curvatures(point);
    let diagonal = examples.hessian_diagonal(&curvatures);
    let size = length(gradient);
    let bound = size * size.min(0.5);

    let mut step = vec![0.0; gradient.len()];
    let mut residual: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
    let mut direction = quotient(&residual, &diagonal);
    let mut energy = dot(&residual, &direction);
    for _ in 0..MAX_PRODUCTS {
        let product = examples.hessian_times(&curvatures, &direction);
        let share = energy / dot(&direction, &product);
        add(share, &direction, &mut step);
        add(-share, &product, &mut residual);
        if length(&residual) <= bound {
            break;
        }
        let next = quotient(&residual, &diagonal);
        let next_energy = dot(&residual, &next);
        for (direction, next) in direction.iter_mut().zip(next) {
            *direction = next + next_energy / energy * *direction;
        }
        energy = next_energy;
    }
    step
}

/// Goes from `point` along `step`, halving it until the objective falls by its due share of what
/// the slope promises (Armijo's rule); `None` where it never does.
fn downhill(examples: &Examples, point: &Point, gradient: &[f64], step: &[f64]) -> Option<Point> {
    /// The customary share; any below ½ lets whole Newton steps pass near the end.
    const DUE: f64 = 1e-4;
    let start = examples.objective(point);
    let slope = dot(gradient, step);
    let d_logits = examples.logits(step);
    let mut share = 1.0;
    while share > 1e-9 {
        let mut lower = Point {
            weights: point.weights.clone(),
            logits: point.logits.clone(),
        };
        add(share, step, &mut lower.weights);
        add(share, &d_logits, &mut lower.logits);
        if examples.objective(&lower) <= start + DUE * share * slope {
            return Some(lower);
        }
        share /= 2.0;
    }
    None
}

impl<'a> Examples<'a> {
    /// Those of `label` among `rows`; of `cells`, row-major, `n_labels` belong to a row.
    pub(super) fn of(rows: &'a SparseRows, cells: &[Cell], label: usize, n_labels: usize) -> Self {
        let column = cells.iter().skip(label).step_by(n_labels).enumerate();
        let (known, targets) = column
            .filter_map(|(row, cell)| match cell {
                Cell::Yes => Some((row, 1.0)),
                Cell::No => Some((row, 0.0)),
                Cell::Unknown => None,
            })
            .unzip();
        Self {
            rows,
            known,
            targets,
        }
    }

    fn have_both_values(&self) -> bool {
        self.targets.contains(&0.0) && self.targets.contains(&1.0)
    }

    /// No weights, and the smoothed log-odds of yes for intercept.
    fn base_rate(&self) -> Point {
        let yes: f64 = self.targets.iter().sum();
        let no = self.targets.len() as f64 - yes;
        let log_odds = ((yes + 0.5) / (no + 0.5)).ln();
        let mut weights = vec![0.0; self.rows.n_columns() + 1];
        weights[self.rows.n_columns()] = log_odds;
        Point {
            weights,
            logits: vec![log_odds; self.known.len()],
        }
    }

    fn objective(&self, point: &Point) -> f64 {
        let (_, weights) = point.weights.split_last().expect("the intercept is there");
        let losses = point.logits.iter().zip(&self.targets);
        // Softplus is taken of the wrong answer's logit.
        let loss: f64 = losses
            .map(|(&logit, &target)| softplus(if target == 1.0 { -logit } else { logit }))
            .sum();
        0.5 * dot(weights, weights) + LOSS_WEIGHT * loss
    }

    fn gradient(&self, point: &Point) -> Vec<f64> {
        let n_features = self.rows.n_columns();
        let mut sums = point.weights.clone();
        // The penalty's gradient is the weights themselves, without the intercept.
        sums[n_features] = 0.0;
        let examples = self.known.iter().zip(&point.logits).zip(&self.targets);
        for ((&row, &logit), target) in examples {
            self.add_row(LOSS_WEIGHT * (sigmoid(logit) - target), row, &mut sums);
        }
        sums
    }

    /// The second derivative of each example's loss.
    fn curvatures(&self, point: &Point) -> Vec<f64> {
        let chance = |&logit: &f64| sigmoid(logit);
        let curvature = |chance: f64| LOSS_WEIGHT * chance * (1.0 - chance);
        point.logits.iter().map(chance).map(curvature).collect()
    }

    /// Each row is read once: what it gives is added while it is in the cache.
    fn hessian_times(&self, curvatures: &[f64], direction: &[f64]) -> Vec<f64> {
        let n_features = self.rows.n_columns();
        let mut sums = vec![0.0; n_features + 1];
        for (&row, curvature) in self.known.iter().zip(curvatures) {
            let scale = curvature * self.logit(row, direction);
            self.add_row(scale, row, &mut sums);
        }
        add(1.0, &direction[..n_features], &mut sums[..n_features]);
        sums
    }

    fn hessian_diagonal(&self, curvatures: &[f64]) -> Vec<f64> {
        let mut diagonal = vec![1.0; self.rows.n_columns()];
        for (&row, curvature) in self.known.iter().zip(curvatures) {
            for (column, value) in self.rows.row(row) {
                diagonal[column] += curvature * value * value;
            }
        }
        diagonal.push(curvatures.iter().sum());
        diagonal
    }

    /// Each example's logit by `weights`, the intercept behind them.
    fn logits(&self, weights: &[f64]) -> Vec<f64> {
        let logit = |&row: &usize| self.logit(row, weights);
        self.known.iter().map(logit).collect()
    }

    fn logit(&self, row: usize, weights: &[f64]) -> f64 {
        let products = self.rows.row(row);
        let sum: f64 = products
            .map(|(column, value)| value * weights[column])
            .sum();
        sum + weights[self.rows.n_columns()]
    }

    /// Adds `scale` times the row, with the 1 of the intercept behind it.
    fn add_row(&self, scale: f64, row: usize, sums: &mut [f64]) {
        for (column, value) in self.rows.row(row) {
            sums[column] += scale * value;
        }
        sums[self.rows.n_columns()] += scale;
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn length(vector: &[f64]) -> f64 {
    dot(vector, vector).sqrt()
}

fn add(scale: f64, vector: &[f64], to: &mut [f64]) {
    for (to, value) in to.iter_mut().zip(vector) {
        *to += scale * value;
    }
}

fn quotient(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a / b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Cell::{No, Yes};

    fn rows(rows: &[&[(u32, f32)]]) -> SparseRows {
        let mut sparse = SparseRows::new(3);
        for row in rows {
            sparse.push(row.iter().copied());
        }
        sparse
    }

    #[test]
    fn the_gradient_is_that_of_the_objective_and_the_hessian_that_of_the_gradient() {
        let rows = rows(&[&[(0, 0.6), (1, 0.8)], &[(2, 1.0)], &[], &[(1, 1.0)]]);
        let examples = Examples::of(&rows, &[Yes, No, Yes, No], 0, 1);
        let at = |weights: Vec<f64>| Point {
            logits: examples.logits(&weights),
            weights,
        };
        let weights = vec![0.3, -1.2, 0.7, 0.4];
        let point = at(weights.clone());
        let gradient = examples.gradient(&point);
        let curvatures = examples.curvatures(&point);
        let diagonal = examples.hessian_diagonal(&curvatures);
        const H: f64 = 1e-5;
        for i in 0..4 {
            let moved = |by: f64| {
                let mut weights = weights.clone();
                weights[i] += by;
                at(weights)
            };
            let (up, down) = (moved(H), moved(-H));
            let slope = (examples.objective(&up) - examples.objective(&down)) / (2.0 * H);
            assert!(
                (slope - gradient[i]).abs() < 1e-8,
                "{i}: {slope} vs {}",
                gradient[i]
            );

            let mut unit = vec![0.0; 4];
            unit[i] = 1.0;
            let column = examples.hessian_times(&curvatures, &unit);
            let (up, down) = (examples.gradient(&up), examples.gradient(&down));
            for j in 0..4 {
                let expected = (up[j] - down[j]) / (2.0 * H);
                assert!((column[j] - expected).abs() < 1e-8, "{i}, {j}");
            }
            assert!((column[i] - diagonal[i]).abs() < 1e-12, "{i}");
        }
    }

    #[test]
    fn a_fit_ends_where_the_gradient_does() {
        // One answer in a hundred; the first feature tells it, but for one row.
        let with = |i: usize| -> &[(u32, f32)] {
            match i {
                0..10 => &[(0, 1.0)],
                10..500 => &[(1, 0.6), (2, 0.8)],
                _ => &[(2, 1.0)],
            }
        };
        let rows = rows(&(0..1000).map(with).collect::<Vec<_>>());
        let cells: Vec<Cell> = (0..1000)
            .map(|i| if i < 9 || i == 700 { Yes } else { No })
            .collect();
        let examples = Examples::of(&rows, &cells, 0, 1);
        let Line { weights, intercept } = fit(&examples);
        let weights: Vec<f64> = weights.into_iter().chain([intercept]).collect();
        let logits = examples.logits(&weights);
        let gradient = examples.gradient(&Point { weights, logits });
        assert!(length(&gradient) <= GRADIENT_BOUND, "{gradient:?}");
    }
}
