//! Wrong usage: exit code 2, and nothing done.

use crate::program::{Place, Run, multihot, reviews, text, tiny_bert, train_args, trained};

#[track_caller]
fn assert_is_wrong_usage(run: Run, parts: &[&str]) {
    let run = run.ends_with(2);
    assert_eq!(run.stdout, "");
    for part in parts {
        assert!(
            run.stderr.contains(part),
            "`{part}` is not in: {}",
            run.stderr
        );
    }
}

#[test]
fn options_that_do_not_exist_or_do_not_go_together_are_named() {
    let model = text(trained());
    let table = text(&reviews());
    let cases: [(&[&str], &[&str]); 16] = [
        (&[], &["Usage: multihot"]),
        (&["trian"], &["'trian'", "'train'"]),
        (&["train", &table], &["--encoder <FOLDER>", "--out <MODEL>"]),
        (
            &[
                "train",
                &table,
                "--encoder",
                "e",
                "--out",
                "o",
                "--epoch",
                "3",
            ],
            &["'--epoch'", "'--epochs'"],
        ),
        (
            &[
                "train",
                &table,
                "--encoder",
                "e",
                "--out",
                "o",
                "--batch-rows",
                "8",
                "--batch-tokens",
                "8",
            ],
            &["--batch-rows", "--batch-tokens", "cannot be used with"],
        ),
        (
            &[
                "train",
                &table,
                "--encoder",
                "e",
                "--out",
                "o",
                "--resume",
                "--overwrite",
            ],
            &["--resume", "--overwrite", "cannot be used with"],
        ),
        (
            &["evaluate", &model, &table, "--bootstrap", "5"],
            &["--bootstrap <N>", "expected 0, or 100 to 100000"],
        ),
        (
            &["evaluate", &model, &table, "--bootstrap", "many"],
            &["--bootstrap <N>", "expected 0, or 100 to 100000"],
        ),
        (
            &[
                "evaluate",
                &model,
                &table,
                "--compare-precisions",
                "--bootstrap",
                "100",
            ],
            &["--compare-precisions", "--bootstrap", "cannot be used with"],
        ),
        (&["compare", &model, &table], &["<TABLE>"]),
        (&["predict", &model, &table, "--json"], &["--output <FILE>"]),
        (
            &["predict", &model, &table, "--format", "xml"],
            &["'xml'", "csv, jsonl"],
        ),
        (
            &["evaluate", &model, &table, "--precision", "f64"],
            &["'f64'", "f32, bf16, int8, auto"],
        ),
        (
            &["predict", &model, &table, "--precision", "fp16"],
            &["'fp16'", "f32, bf16, int8, auto"],
        ),
        (
            &[
                "train",
                &table,
                "--encoder",
                "e",
                "--out",
                "o",
                "--precision",
                "int8",
            ],
            &["'int8'", "f32, bf16, auto"],
        ),
        (
            &[
                "evaluate",
                &model,
                &table,
                "--compare-precisions",
                "--precision",
                "bf16",
            ],
            &["--compare-precisions", "--precision", "cannot be used with"],
        ),
    ];
    for (args, parts) in cases {
        assert_is_wrong_usage(Run::of(multihot().args(args)), parts);
    }
}

