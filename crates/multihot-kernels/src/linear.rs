//! The linear layer: `out = x Wᵀ + b`, and its three gradients.

use crate::aligned::Aligned;
use crate::lanes::{Kernel, Lanes};
use crate::multiply::{Begin, Panels, Strided, multiply, pack};
use crate::{Cpu, Isa};

/// How many columns of the bias one task sums up.
const COLUMNS: usize = 64;

/// The weights of a linear layer, laid out for one instruction set.
pub struct PackedWeights {
    isa: Isa,
    outputs: usize,
    inputs: usize,
    panels: Aligned,
}

impl PackedWeights {
    /// Lays out `w`, which is `[outputs, inputs]`.
    ///
    /// # Panics
    ///
    /// When `w` has another length.
    pub fn pack(cpu: &Cpu, w: &[f32], outputs: usize, inputs: usize) -> PackedWeights {
        let panels = Aligned::zeros(cpu.isa().panels_len(outputs, inputs));
        let mut packed = PackedWeights {
            isa: cpu.isa(),
            outputs,
            inputs,
            panels,
        };
        packed.repack(cpu, w);
        packed
    }

    /// Takes over new values.
    ///
    /// # Panics
    ///
    /// When `w` has another length than before, or `cpu` another instruction set.
    pub fn repack(&mut self, cpu: &Cpu, w: &[f32]) {
        self.assert_packed_for(cpu);
        assert_eq!(
            w.len(),
            self.outputs * self.inputs,
            "pack: `w` is not [outputs, inputs]"
        );
        let source = Strided::rows(w, self.inputs);
        let len = cpu.isa().panels_len(self.outputs, self.inputs);
        pack(
            cpu,
            source,
            self.outputs,
            self.inputs,
            &mut self.panels[..len],
        );
    }

    /// The width of the layer's output.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The width of the layer's input.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    fn assert_packed_for(&self, cpu: &Cpu) {
        let (packed, used) = (self.isa.name(), cpu.isa().name());
        assert_eq!(
            packed, used,
            "weights packed for `{packed}` are used with `{used}`"
        );
    }
}

/// `out = x Wᵀ + bias`, where `x` is `[rows, inputs]` and `out` is `[rows, outputs]`.
///
/// An element of `out` is one chain of sums over the inputs in order, and then the bias: the
/// same bits in any batch and at any number of threads.
///
/// # Panics
///
/// When a slice does not fit, or `w` was packed for another instruction set.
pub fn linear(cpu: &Cpu, x: &[f32], w: &PackedWeights, bias: Option<&[f32]>, out: &mut [f32]) {
    w.assert_packed_for(cpu);
    let rows = rows("linear", out, w.outputs);
    assert_eq!(
        x.len(),
        rows * w.inputs,
        "linear: `x` is not [rows, inputs]"
    );
    if let Some(bias) = bias {
        assert_eq!(bias.len(), w.outputs, "linear: `bias` is not [outputs]");
    }
    let b = Panels {
        values: &w.panels,
        depth: w.inputs,
        columns: w.outputs,
    };
    multiply(cpu, Strided::rows(x, w.inputs), b, Begin::Zero, bias, out);
}

/// The gradient of [`linear`] by its input: overwrites `d_x` with `d_out W`.
///
/// `w` is `[outputs, inputs]`, `d_out` `[rows, outputs]`, `d_x` `[rows, inputs]`.
///
/// # Panics
///
/// When a slice does not fit.
pub fn linear_d_input(
    cpu: &Cpu,
    d_out: &[f32],
    w: &[f32],
    outputs: usize,
    inputs: usize,
    d_x: &mut [f32],
) {
    let rows = rows("linear_d_input", d_x, inputs);
    assert_eq!(
        w.len(),
        outputs * inputs,
        "linear_d_input: `w` is not [outputs, inputs]"
    );
    assert_eq!(
        d_out.len(),
        rows * outputs,
        "linear_d_input: `d_out` is not [rows, outputs]"
    );
    let mut panels = cpu.scratch(cpu.isa().panels_len(inputs, outputs));
    pack(
        cpu,
        Strided::columns(w, inputs),
        inputs,
        outputs,
        &mut panels,
    );
    let b = Panels {
        values: &panels,
        depth: outputs,
        columns: inputs,
    };
    multiply(
        cpu,
        Strided::rows(d_out, outputs),
        b,
        Begin::Zero,
        None,
        d_x,
    );
}

