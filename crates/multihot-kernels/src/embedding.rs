//! Rows of a table, looked up and added; and their gradients, added back.

use crate::add::Add;
use crate::grid::Grid;
use crate::{Cpu, Work};

/// How many tokens one task looks up.
const TOKENS: usize = 64;

/// How many columns of the table one task adds gradients to.
const COLUMNS: usize = 64;

/// `out[t] += table[ids[t]]` for every token `t`; `table` is `[entries, width]`, `out` `[tokens, width]`.
///
/// # Panics
///
/// When `out` is not `[ids.len(), width]`, or an id is outside the table.
pub fn gather_add(cpu: &Cpu, table: &[f32], width: usize, ids: &[u32], out: &mut [f32]) {
    let _time = cpu.record(Work::Embedding);
    assert_eq!(
        out.len(),
        ids.len() * width,
        "gather_add: `out` is not [tokens, width]"
    );
    cpu.pool()
        .for_each_chunk(out, TOKENS * width.max(1), |index, out| {
            for (&id, out) in ids[index * TOKENS..].iter().zip(out.chunks_mut(width)) {
                let x = &table[id as usize * width..][..width];
                cpu.isa().run(Add { x, out });
            }
        });
}

/// The gradient of [`gather_add`]: `d_table[ids[t]] += d_out[t]`, in the order of the tokens.
///
/// The entry `skip`, the one that stands for padding, gets no gradient.
///
/// # Panics
///
/// When `d_out` is not `[ids.len(), width]`, or an id is outside the table.
pub fn scatter_add(
    cpu: &Cpu,
    d_out: &[f32],
    width: usize,
    ids: &[u32],
    skip: Option<u32>,
    d_table: &mut [f32],
) {
    let _time = cpu.record(Work::Embedding);
    assert_eq!(
        d_out.len(),
        ids.len() * width,
        "scatter_add: `d_out` is not [tokens, width]"
    );
    let entries = d_table.len().checked_div(width).unwrap_or(0);
    let outside = ids.iter().find(|&&id| id as usize >= entries);
    assert_eq!(
        outside, None,
        "scatter_add: an id is outside the table of {entries}"
    );
    let grid = Grid::new(d_table, width);
    // Tokens may share an entry, so tasks take columns.
    cpu.pool().run(width.div_ceil(COLUMNS), &|task| {
        let columns = task * COLUMNS..width.min((task + 1) * COLUMNS);
        // SAFETY: no other task has these columns.
        let mut d_table = unsafe { grid.rectangle(0..entries, columns.clone()) };
        for (&id, d_out) in ids.iter().zip(d_out.chunks(width)) {
            if Some(id) != skip {
                let (x, out) = (&d_out[columns.clone()], d_table.row(id as usize));
                cpu.isa().run(Add { x, out });
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    fn cpus() -> impl Iterator<Item = Cpu> {
        Isa::supported()
            .into_iter()
            .flat_map(|isa| [Cpu::new(isa, 1), Cpu::new(isa, 3)])
    }

    #[test]
    fn rows_of_the_table_are_added() {
        for cpu in cpus() {
            let table = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
            let mut out = [0.5; 6];
            gather_add(&cpu, &table, 2, &[2, 0, 2], &mut out);
            assert_eq!(out, [5.5, 6.5, 1.5, 2.5, 5.5, 6.5]);
            gather_add(&cpu, &table, 2, &[], &mut []);
            gather_add(&cpu, &[], 0, &[], &mut []);
        }
    }

    #[test]
    fn gradients_of_one_entry_add_up_and_the_skipped_one_gets_none() {
        for cpu in cpus() {
            let mut d_table = [1.0; 6];
            let d_out = [1.0, 2.0, 10.0, 20.0, 100.0, 200.0, 7.0, 7.0];
            scatter_add(&cpu, &d_out, 2, &[2, 0, 2, 1], Some(1), &mut d_table);
            assert_eq!(d_table, [11.0, 21.0, 1.0, 1.0, 102.0, 203.0]);
        }
    }

    #[test]
    fn wide_tables_and_many_tokens_go_through_every_task() {
        for cpu in cpus() {
            let (width, entries) = (150, 40);
            let ids: Vec<u32> = (0..200).map(|t| t * 7 % entries).collect();
            let table: Vec<f32> = (0..entries as usize * width).map(|i| i as f32).collect();
            let mut out = vec![0.0; ids.len() * width];
            gather_add(&cpu, &table, width, &ids, &mut out);
            let mut d_table = vec![0.0; table.len()];
            scatter_add(&cpu, &out, width, &ids, None, &mut d_table);
            for (i, (d, x)) in d_table.iter().zip(&table).enumerate() {
                assert_eq!(*d, x * 5.0, "at {i}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "an id is outside the table of 2")]
    fn an_id_outside_the_table_is_refused() {
        let cpu = Cpu::new(Isa::supported()[0], 1);
        scatter_add(&cpu, &[0.0; 2], 2, &[2], None, &mut [0.0; 4]);
    }
}
