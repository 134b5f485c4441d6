//! CSV in: records with the line they start on.
//!
//! The `csv` crate cuts the records. It does not say that a quote was never closed (the rest of
//! the file becomes one cell) or was closed by the quote of another row (the rows between them
//! become one cell), it has no limit on a record, and its line numbers are those before blank
//! lines are skipped. [`Watch`] stands between the bytes and the parser, follows the quoting, and
//! knows all four.

use std::collections::VecDeque;
use std::io::{self, Read};

use csv::{ByteRecord, StringRecord};

use crate::delimiter::delimiter_of;
use crate::error::{TableError, stopped};
use crate::format::Delimiter;
use crate::names::{name_of, numbered};
use crate::notes::Notes;
use crate::source::RECORD_LIMIT;

const BUFFER_BYTES: usize = 1 << 16;

/// A CSV before its records: what stands between its cells, and its bytes from the start.
pub(crate) struct Cells {
    pub(crate) delimiter: Delimiter,
    /// The line that `bytes` start on.
    pub(crate) first_line: u64,
    pub(crate) bytes: Box<dyn Read + Send>,
}

impl Cells {
    /// Looks at the start of `bytes` for the delimiter where it is not `given`.
    pub(crate) fn new(
        mut bytes: Box<dyn Read + Send>,
        given: Option<Delimiter>,
        text_column: Option<&str>,
        notes: &Notes,
    ) -> Self {
        let mut sample = Vec::new();
        // What is wrong with the first bytes has to be said with its line, by who cuts records.
        let failure = (&mut bytes)
            .take(BUFFER_BYTES as u64)
            .read_to_end(&mut sample)
            .err();
        let is_all = sample.len() < BUFFER_BYTES;
        let said = said_delimiter(&sample);
        if let Some((_, length)) = said {
            sample.drain(..length);
        }
        let found = || match said {
            Some((delimiter, _)) => delimiter,
            None => delimiter_of(&sample, is_all, text_column),
        };
        let delimiter = given.unwrap_or_else(found);
        if given.is_none() && delimiter != Delimiter::COMMA {
            notes.add(format!("cells are separated by `{delimiter}`"));
        }
        let rest: Box<dyn Read + Send> = match failure {
            Some(error) => Box::new(Failing(Some(error))),
            None => bytes,
        };
        let bytes = Box::new(io::Cursor::new(sample).chain(rest));
        Cells {
            delimiter,
            first_line: if said.is_some() { 2 } else { 1 },
            bytes,
        }
    }
}

/// What a first line says that is there for Excel alone, `sep=;`, and the length of that line.
fn said_delimiter(sample: &[u8]) -> Option<(Delimiter, usize)> {
    let (start, rest) = sample.split_at_checked(4)?;
    let (&delimiter, end) = rest.split_first()?;
    let line_end = [&b"\r\n"[..], b"\n", b"\r"]
        .into_iter()
        .find(|line_end| end.starts_with(line_end))?;
    start
        .eq_ignore_ascii_case(b"sep=")
        .then_some((Delimiter(delimiter), 5 + line_end.len()))
}

/// Gives the error that came up before.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// The records below the header, or all of them where there is none.
pub(crate) struct CsvRecords {
    source_name: String,
    reader: csv::Reader<Watch<Box<dyn Read + Send>>>,
    header: Vec<String>,
    /// What the first record is called.
    first_record: &'static str,
    /// That record, where it is no header.
    first: Option<(u64, StringRecord)>,
}

impl CsvRecords {
    /// Reads the header, or counts the columns of the first record.
    pub(crate) fn new(
        source_name: String,
        cells: Cells,
        has_header: bool,
    ) -> Result<Self, TableError> {
        Self::with_limit(source_name, cells, has_header, RECORD_LIMIT)
    }

