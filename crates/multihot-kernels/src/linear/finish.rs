//! What becomes of the sums of a product while they are in the cache.

use std::ops::Range;

use half::bf16;

use crate::activation::{BackwardAgain, Forward};
use crate::add::Add;
use crate::dropout::{Drop, Dropout, Mask, active};
use crate::grid::Grid;
use crate::numbers::{Element, Round};
use crate::{Activation, Isa, NumbersMut, NumbersRef};

/// What becomes of a product `y`, which is `[rows, columns]` like all slices here.
pub enum Finish<'a> {
    /// `out = y`.
    Store {
        /// Where it goes.
        out: NumbersMut<'a>,
    },
    /// `out = f(y)`.
    Activate {
        /// The function.
        function: Activation,
        /// Gets `y`, for [`Finish::ActivateBackward`], in the number type of `out`.
        y: Option<NumbersMut<'a>>,
        /// Gets the function's value.
        out: NumbersMut<'a>,
    },
    /// `d_x = y * f'(x)`, and once more `out = f(x)`; all of one number type.
    ActivateBackward {
        /// The function.
        function: Activation,
        /// Its input.
        x: NumbersRef<'a>,
        /// The gradient by its input.
        d_x: NumbersMut<'a>,
        /// Its value.
        out: NumbersMut<'a>,
    },
    /// `out = dropout(y) + x`.
    AddTo {
        /// What is dropped of the product.
        dropout: Option<Dropout>,
        /// What is added to it.
        x: &'a [f32],
        /// Gets the sum.
        out: &'a mut [f32],
    },
}

impl<'a> Finish<'a> {
    /// [`Finish::Store`] in `f32`.
    pub fn store_f32(out: &'a mut [f32]) -> Self {
        Finish::Store {
            out: NumbersMut::F32(out),
        }
    }
}

/// A [`Finish`] of which every thread may do its rows.
pub(super) struct Prepared<'a> {
    bias: Option<&'a [f32]>,
    columns: usize,
    work: Work<'a>,
}

