//! `pytorch_model.bin`: what `torch.save` makes of a state dict.
//!
//! Since PyTorch 1.6 it is a zip archive, stored without compression, with a pickle and one entry
//! a storage. Before, it was five pickles (a magic number, a version, the machine, the object, the
//! storages' keys) and then the storages one after another. Either way the tensors are mapped where
//! they lie.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Cursor, Read};
use std::ops::Range;
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use crate::pickle::{Pickle, StorageRef, TensorRef, Value};
use crate::weights::Stored;
use crate::{CheckpointError, TorchError};

/// What the older layout begins with, as a number (torch/serialization.py, `MAGIC_NUMBER`).
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// The only version the older layout ever had.
const PROTOCOL: i64 = 1001;

/// Where each storage lies in the file, by key.
type Places = HashMap<String, Range<usize>>;

/// The tensors in `file`.
pub(crate) fn tensors(path: &Path, file: &[u8]) -> Result<Vec<(String, Stored)>, CheckpointError> {
    let read = if file.starts_with(b"PK") {
        zipped(file)
    } else {
        legacy(file)
    };
    read.map_err(|reason| CheckpointError::Torch {
        path: path.to_owned(),
        reason,
    })
}

fn zipped(file: &[u8]) -> Result<Vec<(String, Stored)>, TorchError> {
    let mut archive = Archive::open(file)?;
    let big_endian = archive
        .optional("byteorder")?
        .is_some_and(|order| order != b"little");
    if big_endian {
        return Err(TorchError::BigEndian);
    }
    let pickle = Pickle::read(&archive.entry("data.pkl")?)?;
    let tensors = named_tensors(&pickle)?;
    let mut places = Places::new();
    let mut total = 0usize;
    for storage in storages(&tensors) {
        let range = archive.storage(&storage.key)?;
        total = total.saturating_add(range.len());
        if total > file.len() {
            return Err(TorchError::Overlap);
        }
        archive.check_sum(&storage.key)?;
        places.insert(storage.key.clone(), range);
    }
    locate(&tensors, &places)
}

/// A zip archive of `torch.save`: everything lies in one folder of any name.
struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    file: &'a [u8],
    root: String,
}

impl<'a> Archive<'a> {
    fn open(file: &'a [u8]) -> Result<Self, TorchError> {
        let zip = ZipArchive::new(Cursor::new(file))?;
        let names: Vec<String> = zip
            .file_names()
            .filter_map(Result::ok)
            .map(|name| name.into_owned())
            .collect();
        if names.iter().any(|name| name.ends_with("/constants.pkl")) {
            return Err(TorchError::NotTorch {
                what: "it is a TorchScript program",
            });
        }
        let root = names.iter().find_map(|name| name.strip_suffix("/data.pkl"));
        let root = root.ok_or(TorchError::NotTorch {
            what: "the archive has no data.pkl",
        })?;
        Ok(Self {
            root: root.to_owned(),
            zip,
            file,
        })
    }

    /// The bytes of an entry, its checksum compared.
    fn entry(&mut self, name: &str) -> Result<Vec<u8>, TorchError> {
        self.optional(name)?.ok_or(TorchError::NotTorch {
            what: "an entry is missing",
        })
    }

    fn optional(&mut self, name: &str) -> Result<Option<Vec<u8>>, TorchError> {
        let Some(range) = self.place(name)? else {
            return Ok(None);
        };
        self.check(name)?;
        Ok(Some(self.file[range].to_vec()))
    }

    fn storage(&mut self, key: &str) -> Result<Range<usize>, TorchError> {
        let no_storage = || TorchError::NoStorage {
            key: key.to_owned(),
        };
        self.place(&format!("data/{key}"))?.ok_or_else(no_storage)
    }

    fn check_sum(&mut self, key: &str) -> Result<(), TorchError> {
        self.check(&format!("data/{key}"))
    }

