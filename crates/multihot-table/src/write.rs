//! Predictions out: one row for each of the input, in order.

mod parquet;
mod record;
mod xlsx;

use std::collections::HashMap;
use std::io::{self, Write};

use csv::ByteRecord;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cells::text_of_json;
use crate::error::TableError;
use crate::format::Format;
use crate::jsonl::Object;
use crate::rows::{Fields, TextRow};

use self::parquet::ParquetOut;
use self::record::{Columns, OutRecord};
use self::xlsx::XlsxOut;

/// What a model says about a text; one entry a label.
#[derive(Clone, Copy, Debug)]
pub struct Prediction<'a> {
    /// The chances that the labels hold.
    pub probabilities: &'a [f32],
    /// The network's own, for a writer made with them.
    pub raw_probabilities: Option<&'a [f32]>,
    /// The raw scores, for a writer made with them.
    pub logits: Option<&'a [f32]>,
    /// Whether the answer is yes.
    pub labels: &'a [bool],
    /// Whether the answer is neither yes nor no.
    pub unsure: &'a [bool],
    /// Where in the text the answers come from, for a writer made with that.
    pub windows: Option<&'a TextWindows>,
}

/// The windows of a text, and for each label the one that says yes loudest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextWindows {
    /// Windows of the text, at least one.
    pub count: usize,
    /// One a label.
    pub deciding: Vec<DecidingWindow>,
}

/// The window of a text with a label's highest score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DecidingWindow {
    /// Which one it is, from 1.
    pub window: usize,
    /// The characters of the text that it shows: from the first one, counted from 0, up to this one.
    pub characters: [usize; 2],
}

/// What is written of each row besides probabilities and yes answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PredictionColumns {
    /// The network's own probabilities.
    pub raw_probabilities: bool,
    /// The raw scores.
    pub logits: bool,
    /// A column for each label that is 1 for yes, 0 for no and blank for neither; none in JSON lines.
    pub answers: bool,
    /// The column of unsure answers in CSV; JSON lines always hold their list.
    pub unsure: bool,
    /// Whether the probabilities are calibrated, which JSON lines say.
    pub calibrated: bool,
    /// The windows of each text.
    pub windows: bool,
}

/// Writes predictions as CSV, JSON lines, Parquet or an Excel workbook.
///
/// CSV repeats the input's columns and adds `probability_<label>`, where asked
/// `raw_probability_<label>`, `logit_<label>` and `pred_<label>`, `labels`, a JSON list, and where asked such a
/// list `unsure` and the JSON object `windows`. JSON lines hold id, probabilities, raw probabilities
/// and logits where asked, labels, unsure, whether the probabilities are calibrated, and windows
/// where asked: `{"count": 5, "deciding": {"<label>": {"window": 3, "characters": [768, 1800]}}}`.
/// Numbers are the shortest that read back as the same `f32`.
///
/// Parquet and Excel have the columns of CSV: the input's as text, numbers as numbers, and in
/// Parquet `labels` and `unsure` as lists of strings.
pub struct PredictionWriter<W: Write> {
    out: Out<W>,
    labels: Vec<String>,
    wanted: PredictionColumns,
}

enum Out<W: Write> {
    Csv(Box<csv::Writer<W>>, Columns),
    Jsonl(W),
    Parquet(Box<ParquetOut<W>>, Columns),
    Xlsx(Box<XlsxOut<W>>, Columns),
}

impl<W: Write> PredictionWriter<W> {
    /// A writer for `labels`, of rows whose `columns` are [`TextRows::columns`]; a CSV's header
    /// is written now. Both kinds of JSON are written as JSON lines; lines, tabs and OpenDocument
    /// as CSV.
    ///
    /// # Errors
    ///
    /// When `columns` has one that is added, or there are more than the format takes.
    ///
    /// [`TextRows::columns`]: crate::TextRows::columns
    pub fn new(
        out: W,
        format: Format,
        labels: &[String],
        columns: &[String],
        wanted: PredictionColumns,
    ) -> Result<Self, TableError> {
        if !format.is_written_whole() {
            let mut writer = Self::going_on(out, format, labels, columns, wanted)?;
            writer.write_header()?;
            return Ok(writer);
        }
        let columns = Columns::new(labels, columns, wanted)?;
        let out = match format {
            Format::Xlsx => Out::Xlsx(Box::new(XlsxOut::new(out, &columns)?), columns),
            _ => Out::Parquet(Box::new(ParquetOut::new(out, &columns)?), columns),
        };
        Ok(PredictionWriter {
            out,
            labels: labels.to_vec(),
            wanted,
        })
    }

