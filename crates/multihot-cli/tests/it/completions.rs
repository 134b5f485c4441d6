//! `--help`, `--version`, and the completion scripts.

use crate::program::{Run, multihot};

#[test]
fn each_shell_has_its_script() {
    let cases = [
        ("bash", "_multihot()"),
        ("zsh", "#compdef multihot"),
        ("fish", "complete -c multihot"),
    ];
    for (shell, part) in cases {
        let run = Run::of(multihot().args(["completions", shell])).succeeds();
        assert!(run.stdout.contains(part), "{shell}: {}", run.stdout);
        assert!(
            run.stdout.contains("learning-rate"),
            "{shell} knows the options"
        );
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn help_says_what_each_command_takes() {
    let cases: [(&[&str], &[&str]); 8] = [
        (
            &["split", "--help"],
            &["--out <FOLDER>", "--dev <SHARE>", "--folds <K>", "--group"],
        ),
        (
            &["--help"],
            &[
                "split",
                "train",
                "evaluate",
                "predict",
                "inspect",
                "Exit codes",
            ],
        ),
        (
            &["train", "--help"],
            &[
                "--encoder <FOLDER>",
                "--out <MODEL>",
                "--batch-tokens",
                "--precision",
                "--loss",
                "--label-smoothing",
                "--pos-weight",
                "--resume",
            ],
        ),
        (
            &["evaluate", "--help"],
            &["<MODEL> <TABLE>", "--json", "--precision", "--input-format"],
        ),
        (
            &["predict", "--help"],
            &["--output <FILE>", "--format", "--logits", "--precision"],
        ),
        (&["inspect", "--help"], &["<PATH>", "--labels", "--ignore"]),
        (
            &["bench", "--help"],
            &["<FOLDER> [TABLE]", "--precision", "--sweep", "threads"],
        ),
        (
            &["completions", "--help"],
            &["<SHELL>", "bash", "zsh", "fish"],
        ),
    ];
    for (args, parts) in cases {
        let run = Run::of(multihot().args(args)).succeeds();
        for part in parts {
            assert!(
                run.stdout.contains(part),
                "{args:?}: `{part}` is not in: {}",
                run.stdout
            );
        }
        assert_eq!(run.stderr, "", "{args:?}");
    }
}

#[test]
fn version_is_the_name_and_the_number() {
    let run = Run::of(multihot().arg("--version")).succeeds();
    assert_eq!(
        run.stdout,
        concat!("multihot ", env!("CARGO_PKG_VERSION"), "\n")
    );
}
