//! What a prediction that was stopped has left: whole rows, and what they answer.

use std::io::{self, BufRead};

use serde::Deserialize;

use crate::format::Format;

/// The whole rows of an output that may end in the middle of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows.
    pub rows: usize,
    /// Bytes up to the end of the last of them; behind it stands a row that was not finished.
    pub bytes: u64,
    /// Rows answered yes, a label each.
    pub yes: Vec<u64>,
    /// Rows answered neither yes nor no, a label each.
    pub unsure: Vec<u64>,
}

/// What [`PredictionWriter`](crate::PredictionWriter) wrote to `bytes` in `format`, for `labels`.
/// Of CSV the header is counted in the bytes alone; where not even that is whole, there is nothing.
///
/// # Errors
///
/// When `bytes` cannot be read, or a row of them is not one that the writer writes.
pub fn read_written(
    mut bytes: impl BufRead,
    format: Format,
    labels: &[String],
) -> io::Result<Written> {
    let mut written = Written {
        yes: vec![0; labels.len()],
        unsure: vec![0; labels.len()],
        ..Written::default()
    };
    let has_objects = format.has_objects();
    let places = match has_objects {
        true => None,
        false => match next_record(&mut bytes, has_objects)? {
            None => return Ok(written),
            Some(header) => {
                written.bytes += header.len() as u64;
                Some(Places::of(&header)?)
            }
        },
    };
    while let Some(record) = next_record(&mut bytes, has_objects)? {
        let answers = match &places {
            Some(places) => places.answers(&record)?,
            None => serde_json::from_slice(&record).map_err(|_| not_ours(&record))?,
        };
        written.rows += 1;
        written.bytes += record.len() as u64;
        answers
            .count(labels, &mut written)
            .ok_or_else(|| not_ours(&record))?;
    }
    Ok(written)
}

/// The next record with its line end; none where the bytes end before it does.
fn next_record(bytes: &mut impl BufRead, is_object: bool) -> io::Result<Option<Vec<u8>>> {
    let (mut record, mut quotes) = (Vec::new(), 0);
    loop {
        let start = record.len();
        let read = bytes.read_until(b'\n', &mut record)?;
        // In what the writer writes, a line end stands in a cell where a quote is open.
        quotes += record[start..].iter().filter(|byte| **byte == b'"').count();
        match record.ends_with(b"\n") && (is_object || quotes % 2 == 0) {
            true => return Ok(Some(record)),
            false if read == 0 => return Ok(None),
            false => {}
        }
    }
}

/// The answers of a row.
#[derive(Deserialize)]
struct Answers {
    labels: Vec<String>,
    #[serde(default)]
    unsure: Vec<String>,
}

impl Answers {
    /// Counts them in; `None` where one is for no label.
    fn count(&self, labels: &[String], written: &mut Written) -> Option<()> {
        let sides = [
            (&self.labels, &mut written.yes),
            (&self.unsure, &mut written.unsure),
        ];
        for (names, counts) in sides {
            for name in names {
                counts[labels.iter().position(|label| label == name)?] += 1;
            }
        }
        Some(())
    }
}

/// Where a CSV has its answers.
struct Places {
    labels: usize,
    unsure: Option<usize>,
}

impl Places {
    fn of(header: &[u8]) -> io::Result<Self> {
        let cells = cells(header)?;
        // What was added stands behind the columns of the input.
        let place = |name: &str| cells.iter().rposition(|cell| cell == name);
        let labels = place("labels").ok_or_else(|| not_ours(header))?;
        Ok(Self {
            labels,
            unsure: place("unsure").filter(|place| *place > labels),
        })
    }

    fn answers(&self, record: &[u8]) -> io::Result<Answers> {
        let cells = cells(record)?;
        let list = |place: usize| {
            let cell = cells.get(place)?;
            serde_json::from_str::<Vec<String>>(cell).ok()
        };
        let unsure = self.unsure.map_or(Some(Vec::new()), list);
        let answers = list(self.labels).zip(unsure);
        answers
            .map(|(labels, unsure)| Answers { labels, unsure })
            .ok_or_else(|| not_ours(record))
    }
}