enum Work<'a> {
    StoreF32(Grid<'a, f32>),
    StoreBf16(Grid<'a, bf16>),
    ActivateF32(Activate<'a, f32>),
    ActivateBf16(Activate<'a, bf16>),
    BackwardF32(ActivateBackward<'a, f32>),
    BackwardBf16(ActivateBackward<'a, bf16>),
    AddTo {
        dropout: Option<Dropout>,
        x: &'a [f32],
        out: Grid<'a, f32>,
    },
}

struct Activate<'a, E> {
    function: Activation,
    y: Option<Grid<'a, E>>,
    out: Grid<'a, E>,
}

struct ActivateBackward<'a, E> {
    function: Activation,
    x: &'a [E],
    d_x: Grid<'a, E>,
    out: Grid<'a, E>,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(
        finish: Finish<'a>,
        bias: Option<&'a [f32]>,
        rows: usize,
        columns: usize,
    ) -> Self {
        let work = match finish {
            Finish::Store { out } => match out {
                NumbersMut::F32(out) => Work::StoreF32(grid("out", out, rows, columns)),
                NumbersMut::Bf16(out) => Work::StoreBf16(grid("out", out, rows, columns)),
            },
            Finish::Activate { function, y, out } => match out {
                NumbersMut::F32(out) => {
                    Work::ActivateF32(Activate::new(function, y, out, rows, columns))
                }
                NumbersMut::Bf16(out) => {
                    Work::ActivateBf16(Activate::new(function, y, out, rows, columns))
                }
            },
            Finish::ActivateBackward {
                function,
                x,
                d_x,
                out,
            } => match out {
                NumbersMut::F32(out) => {
                    Work::BackwardF32(ActivateBackward::new(function, x, d_x, out, rows, columns))
                }
                NumbersMut::Bf16(out) => {
                    Work::BackwardBf16(ActivateBackward::new(function, x, d_x, out, rows, columns))
                }
            },
            Finish::AddTo { dropout, x, out } => {
                assert_fits("x", x.len(), rows, columns);
                Work::AddTo {
                    dropout: active(dropout),
                    x,
                    out: grid("out", out, rows, columns),
                }
            }
        };
        Prepared {
            bias,
            columns,
            work,
        }
    }

    /// Where the sums stay, where they do: they are best made there.
    pub(super) fn target(&self) -> Option<&Grid<'a, f32>> {
        match &self.work {
            Work::StoreF32(out) | Work::AddTo { out, .. } => Some(out),
            _ => None,
        }
    }

    /// Finishes the sums at `columns` of `row`, which stand in [`target`](Self::target) if there is
    /// one. Every element is to come once.
    pub(super) fn row(&self, isa: Isa, row: usize, columns: Range<usize>, y: &mut [f32]) {
        if let Some(bias) = self.bias {
            let x = &bias[columns.clone()];
            isa.run(Add { x, out: y });
        }
        let place = row * self.columns + columns.start..row * self.columns + columns.end;
        match &self.work {
            Work::StoreF32(_) => {}
            Work::StoreBf16(out) => isa.run(Round {
                x: y,
                out: part(out, row, columns),
            }),
            Work::ActivateF32(activate) => activate.row(isa, row, columns, y),
            Work::ActivateBf16(activate) => activate.row(isa, row, columns, y),
            Work::BackwardF32(backward) => backward.row(isa, row, columns, place, y),
            Work::BackwardBf16(backward) => backward.row(isa, row, columns, place, y),
            Work::AddTo { dropout, x, .. } => {
                if let Some(dropout) = dropout {
                    let mask = Mask::new(*dropout, row as u64);
                    let first = columns.start;
                    isa.run(Drop { mask, first, x: y });
                }
                let x = &x[place];
                isa.run(Add { x, out: y });
            }
        }
    }
}

impl<'a, E: Element> Activate<'a, E> {
    fn new(
        function: Activation,
        y: Option<NumbersMut<'a>>,
        out: &'a mut [E],
        rows: usize,
        columns: usize,
    ) -> Self {
        let y = y.map(|y| E::all_of_mut("linear", y));
        Activate {
            function,
            y: y.map(|y| grid("y", y, rows, columns)),
            out: grid("out", out, rows, columns),
        }
    }

    fn row(&self, isa: Isa, row: usize, columns: Range<usize>, y: &[f32]) {
        if let Some(kept) = &self.y {
            let out = part(kept, row, columns.clone());
            isa.run(Round { x: y, out });
        }
        isa.run(Forward {
            function: self.function,
            x: y,
            out: part(&self.out, row, columns),
        });
    }
}

impl<'a, E: Element> ActivateBackward<'a, E> {
    fn new(
        function: Activation,
        x: NumbersRef<'a>,
        d_x: NumbersMut<'a>,
        out: &'a mut [E],
        rows: usize,
        columns: usize,
    ) -> Self {
        let (x, d_x) = (E::all_of("linear", x), E::all_of_mut("linear", d_x));
        assert_fits("x", x.len(), rows, columns);
        ActivateBackward {
            function,
            x,
            d_x: grid("d_x", d_x, rows, columns),
            out: grid("out", out, rows, columns),
        }
    }

    fn row(&self, isa: Isa, row: usize, columns: Range<usize>, place: Range<usize>, d_out: &[f32]) {
        isa.run(BackwardAgain {
            function: self.function,
            x: &self.x[place],
            d_out,
            d_x: part(&self.d_x, row, columns.clone()),
            out: part(&self.out, row, columns),
        });
    }
}

fn assert_fits(name: &str, len: usize, rows: usize, columns: usize) {
    assert_eq!(
        len,
        rows * columns,
        "linear: `{name}` is not [{rows}, {columns}]"
    );
}

fn grid<'a, E>(name: &str, out: &'a mut [E], rows: usize, columns: usize) -> Grid<'a, E> {
    assert_fits(name, out.len(), rows, columns);
    Grid::new(out, columns)
}

/// These columns of a row.
#[allow(clippy::mut_from_ref)]
pub(super) fn part<'g, E>(grid: &'g Grid<'_, E>, row: usize, columns: Range<usize>) -> &'g mut [E] {
    // SAFETY: the product hands out every element to one task, once, and the task asks for it here.
    unsafe { grid.rectangle(row..row + 1, columns) }.into_row()
}
