//! Excel: cells by `calamine`, in the order in which they stand in the file.

use calamine::{
    CellErrorType, DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxError,
};

use super::archive::measured;
use super::{Choice, Grid, damaged, number_text, require_sheet};
use crate::dates::time;
use crate::error::TableError;
use crate::guarded::guarded;
use crate::input::ReadSeek;

/// Reads a sheet into `grid`.
pub(super) fn read(
    source_name: &str,
    file: Box<dyn ReadSeek>,
    sheet: Option<&str>,
    limit: u64,
    grid: &mut Grid,
) -> Result<Choice, TableError> {
    let archive = measured(source_name, file, limit)?;
    let has = |end: &str| {
        let mut names = archive.file_names().filter_map(Result::ok);
        names.any(|name| name.ends_with(end))
    };
    if !has("workbook.xml") {
        let problem = if has("workbook.bin") {
            "it is a binary workbook (.xlsb), which is not read: save it as .xlsx"
        } else {
            "it is a zip archive, but no workbook"
        };
        return Err(damaged(source_name, problem));
    }
    let file = archive.into_inner();
    guarded(|| read_sheet(source_name, file, sheet, grid))
        .map_err(|problem| damaged(source_name, problem))?
}

fn read_sheet(
    source_name: &str,
    file: Box<dyn ReadSeek>,
    sheet: Option<&str>,
    grid: &mut Grid,
) -> Result<Choice, TableError> {
    let wrong = |error: XlsxError| match error {
        XlsxError::Password => damaged(source_name, "it is protected by a password"),
        error => damaged(source_name, format_args!("it is damaged ({error})")),
    };
    let mut book = Xlsx::new(file).map_err(wrong)?;
    let sheets = book.sheets_metadata();
    let is_seen = |visible| visible == SheetVisible::Visible;
    let first = sheets
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .max_by_key(|sheet| is_seen(sheet.visible));
    let first = sheets
        .iter()
        .find(|sheet| sheet.typ == SheetType::WorkSheet && is_seen(sheet.visible))
        .or(first)
        .map(|sheet| sheet.name.clone());
    let sheets = book.sheet_names();
    let read = match sheet {
        Some(sheet) => {
            require_sheet(source_name, sheet, &sheets)?;
            sheet.to_owned()
        }
        None => first.ok_or_else(|| damaged(source_name, "it has no sheet"))?,
    };
    let mut cells = book.worksheet_cells_reader(&read).map_err(wrong)?;
    while let Some(cell) = cells.next_cell().map_err(wrong)? {
        let (row, column) = cell.get_position();
        grid.cell(
            u64::from(row) + 1,
            column as usize,
            text_of(cell.get_value()),
        )?;
    }
    Ok(Choice { sheets, read })
}

/// A cell as people see it.
fn text_of(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number_text(*number),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(true) => "TRUE".to_owned(),
        DataRef::Bool(false) => "FALSE".to_owned(),
        DataRef::DateTime(moment) => text_of_moment(moment),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        // What a formula gives for "not available" is a word for unknown.
        DataRef::Error(CellErrorType::NA) => "NA".to_owned(),
        DataRef::Error(error) => error.to_string(),
    }
}

fn text_of_moment(moment: &ExcelDateTime) -> String {
    let days = moment.as_f64();
    if !days.is_finite() || days.abs() > 1e7 {
        return number_text(days);
    }
    if moment.is_duration() || (0.0..1.0).contains(&days) {
        return time((days * 86_400_000.0).round() as i64, 1000);
    }
    let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    match (hour, minute, second, milli) {
        (0, 0, 0, 0) => date,
        (_, _, _, 0) => format!("{date}T{hour:02}:{minute:02}:{second:02}"),
        _ => format!("{date}T{hour:02}:{minute:02}:{second:02}.{milli:03}"),
    }
}
