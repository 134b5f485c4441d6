//! The product of two matrices, in blocks, in any [`Arithmetic`].
//!
//! The right matrix is packed first: panels of a few columns, each of which holds its columns'
//! units for every position of the sum in turn. The left one is read where it is, or copied tile by
//! tile where its units do not lie side by side.

use std::ops::Range;

use crate::aligned::Plain;
use crate::arithmetic::{Arithmetic, From};
use crate::grid::{Grid, Rectangle};
use crate::lanes::{Kernel, Lanes};
use crate::{Cpu, Isa, Level, Work};

/// The columns of a panel of the plain version.
const SCALAR_COLUMNS: usize = 8;

/// A matrix in a slice: the value at `(row, k)` is `values[row * row_step + k * k_step]`.
pub(crate) struct Strided<'a, T = f32> {
    pub(crate) values: &'a [T],
    pub(crate) row_step: usize,
    pub(crate) k_step: usize,
}

impl<T> Clone for Strided<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Strided<'_, T> {}

impl<'a, T> Strided<'a, T> {
    /// `values` is `[rows, depth]`.
    pub(crate) fn rows(values: &'a [T], depth: usize) -> Self {
        Strided {
            values,
            row_step: depth,
            k_step: 1,
        }
    }

    /// `values` is `[depth, rows]`.
    pub(crate) fn columns(values: &'a [T], rows: usize) -> Self {
        Strided {
            values,
            row_step: 1,
            k_step: rows,
        }
    }

    /// The matrix from row `row` on.
    #[inline(always)]
    pub(crate) fn at_row(self, row: usize) -> Self {
        Strided {
            values: self.values.get(row * self.row_step..).unwrap_or(&[]),
            ..self
        }
    }

    /// The matrix from position `k` of the sums on.
    #[inline(always)]
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

    #[inline(always)]
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

/// The right matrix of a product, packed in panels of units.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a, U = f32> {
    pub(crate) units: &'a [U],
    /// Positions of a sum.
    pub(crate) depth: usize,
    pub(crate) columns: usize,
}

impl<U> Panels<'_, U> {
    /// The panels of `columns`, which start at the start of a panel.
    fn part<A: Arithmetic<Unit = U>>(self, isa: Isa, columns: Range<usize>) -> Self {
        let width = isa.panel_columns();
        let start = columns.start / width * width * self.depth.div_ceil(A::GROUP);
        Panels {
            units: &self.units[start..],
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
            Level::Avx512 | Level::Avx512Vnni | Level::Avx512Bf16 => 32,
            Level::Avx2 | Level::Avx2Vnni => 16,
            Level::Neon => 8,
        }
    }

    /// How many units the panels of a matrix take, its last panel filled up with zeros.
    pub(crate) fn panels_len<A: Arithmetic>(self, columns: usize, depth: usize) -> usize {
        columns.next_multiple_of(self.panel_columns()) * depth.div_ceil(A::GROUP)
    }
}

/// Packs panels of a matrix whose column `j` is row `j` of `source`.
pub(crate) struct Pack<'a, A: Arithmetic, S> {
    pub(crate) source: Strided<'a, S>,
    pub(crate) columns: usize,
    pub(crate) depth: usize,
    /// As many panels as fit `columns`.
    pub(crate) out: &'a mut [A::Unit],
}

impl<A: From<S>, S: Plain> Pack<'_, A, S> {
    /// The panels, `width` columns each. With `width` known when this is compiled, loops over the
    /// columns of a whole panel become a few vectors.
    #[inline(always)]
    fn panels(self, width: usize, transpose: impl Fn(&mut Block<A>) + Copy) {
        let panel_len = (width * self.depth.div_ceil(A::GROUP)).max(1);
        for (panel, out) in self.out.chunks_exact_mut(panel_len).enumerate() {
            let first = panel * width;
            let columns = width.min(self.columns - first);
            let source = self.source.at_row(first);
            source.assert_holds(columns, self.depth);
            match source.row_step {
                1 if columns == width => {
                    pack_along::<A, S>(source, width, self.depth, width, out);
                }
                1 => pack_along::<A, S>(source, columns, self.depth, width, out),
                _ => pack_across::<A, S>(source, [columns, self.depth], width, transpose, out),
            }
        }
    }
}

