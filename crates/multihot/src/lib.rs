//! Multi-label text classification with pretrained encoders of the BERT family.
//!
//! Several yes/no questions about each text, none, some or all of them true at once: one
//! linear layer with an output a question on top of the encoder, trained with binary
//! cross-entropy on its raw outputs, the logits. A probability is their sigmoid, taken
//! afterwards, where somebody needs one. Questions that exclude or imply each other can be told
//! so ([`questions`]): in a group of which one holds, probabilities are those of a softmax.
//!
//! ```
//! use multihot::{Classifier, Cpu, LoadOptions, ReadOptions, Silent, Source, TrainJob};
//! use multihot::TrainOptions;
//! # let folder = tempfile::tempdir()?;
//! # let out = folder.path().join("model");
//! # let table = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/reviews.csv");
//! # let encoder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-bert").as_ref();
//! let cpu = std::sync::Arc::new(Cpu::new(multihot::Isa::detect()?, 2));
//! let table = multihot::read(&Source::from(table), &ReadOptions::default())?;
//! let (options, cpu_of_job) = (TrainOptions { epochs: 1, ..Default::default() }, cpu.clone());
//! let job = TrainJob { table: &table, dev: None, encoder, family: None, out: &out,
//!     overwrite: false, resume: false, options: &options, cpu: cpu_of_job, report: None };
//! multihot::train(&job, &mut Silent)?;
//! let classifier = Classifier::load(&out, LoadOptions::default(), cpu)?;
//! let scores = classifier.score(&["the team won the final"])?;
//! println!("{:?}: {:?}", classifier.labels(), scores.probabilities.row(0));
//! println!("{:?}", classifier.evaluate(&table)?.macro_scores.average_precision);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Start reading at [`train::train`] and [`Classifier`]; a text's way from its cell to its
//! probability is `rows.rs` (tokens), the crate `multihot-encoder` (logits), `windows.rs` (where a
//! text has several), `scores.rs`.

#![forbid(unsafe_code)]

mod baseline;
pub mod bench;
mod classifier;
mod compare_models;
mod compare_precisions;
pub mod decisions;
mod error;
pub mod inspect;
mod label_errors;
pub mod metrics;
mod precision;
mod predict;
pub mod questions;
mod report;
mod rows;
pub mod scores;
mod speed;
pub mod split;
mod stored;
pub mod survey;
pub mod train;
pub mod windows;

pub use baseline::{Baseline, BaselineReport, BaselineRows, BaselineVerdict};
pub use bench::{BenchJob, BenchOptions, BenchReport, bench};
pub use classifier::{Classifier, LoadOptions, Scores, THRESHOLD};
pub use compare_models::{
    Difference, LabelDifference, LabelDifferences, ModelComparison, OverallDifferences, Tallies,
    Tally, compare_models,
};
pub use compare_precisions::{
    LabelComparison, PrecisionComparison, PrecisionFigures, compare_precisions,
};
pub use decisions::{
    CalibrationMethod, Decisions, Objective, SureTargets, TuneOptions, Tuning, tune,
};
pub use error::Error;
pub use label_errors::{LabelError, label_errors, row_qualities};
pub use metrics::{Bootstrap, Evaluation};
pub use multihot_checkpoint::{Family, Pooling, UnknownFamily};
pub use multihot_kernels::{Cpu, Isa, IsaError};
pub use multihot_table::{
    Cell, DecidingWindow, Delimiter, Encoding, Format, LabelFormat, LabelNames, LabelOptions,
    LabelReading, Notes, ReadOptions, RowCounts, ScoredRows, Source, Table, TableError, TextRow,
    TextRows, TextWindows, Words, Written, comma_separated, in_shell, name_of, names_in,
    nearest_path, open, read, read_label_names, read_scored, read_written,
};
pub use multihot_tokenizer::{Text, Truncation};
pub use precision::{Precision, PredictPrecision, TrainPrecision, precision_note};
pub use predict::{PredictOptions, PredictSummary, predict};
pub use questions::{Exclusive, Implies, Questions, Relations};
pub use report::{ReportInput, ReportKind, write_report};
pub use scores::{LogOdds, Logits, Probabilities};
pub use speed::{Scoring, peak_rss_bytes};
pub use split::{SplitJob, SplitParts, SplitReport, split_table};
pub use train::{
    BatchSize, EpochReport, Freeze, Loss, OUT_OF_FOLD_FILE, Observer, OptionsError,
    POSITIVE_WEIGHT_CAP, PositiveWeights, Schedule, Silent, StepReport, TrainJob, TrainOptions,
    TrainPlan, TrainSummary, WindowOptions, train,
};
pub use windows::{Reading, WindowPooling, Windows};
