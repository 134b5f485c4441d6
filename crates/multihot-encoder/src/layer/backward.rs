//! The gradients of a layer: the steps of its forward pass from the last to the first.

use multihot_kernels::{activation_backward, add, attention_backward, dropout};

use super::{Layer, LayerActivations};
use crate::pass::Pass;

/// Gradients on their way through a layer. One set serves all layers in turn.
#[derive(Default)]
pub(crate) struct LayerGradients {
    /// Before a layer's backward pass the gradient of its output, after it that of its input.
    pub(crate) d_hidden: Vec<f32>,
    /// Of the sum before a norm.
    d_sum: Vec<f32>,
    /// Of what was added to the input in that sum.
    d_added: Vec<f32>,
    d_activated: Vec<f32>,
    d_intermediate: Vec<f32>,
    d_context: Vec<f32>,
    d_qkv: Vec<f32>,
}

impl Layer {
    /// Adds to `gradients` what the layer's parameters get. Where `needs_input` says that something
    /// below learns too, `d.d_hidden` turns from the gradient of the output into that of the input `x`.
    pub(crate) fn backward(
        &self,
        pass: Pass<'_>,
        x: &[f32],
        kept: &LayerActivations,
        needs_input: bool,
        d: &mut LayerGradients,
        gradients: &mut [f32],
    ) {
        self.feed_forward_backward(pass, kept, d, gradients);
        self.attend_backward(pass, kept, d, gradients);
        self.qkv.backward_parameters(pass, x, &d.d_qkv, gradients);
        if needs_input {
            self.qkv.backward_input(pass, &d.d_qkv, &mut d.d_hidden);
            add(pass.cpu, &d.d_sum, &mut d.d_hidden);
        }
    }

    /// From the gradient of `output` to that of `attended`, both in `d_hidden`.
    fn feed_forward_backward(
        &self,
        pass: Pass<'_>,
        kept: &LayerActivations,
        d: &mut LayerGradients,
        gradients: &mut [f32],
    ) {
        let (sum, statistics) = (&kept.output_sum, &kept.output_statistics);
        self.output_norm
            .backward(pass, sum, statistics, &d.d_hidden, &mut d.d_sum, gradients);
        d.d_added.clone_from(&d.d_sum);
        dropout::apply(pass.cpu, self.output_dropout(pass), &mut d.d_added);
        self.output
            .backward_parameters(pass, &kept.activated, &d.d_added, gradients);
        self.output
            .backward_input(pass, &d.d_added, &mut d.d_activated);
        let (x, d_out, d_x) = (&kept.intermediate, &d.d_activated, &mut d.d_intermediate);
        d_x.resize(x.len(), 0.0);
        activation_backward(pass.cpu, self.activation, x, d_out, d_x);
        self.intermediate
            .backward_parameters(pass, &kept.attended, d_x, gradients);
        self.intermediate.backward_input(pass, d_x, &mut d.d_hidden);
        add(pass.cpu, &d.d_sum, &mut d.d_hidden);
    }

    /// From the gradient of `attended` in `d_hidden` to `d_qkv`, and to `d_sum`, the part of the
    /// input's gradient that goes past attention.
    fn attend_backward(
        &self,
        pass: Pass<'_>,
        kept: &LayerActivations,
        d: &mut LayerGradients,
        gradients: &mut [f32],
    ) {
        let (sum, statistics) = (&kept.attention_sum, &kept.attention_statistics);
        self.attention_norm
            .backward(pass, sum, statistics, &d.d_hidden, &mut d.d_sum, gradients);
        d.d_added.clone_from(&d.d_sum);
        dropout::apply(
            pass.cpu,
            self.attention_output_dropout(pass),
            &mut d.d_added,
        );
        self.attention_output
            .backward_parameters(pass, &kept.context, &d.d_added, gradients);
        self.attention_output
            .backward_input(pass, &d.d_added, &mut d.d_context);
        d.d_qkv.resize(kept.qkv.len(), 0.0);
        attention_backward(
            pass.cpu,
            self.attention_shape(pass),
            &kept.qkv,
            &kept.log_sum_exp,
            &d.d_context,
            self.attention_dropout(pass),
            &mut d.d_qkv,
        );
    }
}
