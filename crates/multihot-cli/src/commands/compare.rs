//! `multihot compare`.

use std::io::Write;

use anyhow::Result;
use multihot::compare_models;

use super::{labelled_table, load, print_json};
use crate::args::CompareArgs;
use crate::exit::Outcome;
use crate::screen::say;

/// Runs `compare` and writes which model is better to `out`.
pub fn compare(args: &CompareArgs, out: &mut dyn Write) -> Result<Outcome> {
    let precision = args.precision.precision.into();
    let a = load(&args.model_a, precision, &args.columns, &args.machine)?;
    let b = load(&args.model_b, precision, &args.columns, &args.machine)?;
    let mut columns = args.columns.clone();
    if a.pair_column().is_none() {
        columns.text_pair = columns.text_pair.or(b.pair_column().map(str::to_owned));
    }
    let table = labelled_table(&args.table, &columns, &a)?;
    if args.columns.text.is_none() {
        say_note(column_note("text", a.text_column(), b.text_column()));
    }
    if args.columns.text_pair.is_none() {
        say_note(column_note("text-pair", a.pair_column(), b.pair_column()));
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

/// That both models read one column, where they were trained on two; `--option` decides.
fn column_note(option: &str, of_a: Option<&str>, of_b: Option<&str>) -> Option<String> {
    let (of_a, of_b) = (of_a?, of_b?);
    (of_a != of_b).then(|| {
        format!(
            "both models read `{of_a}`; B was trained on `{of_b}` (`--{option} COLUMN` decides)"
        )
    })
}

fn say_note(note: Option<String>) {
    if let Some(note) = note {
        say(format_args!("note: {note}"));
    }
}
