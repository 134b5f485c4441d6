//! The command line of `bench`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use multihot::Family;
use multihot::bench::{Precision, Sweep};

use super::{ColumnArgs, family, number};

#[derive(Debug, ClapArgs)]
pub struct BenchArgs {
    /// Folder of an encoder or of a model
    pub folder: PathBuf,
    /// Table whose rows to measure too: a file, a pattern in quotes, or `-` for standard input
    pub table: Option<String>,
    /// Number types [default: f32, and what this machine multiplies faster]
    #[arg(long, value_enum, value_name = "A,B", value_delimiter = ',')]
    pub precision: Option<Vec<BenchPrecision>>,
    /// Tokens of the products in the roofline
    #[arg(
        long,
        value_name = "N,M",
        value_delimiter = ',',
        default_value = "512,2048"
    )]
    pub tokens: Vec<usize>,
    /// Lengths of rows, in tokens [default: 8,16,32,64,128,256,512 as far as the encoder reads]
    #[arg(long, value_name = "N,M", value_delimiter = ',')]
    pub lengths: Option<Vec<usize>>,
    /// Tokens of a batch whose rows have one length
    #[arg(long, value_name = "N", default_value_t = 2048)]
    pub batch_tokens: usize,
    /// Rows of a batch of other rows
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub batch_rows: usize,
    /// Say where the time of a batch goes, by kind of work
    #[arg(long)]
    pub breakdown: bool,
    /// Vary one thing at a time, for plots
    #[arg(long, value_enum, value_name = "A,B", value_delimiter = ',')]
    pub sweep: Vec<BenchSweep>,
    /// Time for each single measurement
    #[arg(long, value_parser = number::<f64>, value_name = "SECONDS", default_value_t = 1.0)]
    pub seconds: f64,
    /// Print one JSON object instead of tables
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub columns: ColumnArgs,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", help_heading = "Machine")]
    pub threads: Option<usize>,
    /// `model_type` of a folder whose config.json lacks it
    #[arg(long, value_parser = family, help_heading = "Machine")]
    pub family: Option<Family>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum BenchPrecision {
    /// Single precision
    F32,
    /// Its upper half
    Bf16,
    /// Eight bits, for prediction only
    Int8,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum BenchSweep {
    /// Tokens of a row, in batches of as many tokens
    Lengths,
    /// Rows of a batch
    Batch,
    /// Rows, in batches of as many rows
    Rows,
    /// Threads, up to `--threads`
    Threads,
}

impl From<BenchPrecision> for Precision {
    fn from(precision: BenchPrecision) -> Self {
        match precision {
            BenchPrecision::F32 => Precision::F32,
            BenchPrecision::Bf16 => Precision::Bf16,
            BenchPrecision::Int8 => Precision::Int8,
        }
    }
}

impl From<BenchSweep> for Sweep {
    fn from(sweep: BenchSweep) -> Self {
        match sweep {
            BenchSweep::Lengths => Sweep::Lengths,
            BenchSweep::Batch => Sweep::Batch,
            BenchSweep::Rows => Sweep::Rows,
            BenchSweep::Threads => Sweep::Threads,
        }
    }
}
