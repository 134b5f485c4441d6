//! The linear layer: `x Wᵀ + b` with what follows it, and its three gradients.

mod finish;
mod int8;
mod pack;

pub use finish::Finish;

use crate::aligned::Aligned;
use crate::arithmetic::{Arithmetic, Bf16, F32, From};
use crate::lanes::{Kernel, Lanes};
use crate::multiply::{Begin, Panels, Strided, TakeSums, multiply, multiply_then, pack};
use crate::numbers::Element;
use crate::{Cpu, Isa, NumbersRef, Precision, Work};
use finish::Prepared;
use int8::Quantized;

/// How many columns of the bias one task sums up.
const COLUMNS: usize = 64;

/// The weights of a linear layer, laid out for one instruction set and one number type.
pub struct PackedWeights {
    isa: Isa,
    outputs: usize,
    inputs: usize,
    panels: Packed,
}

/// The weights in panels, one column an output.
enum Packed {
    F32(Aligned),
    Bf16 {
        forward: Aligned,
        /// Panels with one column an input, for the gradient by the input; where it is wanted.
        backward: Option<Aligned>,
    },
    Int8(Quantized),
}

impl PackedWeights {
    /// The width of the layer's output.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The width of the layer's input.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number type that they are multiplied in.
    pub fn precision(&self) -> Precision {
        match &self.panels {
            Packed::F32(_) => Precision::F32,
            Packed::Bf16 { .. } => Precision::Bf16,
            Packed::Int8(_) => Precision::Int8,
        }
    }

    fn assert_packed_for(&self, cpu: &Cpu) {
        let (packed, used) = (self.isa.name(), cpu.isa().name());
        assert_eq!(
            packed, used,
            "weights packed for `{packed}` are used with `{used}`"
        );
    }

    fn refuse(&self, operation: &str, x: NumbersRef<'_>) -> ! {
        let found = match x {
            NumbersRef::F32(_) => "f32",
            NumbersRef::Bf16(_) => "bf16",
        };
        panic!(
            "{operation}: weights for {} are used with {found}",
            self.precision().name()
        );
    }
}

/// `x Wᵀ + bias`, where `x` is `[rows, inputs]`, handed to `finish`, which says what becomes of it.
///
/// `x` is of the number type that the weights are packed for: `f32` for `F32` and for `Int8`, which
/// rounds each row of it to 8 bits, bf16 for `Bf16`.
///
/// An element is one chain of sums over the inputs in order, and then the bias: the same bits in
/// any batch and at any number of threads.
///
/// # Panics
///
/// When a slice does not fit, `w` was packed for another instruction set, or a number type is
/// another one.
pub fn linear(
    cpu: &Cpu,
    x: NumbersRef<'_>,
    w: &PackedWeights,
    bias: Option<&[f32]>,
    finish: Finish<'_>,
) {
    let _time = cpu.record(Work::Linear);
    w.assert_packed_for(cpu);
    let rows = rows("linear", x.len(), w.inputs);
    if let Some(bias) = bias {
        assert_eq!(bias.len(), w.outputs, "linear: `bias` is not [outputs]");
    }
    let finish = Prepared::new(finish, bias, rows, w.outputs);
    let take: TakeSums<'_, f32> = &|row, columns, sums| finish.row(cpu.isa(), row, columns, sums);
    match (&w.panels, x) {
        (Packed::F32(panels), NumbersRef::F32(x)) => {
            let b = panels_of(panels, w.inputs, w.outputs);
            let a = Strided::rows(x, w.inputs);
            multiply_then::<F32>(cpu, a, b, rows, finish.target(), take);
        }
        (Packed::Bf16 { forward, .. }, NumbersRef::Bf16(x)) => {
            let b = panels_of(forward, w.inputs, w.outputs);
            let a = Strided::rows(x, w.inputs);
            multiply_then::<Bf16>(cpu, a, b, rows, finish.target(), take);
        }
        (Packed::Int8(quantized), NumbersRef::F32(x)) => {
            quantized.multiply(cpu, x, rows, &finish);
        }
        _ => w.refuse("linear", x),
    }
}

