//! What follows from relations for the cells of a table.

use std::fmt;
use std::sync::Arc;

use multihot_table::{Cell, LabelledRow};

use super::{ExclusiveGroup, Questions};

/// Where a row stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The line that it starts on, from 1, of the file, where the table is several.
    Line(Option<Arc<str>>, u64),
    /// Its number among the rows, from 1.
    Row(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(Some(file), line) => write!(f, "{file}:{line}"),
            Place::Line(None, line) => write!(f, "{line}"),
            Place::Row(row) => write!(f, "row {row}"),
        }
    }
}

impl From<&LabelledRow> for Place {
    fn from(row: &LabelledRow) -> Self {
        Place::Line(row.file.clone(), row.line)
    }
}

impl Place {
    /// The place with the table called `source_name`, or the file of that table.
    fn of(&self, source_name: &str) -> String {
        match self {
            Place::Line(Some(_), _) => self.to_string(),
            _ => format!("{source_name}:{self}"),
        }
    }
}

/// A row that says what an exclusive group rules out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", place.of(source_name), what(group, labels, *are_yes))]
pub struct UnsettledError {
    /// The table.
    pub source_name: String,
    /// The row.
    pub place: Place,
    /// The group, of which one label holds, or at most one.
    pub group: Box<str>,
    /// The labels that are yes; or all of the group, where none is and one has to be.
    pub labels: Box<[String]>,
    /// Whether they are yes.
    pub are_yes: bool,
    /// Further rows that break a group.
    pub more: usize,
}

fn what(group: &str, labels: &[String], are_yes: bool) -> String {
    let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
    let labels = labels.join(" and ");
    if are_yes {
        format!("{labels} are yes; they exclude each other (group `{group}`)")
    } else {
        format!("none of {labels} is yes; of the exclusive group `{group}` exactly one is")
    }
}

impl UnsettledError {
    /// What the user may do about it, in one sentence.
    pub fn hint(&self) -> Option<String> {
        let more = match self.more {
            0 => String::new(),
            1 => "1 more row is like that; ".into(),
            more => format!("{more} more rows are like that; "),
        };
        Some(if self.are_yes {
            format!("{more}correct these cells, or leave the labels out of the group")
        } else {
            format!(
                "{more}where none may hold, write `--exclusive '{}?=…'`; a cell that nobody \
                 answered stays blank",
                self.group
            )
        })
    }
}

/// What became of a table's cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Unknown cells that the others leave no choice.
    pub filled: usize,
    /// Rows that say of an implication that it does not hold; they stay as they are.
    pub contradictory: usize,
    /// The first of these.
    pub first: Option<(Place, [String; 2])>,
}

impl Settled {
    /// What a person should know about the table called `name`, a sentence each.
    pub fn notes(&self, name: &str) -> Vec<String> {
        let mut notes = Vec::new();
        if self.filled > 0 {
            let cells = if self.filled == 1 {
                "cell follows"
            } else {
                "cells follow"
            };
            notes.push(format!(
                "{name}: {} unknown {cells} from exclusive groups and implications, and count as \
                 known",
                self.filled
            ));
        }
        if let Some((place, [cause, consequence])) = &self.first {
            let rows = if self.contradictory == 1 {
                "row contradicts an implication and stays as it is"
            } else {
                "rows contradict an implication and stay as they are"
            };
            notes.push(format!(
                "{name}: {} {rows}, the first at {place}: \
                 `{cause}` would be yes and `{consequence}` no",
                self.contradictory
            ));
        }
        notes
    }
}

