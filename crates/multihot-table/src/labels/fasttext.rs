//! Lines of fastText and Flair: `__label__sauce __label__cheese How much does …`.

const PREFIX: &str = "__label__";

/// The labels that stand before or behind the text of a line, and the text without them. `None`
/// for a line that has no label at either end; one in the middle is part of a text.
pub(crate) fn split(line: &str) -> Option<(Vec<String>, &str)> {
    let (mut labels, mut text) = (Vec::new(), line.trim());
    while text.starts_with(PREFIX) {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        labels.push(text[PREFIX.len()..end].to_owned());
        text = text[end..].trim_start();
    }
    while let Some(start) = last_word(text).filter(|&start| text[start..].starts_with(PREFIX)) {
        labels.push(text[start + PREFIX.len()..].to_owned());
        text = text[..start].trim_end();
    }
    labels.retain(|label| !label.is_empty());
    (text.len() < line.trim().len()).then_some((labels, text))
}

/// Where the last word of `text` starts.
fn last_word(text: &str) -> Option<usize> {
    if text.is_empty() {
        return None;
    }
    let blank = text.char_indices().rfind(|(_, c)| c.is_whitespace());
    Some(blank.map_or(0, |(at, c)| at + c.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_at_the_ends() {
        let cases = [
            ("__label__a __label__b the text", Some(("a b", "the text"))),
            ("__label__a", Some(("a", ""))),
            ("__label__ x", Some(("", "x"))),
            ("  __label__a\tx ", Some(("a", "x"))),
            ("the text __label__a __label__é", Some(("é a", "the text"))),
            ("__label__a x __label__b", Some(("a b", "x"))),
            ("a __label__a b", None),
            ("x", None),
            ("", None),
            ("__labels__a x", None),
        ];
        for (line, expected) in cases {
            let found = split(line);
            let found = found
                .as_ref()
                .map(|(labels, text)| (labels.join(" "), *text));
            let expected = expected.map(|(labels, text)| (labels.to_owned(), text));
            assert_eq!(found, expected, "{line}");
        }
    }
}
