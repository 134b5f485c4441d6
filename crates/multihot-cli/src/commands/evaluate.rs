//! `multihot evaluate`.

use std::io::Write;

use anyhow::Result;
use multihot::{Classifier, Evaluation, LoadOptions, PredictPrecision, Scoring};
use serde::Serialize;

use super::scored::{Page, ScoredTable};
use super::{cpu, labelled_table, load, print_json, speed};
use crate::args::EvaluateArgs;
use crate::exit::Outcome;
use crate::screen::say;

/// Runs `evaluate` and writes the report to `out`.
pub fn evaluate(args: &EvaluateArgs, out: &mut dyn Write) -> Result<Outcome> {
    if args.compare_precisions {
        return compare_precisions(args, out);
    }
    let mut classifier = load(&args.model, args.precision.precision.into(), &args.machine)?;
    if let Some(threshold) = args.threshold.threshold {
        classifier.decide_at(threshold);
    }
    let rows = ScoredTable::read(&args.table, args.scores, &args.columns, &classifier)?;
    let evaluation = classifier.evaluate_logits(&rows.logits, &rows.cells);
    if let Some(path) = &args.report.report {
        let page = Page {
            model: &args.model,
            table: &args.table,
            columns: &args.columns,
            rows: &rows,
            evaluation: &evaluation,
            tuning: None,
        };
        page.write(path, &classifier)?;
    }
    let scoring = rows.scoring;
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
        if let Some(scoring) = scoring {
            say(speed(&scoring, peak_rss_bytes));
        }
    }
    Ok(Outcome::Done)
}

/// What `evaluate --json` prints.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    evaluation: Evaluation,
    /// Not where the scores were there already.
    scoring: Option<Scoring>,
    peak_rss_bytes: Option<u64>,
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
    let table = labelled_table(&args.table, &args.columns, &load(PredictPrecision::F32)?)?;
    let comparison = multihot::compare_precisions(&table, load)?;
    if args.json {
        print_json(out, &comparison)?
    } else {
        comparison.write_text(out)?
    }
    Ok(Outcome::Done)
}
