//! How good logits are, measured on rows whose cells are known.
//!
//! Everything is worked out in `f64`. What has no value is `None`: precision where nothing was
//! predicted, a curve where a label has one value only. An unknown cell counts nowhere.
//!
//! `counts.rs` has the figures at a threshold, `curves.rs` those without, `report.rs` the averages.

pub(crate) mod counts;
mod curves;
mod report;
pub(crate) mod text;

use std::io::{self, Write};

use multihot_table::Cell;
use serde::{Serialize, Serializer};

use crate::scores::Logits;
use counts::{Counts, mean, share, total};
use curves::Ranking;
pub use report::{Report, ReportLine};

/// What [`evaluate`] finds, serialized as `multihot evaluate --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Rows looked at, with known cells or without.
    pub rows: usize,
    /// Precision, recall and F1 at the threshold.
    pub report: Report,
    /// Each label's figures that need no threshold.
    #[serde(serialize_with = "by_name")]
    pub labels: Vec<LabelEvaluation>,
    /// Their averages.
    #[serde(rename = "macro")]
    pub macro_scores: MacroScores,
    /// The share of rows whose known cells are all decided rightly, among rows with known cells.
    pub subset_accuracy: Option<f64>,
    /// The share of wrong decisions among the known cells.
    pub hamming_loss: Option<f64>,
    /// The mean binary cross-entropy over the known cells.
    pub log_loss: Option<f64>,
}

/// How well the logits of one label rank and fit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelEvaluation {
    /// The label.
    #[serde(skip)]
    pub name: String,
    /// Area under the ROC curve; `None` unless both values occur.
    pub roc_auc: Option<f64>,
    /// Area under the steps of precision and recall; `None` unless both values occur.
    pub average_precision: Option<f64>,
    /// The mean binary cross-entropy over the known cells.
    pub log_loss: Option<f64>,
    /// Known cells.
    pub known: usize,
    /// Known cells that say yes.
    pub positives: usize,
}

/// Means over the labels that have both values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MacroScores {
    /// Mean area under the ROC curve.
    pub roc_auc: Option<f64>,
    /// Mean average precision.
    pub average_precision: Option<f64>,
}

/// Compares `logits` with the `cells` of the same shape, row-major, one column for each of `labels`.
///
/// A cell is decided yes where the sigmoid of its logit is at least its label's threshold.
///
/// # Panics
///
/// When the four differ in shape.
pub fn evaluate(
    labels: &[String],
    logits: &Logits,
    cells: &[Cell],
    thresholds: &[f32],
) -> Evaluation {
    assert_eq!(
        labels.len(),
        logits.n_labels(),
        "evaluate: not one name for each label"
    );
    assert_eq!(
        cells.len(),
        logits.values().len(),
        "evaluate: logits and `cells` differ in length"
    );
    let (by_label, by_row) = count(logits, cells, thresholds);
    let rankings: Vec<Ranking> = (0..labels.len())
        .map(|label| Ranking::of(label, logits, cells))
        .collect();
    let evaluations: Vec<LabelEvaluation> = labels.iter().zip(&rankings).map(of_label).collect();

    let all = total(&by_label);
    let all_right = by_row
        .iter()
        .filter(|row| row.known() > 0 && row.wrong() == 0)
        .count();
    let rows_with_known = by_row.iter().filter(|row| row.known() > 0).count();
    Evaluation {
        rows: logits.rows(),
        report: Report::new(labels, &by_label, &by_row),
        macro_scores: MacroScores {
            roc_auc: mean(evaluations.iter().map(|label| label.roc_auc)),
            average_precision: mean(evaluations.iter().map(|label| label.average_precision)),
        },
        labels: evaluations,
        subset_accuracy: share(all_right, rows_with_known),
        hamming_loss: share(all.wrong(), all.known()),
        log_loss: loss(rankings.iter().map(Ranking::loss_sum).sum(), all.known()),
    }
}

impl Evaluation {
    /// Writes a table that a person can read, a dash standing for what has no value.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        text::write(self, out)
    }
}

