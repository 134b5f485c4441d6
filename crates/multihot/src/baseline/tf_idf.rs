//! From texts to rows of numbers.

use std::collections::HashMap;

use super::sparse::SparseRows;
use super::words::for_each_word;

/// In how many texts a word or pair must be to become a feature. One that is in a single text
/// says nothing about another, and most are in a single one.
const MIN_TEXTS: usize = 2;

/// Which words and pairs of words are features, and what each is worth.
///
/// A text's value at a feature that it has `n` times is `(1 + ln n) * idf`, and its values are
/// scaled to a Euclidean length of 1. The worth `idf` of a feature that `k` of `N` texts have is
/// `1 + ln((1 + N) / (1 + k))`.
#[derive(Clone, Debug)]
pub(super) struct Vocabulary {
    /// The words and their features, numbered in the order in which they first occur.
    words: HashMap<Box<str>, u32>,
    /// The pairs, sorted; their features follow those of the words in this order.
    pairs: Vec<Pair>,
    idf: Vec<f64>,
}

/// Two words one behind the other, by their features.
type Pair = (u32, u32);

/// Texts as numbers, one a word.
struct NumberedTexts {
    words: Vec<Option<u32>>,
    /// Where each text ends among `words`.
    ends: Vec<usize>,
}

impl Vocabulary {
    /// Finds the features of `texts`, and gives each text's row with them.
    pub(super) fn fit(texts: &[&str]) -> (Self, SparseRows) {
        let (numbers, mut texts) = number_words(texts);
        let counts = texts_with_word(&texts, numbers.len());
        let (features, mut idf) = keep_frequent(&counts, texts.len());
        let feature = |number: u32| features[number as usize];
        texts.renumber(feature);
        let words = numbers
            .into_iter()
            .filter_map(|(word, number)| Some((word, feature(number)?)))
            .collect();
        let pairs = frequent_pairs(&texts, &mut idf);
        let vocabulary = Self { words, pairs, idf };

        let mut rows = SparseRows::new(vocabulary.n_features());
        for text in texts.iter() {
            rows.push(vocabulary.values(text));
        }
        (vocabulary, rows)
    }

    /// Number of features.
    pub(super) fn n_features(&self) -> usize {
        self.idf.len()
    }

    /// The features of `text` in ascending order, with their values.
    pub(super) fn features(&self, text: &str) -> impl Iterator<Item = (u32, f32)> {
        let mut words = Vec::new();
        for_each_word(text, |word| words.push(self.words.get(word).copied()));
        self.values(&words)
    }

    /// The features of a text of `words`, those that are no features among them as `None`.
    fn values(&self, words: &[Option<u32>]) -> impl Iterator<Item = (u32, f32)> + use<> {
        let pairs = pairs(words).filter_map(|pair| self.pair(pair));
        let mut features: Vec<u32> = words.iter().copied().flatten().chain(pairs).collect();
        features.sort_unstable();
        let values: Vec<(u32, f64)> = features
            .chunk_by(|a, b| a == b)
            .map(|same| (same[0], self.worth(same[0], same.len())))
            .collect();
        let length = values.iter().map(|(_, value)| value * value).sum::<f64>();
        let length = length.sqrt();
        values
            .into_iter()
            .map(move |(feature, value)| (feature, (value / length) as f32))
    }

    fn pair(&self, pair: Pair) -> Option<u32> {
        let place = self.pairs.binary_search(&pair).ok()?;
        Some((self.words.len() + place) as u32)
    }

    fn worth(&self, feature: u32, times: usize) -> f64 {
        (1.0 + (times as f64).ln()) * self.idf[feature as usize]
    }
}

impl NumberedTexts {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn iter(&self) -> impl Iterator<Item = &[Option<u32>]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.words[start..end])
    }

    fn renumber(&mut self, new: impl Fn(u32) -> Option<u32>) {
        for word in &mut self.words {
            *word = word.and_then(&new);
        }
    }
}

/// Numbers the distinct words of `texts` in the order in which they first occur.
fn number_words(texts: &[&str]) -> (HashMap<Box<str>, u32>, NumberedTexts) {
    let mut numbers: HashMap<Box<str>, u32> = HashMap::new();
    let mut words = Vec::new();
    let mut ends = Vec::with_capacity(texts.len());
    for text in texts {
        for_each_word(text, |word| {
            let number = numbers.get(word).copied().unwrap_or_else(|| {
                let number = numbers.len() as u32;
                numbers.insert(word.into(), number);
                number
            });
            words.push(Some(number));
        });
        ends.push(words.len());
    }
    (numbers, NumberedTexts { words, ends })
}

