//! The readers of tables, each on any bytes: they give rows or an error, and never panic, hang or
//! take memory without bound.
//!
//! `fuzz_targets/` hands the bytes of libFuzzer to a [`Target`], and `src/bin/run.rs` makes its own
//! without it.

use std::io::{Cursor, Write};

use multihot_table::{Format, ReadOptions, Source, open, raw_records, read};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Rows that are read of an input; a row of two bytes is no finding.
const MOST_ROWS: usize = 10_000;

/// A reader and what it starts from.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    format: Option<Format>,
    wrap: fn(&[u8]) -> Vec<u8>,
    /// Whole inputs to be changed.
    pub seeds: &'static [&'static [u8]],
    /// What is worth putting in.
    pub words: &'static [&'static str],
}

macro_rules! golden {
    ($($name:literal),*) => {
        &[$(include_bytes!(concat!("../../crates/multihot-table/tests/golden/", $name))),*]
    };
}

/// All readers.
pub const TARGETS: [Target; 7] = [
    Target {
        name: "csv",
        format: Some(Format::Csv),
        wrap: <[u8]>::to_vec,
        seeds: &[
            include_bytes!("../../crates/multihot-table/tests/golden/pandas.csv"),
            b"text;a;b\r\n\"x;\r\n\"\"y\";1;?\r\nz;0;\r\n",
        ],
        words: &["\"", ",", ";", "\t", "\r\n", "text", "\u{feff}", "\u{e9}", "\0"],
    },
    Target {
        name: "decode",
        format: None,
        wrap: <[u8]>::to_vec,
        seeds: &[
            include_bytes!("../../crates/multihot-table/tests/golden/pandas-semicolon.csv.gz"),
            include_bytes!("../../crates/multihot-table/tests/golden/pandas.jsonl.zst"),
            b"\xFF\xFEt\0e\0x\0t\0\n\0\x3D\xD8\x00\xDE\n\0",
            b"text,a\n\xE9t\xE9,1\n",
        ],
        words: &["text\n", "\u{feff}", "PAR1", "PK\u{3}\u{4}", "\u{1f}\u{fffd}"],
    },
    Target {
        name: "json",
        format: Some(Format::Json),
        wrap: <[u8]>::to_vec,
        seeds: golden!("pandas-records.json", "pandas-columns.json", "pretty.json"),
        words: &["[", "]", "{", "}", ",", ":", "\"text\"", "\"data\"", "\\u", "null", "1e999", "\\\""],
    },
    Target {
        name: "jsonl",
        format: Some(Format::Jsonl),
        wrap: <[u8]>::to_vec,
        seeds: &[b"{\"text\":\"x\",\"id\":[1],\"a\":true}\n\n{\"text\":null,\"cats\":{\"a\":1.0}}\n"],
        words: &["[", "]", "{", "}", ",", ":", "\"text\"", "\n", "\\ud800", "null", "1e999"],
    },
    Target {
        name: "ods",
        format: Some(Format::Ods),
        wrap: ods,
        seeds: &[OPENDOCUMENT.as_bytes()],
        words: &[
            "<table:table-row>", "</table:table-row>", "<table:table-cell/>", "<text:p>", "</text:p>",
            "<text:s text:c=\"9999999\"/>", "table:number-rows-repeated=\"99999999999\"",
            "table:number-columns-repeated=\"16384\"", "<office:annotation>", "&#x110000;", "&amp;",
            "<![CDATA[", "]]>", "<table:table table:name=\"B\">", "</table:table>", "<!--", "-->",
        ],
    },
    Target {
        name: "parquet",
        format: Some(Format::Parquet),
        wrap: <[u8]>::to_vec,
        seeds: golden!(
            "kinds.parquet", "pandas.parquet", "polars.parquet", "pyarrow-delta.parquet",
            "pyarrow-gzip.parquet", "pyarrow-lengths.parquet", "pyarrow-none.parquet",
            "pyarrow-snappy.parquet", "pyarrow-zstd.parquet"
        ),
        words: &["\u{15}", "\u{2c}", "\u{4c}", "\u{7f}\u{7f}\u{7f}\u{7f}\u{7}", "PAR1"],
    },
    Target {
        name: "xlsx",
        format: Some(Format::Xlsx),
        wrap: xlsx,
        seeds: &[EXCEL.as_bytes()],
        words: &[
            "<c r=\"XFD1048576\">", "<c r=\"A2\" t=\"s\">", "<v>", "</v>", "</c>", "<row r=\"3\">", "</row>",
            "t=\"b\"", "t=\"e\"", "t=\"d\"", "s=\"1\"", "<si>", "</si>", "<t>", "</t>", "uniqueCount=\"9\"",
            "&#x110000;", "<numFmt numFmtId=\"164\" formatCode=\"[h]:mm\"/>", "1e308", "-1", "#N/A",
        ],
    },
];

