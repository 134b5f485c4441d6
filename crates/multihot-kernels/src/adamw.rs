//! One step of AdamW.

use crate::grid::Chunks;
use crate::lanes::{Kernel, Lanes};
use crate::{CHUNK, Cpu, Work};

/// The settings of one step of [`adamw()`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// How far a step goes.
    pub learning_rate: f32,
    /// The share of the old first moment that stays.
    pub beta1: f32,
    /// The share of the old second moment that stays.
    pub beta2: f32,
    /// Added to the root of the second moment; above 0.
    pub epsilon: f32,
    /// The share of a value, times the learning rate, that is taken off before the step.
    pub weight_decay: f32,
    /// The number of this step, from 1; for the correction of the moments' bias towards 0.
    pub step: u64,
    /// What gradients are multiplied with before use: below 1 when they are clipped.
    pub gradient_scale: f32,
}

/// Moves `values` by one step of AdamW (Loshchilov and Hutter, 2019), with the equations of
/// `torch.optim.AdamW`, and uses the gradients up: they are 0 afterwards.
///
/// ```text
/// g = gradient_scale * gradients
/// values -= learning_rate * weight_decay * values
/// m = beta1 * m + (1 - beta1) * g
/// v = beta2 * v + (1 - beta2) * g * g
/// values -= learning_rate / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon)
/// ```
///
/// Everything is read and written once. For a table of which a step touches few rows, see
/// [`adamw_rows`](crate::adamw_rows).
///
/// # Panics
///
/// When the slices differ in length, or as [`AdamW::factors`].
pub fn adamw(
    cpu: &Cpu,
    settings: &AdamW,
    values: &mut [f32],
    gradients: &mut [f32],
    m: &mut [f32],
    v: &mut [f32],
) {
    let _time = cpu.record(Work::Optimizer);
    assert_eq!(
        values.len(),
        gradients.len(),
        "adamw: `gradients` differ in length"
    );
    assert_eq!(values.len(), m.len(), "adamw: `m` differs in length");
    assert_eq!(values.len(), v.len(), "adamw: `v` differs in length");
    let factors = settings.factors();
    let [gradients, m, v] = [gradients, m, v].map(|slice| Chunks::new(slice, CHUNK));
    cpu.pool().for_each_chunk(values, CHUNK, |index, values| {
        // SAFETY: every index comes once.
        let (gradients, m, v) = unsafe { (gradients.chunk(index), m.chunk(index), v.chunk(index)) };
        cpu.isa().run(Step {
            factors,
            values,
            gradients,
            m,
            v,
        });
    });
}

/// What the settings of one step come to, the same for all values; worked out in `f64`.
#[derive(Clone, Copy, Debug)]
pub struct AdamWFactors {
    gradient_scale: f32,
    /// What the decay leaves of a value.
    pub(crate) keep: f32,
    beta1: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    step_size: f32,
    root_scale: f32,
    epsilon: f32,
}

impl AdamW {
    /// Works the settings out, to be used for several tables or later again.
    ///
    /// # Panics
    ///
    /// When `step` is 0, or `epsilon` is not above 0: a value without moments would become
    /// no number.
    pub fn factors(&self) -> AdamWFactors {
        assert!(self.step > 0, "adamw: steps count from 1");
        assert!(self.epsilon > 0.0, "adamw: `epsilon` is not above 0");
        let [rate, beta1, beta2, decay] = [
            self.learning_rate,
            self.beta1,
            self.beta2,
            self.weight_decay,
        ]
        .map(f64::from);
        let step = self.step as f64;
        AdamWFactors {
            gradient_scale: self.gradient_scale,
            keep: (1.0 - rate * decay) as f32,
            beta1: self.beta1,
            one_minus_beta1: (1.0 - beta1) as f32,
            beta2: self.beta2,
            one_minus_beta2: (1.0 - beta2) as f32,
            step_size: (rate / (1.0 - beta1.powf(step))) as f32,
            root_scale: (1.0 / (1.0 - beta2.powf(step)).sqrt()) as f32,
            epsilon: self.epsilon,
        }
    }
}

