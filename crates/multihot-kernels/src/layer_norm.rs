//! Normalisation of every row to mean 0 and variance 1, then a scale and a shift by column.

use half::bf16;

use crate::dropout::{Drop, Dropout, Mask, active};
use crate::grid::Chunks;
use crate::lanes::{Kernel, Lanes};
use crate::numbers::{Element, Round};
use crate::{Cpu, NumbersMut, NumbersRef, Work};

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

/// What a normalisation keeps for its backward pass.
#[derive(Debug)]
pub struct KeptNorm<'a> {
    /// Gets `(x - mean) / sqrt(variance + epsilon)`: `[rows, width]`.
    pub normal: NumbersMut<'a>,
    /// Gets `1 / sqrt(variance + epsilon)` of every row.
    pub inverse: &'a mut [f32],
}

/// `out = (x - mean) / sqrt(variance + epsilon) * weight + bias` for every row of `x`
/// (Ba, Kiros and Hinton, 2016), where the variance is the mean squared distance from the mean.
///
/// `operand` gets the same, in the number type in which the next product reads it. `kept`, of that
/// type too, is for [`layer_norm_backward`].
///
/// # Panics
///
/// When one of the slices is not `[rows, width]`, or `operand` and `kept` differ in type.
pub fn layer_norm(
    cpu: &Cpu,
    x: &[f32],
    norm: LayerNorm<'_>,
    out: &mut [f32],
    operand: Option<NumbersMut<'_>>,
    kept: Option<KeptNorm<'_>>,
) {
    let _time = cpu.record(Work::LayerNorm);
    let is_bf16 = |numbers: &NumbersMut<'_>| matches!(numbers, NumbersMut::Bf16(_));
    let kept_type = kept.as_ref().map(|kept| &kept.normal);
    match operand.as_ref().or(kept_type).is_some_and(is_bf16) {
        true => forward::<bf16>(cpu, x, norm, out, operand, kept),
        false => forward::<f32>(cpu, x, norm, out, operand, kept),
    }
}

fn forward<E: Element>(
    cpu: &Cpu,
    x: &[f32],
    norm: LayerNorm<'_>,
    out: &mut [f32],
    operand: Option<NumbersMut<'_>>,
    kept: Option<KeptNorm<'_>>,
) {
    let width = norm.weight.len();
    let rows = rows("layer_norm", x, width);
    assert_eq!(norm.bias.len(), width, "layer_norm: `bias` is not [width]");
    assert_fits("layer_norm", "out", out.len(), x.len());
    let by_row = |name, numbers| {
        let numbers = E::all_of_mut("layer_norm", numbers);
        assert_fits("layer_norm", name, numbers.len(), x.len());
        Chunks::new(numbers, width.max(1))
    };
    let operand = operand.map(|operand| by_row("operand", operand));
    let kept = kept.map(|kept| {
        assert_fits("layer_norm", "inverse", kept.inverse.len(), rows);
        (by_row("normal", kept.normal), Chunks::new(kept.inverse, 1))
    });
    cpu.pool()
        .for_each_chunk(out, ROWS * width.max(1), |task, out| {
            for (i, out) in out.chunks_mut(width).enumerate() {
                let row = task * ROWS + i;
                let x = &x[row * width..][..width];
                // SAFETY: every row comes once.
                let operand = operand.as_ref().map(|rows| unsafe { rows.chunk(row) });
                // SAFETY: as above.
                let normal = kept.as_ref().map(|(rows, _)| unsafe { rows.chunk(row) });
                let found = cpu.isa().run(Forward {
                    x,
                    norm,
                    out,
                    operand,
                    normal,
                });
                if let Some((_, inverse)) = &kept {
                    // SAFETY: as above.
                    let inverse = unsafe { inverse.chunk(row) };
                    inverse[0] = found;
                }
            }
        });
}

