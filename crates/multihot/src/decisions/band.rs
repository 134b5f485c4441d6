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
    /// `targets` ask. `None` where the two sides meet.
    pub(super) fn round(
        threshold: f32,
        cuts: impl Iterator<Item = Cut> + Clone,
        totals: (usize, usize),
        targets: SureTargets,
    ) -> Option<Self> {
        let to = sure_yes(threshold, cuts.clone(), totals.0, targets.yes);
        Self::between(sure_no(threshold, cuts, totals, targets.no), to)
    }

    /// The same below `threshold` alone: whatever reaches it stays a yes.
    pub(super) fn below(
        threshold: f32,
        cuts: impl Iterator<Item = Cut>,
        totals: (usize, usize),
        targets: SureTargets,
    ) -> Option<Self> {
        Self::between(sure_no(threshold, cuts, totals, targets.no), threshold)
    }

    fn between(from: f32, to: f32) -> Option<Self> {
        (from < to).then_some(Self { from, to })
    }
}

/// Where yes answers start that are right as often as `at_least`: of the cuts whose yes cells all
/// reach `threshold`, and of which that holds, the one with most of them; [`NEVER`] where it holds
/// of none. A cut below `threshold` says nothing of those above it, whose precision may be lower.
fn sure_yes(
    threshold: f32,
    cuts: impl Iterator<Item = Cut>,
    positives: usize,
    at_least: f64,
) -> f32 {
    let precise = Objective::Precision { at_least };
    let cuts = cuts.filter(|cut| cut.lowest_yes.is_none_or(|lowest| lowest >= threshold));
    let sure = best(cuts, |cut| precise.worth(cut, positives));
    sure.map_or(NEVER, |cut| cut.threshold().max(threshold))
}

/// Where no answers end that are right as often as `at_least`: the same from below, and 0 where it
/// holds of none.
fn sure_no(
    threshold: f32,
    cuts: impl Iterator<Item = Cut>,
    (positives, negatives): (usize, usize),
    at_least: f64,
) -> f32 {
    let precise = Objective::Precision { at_least };
    let cuts = cuts.filter(|cut| cut.highest_no.is_none_or(|highest| highest < threshold));
    let sure = best(cuts, |cut| {
        // Seen from the other side, no cells are what is found.
        let turned = Cut {
            tp: negatives - cut.fp,
            fp: positives - cut.tp,
            ..cut
        };
        // Of cuts with as many right no answers, the one with fewest wrong ones.
        let wrong_share = turned.fp as f64 / (positives + 1) as f64;
        precise
            .worth(turned, negatives)
            .map(|right| right - wrong_share)
    });
    sure.map_or(0.0, |cut| cut.threshold().min(threshold))
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
    fn each_side_is_as_sure_as_asked_from_the_threshold_on() {
        let targets = SureTargets {
            yes: 0.75,
            no: 0.75,
        };
        let band = |cells: &[(f32, bool)], threshold| {
            let yes = cells.iter().filter(|(_, yes)| *yes).count();
            let totals = (yes, cells.len() - yes);
            Band::round(threshold, cuts(cells.iter().copied()), totals, targets)
        };
        // Six of eight from 0.2 up are right, but from the threshold up three of five.
        let cells = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
            .into_iter()
            .zip([false, true, false, true, true, true, true, true, false]);
        let upper: Vec<(f32, bool)> = cells.collect();
        assert_eq!(band(&upper, 0.45).unwrap().to, NEVER);
        // The same seen from below.
        let turned = upper.iter().rev().map(|&(p, yes)| (1.0 - p, !yes));
        assert_eq!(band(&turned.collect::<Vec<_>>(), 0.55).unwrap().from, 0.0);
    }

    #[test]
    fn a_band_below_leaves_the_threshold_alone() {
        let cells = [
            (0.9, false),
            (0.8, true),
            (0.6, false),
            (0.4, true),
            (0.2, false),
        ];
        let targets = SureTargets { yes: 0.9, no: 0.9 };
        let band = Band::below(0.5, cuts(cells.into_iter()), (2, 3), targets).unwrap();
        assert!((band.from - 0.3).abs() < 1e-6 && band.to == 0.5, "{band:?}");
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
