//! One layer of the encoder: attention, then a feed-forward block, each added to its input and
//! normalised (Vaswani et al., 2017).

mod backward;

use multihot_checkpoint::{LayerRole, ModelConfig, Role};
use multihot_kernels::{
    Activation, AttentionShape, Cpu, Dropout, Finish, Numbers, NumbersMut, NumbersRef, Precision,
    Queries, attention, round,
};

pub(crate) use backward::LayerGradients;

use crate::family::{self, Traits};
use crate::linear::Linear;
use crate::norm::{Norm, NormActivations};
use crate::parameters::Layout;
use crate::pass::{Pass, Purpose, Site};

/// The weights of one layer, and how wide and how forgetful it is.
pub(crate) struct Layer {
    index: usize,
    n_heads: usize,
    head_dim: usize,
    /// Whose output something above reads.
    queries: Queries,
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

/// What a layer keeps for its backward pass, in the number type of its products.
pub(crate) struct LayerActivations {
    qkv: Numbers,
    log_sum_exp: Vec<f32>,
    /// What attention gathered for each token.
    context: Numbers,
    attention_norm: NormActivations,
    /// The input of the feed-forward block.
    attended: Numbers,
    /// The input of the activation function.
    intermediate: Numbers,
    output_norm: NormActivations,
    /// The input of the next layer.
    pub(crate) output: Numbers,
}

impl LayerActivations {
    pub(crate) fn new(precision: Precision) -> Self {
        let numbers = || Numbers::new(precision);
        Self {
            qkv: numbers(),
            log_sum_exp: Vec::new(),
            context: numbers(),
            attention_norm: NormActivations::new(precision),
            attended: numbers(),
            intermediate: numbers(),
            output_norm: NormActivations::new(precision),
            output: numbers(),
        }
    }
}

/// The tokens between two layers, and buffers that all layers use in turn.
pub(crate) struct Stream {
    /// Before a layer its input, after it its output, in `f32`: what the layer's two blocks add to.
    pub(crate) hidden: Vec<f32>,
    /// Input plus block, before a norm.
    sum: Vec<f32>,
    /// The output of the activation function.
    activated: Numbers,
}

impl Stream {
    pub(crate) fn new(precision: Precision) -> Self {
        Self {
            hidden: Vec::new(),
            sum: Vec::new(),
            activated: Numbers::new(precision),
        }
    }

    /// Writes `hidden` to `operand` as products read it.
    pub(crate) fn write_operand(&self, pass: Pass<'_>, operand: &mut Numbers) {
        if let Some(out) = operand_to_write(pass, operand, self.hidden.len()) {
            round(pass.cpu, &self.hidden, out);
        }
    }
}

/// Where a copy of the tokens goes that products read; none where they can read the tokens.
fn operand_to_write<'a>(
    pass: Pass<'_>,
    operand: &'a mut Numbers,
    len: usize,
) -> Option<NumbersMut<'a>> {
    match operand {
        Numbers::F32(_) if !pass.keeps => None,
        _ => Some(operand.resize(len)),
    }
}

/// What a product reads as the tokens: their copy, or where there is none they themselves.
pub(crate) fn operand<'a>(
    pass: Pass<'_>,
    operand: &'a Numbers,
    hidden: &'a [f32],
) -> NumbersRef<'a> {
    match operand {
        Numbers::F32(_) if !pass.keeps => NumbersRef::F32(hidden),
        _ => operand.view(),
    }
}

/// Turns `[tokens, width]` into `[rows, width]`: the first token of each row.
fn keep_first_tokens(pass: Pass<'_>, hidden: &mut Vec<f32>) {
    let width = hidden.len() / pass.tokens().max(1);
    for (row, &start) in pass.row_starts[..pass.rows()].iter().enumerate() {
        hidden.copy_within(start * width..(start + 1) * width, row * width);
    }
    hidden.truncate(pass.rows() * width);
}

/// The other way round for gradients: 0 for all tokens but the first of each row.
fn spread_to_first_tokens(pass: Pass<'_>, d_first: &[f32], d_hidden: &mut Vec<f32>) {
    let width = d_first.len() / pass.rows().max(1);
    d_hidden.clear();
    d_hidden.resize(pass.tokens() * width, 0.0);
    for (start, d) in pass.row_starts.iter().zip(d_first.chunks_exact(width)) {
        d_hidden[start * width..][..width].copy_from_slice(d);
    }
}

