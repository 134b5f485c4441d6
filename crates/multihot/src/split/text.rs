//! A split as a table on screen.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::report::{LabelReport, SplitReport};
use crate::metrics::text::{figure, visible};

/// Columns under one heading.
struct Block {
    heading: String,
    names: Vec<&'static str>,
}

/// A line: its name, and the cells of each block.
type Line = (String, Vec<Vec<String>>);

/// Writes `report`: for shares what each part has, for folds the least and the most of all.
pub(super) fn write(report: &SplitReport, out: &mut dyn Write) -> io::Result<()> {
    let (blocks, lines) = if report.are_folds {
        folds(report)
    } else {
        shares(report)
    };
    write_blocks(&blocks, &lines, out)
}

/// Yes, rate and unknown of each part.
fn shares(report: &SplitReport) -> (Vec<Block>, Vec<Line>) {
    let mut names = vec!["yes", "rate"];
    names.extend(report.has_unknown().then_some("unknown"));
    let cells = |label: &LabelReport| {
        let cells = [
            label.yes.to_string(),
            figure(label.rate),
            label.unknown.to_string(),
        ];
        cells.into_iter().take(names.len()).collect()
    };
    let blocks = report.parts.iter().map(|part| Block {
        heading: format!("{}, {} rows", part.part, part.rows),
        names: names.clone(),
    });
    let line = |(i, label): (usize, &LabelReport)| {
        let parts = report.parts.iter().map(|part| cells(&part.labels[i]));
        (visible(&label.label), parts.collect())
    };
    let labels = report.parts[0].labels.iter().enumerate();
    (blocks.collect(), labels.map(line).collect())
}

/// The least and the most of yes, rate and unknown that a fold holds out.
fn folds(report: &SplitReport) -> (Vec<Block>, Vec<Line>) {
    let mut headings = vec!["yes in a fold", "rate in a fold"];
    headings.extend(report.has_unknown().then_some("unknown in a fold"));
    let cells = |label: usize| {
        let of = |count: fn(&LabelReport) -> usize| {
            let counts = report.parts.iter().map(|part| count(&part.labels[label]));
            let counts: Vec<usize> = counts.collect();
            let least = counts.iter().min().map(usize::to_string);
            let most = counts.iter().max().map(usize::to_string);
            vec![least.unwrap_or_default(), most.unwrap_or_default()]
        };
        let rates = report
            .parts
            .iter()
            .filter_map(|part| part.labels[label].rate);
        let rates: Vec<f64> = rates.collect();
        let lowest = rates.iter().copied().reduce(f64::min);
        let highest = rates.iter().copied().reduce(f64::max);
        let cells = [
            of(|label| label.yes),
            vec![figure(lowest), figure(highest)],
            of(|label| label.unknown),
        ];
        cells.into_iter().take(headings.len()).collect()
    };
    let labels = report.parts[0].labels.iter().enumerate();
    let lines = labels.map(|(i, label)| (visible(&label.label), cells(i)));
    let blocks = headings.iter().map(|heading| Block {
        heading: (*heading).to_owned(),
        names: vec!["least", "most"],
    });
    (blocks.collect(), lines.collect())
}

/// Blank columns between two columns of a block.
const GAP: usize = 2;
/// Blank columns before a block.
const BLOCK_GAP: usize = 4;

fn write_blocks(blocks: &[Block], lines: &[Line], out: &mut dyn Write) -> io::Result<()> {
    let names = lines.iter().map(|(name, _)| name.width());
    let name_width = names.max().unwrap_or(0);
    let widths: Vec<Vec<usize>> = (0..blocks.len())
        .map(|block| column_widths(&blocks[block], lines.iter().map(|(_, cells)| &cells[block])))
        .collect();

    write!(out, "{:name_width$}", "")?;
    for (block, widths) in blocks.iter().zip(&widths) {
        let width = widths.iter().sum::<usize>() + GAP * (widths.len() - 1) + BLOCK_GAP;
        write!(out, "{:>width$}", block.heading)?;
    }
    writeln!(out)?;
    let names = blocks
        .iter()
        .map(|block| block.names.iter().map(ToString::to_string));
    let names: Vec<Vec<String>> = names.map(Iterator::collect).collect();
    write_line("", name_width, &names, &widths, out)?;
    writeln!(out)?;
    for (name, cells) in lines {
        write_line(name, name_width, cells, &widths, out)?;
    }
    Ok(())
}

/// The widths of a block's columns; the first one makes room for the heading.
fn column_widths<'a>(block: &Block, cells: impl Iterator<Item = &'a Vec<String>>) -> Vec<usize> {
    let mut widths: Vec<usize> = block.names.iter().map(|name| name.len()).collect();
    for cells in cells {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.len().max(*width);
        }
    }
    let all = widths.iter().sum::<usize>() + GAP * (widths.len() - 1);
    widths[0] += block.heading.width().saturating_sub(all);
    widths
}

/// Writes the name on the left, and each cell on the right of its column.
fn write_line(
    name: &str,
    name_width: usize,
    cells: &[Vec<String>],
    widths: &[Vec<usize>],
    out: &mut dyn Write,
) -> io::Result<()> {
    // Not `{name:<width$}`, which counts characters where the screen has columns.
    write!(out, "{name}{:1$}", "", name_width - name.width())?;
    for (cells, widths) in cells.iter().zip(widths) {
        for (i, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let gap = if i == 0 { BLOCK_GAP } else { GAP };
            write!(out, "{cell:>0$}", gap + width)?;
        }
    }
    writeln!(out)
}
