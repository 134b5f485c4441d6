//! Products in 8 bits: weights with a scale an output, activations with a scale and a zero a row.
//!
//! With `x ≈ s (q - z)` for a row, where `q` is in `0..=255`, and `w ≈ t v` for an output, where `v`
//! is in `-127..=127`: `sum of x w ≈ s t (sum of q v - z * sum of v)`. The sums of whole numbers are
//! exact, so a row's result is the same bits alone, in any batch and on any instruction set, but
//! for the rounding of the row itself.

use crate::aligned::{Aligned, Plain};
use crate::arithmetic::{Arithmetic, Int8, Int16};
use crate::grid::Chunks;
use crate::lanes::{Kernel, Lanes};
use crate::multiply::{Panels, Strided, multiply_then, pack};
use crate::{Cpu, Isa, Work};

use super::finish::{Prepared, part};

/// The largest weight: symmetric, so that 0 is 0.
const LARGEST: f32 = 127.0;

/// The steps between the least and the largest activation of a row.
const STEPS: f32 = 255.0;

/// Added to a small number that is not negative, it rounds to the nearest whole one, the even one of
/// two, and leaves that in the lowest bits: 2^23, from where on `f32` has no fractions.
const WHOLE: f32 = 8_388_608.0;

/// How many rows of activations one task rounds.
const ROWS: usize = 16;

/// The weights of a linear layer in 8 bits.
pub(super) struct Quantized {
    outputs: usize,
    inputs: usize,
    panels: Aligned,
    /// What a weight of 1 stands for, by output.
    scales: Vec<f32>,
    /// The sum of the weights in 8 bits, by output.
    sums: Vec<i32>,
}

/// How a row of activations was rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct RowScale {
    /// What a step of 1 stands for.
    scale: f32,
    /// Which step stands for 0.
    zero: i32,
}

impl Quantized {
    pub(super) fn new(isa: Isa, outputs: usize, inputs: usize) -> Quantized {
        Quantized {
            outputs,
            inputs,
            panels: Aligned::room_for::<u32>(panels_len(isa, outputs, inputs)),
            scales: vec![0.0; outputs],
            sums: vec![0; outputs],
        }
    }

    /// Takes over `w`, `[outputs, inputs]`.
    pub(super) fn repack(&mut self, cpu: &Cpu, w: &[f32]) {
        let (outputs, inputs) = (self.outputs, self.inputs);
        let mut rounded = cpu.scratch::<i8>(outputs * inputs);
        let (scales, sums) = (
            Chunks::new(&mut self.scales, 1),
            Chunks::new(&mut self.sums, 1),
        );
        cpu.pool()
            .for_each_chunk(&mut rounded, inputs.max(1), |output, rounded| {
                let w = &w[output * inputs..][..inputs];
                let scale = cpu.isa().run(RoundWeights {
                    w,
                    out: &mut *rounded,
                });
                // SAFETY: every output comes once.
                let (scales, sums) = unsafe { (scales.chunk(output), sums.chunk(output)) };
                scales[0] = scale;
                sums[0] = rounded.iter().map(|&v| i32::from(v)).sum();
            });
        let out = &mut self.panels.numbers_mut()[..panels_len(cpu.isa(), outputs, inputs)];
        let source = Strided::rows(&rounded[..], inputs);
        match cpu.isa().multiplies_bytes() {
            true => pack::<Int8, i8>(cpu, source, outputs, inputs, out),
            false => pack::<Int16, i8>(cpu, source, outputs, inputs, out),
        }
    }

    /// Hands `x Wᵀ` to `finish`, a part of a row at a time.
    pub(super) fn multiply(&self, cpu: &Cpu, x: &[f32], rows: usize, finish: &Prepared<'_>) {
        match cpu.isa().multiplies_bytes() {
            true => self.multiply_in::<Int8>(cpu, x, rows, finish),
            false => self.multiply_in::<Int16>(cpu, x, rows, finish),
        }
    }

