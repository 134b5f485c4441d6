//! `e^x`, `erf` and `tanh` over vectors. NaN stays NaN in all of them.

use super::Lanes;

/// The polynomial with these coefficients, the one of the highest power first.
#[inline(always)]
fn polynomial<L: Lanes>(lanes: L, x: L::Vector, coefficients: &[f32]) -> L::Vector {
    let mut sum = lanes.splat(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        sum = lanes.mul_add(sum, x, lanes.splat(coefficient));
    }
    sum
}

/// `x`, moved into `low..=high`.
#[inline(always)]
fn clamp<L: Lanes>(lanes: L, x: L::Vector, low: f32, high: f32) -> L::Vector {
    // `x` comes second, where NaN passes.
    lanes.max(lanes.splat(low), lanes.min(lanes.splat(high), x))
}

/// `e^x` within 2e-7 of its size for `x` in `-87.3..=88.3`, and what it is at these ends beyond them.
///
/// `x = n ln 2 + r` with whole `n`; `e^r` is the polynomial of `expf` in Cephes (Moshier, 1989),
/// and `ln 2` comes in two parts, of which the first has few enough bits for `n` times it to be exact.
#[inline(always)]
pub(crate) fn exp<L: Lanes>(lanes: L, x: L::Vector) -> L::Vector {
    const COEFFICIENTS: [f32; 6] = [
        1.987_569_1e-4,
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        5e-1,
    ];
    let x = clamp(lanes, x, -87.3, 88.3);
    let n = lanes.round(lanes.mul(x, lanes.splat(std::f32::consts::LOG2_E)));
    let r = lanes.mul_add(n, lanes.splat(-0.693_359_4), x);
    let r = lanes.mul_add(n, lanes.splat(2.121_944_4e-4), r);
    let tail = lanes.mul(polynomial(lanes, r, &COEFFICIENTS), r);
    let exp_r = lanes.mul_add(tail, r, lanes.add(r, lanes.splat(1.0)));
    lanes.mul(exp_r, lanes.power_of_two(n))
}

/// The error function within 3e-7: near 0 the polynomial of `erff` in Cephes (Moshier, 1989),
/// elsewhere equation 7.1.26 of Abramowitz and Stegun (1964), which is within 1.5e-7.
///
/// `e` is `e^-(x * x)`, which the density of the normal distribution needs too.
#[inline(always)]
pub(crate) fn erf<L: Lanes>(lanes: L, x: L::Vector, e: L::Vector) -> L::Vector {
    const NEAR: [f32; 7] = [
        7.853_861_4e-5,
        -8.010_193_6e-4,
        5.188_327_6e-3,
        -2.685_381_2e-2,
        1.128_358_5e-1,
        -3.761_262_6e-1,
        std::f32::consts::FRAC_2_SQRT_PI,
    ];
    const FAR: [f32; 5] = [
        1.061_405_4,
        -1.453_152,
        1.421_413_7,
        -0.284_496_74,
        0.254_829_6,
    ];
    let (zero, one) = (lanes.splat(0.0), lanes.splat(1.0));
    let size = lanes.max(lanes.sub(zero, x), x);
    let square = lanes.mul(x, x);
    let near = lanes.mul(x, polynomial(lanes, square, &NEAR));
    let t = lanes.div(one, lanes.mul_add(size, lanes.splat(0.327_591_1), one));
    let rest = lanes.mul(lanes.mul(polynomial(lanes, t, &FAR), t), e);
    let far = lanes.sub(one, rest);
    let far = lanes.select_above(zero, x, lanes.sub(zero, far), far);
    lanes.select_above(size, one, far, near)
}

/// `e^-x`.
#[inline(always)]
fn exp_of_minus<L: Lanes>(lanes: L, x: L::Vector) -> L::Vector {
    exp(lanes, lanes.sub(lanes.splat(0.0), x))
}

