//! One table of rows, written in every shape that labels have: each reads to the same rows.

use multihot_table::Cell::{self, No, Unknown, Yes};
use multihot_table::{
    Format, LabelFormat, LabelNames, LabelOptions, ReadOptions, Source, Table, TableError, Words,
    read,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A text and its answers, one a label.
type Row = (String, Vec<Cell>);

/// How a table is written and read.
struct Shape {
    name: &'static str,
    file: &'static str,
    /// The labels and the rows as text.
    write: fn(&[String], &[Row]) -> String,
    options: fn(&[String]) -> ReadOptions,
    /// The format that is detected.
    format: LabelFormat,
    /// Whether single cells may be unknown, and not only all of a row.
    has_unknown_cells: bool,
    /// Whether a label that never holds is there.
    has_absent_labels: bool,
}

fn shapes() -> Vec<Shape> {
    let shape = |name, file, format, write, options| Shape {
        name,
        file,
        write,
        options,
        format,
        has_unknown_cells: false,
        has_absent_labels: false,
    };
    let each = |shape| Shape {
        has_unknown_cells: true,
        has_absent_labels: true,
        ..shape
    };
    let named = |shape| Shape {
        has_absent_labels: true,
        ..shape
    };
    use LabelFormat::*;
    vec![
        each(shape("0/1 columns", "t.csv", Columns, columns, plain)),
        shape(
            "json lists",
            "t.csv",
            Names,
            |l, r| csv(l, r, json_list),
            plain,
        ),
        shape(
            "python lists",
            "t.csv",
            Names,
            |l, r| csv(l, r, python_list),
            plain,
        ),
        shape(
            "python tuples",
            "t.csv",
            Names,
            |l, r| csv(l, r, python_tuple),
            plain,
        ),
        shape(
            "numpy arrays",
            "t.csv",
            Names,
            |l, r| csv(l, r, numpy_list),
            plain,
        ),
        shape(
            "lists in objects",
            "t.jsonl",
            Names,
            objects_with_lists,
            plain,
        ),
        named(shape(
            "ids",
            "t.csv",
            Ids,
            |l, r| csv(l, r, id_list),
            with_ids,
        )),
        named(shape(
            "ids in objects",
            "t.jsonl",
            Ids,
            objects_with_ids,
            with_ids,
        )),
        named(shape(
            "numbers with commas",
            "t.csv",
            Delimited,
            |l, r| csv(l, r, id_commas),
            with_commas_and_names,
        )),
        each(shape(
            "multi-hot",
            "t.csv",
            MultiHot,
            |l, r| csv(l, r, hot_list),
            with_names,
        )),
        each(shape(
            "multi-hot floats",
            "t.csv",
            MultiHot,
            |l, r| csv(l, r, hot_floats),
            with_names,
        )),
        shape(
            "bars",
            "t.csv",
            Delimited,
            |l, r| csv(l, r, bars),
            |_| with_delimiter("|"),
        ),
        shape(
            "semicolons",
            "t.csv",
            Delimited,
            |l, r| csv(l, r, semicolons),
            |_| with_delimiter(";"),
        ),
        shape(
            "commas",
            "t.csv",
            Delimited,
            |l, r| csv(l, r, commas),
            |_| with_delimiter(","),
        ),
        shape(
            "blanks",
            "t.csv",
            Delimited,
            |l, r| csv(l, r, blanks),
            |_| with_delimiter(" "),
        ),
        shape(
            "Comprehend's bars, without a header",
            "t.csv",
            Delimited,
            |l, r| headless(l, r, b',', |text, labels, _| vec![labels, text], bars),
            |_| without_header("2", "1", with_delimiter("|")),
        ),
        shape(
            "LibMultiLabel's tabs, without a header",
            "t.tsv",
            Delimited,
            |l, r| {
                headless(
                    l,
                    r,
                    b'\t',
                    |text, labels, id| vec![id, labels, text],
                    blanks,
                )
            },
            |_| without_header("3", "2", with_delimiter(" ")),
        ),
        named(shape(
            "GoEmotions' tabs, without a header",
            "t.tsv",
            Delimited,
            |l, r| {
                headless(
                    l,
                    r,
                    b'\t',
                    |text, labels, id| vec![text, labels, id],
                    id_commas,
                )
            },
            |l| without_header("1", "2", with_commas_and_names(l)),
        )),
        shape("fastText", "t.txt", Fasttext, fasttext, lines),
        each(shape("cats", "t.jsonl", Cats, objects_with_cats, plain)),
        each(shape(
            "cats of older spaCy",
            "t.jsonl",
            Cats,
            objects_with_old_cats,
            plain,
        )),
        each(shape(
            "cats in a cell",
            "t.csv",
            Cats,
            |l, r| csv(l, r, cats_cell),
            plain,
        )),
        shape("Label Studio", "t.jsonl", LabelStudio, label_studio, plain),
        shape(
            "Label Studio's CSV",
            "t.csv",
            Names,
            |l, r| csv(l, r, choices),
            plain,
        ),
        shape("Argilla", "t.jsonl", Argilla, argilla, plain),
        shape(
            "Argilla, flattened",
            "t.jsonl",
            Argilla,
            argilla_flat,
            plain,
        ),
        shape("doccano", "t.jsonl", Names, doccano, plain),
        named(shape("Prodigy", "t.jsonl", Prodigy, prodigy, plain)),
        shape("SageMaker", "t.jsonl", Sagemaker, sagemaker, plain),
    ]
}

fn plain(_: &[String]) -> ReadOptions {
    ReadOptions::default()
}

fn with(label_options: LabelOptions) -> ReadOptions {
    ReadOptions {
        label_options,
        ..ReadOptions::default()
    }
}

fn with_names(labels: &[String]) -> ReadOptions {
    with(LabelOptions {
        names: Some(labels.to_vec().into()),
        ..LabelOptions::default()
    })
}

/// Lists of ids that all have as many numbers as there are labels may look multi-hot.
fn with_ids(labels: &[String]) -> ReadOptions {
    with(LabelOptions {
        format: Some(LabelFormat::Ids),
        ..with_names(labels).label_options
    })
}

fn with_delimiter(delimiter: &str) -> ReadOptions {
    with(LabelOptions {
        format: Some(LabelFormat::Delimited),
        delimiter: Some(delimiter.into()),
        ..LabelOptions::default()
    })
}

fn with_commas_and_names(labels: &[String]) -> ReadOptions {
    with(LabelOptions {
        names: Some(labels.to_vec().into()),
        ..with_delimiter(",").label_options
    })
}

fn lines(_: &[String]) -> ReadOptions {
    ReadOptions {
        format: Some(Format::Lines),
        ..ReadOptions::default()
    }
}

fn without_header(text: &str, labels: &str, options: ReadOptions) -> ReadOptions {
    ReadOptions {
        no_header: true,
        text: vec![text.into()],
        labels: Some(vec![labels.into()]),
        ..options
    }
}

fn columns(labels: &[String], rows: &[Row]) -> String {
    let header = std::iter::once("text".to_owned()).chain(labels.iter().cloned());
    let cell = |cell: &Cell| match cell {
        Yes => "1".to_owned(),
        No => "0".to_owned(),
        Unknown => String::new(),
    };
    let record = |(text, cells): &Row| {
        let cells = cells.iter().map(cell);
        std::iter::once(text.clone())
            .chain(cells)
            .collect::<Vec<_>>()
    };
    csv_of(std::iter::once(header.collect()).chain(rows.iter().map(record)))
}

/// A CSV with a column `labels`, blank where nothing is known.
fn csv(labels: &[String], rows: &[Row], cell: fn(&[String], &[Cell]) -> String) -> String {
    let header = vec!["labels".to_owned(), "text".to_owned()];
    let record = |(text, cells): &Row| {
        let is_known = cells.iter().any(|cell| *cell != Unknown);
        let cell = if is_known {
            cell(labels, cells)
        } else {
            String::new()
        };
        vec![cell, text.clone()]
    };
    csv_of(std::iter::once(header).chain(rows.iter().map(record)))
}

/// Rows alone: `record` puts a text, its labels and an id in order.
fn headless(
    labels: &[String],
    rows: &[Row],
    delimiter: u8,
    record: fn(String, String, String) -> Vec<String>,
    cell: fn(&[String], &[Cell]) -> String,
) -> String {
    let records = rows.iter().enumerate().map(|(id, (text, cells))| {
        let is_known = cells.iter().any(|cell| *cell != Unknown);
        let labels = is_known.then(|| cell(labels, cells));
        record(text.clone(), labels.unwrap_or_default(), format!("id-{id}"))
    });
    delimited_by(delimiter, records)
}

fn csv_of(records: impl Iterator<Item = Vec<String>>) -> String {
    delimited_by(b',', records)
}

fn delimited_by(delimiter: u8, records: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .from_writer(Vec::new());
    for record in records {
        out.write_record(record).unwrap();
    }
    String::from_utf8(out.into_inner().unwrap()).unwrap()
}

/// The labels that hold.
fn yes<'a>(labels: &'a [String], cells: &[Cell]) -> Vec<&'a str> {
    let labels = labels.iter().zip(cells);
    let labels = labels.filter(|(_, cell)| **cell == Yes);
    labels.map(|(label, _)| label.as_str()).collect()
}

