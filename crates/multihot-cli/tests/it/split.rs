//! `multihot split`.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;

use crate::program::{Place, Run, names, reviews, text};

/// 40 rows of ten authors, with cells that are quoted more than they must be, and Windows line ends.
fn authors() -> String {
    let row = |i: usize| {
        let (sports, business) = (i.is_multiple_of(4), i.is_multiple_of(5));
        let blank = if i % 8 == 7 { "" } else { "0" };
        format!(
            "{i},\"text {i}, \"\"quoted\"\"\",{},{},author {}\r\n",
            u8::from(sports),
            if business { "1" } else { blank },
            i % 10
        )
    };
    let rows: String = (0..40).map(row).collect();
    format!("n,text,sports,business,author\r\n{rows}")
}

fn records(place: &Place, file: &str) -> Vec<String> {
    let content = fs::read_to_string(place.path(file)).unwrap();
    content
        .split_inclusive('\n')
        .skip(1)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_parts_are_files_and_the_screen_shows_their_labels() {
    let place = Place::new();
    place.file("t.csv", authors());
    let run = place.run(&["split", "t.csv", "--out", "parts"]).succeeds();
    let expected = "
                  train, 32 rows             dev, 4 rows            test, 4 rows
            yes    rate  unknown    yes    rate  unknown    yes    rate  unknown

sports        8  0.2500        0      1  0.2500        0      1  0.2500        0
business      6  0.2143        4      1  0.2500        0      1  0.2500        0

40 rows written to parts: train.csv, dev.csv, test.csv
try `multihot train parts/train.csv --dev parts/dev.csv --encoder FOLDER --out MODEL`
";
    assert_eq!(format!("\n{}", run.stdout), expected);
    run.says(&["t.csv: 40 rows, text in `text`"]);
    assert_eq!(place.names(), ["parts", "t.csv"]);
    assert_eq!(
        names(&place.path("parts")),
        ["dev.csv", "split.json", "test.csv", "train.csv"]
    );
}

#[test]
fn every_record_stands_in_one_part_as_it_stood_in_the_table() {
    let place = Place::new();
    // The last record has no line end.
    let table = authors();
    place.file("t.csv", table.trim_end());
    place.run(&["split", "t.csv", "--out", "parts"]).succeeds();
    let all: Vec<&str> = table.split_inclusive('\n').collect();
    let mut copied = BTreeSet::new();
    for part in ["train", "dev", "test"] {
        let file = format!("parts/{part}.csv");
        let content = fs::read_to_string(place.path(&file)).unwrap();
        assert!(content.starts_with(all[0]), "{part} has the header");
        let places: Vec<usize> = records(&place, &file)
            .iter()
            .map(|record| all.iter().position(|other| other == record).unwrap())
            .collect();
        assert!(places.is_sorted(), "{part} is in the order of the table");
        copied.extend(places);
    }
    assert_eq!(copied, (1..=40).collect());
}

#[test]
fn objects_stay_as_they_are_written() {
    let place = Place::new();
    let line = |i: usize| {
        format!(
            "{{ \"text\": \"t{i}\", \"a\" : {}.0, \"x\":[1.10] }}\n",
            i % 2
        )
    };
    let lines: Vec<String> = (0..20).map(line).collect();
    place.file("t.jsonl", lines.join("\n"));
    let args = [
        "split", "t.jsonl", "--out", "parts", "--test", "0", "--dev", "0.25",
    ];
    let run = place.run(&args).succeeds();
    assert!(run.stdout.contains("train, 15 rows"), "{}", run.stdout);
    let read = |file: &str| fs::read_to_string(place.path(file)).unwrap();
    let both = read("parts/train.jsonl") + &read("parts/dev.jsonl");
    let mut both: Vec<&str> = both.split_inclusive('\n').collect();
    both.sort_unstable();
    let mut all = lines.clone();
    all.sort_unstable();
    assert_eq!(both, all);
    assert_eq!(
        names(&place.path("parts")),
        ["dev.jsonl", "split.json", "train.jsonl"]
    );
}

#[test]
fn each_row_is_held_out_in_one_fold_and_learned_from_in_the_others() {
    let place = Place::new();
    place.file("t.csv", authors());
    let run = place
        .run(&["split", "t.csv", "--out", "k", "--folds", "4"])
        .succeeds();
    let expected = "
            yes in a fold    rate in a fold    unknown in a fold
              least  most     least    most          least  most

sports            2     3    0.2000  0.3000              0     0
business          2     2    0.2222  0.2222              1     1

40 rows written to k: fold-1 to fold-4, each row held out once
try `multihot train k/fold-1/train.csv --dev k/fold-1/dev.csv --encoder FOLDER --out MODEL`
";
    assert_eq!(format!("\n{}", run.stdout), expected);
    let all: BTreeSet<String> = authors()
        .split_inclusive('\n')
        .skip(1)
        .map(str::to_owned)
        .collect();
    let mut held_out = BTreeSet::new();
    for fold in 1..=4 {
        assert_eq!(
            names(&place.path(&format!("k/fold-{fold}"))),
            ["dev.csv", "train.csv"]
        );
        let dev = records(&place, &format!("k/fold-{fold}/dev.csv"));
        let train = records(&place, &format!("k/fold-{fold}/train.csv"));
        assert_eq!((dev.len(), train.len()), (10, 30));
        let both: BTreeSet<String> = dev.iter().chain(&train).cloned().collect();
        assert_eq!(both, all);
        held_out.extend(dev);
    }
    assert_eq!(held_out, all);
}

#[test]
fn rows_of_an_author_stay_together() {
    let place = Place::new();
    place.file("t.csv", authors());
    let args = [
        "split", "t.csv", "--out", "parts", "--group", "author", "--dev", "0.2", "--test", "0.2",
    ];
    place.run(&args).succeeds();
    let authors = |part: &str| -> BTreeSet<String> {
        let records = records(&place, &format!("parts/{part}.csv"));
        let author = |record: &String| record.rsplit(',').next().unwrap().to_owned();
        records.iter().map(author).collect()
    };
    let parts = ["train", "dev", "test"].map(authors);
    assert_eq!(parts.each_ref().map(BTreeSet::len), [6, 2, 2]);
    assert_eq!(parts.iter().flatten().collect::<BTreeSet<_>>().len(), 10);
}

#[test]
fn the_seed_decides_and_nothing_else() {
    let place = Place::new();
    place.file("t.csv", authors());
    let dev = |out: &str, seed: &str| {
        place
            .run(&["split", "t.csv", "--out", out, "--seed", seed])
            .succeeds();
        fs::read(place.path(&format!("{out}/dev.csv"))).unwrap()
    };
    assert_eq!(dev("a", "1"), dev("b", "1"));
    assert_ne!(dev("c", "1"), dev("d", "2"));
}

#[test]
fn json_has_every_count_and_stands_beside_the_parts() {
    let place = Place::new();
    place.file("t.csv", authors());
    let run = place
        .run(&["split", "t.csv", "--out", "parts", "--json"])
        .succeeds();
    let report = run.json();
    let keys: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["table", "rows", "seed", "parts", "notes"]);
    let dev = json!({
        "part": "dev",
        "file": "dev.csv",
        "share": 0.1,
        "rows": 4,
        "labels": [
            {"label": "sports", "yes": 1, "no": 3, "unknown": 0, "rate": 0.25},
            {"label": "business", "yes": 1, "no": 3, "unknown": 0, "rate": 0.25},
        ],
    });
    assert_eq!(report["parts"][1], dev);
    let beside = fs::read(place.path("parts/split.json")).unwrap();
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&beside).unwrap(),
        report
    );
}

