//! What a cell of a label column may say.

use serde_json::value::RawValue;

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

const YES: [&str; 7] = ["1", "1.0", "true", "yes", "y", "t", "oui"];
const NO: [&str; 7] = ["0", "0.0", "false", "no", "n", "f", "non"];
const UNKNOWN: [&str; 7] = ["", "na", "nan", "null", "?", "-1", "-1.0"];

/// The yes/no words, as messages name them.
pub(crate) const WORDS: &str = "1 0 true false yes no y n t f oui non vrai faux";

impl Cell {
    /// Reads a yes/no word, any case, with or without white space round it; blank, `NA`, `NaN`,
    /// `null`, `?` and `-1` are unknown. `None` where `text` is no such word.
    pub fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let is = |word: &&str| word.eq_ignore_ascii_case(text);
        if YES.iter().any(is) || is(&"vrai") {
            Some(Cell::Yes)
        } else if NO.iter().any(is) || is(&"faux") {
            Some(Cell::No)
        } else if UNKNOWN.iter().any(is) {
            Some(Cell::Unknown)
        } else {
            None
        }
    }

    /// Reads a JSON value: a string by its words, a number by its value, `true`, `false`, `null`.
    pub(crate) fn from_json(value: &RawValue) -> Option<Self> {
        let raw = value.get();
        if raw.starts_with('"') {
            return Cell::from_text(&serde_json::from_str::<String>(raw).ok()?);
        }
        match raw.parse::<f64>() {
            Ok(1.0) => Some(Cell::Yes),
            Ok(0.0) => Some(Cell::No),
            Ok(-1.0) => Some(Cell::Unknown),
            Ok(_) => None,
            Err(_) => Cell::from_text(raw),
        }
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

    #[test]
    fn words_are_read_in_any_case_and_trimmed() {
        for yes in "1 1.0 true TRUE Yes y T oui Vrai".split(' ') {
            assert_eq!(Cell::from_text(yes), Some(Cell::Yes), "{yes}");
        }
        for no in "0 0.0 false False NO n f non FAUX".split(' ') {
            assert_eq!(Cell::from_text(no), Some(Cell::No), "{no}");
        }
        for unknown in ["", "  ", "\u{a0}", "NA", "nan", "NULL", "?", "-1", "-1.0"] {
            assert_eq!(Cell::from_text(unknown), Some(Cell::Unknown), "{unknown}");
        }
        for other in ["2", "maybe", "01", "1.5", "yes no", "inf", "é", "--1"] {
            assert_eq!(Cell::from_text(other), None, "{other}");
        }
        assert_eq!(Cell::from_text("\t yes\r\n"), Some(Cell::Yes));
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
            assert_eq!(Cell::from_json(&value), expected, "{json}");
        }
    }
}
