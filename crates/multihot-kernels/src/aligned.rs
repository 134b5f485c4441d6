//! Memory that starts at a cache line.

use half::bf16;

use crate::use_huge_pages;

/// One cache line of x86-64, and one vector of AVX-512: loads that straddle two cost double.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

const LINE: usize = 64;

/// Numbers that may lie in any memory.
///
/// # Safety
///
/// Every pattern of bits is a value, there is no padding, and the alignment is a line's at most.
pub(crate) unsafe trait Plain: Copy + Send + Sync + 'static {}

// SAFETY: numbers of the machine.
unsafe impl Plain for f32 {}
// SAFETY: numbers of the machine.
unsafe impl Plain for u32 {}
// SAFETY: numbers of the machine.
unsafe impl Plain for i32 {}
// SAFETY: numbers of the machine.
unsafe impl Plain for u8 {}
// SAFETY: numbers of the machine.
unsafe impl Plain for i8 {}
// SAFETY: numbers of the machine.
unsafe impl Plain for i16 {}
// SAFETY: a transparent wrapper of `u16`.
unsafe impl Plain for bf16 {}

/// Memory for numbers, whose first byte is at a multiple of 64.
#[derive(Default)]
pub(crate) struct Aligned {
    lines: Vec<Line>,
}

impl Aligned {
    /// Zeros, `bytes` of them at least.
    pub(crate) fn zeros(bytes: usize) -> Aligned {
        let mut lines = Vec::with_capacity(bytes.div_ceil(LINE));
        use_huge_pages(lines.spare_capacity_mut());
        lines.resize(lines.capacity(), Line([0; LINE]));
        Aligned { lines }
    }

    /// Room for `len` numbers, all 0.
    pub(crate) fn room_for<T: Plain>(len: usize) -> Aligned {
        Aligned::zeros(len * size_of::<T>())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.lines.len() * LINE
    }

    /// All of the memory as numbers.
    pub(crate) fn numbers<T: Plain>(&self) -> &[T] {
        let len = self.bytes() / size_of::<T>();
        // SAFETY: a line is its bytes, aligned for every `Plain`, and any bytes are a value of it.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), len) }
    }

    /// All of the memory as numbers, to write to.
    pub(crate) fn numbers_mut<T: Plain>(&mut self) -> &mut [T] {
        let len = self.bytes() / size_of::<T>();
        // SAFETY: as above, and a `Plain` has no padding that would spoil the lines.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_enough_values_and_they_start_at_a_line() {
        for len in [0, 1, 16, 17, 1000] {
            let mut aligned = Aligned::room_for::<f32>(len);
            assert!((len..len + 16).contains(&aligned.numbers::<f32>().len()));
            assert_eq!(aligned.numbers::<u8>().as_ptr() as usize % 64, 0);
            aligned.numbers_mut().fill(1.0f32);
            assert!(aligned.numbers::<f32>().iter().all(|&x| x == 1.0));
            assert!(aligned.numbers::<u32>().iter().all(|&x| x == 0x3f80_0000));
        }
    }
}
