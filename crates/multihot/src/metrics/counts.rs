//! Right and wrong decisions, and the figures that follow from them.

use std::ops::AddAssign;

use multihot_table::Cell;
use serde::{Serialize, Serializer};

/// How the decisions on some known cells turned out.
///
/// Serialized as scikit-learn's `multilabel_confusion_matrix` has it: `[[tn, fp], [fn, tp]]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Decided yes, and yes.
    pub tp: usize,
    /// Decided yes, and no.
    pub fp: usize,
    /// Decided no, and yes.
    pub fn_: usize,
    /// Decided no, and no.
    pub tn: usize,
}

impl Counts {
    /// Counts one decision; an unknown cell tells nothing about it.
    pub fn add(&mut self, decision: bool, cell: Cell) {
        match (decision, cell) {
            (true, Cell::Yes) => self.tp += 1,
            (true, Cell::No) => self.fp += 1,
            (false, Cell::Yes) => self.fn_ += 1,
            (false, Cell::No) => self.tn += 1,
            (_, Cell::Unknown) => {}
        }
    }

    /// Known cells.
    pub fn known(self) -> usize {
        self.tp + self.fp + self.fn_ + self.tn
    }

    /// Known cells whose decision is wrong.
    pub fn wrong(self) -> usize {
        self.fp + self.fn_
    }

    /// Known cells that say yes.
    pub fn support(self) -> usize {
        self.tp + self.fn_
    }

    /// The share of right ones among the yes decisions.
    pub fn precision(self) -> Option<f64> {
        share(self.tp, self.tp + self.fp)
    }

    /// The share of found ones among the yes cells.
    pub fn recall(self) -> Option<f64> {
        share(self.tp, self.support())
    }

    /// The harmonic mean of precision and recall, defined as soon as one of the two is.
    pub fn f1(self) -> Option<f64> {
        share(2 * self.tp, 2 * self.tp + self.fp + self.fn_)
    }

    /// Van Rijsbergen's F: recall counts `beta` times as much as precision.
    pub fn f_beta(self, beta: f64) -> Option<f64> {
        let square = beta * beta;
        let found = (1.0 + square) * self.tp as f64;
        let whole = found + square * self.fn_ as f64 + self.fp as f64;
        (whole > 0.0).then(|| found / whole)
    }

    /// The share of right decisions.
    pub fn accuracy(self) -> Option<f64> {
        share(self.tp + self.tn, self.known())
    }

    /// The share of right ones among the no cells.
    pub fn specificity(self) -> Option<f64> {
        share(self.tn, self.tn + self.fp)
    }

    /// The share of right ones among the no decisions.
    pub fn negative_predictive_value(self) -> Option<f64> {
        share(self.tn, self.tn + self.fn_)
    }

    /// Of the cells that are yes or decided so, the share that are both.
    pub fn jaccard(self) -> Option<f64> {
        share(self.tp, self.tp + self.fp + self.fn_)
    }

    /// The mean of recall and specificity.
    pub fn balanced_accuracy(self) -> Option<f64> {
        Some((self.recall()? + self.specificity()?) / 2.0)
    }

    /// The correlation of decisions and cells (Matthews), undefined where one of them never varies.
    pub fn matthews_correlation(self) -> Option<f64> {
        let [tp, fp, fn_, tn] = [self.tp, self.fp, self.fn_, self.tn].map(|n| n as f64);
        let norm = ((tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_)).sqrt();
        (norm > 0.0).then(|| (tp * tn - fp * fn_) / norm)
    }

    /// Adds all of `other` as if it were there `times` times.
    pub(super) fn add_times(&mut self, times: usize, other: Self) {
        self.tp += times * other.tp;
        self.fp += times * other.fp;
        self.fn_ += times * other.fn_;
        self.tn += times * other.tn;
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.tp += other.tp;
        self.fp += other.fp;
        self.fn_ += other.fn_;
        self.tn += other.tn;
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [[self.tn, self.fp], [self.fn_, self.tp]].serialize(serializer)
    }
}

