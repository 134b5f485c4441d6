//! Cells that are likely to be wrong in the table itself.
//!
//! Confident learning (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in
//! Dataset Labels", JAIR 70, 2021), label by label, each label's two answers being the classes;
//! the row's quality after Thyagarajan and others, "Identifying Incorrect Annotations in
//! Multi-Label Classification Data", arXiv:2211.13895. The same suspects, and the same qualities,
//! as `find_multilabel_issues_per_class(…, filter_by="confident_learning")` and
//! `get_label_quality_scores` of cleanlab.
//!
//! The probabilities must come from a model that has not seen the cells it judges: out of fold, or
//! those of a dev part. One that has learned the wrong answers by heart finds nothing wrong.

use multihot_table::Cell;
use serde::Serialize;

use crate::scores::Probabilities;

/// A cell that is likely to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LabelError {
    /// The row, counted from 0.
    pub row: usize,
    /// The label, by its place among the labels.
    pub label: usize,
    /// What the table says: true for yes.
    pub given: bool,
    /// How likely the model finds a yes.
    pub probability: f32,
}

impl LabelError {
    /// How likely the model finds what the table says, below ½: the lower, the surer the error.
    pub fn self_confidence(&self) -> f64 {
        self_confidence(self.given, self.probability)
    }
}

/// The likely errors among `cells`, the surest first.
///
/// `cells` has the shape of `probabilities`, row-major. A cell is suspect when the model finds the
/// other answer more likely than the given one, and at least as likely as it finds that answer on
/// average where it *is* given. So a label on which the model is shy has a low bar, and a bold one
/// a high bar; and where a label has one value only, or none, there is nothing to compare with and
/// no suspect. Ranked by [`LabelError::self_confidence`], then by row and label.
///
/// Unknown cells, and those whose probability is not a number, count nowhere.
///
/// # Panics
///
/// When `probabilities` and `cells` differ in length.
pub fn label_errors(probabilities: &Probabilities, cells: &[Cell]) -> Vec<LabelError> {
    let bars = bars(probabilities, cells);
    let mut errors: Vec<LabelError> = answers(probabilities, cells)
        .filter(|answer| {
            let other = 1.0 - answer.self_confidence();
            let bar = bars[answer.label].of(!answer.given);
            other > 0.5 && bar.is_some_and(|bar| other >= bar)
        })
        .collect();
    // The sort is stable, and the answers came in order of row and label.
    errors.sort_by(|a, b| a.self_confidence().total_cmp(&b.self_confidence()));
    errors
}

/// How well the model agrees with each row's known cells, in `0.0..=1.0`; `None` for a row that
/// knows nothing. The lowest rows are the first to look at.
///
/// The cells' self-confidences are taken in falling order into an exponential moving average, in
/// which each next one weighs 0.8: close to the worst cell's, but two bad cells are worse than one.
///
/// # Panics
///
/// When `probabilities` and `cells` differ in length.
pub fn row_qualities(probabilities: &Probabilities, cells: &[Cell]) -> Vec<Option<f64>> {
    let mut rows = vec![Vec::new(); probabilities.rows()];
    for answer in answers(probabilities, cells) {
        rows[answer.row].push(answer.self_confidence());
    }
    rows.into_iter().map(moving_average).collect()
}

/// The factor that arXiv:2211.13895 found best, and cleanlab's default.
const NEXT_WEIGHS: f64 = 0.8;

fn moving_average(mut confidences: Vec<f64>) -> Option<f64> {
    confidences.sort_by(|a, b| b.total_cmp(a));
    confidences
        .into_iter()
        .reduce(|average, next| NEXT_WEIGHS * next + (1.0 - NEXT_WEIGHS) * average)
}

/// The mean self-confidence of each answer to one label.
#[derive(Clone, Copy, Default)]
struct Bars {
    yes: Mean,
    no: Mean,
}

#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Bars {
    fn of(&self, answer: bool) -> Option<f64> {
        let Mean { sum, count } = if answer { self.yes } else { self.no };
        (count > 0).then(|| sum / count as f64)
    }
}

