//! `multihot evaluate`.

use serde_json::Value;

use crate::program::{Place, Run, multihot, reviews, text, trained};

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn json_is_laid_out_as_promised() {
    let run = Run::of(
        multihot()
            .arg("evaluate")
            .args([trained(), &reviews()])
            .arg("--json"),
    )
    .succeeds();
    let evaluation = run.json();
    assert_eq!(
        keys(&evaluation),
        [
            "rows",
            "report",
            "labels",
            "macro",
            "subset_accuracy",
            "hamming_loss",
            "log_loss",
            "micro",
            "weighted",
            "samples",
            "ranking",
            "calibration",
            "intervals",
            "scoring",
            "peak_rss_bytes"
        ]
    );
    let scoring = &evaluation["scoring"];
    let promised = [
        "precision",
        "instruction_set",
        "threads",
        "tokens",
        "seconds",
        "tokens_per_second",
    ];
    assert_eq!(keys(scoring), promised);
    assert_eq!(scoring["precision"], "f32");
    assert!(scoring["tokens"].as_u64().unwrap() > 120, "{scoring}");
    assert_eq!(evaluation["rows"], 120);
    let labels = ["positive", "sports", "business"];
    let averages = [
        "micro avg",
        "macro avg",
        "weighted avg",
        "samples avg",
        "macro avg (all labels)",
        "macro avg (labels with support)",
    ];
    assert_eq!(
        keys(&evaluation["report"]),
        [&labels[..], &averages].concat()
    );
    for entry in [&labels[..], &averages].concat() {
        let entry = &evaluation["report"][entry];
        assert_eq!(keys(entry), ["precision", "recall", "f1-score", "support"]);
    }
    assert_eq!(keys(&evaluation["labels"]), labels);
    for (label, known, positives) in [
        ("positive", 115, 52),
        ("sports", 114, 41),
        ("business", 114, 37),
    ] {
        let entry = &evaluation["labels"][label];
        assert_eq!(
            keys(entry),
            [
                "roc_auc",
                "average_precision",
                "log_loss",
                "known",
                "positives",
                "threshold",
                "confusion_matrix",
                "accuracy",
                "balanced_accuracy",
                "specificity",
                "negative_predictive_value",
                "jaccard",
                "f0.5-score",
                "f2-score",
                "matthews_correlation",
                "calibration",
                "recall_at_precision_0.9",
                "precision_at_recall_0.9",
                "sensitivity_at_specificity_0.9",
                "specificity_at_sensitivity_0.9"
            ]
        );
        assert_eq!(
            keys(&entry["calibration"]),
            ["brier", "ece", "mce", "equal_width"]
        );
        assert_eq!(
            (&entry["known"], &entry["positives"]),
            (&known.into(), &positives.into())
        );
    }
    for average in ["macro", "micro", "weighted", "samples"] {
        assert_eq!(
            keys(&evaluation[average])[..3],
            ["roc_auc", "average_precision", "accuracy"],
            "{average}"
        );
    }
    assert_eq!(
        keys(&evaluation["ranking"]),
        [
            "rows_with_yes",
            "rows_with_both",
            "label_ranking_average_precision",
            "coverage_error",
            "label_ranking_loss",
            "ndcg",
            "one_error",
            "precision_at",
            "recall_at"
        ]
    );
    let intervals = &evaluation["intervals"];
    assert_eq!(
        keys(intervals),
        [
            "level",
            "replicates",
            "groups",
            "seed",
            "report",
            "labels",
            "macro",
            "subset_accuracy",
            "hamming_loss",
            "log_loss"
        ]
    );
    assert_eq!(
        (&intervals["replicates"], &intervals["groups"]),
        (&1000.into(), &120.into())
    );
    assert_eq!(
        keys(&intervals["report"]),
        [&labels[..], &averages].concat()
    );
    assert!(
        run.stderr.contains("120 rows, text in `text`"),
        "what was detected is shown: {}",
        run.stderr
    );
}

