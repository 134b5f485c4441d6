//! Normalisation of every row to mean 0 and variance 1, then a scale and a shift by column.

use crate::Cpu;
use crate::grid::Chunks;
use crate::lanes::{Kernel, Lanes};

/// How many rows one task normalises.
const ROWS: usize = 16;

/// How many columns of the parameters' gradients one task sums up.
const COLUMNS: usize = 64;

/// The parameters of one normalisation, `[width]` each.
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm<'a> {
    /// The scale by column.
    pub weight: &'a [f32],
    /// The shift by column.
    pub bias: &'a [f32],
    /// Added to the variance under the root.
    pub epsilon: f32,
}

/// `out = (x - mean) / sqrt(variance + epsilon) * weight + bias` for every row of `x`
/// (Ba, Kiros and Hinton, 2016), where the variance is the mean squared distance from the mean.
///
/// `statistics`, for [`layer_norm_backward`], gets the mean and `1 / sqrt(variance + epsilon)` of
/// every row: `[rows, 2]`.
///
/// # Panics
///
/// When `x` and `out` are not both `[rows, width]`, or `statistics` is not `[rows, 2]`.
pub fn layer_norm(
    cpu: &Cpu,
    x: &[f32],
    norm: LayerNorm<'_>,
    out: &mut [f32],
    statistics: Option<&mut [f32]>,
) {
    let width = norm.weight.len();
    let rows = rows("layer_norm", x, width);
    assert_eq!(norm.bias.len(), width, "layer_norm: `bias` is not [width]");
    assert_eq!(
        out.len(),
        x.len(),
        "layer_norm: `x` and `out` differ in length"
    );
    let statistics = statistics.map(|statistics| {
        assert_eq!(
            statistics.len(),
            2 * rows,
            "layer_norm: `statistics` is not [rows, 2]"
        );
        Chunks::new(statistics, 2)
    });
    cpu.pool()
        .for_each_chunk(out, ROWS * width.max(1), |task, out| {
            let x = &x[task * ROWS * width..];
            for (i, (x, out)) in x.chunks(width).zip(out.chunks_mut(width)).enumerate() {
                let found = cpu.isa().run(Forward { x, norm, out });
                if let Some(statistics) = &statistics {
                    // SAFETY: every row comes once.
                    unsafe { statistics.chunk(task * ROWS + i) }.copy_from_slice(&found);
                }
            }
        });
}

/// The gradients of [`layer_norm`]: overwrites `d_x`, adds to `d_weight` and `d_bias`.
///
/// With `n = (x - mean) / std` and `g = d_out * weight`, a row's
/// `d_x = (g - mean(g) - n * mean(g * n)) / std`, while
/// `d_weight += d_out * n` and `d_bias += d_out`, summed over the rows in order.
///
/// # Panics
///
/// When a slice does not fit `x`, which is `[rows, width]`.
#[allow(clippy::too_many_arguments)]
pub fn layer_norm_backward(
    cpu: &Cpu,
    x: &[f32],
    statistics: &[f32],
    weight: &[f32],
    d_out: &[f32],
    d_x: &mut [f32],
    d_weight: &mut [f32],
    d_bias: &mut [f32],
) {
    let width = weight.len();
    let rows = rows("layer_norm_backward", x, width);
    assert_eq!(
        statistics.len(),
        2 * rows,
        "layer_norm_backward: `statistics` is not [rows, 2]"
    );
    assert_eq!(
        d_out.len(),
        x.len(),
        "layer_norm_backward: `d_out` differs in length"
    );
    assert_eq!(
        d_x.len(),
        x.len(),
        "layer_norm_backward: `d_x` differs in length"
    );
    assert_eq!(
        d_weight.len(),
        width,
        "layer_norm_backward: `d_weight` is not [width]"
    );
    assert_eq!(
        d_bias.len(),
        width,
        "layer_norm_backward: `d_bias` is not [width]"
    );
    cpu.pool()
        .for_each_chunk(d_x, ROWS * width.max(1), |task, d_x| {
            for (i, d_x) in d_x.chunks_mut(width).enumerate() {
                let row = task * ROWS + i;
                let (x, d_out) = (&x[row * width..][..width], &d_out[row * width..][..width]);
                let statistics = [statistics[2 * row], statistics[2 * row + 1]];
                cpu.isa().run(Backward {
                    x,
                    statistics,
                    weight,
                    d_out,
                    d_x,
                });
            }
        });
    parameter_gradients(cpu, x, statistics, d_out, d_weight, d_bias);
}

