//! Precision, recall and F1 of each label and their averages, as scikit-learn lays them out.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::bootstrap::Interval;
use super::counts::{Counts, Figure, mean, total, weighted_mean};
use super::rows::RowSums;

/// Precision, recall and F1 of each label, then six ways to average them.
///
/// Equal to scikit-learn's `classification_report` with `zero_division=np.nan`: what has no
/// value is `None`, and an average runs over the others. The two averages that scikit-learn has
/// no line for come last.
///
/// Serialized as one object. A label that is named like an average stands there with ` (label)`
/// behind its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Report<L = ReportLine> {
    /// A line for each label, with its name.
    pub labels: Vec<(String, L)>,
    /// Over all known cells, whatever their label.
    pub micro_average: L,
    /// Over the labels that have a value, each counting the same.
    pub macro_average: L,
    /// Over the labels, each counting as often as it is true.
    pub weighted_average: L,
    /// Over the rows, from the labels of each row.
    pub samples_average: L,
    /// Over all labels, what has no value counting as 0: scikit-learn's `macro avg` with
    /// `zero_division=0`, its default, which most published figures are.
    pub all_macro_average: L,
    /// Over the labels that are true somewhere.
    pub supported_macro_average: L,
}

/// One line of a [`Report`].
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct ReportLine {
    /// The share of right ones among the yes decisions.
    pub precision: Option<f64>,
    /// The share of found ones among the true cells.
    pub recall: Option<f64>,
    /// The harmonic mean of the two.
    #[serde(rename = "f1-score")]
    pub f1_score: Option<f64>,
    /// How many cells are true.
    pub support: usize,
}

/// The intervals of a [`ReportLine`].
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct LineIntervals {
    /// That of the precision.
    pub precision: Option<Interval>,
    /// That of the recall.
    pub recall: Option<Interval>,
    /// That of F1.
    #[serde(rename = "f1-score")]
    pub f1_score: Option<Interval>,
}

/// The averages of a [`Report`], in its order.
pub(crate) const AVERAGES: [&str; 6] = [
    "micro avg",
    "macro avg",
    "weighted avg",
    "samples avg",
    "macro avg (all labels)",
    "macro avg (labels with support)",
];

impl Report {
    /// Sums up the decisions counted for each label and for the rows.
    pub(super) fn new(names: &[String], by_label: &[Counts], rows: &RowSums) -> Self {
        let lines = by_label.iter().map(|&counts| ReportLine::of(counts));
        let labels = names.iter().cloned().zip(lines).collect();
        Self::from_parts(labels, averages(by_label, rows))
    }
}

impl<L> Report<L> {
    /// A report of these lines, the averages in the order of [`AVERAGES`].
    pub(super) fn from_parts(labels: Vec<(String, L)>, averages: [L; AVERAGES.len()]) -> Self {
        let [micro, macro_, weighted, samples, all_macro, supported_macro] = averages;
        Self {
            labels,
            micro_average: micro,
            macro_average: macro_,
            weighted_average: weighted,
            samples_average: samples,
            all_macro_average: all_macro,
            supported_macro_average: supported_macro,
        }
    }

    /// The averages, in the order of [`AVERAGES`].
    pub(super) fn averages(&self) -> [&L; AVERAGES.len()] {
        [
            &self.micro_average,
            &self.macro_average,
            &self.weighted_average,
            &self.samples_average,
            &self.all_macro_average,
            &self.supported_macro_average,
        ]
    }
}

/// The averages, in the order of [`AVERAGES`].
pub(super) fn averages(by_label: &[Counts], rows: &RowSums) -> [ReportLine; AVERAGES.len()] {
    let all = total(by_label);
    let line = |average: &dyn Fn(Figure) -> Option<f64>| ReportLine {
        precision: average(Figure::Precision),
        recall: average(Figure::Recall),
        f1_score: average(Figure::F1),
        support: all.support(),
    };
    let supported = || by_label.iter().filter(|counts| counts.support() > 0);
    [
        ReportLine::of(all),
        line(&|figure| macro_average(figure, by_label)),
        line(&|figure| weighted_average(figure, by_label)),
        ReportLine {
            precision: rows.precision.value(),
            recall: rows.recall.value(),
            f1_score: rows.f1.value(),
            support: all.support(),
        },
        line(&|figure| {
            let or_0 = |&counts: &Counts| figure.of(counts).or(Some(0.0));
            // Where nothing is known of any label, not even a 0 is.
            (all.known() > 0).then(|| mean(by_label.iter().map(or_0)))?
        }),
        line(&|figure| mean(supported().map(|&counts| figure.of(counts)))),
    ]
}

/// The mean over the labels that have the figure.
pub(super) fn macro_average(figure: Figure, by_label: &[Counts]) -> Option<f64> {
    mean(by_label.iter().map(|&counts| figure.of(counts)))
}

/// The mean over the labels that have the figure, each counting as often as it is true.
pub(super) fn weighted_average(figure: Figure, by_label: &[Counts]) -> Option<f64> {
    let labels = by_label.iter();
    weighted_mean(labels.map(|&counts| (figure.of(counts), counts.support())))
}

