//! One table: our parameters and the names each family gives them.

use serde::{Deserialize, Serialize};

use crate::{Family, ModelConfig};

/// How a row of token vectors becomes one vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The first token, through the family's own head.
    #[default]
    Cls,
    /// The mean over all tokens, then one linear layer.
    Mean,
}

/// What a parameter is for, in the order in which [`parameters`] lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// One row a token.
    WordEmbedding,
    /// One row a position.
    PositionEmbedding,
    /// One row a segment.
    TypeEmbedding,
    /// LayerNorm after the sum of the embeddings.
    EmbeddingNormWeight,
    /// Its bias.
    EmbeddingNormBias,
    /// ELECTRA's step from the embeddings' width to the encoder's.
    EmbeddingProjectionWeight,
    /// Its bias.
    EmbeddingProjectionBias,
    /// A parameter of the layer with this index.
    Layer(usize, LayerRole),
    /// The head's dense layer: pooler, `classifier.dense` or `pre_classifier`.
    HeadDenseWeight,
    /// Its bias.
    HeadDenseBias,
    /// The last layer, one row a label.
    OutputWeight,
    /// Its bias.
    OutputBias,
}

/// What a parameter is for inside its layer. Queries, keys and values stand side by side, so that
/// a flat buffer holds the fused matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LayerRole {
    /// Queries.
    QueryWeight,
    /// Keys.
    KeyWeight,
    /// Values.
    ValueWeight,
    /// Queries' bias.
    QueryBias,
    /// Keys' bias.
    KeyBias,
    /// Values' bias.
    ValueBias,
    /// Attention's output.
    AttentionOutputWeight,
    /// Its bias.
    AttentionOutputBias,
    /// LayerNorm after attention.
    AttentionNormWeight,
    /// Its bias.
    AttentionNormBias,
    /// First half of the feed-forward block.
    IntermediateWeight,
    /// Its bias.
    IntermediateBias,
    /// Second half.
    OutputWeight,
    /// Its bias.
    OutputBias,
    /// LayerNorm after the feed-forward block.
    OutputNormWeight,
    /// Its bias.
    OutputNormBias,
}

impl LayerRole {
    /// All of them, in order.
    pub const ALL: [Self; 16] = [
        Self::QueryWeight,
        Self::KeyWeight,
        Self::ValueWeight,
        Self::QueryBias,
        Self::KeyBias,
        Self::ValueBias,
        Self::AttentionOutputWeight,
        Self::AttentionOutputBias,
        Self::AttentionNormWeight,
        Self::AttentionNormBias,
        Self::IntermediateWeight,
        Self::IntermediateBias,
        Self::OutputWeight,
        Self::OutputBias,
        Self::OutputNormWeight,
        Self::OutputNormBias,
    ];