    /// Where an entry's bytes lie in the file.
    fn place(&mut self, name: &str) -> Result<Option<Range<usize>>, TorchError> {
        let Some(index) = self.zip.index_for_name(&format!("{}/{name}", self.root)) else {
            return Ok(None);
        };
        let entry = self.zip.by_index(index)?;
        if entry.compression() != CompressionMethod::Stored {
            return Err(TorchError::Compressed {
                entry: name.to_owned(),
            });
        }
        let start = entry
            .data_start()
            .and_then(|start| usize::try_from(start).ok());
        let size = usize::try_from(entry.size()).ok();
        let range = start
            .zip(size)
            .and_then(|(start, size)| Some(start..start.checked_add(size)?));
        match range {
            Some(range) if range.end <= self.file.len() => Ok(Some(range)),
            _ => Err(past_end(name)),
        }
    }

    /// Reads an entry through, which compares its checksum.
    fn check(&mut self, name: &str) -> Result<(), TorchError> {
        let mut entry = self.zip.by_name(&format!("{}/{name}", self.root))?;
        let size = entry.size();
        let broken = |source| TorchError::Entry {
            entry: name.to_owned(),
            source,
        };
        // `take`, because an entry's size is only what the archive says.
        let read = io::copy(
            &mut (&mut entry).take(size.saturating_add(1)),
            &mut io::sink(),
        );
        if read.map_err(broken)? == size {
            Ok(())
        } else {
            Err(past_end(name))
        }
    }
}

fn past_end(entry: &str) -> TorchError {
    let source = io::Error::new(io::ErrorKind::UnexpectedEof, "its size is not what it says");
    TorchError::Entry {
        entry: entry.to_owned(),
        source,
    }
}

fn legacy(file: &[u8]) -> Result<Vec<(String, Stored)>, TorchError> {
    if !file.starts_with(&[0x80]) {
        let what = match file {
            [] => "it is empty",
            _ if file.get(257..262) == Some(b"ustar") => "it is a tar of a PyTorch before 0.1.10",
            _ => "it begins neither as a zip archive nor as a pickle",
        };
        return Err(TorchError::NotTorch { what });
    }
    let mut rest = file;
    let magic = next(&mut rest)?;
    if !matches!(magic.root(), Value::Long(magic) if *magic == MAGIC) {
        return Err(TorchError::NotTorch {
            what: "it lacks the magic number",
        });
    }
    if !matches!(next(&mut rest)?.root(), Value::Int(PROTOCOL)) {
        return Err(TorchError::NotTorch {
            what: "it is of an unknown version",
        });
    }
    let machine = next(&mut rest)?;
    if !matches!(
        machine.entry(machine.root(), "little_endian"),
        Some(Value::Bool(true))
    ) {
        return Err(TorchError::BigEndian);
    }
    let object = next(&mut rest)?;
    let tensors = named_tensors(&object)?;
    let keys = storage_keys(&next(&mut rest)?)?;
    let places = legacy_places(&keys, &tensors, file.len() - rest.len(), file)?;
    locate(&tensors, &places)
}

/// Reads the pickle at the start of `rest` and moves past it.
fn next(rest: &mut &[u8]) -> Result<Pickle, TorchError> {
    let pickle = Pickle::read(rest)?;
    *rest = &rest[pickle.length..];
    Ok(pickle)
}

fn storage_keys(pickle: &Pickle) -> Result<Vec<String>, TorchError> {
    let broken = || TorchError::NotTorch {
        what: "its list of storages is none",
    };
    let Value::List(keys) = pickle.root() else {
        return Err(broken());
    };
    keys.iter()
        .map(|key| match pickle.value(*key) {
            Value::Text(key) => Ok(key.clone()),
            _ => Err(broken()),
        })
        .collect()
}

