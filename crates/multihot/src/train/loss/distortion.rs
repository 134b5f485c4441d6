//! What a loss does to chances, and how it is undone.
//!
//! A network that fits its training cells perfectly does not answer each text's chance `p` unless
//! the loss is plain cross-entropy: it answers the logit at which the *expected* loss is smallest.
//! Which logit that is for which `p` is known for each loss, so it can be undone.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Loss, exclusive};
use crate::questions::{ExclusiveGroup, Questions};
use crate::scores::{Logits, sigmoid};

/// Logits beyond these are no answers of a network, and every map's ends lie between them.
const FARTHEST_LOGIT: f32 = 1000.0;
/// Log-odds beyond these, a chance within 1e-13 of 0 or 1, are as good as infinite.
const FARTHEST_LOG_ODDS: f64 = 30.0;
/// Where the loss caps what a network may answer, the exact map ends this far below the cap, in
/// log-odds. The map's slope there is about as much: an eighth of what it is for cross-entropy.
const BELOW_THE_CAP: f64 = 0.125;

/// How the saved network's logits differ from log-odds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Distortion {
    /// Not at all: a fit logit's sigmoid is the chance.
    #[default]
    None,
    /// By a curve that no output bias makes up for.
    Bent {
        loss: Loss,
        label_smoothing: f32,
        /// The curve of each label; for nothing where the label is in an exclusive group.
        labels: Vec<Bend>,
        /// The smallest chance that the training could show of each exclusive group, which nothing
        /// but smoothing bends.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exclusive: Vec<f64>,
    },
}

/// One label's part of [`Distortion::Bent`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bend {
    /// `ln w` of the label's yes side.
    log_weight: f32,
    /// The logits between which the curve is undone exactly. Beyond them a logit is taken to rise
    /// as much as its log-odds, which keeps the order of texts.
    ///
    /// They lie where `n` known cells can show no smaller or larger chance (½ in n + 1), or where
    /// the loss no longer tells chances apart.
    exact: [f32; 2],
}

impl Distortion {
    /// What `loss` with this smoothing does to labels with the weights `e^log_weights` and so many
    /// `known` training cells, and to groups of labels that exclude each other, of which so many
    /// rows are `settled`.
    pub(crate) fn new(
        loss: Loss,
        label_smoothing: f32,
        log_weights: &[f32],
        known: &[usize],
        settled: Vec<usize>,
    ) -> Self {
        if loss == Loss::Bce && label_smoothing == 0.0 && log_weights.iter().all(|&w| w == 0.0) {
            return Self::None;
        }
        let labels = log_weights.iter().zip(known);
        let bend = |(&log_weight, &known)| {
            let curve = |logit| log_odds(loss, label_smoothing, log_weight, logit);
            Bend {
                log_weight,
                exact: exact(curve, known),
            }
        };
        Self::Bent {
            loss,
            label_smoothing,
            labels: labels.map(bend).collect(),
            exclusive: settled
                .into_iter()
                .map(exclusive::smallest_chance)
                .collect(),
        }
    }

