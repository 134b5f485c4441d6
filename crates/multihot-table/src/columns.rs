//! What the columns of a table hold: every cell is judged as its row goes by. What that makes of
//! them is in `labels/shape.rs`.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::cells::{Cell, Target, Words, text_of_json, trim};
use crate::contents::Contents;
use crate::error::{BadCell, TableError};
use crate::jsonl::Object;
use crate::labels::LabelFormat;
use crate::labels::exports::Export;
use crate::labels::listed::{Listed, Names, starts_a_list};
use crate::names::shown;
use crate::rows::{Fields, TextRow};
use crate::source::ReadOptions;

/// Bad cells that a message shows.
const EXAMPLES: usize = 3;
/// More different contents than this are texts, unless a person says that they are labels.
const MOST_CONTENTS: usize = 100_000;
/// More bytes of them are texts too, or numbers such as those of an embedding.
const MOST_BYTES: usize = 32 << 20;

/// What a column of names and lists is called, in any case; the first three are called so for
/// nothing else.
const LABEL_COLUMNS: [&str; 32] = [
    "labels",
    "label",
    "cats",
    "tags",
    "tag",
    "categories",
    "category",
    "classes",
    "class",
    "topics",
    "topic",
    "genres",
    "genre",
    "emotions",
    "emotion",
    "targets",
    "target",
    "étiquettes",
    "étiquette",
    "etiquettes",
    "etiquette",
    "catégories",
    "catégorie",
    "émotions",
    "émotion",
    "rubriques",
    "rubrique",
    "thèmes",
    "thème",
    "themes",
    "theme",
    "choices",
];
const SURE_COLUMNS: usize = 3;

/// The cells of all columns of a table.
pub(crate) struct Columns<'a> {
    pub(crate) source_name: &'a str,
    pub(crate) options: &'a ReadOptions,
    words: Words,
    /// Those that a cell of its own label may say.
    cell_words: Words,
    columns: Vec<Column>,
    place: HashMap<String, usize>,
    /// Columns within other columns, such as `meta.tags`.
    nested: Vec<usize>,
    /// Labels that stand in no column of their own.
    pub(crate) records: Option<Records>,
    n_rows: usize,
}

/// Labels that are read from whole records.
pub(crate) struct Records {
    pub(crate) export: Export,
    /// What each row says, written out to be told apart.
    pub(crate) contents: Contents,
    /// What the different contents say.
    pub(crate) listed: Vec<Listed>,
}

/// The cells of a column.
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) may_be_label: bool,
    /// The row of the first of `cells`: an object may bring a key that none had before.
    first_row: usize,
    /// `None` for one that is neither a yes/no word nor a number from 0 to 1.
    cells: Vec<Option<Cell>>,
    /// Cells with a number between 0 and 1, by their rows; none once there is a bad one.
    shares: Vec<(u32, f32)>,
    pub(crate) n_words: u64,
    pub(crate) n_shares: u64,
    pub(crate) n_bad: u64,
    pub(crate) bad: Vec<BadCell>,
    pub(crate) first_share: Option<BadCell>,
    keep: Keep,
    pub(crate) contents: Contents,
}

/// Which cells of a column are kept as they stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Nothing,
    /// As long as they are not too many, and each is a list or says nothing.
    Lists,
    /// As long as they are not too many.
    Few,
    All,
}

impl<'a> Columns<'a> {
    pub(crate) fn new(source_name: &'a str, options: &'a ReadOptions, names: &[String]) -> Self {
        let remembered = options.label_options.remembered.as_ref();
        let own = &options.label_options.words;
        let words = match remembered {
            Some(remembered) if own.is_empty() => remembered.words.clone(),
            _ => own.clone(),
        };
        // A blank that stood for an empty list stands for no cell of a column.
        let mut cell_words = words.clone();
        if own.is_empty()
            && remembered.is_some_and(|reading| reading.format != LabelFormat::Columns)
        {
            cell_words.no.retain(|word| !trim(word).is_empty());
        }
        let mut columns = Columns {
            source_name,
            options,
            words,
            cell_words,
            columns: Vec::new(),
            place: HashMap::new(),
            nested: Vec::new(),
            records: None,
            n_rows: 0,
        };
        for name in names {
            columns.add_column(name);
        }
        columns
    }

    fn add_column(&mut self, name: &str) -> usize {
        let place = self.columns.len();
        let may_be_label = self.may_be_label(name);
        self.columns.push(Column {
            name: name.to_owned(),
            may_be_label,
            first_row: self.n_rows,
            cells: Vec::new(),
            shares: Vec::new(),
            n_words: 0,
            n_shares: 0,
            n_bad: 0,
            bad: Vec::new(),
            first_share: None,
            keep: if may_be_label {
                self.keep(name)
            } else {
                Keep::Nothing
            },
            contents: Contents::default(),
        });
        self.place.insert(name.to_owned(), place);
        place
    }

