//! AVX2 and FMA, with or without AVX-VNNI: 8 lanes, 16 registers.

use std::arch::x86_64::*;

use half::bf16;

use super::{Kernel, Lanes};

/// # Safety
///
/// The machine has the features named here.
#[target_feature(enable = "avx2,fma")]
#[inline(never)]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.fast(Avx2::<false>(()))
}

/// # Safety
///
/// The machine has the features named here.
#[target_feature(enable = "avx2,fma,avxvnni")]
#[inline(never)]
pub(super) unsafe fn run_vnni<K: Kernel>(kernel: K) -> K::Output {
    kernel.fast(Avx2::<true>(()))
}

/// Made by [`run`] and [`run_vnni`] only, each with what it has.
#[derive(Clone, Copy)]
struct Avx2<const VNNI: bool>(());

/// Lanes of a vector.
const WIDTH: usize = 8;

/// Read from position `8 - n`, this is a mask of `n` lanes.
static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

/// All bits set in each lane that `len` values fill.
///
/// # Safety
///
/// The machine has AVX2.
#[inline(always)]
unsafe fn mask(len: usize) -> __m256i {
    let start = WIDTH - len.min(WIDTH);
    // SAFETY: `start` is 8 at most, and 8 values follow it.
    unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(start).cast()) }
}

/// Methods that are one instruction each.
macro_rules! instructions {
    ($($name:ident($($x:ident),+) = $instruction:ident;)+) => {$(
        #[inline(always)]
        fn $name(self, $($x: __m256),+) -> __m256 {
            // SAFETY: `self` exists only where AVX2 and FMA do.
            unsafe { $instruction($($x),+) }
        }
    )+};
}

impl<const VNNI: bool> Lanes for Avx2<VNNI> {
    type Vector = __m256;
    type Words = __m256i;
    const WIDTH: usize = WIDTH;
    const TILE_ROWS: usize = 6;

    instructions! {
        add(x, y) = _mm256_add_ps;
        sub(x, y) = _mm256_sub_ps;
        mul(x, y) = _mm256_mul_ps;
        div(x, y) = _mm256_div_ps;
        mul_add(x, y, z) = _mm256_fmadd_ps;
        max(x, y) = _mm256_max_ps;
        min(x, y) = _mm256_min_ps;
        sqrt(x) = _mm256_sqrt_ps;
    }

    #[inline(always)]
    fn prefetch(self, x: *const u8) {
        // SAFETY: a hint, which does nothing where there is no memory.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(x.cast()) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: `self` exists only where AVX2 does.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    fn load(self, x: &[f32]) -> __m256 {
        if x.len() >= Self::WIDTH {
            // SAFETY: there are 8 values.
            return unsafe { _mm256_loadu_ps(x.as_ptr()) };
        }
        if x.is_empty() {
            return self.splat(0.0);
        }
        // SAFETY: the mask selects no more lanes than `x` has values; others are not read.
        unsafe { _mm256_maskload_ps(x.as_ptr(), mask(x.len())) }
    }

    #[inline(always)]
    fn store(self, x: __m256, out: &mut [f32]) {
        if out.len() >= Self::WIDTH {
            // SAFETY: there is room for 8 values.
            return unsafe { _mm256_storeu_ps(out.as_mut_ptr(), x) };
        }
        if out.is_empty() {
            return;
        }
        // SAFETY: the mask selects no more lanes than `out` has values; others are not written.
        unsafe { _mm256_maskstore_ps(out.as_mut_ptr(), mask(out.len()), x) }
    }

    #[inline(always)]
    unsafe fn load_full(self, x: *const f32) -> __m256 {
        // SAFETY: the caller has 8 values there.
        unsafe { _mm256_loadu_ps(x) }
    }

