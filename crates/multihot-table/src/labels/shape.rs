//! What the labels of a table are and where they stand, and what each row says about them.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::listed::{Listed, Names, are_lists, whole};
use super::{LabelFormat, LabelOptions, LabelReading, delimited, names};
use crate::cells::{Cell, Target};
use crate::columns::{Column, Columns, Records};
use crate::contents::{Content, Contents};
use crate::error::{BadCell, TableError};
use crate::names::{counted, list, nearest, shown};

/// A column that nobody named, with one name a cell, is a column of labels when it has at most so
/// many names, or each stands in several rows.
const FEW_NAMES: usize = 50;
const ROWS_A_NAME: usize = 4;
/// Cells of a table are held in memory.
const MOST_CELLS: usize = 1 << 31;
/// Whole numbers beyond it are rounded.
const MOST_ID: f64 = 9e15;

/// The labels of a table.
pub(crate) struct Labels {
    pub(crate) names: Vec<String>,
    pub(crate) reading: LabelReading,
    /// Columns that are labels or hold them.
    pub(crate) columns: Vec<String>,
    /// What a person should know, a sentence each.
    pub(crate) notes: Vec<String>,
    rows: Rows,
}

/// Where a row's answers are.
enum Rows {
    /// In these columns, in the order of the labels.
    Columns(Vec<usize>),
    /// In the column of this name, or in whole records: those of each different content.
    Contents {
        column: Option<String>,
        answers: Vec<Answers>,
        blank: Answers,
    },
}

/// What a row says about each label.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answers {
    pub(crate) cells: Vec<Cell>,
    /// The chance of a yes, where one of them is neither 0 nor 1.
    pub(crate) targets: Option<Vec<f32>>,
}

impl Answers {
    fn of(targets: &[Target]) -> Self {
        let is_soft = targets.iter().any(|target| target.is_share());
        Self {
            cells: targets.iter().map(|target| target.cell()).collect(),
            targets: is_soft.then(|| targets.iter().map(|target| target.share()).collect()),
        }
    }
}

/// Finds the labels by the cells and by what was asked for.
pub(crate) fn find(columns: &Columns<'_>) -> Result<Labels, TableError> {
    let finder = Finder {
        columns,
        asked: &columns.options.label_options,
    };
    finder.check()?;
    let mut labels = match finder.place()? {
        Place::Columns(names) => finder.of_columns(finder.in_expected_order(names)?),
        Place::Records(records) => finder.of_records(records)?,
        Place::Column(column, format) => finder.of_column(column, format)?,
    };
    let n_cells = labels.names.len().saturating_mul(columns.n_rows());
    if n_cells > MOST_CELLS {
        return Err(TableError::TooManyLabels {
            source_name: finder.source_name(),
            labels: labels.names.len(),
            rows: columns.n_rows(),
        });
    }
    labels.notes.extend(finder.notes_on_other_columns(&labels));
    Ok(labels)
}

impl Labels {
    /// Those of a table that has none, with what may be done about it.
    pub(crate) fn none(notes: Vec<String>) -> Self {
        Self {
            names: Vec::new(),
            reading: LabelReading::default(),
            columns: Vec::new(),
            notes,
            rows: Rows::Columns(Vec::new()),
        }
    }

    /// What row number `row` of `columns` says.
    pub(crate) fn answers(&self, columns: &Columns<'_>, row: usize) -> Answers {
        match &self.rows {
            Rows::Columns(places) => {
                let target = |&place: &usize| {
                    let column = columns.at(place);
                    let share = column.share(row).map(Target::Share);
                    share.unwrap_or(Target::Cell(column.cell(row)))
                };
                Answers::of(&places.iter().map(target).collect::<Vec<_>>())
            }
            Rows::Contents {
                column,
                answers,
                blank,
            } => {
                let contents = match column {
                    Some(name) => columns.get(name).map(|column| &column.contents),
                    None => columns.records.as_ref().map(|records| &records.contents),
                };
                let place = contents.and_then(|contents| contents.of_row(row));
                place.map_or(blank, |place| &answers[place]).clone()
            }
        }
    }
}

/// Where labels stand.
enum Place<'a> {
    Columns(Vec<String>),
    Records(&'a Records),
    Column(&'a Column, LabelFormat),
}

struct Finder<'a> {
    columns: &'a Columns<'a>,
    asked: &'a LabelOptions,
}

impl<'a> Finder<'a> {
    fn source_name(&self) -> String {
        self.columns.source_name.to_owned()
    }

