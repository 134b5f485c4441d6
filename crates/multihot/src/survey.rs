//! What a table holds and what is odd about it, before hours are spent on it.
//!
//! [`survey`] goes through a table once, row by row, and keeps of each row its cells, a key of its
//! text and a signature of 60 bytes: no texts but a sample. Then it looks for what spoils a
//! training or the figures that follow, and says it as [`Finding`]s.

mod answers;
mod findings;
mod languages;
mod lengths;
mod marks;
mod repeats;
mod sample;
mod signature;
mod text;
mod time;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use multihot_checkpoint::{Family, ModelFolder};
use multihot_kernels::Cpu;
use multihot_table::{LabelOptions, LabelReading, ReadOptions, Scan, Source, TextRow, open, scan};
use multihot_tokenizer::Text;
use serde::Serialize;

use crate::classifier::tokenizer;
use crate::error::Error;
use crate::train::TrainOptions;

use answers::Counted;
pub use answers::LabelSurvey;
pub use findings::Finding;
pub use languages::LanguageShare;
pub use lengths::{Cut, Lengths};
pub use marks::Marks;
pub use repeats::{Contradiction, Pair, Repeats, Shared};
pub use time::TrainingTime;

use repeats::Prints;
use sample::Sample;
use signature::Signer;

/// Rows from which on a look takes so long that its steps are told.
const MANY_ROWS: usize = 100_000;

/// What to look at.
pub struct SurveyJob<'a> {
    /// The table.
    pub source: &'a Source,
    /// Other tables, which are to have no text of this one: those to choose and test with.
    pub against: &'a [Source],
    /// Where text, id and labels stand, in all of them; of the others only the texts have to.
    pub read: &'a ReadOptions,
    /// An encoder, to see how long its rows get, and how long a training takes.
    pub encoder: Option<Encoder<'a>>,
    /// Start of the random choices.
    pub seed: u64,
}

/// An encoder that may be trained on the table.
pub struct Encoder<'a> {
    /// Its folder.
    pub folder: &'a Path,
    /// Its family, where config.json does not say.
    pub family: Option<Family>,
    /// The longest row in tokens; what the encoder reads unless given.
    pub max_length: Option<usize>,
    /// What it runs on.
    pub cpu: Arc<Cpu>,
}

impl Encoder<'_> {
    /// Its folder, and the longest row to look at, as a training would have it.
    fn open(&self) -> Result<(ModelFolder, usize), Error> {
        let folder = ModelFolder::open(self.folder, self.family)?;
        let options = TrainOptions {
            max_length: self.max_length,
            ..TrainOptions::default()
        };
        let reading = options.reading(folder.config().usable_length())?;
        Ok((folder, reading.max_length))
    }
}

/// What a table holds.
#[derive(Clone, Debug, Serialize)]
pub struct Survey {
    /// `table`.
    pub kind: &'static str,
    /// What messages call it.
    pub source: String,
    /// Its rows.
    pub rows: usize,
    /// The columns the texts come from, in the order they are joined.
    pub text_columns: Vec<String>,
    /// The column the second texts come from, where there is one.
    pub pair_column: Option<String>,
    /// The column the ids come from, where there is one.
    pub id_column: Option<String>,
    /// Each label; none where nothing says what they are.
    pub labels: Vec<LabelSurvey>,
    /// How they are written.
    pub label_reading: LabelReading,
    /// The other columns.
    pub carried: Vec<String>,
    /// Odd characters.
    pub marks: Marks,
    /// Texts that come up again.
    pub repeats: Repeats,
    /// Languages, the most frequent first, from a sample.
    pub languages: Vec<LanguageShare>,
    /// Groups of labels of which exactly one is true in every row where all are known.
    pub exclusive: Vec<Vec<String>>,
    /// Groups of labels of which one is true in most rows, and never two are.
    pub at_most_one: Vec<Vec<String>>,
    /// Pairs of labels of which the first is only true where the second is.
    pub implied: Vec<[String; 2]>,
    /// Lengths of a sample in tokens, where there is an encoder.
    pub lengths: Option<Lengths>,
    /// What a training would take, where there is an encoder and a label.
    pub training: Option<TrainingTime>,
    /// The other tables.
    pub against: Vec<AgainstSurvey>,
    /// What to know about how it was read, a sentence each; the findings have them too.
    #[serde(skip)]
    notes: Vec<String>,
    /// What to know before a training, the worst first.
    pub findings: Vec<Finding>,
}

/// What another table has in common with the one looked at.
#[derive(Clone, Debug, Serialize)]
pub struct AgainstSurvey {
    /// What messages call it.
    pub source: String,
    /// Its rows.
    pub rows: usize,
    /// Its rows whose texts are in the table looked at.
    pub shared: Shared,
    /// Labels that it lacks.
    pub missing: Vec<String>,
}

