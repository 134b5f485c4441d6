//! How fast this machine can multiply and add at best: what products are measured against.

use std::hint::black_box;
use std::time::{Duration, Instant};

use half::bf16;

use crate::arithmetic::{Arithmetic, Bf16, F32, Int8, Int16};
use crate::lanes::{Kernel, Lanes};
use crate::{Cpu, Precision};

/// Tasks of one run for each thread: a thread that loses its core for a while holds up one of them.
const TASKS: usize = 16;

/// How often a task goes through its factors: some tenth of a millisecond.
const ROUNDS: usize = 1024;

/// Fewer runs than this are no choice of the best.
const FEWEST_RUNS: usize = 5;

/// Sums that are open at the same time, by left and right factors: more than the products that a core
/// begins before the first of them ends (4 pipes of 4 steps in NEON, 2 of 5 in x86-64), and as
/// many as the registers hold together with their factors.
const MANY: [usize; 2] = [4, 6];
const FEW: [usize; 2] = [3, 3];

/// Room for the most sums of the widest vectors.
const SUMS: usize = 24 * 16;

/// The right factors come in blocks that are whole passes for all vectors, one up and one down.
const BLOCK: usize = 6 * 16;
const BLOCKS: usize = 8;

/// The operations a second, two for each multiplication with its addition, that the threads of `cpu`
/// reach together in a loop of nothing but the instructions that products in `precision` are
/// made of. The best of as many runs as fit `time`: a burst of a neighbour does not count.
pub fn peak(cpu: &Cpu, precision: Precision, time: Duration) -> f64 {
    match precision {
        Precision::F32 => best::<F32>(cpu, time, [1.7, 0.3, -0.3]),
        Precision::Bf16 => best::<Bf16>(cpu, time, [1.7, 0.3, -0.3].map(bf16::from_f32)),
        Precision::Int8 if cpu.isa().multiplies_bytes() => best::<Int8>(cpu, time, INT8),
        Precision::Int8 => best::<Int16>(cpu, time, [201, 77, -77]),
    }
}

/// The left factor unsigned, the right one signed, as [`Int8`] has them.
const INT8: [u8; 3] = [201, 77, 77_u8.wrapping_neg()];

fn best<A: Arithmetic>(cpu: &Cpu, time: Duration, elements: [A::Element; 3]) -> f64 {
    let (left, right) = factors::<A>(elements);
    let tasks = TASKS * cpu.threads();
    let start = Instant::now();
    let mut best: f64 = 0.0;
    for run in 0.. {
        if run >= FEWEST_RUNS && start.elapsed() >= time {
            break;
        }
        let mut operations = vec![0; tasks];
        let begin = Instant::now();
        cpu.pool().for_each_chunk(&mut operations, 1, |_, out| {
            out[0] = cpu.isa().run(Sustain::<A> {
                left: black_box(&left),
                right: black_box(&right),
                sums: black_box(&mut [A::ZERO_SUM; SUMS]),
                rounds: ROUNDS,
            });
        });
        let seconds = begin.elapsed().as_secs_f64();
        best = best.max(operations.iter().sum::<u64>() as f64 / seconds);
    }
    best
}

/// Left and right factors, the right ones of both signs, so that all sums stay near 0.
fn factors<A: Arithmetic>([x, plus, minus]: [A::Element; 3]) -> (Vec<A::Unit>, Vec<A::Unit>) {
    let block = |element| vec![A::unit(|_| element); BLOCK];
    let right = [block(plus), block(minus)].concat();
    (vec![A::unit(|_| x); MANY[0]], right.repeat(BLOCKS / 2))
}

/// Multiplies and adds, and gives the number of operations.
///
/// The compiler must not see that anything is the same twice, or it would work it out once: so
/// factors and sums come out of slices, and the right factors are read as the loop goes, each for
/// several products.
struct Sustain<'a, A: Arithmetic> {
    left: &'a [A::Unit],
    right: &'a [A::Unit],
    /// Where the sums start, and end.
    sums: &'a mut [A::Sum],
    rounds: usize,
}

