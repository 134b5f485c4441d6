//! Labels that exclude or imply each other: what every command makes of them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::program::{Place, Run, config, tiny_bert, train_args};

const TOPICS: [&str; 3] = ["sports", "politics", "weather"];
const GROUP: &str = "topic=sports,politics,weather";

/// Rows of one topic each, with two labels beside: whether it is good news, and whether it happens
/// outdoors, which sports and weather do.
fn table(rows: usize) -> String {
    let mut table = "id,text,sports,politics,weather,good,outdoors\n".to_owned();
    for row in 0..rows {
        let topic = row % 3;
        let words = [
            "the team won the cup",
            "they pay the invoice",
            "a wonderful sunday",
        ][topic];
        let word = ["good", "dark", "first", "ever", "humble"][row / 3 % 5];
        let cell = |is: bool| i32::from(is);
        let topics = [0, 1, 2]
            .map(|other| cell(topic == other).to_string())
            .join(",");
        // A blank follows from the others: a topic, and where sports take place.
        let topics = if row % 7 == 0 {
            topics.replace('0', "")
        } else {
            topics
        };
        let outdoors = if row % 6 == 3 {
            String::new()
        } else {
            cell(topic != 1).to_string()
        };
        let good = cell(row / 3 % 2 == 0);
        writeln!(
            table,
            "r{row},{word} {words} {row},{topics},{good},{outdoors}"
        )
        .unwrap();
    }
    table
}

/// A model with a group, an implication out of it, and free labels, trained once.
fn grouped() -> &'static Path {
    static MODEL: OnceLock<PathBuf> = OnceLock::new();
    MODEL.get_or_init(|| {
        let place = Place::new();
        place.file("t.csv", table(90));
        let options = [
            "--exclusive",
            GROUP,
            "--implies",
            "sports:outdoors",
            "--epochs",
            "2",
        ];
        let run = train(&place, &options).succeeds();
        run.says(&[
            "note: t.csv: ",
            " unknown cells follow from exclusive groups and implications",
        ]);
        assert!(
            run.stdout
                .contains("\nexclusive group topic (exactly one holds): accuracy ")
        );
        place.keep().join("model")
    })
}

fn train(place: &Place, more: &[&str]) -> Run {
    let options = [&["--precision", "f32", "--learning-rate", "1e-3"], more].concat();
    place.run(&train_args(
        Path::new("t.csv"),
        &tiny_bert(),
        "model",
        &options,
    ))
}

/// A folder with the table and the model.
fn place_with(model: &Path) -> Place {
    let place = Place::new();
    place.file("t.csv", table(30));
    place.copy(model, "model");
    place
}

