//! A model folder: which files are there, and what is odd about them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::config::object;
use crate::{CheckpointError, DType, Family, ModelConfig, Weights, safetensors, torch};

/// The file names in the order in which they are looked for.
const SAFETENSORS: &str = "model.safetensors";
const SAFETENSORS_INDEX: &str = "model.safetensors.index.json";
const TORCH: &str = "pytorch_model.bin";
const TORCH_INDEX: &str = "pytorch_model.bin.index.json";
/// The linear layer of a mean-pooled model, in the sentence-transformers layout.
pub(crate) const DENSE: &str = "2_Dense";
/// Where sentence-transformers keeps how it pools.
pub(crate) const POOLING: &str = "1_Pooling";
/// Where sentence-transformers keeps its length.
pub(crate) const SENTENCE_BERT: &str = "sentence_bert_config.json";

/// A folder with a config.json that was read and checked.
#[derive(Clone, Debug)]
pub struct ModelFolder {
    path: PathBuf,
    config: ModelConfig,
}

/// What holds the weights.
enum WeightFiles {
    Safetensors(PathBuf),
    SafetensorsShards(PathBuf),
    Torch(PathBuf),
    TorchShards(PathBuf),
}

impl ModelFolder {
    /// Opens the folder and reads its config.json; `family` decides where that has no `model_type`.
    pub fn open(path: impl AsRef<Path>, family: Option<Family>) -> Result<Self, CheckpointError> {
        let path = path.as_ref().to_owned();
        check_folder(&path)?;
        let config_path = path.join("config.json");
        if !config_path.is_file() {
            let found = listing(&path);
            return Err(CheckpointError::MissingFile {
                folder: path,
                wanted: "config.json",
                found,
            });
        }
        let config = ModelConfig::from_json(&read_text(&config_path)?, &config_path, family)?;
        Ok(Self { path, config })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What config.json says.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Opens the weights: safetensors before pickle, one file before shards.
    pub fn weights(&self) -> Result<Weights, CheckpointError> {
        match self.weight_files()? {
            WeightFiles::Safetensors(path) => Weights::open_safetensors(&path),
            WeightFiles::Torch(path) => Weights::open_torch(&path),
            WeightFiles::SafetensorsShards(index) => self.shards(&index, |weights, shard| {
                weights.add(shard, safetensors::tensors)
            }),
            WeightFiles::TorchShards(index) => {
                self.shards(&index, |weights, shard| weights.add(shard, torch::tensors))
            }
        }
    }

    /// How sentence-transformers pools this encoder's tokens, where the folder says: "mean", "cls".
    pub fn pooling_hint(&self) -> Option<String> {
        let config = self.optional_object(&format!("{POOLING}/config.json"))?;
        // Newer versions write one word, older ones a truth value for each way.
        if let Some(word) = config.get("pooling_mode").and_then(Value::as_str) {
            return Some(word.to_owned());
        }
        let modes = [
            ("pooling_mode_mean_tokens", "mean"),
            ("pooling_mode_cls_token", "cls"),
            ("pooling_mode_max_tokens", "max"),
        ];
        modes
            .into_iter()
            .find(|(key, _)| config.get(*key) == Some(&Value::Bool(true)))
            .map(|(_, word)| word.to_owned())
    }

    /// The linear layer of a mean-pooled model that this program wrote, `linear.weight` and
    /// `linear.bias`. A folder whose config.json names a `…ForSequenceClassification` has none,
    /// whatever stands beside it.
    pub fn mean_head(&self) -> Result<Option<Weights>, CheckpointError> {
        if self.config.is_classifier() || self.config.multihot().is_none() {
            return Ok(None);
        }
        let path = self.path.join(DENSE).join(SAFETENSORS);
        if path.is_file() {
            Weights::open_safetensors(&path).map(Some)
        } else {
            Ok(None)
        }
    }

    /// What is odd about the folder and worth a line, though nothing is wrong.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        notes.extend(self.label_count_note());
        notes.extend(self.type_note());
        notes.extend(self.second_file_note());
        notes
    }

    fn label_count_note(&self) -> Option<String> {
        let labels = self.config.raw.get("id2label")?.as_object()?.len();
        let claimed = self.config.raw.get("num_labels")?.as_u64()?;
        (claimed != labels as u64).then(|| {
            format!(
                "config.json: `num_labels` is {claimed} and `id2label` has {labels} entries; \
                 `id2label` is what counts"
            )
        })
    }

    fn type_note(&self) -> Option<String> {
        let weights = self.weights().ok()?;
        let halves: BTreeSet<&str> = weights
            .names()
            .filter_map(|name| weights.get(name))
            .filter(|tensor| matches!(tensor.dtype, DType::F16 | DType::BF16))
            .map(|tensor| tensor.dtype.name())
            .collect();
        let halves: Vec<&str> = halves.into_iter().collect();
        let source = file_name(weights.source());
        (!halves.is_empty()).then(|| {
            format!(
                "{source}: weights are {}; they are converted to f32",
                halves.join(" and ")
            )
        })
    }

