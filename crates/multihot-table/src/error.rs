//! What can be wrong with a table, and the way out.

use std::io;
use std::path::{Path, PathBuf};

use crate::cells::WORDS;
use crate::encoding::Malformed;
use crate::format::{ENDINGS, FORMATS, Format};
use crate::labels::LabelFormat;
use crate::names::{argument, in_shell, list, nearest, nearest_path, shown};

/// A longer cell is a name or a text, and no mark for yes or no such as `x`.
const CHARACTERS_OF_A_MARK: usize = 3;

/// A cell of a would-be label column that is no yes/no word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCell {
    /// The line of the file its record starts on.
    pub line: u64,
    /// The file, where the table is several.
    pub file: Option<String>,
    /// What it holds.
    pub found: String,
}

/// What is wrong with a table. [`TableError::hint`] says what to do about it.
///
/// `source_name` is the file, or `standard input`.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum TableError {
    /// The file is not there, or may not be read.
    #[error("cannot open `{source_name}`: {error}")]
    Open {
        source_name: String,
        error: io::Error,
    },

    /// Reading stopped half way.
    #[error("{source_name}: reading stopped at line {line}: {error}")]
    Read {
        source_name: String,
        line: u64,
        error: io::Error,
    },

    /// A file whose ending names no format.
    #[error("`{}` ends in none of {ENDINGS}, which are the tables that are read", path.display())]
    UnknownEnding { path: PathBuf },

    /// A file that is recognised, and is no table that is read.
    #[error("{source_name} is {found}")]
    NotATable {
        source_name: String,
        found: &'static str,
        advice: &'static str,
    },

    /// A pattern that no name of a file matches.
    #[error("no file matches `{pattern}`")]
    NoMatch { pattern: String },

    /// A pattern that cannot be read.
    #[error("`{pattern}` is no pattern of file names: {problem}")]
    BadPattern { pattern: String, problem: String },

    /// Standard input as one of several tables.
    #[error("standard input cannot be read together with other tables")]
    StdinAmongOthers,

    /// Two files of one table with other columns.
    #[error("{source_name}: no column {}, which {other} has", list(missing))]
    OtherColumns {
        source_name: String,
        other: String,
        missing: Vec<String>,
    },

    /// Two files of one table, one with cells and one with objects.
    #[error("{source_name} holds {found}, {other} {expected}: they are no one table")]
    OtherKind {
        source_name: String,
        other: String,
        found: &'static str,
        expected: &'static str,
    },

    /// A table that would have to be held in memory, and is too large.
    #[error("{source_name} is larger than {} MB, the most that is held of a table that is not read in order", limit >> 20)]
    TooLargeToHold { source_name: String, limit: usize },

    /// A file that cannot be what it should be, or is damaged.
    #[error("{source_name}: {problem}")]
    Damaged {
        source_name: String,
        problem: String,
    },

    /// A row that cannot be read where rows have no lines.
    #[error("{source_name}: row {row}: {problem}")]
    BadRow {
        source_name: String,
        row: u64,
        problem: String,
    },

    /// JSON that is no table.
    #[error("{source_name}:{line}: {problem}")]
    BadJson {
        source_name: String,
        line: u64,
        problem: String,
    },

    /// A sheet that a workbook does not have.
    #[error(
        "{source_name}: no sheet `{}`; there are {}",
        shown(sheet),
        list(sheets)
    )]
    NoSheet {
        source_name: String,
        sheet: String,
        sheets: Vec<String>,
    },

    /// No byte that says anything.
    #[error("{source_name} is empty")]
    Empty { source_name: String },

    /// A header and nothing else.
    #[error("{source_name} has a header but no rows")]
    NoRows { source_name: String },

    /// Bytes that are not UTF-8.
    #[error("{source_name}:{line}: the text is not valid UTF-8")]
    NotUtf8 { source_name: String, line: u64 },

    /// Bytes that are no characters in an encoding that was given or found.
    #[error("{source_name}:{line}: the bytes there are no {encoding}")]
    BadEncoding {
        source_name: String,
        line: u64,
        encoding: &'static str,
    },

    /// A record larger than any text.
    #[error("{source_name}:{line}: the record is larger than {} MB, the most that is read", limit >> 20)]
    TooLarge {
        source_name: String,
        line: u64,
        limit: usize,
    },

    /// A record with more or fewer cells than the one that says how many there are.
    #[error("{source_name}:{line}: {first} has {expected} columns, this record has {found}")]
    Uneven {
        source_name: String,
        line: u64,
        /// The header, or the first record where there is none.
        first: &'static str,
        expected: usize,
        found: usize,
        advice: String,
    },

    /// A quote that is opened and never closed.
    #[error("{source_name}:{line}: a quote is opened in this record and never closed")]
    OpenQuote { source_name: String, line: u64 },

    /// A cell of several lines that goes on after its closing quote.
    #[error(
        "{source_name}:{line}: a quote opens a cell here and one in line {closing_line} closes it, \
         but the cell goes on"
    )]
    StrayQuote {
        source_name: String,
        line: u64,
        closing_line: u64,
    },

    /// A line that has to be a JSON object and is not.
    #[error("{source_name}:{line}: not a JSON object: {problem}")]
    NotAnObject {
        source_name: String,
        line: u64,
        problem: String,
        may_be_text: bool,
    },

    /// Two columns, or two keys of an object, with one name.
    #[error("{source_name}:{line}: column `{}` is there twice", shown(column))]
    NamedTwice {
        source_name: String,
        line: u64,
        column: String,
    },

    /// No text column in the header, or no text in an object.
    #[error(
        "{source_name}:{line}: no column `{}`; there are {}",
        shown(text),
        list(columns)
    )]
    NoText {
        source_name: String,
        line: u64,
        text: String,
        columns: Vec<String>,
        /// Whether it is the column of second texts.
        is_pair: bool,
        /// Whether the columns are those of a header.
        has_cells: bool,
    },

    /// A text that is a number, a list, an object.
    #[error(
        "{source_name}:{line}: the text in `{}` is not a string but `{}`",
        shown(text),
        shown(found)
    )]
    TextNotAString {
        source_name: String,
        line: u64,
        text: String,
        found: String,
    },

    /// A document whose text stands in a file of its own that is not there.
    #[error(
        "{source_name}:{line}: the text stands in `{}`, {problem}",
        shown(location)
    )]
    NoDocument {
        source_name: String,
        line: u64,
        location: String,
        problem: String,
    },

    /// Columns that an option or a model names and the table does not have.
    #[error(
        "{source_name}: no column {}; there are {}",
        list(missing),
        list(columns)
    )]
    NoSuchColumn {
        source_name: String,
        missing: Vec<String>,
        columns: Vec<String>,
    },

    /// One column in two roles.
    #[error("column `{}` cannot be {first} and {second}", shown(column))]
    TwoRoles {
        column: String,
        first: &'static str,
        second: &'static str,
    },

    /// No column of yes/no words.
    #[error("{source_name}: no label column; {}", holding(columns))]
    NoLabels {
        source_name: String,
        columns: Vec<(String, Option<BadCell>)>,
        lists: Option<String>,
    },

    /// A column that is nearly a label.
    #[error(
        "{source_name}: column `{}` holds yes/no words in {words} of {known} cells, but {}",
        shown(column),
        cells(bad, *known - *words)
    )]
    NearlyALabel {
        source_name: String,
        column: String,
        words: u64,
        known: u64,
        bad: Vec<BadCell>,
    },

    /// A label cell that is neither yes, no nor unknown.
    #[error(
        "{source_name}:{line}: column `{}` holds `{}`, which is neither yes nor no",
        shown(column),
        shown(found)
    )]
    BadLabel {
        source_name: String,
        line: u64,
        column: String,
        found: String,
    },

    /// A cell of a label column, as a list or the like, that cannot be read.
    #[error(
        "{source_name}:{line}: column `{}` holds `{}`, which cannot be read as {}: {problem}",
        shown(column),
        shown(found),
        format.described()
    )]
    BadList {
        source_name: String,
        line: u64,
        column: String,
        found: Box<str>,
        format: LabelFormat,
        problem: Box<str>,
    },

    /// A record of an annotation tool that cannot be read.
    #[error("{source_name}:{line}: no {}: {problem}", format.described())]
    BadRecord {
        source_name: String,
        line: u64,
        format: LabelFormat,
        problem: String,
    },

    /// An export with several questions, or without the one that was asked for.
    #[error(
        "{source_name}: which question has the labels? There are {}",
        list(questions)
    )]
    SeveralQuestions {
        source_name: String,
        questions: Vec<String>,
    },

    /// Several columns that may hold the labels.
    #[error("{source_name}: labels may stand in {}", places_in_words(places))]
    SeveralPlaces {
        source_name: String,
        places: Vec<(String, LabelFormat)>,
    },

    /// A format of labels that was asked for and is not there.
    #[error(
        "{source_name}: no {} found; the other columns are {}",
        format.described(),
        list(columns)
    )]
    NoLabelsOfFormat {
        source_name: String,
        format: LabelFormat,
        columns: Vec<String>,
    },

    /// A number between 0 and 1 where nobody said that such are targets.
    #[error(
        "{source_name}:{line}: column `{}` holds `{}`: is it a label with chances in place of yes and no?",
        shown(column),
        shown(found)
    )]
    SoftTargets {
        source_name: String,
        line: u64,
        column: String,
        found: String,
    },

    /// A name that is none of those that were given.
    #[error(
        "{source_name}:{line}: column `{}` names `{}`; labels are {}",
        shown(column),
        shown(found),
        list(names)
    )]
    UnknownLabel {
        source_name: String,
        line: u64,
        column: String,
        found: Box<str>,
        names: Box<[String]>,
    },

    /// A table with other labels than those that are asked about.
    #[error(
        "{source_name}: none of the labels {} occurs in `{}`, which has {}",
        list(expected),
        shown(column),
        list(found)
    )]
    OtherLabels {
        source_name: String,
        column: String,
        expected: Box<[String]>,
        found: Box<[String]>,
    },

    /// More cells than fit.
    #[error("{source_name}: {labels} labels in {rows} rows are more cells than are read")]
    TooManyLabels {
        source_name: String,
        labels: usize,
        rows: usize,
    },

    /// A word with two meanings.
    #[error("`{}` stands in `{first}` and in `{second}`", shown(word))]
    WordTwice {
        word: String,
        first: &'static str,
        second: &'static str,
    },

    /// A file of label names that cannot be read.
    #[error("{}: {problem}", path.display())]
    LabelNames { path: PathBuf, problem: String },

    /// Names of labels that cannot be.
    #[error("labels called {}: {problem}", list(names))]
    BadNames {
        names: Box<[String]>,
        problem: String,
    },

    /// Nothing that is to stand between names.
    #[error("the delimiter of labels is empty")]
    NoDelimiter,

    /// A weight that is no number from 0 up.
    #[error(
        "{source_name}:{line}: the weight in `{}` is `{}`; expected a number from 0 up",
        shown(column),
        shown(found)
    )]
    BadWeight {
        source_name: String,
        line: u64,
        column: String,
        found: String,
    },

    /// Columns that scored rows need.
    #[error(
        "{source_name}: no column {}; there are {}",
        list(missing),
        list(columns)
    )]
    NoScores {
        source_name: String,
        missing: Vec<String>,
        columns: Vec<String>,
    },

    /// A logit that is no number.
    #[error(
        "{source_name}:{line}: column `{}` holds `{}`; expected a finite number",
        shown(column),
        shown(found)
    )]
    BadLogit {
        source_name: String,
        line: u64,
        column: String,
        found: String,
    },

    /// An input column named like a column that predictions add.
    #[error(
        "the table already has a column `{}`, which predictions would add",
        shown(column)
    )]
    Collision { column: String },

    /// A text that is too long for Excel. `place` is a line of the table, or its header.
    #[error(
        "{place}: column `{}` holds {length} characters; a cell of Excel takes {limit}",
        shown(column)
    )]
    ExcelCell {
        place: String,
        column: String,
        length: usize,
        limit: usize,
    },

    /// More rows than a sheet of Excel has.
    #[error("the table has more than {limit} rows, the most that a sheet of Excel takes")]
    ExcelRows { limit: u32 },

    /// More columns than a sheet of Excel has.
    #[error("the predictions have {columns} columns; a sheet of Excel takes {limit}")]
    ExcelColumns { columns: usize, limit: usize },

    /// Predictions that would go on where they cannot.
    #[error("a file of {format} is written whole: it cannot be gone on with")]
    WrittenWhole { format: Format },

    /// Predictions that could not be written.
    #[error("cannot write the predictions: {0}")]
    Write(#[source] io::Error),
}

