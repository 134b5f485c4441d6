//! How the labels of a table are written: a column of yes/no words for each, or one column, or one
//! export of an annotation tool, that says it all.
//!
//! `shape.rs` finds out which it is, `listed.rs` reads a cell that has several labels in it (a list
//! in JSON or Python by `literal.rs`, names with something between them by `delimited.rs`),
//! `exports.rs` and `fasttext.rs` read what tools write, `names.rs` files of label names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cells::Words;
pub use names::LabelNames;

pub(crate) mod delimited;
pub(crate) mod exports;
pub(crate) mod fasttext;
pub(crate) mod listed;
pub(crate) mod literal;
pub(crate) mod names;
pub(crate) mod shape;

/// How labels are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelFormat {
    /// A column of yes/no words for each label.
    #[default]
    Columns,
    /// A list of the names that hold, in JSON or as Python writes it.
    Names,
    /// A list of the numbers of the labels that hold.
    Ids,
    /// A list with a number from 0 to 1 for each label.
    MultiHot,
    /// Names in one cell with something between them.
    Delimited,
    /// `__label__a __label__b` before each text.
    Fasttext,
    /// A dictionary from label to 0, 1 or a chance; labels that it lacks are unknown.
    Cats,
    /// Records of Argilla, with the responses of a question of several labels.
    Argilla,
    /// Tasks of Label Studio, with the choices of their annotations.
    LabelStudio,
    /// Tasks of Prodigy: `options` and `accept`, or `label`, with `answer`.
    Prodigy,
    /// An augmented manifest of SageMaker Ground Truth.
    Sagemaker,
    /// Documents of a project of Azure, with their classes.
    Azure,
}

const FORMATS: [(LabelFormat, &str); 12] = [
    (LabelFormat::Columns, "columns"),
    (LabelFormat::Names, "names"),
    (LabelFormat::Ids, "ids"),
    (LabelFormat::MultiHot, "multi-hot"),
    (LabelFormat::Delimited, "delimited"),
    (LabelFormat::Fasttext, "fasttext"),
    (LabelFormat::Cats, "cats"),
    (LabelFormat::Argilla, "argilla"),
    (LabelFormat::LabelStudio, "label-studio"),
    (LabelFormat::Prodigy, "prodigy"),
    (LabelFormat::Sagemaker, "sagemaker"),
    (LabelFormat::Azure, "azure"),
];

impl LabelFormat {
    /// Whether it is read from whole records, not from one column.
    pub(crate) fn is_export(self) -> bool {
        matches!(
            self,
            Self::Argilla | Self::LabelStudio | Self::Prodigy | Self::Sagemaker | Self::Azure
        )
    }

    /// What a message calls it.
    pub(crate) fn described(self) -> &'static str {
        match self {
            Self::Columns => "a yes/no column for each label",
            Self::Names => "lists of names",
            Self::Ids => "lists of ids",
            Self::MultiHot => "lists with a number for each label",
            Self::Delimited => "names with a delimiter between them",
            Self::Fasttext => "`__label__` before each text",
            Self::Cats => "a value for each label",
            Self::Argilla => "responses of Argilla",
            Self::LabelStudio => "choices of Label Studio",
            Self::Prodigy => "answers of Prodigy",
            Self::Sagemaker => "a SageMaker manifest",
            Self::Azure => "classes of Azure",
        }
    }
}

impl FromStr for LabelFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = |&&(_, known): &&(LabelFormat, &str)| known == name;
        FORMATS
            .iter()
            .find(known)
            .map(|(format, _)| *format)
            .ok_or_else(|| {
                let names: Vec<&str> = FORMATS.iter().map(|(_, name)| *name).collect();
                format!(
                    "`{name}` is no format of labels; there are {}",
                    names.join(", ")
                )
            })
    }
}

impl fmt::Display for LabelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = FORMATS.iter().find(|(format, _)| format == self);
        f.write_str(name.map_or("columns", |(_, name)| *name))
    }
}

/// What a person may say about how labels are written; everything has a default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelOptions {
    /// How they are written; without it the cells show it.
    pub format: Option<LabelFormat>,
    /// What stands between names in one cell; a blank stands for any white space.
    pub delimiter: Option<String>,
    /// The names of the labels: that of id 0 first. With lists of names, the names there are.
    pub names: Option<LabelNames>,
    /// Words for yes, no and unknown besides those of every table.
    pub words: Words,
    /// Takes numbers between 0 and 1 for what a label is trained toward.
    pub soft_targets: bool,
    /// How another table with the same labels was read, which counts where the table at hand does
    /// not have a column for each of `expected`.
    pub remembered: Option<LabelReading>,
    /// The labels that the table must have, in this order, however they are written.
    pub expected: Option<Vec<String>>,
}

/// How the labels of a table were read: what it takes to read another one like it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelReading {
    /// How they are written.
    pub format: LabelFormat,
    /// The column, or the question of an export, that they stand in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What stands between names; `None` where nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// The names of ids and of the places in lists, where they were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// Words besides those of every table.
    #[serde(default, skip_serializing_if = "Words::is_empty")]
    pub words: Words,
    /// Whether numbers between 0 and 1 are targets.
    #[serde(default)]
    pub soft_targets: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_the_names_they_are_stored_by() {
        for (format, name) in FORMATS {
            assert_eq!(name.parse(), Ok(format));
            assert_eq!(format.to_string(), name);
            assert_eq!(serde_json::to_value(format).unwrap(), name);
        }
        assert_eq!(
            "list".parse::<LabelFormat>().unwrap_err(),
            "`list` is no format of labels; there are columns, names, ids, multi-hot, delimited, \
             fasttext, cats, argilla, label-studio, prodigy, sagemaker, azure"
        );
    }

    #[test]
    fn a_reading_is_stored_in_few_words() {
        let plain = LabelReading::default();
        let json = serde_json::to_string(&plain).unwrap();
        assert_eq!(json, r#"{"format":"columns","soft_targets":false}"#);
        let full = LabelReading {
            format: LabelFormat::MultiHot,
            column: Some("labels".into()),
            delimiter: Some("|".into()),
            names: Some(vec!["a".into()]),
            words: Words {
                yes: vec!["x".into()],
                ..Words::default()
            },
            soft_targets: true,
        };
        for reading in [plain, full] {
            let json = serde_json::to_string(&reading).unwrap();
            assert_eq!(
                serde_json::from_str::<LabelReading>(&json).unwrap(),
                reading
            );
        }
    }
}
