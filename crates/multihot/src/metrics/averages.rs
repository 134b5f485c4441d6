//! Averages of the figures that the report has no column for.

use serde::Serialize;

use super::counts::{Figure, total, weighted_mean};
use super::curves::Curve;
use super::report::{macro_average, weighted_average};
use super::rows::OfRows;
use super::sample::Sample;

/// One way to average the figures of labels, or of rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Averages {
    /// Area under the ROC curve, over what has both values.
    pub roc_auc: Option<f64>,
    /// Average precision, over what has both values.
    pub average_precision: Option<f64>,
    /// Figures of the decisions.
    #[serde(flatten)]
    pub decisions: DecisionFigures,
}

/// Figures of decisions beside precision, recall and F1; `None` where there is nothing that they
/// are a share of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DecisionFigures {
    /// The share of right decisions.
    pub accuracy: Option<f64>,
    /// The mean of recall and specificity.
    pub balanced_accuracy: Option<f64>,
    /// The share of right ones among the no cells.
    pub specificity: Option<f64>,
    /// The share of right ones among the no decisions.
    pub negative_predictive_value: Option<f64>,
    /// Of the cells that are yes or decided so, the share that are both.
    pub jaccard: Option<f64>,
    /// F with precision counting twice as much as recall.
    #[serde(rename = "f0.5-score")]
    pub f_half_score: Option<f64>,
    /// F with recall counting twice as much as precision.
    #[serde(rename = "f2-score")]
    pub f2_score: Option<f64>,
    /// The correlation of decisions and cells (Matthews).
    pub matthews_correlation: Option<f64>,
}

impl DecisionFigures {
    /// Each figure as `value` has it.
    pub(super) fn of(value: impl Fn(Figure) -> Option<f64>) -> Self {
        Self {
            accuracy: value(Figure::Accuracy),
            balanced_accuracy: value(Figure::BalancedAccuracy),
            specificity: value(Figure::Specificity),
            negative_predictive_value: value(Figure::NegativePredictiveValue),
            jaccard: value(Figure::Jaccard),
            f_half_score: value(Figure::FHalf),
            f2_score: value(Figure::F2),
            matthews_correlation: value(Figure::MatthewsCorrelation),
        }
    }
}

impl Averages {
    /// Means over the labels that have a value.
    pub(super) fn macro_of(sample: &Sample) -> Self {
        let by_label = sample.by_label();
        Self {
            roc_auc: sample.macro_roc_auc(),
            average_precision: sample.macro_average_precision(),
            decisions: DecisionFigures::of(|figure| macro_average(figure, &by_label)),
        }
    }

    /// Figures of all cells in one pool, whose curve is `pooled`.
    pub(super) fn micro(sample: &Sample, pooled: Curve) -> Self {
        let all = total(&sample.by_label());
        Self {
            roc_auc: pooled.roc_auc,
            average_precision: pooled.average_precision,
            decisions: DecisionFigures::of(|figure| figure.of(all)),
        }
    }

    /// Means over the labels, each counting as often as it is true.
    pub(super) fn weighted(sample: &Sample) -> Self {
        let by_label = sample.by_label();
        let curve = |figure: fn(Curve) -> Option<f64>| {
            let labels = sample.labels.iter();
            weighted_mean(labels.map(|label| (figure(label.curve), label.counts.support())))
        };
        Self {
            roc_auc: curve(|curve| curve.roc_auc),
            average_precision: curve(|curve| curve.average_precision),
            decisions: DecisionFigures::of(|figure| weighted_average(figure, &by_label)),
        }
    }

    /// Means over the rows.
    pub(super) fn samples(rows: &OfRows) -> Self {
        Self {
            roc_auc: rows.curve.roc_auc,
            average_precision: rows.curve.average_precision,
            decisions: DecisionFigures::of(|figure| rows.figures[figure as usize].value()),
        }
    }
}
