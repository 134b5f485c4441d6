//! A whole table with its labels, for training and evaluation.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::cells::{Cell, trim};
use crate::columns::{Column, Columns, head};
use crate::error::TableError;
use crate::format::Format;
use crate::labels::LabelReading;
use crate::labels::shape::{self, Labels};
use crate::names::{argument, counted, list, shown};
use crate::places::Places;
use crate::rows::{TextRow, TextRows, require_column, stream};
use crate::source::{ReadOptions, Source};

/// A table and what was found out about its columns.
#[derive(Clone, Debug)]
pub struct Table {
    /// What messages call the source.
    pub source: String,
    /// How it was written.
    pub format: Format,
    /// The columns the texts come from, in the order they are joined.
    pub text_columns: Vec<String>,
    /// What stands between joined texts.
    pub text_joiner: String,
    /// The column the second texts come from, where there is one.
    pub pair_column: Option<String>,
    /// The column the ids come from, where there is one.
    pub id_column: Option<String>,
    /// The column the weights come from, where one was named.
    pub weight_column: Option<String>,
    /// The labels, in the order of [`LabelledRow::cells`].
    pub labels: Vec<String>,
    /// How they were written.
    pub reading: LabelReading,
    /// The columns that are neither text nor id nor labels.
    pub carried: Vec<String>,
    /// What a person should know about how it was read, a sentence each.
    pub notes: Vec<String>,
    /// The rows, at least one, in order.
    pub rows: Vec<LabelledRow>,
    /// Rows that were left out.
    pub skipped: SkippedRows,
}

/// A text and what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledRow {
    /// The line of the source that the row starts on, from 1; in a workbook its row there, in
    /// Parquet and in columns of JSON its number.
    pub line: u64,
    /// The file that the row comes from, where the source is several.
    pub file: Option<Arc<str>>,
    /// A string from CSV, any value from JSON, the row's number from 1 where there is none.
    pub id: Value,
    /// The text; empty where the cell is blank or null.
    pub text: String,
    /// The second text, where a column of them was asked for.
    pub pair: Option<String>,
    /// One cell a label.
    pub cells: Vec<Cell>,
    /// The chances of a yes that training aims at, one a label, where one of them is neither 0
    /// nor 1; that of an unknown cell is 0 and says nothing. A cell is a yes from 0.5 up.
    pub targets: Option<Vec<f32>>,
    /// How many rows it counts as in training; 1 without a column of weights.
    pub weight: f32,
    /// What stands in the column of groups; `None` without such a column, and where it is blank.
    pub group: Option<String>,
}

/// Rows that nothing can be learned from, by the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SkippedRows {
    /// Rows of weight 0.
    pub zero_weight: usize,
    /// Other rows of which every cell is unknown.
    pub nothing_known: usize,
}

/// How many rows a table has, and what became of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// Rows in the source.
    pub read: usize,
    /// Rows that are left.
    pub used: usize,
    /// Those that are not, by the reason.
    pub skipped: SkippedRows,
    /// Rows among those that are used whose text is empty.
    pub empty_texts: usize,
}

/// A table of which no row is kept: its columns, and the answers of its labels.
#[derive(Clone, Debug)]
pub struct Scan {
    /// What messages call the source.
    pub source: String,
    /// How it was written.
    pub format: Format,
    /// The columns the texts come from, in the order they are joined.
    pub text_columns: Vec<String>,
    /// The column the second texts come from, where there is one.
    pub pair_column: Option<String>,
    /// The column the ids come from, where there is one.
    pub id_column: Option<String>,
    /// The labels; none where nothing says what they are.
    pub labels: Vec<String>,
    /// How they were written.
    pub reading: LabelReading,
    /// The columns that are neither text nor id nor labels.
    pub carried: Vec<String>,
    /// What a person should know about how it was read, a sentence each.
    pub notes: Vec<String>,
    /// Rows that went by, at least one.
    pub rows: usize,
    /// One cell a label, row by row.
    pub cells: Vec<Cell>,
    /// The chances of a yes that training aims at, by the rows in which one of them is neither 0
    /// nor 1.
    pub targets: BTreeMap<usize, Vec<f32>>,
    /// The weights of the rows; `None` without a column of them.
    pub weights: Option<Vec<f32>>,
}