impl TableError {
    /// The source and the line that it is about, where it is found out after the row was read.
    pub(crate) fn place_mut(&mut self) -> Option<(&mut String, &mut u64)> {
        match self {
            Self::BadLabel {
                source_name, line, ..
            }
            | Self::BadList {
                source_name, line, ..
            }
            | Self::BadRecord {
                source_name, line, ..
            }
            | Self::SoftTargets {
                source_name, line, ..
            }
            | Self::UnknownLabel {
                source_name, line, ..
            } => Some((source_name, line)),
            _ => None,
        }
    }

    /// The cells that it shows.
    pub(crate) fn cells_mut(&mut self) -> &mut [BadCell] {
        match self {
            Self::NearlyALabel { bad, .. } => bad,
            _ => &mut [],
        }
    }

    /// What to do about it, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        self.hint_on_the_file()
            .or_else(|| self.hint_on_columns())
            .or_else(|| self.hint_on_labels())
    }

    /// What to do about a file that cannot be read or written.
    fn hint_on_the_file(&self) -> Option<String> {
        match self {
            Self::UnknownEnding { .. } => Some(
                format!("to read it anyway, say how it is written, such as `--input-format csv`; there are {FORMATS}"),
            ),
            Self::Open { source_name, error } => unopened_hint(Path::new(source_name), error),
            Self::NotATable { advice, .. } => Some((*advice).into()),
            Self::NoMatch { .. } => Some("`*` stands for any part of a name, `**` for any folders".into()),
            Self::OtherColumns { .. } => Some("files that are one table have the same columns, in any order".into()),
            Self::NotUtf8 { .. } => Some(
                "save the table as UTF-8, or say how it is encoded, such as `--encoding windows-1252`".into(),
            ),
            Self::BadEncoding { .. } => {
                Some("name another encoding with `--encoding`, such as `utf-8` or `windows-1252`".into())
            }
            Self::TooLargeToHold { .. } => Some("unpack it into a file, or write it as .csv or .jsonl".into()),
            Self::NoSheet { sheet, sheets, .. } => nearest(sheet, sheets)
                .map(|name| format!("did you mean `--sheet {}`?", argument(&name, "NAME"))),
            Self::TooLarge { .. } => Some("is a closing quote or a line end missing?".into()),
            Self::NoDocument { .. } => Some(
                "put the files of the documents beside the table, as their `location` says".into(),
            ),
            Self::Uneven { advice, .. } => Some(advice.clone()),
            Self::OpenQuote { .. } => {
                Some("a quote inside a quoted cell is written twice".into())
            }
            Self::StrayQuote { .. } => Some(
                "a text with a quote in it stands in quotes as a whole, and each of its own is written twice, such as `\"\"\"no\"\" is no\"`".into(),
            ),
            Self::NotAnObject { may_be_text: true, .. } => Some(
                "on standard input a line starting with `{` is a JSON object; `--input-format lines` reads every line as a text".into(),
            ),
            Self::Collision { .. } => {
                Some("rename that column, or write JSON lines with `--format jsonl`".into())
            }
            Self::ExcelCell { .. } | Self::ExcelRows { .. } | Self::ExcelColumns { .. } => Some(
                "write to a file that ends in .csv or .parquet, which have no such limit".into(),
            ),
            _ => None,
        }
    }

    /// What to do about columns that are missing or asked for twice.
    fn hint_on_columns(&self) -> Option<String> {
        match self {
            Self::NamedTwice { .. } => Some("rename one of the two".into()),
            Self::NoText { text, columns, is_pair, has_cells, .. } => {
                Some(no_text_hint(text, columns, *is_pair, *has_cells))
            }
            Self::NoSuchColumn { missing, columns, .. } => missing
                .iter()
                .find_map(|name| nearest(name, columns))
                .map(|name| format!("did you mean `{}`?", shown(&name))),
            Self::NoScores { .. } => Some(
                "such a file is what `multihot predict MODEL TABLE --logits --output SCORES.csv` writes for a table with answers".into(),
            ),
            Self::BadLogit { .. } => Some(
                "score the table again: `multihot predict MODEL TABLE --logits --output SCORES.csv`".into(),
            ),
            Self::TwoRoles { second: "the group", .. } => {
                Some("rows that answer a label alike are no group: take another column".into())
            }
            Self::TwoRoles { .. } => {
                Some("`--text`, `--text-pair`, `--id`, `--labels` and `--ignore` each take their own columns".into())
            }
            Self::BadWeight { .. } => {
                Some("a row of weight 2 counts as two rows; one of weight 0 is left out".into())
            }
            _ => None,
        }
    }

    /// What to do about answers that cannot be read.
    fn hint_on_labels(&self) -> Option<String> {
        match self {
            Self::NoLabels { lists: Some(column), .. } => Some(format!(
                "`{}` holds lists: `--labels {}` reads labels there",
                shown(column),
                argument(column, "COLUMN"),
            )),
            Self::NoLabels { columns, .. } => Some(no_labels_hint(columns)),
            Self::NearlyALabel { column, bad, .. } => Some(format!(
                "correct these cells, or say what they mean with `--yes {word}`, `--no {word}` or `--unknown {word}`, or pass `--ignore {column}`, or name all the labels with `--labels`",
                word = bad.first().map_or("WORD".into(), |cell| argument(&cell.found, "WORD")),
                column = argument(column, "COLUMN"),
            )),
            Self::BadLabel { found, .. } => Some(format!(
                "to read `{}` as yes, pass `--yes {}`, and so with `--no` and `--unknown`; the words are {WORDS}; blank (unless `--no ''`), NA, N/A, NaN, null, ? and -1 are unknown",
                shown(found),
                argument(found, "WORD"),
            )),
            Self::BadList { format: LabelFormat::Names | LabelFormat::Ids | LabelFormat::MultiHot | LabelFormat::Cats, .. } => Some(
                "lists are read as JSON and Python write them, such as `[\"a\", \"b\"]`; `--label-format` says how cells are meant".into(),
            ),
            Self::BadList { .. } | Self::BadRecord { .. } | Self::NoLabelsOfFormat { .. } => Some(
                "`--labels COLUMN` says where the labels are, `--label-format` how they are written".into(),
            ),
            Self::SeveralQuestions { questions, .. } => {
                let example = questions.first().map_or("QUESTION", |name| name);
                Some(format!("name it, such as `--labels {}`", argument(example, "QUESTION")))
            }
            Self::SeveralPlaces { places, .. } => {
                let example = places.first().map_or("COLUMN", |(name, _)| name);
                Some(format!(
                    "say where with `--labels`, such as `--labels {}`, or leave columns out with `--ignore`",
                    argument(example, "COLUMN")
                ))
            }
            Self::SoftTargets { column, .. } => Some(format!(
                "`--soft-targets` trains toward such numbers; `--ignore {}` leaves the column out",
                argument(column, "COLUMN")
            )),
            Self::UnknownLabel { found, names, .. } => nearest(found, names)
                .map(|name| format!("did you mean `{}`?", shown(&name))),
            Self::OtherLabels { expected, found, .. } => found
                .iter()
                .find_map(|name| Some((name, nearest(name, expected)?)))
                .map(|(name, label)| {
                    format!("is `{}` meant as `{}`?", shown(name), shown(&label))
                })
                .or_else(|| Some("`--labels COLUMN` says where the labels are".into())),
            Self::TooManyLabels { .. } => {
                Some("are they texts? `--labels COLUMN` says where the labels are".into())
            }
            Self::WordTwice { .. } => Some("a word has one meaning".into()),
            Self::LabelNames { .. } => Some(
                "a file of names has one a line, or `id,name`, or in JSON a list".into(),
            ),
            Self::BadNames { .. } => Some("each label has a name of its own".into()),
            Self::NoDelimiter => Some(
                "`--label-delimiter ';'` says what stands between names; without it the cells show it".into(),
            ),
            _ => None,
        }
    }
}