fn cells(record: &[u8]) -> io::Result<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(record);
    let cells = reader.records().next().and_then(Result::ok);
    let cells = cells.ok_or_else(|| not_ours(record))?;
    Ok(cells.iter().map(str::to_owned).collect())
}

fn not_ours(record: &[u8]) -> io::Error {
    let start = String::from_utf8_lossy(&record[..record.len().min(60)]);
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!(
            "`{}` is no row of predictions for this model",
            start.trim_end()
        ),
    )
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::source::{ReadOptions, Source};
    use crate::write::{Prediction, PredictionColumns, PredictionWriter};

    fn labels() -> Vec<String> {
        ["sports", "a \"b\""].map(str::to_owned).to_vec()
    }

    /// Three rows, of which the first is a yes to the first label and the last unsure of the second.
    fn output(format: Format, unsure: bool) -> Vec<u8> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("t.csv");
        let table = "labels,text,note\n{x,\"one,\n\"\"two\"\"\",{\n,plain,\"\n\"\ny,\",\",\n";
        std::fs::write(&path, table).unwrap();
        let rows = crate::open(&Source::File(path), &ReadOptions::default()).unwrap();
        let wanted = PredictionColumns {
            unsure,
            ..PredictionColumns::default()
        };
        // A column `labels` of the input would be taken for that of the output.
        let columns: Vec<String> = rows
            .columns()
            .iter()
            .map(|name| name.replace("labels", "kind"))
            .collect();
        let mut writer =
            PredictionWriter::new(Vec::new(), format, &labels(), &columns, wanted).unwrap();
        for (i, row) in rows.enumerate() {
            let prediction = Prediction {
                probabilities: &[0.5, 0.25],
                raw_probabilities: None,
                logits: None,
                labels: &[i == 0, false],
                unsure: &[false, i == 2],
                windows: None,
            };
            writer.write(&row.unwrap(), &prediction).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn whole_rows_are_counted_wherever_the_bytes_end() {
        for (format, unsure) in [
            (Format::Csv, true),
            (Format::Csv, false),
            (Format::Jsonl, true),
        ] {
            let whole = output(format, unsure);
            let all = read_written(&whole[..], format, &labels()).unwrap();
            assert_eq!((all.rows, all.bytes), (3, whole.len() as u64), "{format}");
            assert_eq!(
                (&all.yes, &all.unsure),
                (&vec![1, 0], &vec![0, u64::from(unsure)])
            );
            let mut rows = 0;
            for end in 0..=whole.len() {
                let written = read_written(&whole[..end], format, &labels()).unwrap();
                assert!(
                    written.bytes <= end as u64 && written.rows >= rows,
                    "{format} {end}"
                );
                rows = written.rows;
                // What is kept reads the same again, to the last byte.
                let kept = &whole[..written.bytes as usize];
                assert_eq!(read_written(kept, format, &labels()).unwrap(), written);
            }
            assert_eq!(rows, 3);
        }
    }

    #[test]
    fn what_the_writer_did_not_write_is_refused() {
        let cases: [(&str, Format); 6] = [
            ("text,other\n", Format::Csv),
            ("text,labels\nx,sports\n", Format::Csv),
            ("text,labels\nx,\"[\"\"tennis\"\"]\"\n", Format::Csv),
            ("text,labels\nx\n", Format::Csv),
            ("{\"id\":1}\n", Format::Jsonl),
            ("plain\n", Format::Jsonl),
        ];
        for (bytes, format) in cases {
            let error = read_written(bytes.as_bytes(), format, &labels()).unwrap_err();
            assert!(
                error.to_string().contains("is no row of predictions"),
                "{bytes}"
            );
        }
        assert_eq!(
            read_written(&b""[..], Format::Csv, &labels()).unwrap().rows,
            0
        );
    }
}