    /// A writer that goes on where another one stopped: it writes no header.
    ///
    /// # Errors
    ///
    /// As [`Self::new`]; and when `format` [is written whole](Format::is_written_whole).
    pub fn going_on(
        out: W,
        format: Format,
        labels: &[String],
        columns: &[String],
        wanted: PredictionColumns,
    ) -> Result<Self, TableError> {
        if format.is_written_whole() {
            return Err(TableError::WrittenWhole { format });
        }
        let out = if format.has_objects() {
            Out::Jsonl(out)
        } else {
            let columns = Columns::new(labels, columns, wanted)?;
            Out::Csv(Box::new(csv::Writer::from_writer(out)), columns)
        };
        Ok(PredictionWriter {
            out,
            labels: labels.to_vec(),
            wanted,
        })
    }

    fn write_header(&mut self) -> Result<(), TableError> {
        match &mut self.out {
            Out::Csv(out, columns) => out.write_record(columns.names()).map_err(not_written),
            _ => Ok(()),
        }
    }

    /// Writes a row.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or is more than the format takes.
    ///
    /// # Panics
    ///
    /// When `prediction` has not one entry a label, or lacks numbers that the writer was made with.
    pub fn write(&mut self, row: &TextRow, prediction: &Prediction<'_>) -> Result<(), TableError> {
        let prediction = self.wanted_of(prediction);
        let record = |columns| OutRecord::new(row, &prediction, &self.labels, columns);
        match &mut self.out {
            Out::Csv(out, columns) => out
                .write_byte_record(&record(columns).into_text())
                .map_err(not_written),
            Out::Parquet(out, columns) => out.write(&record(columns)),
            Out::Xlsx(out, columns) => out.write(&record(columns)),
            Out::Jsonl(out) => {
                let scores = |values| Scores {
                    labels: &self.labels,
                    values,
                };
                let mut line = json(&Line {
                    id: row.record.raw_id().map_or(Id::Value(&row.id), Id::Raw),
                    probabilities: scores(prediction.probabilities),
                    raw_probabilities: prediction.raw_probabilities.map(scores),
                    logits: prediction.logits.map(scores),
                    labels: names(&self.labels, prediction.labels),
                    unsure: names(&self.labels, prediction.unsure),
                    calibrated: self.wanted.calibrated,
                    windows: (prediction.windows)
                        .map(|windows| Windows::new(&self.labels, windows)),
                });
                line.push('\n');
                out.write_all(line.as_bytes()).map_err(TableError::Write)
            }
        }
    }

    /// `prediction` with the numbers that are wanted, checked.
    fn wanted_of<'a>(&self, prediction: &Prediction<'a>) -> Prediction<'a> {
        let n_labels = self.labels.len();
        let optional = |is_wanted: bool, numbers: Option<&'a [f32]>| {
            is_wanted.then(|| {
                let numbers = numbers.expect("a writer is given the numbers it was made with");
                assert_eq!(numbers.len(), n_labels, "one number a label");
                numbers
            })
        };
        assert_eq!(
            prediction.probabilities.len(),
            n_labels,
            "one probability a label"
        );
        assert_eq!(prediction.labels.len(), n_labels, "one decision a label");
        assert_eq!(prediction.unsure.len(), n_labels, "one decision a label");
        let windows = self.wanted.windows.then(|| {
            let windows = prediction
                .windows
                .expect("a writer is given the windows it was made for");
            assert_eq!(windows.deciding.len(), n_labels, "one window a label");
            windows
        });
        Prediction {
            raw_probabilities: optional(
                self.wanted.raw_probabilities,
                prediction.raw_probabilities,
            ),
            logits: optional(self.wanted.logits, prediction.logits),
            windows,
            ..*prediction
        }
    }

    /// Hands everything written so far on, for a reader who waits for it; of Parquet the whole row
    /// groups, of a workbook nothing.
    pub fn flush(&mut self) -> Result<(), TableError> {
        match &mut self.out {
            Out::Csv(out, _) => out.flush(),
            Out::Jsonl(out) => out.flush(),
            Out::Parquet(out, _) => out.flush(),
            Out::Xlsx(..) => Ok(()),
        }
        .map_err(TableError::Write)
    }

    /// Writes what is still held back. Without this call the end may be missing, and an error
    /// with it; Parquet and workbooks cannot be read.
    pub fn finish(mut self) -> Result<W, TableError> {
        self.flush()?;
        match self.out {
            Out::Csv(out, _) => out
                .into_inner()
                .map_err(|error| TableError::Write(error.into_error())),
            Out::Jsonl(out) => Ok(out),
            Out::Parquet(out, _) => out.finish(),
            Out::Xlsx(out, _) => out.finish(),
        }
    }
}