/// The gradients of [`linear`] by its parameters: `d_w += d_outᵀ x`, and the sum of the rows of
/// `d_out`, in order, is added to `d_bias`.
///
/// `d_out` is `[rows, outputs]`, `x` `[rows, inputs]`, `d_w` `[outputs, inputs]`, `d_bias` `[outputs]`.
///
/// # Panics
///
/// When a slice does not fit.
pub fn linear_d_weights(
    cpu: &Cpu,
    d_out: &[f32],
    x: &[f32],
    outputs: usize,
    inputs: usize,
    d_w: &mut [f32],
    d_bias: Option<&mut [f32]>,
) {
    let rows = rows("linear_d_weights", d_out, outputs);
    assert_eq!(
        x.len(),
        rows * inputs,
        "linear_d_weights: `x` is not [rows, inputs]"
    );
    assert_eq!(
        d_w.len(),
        outputs * inputs,
        "linear_d_weights: `d_w` is not [outputs, inputs]"
    );
    let mut panels = cpu.scratch(cpu.isa().panels_len(inputs, rows));
    pack(cpu, Strided::columns(x, inputs), inputs, rows, &mut panels);
    let b = Panels {
        values: &panels,
        depth: rows,
        columns: inputs,
    };
    multiply(
        cpu,
        Strided::columns(d_out, outputs),
        b,
        Begin::Out,
        None,
        d_w,
    );
    if let Some(d_bias) = d_bias {
        assert_eq!(
            d_bias.len(),
            outputs,
            "linear_d_weights: `d_bias` is not [outputs]"
        );
        add_rows(cpu, d_out, d_bias);
    }
}

/// Adds the rows of `x`, in order, to `out`. Tasks take columns.
fn add_rows(cpu: &Cpu, x: &[f32], out: &mut [f32]) {
    let width = out.len();
    cpu.pool().for_each_chunk(out, COLUMNS, |task, out| {
        cpu.isa().run(AddRows {
            x,
            width,
            first: task * COLUMNS,
            out,
        });
    });
}

/// The columns from `first` on.
struct AddRows<'a> {
    x: &'a [f32],
    width: usize,
    first: usize,
    out: &'a mut [f32],
}

impl Kernel for AddRows<'_> {
    type Output = ();

    fn scalar(self) {
        for x in self.x.chunks(self.width) {
            for (x, out) in x[self.first..].iter().zip(&mut *self.out) {
                *out += x;
            }
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        for x in self.x.chunks(self.width) {
            let x = &x[self.first..][..self.out.len()];
            for (x, out) in x.chunks(L::WIDTH).zip(self.out.chunks_mut(L::WIDTH)) {
                lanes.store(lanes.add(lanes.load(out), lanes.load(x)), out);
            }
        }
    }
}

