//! `multihot train`: what it prints, and what its options do to the model.

use std::fs;

use serde_json::{Value, json};

use crate::program::{
    Place, config, floats, names, reviews, tensors, text, tiny_bert, train_args, trained, weights,
    without_figures,
};

/// Options that leave every parameter where it starts.
const STANDSTILL: [&str; 6] = [
    "--epochs",
    "1",
    "--learning-rate",
    "0",
    "--head-learning-rate",
    "0",
];

#[test]
fn a_training_shows_what_it_found_what_it_does_and_what_came_of_it() {
    let place = Place::new();
    let table = reviews();
    let dev = text(&table);
    let options = [
        "--dev",
        &dev,
        "--epochs",
        "4",
        "--learning-rate",
        "1e-3",
        "--batch-rows",
        "8",
        "--seed",
        "5",
        "--precision",
        "f32",
    ];
    let run = place.train(&table, "model", &options).succeeds();

    let detection = format!(
        "{dev}: 120 rows, text in `text`, id in `id`
  positive  yes 52  no 63  unknown 5
  sports    yes 41  no 73  unknown 6
  business  yes 37  no 77  unknown 6\n"
    );
    let expected = format!(
        "{detection}{detection}note: 120 rows to learn from, 120 held out
4 epochs, 60 updates; learning rate #, head #; rows up to 64 tokens; f32; seed 5
note: started afresh: classifier.weight, classifier.bias
epoch 1: train loss #  dev loss #  dev macro average precision #
epoch 2: train loss #  dev loss #  dev macro average precision #
epoch 3: train loss #  dev loss #  dev macro average precision #
epoch 4: train loss #  dev loss #  dev macro average precision #
note: the model is a BertForSequenceClassification: `AutoModelForSequenceClassification` of Transformers loads it\n"
    );
    assert_eq!(without_figures(&run.stderr), expected);

    let begins = |line: &str| {
        line.split("  ")
            .map(str::trim)
            .find(|part| !part.is_empty())
            .map(str::to_owned)
    };
    let rows: Vec<String> = run.stdout.lines().filter_map(begins).collect();
    let expected = [
        "On the 120 dev rows, on which its thresholds were chosen:",
        "precision",
        "positive",
        "sports",
        "business",
        "micro avg",
        "macro avg",
        "weighted avg",
        "samples avg",
        "macro f1, with support",
        "macro f1, all labels",
        "macro roc-auc",
        "macro average precision",
        "subset accuracy",
        "hamming loss",
        "log loss",
        "rows",
    ];
    assert_eq!(rows[..expected.len()], expected, "{}", run.stdout);
    let end: Vec<&str> = run.stdout.lines().rev().take(2).collect();
    assert_eq!(
        end[0],
        "model written to model: try `multihot predict model TABLE`"
    );
    let tally = without_figures(end[1]);
    assert!(tally.starts_with("epoch 4 of 4 kept; "), "{tally}");
    assert!(tally.contains(" tokens in # s (# tokens/s)"), "{tally}");
    assert_eq!(
        place.names(),
        ["model"],
        "no checkpoint and no temporary folder stay"
    );
    assert_eq!(
        names(&place.path("model")),
        [
            "config.json",
            "model.safetensors",
            "training.jsonl",
            "tuning.json",
            "vocab.txt"
        ]
    );
}

