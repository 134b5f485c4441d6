//! Files of label names, as they lie beside tables of ids: fast-bert's `labels.csv`, a list of
//! classes in JSON, a name a line.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cells::trim;
use crate::error::TableError;
use crate::names::name_of;

/// Words that a column of names has in its header.
const HEADERS: [&str; 8] = [
    "label", "labels", "name", "names", "class", "classes", "category", "tag",
];

/// Names of labels, that of id 0 first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelNames {
    /// The names.
    pub names: Vec<String>,
    /// The line above them, where it is called as headers are. It is a name too where a table needs
    /// it: where an id or a place in a list would have no name without it, or a cell names it.
    pub header: Option<String>,
}

impl LabelNames {
    /// The same as columns and cells have them.
    fn normalized(self) -> Self {
        let normalized = |name: String| name_of(&name);
        Self {
            names: self.names.into_iter().map(normalized).collect(),
            header: self.header.map(normalized),
        }
    }

    /// Whether these come to `names`, their header being one of them or not.
    pub(crate) fn may_be(&self, names: &[String]) -> bool {
        let header = names.strip_suffix(&*self.names);
        header.is_some_and(|header| match header {
            [] => true,
            [header] => self.header.as_ref() == Some(header),
            _ => false,
        })
    }
}

impl From<Vec<String>> for LabelNames {
    fn from(names: Vec<String>) -> Self {
        Self {
            names,
            header: None,
        }
    }
}

/// Reads the names of labels from a file, that of id 0 first: a name a line; `id,name` a line; or,
/// in a file that ends in `.json`, a list of names or an object from id to name (`id2label`).
///
/// # Errors
///
/// When the file cannot be read or is none of these, when an id from 0 up is missing, and when a
/// name is blank or stands twice.
pub fn read_label_names(path: &Path) -> Result<LabelNames, TableError> {
    let text = fs::read_to_string(path).map_err(|error| TableError::Open {
        source_name: path.display().to_string(),
        error,
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let is_json = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let given = if is_json {
        of_json(text).map(LabelNames::from)
    } else {
        of_lines(text)
    };
    given
        .map(LabelNames::normalized)
        .and_then(|given| check(&given.names).map(|()| given))
        .map_err(|problem| TableError::LabelNames {
            path: path.to_owned(),
            problem,
        })
}

fn of_json(text: &str) -> Result<Vec<String>, String> {
    let expected = "expected a list of names, or an object from id to name";
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("{error}; {expected}"))?;
    let name = |value: &Value| value.as_str().map(str::to_owned);
    match &value {
        Value::Array(values) => values.iter().map(name).collect(),
        Value::Object(entries) => {
            let pair = |(id, value): (&String, &Value)| Some((id.parse().ok()?, name(value)?));
            return in_order(
                entries
                    .iter()
                    .map(pair)
                    .collect::<Option<_>>()
                    .ok_or(expected)?,
            );
        }
        _ => None,
    }
    .ok_or_else(|| expected.to_owned())
}

fn of_lines(text: &str) -> Result<LabelNames, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let records: Result<Vec<_>, _> = reader.records().collect();
    let records = records.map_err(|error| error.to_string())?;
    let numbered: Vec<_> = records.iter().map(numbered).collect();
    // The header of ids is no id.
    let n_headers = usize::from(numbered.first().is_some_and(Option::is_none));
    if numbered.len() > n_headers && numbered[n_headers..].iter().all(Option::is_some) {
        return in_order(numbered.into_iter().flatten().collect()).map(LabelNames::from);
    }
    let mut names: Vec<String> = text.lines().map(|line| unquoted(trim(line))).collect();
    names.retain(|name| !name.is_empty());
    let has_header = names.len() > 1 && HEADERS.contains(&names[0].to_lowercase().as_str());
    let header = has_header.then(|| names.remove(0));
    Ok(LabelNames { names, header })
}

