//! Which of two models answers the same rows better, label by label and as a whole.

mod text;

use std::io::{self, Write};

use multihot_kernels::Pool;
use multihot_table::{Cell, Table};
use serde::{Serialize, Serializer};

use crate::classifier::Classifier;
use crate::error::Error;
pub use crate::metrics::Difference;
use crate::metrics::counts::mean;
use crate::metrics::{
    AVERAGES, Bootstrap, Draws, Judged, LabelReplicate, Measured, Resampling, Sample, holm,
};
use crate::questions::Questions;
use crate::scores::LogOdds;

/// Replicates unless it is said how many: the smallest p value is 2 in so many and one, and Holm's
/// correction multiplies it by the number of labels, so that this serves 250 of them.
const REPLICATES: usize = 10_000;
/// A corrected p value up to here is called significant.
const SIGNIFICANT: f64 = 0.05;

/// Two models on the same rows, as `multihot compare --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelComparison {
    /// Rows looked at, with known cells or without.
    pub rows: usize,
    /// Known cells; all other figures are of these.
    pub known: usize,
    /// How rows were drawn for intervals and p values; `None` where they were not.
    pub bootstrap: Option<Draws>,
    /// Each label, by name, in the order of model A.
    #[serde(serialize_with = "by_name")]
    pub labels: Vec<(String, LabelDifferences)>,
    /// All labels together.
    pub overall: OverallDifferences,
    /// On how many labels which of the two is better.
    pub better: Tallies,
}

/// A label of two models.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LabelDifferences {
    /// F1 at each model's own threshold.
    #[serde(rename = "f1-score")]
    pub f1_score: LabelDifference,
    /// Area under the steps of precision and recall.
    pub average_precision: LabelDifference,
    /// The mean binary cross-entropy; lower is better.
    pub log_loss: LabelDifference,
}

/// A figure of one label, which is one of several.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LabelDifference {
    /// The figure of both, and how far it is apart.
    #[serde(flatten)]
    pub difference: Difference,
    /// The p value after Holm's correction over all labels.
    pub p_value_holm: Option<f64>,
    /// Whether that is at most 0.05.
    pub significant: bool,
}

/// The figures of all labels together. Their p values are not corrected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OverallDifferences {
    /// F1 of all known cells in one pool.
    pub micro_f1: Difference,
    /// Mean F1 of the labels that have one with both models.
    pub shared_macro_f1: Difference,
    /// Mean F1 of the labels, each counting as often as it is true.
    pub weighted_f1: Difference,
    /// Mean F1 of the rows.
    pub samples_f1: Difference,
    /// Mean average precision of the labels that have one.
    pub macro_average_precision: Difference,
    /// Mean area under the ROC curve of the labels that have one.
    pub macro_roc_auc: Difference,
    /// The share of rows that are right in all their known cells.
    pub subset_accuracy: Difference,
    /// The share of wrong decisions; lower is better.
    pub hamming_loss: Difference,
    /// The mean binary cross-entropy; lower is better.
    pub log_loss: Difference,
}

/// Counts of labels, for each figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tallies {
    /// By F1.
    #[serde(rename = "f1-score")]
    pub f1_score: Tally,
    /// By average precision.
    pub average_precision: Tally,
    /// By log loss.
    pub log_loss: Tally,
}

/// On how many labels which model is better by one figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Labels.
    pub labels: usize,
    /// Model A is better.
    pub a: usize,
    /// Model A is better, significantly.
    pub a_significant: usize,
    /// Model B is better.
    pub b: usize,
    /// Model B is better, significantly.
    pub b_significant: usize,
    /// Both are the same.
    pub equal: usize,
    /// One of the two has no value.
    pub undefined: usize,
}

