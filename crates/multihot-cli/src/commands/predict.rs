//! `multihot predict`.

mod part;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result};
use multihot::{Classifier, Format, PredictOptions, PredictSummary, Source, TextRows, Written};
use serde_json::Value;
use tempfile::NamedTempFile;

use super::{keep_tables, load, print_json, say_truncated, speed, stop_on_ctrl_c};
use crate::args::PredictArgs;
use crate::exit::{Outcome, Usage};
use crate::screen::progress::RowsScreen;
use crate::screen::say;

use part::{Part, origin};

/// Runs `predict` and writes the answers to `--output`, else to `out`.
pub fn predict(args: &PredictArgs, out: &mut dyn Write) -> Result<Outcome> {
    let named = named_format(args)?;
    check_written_whole(args, named)?;
    let source = Source::from(args.table.as_slice());
    if let Some(path) = &args.output {
        keep_tables("--output", path, &[&source])?;
    }
    let precision = args.precision.precision.into();
    let mut classifier = load(&args.model, precision, &args.columns, &args.machine)?;
    if let Some(threshold) = args.threshold.threshold {
        classifier.decide_at(threshold);
    }
    let read = classifier.read_options(args.columns.options());
    let rows = multihot::open(&source, &read)?;
    let notes = rows.notes();
    let said = notes.all();
    say_notes(&said);
    let options = PredictOptions {
        format: named.unwrap_or_else(|| format_for(&rows)),
        logits: args.logits,
        raw: args.raw,
        answers: args.answers,
    };
    check_answers(args, options.format)?;

    let job = Job {
        classifier: &classifier,
        args,
        options,
    };
    let summary = match &args.output {
        None => job.to_screen(rows, out)?,
        Some(path) => job.to_file(rows, path)?,
    };
    // The encoding may have shown in a later row.
    say_notes(&notes.all()[said.len()..]);
    say_warnings(&summary, &classifier);
    if args.json {
        print_json(out, &summary)?;
    } else if let Some(path) = &args.output
        && !summary.interrupted
    {
        say_summary(&summary, path);
    }
    // The program ends here: to free a vocabulary word by word takes longer than one answer.
    let interrupted = summary.interrupted;
    std::mem::forget(classifier);
    Ok(if interrupted {
        Outcome::Interrupted
    } else {
        Outcome::Done
    })
}

fn say_warnings(summary: &PredictSummary, classifier: &Classifier) {
    say_truncated(summary.truncated, summary.rows, classifier);
    if summary.empty_texts > 0 {
        say(format_args!(
            "warning: empty texts, whose answers say nothing: {} of {}",
            summary.empty_texts, summary.rows
        ));
    }
}

fn say_summary(summary: &PredictSummary, path: &Path) {
    let (rows, path) = (summary.rows, path.display());
    say(format_args!("{rows} rows written to {path}"));
    if let Some(windowed @ 1..) = summary.windowed {
        say(format_args!(
            "{windowed} texts were read in several windows"
        ));
    }
    say(speed(&summary.scoring, summary.peak_rss_bytes));
}

fn say_notes(notes: &[String]) {
    for note in notes {
        say(format_args!("note: {note}"));
    }
}

/// `--format`, else what the ending of `--output` names.
fn named_format(args: &PredictArgs) -> Result<Option<Format>> {
    if let Some(format) = args.format {
        return Ok(Some(format.into()));
    }
    let Some(ending) = args.output.as_deref().and_then(Path::extension) else {
        return Ok(None);
    };
    let ending = ending.to_string_lossy().to_lowercase();
    Ok(Some(match ending.as_str() {
        "csv" => Format::Csv,
        "jsonl" | "ndjson" => Format::Jsonl,
        "parquet" | "pq" => Format::Parquet,
        "xlsx" => Format::Xlsx,
        _ => {
            return Err(Usage {
                message: format!("no answers are written as .{ending}"),
                hint: Some(
                    "name a file that ends in .csv, .jsonl, .parquet or .xlsx, or say `--format csv`"
                        .into(),
                ),
            }
            .into());
        }
    }))
}

/// The format that answers to `rows` have where none is named.
fn format_for(rows: &TextRows) -> Format {
    match rows.format() {
        Format::Jsonl | Format::Json => Format::Jsonl,
        _ => Format::Csv,
    }
}

/// That a file with an end of its own goes to a file, and is not to be taken up.
fn check_written_whole(args: &PredictArgs, format: Option<Format>) -> Result<()> {
    let Some(format) = format.filter(|format| format.is_written_whole()) else {
        return Ok(());
    };
    let (message, hint) = match &args.output {
        None => (
            format!("{format} is not for standard output, which is read row by row"),
            format!("name a file: `--output answers.{format}`"),
        ),
        Some(_) if args.resume => (
            format!("`--resume` goes on with CSV and JSON lines; {format} is written whole"),
            "leave `--resume` out, or write to a file that ends in .csv or .jsonl".to_owned(),
        ),
        Some(_) => return Ok(()),
    };
    Err(Usage {
        message,
        hint: Some(hint),
    }
    .into())
}

