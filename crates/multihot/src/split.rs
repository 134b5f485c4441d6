//! Which rows are learned from and which are held out.
//!
//! Rows are shared out so that each part has its share of every label's yes cells, of its no cells
//! and of its unknown ones (iterative stratification). Drawn by chance alone, a rare label often
//! has no yes among the held-out rows, and then nothing can be said about it.
//!
//! Rows that belong together stay together: those with the same text, so that no text is both
//! learned from and held out, and those of one group, where there is a column of groups. How the
//! parts are filled stands in `split/deal.rs`.

mod answers;
mod deal;
mod groups;
mod job;
mod report;
mod text;
mod write;

use multihot_table::Cell;

use answers::Answers;
use deal::{Parts, deal};
use groups::Groups;
pub use job::{SplitJob, SplitParts, split_table};
pub use report::{LabelReport, PartReport, SplitReport};

/// The rows of a table, as far as splitting looks at them.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The text of each row.
    pub texts: &'a [&'a str],
    /// The group of each row, `None` for one that belongs to none; empty where there are no groups
    /// but those of equal texts.
    pub groups: &'a [Option<&'a str>],
    /// The cells of each row, row-major, `n_labels` a row.
    pub cells: &'a [Cell],
    /// Labels.
    pub n_labels: usize,
}

impl<'a> Rows<'a> {
    /// Texts and cells of these rows.
    pub(crate) fn select(&self, rows: &[usize]) -> (Vec<&'a str>, Vec<Cell>) {
        let cells = rows
            .iter()
            .flat_map(|row| &self.cells[row * self.n_labels..][..self.n_labels]);
        let texts = rows.iter().map(|&row| self.texts[row]);
        (texts.collect(), cells.copied().collect())
    }
}

/// Why rows cannot be split; `rows` are those of the table, `parts` those that were asked for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum SplitError {
    /// Shares that are no shares of a whole.
    #[error("the shares of the parts are {found:?}; expected numbers above 0 that sum to 1")]
    Shares { found: Vec<f64> },
    /// Folds of which none could be held out while another is learned from.
    #[error("{found} folds are too few; expected 2 or more")]
    TooFewFolds { found: usize },
    /// More parts than there are groups.
    #[error(
        "{} in {}, which stay whole, cannot be split into {parts} parts",
        counted(*rows, "row"),
        counted(*groups, "group")
    )]
    TooFewGroups {
        rows: usize,
        groups: usize,
        parts: usize,
    },
    /// Too little is left to hold out.
    #[error("{} cannot be split into {parts} parts, as train keeps a yes of each label", counted(*rows, "row"))]
    AllNeeded { rows: usize, parts: usize },
}

fn counted(n: usize, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

impl SplitError {
    /// What the user may do about it, in one sentence.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Shares { .. } | Self::TooFewFolds { .. } => return None,
            Self::TooFewGroups { .. } => {
                "rows with the same text, or in the same group, stay together: ask for fewer parts, or add rows"
            }
            Self::AllNeeded { .. } => "add rows that answer these labels with yes",
        };
        Some(hint.into())
    }
}

/// The part of each row, in table order, where part `i` is to have `shares[i]` of the rows.
///
/// The first part is the one to learn from: it keeps at least one yes of each label, and where a
/// label has few, the second part is the next to get one, and so on. Parts have the rows that
/// their shares come to (the largest remainders are rounded up, and each has one at least) where
/// no group is larger than one row and the first part need not keep more. Groups are never cut:
/// where they are larger, a part may have too many rows by less than the largest group.
///
/// The same seed gives the same parts. Time goes with the cells, and with what each label's two
/// rarer answers have in rows times parts.
///
/// # Errors
///
/// Shares that are not above 0 or do not sum to 1; rows that do not suffice.
///
/// # Panics
///
/// When the lengths of `rows` do not fit.
pub fn split_shares(rows: &Rows<'_>, shares: &[f64], seed: u64) -> Result<Vec<usize>, SplitError> {
    // Room for shares that were computed, such as 1 - 0.1 - 0.1.
    let is_whole = (shares.iter().sum::<f64>() - 1.0).abs() < 1e-6;
    if !is_whole || shares.iter().any(|&share| share <= 0.0) {
        return Err(SplitError::Shares {
            found: shares.to_vec(),
        });
    }
    let parts = Parts {
        rows: rows_of_shares(shares, rows.texts.len()),
        in_order: true,
    };
    split(rows, &parts, seed)
}

