//! What multihot keeps in a model folder beyond what Transformers knows: one nested key
//! of config.json.

use std::path::Path;

use multihot_checkpoint::{Family, ModelFolder, Pooling, ProblemType, save};
use multihot_table::{LabelReading, Table};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::decisions::{Decisions, Tuning};
use crate::error::Error;
use crate::questions::{Questions, Relations};
use crate::train::{Distortion, TrainPlan};
use crate::windows::Reading;

/// Last version of the layout below. A reader refuses a later one.
const VERSION: u32 = 3;
/// The version without `exclusive`, `implies`, `windows`, `truncation` and `pair_column`; 1 had no
/// `decisions` either. A folder that needs none of them has this one, so that older programs read
/// it, and they refuse those that they would answer wrongly.
const PLAIN: u32 = 2;
/// Where the whole tuning stands, beside config.json, which has its decisions.
pub(crate) const TUNING_FILE: &str = "tuning.json";

/// The value of the key `multihot` in config.json.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) version: u32,
    /// Names of the labels, in the order of the network's outputs.
    pub(crate) labels: Vec<String>,
    /// Which of them exclude or imply each other.
    #[serde(flatten)]
    relations: Relations,
    /// The columns that training read, one by its name alone.
    #[serde(with = "one_or_many")]
    pub(crate) text_column: Vec<String>,
    /// What stands between texts of several columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text_joiner: Option<String>,
    /// The column of the second text, where each row is a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pair_column: Option<String>,
    /// How the labels were written. Folders from before there was a choice lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label_reading: Option<LabelReading>,
    #[serde(flatten)]
    pub(crate) reading: Reading,
    pub(crate) pooling: Pooling,
    /// `ln w` of each label, already subtracted from the saved output bias.
    pub(crate) shifts: Vec<f32>,
    /// What the loss did to chances besides. Folders from before there was a choice lack it.
    #[serde(default)]
    pub(crate) distortion: Distortion,
    pub(crate) plan: TrainPlan,
    /// How logits become answers, where that was worked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decisions: Option<Decisions>,
}

impl Stored {
    pub(crate) fn new(
        questions: &Questions,
        table: &Table,
        (shifts, distortion): (Vec<f32>, Distortion),
        plan: &TrainPlan,
        decisions: Option<Decisions>,
    ) -> Self {
        Self {
            version: version(questions, table, plan),
            labels: questions.labels().to_vec(),
            relations: questions.relations(),
            text_column: table.text_columns.clone(),
            text_joiner: (table.text_columns.len() > 1).then(|| table.text_joiner.clone()),
            pair_column: table.pair_column.clone(),
            label_reading: Some(table.reading.clone()),
            reading: plan.reading,
            pooling: plan.pooling,
            shifts,
            distortion,
            plan: plan.clone(),
            decisions,
        }
    }

    /// What `folder` keeps, or `None` where it was not written by multihot.
    pub(crate) fn read(folder: &ModelFolder) -> Result<Option<Self>, Error> {
        let Some(value) = folder.config().multihot() else {
            return Ok(None);
        };
        check_version(folder, value)?;
        // `tune` on a folder of another program leaves decisions there and nothing else.
        if value.get("plan").is_none() && value.get("decisions").is_some() {
            return Ok(None);
        }
        let fail = |reason| fail(folder, reason);
        let stored: Self =
            serde_json::from_value(value.clone()).map_err(|error| fail(error.to_string()))?;
        if stored.labels.is_empty() || stored.shifts.len() != stored.labels.len() {
            return Err(fail(format!(
                "{} labels and {} shifts; expected one shift a label",
                stored.labels.len(),
                stored.shifts.len()
            )));
        }
        let questions = Questions::new(&stored.labels, &stored.relations)
            .map_err(|error| fail(error.to_string()))?;
        stored.distortion.check(&questions).map_err(fail)?;
        // Transformers keeps our key when it trains the folder for other labels.
        let names = folder.config().label_names.as_ref();
        if names.is_some_and(|names| *names != stored.labels) {
            return Ok(None);
        }
        let usable = folder.config().usable_length();
        stored.reading.check(usable).map_err(fail)?;
        Ok(Some(stored))
    }

    /// The labels with their relations.
    pub(crate) fn questions(&self) -> Questions {
        Questions::new(&self.labels, &self.relations).expect("they were checked when they came in")
    }
}

/// The first version that a program must read to answer as this model does.
fn version(questions: &Questions, table: &Table, plan: &TrainPlan) -> u32 {
    let is_plain = questions.are_independent()
        && table.pair_column.is_none()
        && plan.reading == Reading::cut(plan.reading.max_length);
    if is_plain { PLAIN } else { VERSION }
}

fn fail(folder: &ModelFolder, reason: String) -> Error {
    Error::Stored {
        folder: folder.path().to_owned(),
        reason,
    }
}

fn check_version(folder: &ModelFolder, value: &Value) -> Result<(), Error> {
    let version = value.get("version").and_then(Value::as_u64);
    if version.is_some_and(|version| (1..=u64::from(VERSION)).contains(&version)) {
        return Ok(());
    }
    let found = version.map_or("missing".into(), |version| version.to_string());
    Err(fail(
        folder,
        format!("`version` is {found}; this program reads 1 to {VERSION}"),
    ))
}

