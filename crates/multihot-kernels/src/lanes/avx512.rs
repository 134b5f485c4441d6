//! AVX-512, with or without VNNI and BF16: 16 lanes, 32 registers.

use std::arch::x86_64::*;

use half::bf16;

use super::{Kernel, Lanes};

/// # Safety
///
/// The machine has the features named here.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
#[inline(never)]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.fast(Avx512::<false, false>(()))
}

/// # Safety
///
/// The machine has the features named here.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
#[inline(never)]
pub(super) unsafe fn run_vnni<K: Kernel>(kernel: K) -> K::Output {
    kernel.fast(Avx512::<true, false>(()))
}

/// # Safety
///
/// The machine has the features named here.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16")]
#[inline(never)]
pub(super) unsafe fn run_bf16<K: Kernel>(kernel: K) -> K::Output {
    kernel.fast(Avx512::<true, true>(()))
}

/// Made by [`run`], [`run_vnni`] and [`run_bf16`] only, each with what it has.
#[derive(Clone, Copy)]
struct Avx512<const VNNI: bool, const BF16: bool>(());

/// Lanes of a vector.
const WIDTH: usize = 16;

/// One bit for each lane that `len` values fill.
#[inline(always)]
fn mask(len: usize) -> __mmask16 {
    ((1u32 << len.min(WIDTH)) - 1) as __mmask16
}

/// Methods that are one instruction each.
macro_rules! instructions {
    ($($name:ident($($x:ident),+) = $instruction:ident;)+) => {$(
        #[inline(always)]
        fn $name(self, $($x: __m512),+) -> __m512 {
            // SAFETY: `self` exists only where AVX-512 does.
            unsafe { $instruction($($x),+) }
        }
    )+};
}

impl<const VNNI: bool, const BF16: bool> Lanes for Avx512<VNNI, BF16> {
    type Vector = __m512;
    type Words = __m512i;
    const WIDTH: usize = WIDTH;
    const TILE_ROWS: usize = 12;

    instructions! {
        add(x, y) = _mm512_add_ps;
        sub(x, y) = _mm512_sub_ps;
        mul(x, y) = _mm512_mul_ps;
        div(x, y) = _mm512_div_ps;
        mul_add(x, y, z) = _mm512_fmadd_ps;
        max(x, y) = _mm512_max_ps;
        min(x, y) = _mm512_min_ps;
        sqrt(x) = _mm512_sqrt_ps;
    }

    #[inline(always)]
    fn prefetch(self, x: *const u8) {
        // SAFETY: a hint, which does nothing where there is no memory.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(x.cast()) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: `self` exists only where AVX-512 does.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn load(self, x: &[f32]) -> __m512 {
        // SAFETY: the mask selects no more lanes than `x` has values; others are not read.
        unsafe { _mm512_maskz_loadu_ps(mask(x.len()), x.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, x: __m512, out: &mut [f32]) {
        // SAFETY: the mask selects no more lanes than `out` has values; others are not written.
        unsafe { _mm512_mask_storeu_ps(out.as_mut_ptr(), mask(out.len()), x) }
    }

    #[inline(always)]
    unsafe fn load_full(self, x: *const f32) -> __m512 {
        // SAFETY: the caller has 16 values there.
        unsafe { _mm512_loadu_ps(x) }
    }

    #[inline(always)]
    fn round(self, x: __m512) -> __m512 {
        // SAFETY: `self` exists only where AVX-512 does.
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x) }
    }

    #[inline(always)]
    fn power_of_two(self, n: __m512) -> __m512 {
        // SAFETY: `self` exists only where AVX-512 does.
        unsafe { _mm512_scalef_ps(_mm512_set1_ps(1.0), n) }
    }

