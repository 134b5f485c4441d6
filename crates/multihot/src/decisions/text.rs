//! A tuning as tables on screen.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::{Basis, CalibrationFigures, LabelTuning, Tuning};
use crate::metrics::text::{DASH, figure, signed, threshold, visible};

/// Writes the thresholds with what to expect of them, then the calibration.
pub(super) fn write(tuning: &Tuning, out: &mut dyn Write) -> io::Result<()> {
    let names: Vec<String> = tuning
        .labels
        .iter()
        .map(|label| visible(&label.label))
        .collect();
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let table = Table {
        tuning,
        names,
        width: widest.max("all labels".len()),
    };
    table.write_thresholds(out)?;
    table.write_objectives(out)?;
    table.write_bands(out)?;
    table.write_groups(out)?;
    table.write_calibration(out)
}

struct Table<'a> {
    tuning: &'a Tuning,
    /// The labels as they are shown.
    names: Vec<String>,
    /// Columns of the screen that names take.
    width: usize,
}

impl Table<'_> {
    fn labels(&self) -> impl Iterator<Item = (&String, &LabelTuning)> {
        self.names.iter().zip(&self.tuning.labels)
    }

    /// Writes `name` at the right of its columns.
    fn write_name(&self, name: &str, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{:1$}{name}", "", self.width - name.width())
    }

    fn write_thresholds(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = self.width;
        writeln!(
            out,
            "{:width$}   threshold    yes  precision  recall  f1-score    95 % interval  optimism\n",
            ""
        )?;
        for (name, label) in self.labels() {
            self.write_name(name, out)?;
            let fresh = label.cross_fitted;
            write!(
                out,
                "  {:>9}{} {:>6} {:>10} {:>7} {:>9}",
                threshold(label.threshold),
                mark(label.basis),
                label.positives,
                figure(fresh.precision),
                figure(fresh.recall),
                figure(fresh.f1_score),
            )?;
            // Of any other figure they stand in a table of their own.
            if label.objective.is_about_f1() {
                write!(out, "{}", how_sure(label))?;
            }
            writeln!(out)?;
        }
        let all = &self.tuning.overall;
        writeln!(out)?;
        self.write_name("macro avg", out)?;
        let optimism = all.macro_f1_on_tuning_rows.zip(all.macro_f1);
        let optimism = optimism.map(|(here, fresh)| here - fresh);
        writeln!(
            out,
            "{:38} {:>9} {:>26}",
            "",
            figure(all.macro_f1),
            signed(optimism)
        )?;
        self.write_name("micro avg", out)?;
        writeln!(out, "{:38} {:>9}", "", figure(all.micro_f1))?;
        self.write_marks(out)
    }

    /// Writes the figures that thresholds are for, where that is not F1.
    fn write_objectives(&self, out: &mut dyn Write) -> io::Result<()> {
        let others = || {
            self.labels()
                .filter(|(_, label)| !label.objective.is_about_f1())
        };
        let objectives = others().map(|(_, label)| label.objective.to_string().len());
        let Some(objective) = objectives.max() else {
            return Ok(());
        };
        let (width, objective) = (self.width, objective.max("objective".len()));
        writeln!(
            out,
            "\n{:width$}  {:>objective$}    figure    95 % interval  optimism\n",
            "", "objective"
        )?;
        for (name, label) in others() {
            self.write_name(name, out)?;
            writeln!(
                out,
                "  {:>objective$}  {:>8}{}",
                label.objective.to_string(),
                figure(label.cross_fitted.objective),
                how_sure(label)
            )?;
        }
        Ok(())
    }

    /// Says what the marks behind thresholds mean, as far as there are any.
    fn write_marks(&self, out: &mut dyn Write) -> io::Result<()> {
        let legends = [
            (Basis::Shared, "the threshold of all labels together"),
            (Basis::Default, "nothing to choose it on"),
            (Basis::Given, "given"),
            (Basis::Unreached, "never reached on these rows: always no"),
            (
                Basis::Exclusive,
                "the likeliest of its exclusive group is the answer",
            ),
        ];
        for (basis, legend) in legends {
            if self.tuning.labels.iter().any(|label| label.basis == basis) {
                writeln!(out, "{} {legend}", mark(basis))?;
            }
        }
        Ok(())
    }

    fn write_bands(&self, out: &mut dyn Write) -> io::Result<()> {
        if self
            .tuning
            .labels
            .iter()
            .all(|label| label.unsure.is_none())
        {
            return Ok(());
        }
        let width = self.width;
        writeln!(
            out,
            "\n{:width$}    no below  yes from   unsure  right yes  right no\n",
            ""
        )?;
        for (name, label) in self.labels() {
            self.write_name(name, out)?;
            match label.unsure {
                Some(band) => writeln!(
                    out,
                    "   {:>9} {:>9} {:>8} {:>10} {:>9}",
                    threshold(Some(band.from)),
                    threshold(Some(band.to)),
                    figure(band.share),
                    figure(band.yes_precision),
                    figure(band.no_precision)
                )?,
                None => writeln!(out, "   {:>9} {:>9} {:>8}", DASH, DASH, figure(Some(0.0)))?,
            }
        }
        Ok(())
    }

    /// Writes a line for each exclusive group.
    fn write_groups(&self, out: &mut dyn Write) -> io::Result<()> {
        let groups = &self.tuning.exclusive;
        let names = || groups.iter().map(|group| visible(&group.name));
        let Some(width) = names().map(|name| name.width()).max() else {
            return Ok(());
        };
        let width = width.max("exclusive group".len());
        writeln!(
            out,
            "\n{:>width$}  {:>6}  {:>8}  {:>11}  {:>12}  {:>8}\n",
            "exclusive group", "rows", "accuracy", "temperature", "raw log loss", "calibr."
        )?;
        for (name, group) in names().zip(groups) {
            write!(out, "{:1$}{name}", "", width - name.width())?;
            writeln!(
                out,
                "  {:>6}  {:>8}  {:>11}  {:>12}  {:>8}",
                group.settled,
                figure(group.accuracy),
                figure(group.temperature),
                figure(group.log_loss.raw),
                figure(group.log_loss.calibrated)
            )?;
        }
        Ok(())
    }

    fn write_calibration(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = self.width;
        writeln!(
            out,
            "\n{:width$}               {:^19}  {:^19}  {:^19}",
            "", "log loss", "brier score", "calibration error"
        )?;
        write!(out, "{:width$}  calibration", "")?;
        for _ in 0..3 {
            write!(out, "  {:>8}  {:>9}", "raw", "calibr.")?;
        }
        writeln!(out, "\n")?;
        for (name, label) in self.labels() {
            self.write_name(name, out)?;
            write!(out, "  {:>11}", label.calibration)?;
            let both = label.calibration_figures;
            write_pairs(out, both.raw, both.calibrated)?;
        }
        writeln!(out)?;
        self.write_name("macro avg", out)?;
        write!(out, "  {:>11}", "")?;
        let both = self.tuning.overall.calibration_figures;
        write_pairs(out, both.raw, both.calibrated)?;
        writeln!(
            out,
            "\nWorked out on {} rows; all figures cross-fitted: each fifth of the rows as the other \
             four\nfifths would decide and calibrate it. An interval is that of the figure before it.",
            self.tuning.rows
        )
    }
}

fn write_pairs(
    out: &mut dyn Write,
    raw: CalibrationFigures,
    calibrated: CalibrationFigures,
) -> io::Result<()> {
    let pairs = [
        (raw.log_loss, calibrated.log_loss),
        (raw.brier, calibrated.brier),
        (raw.ece, calibrated.ece),
    ];
    for (raw, calibrated) in pairs {
        write!(out, "  {:>8}  {:>9}", figure(raw), figure(calibrated))?;
    }
    writeln!(out)
}

/// One sign behind a threshold that was not chosen on the label's own cells.
fn mark(basis: Basis) -> char {
    match basis {
        Basis::Own => ' ',
        Basis::Shared => '*',
        Basis::Default => '?',
        Basis::Given => '=',
        Basis::Unreached => '!',
        Basis::Exclusive => '~',
    }
}

/// The interval and the optimism of the figure that the threshold of `label` is for.
fn how_sure(label: &LabelTuning) -> String {
    format!(
        "  {:>15} {:>9}",
        interval(label.interval),
        signed(label.optimism)
    )
}

fn interval(interval: Option<[f64; 2]>) -> String {
    interval.map_or(DASH.to_owned(), |[low, high]| {
        format!("{low:.3} to {high:.3}")
    })
}