impl<A: From<S>, S: Plain> Kernel for Pack<'_, A, S> {
    type Output = ();

    fn scalar(self) {
        self.panels(SCALAR_COLUMNS, transpose::<A>);
    }

    #[inline(always)]
    fn fast<L: Lanes>(self, lanes: L) {
        // SAFETY: a unit has the size of a word, and any bits are one.
        let words = |block: &mut Block<A>| unsafe { &mut *std::ptr::from_mut(block).cast() };
        self.panels(2 * L::WIDTH, |block| lanes.transpose(words(block)));
    }
}

/// Where the values of one position stand side by side in the source.
#[inline(always)]
fn pack_along<A: From<S>, S: Plain>(
    source: Strided<'_, S>,
    columns: usize,
    depth: usize,
    width: usize,
    out: &mut [A::Unit],
) {
    let row = |k: usize| &source.values[k * source.k_step..][..columns];
    let whole = depth / A::GROUP;
    for (index, out) in out.chunks_exact_mut(width).enumerate() {
        let first = index * A::GROUP;
        let (out, rest) = out.split_at_mut(columns);
        if index < whole {
            // The same slices for all columns: found once.
            let rows: [&[S]; 4] = std::array::from_fn(|g| row(first + g.min(A::GROUP - 1)));
            for (j, out) in out.iter_mut().enumerate() {
                *out = A::unit(|g| A::element(rows[g][j]));
            }
        } else {
            for (j, out) in out.iter_mut().enumerate() {
                *out = A::unit(|g| match first + g < depth {
                    true => A::element(row(first + g)[j]),
                    false => A::ZERO,
                });
            }
        }
        rest.fill(A::unit(|_| A::ZERO));
    }
}

/// Columns that are packed together, and units of each.
const SIDE: usize = 8;

/// Units of a few columns.
type Block<A> = [[<A as Arithmetic>::Unit; SIDE]; SIDE];

/// Exchanges rows and columns.
#[inline(always)]
fn transpose<A: Arithmetic>(block: &mut Block<A>) {
    *block = std::array::from_fn(|i| std::array::from_fn(|j| block[j][i]));
}

/// Where they stand apart. In blocks that stay in the nearest cache, some columns at a time, so that
/// what is written stands side by side.
#[inline(always)]
fn pack_across<A: From<S>, S: Plain>(
    source: Strided<'_, S>,
    [columns, depth]: [usize; 2],
    width: usize,
    transpose: impl Fn(&mut Block<A>) + Copy,
    out: &mut [A::Unit],
) {
    const BLOCK: usize = 64;
    for (block, out) in out.chunks_mut(BLOCK * width).enumerate() {
        let source = source.at_position(block * BLOCK * A::GROUP);
        let depth = depth.saturating_sub(block * BLOCK * A::GROUP);
        let depth = depth.min(out.len() / width * A::GROUP);
        let mut j = 0;
        while j < columns {
            let source = source.at_row(j);
            let out = &mut out[j..];
            if j + SIDE <= columns {
                // Where neighbours in the sum are neighbours in memory.
                let whole = match source.k_step {
                    1 => pack_blocks::<A, S>(source, depth, width, transpose, out),
                    _ => 0,
                };
                pack_rest::<A, S, SIDE>(source, whole, depth, width, out);
                j += SIDE;
            } else {
                pack_rest::<A, S, 1>(source, 0, depth, width, out);
                j += 1;
            }
        }
        for out in out.chunks_exact_mut(width) {
            out[columns..].fill(A::unit(|_| A::ZERO));
        }
    }
}

/// The whole blocks of as many columns as a block has, and how many units they are.
#[inline(always)]
fn pack_blocks<A: From<S>, S: Plain>(
    source: Strided<'_, S>,
    depth: usize,
    width: usize,
    transpose: impl Fn(&mut Block<A>),
    out: &mut [A::Unit],
) -> usize {
    let columns: [&[S]; SIDE] =
        std::array::from_fn(|j| &source.values[j * source.row_step..][..depth]);
    let whole = depth / (SIDE * A::GROUP);
    for index in 0..whole {
        let place = index * SIDE * A::GROUP..(index + 1) * SIDE * A::GROUP;
        let mut block: Block<A> = columns.map(|column| {
            let elements = &column[place.clone()];
            std::array::from_fn(|unit| A::unit(|g| A::element(elements[unit * A::GROUP + g])))
        });
        transpose(&mut block);
        let out = &mut out[index * SIDE * width..];
        for (units, out) in block.iter().zip(out.chunks_mut(width)) {
            out[..SIDE].copy_from_slice(units);
        }
    }
    whole * SIDE
}

