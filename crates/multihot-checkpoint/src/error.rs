//! What can be wrong with a model folder.

use std::io;
use std::path::{Path, PathBuf};

use crate::Family;

/// What a folder has to hold, for the messages that say so.
const NEEDED_FILES: &str = "config.json, the weights (model.safetensors or pytorch_model.bin, or \
    their shards) and the tokenizer's files (tokenizer.json, or vocab.txt, or vocab.json with \
    merges.txt, or sentencepiece.bpe.model)";

/// A model folder that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// There is no such folder.
    #[error("{}: there is no such folder", path.display())]
    NoFolder {
        /// What was asked for.
        path: PathBuf,
    },
    /// There is no such folder, and the name looks like one of the Hugging Face hub.
    #[error("there is no folder `{name}`; names of the Hugging Face hub are not resolved yet")]
    HubName {
        /// What was asked for.
        name: String,
    },
    /// The path is there but is no folder.
    #[error("{}: this is a file; a model is a folder", path.display())]
    NotAFolder {
        /// What was asked for.
        path: PathBuf,
    },
    /// A folder lacks a file it needs.
    #[error("{}: there is no {wanted} here; the folder holds {}", folder.display(), listed(found))]
    MissingFile {
        /// The folder looked into.
        folder: PathBuf,
        /// The file or files looked for.
        wanted: &'static str,
        /// What is there.
        found: Vec<String>,
    },
    /// The operating system refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried: "read", "write".
        action: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A git-lfs pointer stands where a weight file should be.
    #[error("{}: this is a git-lfs pointer, not the file it stands for", path.display())]
    LfsPointer {
        /// The file.
        path: PathBuf,
    },
    /// A file is not JSON, or not the JSON it should be.
    #[error("{}: this is not the JSON it should be: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A JSON file holds something other than an object.
    #[error("{}: this holds {found}; it should hold one JSON object", path.display())]
    NotAnObject {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: &'static str,
    },
    /// config.json does not say what the model is.
    #[error("{}: there is no `model_type`, so the family is unknown", path.display())]
    NoModelType {
        /// The file.
        path: PathBuf,
    },
    /// config.json names a family that is not read.
    #[error("{}: `model_type` is `{found}`, which is not supported; these are: {}", path.display(), Family::list())]
    UnknownModelType {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// `--family` and config.json say different things.
    #[error("{}: `model_type` is `{found}`, but the family asked for is `{asked}`", path.display())]
    OtherFamily {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What the caller says.
        asked: Family,
    },
    /// A value of config.json that cannot be used.
    #[error("{}: `{key}` is {found}; it should be {expected}", path.display())]
    BadValue {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// Its value.
        found: String,
        /// What would do.
        expected: String,
    },
    /// A setting of config.json that stands for arithmetic we do not have.
    #[error("{}: `{key}` is {found}, which is not supported; supported: {supported}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// Its value.
        found: String,
        /// The values that are.
        supported: &'static str,
    },
    /// Heads that do not divide the width.
    #[error("{}: {n_heads} attention heads do not divide the width {width}", path.display())]
    HeadsDoNotDivide {
        /// The file.
        path: PathBuf,
        /// `num_attention_heads`.
        n_heads: usize,
        /// `hidden_size`.
        width: usize,
    },
    /// Sizes that are possible one by one and absurd together.
    #[error("{}: the sizes given make {parameters} parameters, more than the {limit} that are read", path.display())]
    TooManyParameters {
        /// The file.
        path: PathBuf,
        /// Their number, as far as it could be counted.
        parameters: u64,
        /// The limit.
        limit: u64,
    },
    /// A safetensors file whose header is not true of it.
    #[error("{}: this is no whole safetensors file: {}", path.display(), source)]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ::safetensors::SafeTensorError,
    },
    /// A `pytorch_model.bin` that is broken or of a kind that is not read.
    #[error("{}: {reason}", path.display())]
    Torch {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the place.
        #[source]
        reason: TorchError,
    },
    /// An index of shards that names something else than a file beside it.
    #[error("{}: `{name}` in `weight_map` is not the name of a file in this folder", path.display())]
    BadShardName {
        /// The index.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A tensor that the index promises and its shard does not hold.
    #[error("{}: `weight_map` says that {shard} holds `{name}`; it does not", path.display())]
    NotInShard {
        /// The index.
        path: PathBuf,
        /// The shard.
        shard: String,
        /// The tensor.
        name: String,
    },
    /// A tensor of a number type that is not read.
    #[error("{}: tensor `{name}` holds {found}; f32, f16 and bf16 are read", path.display())]
    UnreadDType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        found: &'static str,
    },
    /// A tensor whose shape is not the one wanted.
    #[error("{}: weight `{name}` is {found:?}, which is not the {wanted} values asked for", path.display())]
    WrongSize {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// How many values the caller has room for.
        wanted: usize,
    },
    /// The folder to write is there already.
    #[error("{}: this is there already", path.display())]
    OutExists {
        /// The folder.
        path: PathBuf,
        /// Whether it may be overwritten.
        may_go: bool,
    },
    /// The folder to overwrite does not look like a model.
    #[error("{}: this holds no model (no config.json), so it is not overwritten", path.display())]
    NotAModel {
        /// The folder.
        path: PathBuf,
    },
    /// The folder to overwrite holds something else than what is to replace it.
    #[error("{}: there is no `{}` in it, so it is not overwritten", path.display(), marks.join("` or `"))]
    NotMarked {
        /// The folder.
        path: PathBuf,
        /// Files of which one would tell that it may go.
        marks: &'static [&'static str],
    },
    /// Tensors to be written that contradict themselves.
    #[error("{}: tensor `{name}` is {shape:?} but has {values} values", path.display())]
    BadTensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// How many values it came with.
        values: usize,
    },
}