impl Questions {
    /// Fills the unknown cells that the known ones of their row leave no choice, row-major
    /// `cells`: the other labels of an exclusive group where one is yes, the last where all others
    /// are no, a consequence of what is yes, and what has a consequence that is no.
    ///
    /// A row that contradicts an implication stays as it is.
    ///
    /// # Errors
    ///
    /// The first row in which two labels that exclude each other are yes, or none of which one has
    /// to be; `place` says where the row of that number, from 0, stands.
    pub fn settle(
        &self,
        cells: &mut [Cell],
        source_name: &str,
        place: impl Fn(usize) -> Place,
    ) -> Result<Settled, UnsettledError> {
        let mut settled = Settled::default();
        if self.are_independent() {
            return Ok(settled);
        }
        let mut broken: Option<UnsettledError> = None;
        for (row, cells) in cells.chunks_exact_mut(self.labels.len()).enumerate() {
            if let Some(group) = self.exclusive.iter().find(|group| group.breaks(cells)) {
                match &mut broken {
                    Some(first) => first.more += 1,
                    None => broken = Some(self.unsettled(group, cells, source_name, place(row))),
                }
                continue;
            }
            let given = cells.to_vec();
            settled.filled += self.fill(cells);
            if let Some(contradiction) = self.contradiction(cells) {
                settled.filled -= (0..cells.len()).filter(|&i| cells[i] != given[i]).count();
                cells.copy_from_slice(&given);
                settled.contradictory += 1;
                settled.first.get_or_insert((place(row), contradiction));
            }
        }
        broken.map_or(Ok(settled), Err)
    }

    fn unsettled(
        &self,
        group: &ExclusiveGroup,
        row: &[Cell],
        source_name: &str,
        place: Place,
    ) -> UnsettledError {
        let that_are = |wanted| -> Vec<String> {
            let members = group.members.iter().filter(|&&label| row[label] == wanted);
            members.map(|&label| self.labels[label].clone()).collect()
        };
        let yes = that_are(Cell::Yes);
        let are_yes = !yes.is_empty();
        UnsettledError {
            source_name: source_name.to_owned(),
            place,
            group: group.name.as_str().into(),
            labels: if are_yes { yes } else { that_are(Cell::No) }.into(),
            are_yes,
            more: 0,
        }
    }

    /// Fills what follows; how many cells that were.
    fn fill(&self, row: &mut [Cell]) -> usize {
        let mut filled = 0;
        // Each round but the last fills a cell.
        loop {
            let before = filled;
            let mut set = |cell: &mut Cell, to: Cell| {
                if *cell == Cell::Unknown {
                    *cell = to;
                    filled += 1;
                }
            };
            for of in &self.implications {
                if row[of.cause] == Cell::Yes {
                    set(&mut row[of.consequence], Cell::Yes);
                }
                if row[of.consequence] == Cell::No {
                    set(&mut row[of.cause], Cell::No);
                }
            }
            for group in &self.exclusive {
                if let super::Said::Outcome(outcome) = group.said(row) {
                    for (i, &label) in group.members.iter().enumerate() {
                        set(
                            &mut row[label],
                            if i == outcome { Cell::Yes } else { Cell::No },
                        );
                    }
                }
            }
            if filled == before {
                return filled;
            }
        }
    }

    /// The labels of an implication that a filled row contradicts.
    fn contradiction(&self, row: &[Cell]) -> Option<[String; 2]> {
        let direct = |of: &&super::Implication| {
            row[of.cause] == Cell::Yes && row[of.consequence] == Cell::No
        };
        let found = self.implications.iter().find(direct).copied();
        // What an implication has filled may break a group: then one with a yes there is at odds.
        let found = found.or_else(|| {
            let group = self.exclusive.iter().find(|group| group.breaks(row))?;
            let touches = |of: &&super::Implication| {
                group.members.contains(&of.consequence) || group.members.contains(&of.cause)
            };
            self.implications.iter().find(touches).copied()
        })?;
        Some([found.cause, found.consequence].map(|label| self.labels[label].clone()))
    }
}

