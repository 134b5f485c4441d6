//! Calibrates all labels, and leaves those alone that cross-fitting says are worse for it.

use super::calibration::Calibration;
use super::exclusive::GroupFigures;
use super::figures::{BeforeAndAfter, CalibrationFigures};
use super::fit::{Task, in_parallel};
use super::ranked::RankedLabel;
use crate::metrics::curves::Ranking;

/// The calibration of each label, and what it does to fresh rows.
pub(super) struct Calibrated {
    /// From all rows.
    pub whole: Vec<Calibration>,
    /// From the rows outside of each fold.
    pub without: Vec<Vec<Calibration>>,
    /// Cross-fitted figures of each label by itself: of one of an exclusive group, those of the
    /// network's own on both sides.
    pub figures: Vec<BeforeAndAfter>,
    /// Figures of each exclusive group.
    pub groups: Vec<GroupFigures>,
}

impl Calibrated {
    /// Calibrates the labels of `task`, whose rows are dealt into `folds` parts.
    ///
    /// A map from few cells may be further from the truth than the network was. So a label keeps
    /// its own only where that lowers its cross-fitted log loss, and those that share a
    /// temperature keep it where it lowers theirs, all their cells together, and an exclusive group
    /// keeps its own where it lowers that of the group.
    pub fn new(task: &Task<'_>, folds: u16) -> Self {
        let mut new = Self {
            whole: task.calibrations(None),
            without: (0..folds)
                .map(|fold| task.calibrations(Some(fold)))
                .collect(),
            figures: Vec::new(),
            groups: Vec::new(),
        };
        new.figures = in_parallel(task.pool, task.ranked.len(), |label| {
            if task.questions.is_exclusive(label) {
                let raw = CalibrationFigures::of(task.ranked[label].ranking());
                return BeforeAndAfter {
                    raw,
                    calibrated: raw,
                };
            }
            new.measure(&task.ranked[label], label)
        });
        new.leave_alone(&new.made_worse(task));
        new.measure_groups(task);
        new
    }

    /// Measures exclusive groups, and leaves those alone whose log loss is no lower for it.
    fn measure_groups(&mut self, task: &Task<'_>) {
        for (group, rows) in task.questions.exclusive().iter().zip(&task.settled) {
            let first = group.members[0];
            let mut figures = GroupFigures {
                raw: rows.log_loss(|_| &Calibration::None),
                calibrated: rows.log_loss(|fold| &self.without[usize::from(fold)][first]),
            };
            if figures.calibrated >= figures.raw {
                figures.calibrated = figures.raw;
                for &label in &group.members {
                    self.reset(label);
                }
            }
            self.groups.push(figures);
        }
    }

    fn measure(&self, ranked: &RankedLabel, label: usize) -> BeforeAndAfter {
        let calibrated = ranked.cells().iter().map(|cell| {
            let without = &self.without[usize::from(cell.group())][label];
            (without.apply(cell.logit()), cell.is_yes(), 0)
        });
        BeforeAndAfter {
            raw: CalibrationFigures::of(ranked.ranking()),
            calibrated: CalibrationFigures::of(&Ranking::new(calibrated)),
        }
    }

    /// The labels in no exclusive group whose log loss is no lower for it.
    fn made_worse(&self, task: &Task<'_>) -> Vec<usize> {
        let ranked = &task.ranked;
        let gain = |label: usize| {
            let BeforeAndAfter { raw, calibrated } = &self.figures[label];
            let gain = raw.log_loss.zip(calibrated.log_loss);
            gain.map_or(0.0, |(raw, calibrated)| {
                (raw - calibrated) * ranked[label].cells().len() as f64
            })
        };
        let shares = |&label: &usize| matches!(self.whole[label], Calibration::Temperature { .. });
        let labels = (0..self.whole.len()).filter(|&label| !task.questions.is_exclusive(label));
        let shared_gain: f64 = labels.clone().filter(shares).map(gain).sum();
        labels
            .filter(|label| {
                let gain = if shares(label) {
                    shared_gain
                } else {
                    gain(*label)
                };
                gain <= 0.0
            })
            .collect()
    }

    fn leave_alone(&mut self, labels: &[usize]) {
        for &label in labels {
            self.reset(label);
            self.figures[label].calibrated = self.figures[label].raw;
        }
    }

    fn reset(&mut self, label: usize) {
        self.whole[label] = Calibration::None;
        for without in &mut self.without {
            without[label] = Calibration::None;
        }
    }
}
