//! From logits to answers: for each label a calibration, a threshold, and where wanted a band in
//! which the answer is "unsure".
//!
//! [`tune`] works them out from held-out rows and says how well they will do on fresh ones;
//! [`Decisions`] is what a model folder keeps of that.
//!
//! `objective.rs` has what a threshold may be chosen for, `cuts.rs` all thresholds there are,
//! `calibration.rs` the maps between logits, `fit.rs` the choice for all labels, and `tune.rs`
//! the cross-fitting round it.

mod band;
mod calibrate;
mod calibration;
mod cuts;
mod figures;
mod fit;
mod objective;
mod ranked;
mod text;
mod tune;

use serde::{Deserialize, Serialize};

use crate::scores::{Logits, Probabilities};
pub use band::{Band, SureTargets, UnknownTargets};
pub use calibration::{Calibration, CalibrationMethod};
pub use figures::{BeforeAndAfter, CalibrationFigures};
pub use fit::Basis;
pub use objective::{F1, Objective, UnknownObjective};
pub use tune::{
    BandFigures, DecisionFigures, LabelTuning, TuneError, TuneOptions, Tuning, TuningSummary, tune,
};

/// How a model's logits become answers, label by label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decisions {
    /// Held-out rows that it was worked out from.
    pub rows: usize,
    /// One for each label, in the order of the network's outputs.
    pub labels: Vec<LabelDecision>,
}

/// How one label's logit becomes an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelDecision {
    /// The label.
    pub label: String,
    /// From the logit to one whose sigmoid is a chance.
    pub calibration: Calibration,
    /// A calibrated probability from here on is a yes. Just above 1 where the answer is always no.
    pub threshold: f32,
    /// Calibrated probabilities that are neither.
    pub unsure: Option<Band>,
    /// What the threshold was chosen for.
    pub objective: Objective,
    /// Which rows it was chosen on.
    pub basis: Basis,
}

/// An answer to one question about one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// Too close to call.
    Unsure,
}

impl Decisions {
    /// The logits whose sigmoids are calibrated chances, in the shape of `logits`.
    ///
    /// # Panics
    ///
    /// When `logits` has another number of labels.
    pub fn calibrate(&self, logits: &Logits) -> Logits {
        self.check_width(logits.n_labels());
        let of_row = |row: usize| {
            let labels = logits.row(row).iter().zip(&self.labels);
            labels.map(|(&logit, label)| label.calibration.apply(logit))
        };
        let values = (0..logits.rows()).flat_map(of_row).collect();
        Logits::new(values, logits.n_labels())
    }

    /// The threshold of each label.
    pub fn thresholds(&self) -> Vec<f32> {
        self.labels.iter().map(|label| label.threshold).collect()
    }

    /// The answers that go with calibrated `probabilities`, row-major.
    ///
    /// # Panics
    ///
    /// When `probabilities` has another number of labels.
    pub fn answers(&self, probabilities: &Probabilities) -> Vec<Answer> {
        self.check_width(probabilities.n_labels());
        let labels = self.labels.iter().cycle();
        let values = probabilities.values().iter().zip(labels);
        values.map(|(&p, label)| label.answer(p)).collect()
    }

    /// Whether some answers may be "unsure".
    pub fn has_bands(&self) -> bool {
        self.labels.iter().any(|label| label.unsure.is_some())
    }

    /// Decisions of a model that has none of its own: the network's probabilities, yes from
    /// `threshold` up.
    pub fn fixed(labels: &[String], threshold: f32) -> Self {
        let fixed = |label: &String| LabelDecision {
            label: label.clone(),
            calibration: Calibration::None,
            threshold,
            unsure: None,
            objective: Objective::Fixed { threshold },
            basis: Basis::Given,
        };
        Self {
            rows: 0,
            labels: labels.iter().map(fixed).collect(),
        }
    }

    /// The same calibrations with one threshold for all labels and no band.
    pub fn at_threshold(mut self, threshold: f32) -> Self {
        for label in &mut self.labels {
            label.threshold = threshold;
            label.unsure = None;
            label.objective = Objective::Fixed { threshold };
            label.basis = Basis::Given;
        }
        self
    }

    /// Options with the same objective for each label, to decide another model's scores alike.
    pub fn tune_options(&self) -> TuneOptions {
        let objective = |label: &LabelDecision| (label.label.clone(), label.objective);
        TuneOptions {
            objective_of: self.labels.iter().map(objective).collect(),
            ..TuneOptions::default()
        }
    }

    /// Whether probabilities are other than the network's own.
    pub fn is_calibrated(&self) -> bool {
        let mut labels = self.labels.iter();
        labels.any(|label| label.calibration != Calibration::None)
    }

    /// Whether they are for these labels, in this order.
    pub(crate) fn are_for(&self, labels: &[String]) -> bool {
        self.labels.iter().map(|label| &label.label).eq(labels)
    }

    /// What is wrong with decisions that were read from a file.
    pub(crate) fn flaw(&self) -> Option<String> {
        self.labels.iter().find_map(|label| {
            let flaw = label.flaw()?;
            Some(format!("`decisions` of label `{}`: {flaw}", label.label))
        })
    }

    fn check_width(&self, n_labels: usize) {
        assert_eq!(
            self.labels.len(),
            n_labels,
            "decisions: not one for each label of the scores"
        );
    }
}

impl LabelDecision {
    /// The answer that goes with a calibrated `probability`. Where a band says otherwise, the
    /// threshold does not count.
    pub fn answer(&self, probability: f32) -> Answer {
        answer(probability, self.threshold, self.unsure)
    }

    fn flaw(&self) -> Option<String> {
        let is_threshold = |t: f32| (0.0..=cuts::NEVER).contains(&t);
        if !is_threshold(self.threshold) {
            return Some(format!(
                "`threshold` is {}; expected 0 to 1",
                self.threshold
            ));
        }
        if let Some(band) = self.unsure
            && !(is_threshold(band.from) && is_threshold(band.to) && band.from <= band.to)
        {
            return Some(format!(
                "`unsure` goes from {} to {}; expected rising numbers from 0 to 1",
                band.from, band.to
            ));
        }
        self.calibration.flaw()
    }
}

/// The answer that goes with a calibrated `probability`: by the band where there is one, else by
/// the threshold.
fn answer(probability: f32, threshold: f32, unsure: Option<Band>) -> Answer {
    let (from, to) = unsure.map_or((threshold, threshold), |band| (band.from, band.to));
    if probability >= to {
        Answer::Yes
    } else if probability >= from {
        Answer::Unsure
    } else {
        Answer::No
    }
}
