//! JSON in: objects in an array, one after another over any number of lines, or an object of
//! columns.
//!
//! The bytes are cut into values here, a value at a time, and `serde_json` reads each of them. Of
//! an array of any length only one object is held; of columns, which have to be side by side, the
//! whole.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};
use std::vec;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{TableError, stopped};
use crate::jsonl::{Object, as_name, unrepeated};
use crate::names::shown;
use crate::source::RECORD_LIMIT;

const BUFFER_BYTES: usize = 1 << 16;

/// Keys under which an object may hold the rows, as the exports of web services do.
const ROWS_KEYS: [&str; 5] = ["data", "rows", "records", "examples", DOCUMENTS_KEY];
/// The keys under which a project of Azure has its documents.
const DOCUMENTS_KEY: &str = "documents";
const PROJECT_KEY: &str = "assets";

/// The objects of a JSON document.
pub(crate) struct JsonRecords {
    cutter: Cutter,
    shape: Shape,
    /// An object that was read to find the shape out.
    first: Option<Object>,
    line: u64,
    /// Whether the objects are the documents of a project.
    has_documents: bool,
}

/// What holds the documents of a project.
#[derive(Deserialize)]
struct Project {
    documents: Vec<Object>,
}

/// How the objects stand in the document.
enum Shape {
    /// One behind the other, with nothing between them.
    Sequence,
    /// In an array, which is the document or the value of a key in it.
    Array {
        is_nested: bool,
        is_first: bool,
    },
    Columns(Columns),
    /// Those of an object within the document.
    Held(vec::IntoIter<Object>),
    /// Nothing follows.
    Ended,
}

impl JsonRecords {
    /// Reads as much as shows how the objects stand. An object whose `text_column` is a list or an
    /// object is one of columns.
    pub(crate) fn new(
        source_name: String,
        bytes: Box<dyn Read + Send>,
        text_column: &str,
    ) -> Result<Self, TableError> {
        Self::with_limit(source_name, bytes, text_column, RECORD_LIMIT)
    }

    fn with_limit(
        source_name: String,
        bytes: Box<dyn Read + Send>,
        text_column: &str,
        limit: usize,
    ) -> Result<Self, TableError> {
        let mut records = JsonRecords {
            cutter: Cutter::new(source_name, bytes, limit),
            shape: Shape::Ended,
            first: None,
            has_documents: false,
            line: 1,
        };
        records.shape = match records.cutter.next_byte()? {
            None => return Ok(records),
            Some(b'[') => {
                records.cutter.consume();
                Shape::Array {
                    is_nested: false,
                    is_first: true,
                }
            }
            Some(b'{') => records.shape_of_object(text_column)?,
            Some(_) => return Err(records.cutter.wrong("expected an array or an object")),
        };
        Ok(records)
    }

    /// Whether the objects are the documents of a project, whose texts may stand elsewhere.
    pub(crate) fn has_documents(&self) -> bool {
        self.has_documents
    }

