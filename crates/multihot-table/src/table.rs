//! A whole table with its labels, for training and evaluation.

use std::fmt::Write as _;

use serde_json::Value;

use crate::cells::Cell;
use crate::columns::Columns;
use crate::error::TableError;
use crate::names::list;
use crate::rows::{TextRow, TextRows, require_column, stream};
use crate::source::{Format, ReadOptions, Source};

/// A table and what was found out about its columns.
#[derive(Clone, Debug)]
pub struct Table {
    /// What messages call the source.
    pub source: String,
    /// How it was written.
    pub format: Format,
    /// The column the texts come from.
    pub text_column: String,
    /// The column the second texts come from, where there is one.
    pub pair_column: Option<String>,
    /// The column the ids come from, where there is one.
    pub id_column: Option<String>,
    /// The label columns, in the order of [`LabelledRow::cells`].
    pub labels: Vec<String>,
    /// The other columns.
    pub carried: Vec<String>,
    /// The rows, at least one, in order.
    pub rows: Vec<LabelledRow>,
}

/// A text and what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledRow {
    /// The line of the source that the row starts on, from 1.
    pub line: u64,
    /// A string from CSV, any value from JSON, the row's number from 1 where there is none.
    pub id: Value,
    /// The text; empty where the cell is blank or null.
    pub text: String,
    /// The second text, where a column of them was asked for.
    pub pair: Option<String>,
    /// One cell a label.
    pub cells: Vec<Cell>,
    /// What stands in the column of groups; `None` without such a column, and where it is blank.
    pub group: Option<String>,
}

/// A table of which no row is kept: its columns, and the cells of its labels.
#[derive(Clone, Debug)]
pub struct Scan {
    /// What messages call the source.
    pub source: String,
    /// How it was written.
    pub format: Format,
    /// The column the texts come from.
    pub text_column: String,
    /// The column the second texts come from, where there is one.
    pub pair_column: Option<String>,
    /// The column the ids come from, where there is one.
    pub id_column: Option<String>,
    /// The label columns; none where no column holds yes/no words.
    pub labels: Vec<String>,
    /// The other columns.
    pub carried: Vec<String>,
    /// Rows that went by, at least one.
    pub rows: usize,
    /// One cell a label, row by row.
    pub cells: Vec<Cell>,
}

/// Reads a table. Its labels are those of `options`, or the columns whose known cells all are
/// yes/no words and not all unknown; a table without labels is an error.
pub fn read(source: &Source, options: &ReadOptions) -> Result<Table, TableError> {
    let mut texts = stream(source, options)?;
    let group = GroupColumn::new(options, texts.columns());
    let mut rows = Vec::new();
    let mut keep = |row: TextRow| {
        rows.push(LabelledRow {
            line: row.line,
            group: group.as_ref().and_then(|column| column.of(&row)),
            id: row.id,
            text: row.text,
            pair: row.pair,
            cells: Vec::new(),
        });
    };
    let (scan, no_labels) = go_through(&mut texts, options, &mut keep)?;
    if let Some(error) = no_labels {
        return Err(error);
    }
    for (row, cells) in rows.iter_mut().zip(scan.cells.chunks(scan.labels.len())) {
        row.cells = cells.to_vec();
    }
    Ok(Table {
        source: scan.source,
        format: scan.format,
        text_column: scan.text_column,
        pair_column: scan.pair_column,
        id_column: scan.id_column,
        labels: scan.labels,
        carried: scan.carried,
        rows,
    })
}

/// Goes through a table as [`read`] does, and hands each row to `visit` instead of keeping it. A
/// table without labels is none here, unless labels were asked for.
pub fn scan(
    source: &Source,
    options: &ReadOptions,
    visit: &mut dyn FnMut(TextRow),
) -> Result<Scan, TableError> {
    let mut texts = stream(source, options)?;
    go_through(&mut texts, options, visit).map(|(scan, _)| scan)
}