    fn may_be_label(&self, name: &str) -> bool {
        let options = self.options;
        let mut roles = options.roles();
        // A text at `data.text` stands in the column `data`.
        if roles.any(|role| role == name || head(role) == name) {
            return false;
        }
        match &options.labels {
            Some(labels) => labels.iter().any(|label| label == name),
            // Spreadsheets leave columns without a name behind.
            None => !name.is_empty() && !options.ignore.iter().any(|ignored| ignored == name),
        }
    }

    fn keep(&self, name: &str) -> Keep {
        let asked = &self.options.label_options;
        let remembered = asked
            .remembered
            .as_ref()
            .and_then(|reading| reading.column.as_deref());
        if asked.format == Some(LabelFormat::Columns) {
            Keep::Nothing
        } else if let Some(labels) = &self.options.labels {
            if labels.len() == 1 {
                Keep::All
            } else {
                Keep::Nothing
            }
        } else if remembered == Some(name) {
            Keep::All
        } else if is_label_column(name) {
            Keep::Few
        } else {
            Keep::Lists
        }
    }

    /// Judges the cells of a row.
    pub(crate) fn add(&mut self, row: &TextRow) -> Result<(), TableError> {
        match &row.record.0 {
            Fields::Csv(record) => {
                for (column, cell) in self.columns.iter_mut().zip(record) {
                    if column.may_be_label {
                        let target = self.cell_words.target(cell);
                        column.add(self.n_rows, row.line, target, || cell.into());
                    }
                }
            }
            Fields::Object { object, .. } => {
                for (key, value) in object.entries() {
                    let place = self.place.get(key).copied();
                    let place = place.unwrap_or_else(|| self.add_column(key));
                    if self.columns[place].may_be_label {
                        self.add_value(place, row.line, value);
                    }
                }
                self.add_nested(object, row.line);
                self.add_record(object, row.line)?;
            }
            Fields::Text { labels, .. } => self.add_line(labels.as_deref(), row.line),
        }
        self.n_rows += 1;
        Ok(())
    }

    fn add_value(&mut self, place: usize, line: u64, value: &serde_json::value::RawValue) {
        let target = self.cell_words.target_of_json(value);
        self.columns[place].add(self.n_rows, line, target, || text_of_json(value).into());
    }

    /// Judges what stands in columns within columns that `--labels` names.
    fn add_nested(&mut self, object: &Object, line: u64) {
        if self.n_rows == 0 {
            let labels = self.options.labels.as_deref().unwrap_or_default();
            let remembered = self.options.label_options.remembered.as_ref();
            let names = labels
                .iter()
                .chain(remembered.and_then(|reading| reading.column.as_ref()));
            for name in names.filter(|name| head(name) != name.as_str()) {
                // Where an object has a key of that name, it is an ordinary column.
                if !self.place.contains_key(name) && object.get(head(name)).is_some() {
                    let place = self.add_column(name);
                    self.nested.push(place);
                }
            }
        }
        for i in 0..self.nested.len() {
            let place = self.nested[i];
            if let Some(value) = object.at(&self.columns[place].name) {
                self.add_value(place, line, &value);
            }
        }
    }

    /// Reads the labels that the whole record has.
    fn add_record(&mut self, object: &Object, line: u64) -> Result<(), TableError> {
        if self.n_rows == 0 {
            self.records = self.export_of(object).map(Records::new);
        }
        let Some(records) = &mut self.records else {
            return Ok(());
        };
        let listed = records.export.read(object);
        let listed = listed.map_err(|problem| TableError::BadRecord {
            source_name: self.source_name.to_owned(),
            line,
            format: records.export.format,
            problem,
        })?;
        records.add(self.n_rows, line, listed);
        Ok(())
    }

    /// The export that the first record shows, or that was asked for.
    fn export_of(&self, object: &Object) -> Option<Export> {
        let asked = &self.options.label_options;
        let format = match asked.format {
            Some(format) if format.is_export() => format,
            Some(_) => return None,
            None => Export::detect(object)?,
        };
        let wanted = match self.options.labels.as_deref() {
            None => {
                let remembered = asked.remembered.as_ref();
                let remembered = remembered.filter(|reading| reading.format == format);
                remembered.and_then(|reading| reading.column.clone())
            }
            Some([question]) => Some(question.clone()),
            Some(_) => return None,
        };
        Some(Export::new(format, wanted))
    }

    /// Takes the labels of a line of fastText.
    fn add_line(&mut self, labels: Option<&[String]>, line: u64) {
        let Some(labels) = labels else { return };
        let export = || Records::new(Export::new(LabelFormat::Fasttext, None));
        let records = self.records.get_or_insert_with(export);
        let names = Names::of(labels.iter().cloned());
        records.add(self.n_rows, line, Listed::Names(names));
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let is_nested = |place: &usize| self.nested.contains(place);
        let columns = self.columns.iter().enumerate();
        let columns = columns.filter(|(place, _)| !is_nested(place));
        columns.map(|(_, column)| column.name.clone()).collect()
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub(crate) fn words(&self) -> &Words {
        &self.words
    }

    /// The columns that may be labels.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.may_be_label)
    }

