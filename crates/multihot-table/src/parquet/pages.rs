//! The pages of a column chunk, each with its sizes checked before memory is taken for it.
//!
//! The `parquet` crate has its own reader of pages. It believes what a page says of its size, its
//! gzip grows without bound, and some encodings take memory for as many values as they claim, so
//! that a file of a kilobyte can ask for all there is. Here a page is held to what a table may need,
//! and to what its column said before.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;

use super::thrift::{Compact, Kind};
use crate::input::Whole;
use crate::source::RECORD_LIMIT;

/// Bytes of a page, packed or not. A text of 10 MB has to fit in.
const PAGE_LIMIT: u64 = RECORD_LIMIT as u64;
/// Bytes of a page whose values repeat the starts of others, which may make each of the values of
/// a batch as long.
const PREFIX_PAGE_LIMIT: u64 = 8 << 20;
/// Values of a dictionary; a writer gives up on one long before.
const MOST_DICTIONARY_VALUES: u64 = 1 << 24;
/// Bytes of a page's header, in which the smallest and the largest value may stand.
const HEADER_LIMIT: u64 = 16 << 20;

/// The pages of one column in one row group.
pub(super) struct Pages {
    whole: Arc<Whole>,
    next: u64,
    end: u64,
    values_left: u64,
    codec: Codec,
    physical_type: Type,
    max_repetition: i16,
    max_definition: i16,
}

/// How pages are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Plain,
    Snappy,
    Gzip,
    Zstd,
}

impl Codec {
    pub(super) fn of(compression: Compression) -> Result<Self> {
        match compression {
            Compression::UNCOMPRESSED => Ok(Codec::Plain),
            Compression::SNAPPY => Ok(Codec::Snappy),
            Compression::GZIP(_) => Ok(Codec::Gzip),
            Compression::ZSTD(_) => Ok(Codec::Zstd),
            other => Err(problem(format!(
                "it is packed by {other}; snappy, gzip, zstd and files that are not packed are read"
            ))),
        }
    }

    /// Exactly `length` bytes.
    fn unpacked(self, packed: Bytes, length: u64) -> Result<Bytes> {
        let mut out = Vec::new();
        let unpacked = match self {
            Codec::Plain => return of_length(packed, length),
            Codec::Snappy => {
                if snap::raw::decompress_len(&packed).ok() != usize::try_from(length).ok() {
                    return Err(problem("a page has another size than it says"));
                }
                let mut decoder = snap::raw::Decoder::new();
                out = decoder
                    .decompress_vec(&packed)
                    .map_err(|error| problem(format!("a page is damaged ({error})")))?;
                return of_length(out.into(), length);
            }
            Codec::Gzip => flate2::bufread::MultiGzDecoder::new(&packed[..])
                .take(length + 1)
                .read_to_end(&mut out),
            Codec::Zstd => zstd::stream::read::Decoder::with_buffer(&packed[..])
                .and_then(|decoder| decoder.take(length + 1).read_to_end(&mut out)),
        };
        unpacked.map_err(|error| problem(format!("a page is damaged ({error})")))?;
        of_length(out.into(), length)
    }
}

fn of_length(bytes: Bytes, length: u64) -> Result<Bytes> {
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(problem("a page has another size than it says"))
    }
}

fn problem(text: impl Into<String>) -> ParquetError {
    ParquetError::General(text.into())
}

impl Pages {
    /// The pages of a chunk that lies at `next..end`.
    pub(super) fn new(
        whole: Arc<Whole>,
        column: &ColumnChunkMetaData,
        next: u64,
        end: u64,
    ) -> Result<Self> {
        let descriptor = column.column_descr();
        Ok(Pages {
            whole,
            next,
            end,
            values_left: u64::try_from(column.num_values())?,
            codec: Codec::of(column.compression())?,
            physical_type: column.column_type(),
            max_repetition: descriptor.max_rep_level(),
            max_definition: descriptor.max_def_level(),
        })
    }

