//! What `train` writes: a folder that Transformers or sentence-transformers reads.

use std::fs;

use serde_json::{Value, json};

use crate::program::{Place, Run, config, names, reviews, tensors, text, tiny_bert, trained};

/// config.json says in Transformers' words what the model is.
fn assert_is_a_multi_label_classifier(config: &Value) {
    assert_eq!(
        config["architectures"],
        json!(["BertForSequenceClassification"])
    );
    assert_eq!(config["problem_type"], "multi_label_classification");
    assert_eq!(config["torch_dtype"], "float32");
    assert_eq!(config.get("dtype"), None, "the encoder's own is stale");
    assert_eq!(config.get("num_labels"), None, "`id2label` says it");
}

#[test]
fn config_json_names_the_labels_for_transformers_and_keeps_the_rest_nested() {
    let config = config(trained());
    assert_is_a_multi_label_classifier(&config);
    assert_eq!(
        config["id2label"],
        json!({"0": "positive", "1": "sports", "2": "business"})
    );
    assert_eq!(
        config["label2id"],
        json!({"positive": 0, "sports": 1, "business": 2})
    );

    let ours = &config["multihot"];
    // Neither relations nor windows: any program that knows decisions may read it.
    assert_eq!(ours["version"], 2);
    assert_eq!(ours["labels"], json!(["positive", "sports", "business"]));
    assert_eq!(ours["text_column"], "text");
    assert_eq!(ours["max_length"], 64);
    assert_eq!(ours["pooling"], "cls");
    assert_eq!(ours["shifts"], json!([0.0, 0.0, 0.0]));
    assert_eq!(ours["plan"]["epochs"], 2);
    assert_eq!(ours["plan"]["precision"], "f32");
    let decisions = ours["decisions"]["labels"].as_array().unwrap();
    for (decision, label) in decisions.iter().zip(["positive", "sports", "business"]) {
        assert_eq!(decision["label"], label);
        assert_eq!(decision["objective"], "f1");
        assert!(["own", "shared", "default"].contains(&decision["basis"].as_str().unwrap()));
        assert!(decision["calibration"]["method"].is_string());
        assert!((0.0..1.0).contains(&decision["threshold"].as_f64().unwrap()));
    }

    let encoder = crate::program::config(&tiny_bert());
    for (key, value) in encoder.as_object().unwrap() {
        if !["architectures", "dtype"].contains(&key.as_str()) {
            assert_eq!(&config[key], value, "`{key}` is the encoder's");
        }
    }
}

#[test]
fn one_label_is_a_multi_label_model_too() {
    let place = Place::new();
    let run = place
        .train(
            &reviews(),
            "model",
            &["--labels", "sports", "--epochs", "1"],
        )
        .succeeds();
    run.says(&["note: one label only"]);
    let config = config(&place.path("model"));
    assert_is_a_multi_label_classifier(&config);
    assert_eq!(config["id2label"], json!({"0": "sports"}));
    assert_eq!(config["label2id"], json!({"sports": 0}));
    let args = ["evaluate", "model", &text(&reviews()), "--json"];
    let evaluation = place.run(&args).succeeds().json();
    assert_eq!(evaluation["labels"].as_object().unwrap().len(), 1);
}

#[test]
fn the_weights_have_the_names_that_transformers_gives_them() {
    let written = tensors(&trained().join("model.safetensors"));
    let mut expected: Vec<String> = tensors(&tiny_bert().join("model.safetensors"))
        .keys()
        .map(|name| format!("bert.{name}"))
        .chain(["classifier.weight".into(), "classifier.bias".into()])
        .collect();
    expected.sort();
    assert_eq!(written.keys().cloned().collect::<Vec<_>>(), expected);
    // Three labels, 32 wide, four bytes a value.
    assert_eq!(written["classifier.weight"].len(), 3 * 32 * 4);
}

#[test]
fn the_tokenizers_files_are_copied_as_they_are() {
    let read = |folder: &std::path::Path| fs::read(folder.join("vocab.txt")).unwrap();
    assert!(read(trained()) == read(&tiny_bert()));
}

