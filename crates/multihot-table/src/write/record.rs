//! Columns of an output: those of the input, then those that a prediction adds.

use csv::ByteRecord;
use serde::Serialize;

use super::{Prediction, PredictionColumns, Windows, cells, json, names, number_text};
use crate::error::TableError;
use crate::rows::TextRow;

/// The names of the columns, by what stands in them, in the order in which they stand.
pub(super) struct Columns {
    /// The input's, as text.
    pub texts: Vec<String>,
    /// Probabilities, raw ones and logits.
    pub numbers: Vec<String>,
    /// Yes and no.
    pub answers: Vec<String>,
    /// Lists of labels.
    pub lists: Vec<String>,
    /// The windows, as JSON.
    pub windows: Option<String>,
}

impl Columns {
    /// # Errors
    ///
    /// When the input has a column that is added.
    pub(super) fn new(
        labels: &[String],
        columns: &[String],
        wanted: PredictionColumns,
    ) -> Result<Self, TableError> {
        let prefixes = [
            ("probability", true),
            ("raw_probability", wanted.raw_probabilities),
            ("logit", wanted.logits),
        ];
        let prefixes = prefixes.iter().filter(|(_, is_wanted)| *is_wanted);
        let named = |prefix| labels.iter().map(move |label| format!("{prefix}_{label}"));
        let lists = [("labels", true), ("unsure", wanted.unsure)];
        let lists = lists.iter().filter(|(_, is_wanted)| *is_wanted);
        let columns = Columns {
            texts: columns.to_vec(),
            numbers: prefixes.flat_map(|(prefix, _)| named(prefix)).collect(),
            answers: named(&"pred").filter(|_| wanted.answers).collect(),
            lists: lists.map(|(name, _)| (*name).to_owned()).collect(),
            windows: wanted.windows.then(|| "windows".to_owned()),
        };
        let added: Vec<&String> = columns.added().collect();
        match columns.texts.iter().find(|column| added.contains(column)) {
            None => Ok(columns),
            Some(column) => Err(TableError::Collision {
                column: column.clone(),
            }),
        }
    }

    /// All of them.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.texts.iter().chain(self.added())
    }

    fn added(&self) -> impl Iterator<Item = &String> {
        let numbers = self.numbers.iter();
        let lists = self.answers.iter().chain(&self.lists);
        numbers.chain(lists).chain(&self.windows)
    }
}

/// What a row says in the columns of [`Columns`], and in no others.
pub(super) struct OutRecord<'a> {
    /// Where the row stands in the input, as messages say it.
    pub row: &'a TextRow,
    pub texts: ByteRecord,
    pub numbers: Vec<f32>,
    /// `None` for what is neither yes nor no.
    pub answers: Vec<Option<bool>>,
    pub lists: Vec<Vec<&'a str>>,
    pub windows: Option<String>,
}

impl<'a> OutRecord<'a> {
    pub(super) fn new(
        row: &'a TextRow,
        prediction: &Prediction<'a>,
        labels: &'a [String],
        columns: &Columns,
    ) -> Self {
        let lists = [prediction.labels, prediction.unsure];
        let lists = lists.iter().take(columns.lists.len());
        let answers = prediction.labels.iter().zip(prediction.unsure);
        let answers = answers.map(|(&yes, &unsure)| (!unsure).then_some(yes));
        let windows = prediction.windows;
        OutRecord {
            row,
            texts: cells(row, &columns.texts),
            numbers: prediction.numbers().copied().collect(),
            answers: answers.take(columns.answers.len()).collect(),
            lists: lists.map(|holds| names(labels, holds)).collect(),
            windows: windows.map(|windows| json(&Windows::new(labels, windows))),
        }
    }

    /// Its cells as text: a number as the shortest that reads back as the same `f32`, an answer as 1
    /// or 0, a list as JSON.
    pub(super) fn into_text(self) -> ByteRecord {
        let mut record = self.texts;
        let mut push = |text: String| record.push_field(text.as_bytes());
        self.numbers
            .into_iter()
            .map(number_text)
            .for_each(&mut push);
        self.answers
            .into_iter()
            .map(answer_text)
            .for_each(&mut push);
        self.lists.iter().map(list_text).for_each(&mut push);
        self.windows.into_iter().for_each(push);
        record
    }
}

/// An answer as tables have it; blank for neither yes nor no.
fn answer_text(answer: Option<bool>) -> String {
    answer.map_or_else(String::new, |yes| u8::from(yes).to_string())
}

/// A list of labels as JSON.
pub(super) fn list_text<T: Serialize>(list: &T) -> String {
    json(list)
}
