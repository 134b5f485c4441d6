//! Workbooks in: the rows of one sheet, below its header where it has one.
//!
//! A sheet lies packed in an archive, and its texts may lie beside it, so that all of it is held in
//! memory: what it unpacks to and what its cells come to have limits, which are checked before that
//! much is there.

mod archive;
mod ods;
mod xlsx;

use std::iter;
use std::vec;

use csv::StringRecord;

use crate::csv::refuse_equal_names;
use crate::error::TableError;
use crate::input::{Layout, Whole};
use crate::names::{list, name_of, numbered};
use crate::notes::Notes;
use crate::source::ReadOptions;

/// Bytes that a workbook may unpack to, and that the cells of a sheet may have.
const SHEET_LIMIT: u64 = 1 << 30;
/// Columns of a sheet, in Excel and in LibreOffice.
const MOST_COLUMNS: usize = 16_384;

/// The rows of a sheet.
pub(crate) struct SheetRecords {
    header: Vec<String>,
    rows: vec::IntoIter<(u64, StringRecord)>,
}

impl SheetRecords {
    /// Reads the sheet that `options` name, or the first one that is not hidden.
    pub(crate) fn new(
        source_name: String,
        whole: Whole,
        layout: Layout,
        options: &ReadOptions,
        notes: &Notes,
    ) -> Result<Self, TableError> {
        Self::with_limit(source_name, whole, layout, options, notes, SHEET_LIMIT)
    }

    fn with_limit(
        source_name: String,
        whole: Whole,
        layout: Layout,
        options: &ReadOptions,
        notes: &Notes,
        limit: u64,
    ) -> Result<Self, TableError> {
        let mut grid = Grid::new(&source_name, !options.no_header, limit);
        let sheet = options.sheet.as_deref();
        let file = whole.reader();
        let choice = match layout {
            Layout::Ods => ods::read(&source_name, file, sheet, limit, &mut grid)?,
            _ => xlsx::read(&source_name, file, sheet, limit, &mut grid)?,
        };
        if sheet.is_none() && choice.sheets.len() > 1 {
            notes.add(format!(
                "read the sheet `{}` of {} (`--sheet` takes another)",
                choice.read,
                list(&choice.sheets)
            ));
        }
        grid.finish()
    }

    /// The names of the columns.
    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    /// The next record and the number of its row, as the program that wrote it counts.
    pub(crate) fn next_record(&mut self) -> Option<(u64, StringRecord)> {
        self.rows.next()
    }
}

/// The sheets there are, and the one that was read.
struct Choice {
    sheets: Vec<String>,
    read: String,
}

/// `sheet`, where it is one of `sheets`.
fn require_sheet(source_name: &str, sheet: &str, sheets: &[String]) -> Result<(), TableError> {
    if sheets.iter().any(|name| name == sheet) {
        return Ok(());
    }
    Err(TableError::NoSheet {
        source_name: source_name.to_owned(),
        sheet: sheet.to_owned(),
        sheets: sheets.to_vec(),
    })
}

fn damaged(source_name: &str, problem: impl ToString) -> TableError {
    TableError::Damaged {
        source_name: source_name.to_owned(),
        problem: problem.to_string(),
    }
}

/// Cells as they come, row by row, gathered into a header and records.
///
/// Rows in which no cell says anything are left out, and so are cells without a word right of the
/// header, or of all others.
struct Grid {
    source_name: String,
    has_header: bool,
    header: Option<Vec<String>>,
    /// Cells of the longest row.
    width: usize,
    rows: Vec<(u64, StringRecord)>,
    /// The row whose cells come, from 1.
    row: u64,
    cells: Vec<String>,
    /// Of the cells of this row.
    row_bytes: u64,
    /// Of all before.
    bytes: u64,
    limit: u64,
}

impl Grid {
    fn new(source_name: &str, has_header: bool, limit: u64) -> Self {
        Grid {
            source_name: source_name.to_owned(),
            has_header,
            header: None,
            width: 0,
            rows: Vec::new(),
            row: 1,
            cells: Vec::new(),
            row_bytes: 0,
            bytes: 0,
            limit,
        }
    }