/// The units from number `first` on, whatever is there of them.
#[inline(always)]
fn pack_rest<A: From<S>, S: Plain, const COLUMNS: usize>(
    source: Strided<'_, S>,
    first: usize,
    depth: usize,
    width: usize,
    out: &mut [A::Unit],
) {
    for (unit, out) in out.chunks_mut(width).enumerate().skip(first) {
        for (j, out) in out.iter_mut().take(COLUMNS).enumerate() {
            *out = A::unit(|g| match unit * A::GROUP + g {
                k if k < depth => {
                    A::element(source.values[j * source.row_step + k * source.k_step])
                }
                _ => A::ZERO,
            });
        }
    }
}

/// Packs a whole matrix on all threads; see [`Pack`].
pub(crate) fn pack<A: From<S>, S: Plain>(
    cpu: &Cpu,
    source: Strided<'_, S>,
    columns: usize,
    depth: usize,
    out: &mut [A::Unit],
) {
    let _time = cpu.record(Work::Packing);
    let isa = cpu.isa();
    assert_eq!(
        out.len(),
        isa.panels_len::<A>(columns, depth),
        "the panels do not fit"
    );
    let (width, units) = (isa.panel_columns(), depth.div_ceil(A::GROUP));
    let panels = Grid::new(out, width * units);
    // Tasks follow what stands side by side in the source.
    if source.row_step == 1 {
        cpu.pool().run(units.div_ceil(PACKED_UNITS), &|task| {
            let first = task * PACKED_UNITS;
            let position = first * A::GROUP;
            let depth = (depth - position).min(PACKED_UNITS * A::GROUP);
            let source = source.at_position(position);
            for panel in 0..panels.rows() {
                // SAFETY: no other task has these units.
                unsafe {
                    pack_part::<A, S>(isa, source, [columns, depth], [panel, first], &panels)
                };
            }
        });
    } else {
        cpu.pool().run(panels.rows(), &|panel| {
            // SAFETY: no other task has this panel.
            unsafe { pack_part::<A, S>(isa, source, [columns, depth], [panel, 0], &panels) };
        });
    }
}

/// How many units of a sum one task packs for all panels.
const PACKED_UNITS: usize = 64;

/// Packs `depth` positions of one panel of a matrix with so many columns, from unit `first` of the
/// panel on. `source` starts at these positions.
///
/// # Safety
///
/// No other thread has these units of this panel.
pub(crate) unsafe fn pack_part<A: From<S>, S: Plain>(
    isa: Isa,
    source: Strided<'_, S>,
    [columns, depth]: [usize; 2],
    [panel, first]: [usize; 2],
    panels: &Grid<'_, A::Unit>,
) {
    let width = isa.panel_columns();
    let column = panel * width;
    let place = first * width..(first + depth.div_ceil(A::GROUP)) * width;
    // SAFETY: the caller's promise.
    let out = unsafe { panels.rectangle(panel..panel + 1, place) };
    isa.run(Pack::<A, S> {
        source: source.at_row(column),
        columns: width.min(columns - column),
        depth,
        out: out.into_row(),
    });
}

/// `out[i, j] = begin + sum over k of a[i, k] * b[k, j]`, on one thread.
///
/// The sum of one element goes over `k` in order, whatever the size of the product.
pub(crate) struct Multiply<'a, A: Arithmetic> {
    pub(crate) a: Strided<'a, A::Element>,
    pub(crate) b: Panels<'a, A::Unit>,
    pub(crate) begin: Begin,
    pub(crate) out: Rectangle<'a, A::Sum>,
    /// Room for a part of `a`, as [`copy_len`] says.
    pub(crate) copy: &'a mut [A::Unit],
}

/// Whether a tile can read `a` where it is.
#[inline(always)]
fn reads_in_place<A: Arithmetic>(a: Strided<'_, A::Element>, depth: usize) -> bool {
    A::GROUP == 1 || (a.k_step == 1 && depth.is_multiple_of(A::GROUP))
}

/// How many units [`Multiply`] copies of `rows` rows: none where it reads them in place.
///
/// Worth it too where `a` has the rows side by side, if the columns of the product are many.
pub(crate) fn copy_len<A: Arithmetic>(
    a: Strided<'_, A::Element>,
    rows: usize,
    depth: usize,
) -> usize {
    match a.row_step == 1 || !reads_in_place::<A>(a, depth) {
        true => rows * DEPTH.min(depth.div_ceil(A::GROUP)),
        false => 0,
    }
}

