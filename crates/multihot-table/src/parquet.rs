//! Parquet in: rows as objects, a row group and a few values of it at a time.
//!
//! The `parquet` crate decodes; what a file claims is checked here and in `parquet/pages.rs` before
//! memory is taken for it.

mod pages;
mod thrift;
mod values;

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::bloom_filter::Sbbf;
use parquet::column::page::PageReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::reader::RowGroupReader;
use parquet::record::reader::{ReaderIter, RowIter, TreeBuilder};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use serde_json::value::RawValue;

use self::pages::Pages;
use self::thrift::{Compact, Kind};
use self::values::{write_json, write_nanoseconds};
use crate::csv::refuse_equal_names;
use crate::error::TableError;
use crate::guarded::guarded;
use crate::input::Whole;
use crate::jsonl::Object;
use crate::names::name_of;

const MAGIC: &[u8; 4] = b"PAR1";

/// Bytes of what a file says of itself at its end.
const FOOTER_LIMIT: u64 = 64 << 20;
/// Columns, with all that are inside others.
const MOST_COLUMNS: u64 = 1 << 16;
/// How deep columns are inside others.
const MOST_DEPTH: usize = 32;
/// Values of a column for each byte of the file. Equal ones take next to no room, so that a label
/// that is always no is far above one; texts are far below.
const VALUES_PER_BYTE: u64 = 100;
/// So many values need no such reason.
const FEW_VALUES: u64 = 1 << 20;
/// Rows whose values are decoded at once.
const BATCH_ROWS: usize = 64;

/// The rows of a Parquet file.
pub(crate) struct ParquetRecords {
    source_name: String,
    whole: Arc<Whole>,
    metadata: Arc<ParquetMetaData>,
    columns: Vec<Column>,
    next_group: usize,
    rows: Option<ReaderIter>,
    row: u64,
}

struct Column {
    name: String,
    /// The crate leaves such moments numbers.
    is_nanoseconds: bool,
}

impl ParquetRecords {
    /// Reads what the file says of itself.
    pub(crate) fn new(source_name: String, whole: Whole) -> std::result::Result<Self, TableError> {
        let whole = Arc::new(whole);
        let metadata = guarded(|| metadata(&whole))
            .and_then(|read| read.map_err(text_of))
            .map_err(|problem| TableError::Damaged {
                source_name: source_name.clone(),
                problem,
            })?;
        let schema = metadata.file_metadata().schema();
        let columns: Vec<Column> = schema
            .get_fields()
            .iter()
            .map(|field| Column::of(field))
            .collect();
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        refuse_equal_names(&source_name, 1, &names)?;
        Ok(ParquetRecords {
            source_name,
            whole,
            metadata: Arc::new(metadata),
            columns,
            next_group: 0,
            rows: None,
            row: 0,
        })
    }

    /// The names of the columns.
    pub(crate) fn columns(&self) -> Vec<String> {
        let names = self.columns.iter().map(|column| column.name.clone());
        names.collect()
    }

    /// The number of the row that [`Self::next_object`] gave last, from 1.
    pub(crate) fn row(&self) -> u64 {
        self.row
    }

    /// The next row.
    pub(crate) fn next_object(&mut self) -> std::result::Result<Option<Object>, TableError> {
        self.row += 1;
        let row = guarded(|| self.next_row());
        row.and_then(|read| read.map_err(text_of))
            .and_then(|row| row.map(|row| self.object(row)).transpose())
            .map_err(|problem| TableError::BadRow {
                source_name: self.source_name.clone(),
                row: self.row,
                problem,
            })
    }

    fn next_row(&mut self) -> Result<Option<Row>> {
        loop {
            if let Some(row) = self.rows.as_mut().and_then(Iterator::next) {
                return row.map(Some);
            }
            if self.next_group == self.metadata.num_row_groups() {
                return Ok(None);
            }
            let group = Group {
                whole: Arc::clone(&self.whole),
                metadata: Arc::clone(&self.metadata),
                place: self.next_group,
            };
            self.next_group += 1;
            let schema = self.metadata.file_metadata().schema_descr_ptr();
            let tree = TreeBuilder::new().with_batch_size(BATCH_ROWS);
            self.rows = Some(tree.as_iter(schema, &group)?);
        }
    }