    fn name(self, family: Family) -> &'static str {
        match family {
            Family::DistilBert => self.distilbert_name(),
            _ => self.bert_name(),
        }
    }

    fn bert_name(self) -> &'static str {
        match self {
            Self::QueryWeight => "attention.self.query.weight",
            Self::KeyWeight => "attention.self.key.weight",
            Self::ValueWeight => "attention.self.value.weight",
            Self::QueryBias => "attention.self.query.bias",
            Self::KeyBias => "attention.self.key.bias",
            Self::ValueBias => "attention.self.value.bias",
            Self::AttentionOutputWeight => "attention.output.dense.weight",
            Self::AttentionOutputBias => "attention.output.dense.bias",
            Self::AttentionNormWeight => "attention.output.LayerNorm.weight",
            Self::AttentionNormBias => "attention.output.LayerNorm.bias",
            Self::IntermediateWeight => "intermediate.dense.weight",
            Self::IntermediateBias => "intermediate.dense.bias",
            Self::OutputWeight => "output.dense.weight",
            Self::OutputBias => "output.dense.bias",
            Self::OutputNormWeight => "output.LayerNorm.weight",
            Self::OutputNormBias => "output.LayerNorm.bias",
        }
    }

    fn distilbert_name(self) -> &'static str {
        match self {
            Self::QueryWeight => "attention.q_lin.weight",
            Self::KeyWeight => "attention.k_lin.weight",
            Self::ValueWeight => "attention.v_lin.weight",
            Self::QueryBias => "attention.q_lin.bias",
            Self::KeyBias => "attention.k_lin.bias",
            Self::ValueBias => "attention.v_lin.bias",
            Self::AttentionOutputWeight => "attention.out_lin.weight",
            Self::AttentionOutputBias => "attention.out_lin.bias",
            Self::AttentionNormWeight => "sa_layer_norm.weight",
            Self::AttentionNormBias => "sa_layer_norm.bias",
            Self::IntermediateWeight => "ffn.lin1.weight",
            Self::IntermediateBias => "ffn.lin1.bias",
            Self::OutputWeight => "ffn.lin2.weight",
            Self::OutputBias => "ffn.lin2.bias",
            Self::OutputNormWeight => "output_layer_norm.weight",
            Self::OutputNormBias => "output_layer_norm.bias",
        }
    }

    fn shape(self, config: &ModelConfig) -> Vec<usize> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        match self {
            Self::QueryWeight
            | Self::KeyWeight
            | Self::ValueWeight
            | Self::AttentionOutputWeight => vec![width, width],
            Self::IntermediateWeight => vec![inner, width],
            Self::OutputWeight => vec![width, inner],
            Self::IntermediateBias => vec![inner],
            _ => vec![width],
        }
    }
}

/// One parameter: what it is for, what Transformers calls it, its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSpec {
    /// What it is for.
    pub role: Role,
    /// Its full name in a `…ForSequenceClassification`, with the family's prefix.
    pub name: String,
    /// Its shape; `[outputs, inputs]` for the weights of a linear layer.
    pub shape: Vec<usize>,
}

impl ParameterSpec {
    /// Whether it belongs to the head: the dense layer before the output, or the output.
    pub fn is_head(&self) -> bool {
        self.role >= Role::HeadDenseWeight
    }

    /// How many values it has.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no values, which no parameter of a checked config does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name without the family's prefix, as the bare encoder saves it.
    pub fn bare_name(&self) -> &str {
        without_prefix(&self.name)
    }
}

/// Every parameter of the model in the order of [`Role`] and [`LayerRole`]. With mean pooling
/// there is no dense layer before the output, and the output is `linear.weight`, `linear.bias`.
pub fn parameters(config: &ModelConfig, pooling: Pooling, n_labels: usize) -> Vec<ParameterSpec> {
    let mut specs = embeddings(config);
    for layer in 0..config.n_layers {
        specs.extend(LayerRole::ALL.map(|role| layer_parameter(config, layer, role)));
    }
    specs.extend(head(config, pooling, n_labels));
    specs
}

fn spec(role: Role, name: impl Into<String>, shape: Vec<usize>) -> ParameterSpec {
    ParameterSpec {
        role,
        name: name.into(),
        shape,
    }
}

fn embeddings(config: &ModelConfig) -> Vec<ParameterSpec> {
    let width = config.embedding_size;
    let name = |name: &str| format!("{}.embeddings.{name}", config.family.prefix());
    let mut specs = vec![
        spec(
            Role::WordEmbedding,
            name("word_embeddings.weight"),
            vec![config.vocab_size, width],
        ),
        spec(
            Role::PositionEmbedding,
            name("position_embeddings.weight"),
            vec![config.max_positions, width],
        ),
    ];
    if config.type_vocab_size > 0 {
        let shape = vec![config.type_vocab_size, width];
        specs.push(spec(
            Role::TypeEmbedding,
            name("token_type_embeddings.weight"),
            shape,
        ));
    }
    specs.push(spec(
        Role::EmbeddingNormWeight,
        name("LayerNorm.weight"),
        vec![width],
    ));
    specs.push(spec(
        Role::EmbeddingNormBias,
        name("LayerNorm.bias"),
        vec![width],
    ));
    if width != config.hidden_size {
        let name = |name: &str| format!("{}.embeddings_project.{name}", config.family.prefix());
        let shape = vec![config.hidden_size, width];
        specs.push(spec(Role::EmbeddingProjectionWeight, name("weight"), shape));
        specs.push(spec(
            Role::EmbeddingProjectionBias,
            name("bias"),
            vec![config.hidden_size],
        ));
    }
    specs
}

