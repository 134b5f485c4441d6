//! `multihot inspect`.

use serde_json::json;

use crate::program::{Place, reviews, text, tiny_bert, trained};

#[test]
fn a_table_is_described_with_what_is_odd_about_it() {
    let place = Place::new();
    place.file(
        "t.csv",
        "id,text,sports,never,source\n1,a,1,0,x\n2,,0,0,y\n3,a,?,0,z\n",
    );
    let run = place.run(&["inspect", "t.csv"]).ends_with(1);
    let expected = "\
t.csv: 3 rows, text in `text`, id in `id`
  label         yes         no    unknown  held out  F1 within
  sports          1          1          1         0      ±1.00
  never           0          3          0         0          -
(held out: yes cells to expect when `train` holds rows out; F1 within: how well F1 is known from so many)
carried along: `source`
problem: never yes: `never`; nothing can be learned about it
  hint: leave it out with `--ignore`, or find rows of the other answer
problem: no text in 1 row
  hint: empty texts teach nothing but the base rates: leave these rows out
note: 3 rows are few: figures on held-out rows will be mostly noise
  hint: answer more rows, or use `train --folds 5`, which holds out each row once
note: fewer than 10 yes cells are to be expected among held-out rows for `sports`: F1 is known to ±1.00 at worst
  hint: find more rows of these labels, or use `train --folds 5`
note: 1 row has the text of an earlier row, such as line 4 that of line 2
  hint: when rows are held out, rows of one text stay on one side
";
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (expected, ""));

    let report = place
        .run(&["inspect", "t.csv", "--json"])
        .ends_with(1)
        .json();
    assert_eq!(
        (&report["kind"], &report["rows"]),
        (&json!("table"), &json!(3))
    );
    let label = &report["labels"][0];
    assert_eq!(
        (&label["yes"], &label["no"], &label["unknown"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(report["carried"], json!(["source"]));
    assert_eq!(
        (&report["marks"]["empty"], &report["repeats"]["equal"]),
        (&json!(1), &json!(1))
    );
}

#[test]
fn a_sound_table_is_no_problem_and_an_encoder_says_what_it_would_take() {
    let place = Place::new();
    let encoder = text(&tiny_bert());
    let run = place
        .run(&[
            "inspect",
            &text(&reviews()),
            "--encoder",
            &encoder,
            "--threads",
            "1",
        ])
        .succeeds();
    for part in [
        "tokens of a text: mean ",
        "texts that would be cut: ",
        "vocabulary: ",
        "time: 3 epochs take about ",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    let report = place
        .run(&[
            "inspect",
            &text(&reviews()),
            "--encoder",
            &encoder,
            "--json",
            "--max-length",
            "8",
        ])
        .ends_with(1)
        .json();
    assert_eq!(report["lengths"]["limit"], 8);
    assert!(report["training"]["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(
        report["findings"][0]["advice"],
        "`--windows 8` reads long texts whole"
    );
    assert_eq!(report["lengths"]["cut"].as_array().unwrap().len(), 1);
}

#[test]
fn texts_of_another_table_are_found() {
    let place = Place::new();
    let rows: String = (0..120)
        .map(|i| {
            format!(
                "the {i}th review of the new restaurant in town,{},{}\n",
                i % 2,
                1 - i % 2
            )
        })
        .collect();
    let train = place.file("train.csv", format!("text,good,bad\n{rows}"));
    place.file("test.csv", "text,good\nsomething else,1\n The 7th review of the  new restaurant in town!,0\n the 7th review of the new restaurant in town,0\n");
    let run = place
        .run(&["inspect", &text(&train), "--against", "test.csv"])
        .ends_with(1);
    for part in [
        "problem: test.csv: 1 of 3 rows (33 %) have a text of this table, such as line 4 that of line 9",
        "problem: test.csv: 1 of 3 rows (33 %) have nearly a text of this table, such as line 3 that of line ",
        "note: test.csv: no label `bad`",
        "note: in every row exactly one holds of `good`, `bad`",
        "`--exclusive NAME=good,bad`",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    place
        .run(&["inspect", &text(&train), "--against", "tset.csv"])
        .fails_with(&["cannot open `tset.csv`"]);
    let run = place
        .run(&["inspect", &text(trained()), "--against", "test.csv"])
        .ends_with(2);
    assert!(
        run.stderr.contains("`--against` goes with a table"),
        "{}",
        run.stderr
    );
}

#[test]
fn another_table_needs_no_column_but_the_texts() {
    let place = Place::new();
    let rows: String = (0..120)
        .map(|i| format!("{i},the {i}th review of the town,{},{},1,2\n", i % 2, i % 3))
        .collect();
    place.file(
        "train.csv",
        format!("n,text,good,stars,checked,times\n{rows}"),
    );
    place.file("test.csv", "text,good\nthe 7th review of the town,0\n");
    place.file("texts.jsonl", "{\"text\":\"the 7th review of the town\"}\n");
    let columns = ["--id", "n", "--ignore", "checked", "--weight", "times"];
    for (option, value) in [("--labels", "good"), ("--ignore", "stars")] {
        for (other, lacks) in [("test.csv", ""), ("texts.jsonl", "no label `good`")] {
            let table = ["inspect", "train.csv", "--against", other, option, value];
            let columns = match option {
                "--labels" => [columns[0], columns[1], "--weight", "times", "--seed", "0"],
                _ => columns,
            };
            let run = place.run(&[table, columns].concat()).ends_with(1);
            assert!(
                run.stdout
                    .contains("1 of 1 rows (100 %) have a text of this table")
                    && run.stdout.contains(lacks),
                "{option} {other}: {}{}",
                run.stdout,
                run.stderr
            );
        }
    }
}

#[test]
fn a_length_that_the_encoder_does_not_read_is_refused() {
    let place = Place::new();
    let (table, encoder) = (text(&reviews()), text(&tiny_bert()));
    for length in ["2", "100000"] {
        let run = [
            "inspect",
            &table,
            "--encoder",
            &encoder,
            "--max-length",
            length,
        ];
        let run = place.run(&run).ends_with(2);
        let error = format!(
            "error: `--max-length` is {length}; expected 3 to 64, the longest row that this \
             encoder reads\n"
        );
        assert_eq!(run.stderr, error);
    }
}

#[test]
fn an_encoder_is_told_from_a_model() {
    let place = Place::new();
    place.copy(&tiny_bert(), "encoder");
    place.copy(trained(), "model");
    let decisions = ["--objective", "fixed=0.5", "--calibration", "none"];
    place
        .run(&[&["tune", "model", &text(&reviews())][..], &decisions].concat())
        .succeeds();
    let run = place.run(&["inspect", "encoder"]).succeeds();
    let expected = "\
encoder: an encoder without answers
  family      bert
  shape       2 layers, width 32, 4 heads, 151 word pieces, 0.0 M parameters
  length      reads up to 64 tokens
  tokenizer   encoder/vocab.txt
";
    assert_eq!(run.stdout, expected);
    let run = place.run(&["inspect", "model"]).succeeds();
    let expected = "\
model: a trained model
  family      bert
  shape       2 layers, width 32, 4 heads, 151 word pieces, 0.0 M parameters
  length      reads up to 64 tokens; trained to read 64
  tokenizer   model/vocab.txt
  labels      positive, sports, business
  decisions   worked out on 120 held-out rows; `multihot tune` does it again
              positive: yes from 0.5000 (fixed=0.5; calibration none)
              sports: yes from 0.5000 (fixed=0.5; calibration none)
              business: yes from 0.5000 (fixed=0.5; calibration none)
  pooling     cls
";
    assert_eq!(run.stdout, expected);
    let report = place.run(&["inspect", "model", "--json"]).succeeds().json();
    assert_eq!(
        (&report["kind"], &report["family"]),
        (&json!("model"), &json!("bert"))
    );
    assert_eq!(report["labels"], json!(["positive", "sports", "business"]));
    assert_eq!(report["decisions"]["labels"][1]["threshold"], 0.5);
}

#[test]
fn what_is_baked_into_a_tokenizer_is_shown() {
    let place = Place::new();
    place.copy(&tiny_bert(), "encoder");
    place.file(
        "encoder/tokenizer_config.json",
        r#"{"model_max_length": 12, "do_lower_case": true}"#,
    );
    let run = place.run(&["inspect", "encoder"]).succeeds();
    assert!(run.stdout.contains("  note  "), "{}", run.stdout);
    assert!(run.stdout.contains("12"), "{}", run.stdout);
    assert!(
        run.stdout.contains("reads up to 64 tokens"),
        "and not applied: {}",
        run.stdout
    );
}

#[test]
fn what_is_neither_is_an_error() {
    let place = Place::new();
    place
        .run(&["inspect", "nowhere.csv"])
        .fails_with(&["cannot open `nowhere.csv`"]);
    place.file("t.txt", "hello\n");
    place
        .run(&["inspect", "t.txt"])
        .fails_with(&["`t.txt` ends in none of .csv, .tsv"]);
    std::fs::create_dir(place.path("empty")).unwrap();
    place
        .run(&["inspect", &text(&place.path("empty"))])
        .fails_with(&["there is no config.json here"]);
}