/// In how many texts each of `n_words` words is.
fn texts_with_word(texts: &NumberedTexts, n_words: usize) -> Vec<usize> {
    let mut counts = vec![0; n_words];
    let mut last_text = vec![usize::MAX; n_words];
    for (text, words) in texts.iter().enumerate() {
        for word in words.iter().flatten() {
            let last = &mut last_text[*word as usize];
            if *last != text {
                *last = text;
                counts[*word as usize] += 1;
            }
        }
    }
    counts
}

/// The feature of each word that is in enough texts, and each feature's worth.
fn keep_frequent(counts: &[usize], n_texts: usize) -> (Vec<Option<u32>>, Vec<f64>) {
    let mut idf = Vec::new();
    let features = counts
        .iter()
        .map(|&count| {
            (count >= MIN_TEXTS).then(|| {
                idf.push(idf_of(count, n_texts));
                (idf.len() - 1) as u32
            })
        })
        .collect();
    (features, idf)
}

/// The pairs that are in enough texts, sorted; their worth is appended to `idf`.
///
/// Both words of such a pair are in as many texts, so that the pairs of features are enough.
fn frequent_pairs(texts: &NumberedTexts, idf: &mut Vec<f64>) -> Vec<Pair> {
    let mut all = Vec::new();
    for text in texts.iter() {
        let mut of_text: Vec<Pair> = pairs(text).collect();
        of_text.sort_unstable();
        of_text.dedup();
        all.append(&mut of_text);
    }
    all.sort_unstable();
    let mut frequent = Vec::new();
    for same in all.chunk_by(|a, b| a == b) {
        if same.len() >= MIN_TEXTS {
            frequent.push(same[0]);
            idf.push(idf_of(same.len(), texts.len()));
        }
    }
    frequent
}

/// The neighbours in a text that are both features.
fn pairs(words: &[Option<u32>]) -> impl Iterator<Item = Pair> {
    words
        .windows(2)
        .filter_map(|pair| Some((pair[0]?, pair[1]?)))
}

fn idf_of(count: usize, n_texts: usize) -> f64 {
    1.0 + ((1 + n_texts) as f64 / (1 + count) as f64).ln()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    impl Vocabulary {
        /// The worth of each feature by its name, a pair's words with a space between.
        pub(in crate::baseline) fn named_idf(&self) -> BTreeMap<String, f64> {
            let words: HashMap<u32, &str> =
                self.words.iter().map(|(word, &i)| (i, &**word)).collect();
            let mut names: Vec<(u32, String)> = words
                .iter()
                .map(|(&i, &word)| (i, word.to_owned()))
                .collect();
            for (place, (first, second)) in self.pairs.iter().enumerate() {
                let name = format!("{} {}", words[first], words[second]);
                names.push(((self.words.len() + place) as u32, name));
            }
            let worth = |(i, name): (u32, String)| (name, self.idf[i as usize]);
            names.into_iter().map(worth).collect()
        }
    }

    #[test]
    fn words_and_pairs_of_two_texts_are_features() {
        let (vocabulary, _) = Vocabulary::fit(&[
            "red car, red car",
            "one red car",
            "car red",
            "blue and only here: blue",
        ]);
        let idf = |count: f64| 1.0 + (5.0 / (1.0 + count)).ln();
        let expected = [
            // Three texts have each word; the pair across the comma counts, as does `car red`.
            ("car", idf(3.0)),
            ("car red", idf(2.0)),
            ("red", idf(3.0)),
            ("red car", idf(2.0)),
        ];
        let actual = vocabulary.named_idf();
        assert_eq!(actual.len(), expected.len(), "{actual:?}");
        for (name, expected) in expected {
            assert!((actual[name] - expected).abs() < 1e-12, "{name}");
        }
    }

    #[test]
    fn a_row_has_length_1_and_counts_repeats_by_their_logarithm() {
        let texts = ["xx yy", "xx zz yy", "xx"];
        let (vocabulary, rows) = Vocabulary::fit(&texts);
        for i in 0..texts.len() {
            let length: f64 = rows.row(i).map(|(_, value)| value * value).sum();
            assert!((length - 1.0).abs() < 1e-6, "row {i}");
        }
        let values: Vec<f32> = vocabulary.features("xx yy xx xx").map(|(_, x)| x).collect();
        let (idf_x, idf_y) = (1.0, 1.0 + (4.0_f64 / 3.0).ln());
        let expected = (1.0 + 3.0_f64.ln()) * idf_x / idf_y;
        assert!((f64::from(values[0] / values[1]) - expected).abs() < 1e-6);
        assert_eq!(vocabulary.features("unseen 😀").count(), 0);
    }
}
