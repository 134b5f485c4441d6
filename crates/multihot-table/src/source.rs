//! Where a table comes from, how it is written, and its bytes.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use crate::error::TableError;
use crate::labels::LabelOptions;

/// The largest record that is read: one line of a table, or of a CSV all lines of its cells.
/// A text of 10 MB must pass, and a file that is no table must not fill the memory.
pub(crate) const RECORD_LIMIT: usize = 256 << 20;

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// A file, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file, whose ending says how it is written.
    File(PathBuf),
    /// Standard input, written `-`.
    Stdin,
    /// One of the others, read to its end, from [`Source::held`].
    Held(Box<Source>, Arc<[u8]>),
}

impl From<&str> for Source {
    fn from(name: &str) -> Self {
        if name == "-" {
            Source::Stdin
        } else {
            Source::File(PathBuf::from(name))
        }
    }
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Self {
        if path == Path::new("-") {
            Source::Stdin
        } else {
            Source::File(path.to_owned())
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(path) => path.display().fmt(f),
            Source::Stdin => f.write_str("standard input"),
            Source::Held(source, _) => source.fmt(f),
        }
    }
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// A text a line.
    Lines,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "csv" => Ok(Format::Csv),
            "jsonl" => Ok(Format::Jsonl),
            "lines" => Ok(Format::Lines),
            _ => Err(format!(
                "`{name}` is no format of tables; there are csv, jsonl and lines"
            )),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Csv => "csv",
            Format::Jsonl => "jsonl",
            Format::Lines => "lines",
        })
    }
}

/// What a person may say about a table; everything has a default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadOptions {
    /// The text columns, `text` unless given. Several are joined in this order; blank ones are
    /// left out. In objects, `data.text` is the key `text` within `data`.
    pub text: Vec<String>,
    /// What stands between joined texts, a blank unless given.
    pub text_joiner: Option<String>,
    /// The column of the second text, where each row is a pair of texts.
    pub pair: Option<String>,
    /// The id column, `id` where there is one unless given.
    pub id: Option<String>,
    /// Exactly these columns are labels, in this order, or the one column holds them all; without
    /// them labels are found by the cells.
    pub labels: Option<Vec<String>>,
    /// Columns that are no labels, whatever their cells say.
    pub ignore: Vec<String>,
    /// The column that names each row's group; it is no label, whatever its cells say.
    pub group: Option<String>,
    /// The column of the rows' weights; it is no label, whatever its cells say.
    pub weight: Option<String>,
    /// How labels are written.
    pub label_options: LabelOptions,
    /// How the table is written; without it the file's ending says so, and on standard input a
    /// line starting with `{` is a JSON object and any other line is a text.
    pub format: Option<Format>,
}

impl ReadOptions {
    pub(crate) fn text_columns(&self) -> Vec<String> {
        if self.text.is_empty() {
            vec!["text".into()]
        } else {
            self.text.clone()
        }
    }

    pub(crate) fn text_joiner(&self) -> &str {
        self.text_joiner.as_deref().unwrap_or(" ")
    }

    /// The columns that have a part to play besides labels.
    pub(crate) fn roles(&self) -> impl Iterator<Item = &str> {
        let text = self.text.iter().map(String::as_str);
        let text = text.chain(self.text.is_empty().then_some("text"));
        let others = [&self.pair, &self.group, &self.weight];
        text.chain([self.id_column()])
            .chain(others.into_iter().filter_map(Option::as_deref))
    }

    pub(crate) fn id_column(&self) -> &str {
        self.id.as_deref().unwrap_or("id")
    }
}

/// How the bytes are cut into records: [`Format`], and the mix that standard input may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Csv,
    Jsonl,
    Lines,
    ObjectsAndLines,
}

impl Source {
    pub(crate) fn layout(&self, format: Option<Format>) -> Result<Layout, TableError> {
        match (format, self) {
            (Some(Format::Csv), _) => Ok(Layout::Csv),
            (Some(Format::Jsonl), _) => Ok(Layout::Jsonl),
            (Some(Format::Lines), _) => Ok(Layout::Lines),
            (None, Source::Stdin) => Ok(Layout::ObjectsAndLines),
            (None, Source::File(path)) => layout_by_ending(path),
            (None, Source::Held(source, _)) => source.layout(None),
        }
    }