/// Reads a table. Its labels are those of `options`, or what its cells show: the columns whose
/// known cells all are yes/no words and not all unknown; or else the one column, called as labels
/// are, that has lists or names in it; or what the records of an annotation tool say. A table
/// without labels is an error. All rows are kept: see [`Table::skip_useless_rows`].
///
/// # Errors
///
/// Where the table cannot be read, where it has no labels or they may stand in several places,
/// and where a cell that has to say something about labels does not.
pub fn read(source: &Source, options: &ReadOptions) -> Result<Table, TableError> {
    let mut texts = stream(source, options)?;
    let group = RoleColumn::new(options.group.as_deref(), texts.columns());
    let mut rows = Vec::new();
    let mut keep = |row: TextRow| {
        rows.push(LabelledRow {
            line: row.line,
            group: group.as_ref().and_then(|column| column.group(&row)),
            id: row.id,
            file: row.file,
            text: row.text,
            pair: row.pair,
            cells: Vec::new(),
            targets: None,
            weight: 1.0,
        });
    };
    let (mut scan, no_labels) = go_through(&mut texts, options, &mut keep)?;
    if let Some(error) = no_labels {
        return Err(error);
    }
    for (i, (row, cells)) in rows
        .iter_mut()
        .zip(scan.cells.chunks(scan.labels.len()))
        .enumerate()
    {
        row.cells = cells.to_vec();
        row.targets = scan.targets.remove(&i);
        row.weight = scan.weights.as_ref().map_or(1.0, |weights| weights[i]);
    }
    Ok(Table {
        source: scan.source,
        format: scan.format,
        text_columns: scan.text_columns,
        text_joiner: options.text_joiner().to_owned(),
        pair_column: scan.pair_column,
        id_column: scan.id_column,
        weight_column: options.weight.clone(),
        labels: scan.labels,
        reading: scan.reading,
        carried: scan.carried,
        notes: scan.notes,
        rows,
        skipped: SkippedRows::default(),
    })
}

/// Goes through a table as [`read`] does, and hands each row to `visit` instead of keeping it. A
/// table without labels is none here, unless labels were asked for.
///
/// # Errors
///
/// As [`read`], but for a table without labels.
pub fn scan(
    source: &Source,
    options: &ReadOptions,
    visit: &mut dyn FnMut(TextRow),
) -> Result<Scan, TableError> {
    let mut texts = stream(source, options)?;
    go_through(&mut texts, options, visit).map(|(scan, _)| scan)
}

/// The table that `texts` are, and why it has no labels where it has none.
fn go_through(
    texts: &mut TextRows,
    options: &ReadOptions,
    visit: &mut dyn FnMut(TextRow),
) -> Result<(Scan, Option<TableError>), TableError> {
    options.label_options.words.check()?;
    let source_name = texts.source().to_owned();
    let mut columns = Columns::new(&source_name, options, texts.columns());
    let weight = RoleColumn::new(options.weight.as_deref(), texts.columns());
    let mut weights = weight.as_ref().map(|_| Vec::new());
    let mut places = Places::default();
    for row in texts.by_ref() {
        let mut row = row?;
        let line = places.number_through(&mut row);
        let added = columns.add(&row);
        added.map_err(|error| places.found_again(error))?;
        row.line = line;
        if let (Some(column), Some(weights)) = (&weight, &mut weights) {
            let file = row.file.as_deref().unwrap_or(&source_name);
            weights.push(column.weight(file, &row)?);
        }
        visit(row);
    }
    let names = columns.names();
    let roles = [&options.id, &options.group, &options.weight];
    for column in roles.into_iter().flatten().chain(&options.ignore) {
        require_column(&source_name, column, &names)?;
    }
    let (labels, no_labels) = match shape::find(&columns) {
        Ok(labels) => (labels, None),
        Err(error @ TableError::NoLabels { .. }) => {
            let has_lists = matches!(error, TableError::NoLabels { lists: Some(_), .. });
            let notes = has_lists.then(|| error.hint()).flatten();
            (Labels::none(Vec::from_iter(notes)), Some(error))
        }
        Err(error) => return Err(places.found_again(error)),
    };
    let half_answered = half_answered(&columns, &labels);
    let (cells, targets) = answers(&labels, &columns);
    let has_id = options.id.is_some() || names.iter().any(|name| name == options.id_column());
    let mut scan = Scan {
        format: texts.format(),
        carried: names,
        text_columns: texts.text_columns().to_vec(),
        pair_column: texts.pair_column().map(str::to_owned),
        id_column: has_id.then(|| options.id_column().to_owned()),
        labels: labels.names,
        reading: labels.reading,
        notes: [texts.notes().all(), labels.notes, half_answered].concat(),
        rows: columns.n_rows(),
        cells,
        targets,
        weights,
        source: source_name,
    };
    scan.leave_out_roles(options, &labels.columns);
    Ok((scan, no_labels))
}

