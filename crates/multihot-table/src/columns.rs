//! Which columns are labels: every cell is judged as its row goes by, the column at the end.

use std::collections::HashMap;

use crate::cells::{Cell, text_of_json};
use crate::error::{BadCell, TableError};
use crate::names::shown;
use crate::rows::{Fields, TextRow, require_column};
use crate::source::ReadOptions;

/// Bad cells that a message shows.
const EXAMPLES: usize = 3;

/// The cells of all columns of a table.
pub(crate) struct Columns<'a> {
    options: &'a ReadOptions,
    columns: Vec<Column>,
    place: HashMap<String, usize>,
    n_rows: usize,
}

/// The cells of a column, `None` for one that is no yes/no word.
pub(crate) struct Column {
    pub(crate) name: String,
    may_be_label: bool,
    /// The row of the first of `cells`: an object may bring a key that none had before.
    first_row: usize,
    cells: Vec<Option<Cell>>,
    n_words: u64,
    n_bad: u64,
    bad: Vec<BadCell>,
}

impl<'a> Columns<'a> {
    pub(crate) fn new(options: &'a ReadOptions, names: &[String]) -> Self {
        let mut columns = Columns {
            options,
            columns: Vec::new(),
            place: HashMap::new(),
            n_rows: 0,
        };
        for name in names {
            columns.add_column(name);
        }
        columns
    }

    fn add_column(&mut self, name: &str) -> usize {
        let place = self.columns.len();
        self.columns.push(Column {
            name: name.to_owned(),
            may_be_label: self.may_be_label(name),
            first_row: self.n_rows,
            cells: Vec::new(),
            n_words: 0,
            n_bad: 0,
            bad: Vec::new(),
        });
        self.place.insert(name.to_owned(), place);
        place
    }

    fn may_be_label(&self, name: &str) -> bool {
        let options = self.options;
        if name == options.text_column() || name == options.id_column() {
            return false;
        }
        let roles = [&options.pair, &options.group];
        if roles.into_iter().flatten().any(|column| column == name) {
            return false;
        }
        match &options.labels {
            Some(labels) => labels.iter().any(|label| label == name),
            // Spreadsheets leave columns without a name behind.
            None => !name.is_empty() && !options.ignore.iter().any(|ignored| ignored == name),
        }
    }

    /// Judges the cells of a row.
    pub(crate) fn add(&mut self, row: &TextRow) {
        match &row.record.0 {
            Fields::Csv(record) => {
                for (column, cell) in self.columns.iter_mut().zip(record) {
                    column.add(self.n_rows, row.line, Cell::from_text(cell), || {
                        cell.to_owned()
                    });
                }
            }
            Fields::Object { object, .. } => {
                for (key, value) in object.entries() {
                    let place = self.place.get(key).copied();
                    let place = place.unwrap_or_else(|| self.add_column(key));
                    let cell = Cell::from_json(value);
                    self.columns[place].add(self.n_rows, row.line, cell, || text_of_json(value));
                }
            }
            Fields::Text { .. } => {}
        }
        self.n_rows += 1;
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.columns
            .iter()
            .map(|column| column.name.clone())
            .collect()
    }

    /// The labels: those that were asked for, or those that the cells show.
    pub(crate) fn labels(&self, source_name: &str) -> Result<Vec<&Column>, TableError> {
        let names = self.names();
        for ignored in &self.options.ignore {
            require_column(source_name, ignored, &names)?;
        }
        let labels = match &self.options.labels {
            Some(labels) => self.given_labels(source_name, labels)?,
            None => self.found_labels(source_name)?,
        };
        if labels.is_empty() {
            Err(self.no_labels(source_name))
        } else {
            Ok(labels)
        }
    }

    fn given_labels(
        &self,
        source_name: &str,
        labels: &[String],
    ) -> Result<Vec<&Column>, TableError> {
        let missing: Vec<String> = labels
            .iter()
            .filter(|label| !self.place.contains_key(*label))
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Err(TableError::NoSuchColumn {
                source_name: source_name.to_owned(),
                missing,
                columns: self.names(),
            });
        }
        let labels: Vec<&Column> = labels
            .iter()
            .map(|label| &self.columns[self.place[label]])
            .collect();
        let first_bad = labels
            .iter()
            .filter_map(|column| Some((column, column.bad.first()?)));
        match first_bad.min_by_key(|(_, cell)| cell.line) {
            None => Ok(labels),
            Some((column, cell)) => Err(TableError::BadLabel {
                source_name: source_name.to_owned(),
                line: cell.line,
                column: column.name.clone(),
                found: cell.found.clone(),
            }),
        }
    }

    fn found_labels(&self, source_name: &str) -> Result<Vec<&Column>, TableError> {
        let candidates = self.columns.iter().filter(|column| column.may_be_label);
        let labels: Vec<&Column> = candidates.filter(|column| column.n_words > 0).collect();
        match labels.iter().find(|column| column.is_nearly_a_label()) {
            Some(column) => Err(TableError::NearlyALabel {
                source_name: source_name.to_owned(),
                column: column.name.clone(),
                words: column.n_words,
                known: column.n_words + column.n_bad,
                bad: column.bad.clone(),
            }),
            None => Ok(labels
                .into_iter()
                .filter(|column| column.n_bad == 0)
                .collect()),
        }
    }

    fn no_labels(&self, source_name: &str) -> TableError {
        let candidates = self.columns.iter().filter(|column| column.may_be_label);
        TableError::NoLabels {
            source_name: source_name.to_owned(),
            columns: candidates
                .map(|column| (column.name.clone(), column.bad.first().cloned()))
                .collect(),
        }
    }
}

impl Column {
    fn add(&mut self, row: usize, line: u64, cell: Option<Cell>, found: impl FnOnce() -> String) {
        if !self.may_be_label {
            return;
        }
        match cell {
            Some(Cell::Unknown) => {}
            Some(_) => self.n_words += 1,
            None => {
                self.n_bad += 1;
                if self.bad.len() < EXAMPLES {
                    self.bad.push(BadCell {
                        line,
                        found: shown(&found()),
                    });
                }
            }
        }
        // Objects without the key left it unknown.
        self.cells.resize(row - self.first_row, Some(Cell::Unknown));
        self.cells.push(cell);
    }

    /// The cell in `row`; unknown where an object did not have the key.
    pub(crate) fn cell(&self, row: usize) -> Cell {
        let cell = row
            .checked_sub(self.first_row)
            .and_then(|i| self.cells.get(i));
        cell.copied().flatten().unwrap_or(Cell::Unknown)
    }

    /// At least 90 % of the known cells are yes/no words, but not all: more likely a label with
    /// slips than something else, and too likely to be left out silently.
    fn is_nearly_a_label(&self) -> bool {
        self.n_bad > 0 && 9 * self.n_bad <= self.n_words
    }
}
