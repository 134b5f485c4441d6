//! What names of columns and labels are, how messages and command lines show them, and which one a
//! person may have meant.

use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization;

use crate::cells::trim;

/// More names than this are counted, not listed.
const LISTED: usize = 40;
/// Longer cells are cut in a message.
const SHOWN_CHARACTERS: usize = 60;

/// The names in backticks, with commas between them.
pub(crate) fn list<S: AsRef<str>>(names: &[S]) -> String {
    let mut text: Vec<String> = names
        .iter()
        .take(LISTED)
        .map(|name| format!("`{}`", shown(name.as_ref())))
        .collect();
    if names.len() > LISTED {
        text.push(format!("and {} more", names.len() - LISTED));
    }
    text.join(", ")
}

/// A name of a column or a label as it is compared: without white space at its ends, and with
/// accents on their letters, where some systems write them behind (Unicode's NFC).
pub fn name_of(text: &str) -> String {
    let text = trim(text);
    if text.is_ascii() {
        return text.to_owned();
    }
    text.nfc().collect()
}

/// The names in `text`, which has commas between them; quotes protect a comma as in a CSV.
pub fn names_in(text: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let records = reader.records().filter_map(Result::ok);
    let names: Vec<String> = records
        .flat_map(|record| record.iter().map(name_of).collect::<Vec<_>>())
        .collect();
    // Nothing at all is one name, a blank one.
    if names.is_empty() {
        vec![String::new()]
    } else {
        names
    }
}

/// `names` as [`names_in`] reads them.
pub fn comma_separated<S: AsRef<str>>(names: &[S]) -> String {
    let protected = |name: &S| match name.as_ref() {
        name if name.contains([',', '"', '\n']) => format!("\"{}\"", name.replace('"', "\"\"")),
        name => name.to_owned(),
    };
    names.iter().map(protected).collect::<Vec<_>>().join(",")
}

/// `word` as a shell reads it as one.
pub fn in_shell(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:,+@%=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A name of a column or a word of a cell as an option takes it, or `instead` where it is too long
/// to be typed.
pub(crate) fn argument(name: &str, instead: &str) -> String {
    if shown(name) != name {
        return instead.to_owned();
    }
    in_shell(&comma_separated(&[name]))
}

/// The names of columns that nobody named: `1`, `2`, `3`, …
pub(crate) fn numbered(n_columns: usize) -> Vec<String> {
    (1..=n_columns).map(|number| number.to_string()).collect()
}

/// `n` and a noun, in the singular where there is one.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// `text` fit for one line of a terminal: cut when long, control characters escaped.
pub(crate) fn shown(text: &str) -> String {
    let mut line = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == SHOWN_CHARACTERS {
            line.push('…');
            break;
        }
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// The one of `names` that `wanted` may have been meant to be: the same but for case and white
/// space, or at most a third of its characters away.
pub fn nearest<S: AsRef<str>>(wanted: &str, names: &[S]) -> Option<String> {
    let wanted = plain(wanted);
    let near = names
        .iter()
        .map(AsRef::as_ref)
        .filter(|name| name.len() <= 4 * SHOWN_CHARACTERS);
    let (distance, name) = near
        .map(|name| (distance(&wanted, &plain(name)), name))
        .min_by_key(|pair| pair.0)?;
    (distance <= wanted.len().max(1) / 3).then(|| name.to_owned())
}

/// What stands beside `path`, which is not there, and is called nearly so; of that only what
/// `is_meant`.
pub fn nearest_path(path: &Path, is_meant: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let folder = path.parent()?;
    let place = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let entries = place.read_dir().ok()?.filter_map(Result::ok);
    let meant = entries.filter(|entry| is_meant(&entry.path()));
    let names: Vec<String> = meant
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let near = nearest(path.file_name()?.to_str()?, &names)?;
    Some(folder.join(near))
}

fn plain(name: &str) -> Vec<char> {
    name_of(name).to_lowercase().chars().collect()
}

/// How many characters to put in, take out, exchange, or swap with their neighbour (the distance of
/// Damerau and Levenshtein, of which no character is touched twice).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        rows[i][0] = i;
        for j in 1..=b.len() {
            let exchanged = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = exchanged.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let columns = ["id", "Text", "sports", "business"];
        let cases = [
            ("text", Some("Text")),
            ("txt", Some("Text")),
            ("sport", Some("sports")),
            (" Sports", Some("sports")),
            ("weather", None),
            ("sprots", Some("sports")),
            ("", None),
        ];
        for (wanted, expected) in cases {
            assert_eq!(nearest(wanted, &columns).as_deref(), expected, "{wanted}");
        }
        assert_eq!(nearest::<&str>("text", &[]), None);
    }

    #[test]
    fn distances_count_slips() {
        let cases = [
            ("", "", 0),
            ("a", "", 1),
            ("kitten", "sitting", 3),
            ("ab", "ba", 1),
            ("model", "modle", 1),
            ("ca", "abc", 3),
        ];
        for (a, b, expected) in cases {
            assert_eq!(distance(&plain(a), &plain(b)), expected, "{a} {b}");
        }
    }

    #[test]
    fn names_are_the_same_however_their_accents_are_written() {
        assert_eq!(name_of(" e\u{301}conomie\u{a0}"), "économie");
        assert_eq!(name_of("Sport "), "Sport");
    }

    #[test]
    fn names_between_commas_may_have_one_of_their_own() {
        let cases: [(&str, &[&str]); 6] = [
            ("a,b", &["a", "b"]),
            (" a , b\u{a0}", &["a", "b"]),
            ("\"a, b\",c", &["a, b", "c"]),
            ("\"a \"\"b\"\"\"", &["a \"b\""]),
            ("", &[""]),
            ("a,", &["a", ""]),
        ];
        for (text, names) in cases {
            assert_eq!(names_in(text), names, "{text}");
            assert_eq!(names_in(&comma_separated(names)), names, "{text}");
        }
    }

    #[test]
    fn an_argument_can_be_typed() {
        let cases = [
            ("sport", "sport"),
            ("économie", "économie"),
            ("peut-être", "peut-être"),
            ("ne sait pas", "'ne sait pas'"),
            ("l'été", r"'l'\''été'"),
            ("oui, mais", "'\"oui, mais\"'"),
            ("", "''"),
            ("two\nlines", "WORD"),
        ];
        for (name, expected) in cases {
            assert_eq!(argument(name, "WORD"), expected);
        }
    }

    #[test]
    fn what_is_shown_stays_on_one_line() {
        assert_eq!(shown("a\n\u{1b}[31mé"), "a\\n\\u{1b}[31mé");
        assert_eq!(shown(&"é".repeat(61)), format!("{}…", "é".repeat(60)));
        assert_eq!(list(&["a", "b c"]), "`a`, `b c`");
        assert!(list(&vec!["x"; 50]).ends_with("`x`, and 10 more"));
    }
}
