//! Records of annotation tools, which say in several keys what a row's labels are.
//!
//! Where several people annotated a row, a label holds that more than half of them gave, and one
//! that just half of them gave is unknown.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::value::RawValue;

use super::LabelFormat;
use super::listed::{Listed, Names};
use crate::cells::{Cell, Target};
use crate::jsonl::Object;

/// Reads one kind of export, row by row.
pub(crate) struct Export {
    pub(crate) format: LabelFormat,
    /// The question that was asked for.
    wanted: Option<String>,
    /// The questions that there are.
    questions: BTreeSet<String>,
    /// Rows that several people annotated.
    pub(crate) n_shared: usize,
    /// Labels of those rows that they are divided on.
    pub(crate) n_open: usize,
}

/// What stands behind the name of a question in flattened records of Argilla.
const RESPONSES: &str = ".responses";
const METADATA: &str = "-metadata";

impl Export {
    /// The kind of export that `object` is a record of.
    pub(crate) fn detect(object: &Object) -> Option<LabelFormat> {
        let has = |key: &str| object.get(key).is_some();
        let is = |key: &str, opening: char| {
            object
                .get(key)
                .is_some_and(|raw| raw.get().starts_with(opening))
        };
        if is("data", '{') && (is("annotations", '[') || is("completions", '[')) {
            Some(LabelFormat::LabelStudio)
        } else if is_answered(object) && (is("options", '[') || is("label", '"')) {
            Some(LabelFormat::Prodigy)
        } else if has("responses") && is("fields", '{') || has_question_keys(object) {
            Some(LabelFormat::Argilla)
        } else if job_of(object).is_some() {
            Some(LabelFormat::Sagemaker)
        } else if is_document(object) {
            Some(LabelFormat::Azure)
        } else {
            None
        }
    }

    pub(crate) fn new(format: LabelFormat, wanted: Option<String>) -> Self {
        Self {
            format,
            wanted,
            questions: BTreeSet::new(),
            n_shared: 0,
            n_open: 0,
        }
    }

    /// What a record says, or what is wrong with it.
    pub(crate) fn read(&mut self, object: &Object) -> Result<Listed, String> {
        match self.format {
            LabelFormat::LabelStudio => self.label_studio(object),
            LabelFormat::Prodigy => prodigy(object),
            LabelFormat::Argilla => self.argilla(object),
            LabelFormat::Sagemaker => self.sagemaker(object),
            LabelFormat::Azure => azure(object),
            other => Err(format!("{other} is no export")),
        }
    }

    /// The one question that was read; where none was asked for and there are several, all of them.
    pub(crate) fn question(&self) -> Result<Option<&str>, Vec<String>> {
        match &self.wanted {
            Some(wanted) if self.questions.contains(wanted) => Ok(Some(wanted)),
            Some(_) => Err(self.questions.iter().cloned().collect()),
            None if self.questions.len() > 1 => Err(self.questions.iter().cloned().collect()),
            None => Ok(self.questions.first().map(String::as_str)),
        }
    }

    /// Whether the answers to `question` count.
    fn takes(&mut self, question: &str) -> bool {
        if !self.questions.contains(question) {
            self.questions.insert(question.to_owned());
        }
        self.wanted
            .as_deref()
            .is_none_or(|wanted| wanted == question)
    }

    fn decide(&mut self, votes: &[BTreeSet<String>]) -> Listed {
        if votes.is_empty() {
            return Listed::Unknown;
        }
        let names = Names::majority(votes);
        self.n_shared += usize::from(votes.len() > 1);
        self.n_open += names.open.len();
        Listed::Names(names)
    }

    /// `annotations[].result[].value.choices[]`; what was cancelled or skipped is no annotation.
    fn label_studio(&mut self, object: &Object) -> Result<Listed, String> {
        let annotations = value(object, "annotations").or_else(|| value(object, "completions"));
        let annotations = annotations.ok_or("it has no `annotations`")?;
        let mut votes = Vec::new();
        for annotation in items(&annotations) {
            let is_set = |key: &str| annotation.get(key).and_then(Value::as_bool) == Some(true);
            if is_set("was_cancelled") || is_set("skipped") {
                continue;
            }
            let Some(results) = annotation.get("result").and_then(Value::as_array) else {
                return Err("an annotation has no list `result`".into());
            };
            let mut vote = BTreeSet::new();
            for result in results {
                let choices = result.pointer("/value/choices");
                let question = result.get("from_name").and_then(Value::as_str);
                if let Some(choices) = choices
                    && self.takes(question.unwrap_or("choices"))
                {
                    vote.extend(names(choices)?);
                }
            }
            votes.push(vote);
        }
        Ok(self.decide(&votes))
    }