impl<A: Arithmetic> Kernel for Multiply<'_, A> {
    type Output = ();

    const GROUPS: bool = A::GROUP > 1;

    fn scalar(mut self) {
        let Strided {
            values: a,
            row_step,
            k_step,
        } = self.a;
        let depth = self.b.depth;
        let panel_len = (SCALAR_COLUMNS * depth.div_ceil(A::GROUP)).max(1);
        for i in 0..self.out.rows() {
            for (p, out) in self.out.row(i).chunks_mut(SCALAR_COLUMNS).enumerate() {
                let mut sums = [A::ZERO_SUM; SCALAR_COLUMNS];
                match self.begin {
                    Begin::Zero => {}
                    Begin::Out => sums[..out.len()].copy_from_slice(out),
                }
                let panel = self.b.units.chunks(panel_len).nth(p).unwrap_or(&[]);
                for (index, b) in panel.chunks_exact(SCALAR_COLUMNS).enumerate() {
                    let a = A::unit(|g| match index * A::GROUP + g {
                        k if k < depth => a[i * row_step + k * k_step],
                        _ => A::ZERO,
                    });
                    for (sum, &b) in sums.iter_mut().zip(b) {
                        *sum = A::add(a, b, *sum);
                    }
                }
                out.copy_from_slice(&sums[..out.len()]);
            }
        }
    }

    #[inline(always)]
    fn fast<L: Lanes>(mut self, lanes: L) {
        let (rows, columns) = (self.out.rows(), self.out.columns());
        let depth = self.b.depth;
        let units = depth.div_ceil(A::GROUP);
        self.a.assert_holds(rows, depth);
        assert!(
            self.a.k_step == 1 || self.a.row_step == 1,
            "the left matrix has neither its rows nor its columns in one piece"
        );
        assert!(
            self.b.columns == columns,
            "the right matrix has other columns than the output"
        );
        let panels_len = columns.next_multiple_of(2 * L::WIDTH) * units;
        assert!(self.b.units.len() >= panels_len, "the panels end too early");
        let step = units.div_ceil(units.div_ceil(DEPTH).max(1)).max(1);
        let copied = self.copies(rows, step.min(units));
        // Once at least, so that the output has its beginning even where nothing is summed.
        for first in (0..units.max(1)).step_by(step) {
            let begin = if first == 0 { self.begin } else { Begin::Out };
            let range = first..units.min(first + step);
            if copied {
                self.copy_rows(lanes, range.clone());
            }
            // SAFETY: the assertions above hold all that this range reaches.
            unsafe { self.block(lanes, range, begin, copied) };
        }
    }
}

/// How many units of the sums are worked on at a time: so many that a panel's part of this depth and
/// a tile's rows stay in the nearest cache together, where vectors have 8 lanes.
const DEPTH: usize = 256;

/// How many positions ahead of the one that is copied the next are asked for: they lie a row apart,
/// which no cache guesses by itself.
const AHEAD: usize = 8;

/// Bytes of a line of the cache.
const LINE: usize = 64;

/// What the sums of a tile start from where they start from 0, in any type of sum; as many as the
/// widest panel has columns.
static ZEROS: [u32; 32] = [0; 32];

/// The rows of the next tile, when `left` are left.
#[inline(always)]
fn tile_rows<L: Lanes>(left: usize) -> usize {
    let sizes = [12, 8, 6, 4, 2, 1];
    let most = left.min(L::TILE_ROWS);
    sizes.into_iter().find(|&size| size <= most).unwrap_or(1)
}

