//! Encoders and models that cannot be read: exit code 1, and a message that says where and what.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::program::{Place, Run, config, reviews, text, tiny_bert, train_args, trained};

/// `train` with the folder `encoder` of `place` fails with `parts` and writes nothing.
#[track_caller]
fn assert_cannot_train(place: &Place, encoder: &str, parts: &[&str]) {
    let before = place.names();
    let args = train_args(&reviews(), Path::new(encoder), "model", &["--epochs", "1"]);
    place.run(&args).fails_with(parts);
    assert_eq!(place.names(), before, "nothing is written");
}

/// A copy of the tiny encoder whose config.json is changed.
fn with_config(place: &Place, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    place.copy(&tiny_bert(), "encoder");
    let mut config = config(&tiny_bert());
    change(config.as_object_mut().unwrap());
    place.file("encoder/config.json", config.to_string());
}

#[test]
fn a_folder_that_is_not_there_may_be_a_name_of_the_hub() {
    let place = Place::new();
    assert_cannot_train(
        &place,
        "camembert-base",
        &[
            "there is no folder `camembert-base`; names of the Hugging Face hub are not resolved yet",
            "hint: fetch it with `hf download camembert-base",
        ],
    );
    assert_cannot_train(
        &place,
        "./no/such/folder",
        &[
            "./no/such/folder: there is no such folder",
            "hint: pass a folder",
        ],
    );
    place.file("file", "");
    assert_cannot_train(
        &place,
        "./file",
        &["file: this is a file; a model is a folder"],
    );
}

#[test]
fn a_config_without_a_family_needs_one_named() {
    let place = Place::new();
    with_config(&place, |config| {
        config.remove("model_type");
    });
    assert_cannot_train(
        &place,
        "encoder",
        &[
            "there is no `model_type`",
            "hint: to say what it is, pass `--family`",
        ],
    );
    let args = train_args(
        &reviews(),
        Path::new("encoder"),
        "model",
        &["--family", "bert", "--epochs", "1"],
    );
    place.run(&args).succeeds();
    assert_eq!(
        config(&place.path("model"))["model_type"],
        "bert",
        "what was said is kept"
    );
    place
        .run(&["evaluate", "model", &text(&reviews())])
        .succeeds();
}

#[test]
fn what_is_not_supported_comes_with_what_is() {
    let cases: [(&str, Value, &[&str]); 5] = [
        (
            "model_type",
            json!("modernbert"),
            &[
                "`modernbert`",
                "`bert`, `roberta`, `camembert`, `xlm-roberta`, `distilbert`, `electra`",
            ],
        ),
        (
            "position_embedding_type",
            json!("relative_key"),
            &["`relative_key`", "absolute"],
        ),
        ("hidden_act", json!("mish"), &["`mish`", "gelu_new", "silu"]),
        (
            "num_attention_heads",
            json!(5),
            &["5 attention heads do not divide the width 32"],
        ),
        ("hidden_size", json!("wide"), &["`hidden_size`"]),
    ];
    for (key, value, parts) in cases {
        let place = Place::new();
        with_config(&place, |config| {
            config.insert(key.into(), value);
        });
        assert_cannot_train(&place, "encoder", parts);
    }
}

#[test]
fn a_config_that_is_no_object_is_refused() {
    for content in ["", "[]", "{\"model_type\": \"bert\"", "\u{feff}nothing"] {
        let place = Place::new();
        place.copy(&tiny_bert(), "encoder");
        place.file("encoder/config.json", content);
        assert_cannot_train(&place, "encoder", &["encoder/config.json: "]);
    }
}

#[test]
fn a_file_that_is_missing_is_named_with_what_is_there() {
    let place = Place::new();
    let encoder = place.copy(&tiny_bert(), "encoder");
    fs::remove_file(encoder.join("vocab.txt")).unwrap();
    assert_cannot_train(
        &place,
        "encoder",
        &["encoder: no tokenizer here for model_type `bert`"],
    );
    fs::remove_file(encoder.join("model.safetensors")).unwrap();
    place.file(
        "encoder/vocab.txt",
        fs::read(tiny_bert().join("vocab.txt")).unwrap(),
    );
    assert_cannot_train(
        &place,
        "encoder",
        &["encoder: there is no model.safetensors", "vocab.txt"],
    );
}

#[test]
fn weights_that_lie_are_refused() {
    let whole = fs::read(tiny_bert().join("model.safetensors")).unwrap();
    let lie = |length: u64| [&length.to_le_bytes(), &whole[8..]].concat();
    let cases: [(&str, Vec<u8>); 7] = [
        ("empty", vec![]),
        ("cut within the length", whole[..5].into()),
        ("cut within the header", whole[..200].into()),
        ("cut within the values", whole[..whole.len() - 100].into()),
        ("a header longer than the file", lie(whole.len() as u64)),
        ("a header longer than any memory", lie(u64::MAX)),
        ("a header of nothing", lie(0)),
    ];
    for (name, content) in cases {
        let place = Place::new();
        place.copy(&tiny_bert(), "encoder");
        place.file("encoder/model.safetensors", content);
        println!("{name}");
        assert_cannot_train(
            &place,
            "encoder",
            &["encoder/model.safetensors: ", "hint: "],
        );
    }
    let place = Place::new();
    place.copy(&tiny_bert(), "encoder");
    place.file(
        "encoder/model.safetensors",
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 90\n",
    );
    assert_cannot_train(
        &place,
        "encoder",
        &[
            "this is a git-lfs pointer",
            "hint: in the cloned folder, run `git lfs",
        ],
    );
}

