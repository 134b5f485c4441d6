//! What every operation needs to know of the machine.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use crate::aligned::{Aligned, Plain};
use crate::breakdown::Recorder;
use crate::{Isa, Pool};

/// An instruction set, threads, and memory that operations use again.
pub struct Cpu {
    isa: Isa,
    pool: Pool,
    spare: Mutex<Vec<Aligned>>,
    recorder: Recorder,
}

impl Cpu {
    /// Starts `threads - 1` threads beside the caller's.
    pub fn new(isa: Isa, threads: usize) -> Cpu {
        Cpu {
            isa,
            pool: Pool::new(threads),
            spare: Mutex::new(Vec::new()),
            recorder: Recorder::default(),
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

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// `len` values to scribble on; what they hold is left over from earlier use.
    pub(crate) fn scratch<T: Plain>(&self, len: usize) -> Scratch<'_, T> {
        let bytes = len * size_of::<T>();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        // The smallest that fits, or else the largest, so that few buffers grow large.
        let fitting = spare
            .iter()
            .enumerate()
            .filter(|(_, buffer)| buffer.bytes() >= bytes);
        let best = fitting.min_by_key(|(_, buffer)| buffer.bytes());
        let best = best.or_else(|| {
            spare
                .iter()
                .enumerate()
                .max_by_key(|(_, buffer)| buffer.bytes())
        });
        let found = best
            .map(|(index, _)| index)
            .map(|index| spare.swap_remove(index));
        drop(spare);
        let mut buffer = found.unwrap_or_default();
        if buffer.bytes() < bytes {
            // A new allocation rather than `resize`, which would copy what nobody reads.
            buffer = Aligned::zeros(bytes);
        }
        Scratch {
            cpu: self,
            buffer,
            len,
            numbers: PhantomData,
        }
    }
}

/// A buffer on loan from a [`Cpu`].
pub(crate) struct Scratch<'a, T> {
    cpu: &'a Cpu,
    buffer: Aligned,
    len: usize,
    numbers: PhantomData<T>,
}

impl<T: Plain> Deref for Scratch<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.buffer.numbers()[..self.len]
    }
}

impl<T: Plain> DerefMut for Scratch<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.buffer.numbers_mut()[..self.len]
    }
}

impl<T> Drop for Scratch<'_, T> {
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
            assert_eq!(cpu.scratch::<f32>(len).len(), len);
        }
        assert_eq!(cpu.spare.lock().unwrap().len(), 1);
    }
}