fn layer_parameter(config: &ModelConfig, layer: usize, role: LayerRole) -> ParameterSpec {
    let family = config.family;
    let stack = match family {
        Family::DistilBert => "transformer",
        _ => "encoder",
    };
    let name = format!(
        "{}.{stack}.layer.{layer}.{}",
        family.prefix(),
        role.name(family)
    );
    spec(Role::Layer(layer, role), name, role.shape(config))
}

fn head(config: &ModelConfig, pooling: Pooling, n_labels: usize) -> Vec<ParameterSpec> {
    let width = config.hidden_size;
    let (dense, output) = match (pooling, config.family) {
        (Pooling::Mean, _) => (None, "linear"),
        (Pooling::Cls, Family::Bert) => (Some("bert.pooler.dense"), "classifier"),
        (Pooling::Cls, Family::DistilBert) => (Some("pre_classifier"), "classifier"),
        (Pooling::Cls, _) => (Some("classifier.dense"), "classifier.out_proj"),
    };
    let mut specs = Vec::new();
    if let Some(dense) = dense {
        specs.push(spec(
            Role::HeadDenseWeight,
            format!("{dense}.weight"),
            vec![width, width],
        ));
        specs.push(spec(
            Role::HeadDenseBias,
            format!("{dense}.bias"),
            vec![width],
        ));
    }
    specs.push(spec(
        Role::OutputWeight,
        format!("{output}.weight"),
        vec![n_labels, width],
    ));
    specs.push(spec(
        Role::OutputBias,
        format!("{output}.bias"),
        vec![n_labels],
    ));
    specs
}

/// What may stand before an encoder's names in files met in the wild.
const PREFIXES: [&str; 7] = [
    "bert.",
    "roberta.",
    "camembert.",
    "xlm-roberta.",
    "distilbert.",
    "electra.",
    "model.",
];

/// What `nn.DataParallel` puts before every name.
const WRAPPER: &str = "module.";

/// The names under which a file may hold `spec`, the likeliest first.
pub(crate) fn candidates(spec: &ParameterSpec) -> Vec<String> {
    let bare = spec.bare_name();
    let mut names = vec![spec.name.clone()];
    if bare != spec.name {
        names.push(bare.to_owned());
        names.extend(PREFIXES.iter().map(|prefix| format!("{prefix}{bare}")));
    }
    let legacy: Vec<String> = names.iter().filter_map(|name| legacy_name(name)).collect();
    names.extend(legacy);
    let wrapped: Vec<String> = names
        .iter()
        .map(|name| format!("{WRAPPER}{name}"))
        .collect();
    names.extend(wrapped);
    names
}

/// `LayerNorm.gamma` and `LayerNorm.beta`, which files converted from TensorFlow have.
fn legacy_name(name: &str) -> Option<String> {
    let (stem, last) = name.rsplit_once('.')?;
    let legacy = match last {
        "weight" => "gamma",
        _ => "beta",
    };
    stem.ends_with("LayerNorm")
        .then(|| format!("{stem}.{legacy}"))
}

