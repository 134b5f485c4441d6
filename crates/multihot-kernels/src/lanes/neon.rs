//! NEON: 4 lanes, 32 registers.

use std::arch::aarch64::*;

use half::bf16;

use super::{Kernel, Lanes};

/// # Safety
///
/// The machine has NEON.
#[target_feature(enable = "neon")]
#[inline(never)]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.fast(Neon(()))
}

/// Made by [`run`] only.
#[derive(Clone, Copy)]
struct Neon(());

/// Methods that are one instruction each.
macro_rules! instructions {
    ($($name:ident($($x:ident),+) = $instruction:ident;)+) => {$(
        #[inline(always)]
        fn $name(self, $($x: float32x4_t),+) -> float32x4_t {
            // SAFETY: `self` exists only where NEON does.
            unsafe { $instruction($($x),+) }
        }
    )+};
}

impl Lanes for Neon {
    type Vector = float32x4_t;
    type Words = uint32x4_t;
    const WIDTH: usize = 4;
    const TILE_ROWS: usize = 12;

    instructions! {
        add(x, y) = vaddq_f32;
        sub(x, y) = vsubq_f32;
        mul(x, y) = vmulq_f32;
        div(x, y) = vdivq_f32;
        max(x, y) = vmaxq_f32;
        min(x, y) = vminq_f32;
        sqrt(x) = vsqrtq_f32;
        round(x) = vrndnq_f32;
    }

    #[inline(always)]
    fn mul_add(self, x: float32x4_t, y: float32x4_t, z: float32x4_t) -> float32x4_t {
        // SAFETY: `self` exists only where NEON does.
        unsafe { vfmaq_f32(z, x, y) }
    }