#[test]
fn json_is_one_object_with_the_fields_that_were_promised() {
    let place = Place::new();
    let run = place
        .train(&reviews(), "model", &["--epochs", "2", "--json"])
        .succeeds();
    let summary = run.json();
    let keys: Vec<&str> = summary
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let promised = [
        "train_tokens",
        "train_seconds",
        "train_tokens_per_second",
        "total_seconds",
        "peak_rss_bytes",
        "best_epoch",
        "epochs",
        "dev",
        "out",
        "interrupted",
        "precision",
    ];
    assert_eq!(keys[..promised.len()], promised);
    assert_eq!(summary["out"], "model");
    assert_eq!(summary["dev"]["rows"], 50);
    let rate =
        summary["train_tokens"].as_f64().unwrap() / summary["train_seconds"].as_f64().unwrap();
    let told = summary["train_tokens_per_second"].as_f64().unwrap();
    assert!((rate - told).abs() < 1e-6 * rate, "{rate} and {told}");

    let epochs = summary["epochs"].as_array().unwrap();
    assert_eq!(epochs.len(), 2);
    let keys: Vec<&str> = epochs[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "epoch",
            "train_loss",
            "dev_loss",
            "dev_macro_average_precision"
        ]
    );
    let best = summary["best_epoch"].as_u64().unwrap() as usize;
    // Calibration moves the loss and leaves the order as it is.
    let precision = &epochs[best - 1]["dev_macro_average_precision"];
    assert_eq!(precision, &summary["dev"]["macro"]["average_precision"]);
    assert_eq!(summary["tuning"]["labels"][0]["label"], "positive");

    let written = fs::read_to_string(place.path("model/training.jsonl")).unwrap();
    let lines: Vec<Value> = written
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(&lines, epochs, "training.jsonl has a line an epoch");
}

#[test]
fn the_seed_decides_and_the_number_of_threads_does_not() {
    let place = Place::new();
    let train = |out: &str, threads: &str, seed: &str| {
        let more = ["--threads", threads, "--seed", seed, "--epochs", "2"];
        let args = train_args(&reviews(), &tiny_bert(), out, &[]);
        // `--threads 1` stands there already.
        let args: Vec<&str> = args[..args.len() - 2]
            .iter()
            .map(String::as_str)
            .chain(more)
            .collect();
        place.run(&args).succeeds();
        weights(&place.path(out))
    };
    let one = train("one", "1", "3");
    assert!(one == train("again", "1", "3"), "the same once more");
    assert!(one == train("two", "2", "3"), "two threads");
    assert!(one == train("three", "3", "3"), "three threads");
    assert!(one != train("other", "1", "4"), "another seed");
}

#[test]
fn tokens_are_counted_alike_however_they_are_batched() {
    let place = Place::new();
    let tokens = |out: &str, more: &[&str]| {
        let more = [&["--epochs", "2", "--json"], more].concat();
        let summary = place.train(&reviews(), out, &more).succeeds().json();
        summary["train_tokens"].as_u64().unwrap()
    };
    let by_rows = tokens("rows", &["--batch-rows", "7"]);
    assert_eq!(by_rows, tokens("tokens", &["--batch-tokens", "200"]));
    assert_eq!(
        by_rows,
        tokens("accumulated", &["--batch-rows", "7", "--accumulation", "3"])
    );
    // 70 rows are learned from, twice, and none is longer than 12 tokens now.
    assert!(tokens("short", &["--max-length", "12"]) <= 2 * 70 * 12);
    assert_eq!(config(&place.path("short"))["multihot"]["max_length"], 12);
    assert_eq!(
        config(&place.path("tokens"))["multihot"]["plan"]["batch"],
        json!({"tokens": 200})
    );
    assert_eq!(
        config(&place.path("accumulated"))["multihot"]["plan"]["steps"],
        8
    );
}

#[test]
fn what_is_frozen_keeps_its_bits_and_the_rest_learns() {
    let before = tensors(&tiny_bert().join("model.safetensors"));
    let cases = [
        ("embeddings", vec!["embeddings."]),
        ("1", vec!["embeddings.", "encoder.layer.0."]),
        ("encoder", vec!["embeddings.", "encoder."]),
    ];
    for (freeze, frozen) in cases {
        let place = Place::new();
        place
            .train(&reviews(), "model", &["--freeze", freeze, "--epochs", "1"])
            .succeeds();
        let after = tensors(&place.path("model/model.safetensors"));
        for (name, values) in &before {
            let kept = after[&format!("bert.{name}")] == *values;
            let is_frozen = frozen.iter().any(|part| name.starts_with(part));
            assert_eq!(kept, is_frozen, "--freeze {freeze}: {name}");
        }
    }
}

