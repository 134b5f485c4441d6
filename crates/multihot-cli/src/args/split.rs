//! The command line of `split`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{ReadArgs, column, number};

#[derive(Debug, ClapArgs)]
pub struct SplitArgs {
    /// Table to split: a file, several, a pattern in quotes, or `-` for standard input
    #[arg(required = true, value_name = "TABLE")]
    pub table: Vec<String>,
    /// Folder to write the parts to
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Share of the rows for dev.csv, to choose thresholds and models with
    #[arg(long, value_parser = number::<f64>, value_name = "SHARE", default_value_t = 0.1)]
    pub dev: f64,
    /// Share of the rows for test.csv, to be looked at once; 0 for none
    #[arg(long, value_parser = number::<f64>, value_name = "SHARE", default_value_t = 0.1)]
    pub test: f64,
    /// K pairs fold-1/train.csv and fold-1/dev.csv instead: each row is held out in one of them
    #[arg(long, value_name = "K", conflicts_with_all = ["dev", "test"])]
    pub folds: Option<usize>,
    /// Column whose equal cells keep rows in one part: an author, a document
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub group: Option<String>,
    /// Start of every random choice
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub read: ReadArgs,
    /// Replace the split that stands at FOLDER
    #[arg(long)]
    pub overwrite: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}