    fn object(&self, row: Row) -> std::result::Result<Object, String> {
        let fields = row.into_columns().into_iter().zip(&self.columns);
        let entries = fields.map(|((name, field), column)| Ok((name, column.raw(&field)?)));
        entries
            .collect::<std::result::Result<_, _>>()
            .map(Object::new)
    }
}

fn text_of(error: ParquetError) -> String {
    let text = error.to_string();
    for start in ["Parquet error: ", "EOF: ", "External: "] {
        if let Some(rest) = text.strip_prefix(start) {
            return rest.to_owned();
        }
    }
    text
}

fn problem(text: impl Into<String>) -> ParquetError {
    ParquetError::General(text.into())
}

impl Column {
    fn of(field: &Type) -> Self {
        let logical_type = field.get_basic_info().logical_type_ref();
        let is_nanoseconds = matches!(
            logical_type,
            Some(LogicalType::Timestamp(timestamp)) if timestamp.unit == TimeUnit::NANOS
        );
        Column {
            name: name_of(field.name()),
            is_nanoseconds: is_nanoseconds && field.is_primitive(),
        }
    }

    fn raw(&self, field: &Field) -> std::result::Result<Box<RawValue>, String> {
        let mut json = String::new();
        if self.is_nanoseconds {
            write_nanoseconds(field, &mut json);
        } else {
            write_json(field, &mut json);
        }
        RawValue::from_string(json).map_err(|error| error.to_string())
    }
}

