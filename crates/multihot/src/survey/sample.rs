//! Some texts of a table, each as likely as any other: what is too slow to do with all of them is
//! done with these.

use multihot_kernels::random;

/// Most texts of a sample. A share of 1 % is known to ±0.3 % from so many.
const MOST_TEXTS: usize = 4_000;
/// Most bytes of a sample.
const MOST_BYTES: usize = 32 << 20;
/// Tells this use of chance from the others.
const PURPOSE: u64 = 0x7375_7276_6579_0001;

/// A random sample of the texts that went by (reservoir sampling, Vitter's algorithm R).
pub(super) struct Sample {
    texts: Vec<String>,
    bytes: usize,
    seen: u64,
    key: u64,
}

impl Sample {
    pub fn new(seed: u64) -> Self {
        Self {
            texts: Vec::new(),
            bytes: 0,
            seen: 0,
            key: random::key(seed, &[PURPOSE]),
        }
    }

    /// Lets `text` go by.
    pub fn add(&mut self, text: &str) {
        let place = (random::uniform(self.key, self.seen) * (self.seen + 1) as f64) as usize;
        self.seen += 1;
        if self.texts.len() < MOST_TEXTS && self.bytes + text.len() <= MOST_BYTES {
            self.bytes += text.len();
            self.texts.push(text.to_owned());
            // Where the bytes end first, what is kept must not be the table's beginning.
            let last = self.texts.len() - 1;
            self.texts.swap(place.min(last), last);
        } else if let Some(old) = self.texts.get_mut(place) {
            self.bytes = self.bytes - old.len() + text.len();
            text.clone_into(old);
        }
    }

    pub fn texts(&self) -> Vec<&str> {
        self.texts.iter().map(String::as_str).collect()
    }
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
}