    fn with_limit(
        source_name: String,
        cells: Cells,
        has_header: bool,
        limit: usize,
    ) -> Result<Self, TableError> {
        let Cells {
            delimiter,
            first_line,
            bytes,
        } = cells;
        let reader = csv::ReaderBuilder::new()
            .delimiter(delimiter.0)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(Watch::new(bytes, delimiter, first_line, limit));
        let mut records = CsvRecords {
            source_name,
            reader,
            header: Vec::new(),
            first_record: "the header",
            first: None,
        };
        let Some((line, first)) = records.record()? else {
            return Err(TableError::Empty {
                source_name: records.source_name,
            });
        };
        if has_header {
            records.header = first.iter().map(name_of).collect();
            refuse_equal_names(&records.source_name, line, &records.header)?;
        } else {
            records.header = numbered(first.len());
            records.first_record = "the first record";
            records.first = Some((line, first));
        }
        Ok(records)
    }

    /// The names of the columns.
    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    /// The next record and the line it starts on.
    pub(crate) fn next_record(&mut self) -> Result<Option<(u64, StringRecord)>, TableError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let Some((line, record)) = self.record()? else {
            return Ok(None);
        };
        if record.len() != self.header.len() {
            return Err(TableError::Uneven {
                source_name: self.source_name.clone(),
                line,
                first: self.first_record,
                expected: self.header.len(),
                found: record.len(),
                advice: format!(
                    "a cell with a `{}`, a quote or a line end stands in quotes, and a quote inside it is doubled",
                    self.reader.get_ref().delimiter
                ),
            });
        }
        Ok(Some((line, record)))
    }

    fn record(&mut self) -> Result<Option<(u64, StringRecord)>, TableError> {
        let mut record = ByteRecord::new();
        let found = self
            .reader
            .read_byte_record(&mut record)
            .map_err(|e| self.stopped(e))?;
        if !found {
            return Ok(None);
        }
        let watch = self.reader.get_mut();
        let seen = watch.records.pop_front();
        let seen = seen.unwrap_or_else(|| Seen::at(watch.line));
        let line = seen.line;
        if let Some((line, closing_line)) = seen.stray {
            return Err(TableError::StrayQuote {
                source_name: self.source_name.clone(),
                line,
                closing_line,
            });
        }
        if watch.ended && watch.place == Place::Quoted && watch.records.is_empty() {
            return Err(TableError::OpenQuote {
                source_name: self.source_name.clone(),
                line,
            });
        }
        let record = StringRecord::from_byte_record(record).map_err(|error| {
            let field = error.utf8_error().field();
            let valid = error.utf8_error().valid_up_to();
            self.not_utf8(line, &error.into_byte_record(), field, valid)
        })?;
        Ok(Some((line, record)))
    }

    fn stopped(&self, error: csv::Error) -> TableError {
        let source_name = self.source_name.clone();
        let watch = self.reader.get_ref();
        let line = watch.last_record_line;
        match error.into_kind() {
            csv::ErrorKind::Io(_) if watch.record_bytes > watch.limit => TableError::TooLarge {
                source_name,
                line,
                limit: watch.limit,
            },
            csv::ErrorKind::Io(error) => stopped(&source_name, watch.line, error),
            kind => stopped(&source_name, line, io::Error::other(format!("{kind:?}"))),
        }
    }

    /// The bad byte's line: the record's, and the line ends in its cells before that byte.
    fn not_utf8(&self, line: u64, record: &ByteRecord, field: usize, valid: usize) -> TableError {
        let before = record.iter().take(field).chain([&record[field][..valid]]);
        let line_ends = before.flatten().filter(|&&byte| byte == b'\n').count() as u64;
        TableError::NotUtf8 {
            source_name: self.source_name.clone(),
            line: line + line_ends,
        }
    }
}

/// Blank names are allowed twice: spreadsheets leave them behind, and no option names them.
pub(crate) fn refuse_equal_names(
    source_name: &str,
    line: u64,
    header: &[String],
) -> Result<(), TableError> {
    let mut names: Vec<&String> = header.iter().filter(|name| !name.is_empty()).collect();
    names.sort();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err(TableError::NamedTwice {
            source_name: source_name.to_owned(),
            line,
            column: pair[0].clone(),
        }),
    }
}

/// Where in a record the next byte stands, as the parser sees it (RFC 4180, and a lone carriage
/// return ends a record too).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    RecordStart,
    CellStart,
    Plain,
    Quoted,
    AfterQuote,
}

