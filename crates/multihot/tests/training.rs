//! Trainings, evaluations and predictions through the library, on a two-layer encoder.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use multihot::{
    BatchSize, Cell, Classifier, Cpu, EpochReport, Error, Format, Freeze, Isa, LoadOptions, Loss,
    Observer, Pooling, PredictOptions, ReadOptions, Relations, Silent, Source, StepReport, Table,
    TrainJob, TrainOptions, TrainPlan, TrainPrecision, TrainSummary, WindowOptions, WindowPooling,
    Written,
};
use serde_json::Value;
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn cpu(threads: usize) -> Arc<Cpu> {
    let isa = Isa::detect().expect("no instruction set is asked for that is not there");
    Arc::new(Cpu::new(isa, threads))
}

fn read(path: &Path) -> Table {
    multihot::read(&Source::File(path.to_owned()), &ReadOptions::default()).unwrap()
}

/// A place for models, and what is trained there.
struct Bench {
    folder: TempDir,
    table: Table,
    encoder: PathBuf,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            table: read(&fixture("reviews.csv")),
            encoder: fixture("tiny-bert"),
        }
    }

    /// The same with an encoder that drops nothing out.
    fn without_dropout() -> Self {
        let mut bench = Self::new();
        let encoder = bench.path("encoder");
        fs::create_dir(&encoder).unwrap();
        for name in ["model.safetensors", "vocab.txt"] {
            fs::copy(bench.encoder.join(name), encoder.join(name)).unwrap();
        }
        let config = fs::read(bench.encoder.join("config.json")).unwrap();
        let mut config: Value = serde_json::from_slice(&config).unwrap();
        config["hidden_dropout_prob"] = 0.0.into();
        config["attention_probs_dropout_prob"] = 0.0.into();
        fs::write(encoder.join("config.json"), config.to_string()).unwrap();
        bench.encoder = encoder;
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Trains, with the table as its own dev rows.
    fn train(
        &self,
        out: &str,
        options: &TrainOptions,
        resume: bool,
        observer: &mut dyn Observer,
    ) -> Result<TrainSummary, Error> {
        let out = self.path(out);
        let job = TrainJob {
            table: &self.table,
            dev: Some(&self.table),
            encoder: &self.encoder,
            family: None,
            out: &out,
            overwrite: false,
            resume,
            options,
            cpu: cpu(2),
            report: None,
        };
        multihot::train(&job, observer)
    }

    fn classifier(&self, out: &str, threads: usize) -> Classifier {
        Classifier::load(&self.path(out), LoadOptions::default(), cpu(threads)).unwrap()
    }

    fn weights(&self, out: &str) -> Vec<u8> {
        fs::read(self.path(out).join("model.safetensors")).unwrap()
    }
}

fn options(epochs: u32) -> TrainOptions {
    TrainOptions {
        epochs,
        batch: BatchSize::Rows(16),
        learning_rate: Some(1e-3),
        // The same on every machine.
        precision: TrainPrecision::F32,
        ..TrainOptions::default()
    }
}

/// Writes down what it hears, and asks to stop after an update.
#[derive(Default)]
struct Scribe {
    heard: Vec<String>,
    steps: Vec<StepReport>,
    stop_after: Option<u64>,
}

impl Observer for Scribe {
    fn note(&mut self, note: &str) {
        self.heard.push(format!("note {note}"));
    }

    fn plan(&mut self, plan: &TrainPlan) {
        self.heard.push(format!("plan of {} updates", plan.steps));
    }

    fn step(&mut self, report: &StepReport) {
        self.heard.push(format!("step {}", report.step));
        self.steps.push(*report);
    }

    fn epoch(&mut self, report: &EpochReport) {
        self.heard.push(format!("epoch {}", report.epoch));
    }

    fn stop_requested(&self) -> bool {
        let last = self.steps.last().map(|report| report.step);
        self.stop_after.is_some() && self.stop_after == last
    }
}