fn no_labels_hint(columns: &[(String, Option<BadCell>)]) -> String {
    let name = columns.first().map_or("COLUMN", |(name, _)| name);
    let mut hint = format!(
        "a label's cells hold yes/no words ({WORDS}) or nothing; name such columns with `--labels a,b`, or with `--labels {}` one that holds names or lists of them",
        argument(name, "COLUMN")
    );
    let found = columns
        .iter()
        .find_map(|(_, cell)| Some(&cell.as_ref()?.found));
    if let Some(word) = found.filter(|word| word.chars().count() <= CHARACTERS_OF_A_MARK) {
        hint += &format!(
            "; where `{}` is a yes or a no, say so with `--yes {}` or `--no`, and with `--no ''` where blank cells are a no",
            shown(word),
            argument(word, "WORD")
        );
    }
    hint
}

fn places_in_words(places: &[(String, LabelFormat)]) -> String {
    /// Columns that are named; more would bury the message.
    const NAMED: usize = 4;
    let named = places.iter().take(NAMED);
    let named = named.map(|(name, format)| match format {
        LabelFormat::Columns => format!("`{}` (yes/no words)", shown(name)),
        format => format!("`{}` ({})", shown(name), format.described()),
    });
    let mut parts: Vec<String> = named.collect();
    if places.len() > NAMED {
        parts.push(format!("{} more", places.len() - NAMED));
    }
    let last = parts.pop().unwrap_or_default();
    format!("{} or in {last}", parts.join(", "))
}

