//! Excel out: a sheet `predictions`, with the names of the columns in a row that stays in view.
//!
//! Texts are strings, whatever they begin with, and never formulas or links. The cells wait in a
//! temporary file until the workbook is packed, so that memory is constant.

use std::fs::File;
use std::io::{self, Seek, Write};

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use super::number_text;
use super::record::{Columns, OutRecord, list_text};
use crate::error::TableError;
use crate::guarded::caught;
use crate::rows::TextRow;

/// Rows of a sheet, the names of the columns included.
const MOST_ROWS: u32 = 1_048_576;
/// Columns of a sheet.
const MOST_COLUMNS: usize = 16_384;
/// UTF-16 units of a cell's text.
const MOST_UNITS: usize = 32_767;

const SHEET: usize = 0;

/// Gathers records, and writes them to `W` at the end.
pub(super) struct XlsxOut<W: Write> {
    out: W,
    book: Workbook,
    names: Vec<String>,
    /// The row that comes next, from 0.
    row: u32,
    most_rows: u32,
}

impl<W: Write> XlsxOut<W> {
    pub(super) fn new(out: W, columns: &Columns) -> Result<Self, TableError> {
        Self::with_limit(out, columns, MOST_ROWS)
    }

    pub(super) fn with_limit(
        out: W,
        columns: &Columns,
        most_rows: u32,
    ) -> Result<Self, TableError> {
        let names: Vec<String> = columns.names().cloned().collect();
        if names.len() > MOST_COLUMNS {
            return Err(TableError::ExcelColumns {
                columns: names.len(),
                limit: MOST_COLUMNS,
            });
        }
        for name in &names {
            check_length(name, name, || "the header".to_owned())?;
        }
        let mut book = Workbook::new();
        written(|| write_header(&mut book, &names))?;
        Ok(XlsxOut {
            out,
            book,
            names,
            row: 1,
            most_rows,
        })
    }

    pub(super) fn write(&mut self, record: &OutRecord<'_>) -> Result<(), TableError> {
        if self.row == self.most_rows {
            return Err(TableError::ExcelRows {
                limit: self.most_rows - 1,
            });
        }
        let cells = Cell::all(record);
        for (cell, name) in cells.iter().zip(&self.names) {
            if let Cell::Text(text) = cell {
                check_length(text, name, || place(record.row))?;
            }
        }
        let row = self.row;
        written(|| {
            let sheet = self.book.worksheet_from_index(SHEET)?;
            let mut cells = cells.into_iter().zip(0..);
            cells.try_for_each(|(cell, column)| cell.write(sheet, row, column))
        })?;
        self.row += 1;
        Ok(())
    }

    /// Packs the workbook.
    pub(super) fn finish(mut self) -> Result<W, TableError> {
        // The crate asks for a writer that may change threads, which `out` need not be.
        let mut packed = tempfile::tempfile().map_err(TableError::Write)?;
        written(|| self.book.save_to_writer(&packed))?;
        copy(&mut packed, &mut self.out).map_err(TableError::Write)?;
        Ok(self.out)
    }
}

fn copy(packed: &mut File, out: &mut impl Write) -> io::Result<()> {
    packed.rewind()?;
    io::copy(packed, out)?;
    out.flush()
}

fn write_header(book: &mut Workbook, names: &[String]) -> Result<(), XlsxError> {
    let sheet = book.add_worksheet_with_constant_memory()?;
    sheet.set_name("predictions")?.set_freeze_panes(1, 0)?;
    let bold = Format::new().set_bold();
    for (name, column) in names.iter().zip(0..) {
        sheet.write_string_with_format(0, column, name, &bold)?;
    }
    Ok(())
}

enum Cell {
    Text(String),
    Number(f64),
}

impl Cell {
    /// The cells of `record`, in the order of its columns.
    fn all(record: &OutRecord<'_>) -> Vec<Self> {
        let texts = record.texts.iter();
        let texts = texts.map(|text| Cell::Text(String::from_utf8_lossy(text).into_owned()));
        let numbers = record.numbers.iter().map(|number| Cell::number(*number));
        let answers = record.answers.iter().map(|answer| match answer {
            Some(yes) => Cell::Number(f64::from(u8::from(*yes))),
            None => Cell::Text(String::new()),
        });
        let lists = record.lists.iter().map(|list| Cell::Text(list_text(list)));
        let windows = record.windows.iter().cloned().map(Cell::Text);
        let scores = numbers.chain(answers);
        texts.chain(scores).chain(lists).chain(windows).collect()
    }

    /// The number with the digits that CSV has: `0.1` and not `0.10000000149011612`.
    fn number(number: f32) -> Self {
        let text = number_text(number);
        text.parse().map_or_else(|_| Cell::Text(text), Cell::Number)
    }

    fn write(self, sheet: &mut Worksheet, row: u32, column: u16) -> Result<(), XlsxError> {
        match self {
            Cell::Text(text) => sheet.write_string(row, column, text)?,
            Cell::Number(number) => sheet.write_number(row, column, number)?,
        };
        Ok(())
    }
}

fn check_length(
    text: &str,
    column: &str,
    place: impl FnOnce() -> String,
) -> Result<(), TableError> {
    // A text has no more units than bytes.
    if text.len() <= MOST_UNITS {
        return Ok(());
    }
    let length = text.encode_utf16().count();
    if length <= MOST_UNITS {
        return Ok(());
    }
    Err(TableError::ExcelCell {
        place: place(),
        column: column.to_owned(),
        length,
        limit: MOST_UNITS,
    })
}

fn place(row: &TextRow) -> String {
    match &row.file {
        Some(file) => format!("{file}:{}", row.line),
        None => format!("line {}", row.line),
    }
}

/// What the crate does, with its errors as ours. It panics where its temporary file is full.
fn written(work: impl FnOnce() -> Result<(), XlsxError>) -> Result<(), TableError> {
    let error = match caught(work) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(XlsxError::IoError(error))) => error,
        Ok(Err(error)) => io::Error::other(error.to_string()),
        Err(said) => io::Error::other(said),
    };
    Err(TableError::Write(error))
}

#[cfg(test)]
mod tests {
    use csv::ByteRecord;

    use super::*;

    #[test]
    fn a_sheet_has_so_many_rows() {
        let columns = Columns {
            texts: vec!["text".into()],
            numbers: Vec::new(),
            answers: Vec::new(),
            lists: Vec::new(),
            windows: None,
        };
        let row = TextRow::blank();
        let record = OutRecord {
            row: &row,
            texts: ByteRecord::from(vec!["x"]),
            numbers: Vec::new(),
            answers: Vec::new(),
            lists: Vec::new(),
            windows: None,
        };
        let mut out = XlsxOut::with_limit(Vec::new(), &columns, 3).unwrap();
        out.write(&record).unwrap();
        out.write(&record).unwrap();
        let error = out.write(&record).unwrap_err().to_string();
        let expected = "the table has more than 2 rows, the most that a sheet of Excel takes";
        assert_eq!(error, expected);
    }

    #[test]
    fn numbers_have_the_digits_of_csv() {
        let cases = [
            (0.1_f32, Some(0.1)),
            (1e-7, Some(1e-7)),
            (-16.1, Some(-16.1)),
            (f32::NAN, None),
            (f32::INFINITY, None),
        ];
        for (number, expected) in cases {
            let found = match Cell::number(number) {
                Cell::Number(number) => Some(number),
                Cell::Text(text) => {
                    assert_eq!(text, "");
                    None
                }
            };
            assert_eq!(found, expected);
        }
    }
}
