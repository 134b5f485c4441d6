//! What every operation needs to know of the machine.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use crate::aligned::Aligned;
use crate::{Isa, Pool};

/// An instruction set, threads, and memory that operations use again.
pub struct Cpu {
    isa: Isa,
    pool: Pool,
    spare: Mutex<Vec<Aligned>>,
}

impl Cpu {
    /// Starts `threads - 1` threads beside the caller's.
    pub fn new(isa: Isa, threads: usize) -> Cpu {
        Cpu {
            isa,
            pool: Pool::new(threads),
            spare: Mutex::new(Vec::new()),
        }
    }

    /// The instruction set that operations run with.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The threads that operations run on.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// How many threads there are, the caller's included.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// `len` values to scribble on; what they hold is left over from earlier use.
    pub(crate) fn scratch(&self, len: usize) -> Scratch<'_> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        // The smallest that fits, or else the largest, so that few buffers grow large.
        let fitting = spare
            .iter()
            .enumerate()
            .filter(|(_, buffer)| buffer.len() >= len);
        let best = fitting.min_by_key(|(_, buffer)| buffer.len());
        let best = best.or_else(|| {
            spare
                .iter()
                .enumerate()
                .max_by_key(|(_, buffer)| buffer.len())
        });
        let found = best
            .map(|(index, _)| index)
            .map(|index| spare.swap_remove(index));
        drop(spare);
        let mut buffer = found.unwrap_or_default();
        if buffer.len() < len {
            // A new allocation rather than `resize`, which would copy what nobody reads.
            buffer = Aligned::zeros(len);
        }
        Scratch {
            cpu: self,
            buffer,
            len,
        }
    }
}

/// A buffer on loan from a [`Cpu`].
pub(crate) struct Scratch<'a> {
    cpu: &'a Cpu,
    buffer: Aligned,
    len: usize,
}

impl Deref for Scratch<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.buffer[..self.len]
    }
}

impl DerefMut for Scratch<'_> {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[..self.len]
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        self.cpu
            .spare
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scratch_has_the_length_asked_for_and_is_used_again() {
        let cpu = Cpu::new(Isa::supported()[0], 1);
        for len in [0, 10, 5, 20] {
            assert_eq!(cpu.scratch(len).len(), len);
        }
        assert_eq!(cpu.spare.lock().unwrap().len(), 1);
    }
}
