//! How fast texts were scored, with what, and in how much memory.

use std::time::Duration;

use multihot_kernels::{Cpu, Precision};
use serde::Serialize;

use crate::precision::PrecisionName;

/// The scoring of some texts: tokenizing and the passes through the network, neither reading nor
/// writing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scoring {
    /// Number type that the layers multiply in.
    #[serde(with = "PrecisionName")]
    pub precision: Precision,
    /// The instruction set, as `MULTIHOT_ISA` takes it.
    pub instruction_set: &'static str,
    /// Threads that compute.
    pub threads: usize,
    /// Tokens of all rows, after truncation, special ones included.
    pub tokens: u64,
    /// Wall time.
    pub seconds: f64,
    /// The one over the other; `None` where there were no tokens.
    pub tokens_per_second: Option<f64>,
}

impl Scoring {
    /// The scoring of `tokens` in `time` on `cpu`.
    pub(crate) fn new(cpu: &Cpu, precision: Precision, tokens: u64, time: Duration) -> Self {
        let seconds = time.as_secs_f64();
        Self {
            precision,
            instruction_set: cpu.isa().name(),
            threads: cpu.threads(),
            tokens,
            seconds,
            tokens_per_second: (tokens > 0).then(|| tokens as f64 / seconds.max(1e-9)),
        }
    }
}

impl std::fmt::Display for Scoring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            precision,
            instruction_set,
            threads,
            tokens,
            seconds,
            tokens_per_second,
        } = self;
        write!(f, "{tokens} tokens in {seconds:.1} s")?;
        if let Some(rate) = tokens_per_second {
            write!(f, " ({rate:.0} tokens/s)")?;
        }
        let name = precision.name();
        write!(f, " in {name}, {instruction_set}, {threads} thread")?;
        f.write_str(if *threads == 1 { "" } else { "s" })
    }
}

/// Most memory this process has held, from `/proc/self/status`; `None` where there is no such file.
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
