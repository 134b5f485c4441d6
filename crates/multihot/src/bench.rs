//! How fast a model runs on this machine, and how much faster the machine would let it: [`bench()`]
//! is the whole story, its sections are the modules beside it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use multihot_checkpoint::{Family, ModelFolder};
use multihot_kernels::{Cpu, Isa};
use multihot_tokenizer::Text;
use serde::Serialize;

use crate::classifier::tokenizer;
use crate::error::Error;
use crate::rows::TokenRows;
use crate::stored::Stored;
use crate::train::{Observer, OptionsError};
use crate::windows::Reading;

mod breakdown;
mod machine;
mod roofline;
mod speed;
mod subject;
mod text;

pub use breakdown::{Part, WhereTimeGoes};
pub use machine::Machine;
pub use multihot_kernels::Precision;
pub use roofline::{Peak, Product, Roofline};
pub use speed::{Speed, Sweep};
pub use subject::Task;

pub(crate) use subject::Subject;

/// Rows of a table that are read; what is measured goes through them again and again.
pub const MOST_ROWS: usize = 4096;

/// Tokens of a row where there is no table: a post or a short review.
const DRAWN_LENGTH: usize = 32;

/// What to measure, and where.
pub struct BenchJob<'a> {
    /// Folder of an encoder or of a model.
    pub folder: &'a Path,
    /// Stands in for a `model_type` that config.json lacks.
    pub family: Option<Family>,
    /// Texts of a table, at most [`MOST_ROWS`], to measure real rows too.
    pub texts: Option<&'a [Text<'a>]>,
    /// The choices.
    pub options: &'a BenchOptions,
    /// Threads and instruction set.
    pub cpu: Arc<Cpu>,
}

/// What a user may choose.
///
/// `None` stands for a default that depends on the machine or on the encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchOptions {
    /// Number types. Default: `f32`, and what this machine multiplies faster.
    pub precisions: Option<Vec<Precision>>,
    /// Tokens of the products in the roofline.
    pub tokens: Vec<usize>,
    /// Lengths of rows, in tokens. Default: powers of two from 8 to 512, as far as the encoder reads.
    pub lengths: Option<Vec<usize>>,
    /// Tokens of a batch whose rows have one length.
    pub batch_tokens: usize,
    /// Rows of a batch of the table's rows.
    pub batch_rows: usize,
    /// Time for each single measurement.
    pub time: Duration,
    /// Whether to say where the time goes.
    pub breakdown: bool,
    /// What else to vary, for plots.
    pub sweeps: Vec<Sweep>,
}

impl Default for BenchOptions {
    fn default() -> Self {
        Self {
            precisions: None,
            tokens: vec![512, 2048],
            lengths: None,
            batch_tokens: 2048,
            batch_rows: 32,
            time: Duration::from_secs(1),
            breakdown: false,
            sweeps: Vec::new(),
        }
    }
}

/// The options, checked and worked out for one encoder and one machine.
struct Plan {
    precisions: Vec<Precision>,
    lengths: Vec<usize>,
}

impl BenchOptions {
    fn plan(&self, isa: Isa, usable_length: usize) -> Result<Plan, OptionsError> {
        all_at_least_one("--tokens", &self.tokens)?;
        all_at_least_one("--batch-tokens", &[self.batch_tokens])?;
        all_at_least_one("--batch-rows", &[self.batch_rows])?;
        let lengths = match &self.lengths {
            None => (3..10).map(|power| 1 << power).collect(),
            Some(lengths) => lengths.clone(),
        };
        let fits = |length: &usize| (1..=usable_length).contains(length);
        if self.lengths.is_some()
            && let Some(length) = lengths.iter().find(|length| !fits(length))
        {
            return Err(OptionsError {
                option: "--lengths",
                found: length.to_string(),
                expected: format!("1 to {usable_length}, the longest row that this encoder reads"),
            });
        }
        Ok(Plan {
            precisions: self.precisions.clone().unwrap_or_else(|| fast_here(isa)),
            lengths: lengths.into_iter().filter(fits).collect(),
        })
    }
}

