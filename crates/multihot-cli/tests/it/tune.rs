//! `multihot tune`, and what the other commands make of it.

use std::fs;

use serde_json::{Value, json};

use crate::program::{Place, config, reviews, text, trained};

/// A copy of the trained model, to be changed.
fn model(place: &Place) -> String {
    text(&place.copy(trained(), "model"))
}

fn labels(model: &str) -> Vec<Value> {
    let config = config(model.as_ref());
    config["multihot"]["decisions"]["labels"]
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn decisions_are_replaced_and_nothing_else_of_the_folder() {
    let place = Place::new();
    let model = model(&place);
    let before = config(model.as_ref());
    let weights = fs::read(place.path("model/model.safetensors")).unwrap();
    let run = place
        .run(&[
            "tune",
            &model,
            &text(&reviews()),
            "--objective",
            "recall>=0.9",
            "--calibration",
            "temperature",
        ])
        .succeeds();
    // What thresholds are for stands before its interval.
    let objective = run.stdout.lines().find(|line| line.contains("recall>=0.9"));
    assert!(
        objective.is_some_and(|line| line.trim_start().starts_with("positive  recall>=0.9    0.")),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.lines().all(|line| line.len() <= 90),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("95 % interval"), "{}", run.stdout);
    assert!(
        run.stderr
            .ends_with(&format!("thresholds and calibrations are in {model}\n"))
    );

    let after = config(model.as_ref());
    for label in labels(&model) {
        assert_eq!(label["objective"], "recall>=0.9");
        // One of its own, as before, none of these labels may have: they share it, or none.
        let calibration = &label["calibration"];
        assert!(
            ["temperature", "none"]
                .map(Value::from)
                .contains(&calibration["method"])
        );
        assert_eq!(calibration, &labels(&model)[0]["calibration"]);
    }
    let without = |config: &Value| {
        let mut config = config.clone();
        config["multihot"]
            .as_object_mut()
            .unwrap()
            .remove("decisions");
        config
    };
    assert_eq!(without(&before), without(&after));
    assert_eq!(
        fs::read(place.path("model/model.safetensors")).unwrap(),
        weights
    );
    let tuning: Value =
        serde_json::from_slice(&fs::read(place.path("model/tuning.json")).unwrap()).unwrap();
    assert_eq!(tuning["labels"][0]["objective"], "recall>=0.9");

    // And `evaluate` decides by them.
    let evaluation = place
        .run(&["evaluate", &model, &text(&reviews()), "--json"])
        .succeeds()
        .json();
    for label in ["positive", "sports", "business"] {
        let recall = evaluation["report"][label]["recall"].as_f64().unwrap();
        assert!(recall >= 0.9, "{label}: {recall}");
    }
}

#[test]
fn a_dry_run_shows_and_changes_nothing() {
    let place = Place::new();
    let model = model(&place);
    let before = config(model.as_ref());
    let args = [
        "tune",
        &model,
        &text(&reviews()),
        "--objective",
        "fixed=0.25",
        "--dry-run",
        "--json",
    ];
    let tuning = place.run(&args).succeeds().json();
    assert_eq!(tuning["labels"][1]["threshold"], 0.25);
    assert_eq!(tuning["labels"][1]["basis"], "given");
    assert_eq!(config(model.as_ref()), before);
}

#[test]
fn stored_logits_tune_and_evaluate_as_the_texts_do() {
    let place = Place::new();
    let model = model(&place);
    let table = text(&reviews());
    place
        .run(&[
            "predict",
            &model,
            &table,
            "--logits",
            "--output",
            "scores.csv",
        ])
        .succeeds();
    let tune = |table: &str, more: &[&str]| {
        let args = ["tune", &model, table, "--json", "--dry-run"];
        place.run(&[&args[..], more].concat()).succeeds().json()
    };
    assert_eq!(tune("scores.csv", &["--scores"]), tune(&table, &[]));
    let evaluate = |table: &str, more: &[&str]| {
        let args = ["evaluate", &model, table, "--json"];
        let mut json = place.run(&[&args[..], more].concat()).succeeds().json();
        let object = json.as_object_mut().unwrap();
        object.remove("scoring");
        object.remove("peak_rss_bytes");
        json
    };
    assert_eq!(evaluate("scores.csv", &["--scores"]), evaluate(&table, &[]));

    let header = "positive,sports,business,logit_positive,logit_sports,logit_business";
    place.file("broken.csv", format!("{header}\n1,0,0,0.5,-1,NaN\n"));
    place
        .run(&["tune", &model, "broken.csv", "--scores"])
        .fails_with(&[
            "broken.csv:2: column `logit_business` holds `NaN`",
            "hint: score the table again",
        ]);
    place
        .run(&["tune", &model, &table, "--scores"])
        .fails_with(&["no column `logit_positive`", "hint: such a file is what"]);
}

#[test]
fn a_label_may_have_an_objective_of_its_own() {
    let place = Place::new();
    let model = model(&place);
    let table = text(&reviews());
    let own = [
        "--objective-for",
        "sports=precision>=0.6",
        "--objective-for",
        "business=cost=1:5",
    ];
    let args = [&["tune", &model, &table][..], &own].concat();
    place.run(&args).succeeds();
    let objectives: Vec<Value> = labels(&model)
        .iter()
        .map(|label| label["objective"].clone())
        .collect();
    assert_eq!(
        json!(objectives),
        json!(["f1", "precision>=0.6", "cost=1:5"])
    );
    place
        .run(&["tune", &model, &table, "--objective-for", "sprots=f1"])
        .fails_with(&[
            "an objective is given for label `sprots`; labels are positive, sports, business",
        ]);
    let cases = [
        ("sports", "expected a label and an objective"),
        ("sports=best", "`best` is no objective; there are `f1`"),
    ];
    for (objective, message) in cases {
        let args = ["tune", &model, &table, "--objective-for", objective];
        let run = place.run(&args).ends_with(2);
        assert!(run.stderr.contains(message), "{}", run.stderr);
    }
    // Before a training runs, not after it.
    place
        .train(&reviews(), "other", &["--objective-for", "sprots=f1"])
        .fails_with(&["an objective is given for label `sprots`"]);
}

#[test]
fn an_unsure_band_is_answered_as_such() {
    let place = Place::new();
    let model = model(&place);
    let table = text(&reviews());
    let run = place
        .run(&["tune", &model, &table, "--unsure", "0.9,0.95"])
        .succeeds();
    assert!(run.stdout.contains("right yes  right no"), "{}", run.stdout);
    let rows = place
        .run(&["predict", &model, &table, "--format", "jsonl"])
        .succeeds()
        .stdout;
    let mut n_unsure = 0;
    for row in rows.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        for label in labels(&model) {
            let name = label["label"].as_str().unwrap();
            let p = row["probabilities"][name].as_f64().unwrap();
            let is_in = |key: &str| row[key].as_array().unwrap().contains(&json!(name));
            let (from, to) = match label["unsure"].as_object() {
                Some(band) => (band["from"].as_f64().unwrap(), band["to"].as_f64().unwrap()),
                None => (
                    label["threshold"].as_f64().unwrap(),
                    label["threshold"].as_f64().unwrap(),
                ),
            };
            assert_eq!(is_in("labels"), p >= to, "{row}");
            assert_eq!(is_in("unsure"), p >= from && p < to, "{row}");
            n_unsure += usize::from(is_in("unsure"));
        }
    }
    assert!(n_unsure > 0, "the tiny model cannot be that sure");
    let csv = place.run(&["predict", &model, &table]).succeeds().stdout;
    assert!(csv.lines().next().unwrap().ends_with(",labels,unsure"));
    let csv = place
        .run(&["predict", &model, &table, "--threshold", "0.5"])
        .succeeds()
        .stdout;
    assert!(csv.lines().next().unwrap().ends_with(",labels"));
    let run = place
        .run(&["tune", &model, &table, "--unsure", "0.4"])
        .ends_with(2);
    assert!(run.stderr.contains("`0.4` is no target"), "{}", run.stderr);
}