impl Prediction<'_> {
    /// All its numbers, in the order of a CSV's columns.
    fn numbers(&self) -> impl Iterator<Item = &f32> {
        let raw = self.raw_probabilities.unwrap_or_default();
        let logits = self.logits.unwrap_or_default();
        self.probabilities.iter().chain(raw).chain(logits)
    }
}

/// The labels that `holds`.
fn names<'a>(labels: &'a [String], holds: &[bool]) -> Vec<&'a str> {
    let labels = labels.iter().zip(holds);
    labels
        .filter(|(_, holds)| **holds)
        .map(|(label, _)| label.as_str())
        .collect()
}

/// The input's cells, in the order of `columns`; blank where an object lacks the key.
fn cells(row: &TextRow, columns: &[String]) -> ByteRecord {
    match &row.record.0 {
        Fields::Csv(record) => record.as_byte_record().clone(),
        Fields::Object { object, .. } => cells_of_object(object, columns),
        Fields::Text { column, .. } => columns
            .iter()
            .map(|name| {
                if **name == **column {
                    row.text.as_bytes()
                } else {
                    b""
                }
            })
            .collect(),
    }
}

fn cells_of_object(object: &Object, columns: &[String]) -> ByteRecord {
    let values: HashMap<&str, &RawValue> = object.entries().collect();
    let mut record = ByteRecord::new();
    for column in columns {
        let cell = values.get(column.as_str()).map(|value| text_of_json(value));
        record.push_field(cell.unwrap_or_default().as_bytes());
    }
    record
}

#[derive(Serialize)]
struct Line<'a> {
    id: Id<'a>,
    probabilities: Scores<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_probabilities: Option<Scores<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logits: Option<Scores<'a>>,
    labels: Vec<&'a str>,
    unsure: Vec<&'a str>,
    calibrated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    windows: Option<Windows<'a>>,
}

#[derive(Serialize)]
struct Windows<'a> {
    count: usize,
    deciding: Scores<'a, DecidingWindow>,
}

impl<'a> Windows<'a> {
    fn new(labels: &'a [String], windows: &'a TextWindows) -> Self {
        Self {
            count: windows.count,
            deciding: Scores {
                labels,
                values: &windows.deciding,
            },
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Id<'a> {
    Raw(&'a RawValue),
    Value(&'a Value),
}

/// A value for each label, by name.
struct Scores<'a, T = f32> {
    labels: &'a [String],
    values: &'a [T],
}

impl<T: Serialize> Serialize for Scores<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.labels.iter().zip(self.values))
    }
}

/// The shortest number that reads back as the same `f32`; nothing for one that is not finite.
pub(crate) fn number_text(number: f32) -> String {
    if number.is_finite() {
        json(&number)
    } else {
        String::new()
    }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("string keys and plain values always serialize")
}

