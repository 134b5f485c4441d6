//! Calibrations and thresholds of all labels, from the rows outside of one fold or from all.

use multihot_kernels::Pool;
use multihot_table::Cell;
use serde::{Deserialize, Serialize};

use super::calibration::{self, Calibration};
use super::cuts::{Cut, NEVER, best, cuts};
use super::exclusive::SettledRows;
use super::objective::{F1, Objective, guaranteed_misses};
use super::ranked::RankedLabel;
use super::tune::TuneOptions;
use super::{Band, Decisions, LabelDecision, SureTargets, calibrate_row};
use crate::metrics::curves::RankedCell;
use crate::questions::Questions;
use crate::scores::{Logits, sigmoid};

/// Yes cells below which a label's own best threshold follows chance (in the spirit of SCutFBR,
/// Yang 2001): it takes the one that suits all labels together.
pub(super) const FEWEST: usize = 10;
/// Rounds of the search for the best micro-F1, which ends after some three or four.
const MOST_ROUNDS: usize = 50;
/// A threshold where nothing is known.
const EVEN: f32 = 0.5;

/// Which rows a threshold was chosen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// The label's own cells.
    Own,
    /// The cells of all labels together: its own say too little.
    Shared,
    /// None: those of all labels together say too little.
    Default,
    /// None: the threshold was given.
    Given,
    /// No threshold has the precision that was asked for, on the label's own cells or, where these
    /// say too little, on those of all labels together: the answer is always no.
    Unreached,
    /// None: in an exclusive group there is no threshold.
    Exclusive,
}

/// A threshold, `None` in an exclusive group, and how it came about.
type Chosen = (Option<f32>, Basis);

/// The rows to choose on, and what each threshold is for.
pub(super) struct Task<'a> {
    pub questions: &'a Questions,
    /// With what the loss of the training does to chances undone.
    pub logits: &'a Logits,
    pub cells: &'a [Cell],
    /// The part of each row.
    pub folds: Vec<u16>,
    /// The known cells of each label, by its own log-odds before calibration.
    pub ranked: Vec<RankedLabel>,
    /// The settled rows of each exclusive group.
    pub settled: Vec<SettledRows>,
    pub objectives: Vec<Objective>,
    pub options: &'a TuneOptions,
    pub pool: &'a Pool,
}

impl Task<'_> {
    /// Chooses thresholds and bands on the rows outside of fold `left_out`, calibrated.
    pub fn decisions(&self, calibrations: Vec<Calibration>, left_out: Option<u16>) -> Decisions {
        let rows = Rows::new(self, &calibrations, left_out);
        let thresholds = rows.thresholds();
        let bands = match self.options.unsure {
            Some(targets) => rows.bands(&thresholds, targets),
            None => vec![None; self.ranked.len()],
        };
        let chosen = calibrations.into_iter().zip(thresholds).zip(bands);
        let labels = self.questions.labels().iter().zip(&self.objectives);
        let decision = |((label, &objective), ((calibration, chosen), unsure)): (_, (_, _))| {
            let (threshold, basis): Chosen = chosen;
            let label: &String = label;
            LabelDecision {
                label: label.clone(),
                calibration,
                threshold,
                unsure,
                objective,
                basis,
            }
        };
        Decisions {
            rows: self.logits.rows(),
            labels: labels.zip(chosen).map(decision).collect(),
        }
    }

    /// The calibration of each label from the rows outside of fold `left_out`.
    pub fn calibrations(&self, left_out: Option<u16>) -> Vec<Calibration> {
        let groups = in_parallel(self.pool, self.ranked.len(), |label| {
            if self.questions.is_exclusive(label) {
                return Vec::new();
            }
            self.ranked[label].groups(left_out)
        });
        let shared = calibration::temperature(groups.iter().flatten());
        let method = self.options.calibration;
        let mut calibrations = in_parallel(self.pool, groups.len(), |label| {
            let ranked = &self.ranked[label];
            // From all cells of the label, or cross-fitting would measure another rule than the one
            // that is kept.
            let method = method.of_label(ranked.positives(), ranked.negatives());
            calibration::fit(method, &groups[label], &shared)
        });
        let temperatures = in_parallel(self.pool, self.settled.len(), |group| {
            self.settled[group].calibration(method, left_out)
        });
        for (group, temperature) in self.questions.exclusive().iter().zip(temperatures) {
            for &label in &group.members {
                calibrations[label] = temperature.clone();
            }
        }
        calibrations
    }

    /// Whether the chance of `label` is other than its own calibrated one.
    pub fn is_entangled(&self, label: usize) -> bool {
        self.questions.is_exclusive(label) || self.questions.is_implied_or_implies(label)
    }

    /// Whether `label` has cells enough for a threshold of its own.
    fn stands_alone(&self, label: usize) -> bool {
        let ranked = &self.ranked[label];
        match self.objectives[label] {
            Objective::Recall {
                at_least,
                guaranteed: true,
            } => guaranteed_misses(ranked.positives(), at_least).is_some(),
            _ => ranked.positives() >= FEWEST && ranked.negatives() > 0,
        }
    }

    /// Whether all labels in no exclusive group together have cells enough for one threshold.
    fn stand_together(&self) -> bool {
        let labels = self.ranked.iter().enumerate();
        let labels = labels.filter(|(label, _)| !self.questions.is_exclusive(*label));
        let (positives, negatives) = labels.fold((0, 0), |(positives, negatives), (_, label)| {
            (positives + label.positives(), negatives + label.negatives())
        });
        positives >= FEWEST && negatives > 0
    }
}