impl Whole {
    fn size(&self) -> io::Result<u64> {
        match self {
            Whole::File(file) => Ok(file.metadata()?.len()),
            Whole::Memory(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// The `length` bytes from `start` on.
    fn bytes_at(&self, start: u64, length: usize) -> Result<Bytes> {
        match self {
            Whole::Memory(bytes) => {
                let start = usize::try_from(start)?;
                let end = start.checked_add(length).filter(|end| *end <= bytes.len());
                let end = end.ok_or_else(|| problem("the file is cut off"))?;
                Ok(bytes.slice(start..end))
            }
            Whole::File(file) => {
                let mut file = file;
                file.seek(SeekFrom::Start(start))?;
                // No memory for more than there is.
                let mut bytes = Vec::new();
                let read = file.take(length as u64).read_to_end(&mut bytes)?;
                if read < length {
                    return Err(problem("the file is cut off"));
                }
                Ok(bytes.into())
            }
        }
    }
}

/// What the file says of itself at its end, as far as it can be true.
fn metadata(whole: &Whole) -> Result<ParquetMetaData> {
    let size = whole.size()?;
    if size < 12 {
        return Err(problem("it is no Parquet file, or it is cut off"));
    }
    let end = whole.bytes_at(size - 8, 8)?;
    if &end[4..] == b"PARE" {
        return Err(problem("it is encrypted, which is not read"));
    }
    if &end[4..] != MAGIC {
        return Err(problem("it is no Parquet file, or it is cut off"));
    }
    let length = u64::from(u32::from_le_bytes([end[0], end[1], end[2], end[3]]));
    if length > (size - 12).min(FOOTER_LIMIT) {
        return Err(problem(format!(
            "its footer says it has {length} bytes, in a file of {size}; {FOOTER_LIMIT} is the most that is read"
        )));
    }
    let footer = whole.bytes_at(size - 8 - length, length as usize)?;
    check_schema(&footer)?;
    let metadata = ParquetMetaDataReader::decode_metadata(&footer)?;
    check_groups(&metadata, size)?;
    Ok(metadata)
}

/// That columns are inside others no deeper than can be followed.
fn check_schema(footer: &[u8]) -> Result<()> {
    let mut elements = Vec::new();
    let read = Compact::new(footer).fields(|compact, id, kind| {
        if (id, kind) != (2, Kind::List) {
            return Some(false);
        }
        let (length, kind) = compact.list()?;
        if kind != Kind::Struct || length > MOST_COLUMNS {
            return None;
        }
        for _ in 0..length {
            elements.push(children_of_element(compact)?);
        }
        Some(true)
    });
    let too_deep = || problem("its columns cannot be read, or there are too many of them");
    read.ok_or_else(too_deep)?;
    let mut open: Vec<i64> = Vec::new();
    for children in elements {
        while open.last() == Some(&0) {
            open.pop();
        }
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        if children > 0 {
            open.push(children);
        }
        if children < 0 || open.len() > MOST_DEPTH {
            return Err(too_deep());
        }
    }
    Ok(())
}

/// `num_children` of a `SchemaElement`.
fn children_of_element(compact: &mut Compact<'_>) -> Option<i64> {
    let mut children = 0;
    compact.fields(|compact, id, kind| {
        if (id, kind) != (5, Kind::Integer) {
            return Some(false);
        }
        children = compact.integer()?;
        Some(true)
    })?;
    Some(children)
}

/// That rows and bytes of the row groups can be there.
fn check_groups(metadata: &ParquetMetaData, size: u64) -> Result<()> {
    let (mut rows, mut bytes) = (0_u64, 0_u64);
    for group in metadata.row_groups() {
        let of_group = u64::try_from(group.num_rows())?;
        rows = rows.saturating_add(of_group);
        for column in group.columns() {
            let (start, end) = range(column, size)?;
            bytes += end - start;
            let values = u64::try_from(column.num_values())?;
            let name = column.column_path().string();
            let is_flat = column.column_descr().max_rep_level() == 0;
            if is_flat && values != of_group || values < of_group {
                return Err(problem(format!(
                    "column `{name}` says it has {values} values in {of_group} rows"
                )));
            }
            if values > FEW_VALUES.max(size.saturating_mul(VALUES_PER_BYTE)) {
                return Err(problem(format!(
                    "column `{name}` says it has {values} values, in a file of {size} bytes"
                )));
            }
        }
    }
    let said = u64::try_from(metadata.file_metadata().num_rows())?;
    if said != rows {
        return Err(problem(format!(
            "it says it has {said} rows, and its row groups {rows}"
        )));
    }
    if rows > FEW_VALUES.max(size.saturating_mul(VALUES_PER_BYTE)) {
        return Err(problem(format!(
            "it says it has {rows} rows, in a file of {size} bytes"
        )));
    }
    if bytes > size {
        return Err(problem(format!(
            "its columns say they have {bytes} bytes, in a file of {size}"
        )));
    }
    Ok(())
}

/// Where the pages of a column chunk start and end.
fn range(column: &ColumnChunkMetaData, size: u64) -> Result<(u64, u64)> {
    if column.file_path().is_some() {
        return Err(problem("it has columns in other files, which are not read"));
    }
    let first = column.dictionary_page_offset().filter(|offset| *offset > 0);
    let first = first.map_or(column.data_page_offset(), |dictionary| {
        dictionary.min(column.data_page_offset())
    });
    let range = u64::try_from(first)
        .ok()
        .zip(u64::try_from(column.compressed_size()).ok())
        .and_then(|(start, length)| Some((start, start.checked_add(length)?)));
    range.filter(|(_, end)| *end <= size).ok_or_else(|| {
        problem(format!(
            "column `{}` says it lies outside of the file",
            column.column_path().string()
        ))
    })
}

/// A row group, as the crate asks for it.
struct Group {
    whole: Arc<Whole>,
    metadata: Arc<ParquetMetaData>,
    place: usize,
}

impl RowGroupReader for Group {
    fn metadata(&self) -> &RowGroupMetaData {
        self.metadata.row_group(self.place)
    }

    fn num_columns(&self) -> usize {
        self.metadata().num_columns()
    }

    fn get_column_page_reader(&self, i: usize) -> Result<Box<dyn PageReader>> {
        let column = self.metadata().column(i);
        let (start, end) = range(column, self.whole.size()?)?;
        let pages = Pages::new(Arc::clone(&self.whole), column, start, end)?;
        Ok(Box::new(pages))
    }

    fn get_column_bloom_filter(&self, _: usize) -> Option<&Sbbf> {
        None
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_row_group(projection, self)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use parquet::basic::{Compression, GzipLevel};
    use parquet::file::metadata::{FileMetaData, ParquetMetaDataWriter};
    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::SchemaDescriptor;
    use proptest::prelude::*;

    use super::*;

    /// A file with one column of texts, whatever its parts say of themselves.
    struct Lying {
        pages: Vec<u8>,
        rows: i64,
        values: i64,
        file_rows: i64,
        offset: i64,
        length: i64,
        compression: Compression,
    }

    impl Lying {
        /// What is no lie: `pages` with `rows` values.
        fn new(pages: Vec<u8>, rows: i64) -> Self {
            Lying {
                length: pages.len() as i64,
                pages,
                rows,
                values: rows,
                file_rows: rows,
                offset: 4,
                compression: Compression::UNCOMPRESSED,
            }
        }

        fn metadata(&self) -> ParquetMetaData {
            let schema = "message m { required binary text (UTF8); }";
            let schema = SchemaDescriptor::new(Arc::new(parse_message_type(schema).unwrap()));
            let schema = Arc::new(schema);
            let column = ColumnChunkMetaData::builder(schema.column(0))
                .set_num_values(self.values)
                .set_compression(self.compression)
                .set_data_page_offset(self.offset)
                .set_total_compressed_size(self.length)
                .set_total_uncompressed_size(self.length)
                .build();
            let group = RowGroupMetaData::builder(Arc::clone(&schema))
                .set_num_rows(self.rows)
                .add_column_metadata(column.unwrap())
                .build();
            let file = FileMetaData::new(1, self.file_rows, None, None, schema, None);
            ParquetMetaData::new(file, vec![group.unwrap()])
        }

        fn bytes(&self) -> Vec<u8> {
            let metadata = self.metadata();
            let mut bytes = [MAGIC, self.pages.as_slice()].concat();
            ParquetMetaDataWriter::new(&mut bytes, &metadata)
                .finish()
                .unwrap();
            bytes
        }
    }

    fn integer(number: i64) -> Vec<u8> {
        let mut number = ((number << 1) ^ (number >> 63)) as u64;
        let mut bytes = Vec::new();
        while number > 0x7F {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }

    /// A data page, or where `kind` is 2 a dictionary.
    fn page(
        kind: i64,
        unpacked: i64,
        packed: i64,
        values: i64,
        encoding: i64,
        data: &[u8],
    ) -> Vec<u8> {
        let mut page = Vec::new();
        for number in [kind, unpacked, packed] {
            page.push(0x15);
            page.extend(integer(number));
        }
        page.push(if kind == 2 { 0x4C } else { 0x2C });
        let levels: &[i64] = if kind == 2 { &[] } else { &[3, 3] };
        for number in [values, encoding].iter().chain(levels) {
            page.push(0x15);
            page.extend(integer(*number));
        }
        page.extend([0, 0]);
        page.extend(data);
        page
    }

    fn all(bytes: Vec<u8>) -> std::result::Result<Vec<String>, String> {
        let mut records = ParquetRecords::new("t.parquet".into(), Whole::Memory(bytes.into()))
            .map_err(|error| error.to_string())?;
        let mut rows = Vec::new();
        while let Some(object) = records.next_object().map_err(|error| error.to_string())? {
            let values = object.entries().map(|(_, value)| value.get().to_owned());
            rows.push(values.collect::<Vec<_>>().join(","));
        }
        Ok(rows)
    }

    const TWO_TEXTS: &[u8] = b"\x01\0\0\0a\x02\0\0\0bc";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn packed(compression: Compression, data: &[u8], unpacked: i64, values: i64) -> Lying {
        let page = page(0, unpacked, data.len() as i64, values, 0, data);
        Lying {
            compression,
            ..Lying::new(page, values)
        }
    }

    #[test]
    fn what_tells_the_truth_is_read() {
        let plain = Lying::new(page(0, 11, 11, 2, 0, TWO_TEXTS), 2);
        assert_eq!(all(plain.bytes()).unwrap(), [r#""a""#, r#""bc""#]);
        let gzip = packed(
            Compression::GZIP(GzipLevel::default()),
            &gzip(TWO_TEXTS),
            11,
            2,
        );
        assert_eq!(all(gzip.bytes()).unwrap().len(), 2);
        let none = Lying::new(Vec::new(), 0);
        assert_eq!(all(none.bytes()).unwrap().len(), 0);
    }

    #[test]
    fn a_page_that_lies_is_an_error_before_memory_is_taken() {
        let most = i64::from(i32::MAX);
        let gzip_of = |bytes: &[u8], unpacked| {
            packed(
                Compression::GZIP(GzipLevel::default()),
                &gzip(bytes),
                unpacked,
                2,
            )
        };
        let one_page = |page: Vec<u8>, values| Lying::new(page, values);
        let dictionary = |values| {
            [
                page(2, 11, 11, values, 0, TWO_TEXTS),
                page(0, 11, 11, 2, 0, TWO_TEXTS),
            ]
            .concat()
        };
        // Lengths as differences: blocks of 128 in 4 parts, so many of them.
        let lengths = |count: &[u8]| [&[0x80, 1, 4], count, &[2, 0, 0, 0, 0, 0]].concat();
        let delta = |encoding, data: &[u8]| {
            let length = data.len() as i64;
            one_page(page(0, length, length, 2, encoding, data), 2)
        };
        let cases = [
            (
                "larger than its column",
                one_page(page(0, 11, 1000, 2, 0, TWO_TEXTS), 2),
                "a page says it has 1000 bytes, and 11 are left of its column",
            ),
            (
                "2 GB",
                gzip_of(TWO_TEXTS, most),
                "a page says it has 2147483647 bytes; 268435456 is the most that is read",
            ),
            (
                "of another size",
                gzip_of(TWO_TEXTS, 12),
                "a page has another size than it says",
            ),
            (
                "a bomb",
                gzip_of(&[0; 1 << 20], 11),
                "a page has another size than it says",
            ),
            (
                "damaged",
                packed(
                    Compression::GZIP(GzipLevel::default()),
                    b"\x1f\x8b\x08....................",
                    11,
                    2,
                ),
                "a page is damaged",
            ),
            (
                "snappy of 4 GB",
                packed(Compression::SNAPPY, b"\xff\xff\xff\xff\x0f", 11, 2),
                "a page has another size than it says",
            ),
            (
                "zstd of nothing",
                packed(Compression::ZSTD(Default::default()), b"not at all", 11, 2),
                "a page is damaged",
            ),
            (
                "more values than its column",
                one_page(page(0, 11, 11, most, 0, TWO_TEXTS), 2),
                "a page says it has 2147483647 values, and 2 are left of its column",
            ),
            (
                "fewer values than its column",
                one_page(page(0, 5, 5, 1, 0, b"\x01\0\0\0a"), 2),
                "1 values of a column are missing",
            ),
            (
                "a dictionary of 2 billion values",
                one_page(dictionary(most), 2),
                "a dictionary says it has 2147483647 values, and has room for 2",
            ),
            (
                "no header",
                one_page(b"nothing at all".to_vec(), 2),
                "a page has no header that can be read",
            ),
            (
                "lengths of 2^40 texts",
                delta(6, &lengths(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x20])),
                "the lengths of texts cannot be read",
            ),
            (
                "lengths of 9 texts",
                delta(6, &lengths(&[9])),
                "a page of 2 values says it has the lengths of 9",
            ),
            (
                "starts of 9 texts",
                delta(7, &lengths(&[9])),
                "a page of 2 values says it has the lengths of 9",
            ),
            (
                "starts of others on 9 MB",
                one_page(page(0, 9 << 20, 11, 2, 7, TWO_TEXTS), 2),
                "8388608 is the most that is read",
            ),
            (
                "a text of 2 GB",
                one_page(page(0, 8, 8, 1, 0, b"\xff\xff\xff\x7fabcd"), 1),
                "",
            ),
            (
                "packed by LZ4",
                packed(Compression::LZ4_RAW, TWO_TEXTS, 11, 2),
                "snappy, gzip, zstd and files that are not packed are read",
            ),
        ];
        for (name, file, expected) in cases {
            let error = all(file.bytes()).unwrap_err();
            assert!(error.starts_with("t.parquet: row 1: "), "{name}: {error}");
            assert!(error.contains(expected), "{name}: {error}");
        }
    }

    #[test]
    fn a_footer_that_lies_is_an_error_before_memory_is_taken() {
        let honest = || Lying::new(page(0, 11, 11, 2, 0, TWO_TEXTS), 2);
        let with = |change: fn(&mut Lying)| {
            let mut file = honest();
            change(&mut file);
            file.bytes()
        };
        let footer_of = |length: u32| {
            let mut bytes = honest().bytes();
            let end = bytes.len() - 8;
            bytes[end..end + 4].copy_from_slice(&length.to_le_bytes());
            bytes
        };
        let ends_in = |end: &[u8]| [&honest().bytes()[..], end].concat();
        let cases = [
            (
                "rows of a group",
                with(|file| file.rows = 1 << 60),
                "column `text` says it has 2 values in 1152921504606846976 rows",
            ),
            (
                "rows and values",
                with(|file| (file.rows, file.values, file.file_rows) = (1 << 60, 1 << 60, 1 << 60)),
                "column `text` says it has 1152921504606846976 values, in a file of ",
            ),
            (
                "less than no rows",
                with(|file| (file.rows, file.file_rows) = (-1, -1)),
                "",
            ),
            (
                "outside",
                with(|file| file.offset = 1 << 40),
                "column `text` says it lies outside of the file",
            ),
            (
                "before",
                with(|file| file.offset = -1),
                "column `text` says it lies outside of the file",
            ),
            (
                "too long",
                with(|file| file.length = i64::MAX),
                "column `text` says it lies outside of the file",
            ),
            (
                "a footer of 4 GB",
                footer_of(u32::MAX),
                "its footer says it has 4294967295 bytes",
            ),
            ("a short footer", footer_of(1), ""),
            ("no footer", footer_of(0), ""),
            (
                "another end",
                ends_in(b"x"),
                "it is no Parquet file, or it is cut off",
            ),
            (
                "encrypted",
                ends_in(b"\x04\0\0\0PARE"),
                "it is encrypted, which is not read",
            ),
            (
                "nothing",
                Vec::new(),
                "it is no Parquet file, or it is cut off",
            ),
            (
                "a start",
                MAGIC.to_vec(),
                "it is no Parquet file, or it is cut off",
            ),
        ];
        for (name, bytes, expected) in cases {
            let Err(error) = all(bytes) else {
                panic!("{name} is read");
            };
            assert!(error.starts_with("t.parquet: "), "{name}: {error}");
            assert!(error.contains(expected), "{name}: {error}");
        }
        // The writer counts them itself.
        let mut file = honest();
        file.file_rows = 1 << 60;
        let error = check_groups(&file.metadata(), 1 << 30).unwrap_err();
        let expected = "it says it has 1152921504606846976 rows, and its row groups 2";
        assert!(error.to_string().ends_with(expected), "{error}");
    }

    #[test]
    fn columns_inside_columns_have_an_end() {
        // `FileMetaData` with a list of elements that have one child each.
        let nested = |count: usize, children: i64| {
            let element = [&[0x55][..], &integer(children), &[0]].concat();
            let mut footer = vec![0x29, 0xFC];
            let mut length = count;
            while length > 0x7F {
                footer.push(length as u8 | 0x80);
                length >>= 7;
            }
            footer.push(length as u8);
            footer.extend(element.repeat(count));
            footer.push(0);
            check_schema(&footer).is_ok()
        };
        assert!(nested(20, 1));
        assert!(!nested(40, 1));
        assert!(!nested(50_000, 1));
        assert!(nested(50_000, 0));
        assert!(!nested(70_000, 0));
        assert!(!nested(2, -1));
        assert!(check_schema(&[0x29, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]).is_err());
    }

    const GOLDEN: [&[u8]; 3] = [
        include_bytes!("../tests/golden/kinds.parquet"),
        include_bytes!("../tests/golden/pyarrow-zstd.parquet"),
        include_bytes!("../tests/golden/pyarrow-delta.parquet"),
    ];

    #[test]
    fn a_file_that_is_cut_off_is_an_error() {
        for file in GOLDEN {
            assert!(all(file.to_vec()).is_ok());
            for length in (0..file.len()).step_by(97) {
                assert!(all(file[..length].to_vec()).is_err(), "{length}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn a_damaged_file_ends_in_rows_or_an_error(
            file in 0..GOLDEN.len(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut bytes = GOLDEN[file].to_vec();
            for (place, byte) in damage {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            let _ = all(bytes);
        }
    }
}