fn panels_of<U: crate::aligned::Plain>(
    panels: &Aligned,
    depth: usize,
    columns: usize,
) -> Panels<'_, U> {
    Panels {
        units: panels.numbers(),
        depth,
        columns,
    }
}

/// The gradient of [`linear`] by its input, `d_out W`, handed to `finish`.
///
/// `w` is packed to train; `values` are what it was packed from, `[outputs, inputs]`. `d_out` is
/// `[rows, outputs]`, of the number type that the weights are packed for.
///
/// # Panics
///
/// When a slice or a number type does not fit.
pub fn linear_d_input(
    cpu: &Cpu,
    d_out: NumbersRef<'_>,
    w: &PackedWeights,
    values: &[f32],
    finish: Finish<'_>,
) {
    let _time = cpu.record(Work::LinearDInput);
    w.assert_packed_for(cpu);
    let (outputs, inputs) = (w.outputs, w.inputs);
    let rows = rows("linear_d_input", d_out.len(), outputs);
    assert_eq!(
        values.len(),
        outputs * inputs,
        "linear_d_input: `values` is not [outputs, inputs]"
    );
    let finish = Prepared::new(finish, None, rows, inputs);
    let take: TakeSums<'_, f32> = &|row, columns, sums| finish.row(cpu.isa(), row, columns, sums);
    match (&w.panels, d_out) {
        (Packed::F32(_), NumbersRef::F32(d_out)) => {
            let mut units = cpu.scratch(cpu.isa().panels_len::<F32>(inputs, outputs));
            pack::<F32, f32>(
                cpu,
                Strided::columns(values, inputs),
                inputs,
                outputs,
                &mut units,
            );
            let b = Panels {
                units: &units[..],
                depth: outputs,
                columns: inputs,
            };
            let a = Strided::rows(d_out, outputs);
            multiply_then::<F32>(cpu, a, b, rows, finish.target(), take);
        }
        (
            Packed::Bf16 {
                backward: Some(backward),
                ..
            },
            NumbersRef::Bf16(d_out),
        ) => {
            let b = panels_of(backward, outputs, inputs);
            let a = Strided::rows(d_out, outputs);
            multiply_then::<Bf16>(cpu, a, b, rows, finish.target(), take);
        }
        _ => w.refuse("linear_d_input", d_out),
    }
}

/// The gradients of [`linear`] by its parameters: `d_w += d_outᵀ x`, and the sum of the rows of
/// `d_out`, in order, is added to `d_bias`.
///
/// `d_out` is `[rows, outputs]`, `x` `[rows, inputs]`, both of one number type; `d_w` is
/// `[outputs, inputs]`, `d_bias` `[outputs]`.
///
/// # Panics
///
/// When a slice does not fit, or the number types differ.
pub fn linear_d_weights(
    cpu: &Cpu,
    d_out: NumbersRef<'_>,
    x: NumbersRef<'_>,
    outputs: usize,
    inputs: usize,
    d_w: &mut [f32],
    d_bias: Option<&mut [f32]>,
) {
    let _time = cpu.record(Work::LinearDWeights);
    let rows = rows("linear_d_weights", d_out.len(), outputs);
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
    if let Some(d_bias) = &d_bias {
        assert_eq!(
            d_bias.len(),
            outputs,
            "linear_d_weights: `d_bias` is not [outputs]"
        );
    }
    let sides = [rows, outputs, inputs];
    match (d_out, x) {
        (NumbersRef::F32(d_out), NumbersRef::F32(x)) => {
            add_products::<F32>(cpu, d_out, x, sides, d_w);
            add_rows(cpu, d_out, d_bias);
        }
        (NumbersRef::Bf16(d_out), NumbersRef::Bf16(x)) => {
            add_products::<Bf16>(cpu, d_out, x, sides, d_w);
            add_rows(cpu, d_out, d_bias);
        }
        _ => panic!("linear_d_weights: `d_out` and `x` are of two number types"),
    }
}