const OPENDOCUMENT: &str = "<office:document-content><office:body><office:spreadsheet>\
    <table:table table:name=\"A\"><table:table-row><table:table-cell office:value-type=\"string\">\
    <text:p>text</text:p></table:table-cell><table:table-cell office:value-type=\"string\"><text:p>a</text:p>\
    </table:table-cell></table:table-row><table:table-row table:number-rows-repeated=\"2\">\
    <table:table-cell office:value-type=\"string\"><text:p>x<text:s text:c=\"2\"/>&amp;</text:p><text:p/>\
    </table:table-cell><table:table-cell office:value-type=\"float\" office:value=\"1\"/></table:table-row>\
    <table:table-row><table:covered-table-cell/><table:table-cell office:value-type=\"time\" \
    office:time-value=\"PT1H2M3S\"/></table:table-row></table:table>\
    </office:spreadsheet></office:body></office:document-content>";

/// Parts of a workbook, with a zero byte between them.
const EXCEL: &str = "<sst uniqueCount=\"2\"><si><t>text</t></si><si><r><t>a</t></r><r><t>b &amp; c</t></r></si></sst>\0\
    <styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\"/></numFmts>\
    <cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"164\"/><xf numFmtId=\"46\"/></cellXfs></styleSheet>\0\
    <worksheet><dimension ref=\"A1:B3\"/><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c>\
    <c r=\"B1\" t=\"inlineStr\"><is><t>a</t></is></c></row><row r=\"2\"><c r=\"A2\" t=\"s\"><v>1</v></c>\
    <c r=\"B2\" s=\"1\"><v>45351.5</v></c></row><row><c t=\"str\"><v>y</v></c><c t=\"b\"><v>1</v></c></row>\
    <row><c t=\"e\"><v>#N/A</v></c><c s=\"2\"><v>1.25</v></c></row></sheetData></worksheet>";

impl Target {
    /// The target called `name`.
    pub fn named(name: &str) -> Option<Self> {
        TARGETS.into_iter().find(|target| target.name == name)
    }

    /// Reads `bytes` in every way there is, to the end of the rows or to an error.
    pub fn read(&self, bytes: &[u8]) {
        let bytes = (self.wrap)(bytes);
        let name = self.format.map_or("t.csv".into(), |format| format!("t.{format}"));
        let source = Source::Held(Box::new(name.as_str().into()), bytes.into());
        let options = ReadOptions {
            format: self.format,
            ..ReadOptions::default()
        };
        read_as(&source, &options);
        let without_header = ReadOptions {
            text: vec!["1".into()],
            no_header: true,
            ..options
        };
        read_as(&source, &without_header);
    }
}

fn read_as(source: &Source, options: &ReadOptions) {
    if let Ok(rows) = open(source, options) {
        let _ = rows.take(MOST_ROWS).filter(Result::is_ok).count();
    }
    if let Ok(records) = raw_records(source, options) {
        let _ = records.take(MOST_ROWS).filter(Result::is_ok).count();
    }
    let _ = read(source, options).map(|table| table.detection());
}

fn ods(content: &[u8]) -> Vec<u8> {
    zip(&[("content.xml", content)])
}

fn xlsx(parts: &[u8]) -> Vec<u8> {
    const PACKAGE: &str = r#"<Relationships><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
    const BOOK: &str = r#"<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
    const SHEETS: &str = r#"<Relationships><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#;
    let mut parts = parts.splitn(3, |byte| *byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    zip(&[
        ("_rels/.rels", PACKAGE.as_bytes()),
        ("xl/workbook.xml", BOOK.as_bytes()),
        ("xl/_rels/workbook.xml.rels", SHEETS.as_bytes()),
        ("xl/sharedStrings.xml", part()),
        ("xl/styles.xml", part()),
        ("xl/worksheets/sheet1.xml", part()),
    ])
}

/// An archive of these files. A changed archive would hardly ever get past its checksums.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in entries {
        archive.start_file(*name, stored).expect("memory takes everything");
        archive.write_all(content).expect("memory takes everything");
    }
    archive.finish().expect("memory takes everything").into_inner()
}
