//! Rows one at a time: a record's text and id, and the record itself for the writer.

use std::collections::HashSet;
use std::sync::Arc;

use csv::StringRecord;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cells::text_of_json;
use crate::columns::head;
use crate::error::TableError;
use crate::format::Format;
use crate::jsonl::{Object, problem};
use crate::labels::exports::Export;
use crate::labels::fasttext;
use crate::notes::Notes;
use crate::records::{Item, Records};
use crate::source::{ReadOptions, Source};

/// Opens a table for reading row by row; the text column is required, labels are not.
///
/// The first row is read here, so that a table without rows is an error now. The columns of
/// JSON are those of all rows where the source is a file, which is read once for them;
/// where it is a stream they are those of its first row.
pub fn open(source: &Source, options: &ReadOptions) -> Result<TextRows, TableError> {
    let mut rows = stream(source, options)?;
    let is_known_beforehand = rows.records.columns().is_some();
    let is_json = matches!(rows.records.format(), Some(Format::Jsonl | Format::Json));
    if is_json && source.can_be_read_again() {
        rows.columns = keys_of_all_rows(source, options)?;
    }
    // A stream of objects may name the id only in a later row.
    if let Some(id) = &options.id
        && (is_known_beforehand || source.can_be_read_again())
    {
        require_column(&rows.source_name, id, &rows.columns)?;
    }
    Ok(rows)
}

/// [`open`] for a reader that meets every row itself before it needs the columns.
pub(crate) fn stream(source: &Source, options: &ReadOptions) -> Result<TextRows, TableError> {
    refuse_two_roles(options)?;
    let notes = Notes::default();
    let records = Records::open(source, options, &notes)?;
    let mut rows = TextRows {
        source_name: source.to_string(),
        format: Format::Csv,
        columns: Vec::new(),
        text_columns: options.text_columns(),
        text_joiner: options.text_joiner().to_owned(),
        may_look_for_text: options.text.is_empty(),
        pair_column: options.pair.clone(),
        id_column: options.id_column().to_owned(),
        cell_of: CellOf::default(),
        records,
        notes,
        n_read: 0,
        first: None,
        ended: false,
    };
    rows.start()?;
    Ok(rows)
}

/// That the options give no column two roles.
fn refuse_two_roles(options: &ReadOptions) -> Result<(), TableError> {
    let (texts, id) = (options.text_columns(), options.id_column());
    let labels = options.labels.as_deref().unwrap_or_default();
    let clash = |column: &str, first, second| {
        Err(TableError::TwoRoles {
            column: column.to_owned(),
            first,
            second,
        })
    };
    let mut seen = HashSet::new();
    for text in &texts {
        if text == id {
            return clash(text, "the text", "the id");
        } else if Some(text) == options.weight.as_ref() {
            return clash(text, "the text", "the weight");
        } else if !seen.insert(text) {
            return clash(text, "a text", "another text");
        }
    }
    match options.pair.as_deref() {
        Some(pair) if texts.iter().any(|text| text == pair) => {
            return clash(pair, "the text", "the second text");
        }
        Some(pair) if pair == id => return clash(pair, "the second text", "the id"),
        _ => {}
    }
    let mut seen = HashSet::new();
    for label in labels {
        if texts.contains(label) {
            return clash(label, "the text", "a label");
        } else if label == id {
            return clash(label, "the id", "a label");
        } else if Some(label) == options.pair.as_ref() {
            return clash(label, "the second text", "a label");
        } else if options.ignore.contains(label) {
            return clash(label, "a label", "ignored");
        } else if Some(label) == options.group.as_ref() {
            return clash(label, "a label", "the group");
        } else if Some(label) == options.weight.as_ref() {
            return clash(label, "a label", "the weight");
        } else if !seen.insert(label) {
            return clash(label, "a label", "another label");
        }
    }
    Ok(())
}

pub(crate) fn require_column(
    source_name: &str,
    name: &str,
    columns: &[String],
) -> Result<(), TableError> {
    // A column within a column is there where its rows have it.
    if columns
        .iter()
        .any(|column| column == name || column == head(name))
    {
        return Ok(());
    }
    Err(TableError::NoSuchColumn {
        source_name: source_name.to_owned(),
        missing: vec![name.to_owned()],
        columns: columns.to_vec(),
    })
}

