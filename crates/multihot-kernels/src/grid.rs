//! Parts of one output for several threads to write: chunks of a slice, rectangles of a matrix.

use std::marker::PhantomData;
use std::ops::Range;

/// A slice cut into chunks that different threads may hold at the same time.
pub(crate) struct Chunks<'a, T> {
    start: *mut T,
    len: usize,
    chunk_len: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: a shared `Chunks` gives out exclusive parts only, which may go to other threads
// when `T` may.
unsafe impl<T: Send> Sync for Chunks<'_, T> {}

impl<'a, T> Chunks<'a, T> {
    pub(crate) fn new(slice: &'a mut [T], chunk_len: usize) -> Self {
        assert!(chunk_len > 0, "a chunk needs at least one value");
        Chunks {
            start: slice.as_mut_ptr(),
            len: slice.len(),
            chunk_len,
            slice: PhantomData,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.len.div_ceil(self.chunk_len)
    }

    /// # Safety
    ///
    /// No chunk is asked for again while it is held.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn chunk(&self, index: usize) -> &mut [T] {
        assert!(index < self.count(), "chunk {index} of {}", self.count());
        let start = index * self.chunk_len;
        let len = self.chunk_len.min(self.len - start);
        // SAFETY: inside the slice that `self` borrows, and held once.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }
}

/// A row-major matrix whose rectangles different threads may hold at the same time.
pub(crate) struct Grid<'a, T = f32> {
    start: *mut T,
    rows: usize,
    width: usize,
    matrix: PhantomData<&'a mut [T]>,
}

// SAFETY: as for `Chunks`.
unsafe impl<T: Send> Sync for Grid<'_, T> {}

impl<'a, T> Grid<'a, T> {
    /// `matrix` is `[rows, width]`; a last row that is not whole is out of reach.
    pub(crate) fn new(matrix: &'a mut [T], width: usize) -> Self {
        let rows = matrix.len().checked_div(width).unwrap_or(0);
        Grid {
            start: matrix.as_mut_ptr(),
            rows,
            width,
            matrix: PhantomData,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// # Safety
    ///
    /// No element is in two rectangles held at the same time.
    pub(crate) unsafe fn rectangle(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> Rectangle<'_, T> {
        assert!(
            rows.start <= rows.end && rows.end <= self.rows,
            "{rows:?} of {}",
            self.rows
        );
        assert!(
            columns.start <= columns.end && columns.end <= self.width,
            "{columns:?}"
        );
        Rectangle {
            // Inside the matrix or one past its end, because of the bounds above.
            start: self
                .start
                .wrapping_add(rows.start * self.width + columns.start),
            rows: rows.len(),
            columns: columns.len(),
            stride: self.width,
            matrix: PhantomData,
        }
    }
}

/// The only reference to a rectangle of a [`Grid`].
pub(crate) struct Rectangle<'a, T = f32> {
    start: *mut T,
    rows: usize,
    columns: usize,
    stride: usize,
    matrix: PhantomData<&'a mut [T]>,
}

impl<'a, T> Rectangle<'a, T> {
    /// All of `matrix`, which is `[rows, columns]`.
    pub(crate) fn whole(matrix: &'a mut [T], columns: usize) -> Self {
        let rows = matrix.len().checked_div(columns).unwrap_or(0);
        let start = matrix.as_mut_ptr();
        Rectangle {
            start,
            rows,
            columns,
            stride: columns,
            matrix: PhantomData,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The distance between the starts of two rows.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut T {
        self.start
    }

    pub(crate) fn row(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: inside the matrix, and exclusive like the rectangle.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.stride), self.columns) }
    }

    /// The only row of a rectangle of one.
    pub(crate) fn into_row(self) -> &'a mut [T] {
        assert_eq!(self.rows, 1, "a rectangle of one row");
        // SAFETY: inside the matrix, and the rectangle, which was exclusive, ends here.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.columns) }
    }

    /// Some of the rows.
    pub(crate) fn part(&mut self, rows: Range<usize>) -> Rectangle<'_, T> {
        assert!(
            rows.start <= rows.end && rows.end <= self.rows,
            "{rows:?} of {}",
            self.rows
        );
        let start = self.start.wrapping_add(rows.start * self.stride);
        Rectangle {
            start,
            rows: rows.len(),
            ..self.reborrow()
        }
    }

    /// The same rectangle for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Rectangle<'_, T> {
        Rectangle {
            matrix: PhantomData,
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rectangle_reaches_its_own_elements_only() {
        let mut matrix: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let grid = Grid::new(&mut matrix, 4);
        // SAFETY: the only rectangle.
        let mut rectangle = unsafe { grid.rectangle(1..3, 1..3) };
        assert_eq!(
            (rectangle.rows(), rectangle.columns(), rectangle.stride()),
            (2, 2, 4)
        );
        assert_eq!(rectangle.row(0), [5.0, 6.0]);
        assert_eq!(rectangle.reborrow().row(1), [9.0, 10.0]);
    }

    #[test]
    #[should_panic(expected = "0..4 of 3")]
    fn a_rectangle_outside_is_refused() {
        let mut matrix = vec![0.0; 12];
        // SAFETY: the only rectangle.
        unsafe { Grid::new(&mut matrix, 4).rectangle(0..4, 0..1) };
    }
}
