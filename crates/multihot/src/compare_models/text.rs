//! A comparison of two models as tables on screen, and in words.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::{Difference, ModelComparison, Tally};
use crate::metrics::text::{DASH, figure, signed, visible};

/// Width of an interval with signs.
const INTERVAL: usize = 15;

/// Writes a line a label, then the figures of all labels together, then who is better in words.
///
/// A line is 86 columns wide beside the name of its label.
pub(super) fn write(comparison: &ModelComparison, out: &mut dyn Write) -> io::Result<()> {
    write_labels(comparison, out)?;
    writeln!(out)?;
    write_overall(comparison, out)?;
    writeln!(out)?;
    write_words(comparison, out)
}

fn write_labels(comparison: &ModelComparison, out: &mut dyn Write) -> io::Result<()> {
    let names = comparison.labels.iter().map(|(name, _)| visible(name));
    let names: Vec<String> = names.collect();
    let width = names.iter().map(|name| name.width()).max().unwrap_or(0);
    writeln!(out, "{:width$}  {:<40}  average precision", "", "f1-score")?;
    let headings = format!(
        "  {:>6}  {:>6}  {:>7}  {:>INTERVAL$} ",
        "A", "B", "B - A", "95 % interval"
    );
    let line = format!("{:width$}{}", "", headings.repeat(2));
    writeln!(out, "{}\n", line.trim_end())?;
    for (name, (_, label)) in names.iter().zip(&comparison.labels) {
        let mut line = format!("{:1$}{name}", "", width - name.width());
        for figure in [&label.f1_score, &label.average_precision] {
            line += &cells(&figure.difference);
            line += if figure.significant { "*" } else { " " };
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Both figures, their difference and its interval.
fn cells(of: &Difference) -> String {
    let interval = of.interval.map_or_else(
        || DASH.to_owned(),
        |interval| format!("{:+.4} {:+.4}", interval.low, interval.high),
    );
    let (a, b, difference) = (figure(of.a), figure(of.b), signed(of.difference));
    format!("  {a:>6}  {b:>6}  {difference:>7}  {interval:>INTERVAL$}")
}

fn write_overall(comparison: &ModelComparison, out: &mut dyn Write) -> io::Result<()> {
    let overall = &comparison.overall;
    let figures = [
        ("micro f1-score", overall.micro_f1),
        ("macro f1, shared labels", overall.shared_macro_f1),
        ("weighted f1-score", overall.weighted_f1),
        ("samples f1-score", overall.samples_f1),
        ("macro average precision", overall.macro_average_precision),
        ("macro roc-auc", overall.macro_roc_auc),
        ("subset accuracy", overall.subset_accuracy),
        ("hamming loss", overall.hamming_loss),
        ("log loss", overall.log_loss),
    ];
    writeln!(
        out,
        "{:23}  {:>6}  {:>6}  {:>7}  {:>INTERVAL$}  {:>6}",
        "", "A", "B", "B - A", "95 % interval", "p"
    )?;
    for (name, of) in figures {
        writeln!(out, "{name:<23}{}  {:>6}", cells(&of), figure(of.p_value))?;
    }
    writeln!(out, "{:<23}  {:>6}", "rows", comparison.rows)?;
    writeln!(out, "{:<23}  {:>6}", "known cells", comparison.known)
}

fn write_words(comparison: &ModelComparison, out: &mut dyn Write) -> io::Result<()> {
    let better = &comparison.better;
    let has_p_values = comparison.bootstrap.is_some();
    for (name, tally) in [
        ("f1-score", better.f1_score),
        ("average precision", better.average_precision),
        ("log loss", better.log_loss),
    ] {
        writeln!(out, "{name}: {}", words(tally, has_p_values))?;
    }
    let Some(draws) = comparison.bootstrap else {
        return Ok(());
    };
    writeln!(
        out,
        "significant (*): p at most 0.05 after Holm's correction over the labels, from {} draws",
        draws.replicates
    )?;
    writeln!(
        out,
        "of the same rows for both; intervals are of one label alone"
    )
}

/// Who is better, and on a second line what is left where something is.
fn words(tally: Tally, has_p_values: bool) -> String {
    let significant = |n| {
        if has_p_values {
            format!(", significant on {n}")
        } else {
            String::new()
        }
    };
    let mut words = format!(
        "B is better on {} of {} labels{}; A on {}{}",
        tally.b,
        tally.labels,
        significant(tally.b_significant),
        tally.a,
        significant(tally.a_significant)
    );
    let rest = [(tally.equal, "equal"), (tally.undefined, "without a value")];
    let rest: Vec<String> = rest
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    if !rest.is_empty() {
        words += &format!("\n  {}", rest.join(", "));
    }
    words
}