    /// Takes a cell of a row, from 1, and of a column, from 0. Rows must not fall.
    fn cell(&mut self, row: u64, column: usize, text: String) -> Result<(), TableError> {
        if row < self.row || column >= MOST_COLUMNS {
            return Err(damaged(
                &self.source_name,
                format_args!(
                    "a cell stands at row {row}, column {}, where it cannot",
                    column + 1
                ),
            ));
        }
        if row > self.row {
            self.end_row(1)?;
            self.row = row;
        }
        if text.is_empty() {
            return Ok(());
        }
        self.row_bytes += text.len() as u64;
        self.check_size(self.bytes + self.row_bytes)?;
        if self.cells.len() <= column {
            self.cells.resize(column + 1, String::new());
        }
        self.cells[column] = text;
        Ok(())
    }

    /// Ends a row that stands there `times`.
    fn end_row(&mut self, times: u64) -> Result<(), TableError> {
        let cells = std::mem::take(&mut self.cells);
        self.row_bytes = 0;
        let row = self.row;
        self.row = self.row.saturating_add(times);
        if cells.is_empty() {
            return Ok(());
        }
        let Some(width) = self.width_of(row, &cells)? else {
            return self.take_header(row, cells, times);
        };
        let record = padded(cells.iter().map(String::as_str), width);
        // A record keeps the end of each cell beside its text.
        let bytes = (record.as_slice().len() + 8 * record.len() + 64) as u64;
        self.bytes = self.bytes.saturating_add(bytes.saturating_mul(times));
        self.check_size(self.bytes)?;
        for i in 0..times {
            self.rows.push((row + i, record.clone()));
        }
        Ok(())
    }

    /// Cells that the record of a row has; `None` for the header.
    fn width_of(&mut self, row: u64, cells: &[String]) -> Result<Option<usize>, TableError> {
        match &self.header {
            None if self.has_header => Ok(None),
            Some(header) if cells.len() > header.len() => Err(TableError::Uneven {
                source_name: self.source_name.clone(),
                line: row,
                first: "the header",
                expected: header.len(),
                found: cells.len(),
                advice: "the first row with anything in it is the header: delete what stands above the names of the columns".into(),
            }),
            Some(header) => Ok(Some(header.len())),
            None => {
                self.width = self.width.max(cells.len());
                Ok(Some(cells.len()))
            }
        }
    }

    fn take_header(&mut self, row: u64, cells: Vec<String>, times: u64) -> Result<(), TableError> {
        if times > 1 {
            return Err(damaged(
                &self.source_name,
                "its header stands there more than once",
            ));
        }
        let names: Vec<String> = cells.iter().map(|cell| name_of(cell)).collect();
        refuse_equal_names(&self.source_name, row, &names)?;
        self.header = Some(names);
        Ok(())
    }

    fn check_size(&self, bytes: u64) -> Result<(), TableError> {
        if bytes <= self.limit {
            return Ok(());
        }
        Err(damaged(
            &self.source_name,
            format_args!(
                "the cells of the sheet come to more than {} MB, the most that is read of one",
                self.limit >> 20
            ),
        ))
    }

    fn finish(mut self) -> Result<SheetRecords, TableError> {
        self.end_row(1)?;
        if self.header.is_none() && self.rows.is_empty() {
            return Err(TableError::Empty {
                source_name: self.source_name,
            });
        }
        if self.header.is_none() {
            self.make_even()?;
        }
        Ok(SheetRecords {
            header: self.header.unwrap_or_else(|| numbered(self.width)),
            rows: self.rows.into_iter(),
        })
    }

    /// Gives the records without a header as many cells as the longest one has.
    fn make_even(&mut self) -> Result<(), TableError> {
        let cells = self.width as u64 * self.rows.len() as u64;
        // Each blank cell is an end that the record keeps.
        self.check_size(self.bytes.saturating_add(8 * cells))?;
        for (_, record) in &mut self.rows {
            *record = padded(record.iter(), self.width);
        }
        Ok(())
    }
}

/// A record of `cells` and of blank ones behind them, `width` together.
fn padded<'a>(cells: impl Iterator<Item = &'a str>, width: usize) -> StringRecord {
    cells.chain(iter::repeat("")).take(width).collect()
}

