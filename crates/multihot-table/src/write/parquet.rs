//! Parquet out: rows gathered by column, and written a row group at a time.
//!
//! Texts are strings, numbers `FLOAT` (null where they are not finite), answers numbers too, lists of labels `LIST`s of
//! strings. Source of the shape of a list and of its levels: Apache Parquet's `LogicalTypes.md` and
//! Dremel's definition and repetition levels.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Kind, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, FloatType};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use super::record::{Columns, OutRecord};
use crate::error::TableError;

/// Rows of a row group.
const GROUP_ROWS: usize = 8192;
/// Bytes of texts at which a row group is full even with fewer rows.
const GROUP_BYTES: usize = 16 << 20;

/// Writes records to `W`; holds no more than a row group of them.
pub(super) struct ParquetOut<W: Write> {
    out: W,
    /// Its bytes go on to `out` after each row group: the crate asks for a writer that may change
    /// threads, which `out` need not be.
    file: SerializedFileWriter<Vec<u8>>,
    columns: Vec<Values>,
    rows: usize,
    bytes: usize,
}

/// The values of a column that wait for their row group.
enum Values {
    Texts(Vec<ByteArray>),
    Numbers {
        values: Vec<f32>,
        /// 1 for a row with a number, 0 for one without.
        defined: Vec<i16>,
    },
    Lists {
        values: Vec<ByteArray>,
        /// 1 for an entry, 0 for a row whose list is empty.
        defined: Vec<i16>,
        /// 0 where a row begins, 1 for its further entries.
        repeated: Vec<i16>,
    },
}

impl<W: Write> ParquetOut<W> {
    pub(super) fn new(out: W, columns: &Columns) -> std::result::Result<Self, TableError> {
        let created_by = concat!("multihot version ", env!("CARGO_PKG_VERSION"));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(created_by.to_owned())
            .build();
        let file = schema(columns)
            .and_then(|schema| SerializedFileWriter::new(Vec::new(), schema, properties.into()));
        let texts = columns.texts.iter().map(|_| Values::texts());
        let numbers = columns.numbers.iter().chain(&columns.answers);
        let numbers = numbers.map(|_| Values::numbers());
        let lists = columns.lists.iter().map(|_| Values::lists());
        let windows = columns.windows.iter().map(|_| Values::texts());
        Ok(ParquetOut {
            out,
            file: file.map_err(not_written)?,
            columns: texts.chain(numbers).chain(lists).chain(windows).collect(),
            rows: 0,
            bytes: 0,
        })
    }

    pub(super) fn write(&mut self, record: &OutRecord<'_>) -> std::result::Result<(), TableError> {
        let windows = record.windows.as_deref().unwrap_or_default();
        let bytes = record.texts.as_slice().len() + windows.len();
        if self.rows == GROUP_ROWS || self.rows > 0 && self.bytes + bytes > GROUP_BYTES {
            self.end_group()?;
        }
        let mut columns = self.columns.iter_mut();
        for (text, column) in record.texts.iter().zip(&mut columns) {
            column.push_text(text);
        }
        for (number, column) in record.numbers.iter().zip(&mut columns) {
            column.push_number(*number);
        }
        for (answer, column) in record.answers.iter().zip(&mut columns) {
            column.push_number(answer.map_or(f32::NAN, |yes| f32::from(u8::from(yes))));
        }
        for (list, column) in record.lists.iter().zip(&mut columns) {
            column.push_list(list);
        }
        if let Some(column) = columns.next() {
            column.push_text(windows.as_bytes());
        }
        self.rows += 1;
        self.bytes += bytes;
        Ok(())
    }

    fn end_group(&mut self) -> std::result::Result<(), TableError> {
        self.write_group().map_err(not_written)?;
        (self.rows, self.bytes) = (0, 0);
        self.hand_on()
    }

    fn write_group(&mut self) -> Result<()> {
        let mut group = self.file.next_row_group()?;
        for values in &mut self.columns {
            let Some(mut column) = group.next_column()? else {
                return Err(ParquetError::General("a column too many".into()));
            };
            values.write(&mut column)?;
            column.close()?;
        }
        group.close()?;
        Ok(())
    }