#[test]
fn the_screen_shows_a_table() {
    let run = Run::of(multihot().arg("evaluate").args([trained(), &reviews()])).succeeds();
    let lines: Vec<&str> = run.stdout.lines().collect();
    let headings: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(
        headings.join(" "),
        "precision recall f1-score support f1 interval roc-auc avg prec threshold"
    );
    assert!(
        lines[2].trim_start().starts_with("positive"),
        "{}",
        run.stdout
    );
    let rows = "rows                           120   drawn 1000 times for the 95 % intervals";
    assert!(lines.contains(&rows), "{}", run.stdout);
    assert!(lines.contains(&"calibration, mean over labels"));
    assert!(lines.iter().all(|line| line.len() <= 100), "{}", run.stdout);
    assert!(
        !run.stdout.contains('\u{1b}'),
        "no colours without a terminal"
    );
}

#[test]
fn columns_may_stand_in_another_order_and_a_format() {
    let place = Place::new();
    place.file(
        "t.csv",
        "business,note,text,sports,positive\n1,x,shares fell,0,no\n?,y,we won,yes,oui\n",
    );
    let lines = r#"{"text":"shares fell","business":true,"sports":0,"positive":"no"}
{"text":"we won","business":null,"sports":1,"positive":"oui"}
"#;
    place.file("t.jsonl", lines);
    let model = text(trained());
    let csv = place
        .run(&["evaluate", &model, "t.csv", "--json"])
        .figures();
    let jsonl = place
        .run(&["evaluate", &model, "t.jsonl", "--json"])
        .figures();
    assert_eq!(csv, jsonl);
    assert_eq!(csv["labels"]["business"]["known"], 1);
    assert_eq!(csv["labels"]["business"]["roc_auc"], Value::Null);
    let piped = place.run_with_input(&["evaluate", &model, "-", "--json"], lines);
    assert_eq!(piped.figures(), csv);
}

#[test]
fn another_text_column_is_named() {
    let place = Place::new();
    place.file("t.csv", "review,positive,sports,business\nwe won,1,1,0\n");
    let model = text(trained());
    place.run(&["evaluate", &model, "t.csv"]).fails_with(&[
        "`text`",
        "there are `review`, `positive`",
        "hint: name the column that holds the texts: `--text COLUMN`",
    ]);
    place
        .run(&["evaluate", &model, "t.csv", "--text", "review"])
        .succeeds();
}

#[test]
fn the_text_column_of_the_training_is_remembered() {
    let place = Place::new();
    let table = std::fs::read_to_string(reviews())
        .unwrap()
        .replacen("text", "review", 1);
    let table = place.file("t.csv", table);
    place
        .train(&table, "model", &["--text", "review", "--epochs", "1"])
        .succeeds();
    place.run(&["evaluate", "model", "t.csv"]).succeeds();
    place.run(&["predict", "model", "t.csv"]).succeeds();
}

#[test]
fn all_labels_of_the_model_are_asked_for() {
    let place = Place::new();
    place.file("t.csv", "text,positive,sport,business\nwe won,1,1,0\n");
    place
        .run(&["evaluate", &text(trained()), "t.csv"])
        .fails_with(&["t.csv: no column `sports`", "hint: did you mean `sport`?"]);
}