    fn remembered(&self) -> Option<&'a LabelReading> {
        self.asked.remembered.as_ref()
    }

    /// That what was asked for can be.
    fn check(&self) -> Result<(), TableError> {
        if self.asked.delimiter.as_deref() == Some("") {
            return Err(TableError::NoDelimiter);
        }
        let given = [self.names(), self.asked.expected.as_deref()];
        for names in given.into_iter().flatten() {
            names::check(names).map_err(|problem| TableError::BadNames {
                names: names.into(),
                problem,
            })?;
        }
        Ok(())
    }

    fn place(&self) -> Result<Place<'a>, TableError> {
        match (&self.columns.options.labels, self.asked.format) {
            (Some(labels), format) => self.named_place(labels, format),
            (None, Some(format)) => self.place_of_format(format),
            (None, None) => self.found_place(),
        }
    }

    /// Where labels stand that `--labels` names.
    fn named_place(
        &self,
        labels: &[String],
        format: Option<LabelFormat>,
    ) -> Result<Place<'a>, TableError> {
        let records = self.columns.records.as_ref();
        let asks_records = |records: &&Records| {
            format == Some(records.export.format)
                || matches!(records.export.question(), Ok(Some(_)))
        };
        if let Some(records) = records.filter(asks_records) {
            return Ok(Place::Records(records));
        }
        self.require(labels)?;
        let column = match labels {
            [only] if format != Some(LabelFormat::Columns) => self.columns.get(only),
            _ => None,
        };
        match (column, format) {
            (Some(column), Some(format)) if !format.is_export() => {
                Ok(Place::Column(column, format))
            }
            (Some(column), None) => Ok(match self.format_of_named(column) {
                LabelFormat::Columns => Place::Columns(self.clean(labels, true)?),
                format => Place::Column(column, format),
            }),
            (_, None | Some(LabelFormat::Columns)) => Ok(Place::Columns(self.clean(labels, true)?)),
            (_, Some(format)) => Err(self.not_there(format)),
        }
    }

    /// How a column is written that is said to hold the labels, or to be one.
    fn format_of_named(&self, column: &Column) -> LabelFormat {
        let contents = column.contents.different();
        let is_ids = |text: &str| {
            text.chars()
                .all(|c| c.is_ascii_digit() || ",;| \t".contains(c))
        };
        if column.n_bad == 0 {
            LabelFormat::Columns
        } else if self.are_lists(contents) {
            self.format_of_lists(contents).unwrap_or(LabelFormat::Names)
        } else if !self.has_words(column) || contents.iter().all(|content| is_ids(&content.text)) {
            LabelFormat::Delimited
        } else {
            // `maybe` among yes and no is more likely a slip than a label beside labels `1` and `0`.
            LabelFormat::Columns
        }
    }

    /// Whether a column holds words for yes and no. A person's own word for no alone, such as
    /// `--no nothing`, may as well stand among names.
    fn has_words(&self, column: &Column) -> bool {
        let words = self.columns.words();
        let is_word = |content: &Content| match words.own(&content.text) {
            Some(cell) => cell == Cell::Yes,
            None => matches!(Cell::from_text(&content.text), Some(Cell::Yes | Cell::No)),
        };
        let contents = column.contents.different();
        column.n_words > 0 && (contents.is_empty() || contents.iter().any(is_word))
    }

    /// Where labels stand that are written in a format which was asked for.
    fn place_of_format(&self, format: LabelFormat) -> Result<Place<'a>, TableError> {
        if format == LabelFormat::Columns {
            return match &self.asked.expected {
                Some(expected) => {
                    self.require(expected)?;
                    Ok(Place::Columns(self.clean(expected, self.takes_shares())?))
                }
                None => match self.yes_no_columns()? {
                    labels if labels.is_empty() => Err(self.no_labels()),
                    labels => Ok(Place::Columns(labels)),
                },
            };
        }
        if format.is_export() || format == LabelFormat::Fasttext {
            let records = self.columns.records.as_ref();
            let records = records.filter(|records| records.export.format == format);
            return records
                .map(Place::Records)
                .ok_or_else(|| self.not_there(format));
        }
        if let Some((column, _)) = self.remembered_column() {
            return Ok(Place::Column(column, format));
        }
        let wants_lists = format != LabelFormat::Delimited;
        let fits = |column: &&Column| {
            let contents = column.contents.different();
            let is_of_format = !contents.is_empty() && self.are_lists(contents) == wants_lists;
            column.is_called_labels() && is_of_format
        };
        let mut candidates = self.columns.candidates().filter(fits);
        match (candidates.next(), candidates.next()) {
            (Some(column), None) => Ok(Place::Column(column, format)),
            (Some(column), Some(other)) => Err(self.several([(column, format), (other, format)])),
            (None, _) => Err(self.not_there(format)),
        }
    }

    /// The label columns `names`, or where labels are expected, these, which have to be among them.
    fn in_expected_order(&self, names: Vec<String>) -> Result<Vec<String>, TableError> {
        let Some(expected) = &self.asked.expected else {
            return Ok(names);
        };
        let is_missing = |label: &&String| !names.contains(label);
        let missing: Vec<String> = expected.iter().filter(is_missing).cloned().collect();
        if missing.is_empty() {
            return Ok(expected.clone());
        }
        Err(TableError::NoSuchColumn {
            source_name: self.source_name(),
            missing,
            columns: names,
        })
    }

    fn remembered_column(&self) -> Option<(&'a Column, LabelFormat)> {
        let reading = self.remembered()?;
        let column = self.columns.get(reading.column.as_deref()?)?;
        let is_there = column.may_be_label && !reading.format.is_export();
        is_there.then_some((column, reading.format))
    }

    /// Where labels stand that nobody said anything about.
    fn found_place(&self) -> Result<Place<'a>, TableError> {
        if let Some(expected) = &self.asked.expected
            && expected
                .iter()
                .all(|label| self.columns.get(label).is_some())
        {
            return Ok(Place::Columns(self.clean(expected, self.takes_shares())?));
        }
        if let Some(records) = &self.columns.records {
            return Ok(Place::Records(records));
        }
        if let Some((column, format)) = self.remembered_column() {
            return Ok(Place::Column(column, format));
        }
        let lists: Vec<_> = self
            .columns
            .candidates()
            .filter_map(|column| self.judge(column))
            .collect();
        if let Some(expected) = &self.asked.expected {
            return match lists.as_slice() {
                [(column, format)] => Ok(Place::Column(column, *format)),
                // Says which are missing.
                _ => self
                    .require(expected)
                    .map(|()| Place::Columns(expected.clone())),
            };
        }
        let labels = self.yes_no_columns()?;
        if !labels.is_empty() {
            let sure = lists
                .into_iter()
                .find(|(column, _)| column.is_surely_called_labels());
            return match sure {
                None => Ok(Place::Columns(labels)),
                Some(sure) => Err(self.two_ways(sure, labels)),
            };
        }
        let structured = |(_, format): &&(&Column, LabelFormat)| *format != LabelFormat::Delimited;
        let best: Vec<_> = lists.iter().filter(structured).collect();
        match (best.as_slice(), lists.as_slice()) {
            ([(column, format)], _) | ([], [(column, format)]) => {
                Ok(Place::Column(column, *format))
            }
            (_, []) => Err(self.no_labels()),
            _ => Err(self.several(lists)),
        }
    }

    /// The format of a column that is called as labels are and whose cells can be read as such.
    fn judge(&self, column: &'a Column) -> Option<(&'a Column, LabelFormat)> {
        let contents = column.contents.different();
        if !column.is_called_labels() || contents.is_empty() || column.n_bad == 0 {
            return None;
        }
        let format = if self.are_lists(contents) {
            self.format_of_lists(contents)?
        } else {
            let is_few = self.names_of_delimited(contents);
            is_few.then_some(LabelFormat::Delimited)?
        };
        Some((column, format))
    }

    /// Whether cells with names in them have few enough of them to be labels.
    fn names_of_delimited(&self, contents: &[Content]) -> bool {
        let words = self.columns.words();
        let delimiter = self.delimiter(contents);
        let mut names = HashSet::new();
        for content in contents {
            if let Listed::Names(found) =
                delimited::read(&content.text, delimiter.as_deref(), words)
            {
                names.extend(found.yes);
            }
        }
        let n_rows: usize = contents.iter().map(|content| content.n_rows).sum();
        !names.is_empty() && (names.len() <= FEW_NAMES || names.len() * ROWS_A_NAME <= n_rows)
    }

    fn are_lists(&self, contents: &[Content]) -> bool {
        let cells = contents.iter().map(|content| &*content.text);
        are_lists(cells, self.columns.words())
    }

    /// The format of lists, where there are some and all can be read.
    fn format_of_lists(&self, contents: &[Content]) -> Option<LabelFormat> {
        if !self.are_lists(contents) {
            return None;
        }
        let words = self.columns.words();
        let listed = contents
            .iter()
            .map(|content| Listed::parse_or_name(&content.text, words));
        let listed: Vec<Listed> = listed.collect::<Result<_, _>>().ok()?;
        let listed: Vec<&Listed> = listed
            .iter()
            .filter(|listed| !matches!(listed, Listed::Unknown))
            .collect();
        let any = |is: fn(&Listed) -> bool| listed.iter().any(|listed| is(listed));
        let (names, cats) = (
            any(|listed| matches!(listed, Listed::Names(names) if names.all().next().is_some())),
            any(|listed| matches!(listed, Listed::Each(_))),
        );
        let numbers = any(|listed| matches!(listed, Listed::Numbers(_)));
        match (names, cats, numbers) {
            (_, true, false) if !names => Some(LabelFormat::Cats),
            (_, true, _) => None,
            (true, false, _) => Some(LabelFormat::Names),
            (false, false, true) if self.are_multi_hot(&listed) => Some(LabelFormat::MultiHot),
            (false, false, true) => Some(LabelFormat::Ids),
            // Empty lists alone name no label.
            (false, false, false) => None,
        }
    }

    /// Whether lists of numbers have one for each label: all are of one length, and none is above 1.
    fn are_multi_hot(&self, listed: &[&Listed]) -> bool {
        let mut lengths = listed.iter().map(|listed| match listed {
            Listed::Numbers(numbers) => numbers.len(),
            _ => 0,
        });
        let Some(length) = lengths.next() else {
            return false;
        };
        // A list of one number is more likely the id of the one label that holds.
        let is_long_enough = match self.names() {
            Some(names) => {
                length == names.len() || (self.header().is_some() && length == names.len() + 1)
            }
            None => length > 1,
        };
        let is_share =
            |number: &Option<f64>| number.is_none_or(|number| Target::of_number(number).is_some());
        let are_shares = |listed: &&Listed| match listed {
            Listed::Numbers(numbers) => numbers.iter().all(is_share),
            _ => false,
        };
        is_long_enough && lengths.all(|other| other == length) && listed.iter().all(are_shares)
    }

    /// Labels in the order they were given.
    fn of_columns(&self, names: Vec<String>) -> Labels {
        let places: Vec<usize> = names
            .iter()
            .filter_map(|name| self.columns.place(name))
            .collect();
        let is_soft = |place: &usize| self.columns.at(*place).first_share.is_some();
        Labels {
            columns: names.clone(),
            reading: LabelReading {
                soft_targets: self.asked.soft_targets || places.iter().any(is_soft),
                ..self.reading(LabelFormat::Columns)
            },
            notes: Vec::new(),
            rows: Rows::Columns(places),
            names,
        }
    }

    fn reading(&self, format: LabelFormat) -> LabelReading {
        LabelReading {
            format,
            words: self.columns.words().clone(),
            soft_targets: self.asked.soft_targets,
            ..LabelReading::default()
        }
    }

    /// Whether numbers between 0 and 1 are what a label is trained toward.
    fn takes_shares(&self) -> bool {
        let remembered = self
            .remembered()
            .is_some_and(|reading| reading.soft_targets);
        self.asked.soft_targets || self.columns.options.labels.is_some() || remembered
    }

    fn names(&self) -> Option<&'a [String]> {
        let remembered = self.remembered();
        let remembered = remembered.and_then(|reading| reading.names.as_deref());
        match (&self.asked.names, remembered) {
            // The other table has settled whether their header is one of them.
            (Some(given), Some(names)) if given.may_be(names) => Some(names),
            (Some(given), _) => Some(&given.names),
            (None, remembered) => remembered,
        }
    }

    /// What stands above the names that were given, and may be one of them.
    fn header(&self) -> Option<&'a str> {
        let given = self.asked.names.as_ref()?;
        let is_open = self.names() == Some(&given.names) && self.remembered().is_none();
        given.header.as_deref().filter(|_| is_open)
    }

    /// The names that were given, for cells that say `listed`; with what may be their header where
    /// a cell needs it, else with a note that it is none of them.
    fn names_for(
        &self,
        listed: &[Listed],
        format: LabelFormat,
        notes: &mut Vec<String>,
    ) -> Option<Vec<String>> {
        let mut names = self.names()?.to_vec();
        if let Some(header) = self.header() {
            let needs = |listed: &Listed| listed.needs(header, names.len(), format);
            if !names.iter().any(|name| name == header) && listed.iter().any(needs) {
                names.insert(0, header.to_owned());
            } else {
                notes.push(format!(
                    "`{}` is taken for the header of the label names, not for one of them; lines of \
                     `id,name` would leave no doubt",
                    shown(header)
                ));
            }
        }
        Some(names)
    }

    fn delimiter(&self, contents: &[Content]) -> Option<String> {
        let remembered = || self.remembered()?.delimiter.clone();
        let texts = contents.iter().map(|content| &*content.text);
        self.asked
            .delimiter
            .clone()
            .or_else(remembered)
            .or_else(|| delimited::find(texts, self.columns.words()))
    }

    fn of_records(&self, records: &Records) -> Result<Labels, TableError> {
        let question =
            records
                .export
                .question()
                .map_err(|questions| TableError::SeveralQuestions {
                    source_name: self.source_name(),
                    questions,
                })?;
        let format = records.export.format;
        let mut reading = LabelReading {
            column: question.map(str::to_owned),
            ..self.reading(format)
        };
        let mut notes = Vec::new();
        if self.asked.names.is_some() {
            reading.names = self.names_for(&records.listed, format, &mut notes);
        }
        let said = Said {
            column: question.unwrap_or("labels"),
            contents: &records.contents,
            listed: records.listed.clone(),
        };
        let mut labels = self.settled(said, reading)?;
        labels.notes.splice(0..0, notes);
        if let Rows::Contents { column, blank, .. } = &mut labels.rows {
            *column = None;
            if format.is_export() {
                // A record that nobody answered is no blank cell.
                *blank = Answers::of(&vec![Target::Cell(Cell::Unknown); labels.names.len()]);
            }
        }
        let (n_shared, n_open) = (records.export.n_shared, records.export.n_open);
        if n_shared > 0 {
            labels.notes.push(format!(
                "several people annotated {}: what most of them say counts, and {} on which they \
                 are evenly divided {} unknown",
                counted(n_shared, "row"),
                counted(n_open, "cell"),
                if n_open == 1 { "is" } else { "are" }
            ));
        }
        labels.columns = Vec::new();
        Ok(labels)
    }

    fn of_column(&self, column: &Column, format: LabelFormat) -> Result<Labels, TableError> {
        let contents = column.contents.different();
        let mut notes = Vec::new();
        let mut reading = LabelReading {
            column: Some(column.name.clone()),
            ..self.reading(format)
        };
        if format == LabelFormat::Delimited {
            let delimiter = self.delimiter(contents);
            notes.extend(self.note_on_delimiter(column, delimiter.as_deref()));
            reading.delimiter = delimiter;
        }
        let takes_names = self.takes_names(contents);
        if takes_names && format != LabelFormat::Delimited {
            notes.extend(self.note_on_names(column));
        }
        let bad = |content, problem| self.bad_cell(column, content, format, problem);
        let listed = contents.iter().map(|content| {
            let listed = self.parse(&content.text, &reading, takes_names);
            listed.map_err(|problem| bad(content, problem))
        });
        let listed: Vec<Listed> = listed.collect::<Result<_, _>>()?;
        reading.names = self.names_for(&listed, format, &mut notes);
        let listed = listed.into_iter().zip(contents).map(|(listed, content)| {
            let listed = named(listed, format, reading.names.as_deref());
            listed.map_err(|problem| bad(content, problem))
        });
        let listed: Result<Vec<Listed>, TableError> = listed.collect();
        let said = Said {
            column: &column.name,
            contents: &column.contents,
            listed: listed?,
        };
        if format == LabelFormat::Ids && reading.names.is_none() {
            notes.push("labels are called by their ids; `--label-names FILE` names them".into());
        }
        let mut labels = self.settled(said, reading)?;
        labels.notes.splice(0..0, notes);
        Ok(labels)
    }

    fn note_on_delimiter(&self, column: &Column, delimiter: Option<&str>) -> Option<String> {
        let name = shown(&column.name);
        match delimiter {
            None => Some(format!(
                "each cell of `{name}` is taken for one label, as nothing seems to stand between \
                 names; `--label-delimiter ';'` would say what does"
            )),
            Some(delimiter) => {
                let mut contents = column.contents.different().iter();
                let never = !contents.any(|content| delimited::occurs(&content.text, delimiter));
                never.then(|| {
                    format!(
                        "the delimiter {} does not occur in `{name}`, so each cell is one label",
                        delimited::described(delimiter)
                    )
                })
            }
        }
    }

    /// Whether a cell that is no list is one name: there are lists beside it, or all cells are
    /// labels that are expected.
    fn takes_names(&self, contents: &[Content]) -> bool {
        let is_expected = |content: &Content| {
            let expected = self.asked.expected.iter().flatten();
            expected.into_iter().any(|label| **label == *content.text)
                || whole(&content.text, self.columns.words()).is_some()
        };
        self.are_lists(contents) || contents.iter().all(is_expected)
    }

    fn note_on_names(&self, column: &Column) -> Option<String> {
        let words = self.columns.words();
        let is_name = |content: &&Content| {
            !content.text.contains(['[', '{', '(']) && whole(&content.text, words).is_none()
        };
        let names = column.contents.different().iter().filter(is_name);
        let n_rows = names.clone().map(|content| content.n_rows).sum();
        let example = names.into_iter().next()?;
        Some(format!(
            "{} of `{}` without a list, such as `{}`: each is taken for one label",
            counted(n_rows, "cell"),
            shown(&column.name),
            shown(&example.text)
        ))
    }

    /// What a cell says, with names and numbers as they stand there.
    fn parse(
        &self,
        text: &str,
        reading: &LabelReading,
        takes_names: bool,
    ) -> Result<Listed, String> {
        let words = self.columns.words();
        match reading.format {
            LabelFormat::Delimited => {
                Ok(delimited::read(text, reading.delimiter.as_deref(), words))
            }
            _ if takes_names => Listed::parse_or_name(text, words),
            _ => Listed::parse(text, words),
        }
    }

    /// Puts the names that rows say in order.
    fn settled(&self, said: Said<'_>, mut reading: LabelReading) -> Result<Labels, TableError> {
        self.refuse_shares(&said)?;
        reading.soft_targets |= said.listed.iter().any(Listed::has_shares);
        let counts = said.counts();
        let (names, mut notes) = match (&self.asked.expected, &reading.names) {
            (Some(expected), _) => (
                expected.clone(),
                self.notes_on_expected(expected, &counts, &said)?,
            ),
            (None, Some(names)) => {
                self.refuse_others(names, &said)?;
                (names.clone(), Vec::new())
            }
            (None, None) => (sorted(counts.keys().copied()), Vec::new()),
        };
        if names.is_empty() {
            return Err(self.no_labels());
        }
        let n_blank = self.columns.n_rows() - said.contents.n_filled();
        let blank = self.columns.words().blank();
        if n_blank > 0 && blank == Cell::Unknown && !reading.format.is_export() {
            notes.push(match reading.format {
                LabelFormat::Fasttext => format!(
                    "{} without a label: all labels are unknown there, and `--no ''` would make \
                     them no",
                    counted(n_blank, "line")
                ),
                _ => format!(
                    "{} in `{}`: all labels are unknown there, and `--no ''` would make them no",
                    counted(n_blank, "blank cell"),
                    shown(said.column)
                ),
            });
        }
        let place: HashMap<&str, usize> = names.iter().map(String::as_str).zip(0..).collect();
        let answers = |listed: &Listed| answers(listed, &place, names.len());
        let said_by_blank = whole("", self.columns.words()).unwrap_or(Listed::Unknown);
        Ok(Labels {
            rows: Rows::Contents {
                column: Some(said.column.to_owned()),
                answers: said.listed.iter().map(answers).collect(),
                blank: answers(&said_by_blank),
            },
            columns: vec![said.column.to_owned()],
            names,
            reading,
            notes,
        })
    }

    fn refuse_shares(&self, said: &Said<'_>) -> Result<(), TableError> {
        if self.takes_shares() {
            return Ok(());
        }
        for (listed, content) in said.listed.iter().zip(said.contents.different()) {
            if listed.has_shares() {
                return Err(TableError::SoftTargets {
                    source_name: self.source_name(),
                    column: said.column.to_owned(),
                    line: content.line,
                    found: shown(&content.text),
                });
            }
        }
        Ok(())
    }

    /// That no row says a name which is none of `names`.
    fn refuse_others(&self, names: &[String], said: &Said<'_>) -> Result<(), TableError> {
        for (listed, content) in said.listed.iter().zip(said.contents.different()) {
            if let Some(found) = listed.names().find(|found| !names.contains(found)) {
                return Err(TableError::UnknownLabel {
                    source_name: self.source_name(),
                    line: content.line,
                    column: said.column.to_owned(),
                    found: found.as_str().into(),
                    names: names.into(),
                });
            }
        }
        Ok(())
    }

    /// What differs between the labels that are wanted and those that the rows name.
    fn notes_on_expected(
        &self,
        expected: &[String],
        counts: &BTreeMap<&str, usize>,
        said: &Said<'_>,
    ) -> Result<Vec<String>, TableError> {
        let others: Vec<&str> = counts
            .keys()
            .copied()
            .filter(|name| !expected.iter().any(|label| label == name))
            .collect();
        let (never, known): (Vec<&String>, Vec<&String>) = expected
            .iter()
            .partition(|label| !counts.contains_key(label.as_str()));
        if known.is_empty() && !others.is_empty() {
            return Err(TableError::OtherLabels {
                source_name: self.source_name(),
                column: said.column.to_owned(),
                expected: expected.into(),
                found: others.iter().map(|&name| name.to_owned()).collect(),
            });
        }
        let mut notes = Vec::new();
        if !others.is_empty() {
            let nearest = nearest(others[0], expected).map(|name| {
                format!(
                    " (`{}` may be meant as `{}`)",
                    shown(others[0]),
                    shown(&name)
                )
            });
            notes.push(format!(
                "{} of `{}` are labels that are not asked about, and left out{}",
                list(&others),
                shown(said.column),
                nearest.unwrap_or_default()
            ));
        }
        if !never.is_empty() {
            notes.push(format!(
                "{} never occurs in `{}`",
                list(&never),
                shown(said.column)
            ));
        }
        Ok(notes)
    }

    /// The labels among the columns, by their cells.
    fn yes_no_columns(&self) -> Result<Vec<String>, TableError> {
        let labels: Vec<&Column> = self
            .columns
            .candidates()
            .filter(|column| column.n_words > 0 || column.n_shares > 0)
            .filter(|column| column.n_bad == 0 || self.has_words(column))
            .collect();
        if let Some(column) = labels.iter().find(|column| column.is_nearly_a_label()) {
            return Err(TableError::NearlyALabel {
                source_name: self.source_name(),
                column: column.name.clone(),
                words: column.n_words,
                known: column.n_words + column.n_shares + column.n_bad,
                bad: column.bad.clone(),
            });
        }
        let clean: Vec<&Column> = labels
            .into_iter()
            .filter(|column| column.n_bad == 0)
            .collect();
        if self.takes_shares() {
            return Ok(clean.iter().map(|column| column.name.clone()).collect());
        }
        // Chances and measurements alone hardly ever are 0 or 1 exactly, and targets are.
        let clean = clean.into_iter().filter(|column| column.n_words > 0);
        let is_soft = |column: &&Column| column.first_share.is_some();
        match clean.clone().find(is_soft) {
            Some(column) => Err(self.soft_column(column)),
            None => Ok(clean.map(|column| column.name.clone()).collect()),
        }
    }

    fn soft_column(&self, column: &Column) -> TableError {
        let example = column.first_share.as_ref();
        TableError::SoftTargets {
            source_name: self.source_name(),
            column: column.name.clone(),
            line: example.map_or(0, |cell| cell.line),
            found: example.map_or_else(String::new, |cell| cell.found.clone()),
        }
    }

    /// The columns `labels`, whose cells all have to be words, or numbers where these are taken.
    fn clean(&self, labels: &[String], takes_shares: bool) -> Result<Vec<String>, TableError> {
        let columns = labels.iter().filter_map(|label| self.columns.get(label));
        if let Some(column) = columns.clone().find(|column| !column.may_be_label) {
            return Err(TableError::TwoRoles {
                column: column.name.clone(),
                first: "a label",
                second: "the text, the id, the group or the weight",
            });
        }
        let first_bad = columns
            .clone()
            .filter_map(|column| Some((column, column.bad.first()?)))
            .min_by_key(|(_, cell)| cell.line);
        if let Some((column, cell)) = first_bad {
            return Err(TableError::BadLabel {
                source_name: self.source_name(),
                line: cell.line,
                column: column.name.clone(),
                found: cell.found.clone(),
            });
        }
        let is_soft = |column: &&Column| column.first_share.is_some();
        match columns.clone().find(is_soft).filter(|_| !takes_shares) {
            Some(column) => Err(self.soft_column(column)),
            None => Ok(labels.to_vec()),
        }
    }

    fn require(&self, names: &[String]) -> Result<(), TableError> {
        let is_missing = |name: &&String| self.columns.get(name).is_none();
        let missing: Vec<String> = names.iter().filter(is_missing).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(TableError::NoSuchColumn {
            source_name: self.source_name(),
            missing,
            columns: self.columns.names(),
        })
    }

    fn no_labels(&self) -> TableError {
        let example = |column: &Column| -> Option<BadCell> {
            column.bad.first().or(column.first_share.as_ref()).cloned()
        };
        let holds_lists =
            |column: &&Column| self.format_of_lists(column.contents.different()).is_some();
        let lists = self.columns.candidates().find(holds_lists);
        TableError::NoLabels {
            source_name: self.source_name(),
            columns: self
                .columns
                .candidates()
                .map(|column| (column.name.clone(), example(column)))
                .collect(),
            lists: lists.map(|column| column.name.clone()),
        }
    }

    fn not_there(&self, format: LabelFormat) -> TableError {
        TableError::NoLabelsOfFormat {
            source_name: self.source_name(),
            format,
            columns: self
                .columns
                .candidates()
                .map(|column| column.name.clone())
                .collect(),
        }
    }

    fn several<'c>(
        &self,
        columns: impl IntoIterator<Item = (&'c Column, LabelFormat)>,
    ) -> TableError {
        let named = |(column, format): (&Column, LabelFormat)| (column.name.clone(), format);
        TableError::SeveralPlaces {
            source_name: self.source_name(),
            places: columns.into_iter().map(named).collect(),
        }
    }

    fn two_ways(&self, list: (&Column, LabelFormat), labels: Vec<String>) -> TableError {
        let list = (list.0.name.clone(), list.1);
        let labels = labels
            .into_iter()
            .map(|label| (label, LabelFormat::Columns));
        TableError::SeveralPlaces {
            source_name: self.source_name(),
            places: std::iter::once(list).chain(labels).collect(),
        }
    }

    fn bad_cell(
        &self,
        column: &Column,
        content: &Content,
        format: LabelFormat,
        problem: String,
    ) -> TableError {
        TableError::BadList {
            source_name: self.source_name(),
            line: content.line,
            column: column.name.clone(),
            found: (*content.text).into(),
            format,
            problem: problem.into(),
        }
    }

    /// Columns that look like labels and are carried along.
    fn notes_on_other_columns(&self, labels: &Labels) -> Vec<String> {
        if self.columns.options.labels.is_some() || self.asked.expected.is_some() {
            return Vec::new();
        }
        let others = self.columns.candidates();
        let others = others.filter(|column| !labels.columns.contains(&column.name));
        let mut notes = Vec::new();
        for column in others {
            let name = shown(&column.name);
            if column.n_bad == 0 && column.n_shares > 0 {
                notes.push(format!(
                    "`{name}` holds numbers between 0 and 1; `--soft-targets` would make it a label"
                ));
            } else if self
                .judge(column)
                .is_some_and(|(_, format)| format != LabelFormat::Delimited)
            {
                notes.push(format!(
                    "`{name}` holds lists; `--labels {name}` would read labels there"
                ));
            }
        }
        notes
    }
}

