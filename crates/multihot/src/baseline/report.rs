//! The linear baseline on the rows that a model is scored on, beside that model.

use std::io::{self, Write};
use std::time::Instant;

use multihot_kernels::Pool;
use multihot_table::Cell;
use serde::Serialize;

use super::{Baseline, BaselineVerdict};
use crate::decisions::{TuneError, TuneOptions, Tuning, tune};
use crate::metrics::{self, Evaluation};
use crate::questions::Questions;
use crate::scores::Logits;

/// What the linear baseline comes to, decided as the model is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BaselineReport {
    /// Words and pairs of words.
    pub features: usize,
    /// Wall time of fitting and scoring.
    pub seconds: f64,
    /// It on the rows that the model was evaluated on.
    pub evaluation: Evaluation,
    /// What its thresholds do on fresh rows.
    pub tuning: Tuning,
}

/// Rows of texts and cells, row-major, for a baseline.
#[derive(Clone, Copy)]
pub struct BaselineRows<'a> {
    /// A text a row.
    pub texts: &'a [&'a str],
    /// A cell a label of each row.
    pub cells: &'a [Cell],
}

impl BaselineReport {
    /// Fits a baseline to `train`, chooses its thresholds on `dev`, and evaluates it on `test`,
    /// which may be `dev` itself, as it is for a model that has just been trained.
    ///
    /// The labels of an exclusive group are fitted one against the others; what they say is then
    /// taken for the logits of the group's softmax, and calibrated as such.
    ///
    /// # Errors
    ///
    /// As [`tune`].
    pub fn new(
        questions: &Questions,
        [train, dev, test]: [BaselineRows<'_>; 3],
        options: &TuneOptions,
        pool: &Pool,
    ) -> Result<Self, TuneError> {
        let started = Instant::now();
        let baseline = Baseline::fit(
            train.texts,
            train.cells,
            questions.labels().len(),
            pool.threads(),
        );
        let dev_logits = baseline.logits(dev.texts);
        let test_logits = baseline.logits(test.texts);
        let seconds = started.elapsed().as_secs_f64();
        let mut report = Self::of_logits(
            questions,
            (&dev_logits, dev.cells),
            (&test_logits, test.cells),
            options,
            pool,
        )?;
        (report.features, report.seconds) = (baseline.n_features(), seconds);
        Ok(report)
    }

    /// The same from logits that baselines gave already.
    pub(crate) fn of_logits(
        questions: &Questions,
        (dev, dev_cells): (&Logits, &[Cell]),
        (test, test_cells): (&Logits, &[Cell]),
        options: &TuneOptions,
        pool: &Pool,
    ) -> Result<Self, TuneError> {
        let tuning = tune(questions, dev, dev_cells, options, pool)?;
        let calibrated = tuning.decisions.calibrate(questions, test);
        let thresholds = tuning.decisions.thresholds();
        Ok(Self {
            features: 0,
            seconds: 0.0,
            evaluation: metrics::evaluate(questions, &calibrated, test_cells, &thresholds),
            tuning,
        })
    }

    /// Writes the model's line and the baseline's, and in words which is better.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_text(
        &self,
        model: &Evaluation,
        model_tuning: Option<&Tuning>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        writeln!(
            out,
            "{:>17}  {:>8}  {:>8}  {:>11}  {:>8}  {:>8}\n",
            "", "macro f1", "micro f1", "weighted f1", "macro ap", "log loss"
        )?;
        let [own, linear] = self.lines(model, model_tuning);
        write_line(out, "this model", &own)?;
        write_line(out, "linear baseline", &linear)?;
        writeln!(out, "\n{}", self.verdict(model, model_tuning))
    }

    /// Whether the encoder earns its keep. F1 is the cross-fitted one where there is a
    /// `model_tuning`, as its rows are those evaluated.
    pub fn verdict(&self, model: &Evaluation, model_tuning: Option<&Tuning>) -> BaselineVerdict {
        let precision =
            |evaluation: &Evaluation, label: usize| evaluation.labels[label].average_precision;
        let pairs: Vec<(f64, f64)> = (0..model.labels.len())
            .filter_map(|label| precision(model, label).zip(precision(&self.evaluation, label)))
            .collect();
        let better = pairs.iter().filter(|(model, linear)| model > linear);
        let [own, linear] = self.lines(model, model_tuning);
        BaselineVerdict {
            ranking: own.average_precision.zip(linear.average_precision),
            decisions: own.macro_f1.zip(linear.macro_f1),
            is_cross_fitted: model_tuning.is_some(),
            ranked_better: (better.count(), pairs.len()),
            features: self.features,
            seconds: self.seconds,
        }
    }

