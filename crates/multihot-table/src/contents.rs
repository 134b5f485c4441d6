//! The different contents of a column, each kept once: labels repeat, texts do not.

use std::collections::HashMap;
use std::sync::Arc;

/// Stands for a row whose cell is blank or not there.
const BLANK: u32 = u32::MAX;

/// What stands in the rows of a column.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    rows: Vec<u32>,
    different: Vec<Content>,
    /// Of the different contents.
    bytes: usize,
    places: HashMap<Arc<str>, u32>,
}

/// One of the different contents.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) text: Arc<str>,
    /// The line of the first row that has it.
    pub(crate) line: u64,
    /// How many rows have it.
    pub(crate) n_rows: usize,
}

impl Contents {
    /// Notes that row number `row`, which starts on `line`, has `text`; rows that were left out
    /// before it are blank. Gives the number of the content where it is a new one.
    pub(crate) fn add(&mut self, row: usize, line: u64, text: &str) -> Option<usize> {
        self.rows.resize(row, BLANK);
        if let Some(&place) = self.places.get(text) {
            self.rows.push(place);
            self.different[place as usize].n_rows += 1;
            return None;
        }
        let place = self.different.len();
        self.bytes += text.len();
        let text: Arc<str> = text.into();
        // A table with more rows than `u32` counts does not fit into memory.
        self.rows.push(place as u32);
        self.places.insert(Arc::clone(&text), place as u32);
        self.different.push(Content {
            text,
            line,
            n_rows: 1,
        });
        Some(place)
    }

    /// The different contents, in the order of their first rows.
    pub(crate) fn different(&self) -> &[Content] {
        &self.different
    }

    /// What the different contents take, in bytes of text.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Which of [`Contents::different`] stands in row number `row`, where it is not blank.
    pub(crate) fn of_row(&self, row: usize) -> Option<usize> {
        let place = self.rows.get(row).copied().filter(|&place| place != BLANK);
        place.map(|place| place as usize)
    }

    /// Rows that are not blank.
    pub(crate) fn n_filled(&self) -> usize {
        self.different.iter().map(|content| content.n_rows).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_kept_once_with_its_rows() {
        let mut contents = Contents::default();
        assert_eq!(contents.add(1, 3, "a"), Some(0));
        assert_eq!(contents.add(2, 4, "b"), Some(1));
        assert_eq!(contents.add(4, 7, "a"), None);
        let rows: Vec<_> = (0..6).map(|row| contents.of_row(row)).collect();
        assert_eq!(rows, [None, Some(0), Some(1), None, Some(0), None]);
        let different = contents.different().iter();
        let different: Vec<_> = different
            .map(|content| (&*content.text, content.line, content.n_rows))
            .collect();
        assert_eq!(different, [("a", 3, 2), ("b", 4, 1)]);
        assert_eq!((contents.n_filled(), contents.bytes()), (3, 2));
    }
}
