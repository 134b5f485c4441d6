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
use multihot_table::{LabelReading, ReadOptions, Scan, Source, TextRow, scan};
use multihot_tokenizer::Text;
use serde::Serialize;

use crate::classifier::tokenizer;
use crate::error::Error;

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
    /// Where text, id and labels stand, in all of them.
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
    /// Groups of labels of which exactly one is true in every row.
    pub exclusive: Vec<Vec<String>>,
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
    let (table, texts) = look(job.source, job)?;
    if table.rows >= MANY_ROWS {
        observer("comparing the texts with one another");
    }
    let counted = Counted::of(&table.cells, table.labels.len());
    let relations = counted.relations(&table.cells);
    let named = |label: &usize| table.labels[*label].clone();
    let mut survey = Survey {
        kind: "table",
        rows: table.rows,
        labels: counted.labels(&table.labels, table.rows),
        marks: texts.marks,
        repeats: texts.prints.repeats(&table.labels, &table.cells),
        languages: languages::languages(&texts.sample.texts()),
        exclusive: relations
            .exclusive
            .iter()
            .map(|group| group.iter().map(named).collect())
            .collect(),
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
    if let Some(encoder) = &job.encoder {
        observer("measuring the encoder on a sample");
        survey.try_out(encoder, &texts.sample.texts())?;
    }
    for other in job.against {
        if table.rows >= MANY_ROWS {
            observer(&format!("comparing with {other}"));
        }
        let other = look(other, job)?;
        survey.against.push(against(&table.labels, &texts, other));
    }
    survey.findings = findings::findings(&survey);
    Ok(survey)
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
    fn try_out(&mut self, encoder: &Encoder<'_>, texts: &[&str]) -> Result<(), Error> {
        let folder = ModelFolder::open(encoder.folder, encoder.family)?;
        let usable = folder.config().usable_length();
        let limit = encoder
            .max_length
            .map_or(usable, |length| length.min(usable));
        let (lengths, rows) = lengths::lengths(&encoder.cpu, &tokenizer(&folder)?, texts, limit)?;
        if !self.labels.is_empty() {
            let time = time::training_time(&folder, &encoder.cpu, &rows, limit, self.rows)?;
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
fn look(source: &Source, job: &SurveyJob<'_>) -> Result<(Scan, Texts), Error> {
    let mut texts = Texts {
        prints: Prints::default(),
        sample: Sample::new(job.seed),
        marks: Marks::default(),
        signer: Signer::new(),
    };
    let table = scan(source, job.read, &mut |row| texts.add(&row))?;
    Ok((table, texts))
}
