//! From a network's logits to logits whose sigmoids are chances.
//!
//! Every calibration is a rising map from logit to logit: nothing here takes a probability, and
//! the order of the rows of a label stays what it was.

mod isotonic;
mod logistic;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scores::softplus;
use isotonic::rising_means;
use logistic::{Design, fit_logistic};

/// Yes cells, and no cells, below which a label has no calibration of its own.
pub(super) const FEW: usize = 20;
/// Known cells below which an isotonic map would follow chance.
const ISOTONIC_CELLS: usize = 1_000;
/// The flattest slope: a label whose logits tell nothing, or the reverse, keeps its order.
pub(super) const SMALLEST_SLOPE: f64 = 0.01;

/// The map of one label, as it stands in config.json.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase")]
pub enum Calibration {
    /// The logit as it is.
    #[default]
    None,
    /// `a * z + b` (Platt, 1999, on the logit).
    Platt {
        /// Slope, above 0.
        a: f64,
        /// Shift.
        b: f64,
    },
    /// `z / temperature`, the same for all labels that share it, or for those of an exclusive group
    /// (arXiv:1706.04599).
    Temperature {
        /// Above 0; above 1 makes answers less bold.
        temperature: f64,
    },
    /// `a * ln p - b * ln(1 - p) + c` with `p` the sigmoid of the logit (Kull, Silva Filho and
    /// Flach, 2017).
    Beta {
        /// Weight of `ln p`, at least 0.
        a: f64,
        /// Weight of `-ln(1 - p)`, at least 0.
        b: f64,
        /// Shift.
        c: f64,
    },
    /// Straight lines between knots, and slope 1 beyond them.
    Isotonic {
        /// Logits of the knots, rising.
        logits: Vec<f64>,
        /// What they become, rising.
        calibrated: Vec<f64>,
    },
}

/// How to calibrate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CalibrationMethod {
    /// Platt a label; where its yes or no cells are few, a temperature shared by all labels.
    #[default]
    Platt,
    /// One temperature for all labels.
    Temperature,
    /// Beta calibration a label; the shared temperature as for Platt.
    Beta,
    /// A rising map of any shape a label; Platt where known cells are below a thousand.
    Isotonic,
    /// The network's own.
    None,
}

/// Known cells of one label that have a logit in common, or nearly so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Group {
    /// Their logit, the mean where they differ.
    pub logit: f64,
    /// How many say yes.
    pub yes: f64,
    /// How many say no.
    pub no: f64,
}

impl Calibration {
    /// The calibrated logit of a label whose network said `logit`.
    pub fn apply(&self, logit: f32) -> f32 {
        let z = f64::from(logit);
        let calibrated = match self {
            Calibration::None => return logit,
            Calibration::Platt { a, b } => a * z + b,
            Calibration::Temperature { temperature } => z / temperature,
            Calibration::Beta { a, b, c } => b * softplus(z) - a * softplus(-z) + c,
            Calibration::Isotonic { logits, calibrated } => between_knots(logits, calibrated, z),
        };
        calibrated as f32
    }

    /// Its name, as `--calibration` writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Calibration::None => "none",
            Calibration::Platt { .. } => "platt",
            Calibration::Temperature { .. } => "temperature",
            Calibration::Beta { .. } => "beta",
            Calibration::Isotonic { .. } => "isotonic",
        }
    }

    /// What is wrong with it, for one that was read from a file.
    pub(super) fn flaw(&self) -> Option<String> {
        let numbers: Vec<f64> = match self {
            Calibration::None => vec![],
            Calibration::Platt { a, b } => vec![*a, *b],
            Calibration::Temperature { temperature } => vec![*temperature],
            Calibration::Beta { a, b, c } => vec![*a, *b, *c],
            Calibration::Isotonic { logits, calibrated } => [&logits[..], calibrated].concat(),
        };
        let rises = match self {
            Calibration::None => true,
            Calibration::Platt { a, .. } => *a > 0.0,
            Calibration::Temperature { temperature } => *temperature > 0.0,
            Calibration::Beta { a, b, .. } => *a >= 0.0 && *b >= 0.0 && a + b > 0.0,
            Calibration::Isotonic { logits, calibrated } => {
                !logits.is_empty()
                    && logits.len() == calibrated.len()
                    && logits.is_sorted_by(|a, b| a < b)
                    && calibrated.is_sorted()
            }
        };
        let is_sound = rises && numbers.iter().all(|number| number.is_finite());
        (!is_sound).then(|| format!("calibration `{}` is no rising map", self.name()))
    }
}