/// What the different contents of a column say.
struct Said<'a> {
    column: &'a str,
    contents: &'a Contents,
    listed: Vec<Listed>,
}

impl Said<'_> {
    /// How many rows name each label.
    fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for (listed, content) in self.listed.iter().zip(self.contents.different()) {
            for name in listed.names() {
                *counts.entry(name.as_str()).or_default() += content.n_rows;
            }
        }
        counts
    }
}

impl Listed {
    fn has_shares(&self) -> bool {
        match self {
            Listed::Each(entries) => entries.iter().any(|(_, target)| target.is_share()),
            _ => false,
        }
    }

    /// Whether it can only be read with `header` as the first name, above `n_names` others.
    fn needs(&self, header: &str, n_names: usize, format: LabelFormat) -> bool {
        match (self, format) {
            (Listed::Numbers(numbers), LabelFormat::MultiHot) => numbers.len() == n_names + 1,
            (Listed::Numbers(numbers), _) => numbers.contains(&Some(n_names as f64)),
            (_, LabelFormat::Delimited) => self
                .names()
                .any(|name| name == header || name.parse() == Ok(n_names)),
            _ => self.names().any(|name| name == header),
        }
    }

    /// The labels that it names.
    fn names(&self) -> Box<dyn Iterator<Item = &String> + '_> {
        match self {
            Listed::Names(names) => Box::new(names.all()),
            Listed::Each(entries) => Box::new(entries.iter().map(|(name, _)| name)),
            Listed::Unknown | Listed::Numbers(_) => Box::new(std::iter::empty()),
        }
    }
}