/// The fold of each row, in table order, for `folds` folds of equal size: each is held out once,
/// while the others are learned from. As [`split_shares`], with no fold before another.
///
/// # Errors
///
/// Fewer than two folds; rows that do not suffice for so many.
///
/// # Panics
///
/// When the lengths of `rows` do not fit.
pub fn k_folds(rows: &Rows<'_>, folds: usize, seed: u64) -> Result<Vec<usize>, SplitError> {
    if folds < 2 {
        return Err(SplitError::TooFewFolds { found: folds });
    }
    let parts = Parts {
        rows: rows_of_shares(&vec![1.0 / folds as f64; folds], rows.texts.len()),
        in_order: false,
    };
    split(rows, &parts, seed)
}

/// The rows to learn from, then those held out for choosing between models: 10 % of the rows, at
/// least 50, at most 5,000 and at most half. Both in table order; otherwise as [`split_shares`].
///
/// # Errors
///
/// Rows that do not suffice.
///
/// # Panics
///
/// When the lengths of `rows` do not fit.
pub fn hold_out_dev(rows: &Rows<'_>, seed: u64) -> Result<(Vec<usize>, Vec<usize>), SplitError> {
    let n_rows = rows.texts.len();
    let dev = dev_rows(n_rows);
    let parts = Parts {
        rows: vec![n_rows - dev, dev],
        in_order: true,
    };
    let part_of = split(rows, &parts, seed)?;
    Ok((0..n_rows).partition(|&row| part_of[row] == 0))
}

/// How many of `rows` to hold out.
pub(crate) fn dev_rows(rows: usize) -> usize {
    // Below 50 rows a dev metric is mostly noise; beyond 5,000 evaluation costs more than it tells.
    (rows / 10).clamp(50, 5_000).min(rows / 2)
}

fn split(rows: &Rows<'_>, parts: &Parts, seed: u64) -> Result<Vec<usize>, SplitError> {
    rows.check();
    let (n_rows, n_parts) = (rows.texts.len(), parts.rows.len());
    let groups = Groups::of(rows, seed);
    if groups.len() < n_parts {
        return Err(SplitError::TooFewGroups {
            rows: n_rows,
            groups: groups.len(),
            parts: n_parts,
        });
    }
    let answers = Answers::of(rows, &groups);
    let part_of_group = deal(&groups, &answers, parts, seed).ok_or(SplitError::AllNeeded {
        rows: n_rows,
        parts: n_parts,
    })?;
    let mut part_of = vec![0; n_rows];
    for (members, part) in groups.iter().zip(part_of_group) {
        members.iter().for_each(|&row| part_of[row] = part);
    }
    Ok(part_of)
}

/// How many of `n_rows` each share comes to, one at least where there are so many: rounded down,
/// and what is left goes to those that lost most, of equal ones to the earlier.
fn rows_of_shares(shares: &[f64], n_rows: usize) -> Vec<usize> {
    let whole: f64 = shares.iter().sum();
    let exact = |part: usize| shares[part] / whole * n_rows as f64;
    let mut rows: Vec<usize> = (0..shares.len()).map(|part| exact(part) as usize).collect();
    let lost = |rows: &[usize], part: usize| exact(part) - rows[part] as f64;
    for _ in rows.iter().sum::<usize>()..n_rows {
        let parts = (0..rows.len()).rev();
        if let Some(part) = parts.max_by(|&a, &b| lost(&rows, a).total_cmp(&lost(&rows, b))) {
            rows[part] += 1;
        }
    }
    while let Some(empty) = rows.iter().position(|&rows| rows == 0)
        && let Some(most) = rows.iter_mut().max().filter(|most| **most > 1)
    {
        *most -= 1;
        rows[empty] = 1;
    }
    rows
}