impl<A: Arithmetic> Sustain<'_, A> {
    #[inline(always)]
    fn run<L: Lanes, const LEFTS: usize, const RIGHTS: usize>(self, lanes: L) -> u64 {
        let place = |j: usize, i: usize| (j * LEFTS + i) * L::WIDTH;
        let left: [_; LEFTS] = std::array::from_fn(|i| A::splat(lanes, self.left[i]));
        let mut sums: [[_; LEFTS]; RIGHTS] = std::array::from_fn(|j| {
            std::array::from_fn(|i| A::load_sums(lanes, &self.sums[place(j, i)..]))
        });
        for _ in 0..self.rounds {
            for right in self.right.chunks_exact(RIGHTS * L::WIDTH) {
                // Counted by the array: a loop of known length is unrolled, and sums stay in registers.
                for (j, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: `right` has `WIDTH` units for each of them.
                    let right = unsafe { A::load(lanes, right.as_ptr().add(j * L::WIDTH)) };
                    for (left, sum) in left.iter().zip(sums) {
                        *sum = A::add_lanes(lanes, *left, right, *sum);
                    }
                }
            }
        }
        for (j, sums) in sums.into_iter().enumerate() {
            for (i, sum) in sums.into_iter().enumerate() {
                A::store_sums(lanes, sum, &mut self.sums[place(j, i)..][..L::WIDTH]);
            }
        }
        let steps = self.rounds * (self.right.len() / (RIGHTS * L::WIDTH));
        (steps * LEFTS * RIGHTS * L::WIDTH * A::GROUP * 2) as u64
    }
}

impl<A: Arithmetic> Kernel for Sustain<'_, A> {
    type Output = u64;

    const GROUPS: bool = A::GROUP > 1;

    fn scalar(self) -> u64 {
        let mut sums = [[A::ZERO_SUM; MANY[0]]; 3];
        for _ in 0..self.rounds {
            for right in self.right {
                for sum in &mut sums {
                    for (left, sum) in self.left.iter().zip(sum) {
                        *sum = A::add(*left, *right, *sum);
                    }
                }
            }
        }
        let sums = sums.as_flattened();
        self.sums[..sums.len()].copy_from_slice(sums);
        (self.rounds * self.right.len() * sums.len() * A::GROUP * 2) as u64
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) -> u64 {
        // The taller a tile of the products, the more registers there are.
        match L::TILE_ROWS >= 12 {
            true => self.run::<L, { MANY[0] }, { MANY[1] }>(lanes),
            false => self.run::<L, { FEW[0] }, { FEW[1] }>(lanes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    fn check<A: Arithmetic>(
        isa: Isa,
        elements: [A::Element; 3],
        is_small: impl Fn(A::Sum) -> bool,
    ) {
        let (left, right) = factors::<A>(elements);
        let mut sums = [A::ZERO_SUM; SUMS];
        let operations = isa.run(Sustain::<A> {
            left: &left,
            right: &right,
            sums: &mut sums,
            rounds: 3,
        });
        assert!(sums.into_iter().all(is_small), "{isa}");
        // However the sums lie, each right factor meets some of them.
        let each = (3 * BLOCK * BLOCKS * A::GROUP * 2) as u64;
        assert!(
            operations >= each && operations.is_multiple_of(each),
            "{isa}: {operations}"
        );
    }

    #[test]
    fn every_instruction_set_goes_through_all_factors_and_back() {
        for isa in Isa::supported() {
            let elements = [1.7, 0.3, -0.3];
            check::<F32>(isa, elements, |sum| sum.abs() < 1e-2);
            check::<Bf16>(isa, elements.map(bf16::from_f32), |sum| sum.abs() < 1e-2);
            check::<Int8>(isa, INT8, |sum| sum == 0);
        }
    }

    #[test]
    fn every_precision_has_a_peak() {
        let isa = *Isa::supported().last().expect("there is one");
        let cpu = Cpu::new(isa, 2);
        for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
            let peak = peak(&cpu, precision, Duration::ZERO);
            assert!(peak.is_finite() && peak > 0.0, "{precision:?}: {peak}");
        }
    }
}
