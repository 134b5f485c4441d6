//! Chooses decisions on held-out rows, and measures by cross-fitting how they do on fresh ones.

use std::collections::BTreeMap;
use std::io::{self, Write};

use multihot_kernels::{Pool, random};
use multihot_table::Cell;
use serde::{Deserialize, Serialize};

use super::calibrate::Calibrated;
use super::calibration::CalibrationMethod;
use super::figures::{self, BeforeAndAfter, CalibrationFigures};
use super::fit::{Basis, FEWEST, Fit, Task, in_parallel, probability};
use super::objective::{F1, Objective, positives_for_guarantee};
use super::ranked::RankedLabel;
use super::{Answer, Band, Decisions, LabelDecision, SureTargets, text};
use crate::metrics::counts::{Counts, mean, share, total, weighted_mean};
use crate::metrics::curves::RankedCell;
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
    /// Checks that each objective is for one of `labels`.
    ///
    /// # Errors
    ///
    /// The first label that is not there.
    pub fn check(&self, labels: &[String]) -> Result<(), TuneError> {
        match self
            .objective_of
            .keys()
            .find(|label| !labels.contains(label))
        {
            None => Ok(()),
            Some(label) => Err(TuneError::UnknownLabel {
                label: label.clone(),
                known: labels.to_vec(),
            }),
        }
    }

    /// The objective of each of `labels`.
    fn objectives(&self, labels: &[String]) -> Vec<Objective> {
        let own = |label| self.objective_of.get(label).copied();
        let labels = labels.iter();
        labels
            .map(|label| own(label).unwrap_or(self.objective))
            .collect()
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
    /// The threshold, on calibrated probabilities.
    pub threshold: f32,
    /// Which rows it was chosen on.
    pub basis: Basis,
    /// Whether the recall that was asked for is guaranteed on fresh rows; `None` where no
    /// guarantee was asked for.
    pub guaranteed: Option<bool>,
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

/// Chooses calibrations, thresholds and bands for `labels` on held-out rows: `logits` and `cells`
/// of one shape, row-major. A network that was trained on these rows makes all of it too bold.
///
/// The choice is made on all rows. What it is worth on fresh rows is estimated by cross-fitting:
/// the rows are dealt into five parts, and each is decided by what the other four would choose.
///
/// # Errors
///
/// When no cell is known, a known cell's logit is not finite, or an objective is for no label.
///
/// # Panics
///
/// When `labels`, `logits` and `cells` differ in shape.
pub fn tune(
    labels: &[String],
    logits: &Logits,
    cells: &[Cell],
    options: &TuneOptions,
    pool: &Pool,
) -> Result<Tuning, TuneError> {
    assert_eq!(
        labels.len(),
        logits.n_labels(),
        "tune: not one name for each label"
    );
    assert_eq!(
        cells.len(),
        logits.values().len(),
        "tune: logits and `cells` differ in length"
    );
    let task = task(labels, logits, cells, options, pool)?;
    let Calibrated {
        whole,
        without,
        figures,
    } = Calibrated::new(&task, FOLDS);
    let whole = task.fit(whole, None);
    let without = (0..FOLDS).zip(without);
    let without: Vec<Fit> = without
        .map(|(fold, calibrations)| task.fit(calibrations, Some(fold)))
        .collect();
    let measured = in_parallel(pool, labels.len(), |label| {
        Measured::new(&task.ranked[label], label, &whole, &without)
    });
    let tunings = labels.iter().zip(measured.iter().zip(figures)).enumerate();
    let tunings: Vec<LabelTuning> = tunings
        .map(|(label, (name, (measured, figures)))| {
            task.label_tuning(label, name, &whole, measured, figures)
        })
        .collect();
    Ok(Tuning {
        rows: logits.rows(),
        overall: TuningSummary::of(&tunings, &measured),
        decisions: decisions(labels, logits.rows(), &task.objectives, whole),
        labels: tunings,
    })
}

fn task<'a>(
    labels: &[String],
    logits: &Logits,
    cells: &[Cell],
    options: &'a TuneOptions,
    pool: &'a Pool,
) -> Result<Task<'a>, TuneError> {
    options.check(labels)?;
    check(labels, logits, cells)?;
    let folds = folds(logits.rows(), options.seed);
    let ranked = in_parallel(pool, labels.len(), |label| {
        RankedLabel::new(label, logits, cells, &folds)
    });
    Ok(Task {
        ranked,
        objectives: options.objectives(labels),
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
        if self.guaranteed == Some(false) {
            let Objective::Recall { at_least, .. } = self.objective else {
                return None;
            };
            let needed = positives_for_guarantee(at_least);
            let needed = needed.map_or("no number suffices".into(), |n| format!("{n} are needed"));
            return Some(format!(
                "label `{label}`: no guarantee of recall {at_least} on {positives} yes cells ({needed})"
            ));
        }
        let why = if positives < FEWEST {
            format!("only {positives} held-out cells say yes")
        } else {
            "its held-out scores tell nothing".to_owned()
        };
        match self.basis {
            Basis::Own | Basis::Given => None,
            Basis::Shared => Some(format!(
                "label `{label}`: {why}, so it takes the threshold that suits all labels together"
            )),
            Basis::Default => Some(format!(
                "label `{label}`: {why}, and those of all labels together are no help, so its \
                 threshold is 0.5"
            )),
            Basis::Unreached => Some(format!(
                "label `{label}`: no threshold reaches {}, so its answer is always no",
                self.objective
            )),
        }
    }
}

