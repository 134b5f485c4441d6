//! One linear layer: its place among the parameters, and its weights packed for multiplication.

use multihot_kernels::{Cpu, PackedWeights, linear, linear_d_input, linear_d_weights};

use crate::parameters::WeightAndBias;
use crate::pass::Pass;

/// `y = x Wᵀ + b`, with `W` `[outputs, inputs]`.
pub(crate) struct Linear {
    place: WeightAndBias,
    packed: PackedWeights,
}

impl Linear {
    /// Packs the weights at `place` of `values`.
    pub(crate) fn new(cpu: &Cpu, values: &[f32], place: WeightAndBias) -> Self {
        let outputs = place.bias.len();
        let inputs = place.weight.len() / outputs;
        let packed = PackedWeights::pack(cpu, &values[place.weight.clone()], outputs, inputs);
        Self { place, packed }
    }

    /// Packs the weights again after they changed, which those before `first_changed` did not.
    pub(crate) fn repack(&mut self, cpu: &Cpu, values: &[f32], first_changed: usize) {
        if self.place.weight.start >= first_changed {
            self.packed.repack(cpu, &values[self.place.weight.clone()]);
        }
    }

    /// `x` is `[rows, inputs]`, `out` becomes `[rows, outputs]`.
    pub(crate) fn forward(&self, pass: Pass<'_>, x: &[f32], out: &mut Vec<f32>) {
        out.resize(x.len() / self.packed.inputs() * self.packed.outputs(), 0.0);
        let bias = &pass.values[self.place.bias.clone()];
        linear(pass.cpu, x, &self.packed, Some(bias), out);
    }

    /// Adds to the gradients of weight and bias; `d_out` is `[rows, outputs]`.
    pub(crate) fn backward_parameters(
        &self,
        pass: Pass<'_>,
        x: &[f32],
        d_out: &[f32],
        gradients: &mut [f32],
    ) {
        let (outputs, inputs) = (self.packed.outputs(), self.packed.inputs());
        let (d_weight, d_bias) = self.place.both_mut(gradients);
        linear_d_weights(pass.cpu, d_out, x, outputs, inputs, d_weight, Some(d_bias));
    }

    /// The gradient of the input: `d_x` becomes `[rows, inputs]`.
    pub(crate) fn backward_input(&self, pass: Pass<'_>, d_out: &[f32], d_x: &mut Vec<f32>) {
        let (outputs, inputs) = (self.packed.outputs(), self.packed.inputs());
        d_x.resize(d_out.len() / outputs * inputs, 0.0);
        let weight = &pass.values[self.place.weight.clone()];
        linear_d_input(pass.cpu, d_out, weight, outputs, inputs, d_x);
    }
}