/// Columns that are no labels though most of their known cells are yes/no words, a note each.
fn half_answered(columns: &Columns<'_>, labels: &Labels) -> Vec<String> {
    if columns.options.labels.is_some() {
        return Vec::new();
    }
    let is_one = |column: &&Column| {
        column.n_words >= column.n_bad.max(1)
            && column.n_bad > 0
            && !labels.columns.contains(&column.name)
    };
    let note = |column: &Column| {
        let word = column.bad.first().map_or("", |cell| cell.found.as_str());
        let (shown_word, word) = (shown(word), argument(word, "WORD"));
        format!(
            "`{}` is no label: {} of {} known cells are yes/no words, others such as `{shown_word}` \
             are not (`--unknown {word}`, `--yes` or `--no` says what it means)",
            shown(&column.name),
            column.n_words,
            column.n_words + column.n_bad + column.n_shares,
        )
    };
    columns.candidates().filter(is_one).map(note).collect()
}

/// The cells of all rows, and the chances of those rows that have some, by row.
fn answers(labels: &Labels, columns: &Columns<'_>) -> (Vec<Cell>, BTreeMap<usize, Vec<f32>>) {
    let n_rows = columns.n_rows();
    let mut cells = Vec::with_capacity(n_rows * labels.names.len());
    let mut targets = BTreeMap::new();
    for row in 0..n_rows {
        let answers = labels.answers(columns, row);
        cells.extend(answers.cells);
        targets.extend(answers.targets.map(|shares| (row, shares)));
    }
    (cells, targets)
}

impl Scan {
    /// Leaves those columns in `carried` that have no part to play, labels standing in `labels`.
    fn leave_out_roles(&mut self, options: &ReadOptions, labels: &[String]) {
        let roles = [&self.pair_column, &self.id_column, &options.weight];
        let texts = &self.text_columns;
        self.carried.retain(|name| {
            !texts.iter().any(|text| text == name || head(text) == name)
                && !roles.into_iter().flatten().any(|role| role == name)
                && !labels.contains(name)
        });
    }
}

/// A column that says one thing about each row.
struct RoleColumn<'a> {
    name: &'a str,
    /// Where a CSV has it.
    place: Option<usize>,
}

impl<'a> RoleColumn<'a> {
    fn new(name: Option<&'a str>, columns: &[String]) -> Option<Self> {
        let name = name?;
        let place = columns.iter().position(|column| column == name);
        Some(Self { name, place })
    }

    /// The group of a row, where its cell is not blank.
    fn group(&self, row: &TextRow) -> Option<String> {
        let group = row.record.cell(self.name, self.place)?;
        (!group.trim().is_empty()).then_some(group)
    }