    /// The line that the last object starts on; of columns the object's number.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// The next object.
    pub(crate) fn next_object(&mut self) -> Result<Option<Object>, TableError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        match &mut self.shape {
            Shape::Ended => Ok(None),
            Shape::Columns(columns) => {
                self.line += 1;
                let row = columns.next_row();
                row.map_err(|problem| self.cutter.wrong_at(self.line, &problem))
            }
            Shape::Held(objects) => {
                self.line += 1;
                let object = objects.next();
                let (name, line) = (&self.cutter.source_name, self.line);
                object
                    .map(|object| unrepeated(name, line, object))
                    .transpose()
            }
            Shape::Sequence => {
                if self.cutter.next_byte()?.is_none() {
                    return Ok(None);
                }
                self.read_object().map(Some)
            }
            Shape::Array {
                is_nested,
                is_first,
            } => {
                let (is_nested, is_first) = (*is_nested, std::mem::take(is_first));
                if self.cutter.goes_on(b']', is_first)? {
                    return self.read_object().map(Some);
                }
                self.shape = Shape::Ended;
                if is_nested {
                    self.skip_the_other_keys()?;
                }
                self.cutter.expect_end()?;
                Ok(None)
            }
        }
    }

    fn read_object(&mut self) -> Result<Object, TableError> {
        self.cutter.next_byte()?;
        self.line = self.cutter.line;
        let value = self.cutter.value()?;
        self.object(&value)
    }

    fn object(&self, value: &str) -> Result<Object, TableError> {
        let object = serde_json::from_str(value)
            .map_err(|error| self.cutter.not_an_object(self.line, &error))?;
        unrepeated(&self.cutter.source_name, self.line, object)
    }

    /// Reads the object that the document starts with, key by key.
    fn shape_of_object(&mut self, text_column: &str) -> Result<Shape, TableError> {
        self.line = self.cutter.line;
        self.cutter.consume();
        let (mut entries, mut size, mut has_text) = (Vec::new(), 0, false);
        while self.cutter.goes_on(b'}', entries.is_empty())? {
            let key = self.cutter.key()?;
            has_text |= key == text_column;
            if ROWS_KEYS.contains(&key.as_str())
                && !has_text
                && self.cutter.next_byte()? == Some(b'[')
            {
                self.cutter.consume();
                if self.cutter.next_byte()? == Some(b'{') {
                    self.has_documents = key == DOCUMENTS_KEY;
                    return Ok(Shape::Array {
                        is_nested: true,
                        is_first: true,
                    });
                }
                let value = self.cutter.rest_of_value(b"[", 1)?;
                entries.push((key, self.raw(value)?));
                continue;
            }
            let value = self.cutter.value()?;
            if key == PROJECT_KEY
                && !has_text
                && let Ok(project) = serde_json::from_str::<Project>(&value)
            {
                self.skip_the_other_keys()?;
                self.cutter.expect_end()?;
                (self.line, self.has_documents) = (0, true);
                return Ok(Shape::Held(project.documents.into_iter()));
            }
            size += key.len() + value.len();
            if size > self.cutter.limit {
                return Err(self.cutter.too_large(self.line));
            }
            entries.push((key, self.raw(value)?));
        }
        let object = unrepeated(&self.cutter.source_name, self.line, Object::new(entries))?;
        let is_columns = object
            .get(text_column)
            .is_some_and(|text| text.get().starts_with(['[', '{']));
        if is_columns {
            self.cutter.expect_end()?;
            let columns = Columns::new(object).map_err(|problem| self.cutter.wrong(&problem))?;
            self.line = 0;
            return Ok(Shape::Columns(columns));
        }
        self.first = Some(object);
        Ok(Shape::Sequence)
    }

    fn raw(&self, value: String) -> Result<Box<RawValue>, TableError> {
        RawValue::from_string(value).map_err(|error| self.cutter.not_an_object(self.line, &error))
    }

    fn skip_the_other_keys(&mut self) -> Result<(), TableError> {
        while self.cutter.goes_on(b'}', false)? {
            self.cutter.key()?;
            self.cutter.value()?;
        }
        Ok(())
    }
}

/// Columns side by side: `{"text": ["a", "b"], "sports": [1, 0]}`, or with an object of row names
/// in place of each list.
struct Columns {
    names: Vec<String>,
    values: Vec<Elements>,
    row: u64,
}

impl Columns {
    fn new(object: Object) -> Result<Self, String> {
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (name, value) in object.into_entries() {
            let Some(elements) = Elements::new(value) else {
                return Err(format!(
                    "column `{}` is neither a list nor an object, as the text column is",
                    shown(&name)
                ));
            };
            names.push(name);
            values.push(elements);
        }
        Ok(Columns {
            names,
            values,
            row: 0,
        })
    }

    fn next_row(&mut self) -> Result<Option<Object>, String> {
        self.row += 1;
        let row: Vec<Option<(Option<&str>, &str)>> =
            self.values.iter_mut().map(Elements::next).collect();
        if row.iter().all(Option::is_none) {
            return Ok(None);
        }
        let mut entries = Vec::with_capacity(row.len());
        let row_name = row.first().copied().flatten().and_then(|(key, _)| key);
        for (name, element) in self.names.iter().zip(row) {
            let Some((_, value)) = element.filter(|(key, _)| *key == row_name) else {
                return Err(format!(
                    "column `{}` does not have the rows of column `{}`: they differ from row {} on",
                    shown(name),
                    shown(&self.names[0]),
                    self.row
                ));
            };
            let value = RawValue::from_string(value.to_owned()).map_err(|e| e.to_string())?;
            entries.push((name.clone(), value));
        }
        Ok(Some(Object::new(entries)))
    }
}

