//! What the cells of a table say about its labels: how often each is true, how well a figure can
//! be known from so many, and which labels seem to belong together.

use multihot_table::Cell;
use serde::Serialize;

use crate::split::dev_rows;

/// Rows in which two labels would be true together by chance, from which their never being is no
/// accident: a chance of e^-5.
const EXPECTED_TOGETHER: f64 = 5.0;
/// The same where any two of a group have to pass, and all pairs of labels are tried: a chance of
/// 5e-5.
const EXPECTED_OF_ANY_TWO: f64 = 10.0;
/// Labels up to which each is compared with each: the counts of their pairs take 24 MB.
pub(super) const MOST_PAIRED: usize = 1_000;
/// Rows from which on a label may be said to imply another.
const FEWEST_CAUSES: usize = 10;
/// Largest chance that all of them are an accident.
const ACCIDENT: f64 = 1e-3;

/// One label of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelSurvey {
    /// Its name.
    pub label: String,
    /// Cells that say yes.
    pub yes: usize,
    /// Cells that say no.
    pub no: usize,
    /// Cells that say nothing.
    pub unknown: usize,
    /// Yes cells to expect among the held-out rows of a training.
    pub held_out_yes: f64,
    /// Half the width of a 95 % interval of its F1 there; `None` without a yes cell.
    pub f1_noise: Option<f64>,
}

/// Labels that seem to belong together, by place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Relations {
    /// Groups of which exactly one is true in every row.
    pub exclusive: Vec<Vec<usize>>,
    /// Groups of which one is true in most rows, and never two are.
    pub at_most_one: Vec<Vec<usize>>,
    /// The first is only true where the second is.
    pub implied: Vec<(usize, usize)>,
}

/// Counts of all cells, and of all pairs of labels in one row.
pub(super) struct Counted {
    labels: Vec<Answered>,
    /// `None` where there are more than [`MOST_PAIRED`] labels.
    pairs: Option<Pairs>,
}

/// How often a label is answered.
#[derive(Clone, Copy, Default)]
struct Answered {
    known: usize,
    yes: usize,
}

impl Counted {
    /// Counts row-major `cells` of `n_labels` labels.
    pub fn of(cells: &[Cell], n_labels: usize) -> Self {
        let mut labels = vec![Answered::default(); n_labels];
        for row in cells.chunks(n_labels.max(1)) {
            for (label, cell) in labels.iter_mut().zip(row) {
                label.known += usize::from(*cell != Cell::Unknown);
                label.yes += usize::from(*cell == Cell::Yes);
            }
        }
        Self {
            labels,
            pairs: (n_labels <= MOST_PAIRED).then(|| Pairs::of(cells, n_labels)),
        }
    }

    /// Each of `labels`, in a table of `rows` rows.
    pub fn labels(&self, labels: &[String], rows: usize) -> Vec<LabelSurvey> {
        let share = dev_rows(rows) as f64 / rows.max(1) as f64;
        let survey = |(&Answered { known, yes }, name): (&Answered, &String)| {
            let held_out_yes = yes as f64 * share;
            LabelSurvey {
                label: name.clone(),
                yes,
                no: known - yes,
                unknown: rows - known,
                held_out_yes,
                f1_noise: (yes > 0).then(|| f1_noise(held_out_yes)),
            }
        };
        self.labels.iter().zip(labels).map(survey).collect()
    }

    /// Labels that seem to belong together in `cells`, the ones that were counted; none where they
    /// are too many.
    pub fn relations(&self, cells: &[Cell]) -> Relations {
        let pairs = self.pairs.as_ref();
        pairs.map_or_else(Relations::default, |pairs| pairs.relations(cells))
    }
}

/// Counts of all pairs of labels in one row.
struct Pairs {
    n_labels: usize,
    n_rows: usize,
    /// Rows with both labels known, a square of labels.
    known: Vec<usize>,
    /// Rows with both true.
    both: Vec<usize>,
    /// Rows with the first true and the second known.
    first: Vec<usize>,
}

