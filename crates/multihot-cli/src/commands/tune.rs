//! `multihot tune`.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use multihot::metrics::Bootstrap;
use multihot::{Classifier, OUT_OF_FOLD_FILE};

use super::scored::{Page, ScoredTable};
use super::{load, print_json};
use crate::args::TuneArgs;
use crate::exit::Outcome;
use crate::screen::say;

/// Runs `tune`, puts the decisions into the model's folder, and writes what was chosen to `out`.
pub fn tune(args: &TuneArgs, out: &mut dyn Write) -> Result<Outcome> {
    let precision = args.precision.precision.into();
    let mut classifier = load(&args.model, precision, &args.columns, &args.machine)?;
    let options = args.decisions.options(args.seed);
    // Before the network is asked, which may take its time.
    options
        .check(classifier.questions())
        .map_err(multihot::Error::from)?;
    let rows = ScoredTable::read(
        &args.table,
        args.scores,
        (&args.columns, &args.labels),
        &classifier,
    )?;
    let mut tuning = classifier.tune_logits(&rows.logits, &rows.cells, &options)?;
    if args.scores && args.table.iter().any(is_out_of_fold) {
        tuning.of_other_models();
    }
    for warning in tuning.warnings() {
        say(format_args!("note: {warning}"));
    }
    if let Some(path) = &args.report.report {
        let page = Page {
            model: &args.model,
            table: &args.table,
            columns: &args.columns,
            labels: &args.labels,
            rows: &rows,
            evaluation: &classifier.evaluate_logits(&rows.logits, &rows.cells, Bootstrap::OFF),
            tuning: Some(&tuning),
            baseline: None,
        };
        page.write(path, &classifier)?;
    }
    if !args.dry_run {
        Classifier::save_decisions(&args.model, args.machine.family, &tuning)?;
    }
    if args.json {
        print_json(out, &tuning)?;
    } else {
        tuning.write_text(out)?;
    }
    let model = args.model.display();
    if args.dry_run {
        say(format_args!("a dry run: {model} is as it was"));
    } else {
        say(format_args!("thresholds and calibrations are in {model}"));
    }
    Ok(Outcome::Done)
}

/// Whether scores are those that the models of the folds gave in a training.
fn is_out_of_fold(table: &String) -> bool {
    Path::new(table)
        .file_name()
        .is_some_and(|name| name == OUT_OF_FOLD_FILE)
}
