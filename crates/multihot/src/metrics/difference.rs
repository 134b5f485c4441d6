//! How far one figure is from another on the same rows, and how sure that is.

use serde::Serialize;

use super::bootstrap::Interval;

/// A figure of two models on the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The figure of model A.
    pub a: Option<f64>,
    /// The figure of model B.
    pub b: Option<f64>,
    /// B less A; `None` where one of the two is.
    pub difference: Option<f64>,
    /// Where 95 % of its replicates lie, both models on the same rows in each.
    pub interval: Option<Interval>,
    /// How likely a difference at least as far from 0 is where there is none: twice the smaller
    /// of the shares of replicates that are not above and not below 0, the table itself counted
    /// in, and at most 1. A replicate without a value is neither above nor below.
    pub p_value: Option<f64>,
}

impl Difference {
    /// The difference of `a` and `b`, with the two figures of each replicate.
    pub(crate) fn of(
        a: Option<f64>,
        b: Option<f64>,
        replicates: impl ExactSizeIterator<Item = (Option<f64>, Option<f64>)>,
    ) -> Self {
        let difference = less(b, a);
        let replicates: Vec<Option<f64>> = replicates.map(|(a, b)| less(b, a)).collect();
        let interval = Interval::of(difference, replicates.iter().copied());
        Self {
            a,
            b,
            difference,
            interval,
            p_value: interval.map(|_| p_value(&replicates)),
        }
    }
}

fn less(b: Option<f64>, a: Option<f64>) -> Option<f64> {
    Some(b? - a?)
}

fn p_value(replicates: &[Option<f64>]) -> f64 {
    // What has no value speaks for neither side. Left out, it would leave only those replicates
    // that drew the one cell by which the models differ.
    let count = |is_so: fn(f64) -> bool| {
        let replicates = replicates.iter();
        replicates.filter(|of| of.is_none_or(is_so)).count()
    };
    let not_above = count(|difference| difference <= 0.0);
    let not_below = count(|difference| difference >= 0.0);
    let share = (1 + not_above.min(not_below)) as f64 / (1 + replicates.len()) as f64;
    (2.0 * share).min(1.0)
}

/// The p values that hold for all of several questions at once (Holm, 1979): the smallest times
/// the number of questions, the next times one less, none below the one before it, none above 1.
///
/// Whatever the questions have to do with each other, the chance that a `p <= 0.05` of these is
/// wrong anywhere among them is at most 5 %. Questions without a p value are not counted.
pub(crate) fn holm(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> = p_values
        .iter()
        .enumerate()
        .filter_map(|(i, p)| Some((i, (*p)?)))
        .collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut adjusted = vec![None; p_values.len()];
    let mut largest = 0.0_f64;
    for (place, &(i, p)) in order.iter().enumerate() {
        largest = largest.max(p * (order.len() - place) as f64).min(1.0);
        adjusted[i] = Some(largest);
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_b_less_a() {
        let replicates = [
            (Some(0.5), Some(0.75)),
            (Some(0.5), Some(0.5)),
            (None, Some(0.5)),
        ];
        let actual = Difference::of(Some(0.5), Some(0.625), replicates.into_iter());
        assert_eq!(actual.difference, Some(0.125));
        let interval = actual.interval.unwrap();
        assert!((interval.low - 0.00625).abs() < 1e-12 && (interval.high - 0.24375).abs() < 1e-12);
        // Two of three replicates are not above 0: (1 + 2) / (1 + 3), twice, is more than 1.
        assert_eq!(actual.p_value, Some(1.0));
        let undefined = Difference::of(None, Some(0.5), replicates.into_iter());
        let values = (undefined.difference, undefined.interval, undefined.p_value);
        assert_eq!(values, (None, None, None));
    }

    #[test]
    fn p_values_count_the_replicates_on_the_other_side() {
        let replicates = |below: usize, above: usize| {
            let mut all = vec![Some(-1.0); below];
            all.extend(vec![Some(1.0); above]);
            p_value(&all)
        };
        assert_eq!(replicates(0, 99), 0.02);
        assert_eq!(replicates(4, 95), 0.1);
        assert_eq!(replicates(95, 4), 0.1);
        assert_eq!(p_value(&[Some(0.0); 99]), 1.0);
    }

    #[test]
    fn a_replicate_without_a_value_is_on_neither_side() {
        // One cell makes all the difference, and is drawn in 62 of 99 replicates.
        let replicates = [[Some(1.0); 62].as_slice(), &[None; 37]].concat();
        assert_eq!(p_value(&replicates), 0.76);
        assert_eq!(p_value(&[None; 99]), 1.0);
    }

    #[test]
    fn holm_is_that_worked_out_by_hand() {
        let adjusted = holm(&[Some(0.01), Some(0.04), None, Some(0.03), Some(0.005)]);
        let expected = [Some(0.03), Some(0.06), None, Some(0.06), Some(0.02)];
        for (actual, expected) in adjusted.iter().zip(expected) {
            assert_eq!(actual.is_some(), expected.is_some());
            let both = actual.zip(expected);
            assert!(
                both.is_none_or(|(a, e)| (a - e).abs() < 1e-12),
                "{adjusted:?}"
            );
        }
        assert_eq!(holm(&[Some(0.6), Some(0.9)]), [Some(1.0), Some(1.0)]);
        assert_eq!(holm(&[]), []);
    }
}