fn keys_of_all_rows(source: &Source, options: &ReadOptions) -> Result<Vec<String>, TableError> {
    let mut records = Records::open(source, options, &Notes::default())?;
    let mut columns = Vec::new();
    let mut seen = HashSet::new();
    while let Some((_, item)) = records.next_record()? {
        let Item::Object(object) = item else {
            continue;
        };
        for (key, _) in object.entries() {
            if !seen.contains(key) {
                seen.insert(key.to_owned());
                columns.push(key.to_owned());
            }
        }
    }
    Ok(columns)
}

/// Where exports of annotation tools have the text.
const EXPORTED_TEXTS: [&str; 3] = ["data.text", "fields.text", "source"];

/// A row: its text, and what is needed to write its columns unchanged.
#[derive(Clone, Debug)]
pub struct TextRow {
    /// The line of the source that the row starts on, from 1; in a workbook its row there, in
    /// Parquet and in columns of JSON its number.
    pub line: u64,
    /// The file that the row comes from, where the source is several.
    pub file: Option<Arc<str>>,
    /// A string from CSV, any value as it stood from JSON, the row's number from 1 where there
    /// is none.
    pub id: Value,
    /// The text; empty where the cell is blank or null.
    pub text: String,
    /// The second text, where a column of them was asked for.
    pub pair: Option<String>,
    /// The row as it was read.
    pub record: Record,
}

#[cfg(test)]
impl TextRow {
    /// A row without a cell, for writers.
    pub(crate) fn blank() -> Self {
        TextRow {
            line: 1,
            file: None,
            id: Value::Null,
            text: String::new(),
            pair: None,
            record: Record(Fields::Csv(StringRecord::new())),
        }
    }
}

/// A row as it was read, for [`PredictionWriter`](crate::PredictionWriter).
#[derive(Clone, Debug)]
pub struct Record(pub(crate) Fields);

#[derive(Clone, Debug)]
pub(crate) enum Fields {
    Csv(StringRecord),
    Object {
        object: Object,
        id_column: Arc<str>,
    },
    /// A line that is a text; the text is in the row.
    Text {
        column: Arc<str>,
        /// Those of fastText, where the line has some.
        labels: Option<Vec<String>>,
    },
}

impl Record {
    /// The text of the cell in `column`, which stands at `place` in a CSV. A text alone has none.
    pub(crate) fn cell(&self, column: &str, place: Option<usize>) -> Option<String> {
        match &self.0 {
            Fields::Csv(record) => record.get(place?).map(str::to_owned),
            Fields::Object { object, .. } => object.at(column).map(|value| text_of_json(&value)),
            Fields::Text { .. } => None,
        }
    }

    /// The id as it was written, where parsing it may have rounded it.
    pub(crate) fn raw_id(&self) -> Option<&RawValue> {
        match &self.0 {
            Fields::Object { object, id_column } => object.get(id_column),
            _ => None,
        }
    }
}

/// The rows of a table, from [`open`]. After an error there are no more.
pub struct TextRows {
    source_name: String,
    format: Format,
    columns: Vec<String>,
    text_columns: Vec<String>,
    text_joiner: String,
    /// Nobody said where the text is.
    may_look_for_text: bool,
    pair_column: Option<String>,
    id_column: String,
    cell_of: CellOf,
    records: Records,
    notes: Notes,
    n_read: u64,
    first: Option<TextRow>,
    ended: bool,
}

/// Where a CSV has its text, its second text and its id.
#[derive(Default)]
struct CellOf {
    texts: Vec<usize>,
    pair: Option<usize>,
    id: Option<usize>,
}

impl TextRows {
    /// What messages call the source.
    pub fn source(&self) -> &str {
        &self.source_name
    }

    /// What was found out about how the table is written, and should be said; the encoding may
    /// show only in a later row, of which a copy of the notes will tell.
    pub fn notes(&self) -> Notes {
        self.notes.clone()
    }

    /// How the table is written, of several files the first. Where objects and texts may be
    /// mixed, the first row says.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The columns in order, as predictions in CSV repeat them.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The columns the texts come from, in the order they are joined.
    pub fn text_columns(&self) -> &[String] {
        &self.text_columns
    }

    /// The column the second texts come from, where there is one.
    pub fn pair_column(&self) -> Option<&str> {
        self.pair_column.as_deref()
    }