#[test]
fn weights_of_the_yes_side_are_taken_out_of_the_saved_bias() {
    let place = Place::new();
    let train = |out: &str, more: &[&str]| {
        place
            .train(&reviews(), out, &[&STANDSTILL, more].concat())
            .succeeds();
        let bias = floats(&tensors(&place.path(out).join("model.safetensors"))["classifier.bias"]);
        (bias, config(&place.path(out))["multihot"].clone())
    };
    let (plain, stored) = train("plain", &[]);
    assert_eq!(stored["shifts"], json!([0.0, 0.0, 0.0]));

    place.file("weights.json", r#"{"sports": 3.5}"#);
    let (named, stored) = train("named", &["--pos-weight", "weights.json"]);
    assert_eq!(stored["shifts"][0], 0.0);
    let shift = stored["shifts"][1].as_f64().unwrap();
    assert!((shift - 3.5f64.ln()).abs() < 1e-6, "{shift}");

    let (auto, stored) = train("auto", &["--pos-weight", "auto"]);
    for label in 0..3 {
        let shift = stored["shifts"][label].as_f64().unwrap();
        let weight = stored["plan"]["positive_weights"][label].as_f64().unwrap();
        assert!((shift - weight.ln()).abs() < 1e-6, "{shift} and {weight}");
        // Nothing was learned, so each saved bias is the log-odds of the label.
        assert!(
            (named[label] - plain[label]).abs() < 1e-5,
            "{named:?} and {plain:?}"
        );
        assert!(
            (auto[label] - plain[label]).abs() < 1e-5,
            "{auto:?} and {plain:?}"
        );
    }
}

#[test]
fn every_loss_starts_at_the_base_rates_and_answers_chances() {
    let place = Place::new();
    let logits_and_chances = |out: &str, more: &[&str]| {
        let run = place
            .train(
                &reviews(),
                out,
                &[&STANDSTILL, &["--calibration", "none"][..], more].concat(),
            )
            .succeeds();
        let table = text(&reviews());
        let args = ["predict", out, &table, "--logits", "--format", "jsonl"];
        let first = place.run(&args).succeeds();
        let first: Value = serde_json::from_str(first.stdout.lines().next().unwrap()).unwrap();
        let numbers = |key: &str| -> Vec<f64> {
            let numbers = first[key].as_object().unwrap().values();
            numbers.map(|number| number.as_f64().unwrap()).collect()
        };
        (run.stderr, numbers("logits"), numbers("probabilities"))
    };
    let far = |a: &[f64], b: &[f64]| {
        let distances = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        distances.fold(0.0, f64::max)
    };
    let (plan, plain_logits, expected) = logits_and_chances("plain", &[]);
    assert!(
        plan.contains("seed 0\n"),
        "nothing on the plain loss: {plan}"
    );

    let cases: [(&[&str], &str); 5] = [
        (&["--loss", "focal"], "; focal loss (gamma 2)\n"),
        (
            &[
                "--loss",
                "focal",
                "--focal-gamma",
                "1",
                "--pos-weight",
                "auto",
            ],
            "; focal loss (gamma 1)\n",
        ),
        (
            &["--loss", "asl"],
            "; asymmetric loss (gamma 0 for yes, 4 for no; clip 0.05)\n",
        ),
        (
            &[
                "--loss",
                "asl",
                "--asl-gamma-pos",
                "1",
                "--label-smoothing",
                "0.1",
            ],
            "; asymmetric loss (gamma 1 for yes, 4 for no; clip 0.05); label smoothing 0.1\n",
        ),
        (
            &["--label-smoothing", "0.2", "--pos-weight", "auto"],
            "; label smoothing 0.2\n",
        ),
    ];
    for (index, (options, part)) in cases.into_iter().enumerate() {
        let (plan, logits, chances) = logits_and_chances(&format!("model{index}"), options);
        assert!(plan.contains(part), "`{part}` is not in: {plan}");
        // The output weights add a little to the bias, which each loss bends in its own way.
        assert!(
            far(&chances, &expected) < 0.03,
            "{options:?}: {chances:?}, {expected:?}"
        );
        assert!(
            far(&logits, &plain_logits) > 0.05,
            "{options:?}: the network's own outputs stay what they are"
        );
    }
}

#[test]
fn weights_of_the_yes_side_have_the_cap_that_is_asked_for() {
    let place = Place::new();
    let mut rows = String::from("text,rare\n");
    for row in 0..120 {
        rows += &format!("text number {row},{}\n", u8::from(row % 30 == 0));
    }
    let table = place.file("rare.csv", &rows);
    let weight = |out: &str, more: &[&str]| {
        place
            .train(
                &table,
                out,
                &[&STANDSTILL[..], &["--pos-weight", "auto"][..], more].concat(),
            )
            .succeeds();
        config(&place.path(out))["multihot"]["plan"]["positive_weights"][0]
            .as_f64()
            .unwrap()
    };
    assert!(weight("free", &[]) > 4.0);
    assert_eq!(weight("capped", &["--pos-weight-cap", "2.5"]), 2.5);
}

#[test]
fn a_model_that_a_bent_loss_trained_is_its_own_dev_figures() {
    let place = Place::new();
    let dev = text(&reviews());
    for (out, loss) in [("focal", "focal"), ("asl", "asl")] {
        // A calibration of logits that are nearly all alike rounds some of them to one.
        let mut options = vec!["--dev", &dev, "--loss", loss, "--epochs", "2", "--json"];
        options.extend(["--calibration", "none"]);
        let told = place.train(&reviews(), out, &options).succeeds().json();
        let evaluate = ["evaluate", out, &dev, "--json", "--precision", "auto"];
        let found = place
            .run(&[&evaluate[..], &["--bootstrap", "0"]].concat())
            .figures();
        assert_eq!(found, told["dev"], "{loss}");
        let args = ["evaluate", out, &dev, "--compare-precisions"];
        let shown = place.run(&args).succeeds().stdout;
        assert!(!shown.is_empty(), "{loss}");

        // Without what undoes it, the sigmoids are other numbers.
        let mut changed = config(&place.path(out));
        let distortion = changed["multihot"].as_object_mut().unwrap();
        distortion.remove("distortion").expect("it is there");
        place.file(&format!("{out}/config.json"), changed.to_string());
        let bare = place.run(&["evaluate", out, &dev, "--json", "--precision", "auto"]);
        let (bare, right) = (bare.figures(), &found);
        assert_ne!(bare["log_loss"], right["log_loss"], "{loss}");
        let rank = |figures: &Value| figures["macro"]["roc_auc"].as_f64().unwrap();
        assert!(
            (rank(&bare) - rank(right)).abs() < 1e-6,
            "{loss}: the order stays"
        );
    }
}

#[test]
fn a_folder_from_before_there_was_a_choice_of_loss_still_answers_and_trains_on() {
    let place = Place::new();
    let model = place.copy(trained(), "old");
    let mut old = config(&model);
    let stored = old["multihot"].as_object_mut().unwrap();
    stored.remove("distortion").expect("a new folder has it");
    let plan = stored["plan"].as_object_mut().unwrap();
    for key in ["loss", "label_smoothing"] {
        plan.remove(key).expect("a new plan has it");
    }
    place.file("old/config.json", old.to_string());
    let table = text(&reviews());
    let predict = |model: &str| place.run(&["predict", model, &table]).succeeds().stdout;
    assert_eq!(predict("old"), predict(&text(trained())));

    let on = |out: &str, more: &[&str]| {
        let more = [&STANDSTILL, more].concat();
        place
            .run(&train_args(&reviews(), &model, out, &more))
            .succeeds()
    };
    let same = on("same", &[]);
    assert!(!same.stderr.contains("the loss differs"), "{}", same.stderr);
    on("other", &["--loss", "focal"]).says(&["note: the loss differs from the one"]);
}

#[test]
fn weights_for_no_label_of_the_table_are_refused() {
    let place = Place::new();
    let cases = [
        (
            r#"{"spots": 2.0}"#,
            vec!["label `spots`", "positive, sports, business"],
        ),
        (r#"{"sports": 0}"#, vec!["label `sports` has weight 0"]),
        (
            r#"[1, 2]"#,
            vec!["weights.json: expected a JSON object like"],
        ),
    ];
    for (content, parts) in cases {
        place.file("weights.json", content);
        place
            .train(&reviews(), "model", &["--pos-weight", "weights.json"])
            .fails_with(&parts);
    }
    place
        .train(&reviews(), "model", &["--pos-weight", "nowhere.json"])
        .fails_with(&["nowhere.json: cannot read the weights of `--pos-weight`"]);
    assert_eq!(place.names(), ["weights.json"]);
}

#[test]
fn training_goes_on_from_a_model_where_it_stopped() {
    let place = Place::new();
    let args = train_args(&reviews(), trained(), "on", &STANDSTILL);
    let run = place.run(&args).succeeds();
    run.says(&["the folder's head answers the same labels, so its training goes on"]);
    assert!(!run.stderr.contains("started afresh"), "{}", run.stderr);
    let (before, after) = (
        trained().join("model.safetensors"),
        place.path("on/model.safetensors"),
    );
    assert_eq!(
        tensors(&before),
        tensors(&after),
        "nothing was learned, so nothing moved"
    );
}

#[test]
fn training_that_goes_on_takes_up_the_weights_of_the_yes_side() {
    let place = Place::new();
    place.file("weights.json", r#"{"sports": 3.5, "business": 0.5}"#);
    let weighted = ["--pos-weight", "weights.json"];
    place
        .train(
            &reviews(),
            "first",
            &[&["--epochs", "1"], &weighted[..]].concat(),
        )
        .succeeds();
    let more = [&STANDSTILL, &weighted[..]].concat();
    let first = place.path("first");
    place
        .run(&train_args(&reviews(), &first, "second", &more))
        .succeeds();
    let bias = |model: &str| {
        floats(&tensors(&place.path(model).join("model.safetensors"))["classifier.bias"])
    };
    for (first, second) in bias("first").iter().zip(bias("second")) {
        assert!((first - second).abs() < 1e-6, "{first} and {second}");
    }
}

#[test]
fn training_that_goes_on_pools_as_before() {
    let place = Place::new();
    place
        .train(&reviews(), "first", &["--pooling", "mean", "--epochs", "1"])
        .succeeds();
    let first = place.path("first");
    let args = train_args(&reviews(), &first, "second", &STANDSTILL);
    place.run(&args).succeeds();
    for file in ["model.safetensors", "2_Dense/model.safetensors"] {
        let tensors = |model: &str| tensors(&place.path(model).join(file));
        assert_eq!(tensors("first"), tensors("second"), "{file}");
    }
}

#[test]
fn a_model_with_other_labels_lends_its_encoder_only() {
    let place = Place::new();
    let args = train_args(
        &reviews(),
        trained(),
        "two",
        &["--labels", "sports,business", "--epochs", "1"],
    );
    place.run(&args).succeeds();
    let config = config(&place.path("two"));
    assert_eq!(config["id2label"], json!({"0": "sports", "1": "business"}));
}

#[test]
fn training_ends_early_when_it_gets_no_better_and_says_so_when_nothing_was_learned() {
    let place = Place::new();
    let options = [
        "--epochs",
        "9",
        "--patience",
        "1",
        "--learning-rate",
        "0",
        "--head-learning-rate",
        "0",
        "--json",
    ];
    let run = place.train(&reviews(), "model", &options).succeeds();
    run.says(&[
        "note: no better dev figure for 1 epoch",
        "training ends early",
    ]);
    run.says(&[
        "note: the model has collapsed to the base rates",
        "--head-learning-rate",
    ]);
    let summary = run.json();
    assert_eq!(summary["epochs"].as_array().unwrap().len(), 2);
    assert_eq!(summary["best_epoch"], 1, "the first of equals");
}

#[test]
fn what_stands_at_out_stays_unless_it_may_be_replaced() {
    let place = Place::new();
    let model = place.copy(trained(), "model");
    let before = weights(&model);
    let run = place.train(&reviews(), "model", &["--seed", "9"]);
    let run = run.fails_with(&["model: this is there already", "hint: ", "--overwrite"]);
    assert!(
        !run.stderr.contains("epoch"),
        "before training starts: {}",
        run.stderr
    );
    assert!(weights(&model) == before);

    place
        .train(
            &reviews(),
            "model",
            &["--seed", "9", "--epochs", "1", "--overwrite"],
        )
        .succeeds();
    assert!(weights(&model) != before);
    assert_eq!(place.names(), ["model"]);

    fs::create_dir(place.path("home")).unwrap();
    place.file("home/letter.txt", "dear");
    place
        .train(&reviews(), "home", &["--overwrite"])
        .fails_with(&["home: this holds no model"]);
    assert_eq!(names(&place.path("home")), ["letter.txt"]);
}

#[test]
fn a_dev_table_has_the_labels_of_the_training_table() {
    let place = Place::new();
    place.file("dev.csv", "text,positive,sports\ngood,1,0\n");
    place
        .train(&reviews(), "model", &["--dev", "dev.csv"])
        .fails_with(&["dev.csv: no column `business`", "`positive`"]);
}

#[test]
fn a_label_that_is_never_or_always_true_is_warned_of_and_has_no_figures() {
    let place = Place::new();
    let rows = (0..60).map(|i| {
        format!(
            "text number {i},{},0,1,{}\n",
            i % 2,
            if i == 0 { "1" } else { "" }
        )
    });
    let table = place.file(
        "t.csv",
        format!("text,some,never,always,once\n{}", rows.collect::<String>()),
    );
    let run = place
        .train(&table, "model", &["--epochs", "1", "--json"])
        .succeeds();
    for part in ["train", "dev"] {
        run.says(&["note: label `never` is never yes in", part]);
        run.says(&["note: label `always` is never no in", part]);
    }
    run.says(&["note: label `once` is never no in train"]);
    run.says(&["note: label `once` is never known in dev"]);
    let dev = run.json()["dev"].clone();
    for label in ["never", "always", "once"] {
        assert_eq!(dev["labels"][label]["roc_auc"], Value::Null, "{label}");
        assert_eq!(
            dev["labels"][label]["average_precision"],
            Value::Null,
            "{label}"
        );
    }
    assert_eq!(dev["labels"]["once"]["known"], 0);
    assert_eq!(dev["labels"]["once"]["log_loss"], Value::Null);
    assert_eq!(dev["macro"]["roc_auc"], dev["labels"]["some"]["roc_auc"]);
    // The smoothed log-odds: finite, and on the right side.
    let bias = floats(&tensors(&place.path("model/model.safetensors"))["classifier.bias"]);
    assert!(
        bias[1] < -3.0 && bias[2] > 3.0 && bias.iter().all(|bias| bias.is_finite()),
        "{bias:?}"
    );

    let run = place.run(&["evaluate", "model", "t.csv"]).succeeds();
    let never = run
        .stdout
        .lines()
        .find(|line| line.contains("never"))
        .unwrap();
    let figures: Vec<&str> = never.split_whitespace().skip(1).take(7).collect();
    assert_eq!(figures, ["-", "-", "-", "0", "-", "-", "-"], "{never}");
    assert!(!run.stdout.contains("NaN"), "{}", run.stdout);
}

#[test]
fn empty_texts_and_very_long_ones_are_learned_from() {
    let place = Place::new();
    let rows = (0..24).map(|i| format!("some text {i},{}\n", i % 2));
    let long = "a great game. ".repeat((1 << 20) / 14);
    let table = format!(
        "text,sports\n,1\n\"  \",0\n{long},1\n{}",
        rows.collect::<String>()
    );
    let table = place.file("t.csv", table);
    let dev = text(&reviews());
    let run = place
        .train(&table, "model", &["--dev", &dev, "--epochs", "1"])
        .succeeds();
    run.says(&["note: train: 1 of 27 texts are longer than 64 tokens and were cut"]);
    let run = place.run(&["predict", "model", "t.csv"]).succeeds();
    run.says(&["warning: 1 of 27 texts are longer than 64 tokens and were cut"]);
    assert_eq!(run.stdout.lines().count(), 28);
    assert!(
        run.stdout.contains(&long),
        "the text itself is handed on whole"
    );
}

#[test]
fn a_table_too_small_to_split_needs_a_dev_table() {
    let place = Place::new();
    let table = place.file("t.csv", "text,sports\ngoal,1\n");
    place.train(&table, "model", &[]).fails_with(&[
        "1 rows with 1 distinct texts do not suffice",
        "hint: add rows",
        "--dev",
    ]);
}

#[test]
fn folds_score_every_row_by_a_model_that_has_not_seen_it() {
    let place = Place::new();
    let options = [
        "--folds",
        "3",
        "--epochs",
        "2",
        "--json",
        "--precision",
        "f32",
    ];
    let run = place.train(&reviews(), "model", &options).succeeds();
    let summary = run.json();
    assert_eq!(summary["folds"], 3);
    assert_eq!(summary["dev"]["rows"], 120, "all rows");
    assert_eq!(summary["tuning"]["rows"], 120);
    for fold in ["fold 1 of 3", "fold 2 of 3", "fold 3 of 3"] {
        assert!(run.stderr.contains(fold), "{}", run.stderr);
    }
    assert!(
        run.stderr.contains("120 rows to learn from, 0 held out"),
        "{}",
        run.stderr
    );

    // The file beside the weights tunes the model as the training did.
    let scores = "model/out-of-fold.csv";
    let tuned = place
        .run(&["tune", "model", scores, "--scores", "--dry-run", "--json"])
        .succeeds()
        .json();
    for (again, first) in [(&tuned["labels"], &summary["tuning"]["labels"])]
        .map(|(a, b)| (a.as_array().unwrap(), b.as_array().unwrap()))
    {
        assert_eq!(again, first);
    }
    let rows = fs::read_to_string(place.path(scores)).unwrap();
    assert_eq!(rows.lines().count(), 121);
    let header = "id,positive,sports,business,logit_positive,logit_sports,logit_business";
    assert_eq!(rows.lines().next().unwrap(), header);
    assert_eq!(config(&place.path("model"))["multihot"]["plan"]["folds"], 3);
    assert_eq!(place.names(), ["model"]);

    // And no row's score is that of the model that learned from it.
    let own = place
        .run(&[
            "evaluate",
            "model",
            &text(&reviews()),
            "--json",
            "--threshold",
            "0.5",
        ])
        .succeeds()
        .json();
    assert_ne!(own["log_loss"], summary["dev"]["log_loss"]);
}

#[test]
fn folds_go_with_no_dev_table_no_resume_and_no_patience() {
    let place = Place::new();
    let dev = text(&reviews());
    for more in [["--dev", &dev], ["--patience", "1"]] {
        let args = [&["--folds", "3"][..], &more].concat();
        let run = place.train(&reviews(), "model", &args).ends_with(2);
        assert!(run.stderr.contains("--folds"), "{}", run.stderr);
    }
    for (folds, message) in [
        ("1", "`--folds` is 1; expected 2 to 100"),
        ("101", "expected 2 to 100"),
    ] {
        let run = place
            .train(&reviews(), "model", &["--folds", folds])
            .ends_with(2);
        assert!(run.stderr.contains(message), "{}", run.stderr);
    }
    let table = place.file("same.csv", "text,a\nx,1\nx,0\nx,1\n");
    place
        .train(&table, "model", &["--folds", "2"])
        .fails_with(&["cannot be split into 2 parts", "hint: "]);
    assert!(!place.path("model").exists());
}
