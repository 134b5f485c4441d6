//! The command line.

mod bench;
mod decisions;
mod labels;
mod list;
mod relations;
mod split;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use multihot::{Bootstrap, Delimiter, Encoding, Family, Format, Freeze, Pooling, ReadOptions};
use multihot::{PredictPrecision, Schedule, TableError, TrainPrecision};
use multihot::{Truncation, WindowOptions, WindowPooling};
use multihot::{comma_separated, name_of};

pub use bench::BenchArgs;
pub use decisions::{DecisionArgs, ThresholdArgs, TuneArgs};
pub use labels::LabelArgs;
pub use list::{List, names};
pub use relations::RelationArgs;
pub use split::SplitArgs;

/// Several yes/no questions about each text, answered by a fine-tuned encoder.
#[derive(Debug, Parser)]
#[command(name = "multihot", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done; 1 the data, a file or a check said no; 2 wrong usage, or it could not run."
)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Split a table into files to train, choose and test with, each with its share of every label
    Split(SplitArgs),
    /// Fine-tune an encoder on a table of texts with yes/no columns
    Train(Box<TrainArgs>),
    /// Choose calibrations and thresholds anew on held-out rows, without training
    Tune(TuneArgs),
    /// Compare a model's answers with those of a table
    Evaluate(EvaluateArgs),
    /// Compare two models' answers with those of a table, and with each other
    Compare(CompareArgs),
    /// Answer every row of a table
    Predict(PredictArgs),
    /// Say what a table, an encoder folder or a model folder is, and what is odd about it
    Inspect(InspectArgs),
    /// Measure this machine, and what a model makes of it
    Bench(BenchArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, ClapArgs)]
pub struct TrainArgs {
    /// Table to learn from: a file, several, a pattern in quotes, or `-` for standard input
    #[arg(required = true, value_name = "TABLE")]
    pub table: Vec<String>,
    /// Folder of the pretrained encoder, or of a model whose training goes on
    #[arg(long, value_name = "FOLDER")]
    pub encoder: PathBuf,
    /// Folder to write the model to
    #[arg(long, value_name = "MODEL")]
    pub out: PathBuf,
    /// Held-out table; without it a tenth of the rows is split off
    #[arg(long, value_name = "TABLE")]
    pub dev: Option<String>,
    /// Hold no rows out, and train a model for each of K folds besides: each row is scored by one
    /// that was not trained on it, and thresholds are chosen on all rows
    #[arg(long, value_name = "K", conflicts_with_all = ["dev", "resume"])]
    pub folds: Option<usize>,
    /// Column whose equal cells keep rows on one side, when rows are split off
    #[arg(long, value_name = "COLUMN", value_parser = column, conflicts_with = "dev")]
    pub group: Option<String>,
    #[command(flatten)]
    pub read: ReadArgs,
    #[command(flatten)]
    pub relations: RelationArgs,
    #[command(flatten)]
    pub decisions: DecisionArgs,
    /// Number type that matrices are multiplied in
    #[arg(long, value_enum, default_value_t = TrainPrecisionArg::Auto, help_heading = "Machine")]
    pub precision: TrainPrecisionArg,
    /// Pass through each layer again on the way back: less memory, more time, the same bits
    #[arg(long, help_heading = "Machine")]
    pub recompute: bool,
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Replace what stands at MODEL
    #[arg(long)]
    pub overwrite: bool,
    /// Continue a training that was stopped, from its last whole epoch
    #[arg(long, conflicts_with = "overwrite")]
    pub resume: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub report: ReportArgs,

