//! Bytes to UTF-8: UTF-16 by its mark or its zeros, and Windows-1252 where bytes are no UTF-8.
//!
//! ASCII means the same in UTF-8 and in Windows-1252, so that nothing has to be decided before the
//! first other byte, and what is decided there holds for all that was read before. From there on
//! bytes that do not fit are an error: a table is never read half in one encoding, half in another.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use encoding_rs::{Decoder, DecoderResult, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::notes::Notes;

const BUFFER_BYTES: usize = 1 << 16;

/// Bytes from which UTF-16 without a mark is recognised.
pub(crate) const START_BYTES: usize = 128;

/// How characters are written as bytes: a name of the Encoding Standard, such as `utf-8`,
/// `utf-16le`, `windows-1252`, `latin1`, `shift_jis`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding(&'static encoding_rs::Encoding);

impl FromStr for Encoding {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let encoding = encoding_rs::Encoding::for_label_no_replacement(name.as_bytes());
        encoding.map(Encoding).ok_or_else(|| {
            format!(
                "`{name}` is no encoding that is known; such are utf-8, utf-16le, windows-1252, \
                 latin1, iso-8859-2, windows-1250, koi8-r, gb18030, shift_jis and the others of the \
                 Encoding Standard"
            )
        })
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name().to_lowercase())
    }
}

/// Bytes that are no characters in the encoding that they are read in.
#[derive(Debug, thiserror::Error)]
#[error("these bytes are no {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// How far the reader may go in finding the encoding out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guess {
    /// UTF-8, UTF-16, else Windows-1252.
    Any,
    /// UTF-8 or UTF-16, as JSON has to be.
    Unicode,
}

/// `bytes` as UTF-8, without a byte order mark. `start` are their first [`START_BYTES`].
///
/// Bytes that are taken for UTF-8 pass as they are: who cuts them into records knows the line of
/// those that are not.
pub(crate) fn decoded(
    bytes: impl Read + Send + 'static,
    start: &[u8],
    given: Option<Encoding>,
    guess: Guess,
    notes: Notes,
) -> Box<dyn Read + Send> {
    let mark = encoding_rs::Encoding::for_bom(start);
    let by_itself = mark
        .map(|(encoding, _)| encoding)
        .or_else(|| utf16_of(start));
    let encoding = given.map(|given| given.0).or(by_itself);
    let mark_bytes = match mark {
        Some((marked, length)) if Some(marked) == encoding => length,
        _ => 0,
    };
    let bytes = Skip {
        bytes,
        left: mark_bytes,
    };
    match encoding {
        Some(encoding) if encoding == UTF_8 => Box::new(bytes),
        Some(encoding) => {
            if given.is_none() {
                notes.add(format!("read as {}", encoding.name()));
            }
            Box::new(Transcoded::new(bytes, encoding, false))
        }
        None if guess == Guess::Any => Box::new(Guessed::new(bytes, notes)),
        None => Box::new(bytes),
    }
}

