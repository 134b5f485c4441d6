//! How labels are written, on the command line.

use std::path::Path;

use clap::Args as ClapArgs;
use multihot::{
    LabelFormat, LabelNames, LabelOptions, ReadOptions, TableError, Words, read_label_names,
};

use super::ColumnArgs;

/// Where labels stand and how they are written; without these the cells show it.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Labels")]
#[group(id = "label_options", multiple = true)]
pub struct LabelArgs {
    /// Columns of yes and no, one a label; or the one column, or question of an export, that holds
    /// all labels
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    pub labels: Option<Vec<String>>,
    /// How they are written: `columns`, `names`, `ids`, `multi-hot`, `delimited`, `fasttext`,
    /// `cats`, `argilla`, `label-studio`, `prodigy`, `sagemaker` or `azure`
    #[arg(long, value_name = "FORMAT")]
    pub label_format: Option<LabelFormat>,
    /// What stands between names in a cell; a blank stands for any white space
    #[arg(long, value_name = "STRING")]
    pub label_delimiter: Option<String>,
    /// Names of the labels, that of id 0 first: a file with one a line or `id,name`, or the names
    #[arg(long, value_name = "FILE|A,B,C")]
    pub label_names: Option<String>,
    /// More words for yes, in any case
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    pub yes: Vec<String>,
    /// More words for no; `--no ''` takes blank cells for no
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    pub no: Vec<String>,
    /// More words for unknown
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    pub unknown: Vec<String>,
    /// Take numbers between 0 and 1 for chances to train toward; a yes from 0.5 up elsewhere
    #[arg(long)]
    pub soft_targets: bool,
}

impl LabelArgs {
    /// The library's options, with those of `columns`.
    pub fn options(&self, columns: &ColumnArgs) -> Result<ReadOptions, TableError> {
        Ok(ReadOptions {
            labels: self.labels.clone(),
            label_options: LabelOptions {
                format: self.label_format,
                delimiter: self.label_delimiter.clone(),
                names: self.label_names.as_deref().map(names).transpose()?,
                words: Words {
                    yes: self.yes.clone(),
                    no: self.no.clone(),
                    unknown: self.unknown.clone(),
                },
                soft_targets: self.soft_targets,
                ..LabelOptions::default()
            },
            ..columns.options()
        })
    }

    /// What was passed, to be passed again.
    pub fn arguments(&self) -> Vec<String> {
        let format = self.label_format.map(|format| format.to_string());
        let options = [
            (
                "--labels",
                self.labels.as_ref().map(|labels| labels.join(",")),
            ),
            ("--label-format", format),
            ("--label-delimiter", self.label_delimiter.clone()),
            ("--label-names", self.label_names.clone()),
            ("--yes", joined(&self.yes)),
            ("--no", joined(&self.no)),
            ("--unknown", joined(&self.unknown)),
        ];
        let passed = options
            .into_iter()
            .filter_map(|(option, value)| Some([option.into(), value?]));
        let flag = self.soft_targets.then(|| "--soft-targets".to_owned());
        passed.flatten().chain(flag).collect()
    }
}

fn joined(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| words.join(","))
}

/// The names of a file, or those between commas.
fn names(text: &str) -> Result<LabelNames, TableError> {
    let path = Path::new(text);
    if path.is_file() || !text.contains(',') {
        return read_label_names(path);
    }
    let names = text.split(',').map(|name| name.trim().to_owned());
    Ok(names.collect::<Vec<_>>().into())
}
