//! What one row says about labels by name, and the cells that say so.

use std::collections::{BTreeSet, HashMap};

use super::literal::Literal;
use crate::cells::{Target, Words, trim};
use crate::names::name_of;

/// What one row says about labels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Listed {
    /// Nobody said anything.
    Unknown,
    /// Names that hold; labels that stand nowhere here do not.
    Names(Names),
    /// Ids, or a number for each label; `None` is unknown.
    Numbers(Vec<Option<f64>>),
    /// An answer for each of these; other labels are unknown.
    Each(Vec<(String, Target)>),
}

/// Names by what is said about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Names {
    pub(crate) yes: Vec<String>,
    /// Those on which annotators are divided.
    pub(crate) open: Vec<String>,
    /// Those that a minority names.
    pub(crate) no: Vec<String>,
}

impl Names {
    pub(crate) fn of(yes: impl IntoIterator<Item = String>) -> Self {
        let yes = yes.into_iter();
        let yes = yes.map(|name| name_of(&name));
        Self {
            yes: yes.filter(|name| !name.is_empty()).collect(),
            ..Self::default()
        }
    }

    /// What most of the `votes` name; half of them leave a name open.
    pub(crate) fn majority(votes: &[BTreeSet<String>]) -> Self {
        let mut counts: HashMap<&String, usize> = HashMap::new();
        for name in votes.iter().flatten() {
            *counts.entry(name).or_default() += 1;
        }
        let mut names = Self::default();
        for (name, count) in counts {
            let list = match (2 * count).cmp(&votes.len()) {
                std::cmp::Ordering::Greater => &mut names.yes,
                std::cmp::Ordering::Equal => &mut names.open,
                std::cmp::Ordering::Less => &mut names.no,
            };
            list.push(name.clone());
        }
        for list in [&mut names.yes, &mut names.open, &mut names.no] {
            list.sort();
        }
        names
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &String> {
        self.yes.iter().chain(&self.open).chain(&self.no)
    }
}

impl Listed {
    /// Reads a cell with a list or a dictionary in it, or says what is wrong with it.
    pub(crate) fn parse(text: &str, words: &Words) -> Result<Self, String> {
        if let Some(whole) = whole(text, words) {
            return Ok(whole);
        }
        Self::of_literal(&Literal::parse(text)?, words)
    }

    /// The same in a column where one name may stand without a list round it, as Label Studio
    /// writes a single choice.
    pub(crate) fn parse_or_name(text: &str, words: &Words) -> Result<Self, String> {
        if let Some(whole) = whole(text, words) {
            return Ok(whole);
        }
        let name = |name: String| Listed::Names(Names::of([name]));
        match Literal::parse(text) {
            Ok(Literal::Text(inner)) if text.starts_with(['"', '\'']) => Ok(name(inner)),
            Ok(Literal::Number(number)) => Ok(Listed::Numbers(vec![Some(number)])),
            Ok(Literal::Text(_) | Literal::Bool(_)) => Ok(name(text.to_owned())),
            Ok(literal) => Self::of_literal(&literal, words),
            // What has a bracket is meant as a list.
            Err(problem) if text.contains(['[', '{']) || starts_a_list(text) => Err(problem),
            Err(_) => Ok(name(text.to_owned())),
        }
    }

    fn of_literal(literal: &Literal, words: &Words) -> Result<Self, String> {
        match literal {
            Literal::Null => Ok(Listed::Unknown),
            Literal::List(values) => Self::of_list(values, words),
            Literal::Dict(entries) => match entries.as_slice() {
                // What Label Studio writes into a column.
                [(key, choices @ Literal::List(_))] if key == "choices" => {
                    Self::of_literal(choices, words)
                }
                entries => Self::of_dict(entries, words),
            },
            Literal::Text(_) | Literal::Number(_) | Literal::Bool(_) => {
                Err("a single value is no list".into())
            }
        }
    }

    fn of_list(values: &[Literal], words: &Words) -> Result<Self, String> {
        let is_dict = |value: &Literal| matches!(value, Literal::Dict(_));
        if !values.is_empty() && values.iter().all(is_dict) {
            let entries: Option<Vec<_>> = values.iter().map(labelled_value).collect();
            let entries = entries.ok_or("its objects lack `label` and `value`")?;
            return Self::of_dict(&entries, words);
        }
        if values
            .iter()
            .any(|value| matches!(value, Literal::List(_) | Literal::Dict(_)))
        {
            return Err("there are lists or objects in it".into());
        }
        let is_text = |value: &Literal| matches!(value, Literal::Text(_));
        if values.is_empty() || values.iter().any(is_text) {
            let names: Option<Vec<String>> = values.iter().map(Literal::name).collect();
            let names = names.ok_or("names and other values are mixed in it")?;
            return Ok(Listed::Names(Names::of(names)));
        }
        let number = |value: &Literal| match value {
            Literal::Number(number) => Some(*number),
            Literal::Bool(value) => Some(f64::from(u8::from(*value))),
            _ => None,
        };
        Ok(Listed::Numbers(values.iter().map(number).collect()))
    }

