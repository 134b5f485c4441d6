//! A survey on screen.

use std::io::{self, Write};

use super::findings::percent;
use super::{Lengths, Survey, TrainingTime};

/// Writes `survey` for a person.
pub(super) fn write(survey: &Survey, out: &mut dyn Write) -> io::Result<()> {
    write_heading(survey, out)?;
    write_labels(survey, out)?;
    if !survey.carried.is_empty() {
        let carried: Vec<String> = survey
            .carried
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        writeln!(out, "carried along: {}", carried.join(", "))?;
    }
    if !survey.languages.is_empty() {
        let languages = survey.languages.iter();
        let languages: Vec<String> = languages
            .map(|l| format!("{} {}", l.language, percent(l.share)))
            .collect();
        writeln!(out, "languages: {}", languages.join(", "))?;
    }
    if let Some(lengths) = &survey.lengths {
        write_lengths(lengths, out)?;
    }
    if let Some(training) = &survey.training {
        write_time(training, out)?;
    }
    write_findings(survey, out)
}

fn write_heading(survey: &Survey, out: &mut dyn Write) -> io::Result<()> {
    let rows = if survey.rows == 1 { "row" } else { "rows" };
    let pair = survey.pair_column.as_ref();
    let pair = pair.map_or(String::new(), |pair| format!(", second text in `{pair}`"));
    let ids = match &survey.id_column {
        Some(id) => format!("id in `{id}`"),
        None => "ids are row numbers".to_owned(),
    };
    let labels = survey.label_reading.described();
    writeln!(
        out,
        "{}: {} {rows}, text in `{}`{pair}, {ids}{}",
        survey.source,
        survey.rows,
        survey.text_columns.join("` + `"),
        labels.map_or(String::new(), |labels| format!(", {labels}"))
    )
}

/// A line for each label: its cells, and how well its F1 can be known from held-out rows.
fn write_labels(survey: &Survey, out: &mut dyn Write) -> io::Result<()> {
    if survey.labels.is_empty() {
        return Ok(());
    }
    let names = survey
        .labels
        .iter()
        .map(|label| label.label.chars().count());
    let name = names.max().unwrap_or(0).max("label".len());
    writeln!(
        out,
        "  {:name$}  {:>9}  {:>9}  {:>9}  {:>8}  {:>9}",
        "label", "yes", "no", "unknown", "held out", "F1 within"
    )?;
    for label in &survey.labels {
        let noise = label
            .f1_noise
            .map_or("-".to_owned(), |noise| format!("±{noise:.2}"));
        writeln!(
            out,
            "  {:name$}  {:>9}  {:>9}  {:>9}  {:>8.0}  {noise:>9}",
            label.label, label.yes, label.no, label.unknown, label.held_out_yes
        )?;
    }
    writeln!(
        out,
        "(held out: yes cells to expect when `train` holds rows out; F1 within: how well F1 is known from so many)"
    )
}

fn write_lengths(lengths: &Lengths, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "tokens of a text: mean {:.0}, half up to {}, 95 % up to {}, longest {} ({} texts; the encoder reads {})",
        lengths.mean,
        lengths.median,
        lengths.percentile_95,
        lengths.longest,
        lengths.texts,
        lengths.limit
    )?;
    let cuts = lengths
        .cut
        .iter()
        .map(|cut| format!("{} at {}", percent(cut.share), cut.length));
    writeln!(
        out,
        "texts that would be cut: {}",
        cuts.collect::<Vec<_>>().join(", ")
    )?;
    let per_word = lengths
        .tokens_per_word
        .map_or("-".into(), |tokens| format!("{tokens:.2}"));
    let unknown = match lengths.unknown_tokens {
        Some(share) => format!("{} of the tokens unknown", percent(share)),
        None => "no token is unknown to this tokenizer".to_owned(),
    };
    writeln!(out, "vocabulary: {per_word} tokens a word, {unknown}")
}

fn write_time(training: &TrainingTime, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "time: {} epochs take about {} here ({:.0} tokens/s in {}, {} threads, rows up to {} tokens)",
        training.epochs,
        duration(training.seconds),
        training.tokens_per_s,
        training.precision,
        training.threads,
        training.max_length
    )
}

fn duration(seconds: f64) -> String {
    match seconds {
        ..90.0 => format!("{seconds:.0} seconds"),
        90.0..5400.0 => format!("{:.0} minutes", seconds / 60.0),
        _ => format!("{:.1} hours", seconds / 3600.0),
    }
}

fn write_findings(survey: &Survey, out: &mut dyn Write) -> io::Result<()> {
    for finding in &survey.findings {
        let kind = if finding.spoils { "problem" } else { "note" };
        writeln!(out, "{kind}: {}", finding.message)?;
        if let Some(advice) = &finding.advice {
            writeln!(out, "  hint: {advice}")?;
        }
    }
    if survey.findings.is_empty() {
        writeln!(out, "nothing odd was found")?;
    }
    Ok(())
}