/// Reading that stopped at `line`, and why.
pub(crate) fn stopped(source_name: &str, line: u64, error: io::Error) -> TableError {
    let source_name = source_name.to_owned();
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(Malformed(encoding)) => TableError::BadEncoding {
            source_name,
            line,
            encoding,
        },
        None => TableError::Read {
            source_name,
            line,
            error,
        },
    }
}

/// What may be meant by a name that cannot be opened.
fn unopened_hint(path: &Path, error: &io::Error) -> Option<String> {
    if path.is_dir() {
        let pattern = path.join("*.csv");
        let pattern = in_shell(&pattern.display().to_string());
        return Some(format!(
            "a folder is no table; all tables in it are {pattern}"
        ));
    }
    if error.kind() != io::ErrorKind::NotFound {
        return None;
    }
    let near = nearest_path(path, |_| true)?;
    Some(format!("did you mean `{}`?", near.display()))
}

fn no_text_hint(text: &str, columns: &[String], is_pair: bool, has_cells: bool) -> String {
    if let [only] = columns
        && has_cells
        && let Some(separator) = [';', '\t', '|'].into_iter().find(|c| only.contains(*c))
    {
        let separator = if separator == '\t' {
            "tab".into()
        } else {
            format!("'{separator}'")
        };
        return format!("the header looks separated by something else: `--delimiter {separator}`");
    }
    let column = nearest(text, columns).unwrap_or_else(|| "COLUMN".into());
    let (texts, option) = match is_pair {
        true => ("second texts", "--text-pair"),
        false => ("texts", "--text"),
    };
    let mut hint = format!(
        "name the column that holds the {texts}: `{option} {}`",
        argument(&column, "COLUMN")
    );
    if let Some(place) = sentence(columns).filter(|_| has_cells && !is_pair) {
        hint += &format!("; or is the first row one like the others? `--no-header --text {place}`");
    }
    hint
}

