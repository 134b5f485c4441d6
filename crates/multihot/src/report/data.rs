//! What the page is given: one JSON object.

use std::collections::BTreeMap;

use multihot_table::Cell;
use serde::Serialize;

use super::curve::{Bin, Curve, KnownCell, rank, reliability};
use super::examples::{Mistake, Row, Suspects, rows, worst_mistakes};
use super::pairs::Pairs;
use super::summary::{Sentence, summary};
use super::{ReportInput, ReportKind, on_all_cores};
use crate::classifier::THRESHOLD;
use crate::decisions::{Band, Basis, BeforeAndAfter, CalibrationFigures, Objective};
use crate::metrics::ReportLine;
use crate::metrics::counts::{Counts, mean, total};
use crate::metrics::curves::Ranking;
use crate::scores::{LogOdds, Probabilities};
use crate::train::{EpochReport, best_epoch};

/// All that the page shows.
#[derive(Serialize)]
pub(super) struct Data<'a> {
    pub kind: ReportKind,
    pub version: &'static str,
    pub model: &'a str,
    pub table: &'a str,
    pub rows: usize,
    pub summary: Vec<Sentence>,
    pub overall: Overall,
    pub averages: [Average; 4],
    pub labels: Vec<Label<'a>>,
    pub pairs: Pairs,
    pub mistakes: Vec<Mistake>,
    pub suspects: Suspects,
    /// The rows of mistakes and suspects.
    pub examples: BTreeMap<usize, Row>,
    pub epochs: &'a [EpochReport],
    pub best_epoch: Option<u32>,
    pub tune_arguments: Vec<String>,
}

/// Figures of all labels together.
#[derive(Serialize)]
pub(super) struct Overall {
    pub micro_f1: Option<f64>,
    pub macro_f1: Option<f64>,
    /// Macro F1 if every threshold were 0.5.
    pub macro_f1_at_half: Option<f64>,
    /// Macro F1 to expect on fresh rows, where decisions were chosen on these.
    pub macro_f1_fresh: Option<f64>,
    pub macro_average_precision: Option<f64>,
    pub macro_roc_auc: Option<f64>,
    pub subset_accuracy: Option<f64>,
    pub hamming_loss: Option<f64>,
    pub log_loss: Option<f64>,
    pub calibration_figures: BeforeAndAfter,
    pub known: usize,
    pub unknown: usize,
    pub positives: usize,
    pub baseline: Option<Baseline>,
}

/// A line below the labels.
#[derive(Serialize)]
pub(super) struct Average {
    pub name: &'static str,
    #[serde(flatten)]
    pub line: ReportLine,
    pub roc_auc: Option<f64>,
    pub average_precision: Option<f64>,
    pub fresh_f1: Option<f64>,
    pub baseline_f1: Option<f64>,
    pub baseline_average_precision: Option<f64>,
}

/// One label.
#[derive(Serialize)]
pub(super) struct Label<'a> {
    pub name: &'a str,
    pub known: usize,
    pub positives: usize,
    /// `None` in an exclusive group.
    pub threshold: Option<f32>,
    /// The exclusive group that it is in.
    pub group: Option<&'a str>,
    /// Yes cells found and no cells taken for yes as it is decided: as on the curve at the stored
    /// threshold, but for exclusive groups and implications.
    pub decided: [usize; 2],
    pub objective: Objective,
    pub basis: Basis,
    pub unsure: Option<Band>,
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub f1: Option<f64>,
    pub roc_auc: Option<f64>,
    pub average_precision: Option<f64>,
    pub fresh: Option<Fresh>,
    pub calibration: &'static str,
    pub calibration_figures: BeforeAndAfter,
    pub curve: Curve,
    pub raw_reliability: Vec<Bin>,
    pub reliability: Vec<Bin>,
    pub baseline: Option<Baseline>,
}

/// What to expect of a label's decisions on fresh rows, by cross-fitting.
#[derive(Serialize)]
pub(super) struct Fresh {
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub f1: Option<f64>,
    /// The figure that the objective is about.
    pub objective: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// Whether that figure is F1.
    pub is_f1: bool,
    pub optimism: Option<f64>,
}

/// A linear model on the same rows.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Baseline {
    pub f1: Option<f64>,
    pub average_precision: Option<f64>,
}

impl Label<'_> {
    /// The counts if its threshold were 0.5; in an exclusive group as it is decided.
    fn counts_at_half(&self) -> Counts {
        if self.group.is_some() {
            return self.counts();
        }
        let (positives, negatives) = (self.positives, self.known - self.positives);
        self.curve
            .counts(self.curve.place(0.5), positives, negatives)
    }

    /// The counts as it is decided.
    fn counts(&self) -> Counts {
        let [tp, fp] = self.decided;
        Counts {
            tp,
            fp,
            fn_: self.positives - tp,
            tn: self.known - self.positives - fp,
        }
    }
}