/// Answers `table` with both models and compares them, each with its own thresholds.
///
/// Where both have the same exclusive groups and implications, cells that follow from these are
/// filled, as [`Classifier::settled_cells`] does it; else the cells count as they stand.
///
/// The table must have the labels of `a` in its order. Both models must have the same labels, in
/// whatever order. Without a number, 10,000 replicates are made.
///
/// # Errors
///
/// When the models have different labels, and as [`Classifier::score`].
pub fn compare_models(
    a: &Classifier,
    b: &Classifier,
    table: &Table,
    bootstrap: Bootstrap,
) -> Result<ModelComparison, Error> {
    let places = places_of(a.labels(), b.labels())?;
    let (scores_a, scores_b) = (a.score_table(table)?, b.score_table(table)?);
    let thresholds_b = b.thresholds();
    let answers = [
        Answers {
            questions: a.questions().clone(),
            log_odds: scores_a.calibrated,
            thresholds: a.thresholds(),
        },
        Answers {
            questions: b.questions().in_order(&places),
            log_odds: in_order(&scores_b.calibrated, &places),
            thresholds: places.iter().map(|&place| thresholds_b[place]).collect(),
        },
    ];
    let cells = if answers[0].questions == answers[1].questions {
        a.settled_cells(table)?.0
    } else {
        table.cells()
    };
    Ok(compare(&answers, &cells, bootstrap, a.cpu().pool()))
}

/// What one model says, in the order of model A's labels.
struct Answers {
    questions: Questions,
    /// Calibrated, as thresholds are for them.
    log_odds: LogOdds,
    thresholds: Vec<Option<f32>>,
}

/// Where each label of `a` stands in `b`.
fn places_of(a: &[String], b: &[String]) -> Result<Vec<usize>, Error> {
    let missing = |from: &[String], of: &[String]| -> Vec<String> {
        let missing = of.iter().filter(|label| !from.contains(label));
        missing.cloned().collect()
    };
    let places = a
        .iter()
        .map(|label| b.iter().position(|other| other == label));
    match places.collect::<Option<Vec<usize>>>() {
        Some(places) if places.len() == b.len() => Ok(places),
        _ => Err(Error::LabelsDiffer {
            only_a: missing(b, a),
            only_b: missing(a, b),
        }),
    }
}

/// The columns of `log_odds` at `places`.
fn in_order(log_odds: &LogOdds, places: &[usize]) -> LogOdds {
    let rows = (0..log_odds.rows()).map(|row| log_odds.row(row));
    let values = rows.flat_map(|row| places.iter().map(|&place| row[place]));
    LogOdds::new(values.collect(), places.len())
}

fn compare(
    answers: &[Answers; 2],
    cells: &[Cell],
    bootstrap: Bootstrap,
    pool: &Pool,
) -> ModelComparison {
    let rows = answers[0].log_odds.rows();
    let replicates = bootstrap.replicates.or(Some(REPLICATES));
    let bootstrap = Bootstrap {
        replicates,
        ..bootstrap
    };
    let resampling = bootstrap.draw(rows, cells.len());
    let [a, b] = answers.each_ref().map(|answers| {
        let Answers {
            questions,
            log_odds,
            thresholds,
        } = answers;
        let judged = Judged::new(questions, log_odds, cells, thresholds, pool);
        Measured::new(&judged, resampling.as_ref())
    });
    let of_labels = label_differences(&a, &b);
    ModelComparison {
        rows,
        known: cells.iter().filter(|cell| **cell != Cell::Unknown).count(),
        bootstrap: resampling.as_ref().map(Resampling::draws),
        better: Tallies::of(&of_labels),
        labels: answers[0]
            .questions
            .labels()
            .iter()
            .cloned()
            .zip(of_labels)
            .collect(),
        overall: OverallDifferences::of(&a, &b),
    }
}

impl ModelComparison {
    /// That so few draws can call no label significant, where that is so.
    ///
    /// Of `m` labels with a p value the smallest, which is at least `2 / (replicates + 1)`, counts
    /// `m` times after Holm's correction.
    pub fn warning(&self) -> Option<String> {
        let draws = self.bootstrap?.replicates;
        let tested = |figure: fn(&LabelDifferences) -> LabelDifference| {
            let labels = self.labels.iter();
            let tested = labels.filter(|(_, label)| figure(label).p_value_holm.is_some());
            tested.count()
        };
        let labels = tested(|label| label.f1_score)
            .max(tested(|label| label.average_precision))
            .max(tested(|label| label.log_loss));
        let needed = (2.0 * labels as f64 / SIGNIFICANT).ceil() as usize - 1;
        (labels > 0 && draws < needed).then(|| {
            format!(
                "{draws} draws are too few to call any of {labels} labels significant; that takes \
                 {needed} or more (`--bootstrap {needed}`)"
            )
        })
    }

