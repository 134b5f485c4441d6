//! Texts of any length: how they become rows of the encoder, and how the logits of several windows
//! become those of their text.

use multihot_table::{DecidingWindow, TextWindows};
use multihot_tokenizer::{Encoded, Fit, LongText, Text, Truncation, Window};
use serde::{Deserialize, Serialize};

use crate::scores::Logits;

/// Two special tokens and one of the text.
pub(crate) const SHORTEST_ROW: usize = 3;

/// How texts become rows of the encoder; stored with the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Longest row in tokens, special ones included; the size of a window.
    pub max_length: usize,
    /// What of a longer text is lost, where there are no windows.
    #[serde(default)]
    pub truncation: Truncation,
    /// What a longer text becomes instead. Folders from before there was a choice lack it.
    #[serde(default)]
    pub windows: Option<Windows>,
}

/// A text longer than a row as overlapping windows, all of which are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    /// Tokens from the start of one window to that of the next.
    pub stride: usize,
    /// How the logits of the windows become those of the text.
    pub pooling: WindowPooling,
}

/// How the logits `z_1 … z_n` of a label in the windows of a text become that of the text.
///
/// One window's logit is the text's, to the same bits. A constant added to all of them is added to
/// the text's, so that a shift of the output bias means the same with windows and without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowPooling {
    /// The largest: the text says yes where one of its windows does.
    #[default]
    Max,
    /// `sum z_i / n`: all windows count alike.
    Mean,
    /// `ln(sum e^z_i / n)`, between the mean and the largest: windows count by their odds.
    LogSumExp,
}

impl WindowPooling {
    /// The name as options write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Mean => "mean",
            Self::LogSumExp => "log-sum-exp",
        }
    }

    /// The logits of texts from those of their windows, of which each text has so many as `counts`
    /// says, at least one.
    ///
    /// # Panics
    ///
    /// When `windows` is not as long as `counts` adds up to.
    pub fn pool(self, windows: &Logits, counts: &[usize]) -> Logits {
        let n_labels = windows.n_labels();
        let mut values = Vec::with_capacity(counts.len() * n_labels);
        for text in logits_of_texts(windows, counts) {
            for label in 0..n_labels {
                values.push(self.pooled(text.iter().skip(label).step_by(n_labels).copied()));
            }
        }
        Logits::new(values, n_labels)
    }

    fn pooled(self, mut logits: impl ExactSizeIterator<Item = f32> + Clone) -> f32 {
        let n = logits.len();
        if n == 1 {
            return logits.next().expect("it has one");
        }
        let largest = logits.clone().reduce(larger).expect("a text has a window");
        match self {
            Self::Max => largest,
            Self::Mean => (logits.map(f64::from).sum::<f64>() / n as f64) as f32,
            Self::LogSumExp => {
                let odds = logits.map(|z| (f64::from(z) - f64::from(largest)).exp());
                (f64::from(largest) + (odds.sum::<f64>() / n as f64).ln()) as f32
            }
        }
    }

    /// The gradient of the windows' logits from `d_pooled`, that of the texts'.
    ///
    /// The largest logit, the first of several, gets all of it, or each gets an equal share, or
    /// shares as the softmax over the windows.
    ///
    /// # Panics
    ///
    /// As [`WindowPooling::pool`], and when `d_pooled` is not `[texts, n_labels]`.
    pub fn gradient(self, windows: &Logits, counts: &[usize], d_pooled: &[f32]) -> Vec<f32> {
        let n_labels = windows.n_labels();
        assert_eq!(
            d_pooled.len(),
            counts.len() * n_labels,
            "gradient: `d_pooled` is not [texts, labels]"
        );
        let mut d_windows = Vec::with_capacity(windows.values().len());
        for (text, d_pooled) in logits_of_texts(windows, counts).zip(d_pooled.chunks(n_labels)) {
            let start = d_windows.len();
            d_windows.resize(start + text.len(), 0.0);
            for (label, &d) in d_pooled.iter().enumerate() {
                let logits = text.iter().skip(label).step_by(n_labels).copied();
                let d_logits = d_windows[start + label..].iter_mut().step_by(n_labels);
                self.spread(d, logits, d_logits);
            }
        }
        d_windows
    }

    fn spread<'a>(
        self,
        d: f32,
        logits: impl ExactSizeIterator<Item = f32> + Clone,
        d_logits: impl Iterator<Item = &'a mut f32>,
    ) {
        let n = logits.len();
        let strongest = strongest(logits.clone());
        let largest = f64::from(logits.clone().nth(strongest).expect("it is one of them"));
        let odds = |z: f32| (f64::from(z) - largest).exp();
        let all: f64 = logits.clone().map(odds).sum();
        for ((index, z), d_logit) in logits.enumerate().zip(d_logits) {
            *d_logit = match self {
                Self::Max if index == strongest => d,
                Self::Max => 0.0,
                Self::Mean => d / n as f32,
                Self::LogSumExp => (f64::from(d) * odds(z) / all) as f32,
            };
        }
    }
}

