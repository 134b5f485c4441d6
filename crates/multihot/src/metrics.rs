//! How good log-odds are, measured on rows whose cells are known.
//!
//! Everything is worked out in `f64`. What has no value is `None`: precision where nothing was
//! predicted, a curve where a label has one value only. An unknown cell counts nowhere.
//!
//! `label.rs` and `rows.rs` go through the cells, label by label and row by row; `counts.rs`,
//! `curves.rs`, `points.rs` and `calibration.rs` have the equations, `report.rs` and
//! `averages.rs` the averages, `bootstrap.rs` and `intervals.rs` how sure all that is.

mod averages;
mod bootstrap;
mod calibration;
pub(crate) mod counts;
pub(crate) mod curves;
mod difference;
mod exclusive;
mod intervals;
mod label;
mod points;
mod pooled;
mod report;
mod rows;
mod sample;
pub(crate) mod text;

use std::io::{self, Write};

use multihot_kernels::Pool;
use multihot_table::Cell;
use serde::{Serialize, Serializer};

use crate::questions::Questions;
use crate::scores::LogOdds;
pub use averages::{Averages, DecisionFigures};
pub(crate) use bootstrap::Resampling;
pub use bootstrap::{Bootstrap, Draws, Interval};
pub use calibration::{CalibrationErrors, EqualWidth};
pub use counts::Counts;
pub use difference::Difference;
pub(crate) use difference::holm;
pub use exclusive::ExclusiveEvaluation;
pub use intervals::{CurveIntervals, Intervals, LabelIntervals};
pub use label::LabelEvaluation;
pub(crate) use label::LabelReplicate;
pub use points::OperatingPoints;
pub(crate) use report::AVERAGES;
pub use report::{LineIntervals, Report, ReportLine};
pub use rows::RowRanking;
pub(crate) use sample::{Measured, Sample};

/// What [`evaluate`] finds, serialized as `multihot evaluate --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Rows looked at, with known cells or without.
    pub rows: usize,
    /// Precision, recall and F1 at the thresholds.
    pub report: Report,
    /// Each label's other figures.
    #[serde(serialize_with = "by_name")]
    pub labels: Vec<LabelEvaluation>,
    /// Their means over the labels that have a value.
    #[serde(rename = "macro")]
    pub macro_scores: Averages,
    /// The share of rows whose known cells are all decided rightly, among rows with known cells.
    pub subset_accuracy: Option<f64>,
    /// The share of wrong decisions among the known cells.
    pub hamming_loss: Option<f64>,
    /// The mean binary cross-entropy over the known cells.
    pub log_loss: Option<f64>,
    /// The same figures of all known cells in one pool.
    #[serde(rename = "micro")]
    pub micro_scores: Averages,
    /// Their means over the labels, each counting as often as it is true.
    #[serde(rename = "weighted")]
    pub weighted_scores: Averages,
    /// Their means over the rows.
    #[serde(rename = "samples")]
    pub samples_scores: Averages,
    /// How well each row's labels are ranked.
    pub ranking: RowRanking,
    /// The means of the labels' calibration.
    pub calibration: CalibrationErrors,
    /// Each exclusive group; left out where there is none.
    #[serde(
        serialize_with = "exclusive::by_name",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub exclusive: Vec<ExclusiveEvaluation>,
    /// 95 % intervals of the main figures, each where the figure itself stands; left out where
    /// none were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Intervals>,
}

/// Compares `log_odds` with the `cells` of the same shape, row-major, one column for each label of
/// `questions`, without intervals, and on all cores where there is much to do.
///
/// A cell is decided yes where the sigmoid of its log-odds is at least its label's threshold; in an
/// exclusive group, whose labels have none, where it is the likeliest.
///
/// # Panics
///
/// When the four differ in shape.
pub fn evaluate(
    questions: &Questions,
    log_odds: &LogOdds,
    cells: &[Cell],
    thresholds: &[Option<f32>],
) -> Evaluation {
    let threads = if cells.len() < WORTH_THREADS {
        1
    } else {
        std::thread::available_parallelism().map_or(1, usize::from)
    };
    let pool = Pool::new(threads);
    let judged = Judged::new(questions, log_odds, cells, thresholds, &pool);
    evaluate_with(&judged, Bootstrap::OFF)
}

/// Cells that take longer than to start threads.
const WORTH_THREADS: usize = 1 << 16;