/// The rows of one fit, calibrated.
struct Rows<'a> {
    task: &'a Task<'a>,
    calibrations: &'a [Calibration],
    left_out: Option<u16>,
    /// Labels in no exclusive group whose chance depends on implications, by what it comes to.
    implied: Vec<Option<RankedLabel>>,
}

impl<'a> Rows<'a> {
    fn new(task: &'a Task<'a>, calibrations: &'a [Calibration], left_out: Option<u16>) -> Self {
        Self {
            task,
            calibrations,
            left_out,
            implied: implied(task, calibrations),
        }
    }

    /// Calibrated probabilities of the known cells of `label`, the highest first.
    fn ranked(&self, label: usize) -> impl Iterator<Item = (f32, bool)> + Clone {
        let (ranked, calibration) = match &self.implied[label] {
            Some(ranked) => (ranked, &Calibration::None),
            None => (&self.task.ranked[label], &self.calibrations[label]),
        };
        let cells = ranked.without(self.left_out);
        cells.map(move |cell| (probability(calibration, cell), cell.is_yes()))
    }

    fn cuts(&self, label: usize) -> impl Iterator<Item = Cut> + Clone {
        cuts(self.ranked(label))
    }

    /// Yes and no cells of `label`.
    fn totals(&self, label: usize) -> (usize, usize) {
        let cells = self.task.ranked[label].without(self.left_out);
        totals(cells.map(RankedCell::is_yes))
    }

    fn thresholds(&self) -> Vec<Chosen> {
        let n_labels = self.task.ranked.len();
        let mut own = in_parallel(self.task.pool, n_labels, |label| self.own(label));
        self.micro(&mut own);
        let mut pooled = Pooled::new(self);
        let objectives = self.task.objectives.iter();
        own.into_iter()
            .zip(objectives)
            .map(|(own, &objective)| own.unwrap_or_else(|| pooled.threshold(objective)))
            .collect()
    }

    /// The best threshold of `label` for itself, where it has one.
    fn own(&self, label: usize) -> Option<Chosen> {
        let objective = self.task.objectives[label];
        match objective {
            Objective::Likeliest => return Some((None, Basis::Exclusive)),
            Objective::Fixed { threshold } => return Some((Some(threshold), Basis::Given)),
            Objective::MicroF1 => return None,
            _ if !self.task.stands_alone(label) => return None,
            _ => {}
        }
        let (positives, negatives) = self.totals(label);
        let objective = within_reach(objective, positives);
        let best = best(self.cuts(label), |cut| objective.worth(cut, positives));
        let Some(cut) = best else {
            return matches!(objective, Objective::Precision { .. })
                .then_some((Some(NEVER), Basis::Unreached));
        };
        // With scores that tell nothing, yes to everything has the best F-score (arXiv:1402.1892).
        let says_yes_to_all = cut.tp == positives && cut.fp == negatives;
        let is_score = matches!(objective, Objective::FBeta { .. });
        let tells_nothing = is_score && says_yes_to_all && negatives > 0;
        (!tells_nothing).then(|| (Some(cut.threshold()), Basis::Own))
    }