    /// Writes tables that a person can read, and the outcome in words.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        text::write(self, out)
    }
}

/// The differences of all labels.
fn label_differences(a: &Measured, b: &Measured) -> Vec<LabelDifferences> {
    let of = |figure| figure_differences(a, b, figure);
    let f1_scores = of(|label| label.counts.f1());
    let average_precisions = of(|label| label.curve.average_precision);
    let log_losses = of(LabelReplicate::log_loss);
    f1_scores
        .into_iter()
        .zip(average_precisions)
        .zip(log_losses)
        .map(
            |((f1_score, average_precision), log_loss)| LabelDifferences {
                f1_score,
                average_precision,
                log_loss,
            },
        )
        .collect()
}

/// The differences of one figure of all labels.
fn figure_differences(
    a: &Measured,
    b: &Measured,
    figure: fn(&LabelReplicate) -> Option<f64>,
) -> Vec<LabelDifference> {
    let (sample_a, sample_b) = (a.sample(), b.sample());
    let differences: Vec<Difference> = (0..sample_a.labels.len())
        .map(|label| {
            let replicates = a
                .label_replicates(label)
                .iter()
                .zip(b.label_replicates(label));
            Difference::of(
                figure(&sample_a.labels[label]),
                figure(&sample_b.labels[label]),
                replicates.map(|(a, b)| (figure(a), figure(b))),
            )
        })
        .collect();
    let p_values: Vec<Option<f64>> = differences.iter().map(|of| of.p_value).collect();
    let corrected = holm(&p_values);
    differences
        .into_iter()
        .zip(corrected)
        .map(|(difference, p_value_holm)| LabelDifference {
            difference,
            p_value_holm,
            significant: p_value_holm.is_some_and(|p| p <= SIGNIFICANT),
        })
        .collect()
}

/// The figures of one model's sample that are no label's.
struct Overall {
    /// F1 of the report's averages.
    f1: [Option<f64>; AVERAGES.len()],
    shared_macro_f1: Option<f64>,
    average_precision: Option<f64>,
    roc_auc: Option<f64>,
    subset_accuracy: Option<f64>,
    hamming_loss: Option<f64>,
    log_loss: Option<f64>,
}

impl Overall {
    /// Those of both models on the same rows.
    fn of_both(a: &Sample, b: &Sample) -> [Self; 2] {
        [(a, b), (b, a)].map(|(own, other)| Self::of(own, other))
    }

    fn of(sample: &Sample, other: &Sample) -> Self {
        Self {
            f1: sample.averages().map(|line| line.f1_score),
            shared_macro_f1: shared_macro_f1(sample, other),
            average_precision: sample.macro_average_precision(),
            roc_auc: sample.macro_roc_auc(),
            subset_accuracy: sample.subset_accuracy(),
            hamming_loss: sample.hamming_loss(),
            log_loss: sample.log_loss(),
        }
    }
}

/// The mean F1 of `own` over the labels of which `other` has one too: where a model never says
/// yes to a label that is never true, it has none, and one that does has a 0.
fn shared_macro_f1(own: &Sample, other: &Sample) -> Option<f64> {
    let labels = own.labels.iter().zip(&other.labels);
    mean(labels.map(|(own, other)| other.counts.f1().and(own.counts.f1())))
}

impl OverallDifferences {
    fn of(a: &Measured, b: &Measured) -> Self {
        let figures = Overall::of_both(&a.sample(), &b.sample());
        let replicates = a.replicates().zip(b.replicates());
        let replicates: Vec<[Overall; 2]> =
            replicates.map(|(a, b)| Overall::of_both(&a, &b)).collect();
        let difference = |figure: &dyn Fn(&Overall) -> Option<f64>| {
            let [a, b] = figures.each_ref().map(figure);
            let replicates = replicates.iter().map(|[a, b]| (figure(a), figure(b)));
            Difference::of(a, b, replicates)
        };
        let [micro_f1, weighted_f1, samples_f1] =
            [0, 2, 3].map(|average| difference(&|of| of.f1[average]));
        Self {
            micro_f1,
            shared_macro_f1: difference(&|of| of.shared_macro_f1),
            weighted_f1,
            samples_f1,
            macro_average_precision: difference(&|of| of.average_precision),
            macro_roc_auc: difference(&|of| of.roc_auc),
            subset_accuracy: difference(&|of| of.subset_accuracy),
            hamming_loss: difference(&|of| of.hamming_loss),
            log_loss: difference(&|of| of.log_loss),
        }
    }
}

