//! What a threshold is chosen for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::cuts::Cut;
use crate::metrics::counts::Counts;

/// Room for rounding where a share is compared with a bound that a person wrote, such as 0.9.
const ROUNDING: f64 = 1e-9;

/// What the threshold of a label is chosen for. Its text form is that of `--objective`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Objective {
    /// The highest F-score of the label: `f1`, or `f-beta=2` where recall counts `beta` times as
    /// much as precision.
    FBeta {
        /// How much recall counts.
        beta: f64,
    },
    /// The highest F1 over all cells of the labels with this objective, in one pool: `micro-f1`.
    /// Of each label by itself it is about F1.
    MicroF1,
    /// As many yes cells found as this precision allows: `precision>=0.9`.
    Precision {
        /// The lowest precision, above 0 and at most 1.
        at_least: f64,
    },
    /// As few yes decisions as this recall allows: `recall>=0.95`.
    Recall {
        /// The lowest recall, above 0 and at most 1.
        at_least: f64,
        /// Whether the recall is to hold on fresh rows as well, on average over draws of the
        /// tuning rows: `recall>=0.95,guaranteed`.
        guaranteed: bool,
    },
    /// The lowest cost of wrong decisions: `cost=1:5`.
    Cost {
        /// What a yes costs that should have been a no.
        false_yes: f64,
        /// What a no costs that should have been a yes.
        false_no: f64,
    },
    /// A threshold that is given: `fixed=0.5`.
    Fixed {
        /// It, in `0.0..=1.0`.
        threshold: f32,
    },
    /// No threshold, but the likeliest of an exclusive group: `likeliest`, which nobody has to ask
    /// for.
    Likeliest,
}

/// The text form of the objective that only files have.
const LIKELIEST: &str = "likeliest";

/// F1, the default.
pub const F1: Objective = Objective::FBeta { beta: 1.0 };

/// A text that is no objective.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is no objective; there are `f1`, `f-beta=B`, `micro-f1`, `precision>=P`, `recall>=R`, \
     `recall>=R,guaranteed`, `cost=FALSE_YES:FALSE_NO` and `fixed=T`, with P, R and T from 0 to 1"
)]
pub struct UnknownObjective(String);

impl Objective {
    /// What `cut` is worth, of a label with so many yes and no cells: the higher the better, and
    /// `None` where the cut is not allowed.
    pub(super) fn worth(self, cut: Cut, positives: usize) -> Option<f64> {
        let (tp, fp) = (cut.tp as f64, cut.fp as f64);
        let missed = (positives - cut.tp) as f64;
        match self {
            Objective::FBeta { beta } => {
                let weighted = (1.0 + beta * beta) * tp;
                let whole = weighted + beta * beta * missed + fp;
                (whole > 0.0).then(|| weighted / whole)
            }
            Objective::MicroF1 => F1.worth(cut, positives),
            Objective::Precision { at_least } => {
                (tp > 0.0 && tp >= at_least * (tp + fp) - ROUNDING).then_some(tp)
            }
            Objective::Recall {
                at_least,
                guaranteed,
            } => {
                let most = if guaranteed {
                    guaranteed_misses(positives, at_least)?
                } else {
                    (1.0 - at_least) * positives as f64 + ROUNDING
                };
                (missed <= most).then_some(-(tp + fp))
            }
            Objective::Cost {
                false_yes,
                false_no,
            } => Some(-(false_yes * fp + false_no * missed)),
            Objective::Fixed { .. } | Objective::Likeliest => None,
        }
    }

    /// Whether it asks for a recall that holds on fresh rows.
    pub(super) fn is_guaranteed(self) -> bool {
        matches!(self, Objective::Recall { guaranteed, .. } if guaranteed)
    }

    /// Whether the figure that it is about is F1.
    pub(crate) fn is_about_f1(self) -> bool {
        match self {
            Objective::FBeta { beta } => beta == 1.0,
            Objective::MicroF1 | Objective::Fixed { .. } | Objective::Likeliest => true,
            Objective::Precision { .. } | Objective::Recall { .. } | Objective::Cost { .. } => {
                false
            }
        }
    }

