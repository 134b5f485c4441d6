//! Labels in every shape, from the command line to the model's folder and back.

use serde_json::{Value, json};

use crate::program::{Place, config, text, weights};

/// 40 texts, and which of `business` and `sports` hold.
fn rows() -> Vec<(String, Vec<&'static str>)> {
    let row = |i: usize| {
        let business = i.is_multiple_of(2).then_some("business");
        let sports = i.is_multiple_of(3).then_some("sports");
        let about = [business, sports].into_iter().flatten().collect::<Vec<_>>();
        (
            format!("number {i} is about {}", about.join(" and ")),
            about,
        )
    };
    (0..40).map(row).collect()
}

fn columns() -> String {
    let line = |(text, labels): (String, Vec<&str>)| {
        let is = |label| u8::from(labels.contains(&label));
        format!("{text},{},{}\n", is("business"), is("sports"))
    };
    format!(
        "text,business,sports\n{}",
        rows().into_iter().map(line).collect::<String>()
    )
}

fn objects() -> String {
    let line = |(text, labels)| json!({"text": text, "tags": labels}).to_string() + "\n";
    rows().into_iter().map(line).collect()
}

fn with_bars(column: &str, none: &str) -> String {
    let line = |(text, labels): (String, Vec<&str>)| {
        let labels = if labels.is_empty() {
            none.to_owned()
        } else {
            labels.join("|")
        };
        format!("{text},{labels}\n")
    };
    format!(
        "text,{column}\n{}",
        rows().into_iter().map(line).collect::<String>()
    )
}

/// Labels, then the text, and no header.
fn headless() -> String {
    let line = |(text, labels): (String, Vec<&str>)| match labels.join("|") {
        none if none.is_empty() => format!("|,{text}\n"),
        labels => format!("{labels},{text}\n"),
    };
    rows().into_iter().map(line).collect()
}

/// What says where things stand in [`headless`].
const HEADLESS: [&str; 5] = ["--no-header", "--text", "2", "--labels", "1"];

fn ids() -> String {
    let line = |(text, labels): (String, Vec<&str>)| {
        let ids: Vec<usize> = labels
            .iter()
            .map(|label| usize::from(*label == "sports"))
            .collect();
        format!("{text},\"{ids:?}\"\n")
    };
    format!(
        "text,labels\n{}",
        rows().into_iter().map(line).collect::<String>()
    )
}

fn fasttext() -> String {
    let line = |(text, labels): (String, Vec<&str>)| {
        let labels: String = labels
            .iter()
            .map(|label| format!("__label__{label} "))
            .collect();
        format!("{labels}{text}\n")
    };
    rows().into_iter().map(line).collect()
}

const QUICK: [&str; 5] = ["--epochs", "1", "--precision", "f32", "--no-baseline"];

/// Trains for an epoch on the file `table`, and gives what `--json` printed.
fn train(place: &Place, table: &str, out: &str, more: &[&str]) -> Value {
    let options = [&QUICK[..], &["--json"], more].concat();
    place
        .train(&place.path(table), out, &options)
        .succeeds()
        .json()
}

