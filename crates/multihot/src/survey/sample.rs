//! Some texts of a table, each as likely as any other: what is too slow to do with all of them is
//! done with these.

use multihot_kernels::random;

/// Most texts of a sample. A share of 1 % is known to ±0.3 % from so many.
const MOST_TEXTS: usize = 4_000;
/// Most bytes of a sample.
const MOST_BYTES: usize = 32 << 20;
/// Most bytes of a text that are kept, so that a few dozen fit at least. It is longer than any row.
const MOST_BYTES_OF_A_TEXT: usize = 1 << 20;
/// Tell these uses of chance from the others.
const PURPOSE: u64 = 0x7375_7276_6579_0001;
const DROPPING: u64 = 0x7375_7276_6579_0002;

/// A random sample of the texts that went by (reservoir sampling, Vitter's algorithm R).
///
/// Where the bytes end before the texts, the sample shrinks by texts drawn from it, and stays that
/// small: those that are left are as random as before.
pub(super) struct Sample {
    texts: Vec<String>,
    most_texts: usize,
    bytes: usize,
    seen: u64,
    dropped: u64,
    seed: u64,
}

impl Sample {
    pub fn new(seed: u64) -> Self {
        Self {
            texts: Vec::new(),
            most_texts: MOST_TEXTS,
            bytes: 0,
            seen: 0,
            dropped: 0,
            seed,
        }
    }

    /// Lets `text` go by.
    pub fn add(&mut self, text: &str) {
        let text = beginning(text);
        let place = self.draw(PURPOSE, self.seen, self.seen + 1);
        self.seen += 1;
        if self.texts.len() < self.most_texts {
            self.texts.push(text.to_owned());
        } else if let Some(old) = self.texts.get_mut(place) {
            self.bytes -= old.len();
            *old = text.to_owned();
        } else {
            return;
        }
        self.bytes += text.len();
        while self.bytes > MOST_BYTES {
            let place = self.draw(DROPPING, self.dropped, self.texts.len() as u64);
            self.dropped += 1;
            self.bytes -= self.texts.swap_remove(place).len();
            self.most_texts = self.texts.len();
        }
    }

    /// A number below `n`, the one at `index` of those for `purpose`.
    fn draw(&self, purpose: u64, index: u64, n: u64) -> usize {
        let key = random::key(self.seed, &[purpose]);
        (random::uniform(key, index) * n as f64) as usize
    }

    pub fn texts(&self) -> Vec<&str> {
        self.texts.iter().map(String::as_str).collect()
    }
}

/// As much of `text` as is kept.
fn beginning(text: &str) -> &str {
    let mut end = text.len().min(MOST_BYTES_OF_A_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_texts_are_all_there() {
        let mut sample = Sample::new(0);
        (0..100).for_each(|i| sample.add(&i.to_string()));
        let mut texts = sample.texts();
        texts.sort_by_key(|text| text.parse::<u32>().unwrap());
        assert_eq!(texts, (0..100).map(|i| i.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn of_many_each_is_as_likely() {
        let mut sample = Sample::new(3);
        let n = 10 * MOST_TEXTS;
        (0..n).for_each(|i| sample.add(&i.to_string()));
        let texts = sample.texts();
        assert_eq!(texts.len(), MOST_TEXTS);
        // A quarter of the table has a quarter of the sample, give or take four standard errors.
        for quarter in 0..4 {
            let is_in = |text: &&&str| 4 * text.parse::<usize>().unwrap() / n == quarter;
            let share = texts.iter().filter(is_in).count() as f64 / MOST_TEXTS as f64;
            assert!((share - 0.25).abs() < 0.028, "{quarter}: {share}");
        }
    }

    #[test]
    fn long_texts_do_not_fill_the_memory() {
        let mut sample = Sample::new(0);
        let text = "x".repeat(1 << 20);
        (0..200).for_each(|_| sample.add(&text));
        assert_eq!(sample.texts().len(), 32);
        assert_eq!(sample.bytes, MOST_BYTES);
    }

    #[test]
    fn of_a_text_beyond_all_bounds_the_beginning_is_there() {
        let mut sample = Sample::new(0);
        sample.add(&"é".repeat(MOST_BYTES / 2 + 1));
        assert_eq!(sample.texts()[0].len(), MOST_BYTES_OF_A_TEXT);
        sample.add(&("x".to_owned() + &"é".repeat(MOST_BYTES)));
        assert_eq!(sample.texts()[1].len(), MOST_BYTES_OF_A_TEXT - 1);
    }

    #[test]
    fn long_texts_among_short_ones_do_not_fill_the_memory() {
        let mut sample = Sample::new(1);
        let long = "x".repeat(1 << 17);
        for i in 0..4 * MOST_TEXTS {
            sample.add(if i % 4 == 0 { &long } else { "short" });
            assert!(sample.bytes <= MOST_BYTES);
        }
        let texts = sample.texts();
        let bytes: usize = texts.iter().map(|text| text.len()).sum();
        assert_eq!(bytes, sample.bytes);
        // A quarter of them are long, give or take four standard errors.
        let n_long = texts.iter().filter(|text| text.len() > 5).count() as f64;
        let (share, n) = (n_long / texts.len() as f64, texts.len() as f64);
        assert!(
            n > 700.0 && (share - 0.25).abs() < 4.0 * (0.1875 / n).sqrt(),
            "{share} of {n}"
        );
    }
}
