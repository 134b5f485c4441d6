//! `multihot bench`.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use multihot::bench::MOST_ROWS;
use multihot::{BenchJob, BenchOptions, Observer, Source, Text, TextRow};

use super::{cpu_with, print_json};
use crate::args::BenchArgs;
use crate::exit::{Outcome, Usage};
use crate::screen::say;

/// A measurement longer than this is a slip of the finger.
const MOST_SECONDS: f64 = 3600.0;

/// Runs `bench` and writes the figures to `out`.
pub fn bench(args: &BenchArgs, out: &mut dyn Write) -> Result<Outcome> {
    let options = options(args)?;
    let rows = args.table.as_deref().map(|table| rows(args, table));
    let rows = rows.transpose()?;
    let texts: Option<Vec<Text<'_>>> = rows.as_ref().map(|rows| {
        let texts = rows.iter().map(|row| Text {
            text: &row.text,
            pair: row.pair.as_deref(),
        });
        texts.collect()
    });
    let job = BenchJob {
        folder: &args.folder,
        family: args.family,
        texts: texts.as_deref(),
        options: &options,
        cpu: cpu_with(args.threads)?,
    };
    let report = multihot::bench(&job, &mut Screen)?;
    if args.json {
        print_json(out, &report)?
    } else {
        report.write_text(out)?
    }
    Ok(Outcome::Done)
}

fn options(args: &BenchArgs) -> Result<BenchOptions> {
    if !(0.0..=MOST_SECONDS).contains(&args.seconds) {
        let message = format!(
            "`--seconds` is {}; expected 0 to {MOST_SECONDS}",
            args.seconds
        );
        return Err(Usage {
            message,
            hint: None,
        }
        .into());
    }
    let precisions = args.precision.as_ref();
    Ok(BenchOptions {
        precisions: precisions.map(|given| given.iter().copied().map(Into::into).collect()),
        tokens: args.tokens.clone(),
        lengths: args.lengths.clone(),
        batch_tokens: args.batch_tokens,
        batch_rows: args.batch_rows,
        time: Duration::from_secs_f64(args.seconds),
        breakdown: args.breakdown,
        sweeps: args.sweep.iter().copied().map(Into::into).collect(),
    })
}

/// The first rows of `table`.
fn rows(args: &BenchArgs, table: &str) -> Result<Vec<TextRow>> {
    let rows = multihot::open(&Source::from(table), &args.columns.options())?;
    Ok(rows.take(MOST_ROWS).collect::<Result<_, _>>()?)
}

/// Says what is measured next.
struct Screen;

impl Observer for Screen {
    fn note(&mut self, note: &str) {
        say(note);
    }
}
