//! AdamW on a table of which a step touches few rows: the others wait, and make their steps up
//! before they are next read, to the bits that [`adamw`](crate::adamw()) on the whole table gives.

use crate::Cpu;
use crate::adamw::{AdamWFactors, State, Step};
use crate::grid::Chunks;
use crate::lanes::{Kernel, Lanes};

/// Rows that one task takes.
const ROWS: usize = 8;

/// Vectors of values, and as many of each moment, that stay in registers over all steps made up:
/// enough that their roots and divisions need not wait for each other.
const BLOCK: usize = 4;

/// A table, `[entries, width]`, with the moments of its values.
pub struct AdamWTable<'a> {
    /// Values in a row.
    pub width: usize,
    /// The values.
    pub values: &'a mut [f32],
    /// Their first moments.
    pub m: &'a mut [f32],
    /// Their second moments.
    pub v: &'a mut [f32],
}

/// A row that has yet to make some of the latest steps, all of them without gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowBehind {
    /// Which row it is.
    pub row: u32,
    /// How many of the steps it has made.
    pub made: u32,
    /// Whether it ever had a gradient. If not, its moments are 0 and are neither read nor written.
    pub has_moments: bool,
}

/// One step for `rows` of a table and nothing else; their gradients are 0 afterwards.
///
/// # Panics
///
/// When the table's slices differ in length or are not rows of its width, or when `rows` do not
/// ascend or reach outside.
pub fn adamw_rows(
    cpu: &Cpu,
    factors: AdamWFactors,
    table: AdamWTable<'_>,
    gradients: &mut [f32],
    rows: &[u32],
) {
    assert_eq!(
        table.values.len(),
        gradients.len(),
        "adamw_rows: `gradients` differ in length"
    );
    let gradients = Chunks::new(gradients, table.width);
    table.for_each_row(
        cpu,
        rows,
        |&row| row,
        |row, values, m, v| {
            // SAFETY: every row comes once.
            let gradients = unsafe { gradients.chunk(*row as usize) };
            cpu.isa().run(Step {
                factors,
                values,
                gradients,
                m,
                v,
            });
        },
    );
}

/// Lets `rows` of a table make those of `steps` up that they have not made, without gradient.
///
/// # Panics
///
/// As [`adamw_rows`], and when a row has made more steps than there are.
pub fn adamw_catch_up(
    cpu: &Cpu,
    steps: &[AdamWFactors],
    table: AdamWTable<'_>,
    rows: &[RowBehind],
) {
    // Without moments nothing but the decay moves a value.
    let decays = steps.iter().any(|step| step.keep != 1.0);
    table.for_each_row(
        cpu,
        rows,
        |row| row.row,
        |row, values, m, v| {
            let steps = &steps[row.made as usize..];
            if row.has_moments {
                cpu.isa().run(CatchUp {
                    steps,
                    values,
                    m,
                    v,
                });
            } else if decays {
                cpu.isa().run(Decay { steps, values });
            }
        },
    );
}

impl AdamWTable<'_> {
    /// Runs `task(row, values, m, v)` for each of `rows`; `number` is where a row stands.
    fn for_each_row<R: Sync>(
        self,
        cpu: &Cpu,
        rows: &[R],
        number: impl Fn(&R) -> u32 + Sync,
        task: impl Fn(&R, &mut [f32], &mut [f32], &mut [f32]) + Sync,
    ) {
        let AdamWTable {
            width,
            values,
            m,
            v,
        } = self;
        assert!(
            values.len() == m.len() && values.len() == v.len(),
            "adamw: the moments of a table differ in length from its values"
        );
        assert_eq!(values.len() % width, 0, "adamw: a row is not whole");
        assert!(
            rows.is_sorted_by(|a, b| number(a) < number(b)),
            "adamw: rows do not ascend"
        );
        let [values, m, v] = [values, m, v].map(|slice| Chunks::new(slice, width));
        cpu.pool().run(rows.len().div_ceil(ROWS), &|index| {
            for row in rows[index * ROWS..].iter().take(ROWS) {
                let chunk = number(row) as usize;
                // SAFETY: the rows ascend, so each comes once.
                let (values, m, v) =
                    unsafe { (values.chunk(chunk), m.chunk(chunk), v.chunk(chunk)) };
                task(row, values, m, v);
            }
        });
    }
}

/// Steps without gradient, one after the other.
struct CatchUp<'a> {
    steps: &'a [AdamWFactors],
    values: &'a mut [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
}

