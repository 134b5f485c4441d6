//! What a survey comes to: what spoils a result, and what is worth knowing.

use serde::Serialize;

use super::answers::MOST_PAIRED;
use super::{AgainstSurvey, LabelSurvey, Lengths, Marks, Survey};

/// Yes cells among the held-out rows below which a label's threshold is not its own.
const FEWEST_HELD_OUT: f64 = 10.0;
/// Rows below which a held-out part says little.
const FEWEST_ROWS: usize = 100;
/// Shares from which something spoils the result.
const SPOILING_LEAK: f64 = 0.005;
const SPOILING_CONTRADICTIONS: f64 = 0.01;
const SPOILING_CHARACTERS: f64 = 0.01;
const SPOILING_UNKNOWN_TOKENS: f64 = 0.05;
const SPOILING_EMPTY: f64 = 0.1;
const SPOILING_CUT: f64 = 0.5;
/// Shares from which something is worth a line.
const NOTED_CUT: f64 = 0.01;
const NOTED_UNKNOWN_TOKENS: f64 = 0.005;
const NOTED_UNKNOWN_CELLS: f64 = 0.5;
const NOTED_LANGUAGE: f64 = 0.1;
/// Tokens of a word from which the vocabulary seems to be of another language.
const MANY_TOKENS_PER_WORD: f64 = 1.8;
/// Names that a sentence lists.
const LISTED: usize = 8;

/// Something to know before a training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Whether it would spoil the model, or the figures about it.
    pub spoils: bool,
    /// What it is.
    pub message: String,
    /// What to do about it, where something is to be done.
    pub advice: Option<String>,
}

fn finding(spoils: bool, message: String, advice: &str) -> Finding {
    Finding {
        spoils,
        message,
        advice: (!advice.is_empty()).then(|| advice.to_owned()),
    }
}

/// All there is to say about `survey`, the worst first.
pub(super) fn findings(survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    let notes = survey.notes.iter();
    findings.extend(notes.map(|note| finding(false, note.clone(), "")));
    findings.extend(labels(survey));
    findings.extend(together(survey));
    findings.extend(texts(survey));
    findings.extend(repeats(survey));
    findings.extend(survey.against.iter().flat_map(against));
    findings.extend(survey.lengths.iter().flat_map(lengths));
    findings.sort_by_key(|finding| !finding.spoils);
    findings
}

fn labels(survey: &Survey) -> Vec<Finding> {
    if survey.labels.is_empty() {
        let message = "no column holds yes/no words: a table to predict on, not to train on";
        return vec![finding(false, message.into(), "")];
    }
    let all = [
        few_rows(survey),
        never(survey, "yes", |label| label.yes),
        never(survey, "no", |label| label.no),
        rare(survey),
        mostly_unknown(survey),
    ];
    all.into_iter().flatten().collect()
}

fn few_rows(survey: &Survey) -> Option<Finding> {
    let rows = survey.rows;
    let message = format!("{rows} rows are few: figures on held-out rows will be mostly noise");
    let advice = "answer more rows, or use `train --folds 5`, which holds out each row once";
    (rows < FEWEST_ROWS).then(|| finding(false, message, advice))
}

/// Labels of which no cell has an `answer`, which `count` counts.
fn never(survey: &Survey, answer: &str, count: fn(&LabelSurvey) -> usize) -> Option<Finding> {
    let none = named(&survey.labels, |label| count(label) == 0)?;
    let them = if none.len() == 1 { "it" } else { "them" };
    let message = format!(
        "never {answer}: {}; nothing can be learned about {them}",
        list(&none)
    );
    let advice = "leave it out with `--ignore`, or find rows of the other answer";
    Some(finding(true, message, advice))
}

/// Labels whose F1 says little where rows are held out.
fn rare(survey: &Survey) -> Option<Finding> {
    let is_rare = |label: &LabelSurvey| label.yes > 0 && label.held_out_yes < FEWEST_HELD_OUT;
    let rare = named(&survey.labels, is_rare)?;
    let noises = survey.labels.iter().filter_map(|label| label.f1_noise);
    let noise = noises.fold(0.0, f64::max);
    let message = format!(
        "fewer than {FEWEST_HELD_OUT} yes cells are to be expected among held-out rows for {}: \
         F1 is known to ±{noise:.2} at worst",
        list(&rare)
    );
    let advice = "find more rows of these labels, or use `train --folds 5`";
    Some(finding(false, message, advice))
}