#[test]
fn a_rule_that_is_there_is_learned() {
    let mut bench = Bench::new();
    // Sports where the text says `game`, positive where it says `great`; business by chance.
    let fillers = [
        "the day",
        "my year",
        "our first work",
        "a new team",
        "they all",
        "one week",
    ];
    let mut rows = String::new();
    for i in 0..96 {
        let (sports, positive) = (i % 2, i / 2 % 2);
        let words = [["show", "game"][sports], ["bad", "great"][positive]];
        let filler = fillers[i / 4 % fillers.len()];
        rows += &format!("{filler} {} {},{sports},{positive}\n", words[0], words[1]);
    }
    let table = bench.path("rule.csv");
    fs::write(&table, format!("text,sports,positive\n{rows}")).unwrap();
    bench.table = read(&table);
    let options = TrainOptions {
        learning_rate: Some(3e-3),
        ..options(20)
    };
    let summary = bench.train("model", &options, false, &mut Silent).unwrap();
    let precision = summary.dev.macro_scores.average_precision.unwrap();
    assert!(precision > 0.99, "{precision}");
    let (first, last) = (&summary.epochs[0], &summary.epochs[19]);
    assert!(
        last.train_loss < 0.5 * first.train_loss,
        "{first:?} {last:?}"
    );

    let scores = bench
        .classifier("model", 1)
        .score(&["the day game bad"])
        .unwrap();
    let [sports, positive] = scores.probabilities.row(0) else {
        panic!("two labels")
    };
    assert!(*sports > 0.5 && *positive < 0.5, "{sports} {positive}");
}

#[test]
fn two_batches_of_eight_are_one_update_of_sixteen() {
    let bench = Bench::without_dropout();
    let whole = bench
        .train("whole", &options(2), false, &mut Silent)
        .unwrap();
    let halves = TrainOptions {
        batch: BatchSize::Rows(8),
        accumulation: 2,
        ..options(2)
    };
    let halves = bench.train("halves", &halves, false, &mut Silent).unwrap();
    for (whole, halves) in whole.epochs.iter().zip(&halves.epochs) {
        // The sums are the same up to their order.
        assert!(
            (whole.train_loss - halves.train_loss).abs() < 1e-5,
            "{whole:?} {halves:?}"
        );
        let difference = whole.dev_loss.unwrap() - halves.dev_loss.unwrap();
        assert!(difference.abs() < 1e-5, "{whole:?} {halves:?}");
    }
    let texts = ["we won the game", "shares fell"];
    let whole = bench.classifier("whole", 1).score(&texts).unwrap();
    let halves = bench.classifier("halves", 1).score(&texts).unwrap();
    for (a, b) in whole.logits.values().iter().zip(halves.logits.values()) {
        assert!((a - b).abs() < 1e-3, "{a} and {b}");
    }
}

#[test]
fn an_accumulated_update_is_divided_by_all_its_known_cells() {
    let bench = Bench::without_dropout();
    let first_loss = |out: &str, rows: usize, accumulation: usize| {
        let options = TrainOptions {
            batch: BatchSize::Rows(rows),
            accumulation,
            ..options(1)
        };
        let mut scribe = Scribe::default();
        bench.train(out, &options, false, &mut scribe).unwrap();
        scribe.steps[0].loss
    };
    // The blank cells lie unevenly, so a mean of means would differ.
    let expected = first_loss("one", 24, 1);
    for (rows, accumulation) in [(1, 24), (3, 8), (12, 2)] {
        let found = first_loss(&format!("{rows}"), rows, accumulation);
        assert!(
            (found - expected).abs() < 1e-6,
            "{rows} rows: {found} and {expected}"
        );
    }
}

#[test]
fn a_training_is_heard_from_its_plan_to_its_last_epoch() {
    let bench = Bench::new();
    let mut scribe = Scribe::default();
    bench
        .train("model", &options(2), false, &mut scribe)
        .unwrap();
    let place = |what: &str| scribe.heard.iter().position(|heard| heard == what);
    // 120 rows in batches of 16 are eight updates.
    let order = [
        "plan of 16 updates",
        "step 1",
        "step 8",
        "epoch 1",
        "step 9",
        "step 16",
        "epoch 2",
    ];
    let places: Vec<_> = order.iter().map(|what| place(what).expect(what)).collect();
    assert!(places.is_sorted(), "{:?}", scribe.heard);
    let tokens: u64 = scribe.steps[..8].iter().map(|report| report.tokens).sum();
    let again: u64 = scribe.steps[8..].iter().map(|report| report.tokens).sum();
    assert_eq!(tokens, again, "every row once an epoch");
}