/// The names with a delimiter between them, and the delimiter alone where there is none: a blank
/// cell would be an unknown one.
fn joined(labels: &[String], cells: &[Cell], delimiter: &str) -> String {
    match yes(labels, cells).join(delimiter) {
        names if names.is_empty() => delimiter.trim().to_owned(),
        names => names,
    }
}

fn json_list(labels: &[String], cells: &[Cell]) -> String {
    json!(yes(labels, cells)).to_string()
}

fn python(labels: &[String], cells: &[Cell], between: &str) -> String {
    let names = yes(labels, cells).into_iter();
    let names = names.map(|name| format!("'{}'", name.replace('\'', "\\'")));
    names.collect::<Vec<_>>().join(between)
}

fn python_list(labels: &[String], cells: &[Cell]) -> String {
    format!("[{}]", python(labels, cells, ", "))
}

fn python_tuple(labels: &[String], cells: &[Cell]) -> String {
    match yes(labels, cells).len() {
        1 => format!("({},)", python(labels, cells, "")),
        _ => format!("({})", python(labels, cells, ", ")),
    }
}

fn numpy_list(labels: &[String], cells: &[Cell]) -> String {
    format!("[{}]", python(labels, cells, " "))
}

fn ids(cells: &[Cell]) -> Vec<usize> {
    let cells = cells.iter().enumerate();
    cells
        .filter(|(_, cell)| **cell == Yes)
        .map(|(id, _)| id)
        .collect()
}

fn id_list(_: &[String], cells: &[Cell]) -> String {
    format!("{:?}", ids(cells))
}

fn id_commas(_: &[String], cells: &[Cell]) -> String {
    let ids: Vec<String> = ids(cells).iter().map(usize::to_string).collect();
    if ids.is_empty() {
        ",".into()
    } else {
        ids.join(",")
    }
}

fn hot_list(_: &[String], cells: &[Cell]) -> String {
    let number = |cell: &Cell| match cell {
        Yes => 1,
        No => 0,
        Unknown => -1,
    };
    json!(cells.iter().map(number).collect::<Vec<_>>()).to_string()
}

fn hot_floats(_: &[String], cells: &[Cell]) -> String {
    let float = |cell: &Cell| match cell {
        Yes => "1.",
        No => "0.",
        Unknown => "nan",
    };
    format!(
        "[{}]",
        cells.iter().map(float).collect::<Vec<_>>().join(" ")
    )
}

fn bars(labels: &[String], cells: &[Cell]) -> String {
    joined(labels, cells, "|")
}

fn semicolons(labels: &[String], cells: &[Cell]) -> String {
    joined(labels, cells, ";")
}

fn commas(labels: &[String], cells: &[Cell]) -> String {
    joined(labels, cells, ", ")
}

fn blanks(labels: &[String], cells: &[Cell]) -> String {
    joined(labels, cells, " ")
}

fn fasttext(labels: &[String], rows: &[Row]) -> String {
    let line = |(text, cells): &Row| {
        let names = yes(labels, cells)
            .into_iter()
            .map(|name| format!("__label__{name} "));
        let mut prefix = names.collect::<String>();
        // A line without a label is unknown; the bare prefix says that none holds.
        if prefix.is_empty() && cells.iter().any(|cell| *cell != Unknown) {
            prefix = "__label__ ".into();
        }
        format!("{prefix}{text}\n")
    };
    rows.iter().map(line).collect()
}

/// An object a line; `None` leaves the row unknown.
fn jsonl(rows: &[Row], object: impl Fn(&str, Option<&[Cell]>) -> Value) -> String {
    let line = |(text, cells): &Row| {
        let is_known = cells.iter().any(|cell| *cell != Unknown);
        object(text, is_known.then_some(cells)).to_string() + "\n"
    };
    rows.iter().map(line).collect()
}

fn objects_with_lists(labels: &[String], rows: &[Row]) -> String {
    jsonl(
        rows,
        |text, cells| json!({"text": text, "tags": cells.map(|cells| yes(labels, cells))}),
    )
}

fn objects_with_ids(_: &[String], rows: &[Row]) -> String {
    jsonl(
        rows,
        |text, cells| json!({"labels": cells.map(ids), "text": text}),
    )
}

fn cats(labels: &[String], cells: &[Cell]) -> Value {
    let known = labels
        .iter()
        .zip(cells)
        .filter(|(_, cell)| **cell != Unknown);
    known
        .map(|(label, cell)| (label.clone(), json!(f64::from(u8::from(*cell == Yes)))))
        .collect()
}

fn objects_with_cats(labels: &[String], rows: &[Row]) -> String {
    jsonl(rows, |text, cells| match cells {
        Some(cells) => json!({"text": text, "cats": cats(labels, cells)}),
        None => json!({"text": text}),
    })
}

fn objects_with_old_cats(labels: &[String], rows: &[Row]) -> String {
    jsonl(rows, |text, cells| {
        let cats = cells.map(|cells| cats(labels, cells));
        let entries = cats
            .as_ref()
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let entries = entries.map(|(label, value)| json!({"label": label, "value": value}));
        json!({"text": text, "cats": cats.as_ref().map(|_| entries.collect::<Vec<_>>())})
    })
}

