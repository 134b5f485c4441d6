//! What bf16 and int8 cost on the rows of a table, against f32.

mod text;

use std::io::{self, Write};

use multihot_table::{Cell, Table};
use serde::{Serialize, Serializer};

use crate::classifier::{Classifier, Scores};
use crate::error::Error;
use crate::metrics::{self, Evaluation};
use crate::precision::{Precision, PredictPrecision};
use crate::questions::Questions;
use crate::scores::{LogOdds, Logits};
use crate::speed::Scoring;

/// The number types that are compared, the reference first.
const COMPARED: [PredictPrecision; 3] = [
    PredictPrecision::F32,
    PredictPrecision::Bf16,
    PredictPrecision::Int8,
];

/// A model's answers in each number type, as `evaluate --compare-precisions --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PrecisionComparison {
    /// Rows looked at, with known cells or without.
    pub rows: usize,
    /// Known cells; all other figures are of these.
    pub known: usize,
    /// `f32`, bf16 and int8, by name.
    #[serde(serialize_with = "by_precision")]
    pub precisions: Vec<PrecisionFigures>,
}

/// One number type. Of `f32` every difference is 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PrecisionFigures {
    /// The scoring, which names the number type.
    pub scoring: Scoring,
    /// Each label, by name.
    #[serde(serialize_with = "by_name")]
    pub labels: Vec<(String, LabelComparison)>,
    /// All labels: means of F1 and average precision over the labels that have one; drift and
    /// decisions over all known cells.
    #[serde(rename = "macro")]
    pub macro_figures: LabelComparison,
}

/// Figures in one number type, and how far they are from those in `f32`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LabelComparison {
    /// F1 at the decision threshold; `None` where neither a decision nor a cell says yes.
    #[serde(rename = "f1-score")]
    pub f1_score: Option<f64>,
    /// It less that in `f32`; `None` where one of the two is.
    #[serde(rename = "f1-score_change")]
    pub f1_score_change: Option<f64>,
    /// Area under the steps of precision and recall; `None` unless both values occur.
    pub average_precision: Option<f64>,
    /// It less that in `f32`; `None` where one of the two is.
    pub average_precision_change: Option<f64>,
    /// The largest distance of a logit from that in `f32`; `None` where none is known or one is
    /// not finite.
    pub largest_drift: Option<f64>,
    /// The mean distance; `None` as above.
    pub mean_drift: Option<f64>,
    /// Cells that are decided otherwise than in `f32`.
    pub changed_decisions: usize,
}

/// Scores `table` in `f32`, bf16 and int8, one after the other.
///
/// `load` loads the model in a number type; one is in memory at a time. The table must have the
/// model's labels, as for [`Classifier::evaluate`].
///
/// # Errors
///
/// Those of `load`, and as [`Classifier::score`] and [`Classifier::settled_cells`].
pub fn compare_precisions(
    table: &Table,
    load: impl Fn(PredictPrecision) -> Result<Classifier, Error>,
) -> Result<PrecisionComparison, Error> {
    let mut cells = Vec::new();
    let mut precisions = Vec::new();
    let mut reference = None;
    for precision in COMPARED {
        let classifier = load(precision)?;
        // The same each time.
        (cells, _) = classifier.settled_cells(table)?;
        let scores = classifier.score_table(table)?;
        let answers = Answers::new(&classifier, &scores, &cells);
        let against = reference.get_or_insert_with(|| answers.clone());
        precisions.push(PrecisionFigures {
            labels: answers.labels_against(against, &cells),
            macro_figures: answers.all_against(against, &cells),
            scoring: scores.scoring,
        });
    }
    Ok(PrecisionComparison {
        rows: table.rows.len(),
        known: cells.iter().filter(|cell| **cell != Cell::Unknown).count(),
        precisions,
    })
}

impl PrecisionComparison {
    /// Writes tables that a person can read, a dash standing for what has no value.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        text::write(self, out)
    }
}

/// What the model says in one number type, and how good that is.
#[derive(Clone)]
struct Answers {
    logits: Logits,
    decisions: Vec<bool>,
    evaluation: Evaluation,
}

