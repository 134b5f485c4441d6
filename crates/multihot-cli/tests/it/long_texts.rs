//! Long texts and pairs: windows, what is cut, and where that is stored.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::program::{Place, config, reviews, text, trained, weights};

const FILLER: [&str; 6] = [
    "the customers of our bike",
    "my birthday in the new home",
    "all of us at home",
    "not a year for customers",
    "we had to pay for it",
    "is it our home",
];

/// Short texts with a label that holds where `won` stands.
fn short_texts() -> String {
    let mut table = "text,sports\n".to_owned();
    for i in 0..96 {
        let mut words: Vec<&str> = FILLER[i / 4 % 6].split(' ').collect();
        let place = (i * 7) % (words.len() + 1);
        words.splice(
            place..place,
            ["cut", "won", "", "won"][i % 4].split_whitespace(),
        );
        let words = words.join(" ");
        writeln!(table, "{words},{}", i % 2).unwrap();
    }
    table
}

/// Texts of some sixty tokens, of which every other one has a `won` somewhere.
fn long_texts() -> Vec<String> {
    let text = |i: usize| {
        let mut parts: Vec<&str> = (0..12).map(|n| FILLER[(i * 5 + n * n) % 6]).collect();
        parts.insert((i * 7) % 12, ["cut", "won"][i % 2]);
        parts.join(" ")
    };
    (0..24).map(text).collect()
}