impl Pairs {
    fn of(cells: &[Cell], n_labels: usize) -> Self {
        let square = || vec![0; n_labels * n_labels];
        let mut pairs = Self {
            n_labels,
            n_rows: cells.len() / n_labels.max(1),
            known: square(),
            both: square(),
            first: square(),
        };
        // Rows without a blank are most rows of most tables: the pairs of their known labels are
        // all pairs, and need not be gone through.
        let (mut whole, mut whole_yes) = (0, vec![0; n_labels]);
        let places = |row: &[Cell], is_meant: fn(Cell) -> bool| -> Vec<usize> {
            (0..n_labels)
                .filter(|&label| is_meant(row[label]))
                .collect()
        };
        for row in cells.chunks(n_labels.max(1)) {
            let yes = places(row, |cell| cell == Cell::Yes);
            let known = places(row, |cell| cell != Cell::Unknown);
            if known.len() == n_labels {
                whole += 1;
                yes.iter().for_each(|&label| whole_yes[label] += 1);
            } else {
                pairs.add(&yes, &known);
            }
            for &a in &yes {
                yes.iter().for_each(|&b| pairs.both[a * n_labels + b] += 1);
            }
        }
        for (place, known) in pairs.known.iter_mut().enumerate() {
            *known += whole;
            pairs.first[place] += whole_yes[place / n_labels];
        }
        pairs
    }

    /// Counts the pairs of a row, of whose `known` labels `yes` are true.
    fn add(&mut self, yes: &[usize], known: &[usize]) {
        for &b in known {
            known
                .iter()
                .for_each(|&a| self.known[a * self.n_labels + b] += 1);
            yes.iter()
                .for_each(|&a| self.first[a * self.n_labels + b] += 1);
        }
    }

    fn at(&self, a: usize, b: usize) -> usize {
        a * self.n_labels + b
    }

    fn relations(&self, cells: &[Cell]) -> Relations {
        let exclusive = self.exactly_one(cells);
        let labels = 0..self.n_labels;
        let pairs = labels
            .clone()
            .flat_map(|a| labels.clone().map(move |b| (a, b)));
        Relations {
            implied: pairs
                .filter(|&(a, b)| a != b && self.implies(a, b))
                .collect(),
            at_most_one: self.at_most_one(cells, &exclusive.concat()),
            exclusive,
        }
    }

    /// Whether `b` is true wherever `a` is, often enough to be no accident.
    fn implies(&self, a: usize, b: usize) -> bool {
        let place = self.at(a, b);
        let causes = self.first[place];
        if causes < FEWEST_CAUSES || self.both[place] < causes {
            return false;
        }
        let consequences = self.first[self.at(b, a)];
        let share = consequences as f64 / self.known[place] as f64;
        share.powf(causes as f64) < ACCIDENT
    }

    /// Groups of labels of which exactly one is true in every row where all are known.
    fn exactly_one(&self, cells: &[Cell]) -> Vec<Vec<usize>> {
        // A rare label joins without proof: that all rows have just one is the proof.
        let mut groups = self.groups(&[], |a, b| self.both[self.at(a, b)] == 0);
        groups.retain(|group| {
            let rows = RowsOfGroup::of(group, cells, self.n_labels);
            let is_no_chance = self.are_apart(group, EXPECTED_TOGETHER);
            is_no_chance && self.are_most(rows.known) && rows.one == rows.known
        });
        groups
    }

    /// Groups of labels, none of them in `settled`, of which two are never true, though chance would
    /// have made any two of them so, and one is true in most rows.
    fn at_most_one(&self, cells: &[Cell], settled: &[usize]) -> Vec<Vec<usize>> {
        let mut groups = self.groups(settled, |a, b| self.are_apart(&[a, b], EXPECTED_OF_ANY_TWO));
        groups.retain(|group| {
            let rows = RowsOfGroup::of(group, cells, self.n_labels);
            group.len() > 1 && self.are_most(rows.known) && 2 * rows.one > rows.known
        });
        groups
    }

    /// Puts labels that are true somewhere and known in most rows, the most frequent first, into the
    /// first group that has only labels which each of them may join.
    fn groups(
        &self,
        left_out: &[usize],
        may_join: impl Fn(usize, usize) -> bool,
    ) -> Vec<Vec<usize>> {
        let yes = |label: usize| self.first[self.at(label, label)];
        let is_told = |label: &usize| {
            let known = self.known[self.at(*label, *label)];
            yes(*label) > 0 && self.are_most(known) && !left_out.contains(label)
        };
        let mut order: Vec<usize> = (0..self.n_labels).filter(is_told).collect();
        order.sort_by_key(|&label| std::cmp::Reverse(yes(label)));
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for label in order {
            let fits = |group: &&mut Vec<usize>| group.iter().all(|&other| may_join(label, other));
            match groups.iter_mut().find(fits) {
                Some(group) => group.push(label),
                None => groups.push(vec![label]),
            }
        }
        groups.iter_mut().for_each(|group| group.sort_unstable());
        groups
    }

