//! The sums that all main figures follow from: those of a table, and those of each replicate.

use super::Judged;
use super::bootstrap::Resampling;
use super::counts::{Counts, mean, share, total};
use super::label::{LabelEvaluation, LabelReplicate, OfLabel, mean_loss};
use super::report::{self, AVERAGES, ReportLine};
use super::rows::{OfRows, RowSums};

/// A table, gone through label by label and row by row.
pub(crate) struct Measured {
    labels: Vec<OfLabel>,
    pub(super) rows: OfRows,
    row_replicates: Vec<RowSums>,
}

/// A table, or a replicate of it.
pub(crate) struct Sample {
    pub labels: Vec<LabelReplicate>,
    pub(super) rows: RowSums,
}

impl Measured {
    /// Goes through the cells, once by label and once by row.
    pub fn new(judged: &Judged<'_>, resampling: Option<&Resampling>) -> Self {
        let mut labels: Vec<Option<OfLabel>> = Vec::new();
        labels.resize_with(judged.labels().len(), || None);
        judged.pool.for_each_chunk(&mut labels, 1, |label, out| {
            out[0] = Some(OfLabel::new(label, judged, resampling));
        });
        let rows = OfRows::new(judged, resampling);
        let replicates = |resampling: &Resampling| resampling.sums(&rows.by_group);
        Self {
            labels: labels.into_iter().flatten().collect(),
            row_replicates: resampling.map_or_else(Vec::new, replicates),
            rows,
        }
    }

    /// The labels, in order.
    pub fn labels(&self) -> impl Iterator<Item = &LabelEvaluation> + Clone {
        self.labels.iter().map(|label| &label.evaluation)
    }

    /// The table itself.
    pub fn sample(&self) -> Sample {
        Sample {
            labels: self.labels.iter().map(OfLabel::sample).collect(),
            rows: self.rows.sums,
        }
    }

    /// The replicates, one after the other; none without resampling.
    pub fn replicates(&self) -> impl ExactSizeIterator<Item = Sample> {
        self.row_replicates
            .iter()
            .enumerate()
            .map(|(i, &rows)| Sample {
                labels: self
                    .labels
                    .iter()
                    .map(|label| label.replicates[i])
                    .collect(),
                rows,
            })
    }

    /// The replicates of a label; none without resampling.
    pub fn label_replicates(&self, label: usize) -> &[LabelReplicate] {
        &self.labels[label].replicates
    }
}

impl Sample {
    /// The decisions on each label.
    pub fn by_label(&self) -> Vec<Counts> {
        self.labels.iter().map(|label| label.counts).collect()
    }

    /// The averages of the report, in the order of [`AVERAGES`].
    pub fn averages(&self) -> [ReportLine; AVERAGES.len()] {
        report::averages(&self.by_label(), &self.rows)
    }

    /// The mean area under the ROC curve, over the labels that have one.
    pub fn macro_roc_auc(&self) -> Option<f64> {
        mean(self.labels.iter().map(|label| label.curve.roc_auc))
    }

    /// The mean average precision, over the labels that have one.
    pub fn macro_average_precision(&self) -> Option<f64> {
        mean(
            self.labels
                .iter()
                .map(|label| label.curve.average_precision),
        )
    }

    /// The share of rows that are right in all their known cells.
    pub fn subset_accuracy(&self) -> Option<f64> {
        self.rows.right.value()
    }

    /// The share of wrong decisions.
    pub fn hamming_loss(&self) -> Option<f64> {
        let all = total(&self.by_label());
        share(all.wrong(), all.known())
    }

    /// The mean loss.
    pub fn log_loss(&self) -> Option<f64> {
        let sum = self.labels.iter().map(|label| label.loss_sum).sum();
        let known = self.labels.iter().map(|label| label.counts.known()).sum();
        mean_loss(sum, known)
    }
}
