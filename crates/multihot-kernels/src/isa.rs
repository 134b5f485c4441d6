//! Which instructions this machine has, and running a kernel with them.

use std::fmt;

/// The name of the environment variable that forces an instruction set.
pub const ISA_VARIABLE: &str = "MULTIHOT_ISA";

/// A family of instructions that kernels are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Level {
    /// Plain Rust without explicit vectors: the meaning of every operation.
    Scalar,
    /// x86-64 with AVX2 and FMA: 8 lanes of `f32`.
    Avx2,
    /// AVX2 with AVX-VNNI: products of bytes in one instruction.
    Avx2Vnni,
    /// x86-64 with AVX-512 F, BW, DQ and VL: 16 lanes of `f32`.
    Avx512,
    /// AVX-512 with VNNI: products of bytes in one instruction.
    Avx512Vnni,
    /// AVX-512 with VNNI and BF16: products of bf16 in one instruction too.
    Avx512Bf16,
    /// 64-bit Arm: 4 lanes of `f32`.
    Neon,
}

/// From slow to fast.
const LEVELS: [Level; 7] = [
    Level::Scalar,
    Level::Neon,
    Level::Avx2,
    Level::Avx2Vnni,
    Level::Avx512,
    Level::Avx512Vnni,
    Level::Avx512Bf16,
];

impl Level {
    fn name(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            Level::Avx2 => "avx2",
            Level::Avx2Vnni => "avx2-vnni",
            Level::Avx512 => "avx512",
            Level::Avx512Vnni => "avx512-vnni",
            Level::Avx512Bf16 => "avx512-bf16",
            Level::Neon => "neon",
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn is_here(self) -> bool {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = avx2
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        let avx512_vnni = avx512 && is_x86_feature_detected!("avx512vnni");
        match self {
            Level::Scalar => true,
            Level::Avx2 => avx2,
            Level::Avx2Vnni => avx2 && is_x86_feature_detected!("avxvnni"),
            Level::Avx512 => avx512,
            Level::Avx512Vnni => avx512_vnni,
            Level::Avx512Bf16 => avx512_vnni && is_x86_feature_detected!("avx512bf16"),
            Level::Neon => false,
        }
    }

    #[cfg(target_arch = "aarch64")]
    fn is_here(self) -> bool {
        // NEON is part of the 64-bit Arm baseline that this crate is compiled for.
        matches!(self, Level::Scalar | Level::Neon)
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn is_here(self) -> bool {
        matches!(self, Level::Scalar)
    }
}

/// An instruction set that was found on this machine.
///
/// Only detection makes one, so holding it proves that its instructions may be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Isa(Level);

impl Isa {
    /// The best instruction set of this machine, or the one that `MULTIHOT_ISA` names.
    pub fn detect() -> Result<Isa, IsaError> {
        match std::env::var_os(ISA_VARIABLE) {
            None => choose(None),
            Some(name) => choose(Some(&name.to_string_lossy())),
        }
    }

    /// Every instruction set of this machine, the plain one first, the best one last.
    pub fn supported() -> Vec<Isa> {
        LEVELS
            .into_iter()
            .filter(|level| level.is_here())
            .map(Isa)
            .collect()
    }

    /// What to match on.
    pub fn level(self) -> Level {
        self.0
    }

    /// Whether it multiplies bf16 faster than `f32`.
    pub fn multiplies_bf16(self) -> bool {
        self.0 == Level::Avx512Bf16
    }

    /// Whether it multiplies 8 bits faster than `f32`, be it in 16.
    pub fn multiplies_int8(self) -> bool {
        !matches!(self.0, Level::Scalar | Level::Neon)
    }

    /// Whether it multiplies bytes, or is the plain version, which does anything.
    pub(crate) fn multiplies_bytes(self) -> bool {
        matches!(
            self.0,
            Level::Scalar | Level::Avx2Vnni | Level::Avx512Vnni | Level::Avx512Bf16
        )
    }

    /// The name as `MULTIHOT_ISA` takes it.
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn choose(requested: Option<&str>) -> Result<Isa, IsaError> {
    let supported = Isa::supported();
    let Some(name) = requested else {
        return Ok(*supported.last().expect("the scalar set is always there"));
    };
    if let Some(&isa) = supported.iter().find(|isa| isa.name() == name) {
        return Ok(isa);
    }
    let supported = names(supported.iter().map(|isa| isa.name()));
    match LEVELS.iter().any(|level| level.name() == name) {
        true => Err(IsaError::Missing {
            name: name.to_owned(),
            supported,
        }),
        false => Err(IsaError::Unknown {
            name: name.to_owned(),
            supported,
        }),
    }
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// A forced instruction set that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IsaError {
    /// A set that we know and that this machine lacks.
    #[error("MULTIHOT_ISA: this machine lacks `{name}`; it has {supported}")]
    Missing {
        /// What the variable held.
        name: String,
        /// The names that would do, quoted, with commas.
        supported: String,
    },
    /// A name that stands for nothing.
    #[error("MULTIHOT_ISA: `{name}` is no instruction set; this machine has {supported}")]
    Unknown {
        /// What the variable held.
        name: String,
        /// The names that would do, quoted, with commas.
        supported: String,
    },
}

impl IsaError {
    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        Some("unset `MULTIHOT_ISA` to let the best instruction set be chosen".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_supported_name_can_be_forced() {
        for isa in Isa::supported() {
            assert_eq!(choose(Some(isa.name())), Ok(isa));
        }
    }

    #[test]
    fn scalar_is_always_there_and_the_last_one_is_chosen() {
        let supported = Isa::supported();
        assert_eq!(supported[0].level(), Level::Scalar);
        assert_eq!(choose(None).ok(), supported.last().copied());
    }

    #[test]
    fn a_missing_set_is_an_error_that_lists_what_there_is() {
        let missing = LEVELS.into_iter().find(|level| !level.is_here());
        let missing = missing.expect("no machine has both AVX and NEON");
        let error = choose(Some(missing.name())).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains(&format!("lacks `{}`", missing.name())),
            "{message}"
        );
        for isa in Isa::supported() {
            assert!(message.contains(&format!("`{}`", isa.name())), "{message}");
        }
        assert!(error.hint().is_some());
    }

    #[test]
    fn an_unknown_name_is_another_error() {
        for name in ["", "sse9", "AVX2"] {
            let error = choose(Some(name)).unwrap_err();
            assert!(matches!(error, IsaError::Unknown { .. }), "{name}: {error}");
        }
    }
}
