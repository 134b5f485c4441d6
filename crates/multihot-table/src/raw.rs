//! Records as they stand, to be copied.

use std::io::{self, BufRead, BufReader, Read};

use crate::csv::{Cells, Place};
use crate::error::TableError;
use crate::format::{Delimiter, Format};
use crate::input::{Content, Input, Layout};
use crate::json::one_line;
use crate::jsonl::Object;
use crate::notes::Notes;
use crate::records::{Item, Records};
use crate::source::{ReadOptions, Source};

const BUFFER_BYTES: usize = 1 << 16;

/// The records of a table, one for each row that [`open`](crate::open) gives of it, in UTF-8.
///
/// A record of a CSV, of JSON lines and of lines is its text as it stands, with the line end; where
/// the last one has none, it gets that of the record before it. Nothing is checked here:
/// [`read`](crate::read) the table first.
///
/// What is not a file of text, one record behind the other, is written anew, in the format that
/// [`Format::copied_as`] says: JSON and Parquet as JSON lines, a workbook as CSV, and of several
/// files all in the order of columns that the first one has.
pub struct RawRecords {
    source_name: String,
    header: Vec<u8>,
    records: Copied,
}

enum Copied {
    AsTheyStand(Box<Standing>),
    Anew(Box<Records>, Delimiter),
}

/// Records that are copied as they stand.
struct Standing {
    layout: Layout,
    delimiter: Delimiter,
    bytes: BufReader<Box<dyn Read + Send>>,
    line_end: Vec<u8>,
}

/// Opens a table for copying its records.
pub fn raw_records(source: &Source, options: &ReadOptions) -> Result<RawRecords, TableError> {
    let source_name = source.to_string();
    let notes = Notes::default();
    if let [only] = source.files()?.as_slice() {
        let input = Input::open(only, options, &notes)?;
        let is_standing = input.layout != Layout::Json;
        if let (Content::Text(bytes), true) = (input.content, is_standing) {
            let standing = Standing::new(bytes, input.layout, options, &notes);
            return RawRecords::standing(source_name, standing, options);
        }
    }
    let records = Records::open(source, options, &notes)?;
    let delimiter = match records.format() {
        Some(Format::Tsv) => Delimiter::TAB,
        _ => Delimiter::COMMA,
    };
    let has_header = !options.no_header && !records.format().is_some_and(Format::has_objects);
    let header = records.columns().filter(|_| has_header);
    Ok(RawRecords {
        source_name,
        header: header.map_or_else(Vec::new, |header| line_of_cells(header, delimiter)),
        records: Copied::Anew(Box::new(records), delimiter),
    })
}

impl RawRecords {
    fn standing(
        source_name: String,
        mut standing: Standing,
        options: &ReadOptions,
    ) -> Result<Self, TableError> {
        let header = match standing.layout {
            Layout::Csv(_) if !options.no_header => {
                standing.next().map_err(|error| TableError::Open {
                    source_name: source_name.clone(),
                    error,
                })?
            }
            _ => None,
        };
        Ok(RawRecords {
            source_name,
            header: header.unwrap_or_default(),
            records: Copied::AsTheyStand(Box::new(standing)),
        })
    }

    /// The record of the header; nothing where there is none.
    pub fn header(&self) -> &[u8] {
        &self.header
    }
}

/// Cells as a line of a CSV.
fn line_of_cells<'a>(
    cells: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>,
    delimiter: Delimiter,
) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter.0)
        .from_writer(Vec::new());
    writer
        .write_record(cells.into_iter().map(AsRef::as_ref))
        .expect("memory takes everything");
    writer.into_inner().expect("memory takes everything")
}

/// An object as a line of JSON.
fn line_of_object(object: &Object) -> Vec<u8> {
    let mut line = String::from("{");
    for (key, value) in object.entries() {
        if line.len() > 1 {
            line.push(',');
        }
        line.push_str(&serde_json::to_string(key).expect("a string serializes"));
        line.push(':');
        line.push_str(&one_line(value.get()));
    }
    line.push_str("}\n");
    line.into_bytes()
}

impl Standing {
    fn new(
        bytes: Box<dyn Read + Send>,
        layout: Layout,
        options: &ReadOptions,
        notes: &Notes,
    ) -> Self {
        let cells = match layout {
            Layout::Csv(delimiter) => {
                Cells::new(bytes, delimiter, options.column_of_header(), notes)
            }
            _ => Cells {
                delimiter: Delimiter::COMMA,
                first_line: 1,
                bytes,
            },
        };
        Standing {
            layout,
            delimiter: cells.delimiter,
            bytes: BufReader::with_capacity(BUFFER_BYTES, cells.bytes),
            line_end: b"\n".to_vec(),
        }
    }

    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let record = match self.layout {
            Layout::Csv(_) => self.read_csv()?,
            Layout::Jsonl => self.read_line(|line| line.trim_ascii().is_empty())?,
            _ => self.read_line(|_| false)?,
        };
        Ok(record.map(|record| self.with_line_end(record)))
    }

    fn read_line(&mut self, skip: impl Fn(&[u8]) -> bool) -> io::Result<Option<Vec<u8>>> {
        loop {
            let mut line = Vec::new();
            if self.bytes.read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            if !skip(&line) {
                return Ok(Some(line));
            }
        }
    }

    fn read_csv(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.skip_while(is_line_end)?;
        let (mut record, mut place) = (Vec::new(), Place::RecordStart);
        let delimiter = self.delimiter;
        loop {
            let bytes = self.bytes.fill_buf()?;
            if bytes.is_empty() {
                return Ok((!record.is_empty()).then_some(record));
            }
            let ends = bytes.iter().position(|&byte| {
                place = place.after(byte, delimiter);
                place == Place::RecordStart
            });
            let length = ends.map_or(bytes.len(), |end| end + 1);
            record.extend_from_slice(&bytes[..length]);
            self.bytes.consume(length);
            if ends.is_some() {
                if record.ends_with(b"\r") && self.bytes.fill_buf()?.starts_with(b"\n") {
                    record.push(b'\n');
                    self.bytes.consume(1);
                }
                return Ok(Some(record));
            }
        }
    }

    fn skip_while(&mut self, skip: impl Fn(&u8) -> bool) -> io::Result<()> {
        loop {
            let bytes = self.bytes.fill_buf()?;
            let skipped = bytes.iter().take_while(|byte| skip(byte)).count();
            let is_over = skipped < bytes.len() || bytes.is_empty();
            self.bytes.consume(skipped);
            if is_over {
                return Ok(());
            }
        }
    }

    /// Gives a record without a line end that of the one before it.
    fn with_line_end(&mut self, mut record: Vec<u8>) -> Vec<u8> {
        let line_end = record
            .iter()
            .rev()
            .take(2)
            .take_while(|byte| is_line_end(byte));
        match line_end.count() {
            0 => record.extend_from_slice(&self.line_end),
            n => self.line_end = record[record.len() - n..].to_vec(),
        }
        record
    }
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

