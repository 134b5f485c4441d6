//! How labels are written, on the command line.

use std::path::Path;

use clap::Args as ClapArgs;
use multihot::{LabelFormat, LabelNames, LabelOptions, ReadOptions, TableError, Words};
use multihot::{comma_separated, names_in, read_label_names};

use super::{ColumnArgs, List, given, names};

/// Where labels stand and how they are written; without these the cells show it.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Labels")]
#[group(id = "label_options", multiple = true)]
pub struct LabelArgs {
    /// Columns of yes and no, one a label; or the one column, or question of an export, that holds
    /// all labels
    #[arg(long, value_name = "A,B,C")]
    pub labels: Option<Vec<List>>,
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
    #[arg(long, value_name = "WORDS")]
    pub yes: Vec<List>,
    /// More words for no; `--no ''` takes blank cells for no
    #[arg(long, value_name = "WORDS")]
    pub no: Vec<List>,
    /// More words for unknown
    #[arg(long, value_name = "WORDS")]
    pub unknown: Vec<List>,
    /// Take numbers between 0 and 1 for chances to train toward; a yes from 0.5 up elsewhere
    #[arg(long)]
    pub soft_targets: bool,
}

impl LabelArgs {
    /// The library's options, with those of `columns`.
    pub fn options(&self, columns: &ColumnArgs) -> Result<ReadOptions, TableError> {
        Ok(ReadOptions {
            labels: self.labels.as_deref().map(names),
            label_options: LabelOptions {
                format: self.label_format,
                delimiter: self.label_delimiter.clone(),
                names: self.label_names.as_deref().map(label_names).transpose()?,
                words: Words {
                    yes: names(&self.yes),
                    no: names(&self.no),
                    unknown: names(&self.unknown),
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
        let mut arguments = given([
            ("--labels", self.labels.as_deref().and_then(joined)),
            ("--label-format", format),
            ("--label-delimiter", self.label_delimiter.clone()),
            ("--label-names", self.label_names.clone()),
            ("--yes", joined(&self.yes)),
            ("--no", joined(&self.no)),
            ("--unknown", joined(&self.unknown)),
        ]);
        arguments.extend(self.soft_targets.then(|| "--soft-targets".to_owned()));
        arguments
    }
}

fn joined(lists: &[List]) -> Option<String> {
    (!lists.is_empty()).then(|| comma_separated(&names(lists)))
}

/// The names of a file, or those between commas.
fn label_names(text: &str) -> Result<LabelNames, TableError> {
    let path = Path::new(text);
    if path.is_file() || !text.contains(',') {
        return read_label_names(path);
    }
    Ok(names_in(text).into())
}