fn all_at_least_one(option: &'static str, numbers: &[usize]) -> Result<(), OptionsError> {
    let found = match numbers {
        [] => "empty",
        _ if numbers.contains(&0) => "0",
        _ => return Ok(()),
    };
    Err(OptionsError {
        option,
        found: found.into(),
        expected: "at least 1".into(),
    })
}

/// `f32`, and what is faster than that with these instructions.
fn fast_here(isa: Isa) -> Vec<Precision> {
    let bf16 = isa.multiplies_bf16().then_some(Precision::Bf16);
    let int8 = isa.multiplies_int8().then_some(Precision::Int8);
    let faster = bf16.into_iter().chain(int8);
    [Precision::F32].into_iter().chain(faster).collect()
}

/// Everything that was measured, as `bench --json` prints it.
#[derive(Debug, Serialize)]
pub struct BenchReport {
    /// Layers and widths.
    pub model: ModelShape,
    /// Where it ran.
    pub machine: Machine,
    /// What the machine can do, by number type.
    pub peak: Vec<Peak>,
    /// What the products of the model's layers reach of it, by number type.
    pub roofline: Vec<Roofline>,
    /// The whole model on rows of one length, and on the table's rows.
    pub tokens: Vec<Speed>,
    /// Where the time goes, where that was asked for.
    pub breakdown: Vec<WhereTimeGoes>,
    /// For plots, where that was asked for.
    pub sweep: Vec<Speed>,
}

/// What a model's speed depends on.
#[derive(Clone, Debug, Serialize)]
pub struct ModelShape {
    /// The folder's name.
    pub name: String,
    /// Its `model_type`.
    pub family: &'static str,
    /// Number of layers.
    pub layers: usize,
    /// Numbers in a token's vector.
    pub hidden_size: usize,
    /// Width inside the feed-forward blocks.
    pub intermediate_size: usize,
    /// Rows of the word embedding.
    pub vocab_size: usize,
}

impl BenchReport {
    fn new(path: &Path, folder: &ModelFolder, cpu: &Cpu) -> Self {
        let config = folder.config();
        // What a path such as `.` leads to has a name.
        let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let name = whole.file_name().unwrap_or(whole.as_os_str());
        Self {
            model: ModelShape {
                name: name.to_string_lossy().into_owned(),
                family: config.family.model_type(),
                layers: config.n_layers,
                hidden_size: config.hidden_size,
                intermediate_size: config.intermediate_size,
                vocab_size: config.vocab_size,
            },
            machine: Machine::of(cpu),
            peak: Vec::new(),
            roofline: Vec::new(),
            tokens: Vec::new(),
            breakdown: Vec::new(),
            sweep: Vec::new(),
        }
    }

    /// Writes the sections as plain text, one below the other.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written to.
    pub fn write_text(&self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        text::write(self, out)
    }
}

