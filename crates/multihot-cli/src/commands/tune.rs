//! `multihot tune`.

use std::io::Write;

use anyhow::Result;
use multihot::{Classifier, Tuning};

use super::{labelled_table, load, print_json, scored_rows};
use crate::args::TuneArgs;
use crate::exit::Outcome;
use crate::screen::say;

/// Runs `tune`, puts the decisions into the model's folder, and writes what was chosen to `out`.
pub fn tune(args: &TuneArgs, out: &mut dyn Write) -> Result<Outcome> {
    let mut classifier = load(&args.model, args.precision.precision.into(), &args.machine)?;
    let tuning = chosen(args, &mut classifier)?;
    for warning in tuning.warnings() {
        say(format_args!("note: {warning}"));
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

fn chosen(args: &TuneArgs, classifier: &mut Classifier) -> Result<Tuning> {
    let options = args.decisions.options(args.seed);
    if args.scores {
        let (logits, cells) = scored_rows(&args.table, classifier)?;
        return Ok(classifier.tune_logits(&logits, &cells, &options)?);
    }
    let table = labelled_table(&args.table, &args.columns, classifier)?;
    Ok(classifier.tune(&table, &options)?)
}
