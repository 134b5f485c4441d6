//! How the learning rate changes over the steps.

use serde::{Deserialize, Serialize};

/// The course of the learning rate after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Down to 0 in a straight line.
    #[default]
    Linear,
    /// Down to 0 along half a cosine.
    Cosine,
    /// As it is.
    Constant,
}

impl Schedule {
    /// What the learning rate is multiplied by at `step` of `total`, as Transformers has it.
    ///
    /// `step` counts the steps already done, from 0. Over the first `warmup` steps the factor
    /// rises from 0 in a straight line, so with a warm-up the very first step moves nothing.
    pub fn factor(self, step: u64, total: u64, warmup: u64) -> f64 {
        if step < warmup {
            return step as f64 / warmup as f64;
        }
        let span = total.saturating_sub(warmup).max(1) as f64;
        let done = ((step - warmup) as f64 / span).min(1.0);
        match self {
            Schedule::Linear => 1.0 - done,
            Schedule::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
            Schedule::Constant => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_those_of_transformers() {
        // get_linear_schedule_with_warmup and its sisters, 10 steps with 2 of warm-up.
        let cases = [
            (0, 0.0, 0.0, 0.0),
            (1, 0.5, 0.5, 0.5),
            (2, 1.0, 1.0, 1.0),
            (4, 0.75, 0.853_553_390_593_273_7, 1.0),
            (6, 0.5, 0.5, 1.0),
            (8, 0.25, 0.146_446_609_406_726_27, 1.0),
            (10, 0.0, 0.0, 1.0),
        ];
        for (step, linear, cosine, constant) in cases {
            let factor = |schedule: Schedule| schedule.factor(step, 10, 2);
            assert!(
                (factor(Schedule::Linear) - linear).abs() < 1e-12,
                "linear, step {step}"
            );
            assert!(
                (factor(Schedule::Cosine) - cosine).abs() < 1e-12,
                "cosine, step {step}"
            );
            assert_eq!(
                factor(Schedule::Constant),
                constant,
                "constant, step {step}"
            );
        }
    }

    #[test]
    fn factors_stay_in_range_at_the_edges() {
        for schedule in [Schedule::Linear, Schedule::Cosine, Schedule::Constant] {
            for (step, total, warmup) in [(0, 0, 0), (0, 1, 0), (5, 3, 0), (3, 3, 3), (9, 3, 5)] {
                let factor = schedule.factor(step, total, warmup);
                assert!(
                    (0.0..=1.0).contains(&factor),
                    "{schedule:?} {step} {total} {warmup}"
                );
            }
        }
    }

    #[test]
    fn names_are_lower_case() {
        assert_eq!(
            serde_json::to_string(&Schedule::Cosine).unwrap(),
            "\"cosine\""
        );
        assert_eq!(
            serde_json::from_str::<Schedule>("\"linear\"").unwrap(),
            Schedule::Linear
        );
    }
}