    fn header(&mut self) -> Result<Header> {
        let available = (self.end - self.next).min(HEADER_LIMIT);
        let mut length = available.min(256);
        loop {
            let bytes = self.whole.bytes_at(self.next, length as usize)?;
            let mut compact = Compact::new(&bytes);
            if let Some(header) = Header::read(&mut compact) {
                self.next += compact.position() as u64;
                return Ok(header);
            }
            if length == available {
                return Err(problem("a page has no header that can be read"));
            }
            length = (length * 8).min(available);
        }
    }

    /// What can be known to be wrong before memory is taken.
    fn check(&self, header: &Header) -> Result<()> {
        let left = self.end - self.next;
        if header.packed > left {
            return Err(problem(format!(
                "a page says it has {} bytes, and {left} are left of its column",
                header.packed
            )));
        }
        let limit = match header.encoding {
            Encoding::DELTA_BYTE_ARRAY => PREFIX_PAGE_LIMIT,
            _ => PAGE_LIMIT,
        };
        let size = header.packed.max(header.unpacked);
        if size > limit {
            return Err(problem(format!(
                "a page says it has {size} bytes; {limit} is the most that is read"
            )));
        }
        if header.kind == PageKind::Dictionary {
            let smallest = match self.physical_type {
                Type::BYTE_ARRAY | Type::INT32 | Type::FLOAT => 4,
                Type::INT64 | Type::DOUBLE => 8,
                Type::INT96 => 12,
                Type::BOOLEAN | Type::FIXED_LEN_BYTE_ARRAY => 1,
            };
            let most = (header.unpacked / smallest).min(MOST_DICTIONARY_VALUES);
            if header.values > most {
                return Err(problem(format!(
                    "a dictionary says it has {} values, and has room for {most}",
                    header.values
                )));
            }
        } else if header.values > self.values_left {
            return Err(problem(format!(
                "a page says it has {} values, and {} are left of its column",
                header.values, self.values_left
            )));
        }
        Ok(())
    }

    fn page(&mut self) -> Result<Option<Page>> {
        loop {
            if self.next >= self.end {
                return if self.values_left == 0 {
                    Ok(None)
                } else {
                    Err(problem(format!(
                        "{} values of a column are missing",
                        self.values_left
                    )))
                };
            }
            let header = self.header()?;
            self.check(&header)?;
            let packed = self.whole.bytes_at(self.next, header.packed as usize)?;
            self.next += header.packed;
            match header.kind {
                PageKind::Index => continue,
                PageKind::Dictionary => return self.dictionary(&header, packed).map(Some),
                PageKind::Data | PageKind::DataV2 => {
                    self.values_left -= header.values;
                    return self.data(&header, packed).map(Some);
                }
            }
        }
    }

    fn dictionary(&self, header: &Header, packed: Bytes) -> Result<Page> {
        Ok(Page::DictionaryPage {
            buf: self.codec.unpacked(packed, header.unpacked)?,
            num_values: u32::try_from(header.values)?,
            encoding: header.encoding,
            is_sorted: false,
        })
    }