fn cats_cell(labels: &[String], cells: &[Cell]) -> String {
    cats(labels, cells).to_string()
}

fn choices(labels: &[String], cells: &[Cell]) -> String {
    json!({"choices": yes(labels, cells)}).to_string()
}

fn label_studio(labels: &[String], rows: &[Row]) -> String {
    jsonl(rows, |text, cells| {
        let result = |cells| {
            json!({"from_name": "topic", "to_name": "text", "type": "choices",
                "value": {"choices": yes(labels, cells)}})
        };
        let annotation =
            |cells| json!({"id": 7, "was_cancelled": false, "result": [result(cells)]});
        json!({"id": 1, "data": {"text": text}, "total_annotations": 1,
            "annotations": Vec::from_iter(cells.map(annotation))})
    })
}

fn argilla(labels: &[String], rows: &[Row]) -> String {
    jsonl(rows, |text, cells| {
        let response = |cells| json!({"value": yes(labels, cells), "user_id": "u"});
        let responses = match cells {
            Some(cells) => json!({"topic": [response(cells)], "remark": [{"value": "a text"}]}),
            None => json!({}),
        };
        json!({"id": "1", "status": "completed", "fields": {"text": text}, "metadata": {},
            "suggestions": {}, "responses": responses, "vectors": {}})
    })
}

fn argilla_flat(labels: &[String], rows: &[Row]) -> String {
    jsonl(rows, |text, cells| {
        let response = cells.map(|cells| vec![yes(labels, cells)]);
        json!({"text": text, "topic.responses": response,
            "topic.responses.status": cells.map(|_| ["submitted"]),
            "topic.responses.users": cells.map(|_| ["u"])})
    })
}

fn doccano(labels: &[String], rows: &[Row]) -> String {
    jsonl(
        rows,
        |text, cells| json!({"id": 4, "text": text, "label": cells.map(|cells| yes(labels, cells)), "Comments": []}),
    )
}

fn prodigy(labels: &[String], rows: &[Row]) -> String {
    jsonl(rows, |text, cells| {
        let option = |label: &String| json!({"id": label, "text": label.to_uppercase()});
        let options: Vec<Value> = labels.iter().map(option).collect();
        let accepted = cells.map(|cells| yes(labels, cells)).unwrap_or_default();
        let answer = if cells.is_some() { "accept" } else { "ignore" };
        json!({"text": text, "options": options, "accept": accepted, "answer": answer,
            "_input_hash": 1, "_is_binary": false})
    })
}

fn sagemaker(labels: &[String], rows: &[Row]) -> String {
    jsonl(rows, |text, cells| {
        let ids = cells.map(ids);
        let named = ids
            .iter()
            .flatten()
            .map(|&id| (id.to_string(), json!(labels[id])));
        let map: Value = named.collect();
        json!({"source": text, "job": ids, "job-metadata": {"class-map": map, "human-annotated": "yes"}})
    })
}

fn read_as(file: &str, table: &str, options: &ReadOptions) -> Result<Table, TableError> {
    read(
        &Source::Held(Box::new(file.into()), table.as_bytes().into()),
        options,
    )
}

fn rows_of(table: &Table) -> Vec<Row> {
    let rows = table.rows.iter();
    rows.map(|row| (row.text.clone(), row.cells.clone()))
        .collect()
}

fn letter(cell: &Cell) -> char {
    match cell {
        Yes => 'y',
        No => 'n',
        Unknown => '?',
    }
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Rows whose texts have what tables stumble over, with a row without a label, one of which nothing
/// is known, and a label with one yes.
fn usual_rows() -> (Vec<String>, Vec<Row>) {
    let texts = [
        "a text, with a comma",
        "two\nlines and a \"quote\"",
        "a\u{a0}space that does not break",
        "👩\u{200d}💻 👨\u{200d}👩\u{200d}👧 joined",
        "[0, 1]",
        "  blanks round it  ",
        "l'été",
        "nobody looked",
    ];
    let cells = [
        vec![Yes, No, No, Yes],
        vec![No, No, Yes, No],
        vec![No, No, No, No],
        vec![Yes, Yes, Yes, Yes],
        vec![No, No, No, Yes],
        vec![Yes, No, No, No],
        vec![No, No, No, Yes],
        vec![Unknown; 4],
    ];
    let texts = texts.iter().map(|text| (*text).to_owned());
    // In their order by name.
    let labels = strings(&["business", "it's", "sports", "éco-👩\u{200d}💻"]);
    (labels, texts.zip(cells).collect())
}

/// The rows as `shape` can have them.
fn for_shape(shape: &Shape, rows: &[Row]) -> Vec<Row> {
    let is_lines = shape.format == LabelFormat::Fasttext;
    let mut rows = rows.to_vec();
    for (text, cells) in &mut rows {
        if is_lines {
            *text = text.replace(['\n', '\r'], " ").trim().to_owned();
        }
        // There is no way to write that no label holds, where a blank cell is an unknown one.
        let is_words = ["blanks", "LibMultiLabel's tabs, without a header"].contains(&shape.name);
        if is_words && cells.iter().all(|cell| *cell == No) {
            cells.fill(Unknown);
        }
    }
    rows
}

#[test]
fn every_shape_reads_to_the_same_rows() {
    let (labels, rows) = usual_rows();
    for shape in shapes() {
        let rows = for_shape(&shape, &rows);
        let written = (shape.write)(&labels, &rows);
        let table = read_as(shape.file, &written, &(shape.options)(&labels))
            .unwrap_or_else(|error| panic!("{}: {error}\n{written}", shape.name));
        assert_eq!(table.labels, labels, "{}\n{written}", shape.name);
        assert_eq!(rows_of(&table), rows, "{}\n{written}", shape.name);
        assert_eq!(table.reading.format, shape.format, "{}", shape.name);
        assert!(
            table.rows.iter().all(|row| row.targets.is_none()),
            "{}",
            shape.name
        );
    }
}

#[test]
fn the_usual_rows_need_no_option_but_names() {
    let (labels, rows) = usual_rows();
    for shape in shapes() {
        let mut options = (shape.options)(&labels);
        options.label_options.format = None;
        options.label_options.delimiter = None;
        // Commas alone would be a shaky sign; the others are found.
        let rows = for_shape(&shape, &rows);
        let table = read_as(shape.file, &(shape.write)(&labels, &rows), &options)
            .unwrap_or_else(|error| panic!("{}: {error}", shape.name));
        assert_eq!(table.reading.format, shape.format, "{}", shape.name);
        assert_eq!(rows_of(&table), rows, "{}", shape.name);
    }
}

#[test]
fn what_was_read_is_enough_to_read_another_table_like_it() {
    let (labels, rows) = usual_rows();
    let wanted: Vec<String> = labels.iter().rev().cloned().collect();
    for shape in shapes() {
        let rows = for_shape(&shape, &rows);
        let written = (shape.write)(&labels, &rows);
        let first = read_as(shape.file, &written, &(shape.options)(&labels)).unwrap();
        // Of the first rows alone, as a smaller table of the same kind.
        let few = &rows[..4];
        let options = (shape.options)(&labels);
        let again = ReadOptions {
            format: options.format,
            text: options.text,
            no_header: options.no_header,
            ..with(LabelOptions {
                remembered: Some(first.reading),
                expected: Some(wanted.clone()),
                ..LabelOptions::default()
            })
        };
        let table = read_as(shape.file, &(shape.write)(&labels, few), &again)
            .unwrap_or_else(|error| panic!("{}: {error}", shape.name));
        assert_eq!(table.labels, wanted, "{}", shape.name);
        let reversed = |(text, cells): &Row| (text.clone(), cells.iter().rev().copied().collect());
        let expected: Vec<Row> = few.iter().map(reversed).collect();
        assert_eq!(rows_of(&table), expected, "{}", shape.name);
        // And one with a column a label, whatever the first was.
        let columns = columns(&labels, few);
        let table = read_as(
            "t.csv",
            &columns,
            &ReadOptions {
                format: None,
                text: Vec::new(),
                no_header: false,
                ..again
            },
        )
        .unwrap();
        assert_eq!(rows_of(&table), expected, "{} then columns", shape.name);
    }
}

/// Names that every shape can write.
fn label() -> impl Strategy<Value = String> {
    "[a-zé][a-z0-9_'é👩\u{200d}💻-]{0,6}".prop_filter("words that mean unknown", |name| {
        !["na", "nan", "null"].contains(&name.as_str())
            // What a person cannot see is trimmed away nowhere but at the ends.
            && !name.ends_with('\u{200d}')
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_table_reads_back_in_any_shape(
        labels in prop::collection::btree_set(label(), 2..5),
        texts in prop::collection::vec("[a\"\n,;|é\u{a0}😀'\\[\\]]{1,8}", 1..10),
        cells in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec![Yes, Yes, No, Unknown]), 5),
            10,
        ),
        which in 0..29_usize,
    ) {
        let labels: Vec<String> = labels.into_iter().collect();
        let shape = &shapes()[which];
        let cells = cells.into_iter().map(|cells| cells[..labels.len()].to_vec());
        let mut rows: Vec<Row> = texts.into_iter().zip(cells).collect();
        // Each label holds once at least, or lists would not have it.
        rows[0].1.fill(Yes);
        for (_, cells) in &mut rows {
            if !shape.has_unknown_cells && cells.contains(&Unknown) {
                cells.fill(Unknown);
            }
        }
        let rows = for_shape(shape, &rows);
        let table = read_as(shape.file, &(shape.write)(&labels, &rows), &(shape.options)(&labels));
        let table = table.map_err(|error| TestCaseError::fail(format!("{}: {error}", shape.name)))?;
        prop_assert_eq!(&table.labels, &labels, "{}", shape.name);
        prop_assert_eq!(rows_of(&table), rows, "{}", shape.name);
    }

    #[test]
    fn any_cell_ends_in_labels_or_an_error(
        cell in "[\\[\\]{}('\"a1.,:|; n-]{0,20}|\\PC{0,12}",
        format in prop::sample::select(vec![
            None,
            Some(LabelFormat::Names),
            Some(LabelFormat::Ids),
            Some(LabelFormat::MultiHot),
            Some(LabelFormat::Delimited),
            Some(LabelFormat::Cats),
        ]),
    ) {
        let csv = csv_of([strings(&["text", "labels"]), strings(&["x", &cell])].into_iter());
        let options = with(LabelOptions { format, ..LabelOptions::default() });
        if let Ok(table) = read_as("t.csv", &csv, &options) {
            prop_assert_eq!(table.rows[0].cells.len(), table.labels.len());
        }
    }
}

