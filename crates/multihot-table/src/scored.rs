//! Rows that were scored before: the logits that predictions wrote, beside the answers.

use std::io::Write;

use csv::StringRecord;
use serde_json::Value;

use crate::cells::Cell;
use crate::error::TableError;
use crate::format::Format;
use crate::notes::Notes;
use crate::records::{Item, Records};
use crate::source::{ReadOptions, Source};
use crate::write::{not_written, number_text};

/// Logits and cells of one shape, row by row, a column for each label.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredRows {
    /// The column `logit_<label>` of each label.
    pub logits: Vec<f32>,
    /// The column `<label>` of each label.
    pub cells: Vec<Cell>,
}

/// Reads what predictions with logits wrote for a table with answers: the columns `<label>` and
/// `logit_<label>` of each of `labels`, in a CSV or in another table of cells. Of `written` counts
/// how the file is written. The texts are not kept.
///
/// # Errors
///
/// Those of reading; when a column is missing, when a logit is no finite number (it may be blank
/// where the cell is unknown), and when a cell is no yes/no word.
pub fn read_scored(
    source: &Source,
    labels: &[String],
    written: &ReadOptions,
) -> Result<ScoredRows, TableError> {
    let options = ReadOptions {
        format: written.format.or_else(|| format_of_scores(source)),
        delimiter: written.delimiter,
        encoding: written.encoding,
        sheet: written.sheet.clone(),
        ..ReadOptions::default()
    };
    let mut records = Records::open(source, &options, &Notes::default())?;
    if !records.has_cells() {
        return Err(TableError::NotATable {
            source_name: source.to_string(),
            found: "no table of cells, as scores are read from",
            advice: "write them as `--output SCORES.csv` or .xlsx",
        });
    }
    let places = Places::new(source, labels, records.columns().unwrap_or_default())?;
    let mut rows = ScoredRows {
        logits: Vec::new(),
        cells: Vec::new(),
    };
    while let Some((line, item)) = records.next_record()? {
        let Item::Cells(record) = item else {
            unreachable!("no columns were found in what has no cells");
        };
        for label in 0..labels.len() {
            let cell = places.cell(label, &record, line)?;
            rows.logits.push(places.logit(label, &record, line, cell)?);
            rows.cells.push(cell);
        }
    }
    if rows.cells.is_empty() {
        return Err(TableError::NoRows {
            source_name: source.to_string(),
        });
    }
    Ok(rows)
}

/// A CSV, unless the name says that it is another table of cells.
fn format_of_scores(source: &Source) -> Option<Format> {
    let by_ending = match source {
        Source::File(path) => Format::of_ending(path),
        _ => None,
    };
    match by_ending {
        None => Some(Format::Csv),
        Some(_) => None,
    }
}

/// Writes what [`read_scored`] reads: an id for each row, then cells, then logits.
///
/// # Errors
///
/// When `out` takes no more.
pub fn write_scored(
    out: impl Write,
    ids: &[&Value],
    labels: &[String],
    rows: &ScoredRows,
) -> Result<(), TableError> {
    let mut out = csv::Writer::from_writer(out);
    let logits = labels.iter().map(|label| logit_column(label));
    let header = std::iter::once("id".to_owned()).chain(labels.iter().cloned());
    out.write_record(header.chain(logits))
        .map_err(not_written)?;
    let n_labels = labels.len();
    let values = rows
        .cells
        .chunks(n_labels)
        .zip(rows.logits.chunks(n_labels));
    for (id, (cells, logits)) in ids.iter().zip(values) {
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        let cells = cells.iter().map(|cell| match cell {
            Cell::Yes => "1".to_owned(),
            Cell::No => "0".to_owned(),
            Cell::Unknown => String::new(),
        });
        let logits = logits.iter().map(|&logit| number_text(logit));
        let record = std::iter::once(id).chain(cells).chain(logits);
        out.write_record(record).map_err(not_written)?;
    }
    out.flush().map_err(TableError::Write)
}