    /// The column the ids come from, where there is one.
    pub fn id_column(&self) -> Option<&str> {
        let id = self.id_column.as_str();
        let mut columns = self.columns.iter();
        columns
            .any(|column| column == id || column == head(id))
            .then_some(id)
    }

    /// Finds the columns and reads the first row.
    fn start(&mut self) -> Result<(), TableError> {
        let columns = self.records.columns().map(<[String]>::to_vec);
        if let Some(columns) = &columns {
            self.columns.clone_from(columns);
            if self.records.has_cells() {
                self.cell_of = self.cells_of_header()?;
            }
        }
        self.first = self.read_row()?;
        let source_name = self.source_name.clone();
        let Some(first) = &self.first else {
            return Err(match columns {
                Some(_) => TableError::NoRows { source_name },
                None => TableError::Empty { source_name },
            });
        };
        let of_first = match &first.record.0 {
            Fields::Csv(_) => Format::Csv,
            Fields::Object { .. } => Format::Jsonl,
            Fields::Text { .. } => Format::Lines,
        };
        self.format = self.records.format().unwrap_or(of_first);
        if columns.is_none() {
            self.columns = match &first.record.0 {
                Fields::Object { object, .. } => object.keys(),
                Fields::Text { column, .. } => vec![column.to_string()],
                Fields::Csv(_) => unreachable!("cells have a header above them"),
            };
        }
        Ok(())
    }

    fn cells_of_header(&self) -> Result<CellOf, TableError> {
        let place = |name: &str| self.columns.iter().position(|column| column == name);
        let text_at =
            |name: &str| place(name).ok_or_else(|| self.no_text(1, name, self.columns.clone()));
        let texts: Result<_, _> = self.text_columns.iter().map(|name| text_at(name)).collect();
        Ok(CellOf {
            texts: texts?,
            pair: self.pair_column.as_deref().map(text_at).transpose()?,
            id: place(&self.id_column),
        })
    }

    fn no_text(&self, line: u64, text: &str, columns: Vec<String>) -> TableError {
        TableError::NoText {
            source_name: self.records.file_name().to_owned(),
            line,
            text: text.to_owned(),
            columns,
            is_pair: self.pair_column.as_deref() == Some(text),
            has_cells: self.records.has_cells(),
        }
    }

    /// The texts of a row as one; blank ones are left out.
    fn joined(&self, mut texts: Vec<String>) -> String {
        if texts.len() == 1 {
            return texts.swap_remove(0);
        }
        texts.retain(|text| !text.trim().is_empty());
        texts.join(&self.text_joiner)
    }

    fn read_row(&mut self) -> Result<Option<TextRow>, TableError> {
        self.n_read += 1;
        let Some((line, item)) = self.records.next_record()? else {
            return Ok(None);
        };
        match item {
            Item::Cells(record) => Ok(self.row_of_csv(line, record)),
            Item::Object(object) => self.row_of_object(line, object),
            Item::Text(text) => self.row_of_text(line, text),
        }
        .map(Some)
    }

    fn row_of_csv(&self, line: u64, record: StringRecord) -> TextRow {
        let id = self
            .cell_of
            .id
            .map_or(self.n_read.into(), |id| record[id].into());
        let texts = self.cell_of.texts.iter();
        let text = self.joined(texts.map(|&place| record[place].to_owned()).collect());
        let pair = self.cell_of.pair.map(|pair| record[pair].to_owned());
        TextRow {
            line,
            file: self.records.one_of_many(),
            id,
            text,
            pair,
            record: Record(Fields::Csv(record)),
        }
    }

    fn row_of_object(&mut self, line: u64, object: Object) -> Result<TextRow, TableError> {
        self.look_for_text(&object);
        let text = self.text_of_object(line, &object)?;
        let pair = match &self.pair_column {
            None => None,
            Some(name) => match self.found_text(line, &object, name)? {
                None => return Err(self.no_text(line, name, object.keys())),
                found => found,
            },
        };
        let id = match object.at(&self.id_column) {
            Some(id) => self.parse(line, &id)?,
            None => self.n_read.into(),
        };
        let id_column = self.id_column.as_str().into();
        Ok(TextRow {
            line,
            file: self.records.one_of_many(),
            id,
            text,
            pair,
            record: Record(Fields::Object { object, id_column }),
        })
    }