/// What [`layer_norm_backward`] reads of the forward pass and of the gradient.
#[derive(Clone, Copy, Debug)]
pub struct NormGradient<'a> {
    /// As [`KeptNorm`] had it.
    pub normal: NumbersRef<'a>,
    /// As [`KeptNorm`] had it.
    pub inverse: &'a [f32],
    /// The scale by column.
    pub weight: &'a [f32],
    /// The gradient by the output: `[rows, width]`.
    pub d_out: &'a [f32],
}

/// The gradients of [`layer_norm`]: overwrites `d_x`, adds to `d_weight` and `d_bias`.
///
/// With `n = (x - mean) / std` and `g = d_out * weight`, a row's
/// `d_x = (g - mean(g) - n * mean(g * n)) / std`, while
/// `d_weight += d_out * n` and `d_bias += d_out`, summed over the rows in order.
///
/// Where `x` was a sum of which one term had `dropout`, `d_term` gets that term's gradient, in the
/// type of `normal`.
///
/// # Panics
///
/// When a slice does not fit `normal`, which is `[rows, width]`.
pub fn layer_norm_backward(
    cpu: &Cpu,
    from: NormGradient<'_>,
    d_x: &mut [f32],
    d_term: Option<(Option<Dropout>, NumbersMut<'_>)>,
    d_weight: &mut [f32],
    d_bias: &mut [f32],
) {
    let _time = cpu.record(Work::LayerNorm);
    match from.normal {
        NumbersRef::F32(normal) => {
            backward::<f32>(cpu, normal, from, d_x, d_term, d_weight, d_bias);
        }
        NumbersRef::Bf16(normal) => {
            backward::<bf16>(cpu, normal, from, d_x, d_term, d_weight, d_bias);
        }
    }
}

fn backward<E: Element>(
    cpu: &Cpu,
    normal: &[E],
    from: NormGradient<'_>,
    d_x: &mut [f32],
    d_term: Option<(Option<Dropout>, NumbersMut<'_>)>,
    d_weight: &mut [f32],
    d_bias: &mut [f32],
) {
    const NAME: &str = "layer_norm_backward";
    let NormGradient {
        inverse,
        weight,
        d_out,
        ..
    } = from;
    let width = weight.len();
    let rows = rows(NAME, d_out, width);
    assert_fits(NAME, "normal", normal.len(), d_out.len());
    assert_fits(NAME, "inverse", inverse.len(), rows);
    assert_fits(NAME, "d_x", d_x.len(), d_out.len());
    assert_fits(NAME, "d_weight", d_weight.len(), width);
    assert_fits(NAME, "d_bias", d_bias.len(), width);
    let d_term = d_term.map(|(dropout, d_term)| {
        let d_term = E::all_of_mut(NAME, d_term);
        assert_fits(NAME, "d_term", d_term.len(), d_out.len());
        (active(dropout), Chunks::new(d_term, width.max(1)))
    });
    cpu.pool()
        .for_each_chunk(d_x, ROWS * width.max(1), |task, d_x| {
            for (i, d_x) in d_x.chunks_mut(width).enumerate() {
                let row = task * ROWS + i;
                let place = row * width..(row + 1) * width;
                cpu.isa().run(Backward {
                    normal: &normal[place.clone()],
                    inverse: inverse[row],
                    weight,
                    d_out: &d_out[place],
                    d_x,
                });
                if let Some((dropout, d_term)) = &d_term {
                    // SAFETY: every row comes once.
                    let out = unsafe { d_term.chunk(row) };
                    gradient_of_term(cpu, *dropout, row, d_x, out);
                }
            }
        });
    parameter_gradients(cpu, normal, d_out, d_weight, d_bias);
}

/// One row of the gradient of the term that had dropout.
fn gradient_of_term<E: Element>(
    cpu: &Cpu,
    dropout: Option<Dropout>,
    row: usize,
    d_x: &[f32],
    out: &mut [E],
) {
    let Some(dropout) = dropout else {
        return cpu.isa().run(Round { x: d_x, out });
    };
    let mut kept = cpu.scratch::<f32>(d_x.len());
    kept.copy_from_slice(d_x);
    let (mask, first) = (Mask::new(dropout, row as u64), 0);
    cpu.isa().run(Drop {
        mask,
        first,
        x: &mut kept,
    });
    cpu.isa().run(Round { x: &kept, out });
}

/// Adds to `d_weight` and `d_bias`; tasks take columns, so that each adds the rows in order.
fn parameter_gradients<E: Element>(
    cpu: &Cpu,
    normal: &[E],
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
                normal,
                d_out,
                width,
                first,
                d_weight,
                d_bias,
            });
        });
}