/// The storages behind the pickles: for each key the count of its numbers, then the numbers. How
/// wide those are, only the tensors say.
fn legacy_places(
    keys: &[String],
    tensors: &BTreeMap<String, TensorRef>,
    start: usize,
    file: &[u8],
) -> Result<Places, TorchError> {
    let widths: HashMap<&str, usize> = storages(tensors)
        .map(|storage| (storage.key.as_str(), storage.size))
        .collect();
    let mut places = Places::new();
    let mut at = start;
    for key in keys {
        let no_storage = || TorchError::NoStorage { key: key.clone() };
        let width = *widths.get(key.as_str()).ok_or_else(no_storage)?;
        let truncated = || TorchError::Truncated { offset: file.len() };
        let count = file
            .get(at..)
            .and_then(|rest| rest.first_chunk())
            .ok_or_else(truncated)?;
        let count = usize::try_from(i64::from_le_bytes(*count)).map_err(|_| no_storage())?;
        let first = at + 8;
        at = count
            .checked_mul(width)
            .and_then(|size| first.checked_add(size))
            .filter(|end| *end <= file.len())
            .ok_or_else(truncated)?;
        places.insert(key.clone(), first..at);
    }
    Ok(places)
}

/// The tensors of a state dict by name; what is no tensor is passed over.
fn named_tensors(pickle: &Pickle) -> Result<BTreeMap<String, TensorRef>, TorchError> {
    let tensors = tensors_of(pickle, pickle.root());
    if !tensors.is_empty() {
        return Ok(tensors);
    }
    // Training scripts often save the state dict beside an epoch and an optimizer.
    let inner = pickle.entry(pickle.root(), "state_dict");
    let tensors = inner
        .map(|inner| tensors_of(pickle, inner))
        .unwrap_or_default();
    if tensors.is_empty() {
        Err(TorchError::NoTensors)
    } else {
        Ok(tensors)
    }
}

fn tensors_of(pickle: &Pickle, dict: &Value) -> BTreeMap<String, TensorRef> {
    let Value::Dict(entries) = dict else {
        return BTreeMap::new();
    };
    entries
        .iter()
        .filter_map(
            |(name, value)| match (pickle.value(*name), pickle.value(*value)) {
                (Value::Text(name), Value::Tensor(tensor)) => Some((name.clone(), tensor.clone())),
                _ => None,
            },
        )
        .collect()
}

/// Each storage once.
fn storages(tensors: &BTreeMap<String, TensorRef>) -> impl Iterator<Item = &StorageRef> {
    let by_key: BTreeMap<&str, &StorageRef> = tensors
        .values()
        .map(|tensor| (tensor.storage.key.as_str(), &tensor.storage))
        .collect();
    by_key.into_values()
}

fn locate(
    tensors: &BTreeMap<String, TensorRef>,
    places: &Places,
) -> Result<Vec<(String, Stored)>, TorchError> {
    tensors
        .iter()
        .map(|(name, tensor)| {
            let key = &tensor.storage.key;
            let place = places
                .get(key)
                .ok_or_else(|| TorchError::NoStorage { key: key.clone() })?;
            Ok((name.clone(), locate_one(name, tensor, place)?))
        })
        .collect()
}

/// Where one tensor lies, after checking that all of it lies in its storage.
fn locate_one(name: &str, tensor: &TensorRef, place: &Range<usize>) -> Result<Stored, TorchError> {
    let storage = &tensor.storage;
    let wanted = storage.count.saturating_mul(storage.size);
    if wanted != place.len() {
        return Err(TorchError::StorageSize {
            key: storage.key.clone(),
            found: place.len() as u64,
            wanted: wanted as u64,
        });
    }
    let past_storage = || TorchError::PastStorage {
        name: name.to_owned(),
        what: format!(
            "offset {}, shape {:?}, strides {:?}, and {} values are there",
            tensor.offset, tensor.shape, tensor.strides, storage.count
        ),
    };
    let span = span(tensor).ok_or_else(past_storage)?;
    let first = storage
        .start
        .checked_add(tensor.offset)
        .ok_or_else(past_storage)?;
    let last = first.checked_add(span).filter(|end| *end <= storage.count);
    let last = last.ok_or_else(past_storage)?;
    let bytes = place.start + first * storage.size..place.start + last * storage.size;
    let strides = (!is_in_order(tensor)).then(|| tensor.strides.clone());
    Ok(Stored {
        shape: tensor.shape.clone(),
        dtype: storage.dtype,
        bytes,
        strides,
    })
}

