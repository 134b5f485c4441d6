//! `multihot predict`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::program::{Place, config, reviews, text, trained};

const TABLE: &str = "\
id,text,source
a,we won the game,radio
b,\"a \"\"great\"\" year, they say\",
c,,paper
";

fn lines(jsonl: &str) -> Vec<Value> {
    jsonl
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn csv_repeats_the_input_and_adds_its_columns() {
    let place = Place::new();
    place.file("t.csv", TABLE);
    let run = place
        .run(&["predict", &text(trained()), "t.csv", "--logits", "--raw"])
        .succeeds();
    let mut out = run.stdout.lines();
    assert_eq!(
        out.next().unwrap(),
        "id,text,source,probability_positive,probability_sports,probability_business,\
         raw_probability_positive,raw_probability_sports,raw_probability_business,\
         logit_positive,logit_sports,logit_business,labels"
    );
    for (input, output) in TABLE.lines().skip(1).zip(out.by_ref()) {
        let rest = output
            .strip_prefix(input)
            .expect("the input's columns stand first, unchanged");
        let numbers: Vec<f32> = rest[1..]
            .split(',')
            .map_while(|cell| cell.parse().ok())
            .collect();
        assert_eq!(numbers.len(), 9, "{output}");
        for label in 0..3 {
            let (raw, logit) = (numbers[label + 3], numbers[label + 6]);
            assert!((raw - sigmoid(logit)).abs() < 1e-6, "{output}");
        }
        assert!(output.ends_with(']') || output.ends_with("]\""), "{output}");
    }
    assert_eq!(out.next(), None);
    let empty = "warning: empty texts, whose answers say nothing: 1 of 3\n";
    assert_eq!(run.stderr, empty, "the rows themselves are on screen");
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Threshold, slope and shift of each label, as the model's folder has them.
fn decisions(model: &Path) -> Vec<[f64; 3]> {
    let config = config(model);
    let labels = config["multihot"]["decisions"]["labels"]
        .as_array()
        .unwrap();
    let numbers = |label: &Value| {
        let number = |value: &Value| value.as_f64().unwrap();
        let calibration = &label["calibration"];
        let (slope, shift) = match calibration["method"].as_str().unwrap() {
            "platt" => (number(&calibration["a"]), number(&calibration["b"])),
            "temperature" => (1.0 / number(&calibration["temperature"]), 0.0),
            "none" => (1.0, 0.0),
            other => panic!("`{other}`"),
        };
        [number(&label["threshold"]), slope, shift]
    };
    labels.iter().map(numbers).collect()
}

#[test]
fn jsonl_holds_calibrated_probabilities_and_the_labels_above_their_thresholds() {
    let place = Place::new();
    place.file("t.csv", TABLE);
    let model = text(&place.calibrated());
    let args = ["predict", &model, "t.csv", "--format", "jsonl"];
    let rows = lines(&place.run(&args).succeeds().stdout);
    let ids: Vec<Value> = rows.iter().map(|row| row["id"].clone()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    let with_all = [&args[..], &["--logits", "--raw"]].concat();
    let all = lines(&place.run(&with_all).succeeds().stdout);
    for (row, all) in rows.iter().zip(&all) {
        let keys = |row: &Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(
            keys(row),
            ["id", "probabilities", "labels", "unsure", "calibrated"]
        );
        assert_eq!(
            keys(all),
            [
                "id",
                "probabilities",
                "raw_probabilities",
                "logits",
                "labels",
                "unsure",
                "calibrated"
            ]
        );
        assert_eq!(
            (&row["calibrated"], &row["unsure"]),
            (&json!(true), &json!([]))
        );
        let probabilities = row["probabilities"].as_object().unwrap();
        let mut decided = Vec::new();
        for ((label, p), [threshold, a, b]) in probabilities.iter().zip(decisions(model.as_ref())) {
            let (p, logit) = (p.as_f64().unwrap(), all["logits"][label].as_f64().unwrap());
            assert!(
                (p as f32 - sigmoid((a * logit + b) as f32)).abs() < 1e-6,
                "{row}"
            );
            if p >= threshold {
                decided.push(label);
            }
        }
        let labels: Vec<&String> = probabilities.keys().collect();
        assert_eq!(labels, ["positive", "sports", "business"]);
        assert_eq!(row["labels"], json!(decided));
    }
}

#[test]
fn a_threshold_overrules_those_of_the_model() {
    let place = Place::new();
    place.file("t.csv", TABLE);
    let model = text(&place.calibrated());
    for (threshold, expected) in [
        ("0", json!(["positive", "sports", "business"])),
        ("1", json!([])),
    ] {
        let args = [
            "predict",
            &model,
            "t.csv",
            "--format",
            "jsonl",
            "--threshold",
            threshold,
        ];
        for row in lines(&place.run(&args).succeeds().stdout) {
            assert_eq!(row["labels"], expected);
            assert_eq!(row["calibrated"], json!(true));
        }
    }
    for threshold in ["1.1", "-0.1", "NaN", "half"] {
        let args = [
            "predict",
            &model,
            "t.csv",
            &format!("--threshold={threshold}"),
        ];
        let run = place.run(&args).ends_with(2);
        assert!(
            run.stderr.contains("expected a number from 0 to 1"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn ids_are_those_of_the_input_or_the_numbers_of_the_rows() {
    let place = Place::new();
    let model = text(trained());
    let input = "{\"id\":7,\"text\":\"a\"}\n{\"id\":\"x\",\"text\":\"b\"}\n{\"id\":null,\"text\":\"c\"}\n{\"id\":[1],\"text\":\"d\"}\n";
    place.file("t.jsonl", input);
    let ids = |stdout: &str| {
        lines(stdout)
            .iter()
            .map(|row| row["id"].clone())
            .collect::<Vec<_>>()
    };
    let run = place.run(&["predict", &model, "t.jsonl"]).succeeds();
    assert_eq!(json!(ids(&run.stdout))[0], json!(7));
    assert_eq!(json!(ids(&run.stdout))[1], json!("x"));
    assert_eq!(json!(ids(&run.stdout))[3], json!([1]));

    place.file("t.csv", "text\na\nb\n");
    let run = place
        .run(&["predict", &model, "t.csv", "--format", "jsonl"])
        .succeeds();
    assert_eq!(ids(&run.stdout), [json!(1), json!(2)]);
    place.file("t.csv", "number,text\n007,a\n008,b\n");
    let args = [
        "predict", &model, "t.csv", "--format", "jsonl", "--id", "number",
    ];
    assert_eq!(
        ids(&place.run(&args).succeeds().stdout),
        [json!("007"), json!("008")]
    );
}

#[test]
fn every_row_is_answered_once_and_in_order() {
    let place = Place::new();
    // More than one window of rows, of lengths that would be sorted apart.
    let rows: String = (0..1300)
        .map(|i| format!("r{i},{}\n", "word ".repeat(1 + i * 7 % 23)))
        .collect();
    place.file("t.csv", format!("id,text\n{rows}"));
    let run = place
        .run(&["predict", &text(trained()), "t.csv"])
        .succeeds();
    let ids: Vec<&str> = run
        .stdout
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap())
        .collect();
    let expected: Vec<String> = (0..1300).map(|i| format!("r{i}")).collect();
    assert_eq!(ids, expected);
}

#[test]
fn standard_input_holds_texts_or_objects_line_by_line() {
    let place = Place::new();
    let model = text(trained());
    let input = "a plain line\n{\"text\":\"an object\",\"id\":\"o\"}\n\nthe last, without an end";
    let args = ["predict", &model, "-", "--format", "jsonl"];
    let run = place.run_with_input(&args, input).succeeds();
    let ids: Vec<Value> = lines(&run.stdout)
        .iter()
        .map(|row| row["id"].clone())
        .collect();
    assert_eq!(ids, [json!(1), json!("o"), json!(3), json!(4)]);

    let run = place
        .run_with_input(&["predict", &model, "-"], "one\ntwo\n")
        .succeeds();
    assert!(
        run.stdout.starts_with("text,probability_positive,"),
        "{}",
        run.stdout
    );
    assert_eq!(run.stdout.lines().count(), 3);

    let broken = "fine\n{\"text\": oh no\n";
    let run = place
        .run_with_input(&["predict", &model, "-"], broken)
        .ends_with(1);
    assert!(
        run.error().contains(":2: not a JSON object"),
        "{}",
        run.stderr
    );
    assert!(
        run.error()
            .contains("hint: on standard input a line starting with `{`"),
        "{}",
        run.stderr
    );
    assert_eq!(
        run.stdout.lines().count(),
        2,
        "the row before it is answered"
    );
    let args = ["predict", &model, "-", "--input-format", "lines"];
    let run = place.run_with_input(&args, broken).succeeds();
    assert_eq!(run.stdout.lines().count(), 3);

    let args = ["predict", &model, "-", "--input-format", "csv"];
    let run = place.run_with_input(&args, "text,n\nhello,1\n").succeeds();
    assert!(run.stdout.contains("\nhello,1,0."), "{}", run.stdout);
}

#[test]
fn the_ending_of_output_chooses_the_format_and_json_sums_up() {
    let place = Place::new();
    place.file("t.csv", TABLE);
    let model = text(trained());
    let shown = place.run(&["predict", &model, "t.csv"]).succeeds().stdout;
    let run = place
        .run(&["predict", &model, "t.csv", "--output", "p.csv"])
        .succeeds();
    assert_eq!(run.stdout, "");
    let lines_said: Vec<&str> = run.stderr.lines().collect();
    let [_, written, speed] = lines_said[..] else {
        panic!("{}", run.stderr)
    };
    assert_eq!(written, "3 rows written to p.csv");
    for part in [" tokens in ", " tokens/s) in f32, ", " thread"] {
        assert!(speed.contains(part), "{speed}");
    }
    assert_eq!(fs::read_to_string(place.path("p.csv")).unwrap(), shown);

    let run = place
        .run(&["predict", &model, "t.csv", "--output", "p.jsonl", "--json"])
        .succeeds();
    let summary = run.json();
    let rows = lines(&fs::read_to_string(place.path("p.jsonl")).unwrap());
    assert_eq!(rows.len(), 3);
    assert_eq!(
        (&summary["rows"], &summary["truncated"]),
        (&json!(3), &json!(0))
    );
    let keys: Vec<&String> = summary.as_object().unwrap().keys().collect();
    let promised = [
        "rows",
        "resumed",
        "interrupted",
        "empty_texts",
        "truncated",
        "yes",
        "unsure",
        "seconds",
        "scoring",
        "peak_rss_bytes",
    ];
    assert_eq!(keys, promised);
    let (scoring, seconds) = (&summary["scoring"], summary["seconds"].as_f64().unwrap());
    assert_eq!(scoring["precision"], "f32");
    let scoring_seconds = scoring["seconds"].as_f64().unwrap();
    assert!(scoring_seconds <= seconds, "{summary}");
    let rate = scoring["tokens"].as_f64().unwrap() / scoring_seconds;
    let told = scoring["tokens_per_second"].as_f64().unwrap();
    assert!((rate - told).abs() < 1e-6 * rate, "{rate} and {told}");
    let yes = rows.iter().filter(|row| {
        row["labels"]
            .as_array()
            .unwrap()
            .contains(&json!("positive"))
    });
    assert_eq!(summary["yes"]["positive"], yes.count());

    // `--format` has the last word.
    let args = [
        "predict", &model, "t.csv", "--output", "q.jsonl", "--format", "csv",
    ];
    place.run(&args).succeeds();
    assert_eq!(fs::read_to_string(place.path("q.jsonl")).unwrap(), shown);
}

#[test]
fn output_replaces_a_file_only_by_a_whole_one() {
    let place = Place::new();
    let model = text(trained());
    place.file("p.csv", "old");
    place.file("t.jsonl", "{\"text\":\"fine\"}\n{\"text\":1}\n");
    let run = place.run(&["predict", &model, "t.jsonl", "--output", "p.csv"]);
    run.fails_with(&["t.jsonl:2", "is not a string but `1`"]);
    assert_eq!(fs::read_to_string(place.path("p.csv")).unwrap(), "old");
    assert_eq!(
        place.names(),
        ["p.csv", "t.jsonl"],
        "nothing is left behind"
    );
    place
        .run(&["predict", &model, "t.jsonl", "--output", "nowhere/p.csv"])
        .fails_with(&["nowhere/p.csv: cannot be written"]);
}

#[cfg(unix)]
#[test]
fn output_is_a_file_like_any_other_and_follows_a_link() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.file("t.csv", TABLE);
    place.file("target.csv", "old");
    std::os::unix::fs::symlink("target.csv", place.path("link.csv")).unwrap();
    let model = text(trained());
    place
        .run(&["predict", &model, "t.csv", "--output", "link.csv"])
        .succeeds();
    place
        .run(&["predict", &model, "t.csv", "--output", "new.csv"])
        .succeeds();
    assert!(
        fs::symlink_metadata(place.path("link.csv"))
            .unwrap()
            .is_symlink()
    );
    let mode = |name: &str| fs::metadata(place.path(name)).unwrap().permissions().mode();
    assert_eq!(
        mode("new.csv"),
        mode("t.csv"),
        "whoever may read a new file may read this one"
    );
    assert_eq!(
        fs::read(place.path("target.csv")).unwrap(),
        fs::read(place.path("new.csv")).unwrap()
    );
}

#[test]
fn a_row_has_the_same_answer_alone_among_others_and_at_any_number_of_threads() {
    let place = Place::new();
    let table = fs::read_to_string(reviews()).unwrap();
    let model = text(trained());
    let predict = |input: &str, threads: &str| {
        let args = [
            "predict",
            &model,
            "-",
            "--input-format",
            "csv",
            "--logits",
            "--threads",
            threads,
        ];
        let run = place.run_with_input(&args, input).succeeds();
        run.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let all = predict(&table, "1");
    assert_eq!(all, predict(&table, "3"));
    let (header, rows) = table.split_once('\n').unwrap();
    for (i, row) in rows.lines().enumerate().step_by(40) {
        let alone = predict(&format!("{header}\n{row}\n"), "2");
        assert_eq!(alone[1], all[i + 1]);
    }
}

#[test]
fn a_column_that_would_stand_there_twice_is_refused() {
    let place = Place::new();
    place.file("t.csv", "text,labels\nhello,x\n");
    let model = text(trained());
    place.run(&["predict", &model, "t.csv"]).fails_with(&[
        "the table already has a column `labels`",
        "hint: ",
        "--format jsonl",
    ]);
    place
        .run(&["predict", &model, "t.csv", "--format", "jsonl"])
        .succeeds();
}

#[test]
fn no_rows_are_no_answers() {
    let place = Place::new();
    let model = text(trained());
    let run = place.run_with_input(&["predict", &model, "-"], "");
    assert!(matches!(run.code, Some(0 | 1)), "{run:#?}");
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}

/// The cells of `column` in a table, by way of the ids of its answers: numbers as numbers, all else
/// as text.
fn cells(place: &Place, table: &str, column: &str) -> Vec<Value> {
    let model = text(trained());
    let args = [
        "predict", &model, table, "--format", "jsonl", "--id", column,
    ];
    let rows = lines(&place.run(&args).succeeds().stdout);
    let cells = rows.iter().map(|row| {
        let cell = &row["id"];
        let cell = cell
            .as_str()
            .map_or_else(|| cell.to_string(), str::to_owned);
        cell.parse::<f32>()
            .map_or(json!(cell), |number| json!(number))
    });
    cells.collect()
}

#[test]
fn parquet_and_excel_have_the_columns_of_csv() {
    let place = Place::new();
    place.file("t.csv", TABLE);
    let model = text(trained());
    for output in ["a.csv", "a.parquet", "a.XLSX"] {
        let args = [
            "predict",
            &model,
            "t.csv",
            "--logits",
            "--answers",
            "--output",
            output,
        ];
        place.run(&args).succeeds().says(&["3 rows written to"]);
    }
    let lists = cells(&place, "a.csv", "labels");
    let is_yes = |list: &Value| list.as_str().unwrap().contains("\"sports\"");
    let expected: Vec<f64> = lists.iter().map(|list| is_yes(list).into()).collect();
    assert_eq!(
        json!(cells(&place, "a.csv", "pred_sports")),
        json!(expected)
    );
    let args = ["predict", &model, "t.csv", "--answers", "--format", "jsonl"];
    place
        .run(&args)
        .ends_with(2)
        .says(&["`--answers` writes columns"]);
    for column in [
        "id",
        "source",
        "probability_sports",
        "logit_sports",
        "pred_sports",
        "labels",
    ] {
        let expected = cells(&place, "a.csv", column);
        assert_eq!(expected.len(), 3);
        for table in ["a.parquet", "a.XLSX"] {
            assert_eq!(cells(&place, table, column), expected, "{table} {column}");
        }
    }
    // No part is left, and a part of another prediction is nothing to them.
    assert_eq!(place.names(), ["a.XLSX", "a.csv", "a.parquet", "t.csv"]);
    let piped = ["predict", &model, "-", "--input-format", "csv", "--output"];
    let piped = [&piped[..], &["b", "--format", "parquet"]].concat();
    place.run_with_input(&piped, TABLE).succeeds();
    assert_eq!(
        fs::read(place.path("b")).unwrap(),
        {
            let args = ["predict", &model, "t.csv", "--output", "c.pq"];
            place.run(&args).succeeds();
            fs::read(place.path("c.pq")).unwrap()
        },
        "the same rows are the same bytes"
    );
}

#[test]
fn what_is_written_whole_needs_a_file_and_is_not_gone_on_with() {
    let place = Place::new();
    place.file("t.csv", TABLE);
    let model = text(trained());
    for format in ["parquet", "xlsx"] {
        let args = ["predict", &model, "t.csv", "--format", format];
        let run = place.run(&args).ends_with(2);
        let expected = format!(
            "error: {format} is not for standard output, which is read row by row\n\
             hint: name a file: `--output answers.{format}`\n"
        );
        assert_eq!(run.stderr, expected);
        let output = format!("a.{format}");
        let args = ["predict", &model, "t.csv", "--output", &output, "--resume"];
        let run = place.run(&args).ends_with(2);
        let expected = format!(
            "error: `--resume` goes on with CSV and JSON lines; {format} is written whole\n"
        );
        assert!(run.stderr.starts_with(&expected), "{}", run.stderr);
    }
    assert_eq!(place.names(), ["t.csv"]);
}

#[test]
fn a_text_that_is_too_long_for_excel_is_an_error_and_leaves_no_file() {
    let place = Place::new();
    place.file("t.csv", format!("text\nshort\n{}\n", "a ".repeat(20_000)));
    let model = text(trained());
    let args = ["predict", &model, "t.csv", "--output", "a.xlsx"];
    place.run(&args).fails_with(&[
        "line 3: column `text` holds 40000 characters; a cell of Excel takes 32767",
        "hint: write to a file that ends in .csv or .parquet",
    ]);
    assert_eq!(place.names(), ["t.csv"]);
}