/// [`evaluate`], with intervals.
pub fn evaluate_with(judged: &Judged<'_>, bootstrap: Bootstrap) -> Evaluation {
    let resampling = bootstrap.draw(judged.log_odds.rows(), judged.cells.len());
    let measured = Measured::new(judged, resampling.as_ref());
    let intervals = resampling.map(|resampling| Intervals::new(&measured, resampling.draws()));
    let sample = measured.sample();
    let by_label = sample.by_label();
    Evaluation {
        rows: judged.log_odds.rows(),
        report: Report::new(judged.labels(), &by_label, &sample.rows),
        macro_scores: Averages::macro_of(&sample),
        subset_accuracy: sample.subset_accuracy(),
        hamming_loss: sample.hamming_loss(),
        log_loss: sample.log_loss(),
        micro_scores: Averages::micro(&sample, pooled::curve(judged)),
        weighted_scores: Averages::weighted(&sample),
        samples_scores: Averages::samples(&measured.rows),
        calibration: CalibrationErrors::mean(measured.labels().map(|label| &label.calibration)),
        exclusive: judged
            .questions
            .exclusive()
            .iter()
            .map(|group| ExclusiveEvaluation::of(group, judged))
            .collect(),
        ranking: measured.rows.ranking.clone(),
        labels: measured.labels().cloned().collect(),
        intervals,
    }
}

/// Log-odds, what is decided from them, and the cells that say what is right.
pub struct Judged<'a> {
    questions: &'a Questions,
    log_odds: &'a LogOdds,
    cells: &'a [Cell],
    thresholds: &'a [Option<f32>],
    decisions: Vec<bool>,
    pool: &'a Pool,
}

impl<'a> Judged<'a> {
    /// Decides by one threshold a label, `None` in exclusive groups; `pool` does the work, here and
    /// later. All is row-major.
    ///
    /// # Panics
    ///
    /// When `questions`, `log_odds`, `cells` and `thresholds` differ in shape, or a label has no
    /// threshold and is in no exclusive group.
    pub fn new(
        questions: &'a Questions,
        log_odds: &'a LogOdds,
        cells: &'a [Cell],
        thresholds: &'a [Option<f32>],
        pool: &'a Pool,
    ) -> Self {
        assert_eq!(
            questions.labels().len(),
            log_odds.n_labels(),
            "evaluate: not one name for each label"
        );
        assert_eq!(
            cells.len(),
            log_odds.values().len(),
            "evaluate: log-odds and `cells` differ in length"
        );
        let has_its_rule = |(label, threshold): (usize, &Option<f32>)| {
            questions.is_exclusive(label) == threshold.is_none()
        };
        assert!(
            thresholds.len() == log_odds.n_labels()
                && thresholds.iter().enumerate().all(has_its_rule),
            "evaluate: not one threshold for each label in no exclusive group"
        );
        Self {
            decisions: log_odds.decisions(questions, thresholds, pool),
            questions,
            log_odds,
            cells,
            thresholds,
            pool,
        }
    }

    fn labels(&self) -> &'a [String] {
        self.questions.labels()
    }
}

impl Evaluation {
    /// Writes the figures of each label and the overall ones as a table that a person can read, a
    /// dash standing for what has no value.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_summary(&self, out: &mut dyn Write) -> io::Result<()> {
        text::write_summary(self, out)
    }

    /// Writes the summary, and below it further averages, the ranking of rows, and calibration.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        text::write(self, out)
    }
}

