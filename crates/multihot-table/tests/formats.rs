//! One table in every format, as other programs write it; the golden files are those of
//! `tools/reference/tables.py`.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use multihot_table::{Cell, Format, ReadOptions, Source, Table, open, raw_records, read};
use serde_json::{Value, json};

fn golden(name: &str) -> Source {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    Source::File(folder.join(name))
}

fn labels(labels: &[&str]) -> ReadOptions {
    ReadOptions {
        labels: Some(labels.iter().map(|label| (*label).to_owned()).collect()),
        ..ReadOptions::default()
    }
}

/// Ids as text, texts, and the cells of the first label, as y, n and ?.
fn rows(table: &Table) -> Vec<(String, String, char)> {
    let rows = table.rows.iter().map(|row| {
        let id = row
            .id
            .as_str()
            .map_or_else(|| row.id.to_string(), str::to_owned);
        let cell = match row.cells[0] {
            Cell::Yes => 'y',
            Cell::No => 'n',
            Cell::Unknown => '?',
        };
        (id, row.text.clone(), cell)
    });
    rows.collect()
}

#[test]
fn every_format_reads_to_the_same_rows() {
    let files = [
        ("pandas.csv", Format::Csv, ""),
        (
            "pandas-semicolon.csv.gz",
            Format::Csv,
            "read as UTF-16LE, cells are separated by `;`",
        ),
        ("pandas-records.json", Format::Json, ""),
        ("pandas-columns.json", Format::Json, ""),
        ("pandas.jsonl.zst", Format::Jsonl, ""),
        ("pretty.json", Format::Json, ""),
        ("pandas.parquet", Format::Parquet, ""),
        ("pyarrow-none.parquet", Format::Parquet, ""),
        ("pyarrow-snappy.parquet", Format::Parquet, ""),
        ("pyarrow-gzip.parquet", Format::Parquet, ""),
        ("pyarrow-zstd.parquet", Format::Parquet, ""),
        ("pyarrow-delta.parquet", Format::Parquet, ""),
        ("polars.parquet", Format::Parquet, ""),
        ("pandas.xlsx", Format::Xlsx, SHEETS),
        ("pandas.ods", Format::Ods, SHEETS),
    ];
    const SHEETS: &str =
        "read the sheet `Reviews` of `Reviews`, `Second one` (`--sheet` takes another)";
    let expected = [
        ("10", "Plain, with a comma", 'y'),
        ("11", "Quotes \" and\na line end", 'n'),
        ("12", "Élève\u{a0}œuvre €", '?'),
        ("13", "👩\u{200d}👩\u{200d}👧 family", 'y'),
        ("14", "", 'n'),
    ];
    let expected = expected.map(|(id, text, cell)| (id.to_owned(), text.to_owned(), cell));
    for (name, format, notes) in files {
        let table = read(&golden(name), &labels(&["sports"]))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(rows(&table), expected, "{name}");
        assert_eq!(table.format, format, "{name}");
        assert_eq!(table.notes.join(", "), notes, "{name}");
        assert_eq!(table.id_column.as_deref(), Some("id"), "{name}");
    }
}

/// The cells of all rows, as predictions in CSV repeat them.
fn cells(source: &Source, options: &ReadOptions) -> Vec<Vec<String>> {
    let rows = open(source, options).unwrap();
    let columns = rows.columns().to_vec();
    let mut out = vec![columns.clone()];
    let writer = multihot_table::PredictionWriter::new(
        Vec::new(),
        Format::Csv,
        &[],
        &columns,
        multihot_table::PredictionColumns::default(),
    );
    let mut writer = writer.unwrap();
    let nothing = multihot_table::Prediction {
        probabilities: &[],
        raw_probabilities: None,
        logits: None,
        labels: &[],
        unsure: &[],
        windows: None,
    };
    for row in rows {
        writer.write(&row.unwrap(), &nothing).unwrap();
    }
    let written = writer.finish().unwrap();
    let mut reader = csv::Reader::from_reader(written.as_slice());
    for record in reader.records() {
        let record = record.unwrap();
        out.push(
            record
                .iter()
                .take(columns.len())
                .map(str::to_owned)
                .collect(),
        );
    }
    out
}