#[test]
fn a_training_stopped_anywhere_goes_on_to_the_same_bits() {
    let bench = Bench::new();
    let options = TrainOptions {
        freeze: Freeze::Embeddings,
        ..options(3)
    };
    bench.train("whole", &options, false, &mut Silent).unwrap();
    // Eight updates an epoch: in the second, at its end, in the third.
    for stop in [9, 16, 20] {
        let out = format!("stopped-{stop}");
        let mut scribe = Scribe {
            stop_after: Some(stop),
            ..Scribe::default()
        };
        let summary = bench.train(&out, &options, false, &mut scribe).unwrap();
        assert!(summary.interrupted);
        assert_eq!(scribe.steps.len() as u64, stop, "it ends after the step");
        // Stopped once more before it ends.
        let mut scribe = Scribe {
            stop_after: Some(21),
            ..Scribe::default()
        };
        assert!(
            bench
                .train(&out, &options, true, &mut scribe)
                .unwrap()
                .interrupted
        );
        let summary = bench.train(&out, &options, true, &mut Silent).unwrap();
        assert!(!summary.interrupted);
        assert_eq!(summary.epochs.len(), 3);
        assert!(
            bench.weights(&out) == bench.weights("whole"),
            "stopped after {stop}"
        );
    }
}

#[test]
fn a_resumed_training_keeps_its_number_type() {
    let bench = Bench::new();
    let with = |precision| TrainOptions {
        precision,
        ..options(3)
    };
    let cases = [
        (TrainPrecision::F32, TrainPrecision::Bf16),
        (TrainPrecision::Bf16, TrainPrecision::F32),
    ];
    for (precision, other) in cases {
        let (whole, model) = (format!("whole {precision:?}"), format!("{precision:?}"));
        bench
            .train(&whole, &with(precision), false, &mut Silent)
            .unwrap();
        // Eight updates an epoch: in the second.
        let mut scribe = Scribe {
            stop_after: Some(11),
            ..Scribe::default()
        };
        bench
            .train(&model, &with(precision), false, &mut scribe)
            .unwrap();
        let error = bench
            .train(&model, &with(other), true, &mut Silent)
            .unwrap_err();
        let error = error.to_string();
        assert!(error.contains("another `precision` ("), "{error}");
        // Whatever `auto` would be on this machine.
        let auto = with(TrainPrecision::Auto);
        let summary = bench.train(&model, &auto, true, &mut Silent).unwrap();
        assert_eq!(format!("{:?}", summary.precision), model);
        assert!(
            bench.weights(&model) == bench.weights(&whole),
            "{precision:?}"
        );
    }
}

#[test]
fn a_resumed_training_keeps_its_loss() {
    let bench = Bench::new();
    let focal = |gamma, label_smoothing| TrainOptions {
        loss: Loss::Focal { gamma },
        label_smoothing,
        ..options(2)
    };
    let same = focal(2.0, 0.1);
    bench.train("whole", &same, false, &mut Silent).unwrap();
    let mut scribe = Scribe {
        stop_after: Some(11),
        ..Scribe::default()
    };
    bench.train("model", &same, false, &mut scribe).unwrap();
    let cases = [
        (
            focal(1.0, 0.1),
            "another `loss` ({\"focal\":{\"gamma\":2.0}}; now",
        ),
        (focal(2.0, 0.0), "another `label_smoothing` (0.1"),
    ];
    for (other, part) in cases {
        let error = bench.train("model", &other, true, &mut Silent);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
    let summary = bench.train("model", &same, true, &mut Silent).unwrap();
    assert_eq!(summary.epochs.len(), 2);
    assert!(bench.weights("model") == bench.weights("whole"));
}

/// Half of the reviews are longer than twelve tokens.
fn windowed(pooling: WindowPooling) -> TrainOptions {
    TrainOptions {
        max_length: Some(12),
        windows: Some(WindowOptions {
            stride: Some(5),
            pooling,
        }),
        ..options(2)
    }
}

#[test]
fn a_training_with_windows_goes_on_to_the_same_bits_and_only_with_the_same_windows() {
    let bench = Bench::new();
    let same = TrainOptions {
        // No batch takes one of the longer texts at once.
        batch: BatchSize::Tokens(24),
        accumulation: 4,
        ..windowed(WindowPooling::LogSumExp)
    };
    let mut scribe = Scribe::default();
    bench.train("whole", &same, false, &mut scribe).unwrap();
    let note = scribe
        .heard
        .iter()
        .find(|heard| heard.contains("several windows"));
    assert!(
        note.unwrap()
            .contains("of 120 texts are longer than 12 tokens"),
        "{note:?}"
    );
    let stop_after = Some(scribe.steps.len() as u64 / 2 + 3);
    let mut scribe = Scribe {
        stop_after,
        ..Scribe::default()
    };
    bench.train("model", &same, false, &mut scribe).unwrap();
    let other = TrainOptions {
        windows: windowed(WindowPooling::Mean).windows,
        ..same.clone()
    };
    let error = bench
        .train("model", &other, true, &mut Silent)
        .unwrap_err()
        .to_string();
    assert!(error.contains("another `windows` ("), "{error}");
    bench.train("model", &same, true, &mut Silent).unwrap();
    assert!(bench.weights("model") == bench.weights("whole"));
}

#[test]
fn windows_change_nothing_for_texts_that_fit() {
    let bench = Bench::new();
    bench
        .train("plain", &options(2), false, &mut Silent)
        .unwrap();
    let fitting = TrainOptions {
        max_length: None,
        ..windowed(WindowPooling::Mean)
    };
    bench
        .train("windows", &fitting, false, &mut Silent)
        .unwrap();
    assert!(bench.weights("windows") == bench.weights("plain"));
}

#[test]
fn a_text_in_windows_has_the_same_bits_alone_among_others_and_at_any_thread_count() {
    let bench = Bench::new();
    bench
        .train(
            "model",
            &windowed(WindowPooling::LogSumExp),
            false,
            &mut Silent,
        )
        .unwrap();
    let texts: Vec<String> = (1..8)
        .map(|n| "the last game was lost, ".repeat(3 * n))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).chain([""]).collect();
    let together = bench.classifier("model", 3).score(&texts).unwrap();
    assert_eq!(together.windows.len(), texts.len());
    let alone = bench.classifier("model", 1);
    for (row, text) in texts.iter().enumerate() {
        let scores = alone.score(&[text]).unwrap();
        assert_eq!(scores.logits.row(0), together.logits.row(row), "{text}");
        assert_eq!(scores.windows[0], together.windows[row], "{text}");
    }
    let empty = &together.windows[texts.len() - 1];
    assert_eq!((empty.count, empty.deciding[0].characters), (1, [0, 0]));
}