/// The straight line between the two knots round `z`; slope 1 beyond the outermost.
fn between_knots(logits: &[f64], calibrated: &[f64], z: f64) -> f64 {
    let after = logits.partition_point(|&knot| knot <= z);
    if after == 0 {
        return calibrated[0] + (z - logits[0]);
    }
    let before = after - 1;
    if after == logits.len() {
        return calibrated[before] + (z - logits[before]);
    }
    let share = (z - logits[before]) / (logits[after] - logits[before]);
    calibrated[before] + share * (calibrated[after] - calibrated[before])
}

impl CalibrationMethod {
    /// The method for a label with so many yes and no cells, where this one was asked for.
    pub(super) fn of_label(self, yes: usize, no: usize) -> Self {
        match self {
            Self::None | Self::Temperature => self,
            _ if yes.min(no) < FEW => Self::Temperature,
            Self::Isotonic if yes + no < ISOTONIC_CELLS => Self::Platt,
            Self::Platt | Self::Beta | Self::Isotonic => self,
        }
    }
}

/// The calibration by `method` of a label from its `groups`, in rising order of their logits; a
/// temperature is the `shared` one.
pub(super) fn fit(
    method: CalibrationMethod,
    groups: &[Group],
    shared: &Calibration,
) -> Calibration {
    match method {
        CalibrationMethod::None => Calibration::None,
        CalibrationMethod::Temperature => shared.clone(),
        CalibrationMethod::Platt => platt(groups),
        CalibrationMethod::Beta => beta(groups),
        CalibrationMethod::Isotonic => isotonic(groups),
    }
}

/// One temperature for the `groups` of all labels together; none where they have one value only.
pub(super) fn temperature<'a>(groups: impl Iterator<Item = &'a Group> + Clone) -> Calibration {
    let has = |side: fn(&Group) -> f64| groups.clone().any(|group| side(group) > 0.0);
    if !has(|group| group.yes) || !has(|group| group.no) {
        return Calibration::None;
    }
    let design = Design {
        features: |z: f64| [z],
        offset: |_| 0.0,
        smooth: false,
    };
    let [slope] = fit_logistic(groups, design, [1.0]);
    Calibration::Temperature {
        temperature: 1.0 / slope.max(SMALLEST_SLOPE),
    }
}

fn platt(groups: &[Group]) -> Calibration {
    let design = Design {
        features: |z: f64| [z, 1.0],
        offset: |_| 0.0,
        smooth: true,
    };
    let [a, b] = fit_logistic(groups.iter(), design, [1.0, 0.0]);
    if a >= SMALLEST_SLOPE {
        return Calibration::Platt { a, b };
    }
    let design = Design {
        features: |_: f64| [1.0],
        offset: |z: f64| SMALLEST_SLOPE * z,
        smooth: true,
    };
    let [b] = fit_logistic(groups.iter(), design, [0.0]);
    Calibration::Platt {
        a: SMALLEST_SLOPE,
        b,
    }
}

/// The best `a` and `b` that are not negative; Platt's where both would be.
fn beta(groups: &[Group]) -> Calibration {
    let log_yes = |z: f64| -softplus(-z);
    let minus_log_no = softplus;
    let both = Design {
        features: move |z: f64| [log_yes(z), minus_log_no(z), 1.0],
        offset: |_| 0.0,
        smooth: true,
    };
    let [a, b, c] = fit_logistic(groups.iter(), both, [1.0, 1.0, 0.0]);
    if a >= 0.0 && b >= 0.0 && a + b >= SMALLEST_SLOPE {
        return Calibration::Beta { a, b, c };
    }
    if a < b {
        let upper = Design {
            features: move |z: f64| [minus_log_no(z), 1.0],
            offset: |_| 0.0,
            smooth: true,
        };
        let [b, c] = fit_logistic(groups.iter(), upper, [1.0, 0.0]);
        if b >= SMALLEST_SLOPE {
            return Calibration::Beta { a: 0.0, b, c };
        }
    } else {
        let lower = Design {
            features: move |z: f64| [log_yes(z), 1.0],
            offset: |_| 0.0,
            smooth: true,
        };
        let [a, c] = fit_logistic(groups.iter(), lower, [1.0, 0.0]);
        if a >= SMALLEST_SLOPE {
            return Calibration::Beta { a, b: 0.0, c };
        }
    }
    platt(groups)
}