/// UTF-16 without a mark: in what starts with a header or a text nearly every other byte is zero.
fn utf16_of(start: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let zeros = |odd: usize| {
        let bytes = start.iter().skip(odd).step_by(2);
        bytes.filter(|&&byte| byte == 0).count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    let enough = start.len().div_ceil(4).max(2);
    // Half of an emoji may have its zero on the other side.
    if odd >= enough && even <= odd / 8 {
        Some(UTF_16LE)
    } else if even >= enough && odd <= even / 8 {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Bytes without the first few.
struct Skip<R> {
    bytes: R,
    left: usize,
}

impl<R: Read> Read for Skip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.left > 0 {
            let mut mark = [0; 4];
            let n = self.bytes.read(&mut mark[..self.left])?;
            if n == 0 {
                return Ok(0);
            }
            self.left -= n;
        }
        self.bytes.read(out)
    }
}

/// Bytes in another encoding, as UTF-8.
struct Transcoded<R> {
    bytes: R,
    decoder: Decoder,
    name: &'static str,
    /// Whether the encoding is a guess, which bytes it leaves undefined refute.
    is_guess: bool,
    /// What was read is `next_raw..end_raw` of this.
    raw: Vec<u8>,
    next_raw: usize,
    end_raw: usize,
    text: String,
    next_text: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    /// No bytes are left to read.
    Ended,
    /// Nothing is left to decode.
    Done,
    /// What comes next is malformed.
    Malformed,
}

impl<R: Read> Transcoded<R> {
    fn new(bytes: R, encoding: &'static encoding_rs::Encoding, is_guess: bool) -> Self {
        Transcoded {
            bytes,
            decoder: encoding.new_decoder_without_bom_handling(),
            name: encoding.name(),
            is_guess,
            raw: vec![0; BUFFER_BYTES],
            next_raw: 0,
            end_raw: 0,
            text: String::with_capacity(4 * BUFFER_BYTES),
            next_text: 0,
            state: State::Reading,
        }
    }

    /// Makes more text, where there is more.
    fn decode(&mut self) -> io::Result<()> {
        if self.next_raw == self.end_raw && self.state == State::Reading {
            self.end_raw = self.bytes.read(&mut self.raw)?;
            self.next_raw = 0;
            if self.end_raw == 0 {
                self.state = State::Ended;
            }
        }
        let mut raw = &self.raw[self.next_raw..self.end_raw];
        let undefined = raw.iter().position(is_undefined).filter(|_| self.is_guess);
        if let Some(place) = undefined {
            raw = &raw[..place];
        }
        self.text.clear();
        self.next_text = 0;
        let last = self.state == State::Ended;
        let (result, read) =
            self.decoder
                .decode_to_string_without_replacement(raw, &mut self.text, last);
        self.next_raw += read;
        match result {
            DecoderResult::Malformed(..) => self.state = State::Malformed,
            DecoderResult::InputEmpty if undefined.is_some() => self.state = State::Malformed,
            DecoderResult::InputEmpty if last => self.state = State::Done,
            DecoderResult::InputEmpty | DecoderResult::OutputFull => {}
        }
        Ok(())
    }
}

impl<R: Read> Read for Transcoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let text = &self.text.as_bytes()[self.next_text..];
            if !text.is_empty() || out.is_empty() {
                let n = text.len().min(out.len());
                out[..n].copy_from_slice(&text[..n]);
                self.next_text += n;
                return Ok(n);
            }
            match self.state {
                State::Done => return Ok(0),
                State::Malformed => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        Malformed(self.name),
                    ));
                }
                State::Reading | State::Ended => self.decode()?,
            }
        }
    }
}

/// The bytes that Windows-1252 has no character for.
fn is_undefined(byte: &u8) -> bool {
    matches!(byte, 0x81 | 0x8D | 0x8F | 0x90 | 0x9D)
}

/// Bytes that are ASCII so far; the first others show whether they are UTF-8.
enum Guessed<R> {
    Ascii {
        bytes: R,
        notes: Notes,
    },
    Utf8(io::Chain<io::Cursor<Vec<u8>>, R>),
    Windows1252(Box<Transcoded<io::Chain<io::Cursor<Vec<u8>>, R>>>),
    /// While it changes from one to another.
    Nothing,
}

impl<R: Read> Guessed<R> {
    fn new(bytes: R, notes: Notes) -> Self {
        Guessed::Ascii { bytes, notes }
    }

    /// Decides by `rest`, which starts with the first byte that is not ASCII.
    fn decide(&mut self, mut rest: Vec<u8>) -> io::Result<()> {
        let Guessed::Ascii { mut bytes, notes } = std::mem::replace(self, Guessed::Nothing) else {
            unreachable!("decided once");
        };
        bytes
            .by_ref()
            .take(BUFFER_BYTES as u64)
            .read_to_end(&mut rest)?;
        let is_windows_1252 = is_windows_1252(&rest);
        let bytes = io::Cursor::new(rest).chain(bytes);
        *self = if is_windows_1252 {
            notes.add(
                "the bytes are no UTF-8: read as Windows-1252 (`--encoding NAME` decides)".into(),
            );
            Guessed::Windows1252(Box::new(Transcoded::new(bytes, WINDOWS_1252, true)))
        } else {
            Guessed::Utf8(bytes)
        };
        Ok(())
    }
}