/// The table that `texts` are, and why it has no labels where it has none.
fn go_through(
    texts: &mut TextRows,
    options: &ReadOptions,
    visit: &mut dyn FnMut(TextRow),
) -> Result<(Scan, Option<TableError>), TableError> {
    let mut columns = Columns::new(options, texts.columns());
    let mut rows = 0;
    for row in texts.by_ref() {
        let row = row?;
        columns.add(&row);
        visit(row);
        rows += 1;
    }
    let names = columns.names();
    for column in [&options.id, &options.group].into_iter().flatten() {
        require_column(texts.source(), column, &names)?;
    }
    let (labels, no_labels) = match columns.labels(texts.source()) {
        Ok(labels) => (labels, None),
        Err(error @ TableError::NoLabels { .. }) => (Vec::new(), Some(error)),
        Err(error) => return Err(error),
    };
    let cells = (0..rows).flat_map(|row| labels.iter().map(move |label| label.cell(row)));
    let cells = cells.collect();
    let labels: Vec<String> = labels.iter().map(|label| label.name.clone()).collect();
    let id_column = names
        .iter()
        .find(|name| *name == options.id_column())
        .cloned();
    let text_column = texts.text_column().to_owned();
    let pair_column = texts.pair_column().map(str::to_owned);
    let is_carried = |name: &String| {
        let has_role =
            *name == text_column || [&pair_column, &id_column].contains(&&Some(name.clone()));
        !has_role && !labels.contains(name)
    };
    let carried = names.iter().filter(|name| is_carried(name)).cloned();
    let scan = Scan {
        source: texts.source().to_owned(),
        format: texts.format(),
        carried: carried.collect(),
        text_column,
        pair_column,
        id_column,
        labels,
        rows,
        cells,
    };
    Ok((scan, no_labels))
}

/// The column that names the groups.
struct GroupColumn<'a> {
    name: &'a str,
    /// Where a CSV has it.
    place: Option<usize>,
}

impl<'a> GroupColumn<'a> {
    fn new(options: &'a ReadOptions, columns: &[String]) -> Option<Self> {
        let name = options.group.as_deref()?;
        let place = columns.iter().position(|column| column == name);
        Some(Self { name, place })
    }

    /// The group of a row, where its cell is not blank.
    fn of(&self, row: &TextRow) -> Option<String> {
        let group = row.record.cell(self.name, self.place)?;
        (!group.trim().is_empty()).then_some(group)
    }
}

impl Table {
    /// All cells, row by row, one a label in each.
    pub fn cells(&self) -> Vec<Cell> {
        let rows = self.rows.iter();
        rows.flat_map(|row| row.cells.iter().copied()).collect()
    }

    /// What a person wants to see before anything runs: rows, text column, the labels with their
    /// answers, and the other columns. Lines without a last line end.
    ///
    /// ```text
    /// reviews.csv: 640 rows, text in `text`, id in `id`
    ///   sports    yes 210  no 425  unknown 5
    ///   business  yes  60  no 580  unknown 0
    /// carried along: `source`, `date`
    /// ```
    pub fn detection(&self) -> String {
        let rows = if self.rows.len() == 1 { "row" } else { "rows" };
        let mut lines = format!(
            "{}: {} {rows}, text in `{}`",
            self.source,
            self.rows.len(),
            self.text_column
        );
        if let Some(pair) = &self.pair_column {
            write!(lines, ", second text in `{pair}`").expect("a string takes everything");
        }
        match &self.id_column {
            Some(id) => write!(lines, ", id in `{id}`"),
            None => write!(lines, ", ids are row numbers"),
        }
        .expect("a string takes everything");
        let answers = [Cell::Yes, Cell::No, Cell::Unknown];
        let counts: Vec<[String; 3]> = (0..self.labels.len())
            .map(|label| answers.map(|answer| self.count(label, answer).to_string()))
            .collect();
        let width = |i: usize| counts.iter().map(|count| count[i].len()).max().unwrap_or(0);
        let (yes, no, unknown) = (width(0), width(1), width(2));
        let name = self
            .labels
            .iter()
            .map(|label| label.chars().count())
            .max()
            .unwrap_or(0);
        for (label, count) in self.labels.iter().zip(&counts) {
            write!(
                lines,
                "\n  {label:name$}  yes {:>yes$}  no {:>no$}  unknown {:>unknown$}",
                count[0], count[1], count[2]
            )
            .expect("a string takes everything");
        }
        if !self.carried.is_empty() {
            write!(lines, "\ncarried along: {}", list(&self.carried))
                .expect("a string takes everything");
        }
        lines
    }

    /// Each label with its cells that say yes, say no, and are unknown.
    pub fn counts(&self) -> impl Iterator<Item = (&str, usize, usize, usize)> {
        let labels = self.labels.iter().enumerate();
        labels.map(|(label, name)| {
            let count = |answer| self.count(label, answer);
            (
                name.as_str(),
                count(Cell::Yes),
                count(Cell::No),
                count(Cell::Unknown),
            )
        })
    }

