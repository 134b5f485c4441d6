//! Addition of one slice to another.

use crate::lanes::{Kernel, Lanes};

/// Adds `x` to `out`, element by element; both are of one length.
pub(crate) struct Add<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) out: &'a mut [f32],
}

impl Kernel for Add<'_> {
    type Output = ();

    fn scalar(self) {
        for (x, out) in self.x.iter().zip(self.out) {
            *out += x;
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        for (x, out) in self.x.chunks(L::WIDTH).zip(self.out.chunks_mut(L::WIDTH)) {
            lanes.store(lanes.add(lanes.load(out), lanes.load(x)), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn every_instruction_set_adds_at_every_length() {
        for isa in Isa::supported() {
            for len in 0..=67 {
                let x: Vec<f32> = (0..len).map(|i| i as f32).collect();
                let mut out = vec![0.5; len];
                isa.run(Add {
                    x: &x,
                    out: &mut out,
                });
                let expected: Vec<f32> = (0..len).map(|i| i as f32 + 0.5).collect();
                assert_eq!(out, expected, "{isa}, length {len}");
            }
        }
    }
}