    /// Takes the text from where exports of annotation tools have it, if the first object has no
    /// `text` but such a one.
    fn look_for_text(&mut self, object: &Object) {
        if !std::mem::take(&mut self.may_look_for_text) || object.get("text").is_some() {
            return;
        }
        let is_text = |path: &&&str| {
            object
                .at(path)
                .is_some_and(|value| value.get().starts_with('"'))
        };
        let is_export = Export::detect(object).is_some();
        if let Some(path) = EXPORTED_TEXTS.iter().find(is_text).filter(|_| is_export) {
            self.text_columns = vec![(*path).to_owned()];
        }
    }

    fn text_of_object(&self, line: u64, object: &Object) -> Result<String, TableError> {
        let mut texts = Vec::new();
        for name in &self.text_columns {
            texts.extend(self.found_text(line, object, name)?);
        }
        if texts.is_empty() {
            return Err(self.no_text(line, &self.text_columns[0], object.keys()));
        }
        // One that an object lacks is as good as blank.
        Ok(self.joined(texts))
    }

    /// The text at `name`, where the object has that key.
    fn found_text(
        &self,
        line: u64,
        object: &Object,
        name: &str,
    ) -> Result<Option<String>, TableError> {
        let Some(raw) = object.at(name) else {
            return Ok(None);
        };
        match self.parse(line, &raw)? {
            Value::String(text) => Ok(Some(text)),
            Value::Null => Ok(Some(String::new())),
            other => Err(TableError::TextNotAString {
                source_name: self.records.file_name().to_owned(),
                line,
                text: name.to_owned(),
                found: other.to_string(),
            }),
        }
    }

    fn parse(&self, line: u64, raw: &RawValue) -> Result<Value, TableError> {
        serde_json::from_str(raw.get()).map_err(|error| TableError::NotAnObject {
            source_name: self.records.file_name().to_owned(),
            line,
            problem: problem(&error),
            may_be_text: false,
        })
    }

    /// A line that is a text has no second one.
    fn row_of_text(&self, line: u64, text: String) -> Result<TextRow, TableError> {
        if let Some(pair) = &self.pair_column {
            return Err(self.no_text(line, pair, self.text_columns.clone()));
        }
        let (labels, text) = match fasttext::split(&text) {
            Some((labels, text)) => (Some(labels), text.to_owned()),
            None => (None, text),
        };
        let record = Record(Fields::Text {
            column: self.text_columns[0].as_str().into(),
            labels,
        });
        Ok(TextRow {
            line,
            file: self.records.one_of_many(),
            id: self.n_read.into(),
            text,
            pair: None,
            record,
        })
    }
}

