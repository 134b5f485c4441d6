//! The report in words.

use serde::Serialize;

use super::data::{Label, Overall};
use super::examples::Suspects;
use super::{ReportInput, ReportKind};
use crate::train::best_epoch;

/// Yes cells below which the figures of a label are mostly noise.
const FEW: usize = 10;
/// Labels named at either end of the ranking.
const NAMED: usize = 3;

/// A sentence or two.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Sentence {
    /// How it is meant.
    pub tone: Tone,
    /// It.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Tone {
    Plain,
    Good,
    Warning,
}

/// What a person should take home.
pub(super) fn summary(
    input: &ReportInput<'_>,
    overall: &Overall,
    labels: &[Label<'_>],
    suspects: &Suspects,
) -> Vec<Sentence> {
    let plain = |text: String| Sentence {
        tone: Tone::Plain,
        text,
    };
    let warning = |text: String| Sentence {
        tone: Tone::Warning,
        text,
    };
    let mut sentences = vec![plain(what(input, overall))];
    sentences.extend(figures(overall, input).map(plain));
    sentences.extend(ranking(labels).map(plain));
    sentences.extend(baseline(input));
    sentences.push(plain(calibration(input, overall)));
    sentences.push(plain(thresholds(overall, labels)));
    sentences.extend(training(input).map(plain));
    if suspects.in_all > 0 {
        sentences.push(plain(format!(
            "{} of the table {} likely wrong, as the model sees it: look at them below before \
             trusting small differences.",
            n(suspects.in_all, "cell"),
            if suspects.in_all == 1 { "is" } else { "are" }
        )));
    }
    sentences.extend(input.warnings.iter().cloned().map(warning));
    sentences.extend(few_positives(input, labels).map(warning));
    sentences
}

fn what(input: &ReportInput<'_>, overall: &Overall) -> String {
    let (rows, labels) = (input.calibrated.rows(), input.labels().len());
    let held_out = match input.kind {
        ReportKind::Training => "held-out ",
        ReportKind::Tuning | ReportKind::Evaluation => "",
    };
    let row = if rows == 1 { "row" } else { "rows" };
    let unknown = match overall.unknown {
        0 => String::new(),
        1 => " One unknown cell counts nowhere.".into(),
        unknown => format!(" {} unknown cells count nowhere.", grouped(unknown)),
    };
    format!(
        "{} on {} {held_out}{row} of {}: {} known {}, {} of them yes.{unknown}",
        n(labels, "label"),
        grouped(rows),
        input.table,
        grouped(overall.known),
        if overall.known == 1 { "cell" } else { "cells" },
        grouped(overall.positives),
    )
}

fn figures(overall: &Overall, input: &ReportInput<'_>) -> Option<String> {
    let (macro_f1, micro_f1) = (overall.macro_f1?, overall.micro_f1?);
    let mut text = format!("Macro F1 is {macro_f1:.3}, micro F1 {micro_f1:.3}");
    if let Some(share) = overall.subset_accuracy {
        text += &format!("; in {} of the rows every answer is right", percent(share));
    }
    text += ".";
    let optimism = overall.macro_f1_fresh.filter(|_| input.tuning.is_some());
    if let Some(fresh) = optimism {
        text += &format!(
            " The thresholds were chosen on these very rows: on fresh ones expect a macro F1 of \
             about {fresh:.3}."
        );
    }
    Some(text)
}

fn ranking(labels: &[Label<'_>]) -> Option<String> {
    let mut ranked: Vec<(f64, &str)> = labels
        .iter()
        .filter(|label| label.positives > 0)
        .filter_map(|label| Some((label.f1?, label.name)))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let list = |labels: &[(f64, &str)]| {
        let named = labels
            .iter()
            .map(|(f1, name)| format!("{} ({f1:.2})", isolated(name)));
        named.collect::<Vec<_>>().join(", ")
    };
    match ranked.len() {
        0 | 1 => None,
        n if n <= 2 * NAMED => Some(format!("From best to worst by F1: {}.", list(&ranked))),
        n => {
            ranked[n - NAMED..].reverse();
            Some(format!(
                "Best by F1: {}. Worst: {}.",
                list(&ranked[..NAMED]),
                list(&ranked[n - NAMED..])
            ))
        }
    }
}

fn baseline(input: &ReportInput<'_>) -> Option<Sentence> {
    let verdict = input.baseline?.verdict(input.evaluation, input.tuning);
    Some(Sentence {
        tone: if verdict.earns_its_keep() {
            Tone::Good
        } else {
            Tone::Warning
        },
        text: verdict.to_string(),
    })
}

fn calibration(input: &ReportInput<'_>, overall: &Overall) -> String {
    let both = overall.calibration_figures;
    let (Some(raw), Some(calibrated)) = (both.raw.ece, both.calibrated.ece) else {
        return "Nothing is known about how far probabilities can be trusted.".into();
    };
    if !input.decisions.is_calibrated() {
        return format!(
            "Probabilities are the network's own; on average they are {raw:.3} off the share of \
             yes (calibration error)."
        );
    }
    let verdict = if calibrated < raw {
        "lowers"
    } else {
        "does not lower"
    };
    let fresh = if input.tuning.is_some() {
        ", cross-fitted"
    } else {
        ""
    };
    let loss = both.raw.log_loss.zip(both.calibrated.log_loss);
    let loss = loss.map_or(String::new(), |(raw, calibrated)| {
        format!("; log loss {raw:.4} before, {calibrated:.4} after")
    });
    format!(
        "Calibration {verdict} the mean calibration error: {raw:.3} before, {calibrated:.3} \
         after{fresh}{loss}."
    )
}

fn thresholds(overall: &Overall, labels: &[Label<'_>]) -> String {
    let own = labels.iter();
    let own = own.filter_map(|label| Some((label.threshold?, label.name)));
    let own: Vec<(f32, &str)> = own.collect();
    let reached = own.iter().copied();
    let mut reached: Vec<(f32, &str)> = reached.filter(|(t, _)| *t <= 1.0).collect();
    reached.sort_by(|a, b| a.0.total_cmp(&b.0));
    let never = own.len() - reached.len();
    let mut text = match never {
        0 => String::new(),
        1 => "One label is never answered with yes. ".into(),
        _ => format!("{never} labels are never answered with yes. "),
    };
    let other = if never > 0 { " other" } else { "" };
    text += &match reached[..] {
        [] => String::new(),
        [(lowest, low), .., (highest, high)] if lowest != highest => format!(
            "Each{other} label has a threshold of its own, from {lowest:.3} ({}) to {highest:.3} ({}).",
            isolated(low),
            isolated(high)
        ),
        [(lowest, _), ..] => {
            format!("A probability from {lowest:.3} up is a yes, for every{other} label.")
        }
    };
    text.truncate(text.trim_end().len());
    if own.len() < labels.len() {
        let of_all = if own.is_empty() {
            "T"
        } else {
            " In an exclusive group t"
        };
        text += of_all;
        text += "he likeliest label is the answer.";
    }
    let moved = own.iter().any(|(threshold, _)| *threshold != 0.5);
    if let (true, Some(half)) = (moved, overall.macro_f1_at_half) {
        text += &format!(" With 0.5 everywhere macro F1 would be {half:.3}.");
    }
    let unsure = labels.iter().filter(|label| label.unsure.is_some()).count();
    if unsure > 0 {
        text += &format!(" {} may be answered with unsure.", n(unsure, "label"));
    }
    text
}

fn training(input: &ReportInput<'_>) -> Option<String> {
    let best = best_epoch(input.epochs)?;
    let last = input.epochs.len() as u32;
    let advice = if best == last && last > 1 {
        " It was the last one, so more epochs may do better."
    } else {
        ""
    };
    Some(format!("Epoch {best} of {last} was kept.{advice}"))
}

/// What a tuning says itself, label by label, is said here where there was none.
fn few_positives(input: &ReportInput<'_>, labels: &[Label<'_>]) -> Option<String> {
    let few = labels.iter().filter(|label| label.positives < FEW);
    let few: Vec<String> = few.map(|label| isolated(label.name)).collect();
    if few.is_empty() || input.tuning.is_some() {
        return None;
    }
    let shown = few.len().min(2 * NAMED);
    let more = match few.len() - shown {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "Fewer than {FEW} yes cells, so that figures are mostly chance: {}{more}.",
        few[..shown].join(", ")
    ))
}

/// `name` between marks that keep its direction of writing to itself.
fn isolated(name: &str) -> String {
    format!("\u{2068}{name}\u{2069}")
}

fn n(n: usize, what: &str) -> String {
    format!("{} {what}{}", grouped(n), if n == 1 { "" } else { "s" })
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// `n` with a comma after each three digits.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (number, expected) in cases {
            assert_eq!(grouped(number), expected);
        }
    }
}