fn without_prefix(name: &str) -> &str {
    Family::ALL
        .iter()
        .find_map(|family| name.strip_prefix(family.prefix())?.strip_prefix('.'))
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(model_type: &str, more: &str) -> ModelConfig {
        let json = format!(
            r#"{{"model_type": "{model_type}", "vocab_size": 100, "num_hidden_layers": 2,
                "n_layers": 2{more}}}"#
        );
        ModelConfig::from_json(&json, Path::new("config.json"), None).unwrap()
    }

    fn names(model_type: &str, pooling: Pooling) -> Vec<String> {
        let specs = parameters(&config(model_type, ""), pooling, 3);
        specs.into_iter().map(|spec| spec.name).collect()
    }

    #[test]
    fn heads_are_named_as_transformers_names_them() {
        let cases = [
            (
                "bert",
                ["bert.pooler.dense.weight", "bert.pooler.dense.bias"],
                "classifier",
            ),
            (
                "camembert",
                ["classifier.dense.weight", "classifier.dense.bias"],
                "classifier.out_proj",
            ),
            (
                "electra",
                ["classifier.dense.weight", "classifier.dense.bias"],
                "classifier.out_proj",
            ),
            (
                "distilbert",
                ["pre_classifier.weight", "pre_classifier.bias"],
                "classifier",
            ),
        ];
        for (model_type, dense, output) in cases {
            let names = names(model_type, Pooling::Cls);
            let head = &names[names.len() - 4..];
            assert_eq!(head[..2], dense, "{model_type}");
            assert_eq!(
                head[2..],
                [format!("{output}.weight"), format!("{output}.bias")]
            );
        }
        for family in Family::ALL {
            let names = names(family.model_type(), Pooling::Mean);
            assert_eq!(names[names.len() - 2..], ["linear.weight", "linear.bias"]);
            assert!(
                !names
                    .iter()
                    .any(|name| name.contains("classifier") || name.contains("pool"))
            );
        }
    }

    #[test]
    fn encoders_are_named_as_transformers_names_them() {
        let cases = [
            ("bert", "bert.encoder.layer.1.attention.self.query.weight"),
            ("roberta", "roberta.embeddings.token_type_embeddings.weight"),
            (
                "xlm-roberta",
                "roberta.encoder.layer.0.output.LayerNorm.bias",
            ),
            (
                "distilbert",
                "distilbert.transformer.layer.1.sa_layer_norm.weight",
            ),
            ("distilbert", "distilbert.transformer.layer.0.ffn.lin2.bias"),
            ("electra", "electra.embeddings_project.weight"),
        ];
        for (model_type, expected) in cases {
            let names = names(model_type, Pooling::Cls);
            assert!(names.iter().any(|name| name == expected), "{expected}");
        }
    }

    #[test]
    fn parameters_stand_in_the_order_of_their_roles_and_once_each() {
        for family in Family::ALL {
            let specs = parameters(&config(family.model_type(), ""), Pooling::Cls, 3);
            assert!(specs.is_sorted_by(|a, b| a.role < b.role), "{family}");
            let mut names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), specs.len(), "{family}");
        }
    }

    #[test]
    fn electra_projects_only_where_the_widths_differ() {
        let same = config("electra", r#", "embedding_size": 256"#);
        let specs = parameters(&same, Pooling::Cls, 1);
        assert!(
            specs
                .iter()
                .all(|spec| spec.role != Role::EmbeddingProjectionWeight)
        );
        let specs = parameters(&config("electra", ""), Pooling::Cls, 1);
        let projection = specs
            .iter()
            .find(|spec| spec.role == Role::EmbeddingProjectionWeight)
            .unwrap();
        assert_eq!(projection.shape, [256, 128]);
        let norm = specs
            .iter()
            .find(|spec| spec.role == Role::EmbeddingNormWeight)
            .unwrap();
        assert_eq!(norm.shape, [128]);
    }

    #[test]
    fn names_met_in_the_wild_are_among_the_candidates() {
        let specs = parameters(&config("camembert", ""), Pooling::Cls, 3);
        let of = |role| candidates(specs.iter().find(|spec| spec.role == role).unwrap());
        let norm = of(Role::EmbeddingNormBias);
        for name in [
            "roberta.embeddings.LayerNorm.bias",
            "embeddings.LayerNorm.bias",
            "camembert.embeddings.LayerNorm.beta",
            "bert.embeddings.LayerNorm.beta",
            "module.roberta.embeddings.LayerNorm.bias",
        ] {
            assert!(norm.iter().any(|candidate| candidate == name), "{name}");
        }
        assert_eq!(norm[0], "roberta.embeddings.LayerNorm.bias");
        // A head has no prefix to lose, and is not looked for under another model's.
        let head = of(Role::OutputWeight);
        assert_eq!(
            head,
            [
                "classifier.out_proj.weight",
                "module.classifier.out_proj.weight"
            ]
        );
    }
}