impl<'a> Rows<'a> {
    fn check(&self) {
        let n_rows = self.texts.len();
        assert_eq!(
            self.cells.len(),
            n_rows * self.n_labels,
            "split: `cells` and `texts` do not fit"
        );
        assert!(
            self.groups.is_empty() || self.groups.len() == n_rows,
            "split: {} groups for {n_rows} texts",
            self.groups.len()
        );
    }

    fn cells_of(&self, row: usize) -> &'a [Cell] {
        &self.cells[row * self.n_labels..][..self.n_labels]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use Cell::{No, Unknown, Yes};

    fn numbered(rows: usize) -> Vec<String> {
        (0..rows).map(|row| format!("text {row}")).collect()
    }

    fn as_strs(texts: &[String]) -> Vec<&str> {
        texts.iter().map(String::as_str).collect()
    }

    fn rows<'a>(texts: &'a [&'a str], cells: &'a [Cell]) -> Rows<'a> {
        Rows {
            texts,
            groups: &[],
            cells,
            n_labels: cells.len().checked_div(texts.len()).unwrap_or(0),
        }
    }

    fn n_rows(part_of: &[usize], part: usize) -> usize {
        part_of.iter().filter(|&&other| other == part).count()
    }

    /// Rows of `part` in which `label` has `answer`.
    fn count(rows: &Rows<'_>, part_of: &[usize], part: usize, label: usize, answer: Cell) -> usize {
        let in_part = (0..rows.texts.len()).filter(|&row| part_of[row] == part);
        let given = in_part.filter(|&row| rows.cells_of(row)[label] == answer);
        given.count()
    }

    fn total(rows: &Rows<'_>, label: usize, answer: Cell) -> usize {
        count(rows, &vec![0; rows.texts.len()], 0, label, answer)
    }

    #[test]
    fn shares_come_to_rows_that_sum_up() {
        let cases: [(&str, &[f64], usize, &[usize]); 8] = [
            ("whole numbers", &[0.8, 0.1, 0.1], 480, &[384, 48, 48]),
            ("the largest rests", &[0.8, 0.1, 0.1], 44, &[35, 5, 4]),
            (
                "computed shares",
                &[1.0 - 0.1 - 0.1, 0.1, 0.1],
                10,
                &[8, 1, 1],
            ),
            ("thirds", &[1.0 / 3.0; 3], 8, &[3, 3, 2]),
            ("one each", &[0.98, 0.01, 0.01], 5, &[3, 1, 1]),
            ("as many parts as rows", &[0.98, 0.01, 0.01], 3, &[1, 1, 1]),
            ("too few rows", &[0.98, 0.01, 0.01], 2, &[1, 1, 0]),
            ("no rows", &[0.5, 0.5], 0, &[0, 0]),
        ];
        for (name, shares, n_rows, expected) in cases {
            assert_eq!(rows_of_shares(shares, n_rows), expected, "{name}");
        }
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
        for (n, expected) in cases {
            let texts = numbered(n);
            let (train, dev) = hold_out_dev(&rows(&as_strs(&texts), &vec![No; n]), 1).unwrap();
            assert_eq!(
                (train.len(), dev.len()),
                (n - expected, expected),
                "{n} rows"
            );
            assert!(train.is_sorted() && dev.is_sorted());
            let mut all = [train, dev].concat();
            all.sort_unstable();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_seed_decides() {
        let texts = numbered(300);
        let texts = as_strs(&texts);
        let split = |seed| k_folds(&rows(&texts, &[No; 300]), 4, seed).unwrap();
        assert_eq!(split(1), split(1));
        assert_ne!(split(1), split(2));
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
        for seed in 0..20 {
            let (train, _) = hold_out_dev(&rows(&texts, &cells), seed).unwrap();
            for row in [7, 30, 31] {
                assert!(train.contains(&row), "seed {seed}, row {row}");
            }
        }
    }

    #[test]
    fn few_positives_go_to_train_then_dev_then_test() {
        let texts = numbered(600);
        let texts = as_strs(&texts);
        for (positives, expected) in [
            (1, [1, 0, 0]),
            (2, [1, 1, 0]),
            (3, [1, 1, 1]),
            (5, [3, 1, 1]),
        ] {
            let mut cells = vec![No; 600];
            for i in 0..positives {
                cells[i * 113] = Yes;
            }
            let rows = rows(&texts, &cells);
            for seed in 0..20 {
                let part_of = split_shares(&rows, &[0.8, 0.1, 0.1], seed).unwrap();
                let yes = [0, 1, 2].map(|part| count(&rows, &part_of, part, 0, Yes));
                assert_eq!(yes, expected, "{positives} positives, seed {seed}");
            }
        }
    }

    #[test]
    fn the_known_cells_of_a_label_are_shared_out_too() {
        // Nine of ten cells are blank; a split by yes alone would leave the no cells to chance.
        let texts = numbered(2_000);
        let texts = as_strs(&texts);
        let cell = |row: usize| match row % 40 {
            0 => Yes,
            10 | 20 | 30 => No,
            _ => Unknown,
        };
        let cells: Vec<Cell> = (0..2_000).map(cell).collect();
        let rows = rows(&texts, &cells);
        for seed in 0..5 {
            let part_of = split_shares(&rows, &[0.8, 0.1, 0.1], seed).unwrap();
            for (part, yes) in [40, 5, 5].into_iter().enumerate() {
                assert_eq!(count(&rows, &part_of, part, 0, Yes), yes, "seed {seed}");
                assert_eq!(count(&rows, &part_of, part, 0, No), 3 * yes, "seed {seed}");
            }
        }
    }

    #[test]
    fn a_group_too_large_for_every_part_goes_where_most_room_is() {
        // 60 rows of one author, and 40 authors of one row.
        let texts = numbered(100);
        let texts = as_strs(&texts);
        let names: Vec<String> = (0..100_usize).map(|row| row.max(59).to_string()).collect();
        let groups: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_str())).collect();
        let rows = Rows {
            groups: &groups,
            ..rows(&texts, &[No; 100])
        };
        let folds = k_folds(&rows, 4, 0).unwrap();
        let mut sizes: Vec<usize> = (0..4).map(|fold| n_rows(&folds, fold)).collect();
        sizes.sort_unstable();
        assert_eq!((sizes[3], sizes.iter().sum::<usize>()), (60, 100));
        assert!(sizes[0] >= 10, "the others share the rest: {sizes:?}");
    }

    #[test]
    fn two_large_groups_are_one_for_each_part() {
        let texts: Vec<&str> = [["a"; 50], ["b"; 50]].concat();
        let part_of = split_shares(&rows(&texts, &[No; 100]), &[0.9, 0.1], 0).unwrap();
        assert_eq!((n_rows(&part_of, 0), n_rows(&part_of, 1)), (50, 50));
    }

    #[test]
    fn what_cannot_be_split_says_why() {
        let too_few = |rows, groups, parts| SplitError::TooFewGroups {
            rows,
            groups,
            parts,
        };
        let needed = SplitError::AllNeeded { rows: 2, parts: 2 };
        let cases: [(&str, &[&str], &[Cell], SplitError); 5] = [
            ("no rows", &[], &[], too_few(0, 0, 2)),
            ("one row", &["a"], &[No], too_few(1, 1, 2)),
            ("one text", &["a"; 200], &[No; 200], too_few(200, 1, 2)),
            (
                "the only positive and nothing else",
                &["a", "a"],
                &[Yes, No],
                too_few(2, 1, 2),
            ),
            ("both are needed", &["a", "b"], &[Yes, No, No, Yes], needed),
        ];
        for (name, texts, cells, error) in cases {
            let rows = rows(texts, cells);
            assert_eq!(hold_out_dev(&rows, 0), Err(error), "{name}");
        }
        let two = rows(&["a", "b"], &[No, No]);
        assert_eq!(k_folds(&two, 3, 0), Err(too_few(2, 2, 3)));
        assert_eq!(
            k_folds(&two, 1, 0),
            Err(SplitError::TooFewFolds { found: 1 })
        );
        assert_eq!(
            k_folds(&two, 0, 0),
            Err(SplitError::TooFewFolds { found: 0 })
        );
        for shares in [
            &[0.5, 0.4][..],
            &[1.5, -0.5],
            &[1.0, 0.0],
            &[f64::NAN, 1.0],
            &[],
        ] {
            let error = split_shares(&two, shares, 0).unwrap_err();
            assert!(
                matches!(error, SplitError::Shares { .. }),
                "{shares:?}: {error}"
            );
        }
    }

    /// Rows by which a part of a small table may be off its share of an answer. In 4,000 random
    /// tables of up to 400 rows and five labels the worst was 3.5; chance alone gives 20.
    const MOST_OFF: f64 = 5.0;

    /// A table for property tests, and what it is to be split into.
    #[derive(Clone, Debug)]
    struct Case {
        texts: Vec<String>,
        groups: Vec<Option<String>>,
        cells: Vec<Cell>,
        n_labels: usize,
        parts: usize,
        seed: u64,
    }

    impl Case {
        fn with<T>(&self, check: impl Fn(&Rows<'_>) -> T) -> T {
            let groups: Vec<Option<&str>> = self.groups.iter().map(Option::as_deref).collect();
            check(&Rows {
                texts: &as_strs(&self.texts),
                groups: &groups,
                cells: &self.cells,
                n_labels: self.n_labels,
            })
        }

        /// 4/6 to learn from and the rest in halves, or 3/4 to learn from.
        fn shares(&self) -> Vec<f64> {
            let all = self.parts as f64;
            let mut shares = vec![1.0 / (2.0 * all); self.parts];
            shares[0] = 1.0 - shares[1..].iter().sum::<f64>();
            shares
        }
    }

    prop_compose! {
        /// Labels from common to rare, with few or many blanks.
        fn a_table(n_rows: std::ops::Range<usize>, n_texts: usize)(
            n_rows in n_rows,
        )(
            texts in prop::collection::vec(0..n_texts.min(n_rows * 2), n_rows),
            draws in prop::collection::vec((0.0..1.0_f64, 0.0..1.0_f64), n_rows * 5),
            n_labels in 0_usize..=5,
            blanks in prop::sample::select(vec![0.0, 0.3, 0.95]),
            parts in 2_usize..5,
            seed in 0_u64..1000,
        ) -> Case {
            let cell = |(i, (yes, blank)): (usize, &(f64, f64))| match i % n_labels.max(1) {
                _ if *blank < blanks => Unknown,
                label if *yes < 0.6 / (1 + 3 * label) as f64 => Yes,
                _ => No,
            };
            let cells = draws[..texts.len() * n_labels].iter().enumerate().map(cell).collect();
            let texts = texts.iter().map(|text| text.to_string()).collect();
            Case { texts, groups: Vec::new(), cells, n_labels, parts, seed }
        }
    }

    prop_compose! {
        /// The same with a different text in every row.
        fn a_table_of_distinct_texts()(case in a_table(60..400, 1_000)) -> Case {
            Case { texts: numbered(case.texts.len()), ..case }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn rows_are_in_one_part_each_and_groups_in_one_together(
            case in a_table(1..80, 60),
            names in prop::collection::vec(prop::option::of(0_usize..20), 80),
            in_order: bool,
        ) {
            let names = names.iter().take(case.texts.len());
            let groups = names.map(|name| name.map(|name| name.to_string())).collect();
            let case = Case { groups, ..case };
            case.with(|rows| {
                let split = || if in_order {
                    split_shares(rows, &case.shares(), case.seed)
                } else {
                    k_folds(rows, case.parts, case.seed)
                };
                let Ok(part_of) = split() else { return Ok(()) };
                prop_assert_eq!(&part_of, &split().unwrap(), "the same seed, the same parts");
                prop_assert_eq!(part_of.len(), rows.texts.len());
                prop_assert!(part_of.iter().all(|&part| part < case.parts));
                prop_assert!((0..case.parts).all(|part| part_of.contains(&part)));
                let (mut of_text, mut of_group) = (HashMap::new(), HashMap::new());
                for (row, &part) in part_of.iter().enumerate() {
                    prop_assert_eq!(*of_text.entry(rows.texts[row]).or_insert(part), part);
                    if let Some(group) = rows.groups[row] {
                        prop_assert_eq!(*of_group.entry(group).or_insert(part), part);
                    }
                }
                Ok(())
            })?;
        }

        #[test]
        fn train_keeps_a_yes_of_each_label(case in a_table(1..80, 60)) {
            case.with(|rows| {
                let Ok(part_of) = split_shares(rows, &case.shares(), case.seed) else {
                    return Ok(());
                };
                for label in 0..rows.n_labels {
                    let in_train = count(rows, &part_of, 0, label, Yes);
                    prop_assert!(in_train > 0 || total(rows, label, Yes) == 0, "label {}", label);
                }
                Ok(())
            })?;
        }

        /// A dev part is there whenever some text is no label's only yes.
        #[test]
        fn dev_rows_are_found_where_there_are_any(case in a_table(1..7, 4)) {
            case.with(|rows| {
                let says_yes = |text: &str, label: usize| {
                    (0..rows.texts.len())
                        .any(|row| rows.texts[row] == text && rows.cells_of(row)[label] == Yes)
                };
                let is_only = |text: &str, label: usize| {
                    says_yes(text, label)
                        && rows.texts.iter().all(|other| *other == text || !says_yes(other, label))
                };
                let is_spare = |text: &&str| {
                    rows.texts.iter().any(|other| other != text)
                        && !(0..rows.n_labels).any(|label| is_only(text, label))
                };
                let expected = rows.texts.iter().any(is_spare);
                prop_assert_eq!(hold_out_dev(rows, case.seed).is_ok(), expected);
                Ok(())
            })?;
        }

        /// Parts have just the rows that were asked for, and of each label's answers their share,
        /// give or take what is stated here.
        #[test]
        fn parts_have_their_share_of_everything(case in a_table_of_distinct_texts(), in_order: bool) {
            case.with(|rows| {
                let (shares, part_of) = if in_order {
                    let shares = case.shares();
                    (shares.clone(), split_shares(rows, &shares, case.seed).unwrap())
                } else {
                    let shares = vec![1.0 / case.parts as f64; case.parts];
                    (shares, k_folds(rows, case.parts, case.seed).unwrap())
                };
                let sizes: Vec<usize> = (0..case.parts).map(|part| n_rows(&part_of, part)).collect();
                prop_assert_eq!(&sizes, &rows_of_shares(&shares, rows.texts.len()));
                for (part, share) in shares.iter().enumerate() {
                    for label in 0..rows.n_labels {
                        for answer in [Yes, No, Unknown] {
                            let wanted = share * total(rows, label, answer) as f64;
                            let got = count(rows, &part_of, part, label, answer) as f64;
                            prop_assert!((got - wanted).abs() <= MOST_OFF, "{} for {}", got, wanted);
                        }
                    }
                }
                Ok(())
            })?;
        }

        /// Where each row says yes to one label, all parts have a yes of each label with enough.
        #[test]
        fn a_label_with_enough_positives_has_one_in_each_part(
            labels in prop::collection::vec((0_usize..36).prop_map(|draw| draw.isqrt()), 80..200),
            parts in 2_usize..5,
            seed in 0_u64..1000,
        ) {
            let says = |row: usize, label: usize| if labels[row] == label { Yes } else { No };
            let cells = (0..labels.len()).flat_map(|row| (0..6).map(move |label| (row, label)));
            let cells: Vec<Cell> = cells.map(|(row, label)| says(row, label)).collect();
            let texts = numbered(labels.len());
            let texts = as_strs(&texts);
            let rows = rows(&texts, &cells);
            // As many held-out rows as labels, or a few more.
            let mut shares = vec![0.075; parts];
            shares[0] = 1.0 - shares[1..].iter().sum::<f64>();
            let part_of = split_shares(&rows, &shares, seed).unwrap();
            for label in 0..6 {
                if total(&rows, label, Yes) >= parts {
                    for part in 0..parts {
                        prop_assert!(count(&rows, &part_of, part, label, Yes) > 0, "label {}", label);
                    }
                }
            }
        }
    }
}