impl ExclusiveGroup {
    /// Whether the row says what the group rules out.
    fn breaks(&self, row: &[Cell]) -> bool {
        let count = |wanted| {
            let members = self.members.iter();
            members.filter(|&&label| row[label] == wanted).count()
        };
        count(Cell::Yes) > 1 || (!self.at_most_one && count(Cell::No) == self.members.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cells, questions};
    use super::*;

    fn settled(questions: &Questions, rows: &str) -> Result<(String, Settled), UnsettledError> {
        let mut cells = cells(rows);
        let settled =
            questions.settle(&mut cells, "t.csv", |row| Place::Line(None, row as u64 + 2))?;
        let letter = |cell: &Cell| match cell {
            Cell::Yes => 'y',
            Cell::No => 'n',
            Cell::Unknown => '?',
        };
        Ok((cells.iter().map(letter).collect(), settled))
    }

    #[test]
    fn cells_without_a_choice_are_filled() {
        let exactly = questions("a,b,c", &["g=a,b,c"], &[]);
        let at_most = questions("a,b,c", &["g?=a,b,c"], &[]);
        let chain = questions("a,b,c", &[], &["a:b", "b:c"]);
        let mixed = questions("a,b,c", &["g=a,b"], &["a:c"]);
        let cases = [
            (&exactly, "y??", "ynn"),
            (&exactly, "nn?", "nny"),
            (&exactly, "n??", "n??"),
            (&exactly, "???", "???"),
            (&at_most, "?y?", "nyn"),
            (&at_most, "nn?", "nn?"),
            (&at_most, "nnn", "nnn"),
            (&chain, "y??", "yyy"),
            (&chain, "??n", "nnn"),
            (&chain, "?y?", "?yy"),
            (&chain, "n??", "n??"),
            // `c` no, so `a` no, so `b` is the one.
            (&mixed, "??n", "nyn"),
            (&mixed, "?n?", "yny"),
        ];
        for (questions, given, expected) in cases {
            let (actual, settled) = settled(questions, given).unwrap();
            assert_eq!(actual, expected, "{given}");
            let unknown = |row: &str| row.matches('?').count();
            assert_eq!(
                settled.filled,
                unknown(given) - unknown(expected),
                "{given}"
            );
        }
    }

    #[test]
    fn a_row_that_breaks_a_group_is_named_with_its_line_and_labels() {
        let exactly = questions("a,b,c", &["g=a,b,c"], &[]);
        let error = settled(&exactly, "ynnynynny").unwrap_err();
        assert_eq!(
            error.to_string(),
            "t.csv:3: `a` and `c` are yes; they exclude each other (group `g`)"
        );
        assert!(error.hint().unwrap().starts_with("correct these cells"));
        let error = settled(&exactly, "nnnnnn").unwrap_err();
        assert_eq!(
            error.to_string(),
            "t.csv:2: none of `a` and `b` and `c` is yes; of the exclusive group `g` exactly one is"
        );
        let hint = error.hint().unwrap();
        assert!(
            hint.starts_with("1 more row is like that; where none may hold"),
            "{hint}"
        );
    }

    #[test]
    fn of_several_files_the_one_is_named() {
        let place = |row| Place::Line(Some("f2.csv".into()), row as u64 + 2);
        let group = questions("a,b", &["g=a,b"], &[]);
        let broken = group.settle(&mut cells("ynyy"), "f1.csv and 1 more", place);
        assert_eq!(
            broken.unwrap_err().to_string(),
            "f2.csv:3: `a` and `b` are yes; they exclude each other (group `g`)"
        );
        let implied = questions("a,b", &[], &["a:b"]);
        let settled = implied.settle(&mut cells("yyyn"), "f1.csv and 1 more", place);
        assert_eq!(
            settled.unwrap().notes("f1.csv and 1 more"),
            [
                "f1.csv and 1 more: 1 row contradicts an implication and stays as it is, the \
                 first at f2.csv:3: `a` would be yes and `b` no"
            ]
        );
    }

    #[test]
    fn a_row_that_contradicts_an_implication_stays_and_is_counted() {
        let chain = questions("a,b,c", &[], &["a:b", "b:c"]);
        let (rows, settled_chain) = settled(&chain, "y?nynyyyy").unwrap();
        assert_eq!(rows, "y?nynyyyy");
        assert_eq!((settled_chain.filled, settled_chain.contradictory), (0, 2));
        let notes = settled_chain.notes("train");
        assert_eq!(
            notes,
            [
                "train: 2 rows contradict an implication and stay as they are, the first at 2: \
              `b` would be yes and `c` no"
            ]
        );
        // What would follow breaks the group.
        let mixed = questions("a,b,c", &["g=b,c"], &["a:b"]);
        let (rows, settled) = settled(&mixed, "y?y").unwrap();
        assert_eq!((rows.as_str(), settled.contradictory), ("y?y", 1));
    }

    #[test]
    fn independent_questions_are_left_alone() {
        let (rows, settled) = settled(&questions("a,b", &[], &[]), "yy?n").unwrap();
        assert_eq!((rows.as_str(), settled), ("yy?n", Settled::default()));
    }
}
