//! From logits to answers: for each label a calibration, a threshold, and where wanted a band in
//! which the answer is "unsure".
//!
//! [`tune`] works them out from held-out rows and says how well they will do on fresh ones;
//! [`Decisions`] is what a model folder keeps of that.
//!
//! `objective.rs` has what a threshold may be chosen for, `cuts.rs` all thresholds there are,
//! `calibration.rs` the maps between logits, `exclusive.rs` what exclusive groups have instead,
//! `fit.rs` the choice for all labels, `guarantee.rs` what a guaranteed recall takes,
//! `measured.rs` what comes of it row by row, and `tune.rs` the cross-fitting round it.

mod band;
mod calibrate;
mod calibration;
mod cuts;
mod exclusive;
mod figures;
mod fit;
mod guarantee;
mod measured;
mod objective;
mod ranked;
mod text;
mod tune;

use multihot_table::Cell;
use serde::{Deserialize, Serialize};

use crate::questions::Questions;
use crate::scores::{LogOdds, Logits, Probabilities, exclude};
pub use band::{Band, SureTargets, UnknownTargets};
pub use calibration::{Calibration, CalibrationMethod};
pub use exclusive::ExclusiveTuning;
pub use figures::{BeforeAndAfter, CalibrationFigures};
pub use fit::Basis;
use measured::AnswerCounts;
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
    /// From the logit to one whose sigmoid is a chance; in an exclusive group to one of a softmax
    /// of chances, the same map for all its labels.
    pub calibration: Calibration,
    /// A calibrated probability from here on is a yes. Just above 1 where the answer is always no,
    /// and `None` in an exclusive group, whose likeliest label is the answer.
    pub threshold: Option<f32>,
    /// Calibrated probabilities that are neither. In an exclusive group, the same band for all its
    /// labels, those of the likeliest outcome.
    pub unsure: Option<Band>,
    /// What the threshold was chosen for.
    pub objective: Objective,
    /// Which rows it was chosen on.
    pub basis: Basis,
}

/// Answers to the known cells of one label, where some may be "unsure".
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AnswerFigures {
    /// The share of the known cells that are left unsure.
    pub unsure: Option<f64>,
    /// The share of right ones among the yes answers.
    pub yes_precision: Option<f64>,
    /// The share of right ones among the no answers.
    pub no_precision: Option<f64>,
}

/// An answer to one question about one text, from no to yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// It does not hold.
    No,
    /// Too close to call.
    Unsure,
    /// It holds.
    Yes,
}

impl Decisions {
    /// The log-odds of calibrated chances, in the shape of `logits`: each label's calibration, then
    /// the softmax of each exclusive group, and then no cause above what it implies.
    ///
    /// # Panics
    ///
    /// When `questions` or `logits` have another number of labels.
    pub fn calibrate(&self, questions: &Questions, logits: &Logits) -> LogOdds {
        self.check_width(logits.n_labels());
        let mut values = logits.values().to_vec();
        for row in values.chunks_exact_mut(logits.n_labels()) {
            self.calibrate_row(questions, row);
        }
        LogOdds::new(values, logits.n_labels())
    }

    /// Makes log-odds of calibrated chances out of the logits in `row`.
    fn calibrate_row(&self, questions: &Questions, row: &mut [f32]) {
        let calibrations = self.labels.iter().map(|label| &label.calibration);
        calibrate_row(questions, calibrations, row);
    }

    /// The threshold of each label, `None` in an exclusive group.
    pub fn thresholds(&self) -> Vec<Option<f32>> {
        self.labels.iter().map(|label| label.threshold).collect()
    }

