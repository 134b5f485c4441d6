//! The tensors of a folder, by name, wherever its files hold them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use memmap2::Mmap;

use crate::names::{ParameterSpec, candidates};
use crate::{CheckpointError, safetensors, torch};

/// A number type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32 bits.
    F32,
    /// 16 bits, IEEE half.
    F16,
    /// 16 bits, the upper half of an f32.
    BF16,
    /// A type that is listed but not read, such as the int64 of a `position_ids` buffer.
    Other(&'static str),
}

impl DType {
    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::Other(name) => name,
        }
    }
}

/// Tensors by name, out of one file or several shards, mapped rather than read.
pub struct Weights {
    source: PathBuf,
    files: Vec<MappedFile>,
    tensors: BTreeMap<String, (usize, Stored)>,
}

/// Where a tensor lies in its file. Whoever makes one has checked that it lies inside.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: DType,
    /// Bytes of the file. The whole tensor, or with strides the storage from its first value on.
    pub(crate) bytes: Range<usize>,
    /// Steps between neighbours in values, where the tensor is not simply in order.
    pub(crate) strides: Option<Vec<usize>>,
}

/// One tensor of a file.
#[derive(Clone, Copy, Debug)]
pub struct Tensor<'a> {
    /// Its name in the file.
    pub name: &'a str,
    /// Its shape.
    pub shape: &'a [usize],
    /// Its number type.
    pub dtype: DType,
    bytes: &'a [u8],
    strides: Option<&'a [usize]>,
    path: &'a Path,
}

impl Weights {
    /// Opens one `.safetensors` file.
    pub fn open_safetensors(path: &Path) -> Result<Self, CheckpointError> {
        let mut weights = Self::empty(path);
        weights.add(path, safetensors::tensors)?;
        Ok(weights)
    }

    /// Opens one file of `torch.save`, the zip layout or the one before PyTorch 1.6.
    pub fn open_torch(path: &Path) -> Result<Self, CheckpointError> {
        let mut weights = Self::empty(path);
        weights.add(path, torch::tensors)?;
        Ok(weights)
    }

    /// An empty set to which shards are added; `source` is their index.
    pub(crate) fn empty(source: &Path) -> Self {
        Self {
            source: source.to_owned(),
            files: Vec::new(),
            tensors: BTreeMap::new(),
        }
    }

    /// Maps the file at `path` and adds the tensors that `list` finds in it.
    pub(crate) fn add<L>(&mut self, path: &Path, list: L) -> Result<(), CheckpointError>
    where
        L: FnOnce(&Path, &[u8]) -> Result<Vec<(String, Stored)>, CheckpointError>,
    {
        let file = MappedFile::open(path)?;
        let index = self.files.len();
        let listed = list(path, &file.map)?;
        self.tensors.extend(
            listed
                .into_iter()
                .map(|(name, stored)| (name, (index, stored))),
        );
        self.files.push(file);
        Ok(())
    }

    /// The names in the files, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The tensor called exactly `name`.
    pub fn get(&self, name: &str) -> Option<Tensor<'_>> {
        let (name, (file, stored)) = self.tensors.get_key_value(name)?;
        let file = &self.files[*file];
        Some(Tensor {
            name,
            shape: &stored.shape,
            dtype: stored.dtype,
            bytes: file.map.get(stored.bytes.clone())?,
            strides: stored.strides.as_deref(),
            path: &file.path,
        })
    }

    /// The tensor that is `spec`, under its own name, without its prefix, with another family's,
    /// or with `gamma` and `beta` for a LayerNorm's weight and bias.
    pub fn find(&self, spec: &ParameterSpec) -> Option<Tensor<'_>> {
        candidates(spec).iter().find_map(|name| self.get(name))
    }

    /// The file that holds the tensor called exactly `name`.
    pub(crate) fn holder(&self, name: &str) -> Option<&Path> {
        let (file, _) = self.tensors.get(name)?;
        Some(&self.files[*file].path)
    }

    /// The file, or the index of the shards.
    pub fn source(&self) -> &Path {
        &self.source
    }
}

