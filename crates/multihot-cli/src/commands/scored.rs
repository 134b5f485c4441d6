//! Rows with their answers and the model's logits: what `tune` and `evaluate` work on.

use std::borrow::Cow;
use std::path::Path;

use anyhow::Result;
use multihot::questions::Place;
use multihot::{
    BaselineReport, Cell, Classifier, Evaluation, Logits, ReportInput, ReportKind, Scoring, Source,
    Table, Text, Tuning,
};

use super::{labelled_table, say_truncated};
use crate::args::{ColumnArgs, LabelArgs};
use crate::screen::say;

/// Rows of a table that a model has scored, now or before.
pub struct ScoredTable {
    /// The network's logits.
    pub logits: Logits,
    /// The answers, in the shape of `logits`, with what follows from exclusive groups and
    /// implications.
    pub cells: Vec<Cell>,
    /// How long the scoring took; `None` where the scores were there already.
    pub scoring: Option<Scoring>,
    /// The rows themselves, where there are texts.
    pub table: Option<Table>,
}

impl ScoredTable {
    /// Scores the table called `names`, or takes the logits that it holds where it `is_scored`.
    pub fn read(
        names: &[String],
        is_scored: bool,
        (columns, label_args): (&ColumnArgs, &LabelArgs),
        classifier: &Classifier,
    ) -> Result<Self> {
        let source = Source::from(names);
        if is_scored {
            let labels = classifier.labels();
            let name = source.to_string();
            let mut rows = multihot::read_scored(&source, labels, &columns.options())?;
            let place = |row| Place::Row(row + 1);
            let settled = classifier.questions();
            let settled = settled.settle(&mut rows.cells, &name, place);
            notes(&settled.map_err(multihot::Error::from)?.notes(&name));
            return Ok(Self {
                logits: Logits::new(rows.logits, labels.len()),
                cells: rows.cells,
                scoring: None,
                table: None,
            });
        }
        let table = labelled_table(&source, (columns, label_args), classifier)?;
        let (cells, said) = classifier.settled_cells(&table)?;
        notes(&said);
        let scores = classifier.score_table(&table)?;
        say_truncated(scores.truncated, table.rows.len(), classifier);
        Ok(Self {
            logits: scores.logits,
            cells,
            scoring: Some(scores.scoring),
            table: Some(table),
        })
    }
}

fn notes(said: &[String]) {
    said.iter()
        .for_each(|note| say(format_args!("note: {note}")));
}

/// A page about rows that a model has scored.
pub struct Page<'a> {
    /// The model's folder.
    pub model: &'a Path,
    /// The table, as the command line names it.
    pub table: &'a [String],
    /// The columns that the command line names.
    pub columns: &'a ColumnArgs,
    /// How it says that labels are written.
    pub labels: &'a LabelArgs,
    /// The rows.
    pub rows: &'a ScoredTable,
    /// The answers against the cells.
    pub evaluation: &'a Evaluation,
    /// The choice of the decisions on these rows.
    pub tuning: Option<&'a Tuning>,
    /// A linear model on these rows.
    pub baseline: Option<&'a BaselineReport>,
}

impl Page<'_> {
    /// Writes the report to `path`, with the decisions that `classifier` has now.
    pub fn write(&self, path: &Path, classifier: &Classifier) -> Result<()> {
        let table = self.rows.table.as_ref();
        let wholes: Option<Vec<Cow<'_, str>>> = table.map(|table| {
            let texts = table.rows.iter().map(|row| Text {
                text: &row.text,
                pair: row.pair.as_deref(),
            });
            texts.map(Text::whole).collect()
        });
        let texts = wholes.as_ref();
        let texts: Option<Vec<&str>> = texts.map(|texts| texts.iter().map(AsRef::as_ref).collect());
        let ids: Option<Vec<_>> = table.map(|table| table.rows.iter().map(|row| &row.id).collect());
        let warnings = self.tuning.map(Tuning::warnings).unwrap_or_default();
        multihot::write_report(
            path,
            &ReportInput {
                kind: match self.tuning {
                    Some(_) => ReportKind::Tuning,
                    None => ReportKind::Evaluation,
                },
                model: &self.model.display().to_string(),
                table: &Source::from(self.table).to_string(),
                tune_arguments: &self.tune_arguments(),
                questions: classifier.questions(),
                log_odds: &classifier.log_odds(&self.rows.logits),
                calibrated: &classifier.calibrated(&self.rows.logits),
                cells: &self.rows.cells,
                decisions: classifier.decisions(),
                texts: texts.as_deref(),
                ids: ids.as_deref(),
                evaluation: self.evaluation,
                tuning: self.tuning,
                epochs: &[],
                baseline: self.baseline,
                warnings: &warnings,
            },
        )?;
        say(format_args!("report written to {}", path.display()));
        Ok(())
    }

    /// What `multihot tune` needs to read the same rows.
    fn tune_arguments(&self) -> Vec<String> {
        let mut arguments = vec![self.model.display().to_string()];
        arguments.extend_from_slice(self.table);
        if self.rows.table.is_none() {
            arguments.push("--scores".into());
        }
        arguments.extend(self.columns.arguments());
        arguments.extend(self.labels.arguments());
        arguments
    }
}
