//! Which rows are held out when there is no dev table.

use std::collections::HashMap;

use multihot_kernels::random;
use multihot_table::Cell;

/// Tells this use of the seed from the others.
const PURPOSE: u64 = 0x7370_6c69_7400_0001;

/// Holds out 10 % of the rows of `texts`: at least 50, at most 5,000 and at most half. Gives the
/// rows to learn from, then those held out, both in table order.
///
/// `cells` are row-major, `n_labels` a row. Rows with the same text stay together, so that dev
/// measures no memory of training texts. A label that only one text answers with yes keeps it in
/// train; one with several gets the first of them in dev, as long as there is room. The rest is
/// chance, and the same for the same `seed`.
///
/// `None` where no text can be held out: fewer than two of them, or each needed in train.
pub fn split_dev(
    texts: &[&str],
    cells: &[Cell],
    n_labels: usize,
    seed: u64,
) -> Option<(Vec<usize>, Vec<usize>)> {
    assert_eq!(
        cells.len(),
        texts.len() * n_labels,
        "split: `cells` and `texts` do not fit"
    );
    let groups = shuffled_groups(texts, cells, n_labels, seed);
    let mut draw = Draw::new(&groups, n_labels, dev_rows(texts.len()));
    draw.a_positive_of_each_label();
    draw.whatever_fits();
    draw.into_rows(texts.len())
}

/// How many of `rows` to hold out.
fn dev_rows(rows: usize) -> usize {
    // Below 50 rows a dev metric is mostly noise; beyond 5,000 evaluation costs more than it tells.
    (rows / 10).clamp(50, 5_000).min(rows / 2)
}

/// The rows that share a text, and the labels that one of them answers with yes.
struct Group {
    rows: Vec<usize>,
    labels: Vec<usize>,
}

fn shuffled_groups(texts: &[&str], cells: &[Cell], n_labels: usize, seed: u64) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places = HashMap::new();
    for (row, text) in texts.iter().enumerate() {
        let place = *places.entry(*text).or_insert_with(|| {
            groups.push(Group {
                rows: Vec::new(),
                labels: Vec::new(),
            });
            groups.len() - 1
        });
        groups[place].rows.push(row);
        let labels = (0..n_labels).filter(|label| cells[row * n_labels + label] == Cell::Yes);
        groups[place].labels.extend(labels);
    }
    for group in &mut groups {
        group.labels.sort_unstable();
        group.labels.dedup();
    }
    random::shuffle(random::key(seed, &[PURPOSE]), &mut groups);
    groups
}

/// The state of drawing dev groups.
struct Draw<'a> {
    groups: &'a [Group],
    /// Whether each group is in dev.
    held_out: Vec<bool>,
    /// Rows that dev still wants.
    room: usize,
    /// Positive groups of each label, left in train.
    in_train: Vec<usize>,
    /// Positive groups of each label, in dev.
    in_dev: Vec<usize>,
}

impl<'a> Draw<'a> {
    fn new(groups: &'a [Group], n_labels: usize, room: usize) -> Self {
        let mut in_train = vec![0; n_labels];
        for &label in groups.iter().flat_map(|group| &group.labels) {
            in_train[label] += 1;
        }
        let held_out = vec![false; groups.len()];
        Self {
            groups,
            held_out,
            room,
            in_train,
            in_dev: vec![0; n_labels],
        }
    }

    /// Holds out one positive group of each label that has two or more, the rarest label first.
    fn a_positive_of_each_label(&mut self) {
        let mut labels: Vec<usize> = (0..self.in_train.len()).collect();
        labels.sort_by_key(|&label| self.in_train[label]);
        let mut of_label = vec![Vec::new(); labels.len()];
        for (i, group) in self.groups.iter().enumerate() {
            group
                .labels
                .iter()
                .for_each(|&label| of_label[label].push(i));
        }
        for label in labels {
            if self.in_dev[label] == 0
                && let Some(&i) = of_label[label].iter().find(|&&i| self.may_hold_out(i))
            {
                self.hold_out(i);
            }
        }
    }

    fn whatever_fits(&mut self) {
        for i in 0..self.groups.len() {
            if self.may_hold_out(i) {
                self.hold_out(i);
            }
        }
    }

    /// Whether group `i` is in train, fits, and is no label's last positive there.
    fn may_hold_out(&self, i: usize) -> bool {
        let group = &self.groups[i];
        !self.held_out[i]
            && group.rows.len() <= self.room
            && group.labels.iter().all(|&label| self.in_train[label] > 1)
    }