impl Place {
    /// Where the byte after this one stands.
    pub(crate) fn after(self, byte: u8, delimiter: Delimiter) -> Self {
        match (self, byte) {
            (Place::Quoted, b'"') => Place::AfterQuote,
            (Place::Quoted, _) => Place::Quoted,
            (Place::RecordStart | Place::CellStart | Place::AfterQuote, b'"') => Place::Quoted,
            (_, b'\r' | b'\n') => Place::RecordStart,
            (_, byte) if byte == delimiter.0 => Place::CellStart,
            _ => Place::Plain,
        }
    }
}

/// What is seen of a record before it is cut.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// The line that it starts on.
    line: u64,
    /// The lines of the first quote that opens a cell and of the one that closes it, where these
    /// are two and the cell goes on: they seem to belong to two texts.
    stray: Option<(u64, u64)>,
}

impl Seen {
    fn at(line: u64) -> Self {
        Seen { line, stray: None }
    }
}

/// Hands bytes on and notes where records start.
struct Watch<R> {
    bytes: R,
    delimiter: Delimiter,
    limit: usize,
    place: Place,
    line: u64,
    after_return: bool,
    /// Records that the parser has been given and has not handed out.
    records: VecDeque<Seen>,
    last_record_line: u64,
    /// The line of the quote that opened the cell.
    quote_line: u64,
    record_bytes: usize,
    ended: bool,
}

impl<R: Read> Watch<R> {
    fn new(bytes: R, delimiter: Delimiter, line: u64, limit: usize) -> Self {
        Watch {
            bytes,
            delimiter,
            limit,
            place: Place::RecordStart,
            line,
            after_return: false,
            records: VecDeque::new(),
            last_record_line: line,
            quote_line: line,
            record_bytes: 0,
            ended: false,
        }
    }

    fn see(&mut self, byte: u8) {
        let line_end = matches!(byte, b'\r' | b'\n');
        if self.place == Place::RecordStart && !line_end {
            self.records.push_back(Seen::at(self.line));
            self.last_record_line = self.line;
            self.record_bytes = 0;
        }
        self.record_bytes += 1;
        let before = self.place;
        self.place = before.after(byte, self.delimiter);
        match (before, self.place) {
            (Place::RecordStart | Place::CellStart, Place::Quoted) => self.quote_line = self.line,
            (Place::AfterQuote, Place::Plain) => self.see_stray_quote(),
            _ => {}
        }
        if line_end && !(byte == b'\n' && self.after_return) {
            self.line += 1;
        }
        self.after_return = byte == b'\r';
    }

    /// A cell goes on after its closing quote. On one line that is sloppy and clear; over several it
    /// means that rows were taken for text.
    fn see_stray_quote(&mut self) {
        if self.line > self.quote_line
            && let Some(record) = self.records.back_mut()
        {
            record.stray.get_or_insert((self.quote_line, self.line));
        }
    }
}

