//! Trainings that end before their time, and go on.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::program::{Place, Run, config, reviews, text, tiny_bert, train_args, trained, weights};

/// Many short epochs, so that a signal finds the training under way.
const LONG: [&str; 8] = [
    "--epochs",
    "20",
    "--batch-rows",
    "4",
    "--learning-rate",
    "1e-3",
    "--seed",
    "2",
];

/// Starts the program and sends `signal` once it has said `word`.
fn interrupt(command: &mut Command, word: &str, signal: &str) -> Run {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(word) {
        let n = stderr.read_line(&mut said).unwrap();
        assert!(n > 0, "it ended without `{word}`: {said}");
    }
    send(signal, &child);
    std::io::Read::read_to_string(&mut stderr, &mut said).unwrap();
    let mut run = Run::from(child.wait_with_output().unwrap());
    run.stderr = said;
    run
}

fn send(signal: &str, child: &Child) {
    let status = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(status.unwrap().success(), "kill {signal}");
}

#[test]
fn ctrl_c_keeps_the_best_epoch_and_resume_goes_on_to_the_same_bits() {
    let place = Place::new();
    place.train(&reviews(), "whole", &LONG).succeeds();

    let args = train_args(&reviews(), &tiny_bert(), "model", &LONG);
    let run = interrupt(&mut place.command(&args), "epoch 2:", "-INT").ends_with(1);
    run.says(&["stopping after this step; the best epoch so far is kept"]);
    assert!(
        run.stdout
            .contains("`--resume` continues from the last whole epoch"),
        "{}",
        run.stdout
    );
    assert!(!run.stderr.contains("error: "), "{}", run.stderr);
    assert_eq!(place.names(), ["model", "model.checkpoint", "whole"]);
    let epochs = fs::read_to_string(place.path("model/training.jsonl"))
        .unwrap()
        .lines()
        .count();
    assert!((2..20).contains(&epochs), "{epochs}");
    // What is there is a model.
    place
        .run(&["evaluate", "model", reviews().to_str().unwrap()])
        .succeeds();
    let stopped = weights(&place.path("model"));

    // It is not started over by accident, nor taken up with other options.
    let run = place.run(&args).fails_with(&[
        "model.checkpoint: a training that has not ended left its checkpoint here",
        "hint: `--resume` continues that training, `--overwrite` throws it away",
    ]);
    assert!(!run.stderr.contains("epoch 1"), "{}", run.stderr);
    let with = |more: &[&str]| place.train(&reviews(), "model", &[&LONG, more].concat());
    with(&["--resume", "--weight-decay", "0.5"]).fails_with(&[
        "another `weight_decay` (",
        "now 0.5",
        "hint: pass the same options",
    ]);
    with(&["--resume", "--ignore", "sports"]).fails_with(&["model.checkpoint: "]);
    assert!(weights(&place.path("model")) == stopped, "untouched so far");

    let run = with(&["--resume"]).succeeds();
    assert!(
        !run.stderr.contains("epoch 1:"),
        "epochs are not run twice: {}",
        run.stderr
    );
    assert_eq!(place.names(), ["model", "whole"]);
    assert!(weights(&place.path("model")) == weights(&place.path("whole")));
    assert_eq!(config(&place.path("model")), config(&place.path("whole")));
    let epochs =
        |model: &str| fs::read_to_string(place.path(model).join("training.jsonl")).unwrap();
    assert_eq!(epochs("model"), epochs("whole"));
}

#[test]
fn a_training_that_was_killed_can_be_resumed_with_another_number_of_threads() {
    let place = Place::new();
    let options = [
        "--epochs",
        "14",
        "--batch-tokens",
        "64",
        "--accumulation",
        "2",
        "--pooling",
        "mean",
    ];
    place.train(&reviews(), "whole", &options).succeeds();
    let args = train_args(&reviews(), &tiny_bert(), "model", &options);
    let run = interrupt(&mut place.command(&args), "epoch 2:", "-KILL");
    assert_eq!(run.code, None, "it had no time to say anything");
    assert!(!place.path("model").exists());

    let mut args = args;
    let threads = args.iter().position(|arg| arg == "--threads").unwrap();
    args[threads + 1] = "2".into();
    args.push("--resume".into());
    place.run(&args).succeeds();
    assert!(weights(&place.path("model")) == weights(&place.path("whole")));
    let head = |model: &str| fs::read(place.path(model).join("2_Dense/model.safetensors")).unwrap();
    assert!(head("model") == head("whole"));
}

#[test]
fn ctrl_c_before_the_first_epoch_leaves_nothing() {
    let place = Place::new();
    let rows: String = (0..4000)
        .map(|i| format!("some words about number {i},{}\n", i % 2))
        .collect();
    let table = place.file("t.csv", format!("text,even\n{rows}"));
    let args = train_args(&table, &tiny_bert(), "model", &["--batch-rows", "1"]);
    let run = interrupt(&mut place.command(&args), "updates;", "-INT");
    run.fails_with(&["stopped before the first epoch ended: there is nothing to keep yet"]);
    assert_eq!(place.names(), ["t.csv"]);
}

