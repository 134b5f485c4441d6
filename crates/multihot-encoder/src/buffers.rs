//! What the parameters hold: values, gradients and AdamW's moments, in flat buffers of one layout.
//!
//! All numbers of an encoder are behind these methods, because rows of the word embedding may wait
//! for the optimizer (see `word_rows.rs`): nobody gets to read a row that is behind.

use std::ops::Range;

use multihot_checkpoint::Role;
use multihot_kernels::{
    AdamW, AdamWTable, Cpu, adamw, adamw_catch_up, adamw_rows, sum_of_squares,
    sum_of_squares_of_rows, use_huge_pages,
};

use crate::linear::Linear;
use crate::parameters::Layout;
use crate::word_rows::WordRows;

/// Why something cannot be read yet.
const WAITING: &str = "rows of the word embedding wait for the optimizer: `settle` comes first";

/// Values in a page of memory, of the size that most systems have.
const PAGE: usize = 1024;

/// The word embedding comes first in each of them.
pub(crate) struct Buffers {
    values: Vec<f32>,
    /// Empty, as are the moments, where the encoder was loaded for prediction only. Otherwise
    /// allocated as zeros: memory that nobody writes to, like that of rows that no text has, is
    /// never handed out by the system.
    gradients: Vec<f32>,
    m: Vec<f32>,
    v: Vec<f32>,
    /// Where the word embedding ends.
    words_end: usize,
    words: WordRows,
    /// Whether gradients were added that no step has used.
    gathered: bool,
}

impl Buffers {
    /// Takes up `values`, with all that training needs unless `inference_only`.
    pub(crate) fn new(values: Vec<f32>, layout: &Layout, inference_only: bool) -> Self {
        let words = layout.place(Role::WordEmbedding);
        assert_eq!(words.start, 0, "the word embedding comes first");
        let spec = &layout.specs()[0];
        let rows = if inference_only { 0 } else { spec.shape[0] };
        let learned = || match inference_only {
            true => Vec::new(),
            false => {
                let mut zeros = vec![0.0; values.len()];
                // Not the words': a row that no text has costs no memory.
                use_huge_pages(&mut zeros[words.end..]);
                zeros
            }
        };
        Self {
            gradients: learned(),
            m: learned(),
            v: learned(),
            values,
            words_end: words.end,
            words: WordRows::new(rows, spec.shape[1]),
            gathered: false,
        }
    }

    pub(crate) fn inference_only(&self) -> bool {
        self.gradients.is_empty()
    }

    /// All values.
    ///
    /// # Panics
    ///
    /// While rows of the word embedding wait.
    pub(crate) fn values(&self) -> &[f32] {
        self.values_of(0..self.values.len())
    }

    /// The values of one parameter or several.
    ///
    /// # Panics
    ///
    /// When the word embedding is among them and rows of it wait.
    pub(crate) fn values_of(&self, place: Range<usize>) -> &[f32] {
        assert!(
            place.start >= self.words_end || !self.words.wait(),
            "{WAITING}"
        );
        &self.values[place]
    }

    /// All values, of which those of the word embedding may not be read.
    pub(crate) fn values_but_words(&self) -> &[f32] {
        &self.values
    }

    /// The values of a parameter that is not the word embedding, to be set.
    pub(crate) fn values_mut(&mut self, place: Range<usize>) -> &mut [f32] {
        assert!(place.start >= self.words_end, "not the word embedding");
        &mut self.values[place]
    }

    /// All values, of which those of the word embedding's rows `ids`, and of no others, may be read.
    pub(crate) fn values_for(&mut self, cpu: &Cpu, ids: &[u32]) -> &[f32] {
        if self.words.wait() {
            let (words, table, _) = self.words();
            let (steps, rows) = words.behind(ids);
            adamw_catch_up(cpu, steps, table, rows);
        }
        &self.values
    }

    /// [`Buffers::values_but_words`] with the gradients, to be added to: in the word embedding, to
    /// those of the rows `ids` and no others.
    pub(crate) fn for_backward(&mut self, ids: &[u32]) -> (&[f32], &mut [f32]) {
        self.words.touch(ids);
        self.gathered = true;
        (&self.values, &mut self.gradients)
    }

    pub(crate) fn gradients(&self) -> &[f32] {
        &self.gradients
    }

    /// The sum of squares of the gradients from `first_trainable` on: of the word embedding row by
    /// row, where a row without gradient adds 0 and no rounding.
    pub(crate) fn sum_of_squares(&self, cpu: &Cpu, first_trainable: usize) -> f64 {
        let words = match first_trainable {
            0 => {
                let (width, rows) = (self.words.width(), self.words.touched());
                sum_of_squares_of_rows(cpu, &self.gradients[..self.words_end], width, rows)
            }
            _ => 0.0,
        };
        let rest = first_trainable.max(self.words_end);
        words + sum_of_squares(cpu, &self.gradients[rest..])
    }