    #[inline(always)]
    fn prefetch(self, x: *const u8) {
        // SAFETY: a hint, which does nothing where there is no memory.
        unsafe {
            std::arch::asm!("prfm pldl1keep, [{}]", in(reg) x, options(nostack, readonly, preserves_flags))
        }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> float32x4_t {
        // SAFETY: `self` exists only where NEON does.
        unsafe { vdupq_n_f32(x) }
    }

    #[inline(always)]
    fn load(self, x: &[f32]) -> float32x4_t {
        if x.len() >= Self::WIDTH {
            // SAFETY: there are 4 values.
            return unsafe { vld1q_f32(x.as_ptr()) };
        }
        let mut full = [0.0; Self::WIDTH];
        full[..x.len()].copy_from_slice(x);
        // SAFETY: there are 4 values.
        unsafe { vld1q_f32(full.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, x: float32x4_t, out: &mut [f32]) {
        if out.len() >= Self::WIDTH {
            // SAFETY: there is room for 4 values.
            return unsafe { vst1q_f32(out.as_mut_ptr(), x) };
        }
        let mut full = [0.0; Self::WIDTH];
        // SAFETY: there is room for 4 values.
        unsafe { vst1q_f32(full.as_mut_ptr(), x) };
        out.copy_from_slice(&full[..out.len()]);
    }

    #[inline(always)]
    unsafe fn load_full(self, x: *const f32) -> float32x4_t {
        // SAFETY: the caller has 4 values there.
        unsafe { vld1q_f32(x) }
    }

    #[inline(always)]
    fn power_of_two(self, n: float32x4_t) -> float32x4_t {
        // SAFETY: `self` exists only where NEON does.
        unsafe {
            // The exponent of an `f32` is stored plus 127, above 23 bits of fraction.
            let exponent = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent))
        }
    }

    #[inline(always)]
    fn select_above(
        self,
        x: float32x4_t,
        y: float32x4_t,
        a: float32x4_t,
        b: float32x4_t,
    ) -> float32x4_t {
        // SAFETY: `self` exists only where NEON does.
        unsafe { vbslq_f32(vcgtq_f32(x, y), a, b) }
    }

    #[inline(always)]
    fn sum(self, x: float32x4_t) -> f32 {
        // SAFETY: `self` exists only where NEON does.
        unsafe { vaddvq_f32(x) }
    }

    #[inline(always)]
    fn largest(self, x: float32x4_t) -> f32 {
        // SAFETY: `self` exists only where NEON does.
        unsafe { vmaxvq_f32(x) }
    }

    #[inline(always)]
    fn load_bf16(self, x: &[bf16]) -> float32x4_t {
        let mut words = [0; Self::WIDTH];
        for (x, word) in x.iter().zip(&mut words) {
            // A bf16 is the upper half of an `f32`.
            *word = u32::from(x.to_bits()) << 16;
        }
        // SAFETY: there are 4 values.
        unsafe { vreinterpretq_f32_u32(vld1q_u32(words.as_ptr())) }
    }

    #[inline(always)]
    fn store_bf16(self, x: float32x4_t, out: &mut [bf16]) {
        let mut full = [0.0; Self::WIDTH];
        // SAFETY: there is room for 4 values.
        unsafe { vst1q_f32(full.as_mut_ptr(), x) };
        for (x, out) in full.into_iter().zip(out) {
            *out = bf16::from_f32(x);
        }
    }

    #[inline(always)]
    fn splat_word(self, x: u32) -> uint32x4_t {
        // SAFETY: `self` exists only where NEON does.
        unsafe { vdupq_n_u32(x) }
    }

    #[inline(always)]
    unsafe fn load_full_words(self, x: *const u32) -> uint32x4_t {
        // SAFETY: the caller has 4 words there.
        unsafe { vld1q_u32(x) }
    }

    #[inline(always)]
    fn load_whole(self, x: &[i32]) -> uint32x4_t {
        let mut full = [0; Self::WIDTH];
        let len = x.len().min(Self::WIDTH);
        full[..len].copy_from_slice(&x[..len]);
        // SAFETY: there are 4 values.
        unsafe { vreinterpretq_u32_s32(vld1q_s32(full.as_ptr())) }
    }

    #[inline(always)]
    fn store_whole(self, x: uint32x4_t, out: &mut [i32]) {
        let mut full = [0; Self::WIDTH];
        // SAFETY: there is room for 4 values.
        unsafe { vst1q_s32(full.as_mut_ptr(), vreinterpretq_s32_u32(x)) };
        let len = out.len().min(Self::WIDTH);
        out[..len].copy_from_slice(&full[..len]);
    }

    #[inline(always)]
    fn add_pairs(self, x: uint32x4_t, y: uint32x4_t, sum: float32x4_t) -> float32x4_t {
        // SAFETY: `self` exists only where NEON does.
        unsafe {
            let low = |words| vreinterpretq_f32_u32(vshlq_n_u32::<16>(words));
            let high = |words| vreinterpretq_f32_u32(vandq_u32(words, vdupq_n_u32(0xffff_0000)));
            vfmaq_f32(vfmaq_f32(sum, low(x), low(y)), high(x), high(y))
        }
    }

    #[inline(always)]
    fn add_quads(self, x: uint32x4_t, y: uint32x4_t, sum: uint32x4_t) -> uint32x4_t {
        // SAFETY: `self` exists only where NEON does.
        unsafe {
            // A byte at a time, `y`'s with its sign, in 32 bits, where all is exact.
            let byte = |words| vreinterpretq_s32_u32(vandq_u32(words, vdupq_n_u32(0xff)));
            let signed = |words| vshrq_n_s32::<24>(vreinterpretq_s32_u32(words));
            let sum = vreinterpretq_s32_u32(sum);
            let sum = vmlaq_s32(sum, byte(x), signed(vshlq_n_u32::<24>(y)));
            let sum = vmlaq_s32(sum, byte(vshrq_n_u32::<8>(x)), signed(vshlq_n_u32::<16>(y)));
            let sum = vmlaq_s32(sum, byte(vshrq_n_u32::<16>(x)), signed(vshlq_n_u32::<8>(y)));
            vreinterpretq_u32_s32(vmlaq_s32(sum, byte(vshrq_n_u32::<24>(x)), signed(y)))
        }
    }

    #[inline(always)]
    fn add_whole_pairs(self, x: uint32x4_t, y: uint32x4_t, sum: uint32x4_t) -> uint32x4_t {
        // SAFETY: `self` exists only where NEON does.
        unsafe {
            let low = |words| vshrq_n_s32::<16>(vreinterpretq_s32_u32(vshlq_n_u32::<16>(words)));
            let high = |words| vshrq_n_s32::<16>(vreinterpretq_s32_u32(words));
            let sum = vmlaq_s32(vreinterpretq_s32_u32(sum), low(x), low(y));
            vreinterpretq_u32_s32(vmlaq_s32(sum, high(x), high(y)))
        }
    }
}