#[test]
fn a_label_that_never_holds_is_there_where_it_is_named() {
    let (labels, mut rows) = usual_rows();
    rows.iter_mut()
        .filter(|(_, cells)| cells[1] == Yes)
        .for_each(|(_, cells)| cells[1] = No);
    for shape in shapes() {
        let rows = for_shape(&shape, &rows);
        let table = read_as(
            shape.file,
            &(shape.write)(&labels, &rows),
            &(shape.options)(&labels),
        );
        let is_there = table.unwrap().labels.contains(&labels[1]);
        assert_eq!(is_there, shape.has_absent_labels, "{}", shape.name);
    }
}

#[test]
fn labels_that_are_numbers_are_sorted_by_size_and_may_be_named() {
    let table = "text,labels\nx,\"[10, 2]\"\ny,[2]\nz,[]\n";
    let found = read_as("t.csv", table, &ReadOptions::default()).unwrap();
    assert_eq!(found.labels, ["2", "10"]);
    assert_eq!(found.rows[0].cells, [Yes, Yes]);
    assert_eq!(found.rows[2].cells, [No, No]);
    assert_eq!(
        found.notes,
        ["labels are called by their ids; `--label-names FILE` names them"]
    );
    let names: Vec<String> = (0..11).map(|i| format!("n{i}")).collect();
    let named = read_as("t.csv", table, &with_names(&names)).unwrap();
    assert_eq!((named.labels.len(), named.rows[1].cells[2]), (11, Yes));
    assert_eq!(
        read_as("t.csv", table, &with_names(&names[..3]))
            .unwrap_err()
            .to_string(),
        "t.csv:2: column `labels` holds `[10, 2]`, which cannot be read as lists of ids: id 10 has \
         no name: there are 3 names, from id 0 on"
    );
}

#[test]
fn what_is_detected_is_shown() {
    let cases = [
        (
            "t.csv",
            "text,genre\nx,a|b\ny,b\nz,\n",
            "t.csv: 3 rows, text in `text`, ids are row numbers, labels in `genre` (names with `|` \
             between them)\n  a  yes 1  no 1  unknown 1\n  b  yes 2  no 0  unknown 1\n\
             note: 1 blank cell in `genre`: all labels are unknown there, and `--no ''` would make \
             them no",
        ),
        (
            "t.csv",
            "text,topic\nx,sports\ny,New York\n",
            "t.csv: 2 rows, text in `text`, ids are row numbers, labels in `topic` (one name a \
             cell)\n  New York  yes 1  no 1  unknown 0\n  sports    yes 1  no 1  unknown 0\n\
             note: each cell of `topic` is taken for one label, as nothing seems to stand between \
             names; `--label-delimiter ';'` would say what does",
        ),
        (
            "t.jsonl",
            "{\"text\":\"x\",\"labels\":[\"a\"],\"n\":3}\n",
            "t.jsonl: 1 row, text in `text`, ids are row numbers, labels in `labels` (lists of \
             names)\n  a  yes 1  no 0  unknown 0\ncarried along: `n`",
        ),
        (
            "t.jsonl",
            "{\"data\":{\"text\":\"x\"},\"annotations\":[\
             {\"result\":[{\"from_name\":\"t\",\"value\":{\"choices\":[\"a\",\"b\"]}}]},\
             {\"result\":[{\"from_name\":\"t\",\"value\":{\"choices\":[\"a\"]}}]}]}\n",
            "t.jsonl: 1 row, text in `data.text`, ids are row numbers, labels in `t` (choices of \
             Label Studio)\n  a  yes 1  no 0  unknown 0\n  b  yes 0  no 0  unknown 1\n\
             carried along: `annotations`\n\
             note: several people annotated 1 row: what most of them say counts, and 1 cell on \
             which they are evenly divided is unknown",
        ),
        (
            "t.csv",
            "text,choices\nx,sports\ny,\"{\"\"choices\"\": [\"\"sports\"\", \"\"a, b\"\"]}\"\nz,\"a, b\"\n",
            "t.csv: 3 rows, text in `text`, ids are row numbers, labels in `choices` (lists of \
             names)\n  a, b    yes 2  no 1  unknown 0\n  sports  yes 2  no 1  unknown 0\n\
             note: 2 cells of `choices` without a list, such as `sports`: each is taken for one \
             label",
        ),
        (
            "t.csv",
            "text,a,tags,score\nx,1,['p'],0.25\ny,0,[],0.5\n",
            "t.csv: 2 rows, text in `text`, ids are row numbers\n  a  yes 1  no 1  unknown 0\n\
             carried along: `tags`, `score`\n\
             note: `tags` holds lists; `--labels tags` would read labels there\n\
             note: `score` holds numbers between 0 and 1; `--soft-targets` would make it a label",
        ),
    ];
    for (file, table, expected) in cases {
        let table = read_as(file, table, &ReadOptions::default()).unwrap();
        assert_eq!(table.detection(), expected);
    }
    let never = read_as("t.csv", "text,tags\nx,a;b\ny,b\n", &with_delimiter("|")).unwrap();
    assert_eq!(
        never.notes,
        ["the delimiter `|` does not occur in `tags`, so each cell is one label"]
    );
}

