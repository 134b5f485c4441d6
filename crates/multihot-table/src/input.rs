//! From a single source to the bytes that are cut into records: unpacked, its format found, and
//! its characters in UTF-8.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};

use bytes::Bytes;

use crate::cells::trim;
use crate::delimiter::CANDIDATES;
use crate::encoding::{Guess, START_BYTES, decoded};
use crate::error::TableError;
use crate::format::{Delimiter, Format};
use crate::names::{name_of, shown};
use crate::notes::Notes;
use crate::source::{ReadOptions, Source};

/// The most that is held of a table that has to be read out of order, where it is no file that
/// lies there unpacked.
pub(crate) const HELD_LIMIT: usize = 1 << 30;

/// A longer cell is a part of a text that has a comma, and no name of a column.
const CHARACTERS_OF_A_NAME: usize = 40;

/// How the bytes are cut into records: [`Format`], and the mix that standard input may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// With the delimiter where it is known beforehand.
    Csv(Option<Delimiter>),
    Jsonl,
    Json,
    Lines,
    ObjectsAndLines,
    Parquet,
    Xlsx,
    Ods,
}

impl Layout {
    fn of(format: Format, options: &ReadOptions) -> Self {
        match format {
            Format::Csv => Layout::Csv(options.delimiter),
            Format::Tsv => Layout::Csv(options.delimiter.or(Some(Delimiter::TAB))),
            Format::Jsonl => Layout::Jsonl,
            Format::Json => Layout::Json,
            Format::Lines => Layout::Lines,
            Format::Parquet => Layout::Parquet,
            Format::Xlsx => Layout::Xlsx,
            Format::Ods => Layout::Ods,
        }
    }

    /// The format; `None` for the mix.
    pub(crate) fn format(self) -> Option<Format> {
        Some(match self {
            Layout::Csv(Some(Delimiter::TAB)) => Format::Tsv,
            Layout::Csv(_) => Format::Csv,
            Layout::Jsonl => Format::Jsonl,
            Layout::Json => Format::Json,
            Layout::Lines => Format::Lines,
            Layout::ObjectsAndLines => return None,
            Layout::Parquet => Format::Parquet,
            Layout::Xlsx => Format::Xlsx,
            Layout::Ods => Format::Ods,
        })
    }
}

/// An open table.
pub(crate) struct Input {
    pub(crate) source_name: String,
    pub(crate) layout: Layout,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    /// UTF-8 from the start to the end, as far as anybody knows.
    Text(Box<dyn Read + Send>),
    /// To be read out of order.
    Whole(Whole),
}

/// Bytes that can be read from any place on.
#[derive(Debug)]
pub(crate) enum Whole {
    File(File),
    Memory(Bytes),
}

/// [`Whole`], for who reads and seeks.
pub(crate) trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

impl Whole {
    pub(crate) fn reader(self) -> Box<dyn ReadSeek> {
        match self {
            Whole::File(file) => Box::new(io::BufReader::new(file)),
            Whole::Memory(bytes) => Box::new(Cursor::new(bytes)),
        }
    }
}

impl Input {
    /// Opens a single source.
    pub(crate) fn open(
        source: &Source,
        options: &ReadOptions,
        notes: &Notes,
    ) -> Result<Self, TableError> {
        Self::open_with(source, options, notes, HELD_LIMIT)
    }

    fn open_with(
        source: &Source,
        options: &ReadOptions,
        notes: &Notes,
        held_limit: usize,
    ) -> Result<Self, TableError> {
        let source_name = source.to_string();
        let cannot = |error| source.cannot_open(error);
        let (start, bytes) = start_of(source.bytes()?).map_err(cannot)?;
        let (start, bytes, is_packed) = match Packing::of(&start) {
            None => (start, bytes, false),
            Some(packing) => {
                let (start, bytes) = start_of(packing.unpacked(bytes).map_err(cannot)?)
                    .map_err(|error| crate::error::stopped(&source_name, 1, error))?;
                (start, bytes, true)
            }
        };
        let layout = layout(source, options, &start, notes)?;
        let content = match layout {
            Layout::Parquet | Layout::Xlsx | Layout::Ods => match source {
                Source::File(path) if !is_packed && path.is_file() => {
                    Content::Whole(Whole::File(File::open(path).map_err(cannot)?))
                }
                _ => Content::Whole(held(&source_name, bytes, held_limit)?),
            },
            layout => {
                let guess = match layout {
                    Layout::Json | Layout::Jsonl => Guess::Unicode,
                    _ => Guess::Any,
                };
                let (encoding, notes) = (options.encoding, notes.clone());
                Content::Text(decoded(bytes, &start, encoding, guess, notes))
            }
        };
        Ok(Input {
            source_name,
            layout,
            content,
        })
    }
}