impl<'a> Data<'a> {
    /// # Panics
    ///
    /// When the parts of `input` differ in shape.
    pub fn new(input: &'a ReportInput<'a>) -> Self {
        check(input);
        let raw = input.log_odds.probabilities();
        let probabilities = input.calibrated.probabilities();
        let decisions = probabilities.decisions(input.questions, &input.decisions.thresholds());
        let labels = on_all_cores(input.labels().len(), |label| {
            let of_label = label_data(input, (&raw, &probabilities), label);
            let answers = (&probabilities, decisions.as_slice());
            (of_label, worst_mistakes(input, answers, label))
        });
        let (labels, mistakes): (Vec<Label<'_>>, Vec<Vec<Mistake>>) = labels.into_iter().unzip();
        let mut mistakes = mistakes.concat();
        mistakes.sort_by(|a, b| b.loss.total_cmp(&a.loss));
        let suspects = Suspects::of(&probabilities, input.cells);
        let overall = Overall::new(input, &labels);
        let suspicious = suspects.surest.iter().map(|suspect| suspect.row);
        let wrong = mistakes.iter().map(|mistake| mistake.row);
        Self {
            kind: input.kind,
            version: env!("CARGO_PKG_VERSION"),
            model: input.model,
            table: input.table,
            rows: input.calibrated.rows(),
            summary: summary(input, &overall, &labels, &suspects),
            averages: averages(input, &overall),
            pairs: Pairs::of(input.cells, input.labels().len()),
            examples: rows(input, suspicious.chain(wrong)),
            overall,
            labels,
            mistakes,
            suspects,
            epochs: input.epochs,
            best_epoch: best_epoch(input.epochs),
            tune_arguments: tune_arguments(input),
        }
    }
}

fn check(input: &ReportInput<'_>) {
    let n_labels = input.labels().len();
    let values = input.calibrated.values().len();
    assert_eq!(
        (input.log_odds.n_labels(), input.calibrated.n_labels()),
        (n_labels, n_labels),
        "report: not one column for each label"
    );
    assert_eq!(
        (input.log_odds.values().len(), input.cells.len()),
        (values, values),
        "report: log-odds, calibrated logits and `cells` differ in length"
    );
    assert!(
        input.decisions.are_for(input.labels()),
        "report: decisions of other labels"
    );
    let rows = input.calibrated.rows();
    assert!(
        input.texts.is_none_or(|texts| texts.len() == rows)
            && input.ids.is_none_or(|ids| ids.len() == rows),
        "report: not one text and one id for each row"
    );
}

fn label_data<'a>(
    input: &ReportInput<'a>,
    (raw, probabilities): (&Probabilities, &Probabilities),
    label: usize,
) -> Label<'a> {
    let decision = &input.decisions.labels[label];
    let ranked = rank(column(probabilities.values(), input.cells, label, input));
    let (known, positives) = (ranked.len(), ranked.iter().filter(|cell| cell.1).count());
    let curve = Curve::of(&ranked, decision.threshold.unwrap_or(THRESHOLD));
    let evaluation = &input.evaluation.labels[label];
    let counts = evaluation.confusion_matrix;
    let group = input.questions.group_of(label);
    let tuning = input.tuning.map(|tuning| &tuning.labels[label]);
    let figures = |log_odds: &LogOdds| {
        let cells = column(log_odds.values(), input.cells, label, input).into_iter();
        CalibrationFigures::of(&Ranking::new(cells.map(|(logit, yes)| (logit, yes, 0))))
    };
    Label {
        name: &input.labels()[label],
        known,
        positives,
        threshold: decision.threshold,
        group: group.map(|group| group.name.as_str()),
        decided: [counts.tp, counts.fp],
        objective: decision.objective,
        basis: decision.basis,
        unsure: decision.unsure,
        precision: counts.precision(),
        recall: counts.recall(),
        f1: counts.f1(),
        roc_auc: evaluation.roc_auc,
        average_precision: evaluation.average_precision,
        fresh: tuning.map(|tuning| Fresh {
            precision: tuning.cross_fitted.precision,
            recall: tuning.cross_fitted.recall,
            f1: tuning.cross_fitted.f1_score,
            objective: tuning.cross_fitted.objective,
            interval: tuning.interval,
            is_f1: tuning.objective.is_about_f1(),
            optimism: tuning.optimism,
        }),
        calibration: decision.calibration.name(),
        calibration_figures: tuning.map_or_else(
            || BeforeAndAfter {
                raw: figures(input.log_odds),
                calibrated: figures(input.calibrated),
            },
            |tuning| tuning.calibration_figures,
        ),
        reliability: reliability(&ranked),
        raw_reliability: reliability(&rank(column(raw.values(), input.cells, label, input))),
        curve,
        baseline: input.baseline.map(|baseline| Baseline {
            f1: baseline.evaluation.report.labels[label].1.f1_score,
            average_precision: baseline.evaluation.labels[label].average_precision,
        }),
    }
}