    /// Thresholds with the highest F1 over all cells of the labels that ask for it.
    ///
    /// By Dinkelbach's method: for a guess F the best cut of each label maximises
    /// `2 tp - F (tp + fp)`, and the F1 of these cuts is the next guess. It rises until it stands,
    /// and that is the highest there is.
    fn micro(&self, own: &mut [Option<Chosen>]) {
        let is_micro = |&label: &usize| {
            self.task.objectives[label] == Objective::MicroF1 && self.task.stands_alone(label)
        };
        let labels: Vec<usize> = (0..own.len()).filter(is_micro).collect();
        let positives: usize = labels.iter().map(|&label| self.totals(label).0).sum();
        if positives == 0 {
            return;
        }
        let mut f1 = 0.0;
        for _ in 0..MOST_ROUNDS {
            let cuts = in_parallel(self.task.pool, labels.len(), |i| {
                let gain = |cut: Cut| Some(2.0 * cut.tp as f64 - f1 * (cut.tp + cut.fp) as f64);
                best(self.cuts(labels[i]), gain).expect("every cut has a gain")
            });
            let tp: usize = cuts.iter().map(|cut| cut.tp).sum();
            let yes: usize = cuts.iter().map(|cut| cut.tp + cut.fp).sum();
            for (&label, cut) in labels.iter().zip(&cuts) {
                own[label] = Some((Some(cut.threshold()), Basis::Own));
            }
            let next = 2.0 * tp as f64 / (yes + positives) as f64;
            if next <= f1 {
                break;
            }
            f1 = next;
        }
    }

    /// The band of `label` round its threshold. A recall that is to hold is not undone by it: such a
    /// label is left unsure below its threshold alone.
    fn band(
        &self,
        label: usize,
        threshold: f32,
        cuts: impl Iterator<Item = Cut> + Clone,
        totals: (usize, usize),
        targets: SureTargets,
    ) -> Option<Band> {
        if self.task.objectives[label].is_guaranteed() {
            Band::below(threshold, cuts, totals, targets)
        } else {
            Band::round(threshold, cuts, totals, targets)
        }
    }

    /// The band of each label round its threshold; for a label with few cells, that of all labels,
    /// and in an exclusive group, that of the group.
    fn bands(&self, thresholds: &[Chosen], targets: SureTargets) -> Vec<Option<Band>> {
        let has_few = |label: &RankedLabel| label.positives().min(label.negatives()) < FEWEST;
        let pooled = if self.task.ranked.iter().any(has_few) {
            Pooled::gather(self)
        } else {
            Vec::new()
        };
        let mut bands = in_parallel(self.task.pool, thresholds.len(), |label| {
            let (threshold, _) = thresholds[label];
            let threshold = threshold?;
            if !has_few(&self.task.ranked[label]) {
                self.band(
                    label,
                    threshold,
                    self.cuts(label),
                    self.totals(label),
                    targets,
                )
            } else {
                let cells = || pooled.iter().copied().map(unpack);
                let totals = totals(cells().map(|(_, yes)| yes));
                self.band(label, threshold, cuts(cells()), totals, targets)
            }
        });
        for (group, rows) in self
            .task
            .questions
            .exclusive()
            .iter()
            .zip(&self.task.settled)
        {
            let calibration = &self.calibrations[group.members[0]];
            let band = rows.band(calibration, self.left_out, targets);
            for &label in &group.members {
                bands[label] = (band.to > 0.0).then_some(band);
            }
        }
        bands
    }
}

/// `objective`, or where it asks for a guarantee that so many yes cells cannot give, as those
/// outside of a fold may be too few, the most cautious one: that all of them are found.
fn within_reach(objective: Objective, positives: usize) -> Objective {
    match objective {
        Objective::Recall {
            at_least,
            guaranteed: true,
        } if positives > 0 && guaranteed_misses(positives, at_least).is_none() => {
            Objective::Recall {
                at_least: 1.0,
                guaranteed: false,
            }
        }
        other => other,
    }
}

