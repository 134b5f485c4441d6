//! What a product of matrices multiplies, and what it sums in.

use half::bf16;

use crate::aligned::Plain;
use crate::lanes::Lanes;
use crate::numbers::Element;

/// The arithmetic of a product, by the types of its factors.
///
/// A lane multiplies a *unit* at a time: as many neighbouring positions of the sum as fill 32 bits.
pub(crate) trait Arithmetic: Copy + Send + Sync + 'static {
    /// A factor.
    type Element: Plain;
    /// [`GROUP`](Arithmetic::GROUP) factors, the first one in the lowest bits.
    type Unit: Plain;
    type Sum: Plain;
    /// A vector of units.
    type Units<L: Lanes>: Copy;
    /// A vector of sums.
    type Sums<L: Lanes>: Copy;

    const GROUP: usize;
    const ZERO: Self::Element;
    const ZERO_SUM: Self::Sum;

    /// The unit of `element(0)` to `element(GROUP - 1)`.
    fn unit(element: impl Fn(usize) -> Self::Element) -> Self::Unit;

    /// `sum` plus the products of `x` and `y`: the meaning.
    fn add(x: Self::Unit, y: Self::Unit, sum: Self::Sum) -> Self::Sum;

    /// [`add`](Arithmetic::add) in every lane.
    fn add_lanes<L: Lanes>(
        lanes: L,
        x: Self::Units<L>,
        y: Self::Units<L>,
        sums: Self::Sums<L>,
    ) -> Self::Sums<L>;

    /// `x` in every lane.
    fn splat<L: Lanes>(lanes: L, x: Self::Unit) -> Self::Units<L>;

    /// # Safety
    ///
    /// `WIDTH` units can be read from `x`.
    unsafe fn load<L: Lanes>(lanes: L, x: *const Self::Unit) -> Self::Units<L>;

    /// The first sums of `x`; 0 in the lanes for which it has none.
    fn load_sums<L: Lanes>(lanes: L, x: &[Self::Sum]) -> Self::Sums<L>;

    /// Writes the first lanes to `out`, as many as it has room for.
    fn store_sums<L: Lanes>(lanes: L, x: Self::Sums<L>, out: &mut [Self::Sum]);
}

/// An [`Arithmetic`] whose factors are made from numbers of type `S`.
pub(crate) trait From<S>: Arithmetic {
    fn element(x: S) -> Self::Element;
}

/// `f32`, rounded once a product.
#[derive(Clone, Copy)]
pub(crate) struct F32;

/// Pairs of bf16, whose products are exact in `f32`.
#[derive(Clone, Copy)]
pub(crate) struct Bf16;

/// Quads of bytes, unsigned on the left and signed on the right; all sums are exact.
#[derive(Clone, Copy)]
pub(crate) struct Int8;

/// The same bytes in 16 bits, pair by pair, for instruction sets that do not multiply bytes: the
/// same sums at half the speed.
#[derive(Clone, Copy)]
pub(crate) struct Int16;

/// The units of an arithmetic that multiplies groups of factors: words of 32 bits.
macro_rules! units_are_words {
    () => {
        type Unit = u32;
        type Units<L: Lanes> = L::Words;

        #[inline(always)]
        fn splat<L: Lanes>(lanes: L, x: u32) -> L::Words {
            lanes.splat_word(x)
        }

        #[inline(always)]
        unsafe fn load<L: Lanes>(lanes: L, x: *const u32) -> L::Words {
            // SAFETY: the caller's promise.
            unsafe { lanes.load_full_words(x) }
        }
    };
}

/// Sums in `f32`.
macro_rules! sums_are_f32 {
    () => {
        type Sum = f32;
        type Sums<L: Lanes> = L::Vector;

        const ZERO_SUM: f32 = 0.0;

        #[inline(always)]
        fn load_sums<L: Lanes>(lanes: L, x: &[f32]) -> L::Vector {
            lanes.load(x)
        }

        #[inline(always)]
        fn store_sums<L: Lanes>(lanes: L, x: L::Vector, out: &mut [f32]) {
            lanes.store(x, out);
        }
    };
}

