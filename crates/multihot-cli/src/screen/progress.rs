//! A progress bar on a terminal; elsewhere a plain line every half minute.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use multihot::{EpochReport, Loss, Observer, StepReport, TrainPlan};

use super::say;

/// Time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(30);
/// Weight of the newest step in the running figures.
const SMOOTHING: f64 = 0.05;

/// Shows a training.
pub struct TrainScreen {
    stop: Arc<AtomicBool>,
    bar: Option<ProgressBar>,
    last_line: Instant,
    loss: Option<f64>,
    /// Steps of this run, their tokens and their time: a resumed training has made others before.
    steps: u64,
    tokens: u64,
    time: Duration,
}

impl TrainScreen {
    /// A screen that asks the training to stop once `stop` is set.
    pub fn new(stop: Arc<AtomicBool>) -> Self {
        Self {
            stop,
            bar: None,
            last_line: Instant::now(),
            loss: None,
            steps: 0,
            tokens: 0,
            time: Duration::ZERO,
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Prints a line above the bar.
    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }

    fn figures(&self, report: &StepReport) -> String {
        let seconds = self.time.as_secs_f64().max(1e-9);
        let left = seconds / self.steps.max(1) as f64 * (report.steps - report.step) as f64;
        format!(
            "{:.0} tokens/s  loss {:.4}  {} left",
            self.tokens as f64 / seconds,
            self.loss.unwrap_or(report.loss),
            HumanDuration(Duration::from_secs(left as u64)),
        )
    }
}

/// What is to be said of the loss where it is not the plain one.
fn loss(plan: &TrainPlan) -> String {
    let mut said = String::new();
    if plan.loss != Loss::default() {
        said += &format!("; {}", plan.loss);
    }
    if plan.label_smoothing != 0.0 {
        said += &format!("; label smoothing {}", plan.label_smoothing);
    }
    said
}

impl Observer for TrainScreen {
    fn note(&mut self, note: &str) {
        self.line(&format!("note: {note}"));
    }

    fn plan(&mut self, plan: &TrainPlan) {
        self.line(
            &(format!(
                "{} epoch{}, {} updates; learning rate {:.2e}, head {:.2e}; {}; {}; seed {}",
                plan.epochs,
                if plan.epochs == 1 { "" } else { "s" },
                plan.steps,
                plan.learning_rate,
                plan.head_learning_rate,
                plan.reading,
                plan.precision.name(),
                plan.seed
            ) + &loss(plan)),
        );
        // That of the fold before.
        self.finish();
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{prefix}  [{bar:30}] {pos}/{len}  {msg}")
                .expect("the template is well-formed")
                .progress_chars("=> ");
            self.bar = Some(ProgressBar::new(plan.steps).with_style(style));
        }
        self.last_line = Instant::now();
    }

    fn fold(&mut self, fold: usize, folds: usize) {
        self.line(&format!("fold {fold} of {folds}"));
    }

    fn step(&mut self, report: &StepReport) {
        self.steps += 1;
        self.tokens += report.tokens;
        self.time += report.time;
        let loss = self.loss.unwrap_or(report.loss);
        self.loss = Some(loss + SMOOTHING * (report.loss - loss));
        if let Some(bar) = &self.bar {
            bar.set_prefix(format!("epoch {}", report.epoch));
            bar.set_position(report.step);
            bar.set_message(self.figures(report));
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            let figures = self.figures(report);
            say(format_args!(
                "epoch {}  step {}/{}  {figures}",
                report.epoch, report.step, report.steps
            ));
        }
    }

    fn epoch(&mut self, report: &EpochReport) {
        let figure = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.4}"));
        self.line(&format!(
            "epoch {}: train loss {:.4}  dev loss {}  dev macro average precision {}",
            report.epoch,
            report.train_loss,
            figure(report.dev_loss),
            figure(report.dev_macro_average_precision)
        ));
    }

    fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Counts the rows of a prediction.
pub struct RowsScreen {
    bar: Option<ProgressBar>,
    started: Instant,
    last_line: Option<Instant>,
}

impl RowsScreen {
    /// A counter; with `show` false it says nothing, as the rows themselves are on screen.
    pub fn new(show: bool) -> Self {
        let bar = (show && std::io::stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{pos} rows  {per_sec}")
                .expect("the template is well-formed");
            ProgressBar::no_length().with_style(style)
        });
        Self {
            bar,
            started: Instant::now(),
            last_line: show.then(Instant::now),
        }
    }

    /// So many rows are written.
    pub fn rows(&mut self, rows: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(rows as u64);
        } else if self
            .last_line
            .is_some_and(|last| last.elapsed() >= LINE_EVERY)
        {
            self.last_line = Some(Instant::now());
            say(format_args!(
                "{rows} rows in {}",
                HumanDuration(self.started.elapsed())
            ));
        }
    }

    /// Takes the counter away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