    fn data(&self, header: &Header, packed: Bytes) -> Result<Page> {
        let num_values = u32::try_from(header.values)?;
        if header.kind == PageKind::Data {
            let buf = self.codec.unpacked(packed, header.unpacked)?;
            self.check_deltas(header, &buf, self.levels_of(header, &buf)?)?;
            return Ok(Page::DataPage {
                buf,
                num_values,
                encoding: header.encoding,
                def_level_encoding: header.definition_encoding,
                rep_level_encoding: header.repetition_encoding,
                statistics: None,
            });
        }
        // The levels stand before the values and are not packed.
        let levels = header.repetition_bytes + header.definition_bytes;
        if levels > header.packed || levels > header.unpacked {
            return Err(problem("a page says its levels are larger than itself"));
        }
        let mut buf = packed.clone();
        if header.is_packed && self.codec != Codec::Plain {
            let length = header.unpacked - levels;
            let values = match length {
                0 => Bytes::new(),
                _ => self
                    .codec
                    .unpacked(packed.slice(levels as usize..), length)?,
            };
            buf = [&packed[..levels as usize], &values].concat().into();
        } else {
            buf = of_length(buf, header.unpacked)?;
        }
        self.check_deltas(header, &buf, levels as usize)?;
        Ok(Page::DataPageV2 {
            buf,
            num_values,
            encoding: header.encoding,
            num_nulls: u32::try_from(header.nulls)?,
            num_rows: u32::try_from(header.rows)?,
            def_levels_byte_len: u32::try_from(header.definition_bytes)?,
            rep_levels_byte_len: u32::try_from(header.repetition_bytes)?,
            is_compressed: header.is_packed,
            statistics: None,
        })
    }

    /// The bytes that levels take at the start of a page.
    fn levels_of(&self, header: &Header, page: &[u8]) -> Result<usize> {
        let mut start = 0_usize;
        for (most, encoding) in [
            (self.max_repetition, header.repetition_encoding),
            (self.max_definition, header.definition_encoding),
        ] {
            if most == 0 {
                continue;
            }
            let length = if encoding == Encoding::RLE {
                let length = page
                    .get(start..start + 4)
                    .and_then(|bytes| bytes.try_into().ok());
                length.map(|bytes| 4 + u64::from(u32::from_le_bytes(bytes)))
            } else {
                let bits = u64::from(16 - (most as u16).leading_zeros());
                Some((header.values * bits).div_ceil(8))
            };
            let end = length.map(|length| start as u64 + length);
            start = end
                .and_then(|end| usize::try_from(end).ok())
                .filter(|end| *end <= page.len())
                .ok_or_else(|| problem("a page says its levels are larger than itself"))?;
        }
        Ok(start)
    }

    /// That lengths which are written as differences are no more than the page has values.
    fn check_deltas(&self, header: &Header, page: &[u8], start: usize) -> Result<()> {
        let blocks = match header.encoding {
            Encoding::DELTA_LENGTH_BYTE_ARRAY => 1,
            Encoding::DELTA_BYTE_ARRAY => 2,
            _ => return Ok(()),
        };
        let mut values = &page[start..];
        for _ in 0..blocks {
            let (count, length) =
                deltas(values).ok_or_else(|| problem("the lengths of texts cannot be read"))?;
            if count > header.values {
                return Err(problem(format!(
                    "a page of {} values says it has the lengths of {count}",
                    header.values
                )));
            }
            values = &values[length..];
        }
        Ok(())
    }
}

/// How many numbers stand at the start of `bytes` as differences, and how many bytes they take.
///
/// Source: `DELTA_BINARY_PACKED` of the [encodings].
///
/// [encodings]: https://parquet.apache.org/docs/file-format/data-pages/encodings/
fn deltas(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut numbers = Compact::new(bytes);
    let (block, miniblocks, count) = (numbers.varint()?, numbers.varint()?, numbers.varint()?);
    numbers.integer()?;
    if miniblocks == 0 || block == 0 || !block.is_multiple_of(miniblocks) {
        return None;
    }
    let in_miniblock = block / miniblocks;
    let (mut left, mut next) = (count.saturating_sub(1), numbers.position());
    while left > 0 {
        let mut minimum = Compact::new(bytes.get(next..)?);
        minimum.integer()?;
        next += minimum.position();
        let widths = bytes.get(next..next.checked_add(usize::try_from(miniblocks).ok()?)?)?;
        next += widths.len();
        for width in widths {
            if left == 0 {
                break;
            }
            let bits = in_miniblock.checked_mul(u64::from(*width))?;
            next = next.checked_add(usize::try_from(bits.div_ceil(8)).ok()?)?;
            left = left.saturating_sub(in_miniblock);
        }
        if next > bytes.len() {
            return None;
        }
    }
    Some((count, next))
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.page()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        Err(problem("pages are read in order"))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        Err(problem("pages are read in order"))
    }

    /// A row may go on in the next page as long as there is one.
    fn at_record_boundary(&mut self) -> Result<bool> {
        Ok(self.next >= self.end)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PageKind {
    Data,
    Index,
    Dictionary,
    DataV2,
}

/// What a page says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    kind: PageKind,
    unpacked: u64,
    packed: u64,
    values: u64,
    nulls: u64,
    rows: u64,
    encoding: Encoding,
    definition_encoding: Encoding,
    repetition_encoding: Encoding,
    definition_bytes: u64,
    repetition_bytes: u64,
    is_packed: bool,
}

