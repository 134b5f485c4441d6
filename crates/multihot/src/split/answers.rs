//! What is shared out between the parts beside the rows themselves: the answers in the cells.

use multihot_table::Cell;

use super::Rows;
use super::groups::Groups;

/// What a cell may say.
const CELLS: [Cell; 3] = [Cell::Yes, Cell::No, Cell::Unknown];

/// A label's most frequent answer is left out from this many groups on: every part will have some
/// of it. Below that there is nothing to be saved.
const WORTH_LEAVING_OUT: usize = 1_000;

/// An answer of one label, and how often it is given.
pub(super) struct Answer {
    pub(super) cell: Cell,
    /// Rows that give it.
    pub(super) rows: usize,
    /// Groups in which some row gives it.
    pub(super) groups: usize,
    /// Whether it is the most frequent one of its label.
    pub(super) is_most: bool,
}

/// The answers that are shared out, and who gives them.
///
/// A label's cells say yes, no or unknown. A part that has its share of the rows and of the two
/// rarer ones has its share of the third, so in a table of some size only these two are here. This
/// keeps the work in proportion to the yes cells of an ordinary table, in which most say no.
pub(super) struct Answers {
    pub(super) all: Vec<Answer>,
    /// The answers of each group in order, one a cell.
    of_groups: Lists,
    /// The groups that give each answer in order, one a cell.
    given_by: Lists,
}

impl Answers {
    pub(super) fn of(rows: &Rows<'_>, groups: &Groups) -> Self {
        let counts = group_counts(rows, groups);
        let (mut n_answers, mut place) = (0, vec![[None; 3]; rows.n_labels]);
        let mut cells = Vec::new();
        for (place, counts) in place.iter_mut().zip(&counts) {
            let most = most_frequent(counts);
            for cell in shared_out(counts) {
                place[cell as usize] = Some(n_answers);
                cells.push((cell, counts[cell as usize], cell == most));
                n_answers += 1;
            }
        }
        let answers_of_row = |row: usize| {
            let places = place.iter().zip(rows.cells_of(row));
            places.filter_map(|(place, cell)| place[*cell as usize])
        };
        let of_groups = Lists::new(groups.iter(), |members, answers| {
            answers.extend(members.iter().flat_map(|&row| answers_of_row(row)));
            if members.len() > 1 {
                answers.sort_unstable();
            }
        });
        let given_by = of_groups.transposed(n_answers);
        let answer = |(i, (cell, groups, is_most))| Answer {
            cell,
            rows: given_by.list(i).len(),
            groups,
            is_most,
        };
        Self {
            all: cells.into_iter().enumerate().map(answer).collect(),
            of_groups,
            given_by,
        }
    }

    /// The answers of a group and how many of its rows give each.
    pub(super) fn of_group(&self, group: usize) -> impl Iterator<Item = (usize, usize)> {
        let equal = self.of_groups.list(group).chunk_by(|a, b| a == b);
        equal.map(|cells| (cells[0], cells.len()))
    }

    /// The groups that give an answer, the largest first; one may be there several times.
    pub(super) fn given_by(&self, answer: usize) -> &[usize] {
        self.given_by.list(answer)
    }
}

/// For each label the groups in which some row says yes, no, unknown.
fn group_counts(rows: &Rows<'_>, groups: &Groups) -> Vec<[usize; 3]> {
    let mut counts = vec![[0; 3]; rows.n_labels];
    // The group that was counted last, from 1.
    let mut counted = vec![[0; 3]; rows.n_labels];
    for (group, members) in groups.iter().enumerate() {
        for &row in members {
            let labels = counts.iter_mut().zip(&mut counted);
            for ((counts, counted), cell) in labels.zip(rows.cells_of(row)) {
                let counted = std::mem::replace(&mut counted[*cell as usize], group + 1);
                counts[*cell as usize] += usize::from(counted != group + 1);
            }
        }
    }
    counts
}