/// `d_w += d_outᵀ x`.
fn add_products<A>(
    cpu: &Cpu,
    d_out: &[A::Element],
    x: &[A::Element],
    [rows, outputs, inputs]: [usize; 3],
    d_w: &mut [f32],
) where
    A: Arithmetic<Sum = f32> + From<<A as Arithmetic>::Element>,
{
    let mut units = cpu.scratch(cpu.isa().panels_len::<A>(inputs, rows));
    let source = Strided::columns(x, inputs);
    pack::<A, A::Element>(cpu, source, inputs, rows, &mut units);
    let b = Panels {
        units: &units[..],
        depth: rows,
        columns: inputs,
    };
    multiply::<A>(cpu, Strided::columns(d_out, outputs), b, Begin::Out, d_w);
}

/// Adds the rows of `x`, in order, to `out`. Tasks take columns.
fn add_rows<E: Element>(cpu: &Cpu, x: &[E], out: Option<&mut [f32]>) {
    let Some(out) = out else { return };
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
struct AddRows<'a, E> {
    x: &'a [E],
    width: usize,
    first: usize,
    out: &'a mut [f32],
}

impl<E: Element> Kernel for AddRows<'_, E> {
    type Output = ();

    fn scalar(self) {
        for x in self.x.chunks(self.width) {
            for (x, out) in x[self.first..].iter().zip(&mut *self.out) {
                *out += x.to_f32();
            }
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        for x in self.x.chunks(self.width) {
            let x = &x[self.first..][..self.out.len()];
            for (x, out) in x.chunks(L::WIDTH).zip(self.out.chunks_mut(L::WIDTH)) {
                lanes.store(lanes.add(lanes.load(out), E::load(lanes, x)), out);
            }
        }
    }
}