/// Sums in whole numbers.
macro_rules! sums_are_whole {
    () => {
        type Sum = i32;
        type Sums<L: Lanes> = L::Words;

        const ZERO_SUM: i32 = 0;

        #[inline(always)]
        fn load_sums<L: Lanes>(lanes: L, x: &[i32]) -> L::Words {
            lanes.load_whole(x)
        }

        #[inline(always)]
        fn store_sums<L: Lanes>(lanes: L, x: L::Words, out: &mut [i32]) {
            lanes.store_whole(x, out);
        }
    };
}

impl Arithmetic for F32 {
    sums_are_f32!();

    type Element = f32;
    type Unit = f32;
    type Units<L: Lanes> = L::Vector;

    const GROUP: usize = 1;
    const ZERO: f32 = 0.0;

    #[inline(always)]
    fn unit(element: impl Fn(usize) -> f32) -> f32 {
        element(0)
    }

    #[inline(always)]
    fn add(x: f32, y: f32, sum: f32) -> f32 {
        sum + x * y
    }

    #[inline(always)]
    fn add_lanes<L: Lanes>(lanes: L, x: L::Vector, y: L::Vector, sums: L::Vector) -> L::Vector {
        lanes.mul_add(x, y, sums)
    }

    #[inline(always)]
    fn splat<L: Lanes>(lanes: L, x: f32) -> L::Vector {
        lanes.splat(x)
    }

    #[inline(always)]
    unsafe fn load<L: Lanes>(lanes: L, x: *const f32) -> L::Vector {
        // SAFETY: the caller's promise.
        unsafe { lanes.load_full(x) }
    }
}

impl Arithmetic for Bf16 {
    units_are_words!();
    sums_are_f32!();

    type Element = bf16;

    const GROUP: usize = 2;
    const ZERO: bf16 = bf16::ZERO;

    #[inline(always)]
    fn unit(element: impl Fn(usize) -> bf16) -> u32 {
        u32::from(element(0).to_bits()) | u32::from(element(1).to_bits()) << 16
    }

    #[inline(always)]
    fn add(x: u32, y: u32, sum: f32) -> f32 {
        let low = |pair: u32| f32::from_bits(pair << 16);
        let high = |pair: u32| f32::from_bits(pair & 0xffff_0000);
        sum + low(x) * low(y) + high(x) * high(y)
    }

    #[inline(always)]
    fn add_lanes<L: Lanes>(lanes: L, x: L::Words, y: L::Words, sums: L::Vector) -> L::Vector {
        lanes.add_pairs(x, y, sums)
    }
}

impl Arithmetic for Int8 {
    units_are_words!();
    sums_are_whole!();

    /// The left one's type; the right ones lie in the same bits.
    type Element = u8;

    const GROUP: usize = 4;
    const ZERO: u8 = 0;

    #[inline(always)]
    fn unit(element: impl Fn(usize) -> u8) -> u32 {
        u32::from_le_bytes([element(0), element(1), element(2), element(3)])
    }

    #[inline(always)]
    fn add(x: u32, y: u32, sum: i32) -> i32 {
        let products = x.to_le_bytes().into_iter().zip(y.to_le_bytes());
        sum + products
            .map(|(x, y)| i32::from(x) * i32::from(y as i8))
            .sum::<i32>()
    }

    #[inline(always)]
    fn add_lanes<L: Lanes>(lanes: L, x: L::Words, y: L::Words, sums: L::Words) -> L::Words {
        lanes.add_quads(x, y, sums)
    }
}

impl Arithmetic for Int16 {
    units_are_words!();
    sums_are_whole!();

    type Element = i16;

    const GROUP: usize = 2;
    const ZERO: i16 = 0;

    #[inline(always)]
    fn unit(element: impl Fn(usize) -> i16) -> u32 {
        u32::from(element(0) as u16) | u32::from(element(1) as u16) << 16
    }

    #[inline(always)]
    fn add(x: u32, y: u32, sum: i32) -> i32 {
        let low = |pair: u32| i32::from(pair as u16 as i16);
        let high = |pair: u32| i32::from((pair >> 16) as u16 as i16);
        sum + low(x) * low(y) + high(x) * high(y)
    }

    #[inline(always)]
    fn add_lanes<L: Lanes>(lanes: L, x: L::Words, y: L::Words, sums: L::Words) -> L::Words {
        lanes.add_whole_pairs(x, y, sums)
    }
}

impl<S: Element> From<S> for F32 {
    #[inline(always)]
    fn element(x: S) -> f32 {
        x.to_f32()
    }
}

impl<S: Element> From<S> for Bf16 {
    #[inline(always)]
    fn element(x: S) -> bf16 {
        Element::from_f32(x.to_f32())
    }
}

