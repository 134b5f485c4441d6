//! Lines of several files, told apart.

use std::sync::Arc;

use crate::error::TableError;
use crate::rows::TextRow;

/// Numbers the lines of several files through, so that what is found out about a row at the end of
/// the table can still be said with its file and its line there.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Each file, and what is added to its lines.
    files: Vec<(Arc<str>, u64)>,
    last: u64,
}

impl Places {
    /// Gives `row` a line that no row of another file has, and returns its line in its own file.
    pub(crate) fn number_through(&mut self, row: &mut TextRow) -> u64 {
        let line = row.line;
        if let Some(file) = &row.file {
            if self.files.last().is_none_or(|(last, _)| last != file) {
                self.files.push((Arc::clone(file), self.last));
            }
            let added = self.files.last().map_or(0, |(_, added)| *added);
            row.line = added + line;
            self.last = self.last.max(row.line);
        }
        line
    }

    /// `error` with the file and the line that a line of [`Places::number_through`] stands for.
    pub(crate) fn found_again(&self, mut error: TableError) -> TableError {
        for cell in error.cells_mut() {
            if let Some((file, line)) = self.place(cell.line) {
                (cell.file, cell.line) = (Some(file.to_string()), line);
            }
        }
        if let Some((source_name, numbered)) = error.place_mut()
            && let Some((file, line)) = self.place(*numbered)
        {
            (*source_name, *numbered) = (file.to_string(), line);
        }
        error
    }

    fn place(&self, line: u64) -> Option<(&str, u64)> {
        let file = self.files.iter().rev().find(|(_, added)| *added < line)?;
        Some((&file.0, line - file.1))
    }
}