    /// The figure that it is about, of decisions counted so: an F-score, precision, recall, or the
    /// mean cost of a known cell.
    pub(super) fn figure(self, counts: Counts) -> Option<f64> {
        match self {
            Objective::FBeta { beta } => counts.f_beta(beta),
            Objective::MicroF1 | Objective::Fixed { .. } | Objective::Likeliest => counts.f1(),
            Objective::Precision { .. } => counts.precision(),
            Objective::Recall { .. } => counts.recall(),
            Objective::Cost {
                false_yes,
                false_no,
            } => {
                let cost = false_yes * counts.fp as f64 + false_no * counts.fn_ as f64;
                let known = counts.known();
                (known > 0).then(|| cost / known as f64)
            }
        }
    }
}

/// The most of `positives` yes cells that may be missed so that the recall on a fresh row is
/// guaranteed, or `None` where there are too few for any guarantee.
///
/// Conformal risk control (arXiv:2208.02814) with the miss of a yes cell as the loss: with a share
/// `m / n` of misses on the tuning rows, the expected share on a fresh one is at most
/// `(n / (n + 1)) (m / n) + 1 / (n + 1)`, and this must not exceed `1 - at_least`.
pub(super) fn guaranteed_misses(positives: usize, at_least: f64) -> Option<f64> {
    let most = ((1.0 - at_least) * (positives + 1) as f64 - 1.0 + ROUNDING).floor();
    (most >= 0.0).then_some(most)
}

/// The fewest yes cells with which a recall of `at_least` can be guaranteed; `None` for 1.
pub(super) fn positives_for_guarantee(at_least: f64) -> Option<usize> {
    let allowed = 1.0 - at_least;
    (allowed > 0.0).then(|| (1.0 / allowed - 1.0 - ROUNDING).ceil() as usize)
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Objective::FBeta { beta: 1.0 } => write!(f, "f1"),
            Objective::FBeta { beta } => write!(f, "f-beta={beta}"),
            Objective::MicroF1 => write!(f, "micro-f1"),
            Objective::Precision { at_least } => write!(f, "precision>={at_least}"),
            Objective::Recall {
                at_least,
                guaranteed,
            } => {
                let guaranteed = if *guaranteed { ",guaranteed" } else { "" };
                write!(f, "recall>={at_least}{guaranteed}")
            }
            Objective::Cost {
                false_yes,
                false_no,
            } => write!(f, "cost={false_yes}:{false_no}"),
            Objective::Fixed { threshold } => write!(f, "fixed={threshold}"),
            Objective::Likeliest => write!(f, "{LIKELIEST}"),
        }
    }
}

impl FromStr for Objective {
    type Err = UnknownObjective;