pub(crate) fn not_written(error: csv::Error) -> TableError {
    TableError::Write(match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::rows::open;
    use crate::source::{ReadOptions, Source};

    const LABELS: [&str; 2] = ["sports", "a \"b\""];

    const NOTHING_MORE: PredictionColumns = PredictionColumns {
        raw_probabilities: false,
        logits: false,
        answers: false,
        unsure: false,
        calibrated: false,
        windows: false,
    };
    const EVERYTHING: PredictionColumns = PredictionColumns {
        raw_probabilities: true,
        logits: true,
        answers: true,
        unsure: true,
        calibrated: true,
        windows: true,
    };

    /// Predictions of 0.5 and 1e-7, of which the first label holds and the second is unsure, for
    /// every row of `table`.
    fn predicted(name: &str, table: &str, format: Format, wanted: PredictionColumns) -> String {
        String::from_utf8(written(name, table, format, wanted).unwrap()).unwrap()
    }

    fn written(
        name: &str,
        table: &str,
        format: Format,
        wanted: PredictionColumns,
    ) -> Result<Vec<u8>, TableError> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, table).unwrap();
        let options = ReadOptions {
            format: name.ends_with(".txt").then_some(Format::Lines),
            ..ReadOptions::default()
        };
        let rows = open(&Source::File(path), &options).unwrap();
        let labels = LABELS.map(str::to_owned);
        let mut writer =
            PredictionWriter::new(Vec::new(), format, &labels, rows.columns(), wanted)?;
        let deciding = [(2, [40, 90]), (1, [0, 45])];
        let deciding = deciding.map(|(window, characters)| DecidingWindow { window, characters });
        let windows = TextWindows {
            count: 3,
            deciding: deciding.to_vec(),
        };
        let prediction = Prediction {
            probabilities: &[0.5, 1e-7],
            raw_probabilities: Some(&[0.25, 0.0]),
            logits: Some(&[0.0, -16.1]),
            labels: &[true, false],
            unsure: &[false, true],
            windows: Some(&windows),
        };
        for row in rows {
            writer.write(&row.unwrap(), &prediction)?;
        }
        writer.finish()
    }

    /// The names of the columns of a table, and the cells of its rows, as our reader has them.
    fn read_back(bytes: &[u8], format: Format) -> (Vec<String>, Vec<Vec<String>>) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(format!("t.{format}"));
        std::fs::write(&path, bytes).unwrap();
        let rows = open(&Source::File(path), &ReadOptions::default()).unwrap();
        let columns = rows.columns().to_vec();
        let cells = rows.map(|row| {
            let cells = cells(&row.unwrap(), &columns);
            let cells = cells.iter().map(|cell| String::from_utf8(cell.to_vec()));
            cells.collect::<Result<_, _>>().unwrap()
        });
        let cells = cells.collect();
        (columns, cells)
    }

    /// A table of `texts`, in lines of JSON, which hold any text.
    fn table_of<S: AsRef<str>>(texts: &[S]) -> String {
        let line = |text: &S| {
            format!(
                "{}\n",
                serde_json::json!({"text": text.as_ref(), "n": "007"})
            )
        };
        texts.iter().map(line).collect()
    }

    const HOSTILE: [&str; 18] = [
        "quotes \" and \"\", commas",
        "lines\n\nof\r\nall\rkinds\n",
        "👩\u{200d}👩\u{200d}👧 e\u{301}",
        "=1+1",
        "+49 30",
        "@SUM(A1)",
        "",
        " \tspaces  ",
        "\r\u{a0}",
        "nul \0 unit \u{1f} delete \u{7f}",
        "\u{fffe}\u{ffff}",
        "_x0041_x0042_ _x000D_",
        "<r>&amp; ]]> <!-- </r>",
        "https://example.org",
        "0012",
        "1e5",
        "TRUE",
        "NULL",
    ];

    #[test]
    fn parquet_and_excel_hold_any_text_and_the_columns_of_csv() {
        for format in [Format::Parquet, Format::Xlsx] {
            for wanted in [NOTHING_MORE, EVERYTHING] {
                let table = table_of(&HOSTILE);
                let csv = written("t.jsonl", &table, Format::Csv, wanted).unwrap();
                let (expected_names, expected) = read_back(&csv, Format::Csv);
                let bytes = written("t.jsonl", &table, format, wanted).unwrap();
                let (names, rows) = read_back(&bytes, format);
                assert_eq!(names, expected_names, "{format}");
                assert_eq!(rows.len(), HOSTILE.len(), "{format}");
                for ((row, expected), text) in rows.iter().zip(&expected).zip(HOSTILE) {
                    assert_eq!(row[..2], [text, "007"], "{format}");
                    for ((cell, expected), name) in row.iter().zip(expected).zip(&names).skip(2) {
                        match expected.parse::<f32>() {
                            Ok(number) => assert_eq!(cell.parse(), Ok(number), "{format} {name}"),
                            Err(_) => assert_eq!(cell, expected, "{format} {name}"),
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn excel_has_limits_that_are_said() {
        let long = "é".repeat(32_767);
        let fits = table_of(&["short", &long]);
        assert!(written("t.jsonl", &fits, Format::Xlsx, NOTHING_MORE).is_ok());
        // Two units a character.
        let longer = table_of(&["short", &"👩".repeat(16_384)]);
        assert!(written("t.jsonl", &longer, Format::Parquet, NOTHING_MORE).is_ok());
        let error = written("t.jsonl", &longer, Format::Xlsx, NOTHING_MORE).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2: column `text` holds 32768 characters; a cell of Excel takes 32767"
        );
        assert!(error.hint().unwrap().contains(".parquet"));
        let new = |columns: &[String]| {
            let made = PredictionWriter::new(Vec::new(), Format::Xlsx, &[], columns, NOTHING_MORE);
            made.map(|_| ()).map_err(|error| error.to_string())
        };
        let columns: Vec<String> = (0..16_384).map(|i| i.to_string()).collect();
        assert_eq!(new(&columns[1..]), Ok(()));
        let said = "the predictions have 16385 columns; a sheet of Excel takes 16384";
        assert_eq!(new(&columns), Err(said.to_owned()));
        let said = new(&["x".repeat(32_768)]).unwrap_err();
        assert!(said.starts_with("the header: column `x"), "{said}");
    }

    #[test]
    fn what_is_written_whole_is_not_gone_on_with() {
        for format in Format::ALL {
            let made = PredictionWriter::going_on(Vec::new(), format, &[], &[], NOTHING_MORE);
            assert_eq!(made.is_err(), format.is_written_whole(), "{format}");
        }
    }

    #[test]
    fn csv_repeats_the_columns_and_adds_its_own() {
        let table = "n,text,n2\r\n007,\"a, \"\"b\"\"\nc\", x \r\n,,\r\n";
        let expected = concat!(
            "n,text,n2,probability_sports,\"probability_a \"\"b\"\"\",labels\n",
            "007,\"a, \"\"b\"\"\nc\", x ,0.5,1e-7,\"[\"\"sports\"\"]\"\n",
            ",,,0.5,1e-7,\"[\"\"sports\"\"]\"\n",
        );
        assert_eq!(
            predicted("t.csv", table, Format::Csv, NOTHING_MORE),
            expected
        );
    }

    #[test]
    fn what_is_wanted_follows_the_probabilities() {
        let csv = predicted("t.csv", "text\nx\n", Format::Csv, EVERYTHING);
        let expected = concat!(
            "text,probability_sports,\"probability_a \"\"b\"\"\",raw_probability_sports,",
            "\"raw_probability_a \"\"b\"\"\",logit_sports,\"logit_a \"\"b\"\"\",pred_sports,",
            "\"pred_a \"\"b\"\"\",labels,unsure,windows\n",
            "x,0.5,1e-7,0.25,0.0,0.0,-16.1,1,,\"[\"\"sports\"\"]\",\"[\"\"a \\\"\"b\\\"\"\"\"]\",",
            "\"{\"\"count\"\":3,\"\"deciding\"\":{\"\"sports\"\":{\"\"window\"\":2,\"\"characters\"\":[40,90]},",
            "\"\"a \\\"\"b\\\"\"\"\":{\"\"window\"\":1,\"\"characters\"\":[0,45]}}}\"\n",
        );
        assert_eq!(csv, expected);
        let expected = concat!(
            r#"{"id":1,"probabilities":{"sports":0.5,"a \"b\"":1e-7},"#,
            r#""raw_probabilities":{"sports":0.25,"a \"b\"":0.0},"#,
            r#""logits":{"sports":0.0,"a \"b\"":-16.1},"labels":["sports"],"#,
            r#""unsure":["a \"b\""],"calibrated":true,"#,
            r#""windows":{"count":3,"deciding":{"sports":{"window":2,"characters":[40,90]},"#,
            r#""a \"b\"":{"window":1,"characters":[0,45]}}}}"#,
            "\n"
        );
        let jsonl = predicted("t.csv", "text\nx\n", Format::Jsonl, EVERYTHING);
        assert_eq!(jsonl, expected);
        let jsonl = predicted("t.csv", "text\nx\n", Format::Jsonl, NOTHING_MORE);
        assert!(jsonl.ends_with("\"calibrated\":false}\n"), "{jsonl}");
        assert!(
            ["logits", "raw", "windows"]
                .iter()
                .all(|name| !jsonl.contains(name)),
            "{jsonl}"
        );
    }

    #[test]
    fn ids_stand_as_they_stood() {
        let table = concat!(
            "{\"text\":\"x\",\"id\":1234567890123456789012345}\n",
            "\n",
            "{\"text\":\"x\",\"id\":{\"b\": 1.10, \"a\": null}}\n",
            "{\"text\":\"x\"}\n",
            "{\"text\":\"x\",\"id\":\"7\"}\n",
        );
        let out = predicted("t.jsonl", table, Format::Jsonl, NOTHING_MORE);
        let ids: Vec<&str> = out
            .lines()
            .map(|line| &line[6..line.find(",\"prob").unwrap()])
            .collect();
        assert_eq!(
            ids,
            [
                "1234567890123456789012345",
                "{\"b\": 1.10, \"a\": null}",
                "3",
                "\"7\""
            ]
        );
        let out = predicted("t.csv", "id,text\n007,x\n", Format::Jsonl, NOTHING_MORE);
        assert!(out.starts_with("{\"id\":\"007\","), "{out}");
    }

    #[test]
    fn objects_become_cells_of_all_keys_there_are() {
        let table = concat!(
            "{\"text\":\"x\",\"n\":1.10}\n",
            "{\"tags\":[1, 2],\"text\":null,\"note\":\"a\\nb\"}\n",
            "{\"text\":\"y\",\"n\":true,\"note\":\"\\ud800\"}\n",
        );
        let out = predicted("t.jsonl", table, Format::Csv, NOTHING_MORE);
        let mut reader = csv::Reader::from_reader(out.as_bytes());
        let header: Vec<String> = reader
            .headers()
            .unwrap()
            .iter()
            .map(str::to_owned)
            .collect();
        assert_eq!(header[..4], ["text", "n", "tags", "note"]);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let cells = |i: usize| rows[i].iter().take(4).collect::<Vec<_>>();
        assert_eq!(cells(0), ["x", "1.10", "", ""]);
        assert_eq!(cells(1), ["", "", "[1, 2]", "a\nb"]);
        assert_eq!(cells(2), ["y", "true", "", "\"\\ud800\""]);
    }

    #[test]
    fn lines_become_a_text_column() {
        let out = predicted("t.txt", "a,b\n\n{c", Format::Lines, NOTHING_MORE);
        let texts: Vec<&str> = out
            .lines()
            .map(|line| line.split(",0.5").next().unwrap())
            .collect();
        assert_eq!(texts[1..], ["\"a,b\"", "", "{c"]);
    }

    #[test]
    fn a_column_that_predictions_would_add_is_refused() {
        let labels = ["sports".to_owned()];
        let new = |column: &str, format, wanted| {
            let columns = ["text".to_owned(), column.to_owned()];
            PredictionWriter::new(Vec::new(), format, &labels, &columns, wanted).is_ok()
        };
        assert!(!new("probability_sports", Format::Csv, NOTHING_MORE));
        assert!(!new("labels", Format::Csv, NOTHING_MORE));
        for column in [
            "logit_sports",
            "raw_probability_sports",
            "pred_sports",
            "unsure",
            "windows",
        ] {
            assert!(!new(column, Format::Csv, EVERYTHING), "{column}");
            assert!(new(column, Format::Csv, NOTHING_MORE), "{column}");
        }
        assert!(new("sports", Format::Csv, EVERYTHING));
        assert!(new("labels", Format::Jsonl, EVERYTHING));
        for format in [Format::Parquet, Format::Xlsx] {
            assert!(!new("probability_sports", format, NOTHING_MORE), "{format}");
            assert!(new("sports", format, EVERYTHING), "{format}");
        }
    }

    #[test]
    fn a_full_disk_is_an_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for format in [Format::Csv, Format::Jsonl, Format::Parquet, Format::Xlsx] {
            let mut writer = PredictionWriter::new(Full, format, &[], &[], NOTHING_MORE).unwrap();
            let row = TextRow::blank();
            let prediction = Prediction {
                probabilities: &[],
                raw_probabilities: None,
                logits: None,
                labels: &[],
                unsure: &[],
                windows: None,
            };
            let written = writer.write(&row, &prediction);
            let ended = written.and_then(|()| writer.finish().map(|_| ()));
            assert!(matches!(ended, Err(TableError::Write(_))), "{format}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_text_stands_in_parquet_and_excel(texts in prop::collection::vec(any::<String>(), 1..20)) {
            for format in [Format::Parquet, Format::Xlsx] {
                let bytes = written("t.jsonl", &table_of(&texts), format, NOTHING_MORE).unwrap();
                let (_, rows) = read_back(&bytes, format);
                let found: Vec<&String> = rows.iter().map(|row| &row[0]).collect();
                prop_assert_eq!(found, texts.iter().collect::<Vec<_>>(), "{}", format);
            }
        }
    }

    proptest! {
        #[test]
        fn numbers_read_back_as_the_same_bits(bits: u32) {
            let number = f32::from_bits(bits);
            if number.is_finite() {
                prop_assert_eq!(number_text(number).parse::<f32>().unwrap().to_bits(), bits);
            } else {
                prop_assert_eq!(number_text(number), "");
            }
        }
    }
}