impl Iterator for RawRecords {
    type Item = Result<Vec<u8>, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.records {
            Copied::AsTheyStand(standing) => match standing.next() {
                Ok(record) => record.map(Ok),
                Err(error) => Some(Err(TableError::Open {
                    source_name: self.source_name.clone(),
                    error,
                })),
            },
            Copied::Anew(records, delimiter) => {
                let record = records.next_record().transpose()?;
                Some(record.map(|(_, item)| match item {
                    Item::Cells(record) => line_of_cells(&record, *delimiter),
                    Item::Object(object) => line_of_object(&object),
                    Item::Text(text) => (text + "\n").into_bytes(),
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::rows::open;

    fn records(table: &[u8], format: Format) -> (String, Vec<String>) {
        let options = ReadOptions {
            format: Some(format),
            ..ReadOptions::default()
        };
        let source = Source::Held(Box::new(Source::Stdin), table.into());
        let records = raw_records(&source, &options).unwrap();
        let header = text(records.header());
        (
            header,
            records.map(|record| text(&record.unwrap())).collect(),
        )
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn records_are_the_bytes_that_stand_there() {
        let cases: [(&str, Format, &str, &str, &[&str]); 9] = [
            (
                "plain",
                Format::Csv,
                "a,b\n1,2\n3,4\n",
                "a,b\n",
                &["1,2\n", "3,4\n"],
            ),
            (
                "quotes as they are",
                Format::Csv,
                "\"a\",b\n1,\"2\"\n \"x\" ,\"y\"\"\n,\"\n",
                "\"a\",b\n",
                &["1,\"2\"\n", " \"x\" ,\"y\"\"\n,\"\n"],
            ),
            (
                "carriage returns",
                Format::Csv,
                "a\r\n1\r\n2",
                "a\r\n",
                &["1\r\n", "2\r\n"],
            ),
            (
                "old carriage returns",
                Format::Csv,
                "a\r1\r2",
                "a\r",
                &["1\r", "2\r"],
            ),
            (
                "blank lines",
                Format::Csv,
                "\n\na\n\r\n\n1\n\n",
                "a\n",
                &["1\n"],
            ),
            (
                "a byte order mark",
                Format::Csv,
                "\u{feff}a\n1\n",
                "a\n",
                &["1\n"],
            ),
            ("a header alone", Format::Csv, "a,b", "a,b\n", &[]),
            (
                "objects",
                Format::Jsonl,
                "{\"a\" : 1.10}\n\n \n {\"a\":2} ",
                "",
                &["{\"a\" : 1.10}\n", " {\"a\":2} \n"],
            ),
            ("lines", Format::Lines, "x\n\ny", "", &["x\n", "\n", "y\n"]),
        ];
        for (name, format, table, header, expected) in cases {
            let found = records(table.as_bytes(), format);
            let expected: Vec<String> = expected.iter().map(|record| (*record).into()).collect();
            assert_eq!(found, (header.to_owned(), expected), "{name}");
        }
    }

    #[test]
    fn a_record_may_be_longer_than_a_buffer() {
        let long = format!("\"{}\"\r\n", "x,\n".repeat(BUFFER_BYTES));
        let table = format!("a\r\n{long}{long}1\r\n");
        let (_, found) = records(table.as_bytes(), Format::Csv);
        assert_eq!(found, [&long, &long, "1\r\n"]);
    }

    proptest! {
        /// What is copied reads back as the rows that were read, in whatever order.
        #[test]
        fn copied_records_read_back_as_the_rows(table in "text,n\r?\n([a\",\r\n]{0,3},[a\"]{0,2}\r?\n|\"[a,\n]*\",b\n){1,8}") {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("t.csv");
            let rows = |table: &[u8]| {
                std::fs::write(&path, table).unwrap();
                let rows = open(&Source::File(path.clone()), &ReadOptions::default()).ok()?;
                let rows: Result<Vec<_>, _> = rows.collect();
                Some(rows.ok()?.into_iter().map(|row| format!("{:?}", row.record)).collect::<Vec<_>>())
            };
            if let Some(mut expected) = rows(table.as_bytes()) {
                let (header, mut copied) = records(table.as_bytes(), Format::Csv);
                prop_assert_eq!(copied.len(), expected.len());
                expected.reverse();
                copied.reverse();
                let copy = header + &copied.concat();
                prop_assert_eq!(rows(copy.as_bytes()).unwrap(), expected);
            }
        }
    }
}