#[test]
fn lists_are_lists_whatever_the_first_cell_says() {
    let letters = |table: &Table| {
        let rows = table.rows.iter();
        let rows = rows.map(|row| row.cells.iter().map(letter).collect::<String>());
        rows.collect::<Vec<_>>().join(" ")
    };
    let cases = [
        (
            "t.csv",
            "text,tags\nw,NA\nx,\"[\"\"a\"\", \"\"b\"\"]\"\ny,\"[\"\"a\"\"]\"\nz,nan\n",
            LabelFormat::Names,
            "a b",
            "?? yy yn ??",
        ),
        (
            "t.csv",
            "text,tags\nx,nan\ny,\"['a','b']\"\n",
            LabelFormat::Names,
            "a b",
            "?? yy",
        ),
        (
            "t.csv",
            "text,tags\nx,nan\ny,\"[0, 3]\"\n",
            LabelFormat::Ids,
            "0 3",
            "?? yy",
        ),
        (
            "t.jsonl",
            "{\"text\":\"x\",\"labels\":\"y\"}\n{\"text\":\"x\",\"labels\":[\"x\",\"y\"]}\n",
            LabelFormat::Names,
            "x y",
            "ny yy",
        ),
        (
            "t.jsonl",
            "{\"text\":\"x\",\"labels\":3}\n{\"text\":\"x\",\"labels\":[0,3]}\n",
            LabelFormat::Ids,
            "0 3",
            "ny yy",
        ),
        (
            "t.csv",
            "text,tags\nx,(other)\ny,a;b\n",
            LabelFormat::Delimited,
            "(other) a b",
            "ynn nyy",
        ),
    ];
    for (file, csv, format, labels, cells) in cases {
        let column = if csv.contains("tags") {
            "tags"
        } else {
            "labels"
        };
        let mut ways = vec![ReadOptions::default(), labels_in(&[column])];
        ways.push(as_format(format));
        for options in ways {
            let table = read_as(file, csv, &options).unwrap_or_else(|e| panic!("{csv}: {e}"));
            assert_eq!(table.reading.format, format, "{csv}");
            assert_eq!(table.labels.join(" "), labels, "{csv}");
            assert_eq!(letters(&table), cells, "{csv}");
        }
    }
    // A table of single choices, beside one with several.
    let first = "text,tags\nx,\"['a', 'b']\"\n";
    let table = read_as("t.csv", first, &ReadOptions::default()).unwrap();
    let like = with(LabelOptions {
        remembered: Some(table.reading),
        expected: Some(table.labels),
        ..LabelOptions::default()
    });
    let other = read_as("t.csv", "text,tags\nx,b\ny,nan\n", &like).unwrap();
    assert_eq!(letters(&other), "ny ??");
    let split = read_as("t.csv", "text,tags\nx,a;b\n", &like).unwrap_err();
    assert!(
        split
            .to_string()
            .contains("cannot be read as lists of names"),
        "{split}"
    );
}

#[test]
fn a_header_of_label_names_is_a_name_where_cells_need_it() {
    let named = |label_names: &LabelNames| {
        with(LabelOptions {
            names: Some(label_names.clone()),
            ..LabelOptions::default()
        })
    };
    let names = LabelNames {
        names: strings(&["address", "phone"]),
        header: Some("name".into()),
    };
    let (all, two) = (strings(&["name", "address", "phone"]), names.names.clone());
    let cases = [
        ("text,labels\nx,\"[0, 2]\"\n", &all),
        ("text,labels\nx,\"[0, 1]\"\ny,[1]\n", &two),
        ("text,labels\nx,\"[0, 1, 1]\"\n", &all),
        ("text,labels\nx,\"[1, 1]\"\n", &two),
        ("text,labels\nx,\"['name', 'phone']\"\n", &all),
        ("text,labels\nx,['phone']\n", &two),
        ("text,labels\nx,0;2\n", &all),
        ("text,labels\nx,phone;name\n", &all),
        ("text,labels\nx,phone;address\n", &two),
    ];
    for (csv, labels) in cases {
        let table = read_as("t.csv", csv, &named(&names)).unwrap_or_else(|e| panic!("{csv}: {e}"));
        assert_eq!(&table.labels, labels, "{csv}");
        let note = "`name` is taken for the header of the label names, not for one of them; lines \
                    of `id,name` would leave no doubt";
        let is_said = table.notes.iter().any(|said| said == note);
        assert_eq!(is_said, labels.len() == 2, "{csv}: {:?}", table.notes);
    }
    // What one table has settled holds for the next.
    let first = read_as("t.csv", "text,labels\nx,\"[0, 2]\"\n", &named(&names)).unwrap();
    let mut like = named(&names);
    like.label_options.remembered = Some(first.reading);
    like.label_options.expected = Some(first.labels);
    let next = read_as("t.csv", "text,labels\nx,[1]\n", &like).unwrap();
    assert_eq!(next.rows[0].cells, [No, Yes, No]);
}

fn labels_in(names: &[&str]) -> ReadOptions {
    ReadOptions {
        labels: Some(strings(names)),
        ..ReadOptions::default()
    }
}

fn as_format(format: LabelFormat) -> ReadOptions {
    with(LabelOptions {
        format: Some(format),
        ..LabelOptions::default()
    })
}

fn expecting(labels: &[&str]) -> ReadOptions {
    with(LabelOptions {
        expected: Some(strings(labels)),
        ..LabelOptions::default()
    })
}