/// A value and its two moments.
pub(crate) type State<T> = [T; 3];

impl AdamWFactors {
    /// One step of one value.
    pub(crate) fn step(&self, [value, m, v]: State<f32>, gradient: f32) -> State<f32> {
        let gradient = gradient * self.gradient_scale;
        let m = self.beta1 * m + self.one_minus_beta1 * gradient;
        let v = self.beta2 * v + self.one_minus_beta2 * gradient * gradient;
        let step = self.step_size * m / (v.sqrt() * self.root_scale + self.epsilon);
        [self.keep * value - step, m, v]
    }

    /// One step of a vector of values. Each lane's bits depend on what is in it and on nothing else.
    #[inline(always)]
    pub(crate) fn step_lanes<L: Lanes>(
        &self,
        lanes: L,
        [value, m, v]: State<L::Vector>,
        gradient: L::Vector,
    ) -> State<L::Vector> {
        let g = lanes.mul(gradient, lanes.splat(self.gradient_scale));
        let m = lanes.mul(m, lanes.splat(self.beta1));
        let m = lanes.mul_add(lanes.splat(self.one_minus_beta1), g, m);
        let v = lanes.mul(v, lanes.splat(self.beta2));
        let v = lanes.mul_add(lanes.mul(lanes.splat(self.one_minus_beta2), g), g, v);
        let (root_scale, epsilon) = (lanes.splat(self.root_scale), lanes.splat(self.epsilon));
        let below = lanes.mul_add(lanes.sqrt(v), root_scale, epsilon);
        let step = lanes.div(lanes.mul(lanes.splat(self.step_size), m), below);
        let kept = lanes.mul(value, lanes.splat(self.keep));
        [lanes.sub(kept, step), m, v]
    }
}

/// One step of values with their gradients, all four slices of one length.
pub(crate) struct Step<'a> {
    pub(crate) factors: AdamWFactors,
    pub(crate) values: &'a mut [f32],
    pub(crate) gradients: &'a mut [f32],
    pub(crate) m: &'a mut [f32],
    pub(crate) v: &'a mut [f32],
}

