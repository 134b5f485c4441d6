//! The functions between the two linear layers of a block, and of heads.

use std::f32::consts::FRAC_1_SQRT_2;

use crate::lanes::functions::{erf, exp, tanh};
use crate::lanes::{Kernel, Lanes};
use crate::numbers::Element;
use crate::{CHUNK, Cpu, Work};

/// A function applied to every element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `x / 2 * (1 + erf(x / sqrt(2)))` (Hendrycks and Gimpel, 2016); `gelu` in model files.
    Gelu,
    /// The same through `tanh(sqrt(2 / pi) * (x + 0.044715 x^3))`; `gelu_new`, `gelu_fast` and
    /// `gelu_pytorch_tanh` in model files.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
    /// `x / (1 + e^-x)`; `silu` or `swish` in model files.
    Silu,
    /// `tanh(x)`.
    Tanh,
}

/// The cubic term of the tanh form.
const CUBIC: f32 = 0.044_715;

/// `sqrt(2 / pi)`.
const TANH_SCALE: f32 = 0.797_884_6;

/// `1 / sqrt(2 pi)`.
const NORMAL_DENSITY: f32 = 0.398_942_3;

/// `out = f(x)`, element by element.
///
/// # Panics
///
/// When `x` and `out` differ in length.
pub fn activation(cpu: &Cpu, function: Activation, x: &[f32], out: &mut [f32]) {
    let _time = cpu.record(Work::Activation);
    assert_eq!(
        x.len(),
        out.len(),
        "activation: `x` and `out` differ in length"
    );
    cpu.pool().for_each_chunk(out, CHUNK, |index, out| {
        let x = &x[index * CHUNK..][..out.len()];
        cpu.isa().run(Forward { function, x, out });
    });
}

/// `d_x = d_out * f'(x)`, element by element. The slope of `Relu` at 0 is 0.
///
/// # Panics
///
/// When the slices differ in length.
pub fn activation_backward(
    cpu: &Cpu,
    function: Activation,
    x: &[f32],
    d_out: &[f32],
    d_x: &mut [f32],
) {
    let _time = cpu.record(Work::Activation);
    assert_eq!(
        x.len(),
        d_out.len(),
        "activation: `x` and `d_out` differ in length"
    );
    assert_eq!(
        x.len(),
        d_x.len(),
        "activation: `x` and `d_x` differ in length"
    );
    cpu.pool().for_each_chunk(d_x, CHUNK, |index, d_x| {
        let x = &x[index * CHUNK..][..d_x.len()];
        let d_out = &d_out[index * CHUNK..][..d_x.len()];
        cpu.isa().run(Backward {
            function,
            x,
            d_out,
            d_x,
        });
    });
}

/// `f(x)`: the meaning.
fn value(function: Activation, x: f32) -> f32 {
    match function {
        Activation::Gelu => 0.5 * x * (1.0 + libm::erff(x * FRAC_1_SQRT_2)),
        Activation::GeluTanh => 0.5 * x * (1.0 + tanh_inner(x).tanh()),
        // Not `max`, which would turn NaN into 0.
        Activation::Relu => {
            if x <= 0.0 {
                0.0
            } else {
                x
            }
        }
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
    }
}

/// `f'(x)`: the meaning.
fn slope(function: Activation, x: f32) -> f32 {
    match function {
        Activation::Gelu => {
            let density = (-0.5 * x * x).exp() * NORMAL_DENSITY;
            0.5 * (1.0 + libm::erff(x * FRAC_1_SQRT_2)) + x * density
        }
        Activation::GeluTanh => {
            let tanh = tanh_inner(x).tanh();
            let d_inner = TANH_SCALE * (1.0 + 3.0 * CUBIC * x * x);
            0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * d_inner
        }
        Activation::Relu => f32::from(u8::from(x > 0.0)),
        Activation::Silu => {
            let sigmoid = 1.0 / (1.0 + (-x).exp());
            sigmoid * (1.0 + x * (1.0 - sigmoid))
        }
        Activation::Tanh => 1.0 - x.tanh() * x.tanh(),
    }
}

fn tanh_inner(x: f32) -> f32 {
    TANH_SCALE * (x + CUBIC * x * x * x)
}

pub(crate) struct Forward<'a, E> {
    pub(crate) function: Activation,
    pub(crate) x: &'a [f32],
    pub(crate) out: &'a mut [E],
}

impl<E: Element> Kernel for Forward<'_, E> {
    type Output = ();

    fn scalar(self) {
        for (x, out) in self.x.iter().zip(self.out) {
            *out = E::from_f32(value(self.function, *x));
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        for (x, out) in self.x.chunks(L::WIDTH).zip(self.out.chunks_mut(L::WIDTH)) {
            E::store(lanes, values(lanes, self.function, lanes.load(x)), out);
        }
    }
}

