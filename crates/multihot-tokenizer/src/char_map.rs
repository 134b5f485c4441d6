//! The precompiled character map of SentencePiece, checked before anything walks it.
//!
//! Layout: the byte length of a double array as u32, the array of u32 units (darts-clone), then the replacements as
//! UTF-8 strings that end in a zero byte. The library that applies the map trusts every index in it, so a damaged map
//! would end the program at some text; here each index that a text can lead to is checked once.

/// What is wrong with a map, for a message.
pub(crate) fn check(map: &[u8]) -> Result<(), &'static str> {
    let (length, rest) = map
        .split_first_chunk()
        .ok_or("the character map is shorter than its own length field")?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > rest.len() {
        return Err("the character map says it is longer than it is");
    }
    // Whole units only, as the library counts them.
    let (array, replacements) = rest.split_at(length / 4 * 4);
    let replacements = std::str::from_utf8(replacements)
        .map_err(|_| "the replacements of the character map are not UTF-8")?;
    let (units, _) = array.as_chunks();
    let units: Vec<Unit> = units
        .iter()
        .map(|bytes| Unit(u32::from_le_bytes(*bytes)))
        .collect();
    check_units(&units, replacements)
}

/// One cell of the double array: a node, or the value of a leaf.
#[derive(Clone, Copy)]
struct Unit(u32);

impl Unit {
    fn has_leaf(self) -> bool {
        self.0 >> 8 & 1 == 1
    }

    fn value(self) -> usize {
        (self.0 & 0x7fff_ffff) as usize
    }

    fn label(self) -> u32 {
        self.0 & 0x8000_00ff
    }

    fn offset(self) -> usize {
        (self.0 as usize >> 10) << ((self.0 & 1 << 9) >> 6)
    }
}

/// Walks every path from the root, each node once.
fn check_units(units: &[Unit], replacements: &str) -> Result<(), &'static str> {
    const OUTSIDE: &str = "the character map points outside itself";
    let root = units.first().ok_or("the character map is empty")?;
    let mut visited = vec![false; units.len()];
    let mut bases = vec![root.offset()];
    while let Some(base) = bases.pop() {
        // A byte of text replaces the low eight bits: all 256 neighbours must exist.
        if base | 255 >= units.len() {
            return Err(OUTSIDE);
        }
        for byte in 1..=255 {
            let position = base ^ byte;
            let unit = units[position];
            if unit.label() as usize != byte || std::mem::replace(&mut visited[position], true) {
                continue;
            }
            let below = position ^ unit.offset();
            if unit.has_leaf() {
                let value = units.get(below).ok_or(OUTSIDE)?.value();
                if !replacements.is_char_boundary(value) {
                    return Err("the character map points outside its replacements");
                }
            }
            bases.push(below);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(length: u32, units: &[u32], replacements: &[u8]) -> Vec<u8> {
        let units = units.iter().flat_map(|unit| unit.to_le_bytes());
        length
            .to_le_bytes()
            .into_iter()
            .chain(units)
            .chain(replacements.iter().copied())
            .collect()
    }

    /// A map of 256 units whose root leads to `a`, whose leaf is `value`.
    fn one_rule(value: u32) -> Vec<u32> {
        let mut units = vec![0; 256];
        // The node of `a` stands at 97, has a leaf, and its offset leads to cell 1.
        units[97] = 97 | 1 << 8 | (97 ^ 1) << 10;
        units[1] = value | 1 << 31;
        units
    }

    #[test]
    fn a_sound_map_passes() {
        assert_eq!(check(&map(1024, &one_rule(0), b"b\0")), Ok(()));
    }

    #[test]
    fn each_lie_is_found() {
        let mut outside = one_rule(0);
        outside[97] |= 1 << 20;
        let cases = [
            ("no length", vec![1, 2]),
            ("too long", map(4096, &one_rule(0), b"b\0")),
            ("huge", map(u32::MAX, &[], b"")),
            ("no units", map(0, &[], b"b\0")),
            ("one unit", map(4, &[0], b"b\0")),
            ("past the replacements", map(1024, &one_rule(7), b"b\0")),
            (
                "inside a character",
                map(1024, &one_rule(1), "é\0".as_bytes()),
            ),
            (
                "replacements are not UTF-8",
                map(1024, &one_rule(0), b"\xff\0"),
            ),
            ("offset", map(1024, &outside, b"b\0")),
        ];
        for (name, bytes) in cases {
            assert!(check(&bytes).is_err(), "{name}");
        }
    }
}