    /// Passes over the rows
    #[arg(long, default_value_t = 3, help_heading = "Training")]
    pub epochs: u32,
    /// Highest learning rate of the encoder [default: 2e-4 up to width 384, 1e-4 up to 512, 5e-5 above]
    #[arg(long, value_parser = number::<f32>, value_name = "RATE", help_heading = "Training")]
    pub learning_rate: Option<f32>,
    /// Highest learning rate of the head [default: ten times the encoder's]
    #[arg(long, value_parser = number::<f32>, value_name = "RATE", help_heading = "Training")]
    pub head_learning_rate: Option<f32>,
    /// Rows of a batch [default: 32]
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "batch_tokens",
        help_heading = "Training"
    )]
    pub batch_rows: Option<usize>,
    /// Tokens of a batch, in place of a number of rows
    #[arg(long, value_name = "N", help_heading = "Training")]
    pub batch_tokens: Option<usize>,
    /// Batches whose gradients are added up before each update
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Training")]
    pub accumulation: usize,
    #[command(flatten)]
    pub long_texts: LongTextArgs,
    /// How a row's tokens become one vector [default: as the model whose training goes on, else cls]
    #[arg(long, value_enum, help_heading = "Training")]
    pub pooling: Option<PoolingArg>,
    #[command(flatten)]
    pub loss: LossArgs,
    /// Keep a part as it is: `embeddings`, a number of layers from the bottom, or `encoder`
    #[arg(long, value_name = "embeddings|N|encoder", value_parser = freeze, help_heading = "Training")]
    pub freeze: Option<Freeze>,
    /// Course of the learning rate after the warm-up
    #[arg(long, value_enum, default_value_t = ScheduleArg::Linear, help_heading = "Training")]
    pub schedule: ScheduleArg,
    /// Share of the steps over which the learning rate rises
    #[arg(
        value_parser = number::<f32>,
        long,
        value_name = "SHARE",
        default_value_t = 0.06,
        help_heading = "Training"
    )]
    pub warmup_share: f32,
    /// Weight decay of everything except biases and LayerNorm
    #[arg(
        value_parser = number::<f32>,
        long,
        value_name = "X",
        default_value_t = 0.01,
        help_heading = "Training"
    )]
    pub weight_decay: f32,
    /// Largest norm of the whole gradient; 0 leaves it as it is
    #[arg(
        value_parser = number::<f32>,
        long,
        value_name = "NORM",
        default_value_t = 1.0,
        help_heading = "Training"
    )]
    pub clip: f32,
    /// Factor of the learning rate from each layer to the one below it
    #[arg(
        value_parser = number::<f32>,
        long,
        value_name = "FACTOR",
        default_value_t = 1.0,
        help_heading = "Training"
    )]
    pub layer_decay: f32,
    /// Stop after this many epochs without a better dev figure
    #[arg(long, value_name = "EPOCHS", help_heading = "Training")]
    pub patience: Option<u32>,
    /// Start of every random choice
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Training")]
    pub seed: u64,
    /// Fit no linear model to the same rows for comparison
    #[arg(long)]
    pub no_baseline: bool,
}

/// What is read of a text, and of a long one.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Long texts")]
pub struct LongTextArgs {
    /// Longest row in tokens, special ones included [default: what the encoder reads]
    #[arg(long, value_name = "N", conflicts_with = "windows")]
    pub max_length: Option<usize>,
    /// What of a longer text is kept
    #[arg(long, value_enum, value_name = "SIDE", default_value_t = TruncateArg::Right, conflicts_with = "windows")]
    pub truncate: TruncateArg,
    /// Cut nothing: read a longer text in overlapping windows of SIZE tokens, special ones included,
    /// one every STRIDE tokens [default stride: three quarters of SIZE]
    #[arg(long, value_name = "SIZE[:STRIDE]", value_parser = window_size)]
    pub windows: Option<WindowSize>,
    /// How the logits of a text's windows become its own
    #[arg(long, value_enum, value_name = "POOLING", default_value_t = WindowPoolingArg::Max, requires = "windows")]
    pub window_pooling: WindowPoolingArg,
}

