//! How messages show columns and cells, and which name a person may have meant.

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

fn plain(name: &str) -> Vec<char> {
    name.trim().to_lowercase().chars().collect()
}

/// Levenshtein's distance: how many characters to put in, take out or exchange.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let exchanged = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = exchanged.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
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
            ("", None),
        ];
        for (wanted, expected) in cases {
            assert_eq!(nearest(wanted, &columns).as_deref(), expected, "{wanted}");
        }
        assert_eq!(nearest::<&str>("text", &[]), None);
    }

    #[test]
    fn distances_are_levenshteins() {
        let cases = [
            ("", "", 0),
            ("a", "", 1),
            ("kitten", "sitting", 3),
            ("ab", "ba", 2),
        ];
        for (a, b, expected) in cases {
            assert_eq!(distance(&plain(a), &plain(b)), expected, "{a} {b}");
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