impl Layer {
    pub(crate) fn new(
        cpu: &Cpu,
        config: &ModelConfig,
        traits: Traits,
        layout: &Layout,
        values: &[f32],
        index: usize,
        purpose: Purpose,
    ) -> Self {
        use LayerRole as In;
        let is_last = index + 1 == config.n_layers;
        let role = |role| Role::Layer(index, role);
        let linear = |weight, bias| {
            let place = layout.pair(role(weight), role(bias));
            Linear::new(cpu, values, place, purpose)
        };
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
            queries: match is_last && traits.head_reads_first_token() {
                true => Queries::First,
                false => Queries::All,
            },
            activation: family::activation(config),
            attention_dropout: config.attention_dropout,
            attention_output_dropout: if drops_attention_output {
                config.hidden_dropout
            } else {
                0.0
            },
            output_dropout: config.hidden_dropout,
            qkv: Linear::new(cpu, values, qkv, purpose),
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

    /// Takes the tokens in `stream.hidden`, `[tokens, width]`, to what comes out of the layer: the
    /// same, or `[rows, width]` where only the rows' first tokens are read above. `x` is `hidden` as
    /// products read it, `kept.output` becomes the same for the next layer.
    pub(crate) fn forward(
        &self,
        pass: Pass<'_>,
        x: &Numbers,
        stream: &mut Stream,
        kept: &mut LayerActivations,
    ) {
        self.attend(pass, x, stream, kept);
        self.feed_forward(pass, stream, kept);
    }

    fn attend(
        &self,
        pass: Pass<'_>,
        x: &Numbers,
        stream: &mut Stream,
        kept: &mut LayerActivations,
    ) {
        let Stream { hidden, sum, .. } = stream;
        let out = kept.qkv.resize(3 * hidden.len());
        self.qkv
            .forward(pass, operand(pass, x, hidden), Finish::Store { out });
        if self.queries == Queries::First {
            keep_first_tokens(pass, hidden);
        }
        let log_sum_exp = pass.keeps.then(|| {
            kept.log_sum_exp.resize(hidden.len() / self.head_dim, 0.0);
            &mut kept.log_sum_exp[..]
        });
        let (shape, dropped) = (self.attention_shape(pass), self.attention_dropout(pass));
        let context = kept.context.resize(hidden.len());
        attention(
            pass.cpu,
            shape,
            kept.qkv.view(),
            dropped,
            context,
            log_sum_exp,
        );
        sum.resize(hidden.len(), 0.0);
        let add = Finish::AddTo {
            dropout: self.attention_output_dropout(pass),
            x: hidden,
            out: sum,
        };
        self.attention_output
            .forward(pass, kept.context.view(), add);
        let attended = operand_to_write(pass, &mut kept.attended, sum.len());
        self.attention_norm
            .forward(pass, sum, hidden, attended, &mut kept.attention_norm);
    }

    fn feed_forward(&self, pass: Pass<'_>, stream: &mut Stream, kept: &mut LayerActivations) {
        let Stream {
            hidden,
            sum,
            activated,
        } = stream;
        let len = hidden.len() / self.output.outputs() * self.intermediate.outputs();
        let activate = Finish::Activate {
            function: self.activation,
            y: pass.keeps.then(|| kept.intermediate.resize(len)),
            out: activated.resize(len),
        };
        self.intermediate
            .forward(pass, operand(pass, &kept.attended, hidden), activate);
        let add = Finish::AddTo {
            dropout: self.output_dropout(pass),
            x: hidden,
            out: sum,
        };
        self.output.forward(pass, activated.view(), add);
        let output = operand_to_write(pass, &mut kept.output, sum.len());
        self.output_norm
            .forward(pass, sum, hidden, output, &mut kept.output_norm);
    }

    fn attention_shape<'a>(&self, pass: Pass<'a>) -> AttentionShape<'a> {
        AttentionShape {
            row_starts: pass.row_starts,
            n_heads: self.n_heads,
            head_dim: self.head_dim,
            queries: self.queries,
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
