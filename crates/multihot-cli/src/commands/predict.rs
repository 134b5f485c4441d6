//! `multihot predict`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use multihot::{Classifier, Format, PredictOptions, PredictSummary, Source, TextRows};
use tempfile::NamedTempFile;

use super::{load, print_json, say_truncated, speed};
use crate::args::PredictArgs;
use crate::exit::Outcome;
use crate::screen::progress::RowsScreen;
use crate::screen::say;

/// Runs `predict` and writes the answers to `--output`, else to `out`.
pub fn predict(args: &PredictArgs, out: &mut dyn Write) -> Result<Outcome> {
    let precision = args.precision.precision.into();
    let mut classifier = load(&args.model, precision, &args.columns, &args.machine)?;
    if let Some(threshold) = args.threshold.threshold {
        classifier.decide_at(threshold);
    }
    let read = classifier.read_options(args.columns.options());
    let rows = multihot::open(&Source::from(args.table.as_str()), &read)?;
    let options = PredictOptions {
        format: format(args, &rows),
        logits: args.logits,
        raw: args.raw,
    };

    let summary = match &args.output {
        None => run(&classifier, rows, BufWriter::new(&mut *out), options, false)?,
        Some(path) => to_file(&classifier, rows, path, options)?,
    };
    say_truncated(summary.truncated, summary.rows, &classifier);
    if args.json {
        print_json(out, &summary)?;
    } else if let Some(path) = &args.output {
        say(format_args!(
            "{} rows written to {}",
            summary.rows,
            path.display()
        ));
        if let Some(windowed @ 1..) = summary.windowed {
            say(format_args!(
                "{windowed} texts were read in several windows"
            ));
        }
        say(speed(&summary.scoring, summary.peak_rss_bytes));
    }
    // The program ends here: to free a vocabulary word by word takes longer than one answer.
    std::mem::forget(classifier);
    Ok(Outcome::Done)
}

/// `--format`, else the ending of `--output`, else the format of the input.
fn format(args: &PredictArgs, rows: &TextRows) -> Format {
    if let Some(format) = args.format {
        return format.into();
    }
    let ending = args.output.as_deref().and_then(Path::extension);
    match ending.and_then(|ending| ending.to_str()) {
        Some("jsonl" | "ndjson") => Format::Jsonl,
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
    let cannot = || format!("{}: cannot be written", path.display());
    // Where a link leads, not the link.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if target.exists() && !target.is_file() {
        // A device or a pipe takes what is written; nothing can stand in its place.
        let out = File::create(&target).with_context(cannot)?;
        return run(classifier, rows, BufWriter::new(out), options, true);
    }
    let folder = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let mut file = temporary_file(folder.unwrap_or(Path::new("."))).with_context(cannot)?;
    let summary = run(
        classifier,
        rows,
        BufWriter::new(file.as_file_mut()),
        options,
        true,
    )?;
    file.as_file().sync_all().with_context(cannot)?;
    file.persist(&target).with_context(cannot)?;
    Ok(summary)
}

/// A file in `folder` that goes away unless it is kept, readable by whom a new file is.
fn temporary_file(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}