fn bars(probabilities: &Probabilities, cells: &[Cell]) -> Vec<Bars> {
    let mut bars = vec![Bars::default(); probabilities.n_labels()];
    for answer in answers(probabilities, cells) {
        let bars = &mut bars[answer.label];
        let mean = if answer.given {
            &mut bars.yes
        } else {
            &mut bars.no
        };
        mean.sum += answer.self_confidence();
        mean.count += 1;
    }
    bars
}

/// All known cells with a probability, as if each were wrong, row by row.
fn answers<'a>(
    probabilities: &'a Probabilities,
    cells: &'a [Cell],
) -> impl Iterator<Item = LabelError> + 'a {
    let values = probabilities.values();
    assert_eq!(
        values.len(),
        cells.len(),
        "label errors: probabilities and `cells` differ in length"
    );
    let n_labels = probabilities.n_labels();
    let known = values.iter().zip(cells).enumerate();
    known.filter_map(move |(i, (&probability, cell))| {
        let given = match cell {
            Cell::Yes => true,
            Cell::No => false,
            Cell::Unknown => return None,
        };
        (!probability.is_nan()).then_some(LabelError {
            row: i / n_labels,
            label: i % n_labels,
            given,
            probability,
        })
    })
}

fn self_confidence(given: bool, probability: f32) -> f64 {
    let probability = f64::from(probability);
    if given {
        probability
    } else {
        1.0 - probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scores::LogOdds;
    use Cell::{No, Unknown, Yes};
    use proptest::prelude::*;
    use serde_json::Value;

    fn probabilities(values: &[f64], n_labels: usize) -> Probabilities {
        let logit = |p: &f64| (p / (1.0 - p)).ln() as f32;
        LogOdds::new(values.iter().map(logit).collect(), n_labels).probabilities()
    }

    fn places(errors: &[LabelError]) -> Vec<(usize, usize)> {
        errors
            .iter()
            .map(|error| (error.row, error.label))
            .collect()
    }

    #[test]
    fn suspects_and_qualities_are_those_of_cleanlab() {
        let golden: Value =
            serde_json::from_str(include_str!("../tests/golden/label_errors.json")).unwrap();
        let cases = golden["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 4);
        for case in cases {
            let name = &case["name"];
            let logits: Vec<Vec<f32>> = serde_json::from_value(case["logits"].clone()).unwrap();
            let n_labels = logits[0].len();
            let probabilities = LogOdds::new(logits.concat(), n_labels).probabilities();
            let rows: Vec<Vec<Option<u8>>> = serde_json::from_value(case["cells"].clone()).unwrap();
            let cells: Vec<Cell> = rows
                .concat()
                .into_iter()
                .map(|cell| cell.map_or(Unknown, |cell| if cell == 1 { Yes } else { No }))
                .collect();

            let expected: Vec<(usize, usize)> =
                serde_json::from_value(case["suspects"].clone()).unwrap();
            assert_eq!(
                places(&label_errors(&probabilities, &cells)),
                expected,
                "{name}"
            );
            let expected: Vec<Option<f64>> =
                serde_json::from_value(case["qualities"].clone()).unwrap();
            for (actual, expected) in row_qualities(&probabilities, &cells).iter().zip(expected) {
                match (actual, expected) {
                    (Some(a), Some(e)) => assert!((a - e).abs() < 1e-6, "{name}: {a} vs {e}"),
                    (actual, expected) => assert_eq!(*actual, expected, "{name}"),
                }
            }
        }
    }

    #[test]
    fn the_surest_error_comes_first() {
        let values = [0.9, 0.8, 0.05, 0.1, 0.2, 0.99];
        let errors = label_errors(&probabilities(&values, 1), &[Yes, Yes, Yes, No, No, No]);
        let found: Vec<_> = errors
            .iter()
            .map(|error| (error.row, error.given))
            .collect();
        assert_eq!(found, [(5, false), (2, true)]);
        assert!((errors[0].self_confidence() - 0.01).abs() < 1e-6);
        assert_eq!(
            errors[1].self_confidence(),
            f64::from(errors[1].probability)
        );
    }

    #[test]
    fn cells_that_cannot_be_judged_are_no_suspects() {
        let cases: [(&str, &[f64], &[Cell]); 6] = [
            ("no rows", &[], &[]),
            ("one row", &[0.01], &[Yes]),
            ("one value only", &[0.01, 0.9, 0.6], &[Yes, Yes, Yes]),
            ("nothing known", &[0.01, 0.9], &[Unknown, Unknown]),
            ("all alike", &[0.5, 0.5, 0.5, 0.5], &[Yes, No, Yes, No]),
            // The no is likelier a yes, but less likely so than the label's yes are.
            ("below the bar", &[0.9, 0.6, 0.1], &[Yes, No, No]),
        ];
        for (name, values, cells) in cases {
            assert_eq!(label_errors(&probabilities(values, 1), cells), [], "{name}");
        }
    }

    #[test]
    fn what_is_not_a_number_counts_nowhere() {
        let logits = vec![2.0, f32::NAN, -2.0, 3.0, f32::NAN, -3.0];
        let probabilities = LogOdds::new(logits, 1).probabilities();
        let errors = label_errors(&probabilities, &[Yes, Yes, No, No, No, No]);
        assert_eq!(places(&errors), [(3, 0)]);
        assert_eq!(row_qualities(&probabilities, &[Yes; 6])[1], None);
    }

    #[test]
    fn a_row_is_nearly_as_good_as_its_worst_cell() {
        let values = [0.9, 0.2, 0.5, 0.9, 0.2, 0.5];
        let cells = [Yes, No, Unknown, No, No, Unknown];
        let qualities = row_qualities(&probabilities(&values, 3), &cells);
        // 0.8 * 0.8 + 0.2 * 0.9, and 0.8 * 0.1 + 0.2 * 0.8.
        for (actual, expected) in qualities.iter().zip([0.82, 0.24]) {
            assert!((actual.unwrap() - expected).abs() < 1e-6, "{actual:?}");
        }
        let nothing = row_qualities(&probabilities(&values, 3), &[Unknown; 6]);
        assert_eq!(nothing, [None, None]);
    }

    /// 330 rows of two labels that a model knows well, one row in `every` flipped: logits, cells,
    /// and whether each is flipped.
    fn flipped() -> impl Strategy<Value = (Vec<f32>, Vec<Cell>, Vec<bool>)> {
        let every = prop::sample::select(vec![5, 7, 10, 11]);
        let sizes = prop::collection::vec(3.0..5.0_f32, 660);
        (sizes, every).prop_map(|(sizes, every)| {
            let truth = |i: usize| (i / 2 + i % 2).is_multiple_of(3);
            let flip = |i: usize| (i / 2).is_multiple_of(every);
            let logit = |(i, size): (usize, &f32)| if truth(i) { *size } else { -size };
            let cell = |i: usize| if truth(i) ^ flip(i) { Yes } else { No };
            let logits = sizes.iter().enumerate().map(logit).collect();
            (
                logits,
                (0..660).map(cell).collect(),
                (0..660).map(flip).collect(),
            )
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Flips pull the average of an answer, the bar, below its least likely right cell.
        #[test]
        fn flipped_cells_are_found_and_no_others((logits, cells, flips) in flipped()) {
            let errors = label_errors(&LogOdds::new(logits, 2).probabilities(), &cells);
            let mut found = vec![false; flips.len()];
            for error in &errors {
                found[2 * error.row + error.label] = true;
            }
            prop_assert_eq!(found, flips);
            prop_assert!(errors.is_sorted_by(|a, b| a.self_confidence() <= b.self_confidence()));
        }

        #[test]
        fn an_unknown_cell_changes_nothing((logits, cells, _) in flipped(), every in 2..9_usize) {
            let kept = |i: &usize| !(i / 2).is_multiple_of(every);
            let blanked: Vec<Cell> = (0..cells.len())
                .map(|i| if kept(&i) { cells[i] } else { Unknown })
                .collect();
            let rows: Vec<usize> = (0..cells.len()).filter(kept).collect();
            let fewer_logits = rows.iter().map(|&i| logits[i]).collect();
            let fewer_cells: Vec<Cell> = rows.iter().map(|&i| cells[i]).collect();
            let blanked = label_errors(&LogOdds::new(logits, 2).probabilities(), &blanked);
            let fewer = label_errors(&LogOdds::new(fewer_logits, 2).probabilities(), &fewer_cells);
            let original = |e: &LabelError| (rows[2 * e.row] / 2, e.label);
            let fewer: Vec<_> = fewer.iter().map(original).collect();
            prop_assert_eq!(places(&blanked), fewer);
        }
    }
}
