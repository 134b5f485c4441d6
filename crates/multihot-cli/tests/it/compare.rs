//! `multihot compare`.

use serde_json::Value;

use crate::program::{Place, Run, multihot, reviews, text, trained};

#[test]
fn a_model_is_not_better_than_itself() {
    let model = text(trained());
    let table = text(&reviews());
    let run = Run::of(multihot().args(["compare", &model, &model, &table])).succeeds();
    for figure in ["f1-score", "average precision", "log loss"] {
        let words =
            "B is better on 0 of 3 labels, significant on 0; A on 0, significant on 0\n  3 equal";
        assert!(
            run.stdout.contains(&format!("\n{figure}: {words}\n")),
            "{}",
            run.stdout
        );
    }
    assert!(
        run.stdout.lines().all(|line| line.len() <= 100),
        "{}",
        run.stdout
    );
    assert!(
        !run.stdout.contains('\u{1b}'),
        "no colours without a terminal"
    );
    run.says(&["A is ", ", B is "]);
    run.says(&["120 rows, text in `text`"]);
}

#[test]
fn figures_are_those_of_evaluate_whatever_the_order_of_labels() {
    let place = Place::new();
    let labels = "business,positive,sports";
    place
        .train(&reviews(), "b", &["--epochs", "1", "--labels", labels])
        .succeeds();
    let (a, table) = (text(trained()), text(&reviews()));
    let run = place.run(&["compare", &a, "b", &table, "--json", "--bootstrap", "100"]);
    let comparison = run.succeeds().json();
    assert_eq!(comparison["bootstrap"]["replicates"], 100);
    assert_eq!(comparison["rows"], 120);
    for (key, model) in [("a", a.as_str()), ("b", "b")] {
        let args = ["evaluate", model, &table, "--json", "--bootstrap", "0"];
        let evaluation = place.run(&args).figures();
        assert!(evaluation.get("intervals").is_none());
        for label in ["positive", "sports", "business"] {
            let of = &comparison["labels"][label];
            let report = &evaluation["report"][label];
            assert_eq!(
                of["f1-score"][key], report["f1-score"],
                "{label} of {model}"
            );
            let others = &evaluation["labels"][label];
            assert_eq!(of["average_precision"][key], others["average_precision"]);
            assert_eq!(of["log_loss"][key], others["log_loss"]);
        }
        // Summed up in another order of labels.
        let is_close = |figure: &str, expected: &Value| {
            let actual = comparison["overall"][figure][key].as_f64().unwrap();
            let expected = expected.as_f64().unwrap();
            assert!((actual - expected).abs() < 1e-12, "{figure} of {model}");
        };
        let report = &evaluation["report"];
        is_close("shared_macro_f1", &report["macro avg"]["f1-score"]);
        is_close("micro_f1", &report["micro avg"]["f1-score"]);
        is_close("log_loss", &evaluation["log_loss"]);
    }
}

#[test]
fn what_the_figures_cannot_say_is_noted() {
    let place = Place::new();
    let (a, table) = (text(trained()), text(&reviews()));
    let b = text(&place.copy(trained(), "b"));
    let unsure = ["tune", &b, &table, "--unsure", "0.99"];
    place.run(&unsure).succeeds();
    let run = place
        .run(&["compare", &a, &b, &table, "--bootstrap", "100"])
        .succeeds();
    run.says(&[
        "note: B answers some texts with unsure; figures are those of its thresholds alone",
    ]);
    run.says(&["note: 100 draws are too few to call any of 3 labels significant; that takes 119"]);
}

#[test]
fn models_of_other_labels_are_refused() {
    let place = Place::new();
    let labels = "positive,sports";
    place
        .train(&reviews(), "b", &["--epochs", "1", "--labels", labels])
        .succeeds();
    let (a, table) = (text(trained()), text(&reviews()));
    place.run(&["compare", &a, "b", &table]).fails_with(&[
        "the models do not have the same labels: only A has `business`",
        "hint: compare models of the same labels",
    ]);
    place
        .run(&["compare", "b", &a, &table])
        .fails_with(&["only B has `business`"]);
}

#[test]
fn the_text_column_of_both_is_that_of_the_first() {
    let place = Place::new();
    let renamed = std::fs::read_to_string(reviews())
        .unwrap()
        .replacen("text", "review", 1);
    let renamed = place.file("t.csv", renamed);
    place
        .train(&renamed, "b", &["--text", "review", "--epochs", "1"])
        .succeeds();
    let (a, table) = (text(trained()), text(&reviews()));
    let run = place
        .run(&["compare", &a, "b", &table, "--bootstrap", "0"])
        .succeeds();
    run.says(&["note: both models read `text`; B was trained on `review`"]);
    assert!(!run.stdout.contains("significant"), "{}", run.stdout);
}
