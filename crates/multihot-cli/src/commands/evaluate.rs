//! `multihot evaluate`.

use std::io::Write;

use anyhow::Result;
use multihot::{Classifier, ReadOptions, Source};

use super::{cpu, print_json};
use crate::args::EvaluateArgs;
use crate::exit::Outcome;
use crate::screen::say;

/// Runs `evaluate` and writes the report to `out`.
pub fn evaluate(args: &EvaluateArgs, out: &mut dyn Write) -> Result<Outcome> {
    let classifier = Classifier::load(&args.model, args.machine.family, cpu(&args.machine)?)?;
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
    let evaluation = classifier.evaluate(&table)?;
    if args.json {
        print_json(out, &evaluation)?
    } else {
        evaluation.write_text(out)?
    }
    Ok(Outcome::Done)
}
