//! Which rows of the word embedding have a gradient, and which wait for the optimizer.
//!
//! The table is most of a small model's parameters, and a batch touches few of its rows. Dense AdamW moves a row
//! without gradient too, by its moments and by decay; here such a row waits, and makes these steps
//! up before it is next read.

use multihot_kernels::{AdamWFactors, RowBehind};

/// The longest that a row waits, in steps: bounds the history to some 150 kB, which a cache holds.
const LONGEST_WAIT: usize = 4096;

/// What each row has been through. The values themselves lie in `buffers.rs`.
pub(crate) struct WordRows {
    width: usize,
    /// The steps since all rows were up to date.
    steps: Vec<AdamWFactors>,
    /// How many of `steps` each row has made.
    made: Vec<u32>,
    /// Whether each row ever had a gradient. If not, its moments are 0.
    has_moments: Vec<bool>,
    /// The rows with a gradient that no step has used, ascending.
    touched: Vec<u32>,
    /// Buffers of [`WordRows::behind`], used again.
    asked: Vec<u32>,
    behind: Vec<RowBehind>,
}

/// Rows that have steps to make up, ascending, and all steps since all rows were up to date.
pub(crate) type Behind<'a> = (&'a [AdamWFactors], &'a [RowBehind]);

impl WordRows {
    /// A table of `rows` rows that no step has moved yet.
    pub(crate) fn new(rows: usize, width: usize) -> Self {
        Self {
            width,
            steps: Vec::new(),
            made: vec![0; rows],
            has_moments: vec![false; rows],
            touched: Vec::new(),
            asked: Vec::new(),
            behind: Vec::new(),
        }
    }

    /// How many values a row has.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Whether rows may have steps to make up.
    pub(crate) fn wait(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Whether a row may have waited for as long as one may.
    pub(crate) fn have_waited_long(&self) -> bool {
        self.steps.len() >= LONGEST_WAIT
    }

    /// The rows with a gradient, ascending.
    pub(crate) fn touched(&self) -> &[u32] {
        &self.touched
    }

    /// Adds the rows of `ids` to those with a gradient.
    pub(crate) fn touch(&mut self, ids: &[u32]) {
        self.touched.extend_from_slice(ids);
        self.touched.sort_unstable();
        self.touched.dedup();
    }

    /// What the rows of `ids` have to make up. They count as up to date from here on.
    pub(crate) fn behind(&mut self, ids: &[u32]) -> Behind<'_> {
        self.asked.clear();
        self.asked.extend_from_slice(ids);
        self.find_behind()
    }

    /// What the rows with a gradient have to make up, as [`WordRows::behind`].
    pub(crate) fn touched_behind(&mut self) -> Behind<'_> {
        self.asked.clone_from(&self.touched);
        self.find_behind()
    }

    /// What all rows have to make up, as [`WordRows::behind`]; then comes [`WordRows::settled`].
    pub(crate) fn all_behind(&mut self) -> Behind<'_> {
        self.asked.clear();
        self.asked.extend(0..self.made.len() as u32);
        self.find_behind()
    }

    fn find_behind(&mut self) -> Behind<'_> {
        self.behind.clear();
        if self.wait() {
            self.asked.sort_unstable();
            self.asked.dedup();
        } else {
            self.asked.clear();
        }
        let latest = self.steps.len() as u32;
        for &row in &self.asked {
            let made = std::mem::replace(&mut self.made[row as usize], latest);
            if made < latest {
                let has_moments = self.has_moments[row as usize];
                self.behind.push(RowBehind {
                    row,
                    made,
                    has_moments,
                });
            }
        }
        (&self.steps, &self.behind)
    }

    /// Notes a step. The rows with a gradient, which were up to date, make it at once.
    pub(crate) fn step(&mut self, factors: AdamWFactors) {
        self.steps.push(factors);
        for &row in &self.touched {
            self.made[row as usize] = self.steps.len() as u32;
            self.has_moments[row as usize] = true;
        }
    }

    /// No row has a gradient any more.
    pub(crate) fn clear_touched(&mut self) {
        self.touched.clear();
    }

    /// All rows are up to date: the steps so far are history.
    pub(crate) fn settled(&mut self) {
        self.steps.clear();
        self.made.fill(0);
    }

    /// Takes over, row by row, whether a row has moments.
    pub(crate) fn set_moments(&mut self, has_moments: impl Iterator<Item = bool>) {
        self.has_moments.clear();
        self.has_moments.extend(has_moments);
        assert_eq!(self.has_moments.len(), self.made.len(), "one answer a row");
    }
}

#[cfg(test)]
mod tests {
    use multihot_kernels::AdamW;

    use super::*;

    fn factors(step: u64) -> AdamWFactors {
        let settings = AdamW {
            learning_rate: 0.1,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            step,
            gradient_scale: 1.0,
        };
        settings.factors()
    }

    fn row(row: u32, made: u32, has_moments: bool) -> RowBehind {
        RowBehind {
            row,
            made,
            has_moments,
        }
    }

    #[test]
    fn rows_wait_from_their_last_gradient_to_the_next_question() {
        let mut rows = WordRows::new(5, 1);
        assert!(rows.behind(&[4, 0]).1.is_empty() && !rows.wait());
        rows.touch(&[3, 1, 3]);
        rows.touch(&[1, 0]);
        assert_eq!(rows.touched(), [0, 1, 3]);
        rows.step(factors(1));
        rows.clear_touched();
        assert!(rows.wait());
        assert!(rows.behind(&[3, 0]).1.is_empty(), "they have made it");
        rows.touch(&[3]);
        rows.step(factors(2));
        rows.clear_touched();
        let (steps, behind) = rows.behind(&[4, 1, 3, 4]);
        assert_eq!(steps.len(), 2);
        assert_eq!(behind, [row(1, 1, true), row(4, 0, false)]);
        assert!(rows.behind(&[4, 1]).1.is_empty(), "asked for before");
        assert_eq!(rows.all_behind().1, [row(0, 1, true), row(2, 0, false)]);
        rows.settled();
        assert!(!rows.wait());
        assert!(rows.all_behind().1.is_empty());
    }

    #[test]
    fn the_wait_has_an_end() {
        let mut rows = WordRows::new(1, 1);
        for step in 1..LONGEST_WAIT as u64 {
            rows.step(factors(step));
        }
        assert!(!rows.have_waited_long());
        rows.step(factors(LONGEST_WAIT as u64));
        assert!(rows.have_waited_long());
    }
}
