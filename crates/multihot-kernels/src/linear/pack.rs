//! Weights into panels: all of them, or while a step of the optimizer moves them.

use super::{Packed, PackedWeights};
use crate::adamw::Step;
use crate::aligned::Aligned;
use crate::arithmetic::{Bf16, F32, From};
use crate::grid::{Chunks, Grid};
use crate::linear::int8::Quantized;
use crate::multiply::{Pack, Strided, pack_part};
use crate::{AdamW, Cpu, Isa, Precision, Work};

impl PackedWeights {
    /// Lays out `w`, which is `[outputs, inputs]`, to be multiplied in `precision`.
    ///
    /// With `trains`, [`linear_d_input`](crate::linear_d_input) may be asked for, which `Int8` does not have.
    ///
    /// # Panics
    ///
    /// When `w` has another length, or `trains` goes with `Int8`.
    pub fn pack(
        cpu: &Cpu,
        precision: Precision,
        trains: bool,
        w: &[f32],
        outputs: usize,
        inputs: usize,
    ) -> PackedWeights {
        let isa = cpu.isa();
        let panels = match precision {
            Precision::F32 => Packed::F32(Aligned::room_for::<f32>(
                isa.panels_len::<F32>(outputs, inputs),
            )),
            Precision::Bf16 => {
                let room = |columns, depth| {
                    Aligned::room_for::<u32>(isa.panels_len::<Bf16>(columns, depth))
                };
                Packed::Bf16 {
                    forward: room(outputs, inputs),
                    backward: trains.then(|| room(inputs, outputs)),
                }
            }
            Precision::Int8 => {
                assert!(!trains, "pack: there is no training in int8");
                Packed::Int8(Quantized::new(isa, outputs, inputs))
            }
        };
        let mut packed = PackedWeights {
            isa,
            outputs,
            inputs,
            panels,
        };
        packed.repack(cpu, w);
        packed
    }

    /// Takes over new values.
    ///
    /// # Panics
    ///
    /// When `w` has another length than before, or `cpu` another instruction set.
    pub fn repack(&mut self, cpu: &Cpu, w: &[f32]) {
        let _time = cpu.record(Work::Packing);
        self.assert_packed_for(cpu);
        let (outputs, inputs) = (self.outputs, self.inputs);
        assert_eq!(
            w.len(),
            outputs * inputs,
            "pack: `w` is not [outputs, inputs]"
        );
        match &mut self.panels {
            Packed::Int8(quantized) => quantized.repack(cpu, w),
            panels => {
                let rows = Rows::new(cpu.isa(), outputs, inputs);
                rows.pack(cpu, panels, |panel| &w[rows.values(panel)]);
            }
        }
    }

    /// [`adamw`](crate::adamw()) for the values that the weights are packed from, and packs them
    /// again in the same pass over memory.
    ///
    /// # Panics
    ///
    /// As [`adamw`](crate::adamw()) and [`PackedWeights::repack`]; for weights in 8 bits, which do not
    /// train.
    pub fn step(
        &mut self,
        cpu: &Cpu,
        settings: &AdamW,
        values: &mut [f32],
        gradients: &mut [f32],
        m: &mut [f32],
        v: &mut [f32],
    ) {
        let _time = cpu.record(Work::Optimizer);
        self.assert_packed_for(cpu);
        let factors = settings.factors();
        let rows = Rows::new(cpu.isa(), self.outputs, self.inputs);
        let [values, gradients, m, v] = [values, gradients, m, v].map(|slice| {
            let len = self.outputs * self.inputs;
            assert_eq!(slice.len(), len, "step: a slice is not [outputs, inputs]");
            Chunks::new(slice, (rows.width * self.inputs).max(1))
        });
        rows.pack(cpu, &mut self.panels, |panel| {
            // SAFETY: every panel comes once.
            let (values, gradients) = unsafe { (values.chunk(panel), gradients.chunk(panel)) };
            // SAFETY: as above.
            let (m, v) = unsafe { (m.chunk(panel), v.chunk(panel)) };
            cpu.isa().run(Step {
                factors,
                values: &mut *values,
                gradients,
                m,
                v,
            });
            values
        });
    }
}

/// The rows of weights, `[outputs, inputs]`, as many at a time as a panel has columns.
#[derive(Clone, Copy)]
struct Rows {
    outputs: usize,
    inputs: usize,
    /// The columns of a panel.
    width: usize,
}

impl Rows {
    fn new(isa: Isa, outputs: usize, inputs: usize) -> Self {
        Rows {
            outputs,
            inputs,
            width: isa.panel_columns(),
        }
    }

    /// How many rows the panel of this number has.
    fn count(self, panel: usize) -> usize {
        self.width.min(self.outputs - panel * self.width)
    }

    /// Where they stand among the weights.
    fn values(self, panel: usize) -> std::ops::Range<usize> {
        let first = panel * self.width;
        first * self.inputs..(first + self.count(panel)) * self.inputs
    }