/// The hyperbolic tangent within 2e-7: near 0 the polynomial of `tanhf` in Cephes (Moshier, 1989),
/// elsewhere `(1 - e^-2|x|) / (1 + e^-2|x|)` with the sign of `x`.
#[inline(always)]
pub(crate) fn tanh<L: Lanes>(lanes: L, x: L::Vector) -> L::Vector {
    const NEAR: [f32; 5] = [
        -5.704_988_7e-3,
        2.063_909e-2,
        -5.373_971_6e-2,
        1.333_144_2e-1,
        -3.333_328e-1,
    ];
    let (zero, one) = (lanes.splat(0.0), lanes.splat(1.0));
    let size = lanes.max(lanes.sub(zero, x), x);
    let e = exp_of_minus(lanes, lanes.add(size, size));
    let far = lanes.div(lanes.sub(one, e), lanes.add(one, e));
    let far = lanes.select_above(zero, x, lanes.sub(zero, far), far);
    let square = lanes.mul(x, x);
    let near = lanes.mul(polynomial(lanes, square, &NEAR), square);
    let near = lanes.mul_add(near, x, x);
    lanes.select_above(size, lanes.splat(0.625), far, near)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use crate::lanes::Kernel;

    #[derive(Clone, Copy, Debug)]
    enum Function {
        Exp,
        Erf,
        Tanh,
    }

    struct Apply<'a> {
        function: Function,
        x: &'a mut [f32],
    }

    impl Kernel for Apply<'_> {
        type Output = ();

        fn scalar(self) {
            for x in self.x {
                *x = match self.function {
                    Function::Exp => x.exp(),
                    Function::Erf => libm::erff(*x),
                    Function::Tanh => x.tanh(),
                };
            }
        }

        #[inline(always)]
        fn fast<L: Lanes>(self, lanes: L) {
            for chunk in self.x.chunks_mut(L::WIDTH) {
                let x = lanes.load(chunk);
                let y = match self.function {
                    Function::Exp => exp(lanes, x),
                    Function::Erf => erf(lanes, x, exp_of_minus(lanes, lanes.mul(x, x))),
                    Function::Tanh => tanh(lanes, x),
                };
                lanes.store(y, chunk);
            }
        }
    }

    fn apply(isa: Isa, function: Function, x: &[f32]) -> Vec<f32> {
        let mut x = x.to_vec();
        isa.run(Apply {
            function,
            x: &mut x,
        });
        x
    }

    /// Asserts that the error is at most `relative * |value| + absolute` between `low` and `high`.
    fn check(
        function: Function,
        [low, high]: [f32; 2],
        [relative, absolute]: [f64; 2],
        expected: fn(f64) -> f64,
    ) {
        const STEPS: i32 = 300_000;
        let x: Vec<f32> = (0..=STEPS)
            .map(|i| low + (high - low) * (i as f32 / STEPS as f32))
            .collect();
        for isa in Isa::supported() {
            for (x, y) in x.iter().zip(apply(isa, function, &x)) {
                let expected = expected(f64::from(*x));
                let bound = relative * expected.abs() + absolute;
                let error = (f64::from(y) - expected).abs();
                assert!(
                    error <= bound,
                    "{isa}, {function:?}({x}) = {y}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn exp_is_near_the_truth_over_its_whole_range() {
        check(Function::Exp, [-87.3, 88.3], [2e-7, 0.0], f64::exp);
        check(Function::Exp, [-1.0, 1.0], [2e-7, 0.0], f64::exp);
    }

    #[test]
    fn erf_is_near_the_truth_over_its_whole_range() {
        check(Function::Erf, [-10.0, 10.0], [0.0, 3e-7], libm::erf);
        check(Function::Erf, [-1.0, 1.0], [3e-7, 1e-30], libm::erf);
    }

    #[test]
    fn tanh_is_near_the_truth_over_its_whole_range() {
        check(Function::Tanh, [-20.0, 20.0], [0.0, 2e-7], f64::tanh);
        check(Function::Tanh, [-0.625, 0.625], [3e-7, 1e-30], f64::tanh);
    }

    #[test]
    fn far_arguments_and_nan_are_as_documented() {
        let far = [f32::NEG_INFINITY, -1e30, -100.0, 1e30, f32::INFINITY];
        for isa in Isa::supported() {
            for x in [Function::Erf, Function::Tanh] {
                let y = apply(isa, x, &far);
                for (y, expected) in y.iter().zip([-1.0, -1.0, -1.0, 1.0, 1.0]) {
                    assert!((y - expected).abs() < 2e-7, "{isa}: {y}");
                }
            }
            let y = apply(isa, Function::Exp, &far);
            assert!(
                y[..3].iter().all(|y| (0.0..2e-38).contains(y)),
                "{isa}: {y:?}"
            );
            assert!(y[3..].iter().all(|y| *y > 2e38), "{isa}: {y:?}");
            for function in [Function::Exp, Function::Erf, Function::Tanh] {
                assert!(
                    apply(isa, function, &[f32::NAN])[0].is_nan(),
                    "{isa}, {function:?}"
                );
            }
        }
    }
}