#[test]
fn a_column_that_is_mostly_answered_is_no_label_without_a_word() {
    let csv = "text,a,b,c\nu,1,oui,x\nv,0,non,k\nw,1,peut-être,1\nz,0,?,z\n";
    let table = read_as("t.csv", csv, &ReadOptions::default()).unwrap();
    assert_eq!(table.labels, ["a"]);
    assert_eq!(
        table.notes,
        [
            "`b` is no label: 2 of 3 known cells are yes/no words, others such as `peut-être` are not \
          (`--unknown peut-être`, `--yes` or `--no` says what it means)"
        ]
    );
}

#[test]
fn a_name_is_the_same_however_its_accents_are_written() {
    let csv = "texte,e\u{301}conomie , sport\nu,1,O\nv,0,N\nw,n/a,#N/A\n";
    let options = ReadOptions {
        text: strings(&["texte"]),
        ..labels_in(&["économie", "sport"])
    };
    let table = read_as("t.csv", csv, &options).unwrap();
    assert_eq!(table.cells(), [Yes, Yes, No, No, Unknown, Unknown]);
    let lists = "text,thèmes\nu,e\u{301}conomie;sport\nv,économie \n";
    let table = read_as("t.csv", lists, &ReadOptions::default()).unwrap();
    assert_eq!(table.labels, ["sport", "économie"]);
    let json = "{\"texte\":\"u\",\"e\u{301}conomie\":1,\" sport\":0}\n";
    let table = read_as("t.jsonl", json, &options).unwrap();
    assert_eq!(table.cells(), [Yes, No]);
}

#[test]
fn where_labels_stand_may_be_said() {
    let both = ReadOptions {
        labels: Some(strings(&["labels"])),
        ..as_format(LabelFormat::Delimited)
    };
    let cases = [
        (
            "a list column of any name",
            "text,authors,b\nx,\"['p', 'q']\",1\n",
            labels_in(&["authors"]),
            "p q",
            "yy",
        ),
        (
            "names in any column",
            "text,kind\nx,p;q\ny,q\n",
            labels_in(&["kind"]),
            "p q",
            "yy ny",
        ),
        (
            "one column a label",
            "text,tags,b\nx,[],1\n",
            labels_in(&["b"]),
            "b",
            "y",
        ),
        (
            "lists, in spite of the column",
            "text,tags,b\nx,['p'],1\n",
            as_format(LabelFormat::Names),
            "p",
            "y",
        ),
        (
            "columns, in spite of the list",
            "text,labels,b\nx,['p'],1\n",
            as_format(LabelFormat::Columns),
            "b",
            "y",
        ),
        (
            "numbers as names",
            "text,labels\nx,\"[1, 0]\"\n",
            as_format(LabelFormat::Names),
            "0 1",
            "yy",
        ),
        (
            "ids, though they look multi-hot",
            "text,labels\nx,\"[1, 0]\"\n",
            as_format(LabelFormat::Ids),
            "0 1",
            "yy",
        ),
        (
            "multi-hot, though of one label",
            "text,labels\nx,[1]\ny,[0]\n",
            as_format(LabelFormat::MultiHot),
            "0",
            "y n",
        ),
        (
            "numbers with commas",
            "text,labels\nx,\"2,14\"\ny,0\nz,1\n",
            labels_in(&["labels"]),
            "0 1 2 14",
            "nnyy ynnn nynn",
        ),
        (
            "names that are words",
            "text,labels\nx,no\ny,yes\n",
            both,
            "no yes",
            "yn ny",
        ),
    ];
    for (name, csv, options, labels, cells) in cases {
        let table = read_as("t.csv", csv, &options).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(table.labels.join(" "), labels, "{name}");
        let rows = table.rows.iter();
        let rows = rows.map(|row| row.cells.iter().map(letter).collect::<String>());
        assert_eq!(rows.collect::<Vec<_>>().join(" "), cells, "{name}");
    }
    let nested = "{\"text\":\"x\",\"meta\":{\"tags\":[\"p\"]}}\n";
    let table = read_as("t.jsonl", nested, &labels_in(&["meta.tags"])).unwrap();
    assert_eq!(
        (table.labels, table.carried),
        (strings(&["p"]), strings(&["meta"]))
    );
}

