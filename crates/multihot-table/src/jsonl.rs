//! Lines in: JSON objects, texts, or both, with the number of the line.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, BufReader, Read};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::cells::trim;
use crate::error::{TableError, stopped};
use crate::names::name_of;
use crate::source::RECORD_LIMIT;

const BUFFER_BYTES: usize = 1 << 16;

/// The lines of a source, without their ends.
pub(crate) struct LineRecords {
    source_name: String,
    reader: BufReader<Box<dyn Read + Send>>,
    line: u64,
    limit: usize,
}

impl LineRecords {
    pub(crate) fn new(source_name: String, bytes: Box<dyn Read + Send>) -> Self {
        let reader = BufReader::with_capacity(BUFFER_BYTES, bytes);
        LineRecords {
            source_name,
            reader,
            line: 0,
            limit: RECORD_LIMIT,
        }
    }

    /// The number of the line that [`Self::next_line`] gave last.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// The next line; `\n` or `\r\n` ends it.
    pub(crate) fn next_line(&mut self) -> Result<Option<String>, TableError> {
        self.line += 1;
        let (line, limit) = (self.line, self.limit);
        let source_name = || self.source_name.clone();
        let mut bytes = Vec::new();
        let mut bounded = (&mut self.reader).take(limit as u64 + 1);
        bounded
            .read_until(b'\n', &mut bytes)
            .map_err(|error| stopped(&self.source_name, line, error))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if bytes.len() > limit {
            return Err(TableError::TooLarge {
                source_name: source_name(),
                line,
                limit,
            });
        }
        if bytes.ends_with(b"\n") {
            bytes.pop();
            bytes.pop_if(|byte| *byte == b'\r');
        }
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| TableError::NotUtf8 {
                source_name: source_name(),
                line,
            })
    }

    /// The next line that is not blank, as an object.
    pub(crate) fn next_object(&mut self) -> Result<Option<Object>, TableError> {
        while let Some(line) = self.next_line()? {
            if !line.trim_ascii().is_empty() {
                return self.object(&line, false).map(Some);
            }
        }
        Ok(None)
    }

    /// Reads `line`, the current one, as an object.
    pub(crate) fn object(&self, line: &str, may_be_text: bool) -> Result<Object, TableError> {
        let object = serde_json::from_str(line).map_err(|error| TableError::NotAnObject {
            source_name: self.source_name.clone(),
            line: self.line,
            problem: problem(&error),
            may_be_text,
        })?;
        unrepeated(&self.source_name, self.line, object)
    }
}

/// `object`, where no key of it is there twice.
pub(crate) fn unrepeated(
    source_name: &str,
    line: u64,
    object: Object,
) -> Result<Object, TableError> {
    match object.repeated_key() {
        None => Ok(object),
        Some(key) => Err(TableError::NamedTwice {
            source_name: source_name.to_owned(),
            line,
            column: key.to_owned(),
        }),
    }
}

/// What the parser says, without the line: it counts within our line, where there is only one.
pub(crate) fn problem(error: &serde_json::Error) -> String {
    let said = error
        .to_string()
        .replace(" at line 1 column ", " at column ");
    said.strip_suffix(" at column 0")
        .unwrap_or(&said)
        .to_owned()
}

/// A JSON object as it stands: keys in order, values as they are written.
///
/// Values stay raw because parsing would round what a person may rely on: an id of 25 digits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object(Vec<(String, Box<RawValue>)>);

impl Object {
    pub(crate) fn new(entries: Vec<(String, Box<RawValue>)>) -> Self {
        Object(entries)
    }

    pub(crate) fn into_entries(self) -> Vec<(String, Box<RawValue>)> {
        self.0
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(key, value)| (key.as_str(), &**value))
    }

    pub(crate) fn get(&self, key: &str) -> Option<&RawValue> {
        self.entries()
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    /// The value at `path`: that of a key of this name, or one within objects, as `data.text`.
    pub(crate) fn at(&self, path: &str) -> Option<Cow<'_, RawValue>> {
        if let Some(value) = self.get(path) {
            return Some(Cow::Borrowed(value));
        }
        // A key may have a dot of its own.
        let mut splits = path.match_indices('.').map(|(at, _)| path.split_at(at));
        splits.find_map(|(head, rest)| {
            let inner: Object = serde_json::from_str(self.get(head)?.get()).ok()?;
            inner
                .at(&rest[1..])
                .map(|value| Cow::Owned(value.into_owned()))
        })
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.entries().map(|(key, _)| key.to_owned()).collect()
    }

    fn repeated_key(&self) -> Option<&str> {
        let mut keys: Vec<&str> = self.entries().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.windows(2)
            .find(|pair| pair[0] == pair[1])
            .map(|pair| pair[0])
    }
}