    /// Responses as a dictionary by question, as a list of answers by person, or flattened.
    fn argilla(&mut self, object: &Object) -> Result<Listed, String> {
        let mut votes = Vec::new();
        match value(object, "responses") {
            Some(Value::Object(by_question)) => {
                for (question, responses) in &by_question {
                    self.responses(question, responses, None, &mut votes)?;
                }
            }
            Some(Value::Array(by_person)) => {
                for response in &by_person {
                    let values = response.get("values").and_then(Value::as_object);
                    for (question, value) in values.into_iter().flatten() {
                        let response = merged(value, response.get("status"));
                        self.responses(question, &Value::Array(vec![response]), None, &mut votes)?;
                    }
                }
            }
            _ => {
                for key in object.keys() {
                    let Some(question) = question_of(object, &key) else {
                        continue;
                    };
                    let responses = value(object, &key).unwrap_or(Value::Null);
                    let status = value(object, &format!("{key}.status"));
                    self.responses(question, &responses, status.as_ref(), &mut votes)?;
                }
            }
        }
        Ok(self.decide(&votes))
    }

    /// The votes among the `responses` to a question of several labels. Other questions have
    /// numbers and texts.
    fn responses(
        &mut self,
        question: &str,
        responses: &Value,
        status: Option<&Value>,
        votes: &mut Vec<BTreeSet<String>>,
    ) -> Result<(), String> {
        for (i, response) in items(responses).enumerate() {
            let value = response.get("value").unwrap_or(response);
            let status = status.map_or_else(|| response.get("status"), |status| status.get(i));
            let status = status.and_then(Value::as_str);
            if matches!(status, Some("draft" | "discarded")) {
                // The question is there all the same.
                if value.is_array() {
                    self.takes(question);
                }
                continue;
            }
            let is_wanted = self.wanted.as_deref() == Some(question);
            let is_labels = value.is_array() || (value.is_string() && is_wanted);
            if is_labels && self.takes(question) {
                votes.push(names(value)?.into_iter().collect());
            }
        }
        Ok(())
    }

    /// `JOB: [ids]` with `JOB-metadata.class-map`.
    fn sagemaker(&mut self, object: &Object) -> Result<Listed, String> {
        let Some(job) = self.wanted.clone().or_else(|| job_of(object)) else {
            // A row that no job has been through.
            return Ok(Listed::Unknown);
        };
        self.takes(&job);
        let map = value(object, &format!("{job}{METADATA}"));
        let map = map.as_ref().and_then(|metadata| metadata.get("class-map"));
        let Some(ids) = value(object, &job).filter(|ids| !ids.is_null()) else {
            return Ok(Listed::Unknown);
        };
        let ids = ids
            .as_array()
            .ok_or_else(|| format!("`{job}` is no list of ids"))?;
        let name = |id: &Value| {
            let name = map.and_then(|map| map.get(id.to_string()));
            let name = name.and_then(Value::as_str).map(str::to_owned);
            name.ok_or_else(|| format!("its class-map has no name for {id}"))
        };
        let names: Result<Vec<String>, String> = ids.iter().map(name).collect();
        Ok(Listed::Names(Names::of(names?)))
    }
}

/// `options[]` with `accept[]`, or one `label`; only an answer that was accepted says something
/// about options, as a rejected task is one that was passed over.
fn prodigy(object: &Object) -> Result<Listed, String> {
    let answer = value(object, "answer");
    let answer = answer.as_ref().and_then(Value::as_str);
    let Some(options) = value(object, "options") else {
        let label = value(object, "label");
        let label = label.as_ref().and_then(Value::as_str);
        let label = label.ok_or("it has neither `options` nor a `label`")?;
        let cell = match answer {
            Some("accept") => Cell::Yes,
            Some("reject") => Cell::No,
            _ => Cell::Unknown,
        };
        return Ok(Listed::Each(vec![(label.to_owned(), Target::Cell(cell))]));
    };
    let id = |option: &Value| text(option.get("id").unwrap_or(option));
    let options: Option<Vec<String>> = items(&options).map(id).collect();
    let options = options.ok_or("an option has no `id`")?;
    let accepted = value(object, "accept").unwrap_or(Value::Null);
    let accepted: BTreeSet<String> = items(&accepted).filter_map(text).collect();
    let cell = |option: &String| match answer {
        Some("accept") if accepted.contains(option) => Cell::Yes,
        Some("accept") => Cell::No,
        _ => Cell::Unknown,
    };
    let answered = options
        .iter()
        .map(|option| (option.clone(), Target::Cell(cell(option))));
    Ok(Listed::Each(answered.collect()))
}

