//! What the families differ in, as data.

use multihot_checkpoint as checkpoint;
use multihot_checkpoint::{Family, ModelConfig, Pooling};
use multihot_kernels::Activation;

/// How a family numbers the tokens of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Positions {
    /// 0, 1, 2, …
    FromZero,
    /// Tokens other than the padding token count up from its id plus one. A padding token, should
    /// it stand in a text, has its own id as its position and does not count
    /// (`create_position_ids_from_input_ids` in Transformers' `modeling_roberta.py`).
    AfterPadding,
}

/// How a row's token vectors become the vector that the output layer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadKind {
    /// The first token's vector, through a dense layer and `activation`.
    FirstToken {
        /// Whether dropout stands before the dense layer too.
        drops_input: bool,
        /// Follows the dense layer.
        activation: Activation,
    },
    /// The mean over the row's tokens.
    Mean,
}

/// The differences between two families of the same equation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Traits {
    pub(crate) positions: Positions,
    /// Whether dropout follows the linear layer after attention.
    pub(crate) drops_attention_output: bool,
    pub(crate) head: HeadKind,
}

impl Traits {
    /// The traits of `family` with `pooling`, as in Transformers' `…ForSequenceClassification`.
    pub(crate) fn new(family: Family, pooling: Pooling) -> Self {
        let positions = match family.is_roberta_like() {
            true => Positions::AfterPadding,
            false => Positions::FromZero,
        };
        let head = match pooling {
            Pooling::Cls => first_token_head(family),
            Pooling::Mean => HeadKind::Mean,
        };
        Self {
            positions,
            drops_attention_output: family != Family::DistilBert,
            head,
        }
    }
}

impl Traits {
    /// Whether the other tokens of the last layer's output are read by nobody.
    pub(crate) fn head_reads_first_token(self) -> bool {
        matches!(self.head, HeadKind::FirstToken { .. })
    }
}

fn first_token_head(family: Family) -> HeadKind {
    let (drops_input, activation) = match family {
        Family::Bert => (false, Activation::Tanh),
        Family::Roberta | Family::Camembert | Family::XlmRoberta => (true, Activation::Tanh),
        Family::DistilBert => (false, Activation::Relu),
        // Whatever `hidden_act` says: `ElectraClassificationHead` names gelu itself.
        Family::Electra => (true, Activation::Gelu),
    };
    HeadKind::FirstToken {
        drops_input,
        activation,
    }
}

/// The activation of the feed-forward blocks, as the kernels call it.
pub(crate) fn activation(config: &ModelConfig) -> Activation {
    match config.activation {
        checkpoint::Activation::Gelu => Activation::Gelu,
        checkpoint::Activation::GeluTanh => Activation::GeluTanh,
        checkpoint::Activation::Relu => Activation::Relu,
        checkpoint::Activation::Silu => Activation::Silu,
        checkpoint::Activation::Tanh => Activation::Tanh,
    }
}