/// Adds to `d_weight` and `d_bias`; tasks take columns, so that each adds the rows in order.
fn parameter_gradients(
    cpu: &Cpu,
    x: &[f32],
    statistics: &[f32],
    d_out: &[f32],
    d_weight: &mut [f32],
    d_bias: &mut [f32],
) {
    let width = d_weight.len();
    let d_bias = Chunks::new(d_bias, COLUMNS);
    cpu.pool()
        .for_each_chunk(d_weight, COLUMNS, |task, d_weight| {
            // SAFETY: every index comes once.
            let d_bias = unsafe { d_bias.chunk(task) };
            let first = task * COLUMNS;
            cpu.isa().run(Parameters {
                x,
                statistics,
                d_out,
                width,
                first,
                d_weight,
                d_bias,
            });
        });
}

fn rows(operation: &str, x: &[f32], width: usize) -> usize {
    let rows = x.len().checked_div(width).unwrap_or(0);
    assert_eq!(
        x.len(),
        rows * width,
        "{operation}: `x` is not [rows, width]"
    );
    rows
}

/// One row.
struct Forward<'a> {
    x: &'a [f32],
    norm: LayerNorm<'a>,
    out: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = [f32; 2];

    fn scalar(self) -> [f32; 2] {
        let n = self.x.len() as f32;
        let mean = self.x.iter().sum::<f32>() / n;
        let variance = self.x.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / n;
        let inverse = 1.0 / (variance + self.norm.epsilon).sqrt();
        let parameters = self.norm.weight.iter().zip(self.norm.bias);
        for ((x, out), (weight, bias)) in self.x.iter().zip(self.out).zip(parameters) {
            *out = (x - mean) * inverse * weight + bias;
        }
        [mean, inverse]
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) -> [f32; 2] {
        let n = self.x.len() as f32;
        let mut sums = lanes.splat(0.0);
        for x in self.x.chunks(L::WIDTH) {
            sums = lanes.add(sums, lanes.load(x));
        }
        let mean = lanes.sum(sums) / n;
        let variance = squared_distances(lanes, self.x, mean) / n;
        let inverse = 1.0 / (variance + self.norm.epsilon).sqrt();
        let (means, inverses) = (lanes.splat(mean), lanes.splat(inverse));
        let norm = self.norm;
        let parameters = norm.weight.chunks(L::WIDTH).zip(norm.bias.chunks(L::WIDTH));
        let rows = self.x.chunks(L::WIDTH).zip(self.out.chunks_mut(L::WIDTH));
        for ((x, out), (weight, bias)) in rows.zip(parameters) {
            let normal = lanes.mul(lanes.sub(lanes.load(x), means), inverses);
            lanes.store(
                lanes.mul_add(normal, lanes.load(weight), lanes.load(bias)),
                out,
            );
        }
        [mean, inverse]
    }
}

/// The sum of the squared distances from `mean`.
#[inline(always)]
fn squared_distances<L: Lanes>(lanes: L, x: &[f32], mean: f32) -> f32 {
    let means = lanes.splat(mean);
    let (whole, rest) = x.split_at(x.len() / L::WIDTH * L::WIDTH);
    let mut sums = lanes.splat(0.0);
    for x in whole.chunks(L::WIDTH) {
        let distance = lanes.sub(lanes.load(x), means);
        sums = lanes.mul_add(distance, distance, sums);
    }
    // Lanes beyond the row would count as values of 0.
    let rest = rest.iter().map(|x| (x - mean) * (x - mean));
    lanes.sum(sums) + rest.sum::<f32>()
}

