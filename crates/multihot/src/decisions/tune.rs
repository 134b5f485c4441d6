//! Chooses decisions on held-out rows, and measures by cross-fitting how they do on fresh ones.

use std::collections::BTreeMap;
use std::io::{self, Write};

use multihot_kernels::{Pool, random};
use multihot_table::Cell;
use serde::{Deserialize, Serialize};

use super::calibrate::Calibrated;
use super::calibration::{Calibration, CalibrationMethod};
use super::exclusive::{ExclusiveTuning, GroupFigures, SettledRows};
use super::figures::{self, BeforeAndAfter, CalibrationFigures};
use super::fit::{Basis, FEWEST, Task, in_parallel};
use super::guarantee::Obstacle;
use super::measured::{Measured, MeasuredRows};
use super::objective::{F1, Objective};
use super::ranked::RankedLabel;
use super::{Decisions, SureTargets, text};
use crate::metrics::counts::{Counts, mean, share, total, weighted_mean};
use crate::metrics::curves::Ranking;
use crate::questions::Questions;
use crate::scores::Logits;

/// Parts of the rows of which each is decided by what the others chose.
const FOLDS: u16 = 5;
/// Tells this use of the seed from the others.
const PURPOSE: u64 = 0x7475_6e65_0000_0001;

/// How decisions are chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TuneOptions {
    /// What thresholds are for.
    pub objective: Objective,
    /// What those of some labels are for instead, by name.
    pub objective_of: BTreeMap<String, Objective>,
    /// How logits become chances.
    pub calibration: CalibrationMethod,
    /// Where wanted, how often an answer that is not "unsure" is to be right.
    pub unsure: Option<SureTargets>,
    /// Start of every random choice: the folds, and the draws of the intervals.
    pub seed: u64,
}

impl Default for TuneOptions {
    fn default() -> Self {
        Self {
            objective: F1,
            objective_of: BTreeMap::new(),
            calibration: CalibrationMethod::default(),
            unsure: None,
            seed: 0,
        }
    }
}

impl TuneOptions {
    /// Checks that each objective of a label is for one that is there and has a threshold.
    ///
    /// # Errors
    ///
    /// The first label of which that is not so.
    pub fn check(&self, questions: &Questions) -> Result<(), TuneError> {
        let labels = questions.labels();
        for (label, objective) in &self.objective_of {
            let place = labels.iter().position(|other| other == label);
            let place = place.ok_or_else(|| TuneError::UnknownLabel {
                label: label.clone(),
                known: labels.to_vec(),
            })?;
            // Decisions of another model may say so themselves.
            if let (Some(group), false) = (
                questions.group_of(place),
                *objective == Objective::Likeliest,
            ) {
                return Err(TuneError::Exclusive {
                    label: label.clone(),
                    group: group.name.clone(),
                });
            }
        }
        Ok(())
    }

    /// The objective of each label.
    fn objectives(&self, questions: &Questions) -> Vec<Objective> {
        let labels = questions.labels().iter().enumerate();
        let objective = |(i, label): (usize, &String)| {
            if questions.is_exclusive(i) {
                return Objective::Likeliest;
            }
            let own = self.objective_of.get(label).copied();
            own.unwrap_or(self.objective)
        };
        labels.map(objective).collect()
    }
}

/// Rows that no decisions can be chosen on, or options that do not fit them.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TuneError {
    /// An objective is given for a label that is not there.
    #[error("an objective is given for label `{label}`; labels are {}", known.join(", "))]
    UnknownLabel {
        /// The label that is not there.
        label: String,
        /// Those that are.
        known: Vec<String>,
    },
    /// An objective is given for a label that has no threshold.
    #[error(
        "an objective is given for label `{label}`, which is in the exclusive group `{group}`: the \
         likeliest label of the group is the answer, without a threshold"
    )]
    Exclusive {
        /// The label.
        label: String,
        /// Its group.
        group: String,
    },
    /// No cell is known.
    #[error("no cell of the held-out rows is known, so there is nothing to choose thresholds on")]
    NothingKnown,
    /// A logit is no number.
    #[error("row {row}: the logit of label `{label}` is {found}; expected a finite number")]
    NotFinite {
        /// The row, from 1.
        row: usize,
        /// The label.
        label: String,
        /// The logit.
        found: f32,
    },
}

impl TuneError {
    /// What the user may do about it, in one sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            TuneError::UnknownLabel { .. } => None,
            TuneError::Exclusive { .. } => Some(
                "leave it out; `--unsure SHARE` leaves answers open that are right less often"
                    .into(),
            ),
            TuneError::NothingKnown => {
                Some("fill in some answers: at least ten yes for each label".into())
            }
            TuneError::NotFinite { .. } => {
                Some("the model is broken, or the scores are not its own: train it again with a lower `--learning-rate`".into())
            }
        }
    }
}

/// What [`tune`] chose, and how well that does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tuning {
    /// What is stored.
    #[serde(skip)]
    pub decisions: Decisions,
    /// Held-out rows.
    pub rows: usize,
    /// Each label.
    pub labels: Vec<LabelTuning>,
    /// Each exclusive group; left out where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclusive: Vec<ExclusiveTuning>,
    /// All labels together.
    pub overall: TuningSummary,
}

/// What was chosen for one label, and how well that does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelTuning {
    /// The label.
    pub label: String,
    /// Known cells.
    pub known: usize,
    /// Known cells that say yes.
    pub positives: usize,
    /// What the threshold is for.
    pub objective: Objective,
    /// The threshold, on calibrated probabilities; `None` in an exclusive group.
    pub threshold: Option<f32>,
    /// Which rows it was chosen on.
    pub basis: Basis,
    /// Whether the recall that was asked for is guaranteed on fresh rows; `None` where no
    /// guarantee was asked for.
    pub guaranteed: Option<bool>,
    /// Why not, where it is not.
    #[serde(skip)]
    obstacle: Option<Obstacle>,
    /// The calibration's name.
    pub calibration: &'static str,
    /// The decisions on the rows that they were chosen on: too good by the optimism.
    pub on_tuning_rows: DecisionFigures,
    /// The decisions on each fifth of the rows as the other four fifths would choose them: what
    /// to expect of fresh rows.
    pub cross_fitted: DecisionFigures,
    /// The objective's figure on the tuning rows less the cross-fitted one; `None` where one of
    /// the two is. For a cost, a negative number is the optimistic one.
    pub optimism: Option<f64>,
    /// 95 % interval of the cross-fitted figure of the objective, by bootstrap; `None` where it
    /// has no value.
    pub interval: Option<[f64; 2]>,
    /// How far from the truth probabilities are, as the network has them and calibrated
    /// (cross-fitted).
    pub calibration_figures: BeforeAndAfter,
    /// The band in which the answer is "unsure", where there is one.
    pub unsure: Option<BandFigures>,
}

