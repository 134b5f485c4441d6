//! K models, each trained without one fold of the rows, for what they say about that fold.

use super::{
    EpochReport, Observer, Origin, Part, Parts, Run, StepReport, TrainJob, TrainPlan, best_epoch,
};
use crate::baseline::Baseline;
use crate::error::Error;
use crate::precision::Precision;
use crate::rows::{as_strs, wholes};
use crate::scores::Logits;
use crate::split::{Rows, k_folds};

/// What models say about rows that they were not trained on.
pub(super) struct OutOfFold {
    /// Logits of all rows, in table order, with what the loss does to chances undone.
    pub undone: Logits,
    /// The epoch that did best over all folds, which the final model is trained to.
    pub best_epoch: u32,
}

/// One fold's model: its reports, and after each epoch the logits of the fold's rows, undone.
struct Fold {
    rows: Vec<usize>,
    epochs: Vec<(EpochReport, Logits)>,
}

impl OutOfFold {
    /// Trains a model for each fold of `whole`, all of whose rows are to be learned from.
    ///
    /// # Errors
    ///
    /// When the rows cannot be dealt into the folds, when it is stopped, and as for any training.
    pub fn train(
        job: &TrainJob<'_>,
        (origin, whole): (&Origin, &Parts<'_>),
        n_folds: usize,
        precision: Precision,
        observer: &mut dyn Observer,
    ) -> Result<Self, Error> {
        let fold_of = deal(job, whole, n_folds)?;
        let mut folds = Vec::new();
        for fold in 0..n_folds {
            observer.fold(fold + 1, n_folds);
            let (rows, others): (Vec<usize>, Vec<usize>) =
                (0..fold_of.len()).partition(|&row| fold_of[row] == fold);
            let parts = Parts {
                train: whole.train.select(&others),
                dev: whole.train.select(&rows),
                questions: whole.questions.clone(),
                notes: Vec::new(),
            };
            let mut heard = WithoutNotes(observer);
            let mut run = Run::prepare(job, origin, &parts, precision, &mut heard)?;
            let epochs = epochs(&mut run, &mut heard)?;
            folds.push(Fold { rows, epochs });
        }
        let best_epoch = best_of(&folds);
        Ok(Self {
            undone: gathered(&folds, best_epoch, &whole.train),
            best_epoch,
        })
    }
}

/// The logits of each row by a linear model of the other folds, and the most features that
/// one of them has.
pub(super) fn baseline(
    job: &TrainJob<'_>,
    whole: &Parts<'_>,
    n_folds: usize,
) -> Result<(Logits, usize), Error> {
    let fold_of = deal(job, whole, n_folds)?;
    let (n_labels, threads) = (whole.labels().len(), job.cpu.pool().threads());
    let mut values = vec![0.0; whole.train.cells.len()];
    let mut features = 0;
    for fold in 0..n_folds {
        let (rows, others): (Vec<usize>, Vec<usize>) =
            (0..fold_of.len()).partition(|&row| fold_of[row] == fold);
        let (train, held_out) = (whole.train.select(&others), whole.train.select(&rows));
        let texts = [&train, &held_out].map(|part| wholes(&part.texts));
        let [train_texts, held_out_texts] = texts.each_ref().map(|texts| as_strs(texts));
        let baseline = Baseline::fit(&train_texts, &train.cells, n_labels, threads);
        scatter(&baseline.logits(&held_out_texts), &rows, &mut values);
        features = features.max(baseline.n_features());
    }
    Ok((Logits::new(values, n_labels), features))
}

/// Puts the scores of `rows` where these stand among all rows.
fn scatter(scores: &Logits, rows: &[usize], all: &mut [f32]) {
    let n_labels = scores.n_labels();
    for (index, row) in rows.iter().enumerate() {
        all[row * n_labels..][..n_labels].copy_from_slice(scores.row(index));
    }
}

/// The fold of each row.
fn deal(job: &TrainJob<'_>, whole: &Parts<'_>, n_folds: usize) -> Result<Vec<usize>, Error> {
    let (groups, texts) = (job.groups(), wholes(&whole.train.texts));
    let rows = Rows {
        texts: &as_strs(&texts),
        groups: &groups,
        cells: &whole.train.cells,
        n_labels: whole.labels().len(),
    };
    k_folds(&rows, n_folds, job.options.seed).map_err(|reason| Error::Split {
        source_name: job.table.source.clone(),
        reason,
    })
}

/// All epochs of one fold's model.
fn epochs(
    run: &mut Run<'_>,
    observer: &mut dyn Observer,
) -> Result<Vec<(EpochReport, Logits)>, Error> {
    let mut epochs = Vec::new();
    for epoch in 0..run.plan.epochs {
        let undone = run.epoch_and_dev(epoch, observer)?;
        let report = run.progress.epochs.last().cloned();
        epochs.push(report.zip(undone).ok_or(Error::StoppedEarly)?);
    }
    Ok(epochs)
}

/// The epoch with the best mean figures over the folds, from 1.
fn best_of(folds: &[Fold]) -> u32 {
    let n_epochs = folds
        .iter()
        .map(|fold| fold.epochs.len())
        .min()
        .unwrap_or(0);
    let means = (0..n_epochs).map(|epoch| {
        let reports: Vec<&EpochReport> = folds.iter().map(|fold| &fold.epochs[epoch].0).collect();
        mean_report(epoch as u32 + 1, &reports)
    });
    best_epoch(&means.collect::<Vec<_>>()).unwrap_or(1)
}

/// Means over the folds that have a figure.
fn mean_report(epoch: u32, reports: &[&EpochReport]) -> EpochReport {
    let mean = |figure: fn(&EpochReport) -> Option<f64>| {
        crate::metrics::counts::mean(reports.iter().map(|report| figure(report)))
    };
    EpochReport {
        epoch,
        train_loss: mean(|report| Some(report.train_loss)).unwrap_or_default(),
        dev_loss: mean(|report| report.dev_loss),
        dev_macro_average_precision: mean(|report| report.dev_macro_average_precision),
    }
}

/// The logits of each fold's rows after `epoch`, put where the rows stand in the table.
fn gathered(folds: &[Fold], epoch: u32, whole: &Part<'_>) -> Logits {
    let n_labels = whole.n_labels;
    let mut values = vec![0.0; whole.cells.len()];
    for fold in folds {
        let (_, undone) = &fold.epochs[epoch as usize - 1];
        scatter(undone, &fold.rows, &mut values);
    }
    Logits::new(values, n_labels)
}

/// Hears what the models of folds do, but not what is odd about rows and folder once more for each.
struct WithoutNotes<'a>(&'a mut dyn Observer);

