//! One linear layer: its place among the parameters, and its weights packed for multiplication.

use std::ops::Range;

use multihot_kernels::{
    AdamW, Cpu, Finish, NumbersRef, PackedWeights, linear, linear_d_input, linear_d_weights,
};

use crate::parameters::WeightAndBias;
use crate::pass::{Pass, Purpose};

/// `y = x Wᵀ + b`, with `W` `[outputs, inputs]`.
pub(crate) struct Linear {
    place: WeightAndBias,
    packed: PackedWeights,
}

impl Linear {
    /// Packs the weights at `place` of `values` for `purpose`.
    pub(crate) fn new(cpu: &Cpu, values: &[f32], place: WeightAndBias, purpose: Purpose) -> Self {
        let outputs = place.bias.len();
        let inputs = place.weight.len() / outputs;
        let Purpose { precision, trains } = purpose;
        let weight = &values[place.weight.clone()];
        let packed = PackedWeights::pack(cpu, precision, trains, weight, outputs, inputs);
        Self { place, packed }
    }

    /// Packs the weights again after they changed, which those before `first_changed` did not.
    pub(crate) fn repack(&mut self, cpu: &Cpu, values: &[f32], first_changed: usize) {
        if self.place.weight.start >= first_changed {
            self.packed.repack(cpu, &values[self.place.weight.clone()]);
        }
    }

    /// Moves the weights by one step, as [`adamw`](multihot_kernels::adamw()) would, and packs them
    /// again. `parameter` is the values, the gradients and both moments of the weights.
    pub(crate) fn step(&mut self, cpu: &Cpu, settings: &AdamW, parameter: [&mut [f32]; 4]) {
        let [values, gradients, m, v] = parameter;
        self.packed.step(cpu, settings, values, gradients, m, v);
    }

    /// Where its weights stand among the parameters.
    pub(crate) fn weight(&self) -> Range<usize> {
        self.place.weight.clone()
    }

    /// The width of its output.
    pub(crate) fn outputs(&self) -> usize {
        self.packed.outputs()
    }

    /// `x` is `[rows, inputs]`; `finish` says what becomes of the product, `[rows, outputs]`.
    pub(crate) fn forward(&self, pass: Pass<'_>, x: NumbersRef<'_>, finish: Finish<'_>) {
        let bias = &pass.values[self.place.bias.clone()];
        linear(pass.cpu, x, &self.packed, Some(bias), finish);
    }

    /// Adds to the gradients of weight and bias; `d_out` is `[rows, outputs]`.
    pub(crate) fn backward_parameters(
        &self,
        pass: Pass<'_>,
        x: NumbersRef<'_>,
        d_out: NumbersRef<'_>,
        gradients: &mut [f32],
    ) {
        let (outputs, inputs) = (self.packed.outputs(), self.packed.inputs());
        let (d_weight, d_bias) = self.place.both_mut(gradients);
        linear_d_weights(pass.cpu, d_out, x, outputs, inputs, d_weight, Some(d_bias));
    }

    /// The gradient of the input, `[rows, inputs]`; `finish` says what becomes of it.
    pub(crate) fn backward_input(&self, pass: Pass<'_>, d_out: NumbersRef<'_>, finish: Finish<'_>) {
        let weight = &pass.values[self.place.weight.clone()];
        linear_d_input(pass.cpu, d_out, &self.packed, weight, finish);
    }

    /// [`Linear::forward`] in `f32`: `out` becomes `[rows, outputs]`.
    pub(crate) fn forward_f32(&self, pass: Pass<'_>, x: &[f32], out: &mut Vec<f32>) {
        out.resize(x.len() / self.packed.inputs() * self.packed.outputs(), 0.0);
        self.forward(pass, NumbersRef::F32(x), Finish::store_f32(out));
    }

    /// [`Linear::backward_input`] in `f32`: `d_x` becomes `[rows, inputs]`.
    pub(crate) fn backward_input_f32(&self, pass: Pass<'_>, d_out: &[f32], d_x: &mut Vec<f32>) {
        let rows = d_out.len() / self.packed.outputs();
        d_x.resize(rows * self.packed.inputs(), 0.0);
        self.backward_input(pass, NumbersRef::F32(d_out), Finish::store_f32(d_x));
    }
}