    fn of_dict(entries: &[(String, Literal)], words: &Words) -> Result<Self, String> {
        let answer = |(name, value): &(String, Literal)| {
            let target = match value {
                Literal::Null => words.target(""),
                Literal::Bool(value) => words.target(if *value { "true" } else { "false" }),
                Literal::Number(number) => Target::of_number(*number),
                Literal::Text(text) => words.target(text),
                Literal::List(_) | Literal::Dict(_) => None,
            };
            let target = target.ok_or_else(|| format!("the value of `{name}` is not 0 to 1"))?;
            Ok((name_of(name), target))
        };
        entries
            .iter()
            .map(answer)
            .collect::<Result<_, _>>()
            .map(Listed::Each)
    }

    /// Whether it names no label.
    pub(crate) fn is_bare(&self) -> bool {
        match self {
            Listed::Unknown => true,
            Listed::Names(names) => names.all().next().is_none(),
            Listed::Numbers(numbers) => numbers.is_empty(),
            Listed::Each(entries) => entries.is_empty(),
        }
    }
}

/// Whether a cell may hold a list or a dictionary.
pub(crate) fn starts_a_list(text: &str) -> bool {
    text.starts_with(['[', '{', '('])
}

/// Whether a cell holds a list or a dictionary, or the beginning of one. Names may stand in
/// parentheses, and have brackets in them.
fn is_a_list(text: &str) -> bool {
    if !starts_a_list(text) {
        return false;
    }
    let has_quote = text[1..].trim_start().starts_with(['"', '\'']);
    let is_whole = |literal| matches!(literal, Literal::List(_) | Literal::Dict(_));
    has_quote || (!text.starts_with('(') && Literal::parse(text).is_ok_and(is_whole))
}

/// Whether the cells of a column are lists, some of them perhaps a name without one round it.
pub(crate) fn are_lists<'a>(cells: impl Iterator<Item = &'a str> + Clone, words: &Words) -> bool {
    let mut cells = cells.filter(|cell| whole(cell, words).is_none());
    let mut all = cells.clone().peekable();
    all.peek().is_some() && all.all(starts_a_list) || cells.any(is_a_list)
}

/// What a cell says that is no list but one word for the whole row: unknown, or one of a person's
/// own words.
pub(crate) fn whole(text: &str, words: &Words) -> Option<Listed> {
    let unknown = ["", "na", "nan", "null", "?"];
    let text = trim(text);
    match words.own(text) {
        Some(crate::Cell::No) => Some(Listed::Names(Names::default())),
        Some(crate::Cell::Unknown) => Some(Listed::Unknown),
        // A word for yes would not say of what.
        _ if unknown.iter().any(|word| word.eq_ignore_ascii_case(text)) => Some(Listed::Unknown),
        _ => None,
    }
}