    /// The weight of a row.
    fn weight(&self, source_name: &str, row: &TextRow) -> Result<f32, TableError> {
        // Where no row has the column, that is said later.
        let Some(cell) = row.record.cell(self.name, self.place) else {
            return Ok(1.0);
        };
        let weight = trim(&cell).parse().ok();
        weight
            .filter(|weight: &f32| weight.is_finite() && *weight >= 0.0)
            .ok_or_else(|| TableError::BadWeight {
                source_name: source_name.to_owned(),
                line: row.line,
                column: self.name.to_owned(),
                found: cell,
            })
    }
}

impl Table {
    /// All cells, row by row, one a label in each.
    pub fn cells(&self) -> Vec<Cell> {
        let rows = self.rows.iter();
        rows.flat_map(|row| row.cells.iter().copied()).collect()
    }

    /// The chances of a yes that training aims at, in the order of [`Table::cells`]; `None` where
    /// all are 0 and 1.
    pub fn targets(&self) -> Option<Vec<f32>> {
        if self.rows.iter().all(|row| row.targets.is_none()) {
            return None;
        }
        let share = |cell: &Cell| if *cell == Cell::Yes { 1.0 } else { 0.0 };
        let of_row = |row: &LabelledRow| {
            let hard = || row.cells.iter().map(share).collect();
            row.targets.clone().unwrap_or_else(hard)
        };
        Some(self.rows.iter().flat_map(of_row).collect())
    }

    /// The weights of the rows; `None` without a column of them.
    pub fn weights(&self) -> Option<Vec<f32>> {
        self.weight_column.as_ref()?;
        Some(self.rows.iter().map(|row| row.weight).collect())
    }

    /// Leaves out the rows that nothing can be learned from, those of weight 0 and those of which
    /// every cell is unknown, and counts them. Where no row would be left, all stay.
    pub fn skip_useless_rows(&mut self) {
        let is_useful = |row: &LabelledRow| {
            row.weight > 0.0 && row.cells.iter().any(|cell| *cell != Cell::Unknown)
        };
        if !self.rows.iter().any(is_useful) {
            return;
        }
        let without_weight = self.rows.iter().filter(|row| row.weight == 0.0).count();
        let before = self.rows.len();
        self.rows.retain(is_useful);
        self.skipped.zero_weight += without_weight;
        self.skipped.nothing_known += before - self.rows.len() - without_weight;
    }

    /// How many rows there were, and how many are left.
    pub fn row_counts(&self) -> RowCounts {
        let SkippedRows {
            zero_weight,
            nothing_known,
        } = self.skipped;
        let used = self.rows.len();
        let is_empty = |row: &&LabelledRow| trim(&row.text).is_empty();
        RowCounts {
            read: used + zero_weight + nothing_known,
            used,
            skipped: self.skipped,
            empty_texts: self.rows.iter().filter(is_empty).count(),
        }
    }

    /// What a person wants to see before anything runs: rows, where texts, ids and labels stand,
    /// the labels with their answers, the other columns, and what is to be noted. Lines without a
    /// last line end.
    ///
    /// ```text
    /// reviews.csv: 640 rows, text in `text`, id in `id`
    ///   sports    yes 210  no 425  unknown 5
    ///   business  yes  60  no 580  unknown 0
    /// carried along: `source`, `date`
    /// ```
    pub fn detection(&self) -> String {
        let mut lines = format!("{}: {}", self.source, self.places());
        let answers = [Cell::Yes, Cell::No, Cell::Unknown];
        let counts: Vec<[String; 3]> = (0..self.labels.len())
            .map(|label| answers.map(|answer| self.count(label, answer).to_string()))
            .collect();
        let width = |i: usize| counts.iter().map(|count| count[i].len()).max().unwrap_or(0);
        let (yes, no, unknown) = (width(0), width(1), width(2));
        let name = self
            .labels
            .iter()
            .map(|label| label.chars().count())
            .max()
            .unwrap_or(0);
        for (label, count) in self.labels.iter().zip(&counts) {
            write!(
                lines,
                "\n  {label:name$}  yes {:>yes$}  no {:>no$}  unknown {:>unknown$}",
                count[0], count[1], count[2]
            )
            .expect("a string takes everything");
        }
        if !self.carried.is_empty() {
            write!(lines, "\ncarried along: {}", list(&self.carried))
                .expect("a string takes everything");
        }
        for note in &self.notes {
            write!(lines, "\nnote: {note}").expect("a string takes everything");
        }
        lines
    }

