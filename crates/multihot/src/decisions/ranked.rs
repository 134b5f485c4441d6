//! The known cells of one label, from the highest logit down.

use multihot_table::Cell;

use super::calibration::Group;
use crate::metrics::curves::{RankedCell, Ranking};

/// Groups beyond which neighbours are taken together for a fit, each group as many cells as the
/// next: of a million cells a group is 62, too narrow for a smooth map to bend in.
const MOST_GROUPS: usize = 1 << 14;

/// The known cells of one label, from the highest logit down, each with the fold of its row.
pub(super) struct RankedLabel(Ranking);

impl RankedLabel {
    /// Ranks label `label` of `scores` and `cells`, row-major with `n_labels` a row, where row `i` is
    /// in fold `folds[i]`. Scores are logits, or log-odds.
    pub fn new(
        label: usize,
        scores: &[f32],
        cells: &[Cell],
        n_labels: usize,
        folds: &[u16],
    ) -> Self {
        let places = (label..cells.len()).step_by(n_labels);
        Self::of(
            places
                .zip(folds)
                .map(|(i, &fold)| (scores[i], cells[i], fold)),
        )
    }

    /// Ranks the known ones of some scores with their cells and folds.
    pub fn of(cells: impl Iterator<Item = (f32, Cell, u16)>) -> Self {
        let known = cells.filter_map(|(score, cell, fold)| match cell {
            Cell::Yes => Some((score, true, fold)),
            Cell::No => Some((score, false, fold)),
            Cell::Unknown => None,
        });
        Self(Ranking::new(known))
    }

    /// All cells; a cell's group is its fold.
    pub fn ranking(&self) -> &Ranking {
        &self.0
    }

    pub fn cells(&self) -> &[RankedCell] {
        self.0.cells()
    }

    pub fn positives(&self) -> usize {
        self.0.positives()
    }

    pub fn negatives(&self) -> usize {
        self.0.known() - self.0.positives()
    }

    /// The cells outside of fold `left_out`, the highest logit first.
    pub fn without(&self, left_out: Option<u16>) -> impl Iterator<Item = RankedCell> + Clone {
        let cells = self.cells().iter().copied();
        cells.filter(move |cell| left_out != Some(cell.group()))
    }

    /// The same cells as groups in rising order of their logits, what ties together.
    pub fn groups(&self, left_out: Option<u16>) -> Vec<Group> {
        let mut cells: Vec<RankedCell> = self.without(left_out).collect();
        cells.reverse();
        let group = |cells: &[RankedCell]| {
            let yes = cells.iter().filter(|cell| cell.is_yes()).count();
            let sum: f64 = cells.iter().map(|cell| f64::from(cell.logit())).sum();
            Group {
                logit: sum / cells.len() as f64,
                yes: yes as f64,
                no: (cells.len() - yes) as f64,
            }
        };
        if cells.len() > MOST_GROUPS {
            cells
                .chunks(cells.len().div_ceil(MOST_GROUPS))
                .map(group)
                .collect()
        } else {
            cells
                .chunk_by(|a, b| a.logit() == b.logit())
                .map(group)
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use Cell::{No, Unknown, Yes};

    use super::*;

    #[test]
    fn known_cells_are_ranked_and_ties_are_one_group() {
        let logits = [1.0, 9.0, 2.0, 9.0, 1.0, 9.0, 0.5, 9.0];
        let cells = [Yes, No, No, No, No, No, Unknown, No];
        let label = RankedLabel::new(0, &logits, &cells, 2, &[0, 1, 2, 0]);
        let ranked: Vec<(f32, u16, bool)> = label
            .cells()
            .iter()
            .map(|c| (c.logit(), c.group(), c.is_yes()))
            .collect();
        assert_eq!(ranked, [(2.0, 1, false), (1.0, 2, false), (1.0, 0, true)]);
        assert_eq!((label.positives(), label.negatives()), (1, 2));
        let group = |logit, yes, no| Group { logit, yes, no };
        assert_eq!(
            label.groups(None),
            [group(1.0, 1.0, 1.0), group(2.0, 0.0, 1.0)]
        );
        assert_eq!(label.groups(Some(1)), [group(1.0, 1.0, 1.0)]);
    }

    #[test]
    fn very_many_cells_are_taken_together_and_none_is_lost() {
        let n = 3 * MOST_GROUPS + 5;
        let logits: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let cells: Vec<Cell> = (0..n).map(|i| if i % 3 == 0 { Yes } else { No }).collect();
        let label = RankedLabel::new(0, &logits, &cells, 1, &vec![0; n]);
        let groups = label.groups(None);
        assert!(groups.len() <= MOST_GROUPS && groups.len() > MOST_GROUPS / 2);
        assert!(groups.is_sorted_by(|a, b| a.logit < b.logit));
        let all: f64 = groups.iter().map(|group| group.yes + group.no).sum();
        assert_eq!(all, n as f64);
    }
}
