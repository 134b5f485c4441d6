//! What keeps a recall that was asked for from being guaranteed on fresh rows.

use super::fit::{Basis, Task};
use super::objective::positives_for_guarantee;

/// Why there is no guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The label has too few yes cells.
    FewCells,
    /// Implications change its chance or its answer by those of other labels.
    Implications,
    /// The scores were those of other models than the one that will answer.
    OtherModels,
}

impl Task<'_> {
    /// What keeps the recall of `label` from being guaranteed, whose threshold has this `basis`.
    pub fn obstacle(&self, label: usize, basis: Basis) -> Option<Obstacle> {
        if basis != Basis::Own {
            Some(Obstacle::FewCells)
        } else if self.questions.is_moved_by_others(label) {
            Some(Obstacle::Implications)
        } else {
            None
        }
    }
}

impl Obstacle {
    /// It in words, behind the recall that was asked for of a label with so many yes cells.
    pub fn note(self, at_least: f64, positives: usize) -> String {
        match self {
            Obstacle::FewCells => {
                let needed = positives_for_guarantee(at_least);
                let needed = needed.map_or("no number suffices".into(), |n| format!("{n} are needed"));
                format!(" on {positives} yes cells ({needed})")
            }
            Obstacle::Implications => ", as implications let other labels change its answer".into(),
            Obstacle::OtherModels => {
                ", as its threshold is for the scores of the folds' models, and another model answers"
                    .into()
            }
        }
    }
}
