//! Where a table comes from, and what a person may say about it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::encoding::Encoding;
use crate::error::TableError;
use crate::format::{Delimiter, Format};
use crate::labels::LabelOptions;

/// The largest record that is read: one line of a table, or of a CSV all lines of its cells.
/// A text of 10 MB must pass, and a file that is no table must not fill the memory.
pub(crate) const RECORD_LIMIT: usize = 256 << 20;

/// A file, several, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file, whose ending says how it is written.
    File(PathBuf),
    /// Standard input, written `-`.
    Stdin,
    /// The files whose names match a pattern such as `data/*.csv`, in the order of their names.
    Pattern(String),
    /// Several sources with the same columns, one behind the other.
    Many(Vec<Source>),
    /// One of the others, read to its end, from [`Source::held`].
    Held(Box<Source>, Arc<[u8]>),
}

impl From<&str> for Source {
    /// `-` is standard input. A name with `*`, `?` or `[` in it is a pattern, unless there is
    /// such a file.
    fn from(name: &str) -> Self {
        if name == "-" {
            Source::Stdin
        } else if name.contains(['*', '?', '[']) && !Path::new(name).exists() {
            Source::Pattern(name.to_owned())
        } else {
            Source::File(PathBuf::from(name))
        }
    }
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Self {
        match path.to_str() {
            Some(name) => name.into(),
            None => Source::File(path.to_owned()),
        }
    }
}

