//! Precision, recall and F1 of each label and their averages, as scikit-learn lays them out.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::counts::{Counts, mean, total, weighted_mean};

/// Precision, recall and F1 of each label, then four ways to average them.
///
/// Equal to scikit-learn's `classification_report` with `zero_division=np.nan`: what has no
/// value is `None`, and an average runs over the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// A line for each label, with its name.
    pub labels: Vec<(String, ReportLine)>,
    /// Over all known cells, whatever their label.
    pub micro_average: ReportLine,
    /// Over the labels, each counting the same.
    pub macro_average: ReportLine,
    /// Over the labels, each counting as often as it is true.
    pub weighted_average: ReportLine,
    /// Over the rows, from the labels of each row.
    pub samples_average: ReportLine,
}

/// One line of a [`Report`].
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
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

/// What an average is taken of.
type Figure = fn(Counts) -> Option<f64>;

impl Report {
    /// Sums up the decisions counted for each label and for each row.
    pub(super) fn new(names: &[String], by_label: &[Counts], by_row: &[Counts]) -> Self {
        let all = total(by_label);
        let averaged = |average: &dyn Fn(Figure) -> Option<f64>| ReportLine {
            precision: average(Counts::precision),
            recall: average(Counts::recall),
            f1_score: average(Counts::f1),
            support: all.support(),
        };
        let lines = by_label.iter().map(|&counts| ReportLine::of(counts));
        Self {
            labels: names.iter().cloned().zip(lines).collect(),
            micro_average: ReportLine::of(all),
            macro_average: averaged(&|value| mean(by_label.iter().map(|&counts| value(counts)))),
            weighted_average: averaged(&|value| {
                weighted_mean(
                    by_label
                        .iter()
                        .map(|&counts| (value(counts), counts.support())),
                )
            }),
            samples_average: averaged(&|value| mean(by_row.iter().map(|&counts| value(counts)))),
        }
    }

    /// The averages with the names that scikit-learn gives them.
    pub(super) fn averages(&self) -> [(&'static str, &ReportLine); 4] {
        [
            ("micro avg", &self.micro_average),
            ("macro avg", &self.macro_average),
            ("weighted avg", &self.weighted_average),
            ("samples avg", &self.samples_average),
        ]
    }
}

impl ReportLine {
    fn of(counts: Counts) -> Self {
        Self {
            precision: counts.precision(),
            recall: counts.recall(),
            f1_score: counts.f1(),
            support: counts.support(),
        }
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.labels.len() + 4))?;
        for (name, line) in &self.labels {
            map.serialize_entry(name, line)?;
        }
        for (name, line) in self.averages() {
            map.serialize_entry(name, line)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_keys_of_scikit_learn_in_its_order() {
        let counts = Counts {
            tp: 1,
            fp: 0,
            fn_: 1,
            tn: 0,
        };
        let report = Report::new(&["sports".into()], &[counts], &[counts]);
        let line = r#"{"precision":1.0,"recall":0.5,"f1-score":0.6666666666666666,"support":2}"#;
        let names = [
            "sports",
            "micro avg",
            "macro avg",
            "weighted avg",
            "samples avg",
        ];
        let entries = names.map(|name| format!("\"{name}\":{line}"));
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            format!("{{{}}}", entries.join(","))
        );
    }

    #[test]
    fn averages_of_nothing_are_null() {
        let report = Report::new(&["sports".into()], &[Counts::default()], &[]);
        for (name, line) in report.averages() {
            assert_eq!(
                (line.precision, line.recall, line.f1_score),
                (None, None, None),
                "{name}"
            );
            assert_eq!(line.support, 0, "{name}");
        }
    }
}