/// The elements of an array, or the entries of an object, that is known to be whole.
struct Elements {
    text: Box<RawValue>,
    next: usize,
}

impl Elements {
    fn new(text: Box<RawValue>) -> Option<Self> {
        text.get()
            .starts_with(['[', '{'])
            .then_some(Elements { text, next: 1 })
    }

    /// The next key, of an object, and its value.
    fn next(&mut self) -> Option<(Option<&str>, &str)> {
        let text = self.text.get();
        let key = if text.starts_with('{') {
            Some(part(text, &mut self.next)?)
        } else {
            None
        };
        Some((key, part(text, &mut self.next)?))
    }
}

/// The value at or behind `next`, which is moved behind it.
fn part<'a>(text: &'a str, next: &mut usize) -> Option<&'a str> {
    let bytes = text.as_bytes();
    let is_between = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b':');
    *next += bytes[*next..]
        .iter()
        .take_while(|byte| is_between(byte))
        .count();
    let mut scan = Scan::default();
    let length = bytes[*next..]
        .iter()
        .position(|&byte| scan.ends_before(byte))
        .unwrap_or(bytes.len() - *next);
    let start = *next;
    *next += length;
    (length > 0).then(|| &text[start..*next])
}

/// A value that is known to be whole, without the white space between its parts.
pub(crate) fn one_line(value: &str) -> Cow<'_, str> {
    if !value.contains(['\n', '\r']) {
        return value.into();
    }
    let (mut line, mut scan) = (String::with_capacity(value.len()), Scan::default());
    for character in value.chars() {
        if scan.in_string || !character.is_ascii_whitespace() {
            line.push(character);
        }
        if let Ok(byte) = u8::try_from(character) {
            scan.ends_before(byte);
        }
    }
    line.into()
}

/// Where in a value the next byte stands.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    depth: u64,
    in_string: bool,
    is_escaped: bool,
    /// A string, an array or an object is over.
    is_over: bool,
}

impl Scan {
    /// Whether the value ended before `byte`, which is passed otherwise.
    fn ends_before(&mut self, byte: u8) -> bool {
        if self.is_over {
            return true;
        }
        if self.in_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => {
                    self.in_string = false;
                    self.is_over = self.depth == 0;
                }
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => {
                if self.depth == 0 {
                    return true;
                }
                self.depth -= 1;
                self.is_over = self.depth == 0;
            }
            // These end a number or a word.
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => return self.depth == 0,
            _ => {}
        }
        false
    }
}

/// Cuts values out of bytes, and counts lines.
struct Cutter {
    source_name: String,
    bytes: BufReader<Box<dyn Read + Send>>,
    /// The line of the next byte.
    line: u64,
    limit: usize,
}

impl Cutter {
    fn new(source_name: String, bytes: Box<dyn Read + Send>, limit: usize) -> Self {
        Cutter {
            source_name,
            bytes: BufReader::with_capacity(BUFFER_BYTES, bytes),
            line: 1,
            limit,
        }
    }

