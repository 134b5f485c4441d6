//! One layer of the encoder: attention, then a feed-forward block, each added to its input and
//! normalised (Vaswani et al., 2017).

mod backward;

use multihot_checkpoint::{LayerRole, ModelConfig, Role};
use multihot_kernels::{
    Activation, AttentionShape, Cpu, Dropout, activation, add, attention, dropout,
};

pub(crate) use backward::LayerGradients;

use crate::family::{self, Traits};
use crate::linear::Linear;
use crate::norm::Norm;
use crate::parameters::Layout;
use crate::pass::{Pass, Site};

/// The weights of one layer, and how wide and how forgetful it is.
pub(crate) struct Layer {
    index: usize,
    n_heads: usize,
    head_dim: usize,
    activation: Activation,
    attention_dropout: f32,
    /// After attention's output layer.
    attention_output_dropout: f32,
    /// After the feed-forward block.
    output_dropout: f32,
    /// Queries, keys and values at once.
    qkv: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    intermediate: Linear,
    output: Linear,
    output_norm: Norm,
}

/// What a layer leaves behind: its output, and on the way there what its backward pass needs.
#[derive(Default)]
pub(crate) struct LayerActivations {
    qkv: Vec<f32>,
    log_sum_exp: Vec<f32>,
    /// What attention gathered for each token.
    context: Vec<f32>,
    /// Input plus attention, before the norm.
    attention_sum: Vec<f32>,
    attention_statistics: Vec<f32>,
    attended: Vec<f32>,
    intermediate: Vec<f32>,
    activated: Vec<f32>,
    /// `attended` plus feed-forward block, before the norm.
    output_sum: Vec<f32>,
    output_statistics: Vec<f32>,
    pub(crate) output: Vec<f32>,
}

impl Layer {
    pub(crate) fn new(
        cpu: &Cpu,
        config: &ModelConfig,
        traits: Traits,
        layout: &Layout,
        values: &[f32],
        index: usize,
    ) -> Self {
        use LayerRole as In;
        let role = |role| Role::Layer(index, role);
        let linear = |weight, bias| Linear::new(cpu, values, layout.pair(role(weight), role(bias)));
        let norm = |weight, bias| Norm {
            place: layout.pair(role(weight), role(bias)),
            epsilon: config.layer_norm_epsilon,
        };
        let qkv = layout.joined(
            [In::QueryWeight, In::ValueWeight].map(role),
            [In::QueryBias, In::ValueBias].map(role),
        );
        let drops_attention_output = traits.drops_attention_output;
        Self {
            index,
            n_heads: config.n_heads,
            head_dim: config.hidden_size / config.n_heads,
            activation: family::activation(config),
            attention_dropout: config.attention_dropout,
            attention_output_dropout: if drops_attention_output {
                config.hidden_dropout
            } else {
                0.0
            },
            output_dropout: config.hidden_dropout,
            qkv: Linear::new(cpu, values, qkv),
            attention_output: linear(In::AttentionOutputWeight, In::AttentionOutputBias),
            attention_norm: norm(In::AttentionNormWeight, In::AttentionNormBias),
            intermediate: linear(In::IntermediateWeight, In::IntermediateBias),
            output: linear(In::OutputWeight, In::OutputBias),
            output_norm: norm(In::OutputNormWeight, In::OutputNormBias),
        }
    }

    /// Its linear layers, for packing them again.
    pub(crate) fn linears_mut(&mut self) -> impl Iterator<Item = &mut Linear> {
        [
            &mut self.qkv,
            &mut self.attention_output,
            &mut self.intermediate,
            &mut self.output,
        ]
        .into_iter()
    }

    /// From the tokens `x`, `[tokens, width]`, to `kept.output` of the same shape.
    pub(crate) fn forward(&self, pass: Pass<'_>, x: &[f32], kept: &mut LayerActivations) {
        self.attend(pass, x, kept);
        self.feed_forward(pass, kept);
    }

    fn attend(&self, pass: Pass<'_>, x: &[f32], kept: &mut LayerActivations) {
        self.qkv.forward(pass, x, &mut kept.qkv);
        kept.context.resize(x.len(), 0.0);
        kept.log_sum_exp.resize(x.len() / self.head_dim, 0.0);
        let (shape, dropped) = (self.attention_shape(pass), self.attention_dropout(pass));
        let log_sum_exp = Some(&mut kept.log_sum_exp[..]);
        attention(
            pass.cpu,
            shape,
            &kept.qkv,
            dropped,
            &mut kept.context,
            log_sum_exp,
        );
        self.attention_output
            .forward(pass, &kept.context, &mut kept.attention_sum);
        dropout::apply(
            pass.cpu,
            self.attention_output_dropout(pass),
            &mut kept.attention_sum,
        );
        add(pass.cpu, x, &mut kept.attention_sum);
        let (sum, statistics) = (&kept.attention_sum, &mut kept.attention_statistics);
        self.attention_norm
            .forward(pass, sum, &mut kept.attended, statistics);
    }

    fn feed_forward(&self, pass: Pass<'_>, kept: &mut LayerActivations) {
        self.intermediate
            .forward(pass, &kept.attended, &mut kept.intermediate);
        kept.activated.resize(kept.intermediate.len(), 0.0);
        activation(
            pass.cpu,
            self.activation,
            &kept.intermediate,
            &mut kept.activated,
        );
        self.output
            .forward(pass, &kept.activated, &mut kept.output_sum);
        dropout::apply(pass.cpu, self.output_dropout(pass), &mut kept.output_sum);
        add(pass.cpu, &kept.attended, &mut kept.output_sum);
        let (sum, statistics) = (&kept.output_sum, &mut kept.output_statistics);
        self.output_norm
            .forward(pass, sum, &mut kept.output, statistics);
    }

    fn attention_shape<'a>(&self, pass: Pass<'a>) -> AttentionShape<'a> {
        AttentionShape {
            row_starts: pass.row_starts,
            n_heads: self.n_heads,
            head_dim: self.head_dim,
        }
    }

    fn attention_dropout(&self, pass: Pass<'_>) -> Option<Dropout> {
        pass.dropout(
            self.attention_dropout,
            self.index,
            Site::AttentionProbabilities,
        )
    }

    fn attention_output_dropout(&self, pass: Pass<'_>) -> Option<Dropout> {
        pass.dropout(
            self.attention_output_dropout,
            self.index,
            Site::AttentionOutput,
        )
    }

    fn output_dropout(&self, pass: Pass<'_>) -> Option<Dropout> {
        pass.dropout(self.output_dropout, self.index, Site::FeedForwardOutput)
    }
}
