//! Readers that go away, and disks that are full: an exit code, never a panic.

#![cfg(unix)]

use std::fs;
use std::process::{Command, Stdio};

use crate::program::{Place, Run, reviews, text, tiny_bert, train_args, trained, weights};

/// Runs the program through `sh`, which does what stands around `"$@"`.
fn in_shell(place: &Place, script: &str, args: &[String]) -> Run {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_multihot")]);
    command.args(args).current_dir(place.path(""));
    Run::of(command.env_remove("MULTIHOT_ISA").stdin(Stdio::null()))
}

fn words(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    // More than a pipe holds.
    let rows = "a text of some length that is repeated many times\n".repeat(4000);
    place.file("t.csv", format!("text\n{rows}"));
    let (model, table) = (text(trained()), text(&reviews()));
    let cases = [
        words(&["predict", &model, "t.csv"]),
        words(&["predict", &model, "t.csv", "--format", "jsonl"]),
        words(&["evaluate", &model, &table]),
        words(&["evaluate", &model, &table, "--json"]),
        words(&["inspect", &table, "--json"]),
        words(&["completions", "bash"]),
    ];
    for args in cases {
        // The reader is gone before anything is written.
        let script = r#"{ "$@"; echo "code $?" >&2; } | true"#;
        let run = in_shell(&place, script, &args).succeeds();
        assert!(run.stderr.ends_with("code 0\n"), "{args:?}: {}", run.stderr);
        assert!(!run.stderr.contains("error"), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn nobody_listening_to_standard_error_stops_nothing() {
    let place = Place::new();
    let args = train_args(&reviews(), &tiny_bert(), "model", &["--epochs", "1"]);
    let run = in_shell(&place, r#""$@" 2>&1 >/dev/null | true"#, &args);
    run.succeeds();
    assert_eq!(place.names(), ["model"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_that_says_so() {
    let place = Place::new();
    place.file("t.csv", "text\nhello\n");
    let (model, table) = (text(trained()), text(&reviews()));
    let cases = [
        words(&["predict", &model, "t.csv"]),
        words(&["evaluate", &model, &table]),
        words(&["evaluate", &model, &table, "--json"]),
        words(&["inspect", &table]),
        words(&["completions", "zsh"]),
    ];
    for args in cases {
        let run = in_shell(&place, r#""$@" >/dev/full"#, &args).ends_with(1);
        assert!(
            run.error().contains("No space left on device"),
            "{args:?}: {}",
            run.stderr
        );
    }
    // With standard error full too, there is only the code.
    let args = words(&["evaluate", &model, &table]);
    in_shell(&place, r#""$@" 2>/dev/full"#, &args).succeeds();
    in_shell(&place, r#""$@" >/dev/full 2>/dev/full"#, &args).ends_with(1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_named_as_output_is_written_to_and_not_replaced() {
    let place = Place::new();
    place.file("t.csv", "text\nhello\n");
    // Opened for both, it holds what is written until somebody reads.
    let script = r#"mkfifo pipe; exec 3<>pipe; "$@"; test -p pipe && head -n 2 <&3"#;
    let args = words(&["predict", &text(trained()), "t.csv", "--output", "pipe"]);
    let run = in_shell(&place, script, &args).succeeds();
    assert!(run.stdout.contains("\nhello,0."), "{}", run.stdout);
}

/// The shell's limit on the size of a file stands in for a disk without room.
#[test]
fn no_room_for_the_model_leaves_the_old_one() {
    let place = Place::new();
    let model = place.copy(trained(), "model");
    let before = weights(&model);
    let limited = r#"trap '' XFSZ; ulimit -f 40; exec "$@""#;
    let more = ["--epochs", "1", "--overwrite"];
    let run = in_shell(
        &place,
        limited,
        &train_args(&reviews(), &tiny_bert(), "model", &more),
    );
    run.fails_with(&["File too large"]);
    let run = in_shell(
        &place,
        limited,
        &train_args(&reviews(), &tiny_bert(), "other", &["--epochs", "1"]),
    );
    run.fails_with(&["File too large"]);
    assert!(weights(&model) == before);
    assert_eq!(place.names(), ["model"], "nothing half-written stays");

    let rows = "a text of some length that is repeated many times\n".repeat(2000);
    place.file("t.csv", format!("text\n{rows}"));
    place.file("p.csv", "old");
    let args = words(&["predict", &text(trained()), "t.csv", "--output", "p.csv"]);
    in_shell(&place, limited, &args).fails_with(&["File too large"]);
    assert_eq!(fs::read_to_string(place.path("p.csv")).unwrap(), "old");
    assert_eq!(
        place.names(),
        ["model", "p.csv", "p.csv.part", "p.csv.part.json", "t.csv"]
    );
}