/// The gradient by the input of the function, and its value once more.
pub(crate) struct BackwardAgain<'a, E> {
    pub(crate) function: Activation,
    pub(crate) x: &'a [E],
    pub(crate) d_out: &'a [f32],
    pub(crate) d_x: &'a mut [E],
    pub(crate) out: &'a mut [E],
}

impl<E: Element> Kernel for BackwardAgain<'_, E> {
    type Output = ();

    fn scalar(self) {
        for (i, x) in self.x.iter().enumerate() {
            let x = x.to_f32();
            self.d_x[i] = E::from_f32(self.d_out[i] * slope(self.function, x));
            self.out[i] = E::from_f32(value(self.function, x));
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        let read = self.x.chunks(L::WIDTH).zip(self.d_out.chunks(L::WIDTH));
        let written = self
            .d_x
            .chunks_mut(L::WIDTH)
            .zip(self.out.chunks_mut(L::WIDTH));
        for ((x, d_out), (d_x, out)) in read.zip(written) {
            let x = E::load(lanes, x);
            let (value, slope) = values_and_slopes(lanes, self.function, x);
            E::store(lanes, lanes.mul(lanes.load(d_out), slope), d_x);
            E::store(lanes, value, out);
        }
    }
}

struct Backward<'a> {
    function: Activation,
    x: &'a [f32],
    d_out: &'a [f32],
    d_x: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    fn scalar(self) {
        for ((x, d_out), d_x) in self.x.iter().zip(self.d_out).zip(self.d_x) {
            *d_x = d_out * slope(self.function, *x);
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        let read = self.x.chunks(L::WIDTH).zip(self.d_out.chunks(L::WIDTH));
        for ((x, d_out), d_x) in read.zip(self.d_x.chunks_mut(L::WIDTH)) {
            let slope = slopes(lanes, self.function, lanes.load(x));
            lanes.store(lanes.mul(lanes.load(d_out), slope), d_x);
        }
    }
}

/// [`value`] of every lane.
#[inline(always)]
fn values<L: Lanes>(lanes: L, function: Activation, x: L::Vector) -> L::Vector {
    match function {
        Activation::Gelu => lanes.mul(x, normal(lanes, x).0),
        Activation::GeluTanh => {
            let half = lanes.mul(lanes.splat(0.5), x);
            lanes.mul_add(half, tanh(lanes, tanh_inners(lanes, x)), half)
        }
        Activation::Relu => lanes.max(lanes.splat(0.0), x),
        Activation::Silu => lanes.mul(x, sigmoid(lanes, x)),
        Activation::Tanh => tanh(lanes, x),
    }
}

/// [`slope`] of every lane.
#[inline(always)]
fn slopes<L: Lanes>(lanes: L, function: Activation, x: L::Vector) -> L::Vector {
    let one = lanes.splat(1.0);
    match function {
        Activation::Gelu => {
            let (share, density) = normal(lanes, x);
            lanes.mul_add(x, density, share)
        }
        Activation::GeluTanh => {
            let half = lanes.splat(0.5);
            let tanh = tanh(lanes, tanh_inners(lanes, x));
            let square = lanes.mul(x, x);
            let scale = lanes.splat(TANH_SCALE);
            let d_inner = lanes.mul_add(square, lanes.splat(3.0 * CUBIC * TANH_SCALE), scale);
            let d_tanh = lanes.mul(lanes.sub(one, lanes.mul(tanh, tanh)), d_inner);
            lanes.mul(half, lanes.add(lanes.mul_add(x, d_tanh, tanh), one))
        }
        Activation::Relu => lanes.select_above(x, lanes.splat(0.0), one, lanes.splat(0.0)),
        Activation::Silu => {
            let sigmoid = sigmoid(lanes, x);
            let rest = lanes.mul(x, lanes.sub(one, sigmoid));
            lanes.mul_add(sigmoid, rest, sigmoid)
        }
        Activation::Tanh => {
            let tanh = tanh(lanes, x);
            lanes.sub(one, lanes.mul(tanh, tanh))
        }
    }
}

/// [`value`] and [`slope`] of every lane, with what they share worked out once.
#[inline(always)]
fn values_and_slopes<L: Lanes>(
    lanes: L,
    function: Activation,
    x: L::Vector,
) -> (L::Vector, L::Vector) {
    match function {
        Activation::Gelu => {
            let (share, density) = normal(lanes, x);
            (lanes.mul(x, share), lanes.mul_add(x, density, share))
        }
        _ => (values(lanes, function, x), slopes(lanes, function, x)),
    }
}