/// The first bytes, and all of them.
fn start_of(mut bytes: Box<dyn Read + Send>) -> io::Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut start = Vec::with_capacity(START_BYTES);
    bytes
        .by_ref()
        .take(START_BYTES as u64)
        .read_to_end(&mut start)?;
    let all = Cursor::new(start.clone()).chain(bytes);
    Ok((start, Box::new(all)))
}

fn held(source_name: &str, bytes: Box<dyn Read + Send>, limit: usize) -> Result<Whole, TableError> {
    let mut all = Vec::new();
    bytes
        .take(limit as u64 + 1)
        .read_to_end(&mut all)
        .map_err(|error| crate::error::stopped(source_name, 1, error))?;
    if all.len() > limit {
        return Err(TableError::TooLargeToHold {
            source_name: source_name.to_owned(),
            limit,
        });
    }
    Ok(Whole::Memory(all.into()))
}

/// How a file was made smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x1F, 0x8B, 8, ..] => Some(Packing::Gzip),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Packing::Zstd),
            _ => None,
        }
    }

    /// Unpacks as it is read, in the memory of a window: 32 kB, or with zstd at most 128 MB, its
    /// own limit.
    fn unpacked(self, bytes: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
        let buffered = io::BufReader::with_capacity(1 << 16, bytes);
        Ok(match self {
            Packing::Gzip => Box::new(Named {
                bytes: flate2::bufread::MultiGzDecoder::new(buffered),
                packing: "gzip",
            }),
            Packing::Zstd => Box::new(Named {
                bytes: zstd::stream::read::Decoder::with_buffer(buffered)?,
                packing: "zstd",
            }),
        })
    }
}

/// Unpacked bytes; what is wrong with them says that they were packed.
struct Named<R> {
    bytes: R,
    packing: &'static str,
}

impl<R: Read> Read for Named<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(out).map_err(|error| {
            let packing = self.packing;
            match error.kind() {
                io::ErrorKind::UnexpectedEof => {
                    io::Error::new(error.kind(), format!("the {packing} data is cut off"))
                }
                _ => io::Error::new(
                    error.kind(),
                    format!("the {packing} data is damaged ({error})"),
                ),
            }
        })
    }
}

/// What the first bytes of a file can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Magic {
    Parquet,
    Ods,
    /// An archive that does not start as OpenDocument has to.
    Zip,
    /// What is recognised to be refused, by its name and what to do.
    Other(&'static str, &'static str),
}

impl Magic {
    fn of(start: &[u8]) -> Option<Self> {
        const SAVE: &str = "save it as .xlsx, .ods or .csv";
        const UNPACK: &str = "unpack it; .gz and .zst are read as they are";
        let starts = |magic: &[u8]| start.starts_with(magic);
        if starts(b"PAR1") {
            Some(Magic::Parquet)
        } else if starts(b"PK\x03\x04") {
            // The first thing in an OpenDocument is a plain file of this name, which says what it is.
            const ODS: &[u8] = b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet";
            let is_ods = start.get(30..).is_some_and(|name| name.starts_with(ODS));
            Some(if is_ods { Magic::Ods } else { Magic::Zip })
        } else if starts(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") {
            Some(Magic::Other(
                "a workbook of the Excel of before 2007, or a protected one",
                SAVE,
            ))
        } else if starts(b"PARE") {
            Some(Magic::Other("an encrypted Parquet file", "decrypt it"))
        } else if starts(b"BZh") && start.get(4..10) == Some(b"1AY&SY") {
            Some(Magic::Other("packed by bzip2", UNPACK))
        } else if starts(b"\xFD7zXZ\0") {
            Some(Magic::Other("packed by xz", UNPACK))
        } else if starts(b"7z\xBC\xAF\x27\x1C") {
            Some(Magic::Other("packed by 7-Zip", UNPACK))
        } else if starts(b"ARROW1\0\0") {
            Some(Magic::Other(
                "an Arrow or Feather file",
                "save it as .parquet",
            ))
        } else if starts(b"SQLite format 3\0") {
            Some(Magic::Other(
                "a SQLite database",
                "export the table as .csv",
            ))
        } else if starts(b"%PDF-") {
            Some(Magic::Other(
                "a PDF",
                "tables are .csv, .jsonl, .parquet, .xlsx and the like",
            ))
        } else {
            None
        }
    }
}