    /// How many rows there are, and what stands where.
    fn places(&self) -> String {
        let texts: Vec<String> = self
            .text_columns
            .iter()
            .map(|text| format!("`{}`", shown(text)))
            .collect();
        let id = match &self.id_column {
            Some(id) => format!("id in `{}`", shown(id)),
            None => "ids are row numbers".into(),
        };
        let mut places = vec![
            self.rows_in_words(),
            format!("text in {}", texts.join(" + ")),
        ];
        let pair = self.pair_column.as_deref();
        places.extend(pair.map(|pair| format!("second text in `{}`", shown(pair))));
        places.push(id);
        places.extend(self.reading.described());
        let weight = self.weight_column.as_deref();
        places.extend(weight.map(|weight| format!("weights in `{}`", shown(weight))));
        places.join(", ")
    }

    fn rows_in_words(&self) -> String {
        let counts = self.row_counts();
        if counts.read == counts.used {
            return counted(counts.read, "row");
        }
        let reasons = [
            (counts.skipped.zero_weight, "of weight 0"),
            (counts.skipped.nothing_known, "with every cell unknown"),
        ];
        let reasons = reasons.iter().filter(|(count, _)| *count > 0);
        let reasons: Vec<String> = reasons
            .map(|(count, reason)| format!("{count} {reason}"))
            .collect();
        format!(
            "{} read, {} used (skipped: {})",
            counted(counts.read, "row"),
            counts.used,
            reasons.join(", ")
        )
    }

    /// Each label with its cells that say yes, say no, and are unknown.
    pub fn counts(&self) -> impl Iterator<Item = (&str, usize, usize, usize)> {
        let labels = self.labels.iter().enumerate();
        labels.map(|(label, name)| {
            let count = |answer| self.count(label, answer);
            (
                name.as_str(),
                count(Cell::Yes),
                count(Cell::No),
                count(Cell::Unknown),
            )
        })
    }