/// `classes[].category`, or the `category` of one `class`; a document without either was not
/// looked at.
fn azure(object: &Object) -> Result<Listed, String> {
    let classes = match (value(object, "classes"), value(object, "class")) {
        (Some(Value::Array(classes)), _) => classes,
        (None | Some(Value::Null), Some(class @ Value::Object(_))) => vec![class],
        (None | Some(Value::Null), None | Some(Value::Null)) => return Ok(Listed::Unknown),
        _ => return Err("its `classes` are no list".into()),
    };
    let category = |class: &Value| class.get("category").and_then(text);
    let names: Option<Vec<String>> = classes.iter().map(category).collect();
    let names = names.ok_or("a class has no `category`")?;
    Ok(Listed::Names(Names::of(names)))
}

/// Whether it is a document of a project of Azure, and not an object with a place and classes.
fn is_document(object: &Object) -> bool {
    let raw = |key: &str| object.get(key).map_or("", RawValue::get);
    let names_category = |raw: &str| raw.contains("\"category\"");
    let is_left_blank = raw("classes") == "[]" && raw("dataset").starts_with('"');
    raw("location").starts_with('"')
        && (is_left_blank || names_category(raw("classes")) || names_category(raw("class")))
}

/// Whether it has an `answer` of Prodigy, and not one of a quiz.
fn is_answered(object: &Object) -> bool {
    let answers = ["\"accept\"", "\"reject\"", "\"ignore\""];
    object
        .get("answer")
        .is_some_and(|raw| answers.contains(&raw.get()))
}

fn value(object: &Object, key: &str) -> Option<Value> {
    serde_json::from_str(object.get(key)?.get()).ok()
}

/// The values of a list; of null and other values, none.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// One name, or a list of names.
fn names(value: &Value) -> Result<Vec<String>, String> {
    let names: Option<Vec<String>> = match value {
        Value::Array(values) => values.iter().map(text).collect(),
        other => text(other).map(|name| vec![name]),
    };
    names.ok_or_else(|| "an answer is no list of names".into())
}

/// A response with the status of the person's whole answer.
fn merged(value: &Value, status: Option<&Value>) -> Value {
    let mut response = value.clone();
    if let (Value::Object(response), Some(status)) = (&mut response, status) {
        response.insert("status".into(), status.clone());
    }
    response
}

fn has_question_keys(object: &Object) -> bool {
    object
        .keys()
        .iter()
        .any(|key| question_of(object, key).is_some())
}

/// The question that a key of a flattened record, or of a data set of Argilla 1, holds the
/// responses to.
fn question_of<'a>(object: &Object, key: &'a str) -> Option<&'a str> {
    if let Some(question) = key.strip_suffix(RESPONSES) {
        return Some(question);
    }
    object.get(&format!("{key}-suggestion")).map(|_| key)
}