#[test]
fn what_a_part_lacks_is_said() {
    let place = Place::new();
    let rows: String = (0..50)
        .map(|i| format!("t{i},{},{}\n", u8::from(i < 2), i % 2))
        .collect();
    place.file("t.csv", format!("text,rare,a\n{rows}"));
    let run = place.run(&["split", "t.csv", "--out", "parts"]).succeeds();
    run.says(&["warning: label `rare` is never yes in test"]);

    // Two authors of unlike size.
    let rows: String = (0..50)
        .map(|i| format!("t{i},{},{}\n", i % 2, i / 40))
        .collect();
    place.file("t.csv", format!("text,a,author\n{rows}"));
    let args = [
        "split", "t.csv", "--out", "two", "--test", "0", "--group", "author",
    ];
    let run = place.run(&args).succeeds();
    run.says(&["warning: dev has 10 rows where 5 were asked for, because groups stay whole"]);
}

#[test]
fn standard_input_is_held_so_that_it_can_be_read_twice() {
    let place = Place::new();
    place.file("t.csv", authors());
    place.run(&["split", "t.csv", "--out", "a"]).succeeds();
    let args = ["split", "-", "--input-format", "csv", "--out", "b"];
    let run = place.run_with_input(&args, authors()).succeeds();
    run.says(&["standard input: 40 rows"]);
    for part in ["train.csv", "dev.csv", "test.csv"] {
        let of = |out: &str| fs::read(place.path(out).join(part)).unwrap();
        assert_eq!(of("a"), of("b"));
    }
    let run = place
        .run_with_input(&["split", "-", "--out", "c"], authors())
        .ends_with(2);
    assert!(
        run.error().contains("hint: pass `--input-format csv` or"),
        "{}",
        run.stderr
    );
}