fn assert_fits(operation: &str, name: &str, found: usize, expected: usize) {
    assert_eq!(
        found, expected,
        "{operation}: `{name}` has another length than the rows ask for"
    );
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

/// One row; returns `1 / sqrt(variance + epsilon)`.
struct Forward<'a, E> {
    x: &'a [f32],
    norm: LayerNorm<'a>,
    out: &'a mut [f32],
    operand: Option<&'a mut [E]>,
    normal: Option<&'a mut [E]>,
}

impl<E: Element> Kernel for Forward<'_, E> {
    type Output = f32;

    fn scalar(self) -> f32 {
        let n = self.x.len() as f32;
        let mean = self.x.iter().sum::<f32>() / n;
        let variance = self.x.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / n;
        let inverse = 1.0 / (variance + self.norm.epsilon).sqrt();
        let parameters = self.norm.weight.iter().zip(self.norm.bias);
        for ((x, out), (weight, bias)) in self.x.iter().zip(&mut *self.out).zip(parameters) {
            *out = (x - mean) * inverse * weight + bias;
        }
        for (out, operand) in self.out.iter().zip(self.operand.into_iter().flatten()) {
            *operand = E::from_f32(*out);
        }
        for (x, normal) in self.x.iter().zip(self.normal.into_iter().flatten()) {
            *normal = E::from_f32((x - mean) * inverse);
        }
        inverse
    }

    #[inline(always)]
    fn fast<L: Lanes>(mut self, lanes: L) -> f32 {
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
        for (i, ((x, out), (weight, bias))) in rows.zip(parameters).enumerate() {
            let place = i * L::WIDTH..i * L::WIDTH + x.len();
            let normal = lanes.mul(lanes.sub(lanes.load(x), means), inverses);
            if let Some(kept) = &mut self.normal {
                E::store(lanes, normal, &mut kept[place.clone()]);
            }
            let y = lanes.mul_add(normal, lanes.load(weight), lanes.load(bias));
            lanes.store(y, out);
            if let Some(operand) = &mut self.operand {
                E::store(lanes, y, &mut operand[place]);
            }
        }
        inverse
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
struct Backward<'a, E> {
    normal: &'a [E],
    inverse: f32,
    weight: &'a [f32],
    d_out: &'a [f32],
    d_x: &'a mut [f32],
}