    #[inline(always)]
    fn round(self, x: __m256) -> __m256 {
        // SAFETY: `self` exists only where AVX2 does.
        unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x) }
    }

    #[inline(always)]
    fn power_of_two(self, n: __m256) -> __m256 {
        // SAFETY: `self` exists only where AVX2 does.
        unsafe {
            // The exponent of an `f32` is stored plus 127, above 23 bits of fraction.
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
        }
    }

    #[inline(always)]
    fn select_above(self, x: __m256, y: __m256, a: __m256, b: __m256) -> __m256 {
        // SAFETY: `self` exists only where AVX2 does.
        unsafe { _mm256_blendv_ps(b, a, _mm256_cmp_ps::<_CMP_GT_OQ>(x, y)) }
    }

    #[inline(always)]
    fn sum(self, x: __m256) -> f32 {
        // SAFETY: `self` exists only where AVX2 does.
        unsafe {
            let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)))
        }
    }

    #[inline(always)]
    fn largest(self, x: __m256) -> f32 {
        // SAFETY: `self` exists only where AVX2 does.
        unsafe {
            let x = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_max_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)))
        }
    }

    #[inline(always)]
    fn load_bf16(self, x: &[bf16]) -> __m256 {
        let mut part = [bf16::ZERO; WIDTH];
        let x = match x.len() >= WIDTH {
            true => x,
            false => {
                part[..x.len()].copy_from_slice(x);
                &part
            }
        };
        // SAFETY: there are 8 values.
        unsafe {
            let halves = _mm_loadu_si128(x.as_ptr().cast());
            // A bf16 is the upper half of an `f32`.
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(halves)))
        }
    }

    #[inline(always)]
    fn store_bf16(self, x: __m256, out: &mut [bf16]) {
        // SAFETY: `self` exists only where AVX2 does.
        let halves = unsafe {
            let words = _mm256_srli_epi32::<16>(rounded(x));
            _mm_packus_epi32(
                _mm256_castsi256_si128(words),
                _mm256_extracti128_si256::<1>(words),
            )
        };
        if out.len() >= WIDTH {
            // SAFETY: there is room for 8 values.
            return unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), halves) };
        }
        let mut part = [bf16::ZERO; WIDTH];
        // SAFETY: there is room for 8 values.
        unsafe { _mm_storeu_si128(part.as_mut_ptr().cast(), halves) };
        out.copy_from_slice(&part[..out.len()]);
    }

    #[inline(always)]
    fn transpose(self, words: &mut [[u32; 8]; 8]) {
        // SAFETY: `self` exists only where AVX2 does.
        unsafe { transpose(words) }
    }

    #[inline(always)]
    fn splat_word(self, x: u32) -> __m256i {
        // SAFETY: `self` exists only where AVX2 does.
        unsafe { _mm256_set1_epi32(x as i32) }
    }

    #[inline(always)]
    unsafe fn load_full_words(self, x: *const u32) -> __m256i {
        // SAFETY: the caller has 8 words there.
        unsafe { _mm256_loadu_si256(x.cast()) }
    }

    #[inline(always)]
    fn load_whole(self, x: &[i32]) -> __m256i {
        // SAFETY: the mask selects no more lanes than `x` has values; others are not read.
        unsafe { _mm256_maskload_epi32(x.as_ptr(), mask(x.len())) }
    }

    #[inline(always)]
    fn store_whole(self, x: __m256i, out: &mut [i32]) {
        // SAFETY: the mask selects no more lanes than `out` has values; others are not written.
        unsafe { _mm256_maskstore_epi32(out.as_mut_ptr(), mask(out.len()), x) }
    }

    #[inline(always)]
    fn add_pairs(self, x: __m256i, y: __m256i, sum: __m256) -> __m256 {
        // SAFETY: `self` exists only where AVX2 and FMA do.
        unsafe {
            let high = _mm256_set1_epi32(0xffff_0000_u32 as i32);
            let low = |words| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(words));
            let high = |words| _mm256_castsi256_ps(_mm256_and_si256(words, high));
            _mm256_fmadd_ps(high(x), high(y), _mm256_fmadd_ps(low(x), low(y), sum))
        }
    }

    #[inline(always)]
    fn add_quads(self, x: __m256i, y: __m256i, sum: __m256i) -> __m256i {
        // SAFETY: `self` exists only where AVX2 does, and with `VNNI` only where that is.
        unsafe {
            if VNNI {
                return _mm256_dpbusd_avx_epi32(sum, x, y);
            }
            // Every other byte in 16 bits, where products of two pairs are exact.
            let bytes = _mm256_set1_epi16(0xff);
            let even = _mm256_madd_epi16(
                _mm256_and_si256(x, bytes),
                _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(y)),
            );
            let odd = _mm256_madd_epi16(_mm256_srli_epi16::<8>(x), _mm256_srai_epi16::<8>(y));
            _mm256_add_epi32(sum, _mm256_add_epi32(even, odd))
        }
    }

    #[inline(always)]
    fn add_whole_pairs(self, x: __m256i, y: __m256i, sum: __m256i) -> __m256i {
        // SAFETY: `self` exists only where AVX2 does.
        unsafe { add_whole_pairs(x, y, sum) }
    }
}