#[test]
fn a_mean_pooled_model_is_written_for_sentence_transformers_and_reads_back_the_same() {
    let place = Place::new();
    let dev = text(&reviews());
    let options = [
        "--pooling",
        "mean",
        "--dev",
        &dev,
        "--epochs",
        "2",
        "--learning-rate",
        "1e-3",
        "--json",
    ];
    let run = place.train(&reviews(), "model", &options).succeeds();
    let model = place.path("model");
    let expected = [
        "1_Pooling",
        "2_Dense",
        "config.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
        "training.jsonl",
        "tuning.json",
        "vocab.txt",
    ];
    assert_eq!(names(&model), expected);
    assert_eq!(
        names(&model.join("2_Dense")),
        ["config.json", "model.safetensors"]
    );
    let config = config(&model);
    assert_eq!(config["architectures"], json!(["BertModel"]));
    assert_eq!(config["multihot"]["pooling"], "mean");
    assert_eq!(config["torch_dtype"], "float32");
    assert_eq!(config.get("dtype"), None);
    let head = tensors(&model.join("2_Dense/model.safetensors"));
    assert_eq!(
        head.keys().collect::<Vec<_>>(),
        ["linear.bias", "linear.weight"]
    );

    // The dev rows again, through the folder this time, in the number type of the training.
    let evaluation = place
        .run(&[
            "evaluate",
            "model",
            &dev,
            "--json",
            "--precision",
            "auto",
            "--bootstrap",
            "0",
        ])
        .figures();
    assert_eq!(evaluation, run.json()["dev"]);
    let run = place.run(&["predict", "model", &dev]).succeeds();
    assert_eq!(run.stdout.lines().count(), 121);
    let run = place.run(&["inspect", "model"]).succeeds();
    assert!(run.stdout.contains("pooling     mean"), "{}", run.stdout);
}

#[test]
fn the_program_says_which_layout_it_wrote() {
    let place = Place::new();
    let says = |run: &Run, word: &str| {
        assert!(
            format!("{}{}", run.stdout, run.stderr).contains(word),
            "{run:#?}"
        )
    };
    let mean = place
        .train(&reviews(), "mean", &["--pooling", "mean", "--epochs", "1"])
        .succeeds();
    says(&mean, "sentence-transformers");
    let cls = place
        .train(&reviews(), "cls", &["--epochs", "1"])
        .succeeds();
    says(&cls, "BertForSequenceClassification");
}

#[test]
fn an_encoder_trained_with_mean_pooling_brings_a_hint() {
    let place = Place::new();
    let encoder = place.copy(&tiny_bert(), "encoder");
    fs::create_dir(encoder.join("1_Pooling")).unwrap();
    let pooling = json!({"word_embedding_dimension": 32, "pooling_mode_mean_tokens": true});
    place.file("encoder/1_Pooling/config.json", pooling.to_string());
    let modules = json!([
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]);
    place.file("encoder/modules.json", modules.to_string());
    let args = crate::program::train_args(&reviews(), &encoder, "model", &["--epochs", "1"]);
    let run = place.run(&args).succeeds();
    run.says(&["this encoder was trained with mean pooling: `--pooling mean` may do better"]);
}

#[test]
fn a_finished_model_is_its_own_dev_figures() {
    let place = Place::new();
    let dev = text(&reviews());
    let run = place.train(
        &reviews(),
        "model",
        &[
            "--dev",
            &dev,
            "--epochs",
            "2",
            "--pos-weight",
            "auto",
            "--json",
        ],
    );
    let told = run.succeeds().json()["dev"].clone();
    let found = place
        .run(&[
            "evaluate",
            "model",
            &dev,
            "--json",
            "--precision",
            "auto",
            "--bootstrap",
            "0",
        ])
        .figures();
    assert_eq!(found, told, "the kept epoch, with the bias as it is saved");
}