impl Tallies {
    fn of(labels: &[LabelDifferences]) -> Self {
        let higher = |figure: fn(&LabelDifferences) -> LabelDifference| {
            Tally::of(labels.iter().map(figure), 1.0)
        };
        Self {
            f1_score: higher(|label| label.f1_score),
            average_precision: higher(|label| label.average_precision),
            log_loss: Tally::of(labels.iter().map(|label| label.log_loss), -1.0),
        }
    }
}

impl Tally {
    /// Counts labels; `better` is the sign of a difference in favour of B.
    fn of(labels: impl Iterator<Item = LabelDifference>, better: f64) -> Self {
        let mut tally = Self::default();
        for label in labels {
            tally.labels += 1;
            let significant = usize::from(label.significant);
            match label
                .difference
                .difference
                .map(|difference| better * difference)
            {
                None => tally.undefined += 1,
                Some(difference) if difference > 0.0 => {
                    tally.b += 1;
                    tally.b_significant += significant;
                }
                Some(difference) if difference < 0.0 => {
                    tally.a += 1;
                    tally.a_significant += significant;
                }
                Some(_) => tally.equal += 1,
            }
        }
        tally
    }
}

fn by_name<S: Serializer>(
    labels: &[(String, LabelDifferences)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels.iter().map(|(name, label)| (name, label)))
}

#[cfg(test)]
mod tests {
    use multihot_kernels::random;

    use super::*;
    use crate::questions::tests::questions;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn answers(labels: &str, log_odds: Vec<f32>, threshold: f32) -> Answers {
        let questions = questions(labels, &[], &[]);
        let n_labels = questions.labels().len();
        Answers {
            questions,
            log_odds: LogOdds::new(log_odds, n_labels),
            thresholds: vec![Some(threshold); n_labels],
        }
    }

    /// 200 rows of three labels. Model B knows more of the first, the same of the second, and
    /// nobody has said anything of the third.
    fn comparison(replicates: usize) -> ModelComparison {
        let cells: Vec<Cell> = (0..600)
            .map(|i| match (i % 3, random::uniform(1, i) < 0.3) {
                (2, _) => Cell::Unknown,
                (_, true) => Cell::Yes,
                (_, false) => Cell::No,
            })
            .collect();
        let logits = |gain: f64| {
            let logit = |(i, cell): (usize, &Cell)| {
                let known = if *cell == Cell::Yes { 1.0 } else { -1.0 };
                let gain = if i % 3 == 0 { gain } else { 1.0 };
                (gain * known + random::normal(2, i as u64)) as f32
            };
            cells.iter().enumerate().map(logit).collect::<Vec<f32>>()
        };
        let both = [0.5, 2.0].map(|gain| answers("sports,same,unknown", logits(gain), 0.5));
        let bootstrap = Bootstrap {
            replicates: Some(replicates),
            seed: 0,
        };
        compare(&both, &cells, bootstrap, &Pool::new(1))
    }