impl std::fmt::Debug for Weights {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Weights")
            .field("source", &self.source)
            .field("tensors", &self.tensors.len())
            .finish()
    }
}

impl Tensor<'_> {
    /// How many values it has.
    pub fn len(&self) -> usize {
        // The product was checked when the file was opened.
        self.shape.iter().product()
    }

    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes its values into `out`, row-major, as f32.
    ///
    /// An error where `out` has another number of values, or where the type is not read.
    pub fn read_into(&self, out: &mut [f32]) -> Result<(), CheckpointError> {
        if out.len() != self.len() {
            return Err(CheckpointError::WrongSize {
                path: self.path.to_owned(),
                name: self.name.to_owned(),
                found: self.shape.to_vec(),
                wanted: out.len(),
            });
        }
        match self.dtype {
            DType::F32 => convert_f32(&self.in_order(4), out),
            DType::F16 => convert_f16(&self.in_order(2), out),
            DType::BF16 => convert_bf16(&self.in_order(2), out),
            DType::Other(found) => {
                return Err(CheckpointError::UnreadDType {
                    path: self.path.to_owned(),
                    name: self.name.to_owned(),
                    found,
                });
            }
        }
        Ok(())
    }

    /// The values' bytes, row-major.
    fn in_order(&self, size: usize) -> Cow<'_, [u8]> {
        match self.strides {
            None => Cow::Borrowed(self.bytes),
            Some(strides) => Cow::Owned(gather(self.bytes, self.shape, strides, size)),
        }
    }
}

/// Collects a tensor that is a view, such as a transposed one, value by value.
fn gather(bytes: &[u8], shape: &[usize], strides: &[usize], size: usize) -> Vec<u8> {
    let count: usize = shape.iter().product();
    let mut values = Vec::with_capacity(count * size);
    let mut position = vec![0; shape.len()];
    for _ in 0..count {
        let index: usize = position
            .iter()
            .zip(strides)
            .map(|(at, stride)| at * stride)
            .sum();
        values.extend_from_slice(&bytes[index * size..(index + 1) * size]);
        advance(&mut position, shape);
    }
    values
}

/// Steps to the next position in row-major order.
fn advance(position: &mut [usize], shape: &[usize]) {
    for (at, side) in position.iter_mut().zip(shape).rev() {
        *at += 1;
        if *at < *side {
            return;
        }
        *at = 0;
    }
}

fn convert_f32(bytes: &[u8], out: &mut [f32]) {
    for (value, out) in bytes.as_chunks().0.iter().zip(out) {
        *out = f32::from_le_bytes(*value);
    }
}

/// How many halves are converted at once; `half` is slow one by one.
const BLOCK: usize = 256;

fn convert_f16(bytes: &[u8], out: &mut [f32]) {
    for (bytes, out) in bytes.chunks(2 * BLOCK).zip(out.chunks_mut(BLOCK)) {
        let mut block = [f16::ZERO; BLOCK];
        for (value, half) in bytes.as_chunks().0.iter().zip(&mut block) {
            *half = f16::from_le_bytes(*value);
        }
        block[..out.len()].convert_to_f32_slice(out);
    }
}

fn convert_bf16(bytes: &[u8], out: &mut [f32]) {
    for (value, out) in bytes.as_chunks().0.iter().zip(out) {
        *out = bf16::from_le_bytes(*value).to_f32();
    }
}

struct MappedFile {
    path: PathBuf,
    map: Mmap,
}

impl MappedFile {
    fn open(path: &Path) -> Result<Self, CheckpointError> {
        let file = File::open(path).map_err(CheckpointError::io(path, "open"))?;
        let map = map(&file).map_err(CheckpointError::io(path, "map into memory"))?;
        if map.starts_with(b"version https://git-lfs.github.com/") {
            return Err(CheckpointError::LfsPointer {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            map,
        })
    }
}

#[allow(unsafe_code)]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the map is read-only and private to this process. Weight files are replaced whole
    // (written beside, then renamed), never changed in place, while somebody reads them; a file
    // cut short under us by another program ends this one, as it would with every reader of maps.
    unsafe { Mmap::map(file) }
}
