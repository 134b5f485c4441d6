//! Memory that starts at a cache line.

use std::ops::{Deref, DerefMut};

/// One cache line of x86-64, and one vector of AVX-512: loads that straddle two cost double.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; Line::LEN]);

impl Line {
    const LEN: usize = 16;
}

/// A slice of `f32` that starts at a multiple of 64 bytes.
#[derive(Default)]
pub(crate) struct Aligned {
    lines: Vec<Line>,
}

impl Aligned {
    /// At least `len` zeros, to the end of the line.
    pub(crate) fn zeros(len: usize) -> Aligned {
        Aligned {
            lines: vec![Line([0.0; Line::LEN]); len.div_ceil(Line::LEN)],
        }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        let len = self.lines.len() * Line::LEN;
        // SAFETY: a `Line` is its array and nothing else, because its size is its alignment.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), len) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        let len = self.lines.len() * Line::LEN;
        // SAFETY: a `Line` is its array and nothing else, because its size is its alignment.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_enough_values_and_they_start_at_a_line() {
        for len in [0, 1, 16, 17, 1000] {
            let mut aligned = Aligned::zeros(len);
            assert!((len..len + 16).contains(&aligned.len()));
            assert_eq!(aligned.as_ptr() as usize % 64, 0);
            aligned.fill(1.0);
            assert!(aligned.iter().all(|&value| value == 1.0));
        }
    }
}
