//! Vectors of `f32`, the same for every instruction set, and kernels written over them.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod functions;
#[cfg(target_arch = "aarch64")]
mod neon;

use half::bf16;

use crate::{Isa, Level};

/// One piece of work for one thread: what it means, and how to do it fast.
pub(crate) trait Kernel {
    type Output;

    /// Whether it multiplies pairs or quads, and so is worth compiling for what has instructions for
    /// these and nothing else of its own. Only x86-64 has such ones.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    const GROUPS: bool = false;

    /// The plain version, which is the meaning.
    fn scalar(self) -> Self::Output;

    /// The same over vectors. To be `#[inline(always)]` with all it calls: only inside a function
    /// that the instruction set is switched on for does it become the instructions meant.
    fn fast<L: Lanes>(self, lanes: L) -> Self::Output;
}

impl Isa {
    /// Runs `kernel` with these instructions.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.level() {
            Level::Scalar => kernel.scalar(),
            // SAFETY: this `Isa` exists only where detection found AVX2, FMA and AVX-VNNI.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2Vnni if K::GROUPS => unsafe { avx2::run_vnni(kernel) },
            // SAFETY: this `Isa` exists only where detection found AVX2 and FMA.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 | Level::Avx2Vnni => unsafe { avx2::run(kernel) },
            // SAFETY: this `Isa` exists only where detection found AVX-512 F, BW, DQ, VL and VNNI.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni if K::GROUPS => unsafe { avx512::run_vnni(kernel) },
            // SAFETY: as above, and AVX-512 BF16.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Bf16 if K::GROUPS => unsafe { avx512::run_bf16(kernel) },
            // SAFETY: this `Isa` exists only where detection found AVX-512 F, BW, DQ and VL.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx512Vnni | Level::Avx512Bf16 => unsafe { avx512::run(kernel) },
            // SAFETY: NEON is part of the baseline of this architecture.
            #[cfg(target_arch = "aarch64")]
            Level::Neon => unsafe { neon::run(kernel) },
            level => unreachable!("{level:?} cannot be detected on this architecture"),
        }
    }
}

/// An instruction set's vectors. A value proves that its instructions may be executed.
pub(crate) trait Lanes: Copy {
    /// [`WIDTH`](Lanes::WIDTH) numbers.
    type Vector: Copy;

    /// As many words of 32 bits: whole numbers, pairs of bf16 or quads of bytes.
    type Words: Copy;

    /// Numbers in a vector.
    const WIDTH: usize;

    /// Rows of a tile of the matrix product: times two vectors, they fill the registers.
    const TILE_ROWS: usize;

    /// `x` in every lane.
    fn splat(self, x: f32) -> Self::Vector;

    /// The first values of `x`; 0 in the lanes for which it has none.
    fn load(self, x: &[f32]) -> Self::Vector;

    /// Writes the first lanes to `out`, as many as it has room for.
    fn store(self, x: Self::Vector, out: &mut [f32]);

    /// # Safety
    ///
    /// `WIDTH` values can be read from `x`.
    unsafe fn load_full(self, x: *const f32) -> Self::Vector;

    /// Asks for the line of memory at `x`, which may be any address, for a read that comes soon.
    fn prefetch(self, x: *const u8);

    /// `x + y`.
    fn add(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;

    /// `x - y`.
    fn sub(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;

    /// `x * y`.
    fn mul(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;

    /// `x / y`.
    fn div(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;

    /// `x * y + z`, rounded once.
    fn mul_add(self, x: Self::Vector, y: Self::Vector, z: Self::Vector) -> Self::Vector;

    /// The larger; NaN where `y` is.
    fn max(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;

    /// The smaller; NaN where `y` is.
    fn min(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;

    /// The square root.
    fn sqrt(self, x: Self::Vector) -> Self::Vector;

    /// The nearest whole number, the even one of two.
    fn round(self, x: Self::Vector) -> Self::Vector;

    /// `2^n` for whole `n` in `-126..=127`.
    fn power_of_two(self, n: Self::Vector) -> Self::Vector;

    /// `a` where `x > y`, else `b`.
    fn select_above(
        self,
        x: Self::Vector,
        y: Self::Vector,
        a: Self::Vector,
        b: Self::Vector,
    ) -> Self::Vector;

    /// The sum of the lanes, in an order that is always the same.
    fn sum(self, x: Self::Vector) -> f32;

    /// The largest lane.
    fn largest(self, x: Self::Vector) -> f32;

    /// The first values of `x`, widened; 0 in the lanes for which it has none.
    fn load_bf16(self, x: &[bf16]) -> Self::Vector;

    /// Writes the first lanes to `out`, as many as it has room for, each rounded to the nearest
    /// bf16, the even one of two.
    fn store_bf16(self, x: Self::Vector, out: &mut [bf16]);

    /// Exchanges rows and columns.
    #[inline(always)]
    fn transpose(self, words: &mut [[u32; 8]; 8]) {
        *words = std::array::from_fn(|i| std::array::from_fn(|j| words[j][i]));
    }

    /// `x` in every lane.
    fn splat_word(self, x: u32) -> Self::Words;

    /// # Safety
    ///
    /// `WIDTH` words can be read from `x`.
    unsafe fn load_full_words(self, x: *const u32) -> Self::Words;

    /// The first values of `x`; 0 in the lanes for which it has none.
    fn load_whole(self, x: &[i32]) -> Self::Words;

    /// Writes the first lanes to `out`, as many as it has room for.
    fn store_whole(self, x: Self::Words, out: &mut [i32]);

    /// In each lane, `sum` plus both products of a pair of bf16: the low halves', the high halves'.
    fn add_pairs(self, x: Self::Words, y: Self::Words, sum: Self::Vector) -> Self::Vector;

    /// In each lane, `sum` plus the four products of an unsigned byte of `x` with a signed one of
    /// `y`, all of them exact.
    fn add_quads(self, x: Self::Words, y: Self::Words, sum: Self::Words) -> Self::Words;

    /// In each lane, `sum` plus both products of a pair of whole numbers of 16 bits.
    fn add_whole_pairs(self, x: Self::Words, y: Self::Words, sum: Self::Words) -> Self::Words;
}