    fn multiply_in<A>(&self, cpu: &Cpu, x: &[f32], rows: usize, finish: &Prepared<'_>)
    where
        A: Arithmetic<Unit = u32, Sum = i32, Element: Step>,
    {
        let inputs = self.inputs;
        let mut rounded = cpu.scratch::<A::Element>(rows * inputs);
        let mut row_scales = vec![RowScale::default(); rows];
        let all = Chunks::new(&mut row_scales, 1);
        let rounding = cpu.record(Work::Copying);
        cpu.pool()
            .for_each_chunk(&mut rounded, ROWS * inputs.max(1), |task, rounded| {
                for (i, rounded) in rounded.chunks_mut(inputs).enumerate() {
                    let row = task * ROWS + i;
                    let x = &x[row * inputs..][..inputs];
                    let found = cpu.isa().run(RoundRow { x, out: rounded });
                    // SAFETY: every row comes once.
                    let row_scale = unsafe { all.chunk(row) };
                    row_scale[0] = found;
                }
            });
        drop(rounding);
        let b = Panels {
            units: self.panels.numbers(),
            depth: inputs,
            columns: self.outputs,
        };
        let a = Strided::rows(&rounded[..], inputs);
        multiply_then::<A>(cpu, a, b, rows, None, &|row, columns, sums| {
            let mut scratch = cpu.scratch::<f32>(sums.len());
            let out = match finish.target() {
                Some(target) => part(target, row, columns.clone()),
                None => &mut scratch[..],
            };
            cpu.isa().run(Scale {
                sums,
                row: row_scales[row],
                scales: &self.scales[columns.clone()],
                weight_sums: &self.sums[columns.clone()],
                out: &mut *out,
            });
            finish.row(cpu.isa(), row, columns, out);
        });
    }
}

/// How many units the weights' panels take.
fn panels_len(isa: Isa, outputs: usize, inputs: usize) -> usize {
    match isa.multiplies_bytes() {
        true => isa.panels_len::<Int8>(outputs, inputs),
        false => isa.panels_len::<Int16>(outputs, inputs),
    }
}

/// What an activation's number of steps, 0 to 255, is kept in.
trait Step: Plain {
    fn from_low_bits(bits: u32) -> Self;
}

impl Step for u8 {
    #[inline(always)]
    fn from_low_bits(bits: u32) -> u8 {
        bits as u8
    }
}

impl Step for i16 {
    #[inline(always)]
    fn from_low_bits(bits: u32) -> i16 {
        (bits as u8).into()
    }
}

/// Rounds one output's weights to whole steps and returns the size of a step.
struct RoundWeights<'a> {
    w: &'a [f32],
    out: &'a mut [i8],
}

impl Kernel for RoundWeights<'_> {
    type Output = f32;

    #[inline(always)]
    fn scalar(self) -> f32 {
        let largest = self
            .w
            .iter()
            .fold(0.0f32, |largest, w| largest.max(w.abs()));
        let scale = largest / LARGEST;
        // Infinite where all weights are 0, or as good as.
        let inverse = Some(1.0 / scale).filter(|inverse| inverse.is_finite());
        let inverse = inverse.unwrap_or(0.0);
        for (w, out) in self.w.iter().zip(self.out) {
            *out = (w * inverse).round_ties_even() as i8;
        }
        scale
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, _: L) -> f32 {
        // The same loops, which the compiler turns into vectors.
        self.scalar()
    }
}

/// Rounds one row of activations to whole steps from its least value, or 0, to its largest, or 0.
struct RoundRow<'a, S> {
    x: &'a [f32],
    out: &'a mut [S],
}

impl<S: Step> RoundRow<'_, S> {
    #[inline(always)]
    fn round(self, least: f32, largest: f32) -> RowScale {
        let scale = (largest - least) / STEPS;
        let inverse = Some(1.0 / scale).filter(|inverse| inverse.is_finite());
        let inverse = inverse.unwrap_or(0.0);
        let zero = (-least * inverse).round_ties_even();
        for (x, out) in self.x.iter().zip(self.out) {
            let steps = (x * inverse + zero).clamp(0.0, STEPS);
            *out = S::from_low_bits((steps + WHOLE).to_bits());
        }
        RowScale {
            // NaN and infinities are not rounded away: they reach the row's sums.
            scale,
            zero: zero as i32,
        }
    }
}