fn by_name<S: Serializer>(labels: &[LabelEvaluation], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels.iter().map(|label| (&label.name, label)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Cell::{No, Unknown, Yes};
    use proptest::prelude::*;

    use crate::questions::tests::questions;

    const HALF: Option<f32> = Some(0.5);

    fn text(evaluation: &Evaluation) -> String {
        let mut out = Vec::new();
        evaluation.write_text(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The table of scikit-learn's own layout, with one more label that is never true.
    fn example() -> Evaluation {
        let (questions, log_odds, cells) = example_rows();
        evaluate(&questions, &log_odds, &cells, &[HALF; 3])
    }

    fn example_rows() -> (Questions, LogOdds, [Cell; 12]) {
        let questions = questions("positive,sports,business", &[], &[]);
        let log_odds = LogOdds::new(
            vec![
                2.0, 1.0, -1.0, 1.0, -1.0, -2.0, -0.5, -2.0, -1.0, 0.5, -3.0, -1.5,
            ],
            3,
        );
        let cells = [Yes, Yes, No, Yes, Yes, No, Yes, No, Unknown, No, No, No];
        (questions, log_odds, cells)
    }

    #[test]
    fn a_table_reads_like_that_of_scikit_learn() {
        let expected = "
              precision    recall  f1-score   support  roc-auc  avg prec

    positive     0.6667    0.6667    0.6667         3   0.6667    0.9167
      sports     1.0000    0.5000    0.6667         2   1.0000    1.0000
    business          -         -         -         0        -         -

   micro avg     0.7500    0.6000    0.6667         5   0.9167    0.9029
   macro avg     0.8333    0.5833    0.6667         5   0.8333    0.9583
weighted avg     0.8000    0.6000    0.6667         5   0.8000    0.9500
 samples avg     0.6667    0.5000    0.4167         5   1.0000    1.0000

macro f1, with support      0.6667   over 2 of 3 labels
macro f1, all labels        0.4444   a label without a value counts as 0
macro roc-auc               0.8333   over 2 of 3 labels
macro average precision     0.9583   over 2 of 3 labels
subset accuracy             0.2500
hamming loss                0.2727
log loss                    0.4393
rows                             4

                              micro     macro  weighted   samples
accuracy                     0.7273    0.7500    0.6000    0.7083
balanced accuracy            0.7167    0.5417    0.5000    0.7500
specificity                  0.8333    0.6667    0.4000    0.9167
negative predictive value    0.7143    0.5556    0.2667    0.7500
jaccard                      0.5000    0.5000    0.5000    0.3750
f0.5-score                   0.7143    0.7500    0.7333    0.4583
f2-score                     0.6250    0.6111    0.6222    0.3889
matthews correlation         0.4485    0.1220    0.0309    0.7500

labels as each row ranks them (3 rows with a yes, 3 with a no too)
  lrap              1.0000    ndcg              1.0000    one-error         0.0000
  coverage error    1.6667    ranking loss      0.0000    precision at 1    0.7500
  recall at 1       0.6667

calibration, mean over labels
  brier             0.1370    ece               0.2967    mce               0.5408
  equal width: l1   0.2967    l2                0.3529    max               0.5408
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
            "micro",
            "weighted",
            "samples",
            "ranking",
            "calibration",
        ];
        assert_eq!(keys, expected);
        assert_eq!(
            json["report"]["business"]["f1-score"],
            serde_json::Value::Null
        );
        let business = serde_json::to_string(&json["labels"]["business"]).unwrap();
        assert!(business.starts_with(r#"{"roc_auc":null,"average_precision":null,"log_loss":0."#));
        let counts =
            r#","known":3,"positives":0,"threshold":0.5,"confusion_matrix":[[3,0],[0,0]],"#;
        assert!(business.contains(counts), "{business}");
        assert_eq!(
            json["report"]["macro avg (labels with support)"]["support"],
            5
        );
        assert_eq!(json["ranking"]["precision_at"]["1"], 0.75);
    }

    /// The example with intervals.
    fn example_with_intervals(thresholds: [f32; 3]) -> Evaluation {
        let (questions, log_odds, cells) = example_rows();
        let (pool, thresholds) = (Pool::new(1), thresholds.map(Some));
        let judged = Judged::new(&questions, &log_odds, &cells, &thresholds, &pool);
        evaluate_with(&judged, Bootstrap::default())
    }

    #[test]
    fn intervals_stand_where_their_figures_do() {
        let with = serde_json::to_value(example_with_intervals([0.5; 3])).unwrap();
        let mut without = with.clone();
        let intervals = without
            .as_object_mut()
            .unwrap()
            .remove("intervals")
            .unwrap();
        assert_eq!(without, serde_json::to_value(example()).unwrap());
        assert_eq!(intervals["level"], 0.95);
        assert_eq!(
            (&intervals["replicates"], &intervals["groups"]),
            (&1000.into(), &4.into())
        );
        assert_each_is_round_its_figure(&intervals, &with);
        // A label that is never true is so in every replicate.
        assert!(intervals["report"]["business"]["f1-score"].is_null());
        assert!(intervals["report"]["positive"]["f1-score"].is_array());
        assert!(intervals["macro"]["average_precision"].is_array());
    }

    /// That every interval has its figure at the same place, and round it.
    fn assert_each_is_round_its_figure(interval: &serde_json::Value, figure: &serde_json::Value) {
        match interval {
            serde_json::Value::Object(intervals) => {
                let inner = intervals.iter().filter(|(key, _)| !figure[key].is_null());
                inner.for_each(|(key, inner)| assert_each_is_round_its_figure(inner, &figure[key]));
            }
            serde_json::Value::Array(ends) => {
                let [low, high] = [0, 1].map(|i| ends[i].as_f64().unwrap());
                let figure = figure.as_f64().unwrap();
                assert!(
                    low <= figure + 1e-6 && figure <= high + 1e-6,
                    "{low} {figure} {high}"
                );
            }
            _ => {}
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_intervals_on_any_number_of_threads() {
        let (questions, log_odds, cells) = example_rows();
        let intervals = |seed, threads| {
            let pool = Pool::new(threads);
            let judged = Judged::new(&questions, &log_odds, &cells, &[HALF; 3], &pool);
            evaluate_with(
                &judged,
                Bootstrap {
                    replicates: Some(200),
                    seed,
                },
            )
            .intervals
            .unwrap()
        };
        assert_eq!(intervals(1, 1), intervals(1, 3));
        assert_ne!(intervals(1, 1).log_loss, intervals(2, 1).log_loss);
    }

    #[test]
    fn intervals_and_thresholds_have_their_columns_within_100() {
        let table = text(&example_with_intervals([0.5, 0.25, 0.75]));
        let lines: Vec<&str> = table.lines().collect();
        let headings = "precision recall f1-score support f1 interval roc-auc avg prec threshold";
        assert_eq!(
            lines[0].split_whitespace().collect::<Vec<_>>().join(" "),
            headings
        );
        assert!(
            lines[3].ends_with("   1.0000    1.0000     0.2500"),
            "{table}"
        );
        assert!(
            lines[4].contains("              -        -         -     0.7500"),
            "{table}"
        );
        assert!(lines.iter().all(|line| line.len() <= 100), "{table}");
        let rows = "rows                             4   drawn 1000 times for the 95 % intervals";
        assert!(lines.contains(&rows), "{table}");
    }

    #[test]
    fn a_label_that_is_never_a_yes_has_a_dash_for_a_threshold() {
        let table = text(&example_with_intervals([0.5, 1.0_f32.next_up(), 0.75]));
        let sports = table.lines().nth(3).unwrap();
        assert!(
            sports.ends_with("   1.0000    1.0000          -"),
            "{table}"
        );
    }

    #[test]
    fn answers_left_unsure_have_a_table_of_their_own() {
        let mut evaluation = example();
        assert!(!text(&evaluation).contains("unsure"));
        let answers = |unsure, yes_precision| crate::decisions::AnswerFigures {
            unsure: Some(unsure),
            yes_precision,
            no_precision: Some(1.0),
        };
        evaluation.labels[0].answers = Some(answers(0.25, Some(0.5)));
        evaluation.labels[1].answers = Some(answers(0.0, None));
        let expected = "
answers with those left unsure; all other figures are those of thresholds alone
            unsure  right yes  right no

positive    0.2500     0.5000    1.0000
  sports    0.0000          -    1.0000
";
        assert!(
            text(&evaluation).contains(expected),
            "{}",
            text(&evaluation)
        );
        let json = serde_json::to_value(&evaluation).unwrap();
        assert_eq!(json["labels"]["sports"]["answers"]["unsure"], 0.0);
        assert!(json["labels"]["business"].get("answers").is_none());
    }

    #[test]
    fn names_line_up_whatever_their_width() {
        let questions = questions("スポーツの話題です,line\nbreak,é", &[], &[]);
        let log_odds = LogOdds::new(vec![1.0; 3], 3);
        let evaluation = evaluate(&questions, &log_odds, &[Yes; 3], &[HALF; 3]);
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
        let questions = questions("a,b", &[], &[]);
        for rows in [0, 3] {
            let log_odds = LogOdds::new(vec![0.5; 2 * rows], 2);
            let cells = vec![Unknown; 2 * rows];
            let evaluation = evaluate(&questions, &log_odds, &cells, &[HALF; 2]);
            assert_eq!(evaluation.rows, rows);
            assert_eq!(evaluation.log_loss, None);
            assert_eq!(evaluation.subset_accuracy, None);
            assert_eq!(evaluation.hamming_loss, None);
            assert!(!text(&evaluation).contains("NaN"));
        }
    }

    #[test]
    fn a_broken_logit_breaks_no_evaluation() {
        let log_odds = LogOdds::new(vec![f32::NAN, f32::INFINITY, -1.0, 1.0], 1);
        let questions = questions("a", &[], &[]);
        let evaluation = evaluate(&questions, &log_odds, &[Yes, No, No, Yes], &[HALF]);
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
            &questions("a,b", &[], &[]),
            &LogOdds::new(logits, 2),
            &cells,
            &[HALF; 2],
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
                let questions = questions(&evaluation.labels[label].name, &[], &[]);
                let alone = evaluate(&questions, &LogOdds::new(logits, 1), &cells, &[HALF]);
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
