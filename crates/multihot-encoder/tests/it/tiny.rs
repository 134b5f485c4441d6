//! Small random models in folders of their own.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use multihot_checkpoint::{Family, ModelConfig, ModelFolder, Pooling, Role, parameters, save};
use multihot_encoder::{Encoder, Purpose, TokenBatch};
use multihot_kernels::{Cpu, Isa, random};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const N_LABELS: usize = 3;

pub const FAMILIES: [Family; 6] = [
    Family::Bert,
    Family::Roberta,
    Family::Camembert,
    Family::XlmRoberta,
    Family::DistilBert,
    Family::Electra,
];

/// Rows of several lengths; every family's padding token, 1, stands inside one of them.
pub const ROWS: [&[u32]; 4] = [
    &[2, 7, 3],
    &[2, 9, 10, 1, 11, 7, 7, 3],
    &[5],
    &[2, 4, 4, 8, 3],
];

/// A config.json of two layers and odd widths.
pub fn config(family: Family) -> Value {
    let mut config = json!({
        "model_type": family.model_type(),
        "architectures": [family.architecture()],
        "id2label": {"0": "positive", "1": "sports", "2": "business"},
        "vocab_size": 12, "max_position_embeddings": 11, "pad_token_id": 1,
        "hidden_act": "gelu", "layer_norm_eps": 1e-5,
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.2, "classifier_dropout": 0.3,
        "hidden_size": 20, "num_hidden_layers": 2, "num_attention_heads": 5, "intermediate_size": 13,
    });
    let distilbert = json!({
        "dim": 20, "n_layers": 2, "n_heads": 5, "hidden_dim": 13, "activation": "gelu",
        "dropout": 0.1, "attention_dropout": 0.2, "seq_classif_dropout": 0.3,
    });
    match family {
        Family::DistilBert => merge(&mut config, distilbert),
        Family::Electra => merge(
            &mut config,
            json!({"embedding_size": 7, "hidden_act": "silu"}),
        ),
        Family::Camembert => merge(&mut config, json!({"hidden_act": "gelu_new"})),
        _ => {}
    }
    config
}

/// Puts the keys of `changes` into `config`.
pub fn merge(config: &mut Value, changes: Value) {
    let Value::Object(changes) = changes else {
        panic!("changes are an object")
    };
    config
        .as_object_mut()
        .expect("a config is an object")
        .extend(changes);
}

/// Types of a row's tokens as of a pair of texts: the second half is 1, where the encoder has types.
pub fn types(config: &ModelConfig, row: &[u32]) -> Vec<u8> {
    match config.type_vocab_size {
        0 | 1 => Vec::new(),
        _ => (0..row.len())
            .map(|i| u8::from(2 * i >= row.len()))
            .collect(),
    }
}

/// A batch of pairs of texts.
pub fn batch_of_pairs(config: &ModelConfig, rows: &[&[u32]]) -> TokenBatch {
    let mut batch = TokenBatch::new();
    for row in rows {
        batch.push_typed(row, &types(config, row));
    }
    batch
}

/// Values with which nothing is near zero, in the flat order of the parameters.
pub fn values(config: &ModelConfig, pooling: Pooling) -> Vec<f32> {
    let specs = parameters(config, pooling, N_LABELS);
    specs
        .iter()
        .enumerate()
        .flat_map(|(index, spec)| {
            let (mean, spread) = match spec.role {
                _ if spec.name.contains("orm.weight") => (1.0, 0.3),
                Role::WordEmbedding | Role::PositionEmbedding => (0.0, 0.5),
                _ => (0.0, 0.3),
            };
            let key = random::key(7, &[index as u64]);
            (0..spec.len()).map(move |i| (mean + spread * random::normal(key, i as u64)) as f32)
        })
        .collect()
}

/// Writes `config` and random weights that fit it.
pub fn folder(config: &Value) -> (TempDir, ModelFolder) {
    let dir = TempDir::new().expect("a temporary folder");
    fs::write(dir.path().join("config.json"), config.to_string()).expect("config.json is written");
    let checked = ModelConfig::from_json(&config.to_string(), Path::new("config.json"), None);
    let checked = checked.expect("the config is one of ours");
    let specs = parameters(&checked, Pooling::Cls, N_LABELS);
    let values = values(&checked, Pooling::Cls);
    let mut rest = &values[..];
    let mut tensors = Vec::new();
    for spec in &specs {
        let (own, others) = rest.split_at(spec.len());
        tensors.push((spec.name.as_str(), &spec.shape[..], own));
        rest = others;
    }
    save::write_safetensors(&dir.path().join("model.safetensors"), &tensors).expect("written");
    let folder = ModelFolder::open(dir.path(), None).expect("a folder just written");
    (dir, folder)
}

pub fn cpu(threads: usize) -> Arc<Cpu> {
    let isa = Isa::detect().expect("this machine has an instruction set");
    Arc::new(Cpu::new(isa, threads))
}

/// A random model of `family`, its head included, to be trained in `f32`.
pub fn encoder(family: Family, pooling: Pooling, threads: usize) -> Encoder {
    encoder_for(Purpose::TRAIN_F32, family, pooling, threads)
}

/// The same for another purpose.
pub fn encoder_for(purpose: Purpose, family: Family, pooling: Pooling, threads: usize) -> Encoder {
    let (_dir, folder) = folder(&config(family));
    let cpu = cpu(threads);
    let (mut encoder, _) =
        Encoder::load(&folder, N_LABELS, pooling, 1, cpu, purpose).expect("it loads");
    let values = values(encoder.config(), pooling);
    encoder.restore(&values);
    encoder
}

pub fn batch(rows: &[&[u32]]) -> TokenBatch {
    let mut batch = TokenBatch::new();
    rows.iter().for_each(|row| batch.push(row));
    batch
}

/// A loss whose gradient differs from logit to logit: the sum over `c * z + z² / 4`.
pub fn loss(logits: impl IntoIterator<Item = f64>) -> f64 {
    logits
        .into_iter()
        .enumerate()
        .map(|(i, z)| weight(i) * z + z * z / 4.0)
        .sum()
}

/// The gradient of [`loss`].
pub fn d_loss(logits: &[f32]) -> Vec<f32> {
    logits
        .iter()
        .enumerate()
        .map(|(i, &z)| (weight(i) + f64::from(z) / 2.0) as f32)
        .collect()
}

fn weight(i: usize) -> f64 {
    ((i * 7 + 3) % 5) as f64 * 0.4 - 0.7
}