#[test]
fn a_value_out_of_range_is_named_with_the_range() {
    let place = Place::new();
    let cases: [(&[&str], &str); 17] = [
        (
            &["--loss", "focal", "--focal-gamma", "11"],
            "`--focal-gamma` is 11; expected 0 to 10",
        ),
        (
            &["--loss", "asl", "--asl-gamma-pos", "NaN"],
            "`--asl-gamma-pos` is NaN; expected 0 to 10",
        ),
        (
            &["--loss", "asl", "--asl-gamma-neg=-1"],
            "`--asl-gamma-neg` is -1; expected 0 to 10",
        ),
        (
            &["--loss", "asl", "--asl-clip", "0.6"],
            "`--asl-clip` is 0.6; expected 0 to 0.5",
        ),
        (
            &["--label-smoothing", "1"],
            "`--label-smoothing` is 1; expected 0 to 0.5",
        ),
        (
            &["--pos-weight", "auto", "--pos-weight-cap", "0.5"],
            "`--pos-weight-cap` is 0.5; expected 1 to 1000000",
        ),
        (&["--epochs", "0"], "`--epochs` is 0; expected at least 1"),
        (
            &["--max-length", "9999"],
            "`--max-length` is 9999; expected 3 to 64",
        ),
        (
            &["--max-length", "2"],
            "`--max-length` is 2; expected 3 to 64",
        ),
        (&["--batch-rows", "0"], "is 0; expected at least 1"),
        (&["--batch-tokens", "0"], "is 0; expected at least 1"),
        (
            &["--accumulation", "0"],
            "`--accumulation` is 0; expected at least 1",
        ),
        (&["--learning-rate", "NaN"], "`--learning-rate` is NaN"),
        (
            &["--warmup-share", "1.5"],
            "`--warmup-share` is 1.5; expected 0 to 1",
        ),
        (
            &["--freeze", "3"],
            "`--freeze` is 3 layers; expected at most the 2 layers",
        ),
        (
            &["--freeze", "head"],
            "expected `embeddings`, a number of layers, or `encoder`",
        ),
        (&["--seed", "x"], "'--seed <N>'"),
    ];
    for (options, part) in cases {
        assert_is_wrong_usage(place.train(&reviews(), "model", options), &[part]);
    }
    let args = train_args(&reviews(), &tiny_bert(), "model", &[]);
    let args: Vec<String> = args
        .into_iter()
        .map(|arg| if arg == "1" { "0".into() } else { arg })
        .collect();
    assert_is_wrong_usage(place.run(&args), &["`--threads` is 0; expected 1 to 1024"]);
    assert_eq!(place.names(), [""; 0], "nothing is written");
}

#[test]
fn an_instruction_set_that_is_not_there_is_named() {
    let place = Place::new();
    let mut command = place.command(&["evaluate", &text(trained()), &text(&reviews())]);
    let run = Run::of(command.env("MULTIHOT_ISA", "nonsense"));
    assert_is_wrong_usage(run, &["nonsense", "scalar"]);
}

#[test]
fn every_instruction_set_that_is_there_gives_nearly_the_same() {
    let place = Place::new();
    let run = |isa: Option<&str>| {
        let mut command =
            place.command(&["evaluate", &text(trained()), &text(&reviews()), "--json"]);
        command.envs(isa.map(|isa| ("MULTIHOT_ISA", isa)));
        Run::of(&mut command).succeeds().json()["log_loss"]
            .as_f64()
            .unwrap()
    };
    assert!((run(None) - run(Some("scalar"))).abs() < 1e-6);
}

#[test]
fn an_option_of_another_loss_is_refused_and_not_passed_over() {
    let place = Place::new();
    place.file("weights.json", r#"{"sports": 3.5}"#);
    let cases: [(&[&str], &str); 6] = [
        (
            &["--focal-gamma", "2"],
            "`--focal-gamma` belongs to `--loss focal`; the loss is `bce`",
        ),
        (
            &["--loss", "asl", "--focal-gamma", "2"],
            "`--focal-gamma` belongs to `--loss focal`; the loss is `asl`",
        ),
        (
            &["--loss", "focal", "--asl-clip", "0"],
            "`--asl-clip` belongs to `--loss asl`; the loss is `focal`",
        ),
        (
            &["--asl-gamma-pos", "1"],
            "`--asl-gamma-pos` belongs to `--loss asl`",
        ),
        (
            &["--pos-weight-cap", "10"],
            "`--pos-weight-cap` is a cap on the weights of `--pos-weight auto`",
        ),
        (
            &["--pos-weight", "weights.json", "--pos-weight-cap", "10"],
            "`--pos-weight-cap` is a cap on the weights of `--pos-weight auto`",
        ),
    ];
    for (options, part) in cases {
        let run = place.train(&reviews(), "model", options);
        assert_is_wrong_usage(run, &[part, "hint: pass `--"]);
    }
    assert_eq!(place.names(), ["weights.json"]);
}
