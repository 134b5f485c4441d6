//! The heads: one vector a row, a dense layer in most families, and a linear layer to the logits.

use multihot_checkpoint::{ModelConfig, Role};
use multihot_kernels::{
    Activation, Cpu, Dropout, NumbersRef, Work, activation, activation_backward, dropout,
};

use crate::family::{HeadKind, Traits};
use crate::linear::Linear;
use crate::parameters::Layout;
use crate::pass::{Pass, Purpose, Site};

/// From the tokens of the last layer to logits.
pub(crate) struct Head {
    width: usize,
    pooling: RowPooling,
    dropout: f32,
    drops_pooled: bool,
    dense: Option<Dense>,
    output: Linear,
}

/// Which tokens of a row the head sees.
#[derive(Clone, Copy)]
enum RowPooling {
    First,
    Mean,
}

/// The layer between the row's vector and the output: dense, activation, dropout.
struct Dense {
    linear: Linear,
    activation: Activation,
}

/// The logits, and on the way there what the backward pass needs.
#[derive(Default)]
pub(crate) struct HeadActivations {
    pooled: Vec<f32>,
    dense: Vec<f32>,
    /// The input of the output layer, where there is a dense layer.
    hidden: Vec<f32>,
    pub(crate) logits: Vec<f32>,
}

/// Gradients on their way through the head.
#[derive(Default)]
pub(crate) struct HeadGradients {
    d_hidden: Vec<f32>,
    d_dense: Vec<f32>,
    d_pooled: Vec<f32>,
}

impl Head {
    pub(crate) fn new(
        cpu: &Cpu,
        config: &ModelConfig,
        traits: Traits,
        layout: &Layout,
        values: &[f32],
        purpose: Purpose,
    ) -> Self {
        // One vector a row: `f32` costs nothing here.
        let linear =
            |weight, bias| Linear::new(cpu, values, layout.pair(weight, bias), purpose.in_f32());
        let (pooling, drops_pooled, dense) = match traits.head {
            HeadKind::FirstToken {
                drops_input,
                activation,
            } => {
                let linear = linear(Role::HeadDenseWeight, Role::HeadDenseBias);
                (
                    RowPooling::First,
                    drops_input,
                    Some(Dense { linear, activation }),
                )
            }
            HeadKind::Mean => (RowPooling::Mean, true, None),
        };
        Self {
            width: config.hidden_size,
            pooling,
            dropout: config.head_dropout,
            drops_pooled,
            dense,
            output: linear(Role::OutputWeight, Role::OutputBias),
        }
    }

    /// Its linear layers, for packing them again.
    pub(crate) fn linears_mut(&mut self) -> impl Iterator<Item = &mut Linear> {
        self.dense
            .iter_mut()
            .map(|dense| &mut dense.linear)
            .chain([&mut self.output])
    }

    /// From `x`, the first tokens, `[rows, width]`, or for the mean all of them, `[tokens, width]`, to
    /// `kept.logits`, `[rows, n_labels]`.
    pub(crate) fn forward(&self, pass: Pass<'_>, x: &[f32], kept: &mut HeadActivations) {
        let _time = pass.cpu.record(Work::Head);
        kept.pooled.resize(pass.rows() * self.width, 0.0);
        self.pool(pass, x, &mut kept.pooled);
        dropout::apply(
            pass.cpu,
            self.pooled_dropout(pass),
            self.width,
            &mut kept.pooled,
        );
        let Some(dense) = &self.dense else {
            return self
                .output
                .forward_f32(pass, &kept.pooled, &mut kept.logits);
        };
        dense
            .linear
            .forward_f32(pass, &kept.pooled, &mut kept.dense);
        kept.hidden.resize(kept.dense.len(), 0.0);
        activation(pass.cpu, dense.activation, &kept.dense, &mut kept.hidden);
        let dropped = self.hidden_dropout(pass);
        dropout::apply(pass.cpu, dropped, self.width, &mut kept.hidden);
        self.output
            .forward_f32(pass, &kept.hidden, &mut kept.logits);
    }

