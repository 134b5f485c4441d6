//! `multihot evaluate`.

use std::io::Write;

use anyhow::Result;
use multihot::{
    BaselineReport, Classifier, Evaluation, LoadOptions, PredictPrecision, Scoring, Source, Table,
};
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
    let precision = args.precision.precision.into();
    let mut classifier = load(&args.model, precision, &args.columns, &args.machine)?;
    if let Some(threshold) = args.threshold.threshold {
        classifier.decide_at(threshold);
    }
    let rows = ScoredTable::read(
        &args.table,
        args.scores,
        (&args.columns, &args.labels),
        &classifier,
    )?;
    let bootstrap = args.bootstrap.options();
    let evaluation = classifier.evaluate_logits(&rows.logits, &rows.cells, bootstrap);
    let baseline = baseline(args, &classifier, rows.table.as_ref())?;
    if let Some(path) = &args.report.report {
        let page = Page {
            model: &args.model,
            table: &args.table,
            columns: &args.columns,
            labels: &args.labels,
            rows: &rows,
            evaluation: &evaluation,
            tuning: None,
            baseline: baseline.as_ref(),
        };
        page.write(path, &classifier)?;
    }
    let report = Report {
        evaluation,
        scoring: rows.scoring,
        peak_rss_bytes: multihot::peak_rss_bytes(),
        baseline,
    };
    write(args, report, out)
}

/// The linear model of `--baseline`, where one is asked for.
fn baseline(
    args: &EvaluateArgs,
    classifier: &Classifier,
    test: Option<&Table>,
) -> Result<Option<BaselineReport>> {
    let (Some(train), Some(test)) = (&args.baseline, test) else {
        return Ok(None);
    };
    let read = |name: &String| {
        let source = Source::from(name.as_str());
        labelled_table(&source, (&args.columns, &args.labels), classifier)
    };
    let (train, dev) = (
        read(train)?,
        args.baseline_dev.as_ref().map(read).transpose()?,
    );
    Ok(Some(classifier.baseline(&train, dev.as_ref(), test)?))
}

/// What `evaluate --json` prints.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    evaluation: Evaluation,
    /// Not where the scores were there already.
    scoring: Option<Scoring>,
    peak_rss_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<BaselineReport>,
}

fn write(args: &EvaluateArgs, report: Report, out: &mut dyn Write) -> Result<Outcome> {
    if args.json {
        print_json(out, &report)?;
        return Ok(Outcome::Done);
    }
    report.evaluation.write_text(out)?;
    if let Some(baseline) = &report.baseline {
        writeln!(out, "\nBeside a linear model of the training table:\n")?;
        baseline.write_text(&report.evaluation, None, out)?;
    }
    if let Some(scoring) = &report.scoring {
        say(speed(scoring, report.peak_rss_bytes));
    }
    Ok(Outcome::Done)
}

/// Runs `evaluate --compare-precisions`.
fn compare_precisions(args: &EvaluateArgs, out: &mut dyn Write) -> Result<Outcome> {
    let cpu = cpu(&args.machine)?;
    let load = |precision| {
        let options = LoadOptions {
            family: args.machine.family,
            precision,
        };
        let mut classifier = Classifier::load(&args.model, options, cpu.clone())?;
        if args.columns.text_pair.is_some() {
            classifier.read_pairs();
        }
        if let Some(threshold) = args.threshold.threshold {
            classifier.decide_at(threshold);
        }
        Ok(classifier)
    };
    let table = labelled_table(
        &Source::from(args.table.as_slice()),
        (&args.columns, &args.labels),
        &load(PredictPrecision::F32)?,
    )?;
    let comparison = multihot::compare_precisions(&table, load)?;
    if args.json {
        print_json(out, &comparison)?
    } else {
        comparison.write_text(out)?
    }
    Ok(Outcome::Done)
}
