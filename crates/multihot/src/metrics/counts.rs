//! Right and wrong decisions, and the shares that follow from them.

use multihot_table::Cell;

/// How the decisions on some known cells turned out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub tp: usize,
    pub fp: usize,
    pub fn_: usize,
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

    /// The F-score in which recall counts `beta` times as much as precision, defined as F1 is.
    pub fn f_beta(self, beta: f64) -> Option<f64> {
        let weighted = (1.0 + beta * beta) * self.tp as f64;
        let whole = weighted + beta * beta * self.fn_ as f64 + self.fp as f64;
        (whole > 0.0).then(|| weighted / whole)
    }

    /// The harmonic mean of precision and recall, defined as soon as one of the two is.
    pub fn f1(self) -> Option<f64> {
        share(2 * self.tp, 2 * self.tp + self.fp + self.fn_)
    }
}

/// The sum of several counts.
pub(crate) fn total(counts: &[Counts]) -> Counts {
    counts.iter().fold(Counts::default(), |sum, counts| Counts {
        tp: sum.tp + counts.tp,
        fp: sum.fp + counts.fp,
        fn_: sum.fn_ + counts.fn_,
        tn: sum.tn + counts.tn,
    })
}

/// `part` of `whole`; nothing has no share of nothing.
pub(crate) fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The mean of what is defined.
pub(crate) fn mean(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    weighted_mean(values.into_iter().map(|value| (value, 1)))
}

/// The weighted mean of what is defined; where all of it weighs nothing, the plain mean.
pub(crate) fn weighted_mean(values: impl IntoIterator<Item = (Option<f64>, usize)>) -> Option<f64> {
    let (mut n, mut sum, mut weights, mut weighted_sum) = (0, 0.0, 0, 0.0);
    for (value, weight) in values {
        let Some(value) = value else { continue };
        n += 1;
        sum += value;
        weights += weight;
        weighted_sum += value * weight as f64;
    }
    match (n, weights) {
        (0, _) => None,
        (n, 0) => Some(sum / f64::from(n)),
        (_, weights) => Some(weighted_sum / weights as f64),
    }
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
