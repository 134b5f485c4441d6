//! Tables in other formats than plain CSV and JSON lines, through the whole program.

use std::path::{Path, PathBuf};

use crate::program::{Place, names, reviews, text, tiny_bert, trained};

/// What pandas, pyarrow and openpyxl wrote, for the tests of the library.
fn golden(name: &str) -> PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../multihot-table/tests/golden");
    golden.join(name)
}

#[test]
fn inspect_says_what_was_recognised() {
    let place = Place::new();
    let semicolons = format!("text;sports\n{}", "élève;1\nà la plage;0\n".repeat(20));
    let latin1: Vec<u8> = semicolons.chars().map(|c| c as u8).collect();
    place.file("t.csv", latin1);
    let said = place.run(&["inspect", "t.csv"]).stdout;
    let expected = "\
note: the bytes are no UTF-8: read as Windows-1252 (`--encoding NAME` decides)
note: cells are separated by `;`
";
    assert!(said.starts_with("t.csv: 40 rows, text in `text`"), "{said}");
    assert!(said.contains(expected), "{said}");
    let given = [
        "inspect",
        "t.csv",
        "--delimiter",
        ";",
        "--encoding",
        "latin1",
    ];
    let given = place.run(&given).stdout;
    assert_eq!(given, said.replace(expected, ""));
    place
        .run(&["inspect", "t.csv", "--delimiter", "tab"])
        .fails_with(&["no column `text`", "`--delimiter ';'`"]);
    let run = place.run(&["inspect", "t.csv", "--encoding", "utf-9"]);
    let run = run.ends_with(2);
    assert!(
        run.stderr.contains("`utf-9` is no encoding that is known"),
        "{}",
        run.stderr
    );
}

#[test]
fn every_format_is_answered() {
    let place = Place::new();
    for (file, format, columns) in [
        (
            "pandas-semicolon.csv.gz",
            "csv",
            "id,text,sports,score,tags,probability_",
        ),
        (
            "pandas.jsonl.zst",
            "jsonl",
            "{\"id\":10,\"probabilities\":{",
        ),
        (
            "pandas-columns.json",
            "json",
            "{\"id\":10,\"probabilities\":{",
        ),
        (
            "pandas.parquet",
            "parquet",
            "id,text,sports,score,tags,when,probability_",
        ),
        (
            "pandas.xlsx",
            "xlsx",
            "id,text,sports,score,when,probability_",
        ),
        (
            "pandas.ods",
            "ods",
            "id,text,sports,score,when,probability_",
        ),
    ] {
        let named = place
            .run(&["predict", &text(trained()), &text(&golden(file))])
            .succeeds();
        assert!(
            named.stdout.starts_with(columns),
            "{file}: {}",
            named.stdout
        );
        let bytes = std::fs::read(golden(file)).unwrap();
        let piped = ["predict", &text(trained()), "-", "--input-format", format];
        let piped = place.run_with_input(&piped, bytes).succeeds();
        assert_eq!(piped.stdout, named.stdout, "{file}");
    }
    let run = place.run(&["predict", &text(trained()), &text(&golden("pandas.xlsx"))]);
    run.says(&["note: read the sheet `Reviews`", "`--sheet`"]);
    place
        .run(&[
            "predict",
            &text(trained()),
            &text(&golden("pandas.ods")),
            "--sheet",
            "Review",
        ])
        .fails_with(&[
            "no sheet `Review`; there are `Reviews`, `Second one`",
            "`--sheet Reviews`",
        ]);
}

#[test]
fn several_tables_are_one() {
    let place = Place::new();
    let whole = std::fs::read_to_string(reviews()).unwrap();
    let (header, rows) = whole.split_once('\n').unwrap();
    let half = rows[..rows.len() / 2].rfind('\n').unwrap() + 1;
    std::fs::create_dir(place.path("data")).unwrap();
    place.file("data/a.csv", format!("{header}\n{}", &rows[..half]));
    place.file("data/b.csv", format!("{header}\n{}", &rows[half..]));
    let model = text(trained());
    let evaluate = |tables: &[&str]| {
        let args = [
            &["evaluate", &model],
            tables,
            &["--json", "--bootstrap", "0"],
        ]
        .concat();
        place.run(&args).figures()
    };
    let expected = evaluate(&[&text(&reviews())]);
    assert_eq!(evaluate(&["data/a.csv", "data/b.csv"]), expected);
    assert_eq!(evaluate(&["data/*.csv"]), expected);

    let train = [
        "train",
        "data/a.csv",
        "data/b.csv",
        "--encoder",
        &text(&tiny_bert()),
        "--epochs",
        "1",
    ];
    let run = place
        .run(&[&train[..], &["--out", "model"]].concat())
        .succeeds();
    run.says(&["data/a.csv and 1 more: 120 rows"]);
    let split = ["split", "data/*.csv", "--out", "parts"];
    let run = place.run(&split).succeeds();
    run.says(&["note: 2 files read as one table"]);
    assert_eq!(
        names(&place.path("parts")),
        ["dev.csv", "split.json", "test.csv", "train.csv"]
    );

    place
        .run(&["inspect", "data/*.tsv"])
        .fails_with(&["no file matches `data/*.tsv`"]);
    place.file("data/c.csv", "text,sports\nx,1\n");
    place
        .run(&["inspect", "data/*.csv"])
        .fails_with(&["data/c.csv: no column ", ", which data/a.csv has"]);
}

#[test]
fn a_workbook_is_split_into_tables_of_text() {
    let place = Place::new();
    let xlsx = text(&golden("pandas.xlsx"));
    place
        .run(&[
            "split", &xlsx, "--out", "parts", "--labels", "sports", "--test", "0", "--dev", "0.4",
        ])
        .succeeds();
    assert_eq!(
        names(&place.path("parts")),
        ["dev.csv", "split.json", "train.csv"]
    );
    let parquet = text(&golden("pandas.parquet"));
    place
        .run(&[
            "split", &parquet, "--out", "lines", "--labels", "sports", "--test", "0", "--dev",
            "0.4",
        ])
        .succeeds();
    assert_eq!(
        names(&place.path("lines")),
        ["dev.jsonl", "split.json", "train.jsonl"]
    );
    let train = std::fs::read_to_string(place.path("lines/train.jsonl")).unwrap();
    assert!(train.contains("\"tags\":["), "lists stay lists: {train}");
}

#[test]
fn what_is_no_table_says_what_it_is() {
    let place = Place::new();
    place.file("old.csv", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1....");
    place.run(&["inspect", "old.csv"]).fails_with(&[
        "old.csv is a workbook of the Excel of before 2007",
        "save it as .xlsx",
    ]);
    place.file(
        "cut.parquet",
        &std::fs::read(golden("pandas.parquet")).unwrap()[..1000],
    );
    place
        .run(&["inspect", "cut.parquet"])
        .fails_with(&["cut.parquet: it is no Parquet file, or it is cut off"]);
    place.file(
        "cut.csv.gz",
        &std::fs::read(golden("pandas-semicolon.csv.gz")).unwrap()[..150],
    );
    place
        .run(&["inspect", "cut.csv.gz"])
        .fails_with(&["cut.csv.gz", "the gzip data is cut off"]);
    place.file("other.xlsx", b"PK\x03\x04 and nothing more");
    place
        .run(&["inspect", "other.xlsx"])
        .fails_with(&["other.xlsx: it is no workbook"]);
}
