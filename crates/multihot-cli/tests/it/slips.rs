//! Slips of the finger: nothing is lost by them, and what is said can be typed.

use std::fs;

use crate::program::{Place, reviews, text, trained};

const FRENCH: &str = "\u{feff}avis;sport;économie\n\
    le match;O;N\nla bourse;N;O\nle club en bourse;O;O\nil pleut;N;N\n\
    la finale;O;N\nla banque;N;O\n";

#[test]
fn what_is_read_is_not_written_over() {
    let place = Place::new();
    let model = text(&place.copy(trained(), "model"));
    let before = "text\na text\n";
    let table = place.file("t.csv", before);
    let linked = place.path("link.csv");
    std::os::unix::fs::symlink(&table, &linked).unwrap();
    for output in ["t.csv", "./t.csv", "link.csv"] {
        let run = place.run(&["predict", &model, "t.csv", "--output", output]);
        let run = run.ends_with(2);
        run.says(&["error: t.csv is read, and `--output", "would replace it"]);
        run.says(&["hint: pass another `--output`"]);
    }
    let pattern = place.run(&["predict", &model, "t*.csv", "--output", "t.csv"]);
    pattern.ends_with(2);
    let report = place.run(&["evaluate", &model, "t.csv", "--report", "t.csv"]);
    report.ends_with(2).says(&["a report is a page", ".html"]);
    assert_eq!(fs::read_to_string(&table).unwrap(), before);

    let scores = place.file("model/scores.csv", fs::read(reviews()).unwrap());
    let run = place.train(&scores, "model", &["--overwrite"]).ends_with(2);
    run.says(&["scores.csv is read, and `--out model` would replace it"]);
    assert!(scores.is_file());
}

#[test]
fn answers_are_written_in_the_format_that_the_name_promises_or_not_at_all() {
    let place = Place::new();
    let model = text(trained());
    place.file("t.csv", "text\na text\n");
    for name in ["a.xls", "a.ods", "a.tsv", "a.txt", "a.json"] {
        let run = place.run(&["predict", &model, "t.csv", "--output", name]);
        let run = run.ends_with(2);
        run.says(&["error: no answers are written as .", &name[2..]]);
        run.says(&["hint: name a file that ends in .csv, .jsonl, .parquet or .xlsx"]);
    }
    let said = [
        "predict", &model, "t.csv", "--output", "a.txt", "--format", "csv",
    ];
    place.run(&said).succeeds();
    assert_eq!(place.names(), ["a.txt", "t.csv"]);
}

#[test]
fn empty_texts_are_answered_with_a_warning() {
    let place = Place::new();
    let model = text(trained());
    place.file("t.csv", "text\na text\n\"\"\n\u{a0}\n");
    let run = place.run(&["predict", &model, "t.csv", "--output", "a.csv", "--json"]);
    let run = run.succeeds();
    run.says(&["warning: empty texts, whose answers say nothing: 2 of 3"]);
    assert_eq!(run.json()["empty_texts"], 2);
}

#[test]
fn a_name_that_is_nearly_there_is_offered() {
    let place = Place::new();
    place.copy(trained(), "model");
    place.file("avis.csv", "text\na text\n");
    fs::create_dir(place.path("parts")).unwrap();
    let cases: [(&[&str], &str, &str); 4] = [
        (
            &["predict", "modle", "avis.csv"],
            "error: there is no folder `modle`",
            "hint: did you mean `model`?",
        ),
        (
            &["predict", "model", "avsi.csv"],
            "error: cannot open `avsi.csv`",
            "hint: did you mean `avis.csv`?",
        ),
        (
            &["predict", "model", "parts"],
            "error: cannot open `parts`",
            "hint: a folder is no table; all tables in it are 'parts/*.csv'",
        ),
        (
            &["split", "avis.csv", "--out", "p", "--dev", "0,2"],
            "error: invalid value '0,2' for '--dev <SHARE>'",
            "numbers are written with a point: `0.2`",
        ),
    ];
    for (args, error, hint) in cases {
        let run = place.run(args);
        assert_ne!(run.code, Some(0), "{args:?}");
        run.says(&[error]);
        run.says(&[hint]);
    }
    place.file("home", "dear");
    let run = place.train(&reviews(), "home", &[]);
    run.fails_with(&["home", "hint: pass another `--out`"]);
}

#[test]
fn a_french_table_is_split_and_the_advice_can_be_typed() {
    let place = Place::new();
    place.file("avis.csv", FRENCH);
    let run = place
        .run(&[
            "split",
            "avis.csv",
            "--text",
            "avis",
            "--out",
            "les parts",
            "--dev",
            "0.3",
        ])
        .succeeds();
    let advice = run.stdout.lines().last().unwrap();
    let expected = "try `multihot train 'les parts/train.csv' --dev 'les parts/dev.csv' --text avis \
                    --encoder FOLDER --out MODEL`";
    assert_eq!(advice, expected);
    place
        .train(
            &place.path("les parts/train.csv"),
            "modèle",
            &[
                "--dev",
                "les parts/dev.csv",
                "--text",
                "avis",
                "--epochs",
                "1",
                "--no-baseline",
            ],
        )
        .succeeds();
    // Without a word about it, a table on standard input is one where its first line says so.
    let run = place.run_with_input(&["predict", "modèle", "-", "--format", "jsonl"], FRENCH);
    let run = run.succeeds();
    run.says(&["read as csv, as its first line names a column `avis`"]);
    assert_eq!(run.stdout.lines().count(), 6);
}

#[test]
fn names_and_words_with_a_comma_or_a_blank_can_be_said() {
    let place = Place::new();
    let rows: String = (0..12)
        .map(|i| format!("u{i},{}\n", if i % 2 == 0 { "oui" } else { "non" }))
        .collect();
    let table = format!("\"Avis, libre\",sport\n{rows}v,\"oui, mais\"\n");
    place.file("t.csv", table);
    let text = ["inspect", "t.csv", "--text", "\"Avis, libre\""];
    let run = place.run(&text);
    run.fails_with(&[
        "holds yes/no words in 12 of 13 cells",
        "--unknown '\"oui, mais\"'",
    ]);
    let said = [&text[..], &["--unknown", "\"oui, mais\"", "--json"]].concat();
    let run = place.run(&said);
    assert_eq!(run.json()["labels"][0]["yes"], 6, "{}", run.stderr);
    assert_eq!(run.json()["labels"][0]["unknown"], 1);
}

#[test]
fn scores_are_read_from_cells_as_options_say() {
    let place = Place::new();
    let model = text(trained());
    let table = text(&reviews());
    let predict = |name: &str| {
        place
            .run(&["predict", &model, &table, "--logits", "--output", name])
            .succeeds()
    };
    let evaluate = |name: &str, more: &[&str]| {
        place.run(&[&["evaluate", &model, name, "--scores", "--json"], more].concat())
    };
    for name in ["s.jsonl", "s.parquet"] {
        predict(name);
        evaluate(name, &[]).fails_with(&[
            &format!("{name} is no table of cells, as scores are read from"),
            "hint: write them as `--output SCORES.csv` or .xlsx",
        ]);
    }
    predict("s.csv");
    let figures = evaluate("s.csv", &[]).figures();
    predict("s.xlsx");
    let sheet = evaluate("s.xlsx", &["--sheet", "predictions"]);
    assert_eq!(sheet.figures(), figures);
    evaluate("s.xlsx", &["--sheet", "prediction"])
        .fails_with(&["did you mean `--sheet predictions`?"]);
    evaluate("s.csv", &["--text", "text"])
        .ends_with(2)
        .says(&["'--scores' cannot be used with"]);
}
