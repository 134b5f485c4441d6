//! Short stand-ins for texts: a key that equal texts share, and a signature that similar ones
//! nearly share.

use std::hash::{DefaultHasher, Hasher};

use multihot_kernels::random;

/// Characters of a shingle: long enough to be rare, short enough to survive a changed word.
const SHINGLE: usize = 5;
/// Bytes of a signature: [`BANDS`] bands of [`BAND`] bytes.
pub(super) const LENGTH: usize = BANDS * BAND;
/// Two texts are compared where one band is equal. With 12 bands of 5, texts that have 80 % of
/// their shingles in common are compared with a chance of 99 %, and those with 40 % of 12 %.
pub(super) const BANDS: usize = 12;
/// Bytes of a band.
pub(super) const BAND: usize = 5;
/// Share of equal shingles from which two texts are near duplicates.
const NEAR: f64 = 0.8;

/// The smallest hash of a text's shingles, by each of [`LENGTH`] hash functions, a byte of each
/// (MinHash, Broder 1997; its bytes alone, Li and König 2010).
pub(super) type Signature = [u8; LENGTH];

/// Makes keys and signatures of texts.
pub(super) struct Signer {
    factors: [u32; LENGTH],
    offsets: [u32; LENGTH],
    plain: Vec<char>,
}

impl Signer {
    pub fn new() -> Self {
        let draw = |which: u64| -> [u32; LENGTH] {
            std::array::from_fn(|i| random::key(0x5348_494e, &[which, i as u64]) as u32)
        };
        Self {
            // A factor must be odd for its multiples to be as many as there are numbers.
            factors: draw(0).map(|factor| factor | 1),
            offsets: draw(1),
            plain: Vec::new(),
        }
    }

    /// The signature of `text`; `None` where it has no letter and no digit.
    pub fn signature(&mut self, text: &str) -> Option<Signature> {
        self.plain.clear();
        for c in text.chars() {
            if c.is_alphanumeric() {
                self.plain.extend(c.to_lowercase());
            } else if !matches!(self.plain.last(), None | Some(' ')) {
                self.plain.push(' ');
            }
        }
        self.plain.pop_if(|c| *c == ' ');
        let shingles = self.plain.windows(SHINGLE.min(self.plain.len().max(1)));
        let mut least = [u32::MAX; LENGTH];
        for shingle in shingles {
            let hash = hash_of(shingle);
            for ((least, factor), offset) in least.iter_mut().zip(&self.factors).zip(&self.offsets)
            {
                *least = (*least).min(hash.wrapping_mul(*factor).wrapping_add(*offset));
            }
        }
        // The least of many hashes is small: its upper bits say little.
        (!self.plain.is_empty()).then(|| least.map(|hash| (mixed(hash) >> 24) as u8))
    }
}

/// A key that texts share which are equal but for their white space.
pub(super) fn key(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for word in text.split_whitespace() {
        hasher.write(word.as_bytes());
        hasher.write_u8(b' ');
    }
    hasher.finish()
}

/// Whether two signatures are those of texts with most of their shingles in common.
pub(super) fn are_near(a: &Signature, b: &Signature) -> bool {
    let equal = a.iter().zip(b).filter(|(a, b)| a == b).count() as f64;
    // Of unequal hashes one in 256 has an equal byte.
    let share = (equal / LENGTH as f64 - 1.0 / 256.0) / (1.0 - 1.0 / 256.0);
    share >= NEAR
}

fn hash_of(shingle: &[char]) -> u32 {
    let hash = shingle.iter().fold(0u32, |hash, &c| {
        (hash ^ c as u32).wrapping_mul(0x0100_0193).rotate_left(13)
    });
    mixed(hash)
}

/// Spreads a change of one bit over all (the finalizer of MurmurHash3).
fn mixed(mut hash: u32) -> u32 {
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn shingles(text: &str) -> HashSet<String> {
        let plain: Vec<char> = text.to_lowercase().chars().collect();
        plain.windows(SHINGLE).map(|w| w.iter().collect()).collect()
    }

    fn jaccard(a: &str, b: &str) -> f64 {
        let (a, b) = (shingles(a), shingles(b));
        a.intersection(&b).count() as f64 / a.union(&b).count() as f64
    }

    /// `n` words, of which those of `changed` are others.
    fn words(seed: u64, n: usize, changed: usize) -> String {
        let word = |i: usize| {
            let which = u64::from(i < changed);
            let number = random::key(seed, &[i as u64, which * 7]);
            format!("w{:05}", number % 100_000)
        };
        (0..n).map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn equal_bytes_tell_the_share_of_equal_shingles() {
        let mut signer = Signer::new();
        for changed in [1, 3, 8] {
            let (mut estimate, mut truth) = (0.0, 0.0);
            for seed in 0..40 {
                let (a, b) = (words(seed, 40, 0), words(seed, 40, changed));
                let (x, y) = (signer.signature(&a).unwrap(), signer.signature(&b).unwrap());
                let equal = x.iter().zip(&y).filter(|(x, y)| x == y).count();
                estimate += equal as f64 / LENGTH as f64 / 40.0;
                truth += jaccard(&a, &b) / 40.0;
            }
            // Four standard errors of 40 times 60 draws.
            assert!(
                (estimate - truth).abs() < 0.04,
                "{changed}: {estimate} {truth}"
            );
        }
    }

    #[test]
    fn a_changed_word_is_near_and_another_text_is_not() {
        let mut signer = Signer::new();
        let mut sign = |text: &str| signer.signature(text).unwrap();
        let long = words(1, 60, 0);
        assert!(are_near(&sign(&long), &sign(&words(1, 60, 2))));
        assert!(!are_near(&sign(&long), &sign(&words(1, 60, 30))));
        assert!(!are_near(&sign(&long), &sign(&words(2, 60, 0))));
        assert!(are_near(&sign("Hello, World!"), &sign("hello world")));
        assert_eq!(sign("ok"), sign("OK!"));
        assert_ne!(sign("ok"), sign("no"));
    }

    #[test]
    fn a_text_without_letters_has_none() {
        let mut signer = Signer::new();
        for text in ["", " ", "!?", "😀"] {
            assert_eq!(signer.signature(text), None, "{text:?}");
        }
        assert!(signer.signature("日本").is_some());
    }

    #[test]
    fn a_key_looks_past_white_space_alone() {
        assert_eq!(key("a  b\n"), key(" a\u{a0}b"));
        for other in ["ab", "a B", "a b.", ""] {
            assert_ne!(key("a b"), key(other), "{other:?}");
        }
    }
}