impl Observer for WithoutNotes<'_> {
    fn plan(&mut self, plan: &TrainPlan) {
        self.0.plan(plan);
    }

    fn step(&mut self, report: &StepReport) {
        self.0.step(report);
    }

    fn epoch(&mut self, report: &EpochReport) {
        self.0.epoch(report);
    }

    fn stop_requested(&self) -> bool {
        self.0.stop_requested()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(rows: &[usize], precisions: &[f64]) -> Fold {
        let epochs = precisions.iter().zip(1..).map(|(&precision, epoch)| {
            let report = EpochReport {
                epoch,
                train_loss: 0.0,
                dev_loss: None,
                dev_macro_average_precision: Some(precision),
            };
            let log_odds = rows.iter().map(|&row| row as f32 + 100.0 * epoch as f32);
            (report, Logits::new(log_odds.collect(), 1))
        });
        Fold {
            rows: rows.to_vec(),
            epochs: epochs.collect(),
        }
    }

    #[test]
    fn the_best_epoch_is_that_of_the_mean_and_rows_come_back_in_order() {
        let folds = [
            fold(&[1, 3], &[0.1, 0.6, 0.5]),
            fold(&[0, 2], &[0.2, 0.5, 0.7]),
        ];
        assert_eq!(best_of(&folds), 3);
        let whole = Part {
            texts: ["a", "b", "c", "d"].map(Into::into).to_vec(),
            ids: vec![&serde_json::Value::Null; 4],
            cells: vec![multihot_table::Cell::Yes; 4],
            shares: None,
            weights: None,
            n_labels: 1,
        };
        assert_eq!(
            gathered(&folds, 2, &whole).values(),
            [200.0, 201.0, 202.0, 203.0]
        );
    }
}