#[test]
fn a_training_is_the_same_whatever_the_shape_of_its_table() {
    let place = Place::new();
    place.file("columns.csv", columns());
    place.file("objects.jsonl", objects());
    place.file("bars.csv", with_bars("labels", "|"));
    place.file("kinds.csv", with_bars("kind", "nothing"));
    place.file("ids.csv", ids());
    place.file("names.csv", "id,name\n0,business\n1,sports\n");
    place.file("lines.txt", fasttext());
    let shapes: [(&str, &[&str], &str); 6] = [
        ("columns.csv", &[], "columns"),
        ("objects.jsonl", &[], "names"),
        ("bars.csv", &[], "delimited"),
        (
            "kinds.csv",
            &["--labels", "kind", "--no", "nothing"],
            "delimited",
        ),
        (
            "ids.csv",
            &["--label-format", "ids", "--label-names", "names.csv"],
            "ids",
        ),
        (
            "lines.txt",
            &["--input-format", "lines", "--no", ""],
            "fasttext",
        ),
    ];
    train(&place, shapes[0].0, "model", &[]);
    for (table, options, format) in &shapes[1..] {
        train(
            &place,
            table,
            format,
            &[options, &["--overwrite"][..]].concat(),
        );
        let model = place.path(format);
        assert!(weights(&model) == weights(&place.path("model")), "{table}");
        assert_eq!(
            config(&model)["multihot"]["label_reading"]["format"],
            *format,
            "{table}"
        );
        // What the model remembers reads its own table, and one of columns.
        let lines: &[&str] = if *format == "fasttext" {
            &["--input-format", "lines"]
        } else {
            &[]
        };
        let evaluate = |table: &str, more: &[&str]| {
            let args = [
                &["evaluate", format, table, "--json", "--threads", "1"],
                more,
            ]
            .concat();
            place.run(&args).figures()
        };
        assert_eq!(
            evaluate(table, lines),
            evaluate("columns.csv", &[]),
            "{table}"
        );
    }
}

#[test]
fn a_table_without_a_header_is_split_learned_from_and_answered() {
    let place = Place::new();
    place.file("columns.csv", columns());
    place.file("rows.csv", headless());
    place.run(&["inspect", "rows.csv"]).fails_with(&[
        "rows.csv:1: no column `text`",
        "is the first row one like the others? `--no-header --text 2`",
    ]);
    train(&place, "columns.csv", "plain", &[]);
    train(&place, "rows.csv", "model", &HEADLESS);
    assert!(weights(&place.path("model")) == weights(&place.path("plain")));
    // The model remembers its columns by their numbers.
    let evaluate = |model: &str, table: &str, more: &[&str]| {
        let args = ["evaluate", model, table, "--json", "--threads", "1"];
        place.run(&[&args, more].concat()).figures()
    };
    assert_eq!(
        evaluate("model", "rows.csv", &["--no-header"]),
        evaluate("plain", "columns.csv", &[])
    );
    let args = [
        "predict",
        "model",
        "rows.csv",
        "--no-header",
        "--output",
        "out.csv",
    ];
    place.run(&args).succeeds();
    let answers = std::fs::read_to_string(place.path("out.csv")).unwrap();
    assert_eq!(answers.lines().count(), 41);
    assert!(
        answers.starts_with("1,2,probability_business,"),
        "{answers}"
    );
    let args = ["split", "rows.csv", "--out", "parts"];
    place.run(&[&args, &HEADLESS[..]].concat()).succeeds();
    let parts = ["train", "dev", "test"]
        .map(|part| std::fs::read_to_string(place.path(&format!("parts/{part}.csv"))).unwrap());
    assert_eq!(sorted(&parts.concat()), sorted(&headless()));
}

