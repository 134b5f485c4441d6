//! What activations are kept in: `f32` or bf16, chosen when an encoder is loaded.

use half::bf16;

use crate::aligned::Plain;
use crate::lanes::{Kernel, Lanes};
use crate::{CHUNK, Cpu, Work, use_huge_pages};

/// The number type that matrices are multiplied in. Sums are always `f32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32 bits: the reference.
    F32,
    /// The upper half of an `f32`: its range with 8 bits of fraction, half the memory, and twice
    /// the speed where the machine multiplies it.
    Bf16,
    /// Weights in 8 bits with a scale an output, activations in 8 bits with a scale a token. For
    /// prediction only.
    Int8,
}

impl Precision {
    /// The name as options and logs write it.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
            Precision::Int8 => "int8",
        }
    }
}

/// Activations, in the number type in which the next product reads them.
#[derive(Clone, Debug)]
pub enum Numbers {
    /// As they came out of a sum.
    F32(Vec<f32>),
    /// Rounded to the nearest.
    Bf16(Vec<bf16>),
}

/// A view of [`Numbers`].
#[derive(Clone, Copy, Debug)]
pub enum NumbersRef<'a> {
    /// 32 bits each.
    F32(&'a [f32]),
    /// 16 bits each.
    Bf16(&'a [bf16]),
}

/// A view of [`Numbers`] to write to.
#[derive(Debug)]
pub enum NumbersMut<'a> {
    /// 32 bits each.
    F32(&'a mut [f32]),
    /// 16 bits each.
    Bf16(&'a mut [bf16]),
}

/// Gives `numbers` this length; what they held is lost where they were too few.
fn make_room<T: Copy>(numbers: &mut Vec<T>, len: usize, zero: T) {
    if len > numbers.capacity() {
        // The old ones go first, so that there are never both.
        *numbers = Vec::new();
        numbers.reserve_exact(len);
        use_huge_pages(numbers.spare_capacity_mut());
    }
    numbers.resize(len, zero);
}

impl Numbers {
    /// No numbers yet, of the type in which `precision` keeps activations.
    pub fn new(precision: Precision) -> Numbers {
        match precision {
            Precision::F32 | Precision::Int8 => Numbers::F32(Vec::new()),
            Precision::Bf16 => Numbers::Bf16(Vec::new()),
        }
    }

    /// `len` numbers; which ones is for the next operation to say.
    pub fn resize(&mut self, len: usize) -> NumbersMut<'_> {
        match self {
            Numbers::F32(x) => make_room(x, len, 0.0),
            Numbers::Bf16(x) => make_room(x, len, bf16::ZERO),
        }
        self.view_mut()
    }

    /// All of them.
    pub fn view(&self) -> NumbersRef<'_> {
        match self {
            Numbers::F32(x) => NumbersRef::F32(x),
            Numbers::Bf16(x) => NumbersRef::Bf16(x),
        }
    }

    /// All of them, to write to.
    pub fn view_mut(&mut self) -> NumbersMut<'_> {
        match self {
            Numbers::F32(x) => NumbersMut::F32(x),
            Numbers::Bf16(x) => NumbersMut::Bf16(x),
        }
    }
}

impl NumbersRef<'_> {
    /// How many there are.
    pub fn len(self) -> usize {
        match self {
            NumbersRef::F32(x) => x.len(),
            NumbersRef::Bf16(x) => x.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl NumbersMut<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            NumbersMut::F32(x) => x.len(),
            NumbersMut::Bf16(x) => x.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Writes `x` to `out`, rounded to the nearest where that is bf16.
///
/// # Panics
///
/// When `x` and `out` differ in length.
pub fn round(cpu: &Cpu, x: &[f32], out: NumbersMut<'_>) {
    let _time = cpu.record(Work::Copying);
    assert_eq!(x.len(), out.len(), "round: `x` and `out` differ in length");
    match out {
        NumbersMut::F32(out) => round_to(cpu, x, out),
        NumbersMut::Bf16(out) => round_to(cpu, x, out),
    }
}

fn round_to<E: Element>(cpu: &Cpu, x: &[f32], out: &mut [E]) {
    cpu.pool().for_each_chunk(out, CHUNK, |index, out| {
        let x = &x[index * CHUNK..][..out.len()];
        cpu.isa().run(Round { x, out });
    });
}

/// A type that activations are kept in.
pub(crate) trait Element: Plain {
    /// The numbers in `x`, which are of this type.
    fn all_of<'a>(operation: &str, x: NumbersRef<'a>) -> &'a [Self];

    /// The numbers in `x`, which are of this type, to write to.
    fn all_of_mut<'a>(operation: &str, x: NumbersMut<'a>) -> &'a mut [Self];

    fn from_f32(x: f32) -> Self;

    fn to_f32(self) -> f32;

    /// The first values of `x`; 0 in the lanes for which it has none.
    fn load<L: Lanes>(lanes: L, x: &[Self]) -> L::Vector;

    /// Writes the first lanes to `out`, as many as it has room for.
    fn store<L: Lanes>(lanes: L, x: L::Vector, out: &mut [Self]);
}

/// Two operands of one operation are of two number types.
#[cold]
fn mixed(operation: &str, wanted: &str) -> ! {
    panic!("{operation}: not all numbers are {wanted}");
}

