//! How well exclusive groups are answered: which outcome it is, and which was said.

use std::io::{self, Write};

use serde::{Serialize, Serializer};
use unicode_width::UnicodeWidthStr;

use super::Judged;
use super::counts::share;
use super::text::{figure, visible};
use crate::questions::{ExclusiveGroup, Said};
use crate::scores::{sigmoid, softplus};

/// What none of a group's labels is called in a table of its outcomes.
const NONE: &str = "(none)";
/// Columns of the screen beyond which a table of outcomes is left to JSON.
const WIDEST: usize = 100;

/// The answers to one exclusive group against the rows that say which outcome it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExclusiveEvaluation {
    /// What it is called.
    #[serde(skip)]
    pub name: String,
    /// Its labels; where none of them may hold, that is one more outcome behind them.
    pub labels: Vec<String>,
    /// Whether none of them may hold.
    pub at_most_one: bool,
    /// Rows that say which outcome it is; all other figures are of these.
    pub settled: usize,
    /// The share that is answered rightly.
    pub accuracy: Option<f64>,
    /// The mean cross-entropy; `None` where a logit is not finite.
    pub log_loss: Option<f64>,
    /// Rows by their outcome, and in each by the answer, both in the order of `labels`.
    pub confusion_matrix: Vec<Vec<usize>>,
}

impl ExclusiveEvaluation {
    /// Goes through the rows.
    pub(super) fn of(group: &ExclusiveGroup, judged: &Judged<'_>) -> Self {
        let n_outcomes = group.n_outcomes();
        let n_labels = judged.labels().len();
        let mut confusion_matrix = vec![vec![0; n_outcomes]; n_outcomes];
        let mut loss = 0.0;
        for (row, cells) in judged.cells.chunks_exact(n_labels).enumerate() {
            let Said::Outcome(outcome) = group.said(cells) else {
                continue;
            };
            let decisions = &judged.decisions[row * n_labels..][..n_labels];
            let decided = group.members.iter().position(|&label| decisions[label]);
            // An implication may have taken a group's yes away where one of it has to hold.
            let decided = decided.unwrap_or(n_outcomes - 1);
            confusion_matrix[outcome][decided] += 1;
            loss += cost(group, judged.log_odds.row(row), outcome);
        }
        let settled = confusion_matrix.iter().flatten().sum();
        let right = (0..n_outcomes).map(|i| confusion_matrix[i][i]).sum();
        let name = |&label: &usize| judged.labels()[label].clone();
        Self {
            name: group.name.clone(),
            labels: group.members.iter().map(name).collect(),
            at_most_one: group.at_most_one,
            settled,
            accuracy: share(right, settled),
            log_loss: (settled > 0 && loss.is_finite()).then(|| loss / settled as f64),
            confusion_matrix,
        }
    }

