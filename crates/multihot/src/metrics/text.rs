//! An evaluation as a table on screen.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::report::AVERAGES;
use super::{Averages, Evaluation, Interval, ReportLine};
use crate::classifier::THRESHOLD;
use crate::decisions::AnswerFigures;

/// Written for what has no value.
pub(crate) const DASH: &str = "-";
/// The lines of the table that average: the other two stand below, as their names would widen it.
const AVERAGE_LINES: usize = 4;
/// Width of an interval.
const INTERVAL: usize = 13;

/// Writes `evaluation` in scikit-learn's layout with more columns, then the overall figures.
///
/// With intervals and thresholds a line is 86 columns wide beside the name of its label.
pub(super) fn write_summary(evaluation: &Evaluation, out: &mut dyn Write) -> io::Result<()> {
    Table::of(evaluation).write(out)?;
    writeln!(out)?;
    write_figures(evaluation, out)?;
    let mut groups = evaluation.exclusive.iter();
    groups.try_for_each(|group| group.write_text(out))?;
    write_answers(evaluation, out)
}

/// Writes how answers turn out that may be "unsure", where there are any.
fn write_answers(evaluation: &Evaluation, out: &mut dyn Write) -> io::Result<()> {
    let labels = evaluation.labels.iter();
    let answers = labels.filter_map(|label| Some((visible(&label.name), label.answers?)));
    let answers: Vec<(String, AnswerFigures)> = answers.collect();
    let Some(width) = answers.iter().map(|(name, _)| name.width()).max() else {
        return Ok(());
    };
    writeln!(
        out,
        "\nanswers with those left unsure; all other figures are those of thresholds alone"
    )?;
    writeln!(out, "{:width$}    unsure  right yes  right no\n", "")?;
    for (name, answers) in &answers {
        write!(out, "{:1$}{name}", "", width - name.width())?;
        writeln!(
            out,
            "  {:>8}  {:>9}  {:>8}",
            figure(answers.unsure),
            figure(answers.yes_precision),
            figure(answers.no_precision)
        )?;
    }
    Ok(())
}

/// Writes the summary, then the further averages, the ranking of rows, and calibration.
pub(super) fn write(evaluation: &Evaluation, out: &mut dyn Write) -> io::Result<()> {
    write_summary(evaluation, out)?;
    writeln!(out)?;
    write_averages(evaluation, out)?;
    writeln!(out)?;
    write_pairs(out, &rows_title(evaluation), &row_figures(evaluation))?;
    writeln!(out)?;
    let title = "calibration, mean over labels";
    write_pairs(out, title, &calibration_figures(evaluation))
}

/// What the table of labels and averages is written with.
struct Table<'a> {
    evaluation: &'a Evaluation,
    /// Of the names.
    width: usize,
    has_thresholds: bool,
}

/// The cells of a line of the table.
struct Line<'a> {
    name: &'a str,
    report: &'a ReportLine,
    /// Of F1.
    interval: Option<Interval>,
    roc_auc: Option<f64>,
    average_precision: Option<f64>,
    threshold: Option<f32>,
}

impl<'a> Table<'a> {
    fn of(evaluation: &'a Evaluation) -> Self {
        let names = evaluation.labels.iter();
        let widest = names.map(|label| visible(&label.name).width()).max();
        let mut thresholds = evaluation.labels.iter().map(|label| label.threshold);
        Self {
            evaluation,
            width: widest.unwrap_or(0).max("weighted avg".len()),
            has_thresholds: thresholds.any(|threshold| threshold.is_some_and(|t| t != THRESHOLD)),
        }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let intervals = self.evaluation.intervals.as_ref();
        self.write_headings(out)?;
        let report = &self.evaluation.report;
        let labels = report.labels.iter().zip(&self.evaluation.labels);
        for (i, ((name, line), label)) in labels.enumerate() {
            self.write_line(
                out,
                &Line {
                    name: &visible(name),
                    report: line,
                    interval: intervals.and_then(|of| of.report.labels[i].1.f1_score),
                    roc_auc: label.roc_auc,
                    average_precision: label.average_precision,
                    threshold: label.threshold,
                },
            )?;
        }
        writeln!(out)?;
        let averages = AVERAGES.iter().zip(report.averages());
        let scores = averages.zip(scores(self.evaluation));
        for (i, ((name, line), scores)) in scores.enumerate().take(AVERAGE_LINES) {
            self.write_line(
                out,
                &Line {
                    name,
                    report: line,
                    interval: intervals.and_then(|of| of.report.averages()[i].f1_score),
                    roc_auc: scores.roc_auc,
                    average_precision: scores.average_precision,
                    threshold: None,
                },
            )?;
        }
        Ok(())
    }

