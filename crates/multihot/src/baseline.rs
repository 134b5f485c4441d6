//! A linear baseline: TF-IDF of words and pairs of words, and a logistic regression for each label.
//!
//! It takes seconds where an encoder takes hours, and on some tables it is hard to beat: an
//! encoder that does not score clearly more than this has not earned its keep (Lin and others,
//! "Linear Classifier: An Often-Forgotten Baseline for Text Classification", ACL 2023).
//!
//! It is what people build with scikit-learn, `TfidfVectorizer(token_pattern=r"(?u)\b\w+\b",
//! ngram_range=(1, 2), min_df=2, sublinear_tf=True)` and `LogisticRegression(C=4)` for each label,
//! and has the same features and, where that runs to its end, the same logits to three places.
//! `words.rs` says what a word is, `tf_idf.rs` turns texts into rows of numbers, and `logistic.rs`
//! fits a label to them.

mod logistic;
mod report;
mod sparse;
mod tf_idf;
mod verdict;
mod words;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use multihot_table::Cell;

use crate::scores::Logits;
use logistic::{Examples, Line};
pub use report::{BaselineReport, BaselineRows};
use sparse::SparseRows;
use tf_idf::Vocabulary;
pub use verdict::BaselineVerdict;

/// A linear model of several labels, fitted to texts.
///
/// ```
/// use multihot::Baseline;
/// use multihot_table::Cell::{No, Unknown, Yes};
///
/// let texts = ["the team won", "the team lost", "shares fell", "shares rose again"];
/// // Two labels: is it about sports, is it good news?
/// let cells = [Yes, Yes, Yes, No, No, No, No, Unknown];
/// let baseline = Baseline::fit(&texts, &cells, 2, 1);
/// let logits = baseline.logits(&["which team?", "which shares?"]);
/// assert!(logits.row(0)[0] > logits.row(1)[0]);
/// ```
#[derive(Clone, Debug)]
pub struct Baseline {
    vocabulary: Vocabulary,
    /// One row a feature and one column a label, row-major: a text reads whole rows.
    weights: Vec<f32>,
    intercepts: Vec<f64>,
    threads: usize,
}

impl Baseline {
    /// Fits a model to `texts` and their `cells`, row-major with `n_labels` a row.
    ///
    /// Each label learns from the rows that know it, and from no other; every text counts for how
    /// frequent a word is. A label that has one value only, or none, gets no weights: its logit is
    /// its base rate, `ln((yes + ½) / (no + ½))`, for every text. The labels are shared out among
    /// `threads` (0 is taken as 1), and the result is the same at any number of them.
    ///
    /// The time goes by words times labels; the memory is that of the words, plus four bytes for
    /// each label of each feature, where a feature is a word or pair that two texts have.
    ///
    /// # Panics
    ///
    /// When `n_labels` is 0, or `cells` does not hold `n_labels` for each text.
    pub fn fit(texts: &[&str], cells: &[Cell], n_labels: usize, threads: usize) -> Self {
        assert!(n_labels > 0, "baseline: no labels");
        assert_eq!(
            cells.len(),
            texts.len() * n_labels,
            "baseline: not {n_labels} cells for each text"
        );
        let threads = threads.max(1);
        let (vocabulary, rows) = Vocabulary::fit(texts);
        let mut weights = vec![0.0; vocabulary.n_features() * n_labels];
        let mut intercepts = vec![0.0; n_labels];
        fit_labels(&rows, cells, n_labels, threads, |label, line| {
            intercepts[label] = line.intercept;
            let column = weights.iter_mut().skip(label).step_by(n_labels);
            for (weight, fitted) in column.zip(line.weights) {
                *weight = fitted as f32;
            }
        });
        Self {
            vocabulary,
            weights,
            intercepts,
            threads,
        }
    }

    /// The logits of `texts`, a row each.
    ///
    /// A text without a single known word, an empty one for example, has the intercepts.
    pub fn logits(&self, texts: &[&str]) -> Logits {
        let n_labels = self.n_labels();
        let mut logits = vec![0.0; texts.len() * n_labels];
        let chunk = texts.len().div_ceil(self.threads).max(1);
        std::thread::scope(|scope| {
            for (texts, out) in texts.chunks(chunk).zip(logits.chunks_mut(chunk * n_labels)) {
                scope.spawn(move || {
                    for (text, out) in texts.iter().zip(out.chunks_exact_mut(n_labels)) {
                        self.score(text, out);
                    }
                });
            }
        });
        Logits::new(logits, n_labels)
    }