/// Looks at a table. `observer` hears what is done next, where it takes a while.
///
/// # Errors
///
/// When a table or the encoder's folder cannot be read.
pub fn survey(job: &SurveyJob<'_>, observer: &mut dyn FnMut(&str)) -> Result<Survey, Error> {
    // What cannot end well ends before the table is gone through.
    let opened = job.encoder.as_ref().map(Encoder::open).transpose()?;
    let (table, texts) = look(job.source, job.read, job.seed)?;
    if table.rows >= MANY_ROWS {
        observer("comparing the texts with one another");
    }
    let counted = Counted::of(&table.cells, table.labels.len());
    let relations = counted.relations(&table.cells);
    let named = |label: &usize| table.labels[*label].clone();
    let groups_named = |groups: &[Vec<usize>]| {
        let groups = groups.iter();
        groups
            .map(|group| group.iter().map(named).collect())
            .collect()
    };
    let mut survey = Survey {
        kind: "table",
        rows: table.rows,
        labels: counted.labels(&table.labels, table.rows),
        marks: texts.marks,
        repeats: texts.prints.repeats(&table.labels, &table.cells),
        languages: languages::languages(&texts.sample.texts()),
        exclusive: groups_named(&relations.exclusive),
        at_most_one: groups_named(&relations.at_most_one),
        implied: relations
            .implied
            .iter()
            .map(|(a, b)| [named(a), named(b)])
            .collect(),
        lengths: None,
        training: None,
        against: Vec::new(),
        findings: Vec::new(),
        source: table.source,
        text_columns: table.text_columns,
        pair_column: table.pair_column,
        label_reading: table.reading,
        notes: table.notes,
        id_column: table.id_column,
        carried: table.carried,
    };
    if let (Some(encoder), Some((folder, limit))) = (&job.encoder, &opened) {
        observer("measuring the encoder on a sample");
        survey.try_out(&encoder.cpu, folder, *limit, &texts.sample.texts())?;
    }
    for other in job.against {
        if table.rows >= MANY_ROWS {
            observer(&format!("comparing with {other}"));
        }
        let other = other.clone().held()?;
        let read = options_for(&other, job.read, &survey.label_reading)?;
        let other = look(&other, &read, job.seed)?;
        survey.against.push(against(&table.labels, &texts, other));
    }
    survey.findings = findings::findings(&survey);
    Ok(survey)
}

/// How to read the table `other`: as the one looked at, without the columns that it lacks.
fn options_for(
    other: &Source,
    read: &ReadOptions,
    reading: &LabelReading,
) -> Result<ReadOptions, Error> {
    let texts_alone = ReadOptions {
        id: None,
        labels: None,
        ignore: Vec::new(),
        group: None,
        weight: None,
        ..read.clone()
    };
    let rows = open(other, &texts_alone)?;
    // A column within a column is there where its rows have it.
    let is_there = |name: &String| {
        let head = name.split('.').next();
        let mut columns = rows.columns().iter();
        columns.any(|column| column == name || Some(column.as_str()) == head)
    };
    let one = |name: &Option<String>| name.clone().filter(is_there);
    let some = |names: &[String]| {
        names
            .iter()
            .filter(|name| is_there(name))
            .cloned()
            .collect()
    };
    let labels: Option<Vec<String>> = read.labels.as_deref().map(some);
    let has_labels = labels.as_ref().is_some_and(|labels| !labels.is_empty());
    let format = read.label_options.format.filter(|_| has_labels);
    Ok(ReadOptions {
        id: one(&read.id),
        group: one(&read.group),
        weight: one(&read.weight),
        ignore: some(&read.ignore),
        label_options: LabelOptions {
            format,
            remembered: Some(reading.clone()),
            ..read.label_options.clone()
        },
        labels,
        ..texts_alone
    })
}

/// What the table `other` has in common with the one that `texts` are of.
fn against(labels: &[String], texts: &Texts, (other, others): (Scan, Texts)) -> AgainstSurvey {
    let missing = labels.iter().filter(|label| !other.labels.contains(label));
    AgainstSurvey {
        shared: texts.prints.shared_with(&others.prints),
        missing: missing.cloned().collect(),
        source: other.source,
        rows: other.rows,
    }
}

impl Survey {
    /// Whether something would spoil the result of a training, or the figures about it.
    pub fn spoils(&self) -> bool {
        self.findings.iter().any(|finding| finding.spoils)
    }

    /// Writes what a person wants to see, in lines.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        text::write(self, out)
    }

    /// Encodes `texts`, and learns from some of them for a moment.
    fn try_out(
        &mut self,
        cpu: &Arc<Cpu>,
        folder: &ModelFolder,
        limit: usize,
        texts: &[&str],
    ) -> Result<(), Error> {
        let (lengths, rows) = lengths::lengths(cpu, &tokenizer(folder)?, texts, limit)?;
        if !self.labels.is_empty() && !texts.is_empty() {
            let time = time::training_time(folder, cpu, &rows, limit, self.rows)?;
            self.training = Some(time);
        }
        self.lengths = Some(lengths);
        Ok(())
    }
}

/// What is kept of the texts of a table.
struct Texts {
    prints: Prints,
    sample: Sample,
    marks: Marks,
    signer: Signer,
}

impl Texts {
    /// Looks at the text of a row, of a pair at both.
    fn add(&mut self, row: &TextRow) {
        let (text, pair) = (row.text.as_str(), row.pair.as_deref());
        let text = Text { text, pair }.whole();
        let signature = self.signer.signature(&text);
        self.prints.add(row, &text, signature);
        self.sample.add(&text);
        self.marks.add(&text);
    }
}

/// Goes through a table.
fn look(source: &Source, read: &ReadOptions, seed: u64) -> Result<(Scan, Texts), Error> {
    let mut texts = Texts {
        prints: Prints::default(),
        sample: Sample::new(seed),
        marks: Marks::default(),
        signer: Signer::new(),
    };
    let table = scan(source, read, &mut |row| texts.add(&row))?;
    Ok((table, texts))
}