impl<S: Step> Kernel for RoundRow<'_, S> {
    type Output = RowScale;

    fn scalar(self) -> RowScale {
        let x = self.x.iter().copied();
        // NaN times 0 is NaN, and so is infinity: one sum tells.
        match x.clone().map(|x| x * 0.0).sum::<f32>().is_nan() {
            true => self.round(f32::NAN, f32::NAN),
            false => self.round(x.clone().fold(0.0, f32::min), x.fold(0.0, f32::max)),
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) -> RowScale {
        let zero = lanes.splat(0.0);
        let (mut least, mut largest, mut odd) = (zero, zero, zero);
        for x in self.x.chunks(L::WIDTH) {
            // 0 in the lanes beyond the row, which changes nothing.
            let x = lanes.load(x);
            (least, largest) = (lanes.min(x, least), lanes.max(x, largest));
            odd = lanes.mul_add(x, zero, odd);
        }
        let least = -lanes.largest(lanes.sub(zero, least));
        match lanes.sum(odd).is_nan() {
            true => self.round(f32::NAN, f32::NAN),
            false => self.round(least, lanes.largest(largest)),
        }
    }
}

/// From sums of whole numbers to what they stand for.
struct Scale<'a> {
    sums: &'a [i32],
    row: RowScale,
    scales: &'a [f32],
    weight_sums: &'a [i32],
    out: &'a mut [f32],
}

impl Kernel for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn scalar(self) {
        let columns = self.sums.iter().zip(self.weight_sums).zip(self.scales);
        for (((sum, weight_sum), scale), out) in columns.zip(self.out) {
            let steps = sum - self.row.zero * weight_sum;
            *out = steps as f32 * (self.row.scale * scale);
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, _: L) {
        // The same loop, which the compiler turns into vectors.
        self.scalar();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::normal;

    fn values(key: u64, len: usize) -> Vec<f32> {
        (0..len as u64).map(|i| normal(key, i) as f32).collect()
    }

    #[test]
    fn weights_are_within_half_a_step_and_the_largest_is_exact() {
        let w = [0.5, -1.0, 0.0, 0.25, 1.0 / 254.0];
        let mut out = [1; 5];
        for isa in Isa::supported() {
            let scale = isa.run(RoundWeights {
                w: &w,
                out: &mut out,
            });
            assert_eq!(out, [64, -127, 0, 32, 0], "{isa}");
            for (w, v) in w.iter().zip(out) {
                assert!((w - f32::from(v) * scale).abs() <= scale * 0.5001, "{w}");
            }
            let mut zeros = [1; 3];
            let scale = isa.run(RoundWeights {
                w: &[0.0, -0.0, 0.0],
                out: &mut zeros,
            });
            assert_eq!((scale, zeros), (0.0, [0; 3]), "{isa}");
        }
    }

    #[test]
    fn a_row_is_within_half_a_step_on_every_instruction_set_at_every_length() {
        for isa in Isa::supported() {
            for len in 0..=67 {
                // All below 0, all above, and both.
                for shift in [-5.0, 0.0, 5.0] {
                    let x: Vec<f32> = values(1, len).iter().map(|x| x + shift).collect();
                    let mut out = vec![7u8; len];
                    let RowScale { scale, zero } = isa.run(RoundRow {
                        x: &x,
                        out: &mut out,
                    });
                    for (x, q) in x.iter().zip(out) {
                        let back = (i32::from(q) - zero) as f32 * scale;
                        // Half a step for the value and half a step for the zero.
                        assert!(
                            (x - back).abs() <= scale * 1.001,
                            "{isa}, {len}: {x}, {back}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn rows_that_are_constant_or_0_are_kept() {
        for isa in Isa::supported() {
            for (value, expected) in [(0.0, 0.0), (3.0, 3.0), (-3.0, -3.0), (1e-45, 0.0)] {
                let mut out = [0i16; 20];
                let row = isa.run(RoundRow {
                    x: &[value; 20],
                    out: &mut out,
                });
                for q in out {
                    let back = (i32::from(q) - row.zero) as f32 * row.scale;
                    assert!(
                        (back - expected).abs() < 1e-5,
                        "{isa}: {value} became {back}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_is_not_rounded_away() {
        for isa in Isa::supported() {
            for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                for place in [0, 7, 15, 16, 18] {
                    let mut x = values(1, 19);
                    x[place] = odd;
                    let row = isa.run(RoundRow {
                        x: &x,
                        out: &mut [0u8; 19],
                    });
                    assert!(!row.scale.is_finite(), "{isa}: {odd} at {place}: {row:?}");
                }
            }
        }
    }
}
