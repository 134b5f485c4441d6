//! `multihot inspect`.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use multihot::decisions::Decisions;
use multihot::inspect::FolderReport;
use multihot::{Source, Table, TableError};
use serde_json::json;

use super::print_json;
use crate::args::InspectArgs;
use crate::exit::Outcome;

/// Runs `inspect` and writes what it saw to `out`.
pub fn inspect(args: &InspectArgs, out: &mut dyn Write) -> Result<Outcome> {
    let path = Path::new(&args.path);
    if path.is_dir() {
        let report = multihot::inspect::folder(path, args.family)?;
        if args.json {
            print_json(out, &report)?
        } else {
            print_folder(out, path, &report)?
        }
        return Ok(Outcome::Done);
    }
    let source = Source::from(args.path.as_str());
    match multihot::read(&source, &args.read.options()) {
        Ok(table) if args.json => print_table_json(out, &table)?,
        Ok(table) => print_table(out, &table)?,
        // A table to predict on has texts and nothing else. Standard input cannot be read again.
        Err(TableError::NoLabels { .. }) if path.is_file() => print_texts(out, args, &source)?,
        Err(error) => return Err(error.into()),
    }
    Ok(Outcome::Done)
}

/// A table without a label column: what `predict` reads of it.
fn print_texts(out: &mut dyn Write, args: &InspectArgs, source: &Source) -> Result<()> {
    let rows = multihot::open(source, &args.read.options())?;
    let (text, id) = (
        rows.text_column().to_owned(),
        rows.id_column().map(str::to_owned),
    );
    let mut carried = rows.columns().to_vec();
    carried.retain(|column| *column != text && Some(column) != id.as_ref());
    let (mut count, mut empty) = (0, 0);
    for row in rows {
        count += 1;
        empty += u64::from(row?.text.trim().is_empty());
    }
    let note = "no column holds yes/no words: a table to predict on, not to train on";
    if args.json {
        let report = json!({
            "kind": "table", "rows": count, "text_column": text, "id_column": id, "labels": [],
            "carried": carried, "empty_texts": empty, "notes": [note],
        });
        return print_json(out, &report);
    }
    writeln!(
        out,
        "{source}: {count} rows, text in `{text}`, {empty} of them empty"
    )?;
    writeln!(out, "note: {note}")?;
    Ok(())
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
    writeln!(out, "  tokenizer   {}", report.tokenizer)?;
    if !report.labels.is_empty() {
        writeln!(out, "  labels      {}", report.labels.join(", "))?;
    }
    if let Some(decisions) = &report.decisions {
        print_decisions(out, decisions)?;
    }
    if let Some(pooling) = &report.pooling {
        writeln!(
            out,
            "  pooling     {}",
            json!(pooling).as_str().unwrap_or_default()
        )?;
    } else if report.pooling_hint.as_deref() == Some("mean") {
        writeln!(
            out,
            "  pooling     trained with the mean of tokens: `--pooling mean` may do better"
        )?;
    }
    for note in &report.notes {
        writeln!(out, "  note        {note}")?;
    }
    Ok(())
}

/// A line for each label: from which probability on it is a yes, and what that is for.
fn print_decisions(out: &mut dyn Write, decisions: &Decisions) -> Result<()> {
    writeln!(
        out,
        "  decisions   worked out on {} held-out rows; `multihot tune` does it again",
        decisions.rows
    )?;
    for label in &decisions.labels {
        let yes = match label.unsure {
            Some(band) => format!("no below {:.4}, yes from {:.4}", band.from, band.to),
            None if label.threshold > 1.0 => "always no".to_owned(),
            None => format!("yes from {:.4}", label.threshold),
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

fn print_table(out: &mut dyn Write, table: &Table) -> Result<()> {
    writeln!(out, "{}", table.detection())?;
    for oddity in oddities(table) {
        writeln!(out, "note: {oddity}")?;
    }
    Ok(())
}

fn print_table_json(out: &mut dyn Write, table: &Table) -> Result<()> {
    let labels = table.counts().map(|(label, yes, no, unknown)| {
        json!({"label": label, "yes": yes, "no": no, "unknown": unknown})
    });
    let report = json!({
        "kind": "table",
        "rows": table.rows.len(),
        "text_column": table.text_column,
        "id_column": table.id_column,
        "labels": labels.collect::<Vec<_>>(),
        "carried": table.carried,
        "notes": oddities(table),
    });
    print_json(out, &report)
}

/// What would surprise somebody who trains on this table, a sentence each.
fn oddities(table: &Table) -> Vec<String> {
    let mut notes = Vec::new();
    let empty = table
        .rows
        .iter()
        .filter(|row| row.text.trim().is_empty())
        .count();
    if empty > 0 {
        notes.push(format!("{empty} texts are empty"));
    }
    let distinct = table
        .rows
        .iter()
        .map(|row| &row.text)
        .collect::<HashSet<_>>()
        .len();
    if distinct < table.rows.len() {
        notes.push(format!(
            "{} rows repeat the text of another",
            table.rows.len() - distinct
        ));
    }
    for (label, yes, no, _) in table.counts() {
        if yes == 0 || no == 0 {
            let never = if yes == 0 { "yes" } else { "no" };
            notes.push(format!(
                "label `{label}` is never {never}: nothing can be learned about it"
            ));
        }
    }
    notes
}