/// Counts the decisions on each label and on each row.
fn count(logits: &Logits, cells: &[Cell], thresholds: &[f32]) -> (Vec<Counts>, Vec<Counts>) {
    let n_labels = logits.n_labels();
    let mut by_label = vec![Counts::default(); n_labels];
    let mut by_row = vec![Counts::default(); logits.rows()];
    let decisions = logits.probabilities().decisions(thresholds);
    for (i, (&decision, &cell)) in decisions.iter().zip(cells).enumerate() {
        by_label[i % n_labels].add(decision, cell);
        by_row[i / n_labels].add(decision, cell);
    }
    (by_label, by_row)
}

fn of_label((name, ranking): (&String, &Ranking)) -> LabelEvaluation {
    LabelEvaluation {
        name: name.clone(),
        roc_auc: ranking.roc_auc(),
        average_precision: ranking.average_precision(),
        log_loss: loss(ranking.loss_sum(), ranking.known()),
        known: ranking.known(),
        positives: ranking.positives(),
    }
}

/// The mean loss; `None` without known cells, or where a logit was not finite.
fn loss(sum: f64, known: usize) -> Option<f64> {
    (known > 0 && sum.is_finite()).then(|| sum / known as f64)
}

fn by_name<S: Serializer>(labels: &[LabelEvaluation], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels.iter().map(|label| (&label.name, label)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Cell::{No, Unknown, Yes};
    use proptest::prelude::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn text(evaluation: &Evaluation) -> String {
        let mut out = Vec::new();
        evaluation.write_text(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The table of scikit-learn's own layout, with one more label that is never true.
    fn example() -> Evaluation {
        let labels = names(&["positive", "sports", "business"]);
        let logits = Logits::new(
            vec![
                2.0, 1.0, -1.0, 1.0, -1.0, -2.0, -0.5, -2.0, -1.0, 0.5, -3.0, -1.5,
            ],
            3,
        );
        let cells = [Yes, Yes, No, Yes, Yes, No, Yes, No, Unknown, No, No, No];
        evaluate(&labels, &logits, &cells, &[0.5; 3])
    }

    #[test]
    fn a_table_reads_like_that_of_scikit_learn() {
        let expected = "
              precision    recall  f1-score   support   roc-auc  average precision

    positive     0.6667    0.6667    0.6667         3    0.6667             0.9167
      sports     1.0000    0.5000    0.6667         2    1.0000             1.0000
    business          -         -         -         0         -                  -

   micro avg     0.7500    0.6000    0.6667         5
   macro avg     0.8333    0.5833    0.6667         5
weighted avg     0.8000    0.6000    0.6667         5
 samples avg     0.6667    0.5000    0.4167         5

macro roc-auc               0.8333   over 2 of 3 labels
macro average precision     0.9583   over 2 of 3 labels
subset accuracy             0.2500
hamming loss                0.2727
log loss                    0.4393
rows                             4
";
        assert_eq!(format!("\n{}", text(&example())), expected);
    }

    #[test]
    fn json_is_laid_out_as_promised() {
        let json = serde_json::to_value(example()).unwrap();
        let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
        let expected = [
            "rows",
            "report",
            "labels",
            "macro",
            "subset_accuracy",
            "hamming_loss",
            "log_loss",
        ];
        assert_eq!(keys, expected);
        assert_eq!(
            json["report"]["business"]["f1-score"],
            serde_json::Value::Null
        );
        let business = serde_json::to_string(&json["labels"]["business"]).unwrap();
        assert!(business.starts_with(r#"{"roc_auc":null,"average_precision":null,"log_loss":0."#));
        assert!(
            business.ends_with(r#","known":3,"positives":0}"#),
            "{business}"
        );
    }

    #[test]
    fn names_line_up_whatever_their_width() {
        let labels = names(&["スポーツの話題です", "line\nbreak", "é"]);
        let evaluation = evaluate(&labels, &Logits::new(vec![1.0; 3], 3), &[Yes; 3], &[0.5; 3]);
        let table = text(&evaluation);
        let lines: Vec<&str> = table.lines().skip(2).take(3).collect();
        assert!(
            lines[0].starts_with("スポーツの話題です     1.0000"),
            "{table}"
        );
        assert!(
            lines[1].starts_with("       line\\nbreak     1.0000"),
            "{table}"
        );
        assert!(
            lines[2].starts_with("                 é     1.0000"),
            "{table}"
        );
    }

    #[test]
    fn nothing_known_gives_nothing_but_counts() {
        let labels = names(&["a", "b"]);
        for rows in [0, 3] {
            let logits = Logits::new(vec![0.5; 2 * rows], 2);
            let evaluation = evaluate(&labels, &logits, &vec![Unknown; 2 * rows], &[0.5; 2]);
            assert_eq!(evaluation.rows, rows);
            assert_eq!(evaluation.log_loss, None);
            assert_eq!(evaluation.subset_accuracy, None);
            assert_eq!(evaluation.hamming_loss, None);
            assert!(!text(&evaluation).contains("NaN"));
        }
    }

    #[test]
    fn a_broken_logit_breaks_no_evaluation() {
        let logits = Logits::new(vec![f32::NAN, f32::INFINITY, -1.0, 1.0], 1);
        let evaluation = evaluate(&names(&["a"]), &logits, &[Yes, No, No, Yes], &[0.5]);
        assert_eq!(
            (evaluation.log_loss, evaluation.labels[0].roc_auc),
            (None, None)
        );
        assert!(!serde_json::to_string(&evaluation).unwrap().contains("NaN"));
    }

    fn cell() -> impl Strategy<Value = Cell> {
        prop_oneof![Just(Yes), Just(No), Just(Unknown)]
    }

    fn two_labels() -> impl Strategy<Value = Vec<([f32; 2], [Cell; 2])>> {
        let logit = (-20..20_i8).prop_map(|x| f32::from(x) / 4.0);
        prop::collection::vec(([logit.clone(), logit], [cell(), cell()]), 0..40)
    }

    fn evaluate_rows(rows: &[([f32; 2], [Cell; 2])]) -> Evaluation {
        let logits = rows.iter().flat_map(|(logits, _)| *logits).collect();
        let cells: Vec<Cell> = rows.iter().flat_map(|(_, cells)| *cells).collect();
        evaluate(
            &names(&["a", "b"]),
            &Logits::new(logits, 2),
            &cells,
            &[0.5; 2],
        )
    }

    fn close(a: Option<f64>, b: Option<f64>) -> bool {
        a == b || a.zip(b).is_some_and(|(a, b)| (a - b).abs() < 1e-12)
    }

    proptest! {
        #[test]
        fn an_unknown_cell_is_as_good_as_none(rows in two_labels()) {
            let evaluation = evaluate_rows(&rows);
            for label in 0..2 {
                let known: Vec<_> =
                    rows.iter().filter(|(_, cells)| cells[label] != Unknown).collect();
                let logits = known.iter().map(|(logits, _)| logits[label]).collect();
                let cells: Vec<Cell> = known.iter().map(|(_, cells)| cells[label]).collect();
                let name = &evaluation.labels[label].name;
                let alone = evaluate(std::slice::from_ref(name), &Logits::new(logits, 1), &cells, &[0.5]);
                prop_assert_eq!(&alone.labels[0], &evaluation.labels[label]);
                prop_assert_eq!(&alone.report.labels[0], &evaluation.report.labels[label]);
            }
        }

        #[test]
        fn the_order_of_rows_is_of_no_account(rows in two_labels(), key: u64) {
            let mut shuffled = rows.clone();
            multihot_kernels::random::shuffle(key, &mut shuffled);
            let (a, b) = (evaluate_rows(&rows), evaluate_rows(&shuffled));
            prop_assert_eq!(&a.report.labels, &b.report.labels);
            prop_assert_eq!(a.macro_scores, b.macro_scores);
            prop_assert_eq!(a.subset_accuracy, b.subset_accuracy);
            prop_assert!(close(a.log_loss, b.log_loss));
            let f1 = |evaluation: &Evaluation| evaluation.report.samples_average.f1_score;
            prop_assert!(close(f1(&a), f1(&b)));
        }
    }
}