/// A record of an id and a name.
fn numbered(record: &csv::StringRecord) -> Option<(usize, String)> {
    match (record.len(), record.get(0), record.get(1)) {
        (2, Some(id), Some(name)) => Some((trim(id).parse().ok()?, trim(name).to_owned())),
        _ => None,
    }
}

fn unquoted(line: &str) -> String {
    let inner = line
        .strip_prefix('"')
        .and_then(|line| line.strip_suffix('"'));
    inner.map_or_else(|| line.to_owned(), |inner| inner.replace("\"\"", "\""))
}

fn in_order(mut numbered: Vec<(usize, String)>) -> Result<Vec<String>, String> {
    numbered.sort();
    let gap = numbered
        .iter()
        .zip(0..)
        .find(|((id, _), place)| id != place);
    match gap {
        None => Ok(numbered.into_iter().map(|(_, name)| name).collect()),
        Some(((id, _), place)) => Err(format!(
            "ids go from 0 up, each once, but {id} stands where {place} is expected"
        )),
    }
}

/// That there are names, that none is blank, and that each is there once.
pub(crate) fn check(names: &[String]) -> Result<(), String> {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("the name `{}` stands twice", pair[0]));
    }
    if names.is_empty() {
        return Err("there is no name in it".into());
    }
    if names.iter().any(|name| trim(name).is_empty()) {
        return Err("a name is blank".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<String, String> {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        read_label_names(&path)
            .map(|given| {
                let header = given.header.map(|header| format!("({header})"));
                header.unwrap_or_default() + &given.names.join("|")
            })
            .map_err(|error| {
                error
                    .to_string()
                    .rsplit('/')
                    .next()
                    .unwrap_or("")
                    .to_owned()
            })
    }

    #[test]
    fn names_are_read_from_the_files_that_there_are() {
        let cases = [
            (
                "a name a line",
                "labels.txt",
                "toxic\nsevere toxic\r\n\nhate\n",
                "toxic|severe toxic|hate",
            ),
            (
                "fast-bert",
                "labels.csv",
                "\u{feff}toxic\nhate",
                "toxic|hate",
            ),
            (
                "with a header",
                "labels.csv",
                "Label\ntoxic\nhate\n",
                "(Label)toxic|hate",
            ),
            (
                "a comma in a name",
                "labels.txt",
                "food, drinks\nsports\n",
                "food, drinks|sports",
            ),
            (
                "a quoted name",
                "labels.csv",
                "\"food, drinks\"\nsports\n",
                "food, drinks|sports",
            ),
            ("ids", "labels.csv", "1,hate\n0,toxic\n", "toxic|hate"),
            (
                "ids with a header",
                "labels.csv",
                "id,name\n0,toxic\n1,\"a, b\"\n",
                "toxic|a, b",
            ),
            ("json", "labels.json", r#"["toxic", "hate"]"#, "toxic|hate"),
            (
                "id2label",
                "labels.json",
                r#"{"1": "hate", "0": "toxic"}"#,
                "toxic|hate",
            ),
        ];
        for (name, file, text, expected) in cases {
            assert_eq!(read(file, text).as_deref(), Ok(expected), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("labels.txt", "", "labels.txt: there is no name in it"),
            (
                "labels.txt",
                "a\nb\na\n",
                "labels.txt: the name `a` stands twice",
            ),
            (
                "labels.json",
                "[\"a\", \" \"]",
                "labels.json: a name is blank",
            ),
            (
                "labels.csv",
                "0,a\n2,b\n",
                "labels.csv: ids go from 0 up, each once, but 2 stands where 1 is expected",
            ),
            (
                "labels.json",
                "[1]",
                "labels.json: expected a list of names, or an object from id to name",
            ),
        ];
        for (file, text, expected) in cases {
            assert_eq!(read(file, text).unwrap_err(), expected);
        }
        assert!(
            read("labels.json", "[")
                .unwrap_err()
                .contains("expected a list of names")
        );
        assert!(read_label_names(Path::new("no such file")).is_err());
    }
}
