//! The probabilities in which the answer is "unsure".

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::cuts::{Cut, NEVER, best};
use super::objective::Objective;

/// Probabilities that are neither a yes nor a no: from `from` up to, but without, `to`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Below it the answer is no.
    pub from: f32,
    /// From it on the answer is yes.
    pub to: f32,
}

/// How often an answer outside the band is to be right.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SureTargets {
    /// Share of right ones among the yes answers.
    pub yes: f64,
    /// Share of right ones among the no answers.
    pub no: f64,
}

/// A text that is no pair of targets.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is no target; expected how often a sure answer is to be right, above 0.5 and at most 1, \
     such as `0.9`, or one for yes and one for no, such as `0.9,0.98`"
)]
pub struct UnknownTargets(String);

impl FromStr for SureTargets {
    type Err = UnknownTargets;

    fn from_str(text: &str) -> Result<Self, UnknownTargets> {
        let share = |text: &str| {
            let share = text.parse::<f64>().ok();
            share.filter(|share| *share > 0.5 && *share <= 1.0)
        };
        let (yes, no) = text.split_once(',').unwrap_or((text, text));
        match (share(yes), share(no)) {
            (Some(yes), Some(no)) => Ok(Self { yes, no }),
            _ => Err(UnknownTargets(text.to_owned())),
        }
    }
}

impl Band {
    /// The narrowest band round `threshold` outside of which the answers are as often right as
    /// `targets` ask: of all cuts with enough precision the one with most yes answers, and the
    /// same for no. `None` where the two sides meet.
    pub(super) fn round(
        threshold: f32,
        cuts: impl Iterator<Item = Cut> + Clone,
        (positives, negatives): (usize, usize),
        targets: SureTargets,
    ) -> Option<Self> {
        let precise = Objective::Precision {
            at_least: targets.yes,
        };
        let sure_yes = best(cuts.clone(), |cut| precise.worth(cut, positives));
        let sure_no = best(cuts, |cut| {
            // Seen from the other side, no cells are what is found.
            let turned = Cut {
                tp: negatives - cut.fp,
                fp: positives - cut.tp,
                ..cut
            };
            let precise = Objective::Precision {
                at_least: targets.no,
            };
            // Of cuts with as many right no answers, the one with fewest wrong ones.
            let wrong_share = turned.fp as f64 / (positives + 1) as f64;
            precise
                .worth(turned, negatives)
                .map(|right| right - wrong_share)
        });
        let to = sure_yes.map_or(NEVER, Cut::threshold).max(threshold);
        let from = sure_no.map_or(0.0, Cut::threshold).min(threshold);
        (from < to).then_some(Self { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::super::cuts::cuts;
    use super::*;

    #[test]
    fn targets_are_one_share_or_two() {
        assert_eq!("0.9".parse(), Ok(SureTargets { yes: 0.9, no: 0.9 }));
        assert_eq!("0.9,0.98".parse(), Ok(SureTargets { yes: 0.9, no: 0.98 }));
        for text in ["", "0.5", "1.5", "nan", "0.9,", "0.9,0.9,0.9", "high"] {
            let error = text.parse::<SureTargets>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{text}` is no target")),
                "{error}"
            );
        }
    }

    fn band(yes: f64, no: f64) -> Option<Band> {
        // From the top: right, right, wrong, right, wrong, wrong, right, wrong.
        let cells = [true, true, false, true, false, false, true, false];
        let ranked = cells.iter().zip(0u8..);
        let ranked = ranked.map(|(&yes, i)| (f32::from(15 - 2 * i) / 16.0, yes));
        Band::round(0.5, cuts(ranked), (4, 4), SureTargets { yes, no })
    }

    #[test]
    fn a_band_is_as_wide_as_its_targets_ask() {
        let some = |from, to| Some(Band { from, to });
        // All yes answers right: the upper two. All no answers right: the lowest one.
        assert_eq!(band(1.0, 1.0), some(0.125, 0.75));
        // Three of the upper four are right, down to where the threshold already is.
        assert_eq!(band(0.75, 1.0), some(0.125, 0.5));
        assert_eq!(band(0.75, 0.75), None);
    }

    #[test]
    fn a_side_that_is_never_sure_is_all_band() {
        let ranked = [(0.8, false), (0.2, true)];
        let band = Band::round(
            0.5,
            cuts(ranked.into_iter()),
            (1, 1),
            SureTargets { yes: 0.9, no: 0.9 },
        );
        assert_eq!(
            band,
            Some(Band {
                from: 0.0,
                to: NEVER
            })
        );
    }
}