/// `{"label": "a", "value": 1}`, as older versions of spaCy have it.
fn labelled_value(value: &Literal) -> Option<(String, Literal)> {
    let Literal::Dict(entries) = value else {
        return None;
    };
    let get = |wanted: &str| {
        let entry = entries.iter().find(|(key, _)| key == wanted);
        entry.map(|(_, value)| value)
    };
    Some((get("label")?.name()?, get("value")?.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cell;

    fn read(text: &str) -> Result<Listed, String> {
        Listed::parse(text, &Words::default())
    }

    fn names(yes: &[&str]) -> Listed {
        Listed::Names(Names::of(yes.iter().map(|name| (*name).to_owned())))
    }

    #[test]
    fn lists_and_dictionaries_are_told_apart() {
        let share = |name: &str, share| (name.to_owned(), Target::Share(share));
        let cell = |name: &str, cell| (name.to_owned(), Target::Cell(cell));
        let cases = [
            ("", Listed::Unknown),
            (" NaN ", Listed::Unknown),
            ("null", Listed::Unknown),
            ("[]", names(&[])),
            ("['a', ' b\u{a0}', '']", names(&["a", "b"])),
            ("['a', 3]", names(&["a", "3"])),
            ("[0, 14]", Listed::Numbers(vec![Some(0.0), Some(14.0)])),
            (
                "[True, null, 0.5]",
                Listed::Numbers(vec![Some(1.0), None, Some(0.5)]),
            ),
            (r#"{"choices": ["a"]}"#, names(&["a"])),
            (
                r#"{"a": 1.0, "b": 0, "c": 0.25, "d": null, "e": "oui"}"#,
                Listed::Each(vec![
                    cell("a", Cell::Yes),
                    cell("b", Cell::No),
                    share("c", 0.25),
                    cell("d", Cell::Unknown),
                    cell("e", Cell::Yes),
                ]),
            ),
            (
                r#"[{"label": "a", "value": 1}, {"value": 0, "label": "b"}]"#,
                Listed::Each(vec![cell("a", Cell::Yes), cell("b", Cell::No)]),
            ),
            ("{}", Listed::Each(vec![])),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_list_of_labels_is_said() {
        let cases = [
            ("'a'", "a single value is no list"),
            ("[[0, 5, 'PER']]", "there are lists or objects in it"),
            ("['a', None]", "names and other values are mixed in it"),
            ("{'a': 'web'}", "the value of `a` is not 0 to 1"),
            ("{'a': 2}", "the value of `a` is not 0 to 1"),
            ("[{'start': 1}]", "its objects lack `label` and `value`"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_name_may_stand_without_a_list_round_it() {
        let read = |text| Listed::parse_or_name(text, &Words::default());
        let cases = [
            ("sports", Ok(names(&["sports"]))),
            ("food, drinks", Ok(names(&["food, drinks"]))),
            ("sports (indoor)", Ok(names(&["sports (indoor)"]))),
            ("it's", Ok(names(&["it's"]))),
            ("\"a b\"", Ok(names(&["a b"]))),
            ("true", Ok(names(&["true"]))),
            ("3", Ok(Listed::Numbers(vec![Some(3.0)]))),
            ("nan", Ok(Listed::Unknown)),
            (r#"["a"]"#, Ok(names(&["a"]))),
            (r#"{"choices": ["a"]}"#, Ok(names(&["a"]))),
            ("set()", Ok(names(&[]))),
            ("['a'", Err("`]` is missing at its end".to_owned())),
            ("array(['a'", Err("`]` is missing at its end".to_owned())),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_column_is_of_lists_whatever_its_first_cell_is() {
        let cases: [(&[&str], bool); 12] = [
            (&["NA", r#"["a", "b"]"#, "nan"], true),
            (&["?", "('a', 'b')"], true),
            (&["sports", r#"{"choices": ["a", "b"]}"#], true),
            (&["sports", "['a', 'b'"], true),
            (&["a", "[]"], true),
            (&["(a)", "(b)"], true),
            (&["a|b", "(other)"], false),
            (&["a;b", "[draft] c"], false),
            (&["[draft] c", "a;b"], false),
            (&["a, b"], false),
            (&["NA"], false),
            (&[], false),
        ];
        for (cells, expected) in cases {
            let found = are_lists(cells.iter().copied(), &Words::default());
            assert_eq!(found, expected, "{cells:?}");
        }
    }

    #[test]
    fn ones_own_words_speak_for_the_whole_row() {
        let words = Words {
            no: vec!["".into(), "Nothing".into()],
            unknown: vec!["skip".into()],
            ..Words::default()
        };
        for (text, expected) in [
            ("", names(&[])),
            ("nothing", names(&[])),
            ("SKIP", Listed::Unknown),
            ("na", Listed::Unknown),
            ("['a']", names(&["a"])),
        ] {
            assert_eq!(Listed::parse(text, &words), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_majority_decides_and_a_tie_is_open() {
        let vote = |names: &str| names.split_terminator(' ').map(str::to_owned).collect();
        let cases: [(&[&str], &str, &str, &str); 4] = [
            (&["a b"], "a b", "", ""),
            (&["a b", "a"], "a", "b", ""),
            (&["a b", "a", "a c"], "a", "", "b c"),
            (&["a", "", "", "a"], "", "a", ""),
        ];
        for (votes, yes, open, no) in cases {
            let votes: Vec<BTreeSet<String>> = votes.iter().map(|names| vote(names)).collect();
            let names = Names::majority(&votes);
            let found = [names.yes, names.open, names.no].map(|names| names.join(" "));
            assert_eq!(found, [yes, open, no], "{votes:?}");
        }
    }
}
