//! The sum of squares, for norms of gradients.

use crate::lanes::{Kernel, Lanes};
use crate::{Cpu, Work};

/// Values summed in one go; the sums of these are added in order. Part of the result's bits.
const PART: usize = 4096;

/// Rows of a table that one task sums.
const ROWS: usize = 64;

/// The sum of `x * x`, the same to the bit at any number of threads.
pub fn sum_of_squares(cpu: &Cpu, x: &[f32]) -> f64 {
    let _time = cpu.record(Work::Gradients);
    let mut sums = vec![0.0; x.len().div_ceil(PART)];
    cpu.pool().for_each_chunk(&mut sums, 4, |index, sums| {
        for (x, sum) in x[index * 4 * PART..].chunks(PART).zip(sums) {
            *sum = cpu.isa().run(SumOfSquares { x });
        }
    });
    sums.iter().sum()
}

/// The sum of `x * x` over `rows` of the table `x`, which is `[entries, width]`: row by row, in the
/// order of `rows`, so that a row of zeros among them changes no bit.
///
/// # Panics
///
/// When a row is outside the table.
pub fn sum_of_squares_of_rows(cpu: &Cpu, x: &[f32], width: usize, rows: &[u32]) -> f64 {
    let mut sums = vec![0.0; rows.len()];
    cpu.pool().for_each_chunk(&mut sums, ROWS, |index, sums| {
        for (&row, sum) in rows[index * ROWS..].iter().zip(sums) {
            let x = &x[row as usize * width..][..width];
            *sum = cpu.isa().run(SumOfSquares { x });
        }
    });
    sums.iter().sum()
}

struct SumOfSquares<'a> {
    x: &'a [f32],
}

impl Kernel for SumOfSquares<'_> {
    type Output = f64;

    fn scalar(self) -> f64 {
        self.x.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, _: L) -> f64 {
        // Sums that do not wait for each other, which the compiler turns into vectors.
        let mut sums = [0.0; 32];
        for x in self.x.chunks(sums.len()) {
            for (x, sum) in x.iter().zip(&mut sums) {
                *sum += f64::from(*x) * f64::from(*x);
            }
        }
        sums.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn every_instruction_set_sums_at_every_length() {
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 2);
            for len in (0..=67).chain([PART - 1, PART, PART + 1, 4 * PART + 3]) {
                let x = vec![0.5; len];
                // Powers of two: exact in any order.
                assert_eq!(
                    sum_of_squares(&cpu, &x),
                    len as f64 / 4.0,
                    "{isa}, length {len}"
                );
            }
        }
    }

    #[test]
    fn the_sum_has_the_same_bits_at_any_thread_count() {
        let x: Vec<f32> = (0..100_000).map(|i| (i as f32).sin()).collect();
        for isa in Isa::supported() {
            let sums = [1, 2, 5].map(|threads| sum_of_squares(&Cpu::new(isa, threads), &x));
            assert!(sums.iter().all(|sum| *sum == sums[0]), "{isa}: {sums:?}");
        }
    }

    #[test]
    fn rows_without_values_change_no_bit_of_the_sum_over_rows() {
        let (width, entries) = (37, 300);
        let mut x: Vec<f32> = (0..width * entries).map(|i| (i as f32).sin()).collect();
        let rows: Vec<u32> = (0..entries as u32).filter(|row| row % 3 == 1).collect();
        for (row, x) in x.chunks_mut(width).enumerate() {
            if row % 3 != 1 {
                x.fill(0.0);
            }
        }
        let all: Vec<u32> = (0..entries as u32).collect();
        for isa in Isa::supported() {
            for threads in [1, 2, 5] {
                let cpu = Cpu::new(isa, threads);
                let sum = sum_of_squares_of_rows(&cpu, &x, width, &rows);
                assert_eq!(sum, sum_of_squares_of_rows(&cpu, &x, width, &all), "{isa}");
                let apart: f64 = x.chunks(width).map(|x| sum_of_squares(&cpu, x)).sum();
                assert_eq!(sum, apart, "{isa}, {threads} threads");
            }
            let cpu = Cpu::new(isa, 1);
            assert_eq!(sum_of_squares_of_rows(&cpu, &x, width, &[]), 0.0);
        }
    }

    #[test]
    fn large_values_do_not_overflow() {
        let cpu = Cpu::new(Isa::supported()[0], 1);
        assert!(sum_of_squares(&cpu, &[f32::MAX; 4]).is_finite());
    }
}