    /// How far the targets of exclusive groups were moved toward the mean of their outcomes.
    pub(crate) fn smoothing_of_groups(&self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Bent {
                label_smoothing, ..
            } => (*label_smoothing).into(),
        }
    }

    /// The logits that `logits` stand for: those that plain cross-entropy would have led to, whose
    /// [log-odds](Logits::log_odds) are those of chances.
    pub(crate) fn undo<'a>(&self, logits: &'a Logits, questions: &Questions) -> Cow<'a, Logits> {
        self.map(logits, questions, Self::undo_one, exclusive::unsmoothed)
    }

    /// [`Distortion::undo`] the other way round; of an exclusive group exact where no chance is
    /// smaller than its training could show.
    pub(crate) fn apply_to_all<'a>(
        &self,
        logits: &'a Logits,
        questions: &Questions,
    ) -> Cow<'a, Logits> {
        self.map(logits, questions, Self::apply, exclusive::smoothed)
    }

    fn map<'a>(
        &self,
        logits: &'a Logits,
        questions: &Questions,
        of_label: fn(&Self, usize, f32) -> f32,
        of_group: fn(&ExclusiveGroup, &[f32], f64, f64) -> Vec<f32>,
    ) -> Cow<'a, Logits> {
        let Self::Bent { exclusive, .. } = self else {
            return Cow::Borrowed(logits);
        };
        let (n_labels, smoothing) = (logits.n_labels(), self.smoothing_of_groups());
        let mut values = logits.values().to_vec();
        for row in values.chunks_exact_mut(n_labels) {
            for (label, logit) in row.iter_mut().enumerate() {
                if !questions.is_exclusive(label) {
                    *logit = of_label(self, label, *logit);
                }
            }
            if smoothing == 0.0 {
                continue;
            }
            for (group, &smallest) in questions.exclusive().iter().zip(exclusive) {
                let members = of_group(group, row, smoothing, smallest);
                for (&label, logit) in group.members.iter().zip(members) {
                    row[label] = logit;
                }
            }
        }
        Cow::Owned(Logits::new(values, n_labels))
    }

    /// The log-odds that a `logit` of the label stands for; rises with the logit.
    fn undo_one(&self, label: usize, logit: f32) -> f32 {
        let Self::Bent {
            loss,
            label_smoothing,
            labels,
            ..
        } = self
        else {
            return logit;
        };
        let Bend { log_weight, exact } = labels[label];
        let inside = logit.clamp(exact[0], exact[1]);
        let log_odds = log_odds(*loss, *label_smoothing, log_weight, inside);
        (log_odds + f64::from(logit) - f64::from(inside)) as f32
    }

    /// The logit that a label of these log-odds should be answered with: [`Distortion::undo`] the
    /// other way round.
    pub(crate) fn apply(&self, label: usize, log_odds: f32) -> f32 {
        if *self == Self::None {
            return log_odds;
        }
        last_below(|logit| f64::from(self.undo_one(label, logit)) > log_odds.into())
    }

    /// Whether it was read for these questions and can be undone; says what is wrong if not.
    pub(crate) fn check(&self, questions: &Questions) -> Result<(), String> {
        let Self::Bent {
            loss,
            label_smoothing,
            labels,
            exclusive,
        } = self
        else {
            return Ok(());
        };
        let (n_labels, n_groups) = (questions.labels().len(), questions.exclusive().len());
        let is_chance = |chance: &f64| *chance > 0.0 && *chance < 1.0;
        if exclusive.len() != n_groups || !exclusive.iter().all(is_chance) {
            return Err(format!(
                "`distortion`: `exclusive` is {exclusive:?}; expected {n_groups} chances, one for \
                 each exclusive group"
            ));
        }
        if labels.len() != n_labels {
            return Err(format!(
                "`distortion` has {} labels; expected {n_labels}",
                labels.len()
            ));
        }
        loss.check().map_err(|error| error.to_string())?;
        if !(0.0..=0.5).contains(label_smoothing) {
            return Err(format!(
                "`distortion`: `label_smoothing` is {label_smoothing}; expected 0 to 0.5"
            ));
        }
        for Bend { log_weight, exact } in labels {
            let numbers = [exact[0], exact[1], *log_weight];
            if exact[0] > exact[1] || !numbers.iter().all(|number| number.is_finite()) {
                return Err(format!(
                    "`distortion`: `exact` is {exact:?} and `log_weight` {log_weight}; expected \
                     two logits, the lower first, and a number"
                ));
            }
        }
        Ok(())
    }
}