/// What `listed` says about the labels at their places.
fn answers(listed: &Listed, place: &HashMap<&str, usize>, n_labels: usize) -> Answers {
    let others = match listed {
        Listed::Names(_) => Cell::No,
        _ => Cell::Unknown,
    };
    let mut targets = vec![Target::Cell(others); n_labels];
    let mut set = |name: &String, target| {
        if let Some(&place) = place.get(name.as_str()) {
            targets[place] = target;
        }
    };
    match listed {
        Listed::Names(names) => {
            names
                .yes
                .iter()
                .for_each(|name| set(name, Target::Cell(Cell::Yes)));
            names
                .open
                .iter()
                .for_each(|name| set(name, Target::Cell(Cell::Unknown)));
        }
        Listed::Each(entries) => {
            entries.iter().for_each(|(name, target)| set(name, *target));
        }
        Listed::Unknown | Listed::Numbers(_) => {}
    }
    Answers::of(&targets)
}

/// What a cell of the format says by name, where it says `listed`.
fn named(listed: Listed, format: LabelFormat, names: Option<&[String]>) -> Result<Listed, String> {
    match (format, listed) {
        (_, Listed::Unknown) => Ok(Listed::Unknown),
        (LabelFormat::Delimited, Listed::Names(found)) => by_ids(found, names),
        (LabelFormat::Names, Listed::Numbers(numbers)) => ids(&numbers, None),
        (LabelFormat::Names, Listed::Names(names)) => Ok(Listed::Names(names)),
        (LabelFormat::Cats, Listed::Each(entries)) => Ok(Listed::Each(entries)),
        (LabelFormat::Ids, Listed::Numbers(numbers)) => ids(&numbers, names),
        (LabelFormat::MultiHot, Listed::Numbers(numbers)) => multi_hot(&numbers, names),
        (LabelFormat::Names | LabelFormat::Ids, listed) if listed.is_bare() => {
            Ok(Listed::Names(Names::default()))
        }
        (format, _) => Err(format!("expected {}", example(format))),
    }
}

