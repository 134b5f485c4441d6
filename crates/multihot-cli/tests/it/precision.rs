//! `--precision`, `--recompute` and `--compare-precisions`.

use serde_json::{Value, json};

use crate::program::{
    Place, Run, config, reviews, text, tiny_bert, train_args, trained, weights, without_figures,
};

/// The logits of all rows of the tests' table.
fn logits(place: &Place, more: &[&str]) -> Vec<f64> {
    let (model, table) = (text(trained()), text(&reviews()));
    let args = ["predict", &model, &table, "--format", "jsonl", "--logits"];
    let run = place.run(&[&args[..], more].concat()).succeeds();
    let rows = run.stdout.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        let logits = row["logits"].as_object().unwrap().clone();
        logits.into_values().map(|logit| logit.as_f64().unwrap())
    });
    rows.flatten().collect()
}

fn largest_distance(a: &[f64], b: &[f64]) -> f64 {
    let distances = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    distances.fold(0.0, f64::max)
}

#[test]
fn predictions_in_bf16_and_int8_are_near_those_in_f32() {
    let place = Place::new();
    let exact = logits(&place, &[]);
    assert_eq!(exact, logits(&place, &["--precision", "f32"]));
    // Each operand is off by up to 2^-9 of itself in bf16, and by up to 1/254 of the largest of
    // its row in int8. Such errors are of both signs, so that a sum of 32 has a fifth of the worst
    // case; some ten products stand one behind the other, and a logit here is about 1 from 0.
    for (precision, tolerance) in [("bf16", 0.02), ("int8", 0.04)] {
        let rounded = logits(&place, &["--precision", precision]);
        let distance = largest_distance(&exact, &rounded);
        assert!(
            distance > 0.0 && distance < tolerance,
            "{precision}: {distance}"
        );
        let threads = logits(&place, &["--precision", precision, "--threads", "3"]);
        assert_eq!(rounded, threads, "{precision} at another number of threads");
    }
}

#[test]
fn auto_answers_in_bf16_or_in_f32() {
    let place = Place::new();
    let auto = logits(&place, &["--precision", "auto"]);
    let candidates = ["f32", "bf16"].map(|name| logits(&place, &["--precision", name]));
    assert!(candidates.contains(&auto));
    let mut command = place.command(&[
        "evaluate",
        &text(trained()),
        &text(&reviews()),
        "--json",
        "--precision",
        "auto",
    ]);
    // Plain Rust multiplies nothing faster than f32.
    let run = Run::of(command.env("MULTIHOT_ISA", "scalar")).succeeds();
    assert_eq!(run.json()["scoring"]["precision"], "f32");
    assert_eq!(run.json()["scoring"]["instruction_set"], "scalar");
}

#[test]
fn bf16_without_its_instructions_is_noted_once() {
    let place = Place::new();
    let (model, table) = (text(trained()), text(&reviews()));
    let train = train_args(
        &reviews(),
        &tiny_bert(),
        "model",
        &["--epochs", "1", "--precision", "bf16"],
    );
    let words = |args: &[&str]| args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>();
    let cases = [
        (train, 1),
        (
            words(&["predict", &model, &table, "--precision", "bf16"]),
            1,
        ),
        (
            words(&["evaluate", &model, &table, "--precision", "bf16"]),
            1,
        ),
        (
            words(&["predict", &model, &table, "--precision", "int8"]),
            0,
        ),
        (words(&["predict", &model, &table]), 0),
    ];
    for (args, expected) in cases {
        let run = Run::of(place.command(&args).env("MULTIHOT_ISA", "scalar")).succeeds();
        let note = "note: the instruction set `scalar` has no product of bf16";
        assert_eq!(run.stderr.matches(note).count(), expected, "{args:?}");
    }
}

#[test]
fn a_training_in_bf16_is_near_one_in_f32_and_says_what_it_was() {
    let place = Place::new();
    let train = |out: &str, precision: &str| {
        let more = ["--epochs", "2", "--json", "--precision", precision];
        let run = place.train(&reviews(), out, &more).succeeds();
        run.says(&["2 epochs, ", &format!("; {precision}; seed 0")]);
        let summary = run.json();
        assert_eq!(summary["precision"], precision);
        let plan = config(&place.path(out))["multihot"]["plan"].clone();
        assert_eq!(plan["precision"], precision, "the plan is stored");
        summary["epochs"][1]["train_loss"].as_f64().unwrap()
    };
    let (f32, bf16) = (train("f32", "f32"), train("bf16", "bf16"));
    // A loss is a mean over more than 200 cells: what rounding does to each logit (see above)
    // is all but averaged out.
    assert!((f32 - bf16).abs() < 0.002, "{f32} and {bf16}");
    assert!(weights(&place.path("f32")) != weights(&place.path("bf16")));
    // The model in the folder is f32 either way.
    let table = text(&reviews());
    for precision in ["f32", "bf16", "int8"] {
        let args = ["predict", "bf16", &table, "--precision", precision];
        place.run(&args).succeeds();
    }
}

