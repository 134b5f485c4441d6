//! `multihot inspect`.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use multihot::decisions::Decisions;
use multihot::inspect::FolderReport;
use multihot::survey::{self, SurveyJob};
use multihot::{Source, Truncation};
use serde_json::json;

use super::{cpu_with, print_json};
use crate::args::InspectArgs;
use crate::exit::{Outcome, Usage};
use crate::screen::say;

/// Runs `inspect` and writes what it saw to `out`.
pub fn inspect(args: &InspectArgs, out: &mut dyn Write) -> Result<Outcome> {
    match args.path.as_slice() {
        [path] if Path::new(path).is_dir() => folder(args, Path::new(path), out),
        _ => table(args, out),
    }
}

fn folder(args: &InspectArgs, path: &Path, out: &mut dyn Write) -> Result<Outcome> {
    for (option, is_given) in [
        ("--against", !args.against.is_empty()),
        ("--encoder", args.encoder.is_some()),
    ] {
        if is_given {
            let message = format!(
                "`{option}` goes with a table, and {} is a folder",
                path.display()
            );
            return Err(Usage {
                message,
                hint: None,
            }
            .into());
        }
    }
    let report = multihot::inspect::folder(path, args.machine.family)?;
    if args.json {
        print_json(out, &report)?
    } else {
        print_folder(out, path, &report)?
    }
    Ok(Outcome::Done)
}

fn table(args: &InspectArgs, out: &mut dyn Write) -> Result<Outcome> {
    let source = Source::from(args.path.as_slice());
    let against: Vec<Source> = args
        .against
        .iter()
        .map(|table| table.as_str().into())
        .collect();
    let job = SurveyJob {
        source: &source,
        against: &against,
        read: &args.read.options()?,
        encoder: match &args.encoder {
            Some(folder) => Some(survey::Encoder {
                folder,
                family: args.machine.family,
                max_length: args.max_length,
                cpu: cpu_with(args.machine.threads)?,
            }),
            None => None,
        },
        seed: args.seed,
    };
    let survey = survey::survey(&job, &mut |next| say(format_args!("{next}")))?;
    if args.json {
        print_json(out, &survey)?
    } else {
        survey.write_text(out)?
    }
    Ok(if survey.spoils() {
        Outcome::Spoiled
    } else {
        Outcome::Done
    })
}

fn print_folder(out: &mut dyn Write, path: &Path, report: &FolderReport) -> Result<()> {
    let kind = match report.kind {
        "model" => "a trained model",
        _ => "an encoder without answers",
    };
    writeln!(out, "{}: {kind}", path.display())?;
    writeln!(out, "  family      {}", report.family)?;
    writeln!(
        out,
        "  shape       {} layers, width {}, {} heads, {} word pieces, {:.1} M parameters",
        report.layers,
        report.hidden_size,
        report.heads,
        report.vocab_size,
        report.parameters as f64 / 1e6
    )?;
    let trained = report
        .max_length
        .map_or(String::new(), |n| format!("; trained to read {n}"));
    writeln!(
        out,
        "  length      reads up to {} tokens{trained}",
        report.usable_length
    )?;
    if let Some(long) = long_texts(report) {
        writeln!(out, "  long texts  {long}")?;
    }
    writeln!(out, "  tokenizer   {}", report.tokenizer)?;
    if let Some(pair) = &report.pair_column {
        let text = report.text_columns.join("` + `");
        writeln!(out, "  pairs       a text in `{text}` and one in `{pair}`")?;
    }
    print_questions(out, report)?;
    if let Some(decisions) = &report.decisions {
        print_decisions(out, decisions)?;
    }
    if let Some(pooling) = pooling(report) {
        writeln!(out, "  pooling     {pooling}")?;
    }
    for note in &report.notes {
        writeln!(out, "  note        {note}")?;
    }
    Ok(())
}

/// The labels, and how they belong together.
fn print_questions(out: &mut dyn Write, report: &FolderReport) -> Result<()> {
    if !report.labels.is_empty() {
        writeln!(out, "  labels      {}", report.labels.join(", "))?;
    }
    for group in &report.relations.exclusive {
        let holds = if group.at_most_one {
            "at most"
        } else {
            "exactly"
        };
        let (name, labels) = (&group.name, group.labels.join(", "));
        writeln!(out, "  exclusive   {name}: {holds} one of {labels}")?;
    }
    for of in &report.relations.implies {
        writeln!(out, "  implies     {} implies {}", of.cause, of.consequence)?;
    }
    Ok(())
}

/// How tokens become one vector, or a hint where the folder only says what it was trained with.
fn pooling(report: &FolderReport) -> Option<String> {
    if let Some(pooling) = &report.pooling {
        return json!(pooling).as_str().map(str::to_owned);
    }
    let hint = "trained with the mean of tokens: `--pooling mean` may do better";
    (report.pooling_hint.as_deref() == Some("mean")).then(|| hint.into())
}

/// What becomes of a text that is longer than the model reads, where that was a choice.
fn long_texts(report: &FolderReport) -> Option<String> {
    if let Some(windows) = report.windows {
        return Some(format!(
            "read in windows, one every {} tokens, pooled by {}",
            windows.stride,
            windows.pooling.name()
        ));
    }
    match report.truncation? {
        Truncation::Right => None,
        Truncation::Left => Some("lose their beginning".into()),
        Truncation::Middle => Some("lose their middle".into()),
    }
}

/// A line for each label: from which probability on it is a yes, and what that is for.
fn print_decisions(out: &mut dyn Write, decisions: &Decisions) -> Result<()> {
    writeln!(
        out,
        "  decisions   worked out on {} held-out rows; `multihot tune` does it again",
        decisions.rows
    )?;
    for label in &decisions.labels {
        let yes = match (label.threshold, label.unsure) {
            (None, None) => "yes where it is the likeliest of its exclusive group".to_owned(),
            (None, Some(band)) => format!(
                "yes where it is the likeliest of its exclusive group, from {:.4} up",
                band.to
            ),
            (_, Some(band)) => format!("no below {:.4}, yes from {:.4}", band.from, band.to),
            (Some(threshold), None) if threshold > 1.0 => "always no".to_owned(),
            (Some(threshold), None) => format!("yes from {threshold:.4}"),
        };
        let (name, objective) = (&label.label, label.objective);
        let method = label.calibration.name();
        writeln!(
            out,
            "              {name}: {yes} ({objective}; calibration {method})"
        )?;
    }
    Ok(())
}