#[test]
fn a_resumed_training_keeps_its_exclusive_groups() {
    let mut bench = Bench::new();
    // Sports and business are never yes together, and sometimes neither is.
    for row in &mut bench.table.rows {
        if row.cells[1] == Cell::Yes {
            row.cells[2] = Cell::Unknown;
        }
    }
    let grouped = TrainOptions {
        relations: Relations {
            exclusive: vec!["topic?=sports,business".parse().unwrap()],
            implies: Vec::new(),
        },
        ..options(2)
    };
    let mut scribe = Scribe {
        stop_after: Some(11),
        ..Scribe::default()
    };
    bench.train("model", &grouped, false, &mut scribe).unwrap();
    let error = bench
        .train("model", &options(2), true, &mut Silent)
        .unwrap_err();
    let message = "the checkpoint was made with another `--exclusive` or `--implies`";
    assert!(error.to_string().ends_with(message), "{error}");
    bench.train("model", &grouped, true, &mut Silent).unwrap();
    let questions = bench.classifier("model", 1).questions().clone();
    assert_eq!(questions.relations(), grouped.relations);
}

#[test]
fn recomputing_changes_no_bit_and_may_change_on_a_resume() {
    let bench = Bench::new();
    for precision in [TrainPrecision::F32, TrainPrecision::Bf16] {
        let with = |recompute| TrainOptions {
            precision,
            recompute,
            ..options(3)
        };
        let [kept, again] = ["kept", "again"].map(|name| format!("{name} {precision:?}"));
        bench
            .train(&kept, &with(false), false, &mut Silent)
            .unwrap();
        let mut scribe = Scribe {
            stop_after: Some(11),
            ..Scribe::default()
        };
        bench
            .train(&again, &with(true), false, &mut scribe)
            .unwrap();
        bench
            .train(&again, &with(false), true, &mut Silent)
            .unwrap();
        assert!(
            bench.weights(&kept) == bench.weights(&again),
            "{precision:?}"
        );
    }
}

#[test]
fn a_training_stopped_in_its_first_epoch_keeps_nothing() {
    let bench = Bench::new();
    let mut scribe = Scribe {
        stop_after: Some(3),
        ..Scribe::default()
    };
    let stopped = bench.train("model", &options(2), false, &mut scribe);
    assert!(matches!(stopped, Err(Error::StoppedEarly)));
    assert_eq!(fs::read_dir(bench.folder.path()).unwrap().count(), 0);
}