/// The known cells of `label`, each with its value.
fn column(values: &[f32], cells: &[Cell], label: usize, input: &ReportInput<'_>) -> Vec<KnownCell> {
    let of_label = values.iter().zip(cells).skip(label);
    let of_label = of_label.step_by(input.labels().len());
    let known = of_label.filter(|(_, cell)| **cell != Cell::Unknown);
    known
        .map(|(value, cell)| (*value, *cell == Cell::Yes))
        .collect()
}

impl Overall {
    fn new(input: &ReportInput<'_>, labels: &[Label<'_>]) -> Self {
        let evaluation = input.evaluation;
        let at_half = labels.iter().map(Label::counts_at_half);
        let stored: Vec<Counts> = labels.iter().map(Label::counts).collect();
        let all = total(&stored);
        let figures = |side: fn(&BeforeAndAfter) -> &CalibrationFigures| {
            CalibrationFigures::mean(labels.iter().map(|label| side(&label.calibration_figures)))
        };
        Self {
            micro_f1: all.f1(),
            macro_f1: mean(stored.iter().map(|counts| counts.f1())),
            macro_f1_at_half: mean(at_half.map(Counts::f1)),
            macro_f1_fresh: input.tuning.and_then(|tuning| tuning.overall.macro_f1),
            macro_average_precision: evaluation.macro_scores.average_precision,
            macro_roc_auc: evaluation.macro_scores.roc_auc,
            subset_accuracy: evaluation.subset_accuracy,
            hamming_loss: evaluation.hamming_loss,
            log_loss: evaluation.log_loss,
            calibration_figures: BeforeAndAfter {
                raw: figures(|both| &both.raw),
                calibrated: figures(|both| &both.calibrated),
            },
            known: all.known(),
            unknown: input.cells.len() - all.known(),
            positives: all.support(),
            baseline: input.baseline.map(|baseline| Baseline {
                f1: baseline.evaluation.report.macro_average.f1_score,
                average_precision: baseline.evaluation.macro_scores.average_precision,
            }),
        }
    }
}

fn averages(input: &ReportInput<'_>, overall: &Overall) -> [Average; 4] {
    let report = |evaluation: &'_ crate::metrics::Evaluation| {
        let report = &evaluation.report;
        [
            report.micro_average,
            report.macro_average,
            report.weighted_average,
            report.samples_average,
        ]
    };
    let lines = report(input.evaluation);
    let baseline = input.baseline.map(|baseline| report(&baseline.evaluation));
    let summary = input.tuning.map(|tuning| &tuning.overall);
    std::array::from_fn(|i| Average {
        name: ["micro", "macro", "weighted", "samples"][i],
        line: lines[i],
        roc_auc: overall.macro_roc_auc.filter(|_| i == 1),
        average_precision: overall.macro_average_precision.filter(|_| i == 1),
        fresh_f1: summary.and_then(|summary| match i {
            0 => summary.micro_f1,
            1 => summary.macro_f1,
            _ => None,
        }),
        baseline_f1: baseline.and_then(|lines| lines[i].f1_score),
        baseline_average_precision: overall
            .baseline
            .and_then(|baseline| baseline.average_precision)
            .filter(|_| i == 1),
    })
}

/// The arguments of `multihot tune` that choose what the stored decisions have, as far as they
/// tell: the page adds the labels whose threshold is moved.
fn tune_arguments(input: &ReportInput<'_>) -> Vec<String> {
    let mut arguments = input.tune_arguments.to_vec();
    let used = |name: &str| {
        let labels = input.decisions.labels.iter();
        // An exclusive group has a temperature whatever the method.
        let mut labels = labels.filter(|label| label.threshold.is_some());
        labels.any(|label| label.calibration.name() == name)
    };
    // A label with too few cells has fallen back to the method after its own.
    let method = ["isotonic", "beta", "platt", "temperature", "none"];
    match method.into_iter().find(|name| used(name)) {
        None | Some("platt") => {}
        Some(method) => arguments.extend(["--calibration".into(), method.into()]),
    }
    arguments
}
