//! Names in one cell with something between them.

use std::collections::HashSet;

use super::listed::{Listed, Names, whole};
use crate::cells::{Words, trim};

/// What may stand between names, the surest sign first. A blank stands for any white space.
const DELIMITERS: [&str; 5] = ["|", ";", "\n", "\t", ","];
const WHITE_SPACE: &str = " ";
/// What doccano writes; a name such as `C#` may have it too.
const HASH: &str = "#";

/// The delimiter of a column, found by its different cells; `None` where each is one name.
pub(crate) fn find<'a>(
    cells: impl Iterator<Item = &'a str> + Clone,
    words: &Words,
) -> Option<String> {
    let cells = cells.map(trim).filter(|cell| whole(cell, words).is_none());
    let occurs = |delimiter: &&str| cells.clone().any(|cell| cell.contains(*delimiter));
    if let Some(delimiter) = DELIMITERS.iter().copied().find(occurs) {
        return Some(delimiter.to_owned());
    }
    if is_between_names(HASH, cells.clone()) {
        return Some(HASH.to_owned());
    }
    // Names may have blanks in them. Between names, the same few words come again and again, and
    // there are more different cells than different words.
    let words: HashSet<&str> = cells.clone().flat_map(str::split_whitespace).collect();
    let cells: HashSet<&str> = cells.collect();
    (words.len() < cells.len()).then(|| WHITE_SPACE.to_owned())
}

/// Whether most of what `delimiter` would cut apart are cells of their own, too, and none is blank.
fn is_between_names<'a>(delimiter: &str, cells: impl Iterator<Item = &'a str> + Clone) -> bool {
    let (several, single): (HashSet<&str>, HashSet<&str>) =
        cells.partition(|cell| cell.contains(delimiter));
    let names: HashSet<&str> = several
        .iter()
        .flat_map(|cell| cell.split(delimiter).map(trim))
        .collect();
    let n_single = names.intersection(&single).count();
    !names.contains("") && 2 * n_single > names.len()
}

/// Whether `delimiter` occurs in a cell.
pub(crate) fn occurs(cell: &str, delimiter: &str) -> bool {
    if delimiter == WHITE_SPACE {
        return trim(cell).contains(char::is_whitespace);
    }
    cell.contains(delimiter)
}

/// The names in a cell.
pub(crate) fn read(cell: &str, delimiter: Option<&str>, words: &Words) -> Listed {
    if let Some(whole) = whole(cell, words) {
        return whole;
    }
    let names: Vec<&str> = match delimiter {
        None => vec![cell],
        Some(WHITE_SPACE) => cell.split_whitespace().collect(),
        Some(delimiter) => cell.split(delimiter).collect(),
    };
    Listed::Names(Names::of(names.into_iter().map(str::to_owned)))
}

/// What a message calls a delimiter.
pub(crate) fn described(delimiter: &str) -> String {
    match delimiter {
        WHITE_SPACE => "white space".into(),
        "\n" => "line ends".into(),
        "\t" => "tabs".into(),
        other => format!("`{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_found_by_the_cells() {
        let cases: [(&[&str], Option<&str>); 16] = [
            (&["a|b", "c"], Some("|")),
            (&["Sports, leisure|b", "c"], Some("|")),
            (&["a;b", "c"], Some(";")),
            (&["a, b", "c"], Some(",")),
            (&["a\tb"], Some("\t")),
            (&["a\nb\n", "c"], Some("\n")),
            (&["a b", "a", "b", "b c"], Some(" ")),
            (&["machine learning", "deep learning", "sports"], None),
            (&["a", "b", "a"], None),
            (&["a", "big dog", "a#big dog"], Some("#")),
            (&["a", "b", "a#b#c"], Some("#")),
            (&["a#b", "c", "a#c; d"], Some(";")),
            (&["C#", "F#", "C"], None),
            (&["room#1", "room#2", "hall#1"], None),
            (&["a", "", "NA", "b "], None),
            (&[], None),
        ];
        for (cells, expected) in cases {
            let found = find(cells.iter().copied(), &Words::default());
            assert_eq!(found.as_deref(), expected, "{cells:?}");
        }
    }

    #[test]
    fn cells_are_cut_and_trimmed() {
        let cases = [
            ("a|b | c\u{a0}", Some("|"), "a b c"),
            ("a||b|", Some("|"), "a b"),
            ("|", Some("|"), ""),
            (" a \t b\n", Some(" "), "a b"),
            ("a::b", Some("::"), "a b"),
            ("one", Some("|"), "one"),
            ("a|b", None, "a|b"),
        ];
        for (cell, delimiter, expected) in cases {
            let Listed::Names(names) = read(cell, delimiter, &Words::default()) else {
                panic!("{cell} has names");
            };
            assert_eq!(names.yes.join(" "), expected, "{cell}");
        }
        assert_eq!(read(" ", Some("|"), &Words::default()), Listed::Unknown);
        assert!(occurs("a b", " ") && !occurs(" a ", " ") && occurs("a;b", ";"));
    }
}
