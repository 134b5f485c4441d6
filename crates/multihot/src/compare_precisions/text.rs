//! A comparison of number types as tables on screen.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::{LabelComparison, PrecisionComparison, PrecisionFigures};
use crate::metrics::text::{DASH, figure, signed, visible};

/// Writes a table for each number type but the reference, then the speeds.
pub(super) fn write(comparison: &PrecisionComparison, out: &mut dyn Write) -> io::Result<()> {
    let [reference, others @ ..] = &comparison.precisions[..] else {
        return Ok(());
    };
    for figures in others {
        write_table(reference, figures, out)?;
        writeln!(out)?;
    }
    writeln!(out, "{:12}  {:>9}", "", "tokens/s")?;
    for figures in &comparison.precisions {
        let name = figures.precision().name();
        let rate = figures.scoring.tokens_per_second;
        let rate = rate.map_or_else(|| DASH.to_owned(), |rate| format!("{rate:.0}"));
        writeln!(out, "{name:<12}  {rate:>9}")?;
    }
    writeln!(out, "{:<12}  {:>9}", "rows", comparison.rows)?;
    writeln!(out, "{:<12}  {:>9}", "known cells", comparison.known)
}

fn write_table(
    reference: &PrecisionFigures,
    figures: &PrecisionFigures,
    out: &mut dyn Write,
) -> io::Result<()> {
    let names: Vec<String> = figures
        .labels
        .iter()
        .map(|(name, _)| visible(name))
        .collect();
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let width = widest.max("macro avg".len());

    writeln!(
        out,
        "{:width$}  {:^29}  {:^29}  {:^19}  decisions",
        "", "f1-score", "average precision", "logit drift"
    )?;
    write!(out, "{:width$} ", "")?;
    let (f32, other) = (reference.precision().name(), figures.precision().name());
    for heading in [
        f32, other, "change", f32, other, "change", "largest", "mean",
    ] {
        write!(out, " {heading:>9}")?;
    }
    writeln!(out, "  {:>9}\n", "changed")?;
    let labels = reference.labels.iter().zip(&figures.labels);
    for (name, ((_, reference), (_, label))) in names.iter().zip(labels) {
        write_line(out, name, width, reference, label)?;
    }
    writeln!(out)?;
    let (reference, all) = (&reference.macro_figures, &figures.macro_figures);
    write_line(out, "macro avg", width, reference, all)
}

fn write_line(
    out: &mut dyn Write,
    name: &str,
    width: usize,
    reference: &LabelComparison,
    label: &LabelComparison,
) -> io::Result<()> {
    let cells = [
        figure(reference.f1_score),
        figure(label.f1_score),
        signed(label.f1_score_change),
        figure(reference.average_precision),
        figure(label.average_precision),
        signed(label.average_precision_change),
        figure(label.largest_drift),
        figure(label.mean_drift),
    ];
    write!(out, "{:1$}{name} ", "", width - name.width())?;
    for cell in cells {
        write!(out, " {cell:>9}")?;
    }
    writeln!(out, "  {:>9}", label.changed_decisions)
}