    /// What is shown of the model and of this.
    fn lines(&self, model: &Evaluation, model_tuning: Option<&Tuning>) -> [Line; 2] {
        // Without cross-fitted figures of the model the baseline's would not be like them.
        let tuning = model_tuning.map(|_| &self.tuning);
        [
            Line::of(model, model_tuning),
            Line::of(&self.evaluation, tuning),
        ]
    }
}

/// What is shown of a model and of its baseline alike.
struct Line {
    macro_f1: Option<f64>,
    micro_f1: Option<f64>,
    weighted_f1: Option<f64>,
    average_precision: Option<f64>,
    log_loss: Option<f64>,
}

impl Line {
    /// F1 is the cross-fitted one where there is a `tuning`, as its rows are those evaluated.
    fn of(evaluation: &Evaluation, tuning: Option<&Tuning>) -> Self {
        let report = &evaluation.report;
        let overall = tuning.map(|tuning| &tuning.overall);
        Self {
            macro_f1: overall.map_or(report.macro_average.f1_score, |all| all.macro_f1),
            micro_f1: overall.map_or(report.micro_average.f1_score, |all| all.micro_f1),
            weighted_f1: overall.map_or(report.weighted_average.f1_score, |all| all.weighted_f1),
            average_precision: evaluation.macro_scores.average_precision,
            log_loss: evaluation.log_loss,
        }
    }
}

fn write_line(out: &mut dyn Write, name: &str, line: &Line) -> io::Result<()> {
    let figure = crate::metrics::text::figure;
    writeln!(
        out,
        "{name:>17}  {:>8}  {:>8}  {:>11}  {:>8}  {:>8}",
        figure(line.macro_f1),
        figure(line.micro_f1),
        figure(line.weighted_f1),
        figure(line.average_precision),
        figure(line.log_loss)
    )
}

#[cfg(test)]
mod tests {
    use Cell::{No, Yes};

    use super::*;
    use crate::questions::tests::questions;
    use crate::scores::LogOdds;

    /// Forty texts about sports or about shares, which a bag of words tells apart.
    fn rows() -> (Vec<String>, Vec<Cell>) {
        let text = |i: usize| match i % 2 {
            0 => format!("the team won match number {i}"),
            _ => format!("shares fell again on day {i}"),
        };
        let cells = (0..40).map(|i| if i % 2 == 0 { Yes } else { No });
        ((0..40).map(text).collect(), cells.collect())
    }

    #[test]
    fn a_baseline_is_decided_as_a_model_and_named_beside_it() {
        let (texts, cells) = rows();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let rows = BaselineRows {
            texts: &texts,
            cells: &cells,
        };
        let questions = questions("sports", &[], &[]);
        let options = TuneOptions::default();
        let report = BaselineReport::new(&questions, [rows; 3], &options, &Pool::new(1)).unwrap();
        assert_eq!(report.evaluation.report.macro_average.f1_score, Some(1.0));
        assert!(report.features > 5);

        // A model that ranks nothing is worse, and one that is as good is not better.
        let useless = LogOdds::new(vec![0.0; 40], 1);
        let useless = metrics::evaluate(&questions, &useless, &cells, &[Some(0.5)]);
        let verdict = report.verdict(&useless, None).to_string();
        assert!(
            verdict.starts_with("The encoder does not earn its keep here: macro average precision"),
            "{verdict}"
        );
        assert!(
            verdict.contains("it ranks 0 of 1 labels better"),
            "{verdict}"
        );
        let perfect = cells
            .iter()
            .map(|cell| if *cell == Yes { 1.0 } else { -1.0 })
            .collect();
        let perfect = LogOdds::new(perfect, 1);
        let perfect = metrics::evaluate(&questions, &perfect, &cells, &[Some(0.5)]);
        assert!(!report.verdict(&perfect, None).earns_its_keep());
        let mut out = Vec::new();
        report.write_text(&perfect, None, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("  this model    1.0000    1.0000       1.0000    1.0000"),
            "{text}"
        );
        assert!(text.contains("linear baseline    1.0000"), "{text}");
    }
}