/// Where the columns of the labels stand.
struct Places<'a> {
    source: &'a Source,
    labels: &'a [String],
    cells: Vec<usize>,
    logits: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(
        source: &'a Source,
        labels: &'a [String],
        header: &[String],
    ) -> Result<Self, TableError> {
        let place = |name: &String| header.iter().position(|column| column == name);
        let logit_columns: Vec<String> = labels.iter().map(|label| logit_column(label)).collect();
        let wanted = labels.iter().chain(&logit_columns);
        let missing: Vec<String> = wanted
            .filter(|name| place(name).is_none())
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Err(TableError::NoScores {
                source_name: source.to_string(),
                missing,
                columns: header.to_vec(),
            });
        }
        Ok(Self {
            source,
            labels,
            cells: labels.iter().filter_map(place).collect(),
            logits: logit_columns.iter().filter_map(place).collect(),
        })
    }

    fn cell(&self, label: usize, record: &StringRecord, line: u64) -> Result<Cell, TableError> {
        let found = &record[self.cells[label]];
        Cell::from_text(found).ok_or_else(|| TableError::BadLabel {
            source_name: self.source.to_string(),
            line,
            column: self.labels[label].clone(),
            found: found.to_owned(),
        })
    }

    fn logit(
        &self,
        label: usize,
        record: &StringRecord,
        line: u64,
        cell: Cell,
    ) -> Result<f32, TableError> {
        let found = record[self.logits[label]].trim();
        if cell == Cell::Unknown && found.is_empty() {
            return Ok(0.0);
        }
        let logit = found.parse().ok().filter(|logit: &f32| logit.is_finite());
        logit.ok_or_else(|| TableError::BadLogit {
            source_name: self.source.to_string(),
            line,
            column: logit_column(&self.labels[label]),
            found: found.to_owned(),
        })
    }
}

/// The column that holds the logits of `label`.
pub(crate) fn logit_column(label: &str) -> String {
    format!("logit_{label}")
}

#[cfg(test)]
mod tests {
    use Cell::{No, Unknown, Yes};
    use tempfile::TempDir;

    use super::*;

    fn scored(csv: &str) -> Result<ScoredRows, (String, Option<String>)> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s.csv");
        std::fs::write(&path, csv).unwrap();
        let prefix = format!("{}/", folder.path().display());
        let labels = ["a".to_owned(), "b".to_owned()];
        read_scored(&Source::File(path), &labels, &ReadOptions::default())
            .map_err(|error| (error.to_string().replace(&prefix, ""), error.hint()))
    }

    #[test]
    fn logits_and_cells_are_found_by_name() {
        let csv =
            "logit_b,text,a,probability_a,b,logit_a\n-1.5,x,1,0.5,0,0.25\n,\"y\nz\",no,,?,-3\n";
        let rows = scored(csv).unwrap();
        assert_eq!(rows.logits, [0.25, -1.5, -3.0, 0.0]);
        assert_eq!(rows.cells, [Yes, No, No, Unknown]);
    }

    #[test]
    fn what_is_written_is_read_back_to_the_same_bits() {
        let rows = ScoredRows {
            logits: vec![0.1, -1e-30, 3.5, f32::MIN],
            cells: vec![Yes, Unknown, No, Yes],
        };
        let ids = [&Value::from("a,\"b\""), &Value::from(7)];
        let mut out = Vec::new();
        write_scored(&mut out, &ids, &["a".to_owned(), "b".to_owned()], &rows).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.starts_with("id,a,b,logit_a,logit_b\n\"a,\"\"b\"\"\",1,,0.1,"),
            "{text}"
        );
        assert_eq!(scored(&text).unwrap(), rows);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let cases = [
            (
                "a,b,logit_a,logit_b\n1,0,0.5,NaN\n",
                "s.csv:2: column `logit_b` holds `NaN`; expected a finite number",
            ),
            (
                "a,b,logit_a,logit_b\n1,0,0.5,1\n1,0,-inf,1\n",
                "s.csv:3: column `logit_a` holds `-inf`; expected a finite number",
            ),
            (
                "a,b,logit_a,logit_b\n1,0,,1\n",
                "s.csv:2: column `logit_a` holds ``; expected a finite number",
            ),
            (
                "a,b,logit_a,logit_b\n1,maybe,1,1\n",
                "s.csv:2: column `b` holds `maybe`, which is neither yes nor no",
            ),
            (
                "a,logit_a,probability_b\n1,1,1\n",
                "s.csv: no column `b`, `logit_b`; there are `a`, `logit_a`, `probability_b`",
            ),
            ("a,b,logit_a,logit_b\n", "s.csv has a header but no rows"),
        ];
        for (csv, message) in cases {
            assert_eq!(scored(csv).unwrap_err().0, message);
        }
        let (_, hint) = scored("a,b\n1,1\n").unwrap_err();
        assert!(
            hint.unwrap()
                .contains("`multihot predict MODEL TABLE --logits")
        );
    }
}
