//! Which rows stay together.

use std::collections::HashMap;

use multihot_kernels::random;

use super::Rows;

/// Tells this use of the seed from the others.
const PURPOSE: u64 = 0x7370_6c69_7400_0001;

/// Rows that stay together, the largest group first, groups of one size in random order.
pub(super) struct Groups {
    /// The rows of all groups, one group behind the other.
    rows: Vec<usize>,
    /// Where in `rows` each group ends.
    ends: Vec<usize>,
}

impl Groups {
    /// Rows are in one group when they have the same text, the same group name, or both with some
    /// third row.
    pub(super) fn of(rows: &Rows<'_>, seed: u64) -> Self {
        let mut leaders = Leaders::new(rows.texts.len());
        leaders.join_equal(rows.texts.iter().map(|text| Some(*text)));
        leaders.join_equal(rows.groups.iter().copied());
        Self::in_random_order(leaders, seed)
    }

    fn in_random_order(mut leaders: Leaders, seed: u64) -> Self {
        let n_rows = leaders.0.len();
        let leader_of: Vec<usize> = (0..n_rows).map(|row| leaders.find(row)).collect();
        let mut sizes = vec![0; n_rows];
        leader_of.iter().for_each(|&leader| sizes[leader] += 1);
        let mut order: Vec<usize> = (0..n_rows).filter(|&row| sizes[row] > 0).collect();
        random::shuffle(random::key(seed, &[PURPOSE]), &mut order);
        // Stable: groups of one size stay in random order.
        order.sort_by_key(|&leader| std::cmp::Reverse(sizes[leader]));

        // Where the next row of each leader's group goes.
        let (mut next, mut ends, mut end) = (sizes, Vec::with_capacity(order.len()), 0);
        for leader in order {
            let size = std::mem::replace(&mut next[leader], end);
            end += size;
            ends.push(end);
        }
        let mut rows = vec![0; n_rows];
        for (row, leader) in leader_of.into_iter().enumerate() {
            rows[next[leader]] = row;
            next[leader] += 1;
        }
        Self { rows, ends }
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The rows of each group.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[usize]> {
        (0..self.len()).map(|group| self.rows(group))
    }

    /// The rows of a group, in table order.
    pub(super) fn rows(&self, group: usize) -> &[usize] {
        let start = group.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.rows[start..self.ends[group]]
    }
}

/// For each row an earlier one of its group, or itself (a forest of disjoint sets).
struct Leaders(Vec<usize>);

impl Leaders {
    fn new(n_rows: usize) -> Self {
        Self((0..n_rows).collect())
    }

    /// Brings rows with one name into one group; a row without a name joins nobody.
    fn join_equal<'a>(&mut self, names: impl Iterator<Item = Option<&'a str>>) {
        let mut first = HashMap::new();
        for (row, name) in names.enumerate() {
            if let Some(name) = name {
                let other = *first.entry(name).or_insert(row);
                self.join(other, row);
            }
        }
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b)] = a.min(b);
    }

    /// The first row of `row`'s group.
    fn find(&mut self, mut row: usize) -> usize {
        while self.0[row] != row {
            // Halves the path for whoever asks next.
            self.0[row] = self.0[self.0[row]];
            row = self.0[row];
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The groups, each in table order, sorted by their first row.
    fn groups(texts: &[&str], names: &[Option<&str>]) -> Vec<Vec<usize>> {
        let rows = Rows {
            texts,
            groups: names,
            cells: &[],
            n_labels: 0,
        };
        let groups = Groups::of(&rows, 3);
        let mut all: Vec<Vec<usize>> = groups.iter().map(<[usize]>::to_vec).collect();
        let sizes: Vec<usize> = all.iter().map(Vec::len).collect();
        assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
        all.sort();
        all
    }

    #[test]
    fn a_text_or_a_name_in_common_keeps_rows_together() {
        let (a, b) = (Some("a"), Some("b"));
        type Case<'a> = (
            &'a str,
            &'a [&'a str],
            &'a [Option<&'a str>],
            &'a [&'a [usize]],
        );
        let cases: [Case; 6] = [
            ("no rows", &[], &[], &[]),
            ("texts", &["x", "y", "x"], &[], &[&[0, 2], &[1]]),
            ("empty texts", &["", "y", ""], &[], &[&[0, 2], &[1]]),
            ("names", &["x", "y", "z"], &[a, b, a], &[&[0, 2], &[1]]),
            (
                "without a name",
                &["x", "y", "z"],
                &[None, None, a],
                &[&[0], &[1], &[2]],
            ),
            (
                "over a third row",
                &["x", "y", "y", "z", "v"],
                &[a, b, a, b, None],
                &[&[0, 1, 2, 3], &[4]],
            ),
        ];
        for (name, texts, names, expected) in cases {
            assert_eq!(groups(texts, names), expected, "{name}");
        }
    }

    #[test]
    fn a_long_chain_is_one_group() {
        let names: Vec<String> = (0..5_000).map(|row| (row / 2).to_string()).collect();
        let texts: Vec<String> = (0..5_000)
            .map(|row: usize| row.div_ceil(2).to_string())
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let names: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_str())).collect();
        assert_eq!(groups(&texts, &names).len(), 1);
    }
}