impl<A: Arithmetic> Multiply<'_, A> {
    /// Whether tiles read a copy of `a`, `step` units of it at a time.
    #[inline(always)]
    fn copies(&self, rows: usize, step: usize) -> bool {
        let has_room = rows * step <= self.copy.len();
        let in_place = reads_in_place::<A>(self.a, self.b.depth);
        assert!(
            in_place || has_room,
            "the left matrix needs room for a copy"
        );
        has_room && (self.a.row_step == 1 || !in_place)
    }

    /// The units `range` of all sums.
    ///
    /// # Safety
    ///
    /// `a` and `b` hold all rows and columns of `out`, and the units `range`; where `copied`, `copy`
    /// holds them too.
    #[inline(always)]
    unsafe fn block<L: Lanes>(
        &mut self,
        lanes: L,
        range: Range<usize>,
        begin: Begin,
        copied: bool,
    ) {
        let width = 2 * L::WIDTH;
        let across = copied || self.a.k_step != 1;
        let (rows, columns, stride) = (self.out.rows(), self.out.columns(), self.out.stride());
        let units = self.b.depth.div_ceil(A::GROUP);
        for column in (0..columns).step_by(width) {
            let filled = width.min(columns - column);
            let panel = column * units + range.start * width;
            let mut row = 0;
            while row < rows {
                let tile_rows = tile_rows::<L>(rows - row);
                let (a, a_step) = match copied {
                    true => {
                        let copy = self.copy[row * range.len()..].as_ptr();
                        (copy.cast(), tile_rows * A::GROUP)
                    }
                    false => {
                        let a = self.a.at_row(row).at_position(range.start * A::GROUP);
                        (
                            a.values.as_ptr(),
                            if across { a.k_step } else { a.row_step },
                        )
                    }
                };
                // SAFETY: inside `out`.
                let out = unsafe { self.out.as_mut_ptr().add(row * stride + column) };
                let (begin, begin_stride) = match begin {
                    Begin::Zero => (ZEROS.as_ptr().cast(), 0),
                    Begin::Out => (out.cast_const(), stride),
                };
                // SAFETY: inside `b`, as the caller promises.
                let b = unsafe { self.b.units.as_ptr().add(panel) };
                let tile = Tile::<A> {
                    a,
                    a_step,
                    b,
                    units: range.len(),
                    begin,
                    begin_stride,
                    out,
                    stride,
                    columns: filled,
                };
                // SAFETY: the caller promises what the tile reads, and `out` is exclusive.
                unsafe {
                    match across {
                        true => tile.run_rows::<L, true>(lanes, tile_rows),
                        false => tile.run_rows::<L, false>(lanes, tile_rows),
                    }
                };
                row += tile_rows;
            }
        }
    }

    /// Copies the units `range` of the left matrix to where those that a tile uses together stand
    /// together. A position at a time, so that a line of memory is read once where the rows stand
    /// side by side.
    #[inline(always)]
    fn copy_rows<L: Lanes>(&mut self, lanes: L, range: Range<usize>) {
        let rows = self.out.rows();
        let whole = rows / L::TILE_ROWS * L::TILE_ROWS;
        for (index, unit) in range.clone().enumerate() {
            self.prefetch(lanes, unit + AHEAD);
            for row in (0..whole).step_by(L::TILE_ROWS) {
                self.copy_unit(row, L::TILE_ROWS, unit, index, range.len());
            }
            let mut row = whole;
            while row < rows {
                let tile_rows = tile_rows::<L>(rows - row);
                self.copy_unit(row, tile_rows, unit, index, range.len());
                row += tile_rows;
            }
        }
    }

    /// Asks for a unit of all rows, where they stand side by side.
    #[inline(always)]
    fn prefetch<L: Lanes>(&self, lanes: L, unit: usize) {
        if self.a.row_step != 1 {
            return;
        }
        for g in 0..A::GROUP {
            // Past the last position it may be any address.
            let position = (unit * A::GROUP + g) * self.a.k_step;
            let first = self.a.values.as_ptr().wrapping_add(position);
            for row in (0..self.out.rows()).step_by(LINE / size_of::<A::Element>()) {
                lanes.prefetch(first.wrapping_add(row).cast());
            }
        }
    }

    /// Copies a unit of the `tile_rows` rows from `row` on to place `index` of the tile's `len`.
    #[inline(always)]
    fn copy_unit(&mut self, row: usize, tile_rows: usize, unit: usize, index: usize, len: usize) {
        let copy = &mut self.copy[row * len + index * tile_rows..][..tile_rows];
        copy_unit::<A>(self.a.at_row(row), unit * A::GROUP, self.b.depth, copy);
    }
}

/// The units at position `k` of as many rows as `out` has room for.
#[inline(always)]
fn copy_unit<A: Arithmetic>(
    a: Strided<'_, A::Element>,
    k: usize,
    depth: usize,
    out: &mut [A::Unit],
) {
    if k + A::GROUP <= depth && a.row_step == 1 {
        let row = |g: usize| &a.values[(k + g) * a.k_step..][..out.len()];
        let rows: [&[A::Element]; 4] = std::array::from_fn(|g| row(g.min(A::GROUP - 1)));
        for (i, out) in out.iter_mut().enumerate() {
            *out = A::unit(|g| rows[g][i]);
        }
        return;
    }
    for (i, out) in out.iter_mut().enumerate() {
        *out = A::unit(|g| match k + g < depth {
            true => a.values[i * a.row_step + (k + g) * a.k_step],
            false => A::ZERO,
        });
    }
}

