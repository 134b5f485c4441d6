//! Rows of which most values are zero.

/// Rows of numbers of which only those that are not zero are kept, a row's behind one another
/// ("compressed sparse rows").
#[derive(Clone, Debug)]
pub(super) struct SparseRows {
    n_columns: usize,
    /// Where each row starts; one more says where the last one ends.
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl SparseRows {
    /// No rows yet, each to be `n_columns` wide.
    pub(super) fn new(n_columns: usize) -> Self {
        Self {
            n_columns,
            starts: vec![0],
            columns: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Appends a row: its columns, each once, with their values.
    pub(super) fn push(&mut self, row: impl IntoIterator<Item = (u32, f32)>) {
        for (column, value) in row {
            self.columns.push(column);
            self.values.push(value);
        }
        self.starts.push(self.columns.len());
    }

    /// The width of a row.
    pub(super) fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// The columns and values of row `i`.
    pub(super) fn row(&self, i: usize) -> impl Iterator<Item = (usize, f64)> {
        let range = self.starts[i]..self.starts[i + 1];
        let columns = self.columns[range.clone()].iter();
        columns
            .zip(&self.values[range])
            .map(|(&column, &value)| (column as usize, value.into()))
    }
}
