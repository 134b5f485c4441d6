//! The records of a table, whatever it is written in, and of several files as if they were one.

use std::collections::HashMap;
use std::sync::Arc;
use std::vec;

use csv::StringRecord;

use crate::csv::{Cells, CsvRecords};
use crate::documents::Documents;
use crate::error::TableError;
use crate::format::Format;
use crate::input::{Content, Input, Layout};
use crate::json::JsonRecords;
use crate::jsonl::{LineRecords, Object};
use crate::notes::Notes;
use crate::parquet::ParquetRecords;
use crate::sheet::SheetRecords;
use crate::source::{ReadOptions, Source};

/// A record as its format has it.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// Cells in the order of the columns.
    Cells(StringRecord),
    Object(Object),
    Text(String),
}

/// The records of one file or of several, in order.
pub(crate) struct Records {
    reader: Reader,
    file: File,
    /// Those that are still to be read.
    files: vec::IntoIter<Source>,
    options: ReadOptions,
    notes: Notes,
    format: Option<Format>,
    /// What the first file has, which the others need to have too.
    first: First,
    /// Where each of the first file's columns stands in this one, where that is elsewhere.
    order: Option<Vec<Option<usize>>>,
}

/// The file that is being read.
#[derive(Clone, Debug)]
struct File {
    name: Arc<str>,
    /// Whether it has to be named for a line to be found.
    is_one_of_many: bool,
}

struct First {
    name: Arc<str>,
    kind: Kind,
    columns: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Cells,
    Objects,
    Texts,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Cells => "rows of cells",
            Kind::Objects => "objects",
            Kind::Texts => "lines of text",
        }
    }
}

impl Records {
    /// Opens all files of `source` in turn, the first one now.
    pub(crate) fn open(
        source: &Source,
        options: &ReadOptions,
        notes: &Notes,
    ) -> Result<Self, TableError> {
        let files = source.files()?;
        let is_one_of_many = files.len() > 1;
        if is_one_of_many {
            notes.add(format!("{} files read as one table", files.len()));
        }
        let mut files = files.into_iter();
        let source = files.next().ok_or_else(|| TableError::NoMatch {
            pattern: source.to_string(),
        })?;
        let (reader, format) = Reader::open(&source, options, notes)?;
        let name: Arc<str> = source.to_string().into();
        Ok(Records {
            first: First {
                name: Arc::clone(&name),
                kind: reader.kind(),
                columns: reader.columns(),
            },
            file: File {
                name,
                is_one_of_many,
            },
            reader,
            files,
            options: options.clone(),
            notes: notes.clone(),
            format,
            order: None,
        })
    }

    /// The columns, where the first file names them before its rows.
    pub(crate) fn columns(&self) -> Option<&[String]> {
        self.first.columns.as_deref()
    }

    /// Whether the rows are cells in the order of the columns.
    pub(crate) fn has_cells(&self) -> bool {
        self.first.kind == Kind::Cells
    }

    /// How the first file is written; `None` where objects and texts may be mixed.
    pub(crate) fn format(&self) -> Option<Format> {
        self.format
    }

    /// The file that is being read.
    pub(crate) fn file_name(&self) -> &str {
        &self.file.name
    }

    /// The same, where there are several.
    pub(crate) fn one_of_many(&self) -> Option<Arc<str>> {
        self.file
            .is_one_of_many
            .then(|| Arc::clone(&self.file.name))
    }

    /// The next record and its line.
    pub(crate) fn next_record(&mut self) -> Result<Option<(u64, Item)>, TableError> {
        loop {
            if let Some((line, item)) = self.reader.next_record()? {
                return Ok(Some((line, self.in_order(item))));
            }
            let Some(source) = self.files.next() else {
                return Ok(None);
            };
            self.file.name = source.to_string().into();
            self.reader = Reader::open(&source, &self.options, &self.notes)?.0;
            self.order = self.order_of_file()?;
        }
    }

    /// Where the first file's columns stand in this one, which has to have the same.
    fn order_of_file(&self) -> Result<Option<Vec<Option<usize>>>, TableError> {
        let (found, expected) = (self.reader.kind(), self.first.kind);
        if found != expected {
            return Err(TableError::OtherKind {
                source_name: self.file.name.to_string(),
                other: self.first.name.to_string(),
                found: found.name(),
                expected: expected.name(),
            });
        }
        let (Some(first), Some(columns)) = (&self.first.columns, self.reader.columns()) else {
            return Ok(None);
        };
        require_columns(&self.file.name, &columns, &self.first.name, first)?;
        require_columns(&self.first.name, first, &self.file.name, &columns)?;
        if *first == columns || found == Kind::Objects {
            return Ok(None);
        }
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        // Columns without a name may be there several times.
        for (place, name) in columns.iter().enumerate().rev() {
            places.entry(name).or_default().push(place);
        }
        let mut place = |name: &String| places.get_mut(name.as_str()).and_then(Vec::pop);
        Ok(Some(first.iter().map(&mut place).collect()))
    }

