//! Which languages the texts are in.

use serde::Serialize;

/// Texts that a language is told from; a detection takes a fraction of a millisecond.
const MOST_TEXTS: usize = 1_000;
/// Shorter texts say too little.
const FEWEST_CHARACTERS: usize = 20;
/// Smaller shares are left out: a detector errs as often.
const SMALLEST_SHARE: f64 = 0.02;

/// How many texts are in a language.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LanguageShare {
    /// Its English name.
    pub language: String,
    /// Share of the texts of which the language is clear.
    pub share: f64,
}

/// Languages of `texts`, the most frequent first; empty where none is clear.
pub(super) fn languages(texts: &[&str]) -> Vec<LanguageShare> {
    let long = texts
        .iter()
        .filter(|text| text.chars().count() >= FEWEST_CHARACTERS);
    let clear = long.take(MOST_TEXTS).filter_map(|text| {
        let info = whatlang::detect(text)?;
        info.is_reliable().then(|| info.lang())
    });
    let mut counts: Vec<(whatlang::Lang, usize)> = Vec::new();
    for language in clear {
        match counts.iter_mut().find(|(known, _)| *known == language) {
            Some((_, count)) => *count += 1,
            None => counts.push((language, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let clear: usize = counts.iter().map(|(_, count)| count).sum();
    let shares = counts.into_iter().map(|(language, count)| LanguageShare {
        language: language.eng_name().to_owned(),
        share: count as f64 / clear as f64,
    });
    shares
        .filter(|language| language.share >= SMALLEST_SHARE)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_named_with_their_shares() {
        let english = "The committee has decided that the meeting will be held on Tuesday evening.";
        let french =
            "Le comité a décidé que la réunion se tiendra mardi soir dans la grande salle.";
        let texts = [english, french, english, "ok", "", english];
        let found = languages(&texts);
        let found: Vec<_> = found
            .iter()
            .map(|l| (l.language.as_str(), l.share))
            .collect();
        assert_eq!(found, [("English", 0.75), ("French", 0.25)]);
        assert_eq!(languages(&["ok", "12345678901234567890123"]), []);
    }
}
