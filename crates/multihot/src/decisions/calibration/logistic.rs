//! Logistic regression in one to three coefficients, by Newton's method.

use super::Group;
use crate::scores::{sigmoid, softplus};

/// Newton's method doubles the right digits with each iteration once it is near.
const MOST_ITERATIONS: usize = 100;
/// Change of the mean loss below which it has arrived.
const ARRIVED: f64 = 1e-12;

/// What the log-odds are made of: `offset(z) + Σ coefficient * feature(z)`.
#[derive(Clone, Copy)]
pub(super) struct Design<F, O> {
    pub features: F,
    pub offset: O,
    /// Platt's targets `(n⁺ + 1) / (n⁺ + 2)` and `1 / (n⁻ + 2)` in place of 1 and 0, with which
    /// the best coefficients are finite even where the label is separated.
    pub smooth: bool,
}

/// A group with its features, its weight and how much of it is yes.
struct Point<const N: usize> {
    features: [f64; N],
    offset: f64,
    weight: f64,
    yes: f64,
}

/// The coefficients with the lowest log loss on `groups`, from `start`.
pub(super) fn fit_logistic<'a, const N: usize>(
    groups: impl Iterator<Item = &'a Group>,
    design: Design<impl Fn(f64) -> [f64; N], impl Fn(f64) -> f64>,
    start: [f64; N],
) -> [f64; N] {
    let points = points(groups, &design);
    let mut coefficients = start;
    let mut loss = mean_loss(&points, &coefficients);
    for _ in 0..MOST_ITERATIONS {
        let step = newton_step(&points, &coefficients);
        let Some((next, next_loss)) = shorten(&points, &coefficients, loss, step) else {
            break;
        };
        let gain = loss - next_loss;
        (coefficients, loss) = (next, next_loss);
        if gain < ARRIVED {
            break;
        }
    }
    coefficients
}

fn points<'a, const N: usize>(
    groups: impl Iterator<Item = &'a Group>,
    design: &Design<impl Fn(f64) -> [f64; N], impl Fn(f64) -> f64>,
) -> Vec<Point<N>> {
    let groups: Vec<&Group> = groups.collect();
    let yes: f64 = groups.iter().map(|group| group.yes).sum();
    let no: f64 = groups.iter().map(|group| group.no).sum();
    let (of_yes, of_no) = if design.smooth {
        ((yes + 1.0) / (yes + 2.0), 1.0 / (no + 2.0))
    } else {
        (1.0, 0.0)
    };
    groups
        .into_iter()
        .map(|group| Point {
            features: (design.features)(group.logit),
            offset: (design.offset)(group.logit),
            weight: group.yes + group.no,
            yes: of_yes * group.yes + of_no * group.no,
        })
        .collect()
}

impl<const N: usize> Point<N> {
    fn log_odds(&self, coefficients: &[f64; N]) -> f64 {
        let terms = self.features.iter().zip(coefficients);
        self.offset + terms.map(|(feature, c)| feature * c).sum::<f64>()
    }
}

/// Over the weight of all points.
fn mean_loss<const N: usize>(points: &[Point<N>], coefficients: &[f64; N]) -> f64 {
    let loss = |point: &Point<N>| {
        let log_odds = point.log_odds(coefficients);
        point.weight * softplus(log_odds) - point.yes * log_odds
    };
    let weight: f64 = points.iter().map(|point| point.weight).sum();
    points.iter().map(loss).sum::<f64>() / weight.max(1.0)
}

/// The way from `coefficients` to the lowest point of the loss's parabola there.
fn newton_step<const N: usize>(points: &[Point<N>], coefficients: &[f64; N]) -> [f64; N] {
    let (mut gradient, mut hessian) = ([0.0; N], [[0.0; N]; N]);
    for point in points {
        let chance = sigmoid(point.log_odds(coefficients));
        let slope = point.weight * chance - point.yes;
        let curve = point.weight * chance * (1.0 - chance);
        for (i, feature) in point.features.iter().enumerate() {
            gradient[i] += slope * feature;
            for (sum, other) in hessian[i].iter_mut().zip(point.features) {
                *sum += curve * feature * other;
            }
        }
    }
    let trace: f64 = (0..N).map(|i| hessian[i][i]).sum();
    for (i, row) in hessian.iter_mut().enumerate() {
        // Equal logits leave a direction without curvature.
        row[i] += 1e-10 * trace + 1e-12;
    }
    solve(hessian, gradient.map(|g| -g))
}

/// The first of the whole step, its half, its quarter … that lowers the loss; `None` where none does.
fn shorten<const N: usize>(
    points: &[Point<N>],
    coefficients: &[f64; N],
    loss: f64,
    step: [f64; N],
) -> Option<([f64; N], f64)> {
    let mut length = 1.0;
    for _ in 0..40 {
        let mut next = *coefficients;
        next.iter_mut()
            .zip(step)
            .for_each(|(c, s)| *c += length * s);
        let next_loss = mean_loss(points, &next);
        if next_loss < loss {
            return Some((next, next_loss));
        }
        length /= 2.0;
    }
    None
}

/// `matrix⁻¹ * right` by Gaussian elimination, of a positive definite matrix.
fn solve<const N: usize>(mut matrix: [[f64; N]; N], mut right: [f64; N]) -> [f64; N] {
    for pivot in 0..N {
        for row in pivot + 1..N {
            let factor = matrix[row][pivot] / matrix[pivot][pivot];
            let above = matrix[pivot];
            for (value, above) in matrix[row].iter_mut().zip(above) {
                *value -= factor * above;
            }
            right[row] -= factor * right[pivot];
        }
    }
    let mut solution = [0.0; N];
    for row in (0..N).rev() {
        let known: f64 = (row + 1..N).map(|i| matrix[row][i] * solution[i]).sum();
        solution[row] = (right[row] - known) / matrix[row][row];
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_equations_are_solved() {
        let matrix = [[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]];
        let expected = [1.0, -2.0, 3.0];
        let right = matrix.map(|row| row.iter().zip(expected).map(|(a, b)| a * b).sum());
        for (actual, expected) in solve(matrix, right).iter().zip(expected) {
            assert!((actual - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn a_shift_alone_is_the_log_odds() {
        let group = Group {
            logit: 5.0,
            yes: 30.0,
            no: 10.0,
        };
        let design = Design {
            features: |_: f64| [1.0],
            offset: |_| 0.0,
            smooth: false,
        };
        let [b] = fit_logistic([group].iter(), design, [0.0]);
        assert!((b - 3.0_f64.ln()).abs() < 1e-6, "{b}");
    }
}