impl Element for f32 {
    fn all_of<'a>(operation: &str, x: NumbersRef<'a>) -> &'a [f32] {
        match x {
            NumbersRef::F32(x) => x,
            NumbersRef::Bf16(_) => mixed(operation, "f32"),
        }
    }

    fn all_of_mut<'a>(operation: &str, x: NumbersMut<'a>) -> &'a mut [f32] {
        match x {
            NumbersMut::F32(x) => x,
            NumbersMut::Bf16(_) => mixed(operation, "f32"),
        }
    }

    #[inline(always)]
    fn from_f32(x: f32) -> f32 {
        x
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn load<L: Lanes>(lanes: L, x: &[f32]) -> L::Vector {
        lanes.load(x)
    }

    #[inline(always)]
    fn store<L: Lanes>(lanes: L, x: L::Vector, out: &mut [f32]) {
        lanes.store(x, out);
    }
}

impl Element for bf16 {
    fn all_of<'a>(operation: &str, x: NumbersRef<'a>) -> &'a [bf16] {
        match x {
            NumbersRef::Bf16(x) => x,
            NumbersRef::F32(_) => mixed(operation, "bf16"),
        }
    }

    fn all_of_mut<'a>(operation: &str, x: NumbersMut<'a>) -> &'a mut [bf16] {
        match x {
            NumbersMut::Bf16(x) => x,
            NumbersMut::F32(_) => mixed(operation, "bf16"),
        }
    }

    #[inline(always)]
    fn from_f32(x: f32) -> bf16 {
        nearest(x)
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    #[inline(always)]
    fn load<L: Lanes>(lanes: L, x: &[bf16]) -> L::Vector {
        lanes.load_bf16(x)
    }

    #[inline(always)]
    fn store<L: Lanes>(lanes: L, x: L::Vector, out: &mut [bf16]) {
        lanes.store_bf16(x, out);
    }
}

/// The nearest bf16, the even one of two; what `bf16::from_f32` gives, without a branch, so that
/// the compiler makes vectors of it.
#[inline(always)]
fn nearest(x: f32) -> bf16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
    let bits = if x.is_nan() {
        bits | 0x40_0000
    } else {
        rounded
    };
    bf16::from_bits((bits >> 16) as u16)
}

/// Writes `x` in another number type.
pub(crate) struct Round<'a, E> {
    pub(crate) x: &'a [f32],
    pub(crate) out: &'a mut [E],
}

impl<E: Element> Kernel for Round<'_, E> {
    type Output = ();

    fn scalar(self) {
        for (x, out) in self.x.iter().zip(self.out) {
            *out = E::from_f32(*x);
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        for (x, out) in self.x.chunks(L::WIDTH).zip(self.out.chunks_mut(L::WIDTH)) {
            E::store(lanes, lanes.load(x), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Isa, random};

    /// Loads `x`, stores it as bf16, loads that again and stores it as `f32`.
    struct ThereAndBack<'a> {
        x: &'a [f32],
        halves: &'a mut [bf16],
        out: &'a mut [f32],
    }

    impl Kernel for ThereAndBack<'_> {
        type Output = ();

        fn scalar(self) {
            for ((x, half), out) in self.x.iter().zip(self.halves).zip(self.out) {
                *half = Element::from_f32(*x);
                *out = Element::to_f32(*half);
            }
        }

        #[inline(always)]
        fn fast<L: Lanes>(self, lanes: L) {
            let parts = self
                .x
                .chunks(L::WIDTH)
                .zip(self.halves.chunks_mut(L::WIDTH));
            for ((x, halves), out) in parts.zip(self.out.chunks_mut(L::WIDTH)) {
                bf16::store(lanes, lanes.load(x), halves);
                lanes.store(bf16::load(lanes, halves), out);
            }
        }
    }

    #[test]
    fn every_instruction_set_rounds_as_the_library_does_at_every_length() {
        let odd = [
            0.0,
            -0.0,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
            f32::MIN_POSITIVE,
        ];
        // Halfway between two bf16, up and down; and the largest that do not round to infinity.
        let bits = [
            0x3f80_8000,
            0x3f81_8000,
            0x3f80_8001,
            0x3f80_7fff,
            0x7f7f_7fff,
            0x7f7f_8000,
        ];
        let halfway = bits.map(f32::from_bits);
        let drawn = (0..60).map(|i| random::normal(1, i) as f32 * 10f32.powi(i as i32 - 30));
        let x: Vec<f32> = odd.into_iter().chain(halfway).chain(drawn).collect();
        for isa in Isa::supported() {
            for len in 0..=x.len() {
                let (mut halves, mut out) = (vec![bf16::ONE; len], vec![1.0; len]);
                isa.run(ThereAndBack {
                    x: &x[..len],
                    halves: &mut halves,
                    out: &mut out,
                });
                for ((x, half), out) in x.iter().zip(halves).zip(out) {
                    let expected = bf16::from_f32(*x);
                    assert_eq!(half.to_bits(), expected.to_bits(), "{isa}, {len}: {x}");
                    assert_eq!(
                        out.to_bits(),
                        expected.to_f32().to_bits(),
                        "{isa}, {len}: {x}"
                    );
                }
            }
        }
    }

    #[test]
    fn nan_stays_nan() {
        for isa in Isa::supported() {
            for bits in [0x7f80_0001, 0x7fff_ffff, 0xffff_ffff, 0x7fc0_0000] {
                let (mut halves, mut out) = ([bf16::ONE], [1.0]);
                isa.run(ThereAndBack {
                    x: &[f32::from_bits(bits)],
                    halves: &mut halves,
                    out: &mut out,
                });
                assert!(halves[0].is_nan() && out[0].is_nan(), "{isa}: {bits:x}");
            }
        }
    }
}
