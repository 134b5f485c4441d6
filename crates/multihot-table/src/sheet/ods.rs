//! OpenDocument: the cells of a sheet, as its XML goes by.
//!
//! `calamine` reads these too, but it expands repeated cells before it looks at their number, and
//! does not end where a sheet is cut off: a hostile file can keep it busy for ever. Here a repeated
//! row is one row until it is known to fit.
//!
//! Source: OASIS, Open Document Format for Office Applications 1.3, part 3, chapters 6 and 9.

use std::io::{BufRead, BufReader};

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::archive::measured;
use super::{Choice, Grid, MOST_COLUMNS, damaged, number_text, require_sheet};
use crate::dates::time;
use crate::error::TableError;
use crate::input::ReadSeek;
use crate::source::RECORD_LIMIT;

/// How deep elements may be inside others; the reader keeps the names of all that are open.
const MOST_DEPTH: usize = 256;

/// Reads a sheet into `grid`.
pub(super) fn read(
    source_name: &str,
    file: Box<dyn ReadSeek>,
    sheet: Option<&str>,
    limit: u64,
    grid: &mut Grid,
) -> Result<Choice, TableError> {
    let mut archive = measured(source_name, file, limit)?;
    let content = archive.by_name("content.xml").map_err(|error| {
        damaged(
            source_name,
            format_args!("it is no OpenDocument spreadsheet ({error})"),
        )
    })?;
    let mut sheets = Sheets {
        source_name,
        wanted: sheet,
        grid,
        names: Vec::new(),
        read: None,
        tables: 0,
        is_reading: false,
        row_times: 1,
        column: 0,
        cell: None,
        annotations: 0,
    };
    sheets.read(BufReader::new(content))?;
    let Sheets { names, read, .. } = sheets;
    if let Some(sheet) = sheet {
        require_sheet(source_name, sheet, &names)?;
    }
    let read = read.ok_or_else(|| damaged(source_name, "it has no sheet"))?;
    Ok(Choice {
        sheets: names,
        read,
    })
}

/// Where in the sheets the next element stands.
struct Sheets<'a> {
    source_name: &'a str,
    wanted: Option<&'a str>,
    grid: &'a mut Grid,
    names: Vec<String>,
    /// The sheet that is or was read.
    read: Option<String>,
    /// Tables that are open, one inside the other.
    tables: usize,
    is_reading: bool,
    row_times: u64,
    column: usize,
    cell: Option<Cell>,
    /// Comments that are open in the cell.
    annotations: usize,
}

/// A cell whose end has not come.
#[derive(Default)]
struct Cell {
    times: usize,
    kind: Kind,
    /// The value that an attribute has.
    value: Option<String>,
    /// The paragraphs that show it.
    text: String,
    paragraphs: usize,
    is_in_paragraph: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Text,
    Number,
    Truth,
    Date,
    Time,
}

