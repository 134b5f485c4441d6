//! How far probabilities are from the truth, and how sure a figure made of counts is.

use multihot_kernels::random;
use serde::Serialize;

use crate::metrics::CalibrationErrors;
use crate::metrics::counts::{Counts, mean, share};
use crate::metrics::curves::{Ranking, Tie};
use crate::scores::softplus;

/// Draws of a bootstrap.
const DRAWS: u64 = 1_000;
/// Variance above which a binomial draw is taken from the normal curve.
const NORMAL_FROM: f64 = 100.0;

/// How far the probabilities of one label are from its cells; means where it is of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CalibrationFigures {
    /// Mean binary cross-entropy.
    pub log_loss: Option<f64>,
    /// As [`CalibrationErrors::brier`].
    pub brier: Option<f64>,
    /// As [`CalibrationErrors::ece`].
    pub ece: Option<f64>,
}

/// Figures of the network's own probabilities and of the calibrated ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BeforeAndAfter {
    /// Of the network's own.
    pub raw: CalibrationFigures,
    /// Of the calibrated ones, each fifth of the rows calibrated by the others.
    pub calibrated: CalibrationFigures,
}

impl CalibrationFigures {
    /// Figures of the known cells of one label; none where a logit is NaN or infinite.
    pub(crate) fn of(cells: &Ranking) -> Self {
        if cells.cells().iter().any(|cell| !cell.logit().is_finite()) {
            return Self::default();
        }
        let known = cells.known();
        let errors = CalibrationErrors::of(cells.ties().rev(), known);
        let loss = |tie: Tie| {
            let z = f64::from(tie.logit);
            tie.yes as f64 * softplus(-z) + tie.no as f64 * softplus(z)
        };
        let loss: f64 = cells.ties().map(loss).sum();
        Self {
            log_loss: (known > 0).then(|| loss / known as f64),
            brier: errors.brier,
            ece: errors.ece,
        }
    }

    /// The mean of each figure over the labels that have it.
    pub(crate) fn mean<'a>(labels: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let of = |figure: fn(&Self) -> Option<f64>| mean(labels.clone().map(figure));
        Self {
            log_loss: of(|label| label.log_loss),
            brier: of(|label| label.brier),
            ece: of(|label| label.ece),
        }
    }
}

/// 95 % interval of `figure` of `counts`, by drawing as many cells anew `DRAWS` times; `None`
/// where the figure has no value on the counts themselves.
pub(super) fn interval(
    counts: Counts,
    key: u64,
    figure: impl Fn(Counts) -> Option<f64>,
) -> Option<[f64; 2]> {
    figure(counts)?;
    let draws = (0..DRAWS).filter_map(|draw| figure(drawn(counts, random::key(key, &[draw]))));
    let mut values: Vec<f64> = draws.collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get((share * (values.len().max(1) - 1) as f64).round() as usize);
    Some([*at(0.025)?, *at(0.975)?])
}

/// As many cells as `counts` has, drawn from them with replacement.
fn drawn(counts: Counts, key: u64) -> Counts {
    let mut left = counts.known();
    let mut of = left;
    let mut draw = |index: u64, n: usize| {
        let chance = share(n, of).unwrap_or(0.0);
        let drawn = binomial(left, chance, key, index);
        (left, of) = (left - drawn, of - n);
        drawn
    };
    let (tp, fp, fn_) = (draw(0, counts.tp), draw(1, counts.fp), draw(2, counts.fn_));
    Counts {
        tp,
        fp,
        fn_,
        tn: left,
    }
}

/// How many of `n` tries succeed, each with this `chance`.
fn binomial(n: usize, chance: f64, key: u64, index: u64) -> usize {
    if chance > 0.5 {
        return n - binomial(n, 1.0 - chance, key, index);
    }
    let (mean, variance) = (n as f64 * chance, n as f64 * chance * (1.0 - chance));
    if variance > NORMAL_FROM {
        let value = mean + variance.sqrt() * random::normal(key, index);
        return (value.round().max(0.0) as usize).min(n);
    }
    // By the distribution function: the weight of 0 successes, then of one more each time.
    let mut weight = (n as f64 * (-chance).ln_1p()).exp();
    let mut left = random::uniform(key, index) - weight;
    let odds = chance / (1.0 - chance);
    let mut successes = 0;
    while left >= 0.0 && successes < n {
        weight *= odds * (n - successes) as f64 / (successes + 1) as f64;
        successes += 1;
        left -= weight;
    }
    successes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_worked_out_by_hand() {
        let of = |cells: &[(f32, bool)]| {
            let cells = cells.iter().map(|&(logit, yes)| (logit, yes, 0));
            CalibrationFigures::of(&Ranking::new(cells))
        };
        // Two cells at even odds, one of them yes: as calibrated as can be.
        let figures = of(&[(0.0, true), (0.0, false)]);
        assert!((figures.log_loss.unwrap() - 2.0_f64.ln()).abs() < 1e-12);
        assert_eq!((figures.brier, figures.ece), (Some(0.25), Some(0.0)));
        let bold: Vec<(f32, bool)> = (0..150).map(|i| (20.0, i % 2 == 0)).collect();
        assert!((of(&bold).ece.unwrap() - 0.5).abs() < 1e-6);
        assert_eq!(of(&[]), CalibrationFigures::default());
    }

    #[test]
    fn binomial_draws_have_their_mean_and_variance() {
        for (n, chance) in [
            (10, 0.3),
            (1_000, 0.02),
            (1_000, 0.97),
            (50_000, 0.4),
            (7, 0.5),
        ] {
            let draws: Vec<f64> = (0..20_000)
                .map(|key| binomial(n, chance, random::key(1, &[key]), 0) as f64)
                .collect();
            let mean = draws.iter().sum::<f64>() / 20_000.0;
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
            let expected = n as f64 * chance * (1.0 - chance);
            // Five standard errors of the mean, and of the variance of nearly normal draws.
            assert!(
                (mean - n as f64 * chance).abs() < 5.0 * (expected / 2e4).sqrt(),
                "{n} {chance}"
            );
            assert!(
                (variance / expected - 1.0).abs() < 0.06,
                "{n} {chance}: {variance}"
            );
        }
        assert_eq!(binomial(100, 0.0, 3, 0), 0);
        assert_eq!(binomial(100, 1.0, 3, 0), 100);
    }

    #[test]
    fn an_interval_of_a_share_is_as_wide_as_its_standard_error_says() {
        let counts = Counts {
            tp: 80,
            fp: 20,
            fn_: 10,
            tn: 290,
        };
        let [low, high] = interval(counts, 5, Counts::precision).unwrap();
        let half = 1.96 * (0.8_f64 * 0.2 / 100.0).sqrt();
        assert!((low - (0.8 - half)).abs() < 0.02 && (high - (0.8 + half)).abs() < 0.02);
        assert_eq!(interval(Counts::default(), 5, Counts::precision), None);
    }
}
