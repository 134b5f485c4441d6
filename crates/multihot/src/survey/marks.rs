//! Odd characters in a text: traces of a wrong encoding, of a web page, of a broken export.

use serde::Serialize;

/// How many texts of a table have each kind of odd character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Marks {
    /// Nothing but white space.
    pub empty: usize,
    /// `Ã©` for `é`: UTF-8 that was read as Latin-1 or Windows-1252.
    pub mojibake: usize,
    /// U+FFFD, which stands where a character was lost.
    pub replaced: usize,
    /// Control characters besides line breaks and tabs.
    pub control: usize,
    /// Tags or entities of a web page, such as `<br>` and `&amp;`.
    pub html: usize,
}

impl Marks {
    /// Counts `text` in.
    pub(super) fn add(&mut self, text: &str) {
        self.empty += usize::from(text.trim().is_empty());
        self.mojibake += usize::from(has_mojibake(text));
        self.replaced += usize::from(text.contains(char::REPLACEMENT_CHARACTER));
        self.control += usize::from(text.chars().any(is_odd_control));
        self.html += usize::from(has_html(text));
    }
}

/// A control character that no editor writes. From U+0080 on they are letters of another encoding.
fn is_odd_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r')
}

/// Whether two characters stand there that are one in UTF-8, as Windows-1252 shows its bytes.
fn has_mojibake(text: &str) -> bool {
    if text.is_ascii() {
        return false;
    }
    let next = text.chars().skip(1);
    text.chars().zip(next).any(|(first, second)| match first {
        // The bytes C3 and C2, which start the letters of Western Europe, and a byte that may follow.
        'Ã' | 'Â' => is_continuation(second),
        // E2 80: dashes and curly quotes; E2 82: the euro sign.
        'â' => matches!(second, '€' | '‚'),
        // F0 9F: emoji.
        'ð' => second == 'Ÿ' || second == '\u{9f}',
        _ => false,
    })
}

/// What Latin-1 and Windows-1252 show for the bytes 80 to BF.
fn is_continuation(c: char) -> bool {
    const WINDOWS_80_TO_9F: &str = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ";
    matches!(c, '\u{80}'..='\u{bf}') || WINDOWS_80_TO_9F.contains(c)
}

fn has_html(text: &str) -> bool {
    const TAGS: [&str; 10] = [
        "<br", "<p>", "</p>", "<div", "</div>", "<span", "</a>", "<a href", "<li>", "<td",
    ];
    const ENTITIES: [&str; 7] = [
        "&amp;", "&lt;", "&gt;", "&quot;", "&nbsp;", "&#39;", "&#x27;",
    ];
    (text.contains('<') && TAGS.iter().any(|tag| text.contains(tag)))
        || (text.contains('&') && ENTITIES.iter().any(|entity| text.contains(entity)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mark_is_seen_and_nothing_else() {
        let cases: [(&str, [usize; 5]); 18] = [
            ("a plain text", [0; 5]),
            ("", [1, 0, 0, 0, 0]),
            (" \u{a0}\n", [1, 0, 0, 0, 0]),
            ("dÃ©jÃ\u{a0} vu", [0, 1, 0, 0, 0]),
            ("itâ€™s", [0, 1, 0, 0, 0]),
            ("10 â‚¬", [0, 1, 0, 0, 0]),
            ("ðŸ˜€", [0, 1, 0, 0, 0]),
            ("20Â°C", [0, 1, 0, 0, 0]),
            ("Ã‰tat", [0, 1, 0, 0, 0]),
            ("déjà vu, l’été, 10 €, 20 °C 😀", [0; 5]),
            ("NÃO, Ângela, âge, pâté", [0; 5]),
            ("caf\u{fffd}", [0, 0, 1, 0, 0]),
            ("a\0b", [0, 0, 0, 1, 0]),
            ("caf\u{82}", [0, 0, 0, 1, 0]),
            ("two\nlines\tand a tab\r\n", [0; 5]),
            ("one<br/>two", [0, 0, 0, 0, 1]),
            ("salt &amp; pepper", [0, 0, 0, 0, 1]),
            ("1 < 2 & 3 > 2", [0; 5]),
        ];
        for (text, expected) in cases {
            let mut marks = Marks::default();
            marks.add(text);
            let found = [
                marks.empty,
                marks.mojibake,
                marks.replaced,
                marks.control,
                marks.html,
            ];
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
