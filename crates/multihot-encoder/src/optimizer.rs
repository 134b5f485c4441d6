//! One step of AdamW over the parameters that learn, in groups of learning rate and decay.

use std::sync::Arc;

use multihot_checkpoint::{ParameterSpec, Role};
use multihot_kernels::{AdamW, Work};

use crate::encoder::{Encoder, linears};
use crate::linear::Linear;

/// The settings of one optimizer step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepPlan {
    /// For the top layer; see `layer_decay` for the others.
    pub learning_rate: f32,
    /// For the head: pooler, `classifier.dense` or `pre_classifier`, and the output layer.
    pub head_learning_rate: f32,
    /// The pull of weights and embeddings towards 0. Biases and LayerNorms have none.
    pub weight_decay: f32,
    /// The share of the old first moment that stays.
    pub beta1: f32,
    /// The share of the old second moment that stays.
    pub beta2: f32,
    /// Added to the root of the second moment; above 0.
    pub epsilon: f32,
    /// What the learning rate is multiplied with from each layer to the one below it, and from the
    /// lowest to the embeddings; 1 for the same everywhere.
    pub layer_decay: f32,
    /// Gradients with a larger norm are scaled down to this one.
    pub clip: Option<f32>,
    /// The number of this step, from 1; for AdamW's bias correction.
    pub step: u64,
}

impl StepPlan {
    /// AdamW's settings for one parameter of an encoder with `n_layers`.
    fn settings(&self, spec: &ParameterSpec, n_layers: usize, gradient_scale: f32) -> AdamW {
        // Biases and LayerNorms are the parameters with one dimension.
        let decays = spec.shape.len() > 1;
        AdamW {
            learning_rate: self.learning_rate_of(spec, n_layers),
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            weight_decay: if decays { self.weight_decay } else { 0.0 },
            step: self.step,
            gradient_scale,
        }
    }

    fn learning_rate_of(&self, spec: &ParameterSpec, n_layers: usize) -> f32 {
        let depth = match spec.role {
            _ if spec.is_head() => return self.head_learning_rate,
            Role::Layer(layer, _) => n_layers - 1 - layer,
            _ => n_layers,
        };
        self.learning_rate * self.layer_decay.powi(depth as i32)
    }

    /// What gradients of this `norm` are multiplied with; `torch.nn.utils.clip_grad_norm_` adds the
    /// same 1e-6.
    fn gradient_scale(&self, norm: f64) -> f32 {
        self.clip.map_or(1.0, |clip| {
            (f64::from(clip) / (norm + 1e-6)).min(1.0) as f32
        })
    }
}

impl Encoder {
    /// The norm of the gradient over all parameters that learn.
    pub fn gradient_norm(&self) -> f64 {
        let sum = self.buffers.sum_of_squares(&self.cpu, self.first_trainable);
        sum.sqrt()
    }

    /// Moves the parameters that learn by one step along the gradients gathered so far, and returns
    /// the gradients' norm before clipping. The gradients are used up: 0 afterwards.
    ///
    /// Rows of the word embedding without gradient wait until a batch touches them, or for
    /// [`Encoder::settle`].
    ///
    /// A norm that is infinite or no number moves nothing: one such step would destroy every value.
    ///
    /// # Panics
    ///
    /// When the encoder was loaded for prediction only, or the step is 0.
    pub fn step(&mut self, plan: &StepPlan) -> f64 {
        assert!(
            !self.buffers.inference_only(),
            "step: this encoder was loaded for prediction only"
        );
        let cpu = Arc::clone(&self.cpu);
        let _time = cpu.record(Work::Optimizer);
        let norm = self.gradient_norm();
        if !norm.is_finite() {
            self.zero_gradients();
            return norm;
        }
        let gradient_scale = plan.gradient_scale(norm);
        self.step_parameters(plan, gradient_scale);
        self.buffers.no_gradients();
        norm
    }

    fn step_parameters(&mut self, plan: &StepPlan, gradient_scale: f32) {
        let cpu = &self.cpu;
        let mut linears: Vec<&mut Linear> =
            linears(&mut self.embeddings, &mut self.layers, &mut self.head).collect();
        for (index, spec) in self.layout.specs().iter().enumerate() {
            let place = self.layout.range(index);
            if place.start < self.first_trainable {
                continue;
            }
            let settings = plan.settings(spec, self.config.n_layers, gradient_scale);
            let holds = |linear: &&mut &mut Linear| linear.weight().contains(&place.start);
            match linears.iter_mut().find(holds) {
                // Queries, keys and values are one layer, which moves as a whole.
                Some(linear) if linear.weight().start < place.start => {}
                Some(linear) => self.buffers.step_linear(cpu, linear, &settings),
                None => self.buffers.step(cpu, place, &settings),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use multihot_checkpoint::LayerRole;

    use super::*;

    const PLAN: StepPlan = StepPlan {
        learning_rate: 1.0,
        head_learning_rate: 10.0,
        weight_decay: 0.5,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        layer_decay: 0.5,
        clip: Some(2.0),
        step: 1,
    };

    #[test]
    fn learning_rate_and_decay_go_by_place_and_shape() {
        let cases = [
            (Role::WordEmbedding, 2, 0.125, 0.5),
            (Role::EmbeddingNormBias, 1, 0.125, 0.0),
            (Role::Layer(0, LayerRole::KeyWeight), 2, 0.25, 0.5),
            (Role::Layer(2, LayerRole::KeyWeight), 2, 1.0, 0.5),
            (Role::Layer(2, LayerRole::OutputNormWeight), 1, 1.0, 0.0),
            (Role::HeadDenseWeight, 2, 10.0, 0.5),
            (Role::OutputBias, 1, 10.0, 0.0),
        ];
        for (role, dimensions, learning_rate, weight_decay) in cases {
            let spec = ParameterSpec {
                role,
                name: String::new(),
                shape: vec![4; dimensions],
            };
            let settings = PLAN.settings(&spec, 3, 1.0);
            assert_eq!(settings.learning_rate, learning_rate, "{role:?}");
            assert_eq!(settings.weight_decay, weight_decay, "{role:?}");
        }
    }

    #[test]
    fn gradients_are_clipped_only_from_above() {
        assert_eq!(PLAN.gradient_scale(0.0), 1.0);
        assert_eq!(PLAN.gradient_scale(1.9), 1.0);
        assert!((PLAN.gradient_scale(8.0) - 0.25).abs() < 1e-6);
        assert_eq!(StepPlan { clip: None, ..PLAN }.gradient_scale(8.0), 1.0);
    }
}
