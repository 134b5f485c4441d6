//! As much of Thrift's compact protocol as is needed to look at what a Parquet file claims before
//! anything believes it.
//!
//! Source: the specification of the [compact protocol]. Every function gives `None` where the
//! bytes end or are none of it.
//!
//! [compact protocol]: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md

/// Nesting that is skipped; the deepest that Parquet has is below ten.
const MOST_DEPTH: u32 = 32;

/// The type of a field or of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    True,
    False,
    Byte,
    /// 16, 32 or 64 bits.
    Integer,
    Double,
    Binary,
    List,
    Map,
    Struct,
    Uuid,
}

impl Kind {
    fn of(code: u8) -> Option<Self> {
        Some(match code {
            1 => Kind::True,
            2 => Kind::False,
            3 => Kind::Byte,
            4..=6 => Kind::Integer,
            7 => Kind::Double,
            8 => Kind::Binary,
            9 | 10 => Kind::List,
            11 => Kind::Map,
            12 => Kind::Struct,
            13 => Kind::Uuid,
            _ => return None,
        })
    }
}

/// Bytes in the compact protocol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compact<'a> {
    bytes: &'a [u8],
    next: usize,
}

impl<'a> Compact<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Compact { bytes, next: 0 }
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> usize {
        self.next
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.next)?;
        self.next += 1;
        Some(byte)
    }

    /// A number of seven bits a byte, the lowest first.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A number with its sign in the lowest bit.
    pub(super) fn integer(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// Goes through the fields of a struct. `field` reads the value of those it knows and says
    /// `Some(true)`; the others are skipped.
    pub(super) fn fields(
        &mut self,
        mut field: impl FnMut(&mut Self, i16, Kind) -> Option<bool>,
    ) -> Option<()> {
        let mut id = 0_i16;
        loop {
            let start = self.byte()?;
            if start == 0 {
                return Some(());
            }
            id = match start >> 4 {
                0 => i16::try_from(self.integer()?).ok()?,
                step => id.checked_add(i16::from(step))?,
            };
            let kind = Kind::of(start & 0x0F)?;
            if !field(self, id, kind)? {
                self.skip(kind, 0)?;
            }
        }
    }

    /// The start of a list: how many elements it has, and what they are.
    pub(super) fn list(&mut self) -> Option<(u64, Kind)> {
        let start = self.byte()?;
        let length = match start >> 4 {
            15 => self.varint()?,
            length => u64::from(length),
        };
        Some((length, Kind::of(start & 0x0F)?))
    }

    fn skip_bytes(&mut self, count: u64) -> Option<()> {
        let end = self.next.checked_add(usize::try_from(count).ok()?)?;
        if end > self.bytes.len() {
            return None;
        }
        self.next = end;
        Some(())
    }

    fn skip(&mut self, kind: Kind, depth: u32) -> Option<()> {
        if depth > MOST_DEPTH {
            return None;
        }
        match kind {
            Kind::True | Kind::False => Some(()),
            Kind::Byte => self.skip_bytes(1),
            Kind::Integer => self.varint().map(|_| ()),
            Kind::Double => self.skip_bytes(8),
            Kind::Uuid => self.skip_bytes(16),
            Kind::Binary => {
                let length = self.varint()?;
                self.skip_bytes(length)
            }
            Kind::Struct => self.skip_fields(depth),
            Kind::List => {
                let (length, kind) = self.list()?;
                (0..length).try_for_each(|_| self.skip_element(kind, depth))
            }
            Kind::Map => {
                let length = self.varint()?;
                if length == 0 {
                    return Some(());
                }
                let kinds = self.byte()?;
                let (key, value) = (Kind::of(kinds >> 4)?, Kind::of(kinds & 0x0F)?);
                (0..length).try_for_each(|_| {
                    self.skip_element(key, depth)?;
                    self.skip_element(value, depth)
                })
            }
        }
    }

    fn skip_fields(&mut self, depth: u32) -> Option<()> {
        loop {
            let start = self.byte()?;
            if start == 0 {
                return Some(());
            }
            if start >> 4 == 0 {
                self.varint()?;
            }
            self.skip(Kind::of(start & 0x0F)?, depth + 1)?;
        }
    }

    /// In lists and maps truth values have a byte of their own.
    fn skip_element(&mut self, kind: Kind, depth: u32) -> Option<()> {
        match kind {
            Kind::True | Kind::False => self.skip_bytes(1),
            kind => self.skip(kind, depth + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_are_read() {
        let cases: [(&[u8], Option<i64>); 7] = [
            (&[0], Some(0)),
            (&[1], Some(-1)),
            (&[2], Some(1)),
            (&[0x80, 1], Some(64)),
            (
                &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1],
                Some(i64::MIN),
            ),
            (&[0x80; 11], None),
            (&[0x80], None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Compact::new(bytes).integer(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn fields_are_found_and_the_others_skipped() {
        // 1: i32 = 3; 4: list of two binaries; 5: true; 6: struct { 1: double }; 7: i32 = -2.
        let bytes = [
            0x15, 6, 0x39, 0x28, 1, b'a', 0, 0x11, 0x1C, 0x17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x15, 3,
            0,
        ];
        let mut found = Vec::new();
        let mut compact = Compact::new(&bytes);
        let read = compact.fields(|compact, id, kind| match (id, kind) {
            (1 | 7, Kind::Integer) => {
                found.push((id, compact.integer()?));
                Some(true)
            }
            _ => Some(false),
        });
        assert_eq!((read, found), (Some(()), vec![(1, 3), (7, -2)]));
        assert_eq!(compact.position(), bytes.len());
        for cut in 0..bytes.len() {
            assert_eq!(
                Compact::new(&bytes[..cut]).fields(|_, _, _| Some(false)),
                None,
                "{cut}"
            );
        }
    }

    #[test]
    fn deep_and_long_lies_end() {
        let deep = [0x1C].repeat(100_000);
        assert_eq!(Compact::new(&deep).fields(|_, _, _| Some(false)), None);
        // A list of 2^60 truth values.
        let long = [
            0x19, 0xF1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 0,
        ];
        assert_eq!(Compact::new(&long).fields(|_, _, _| Some(false)), None);
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Compact::new(&bytes).fields(|_, _, _| Some(false));
        }
    }
}