/// That columns of yes and no are asked for only where there are columns.
fn check_answers(args: &PredictArgs, format: Format) -> Result<()> {
    if !(args.answers && format == Format::Jsonl) {
        return Ok(());
    }
    Err(Usage {
        message: "`--answers` writes columns, and JSON lines have none".into(),
        hint: Some("their `labels` are those answered with yes; or write `--format csv`".into()),
    }
    .into())
}

/// A prediction that goes to a file.
struct Job<'a> {
    classifier: &'a Classifier,
    args: &'a PredictArgs,
    options: PredictOptions,
}

impl Job<'_> {
    fn to_screen(&self, rows: TextRows, out: &mut dyn Write) -> Result<PredictSummary> {
        let progress = &mut |_| ControlFlow::Continue(());
        let (out, nothing) = (BufWriter::new(out), Written::default());
        let summary =
            multihot::predict(self.classifier, rows, out, self.options, &nothing, progress);
        Ok(summary?)
    }

    /// Writes beside `path` and renames, so that `path` is the old file or the whole new one.
    fn to_file(&self, rows: TextRows, path: &Path) -> Result<PredictSummary> {
        // Where a link leads, not the link.
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let is_device = target.exists() && !target.is_file();
        let may_go_on = !is_device && !self.options.format.is_written_whole();
        match origin(self.args) {
            Some(origin) if may_go_on => self.to_part(rows, &target, &origin),
            _ if self.args.resume => Err(Usage {
                message: "`--resume` is for a table and an output that are files on disk".into(),
                hint: None,
            }
            .into()),
            _ if is_device => {
                // A device or a pipe takes what is written; nothing can stand in its place.
                let out = File::create(&target).with_context(|| cannot(path))?;
                self.run(rows, out, &Written::default())
            }
            _ => self.to_temporary(rows, &target),
        }
    }

    /// Writes a part that outlives a stop.
    fn to_part(&self, rows: TextRows, target: &Path, origin: &Value) -> Result<PredictSummary> {
        let (part, labels) = (Part::of(target), self.classifier.labels());
        let (file, so_far) = match self.args.resume {
            true => part.resume(origin, self.options.format, labels)?,
            false => (part.begin(origin)?, Written::default()),
        };
        if so_far.rows > 0 {
            say(format_args!("going on behind {} rows", so_far.rows));
        }
        let summary = match self.run(rows, &file, &so_far) {
            Ok(summary) => summary,
            Err(error) => {
                // With a full disk there is something to go on with; with a bad row there is not,
                // as the table has to change.
                let error_of = error.downcast_ref::<multihot::Error>();
                if error_of.is_some_and(multihot::Error::is_of_output) {
                    let rows = part.rows().display();
                    say(format_args!(
                        "what was written stands in {rows}; `--resume` goes on"
                    ));
                } else {
                    part.discard();
                }
                return Err(error);
            }
        };
        if summary.interrupted {
            say(format_args!(
                "{} rows stand in {}; `--resume` goes on",
                summary.rows,
                part.rows().display()
            ));
        } else {
            part.finish(&file)?;
        }
        Ok(summary)
    }

    /// Writes a file that goes away with a stop: what is read cannot be read again, or what is
    /// written cannot be gone on with.
    fn to_temporary(&self, rows: TextRows, target: &Path) -> Result<PredictSummary> {
        let folder = target
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let file = temporary_file(folder.unwrap_or(Path::new(".")));
        let file = file.with_context(|| cannot(target))?;
        let summary = self.run(rows, file.as_file(), &Written::default())?;
        file.as_file().sync_all().with_context(|| cannot(target))?;
        if !summary.interrupted {
            file.persist(target).with_context(|| cannot(target))?;
        } else if self.options.format.is_written_whole() {
            say(format_args!(
                "nothing is left of {}: only CSV and JSON lines can be gone on with",
                target.display()
            ));
        }
        Ok(summary)
    }

    fn run(&self, rows: TextRows, out: impl Write, so_far: &Written) -> Result<PredictSummary> {
        let stop = stop_on_ctrl_c("stopping after these rows (again: at once)")?;
        let mut screen = RowsScreen::new(true);
        let mut progress = |rows| {
            screen.rows(rows);
            match stop.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let (classifier, options) = (self.classifier, self.options);
        let out = BufWriter::new(out);
        let summary = multihot::predict(classifier, rows, out, options, so_far, &mut progress);
        screen.finish();
        Ok(summary?)
    }
}

fn cannot(path: &Path) -> String {
    format!("{}: cannot be written", path.display())
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