    /// Writes its figures as a line, and as a table which outcome was taken for which.
    pub(super) fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let holds = if self.at_most_one {
            "at most one holds"
        } else {
            "exactly one holds"
        };
        let rows = if self.settled == 1 { "row" } else { "rows" };
        writeln!(
            out,
            "\nexclusive group {} ({holds}): accuracy {}, log loss {}, over {} {rows}",
            visible(&self.name),
            figure(self.accuracy),
            figure(self.log_loss),
            self.settled
        )?;
        let mut names: Vec<String> = self.labels.iter().map(|label| visible(label)).collect();
        names.extend(self.at_most_one.then(|| NONE.to_owned()));
        let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
        let columns: Vec<usize> = names.iter().map(|name| name.width().max(6)).collect();
        let width = widest + columns.iter().map(|column| column + 2).sum::<usize>();
        if self.settled == 0 || width > WIDEST {
            return Ok(());
        }
        write!(out, "\n{:widest$}", "")?;
        for (name, column) in names.iter().zip(&columns) {
            write!(out, "  {:1$}{name}", "", column - name.width())?;
        }
        writeln!(out, "  was the answer")?;
        for (name, row) in names.iter().zip(&self.confusion_matrix) {
            write!(out, "{:1$}{name}", "", widest - name.width())?;
            for (count, column) in row.iter().zip(&columns) {
                write!(out, "  {count:>column$}")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// `-ln` of the chance of `outcome`, from a row's log-odds.
fn cost(group: &ExclusiveGroup, row: &[f32], outcome: usize) -> f64 {
    if let Some(&label) = group.members.get(outcome) {
        return softplus(-f64::from(row[label]));
    }
    // What the labels leave to none: what the likeliest leaves, exact far out, less the others.
    let chance = |&label: &usize| f64::from(row[label]);
    let members = group.members.iter();
    let top = members
        .clone()
        .map(chance)
        .fold(f64::NEG_INFINITY, f64::max);
    let all: f64 = members.map(|label| sigmoid(chance(label))).sum();
    let left = sigmoid(-top);
    let none = left - (all - sigmoid(top));
    // Log-odds are held in f32, which is as near to nothing as this difference can come.
    -none.max(f64::from(f32::EPSILON) * left).ln()
}

/// Groups as one object, by name.
pub(super) fn by_name<S: Serializer>(
    groups: &[ExclusiveEvaluation],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(groups.iter().map(|group| (&group.name, group)))
}

#[cfg(test)]
mod tests {
    use super::super::{Evaluation, evaluate};
    use super::*;
    use crate::questions::tests::{cells, questions};
    use crate::scores::Logits;

    fn evaluated(group: &str, logits: &[f32], rows: &str) -> Evaluation {
        let questions = questions("a,b,free", &[group], &[]);
        let log_odds = Logits::new(logits.to_vec(), 3).log_odds(&questions);
        let thresholds = [None, None, Some(0.5)];
        evaluate(&questions, &log_odds, &cells(rows), &thresholds)
    }

    #[test]
    fn a_group_is_right_or_wrong_as_a_whole() {
        let logits = [2.0, 1.0, 0.0, -3.0, 4.0, 1.0, 0.5, 1.5, -1.0, 1.0, 0.0, 0.0];
        let evaluation = evaluated("g=a,b", &logits, "yn?nyyyn???n");
        let group = &evaluation.exclusive[0];
        assert_eq!((group.settled, group.accuracy), (3, Some(2.0 / 3.0)));
        assert_eq!(group.confusion_matrix, [[1, 1], [0, 1]]);
        let expected = (softplus(-1.0) + softplus(-7.0) + softplus(1.0)) / 3.0;
        assert!((group.log_loss.unwrap() - expected).abs() < 1e-7);
        // Each label has its own figures still, and no threshold.
        assert_eq!(evaluation.labels[0].confusion_matrix.tp, 1);
        assert_eq!(evaluation.labels[0].threshold, None);
        assert_eq!(evaluation.labels[2].threshold, Some(0.5));
    }

    #[test]
    fn none_is_an_outcome_where_it_may_be() {
        let logits = [2.0, 1.0, 0.0, -3.0, -4.0, 1.0, -1.0, 1.0, -1.0];
        let group = &evaluated("g?=a,b", &logits, "yn?nn?nn?").exclusive[0];
        assert_eq!((group.settled, group.accuracy), (3, Some(2.0 / 3.0)));
        assert_eq!(group.confusion_matrix, [[1, 0, 0], [0, 0, 0], [0, 1, 1]]);
        let cost = |logits: [f64; 2], outcome: usize| {
            let all = 1.0 + logits[0].exp() + logits[1].exp();
            let own = logits.get(outcome).map_or(1.0, |z| z.exp());
            -(own / all).ln()
        };
        let expected = cost([2.0, 1.0], 0) + cost([-3.0, -4.0], 2) + cost([-1.0, 1.0], 2);
        assert!((group.log_loss.unwrap() - expected / 3.0).abs() < 1e-6);
    }

    #[test]
    fn far_logits_have_a_finite_loss() {
        let logits = [1e4, 1e4, 0.0, 40.0, 0.0, 0.0];
        let group = &evaluated("g?=a,b", &logits, "nn?nn?").exclusive[0];
        assert!(group.log_loss.unwrap().is_finite());
        let broken = [f32::NAN, 0.0, 0.0];
        assert_eq!(
            evaluated("g=a,b", &broken, "yn?").exclusive[0].log_loss,
            None
        );
        let nothing = &evaluated("g=a,b", &[1.0; 3], "??y").exclusive[0];
        assert_eq!(
            (nothing.settled, nothing.accuracy, nothing.log_loss),
            (0, None, None)
        );
    }

    #[test]
    fn a_group_is_shown_as_a_line_and_a_table_and_as_json() {
        let logits = [2.0, 1.0, 0.0, -3.0, -4.0, 1.0, -1.0, 1.0, -1.0];
        let evaluation = evaluated("topic?=a,b", &logits, "yn?nn?nn?");
        let mut text = Vec::new();
        evaluation.write_summary(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let expected = "
exclusive group topic (at most one holds): accuracy 0.6667, log loss 0.6270, over 3 rows

             a       b  (none)  was the answer
     a       1       0       0
     b       0       0       0
(none)       0       1       1
";
        assert!(text.ends_with(expected), "{text}");
        let json = serde_json::to_value(&evaluation).unwrap();
        assert_eq!(
            json["exclusive"]["topic"]["confusion_matrix"],
            serde_json::json!([[1, 0, 0], [0, 0, 0], [0, 1, 1]])
        );
        assert_eq!(json["labels"]["a"]["threshold"], serde_json::Value::Null);
    }
}
