//! How sure the main figures are.

use serde::{Serialize, Serializer};

use super::bootstrap::{Draws, Interval};
use super::label::LabelReplicate;
use super::report::{AVERAGES, LineIntervals, Report, ReportLine};
use super::sample::{Measured, Sample};

/// 95 % percentile intervals over rows that are drawn again; each stands under the key that the
/// figure itself has in an [`Evaluation`](super::Evaluation).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Intervals {
    /// How rows were drawn.
    #[serde(flatten)]
    pub draws: Draws,
    /// Of the report.
    pub report: Report<LineIntervals>,
    /// Of each label.
    #[serde(serialize_with = "by_name")]
    pub labels: Vec<(String, LabelIntervals)>,
    /// Of the means over labels.
    #[serde(rename = "macro")]
    pub macro_scores: CurveIntervals,
    /// Of the subset accuracy.
    pub subset_accuracy: Option<Interval>,
    /// Of the Hamming loss.
    pub hamming_loss: Option<Interval>,
    /// Of the log loss.
    pub log_loss: Option<Interval>,
}

/// Intervals of a label.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LabelIntervals {
    /// That of the area under the ROC curve.
    pub roc_auc: Option<Interval>,
    /// That of the average precision.
    pub average_precision: Option<Interval>,
    /// That of the log loss.
    pub log_loss: Option<Interval>,
}

/// Intervals of means over labels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CurveIntervals {
    /// That of the area under the ROC curve.
    pub roc_auc: Option<Interval>,
    /// That of the average precision.
    pub average_precision: Option<Interval>,
}

/// The figures of a sample that are no label's.
struct Overall {
    averages: [ReportLine; AVERAGES.len()],
    roc_auc: Option<f64>,
    average_precision: Option<f64>,
    subset_accuracy: Option<f64>,
    hamming_loss: Option<f64>,
    log_loss: Option<f64>,
}

impl Intervals {
    /// The intervals of a table whose replicates were drawn in this way.
    pub(super) fn new(measured: &Measured, draws: Draws) -> Self {
        let figures = Overall::of(&measured.sample());
        let replicates: Vec<Overall> = measured.replicates().map(|s| Overall::of(&s)).collect();
        let interval = |figure: fn(&Overall) -> Option<f64>| {
            Interval::of(figure(&figures), replicates.iter().map(figure))
        };
        let averages = std::array::from_fn(|i| {
            let lines: Vec<_> = replicates
                .iter()
                .map(|overall| overall.averages[i])
                .collect();
            LineIntervals::of(&figures.averages[i], &lines)
        });
        Self {
            draws,
            report: Report::from_parts(each_label(measured, line_intervals), averages),
            labels: each_label(measured, LabelIntervals::of),
            macro_scores: CurveIntervals {
                roc_auc: interval(|overall| overall.roc_auc),
                average_precision: interval(|overall| overall.average_precision),
            },
            subset_accuracy: interval(|overall| overall.subset_accuracy),
            hamming_loss: interval(|overall| overall.hamming_loss),
            log_loss: interval(|overall| overall.log_loss),
        }
    }
}

impl LabelIntervals {
    /// The intervals of a label, whose replicates are `replicates`.
    fn of(label: &LabelReplicate, replicates: &[LabelReplicate]) -> Self {
        let interval = |figure: fn(&LabelReplicate) -> Option<f64>| {
            Interval::of(figure(label), replicates.iter().map(figure))
        };
        Self {
            roc_auc: interval(|label| label.curve.roc_auc),
            average_precision: interval(|label| label.curve.average_precision),
            log_loss: interval(LabelReplicate::log_loss),
        }
    }
}

/// What `of` makes of each label and its replicates, with its name.
fn each_label<T>(
    measured: &Measured,
    of: impl Fn(&LabelReplicate, &[LabelReplicate]) -> T,
) -> Vec<(String, T)> {
    let samples = measured.sample().labels.into_iter().enumerate();
    let values = samples.map(|(i, label)| of(&label, measured.label_replicates(i)));
    let names = measured.labels().map(|label| label.name.clone());
    names.zip(values).collect()
}

fn line_intervals(label: &LabelReplicate, replicates: &[LabelReplicate]) -> LineIntervals {
    let line = |label: &LabelReplicate| ReportLine::of(label.counts);
    let lines: Vec<ReportLine> = replicates.iter().map(line).collect();
    LineIntervals::of(&line(label), &lines)
}

impl Overall {
    fn of(sample: &Sample) -> Self {
        Self {
            averages: sample.averages(),
            roc_auc: sample.macro_roc_auc(),
            average_precision: sample.macro_average_precision(),
            subset_accuracy: sample.subset_accuracy(),
            hamming_loss: sample.hamming_loss(),
            log_loss: sample.log_loss(),
        }
    }
}

fn by_name<S: Serializer>(
    labels: &[(String, LabelIntervals)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels.iter().map(|(name, label)| (name, label)))
}
