//! The product of two matrices, in blocks.
//!
//! The right matrix is packed first: panels of a few columns, each of which holds its columns'
//! values for every position of the sum in turn. The left one is read where it is.

use std::ops::Range;

use crate::grid::{Grid, Rectangle};
use crate::lanes::{Kernel, Lanes};
use crate::{Cpu, Isa, Level};

/// The columns of a panel of the plain version.
const SCALAR_COLUMNS: usize = 8;

/// A matrix in a slice: the value at `(row, k)` is `values[row * row_step + k * k_step]`.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) row_step: usize,
    pub(crate) k_step: usize,
}

impl<'a> Strided<'a> {
    /// `values` is `[rows, depth]`.
    pub(crate) fn rows(values: &'a [f32], depth: usize) -> Self {
        Strided {
            values,
            row_step: depth,
            k_step: 1,
        }
    }

    /// `values` is `[depth, rows]`.
    pub(crate) fn columns(values: &'a [f32], rows: usize) -> Self {
        Strided {
            values,
            row_step: 1,
            k_step: rows,
        }
    }

    /// The matrix from row `row` on.
    pub(crate) fn at_row(self, row: usize) -> Self {
        Strided {
            values: self.values.get(row * self.row_step..).unwrap_or(&[]),
            ..self
        }
    }

    /// The matrix from position `k` of the sums on.
    fn at_position(self, k: usize) -> Self {
        Strided {
            values: self.values.get(k * self.k_step..).unwrap_or(&[]),
            ..self
        }
    }

    /// The same values with rows and positions exchanged.
    pub(crate) fn transposed(self) -> Self {
        Strided {
            row_step: self.k_step,
            k_step: self.row_step,
            ..self
        }
    }

    fn assert_holds(&self, rows: usize, depth: usize) {
        if rows > 0 && depth > 0 {
            let last = (rows - 1) * self.row_step + (depth - 1) * self.k_step;
            assert!(
                last < self.values.len(),
                "a matrix of {rows} x {depth} ends before its slice"
            );
        }
    }
}

/// What a sum starts from.
#[derive(Clone, Copy)]
pub(crate) enum Begin {
    Zero,
    /// What the output holds.
    Out,
}

/// The right matrix of a product, packed in panels.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) depth: usize,
    pub(crate) columns: usize,
}

impl<'a> Panels<'a> {
    /// The panels of `columns`, which start at the start of a panel.
    fn part(self, isa: Isa, columns: Range<usize>) -> Self {
        let start = columns.start / isa.panel_columns() * isa.panel_columns() * self.depth;
        Panels {
            values: &self.values[start..],
            columns: columns.len(),
            ..self
        }
    }
}

impl Isa {
    /// The columns of a panel.
    pub(crate) fn panel_columns(self) -> usize {
        match self.level() {
            Level::Scalar => SCALAR_COLUMNS,
            Level::Avx512 => 32,
            Level::Avx2 => 16,
            Level::Neon => 8,
        }
    }

    /// How many values the panels of a matrix take, its last panel filled up with zeros.
    pub(crate) fn panels_len(self, columns: usize, depth: usize) -> usize {
        columns.next_multiple_of(self.panel_columns()) * depth
    }
}

/// Packs panels of a matrix whose column `j` is row `j` of `source`.
pub(crate) struct Pack<'a> {
    pub(crate) source: Strided<'a>,
    pub(crate) columns: usize,
    pub(crate) depth: usize,
    /// As many panels as fit `columns`.
    pub(crate) out: &'a mut [f32],
}

impl Pack<'_> {
    /// Calls `pack` with every panel, the first row of the source that is in it, and their count.
    #[inline(always)]
    fn panels(self, width: usize, pack: impl Fn(Strided<'_>, usize, &mut [f32])) {
        let panel_len = (width * self.depth).max(1);
        for (panel, out) in self.out.chunks_exact_mut(panel_len).enumerate() {
            let first = panel * width;
            let filled = width.min(self.columns - first);
            let source = self.source.at_row(first);
            source.assert_holds(filled, self.depth);
            pack(source, filled, out);
        }
    }
}

impl Kernel for Pack<'_> {
    type Output = ();

    fn scalar(self) {
        self.panels(SCALAR_COLUMNS, |source, filled, out| {
            pack_across(source, filled, SCALAR_COLUMNS, out);
        });
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        let width = 2 * L::WIDTH;
        if self.source.row_step == 1 {
            return self.panels(width, |source, filled, out| {
                pack_along(lanes, source, filled, out);
            });
        }
        self.panels(width, |source, filled, out| {
            pack_across(source, filled, width, out)
        });
    }
}

