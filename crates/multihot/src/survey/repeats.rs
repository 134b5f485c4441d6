//! Texts that are there more than once, in a table or in two, and what their rows say.

use std::fmt;
use std::sync::Arc;

use multihot_table::{Cell, TextRow};
use serde::Serialize;

use super::signature::{BAND, BANDS, Signature, are_near, key};

/// Pairs that a report shows of each kind.
const EXAMPLES: usize = 5;
/// Rows before it that a row is compared with in a band.
const PROBES: usize = 8;

/// What is known of the texts of a table, in the order of its rows.
#[derive(Default)]
pub(super) struct Prints {
    /// A key that equal texts share.
    keys: Vec<u64>,
    /// Signatures; none where a text has no letters or is empty.
    signatures: Vec<Option<Signature>>,
    /// The line each row starts on.
    lines: Vec<u64>,
    /// The files, where there are several, by the first row of each.
    files: Vec<(usize, Arc<str>)>,
}

/// Where a row starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file, where the table is several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in it.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{file}:{}", self.line),
            None => write!(f, "line {}", self.line),
        }
    }
}

/// Two rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// The row in question.
    pub row: Place,
    /// The earlier row, or the one of the other table.
    pub other: Place,
}

/// Rows of one table whose texts are there before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Repeats {
    /// Rows whose text an earlier row has, white space aside.
    pub equal: usize,
    /// Rows whose text an earlier row nearly has.
    pub near: usize,
    /// Texts that some label is both true and not true of.
    pub contradicted: usize,
    /// The first equal ones.
    pub equal_examples: Vec<Pair>,
    /// The first near ones.
    pub near_examples: Vec<Pair>,
    /// The first contradictions, with the label.
    pub contradictions: Vec<Contradiction>,
}

/// Two rows of one text, of which one says yes and one says no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contradiction {
    /// The row that says yes.
    pub yes: Place,
    /// The row that says no.
    pub no: Place,
    /// Place of the label.
    #[serde(skip)]
    pub label_index: usize,
    /// The label.
    pub label: String,
}

/// Rows of one table whose texts are in another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Shared {
    /// Rows of the other table whose text this table has, white space aside.
    pub equal: usize,
    /// Rows of the other table whose text this table nearly has.
    pub near: usize,
    /// The first equal ones: the row of the other table, then the one here.
    pub equal_examples: Vec<Pair>,
    /// The first near ones.
    pub near_examples: Vec<Pair>,
}

impl Prints {
    /// Adds a row whose whole text is `text`.
    pub fn add(&mut self, row: &TextRow, text: &str, signature: Option<Signature>) {
        if let Some(file) = &row.file
            && self.files.last().is_none_or(|(_, last)| last != file)
        {
            self.files.push((self.keys.len(), Arc::clone(file)));
        }
        self.keys.push(key(text));
        self.signatures.push(signature);
        self.lines.push(row.line);
    }

    /// Rows that come up again; `cells` are row-major, one for each of `labels`.
    pub fn repeats(&self, labels: &[String], cells: &[Cell]) -> Repeats {
        let mut repeats = Repeats::default();
        let (mut equal, mut contradictions) = (Vec::new(), Vec::new());
        for rows in self.groups() {
            let rows = rows.iter().map(|&row| row as usize);
            let first = rows.clone().next().expect("a group has rows");
            equal.extend(rows.clone().skip(1).map(|row| (row, first)));
            let contradiction = (0..labels.len()).find_map(|label| {
                let says = |answer: Cell| {
                    rows.clone()
                        .find(|row| cells[row * labels.len() + label] == answer)
                };
                Some((label, says(Cell::Yes)?, says(Cell::No)?))
            });
            contradictions.extend(contradiction);
        }
        (repeats.equal, repeats.contradicted) = (equal.len(), contradictions.len());
        contradictions.sort_by_key(|&(_, yes, no)| yes.min(no));
        contradictions.truncate(EXAMPLES);
        let contradictions = contradictions.into_iter();
        repeats.contradictions = contradictions
            .map(|(label_index, yes, no)| Contradiction {
                yes: self.place(yes),
                no: self.place(no),
                label_index,
                label: labels[label_index].clone(),
            })
            .collect();
        let firsts = self.firsts();
        let near = near_rows(
            &firsts
                .iter()
                .map(|&row| &self.signatures[row as usize])
                .collect::<Vec<_>>(),
            None,
        );
        repeats.near = near.len();
        let near = near.into_iter();
        let near = near.map(|(row, other)| (firsts[row] as usize, firsts[other] as usize));
        repeats.equal_examples = examples(equal, self, self);
        repeats.near_examples = examples(near.collect(), self, self);
        repeats
    }