    #[test]
    fn what_is_better_is_found_and_what_is_the_same_is_not() {
        let comparison = comparison(1000);
        let [(_, sports), (_, same), (_, unknown)] = &comparison.labels[..] else {
            panic!("there are three labels");
        };
        for figure in [sports.f1_score, sports.average_precision, sports.log_loss] {
            assert!(figure.significant, "{figure:?}");
            let of = figure.difference;
            assert_eq!(of.p_value, Some(2.0 / 1001.0));
            assert_eq!(figure.p_value_holm, Some(4.0 / 1001.0));
            assert_eq!(of.difference, Some(of.b.unwrap() - of.a.unwrap()));
            let interval = of.interval.unwrap();
            assert!(interval.low < of.difference.unwrap());
            assert!(interval.high > of.difference.unwrap());
        }
        assert!(sports.f1_score.difference.difference.unwrap() > 0.0);
        assert!(sports.log_loss.difference.difference.unwrap() < 0.0);
        assert_eq!(same.f1_score.difference.difference, Some(0.0));
        assert_eq!(same.f1_score.difference.p_value, Some(1.0));
        assert!(!same.f1_score.significant);
        assert_eq!(unknown.f1_score.difference.difference, None);
        assert_eq!(unknown.f1_score.p_value_holm, None);
        let tally = Tally {
            labels: 3,
            b: 1,
            b_significant: 1,
            equal: 1,
            undefined: 1,
            ..Tally::default()
        };
        let better = comparison.better;
        assert_eq!(
            [better.f1_score, better.average_precision, better.log_loss],
            [tally; 3]
        );
        assert!(comparison.overall.shared_macro_f1.p_value.unwrap() < 0.05);
        assert_eq!((comparison.rows, comparison.known), (200, 400));
    }

    #[test]
    fn each_model_has_its_own_thresholds() {
        let cells = [Cell::Yes, Cell::No];
        let both = [0.5, 0.2].map(|threshold| answers("a", vec![-1.0, -2.0], threshold));
        let comparison = compare(&both, &cells, Bootstrap::OFF, &Pool::new(1));
        let label = comparison.labels[0].1;
        let (f1, precision) = (
            label.f1_score.difference,
            label.average_precision.difference,
        );
        assert_eq!(
            (f1.a, f1.b, f1.difference),
            (Some(0.0), Some(1.0), Some(1.0))
        );
        assert_eq!((precision.a, precision.difference), (Some(1.0), Some(0.0)));
        assert_eq!(
            (f1.interval, f1.p_value, comparison.bootstrap),
            (None, None, None)
        );
    }

    #[test]
    fn macro_f1_is_of_the_same_labels_for_both() {
        // The second label is never true: A does not say so, which is no F1, and B does, a 0.
        let cells = [Cell::Yes, Cell::No, Cell::No, Cell::No];
        let both = [[1.0, -1.0, -1.0, -1.0], [1.0, 1.0, -1.0, -1.0]]
            .map(|log_odds| answers("a,b", log_odds.to_vec(), 0.5));
        let comparison = compare(&both, &cells, Bootstrap::OFF, &Pool::new(1));
        let of = comparison.overall.shared_macro_f1;
        assert_eq!((of.a, of.b), (Some(1.0), Some(1.0)));
        assert_eq!(of.difference, Some(0.0));
    }

    #[test]
    fn one_cell_makes_no_label_significant() {
        // Both are right about 39 no; B finds the one yes as well.
        let mut cells = [Cell::No; 40];
        cells[7] = Cell::Yes;
        let both = [-1.0, 1.0].map(|of_yes| {
            let mut log_odds = vec![-2.0; 40];
            log_odds[7] = of_yes;
            answers("a", log_odds, 0.5)
        });
        let bootstrap = Bootstrap {
            replicates: Some(1000),
            seed: 0,
        };
        let comparison = compare(&both, &cells, bootstrap, &Pool::new(1));
        let f1 = comparison.labels[0].1.f1_score;
        assert_eq!(f1.difference.difference, Some(1.0));
        assert!(!f1.significant, "{f1:?}");
    }

    #[test]
    fn draws_that_can_call_nothing_significant_are_too_few() {
        // Two labels have p values: of 79 draws the smallest is 2 / 80, and twice that 0.05.
        assert_eq!(comparison(79).warning(), None);
        let expected = "78 draws are too few to call any of 2 labels significant; that takes 79 or \
                        more (`--bootstrap 79`)";
        assert_eq!(comparison(78).warning().as_deref(), Some(expected));
        assert_eq!(comparison(0).warning(), None);
        assert!(
            !comparison(78)
                .labels
                .iter()
                .any(|(_, of)| of.f1_score.significant)
        );
        assert!(comparison(79).labels[0].1.f1_score.significant);
    }