/// Where the values of one position stand side by side in the source.
#[inline(always)]
fn pack_along<L: Lanes>(lanes: L, source: Strided<'_>, filled: usize, out: &mut [f32]) {
    let rows = source.values.chunks(source.k_step);
    for (out, values) in out.chunks_exact_mut(2 * L::WIDTH).zip(rows) {
        let values = &values[..filled];
        lanes.store(lanes.load(values), out);
        let (rest, out) = (values.get(L::WIDTH..).unwrap_or(&[]), &mut out[L::WIDTH..]);
        lanes.store(lanes.load(rest), out);
    }
}

/// Where they stand apart.
#[inline(always)]
fn pack_across(source: Strided<'_>, filled: usize, width: usize, out: &mut [f32]) {
    for (k, out) in out.chunks_exact_mut(width).enumerate() {
        let values = source.values.get(k * source.k_step..).unwrap_or(&[]);
        for (j, out) in out.iter_mut().enumerate() {
            *out = if j < filled {
                values[j * source.row_step]
            } else {
                0.0
            };
        }
    }
}

/// Packs a whole matrix on all threads; see [`Pack`].
pub(crate) fn pack(cpu: &Cpu, source: Strided<'_>, columns: usize, depth: usize, out: &mut [f32]) {
    let isa = cpu.isa();
    assert_eq!(
        out.len(),
        isa.panels_len(columns, depth),
        "the panels do not fit"
    );
    let width = isa.panel_columns();
    cpu.pool()
        .for_each_chunk(out, (width * depth).max(1), |panel, out| {
            let source = source.at_row(panel * width);
            let columns = width.min(columns - panel * width);
            isa.run(Pack {
                source,
                columns,
                depth,
                out,
            });
        });
}

/// `out[i, j] = begin + sum over k of a[i, k] * b[k, j]`, on one thread.
///
/// The sum of one element goes over `k` in order, whatever the size of the product.
pub(crate) struct Multiply<'a> {
    pub(crate) a: Strided<'a>,
    pub(crate) b: Panels<'a>,
    pub(crate) begin: Begin,
    /// One value by column, added to the whole sums. A sum that started from a large bias would
    /// round each of its terms at the bias's size.
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) out: Rectangle<'a>,
    /// Room for a part of `a`, or none. Worth it where `a` has the rows side by side instead of
    /// the positions of a sum, and the columns are many.
    pub(crate) copy: &'a mut [f32],
}