impl<E: Element> Kernel for Backward<'_, E> {
    type Output = ();

    fn scalar(self) {
        let n = self.normal.len() as f32;
        let (mut sum, mut sum_normal) = (0.0, 0.0);
        for ((normal, d_out), weight) in self.normal.iter().zip(self.d_out).zip(self.weight) {
            sum += d_out * weight;
            sum_normal += d_out * weight * normal.to_f32();
        }
        for (i, d_x) in self.d_x.iter_mut().enumerate() {
            let g = self.d_out[i] * self.weight[i];
            *d_x = (g - sum / n - self.normal[i].to_f32() * sum_normal / n) * self.inverse;
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        let n = self.normal.len() as f32;
        let (mut sums, mut sums_normal) = (lanes.splat(0.0), lanes.splat(0.0));
        let read = self
            .normal
            .chunks(L::WIDTH)
            .zip(self.d_out.chunks(L::WIDTH));
        let read = read.zip(self.weight.chunks(L::WIDTH));
        for ((normal, d_out), weight) in read.clone() {
            // 0 in the lanes beyond the row, which therefore add nothing to either sum.
            let g = lanes.mul(lanes.load(d_out), lanes.load(weight));
            sums = lanes.add(sums, g);
            sums_normal = lanes.mul_add(g, E::load(lanes, normal), sums_normal);
        }
        let inverse = lanes.splat(self.inverse);
        let average = lanes.splat(lanes.sum(sums) / n);
        let average_normal = lanes.splat(lanes.sum(sums_normal) / n);
        for (((normal, d_out), weight), d_x) in read.zip(self.d_x.chunks_mut(L::WIDTH)) {
            let g = lanes.mul(lanes.load(d_out), lanes.load(weight));
            let along = lanes.mul(E::load(lanes, normal), average_normal);
            let centred = lanes.sub(lanes.sub(g, average), along);
            lanes.store(lanes.mul(centred, inverse), d_x);
        }
    }
}

/// What the columns from `first` on add to the gradients of the parameters.
struct Parameters<'a, E> {
    normal: &'a [E],
    d_out: &'a [f32],
    width: usize,
    first: usize,
    d_weight: &'a mut [f32],
    d_bias: &'a mut [f32],
}