fn lines(jsonl: &str) -> Vec<Value> {
    jsonl
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_window_that_decided_is_named_and_shows_why() {
    let place = Place::new();
    let table = place.file("short.csv", short_texts());
    let options = [
        "--windows",
        "12:8",
        "--dev",
        &text(&table),
        "--epochs",
        "20",
        "--learning-rate",
        "3e-3",
        "--batch-rows",
        "16",
        "--precision",
        "f32",
        "--no-baseline",
    ];
    let run = place.train(&table, "model", &options).succeeds();
    run.says(&["windows of 12 tokens, every 8, pooled by max"]);
    assert!(!run.stderr.contains("several windows"), "none is long");
    let stored = config(&place.path("model"))["multihot"].clone();
    assert_eq!(stored["windows"], json!({"stride": 8, "pooling": "max"}));
    assert_eq!(
        (&stored["max_length"], &stored["version"]),
        (&json!(12), &json!(3))
    );

    let texts = long_texts();
    place.file("long.csv", format!("text\n{}\n", texts.join("\n")));
    let predict = ["predict", "model", "long.csv", "--format", "jsonl"];
    let run = place.run(&predict).succeeds();
    let again = [&predict[..], &["--threads", "3"]].concat();
    let again = place.run(&again).succeeds();
    assert_eq!(run.stdout, again.stdout, "at any number of threads");
    let (mut found, mut right) = (0, 0);
    for (index, (row, text)) in lines(&run.stdout).iter().zip(&texts).enumerate() {
        let (windows, deciding) = (&row["windows"], &row["windows"]["deciding"]["sports"]);
        assert!(windows["count"].as_u64().unwrap() > 4, "{row}");
        assert!(deciding["window"].as_u64() <= windows["count"].as_u64());
        let place = |i: usize| deciding["characters"][i].as_u64().unwrap() as usize;
        found += usize::from(text[place(0)..place(1)].contains("won"));
        right += usize::from((row["labels"] == json!(["sports"])) == (index % 2 == 1));
    }
    // A window by chance has it in two or three of the twelve texts that do.
    assert!(found >= 10 && right >= 20, "{found} of 12, {right} of 24");

    let csv = place.run(&["predict", "model", "long.csv"]).succeeds();
    let header = csv.stdout.lines().next().unwrap();
    assert!(header.ends_with(",labels,windows"), "{header}");
    assert!(csv.stdout.contains(r#""{""count"":"#), "{}", csv.stdout);
    let inspected = place.run(&["inspect", "model"]).succeeds().stdout;
    let said = "read in windows, one every 8 tokens, pooled by max";
    assert!(inspected.contains(said), "{inspected}");
    let inspected = place.run(&["inspect", "model", "--json"]).succeeds().json();
    assert_eq!(inspected["windows"], json!({"stride": 8, "pooling": "max"}));
}

#[test]
fn evaluate_and_tune_read_in_windows_too() {
    let place = Place::new();
    let reviews = text(&reviews());
    let options = [
        "--windows",
        "10",
        "--window-pooling",
        "log-sum-exp",
        "--epochs",
        "1",
        "--no-baseline",
    ];
    place.train(reviews.as_ref(), "model", &options).succeeds();
    let scored = [
        "predict",
        "model",
        &reviews,
        "--logits",
        "--output",
        "scores.csv",
    ];
    place
        .run(&scored)
        .succeeds()
        .says(&["texts were read in several windows"]);
    for command in ["evaluate", "tune"] {
        let mut by_text = vec![command, "model", &reviews, "--json"];
        let mut by_scores = vec![command, "model", "scores.csv", "--scores", "--json"];
        if command == "tune" {
            by_text.push("--dry-run");
            by_scores.push("--dry-run");
        }
        assert_eq!(
            place.run(&by_text).figures(),
            place.run(&by_scores).figures(),
            "{command}"
        );
    }
}

#[test]
fn texts_may_be_cut_on_any_side_and_that_is_said_and_stored() {
    let place = Place::new();
    let cases = [
        (
            "left",
            "lost their beginning",
            "what we won at home today",
            true,
        ),
        (
            "middle",
            "lost their middle",
            "what we won at home today",
            false,
        ),
    ];
    for (side, said, end, is_end_enough) in cases {
        let options = [
            "--truncate",
            side,
            "--max-length",
            "8",
            "--epochs",
            "1",
            "--no-baseline",
        ];
        let run = place.train(&reviews(), side, &options).succeeds();
        run.says(&["texts are longer than 8 tokens and", said]);
        assert_eq!(config(&place.path(side))["multihot"]["truncation"], side);
        let table = format!("text\nmy new bike {end}\nall the customers {end}\n");
        place.file("t.csv", table);
        let run = place
            .run(&["predict", side, "t.csv", "--format", "jsonl"])
            .succeeds();
        run.says(&["warning: 2 of 2 texts are longer than 8 tokens and", said]);
        let rows = lines(&run.stdout);
        let same = rows[0]["probabilities"] == rows[1]["probabilities"];
        assert_eq!(same, is_end_enough, "{side}");
        let inspected = place.run(&["inspect", side]).succeeds().stdout;
        let lose = said.replace("lost", "lose");
        assert!(
            inspected.contains(&format!("long texts  {lose}")),
            "{inspected}"
        );
    }
}

/// A label that holds where both texts of a pair are the same.
fn pairs() -> String {
    let mut table = "id,text,reply,same\n".to_owned();
    for i in 0..60 {
        let words = ["won", "cut", "bike"];
        let (a, b) = (words[i % 3], words[(i + i / 3 % 2) % 3]);
        writeln!(table, "{i},{a},{b},{}", u8::from(a == b)).unwrap();
    }
    table
}

#[test]
fn pairs_are_read_as_pairs_by_every_command() {
    let place = Place::new();
    let table = text(&place.file("pairs.csv", pairs()));
    let options = [
        "--text-pair",
        "reply",
        "--epochs",
        "2",
        "--dev",
        &table,
        "--precision",
        "f32",
    ];
    let run = place.train(table.as_ref(), "model", &options).succeeds();
    run.says(&["text in `text`, second text in `reply`"]);
    let stored = config(&place.path("model"))["multihot"].clone();
    assert_eq!(
        (&stored["text_column"], &stored["pair_column"]),
        (&json!("text"), &json!("reply"))
    );
    let inspected = place.run(&["inspect", "model"]).succeeds().stdout;
    assert!(
        inspected.contains("a text in `text` and one in `reply`"),
        "{inspected}"
    );

    let predicted = |table: &str| {
        lines(
            &place
                .run(&["predict", "model", table, "--format", "jsonl"])
                .succeeds()
                .stdout,
        )
    };
    place.file("ab.csv", "text,reply\nwon,cut\ncut,won\n");
    let rows = predicted("ab.csv");
    assert_ne!(
        rows[0]["probabilities"], rows[1]["probabilities"],
        "the order of a pair counts"
    );
    place.file("named.csv", "text,answer\nwon,cut\n");
    let named = [
        "predict",
        "model",
        "named.csv",
        "--text-pair",
        "answer",
        "--format",
        "jsonl",
    ];
    let named = lines(&place.run(&named).succeeds().stdout);
    assert_eq!(named[0]["probabilities"], rows[0]["probabilities"]);
    place
        .run(&["predict", "model", "named.csv"])
        .fails_with(&["named.csv:1: no column `reply`; there are `text`, `answer`"]);
    place
        .run_with_input(&["predict", "model", "-"], "won\n")
        .fails_with(&["standard input:1: no column `reply`"]);

    place
        .run(&[
            "predict",
            "model",
            &table,
            "--logits",
            "--output",
            "scores.csv",
        ])
        .succeeds();
    let evaluated = place
        .run(&["evaluate", "model", &table, "--json"])
        .figures();
    let by_scores = ["evaluate", "model", "scores.csv", "--scores", "--json"];
    assert_eq!(evaluated, place.run(&by_scores).figures());
    let compared = [
        "compare",
        "model",
        "model",
        &table,
        "--json",
        "--bootstrap",
        "0",
    ];
    let compared = place.run(&compared).succeeds().json();
    let log_loss = |value: &Value| value.as_f64().unwrap();
    let (one, other) = (
        &compared["overall"]["log_loss"]["a"],
        &evaluated["log_loss"],
    );
    assert!(
        (log_loss(one) - log_loss(other)).abs() < 1e-9,
        "{one} and {other}"
    );

    // The same model asked of the first texts alone is another one.
    let plain = [
        "--epochs",
        "2",
        "--dev",
        &table,
        "--precision",
        "f32",
        "--ignore",
        "reply",
    ];
    place.train(table.as_ref(), "plain", &plain).succeeds();
    assert!(weights(&place.path("plain")) != weights(&place.path("model")));
    let split = [
        "split",
        &table,
        "--text-pair",
        "reply",
        "--out",
        "parts",
        "--json",
    ];
    place.run(&split).succeeds();
}

#[test]
fn a_text_of_any_length_is_learned_from_and_answered_in_bounded_memory() {
    let place = Place::new();
    let mut table = "text,a,b\n".to_owned();
    let long = "the last game was won at home ".repeat(3_000);
    for i in 0..20 {
        let text = if i == 7 { &long } else { "we won at home" };
        writeln!(table, "{text},{},{}", i % 2, i / 2 % 2).unwrap();
    }
    let table = place.file("t.csv", table);
    let dev = place.file("dev.csv", "text,a,b\nwe won,1,0\nwe lost,0,1\n");
    // Those of one pass over all its windows would be 200 MB.
    let options = [
        "--windows",
        "64:48",
        "--epochs",
        "1",
        "--dev",
        &text(&dev),
        "--json",
        "--no-baseline",
        "--precision",
        "f32",
    ];
    let summary = place.train(&table, "model", &options).succeeds().json();
    assert!(
        summary["train_tokens"].as_u64().unwrap() > 28_000,
        "{summary}"
    );
    let train_peak = summary["peak_rss_bytes"].as_u64();

    let longer = "the last game was won at home ".repeat(20_000);
    let rows = place.file("long.csv", format!("text\n{longer}\n\"\"\n"));
    let predict = [
        "predict",
        "model",
        &text(&rows),
        "--output",
        "out.jsonl",
        "--json",
    ];
    let summary = place.run(&predict).succeeds().json();
    assert_eq!(
        (
            &summary["rows"],
            &summary["truncated"],
            &summary["windowed"]
        ),
        (&json!(2), &json!(0), &json!(1))
    );
    let predict_peak = summary["peak_rss_bytes"].as_u64();
    for (peak, most) in [(train_peak, 160), (predict_peak, 300)] {
        let peak = peak.unwrap_or_default();
        assert!(peak < most << 20, "{train_peak:?}, {predict_peak:?}");
    }
    let out = std::fs::read_to_string(place.path("out.jsonl")).unwrap();
    let rows = lines(&out);
    assert!(rows[0]["windows"]["count"].as_u64().unwrap() > 4_000);
    assert_eq!(
        rows[1]["windows"]["deciding"]["a"],
        json!({"window": 1, "characters": [0, 0]})
    );
}

#[test]
fn windows_that_cannot_be_are_refused_before_anything_runs() {
    let place = Place::new();
    let cases: [(&[&str], i32, &str); 8] = [
        (
            &["--windows", "65"],
            2,
            "`--windows` is 65; expected 3 to 64",
        ),
        (
            &["--windows", "12:13"],
            2,
            "`--windows` is 12:13; expected a stride from 1 to 12",
        ),
        (&["--windows", "0"], 2, "expected a number of tokens"),
        (&["--windows", "12:x"], 2, "expected a number of tokens"),
        (
            &["--windows", "12", "--max-length", "8"],
            2,
            "cannot be used with",
        ),
        (
            &["--windows", "12", "--truncate", "left"],
            2,
            "cannot be used with",
        ),
        (&["--window-pooling", "mean"], 2, "--windows"),
        (
            &["--text-pair", "text"],
            1,
            "column `text` cannot be the text and the second text",
        ),
    ];
    for (options, code, part) in cases {
        let run = place.train(&reviews(), "model", options).ends_with(code);
        assert!(run.stderr.contains(part), "{options:?}: {}", run.stderr);
        assert!(!place.path("model").exists());
    }
}

#[test]
fn a_model_from_before_windows_answers_as_it_did() {
    let place = Place::new();
    let model = place.copy(trained(), "model");
    let predict = |model: &str| {
        place
            .run(&["predict", model, &text(&reviews()), "--format", "jsonl"])
            .succeeds()
            .stdout
    };
    let before = predict(&text(&model));
    let mut old = config(&model);
    let ours = old["multihot"].as_object_mut().unwrap();
    ours.insert("version".into(), json!(2));
    for object in [ours.clone(), ours["plan"].as_object().unwrap().clone()] {
        assert!(object.contains_key("windows") && object.contains_key("truncation"));
    }
    for key in ["windows", "truncation"] {
        ours.remove(key);
        ours["plan"].as_object_mut().unwrap().remove(key);
    }
    place.file("model/config.json", old.to_string());
    assert_eq!(predict(&text(&model)), before);
    assert!(!before.contains("windows"));
    let again = [
        "train",
        &text(&reviews()),
        "--encoder",
        &text(&model),
        "--out",
        "again",
        "--windows",
        "12",
        "--epochs",
        "1",
    ];
    place
        .run(&again)
        .succeeds()
        .says(&["it was trained to read rows up to 64 tokens, and goes on with windows of 12"]);
}