impl Kernel for CatchUp<'_> {
    type Output = ();

    fn scalar(self) {
        for ((value, m), v) in self.values.iter_mut().zip(self.m).zip(self.v) {
            for step in self.steps {
                [*value, *m, *v] = step.step([*value, *m, *v], 0.0);
            }
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        let len = BLOCK * L::WIDTH;
        let moments = self.m.chunks_mut(len).zip(self.v.chunks_mut(len));
        for (values, (m, v)) in self.values.chunks_mut(len).zip(moments) {
            let zero = lanes.splat(0.0);
            let mut states: [State<L::Vector>; BLOCK] = [[zero; 3]; BLOCK];
            let vectors = values.chunks(L::WIDTH).zip(m.chunks(L::WIDTH));
            for (state, ((values, m), v)) in states.iter_mut().zip(vectors.zip(v.chunks(L::WIDTH)))
            {
                *state = [lanes.load(values), lanes.load(m), lanes.load(v)];
            }
            for step in self.steps {
                for state in &mut states {
                    // With the gradient in the sum, as there: it turns a moment of -0 into 0.
                    *state = step.step_lanes(lanes, *state, zero);
                }
            }
            let vectors = values.chunks_mut(L::WIDTH).zip(m.chunks_mut(L::WIDTH));
            for (state, ((values, m), v)) in states.iter().zip(vectors.zip(v.chunks_mut(L::WIDTH)))
            {
                lanes.store(state[0], values);
                lanes.store(state[1], m);
                lanes.store(state[2], v);
            }
        }
    }
}

/// Steps of values whose moments and gradients are 0, one after the other.
struct Decay<'a> {
    steps: &'a [AdamWFactors],
    values: &'a mut [f32],
}

