//! An evaluation as a table on screen.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::{Evaluation, ReportLine};

/// Written for what has no value.
pub(crate) const DASH: &str = "-";

/// Writes `evaluation` in scikit-learn's layout with two more columns, then the single figures.
pub(super) fn write(evaluation: &Evaluation, out: &mut dyn Write) -> io::Result<()> {
    write_table(evaluation, out)?;
    writeln!(out)?;
    write_figures(evaluation, out)
}

fn write_table(evaluation: &Evaluation, out: &mut dyn Write) -> io::Result<()> {
    let report = &evaluation.report;
    let names: Vec<String> = report
        .labels
        .iter()
        .map(|(name, _)| visible(name))
        .collect();
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let width = widest.max("weighted avg".len());

    write!(
        out,
        "{:width$}  precision    recall  f1-score   support",
        ""
    )?;
    writeln!(out, "   roc-auc  average precision\n")?;
    for ((name, (_, line)), label) in names.iter().zip(&report.labels).zip(&evaluation.labels) {
        write_line(out, name, width, line)?;
        writeln!(
            out,
            " {:>9}  {:>17}",
            figure(label.roc_auc),
            figure(label.average_precision)
        )?;
    }
    writeln!(out)?;
    for (name, line) in report.averages() {
        write_line(out, name, width, line)?;
        writeln!(out)?;
    }
    Ok(())
}

/// Writes the columns that labels and averages share, the name on the right of its `width`.
fn write_line(out: &mut dyn Write, name: &str, width: usize, line: &ReportLine) -> io::Result<()> {
    // Not `{name:>width$}`, which counts characters where the screen has columns.
    write!(out, "{:1$}{name} ", "", width - name.width())?;
    for value in [line.precision, line.recall, line.f1_score] {
        write!(out, " {:>9}", figure(value))?;
    }
    write!(out, " {:>9}", line.support)
}

fn write_figures(evaluation: &Evaluation, out: &mut dyn Write) -> io::Result<()> {
    let ranked = evaluation
        .labels
        .iter()
        .filter(|label| label.roc_auc.is_some())
        .count();
    let over = format!("   over {ranked} of {} labels", evaluation.labels.len());
    let macros = &evaluation.macro_scores;
    let figures = [
        ("macro roc-auc", macros.roc_auc, over.as_str()),
        ("macro average precision", macros.average_precision, &over),
        ("subset accuracy", evaluation.subset_accuracy, ""),
        ("hamming loss", evaluation.hamming_loss, ""),
        ("log loss", evaluation.log_loss, ""),
    ];
    for (name, value, note) in figures {
        writeln!(out, "{name:<23}  {:>9}{note}", figure(value))?;
    }
    writeln!(out, "{:<23}  {:>9}", "rows", evaluation.rows)
}

/// Four digits behind the point, or the dash.
pub(crate) fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| DASH.to_owned(), |value| format!("{value:.4}"))
}

/// `name` with its control characters escaped: a line break would tear the table.
pub(crate) fn visible(name: &str) -> String {
    let escaped = |c: char| {
        if c.is_control() {
            c.escape_default().collect()
        } else {
            c.to_string()
        }
    };
    name.chars().map(escaped).collect()
}