    fn count(&self, label: usize, answer: Cell) -> usize {
        self.rows
            .iter()
            .filter(|row| row.cells[label] == answer)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    fn options() -> ReadOptions {
        ReadOptions::default()
    }

    fn names(names: &str) -> Vec<String> {
        names
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn with_labels(labels: &str) -> ReadOptions {
        ReadOptions {
            labels: Some(names(labels)),
            ..options()
        }
    }

    fn ignoring(columns: &str) -> ReadOptions {
        ReadOptions {
            ignore: names(columns),
            ..options()
        }
    }

    /// Reads `table` and takes the folder, which differs each time, out of what is said.
    fn table(file: &str, table: &str, options: &ReadOptions) -> Result<Table, (String, String)> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(file);
        std::fs::write(&path, table).unwrap();
        let prefix = format!("{}/", folder.path().display());
        read(&Source::File(path), options)
            .map(|table| Table {
                source: table.source.replace(&prefix, ""),
                ..table
            })
            .map_err(|e| {
                (
                    e.to_string().replace(&prefix, ""),
                    e.hint().unwrap_or_default(),
                )
            })
    }

    fn answers(table: &Table) -> Vec<String> {
        let letter = |cell: &Cell| match cell {
            Cell::Yes => 'y',
            Cell::No => 'n',
            Cell::Unknown => '?',
        };
        table
            .rows
            .iter()
            .map(|row| row.cells.iter().map(letter).collect())
            .collect()
    }

    #[test]
    fn labels_are_the_columns_of_yes_no_words() {
        let cases = [
            (
                "plain",
                "text,a,b\nx,1,0\ny,0,1\n",
                options(),
                "a,b",
                "",
                "yn ny",
            ),
            (
                "other columns",
                "id,a,text,n\n1,1,x,web\n0,0,y,2\n",
                options(),
                "a",
                "n",
                "y n",
            ),
            (
                "id and text never",
                "id,text,a\n1,1,1\n0,0,0\n",
                options(),
                "a",
                "",
                "y n",
            ),
            (
                "words",
                "text,a\nx,Oui\ny, faux \nz,T\n",
                options(),
                "a",
                "",
                "y n y",
            ),
            (
                "unknown",
                "text,a,b\nx,?,1\ny,-1,NA\nz,,0\nw,1,nan\n",
                options(),
                "a,b",
                "",
                "?y ?? ?n y?",
            ),
            (
                "all unknown is no label",
                "text,a,b\nx,,1\ny,NA,0\n",
                options(),
                "b",
                "a",
                "y n",
            ),
            (
                "always yes",
                "text,a\nx,1\ny,1\n",
                options(),
                "a",
                "",
                "y y",
            ),
            ("ignored", "text,a,b\nx,1,0\n", ignoring("a"), "b", "a", "n"),
            (
                "given, in their order",
                "text,a,b,c\nx,1,0,1\n",
                with_labels("c,a"),
                "c,a",
                "b",
                "yy",
            ),
            (
                "given, all unknown",
                "text,a\nx,\n",
                with_labels("a"),
                "a",
                "",
                "?",
            ),
            (
                "no name, no label",
                "text,,a,\nx,1,1,\n",
                options(),
                "a",
                ",",
                "y",
            ),
            (
                "a rating is no label",
                "text,a,b\nx,5,0\ny,1,0\n",
                options(),
                "b",
                "a",
                "n n",
            ),
        ];
        for (name, csv, options, labels, carried, cells) in cases {
            let table = table("t.csv", csv, &options).unwrap_or_else(|e| panic!("{name}: {e:?}"));
            assert_eq!(table.labels.join(","), labels, "{name}");
            assert_eq!(table.carried.join(","), carried, "{name}");
            assert_eq!(answers(&table).join(" "), cells, "{name}");
        }
    }

    #[test]
    fn objects_have_labels_too() {
        let jsonl = concat!(
            "{\"text\":\"x\",\"a\":true,\"tags\":[1]}\n",
            "{\"text\":\"y\",\"a\":\"no\",\"b\":1.0,\"id\":7}\n",
            "{\"text\":\"z\",\"b\":-1}\n",
            "{\"b\":0,\"text\":\"w\",\"a\":null}\n",
        );
        let table = table("t.jsonl", jsonl, &options()).unwrap();
        assert_eq!(
            (table.labels.join(","), table.carried.join(",")),
            ("a,b".into(), "tags".into())
        );
        assert_eq!(answers(&table), ["y?", "ny", "??", "?n"]);
        assert_eq!(table.id_column.as_deref(), Some("id"));
    }

    #[test]
    fn what_is_wrong_is_said_with_a_way_out() {
        let nearly: String = (0..30)
            .map(|i| format!("x,{}\n", if i % 10 == 9 { "maybe" } else { "1" }))
            .collect();
        let cases = [
            (
                "no label",
                "text,kind\nx,sports\n",
                options(),
                "t.csv: no label column; `kind` holds `sports`",
                "a label's cells hold yes/no words (1 0 true false yes no y n t f oui non vrai faux) or nothing; name such columns with `--labels a,b`",
            ),
            (
                "only a text column",
                "text\nx\n",
                options(),
                "t.csv: no label column; there is no column besides text and id",
                "a label's cells hold yes/no words (1 0 true false yes no y n t f oui non vrai faux) or nothing; name such columns with `--labels a,b`",
            ),
            (
                "nearly a label",
                &format!("text,a\n{nearly}"),
                options(),
                "t.csv: column `a` holds yes/no words in 27 of 30 cells, but `maybe` at line 11, `maybe` at line 21, `maybe` at line 31",
                "correct these cells, or pass `--ignore a`, or name all the labels with `--labels`",
            ),
            (
                "a bad cell",
                "text,a\nx,1\ny,maybe\n",
                with_labels("a"),
                "t.csv:3: column `a` holds `maybe`, which is neither yes nor no",
                "the words are 1 0 true false yes no y n t f oui non vrai faux; blank, NA, NaN, null, ? and -1 are unknown",
            ),
            (
                "a label that is not there",
                "text,sports,b\nx,1,0\n",
                with_labels("sport,b,c"),
                "t.csv: no column `sport`, `c`; there are `text`, `sports`, `b`",
                "did you mean `sports`?",
            ),
            (
                "an ignored column that is not there",
                "text,sports\nx,1\n",
                ignoring("sprots"),
                "t.csv: no column `sprots`; there are `text`, `sports`",
                "did you mean `sports`?",
            ),
        ];
        for (name, csv, options, message, hint) in cases {
            let error = table("t.csv", csv, &options).unwrap_err();
            assert_eq!(error, (message.to_owned(), hint.to_owned()), "{name}");
        }
    }

    #[test]
    fn a_group_column_names_groups_and_is_no_label() {
        let by = |group: &str| ReadOptions {
            group: Some(group.to_owned()),
            ..options()
        };
        let cases = [
            (
                "csv",
                "t.csv",
                "text,a,by\nx,1,0\ny,0,\nz,1, \nw,0,1\n",
                "by",
                "0 - - 1",
            ),
            (
                "jsonl",
                "t.jsonl",
                "{\"text\":\"x\",\"a\":1}\n{\"text\":\"y\",\"a\":0,\"by\":7}\n{\"text\":\"z\",\"by\":null}\n",
                "by",
                "- 7 -",
            ),
            ("the id", "t.csv", "id,text,a\n3,x,1\n3,y,1\n", "id", "3 3"),
        ];
        for (name, file, content, group, expected) in cases {
            let table = table(file, content, &by(group)).unwrap();
            assert_eq!(table.labels, ["a"], "{name}");
            let groups = table.rows.iter();
            let groups = groups.map(|row| row.group.as_deref().unwrap_or("-"));
            assert_eq!(groups.collect::<Vec<_>>().join(" "), expected, "{name}");
        }
        let (message, hint) = table("t.csv", "text,author,a\nx,y,1\n", &by("auhtor")).unwrap_err();
        assert_eq!(
            message,
            "t.csv: no column `auhtor`; there are `text`, `author`, `a`"
        );
        assert_eq!(hint, "did you mean `author`?");
    }

    #[test]
    fn a_column_of_second_texts_is_no_label() {
        let with_pair = |pair: &str| ReadOptions {
            pair: Some(pair.to_owned()),
            ..options()
        };
        let cases = [
            ("csv", "t.csv", "text,a,reply\nx,1,0\ny,0,\n"),
            (
                "jsonl",
                "t.jsonl",
                "{\"text\":\"x\",\"a\":1,\"reply\":\"0\"}\n{\"text\":\"y\",\"a\":0,\"reply\":null}\n",
            ),
        ];
        for (name, file, content) in cases {
            let table = table(file, content, &with_pair("reply")).unwrap();
            assert_eq!(
                (&table.labels[..], table.carried.len()),
                (&["a".to_owned()][..], 0)
            );
            let pairs: Vec<_> = table.rows.iter().map(|row| row.pair.as_deref()).collect();
            assert_eq!(pairs, [Some("0"), Some("")], "{name}");
            let detection = table.detection();
            assert!(
                detection.contains("text in `text`, second text in `reply`"),
                "{detection}"
            );
        }
        let wrong = [
            (
                "text",
                "column `text` cannot be the text and the second text",
            ),
            ("id", "column `id` cannot be the second text and the id"),
            (
                "rely",
                "t.csv:1: no column `rely`; there are `text`, `a`, `reply`",
            ),
        ];
        for (pair, message) in wrong {
            let found = table("t.csv", "text,a,reply\nx,1,0\n", &with_pair(pair));
            assert_eq!(found.unwrap_err().0, message);
        }
        let lone = "{\"text\":\"x\",\"a\":1}\n";
        let (message, _) = table("t.jsonl", lone, &with_pair("reply")).unwrap_err();
        assert_eq!(
            message,
            "t.jsonl:1: no column `reply`; there are `text`, `a`"
        );
    }

    #[test]
    fn nearly_is_nine_of_ten() {
        let column = |good: usize, bad: usize| {
            let rows = "x,1,1\n".repeat(good) + &"x,2,1\n".repeat(bad) + &"x,,1\n".repeat(50);
            table("t.csv", &format!("text,a,b\n{rows}"), &options()).map(|table| table.labels)
        };
        assert_eq!(column(9, 0).unwrap(), ["a", "b"]);
        assert!(column(9, 1).is_err());
        assert_eq!(column(8, 1).unwrap(), ["b"]);
        assert!(column(18, 2).is_err());
        assert_eq!(column(17, 2).unwrap(), ["b"]);
    }

    #[test]
    fn either_option_decides_about_a_column_that_is_nearly_a_label() {
        let csv = format!("text,a,b\n{}x,2,1\n", "x,1,1\n".repeat(20));
        assert_eq!(table("t.csv", &csv, &ignoring("a")).unwrap().labels, ["b"]);
        assert_eq!(
            table("t.csv", &csv, &with_labels("b")).unwrap().carried,
            ["a"]
        );
    }

    #[test]
    fn a_bad_object_cell_is_no_label() {
        let jsonl = "{\"text\":\"x\",\"a\":[\"é\"]}\n";
        let error = table("t.jsonl", jsonl, &with_labels("a")).unwrap_err();
        assert_eq!(
            error.0,
            "t.jsonl:1: column `a` holds `[\"é\"]`, which is neither yes nor no"
        );
        let jsonl = "{\"text\":\"x\",\"a\":\"maybe\"}\n";
        let error = table("t.jsonl", jsonl, &options()).unwrap_err();
        assert_eq!(error.0, "t.jsonl: no label column; `a` holds `maybe`");
    }

    #[test]
    fn detection_lines_up() {
        let rows: String = (0..12)
            .map(|i| format!("{i},x,{},{},w\n", i % 2, i / 11))
            .collect();
        let csv = format!("id,text,sports,été,source\n{rows}12,x,,1,w\n");
        let expected = "\
t.csv: 13 rows, text in `text`, id in `id`
  sports  yes 6  no  6  unknown 1
  été     yes 2  no 11  unknown 0
carried along: `source`";
        assert_eq!(
            table("t.csv", &csv, &options()).unwrap().detection(),
            expected
        );
        let csv = "text,a\nx,1\n";
        let expected =
            "t.csv: 1 row, text in `text`, ids are row numbers\n  a  yes 1  no 0  unknown 0";
        assert_eq!(
            table("t.csv", csv, &options()).unwrap().detection(),
            expected
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn objects_read_back_as_they_were_written(
            texts in prop::collection::vec(("[a\"\\\\\n\r{},é\u{a0}😀\u{2028}\0]{0,8}", any::<Option<bool>>()), 1..8),
        ) {
            let lines: String = texts
                .iter()
                .map(|(text, a)| serde_json::json!({"text": text, "a": a, "b": 1}).to_string() + "\n")
                .collect();
            let table = table("t.jsonl", &lines, &with_labels("a")).unwrap();
            let cell = |a: Option<bool>| match a {
                Some(true) => Cell::Yes,
                Some(false) => Cell::No,
                None => Cell::Unknown,
            };
            prop_assert_eq!(table.rows.len(), texts.len());
            for (row, (text, a)) in table.rows.iter().zip(&texts) {
                prop_assert_eq!(&row.text, text);
                prop_assert_eq!(&row.cells, &vec![cell(*a)]);
            }
        }
    }
}