impl<R: Read> Read for Guessed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Guessed::Ascii { bytes, .. } = self else {
            return match self {
                Guessed::Utf8(bytes) => bytes.read(out),
                Guessed::Windows1252(text) => text.read(out),
                Guessed::Ascii { .. } | Guessed::Nothing => Ok(0),
            };
        };
        let n = bytes.read(out)?;
        if out[..n].is_ascii() {
            return Ok(n);
        }
        let Some(place) = out[..n].iter().position(|byte| !byte.is_ascii()) else {
            return Ok(n);
        };
        self.decide(out[place..n].to_vec())?;
        if place > 0 { Ok(place) } else { self.read(out) }
    }
}

/// Whether `sample` is a text in Windows-1252: it is no UTF-8, not even with a few slips, and it
/// has no byte that the encoding or a text lacks.
fn is_windows_1252(sample: &[u8]) -> bool {
    let (mut characters, mut slips) = (0, 0);
    let mut chunks = sample.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        characters += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        // The sample may end within a character.
        let is_last = chunks.peek().is_none() && sample.len() >= BUFFER_BYTES;
        let is_cut = is_last && could_go_on(chunk.invalid());
        if !chunk.invalid().is_empty() && !is_cut {
            slips += 1;
        }
    }
    let is_text = !sample.iter().any(|byte| *byte == 0 || is_undefined(byte));
    slips > characters && is_text
}