/// A key as the name of a column; most are one as they are.
pub(crate) fn as_name(key: String) -> String {
    let name = trim(&key);
    if key.is_ascii() && name.len() == key.len() {
        return key;
    }
    name_of(name)
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    let (key, value): (String, _) = entry;
                    entries.push((as_name(key), value));
                }
                Ok(Object(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor};

    use super::*;

    #[test]
    fn a_path_leads_into_objects() {
        let object: Object = serde_json::from_str(
            r#"{"a":{"b":{"c":1},"d.e":2},"f.g":{"h":3},"a.x":4,"n":null,"t":"x"}"#,
        )
        .unwrap();
        let cases = [
            ("t", Some("\"x\"")),
            ("a.b", Some("{\"c\":1}")),
            ("a.b.c", Some("1")),
            ("a.d.e", Some("2")),
            ("f.g.h", Some("3")),
            ("a.x", Some("4")),
            ("n", Some("null")),
            ("n.x", None),
            ("t.x", None),
            ("a.", None),
            (".", None),
            ("b", None),
        ];
        for (path, expected) in cases {
            let value = object.at(path);
            assert_eq!(value.as_ref().map(|value| value.get()), expected, "{path}");
        }
    }

    fn lines(bytes: &[u8]) -> LineRecords {
        LineRecords::new("t.jsonl".into(), Box::new(Cursor::new(bytes.to_vec())))
    }

    #[test]
    fn lines_are_counted_and_lose_their_ends() {
        let mut lines = lines(b"a\r\n\n b \r\nc\rd\ne");
        let expected = ["a", "", " b ", "c\rd", "e"];
        for (i, expected) in expected.into_iter().enumerate() {
            assert_eq!(lines.next_line().unwrap().as_deref(), Some(expected));
            assert_eq!(lines.line(), i as u64 + 1);
        }
        assert_eq!(lines.next_line().unwrap(), None);
    }

    #[test]
    fn objects_keep_their_values_as_written() {
        let mut lines =
            lines(b"\n {\"id\": 1234567890123456789012345, \"b\":[1, 2],\"a\":1.10} \n\n");
        let object = lines.next_object().unwrap().unwrap();
        assert_eq!(lines.line(), 2);
        assert_eq!(object.keys(), ["id", "b", "a"]);
        assert_eq!(object.get("id").unwrap().get(), "1234567890123456789012345");
        assert_eq!(object.get("b").unwrap().get(), "[1, 2]");
        assert_eq!(object.get("a").unwrap().get(), "1.10");
        assert!(object.get("c").is_none());
        assert!(lines.next_object().unwrap().is_none());
    }

    #[test]
    fn what_is_no_object_is_refused_with_its_line() {
        let cases: [(&[u8], &str); 7] = [
            (
                b"{}\n[1]\n",
                "t.jsonl:2: not a JSON object: invalid type: sequence, expected an object",
            ),
            (
                b"{\"a\":1",
                "t.jsonl:1: not a JSON object: EOF while parsing an object at column 6",
            ),
            (
                b"{\"a\":1} x",
                "t.jsonl:1: not a JSON object: trailing characters at column 9",
            ),
            (
                b"{\"a\":NaN}",
                "t.jsonl:1: not a JSON object: expected value at column 6",
            ),
            (
                b"{\"a\":1,\"\\u0061\":2}",
                "t.jsonl:1: column `a` is there twice",
            ),
            (
                b"{\"a\":\"\xE9\"}",
                "t.jsonl:1: the text is not valid UTF-8",
            ),
            (
                b"plain",
                "t.jsonl:1: not a JSON object: expected value at column 1",
            ),
        ];
        for (bytes, expected) in cases {
            let mut lines = lines(bytes);
            let error = loop {
                match lines.next_object() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{expected}: no error"),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn deep_nesting_and_endless_lines_end_in_an_error() {
        let deep = format!("{{\"a\":{}", "[".repeat(1_000_000));
        assert!(lines(deep.as_bytes()).next_object().is_err());
        let mut endless = LineRecords::new("t".into(), Box::new(io::repeat(b'x')));
        endless.limit = 1 << 20;
        let error = endless.next_line().unwrap_err();
        assert_eq!(
            error.to_string(),
            "t:1: the record is larger than 1 MB, the most that is read"
        );
    }
}