/// The answers of a label that are shared out, where so many groups give each.
fn shared_out(counts: &[usize; 3]) -> impl Iterator<Item = Cell> {
    let most = most_frequent(counts);
    CELLS.into_iter().filter(move |cell| {
        let count = counts[*cell as usize];
        count > 0 && (*cell != most || count < WORTH_LEAVING_OUT)
    })
}

/// Of equal ones the last: unknown rather than no, and no rather than yes.
fn most_frequent(counts: &[usize; 3]) -> Cell {
    let most = CELLS.into_iter().max_by_key(|cell| counts[*cell as usize]);
    most.expect("there are three")
}

/// Lists of numbers, one behind the other.
struct Lists {
    values: Vec<usize>,
    ends: Vec<usize>,
}

impl Lists {
    /// A list for each of `items`, as `append` writes it.
    fn new<T>(items: impl Iterator<Item = T>, append: impl Fn(T, &mut Vec<usize>)) -> Self {
        let (mut values, mut ends, mut list) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            append(item, &mut list);
            values.append(&mut list);
            ends.push(values.len());
        }
        Self { values, ends }
    }

    fn list(&self, i: usize) -> &[usize] {
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.values[start..self.ends[i]]
    }

    /// For each value below `n` the lists it stands in, in order, as often as it stands there.
    fn transposed(&self, n: usize) -> Self {
        let mut next = vec![0; n + 1];
        self.values.iter().for_each(|&value| next[value + 1] += 1);
        for i in 0..n {
            next[i + 1] += next[i];
        }
        let ends = next[1..].to_vec();
        let mut values = vec![0; self.values.len()];
        for i in 0..self.ends.len() {
            for &value in self.list(i) {
                values[next[value]] = i;
                next[value] += 1;
            }
        }
        Self { values, ends }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Cell::{No, Unknown, Yes};

    #[test]
    fn the_most_frequent_answer_is_left_out_where_there_are_many() {
        let many = WORTH_LEAVING_OUT;
        let cases: [(&str, [usize; 3], &[Cell]); 6] = [
            ("a usual label", [50, many, 0], &[Yes]),
            ("with blanks", [50, many, 70], &[Yes, Unknown]),
            ("mostly yes", [many, 3, 1], &[No, Unknown]),
            ("mostly blank", [3, 5, many], &[Yes, No]),
            ("few of each", [many - 1, 3, 1], &[Yes, No, Unknown]),
            ("a tie", [many, many, 0], &[Yes]),
        ];
        for (name, counts, expected) in cases {
            assert_eq!(shared_out(&counts).collect::<Vec<_>>(), expected, "{name}");
        }
    }

    #[test]
    fn a_group_gives_an_answer_as_often_as_its_rows_do() {
        let rows = Rows {
            texts: &["a", "b", "a", "a"],
            groups: &[],
            // Two labels.
            cells: &[Yes, No, No, No, Yes, Unknown, No, Yes],
            n_labels: 2,
        };
        let groups = Groups::of(&rows, 0);
        let answers = Answers::of(&rows, &groups);
        let all: Vec<_> = answers
            .all
            .iter()
            .map(|a| (a.cell, a.rows, a.groups))
            .collect();
        let expected = [
            (Yes, 2, 1),
            (No, 2, 2),
            (Yes, 1, 1),
            (No, 2, 2),
            (Unknown, 1, 1),
        ];
        assert_eq!(all, expected);
        // The larger group is the first.
        let of_group = |group| answers.of_group(group).collect::<Vec<_>>();
        assert_eq!(of_group(0), [(0, 2), (1, 1), (2, 1), (3, 1), (4, 1)]);
        assert_eq!(of_group(1), [(1, 1), (3, 1)]);
        assert_eq!(answers.given_by(0), [0, 0]);
        assert_eq!(answers.given_by(1), [0, 1]);
    }
}
