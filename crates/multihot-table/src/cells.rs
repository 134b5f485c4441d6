//! What a cell of a label column may say.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::TableError;

/// The answer in one cell of a label column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cell {
    /// The label holds for the text.
    Yes,
    /// The label does not hold.
    No,
    /// Nobody said: costs nothing in the loss and counts in no metric.
    Unknown,
}

/// An answer as training takes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// Yes, no or unknown.
    Cell(Cell),
    /// A chance above 0 and below 1.
    Share(f32),
}

const YES: [&str; 9] = ["1", "1.0", "true", "yes", "y", "t", "oui", "o", "vrai"];
const NO: [&str; 8] = ["0", "0.0", "false", "no", "n", "f", "non", "faux"];
const UNKNOWN: [&str; 9] = ["", "na", "n/a", "#n/a", "nan", "null", "?", "-1", "-1.0"];

/// The yes/no words, as messages name them.
pub(crate) const WORDS: &str = "1 0 true false yes no y n t f oui non o vrai faux";

/// Words for yes, no and unknown, in any case, besides those that every table may use. A word that
/// stands here means what it says here, also where it means something else by itself: with a blank
/// in `no`, blank cells are no.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Words {
    /// Words for yes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub yes: Vec<String>,
    /// Words for no.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no: Vec<String>,
    /// Words for unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

impl Words {
    /// Whether there are none besides those of every table.
    pub fn is_empty(&self) -> bool {
        self.yes.is_empty() && self.no.is_empty() && self.unknown.is_empty()
    }

    /// Refuses a word with two meanings.
    pub(crate) fn check(&self) -> Result<(), TableError> {
        let lists = [
            ("--yes", &self.yes),
            ("--no", &self.no),
            ("--unknown", &self.unknown),
        ];
        for (i, (first, words)) in lists.iter().enumerate() {
            for (second, others) in &lists[i + 1..] {
                let clash = words.iter().find(|word| holds(others, trim(word)));
                if let Some(word) = clash {
                    return Err(TableError::WordTwice {
                        word: word.clone(),
                        first,
                        second,
                    });
                }
            }
        }
        Ok(())
    }

    /// The cell that one of these words makes.
    pub(crate) fn own(&self, text: &str) -> Option<Cell> {
        if self.is_empty() {
            return None;
        }
        let text = trim(text);
        if holds(&self.yes, text) {
            Some(Cell::Yes)
        } else if holds(&self.no, text) {
            Some(Cell::No)
        } else if holds(&self.unknown, text) {
            Some(Cell::Unknown)
        } else {
            None
        }
    }

    /// What `text` says: a word, or a number from 0 to 1. `None` where it is neither.
    pub(crate) fn target(&self, text: &str) -> Option<Target> {
        if let Some(cell) = self.own(text).or_else(|| Cell::from_text(text)) {
            return Some(Target::Cell(cell));
        }
        // What `parse` takes besides, such as `inf`, is no number from 0 to 1.
        Target::of_number(trim(text).parse().ok()?)
    }

    /// The same of a JSON value: a string by its words, a number by its value.
    pub(crate) fn target_of_json(&self, value: &RawValue) -> Option<Target> {
        let raw = value.get();
        if raw.starts_with('"') {
            return self.target(&serde_json::from_str::<String>(raw).ok()?);
        }
        if let Some(cell) = self.own(if raw == "null" { "" } else { raw }) {
            return Some(Target::Cell(cell));
        }
        match raw.parse::<f64>() {
            Ok(number) => Target::of_number(number),
            Err(_) => Cell::from_text(raw).map(Target::Cell),
        }
    }

    /// Whether blank cells, which nobody filled in, are read as anything but unknown.
    pub(crate) fn blank(&self) -> Cell {
        self.own("").unwrap_or(Cell::Unknown)
    }
}

fn holds(words: &[String], text: &str) -> bool {
    let text = text.to_lowercase();
    words.iter().any(|word| trim(word).to_lowercase() == text)
}

/// `text` without white space at its ends, which may be any of Unicode's, and without the marks of
/// no width that copying from web pages and spreadsheets leaves there.
pub(crate) fn trim(text: &str) -> &str {
    // A zero-width joiner is no such mark: emoji are made with it.
    text.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}')
    })
}

impl Cell {
    /// Reads a yes/no word, any case, with or without white space round it; blank, `NA`, `NaN`,
    /// `null`, `?` and `-1` are unknown. `None` where `text` is no such word.
    pub fn from_text(text: &str) -> Option<Self> {
        let text = trim(text);
        let is = |word: &&str| word.eq_ignore_ascii_case(text);
        if YES.iter().any(is) {
            Some(Cell::Yes)
        } else if NO.iter().any(is) {
            Some(Cell::No)
        } else if UNKNOWN.iter().any(is) {
            Some(Cell::Unknown)
        } else {
            None
        }
    }
}

impl Target {
    /// What a number says: a chance, or unknown where it is -1 or no number.
    pub(crate) fn of_number(number: f64) -> Option<Self> {
        let share = number as f32;
        if share == 1.0 {
            Some(Target::Cell(Cell::Yes))
        } else if share == 0.0 {
            Some(Target::Cell(Cell::No))
        } else if share == -1.0 || share.is_nan() {
            Some(Target::Cell(Cell::Unknown))
        } else {
            (share > 0.0 && share < 1.0).then_some(Target::Share(share))
        }
    }

    /// The answer for metrics and thresholds, for which a chance is a yes from 0.5 up.
    pub(crate) fn cell(self) -> Cell {
        match self {
            Target::Cell(cell) => cell,
            Target::Share(share) if share >= 0.5 => Cell::Yes,
            Target::Share(_) => Cell::No,
        }
    }