/// What is wrong with the inside of a `pytorch_model.bin`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TorchError {
    /// The pickle names something that is not needed to build tensors.
    #[error("this file tries to call `{name}`; only tensors are read")]
    Forbidden {
        /// Module and name.
        name: String,
    },
    /// The pickle uses an instruction that tensors do not need.
    #[error(
        "this file uses the pickle instruction {opcode:#04x} at byte {offset}; only tensors are read"
    )]
    Opcode {
        /// The instruction.
        opcode: u8,
        /// Where, counted from the start of the pickle.
        offset: usize,
    },
    /// The pickle ends too early.
    #[error("the pickle ends in the middle, at byte {offset}")]
    Truncated {
        /// Where.
        offset: usize,
    },
    /// The pickle contradicts itself.
    #[error("the pickle is broken at byte {offset}: {what}")]
    Broken {
        /// Where.
        offset: usize,
        /// How.
        what: &'static str,
    },
    /// The pickle is larger than any state dict.
    #[error("the pickle has more than {limit} {what}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// Numbers written by a big-endian machine.
    #[error("this file was written by a big-endian machine; little-endian files are read")]
    BigEndian,
    /// Not a file of torch.save.
    #[error("this is no file written by torch.save: {what}")]
    NotTorch {
        /// What it is, or lacks.
        what: &'static str,
    },
    /// The zip archive is broken.
    #[error("the zip archive is broken: {source}")]
    Zip {
        /// Why.
        #[from]
        source: zip::result::ZipError,
    },
    /// An entry of the archive could not be read.
    #[error("entry `{entry}` of the archive cannot be read: {source}")]
    Entry {
        /// The entry.
        entry: String,
        /// Why.
        source: io::Error,
    },
    /// A compressed entry: torch.save stores, and what inflates may be a bomb.
    #[error("entry `{entry}` of the archive is compressed; torch.save only stores")]
    Compressed {
        /// The entry.
        entry: String,
    },
    /// A tensor's storage is not in the file.
    #[error("storage `{key}` is not in the file")]
    NoStorage {
        /// Its key.
        key: String,
    },
    /// A storage of another size than its tensors were promised.
    #[error("storage `{key}` has {found} bytes where {wanted} are declared")]
    StorageSize {
        /// Its key.
        key: String,
        /// What the file holds.
        found: u64,
        /// What the pickle says.
        wanted: u64,
    },
    /// Entries that together are larger than the file: they overlap.
    #[error("the storages are larger than the file that holds them")]
    Overlap,
    /// A tensor that reaches past its storage.
    #[error("tensor `{name}` reaches past the end of its storage: {what}")]
    PastStorage {
        /// The tensor.
        name: String,
        /// Shape, strides and storage.
        what: String,
    },
    /// The file holds something, but no tensors by name.
    #[error("there are no tensors by name in this file")]
    NoTensors,
}

impl CheckpointError {
    /// An [`CheckpointError::Io`] for `map_err`.
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            path,
            action,
            source,
        }
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::HubName { name } => Some(hub_hint(name)),
            Self::NoFolder { .. } | Self::NotAFolder { .. } => {
                Some(format!("pass a folder that holds {NEEDED_FILES}"))
            }
            Self::MissingFile { .. } => Some(format!("a model folder needs {NEEDED_FILES}")),
            Self::LfsPointer { .. } => {
                Some("in the cloned folder, run `git lfs install` and `git lfs pull`".to_owned())
            }
            Self::NoModelType { .. } => Some(format!(
                "to say what it is, pass `--family` with one of {}",
                Family::list()
            )),
            Self::OtherFamily { found, .. } => {
                Some(format!("leave `--family` out, or pass `--family {found}`"))
            }
            Self::Safetensors { .. } => {
                Some("the file may have been cut short: fetch or copy it again".to_owned())
            }
            Self::Torch { reason, .. } => reason.hint(),
            Self::OutExists { may_go: true, .. } => {
                Some("pass `--overwrite` to replace it, or another `--out`".to_owned())
            }
            Self::OutExists { .. } => {
                Some("pass another `--out`: it is nothing that `--overwrite` replaces".to_owned())
            }
            Self::NotAModel { .. } | Self::NotMarked { .. } => {
                Some("pass another `--out`, or empty the folder".to_owned())
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("the disk is full: free some space; nothing that was there is lost".to_owned())
            }
            _ => None,
        }
    }
}

impl TorchError {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Forbidden { .. } | Self::Opcode { .. } => Some(
                "a file of weights has no reason to do this: take model.safetensors from a source \
                 that you trust"
                    .to_owned(),
            ),
            Self::NoTensors | Self::NotTorch { .. } => {
                Some("save it with `model.save_pretrained(folder)`".to_owned())
            }
            Self::Truncated { .. } | Self::Zip { .. } | Self::Entry { .. } => {
                Some("the file may have been cut short: fetch or copy it again".to_owned())
            }
            _ => None,
        }
    }
}

fn hub_hint(name: &str) -> String {
    let folder = name.rsplit('/').next().unwrap_or(name);
    format!(
        "fetch it with `hf download {name} --local-dir {folder}` (or `git clone \
         https://huggingface.co/{name}` with git-lfs), then pass that folder; it needs \
         {NEEDED_FILES}"
    )
}

/// Names in a row for a message, at most a dozen.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    match names {
        [] => "nothing".to_owned(),
        names if names.len() > SHOWN => {
            format!(
                "{} and {} more",
                names[..SHOWN].join(", "),
                names.len() - SHOWN
            )
        }
        names => names.join(", "),
    }
}