impl<E: Element> Kernel for Parameters<'_, E> {
    type Output = ();

    fn scalar(self) {
        let rows = self.normal.chunks(self.width);
        for (normal, d_out) in rows.zip(self.d_out.chunks(self.width)) {
            let (normal, d_out) = (&normal[self.first..], &d_out[self.first..]);
            let parameters = self.d_weight.iter_mut().zip(&mut *self.d_bias);
            for ((normal, d_out), (d_weight, d_bias)) in normal.iter().zip(d_out).zip(parameters) {
                *d_weight += d_out * normal.to_f32();
                *d_bias += d_out;
            }
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        let rows = self.normal.chunks(self.width);
        for (normal, d_out) in rows.zip(self.d_out.chunks(self.width)) {
            let columns = self.first..self.first + self.d_weight.len();
            let read = normal[columns.clone()]
                .chunks(L::WIDTH)
                .zip(d_out[columns].chunks(L::WIDTH));
            let written = self
                .d_weight
                .chunks_mut(L::WIDTH)
                .zip(self.d_bias.chunks_mut(L::WIDTH));
            for ((normal, d_out), (d_weight, d_bias)) in read.zip(written) {
                let (normal, d_out) = (E::load(lanes, normal), lanes.load(d_out));
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
                let mut out = vec![f32::NAN; x.len()];
                let (mut normal, mut inverse) = (out.clone(), vec![f32::NAN; 3]);
                let kept = KeptNorm {
                    normal: NumbersMut::F32(&mut normal),
                    inverse: &mut inverse,
                };
                layer_norm(&cpu, &x, norm, &mut out, None, Some(kept));
                for (i, (normal, out)) in normal.iter().zip(&out).enumerate() {
                    let expected = normal * weight[i % width] + bias[i % width];
                    assert!((out - expected).abs() < 1e-6, "{isa}, {width}");
                }
                let rows = x.chunks(width).zip(out.chunks(width));
                for ((x, out), inverse) in rows.zip(inverse) {
                    let x = widen(x);
                    let expected = reference(&x, &weight, &bias, f64::from(EPSILON));
                    for (o, e) in out.iter().zip(expected) {
                        // A row of two close values is scaled up by some hundreds.
                        let bound = 1e-6 + 1e-6 * f64::from(inverse);
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
            let kept = KeptNorm {
                normal: NumbersMut::F32(&mut []),
                inverse: &mut [],
            };
            layer_norm(&Cpu::new(isa, 2), &[], norm, &mut [], None, Some(kept));
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
            layer_norm(&Cpu::new(isa, 1), &x, norm, &mut out, None, None);
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
                layer_norm(&Cpu::new(isa, 1), x, norm, out, None, None);
            }
            for (threads, rows) in [(1, 2), (1, 31), (3, 1), (3, 33), (2, 100)] {
                let mut out = vec![0.0; rows * width];
                layer_norm(
                    &Cpu::new(isa, threads),
                    &x[..rows * width],
                    norm,
                    &mut out,
                    None,
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
        let (mut out, mut inverse) = (vec![0.0; x.len()], vec![0.0; ROWS]);
        let mut normal = out.clone();
        let kept = KeptNorm {
            normal: NumbersMut::F32(&mut normal),
            inverse: &mut inverse,
        };
        layer_norm(cpu, &x, norm, &mut out, None, Some(kept));
        let mut d_x = vec![f32::NAN; x.len()];
        let (mut d_weight, mut d_bias) = (vec![1.0; width], vec![1.0; width]);
        let from = NormGradient {
            normal: NumbersRef::F32(&normal),
            inverse: &inverse,
            weight: &weight,
            d_out: &d_out,
        };
        layer_norm_backward(cpu, from, &mut d_x, None, &mut d_weight, &mut d_bias);
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

    /// In bf16, what is kept is rounded and `out` is not; with dropout, a term's gradient is what
    /// dropout makes of `d_x`.
    #[test]
    fn bf16_rounds_what_is_kept_and_a_term_gets_its_gradient() {
        const ROWS: usize = 3;
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 2);
            for width in [1, 16, 33, 70] {
                let (x, d_out) = (values(1, ROWS * width), values(4, ROWS * width));
                let (weight, bias) = (values(2, width), values(3, width));
                let norm = LayerNorm {
                    weight: &weight,
                    bias: &bias,
                    epsilon: 0.1,
                };
                let mut wide = vec![0.0; x.len()];
                let (mut wide_normal, mut inverse) = (wide.clone(), vec![0.0; ROWS]);
                let kept = KeptNorm {
                    normal: NumbersMut::F32(&mut wide_normal),
                    inverse: &mut inverse,
                };
                layer_norm(&cpu, &x, norm, &mut wide, None, Some(kept));

                let (mut out, mut operand) = (vec![0.0; x.len()], vec![bf16::ZERO; x.len()]);
                let (mut normal, mut inverse) = (operand.clone(), vec![0.0; ROWS]);
                let kept = KeptNorm {
                    normal: NumbersMut::Bf16(&mut normal),
                    inverse: &mut inverse,
                };
                let halves = Some(NumbersMut::Bf16(&mut operand));
                layer_norm(&cpu, &x, norm, &mut out, halves, Some(kept));
                assert_eq!(out, wide, "{isa}, {width}");
                for i in 0..x.len() {
                    assert_eq!(operand[i], bf16::from_f32(wide[i]), "{isa}, {width}");
                    assert_eq!(normal[i], bf16::from_f32(wide_normal[i]), "{isa}, {width}");
                }

                let from = NormGradient {
                    normal: NumbersRef::Bf16(&normal),
                    inverse: &inverse,
                    weight: &weight,
                    d_out: &d_out,
                };
                let dropout = Some(Dropout { share: 0.3, key: 7 });
                let (mut d_x, mut d_term) = (vec![0.0; x.len()], operand.clone());
                let (mut d_weight, mut d_bias) = (vec![0.0; width], vec![0.0; width]);
                let term = Some((dropout, NumbersMut::Bf16(&mut d_term)));
                layer_norm_backward(&cpu, from, &mut d_x, term, &mut d_weight, &mut d_bias);
                crate::dropout::apply(&cpu, dropout, width, &mut d_x);
                for (term, d) in d_term.iter().zip(&d_x) {
                    assert_eq!(*term, bf16::from_f32(*d), "{isa}, {width}");
                }
            }
        }
    }
}