impl<S: AsRef<str>> From<&[S]> for Source {
    /// One name is that source; several are one table.
    fn from(names: &[S]) -> Self {
        match names {
            [name] => name.as_ref().into(),
            names => Source::Many(names.iter().map(|name| name.as_ref().into()).collect()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(path) => path.display().fmt(f),
            Source::Stdin => f.write_str("standard input"),
            Source::Pattern(pattern) => f.write_str(pattern),
            Source::Many(sources) => match sources.as_slice() {
                [] => f.write_str("no file"),
                [only] => only.fmt(f),
                [first, others @ ..] => write!(f, "{first} and {} more", others.len()),
            },
            Source::Held(source, _) => source.fmt(f),
        }
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
    /// How the table is written; without it the file's ending and its first bytes say so, and on
    /// standard input a line starting with `{` is a JSON object and any other line is a text.
    pub format: Option<Format>,
    /// What stands between the cells; without it the header shows it.
    pub delimiter: Option<Delimiter>,
    /// How characters are written as bytes; without it UTF-8 and UTF-16 are told apart, and cells
    /// that are neither are taken for Windows-1252.
    pub encoding: Option<Encoding>,
    /// The sheet of a workbook; the first one unless given.
    pub sheet: Option<String>,
    /// The first row of cells is one like the others, and the columns are called `1`, `2`, `3`, …
    pub no_header: bool,
}

impl ReadOptions {
    pub(crate) fn text_columns(&self) -> Vec<String> {
        if self.text.is_empty() {
            vec!["text".into()]
        } else {
            self.text.clone()
        }
    }

    /// The first of them, by which a header is recognised.
    pub(crate) fn first_text_column(&self) -> &str {
        self.text.first().map_or("text", String::as_str)
    }

    /// A column that the first row of cells names, where that is a header.
    pub(crate) fn column_of_header(&self) -> Option<&str> {
        (!self.no_header).then(|| self.first_text_column())
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

impl Source {
    /// The single sources that this one stands for, at least one.
    ///
    /// # Errors
    ///
    /// When a pattern matches no file, or cannot be read as a pattern; when standard input is one
    /// of several.
    pub fn files(&self) -> Result<Vec<Source>, TableError> {
        match self {
            Source::Pattern(pattern) => matches(pattern),
            Source::Many(sources) => {
                if sources.len() > 1 && sources.contains(&Source::Stdin) {
                    return Err(TableError::StdinAmongOthers);
                }
                let files: Result<Vec<_>, _> = sources.iter().map(Source::files).collect();
                Ok(files?.concat())
            }
            single => Ok(vec![single.clone()]),
        }
    }

    /// The file of this source that is `place`, or stands in it, wherever links lead; files that
    /// cannot be found are left to who reads them.
    pub fn file_in(&self, place: &Path) -> Option<PathBuf> {
        let place = place.canonicalize().ok()?;
        let is_in_it = |file: &PathBuf| {
            let file = file.canonicalize();
            file.is_ok_and(|file| file.starts_with(&place))
        };
        let files = self.files().ok()?.into_iter();
        let mut files = files.filter_map(|source| match source {
            Source::File(file) => Some(file),
            _ => None,
        });
        files.find(is_in_it)
    }

    /// The bytes of a single source as they lie there.
    pub(crate) fn bytes(&self) -> Result<Box<dyn Read + Send>, TableError> {
        match self {
            Source::File(path) => File::open(path)
                .map(|file| Box::new(file) as _)
                .map_err(|error| self.cannot_open(error)),
            Source::Stdin => Ok(Box::new(io::stdin())),
            Source::Held(_, bytes) => Ok(Box::new(io::Cursor::new(Arc::clone(bytes)))),
            Source::Pattern(_) | Source::Many(_) => {
                unreachable!("`files` gives single sources")
            }
        }
    }

    /// The same source, to be read more than once: what is no file on disk, such as standard input
    /// or a pipe, is read now and held in memory.
    pub fn held(self) -> Result<Source, TableError> {
        if let Source::Pattern(_) | Source::Many(_) = self {
            let files = self.files()?.into_iter().map(Source::held);
            return Ok(Source::Many(files.collect::<Result<_, _>>()?));
        }
        if self.can_be_read_again() {
            return Ok(self);
        }
        let mut bytes = Vec::new();
        self.bytes()?
            .read_to_end(&mut bytes)
            .map_err(|error| self.cannot_open(error))?;
        Ok(Source::Held(Box::new(self), bytes.into()))
    }

    /// Whether the bytes can be read a second time.
    pub fn can_be_read_again(&self) -> bool {
        match self {
            Source::File(path) => path.is_file(),
            Source::Stdin => false,
            Source::Held(..) | Source::Pattern(_) => true,
            Source::Many(sources) => sources.iter().all(Source::can_be_read_again),
        }
    }

    pub(crate) fn cannot_open(&self, error: io::Error) -> TableError {
        TableError::Open {
            source_name: self.to_string(),
            error,
        }
    }
}

/// The files whose names match `pattern`, in order.
fn matches(pattern: &str) -> Result<Vec<Source>, TableError> {
    let options = glob::MatchOptions {
        // As in a shell.
        require_literal_leading_dot: true,
        ..glob::MatchOptions::new()
    };
    let paths = glob::glob_with(pattern, options).map_err(|error| TableError::BadPattern {
        pattern: pattern.to_owned(),
        problem: error.msg.to_owned(),
    })?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.map_err(|error| TableError::Open {
            source_name: error.path().display().to_string(),
            error: error.into(),
        })?;
        if !path.is_dir() {
            files.push(Source::File(path));
        }
    }
    if files.is_empty() {
        return Err(TableError::NoMatch {
            pattern: pattern.to_owned(),
        });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_held_and_a_file_is_not() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "text\nx\n").unwrap();
        let file = Source::File(path);
        assert_eq!(file.clone().held().unwrap(), file);

        let held = Source::Held(Box::new("b.csv".into()), b"text\nx\n"[..].into());
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
    fn names_say_what_they_stand_for() {
        let folder = tempfile::TempDir::new().unwrap();
        for name in ["b.csv", "a.csv", "c.jsonl", "odd[1].csv", ".a.csv"] {
            std::fs::write(folder.path().join(name), "text\nx\n").unwrap();
        }
        std::fs::create_dir(folder.path().join("d.csv")).unwrap();
        let name = |name: &str| folder.path().join(name).display().to_string();
        let files = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|one| name(one)).collect();
            let files = Source::from(names.as_slice()).files();
            files.map(|files| {
                files
                    .iter()
                    .map(|file| file.to_string())
                    .collect::<Vec<_>>()
            })
        };
        // In the order of their names, and folders left out.
        assert_eq!(files(&["?.csv"]).unwrap(), [name("a.csv"), name("b.csv")]);
        assert_eq!(files(&["*a.csv"]).unwrap(), [name("a.csv")]);
        assert_eq!(files(&["odd[1].csv"]).unwrap(), [name("odd[1].csv")]);
        assert_eq!(
            files(&["c.jsonl", "[ab].csv"]).unwrap(),
            [name("c.jsonl"), name("a.csv"), name("b.csv")]
        );
        let nothing = files(&["*.tsv"]).unwrap_err().to_string();
        assert_eq!(nothing, format!("no file matches `{}`", name("*.tsv")));
        let broken = files(&["a***.csv"]).unwrap_err().to_string();
        assert!(broken.contains("is no pattern"), "{broken}");
        let mixed = Source::from(&["-", "a.csv"][..]).files().unwrap_err();
        assert!(mixed.to_string().contains("standard input"), "{mixed}");
        assert_eq!(
            Source::from(&["a", "b", "c"][..]).to_string(),
            "a and 2 more"
        );
    }
}