/// Tokens of a window, and from the start of one to that of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSize {
    pub size: usize,
    pub stride: Option<usize>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TruncateArg {
    /// The beginning; the end is cut off
    Right,
    /// The end; the beginning is cut off
    Left,
    /// A quarter of the row from the beginning, the rest from the end
    Middle,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum WindowPoolingArg {
    /// The largest: yes where one window says so
    Max,
    /// Their mean
    Mean,
    /// The logarithm of the mean of their odds, between the two
    LogSumExp,
}

/// What a cell costs in training.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Loss")]
pub struct LossArgs {
    /// What a cell costs
    #[arg(long, value_enum, default_value_t = LossArg::Bce)]
    pub loss: LossArg,
    /// How much `focal` passes over cells that are nearly right [default: 2]
    #[arg(long, value_parser = number::<f32>, value_name = "X")]
    pub focal_gamma: Option<f32>,
    /// How much `asl` passes over yes cells that are nearly right [default: 0]
    #[arg(long, value_parser = number::<f32>, value_name = "X")]
    pub asl_gamma_pos: Option<f32>,
    /// How much `asl` passes over no cells that are nearly right [default: 4]
    #[arg(long, value_parser = number::<f32>, value_name = "X")]
    pub asl_gamma_neg: Option<f32>,
    /// Chance of yes up to which a no costs nothing with `asl` [default: 0.05]
    #[arg(long, value_parser = number::<f32>, value_name = "CHANCE")]
    pub asl_clip: Option<f32>,
    /// Take a yes for 1 - X/2 and a no for X/2
    #[arg(long, value_parser = number::<f32>, value_name = "X", default_value_t = 0.0)]
    pub label_smoothing: f32,
    /// Weigh the yes side of rare labels: `auto`, or a JSON file {"label": weight}
    #[arg(long, value_name = "auto|FILE")]
    pub pos_weight: Option<String>,
    /// Largest weight that `--pos-weight auto` gives [default: 20]
    #[arg(long, value_parser = number::<f32>, value_name = "WEIGHT")]
    pub pos_weight_cap: Option<f32>,
}

#[derive(Debug, ClapArgs)]
pub struct EvaluateArgs {
    /// Folder of a trained model
    pub model: PathBuf,
    /// Table with texts and the right answers: a file, several, a pattern in quotes, or `-` for
    /// standard input
    #[arg(required = true, value_name = "TABLE")]
    pub table: Vec<String>,
    #[command(flatten)]
    pub columns: ColumnArgs,
    #[command(flatten)]
    pub labels: LabelArgs,
    #[command(flatten)]
    pub precision: PrecisionArgs,
    #[command(flatten)]
    pub machine: MachineArgs,
    #[command(flatten)]
    pub threshold: ThresholdArgs,
    /// TABLE is what `predict --logits` wrote: take its logits, and ask the network nothing
    #[arg(long, conflicts_with_all = ["compare_precisions", "label_options", "column_options"])]
    pub scores: bool,
    /// Fit a linear model to this training table, and show it beside the model
    #[arg(long, value_name = "TABLE", conflicts_with_all = ["scores", "compare_precisions"])]
    pub baseline: Option<String>,
    /// The table to choose the linear model's thresholds on [default: a tenth of its training table]
    #[arg(long, value_name = "TABLE", requires = "baseline")]
    pub baseline_dev: Option<String>,
    /// Answer in f32, bf16 and int8 in turn, and show what the last two change
    #[arg(long, conflicts_with_all = ["precision", "bootstrap", "seed", "report"])]
    pub compare_precisions: bool,
    #[command(flatten)]
    pub bootstrap: BootstrapArgs,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub report: ReportArgs,
}

/// A page about the rows that the figures come from.
#[derive(Debug, ClapArgs)]
pub struct ReportArgs {
    /// Write a page for the browser too: figures, curves, thresholds to drag, the worst errors
    /// with their texts
    #[arg(long, value_name = "FILE.html", value_parser = page)]
    pub report: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub struct CompareArgs {
    /// Folder of a trained model
    pub model_a: PathBuf,
    /// Folder of another, with the same labels in any order
    pub model_b: PathBuf,
    /// Table with texts and the right answers: a file, several, a pattern in quotes, or `-` for
    /// standard input
    #[arg(required = true, value_name = "TABLE")]
    pub table: Vec<String>,
    #[command(flatten)]
    pub columns: ColumnArgs,
    #[command(flatten)]
    pub labels: LabelArgs,
    #[command(flatten)]
    pub precision: PrecisionArgs,
    #[command(flatten)]
    pub machine: MachineArgs,
    #[command(flatten)]
    pub bootstrap: BootstrapArgs,
    /// Print one JSON object instead of tables
    #[arg(long)]
    pub json: bool,
}

/// How intervals are made.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Intervals")]
pub struct BootstrapArgs {
    /// How often rows are drawn again, 100 to 100000, or 0 for no intervals [default: `evaluate` 1000, fewer above 50 million cells; `compare` 10000]
    #[arg(long, value_name = "N", value_parser = bootstrap)]
    pub bootstrap: Option<usize>,
    /// Start of the random choices
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

#[derive(Debug, ClapArgs)]
pub struct PredictArgs {
    /// Folder of a trained model
    pub model: PathBuf,
    /// Table with texts: a file, several, a pattern in quotes, or `-` for standard input
    #[arg(required = true, value_name = "TABLE")]
    pub table: Vec<String>,
    #[command(flatten)]
    pub columns: ColumnArgs,
    #[command(flatten)]
    pub precision: PrecisionArgs,
    #[command(flatten)]
    pub machine: MachineArgs,
    /// File to write to, in place of standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Go on with a prediction to FILE, CSV or JSON lines, that was stopped, behind its last row
    #[arg(long, requires = "output")]
    pub resume: bool,
    /// Format of the output; parquet and xlsx need `--output` [default: by the ending of FILE, else
    /// JSON lines for JSON and CSV for the rest]
    #[arg(long, value_enum)]
    pub format: Option<OutputFormat>,
    #[command(flatten)]
    pub threshold: ThresholdArgs,
    /// Write the network's raw outputs too
    #[arg(long)]
    pub logits: bool,
    /// Write the network's own probabilities beside the calibrated ones
    #[arg(long)]
    pub raw: bool,
    /// Write a column `pred_LABEL` for each label too: 1 is yes, 0 no, blank unsure
    #[arg(long)]
    pub answers: bool,
    /// Print a summary as one JSON object
    #[arg(long, requires = "output")]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
pub struct InspectArgs {
    /// A table (a file, several, a pattern in quotes, `-`), an encoder folder or a model folder
    #[arg(required = true, value_name = "PATH")]
    pub path: Vec<String>,
    /// Another table that is to have no text of this one, such as one to test with; may be repeated
    #[arg(long, value_name = "TABLE")]
    pub against: Vec<String>,
    /// Encoder that may be trained on the table: shows what it would cut, what it does not know, and
    /// how long a training takes here
    #[arg(long, value_name = "FOLDER")]
    pub encoder: Option<PathBuf>,
    /// Longest row in tokens, special ones included [default: what the encoder reads]
    #[arg(long, value_name = "N", requires = "encoder")]
    pub max_length: Option<usize>,
    #[command(flatten)]
    pub read: ReadArgs,
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Start of every random choice
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The options that say where things stand, which scores that are there already have no use for.
const COLUMN_OPTIONS: [&str; 5] = ["text", "text_joiner", "text_pair", "id", "no_header"];

/// Where the text, the id and the labels stand.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Table")]
pub struct ReadArgs {
    #[command(flatten)]
    pub columns: ColumnArgs,
    #[command(flatten)]
    pub labels: LabelArgs,
    /// A column that is no label; may be repeated
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub ignore: Vec<String>,
    /// Column with the weight of each row in training: 2 counts as two rows, 0 as none
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub weight: Option<String>,
}

#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Table")]
#[command(group = clap::ArgGroup::new("column_options").multiple(true).args(COLUMN_OPTIONS))]
pub struct ColumnArgs {
    /// Column that holds the texts, or several to be joined in this order [default: text]
    #[arg(long, value_name = "A,B,C")]
    pub text: Vec<List>,
    /// What stands between joined texts [default: a blank]
    #[arg(long, value_name = "STRING")]
    pub text_joiner: Option<String>,
    /// Column that holds a second text: each row is a pair, read as the tokenizer writes pairs
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub text_pair: Option<String>,
    /// Column that holds the ids [default: id, where there is one]
    #[arg(long, value_name = "COLUMN", value_parser = column)]
    pub id: Option<String>,
    /// Format of the table, where its ending and its first bytes do not tell
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub input_format: Option<InputFormat>,
    /// What stands between the cells: one character, or `tab` [default: what the header shows]
    #[arg(long, value_name = "CHARACTER")]
    pub delimiter: Option<Delimiter>,
    /// How characters are written as bytes, such as `utf-8`, `latin1` or `windows-1252` [default:
    /// what the bytes show]
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<Encoding>,
    /// Sheet of a workbook [default: the first one]
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// Read the first row as a row: the columns are then called 1, 2, 3, …
    #[arg(long)]
    pub no_header: bool,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Machine")]
pub struct PrecisionArgs {
    /// Number type that matrices are multiplied in
    #[arg(long, value_enum, default_value_t = PredictPrecisionArg::F32)]
    pub precision: PredictPrecisionArg,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Machine")]
pub struct MachineArgs {
    /// Threads [default: one a core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// `model_type` of a folder whose config.json lacks it
    #[arg(long, value_parser = family)]
    pub family: Option<Family>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PoolingArg {
    /// The family's own head on the first token
    Cls,
    /// The mean of all tokens
    Mean,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LossArg {
    /// Binary cross-entropy
    Bce,
    /// Focal loss: cells that are nearly right count less
    Focal,
    /// Asymmetric loss: no cells that are nearly right count less still, or nothing
    Asl,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ScheduleArg {
    /// Falls to zero along a line
    Linear,
    /// Falls to zero along half a cosine
    Cosine,
    /// Stays
    Constant,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TrainPrecisionArg {
    /// 32 bits
    F32,
    /// 16 bits, with parameters and sums in 32
    Bf16,
    /// bf16 where this machine multiplies it, else f32
    Auto,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PredictPrecisionArg {
    /// 32 bits
    F32,
    /// 16 bits, with sums in 32
    Bf16,
    /// 8 bits; `evaluate --compare-precisions` shows what they cost
    Int8,
    /// bf16 where this machine multiplies it, else f32
    Auto,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum InputFormat {
    /// Cells with commas, or what the header shows, between them
    Csv,
    /// Cells with tabs between them
    Tsv,
    /// A JSON object a line
    Jsonl,
    /// Objects in an array or over several lines, or an object of columns
    Json,
    /// A text a line
    Lines,
    /// Apache Parquet
    Parquet,
    /// Excel
    Xlsx,
    /// OpenDocument
    Ods,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum OutputFormat {
    Csv,
    Jsonl,
    Parquet,
    Xlsx,
}

impl From<PoolingArg> for Pooling {
    fn from(pooling: PoolingArg) -> Self {
        match pooling {
            PoolingArg::Cls => Pooling::Cls,
            PoolingArg::Mean => Pooling::Mean,
        }
    }
}

impl From<TruncateArg> for Truncation {
    fn from(side: TruncateArg) -> Self {
        match side {
            TruncateArg::Right => Truncation::Right,
            TruncateArg::Left => Truncation::Left,
            TruncateArg::Middle => Truncation::Middle,
        }
    }
}

impl From<WindowPoolingArg> for WindowPooling {
    fn from(pooling: WindowPoolingArg) -> Self {
        match pooling {
            WindowPoolingArg::Max => WindowPooling::Max,
            WindowPoolingArg::Mean => WindowPooling::Mean,
            WindowPoolingArg::LogSumExp => WindowPooling::LogSumExp,
        }
    }
}

impl LongTextArgs {
    /// Longest row in tokens, or the size of a window.
    pub fn max_length(&self) -> Option<usize> {
        self.windows.map(|windows| windows.size).or(self.max_length)
    }

    /// The library's options.
    pub fn windows(&self) -> Option<WindowOptions> {
        self.windows.map(|windows| WindowOptions {
            stride: windows.stride,
            pooling: self.window_pooling.into(),
        })
    }
}

impl From<ScheduleArg> for Schedule {
    fn from(schedule: ScheduleArg) -> Self {
        match schedule {
            ScheduleArg::Linear => Schedule::Linear,
            ScheduleArg::Cosine => Schedule::Cosine,
            ScheduleArg::Constant => Schedule::Constant,
        }
    }
}

impl From<TrainPrecisionArg> for TrainPrecision {
    fn from(precision: TrainPrecisionArg) -> Self {
        match precision {
            TrainPrecisionArg::F32 => TrainPrecision::F32,
            TrainPrecisionArg::Bf16 => TrainPrecision::Bf16,
            TrainPrecisionArg::Auto => TrainPrecision::Auto,
        }
    }
}

impl From<PredictPrecisionArg> for PredictPrecision {
    fn from(precision: PredictPrecisionArg) -> Self {
        match precision {
            PredictPrecisionArg::F32 => PredictPrecision::F32,
            PredictPrecisionArg::Bf16 => PredictPrecision::Bf16,
            PredictPrecisionArg::Int8 => PredictPrecision::Int8,
            PredictPrecisionArg::Auto => PredictPrecision::Auto,
        }
    }
}

impl From<InputFormat> for Format {
    fn from(format: InputFormat) -> Self {
        match format {
            InputFormat::Csv => Format::Csv,
            InputFormat::Tsv => Format::Tsv,
            InputFormat::Jsonl => Format::Jsonl,
            InputFormat::Json => Format::Json,
            InputFormat::Lines => Format::Lines,
            InputFormat::Parquet => Format::Parquet,
            InputFormat::Xlsx => Format::Xlsx,
            InputFormat::Ods => Format::Ods,
        }
    }
}

impl From<OutputFormat> for Format {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Csv => Format::Csv,
            OutputFormat::Jsonl => Format::Jsonl,
            OutputFormat::Parquet => Format::Parquet,
            OutputFormat::Xlsx => Format::Xlsx,
        }
    }
}

impl ColumnArgs {
    /// The library's options, with labels still to be decided.
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            text: names(&self.text),
            text_joiner: self.text_joiner.clone(),
            pair: self.text_pair.clone(),
            id: self.id.clone(),
            format: self.input_format.map(Format::from),
            delimiter: self.delimiter,
            encoding: self.encoding,
            sheet: self.sheet.clone(),
            no_header: self.no_header,
            ..ReadOptions::default()
        }
    }

    /// The same, as it stands on the command line.
    pub fn arguments(&self) -> Vec<String> {
        let format = self
            .input_format
            .map(|format| Format::from(format).to_string());
        let file = [
            ("--input-format", format),
            ("--encoding", self.encoding.map(|one| one.to_string())),
            ("--sheet", self.sheet.clone()),
        ];
        [self.column_arguments(), given(file)].concat()
    }

    /// Those that say where things stand in the records.
    fn column_arguments(&self) -> Vec<String> {
        let text = comma_separated(&names(&self.text));
        let mut arguments = given([
            ("--text", Some(text).filter(|text| !text.is_empty())),
            ("--text-pair", self.text_pair.clone()),
            ("--text-joiner", self.text_joiner.clone()),
            ("--id", self.id.clone()),
            ("--delimiter", self.delimiter.map(|one| one.to_string())),
        ]);
        arguments.extend(self.no_header.then(|| "--no-header".to_owned()));
        arguments
    }
}

/// The options that have a value, each with its value behind it.
fn given<const N: usize>(options: [(&str, Option<String>); N]) -> Vec<String> {
    let given = options.into_iter();
    let given = given.filter_map(|(option, value)| Some([option.to_owned(), value?]));
    given.flatten().collect()
}

impl BootstrapArgs {
    /// The library's options.
    pub fn options(&self) -> Bootstrap {
        Bootstrap {
            replicates: self.bootstrap,
            seed: self.seed,
        }
    }
}

impl ReadArgs {
    /// What a copy of the table's records needs to be read alike, as it stands on the command line.
    pub fn arguments(&self) -> Vec<String> {
        let ignored = self.ignore.iter().map(|column| ("--ignore", column));
        let others = ignored.chain(self.weight.as_ref().map(|column| ("--weight", column)));
        let others = others.flat_map(|(option, column)| [option.to_owned(), column.clone()]);
        let columns = self.columns.column_arguments().into_iter();
        columns
            .chain(self.labels.arguments())
            .chain(others)
            .collect()
    }

    /// The library's options.
    pub fn options(&self) -> Result<ReadOptions, TableError> {
        Ok(ReadOptions {
            ignore: self.ignore.clone(),
            weight: self.weight.clone(),
            ..self.labels.options(&self.columns)?
        })
    }
}

/// The name of a column, as tables have it.
fn column(text: &str) -> Result<String, String> {
    Ok(name_of(text))
}

/// A number with a point.
fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| {
        let pointed = text.replacen(',', ".", 1);
        match pointed.parse::<T>() {
            Ok(_) => format!("numbers are written with a point: `{pointed}`"),
            Err(_) => "expected a number, such as `0.1`".into(),
        }
    })
}

/// A file for a page, which is written over what stands there.
fn page(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let ending = path.extension().and_then(|ending| ending.to_str());
    match ending.map(str::to_lowercase).as_deref() {
        Some("html" | "htm") => Ok(path),
        _ => Err("a report is a page: give it a name that ends in .html".into()),
    }
}

fn freeze(text: &str) -> Result<Freeze, String> {
    match text {
        "embeddings" => Ok(Freeze::Embeddings),
        "encoder" => Ok(Freeze::Encoder),
        n => n
            .parse()
            .map(Freeze::Layers)
            .map_err(|_| "expected `embeddings`, a number of layers, or `encoder`".into()),
    }
}

fn window_size(text: &str) -> Result<WindowSize, String> {
    let (size, stride) = match text.split_once(':') {
        Some((size, stride)) => (size, Some(stride)),
        None => (text, None),
    };
    let tokens = |text: &str| {
        let tokens = text.parse().ok().filter(|&tokens| tokens > 0);
        tokens.ok_or("expected a number of tokens, such as `256`, or two, such as `256:192`")
    };
    Ok(WindowSize {
        size: tokens(size)?,
        stride: stride.map(tokens).transpose()?,
    })
}

/// 0, or as many replicates as percentiles can be taken of.
fn bootstrap(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ (0 | 100..=100_000)) => Ok(n),
        _ => Err("expected 0, or 100 to 100000".into()),
    }
}

fn family(text: &str) -> Result<Family, String> {
    text.parse()
        .map_err(|error: multihot::UnknownFamily| error.to_string())
}