/// The labelling job of a manifest: a key with metadata that has a class map.
fn job_of(object: &Object) -> Option<String> {
    let key = |key: &String| {
        let job = key.strip_suffix(METADATA)?;
        value(object, key)?.get("class-map")?;
        Some(job.to_owned())
    };
    object.keys().iter().find_map(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> Object {
        serde_json::from_str(json).unwrap()
    }

    /// The format that is detected, and the labels by their answers: yes, open, no.
    fn read(json: &str, wanted: Option<&str>) -> (LabelFormat, String) {
        let object = object(json);
        let format = Export::detect(&object).expect("an export");
        let listed = Export::new(format, wanted.map(str::to_owned)).read(&object);
        let said = match listed {
            Err(problem) => format!("! {problem}"),
            Ok(Listed::Unknown) => "unknown".into(),
            Ok(Listed::Names(names)) => [names.yes, names.open, names.no]
                .map(|names| names.join(" "))
                .join("/"),
            Ok(Listed::Each(entries)) => {
                let entries = entries.into_iter();
                let entries = entries.map(|(name, target)| format!("{name}={:?}", target.cell()));
                entries.collect::<Vec<_>>().join(" ")
            }
            Ok(Listed::Numbers(_)) => panic!("exports have names"),
        };
        (format, said)
    }

    #[test]
    fn every_tool_says_what_its_people_said() {
        use LabelFormat::{Argilla, Azure, LabelStudio, Prodigy, Sagemaker};
        let cases = [
            (
                "label studio",
                LabelStudio,
                r#"{"id":1,"data":{"text":"x"},"annotations":[{"was_cancelled":false,"result":[
                    {"from_name":"topic","type":"choices","value":{"choices":["a","b"]}}]}]}"#,
                "a b//",
            ),
            (
                "two people, and one who gave up",
                LabelStudio,
                r#"{"data":{},"annotations":[
                    {"result":[{"from_name":"t","value":{"choices":["a","b"]}}]},
                    {"result":[{"from_name":"t","value":{"choices":["a"]}}]},
                    {"was_cancelled":true,"result":[]}]}"#,
                "a/b/",
            ),
            (
                "nothing chosen",
                LabelStudio,
                r#"{"data":{},"annotations":[{"result":[]}]}"#,
                "//",
            ),
            (
                "not annotated",
                LabelStudio,
                r#"{"data":{},"annotations":[]}"#,
                "unknown",
            ),
            (
                "older label studio",
                LabelStudio,
                r#"{"data":{},"completions":[{"result":[{"from_name":"t","value":{"choices":["a"]}}]}]}"#,
                "a//",
            ),
            (
                "argilla",
                Argilla,
                r#"{"fields":{"text":"x"},"responses":{"topic":[
                    {"value":["a","b"],"user_id":"1"},{"value":["a"],"user_id":"2"},
                    {"value":["a","c"],"user_id":"3"}],"note":[{"value":"long"}]}}"#,
                "a//b c",
            ),
            (
                "argilla, by person",
                Argilla,
                r#"{"fields":{"text":"x"},"responses":[
                    {"values":{"topic":{"value":["a"]}},"status":"submitted"},
                    {"values":{"topic":{"value":["b"]}},"status":"discarded"}]}"#,
                "a//",
            ),
            (
                "argilla, flattened",
                Argilla,
                r#"{"text":"x","topic.responses":[["a","b"],["b"]],
                    "topic.responses.users":["1","2"],
                    "topic.responses.status":["submitted","draft"],"topic.suggestion":["c"]}"#,
                "a b//",
            ),
            (
                "argilla, nobody yet",
                Argilla,
                r#"{"text":"x","topic.responses":null}"#,
                "unknown",
            ),
            (
                "argilla 1",
                Argilla,
                r#"{"text":"x","topic":[{"user_id":null,"value":["a"],"status":"submitted"}],
                    "topic-suggestion":null}"#,
                "a//",
            ),
            (
                "prodigy",
                Prodigy,
                r#"{"text":"x","options":[{"id":"a","text":"A"},{"id":2}],"accept":[2],"answer":"accept"}"#,
                "a=No 2=Yes",
            ),
            (
                "prodigy, passed over",
                Prodigy,
                r#"{"text":"x","options":[{"id":"a"}],"accept":[],"answer":"ignore"}"#,
                "a=Unknown",
            ),
            (
                "prodigy, one label",
                Prodigy,
                r#"{"text":"x","label":"a","answer":"reject"}"#,
                "a=No",
            ),
            (
                "sagemaker",
                Sagemaker,
                r#"{"source":"x","job":[0,2],"job-metadata":{"class-map":{"0":"a","2":"c"}}}"#,
                "a c//",
            ),
            (
                "sagemaker without a name",
                Sagemaker,
                r#"{"source":"x","job":[1],"job-metadata":{"class-map":{}}}"#,
                "! its class-map has no name for 1",
            ),
            (
                "azure",
                Azure,
                r#"{"location":"x.txt","classes":[{"category":"a"},{"category":"c"}]}"#,
                "a c//",
            ),
            (
                "azure with one class",
                Azure,
                r#"{"location":"x.txt","class":{"category":"a"}}"#,
                "a//",
            ),
            (
                "azure without a category",
                Azure,
                r#"{"location":"x.txt","classes":[{"category":"a"},{"name":"b"}]}"#,
                "! a class has no `category`",
            ),
        ];
        for (name, format, json, expected) in cases {
            assert_eq!(read(json, None), (format, expected.to_owned()), "{name}");
        }
    }

    #[test]
    fn a_question_is_asked_for_by_its_name() {
        let json = r#"{"data":{},"annotations":[{"result":[
            {"from_name":"topic","value":{"choices":["a"]}},
            {"from_name":"tone","value":{"choices":["b"]}}]}]}"#;
        assert_eq!(read(json, Some("tone")).1, "b//");
        for (wanted, expected) in [
            (Some("tone"), Ok(Some("tone"))),
            (
                Some("other"),
                Err(vec!["tone".to_owned(), "topic".to_owned()]),
            ),
            (None, Err(vec!["tone".to_owned(), "topic".to_owned()])),
        ] {
            let mut export = Export::new(LabelFormat::LabelStudio, wanted.map(str::to_owned));
            export.read(&object(json)).unwrap();
            assert_eq!(export.question(), expected, "{wanted:?}");
        }
    }

    #[test]
    fn other_objects_are_no_exports() {
        for json in [
            r#"{"text":"x","label":["a"]}"#,
            r#"{"text":"x","answer":1,"annotations":[]}"#,
            r#"{"question":"x","answer":"42","label":"right"}"#,
            r#"{"data":1,"annotations":[]}"#,
            r#"{"text":"x","location":"Paris","language":"fr","sports":1}"#,
            r#"{"text":"x","location":"Paris","classes":["a"]}"#,
            r#"{"text":"x","responses":3}"#,
            "{}",
        ] {
            assert_eq!(Export::detect(&object(json)), None, "{json}");
        }
    }
}
