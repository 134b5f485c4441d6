//! The archive that a workbook is: what it unpacks to is measured before anything reads it.

use std::io::{self, BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::Event;
use zip::ZipArchive;

use super::damaged;
use crate::error::TableError;
use crate::input::ReadSeek;

/// The archive in `file`, all of which unpacks to at most `limit` bytes.
///
/// What the directory says is checked first, then what is there: a directory may lie.
pub(super) fn measured(
    source_name: &str,
    file: Box<dyn ReadSeek>,
    limit: u64,
) -> Result<ZipArchive<Box<dyn ReadSeek>>, TableError> {
    let not_whole = |error| {
        damaged(
            source_name,
            format_args!("it is no workbook, or it is damaged ({error})"),
        )
    };
    let too_large = || {
        let limit = limit >> 20;
        damaged(
            source_name,
            format_args!("it unpacks to more than {limit} MB, the most that is read of a workbook"),
        )
    };
    let mut archive = ZipArchive::new(file).map_err(not_whole)?;
    let mut said = 0_u64;
    for place in 0..archive.len() {
        said = said.saturating_add(archive.by_index_raw(place).map_err(not_whole)?.size());
    }
    if said > limit {
        return Err(too_large());
    }
    let mut left = limit;
    for place in 0..archive.len() {
        let mut entry = archive.by_index(place).map_err(not_whole)?;
        let size = io::copy(&mut entry.by_ref().take(left + 1), &mut io::sink())
            .map_err(|error| not_whole(error.into()))?;
        left = left.checked_sub(size).ok_or_else(too_large)?;
        let is_strings = entry
            .name()
            .is_ok_and(|name| name.to_lowercase().ends_with("sharedstrings.xml"));
        drop(entry);
        if is_strings {
            let entry = archive.by_index(place).map_err(not_whole)?;
            check_count_of_strings(source_name, entry, size)?;
        }
    }
    Ok(archive)
}

/// That a table of strings of `size` bytes can have as many as it says: the library takes memory
/// for them at once.
fn check_count_of_strings(source_name: &str, xml: impl Read, size: u64) -> Result<(), TableError> {
    let mut reader = Reader::from_reader(BufReader::new(xml));
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(tag) | Event::Empty(tag)) if tag.local_name().as_ref() == "sst" => {
                let count = tag.try_get_attribute("uniqueCount").ok().flatten();
                let count = count.and_then(|count| count.value.trim().parse::<u64>().ok());
                // `<si/>` is the shortest.
                return if count.unwrap_or(0) > size / 5 {
                    Err(damaged(
                        source_name,
                        format_args!(
                            "it says it has {} texts, in {size} bytes",
                            count.unwrap_or(0)
                        ),
                    ))
                } else {
                    Ok(())
                };
            }
            Ok(Event::Eof) => return Ok(()),
            Ok(_) => {}
            Err(error) => {
                return Err(damaged(
                    source_name,
                    format_args!("it is damaged ({error})"),
                ));
            }
        }
    }
}