    /// Adds to `gradients`; where the layers below learn too, `d_x` becomes the gradient of `x`.
    pub(crate) fn backward(
        &self,
        pass: Pass<'_>,
        kept: &HeadActivations,
        d_logits: &[f32],
        d_x: Option<&mut Vec<f32>>,
        d: &mut HeadGradients,
        gradients: &mut [f32],
    ) {
        let _time = pass.cpu.record(Work::Head);
        match &self.dense {
            Some(dense) => self.dense_backward(pass, dense, kept, d_logits, d, gradients),
            None => {
                let (x, d_out) = (NumbersRef::F32(&kept.pooled), NumbersRef::F32(d_logits));
                self.output.backward_parameters(pass, x, d_out, gradients);
                self.output
                    .backward_input_f32(pass, d_logits, &mut d.d_pooled);
            }
        }
        if let Some(d_x) = d_x {
            let dropped = self.pooled_dropout(pass);
            dropout::apply(pass.cpu, dropped, self.width, &mut d.d_pooled);
            self.pool_backward(pass, &d.d_pooled, d_x);
        }
    }

    /// From `d_logits` to `d.d_pooled` through output and dense layer.
    fn dense_backward(
        &self,
        pass: Pass<'_>,
        dense: &Dense,
        kept: &HeadActivations,
        d_logits: &[f32],
        d: &mut HeadGradients,
        gradients: &mut [f32],
    ) {
        let (x, d_out) = (NumbersRef::F32(&kept.hidden), NumbersRef::F32(d_logits));
        self.output.backward_parameters(pass, x, d_out, gradients);
        self.output
            .backward_input_f32(pass, d_logits, &mut d.d_hidden);
        let dropped = self.hidden_dropout(pass);
        dropout::apply(pass.cpu, dropped, self.width, &mut d.d_hidden);
        d.d_dense.resize(kept.dense.len(), 0.0);
        activation_backward(
            pass.cpu,
            dense.activation,
            &kept.dense,
            &d.d_hidden,
            &mut d.d_dense,
        );
        let (x, d_out) = (NumbersRef::F32(&kept.pooled), NumbersRef::F32(&d.d_dense));
        dense.linear.backward_parameters(pass, x, d_out, gradients);
        dense
            .linear
            .backward_input_f32(pass, &d.d_dense, &mut d.d_pooled);
    }

    /// One vector a row: its first token's, or the mean over its tokens.
    fn pool(&self, pass: Pass<'_>, x: &[f32], pooled: &mut [f32]) {
        if let RowPooling::First = self.pooling {
            return pooled.copy_from_slice(x);
        }
        let rows = pass.row_starts.windows(2);
        for (ends, pooled) in rows.zip(pooled.chunks_exact_mut(self.width)) {
            mean(&x[ends[0] * self.width..ends[1] * self.width], pooled);
        }
    }

    fn pool_backward(&self, pass: Pass<'_>, d_pooled: &[f32], d_x: &mut Vec<f32>) {
        if let RowPooling::First = self.pooling {
            return d_pooled.clone_into(d_x);
        }
        d_x.resize(pass.tokens() * self.width, 0.0);
        let rows = pass.row_starts.windows(2);
        for (ends, d_pooled) in rows.zip(d_pooled.chunks_exact(self.width)) {
            mean_backward(
                d_pooled,
                &mut d_x[ends[0] * self.width..ends[1] * self.width],
            );
        }
    }

    fn pooled_dropout(&self, pass: Pass<'_>) -> Option<Dropout> {
        pass.dropout(self.dropout, 0, Site::HeadInput)
            .filter(|_| self.drops_pooled)
    }

    fn hidden_dropout(&self, pass: Pass<'_>) -> Option<Dropout> {
        pass.dropout(self.dropout, 0, Site::HeadHidden)
    }
}

/// `out` becomes the mean of the vectors in `tokens`, added up in their order.
fn mean(tokens: &[f32], out: &mut [f32]) {
    let n_tokens = tokens.len() / out.len();
    out.fill(0.0);
    for token in tokens.chunks_exact(out.len()) {
        for (out, x) in out.iter_mut().zip(token) {
            *out += x;
        }
    }
    for out in out {
        *out /= n_tokens as f32;
    }
}

/// Every token of the row gets the same share of the mean's gradient.
fn mean_backward(d_out: &[f32], d_tokens: &mut [f32]) {
    let n_tokens = d_tokens.len() / d_out.len();
    for d_token in d_tokens.chunks_exact_mut(d_out.len()) {
        for (d_x, d_out) in d_token.iter_mut().zip(d_out) {
            *d_x = d_out / n_tokens as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_runs_over_the_tokens_and_its_gradient_is_shared_between_them() {
        let mut out = [9.0; 2];
        mean(&[1.0, 2.0, 3.0, 6.0], &mut out);
        assert_eq!(out, [2.0, 4.0]);
        let mut d_tokens = [9.0; 4];
        mean_backward(&[1.0, 3.0], &mut d_tokens);
        assert_eq!(d_tokens, [0.5, 1.5, 0.5, 1.5]);
    }
}