impl Kernel for Step<'_> {
    type Output = ();

    fn scalar(self) {
        let moments = self.m.iter_mut().zip(self.v);
        for ((value, gradient), (m, v)) in self.values.iter_mut().zip(self.gradients).zip(moments) {
            [*value, *m, *v] = self.factors.step([*value, *m, *v], *gradient);
            *gradient = 0.0;
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        let read = self.gradients.chunks_mut(L::WIDTH);
        let moments = self.m.chunks_mut(L::WIDTH).zip(self.v.chunks_mut(L::WIDTH));
        for ((values, gradients), (m_out, v_out)) in
            self.values.chunks_mut(L::WIDTH).zip(read).zip(moments)
        {
            let state = [lanes.load(values), lanes.load(m_out), lanes.load(v_out)];
            let [value, m, v] = self.factors.step_lanes(lanes, state, lanes.load(gradients));
            lanes.store(value, values);
            lanes.store(m, m_out);
            lanes.store(v, v_out);
            lanes.store(lanes.splat(0.0), gradients);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    const SETTINGS: AdamW = AdamW {
        learning_rate: 0.1,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.01,
        step: 1,
        gradient_scale: 1.0,
    };

    /// The equations of `torch.optim.AdamW` in `f64`, step after step.
    fn reference(settings: AdamW, gradients: &[f32]) -> f64 {
        let [rate, beta1, beta2, decay, epsilon, scale] = [
            settings.learning_rate,
            settings.beta1,
            settings.beta2,
            settings.weight_decay,
            settings.epsilon,
            settings.gradient_scale,
        ]
        .map(f64::from);
        let (mut value, mut m, mut v) = (1.0, 0.0, 0.0);
        for (i, gradient) in gradients.iter().enumerate() {
            let (step, g) = (i as i32 + 1, f64::from(*gradient) * scale);
            value *= 1.0 - rate * decay;
            m = beta1 * m + (1.0 - beta1) * g;
            v = beta2 * v + (1.0 - beta2) * g * g;
            let root = (v / (1.0 - beta2.powi(step))).sqrt();
            value -= rate * (m / (1.0 - beta1.powi(step))) / (root + epsilon);
        }
        value
    }

    #[test]
    fn steps_follow_the_equations_of_torch() {
        let gradients = [0.5, -0.25, 1.0, 0.0, 3.0, -2.0];
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 1);
            for gradient_scale in [1.0, 0.25] {
                let settings = AdamW {
                    gradient_scale,
                    ..SETTINGS
                };
                let (mut value, mut m, mut v) = ([1.0], [0.0], [0.0]);
                for (i, gradient) in gradients.iter().enumerate() {
                    let settings = AdamW {
                        step: i as u64 + 1,
                        ..settings
                    };
                    adamw(
                        &cpu,
                        &settings,
                        &mut value,
                        &mut [*gradient],
                        &mut m,
                        &mut v,
                    );
                }
                let expected = reference(settings, &gradients);
                let difference = (f64::from(value[0]) - expected).abs();
                assert!(difference < 1e-6, "{isa}: {} vs {expected}", value[0]);
            }
        }
    }

    #[test]
    fn the_first_step_goes_as_far_as_the_learning_rate() {
        // 1 - 0.1 * 0.01 by decay, then 0.1 against the sign of the gradient.
        let cpu = Cpu::new(Isa::supported()[0], 1);
        let mut values = [1.0, 1.0];
        adamw(
            &cpu,
            &SETTINGS,
            &mut values,
            &mut [3.0, -0.01],
            &mut [0.0; 2],
            &mut [0.0; 2],
        );
        assert!((values[0] - 0.899).abs() < 1e-6, "{values:?}");
        assert!((values[1] - 1.099).abs() < 1e-6, "{values:?}");
    }

    #[test]
    fn every_instruction_set_agrees_with_scalar_at_every_length() {
        let run = |cpu: &Cpu, len: usize| {
            let mut gradients: Vec<f32> = (0..len).map(|i| (i as f32).sin()).collect();
            let mut values: Vec<f32> = (0..len).map(|i| (i as f32).cos()).collect();
            let (mut m, mut v) = (vec![0.1; len], vec![0.2; len]);
            let settings = AdamW {
                step: 7,
                ..SETTINGS
            };
            adamw(cpu, &settings, &mut values, &mut gradients, &mut m, &mut v);
            [values, gradients, m, v].concat()
        };
        for isa in Isa::supported() {
            for len in (0..=67).chain([CHUNK - 1, CHUNK + 1]) {
                let expected = run(&Cpu::new(Isa::supported()[0], 1), len);
                let actual = run(&Cpu::new(isa, 3), len);
                for (i, (a, e)) in actual.iter().zip(&expected).enumerate() {
                    assert!(
                        (a - e).abs() <= 5e-7,
                        "{isa}, length {len}, at {i}: {a} vs {e}"
                    );
                }
            }
        }
    }

    #[test]
    fn gradients_are_used_up() {
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 2);
            for len in (0..=67).chain([CHUNK - 1, CHUNK, CHUNK + 1]) {
                let [mut values, mut gradients, mut m, mut v] =
                    [0, 1, 2, 3].map(|x| vec![x as f32; len]);
                adamw(&cpu, &SETTINGS, &mut values, &mut gradients, &mut m, &mut v);
                assert!(gradients.iter().all(|&g| g == 0.0), "{isa}, length {len}");
            }
        }
    }

    #[test]
    fn nothing_moves_without_gradient_decay_and_moments() {
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 1);
            let settings = AdamW {
                weight_decay: 0.0,
                ..SETTINGS
            };
            let mut values = [1.0, -2.0];
            adamw(
                &cpu,
                &settings,
                &mut values,
                &mut [0.0; 2],
                &mut [0.0; 2],
                &mut [0.0; 2],
            );
            assert_eq!(values, [1.0, -2.0]);
        }
    }
}