    /// Packs every panel's rows, which `values` is asked for once.
    fn pack<'w>(self, cpu: &Cpu, panels: &mut Packed, values: impl Fn(usize) -> &'w [f32] + Sync) {
        let isa = cpu.isa();
        let (outputs, inputs) = (self.outputs, self.inputs);
        match panels {
            Packed::F32(forward) => {
                let len = isa.panels_len::<F32>(outputs, inputs);
                let forward = &mut forward.numbers_mut::<f32>()[..len];
                let forward = Chunks::new(forward, (self.width * inputs).max(1));
                cpu.pool().run(forward.count(), &|panel| {
                    // SAFETY: every panel comes once.
                    let out = unsafe { forward.chunk(panel) };
                    self.pack_forward::<F32>(isa, panel, values(panel), out);
                });
            }
            Packed::Bf16 { forward, backward } => {
                let len = isa.panels_len::<Bf16>(outputs, inputs);
                let forward = &mut forward.numbers_mut::<u32>()[..len];
                let forward = Chunks::new(forward, (self.width * inputs.div_ceil(2)).max(1));
                let backward = backward.as_mut().map(|backward| {
                    let len = isa.panels_len::<Bf16>(inputs, outputs);
                    let backward = &mut backward.numbers_mut::<u32>()[..len];
                    Grid::new(backward, self.width * outputs.div_ceil(2))
                });
                cpu.pool().run(forward.count(), &|panel| {
                    let values = values(panel);
                    // SAFETY: every panel comes once.
                    let out = unsafe { forward.chunk(panel) };
                    self.pack_forward::<Bf16>(isa, panel, values, out);
                    if let Some(backward) = &backward {
                        self.pack_backward(isa, panel, values, backward);
                    }
                });
            }
            Packed::Int8(_) => unreachable!("weights in 8 bits are packed as a whole"),
        }
    }

    /// One column of the panel for each row.
    fn pack_forward<A: From<f32>>(
        self,
        isa: Isa,
        panel: usize,
        values: &[f32],
        out: &mut [A::Unit],
    ) {
        isa.run(Pack::<A, f32> {
            source: Strided::rows(values, self.inputs),
            columns: self.count(panel),
            depth: self.inputs,
            out,
        });
    }

    /// Their part of every panel that has one column an input: these are the next positions of its
    /// sums.
    fn pack_backward(self, isa: Isa, panel: usize, values: &[f32], backward: &Grid<'_, u32>) {
        let source = Strided::columns(values, self.inputs);
        let sides = [self.inputs, self.count(panel)];
        // Panels have an even number of columns, so that no pair is cut in two.
        let first = panel * self.width / 2;
        for column_panel in 0..backward.rows() {
            // SAFETY: every panel of rows comes once, and these units are its own.
            unsafe { pack_part::<Bf16, f32>(isa, source, sides, [column_panel, first], backward) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Finish, NumbersRef, adamw, linear, linear_d_input, round};

    const SETTINGS: AdamW = AdamW {
        learning_rate: 0.1,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.01,
        step: 3,
        gradient_scale: 0.5,
    };

    fn values(key: u64, len: usize) -> Vec<f32> {
        (0..len as u64)
            .map(|i| crate::random::normal(key, i) as f32)
            .collect()
    }

    /// Both products of two rows with the weights.
    fn products(cpu: &Cpu, packed: &PackedWeights, w: &[f32]) -> [Vec<f32>; 2] {
        let mut x = crate::Numbers::new(packed.precision());
        let mut product =
            |width: usize, outputs: usize, run: &dyn Fn(NumbersRef<'_>, Finish<'_>)| {
                round(cpu, &values(9, 2 * width), x.resize(2 * width));
                let mut out = vec![f32::NAN; 2 * outputs];
                run(x.view(), Finish::store_f32(&mut out));
                out
            };
        let (outputs, inputs) = (packed.outputs(), packed.inputs());
        let forward = product(inputs, outputs, &|x, finish| {
            linear(cpu, x, packed, None, finish);
        });
        let backward = product(outputs, inputs, &|x, finish| {
            linear_d_input(cpu, x, packed, w, finish);
        });
        [forward, backward]
    }

    #[test]
    fn a_step_is_that_of_adamw_with_new_panels_after_it() {
        for isa in Isa::supported() {
            for precision in [Precision::F32, Precision::Bf16] {
                for (threads, outputs, inputs) in [(1, 1, 1), (3, 37, 35), (2, 64, 50), (3, 70, 96)]
                {
                    let cpu = Cpu::new(isa, threads);
                    let case = format!("{isa}, {precision:?}, {outputs} x {inputs}");
                    let draw = |key| values(key, outputs * inputs);
                    let [mut w, mut g, mut m] = [1, 2, 3].map(draw);
                    let mut v: Vec<f32> = draw(4).iter().map(|v| v * v).collect();
                    let pack =
                        |w: &[f32]| PackedWeights::pack(&cpu, precision, true, w, outputs, inputs);
                    let mut packed = pack(&w);
                    let mut expected = [w.clone(), g.clone(), m.clone(), v.clone()];
                    let [ew, eg, em, ev] = &mut expected;
                    adamw(&cpu, &SETTINGS, ew, eg, em, ev);
                    packed.step(&cpu, &SETTINGS, &mut w, &mut g, &mut m, &mut v);
                    let fresh = products(&cpu, &pack(&expected[0]), &expected[0]);
                    assert_eq!(products(&cpu, &packed, &w), fresh, "{case}");
                    assert_eq!([w, g, m, v], expected, "{case}");
                }
            }
        }
    }
}