fn mostly_unknown(survey: &Survey) -> Option<Finding> {
    let most = NOTED_UNKNOWN_CELLS * survey.rows as f64;
    let unknown = named(&survey.labels, |label| label.unknown as f64 > most)?;
    let message = format!(
        "more than half of the cells are unknown for {}",
        list(&unknown)
    );
    let advice = "unknown cells cost nothing in training; where a blank means no, write `no`";
    Some(finding(false, message, advice))
}

/// Labels that seem to belong together.
fn together(survey: &Survey) -> Vec<Finding> {
    let n_labels = survey.labels.len();
    if n_labels > MOST_PAIRED {
        let message = format!(
            "{n_labels} labels are too many to compare each with each: which exclude or imply \
             one another is not looked at"
        );
        return vec![finding(false, message, "")];
    }
    let has_unknown = |name: &String| {
        let label = survey.labels.iter().find(|label| label.label == *name);
        label.is_some_and(|label| label.unknown > 0)
    };
    let groups = survey.exclusive.iter().map(|group| {
        let names: Vec<&str> = group.iter().map(String::as_str).collect();
        let row = match group.iter().any(has_unknown) {
            true => "in every row where all are known",
            false => "in every row",
        };
        let message = format!("{row} exactly one holds of {}", list(&names));
        let advice = format!(
            "`--exclusive NAME={}` makes them one question with one answer",
            group.join(",")
        );
        finding(false, message, &advice)
    });
    let at_most_one = survey.at_most_one.iter().map(|group| {
        let names: Vec<&str> = group.iter().map(String::as_str).collect();
        let message = format!("two never hold in one row of {}", list(&names));
        let advice = format!(
            "where it must be so, `--exclusive 'NAME?={}'` makes them one question with one answer, \
             or none",
            group.join(",")
        );
        finding(false, message, &advice)
    });
    let implied = survey
        .implied
        .iter()
        .take(LISTED)
        .map(|[cause, consequence]| {
            let message = format!("`{cause}` is only true where `{consequence}` is");
            let advice = format!(
                "where it must be so, `--implies {cause}:{consequence}` keeps answers consistent"
            );
            finding(false, message, &advice)
        });
    groups.chain(at_most_one).chain(implied).collect()
}

fn texts(survey: &Survey) -> Vec<Finding> {
    let Marks {
        empty,
        mojibake,
        replaced,
        control,
        html,
    } = survey.marks;
    let wrong_encoding = "export the table again as UTF-8";
    let mark = |count: usize, spoiling: f64, what: &str, why: &str, advice: &str| {
        let rows = if count == 1 { "row" } else { "rows" };
        let share = count as f64 / survey.rows.max(1) as f64;
        let message = format!("{what} in {count} {rows}{why}");
        (count > 0).then(|| finding(share >= spoiling, message, advice))
    };
    let all = [
        mark(
            empty,
            SPOILING_EMPTY,
            "no text",
            "",
            "empty texts teach nothing but the base rates: leave these rows out",
        ),
        mark(
            mojibake,
            SPOILING_CHARACTERS,
            "`Ã©` for `é` or the like",
            ": the file was written or read in a wrong encoding",
            wrong_encoding,
        ),
        mark(
            replaced,
            SPOILING_CHARACTERS,
            "U+FFFD",
            ": it stands where a character was lost",
            wrong_encoding,
        ),
        mark(
            control,
            SPOILING_CHARACTERS,
            "control characters",
            "",
            "see what wrote them: a wrong encoding, or a broken export",
        ),
        mark(
            html,
            f64::INFINITY,
            "tags or entities of web pages, such as `<br>` or `&amp;`",
            "",
            "the encoder reads them as words: clean them, also in what is predicted later",
        ),
        languages(survey),
    ];
    all.into_iter().flatten().collect()
}

fn languages(survey: &Survey) -> Option<Finding> {
    let languages = survey.languages.iter();
    let large = languages.filter(|language| language.share >= NOTED_LANGUAGE);
    let large: Vec<String> = large
        .map(|language| format!("{} {}", language.language, percent(language.share)))
        .collect();
    let message = format!("texts are in several languages: {}", large.join(", "));
    let advice = "take an encoder that was trained on all of them";
    (large.len() > 1).then(|| finding(false, message, advice))
}