impl Header {
    /// `PageHeader` of [parquet.thrift]. A number below zero is as good as none.
    ///
    /// [parquet.thrift]: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
    fn read(compact: &mut Compact<'_>) -> Option<Self> {
        let mut header = Header {
            kind: PageKind::Index,
            unpacked: 0,
            packed: 0,
            values: 0,
            nulls: 0,
            rows: 0,
            encoding: Encoding::PLAIN,
            definition_encoding: Encoding::RLE,
            repetition_encoding: Encoding::RLE,
            definition_bytes: 0,
            repetition_bytes: 0,
            is_packed: true,
        };
        let mut kind = None;
        compact.fields(|compact, id, field| {
            match (id, field) {
                (1, Kind::Integer) => {
                    kind = Some(match compact.integer()? {
                        0 => PageKind::Data,
                        1 => PageKind::Index,
                        2 => PageKind::Dictionary,
                        3 => PageKind::DataV2,
                        _ => return None,
                    });
                }
                (2, Kind::Integer) => header.unpacked = number(compact)?,
                (3, Kind::Integer) => header.packed = number(compact)?,
                (5 | 7 | 8, Kind::Struct) => header.read_details(compact, id)?,
                _ => return Some(false),
            }
            Some(true)
        })?;
        header.kind = kind?;
        Some(header)
    }

    /// The struct of the data pages (5), of the dictionary (7) or of the newer data pages (8).
    fn read_details(&mut self, compact: &mut Compact<'_>, of: i16) -> Option<()> {
        compact.fields(|compact, id, field| {
            match (of, id, field) {
                (_, 1, Kind::Integer) => self.values = number(compact)?,
                (5 | 7, 2, Kind::Integer) | (8, 4, Kind::Integer) => {
                    self.encoding = encoding(compact)?;
                }
                (5, 3, Kind::Integer) => self.definition_encoding = encoding(compact)?,
                (5, 4, Kind::Integer) => self.repetition_encoding = encoding(compact)?,
                (8, 2, Kind::Integer) => self.nulls = number(compact)?,
                (8, 3, Kind::Integer) => self.rows = number(compact)?,
                (8, 5, Kind::Integer) => self.definition_bytes = number(compact)?,
                (8, 6, Kind::Integer) => self.repetition_bytes = number(compact)?,
                (8, 7, Kind::True) => self.is_packed = true,
                (8, 7, Kind::False) => self.is_packed = false,
                _ => return Some(false),
            }
            Some(true)
        })
    }
}

/// A size or a count, which Parquet keeps in 31 bits.
fn number(compact: &mut Compact<'_>) -> Option<u64> {
    let number = u64::try_from(compact.integer()?).ok()?;
    (number <= i32::MAX as u64).then_some(number)
}

#[allow(deprecated)]
fn encoding(compact: &mut Compact<'_>) -> Option<Encoding> {
    Some(match compact.integer()? {
        0 => Encoding::PLAIN,
        2 => Encoding::PLAIN_DICTIONARY,
        3 => Encoding::RLE,
        4 => Encoding::BIT_PACKED,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        _ => return None,
    })
}