    /// Rows of `other` whose texts are here.
    pub fn shared_with(&self, other: &Prints) -> Shared {
        let here = self.firsts();
        let mut by_key: Vec<(u64, u32)> = here
            .iter()
            .map(|&row| (self.keys[row as usize], row))
            .collect();
        by_key.sort_unstable();
        let find = |row: &usize| {
            let place = by_key.binary_search_by_key(&other.keys[*row], |pair| pair.0);
            place.ok().map(|place| by_key[place].1 as usize)
        };
        let rows = 0..other.keys.len();
        let has_text = |row: &usize| !other.is_empty(*row);
        let pairs = rows
            .clone()
            .filter(has_text)
            .filter_map(|row| Some((row, find(&row)?)));
        let equal: Vec<(usize, usize)> = pairs.collect();
        let others: Vec<usize> = rows
            .filter(has_text)
            .filter(|row| find(row).is_none())
            .collect();
        let signatures: Vec<&Option<Signature>> = here
            .iter()
            .map(|&row| &self.signatures[row as usize])
            .chain(others.iter().map(|&row| &other.signatures[row]))
            .collect();
        let near = near_rows(&signatures, Some(here.len()));
        let near = near.into_iter();
        let near = near.map(|(row, found)| (others[row - here.len()], here[found] as usize));
        let near: Vec<(usize, usize)> = near.collect();
        Shared {
            equal: equal.len(),
            near: near.len(),
            equal_examples: examples(equal, other, self),
            near_examples: examples(near, other, self),
        }
    }

    fn is_empty(&self, row: usize) -> bool {
        self.keys[row] == super::signature::key("")
    }

    /// Rows that have their text in common, more than one in each group, empty texts left out.
    fn groups(&self) -> Vec<Vec<u32>> {
        let order = self.by_key();
        let groups = order.chunk_by(|&a, &b| self.keys[a as usize] == self.keys[b as usize]);
        let is_repeated = |rows: &&[u32]| rows.len() > 1 && !self.is_empty(rows[0] as usize);
        groups.filter(is_repeated).map(<[u32]>::to_vec).collect()
    }

    /// The first row of each text, in order, empty texts left out.
    fn firsts(&self) -> Vec<u32> {
        let order = self.by_key();
        let groups = order.chunk_by(|&a, &b| self.keys[a as usize] == self.keys[b as usize]);
        let firsts = groups.map(|rows| rows[0]);
        let mut firsts: Vec<u32> = firsts.filter(|&row| !self.is_empty(row as usize)).collect();
        firsts.sort_unstable();
        firsts
    }

    fn by_key(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.keys.len() as u32).collect();
        order.sort_unstable_by_key(|&row| (self.keys[row as usize], row));
        order
    }

    fn place(&self, row: usize) -> Place {
        let file = self.files.iter().rfind(|(first, _)| *first <= row);
        Place {
            file: file.map(|(_, name)| name.to_string()),
            line: self.lines[row],
        }
    }
}

/// The first `pairs` of a row of `table` and one of `earlier`.
fn examples(mut pairs: Vec<(usize, usize)>, table: &Prints, earlier: &Prints) -> Vec<Pair> {
    pairs.sort_unstable();
    pairs.truncate(EXAMPLES);
    let pair = |(row, other)| Pair {
        row: table.place(row),
        other: earlier.place(other),
    };
    pairs.into_iter().map(pair).collect()
}

/// Of `signatures` those that are near to an earlier one, with that one. With a `split`, only those
/// from there on, and near to one before it.
fn near_rows(signatures: &[&Option<Signature>], split: Option<usize>) -> Vec<(usize, usize)> {
    let mut near: Vec<Option<u32>> = vec![None; signatures.len()];
    for band in 0..BANDS {
        let mut keyed: Vec<([u8; BAND], u32)> = signatures
            .iter()
            .enumerate()
            .filter_map(|(row, signature)| {
                let bytes = signature.as_ref()?[band * BAND..].first_chunk()?;
                Some((*bytes, row as u32))
            })
            .collect();
        keyed.sort_unstable();
        for rows in keyed.chunk_by(|a, b| a.0 == b.0) {
            find_near(rows, signatures, split, &mut near);
        }
    }
    let near = near.into_iter().enumerate();
    near.filter_map(|(row, other)| Some((row, other? as usize)))
        .collect()
}