    fn from_str(text: &str) -> Result<Self, UnknownObjective> {
        parse(text).ok_or_else(|| UnknownObjective(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Objective> {
    let above_0 = |text: &str| number(text).filter(|&x| x > 0.0);
    let bound = |text: &str| above_0(text).filter(|&x| x <= 1.0);
    match text {
        "f1" => return Some(F1),
        "micro-f1" => return Some(Objective::MicroF1),
        _ => {}
    }
    if let Some(beta) = text.strip_prefix("f-beta=") {
        let beta = above_0(beta).filter(|beta| (0.01..=100.0).contains(beta))?;
        return Some(Objective::FBeta { beta });
    }
    if let Some(at_least) = text.strip_prefix("precision>=") {
        let at_least = bound(at_least)?;
        return Some(Objective::Precision { at_least });
    }
    if let Some(rest) = text.strip_prefix("recall>=") {
        let (at_least, guaranteed) = match rest.strip_suffix(",guaranteed") {
            Some(at_least) => (at_least, true),
            None => (rest, false),
        };
        let at_least = bound(at_least)?;
        return Some(Objective::Recall {
            at_least,
            guaranteed,
        });
    }
    if let Some(costs) = text.strip_prefix("cost=") {
        let (false_yes, false_no) = costs.split_once(':')?;
        let (false_yes, false_no) = (above_0(false_yes)?, above_0(false_no)?);
        return Some(Objective::Cost {
            false_yes,
            false_no,
        });
    }
    let threshold = number(text.strip_prefix("fixed=")?)? as f32;
    let is_probability = (0.0..=1.0).contains(&threshold);
    is_probability.then_some(Objective::Fixed { threshold })
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|x: &f64| x.is_finite())
}

impl TryFrom<String> for Objective {
    type Error = UnknownObjective;

    fn try_from(text: String) -> Result<Self, UnknownObjective> {
        match text.as_str() {
            LIKELIEST => Ok(Objective::Likeliest),
            text => text.parse(),
        }
    }
}

impl From<Objective> for String {
    fn from(objective: Objective) -> String {
        objective.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objective_is_written_as_it_is_read() {
        let texts = [
            "f1",
            "f-beta=2",
            "micro-f1",
            "precision>=0.9",
            "recall>=0.95",
            "recall>=0.95,guaranteed",
            "cost=1:5",
            "fixed=0.5",
        ];
        for text in texts {
            assert_eq!(text.parse::<Objective>().unwrap().to_string(), text);
        }
        assert_eq!("f-beta=1".parse(), Ok(F1));
        assert_eq!(
            Objective::try_from("likeliest".to_owned()),
            Ok(Objective::Likeliest)
        );
        assert_eq!(Objective::Likeliest.to_string(), "likeliest");
    }

    #[test]
    fn what_is_no_objective_is_refused_with_those_there_are() {
        let texts = [
            "",
            "f2",
            "F1",
            "f-beta=",
            "f-beta=0",
            "f-beta=inf",
            "precision>=0",
            "precision>=1.1",
            "precision>0.9",
            "recall>=nan",
            "recall>=0.9,sure",
            "likeliest",
            "cost=1",
            "cost=0:1",
            "cost=1:-1",
            "fixed=2",
            "fixed=-0.1",
            "fixed=NaN",
        ];
        for text in texts {
            let error = text.parse::<Objective>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{text}` is no objective")),
                "{error}"
            );
            assert!(error.contains("`precision>=P`"), "{error}");
        }
    }

    fn worth(objective: &str, tp: usize, fp: usize) -> Option<f64> {
        let objective: Objective = objective.parse().unwrap();
        objective.worth(
            Cut {
                tp,
                fp,
                lowest_yes: None,
                highest_no: None,
            },
            10,
        )
    }

    #[test]
    fn worth_is_what_the_name_says_of_10_yes_cells() {
        let cases = [
            ("f1", 5, 5, Some(0.5)),
            ("f1", 0, 0, Some(0.0)),
            ("f-beta=2", 5, 5, Some(25.0 / (25.0 + 20.0 + 5.0))),
            ("precision>=0.9", 9, 1, Some(9.0)),
            ("precision>=0.9", 8, 1, None),
            ("precision>=0.9", 0, 0, None),
            ("recall>=0.9", 9, 3, Some(-12.0)),
            ("recall>=0.9", 8, 3, None),
            ("recall>=0.9,guaranteed", 10, 3, Some(-13.0)),
            ("recall>=0.9,guaranteed", 9, 3, None),
            ("recall>=0.8,guaranteed", 9, 3, Some(-12.0)),
            ("recall>=0.95,guaranteed", 10, 3, None),
            ("cost=1:5", 8, 3, Some(-13.0)),
        ];
        for (objective, tp, fp, expected) in cases {
            assert_eq!(worth(objective, tp, fp), expected, "{objective} {tp} {fp}");
        }
    }

    #[test]
    fn a_guarantee_takes_9_yes_cells_for_nine_tenths_and_19_for_nineteen_twentieths() {
        for (at_least, fewest) in [(0.9, 9), (0.95, 19), (0.5, 1), (0.99, 99), (0.8, 4)] {
            assert_eq!(
                positives_for_guarantee(at_least),
                Some(fewest),
                "{at_least}"
            );
            assert_eq!(guaranteed_misses(fewest, at_least), Some(0.0), "{at_least}");
            assert_eq!(guaranteed_misses(fewest - 1, at_least), None, "{at_least}");
        }
        assert_eq!(positives_for_guarantee(1.0), None);
        assert_eq!(guaranteed_misses(1_000_000, 1.0), None);
        assert_eq!(guaranteed_misses(100, 0.9), Some(9.0));
    }
}