/// What a person says, else what the first bytes say, else what the ending says.
fn layout(
    source: &Source,
    options: &ReadOptions,
    start: &[u8],
    notes: &Notes,
) -> Result<Layout, TableError> {
    let by_ending = match named(source) {
        Source::File(path) => Format::of_ending(path),
        _ => None,
    };
    let expected = options.format.or(by_ending);
    let by_magic = match Magic::of(start) {
        None => None,
        Some(Magic::Parquet) => Some(Format::Parquet),
        Some(Magic::Ods) => Some(Format::Ods),
        Some(Magic::Zip) if expected == Some(Format::Ods) => expected,
        // What is no workbook either is found out by who reads it.
        Some(Magic::Zip) => Some(Format::Xlsx),
        Some(Magic::Other(found, advice)) => {
            return Err(TableError::NotATable {
                source_name: source.to_string(),
                found,
                advice,
            });
        }
    };
    let format = match (options.format, by_magic) {
        (Some(format), _) => format,
        (None, Some(format)) => {
            if by_ending.is_some_and(|ending| ending != format) {
                notes.add(format!("its bytes are {format}, whatever its name ends in"));
            }
            format
        }
        (None, None) => match (by_ending, named(source)) {
            (Some(format), _) => format,
            (None, Source::File(path)) => {
                return Err(TableError::UnknownEnding { path: path.clone() });
            }
            (None, _) if names_column(start, options) => {
                let text = options.first_text_column();
                notes.add(format!(
                    "read as {}, as its first line names a column `{}`",
                    Format::Csv,
                    shown(text)
                ));
                Format::Csv
            }
            (None, _) => return Ok(Layout::ObjectsAndLines),
        },
    };
    Ok(Layout::of(format, options))
}

/// Whether a first line of several cells names the text column: hardly any text does.
fn names_column(start: &[u8], options: &ReadOptions) -> bool {
    let Some(text_column) = options.column_of_header() else {
        return false;
    };
    let start = String::from_utf8_lossy(start);
    let line = start.trim_start_matches('\u{feff}').lines().next();
    let line = line.unwrap_or_default();
    CANDIDATES.iter().any(|delimiter| {
        let cells = line.split(char::from(delimiter.0));
        let names: Vec<String> = cells
            .map(|cell| name_of(trim(cell).trim_matches('"')))
            .collect();
        let is_short = |name: &String| name.chars().count() <= CHARACTERS_OF_A_NAME;
        names.len() > 1
            && names.iter().all(is_short)
            && names.iter().any(|name| name == text_column)
    })
}