#[test]
fn recomputing_changes_no_bit() {
    let place = Place::new();
    for precision in ["f32", "bf16"] {
        let train = |out: &str, more: &[&str]| {
            let options = ["--epochs", "2", "--precision", precision];
            let options = [&options[..], more].concat();
            place.train(&reviews(), out, &options).succeeds();
            let model = place.path(out);
            (weights(&model), config(&model))
        };
        let (kept, again) = (format!("{precision}-kept"), format!("{precision}-again"));
        assert!(train(&kept, &[]) == train(&again, &["--recompute"]));
    }
}

#[test]
fn a_comparison_shows_what_each_number_type_changes() {
    let place = Place::new();
    let args = [
        "evaluate",
        &text(trained()),
        &text(&reviews()),
        "--compare-precisions",
    ];
    let run = place.run(&args).succeeds();
    let shown: Vec<String> = without_figures(&run.stdout)
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let mut expected = Vec::new();
    for name in ["bf16", "int8"] {
        expected.extend([
            "f1-score average precision logit drift decisions".to_owned(),
            format!("f32 {name} change f32 {name} change largest mean changed"),
            String::new(),
        ]);
        expected.extend(["positive", "sports", "business", "", "macro avg", ""].map(str::to_owned));
    }
    expected.extend(
        [
            "tokens/s",
            "f32",
            "bf16",
            "int8",
            "rows 120",
            "known cells 343",
        ]
        .map(str::to_owned),
    );
    assert_eq!(shown.len(), expected.len(), "{}", run.stdout);
    for (shown, expected) in shown.iter().zip(&expected) {
        assert!(shown.starts_with(expected.as_str()), "{}", run.stdout);
        assert_eq!(shown.is_empty(), expected.is_empty(), "{}", run.stdout);
    }
    assert!(!run.stdout.contains("NaN"), "{}", run.stdout);
}

#[test]
fn a_comparison_in_json_agrees_with_evaluations_in_each_number_type() {
    let place = Place::new();
    let table = place.file(
        "t.csv",
        "text,positive,sports,business\nwe won the game,1,1,?\nshares fell,0,0,?\na good day,1,?,?\n",
    );
    for table in [&table, &reviews()] {
        let base = ["evaluate", &text(trained()), &text(table), "--json"].map(str::to_owned);
        let evaluate = |more: &[&str]| {
            let more = more.iter().map(|&arg| arg.to_owned());
            let args: Vec<String> = base.iter().cloned().chain(more).collect();
            place.run(&args).succeeds().json()
        };
        let comparison = evaluate(&["--compare-precisions"]);
        for precision in ["f32", "bf16", "int8"] {
            let alone = evaluate(&["--precision", precision]);
            let figures = &comparison["precisions"][precision];
            assert_eq!(comparison["rows"], alone["rows"]);
            assert_eq!(figures["scoring"]["precision"], precision);
            assert_eq!(figures["scoring"]["tokens"], alone["scoring"]["tokens"]);
            assert_eq!(
                figures["macro"]["average_precision"],
                alone["macro"]["average_precision"]
            );
            assert_eq!(
                figures["macro"]["f1-score"],
                alone["report"]["macro avg"]["f1-score"]
            );
            for label in ["positive", "sports", "business"] {
                let figures = &figures["labels"][label];
                assert_eq!(figures["f1-score"], alone["report"][label]["f1-score"]);
                assert_eq!(
                    figures["average_precision"],
                    alone["labels"][label]["average_precision"]
                );
                let known = alone["labels"][label]["known"] != 0;
                assert_eq!(figures["largest_drift"] != Value::Null, known, "{label}");
                if precision == "f32" && known {
                    assert_eq!(figures["largest_drift"], json!(0.0));
                    assert_eq!(figures["changed_decisions"], 0);
                }
            }
        }
    }
}