    /// Gives what is encoded to `out`.
    fn hand_on(&mut self) -> std::result::Result<(), TableError> {
        self.file.flush().map_err(TableError::Write)?;
        let bytes = std::mem::take(self.file.inner_mut());
        self.out.write_all(&bytes).map_err(TableError::Write)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Writes the last rows and the footer.
    pub(super) fn finish(mut self) -> std::result::Result<W, TableError> {
        if self.rows > 0 {
            self.end_group()?;
        }
        self.file.finish().map_err(not_written)?;
        self.hand_on()?;
        self.flush().map_err(TableError::Write)?;
        Ok(self.out)
    }
}

impl Values {
    fn texts() -> Self {
        Values::Texts(Vec::new())
    }

    fn numbers() -> Self {
        Values::Numbers {
            values: Vec::new(),
            defined: Vec::new(),
        }
    }

    fn lists() -> Self {
        Values::Lists {
            values: Vec::new(),
            defined: Vec::new(),
            repeated: Vec::new(),
        }
    }

    fn push_text(&mut self, text: &[u8]) {
        if let Values::Texts(values) = self {
            values.push(text.to_vec().into());
        }
    }

    fn push_number(&mut self, number: f32) {
        if let Values::Numbers { values, defined } = self {
            values.extend(number.is_finite().then_some(number));
            defined.push(i16::from(number.is_finite()));
        }
    }

    fn push_list(&mut self, list: &[&str]) {
        if let Values::Lists {
            values,
            defined,
            repeated,
        } = self
        {
            values.extend(list.iter().map(|entry| ByteArray::from(*entry)));
            defined.extend((0..list.len().max(1)).map(|_| i16::from(!list.is_empty())));
            repeated.extend((0..list.len().max(1)).map(|i| i16::from(i > 0)));
        }
    }

    /// Writes them and forgets them.
    fn write(&mut self, column: &mut SerializedColumnWriter<'_>) -> Result<()> {
        match self {
            Values::Texts(values) => {
                let column = column.typed::<ByteArrayType>();
                column.write_batch(values, None, None)?;
                values.clear();
            }
            Values::Numbers { values, defined } => {
                let column = column.typed::<FloatType>();
                column.write_batch(values, Some(defined), None)?;
                values.clear();
                defined.clear();
            }
            Values::Lists {
                values,
                defined,
                repeated,
            } => {
                let column = column.typed::<ByteArrayType>();
                column.write_batch(values, Some(defined), Some(repeated))?;
                values.clear();
                defined.clear();
                repeated.clear();
            }
        }
        Ok(())
    }
}

fn schema(columns: &Columns) -> Result<TypePtr> {
    let texts = columns.texts.iter().map(|name| text(name));
    let numbers = columns.numbers.iter().chain(&columns.answers);
    let numbers = numbers.map(|name| number(name));
    let lists = columns.lists.iter().map(|name| list(name));
    let windows = columns.windows.iter().map(|name| text(name));
    let fields = texts.chain(numbers).chain(lists).chain(windows);
    group("schema", fields.collect::<Result<_>>()?, None, None)
}

fn text(name: &str) -> Result<TypePtr> {
    let text = Type::primitive_type_builder(name, Kind::BYTE_ARRAY)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::String));
    text.build().map(Arc::new)
}

fn number(name: &str) -> Result<TypePtr> {
    let number =
        Type::primitive_type_builder(name, Kind::FLOAT).with_repetition(Repetition::OPTIONAL);
    number.build().map(Arc::new)
}

fn list(name: &str) -> Result<TypePtr> {
    let entries = group(
        "list",
        vec![text("element")?],
        Some(Repetition::REPEATED),
        None,
    )?;
    let kind = Some(LogicalType::List);
    group(name, vec![entries], Some(Repetition::REQUIRED), kind)
}