    /// The next byte that is no white space, still to be consumed.
    fn next_byte(&mut self) -> Result<Option<u8>, TableError> {
        loop {
            let line = self.line;
            let buffer = match self.bytes.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) => return Err(stopped(&self.source_name, line, error)),
            };
            let white = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            let skipped = buffer.iter().take_while(white).count();
            let next = buffer.get(skipped).copied();
            let is_end = buffer.is_empty();
            self.line += line_ends(&buffer[..skipped]);
            self.bytes.consume(skipped);
            if next.is_some() || is_end {
                return Ok(next);
            }
        }
    }

    fn consume(&mut self) {
        self.bytes.consume(1);
    }

    /// Whether another element follows in an array or object that `closing` ends.
    fn goes_on(&mut self, closing: u8, is_first: bool) -> Result<bool, TableError> {
        match self.next_byte()? {
            Some(byte) if byte == closing => {
                self.consume();
                Ok(false)
            }
            _ if is_first => Ok(true),
            Some(b',') => {
                self.consume();
                Ok(true)
            }
            _ => Err(self.wrong(&format!("expected `,` or `{}`", char::from(closing)))),
        }
    }

    /// A key and the colon behind it.
    fn key(&mut self) -> Result<String, TableError> {
        if self.next_byte()? != Some(b'"') {
            return Err(self.wrong("expected a key in quotes"));
        }
        let line = self.line;
        let key = self.value()?;
        let key = serde_json::from_str(&key).map_err(|error| self.not_an_object(line, &error))?;
        let key = as_name(key);
        if self.next_byte()? != Some(b':') {
            return Err(self.wrong("expected `:` behind a key"));
        }
        self.consume();
        Ok(key)
    }

    /// The next value as it is written.
    fn value(&mut self) -> Result<String, TableError> {
        self.next_byte()?;
        self.rest_of_value(b"", 0)
    }

    /// A value of which `start` is read, which opened `depth` arrays.
    fn rest_of_value(&mut self, start: &[u8], depth: u64) -> Result<String, TableError> {
        let first_line = self.line;
        let mut value = start.to_vec();
        let mut scan = Scan {
            depth,
            ..Scan::default()
        };
        loop {
            let line = self.line;
            let buffer = match self.bytes.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) => return Err(stopped(&self.source_name, line, error)),
            };
            if buffer.is_empty() {
                break;
            }
            let end = buffer.iter().position(|&byte| scan.ends_before(byte));
            let length = end.unwrap_or(buffer.len());
            value.extend_from_slice(&buffer[..length]);
            self.line += line_ends(&buffer[..length]);
            self.bytes.consume(length);
            if value.len() > self.limit {
                return Err(self.too_large(first_line));
            }
            if end.is_some() {
                break;
            }
        }
        String::from_utf8(value).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            TableError::NotUtf8 {
                source_name: self.source_name.clone(),
                line: first_line + line_ends(before),
            }
        })
    }

    fn expect_end(&mut self) -> Result<(), TableError> {
        match self.next_byte()? {
            None => Ok(()),
            Some(_) => Err(self.wrong("more follows after the end of the rows")),
        }
    }

    fn too_large(&self, line: u64) -> TableError {
        TableError::TooLarge {
            source_name: self.source_name.clone(),
            line,
            limit: self.limit,
        }
    }

    fn wrong(&self, problem: &str) -> TableError {
        self.wrong_at(self.line, problem)
    }

    fn wrong_at(&self, line: u64, problem: &str) -> TableError {
        TableError::BadJson {
            source_name: self.source_name.clone(),
            line,
            problem: problem.to_owned(),
        }
    }

    /// What the parser says about a value that starts on `line`.
    fn not_an_object(&self, line: u64, error: &serde_json::Error) -> TableError {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let said = error.to_string();
        TableError::NotAnObject {
            source_name: self.source_name.clone(),
            line: line + (error.line() as u64).saturating_sub(1),
            problem: said.strip_suffix(&place).unwrap_or(&said).to_owned(),
            may_be_text: false,
        }
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor};

    use proptest::prelude::*;

    use super::*;

    fn all(json: &str) -> Result<Vec<(u64, String)>, TableError> {
        let bytes = Box::new(Cursor::new(json.as_bytes().to_vec()));
        let mut records = JsonRecords::new("t.json".into(), bytes, "text")?;
        let mut rows = Vec::new();
        while let Some(object) = records.next_object()? {
            let entries = object.entries();
            let row: Vec<String> = entries
                .map(|(key, value)| format!("{key}={}", value.get()))
                .collect();
            rows.push((records.line(), row.join(" ")));
        }
        Ok(rows)
    }

    #[test]
    fn objects_are_found_wherever_they_stand() {
        type Rows = &'static [(u64, &'static str)];
        let cases: [(&str, &str, Rows); 14] = [
            ("nothing", " \n", &[]),
            ("an empty array", "[ ]", &[]),
            (
                "an array",
                "[\n {\"text\": \"a, ]\", \"n\": [1, 2]},\n\n {\"text\":\"\\\"}\"}\n]\n",
                &[(2, r#"text="a, ]" n=[1, 2]"#), (4, r#"text="\"}""#)],
            ),
            (
                "objects over lines",
                "{\n \"text\": \"a\",\n \"n\": 1.10\n}\n{\"text\":\"b\"} {\"n\":{\"a\":[]}}",
                &[
                    (1, r#"text="a" n=1.10"#),
                    (5, r#"text="b""#),
                    (5, r#"n={"a":[]}"#),
                ],
            ),
            ("one object", "{\"text\":\"a\"}", &[(1, r#"text="a""#)]),
            ("an object of nothing", "{}{}", &[(1, ""), (1, "")]),
            (
                "below a key",
                "{\"version\": 1,\n\"data\": [\n{\"text\":\"a\"},{\"text\":\"b\"}], \"more\": [1]}\n",
                &[(3, r#"text="a""#), (3, r#"text="b""#)],
            ),
            (
                "a key of that name in a row",
                "{\"text\":\"a\",\"data\":[{\"b\":1}]}\n{\"data\":[1],\"text\":\"b\"}",
                &[
                    (1, r#"text="a" data=[{"b":1}]"#),
                    (2, r#"data=[1] text="b""#),
                ],
            ),
            (
                "a key of that name before the text",
                "{\"data\":[1, [2]],\"text\":\"b\"}",
                &[(1, r#"data=[1, [2]] text="b""#)],
            ),
            (
                "columns of lists",
                "{\"text\":[\"a\",\"b,\"], \"sports\":[1, null]}",
                &[(1, r#"text="a" sports=1"#), (2, r#"text="b," sports=null"#)],
            ),
            (
                "columns of rows by name",
                "{\"n\":{\"0\":[1],\"7\":{}},\"text\":{\"0\":\"a\",\"7\":\"b\"}}",
                &[(1, r#"n=[1] text="a""#), (2, r#"n={} text="b""#)],
            ),
            ("columns of nothing", "{\"text\":[],\"a\":[ ]}", &[]),
            (
                "rows of nothing",
                "{\"data\":[], \"text\":\"a\"}",
                &[(1, r#"data=[] text="a""#)],
            ),
            (
                "values as they are",
                "[{\"id\":12345678901234567890123,\"a\":1e5}]",
                &[(1, "id=12345678901234567890123 a=1e5")],
            ),
        ];
        for (name, json, expected) in cases {
            let found = all(json).unwrap_or_else(|error| panic!("{name}: {error}"));
            let expected: Vec<(u64, String)> = expected
                .iter()
                .map(|(line, row)| (*line, (*row).to_owned()))
                .collect();
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let cases = [
            ("\n7", "t.json:2: expected an array or an object"),
            (
                "[\n1]",
                "t.json:2: not a JSON object: invalid type: integer `1`, expected an object",
            ),
            ("[{\"a\":1}\n{}]", "t.json:2: expected `,` or `]`"),
            (
                "[{\"a\":1},",
                "t.json:1: not a JSON object: EOF while parsing a value",
            ),
            (
                "[{\"a\":1},\n",
                "t.json:2: not a JSON object: EOF while parsing a value",
            ),
            ("[{\"a\":1}", "t.json:1: expected `,` or `]`"),
            (
                "[{\"a\":\n\n{\"b\":\"",
                "t.json:3: not a JSON object: EOF while parsing a string",
            ),
            (
                "[{\"a\":1}] x",
                "t.json:1: more follows after the end of the rows",
            ),
            ("{\"a\":1,}", "t.json:1: expected a key in quotes"),
            ("{\"a\" 1}", "t.json:1: expected `:` behind a key"),
            (
                "{\"a\":tru}",
                "t.json:1: not a JSON object: EOF while parsing a value",
            ),
            (
                "{\"a\":1}\n{\"a\":\n NaN}",
                "t.json:3: not a JSON object: expected value",
            ),
            ("[{\"a\":1,\"a\":2}]", "t.json:1: column `a` is there twice"),
            (
                "{\"a\":1,\"\\u0061\":2}",
                "t.json:1: column `a` is there twice",
            ),
            (
                "{\"text\":[\"a\"],\"b\":1}",
                "t.json:1: column `b` is neither a list nor an object, as the text column is",
            ),
            (
                "{\"text\":[\"a\",\"b\"],\"b\":[1]}",
                "t.json:2: column `b` does not have the rows of column `text`: they differ from row 2 on",
            ),
            (
                "{\"text\":{\"0\":\"a\"},\"b\":{\"1\":1}}",
                "t.json:1: column `b` does not have the rows of column `text`: they differ from row 1 on",
            ),
            (
                "{\"data\":[{\"text\":\"a\"}],\"more\"}",
                "t.json:1: expected `:` behind a key",
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(all(json).unwrap_err().to_string(), expected, "{json}");
        }
        let latin = Box::new(Cursor::new(b"[\n{\"a\":\n\"\xE9\"}]".to_vec()));
        let mut records = JsonRecords::new("t.json".into(), latin, "text").unwrap();
        let error = records.next_object().unwrap_err();
        assert_eq!(error.to_string(), "t.json:3: the text is not valid UTF-8");
    }

    #[test]
    fn endless_and_deep_values_end_in_an_error() {
        for (start, endless) in [
            ("[{\"text\":\"", b'x'),
            ("[", b'['),
            ("{\"text\":", b'['),
            ("{\"", b'a'),
            ("[", b'1'),
        ] {
            let bytes = Cursor::new(start.as_bytes().to_vec()).chain(io::repeat(endless));
            let records =
                JsonRecords::with_limit("t.json".into(), Box::new(bytes), "text", 1 << 20);
            let error = records
                .and_then(|mut records| records.next_object())
                .unwrap_err();
            assert!(
                error.to_string().contains("the record is larger than 1 MB"),
                "{start}: {error}"
            );
        }
        // A first object of many small values.
        let keys: Vec<String> = (0..1 << 16).map(|i| format!("\"k{i:09}\":1")).collect();
        let many = Cursor::new(format!("{{{}", keys.join(",")).into_bytes());
        let records = JsonRecords::with_limit("t.json".into(), Box::new(many), "text", 1 << 19);
        let error = records.err().unwrap().to_string();
        assert!(error.contains("the record is larger than"), "{error}");
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_read_back(
            rows in prop::collection::vec(("[a\"\\\\\n{}\\[\\],:é😀]{0,8}", any::<Option<i64>>()), 0..6),
        ) {
            let values: Vec<serde_json::Value> = rows
                .iter()
                .map(|(text, n)| serde_json::json!({"text": text, "n": [n], "o": {"t": text}}))
                .collect();
            let array = serde_json::to_string(&values).unwrap();
            let pretty = serde_json::to_string_pretty(&values).unwrap();
            let lines: String = values.iter().map(|v| serde_json::to_string_pretty(v).unwrap() + "\n").collect();
            let nested = serde_json::json!({"version": [{}], "rows": values}).to_string();
            let column = |key: &str| -> Vec<&serde_json::Value> { values.iter().map(|v| &v[key]).collect() };
            let columns = serde_json::json!({"text": column("text"), "n": column("n"), "o": column("o")});
            let columns = serde_json::to_string_pretty(&columns).unwrap();
            for (json, many) in [(array, true), (pretty, true), (lines, true), (nested, !values.is_empty()), (columns, true)] {
                let bytes = Box::new(Cursor::new(json.clone().into_bytes()));
                let mut records = JsonRecords::new("t.json".into(), bytes, "text").unwrap();
                let mut found = Vec::new();
                while let Some(object) = records.next_object().unwrap() {
                    let text: String = object.entries().map(|(k, v)| format!("{}:{},", serde_json::json!(k), v.get())).collect();
                    let text = format!("{{{}}}", text.trim_end_matches(','));
                    found.push(serde_json::from_str::<serde_json::Value>(&text).unwrap());
                }
                if many {
                    prop_assert_eq!(&found, &values, "{}", json);
                }
            }
        }

        #[test]
        fn any_bytes_end_in_rows_or_an_error(bytes in "[\\[\\]{}\",:\\\\a1 \n]{0,60}") {
            let _ = all(&bytes);
        }
    }
}