/// Whether these bytes are the start of a character.
fn could_go_on(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hands out a few bytes at a time, as a pipe may.
    struct Drops(io::Cursor<Vec<u8>>, usize);

    impl Read for Drops {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(out.len());
            self.0.read(&mut out[..n])
        }
    }

    fn read(bytes: &[u8], given: Option<&str>, guess: Guess) -> (Vec<u8>, bool, Vec<String>) {
        let notes = Notes::default();
        let start = &bytes[..bytes.len().min(START_BYTES)];
        let given = given.map(|name| name.parse().unwrap());
        let drops = Drops(io::Cursor::new(bytes.to_vec()), 7);
        let mut text = Vec::new();
        let ended = decoded(drops, start, given, guess, notes.clone()).read_to_end(&mut text);
        (text, ended.is_ok(), notes.all())
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn encodings_are_recognised_and_said() {
        let text = "text,a\nçà et là, 😀\n";
        let marked = |text: &str| format!("\u{feff}{text}");
        let latin: Vec<u8> = "text\nçà et là\u{a0}!\n".chars().map(|c| c as u8).collect();
        let windows = b"text\n\x80 5, \x93so\x94\n".to_vec();
        let cases: [(&str, Vec<u8>, &str, &str); 9] = [
            ("UTF-8", text.into(), text, ""),
            ("UTF-8 with a mark", marked(text).into(), text, ""),
            ("two marks", marked(&marked("a")).into(), "\u{feff}a", ""),
            (
                "UTF-16 LE",
                utf16(&marked(text), u16::to_le_bytes),
                text,
                "read as UTF-16LE",
            ),
            (
                "UTF-16 BE",
                utf16(&marked(text), u16::to_be_bytes),
                text,
                "read as UTF-16BE",
            ),
            (
                "LE, no mark",
                utf16(text, u16::to_le_bytes),
                text,
                "read as UTF-16LE",
            ),
            (
                "BE, no mark",
                utf16(text, u16::to_be_bytes),
                text,
                "read as UTF-16BE",
            ),
            (
                "Latin-1",
                latin,
                "text\nçà et là\u{a0}!\n",
                "the bytes are no UTF-8: read as Windows-1252 (`--encoding NAME` decides)",
            ),
            (
                "Windows-1252",
                windows,
                "text\n€ 5, “so”\n",
                "the bytes are no UTF-8: read as Windows-1252 (`--encoding NAME` decides)",
            ),
        ];
        for (name, bytes, expected, note) in cases {
            let (found, ended, notes) = read(&bytes, None, Guess::Any);
            assert_eq!(String::from_utf8(found).unwrap(), expected, "{name}");
            assert!(ended, "{name}");
            assert_eq!(notes.concat(), note, "{name}");
        }
    }

    #[test]
    fn nothing_is_decided_before_the_first_byte_that_is_not_ascii() {
        let mut latin = b"a line of ASCII\n".repeat(20_000);
        latin.extend(b"\xE9t\xE9\n");
        let (text, ended, notes) = read(&latin, None, Guess::Any);
        assert!(ended && text.ends_with("\nété\n".as_bytes()), "{notes:?}");
        assert_eq!(text.len(), latin.len() + 2);
    }

    #[test]
    fn what_is_utf8_at_first_stays_utf8() {
        let mut mixed = "été\n".repeat(40_000).into_bytes();
        mixed.extend(b"\xE9t\xE9\n");
        let (text, ended, notes) = read(&mixed, None, Guess::Any);
        // Who cuts records finds the bytes that are none, and their line.
        assert_eq!((text, ended, notes), (mixed, true, vec![]));
        let slip = "un été, des élèves, \u{a0}et caf".bytes().chain(*b"\xE9\n");
        let slip: Vec<u8> = slip.collect();
        assert_eq!(read(&slip, None, Guess::Any).0, slip);
    }

    #[test]
    fn bytes_that_no_text_has_are_not_guessed_at() {
        for bytes in [
            &b"a\n\xE9\0b"[..],
            b"a\n\xE9 \x81\n",
            b"\x89PNG\r\n\x1a\n\0\0",
        ] {
            assert_eq!(
                read(bytes, None, Guess::Any),
                (bytes.to_vec(), true, vec![])
            );
        }
        // Beyond what was looked at, they refute the guess.
        let mut late = b"\xE9t\xE9\n".repeat(BUFFER_BYTES);
        late.extend(b"\x81\n");
        let (text, ended, _) = read(&late, None, Guess::Any);
        assert!(!ended && text.ends_with("été\n".as_bytes()));
    }

    #[test]
    fn json_is_unicode() {
        let latin = b"{\"text\":\"\xE9\"}\n";
        assert_eq!(
            read(latin, None, Guess::Unicode),
            (latin.to_vec(), true, vec![])
        );
        let (text, _, notes) = read(&utf16("{\"a\":1}", u16::to_le_bytes), None, Guess::Unicode);
        assert_eq!(
            (text, notes),
            (b"{\"a\":1}".to_vec(), vec!["read as UTF-16LE".to_owned()])
        );
    }

    #[test]
    fn what_is_given_is_not_guessed() {
        let cases: [(&str, &[u8], &str); 5] = [
            ("latin1", "é".as_bytes(), "Ã©"),
            ("iso-8859-2", b"\xB3\xF3d\xBC", "łódź"),
            ("shift_jis", b"\x93\xFA\x96{", "日本"),
            ("UTF-16LE", b"\xFF\xFEa\0", "a"),
            ("utf8", b"\xEF\xBB\xBFa", "a"),
        ];
        for (encoding, bytes, expected) in cases {
            let (text, ended, notes) = read(bytes, Some(encoding), Guess::Any);
            assert_eq!(String::from_utf8(text).unwrap(), expected, "{encoding}");
            assert!(ended && notes.is_empty(), "{encoding}");
        }
        let (text, ended, _) = read(b"ab\x93", Some("shift_jis"), Guess::Any);
        assert_eq!(
            (text.as_slice(), ended),
            (&b"ab"[..], false),
            "half a character"
        );
        let (_, ended, _) = read(b"a\0\x00\xD8b\0", Some("utf-16le"), Guess::Any);
        assert!(!ended, "half a surrogate pair");
        assert!(
            "utf-9"
                .parse::<Encoding>()
                .unwrap_err()
                .contains("windows-1252")
        );
        assert_eq!(
            "Latin1".parse::<Encoding>().unwrap().to_string(),
            "windows-1252"
        );
    }

    proptest! {
        #[test]
        fn text_reads_back_in_whatever_pieces(text in "[ab,\n\"éœ€😀]{0,40}", size in 1_usize..9) {
            let marked = format!("\u{feff}{text}");
            for bytes in [
                text.clone().into_bytes(),
                marked.clone().into_bytes(),
                utf16(&marked, u16::to_le_bytes),
                utf16(&marked, u16::to_be_bytes),
            ] {
                let start = bytes[..bytes.len().min(START_BYTES)].to_vec();
                let pieces = Drops(io::Cursor::new(bytes), size);
                let mut found = Vec::new();
                let mut text_of = decoded(pieces, &start, None, Guess::Any, Notes::default());
                text_of.read_to_end(&mut found).unwrap();
                prop_assert_eq!(String::from_utf8(found).unwrap(), text.clone());
            }
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = read(&bytes, None, Guess::Any);
            let _ = read(&bytes, Some("utf-16be"), Guess::Any);
        }
    }
}
