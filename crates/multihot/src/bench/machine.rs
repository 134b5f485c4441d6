//! What was measured on.

use std::fs;

use multihot_kernels::Cpu;
use serde::Serialize;

/// Processor, threads and instructions.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's name, where the system tells.
    pub cpu: Option<String>,
    /// Threads that were used.
    pub threads: usize,
    /// Instructions that were used, as `MULTIHOT_ISA` takes them.
    pub instruction_set: &'static str,
}

impl Machine {
    pub(super) fn of(cpu: &Cpu) -> Self {
        let linux = fs::read_to_string("/proc/cpuinfo");
        Self {
            cpu: linux.ok().and_then(|info| model_name(&info)),
            threads: cpu.threads(),
            instruction_set: cpu.isa().name(),
        }
    }
}

/// The first processor's name in `/proc/cpuinfo`, which Arm leaves out.
fn model_name(info: &str) -> Option<String> {
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    Some(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_stands_behind_a_colon_or_nowhere() {
        let x86 = "processor\t: 0\nmodel name\t: AMD EPYC 9B14\nstepping\t: 1\n";
        assert_eq!(model_name(x86).as_deref(), Some("AMD EPYC 9B14"));
        assert_eq!(
            model_name("processor\t: 0\nCPU implementer\t: 0x41\n"),
            None
        );
    }
}