/// How many values of its storage a tensor reaches over, or nothing where that, or the number of
/// its own values, is no number a machine has.
fn span(tensor: &TensorRef) -> Option<usize> {
    let count = tensor
        .shape
        .iter()
        .try_fold(1usize, |count, side| count.checked_mul(*side))?;
    if count == 0 {
        return Some(0);
    }
    // Four bytes a value, once converted, must have an address each.
    count
        .checked_mul(4)
        .filter(|bytes| *bytes <= isize::MAX as usize)?;
    let sides = tensor.shape.iter().zip(&tensor.strides);
    sides.into_iter().try_fold(1usize, |span, (side, stride)| {
        (side - 1)
            .checked_mul(*stride)
            .and_then(|reach| span.checked_add(reach))
    })
}

/// Whether neighbours lie side by side, row-major.
fn is_in_order(tensor: &TensorRef) -> bool {
    let mut expected = 1usize;
    for (&side, &stride) in tensor.shape.iter().zip(&tensor.strides).rev() {
        if side == 0 {
            return true;
        }
        if side != 1 && stride != expected {
            return false;
        }
        expected = expected.saturating_mul(side);
    }
    true
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// The pickle of `{"w": tensor}` on storage 0 of `count` values; numbers as four bytes.
    fn pickle(count: i32, offset: i32, shape: &[i32], strides: &[i32]) -> Vec<u8> {
        let number = |number: i32| [&b"J"[..], &number.to_le_bytes()].concat();
        let tuple = |numbers: &[i32]| {
            let numbers: Vec<u8> = numbers.iter().flat_map(|n| number(*n)).collect();
            [&b"("[..], &numbers, b"t"].concat()
        };
        [
            b"\x80\x02}\x8c\x01wctorch._utils\n_rebuild_tensor_v2\n((",
            &b"\x8c\x07storagectorch\nFloatStorage\n\x8c\x010\x8c\x03cpu"[..],
            &number(count),
            b"tQ",
            &number(offset),
            &tuple(shape),
            &tuple(strides),
            b"\x89ccollections\nOrderedDict\n)RtRs.",
        ]
        .concat()
    }

    fn archive(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(method);
        for (name, bytes) in entries {
            zip.start_file(*name, options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn read(file: &[u8]) -> Result<Vec<(String, Stored)>, CheckpointError> {
        tensors(Path::new("pytorch_model.bin"), file)
    }

    fn stored(pickle: &[u8], storage: &[u8]) -> Vec<u8> {
        let entries = [("m/data.pkl", pickle), ("m/data/0", storage)];
        archive(&entries, CompressionMethod::Stored)
    }

    #[test]
    fn a_view_keeps_its_strides_and_a_plain_tensor_has_none() {
        let plain = read(&stored(&pickle(6, 0, &[2, 3], &[3, 1]), &[0; 24])).unwrap();
        assert!(plain[0].1.strides.is_none() && plain[0].1.bytes.len() == 24);
        let transposed = read(&stored(&pickle(6, 0, &[3, 2], &[1, 3]), &[0; 24])).unwrap();
        assert_eq!(transposed[0].1.strides.as_deref(), Some(&[1, 3][..]));
        let column = read(&stored(&pickle(6, 1, &[2], &[3]), &[0; 24])).unwrap();
        assert_eq!(column[0].1.bytes.len(), 16);
    }

    #[test]
    fn tensors_that_reach_past_their_storage_are_errors() {
        let most = i32::MAX;
        let cases: [(&str, i32, &[i32], &[i32]); 7] = [
            ("one value too many", 0, &[7], &[1]),
            ("an offset", 1, &[6], &[1]),
            ("a stride", 0, &[2, 3], &[4, 1]),
            ("a product past 64 bits", 0, &[most, most, most], &[0, 0, 0]),
            (
                "a span past 64 bits",
                0,
                &[most, most, 2],
                &[most, most, most],
            ),
            ("a negative stride", 0, &[2], &[-1]),
            ("strides for other sides", 0, &[2, 2], &[1]),
        ];
        for (name, offset, shape, strides) in cases {
            assert!(
                read(&stored(&pickle(6, offset, shape, strides), &[0; 24])).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn archives_that_are_not_what_torch_writes_are_errors() {
        let good = pickle(2, 0, &[2], &[1]);
        let with = |name: &str, bytes: &[u8]| {
            let entries = [
                ("m/data.pkl", &good[..]),
                ("m/data/0", &[0; 8]),
                (name, bytes),
            ];
            archive(&entries, CompressionMethod::Stored)
        };
        let cases = [
            (
                "a storage too short",
                stored(&good, &[0; 4]),
                "has 4 bytes where 8",
            ),
            (
                "a storage too long",
                stored(&good, &[0; 12]),
                "has 12 bytes where 8",
            ),
            (
                "no storage",
                archive(&[("m/data.pkl", &good)], CompressionMethod::Stored),
                "`0` is not in",
            ),
            (
                "a bomb",
                archive(&[("m/data.pkl", &good)], CompressionMethod::Deflated),
                "is compressed",
            ),
            ("big-endian", with("m/byteorder", b"big"), "big-endian"),
            ("TorchScript", with("m/constants.pkl", b""), "TorchScript"),
            (
                "no pickle",
                archive(&[("m/x", b"")], CompressionMethod::Stored),
                "no data.pkl",
            ),
            ("no tensors", stored(b"}.", b""), "no tensors by name"),
            (
                "half an archive",
                b"PK\x03\x04".to_vec(),
                "archive is broken",
            ),
            ("nothing", Vec::new(), "it is empty"),
            (
                "a text",
                b"hello".to_vec(),
                "neither as a zip archive nor as a pickle",
            ),
        ];
        for (name, file, expected) in cases {
            let error = read(&file).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
    }

    #[test]
    fn a_changed_value_fails_its_checksum() {
        let mut file = stored(&pickle(2, 0, &[2], &[1]), &[0x5a; 8]);
        let at = file
            .windows(8)
            .position(|window| window == [0x5a; 8])
            .unwrap();
        file[at] = 0;
        let error = read(&file).unwrap_err().to_string();
        assert!(
            error.contains("entry `data/0` of the archive cannot be read"),
            "{error}"
        );
    }

    /// The older layout round `object`, on a machine of the given kind.
    fn old(object: &[u8], little_endian: u8, count: i64, values: &[u8]) -> Vec<u8> {
        let magic = [&b"\x80\x02\x8a\x0a"[..], &MAGIC, b"."].concat();
        let machine = [
            &b"\x80\x02}\x8c\x0dlittle_endian"[..],
            &[little_endian],
            b"s.",
        ]
        .concat();
        let version = b"\x80\x02M\xe9\x03.";
        let keys = b"\x80\x02]\x8c\x010a.";
        [
            &magic[..],
            version,
            &machine,
            object,
            keys,
            &count.to_le_bytes(),
            values,
        ]
        .concat()
    }

    #[test]
    fn the_older_layout_tells_the_same_lies() {
        let good = pickle(2, 0, &[2], &[1]);
        assert_eq!(read(&old(&good, 0x88, 2, &[0; 8])).unwrap().len(), 1);
        let cases = [
            ("big-endian", old(&good, 0x89, 2, &[0; 8]), "big-endian"),
            (
                "truncated",
                old(&good, 0x88, 2, &[0; 7]),
                "ends in the middle",
            ),
            (
                "another count",
                old(&good, 0x88, 1, &[0; 8]),
                "has 4 bytes where 8",
            ),
            (
                "a negative count",
                old(&good, 0x88, -1, &[0; 8]),
                "is not in the file",
            ),
            (
                "a count past 64 bits",
                old(&good, 0x88, i64::MAX, &[0; 8]),
                "ends in the middle",
            ),
            ("no magic", b"\x80\x02K\x01.".to_vec(), "magic number"),
            (
                "a call",
                old(b"cos\nsystem\n.", 0x88, 2, &[0; 8]),
                "`os.system`",
            ),
        ];
        for (name, file, expected) in cases {
            let error = read(&file).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
    }
}
