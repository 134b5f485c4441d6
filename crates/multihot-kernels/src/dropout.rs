//! Dropout by a function of key and position: nothing is stored, and a second call with the same
//! key drops the same elements.

use crate::lanes::{Kernel, Lanes};
use crate::{Cpu, Work, random};

/// Which share of elements to drop, and which ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// The chance of an element to become 0, in `0.0..1.0`.
    pub share: f32,
    /// Chooses the elements; see [`key`].
    pub key: u64,
}

/// The key of one use of dropout in one training step; `site` tells the uses in a layer apart.
pub fn key(seed: u64, step: u64, layer: u32, site: u32) -> u64 {
    random::key(seed, &[step, layer.into(), site.into()])
}

/// Sets the elements of `x`, which is `[rows, width]`, that `dropout` drops to 0 and multiplies the
/// others with `1 / (1 - share)`.
///
/// The same call on the gradient is the backward pass. `None` or a share of 0 changes nothing.
///
/// # Panics
///
/// When the share is not in `0.0..1.0`.
pub fn apply(cpu: &Cpu, dropout: Option<Dropout>, width: usize, x: &mut [f32]) {
    /// How many rows one task takes.
    const ROWS: usize = 16;
    let Some(dropout) = active(dropout) else {
        return;
    };
    let _time = cpu.record(Work::Dropout);
    cpu.pool()
        .for_each_chunk(x, ROWS * width.max(1), |task, x| {
            for (i, x) in x.chunks_mut(width).enumerate() {
                let mask = Mask::new(dropout, (task * ROWS + i) as u64);
                cpu.isa().run(Drop { mask, first: 0, x });
            }
        });
}

/// `dropout`, unless it would change nothing.
pub(crate) fn active(dropout: Option<Dropout>) -> Option<Dropout> {
    let dropout = dropout?;
    assert!(
        (0.0..1.0).contains(&dropout.share),
        "dropout: a share of {}",
        dropout.share
    );
    (dropout.share > 0.0).then_some(dropout)
}

/// The choice for one run of elements: a row of a matrix, or the keys of one query.
#[derive(Clone, Copy)]
pub(crate) struct Mask {
    low: u32,
    high: u32,
    /// Elements whose bits are below this are dropped.
    threshold: u32,
    scale: f32,
}

impl Mask {
    pub(crate) fn new(dropout: Dropout, run: u64) -> Mask {
        let key = random::bits(dropout.key, run);
        Mask {
            low: key as u32,
            high: (key >> 32) as u32,
            threshold: (f64::from(dropout.share) * 2f64.powi(32)) as u32,
            scale: 1.0 / (1.0 - dropout.share),
        }
    }

    /// What element `index` of the run is multiplied with.
    #[inline(always)]
    pub(crate) fn factor(self, index: u32) -> f32 {
        if self.bits(index) < self.threshold {
            0.0
        } else {
            self.scale
        }
    }

    /// 32 random bits, by multiplications of 32 bits only, which vector units have.
    #[inline(always)]
    fn bits(self, index: u32) -> u32 {
        let x = scatter(index.wrapping_mul(0x9e37_79b9) ^ self.low);
        scatter(x.wrapping_add(self.high))
    }

    /// Multiplies the elements of the run from number `first` on with their factors.
    #[inline(always)]
    pub(crate) fn apply(self, first: usize, x: &mut [f32]) {
        for (index, x) in x.iter_mut().enumerate() {
            // A choice, not a product: what is dropped becomes 0 even when it was infinite.
            let kept = *x * self.scale;
            *x = if self.bits((first + index) as u32) < self.threshold {
                0.0
            } else {
                kept
            };
        }
    }
}

/// The 32-bit finalizer `lowbias32` (Wellons, "Prospecting for Hash Functions", 2018).
#[inline(always)]
fn scatter(x: u32) -> u32 {
    let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// Some elements of a run, from number `first` on.
pub(crate) struct Drop<'a> {
    pub(crate) mask: Mask,
    pub(crate) first: usize,
    pub(crate) x: &'a mut [f32],
}

impl Kernel for Drop<'_> {
    type Output = ();

    fn scalar(self) {
        self.mask.apply(self.first, self.x);
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, _: L) {
        // The same loop: whole numbers in independent lanes, which the compiler turns into vectors.
        self.mask.apply(self.first, self.x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn none_and_a_share_of_0_change_nothing() {
        let cpu = Cpu::new(Isa::supported()[0], 1);
        for dropout in [None, Some(Dropout { share: 0.0, key: 1 })] {
            let mut x = [1.0, f32::INFINITY, -0.0];
            apply(&cpu, dropout, 3, &mut x);
            assert_eq!(x, [1.0, f32::INFINITY, -0.0]);
        }
    }

    #[test]
    fn every_instruction_set_and_thread_count_drops_the_same() {
        for (len, width) in [
            (0, 5),
            (1, 1),
            (15, 15),
            (34, 17),
            (5_000, 50),
            (4_000, 4_000),
        ] {
            let results: Vec<Vec<f32>> = Isa::supported()
                .into_iter()
                .flat_map(|isa| [Cpu::new(isa, 1), Cpu::new(isa, 3)])
                .map(|cpu| {
                    let mut x: Vec<f32> = (0..len).map(|i| i as f32 + 1.0).collect();
                    apply(&cpu, Some(Dropout { share: 0.3, key: 9 }), width, &mut x);
                    x
                })
                .collect();
            assert!(
                results.iter().all(|result| *result == results[0]),
                "length {len}"
            );
        }
    }

    #[test]
    fn the_share_is_kept_and_the_mean_stays() {
        let cpu = Cpu::new(Isa::supported()[0], 2);
        for share in [0.1f32, 0.5, 0.9] {
            let mut x = vec![1.0; 200_000];
            apply(
                &cpu,
                Some(Dropout {
                    share,
                    key: key(1, 2, 3, 4),
                }),
                1_000,
                &mut x,
            );
            let kept = 1.0 / (1.0 - share);
            assert!(x.iter().all(|&value| value == 0.0 || value == kept));
            let dropped = x.iter().filter(|&&value| value == 0.0).count() as f64 / x.len() as f64;
            assert!(
                (dropped - f64::from(share)).abs() < 0.006,
                "{share}: {dropped}"
            );
        }
    }

    #[test]
    fn neighbouring_elements_and_keys_choose_independently() {
        let masks = [0, 1].map(|key| Mask::new(Dropout { share: 0.5, key }, 0));
        let n = 100_000;
        let drops = |key: usize, i: u32| masks[key].factor(i) == 0.0;
        let neighbours = (0..n).filter(|&i| drops(0, i) && drops(0, i + 1)).count() as f64;
        let keys = (0..n).filter(|&i| drops(0, i) && drops(1, i)).count() as f64;
        for count in [neighbours, keys] {
            assert!((count / f64::from(n) - 0.25).abs() < 0.008, "{count}");
        }
    }

    #[test]
    fn what_is_dropped_becomes_0_even_when_infinite() {
        let cpu = Cpu::new(Isa::supported()[0], 1);
        let mut x = vec![f32::INFINITY; 100];
        apply(&cpu, Some(Dropout { share: 0.5, key: 3 }), 10, &mut x);
        assert!(x.contains(&0.0) && x.iter().all(|value| !value.is_nan()));
    }

    #[test]
    #[should_panic(expected = "a share of 1")]
    fn a_share_of_1_is_refused() {
        let cpu = Cpu::new(Isa::supported()[0], 1);
        apply(&cpu, Some(Dropout { share: 1.0, key: 0 }), 1, &mut [0.0]);
    }
}
