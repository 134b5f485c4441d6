//! What one cell costs at a logit, and how that changes with the logit, in `f64`.
//!
//! With `q = sigmoid(z)` every loss here is an instance of the asymmetric one (arXiv:2009.14119):
//!
//! ```text
//! a yes costs (1 - q)^g⁺ · -ln q
//! a no  costs r^g⁻ · -ln(1 - r),  r = max(q - m, 0)
//! ```
//!
//! Cross-entropy is that with `g⁺ = g⁻ = m = 0`, focal loss (arXiv:1708.02002) with `g⁺ = g⁻` and
//! `m = 0`. Derivatives go through the factors `(1 - q)^g⁺` and `r^g⁻` too. All is written in
//! `softplus(z) = -ln(1 - q)` and `softplus(-z) = -ln q`, so that no logarithm sees a rounded 0.

use crate::scores::{sigmoid, softplus};

use super::Loss;

impl Loss {
    /// What a yes costs.
    pub(super) fn yes_cost(self, logit: f64) -> f64 {
        focal_cost(self.terms().gamma_positive, logit)
    }

    /// The derivative of [`Loss::yes_cost`]; never above 0.
    pub(super) fn yes_slope(self, logit: f64) -> f64 {
        focal_slope(self.terms().gamma_positive, logit)
    }

    /// What a no costs. With a clip `m` it is 0 up to `q = m`, and never more than `-ln m`.
    pub(super) fn no_cost(self, logit: f64) -> f64 {
        let terms = self.terms();
        match terms.clip {
            0.0 => focal_cost(terms.gamma_negative, -logit),
            clip => {
                Clipped::at(logit, clip).map_or(0.0, |clipped| clipped.cost(terms.gamma_negative))
            }
        }
    }

    /// The derivative of [`Loss::no_cost`]; never below 0.
    pub(super) fn no_slope(self, logit: f64) -> f64 {
        let terms = self.terms();
        match terms.clip {
            0.0 => -focal_slope(terms.gamma_negative, -logit),
            clip => Clipped::at(logit, clip).map_or(0.0, |clipped| {
                sigmoid(logit) * sigmoid(-logit) * clipped.slope(terms.gamma_negative)
            }),
        }
    }

    /// The log-odds of a yes for which `logit` costs the least on average; `-∞` where no such
    /// chance is small enough.
    ///
    /// At the least cost `p · yes_slope + (1 - p) · no_slope = 0`, so that the odds are
    /// `no_slope / -yes_slope`. They rise with the logit: the quotient is `q` times the derivative
    /// of the no side by `r`, which rises with `q`, over `(1 - q)^g⁺ · (1 + g⁺ h)` with
    /// `h = -q ln q / (1 - q)`, and `q / (1 + g⁺ h)` rises because `h'/h < 1/q`. Written as a sum
    /// of logarithms it is exact for far logits too, where both slopes round to 0. For focal loss
    /// this is the map of arXiv:2011.09172.
    pub(super) fn log_odds(self, logit: f64) -> f64 {
        let terms = self.terms();
        // Both sides over `1 - q`.
        let no = match terms.clip {
            0.0 => logit + log_focusing(terms.gamma_negative, -logit),
            clip => match Clipped::at(logit, clip) {
                Some(clipped) => clipped.log_slope(terms.gamma_negative) - softplus(-logit),
                None => f64::NEG_INFINITY,
            },
        };
        no - log_focusing(terms.gamma_positive, logit)
    }
}

/// `(1 - q)^gamma · -ln q`: what is paid for the chance `q = sigmoid(z)` of the right answer.
fn focal_cost(gamma: f64, z: f64) -> f64 {
    (-gamma * softplus(z)).exp() * softplus(-z)
}

/// The derivative of [`focal_cost`] by `z`.
fn focal_slope(gamma: f64, z: f64) -> f64 {
    // Not `sigmoid(z) - 1`, which cancels to 0 for a far logit.
    let inner = sigmoid(-z) + gamma * sigmoid(z) * softplus(-z);
    -(-gamma * softplus(z)).exp() * inner
}

/// `ln(focal_slope / -(1 - q))`: what the focusing factor makes of the slope of cross-entropy.
fn log_focusing(gamma: f64, z: f64) -> f64 {
    // `e^z ln(1 + e^-z)` is 1 to the last bit from here on, and its first factor may be infinite.
    let h = if z > 37.0 {
        1.0
    } else {
        z.exp() * softplus(-z)
    };
    (gamma * h).ln_1p() - gamma * softplus(z)
}

/// The chance that a no answer pays for: `r = q - m` where that is above 0.
struct Clipped {
    r: f64,
    /// `-ln(1 - r)`.
    surprise: f64,
    /// `1 - r`, at least `m`.
    rest: f64,
}

impl Clipped {
    fn at(logit: f64, clip: f64) -> Option<Self> {
        let r = sigmoid(logit) - clip;
        let rest = sigmoid(-logit) + clip;
        // Each where it loses nothing.
        let surprise = if r < 0.5 { -(-r).ln_1p() } else { -rest.ln() };
        (r > 0.0).then_some(Self { r, surprise, rest })
    }

    /// `r^gamma · -ln(1 - r)`.
    fn cost(&self, gamma: f64) -> f64 {
        self.r.powf(gamma) * self.surprise
    }