impl Kernel for Multiply<'_> {
    type Output = ();

    fn scalar(mut self) {
        let Strided {
            values: a,
            row_step,
            k_step,
        } = self.a;
        for i in 0..self.out.rows() {
            let out = self.out.row(i);
            let panels = self.b.values.chunks(SCALAR_COLUMNS * self.b.depth.max(1));
            for (p, out) in out.chunks_mut(SCALAR_COLUMNS).enumerate() {
                let mut sums = [0.0; SCALAR_COLUMNS];
                match self.begin {
                    Begin::Zero => {}
                    Begin::Out => sums[..out.len()].copy_from_slice(out),
                }
                let panel = panels.clone().nth(p).unwrap_or(&[]);
                for (k, b) in panel.chunks_exact(SCALAR_COLUMNS).enumerate() {
                    let a = a[i * row_step + k * k_step];
                    for (sum, b) in sums.iter_mut().zip(b) {
                        *sum += a * b;
                    }
                }
                out.copy_from_slice(&sums[..out.len()]);
            }
            for (out, bias) in out.iter_mut().zip(self.bias.unwrap_or(&[])) {
                *out += bias;
            }
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(mut self, lanes: L) {
        let (rows, columns) = (self.out.rows(), self.out.columns());
        let depth = self.b.depth;
        self.a.assert_holds(rows, depth);
        assert!(
            self.b.columns == columns,
            "the right matrix has other columns than the output"
        );
        let panels_len = columns.next_multiple_of(2 * L::WIDTH) * depth;
        assert!(
            self.b.values.len() >= panels_len,
            "the panels end too early"
        );
        let step = depth.div_ceil(depth.div_ceil(DEPTH).max(1)).max(1);
        // Once at least, so that the output has its beginning even where nothing is summed.
        for first in (0..depth.max(1)).step_by(step) {
            let begin = if first == 0 { self.begin } else { Begin::Out };
            let range = first..depth.min(first + step);
            // SAFETY: the assertions above hold all that this range reaches.
            unsafe { self.block(lanes, range, begin) };
        }
        self.add_bias(lanes);
    }
}

/// How much of the sums is worked on at a time: a panel's part of this depth stays in the nearest
/// caches for all rows of a task, and the 384 of small models go in one piece.
const DEPTH: usize = 384;

/// What the sums of a tile start from where they start from 0; as many as the widest panel has columns.
static ZEROS: [f32; 32] = [0.0; 32];

/// The rows of the next tile, when `left` are left.
#[inline(always)]
fn tile_rows<L: Lanes>(left: usize) -> usize {
    let sizes = [12, 8, 6, 4, 2, 1];
    let most = left.min(L::TILE_ROWS);
    sizes.into_iter().find(|&size| size <= most).unwrap_or(1)
}

impl Multiply<'_> {
    /// Adds the bias while the output is still in the caches.
    #[inline(always)]
    fn add_bias<L: Lanes>(&mut self, lanes: L) {
        let Some(bias) = self.bias else { return };
        for i in 0..self.out.rows() {
            let out = self.out.row(i).chunks_mut(L::WIDTH);
            for (out, bias) in out.zip(bias.chunks(L::WIDTH)) {
                lanes.store(lanes.add(lanes.load(out), lanes.load(bias)), out);
            }
        }
    }

    /// The positions `range` of all sums.
    ///
    /// # Safety
    ///
    /// `a` and `b` hold all rows and columns of `out`, and the positions `range`.
    #[inline(always)]
    unsafe fn block<L: Lanes>(&mut self, lanes: L, range: Range<usize>, begin: Begin) {
        let width = 2 * L::WIDTH;
        let (rows, columns, stride) = (self.out.rows(), self.out.columns(), self.out.stride());
        let copied = self.copy_len(rows, range.len()) <= self.copy.len();
        if copied {
            self.copy_rows(lanes, range.clone());
        }
        for column in (0..columns).step_by(width) {
            let filled = width.min(columns - column);
            let panel = column * self.b.depth + range.start * width;
            let mut row = 0;
            while row < rows {
                let tile_rows = tile_rows::<L>(rows - row);
                let a = match copied {
                    true => Strided::columns(&self.copy[row * range.len()..], tile_rows),
                    false => self.a.at_row(row).at_position(range.start),
                };
                // SAFETY: inside `out`.
                let out = unsafe { self.out.as_mut_ptr().add(row * stride + column) };
                let (begin, begin_stride) = match begin {
                    Begin::Zero => (ZEROS.as_ptr(), 0),
                    Begin::Out => (out.cast_const(), stride),
                };
                // SAFETY: inside `b`, as the caller promises.
                let b = unsafe { self.b.values.as_ptr().add(panel) };
                let depth = range.len();
                let tile = Tile {
                    a,
                    b,
                    depth,
                    begin,
                    begin_stride,
                    out,
                    stride,
                    columns: filled,
                };
                // SAFETY: the caller promises what the tile reads, and `out` is exclusive.
                unsafe { tile.run_rows(lanes, tile_rows) };
                row += tile_rows;
            }
        }
    }

    /// How many values a copy of the left matrix takes; none is made where it would not help.
    #[inline(always)]
    fn copy_len(&self, rows: usize, depth: usize) -> usize {
        if self.a.row_step == 1 {
            rows * depth
        } else {
            usize::MAX
        }
    }

    /// Copies the positions `range` of the left matrix, tile by tile, to where the values that
    /// are used together stand together.
    #[inline(always)]
    fn copy_rows<L: Lanes>(&mut self, lanes: L, range: Range<usize>) {
        let rows = self.out.rows();
        let mut row = 0;
        while row < rows {
            let tile_rows = tile_rows::<L>(rows - row);
            let a = self.a.at_row(row).at_position(range.start);
            let copy = &mut self.copy[row * range.len()..(row + tile_rows) * range.len()];
            for (k, copy) in copy.chunks_exact_mut(tile_rows).enumerate() {
                let values = &a.values[k * a.k_step..][..tile_rows];
                for (values, copy) in values.chunks(L::WIDTH).zip(copy.chunks_mut(L::WIDTH)) {
                    lanes.store(lanes.load(values), copy);
                }
            }
            row += tile_rows;
        }
    }
}

/// A few rows times one panel, the sums in registers.
struct Tile<'a> {
    a: Strided<'a>,
    b: *const f32,
    depth: usize,
    /// What the sums start from: a row for all, or as many as `out` has. One way to read it for
    /// all beginnings, because a branch here makes the compiler keep the sums in memory.
    begin: *const f32,
    begin_stride: usize,
    out: *mut f32,
    stride: usize,
    columns: usize,
}