/// Pooled adjacent violators, a knot at the mean logit of each pool.
///
/// A pool of one value only would be a chance of 0 or 1, and its log loss infinite on the first
/// exception; it counts as if half a cell of the other value were among all known cells.
fn isotonic(groups: &[Group]) -> Calibration {
    let (yes, no) = totals(groups);
    let edge = 0.5 / (yes + no + 1.0);
    let (mut logits, mut calibrated) = (Vec::new(), Vec::new());
    for pool in rising_means(groups) {
        let chance = (pool.yes / (pool.yes + pool.no)).clamp(edge, 1.0 - edge);
        logits.push(pool.logit);
        calibrated.push((chance / (1.0 - chance)).ln());
    }
    if logits.len() < 2 {
        return platt(groups);
    }
    Calibration::Isotonic { logits, calibrated }
}

/// Yes cells and no cells of all groups.
fn totals(groups: &[Group]) -> (f64, f64) {
    groups.iter().fold((0.0, 0.0), |(yes, no), group| {
        (yes + group.yes, no + group.no)
    })
}

impl fmt::Display for CalibrationMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CalibrationMethod::Platt => "platt",
            CalibrationMethod::Temperature => "temperature",
            CalibrationMethod::Beta => "beta",
            CalibrationMethod::Isotonic => "isotonic",
            CalibrationMethod::None => "none",
        })
    }
}

#[cfg(test)]
mod tests {
    use multihot_kernels::random;
    use proptest::prelude::*;

    use super::*;
    use crate::scores::sigmoid;

    /// Cells whose chance of yes is the sigmoid of `map(z)`, for `n` logits from -4 to 4.
    fn drawn(n: u64, map: impl Fn(f64) -> f64) -> Vec<Group> {
        let cell = |i: u64| {
            let z = 8.0 * (i as f64 + 0.5) / n as f64 - 4.0;
            let yes = random::uniform(7, i) < sigmoid(map(z));
            Group {
                logit: z,
                yes: f64::from(yes),
                no: f64::from(!yes),
            }
        };
        (0..n).map(cell).collect()
    }

    #[test]
    fn platt_finds_slope_and_shift() {
        let Calibration::Platt { a, b } = platt(&drawn(40_000, |z| 0.5 * z - 1.0)) else {
            panic!("no Platt");
        };
        // Four standard errors of 40,000 cells.
        assert!((a - 0.5).abs() < 0.03 && (b + 1.0).abs() < 0.06, "{a} {b}");
    }

    #[test]
    fn every_method_finds_a_network_that_is_too_bold() {
        let groups = drawn(40_000, |z| z / 3.0);
        let shared = temperature(groups.iter());
        for method in [
            CalibrationMethod::Platt,
            CalibrationMethod::Temperature,
            CalibrationMethod::Beta,
            CalibrationMethod::Isotonic,
        ] {
            let calibration = fit(method, &groups, &shared);
            assert_eq!(calibration.name(), method.to_string());
            for z in [-3.0, -1.0, 0.0, 1.0, 3.0] {
                let actual = sigmoid(calibration.apply(z).into());
                let expected = sigmoid(f64::from(z) / 3.0);
                // An isotonic pool has a few hundred cells.
                assert!(
                    (actual - expected).abs() < 0.06,
                    "{method} at {z}: {actual}"
                );
            }
        }
    }

    #[test]
    fn few_cells_share_a_temperature_and_too_few_for_isotonic_take_platt() {
        use CalibrationMethod::{Beta, Isotonic, None, Platt, Temperature};
        for (yes, no) in [(19, 500), (500, 19), (0, 500), (0, 0)] {
            for method in [Platt, Beta, Isotonic] {
                assert_eq!(method.of_label(yes, no), Temperature, "{yes} {no}");
            }
            assert_eq!(None.of_label(yes, no), None);
        }
        assert_eq!(Isotonic.of_label(20, 979), Platt);
        assert_eq!(Isotonic.of_label(20, 980), Isotonic);
        assert_eq!(Beta.of_label(20, 20), Beta);
    }