impl Iterator for TextRows {
    type Item = Result<TextRow, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        if self.ended {
            return None;
        }
        let row = self.read_row().transpose();
        self.ended = !matches!(row, Some(Ok(_)));
        row
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    fn rows(name: &str, table: &[u8], options: &ReadOptions) -> Result<Vec<TextRow>, TableError> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, table).unwrap();
        open(&Source::File(path), options)?.collect()
    }

    /// What standard input gives.
    fn mixed(table: &str) -> Result<TextRows, TableError> {
        let held = Source::Held(Box::new(Source::Stdin), table.as_bytes().into());
        stream(&held, &ReadOptions::default())
    }

    #[test]
    fn rows_have_their_text_their_id_and_their_line() {
        let id = ReadOptions {
            id: Some("n".into()),
            ..ReadOptions::default()
        };
        let text = ReadOptions {
            text: vec!["body".into()],
            ..ReadOptions::default()
        };
        let lines = ReadOptions {
            format: Some(Format::Lines),
            ..ReadOptions::default()
        };
        let plain = ReadOptions::default();
        let cases = [
            (
                "csv",
                "a.csv",
                "id,text\n07,x\n",
                &plain,
                json!([[2, "07", "x"]]),
            ),
            (
                "no id",
                "a.csv",
                "text,n\nx,1\n,2\n",
                &plain,
                json!([[2, 1, "x"], [3, 2, ""]]),
            ),
            (
                "another id",
                "a.csv",
                "n,text\n5,x\n",
                &id,
                json!([[2, "5", "x"]]),
            ),
            (
                "another text",
                "a.csv",
                "body\nx\n",
                &text,
                json!([[2, 1, "x"]]),
            ),
            (
                "byte order mark",
                "a.csv",
                "\u{feff}\"text\"\r\nx\r\n",
                &plain,
                json!([[2, 1, "x"]]),
            ),
            (
                "white space stays",
                "a.csv",
                "text,a\n\u{a0}x ,\n",
                &plain,
                json!([[2, 1, "\u{a0}x "]]),
            ),
            (
                "a quoted empty text",
                "a.csv",
                "text\n\"\"\n",
                &plain,
                json!([[2, 1, ""]]),
            ),
            (
                "jsonl",
                "a.jsonl",
                "\u{feff}{\"text\":\"x\",\"id\":[1]}\r\n\n{\"text\":null}\n{\"text\":\" \",\"id\":null}",
                &plain,
                json!([[1, [1], "x"], [3, 2, ""], [4, null, " "]]),
            ),
            (
                "lines",
                "a.txt",
                "{x\n\ny\n",
                &lines,
                json!([[1, 1, "{x"], [2, 2, ""], [3, 3, "y"]]),
            ),
        ];
        for (name, file, table, options, expected) in cases {
            let rows = rows(file, table.as_bytes(), options).unwrap();
            let found: Value = rows
                .iter()
                .map(|row| json!([row.line, row.id, row.text]))
                .collect();
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn objects_and_texts_mix_on_standard_input() {
        let rows = mixed("a text\n{\"text\":\"b\",\"id\":\"x\"}\n {no object\n\n").unwrap();
        assert_eq!(
            (rows.format(), rows.columns()),
            (Format::Lines, &["text".to_owned()][..])
        );
        let found: Vec<_> = rows
            .map(Result::unwrap)
            .map(|row| (row.id, row.text))
            .collect();
        let expected = [
            (json!(1), "a text"),
            (json!("x"), "b"),
            (json!(3), " {no object"),
            (json!(4), ""),
        ];
        assert_eq!(found, expected.map(|(id, text)| (id, text.to_owned())));

        let rows = mixed("{\"id\":1,\"text\":\"b\"}\nc\n").unwrap();
        assert_eq!(rows.format(), Format::Jsonl);
        assert_eq!((rows.columns().len(), rows.id_column()), (2, Some("id")));
        assert_eq!(rows.count(), 2);

        let error = mixed("{broken\n").err().unwrap();
        assert_eq!(
            error.to_string(),
            "standard input:1: not a JSON object: key must be a string at column 2"
        );
        assert!(error.hint().unwrap().contains("--input-format lines"));
        assert!(matches!(mixed(""), Err(TableError::Empty { .. })));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let id = ReadOptions {
            id: Some("key".into()),
            ..ReadOptions::default()
        };
        let commas = ReadOptions {
            delimiter: ",".parse().ok(),
            ..ReadOptions::default()
        };
        let utf8 = ReadOptions {
            encoding: "utf-8".parse().ok(),
            ..ReadOptions::default()
        };
        let plain = ReadOptions::default();
        let pair = ReadOptions {
            pair: Some("answer".into()),
            ..ReadOptions::default()
        };
        let cases: [(&str, &[u8], &ReadOptions, &str, &str); 16] = [
            ("e.csv", b"", &plain, "e.csv is empty", ""),
            ("e.csv", b"\xEF\xBB\xBF", &plain, "e.csv is empty", ""),
            ("e.jsonl", b"\n \n", &plain, "e.jsonl is empty", ""),
            (
                "h.csv",
                b"text,a\n\n",
                &plain,
                "h.csv has a header but no rows",
                "",
            ),
            (
                "n.csv",
                b"Text,a\nx,1\n",
                &plain,
                "n.csv:1: no column `text`; there are `Text`, `a`",
                "name the column that holds the texts: `--text Text`",
            ),
            (
                "s.csv",
                b"text;a\nx;1\n",
                &commas,
                "s.csv:1: no column `text`; there are `text;a`",
                "the header looks separated by something else: `--delimiter ';'`",
            ),
            (
                "i.csv",
                b"text,a\nx,1\n",
                &id,
                "i.csv: no column `key`; there are `text`, `a`",
                "",
            ),
            (
                "i.jsonl",
                b"{\"text\":\"x\"}\n",
                &id,
                "i.jsonl: no column `key`; there are `text`",
                "",
            ),
            (
                "t.jsonl",
                b"{\"text\":\"x\"}\n{\"a\":1}\n",
                &plain,
                "t.jsonl:2: no column `text`; there are `a`",
                "name the column that holds the texts: `--text COLUMN`",
            ),
            (
                "c.csv",
                b"text,the answers\nx,y\n",
                &pair,
                "c.csv:1: no column `answer`; there are `text`, `the answers`",
                "name the column that holds the second texts: `--text-pair COLUMN`",
            ),
            (
                "c.jsonl",
                b"{\"text\":\"x\",\"answers\":\"y\"}\n",
                &pair,
                "c.jsonl:1: no column `answer`; there are `text`, `answers`",
                "name the column that holds the second texts: `--text-pair answers`",
            ),
            (
                "k.jsonl",
                b"{\"a;b\":\"x\"}\n",
                &plain,
                "k.jsonl:1: no column `text`; there are `a;b`",
                "name the column that holds the texts: `--text COLUMN`",
            ),
            (
                "q.json",
                b"[{\"is this a question or not?\":\"x\"}]",
                &plain,
                "q.json:1: no column `text`; there are `is this a question or not?`",
                "name the column that holds the texts: `--text COLUMN`",
            ),
            (
                "v.jsonl",
                b"{\"text\":[1]}\n",
                &plain,
                "v.jsonl:1: the text in `text` is not a string but `[1]`",
                "",
            ),
            (
                "u.csv",
                b"text,a\nx,1\ny\n",
                &plain,
                "u.csv:3: the header has 2 columns, this record has 1",
                "a cell with a `,`, a quote or a line end stands in quotes, and a quote inside it is doubled",
            ),
            (
                "l.csv",
                b"text,a\n\xE9,1\n",
                &utf8,
                "l.csv:2: the text is not valid UTF-8",
                "save the table as UTF-8, or say how it is encoded, such as `--encoding windows-1252`",
            ),
        ];
        for (file, table, options, message, hint) in cases {
            let error = rows(file, table, options).unwrap_err();
            let folder_ends = error.to_string().rfind('/').unwrap() + 1;
            assert_eq!(&error.to_string()[folder_ends..], message);
            assert_eq!(error.hint().unwrap_or_default(), hint, "{message}");
        }
    }

    #[test]
    fn a_file_that_is_no_table_is_refused() {
        let error = rows("notes.txt", b"x", &ReadOptions::default()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("none of .csv, .tsv, .tab, .jsonl"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("--input-format csv"));
        for missing in ["no such file.csv", "no such file.txt"] {
            let error = open(&missing.into(), &ReadOptions::default())
                .err()
                .unwrap();
            assert!(
                error.to_string().starts_with("cannot open `no such file"),
                "{error}"
            );
        }
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::create_dir(&path).unwrap();
        assert!(open(&Source::File(path), &ReadOptions::default()).is_err());
    }

    #[test]
    fn a_column_has_one_role() {
        let cases = [
            (
                "a",
                "a",
                vec![],
                vec![],
                "column `a` cannot be the text and the id",
            ),
            (
                "t",
                "i",
                vec!["t"],
                vec![],
                "column `t` cannot be the text and a label",
            ),
            (
                "t",
                "i",
                vec!["i"],
                vec![],
                "column `i` cannot be the id and a label",
            ),
            (
                "t",
                "i",
                vec!["a"],
                vec!["a"],
                "column `a` cannot be a label and ignored",
            ),
            (
                "t",
                "i",
                vec!["g"],
                vec![],
                "column `g` cannot be a label and the group",
            ),
            (
                "t",
                "i",
                vec!["a", "a"],
                vec![],
                "column `a` cannot be a label and another label",
            ),
            (
                "t",
                "i",
                vec!["p"],
                vec![],
                "column `p` cannot be the second text and a label",
            ),
        ];
        for (text, id, labels, ignore, expected) in cases {
            let options = ReadOptions {
                text: vec![text.into()],
                pair: Some("p".into()),
                id: Some(id.into()),
                labels: Some(labels.into_iter().map(str::to_owned).collect()),
                ignore: ignore.into_iter().map(str::to_owned).collect(),
                group: Some("g".into()),
                ..ReadOptions::default()
            };
            assert_eq!(
                refuse_two_roles(&options).unwrap_err().to_string(),
                expected
            );
        }
    }

    #[test]
    fn rows_end_with_the_first_error_and_may_change_threads() {
        fn may_change_threads<T: Send>(value: T) -> T {
            value
        }
        let rows = may_change_threads(mixed("a\n{\nb\n").unwrap());
        let found: Vec<bool> = rows.map(|row| row.is_ok()).collect();
        assert_eq!(found, [true, false]);
    }
}