/// Decisions of one label against its known cells.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DecisionFigures {
    /// The share of right ones among the yes decisions.
    pub precision: Option<f64>,
    /// The share of found ones among the yes cells.
    pub recall: Option<f64>,
    /// The harmonic mean of the two.
    #[serde(rename = "f1-score")]
    pub f1_score: Option<f64>,
    /// What the objective is about: F1 or another F-score, precision, recall, or the mean cost of
    /// a known cell.
    pub objective: Option<f64>,
}

/// A band, and what cross-fitting says about it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BandFigures {
    /// From here on the answer is not no.
    pub from: f32,
    /// From here on it is yes.
    pub to: f32,
    /// Share of the known cells that are left unsure.
    pub share: Option<f64>,
    /// Share of right ones among the yes answers.
    pub yes_precision: Option<f64>,
    /// Share of right ones among the no answers.
    pub no_precision: Option<f64>,
}

/// Averages of the cross-fitted figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TuningSummary {
    /// Mean F1 of the labels that have one, on the tuning rows.
    pub macro_f1_on_tuning_rows: Option<f64>,
    /// The same cross-fitted.
    pub macro_f1: Option<f64>,
    /// F1 over all known cells, cross-fitted.
    pub micro_f1: Option<f64>,
    /// Mean F1 of the labels, each counting as often as it is true, cross-fitted.
    pub weighted_f1: Option<f64>,
    /// Means over the labels.
    pub calibration_figures: BeforeAndAfter,
}

/// Chooses calibrations, thresholds and bands for `questions` on held-out rows: `logits` and
/// `cells` of one shape, row-major. A network that was trained on these rows makes all of it too
/// bold.
///
/// The choice is made on all rows. What it is worth on fresh rows is estimated by cross-fitting:
/// the rows are dealt into five parts, and each is decided by what the other four would choose.
///
/// # Errors
///
/// When no cell is known, the logit of a question with a known cell is not finite, or an objective
/// is for no label with a threshold.
///
/// # Panics
///
/// When `questions`, `logits` and `cells` differ in shape.
pub fn tune(
    questions: &Questions,
    logits: &Logits,
    cells: &[Cell],
    options: &TuneOptions,
    pool: &Pool,
) -> Result<Tuning, TuneError> {
    assert_eq!(
        questions.labels().len(),
        logits.n_labels(),
        "tune: not one name for each label"
    );
    assert_eq!(
        cells.len(),
        logits.values().len(),
        "tune: logits and `cells` differ in length"
    );
    let task = task(questions, logits, cells, options, pool)?;
    let calibrated = Calibrated::new(&task, FOLDS);
    let decisions = task.decisions(calibrated.whole, None);
    let without = (0..FOLDS).zip(calibrated.without);
    let without: Vec<Decisions> = without
        .map(|(fold, calibrations)| task.decisions(calibrations, Some(fold)))
        .collect();
    let measured = MeasuredRows::new(&task, &decisions, &without);
    let labels: Vec<LabelTuning> = in_parallel(pool, logits.n_labels(), |label| {
        let mut figures = calibrated.figures[label];
        if task.is_entangled(label) {
            let cells = measured.entangled[label].iter();
            let cells = cells.map(|&(log_odds, yes)| (log_odds, yes, 0));
            figures.calibrated = CalibrationFigures::of(&Ranking::new(cells));
        }
        task.label_tuning(label, &decisions, &measured.labels[label], figures)
    });
    Ok(Tuning {
        rows: logits.rows(),
        overall: TuningSummary::of(&labels, &measured.labels),
        exclusive: task.exclusive_tunings(&decisions, &calibrated.groups, &measured.right),
        labels,
        decisions,
    })
}

fn task<'a>(
    questions: &'a Questions,
    logits: &'a Logits,
    cells: &'a [Cell],
    options: &'a TuneOptions,
    pool: &'a Pool,
) -> Result<Task<'a>, TuneError> {
    options.check(questions)?;
    check(questions, logits, cells)?;
    let folds = folds(logits.rows(), options.seed);
    let n_labels = logits.n_labels();
    let own = (!questions.exclusive().is_empty()).then(|| logits.log_odds(questions));
    let scores = own.as_ref().map_or(logits.values(), |own| own.values());
    let ranked = in_parallel(pool, n_labels, |label| {
        RankedLabel::new(label, scores, cells, n_labels, &folds)
    });
    let groups = questions.exclusive().iter();
    let settled = |group| SettledRows::new(group, logits.values(), cells, n_labels, &folds);
    Ok(Task {
        ranked,
        settled: groups.map(settled).collect(),
        objectives: options.objectives(questions),
        questions,
        logits,
        cells,
        folds,
        options,
        pool,
    })
}

impl Tuning {
    /// What a person should know before trusting it, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        self.labels
            .iter()
            .filter_map(LabelTuning::warning)
            .collect()
    }

    /// Withdraws guarantees where the scores were those of other models than the one that will
    /// answer: a threshold holds for the scores that it was chosen on.
    pub fn of_other_models(&mut self) {
        for label in &mut self.labels {
            if label.guaranteed == Some(true) {
                label.guaranteed = Some(false);
                label.obstacle = Some(Obstacle::OtherModels);
            }
        }
    }

    /// Writes tables that a person can read, a dash standing for what has no value.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        text::write(self, out)
    }
}

impl LabelTuning {
    fn warning(&self) -> Option<String> {
        let (label, positives) = (&self.label, self.positives);
        if let (Some(obstacle), Objective::Recall { at_least, .. }) =
            (self.obstacle, self.objective)
        {
            let why = obstacle.note(at_least, positives);
            return Some(format!(
                "label `{label}`: no guarantee of recall {at_least}{why}"
            ));
        }
        let says_little = if positives < FEWEST {
            let cells = if positives == 1 {
                "cell says"
            } else {
                "cells say"
            };
            Some(format!("only {positives} held-out {cells} yes"))
        } else if positives == self.known {
            Some("no held-out cell says no".to_owned())
        } else {
            None
        };
        let objective = self.objective;
        let why = says_little.as_deref();
        let why_not_own = why.unwrap_or("its held-out scores tell nothing");
        match self.basis {
            Basis::Own | Basis::Given | Basis::Exclusive => None,
            Basis::Shared => Some(format!(
                "label `{label}`: {why_not_own}, so it takes the threshold that suits all labels together"
            )),
            Basis::Default => Some(format!(
                "label `{label}`: {why_not_own}, and those of all labels together are no help, so \
                 its threshold is 0.5"
            )),
            Basis::Unreached => Some(match why {
                None => format!(
                    "label `{label}`: no threshold reaches {objective}, so its answer is always no"
                ),
                Some(why) => format!(
                    "label `{label}`: {why}, and on those of all labels together no threshold \
                     reaches {objective}, so its answer is always no"
                ),
            }),
        }
    }
}

