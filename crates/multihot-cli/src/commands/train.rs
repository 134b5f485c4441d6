//! `multihot train`.

mod loss;

use std::io::Write;

use anyhow::Result;
use multihot::{
    BatchSize, LabelOptions, ReadOptions, Source, Table, TrainJob, TrainOptions, TrainSummary,
};

use super::{cpu, keep_tables, print_json, require_folder, stop_on_ctrl_c};
use crate::args::TrainArgs;
use crate::exit::Outcome;
use crate::screen::progress::TrainScreen;
use crate::screen::say;

/// Said at the first Ctrl-C.
const STOPPING: &str = "stopping after this step; the best epoch so far is kept (again: at once)";

/// Runs `train` and writes what it came to to `out`.
pub fn train(args: &TrainArgs, out: &mut dyn Write) -> Result<Outcome> {
    let options = options(args)?;
    let cpu = cpu(&args.machine)?;
    let read = ReadOptions {
        group: args.group.clone(),
        ..args.read.options()?
    };
    let source = Source::from(args.table.as_slice());
    let dev = args.dev.as_deref().map(Source::from);
    let sources: Vec<&Source> = std::iter::once(&source).chain(&dev).collect();
    keep_tables("--out", &args.out, &sources)?;
    require_folder(&args.encoder)?;
    let mut table = multihot::read(&source, &read)?;
    table.skip_useless_rows();
    say(table.detection());
    let dev = dev.map(|dev| read_dev(&dev, args, &table)).transpose()?;

    let job = TrainJob {
        table: &table,
        dev: dev.as_ref(),
        encoder: &args.encoder,
        family: args.machine.family,
        out: &args.out,
        overwrite: args.overwrite,
        resume: args.resume,
        options: &options,
        cpu,
        report: args.report.report.as_deref(),
    };
    let mut screen = TrainScreen::new(stop_on_ctrl_c(STOPPING)?);
    let summary = multihot::train(&job, &mut screen);
    screen.finish();
    let summary = summary?;
    if let Some(path) = &args.report.report {
        say(format_args!("report written to {}", path.display()));
    }
    if args.json {
        print_json(out, &summary)?
    } else {
        print_summary(out, &summary)?
    }
    Ok(if summary.interrupted {
        Outcome::Interrupted
    } else {
        Outcome::Done
    })
}

/// The dev table, read for the labels that the training table has, as these were written there.
fn read_dev(dev: &Source, args: &TrainArgs, table: &Table) -> Result<Table> {
    let read = args.read.options()?;
    let options = ReadOptions {
        // Which they are and where they stand is settled by the training table.
        labels: None,
        ignore: Vec::new(),
        // Figures of dev rows have no weights.
        weight: None,
        label_options: LabelOptions {
            format: None,
            remembered: Some(table.reading.clone()),
            expected: Some(table.labels.clone()),
            ..read.label_options
        },
        ..read
    };
    let dev = multihot::read(dev, &options)?;
    say(dev.detection());
    Ok(dev)
}

/// The library's options from those of the command line.
fn options(args: &TrainArgs) -> Result<TrainOptions> {
    Ok(TrainOptions {
        epochs: args.epochs,
        learning_rate: args.learning_rate,
        head_learning_rate: args.head_learning_rate,
        batch: match args.batch_tokens {
            Some(tokens) => BatchSize::Tokens(tokens),
            None => BatchSize::Rows(args.batch_rows.unwrap_or(32)),
        },
        accumulation: args.accumulation,
        max_length: args.long_texts.max_length(),
        truncation: args.long_texts.truncate.into(),
        windows: args.long_texts.windows(),
        precision: args.precision.into(),
        recompute: args.recompute,
        seed: args.seed,
        weight_decay: args.weight_decay,
        warmup_share: args.warmup_share,
        schedule: args.schedule.into(),
        clip: (args.clip != 0.0).then_some(args.clip),
        layer_decay: args.layer_decay,
        freeze: args.freeze.unwrap_or_default(),
        patience: args.patience,
        loss: loss::loss(&args.loss)?,
        label_smoothing: args.loss.label_smoothing,
        positive_weights: loss::positive_weights(&args.loss)?,
        relations: args.relations.relations(),
        pooling: args.pooling.map(Into::into),
        decisions: args.decisions.options(args.seed),
        folds: args.folds,
        baseline: !args.no_baseline,
    })
}

fn print_summary(out: &mut dyn Write, summary: &TrainSummary) -> Result<()> {
    let rows = match summary.folds {
        Some(_) => format!(
            "all {} rows, each by the model of its fold",
            summary.dev.rows
        ),
        None => format!("the {} dev rows", summary.dev.rows),
    };
    let chosen_here = match summary.tuning {
        Some(_) => ", on which its thresholds were chosen",
        None => "",
    };
    writeln!(out, "On {rows}{chosen_here}:\n")?;
    summary.dev.write_summary(out)?;
    if let Some(tuning) = &summary.tuning {
        writeln!(
            out,
            "\nThresholds, and what to expect of them on fresh rows:\n"
        )?;
        tuning.write_text(out)?;
    }
    if let Some(baseline) = &summary.baseline {
        writeln!(
            out,
            "\nBeside a linear model of the same rows (F1 cross-fitted):\n"
        )?;
        baseline.write_text(&summary.dev, summary.tuning.as_ref(), out)?;
    }
    writeln!(
        out,
        "\nepoch {} of {} kept; {} tokens in {:.1} s ({:.0} tokens/s){}",
        summary.best_epoch,
        summary.epochs.len(),
        summary.train_tokens,
        summary.train_seconds,
        summary.train_tokens_per_second,
        summary
            .peak_rss_bytes
            .map_or(String::new(), |bytes| format!(
                ", {} MB at the most",
                bytes >> 20
            )),
    )?;
    let out_folder = summary.out.display();
    if summary.interrupted {
        writeln!(
            out,
            "stopped early: `--resume` continues from the last whole epoch"
        )?;
    }
    writeln!(
        out,
        "model written to {out_folder}: try `multihot predict {out_folder} TABLE`"
    )?;
    Ok(())
}