    /// Sets the gradients at `place` to 0.
    pub(crate) fn forget_gradients(&mut self, place: Range<usize>) {
        // Most often they are 0 already, and writing to them would take up memory.
        if !self.gathered || place.is_empty() {
            return;
        }
        if place.start < self.words_end {
            let width = self.words.width();
            for &row in self.words.touched() {
                self.gradients[row as usize * width..][..width].fill(0.0);
            }
            self.words.clear_touched();
        }
        let rest = place.start.max(self.words_end)..place.end.max(self.words_end);
        self.gradients[rest].fill(0.0);
    }

    /// All gradients are 0 now: used up or forgotten.
    pub(crate) fn no_gradients(&mut self) {
        self.gathered = false;
    }

    /// Moves the parameter at `place` by one step, which uses its gradients up.
    pub(crate) fn step(&mut self, cpu: &Cpu, place: Range<usize>, settings: &AdamW) {
        if place.start < self.words_end {
            return self.step_words(cpu, settings);
        }
        let [values, gradients, m, v] = self.parameter(place);
        adamw(cpu, settings, values, gradients, m, v);
    }

    /// The same for the weights of `linear`, which it packs again.
    pub(crate) fn step_linear(&mut self, cpu: &Cpu, linear: &mut Linear, settings: &AdamW) {
        let parameter = self.parameter(linear.weight());
        linear.step(cpu, settings, parameter);
    }

    /// The values at `place`, their gradients and both moments.
    fn parameter(&mut self, place: Range<usize>) -> [&mut [f32]; 4] {
        [
            &mut self.values,
            &mut self.gradients,
            &mut self.m,
            &mut self.v,
        ]
        .map(|buffer| &mut buffer[place.clone()])
    }

    fn step_words(&mut self, cpu: &Cpu, settings: &AdamW) {
        let (words, table, _) = self.words();
        // Up to date since the forward pass, unless a step came between the batch's two passes.
        let (steps, rows) = words.touched_behind();
        adamw_catch_up(cpu, steps, table, rows);
        let (words, table, gradients) = self.words();
        let factors = settings.factors();
        words.step(factors);
        adamw_rows(cpu, factors, table, gradients, words.touched());
        words.clear_touched();
        if words.have_waited_long() {
            self.settle(cpu);
        }
    }

    /// Lets every row of the word embedding make up what it has waited for.
    pub(crate) fn settle(&mut self, cpu: &Cpu) {
        if self.words.wait() {
            let (words, table, _) = self.words();
            let (steps, rows) = words.all_behind();
            adamw_catch_up(cpu, steps, table, rows);
            words.settled();
        }
    }

    /// All values, to be replaced; the moments stay.
    pub(crate) fn all_values_mut(&mut self, cpu: &Cpu) -> &mut [f32] {
        self.settle(cpu);
        &mut self.values
    }

    /// Replaces all values and moments.
    pub(crate) fn restore_state(&mut self, values: &[f32], m: &[f32], v: &[f32]) {
        self.values.copy_from_slice(values);
        copy_changes(m, &mut self.m);
        copy_changes(v, &mut self.v);
        let [m, v] = [m, v].map(|moments| moments[..self.words_end].chunks(self.words.width()));
        let has_any = |row: &[f32]| row.iter().any(|x| x.to_bits() != 0);
        self.words.settled();
        self.words
            .set_moments(m.zip(v).map(|(m, v)| has_any(m) || has_any(v)));
    }

    /// The moments, both as long as the values.
    ///
    /// # Panics
    ///
    /// While rows of the word embedding wait.
    pub(crate) fn moments(&self) -> (&[f32], &[f32]) {
        assert!(!self.words.wait(), "{WAITING}");
        (&self.m, &self.v)
    }

    /// The word embedding: its rows, its table and its gradients.
    fn words(&mut self) -> (&mut WordRows, AdamWTable<'_>, &mut [f32]) {
        let table = AdamWTable {
            width: self.words.width(),
            values: &mut self.values[..self.words_end],
            m: &mut self.m[..self.words_end],
            v: &mut self.v[..self.words_end],
        };
        let gradients = &mut self.gradients[..self.words_end];
        (&mut self.words, table, gradients)
    }
}

/// Writes `from` to `to` where they differ: zeros that were never written take up no memory.
fn copy_changes(from: &[f32], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "moments are as long as a snapshot");
    for (from, to) in from.chunks(PAGE).zip(to.chunks_mut(PAGE)) {
        if from
            .iter()
            .zip(&*to)
            .any(|(a, b)| a.to_bits() != b.to_bits())
        {
            to.copy_from_slice(from);
        }
    }
}