fn repeats(survey: &Survey) -> Vec<Finding> {
    let repeats = &survey.repeats;
    let mut findings = Vec::new();
    if let Some(first) = repeats.contradictions.first() {
        let count = repeats.contradicted;
        let message = format!(
            "{} opposite answers, such as `{}` at {} (yes) and {} (no)",
            if count == 1 {
                "1 text has".into()
            } else {
                format!("{count} texts have")
            },
            first.label,
            first.yes,
            first.no
        );
        let spoils = count as f64 >= SPOILING_CONTRADICTIONS * survey.rows as f64;
        findings.push(finding(spoils, message, "decide which answer is right"));
    }
    if let Some(first) = repeats.equal_examples.first() {
        let message = format!(
            "{} the text of an earlier row, such as {} that of {}",
            have(repeats.equal),
            first.row,
            first.other
        );
        findings.push(finding(
            false,
            message,
            "when rows are held out, rows of one text stay on one side",
        ));
    }
    if let Some(first) = repeats.near_examples.first() {
        let message = format!(
            "{} nearly the text of an earlier row, such as {} that of {}",
            have(repeats.near),
            first.row,
            first.other
        );
        let advice = "held-out figures are too good where such rows fall on both sides: `--group COLUMN` keeps rows of one source together";
        findings.push(finding(false, message, advice));
    }
    findings
}

fn against(other: &AgainstSurvey) -> Vec<Finding> {
    let mut findings = Vec::new();
    let shared = &other.shared;
    let pairs = [
        ("", shared.equal, &shared.equal_examples),
        ("nearly ", shared.near, &shared.near_examples),
    ];
    for (nearly, count, examples) in pairs {
        let Some(first) = examples.first() else {
            continue;
        };
        let share = count as f64 / other.rows.max(1) as f64;
        let message = format!(
            "{}: {count} of {} rows ({}) have {nearly}a text of this table, such as {} that of {}",
            other.source,
            other.rows,
            percent(share),
            first.row,
            first.other
        );
        let advice = "figures on rows that were learned from are too good: take these rows out of one of the two tables";
        findings.push(finding(share >= SPOILING_LEAK, message, advice));
    }
    if !other.missing.is_empty() {
        let missing: Vec<&str> = other.missing.iter().map(String::as_str).collect();
        let message = format!("{}: no label {}", other.source, list(&missing));
        findings.push(finding(
            false,
            message,
            "a held-out table needs the labels of the table that is learned from",
        ));
    }
    findings
}

fn lengths(lengths: &Lengths) -> Vec<Finding> {
    let mut findings = Vec::new();
    let at_limit = lengths.cut.last().filter(|cut| cut.share >= NOTED_CUT);
    if let Some(cut) = at_limit {
        let message = format!(
            "{} of the texts are longer than {} tokens and would be cut; {} of all tokens would be lost",
            percent(cut.share),
            cut.length,
            percent(cut.tokens)
        );
        findings.push(finding(
            cut.share >= SPOILING_CUT,
            message,
            &format!("`--windows {}` reads long texts whole", cut.length),
        ));
    }
    if let Some(share) = lengths
        .unknown_tokens
        .filter(|share| *share >= NOTED_UNKNOWN_TOKENS)
    {
        let message = format!(
            "{} of the tokens are unknown to the encoder's vocabulary",
            percent(share)
        );
        let advice =
            "take an encoder of the language, or see whether its tokenizer is the right one";
        findings.push(finding(share >= SPOILING_UNKNOWN_TOKENS, message, advice));
    }
    if let Some(tokens) = lengths
        .tokens_per_word
        .filter(|tokens| *tokens >= MANY_TOKENS_PER_WORD)
    {
        let message = format!(
            "a word takes {tokens:.1} tokens; 1.1 to 1.6 are usual where the vocabulary is of the language"
        );
        findings.push(finding(false, message, "take an encoder of the language"));
    }
    findings
}

/// Names of the labels that are meant; `None` where none is.
fn named(labels: &[LabelSurvey], is_meant: impl Fn(&LabelSurvey) -> bool) -> Option<Vec<&str>> {
    let meant = labels.iter().filter(|label| is_meant(label));
    let names: Vec<&str> = meant.map(|label| label.label.as_str()).collect();
    (!names.is_empty()).then_some(names)
}

fn list(names: &[&str]) -> String {
    let mut quoted: Vec<String> = names
        .iter()
        .take(LISTED)
        .map(|name| format!("`{name}`"))
        .collect();
    if names.len() > LISTED {
        quoted.push(format!("{} more", names.len() - LISTED));
    }
    quoted.join(", ")
}

fn have(rows: usize) -> String {
    if rows == 1 {
        "1 row has".into()
    } else {
        format!("{rows} rows have")
    }
}

/// A share in per cent, with as many places as tell it from nothing.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        0.0 => "0 %".to_owned(),
        10.0.. => format!("{percent:.0} %"),
        0.1.. => format!("{percent:.1} %"),
        _ => format!("{percent:.2} %"),
    }
}