    /// The answers that go with calibrated `probabilities`, row-major.
    ///
    /// In an exclusive group the likeliest outcome is the answer. Where it is not likely enough to
    /// be sure of, the likeliest label is "unsure" and the others are no.
    ///
    /// # Panics
    ///
    /// When `questions` or `probabilities` have another number of labels.
    pub fn answers(&self, questions: &Questions, probabilities: &Probabilities) -> Vec<Answer> {
        self.check_width(probabilities.n_labels());
        let mut answers = vec![Answer::No; probabilities.values().len()];
        let n_labels = probabilities.n_labels();
        let rows = probabilities.values().chunks_exact(n_labels);
        for (row, out) in rows.zip(answers.chunks_exact_mut(n_labels)) {
            self.answer_row(questions, row, out);
        }
        answers
    }

    fn answer_row(&self, questions: &Questions, probabilities: &[f32], out: &mut [Answer]) {
        for ((out, &p), label) in out.iter_mut().zip(probabilities).zip(&self.labels) {
            *out = label
                .threshold
                .map_or(Answer::No, |threshold| answer(p, threshold, label.unsure));
        }
        for group in questions.exclusive() {
            let likeliest = group.likeliest(probabilities);
            let sure_from = self.labels[likeliest.label]
                .unsure
                .map_or(0.0, |band| band.to);
            out[likeliest.label] = if likeliest.chance < f64::from(sure_from) {
                Answer::Unsure
            } else if likeliest.is_yes {
                Answer::Yes
            } else {
                Answer::No
            };
        }
        questions.make_consistent(out);
    }

    /// How the answers that go with calibrated `probabilities` turn out against `cells`, label by
    /// label.
    ///
    /// # Panics
    ///
    /// As [`Decisions::answers`], and when `cells` differ from `probabilities` in length.
    pub fn answer_figures(
        &self,
        questions: &Questions,
        probabilities: &Probabilities,
        cells: &[Cell],
    ) -> Vec<AnswerFigures> {
        let answers = self.answers(questions, probabilities);
        assert_eq!(
            answers.len(),
            cells.len(),
            "decisions: not one cell for each answer"
        );
        let mut counts = vec![AnswerCounts::default(); self.labels.len()];
        for (row, cells) in answers
            .chunks_exact(self.labels.len())
            .zip(cells.chunks_exact(self.labels.len()))
        {
            for ((counts, &answer), &cell) in counts.iter_mut().zip(row).zip(cells) {
                counts.add(answer, cell);
            }
        }
        counts.into_iter().map(AnswerCounts::figures).collect()
    }

    /// Whether some answers may be "unsure".
    pub fn has_bands(&self) -> bool {
        self.labels.iter().any(|label| label.unsure.is_some())
    }

    /// Decisions of a model that has none of its own: the network's probabilities, yes from
    /// `threshold` up; in an exclusive group the likeliest label.
    pub fn fixed(questions: &Questions, threshold: f32) -> Self {
        let fixed = |(i, label): (usize, &String)| {
            let (threshold, objective, basis) = if questions.is_exclusive(i) {
                (None, Objective::Likeliest, Basis::Exclusive)
            } else {
                (
                    Some(threshold),
                    Objective::Fixed { threshold },
                    Basis::Given,
                )
            };
            LabelDecision {
                label: label.clone(),
                calibration: Calibration::None,
                threshold,
                unsure: None,
                objective,
                basis,
            }
        };
        Self {
            rows: 0,
            labels: questions.labels().iter().enumerate().map(fixed).collect(),
        }
    }