    fn count(&self, label: usize, answer: Cell) -> usize {
        self.rows
            .iter()
            .filter(|row| row.cells[label] == answer)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    fn options() -> ReadOptions {
        ReadOptions::default()
    }

    fn names(names: &str) -> Vec<String> {
        names
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn with_labels(labels: &str) -> ReadOptions {
        ReadOptions {
            labels: Some(names(labels)),
            ..options()
        }
    }

    fn ignoring(columns: &str) -> ReadOptions {
        ReadOptions {
            ignore: names(columns),
            ..options()
        }
    }

    /// Reads `table` and takes the folder, which differs each time, out of what is said.
    fn table(file: &str, table: &str, options: &ReadOptions) -> Result<Table, (String, String)> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(file);
        std::fs::write(&path, table).unwrap();
        let prefix = format!("{}/", folder.path().display());
        read(&Source::File(path), options)
            .map(|table| Table {
                source: table.source.replace(&prefix, ""),
                ..table
            })
            .map_err(|e| {
                (
                    e.to_string().replace(&prefix, ""),
                    e.hint().unwrap_or_default(),
                )
            })
    }

    fn answers(table: &Table) -> Vec<String> {
        let letter = |cell: &Cell| match cell {
            Cell::Yes => 'y',
            Cell::No => 'n',
            Cell::Unknown => '?',
        };
        table
            .rows
            .iter()
            .map(|row| row.cells.iter().map(letter).collect())
            .collect()
    }

    #[test]
    fn labels_are_the_columns_of_yes_no_words() {
        let cases = [
            (
                "plain",
                "text,a,b\nx,1,0\ny,0,1\n",
                options(),
                "a,b",
                "",
                "yn ny",
            ),
            (
                "other columns",
                "id,a,text,n\n1,1,x,web\n0,0,y,2\n",
                options(),
                "a",
                "n",
                "y n",
            ),
            (
                "id and text never",
                "id,text,a\n1,1,1\n0,0,0\n",
                options(),
                "a",
                "",
                "y n",
            ),
            (
                "words",
                "text,a\nx,Oui\ny, faux \nz,T\n",
                options(),
                "a",
                "",
                "y n y",
            ),
            (
                "unknown",
                "text,a,b\nx,?,1\ny,-1,NA\nz,,0\nw,1,nan\n",
                options(),
                "a,b",
                "",
                "?y ?? ?n y?",
            ),
            (
                "all unknown is no label",
                "text,a,b\nx,,1\ny,NA,0\n",
                options(),
                "b",
                "a",
                "y n",
            ),
            (
                "always yes",
                "text,a\nx,1\ny,1\n",
                options(),
                "a",
                "",
                "y y",
            ),
            ("ignored", "text,a,b\nx,1,0\n", ignoring("a"), "b", "a", "n"),
            (
                "given, in their order",
                "text,a,b,c\nx,1,0,1\n",
                with_labels("c,a"),
                "c,a",
                "b",
                "yy",
            ),
            (
                "given, all unknown",
                "text,a\nx,\n",
                with_labels("a"),
                "a",
                "",
                "?",
            ),
            (
                "no name, no label",
                "text,,a,\nx,1,1,\n",
                options(),
                "a",
                ",",
                "y",
            ),
            (
                "a rating is no label",
                "text,a,b\nx,5,0\ny,1,0\n",
                options(),
                "b",
                "a",
                "n n",
            ),
        ];
        for (name, csv, options, labels, carried, cells) in cases {
            let table = table("t.csv", csv, &options).unwrap_or_else(|e| panic!("{name}: {e:?}"));
            assert_eq!(table.labels.join(","), labels, "{name}");
            assert_eq!(table.carried.join(","), carried, "{name}");
            assert_eq!(answers(&table).join(" "), cells, "{name}");
        }
    }

    #[test]
    fn objects_have_labels_too() {
        let jsonl = concat!(
            "{\"text\":\"x\",\"a\":true,\"tags\":[1]}\n",
            "{\"text\":\"y\",\"a\":\"no\",\"b\":1.0,\"id\":7}\n",
            "{\"text\":\"z\",\"b\":-1}\n",
            "{\"b\":0,\"text\":\"w\",\"a\":null}\n",
        );
        let table = table("t.jsonl", jsonl, &options()).unwrap();
        assert_eq!(
            (table.labels.join(","), table.carried.join(",")),
            ("a,b".into(), "tags".into())
        );
        assert_eq!(answers(&table), ["y?", "ny", "??", "?n"]);
        assert_eq!(table.id_column.as_deref(), Some("id"));
    }

    #[test]
    fn what_is_wrong_is_said_with_a_way_out() {
        let nearly: String = (0..30)
            .map(|i| format!("x,{}\n", if i % 10 == 9 { "maybe" } else { "1" }))
            .collect();
        let cases = [
            (
                "no label",
                "text,kind\nx,sports\n",
                options(),
                "t.csv: no label column; `kind` holds `sports`",
                "a label's cells hold yes/no words (1 0 true false yes no y n t f oui non o vrai faux) or nothing; name such columns with `--labels a,b`, or with `--labels kind` one that holds names or lists of them",
            ),
            (
                "only a text column",
                "text\nx\n",
                options(),
                "t.csv: no label column; there is no column besides text and id",
                "a label's cells hold yes/no words (1 0 true false yes no y n t f oui non o vrai faux) or nothing; name such columns with `--labels a,b`, or with `--labels COLUMN` one that holds names or lists of them",
            ),
            (
                "nearly a label",
                &format!("text,a\n{nearly}"),
                options(),
                "t.csv: column `a` holds yes/no words in 27 of 30 cells, but `maybe` at line 11, `maybe` at line 21, `maybe` at line 31",
                "correct these cells, or say what they mean with `--yes maybe`, `--no maybe` or `--unknown maybe`, or pass `--ignore a`, or name all the labels with `--labels`",
            ),
            (
                "a bad cell",
                "text,a\nx,1\ny,maybe\n",
                with_labels("a"),
                "t.csv:3: column `a` holds `maybe`, which is neither yes nor no",
                "to read `maybe` as yes, pass `--yes maybe`, and so with `--no` and `--unknown`; the words are 1 0 true false yes no y n t f oui non o vrai faux; blank (unless `--no ''`), NA, N/A, NaN, null, ? and -1 are unknown",
            ),
            (
                "a label that is not there",
                "text,sports,b\nx,1,0\n",
                with_labels("sport,b,c"),
                "t.csv: no column `sport`, `c`; there are `text`, `sports`, `b`",
                "did you mean `sports`?",
            ),
            (
                "an ignored column that is not there",
                "text,sports\nx,1\n",
                ignoring("sprots"),
                "t.csv: no column `sprots`; there are `text`, `sports`",
                "did you mean `sports`?",
            ),
        ];
        for (name, csv, options, message, hint) in cases {
            let error = table("t.csv", csv, &options).unwrap_err();
            assert_eq!(error, (message.to_owned(), hint.to_owned()), "{name}");
        }
    }

    #[test]
    fn a_group_column_names_groups_and_is_no_label() {
        let by = |group: &str| ReadOptions {
            group: Some(group.to_owned()),
            ..options()
        };
        let cases = [
            (
                "csv",
                "t.csv",
                "text,a,by\nx,1,0\ny,0,\nz,1, \nw,0,1\n",
                "by",
                "0 - - 1",
            ),
            (
                "jsonl",
                "t.jsonl",
                "{\"text\":\"x\",\"a\":1}\n{\"text\":\"y\",\"a\":0,\"by\":7}\n{\"text\":\"z\",\"by\":null}\n",
                "by",
                "- 7 -",
            ),
            ("the id", "t.csv", "id,text,a\n3,x,1\n3,y,1\n", "id", "3 3"),
        ];
        for (name, file, content, group, expected) in cases {
            let table = table(file, content, &by(group)).unwrap();
            assert_eq!(table.labels, ["a"], "{name}");
            let groups = table.rows.iter();
            let groups = groups.map(|row| row.group.as_deref().unwrap_or("-"));
            assert_eq!(groups.collect::<Vec<_>>().join(" "), expected, "{name}");
        }
        let (message, hint) = table("t.csv", "text,author,a\nx,y,1\n", &by("auhtor")).unwrap_err();
        assert_eq!(
            message,
            "t.csv: no column `auhtor`; there are `text`, `author`, `a`"
        );
        assert_eq!(hint, "did you mean `author`?");
    }

    #[test]
    fn a_column_of_second_texts_is_no_label() {
        let with_pair = |pair: &str| ReadOptions {
            pair: Some(pair.to_owned()),
            ..options()
        };
        let cases = [
            ("csv", "t.csv", "text,a,reply\nx,1,0\ny,0,\n"),
            (
                "jsonl",
                "t.jsonl",
                "{\"text\":\"x\",\"a\":1,\"reply\":\"0\"}\n{\"text\":\"y\",\"a\":0,\"reply\":null}\n",
            ),
        ];
        for (name, file, content) in cases {
            let table = table(file, content, &with_pair("reply")).unwrap();
            assert_eq!(
                (&table.labels[..], table.carried.len()),
                (&["a".to_owned()][..], 0)
            );
            let pairs: Vec<_> = table.rows.iter().map(|row| row.pair.as_deref()).collect();
            assert_eq!(pairs, [Some("0"), Some("")], "{name}");
            let detection = table.detection();
            assert!(
                detection.contains("text in `text`, second text in `reply`"),
                "{detection}"
            );
        }
        let wrong = [
            (
                "text",
                "column `text` cannot be the text and the second text",
            ),
            ("id", "column `id` cannot be the second text and the id"),
            (
                "rely",
                "t.csv:1: no column `rely`; there are `text`, `a`, `reply`",
            ),
        ];
        for (pair, message) in wrong {
            let found = table("t.csv", "text,a,reply\nx,1,0\n", &with_pair(pair));
            assert_eq!(found.unwrap_err().0, message);
        }
        let lone = "{\"text\":\"x\",\"a\":1}\n";
        let (message, _) = table("t.jsonl", lone, &with_pair("reply")).unwrap_err();
        assert_eq!(
            message,
            "t.jsonl:1: no column `reply`; there are `text`, `a`"
        );
    }

    #[test]
    fn nearly_is_nine_of_ten() {
        let column = |good: usize, bad: usize| {
            let rows = "x,1,1\n".repeat(good) + &"x,2,1\n".repeat(bad) + &"x,,1\n".repeat(50);
            table("t.csv", &format!("text,a,b\n{rows}"), &options()).map(|table| table.labels)
        };
        assert_eq!(column(9, 0).unwrap(), ["a", "b"]);
        assert!(column(9, 1).is_err());
        assert_eq!(column(8, 1).unwrap(), ["b"]);
        assert!(column(18, 2).is_err());
        assert_eq!(column(17, 2).unwrap(), ["b"]);
    }

    #[test]
    fn either_option_decides_about_a_column_that_is_nearly_a_label() {
        let csv = format!("text,a,b\n{}x,2,1\n", "x,1,1\n".repeat(20));
        assert_eq!(table("t.csv", &csv, &ignoring("a")).unwrap().labels, ["b"]);
        assert_eq!(
            table("t.csv", &csv, &with_labels("b")).unwrap().carried,
            ["a"]
        );
    }

    #[test]
    fn a_bad_object_cell_is_no_label() {
        let jsonl = "{\"text\":\"x\",\"a\":[\"é\"],\"b\":1}\n";
        let error = table("t.jsonl", jsonl, &with_labels("a,b")).unwrap_err();
        assert_eq!(
            error.0,
            "t.jsonl:1: column `a` holds `[\"é\"]`, which is neither yes nor no"
        );
        let jsonl = "{\"text\":\"x\",\"a\":\"maybe\"}\n";
        let error = table("t.jsonl", jsonl, &options()).unwrap_err();
        assert_eq!(error.0, "t.jsonl: no label column; `a` holds `maybe`");
    }

    #[test]
    fn detection_lines_up() {
        let rows: String = (0..12)
            .map(|i| format!("{i},x,{},{},w\n", i % 2, i / 11))
            .collect();
        let csv = format!("id,text,sports,été,source\n{rows}12,x,,1,w\n");
        let expected = "\
t.csv: 13 rows, text in `text`, id in `id`
  sports  yes 6  no  6  unknown 1
  été     yes 2  no 11  unknown 0
carried along: `source`";
        assert_eq!(
            table("t.csv", &csv, &options()).unwrap().detection(),
            expected
        );
        let csv = "text,a\nx,1\n";
        let expected =
            "t.csv: 1 row, text in `text`, ids are row numbers\n  a  yes 1  no 0  unknown 0";
        assert_eq!(
            table("t.csv", csv, &options()).unwrap().detection(),
            expected
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn objects_read_back_as_they_were_written(
            texts in prop::collection::vec(("[a\"\\\\\n\r{},é\u{a0}😀\u{2028}\0]{0,8}", any::<Option<bool>>()), 1..8),
        ) {
            let lines: String = texts
                .iter()
                .map(|(text, a)| serde_json::json!({"text": text, "a": a, "b": 1}).to_string() + "\n")
                .collect();
            let table = table("t.jsonl", &lines, &with_labels("a")).unwrap();
            let cell = |a: Option<bool>| match a {
                Some(true) => Cell::Yes,
                Some(false) => Cell::No,
                None => Cell::Unknown,
            };
            prop_assert_eq!(table.rows.len(), texts.len());
            for (row, (text, a)) in table.rows.iter().zip(&texts) {
                prop_assert_eq!(&row.text, text);
                prop_assert_eq!(&row.cells, &vec![cell(*a)]);
            }
        }
    }
}
