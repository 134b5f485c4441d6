//! Tables that cannot be learned from: exit code 1, and a message that says where and what.

use crate::program::{Place, names, text, trained};

#[test]
fn train_says_where_and_what_is_wrong_and_writes_nothing() {
    let many = |bad: &str| format!("text,sports\n{}x,{bad}\n", "x,1\nx,0\n".repeat(10));
    let cases: [(&str, Vec<u8>, &[&str]); 12] = [
        ("an empty file", b"".into(), &["t.csv is empty"]),
        (
            "a header only",
            b"text,sports\n".into(),
            &["t.csv has a header but no rows"],
        ),
        (
            "no label column",
            b"text,source\nhello,radio\n".into(),
            &[
                "t.csv: no label column; `source` holds `radio`",
                "hint: a label's cells hold yes/no words",
            ],
        ),
        (
            "nothing but texts",
            b"text\nhello\n".into(),
            &["t.csv: no label column; there is no column besides text and id"],
        ),
        (
            "one bad cell",
            many("maybe").into(),
            &[
                "t.csv: column `sports` holds yes/no words in 20 of 21 cells, but `maybe` at line 22",
                "hint: correct these cells, or say what they mean with `--yes ",
            ],
        ),
        (
            "no text column",
            b"review,sports\nhello,1\n".into(),
            &[
                "`text`",
                "hint: name the column that holds the texts: `--text COLUMN`",
            ],
        ),
        (
            "semicolons, and no text column",
            b"texts;sports\nhello;1\n".into(),
            &[
                "t.csv:1: no column `text`; there are `texts`, `sports`",
                "hint: name the column that holds the texts: `--text texts`",
            ],
        ),
        (
            "invalid UTF-8",
            b"text,sports\n\xc3\xa9t\xc3\xa9,1\ncaf\xe9,0\n".into(),
            &[
                "t.csv:3: the text is not valid UTF-8",
                "hint: save the table as UTF-8, or say how it is encoded",
            ],
        ),
        (
            "UTF-16 without rows",
            b"\xff\xfet\0e\0x\0t\0,\0a\0\n\0".into(),
            &["t.csv has a header but no rows"],
        ),
        (
            "a short record",
            b"text,sports\nhello\n".into(),
            &["t.csv:2: the header has 2 columns, this record has 1"],
        ),
        (
            "an open quote",
            b"text,sports\n\"hello,1\nmore,0\n".into(),
            &["t.csv:2: a quote is opened in this record and never closed"],
        ),
        (
            "a column twice",
            b"text,sports,sports\nhello,1,1\n".into(),
            &["column `sports` is there twice"],
        ),
    ];
    for (name, content, parts) in cases {
        let place = Place::new();
        place.file("t.csv", content);
        // The name within the folder, so that messages are short.
        let run = place.train(std::path::Path::new("t.csv"), "model", &[]);
        println!("{name}: {}", run.stderr);
        run.fails_with(parts);
        assert_eq!(place.names(), ["t.csv"], "{name}");
    }
}

#[test]
fn a_label_that_is_named_must_hold_yes_and_no() {
    let place = Place::new();
    let table = std::path::Path::new("t.csv");
    place.file("t.csv", "text,sports,mood\nwon,1,maybe\nlost,0,1\n");
    place
        .train(table, "model", &["--labels", "sports,mood"])
        .fails_with(&[
            "t.csv:2: column `mood` holds `maybe`, which is neither yes nor no",
            "hint: to read `maybe` as yes, pass `--yes maybe`, and so with `--no` and `--unknown`; the words are 1 0",
        ]);
    place
        .train(table, "model", &["--labels", "sport"])
        .fails_with(&["t.csv: no column `sport`", "hint: did you mean `sports`?"]);
    place
        .train(table, "model", &["--labels", "text"])
        .fails_with(&["column `text` cannot be"]);
    place
        .train(table, "model", &["--labels", "sports", "--epochs", "1"])
        .succeeds();
}

#[test]
fn a_nearly_yes_no_column_may_be_left_out() {
    let place = Place::new();
    let table = format!(
        "text,sports,odd\n{}x,1,maybe\n",
        "a,1,1\nb,0,0\n".repeat(10)
    );
    let table = place.file("t.csv", table);
    let run = place
        .train(&table, "model", &["--ignore", "odd", "--epochs", "1"])
        .succeeds();
    run.says(&["carried along: `odd`"]);
}

#[test]
fn evaluate_and_predict_say_it_too() {
    let place = Place::new();
    let model = text(trained());
    place.file(
        "bad.csv",
        "text,positive,sports,business\na,1,0,1\nb,1,perhaps,0\n",
    );
    place
        .run(&["evaluate", &model, "bad.csv"])
        .fails_with(&["bad.csv:3: column `sports` holds `perhaps`, which is neither yes nor no"]);
    place.file("bytes.csv", b"text\n\xc3\xa9t\xc3\xa9\ncaf\xe9\n");
    let run = place.run(&["predict", &model, "bytes.csv"]).ends_with(1);
    assert!(
        run.error()
            .contains("bytes.csv:3: the text is not valid UTF-8"),
        "{}",
        run.stderr
    );
    place.file("empty.jsonl", "");
    place
        .run(&["evaluate", &model, "empty.jsonl"])
        .fails_with(&["empty.jsonl"]);
    place.file("list.jsonl", "[1]\n");
    place
        .run(&["predict", &model, "list.jsonl", "--output", "p.csv"])
        .fails_with(&["list.jsonl:1: not a JSON object"]);
    place
        .run(&["predict", &model, "nowhere.csv"])
        .fails_with(&["cannot open `nowhere.csv`"]);
    assert_eq!(
        names(&place.path("")),
        ["bad.csv", "bytes.csv", "empty.jsonl", "list.jsonl"]
    );
}