/// The number of the column whose name is the longest sentence, where one is.
fn sentence(columns: &[String]) -> Option<usize> {
    /// A name rarely has as many, though a question may.
    const WORDS_OF_A_SENTENCE: usize = 5;
    let words = |name: &String| name.split_whitespace().count();
    let longest = (0..columns.len()).max_by_key(|&place| words(&columns[place]))?;
    (words(&columns[longest]) >= WORDS_OF_A_SENTENCE).then_some(longest + 1)
}

fn holding(columns: &[(String, Option<BadCell>)]) -> String {
    /// Columns that get an example; more would bury the message.
    const EXAMPLES: usize = 8;
    if columns.is_empty() {
        return "there is no column besides text and id".into();
    }
    let mut parts: Vec<String> = columns
        .iter()
        .take(EXAMPLES)
        .map(|(name, cell)| match cell {
            Some(cell) => format!("`{}` holds `{}`", shown(name), shown(&cell.found)),
            None => format!("`{}` holds no word", shown(name)),
        })
        .collect();
    if columns.len() > EXAMPLES {
        parts.push(format!("and {} more", columns.len() - EXAMPLES));
    }
    parts.join(", ")
}

fn cells(bad: &[BadCell], total: u64) -> String {
    let mut parts: Vec<String> = bad
        .iter()
        .map(|cell| match &cell.file {
            Some(file) => format!("`{}` at {file}:{}", shown(&cell.found), cell.line),
            None => format!("`{}` at line {}", shown(&cell.found), cell.line),
        })
        .collect();
    let more = total - bad.len() as u64;
    if more > 0 {
        parts.push(format!("and {more} more"));
    }
    parts.join(", ")
}