    /// `item` with its cells in the order of the first file.
    fn in_order(&self, item: Item) -> Item {
        match (&self.order, item) {
            (Some(order), Item::Cells(record)) => {
                let cell = |place: &Option<usize>| place.and_then(|place| record.get(place));
                Item::Cells(
                    order
                        .iter()
                        .map(|place| cell(place).unwrap_or(""))
                        .collect(),
                )
            }
            (_, item) => item,
        }
    }
}

/// That the file called `name` has all of the `wanted` columns, which `other` has.
fn require_columns(
    name: &str,
    columns: &[String],
    other: &str,
    wanted: &[String],
) -> Result<(), TableError> {
    let lacks = |column: &&String| !column.is_empty() && !columns.contains(column);
    let missing: Vec<String> = wanted.iter().filter(lacks).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(TableError::OtherColumns {
        source_name: name.to_owned(),
        other: other.to_owned(),
        missing,
    })
}

/// The records of a single file.
enum Reader {
    Csv(Box<CsvRecords>),
    Sheet(SheetRecords),
    Lines(LineRecords, Layout),
    Json(JsonRecords, Documents),
    Parquet(Box<ParquetRecords>),
}

impl Reader {
    fn open(
        source: &Source,
        options: &ReadOptions,
        notes: &Notes,
    ) -> Result<(Self, Option<Format>), TableError> {
        let input = Input::open(source, options, notes)?;
        let (name, layout) = (input.source_name, input.layout);
        say_useless_options(options, layout, notes);
        let reader = match (input.content, layout) {
            (Content::Whole(whole), Layout::Parquet) => {
                Reader::Parquet(Box::new(ParquetRecords::new(name, whole)?))
            }
            (Content::Whole(whole), layout) => {
                Reader::Sheet(SheetRecords::new(name, whole, layout, options, notes)?)
            }
            (Content::Text(bytes), Layout::Csv(delimiter)) => {
                let cells = Cells::new(bytes, delimiter, options.column_of_header(), notes);
                let records = CsvRecords::new(name, cells, !options.no_header)?;
                Reader::Csv(Box::new(records))
            }
            (Content::Text(bytes), Layout::Json) => {
                let text_column = options.first_text_column();
                let records = JsonRecords::new(name, bytes, text_column)?;
                Reader::Json(records, Documents::beside(source, options, notes))
            }
            (Content::Text(bytes), layout) => Reader::Lines(LineRecords::new(name, bytes), layout),
        };
        Ok((reader, layout.format()))
    }

    /// The columns, where they are named before the rows.
    fn columns(&self) -> Option<Vec<String>> {
        match self {
            Reader::Csv(records) => Some(records.header().to_vec()),
            Reader::Sheet(records) => Some(records.header().to_vec()),
            Reader::Parquet(records) => Some(records.columns()),
            Reader::Lines(..) | Reader::Json(..) => None,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Reader::Csv(_) | Reader::Sheet(_) => Kind::Cells,
            Reader::Parquet(_) | Reader::Json(..) | Reader::Lines(_, Layout::Jsonl) => {
                Kind::Objects
            }
            Reader::Lines(..) => Kind::Texts,
        }
    }

    fn next_record(&mut self) -> Result<Option<(u64, Item)>, TableError> {
        match self {
            Reader::Csv(records) => {
                let record = records.next_record()?;
                Ok(record.map(|(line, record)| (line, Item::Cells(record))))
            }
            Reader::Sheet(records) => {
                let record = records.next_record();
                Ok(record.map(|(row, record)| (row, Item::Cells(record))))
            }
            Reader::Json(records, documents) => {
                let Some(object) = records.next_object()? else {
                    return Ok(None);
                };
                let line = records.line();
                let object = match records.has_documents() {
                    true => documents.with_text(line, object)?,
                    false => object,
                };
                Ok(Some((line, Item::Object(object))))
            }
            Reader::Parquet(records) => {
                let object = records.next_object()?;
                Ok(object.map(|object| (records.row(), Item::Object(object))))
            }
            Reader::Lines(lines, Layout::Jsonl) => {
                let object = lines.next_object()?;
                Ok(object.map(|object| (lines.line(), Item::Object(object))))
            }
            Reader::Lines(lines, layout) => {
                let Some(text) = lines.next_line()? else {
                    return Ok(None);
                };
                let is_object = *layout == Layout::ObjectsAndLines && text.starts_with('{');
                let item = if is_object {
                    Item::Object(lines.object(&text, true)?)
                } else {
                    Item::Text(text)
                };
                Ok(Some((lines.line(), item)))
            }
        }
    }
}

