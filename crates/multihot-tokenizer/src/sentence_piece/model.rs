//! A reader for the few fields of SentencePiece's `ModelProto` that make a tokenizer.
//!
//! Field numbers are those of sentencepiece_model.proto. Whatever the bytes say, nothing outside them is read and
//! nothing is allocated that they do not hold.

/// What a SentencePiece model file says.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) pieces: Vec<Piece>,
    pub(super) algorithm: Algorithm,
    pub(super) byte_fallback: bool,
    /// `None` where the model normalizes nothing.
    pub(super) character_map: Option<Vec<u8>>,
    pub(super) add_dummy_prefix: bool,
    pub(super) remove_extra_whitespaces: bool,
}

#[derive(Debug)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) score: f32,
    pub(super) kind: PieceType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceType {
    Control,
    UserDefined,
    /// Normal, unknown, unused, byte: told apart by nobody here.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Unigram,
    Bpe,
    Word,
    Char,
    Unknown,
}

impl Model {
    /// Reads the bytes of a model file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        // The defaults are those of the .proto file.
        let mut model = Self {
            pieces: Vec::new(),
            algorithm: Algorithm::Unigram,
            byte_fallback: false,
            character_map: None,
            add_dummy_prefix: true,
            remove_extra_whitespaces: true,
        };
        for field in Fields(bytes) {
            match field.map_err(not_a_model)? {
                (1, Value::Bytes(piece)) => {
                    model.pieces.push(Piece::parse(piece, model.pieces.len())?)
                }
                (2, Value::Bytes(trainer)) => model.read_trainer(trainer)?,
                (3, Value::Bytes(normalizer)) => model.read_normalizer(normalizer)?,
                _ => {}
            }
        }
        if model.pieces.is_empty() {
            Err(not_a_model("it has no pieces"))
        } else {
            Ok(model)
        }
    }

    fn read_trainer(&mut self, bytes: &[u8]) -> Result<(), String> {
        for field in Fields(bytes) {
            match field.map_err(not_a_model)? {
                (3, Value::Number(number)) => {
                    self.algorithm = match number {
                        1 => Algorithm::Unigram,
                        2 => Algorithm::Bpe,
                        3 => Algorithm::Word,
                        4 => Algorithm::Char,
                        _ => Algorithm::Unknown,
                    }
                }
                (35, Value::Number(number)) => self.byte_fallback = number != 0,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_normalizer(&mut self, bytes: &[u8]) -> Result<(), String> {
        for field in Fields(bytes) {
            match field.map_err(not_a_model)? {
                (2, Value::Bytes(map)) if !map.is_empty() => {
                    self.character_map = Some(map.to_vec())
                }
                (3, Value::Number(number)) => self.add_dummy_prefix = number != 0,
                (4, Value::Number(number)) => self.remove_extra_whitespaces = number != 0,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Piece {
    fn parse(bytes: &[u8], index: usize) -> Result<Self, String> {
        let mut piece = Self {
            text: String::new(),
            score: 0.0,
            kind: PieceType::Other,
        };
        for field in Fields(bytes) {
            match field.map_err(not_a_model)? {
                (1, Value::Bytes(text)) => {
                    let text = std::str::from_utf8(text)
                        .map_err(|_| format!("piece {index} is not UTF-8"))?;
                    piece.text = text.to_owned();
                }
                (2, Value::Fixed32(bits)) => piece.score = f32::from_bits(bits),
                (3, Value::Number(3)) => piece.kind = PieceType::Control,
                (3, Value::Number(4)) => piece.kind = PieceType::UserDefined,
                _ => {}
            }
        }
        if piece.text.is_empty() {
            Err(format!("piece {index} is empty"))
        } else {
            Ok(piece)
        }
    }
}

fn not_a_model(reason: &str) -> String {
    format!("not a whole SentencePiece model: {reason}")
}

/// A field of a protobuf message by its number.
type Field<'a> = (u64, Value<'a>);

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
    Fixed64,
}

/// The fields of the message in these bytes, in order; ends after the first error.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<Field<'a>, &'static str> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => {
                self.take(8)?;
                Value::Fixed64
            }
            2 => {
                let length =
                    usize::try_from(self.number()?).map_err(|_| "a length is too large")?;
                Value::Bytes(self.take(length)?)
            }
            5 => {
                let (bytes, rest) = self.0.split_first_chunk().ok_or("it ends inside a field")?;
                self.0 = rest;
                Value::Fixed32(u32::from_le_bytes(*bytes))
            }
            _ => return Err("a field has an unknown type"),
        };
        Ok((key >> 3, value))
    }

    /// A base-128 number of at most 64 bits.
    fn number(&mut self) -> Result<u64, &'static str> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or("it ends inside a field")?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("a number is too long")
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (bytes, rest) = self
            .0
            .split_at_checked(length)
            .ok_or("it ends inside a field")?;
        self.0 = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pieces_with_their_scores() {
        // Field 1 (a message of 10 bytes): text "ab", score -1.5, type control; then the trainer: type 2.
        let bytes = [
            10, 11, 10, 2, b'a', b'b', 21, 0, 0, 0xc0, 0xbf, 24, 3, 18, 2, 24, 2,
        ];
        let model = Model::parse(&bytes).unwrap();
        assert_eq!(model.algorithm, Algorithm::Bpe);
        assert_eq!(
            (model.pieces[0].text.as_str(), model.pieces[0].score),
            ("ab", -1.5)
        );
        assert_eq!(model.pieces[0].kind, PieceType::Control);
    }

    #[test]
    fn lies_are_errors() {
        let cases: [(&str, &[u8]); 7] = [
            ("nothing", &[]),
            ("no pieces", &[18, 0]),
            ("length past the end", &[10, 100, 1]),
            (
                "length past memory",
                &[10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            ),
            ("number without end", &[0xff; 20]),
            ("unknown wire type", &[11, 0]),
            ("a piece that is not UTF-8", &[10, 3, 10, 1, 0xff]),
        ];
        for (name, bytes) in cases {
            assert!(Model::parse(bytes).is_err(), "{name}");
        }
    }
}