    /// The chance of a yes; 0 for an unknown answer, which costs nothing.
    pub(crate) fn share(self) -> f32 {
        match self {
            Target::Cell(Cell::Yes) => 1.0,
            Target::Cell(_) => 0.0,
            Target::Share(share) => share,
        }
    }

    pub(crate) fn is_share(self) -> bool {
        matches!(self, Target::Share(_))
    }
}

/// A JSON value as the text of a cell: a string without its quotes, nothing for null, and other
/// values as they are written.
pub(crate) fn text_of_json(value: &RawValue) -> String {
    match value.get() {
        "null" => String::new(),
        string if string.starts_with('"') => {
            // A string that is no Unicode (half a surrogate pair) stays as it is written.
            serde_json::from_str(string).unwrap_or_else(|_| string.to_owned())
        }
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(yes: &str, no: &str, unknown: &str) -> Words {
        let list = |words: &str| words.split(' ').map(str::to_owned).collect();
        Words {
            yes: list(yes),
            no: list(no),
            unknown: list(unknown),
        }
    }

    #[test]
    fn words_are_read_in_any_case_and_trimmed() {
        for yes in "1 1.0 true TRUE Yes y T oui Vrai".split(' ') {
            assert_eq!(Cell::from_text(yes), Some(Cell::Yes), "{yes}");
        }
        for no in "0 0.0 false False NO n f non FAUX".split(' ') {
            assert_eq!(Cell::from_text(no), Some(Cell::No), "{no}");
        }
        let unknown = [
            "", "  ", "\u{a0}", "\u{200b}", "NA", "nan", "NULL", "?", "-1", "-1.0",
        ];
        for unknown in unknown {
            assert_eq!(Cell::from_text(unknown), Some(Cell::Unknown), "{unknown}");
        }
        for other in [
            "2", "maybe", "01", "1.5", "yes no", "inf", "é", "--1", "none",
        ] {
            assert_eq!(Cell::from_text(other), None, "{other}");
        }
        for spaced in ["\t yes\r\n", "\u{a0}yes\u{202f}", "\u{feff}yes\u{3000}"] {
            assert_eq!(Cell::from_text(spaced), Some(Cell::Yes), "{spaced:?}");
        }
    }

    #[test]
    fn json_values_are_read_by_their_meaning() {
        let cases = [
            ("true", Some(Cell::Yes)),
            ("1", Some(Cell::Yes)),
            ("1.0", Some(Cell::Yes)),
            ("1e0", Some(Cell::Yes)),
            (r#"" Oui ""#, Some(Cell::Yes)),
            ("false", Some(Cell::No)),
            ("0", Some(Cell::No)),
            ("-0.0", Some(Cell::No)),
            (r#""no""#, Some(Cell::No)),
            ("null", Some(Cell::Unknown)),
            ("-1", Some(Cell::Unknown)),
            (r#""""#, Some(Cell::Unknown)),
            ("2", None),
            ("[1]", None),
            ("{}", None),
            (r#""maybe""#, None),
        ];
        for (json, expected) in cases {
            let value: Box<RawValue> = serde_json::from_str(json).unwrap();
            let target = Words::default().target_of_json(&value);
            assert_eq!(target, expected.map(Target::Cell), "{json}");
        }
    }

    #[test]
    fn more_words_come_before_those_of_every_table() {
        let words = words("maybe 2", "JAMAIS 1", "x");
        let cases = [
            ("Maybe", Some(Cell::Yes)),
            ("2", Some(Cell::Yes)),
            ("jamais ", Some(Cell::No)),
            ("1", Some(Cell::No)),
            ("X", Some(Cell::Unknown)),
            ("oui", Some(Cell::Yes)),
            ("", Some(Cell::Unknown)),
            ("3", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(Target::Cell);
            assert_eq!(words.target(text), expected, "{text}");
            let json = serde_json::value::to_raw_value(text).unwrap();
            assert_eq!(words.target_of_json(&json), expected, "{text} in JSON");
        }
        let two: Box<RawValue> = serde_json::from_str("2").unwrap();
        assert_eq!(words.target_of_json(&two), Some(Target::Cell(Cell::Yes)));
    }

    #[test]
    fn a_blank_may_be_made_a_no() {
        let words = words("ja", "", "nada");
        assert_eq!(words.blank(), Cell::No);
        let null: Box<RawValue> = serde_json::from_str("null").unwrap();
        for target in [
            words.target("\u{a0}"),
            words.target(""),
            words.target_of_json(&null),
        ] {
            assert_eq!(target, Some(Target::Cell(Cell::No)));
        }
        assert_eq!(words.target("NA"), Some(Target::Cell(Cell::Unknown)));
        assert_eq!(Words::default().blank(), Cell::Unknown);
    }

    #[test]
    fn a_word_has_one_meaning() {
        words("a", "b", "c").check().unwrap();
        let error = words("a oui", "b", "Oui").check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`oui` stands in `--yes` and in `--unknown`"
        );
    }

    #[test]
    fn numbers_between_are_chances() {
        let cases = [
            ("0.3", Some(Target::Share(0.3))),
            (" 5e-1 ", Some(Target::Share(0.5))),
            ("1e-60", Some(Target::Cell(Cell::No))),
            ("0.999999999", Some(Target::Cell(Cell::Yes))),
            ("-0.3", None),
            ("1.01", None),
            ("inf", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Words::default().target(text), expected, "{text}");
        }
        let cells = [0.49, 0.5, 0.51].map(|share| Target::Share(share).cell());
        assert_eq!(cells, [Cell::No, Cell::Yes, Cell::Yes]);
    }
}