fn group(
    name: &str,
    fields: Vec<TypePtr>,
    repetition: Option<Repetition>,
    kind: Option<LogicalType>,
) -> Result<TypePtr> {
    let mut group = Type::group_type_builder(name)
        .with_fields(fields)
        .with_logical_type(kind);
    if let Some(repetition) = repetition {
        group = group.with_repetition(repetition);
    }
    group.build().map(Arc::new)
}

fn not_written(error: ParquetError) -> TableError {
    TableError::Write(io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use csv::ByteRecord;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;
    use crate::cells::text_of_json;
    use crate::input::Whole;
    use crate::parquet::ParquetRecords;
    use crate::rows::TextRow;

    /// A file with a column of each kind.
    fn written(rows: &[(String, f32, Vec<&str>)]) -> Vec<u8> {
        let columns = Columns {
            texts: vec!["text".into()],
            numbers: vec!["number".into()],
            answers: Vec::new(),
            lists: vec!["list".into()],
            windows: Some("windows".into()),
        };
        let row = TextRow::blank();
        let mut out = ParquetOut::new(Vec::new(), &columns).unwrap();
        for (text, number, list) in rows {
            let record = OutRecord {
                row: &row,
                texts: ByteRecord::from(vec![text.as_str()]),
                numbers: vec![*number],
                answers: Vec::new(),
                lists: vec![list.clone()],
                windows: Some("{}".into()),
            };
            out.write(&record).unwrap();
        }
        out.finish().unwrap()
    }

    fn groups(bytes: &[u8]) -> Vec<i64> {
        let reader = SerializedFileReader::new(bytes::Bytes::copy_from_slice(bytes)).unwrap();
        let groups = reader.metadata().row_groups().iter();
        groups.map(|group| group.num_rows()).collect()
    }

    fn read(bytes: Vec<u8>) -> Vec<Vec<String>> {
        let whole = Whole::Memory(bytes.into());
        let mut records = ParquetRecords::new("t.parquet".into(), whole).unwrap();
        let objects = std::iter::from_fn(|| records.next_object().unwrap());
        let cells = objects.map(|object| {
            let values = object
                .entries()
                .map(|(_, value)| text_of_json(value).to_string());
            values.collect()
        });
        cells.collect()
    }

    #[test]
    fn lists_and_numbers_that_are_not_there_read_back() {
        let rows: Vec<(String, f32, Vec<&str>)> = vec![
            (String::new(), f32::NAN, vec![]),
            ("x".into(), 0.1, vec!["a", "b \"c\"", ""]),
            ("y".into(), f32::INFINITY, vec![]),
            ("z".into(), -0.0, vec!["a"]),
        ];
        let expected = [
            ["", "", "[]", "{}"],
            ["x", "0.1", r#"["a","b \"c\"",""]"#, "{}"],
            ["y", "", "[]", "{}"],
            ["z", "-0.0", r#"["a"]"#, "{}"],
        ];
        assert_eq!(read(written(&rows)), expected);
        assert_eq!(read(written(&[])), Vec::<Vec<String>>::new());
    }

    #[test]
    fn row_groups_are_bounded_by_rows_and_by_bytes() {
        let row = |text: &str| (text.to_owned(), 0.5, vec!["a"]);
        let many: Vec<_> = (0..GROUP_ROWS + 1).map(|i| row(&i.to_string())).collect();
        let bytes = written(&many);
        assert_eq!(groups(&bytes), [GROUP_ROWS as i64, 1]);
        let found = read(bytes);
        assert!(
            found
                .iter()
                .zip(&many)
                .all(|(found, row)| found[0] == row.0)
        );
        assert_eq!(found.len(), many.len());
        let long = "x".repeat(GROUP_BYTES * 2 / 5);
        assert_eq!(groups(&written(&vec![row(&long); 5])), [2, 2, 1]);
        let longer = "x".repeat(GROUP_BYTES + 1);
        assert_eq!(groups(&written(&vec![row(&longer); 2])), [1, 1]);
    }
}