/// A few rows times one panel, the sums in registers.
struct Tile<A: Arithmetic> {
    a: *const A::Element,
    /// In elements: from a row of `a` to the next, or where a tile goes `ACROSS` the rows, which
    /// stand side by side then, from a unit to the next.
    a_step: usize,
    b: *const A::Unit,
    units: usize,
    /// What the sums start from: a row for all, or as many as `out` has. One way to read it for
    /// all beginnings, because a branch here makes the compiler keep the sums in memory.
    begin: *const A::Sum,
    begin_stride: usize,
    out: *mut A::Sum,
    stride: usize,
    columns: usize,
}

impl<A: Arithmetic> Tile<A> {
    /// # Safety
    ///
    /// As for [`run`](Tile::run), with this number of rows.
    #[inline(always)]
    unsafe fn run_rows<L: Lanes, const ACROSS: bool>(self, lanes: L, rows: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match rows {
                // The conditions leave out what has too few registers, when this is compiled.
                12 if L::TILE_ROWS >= 12 => self.run::<L, 12, ACROSS>(lanes),
                8 if L::TILE_ROWS >= 8 => self.run::<L, 8, ACROSS>(lanes),
                6 => self.run::<L, 6, ACROSS>(lanes),
                4 => self.run::<L, 4, ACROSS>(lanes),
                2 => self.run::<L, 2, ACROSS>(lanes),
                _ => self.run::<L, 1, ACROSS>(lanes),
            }
        }
    }

    /// # Safety
    ///
    /// `a` holds `ROWS` rows of `units` units: those of one position side by side with `ACROSS`,
    /// else those of each row. `b` can be read for `units` times two vectors, `out` is an
    /// exclusive rectangle of `ROWS` rows and `columns` columns, and `begin` is one or can be read
    /// like one.
    #[inline(always)]
    unsafe fn run<L: Lanes, const ROWS: usize, const ACROSS: bool>(self, lanes: L) {
        let mut sums = [[A::load_sums(lanes, &[]); 2]; ROWS];
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: the caller's promise on `begin`; nothing is written before the last use.
            let begin = unsafe {
                std::slice::from_raw_parts(self.begin.add(row * self.begin_stride), self.columns)
            };
            *sums = [
                A::load_sums(lanes, begin),
                A::load_sums(lanes, begin.get(L::WIDTH..).unwrap_or(&[])),
            ];
        }
        let (row_step, step) = match ACROSS {
            true => (A::GROUP, self.a_step),
            false => (self.a_step, A::GROUP),
        };
        let (mut a, mut b) = (self.a, self.b);
        for _ in 0..self.units / TOGETHER {
            for unit in 0..TOGETHER {
                // SAFETY: the caller's promise on `a` and `b`.
                unsafe {
                    add_unit::<A, L, ROWS>(
                        lanes,
                        a.add(unit * step),
                        row_step,
                        b.add(unit * 2 * L::WIDTH),
                        &mut sums,
                    )
                };
            }
            // May leave the slices after the last step, where nothing is read any more.
            a = a.wrapping_add(TOGETHER * step);
            b = b.wrapping_add(TOGETHER * 2 * L::WIDTH);
        }
        for _ in 0..self.units % TOGETHER {
            // SAFETY: as above.
            unsafe { add_unit::<A, L, ROWS>(lanes, a, row_step, b, &mut sums) };
            a = a.wrapping_add(step);
            b = b.wrapping_add(2 * L::WIDTH);
        }
        for (row, sums) in sums.iter().enumerate() {
            // SAFETY: the caller has this row of `out` for this tile alone.
            let out = unsafe {
                std::slice::from_raw_parts_mut(self.out.add(row * self.stride), self.columns)
            };
            A::store_sums(lanes, sums[0], out);
            A::store_sums(lanes, sums[1], out.get_mut(L::WIDTH..).unwrap_or(&mut []));
        }
    }
}

/// Units of a sum that are worked on between two looks at where the loop ends.
const TOGETHER: usize = 4;