#[test]
fn weights_of_another_shape_are_shown_with_both_sides() {
    let place = Place::new();
    with_config(&place, |config| {
        config.insert("intermediate_size".into(), json!(64));
    });
    assert_cannot_train(
        &place,
        "encoder",
        &["model.safetensors: weight `", "[48, 32]", "[64, 32]"],
    );
}

#[test]
fn a_pickle_that_calls_something_is_refused() {
    for hostile in ["hostile-zip", "hostile-legacy"] {
        let place = Place::new();
        let encoder = place.copy(&tiny_bert(), "encoder");
        fs::remove_file(encoder.join("model.safetensors")).unwrap();
        let golden =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../multihot-checkpoint/tests/golden");
        let pickle = golden.join(hostile).join("pytorch_model.bin");
        fs::copy(pickle, encoder.join("pytorch_model.bin")).unwrap();
        assert_cannot_train(
            &place,
            "encoder",
            &["tries to call `", "only tensors are read", "hint: "],
        );
    }
}

#[test]
fn a_token_past_the_embedding_is_named() {
    let place = Place::new();
    let encoder = place.copy(&tiny_bert(), "encoder");
    let vocabulary = fs::read_to_string(encoder.join("vocab.txt")).unwrap();
    place.file("encoder/vocab.txt", vocabulary + "zeppelin\n");
    place.file(
        "t.csv",
        format!("text,sports\n{}a zeppelin,1\n", "x,0\ny,1\n".repeat(9)),
    );
    let args = train_args(
        Path::new("t.csv"),
        Path::new("encoder"),
        "model",
        &["--epochs", "1"],
    );
    place
        .run(&args)
        .fails_with(&["token `zeppelin` has id 151; the embedding has 151 rows"]);
    assert_eq!(place.names(), ["encoder", "t.csv"]);
}

#[test]
fn an_encoder_answers_nothing_before_it_is_trained() {
    let place = Place::new();
    place.copy(&tiny_bert(), "encoder");
    for command in ["evaluate", "predict"] {
        place
            .run(&[command, "encoder", &text(&reviews())])
            .fails_with(&[
                "this is an encoder without answers",
                "hint: train it first: `multihot train TABLE --encoder encoder --out MODEL`",
            ]);
    }
}

#[test]
fn a_folder_of_another_program_is_read_as_it_says() {
    let place = Place::new();
    place.copy(trained(), "model");
    let mut changed = config(trained());
    changed.as_object_mut().unwrap().remove("multihot");
    changed["problem_type"] = json!("regression");
    place.file("model/config.json", changed.to_string());
    place
        .run(&["predict", "model", &text(&reviews())])
        .fails_with(&["`problem_type` is `regression`", "hint: "]);

    // Without our key, but said to be multi-label, it is a classifier like any of Transformers',
    // which has no decisions of its own.
    changed["problem_type"] = json!("multi_label_classification");
    place.file("model/config.json", changed.to_string());
    let found = place
        .run(&["predict", "model", &text(&reviews()), "--format", "jsonl"])
        .succeeds();
    let expected = place
        .run(&[
            "predict",
            &text(&place.calibrated()),
            &text(&reviews()),
            "--raw",
            "--format",
            "jsonl",
        ])
        .succeeds();
    let first = |run: &Run, key: &str| {
        let line = run.stdout.lines().next().unwrap().to_owned();
        serde_json::from_str::<Value>(&line).unwrap()[key].clone()
    };
    assert_eq!(first(&found, "calibrated"), json!(false));
    assert_eq!(first(&expected, "calibrated"), json!(true));
    let own = first(&found, "probabilities");
    assert_eq!(own, first(&expected, "raw_probabilities"));
}

#[test]
fn what_is_stored_under_our_key_is_checked() {
    let cases: [(&str, Value, &str); 9] = [
        (
            "distortion",
            json!({"bent": {"loss": "bce", "label_smoothing": 0.1, "labels": []}}),
            "`distortion` has 0 labels; expected 3",
        ),
        ("distortion", json!("crooked"), "unknown variant `crooked`"),
        (
            "version",
            json!(99),
            "`version` is 99; this program reads 1",
        ),
        ("shifts", json!([0.0]), "3 labels and 1 shifts"),
        (
            "max_length",
            json!(100_000),
            "`max_length` is 100000; expected 3 to 64",
        ),
        (
            "windows",
            json!({"stride": 65, "pooling": "max"}),
            "the `stride` of `windows` is 65; expected 1 to 64, the size of a window",
        ),
        (
            "windows",
            json!({"stride": 9, "pooling": "median"}),
            "unknown variant `median`",
        ),
        ("truncation", json!("top"), "unknown variant `top`"),
        ("labels", json!("sports"), "`multihot` in config.json: "),
    ];
    for (key, value, part) in cases {
        let place = Place::new();
        place.copy(trained(), "model");
        let mut changed = config(trained());
        changed["multihot"][key] = value;
        place.file("model/config.json", changed.to_string());
        place
            .run(&["predict", "model", &text(&reviews())])
            .fails_with(&[part]);
    }
}