#[test]
fn what_cannot_be_read_is_said_with_a_way_out() {
    let two_meanings = with(LabelOptions {
        words: Words {
            yes: strings(&["ja"]),
            no: strings(&["JA"]),
            ..Words::default()
        },
        ..LabelOptions::default()
    });
    let two_names = with_names(&strings(&["sports", "news"]));
    let two_places = with(LabelOptions {
        format: Some(LabelFormat::MultiHot),
        ..two_names.label_options.clone()
    });
    let cases = [
        (
            "a list that ends in the middle",
            "t.csv",
            "text,labels\nx,['a']\ny,['b'\n",
            labels_in(&["labels"]),
            "t.csv:3: column `labels` holds `['b'`, which cannot be read as lists of names: `]` is \
             missing at its end",
            "lists are read as JSON and Python write them",
        ),
        (
            "spans",
            "t.jsonl",
            "{\"text\":\"x\",\"label\":[[0,5,\"PER\"]]}\n",
            labels_in(&["label"]),
            "t.jsonl:1: column `label` holds `[[0,5,\"PER\"]]`, which cannot be read as lists of \
             names: there are lists or objects in it",
            "lists are read as JSON",
        ),
        (
            "a name that is not given",
            "t.csv",
            "text,labels\nx,sport|news\n",
            two_names,
            "t.csv:2: column `labels` names `sport`; labels are `sports`, `news`",
            "did you mean `sports`?",
        ),
        (
            "a list that is too long",
            "t.csv",
            "text,labels\nx,\"[0, 1]\"\ny,\"[0, 1, 1]\"\n",
            two_places,
            "t.csv:3: column `labels` holds `[0, 1, 1]`, which cannot be read as lists with a \
             number for each label: 3 numbers for 2 labels",
            "lists are read as JSON",
        ),
        (
            "a list and columns",
            "t.csv",
            "text,labels,checked\nx,['a'],1\n",
            ReadOptions::default(),
            "t.csv: labels may stand in `labels` (lists of names) or in `checked` (yes/no words)",
            "say where with `--labels`, such as `--labels labels`, or leave columns out with \
             `--ignore`",
        ),
        (
            "two columns of lists",
            "t.csv",
            "text,tags,topics\nx,['a'],['b']\n",
            ReadOptions::default(),
            "t.csv: labels may stand in `tags` (lists of names) or in `topics` (lists of names)",
            "say where with `--labels`",
        ),
        (
            "a list in a column that is not called so",
            "t.csv",
            "text,authors\nx,['a']\n",
            ReadOptions::default(),
            "t.csv: no label column; `authors` holds `['a']`",
            "`authors` holds lists: `--labels authors` reads labels there",
        ),
        (
            "two questions",
            "t.jsonl",
            "{\"data\":{\"text\":\"x\"},\"annotations\":[{\"result\":[\
             {\"from_name\":\"p\",\"value\":{\"choices\":[\"a\"]}},\
             {\"from_name\":\"q\",\"value\":{\"choices\":[\"b\"]}}]}]}\n",
            ReadOptions::default(),
            "t.jsonl: which question has the labels? There are `p`, `q`",
            "name it, such as `--labels p`",
        ),
        (
            "a format that is not there",
            "t.csv",
            "text,a\nx,1\n",
            as_format(LabelFormat::LabelStudio),
            "t.csv: no choices of Label Studio found; the other columns are `a`",
            "`--labels COLUMN` says where the labels are",
        ),
        (
            "a record of another kind",
            "t.jsonl",
            "{\"text\":\"x\",\"a\":1}\n",
            as_format(LabelFormat::LabelStudio),
            "t.jsonl:1: no choices of Label Studio: it has no `annotations`",
            "`--labels COLUMN` says where the labels are",
        ),
        (
            "a chance",
            "t.csv",
            "text,a\nx,1\ny,0.5\n",
            ReadOptions::default(),
            "t.csv:3: column `a` holds `0.5`: is it a label with chances in place of yes and no?",
            "`--soft-targets` trains toward such numbers; `--ignore a` leaves the column out",
        ),
        (
            "a chance in a dictionary",
            "t.jsonl",
            "{\"text\":\"x\",\"cats\":{\"a\":0.5}}\n",
            ReadOptions::default(),
            "t.jsonl:1: column `cats` holds `{\"a\":0.5}`: is it a label with chances in place of \
             yes and no?",
            "`--soft-targets` trains toward such numbers",
        ),
        (
            "other labels than expected",
            "t.csv",
            "text,labels\nx,a|sport\n",
            expecting(&["sports", "news"]),
            "t.csv: none of the labels `sports`, `news` occurs in `labels`, which has `a`, `sport`",
            "is `sport` meant as `sports`?",
        ),
        (
            "columns that are expected",
            "t.csv",
            "text,sport\nx,1\n",
            expecting(&["sports", "news"]),
            "t.csv: no column `sports`, `news`; there are `text`, `sport`",
            "did you mean `sport`?",
        ),
        (
            "a name that is given twice",
            "t.csv",
            "text,labels\nx,\"[0, 2]\"\n",
            with_names(&strings(&["a", "a", "b"])),
            "labels called `a`, `a`, `b`: the name `a` stands twice",
            "each label has a name of its own",
        ),
        (
            "a blank name",
            "t.csv",
            "text,labels\nx,\"[0, 1]\"\n",
            with_names(&strings(&["a", " "])),
            "labels called `a`, ` `: a name is blank",
            "each label has a name of its own",
        ),
        (
            "a label that is expected twice",
            "t.csv",
            "text,labels\nx,a;b\n",
            expecting(&["a", "a"]),
            "labels called `a`, `a`: the name `a` stands twice",
            "each label has a name of its own",
        ),
        (
            "nothing between names",
            "t.csv",
            "text,labels\nx,a;b\n",
            with_delimiter(""),
            "the delimiter of labels is empty",
            "`--label-delimiter ';'` says what stands between names",
        ),
        (
            "a word with two meanings",
            "t.csv",
            "text,a\nx,1\n",
            two_meanings,
            "`ja` stands in `--yes` and in `--no`",
            "a word has one meaning",
        ),
    ];
    for (name, file, table, options, message, hint) in cases {
        let error = match read_as(file, table, &options) {
            Ok(table) => panic!("{name}: {}", table.detection()),
            Err(error) => error,
        };
        assert_eq!(error.to_string(), message, "{name}");
        let found = error.hint().unwrap_or_default();
        assert!(found.starts_with(hint), "{name}: {found}");
    }
}

#[test]
fn expected_labels_that_lists_do_not_have_are_said() {
    let expected = expecting(&["sports", "news"]);
    let table = read_as("t.csv", "text,labels\nx,sports|web\ny,sport\n", &expected).unwrap();
    assert_eq!(table.labels, ["sports", "news"]);
    assert_eq!(table.rows[0].cells, [Yes, No]);
    assert_eq!(
        table.notes,
        [
            "`sport`, `web` of `labels` are labels that are not asked about, and left out (`sport` \
             may be meant as `sports`)",
            "`news` never occurs in `labels`"
        ]
    );
}

#[test]
fn columns_come_in_the_order_that_is_expected() {
    let options = |labels: Option<&[&str]>| ReadOptions {
        labels: labels.map(strings),
        ..expecting(&["b", "a"])
    };
    let csv = "text,a,b,c\nx,1,0,1\n";
    for labels in [None, Some(&["a", "b"][..]), Some(&["c", "a", "b"])] {
        let table = read_as("t.csv", csv, &options(labels)).unwrap();
        assert_eq!(
            (table.labels, &table.rows[0].cells),
            (strings(&["b", "a"]), &vec![No, Yes])
        );
    }
    let error = read_as("t.csv", csv, &options(Some(&["a", "c"]))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "t.csv: no column `b`; there are `a`, `c`"
    );
    let error = read_as(
        "t.csv",
        "text,a,b,w\nx,1,0,1\n",
        &ReadOptions {
            weight: Some("b".into()),
            ..options(None)
        },
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "column `b` cannot be a label and the text, the id, the group or the weight"
    );
}

#[test]
fn soft_targets_stand_beside_the_cells() {
    let soft = with(LabelOptions {
        soft_targets: true,
        ..LabelOptions::default()
    });
    let columns = "text,a,b\nx,0.25,1\ny,0.5,\nz,1,0\n";
    let cats = "{\"text\":\"x\",\"cats\":{\"a\":0.25,\"b\":1}}\n\
                {\"text\":\"y\",\"cats\":{\"a\":0.5}}\n\
                {\"text\":\"z\",\"cats\":{\"a\":1,\"b\":0}}\n";
    let hot = "text,labels\nx,\"[0.25, 1]\"\ny,\"[.5, -1]\"\nz,\"[1.0, 0.0]\"\n";
    let cases = [
        ("t.csv", columns, &soft),
        ("t.csv", columns, &labels_in(&["a", "b"])),
        ("t.jsonl", cats, &soft),
        ("t.jsonl", cats, &labels_in(&["cats"])),
        ("t.csv", hot, &soft),
    ];
    for (file, table, options) in cases {
        let table = read_as(file, table, options).unwrap();
        let rows = table.rows.iter();
        let found: Vec<_> = rows
            .map(|row| (row.cells.clone(), row.targets.clone()))
            .collect();
        let expected = [
            (vec![No, Yes], Some(vec![0.25, 1.0])),
            (vec![Yes, Unknown], Some(vec![0.5, 0.0])),
            (vec![Yes, No], None),
        ];
        assert_eq!(found, expected, "{options:?}");
        assert_eq!(table.targets(), Some(vec![0.25, 1.0, 0.5, 0.0, 1.0, 0.0]));
        assert!(table.reading.soft_targets);
    }
    assert_eq!(
        read_as("t.csv", "text,a\nx,1\n", &soft).unwrap().targets(),
        None
    );
}