impl ReportLine {
    pub(super) fn of(counts: Counts) -> Self {
        Self {
            precision: counts.precision(),
            recall: counts.recall(),
            f1_score: counts.f1(),
            support: counts.support(),
        }
    }
}

impl LineIntervals {
    /// The intervals of `line`, whose replicates are `replicates`.
    pub(super) fn of(line: &ReportLine, replicates: &[ReportLine]) -> Self {
        let interval = |figure: fn(&ReportLine) -> Option<f64>| {
            Interval::of(figure(line), replicates.iter().map(figure))
        };
        Self {
            precision: interval(|line| line.precision),
            recall: interval(|line| line.recall),
            f1_score: interval(|line| line.f1_score),
        }
    }
}

impl<L: Serialize> Serialize for Report<L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.labels.len() + AVERAGES.len()))?;
        for (name, line) in &self.labels {
            map.serialize_entry(&self.key(name), line)?;
        }
        for (name, line) in AVERAGES.iter().zip(self.averages()) {
            map.serialize_entry(name, line)?;
        }
        map.end()
    }
}

impl<L> Report<L> {
    /// The key of a label: its name, or where that is an average's, the name with as many
    /// ` (label)` behind it as make it one of a kind.
    fn key(&self, name: &str) -> String {
        let mut key = name.to_owned();
        if AVERAGES.contains(&name) {
            while AVERAGES.contains(&key.as_str())
                || self.labels.iter().any(|(other, _)| *other == key)
            {
                key += " (label)";
            }
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The report of these counts of labels, the rows taken to be the same.
    fn report(labels: &[(&str, Counts)]) -> Report {
        let names: Vec<String> = labels.iter().map(|(name, _)| (*name).to_owned()).collect();
        let counts: Vec<Counts> = labels.iter().map(|&(_, counts)| counts).collect();
        let mut rows = RowSums::default();
        for counts in &counts {
            rows.f1.add(counts.f1());
            rows.precision.add(counts.precision());
            rows.recall.add(counts.recall());
        }
        Report::new(&names, &counts, &rows)
    }

    fn keys(report: &Report) -> Vec<String> {
        let json = serde_json::to_value(report).unwrap();
        json.as_object().unwrap().keys().cloned().collect()
    }

    const HALF_FOUND: Counts = Counts {
        tp: 1,
        fp: 0,
        fn_: 1,
        tn: 0,
    };

    #[test]
    fn json_has_the_keys_of_scikit_learn_in_its_order() {
        let line = r#"{"precision":1.0,"recall":0.5,"f1-score":0.6666666666666666,"support":2}"#;
        let names = [&["sports"][..], &AVERAGES].concat();
        let entries: Vec<String> = names
            .iter()
            .map(|name| format!("\"{name}\":{line}"))
            .collect();
        assert_eq!(
            serde_json::to_string(&report(&[("sports", HALF_FOUND)])).unwrap(),
            format!("{{{}}}", entries.join(","))
        );
    }

    #[test]
    fn a_label_named_like_an_average_keeps_its_line() {
        let never = Counts {
            tn: 2,
            ..Counts::default()
        };
        let of = |names: &[&'static str]| {
            let labels: Vec<_> = names.iter().map(|&name| (name, HALF_FOUND)).collect();
            keys(&report(&labels))[..names.len()].to_vec()
        };
        assert_eq!(
            of(&["micro avg", "sports"]),
            ["micro avg (label)", "sports"]
        );
        assert_eq!(
            of(&["macro avg", "macro avg (label)"]),
            ["macro avg (label) (label)", "macro avg (label)"]
        );
        assert_eq!(of(&["a (label)"]), ["a (label)"]);
        let json =
            serde_json::to_value(report(&[("micro avg", never), ("a", HALF_FOUND)])).unwrap();
        assert_eq!(json["micro avg (label)"]["support"], 0);
        assert_eq!(json["micro avg"]["support"], 2);
    }

    #[test]
    fn the_three_macros_differ_in_the_labels_without_support() {
        let false_alarm = Counts {
            fp: 1,
            tn: 1,
            ..Counts::default()
        };
        let never = Counts {
            tn: 2,
            ..Counts::default()
        };
        let report = report(&[
            ("a", HALF_FOUND),
            ("false alarm", false_alarm),
            ("never", never),
        ]);
        let f1 = HALF_FOUND.f1().unwrap();
        assert_eq!(report.macro_average.f1_score, Some(f1 / 2.0));
        assert_eq!(report.all_macro_average.f1_score, Some(f1 / 3.0));
        assert_eq!(report.supported_macro_average.f1_score, Some(f1));
        assert_eq!(report.all_macro_average.recall, Some(0.5 / 3.0));
    }

    #[test]
    fn averages_of_nothing_are_null() {
        let report = report(&[("sports", Counts::default())]);
        for (name, line) in AVERAGES.iter().zip(report.averages()) {
            assert_eq!(*line, ReportLine::default(), "{name}");
        }
    }
}