/// The names that stand for ids.
fn ids(numbers: &[Option<f64>], names: Option<&[String]>) -> Result<Listed, String> {
    let name = |number: &Option<f64>| {
        let id = number.filter(|id| id.fract() == 0.0 && (0.0..=MOST_ID).contains(id));
        let id = id.ok_or_else(|| {
            let found = number.map_or("null".into(), |number| number.to_string());
            format!("{found} is no id")
        })?;
        match names {
            None => Ok(id.to_string()),
            Some(names) => names.get(id as usize).cloned().ok_or_else(|| {
                format!(
                    "id {id} has no name: there are {} names, from id 0 on",
                    names.len()
                )
            }),
        }
    };
    let named: Result<Vec<String>, String> = numbers.iter().map(name).collect();
    Ok(Listed::Names(Names::of(named?)))
}

/// Names as they are, or where each is the number of a name, the names that these stand for.
fn by_ids(found: Names, names: Option<&[String]>) -> Result<Listed, String> {
    let Some(names) = names else {
        return Ok(Listed::Names(found));
    };
    let id = |name: &String| {
        let is_name = names.contains(name);
        name.parse::<u32>().ok().filter(|_| !is_name).map(f64::from)
    };
    let numbers: Option<Vec<f64>> = found.yes.iter().map(id).collect();
    match numbers {
        Some(numbers) => {
            let numbers: Vec<Option<f64>> = numbers.into_iter().map(Some).collect();
            ids(&numbers, Some(names))
        }
        None => Ok(Listed::Names(found)),
    }
}

