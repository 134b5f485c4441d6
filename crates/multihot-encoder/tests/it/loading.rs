//! What a folder holds, what starts afresh, and what stops.

use std::fs;
use std::path::Path;

use multihot_checkpoint::{Family, ModelFolder, Pooling, save};
use multihot_encoder::{Encoder, EncoderError, LoadReport, Purpose};
use serde_json::json;

use crate::tiny::{self, N_LABELS};

fn load(
    folder: &ModelFolder,
    n_labels: usize,
    pooling: Pooling,
) -> Result<(Encoder, LoadReport), EncoderError> {
    Encoder::load(
        folder,
        n_labels,
        pooling,
        1,
        tiny::cpu(1),
        Purpose::TRAIN_F32,
    )
}

/// Writes the folder's weights again, as `change` makes each: a name and a shape, or nothing.
fn rewrite(
    dir: &Path,
    change: impl Fn(&str, &[usize]) -> Option<(String, Vec<usize>)>,
) -> ModelFolder {
    let path = dir.join("model.safetensors");
    let tensors: Vec<(String, Vec<usize>, Vec<f32>)> = {
        let weights = multihot_checkpoint::Weights::open_safetensors(&path).expect("it opens");
        let changed = weights.names().filter_map(|name| {
            let tensor = weights.get(name).expect("a name that was listed");
            let mut values = vec![0.0; tensor.len()];
            tensor.read_into(&mut values).expect("f32 is read");
            let (name, shape) = change(name, tensor.shape)?;
            values.resize(shape.iter().product(), 0.0);
            Some((name, shape, values))
        });
        changed.collect()
    };
    let tensors: Vec<_> = tensors
        .iter()
        .map(|(name, shape, values)| (&name[..], &shape[..], &values[..]))
        .collect();
    fs::remove_file(&path).expect("the old file goes");
    save::write_safetensors(&path, &tensors).expect("the new file is written");
    ModelFolder::open(dir, None).expect("still a folder")
}

fn index_of(encoder: &Encoder, name: &str) -> usize {
    encoder
        .parameters()
        .iter()
        .position(|spec| spec.name == name)
        .expect("a parameter's name")
}

#[test]
fn a_whole_classifier_keeps_its_head() {
    for family in tiny::FAMILIES {
        let (_dir, folder) = tiny::folder(&tiny::config(family));
        let (encoder, report) = load(&folder, N_LABELS, Pooling::Cls).expect("it loads");
        assert_eq!(
            report,
            LoadReport {
                kept_head: true,
                ..LoadReport::default()
            },
            "{family:?}"
        );
        assert_eq!(
            encoder.snapshot(),
            tiny::values(encoder.config(), Pooling::Cls),
            "{family:?}"
        );
    }
}

#[test]
fn a_bare_encoder_gets_a_head() {
    let (dir, _) = tiny::folder(&tiny::config(Family::Roberta));
    let folder = rewrite(dir.path(), |name, shape| {
        let bare = name.strip_prefix("roberta.")?;
        Some((bare.to_owned(), shape.to_vec()))
    });
    let (encoder, report) = load(&folder, N_LABELS, Pooling::Cls).expect("it loads");
    let fresh = [
        "dense.weight",
        "dense.bias",
        "out_proj.weight",
        "out_proj.bias",
    ];
    assert_eq!(report.fresh, fresh.map(|name| format!("classifier.{name}")));
    assert!(!report.kept_head);
    let spread = |name: &str| {
        let values = encoder.values(index_of(&encoder, name));
        (values.iter().map(|x| x * x).sum::<f32>() / values.len() as f32).sqrt()
    };
    // 400 and 60 draws around 0.02 and a tenth of it.
    assert!((0.017..0.023).contains(&spread("classifier.dense.weight")));
    assert!((0.0013..0.0027).contains(&spread("classifier.out_proj.weight")));
    assert_eq!(encoder.output_bias(), [0.0; N_LABELS]);
}

#[test]
fn a_missing_pooler_starts_afresh_and_the_output_stays() {
    let (dir, _) = tiny::folder(&tiny::config(Family::Bert));
    let folder = rewrite(dir.path(), |name, shape| {
        (!name.contains("pooler")).then(|| (name.to_owned(), shape.to_vec()))
    });
    let (_, report) = load(&folder, N_LABELS, Pooling::Cls).expect("it loads");
    assert_eq!(
        report.fresh,
        ["bert.pooler.dense.weight", "bert.pooler.dense.bias"]
    );
    assert!(report.kept_head);
}

