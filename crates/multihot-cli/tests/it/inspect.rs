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
    let run = place.run(&["inspect", "t.csv"]).succeeds();
    let expected = "\
t.csv: 3 rows, text in `text`, id in `id`
  sports  yes 1  no 1  unknown 1
  never   yes 0  no 3  unknown 0
carried along: `source`
note: 1 texts are empty
note: 1 rows repeat the text of another
note: label `never` is never yes: nothing can be learned about it
";
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (expected, ""));

    let report = place.run(&["inspect", "t.csv", "--json"]).succeeds().json();
    assert_eq!(
        (&report["kind"], &report["rows"]),
        (&json!("table"), &json!(3))
    );
    assert_eq!(
        report["labels"][0],
        json!({"label": "sports", "yes": 1, "no": 1, "unknown": 1})
    );
    assert_eq!(report["carried"], json!(["source"]));
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
        .fails_with(&["`t.txt` ends in none of .csv, .jsonl"]);
    std::fs::create_dir(place.path("empty")).unwrap();
    place
        .run(&["inspect", &text(&place.path("empty"))])
        .fails_with(&["there is no config.json here"]);
}