/// The log-odds for which `logit` costs the least on average, the farthest where there are none.
fn log_odds(loss: Loss, label_smoothing: f32, log_weight: f32, logit: f32) -> f64 {
    let smoothed = loss.log_odds(logit.into()) - f64::from(log_weight);
    let half = f64::from(label_smoothing) / 2.0;
    let log_odds = if half == 0.0 {
        smoothed
    } else {
        // The targets were `half` and `1 - half`; the divisor `1 - 2 half` of both falls out.
        let yes = (sigmoid(smoothed) - half).max(0.0);
        let no = (sigmoid(-smoothed) - half).max(0.0);
        (yes / no).ln()
    };
    log_odds.clamp(-FARTHEST_LOG_ODDS, FARTHEST_LOG_ODDS)
}

/// The logits between which `curve` is to be followed, for a label with so many `known` cells.
fn exact(curve: impl Fn(f32) -> f64, known: usize) -> [f32; 2] {
    // As far as the smoothed log-odds of a label that is never or always true.
    let farthest = (2.0 * known as f64 + 1.0).ln();
    let cap = curve(FARTHEST_LOGIT);
    let highest = farthest.min(cap - BELOW_THE_CAP);
    let lowest = (-farthest).min(highest - 1.0);
    let lower = last_below(|logit| curve(logit) >= lowest).next_up();
    let upper = last_below(|logit| curve(logit) > highest);
    // A clip without a focusing factor makes the curve jump, maybe over both.
    [lower, upper.max(lower)]
}

