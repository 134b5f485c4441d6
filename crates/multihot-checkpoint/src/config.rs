//! config.json: what the encoder is, checked.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::names::{Pooling, parameters};
use crate::{CheckpointError, Family};

/// Our own key in config.json, under which everything that is ours stands.
pub(crate) const OUR_KEY: &str = "multihot";

// Far above every published encoder, far below what would exhaust a machine one by one.
const MAX_VOCAB: usize = 20_000_000;
const MAX_WIDTH: usize = 65_536;
const MAX_LAYERS: usize = 1_000;
const MAX_POSITIONS: usize = 10_000_000;
const MAX_LABELS: usize = 1_000_000;
/// xlm-roberta-large, the largest well-known encoder of these families, has 560 million.
const MAX_PARAMETERS: u64 = 2_000_000_000;
/// Two special tokens and one of text.
const MIN_LENGTH: usize = 3;

/// The function between the two halves of a feed-forward block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `gelu`, by the error function.
    Gelu,
    /// `gelu_new`, `gelu_fast`, `gelu_pytorch_tanh`: one approximation by tanh.
    GeluTanh,
    /// `relu`
    Relu,
    /// `silu`, `swish`
    Silu,
    /// `tanh`
    Tanh,
}

/// Which loss a classifier was trained with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProblemType {
    /// Numbers.
    #[serde(rename = "regression")]
    Regression,
    /// One label of several: softmax.
    #[serde(rename = "single_label_classification")]
    SingleLabel,
    /// Each label yes or no: sigmoid.
    #[serde(rename = "multi_label_classification")]
    MultiLabel,
}

/// What config.json says, with the defaults of Transformers' config classes for what it leaves out.
#[derive(Clone, Debug)]
pub struct ModelConfig {
    /// The family.
    pub family: Family,
    /// Rows of the word embedding.
    pub vocab_size: usize,
    /// Width of a token inside the encoder.
    pub hidden_size: usize,
    /// Number of layers.
    pub n_layers: usize,
    /// Attention heads; they divide `hidden_size`.
    pub n_heads: usize,
    /// Width inside the feed-forward blocks.
    pub intermediate_size: usize,
    /// Width of the embeddings: `hidden_size` but for ELECTRA.
    pub embedding_size: usize,
    /// Rows of the position embedding.
    pub max_positions: usize,
    /// Rows of the token type embedding; 0 where the family has none.
    pub type_vocab_size: usize,
    /// The feed-forward blocks' activation.
    pub activation: Activation,
    /// Added to the variance in every LayerNorm.
    pub layer_norm_epsilon: f32,
    /// Dropout after embeddings, attention output and feed-forward output.
    pub hidden_dropout: f32,
    /// Dropout on attention probabilities.
    pub attention_dropout: f32,
    /// Dropout inside the head.
    pub head_dropout: f32,
    /// Standard deviation of freshly drawn weights.
    pub initializer_range: f32,
    /// The padding token, whose embedding never learns.
    pub pad_token_id: u32,
    /// The labels in the order of the outputs, where the folder is a sequence classifier or ours.
    pub label_names: Option<Vec<String>>,
    /// The loss it was trained with, where it says.
    pub problem_type: Option<ProblemType>,
    /// The classes of Transformers it was saved from.
    pub architectures: Vec<String>,
    /// The whole file, keys in their order.
    pub raw: Map<String, Value>,
}

impl ModelConfig {
    /// Reads `json`, which came from `path`; `family` decides where it has no `model_type`.
    pub fn from_json(
        json: &str,
        path: &Path,
        family: Option<Family>,
    ) -> Result<Self, CheckpointError> {
        let raw = object(json, path)?;
        let fields = Fields { path, raw: &raw };
        let family = fields.family(family)?;
        fields.check_supported()?;
        let config = fields.config(family)?;
        let config = Self { raw, ..config };
        config.check_together(path)?;
        Ok(config)
    }