/// How many rows of `width` fill `len` values.
fn rows(operation: &str, len: usize, width: usize) -> usize {
    let rows = len.checked_div(width).unwrap_or(0);
    assert_eq!(
        len,
        rows * width,
        "{operation}: a slice has no whole rows of {width}"
    );
    rows
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;
    use crate::random::normal;
    use crate::{Activation, Dropout, NumbersMut, activation, activation_backward, dropout};

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

    /// [`linear`] in `f32`, stored.
    fn forward(cpu: &Cpu, x: &[f32], w: &PackedWeights, bias: Option<&[f32]>, out: &mut [f32]) {
        let finish = Finish::Store {
            out: NumbersMut::F32(out),
        };
        linear(cpu, NumbersRef::F32(x), w, bias, finish);
    }

    fn pack_f32(cpu: &Cpu, w: &[f32], outputs: usize, inputs: usize) -> PackedWeights {
        PackedWeights::pack(cpu, Precision::F32, true, w, outputs, inputs)
    }

    /// [`linear_d_input`] in `f32`, stored.
    fn d_input(cpu: &Cpu, d_out: &[f32], w: &PackedWeights, values: &[f32], d_x: &mut [f32]) {
        let finish = Finish::Store {
            out: NumbersMut::F32(d_x),
        };
        linear_d_input(cpu, NumbersRef::F32(d_out), w, values, finish);
    }

    fn check_products(cpu: &Cpu, rows: usize, outputs: usize, inputs: usize) {
        let case = format!("{}, {rows} x {outputs} x {inputs}", cpu.isa());
        let (x, w) = (values(1, rows * inputs), values(2, outputs * inputs));
        let (bias, d_out) = (values(3, outputs), values(4, rows * outputs));
        let packed = pack_f32(cpu, &w, outputs, inputs);

        let mut out = vec![f32::NAN; rows * outputs];
        forward(cpu, &x, &packed, None, &mut out);
        let (a, b) = (|i, k| x[i * inputs + k], |k, j| w[j * inputs + k]);
        let mut expected = product([rows, outputs, inputs], a, b);
        assert_near(&out, &expected, inputs, &case);
        forward(cpu, &x, &packed, Some(&bias), &mut out);
        expected
            .iter_mut()
            .enumerate()
            .for_each(|(n, e)| *e += f64::from(bias[n % outputs]));
        assert_near(&out, &expected, inputs, &case);

        let mut d_x = vec![f32::NAN; rows * inputs];
        d_input(cpu, &d_out, &packed, &w, &mut d_x);
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
            NumbersRef::F32(&d_out),
            NumbersRef::F32(&x),
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
            let packed = pack_f32(&one, &w, outputs, inputs);
            let mut alone = vec![0.0; 100 * outputs];
            for (x, out) in x.chunks(inputs).zip(alone.chunks_mut(outputs)) {
                forward(&one, x, &packed, Some(&bias), out);
            }
            for threads in [1, 2, 4] {
                let cpu = Cpu::new(isa, threads);
                for rows in [1, 2, 7, 12, 13, 31, 32, 33, 97, 100] {
                    let mut out = vec![0.0; rows * outputs];
                    forward(&cpu, &x[..rows * inputs], &packed, Some(&bias), &mut out);
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
                let packed = pack_f32(&cpu, &w, outputs, inputs);
                d_input(&cpu, &d_out, &packed, &w, &mut d_x);
                linear_d_weights(
                    &cpu,
                    NumbersRef::F32(&d_out),
                    NumbersRef::F32(&x),
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
            let mut packed = pack_f32(&cpu, &[1.0, 2.0], 1, 2);
            packed.repack(&cpu, &[3.0, 4.0]);
            let mut out = [0.0];
            forward(&cpu, &[10.0, 1.0], &packed, None, &mut out);
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
            let packed = pack_f32(&Cpu::new(first, 1), &[1.0], 1, 1);
            forward(&Cpu::new(last, 1), &[1.0], &packed, None, &mut [0.0]);
        });
        let payload = outcome.unwrap_err();
        let message = payload
            .downcast_ref::<String>()
            .expect("assert panics with a `String`");
        assert!(message.contains("packed for `scalar`"), "{message}");
    }

    #[test]
    #[should_panic(expected = "a slice has no whole rows of 2")]
    fn a_slice_that_does_not_fit_is_refused() {
        let cpu = Cpu::new(Isa::supported()[0], 1);
        let packed = pack_f32(&cpu, &[1.0, 1.0], 1, 2);
        forward(&cpu, &[1.0], &packed, None, &mut [0.0]);
    }

    fn halves(x: &[f32]) -> Vec<bf16> {
        x.iter().map(|&x| bf16::from_f32(x)).collect()
    }

    #[test]
    fn all_products_in_bf16_agree_with_the_definition_on_rounded_factors() {
        for isa in Isa::supported() {
            for threads in [1, 3] {
                let cpu = Cpu::new(isa, threads);
                for [rows, outputs, inputs] in SHAPES {
                    check_bf16(&cpu, rows, outputs, inputs);
                }
            }
        }
    }

    fn check_bf16(cpu: &Cpu, rows: usize, outputs: usize, inputs: usize) {
        let case = format!("bf16, {}, {rows} x {outputs} x {inputs}", cpu.isa());
        let w = values(2, outputs * inputs);
        let x = halves(&values(1, rows * inputs));
        let (bias, d_out) = (values(3, outputs), halves(&values(4, rows * outputs)));
        let packed = PackedWeights::pack(cpu, Precision::Bf16, true, &w, outputs, inputs);
        let rounded = |w: f32| bf16::from_f32(w).to_f32();

        let mut out = vec![f32::NAN; rows * outputs];
        let finish = Finish::Store {
            out: NumbersMut::F32(&mut out),
        };
        linear(cpu, NumbersRef::Bf16(&x), &packed, Some(&bias), finish);
        let (a, b) = (
            |i: usize, k: usize| x[i * inputs + k].to_f32(),
            |k: usize, j: usize| rounded(w[j * inputs + k]),
        );
        let mut expected = product([rows, outputs, inputs], a, b);
        expected
            .iter_mut()
            .enumerate()
            .for_each(|(n, e)| *e += f64::from(bias[n % outputs]));
        assert_near(&out, &expected, inputs, &case);

        let mut d_x = vec![f32::NAN; rows * inputs];
        let finish = Finish::Store {
            out: NumbersMut::F32(&mut d_x),
        };
        linear_d_input(cpu, NumbersRef::Bf16(&d_out), &packed, &w, finish);
        let (a, b) = (
            |i: usize, k: usize| d_out[i * outputs + k].to_f32(),
            |k: usize, j: usize| rounded(w[k * inputs + j]),
        );
        assert_near(
            &d_x,
            &product([rows, inputs, outputs], a, b),
            outputs,
            &case,
        );

        let (mut d_w, mut d_bias) = (vec![1.0; outputs * inputs], vec![1.0; outputs]);
        let (d, x_ref) = (NumbersRef::Bf16(&d_out), NumbersRef::Bf16(&x));
        linear_d_weights(cpu, d, x_ref, outputs, inputs, &mut d_w, Some(&mut d_bias));
        let (a, b) = (
            |i: usize, k: usize| d_out[k * outputs + i].to_f32(),
            |k: usize, j: usize| x[k * inputs + j].to_f32(),
        );
        let mut expected = product([outputs, inputs, rows], a, b);
        expected.iter_mut().for_each(|e| *e += 1.0);
        assert_near(&d_w, &expected, rows, &case);
        let sums = product([1, outputs, rows], |_, _| 1.0, |k: usize, j: usize| a(j, k));
        let expected: Vec<f64> = sums.iter().map(|sum| sum + 1.0).collect();
        assert_near(&d_bias, &expected, rows, &case);
    }

    #[test]
    fn int8_is_near_the_definition_and_the_same_bits_on_every_instruction_set() {
        let scalar = Cpu::new(Isa::supported()[0], 1);
        for [rows, outputs, inputs] in SHAPES {
            let (x, w) = (values(1, rows * inputs), values(2, outputs * inputs));
            let bias = values(3, outputs);
            let run = |cpu: &Cpu| {
                let packed = PackedWeights::pack(cpu, Precision::Int8, false, &w, outputs, inputs);
                let mut out = vec![f32::NAN; rows * outputs];
                forward(cpu, &x, &packed, Some(&bias), &mut out);
                out
            };
            let expected = run(&scalar);
            let (a, b) = (|i, k| x[i * inputs + k], |k, j| w[j * inputs + k]);
            let definition = product([rows, outputs, inputs], a, b);
            for (n, (a, e)) in expected.iter().zip(definition).enumerate() {
                let e = e + f64::from(bias[n % outputs]);
                // Steps of about 0.03 and 0.03: errors of a hundredth a term, which mostly cancel.
                let bound = 0.08 * (inputs as f64).sqrt();
                assert!(
                    (f64::from(*a) - e).abs() < bound,
                    "{rows} x {outputs} x {inputs}: {a}, {e}"
                );
            }
            for isa in Isa::supported() {
                for threads in [1, 3] {
                    let actual = run(&Cpu::new(isa, threads));
                    assert_eq!(actual, expected, "{isa}, {rows} x {outputs} x {inputs}");
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_alone_and_in_any_batch_in_every_precision() {
        let (inputs, outputs, most) = (302, 70, 40);
        let w = values(1, outputs * inputs);
        let x = values(2, most * inputs);
        let x16 = halves(&x);
        for isa in Isa::supported() {
            for precision in [Precision::Bf16, Precision::Int8] {
                let run = |threads: usize, rows: std::ops::Range<usize>| {
                    let cpu = Cpu::new(isa, threads);
                    let packed = PackedWeights::pack(&cpu, precision, false, &w, outputs, inputs);
                    let mut out = vec![0.0; rows.len() * outputs];
                    let finish = Finish::Store {
                        out: NumbersMut::F32(&mut out),
                    };
                    let place = rows.start * inputs..rows.end * inputs;
                    let x = match precision {
                        Precision::Bf16 => NumbersRef::Bf16(&x16[place]),
                        _ => NumbersRef::F32(&x[place]),
                    };
                    linear(&cpu, x, &packed, None, finish);
                    out
                };
                let alone: Vec<f32> = (0..most).flat_map(|row| run(1, row..row + 1)).collect();
                for (threads, rows) in [(1, 2), (1, 31), (2, 33), (4, 13), (3, most)] {
                    let out = run(threads, 0..rows);
                    assert_eq!(out, alone[..rows * outputs], "{isa}, {precision:?}, {rows}");
                }
            }
        }
    }

    /// Every way to finish is the plain product with the operation after it.
    #[test]
    fn what_follows_a_product_is_what_the_operation_alone_would_make_of_it() {
        let (rows, outputs, inputs) = (50, 70, 33);
        let (w, bias) = (values(2, outputs * inputs), values(3, outputs));
        let (x, residual) = (values(1, rows * inputs), values(4, rows * outputs));
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 3);
            let packed = pack_f32(&cpu, &w, outputs, inputs);
            let run = |finish: Finish<'_>| {
                linear(&cpu, NumbersRef::F32(&x), &packed, Some(&bias), finish)
            };
            let mut y = vec![0.0; rows * outputs];
            forward(&cpu, &x, &packed, Some(&bias), &mut y);

            let mut stored = vec![bf16::ZERO; y.len()];
            run(Finish::Store {
                out: NumbersMut::Bf16(&mut stored),
            });
            assert_eq!(stored, halves(&y), "{isa}");

            let dropout = Some(Dropout { share: 0.3, key: 5 });
            let mut expected = y.clone();
            dropout::apply(&cpu, dropout, outputs, &mut expected);
            for (e, x) in expected.iter_mut().zip(&residual) {
                *e += x;
            }
            let mut out = vec![0.0; y.len()];
            run(Finish::AddTo {
                dropout,
                x: &residual,
                out: &mut out,
            });
            assert_eq!(out, expected, "{isa}");

            let function = Activation::Gelu;
            let mut expected = vec![0.0; y.len()];
            activation(&cpu, function, &y, &mut expected);
            let (mut kept, mut out) = (vec![0.0; y.len()], vec![0.0; y.len()]);
            run(Finish::Activate {
                function,
                y: Some(NumbersMut::F32(&mut kept)),
                out: NumbersMut::F32(&mut out),
            });
            assert_eq!((&kept, &out), (&y, &expected), "{isa}");
            let (mut kept16, mut out16) = (stored.clone(), stored.clone());
            run(Finish::Activate {
                function,
                y: Some(NumbersMut::Bf16(&mut kept16)),
                out: NumbersMut::Bf16(&mut out16),
            });
            assert_eq!((&kept16, &out16), (&stored, &halves(&expected)), "{isa}");

            let mut d_expected = vec![0.0; y.len()];
            activation_backward(&cpu, function, &residual, &y, &mut d_expected);
            activation(&cpu, function, &residual, &mut expected);
            let (mut d_x, mut again) = (vec![0.0; y.len()], vec![0.0; y.len()]);
            run(Finish::ActivateBackward {
                function,
                x: NumbersRef::F32(&residual),
                d_x: NumbersMut::F32(&mut d_x),
                out: NumbersMut::F32(&mut again),
            });
            assert_eq!((&d_x, &again), (&d_expected, &expected), "{isa}");
        }
    }

    #[test]
    #[should_panic(expected = "weights for bf16 are used with f32")]
    fn numbers_of_another_type_are_refused() {
        let cpu = Cpu::new(Isa::supported()[0], 1);
        let packed = PackedWeights::pack(&cpu, Precision::Bf16, false, &[1.0], 1, 1);
        forward(&cpu, &[1.0], &packed, None, &mut [0.0]);
    }
}