/// Compares rows of one band, in order, with those before them.
fn find_near(
    rows: &[([u8; BAND], u32)],
    signatures: &[&Option<Signature>],
    split: Option<usize>,
    near: &mut [Option<u32>],
) {
    let split = split.map(|split| rows.partition_point(|(_, row)| (*row as usize) < split));
    for (place, &(_, row)) in rows.iter().enumerate().skip(split.unwrap_or(0)) {
        if near[row as usize].is_some() {
            continue;
        }
        let candidates = &rows[..split.unwrap_or(place)];
        let mut candidates = candidates
            .iter()
            .rev()
            .take(PROBES)
            .map(|(_, other)| *other);
        near[row as usize] = candidates.find(|&other| {
            let [a, b] = [row, other].map(|row| signatures[row as usize].as_ref());
            a.zip(b).is_some_and(|(a, b)| are_near(a, b))
        });
    }
}

#[cfg(test)]
mod tests {
    use Cell::{No, Unknown, Yes};

    use super::super::signature::Signer;
    use super::*;

    fn prints(texts: &[&str]) -> Prints {
        let mut signer = Signer::new();
        Prints {
            keys: texts.iter().map(|text| key(text)).collect(),
            signatures: texts.iter().map(|text| signer.signature(text)).collect(),
            lines: (2..).take(texts.len()).collect(),
            files: Vec::new(),
        }
    }

    const LONG: &str = "the committee has met on tuesday to discuss the new budget of the town";
    const NEARLY: &str = "The committee has met on Tuesday, to discuss the new budget of the town!";
    const OTHER: &str = "the weather will be fine in the south and cloudy in the north";

    fn pairs(pairs: &[Pair]) -> Vec<(u64, u64)> {
        let lines = pairs.iter().map(|pair| (pair.row.line, pair.other.line));
        lines.collect()
    }

    #[test]
    fn rows_that_come_up_again_are_counted_once_each() {
        let prints = prints(&[LONG, OTHER, LONG, NEARLY, "", " ", LONG]);
        let repeats = prints.repeats(&["a".into()], &[Yes, Yes, Unknown, No, Yes, No, Yes]);
        assert_eq!(
            (repeats.equal, repeats.near, repeats.contradicted),
            (2, 1, 0)
        );
        assert_eq!(pairs(&repeats.equal_examples), [(4, 2), (8, 2)]);
        assert_eq!(pairs(&repeats.near_examples), [(5, 2)]);
    }

    #[test]
    fn a_text_with_opposite_answers_is_a_contradiction() {
        let prints = prints(&["x y", "z", "x  y", "x y", "z"]);
        let labels = ["a".to_owned(), "b".to_owned()];
        let cells = [Yes, Yes, No, Yes, Yes, Unknown, Unknown, No, No, Yes];
        let repeats = prints.repeats(&labels, &cells);
        assert_eq!(repeats.contradicted, 1);
        let found = &repeats.contradictions[0];
        assert_eq!(
            (found.yes.line, found.no.line, found.label.as_str()),
            (2, 5, "b")
        );
    }

    #[test]
    fn of_several_files_the_one_is_named_that_a_row_stands_in() {
        let mut prints = prints(&["x", "y", "x"]);
        prints.lines = vec![2, 3, 2];
        assert_eq!(prints.place(2).to_string(), "line 2");
        prints.files = vec![(0, "a.csv".into()), (2, "b.csv".into())];
        let found = &prints.repeats(&[], &[]).equal_examples[0];
        assert_eq!(
            [&found.row, &found.other].map(Place::to_string),
            ["b.csv:2", "a.csv:2"]
        );
    }

    #[test]
    fn rows_of_another_table_are_found_here() {
        let here = prints(&[LONG, "", OTHER]);
        let other = prints(&["new", LONG, "", NEARLY, OTHER, OTHER]);
        let shared = here.shared_with(&other);
        assert_eq!((shared.equal, shared.near), (3, 1));
        assert_eq!(pairs(&shared.equal_examples), [(3, 2), (6, 4), (7, 4)]);
        assert_eq!(pairs(&shared.near_examples), [(5, 2)]);
        assert_eq!(here.shared_with(&prints(&["new"])), Shared::default());
    }

    #[test]
    fn a_thousand_copies_take_no_thousand_comparisons_each() {
        let texts: Vec<String> = (0..3000).map(|i| format!("{LONG} {}", i % 3)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let repeats = prints(&texts).repeats(&[], &[]);
        assert_eq!((repeats.equal, repeats.near), (2997, 2));
        assert_eq!(repeats.equal_examples.len(), EXAMPLES);
    }
}