/// The share of the normal distribution below `x`, and its density there.
#[inline(always)]
fn normal<L: Lanes>(lanes: L, x: L::Vector) -> (L::Vector, L::Vector) {
    let half = lanes.splat(0.5);
    let scaled = lanes.mul(x, lanes.splat(FRAC_1_SQRT_2));
    let e = exp(lanes, lanes.mul(lanes.mul(x, lanes.splat(-0.5)), x));
    let share = lanes.mul_add(erf(lanes, scaled, e), half, half);
    (share, lanes.mul(e, lanes.splat(NORMAL_DENSITY)))
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
fn sigmoid<L: Lanes>(lanes: L, x: L::Vector) -> L::Vector {
    let one = lanes.splat(1.0);
    lanes.div(
        one,
        lanes.add(one, exp(lanes, lanes.sub(lanes.splat(0.0), x))),
    )
}

/// [`tanh_inner`] of every lane.
#[inline(always)]
fn tanh_inners<L: Lanes>(lanes: L, x: L::Vector) -> L::Vector {
    let square = lanes.mul(x, x);
    let factor = lanes.mul_add(
        square,
        lanes.splat(CUBIC * TANH_SCALE),
        lanes.splat(TANH_SCALE),
    );
    lanes.mul(x, factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    const ALL: [Activation; 5] = [
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Relu,
        Activation::Silu,
        Activation::Tanh,
    ];

    /// The definitions in `f64`.
    fn reference(function: Activation, x: f64) -> f64 {
        match function {
            Activation::Gelu => 0.5 * x * (1.0 + libm::erf(x / 2f64.sqrt())),
            Activation::GeluTanh => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
                0.5 * x * (1.0 + inner.tanh())
            }
            Activation::Relu => x.max(0.0),
            Activation::Silu => x / (1.0 + (-x).exp()),
            Activation::Tanh => x.tanh(),
        }
    }

    fn difference(function: Activation, x: f64) -> f64 {
        const STEP: f64 = 1e-5;
        (reference(function, x + STEP) - reference(function, x - STEP)) / (2.0 * STEP)
    }

    /// From -20 to 20 in steps of about 0.001, and far beyond.
    fn arguments() -> Vec<f32> {
        let near = (-20_000..=20_000).map(|i| i as f32 * 0.001_003);
        near.chain([-1e30, -1000.0, -88.0, 88.0, 1000.0, 1e30])
            .collect()
    }

    #[test]
    fn every_instruction_set_agrees_with_the_definition() {
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 2);
            for function in ALL {
                let x = arguments();
                let mut out = vec![f32::NAN; x.len()];
                activation(&cpu, function, &x, &mut out);
                for (x, out) in x.iter().zip(out) {
                    let expected = reference(function, f64::from(*x));
                    let bound = 3e-7 * f64::from(x.abs()).clamp(0.1, 1e30);
                    let distance = (f64::from(out) - expected).abs();
                    assert!(
                        distance <= bound,
                        "{isa}, {function:?}({x}) = {out}, not {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn slopes_agree_with_finite_differences() {
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 2);
            for function in ALL {
                // Relu has no slope at 0.
                let x: Vec<f32> = arguments()
                    .into_iter()
                    .filter(|x| x.abs() < 100.0)
                    .collect();
                let x: Vec<f32> = x.into_iter().filter(|x| x.abs() > 1e-4).collect();
                let mut d_x = vec![f32::NAN; x.len()];
                activation_backward(&cpu, function, &x, &vec![2.0; x.len()], &mut d_x);
                for (x, d_x) in x.iter().zip(d_x) {
                    let expected = 2.0 * difference(function, f64::from(*x));
                    let distance = (f64::from(d_x) - expected).abs();
                    assert!(
                        distance <= 4e-6,
                        "{isa}, {function:?}'({x}): {d_x}, not {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_length_is_filled_and_no_more() {
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 2);
            for len in (0..=67).chain([CHUNK - 1, CHUNK, CHUNK + 1]) {
                let x: Vec<f32> = (0..len).map(|i| i as f32 + 100.0).collect();
                let (mut out, mut d_x) = (vec![0.0; len], vec![0.0; len]);
                activation(&cpu, Activation::Gelu, &x, &mut out);
                activation_backward(&cpu, Activation::Gelu, &x, &x, &mut d_x);
                assert_eq!(out, x, "{isa}, length {len}");
                assert_eq!(d_x, x, "{isa}, length {len}");
            }
        }
    }

    #[test]
    fn nan_stays_nan() {
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 1);
            for function in ALL {
                let mut out = [0.0; 3];
                activation(&cpu, function, &[1.0, f32::NAN, -1.0], &mut out);
                let nans = out.map(f32::is_nan);
                assert_eq!(nans, [false, true, false], "{isa}, {function:?}");
            }
        }
    }
}
