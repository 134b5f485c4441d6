//! What a split came to: for each part its rows and each label's answers.

use std::io::{self, Write};

use multihot_table::Cell;
use serde::Serialize;

use super::job::SplitJob;
use super::text;

/// A part off by more than this share of the rows that were asked for is worth a note.
const NOTED_EXCESS: f64 = 0.1;

/// What a split came to.
#[derive(Clone, Debug, Serialize)]
pub struct SplitReport {
    /// What the table is called.
    pub table: String,
    /// Rows of the table.
    pub rows: usize,
    /// The seed of every random choice.
    pub seed: u64,
    /// The parts in order: train, dev and test, or the rows that each fold holds out.
    pub parts: Vec<PartReport>,
    /// What would make a figure undefined or a label unlearnable, a sentence each.
    pub notes: Vec<String>,
    /// What the names of the files end in: `csv` or `jsonl`.
    #[serde(skip)]
    pub ending: &'static str,
    /// Whether the parts are folds.
    #[serde(skip)]
    pub(super) are_folds: bool,
}

/// A part of a split.
#[derive(Clone, Debug, Serialize)]
pub struct PartReport {
    /// What it is called.
    pub part: String,
    /// The file that has its rows, within the folder.
    pub file: String,
    /// The share of the rows that was asked for.
    pub share: f64,
    /// The rows it has.
    pub rows: usize,
    /// Each label, in the order of the table.
    pub labels: Vec<LabelReport>,
}

/// A label in a part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelReport {
    /// The label.
    pub label: String,
    /// Cells that say yes.
    pub yes: usize,
    /// Cells that say no.
    pub no: usize,
    /// Cells that nobody answered.
    pub unknown: usize,
    /// Yes among the known cells; `None` where none is known.
    pub rate: Option<f64>,
}

impl SplitReport {
    /// Counts what `part_of` gives to each part.
    pub(super) fn of(job: &SplitJob<'_>, part_of: &[usize]) -> Self {
        let (are_folds, ending) = (job.parts.are_folds(), job.ending());
        let part = |(part, share): (String, f64)| {
            let name = if are_folds { "/dev" } else { "" };
            let file = format!("{part}{name}.{ending}");
            PartReport::empty(part, file, share, &job.table.labels)
        };
        let named = job.parts.names().into_iter().zip(job.parts.shares());
        let mut parts: Vec<PartReport> = named.map(part).collect();
        for (row, &part) in job.table.rows.iter().zip(part_of) {
            parts[part].count(&row.cells);
        }
        parts.iter_mut().for_each(PartReport::finish);
        let rows = part_of.len();
        Self {
            table: job.table.source.clone(),
            rows,
            seed: job.seed,
            notes: notes(&parts, rows),
            parts,
            ending,
            are_folds,
        }
    }

    /// Writes the parts as a table, a line a label: for shares what each part has, for folds the
    /// least and the most that one has.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        text::write(self, out)
    }

    /// The files that have the parts' rows, in order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| part.file.as_str())
    }

    /// Whether any cell is unknown.
    pub(super) fn has_unknown(&self) -> bool {
        let labels = self.parts.iter().flat_map(|part| &part.labels);
        { labels }.any(|label| label.unknown > 0)
    }
}

impl PartReport {
    fn empty(part: String, file: String, share: f64, labels: &[String]) -> Self {
        let label = |label: &String| LabelReport {
            label: label.clone(),
            yes: 0,
            no: 0,
            unknown: 0,
            rate: None,
        };
        Self {
            part,
            file,
            share,
            rows: 0,
            labels: labels.iter().map(label).collect(),
        }
    }

    fn count(&mut self, cells: &[Cell]) {
        self.rows += 1;
        for (label, cell) in self.labels.iter_mut().zip(cells) {
            *match cell {
                Cell::Yes => &mut label.yes,
                Cell::No => &mut label.no,
                Cell::Unknown => &mut label.unknown,
            } += 1;
        }
    }

    fn finish(&mut self) {
        for label in &mut self.labels {
            let known = label.yes + label.no;
            label.rate = (known > 0).then(|| label.yes as f64 / known as f64);
        }
    }
}

impl LabelReport {
    /// The answer that is missed most, where one is.
    fn missing(&self) -> Option<&'static str> {
        match (self.yes, self.no) {
            (0, 0) => Some("known"),
            (0, _) => Some("yes"),
            (_, 0) => Some("no"),
            _ => None,
        }
    }
}

fn notes(parts: &[PartReport], rows: usize) -> Vec<String> {
    let mut notes = Vec::new();
    for part in parts {
        let wanted = part.share * rows as f64;
        let excess = (part.rows as f64 - wanted).abs();
        // Half a row is rounding.
        if excess > (NOTED_EXCESS * wanted).max(1.0) {
            notes.push(format!(
                "{} has {} rows where {wanted:.0} were asked for, because groups stay whole",
                part.part, part.rows
            ));
        }
    }
    for label in 0..parts[0].labels.len() {
        for missing in ["known", "yes", "no"] {
            let lacks = |part: &&PartReport| part.labels[label].missing() == Some(missing);
            let lacking: Vec<&str> = parts
                .iter()
                .filter(lacks)
                .map(|p| p.part.as_str())
                .collect();
            if !lacking.is_empty() {
                let name = &parts[0].labels[label].label;
                let lacking = lacking.join(", ");
                notes.push(format!("label `{name}` is never {missing} in {lacking}"));
            }
        }
    }
    notes
}