#[test]
fn weights_are_read_and_useless_rows_are_skipped_with_their_reasons() {
    let options = ReadOptions {
        weight: Some("w".into()),
        ..ReadOptions::default()
    };
    let csv = "text,a,b,w\nx,1,0,2.5\n,0,1,1\nz,1,0,0\nu,,?,1\nv,,,0\n";
    let mut table = read_as("t.csv", csv, &options).unwrap();
    assert_eq!(table.labels, ["a", "b"]);
    assert_eq!(table.weights(), Some(vec![2.5, 1.0, 0.0, 1.0, 0.0]));
    table.skip_useless_rows();
    assert_eq!(table.weights(), Some(vec![2.5, 1.0]));
    assert_eq!(
        table.detection().lines().next(),
        Some(
            "t.csv: 5 rows read, 2 used (skipped: 2 of weight 0, 1 with every cell unknown), text \
             in `text`, ids are row numbers, weights in `w`"
        )
    );
    assert_eq!(
        serde_json::to_value(table.row_counts()).unwrap(),
        json!({"read": 5, "used": 2, "empty_texts": 1,
            "skipped": {"zero_weight": 2, "nothing_known": 1}})
    );
    let jsonl = "{\"text\":\"x\",\"a\":1,\"w\":3}\n{\"text\":\"y\",\"a\":0}\n";
    let table = read_as("t.jsonl", jsonl, &options).unwrap();
    assert_eq!(table.weights(), Some(vec![3.0, 1.0]));
    assert_eq!(
        read_as("t.csv", "text,a\nx,1\n", &ReadOptions::default())
            .unwrap()
            .weights(),
        None
    );
    for found in ["-1", "inf", "", "x"] {
        let error = read_as("t.csv", &format!("text,a,w\nx,1,{found}\n"), &options).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("t.csv:2: the weight in `w` is `{found}`; expected a number from 0 up")
        );
    }
    let error = read_as("t.csv", "text,a\nx,1\n", &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "t.csv: no column `w`; there are `text`, `a`"
    );
}

#[test]
fn rows_that_are_all_useless_stay() {
    let mut table = read_as("t.csv", "text,a\nx,\ny,\n", &labels_in(&["a"])).unwrap();
    table.skip_useless_rows();
    assert_eq!(table.rows.len(), 2);
}

#[test]
fn several_texts_are_joined_in_their_order() {
    let options = |joiner: Option<&str>, texts: &[&str]| ReadOptions {
        text: strings(texts),
        text_joiner: joiner.map(str::to_owned),
        ..ReadOptions::default()
    };
    let csv = "title,a,body\nT,1,B\n,0,B\nT,1, \n,0,\n";
    let jsonl = "{\"title\":\"T\",\"m\":{\"body\":\"B\"},\"a\":1}\n{\"m\":{\"body\":\"B\"},\"a\":0}\n\
                 {\"title\":\"T\",\"m\":{\"body\":null},\"a\":1}\n{\"title\":\"\",\"a\":0}\n";
    let cases = [
        ("t.csv", csv, options(None, &["title", "body"]), "T B,B,T,"),
        (
            "t.csv",
            csv,
            options(Some("\n"), &["body", "title"]),
            "B\nT,B,T,",
        ),
        (
            "t.jsonl",
            jsonl,
            options(None, &["title", "m.body"]),
            "T B,B,T,",
        ),
    ];
    for (file, table, options, expected) in cases {
        let table = read_as(file, table, &options).unwrap();
        let texts: Vec<&str> = table.rows.iter().map(|row| row.text.as_str()).collect();
        assert_eq!(texts.join(","), expected);
        assert_eq!(table.labels, ["a"]);
    }
    let read = |texts: &[&str]| read_as("t.csv", csv, &options(None, texts));
    let detection = read(&["title", "body"]).unwrap().detection();
    assert!(detection.starts_with("t.csv: 4 rows, text in `title` + `body`, "));
    assert_eq!(
        read(&["title", "bdy"]).unwrap_err().to_string(),
        "t.csv:1: no column `bdy`; there are `title`, `a`, `body`"
    );
    assert_eq!(
        read(&["title", "title"]).unwrap_err().to_string(),
        "column `title` cannot be a text and another text"
    );
    let error = read_as("t.jsonl", "{\"a\":1}\n", &options(None, &["t", "u"])).unwrap_err();
    assert_eq!(error.to_string(), "t.jsonl:1: no column `t`; there are `a`");
}

#[test]
fn words_of_ones_own_are_read_and_a_blank_may_be_a_no() {
    let words = |yes: &[&str], no: &[&str], unknown: &[&str]| {
        with(LabelOptions {
            words: Words {
                yes: strings(yes),
                no: strings(no),
                unknown: strings(unknown),
            },
            ..LabelOptions::default()
        })
    };
    let cases = [
        (
            "text,a\nu,X\nv,x \nw,\n",
            words(&["x"], &[""], &[]),
            [Yes, Yes, No],
        ),
        (
            "text,a\nu,1\nv,0\nw,9\n",
            words(&[], &[], &["9"]),
            [Yes, No, Unknown],
        ),
        (
            "text,tags\nu,a\nv,\nw,none\n",
            words(&[], &["", "none"], &[]),
            [Yes, No, No],
        ),
        (
            "text,kind\nu,a\nv,None\nw,none\n",
            ReadOptions {
                labels: Some(strings(&["kind"])),
                ..words(&[], &["none"], &[])
            },
            [Yes, No, No],
        ),
        (
            "text,tags\nu,a\nv,\nw,skip\n",
            words(&[], &[], &["skip"]),
            [Yes, Unknown, Unknown],
        ),
    ];
    for (csv, options, expected) in cases {
        let table = read_as("t.csv", csv, &options).unwrap();
        assert_eq!(table.labels, ["a"], "{csv}");
        assert_eq!(table.cells(), expected, "{csv}");
    }
}

#[test]
fn a_blank_that_stood_for_an_empty_list_is_no_answer_in_a_column() {
    let words = Words {
        no: strings(&["", "nothing"]),
        ..Words::default()
    };
    let options = with(LabelOptions {
        words: words.clone(),
        ..LabelOptions::default()
    });
    let lists = read_as("t.csv", "text,tags\nx,a\ny,\n", &options).unwrap();
    assert_eq!(
        (lists.cells(), &lists.reading.words),
        (vec![Yes, No], &words)
    );
    let again = with(LabelOptions {
        remembered: Some(lists.reading),
        ..expecting(&["a"]).label_options
    });
    for (csv, expected) in [
        ("text,tags\nx,a\ny,\nz,nothing\n", [Yes, No, No]),
        ("text,a\nx,1\ny,\nz,nothing\n", [Yes, Unknown, No]),
    ] {
        assert_eq!(
            read_as("t.csv", csv, &again).unwrap().cells(),
            expected,
            "{csv}"
        );
    }
}

#[test]
fn a_column_of_texts_is_no_label() {
    // As many names as rows, in a column that is called as labels are.
    let rows: String = (0..200).map(|i| format!("x,text number {i}\n")).collect();
    let error = read_as(
        "t.csv",
        &format!("text,topic\n{rows}"),
        &ReadOptions::default(),
    );
    assert!(matches!(error, Err(TableError::NoLabels { .. })));
}

#[test]
fn more_cells_than_fit_are_refused() {
    let labels: Vec<String> = (0..300_000).map(|i| i.to_string()).collect();
    let rows = "x,\"[1, 2]\"\n".repeat(8_000);
    let error = read_as("t.csv", &format!("text,labels\n{rows}"), &with_ids(&labels)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "t.csv: 300000 labels in 8000 rows are more cells than are read"
    );
}