/// `d_x` of one row.
struct Backward<'a> {
    x: &'a [f32],
    statistics: [f32; 2],
    weight: &'a [f32],
    d_out: &'a [f32],
    d_x: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    fn scalar(self) {
        let [mean, inverse] = self.statistics;
        let n = self.x.len() as f32;
        let (mut sum, mut sum_normal) = (0.0, 0.0);
        for ((x, d_out), weight) in self.x.iter().zip(self.d_out).zip(self.weight) {
            sum += d_out * weight;
            sum_normal += d_out * weight * (x - mean) * inverse;
        }
        for (i, d_x) in self.d_x.iter_mut().enumerate() {
            let normal = (self.x[i] - mean) * inverse;
            let g = self.d_out[i] * self.weight[i];
            *d_x = (g - sum / n - normal * sum_normal / n) * inverse;
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        let [mean, inverse] = self.statistics;
        let n = self.x.len() as f32;
        let (mean, inverse) = (lanes.splat(mean), lanes.splat(inverse));
        let (mut sums, mut sums_normal) = (lanes.splat(0.0), lanes.splat(0.0));
        let read = self.x.chunks(L::WIDTH).zip(self.d_out.chunks(L::WIDTH));
        let read = read.zip(self.weight.chunks(L::WIDTH));
        for ((x, d_out), weight) in read.clone() {
            let normal = lanes.mul(lanes.sub(lanes.load(x), mean), inverse);
            // 0 in the lanes beyond the row, which therefore add nothing to either sum.
            let g = lanes.mul(lanes.load(d_out), lanes.load(weight));
            sums = lanes.add(sums, g);
            sums_normal = lanes.mul_add(g, normal, sums_normal);
        }
        let average = lanes.splat(lanes.sum(sums) / n);
        let average_normal = lanes.splat(lanes.sum(sums_normal) / n);
        for (((x, d_out), weight), d_x) in read.zip(self.d_x.chunks_mut(L::WIDTH)) {
            let normal = lanes.mul(lanes.sub(lanes.load(x), mean), inverse);
            let g = lanes.mul(lanes.load(d_out), lanes.load(weight));
            let centred = lanes.sub(lanes.sub(g, average), lanes.mul(normal, average_normal));
            lanes.store(lanes.mul(centred, inverse), d_x);
        }
    }
}

/// What the columns from `first` on add to the gradients of the parameters.
struct Parameters<'a> {
    x: &'a [f32],
    statistics: &'a [f32],
    d_out: &'a [f32],
    width: usize,
    first: usize,
    d_weight: &'a mut [f32],
    d_bias: &'a mut [f32],
}

