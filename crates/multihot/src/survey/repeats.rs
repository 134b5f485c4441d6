//! Texts that are there more than once, in a table or in two, and what their rows say.

use multihot_table::Cell;
use serde::Serialize;

use super::signature::{BAND, BANDS, Signature, are_near};

/// Pairs that a report shows of each kind.
const EXAMPLES: usize = 5;
/// Rows before it that a row is compared with in a band.
const PROBES: usize = 8;

/// What is known of the texts of a table, in the order of its rows.
#[derive(Default)]
pub(super) struct Prints {
    /// A key that equal texts share.
    pub keys: Vec<u64>,
    /// Signatures; none where a text has no letters or is empty.
    pub signatures: Vec<Option<Signature>>,
    /// The line each row starts on.
    pub lines: Vec<u64>,
}

/// Two rows, by the lines they start on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// Line of the row in question.
    pub line: u64,
    /// Line of the earlier row, or of the row of the other table.
    pub other: u64,
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
    /// Line of the row that says yes.
    pub yes_line: u64,
    /// Line of the row that says no.
    pub no_line: u64,
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
    /// The first equal ones: the line in the other table, then here.
    pub equal_examples: Vec<Pair>,
    /// The first near ones.
    pub near_examples: Vec<Pair>,
}

impl Prints {
    /// Rows that come up again; `cells` are row-major, one for each of `labels`.
    pub fn repeats(&self, labels: &[String], cells: &[Cell]) -> Repeats {
        let mut repeats = Repeats::default();
        for rows in self.groups() {
            let rows = rows.iter().map(|&row| row as usize);
            let first = rows.clone().next().expect("a group has rows");
            repeats.equal += rows.len() - 1;
            repeats
                .equal_examples
                .extend(rows.clone().skip(1).map(|row| self.pair(row, first)));
            let contradiction = (0..labels.len()).find_map(|label| {
                let says = |answer: Cell| {
                    rows.clone()
                        .find(|row| cells[row * labels.len() + label] == answer)
                };
                Some((label, says(Cell::Yes)?, says(Cell::No)?))
            });
            if let Some((label_index, yes, no)) = contradiction {
                repeats.contradicted += 1;
                repeats.contradictions.push(Contradiction {
                    yes_line: self.lines[yes],
                    no_line: self.lines[no],
                    label_index,
                    label: labels[label_index].clone(),
                });
            }
        }
        let firsts = self.firsts();
        let near = near_rows(
            &firsts
                .iter()
                .map(|&row| &self.signatures[row as usize])
                .collect::<Vec<_>>(),
            None,
        );
        repeats.near = near.len();
        repeats.near_examples = near
            .into_iter()
            .map(|(row, other)| self.pair(firsts[row] as usize, firsts[other] as usize))
            .collect();
        first_lines(&mut repeats.equal_examples);
        first_lines(&mut repeats.near_examples);
        repeats
            .contradictions
            .sort_by_key(|found| found.yes_line.min(found.no_line));
        repeats.contradictions.truncate(EXAMPLES);
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
        let mut equal_examples: Vec<Pair> = pairs
            .map(|(row, here)| other.pair_with(row, self.lines[here]))
            .collect();
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
        let mut near_examples: Vec<Pair> = near
            .into_iter()
            .map(|(row, found)| {
                let line = self.lines[here[found] as usize];
                other.pair_with(others[row - here.len()], line)
            })
            .collect();
        let (equal, near) = (equal_examples.len(), near_examples.len());
        first_lines(&mut equal_examples);
        first_lines(&mut near_examples);
        Shared {
            equal,
            near,
            equal_examples,
            near_examples,
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

    fn pair(&self, row: usize, other: usize) -> Pair {
        self.pair_with(row, self.lines[other])
    }

    fn pair_with(&self, row: usize, other: u64) -> Pair {
        Pair {
            line: self.lines[row],
            other,
        }
    }
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

fn first_lines(pairs: &mut Vec<Pair>) {
    pairs.sort_by_key(|pair| pair.line);
    pairs.truncate(EXAMPLES);
}

#[cfg(test)]
mod tests {
    use Cell::{No, Unknown, Yes};

    use super::super::signature::{Signer, key};
    use super::*;

    fn prints(texts: &[&str]) -> Prints {
        let mut signer = Signer::new();
        Prints {
            keys: texts.iter().map(|text| key(text)).collect(),
            signatures: texts.iter().map(|text| signer.signature(text)).collect(),
            lines: (2..).take(texts.len()).collect(),
        }
    }

    const LONG: &str = "the committee has met on tuesday to discuss the new budget of the town";
    const NEARLY: &str = "The committee has met on Tuesday, to discuss the new budget of the town!";
    const OTHER: &str = "the weather will be fine in the south and cloudy in the north";

    fn pairs(pairs: &[Pair]) -> Vec<(u64, u64)> {
        pairs.iter().map(|pair| (pair.line, pair.other)).collect()
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
            (found.yes_line, found.no_line, found.label.as_str()),
            (2, 5, "b")
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