    /// The most tokens a row may have, special ones included.
    pub fn usable_length(&self) -> usize {
        if self.family.is_roberta_like() {
            // Positions start at `pad_token_id + 1`.
            self.max_positions
                .saturating_sub(self.pad_token_id as usize + 1)
        } else {
            self.max_positions
        }
    }

    /// Whether config.json names a `…ForSequenceClassification`.
    pub fn is_classifier(&self) -> bool {
        self.architectures
            .iter()
            .any(|name| name.ends_with("ForSequenceClassification"))
    }

    /// What this program left under its own key.
    pub fn multihot(&self) -> Option<&Value> {
        self.raw.get(OUR_KEY)
    }

    fn check_together(&self, path: &Path) -> Result<(), CheckpointError> {
        if !self.hidden_size.is_multiple_of(self.n_heads) {
            return Err(CheckpointError::HeadsDoNotDivide {
                path: path.to_owned(),
                n_heads: self.n_heads,
                width: self.hidden_size,
            });
        }
        let fields = Fields {
            path,
            raw: &self.raw,
        };
        if self.pad_token_id as usize >= self.vocab_size {
            let expected = format!("below `vocab_size`, which is {}", self.vocab_size);
            return Err(fields.bad("pad_token_id", self.pad_token_id, expected));
        }
        if self.usable_length() < MIN_LENGTH {
            let expected = format!(
                "large enough for {MIN_LENGTH} tokens (with `pad_token_id` {} there is room for {})",
                self.pad_token_id,
                self.usable_length(),
            );
            return Err(fields.bad("max_position_embeddings", self.max_positions, expected));
        }
        let parameters = self.count_parameters();
        if parameters > MAX_PARAMETERS {
            return Err(CheckpointError::TooManyParameters {
                path: path.to_owned(),
                parameters,
                limit: MAX_PARAMETERS,
            });
        }
        Ok(())
    }

    fn count_parameters(&self) -> u64 {
        let n_labels = self.label_names.as_ref().map_or(1, Vec::len);
        parameters(self, Pooling::Cls, n_labels)
            .iter()
            .map(|spec| {
                spec.shape
                    .iter()
                    .fold(1u64, |size, &side| size.saturating_mul(side as u64))
            })
            .fold(0, u64::saturating_add)
    }
}

/// Parses one JSON object.
pub(crate) fn object(json: &str, path: &Path) -> Result<Map<String, Value>, CheckpointError> {
    // Windows editors leave a byte order mark, which is not JSON.
    let json = json.strip_prefix('\u{feff}').unwrap_or(json);
    let value: Value = serde_json::from_str(json).map_err(|source| CheckpointError::Json {
        path: path.to_owned(),
        source,
    })?;
    let found = match value {
        Value::Object(map) => return Ok(map),
        Value::Array(_) => "a list",
        Value::String(_) => "a string",
        Value::Number(_) => "a number",
        Value::Bool(_) => "a truth value",
        Value::Null => "null",
    };
    Err(CheckpointError::NotAnObject {
        path: path.to_owned(),
        found,
    })
}

/// The keys of one config.json, with the messages for what is wrong with them.
struct Fields<'a> {
    path: &'a Path,
    raw: &'a Map<String, Value>,
}

