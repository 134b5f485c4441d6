//! One label at a time: its figures, and those of each replicate.

use multihot_table::Cell;
use serde::Serialize;

use crate::decisions::AnswerFigures;
use crate::scores::softplus;

use super::bootstrap::Resampling;
use super::calibration::CalibrationErrors;
use super::counts::{Counts, known};
use super::curves::{Curve, Ranking};
use super::points::OperatingPoints;
use super::{DecisionFigures, Judged};

/// How well one label is answered, but for precision, recall and F1, which the
/// [report](super::Report) has.
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
    /// A probability from here on is a yes; `None` in an exclusive group.
    pub threshold: Option<f32>,
    /// Decisions by what the cells say: `[[tn, fp], [fn, tp]]`.
    pub confusion_matrix: Counts,
    /// The answers of a model with bands, which leaves some cells unsure; all other figures are
    /// those of thresholds alone. Left out where there are no bands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<AnswerFigures>,
    /// More figures of the decisions.
    #[serde(flatten)]
    pub decisions: DecisionFigures,
    /// How well probabilities fit.
    pub calibration: CalibrationErrors,
    /// What the best threshold reaches.
    #[serde(flatten)]
    pub points: OperatingPoints,
}

/// A label and its replicates.
pub(super) struct OfLabel {
    pub evaluation: LabelEvaluation,
    pub loss_sum: f64,
    /// One for each replicate of the table; none without resampling.
    pub replicates: Vec<LabelReplicate>,
}

/// What is known of one label, on the table itself or in a replicate.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LabelReplicate {
    pub counts: Counts,
    pub loss_sum: f64,
    pub curve: Curve,
}

impl OfLabel {
    /// Goes through the cells of `label`.
    pub fn new(label: usize, judged: &Judged<'_>, resampling: Option<&Resampling>) -> Self {
        let counts = judged.counts_of_label(label);
        let group = |row| resampling.map_or(0, |resampling| resampling.group(row));
        let ranking = Ranking::new(
            judged
                .known_of_label(label)
                .map(|(row, logit, yes)| (logit, yes, group(row))),
        );
        let (known, loss_sum) = (ranking.known(), loss_sum(&ranking));
        let positives = ranking.positives();
        let (curve, has_nan) = (ranking.curve(), ranking.has_nan());
        let evaluation = LabelEvaluation {
            name: judged.labels()[label].clone(),
            roc_auc: curve.roc_auc,
            average_precision: curve.average_precision,
            log_loss: mean_loss(loss_sum, known),
            known,
            positives,
            threshold: judged.thresholds[label],
            confusion_matrix: counts,
            answers: None,
            decisions: DecisionFigures::of(|figure| figure.of(counts)),
            calibration: if has_nan {
                CalibrationErrors::default()
            } else {
                CalibrationErrors::of(ranking.ties().rev(), known)
            },
            points: if has_nan {
                OperatingPoints::default()
            } else {
                OperatingPoints::of(ranking.ties(), positives, known - positives)
            },
        };
        Self {
            evaluation,
            loss_sum,
            replicates: resampling.map_or_else(Vec::new, |resampling| {
                replicates(label, judged, &ranking, resampling)
            }),
        }
    }
}

impl OfLabel {
    /// The label on the table itself.
    pub fn sample(&self) -> LabelReplicate {
        LabelReplicate {
            counts: self.evaluation.confusion_matrix,
            loss_sum: self.loss_sum,
            curve: Curve {
                roc_auc: self.evaluation.roc_auc,
                average_precision: self.evaluation.average_precision,
            },
        }
    }
}

impl LabelReplicate {
    /// The mean loss.
    pub fn log_loss(&self) -> Option<f64> {
        mean_loss(self.loss_sum, self.counts.known())
    }
}

/// The replicates of a label.
fn replicates(
    label: usize,
    judged: &Judged<'_>,
    ranking: &Ranking,
    resampling: &Resampling,
) -> Vec<LabelReplicate> {
    let counts = resampling.sums(&judged.counts_by_group(label, resampling));
    let losses = resampling.sums(&loss_by_group(ranking, resampling.groups()));
    let curves = resampling.curves(ranking);
    let replicates = counts.into_iter().zip(losses).zip(curves);
    replicates
        .map(|((counts, loss_sum), curve)| LabelReplicate {
            counts,
            loss_sum,
            curve,
        })
        .collect()
}

/// The mean loss; `None` without known cells, or where a logit was not finite.
pub(super) fn mean_loss(sum: f64, known: usize) -> Option<f64> {
    (known > 0 && sum.is_finite()).then(|| sum / known as f64)
}

/// What a cell costs: the binary cross-entropy.
fn cell_loss(logit: f32, yes: bool) -> f64 {
    let logit = f64::from(logit);
    softplus(if yes { -logit } else { logit })
}

/// The sum of the losses of all known cells.
fn loss_sum(ranking: &Ranking) -> f64 {
    let cells = ranking.cells().iter();
    cells
        .map(|cell| cell_loss(cell.logit(), cell.is_yes()))
        .sum()
}

/// The sums of the losses of each group of rows.
fn loss_by_group(ranking: &Ranking, groups: usize) -> Vec<f64> {
    let mut sums = vec![0.0; groups];
    for cell in ranking.cells() {
        sums[usize::from(cell.group())] += cell_loss(cell.logit(), cell.is_yes());
    }
    sums
}

impl Judged<'_> {
    /// Row, logit and value of the known cells of `label`.
    fn known_of_label(&self, label: usize) -> impl Iterator<Item = (usize, f32, bool)> {
        let rows = self.of_label(label, self.log_odds.values());
        let rows = rows.zip(self.of_label(label, self.cells)).enumerate();
        rows.filter_map(|(row, (&logit, &cell))| Some((row, logit, known(cell)?)))
    }

    /// The decisions on `label`.
    fn counts_of_label(&self, label: usize) -> Counts {
        let mut counts = Counts::default();
        self.for_each_decision(label, |_, decision, cell| counts.add(decision, cell));
        counts
    }

    /// The decisions on `label` in each group of rows.
    fn counts_by_group(&self, label: usize, resampling: &Resampling) -> Vec<Counts> {
        let mut counts = vec![Counts::default(); resampling.groups()];
        self.for_each_decision(label, |row, decision, cell| {
            counts[usize::from(resampling.group(row))].add(decision, cell);
        });
        counts
    }

    fn for_each_decision(&self, label: usize, mut f: impl FnMut(usize, bool, Cell)) {
        let rows = self.of_label(label, &self.decisions);
        let rows = rows.zip(self.of_label(label, self.cells)).enumerate();
        rows.for_each(|(row, (&decision, &cell))| f(row, decision, cell));
    }

    /// The column of `label` in row-major `values`.
    fn of_label<'a, T>(&self, label: usize, values: &'a [T]) -> impl Iterator<Item = &'a T> {
        values.iter().skip(label).step_by(self.labels().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_finite_far_out() {
        let cases = [
            (1e4, true, 0.0),
            (1e4, false, 1e4),
            (-110.0, true, 110.0),
            (0.0, true, 2_f64.ln()),
        ];
        for (logit, yes, expected) in cases {
            assert!(
                (cell_loss(logit, yes) - expected).abs() < 1e-12,
                "{logit} {yes}"
            );
        }
    }
}