    #[test]
    fn one_value_alone_has_no_temperature() {
        let yes = Group {
            logit: 1.0,
            yes: 3.0,
            no: 0.0,
        };
        assert_eq!(temperature([yes].iter()), Calibration::None);
        assert_eq!(temperature([].iter()), Calibration::None);
    }

    #[test]
    fn logits_that_tell_nothing_or_the_reverse_keep_their_order() {
        let equal = [Group {
            logit: 0.3,
            yes: 30.0,
            no: 90.0,
        }];
        let shared = Calibration::None;
        for method in [
            CalibrationMethod::Platt,
            CalibrationMethod::Beta,
            CalibrationMethod::Isotonic,
        ] {
            let calibration = fit(method, &equal, &shared);
            let chance = sigmoid(calibration.apply(0.3).into());
            assert!((chance - 0.25).abs() < 0.01, "{method}: {chance}");
            let reversed = fit(method, &drawn(4_000, |z| -z), &shared);
            assert!(reversed.apply(3.0) > reversed.apply(-3.0), "{method}");
            assert_eq!(reversed.flaw(), None, "{method}");
        }
    }

    #[test]
    fn a_separated_label_stays_finite() {
        let groups: Vec<Group> = (0..2_000)
            .map(|i| Group {
                logit: f64::from(i) / 100.0 - 10.0,
                yes: f64::from(i >= 1_000),
                no: f64::from(i < 1_000),
            })
            .collect();
        for method in [
            CalibrationMethod::Platt,
            CalibrationMethod::Beta,
            CalibrationMethod::Isotonic,
        ] {
            let calibration = fit(method, &groups, &Calibration::None);
            assert_eq!(calibration.flaw(), None, "{method}");
            for z in [-1e4, -10.0, 0.0, 10.0, 1e4] {
                assert!(calibration.apply(z).is_finite(), "{method} at {z}");
            }
        }
    }

    #[test]
    fn a_map_that_does_not_rise_is_a_flaw() {
        let flawed = [
            Calibration::Platt { a: 0.0, b: 1.0 },
            Calibration::Platt { a: -1.0, b: 1.0 },
            Calibration::Platt {
                a: 1.0,
                b: f64::NAN,
            },
            Calibration::Temperature { temperature: 0.0 },
            Calibration::Beta {
                a: 0.0,
                b: 0.0,
                c: 1.0,
            },
            Calibration::Isotonic {
                logits: vec![],
                calibrated: vec![],
            },
            Calibration::Isotonic {
                logits: vec![0.0, 0.0],
                calibrated: vec![0.0, 1.0],
            },
            Calibration::Isotonic {
                logits: vec![0.0, 1.0],
                calibrated: vec![1.0, 0.0],
            },
        ];
        for calibration in flawed {
            assert!(calibration.flaw().is_some(), "{calibration:?}");
        }
    }

    fn groups() -> impl Strategy<Value = Vec<Group>> {
        let cell = ((-30..30_i8).prop_map(|z| f64::from(z) / 4.0), any::<bool>());
        prop::collection::vec(cell, 40..200).prop_map(|mut cells| {
            cells.sort_by(|a, b| a.0.total_cmp(&b.0));
            let group = |(logit, yes): (f64, bool)| Group {
                logit,
                yes: f64::from(yes),
                no: f64::from(!yes),
            };
            cells.into_iter().map(group).collect()
        })
    }

    proptest! {
        #[test]
        fn calibration_keeps_order(groups in groups()) {
            let fits = [platt(&groups), beta(&groups), isotonic(&groups), temperature(groups.iter())];
            for calibration in fits {
                prop_assert_eq!(calibration.flaw(), None);
                let mapped: Vec<f32> = (-100..100)
                    .map(|z| calibration.apply(f32::from(z as i8) / 10.0))
                    .collect();
                prop_assert!(mapped.is_sorted(), "{:?}", calibration);
                prop_assert!(mapped.iter().all(|z| z.is_finite()));
            }
        }
    }
}