#[test]
fn what_is_left_unsure_is_evaluated_as_such() {
    let place = Place::new();
    let model = model(&place);
    let table = text(&reviews());
    let evaluate = |more: &[&str]| {
        let args = [&["evaluate", &model, &table, "--bootstrap", "0"], more].concat();
        place.run(&args).succeeds()
    };
    place.run(&["tune", &model, &table]).succeeds();
    assert!(!evaluate(&[]).stdout.contains("unsure"));
    place
        .run(&["tune", &model, &table, "--unsure", "0.9,0.95"])
        .succeeds();
    let title = "answers with those left unsure; all other figures are those of thresholds alone";
    assert!(evaluate(&[]).stdout.contains(title));
    let rows = place
        .run(&["predict", &model, &table, "--format", "jsonl"])
        .succeeds()
        .stdout;
    let json = evaluate(&["--json"]).json();
    for label in ["positive", "sports", "business"] {
        let of = &json["labels"][label];
        let share = of["answers"]["unsure"].as_f64().unwrap();
        let known = of["known"].as_f64().unwrap();
        let unsure = rows.lines().filter(|row| {
            let row: Value = serde_json::from_str(row).unwrap();
            row["unsure"].as_array().unwrap().contains(&json!(label))
        });
        // Of the rows that are unsure at most those are that the table leaves open, too.
        let (unsure, open) = (unsure.count() as f64, 120.0 - known);
        let counted = (share * known).round();
        assert!(
            counted <= unsure && counted >= unsure - open,
            "{label}: {of}"
        );
        for side in ["yes_precision", "no_precision"] {
            assert!(of["answers"].get(side).is_some(), "{of}");
        }
    }
    let at_half = evaluate(&["--threshold", "0.5"]).stdout;
    assert!(!at_half.contains("unsure"), "{at_half}");
}

