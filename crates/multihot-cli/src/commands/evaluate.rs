//! `multihot evaluate`.

use std::io::Write;

use anyhow::Result;
use multihot::{
    Classifier, Evaluation, LoadOptions, PredictPrecision, ReadOptions, Scoring, Source, Table,
};
use serde::Serialize;

use super::{cpu, load, print_json, speed};
use crate::args::EvaluateArgs;
use crate::exit::Outcome;
use crate::screen::say;

/// Runs `evaluate` and writes the report to `out`.
pub fn evaluate(args: &EvaluateArgs, out: &mut dyn Write) -> Result<Outcome> {
    if args.compare_precisions {
        return compare_precisions(args, out);
    }
    let classifier = load(&args.model, args.precision.precision.into(), &args.machine)?;
    let table = read(args, &classifier)?;
    let (evaluation, scoring) = classifier.evaluate_timed(&table)?;
    let peak_rss_bytes = multihot::peak_rss_bytes();
    if args.json {
        let report = Report {
            evaluation,
            scoring,
            peak_rss_bytes,
        };
        print_json(out, &report)?
    } else {
        evaluation.write_text(out)?;
        say(speed(&scoring, peak_rss_bytes));
    }
    Ok(Outcome::Done)
}

/// What `evaluate --json` prints.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    evaluation: Evaluation,
    scoring: Scoring,
    peak_rss_bytes: Option<u64>,
}

/// The table, read for the labels of the model.
fn read(args: &EvaluateArgs, classifier: &Classifier) -> Result<Table> {
    let mut options = args.columns.options();
    options.text = options
        .text
        .or_else(|| classifier.text_column().map(str::to_owned));
    let options = ReadOptions {
        labels: Some(classifier.labels().to_vec()),
        ..options
    };
    let table = multihot::read(&Source::from(args.table.as_str()), &options)?;
    say(table.detection());
    Ok(table)
}

/// Runs `evaluate --compare-precisions`.
fn compare_precisions(args: &EvaluateArgs, out: &mut dyn Write) -> Result<Outcome> {
    let cpu = cpu(&args.machine)?;
    let load = |precision| {
        let options = LoadOptions {
            family: args.machine.family,
            precision,
        };
        Classifier::load(&args.model, options, cpu.clone())
    };
    let table = read(args, &load(PredictPrecision::F32)?)?;
    let comparison = multihot::compare_precisions(&table, load)?;
    if args.json {
        print_json(out, &comparison)?
    } else {
        comparison.write_text(out)?
    }
    Ok(Outcome::Done)
}