    /// Whether two of `labels` are never true together, though chance would have made them so in
    /// `expected` rows.
    fn are_apart(&self, labels: &[usize], expected: f64) -> bool {
        let of_two = |a: usize, b: usize| {
            let place = self.at(a, b);
            let known = self.known[place].max(1) as f64;
            let together = self.first[place] as f64 * self.first[self.at(b, a)] as f64 / known;
            self.both[place] == 0 && together >= expected
        };
        let mut pairs = labels
            .iter()
            .flat_map(|&a| labels.iter().map(move |&b| (a, b)));
        pairs.any(|(a, b)| a != b && of_two(a, b))
    }

    fn are_most(&self, rows: usize) -> bool {
        2 * rows > self.n_rows
    }
}

/// The rows that answer all labels of a group.
struct RowsOfGroup {
    known: usize,
    /// Those in which one is true.
    one: usize,
}

impl RowsOfGroup {
    fn of(group: &[usize], cells: &[Cell], n_labels: usize) -> Self {
        let mut rows = Self { known: 0, one: 0 };
        for row in cells.chunks(n_labels) {
            if group.iter().all(|&label| row[label] != Cell::Unknown) {
                let yes = group.iter().filter(|&&label| row[label] == Cell::Yes);
                rows.known += 1;
                rows.one += usize::from(yes.count() == 1);
            }
        }
        rows
    }
}

/// Half the width of a 95 % interval of an F1 of 0.7 that was measured on `positives` yes cells,
/// precision and recall being 0.7 as well.
///
/// With `tp` of binomial variance `0.21 m` and `fp` of Poisson variance `0.3 m`, the delta method
/// on `2 tp / (m + tp + fp)` gives the variance `(0.65² · 0.21 + 0.35² · 0.3) / m`.
fn f1_noise(positives: f64) -> f64 {
    let variance = 0.65_f64.powi(2) * 0.21 + 0.35_f64.powi(2) * 0.3;
    (1.96 * (variance / positives).sqrt()).min(1.0)
}

#[cfg(test)]
mod tests {
    use Cell::{No, Unknown, Yes};
    use multihot_kernels::random;

    use super::*;

    fn cells(rows: &[&str]) -> Vec<Cell> {
        let cell = |c: char| match c {
            'y' => Yes,
            'n' => No,
            _ => Unknown,
        };
        rows.iter().flat_map(|row| row.chars().map(cell)).collect()
    }

    fn relations(rows: &[&str], times: usize) -> Relations {
        let cells = cells(&rows.repeat(times));
        Counted::of(&cells, rows[0].len()).relations(&cells)
    }

    #[test]
    fn cells_are_counted() {
        let cells = cells(&["yn?", "yy?", "?n?"]);
        let labels = ["a", "b", "c"].map(str::to_owned);
        let found = Counted::of(&cells, 3).labels(&labels, 3);
        let counts: Vec<_> = found.iter().map(|l| (l.yes, l.no, l.unknown)).collect();
        assert_eq!(counts, [(2, 0, 1), (1, 2, 0), (0, 0, 3)]);
        assert_eq!(found[2].f1_noise, None);
    }