impl Kernel for Decay<'_> {
    type Output = ();

    fn scalar(self) {
        for value in self.values {
            for step in self.steps {
                *value *= step.keep;
            }
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        for values in self.values.chunks_mut(BLOCK * L::WIDTH) {
            let mut vectors = [lanes.splat(0.0); BLOCK];
            for (vector, values) in vectors.iter_mut().zip(values.chunks(L::WIDTH)) {
                *vector = lanes.load(values);
            }
            for step in self.steps {
                let keep = lanes.splat(step.keep);
                for vector in &mut vectors {
                    *vector = lanes.mul(*vector, keep);
                }
            }
            for (vector, values) in vectors.iter().zip(values.chunks_mut(L::WIDTH)) {
                lanes.store(*vector, values);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AdamW, Isa, adamw};

    /// Step `step`, with a learning rate, a clipping and a bias correction of its own.
    fn settings(step: u64, weight_decay: f32) -> AdamW {
        AdamW {
            learning_rate: 1e-2 / (1 + step % 7) as f32,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay,
            step,
            gradient_scale: 1.0 / (1 + step % 3) as f32,
        }
    }

    /// A table with its gradients, in which only `rows` have gradients.
    #[derive(Clone, PartialEq, Debug)]
    struct Table {
        width: usize,
        values: Vec<f32>,
        gradients: Vec<f32>,
        m: Vec<f32>,
        v: Vec<f32>,
    }

    impl Table {
        fn new(width: usize, entries: usize) -> Table {
            let len = width * entries;
            let mut values: Vec<f32> = (0..len).map(|i| (i as f32 * 0.7).sin()).collect();
            // Signs of zero are bits too.
            values.iter_mut().step_by(5).for_each(|value| *value *= 0.0);
            let [gradients, m, v] = [(); 3].map(|()| vec![0.0; len]);
            Table {
                width,
                values,
                gradients,
                m,
                v,
            }
        }

        fn add_gradients(&mut self, rows: &[u32], step: u64) {
            for &row in rows {
                let gradients = &mut self.gradients[row as usize * self.width..][..self.width];
                for (i, gradient) in gradients.iter_mut().enumerate() {
                    // From large to so small that the moments underflow.
                    let size = 10f32.powi(-((i as u64 + step) as i32 * 5 % 46));
                    *gradient = ((i as u64 + step) as f32).cos() * size;
                }
            }
        }

        fn parts(&mut self) -> (AdamWTable<'_>, &mut [f32]) {
            let table = AdamWTable {
                width: self.width,
                values: &mut self.values,
                m: &mut self.m,
                v: &mut self.v,
            };
            (table, &mut self.gradients)
        }

        fn bits(&self) -> Vec<u32> {
            let parts = [&self.values, &self.gradients, &self.m, &self.v];
            parts.into_iter().flatten().map(|x| x.to_bits()).collect()
        }
    }

    #[test]
    fn rows_that_waited_have_the_bits_of_a_step_on_the_whole_table_each_time() {
        let rows = [1, 2, 5];
        for isa in Isa::supported() {
            for (threads, weight_decay) in [(1, 0.0), (3, 0.1)] {
                let cpu = Cpu::new(isa, threads);
                for width in (1..=67).chain([128, 300]) {
                    for missed in [1, 2, 3, 50] {
                        let mut whole = Table::new(width, 7);
                        let mut lazy = whole.clone();
                        whole.add_gradients(&rows, 1);
                        lazy.add_gradients(&rows, 1);
                        let steps: Vec<_> = (1..=1 + missed)
                            .map(|step| settings(step, weight_decay))
                            .collect();
                        for step in &steps {
                            let Table {
                                values,
                                gradients,
                                m,
                                v,
                                ..
                            } = &mut whole;
                            adamw(&cpu, step, values, gradients, m, v);
                        }
                        let steps: Vec<_> = steps.iter().map(AdamW::factors).collect();
                        let (table, gradients) = lazy.parts();
                        adamw_rows(&cpu, steps[0], table, gradients, &rows);
                        let behind: Vec<_> = (0..7)
                            .map(|row| RowBehind {
                                row,
                                made: u32::from(rows.contains(&row)),
                                has_moments: rows.contains(&row),
                            })
                            .collect();
                        adamw_catch_up(&cpu, &steps, lazy.parts().0, &behind);
                        assert!(
                            lazy.bits() == whole.bits(),
                            "{isa}, {threads} threads, width {width}, {missed} missed, decay {weight_decay}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn rows_touched_now_and_then_have_the_bits_of_the_whole_table() {
        for isa in Isa::supported() {
            let cpu = Cpu::new(isa, 2);
            let (mut whole, entries) = (Table::new(33, 20), 20);
            let mut lazy = whole.clone();
            let (mut steps, mut made) = (Vec::new(), vec![0; entries]);
            let mut has_moments = vec![false; entries];
            for step in 1..=200 {
                // Row r comes up every r + 1 steps; row 0 always, and the last three never.
                let rows: Vec<u32> = (0..17)
                    .filter(|row| step % (u64::from(*row) + 1) == 0)
                    .collect();
                let behind = |row: u32, made: &[u32], has_moments: &[bool]| RowBehind {
                    row,
                    made: made[row as usize],
                    has_moments: has_moments[row as usize],
                };
                let late: Vec<_> = rows
                    .iter()
                    .map(|&row| behind(row, &made, &has_moments))
                    .collect();
                adamw_catch_up(&cpu, &steps, lazy.parts().0, &late);
                whole.add_gradients(&rows, step);
                lazy.add_gradients(&rows, step);
                let settings = settings(step, 0.01);
                let Table {
                    values,
                    gradients,
                    m,
                    v,
                    ..
                } = &mut whole;
                adamw(&cpu, &settings, values, gradients, m, v);
                let (table, gradients) = lazy.parts();
                adamw_rows(&cpu, settings.factors(), table, gradients, &rows);
                steps.push(settings.factors());
                for row in rows {
                    made[row as usize] = steps.len() as u32;
                    has_moments[row as usize] = true;
                }
                if step % 60 == 0 {
                    let all: Vec<_> = (0..entries as u32)
                        .map(|row| behind(row, &made, &has_moments))
                        .collect();
                    adamw_catch_up(&cpu, &steps, lazy.parts().0, &all);
                    made.fill(steps.len() as u32);
                    assert!(lazy.bits() == whole.bits(), "{isa}, step {step}");
                }
            }
        }
    }

    #[test]
    fn no_rows_move_nothing() {
        let cpu = Cpu::new(Isa::supported()[0], 1);
        let mut table = Table::new(3, 2);
        let before = table.clone();
        let (parts, gradients) = table.parts();
        adamw_rows(&cpu, settings(1, 0.1).factors(), parts, gradients, &[]);
        adamw_catch_up(&cpu, &[settings(1, 0.1).factors()], table.parts().0, &[]);
        assert_eq!(table, before);
    }

    #[test]
    #[should_panic(expected = "rows do not ascend")]
    fn a_row_that_comes_twice_is_refused() {
        let cpu = Cpu::new(Isa::supported()[0], 1);
        let mut table = Table::new(3, 2);
        let (parts, gradients) = table.parts();
        adamw_rows(&cpu, settings(1, 0.1).factors(), parts, gradients, &[1, 1]);
    }
}