/// An answer for each place, called by its name or its number.
fn multi_hot(numbers: &[Option<f64>], names: Option<&[String]>) -> Result<Listed, String> {
    if let Some(names) = names
        && names.len() != numbers.len()
    {
        return Err(format!(
            "{} numbers for {} labels",
            numbers.len(),
            names.len()
        ));
    }
    let answer = |(place, number): (usize, &Option<f64>)| {
        let target = number.map_or(Some(Target::Cell(Cell::Unknown)), Target::of_number);
        let target =
            target.ok_or_else(|| format!("{} is not 0 to 1", number.unwrap_or(f64::NAN)))?;
        let name = names.map_or_else(|| place.to_string(), |names| names[place].clone());
        Ok((name, target))
    };
    let entries: Result<_, String> = numbers.iter().enumerate().map(answer).collect();
    entries.map(Listed::Each)
}

/// What a cell of the format looks like.
fn example(format: LabelFormat) -> &'static str {
    match format {
        LabelFormat::Names => "a list of names, such as `[\"a\", \"b\"]`",
        LabelFormat::Ids => "a list of ids, such as `[0, 2]`",
        LabelFormat::MultiHot => "a list with a number for each label, such as `[0, 1, 1]`",
        LabelFormat::Cats => "a value for each label, such as `{\"a\": 1, \"b\": 0}`",
        _ => "names with a delimiter between them",
    }
}

/// Names in their order, numbers by their size.
fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<&str> = names.collect();
    let number = |name: &str| name.parse::<u64>().ok();
    if names.iter().all(|name| number(name).is_some()) {
        names.sort_by_key(|name| number(name));
    }
    names.into_iter().map(str::to_owned).collect()
}

impl LabelReading {
    /// Where labels stand and how, in words; `None` for columns of yes/no words.
    pub fn described(&self) -> Option<String> {
        let column = self
            .column
            .as_deref()
            .map(|column| format!("`{}`", shown(column)));
        let column = column.unwrap_or_else(|| "each record".into());
        Some(match self.format {
            LabelFormat::Columns => return None,
            LabelFormat::Fasttext => "labels at the ends of lines (`__label__`)".into(),
            LabelFormat::Delimited => match &self.delimiter {
                Some(delimiter) => format!(
                    "labels in {column} (names with {} between them)",
                    delimited::described(delimiter)
                ),
                None => format!("labels in {column} (one name a cell)"),
            },
            format => format!("labels in {column} ({})", format.described()),
        })
    }
}