    #[test]
    fn labels_of_which_one_is_true_are_a_group() {
        type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a [usize]]);
        let cases: [Case<'_>; 6] = [
            ("three of a kind", &["ynn", "nyn", "nny"], &[&[0, 1, 2]]),
            (
                "and one free",
                &["ynny", "nynn", "nnyy", "nnyn"],
                &[&[0, 1, 2]],
            ),
            ("none is true once", &["ynn", "nyn", "nny", "nnn"], &[]),
            ("two are true once", &["ynn", "nyn", "nny", "yyn"], &[]),
            (
                "unknown rows tell nothing",
                &["yn", "ny", "yn", "??", "n?"],
                &[&[0, 1]],
            ),
            (
                "two groups",
                &["ynyn", "nyny", "ynny", "nyyn"],
                &[&[0, 1], &[2, 3]],
            ),
        ];
        for (name, rows, expected) in cases {
            assert_eq!(relations(rows, 40).exclusive, expected, "{name}");
        }
        // In so few rows it may be chance.
        assert_eq!(
            relations(&["yn", "ny"], 4).exclusive,
            Vec::<Vec<usize>>::new()
        );
    }

    #[test]
    fn a_few_rows_that_answer_all_are_no_proof() {
        let none = Vec::<Vec<usize>>::new();
        // Only the first row answers all three.
        let mut rows = vec!["ynn"];
        rows.extend(["yn?", "ny?"].repeat(40));
        assert_eq!(relations(&rows, 1).exclusive, [[0, 1]]);
        let mut rows = ["yn", "ny"].repeat(30);
        rows.extend(["y?", "?y", "n?"].repeat(30));
        assert_eq!(relations(&rows, 1).exclusive, none);
        // A label that is never true is nobody's answer.
        assert_eq!(relations(&["ynn", "nyn"], 40).exclusive, [[0, 1]]);
    }

    #[test]
    fn labels_of_which_two_are_never_true_are_told_where_it_is_clear() {
        type Case<'a> = (&'a str, &'a [&'a str], usize, &'a [&'a [usize]]);
        let cases: [Case<'_>; 6] = [
            (
                "none is true once",
                &["ynn", "nyn", "nny", "nnn"],
                60,
                &[&[0, 1, 2]],
            ),
            (
                "and one free",
                &["yny", "nyy", "ynn", "nyn", "nny"],
                60,
                &[&[0, 1]],
            ),
            ("exactly one is more", &["ynn", "nyn", "nny"], 60, &[]),
            (
                "in so few rows it may be chance",
                &["yn", "ny", "nn"],
                10,
                &[],
            ),
            (
                "mostly none is true",
                &["yn", "ny", "nn", "nn", "nn"],
                60,
                &[],
            ),
            (
                "unknown rows tell nothing",
                &["yn", "ny", "nn", "?n", "??", "?y"],
                60,
                &[],
            ),
        ];
        for (name, rows, times, expected) in cases {
            assert_eq!(relations(rows, times).at_most_one, expected, "{name}");
        }
    }

    #[test]
    fn too_many_labels_are_counted_and_not_compared() {
        let n_labels = MOST_PAIRED + 1;
        let row = |yes: usize| (0..n_labels).map(move |label| if label == yes { Yes } else { No });
        let cells: Vec<Cell> = (0..40).flat_map(|i| row(i % 2)).collect();
        let counted = Counted::of(&cells, n_labels);
        assert_eq!(counted.relations(&cells), Relations::default());
        let labels: Vec<String> = (0..n_labels).map(|label| label.to_string()).collect();
        assert_eq!(counted.labels(&labels, 40)[1].yes, 20);
    }

    #[test]
    fn a_label_that_is_only_true_with_another_implies_it() {
        let rows = ["yyn", "nyy", "nnn", "nny"];
        assert_eq!(relations(&rows, 20).implied, [(0, 1)]);
        assert_eq!(relations(&rows, 9).implied, []);
        assert_eq!(relations(&["yyn", "nyy", "nny", "ynn"], 20).implied, []);
        // What is true nearly everywhere is implied by everything.
        let mut rows = vec!["yy"; 12];
        rows.extend(vec!["ny"; 300]);
        rows.push("nn");
        assert_eq!(relations(&rows, 1).implied, []);
    }

    #[test]
    fn the_noise_is_that_of_drawn_tables() {
        let positives = 80;
        let f1 = |draw: u64| {
            let hits = |which: u64, n: u64, chance: f64| {
                let key = random::key(draw, &[which]);
                (0..n).filter(|&i| random::uniform(key, i) < chance).count() as f64
            };
            let tp = hits(0, positives, 0.7);
            let fp = hits(1, 24_000, 0.001);
            2.0 * tp / (positives as f64 + tp + fp)
        };
        let draws: Vec<f64> = (0..2000).map(f1).collect();
        let mean = draws.iter().sum::<f64>() / 2000.0;
        let variance = draws.iter().map(|f1| (f1 - mean).powi(2)).sum::<f64>() / 1999.0;
        let ratio = 1.96 * variance.sqrt() / f1_noise(positives as f64);
        assert!((ratio - 1.0).abs() < 0.08, "{ratio}");
    }
}
