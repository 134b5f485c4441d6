//! AVX-512: 16 lanes, 32 registers.

use std::arch::x86_64::*;

use super::{Kernel, Lanes};

/// # Safety
///
/// The machine has the features named here.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.fast(Avx512(()))
}

/// Made by [`run`] only.
#[derive(Clone, Copy)]
struct Avx512(());

/// One bit for each lane that `len` values fill.
#[inline(always)]
fn mask(len: usize) -> __mmask16 {
    ((1u32 << len.min(Avx512::WIDTH)) - 1) as __mmask16
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

impl Lanes for Avx512 {
    type Vector = __m512;
    const WIDTH: usize = 16;
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
}