/// Adds the products of one unit of every row with a panel's unit.
///
/// # Safety
///
/// A unit can be read from `a` on at every `row_step`, and two vectors from `b`.
#[inline(always)]
unsafe fn add_unit<A: Arithmetic, L: Lanes, const ROWS: usize>(
    lanes: L,
    a: *const A::Element,
    row_step: usize,
    b: *const A::Unit,
    sums: &mut [[A::Sums<L>; 2]; ROWS],
) {
    // SAFETY: the caller's promise.
    let columns = unsafe { [A::load(lanes, b), A::load(lanes, b.add(L::WIDTH))] };
    for (row, sums) in sums.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        let x = unsafe { a.add(row * row_step).cast::<A::Unit>().read_unaligned() };
        let x = A::splat(lanes, x);
        sums[0] = A::add_lanes(lanes, x, columns[0], sums[0]);
        sums[1] = A::add_lanes(lanes, x, columns[1], sums[1]);
    }
}

/// The same as [`Multiply`], in tasks on all threads; `out` is `[rows, b.columns]`.
pub(crate) fn multiply<A: Arithmetic>(
    cpu: &Cpu,
    a: Strided<'_, A::Element>,
    b: Panels<'_, A::Unit>,
    begin: Begin,
    out: &mut [A::Sum],
) {
    let out = Grid::new(out, b.columns);
    for_each_task(cpu, out.rows(), b.columns, &|rows, columns| {
        // SAFETY: no other task has these rows and these columns.
        let out = unsafe { out.rectangle(rows.clone(), columns.clone()) };
        multiply_task::<A>(cpu, a, b, begin, (rows, columns), out);
    });
}

/// Takes sums while they are in the cache: a row's number, which of its columns, and their sums.
pub(crate) type TakeSums<'a, S> = &'a (dyn Fn(usize, Range<usize>, &mut [S]) + Sync);

/// Makes the sums of `rows` rows in `target`, or else in room of its own, and hands them to `finish`.
/// Every sum comes once.
pub(crate) fn multiply_then<A: Arithmetic>(
    cpu: &Cpu,
    a: Strided<'_, A::Element>,
    b: Panels<'_, A::Unit>,
    rows: usize,
    target: Option<&Grid<'_, A::Sum>>,
    finish: TakeSums<'_, A::Sum>,
) {
    for_each_task(cpu, rows, b.columns, &|rows, columns| {
        let mut scratch = cpu.scratch::<A::Sum>(match target {
            Some(_) => 0,
            None => rows.len() * columns.len(),
        });
        let mut out = match target {
            // SAFETY: no other task has these rows and these columns.
            Some(target) => unsafe { target.rectangle(rows.clone(), columns.clone()) },
            None => Rectangle::whole(&mut scratch, columns.len()),
        };
        let place = (rows.clone(), columns.clone());
        multiply_task::<A>(cpu, a, b, Begin::Zero, place, out.reborrow());
        for (i, row) in rows.enumerate() {
            finish(row, columns.clone(), out.row(i));
        }
    });
}

/// One task: the sums at these rows and columns.
fn multiply_task<A: Arithmetic>(
    cpu: &Cpu,
    a: Strided<'_, A::Element>,
    b: Panels<'_, A::Unit>,
    begin: Begin,
    (rows, columns): (Range<usize>, Range<usize>),
    out: Rectangle<'_, A::Sum>,
) {
    let isa = cpu.isa();
    let a = a.at_row(rows.start);
    let copy = &mut cpu.scratch(copy_len::<A>(a, rows.len(), b.depth));
    isa.run(Multiply::<A> {
        a,
        b: b.part::<A>(isa, columns),
        begin,
        out,
        copy,
    });
}

/// Cuts a product into tasks and runs them on all threads: their rows, their columns.
fn for_each_task(
    cpu: &Cpu,
    rows: usize,
    columns: usize,
    task: &(dyn Fn(Range<usize>, Range<usize>) + Sync),
) {
    let (task_rows, task_columns) = task_size(cpu, rows, columns);
    let row_tasks = rows.div_ceil(task_rows);
    let tasks = row_tasks * columns.div_ceil(task_columns);
    cpu.pool().run(tasks, &|index| {
        let row = index % row_tasks * task_rows;
        let column = index / row_tasks * task_columns;
        task(
            row..rows.min(row + task_rows),
            column..columns.min(column + task_columns),
        );
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