#[test]
fn there_must_be_something_to_resume() {
    let place = Place::new();
    place
        .train(&reviews(), "model", &["--resume"])
        .fails_with(&[
            "model.checkpoint: no checkpoint of an unfinished training is there",
            "hint: leave `--resume` out to start afresh",
        ]);
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn a_damaged_checkpoint_is_no_panic() {
    for (file, content) in [("state.json", "{"), ("state.safetensors", "")] {
        let place = Place::new();
        let args = train_args(&reviews(), &tiny_bert(), "model", &LONG);
        interrupt(&mut place.command(&args), "epoch 1:", "-INT").ends_with(1);
        place.file(&format!("model.checkpoint/{file}"), content);
        let run = place.train(&reviews(), "model", &[&LONG[..], &["--resume"]].concat());
        run.fails_with(&["model.checkpoint"]);
        let more = ["--epochs", "1", "--overwrite"];
        place.train(&reviews(), "model", &more).succeeds();
        assert_eq!(place.names(), ["model"], "thrown away");
    }
}

/// A table of so many rows that a signal finds its prediction under way.
fn long_table(place: &Place) -> String {
    let table = fs::read_to_string(reviews()).unwrap();
    let (header, rows) = table.split_once('\n').unwrap();
    text(&place.file("long.csv", format!("{header}\n{}", rows.repeat(100))))
}

/// Starts a prediction and sends `signal` once some of its rows are on disk.
fn stop_prediction(place: &Place, args: &[&str], part: &str, signal: &str) -> Run {
    let part = place.path(part);
    let length = || fs::metadata(&part).map_or(0, |facts| facts.len());
    let enough = length() + 10_000;
    let mut command = place.command(args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    while length() < enough {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    send(signal, &child);
    Run::from(child.wait_with_output().unwrap())
}

#[test]
fn a_stopped_prediction_goes_on_without_a_lost_or_doubled_row() {
    let place = Place::new();
    let (table, model) = (long_table(&place), text(&place.copy(trained(), "model")));
    for format in ["csv", "jsonl"] {
        let [whole, out] = ["whole", "out"].map(|name| format!("{name}.{format}"));
        let whole_args = ["predict", &model, &table, "--output", &whole, "--json"];
        let expected = place.run(&whole_args).succeeds().json();
        let args = [
            "predict",
            &model,
            &table,
            "--output",
            &out,
            "--threads",
            "1",
        ];
        let part = format!("{out}.part");

        stop_prediction(&place, &args, &part, "-KILL");
        assert!(!place.path(&out).exists());
        let again = place.run(&args).ends_with(2);
        again.says(&["out.", ".part is there: an earlier prediction was stopped"]);
        let args = [&args[..], &["--resume"]].concat();
        let run = stop_prediction(&place, &args, &part, "-INT").ends_with(1);
        run.says(&["going on behind ", " rows"]);
        run.says(&[" rows stand in ", "`--resume` goes on"]);

        let found = place
            .run(&[&args[..], &["--json"]].concat())
            .succeeds()
            .json();
        assert_eq!(found["rows"], 12_000);
        assert!(found["resumed"].as_u64().unwrap() > 0);
        for key in ["yes", "unsure"] {
            assert_eq!(found[key], expected[key], "{key}");
        }
        let read = |name: &str| fs::read_to_string(place.path(name)).unwrap();
        assert!(read(&out) == read(&whole), "{format}");
    }
    assert_eq!(
        place.names(),
        [
            "long.csv",
            "model",
            "out.csv",
            "out.jsonl",
            "whole.csv",
            "whole.jsonl"
        ]
    );
}

#[test]
fn a_prediction_does_not_go_on_with_another_model_or_table() {
    let place = Place::new();
    let (table, model) = (long_table(&place), text(&place.copy(trained(), "model")));
    let args = [
        "predict",
        &model,
        &table,
        "--output",
        "out.csv",
        "--threads",
        "1",
    ];
    stop_prediction(&place, &args, "out.csv.part", "-INT").ends_with(1);
    let args = [&args[..], &["--resume"]].concat();
    let other = place
        .run(&[&args[..], &["--threshold", "0.7"]].concat())
        .ends_with(2);
    other.says(&["out.csv.part was made with another threshold"]);
    place
        .run(&[
            "tune",
            &model,
            &text(&reviews()),
            "--objective",
            "fixed=0.4",
        ])
        .succeeds();
    place
        .run(&args)
        .ends_with(2)
        .says(&["was made with another model"]);
    place
        .run_with_input(
            &["predict", &model, "-", "--output", "o.csv", "--resume"],
            "a text\n",
        )
        .ends_with(2)
        .says(&["`--resume` is for a table and an output that are files on disk"]);
    assert!(place.path("out.csv.part").exists());
}
