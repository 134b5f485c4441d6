//! What the cells of a table say about its labels: how often each is true, how well a figure can
//! be known from so many, and which labels seem to belong together.

use multihot_table::Cell;
use serde::Serialize;

use crate::split::dev_rows;

/// Rows in which two labels would be true together by chance, from which their never being is no
/// accident: a chance of e^-5.
const EXPECTED_TOGETHER: f64 = 5.0;
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
    /// The first is only true where the second is.
    pub implied: Vec<(usize, usize)>,
}

/// Counts of all cells, and of all pairs of labels in one row.
pub(super) struct Counted {
    n_labels: usize,
    /// Rows with both labels known, a square of labels.
    known: Vec<usize>,
    /// Rows with both true.
    both: Vec<usize>,
    /// Rows with the first true and the second known.
    first: Vec<usize>,
}

impl Counted {
    /// Counts row-major `cells` of `n_labels` labels.
    pub fn of(cells: &[Cell], n_labels: usize) -> Self {
        let square = || vec![0; n_labels * n_labels];
        let mut counted = Self {
            n_labels,
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
                counted.add(&yes, &known);
            }
            for &a in &yes {
                yes.iter()
                    .for_each(|&b| counted.both[a * n_labels + b] += 1);
            }
        }
        for (place, known) in counted.known.iter_mut().enumerate() {
            *known += whole;
            counted.first[place] += whole_yes[place / n_labels];
        }
        counted
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

    /// Each of `labels`, in a table of `rows` rows.
    pub fn labels(&self, labels: &[String], rows: usize) -> Vec<LabelSurvey> {
        let share = dev_rows(rows) as f64 / rows.max(1) as f64;
        let survey = |(label, name): (usize, &String)| {
            let place = self.at(label, label);
            let (known, yes) = (self.known[place], self.first[place]);
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
        labels.iter().enumerate().map(survey).collect()
    }

    /// Labels that seem to belong together in `cells`, the ones that were counted.
    pub fn relations(&self, cells: &[Cell]) -> Relations {
        let exclusive = self.exclusive(cells);
        let in_one_group = |a: usize, b: usize| {
            exclusive
                .iter()
                .any(|group| group.contains(&a) && group.contains(&b))
        };
        let labels = 0..self.n_labels;
        let pairs = labels
            .clone()
            .flat_map(|a| labels.clone().map(move |b| (a, b)));
        let implied = pairs.filter(|&(a, b)| a != b && self.implies(a, b) && !in_one_group(a, b));
        Relations {
            implied: implied.collect(),
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

    /// Whether `a` and `b` are never true together, though chance would have made them.
    fn exclude_each_other(&self, a: usize, b: usize) -> bool {
        let place = self.at(a, b);
        let known = self.known[place].max(1) as f64;
        let expected = self.first[place] as f64 * self.first[self.at(b, a)] as f64 / known;
        self.both[place] == 0 && expected >= EXPECTED_TOGETHER
    }

    /// Groups of labels of which exactly one is true in every row where all are known.
    fn exclusive(&self, cells: &[Cell]) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.n_labels).collect();
        order.sort_by_key(|&label| std::cmp::Reverse(self.first[self.at(label, label)]));
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for label in order {
            let fits =
                |group: &&mut Vec<usize>| group.iter().all(|&other| self.may_join(label, other));
            match groups.iter_mut().find(fits) {
                Some(group) => group.push(label),
                None => groups.push(vec![label]),
            }
        }
        groups.iter_mut().for_each(|group| group.sort_unstable());
        groups.retain(|group| {
            group.len() > 1
                && self.holds_a_pair(group)
                && one_is_true_in_every_row(group, cells, self.n_labels)
        });
        groups
    }

    /// Whether the two are never true together; a rare label joins without proof.
    fn may_join(&self, a: usize, b: usize) -> bool {
        self.both[self.at(a, b)] == 0
    }

    fn holds_a_pair(&self, group: &[usize]) -> bool {
        let pairs = group
            .iter()
            .flat_map(|&a| group.iter().map(move |&b| (a, b)));
        pairs
            .into_iter()
            .any(|(a, b)| a != b && self.exclude_each_other(a, b))
    }
}

fn one_is_true_in_every_row(group: &[usize], cells: &[Cell], n_labels: usize) -> bool {
    let known = |row: &&[Cell]| group.iter().all(|&label| row[label] != Cell::Unknown);
    let mut rows = cells.chunks(n_labels.max(1)).filter(known).peekable();
    let is_one = |row: &[Cell]| {
        group
            .iter()
            .filter(|&&label| row[label] == Cell::Yes)
            .count()
            == 1
    };
    rows.peek().is_some() && rows.all(is_one)
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
                &["yn", "ny", "??", "n?"],
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
