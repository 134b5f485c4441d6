//! How a text of any length becomes rows that an encoder reads.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What is encoded together: a text, or a pair of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Text<'a> {
    /// The text; of a pair the first.
    pub text: &'a str,
    /// The second text of a pair.
    pub pair: Option<&'a str>,
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self { text, pair: None }
    }
}

impl<'a> Text<'a> {
    /// All that is there to read: the text, and below it the second one of a pair.
    pub fn whole(self) -> Cow<'a, str> {
        match self.pair {
            None => Cow::Borrowed(self.text),
            Some(pair) => Cow::Owned(format!("{}\n{pair}", self.text)),
        }
    }
}

/// How long a row may be, and what becomes of a text that is longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Most ids of a row, special tokens included.
    pub max_length: usize,
    /// What becomes of a text that has more.
    pub long: LongText,
}

impl Fit {
    /// One row of at most `max_length` ids, cut on the right.
    pub fn cut(max_length: usize) -> Self {
        Self {
            max_length,
            long: LongText::Cut(Truncation::Right),
        }
    }
}

/// What becomes of a text that is longer than a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongText {
    /// It is cut to one row.
    Cut(Truncation),
    /// It becomes overlapping windows, a row each. Each starts `stride` tokens of the text after the one before, and
    /// the last ends where the text ends. A larger stride than a window has room for tokens is taken for that, so
    /// that no token is left out.
    Windows {
        /// Tokens from the start of one window to that of the next.
        stride: usize,
    },
}

/// Where a text that is too long is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truncation {
    /// The end is lost.
    #[default]
    Right,
    /// The beginning is lost.
    Left,
    /// The middle is lost: a quarter of the row is the beginning of the text, the rest its end. With 512 ids these are
    /// 128 and 382, as in Sun et al., "How to Fine-Tune BERT for Text Classification?" (arXiv:1905.05583).
    Middle,
}

impl Truncation {
    /// What is kept of `ids` where there is room for so many: a part of the beginning and one of the end.
    pub(crate) fn kept(self, ids: &[u32], room: usize) -> [&[u32]; 2] {
        if ids.len() <= room {
            return [ids, &[]];
        }
        let head = match self {
            Self::Right => room,
            Self::Left => 0,
            Self::Middle => room.div_ceil(4),
        };
        [&ids[..head], &ids[ids.len() - (room - head)..]]
    }
}

/// Where windows of `room` tokens over a text of `tokens` start.
pub(crate) fn window_starts(
    tokens: usize,
    room: usize,
    stride: usize,
) -> impl Iterator<Item = usize> {
    let last = tokens.saturating_sub(room);
    (0..last)
        .step_by(stride.clamp(1, room.max(1)))
        .chain([last])
}

/// How many tokens of `room` the two texts of a pair get: all they have where that fits, else the longer one is cut
/// first, and both where each has more than half. This is `longest_first` of the tokenizers library.
pub(crate) fn longest_first(room: usize, first: usize, second: usize) -> (usize, usize) {
    if first + second <= room {
        return (first, second);
    }
    let short = first.min(second).min(room / 2);
    if first > second {
        (room - short, short)
    } else {
        (short, room - short)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_cut_is_lost_on_the_side_that_was_said() {
        let ids: Vec<u32> = (0..10).collect();
        let cases = [
            (Truncation::Right, 4, vec![0, 1, 2, 3]),
            (Truncation::Left, 4, vec![6, 7, 8, 9]),
            (Truncation::Middle, 4, vec![0, 7, 8, 9]),
            (Truncation::Middle, 5, vec![0, 1, 7, 8, 9]),
            (Truncation::Middle, 1, vec![0]),
            (Truncation::Left, 0, vec![]),
            (Truncation::Left, 10, ids.clone()),
        ];
        for (truncation, room, expected) in cases {
            let kept = truncation.kept(&ids, room).concat();
            assert_eq!(kept, expected, "{truncation:?}, {room}");
        }
        let long: Vec<u32> = (0..1000).collect();
        let [head, tail] = Truncation::Middle.kept(&long, 510);
        assert_eq!((head.len(), tail.len()), (128, 382));
    }

    #[test]
    fn windows_start_a_stride_apart_and_the_last_is_flush_with_the_end() {
        let cases = [
            ("empty", 0, 4, 2, vec![0]),
            ("short", 3, 4, 2, vec![0]),
            ("just fits", 4, 4, 2, vec![0]),
            ("one more", 5, 4, 2, vec![0, 1]),
            ("strides fit", 8, 4, 2, vec![0, 2, 4]),
            ("strides do not fit", 9, 4, 2, vec![0, 2, 4, 5]),
            ("side by side", 12, 4, 4, vec![0, 4, 8]),
            ("a stride that would leave gaps", 12, 4, 9, vec![0, 4, 8]),
            ("no stride", 6, 4, 0, vec![0, 1, 2]),
        ];
        for (name, tokens, room, stride, expected) in cases {
            let starts: Vec<usize> = window_starts(tokens, room, stride).collect();
            assert_eq!(starts, expected, "{name}");
        }
    }

    #[test]
    fn the_longer_text_of_a_pair_is_cut_first() {
        let cases = [
            ("both fit", 10, 4, 6, (4, 6)),
            ("the first is long", 10, 20, 3, (7, 3)),
            ("the second is long", 10, 3, 20, (3, 7)),
            ("both are long", 10, 20, 30, (5, 5)),
            ("odd, the first longer", 11, 30, 20, (6, 5)),
            ("odd, the second longer", 11, 20, 30, (5, 6)),
            ("odd, the same length", 11, 20, 20, (5, 6)),
            ("no room", 0, 2, 3, (0, 0)),
        ];
        for (name, room, first, second, expected) in cases {
            assert_eq!(longest_first(room, first, second), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn windows_leave_no_token_out_and_none_is_small(
            tokens in 0..3000_usize,
            room in 1..300_usize,
            stride in 0..400_usize,
        ) {
            let starts: Vec<usize> = window_starts(tokens, room, stride).collect();
            let mut covered = 0;
            for &start in &starts {
                prop_assert!(start <= covered);
                // Each window but that of a short text is full.
                covered = (start + room).min(tokens);
                prop_assert!(start + room <= tokens.max(room));
            }
            prop_assert_eq!(covered, tokens);
            prop_assert!(starts.is_sorted_by(|a, b| a < b));
        }
    }
}