    fn write_headings(&self, out: &mut dyn Write) -> io::Result<()> {
        let headings = "precision    recall  f1-score   support";
        write!(out, "{:1$}  {headings}", "", self.width)?;
        if self.evaluation.intervals.is_some() {
            write!(out, "  {:>INTERVAL$}", "f1 interval")?;
        }
        write!(out, "  roc-auc  avg prec")?;
        if self.has_thresholds {
            write!(out, "  threshold")?;
        }
        writeln!(out, "\n")
    }

    /// Writes a line, the name on the right of its width.
    fn write_line(&self, out: &mut dyn Write, line: &Line<'_>) -> io::Result<()> {
        let (name, report) = (line.name, line.report);
        // Not `{name:>width$}`, which counts characters where the screen has columns.
        write!(out, "{:1$}{name} ", "", self.width - name.width())?;
        for value in [report.precision, report.recall, report.f1_score] {
            write!(out, " {:>9}", figure(value))?;
        }
        write!(out, " {:>9}", report.support)?;
        if self.evaluation.intervals.is_some() {
            write!(out, "  {:>INTERVAL$}", range(line.interval))?;
        }
        let (roc_auc, average_precision) = (line.roc_auc, line.average_precision);
        write!(out, "  {:>7}", figure(roc_auc))?;
        write!(out, "  {:>8}", figure(average_precision))?;
        if self.has_thresholds && line.threshold.is_some() {
            write!(out, "  {:>9}", threshold(line.threshold))?;
        }
        writeln!(out)
    }
}

/// The averages in the order of the report's.
fn scores(evaluation: &Evaluation) -> [&Averages; AVERAGE_LINES] {
    [
        &evaluation.micro_scores,
        &evaluation.macro_scores,
        &evaluation.weighted_scores,
        &evaluation.samples_scores,
    ]
}