#[test]
fn what_stands_at_out_is_kept_unless_it_is_a_split_to_overwrite() {
    let place = Place::new();
    place.file("t.csv", authors());
    place
        .run(&["split", "t.csv", "--out", "parts", "--seed", "1"])
        .succeeds();
    let dev = || fs::read(place.path("parts/dev.csv")).unwrap();
    let before = dev();
    let again = |more: &[&str]| {
        place.run(&[&["split", "t.csv", "--out", "parts", "--seed", "2"], more].concat())
    };
    again(&[]).fails_with(&[
        "parts",
        "hint: pass `--overwrite` to replace it, or another `--out`",
    ]);
    assert_eq!(dev(), before);
    again(&["--overwrite"]).succeeds();
    assert_ne!(dev(), before);

    fs::create_dir(place.path("home")).unwrap();
    place.file("home/letters", "dear");
    place
        .run(&["split", "t.csv", "--out", "home", "--overwrite"])
        .fails_with(&["home: there is no `split.json` in it, so it is not overwritten"]);
    // The table itself would go with the folder.
    place
        .run(&["split", "parts/train.csv", "--out", "parts", "--overwrite"])
        .fails_with(&[
            "parts/train.csv stands in parts, which would be replaced",
            "hint: pass another `--out`",
        ]);
    assert_eq!(
        place.names(),
        ["home", "parts", "t.csv"],
        "nothing is left behind"
    );
}

#[test]
fn what_cannot_be_split_says_why_and_writes_nothing() {
    let many = "a,1\nb,0\nc,1\nd,0\n";
    /// Rows, options, exit code, and what the error says.
    type Case<'a> = (&'a str, &'a str, &'a [&'a str], i32, &'a [&'a str]);
    let cases: [Case; 11] = [
        (
            "one row",
            "a,1\n",
            &[],
            1,
            &["t.csv: 1 row in 1 group, which stay whole, cannot be split into 3 parts"],
        ),
        (
            "one text",
            "a,1\na,0\na,1\na,1\n",
            &[],
            1,
            &[
                "t.csv: 4 rows in 1 group",
                "hint: rows with the same text, or in the same group, stay together",
            ],
        ),
        (
            "more folds than rows",
            many,
            &["--folds", "5"],
            1,
            &["4 rows in 4 groups, which stay whole, cannot be split into 5 parts"],
        ),
        (
            "all unknown",
            "a,\nb,?\nc,NA\n",
            &["--labels", "x"],
            1,
            &["t.csv: every cell of x is unknown"],
        ),
        (
            "no label",
            "a,maybe\nb,red\n",
            &[],
            1,
            &["t.csv: no label column"],
        ),
        (
            "a group that is not there",
            many,
            &["--group", "txt"],
            1,
            &[
                "t.csv: no column `txt`; there are `text`, `x`",
                "hint: did you mean `text`?",
            ],
        ),
        (
            "a label as the group",
            many,
            &["--labels", "x", "--group", "x"],
            1,
            &["column `x` cannot be a label and the group"],
        ),
        (
            "shares that leave nothing",
            many,
            &["--dev", "0.6", "--test", "0.5"],
            2,
            &["`--dev and --test together` is 1.1; expected below 1"],
        ),
        (
            "no dev",
            many,
            &["--dev", "0"],
            2,
            &["`--dev` is 0; expected above 0 and below 1"],
        ),
        (
            "no number",
            many,
            &["--test", "NaN"],
            2,
            &["`--test` is NaN; expected 0 or more, below 1"],
        ),
        (
            "one fold",
            many,
            &["--folds", "1"],
            2,
            &["`--folds` is 1; expected 2 to 100"],
        ),
    ];
    for (name, rows, more, code, parts) in cases {
        let place = Place::new();
        place.file("t.csv", format!("text,x\n{rows}"));
        let run: Run = place.run(&[&["split", "t.csv", "--out", "parts"], more].concat());
        let run = run.ends_with(code);
        for part in parts {
            assert!(
                run.error().contains(part),
                "{name}: `{part}` is not in: {}",
                run.stderr
            );
        }
        assert_eq!(run.stdout, "", "{name}");
        assert_eq!(place.names(), ["t.csv"], "{name}");
    }
}

#[test]
fn the_parts_are_what_train_reads() {
    let place = Place::new();
    place
        .run(&["split", &text(&reviews()), "--out", "parts"])
        .succeeds();
    let run = place.train(
        &place.path("parts/train.csv"),
        "model",
        &[
            "--dev",
            &text(&place.path("parts/dev.csv")),
            "--epochs",
            "1",
        ],
    );
    run.succeeds().says(&["96 rows to learn from, 12 held out"]);
}

#[test]
fn train_keeps_groups_on_one_side_of_its_own_split() {
    let place = Place::new();
    let table = place.file("t.csv", authors());
    let run = place.train(&table, "model", &["--group", "author", "--epochs", "1"]);
    run.succeeds().says(&["20 rows to learn from, 20 held out"]);
    let run = place.train(&table, "other", &["--group", "writer"]);
    run.fails_with(&["no column `writer`"]);
}
