//! What a word is.

use std::sync::LazyLock;

use regex::Regex;

/// Letters, digits and underscores in a row, as scikit-learn has it with `token_pattern=
/// r"(?u)\b\w+\b"`, so `l'école` gives `l` and `école`. Its default asks for two letters; with one
/// the baseline is better on two dev parts of three (`docs/multi-label.md`).
///
/// Scripts that put no space between words are the exception: each of their characters is a word,
/// and the pairs do the rest. Without it a whole clause would be one word that never comes again.
static WORD: LazyLock<Regex> = LazyLock::new(|| {
    const SPACELESS: &str = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}";
    let pattern = format!(r"[{SPACELESS}&&\w]|[\w--[{SPACELESS}]]+");
    Regex::new(&pattern).expect("the pattern is a constant, and tested")
});

/// Hands each word of `text` to `each`, in order and in lower case.
pub(super) fn for_each_word(text: &str, mut each: impl FnMut(&str)) {
    let text = text.to_lowercase();
    for word in WORD.find_iter(&text) {
        each(word.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_in_lower_case() {
        let cases: [(&str, &[&str]); 13] = [
            ("", &[]),
            (" \n\t", &[]),
            ("😀 🎉!", &[]),
            ("I am a cat.", &["i", "am", "a", "cat"]),
            ("snake_case 42 4", &["snake_case", "42", "4"]),
            ("Don't", &["don", "t"]),
            ("L'École d’été", &["l", "école", "d", "été"]),
            ("ÉTÉ été", &["été", "été"]),
            ("naïve—œuvre", &["naïve", "œuvre"]),
            // An accent of its own belongs to its letter.
            ("e\u{301}te\u{301}", &["e\u{301}te\u{301}"]),
            ("Добрый день", &["добрый", "день"]),
            ("東京AB、です", &["東", "京", "ab", "で", "す"]),
            ("한국어 텍스트", &["한국어", "텍스트"]),
        ];
        for (text, expected) in cases {
            let mut words = Vec::new();
            for_each_word(text, |word| words.push(word.to_owned()));
            assert_eq!(words, expected, "{text:?}");
        }
    }
}