fn rows(operation: &str, x: &[f32], width: usize) -> usize {
    let rows = x.len().checked_div(width).unwrap_or(0);
    assert_eq!(
        x.len(),
        rows * width,
        "{operation}: a slice has no whole rows of {width}"
    );
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::normal;

    fn values(key: u64, len: usize) -> Vec<f32> {
        (0..len as u64).map(|i| normal(key, i) as f32).collect()
    }

    fn assert_near(actual: &[f32], expected: &[f64], depth: usize, case: &str) {
        for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
            // Normal values: the terms add up to about the root of their count, and rounding
            // errors likewise.
            let bound = 1e-6 * (depth as f64 + 1.0);
            assert!(
                (f64::from(*a) - e).abs() <= bound,
                "{case}, at {i}: {a} vs {e}"
            );
        }
    }

    /// The definitions, in `f64`.
    fn product(
        [rows, columns, depth]: [usize; 3],
        a: impl Fn(usize, usize) -> f32,
        b: impl Fn(usize, usize) -> f32,
    ) -> Vec<f64> {
        let sum = |i, j| {
            (0..depth)
                .map(|k| f64::from(a(i, k)) * f64::from(b(k, j)))
                .sum()
        };
        (0..rows * columns)
            .map(|n| sum(n / columns, n % columns))
            .collect()
    }

    /// Rows, outputs and inputs at the edges of tiles, panels and blocks.
    const SHAPES: [[usize; 3]; 17] = [
        [0, 5, 5],
        [1, 1, 1],
        [1, 33, 17],
        [2, 31, 257],
        [5, 32, 16],
        [6, 15, 64],
        [7, 16, 33],
        [11, 65, 8],
        [12, 64, 9],
        [13, 63, 5],
        [17, 40, 255],
        [24, 8, 256],
        [25, 7, 600],
        [31, 130, 12],
        [97, 100, 40],
        [40, 600, 30],
        [200, 48, 24],
    ];

    #[test]
    fn all_products_agree_with_the_definition_at_every_edge() {
        for isa in Isa::supported() {
            for threads in [1, 3] {
                let cpu = Cpu::new(isa, threads);
                for [rows, outputs, inputs] in SHAPES {
                    check_products(&cpu, rows, outputs, inputs);
                }
            }
        }
    }

    fn check_products(cpu: &Cpu, rows: usize, outputs: usize, inputs: usize) {
        let case = format!("{}, {rows} x {outputs} x {inputs}", cpu.isa());
        let (x, w) = (values(1, rows * inputs), values(2, outputs * inputs));
        let (bias, d_out) = (values(3, outputs), values(4, rows * outputs));
        let packed = PackedWeights::pack(cpu, &w, outputs, inputs);

        let mut out = vec![f32::NAN; rows * outputs];
        linear(cpu, &x, &packed, None, &mut out);
        let (a, b) = (|i, k| x[i * inputs + k], |k, j| w[j * inputs + k]);
        let mut expected = product([rows, outputs, inputs], a, b);
        assert_near(&out, &expected, inputs, &case);
        linear(cpu, &x, &packed, Some(&bias), &mut out);
        expected
            .iter_mut()
            .enumerate()
            .for_each(|(n, e)| *e += f64::from(bias[n % outputs]));
        assert_near(&out, &expected, inputs, &case);

        let mut d_x = vec![f32::NAN; rows * inputs];
        linear_d_input(cpu, &d_out, &w, outputs, inputs, &mut d_x);
        let (a, b) = (|i, k| d_out[i * outputs + k], |k, j| w[k * inputs + j]);
        assert_near(
            &d_x,
            &product([rows, inputs, outputs], a, b),
            outputs,
            &case,
        );

        let (mut d_w, mut d_bias) = (vec![1.0; outputs * inputs], vec![1.0; outputs]);
        linear_d_weights(
            cpu,
            &d_out,
            &x,
            outputs,
            inputs,
            &mut d_w,
            Some(&mut d_bias),
        );
        let (a, b) = (|i, k| d_out[k * outputs + i], |k, j| x[k * inputs + j]);
        let mut expected = product([outputs, inputs, rows], a, b);
        expected.iter_mut().for_each(|e| *e += 1.0);
        assert_near(&d_w, &expected, rows, &case);
        let mut expected = product(
            [1, outputs, rows],
            |_, _| 1.0,
            |k, j| d_out[k * outputs + j],
        );
        expected.iter_mut().for_each(|e| *e += 1.0);
        assert_near(&d_bias, &expected, rows, &case);
    }

    #[test]
    fn a_row_has_the_same_bits_alone_in_any_batch_and_at_any_thread_count() {
        for isa in Isa::supported() {
            let (inputs, outputs) = (300, 70);
            let w = values(1, outputs * inputs);
            let x = values(2, 100 * inputs);
            let bias = values(3, outputs);
            let one = Cpu::new(isa, 1);
            let packed = PackedWeights::pack(&one, &w, outputs, inputs);
            let mut alone = vec![0.0; 100 * outputs];
            for (x, out) in x.chunks(inputs).zip(alone.chunks_mut(outputs)) {
                linear(&one, x, &packed, Some(&bias), out);
            }
            for threads in [1, 2, 4] {
                let cpu = Cpu::new(isa, threads);
                for rows in [1, 2, 7, 12, 13, 31, 32, 33, 97, 100] {
                    let mut out = vec![0.0; rows * outputs];
                    linear(&cpu, &x[..rows * inputs], &packed, Some(&bias), &mut out);
                    assert_eq!(
                        out,
                        alone[..rows * outputs],
                        "{isa}, {threads}, {rows} rows"
                    );
                }
            }
        }
    }

    #[test]
    fn gradients_have_the_same_bits_at_any_thread_count() {
        for isa in Isa::supported() {
            let (rows, outputs, inputs) = (300, 130, 70);
            let (w, x) = (values(1, outputs * inputs), values(2, rows * inputs));
            let d_out = values(3, rows * outputs);
            let results = [1, 2, 5].map(|threads| {
                let cpu = Cpu::new(isa, threads);
                let mut d_x = vec![0.0; rows * inputs];
                let (mut d_w, mut d_bias) = (vec![1.0; outputs * inputs], vec![1.0; outputs]);
                linear_d_input(&cpu, &d_out, &w, outputs, inputs, &mut d_x);
                linear_d_weights(
                    &cpu,
                    &d_out,
                    &x,
                    outputs,
                    inputs,
                    &mut d_w,
                    Some(&mut d_bias),
                );
                (d_x, d_w, d_bias)
            });
            assert!(results.iter().all(|result| *result == results[0]), "{isa}");
        }
    }

    #[test]
    fn new_values_replace_the_old_ones() {
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 1);
            let mut packed = PackedWeights::pack(&cpu, &[1.0, 2.0], 1, 2);
            packed.repack(&cpu, &[3.0, 4.0]);
            let mut out = [0.0];
            linear(&cpu, &[10.0, 1.0], &packed, None, &mut out);
            assert_eq!(out, [34.0]);
        }
    }

    #[test]
    fn weights_packed_for_another_instruction_set_are_refused() {
        let supported = Isa::supported();
        let (Some(&last), first) = (supported.last(), supported[0]) else {
            unreachable!("the scalar set is always there");
        };
        if last == first {
            return;
        }
        let outcome = std::panic::catch_unwind(|| {
            let packed = PackedWeights::pack(&Cpu::new(first, 1), &[1.0], 1, 1);
            linear(&Cpu::new(last, 1), &[1.0], &packed, None, &mut [0.0]);
        });
        let payload = outcome.unwrap_err();
        let message = payload
            .downcast_ref::<String>()
            .expect("assert panics with a `String`");
        assert!(message.contains("packed for `scalar`"), "{message}");
    }

    #[test]
    #[should_panic(expected = "`x` is not [rows, inputs]")]
    fn a_slice_that_does_not_fit_is_refused() {
        let cpu = Cpu::new(Isa::supported()[0], 1);
        let packed = PackedWeights::pack(&cpu, &[1.0, 1.0], 1, 2);
        linear(&cpu, &[1.0], &packed, None, &mut [0.0]);
    }
}