impl Fields<'_> {
    fn family(&self, asked: Option<Family>) -> Result<Family, CheckpointError> {
        let path = || self.path.to_owned();
        let Some(found) = self.get("model_type") else {
            return asked.ok_or_else(|| CheckpointError::NoModelType { path: path() });
        };
        let unknown = |found: String| CheckpointError::UnknownModelType {
            path: path(),
            found,
        };
        let word = found.as_str().ok_or_else(|| unknown(found.to_string()))?;
        let family: Family = word.parse().map_err(|_| unknown(word.to_owned()))?;
        match asked {
            Some(asked) if asked != family => Err(CheckpointError::OtherFamily {
                path: path(),
                found: word.to_owned(),
                asked,
            }),
            _ => Ok(family),
        }
    }

    /// Refuses what would need other arithmetic than ours.
    fn check_supported(&self) -> Result<(), CheckpointError> {
        match self.get("position_embedding_type") {
            None => {}
            Some(Value::String(word)) if word == "absolute" => {}
            Some(other) => {
                return Err(self.unsupported("position_embedding_type", other, "`absolute`"));
            }
        }
        for key in ["is_decoder", "add_cross_attention", "is_encoder_decoder"] {
            match self.get(key) {
                None | Some(Value::Bool(false)) => {}
                Some(other) => return Err(self.unsupported(key, other, "`false`, an encoder")),
            }
        }
        match self.get("pruned_heads") {
            Some(Value::Object(heads)) if heads.is_empty() => Ok(()),
            None => Ok(()),
            Some(other) => Err(self.unsupported("pruned_heads", other, "none")),
        }
    }

    fn config(&self, family: Family) -> Result<ModelConfig, CheckpointError> {
        let architectures = self.architectures()?;
        let mut config = match family {
            Family::DistilBert => self.distilbert()?,
            _ => self.bert_like(family)?,
        };
        config.label_names = self.label_names(&architectures)?;
        config.architectures = architectures;
        config.problem_type = self.problem_type()?;
        Ok(config)
    }

    fn bert_like(&self, family: Family) -> Result<ModelConfig, CheckpointError> {
        let defaults = Defaults::of(family);
        let hidden_size = self.size(&["hidden_size"], defaults.width, MAX_WIDTH)?;
        let hidden_dropout = self.share(&["hidden_dropout_prob"], 0.1)?;
        let embedding_size = match family {
            Family::Electra => self.size(&["embedding_size"], 128, MAX_WIDTH)?,
            _ => hidden_size,
        };
        Ok(ModelConfig {
            family,
            vocab_size: self.size(&["vocab_size"], defaults.vocab, MAX_VOCAB)?,
            hidden_size,
            n_layers: self.size(&["num_hidden_layers"], 12, MAX_LAYERS)?,
            n_heads: self.size(&["num_attention_heads"], defaults.heads, MAX_WIDTH)?,
            intermediate_size: self.size(
                &["intermediate_size"],
                defaults.intermediate,
                16 * MAX_WIDTH,
            )?,
            embedding_size,
            max_positions: self.size(&["max_position_embeddings"], 512, MAX_POSITIONS)?,
            type_vocab_size: self.size(&["type_vocab_size"], 2, MAX_WIDTH)?,
            activation: self.activation(&["hidden_act"])?,
            layer_norm_epsilon: self.positive(&["layer_norm_eps"], 1e-12)?,
            hidden_dropout,
            attention_dropout: self.share(&["attention_probs_dropout_prob"], 0.1)?,
            head_dropout: self.share(&["classifier_dropout"], hidden_dropout)?,
            initializer_range: self.positive(&["initializer_range"], 0.02)?,
            pad_token_id: self.token("pad_token_id", defaults.pad)?,
            label_names: None,
            problem_type: None,
            architectures: Vec::new(),
            raw: Map::new(),
        })
    }

    /// DistilBERT has its own words; the second of two is the one Transformers maps onto the first.
    fn distilbert(&self) -> Result<ModelConfig, CheckpointError> {
        let hidden_size = self.size(&["dim", "hidden_size"], 768, MAX_WIDTH)?;
        Ok(ModelConfig {
            family: Family::DistilBert,
            vocab_size: self.size(&["vocab_size"], 30_522, MAX_VOCAB)?,
            hidden_size,
            n_layers: self.size(&["n_layers", "num_hidden_layers"], 6, MAX_LAYERS)?,
            n_heads: self.size(&["n_heads", "num_attention_heads"], 12, MAX_WIDTH)?,
            intermediate_size: self.size(&["hidden_dim"], 4 * 768, 16 * MAX_WIDTH)?,
            embedding_size: hidden_size,
            max_positions: self.size(&["max_position_embeddings"], 512, MAX_POSITIONS)?,
            type_vocab_size: 0,
            activation: self.activation(&["activation"])?,
            // Fixed in modeling_distilbert.py.
            layer_norm_epsilon: 1e-12,
            hidden_dropout: self.share(&["dropout"], 0.1)?,
            attention_dropout: self.share(&["attention_dropout"], 0.1)?,
            head_dropout: self.share(&["seq_classif_dropout"], 0.2)?,
            initializer_range: self.positive(&["initializer_range"], 0.02)?,
            pad_token_id: self.token("pad_token_id", 0)?,
            label_names: None,
            problem_type: None,
            architectures: Vec::new(),
            raw: Map::new(),
        })
    }

    fn architectures(&self) -> Result<Vec<String>, CheckpointError> {
        let Some(value) = self.get("architectures") else {
            return Ok(Vec::new());
        };
        serde_json::from_value(value.clone())
            .map_err(|_| self.bad("architectures", value, "a list of names"))
    }

    fn problem_type(&self) -> Result<Option<ProblemType>, CheckpointError> {
        let Some(value) = self.get("problem_type") else {
            return Ok(None);
        };
        serde_json::from_value(value.clone())
            .map(Some)
            .map_err(|_| {
                let supported = "`regression`, `single_label_classification`, \
                             `multi_label_classification`";
                self.unsupported("problem_type", value, supported)
            })
    }

    /// The labels by `id2label`. An encoder's config has `id2label` too, which then means nothing.
    fn label_names(
        &self,
        architectures: &[String],
    ) -> Result<Option<Vec<String>>, CheckpointError> {
        let is_classifier = architectures
            .iter()
            .any(|name| name.ends_with("ForSequenceClassification"));
        if !is_classifier && !self.raw.contains_key(OUR_KEY) {
            return Ok(None);
        }
        match self.get("id2label") {
            Some(value) => self.labels_in_order(value).map(Some),
            // Transformers leaves both maps out where there are two labels with its own names.
            None => {
                let n_labels = self.size(&["num_labels", "_num_labels"], 2, MAX_LABELS)?;
                Ok(Some(
                    (0..n_labels)
                        .map(|label| format!("LABEL_{label}"))
                        .collect(),
                ))
            }
        }
    }

    fn labels_in_order(&self, value: &Value) -> Result<Vec<String>, CheckpointError> {
        let bad = || {
            self.bad(
                "id2label",
                value,
                "an object from \"0\", \"1\", … to label names",
            )
        };
        let map = value
            .as_object()
            .filter(|map| !map.is_empty())
            .ok_or_else(bad)?;
        let mut labels = vec![None; map.len()];
        for (id, name) in map {
            let id: usize = id.parse().map_err(|_| bad())?;
            let slot = labels.get_mut(id).ok_or_else(bad)?;
            *slot = Some(label_name(name).ok_or_else(bad)?);
        }
        labels
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .ok_or_else(bad)
    }

    fn activation(&self, keys: &[&str]) -> Result<Activation, CheckpointError> {
        let Some((key, value)) = self.first(keys) else {
            return Ok(Activation::Gelu);
        };
        match value.as_str() {
            Some("gelu") => Ok(Activation::Gelu),
            Some("gelu_new" | "gelu_fast" | "gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
            Some("relu") => Ok(Activation::Relu),
            Some("silu" | "swish") => Ok(Activation::Silu),
            Some("tanh") => Ok(Activation::Tanh),
            _ => Err(self.unsupported(
                key,
                value,
                "`gelu`, `gelu_new`, `gelu_fast`, `gelu_pytorch_tanh`, `relu`, `silu`, `swish`, \
                 `tanh`",
            )),
        }
    }

    fn size(&self, keys: &[&str], default: usize, limit: usize) -> Result<usize, CheckpointError> {
        let Some((key, value)) = self.first(keys) else {
            return Ok(default);
        };
        value
            .as_u64()
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| (1..=limit).contains(size))
            .ok_or_else(|| self.bad(key, value, format!("a whole number from 1 to {limit}")))
    }

    fn token(&self, key: &str, default: u32) -> Result<u32, CheckpointError> {
        let Some(value) = self.get(key) else {
            return Ok(default);
        };
        value
            .as_u64()
            .and_then(|id| u32::try_from(id).ok())
            .ok_or_else(|| self.bad(key, value, "a token's id"))
    }

    fn share(&self, keys: &[&str], default: f32) -> Result<f32, CheckpointError> {
        self.number(
            keys,
            default,
            |share| (0.0..1.0).contains(&share),
            "at least 0 and below 1",
        )
    }

    fn positive(&self, keys: &[&str], default: f32) -> Result<f32, CheckpointError> {
        self.number(
            keys,
            default,
            |value| value > 0.0 && value < 1e3,
            "a small positive number",
        )
    }

    fn number(
        &self,
        keys: &[&str],
        default: f32,
        fits: impl Fn(f32) -> bool,
        expected: &str,
    ) -> Result<f32, CheckpointError> {
        let Some((key, value)) = self.first(keys) else {
            return Ok(default);
        };
        value
            .as_f64()
            .map(|number| number as f32)
            .filter(|&number| fits(number))
            .ok_or_else(|| self.bad(key, value, expected))
    }

    /// The first of `keys` that is there; null counts as absent, as in Transformers.
    fn first<'k>(&self, keys: &[&'k str]) -> Option<(&'k str, &Value)> {
        keys.iter().find_map(|&key| Some((key, self.get(key)?)))
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.raw.get(key).filter(|value| !value.is_null())
    }

    fn bad(&self, key: &str, found: impl ToString, expected: impl Into<String>) -> CheckpointError {
        CheckpointError::BadValue {
            path: self.path.to_owned(),
            key: key.to_owned(),
            found: shortened(&found.to_string()),
            expected: expected.into(),
        }
    }

    fn unsupported(&self, key: &str, found: &Value, supported: &'static str) -> CheckpointError {
        let found = match found {
            Value::String(word) => format!("`{}`", shortened(word)),
            other => shortened(&other.to_string()),
        };
        CheckpointError::Unsupported {
            path: self.path.to_owned(),
            key: key.to_owned(),
            found,
            supported,
        }
    }
}

