//! AVX2 and FMA: 8 lanes, 16 registers.

use std::arch::x86_64::*;

use super::{Kernel, Lanes};

/// # Safety
///
/// The machine has the features named here.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.fast(Avx2(()))
}

/// Made by [`run`] only.
#[derive(Clone, Copy)]
struct Avx2(());

/// Read from position `8 - n`, this is a mask of `n` lanes.
static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

/// All bits set in each lane that `len` values fill.
///
/// # Safety
///
/// The machine has AVX2.
#[inline(always)]
unsafe fn mask(len: usize) -> __m256i {
    let start = Avx2::WIDTH - len.min(Avx2::WIDTH);
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

impl Lanes for Avx2 {
    type Vector = __m256;
    const WIDTH: usize = 8;
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
        // SAFETY: the mask selects no more lanes than `x` has values; others are not read.
        unsafe { _mm256_maskload_ps(x.as_ptr(), mask(x.len())) }
    }

    #[inline(always)]
    fn store(self, x: __m256, out: &mut [f32]) {
        if out.len() >= Self::WIDTH {
            // SAFETY: there is room for 8 values.
            return unsafe { _mm256_storeu_ps(out.as_mut_ptr(), x) };
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
}
