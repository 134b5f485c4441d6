//! `multihot compare`.

use std::io::Write;

use anyhow::Result;
use multihot::{Classifier, compare_models};

use super::{labelled_table, load, print_json};
use crate::args::CompareArgs;
use crate::exit::Outcome;
use crate::screen::say;

/// Runs `compare` and writes which model is better to `out`.
pub fn compare(args: &CompareArgs, out: &mut dyn Write) -> Result<Outcome> {
    let precision = args.precision.precision.into();
    let a = load(&args.model_a, precision, &args.machine)?;
    let b = load(&args.model_b, precision, &args.machine)?;
    let table = labelled_table(&args.table, &args.columns, &a)?;
    if args.columns.text.is_none()
        && let Some(note) = text_column_note(&a, &b)
    {
        say(format_args!("note: {note}"));
    }
    let comparison = compare_models(&a, &b, &table, args.bootstrap.options())?;
    if args.json {
        print_json(out, &comparison)?
    } else {
        say(format_args!(
            "A is {}, B is {}",
            args.model_a.display(),
            args.model_b.display()
        ));
        comparison.write_text(out)?
    }
    Ok(Outcome::Done)
}

/// That both models read one column, where they were trained on two.
fn text_column_note(a: &Classifier, b: &Classifier) -> Option<String> {
    let (of_a, of_b) = (a.text_column()?, b.text_column()?);
    (of_a != of_b).then(|| {
        format!("both models read `{of_a}`; B was trained on `{of_b}` (`--text COLUMN` decides)")
    })
}