impl Answers {
    /// Decides and evaluates by the calibrated log-odds; drift is of the network's own logits.
    fn new(classifier: &Classifier, scores: &Scores, cells: &[Cell]) -> Self {
        let (questions, thresholds) = (classifier.questions(), classifier.thresholds());
        Self::of(
            questions,
            scores.logits.clone(),
            &scores.calibrated,
            cells,
            &thresholds,
        )
    }

    fn of(
        questions: &Questions,
        logits: Logits,
        calibrated: &LogOdds,
        cells: &[Cell],
        thresholds: &[Option<f32>],
    ) -> Self {
        Self {
            decisions: calibrated.probabilities().decisions(questions, thresholds),
            evaluation: metrics::evaluate(questions, calibrated, cells, thresholds),
            logits,
        }
    }

    fn labels_against(&self, other: &Answers, cells: &[Cell]) -> Vec<(String, LabelComparison)> {
        let n_labels = self.logits.n_labels();
        let one = |label: usize| {
            let places = (label..cells.len()).step_by(n_labels);
            let figures = |answers: &Answers| {
                let evaluation = &answers.evaluation;
                let (_, line) = &evaluation.report.labels[label];
                (line.f1_score, evaluation.labels[label].average_precision)
            };
            let comparison =
                self.difference(other, known(places, cells), figures(self), figures(other));
            (self.evaluation.labels[label].name.clone(), comparison)
        };
        (0..n_labels).map(one).collect()
    }

    fn all_against(&self, other: &Answers, cells: &[Cell]) -> LabelComparison {
        let figures = |answers: &Answers| {
            let evaluation = &answers.evaluation;
            (
                evaluation.report.macro_average.f1_score,
                evaluation.macro_scores.average_precision,
            )
        };
        let places = known(0..cells.len(), cells);
        self.difference(other, places, figures(self), figures(other))
    }

    /// Compares the cells at `places`; of each pair of figures the first is F1.
    fn difference(
        &self,
        other: &Answers,
        places: Vec<usize>,
        (f1_score, average_precision): (Option<f64>, Option<f64>),
        (other_f1, other_precision): (Option<f64>, Option<f64>),
    ) -> LabelComparison {
        let logit = |answers: &Answers, place: usize| f64::from(answers.logits.values()[place]);
        let drifts: Vec<f64> = places
            .iter()
            .map(|&place| (logit(self, place) - logit(other, place)).abs())
            .collect();
        let is_defined = !drifts.is_empty() && drifts.iter().all(|drift| drift.is_finite());
        let changed = |&&place: &&usize| self.decisions[place] != other.decisions[place];
        LabelComparison {
            f1_score,
            f1_score_change: change(f1_score, other_f1),
            average_precision,
            average_precision_change: change(average_precision, other_precision),
            largest_drift: is_defined.then(|| drifts.iter().copied().fold(0.0, f64::max)),
            mean_drift: is_defined.then(|| drifts.iter().sum::<f64>() / drifts.len() as f64),
            changed_decisions: places.iter().filter(changed).count(),
        }
    }
}

/// Those of `places` whose cell is known.
fn known(places: impl Iterator<Item = usize>, cells: &[Cell]) -> Vec<usize> {
    places
        .filter(|&place| cells[place] != Cell::Unknown)
        .collect()
}

fn change(value: Option<f64>, reference: Option<f64>) -> Option<f64> {
    Some(value? - reference?)
}

impl PrecisionFigures {
    /// The number type.
    pub fn precision(&self) -> Precision {
        self.scoring.precision
    }
}

fn by_precision<S: Serializer>(
    precisions: &[PrecisionFigures],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        precisions
            .iter()
            .map(|figures| (figures.precision().name(), figures)),
    )
}

fn by_name<S: Serializer>(
    labels: &[(String, LabelComparison)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels.iter().map(|(name, label)| (name, label)))
}

#[cfg(test)]
mod tests {
    use Cell::{No, Unknown, Yes};

    use super::*;
    use crate::questions::tests::questions;

    /// Answers to `labels`, whose log-odds are the logits.
    fn answers(labels: &str, logits: Vec<f32>, cells: &[Cell]) -> Answers {
        let questions = questions(labels, &[], &[]);
        let logits = Logits::new(logits, questions.labels().len());
        let log_odds = logits.log_odds(&questions);
        let thresholds = vec![Some(0.5); logits.n_labels()];
        Answers::of(&questions, logits, &log_odds, cells, &thresholds)
    }