fn check(labels: &[String], logits: &Logits, cells: &[Cell]) -> Result<(), TuneError> {
    let mut known = cells.iter().zip(logits.values()).enumerate();
    known.try_for_each(|(place, (cell, logit))| {
        if *cell == Cell::Unknown || logit.is_finite() {
            return Ok(());
        }
        Err(TuneError::NotFinite {
            row: place / labels.len() + 1,
            label: labels[place % labels.len()].clone(),
            found: *logit,
        })
    })?;
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

fn decisions(labels: &[String], rows: usize, objectives: &[Objective], fit: Fit) -> Decisions {
    let of_label = labels.iter().zip(objectives);
    let chosen = fit
        .calibrations
        .into_iter()
        .zip(fit.thresholds)
        .zip(fit.bands);
    let labels = of_label.zip(chosen);
    Decisions {
        rows,
        labels: labels
            .map(
                |((label, &objective), ((calibration, (threshold, basis)), unsure))| {
                    LabelDecision {
                        label: label.clone(),
                        calibration,
                        threshold,
                        unsure,
                        objective,
                        basis,
                    }
                },
            )
            .collect(),
    }
}

/// Decisions of one label against its cells.
struct Measured {
    on_tuning_rows: Counts,
    cross_fitted: Counts,
    band: Option<BandFigures>,
}

impl Measured {
    fn new(ranked: &RankedLabel, label: usize, whole: &Fit, without: &[Fit]) -> Self {
        let cells = ranked.cells();
        let own = |cell: &RankedCell| &without[usize::from(cell.group())];
        Self {
            on_tuning_rows: count(cells, label, |_| whole),
            cross_fitted: count(cells, label, own),
            band: whole.bands[label].map(|band| band_figures(band, cells, label, own)),
        }
    }
}

/// Counts the decisions on `cells` of `label`, each by the fit that `fit_of` names.
fn count<'a>(
    cells: &[RankedCell],
    label: usize,
    fit_of: impl Fn(&RankedCell) -> &'a Fit,
) -> Counts {
    let mut counts = Counts::default();
    for cell in cells {
        let fit = fit_of(cell);
        let (threshold, _) = fit.thresholds[label];
        let decision = probability(&fit.calibrations[label], *cell) >= threshold;
        counts.add(decision, if cell.is_yes() { Cell::Yes } else { Cell::No });
    }
    counts
}

/// How often answers outside of the band are right, each by the fit that `fit_of` names.
fn band_figures<'a>(
    band: Band,
    cells: &[RankedCell],
    label: usize,
    fit_of: impl Fn(&RankedCell) -> &'a Fit,
) -> BandFigures {
    let (mut yes, mut right_yes, mut no, mut right_no) = (0, 0, 0, 0);
    for cell in cells {
        let fit = fit_of(cell);
        let decision = super::answer(
            probability(&fit.calibrations[label], *cell),
            fit.thresholds[label].0,
            fit.bands[label],
        );
        match decision {
            Answer::Yes => (yes, right_yes) = (yes + 1, right_yes + usize::from(cell.is_yes())),
            Answer::No => (no, right_no) = (no + 1, right_no + usize::from(!cell.is_yes())),
            Answer::Unsure => {}
        }
    }
    BandFigures {
        from: band.from,
        to: band.to,
        share: share(cells.len() - yes - no, cells.len()),
        yes_precision: share(right_yes, yes),
        no_precision: share(right_no, no),
    }
}

