//! What was measured, as tables on screen.

use std::io::{self, Write};

use super::{BenchReport, Roofline, Speed, WhereTimeGoes};

/// Writes all sections of `report`.
pub(super) fn write(report: &BenchReport, out: &mut dyn Write) -> io::Result<()> {
    write_head(report, out)?;
    write_peak(report, out)?;
    for roofline in &report.roofline {
        write_roofline(roofline, out)?;
    }
    write_speeds("tokens a second", &report.tokens, out)?;
    for breakdown in &report.breakdown {
        write_breakdown(breakdown, out)?;
    }
    write_speeds("sweep: tokens a second", &report.sweep, out)
}

fn write_head(report: &BenchReport, out: &mut dyn Write) -> io::Result<()> {
    let (model, machine) = (&report.model, &report.machine);
    writeln!(
        out,
        "model    {}: {}, {} layers, {} wide, {} inside, {} word pieces",
        model.name,
        model.family,
        model.layers,
        model.hidden_size,
        model.intermediate_size,
        model.vocab_size
    )?;
    writeln!(
        out,
        "machine  {}, threads {}, instruction set {}",
        machine.cpu.as_deref().unwrap_or("unknown processor"),
        machine.threads,
        machine.instruction_set
    )
}

fn write_peak(report: &BenchReport, out: &mut dyn Write) -> io::Result<()> {
    let section = "peak of this machine, from registers, in GFLOP/s (int8: GOP/s)";
    writeln!(out, "\n{section}\n")?;
    let header = ["", "one thread", "all threads"].map(String::from);
    let lines = report.peak.iter().map(|peak| {
        vec![
            peak.precision.to_owned(),
            format!("{:.1}", peak.gops_one_thread),
            format!("{:.1}", peak.gops_all_threads),
        ]
    });
    write_table([header.to_vec()].into_iter().chain(lines), 1, out)
}

fn write_roofline(roofline: &Roofline, out: &mut dyn Write) -> io::Result<()> {
    let section = "products of the layers, and their share of the peak on all threads";
    writeln!(out, "\n{section}, {}\n", roofline.precision)?;
    let unit = match roofline.precision {
        "int8" => "GOP/s",
        _ => "GFLOP/s",
    };
    let header = [
        "layer", "product", "tokens", "outputs", "inputs", unit, "of peak", "at best",
    ];
    let lines = roofline.products.iter().map(|product| {
        vec![
            product.layer.clone(),
            product.product.to_owned(),
            product.tokens.to_string(),
            product.outputs.to_string(),
            product.inputs.to_string(),
            format!("{:.1}", product.gops),
            percent(product.peak_share),
            percent(product.best_share),
        ]
    });
    let header = header.map(String::from).to_vec();
    write_table([header].into_iter().chain(lines), 2, out)?;
    writeln!(
        out,
        "\n  median {}, lowest {}; at best: median {}, lowest {}",
        percent(roofline.median_share),
        percent(roofline.lowest_share),
        percent(roofline.median_best_share),
        percent(roofline.lowest_best_share)
    )
}

/// A table for each thing that is varied: a line an `x`, a column for each number type and work.
fn write_speeds(title: &str, speeds: &[Speed], out: &mut dyn Write) -> io::Result<()> {
    for (what, varied) in [
        ("lengths", "tokens of a row"),
        ("table", "the table, rows of a batch"),
        ("batch", "rows of a batch"),
        ("rows", "rows"),
        ("threads", "threads"),
    ] {
        let speeds: Vec<&Speed> = speeds.iter().filter(|speed| speed.what == what).collect();
        if !speeds.is_empty() {
            writeln!(out, "\n{title}, by {varied}\n")?;
            write_table(pivot(&speeds).into_iter(), 0, out)?;
        }
    }
    Ok(())
}

fn pivot(speeds: &[&Speed]) -> Vec<Vec<String>> {
    let mut columns = Vec::new();
    let mut xs = Vec::new();
    for speed in speeds {
        let column = (speed.precision, speed.work);
        if !columns.contains(&column) {
            columns.push(column);
        }
        xs.push(speed.x);
    }
    xs.sort_unstable();
    xs.dedup();
    let names = columns
        .iter()
        .map(|(precision, work)| format!("{precision} {}", work.name()));
    let header = [String::new()].into_iter().chain(names).collect();
    let line = |x: usize| {
        let cell = |&(precision, work)| {
            let same =
                |speed: &&&Speed| (speed.x, speed.precision, speed.work) == (x, precision, work);
            let speed = speeds.iter().find(same);
            speed.map_or("-".into(), |speed| format!("{:.0}", speed.tokens_per_s))
        };
        let cells = columns.iter().map(cell);
        [x.to_string()].into_iter().chain(cells).collect()
    };
    [header]
        .into_iter()
        .chain(xs.into_iter().map(line))
        .collect()
}

fn write_breakdown(breakdown: &WhereTimeGoes, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "\nwhere the time goes, {} {}: {} rows, {} tokens, in ms\n",
        breakdown.precision,
        breakdown.work.name(),
        breakdown.rows,
        breakdown.tokens
    )?;
    let lines = breakdown.parts.iter().map(|part| {
        vec![
            part.part.to_owned(),
            format!("{:.2}", part.ms),
            percent(part.share),
        ]
    });
    let whole = vec!["all".into(), format!("{:.2}", breakdown.ms), percent(1.0)];
    write_table(lines.chain([whole]), 1, out)?;
    let share = percent(breakdown.products_share);
    writeln!(out, "\n  products {share}, with what is fused to them")
}

/// Writes cells in columns, `left` of them flush left and the others flush right.
fn write_table(
    lines: impl Iterator<Item = Vec<String>>,
    left: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let lines: Vec<Vec<String>> = lines.collect();
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max();
    let widths: Vec<usize> = (0..columns).filter_map(width).collect();
    for line in &lines {
        let mut text = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            text += "  ";
            text += &match column < left {
                true => format!("{cell:width$}"),
                false => format!("{cell:>width$}"),
            };
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Task;

    #[test]
    fn speeds_stand_by_what_is_varied_with_a_dash_for_what_there_is_not() {
        let speed = |x, work, tokens_per_s| Speed {
            what: "rows",
            x,
            precision: "f32",
            work,
            tokens_per_s,
        };
        let speeds = [
            speed(64, Task::Predict, 5000.0),
            speed(256, Task::Predict, 6000.4),
            speed(64, Task::Train, 800.0),
        ];
        let mut out = Vec::new();
        write_speeds("tokens a second", &speeds, &mut out).unwrap();
        let expected = "
tokens a second, by rows

       f32 predict  f32 train
   64         5000        800
  256         6000          -
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
