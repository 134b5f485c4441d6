//! `multihot predict`.

use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use multihot::{Classifier, Format, PredictOptions, PredictSummary, Source, TextRows};

use super::{cpu, print_json};
use crate::args::PredictArgs;
use crate::exit::Outcome;
use crate::screen::progress::RowsScreen;

/// Runs `predict` and writes the answers to `--output`, else to `out`.
pub fn predict(args: &PredictArgs, out: &mut dyn Write) -> Result<Outcome> {
    let classifier = Classifier::load(&args.model, args.machine.family, cpu(&args.machine)?)?;
    let mut read = args.columns.options();
    read.text = read
        .text
        .or_else(|| classifier.text_column().map(str::to_owned));
    let rows = multihot::open(&Source::from(args.table.as_str()), &read)?;
    let options = PredictOptions {
        format: format(args, &rows),
        logits: args.logits,
    };

    let summary = match &args.output {
        None => run(&classifier, rows, BufWriter::new(&mut *out), options, false)?,
        Some(path) => to_file(&classifier, rows, path, options)?,
    };
    if summary.truncated > 0 {
        eprintln!(
            "warning: {} of {} texts are longer than {} tokens and were cut",
            summary.truncated,
            summary.rows,
            classifier.max_length()
        );
    }
    if args.json {
        print_json(out, &summary)?;
    } else if let Some(path) = &args.output {
        eprintln!("{} rows written to {}", summary.rows, path.display());
    }
    Ok(Outcome::Done)
}

/// `--format`, else the ending of `--output`, else the format of the input.
fn format(args: &PredictArgs, rows: &TextRows) -> Format {
    if let Some(format) = args.format {
        return format.into();
    }
    let ending = args.output.as_deref().and_then(Path::extension);
    match ending.and_then(|ending| ending.to_str()) {
        Some("jsonl") => Format::Jsonl,
        Some("csv") => Format::Csv,
        _ if rows.format() == Format::Jsonl => Format::Jsonl,
        _ => Format::Csv,
    }
}

fn run<W: Write>(
    classifier: &Classifier,
    rows: TextRows,
    out: W,
    options: PredictOptions,
    show_progress: bool,
) -> Result<PredictSummary> {
    let mut screen = RowsScreen::new(show_progress);
    let summary = multihot::predict(classifier, rows, out, options, &mut |rows| {
        screen.rows(rows)
    });
    screen.finish();
    Ok(summary?)
}

/// Writes beside `path` and renames, so that `path` is the old file or the whole new one.
fn to_file(
    classifier: &Classifier,
    rows: TextRows,
    path: &Path,
    options: PredictOptions,
) -> Result<PredictSummary> {
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let cannot = || format!("{}: cannot be written", path.display());
    let mut file =
        tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).with_context(cannot)?;
    let mut out = BufWriter::new(file.as_file_mut());
    let summary = run(classifier, rows, &mut out, options, true)?;
    out.flush().with_context(cannot)?;
    drop(out);
    file.as_file().sync_all().with_context(cannot)?;
    file.persist(path).with_context(cannot)?;
    Ok(summary)
}