/// The last logit before `is_past` turns true and stays so.
fn last_below(is_past: impl Fn(f32) -> bool) -> f32 {
    let (mut low, mut high) = (-FARTHEST_LOGIT, FARTHEST_LOGIT);
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return low;
        }
        if is_past(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use multihot_table::Cell;
    use proptest::prelude::*;

    use super::super::golden::{self, Case};
    use super::*;
    use crate::questions::tests::questions;

    fn chance(log_odds: f32) -> f64 {
        sigmoid(log_odds.into())
    }

    #[test]
    fn plain_cross_entropy_distorts_nothing() {
        let plain = Distortion::new(Loss::Bce, 0.0, &[0.0; 2], &[10; 2], vec![]);
        assert_eq!(plain, Distortion::None);
        let logits = Logits::new(vec![1.0, -1e4], 2);
        let questions = questions("a,b", &[], &[]);
        assert!(matches!(plain.undo(&logits, &questions), Cow::Borrowed(_)));
        assert_eq!(plain.apply(1, -3.5), -3.5);
    }

    #[test]
    fn the_logit_of_least_cost_becomes_the_chance() {
        let golden = golden::read();
        for case in &golden.cases {
            let distortion = case.distortion(10_000);
            for (&expected, &optimum) in golden.chances.iter().zip(&case.optima) {
                let at = format!("{} at {expected}", case.name());
                let Some(optimum) = optimum else {
                    // The more of it the better: only an end of the scale can be right.
                    let farthest = distortion.undo_one(0, 30.0);
                    assert!(chance(farthest) > 0.9, "{at}: {farthest}");
                    continue;
                };
                let actual = chance(distortion.undo_one(0, optimum));
                if at.starts_with("asymmetric loss (gamma 0") && expected > 0.9 {
                    // May lie past the end of what is undone exactly.
                    assert!((actual - expected).abs() < 0.02, "{at}: {actual}");
                } else {
                    assert!((actual - expected).abs() < 2e-6, "{at}: {actual}");
                }
                if case.loss != Loss::Bce || case.label_smoothing > 0.0 {
                    let bare = chance(optimum);
                    let differs = (bare - expected).abs() > 1e-3 || expected == 0.5;
                    assert!(differs || case.weight != 1.0, "{at}: {bare} already");
                }
            }
        }
    }

    /// Fits one logit to cells of which the share `yes` says yes, by descent along the sign of the
    /// gradient: steps grow while it keeps and are halved when it turns.
    fn fit(case: &Case, yes: usize, no: usize) -> f32 {
        let cells = [vec![Cell::Yes; yes], vec![Cell::No; no]].concat();
        let scale = 1.0 / cells.len() as f32;
        let (mut logit, mut step, mut last) = (0.0, 0.5, 0.0);
        for _ in 0..100 {
            let logits = Logits::new(vec![logit; cells.len()], 1);
            let mut d_logits = vec![0.0; cells.len()];
            case.criterion()
                .gradient(&logits, &cells, scale, &mut d_logits);
            let gradient: f64 = d_logits.iter().map(|&d| f64::from(d)).sum();
            step *= if gradient * last < 0.0 { 0.5 } else { 1.2 };
            last = gradient;
            logit -= step * gradient.signum() as f32;
        }
        logit
    }

    #[test]
    fn a_fit_to_draws_of_a_chance_gives_the_chance_back_once_undone_and_not_before() {
        let of_hundred = [2, 6, 25, 50, 80];
        for case in golden::read().cases {
            let distortion = case.distortion(1000);
            let mut furthest_before = 0.0_f64;
            for yes in of_hundred {
                let expected = yes as f64 / 100.0;
                let logit = fit(&case, yes, 100 - yes);
                let (before, after) = (chance(logit), chance(distortion.undo_one(0, logit)));
                let name = case.name();
                assert!(
                    (after - expected).abs() < 1e-3,
                    "{name}: {after} for {expected}"
                );
                furthest_before = furthest_before.max((before - expected).abs());
            }
            let is_plain = case.loss == Loss::Bce && case.label_smoothing == 0.0;
            if !(is_plain && case.weight == 1.0) {
                assert!(furthest_before > 0.03, "{}: {furthest_before}", case.name());
            }
        }
    }

    #[test]
    fn what_cannot_be_undone_is_said() {
        let loss = Loss::Asymmetric {
            gamma_positive: 0.0,
            gamma_negative: 4.0,
            clip: 0.05,
        };
        let good = Distortion::new(loss, 0.0, &[0.0; 2], &[100; 2], vec![]);
        let free = ["a", "a,b", "a,b,c"].map(|labels| questions(labels, &[], &[]));
        assert_eq!(good.check(&free[1]), Ok(()));
        assert_eq!(Distortion::None.check(&free[1]), Ok(()));
        let of_a_group = good.check(&questions("a,b", &["g=a,b"], &[])).unwrap_err();
        assert!(
            of_a_group.contains("`exclusive` is []; expected 1 chances"),
            "{of_a_group}"
        );
        let bent = |loss, label_smoothing, exact| Distortion::Bent {
            loss,
            label_smoothing,
            labels: vec![Bend {
                log_weight: 0.0,
                exact,
            }],
            exclusive: vec![],
        };
        let cases = [
            (good, 3, "2 labels; expected 3"),
            (bent(loss, 0.0, [2.0, 1.0]), 1, "`exact` is [2.0, 1.0]"),
            (bent(loss, 0.0, [f32::NAN, 1.0]), 1, "the lower first"),
            (bent(loss, 0.0, [1.0, f32::INFINITY]), 1, "two logits"),
            (
                bent(loss, f32::NAN, [-1.0, 1.0]),
                1,
                "`label_smoothing` is NaN",
            ),
            (
                bent(Loss::Focal { gamma: -1.0 }, 0.0, [-1.0, 1.0]),
                1,
                "`--focal-gamma` is -1",
            ),
        ];
        for (distortion, n_labels, part) in cases {
            let error = distortion.check(&free[n_labels - 1]).unwrap_err();
            assert!(error.contains(part), "`{part}` is not in: {error}");
        }
    }

    #[test]
    fn json_keeps_it_to_the_bit() {
        for case in golden::read().cases {
            let distortion = case.distortion(777);
            let text = serde_json::to_string(&distortion).unwrap();
            let back: Distortion = serde_json::from_str(&text).unwrap();
            assert_eq!(back, distortion, "{text}");
        }
    }

    fn any_loss() -> impl Strategy<Value = Loss> {
        let gamma = || prop_oneof![Just(0.0_f32), 0.0..10.0_f32];
        prop_oneof![
            Just(Loss::Bce),
            gamma().prop_map(|gamma| Loss::Focal { gamma }),
            (gamma(), gamma(), prop_oneof![Just(0.0_f32), 0.0..=0.5_f32]).prop_map(
                |(gamma_positive, gamma_negative, clip)| Loss::Asymmetric {
                    gamma_positive,
                    gamma_negative,
                    clip,
                }
            ),
        ]
    }

    fn any_distortion() -> impl Strategy<Value = Distortion> {
        let smoothing = prop_oneof![Just(0.0_f32), 0.0..=0.5_f32];
        (any_loss(), smoothing, -5.0..5.0_f32, 0..1_000_000_usize).prop_map(
            |(loss, smoothing, log_weight, known)| {
                Distortion::new(loss, smoothing, &[log_weight], &[known], vec![])
            },
        )
    }

    #[test]
    fn smoothing_is_undone_in_groups_and_beside_them() {
        let questions = questions("a,b,c", &["g=a,c"], &[]);
        let distortion = Distortion::new(Loss::Bce, 0.2, &[0.0; 3], &[1000; 3], vec![1000]);
        assert_eq!(distortion.check(&questions), Ok(()));
        let trained = Logits::new(vec![0.8f32.ln(), 0.7f32.ln() - 0.3f32.ln(), 0.2f32.ln()], 3);
        let undone = distortion.undo(&trained, &questions);
        let p = undone.log_odds(&questions).probabilities();
        // 0.8 = 0.8 p + 0.1, and 0.7 likewise.
        for (actual, expected) in p.values().iter().zip([0.875, 0.75, 0.125]) {
            assert!((actual - expected).abs() < 1e-6, "{actual} vs {expected}");
        }
        let again = distortion.apply_to_all(&undone, &questions);
        let p = again.log_odds(&questions).probabilities();
        for (actual, expected) in p.values().iter().zip([0.8, 0.7, 0.2]) {
            assert!((actual - expected).abs() < 1e-6, "{actual} vs {expected}");
        }
        let json = serde_json::to_string(&distortion).unwrap();
        assert_eq!(
            serde_json::from_str::<Distortion>(&json).unwrap(),
            distortion
        );
    }

    proptest! {
        #[test]
        fn every_logit_stands_for_finite_log_odds_that_rise_with_it(
            distortion in any_distortion(),
            mut logits in prop::collection::vec(prop_oneof![-8.0..8.0_f32, -1e4..1e4_f32], 2..40),
        ) {
            prop_assert_eq!(distortion.check(&questions("a", &[], &[])), Ok(()));
            logits.sort_by(f32::total_cmp);
            let undone: Vec<f32> =
                logits.iter().map(|&logit| distortion.undo_one(0, logit)).collect();
            for i in 1..logits.len() {
                prop_assert!(undone[i].is_finite(), "{} becomes {}", logits[i], undone[i]);
                prop_assert!(undone[i - 1] <= undone[i], "{:?} {:?}", logits, undone);
                if logits[i] - logits[i - 1] > 1e-3 {
                    prop_assert!(undone[i - 1] < undone[i], "{:?} {:?}", logits, undone);
                }
            }
        }

        #[test]
        fn undoing_undoes(distortion in any_distortion(), log_odds in -20.0..20.0_f32) {
            let logit = distortion.apply(0, log_odds);
            let back = distortion.undo_one(0, logit);
            // At a jump of the curve there is no logit for it, only one on either side.
            let next = distortion.undo_one(0, logit.next_up());
            prop_assert!(back <= log_odds && log_odds <= next, "{back} {log_odds} {next}");
        }
    }
}