#[test]
fn a_loss_that_is_no_number_ends_the_training() {
    let bench = Bench::without_dropout();
    let weights = bench.encoder.join("model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    // The last value of the last tensor, `pooler.dense.weight`.
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(weights, bytes).unwrap();
    match bench.train("model", &options(1), false, &mut Silent) {
        Err(error @ Error::Diverged { step: 1, .. }) => {
            assert!(error.hint().is_some(), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert!(!bench.path("model").exists());
}

#[test]
fn a_row_has_the_same_bits_alone_in_a_batch_and_at_any_number_of_threads() {
    let bench = Bench::new();
    for pooling in [Pooling::Cls, Pooling::Mean] {
        let out = format!("{pooling:?}");
        let options = TrainOptions {
            pooling: Some(pooling),
            ..options(1)
        };
        bench.train(&out, &options, false, &mut Silent).unwrap();
        let texts: Vec<&str> = bench
            .table
            .rows
            .iter()
            .map(|row| row.text.as_str())
            .collect();
        let expected = bench.classifier(&out, 1).score(&texts).unwrap();
        let classifier = bench.classifier(&out, 3);
        let together = classifier.score(&texts).unwrap();
        assert_eq!(together.logits.values(), expected.logits.values());
        for (i, text) in texts.iter().enumerate().step_by(7) {
            let alone = classifier.score(&[text]).unwrap();
            assert_eq!(alone.logits.row(0), expected.logits.row(i), "{text}");
        }
    }
}

#[test]
fn evaluation_is_what_the_dev_rows_said() {
    let bench = Bench::new();
    let summary = bench
        .train("model", &options(1), false, &mut Silent)
        .unwrap();
    let evaluation = bench.classifier("model", 1).evaluate(&bench.table).unwrap();
    let json = |evaluation| serde_json::to_value(evaluation).unwrap();
    assert_eq!(json(&evaluation), json(&summary.dev));
}

#[test]
fn predictions_are_the_scores_of_the_rows() {
    let bench = Bench::new();
    bench
        .train("model", &options(1), false, &mut Silent)
        .unwrap();
    let classifier = bench.classifier("model", 2);
    let source = Source::File(fixture("reviews.csv"));
    let rows = multihot::open(&source, &ReadOptions::default()).unwrap();
    let options = PredictOptions {
        format: Format::Jsonl,
        logits: true,
        raw: false,
        answers: false,
    };
    let mut out = Vec::new();
    let mut seen = Vec::new();
    let so_far = Written::default();
    let mut progress = |rows| {
        seen.push(rows);
        ControlFlow::Continue(())
    };
    let summary = multihot::predict(&classifier, rows, &mut out, options, &so_far, &mut progress);
    let summary = summary.unwrap();
    assert_eq!((summary.rows, seen.last()), (120, Some(&120)));

    let texts: Vec<&str> = bench
        .table
        .rows
        .iter()
        .map(|row| row.text.as_str())
        .collect();
    let scores = classifier.score(&texts).unwrap();
    let lines: Vec<Value> = out
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 120);
    for (row, line) in lines.iter().enumerate() {
        assert_eq!(line["id"], bench.table.rows[row].id);
        let mut decided = BTreeSet::new();
        for (label, name) in classifier.labels().iter().enumerate() {
            // Written as the shortest text that reads back as the same f32.
            let number = |key: &str| line[key][name].to_string().parse::<f32>().unwrap();
            assert_eq!(
                number("probabilities"),
                scores.probabilities.row(row)[label]
            );
            assert_eq!(number("logits"), scores.logits.row(row)[label]);
            if Some(scores.probabilities.row(row)[label]) >= classifier.thresholds()[label] {
                decided.insert(name.as_str());
            }
        }
        let labels = line["labels"].as_array().unwrap().iter();
        assert_eq!(
            labels
                .map(|label| label.as_str().unwrap())
                .collect::<BTreeSet<_>>(),
            decided
        );
    }
}

#[test]
fn texts_without_words_and_texts_without_end_are_answered() {
    let bench = Bench::new();
    bench
        .train("model", &options(1), false, &mut Silent)
        .unwrap();
    let classifier = bench.classifier("model", 2);
    let long = "we won the game. ".repeat((1 << 20) / 17);
    let scores = classifier
        .score(&[&long, "", "\0\u{fffd}", "[CLS] [SEP] [MASK]"])
        .unwrap();
    assert_eq!(scores.truncated, 1);
    assert!(scores.logits.values().iter().all(|logit| logit.is_finite()));
}

#[test]
fn the_number_of_steps_planned_is_the_number_made() {
    let bench = Bench::new();
    for (name, batch) in [
        ("rows", BatchSize::Rows(7)),
        ("tokens", BatchSize::Tokens(90)),
    ] {
        let options = TrainOptions {
            batch,
            accumulation: 3,
            ..options(2)
        };
        let mut scribe = Scribe::default();
        bench.train(name, &options, false, &mut scribe).unwrap();
        assert_eq!(scribe.steps.len() as u64, scribe.steps[0].steps, "{name}");
    }
}