fn write_averages(evaluation: &Evaluation, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{:25}", "")?;
    for name in ["micro", "macro", "weighted", "samples"] {
        write!(out, " {name:>9}")?;
    }
    writeln!(out)?;
    type Value = fn(&Averages) -> Option<f64>;
    let figures: [(&str, Value); 8] = [
        ("accuracy", |of| of.decisions.accuracy),
        ("balanced accuracy", |of| of.decisions.balanced_accuracy),
        ("specificity", |of| of.decisions.specificity),
        ("negative predictive value", |of| {
            of.decisions.negative_predictive_value
        }),
        ("jaccard", |of| of.decisions.jaccard),
        ("f0.5-score", |of| of.decisions.f_half_score),
        ("f2-score", |of| of.decisions.f2_score),
        ("matthews correlation", |of| {
            of.decisions.matthews_correlation
        }),
    ];
    for (name, value) in figures {
        write!(out, "{name:<25}")?;
        for averages in scores(evaluation) {
            write!(out, " {:>9}", figure(value(averages)))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn rows_title(evaluation: &Evaluation) -> String {
    let ranking = &evaluation.ranking;
    let (yes, both) = (ranking.rows_with_yes, ranking.rows_with_both);
    format!("labels as each row ranks them ({yes} rows with a yes, {both} with a no too)")
}

fn row_figures(evaluation: &Evaluation) -> Vec<(String, Option<f64>)> {
    let ranking = &evaluation.ranking;
    let mut figures = vec![
        ("lrap".into(), ranking.label_ranking_average_precision),
        ("ndcg".into(), ranking.ndcg),
        ("one-error".into(), ranking.one_error),
        ("coverage error".into(), ranking.coverage_error),
        ("ranking loss".into(), ranking.label_ranking_loss),
    ];
    let tops = ranking.precision_at.iter().zip(&ranking.recall_at);
    for (&(k, precision), &(_, recall)) in tops {
        figures.push((format!("precision at {k}"), precision));
        figures.push((format!("recall at {k}"), recall));
    }
    figures
}

fn calibration_figures(evaluation: &Evaluation) -> Vec<(String, Option<f64>)> {
    let calibration = &evaluation.calibration;
    let width = &calibration.equal_width;
    vec![
        ("brier".into(), calibration.brier),
        ("ece".into(), calibration.ece),
        ("mce".into(), calibration.mce),
        ("equal width: l1".into(), width.l1),
        ("l2".into(), width.l2),
        ("max".into(), width.max),
    ]
}

/// Writes figures below their title, three a line.
fn write_pairs(
    out: &mut dyn Write,
    title: &str,
    figures: &[(String, Option<f64>)],
) -> io::Result<()> {
    writeln!(out, "{title}")?;
    for line in figures.chunks(3) {
        let pairs: Vec<String> = line
            .iter()
            .map(|(name, value)| format!("{name:<15} {:>8}", figure(*value)))
            .collect();
        writeln!(out, "  {}", pairs.join("    "))?;
    }
    Ok(())
}

fn write_figures(evaluation: &Evaluation, out: &mut dyn Write) -> io::Result<()> {
    let of = evaluation.intervals.as_ref();
    for (name, value, interval, note) in overall(evaluation) {
        let mut line = format!("{name:<23}  {:>9}", figure(value));
        if of.is_some() {
            line += &format!("  {:>INTERVAL$}", range(interval));
        }
        writeln!(out, "{}", format!("{line}   {note}").trim_end())?;
    }
    let mut line = format!("{:<23}  {:>9}", "rows", evaluation.rows);
    if let Some(of) = of {
        let replicates = of.draws.replicates;
        line += &format!("   drawn {replicates} times for the 95 % intervals");
    }
    writeln!(out, "{line}")
}

/// The figures over all labels: name, value, interval, and what it is taken over.
fn overall(evaluation: &Evaluation) -> [(&'static str, Option<f64>, Option<Interval>, String); 7] {
    let n_labels = evaluation.labels.len();
    let count = |is_in: &dyn Fn(usize) -> bool| (0..n_labels).filter(|&i| is_in(i)).count();
    let ranked = count(&|i| evaluation.labels[i].roc_auc.is_some());
    let supported = count(&|i| evaluation.labels[i].positives > 0);
    let over = |labels| format!("over {labels} of {n_labels} labels");
    let (report, macros) = (&evaluation.report, &evaluation.macro_scores);
    let of = evaluation.intervals.as_ref();
    [
        (
            "macro f1, with support",
            report.supported_macro_average.f1_score,
            of.and_then(|of| of.report.supported_macro_average.f1_score),
            over(supported),
        ),
        (
            "macro f1, all labels",
            report.all_macro_average.f1_score,
            of.and_then(|of| of.report.all_macro_average.f1_score),
            "a label without a value counts as 0".into(),
        ),
        (
            "macro roc-auc",
            macros.roc_auc,
            of.and_then(|of| of.macro_scores.roc_auc),
            over(ranked),
        ),
        (
            "macro average precision",
            macros.average_precision,
            of.and_then(|of| of.macro_scores.average_precision),
            over(ranked),
        ),
        (
            "subset accuracy",
            evaluation.subset_accuracy,
            of.and_then(|of| of.subset_accuracy),
            String::new(),
        ),
        (
            "hamming loss",
            evaluation.hamming_loss,
            of.and_then(|of| of.hamming_loss),
            String::new(),
        ),
        (
            "log loss",
            evaluation.log_loss,
            of.and_then(|of| of.log_loss),
            String::new(),
        ),
    ]
}

/// Four digits behind the point, or the dash.
pub(crate) fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| DASH.to_owned(), |value| format!("{value:.4}"))
}

/// A threshold, a dash where there is none or no probability reaches it.
pub(crate) fn threshold(threshold: Option<f32>) -> String {
    let reached = threshold.filter(|threshold| *threshold <= 1.0);
    reached.map_or_else(|| DASH.to_owned(), |threshold| format!("{threshold:.4}"))
}

/// An interval, or the dash.
fn range(interval: Option<Interval>) -> String {
    interval.map_or_else(
        || DASH.to_owned(),
        |Interval { low, high }| format!("{low:.4}-{high:.4}"),
    )
}

/// A change with its sign, and without one where it rounds to nothing.
pub(crate) fn signed(change: Option<f64>) -> String {
    let Some(change) = change else {
        return DASH.to_owned();
    };
    let text = format!("{change:+.4}");
    match text.trim_start_matches(['+', '-']) {
        "0.0000" => "0.0000".to_owned(),
        _ => text,
    }
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