/// Ranks the labels that are in implications and in no exclusive group by the log-odds that they
/// come to with these calibrations.
fn implied(task: &Task<'_>, calibrations: &[Calibration]) -> Vec<Option<RankedLabel>> {
    let questions = task.questions;
    let n_labels = questions.labels().len();
    let is_implied =
        |&label: &usize| !questions.is_exclusive(label) && questions.is_implied_or_implies(label);
    let labels: Vec<usize> = (0..n_labels).filter(is_implied).collect();
    let mut ranked: Vec<Option<RankedLabel>> = (0..n_labels).map(|_| None).collect();
    if labels.is_empty() {
        return ranked;
    }
    let mut log_odds = task.logits.values().to_vec();
    task.pool.for_each_chunk(&mut log_odds, n_labels, |_, row| {
        calibrate_row(questions, calibrations.iter(), row);
    });
    for label in labels {
        let (cells, folds) = (task.cells, &task.folds);
        ranked[label] = Some(RankedLabel::new(label, &log_odds, cells, n_labels, folds));
    }
    ranked
}

/// The calibrated cells of all labels in no exclusive group, in one ranking.
struct Pooled<'a> {
    rows: &'a Rows<'a>,
    /// Packed, the highest probability first; made when first needed.
    cells: Option<Vec<u32>>,
    found: Vec<(Objective, Chosen)>,
}

impl<'a> Pooled<'a> {
    fn new(rows: &'a Rows<'a>) -> Self {
        Self {
            rows,
            cells: None,
            found: Vec::new(),
        }
    }

    fn gather(rows: &Rows<'_>) -> Vec<u32> {
        let labels = 0..rows.task.ranked.len();
        let labels = labels.filter(|&label| !rows.task.questions.is_exclusive(label));
        let mut cells: Vec<u32> = labels
            .flat_map(|label| rows.ranked(label))
            .map(pack)
            .collect();
        cells.sort_unstable_by(|a, b| b.cmp(a));
        cells
    }

    /// The best threshold for all labels together.
    fn threshold(&mut self, objective: Objective) -> Chosen {
        let objective = match objective {
            Objective::MicroF1 => F1,
            Objective::Recall { at_least, .. } => Objective::Recall {
                at_least,
                guaranteed: false,
            },
            other => other,
        };
        if let Some((_, found)) = self.found.iter().find(|(other, _)| *other == objective) {
            return *found;
        }
        let rows = self.rows;
        let cells = self.cells.get_or_insert_with(|| Self::gather(rows));
        let ranked = cells.iter().copied().map(unpack);
        let (positives, negatives) = totals(ranked.clone().map(|(_, yes)| yes));
        let suffice = rows.task.stand_together();
        let best = best(cuts(ranked), |cut| objective.worth(cut, positives));
        let chosen = match best {
            Some(cut) if suffice && cut.tp + cut.fp < positives + negatives => {
                (Some(cut.threshold()), Basis::Shared)
            }
            None if suffice && matches!(objective, Objective::Precision { .. }) => {
                (Some(NEVER), Basis::Unreached)
            }
            _ => (Some(EVEN), Basis::Default),
        };
        self.found.push((objective, chosen));
        chosen
    }
}

/// A probability and an answer in an order that is that of the probabilities, which are not
/// negative, so that their bits rise as they do.
fn pack((probability, yes): (f32, bool)) -> u32 {
    probability.to_bits() << 1 | u32::from(yes)
}

fn unpack(packed: u32) -> (f32, bool) {
    (f32::from_bits(packed >> 1), packed & 1 == 1)
}

/// The calibrated probability of a cell, as a prediction would have it.
fn probability(calibration: &Calibration, cell: RankedCell) -> f32 {
    sigmoid(calibration.apply(cell.logit()).into()) as f32
}

/// How many are yes, and how many no.
fn totals(answers: impl Iterator<Item = bool>) -> (usize, usize) {
    answers.fold((0, 0), |(yes, no), answer| {
        (yes + usize::from(answer), no + usize::from(!answer))
    })
}

/// `task(0)` to `task(n - 1)` on all threads, in order.
pub(super) fn in_parallel<T: Send>(
    pool: &Pool,
    n: usize,
    task: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let mut results: Vec<Option<T>> = (0..n).map(|_| None).collect();
    pool.for_each_chunk(&mut results, 1, |i, slot| slot[0] = Some(task(i)));
    let results = results.into_iter();
    results
        .map(|result| result.expect("the pool has run every task"))
        .collect()
}
