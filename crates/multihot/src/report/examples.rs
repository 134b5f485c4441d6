//! Rows worth a look: the worst mistakes, and cells that are likely wrong in the table.

use std::collections::BTreeMap;

use multihot_table::Cell;
use serde::Serialize;
use serde_json::Value;

use super::ReportInput;
use crate::label_errors::{LabelError, label_errors};
use crate::scores::{Probabilities, softplus};

/// Most mistakes of one label in one direction.
const OF_A_LABEL: usize = 5;
/// Most mistakes in all, as far as each label keeps one in either direction.
const IN_ALL: usize = 500;
/// Most cells that are shown as likely wrong.
const MOST_SUSPECTS: usize = 60;
/// Characters after which a text is cut.
const CHARACTERS: usize = 400;

/// A cell that was answered wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Mistake {
    /// The row, from 0.
    pub row: usize,
    /// The label, by its place.
    pub label: usize,
    /// What the table says: true for yes.
    pub given: bool,
    /// How likely the model finds a yes.
    pub probability: f32,
    /// The cross-entropy of the cell, with the calibrated logit.
    pub loss: f64,
}

/// The wrong answers to `label` with the highest loss, so many false yes and so many false no, of
/// all labels' probabilities and decisions.
pub(super) fn worst_mistakes(
    input: &ReportInput<'_>,
    (probabilities, decisions): (&Probabilities, &[bool]),
    label: usize,
) -> Vec<Mistake> {
    let n_labels = input.labels().len();
    let most = (IN_ALL / (2 * n_labels)).clamp(1, OF_A_LABEL);
    let mistake = |row: usize| {
        let place = row * n_labels + label;
        let given = match input.cells[place] {
            Cell::Yes => true,
            Cell::No => false,
            Cell::Unknown => return None,
        };
        let probability = probabilities.values()[place];
        let logit = f64::from(input.calibrated.values()[place]);
        (given != decisions[place]).then(|| Mistake {
            row,
            label,
            given,
            probability,
            loss: softplus(if given { -logit } else { logit }),
        })
    };
    let all: Vec<Mistake> = (0..input.calibrated.rows()).filter_map(mistake).collect();
    let (mut false_no, mut false_yes): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|mistake| mistake.given);
    // Stable, so that ties stay in the order of the rows.
    for mistakes in [&mut false_yes, &mut false_no] {
        mistakes.sort_by(|a, b| b.loss.total_cmp(&a.loss));
        mistakes.truncate(most);
    }
    false_yes.append(&mut false_no);
    false_yes
}

/// Cells that are likely wrong in the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Suspects {
    /// How many there are.
    pub in_all: usize,
    /// How many of each label.
    pub of_label: Vec<usize>,
    /// The surest ones.
    pub surest: Vec<LabelError>,
}

impl Suspects {
    pub fn of(probabilities: &Probabilities, cells: &[Cell]) -> Self {
        let mut surest = label_errors(probabilities, cells);
        let mut of_label = vec![0; probabilities.n_labels()];
        surest.iter().for_each(|cell| of_label[cell.label] += 1);
        let in_all = surest.len();
        surest.truncate(MOST_SUSPECTS);
        Self {
            in_all,
            of_label,
            surest,
        }
    }
}

/// A row as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    /// What it is called.
    pub id: String,
    /// Its text, cut where it is long.
    pub text: Option<String>,
    /// The labels that the table says yes to.
    pub yes: Vec<usize>,
}

/// The rows `shown`, by their number from 0.
pub(super) fn rows(
    input: &ReportInput<'_>,
    shown: impl Iterator<Item = usize>,
) -> BTreeMap<usize, Row> {
    let n_labels = input.labels().len();
    let row = |row: usize| {
        let cells = &input.cells[row * n_labels..][..n_labels];
        let yes = cells.iter().enumerate();
        let yes = yes.filter(|(_, cell)| **cell == Cell::Yes);
        Row {
            id: input
                .ids
                .map_or_else(|| (row + 1).to_string(), |ids| id(ids[row])),
            text: input.texts.map(|texts| cut(texts[row])),
            yes: yes.map(|(label, _)| label).collect(),
        }
    };
    shown.map(|number| (number, row(number))).collect()
}

fn id(id: &Value) -> String {
    let text = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    cut(&text)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "é🎉".repeat(300);
        let short = cut(&long);
        assert_eq!(short.chars().count(), CHARACTERS + 1);
        assert!(short.ends_with("🎉…"));
        for text in ["", "a", &"ß".repeat(CHARACTERS)] {
            assert_eq!(cut(text), text);
        }
    }

    #[test]
    fn ids_are_shown_as_they_stand() {
        let cases = [
            (json!("t01"), "t01"),
            (json!(7), "7"),
            (json!({"a": [1, null]}), r#"{"a":[1,null]}"#),
        ];
        for (value, expected) in cases {
            assert_eq!(id(&value), expected);
        }
    }
}