impl Sheets<'_> {
    fn read(&mut self, xml: impl BufRead) -> Result<(), TableError> {
        let mut reader = Reader::from_reader(xml);
        reader.config_mut().expand_empty_elements = true;
        let (mut buffer, mut depth) = (Vec::new(), 0_usize);
        loop {
            buffer.clear();
            let event = reader.read_event_into(&mut buffer);
            match event.map_err(|error| self.is_damaged(&error))? {
                Event::Start(tag) => {
                    depth += 1;
                    if depth > MOST_DEPTH {
                        return Err(self.is_damaged(&"elements are too deep inside others"));
                    }
                    self.start(&tag)?;
                }
                Event::End(tag) => {
                    depth = depth.saturating_sub(1);
                    self.end(tag.name().0)?;
                }
                Event::Text(text) => self.text(&text.xml10_content())?,
                Event::CData(text) => self.text(&text.xml10_content())?,
                Event::GeneralRef(name) => {
                    let character = self.character(&name)?;
                    self.text(&character)?;
                }
                Event::Eof if depth > 0 => return Err(self.is_damaged(&"its content is cut off")),
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    fn is_damaged(&self, problem: &dyn std::fmt::Display) -> TableError {
        damaged(self.source_name, format_args!("it is damaged ({problem})"))
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), TableError> {
        match tag.name().0 {
            "table:table" => {
                self.tables += 1;
                if self.tables == 1 {
                    self.start_sheet(tag)?;
                }
            }
            _ if !self.is_reading || self.tables > 1 => {}
            "table:table-row" => {
                let times = self.attribute(tag, "table:number-rows-repeated")?;
                self.row_times = self.times(times)?;
                self.column = 0;
            }
            "table:table-cell" | "table:covered-table-cell" => {
                self.cell = Some(self.start_cell(tag)?);
            }
            "office:annotation" => self.annotations += 1,
            name => self.start_of_text(name, tag)?,
        }
        Ok(())
    }

    fn start_sheet(&mut self, tag: &BytesStart<'_>) -> Result<(), TableError> {
        let name = self.attribute(tag, "table:name")?.unwrap_or_default();
        self.is_reading = self.read.is_none() && self.wanted.is_none_or(|wanted| wanted == name);
        if self.is_reading {
            self.read = Some(name.clone());
        }
        self.names.push(name);
        Ok(())
    }

    fn start_cell(&self, tag: &BytesStart<'_>) -> Result<Cell, TableError> {
        let times = self.attribute(tag, "table:number-columns-repeated")?;
        let kind = self.attribute(tag, "office:value-type")?;
        let (kind, value) = match kind.as_deref() {
            Some("float" | "currency" | "percentage") => (Kind::Number, "office:value"),
            Some("boolean") => (Kind::Truth, "office:boolean-value"),
            Some("date") => (Kind::Date, "office:date-value"),
            Some("time") => (Kind::Time, "office:time-value"),
            _ => (Kind::Text, "office:string-value"),
        };
        Ok(Cell {
            times: usize::try_from(self.times(times)?).unwrap_or(usize::MAX),
            kind,
            value: self.attribute(tag, value)?,
            ..Cell::default()
        })
    }

    /// What is no character of its own in a paragraph.
    fn start_of_text(&mut self, name: &str, tag: &BytesStart<'_>) -> Result<(), TableError> {
        match name {
            "text:p" | "text:h" => {
                let is_seen = self.annotations == 0;
                let Some(cell) = self.cell.as_mut().filter(|_| is_seen) else {
                    return Ok(());
                };
                cell.paragraphs += 1;
                cell.is_in_paragraph = true;
                if cell.paragraphs > 1 {
                    self.text("\n")?;
                }
            }
            "text:s" => {
                let count = self.attribute(tag, "text:c")?;
                let count = usize::try_from(self.times(count)?).unwrap_or(usize::MAX);
                if count > RECORD_LIMIT {
                    return Err(self.too_large());
                }
                self.text(&" ".repeat(count))?;
            }
            "text:tab" => self.text("\t")?,
            "text:line-break" => self.text("\n")?,
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), TableError> {
        let is_seen = self.annotations == 0;
        // Between paragraphs there is only white space that lays the XML out.
        let cell = self
            .cell
            .as_mut()
            .filter(|cell| is_seen && cell.is_in_paragraph);
        if let Some(cell) = cell {
            cell.text.push_str(text);
            if cell.text.len() > RECORD_LIMIT {
                return Err(self.too_large());
            }
        }
        Ok(())
    }

    fn end(&mut self, name: &str) -> Result<(), TableError> {
        match name {
            "table:table" => {
                self.tables = self.tables.saturating_sub(1);
                self.is_reading &= self.tables > 0;
            }
            _ if !self.is_reading || self.tables > 1 => {}
            "table:table-row" => self.grid.end_row(self.row_times)?,
            "table:table-cell" | "table:covered-table-cell" => {
                self.annotations = 0;
                if let Some(cell) = self.cell.take() {
                    self.end_cell(cell)?;
                }
            }
            "office:annotation" => self.annotations = self.annotations.saturating_sub(1),
            "text:p" | "text:h" if self.annotations == 0 => {
                if let Some(cell) = &mut self.cell {
                    cell.is_in_paragraph = false;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end_cell(&mut self, cell: Cell) -> Result<(), TableError> {
        let times = cell.times;
        let text = cell.seen();
        let first = self.column;
        self.column = self.column.saturating_add(times);
        if text.is_empty() {
            return Ok(());
        }
        for column in first..self.column.min(MOST_COLUMNS + 1) {
            self.grid.cell(self.grid.row, column, text.clone())?;
        }
        Ok(())
    }

    /// How often something stands there.
    fn times(&self, number: Option<String>) -> Result<u64, TableError> {
        let Some(number) = number else {
            return Ok(1);
        };
        let times = number.trim().parse();
        times.map_err(|_| self.is_damaged(&format_args!("`{number}` is no count")))
    }

    fn attribute(&self, tag: &BytesStart<'_>, name: &str) -> Result<Option<String>, TableError> {
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.is_damaged(&error))?;
            if attribute.key.0 == name {
                let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
                let value = value.map_err(|error| self.is_damaged(&error))?;
                return Ok(Some(value.into_owned()));
            }
        }
        Ok(None)
    }

    /// The character that a reference such as `&amp;` or `&#233;` stands for.
    fn character(&self, name: &BytesRef<'_>) -> Result<String, TableError> {
        let by_number = name.resolve_char_ref();
        if let Some(character) = by_number.map_err(|error| self.is_damaged(&error))? {
            return Ok(character.into());
        }
        match resolve_xml_entity(name) {
            Some(text) => Ok(text.to_owned()),
            None => Err(self.is_damaged(&format_args!("it refers to `{}`", &**name))),
        }
    }

    fn too_large(&self) -> TableError {
        TableError::TooLarge {
            source_name: self.source_name.to_owned(),
            line: self.grid.row,
            limit: RECORD_LIMIT,
        }
    }
}

impl Cell {
    /// The cell as people see it, numbers with all their digits.
    fn seen(self) -> String {
        let Some(value) = self.value else {
            return self.text;
        };
        match self.kind {
            Kind::Text => value,
            Kind::Number => value.parse().map_or(value, number_text),
            Kind::Truth => value.to_uppercase(),
            Kind::Date => value.strip_suffix("T00:00:00").unwrap_or(&value).to_owned(),
            Kind::Time => time_of_duration(&value).unwrap_or(value),
        }
    }
}

/// `PT13H45M00S` as `13:45:00`.
fn time_of_duration(duration: &str) -> Option<String> {
    let (hours, rest) = duration.strip_prefix("PT")?.split_once('H')?;
    let (minutes, rest) = rest.split_once('M')?;
    let seconds: f64 = rest.strip_suffix('S')?.replace(',', ".").parse().ok()?;
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    if !(0.0..60.0).contains(&seconds) {
        return None;
    }
    let whole = (i64::from(hours) * 60 + i64::from(minutes)) * 60;
    Some(time(whole * 1000 + (seconds * 1000.0).round() as i64, 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_times() {
        let cases = [
            ("PT13H45M00S", Some("13:45:00")),
            ("PT00H00M01.5S", Some("00:00:01.5")),
            ("PT100H00M00,000S", Some("100:00:00")),
            ("P1DT1H", None),
            ("PT1H-1M0S", None),
            ("", None),
        ];
        for (duration, expected) in cases {
            assert_eq!(
                time_of_duration(duration).as_deref(),
                expected,
                "{duration}"
            );
        }
    }
}