    /// The same calibrations with one threshold for all labels and no band. In an exclusive group
    /// the likeliest label stays the answer.
    pub fn at_threshold(mut self, threshold: f32) -> Self {
        for label in &mut self.labels {
            label.unsure = None;
            if label.threshold.is_none() {
                continue;
            }
            label.threshold = Some(threshold);
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

    /// What is wrong with decisions that were read from a file, if they are for `questions`.
    pub(crate) fn flaw(&self, questions: &Questions) -> Option<String> {
        let labels = self.labels.iter().enumerate();
        let flawed = labels.clone().find_map(|(i, label)| {
            let flaw = label.flaw(questions.is_exclusive(i))?;
            Some(format!("`decisions` of label `{}`: {flaw}", label.label))
        });
        flawed.or_else(|| {
            let shared = |i: &usize| (&self.labels[*i].calibration, self.labels[*i].unsure);
            let groups = questions.exclusive().iter();
            let uneven = |members: &[usize]| {
                let mut members = members.iter();
                let first = members.next().map(shared);
                members.any(|label| Some(shared(label)) != first)
            };
            let group = groups.clone().find(|group| uneven(&group.members))?;
            Some(format!(
                "`decisions`: the labels of the exclusive group `{}` differ in `calibration` or \
                 `unsure`; expected the same for all",
                group.name
            ))
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
    fn flaw(&self, is_exclusive: bool) -> Option<String> {
        let is_threshold = |t: f32| (0.0..=cuts::NEVER).contains(&t);
        match self.threshold {
            None if is_exclusive => {}
            Some(threshold) if !is_exclusive && is_threshold(threshold) => {}
            found => {
                let found = found.map_or("null".into(), |threshold| threshold.to_string());
                let expected = if is_exclusive {
                    "null in an exclusive group"
                } else {
                    "0 to 1"
                };
                return Some(format!("`threshold` is {found}; expected {expected}"));
            }
        }
        let is_of_group = matches!(
            self.calibration,
            Calibration::None | Calibration::Temperature { .. }
        );
        if is_exclusive && !is_of_group {
            return Some(format!(
                "calibration `{}`; expected `none` or `temperature` in an exclusive group",
                self.calibration.name()
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

/// Makes log-odds of calibrated chances out of the logits in `row`.
fn calibrate_row<'a>(
    questions: &Questions,
    calibrations: impl Iterator<Item = &'a Calibration>,
    row: &mut [f32],
) {
    for (logit, calibration) in row.iter_mut().zip(calibrations) {
        *logit = calibration.apply(*logit);
    }
    exclude(questions, row);
    questions.make_consistent(row);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::questions::tests::questions;

    fn answers(decisions: &Decisions, questions: &Questions, chances: &[f32]) -> Vec<Answer> {
        let log_odds = chances.iter().map(|p| (p / (1.0 - p)).ln()).collect();
        let log_odds = LogOdds::new(log_odds, chances.len());
        decisions.answers(questions, &log_odds.probabilities())
    }

    #[test]
    fn a_group_is_unsure_of_its_likeliest_label_where_its_chance_is_low() {
        use Answer::{No, Unsure, Yes};
        let exactly = questions("a,b,c", &["g=a,b,c"], &[]);
        let at_most = questions("a,b,c", &["g?=a,b,c"], &[]);
        let cases = [
            ([0.8, 0.1, 0.1], [Yes, No, No], [Yes, No, No]),
            ([0.5, 0.4, 0.1], [Unsure, No, No], [Unsure, No, No]),
            ([0.1, 0.05, 0.1], [Unsure, No, No], [No, No, No]),
            ([0.2, 0.3, 0.1], [No, Unsure, No], [No, Unsure, No]),
        ];
        for (chances, of_exactly, of_at_most) in cases {
            for (questions, expected) in [(&exactly, of_exactly), (&at_most, of_at_most)] {
                let mut decisions = Decisions::fixed(questions, 0.5);
                for label in &mut decisions.labels {
                    label.unsure = Some(Band { from: 0.0, to: 0.7 });
                }
                assert_eq!(
                    answers(&decisions, questions, &chances),
                    expected,
                    "{chances:?}"
                );
            }
        }
    }

    #[test]
    fn a_cause_is_no_surer_than_its_consequence() {
        use Answer::{No, Unsure, Yes};
        let implied = questions("a,b", &[], &["a:b"]);
        let mut decisions = Decisions::fixed(&implied, 0.5);
        decisions.labels[1].unsure = Some(Band { from: 0.3, to: 0.8 });
        let cases = [
            ([0.9, 0.9], [Yes, Yes]),
            ([0.9, 0.5], [Unsure, Unsure]),
            ([0.9, 0.1], [No, No]),
            ([0.1, 0.9], [No, Yes]),
        ];
        for (chances, expected) in cases {
            assert_eq!(
                answers(&decisions, &implied, &chances),
                expected,
                "{chances:?}"
            );
        }
        let calibrated = decisions.calibrate(&implied, &Logits::new(vec![2.0, -1.0], 2));
        assert_eq!(calibrated.values(), [-1.0, -1.0]);
    }

    #[test]
    fn answers_are_counted_with_those_left_unsure() {
        use Cell::{No, Unknown, Yes};
        let questions = questions("a,b", &[], &[]);
        let mut decisions = Decisions::fixed(&questions, 0.5);
        decisions.labels[0].unsure = Some(Band { from: 0.3, to: 0.7 });
        let chances = [0.9_f32, 0.8, 0.6, 0.4, 0.2, 0.6];
        let log_odds = chances.iter().flat_map(|p| [(p / (1.0 - p)).ln(), 1.0]);
        let log_odds = LogOdds::new(log_odds.collect(), 2);
        let cells: Vec<Cell> = [Yes, No, Yes, No, No, Unknown]
            .into_iter()
            .flat_map(|cell| [cell, Yes])
            .collect();
        let figures = decisions.answer_figures(&questions, &log_odds.probabilities(), &cells);
        let expected = [(0.4, 0.5, Some(1.0)), (0.0, 1.0, None)];
        for (figures, (unsure, yes, no)) in figures.iter().zip(expected) {
            let expected = AnswerFigures {
                unsure: Some(unsure),
                yes_precision: Some(yes),
                no_precision: no,
            };
            assert_eq!(*figures, expected);
        }
    }

    #[test]
    fn a_temperature_goes_before_the_softmax() {
        let questions = questions("a,b,c", &["g=a,c"], &[]);
        let mut decisions = Decisions::fixed(&questions, 0.5);
        for label in [0, 2] {
            decisions.labels[label].calibration = Calibration::Temperature { temperature: 2.0 };
        }
        assert_eq!(decisions.flaw(&questions), None);
        let log_odds = decisions.calibrate(&questions, &Logits::new(vec![3.0, 0.5, -1.0], 3));
        assert_eq!(log_odds.values(), [2.0, 0.5, -2.0]);
    }

    #[test]
    fn decisions_that_are_not_for_a_group_are_a_flaw() {
        let grouped = questions("a,b,c", &["g=a,c"], &[]);
        let free = questions("a,b,c", &[], &[]);
        let flaw = |decisions: &Decisions, questions| decisions.flaw(questions).unwrap();
        let expected =
            "`decisions` of label `a`: `threshold` is 0.5; expected null in an exclusive";
        assert!(flaw(&Decisions::fixed(&free, 0.5), &grouped).starts_with(expected));
        let mut decisions = Decisions::fixed(&grouped, 0.5);
        let expected = "`decisions` of label `a`: `threshold` is null; expected 0 to 1";
        assert_eq!(flaw(&decisions, &free), expected);
        decisions.labels[2].calibration = Calibration::Temperature { temperature: 2.0 };
        assert!(flaw(&decisions, &grouped).contains("group `g` differ in `calibration`"));
        decisions.labels[2].calibration = Calibration::Platt { a: 1.0, b: 0.0 };
        assert!(flaw(&decisions, &grouped).contains("calibration `platt`; expected `none`"));
    }

    #[test]
    fn a_threshold_from_outside_leaves_groups_alone() {
        let questions = questions("a,b,c", &["g=a,c"], &[]);
        let decisions = Decisions::fixed(&questions, 0.5).at_threshold(0.25);
        assert_eq!(decisions.thresholds(), [None, Some(0.25), None]);
        assert_eq!(decisions.flaw(&questions), None);
        let json = serde_json::to_string(&decisions).unwrap();
        assert_eq!(serde_json::from_str::<Decisions>(&json).unwrap(), decisions);
    }
}
