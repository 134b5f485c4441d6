//! A table on disk split into files, top to bottom.

use std::borrow::Cow;
use std::path::Path;

use multihot_checkpoint::save::NewFolder;
use multihot_table::{Cell, Format, ReadOptions, Source, Table};

use super::report::SplitReport;
use super::write::{MARK, write};
use super::{Rows, k_folds, split_shares};
use crate::error::Error;
use crate::rows::{as_strs, texts, wholes};
use crate::train::OptionsError;

/// Each fold has two files open at once, and 256 is a usual limit of a process.
const MOST_FOLDS: usize = 100;

/// What a table is split into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SplitParts {
    /// `train`, `dev` and, where its share is not 0, `test`.
    Shares {
        /// Share of the rows held out for choosing between models, above 0.
        dev: f64,
        /// Share of the rows held out to the end.
        test: f64,
    },
    /// Folds of equal size, each held out once.
    Folds(usize),
}

impl SplitParts {
    /// That there is something to learn from and something held out.
    fn check(self) -> Result<(), OptionsError> {
        match self {
            Self::Shares { dev, test } => {
                share("--dev", dev, dev > 0.0 && dev < 1.0, "above 0 and below 1")?;
                share(
                    "--test",
                    test,
                    (0.0..1.0).contains(&test),
                    "0 or more, below 1",
                )?;
                let left = "below 1, so that rows to learn from are left";
                share(
                    "--dev and --test together",
                    dev + test,
                    dev + test < 1.0,
                    left,
                )
            }
            Self::Folds(folds) if (2..=MOST_FOLDS).contains(&folds) => Ok(()),
            Self::Folds(folds) => Err(OptionsError {
                option: "--folds",
                found: folds.to_string(),
                expected: format!("2 to {MOST_FOLDS}"),
            }),
        }
    }

    pub(super) fn are_folds(self) -> bool {
        matches!(self, Self::Folds(_))
    }

    /// What the parts are called, in order.
    pub(super) fn names(self) -> Vec<String> {
        match self {
            Self::Shares { test: 0.0, .. } => vec!["train".into(), "dev".into()],
            Self::Shares { .. } => vec!["train".into(), "dev".into(), "test".into()],
            Self::Folds(folds) => (1..=folds).map(|fold| format!("fold-{fold}")).collect(),
        }
    }

    /// The share of the rows that each part is to have.
    pub(super) fn shares(self) -> Vec<f64> {
        match self {
            Self::Shares { dev, test: 0.0 } => vec![1.0 - dev, dev],
            Self::Shares { dev, test } => vec![1.0 - dev - test, dev, test],
            Self::Folds(folds) => vec![1.0 / folds as f64; folds],
        }
    }
}

fn share(
    option: &'static str,
    found: f64,
    is_fine: bool,
    expected: &'static str,
) -> Result<(), OptionsError> {
    if is_fine {
        return Ok(());
    }
    Err(OptionsError {
        option,
        found: found.to_string(),
        expected: expected.to_owned(),
    })
}

/// A table and what is to become of it.
#[derive(Clone, Copy, Debug)]
pub struct SplitJob<'a> {
    /// The table, read; where `read` names a column of groups, they stay together.
    pub table: &'a Table,
    /// Where it came from, to copy its rows from; see [`Source::held`].
    pub source: &'a Source,
    /// How it was read.
    pub read: &'a ReadOptions,
    /// The folder to write.
    pub out: &'a Path,
    /// Whether `out` may be there already, where a split stands in it.
    pub overwrite: bool,
    /// What to split it into.
    pub parts: SplitParts,
    /// Start of every random choice.
    pub seed: u64,
}

impl SplitJob<'_> {
    /// What the names of the files end in.
    pub(super) fn ending(&self) -> &'static str {
        match self.table.format.copied_as() {
            Format::Lines => "txt",
            format => format.name(),
        }
    }
}

/// Splits a table into the files of a new folder, every row as it stands or in the format of
/// [`Format::copied_as`], in the order of the table: `train`, `dev` and `test`, or for each fold
/// `fold-1/train`, `fold-1/dev` and so on.
///
/// # Errors
///
/// Shares or folds that cannot be, rows that do not suffice or of which nothing is known, a
/// folder that cannot be written.
pub fn split_table(job: &SplitJob<'_>) -> Result<SplitReport, Error> {
    job.parts.check()?;
    refuse_to_replace_the_table(job)?;
    let folder = NewFolder::create_marked(job.out, job.overwrite, &[MARK])?;
    let texts = wholes(&texts(job.table, true));
    let columns = Columns::of(job.table, &texts);
    let rows = columns.rows(job.table.labels.len());
    if rows.cells.iter().all(|cell| *cell == Cell::Unknown) {
        return Err(Error::NothingKnown {
            source_name: job.table.source.clone(),
            labels: job.table.labels.clone(),
        });
    }
    let split = match job.parts {
        SplitParts::Shares { .. } => split_shares(&rows, &job.parts.shares(), job.seed),
        SplitParts::Folds(folds) => k_folds(&rows, folds, job.seed),
    };
    let part_of = split.map_err(|reason| Error::Split {
        source_name: job.table.source.clone(),
        reason,
    })?;
    let report = SplitReport::of(job, &part_of);
    write(job, &part_of, &report, folder)?;
    Ok(report)
}

/// That the folder to be replaced is not the one that the table stands in.
fn refuse_to_replace_the_table(job: &SplitJob<'_>) -> Result<(), Error> {
    job.source.file_in(job.out).map_or(Ok(()), |table| {
        Err(Error::TableInOut {
            table,
            out: job.out.to_owned(),
        })
    })
}

/// A table's columns, as splitting wants them.
struct Columns<'a> {
    texts: Vec<&'a str>,
    groups: Vec<Option<&'a str>>,
    cells: Vec<Cell>,
}

impl<'a> Columns<'a> {
    fn of(table: &'a Table, texts: &'a [Cow<'a, str>]) -> Self {
        let rows = &table.rows;
        Self {
            texts: as_strs(texts),
            groups: rows.iter().map(|row| row.group.as_deref()).collect(),
            cells: rows
                .iter()
                .flat_map(|row| row.cells.iter().copied())
                .collect(),
        }
    }

    fn rows(&self, n_labels: usize) -> Rows<'_> {
        Rows {
            texts: &self.texts,
            groups: &self.groups,
            cells: &self.cells,
            n_labels,
        }
    }
}
