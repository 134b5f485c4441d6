//! Number types as they may be chosen, and what a choice comes to on a machine.

use multihot_kernels::Isa;
pub use multihot_kernels::Precision;
use serde::{Deserialize, Serialize};

/// The number type to train in, as it may be chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrainPrecision {
    /// bf16 where the machine multiplies it, else `f32`; on a resume what the checkpoint has.
    #[default]
    Auto,
    /// `f32` throughout.
    F32,
    /// Matrices and kept activations in bf16; parameters, moments and sums in `f32`.
    Bf16,
}

/// The number type to answer in, as it may be chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PredictPrecision {
    /// `f32` throughout: the reference.
    #[default]
    F32,
    /// Matrices and activations in bf16, sums in `f32`.
    Bf16,
    /// Matrices in 8 bits, with a scale an output and a token.
    Int8,
    /// bf16 where the machine multiplies it, else `f32`; never int8.
    Auto,
}

impl TrainPrecision {
    /// The number type, which is `auto` where that was chosen.
    pub(crate) fn resolve(self, auto: Precision) -> Precision {
        match self {
            TrainPrecision::Auto => auto,
            TrainPrecision::F32 => Precision::F32,
            TrainPrecision::Bf16 => Precision::Bf16,
        }
    }
}

impl PredictPrecision {
    /// The number type on a machine with `isa`.
    pub fn resolve(self, isa: Isa) -> Precision {
        match self {
            PredictPrecision::Auto => auto(isa),
            PredictPrecision::F32 => Precision::F32,
            PredictPrecision::Bf16 => Precision::Bf16,
            PredictPrecision::Int8 => Precision::Int8,
        }
    }
}

/// What `auto` comes to with `isa`.
pub(crate) fn auto(isa: Isa) -> Precision {
    match isa.multiplies_bf16() {
        true => Precision::Bf16,
        false => Precision::F32,
    }
}

/// What a person should know who computes in `precision` with `isa`.
pub fn precision_note(precision: Precision, isa: Isa) -> Option<String> {
    (precision == Precision::Bf16 && !isa.multiplies_bf16()).then(|| {
        format!(
            "the instruction set `{isa}` has no product of bf16: the numbers are those of bf16, and f32 is faster here"
        )
    })
}

/// Lets serde read and write [`Precision`] by its name.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Precision", rename_all = "lowercase")]
pub(crate) enum PrecisionName {
    F32,
    Bf16,
    Int8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_is_bf16_just_where_the_machine_multiplies_it() {
        for isa in Isa::supported() {
            let expected = match isa.multiplies_bf16() {
                true => Precision::Bf16,
                false => Precision::F32,
            };
            assert_eq!(PredictPrecision::Auto.resolve(isa), expected, "{isa}");
            let noted = precision_note(Precision::Bf16, isa).is_some();
            assert_eq!(noted, expected == Precision::F32, "{isa}");
            assert_eq!(precision_note(expected, isa), None, "{isa}");
        }
        let cases = [
            (PredictPrecision::F32, Precision::F32),
            (PredictPrecision::Bf16, Precision::Bf16),
            (PredictPrecision::Int8, Precision::Int8),
        ];
        for (chosen, expected) in cases {
            assert_eq!(chosen.resolve(Isa::supported()[0]), expected);
        }
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        let name = |value| serde_json::to_value(value).unwrap();
        assert_eq!(name(PredictPrecision::Int8), "int8");
        assert_eq!(name(PredictPrecision::Auto), "auto");
        let train = |value| serde_json::to_value::<TrainPrecision>(value).unwrap();
        assert_eq!(train(TrainPrecision::Auto), "auto");
        assert_eq!(train(TrainPrecision::Bf16), "bf16");
        assert!(serde_json::from_value::<TrainPrecision>("int8".into()).is_err());
    }
}