/// A figure that follows from [`Counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    Precision,
    Recall,
    F1,
    Accuracy,
    BalancedAccuracy,
    Specificity,
    NegativePredictiveValue,
    Jaccard,
    FHalf,
    F2,
    MatthewsCorrelation,
}

impl Figure {
    /// Every figure, each at the place that `figure as usize` says.
    pub const ALL: [Figure; 11] = [
        Figure::Precision,
        Figure::Recall,
        Figure::F1,
        Figure::Accuracy,
        Figure::BalancedAccuracy,
        Figure::Specificity,
        Figure::NegativePredictiveValue,
        Figure::Jaccard,
        Figure::FHalf,
        Figure::F2,
        Figure::MatthewsCorrelation,
    ];

    /// Its value on `counts`.
    pub fn of(self, counts: Counts) -> Option<f64> {
        match self {
            Figure::Precision => counts.precision(),
            Figure::Recall => counts.recall(),
            Figure::F1 => counts.f1(),
            Figure::Accuracy => counts.accuracy(),
            Figure::BalancedAccuracy => counts.balanced_accuracy(),
            Figure::Specificity => counts.specificity(),
            Figure::NegativePredictiveValue => counts.negative_predictive_value(),
            Figure::Jaccard => counts.jaccard(),
            Figure::FHalf => counts.f_beta(0.5),
            Figure::F2 => counts.f_beta(2.0),
            Figure::MatthewsCorrelation => counts.matthews_correlation(),
        }
    }
}

/// What a known cell says.
pub(super) fn known(cell: Cell) -> Option<bool> {
    match cell {
        Cell::Yes => Some(true),
        Cell::No => Some(false),
        Cell::Unknown => None,
    }
}

/// The sum of several counts.
pub(crate) fn total(counts: &[Counts]) -> Counts {
    let mut sum = Counts::default();
    for &counts in counts {
        sum += counts;
    }
    sum
}

/// `part` of `whole`; nothing has no share of nothing.
pub(crate) fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A sum of values and how many there are; what is undefined is not added.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Mean {
    sum: f64,
    n: usize,
}

impl Mean {
    /// Adds a value, where there is one.
    pub fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.n += 1;
        }
    }

    /// Adds all of `other` as if it were there `times` times.
    pub fn add_times(&mut self, times: usize, other: Self) {
        self.sum += times as f64 * other.sum;
        self.n += times * other.n;
    }

    /// How many values there are.
    pub fn n(self) -> usize {
        self.n
    }

    /// The mean, where there are values.
    pub fn value(self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }
}

impl FromIterator<Option<f64>> for Mean {
    fn from_iter<I: IntoIterator<Item = Option<f64>>>(values: I) -> Self {
        let mut mean = Self::default();
        for value in values {
            mean.add(value);
        }
        mean
    }
}

/// The mean of what is defined.
pub(crate) fn mean(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    values.into_iter().collect::<Mean>().value()
}