    /// Number of labels.
    pub fn n_labels(&self) -> usize {
        self.intercepts.len()
    }

    /// Number of features: words and pairs of words that at least two of the texts have.
    pub fn n_features(&self) -> usize {
        self.vocabulary.n_features()
    }

    fn score(&self, text: &str, out: &mut [f32]) {
        let mut sums = self.intercepts.clone();
        for (feature, value) in self.vocabulary.features(text) {
            let weights = &self.weights[feature as usize * sums.len()..][..sums.len()];
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum += f64::from(value) * f64::from(weight);
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = sum as f32;
        }
    }
}

/// Fits every label on one of `threads`, and hands each to `keep` on this one, in whatever order
/// they get ready: no more lines are in memory than threads are at work.
fn fit_labels(
    rows: &SparseRows,
    cells: &[Cell],
    n_labels: usize,
    threads: usize,
    mut keep: impl FnMut(usize, Line),
) {
    let next = AtomicUsize::new(0);
    // A channel without room: a thread waits until its line has been kept.
    let (sender, fitted) = mpsc::sync_channel(0);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(n_labels) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let label = next.fetch_add(1, Ordering::Relaxed);
                    if label >= n_labels {
                        break;
                    }
                    let line = logistic::fit(&Examples::of(rows, cells, label, n_labels));
                    if sender.send((label, line)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (label, line) in fitted {
            keep(label, line);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use Cell::{No, Unknown, Yes};
    use proptest::prelude::*;
    use serde_json::Value;

    /// What scikit-learn makes of the first rows of the example (`tools/reference/baseline.py`).
    struct Golden {
        file: Value,
        texts: Vec<String>,
        cells: Vec<Cell>,
        others: Vec<String>,
    }

    impl Golden {
        fn read() -> Self {
            let file: Value =
                serde_json::from_str(include_str!("../tests/golden/baseline.json")).unwrap();
            let texts = |key: &str| serde_json::from_value(file[key].clone()).unwrap();
            let rows: Vec<Vec<Option<u8>>> = serde_json::from_value(file["cells"].clone()).unwrap();
            let cell = |cell| match cell {
                Some(0) => No,
                Some(_) => Yes,
                None => Unknown,
            };
            Self {
                texts: texts("texts"),
                others: texts("others"),
                cells: rows.into_iter().flatten().map(cell).collect(),
                file,
            }
        }

        fn fit(&self, threads: usize) -> Baseline {
            Baseline::fit(&strs(&self.texts), &self.cells, 3, threads)
        }
    }

    fn strs(texts: &[String]) -> Vec<&str> {
        texts.iter().map(String::as_str).collect()
    }

    #[test]
    fn features_and_their_worth_are_those_of_scikit_learn() {
        let golden = Golden::read();
        let expected = golden.file["idf"].as_object().unwrap();
        let actual = golden.fit(1).vocabulary.named_idf();
        assert!(expected.len() > 300, "{} features", expected.len());
        assert!(actual.keys().eq(expected.keys()), "{:?}", actual.keys());
        for ((name, actual), expected) in actual.iter().zip(expected.values()) {
            let expected = expected.as_f64().unwrap();
            assert!(
                (actual - expected).abs() < 1e-8,
                "{name}: {actual} vs {expected}"
            );
        }
    }

    #[test]
    fn logits_are_those_of_scikit_learn() {
        let golden = Golden::read();
        let actual = golden.fit(1).logits(&strs(&golden.others));
        let expected: Vec<Vec<f64>> =
            serde_json::from_value(golden.file["logits"].clone()).unwrap();
        for (i, (text, expected)) in golden.others.iter().zip(expected).enumerate() {
            for (actual, expected) in actual.row(i).iter().zip(expected) {
                // The weights are within 1e-4 of the best ones, and the rows have length 1.
                let apart = (f64::from(*actual) - expected).abs();
                assert!(apart < 2e-4, "{text:?}: {actual} vs {expected}");
            }
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let golden = Golden::read();
        let others = strs(&golden.others);
        let one = golden.fit(1).logits(&others);
        for threads in [0, 2, 3, 64] {
            assert_eq!(
                golden.fit(threads).logits(&others),
                one,
                "{threads} threads"
            );
        }
    }

    #[test]
    fn an_unknown_cell_is_as_good_as_no_row_for_its_label() {
        let texts = ["aa bb", "aa cc", "bb cc", "cc", "aa", "aa bb"];
        let baseline = |cells: &[Cell]| Baseline::fit(&texts, cells, 1, 1);
        let told = baseline(&[Yes, Yes, No, No, Yes, No]).logits(&texts);
        let untold = baseline(&[Yes, Yes, No, No, Yes, Unknown]).logits(&texts);
        assert!(untold.row(0)[0] > told.row(0)[0] + 0.1);
        let rows = |rows: &[usize]| {
            let (_, matrix) = Vocabulary::fit(&texts);
            let mut kept = SparseRows::new(matrix.n_columns());
            for &row in rows {
                kept.push(
                    matrix
                        .row(row)
                        .map(|(column, value)| (column as u32, value as f32)),
                );
            }
            kept
        };
        let cells = [Yes, Yes, No, No, Yes, Unknown];
        assert_eq!(
            logistic::fit(&Examples::of(&rows(&[0, 1, 2, 3, 4, 5]), &cells, 0, 1)),
            logistic::fit(&Examples::of(&rows(&[0, 1, 2, 3, 4]), &cells[..5], 0, 1)),
        );
    }

    #[test]
    fn a_label_with_one_value_answers_its_base_rate() {
        let texts = ["aa bb", "aa bb", "bb cc"];
        let cases = [
            ("always yes", [Yes; 3], 7.0_f32.ln()),
            ("never yes", [No; 3], -(7.0_f32.ln())),
            ("one yes known", [Unknown, Yes, Unknown], 3.0_f32.ln()),
            ("nothing known", [Unknown; 3], 0.0),
        ];
        for (name, cells, expected) in cases {
            let logits = Baseline::fit(&texts, &cells, 1, 2).logits(&["aa", "", "zz"]);
            for logit in logits.values() {
                assert!(
                    (logit - expected).abs() < 1e-6,
                    "{name}: {logit} vs {expected}"
                );
            }
        }
    }

    #[test]
    fn texts_without_a_common_word_leave_the_intercept() {
        let tables: [&[&str]; 4] = [
            &["", "", "", ""],
            &["😀", "!", " ", "ü"],
            &["one", "two", "three", "four"],
            &["one one", "two two two", "three", "four"],
        ];
        for texts in tables {
            let baseline = Baseline::fit(texts, &[Yes, No, No, No], 1, 1);
            assert_eq!(baseline.n_features(), 0, "{texts:?}");
            for logit in baseline.logits(texts).values() {
                // The best intercept alone says one in four.
                assert!((logit + 3.0_f32.ln()).abs() < 1e-4, "{texts:?}: {logit}");
            }
        }
    }

    #[test]
    fn nothing_to_learn_from_and_nothing_to_score() {
        let baseline = Baseline::fit(&[], &[], 2, 4);
        assert_eq!((baseline.n_labels(), baseline.n_features()), (2, 0));
        assert_eq!(baseline.logits(&["a text"]).values(), [0.0, 0.0]);
        assert_eq!(baseline.logits(&[]).rows(), 0);
    }

    #[test]
    #[should_panic(expected = "not 2 cells for each text")]
    fn cells_of_another_shape_are_our_mistake() {
        Baseline::fit(&["a", "b"], &[Yes; 3], 2, 1);
    }

    fn tables() -> impl Strategy<Value = (Vec<String>, Vec<Cell>)> {
        let cell = prop_oneof![Just(Yes), Just(No), Just(Unknown)];
        let row = (
            "([a-c]{2,3}[ ']|é\u{301}|東|😀|\\PC){0,8}",
            [cell.clone(), cell],
        );
        prop::collection::vec(row, 0..12).prop_map(|rows| {
            let (texts, cells): (Vec<String>, Vec<[Cell; 2]>) = rows.into_iter().unzip();
            (texts, cells.into_flattened())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_table_gives_finite_logits((texts, cells) in tables()) {
            let texts = strs(&texts);
            let logits = Baseline::fit(&texts, &cells, 2, 2).logits(&texts);
            prop_assert_eq!(logits.rows(), texts.len());
            prop_assert!(logits.values().iter().all(|logit| logit.is_finite()));
        }

        #[test]
        fn yes_and_no_exchanged_turn_every_logit((texts, cells) in tables()) {
            let texts = strs(&texts);
            let turned: Vec<Cell> = cells
                .iter()
                .map(|cell| match cell { Yes => No, No => Yes, Unknown => Unknown })
                .collect();
            let one = Baseline::fit(&texts, &cells, 2, 1).logits(&texts);
            let other = Baseline::fit(&texts, &turned, 2, 1).logits(&texts);
            for (a, b) in one.values().iter().zip(other.values()) {
                prop_assert!((a + b).abs() < 4e-4, "{} and {}", a, b);
            }
        }
    }
}