fn sorted(lines: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn dev_rows_and_tuning_may_have_another_shape() {
    let place = Place::new();
    place.file("objects.jsonl", objects());
    place.file("columns.csv", columns());
    let summary = train(&place, "objects.jsonl", "model", &["--dev", "columns.csv"]);
    assert_eq!(summary["dev"]["rows"], 40);
    let tune = |table: &str| {
        let args = [
            "tune",
            "model",
            table,
            "--json",
            "--dry-run",
            "--threads",
            "1",
        ];
        place.run(&args).succeeds().json()
    };
    assert_eq!(tune("columns.csv"), tune("objects.jsonl"));
    let args = [
        "compare",
        "model",
        "model",
        "objects.jsonl",
        "--threads",
        "1",
        "--bootstrap",
        "100",
    ];
    place.run(&args).succeeds();
}

#[test]
fn rows_of_weight_0_are_left_out_and_equal_weights_change_nothing() {
    let place = Place::new();
    place.file("plain.csv", columns());
    let weighted = |weight: &str, more: &str| {
        let lines = columns().replace('\n', &format!(",{weight}\n"));
        lines.replacen(&format!(",{weight}\n"), ",w\n", 1) + more
    };
    place.file("threes.csv", weighted("3", ""));
    place.file(
        "zeros.csv",
        weighted("1", "left out,1,1,0\nnobody looked,,,1\n,,,0\n"),
    );
    train(&place, "plain.csv", "plain", &[]);
    for (table, read, zero_weight, nothing_known) in
        [("threes.csv", 40, 0, 0), ("zeros.csv", 43, 2, 1)]
    {
        let summary = train(&place, table, "model", &["--weight", "w", "--overwrite"]);
        let rows = json!({"read": read, "used": 40, "empty_texts": 0,
            "skipped": {"zero_weight": zero_weight, "nothing_known": nothing_known}});
        assert_eq!(summary["rows"], rows, "{table}");
        assert!(
            weights(&place.path("model")) == weights(&place.path("plain")),
            "{table}"
        );
    }
    // And weights that differ do change something.
    let mut uneven = columns().replace('\n', ",1\n").replacen(",1\n", ",w\n", 1);
    uneven = uneven.replace("business,1,0,1\n", "business,1,0,9\n");
    place.file("uneven.csv", uneven);
    train(&place, "uneven.csv", "uneven", &["--weight", "w"]);
    assert!(weights(&place.path("uneven")) != weights(&place.path("plain")));
}

#[test]
fn chances_are_trained_toward_where_that_is_said() {
    let place = Place::new();
    place.file("hard.csv", columns());
    let soft = columns().replacen("and sports,1,1", "and sports,0.75,1", 4);
    place.file("soft.csv", &soft);
    let run = place.train(&place.path("soft.csv"), "model", &QUICK);
    run.fails_with(&[
        "column `business` holds `0.75`",
        "`--soft-targets` trains toward such",
    ]);
    train(&place, "hard.csv", "hard", &["--soft-targets"]);
    train(&place, "hard.csv", "plain", &[]);
    assert!(weights(&place.path("hard")) == weights(&place.path("plain")));
    train(&place, "soft.csv", "model", &["--soft-targets"]);
    assert!(weights(&place.path("model")) != weights(&place.path("plain")));
    // The model remembers it; a chance is a yes from 0.5 up.
    let evaluate = |table| place.run(&["evaluate", "model", table, "--json", "--threads", "1"]);
    assert_eq!(
        evaluate("soft.csv").figures(),
        evaluate("hard.csv").figures()
    );
    place
        .run(&["evaluate", "plain", "soft.csv"])
        .fails_with(&["`--soft-targets`"]);
}

#[test]
fn joined_texts_are_remembered() {
    let place = Place::new();
    let halves = columns()
        .replace(" is about", ",is about")
        .replacen("text", "title,body", 1);
    place.file("halves.csv", halves);
    place.file("whole.csv", columns());
    train(&place, "halves.csv", "model", &["--text", "title,body"]);
    train(&place, "whole.csv", "whole", &[]);
    assert!(weights(&place.path("model")) == weights(&place.path("whole")));
    assert_eq!(
        config(&place.path("model"))["multihot"]["text_column"],
        json!(["title", "body"])
    );
    assert_eq!(
        config(&place.path("whole"))["multihot"]["text_column"],
        json!("text")
    );
    let run = place
        .run(&["evaluate", "model", "halves.csv", "--threads", "1"])
        .succeeds();
    run.says(&["halves.csv: 40 rows, text in `title` + `body`, "]);
    let predict = |model, table| {
        let args = [
            "predict",
            model,
            table,
            "--format",
            "jsonl",
            "--threads",
            "1",
        ];
        place.run(&args).succeeds().stdout
    };
    assert_eq!(
        predict("model", "halves.csv"),
        predict("whole", "whole.csv")
    );
    let args = [
        "train",
        "halves.csv",
        "--encoder",
        "e",
        "--out",
        "o",
        "--text",
        "title,bdy",
    ];
    place
        .run(&args)
        .fails_with(&["halves.csv:1: no column `bdy`", "`--text body`"]);
}

#[test]
fn answers_to_lines_of_fasttext_are_about_their_texts_alone() {
    let place = Place::new();
    place.file("columns.csv", columns());
    train(&place, "columns.csv", "model", &[]);
    place.file("bare.txt", "number 1 is about\nfootball\n");
    place.file(
        "labelled.txt",
        "__label__sports number 1 is about\n__label__a __label__b football\n",
    );
    let predict = |table| {
        let args = [
            "predict",
            "model",
            table,
            "--input-format",
            "lines",
            "--threads",
            "1",
        ];
        place.run(&args).succeeds().stdout
    };
    assert_eq!(predict("labelled.txt"), predict("bare.txt"));
}

#[test]
fn parts_of_a_split_keep_the_shape() {
    let place = Place::new();
    place.file("objects.jsonl", objects());
    let run = place
        .run(&["split", "objects.jsonl", "--out", "parts"])
        .succeeds();
    run.says(&["labels in `tags` (lists of names)"]);
    let parts = ["train", "dev", "test"]
        .map(|part| std::fs::read_to_string(place.path(&format!("parts/{part}.jsonl"))).unwrap());
    assert_eq!(sorted(&parts.concat()), sorted(&objects()));
}

#[test]
fn inspect_shows_what_was_understood() {
    let place = Place::new();
    place.file("t.csv", "text,a\nx,ja\ny,nein\nz,egal\n");
    place
        .run(&[
            "inspect",
            "t.csv",
            "--labels",
            "a",
            "--label-format",
            "columns",
        ])
        .fails_with(&[
            "t.csv:2: column `a` holds `ja`, which is neither yes nor no",
            "hint: to read `ja` as yes, pass `--yes ja`",
        ]);
    let args = [
        "inspect",
        "t.csv",
        "--yes",
        "ja",
        "--no",
        "nein",
        "--unknown",
        "egal",
        "--json",
    ];
    let report = place.run(&args).succeeds().json();
    let label = &report["labels"][0];
    assert_eq!([&label["yes"], &label["no"], &label["unknown"]], [1, 1, 1]);
    let reading = json!({"format": "columns", "soft_targets": false,
        "words": {"yes": ["ja"], "no": ["nein"], "unknown": ["egal"]}});
    assert_eq!(report["label_reading"], reading);
    place.file("kinds.csv", with_bars("kind", ""));
    let args = [
        "inspect",
        "kinds.csv",
        "--labels",
        "kind",
        "--label-names",
        "sports,business",
    ];
    let run = place.run(&args).succeeds();
    let place_of = |part: &str| run.stdout.find(part);
    assert!(place_of("labels in `kind` (names with `|` between them)\n") < place_of("\n  sports "));
    assert!(place_of("\n  sports ").is_some());
    assert!(place_of("\n  sports ") < place_of("\n  business "));
    let no_file = place.run(&["inspect", "t.csv", "--label-names", "names.txt"]);
    no_file.fails_with(&["cannot open `names.txt`"]);
}

#[test]
fn wrong_usage_is_said_before_anything_runs() {
    let place = Place::new();
    let table = text(&place.file("t.csv", columns()));
    let cases: [(&[&str], &str); 3] = [
        (
            &["evaluate", "m", &table, "--scores", "--yes", "x"],
            "cannot be used with",
        ),
        (
            &["tune", "m", &table, "--scores", "--label-format", "ids"],
            "cannot be used with",
        ),
        (
            &["inspect", &table, "--label-format", "list"],
            "`list` is no format of labels; there are columns",
        ),
    ];
    for (args, part) in cases {
        let run = place.run(args).ends_with(2);
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
}
