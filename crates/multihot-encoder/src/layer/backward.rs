//! The gradients of a layer: the steps of its forward pass from the last to the first.

use multihot_kernels::{Finish, Numbers, NumbersRef, Precision, Queries, attention_backward};

use super::{Layer, LayerActivations, spread_to_first_tokens};
use crate::pass::Pass;

/// Gradients on their way through a layer. One set serves all layers in turn.
pub(crate) struct LayerGradients {
    /// Before a layer's backward pass the gradient of its output, after it that of its input.
    pub(crate) d_hidden: Vec<f32>,
    /// Of the sum before a norm.
    d_sum: Vec<f32>,
    /// The same with a place for each token, where it had one for each row.
    d_spread: Vec<f32>,
    /// Of what was added to the input in that sum.
    d_added: Numbers,
    /// The output of the activation function, worked out again.
    activated: Numbers,
    d_intermediate: Numbers,
    d_context: Vec<f32>,
    d_qkv: Numbers,
}

impl LayerGradients {
    pub(crate) fn new(precision: Precision) -> Self {
        let numbers = || Numbers::new(precision);
        Self {
            d_hidden: Vec::new(),
            d_sum: Vec::new(),
            d_spread: Vec::new(),
            d_added: numbers(),
            activated: numbers(),
            d_intermediate: numbers(),
            d_context: Vec::new(),
            d_qkv: numbers(),
        }
    }
}

impl Layer {
    /// Adds to `gradients` what the layer's parameters get. Where `needs_input` says that something
    /// below learns too, `d.d_hidden` turns from the gradient of the output into that of the input,
    /// which `x` is, as products read it.
    pub(crate) fn backward(
        &self,
        pass: Pass<'_>,
        x: NumbersRef<'_>,
        kept: &LayerActivations,
        needs_input: bool,
        d: &mut LayerGradients,
        gradients: &mut [f32],
    ) {
        self.feed_forward_backward(pass, kept, d, gradients);
        self.attend_backward(pass, kept, d, gradients);
        self.qkv
            .backward_parameters(pass, x, d.d_qkv.view(), gradients);
        if needs_input {
            let past_attention = match self.queries {
                Queries::All => &d.d_sum,
                Queries::First => {
                    spread_to_first_tokens(pass, &d.d_sum, &mut d.d_spread);
                    &d.d_spread
                }
            };
            d.d_hidden.resize(past_attention.len(), 0.0);
            let add = Finish::AddTo {
                dropout: None,
                x: past_attention,
                out: &mut d.d_hidden,
            };
            self.qkv.backward_input(pass, d.d_qkv.view(), add);
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
        let term = Some((self.output_dropout(pass), &mut d.d_added));
        self.output_norm.backward(
            pass,
            &kept.output_norm,
            &d.d_hidden,
            &mut d.d_sum,
            term,
            gradients,
        );
        let len = kept.intermediate.view().len();
        let activate = Finish::ActivateBackward {
            function: self.activation,
            x: kept.intermediate.view(),
            d_x: d.d_intermediate.resize(len),
            out: d.activated.resize(len),
        };
        self.output.backward_input(pass, d.d_added.view(), activate);
        self.output
            .backward_parameters(pass, d.activated.view(), d.d_added.view(), gradients);
        let d_intermediate = d.d_intermediate.view();
        self.intermediate.backward_parameters(
            pass,
            kept.attended.view(),
            d_intermediate,
            gradients,
        );
        let add = Finish::AddTo {
            dropout: None,
            x: &d.d_sum,
            out: &mut d.d_hidden,
        };
        self.intermediate.backward_input(pass, d_intermediate, add);
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
        let term = Some((self.attention_output_dropout(pass), &mut d.d_added));
        self.attention_norm.backward(
            pass,
            &kept.attention_norm,
            &d.d_hidden,
            &mut d.d_sum,
            term,
            gradients,
        );
        let d_added = d.d_added.view();
        self.attention_output
            .backward_parameters(pass, kept.context.view(), d_added, gradients);
        d.d_context.resize(d.d_sum.len(), 0.0);
        self.attention_output
            .backward_input(pass, d_added, Finish::store_f32(&mut d.d_context));
        attention_backward(
            pass.cpu,
            self.attention_shape(pass),
            kept.qkv.view(),
            &kept.log_sum_exp,
            &d.d_context,
            self.attention_dropout(pass),
            d.d_qkv.resize(kept.qkv.view().len()),
        );
    }
}