fn check(questions: &Questions, logits: &Logits, cells: &[Cell]) -> Result<(), TuneError> {
    let labels = questions.labels();
    let rows = cells.chunks_exact(labels.len()).enumerate();
    for (row, cells) in rows {
        for (label, &logit) in logits.row(row).iter().enumerate() {
            let is_known = |label: &usize| cells[*label] != Cell::Unknown;
            // One broken logit breaks the chances of its whole group.
            let counts = match questions.group_of(label) {
                Some(group) => group.members.iter().any(is_known),
                None => is_known(&label),
            };
            if counts && !logit.is_finite() {
                return Err(TuneError::NotFinite {
                    row: row + 1,
                    label: labels[label].clone(),
                    found: logit,
                });
            }
        }
    }
    if cells.iter().all(|cell| *cell == Cell::Unknown) {
        return Err(TuneError::NothingKnown);
    }
    Ok(())
}

/// The part of each row: as many of each as can be, in random order.
fn folds(rows: usize, seed: u64) -> Vec<u16> {
    let mut folds: Vec<u16> = (0..FOLDS).cycle().take(rows).collect();
    random::shuffle(random::key(seed, &[PURPOSE]), &mut folds);
    folds
}

impl Task<'_> {
    fn label_tuning(
        &self,
        label: usize,
        decisions: &Decisions,
        measured: &Measured,
        calibration_figures: BeforeAndAfter,
    ) -> LabelTuning {
        let (objective, ranked) = (self.objectives[label], &self.ranked[label]);
        let decision = &decisions.labels[label];
        let basis = decision.basis;
        let on_tuning_rows = DecisionFigures::of(measured.on_tuning_rows, objective);
        let cross_fitted = DecisionFigures::of(measured.cross_fitted, objective);
        let key = random::key(self.options.seed, &[PURPOSE, label as u64]);
        let is_to_hold = objective.is_guaranteed();
        let obstacle = self.obstacle(label, basis).filter(|_| is_to_hold);
        LabelTuning {
            label: decision.label.clone(),
            known: ranked.cells().len(),
            positives: ranked.positives(),
            objective,
            threshold: decision.threshold,
            basis,
            guaranteed: is_to_hold.then(|| obstacle.is_none()),
            obstacle,
            calibration: decision.calibration.name(),
            optimism: on_tuning_rows
                .objective
                .zip(cross_fitted.objective)
                .map(|(here, fresh)| here - fresh),
            interval: figures::interval(measured.cross_fitted, key, |counts| {
                objective.figure(counts)
            }),
            on_tuning_rows,
            cross_fitted,
            calibration_figures,
            unsure: decision.unsure.map(|band| measured.band(band)),
        }
    }

    fn exclusive_tunings(
        &self,
        decisions: &Decisions,
        figures: &[GroupFigures],
        right: &[usize],
    ) -> Vec<ExclusiveTuning> {
        let groups = self.questions.exclusive().iter().zip(&self.settled);
        let groups = groups.zip(figures.iter().zip(right));
        let name = |&label: &usize| self.questions.labels()[label].clone();
        groups
            .map(|((group, rows), (&log_loss, &right))| ExclusiveTuning {
                name: group.name.clone(),
                labels: group.members.iter().map(name).collect(),
                at_most_one: group.at_most_one,
                settled: rows.len(),
                accuracy: share(right, rows.len()),
                temperature: match decisions.labels[group.members[0]].calibration {
                    Calibration::Temperature { temperature } => Some(temperature),
                    _ => None,
                },
                log_loss,
            })
            .collect()
    }
}

impl DecisionFigures {
    fn of(counts: Counts, objective: Objective) -> Self {
        Self {
            precision: counts.precision(),
            recall: counts.recall(),
            f1_score: counts.f1(),
            objective: objective.figure(counts),
        }
    }
}