/// What the source is called, whether it is held or not.
pub(crate) fn named(source: &Source) -> &Source {
    match source {
        Source::Held(source, _) => named(source),
        source => source,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn held_as(name: &str, bytes: &[u8]) -> Source {
        Source::Held(Box::new(name.into()), bytes.into())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(bytes, 1).unwrap()
    }

    fn open(source: &Source, format: Option<Format>) -> Result<(Layout, Vec<String>), TableError> {
        let options = ReadOptions {
            format,
            ..ReadOptions::default()
        };
        let notes = Notes::default();
        let input = Input::open(source, &options, &notes)?;
        Ok((input.layout, notes.all()))
    }

    #[test]
    fn the_option_the_bytes_or_the_ending_decide() {
        let csv = Layout::Csv(None);
        let tsv = Layout::Csv(Some(Delimiter::TAB));
        let ods = [
            &b"PK\x03\x04"[..],
            &[0; 26],
            b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
        ]
        .concat();
        let zip = b"PK\x03\x04..........................[Content_Types].xml";
        let renamed = "its bytes are parquet, whatever its name ends in";
        let named = "read as csv, as its first line names a column `text`";
        type Found = Option<(Layout, &'static str)>;
        let cases: [(&str, &[u8], Option<Format>, Found); 22] = [
            ("a.csv", b"a", None, Some((csv, ""))),
            ("a.CSV", b"a", None, Some((csv, ""))),
            ("a.csv", b"", None, Some((csv, ""))),
            ("a.tab", b"a", None, Some((tsv, ""))),
            ("a.ndjson", b"a", None, Some((Layout::Jsonl, ""))),
            ("a.json", b"a", None, Some((Layout::Json, ""))),
            ("a.csv.gz", &gzip(b"a"), None, Some((csv, ""))),
            ("a.csv.gz", b"a", None, Some((csv, ""))),
            ("a.csv", &zstd(b"a"), None, Some((csv, ""))),
            ("a", &gzip(b"PAR1"), None, Some((Layout::Parquet, ""))),
            ("a.csv", b"PAR1", None, Some((Layout::Parquet, renamed))),
            ("a.parquet", b"a", None, Some((Layout::Parquet, ""))),
            ("a.xlsx", zip, None, Some((Layout::Xlsx, ""))),
            ("a", &ods, None, Some((Layout::Ods, ""))),
            ("a.ods", zip, None, Some((Layout::Ods, ""))),
            ("-", b"a", None, Some((Layout::ObjectsAndLines, ""))),
            ("-", b"id,\"text\",a\n1,x,0\n", None, Some((csv, named))),
            (
                "-",
                b"a text, with a comma\n",
                None,
                Some((Layout::ObjectsAndLines, "")),
            ),
            ("-", b"a", Some(Format::Lines), Some((Layout::Lines, ""))),
            ("-", zip, None, Some((Layout::Xlsx, ""))),
            (
                "a.txt",
                b"a",
                Some(Format::Jsonl),
                Some((Layout::Jsonl, "")),
            ),
            ("a.txt", b"a", None, None),
        ];
        for (name, bytes, format, expected) in cases {
            let found = open(&held_as(name, bytes), format).ok();
            let found = found
                .as_ref()
                .map(|(layout, notes)| (*layout, notes.concat()));
            let expected = expected.map(|(layout, note)| (layout, note.to_owned()));
            assert_eq!(found, expected, "{name} {format:?}");
        }
    }

    #[test]
    fn what_is_no_table_is_said() {
        let cases: [(&[u8], &str); 4] = [
            (
                b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0",
                "a.csv is a workbook of the Excel of before 2007, or a protected one",
            ),
            (b"\xFD7zXZ\0", "a.csv is packed by xz"),
            (b"BZh91AY&SY", "a.csv is packed by bzip2"),
            (b"%PDF-1.4", "a.csv is a PDF"),
        ];
        for (bytes, message) in cases {
            let error = open(&held_as("a.csv", bytes), None).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(error.hint().is_some());
        }
    }

    fn text(source: &Source) -> io::Result<String> {
        let input = Input::open(source, &ReadOptions::default(), &Notes::default());
        let Content::Text(mut bytes) = input.map_err(io::Error::other)?.content else {
            panic!("no text");
        };
        let mut text = String::new();
        bytes.read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn packed_files_are_unpacked() {
        let long = "été\n".repeat(100_000);
        let twice = [gzip(long.as_bytes()), gzip(b"the end")].concat();
        let expected = format!("{long}the end");
        assert_eq!(
            text(&held_as("a.csv.gz", &twice)).unwrap(),
            expected,
            "two members"
        );
        let twice = [zstd(long.as_bytes()), zstd(b"the end")].concat();
        assert_eq!(
            text(&held_as("a.csv.zst", &twice)).unwrap(),
            expected,
            "two frames"
        );
        assert_eq!(text(&held_as("a.csv.gz", &gzip(b""))).unwrap(), "");
    }

    #[test]
    fn packed_files_that_lie_are_errors() {
        let rows: String = (0..20_000).map(|i| format!("{i},{}\n", i * i)).collect();
        for (packed, cut, damaged) in [
            (
                gzip(rows.as_bytes()),
                "the gzip data is cut off",
                "the gzip data is damaged",
            ),
            (
                zstd(rows.as_bytes()),
                "the zstd data is cut off",
                "the zstd data is damaged",
            ),
        ] {
            for length in (5..packed.len()).step_by(packed.len() / 8) {
                let error = text(&held_as("a.csv", &packed[..length])).unwrap_err();
                assert!(error.to_string().contains(cut), "{length}: {error}");
            }
            let mut bytes = packed.clone();
            bytes[12..24].fill(0x55);
            let error = text(&held_as("a.csv", &bytes)).unwrap_err();
            assert!(error.to_string().contains(damaged), "{error}");
        }
        // A window of 2 GB, of which nothing is needed.
        let window = [0x28, 0xB5, 0x2F, 0xFD, 0, 0xA8, 9, 0, 0, b'a'];
        let error = text(&held_as("a.csv.zst", &window)).unwrap_err();
        assert!(
            error.to_string().contains("the zstd data is damaged"),
            "{error}"
        );
    }

    #[test]
    fn what_has_to_be_held_has_a_limit() {
        let source = held_as("-", &gzip(&[&b"PAR1"[..], &[0; 100_000]].concat()));
        let open =
            |limit| Input::open_with(&source, &ReadOptions::default(), &Notes::default(), limit);
        assert!(open(100_004).is_ok());
        let error = open(100_003).err().unwrap().to_string();
        assert!(error.contains("standard input is larger than"), "{error}");
    }
}