    /// Where [`Columns::at`] has the column called `name`.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.place.get(name).copied()
    }

    pub(crate) fn at(&self, place: usize) -> &Column {
        &self.columns[place]
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Column> {
        self.place.get(name).map(|&place| &self.columns[place])
    }
}

impl Records {
    fn new(export: Export) -> Self {
        Self {
            export,
            contents: Contents::default(),
            listed: Vec::new(),
        }
    }

    fn add(&mut self, row: usize, line: u64, listed: Listed) {
        if listed == Listed::Unknown {
            return;
        }
        if self
            .contents
            .add(row, line, &format!("{listed:?}"))
            .is_some()
        {
            self.listed.push(listed);
        }
    }
}

impl Column {
    fn add<'t>(
        &mut self,
        row: usize,
        line: u64,
        target: Option<Target>,
        text: impl Fn() -> Cow<'t, str>,
    ) {
        let example = || BadCell {
            line,
            file: None,
            found: shown(&text()),
        };
        // Objects without the key left it unknown.
        self.cells.resize(row - self.first_row, Some(Cell::Unknown));
        self.cells.push(target.map(Target::cell));
        match target {
            Some(Target::Cell(Cell::Unknown)) => {}
            Some(Target::Cell(_)) => self.n_words += 1,
            Some(Target::Share(share)) => {
                self.n_shares += 1;
                self.first_share.get_or_insert_with(example);
                if self.n_bad == 0 {
                    self.shares.push((row as u32, share));
                }
            }
            None => {
                self.n_bad += 1;
                self.shares = Vec::new();
                if self.bad.len() < EXAMPLES {
                    self.bad.push(example());
                }
            }
        }
        if self.keep != Keep::Nothing {
            self.keep(row, line, trim(&text()));
        }
    }

    fn keep(&mut self, row: usize, line: u64, text: &str) {
        if text.is_empty() {
            return;
        }
        let says_nothing = Cell::from_text(text) == Some(Cell::Unknown);
        if self.keep == Keep::Lists && !starts_a_list(text) && !says_nothing {
            return self.keep_nothing();
        }
        self.contents.add(row, line, text);
        let (n_different, bytes) = (self.contents.different().len(), self.contents.bytes());
        if self.keep != Keep::All && (n_different > MOST_CONTENTS || bytes > MOST_BYTES) {
            self.keep_nothing();
        }
    }

    fn keep_nothing(&mut self) {
        self.keep = Keep::Nothing;
        self.contents = Contents::default();
    }

    /// Whether it has a name that columns of names and lists have.
    pub(crate) fn is_called_labels(&self) -> bool {
        is_label_column(&self.name)
    }

    /// Whether it is called as nothing but labels are.
    pub(crate) fn is_surely_called_labels(&self) -> bool {
        let name = self.name.to_lowercase();
        LABEL_COLUMNS[..SURE_COLUMNS].contains(&name.as_str())
    }

    /// The cell in `row`; unknown where an object did not have the key.
    pub(crate) fn cell(&self, row: usize) -> Cell {
        let cell = row
            .checked_sub(self.first_row)
            .and_then(|i| self.cells.get(i));
        cell.copied().flatten().unwrap_or(Cell::Unknown)
    }

    /// The number between 0 and 1 in `row`, where there is one.
    pub(crate) fn share(&self, row: usize) -> Option<f32> {
        let place = self
            .shares
            .binary_search_by_key(&row, |&(row, _)| row as usize);
        place.ok().map(|place| self.shares[place].1)
    }

    /// At least 90 % of the known cells are yes/no words, but not all: more likely a label with
    /// slips than something else, and too likely to be left out silently.
    pub(crate) fn is_nearly_a_label(&self) -> bool {
        self.n_bad > 0 && 9 * (self.n_bad + self.n_shares) <= self.n_words
    }
}

fn is_label_column(name: &str) -> bool {
    LABEL_COLUMNS.contains(&trim(name).to_lowercase().as_str())
}

/// The column that a path such as `data.text` starts in.
pub(crate) fn head(path: &str) -> &str {
    path.split_once('.').map_or(path, |(head, _)| head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_too_many_bytes_are_not_kept() {
        let options = ReadOptions::default();
        let columns = ["embedding", "tags"].map(str::to_owned);
        let mut columns = Columns::new("t.csv", &options, &columns);
        let long = "0.25, ".repeat(40_000);
        let mut most = 0;
        for row in 0..160 {
            for column in &mut columns.columns {
                let cell = format!("[{long}{row}]");
                column.add(row, row as u64 + 2, None, || cell.as_str().into());
                most = most.max(column.contents.bytes());
            }
        }
        assert!(most > MOST_BYTES / 2 && most <= MOST_BYTES, "{most}");
        assert!(
            columns
                .columns
                .iter()
                .all(|column| column.contents.bytes() == 0)
        );
    }
}