/// Measures `job.folder` on this machine. `observer` hears what is measured next.
///
/// # Errors
///
/// When an option or the folder cannot be used.
pub fn bench(job: &BenchJob<'_>, observer: &mut dyn Observer) -> Result<BenchReport, Error> {
    let folder = ModelFolder::open(job.folder, job.family)?;
    let (config, options, cpu) = (folder.config(), job.options, &job.cpu);
    let plan = options.plan(cpu.isa(), config.usable_length())?;
    let table = job.texts.map(|texts| encode(cpu, &folder, texts));
    let table = table.transpose()?;
    let drawn = subject::draw_rows(config, DRAWN_LENGTH.min(config.usable_length()), MOST_ROWS);
    let rows = table.as_ref().unwrap_or(&drawn);
    let mut report = BenchReport::new(job.folder, &folder, cpu);
    for precision in plan.precisions {
        let name = precision.name();
        let mut subject = Subject::load(&folder, precision, Arc::clone(cpu))?;

        observer.note(&format!("measuring products in {name}"));
        let peak = Peak::measure(cpu, precision, options.time);
        let roofline = Roofline::measure(cpu, config, precision, &peak, options);
        report.roofline.push(roofline);
        report.peak.push(peak);

        observer.note(&format!("measuring tokens a second in {name}"));
        let tokens = &mut report.tokens;
        tokens.extend(speed::lengths(
            &mut subject,
            config,
            &plan.lengths,
            options,
        )?);
        if let Some(table) = &table {
            tokens.extend(speed::table(&mut subject, table, options)?);
        }
        for &sweep in &options.sweeps {
            observer.note(&format!("measuring {} in {name}", sweep.name()));
            report.sweep.extend(match sweep {
                Sweep::Lengths => speed::lengths(&mut subject, config, &plan.lengths, options)?,
                Sweep::Batch => speed::batch(&mut subject, rows, options)?,
                Sweep::Rows => speed::rows(&mut subject, rows, options)?,
                Sweep::Threads => speed::threads(&folder, precision, cpu, rows, options)?,
            });
        }
        if options.breakdown {
            observer.note(&format!("measuring where the time goes in {name}"));
            let batch = subject::batch(rows.iter().cycle().take(options.batch_rows));
            for task in subject.tasks() {
                let measured = WhereTimeGoes::measure(&mut subject, task, &batch, options.time)?;
                report.breakdown.push(measured);
            }
        }
    }
    Ok(report)
}

/// Token ids of `texts`, in rows as the model reads them.
fn encode(cpu: &Cpu, folder: &ModelFolder, texts: &[Text<'_>]) -> Result<Vec<Vec<u32>>, Error> {
    let reading = Stored::read(folder)?.map(|stored| stored.reading);
    let reading = reading.unwrap_or(Reading::cut(folder.config().usable_length()));
    let rows = TokenRows::encode(cpu, &tokenizer(folder)?, texts, reading.fit())?;
    Ok(rows.windows().map(|window| window.ids.clone()).collect())
}

/// How long runs of one piece of work took.
#[derive(Clone, Copy, Debug)]
struct Times {
    median: Duration,
    best: Duration,
}

impl Times {
    /// Of as many runs as fit `time`, and at least one, after one to warm up.
    fn measure(time: Duration, mut run: impl FnMut()) -> Self {
        run();
        let mut times = Vec::new();
        let start = Instant::now();
        while times.is_empty() || start.elapsed() < time {
            let begin = Instant::now();
            run();
            times.push(begin.elapsed());
        }
        times.sort_unstable();
        Self {
            median: times[times.len() / 2],
            best: times[0],
        }
    }
}

/// The median of at least one number.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(options: BenchOptions) -> Result<Plan, String> {
        options
            .plan(Isa::supported()[0], 64)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn lengths_end_where_the_encoder_ends() {
        let found = plan(BenchOptions::default()).unwrap();
        assert_eq!(found.lengths, [8, 16, 32, 64]);
        assert_eq!(found.precisions, [Precision::F32]);
    }

    #[test]
    fn what_cannot_be_measured_is_named() {
        let with = |change: fn(&mut BenchOptions)| {
            let mut options = BenchOptions::default();
            change(&mut options);
            plan(options).err().expect("this cannot be measured")
        };
        let cases = [
            (
                with(|options| options.lengths = Some(vec![8, 65])),
                "`--lengths` is 65; expected 1 to 64, the longest row that this encoder reads",
            ),
            (
                with(|options| options.tokens = vec![0]),
                "`--tokens` is 0; expected at least 1",
            ),
            (
                with(|options| options.tokens.clear()),
                "`--tokens` is empty; expected at least 1",
            ),
            (
                with(|options| options.batch_rows = 0),
                "`--batch-rows` is 0; expected at least 1",
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(vec![3.0]), 3.0);
        assert_eq!(median(vec![9.0, 1.0, 3.0]), 3.0);
    }
}
