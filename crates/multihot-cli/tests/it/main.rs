//! Whole invocations of the program: what it prints, where, and how it ends.
//!
//! `program` runs it; the other modules are one a command, or one a kind of mistake.

#![forbid(unsafe_code)]

mod bad_folders;
mod bad_tables;
mod bench;
mod compare;
mod completions;
mod evaluate;
mod formats;
mod inspect;
mod interrupt;
mod long_texts;
mod model_folder;
mod precision;
mod predict;
mod program;
mod relations;
mod report;
mod shapes;
mod slips;
mod split;
mod streams;
mod train;
mod tune;
mod usage;