impl Kernel for Parameters<'_> {
    type Output = ();

    fn scalar(self) {
        let rows = self.x.chunks(self.width).zip(self.d_out.chunks(self.width));
        for ((x, d_out), statistics) in rows.zip(self.statistics.chunks(2)) {
            let (x, d_out) = (&x[self.first..], &d_out[self.first..]);
            let parameters = self.d_weight.iter_mut().zip(&mut *self.d_bias);
            for ((x, d_out), (d_weight, d_bias)) in x.iter().zip(d_out).zip(parameters) {
                *d_weight += d_out * (x - statistics[0]) * statistics[1];
                *d_bias += d_out;
            }
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        let rows = self.x.chunks(self.width).zip(self.d_out.chunks(self.width));
        for ((x, d_out), statistics) in rows.zip(self.statistics.chunks(2)) {
            let (mean, inverse) = (lanes.splat(statistics[0]), lanes.splat(statistics[1]));
            let columns = self.first..self.first + self.d_weight.len();
            let read = x[columns.clone()]
                .chunks(L::WIDTH)
                .zip(d_out[columns].chunks(L::WIDTH));
            let written = self
                .d_weight
                .chunks_mut(L::WIDTH)
                .zip(self.d_bias.chunks_mut(L::WIDTH));
            for ((x, d_out), (d_weight, d_bias)) in read.zip(written) {
                let normal = lanes.mul(lanes.sub(lanes.load(x), mean), inverse);
                let d_out = lanes.load(d_out);
                lanes.store(lanes.mul_add(d_out, normal, lanes.load(d_weight)), d_weight);
                lanes.store(lanes.add(d_out, lanes.load(d_bias)), d_bias);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use crate::random::normal;

    fn values(key: u64, len: usize) -> Vec<f32> {
        (0..len as u64).map(|i| normal(key, i) as f32).collect()
    }

    /// The definition in `f64`, one row.
    fn reference(x: &[f64], weight: &[f32], bias: &[f32], epsilon: f64) -> Vec<f64> {
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let scale = 1.0 / (variance + epsilon).sqrt();
        let parameters = weight
            .iter()
            .zip(bias)
            .map(|(w, b)| (f64::from(*w), f64::from(*b)));
        x.iter()
            .zip(parameters)
            .map(|(x, (w, b))| (x - mean) * scale * w + b)
            .collect()
    }

    fn widen(x: &[f32]) -> Vec<f64> {
        x.iter().copied().map(f64::from).collect()
    }

    const EPSILON: f32 = 1e-5;

    #[test]
    fn every_instruction_set_agrees_with_the_definition_at_every_width() {
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 2);
            for width in (1..=67).chain([384]) {
                let x = values(1, 3 * width);
                let (weight, bias) = (values(2, width), values(3, width));
                let norm = LayerNorm {
                    weight: &weight,
                    bias: &bias,
                    epsilon: EPSILON,
                };
                let (mut out, mut statistics) = (vec![f32::NAN; x.len()], vec![f32::NAN; 6]);
                layer_norm(&cpu, &x, norm, &mut out, Some(&mut statistics));
                let rows = x.chunks(width).zip(out.chunks(width));
                for ((x, out), statistics) in rows.zip(statistics.chunks(2)) {
                    let x = widen(x);
                    let mean = x.iter().sum::<f64>() / width as f64;
                    assert!(
                        (f64::from(statistics[0]) - mean).abs() < 1e-6,
                        "{isa}, {width}"
                    );
                    let expected = reference(&x, &weight, &bias, f64::from(EPSILON));
                    for (o, e) in out.iter().zip(expected) {
                        // A row of two close values is scaled up by some hundreds.
                        let bound = 1e-6 + 1e-6 * f64::from(statistics[1]);
                        assert!(
                            (f64::from(*o) - e).abs() < 3.0 * bound,
                            "{isa}, {width}: {o}, {e}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn no_rows_are_fine() {
        for isa in Isa::supported() {
            let norm = LayerNorm {
                weight: &[1.0],
                bias: &[0.0],
                epsilon: EPSILON,
            };
            layer_norm(&Cpu::new(isa, 2), &[], norm, &mut [], Some(&mut []));
        }
    }

    #[test]
    fn a_row_far_from_0_keeps_its_digits() {
        for isa in Isa::supported() {
            let x: Vec<f32> = (0..32).map(|i| 1000.0 + (i % 2) as f32).collect();
            let (weight, bias) = (vec![1.0; 32], vec![0.0; 32]);
            let norm = LayerNorm {
                weight: &weight,
                bias: &bias,
                epsilon: 0.0,
            };
            let mut out = vec![0.0; 32];
            layer_norm(&Cpu::new(isa, 1), &x, norm, &mut out, None);
            let expected: Vec<f32> = (0..32).map(|i| [-1.0, 1.0][i % 2]).collect();
            assert_eq!(out, expected, "{isa}");
        }
    }

    #[test]
    fn a_row_has_the_same_bits_alone_in_any_batch_and_at_any_thread_count() {
        for isa in Isa::supported() {
            let width = 50;
            let (x, weight, bias) = (values(1, 100 * width), values(2, width), values(3, width));
            let norm = LayerNorm {
                weight: &weight,
                bias: &bias,
                epsilon: EPSILON,
            };
            let mut alone = vec![0.0; x.len()];
            for (x, out) in x.chunks(width).zip(alone.chunks_mut(width)) {
                layer_norm(&Cpu::new(isa, 1), x, norm, out, None);
            }
            for (threads, rows) in [(1, 2), (1, 31), (3, 1), (3, 33), (2, 100)] {
                let mut out = vec![0.0; rows * width];
                layer_norm(
                    &Cpu::new(isa, threads),
                    &x[..rows * width],
                    norm,
                    &mut out,
                    None,
                );
                assert_eq!(
                    out,
                    alone[..rows * width],
                    "{isa}, {threads} threads, {rows} rows"
                );
            }
        }
    }

    /// The gradients of `sum(d_out * out)` by finite differences, in `f64`, against the backward pass.
    #[test]
    fn gradients_agree_with_finite_differences() {
        for isa in Isa::supported() {
            for width in [1, 2, 15, 16, 17, 33, 70] {
                check_gradients(&Cpu::new(isa, 2), width);
            }
        }
    }

    fn check_gradients(cpu: &Cpu, width: usize) {
        const ROWS: usize = 3;
        const STEP: f64 = 1e-5;
        let (x, d_out) = (values(1, ROWS * width), values(4, ROWS * width));
        let (weight, bias) = (values(2, width), values(3, width));
        let norm = LayerNorm {
            weight: &weight,
            bias: &bias,
            epsilon: 0.1,
        };
        let (mut out, mut statistics) = (vec![0.0; x.len()], vec![0.0; 2 * ROWS]);
        layer_norm(cpu, &x, norm, &mut out, Some(&mut statistics));
        let mut d_x = vec![f32::NAN; x.len()];
        let (mut d_weight, mut d_bias) = (vec![1.0; width], vec![1.0; width]);
        layer_norm_backward(
            cpu,
            &x,
            &statistics,
            &weight,
            &d_out,
            &mut d_x,
            &mut d_weight,
            &mut d_bias,
        );
        let loss = |row: usize, x: &[f64]| -> f64 {
            let out = reference(x, &weight, &bias, f64::from(norm.epsilon));
            out.iter()
                .zip(&d_out[row * width..])
                .map(|(o, d)| o * f64::from(*d))
                .sum()
        };
        for (i, d) in d_x.iter().enumerate() {
            let (row, column) = (i / width, i % width);
            let mut x = widen(&x[row * width..][..width]);
            x[column] += STEP;
            let above = loss(row, &x);
            x[column] -= 2.0 * STEP;
            let slope = (above - loss(row, &x)) / (2.0 * STEP);
            assert!(
                (f64::from(*d) - slope).abs() < 1e-5,
                "{}, {width}: {d}, {slope}",
                cpu.isa()
            );
        }
        // The parameters enter linearly: their gradients are sums over the rows.
        for column in 0..width {
            let (mut sum_weight, mut sum_bias) = (1.0, 1.0);
            for row in 0..ROWS {
                let (ones, zeros) = (vec![1.0; width], vec![0.0; width]);
                let x = widen(&x[row * width..][..width]);
                let normal = reference(&x, &ones, &zeros, f64::from(norm.epsilon));
                let d = f64::from(d_out[row * width + column]);
                sum_weight += d * normal[column];
                sum_bias += d;
            }
            assert!(
                (f64::from(d_weight[column]) - sum_weight).abs() < 1e-5,
                "{width}"
            );
            assert!(
                (f64::from(d_bias[column]) - sum_bias).abs() < 1e-5,
                "{width}"
            );
        }
    }
}