/// What `predict` answers, a line a row.
fn predicted(place: &Place, more: &[&str]) -> Vec<Value> {
    let args = [&["predict", "model", "t.csv", "--format", "jsonl"], more].concat();
    let run = place.run(&args).succeeds();
    let lines = run.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn chances(row: &Value, of: &str) -> Vec<f64> {
    TOPICS
        .map(|topic| row[of][topic].as_f64().unwrap())
        .to_vec()
}

fn topics(row: &Value) -> Vec<&str> {
    let labels = row["labels"].as_array().unwrap().iter();
    let labels = labels.map(|label| label.as_str().unwrap());
    labels.filter(|label| TOPICS.contains(label)).collect()
}

#[test]
fn a_group_sums_to_one_and_its_likeliest_label_is_the_answer() {
    let place = place_with(grouped());
    for row in predicted(&place, &["--raw"]) {
        for of in ["probabilities", "raw_probabilities"] {
            let sum: f64 = chances(&row, of).iter().sum();
            assert!((sum - 1.0).abs() < 1e-5, "{row}");
        }
        let own = chances(&row, "probabilities");
        let best = (0..3).max_by(|&a, &b| own[a].total_cmp(&own[b])).unwrap();
        assert_eq!(topics(&row), [TOPICS[best]], "{row}");
        // Sports imply outdoors.
        let outdoors = row["probabilities"]["outdoors"].as_f64().unwrap();
        assert!(own[0] <= outdoors, "{row}");
        let labels = row["labels"].as_array().unwrap();
        assert!(best != 0 || labels.contains(&json!("outdoors")), "{row}");
    }
    // A threshold from outside is for the others.
    for row in predicted(&place, &["--threshold", "1"]) {
        assert_eq!(topics(&row).len(), 1);
    }
}

#[test]
fn the_folder_keeps_the_relations_and_inspect_shows_them() {
    let place = place_with(grouped());
    let config = config(&place.path("model"));
    assert_eq!(config["problem_type"], "multi_label_classification");
    let multihot = &config["multihot"];
    assert_eq!(multihot["version"], 3);
    assert_eq!(
        multihot["exclusive"],
        json!([{"name": "topic", "labels": TOPICS, "at_most_one": false}])
    );
    assert_eq!(
        multihot["implies"],
        json!([{"cause": "sports", "consequence": "outdoors"}])
    );
    let of_politics = &multihot["decisions"]["labels"][1];
    assert_eq!(
        (
            &of_politics["threshold"],
            &of_politics["objective"],
            &of_politics["basis"]
        ),
        (&Value::Null, &json!("likeliest"), &json!("exclusive"))
    );
    let run = place.run(&["inspect", "model"]).succeeds();
    for line in [
        "\n  exclusive   topic: exactly one of sports, politics, weather\n",
        "\n  implies     sports implies outdoors\n",
        "\n              politics: yes where it is the likeliest of its exclusive group (",
    ] {
        assert!(run.stdout.contains(line), "{}", run.stdout);
    }
    let report = place.run(&["inspect", "model", "--json"]).succeeds().json();
    assert_eq!(report["exclusive"], multihot["exclusive"]);
}

#[test]
fn evaluate_tune_compare_and_the_report_know_the_group() {
    let place = place_with(grouped());
    let figures = place
        .run(&["evaluate", "model", "t.csv", "--json"])
        .figures();
    let topic = &figures["exclusive"]["topic"];
    assert_eq!(
        (&topic["settled"], &topic["labels"]),
        (&json!(30), &json!(TOPICS))
    );
    let rows: u64 = (0..3)
        .flat_map(|of| topic["confusion_matrix"][of].as_array().unwrap())
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(rows, 30);
    assert_eq!(figures["labels"]["sports"]["threshold"], Value::Null);
    assert!(figures["labels"]["good"]["threshold"].is_number());

    // The same from stored scores, in the middle of which a group is broken.
    let scored = [
        "predict",
        "model",
        "t.csv",
        "--logits",
        "--output",
        "scores.csv",
    ];
    place.run(&scored).succeeds();
    let again = place.run(&["evaluate", "model", "scores.csv", "--scores", "--json"]);
    assert_eq!(again.figures()["exclusive"], figures["exclusive"]);

    let run = place.run(&[
        "compare",
        "model",
        "model",
        "t.csv",
        "--bootstrap",
        "0",
        "--json",
    ]);
    let compared = run.succeeds().json();
    let sports = &compared["labels"]["sports"]["f1-score"];
    assert_eq!(sports["a"], figures["report"]["sports"]["f1-score"]);
    assert_eq!(compared["known"], 150, "what follows is known");

    let options = ["--unsure", "0.9", "--report", "report.html", "--json"];
    let tuned = place.run(&[&["tune", "model", "t.csv"][..], &options].concat());
    let tuned = tuned.succeeds().json();
    assert_eq!(tuned["exclusive"][0]["settled"], 30);
    assert_eq!(tuned["labels"][0]["threshold"], Value::Null);
    let page = fs::read_to_string(place.path("report.html")).unwrap();
    assert!(page.contains(r#""threshold":null,"group":"topic","decided":["#));
    assert_eq!(config(&place.path("model"))["multihot"]["version"], 3);
}

#[test]
fn at_most_one_leaves_room_for_none() {
    let place = Place::new();
    let table = table(60).replace("1,0,0,", "0,0,0,");
    place.file("t.csv", table);
    let options = [
        "--exclusive",
        "topic?=sports,politics,weather",
        "--epochs",
        "2",
    ];
    let run = train(&place, &options).succeeds();
    assert!(
        run.stdout
            .contains("exclusive group topic (at most one holds)"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("  (none)  was the answer"),
        "{}",
        run.stdout
    );
    let rows = predicted(&place, &[]);
    for row in &rows {
        let chances = chances(row, "probabilities");
        let sum: f64 = chances.iter().sum();
        assert!(sum < 1.0 - 1e-4, "{row}");
        let best = chances.iter().copied().fold(0.0, f64::max);
        assert_eq!(topics(row).is_empty(), best < 1.0 - sum, "{row}");
    }
}

#[test]
fn one_exclusive_group_and_nothing_else_is_single_label_classification() {
    let place = Place::new();
    place.file("t.csv", table(60));
    let labels = ["--labels", "sports,politics,weather", "--exclusive", GROUP];
    train(&place, &[&labels[..], &["--epochs", "2"]].concat()).succeeds();
    let mut own = config(&place.path("model"));
    assert_eq!(own["problem_type"], "single_label_classification");
    let ours = predicted(&place, &["--raw"]);

    // As another program would have written it: one softmax, and no decisions.
    own.as_object_mut().unwrap().remove("multihot");
    place.file("model/config.json", own.to_string());
    let run = place.run(&["inspect", "model"]).succeeds();
    assert!(
        run.stdout
            .contains("exclusive   label: exactly one of sports"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout
            .contains("note        its labels exclude each other"),
        "{}",
        run.stdout
    );
    for (theirs, ours) in predicted(&place, &[]).iter().zip(&ours) {
        assert_eq!(theirs["probabilities"], ours["raw_probabilities"]);
        assert_eq!(topics(theirs).len(), 1);
    }
    let tuned = place.run(&["tune", "model", "t.csv"]).succeeds();
    tuned.says(&["note: its labels exclude each other (`problem_type` is `single_label_"]);
    assert_eq!(config(&place.path("model"))["multihot"]["version"], 3);
    assert_eq!(topics(&predicted(&place, &[])[0]).len(), 1);

    // Another training keeps the group without being told.
    let labels = &labels[..2];
    let args = train_args(Path::new("t.csv"), Path::new("model"), "next", labels);
    place
        .run(&[&args[..], &["--epochs".into(), "1".into()]].concat())
        .succeeds();
    assert_eq!(
        config(&place.path("next"))["problem_type"],
        "single_label_classification"
    );
}

#[test]
fn folds_and_smoothing_go_with_groups() {
    let place = Place::new();
    place.file("t.csv", table(60));
    let options = [
        "--exclusive",
        GROUP,
        "--folds",
        "2",
        "--label-smoothing",
        "0.1",
        "--epochs",
        "2",
        "--json",
    ];
    let trained = train(&place, &options).succeeds().json();
    let distortion = &config(&place.path("model"))["multihot"]["distortion"]["bent"];
    assert_eq!(distortion["exclusive"].as_array().unwrap().len(), 1);
    let scores = [
        "tune",
        "model",
        "model/out-of-fold.csv",
        "--scores",
        "--dry-run",
        "--json",
    ];
    let tuned = place.run(&scores).succeeds().json();
    let accuracy = |tuning: &Value| tuning["exclusive"][0]["accuracy"].clone();
    assert_eq!(accuracy(&tuned), accuracy(&trained["tuning"]));
    assert!(accuracy(&tuned).is_number());
    let group = |summary: &Value| summary["baseline"]["evaluation"]["exclusive"].clone();
    assert_eq!(group(&trained)["topic"]["settled"], 60);
}

#[test]
fn relations_that_cannot_be_are_refused_before_anything_runs() {
    let cases: [(&[&str], &[&str]); 5] = [
        (
            &["--exclusive", "topic=sports,politics,wheather"],
            &[
                "there is no label `wheather`; labels are sports, politics, weather, good, outdoors",
                "hint: did you mean `weather`?",
            ],
        ),
        (
            &[
                "--exclusive",
                "topic=sports,politics",
                "--exclusive",
                "b=weather,sports",
            ],
            &["label `sports` is in the groups `topic` and `b`", "hint: "],
        ),
        (
            &["--implies", "sports:good", "--implies", "good:sports"],
            &["in a circle: `sports`, which implies `good`, which implies `sports`"],
        ),
        (
            &["--exclusive", GROUP, "--implies", "sports:politics"],
            &["`sports` can never hold"],
        ),
        (
            &["--exclusive", "topic=good,outdoors"],
            &[
                "t.csv:2: `good` and `outdoors` are yes; they exclude each other (group `topic`)",
                "more rows are like that; correct these cells",
            ],
        ),
    ];
    let place = Place::new();
    place.file("t.csv", table(30));
    for (options, parts) in cases {
        train(&place, options).fails_with(parts);
    }
    place.file("t.csv", table(30).replacen("0,1,0,", "0,0,0,", 1));
    train(&place, &["--exclusive", GROUP]).fails_with(&[
        "t.csv:3: none of `sports` and `politics` and `weather` is yes",
        "hint: where none may hold, write `--exclusive 'topic?=…'`",
    ]);
    assert_eq!(place.names(), ["t.csv"]);

    let usage: [(&[&str], &str); 4] = [
        (
            &["--exclusive", "sports"],
            "`sports` is no exclusive group; expected a name and its labels",
        ),
        (
            &["--implies", "a:b:c"],
            "`a:b:c` is no implication; expected two labels",
        ),
        (
            &["--exclusive", GROUP, "--loss", "focal"],
            "`--loss` is focal loss (gamma 2) beside the exclusive group `topic`; expected `bce`",
        ),
        (
            &["--exclusive", GROUP, "--pos-weight", "weights.json"],
            "`--pos-weight` is 3 for `weather` of the exclusive group `topic`; expected weights for \
             labels in no group",
        ),
    ];
    place.file("t.csv", table(30));
    place.file("weights.json", r#"{"good": 2, "weather": 3, "sports": 1}"#);
    for (options, part) in usage {
        let run = train(&place, options).ends_with(2);
        assert!(run.error().contains(part), "{}", run.error());
    }
    train(
        &place,
        &[
            "--exclusive",
            GROUP,
            "--objective-for",
            "sports=recall>=0.9",
        ],
    )
    .fails_with(&[
        "for label `sports`, which is in the exclusive group `topic`",
        "--unsure",
    ]);
}

#[test]
fn a_table_that_breaks_the_group_is_not_evaluated() {
    let place = place_with(grouped());
    place.file("bad.csv", table(9).replacen("0,1,0,", "1,1,0,", 1));
    for command in ["evaluate", "tune"] {
        place.run(&[command, "model", "bad.csv"]).fails_with(&[
            "bad.csv:3: `sports` and `politics` are yes; they exclude each other (group `topic`)",
            "hint: correct these cells",
        ]);
    }
    // What contradicts an implication is said, and counts as it stands.
    let table = table(9).replacen(",1,0,0,1,1\n", ",1,0,0,1,0\n", 1);
    assert!(table.contains(",1,0,0,1,0\n"));
    place.file("odd.csv", table);
    place
        .run(&["evaluate", "model", "odd.csv"])
        .succeeds()
        .says(&[
            "note: odd.csv: 1 row contradicts an implication and stays as it is, the first at 8",
            "`sports` would be yes and `outdoors` no",
        ]);
}