    /// The bytes, without a byte order mark.
    pub(crate) fn bytes(&self) -> Result<Box<dyn Read + Send>, TableError> {
        let bytes: io::Result<Box<dyn Read + Send>> = match self {
            Source::File(path) => File::open(path).map(|file| Box::new(file) as _),
            Source::Stdin => Ok(Box::new(io::stdin())),
            Source::Held(_, bytes) => Ok(Box::new(io::Cursor::new(Arc::clone(bytes)))),
        };
        bytes
            .and_then(without_byte_order_mark)
            .map_err(|error| TableError::Open {
                source_name: self.to_string(),
                error,
            })
    }

    /// The same source, to be read more than once: what is no file on disk, such as standard input
    /// or a pipe, is read now and held in memory.
    pub fn held(self) -> Result<Source, TableError> {
        if self.can_be_read_again() {
            return Ok(self);
        }
        let mut bytes = Vec::new();
        let read = self.bytes()?.read_to_end(&mut bytes);
        read.map_err(|error| TableError::Open {
            source_name: self.to_string(),
            error,
        })?;
        Ok(Source::Held(Box::new(self), bytes.into()))
    }

    /// Whether the bytes can be read a second time.
    pub(crate) fn can_be_read_again(&self) -> bool {
        match self {
            Source::File(path) => path.is_file(),
            Source::Stdin => false,
            Source::Held(..) => true,
        }
    }
}

fn layout_by_ending(path: &Path) -> Result<Layout, TableError> {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase());
    match (ending.as_deref(), path.metadata()) {
        (Some("csv"), _) => Ok(Layout::Csv),
        (Some("jsonl" | "ndjson"), _) => Ok(Layout::Jsonl),
        (_, Ok(_)) => Err(TableError::UnknownEnding {
            path: path.to_owned(),
        }),
        (_, Err(error)) => Err(TableError::Open {
            source_name: path.display().to_string(),
            error,
        }),
    }
}

fn without_byte_order_mark(mut bytes: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
    let mut start = Vec::with_capacity(BYTE_ORDER_MARK.len());
    bytes
        .by_ref()
        .take(BYTE_ORDER_MARK.len() as u64)
        .read_to_end(&mut start)?;
    if start == BYTE_ORDER_MARK {
        start.clear();
    }
    Ok(Box::new(io::Cursor::new(start).chain(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_or_the_option_decides() {
        let cases = [
            ("a.csv", None, Some(Layout::Csv)),
            ("A.CSV", None, Some(Layout::Csv)),
            ("a.jsonl", None, Some(Layout::Jsonl)),
            ("a.ndjson", None, Some(Layout::Jsonl)),
            ("-", None, Some(Layout::ObjectsAndLines)),
            ("-", Some(Format::Lines), Some(Layout::Lines)),
            ("-", Some(Format::Csv), Some(Layout::Csv)),
            ("a.txt", Some(Format::Jsonl), Some(Layout::Jsonl)),
            ("a.txt", None, None),
        ];
        for (name, format, expected) in cases {
            assert_eq!(Source::from(name).layout(format).ok(), expected, "{name}");
        }
    }

    #[test]
    fn a_pipe_is_held_and_a_file_is_not() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "text\nx\n").unwrap();
        let file = Source::File(path);
        assert_eq!(file.clone().held().unwrap(), file);

        let held = Source::Held(Box::new("b.csv".into()), b"text\nx\n"[..].into());
        assert_eq!(held.layout(None).unwrap(), Layout::Csv);
        assert_eq!(held.to_string(), "b.csv");
        for _ in 0..2 {
            let mut text = String::new();
            held.bytes().unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "text\nx\n");
        }
        assert_eq!(held.clone().held().unwrap(), held);
        let missing = Source::from("no such file.csv").held().unwrap_err();
        assert!(
            missing
                .to_string()
                .starts_with("cannot open `no such file.csv`")
        );
    }

    #[test]
    fn a_byte_order_mark_is_skipped_once() {
        let cases: [(&[u8], &[u8]); 5] = [
            (b"", b""),
            (b"a", b"a"),
            (b"abcd", b"abcd"),
            (b"\xEF\xBB\xBF", b""),
            (b"\xEF\xBB\xBF\xEF\xBB\xBFa", b"\xEF\xBB\xBFa"),
        ];
        for (input, expected) in cases {
            let mut rest = Vec::new();
            let bytes = without_byte_order_mark(Box::new(input)).unwrap();
            { bytes }.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, expected, "{input:?}");
        }
    }
}