/// The logits of each text's windows.
fn logits_of_texts<'a>(
    windows: &'a Logits,
    counts: &'a [usize],
) -> impl Iterator<Item = &'a [f32]> {
    assert_eq!(
        windows.rows(),
        counts.iter().sum::<usize>(),
        "the windows are those of the texts"
    );
    let mut rest = windows.values();
    counts.iter().map(move |count| {
        let (text, others) = rest.split_at(count * windows.n_labels());
        rest = others;
        text
    })
}

/// The larger of two logits, or the one that is no number: a training that diverges must show.
fn larger(a: f32, b: f32) -> f32 {
    if b > a || b.is_nan() { b } else { a }
}

/// Where the largest of `logits` stands, the first of several.
fn strongest(logits: impl Iterator<Item = f32>) -> usize {
    let best = logits.enumerate().reduce(|best, next| {
        let is_better = next.1 > best.1 || next.1.is_nan();
        if is_better { next } else { best }
    });
    best.expect("a text has a window").0
}

impl Reading {
    /// One row of at most `max_length` tokens, cut on the right.
    pub(crate) fn cut(max_length: usize) -> Self {
        Self {
            max_length,
            truncation: Truncation::Right,
            windows: None,
        }
    }

    /// Whether it is one that was stored for an encoder that reads up to `usable_length` tokens; else
    /// what is wrong.
    pub(crate) fn check(&self, usable_length: usize) -> Result<(), String> {
        let length = self.max_length;
        if !(SHORTEST_ROW..=usable_length).contains(&length) {
            return Err(format!(
                "`max_length` is {length}; expected {SHORTEST_ROW} to {usable_length}"
            ));
        }
        match self.windows {
            Some(Windows { stride, .. }) if !(1..=length).contains(&stride) => Err(format!(
                "the `stride` of `windows` is {stride}; expected 1 to {length}, the size of a window"
            )),
            _ => Ok(()),
        }
    }

    /// What the tokenizer is to do.
    pub fn fit(&self) -> Fit {
        Fit {
            max_length: self.max_length,
            long: match self.windows {
                None => LongText::Cut(self.truncation),
                Some(windows) => LongText::Windows {
                    stride: windows.stride,
                },
            },
        }
    }

    /// What becomes of texts that are too long, as the end of a sentence about them.
    pub fn loss_of_long_texts(&self) -> &'static str {
        match (self.windows, self.truncation) {
            (Some(_), _) => "lost the end of the second text",
            (None, Truncation::Right) => "were cut",
            (None, Truncation::Left) => "lost their beginning",
            (None, Truncation::Middle) => "lost their middle",
        }
    }

    /// How the windows of a text are pooled. Without windows a text is one, whose logits stay.
    pub(crate) fn pooling(&self) -> WindowPooling {
        self.windows
            .map_or(WindowPooling::Max, |windows| windows.pooling)
    }
}

/// What is read of each text, as a clause: what becomes of a long one.
impl std::fmt::Display for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = self.max_length;
        match (self.windows, self.truncation) {
            (Some(Windows { stride, pooling }), _) => write!(
                f,
                "windows of {length} tokens, every {stride}, pooled by {}",
                pooling.name()
            ),
            (None, Truncation::Right) => write!(f, "rows up to {length} tokens"),
            (None, Truncation::Left) => write!(f, "rows up to {length} tokens, the last of a text"),
            (None, Truncation::Middle) => write!(
                f,
                "rows up to {length} tokens, the first and the last of a text"
            ),
        }
    }
}

