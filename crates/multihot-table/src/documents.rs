//! Documents of an Azure project: the text of each stands in a file of its own, beside the table.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use serde_json::value::to_raw_value;

use crate::encoding::{Encoding, Guess, START_BYTES, decoded};
use crate::error::TableError;
use crate::input::named;
use crate::jsonl::Object;
use crate::notes::Notes;
use crate::source::{RECORD_LIMIT, ReadOptions, Source};

/// Where the texts of documents are, and how they are read.
pub(crate) struct Documents {
    source_name: String,
    /// That of the table, where it is a file.
    folder: Option<PathBuf>,
    /// Nobody said where else the text is.
    are_wanted: bool,
    encoding: Option<Encoding>,
    notes: Notes,
}

impl Documents {
    /// Those that stand beside `source`.
    pub(crate) fn beside(source: &Source, options: &ReadOptions, notes: &Notes) -> Self {
        let folder = match named(source) {
            Source::File(path) => path.parent().map(Path::to_owned),
            _ => None,
        };
        Documents {
            source_name: source.to_string(),
            folder,
            are_wanted: options.text.iter().all(|text| text == "text"),
            encoding: options.encoding,
            notes: notes.clone(),
        }
    }

    /// The document `object` with a `text`, where it only says where its text is.
    pub(crate) fn with_text(&self, line: u64, object: Object) -> Result<Object, TableError> {
        let location = object.get("location").filter(|_| self.are_wanted);
        let location = location.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        let (Some(location), None) = (location, object.get("text")) else {
            return Ok(object);
        };
        let text = self
            .text(Path::new(&location))
            .and_then(|text| to_raw_value(&text).map_err(|error| error.to_string()))
            .map_err(|problem| TableError::NoDocument {
                source_name: self.source_name.clone(),
                line,
                location,
                problem,
            })?;
        let mut entries = vec![("text".to_owned(), text)];
        entries.extend(object.into_entries());
        Ok(Object::new(entries))
    }

    /// The text at `location`, or what is wrong with it.
    fn text(&self, location: &Path) -> Result<String, String> {
        let Some(folder) = &self.folder else {
            return Err("but only a table that is a file has others beside it".into());
        };
        // A table from elsewhere is not to show what lies anywhere on this machine.
        let is_below = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if !location.components().all(is_below) {
            return Err("which is not below the folder of the table".into());
        }
        let file = File::open(folder.join(location));
        file.and_then(|file| self.read(file))
            .map_err(|error| format!("which cannot be read: {error}"))
    }

    fn read(&self, mut file: File) -> io::Result<String> {
        let mut start = Vec::with_capacity(START_BYTES);
        file.by_ref()
            .take(START_BYTES as u64)
            .read_to_end(&mut start)?;
        let bytes = io::Cursor::new(start.clone()).chain(file);
        let text = decoded(bytes, &start, self.encoding, Guess::Any, self.notes.clone());
        let mut read = String::new();
        text.take(RECORD_LIMIT as u64 + 1)
            .read_to_string(&mut read)?;
        if read.len() > RECORD_LIMIT {
            let limit = RECORD_LIMIT >> 20;
            return Err(io::Error::other(format!("it has more than {limit} MB")));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::{Cell, LabelFormat, read};

    const PROJECT: &str = r#"{
        "projectFileVersion": "2022-05-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": "CustomMultiLabelClassification", "language": "fr"},
        "assets": {
            "projectKind": "CustomMultiLabelClassification",
            "classes": [{"category": "comedy"}, {"category": "drama"}],
            "documents": [
                {"location": "one.txt", "dataset": "Train", "classes": [{"category": "drama"}]},
                {"location": "more/two.txt", "classes": [{"category": "drama"}, {"category": "comedy"}]},
                {"location": "one.txt", "classes": []},
                {"location": "one.txt", "language": "fr"}
            ]
        }
    }"#;

    fn place(project: &str) -> (TempDir, Source) {
        let place = TempDir::new().unwrap();
        std::fs::create_dir(place.path().join("more")).unwrap();
        std::fs::write(place.path().join("one.txt"), "l'été\n\"là\"").unwrap();
        std::fs::write(place.path().join("more/two.txt"), b"d\xE9j\xE0 vu").unwrap();
        let path = place.path().join("project.json");
        std::fs::write(&path, project).unwrap();
        (place, Source::File(path))
    }

    #[test]
    fn texts_come_from_the_files_that_documents_name() {
        let alone = PROJECT
            .split_once("\"documents\":")
            .map(|(_, documents)| format!("{{\"documents\":{}", &documents[..documents.len() - 1]));
        for project in [PROJECT, &alone.unwrap()] {
            let (_place, source) = place(project);
            let table = read(&source, &ReadOptions::default()).unwrap();
            let texts: Vec<&str> = table.rows.iter().map(|row| row.text.as_str()).collect();
            assert_eq!(
                texts,
                ["l'été\n\"là\"", "déjà vu", "l'été\n\"là\"", "l'été\n\"là\""]
            );
            assert_eq!(table.labels, ["comedy", "drama"]);
            use Cell::{No, Unknown, Yes};
            assert_eq!(table.cells(), [No, Yes, Yes, Yes, No, No, Unknown, Unknown]);
            assert_eq!(table.reading.format, LabelFormat::Azure);
            assert_eq!(table.text_columns, ["text"]);
        }
    }

    #[test]
    fn a_document_that_is_not_there_is_said() {
        let outside = "which is not below the folder of the table";
        for (location, problem) in [
            ("three.txt", "which cannot be read: "),
            ("more", "which cannot be read: "),
            ("../project.json", outside),
            ("more/../../x", outside),
            ("/elsewhere/one.txt", outside),
        ] {
            let (_place, source) = place(&PROJECT.replace("more/two.txt", location));
            let error = read(&source, &ReadOptions::default()).unwrap_err();
            let (error, hint) = (error.to_string(), error.hint());
            let said = format!(":2: the text stands in `{location}`, {problem}");
            assert!(error.contains(&said), "{error}");
            assert!(hint.unwrap().contains("beside"), "{error}");
        }
        let (_place, source) = place(PROJECT);
        let Source::File(path) = source else {
            unreachable!("a file was made");
        };
        let bytes = std::fs::read(path).unwrap();
        let held = Source::Held(Box::new(Source::Stdin), bytes.into());
        let json = ReadOptions {
            format: Some(crate::Format::Json),
            ..ReadOptions::default()
        };
        let error = read(&held, &json).unwrap_err().to_string();
        assert!(
            error.ends_with("but only a table that is a file has others beside it"),
            "{error}"
        );
    }
}
