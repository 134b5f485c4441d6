//! `multihot compare`.

use std::io::Write;

use anyhow::Result;
use multihot::{Source, compare_models};

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
    let table = labelled_table(
        &Source::from(args.table.as_slice()),
        (&columns, &args.labels),
        &a,
    )?;
    if args.columns.text.is_empty() {
        say_note(column_note("text", a.text_columns(), b.text_columns()));
    }
    if args.columns.text_pair.is_none() {
        let [of_a, of_b] =
            [&a, &b].map(|model| Vec::from_iter(model.pair_column().map(str::to_owned)));
        say_note(column_note("text-pair", &of_a, &of_b));
    }
    for (name, model) in [("A", &a), ("B", &b)] {
        if model.decisions().has_bands() {
            say(format_args!(
                "note: {name} answers some texts with unsure; figures are those of its thresholds \
                 alone"
            ));
        }
    }
    let comparison = compare_models(&a, &b, &table, args.bootstrap.options())?;
    say_note(comparison.warning());
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
fn column_note(option: &str, of_a: &[String], of_b: &[String]) -> Option<String> {
    let are_known = !of_a.is_empty() && !of_b.is_empty();
    (are_known && of_a != of_b).then(|| {
        format!(
            "both models read `{}`; B was trained on `{}` (`--{option} COLUMN` decides)",
            of_a.join("`, `"),
            of_b.join("`, `")
        )
    })
}

fn say_note(note: Option<String>) {
    if let Some(note) = note {
        say(format_args!("note: {note}"));
    }
}
