//! What rows are trained toward: their cells, and where a table has them, chances and weights.

use multihot_table::{Cell, Table};

use super::Part;

/// What some rows are trained toward, row by row, one cell a label.
#[derive(Clone, Copy)]
pub(crate) struct Targets<'a> {
    pub(crate) cells: &'a [Cell],
    /// The chance of a yes for each cell; without them it is 1 for a yes and 0 for a no.
    pub(crate) shares: Option<&'a [f32]>,
    /// How many rows each row counts as; without them 1.
    pub(crate) weights: Option<&'a [f32]>,
}

impl Targets<'_> {
    /// The chance of a yes at `index`, or `None` where the cell is unknown.
    pub(super) fn share(&self, index: usize) -> Option<f64> {
        match (self.cells[index], self.shares) {
            (Cell::Unknown, _) => None,
            (_, Some(shares)) => Some(shares[index].into()),
            (Cell::Yes, None) => Some(1.0),
            (Cell::No, None) => Some(0.0),
        }
    }

    /// What the row of this number counts as.
    pub(super) fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row].into())
    }
}

impl<'a> From<&'a [Cell]> for Targets<'a> {
    fn from(cells: &'a [Cell]) -> Self {
        Self {
            cells,
            shares: None,
            weights: None,
        }
    }
}

impl<'a> From<&'a Vec<Cell>> for Targets<'a> {
    fn from(cells: &'a Vec<Cell>) -> Self {
        cells.as_slice().into()
    }
}

impl<'a, const N: usize> From<&'a [Cell; N]> for Targets<'a> {
    fn from(cells: &'a [Cell; N]) -> Self {
        cells.as_slice().into()
    }
}

/// [`Targets`] of rows that were picked.
pub(super) struct PickedTargets {
    cells: Vec<Cell>,
    shares: Option<Vec<f32>>,
    weights: Option<Vec<f32>>,
}

impl PickedTargets {
    pub(super) fn targets(&self) -> Targets<'_> {
        Targets {
            cells: &self.cells,
            shares: self.shares.as_deref(),
            weights: self.weights.as_deref(),
        }
    }
}

impl Part<'_> {
    /// What all rows are trained toward.
    pub(super) fn targets(&self) -> Targets<'_> {
        Targets {
            cells: &self.cells,
            shares: self.shares.as_deref(),
            weights: self.weights.as_deref(),
        }
    }

    /// What `rows` are trained toward.
    pub(super) fn targets_of(&self, rows: &[usize]) -> PickedTargets {
        PickedTargets {
            cells: self.cells_of(rows),
            shares: self.shares_of(rows),
            weights: self.weights_of(rows),
        }
    }

    pub(super) fn shares_of(&self, rows: &[usize]) -> Option<Vec<f32>> {
        let shares = self.shares.as_ref()?;
        let row = |&row: &usize| &shares[row * self.n_labels..][..self.n_labels];
        Some(rows.iter().flat_map(row).copied().collect())
    }

    pub(super) fn weights_of(&self, rows: &[usize]) -> Option<Vec<f32>> {
        let weights = self.weights.as_ref()?;
        Some(rows.iter().map(|&row| weights[row]).collect())
    }
}

/// The weights of a table's rows, as shares of their mean: what they are multiplied by changes no
/// loss, and counts of rows stay what they are.
pub(super) fn weights(table: &Table) -> Option<Vec<f32>> {
    let weights = table.weights()?;
    let sum: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
    let mean = sum / weights.len() as f64;
    if mean == 0.0 {
        return Some(weights);
    }
    let share = |weight| (f64::from(weight) / mean) as f32;
    Some(weights.into_iter().map(share).collect())
}