impl Tile<'_> {
    /// # Safety
    ///
    /// As for [`run`](Tile::run), with this number of rows.
    #[inline(always)]
    unsafe fn run_rows<L: Lanes>(self, lanes: L, rows: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match rows {
                12 => self.run::<L, 12>(lanes),
                8 => self.run::<L, 8>(lanes),
                6 => self.run::<L, 6>(lanes),
                4 => self.run::<L, 4>(lanes),
                2 => self.run::<L, 2>(lanes),
                _ => self.run::<L, 1>(lanes),
            }
        }
    }

    /// # Safety
    ///
    /// `a` holds `ROWS` rows of `depth` values, `b` can be read for `depth` times two vectors,
    /// `out` is an exclusive rectangle of `ROWS` rows and `columns` columns, and `begin` is one or
    /// can be read like one.
    #[inline(always)]
    unsafe fn run<L: Lanes, const ROWS: usize>(self, lanes: L) {
        let mut sums = [[lanes.splat(0.0); 2]; ROWS];
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: the caller's promise on `begin`; nothing is written before the last use.
            let begin = unsafe {
                std::slice::from_raw_parts(self.begin.add(row * self.begin_stride), self.columns)
            };
            *sums = [
                lanes.load(begin),
                lanes.load(begin.get(L::WIDTH..).unwrap_or(&[])),
            ];
        }
        let Strided {
            row_step, k_step, ..
        } = self.a;
        let (mut a, mut b) = (self.a.values.as_ptr(), self.b);
        for _ in 0..self.depth {
            // SAFETY: the caller's promise on `a` and `b`.
            unsafe {
                let columns = [lanes.load_full(b), lanes.load_full(b.add(L::WIDTH))];
                for (row, sums) in sums.iter_mut().enumerate() {
                    let x = lanes.splat(*a.add(row * row_step));
                    sums[0] = lanes.mul_add(x, columns[0], sums[0]);
                    sums[1] = lanes.mul_add(x, columns[1], sums[1]);
                }
                b = b.add(2 * L::WIDTH);
                // May leave the slice after the last step, where nothing is read any more.
                a = a.wrapping_add(k_step);
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            // SAFETY: the caller has this row of `out` for this tile alone.
            let out = unsafe {
                std::slice::from_raw_parts_mut(self.out.add(row * self.stride), self.columns)
            };
            lanes.store(sums[0], out);
            lanes.store(sums[1], out.get_mut(L::WIDTH..).unwrap_or(&mut []));
        }
    }
}

/// The same as [`Multiply`], in tiles on all threads; `out` is `[rows, b.columns]`.
pub(crate) fn multiply(
    cpu: &Cpu,
    a: Strided<'_>,
    b: Panels<'_>,
    begin: Begin,
    bias: Option<&[f32]>,
    out: &mut [f32],
) {
    let isa = cpu.isa();
    let grid = Grid::new(out, b.columns);
    let rows = grid.rows();
    let (task_rows, task_columns) = task_size(cpu, rows, b.columns);
    let row_tasks = rows.div_ceil(task_rows);
    cpu.pool()
        .run(row_tasks * b.columns.div_ceil(task_columns), &|task| {
            let row = task % row_tasks * task_rows;
            let column = task / row_tasks * task_columns;
            let rows = row..rows.min(row + task_rows);
            let columns = column..b.columns.min(column + task_columns);
            let bias = bias.map(|bias| &bias[columns.clone()]);
            let (a, b) = (a.at_row(row), b.part(isa, columns.clone()));
            // SAFETY: no other task has this row and this column.
            let out = unsafe { grid.rectangle(rows, columns) };
            let copy_len = if a.row_step == 1 {
                task_rows * DEPTH
            } else {
                0
            };
            let copy = &mut cpu.scratch(copy_len);
            isa.run(Multiply {
                a,
                b,
                begin,
                bias,
                out,
                copy,
            });
        });
}

/// Rows and columns of one task: enough to use a panel often while it is in the cache, few enough
/// that the threads end at the same time.
fn task_size(cpu: &Cpu, rows: usize, columns: usize) -> (usize, usize) {
    const ROWS: usize = 96;
    const COLUMNS: usize = 512;
    let panel = cpu.isa().panel_columns();
    let (mut task_rows, mut task_columns) = (ROWS, COLUMNS);
    let wanted = match cpu.threads() {
        1 => 1,
        threads => 4 * threads,
    };
    let tasks = |r: usize, c: usize| rows.div_ceil(r) * columns.div_ceil(c);
    while task_columns > 2 * panel && tasks(task_rows, task_columns) < wanted {
        task_columns /= 2;
    }
    while task_rows > ROWS / 4 && tasks(task_rows, task_columns) < wanted {
        task_rows /= 2;
    }
    (task_rows, task_columns)
}