impl Task<'_> {
    fn label_tuning(
        &self,
        label: usize,
        name: &str,
        fit: &Fit,
        measured: &Measured,
        calibration_figures: BeforeAndAfter,
    ) -> LabelTuning {
        let (objective, ranked) = (self.objectives[label], &self.ranked[label]);
        let (threshold, basis) = fit.thresholds[label];
        let on_tuning_rows = DecisionFigures::of(measured.on_tuning_rows, objective);
        let cross_fitted = DecisionFigures::of(measured.cross_fitted, objective);
        let key = random::key(self.options.seed, &[PURPOSE, label as u64]);
        LabelTuning {
            label: name.to_owned(),
            known: ranked.cells().len(),
            positives: ranked.positives(),
            objective,
            threshold,
            basis,
            guaranteed: match objective {
                Objective::Recall { guaranteed, .. } if guaranteed => Some(basis == Basis::Own),
                _ => None,
            },
            calibration: fit.calibrations[label].name(),
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
            unsure: measured.band,
        }
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
    use crate::decisions::Calibration;
    use crate::scores::sigmoid;

    fn options(objective: &str) -> TuneOptions {
        TuneOptions {
            objective: objective.parse().unwrap(),
            ..TuneOptions::default()
        }
    }

    fn names(n_labels: usize) -> Vec<String> {
        (0..n_labels)
            .map(|label| format!("label {label}"))
            .collect()
    }

    fn tuned(logits: &Logits, cells: &[Cell], options: &TuneOptions) -> Tuning {
        let labels = names(logits.n_labels());
        tune(&labels, logits, cells, options, &Pool::new(2)).unwrap()
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
        let probabilities = tuning.decisions.calibrate(logits).probabilities();
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
                let chosen = goodness(counts(label.threshold)).unwrap();
                let probabilities = tuning.decisions.calibrate(&logits).probabilities();
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
            let probabilities = tuning.decisions.calibrate(&logits).probabilities();
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
            let chosen = micro([tuning.labels[0].threshold, tuning.labels[1].threshold]);
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
        assert!(label.threshold > 1.0);
        let answers = tuning
            .decisions
            .answers(&tuning.decisions.calibrate(&logits).probabilities());
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
        assert_eq!((given.basis, given.threshold), (Basis::Given, 0.25));
    }

    #[test]
    fn an_objective_of_a_label_goes_before_that_of_all() {
        let (logits, cells) = drawn(300, &[0.3, 0.3], 1);
        let mut options = options("f1");
        options
            .objective_of
            .insert("label 1".into(), "fixed=0.75".parse().unwrap());
        let tuning = tuned(&logits, &cells, &options);
        assert_eq!(tuning.decisions.thresholds()[1], 0.75);
        assert_eq!(tuning.labels[0].objective, F1);
        options.objective_of.insert("lable 1".into(), F1);
        let error = tune(&names(2), &logits, &cells, &options, &Pool::new(1)).unwrap_err();
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
                assert_eq!(tuning.decisions.flaw(), None, "{name}, {method}");
                let json = serde_json::to_string(&(&tuning, &tuning.decisions)).unwrap();
                assert!(
                    !json.contains("NaN") && !json.contains("inf"),
                    "{name}, {method}: {json}"
                );
                let calibrated = tuning.decisions.calibrate(&logits);
                assert!(
                    calibrated.values().iter().all(|z| !z.is_nan()),
                    "{name}, {method}"
                );
            }
        }
        let nothing = Logits::new(vec![0.5; 4], 2);
        let error = tune(
            &names(2),
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
            let result = tune(&names(2), &logits, &cells, &options("f1"), &Pool::new(1));
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
        assert_eq!((label.basis, label.threshold), (Basis::Default, 0.5));
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
        let probabilities = tuning.decisions.calibrate(&logits).probabilities();
        let answers = tuning.decisions.answers(&probabilities);
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
            let task = task(&names(1), &logits, &cells, &options, &pool).unwrap();
            let fit = task.fit(task.calibrations(None), None);
            let mut counts = Counts::default();
            for (logit, cell) in fresh.values().iter().zip(&truth) {
                let p = sigmoid(fit.calibrations[0].apply(*logit).into()) as f32;
                counts.add(p >= fit.thresholds[0].0, *cell);
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
        let labels = names(3);
        let tune = |threads, seed| {
            let options = TuneOptions {
                seed,
                ..options("f1")
            };
            tune(&labels, &logits, &cells, &options, &Pool::new(threads)).unwrap()
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
            let all = tuned(&Logits::new(logits, 1), &cells, &options("f1"));
            let alone = tuned(&Logits::new(known_logits, 1), &known_cells, &options("f1"));
            prop_assert_eq!(&all.decisions.labels, &alone.decisions.labels);
            prop_assert_eq!(all.labels[0].on_tuning_rows, alone.labels[0].on_tuning_rows);
        }

        #[test]
        fn a_threshold_moves_with_the_logits(shift in -3i8..3, seed in 0u64..20) {
            // A rising map of the logits changes no decision.
            let (logits, cells) = drawn(200, &[0.3], seed);
            let moved = logits.values().iter().map(|z| 2.0 * z + f32::from(shift)).collect();
            let moved = Logits::new(moved, 1);
            let answers = |logits: &Logits| {
                let decisions = tuned(logits, &cells, &options("f1")).decisions;
                decisions.answers(&decisions.calibrate(logits).probabilities())
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
}