/// In each lane, `sum` plus both products of a pair of whole numbers of 16 bits.
///
/// In assembly, because of whole numbers the compiler makes trees of sums, which may be in any order,
/// and has too few registers for them.
#[target_feature(enable = "avx2")]
#[inline]
fn add_whole_pairs(x: __m256i, y: __m256i, mut sum: __m256i) -> __m256i {
    // SAFETY: reads and writes these registers only.
    unsafe {
        std::arch::asm!(
            "vpmaddwd {product}, {x}, {y}",
            "vpaddd {sum}, {sum}, {product}",
            product = out(ymm_reg) _,
            x = in(ymm_reg) x,
            y = in(ymm_reg) y,
            sum = inout(ymm_reg) sum,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sum
}

/// Exchanges rows and columns: pairs of rows, then fours, then their halves.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn transpose(words: &mut [[u32; 8]; 8]) {
    // SAFETY: a row has the size of a vector.
    let load = |row: &[u32; 8]| unsafe { _mm256_loadu_si256(row.as_ptr().cast()) };
    let [a, b, c, d, e, f, g, h] = words.each_ref().map(load);
    let pairs = |x, y| [_mm256_unpacklo_epi32(x, y), _mm256_unpackhi_epi32(x, y)];
    let [ab, cd, ef, gh] = [pairs(a, b), pairs(c, d), pairs(e, f), pairs(g, h)];
    let fours = |x: [__m256i; 2], y: [__m256i; 2]| {
        [
            _mm256_unpacklo_epi64(x[0], y[0]),
            _mm256_unpackhi_epi64(x[0], y[0]),
            _mm256_unpacklo_epi64(x[1], y[1]),
            _mm256_unpackhi_epi64(x[1], y[1]),
        ]
    };
    let (low, high) = (fours(ab, cd), fours(ef, gh));
    let upper = [0, 1, 2, 3].map(|i| _mm256_permute2x128_si256::<0x20>(low[i], high[i]));
    let lower = [0, 1, 2, 3].map(|i| _mm256_permute2x128_si256::<0x31>(low[i], high[i]));
    for (row, out) in upper.into_iter().chain(lower).zip(words) {
        // SAFETY: as above.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), row) };
    }
}

/// The bits of `x`, the upper half rounded to the nearest bf16, the even one of two; NaN stays NaN.
///
/// # Safety
///
/// The machine has AVX2.
#[inline(always)]
unsafe fn rounded(x: __m256) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let bits = _mm256_castps_si256(x);
        let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        let half = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
        let quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x40_0000));
        let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(x, x));
        _mm256_blendv_epi8(_mm256_add_epi32(bits, half), quiet, nan)
    }
}