    #[test]
    fn labels_of_another_order_are_put_in_order() {
        let (a, b) = (names(&["a", "b", "c"]), names(&["c", "a", "b"]));
        let places = places_of(&a, &b).unwrap();
        assert_eq!(places, [1, 2, 0]);
        let log_odds = LogOdds::new(vec![3.0, 1.0, 2.0, 6.0, 4.0, 5.0], 3);
        assert_eq!(
            in_order(&log_odds, &places).values(),
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        );
    }

    #[test]
    fn other_labels_are_named() {
        let cases: [(&[&str], &[&str], &str); 3] = [
            (&["a", "b"], &["a"], "only A has `b`"),
            (&["a"], &["a", "b", "c"], "only B has `b`, `c`"),
            (&["a", "b"], &["a", "c"], "only A has `b`; only B has `c`"),
        ];
        for (a, b, expected) in cases {
            let error = places_of(&names(a), &names(b)).unwrap_err();
            let message = format!("the models do not have the same labels: {expected}");
            assert_eq!(error.to_string(), message);
            assert!(error.hint().is_some());
        }
    }

    fn text(comparison: &ModelComparison) -> String {
        let mut out = Vec::new();
        comparison.write_text(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_outcome_is_said_in_words() {
        let text = text(&comparison(1000));
        let words = "
f1-score: B is better on 1 of 3 labels, significant on 1; A on 0, significant on 0
  1 equal, 1 without a value
";
        assert!(text.contains(words), "{text}");
        assert!(text.ends_with(
            "
significant (*): p at most 0.05 after Holm's correction over the labels, from 1000 draws
of the same rows for both; intervals are of one label alone
"
        ));
    }

    #[test]
    fn tables_line_up_within_100_columns() {
        let table = text(&comparison(1000));
        let lines: Vec<&str> = table.lines().collect();
        let headings = "A B B - A 95 % interval A B B - A 95 % interval";
        assert_eq!(
            lines[1].split_whitespace().collect::<Vec<_>>().join(" "),
            headings
        );
        let width = lines[3].trim_end_matches('*').len();
        assert!(
            lines[3].starts_with(" sports  0.") && lines[3].ends_with('*'),
            "{table}"
        );
        assert!(lines[4].starts_with("   same  0."), "{table}");
        assert!(lines[4].ends_with("   0.0000  +0.0000 +0.0000"), "{table}");
        assert_eq!(lines[4].len(), width, "{table}");
        assert!(lines[5].starts_with("unknown       -       -        -                -"));
        assert!(lines.iter().all(|line| line.len() <= 100), "{table}");
        // The star of a longer label still fits.
        assert!(width + 1 - "unknown".len() + "disappointment".len() <= 100);
    }

    #[test]
    fn without_draws_nothing_is_called_significant() {
        let comparison = comparison(0);
        let text = text(&comparison);
        assert!(
            text.contains("B is better on 1 of 3 labels; A on 0\n  1 equal, "),
            "{text}"
        );
        assert!(!text.contains("significant"), "{text}");
    }

    #[test]
    fn json_is_laid_out_as_promised() {
        let json = serde_json::to_value(comparison(100)).unwrap();
        let keys = |value: &serde_json::Value| {
            let object = value.as_object().unwrap();
            object.keys().cloned().collect::<Vec<_>>()
        };
        let top = ["rows", "known", "bootstrap", "labels", "overall", "better"];
        assert_eq!(keys(&json), top);
        assert_eq!(
            keys(&json["bootstrap"]),
            ["level", "replicates", "groups", "seed"]
        );
        assert_eq!(keys(&json["labels"]), ["sports", "same", "unknown"]);
        let sports = &json["labels"]["sports"];
        assert_eq!(keys(sports), ["f1-score", "average_precision", "log_loss"]);
        let of_label = [
            "a",
            "b",
            "difference",
            "interval",
            "p_value",
            "p_value_holm",
            "significant",
        ];
        assert_eq!(keys(&sports["f1-score"]), of_label);
        assert_eq!(keys(&json["overall"]["micro_f1"]), of_label[..5]);
        assert_eq!(
            keys(&json["better"]),
            ["f1-score", "average_precision", "log_loss"]
        );
        assert!(!json.to_string().contains("NaN"));
    }
}
