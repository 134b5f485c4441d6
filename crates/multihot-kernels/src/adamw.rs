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
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// The share of a value, times the learning rate, that is taken off before the step.
    pub weight_decay: f32,
    /// The number of this step, from 1; for the correction of the moments' bias towards 0.
    pub step: u64,
    /// What gradients are multiplied with before use: below 1 when they are clipped.
    pub gradient_scale: f32,
}

/// Moves `values` by one step of AdamW (Loshchilov and Hutter, 2019), with the equations of
/// `torch.optim.AdamW`:
///
/// ```text
/// g = gradient_scale * gradients
/// values -= learning_rate * weight_decay * values
/// m = beta1 * m + (1 - beta1) * g
/// v = beta2 * v + (1 - beta2) * g * g
/// values -= learning_rate / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon)
/// ```
///
/// # Panics
///
/// When the slices differ in length, or `step` is 0.
pub fn adamw(
    cpu: &Cpu,
    settings: &AdamW,
    values: &mut [f32],
    gradients: &[f32],
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
    assert!(settings.step > 0, "adamw: steps count from 1");
    let factors = Factors::new(settings);
    let (m, v) = (Chunks::new(m, CHUNK), Chunks::new(v, CHUNK));
    cpu.pool().for_each_chunk(values, CHUNK, |index, values| {
        let gradients = &gradients[index * CHUNK..][..values.len()];
        // SAFETY: every index comes once.
        let (m, v) = unsafe { (m.chunk(index), v.chunk(index)) };
        cpu.isa().run(Step {
            factors,
            values,
            gradients,
            m,
            v,
        });
    });
}

/// What the settings come to, the same for all values; worked out in `f64`.
#[derive(Clone, Copy)]
struct Factors {
    gradient_scale: f32,
    keep: f32,
    beta1: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    step_size: f32,
    root_scale: f32,
    epsilon: f32,
}

impl Factors {
    fn new(settings: &AdamW) -> Factors {
        let [rate, beta1, beta2, decay] = [
            settings.learning_rate,
            settings.beta1,
            settings.beta2,
            settings.weight_decay,
        ]
        .map(f64::from);
        let step = settings.step as f64;
        Factors {
            gradient_scale: settings.gradient_scale,
            keep: (1.0 - rate * decay) as f32,
            beta1: settings.beta1,
            one_minus_beta1: (1.0 - beta1) as f32,
            beta2: settings.beta2,
            one_minus_beta2: (1.0 - beta2) as f32,
            step_size: (rate / (1.0 - beta1.powf(step))) as f32,
            root_scale: (1.0 / (1.0 - beta2.powf(step)).sqrt()) as f32,
            epsilon: settings.epsilon,
        }
    }
}

struct Step<'a> {
    factors: Factors,
    values: &'a mut [f32],
    gradients: &'a [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
}

impl Kernel for Step<'_> {
    type Output = ();

    fn scalar(self) {
        let f = self.factors;
        for (i, value) in self.values.iter_mut().enumerate() {
            let gradient = self.gradients[i] * f.gradient_scale;
            let (m, v) = (&mut self.m[i], &mut self.v[i]);
            *m = f.beta1 * *m + f.one_minus_beta1 * gradient;
            *v = f.beta2 * *v + f.one_minus_beta2 * gradient * gradient;
            *value = f.keep * *value - f.step_size * *m / (v.sqrt() * f.root_scale + f.epsilon);
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        let f = self.factors;
        let read = self.gradients.chunks(L::WIDTH);
        let written = self.m.chunks_mut(L::WIDTH).zip(self.v.chunks_mut(L::WIDTH));
        for ((values, gradients), (m_out, v_out)) in
            self.values.chunks_mut(L::WIDTH).zip(read).zip(written)
        {
            let g = lanes.mul(lanes.load(gradients), lanes.splat(f.gradient_scale));
            let m = lanes.mul(lanes.load(m_out), lanes.splat(f.beta1));
            let m = lanes.mul_add(lanes.splat(f.one_minus_beta1), g, m);
            let v = lanes.mul(lanes.load(v_out), lanes.splat(f.beta2));
            let v = lanes.mul_add(lanes.mul(lanes.splat(f.one_minus_beta2), g), g, v);
            let root = lanes.sqrt(v);
            let below = lanes.mul_add(root, lanes.splat(f.root_scale), lanes.splat(f.epsilon));
            let step = lanes.div(lanes.mul(lanes.splat(f.step_size), m), below);
            let kept = lanes.mul(lanes.load(values), lanes.splat(f.keep));
            lanes.store(lanes.sub(kept, step), values);
            lanes.store(m, m_out);
            lanes.store(v, v_out);
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
                    adamw(&cpu, &settings, &mut value, &[*gradient], &mut m, &mut v);
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
            &[3.0, -0.01],
            &mut [0.0; 2],
            &mut [0.0; 2],
        );
        assert!((values[0] - 0.899).abs() < 1e-6, "{values:?}");
        assert!((values[1] - 1.099).abs() < 1e-6, "{values:?}");
    }

    #[test]
    fn every_instruction_set_agrees_with_scalar_at_every_length() {
        let run = |cpu: &Cpu, len: usize| {
            let gradients: Vec<f32> = (0..len).map(|i| (i as f32).sin()).collect();
            let mut values: Vec<f32> = (0..len).map(|i| (i as f32).cos()).collect();
            let (mut m, mut v) = (vec![0.1; len], vec![0.2; len]);
            let settings = AdamW {
                step: 7,
                ..SETTINGS
            };
            adamw(cpu, &settings, &mut values, &gradients, &mut m, &mut v);
            [values, m, v].concat()
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
                &[0.0; 2],
                &mut [0.0; 2],
                &mut [0.0; 2],
            );
            assert_eq!(values, [1.0, -2.0]);
        }
    }
}