/// An option that means nothing for a table is said: another table may be meant.
fn say_useless_options(options: &ReadOptions, layout: Layout, notes: &Notes) {
    let is_workbook = matches!(layout, Layout::Xlsx | Layout::Ods);
    let is_text = !is_workbook && layout != Layout::Parquet;
    let is_csv = matches!(layout, Layout::Csv(_));
    let useless = [
        ("--sheet", options.sheet.is_some() && !is_workbook),
        ("--delimiter", options.delimiter.is_some() && !is_csv),
        ("--no-header", options.no_header && !is_workbook && !is_csv),
        ("--encoding", options.encoding.is_some() && !is_text),
    ];
    for (option, is_useless) in useless {
        if is_useless {
            notes.add(format!(
                "`{option}` says nothing about a table of this format"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(name: &str, content: &str) -> Source {
        Source::Held(Box::new(name.into()), content.as_bytes().into())
    }

    fn all(sources: Vec<Source>) -> Result<Vec<String>, TableError> {
        let notes = Notes::default();
        let mut records = Records::open(&Source::Many(sources), &ReadOptions::default(), &notes)?;
        let mut rows = Vec::new();
        while let Some((line, item)) = records.next_record()? {
            let cells = match item {
                Item::Cells(record) => record.iter().collect::<Vec<_>>().join(","),
                Item::Object(object) => object
                    .entries()
                    .map(|(key, value)| format!("{key}={}", value.get()))
                    .collect::<Vec<_>>()
                    .join(","),
                Item::Text(text) => text,
            };
            rows.push(format!("{}:{line}:{cells}", records.file_name()));
        }
        Ok(rows)
    }

    #[test]
    fn files_with_the_same_columns_are_one_table() {
        let rows = all(vec![
            held("a.csv", "text,a,\nx,1,\n"),
            held("b.csv", "a;text\n0;y\n;z\n"),
            held("empty.tsv", "\ttext\ta\n"),
            held("c.tsv", "\ttext\t\ta\n9\tw\t9\t1\n"),
        ]);
        let expected = [
            "a.csv:2:x,1,",
            "b.csv:2:y,0,",
            "b.csv:3:z,,",
            "c.tsv:2:w,1,9",
        ];
        assert_eq!(rows.unwrap(), expected);
        let rows = all(vec![
            held("a.jsonl", "{\"text\":\"x\",\"a\":1}\n"),
            held("b.json", "[{\"b\":1,\"text\":\"y\"}]"),
        ]);
        assert_eq!(
            rows.unwrap(),
            ["a.jsonl:1:text=\"x\",a=1", "b.json:1:b=1,text=\"y\""]
        );
    }

    #[test]
    fn other_columns_are_an_error_that_names_both_files() {
        let first = || held("a.csv", "text,a\nx,1\n");
        let cases = [
            (
                held("b.csv", "text,b\ny,1\n"),
                "b.csv: no column `a`, which a.csv has",
            ),
            (
                held("b.csv", "text,a,b\ny,1,1\n"),
                "a.csv: no column `b`, which b.csv has",
            ),
            (
                held("b.jsonl", "{\"text\":\"y\"}\n"),
                "b.jsonl holds objects, a.csv rows of cells: they are no one table",
            ),
            (
                held("b.csv", "text,a\ny\n"),
                "b.csv:2: the header has 2 columns, this record has 1",
            ),
            (held("b.csv", ""), "b.csv is empty"),
            (
                Source::from("no such file.csv"),
                "cannot open `no such file.csv`",
            ),
        ];
        for (other, message) in cases {
            let error = all(vec![first(), other]).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn an_option_for_another_format_is_said() {
        let options = ReadOptions {
            sheet: Some("A".into()),
            delimiter: "tab".parse().ok(),
            encoding: "latin1".parse().ok(),
            ..ReadOptions::default()
        };
        let notes = Notes::default();
        Records::open(&held("a.csv", "text\ta\n"), &options, &notes).unwrap();
        assert_eq!(
            notes.all(),
            ["`--sheet` says nothing about a table of this format"]
        );
        let notes = Notes::default();
        Records::open(&held("a.jsonl", "{}"), &options, &notes).unwrap();
        assert_eq!(notes.all().len(), 2, "{:?}", notes.all());
    }
}