impl<R: Read> Read for Watch<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.record_bytes > self.limit {
            return Err(io::Error::other("the record is too large"));
        }
        let n = self.bytes.read(buffer)?;
        self.ended = n == 0 && !buffer.is_empty();
        for &byte in &buffer[..n] {
            self.see(byte);
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cells(bytes: impl Read + Send + 'static, delimiter: u8) -> Cells {
        Cells {
            delimiter: Delimiter(delimiter),
            first_line: 1,
            bytes: Box::new(bytes),
        }
    }

    fn all(bytes: &[u8]) -> Result<Vec<(u64, Vec<String>)>, TableError> {
        all_with(b',', bytes)
    }

    fn all_with(delimiter: u8, bytes: &[u8]) -> Result<Vec<(u64, Vec<String>)>, TableError> {
        let cells = cells(io::Cursor::new(bytes.to_vec()), delimiter);
        let mut records = CsvRecords::new("t.csv".into(), cells, true)?;
        let mut rows = Vec::new();
        while let Some((line, record)) = records.next_record()? {
            rows.push((line, record.iter().map(str::to_owned).collect()));
        }
        Ok(rows)
    }

    #[test]
    fn a_line_for_excel_says_what_stands_between_cells() {
        let notes = Notes::default();
        for (table, given) in [
            ("sep=;\r\ntext;a,b\r\nx;1\r\n", None),
            ("SEP=|\ntext;a,b\nx;1\n", Some(Delimiter(b';'))),
        ] {
            let bytes = Box::new(io::Cursor::new(table));
            let cells = Cells::new(bytes, given, Some("text"), &notes);
            let mut records = CsvRecords::new("t.csv".into(), cells, true).unwrap();
            assert_eq!(records.header(), ["text", "a,b"]);
            assert_eq!(records.next_record().unwrap().unwrap().0, 3);
        }
        assert_eq!(said_delimiter(b"sep=x;text\n"), None);
        assert_eq!(said_delimiter(b"sep="), None);
    }

    #[test]
    fn without_a_header_the_first_record_is_one() {
        let table = "x,1\ny\n";
        let cells = cells(table.as_bytes(), b',');
        let mut records = CsvRecords::new("t.csv".into(), cells, false).unwrap();
        assert_eq!(records.header(), ["1", "2"]);
        let first = records.next_record().unwrap();
        assert_eq!(first, Some((1, StringRecord::from(vec!["x", "1"]))));
        assert_eq!(
            records.next_record().unwrap_err().to_string(),
            "t.csv:2: the first record has 2 columns, this record has 1"
        );
    }

    #[test]
    fn records_know_the_line_they_start_on() {
        let cases: [(&str, &str, &[u64]); 8] = [
            ("plain", "a,b\n1,2\n3,4\n", &[2, 3]),
            ("no last line end", "a,b\n1,2\n3,4", &[2, 3]),
            ("carriage returns", "a,b\r\n1,2\r\n3,4\r\n", &[2, 3]),
            ("only carriage returns", "a,b\r1,2\r3,4\r", &[2, 3]),
            ("blank lines", "a,b\n\n\n1,2\n\n3,4\n\n", &[4, 6]),
            (
                "a cell of three lines",
                "a,b\n1,\"x\ny\r\nz\"\n3,4\n",
                &[2, 5],
            ),
            ("a doubled quote", "a,b\n1,\"x\"\"\n\"\"\"\n3,4\n", &[2, 4]),
            ("a quote inside a cell", "a,b\n5\",x\n3,4\n", &[2, 3]),
        ];
        for (name, table, expected) in cases {
            for delimiter in [',', ';', '\t', '|'] {
                let table = table.replace(',', &delimiter.to_string());
                let rows = all_with(delimiter as u8, table.as_bytes()).unwrap();
                let lines: Vec<u64> = rows.iter().map(|row| row.0).collect();
                assert_eq!(lines, expected, "{name} {delimiter:?}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let cases: [(&str, &[u8], &str); 13] = [
            ("nothing", b"", "t.csv is empty"),
            ("line ends only", b"\r\n\n", "t.csv is empty"),
            (
                "a cell too few",
                b"a,b\n1,2\n3\n",
                "t.csv:3: the header has 2 columns, this record has 1",
            ),
            (
                "a cell too many",
                b"a,b\n1,2,3\n",
                "t.csv:2: the header has 2 columns, this record has 3",
            ),
            (
                "named twice",
                b"a,b,a\n",
                "t.csv:1: column `a` is there twice",
            ),
            (
                "Latin-1",
                b"a,b\n1,2\n\"x\ny\",\xE9t\xE9\n",
                "t.csv:4: the text is not valid UTF-8",
            ),
            (
                "Latin-1 in a line",
                b"a\n\"x\ny\n\xE9\nz\"\n",
                "t.csv:4: the text is not valid UTF-8",
            ),
            (
                "UTF-16",
                b"\xFF\xFEa\0,\0",
                "t.csv:1: the text is not valid UTF-8",
            ),
            (
                "an open quote",
                b"a,b\n1,2\n3,\"x\n4,5\n",
                "t.csv:3: a quote is opened in this record and never closed",
            ),
            (
                "an open quote at the end",
                b"a,b\n1,\"",
                "t.csv:2: a quote is opened in this record and never closed",
            ),
            (
                "a quote that another row closes",
                b"text,a\n\"Hello there,1\nplain,0\nhe said \"hi\",0\nplain,0\n",
                "t.csv:2: a quote opens a cell here and one in line 4 closes it, but the \
                 cell goes on",
            ),
            (
                "the same in a later cell",
                b"a,text\n1,\"x\ny\"\n2,\"x\ny\",\"Hello\n3,so \"it\" is\n",
                "t.csv:5: a quote opens a cell here and one in line 6 closes it, but the \
                 cell goes on",
            ),
            (
                "the same in the header",
                b"a,\"text\r\n1,so \"it\" is\r\n",
                "t.csv:1: a quote opens a cell here and one in line 2 closes it, but the \
                 cell goes on",
            ),
        ];
        for (name, table, expected) in cases {
            assert_eq!(all(table).unwrap_err().to_string(), expected, "{name}");
        }
        let tabs = b"a\ttext\ty\n1\ta b\t\"Never again\n2\tb\tx\n3\tc\ty\n4\ta c\tthe said \"no\" and left\n";
        assert_eq!(
            all_with(b'\t', tabs).unwrap_err().to_string(),
            "t.csv:2: a quote opens a cell here and one in line 5 closes it, but the cell goes on"
        );
    }

    #[test]
    fn a_cell_may_go_on_after_its_quote_within_a_line() {
        let rows = all(b"a,b\n\"abc\"def,\"5\" and \"6\"\n").unwrap();
        assert_eq!(rows[0].1, ["abcdef", "5 and \"6\""]);
    }

    #[test]
    fn a_record_past_the_limit_is_refused_before_it_fills_the_memory() {
        let endless = io::Cursor::new(b"a,b\n1,2\n\"".to_vec()).chain(io::repeat(b'x'));
        let mut records =
            CsvRecords::with_limit("t.csv".into(), cells(endless, b','), true, 1 << 20).unwrap();
        assert_eq!(records.next_record().unwrap().unwrap().0, 2);
        let error = records.next_record().unwrap_err();
        assert_eq!(
            error.to_string(),
            "t.csv:3: the record is larger than 1 MB, the most that is read"
        );
    }

    #[test]
    fn a_text_of_ten_megabytes_passes() {
        let text = "é\n".repeat(3_400_000);
        assert!(text.len() > 10_000_000);
        let rows = all(format!("text,a\n\"{text}\",1\n").as_bytes()).unwrap();
        assert!(rows[0].1[0] == text);
    }

    fn cell() -> impl Strategy<Value = String> {
        let characters = [
            'a', ' ', ',', '"', '\'', '\n', '\r', '\t', '\0', ';', '\\', '{', 'é', '\u{a0}', '😀',
            '\u{2028}', '\u{feff}', 'e', '\u{301}',
        ];
        prop::collection::vec(prop::sample::select(characters.to_vec()), 0..12)
            .prop_map(|characters| characters.into_iter().collect())
    }

    proptest! {
        #[test]
        fn a_table_reads_back_as_it_was_written(
            rows in prop::collection::vec(prop::collection::vec(cell(), 3), 0..12),
            crlf: bool,
            delimiter in prop::sample::select(b",;\t| ".to_vec()),
        ) {
            let terminator =
                if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
            let mut writer = csv::WriterBuilder::new()
                .delimiter(delimiter)
                .terminator(terminator)
                .from_writer(vec![]);
            writer.write_record(["text", "b", "c"]).unwrap();
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let read = all_with(delimiter, &writer.into_inner().unwrap()).unwrap();
            let cells: Vec<Vec<String>> = read.into_iter().map(|row| row.1).collect();
            prop_assert_eq!(cells, rows);
        }

        #[test]
        fn the_watch_sees_the_records_that_the_parser_sees(
            bytes in prop::collection::vec(prop::sample::select(b"a,;\"\n\r".to_vec()), 0..60),
            delimiter in prop::sample::select(b",;".to_vec()),
        ) {
            let reader = Watch::new(io::Cursor::new(bytes), Delimiter(delimiter), 1, 1 << 20);
            let mut reader = csv::ReaderBuilder::new()
                .delimiter(delimiter)
                .has_headers(false)
                .flexible(true)
                .from_reader(reader);
            let parsed = reader.byte_records().count();
            prop_assert_eq!(reader.get_ref().records.len(), parsed);
        }

        #[test]
        fn any_bytes_end_in_rows_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = all(&bytes);
        }
    }
}