#[test]
fn a_head_for_another_number_of_labels_starts_afresh() {
    let (_dir, folder) = tiny::folder(&tiny::config(Family::Bert));
    let (encoder, report) = load(&folder, 5, Pooling::Cls).expect("it loads");
    assert_eq!(report.fresh, ["classifier.weight", "classifier.bias"]);
    assert!(!report.kept_head);
    assert!(report.notes[0].ends_with("answers 3 labels, and 5 are asked for: it starts afresh"));
    assert_eq!(encoder.n_labels(), 5);
}

#[test]
fn an_output_restarted_is_the_one_a_bare_encoder_gets() {
    let (dir, folder) = tiny::folder(&tiny::config(Family::Bert));
    let (mut restarted, _) = load(&folder, N_LABELS, Pooling::Cls).expect("it loads");
    restarted.restart_output(1);
    let folder = rewrite(dir.path(), |name, shape| {
        name.starts_with("bert.")
            .then(|| (name.to_owned(), shape.to_vec()))
    });
    let (bare, _) = load(&folder, N_LABELS, Pooling::Cls).expect("it loads");
    assert_eq!(restarted.snapshot(), bare.snapshot());
    let batch = tiny::batch(&tiny::ROWS);
    let logits = |encoder: &Encoder| encoder.forward(&batch).expect("the rows are fine");
    assert_eq!(logits(&restarted), logits(&bare));
}

#[test]
fn mean_pooling_takes_no_head_from_a_classifier() {
    let (_dir, folder) = tiny::folder(&tiny::config(Family::Bert));
    let (_, report) = load(&folder, N_LABELS, Pooling::Mean).expect("it loads");
    assert_eq!(report.fresh, ["linear.weight", "linear.bias"]);
    assert!(!report.kept_head);
}

#[test]
fn leftovers_of_pretraining_are_ignored() {
    let (dir, _) = tiny::folder(&tiny::config(Family::Bert));
    let folder = rewrite(dir.path(), |name, shape| match name {
        // Nothing needs the second bias of this name any more.
        "classifier.bias" => Some(("cls.predictions.bias".to_owned(), shape.to_vec())),
        _ => Some((name.to_owned(), shape.to_vec())),
    });
    let (_, report) = load(&folder, N_LABELS, Pooling::Cls).expect("it loads");
    assert!(report.notes.is_empty());
    // Half an output layer is none.
    assert_eq!(report.fresh, ["classifier.weight", "classifier.bias"]);
}

#[test]
fn a_missing_weight_is_named_with_what_there_is() {
    let (dir, _) = tiny::folder(&tiny::config(Family::Bert));
    let missing = "bert.encoder.layer.1.output.dense.weight";
    let folder = rewrite(dir.path(), |name, shape| {
        (name != missing).then(|| (name.to_owned(), shape.to_vec()))
    });
    let error = load(&folder, N_LABELS, Pooling::Cls)
        .err()
        .expect("a weight is missing");
    let message = error.to_string();
    assert!(
        message.contains(&format!("model.safetensors: weight `{missing}` is missing")),
        "{message}"
    );
    assert!(
        message.contains("the file has `bert.embeddings.LayerNorm.bias`"),
        "{message}"
    );
    assert!(message.ends_with("more"), "{message}");
    assert!(error.hint().is_some());
}

#[test]
fn a_weight_of_another_shape_is_an_error_with_both() {
    let mut config = tiny::config(Family::Bert);
    let (dir, _) = tiny::folder(&config);
    tiny::merge(&mut config, json!({"intermediate_size": 14}));
    fs::write(dir.path().join("config.json"), config.to_string()).expect("written");
    let folder = ModelFolder::open(dir.path(), None).expect("still a folder");
    let error = load(&folder, N_LABELS, Pooling::Cls)
        .err()
        .expect("the shapes differ");
    let expected = "weight `bert.encoder.layer.0.intermediate.dense.weight` is [13, 20]; \
                    config.json makes it [14, 20]";
    assert!(error.to_string().ends_with(expected), "{error}");
}

#[test]
fn no_labels_is_an_error() {
    let (_dir, folder) = tiny::folder(&tiny::config(Family::Bert));
    assert!(matches!(
        load(&folder, 0, Pooling::Cls),
        Err(EncoderError::NoLabels)
    ));
}
