//! What stands between the cells of a table.

use crate::format::Delimiter;

/// What is looked for, the most usual first.
pub(crate) const CANDIDATES: [Delimiter; 4] = [
    Delimiter::COMMA,
    Delimiter(b';'),
    Delimiter::TAB,
    Delimiter(b'|'),
];

/// Records that are compared with the header.
const RECORDS: usize = 20;

/// The delimiter of a table that starts with `sample`; `is_all` says that this is all there is.
///
/// The one that makes a column called `text_column`; without such a column the one that cuts the
/// first record into two or more cells and the next ones into as many. Without a header no
/// `text_column` is given, and the first such one counts, a tab before all: labels with bars
/// between them may be as many in each row.
pub(crate) fn delimiter_of(sample: &[u8], is_all: bool, text_column: Option<&str>) -> Delimiter {
    let Some(text_column) = text_column else {
        return of_records(sample, is_all);
    };
    let scores = CANDIDATES.map(|delimiter| {
        let score = Score::of(delimiter, sample, is_all, text_column);
        (delimiter, score)
    });
    let mut best = (Delimiter::COMMA, Score::default());
    for (delimiter, score) in scores {
        // A semicolon or a bar may well stand in the name of an only column.
        let is_sure = delimiter == Delimiter::COMMA || score.has_text || score.is_even;
        if is_sure && score.columns > 1 && score > best.1 {
            best = (delimiter, score);
        }
    }
    best.0
}

/// The delimiter of records that all are rows.
fn of_records(sample: &[u8], is_all: bool) -> Delimiter {
    let fits = |delimiter: &Delimiter| {
        let score = Score::of(*delimiter, sample, is_all, "");
        score.is_even && score.columns > 1
    };
    let mut candidates = [Delimiter::TAB].into_iter().chain(CANDIDATES);
    candidates.find(fits).unwrap_or(Delimiter::COMMA)
}

/// How well a delimiter fits, the weightiest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
struct Score {
    has_text: bool,
    is_even: bool,
    columns: usize,
}

impl Score {
    fn of(delimiter: Delimiter, sample: &[u8], is_all: bool, text_column: &str) -> Self {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter.0)
            .has_headers(false)
            .flexible(true)
            .from_reader(sample);
        let records = reader.byte_records().map_while(Result::ok).take(RECORDS);
        let mut records: Vec<csv::ByteRecord> = records.collect();
        if !is_all && records.len() > 1 && records.len() < RECORDS {
            // It may go on after the sample.
            records.pop();
        }
        let Some((header, rows)) = records.split_first() else {
            return Score::default();
        };
        Score {
            has_text: header.iter().any(|name| name == text_column.as_bytes()),
            is_even: !rows.is_empty() && rows.iter().all(|row| row.len() == header.len()),
            columns: header.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_shows_what_stands_between_cells() {
        let cases = [
            ("nothing", "", ','),
            ("one column", "text\na; b\n", ','),
            ("commas", "text,a\nx; y,1\n", ','),
            ("semicolons", "text;a\nx, y;1\n", ';'),
            ("tabs", "id\ttext\ta\n1\tx, y\t1\n", '\t'),
            ("bars", "id|text\n1|x\n", '|'),
            ("a header alone", "text;a", ';'),
            ("quotes", "\"a,b\";\"te,xt\"\n1;x\n", ';'),
            ("the text column decides", "text;a,b\nx;1,2\n", ';'),
            ("the text column decides", "note,s;text\nx,y;1\n", ';'),
            ("even records decide", "body;a\nx, y;1\nz;0\n", ';'),
            ("even records decide", "a,b;body\nx, y;1\nz;0\n", ';'),
            ("uneven records are no sign", "what; why\nx\ny;z;w\n", ','),
            ("short records of a text", "text;a\nx\n", ';'),
            (
                "a cell of three lines",
                "text;a\n\"x,\n,\n,\";1\ny;0\n",
                ';',
            ),
        ];
        for (name, sample, expected) in cases {
            let found = delimiter_of(sample.as_bytes(), true, Some("text"));
            assert_eq!(char::from(found.0), expected, "{name}: {sample}");
        }
        let headless = [
            ("A|B|C,\"text, one\"\nA|D|E,text\n", ','),
            ("A|B,text\nA,text\n", ','),
            ("1\ta,b\tx\n2\tc,d\ty\n", '\t'),
            ("A|B;text, one\nA;text\n", ';'),
            ("A|text, one\nB|text\n", '|'),
            ("a text, or not\nanother\n", ','),
        ];
        for (sample, expected) in headless {
            let found = delimiter_of(sample.as_bytes(), true, None);
            assert_eq!(char::from(found.0), expected, "{sample}");
        }
        assert_eq!(delimiter_of(b"body;a\nx;1\ny", false, Some("body")).0, b';');
        assert_eq!(
            delimiter_of(b"review;a\nx;1\ny", false, Some("text")).0,
            b';',
            "a cut record"
        );
    }
}
