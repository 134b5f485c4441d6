//! How a table is written: what a person says, what the ending says, what the first bytes say.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Cells with commas, semicolons, tabs or bars between them, and a header.
    Csv,
    /// The same with tabs.
    Tsv,
    /// A JSON object a line.
    Jsonl,
    /// JSON objects in one array, or one after another over any number of lines; or an object of
    /// columns.
    Json,
    /// A text a line.
    Lines,
    /// Apache Parquet.
    Parquet,
    /// An Excel workbook.
    Xlsx,
    /// An OpenDocument spreadsheet.
    Ods,
}

/// The formats that are read, as messages name them.
pub(crate) const FORMATS: &str = "csv, tsv, jsonl, json, lines, parquet, xlsx and ods";

/// The endings that are read, as messages name them.
pub(crate) const ENDINGS: &str = ".csv, .tsv, .tab, .jsonl, .ndjson, .json, .parquet, .xlsx, .ods";

impl Format {
    /// Every format.
    pub const ALL: [Format; 8] = [
        Format::Csv,
        Format::Tsv,
        Format::Jsonl,
        Format::Json,
        Format::Lines,
        Format::Parquet,
        Format::Xlsx,
        Format::Ods,
    ];

    /// Its name, which is also what its files end in; those of lines end in `txt`.
    pub fn name(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Tsv => "tsv",
            Format::Jsonl => "jsonl",
            Format::Json => "json",
            Format::Lines => "lines",
            Format::Parquet => "parquet",
            Format::Xlsx => "xlsx",
            Format::Ods => "ods",
        }
    }

    /// The format that the ending of `path` names; `.gz` and `.zst` behind it say nothing.
    pub(crate) fn of_ending(path: &Path) -> Option<Self> {
        let ending = |path: &Path| Some(path.extension()?.to_str()?.to_lowercase());
        let packed = matches!(ending(path).as_deref(), Some("gz" | "zst"));
        let inner = if packed {
            path.file_stem()?
        } else {
            path.as_os_str()
        };
        match ending(Path::new(inner))?.as_str() {
            "csv" => Some(Format::Csv),
            "tsv" | "tab" => Some(Format::Tsv),
            "jsonl" | "ndjson" => Some(Format::Jsonl),
            "json" => Some(Format::Json),
            "parquet" | "pq" => Some(Format::Parquet),
            "xlsx" | "xlsm" => Some(Format::Xlsx),
            "ods" => Some(Format::Ods),
            _ => None,
        }
    }

    /// The format that a row of this one is copied in, where its bytes are not text or do not
    /// stand alone: objects for what has lists and types, cells for a spreadsheet.
    pub fn copied_as(self) -> Self {
        match self {
            Format::Json | Format::Parquet => Format::Jsonl,
            Format::Xlsx | Format::Ods => Format::Csv,
            other => other,
        }
    }

    /// Whether predictions in it are one file with an end of its own, which cannot grow by a row.
    pub fn is_written_whole(self) -> bool {
        matches!(self, Format::Parquet | Format::Xlsx)
    }

    /// Whether a row is an object, with types, and not cells of text.
    pub fn has_objects(self) -> bool {
        matches!(self, Format::Jsonl | Format::Json | Format::Parquet)
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let format = Format::ALL.into_iter().find(|format| format.name() == name);
        format.ok_or_else(|| format!("`{name}` is no format of tables; there are {FORMATS}"))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What stands between the cells of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Delimiter(pub(crate) u8);

impl Delimiter {
    pub(crate) const COMMA: Delimiter = Delimiter(b',');
    pub(crate) const TAB: Delimiter = Delimiter(b'\t');
}

impl FromStr for Delimiter {
    type Err = String;

    /// One character of ASCII, or the word `tab`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.as_bytes() {
            b"tab" | b"\\t" => Ok(Delimiter::TAB),
            [b'"' | b'\r' | b'\n'] => Err("quotes and line ends have their own meaning".into()),
            [byte] if byte.is_ascii() => Ok(Delimiter(*byte)),
            _ => Err("expected one character such as `;`, or `tab`".into()),
        }
    }
}

impl fmt::Display for Delimiter {
    /// As it is read from a command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\t' => f.write_str("tab"),
            byte => write!(f, "{}", char::from(byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_name_formats() {
        let cases = [
            ("a.csv", Some(Format::Csv)),
            ("A.CSV", Some(Format::Csv)),
            ("a.tsv", Some(Format::Tsv)),
            ("a.tab", Some(Format::Tsv)),
            ("a.jsonl", Some(Format::Jsonl)),
            ("a.ndjson", Some(Format::Jsonl)),
            ("a.json", Some(Format::Json)),
            ("a.parquet", Some(Format::Parquet)),
            ("a.xlsx", Some(Format::Xlsx)),
            ("a.ods", Some(Format::Ods)),
            ("b/a.csv.gz", Some(Format::Csv)),
            ("a.tsv.ZST", Some(Format::Tsv)),
            ("a.csv.gz.gz", None),
            ("a.gz", None),
            ("a.txt", None),
            ("csv", None),
            ("", None),
        ];
        for (path, expected) in cases {
            assert_eq!(Format::of_ending(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn names_read_back() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
            assert!(FORMATS.contains(format.name()));
            assert_eq!(format.copied_as().copied_as(), format.copied_as());
        }
        assert_eq!(
            "xls".parse::<Format>().unwrap_err(),
            "`xls` is no format of tables; there are csv, tsv, jsonl, json, lines, parquet, xlsx and ods"
        );
    }

    #[test]
    fn a_delimiter_is_one_character() {
        let cases = [
            (";", Some(b';')),
            ("|", Some(b'|')),
            ("tab", Some(b'\t')),
            ("\t", Some(b'\t')),
            (" ", Some(b' ')),
            ("\"", None),
            ("\n", None),
            ("é", None),
            ("", None),
            (";;", None),
        ];
        for (text, expected) in cases {
            assert_eq!(
                text.parse::<Delimiter>().ok().map(|d| d.0),
                expected,
                "{text:?}"
            );
        }
    }
}