/// Which window of each of `texts` says yes loudest, label by label. `windows` are the logits of
/// all windows of `encoded`, their tokens.
pub(crate) fn deciding(
    texts: &[Text<'_>],
    encoded: &[Encoded],
    windows: &Logits,
) -> Vec<TextWindows> {
    let counts: Vec<usize> = encoded.iter().map(|text| text.windows.len()).collect();
    let n_labels = windows.n_labels();
    let of_text = |((text, encoded), logits): ((&Text<'_>, &Encoded), &[f32])| {
        let characters = characters(text.text, &encoded.windows);
        let deciding = (0..n_labels).map(|label| {
            let window = strongest(logits.iter().skip(label).step_by(n_labels).copied());
            DecidingWindow {
                window: window + 1,
                characters: characters[window],
            }
        });
        TextWindows {
            count: characters.len(),
            deciding: deciding.collect(),
        }
    };
    let logits = logits_of_texts(windows, &counts);
    texts.iter().zip(encoded).zip(logits).map(of_text).collect()
}

/// From which character of `text` up to which each of its windows goes.
fn characters(text: &str, windows: &[Window]) -> Vec<[usize; 2]> {
    let count = |from: usize, to: usize| text.get(from..to).map_or(0, |part| part.chars().count());
    let (mut byte, mut character) = (0, 0);
    let of_window = |window: &Window| {
        // A byte-level token may end inside a character.
        let start = text.floor_char_boundary(window.bytes.start).max(byte);
        let end = text.ceil_char_boundary(window.bytes.end).max(start);
        character += count(byte, start);
        byte = start;
        [character, character + count(start, end)]
    };
    windows.iter().map(of_window).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [WindowPooling; 3] = [
        WindowPooling::Max,
        WindowPooling::Mean,
        WindowPooling::LogSumExp,
    ];

    #[test]
    fn windows_are_pooled_label_by_label() {
        // Two labels; a text of three windows and one of one.
        let windows = Logits::new(vec![1.0, -2.0, 4.0, -2.0, 1.0, -8.0, 0.5, 7.0], 2);
        let ln = |sum: f64| (sum / 3.0).ln() as f32;
        let lse = [
            ln(2.0 * 1_f64.exp() + 4_f64.exp()),
            ln(2.0 * (-2_f64).exp() + (-8_f64).exp()),
        ];
        let cases = [
            (WindowPooling::Max, [4.0, -2.0]),
            (WindowPooling::Mean, [2.0, -4.0]),
            (WindowPooling::LogSumExp, lse),
        ];
        for (pooling, expected) in cases {
            let pooled = pooling.pool(&windows, &[3, 1]);
            for (found, expected) in pooled.row(0).iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{pooling:?}: {pooled:?}");
            }
            assert_eq!(pooled.row(1), [0.5, 7.0], "{pooling:?}");
        }
    }

    #[test]
    fn far_logits_stay_finite_and_what_is_no_number_shows() {
        for pooling in ALL {
            let pooled = |values: &[f32]| {
                let windows = Logits::new(values.to_vec(), 1);
                pooling.pool(&windows, &[values.len()]).values()[0]
            };
            assert!(pooled(&[800.0, -800.0, 799.0]).is_finite(), "{pooling:?}");
            assert!(pooled(&[1.0, f32::NAN, 2.0]).is_nan(), "{pooling:?}");
            assert_eq!(pooled(&[-0.0]).to_bits(), (-0.0_f32).to_bits());
        }
    }

    #[test]
    fn of_equal_windows_the_first_decides() {
        let windows = Logits::new(vec![1.0, 3.0, 3.0], 1);
        let d = WindowPooling::Max.gradient(&windows, &[3], &[0.5]);
        assert_eq!(d, [0.0, 0.5, 0.0]);
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        let window = |bytes| Window {
            ids: vec![],
            types: vec![],
            bytes,
        };
        let text = "été à 👩 b";
        // The second starts inside a letter, and the third ends inside one.
        let windows = [window(0..5), window(4..13), window(6..10), window(14..15)];
        let expected = ["été", "é à 👩", "à 👩", "b"];
        let found = characters(text, &windows);
        let parts: Vec<String> = found
            .iter()
            .map(|[from, to]| text.chars().skip(*from).take(to - from).collect())
            .collect();
        assert_eq!(parts, expected);
        assert_eq!(characters("", &[window(0..0)]), [[0, 0]]);
    }

    fn texts_of_windows() -> impl Strategy<Value = (Logits, Vec<usize>, Vec<f32>)> {
        prop::collection::vec(1..6_usize, 1..4).prop_flat_map(|counts| {
            let n: usize = counts.iter().sum();
            let logits = prop::collection::vec(-6.0..6.0_f32, 2 * n);
            let d = prop::collection::vec(-2.0..2.0_f32, 2 * counts.len());
            (logits, d).prop_map(move |(logits, d)| (Logits::new(logits, 2), counts.clone(), d))
        })
    }

    proptest! {
        #[test]
        fn log_sum_exp_lies_between_mean_and_max((windows, counts, _) in texts_of_windows()) {
            let [max, mean, lse] = ALL.map(|pooling| pooling.pool(&windows, &counts));
            for ((max, mean), lse) in max.values().iter().zip(mean.values()).zip(lse.values()) {
                prop_assert!(mean - 1e-5 <= *lse && *lse <= max + 1e-5);
            }
        }

        /// `d · pool(z)` is a function of `z`: its slope along each logit is the gradient.
        #[test]
        fn gradients_are_the_slopes_of_the_pooled_logits((windows, counts, d) in texts_of_windows()) {
            const STEP: f32 = 1e-2;
            for pooling in ALL {
                let gradient = pooling.gradient(&windows, &counts, &d);
                for (i, gradient) in gradient.iter().enumerate() {
                    let value = |step: f32| {
                        let mut moved = windows.values().to_vec();
                        moved[i] += step;
                        let pooled = pooling.pool(&Logits::new(moved, 2), &counts);
                        let terms = pooled.values().iter().zip(&d);
                        terms.map(|(z, d)| f64::from(*z) * f64::from(*d)).sum::<f64>()
                    };
                    // The largest has a slope on either side where two are nearly the same.
                    let [up, down] = [STEP, -STEP].map(|step| (value(step) - value(0.0)) / f64::from(step));
                    let (low, high) = (up.min(down) - 2e-2, up.max(down) + 2e-2);
                    let gradient = f64::from(*gradient);
                    prop_assert!((low..=high).contains(&gradient), "{pooling:?}: {gradient}, {up}, {down}");
                }
            }
        }
    }
}