#[test]
fn a_linear_model_is_shown_beside_the_encoder() {
    let place = Place::new();
    let (model, table) = (text(trained()), text(&reviews()));
    let args = [
        "evaluate",
        &model,
        &table,
        "--baseline",
        &table,
        "--baseline-dev",
        &table,
    ];
    let shown = place.run(&args).succeeds().stdout;
    for line in [
        "this model  ",
        "linear baseline  ",
        "The encoder does not earn its keep here",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let json = place
        .run(&[&args[..], &["--json"]].concat())
        .succeeds()
        .json();
    let linear = &json["baseline"]["evaluation"]["macro"]["average_precision"];
    // It is scored on the rows it learned from, which no tiny encoder can match.
    assert!(linear.as_f64().unwrap() > 0.95, "{linear}");
    assert_eq!(json["baseline"]["tuning"]["rows"], 120);

    let args = ["evaluate", &model, &table, "--baseline", &table, "--json"];
    let json = place.run(&args).succeeds().json();
    assert_eq!(
        json["baseline"]["tuning"]["rows"], 50,
        "a part of its training table"
    );
    let run = place
        .run(&["evaluate", &model, &table, "--baseline-dev", &table])
        .ends_with(2);
    assert!(run.stderr.contains("--baseline <TABLE>"), "{}", run.stderr);
}

#[test]
fn a_threshold_for_all_labels_counts_in_each_number_type() {
    let place = Place::new();
    let (model, table) = (text(trained()), text(&reviews()));
    let evaluate = |more: &[&str]| {
        let args = ["evaluate", &model, &table, "--threshold", "0.9", "--json"];
        place.run(&[&args[..], more].concat()).succeeds().json()
    };
    let alone = evaluate(&["--bootstrap", "0"]);
    let compared = evaluate(&["--compare-precisions"]);
    for label in ["positive", "sports", "business"] {
        assert_eq!(
            compared["precisions"]["f32"]["labels"][label]["f1-score"],
            alone["report"][label]["f1-score"],
            "{label}"
        );
    }
}

#[test]
fn a_training_compares_itself_with_a_linear_model_unless_told_not_to() {
    let place = Place::new();
    let options = ["--epochs", "1", "--json"];
    let summary = place.train(&reviews(), "a", &options).succeeds().json();
    let (baseline, dev) = (&summary["baseline"], &summary["dev"]);
    assert_eq!(baseline["evaluation"]["rows"], dev["rows"]);
    assert!(baseline["features"].as_u64().unwrap() > 10);
    let options = ["--epochs", "1", "--json", "--no-baseline"];
    let summary = place.train(&reviews(), "b", &options).succeeds().json();
    assert_eq!(summary["baseline"], Value::Null);
    let options = ["--epochs", "1", "--folds", "2", "--json"];
    let summary = place.train(&reviews(), "c", &options).succeeds().json();
    assert_eq!(summary["baseline"]["evaluation"]["rows"], 120);
    let shown = place
        .train(&reviews(), "d", &["--epochs", "1"])
        .succeeds()
        .stdout;
    assert!(
        shown.contains("Beside a linear model of the same rows"),
        "{shown}"
    );
}

#[test]
fn intervals_may_be_left_out_and_drawn_otherwise() {
    let (model, table) = (text(trained()), text(&reviews()));
    let place = Place::new();
    let evaluate = |more: &[&str]| {
        let args = [&["evaluate", &model, &table, "--json"], more].concat();
        place.run(&args).figures()
    };
    let (without, first) = (
        evaluate(&["--bootstrap", "0"]),
        evaluate(&["--bootstrap", "100"]),
    );
    assert!(without.get("intervals").is_none());
    assert_eq!(first["intervals"]["replicates"], 100);
    assert_eq!(first, evaluate(&["--bootstrap", "100"]));
    let other = evaluate(&["--bootstrap", "100", "--seed", "1"]);
    assert_ne!(
        first["intervals"]["log_loss"],
        other["intervals"]["log_loss"]
    );
    assert_eq!(first["report"], other["report"]);
    let run = place
        .run(&["evaluate", &model, &table, "--bootstrap", "0"])
        .succeeds();
    assert!(!run.stdout.contains("interval"), "{}", run.stdout);
}

#[test]
fn a_label_may_be_named_like_an_average() {
    let place = Place::new();
    let table = std::fs::read_to_string(reviews())
        .unwrap()
        .replacen("sports", "micro avg", 1);
    let table = place.file("t.csv", table);
    place.train(&table, "model", &["--epochs", "1"]).succeeds();
    let evaluation = place
        .run(&["evaluate", "model", "t.csv", "--json"])
        .figures();
    let report = &evaluation["report"];
    assert_eq!(report["micro avg (label)"]["support"], 41);
    assert_eq!(report["micro avg"]["support"], 52 + 41 + 37);
    assert_eq!(evaluation["labels"]["micro avg"]["positives"], 41);
    assert_eq!(
        keys(&evaluation["intervals"]["report"])[1],
        "micro avg (label)"
    );
}