impl From<i8> for Int8 {
    #[inline(always)]
    fn element(x: i8) -> u8 {
        x as u8
    }
}

impl From<i8> for Int16 {
    #[inline(always)]
    fn element(x: i8) -> i16 {
        x.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use crate::lanes::Kernel;
    use crate::random::bits;

    /// Adds units lane by lane; `units` are whole vectors for every instruction set.
    struct AddUnits<'a, A: Arithmetic> {
        units: &'a [[A::Unit; 2]; 16],
        sums: &'a mut [A::Sum; 16],
    }

    impl<A: Arithmetic> Kernel for AddUnits<'_, A> {
        type Output = ();

        const GROUPS: bool = true;

        fn scalar(self) {
            for ([x, y], sum) in self.units.iter().zip(self.sums) {
                *sum = A::add(*x, *y, *sum);
            }
        }

        #[inline(always)]
        fn fast<L: Lanes>(self, lanes: L) {
            for (units, sums) in self
                .units
                .chunks(L::WIDTH)
                .zip(self.sums.chunks_mut(L::WIDTH))
            {
                let x: Vec<A::Unit> = units.iter().map(|pair| pair[0]).collect();
                let y: Vec<A::Unit> = units.iter().map(|pair| pair[1]).collect();
                // SAFETY: 16 is a multiple of every width, so each chunk is a whole vector.
                let (x, y) = unsafe { (A::load(lanes, x.as_ptr()), A::load(lanes, y.as_ptr())) };
                let added = A::add_lanes(lanes, x, y, A::load_sums(lanes, sums));
                A::store_sums(lanes, added, sums);
            }
        }
    }

    /// Whole numbers of all sizes, the extremes among them.
    #[test]
    fn every_instruction_set_adds_whole_numbers_exactly() {
        fn check<A: Arithmetic<Unit = u32, Sum = i32>>(unit: impl Fn(u64) -> [u32; 2]) {
            for isa in Isa::supported() {
                for round in 0..50 {
                    let units = std::array::from_fn(|lane| unit(round * 16 + lane as u64));
                    let mut expected: [i32; 16] = std::array::from_fn(|lane| lane as i32 - 8);
                    let mut sums = expected;
                    for ([x, y], sum) in units.iter().zip(&mut expected) {
                        *sum = A::add(*x, *y, *sum);
                    }
                    isa.run(AddUnits::<A> {
                        units: &units,
                        sums: &mut sums,
                    });
                    assert_eq!(sums, expected, "{isa}");
                }
            }
        }
        let extremes = [0x0000_0000, 0xffff_ffff, 0x8080_8080, 0x7f7f_7f7f];
        let byte_quads = |n: u64| match n {
            0..16 => [extremes[n as usize / 4], extremes[n as usize % 4]],
            _ => [bits(1, n) as u32, bits(2, n) as u32],
        };
        check::<Int8>(byte_quads);
        // On the left 0 to 255, on the right -127 to 127.
        let pair = |low: u64, high: u64| (low as u32 & 0xffff) | (high as u32) << 16;
        check::<Int16>(|n| {
            let [a, b, c, d] = [3, 4, 5, 6].map(|key| bits(key, n) & 0xff);
            let signed = |x: u64| (x as i8).max(-127) as i16 as u16 as u64;
            [pair(a, b), pair(signed(c), signed(d))]
        });
    }

    #[test]
    fn every_instruction_set_adds_pairs_of_bf16() {
        for isa in Isa::supported() {
            for round in 0..50 {
                let half =
                    |key, lane| bf16::from_f32(bits(key, round * 16 + lane) as i32 as f32 / 2e9);
                let pair = |key, lane| Bf16::unit(|g| half(key + g as u64, lane));
                let units =
                    std::array::from_fn(|lane| [pair(1, lane as u64), pair(3, lane as u64)]);
                let mut sums = [0.5; 16];
                isa.run(AddUnits::<Bf16> {
                    units: &units,
                    sums: &mut sums,
                });
                for ([x, y], sum) in units.iter().zip(sums) {
                    // Products below 1.2 in size, each sum rounded once or twice.
                    let expected = Bf16::add(*x, *y, 0.5);
                    assert!((sum - expected).abs() < 5e-7, "{isa}: {sum}, {expected}");
                }
            }
        }
    }
}