impl TuningSummary {
    fn of(labels: &[LabelTuning], measured: &[Measured]) -> Self {
        let counts: Vec<Counts> = measured.iter().map(|label| label.cross_fitted).collect();
        let figures = |side: fn(&BeforeAndAfter) -> &CalibrationFigures| {
            CalibrationFigures::mean(labels.iter().map(|label| side(&label.calibration_figures)))
        };
        Self {
            macro_f1_on_tuning_rows: mean(labels.iter().map(|label| label.on_tuning_rows.f1_score)),
            macro_f1: mean(labels.iter().map(|label| label.cross_fitted.f1_score)),
            micro_f1: total(&counts).f1(),
            weighted_f1: weighted_mean(counts.iter().map(|counts| (counts.f1(), counts.support()))),
            calibration_figures: BeforeAndAfter {
                raw: figures(|both| &both.raw),
                calibrated: figures(|both| &both.calibrated),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use Cell::{No, Unknown, Yes};
    use proptest::prelude::*;

    use super::*;
    use crate::decisions::Answer;
    use crate::decisions::objective::positives_for_guarantee;
    use crate::questions::tests::{cells as cells_of, questions};
    use crate::scores::sigmoid;

    fn options(objective: &str) -> TuneOptions {
        TuneOptions {
            objective: objective.parse().unwrap(),
            ..TuneOptions::default()
        }
    }

    fn free(n_labels: usize) -> Questions {
        let labels: Vec<String> = (0..n_labels)
            .map(|label| format!("label {label}"))
            .collect();
        Questions::independent(&labels)
    }

    fn tuned(logits: &Logits, cells: &[Cell], options: &TuneOptions) -> Tuning {
        let questions = free(logits.n_labels());
        tune(&questions, logits, cells, options, &Pool::new(2)).unwrap()
    }

    /// The chances of independent questions.
    fn chances_of(tuning: &Tuning, logits: &Logits) -> crate::scores::Probabilities {
        let questions = free(logits.n_labels());
        tuning
            .decisions
            .calibrate(&questions, logits)
            .probabilities()
    }

    fn answers_of(tuning: &Tuning, logits: &Logits) -> Vec<Answer> {
        let probabilities = chances_of(tuning, logits);
        tuning
            .decisions
            .answers(&free(logits.n_labels()), &probabilities)
    }

    /// Rows of `rates.len()` labels: cells that are yes at the rate of their label, and logits
    /// that are right about them by and large.
    fn drawn(rows: usize, rates: &[f64], seed: u64) -> (Logits, Vec<Cell>) {
        let (mut logits, mut cells) = (Vec::new(), Vec::new());
        for place in 0..rows * rates.len() {
            let yes =
                random::uniform(random::key(seed, &[1]), place as u64) < rates[place % rates.len()];
            let noise = random::normal(random::key(seed, &[2]), place as u64);
            logits.push((if yes { 1.0 } else { -1.0 } + 1.5 * noise) as f32);
            cells.push(if yes { Yes } else { No });
        }
        (Logits::new(logits, rates.len()), cells)
    }

    /// Counts of `threshold` on label 0.
    fn counts_at(tuning: &Tuning, logits: &Logits, cells: &[Cell], threshold: f32) -> Counts {
        let probabilities = chances_of(tuning, logits);
        let mut counts = Counts::default();
        for row in 0..logits.rows() {
            let decision = probabilities.row(row)[0] >= threshold;
            counts.add(decision, cells[row * logits.n_labels()]);
        }
        counts
    }

    #[test]
    fn no_threshold_serves_its_objective_better_on_the_tuning_rows() {
        for objective in [
            "f1",
            "f-beta=2",
            "precision>=0.8",
            "recall>=0.9",
            "cost=1:5",
        ] {
            for seed in 0..5 {
                let (logits, cells) = drawn(150, &[0.3], seed);
                let tuning = tuned(&logits, &cells, &options(objective));
                let label = &tuning.labels[0];
                let counts = |threshold| counts_at(&tuning, &logits, &cells, threshold);
                // What is asked of the counts, independent of `Objective::worth`.
                let goodness = |counts: Counts| match objective {
                    "f1" => counts.f1(),
                    "f-beta=2" => counts.f_beta(2.0),
                    "precision>=0.8" => {
                        let is_allowed = counts.precision().is_some_and(|p| p >= 0.8);
                        is_allowed.then_some(counts.tp as f64)
                    }
                    "recall>=0.9" => {
                        let is_allowed = counts.recall().is_some_and(|r| r >= 0.9);
                        is_allowed.then_some(-((counts.tp + counts.fp) as f64))
                    }
                    _ => Some(-((counts.fp + 5 * counts.fn_) as f64)),
                };
                let chosen = goodness(counts(label.threshold.unwrap())).unwrap();
                let probabilities = chances_of(&tuning, &logits);
                for threshold in probabilities.values().iter().copied().chain([1.1]) {
                    if let Some(other) = goodness(counts(threshold)) {
                        assert!(chosen >= other, "{objective}, seed {seed}: {threshold}");
                    }
                }
                assert_eq!(label.basis, Basis::Own);
            }
        }
    }

    #[test]
    fn micro_f1_is_the_highest_of_all_pairs_of_thresholds() {
        for seed in 0..5 {
            let (logits, cells) = drawn(60, &[0.5, 0.25], seed);
            let tuning = tuned(&logits, &cells, &options("micro-f1"));
            let probabilities = chances_of(&tuning, &logits);
            let micro = |thresholds: [f32; 2]| {
                let mut counts = Counts::default();
                for (place, cell) in cells.iter().enumerate() {
                    counts.add(
                        probabilities.values()[place] >= thresholds[place % 2],
                        *cell,
                    );
                }
                counts.f1().unwrap()
            };
            let chosen = micro([0, 1].map(|label| tuning.labels[label].threshold.unwrap()));
            for a in 0..60 {
                for b in 0..60 {
                    let other = [probabilities.row(a)[0], probabilities.row(b)[1]];
                    assert!(chosen >= micro(other) - 1e-12, "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn a_precision_that_nothing_reaches_is_always_no() {
        let logits = Logits::new((0..40).map(|i| i as f32).collect(), 1);
        // The highest logit is a no, and so is every second one.
        let cells: Vec<Cell> = (0..40).map(|i| if i % 2 == 0 { Yes } else { No }).collect();
        let tuning = tuned(&logits, &cells, &options("precision>=0.9"));
        let label = &tuning.labels[0];
        assert_eq!(label.basis, Basis::Unreached);
        assert!(label.threshold > Some(1.0));
        let answers = answers_of(&tuning, &logits);
        assert!(answers.iter().all(|answer| *answer == Answer::No));
    }

    #[test]
    fn few_yes_cells_share_the_threshold_of_all_labels() {
        let (logits, mut cells) = drawn(400, &[0.4, 0.4], 3);
        let mut seen = 0;
        for cell in cells.iter_mut().skip(1).step_by(2) {
            if *cell == Yes {
                seen += 1;
                *cell = if seen <= 9 { Yes } else { No };
            }
        }
        let label = |options: &TuneOptions| tuned(&logits, &cells, options).labels[1].clone();
        let shared = label(&options("f1"));
        assert_eq!((shared.positives, shared.basis), (9, Basis::Shared));
        assert_eq!(shared.calibration, "temperature");
        let guaranteed = label(&options("recall>=0.9,guaranteed"));
        assert_eq!(
            (guaranteed.basis, guaranteed.guaranteed),
            (Basis::Own, Some(true))
        );
        let too_few = label(&options("recall>=0.95,guaranteed"));
        assert_eq!(
            (too_few.basis, too_few.guaranteed),
            (Basis::Shared, Some(false))
        );
        let given = label(&options("fixed=0.25"));
        assert_eq!((given.basis, given.threshold), (Basis::Given, Some(0.25)));
    }

    #[test]
    fn a_guarantee_is_not_claimed_where_implications_undo_it() {
        let (logits, cells) = drawn(400, &[0.4, 0.4, 0.4], 3);
        let mut cells = cells;
        for row in cells.chunks_mut(3) {
            // `a` holds only where `b` does.
            if row[1] == No {
                row[0] = No;
            }
        }
        let options = options("recall>=0.9,guaranteed");
        let tuned = |implies: &[&str]| {
            let questions = questions("a,b,c", &[], implies);
            tune(&questions, &logits, &cells, &options, &Pool::new(1)).unwrap()
        };
        let guaranteed = |tuning: &Tuning| {
            let labels = tuning.labels.iter();
            labels.map(|label| label.guaranteed).collect::<Vec<_>>()
        };
        assert_eq!(guaranteed(&tuned(&[])), [Some(true); 3]);
        let mut implied = tuned(&["a:b"]);
        assert_eq!(
            guaranteed(&implied),
            [Some(false), Some(true), Some(true)],
            "a cause sinks, a consequence stays"
        );
        let expected = "label `a`: no guarantee of recall 0.9, as implications let other labels \
                        change its answer";
        assert_eq!(implied.warnings(), [expected]);

        implied.of_other_models();
        assert_eq!(guaranteed(&implied), [Some(false); 3]);
        assert_eq!(implied.warnings()[0], expected);
        let expected = "label `b`: no guarantee of recall 0.9, as its threshold is for the scores of \
                        the folds' models, and another model answers";
        assert_eq!(implied.warnings()[1], expected);
    }

    #[test]
    fn a_guaranteed_recall_is_not_left_unsure() {
        let (logits, cells) = drawn(1_000, &[0.3], 3);
        let options = |objective| TuneOptions {
            unsure: Some("0.9,0.99".parse().unwrap()),
            ..options(objective)
        };
        let guaranteed = tuned(&logits, &cells, &options("recall>=0.95,guaranteed"));
        let (label, band) = (&guaranteed.labels[0], guaranteed.labels[0].unsure.unwrap());
        assert_eq!(label.guaranteed, Some(true));
        assert_eq!(Some(band.to), label.threshold);
        assert!(band.from < band.to);
        let other = tuned(&logits, &cells, &options("recall>=0.95")).labels[0].clone();
        assert!(Some(other.unsure.unwrap().to) > other.threshold);
    }

    #[test]
    fn each_fold_is_calibrated_by_the_method_of_all_rows() {
        let of = |n, yes| {
            let logit = |i| ((i * 7) % 11) as f32 - if i < yes { 3.0 } else { 7.0 };
            let logits = (0..n).map(logit).collect();
            let cells = (0..n).map(|i| if i < yes { Yes } else { No });
            (Logits::new(logits, 1), cells.collect::<Vec<_>>())
        };
        let cases = [
            ("isotonic", 1_000, 300),
            ("isotonic", 999, 300),
            ("platt", 500, 20),
            ("platt", 500, 19),
            ("beta", 40, 20),
        ];
        for (method, n, yes) in cases {
            let (logits, cells) = of(n, yes);
            let options = TuneOptions {
                calibration: serde_json::from_value(method.into()).unwrap(),
                ..options("f1")
            };
            let (questions, pool) = (free(1), Pool::new(1));
            let task = task(&questions, &logits, &cells, &options, &pool).unwrap();
            let name = |left_out| task.calibrations(left_out)[0].name();
            for fold in 0..FOLDS {
                assert_eq!(name(Some(fold)), name(None), "{method}, {yes} of {n}");
            }
        }
    }

    #[test]
    fn a_fold_without_a_guarantee_finds_all_its_yes_cells() {
        // Nine yes cells suffice for 0.9; without a fold there are fewer.
        let mut cells = vec![No; 100];
        cells[..9].fill(Yes);
        let logits = (0..100).map(|i| if i < 9 { i as f32 } else { -(i as f32) });
        let logits = Logits::new(logits.collect(), 1);
        let (questions, pool) = (free(1), Pool::new(1));
        let options = options("recall>=0.9,guaranteed");
        let task = task(&questions, &logits, &cells, &options, &pool).unwrap();
        for fold in 0..FOLDS {
            let label = &task.decisions(vec![Calibration::None], Some(fold)).labels[0];
            let yes = (0..9).filter(|&row| task.folds[row] != fold);
            let lowest = yes
                .map(|row| sigmoid(row as f64) as f32)
                .fold(1.0, f32::min);
            assert_eq!(label.basis, Basis::Own);
            let threshold = label.threshold.unwrap();
            assert!(
                threshold <= lowest && threshold > 0.4 * lowest,
                "{threshold}"
            );
        }
    }

    #[test]
    fn a_rare_label_never_falls_short_of_the_precision_that_was_asked_for() {
        // The highest of each label is a no, so no threshold has a precision of 0.9; the second
        // label has too few yes cells to say so itself.
        let row = |i: usize| [i as f32, -(i as f32)];
        let logits = Logits::new((0..60).flat_map(row).collect(), 2);
        let cells: Vec<Cell> = (0..60)
            .flat_map(|i| {
                let common = if i % 2 == 0 { Yes } else { No };
                [common, if i % 20 == 9 { Yes } else { No }]
            })
            .collect();
        let none = TuneOptions {
            calibration: CalibrationMethod::None,
            ..options("precision>=0.9")
        };
        let tuning = tuned(&logits, &cells, &none);
        let rare = &tuning.labels[1];
        assert_eq!((rare.positives, rare.basis), (3, Basis::Unreached));
        assert!(rare.threshold > Some(1.0));
        let expected = "label `label 1`: only 3 held-out cells say yes, and on those of all labels \
                        together no threshold reaches precision>=0.9, so its answer is always no";
        assert!(
            tuning.warnings().contains(&expected.to_owned()),
            "{:?}",
            tuning.warnings()
        );
        // Where all labels together say too little, nothing is known.
        let cells = [[Yes; 4].as_slice(), &[No; 4], &[Unknown; 32]].concat();
        let few = tuned(&Logits::new(vec![0.5; 40], 2), &cells, &none);
        assert_eq!(few.labels[1].basis, Basis::Default);
    }

    #[test]
    fn a_label_that_is_never_no_is_said_to_be_so() {
        let logits: Vec<f32> = (0..60).map(|i| i as f32).collect();
        let tuning = tuned(&Logits::new(logits, 1), &[Yes; 60], &options("f1"));
        let expected = "label `label 0`: no held-out cell says no, and";
        assert!(
            tuning.warnings()[0].starts_with(expected),
            "{:?}",
            tuning.warnings()
        );
    }

    #[test]
    fn an_interval_stands_beside_the_figure_that_it_is_of() {
        let (logits, cells) = drawn(400, &[0.3], 3);
        let text = |objective| {
            let mut out = Vec::new();
            let tuning = tuned(&logits, &cells, &options(objective));
            tuning.write_text(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let of_label = |text: &str| {
            let lines = text.lines().filter(|line| line.contains("label 0"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        for objective in ["f1", "micro-f1", "fixed=0.5"] {
            let text = text(objective);
            assert!(
                !text.contains("objective") && !text.contains("micro-f1"),
                "{text}"
            );
            assert!(of_label(&text)[0].contains(" to "), "{text}");
        }
        for objective in ["recall>=0.9,guaranteed", "f-beta=2", "cost=1:5"] {
            let text = text(objective);
            let lines = of_label(&text);
            assert!(!lines[0].contains(" to "), "{text}");
            let figures = lines[1].split_once(objective).unwrap().1;
            let figures: Vec<&str> = figures.split_whitespace().collect();
            assert!(figures.len() == 5 && figures[2] == "to", "{text}");
            let [figure, low, high] = [0, 1, 3].map(|i| figures[i].parse::<f64>().unwrap());
            assert!(low <= figure && figure <= high, "{text}");
            assert!(text.lines().all(|line| line.len() <= 90), "{text}");
        }
    }

    #[test]
    fn an_objective_of_a_label_goes_before_that_of_all() {
        let (logits, cells) = drawn(300, &[0.3, 0.3], 1);
        let mut options = options("f1");
        options
            .objective_of
            .insert("label 1".into(), "fixed=0.75".parse().unwrap());
        let tuning = tuned(&logits, &cells, &options);
        assert_eq!(tuning.decisions.thresholds()[1], Some(0.75));
        assert_eq!(tuning.labels[0].objective, F1);
        options.objective_of.insert("lable 1".into(), F1);
        let error = tune(&free(2), &logits, &cells, &options, &Pool::new(1)).unwrap_err();
        let message = "an objective is given for label `lable 1`; labels are label 0, label 1";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn rows_that_tell_nothing_are_no_crash_and_no_nan() {
        let cases: [(&str, Vec<f32>, Vec<Cell>); 6] = [
            ("one row", vec![0.3, -2.0], vec![Yes, No]),
            ("no yes", vec![0.1; 60], vec![No; 60]),
            ("no no", vec![0.1; 60], vec![Yes; 60]),
            (
                "equal scores",
                vec![-1.0; 60],
                [vec![Yes; 20], vec![No; 40]].concat(),
            ),
            (
                "far scores",
                [[1e30_f32; 30], [-1e30; 30]].concat(),
                [vec![Yes; 30], vec![No; 30]].concat(),
            ),
            (
                "one known cell",
                vec![0.5; 8],
                [vec![Unknown; 7], vec![Yes]].concat(),
            ),
        ];
        for (name, logits, cells) in cases {
            let logits = Logits::new(logits, 2);
            for method in ["platt", "temperature", "beta", "isotonic", "none"] {
                let options = TuneOptions {
                    calibration: serde_json::from_value(method.into()).unwrap(),
                    unsure: Some("0.9".parse().unwrap()),
                    ..options("f1")
                };
                let tuning = tuned(&logits, &cells, &options);
                assert_eq!(tuning.decisions.flaw(&free(2)), None, "{name}, {method}");
                let json = serde_json::to_string(&(&tuning, &tuning.decisions)).unwrap();
                assert!(
                    !json.contains("NaN") && !json.contains("inf"),
                    "{name}, {method}: {json}"
                );
                let calibrated = tuning.decisions.calibrate(&free(2), &logits);
                assert!(
                    calibrated.values().iter().all(|z| !z.is_nan()),
                    "{name}, {method}"
                );
            }
        }
        let nothing = Logits::new(vec![0.5; 4], 2);
        let error = tune(
            &free(2),
            &nothing,
            &[Unknown; 4],
            &options("f1"),
            &Pool::new(1),
        );
        assert_eq!(error.unwrap_err(), TuneError::NothingKnown);
    }

    #[test]
    fn a_logit_that_is_no_number_is_named() {
        let logits = Logits::new(vec![f32::NAN, 1.0, 2.0, f32::INFINITY], 2);
        let error = |cells: [Cell; 4]| {
            let result = tune(&free(2), &logits, &cells, &options("f1"), &Pool::new(1));
            result.unwrap_err().to_string()
        };
        let message = "row 2: the logit of label `label 1` is inf; expected a finite number";
        assert_eq!(error([Unknown, Yes, No, Yes]), message);
        assert!(
            error([Yes, Yes, No, Yes]).starts_with("row 1: the logit of label `label 0` is NaN")
        );
    }

    #[test]
    fn scores_that_tell_nothing_do_not_say_yes_to_all() {
        let cells: Vec<Cell> = (0..200)
            .map(|i| if i % 4 == 0 { Yes } else { No })
            .collect();
        let tuning = tuned(&Logits::new(vec![0.7; 200], 1), &cells, &options("f1"));
        let label = &tuning.labels[0];
        assert_eq!((label.basis, label.threshold), (Basis::Default, Some(0.5)));
    }

    #[test]
    fn cross_fitting_sees_the_optimism_that_the_tuning_rows_hide() {
        let optimism = |seed| {
            let (logits, cells) = drawn(120, &[0.15], seed);
            tuned(&logits, &cells, &options("f1")).labels[0]
                .optimism
                .unwrap()
        };
        let mean = (0..40).map(optimism).sum::<f64>() / 40.0;
        assert!(mean > 0.02, "{mean}");
    }

    #[test]
    fn a_bold_network_is_calibrated_and_its_own_figures_show_it() {
        let (logits, cells) = drawn(4_000, &[0.3], 11);
        let bold = Logits::new(logits.values().iter().map(|z| 6.0 * z).collect(), 1);
        let tuning = tuned(&bold, &cells, &options("f1"));
        let BeforeAndAfter { raw, calibrated } = tuning.labels[0].calibration_figures;
        assert!(raw.ece.unwrap() > 0.1, "{raw:?}");
        assert!(calibrated.ece.unwrap() < 0.03, "{calibrated:?}");
        assert!(calibrated.log_loss < raw.log_loss && calibrated.brier < raw.brier);
    }

    #[test]
    fn a_band_is_as_precise_on_fresh_rows_as_was_asked() {
        let (logits, cells) = drawn(4_000, &[0.3], 5);
        let options = TuneOptions {
            unsure: Some("0.9".parse().unwrap()),
            ..options("f1")
        };
        let tuning = tuned(&logits, &cells, &options);
        let band = tuning.labels[0].unsure.unwrap();
        assert!(band.share.unwrap() > 0.05, "{band:?}");
        // Four standard errors at some 500 answers.
        assert!(
            band.yes_precision.unwrap() > 0.85 && band.no_precision.unwrap() > 0.88,
            "{band:?}"
        );
        let probabilities = chances_of(&tuning, &logits);
        let answers = answers_of(&tuning, &logits);
        for (answer, &p) in answers.iter().zip(probabilities.values()) {
            let expected = match () {
                () if p >= band.to => Answer::Yes,
                () if p < band.from => Answer::No,
                () => Answer::Unsure,
            };
            assert_eq!(*answer, expected);
        }
    }

    /// Mean recall on fresh rows over 200 draws of tuning rows, and its standard error.
    fn recall_on_fresh_rows(rows: usize, objective: &str) -> (f64, f64) {
        let (fresh, truth) = drawn(2_000, &[0.3], 999);
        let (options, pool) = (options(objective), Pool::new(1));
        let recall = |seed| {
            let (logits, cells) = drawn(rows, &[0.3], seed);
            // The decisions that `tune` makes, without its cross-fitting.
            let questions = free(1);
            let task = task(&questions, &logits, &cells, &options, &pool).unwrap();
            let label = &task.decisions(task.calibrations(None), None).labels[0];
            let mut counts = Counts::default();
            for (logit, cell) in fresh.values().iter().zip(&truth) {
                let p = sigmoid(label.calibration.apply(*logit).into()) as f32;
                counts.add(Some(p) >= label.threshold, *cell);
            }
            counts.recall().unwrap()
        };
        let recalls: Vec<f64> = (0..200).map(recall).collect();
        let mean = recalls.iter().sum::<f64>() / 200.0;
        let variance = recalls.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / 199.0;
        (mean, (variance / 200.0).sqrt())
    }

    #[test]
    fn a_guaranteed_recall_holds_on_fresh_rows() {
        for (objective, at_least) in [
            ("recall>=0.9,guaranteed", 0.9),
            ("recall>=0.8,guaranteed", 0.8),
        ] {
            let (mean, error) = recall_on_fresh_rows(120, objective);
            assert!(
                mean >= at_least - 2.0 * error,
                "{objective}: {mean} with error {error}"
            );
            // And it is not bought with a yes to everything.
            assert!(mean < at_least + 0.06, "{objective}: {mean}");
        }
        // Without the guarantee the mean is below.
        let (mean, error) = recall_on_fresh_rows(120, "recall>=0.9");
        assert!(mean < 0.9 + 2.0 * error, "{mean}");
        assert_eq!(positives_for_guarantee(0.9), Some(9));
    }

    #[test]
    fn the_same_seed_tunes_the_same_at_any_number_of_threads() {
        let (logits, cells) = drawn(200, &[0.3, 0.1, 0.02], 2);
        let questions = free(3);
        let tune = |threads, seed| {
            let options = TuneOptions {
                seed,
                ..options("f1")
            };
            tune(&questions, &logits, &cells, &options, &Pool::new(threads)).unwrap()
        };
        assert_eq!(tune(1, 0), tune(4, 0));
        assert_eq!(tune(1, 0).decisions, tune(1, 1).decisions);
    }

    proptest! {
        #[test]
        fn an_unknown_cell_is_as_good_as_none(
            rows in prop::collection::vec((-20i8..20, 0u8..3), 30..80)
        ) {
            let cell = |code: u8| [No, Yes, Unknown][code as usize];
            let logits = rows.iter().map(|(z, _)| f32::from(*z) / 4.0).collect();
            let cells: Vec<Cell> = rows.iter().map(|(_, code)| cell(*code)).collect();
            let known: Vec<_> = rows.iter().filter(|(_, code)| *code < 2).collect();
            prop_assume!(!known.is_empty());
            let known_logits = known.iter().map(|(z, _)| f32::from(*z) / 4.0).collect();
            let known_cells: Vec<Cell> = known.iter().map(|(_, code)| cell(*code)).collect();
            let (logits, known_logits) = (Logits::new(logits, 1), Logits::new(known_logits, 1));
            for calibration in [CalibrationMethod::None, CalibrationMethod::Platt] {
                let options = TuneOptions { calibration, ..options("f1") };
                let all = tuned(&logits, &cells, &options);
                let alone = tuned(&known_logits, &known_cells, &options);
                // Rows without a known cell have their place in the folds too, which may decide
                // whether a calibration is kept.
                if all.labels[0].calibration == alone.labels[0].calibration {
                    prop_assert_eq!(&all.decisions.labels, &alone.decisions.labels);
                    prop_assert_eq!(all.labels[0].on_tuning_rows, alone.labels[0].on_tuning_rows);
                }
            }
        }

        #[test]
        fn a_threshold_moves_with_the_logits(shift in -3i8..3, seed in 0u64..20) {
            // A rising map of the logits changes no decision.
            let (logits, cells) = drawn(200, &[0.3], seed);
            let moved = logits.values().iter().map(|z| 2.0 * z + f32::from(shift)).collect();
            let moved = Logits::new(moved, 1);
            let answers = |logits: &Logits| {
                answers_of(&tuned(logits, &cells, &options("f1")), logits)
            };
            prop_assert_eq!(answers(&logits), answers(&moved));
        }
    }

    #[test]
    fn a_calibration_is_kept_where_it_helps_fresh_rows_and_nowhere_else() {
        let log_losses = |tuning: &Tuning| {
            let figures = tuning.labels[0].calibration_figures;
            [figures.raw, figures.calibrated].map(|figures| figures.log_loss.unwrap())
        };
        // Chances as the logits say (`z`), or as a network says that is three times too bold.
        let draw = |rows: u64, boldness: f64, seed| {
            let z = |row: u64| 2.0 * random::normal(random::key(seed, &[1]), row);
            let yes = |row: u64| random::uniform(random::key(seed, &[2]), row) < sigmoid(z(row));
            let logits = (0..rows).map(|row| (boldness * z(row)) as f32).collect();
            let cells = (0..rows).map(|row| if yes(row) { Yes } else { No });
            tuned(
                &Logits::new(logits, 1),
                &cells.collect::<Vec<_>>(),
                &options("f1"),
            )
        };
        let mut left_alone = 0;
        for seed in 0..20 {
            let bold = draw(400, 3.0, seed);
            assert_eq!(bold.labels[0].calibration, "platt");
            let [raw, calibrated] = log_losses(&bold);
            assert!(calibrated < raw);

            let right = draw(60, 1.0, seed);
            let [raw, calibrated] = log_losses(&right);
            if right.labels[0].calibration == "none" {
                left_alone += 1;
                assert_eq!(raw, calibrated);
                assert_eq!(right.decisions.labels[0].calibration, Calibration::None);
            } else {
                assert!(calibrated < raw);
            }
        }
        assert!(left_alone > 10, "{left_alone} of 20");
    }

    #[test]
    fn calibrated_logits_of_a_calibrated_network_stay() {
        let rows = 20_000;
        let logits: Vec<f32> = (0..rows)
            .map(|i| (i as f32 / rows as f32) * 8.0 - 4.0)
            .collect();
        let cells: Vec<Cell> = (0..rows)
            .map(|i| {
                let yes = random::uniform(8, i as u64) < sigmoid(logits[i].into());
                if yes { Yes } else { No }
            })
            .collect();
        let tuning = tuned(&Logits::new(logits, 1), &cells, &options("f1"));
        for z in [-3.0_f32, 0.0, 3.0] {
            let calibrated = tuning.decisions.labels[0].calibration.apply(z);
            assert!((calibrated - z).abs() < 0.2, "{z}: {calibrated}");
        }
    }

    /// Rows of an exclusive group of three labels and one label of its own, with the logits of a
    /// network that is `boldness` times too bold about the group.
    fn with_a_group(questions: &Questions, rows: usize, boldness: f32) -> (Logits, Vec<Cell>) {
        let group = &questions.exclusive()[0];
        let (mut logits, mut cells) = (Vec::new(), Vec::new());
        for row in 0..rows as u64 {
            let mut own: Vec<f32> = (0..4)
                .map(|label| 1.5 * random::normal(random::key(5, &[label]), row) as f32)
                .collect();
            let log_odds = Logits::new(own.clone(), 4).log_odds(questions);
            let mut said = cells_of("nnnn");
            let mut left = random::uniform(6, row);
            for &label in &group.members {
                let chance = sigmoid(log_odds.row(0)[label].into());
                if (0.0..chance).contains(&left) {
                    said[label] = Yes;
                }
                left -= chance;
            }
            if random::uniform(7, row) < sigmoid(own[3].into()) {
                said[3] = Yes;
            }
            for &label in &group.members {
                own[label] *= boldness;
            }
            logits.extend(own);
            cells.extend(said);
        }
        (Logits::new(logits, 4), cells)
    }

    #[test]
    fn a_group_has_a_temperature_and_no_thresholds() {
        for group in ["g?=a,b,c", "g=a,b,c"] {
            let questions = questions("a,b,c,free", &[group], &[]);
            let (logits, cells) = with_a_group(&questions, 3_000, 3.0);
            let cells = match group {
                // Rounding may have left a row without a yes.
                "g=a,b,c" => {
                    let rows = cells.chunks(4);
                    assert!(rows.clone().all(|row| row[..3].contains(&Yes)));
                    cells
                }
                _ => cells,
            };
            let tuned = |options: &TuneOptions| {
                tune(&questions, &logits, &cells, options, &Pool::new(2)).unwrap()
            };
            let tuning = tuned(&options("f1"));
            assert_eq!(tuning.decisions.flaw(&questions), None);
            let thresholds = tuning.decisions.thresholds();
            assert!(thresholds[..3] == [None; 3] && thresholds[3].is_some());
            let of_group = &tuning.exclusive[0];
            assert!(
                (of_group.temperature.unwrap() - 3.0).abs() < 0.4,
                "{of_group:?}"
            );
            assert!(of_group.log_loss.calibrated < of_group.log_loss.raw);
            assert_eq!(of_group.settled, 3_000);
            // The figures of a label are those of its own chance in the group.
            let BeforeAndAfter { raw, calibrated } = tuning.labels[1].calibration_figures;
            assert!(calibrated.log_loss < raw.log_loss && calibrated.ece < raw.ece);
            assert_eq!(tuning.labels[1].basis, Basis::Exclusive);

            let none = tuned(&TuneOptions {
                calibration: CalibrationMethod::None,
                ..options("f1")
            });
            assert_eq!(none.exclusive[0].temperature, None);
            // A temperature changes no answer of a group.
            assert_eq!(none.exclusive[0].accuracy, of_group.accuracy);
            let mut text = Vec::new();
            tuning.write_text(&mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert!(
                text.contains("~ the likeliest of its exclusive group"),
                "{text}"
            );
            assert!(text.contains("\n              g    3000  "), "{text}");
        }
    }

    #[test]
    fn a_temperature_that_does_not_help_a_group_is_not_kept() {
        let questions = questions("a,b,c,free", &["g?=a,b,c"], &[]);
        let kept = |rows, boldness| {
            let (logits, cells) = with_a_group(&questions, rows, boldness);
            let tuning = tune(&questions, &logits, &cells, &options("f1"), &Pool::new(1));
            let group = tuning.unwrap().exclusive.remove(0);
            let GroupFigures { raw, calibrated } = group.log_loss;
            assert_eq!(group.temperature.is_some(), calibrated < raw, "{rows}");
            group.temperature.is_some()
        };
        assert!(kept(400, 3.0));
        let helps = (40..80).filter(|&rows| kept(rows, 1.0)).count();
        assert!(helps < 20, "{helps} of 40");
    }

    #[test]
    fn a_group_is_unsure_as_often_as_its_target_asks() {
        let questions = questions("a,b,c,free", &["g?=a,b,c"], &[]);
        let (logits, cells) = with_a_group(&questions, 4_000, 2.0);
        let options = TuneOptions {
            unsure: Some("0.8".parse().unwrap()),
            ..options("f1")
        };
        let tuning = tune(&questions, &logits, &cells, &options, &Pool::new(2)).unwrap();
        assert_eq!(tuning.decisions.flaw(&questions), None);
        let probabilities = tuning
            .decisions
            .calibrate(&questions, &logits)
            .probabilities();
        let answers = tuning.decisions.answers(&questions, &probabilities);
        let (mut sure, mut right) = (0, 0);
        for (answers, cells) in answers.chunks(4).zip(cells.chunks(4)) {
            if answers[..3].contains(&Answer::Unsure) {
                continue;
            }
            sure += 1;
            let agree =
                |(answer, cell): (&Answer, &Cell)| (*answer == Answer::Yes) == (*cell == Yes);
            right += usize::from(answers[..3].iter().zip(&cells[..3]).all(agree));
        }
        assert!(sure > 500, "{sure}");
        let precision = f64::from(right as u32) / f64::from(sure);
        assert!((precision - 0.8).abs() < 0.01, "{precision}");
        let band = tuning.labels[0].unsure.unwrap();
        assert!(
            band.from == 0.0 && band.yes_precision.unwrap() > 0.75,
            "{band:?}"
        );
    }

    #[test]
    fn an_objective_of_a_label_in_a_group_is_refused() {
        let questions = questions("a,b", &["g=a,b"], &[]);
        let mut options = options("recall>=0.9");
        assert_eq!(options.check(&questions), Ok(()));
        options.objective_of.insert("a".into(), F1);
        let error = options.check(&questions).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`a`, which is in the exclusive group `g`")
        );
        assert!(error.hint().unwrap().contains("--unsure"));
        // As decisions of another model say it.
        options
            .objective_of
            .insert("a".into(), Objective::Likeliest);
        assert_eq!(options.check(&questions), Ok(()));
    }

    #[test]
    fn thresholds_are_chosen_on_chances_that_agree_with_implications() {
        let implied = questions("a,b", &[], &["a:b"]);
        // `a` is scored high everywhere and true where `b` is, which its scores do not tell.
        let yes = |row: u64| random::uniform(1, row) < 0.4;
        let logits = (0..800).flat_map(|row| {
            let own = random::normal(2, row) as f32 + 3.0;
            [
                own,
                if yes(row) { 2.0 } else { -2.0 } + random::normal(3, row) as f32,
            ]
        });
        let cells: Vec<Cell> = (0..800)
            .flat_map(|row| [if yes(row) { Yes } else { No }; 2])
            .collect();
        let logits = Logits::new(logits.collect(), 2);
        // With the network's own chances: a calibration would see that `a` is too high.
        let options = TuneOptions {
            calibration: CalibrationMethod::None,
            ..options("f1")
        };
        let tune = |questions: &Questions| {
            tune(questions, &logits, &cells, &options, &Pool::new(2)).unwrap()
        };
        let (free, implied) = (tune(&questions("a,b", &[], &[])), tune(&implied));
        let f1 = |tuning: &Tuning| tuning.labels[0].cross_fitted.f1_score.unwrap();
        assert!(
            f1(&free) < 0.7 && f1(&implied) > 0.9,
            "{} {}",
            f1(&free),
            f1(&implied)
        );
        let ece = |tuning: &Tuning| tuning.labels[0].calibration_figures.calibrated.ece;
        assert!(ece(&implied) < ece(&free));
        assert_eq!(free.labels[1], implied.labels[1]);
    }
}