    #[inline(always)]
    fn select_above(self, x: __m512, y: __m512, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` exists only where AVX-512 does.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, y), b, a) }
    }

    #[inline(always)]
    fn sum(self, x: __m512) -> f32 {
        // SAFETY: `self` exists only where AVX-512 does.
        unsafe { _mm512_reduce_add_ps(x) }
    }

    #[inline(always)]
    fn largest(self, x: __m512) -> f32 {
        // SAFETY: `self` exists only where AVX-512 does.
        unsafe { _mm512_reduce_max_ps(x) }
    }

    #[inline(always)]
    fn load_bf16(self, x: &[bf16]) -> __m512 {
        // SAFETY: the mask selects no more lanes than `x` has values; others are not read.
        unsafe {
            let halves = _mm256_maskz_loadu_epi16(mask(x.len()), x.as_ptr().cast());
            // A bf16 is the upper half of an `f32`.
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(halves)))
        }
    }

    #[inline(always)]
    fn store_bf16(self, x: __m512, out: &mut [bf16]) {
        // SAFETY: the mask selects no more lanes than `out` has values; others are not written.
        unsafe {
            let halves = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded(x)));
            _mm256_mask_storeu_epi16(out.as_mut_ptr().cast(), mask(out.len()), halves);
        }
    }

    #[inline(always)]
    fn transpose(self, words: &mut [[u32; 8]; 8]) {
        // SAFETY: `self` exists only where AVX-512 does, and with it AVX2.
        unsafe { super::avx2::transpose(words) }
    }

    #[inline(always)]
    fn splat_word(self, x: u32) -> __m512i {
        // SAFETY: `self` exists only where AVX-512 does.
        unsafe { _mm512_set1_epi32(x as i32) }
    }

    #[inline(always)]
    unsafe fn load_full_words(self, x: *const u32) -> __m512i {
        // SAFETY: the caller has 16 words there.
        unsafe { _mm512_loadu_si512(x.cast()) }
    }

    #[inline(always)]
    fn load_whole(self, x: &[i32]) -> __m512i {
        // SAFETY: the mask selects no more lanes than `x` has values; others are not read.
        unsafe { _mm512_maskz_loadu_epi32(mask(x.len()), x.as_ptr()) }
    }

    #[inline(always)]
    fn store_whole(self, x: __m512i, out: &mut [i32]) {
        // SAFETY: the mask selects no more lanes than `out` has values; others are not written.
        unsafe { _mm512_mask_storeu_epi32(out.as_mut_ptr(), mask(out.len()), x) }
    }

    #[inline(always)]
    fn add_pairs(self, x: __m512i, y: __m512i, sum: __m512) -> __m512 {
        // SAFETY: `self` exists only where AVX-512 does, and with `BF16` only where that is.
        unsafe {
            if BF16 {
                let pairs = |words| std::mem::transmute::<__m512i, __m512bh>(words);
                return _mm512_dpbf16_ps(sum, pairs(x), pairs(y));
            }
            let high = _mm512_set1_epi32(0xffff_0000_u32 as i32);
            let low = |words| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(words));
            let high = |words| _mm512_castsi512_ps(_mm512_and_si512(words, high));
            _mm512_fmadd_ps(high(x), high(y), _mm512_fmadd_ps(low(x), low(y), sum))
        }
    }

    #[inline(always)]
    fn add_quads(self, x: __m512i, y: __m512i, sum: __m512i) -> __m512i {
        // SAFETY: `self` exists only where AVX-512 does, and with `VNNI` only where that is.
        unsafe {
            if VNNI {
                return _mm512_dpbusd_epi32(sum, x, y);
            }
            // Every other byte in 16 bits, where products of two pairs are exact.
            let bytes = _mm512_set1_epi16(0xff);
            let even = _mm512_madd_epi16(
                _mm512_and_si512(x, bytes),
                _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(y)),
            );
            let odd = _mm512_madd_epi16(_mm512_srli_epi16::<8>(x), _mm512_srai_epi16::<8>(y));
            _mm512_add_epi32(sum, _mm512_add_epi32(even, odd))
        }
    }

    #[inline(always)]
    fn add_whole_pairs(self, x: __m512i, y: __m512i, sum: __m512i) -> __m512i {
        // SAFETY: `self` exists only where the instruction set does.
        unsafe { _mm512_add_epi32(sum, _mm512_madd_epi16(x, y)) }
    }
}

/// The bits of `x`, the upper half rounded to the nearest bf16, the even one of two; NaN stays NaN.
///
/// # Safety
///
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn rounded(x: __m512) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe {
        let bits = _mm512_castps_si512(x);
        let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        let half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
        let quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x40_0000));
        let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x);
        _mm512_mask_blend_epi32(nan, _mm512_add_epi32(bits, half), quiet)
    }
}