    fn second_file_note(&self) -> Option<String> {
        let there = |name: &str| self.path.join(name).is_file();
        let read = [SAFETENSORS, SAFETENSORS_INDEX]
            .into_iter()
            .find(|name| there(name))?;
        let left = [TORCH, TORCH_INDEX].into_iter().find(|name| there(name))?;
        Some(format!("both {read} and {left} are there; {read} is read"))
    }

    fn weight_files(&self) -> Result<WeightFiles, CheckpointError> {
        let at = |name: &str| Some(self.path.join(name)).filter(|path| path.is_file());
        at(SAFETENSORS)
            .map(WeightFiles::Safetensors)
            .or_else(|| at(SAFETENSORS_INDEX).map(WeightFiles::SafetensorsShards))
            .or_else(|| at(TORCH).map(WeightFiles::Torch))
            .or_else(|| at(TORCH_INDEX).map(WeightFiles::TorchShards))
            .ok_or_else(|| CheckpointError::MissingFile {
                folder: self.path.clone(),
                wanted: "model.safetensors or pytorch_model.bin (or an index of their shards)",
                found: listing(&self.path),
            })
    }

    /// Opens every shard that the index names, with `add`.
    fn shards(
        &self,
        index: &Path,
        add: impl Fn(&mut Weights, &Path) -> Result<(), CheckpointError>,
    ) -> Result<Weights, CheckpointError> {
        let tensors = weight_map(index)?;
        let mut weights = Weights::empty(index);
        for shard in tensors.values().collect::<BTreeSet<_>>() {
            add(&mut weights, &self.path.join(shard))?;
        }
        for (name, shard) in &tensors {
            let holder = weights.holder(name).and_then(Path::file_name);
            if holder.is_none_or(|holder| holder != shard.as_str()) {
                return Err(CheckpointError::NotInShard {
                    path: index.to_owned(),
                    shard: shard.clone(),
                    name: name.clone(),
                });
            }
        }
        Ok(weights)
    }

    /// A JSON object beside config.json, or nothing where it is not there or not readable: such
    /// files only give hints.
    fn optional_object(&self, name: &str) -> Option<Map<String, Value>> {
        let path = self.path.join(name);
        object(&fs::read_to_string(&path).ok()?, &path).ok()
    }
}

/// Tensor to file name, out of an index of shards.
fn weight_map(index: &Path) -> Result<BTreeMap<String, String>, CheckpointError> {
    let map = object(&read_text(index)?, index)?;
    let bad = |found: String| CheckpointError::BadValue {
        path: index.to_owned(),
        key: "weight_map".to_owned(),
        found,
        expected: "an object from tensor names to file names".to_owned(),
    };
    let value = map
        .get("weight_map")
        .ok_or_else(|| bad("missing".to_owned()))?;
    let entries = value
        .as_object()
        .ok_or_else(|| bad("something else".to_owned()))?;
    let mut tensors = BTreeMap::new();
    for (tensor, file) in entries {
        let file = file
            .as_str()
            .ok_or_else(|| bad(format!("{file} for `{tensor}`")))?;
        if !is_plain_name(file) {
            let (path, name) = (index.to_owned(), file.to_owned());
            return Err(CheckpointError::BadShardName { path, name });
        }
        tensors.insert(tensor.clone(), file.to_owned());
    }
    Ok(tensors)
}

/// Whether `name` is a file of this folder: no way up, no way down.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0'])
}

fn check_folder(path: &Path) -> Result<(), CheckpointError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(CheckpointError::NotAFolder {
            path: path.to_owned(),
        }),
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => Err(not_there(path)),
        Err(source) => Err(CheckpointError::io(path, "open")(source)),
    }
}

fn not_there(path: &Path) -> CheckpointError {
    match path.to_str().filter(|name| is_hub_name(name)) {
        Some(name) => CheckpointError::HubName {
            name: name.to_owned(),
        },
        None => CheckpointError::NoFolder {
            path: path.to_owned(),
        },
    }
}

/// Whether `name` could be one of the hub: `name` or `owner/name`, and no such owner is a folder
/// here.
fn is_hub_name(name: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let parts: Vec<&str> = name.split('/').collect();
    match parts[..] {
        [name] => is_part(name),
        [owner, name] => is_part(owner) && is_part(name) && !Path::new(owner).exists(),
        _ => false,
    }
}

/// The names in a folder, sorted.
fn listing(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn read_text(path: &Path) -> Result<String, CheckpointError> {
    fs::read_to_string(path).map_err(CheckpointError::io(path, "read"))
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