/// The decisions that `folder`, a model of these `questions`, keeps; `None` where it has none.
fn decisions(folder: &ModelFolder, questions: &Questions) -> Result<Option<Decisions>, Error> {
    let Some(value) = folder.config().multihot() else {
        return Ok(None);
    };
    check_version(folder, value)?;
    let Some(decisions) = value.get("decisions") else {
        return Ok(None);
    };
    let decisions: Decisions = serde_json::from_value(decisions.clone())
        .map_err(|error| fail(folder, format!("`decisions`: {error}")))?;
    // Transformers keeps our key when it trains the folder for other labels.
    if !decisions.are_for(questions.labels()) {
        return Ok(None);
    }
    match decisions.flaw(questions) {
        Some(flaw) => Err(fail(folder, flaw)),
        None => Ok(Some(decisions)),
    }
}

/// Replaces the decisions that the model folder at `path` keeps, and its tuning.json.
pub(crate) fn replace_decisions(
    path: &Path,
    family: Option<Family>,
    tuning: &Tuning,
) -> Result<(), Error> {
    let folder = ModelFolder::open(path, family)?;
    let mut multihot = folder.config().multihot().cloned();
    let multihot = multihot.get_or_insert_with(|| json!({}));
    let key = multihot
        .as_object_mut()
        .ok_or_else(|| fail(&folder, "expected an object".into()))?;
    // A folder of another program may be one exclusive group without saying so here.
    let has_groups = tuning.decisions.thresholds().contains(&None);
    let needed = u64::from(if has_groups { VERSION } else { PLAIN });
    let found = key.get("version").and_then(Value::as_u64).unwrap_or(0);
    key.insert("version".into(), json!(found.max(needed)));
    key.insert("decisions".into(), value(&tuning.decisions));
    save::replace_json(&path.join(TUNING_FILE), &value(tuning))?;
    Ok(save::replace_multihot(
        path,
        folder.config(),
        multihot.take(),
    )?)
}

/// What is stored, as JSON.
pub(crate) fn value(stored: &impl Serialize) -> Value {
    serde_json::to_value(stored).expect("what is stored has string keys only")
}

/// What a model folder answers, whoever wrote it.
pub(crate) struct Answers {
    pub(crate) questions: Questions,
    /// The columns that training read, where multihot wrote the folder.
    pub(crate) text_columns: Vec<String>,
    pub(crate) text_joiner: Option<String>,
    /// The column of second texts that training read, where there was one.
    pub(crate) pair_column: Option<String>,
    pub(crate) label_reading: Option<LabelReading>,
    pub(crate) reading: Reading,
    pub(crate) pooling: Pooling,
    /// How logits become answers, where that was worked out.
    pub(crate) decisions: Option<Decisions>,
    pub(crate) distortion: Distortion,
    /// What a person should know, a sentence each.
    pub(crate) notes: Vec<String>,
}

impl Answers {
    /// # Errors
    ///
    /// When `folder` is a plain encoder, or does not say whether its answers exclude each other.
    pub(crate) fn of(folder: &ModelFolder) -> Result<Self, Error> {
        if let Some(stored) = Stored::read(folder)? {
            let questions = stored.questions();
            return Ok(Self {
                decisions: decisions(folder, &questions)?,
                questions,
                notes: Vec::new(),
                text_columns: stored.text_column,
                text_joiner: stored.text_joiner,
                pair_column: stored.pair_column,
                label_reading: stored.label_reading,
                reading: stored.reading,
                pooling: stored.pooling,
                distortion: stored.distortion,
            });
        }
        let config = folder.config();
        let labels = config
            .label_names
            .clone()
            .filter(|_| config.is_classifier())
            .ok_or_else(|| Error::NotAClassifier(folder.path().to_owned()))?;
        let (questions, notes) = questions(folder.path(), config.problem_type, &labels)?;
        Ok(Self {
            decisions: decisions(folder, &questions)?,
            questions,
            notes,
            text_columns: Vec::new(),
            text_joiner: None,
            pair_column: None,
            label_reading: None,
            reading: Reading::cut(config.usable_length()),
            pooling: Pooling::Cls,
            distortion: Distortion::None,
        })
    }
}

/// What the labels of another program's model have to do with each other, and a note about it.
fn questions(
    folder: &Path,
    problem_type: Option<ProblemType>,
    labels: &[String],
) -> Result<(Questions, Vec<String>), Error> {
    let found = match problem_type {
        Some(ProblemType::MultiLabel) => return Ok((Questions::independent(labels), Vec::new())),
        Some(ProblemType::SingleLabel) => {
            if let Some(questions) = Questions::single_label(labels) {
                let note = "its labels exclude each other (`problem_type` is \
                            `single_label_classification`): their chances are those of a softmax, \
                            and the likeliest is the answer";
                return Ok((questions, vec![note.into()]));
            }
            "`single_label_classification` with one label"
        }
        Some(ProblemType::Regression) => "`regression`",
        None => "not given",
    };
    Err(Error::ProblemType {
        folder: folder.to_owned(),
        found: found.into(),
    })
}

/// Names of which there mostly is one, which then stands without a list.
mod one_or_many {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Names {
        One(String),
        Many(Vec<String>),
    }

    pub(super) fn serialize<S: Serializer>(
        names: &[String],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match names {
            [name] => name.serialize(serializer),
            names => names.serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<String>, D::Error> {
        Ok(match Names::deserialize(deserializer)? {
            Names::One(name) => vec![name],
            Names::Many(names) => names,
        })
    }
}