/// A label's name; some folders have numbers there.
fn label_name(value: &Value) -> Option<String> {
    match value {
        Value::String(name) => Some(name.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The defaults in which the config classes of Transformers 5 differ.
struct Defaults {
    vocab: usize,
    width: usize,
    heads: usize,
    intermediate: usize,
    pad: u32,
}

impl Defaults {
    fn of(family: Family) -> Self {
        let bert = Self {
            vocab: 30_522,
            width: 768,
            heads: 12,
            intermediate: 3072,
            pad: 0,
        };
        match family {
            Family::Bert | Family::DistilBert => bert,
            Family::Roberta => Self {
                vocab: 50_265,
                pad: 1,
                ..bert
            },
            Family::Camembert | Family::XlmRoberta => Self { pad: 1, ..bert },
            Family::Electra => Self {
                width: 256,
                heads: 4,
                intermediate: 1024,
                ..bert
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: Value) -> Result<ModelConfig, CheckpointError> {
        ModelConfig::from_json(&json.to_string(), Path::new("config.json"), None)
    }

    /// A BERT of two layers with `key` set to `value`.
    fn with(key: &str, value: Value) -> Value {
        let mut config = json!({
            "model_type": "bert", "hidden_size": 60, "num_attention_heads": 5,
            "num_hidden_layers": 2, "intermediate_size": 77, "vocab_size": 100,
        });
        config[key] = value;
        config
    }

    fn message(json: Value) -> String {
        read(json).unwrap_err().to_string()
    }

    #[test]
    fn what_is_left_out_is_as_transformers_has_it() {
        let cases = [
            (Family::Bert, 30_522, 768, 12, 12, 0, 2, 0.1),
            (Family::Roberta, 50_265, 768, 12, 12, 1, 2, 0.1),
            (Family::Camembert, 30_522, 768, 12, 12, 1, 2, 0.1),
            (Family::XlmRoberta, 30_522, 768, 12, 12, 1, 2, 0.1),
            (Family::DistilBert, 30_522, 768, 6, 12, 0, 0, 0.2),
            (Family::Electra, 30_522, 256, 12, 4, 0, 2, 0.1),
        ];
        for (family, vocab, width, layers, heads, pad, types, head_dropout) in cases {
            let config = read(json!({"model_type": family.model_type()})).unwrap();
            let sizes = (
                config.vocab_size,
                config.hidden_size,
                config.n_layers,
                config.n_heads,
            );
            assert_eq!(sizes, (vocab, width, layers, heads), "{family}");
            assert_eq!(
                (config.pad_token_id, config.type_vocab_size),
                (pad, types),
                "{family}"
            );
            assert_eq!(config.head_dropout, head_dropout, "{family}");
            assert_eq!(
                (config.activation, config.max_positions),
                (Activation::Gelu, 512)
            );
            assert_eq!(
                (config.layer_norm_epsilon, config.label_names),
                (1e-12, None)
            );
        }
    }

    #[test]
    fn distilbert_has_its_own_words() {
        let config = read(json!({
            "model_type": "distilbert", "dim": 48, "n_layers": 3, "n_heads": 6, "hidden_dim": 99,
            "activation": "relu", "dropout": 0.3, "attention_dropout": 0.4,
            "seq_classif_dropout": 0.5, "layer_norm_eps": 0.1,
        }))
        .unwrap();
        assert_eq!(
            (config.hidden_size, config.n_layers, config.n_heads),
            (48, 3, 6)
        );
        assert_eq!(
            (config.intermediate_size, config.activation),
            (99, Activation::Relu)
        );
        let dropouts = (
            config.hidden_dropout,
            config.attention_dropout,
            config.head_dropout,
        );
        assert_eq!(
            (dropouts, config.layer_norm_epsilon),
            ((0.3, 0.4, 0.5), 1e-12)
        );
    }

    #[test]
    fn the_usable_length_goes_by_family_and_padding_id() {
        let cases = [
            ("roberta", 514, 1, 512),
            ("camembert", 514, 0, 513),
            ("bert", 512, 1, 512),
            ("distilbert", 40, 0, 40),
        ];
        for (model_type, positions, pad, expected) in cases {
            let config = read(json!({
                "model_type": model_type, "max_position_embeddings": positions, "pad_token_id": pad,
            }));
            assert_eq!(config.unwrap().usable_length(), expected, "{model_type}");
        }
    }

    #[test]
    fn the_family_must_be_known() {
        let error = read(json!({"hidden_size": 60})).unwrap_err();
        assert!(error.hint().unwrap().contains("--family"), "{error}");
        let given =
            ModelConfig::from_json("{}", Path::new("config.json"), Some(Family::Electra)).unwrap();
        assert_eq!(given.family, Family::Electra);
        let error = message(with("model_type", json!("deberta-v2")));
        assert!(
            error.contains("`deberta-v2`") && error.contains("`xlm-roberta`"),
            "{error}"
        );
        let other = ModelConfig::from_json(
            &with("model_type", json!("bert")).to_string(),
            Path::new("config.json"),
            Some(Family::Roberta),
        );
        assert!(matches!(other, Err(CheckpointError::OtherFamily { .. })));
    }

    #[test]
    fn what_needs_other_arithmetic_is_refused_with_what_does_not() {
        let cases = [
            ("hidden_act", json!("mish"), "`gelu_pytorch_tanh`"),
            ("hidden_act", json!(3), "`swish`"),
            (
                "position_embedding_type",
                json!("relative_key"),
                "supported: `absolute`",
            ),
            ("is_decoder", json!(true), "an encoder"),
            ("add_cross_attention", json!(true), "an encoder"),
            ("pruned_heads", json!({"0": [1]}), "supported: none"),
            (
                "problem_type",
                json!("ranking"),
                "`multi_label_classification`",
            ),
        ];
        for (key, value, expected) in cases {
            let error = message(with(key, value));
            assert!(error.contains(expected) && error.contains(key), "{error}");
        }
    }

    #[test]
    fn absurd_values_are_errors_that_name_their_key() {
        let cases = [
            ("num_hidden_layers", json!(0)),
            ("num_hidden_layers", json!(-1)),
            ("num_hidden_layers", json!(2.5)),
            ("num_hidden_layers", json!("2")),
            ("vocab_size", json!(1_000_000_000_000u64)),
            ("vocab_size", json!(u64::MAX)),
            ("hidden_size", json!(0)),
            ("intermediate_size", json!(1e300)),
            ("max_position_embeddings", json!(1)),
            ("pad_token_id", json!(100)),
            ("pad_token_id", json!(-1)),
            ("type_vocab_size", json!(0)),
            ("layer_norm_eps", json!(0.0)),
            ("layer_norm_eps", json!("tiny")),
            ("hidden_dropout_prob", json!(1.0)),
            ("hidden_dropout_prob", json!(-0.1)),
            ("classifier_dropout", json!([])),
            ("initializer_range", json!(-0.02)),
            ("architectures", json!("BertModel")),
        ];
        for (key, value) in cases {
            let error = message(with(key, value.clone()));
            assert!(
                error.contains(&format!("config.json: `{key}` is ")),
                "{value}: {error}"
            );
        }
    }

    #[test]
    fn sizes_must_fit_each_other() {
        let error = message(with("num_attention_heads", json!(7)));
        assert!(
            error.contains("7 attention heads do not divide the width 60"),
            "{error}"
        );
        let large = json!({
            "model_type": "bert", "hidden_size": 65_536, "num_attention_heads": 16,
            "num_hidden_layers": 1000,
        });
        assert!(message(large).contains("parameters"));
    }

    #[test]
    fn labels_come_in_the_order_of_id2label_and_only_from_classifiers() {
        let two = json!({"1": "b", "0": "a"});
        let mut config = with("id2label", two);
        assert_eq!(read(config.clone()).unwrap().label_names, None);
        config["architectures"] = json!(["BertForSequenceClassification"]);
        config["num_labels"] = json!(50);
        config["label2id"] = json!({"b": 0, "a": 1});
        let labels = read(config.clone()).unwrap().label_names.unwrap();
        assert_eq!(labels, ["a", "b"]);
        config.as_object_mut().unwrap().remove("id2label");
        config.as_object_mut().unwrap().remove("num_labels");
        assert_eq!(
            read(config).unwrap().label_names.unwrap(),
            ["LABEL_0", "LABEL_1"]
        );
        let mut ours = with("id2label", json!({"0": "only"}));
        ours["multihot"] = json!({});
        assert_eq!(read(ours).unwrap().label_names.unwrap(), ["only"]);
    }

    #[test]
    fn an_id2label_with_a_hole_is_an_error() {
        let cases = [
            json!({}),
            json!({"0": "a", "2": "c"}),
            json!({"x": "a"}),
            json!({"0": []}),
            json!([]),
        ];
        for id2label in cases {
            let mut config = with("id2label", id2label);
            config["architectures"] = json!(["BertForSequenceClassification"]);
            assert!(message(config).contains("`id2label`"));
        }
    }

    #[test]
    fn null_counts_as_left_out() {
        let config = read(with("classifier_dropout", Value::Null)).unwrap();
        assert_eq!(config.head_dropout, config.hidden_dropout);
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        for (json, expected) in [
            ("[]", "a list"),
            ("", "not the JSON"),
            ("{", "not the JSON"),
        ] {
            let error = ModelConfig::from_json(json, Path::new("config.json"), None).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_value_of_any_key_makes_it_panic(
            key in proptest::sample::select(vec![
                "hidden_size", "vocab_size", "num_attention_heads", "num_hidden_layers",
                "intermediate_size", "max_position_embeddings", "pad_token_id", "id2label",
            ]),
            value in proptest::num::f64::ANY,
            whole in proptest::num::i64::ANY,
        ) {
            for value in [json!(value), json!(whole), json!({ whole.to_string(): "x" })] {
                let _ = read(with(key, value));
            }
        }
    }
}
