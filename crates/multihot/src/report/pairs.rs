//! Which labels go together in the table.

use multihot_table::Cell;
use serde::Serialize;

/// Most labels of the table of pairs; more are the most frequent ones.
const MOST_LABELS: usize = 120;

/// How often labels are yes together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Pairs {
    /// Places of the labels, in their order.
    pub labels: Vec<usize>,
    /// Rows in which both say yes.
    pub both: Vec<Vec<usize>>,
    /// Rows in which the first says yes and the second is known.
    pub of: Vec<Vec<usize>>,
}

impl Pairs {
    /// Counts `cells`, row-major with `n_labels` a row.
    pub fn of(cells: &[Cell], n_labels: usize) -> Self {
        let labels = most_frequent(cells, n_labels);
        let n = labels.len();
        let (mut both, mut unknown) = (vec![vec![0; n]; n], vec![vec![0; n]; n]);
        for row in cells.chunks_exact(n_labels) {
            let that_are = |wanted: Cell| {
                let places = labels.iter().enumerate();
                let of_row = places.filter(move |(_, label)| row[**label] == wanted);
                of_row.map(|(place, _)| place)
            };
            let yes: Vec<usize> = that_are(Cell::Yes).collect();
            let blank: Vec<usize> = that_are(Cell::Unknown).collect();
            for &a in &yes {
                yes.iter().for_each(|&b| both[a][b] += 1);
                blank.iter().for_each(|&b| unknown[a][b] += 1);
            }
        }
        let of_first = |a: usize, unknown: &[usize]| {
            let known = unknown.iter().map(|unknown| both[a][a] - unknown);
            known.collect()
        };
        Self {
            of: (0..n).map(|a| of_first(a, &unknown[a])).collect(),
            both,
            labels,
        }
    }
}

fn most_frequent(cells: &[Cell], n_labels: usize) -> Vec<usize> {
    let mut yes = vec![0_usize; n_labels];
    for (place, cell) in cells.iter().enumerate() {
        yes[place % n_labels] += usize::from(*cell == Cell::Yes);
    }
    let mut labels: Vec<usize> = (0..n_labels).collect();
    labels.sort_by_key(|&label| std::cmp::Reverse(yes[label]));
    labels.truncate(MOST_LABELS);
    labels.sort_unstable();
    labels
}

#[cfg(test)]
mod tests {
    use Cell::{No, Unknown, Yes};

    use super::*;

    #[test]
    fn pairs_are_counted_where_both_are_known() {
        let cells = [
            [Yes, Yes, No],
            [Yes, No, Unknown],
            [Yes, Yes, Yes],
            [No, Yes, Unknown],
            [Unknown, Yes, Yes],
        ];
        let pairs = Pairs::of(cells.as_flattened(), 3);
        assert_eq!(pairs.labels, [0, 1, 2]);
        assert_eq!(pairs.both, [[3, 2, 1], [2, 4, 2], [1, 2, 2]]);
        assert_eq!(pairs.of, [[3, 3, 2], [3, 4, 3], [1, 2, 2]]);
    }

    #[test]
    fn of_very_many_labels_the_most_frequent_ones_stay() {
        let n = MOST_LABELS + 30;
        // Label `i` is yes in the rows from `i` on: the last labels are the rarest.
        let row = |row: usize| (0..n).map(move |label| if label <= row { Yes } else { No });
        let cells: Vec<Cell> = (0..n).flat_map(row).collect();
        let pairs = Pairs::of(&cells, n);
        assert_eq!(pairs.labels, (0..MOST_LABELS).collect::<Vec<_>>());
        assert_eq!(pairs.both[0][1], n - 1);
        assert_eq!(Pairs::of(&[], 3).both, [[0; 3]; 3]);
    }
}
