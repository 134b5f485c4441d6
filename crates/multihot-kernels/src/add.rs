//! Addition of one slice to another.

use crate::lanes::{Kernel, Lanes};
use crate::{CHUNK, Cpu, Work};

/// Adds `x` to `out`, element by element.
///
/// # Panics
///
/// When `x` and `out` differ in length.
pub fn add(cpu: &Cpu, x: &[f32], out: &mut [f32]) {
    let _time = cpu.record(Work::Copying);
    assert_eq!(x.len(), out.len(), "add: `x` and `out` differ in length");
    cpu.pool().for_each_chunk(out, CHUNK, |index, out| {
        let x = &x[index * CHUNK..][..out.len()];
        cpu.isa().run(Add { x, out });
    });
}

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
            let cpu = Cpu::new(isa, 2);
            for len in (0..=67).chain([CHUNK - 1, CHUNK, CHUNK + 1]) {
                let x: Vec<f32> = (0..len).map(|i| i as f32).collect();
                let mut out = vec![0.5; len];
                add(&cpu, &x, &mut out);
                let expected: Vec<f32> = (0..len).map(|i| i as f32 + 0.5).collect();
                assert_eq!(out, expected, "{isa}, length {len}");
            }
        }
    }
}