    fn hold_out(&mut self, i: usize) {
        self.held_out[i] = true;
        self.room -= self.groups[i].rows.len();
        for &label in &self.groups[i].labels {
            self.in_train[label] -= 1;
            self.in_dev[label] += 1;
        }
    }

    /// The rows left in train and those held out.
    fn into_rows(self, rows: usize) -> Option<(Vec<usize>, Vec<usize>)> {
        let mut is_dev = vec![false; rows];
        for (group, held_out) in self.groups.iter().zip(self.held_out) {
            group.rows.iter().for_each(|&row| is_dev[row] = held_out);
        }
        let (dev, train): (Vec<usize>, Vec<usize>) = (0..rows).partition(|&row| is_dev[row]);
        (!dev.is_empty()).then_some((train, dev))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Cell::{No, Unknown, Yes};

    fn numbered(rows: usize) -> Vec<String> {
        (0..rows).map(|row| format!("text {row}")).collect()
    }

    fn as_strs(texts: &[String]) -> Vec<&str> {
        texts.iter().map(String::as_str).collect()
    }

    fn split_sizes(rows: usize) -> (usize, usize) {
        let texts = numbered(rows);
        let (train, dev) = split_dev(&as_strs(&texts), &vec![No; rows], 1, 1).unwrap();
        (train.len(), dev.len())
    }

    #[test]
    fn a_tenth_is_held_out_between_the_limits() {
        let cases = [
            (2, 1),
            (61, 30),
            (100, 50),
            (300, 50),
            (1_000, 100),
            (20_000, 2_000),
            (60_000, 5_000),
        ];
        for (rows, dev) in cases {
            assert_eq!(split_sizes(rows), (rows - dev, dev), "{rows} rows");
        }
    }

    #[test]
    fn every_row_is_on_one_side_in_table_order() {
        let texts = numbered(300);
        let (train, dev) = split_dev(&as_strs(&texts), &[No; 300], 1, 5).unwrap();
        assert!(train.is_sorted() && dev.is_sorted());
        let mut all = [train, dev].concat();
        all.sort_unstable();
        assert_eq!(all, (0..300).collect::<Vec<_>>());
    }

    #[test]
    fn the_seed_decides() {
        let texts = numbered(300);
        let split = |seed| split_dev(&as_strs(&texts), &[No; 300], 1, seed).unwrap();
        assert_eq!(split(1), split(1));
        assert_ne!(split(1), split(2));
    }

    #[test]
    fn equal_texts_stay_together() {
        let texts: Vec<String> = (0..400).map(|row| format!("text {}", row % 137)).collect();
        let (train, dev) = split_dev(&as_strs(&texts), &[Unknown; 400], 1, 3).unwrap();
        assert_eq!(dev.len(), 50);
        for &row in &dev {
            assert!(
                train.iter().all(|&other| texts[other] != texts[row]),
                "row {row}"
            );
        }
    }

    #[test]
    fn a_label_keeps_its_only_positive_in_train() {
        let texts = numbered(120);
        // Label 0 is true in row 7 alone; label 1 in two rows with one text, which count as one.
        let mut cells = vec![No; 240];
        cells[14] = Yes;
        let mut texts = as_strs(&texts);
        texts[31] = texts[30];
        cells[61] = Yes;
        cells[63] = Yes;
        for seed in 0..50 {
            let (train, _) = split_dev(&texts, &cells, 2, seed).unwrap();
            for row in [7, 30, 31] {
                assert!(train.contains(&row), "seed {seed}, row {row}");
            }
        }
    }

    #[test]
    fn a_label_with_two_positives_has_one_on_each_side() {
        let texts = numbered(600);
        let mut cells = vec![No; 1200];
        cells[20] = Yes;
        cells[900] = Yes;
        for seed in 0..50 {
            let (_, dev) = split_dev(&as_strs(&texts), &cells, 2, seed).unwrap();
            assert!(dev.contains(&10) ^ dev.contains(&450), "seed {seed}");
        }
    }

    #[test]
    fn tables_that_cannot_be_split_give_none() {
        let cases = [
            ("no rows", vec![], vec![]),
            ("one row", vec!["a"], vec![No]),
            ("one text", vec!["a"; 200], vec![No; 200]),
            (
                "the only positive and nothing else",
                vec!["a", "a"],
                vec![Yes, No],
            ),
        ];
        for (name, texts, cells) in cases {
            assert_eq!(split_dev(&texts, &cells, 1, 0), None, "{name}");
        }
        assert_eq!(
            split_dev(&["a", "b"], &[Yes, No, No, Yes], 2, 0),
            None,
            "both are needed"
        );
    }
}
