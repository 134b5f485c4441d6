//! Tables of texts with yes/no labels, in and out.
//!
//! CSV with any delimiter, JSON and JSON lines, Parquet, workbooks of Excel and OpenDocument and plain
//! lines come in, packed or not, in UTF-8, UTF-16 or an older encoding; predictions go out.
//!
//! [`read`] takes a whole table and finds out where its labels are and how they are written
//! ([`LabelFormat`]): that is what training and evaluation start from; [`scan`] goes through one
//! without keeping its rows. [`open`] gives the rows one at a time, in bounded memory,
//! and [`PredictionWriter`] writes one line for each of them. [`raw_records`] gives the text of
//! the rows, to be copied as they stand.
//!
//! Start reading in `table.rs`. On the way of a row, `source.rs` names the files, `input.rs` opens
//! the bytes and finds the format out, `records.rs` has `csv.rs`, `jsonl.rs`, `json.rs`,
//! `parquet.rs` or `sheet.rs` cut them into records, `rows.rs` takes text and id out of a record,
//! `columns.rs` judges the other cells (a cell's words are in `cells.rs`), `labels.rs` says what
//! they make, and `write.rs` writes.
#![forbid(unsafe_code)]

mod cells;
mod columns;
mod contents;
mod csv;
mod dates;
mod delimiter;
mod documents;
mod encoding;
mod error;
mod format;
mod guarded;
mod input;
mod json;
mod jsonl;
mod labels;
mod names;
mod notes;
mod parquet;
mod places;
mod raw;
mod records;
mod rows;
mod scored;
mod sheet;
mod source;
mod table;
mod write;
mod written;

pub use cells::{Cell, Words};
pub use encoding::Encoding;
pub use error::{BadCell, TableError};
pub use format::{Delimiter, Format};
pub use labels::names::read_label_names;
pub use labels::{LabelFormat, LabelNames, LabelOptions, LabelReading};
pub use names::{comma_separated, in_shell, name_of, names_in, nearest, nearest_path};
pub use notes::Notes;
pub use raw::{RawRecords, raw_records};
pub use rows::{Record, TextRow, TextRows, open};
pub use scored::{ScoredRows, read_scored, write_scored};
pub use source::{ReadOptions, Source};
pub use table::{LabelledRow, RowCounts, Scan, SkippedRows, Table, read, scan};
pub use write::{DecidingWindow, Prediction, PredictionColumns, PredictionWriter, TextWindows};
pub use written::{Written, read_written};