/// A number as a spreadsheet shows it: whole ones without a point, others with at most 15 digits.
fn number_text(number: f64) -> String {
    if !number.is_finite() {
        return String::new();
    }
    // The 16th digit is where 0.1 + 0.2 differs from 0.3.
    let rounded: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    if rounded == 0.0 {
        "0".to_owned()
    } else {
        rounded.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use proptest::prelude::*;

    use super::*;

    fn grid(cells: &[(u64, usize, &str)]) -> Result<SheetRecords, TableError> {
        filled(Grid::new("t.xlsx", true, 1 << 20), cells)
    }

    fn filled(mut grid: Grid, cells: &[(u64, usize, &str)]) -> Result<SheetRecords, TableError> {
        for (row, column, text) in cells {
            grid.cell(*row, *column, (*text).to_owned())?;
        }
        grid.finish()
    }

    #[test]
    fn cells_become_records_below_a_header() {
        let cells = [
            (2, 0, ""),
            (3, 0, "text"),
            (3, 2, "a"),
            (3, 3, ""),
            (4, 0, "x"),
            (6, 2, "1"),
            (6, 5, ""),
            (9, 9, ""),
        ];
        let mut records = grid(&cells).unwrap();
        assert_eq!(records.header(), ["text", "", "a"]);
        let first = records.next_record().unwrap();
        assert_eq!(first, (4, StringRecord::from(vec!["x", "", ""])));
        let second = records.next_record().unwrap();
        assert_eq!(second, (6, StringRecord::from(vec!["", "", "1"])));
        assert_eq!(records.next_record(), None);
    }

    #[test]
    fn without_a_header_the_longest_row_says_how_many_columns_there_are() {
        let cells = [(2, 0, "x"), (3, 2, "1"), (4, 1, "y")];
        let mut records = filled(Grid::new("t.xlsx", false, 1 << 20), &cells).unwrap();
        assert_eq!(records.header(), ["1", "2", "3"]);
        let rows: Vec<_> = std::iter::from_fn(|| records.next_record()).collect();
        let expected = [(2, ["x", "", ""]), (3, ["", "", "1"]), (4, ["", "y", ""])];
        let expected = expected.map(|(row, cells)| (row, StringRecord::from(cells.to_vec())));
        assert_eq!(rows, expected);
        let empty = filled(Grid::new("t.xlsx", false, 1 << 20), &[(3, 1, "")]);
        assert_eq!(empty.err().unwrap().to_string(), "t.xlsx is empty");
    }

    #[test]
    fn a_wide_row_without_a_header_does_not_widen_others_without_limit() {
        let mut grid = Grid::new("t.ods", false, 1 << 20);
        grid.cell(1, MOST_COLUMNS - 1, "x".into()).unwrap();
        for row in 2..100 {
            grid.cell(row, 0, "x".into()).unwrap();
        }
        let error = grid.finish().err().unwrap().to_string();
        assert!(error.contains("more than 1 MB"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_row() {
        type Cells = &'static [(u64, usize, &'static str)];
        let cases: [(Cells, &str); 5] = [
            (&[], "t.xlsx is empty"),
            (
                &[(1, 0, "a"), (3, 1, "x")],
                "t.xlsx:3: the header has 1 columns, this record has 2",
            ),
            (
                &[(1, 0, "a"), (1, 2, "a")],
                "t.xlsx:1: column `a` is there twice",
            ),
            (
                &[(2, 0, "a"), (1, 0, "b")],
                "t.xlsx: a cell stands at row 1, column 1, where it cannot",
            ),
            (
                &[(1, MOST_COLUMNS, "a")],
                "t.xlsx: a cell stands at row 1, column 16385, where it cannot",
            ),
        ];
        for (cells, message) in cases {
            assert_eq!(grid(cells).err().unwrap().to_string(), message);
        }
    }

    #[test]
    fn cells_have_a_limit_together() {
        let mut grid = Grid::new("t.ods", true, 1 << 20);
        grid.cell(1, 0, "text".into()).unwrap();
        grid.cell(2, 0, "x".repeat(1000)).unwrap();
        let error = grid.end_row(1 << 40).unwrap_err().to_string();
        assert!(error.contains("more than 1 MB"), "{error}");
        let mut grid = Grid::new("t.ods", true, 1 << 20);
        let error = (0..MOST_COLUMNS).find_map(|i| grid.cell(1, i, "x".repeat(100)).err());
        assert!(error.unwrap().to_string().contains("more than 1 MB"));
    }

    #[test]
    fn numbers_are_as_people_see_them() {
        let cases = [
            (1.0, "1"),
            (-0.0, "0"),
            (0.1 + 0.2, "0.3"),
            (2.5, "2.5"),
            (123_456_789_012.0, "123456789012"),
            (1e15, "1000000000000000"),
            (-1.0, "-1"),
            (1e-7, "0.0000001"),
            (f64::NAN, ""),
            (f64::INFINITY, ""),
        ];
        for (number, expected) in cases {
            assert_eq!(number_text(number), expected);
        }
    }

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, content) in entries {
            archive
                .start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
            archive.write_all(content).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    const CONTENT: &str = "<office:document-content><office:body><office:spreadsheet>\
         <table:table table:name=\"A\">ROWS</table:table>\
         </office:spreadsheet></office:body></office:document-content>";

    fn ods(rows: &str) -> Vec<u8> {
        zip(&[("content.xml", CONTENT.replace("ROWS", rows).as_bytes())])
    }

    fn all(layout: Layout, bytes: Vec<u8>, limit: u64) -> Result<Vec<(u64, String)>, String> {
        let records = SheetRecords::with_limit(
            "t".into(),
            Whole::Memory(bytes.into()),
            layout,
            &ReadOptions::default(),
            &Notes::default(),
            limit,
        );
        let mut records = records.map_err(|error| error.to_string())?;
        let mut rows = vec![(0, records.header().join("|"))];
        while let Some((row, record)) = records.next_record() {
            rows.push((row, record.iter().collect::<Vec<_>>().join("|")));
        }
        Ok(rows)
    }

    fn row(cells: &str) -> String {
        let cells = cells.split('|').map(|cell| {
            format!("<table:table-cell office:value-type=\"string\"><text:p>{cell}</text:p></table:table-cell>")
        });
        format!(
            "<table:table-row>{}</table:table-row>",
            cells.collect::<String>()
        )
    }

    #[test]
    fn opendocument_repeats_cells_and_rows() {
        let rows = [
            "<table:table-row table:number-rows-repeated=\"1000000000\"><table:table-cell \
             table:number-columns-repeated=\"16384\"/></table:table-row>",
            "<table:table-header-rows>",
            &row("text|a"),
            "</table:table-header-rows>",
            "<table:table-row table:number-rows-repeated=\"2\">\
             <table:table-cell office:value-type=\"string\"><office:annotation><text:p>a comment</text:p>\
             </office:annotation><text:p>one &amp; <text:span>t<text:s text:c=\"2\"/>w</text:span>&#111;</text:p>\n\
             <text:p/><text:p>three<text:line-break/>four<text:tab/>.</text:p></table:table-cell>\
             <table:table-cell office:value-type=\"boolean\" office:boolean-value=\"true\"/>\
             <table:table-cell table:number-columns-repeated=\"16382\"/></table:table-row>",
            "<table:table-row><table:covered-table-cell/><table:table-cell \
             office:value-type=\"float\" office:value=\"0\"><text:p>no</text:p></table:table-cell></table:table-row>",
        ];
        let text = "one & t  wo\n\nthree\nfour\t.|TRUE".to_owned();
        let first = 1_000_000_002;
        let expected = [
            (0, "text|a".into()),
            (first, text.clone()),
            (first + 1, text),
            (first + 2, "|0".into()),
        ];
        assert_eq!(
            all(Layout::Ods, ods(&rows.concat()), 1 << 20).unwrap(),
            expected
        );
    }

    #[test]
    fn an_opendocument_that_lies_is_an_error() {
        let header = row("text|a");
        let after_header = |rows: &str| ods(&format!("{header}{rows}"));
        let repeated = |times: &str, columns: &str, text: &str| {
            after_header(&format!(
                "<table:table-row table:number-rows-repeated=\"{times}\"><table:table-cell \
                 table:number-columns-repeated=\"{columns}\" office:value-type=\"string\"><text:p>{text}</text:p>\
                 </table:table-cell></table:table-row>"
            ))
        };
        let whole = CONTENT.replace("ROWS", &row("text"));
        let cases = [
            (
                "a billion rows",
                repeated("1000000000", "2", "x"),
                "come to more than 1 MB",
            ),
            (
                "a billion columns",
                repeated("1", "1000000000", "x"),
                "column 16385, where it cannot",
            ),
            (
                "columns of long texts",
                repeated("1", "16384", &"x".repeat(1000)),
                "come to more than 1 MB",
            ),
            (
                "less than no rows",
                repeated("-1", "1", "x"),
                "`-1` is no count",
            ),
            (
                "too many rows",
                repeated("99999999999999999999", "1", "x"),
                "is no count",
            ),
            (
                "spaces",
                after_header(
                    "<table:table-row><table:table-cell><text:p><text:s text:c=\"9999999999\"/></text:p></table:table-cell></table:table-row>",
                ),
                "the record is larger than 256 MB",
            ),
            (
                "deep",
                ods(&"<a>".repeat(300)),
                "elements are too deep inside others",
            ),
            (
                "cut off",
                zip(&[("content.xml", &whole.as_bytes()[..200])]),
                "it is damaged",
            ),
            (
                "cut off between elements",
                zip(&[(
                    "content.xml",
                    whole.split("</table:table>").next().unwrap().as_bytes(),
                )]),
                "its content is cut off",
            ),
            ("an entity", ods(&row("&bomb;")), "it refers to `bomb`"),
            ("crossed elements", ods("<a><b></a></b>"), "it is damaged"),
            (
                "no content",
                zip(&[("mimetype", b"")]),
                "it is no OpenDocument spreadsheet",
            ),
            (
                "no sheet",
                zip(&[("content.xml", b"<a/>")]),
                "it has no sheet",
            ),
            (
                "a bomb",
                zip(&[
                    ("content.xml", whole.as_bytes()),
                    ("Pictures/1.png", &[0; 2 << 20]),
                ]),
                "it unpacks to more than 1 MB",
            ),
            (
                "no archive",
                b"PK\x03\x04nothing".to_vec(),
                "it is no workbook, or it is damaged",
            ),
        ];
        for (name, bytes, expected) in cases {
            let error = all(Layout::Ods, bytes, 1 << 20).unwrap_err();
            assert!(error.contains(expected), "{name}: {error}");
        }
    }

    /// A workbook of one sheet.
    fn xlsx(strings: &str, sheet: &str) -> Vec<u8> {
        zip(&[
            (
                "_rels/.rels",
                br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
            ),
            (
                "xl/workbook.xml",
                br#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
            ),
            (
                "xl/_rels/workbook.xml.rels",
                br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
            ),
            ("xl/sharedStrings.xml", strings.as_bytes()),
            ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
        ])
    }

    const STRINGS: &str =
        r#"<sst uniqueCount="2"><si><t>text</t></si><si><t>a &amp; b</t></si></sst>"#;

    #[test]
    fn an_excel_workbook_that_lies_is_an_error() {
        let cell =
            |place: &str, string: &str| format!(r#"<c r="{place}" t="s"><v>{string}</v></c>"#);
        let sheet = |rows: &str| format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
        let header = format!(r#"<row r="1">{}</row>"#, cell("A1", "0"));
        let honest = sheet(&format!(r#"{header}<row r="2">{}</row>"#, cell("A2", "1")));
        let rows = all(Layout::Xlsx, xlsx(STRINGS, &honest), 1 << 20).unwrap();
        assert_eq!(rows, [(0, "text".into()), (2, "a & b".into())]);

        let with = |row: &str| xlsx(STRINGS, &sheet(&format!("{header}{row}")));
        let many = STRINGS.replace("\"2\"", "\"99999999999999\"");
        let long = format!(
            r#"<sst uniqueCount="2"><si><t>text</t></si><si><t>{}</t></si></sst>"#,
            "x".repeat(9000)
        );
        let often: String = (2..200)
            .map(|row| format!("<row r=\"{row}\">{}</row>", cell(&format!("A{row}"), "1")))
            .collect();
        let cases = [
            (
                "texts that are not there",
                xlsx(&many, &honest),
                "it says it has 99999999999999 texts, in ",
            ),
            (
                "a text for ever again",
                xlsx(&long, &sheet(&format!("{header}{often}"))),
                "come to more than 1 MB",
            ),
            (
                "the last cell of all",
                with(&cell("XFD1048576", "1")),
                "t:1048576: the header has 1 columns, this record has 16384",
            ),
            (
                "a cell outside",
                with(&cell("ZZZZZ99999999999", "1")),
                "it is damaged",
            ),
            (
                "a text that is not there",
                with(&cell("A2", "7")),
                "it is damaged",
            ),
            (
                "rows that fall",
                with(&(cell("A3", "1") + &cell("A2", "1"))),
                "a cell stands at row 2, column 1, where it cannot",
            ),
            (
                "a sheet that is cut off",
                xlsx(STRINGS, &honest[..honest.len() - 40]),
                "it is damaged",
            ),
            ("no sheet", xlsx(STRINGS, ""), "it is damaged"),
            (
                "texts that are cut off",
                xlsx(&STRINGS[..30], &honest),
                "it is damaged",
            ),
            (
                "a bomb",
                xlsx(STRINGS, &sheet(&" ".repeat(2 << 20))),
                "it unpacks to more than 1 MB",
            ),
            (
                "another archive",
                zip(&[("a.txt", b"a")]),
                "it is a zip archive, but no workbook",
            ),
            (
                "a binary workbook",
                zip(&[("xl/workbook.bin", b"a")]),
                "save it as .xlsx",
            ),
        ];
        for (name, bytes, expected) in cases {
            let error = all(Layout::Xlsx, bytes, 1 << 20).unwrap_err();
            assert!(error.contains(expected), "{name}: {error}");
        }
    }

    #[test]
    fn a_directory_that_lies_about_sizes_helps_no_bomb() {
        let content = CONTENT.replace("ROWS", &row("text"));
        let bomb = zip(&[("content.xml", content.as_bytes()), ("b", &[0; 3 << 20])]);
        let said = (3_u32 << 20).to_le_bytes();
        let mut lying = bomb.clone();
        let mut found = 0;
        for place in 0..lying.len() - 4 {
            if lying[place..place + 4] == said {
                lying[place..place + 4].copy_from_slice(&7_u32.to_le_bytes());
                found += 1;
            }
        }
        assert!(found > 0);
        let error = all(Layout::Ods, lying, 1 << 20).unwrap_err();
        assert!(
            error.contains("damaged") || error.contains("unpacks"),
            "{error}"
        );
    }

    const GOLDEN: [(Layout, &[u8]); 2] = [
        (Layout::Xlsx, include_bytes!("../tests/golden/kinds.xlsx")),
        (Layout::Ods, include_bytes!("../tests/golden/pandas.ods")),
    ];

    #[test]
    fn a_workbook_that_is_cut_off_is_an_error() {
        for (layout, file) in GOLDEN {
            assert!(all(layout, file.to_vec(), SHEET_LIMIT).is_ok());
            for length in (0..file.len()).step_by(97) {
                assert!(
                    all(layout, file[..length].to_vec(), SHEET_LIMIT).is_err(),
                    "{length}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn damaged_cells_end_in_rows_or_an_error(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut strings = STRINGS.as_bytes().to_vec();
            let mut sheet = b"<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row>\
                <row r=\"2\"><c r=\"A2\" t=\"b\"><v>1</v></c><c r=\"B2\" s=\"1\"><v>1e9</v></c></row></sheetData></worksheet>".to_vec();
            let mut rows = CONTENT.replace("ROWS", &(row("text|a") + &row("x|1"))).into_bytes();
            for (place, byte) in damage {
                for xml in [&mut strings, &mut sheet, &mut rows] {
                    let place = place.index(xml.len());
                    xml[place] = byte;
                }
            }
            let (strings, sheet) = (String::from_utf8_lossy(&strings), String::from_utf8_lossy(&sheet));
            let _ = all(Layout::Xlsx, xlsx(&strings, &sheet), 1 << 20);
            let _ = all(Layout::Ods, zip(&[("content.xml", &rows)]), 1 << 20);
        }
    }
}
