//! A report that a person opens in a browser: one file, nothing loaded from anywhere.
//!
//! [`write_report`] is the way in. Everything that the page shows is worked out here and bounded
//! in size, whatever the number of rows: `curve.rs` has what becomes of a label at each threshold,
//! `pairs.rs` which labels go together, `examples.rs` the rows worth a look, `summary.rs` the
//! whole in words. `data.rs` puts it together as JSON, and `page.{html,css,js}` show it.

mod curve;
mod data;
mod examples;
mod pairs;
mod summary;

use std::fs;
use std::path::{Path, PathBuf};

use multihot_checkpoint::save;
use multihot_table::Cell;
use serde::Serialize;
use serde_json::Value;

use crate::baseline::BaselineReport;
use crate::decisions::{Decisions, Tuning};
use crate::error::Error;
use crate::metrics::Evaluation;
use crate::questions::Questions;
use crate::scores::LogOdds;
use crate::train::EpochReport;

const HTML: &str = include_str!("report/page.html");
const CSS: &str = include_str!("report/page.css");
const JS: &str = include_str!("report/page.js");

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportKind {
    /// A training, seen on its held-out rows.
    Training,
    /// Decisions chosen anew, seen on the rows that they were chosen on.
    Tuning,
    /// A model, seen on rows that nothing was chosen on.
    Evaluation,
}

/// What a report is made of. `log_odds`, `calibrated` and `cells` have one shape: a row each, and
/// in it one value for each label of `questions`.
pub struct ReportInput<'a> {
    /// What it is about.
    pub kind: ReportKind,
    /// What the model is called.
    pub model: &'a str,
    /// Where the rows come from.
    pub table: &'a str,
    /// What goes after `multihot tune` for this model and these rows: the page offers the command
    /// that stores a threshold.
    pub tune_arguments: &'a [String],
    /// The labels, and what they have to do with each other.
    pub questions: &'a Questions,
    /// The network's log-odds, before calibration.
    pub log_odds: &'a LogOdds,
    /// The same after calibration; thresholds are for their sigmoids.
    pub calibrated: &'a LogOdds,
    /// What the table says.
    pub cells: &'a [Cell],
    /// How logits become answers.
    pub decisions: &'a Decisions,
    /// Text of each row, where they are at hand.
    pub texts: Option<&'a [&'a str]>,
    /// What each row is called; without them rows are numbered from 1.
    pub ids: Option<&'a [&'a Value]>,
    /// The answers against the cells.
    pub evaluation: &'a Evaluation,
    /// How the decisions were chosen, where these are the rows that they were chosen on.
    pub tuning: Option<&'a Tuning>,
    /// The course of the training, where this is about one.
    pub epochs: &'a [EpochReport],
    /// What a linear model, with decisions of its own, comes to on the same rows.
    pub baseline: Option<&'a BaselineReport>,
    /// What else a person should know, a sentence each.
    pub warnings: &'a [String],
}

impl<'a> ReportInput<'a> {
    /// Names of the labels.
    fn labels(&self) -> &'a [String] {
        self.questions.labels()
    }
}

/// Writes the report to `path`: beside it first, and renamed when it is whole.
///
/// # Errors
///
/// When the file cannot be written; what stood there is then as it was.
///
/// # Panics
///
/// When the parts of `input` differ in shape.
pub fn write_report(path: &Path, input: &ReportInput<'_>) -> Result<(), Error> {
    let page = page(input);
    // Where a link leads, not the link.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if target.exists() && !target.is_file() && !target.is_dir() {
        // A device or a pipe takes what is written; nothing can stand in its place.
        return fs::write(&target, page).map_err(Error::io(path));
    }
    Ok(save::replace(&target, page.as_bytes())?)
}

/// Refuses a place where no report can be written, before hours of work go into one. The folder
/// `to_come` is not there yet, but will be.
pub(crate) fn check_place(path: &Path, to_come: &Path) -> Result<(), Error> {
    let same = |a: &Path, b: &Path| a.components().eq(b.components());
    let folder: PathBuf = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => ".".into(),
    };
    let kind = if path.is_dir() {
        std::io::ErrorKind::IsADirectory
    } else if folder.is_dir() || same(&folder, to_come) {
        return Ok(());
    } else {
        std::io::ErrorKind::NotFound
    };
    Err(Error::NoPlaceForReport {
        path: path.to_owned(),
        source: kind.into(),
    })
}

/// The whole page.
fn page(input: &ReportInput<'_>) -> String {
    let data = data::Data::new(input);
    let json = serde_json::to_string(&data).expect("a report has string keys only");
    let title = format!("{} - multihot report", input.model);
    // In one pass, so that what is put in is never taken for a place to put something in.
    let parts = [
        ("@TITLE@", escaped(&title)),
        ("@CSS@", CSS.to_owned()),
        ("@DATA@", in_script(&json)),
        ("@JS@", JS.to_owned()),
    ];
    let (mut page, mut rest) = (String::new(), HTML);
    for (place, part) in parts {
        let (before, after) = rest
            .split_once(place)
            .expect("page.html has each place once, in this order");
        page += before;
        page += &part;
        rest = after;
    }
    page + rest
}

/// `text` as HTML shows it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// `json` as it may stand in a script element: nothing in it opens or closes one, or a comment.
/// In JSON a `<` stands in strings only, where this is another way to write it.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// `of(0)` to `of(n - 1)`, worked out on all cores.
fn on_all_cores<T: Send>(n: usize, of: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let chunk = n.div_ceil(cores).max(1);
    let mut slots: Vec<Option<T>> = (0..n).map(|_| None).collect();
    std::thread::scope(|scope| {
        for (first, slots) in slots.chunks_mut(chunk).enumerate() {
            let of = &of;
            scope.spawn(move || {
                for (i, slot) in slots.iter_mut().enumerate() {
                    *slot = Some(of(first * chunk + i));
                }
            });
        }
    });
    let filled = slots.into_iter();
    filled
        .map(|slot| slot.expect("every chunk fills its slots"))
        .collect()
}

#[cfg(test)]
mod tests;