/// The weighted mean of what is defined; where all of it weighs nothing, the plain mean.
pub(crate) fn weighted_mean(values: impl IntoIterator<Item = (Option<f64>, usize)>) -> Option<f64> {
    let (mut plain, mut weights, mut sum) = (Mean::default(), 0, 0.0);
    for (value, weight) in values {
        plain.add(value);
        if let Some(value) = value {
            weights += weight;
            sum += value * weight as f64;
        }
    }
    if weights == 0 {
        return plain.value();
    }
    Some(sum / weights as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_nothing_are_undefined() {
        let counts = |tp, fp, fn_, tn| Counts { tp, fp, fn_, tn };
        let cases = [
            (
                "all right",
                counts(3, 0, 0, 1),
                Some(1.0),
                Some(1.0),
                Some(1.0),
            ),
            (
                "one of each",
                counts(1, 1, 1, 1),
                Some(0.5),
                Some(0.5),
                Some(0.5),
            ),
            (
                "never predicted",
                counts(0, 0, 2, 2),
                None,
                Some(0.0),
                Some(0.0),
            ),
            (
                "never there",
                counts(0, 2, 0, 2),
                Some(0.0),
                None,
                Some(0.0),
            ),
            ("neither", counts(0, 0, 0, 4), None, None, None),
            ("nothing known", counts(0, 0, 0, 0), None, None, None),
        ];
        for (name, counts, precision, recall, f1) in cases {
            assert_eq!(counts.precision(), precision, "{name}");
            assert_eq!(counts.recall(), recall, "{name}");
            assert_eq!(counts.f1(), f1, "{name}");
        }
    }

    #[test]
    fn every_figure_is_that_worked_out_by_hand() {
        let counts = Counts {
            tp: 2,
            fp: 1,
            fn_: 3,
            tn: 4,
        };
        let expected = [
            (Figure::Precision, 2.0 / 3.0),
            (Figure::Recall, 0.4),
            (Figure::F1, 0.5),
            (Figure::Accuracy, 0.6),
            (Figure::BalancedAccuracy, 0.6),
            (Figure::Specificity, 0.8),
            (Figure::NegativePredictiveValue, 4.0 / 7.0),
            (Figure::Jaccard, 1.0 / 3.0),
            (Figure::FHalf, 2.5 / 4.25),
            (Figure::F2, 10.0 / 23.0),
            (Figure::MatthewsCorrelation, 5.0 / 525_f64.sqrt()),
        ];
        assert_eq!(expected.map(|(figure, _)| figure), Figure::ALL);
        for (place, (figure, expected)) in expected.into_iter().enumerate() {
            assert_eq!(figure as usize, place, "{figure:?}");
            let actual = figure.of(counts).unwrap();
            assert!((actual - expected).abs() < 1e-12, "{figure:?}: {actual}");
            assert_eq!(figure.of(Counts::default()), None, "{figure:?}");
        }
        assert_eq!(counts.f_beta(1.0), counts.f1());
        assert_eq!(counts.f_beta(0.0), counts.precision());
        assert_eq!(serde_json::to_string(&counts).unwrap(), "[[4,1],[3,2]]");
    }

    #[test]
    fn a_correlation_of_millions_is_a_number() {
        let large = 3_000_000_000;
        let counts = Counts {
            tp: large,
            fp: 0,
            fn_: 0,
            tn: large,
        };
        assert!((counts.matthews_correlation().unwrap() - 1.0).abs() < 1e-12);
        let never_varies = Counts {
            tp: large,
            fp: 1,
            fn_: 0,
            tn: 0,
        };
        assert_eq!(never_varies.matthews_correlation(), None);
    }

    #[test]
    fn each_decision_is_counted_in_its_place() {
        let mut counts = Counts::default();
        for decision in [true, false] {
            for cell in [Cell::Yes, Cell::No, Cell::Unknown] {
                counts.add(decision, cell);
            }
        }
        assert_eq!(
            counts,
            Counts {
                tp: 1,
                fp: 1,
                fn_: 1,
                tn: 1
            }
        );
        assert_eq!(
            (counts.known(), counts.wrong(), counts.support()),
            (4, 2, 2)
        );
        assert_eq!(
            total(&[counts, counts]),
            Counts {
                tp: 2,
                fp: 2,
                fn_: 2,
                tn: 2
            }
        );
    }

    #[test]
    fn means_skip_what_is_undefined() {
        assert_eq!(mean([]), None);
        assert_eq!(mean([None, None]), None);
        assert_eq!(mean([Some(1.0), None, Some(0.0)]), Some(0.5));
        assert_eq!(
            weighted_mean([(Some(1.0), 3), (None, 7), (Some(0.0), 1)]),
            Some(0.75)
        );
        assert_eq!(weighted_mean([(Some(1.0), 0), (Some(0.0), 0)]), Some(0.5));
    }
}