    /// Three rows of two labels in two number types: the second has no yes and one known cell less.
    fn comparison() -> PrecisionComparison {
        let cells = [Yes, No, No, Unknown, Yes, No];
        let exact = vec![2.0, -3.0, -1.0, -2.0, 0.125, -4.0];
        let rounded = vec![2.5, -3.0, -1.0, 9.0, -0.125, -4.25];
        let [f32, int8] = [exact, rounded].map(|logits| answers("sports,rare", logits, &cells));
        let figures = |answers: &Answers, precision, tokens| PrecisionFigures {
            scoring: Scoring {
                precision,
                instruction_set: "scalar",
                threads: 1,
                tokens,
                seconds: 0.5,
                tokens_per_second: Some(2.0 * tokens as f64),
            },
            labels: answers.labels_against(&f32, &cells),
            macro_figures: answers.all_against(&f32, &cells),
        };
        PrecisionComparison {
            rows: 3,
            known: 5,
            precisions: vec![
                figures(&f32, Precision::F32, 100),
                figures(&int8, Precision::Int8, 100),
            ],
        }
    }

    #[test]
    fn unknown_cells_drift_nowhere_and_what_has_no_value_has_no_change() {
        let comparison = comparison();
        let int8 = &comparison.precisions[1];
        let sports = LabelComparison {
            f1_score: Some(2.0 / 3.0),
            f1_score_change: Some(2.0 / 3.0 - 1.0),
            average_precision: Some(1.0),
            average_precision_change: Some(0.0),
            largest_drift: Some(0.5),
            mean_drift: Some(0.25),
            changed_decisions: 1,
        };
        let rare = LabelComparison {
            f1_score: None,
            f1_score_change: None,
            average_precision: None,
            average_precision_change: None,
            largest_drift: Some(0.25),
            mean_drift: Some(0.125),
            changed_decisions: 0,
        };
        assert_eq!(
            int8.labels,
            [("sports".into(), sports), ("rare".into(), rare)]
        );
        let all = LabelComparison {
            mean_drift: Some(0.2),
            ..sports
        };
        assert_eq!(int8.macro_figures, all);
    }

    #[test]
    fn a_logit_that_is_no_number_has_no_drift() {
        let answers = |logits| answers("a", logits, &[Yes, No]);
        let (broken, whole) = (answers(vec![f32::NAN, 1.0]), answers(vec![1.0, 1.0]));
        let all = broken.all_against(&whole, &[Yes, No]);
        assert_eq!((all.largest_drift, all.mean_drift), (None, None));
        assert_eq!(all.changed_decisions, 1);
    }

    #[test]
    fn tables_line_up() {
        let mut out = Vec::new();
        comparison().write_text(&mut out).unwrap();
        let expected = "
                     f1-score                   average precision            logit drift      decisions
                 f32      int8    change       f32      int8    change   largest      mean    changed

   sports     1.0000    0.6667   -0.3333    1.0000    1.0000    0.0000    0.5000    0.2500          1
     rare          -         -         -         -         -         -    0.2500    0.1250          0

macro avg     1.0000    0.6667   -0.3333    1.0000    1.0000    0.0000    0.5000    0.2000          1

               tokens/s
f32                 200
int8                200
rows                  3
known cells           5
";
        let text = String::from_utf8(out).unwrap();
        assert_eq!(format!("\n{text}"), expected);
    }

    #[test]
    fn json_is_laid_out_as_promised() {
        let json = serde_json::to_value(comparison()).unwrap();
        let keys = |value: &serde_json::Value| {
            let object = value.as_object().unwrap();
            object.keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(keys(&json), ["rows", "known", "precisions"]);
        assert_eq!(keys(&json["precisions"]), ["f32", "int8"]);
        let int8 = &json["precisions"]["int8"];
        assert_eq!(keys(int8), ["scoring", "labels", "macro"]);
        assert_eq!(keys(&int8["labels"]), ["sports", "rare"]);
        assert_eq!(int8["scoring"]["precision"], "int8");
        let rare = serde_json::to_string(&int8["labels"]["rare"]).unwrap();
        assert_eq!(
            rare,
            r#"{"f1-score":null,"f1-score_change":null,"average_precision":null,"average_precision_change":null,"largest_drift":0.25,"mean_drift":0.125,"changed_decisions":0}"#
        );
    }
}
