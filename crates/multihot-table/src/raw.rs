//! Records as their bytes stand, to be copied without a change.

use std::io::{self, BufRead, BufReader, Read};

use crate::csv::Place;
use crate::error::TableError;
use crate::source::{Layout, ReadOptions, Source};

const BUFFER_BYTES: usize = 1 << 16;

/// The records of a table, one for each row that [`open`](crate::open) gives of it.
///
/// A record is its bytes as they stand, with the line end; where the last one has none, it gets
/// that of the record before it. Nothing is checked here: [`read`](crate::read) the table first.
pub struct RawRecords {
    source_name: String,
    layout: Layout,
    bytes: BufReader<Box<dyn Read + Send>>,
    header: Vec<u8>,
    line_end: Vec<u8>,
}

/// Opens a table for copying its records.
pub fn raw_records(source: &Source, options: &ReadOptions) -> Result<RawRecords, TableError> {
    let mut records = RawRecords {
        source_name: source.to_string(),
        layout: source.layout(options.format)?,
        bytes: BufReader::with_capacity(BUFFER_BYTES, source.bytes()?),
        header: Vec::new(),
        line_end: b"\n".to_vec(),
    };
    if records.layout == Layout::Csv {
        records.header = records.next().transpose()?.unwrap_or_default();
    }
    Ok(records)
}

impl RawRecords {
    /// The record of a CSV's header; nothing in other formats.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.layout {
            Layout::Csv => self.read_csv(),
            Layout::Jsonl => self.read_line(|line| line.trim_ascii().is_empty()),
            Layout::Lines | Layout::ObjectsAndLines => self.read_line(|_| false),
        }
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
        loop {
            let bytes = self.bytes.fill_buf()?;
            if bytes.is_empty() {
                return Ok((!record.is_empty()).then_some(record));
            }
            let ends = bytes.iter().position(|&byte| {
                place = place.after(byte);
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
        match self.read() {
            Ok(record) => record.map(|record| Ok(self.with_line_end(record))),
            Err(error) => Some(Err(TableError::Open {
                source_name: self.source_name.clone(),
                error,
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::rows::open;
    use crate::source::Format;

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
