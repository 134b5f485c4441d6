//! One LayerNorm: its place among the parameters.

use multihot_kernels::{
    Dropout, KeptNorm, LayerNorm, NormGradient, Numbers, NumbersMut, Precision, layer_norm,
    layer_norm_backward,
};

use crate::parameters::WeightAndBias;
use crate::pass::Pass;

/// A LayerNorm over vectors as wide as its weight.
pub(crate) struct Norm {
    pub(crate) place: WeightAndBias,
    pub(crate) epsilon: f32,
}

/// What a LayerNorm keeps for its backward pass.
pub(crate) struct NormActivations {
    normal: Numbers,
    inverse: Vec<f32>,
}

impl NormActivations {
    pub(crate) fn new(precision: Precision) -> Self {
        Self {
            normal: Numbers::new(precision),
            inverse: Vec::new(),
        }
    }
}

impl Norm {
    /// `out` becomes the normalised `x`, `operand` the same as the next product reads it; `kept`
    /// what the backward pass needs, if there is one.
    pub(crate) fn forward(
        &self,
        pass: Pass<'_>,
        x: &[f32],
        out: &mut Vec<f32>,
        operand: Option<NumbersMut<'_>>,
        kept: &mut NormActivations,
    ) {
        out.resize(x.len(), 0.0);
        let norm = LayerNorm {
            weight: &pass.values[self.place.weight.clone()],
            bias: &pass.values[self.place.bias.clone()],
            epsilon: self.epsilon,
        };
        let kept = pass.keeps.then(|| {
            kept.inverse.resize(x.len() / self.place.weight.len(), 0.0);
            KeptNorm {
                normal: kept.normal.resize(x.len()),
                inverse: &mut kept.inverse,
            }
        });
        layer_norm(pass.cpu, x, norm, out, operand, kept);
    }

    /// `d_x` becomes the gradient of `x`, and `d_term` that of the term of `x` that had `dropout`;
    /// those of weight and bias are added to `gradients`.
    pub(crate) fn backward(
        &self,
        pass: Pass<'_>,
        kept: &NormActivations,
        d_out: &[f32],
        d_x: &mut Vec<f32>,
        d_term: Option<(Option<Dropout>, &mut Numbers)>,
        gradients: &mut [f32],
    ) {
        d_x.resize(d_out.len(), 0.0);
        let from = NormGradient {
            normal: kept.normal.view(),
            inverse: &kept.inverse,
            weight: &pass.values[self.place.weight.clone()],
            d_out,
        };
        let d_term = d_term.map(|(dropout, d_term)| (dropout, d_term.resize(d_out.len())));
        let (d_weight, d_bias) = self.place.both_mut(gradients);
        layer_norm_backward(pass.cpu, from, d_x, d_term, d_weight, d_bias);
    }
}
