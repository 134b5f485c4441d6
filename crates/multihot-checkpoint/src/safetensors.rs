//! `model.safetensors`.

use std::path::Path;

use ::safetensors::{Dtype, SafeTensors};

use crate::CheckpointError;
use crate::weights::{DType, Stored};

/// The tensors listed in the header of `file`.
///
/// The crate checks what a header can lie about: its own length, the offsets (they must follow one
/// another without a gap, to the end of the file) and each shape against its bytes, all without
/// overflow. The tests below hold it to that.
pub(crate) fn tensors(path: &Path, file: &[u8]) -> Result<Vec<(String, Stored)>, CheckpointError> {
    let (header, metadata) =
        SafeTensors::read_metadata(file).map_err(|source| CheckpointError::Safetensors {
            path: path.to_owned(),
            source,
        })?;
    // After the length, eight bytes, and the header.
    let start = 8 + header;
    let stored = metadata.tensors().into_iter().map(|(name, info)| {
        let (first, end) = info.data_offsets;
        let stored = Stored {
            shape: info.shape.clone(),
            dtype: dtype(info.dtype),
            bytes: start + first..start + end,
            strides: None,
        };
        (name, stored)
    });
    Ok(stored.collect())
}

fn dtype(dtype: Dtype) -> DType {
    match dtype {
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::F64 => DType::Other("f64"),
        Dtype::I64 => DType::Other("int64"),
        Dtype::I32 => DType::Other("int32"),
        Dtype::I16 => DType::Other("int16"),
        Dtype::I8 => DType::Other("int8"),
        Dtype::U8 => DType::Other("uint8"),
        Dtype::BOOL => DType::Other("bool"),
        _ => DType::Other("a type of few bits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, values: usize) -> Vec<u8> {
        let length = (header.len() as u64).to_le_bytes();
        [&length[..], header.as_bytes(), &vec![0; values]].concat()
    }

    fn refused(file: &[u8]) -> bool {
        tensors(Path::new("model.safetensors"), file).is_err()
    }

    #[test]
    fn every_lie_of_a_header_is_an_error() {
        let entry = |shape: &str, start: u64, end: u64| {
            format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":[{start},{end}]}}"#)
        };
        let one = |shape, start, end| format!(r#"{{"a":{}}}"#, entry(shape, start, end));
        let two = |first: String, second: String| format!(r#"{{"a":{first},"b":{second}}}"#);
        assert!(!refused(&file(&one("[2,1]", 0, 8), 8)), "the truth");
        let cases = [
            ("an empty file", Vec::new()),
            ("a file of four bytes", vec![0; 4]),
            (
                "a header longer than the file",
                [&100u64.to_le_bytes()[..], b"{}"].concat(),
            ),
            (
                "a header of 2^64 - 1 bytes",
                [&u64::MAX.to_le_bytes()[..], b"{}"].concat(),
            ),
            ("no JSON", file("what?", 0)),
            ("a list", file("[]", 0)),
            ("truncated values", file(&one("[2]", 0, 8), 7)),
            ("bytes left over", file(&one("[2]", 0, 8), 9)),
            (
                "offsets that overlap",
                file(&two(entry("[2]", 0, 8), entry("[2]", 4, 12)), 12),
            ),
            (
                "a gap",
                file(&two(entry("[1]", 0, 4), entry("[1]", 8, 12)), 12),
            ),
            ("offsets the wrong way round", file(&one("[2]", 8, 0), 8)),
            ("a shape too large", file(&one("[3]", 0, 8), 8)),
            ("a shape too small", file(&one("[1]", 0, 8), 8)),
            (
                "a product past 64 bits",
                file(&one("[4294967296,4294967296,4]", 0, 8), 8),
            ),
            (
                "a product past 64 bits in bytes",
                file(&one("[4611686018427387906]", 0, 8), 8),
            ),
            ("a negative side", file(&one("[-1]", 0, 8), 8)),
            (
                "offsets near 2^64",
                file(&one("[2]", u64::MAX - 8, u64::MAX), 8),
            ),
            (
                "an unknown type",
                file(r#"{"a":{"dtype":"X9","shape":[],"data_offsets":[0,4]}}"#, 4),
            ),
        ];
        for (name, file) in cases {
            assert!(refused(&file), "{name}");
        }
    }

    #[test]
    fn a_header_nested_deep_is_an_error() {
        let deep = format!(r#"{{"a":{}"#, "[".repeat(100_000));
        assert!(refused(&file(&deep, 0)));
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_it_panic(
            shape in proptest::collection::vec(proptest::num::u64::ANY, 0..4),
            start in 0u64..20,
            end in proptest::num::u64::ANY,
            values in 0usize..40,
        ) {
            let header =
                format!(r#"{{"a":{{"dtype":"F16","shape":{shape:?},"data_offsets":[{start},{end}]}}}}"#);
            for (_, stored) in tensors(Path::new("x"), &file(&header, values)).unwrap_or_default() {
                assert!(stored.bytes.end <= 8 + header.len() + values);
            }
        }
    }
}
