//! `multihot split`.

use std::io::Write;

use anyhow::Result;
use multihot::{ReadOptions, Source, SplitJob, SplitParts, SplitReport, in_shell};

use super::print_json;
use crate::args::SplitArgs;
use crate::exit::{Outcome, Usage};
use crate::screen::say;

/// Runs `split`, and writes to `out` what each part has.
pub fn split(args: &SplitArgs, out: &mut dyn Write) -> Result<Outcome> {
    let read = ReadOptions {
        group: args.group.clone(),
        ..args.read.options()?
    };
    let source = source(args, &read)?;
    let table = multihot::read(&source, &read)?;
    say(table.detection());
    let report = multihot::split_table(&SplitJob {
        table: &table,
        source: &source,
        read: &read,
        out: &args.out,
        overwrite: args.overwrite,
        parts: parts(args),
        seed: args.seed,
    })?;
    for note in &report.notes {
        say(format_args!("warning: {note}"));
    }
    if args.json {
        print_json(out, &report)?
    } else {
        print_report(out, args, &report)?
    }
    Ok(Outcome::Done)
}

/// The table's bytes, which are read twice: for its labels, and to copy its rows.
fn source(args: &SplitArgs, read: &ReadOptions) -> Result<Source> {
    let source = Source::from(args.table.as_slice());
    if source == Source::Stdin && read.format.is_none() {
        // A mix of objects and texts, as `predict` takes it, would make no table.
        return Err(Usage {
            message: "standard input does not say how it is written".into(),
            hint: Some("pass `--input-format csv` or `--input-format jsonl`".into()),
        }
        .into());
    }
    Ok(source.held()?)
}

/// The options that the parts need to be read as the table was.
fn reading(args: &SplitArgs) -> String {
    let options = args.read.arguments();
    options
        .iter()
        .map(|word| format!(" {}", in_shell(word)))
        .collect()
}

fn parts(args: &SplitArgs) -> SplitParts {
    let shares = SplitParts::Shares {
        dev: args.dev,
        test: args.test,
    };
    args.folds.map_or(shares, SplitParts::Folds)
}

fn print_report(out: &mut dyn Write, args: &SplitArgs, report: &SplitReport) -> Result<()> {
    report.write_text(out)?;
    let folder = args.out.display();
    let (files, first) = match args.folds {
        Some(folds) => (
            format!("fold-1 to fold-{folds}, each row held out once"),
            "fold-1/",
        ),
        None => (report.files().collect::<Vec<_>>().join(", "), ""),
    };
    writeln!(out, "\n{} rows written to {folder}: {files}", report.rows)?;
    let file = |name: &str| in_shell(&format!("{folder}/{first}{name}.{}", report.ending));
    writeln!(
        out,
        "try `multihot train {} --dev {}{} --encoder FOLDER --out MODEL`",
        file("train"),
        file("dev"),
        reading(args)
    )?;
    Ok(())
}
