//! One LayerNorm: its place among the parameters.

use multihot_kernels::{LayerNorm, layer_norm, layer_norm_backward};

use crate::parameters::WeightAndBias;
use crate::pass::Pass;

/// A LayerNorm over vectors as wide as its weight.
pub(crate) struct Norm {
    pub(crate) place: WeightAndBias,
    pub(crate) epsilon: f32,
}

impl Norm {
    /// `out` becomes the normalised `x`, `statistics` what the backward pass needs.
    pub(crate) fn forward(
        &self,
        pass: Pass<'_>,
        x: &[f32],
        out: &mut Vec<f32>,
        statistics: &mut Vec<f32>,
    ) {
        out.resize(x.len(), 0.0);
        statistics.resize(2 * x.len() / self.place.weight.len(), 0.0);
        let norm = LayerNorm {
            weight: &pass.values[self.place.weight.clone()],
            bias: &pass.values[self.place.bias.clone()],
            epsilon: self.epsilon,
        };
        layer_norm(pass.cpu, x, norm, out, Some(statistics));
    }

    /// `d_x` becomes the gradient of `x`; those of weight and bias are added to `gradients`.
    pub(crate) fn backward(
        &self,
        pass: Pass<'_>,
        x: &[f32],
        statistics: &[f32],
        d_out: &[f32],
        d_x: &mut Vec<f32>,
        gradients: &mut [f32],
    ) {
        d_x.resize(x.len(), 0.0);
        let weight = &pass.values[self.place.weight.clone()];
        let (d_weight, d_bias) = self.place.both_mut(gradients);
        layer_norm_backward(
            pass.cpu, x, statistics, weight, d_out, d_x, d_weight, d_bias,
        );
    }
}