#[test]
fn kinds_of_parquet_are_as_json_writes_them() {
    let found = cells(&golden("kinds.parquet"), &ReadOptions::default());
    let expected = [
        ("text", "x", "y"),
        ("cats", r#"{"a":1.0,"b":0.0}"#, "{}"),
        (
            "meta",
            r#"{"by":"me","n":[1,2]}"#,
            r#"{"by":null,"n":null}"#,
        ),
        ("day", "2024-02-29", ""),
        ("price", "12.00", ""),
        ("bytes", "ff01", "ascii"),
        ("vector", "[0.5,1.0]", "[0.0,0.25]"),
        ("big", "18446744073709551615", "0"),
        ("at", "13:45:00", ""),
        ("half", "1.5", ""),
    ];
    for (i, (column, first, second)) in expected.into_iter().enumerate() {
        assert_eq!(
            [&found[0][i], &found[1][i], &found[2][i]],
            [column, first, second]
        );
    }
    let found = cells(&golden("pandas.parquet"), &ReadOptions::default());
    assert_eq!(found[0], ["id", "text", "sports", "score", "tags", "when"]);
    assert_eq!(
        found[1][3..],
        ["0.5", r#"["a","b"]"#, "2024-02-29T13:45:00"]
    );
    assert_eq!(found[2][3..], ["2.0", "[]", ""]);
    assert_eq!(
        found[3][2..5],
        ["", "", ""],
        "what is not a number is unknown"
    );
    let found = cells(&golden("pyarrow-snappy.parquet"), &ReadOptions::default());
    assert_eq!(found[4][2..5], ["true", "0.1", r#"["œ"]"#]);
    let found = cells(&golden("pyarrow-lengths.parquet"), &ReadOptions::default());
    assert_eq!(found[4], ["13", "👩\u{200d}👩\u{200d}👧 family"]);
}

#[test]
fn kinds_of_workbooks_are_as_people_see_them() {
    // The first sheet is hidden, the table starts at B2 and has blank rows.
    let found = cells(&golden("kinds.xlsx"), &ReadOptions::default());
    let expected = [
        ["", "text", "yes", "day", "time", "share"],
        ["", "x", "TRUE", "2024-02-29", "13:45:00", "0.3"],
        ["", "y", "FALSE", "", "", ""],
    ];
    assert_eq!(found, expected);
    for file in ["pandas.xlsx", "pandas.ods"] {
        let found = cells(&golden(file), &ReadOptions::default());
        assert_eq!(
            found[0],
            ["id", "text", "sports", "score", "when"],
            "{file}"
        );
        assert_eq!(found[1][2..], ["1", "0.5", "2024-02-29T13:45:00"], "{file}");
        assert_eq!(found[2][2..], ["0", "2", ""], "{file}");
        assert_eq!(found[5][3..], ["0.0000001", "1999-12-31"], "{file}");
    }
}

#[test]
fn a_sheet_is_chosen_by_its_name() {
    for file in ["pandas.xlsx", "pandas.ods"] {
        let sheet = |sheet: &str| ReadOptions {
            sheet: Some(sheet.to_owned()),
            ..ReadOptions::default()
        };
        let table = read(&golden(file), &sheet("Second one")).unwrap();
        assert_eq!(
            (table.rows[0].text.as_str(), table.rows[0].line),
            ("other", 2)
        );
        assert!(table.notes.is_empty());
        let error = read(&golden(file), &sheet("second")).unwrap_err();
        let message = error.to_string();
        assert!(
            message.ends_with("no sheet `second`; there are `Reviews`, `Second one`"),
            "{message}"
        );
    }
}

#[test]
fn any_format_may_come_from_standard_input() {
    for file in [
        "pandas-semicolon.csv.gz",
        "pandas.parquet",
        "pandas.xlsx",
        "pandas.ods",
        "pandas-records.json",
    ] {
        let Source::File(path) = golden(file) else {
            panic!("a golden file is a file");
        };
        let bytes = std::fs::read(path).unwrap();
        let held = Source::Held(Box::new(Source::Stdin), bytes.into());
        // Text does not say by itself what it is, the others do.
        let format = match file {
            "pandas-semicolon.csv.gz" => Some(Format::Csv),
            "pandas-records.json" => Some(Format::Json),
            _ => None,
        };
        let options = ReadOptions {
            format,
            ..labels(&["sports"])
        };
        let table = read(&held, &options).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(table.rows.len(), 5, "{file}");
    }
}

#[test]
fn rows_are_copied_in_a_format_that_reads_back() {
    for file in [
        "pandas.csv",
        "pandas-semicolon.csv.gz",
        "pandas.jsonl.zst",
        "pandas-columns.json",
        "pretty.json",
        "pandas.parquet",
        "pandas.xlsx",
        "pandas.ods",
    ] {
        let options = labels(&["sports"]);
        let table = read(&golden(file), &options).unwrap();
        let records = raw_records(&golden(file), &options).unwrap();
        let mut copy = records.header().to_vec();
        for record in records {
            copy.extend(record.unwrap());
        }
        let name = PathBuf::from(format!("copy.{}", table.format.copied_as()));
        let held = Source::Held(Box::new(Source::File(name)), copy.into());
        let copied = read(&held, &options).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(rows(&copied), rows(&table), "{file}");
        assert_eq!(copied.carried, table.carried, "{file}");
    }
}

#[test]
fn several_files_are_one_table_and_errors_name_the_file() {
    let folder = tempfile::TempDir::new().unwrap();
    let file =
        |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
    let pattern = folder.path().join("*.csv").display().to_string();
    file("a.csv", "text,sports\nx,1\ny,0\n");
    file("b.csv", "sports;text\n1;z\n");
    let table = read(&Source::from(pattern.as_str()), &ReadOptions::default()).unwrap();
    let found: Vec<_> = table
        .rows
        .iter()
        .map(|row| {
            (
                row.text.as_str(),
                row.line,
                row.file.as_deref().unwrap().ends_with("b.csv"),
            )
        })
        .collect();
    assert_eq!(found, [("x", 2, false), ("y", 3, false), ("z", 2, true)]);
    assert!(
        table
            .notes
            .contains(&"2 files read as one table".to_owned())
    );
    let ids: Value = table.rows.iter().map(|row| row.id.clone()).collect();
    assert_eq!(ids, json!([1, 2, 3]));

    file("b.csv", "text,sports\nz,1\nw,maybe\n");
    let error = read(&Source::from(pattern.as_str()), &labels(&["sports"])).unwrap_err();
    let expected = "b.csv:3: column `sports` holds `maybe`, which is neither yes nor no";
    assert!(error.to_string().ends_with(expected), "{error}");
    file(
        "b.csv",
        &format!("text,sports\n{}w,maybe\n", "z,1\n".repeat(10)),
    );
    let error = read(&Source::from(pattern.as_str()), &ReadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("`maybe` at "), "{error}");
    assert!(error.to_string().ends_with("b.csv:12"), "{error}");
    file("b.csv", "text,sports\nz,1,2\n");
    let error = read(&Source::from(pattern.as_str()), &ReadOptions::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("b.csv:2: the header has 2 columns"),
        "{error}"
    );
}