    /// The derivative of [`Clipped::cost`] by `r`.
    fn slope(&self, gamma: f64) -> f64 {
        self.r.powf(gamma) * self.bracket(gamma)
    }

    fn log_slope(&self, gamma: f64) -> f64 {
        gamma * self.r.ln() + self.bracket(gamma).ln()
    }

    fn bracket(&self, gamma: f64) -> f64 {
        gamma * self.surprise / self.r + 1.0 / self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind of loss, with exponents at and between whole numbers.
    const LOSSES: [Loss; 9] = [
        Loss::Bce,
        Loss::Focal { gamma: 0.5 },
        Loss::Focal { gamma: 2.0 },
        Loss::Focal { gamma: 5.0 },
        asymmetric(0.0, 4.0, 0.05),
        asymmetric(1.0, 4.0, 0.05),
        asymmetric(0.0, 4.0, 0.0),
        asymmetric(1.5, 0.5, 0.2),
        asymmetric(0.0, 0.0, 0.1),
    ];

    const fn asymmetric(gamma_positive: f32, gamma_negative: f32, clip: f32) -> Loss {
        Loss::Asymmetric {
            gamma_positive,
            gamma_negative,
            clip,
        }
    }

    #[test]
    fn far_logits_cost_a_finite_sum_and_have_a_finite_slope() {
        for loss in LOSSES {
            for far in [0.0, 1.0, 17.0, 110.0, 1e4] {
                for logit in [far, -far] {
                    let values = [
                        loss.yes_cost(logit),
                        loss.no_cost(logit),
                        -loss.yes_slope(logit),
                        loss.no_slope(logit),
                    ];
                    for value in values {
                        assert!(
                            value.is_finite() && value >= 0.0,
                            "{loss} at {logit}: {values:?}"
                        );
                    }
                }
            }
            assert_eq!(
                loss.yes_cost(-1e4),
                1e4,
                "{loss}: a missed yes costs its logit"
            );
            assert_eq!(loss.yes_slope(-1e4), -1.0, "{loss}");
            assert_eq!(loss.yes_slope(1e4), 0.0, "{loss}");
            assert_eq!(loss.no_slope(-1e4), 0.0, "{loss}");
        }
    }

    #[test]
    fn a_clipped_no_costs_nothing_below_the_clip_and_a_bounded_sum_above() {
        let loss = asymmetric(0.0, 4.0, 0.05);
        let edge = (0.05_f64 / 0.95).ln();
        for below in [edge - 1e-6, -5.0, -17.0, -1e4] {
            assert_eq!((loss.no_cost(below), loss.no_slope(below)), (0.0, 0.0));
        }
        assert!(loss.no_cost(edge + 0.1) > 0.0 && loss.no_slope(edge + 0.1) > 0.0);
        let most = 0.95_f64.powi(4) * -0.05_f64.ln();
        assert!(
            (loss.no_cost(1e4) - most).abs() < 1e-7,
            "the clip is an f32"
        );
    }

    /// A cost or a slope at a logit.
    type Of = fn(Loss, f64) -> f64;

    #[test]
    fn slopes_agree_with_finite_differences() {
        let step = 1e-5;
        for loss in LOSSES {
            let edge = loss.terms().clip;
            for logit in [-17.0, -4.0, -2.5, -1.0, -0.2, 0.0, 0.3, 1.0, 2.0, 4.0, 17.0] {
                // At the clip itself the cost has a corner.
                assert!(edge == 0.0 || (sigmoid(logit) - edge).abs() > 1e-4);
                let sides: [(Of, Of); 2] = [
                    (Loss::yes_cost, Loss::yes_slope),
                    (Loss::no_cost, Loss::no_slope),
                ];
                for (cost, slope) in sides {
                    let rise = cost(loss, logit + step) - cost(loss, logit - step);
                    let expected = rise / (2.0 * step);
                    let actual = slope(loss, logit);
                    // The third derivative, below 100, times step²/6; and rounding over step.
                    assert!(
                        (actual - expected).abs() <= 1e-8,
                        "{loss} at {logit}: {actual} vs {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn log_odds_are_those_that_the_slopes_balance_at() {
        for loss in LOSSES {
            for step in -40..=40 {
                let logit = f64::from(step) / 4.0;
                let odds = loss.no_slope(logit) / -loss.yes_slope(logit);
                let actual = loss.log_odds(logit);
                if odds == 0.0 {
                    assert_eq!(actual, f64::NEG_INFINITY, "{loss} at {logit}");
                } else {
                    assert!(
                        (actual - odds.ln()).abs() < 1e-9,
                        "{loss} at {logit}: {actual} vs {}",
                        odds.ln()
                    );
                }
            }
        }
    }

    #[test]
    fn log_odds_stay_right_where_both_slopes_are_nothing() {
        assert_eq!(Loss::Bce.log_odds(1e4), 1e4);
        assert_eq!(Loss::Bce.log_odds(-1e4), -1e4);
        // z + gamma·z - ln(1 + gamma), from the first term of each series.
        let focal = Loss::Focal { gamma: 2.0 };
        assert!((focal.log_odds(1e4) - (3e4 - 3f64.ln())).abs() < 1e-9);
        assert!((focal.log_odds(-1e4) + (3e4 - 3f64.ln())).abs() < 1e-9);
    }
}