#[test]
fn scores_of_the_models_of_folds_guarantee_nothing() {
    let place = Place::new();
    let guaranteed = ["--objective", "recall>=0.5,guaranteed", "--json"];
    let options = ["--epochs", "1", "--folds", "2", "--no-baseline"];
    let run = place
        .train(&reviews(), "m", &[&options[..], &guaranteed].concat())
        .succeeds();
    let note = "label `sports`: no guarantee of recall 0.5, as its threshold is for the scores of the \
                folds' models, and another model answers";
    run.says(&[note]);
    assert_eq!(run.json()["tuning"]["labels"][1]["guaranteed"], false);
    let tune = ["tune", "m", "m/out-of-fold.csv", "--scores", "--dry-run"];
    let run = place.run(&[&tune[..], &guaranteed].concat()).succeeds();
    run.says(&[note]);
    assert_eq!(run.json()["labels"][1]["guaranteed"], false);
    let tune = ["tune", "m", &text(&reviews()), "--dry-run"];
    let run = place.run(&[&tune[..], &guaranteed].concat()).succeeds();
    assert_eq!(run.json()["labels"][1]["guaranteed"], true);
}

#[test]
fn a_folder_of_transformers_can_be_tuned_too() {
    let place = Place::new();
    let model = model(&place);
    let mut plain = config(model.as_ref());
    plain.as_object_mut().unwrap().remove("multihot");
    place.file("model/config.json", plain.to_string());
    place.run(&["tune", &model, &text(&reviews())]).succeeds();
    let tuned = config(model.as_ref());
    let ours: Vec<&String> = tuned["multihot"].as_object().unwrap().keys().collect();
    assert_eq!(ours, ["version", "decisions"]);
    let rows = place
        .run(&["predict", &model, &text(&reviews()), "--format", "jsonl"])
        .succeeds()
        .stdout;
    assert!(
        rows.lines()
            .all(|row| row.ends_with("\"calibrated\":true}"))
    );
    place
        .run(&["evaluate", &model, &text(&reviews())])
        .succeeds();
    place.run(&["inspect", &model]).succeeds();
}

#[test]
fn rows_that_tell_nothing_are_said_in_words() {
    let place = Place::new();
    let model = model(&place);
    place.file(
        "unknown.csv",
        "text,positive,sports,business\nx,,,\ny,?,NA,-1\n",
    );
    place.run(&["tune", &model, "unknown.csv"]).fails_with(&[
        "no cell of the held-out rows is known",
        "hint: fill in some answers",
    ]);
    place.file("one.csv", "text,positive,sports,business\nx,1,0,0\n");
    let run = place.run(&["tune", &model, "one.csv"]).succeeds();
    assert!(
        run.stderr
            .contains("label `sports`: only 0 held-out cells say yes"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("its threshold is 0.5"),
        "{}",
        run.stderr
    );
    place.file(
        "no.csv",
        format!("text,positive,sports,business\n{}", "x,0,0,0\n".repeat(30)),
    );
    let run = place
        .run(&[
            "tune",
            &model,
            "no.csv",
            "--objective",
            "recall>=0.9,guaranteed",
        ])
        .succeeds();
    let expected = "label `positive`: no guarantee of recall 0.9 on 0 yes cells (9 are needed)";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    for file in ["config.json", "tuning.json"] {
        let text = fs::read_to_string(place.path("model").join(file)).unwrap();
        assert!(!text.contains("NaN"), "{file}");
    }
}

#[test]
fn damaged_decisions_are_an_error() {
    let place = Place::new();
    let model = model(&place);
    let whole = config(model.as_ref());
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 5] = [
        ("`threshold` is 7; expected 0 to 1", |label| {
            label["threshold"] = json!(7.0)
        }),
        ("calibration `platt` is no rising map", |label| {
            label["calibration"] = json!({"method": "platt", "a": -1.0, "b": 0.0})
        }),
        ("unknown variant `magic`", |label| {
            label["calibration"] = json!({"method": "magic"})
        }),
        ("`unsure` goes from 0.5 to 0.25", |label| {
            label["unsure"] = json!({"from": 0.5, "to": 0.25})
        }),
        ("`best` is no objective", |label| {
            label["objective"] = json!("best")
        }),
    ];
    for (message, change) in cases {
        let mut damaged = whole.clone();
        change(&mut damaged["multihot"]["decisions"]["labels"][1]);
        place.file("model/config.json", damaged.to_string());
        place
            .run(&["predict", &model, &text(&reviews())])
            .fails_with(&["`multihot` in config.json: ", message]);
    }
    // A version of this program that knew no decisions wrote none.
    let mut old = whole;
    old["multihot"].as_object_mut().unwrap().remove("decisions");
    old["multihot"]["version"] = json!(1);
    place.file("model/config.json", old.to_string());
    let rows = place
        .run(&["predict", &model, &text(&reviews()), "--format", "jsonl"])
        .succeeds();
    assert!(
        rows.stdout
            .lines()
            .all(|row| row.ends_with("\"calibrated\":false}"))
    );
}
