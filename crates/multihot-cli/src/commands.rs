//! One file a command: it parses, calls the library, prints.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::CommandFactory;
use multihot::{
    Classifier, Cpu, Isa, LoadOptions, PredictPrecision, Scoring, Source, Table, nearest_path,
    precision_note,
};

use crate::args::{Args, ColumnArgs, Command, LabelArgs, MachineArgs};
use crate::exit::{Outcome, Usage};
use crate::screen::say;

mod bench;
mod compare;
mod evaluate;
mod inspect;
mod predict;
mod scored;
mod split;
mod train;
mod tune;

/// More threads than this are a slip of the finger, not a machine.
const MOST_THREADS: usize = 1024;

/// Runs a command to its end.
pub fn run(command: &Command) -> Result<Outcome> {
    let out = &mut std::io::stdout().lock();
    match command {
        Command::Split(args) => split::split(args, out),
        Command::Train(args) => train::train(args, out),
        Command::Tune(args) => tune::tune(args, out),
        Command::Evaluate(args) => evaluate::evaluate(args, out),
        Command::Compare(args) => compare::compare(args, out),
        Command::Predict(args) => predict::predict(args, out),
        Command::Inspect(args) => inspect::inspect(args, out),
        Command::Bench(args) => bench::bench(args, out),
        Command::Completions { shell } => {
            // Straight into `out`, a write that fails would be a panic.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Args::command(), "multihot", &mut script);
            out.write_all(&script)?;
            Ok(Outcome::Done)
        }
    }
}

/// The threads and the instruction set to compute with.
fn cpu(machine: &MachineArgs) -> Result<Arc<Cpu>> {
    cpu_with(machine.threads)
}

/// The same with this number of threads, or one a core.
fn cpu_with(threads: Option<usize>) -> Result<Arc<Cpu>> {
    if let Some(threads) = threads
        && !(1..=MOST_THREADS).contains(&threads)
    {
        let message = format!("`--threads` is {threads}; expected 1 to {MOST_THREADS}");
        return Err(Usage {
            message,
            hint: None,
        }
        .into());
    }
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Arc::new(Cpu::new(
        Isa::detect()?,
        threads.unwrap_or_else(cores),
    )))
}

/// A flag that the first Ctrl-C sets, saying `what` happens; the second ends the program at once.
fn stop_on_ctrl_c(what: &'static str) -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
        say(what);
    })
    .context("cannot watch for Ctrl-C")?;
    Ok(stop)
}

/// Loads the model at `path` to answer in `precision`, and reads pairs where `columns` names a
/// second text.
fn load(
    path: &Path,
    precision: PredictPrecision,
    columns: &ColumnArgs,
    machine: &MachineArgs,
) -> Result<Classifier> {
    require_folder(path)?;
    let cpu = cpu(machine)?;
    let options = LoadOptions {
        family: machine.family,
        precision,
    };
    let isa = cpu.isa();
    let mut classifier = Classifier::load(path, options, cpu)?;
    if columns.text_pair.is_some() {
        classifier.read_pairs();
    }
    for note in classifier.assumptions() {
        say(format_args!("note: {note}"));
    }
    if let Some(note) = precision_note(classifier.precision(), isa) {
        say(format_args!("note: {note}"));
    }
    Ok(classifier)
}

/// That the folder at `path` is there, where another one is called nearly so.
fn require_folder(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    // What else to do about a folder that is not there is said by who opens it.
    let Some(near) = nearest_path(path, Path::is_dir) else {
        return Ok(());
    };
    Err(Usage {
        message: format!("there is no folder `{}`", path.display()),
        hint: Some(format!("did you mean `{}`?", near.display())),
    }
    .into())
}

/// That `path`, which `option` names to be written, neither is nor holds a table that is read.
fn keep_tables(option: &str, path: &Path, sources: &[&Source]) -> Result<()> {
    let Some(table) = sources.iter().find_map(|source| source.file_in(path)) else {
        return Ok(());
    };
    Err(Usage {
        message: format!(
            "{} is read, and `{option} {}` would replace it",
            table.display(),
            path.display()
        ),
        hint: Some(format!("pass another `{option}`")),
    }
    .into())
}

/// The table in `source`, read for the labels of the model.
fn labelled_table(
    source: &Source,
    (columns, labels): (&ColumnArgs, &LabelArgs),
    classifier: &Classifier,
) -> Result<Table> {
    let options = classifier.read_options(labels.options(columns)?);
    let table = multihot::read(source, &options)?;
    say(table.detection());
    Ok(table)
}

/// Says how many of `rows` texts were cut, where any was.
fn say_truncated(truncated: usize, rows: usize, classifier: &Classifier) {
    if truncated > 0 {
        say(format_args!(
            "warning: {truncated} of {rows} texts are longer than {} tokens and {}",
            classifier.max_length(),
            classifier.reading().loss_of_long_texts()
        ));
    }
}

/// `scoring` and the most memory held so far, as a line on screen.
fn speed(scoring: &Scoring, peak_rss_bytes: Option<u64>) -> String {
    let memory = peak_rss_bytes.map_or(String::new(), |bytes| {
        format!("; {} MB at the most", bytes >> 20)
    });
    format!("{scoring}{memory}")
}

/// One JSON object on one line.
fn print_json(out: &mut dyn Write, value: &impl serde::Serialize) -> Result<()> {
    // In one go, so that a reader that has gone away shows as what it is.
    let line = serde_json::to_string(value)?;
    Ok(writeln!(out, "{line}")?)
}
