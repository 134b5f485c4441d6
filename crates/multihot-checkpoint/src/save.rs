//! The way out: a folder that Transformers or sentence-transformers loads.
//!
//! [`NewFolder`] is written beside the place where it will stand, synced, then exchanged with what
//! is there, so that after a kill at any moment the old folder or the new one is whole.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use ::safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde_json::{Map, Value, json};

use crate::config::OUR_KEY;
use crate::folder::{DENSE, POOLING, SENTENCE_BERT};
use crate::{CheckpointError, ModelConfig, ParameterSpec, ProblemType, Role};

/// A tensor to be written: name, shape, values.
pub type NamedTensor<'a> = (&'a str, &'a [usize], &'a [f32]);

/// A parameter and its values, in the order of [`crate::parameters`].
pub type Parameter<'a> = (&'a ParameterSpec, &'a [f32]);

/// Writes a safetensors file of f32 with the metadata that Transformers asks for, and syncs it.
///
/// The same tensors make the same bytes: they are written sorted by name.
pub fn write_safetensors(path: &Path, tensors: &[NamedTensor<'_>]) -> Result<(), CheckpointError> {
    let mut tensors = tensors.to_vec();
    tensors.sort_by_key(|(name, ..)| *name);
    let header = header(path, &tensors)?;
    let file = File::create(path).map_err(CheckpointError::io(path, "create"))?;
    write_all(&file, &header, &tensors).map_err(CheckpointError::io(path, "write"))
}

/// The header with its length before it and spaces behind, so that values start at a multiple of 8.
fn header(path: &Path, tensors: &[NamedTensor<'_>]) -> Result<Vec<u8>, CheckpointError> {
    let mut infos = Vec::with_capacity(tensors.len());
    let mut start = 0;
    for (name, shape, values) in tensors {
        let end = start + 4 * values.len();
        let fits = shape
            .iter()
            .try_fold(1usize, |size, side| size.checked_mul(*side));
        if fits != Some(values.len()) {
            return Err(CheckpointError::BadTensor {
                path: path.to_owned(),
                name: (*name).to_owned(),
                shape: shape.to_vec(),
                values: values.len(),
            });
        }
        let info = TensorInfo {
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            data_offsets: (start, end),
        };
        infos.push(((*name).to_owned(), info));
        start = end;
    }
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let unwritable = |source| CheckpointError::Safetensors {
        path: path.to_owned(),
        source,
    };
    let metadata = Metadata::new(Some(format), infos).map_err(unwritable)?;
    let mut json = serde_json::to_vec(&metadata).map_err(|source| unwritable(source.into()))?;
    json.resize(json.len().next_multiple_of(8), b' ');
    Ok([&(json.len() as u64).to_le_bytes(), json.as_slice()].concat())
}

fn write_all(file: &File, header: &[u8], tensors: &[NamedTensor<'_>]) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, file);
    out.write_all(header)?;
    for (_, _, values) in tensors {
        for value in *values {
            out.write_all(&value.to_le_bytes())?;
        }
    }
    out.flush()?;
    drop(out);
    file.sync_all()
}

/// config.json of a sequence classifier with these labels, out of the encoder's own; the problem
/// type says whether they exclude each other, which decides between sigmoid and softmax where
/// Transformers answers.
///
/// `multihot` is what stands under our key. The type is written as `torch_dtype`, which every
/// version of Transformers reads; a stale `dtype` and `num_labels`, which is not stored, go.
pub fn sequence_classification_config(
    config: &ModelConfig,
    (labels, problem): (&[String], ProblemType),
    multihot: Value,
) -> Value {
    let mut map = labelled_config(config, labels, multihot);
    map.insert(
        "architectures".to_owned(),
        json!([config.family.architecture()]),
    );
    map.insert("problem_type".to_owned(), json!(problem));
    Value::Object(map)
}

/// config.json of the encoder of a mean-pooled model: the bare encoder's class, because
/// Transformers cannot load the whole as a sequence classifier, with our labels beside it.
fn mean_pooled_config(config: &ModelConfig, labels: &[String], multihot: Value) -> Value {
    let mut map = labelled_config(config, labels, multihot);
    map.insert(
        "architectures".to_owned(),
        json!([config.family.encoder_architecture()]),
    );
    map.shift_remove("problem_type");
    Value::Object(map)
}

fn labelled_config(config: &ModelConfig, labels: &[String], multihot: Value) -> Map<String, Value> {
    let mut map = config.raw.clone();
    for stale in ["dtype", "num_labels", "_num_labels"] {
        map.shift_remove(stale);
    }
    let id2label: Map<String, Value> = labels
        .iter()
        .enumerate()
        .map(|(id, label)| (id.to_string(), json!(label)))
        .collect();
    let label2id: Map<String, Value> = labels
        .iter()
        .enumerate()
        .map(|(id, label)| (label.clone(), json!(id)))
        .collect();
    map.insert("model_type".to_owned(), json!(config.family.model_type()));
    map.insert("id2label".to_owned(), Value::Object(id2label));
    map.insert("label2id".to_owned(), Value::Object(label2id));
    map.insert("torch_dtype".to_owned(), json!("float32"));
    map.insert(OUR_KEY.to_owned(), multihot);
    map
}

/// Writes config.json and model.safetensors of a model with the family's own head, for
/// `AutoModelForSequenceClassification`.
pub fn write_sequence_classifier(
    dir: &Path,
    config: &ModelConfig,
    answers: (&[String], ProblemType),
    multihot: Value,
    parameters: &[Parameter<'_>],
) -> Result<(), CheckpointError> {
    let config = sequence_classification_config(config, answers, multihot);
    write_json(&dir.join("config.json"), &config)?;
    let tensors: Vec<NamedTensor<'_>> = parameters
        .iter()
        .map(|(spec, values)| (spec.name.as_str(), spec.shape.as_slice(), *values))
        .collect();
    write_safetensors(&dir.join("model.safetensors"), &tensors)
}

/// Writes a mean-pooled model in the layout of sentence-transformers: the encoder in the root as
/// `AutoModel.save_pretrained` names it, then how to pool, then one linear layer.
pub fn write_sentence_transformers(
    dir: &Path,
    config: &ModelConfig,
    labels: &[String],
    multihot: Value,
    max_length: usize,
    parameters: &[Parameter<'_>],
) -> Result<(), CheckpointError> {
    write_json(
        &dir.join("config.json"),
        &mean_pooled_config(config, labels, multihot),
    )?;
    write_json(&dir.join("modules.json"), &modules())?;
    let length = json!({"max_seq_length": max_length, "do_lower_case": false});
    write_json(&dir.join(SENTENCE_BERT), &length)?;
    let pooling = dir.join(POOLING);
    create_dir(&pooling)?;
    write_json(
        &pooling.join("config.json"),
        &pooling_config(config.hidden_size),
    )?;
    let dense = dir.join(DENSE);
    create_dir(&dense)?;
    write_json(
        &dense.join("config.json"),
        &dense_config(config.hidden_size, labels.len()),
    )?;
    let is_output = |role| matches!(role, Role::OutputWeight | Role::OutputBias);
    let (head, encoder): (Vec<_>, Vec<_>) = parameters
        .iter()
        .partition(|(spec, _)| is_output(spec.role));
    write_safetensors(&dense.join("model.safetensors"), &bare(&head))?;
    write_safetensors(&dir.join("model.safetensors"), &bare(&encoder))
}

/// The tensors under their names without the family's prefix.
fn bare<'a>(parameters: &[Parameter<'a>]) -> Vec<NamedTensor<'a>> {
    parameters
        .iter()
        .map(|&(spec, values)| (spec.bare_name(), spec.shape.as_slice(), values))
        .collect()
}

fn modules() -> Value {
    let module = |idx: usize, path: &str, kind: &str| {
        json!({
            "idx": idx,
            "name": idx.to_string(),
            "path": path,
            "type": format!("sentence_transformers.models.{kind}"),
        })
    };
    json!([
        module(0, "", "Transformer"),
        module(1, POOLING, "Pooling"),
        module(2, DENSE, "Dense")
    ])
}

/// Only the keys that every version of sentence-transformers knows.
fn pooling_config(width: usize) -> Value {
    json!({
        "word_embedding_dimension": width,
        "pooling_mode_cls_token": false,
        "pooling_mode_mean_tokens": true,
        "pooling_mode_max_tokens": false,
        "pooling_mode_mean_sqrt_len_tokens": false,
    })
}

fn dense_config(width: usize, n_labels: usize) -> Value {
    json!({
        "in_features": width,
        "out_features": n_labels,
        "bias": true,
        "activation_function": "torch.nn.modules.linear.Identity",
    })
}

/// Writes indented JSON with a line end, as Hugging Face does.
pub fn write_json(path: &Path, value: &Value) -> Result<(), CheckpointError> {
    fs::write(path, json_text(value)).map_err(CheckpointError::io(path, "write"))
}

fn json_text(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Writes indented JSON in place of `path`, as [`replace`] does.
pub fn replace_json(path: &Path, value: &Value) -> Result<(), CheckpointError> {
    replace(path, json_text(value).as_bytes())
}

/// Writes `content` beside `path`, syncs it and renames it, so that `path` is the old file or the
/// whole new one.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), CheckpointError> {
    let beside = sibling(path, &format!("new-{}", std::process::id()));
    let written = fs::write(&beside, content).map_err(CheckpointError::io(path, "write"));
    let written = written.and_then(|()| {
        let file = File::open(&beside).and_then(|file| file.sync_all());
        file.map_err(CheckpointError::io(&beside, "sync"))?;
        fs::rename(&beside, path).map_err(CheckpointError::io(path, "put the new file there"))
    });
    if written.is_err() {
        let _ = fs::remove_file(&beside);
        return written;
    }
    sync_folder(parent(path))
}

/// Puts `multihot` under our key of the config.json in `dir`, whose other keys are those of `config`.
pub fn replace_multihot(
    dir: &Path,
    config: &ModelConfig,
    multihot: Value,
) -> Result<(), CheckpointError> {
    let mut map = config.raw.clone();
    map.insert(OUR_KEY.to_owned(), multihot);
    replace_json(&dir.join("config.json"), &Value::Object(map))
}

fn create_dir(path: &Path) -> Result<(), CheckpointError> {
    fs::create_dir_all(path).map_err(CheckpointError::io(path, "create"))
}

/// A folder being written beside the place where it will stand. Dropped before
/// [`NewFolder::finish`], it goes away and what was there stays.
#[derive(Debug)]
pub struct NewFolder {
    out: PathBuf,
    temporary: PathBuf,
    overwrite: bool,
    marks: &'static [&'static str],
    finished: bool,
}

impl NewFolder {
    /// Makes a temporary folder beside `out`. An error where `out` is there already and is not to
    /// be overwritten, or is not a model's folder.
    pub fn create(out: &Path, overwrite: bool) -> Result<Self, CheckpointError> {
        Self::create_marked(out, overwrite, MODEL_MARKS)
    }

    /// The same for a folder that is no model: the one that is overwritten must have a file of
    /// one of the names `marks`.
    pub fn create_marked(
        out: &Path,
        overwrite: bool,
        marks: &'static [&'static str],
    ) -> Result<Self, CheckpointError> {
        let out = resolved(out)?;
        let parent = parent(&out);
        fs::create_dir_all(parent).map_err(CheckpointError::io(parent, "create"))?;
        recover(&out)?;
        check_out(&out, overwrite, marks)?;
        let temporary = create_beside(&out)?;
        Ok(Self {
            out,
            temporary,
            overwrite,
            marks,
            finished: false,
        })
    }

    /// The temporary folder, to write into.
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Syncs everything, puts the folder in its place and removes the one that was there.
    pub fn finish(mut self) -> Result<(), CheckpointError> {
        sync_tree(&self.temporary)?;
        check_out(&self.out, self.overwrite, self.marks)?;
        if self.out.exists() {
            exchange(&self.temporary, &self.out)?;
        } else {
            let to_place = CheckpointError::io(&self.out, "put the new folder there");
            fs::rename(&self.temporary, &self.out).map_err(to_place)?;
        }
        self.finished = true;
        sync_folder(parent(&self.out))?;
        // The new folder is in place; what is left of the old one harms nobody.
        let _ = fs::remove_dir_all(&self.temporary);
        Ok(())
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        if !self.finished {
            // Nothing can be done about an error here, and the folder's name says what it is.
            let _ = fs::remove_dir_all(&self.temporary);
        }
    }
}

/// `out` with a name at its end, and the folder itself where it is a link to one.
fn resolved(out: &Path) -> Result<PathBuf, CheckpointError> {
    if out.exists() || out.file_name().is_none() {
        return fs::canonicalize(out).map_err(CheckpointError::io(out, "find"));
    }
    Ok(out.to_owned())
}

fn parent(out: &Path) -> &Path {
    match out.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Files that tell a model, or the state of a training.
const MODEL_MARKS: &[&str] = &["config.json", "state.safetensors"];

fn check_out(
    out: &Path,
    overwrite: bool,
    marks: &'static [&'static str],
) -> Result<(), CheckpointError> {
    let metadata = match fs::symlink_metadata(out) {
        Ok(metadata) => metadata,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(CheckpointError::io(out, "open")(source)),
    };
    // A folder without a mark may be somebody's home.
    let is_marked = marks.iter().any(|name| out.join(name).is_file());
    let may_go = metadata.is_dir() && (is_marked || is_empty(out)?);
    let path = out.to_owned();
    if !overwrite {
        return Err(CheckpointError::OutExists { path, may_go });
    }
    if may_go {
        return Ok(());
    }
    Err(if marks == MODEL_MARKS {
        CheckpointError::NotAModel { path }
    } else {
        CheckpointError::NotMarked { path, marks }
    })
}

fn is_empty(folder: &Path) -> Result<bool, CheckpointError> {
    let mut entries = fs::read_dir(folder).map_err(CheckpointError::io(folder, "list"))?;
    Ok(entries.next().is_none())
}

/// A sibling of `out`, hidden, that says whose it is.
fn sibling(out: &Path, what: &str) -> PathBuf {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    parent(out).join(format!(".{name}.multihot-{what}"))
}

fn create_beside(out: &Path) -> Result<PathBuf, CheckpointError> {
    let process = std::process::id();
    for attempt in 0u32.. {
        let path = sibling(out, &format!("new-{process}-{attempt}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(CheckpointError::io(&path, "create")(source)),
        }
    }
    unreachable!("four thousand million siblings are there")
}

fn sync_tree(folder: &Path) -> Result<(), CheckpointError> {
    for entry in fs::read_dir(folder).map_err(CheckpointError::io(folder, "list"))? {
        let entry = entry.map_err(CheckpointError::io(folder, "list"))?;
        let path = entry.path();
        let kind = entry
            .file_type()
            .map_err(CheckpointError::io(&path, "open"))?;
        if kind.is_dir() {
            sync_tree(&path)?;
        } else if kind.is_file() {
            let file = File::open(&path).map_err(CheckpointError::io(&path, "open"))?;
            file.sync_all()
                .map_err(CheckpointError::io(&path, "sync"))?;
        }
    }
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> Result<(), CheckpointError> {
    // Only Unix opens folders as files.
    if cfg!(unix) {
        let file = File::open(folder).map_err(CheckpointError::io(folder, "open"))?;
        file.sync_all()
            .map_err(CheckpointError::io(folder, "sync"))?;
    }
    Ok(())
}

/// Swaps the two folders; afterwards `new` is the old one.
fn exchange(new: &Path, out: &Path) -> Result<(), CheckpointError> {
    match exchange_at_once(new, out) {
        Ok(()) => Ok(()),
        // Some file systems cannot; two renames can everywhere.
        Err(_) => exchange_in_steps(new, out),
    }
}

#[cfg(target_os = "linux")]
fn exchange_at_once(new: &Path, out: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, new, CWD, out, RenameFlags::EXCHANGE)?)
}

#[cfg(not(target_os = "linux"))]
fn exchange_at_once(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Moves the old folder aside and the new one in. After a kill in between, the old one stands
/// aside, whole, and [`recover`] brings it back.
fn exchange_in_steps(new: &Path, out: &Path) -> Result<(), CheckpointError> {
    let aside = sibling(out, "old");
    // Left over from a run that was killed after its new folder was in place.
    let _ = fs::remove_dir_all(&aside);
    fs::rename(out, &aside).map_err(CheckpointError::io(out, "move the old folder aside"))?;
    if let Err(source) = fs::rename(new, out) {
        fs::rename(&aside, out).map_err(CheckpointError::io(&aside, "move the old folder back"))?;
        return Err(CheckpointError::io(out, "put the new folder there")(source));
    }
    fs::rename(&aside, new).map_err(CheckpointError::io(&aside, "move the old folder away"))
}

/// Brings back an old folder that a killed run left aside.
fn recover(out: &Path) -> Result<(), CheckpointError> {
    let aside = sibling(out, "old");
    if out.exists() || !aside.is_dir() {
        return Ok(());
    }
    fs::rename(&aside, out).map_err(CheckpointError::io(&aside, "move the old folder back"))
}

/// Copies a file, such as the tokenizer's, into `dir` under its own name, untouched.
pub fn copy_file(file: &Path, dir: &Path) -> Result<(), CheckpointError> {
    let name = file
        .file_name()
        .map_or(Cow::Borrowed("file"), |name| name.to_string_lossy());
    // Read and write rather than copy: the copy belongs to us and may be written to.
    let bytes = fs::read(file).map_err(CheckpointError::io(file, "read"))?;
    let target = dir.join(&*name);
    fs::write(&target, bytes).map_err(CheckpointError::io(&target, "write"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, Weights};

    fn model(parent: &Path, word: &str) -> PathBuf {
        let out = parent.join("model");
        fs::create_dir(&out).unwrap();
        fs::write(out.join("config.json"), word).unwrap();
        out
    }

    fn word(out: &Path) -> String {
        fs::read_to_string(out.join("config.json")).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn a_folder_that_is_there_is_kept_unless_it_may_be_overwritten() {
        let parent = tempfile::tempdir().unwrap();
        let out = model(parent.path(), "old");
        let error = NewFolder::create(&out, false).unwrap_err();
        assert!(matches!(error, CheckpointError::OutExists { .. }));
        assert!(error.hint().unwrap().contains("--overwrite"));
        let new = NewFolder::create(&out, true).unwrap();
        fs::write(new.path().join("config.json"), "new").unwrap();
        assert_eq!(word(&out), "old");
        new.finish().unwrap();
        assert_eq!(word(&out), "new");
        assert_eq!(names(parent.path()), ["model"]);
    }

    #[test]
    fn a_folder_dropped_unfinished_leaves_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let out = model(parent.path(), "old");
        drop(NewFolder::create(&out, true).unwrap());
        assert_eq!(word(&out), "old");
        assert_eq!(names(parent.path()), ["model"]);
    }

    #[test]
    fn a_folder_that_is_no_model_is_never_overwritten() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("letter.txt"), "dear").unwrap();
        let error = NewFolder::create(parent.path(), true).unwrap_err();
        assert!(
            matches!(error, CheckpointError::NotAModel { .. }),
            "{error}"
        );
        let file = parent.path().join("letter.txt");
        assert!(NewFolder::create(&file, true).is_err());
        assert_eq!(fs::read_to_string(file).unwrap(), "dear");
    }

    #[test]
    fn a_folder_of_another_kind_has_its_own_mark() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("parts");
        fs::create_dir(&out).unwrap();
        fs::write(out.join("config.json"), "{}").unwrap();
        let error = NewFolder::create_marked(&out, true, &["split.json"]).unwrap_err();
        let message = error.to_string();
        assert!(
            message.ends_with("parts: there is no `split.json` in it, so it is not overwritten")
        );
        fs::write(out.join("split.json"), "{}").unwrap();
        let folder = NewFolder::create_marked(&out, true, &["split.json"]).unwrap();
        fs::write(folder.path().join("new"), "").unwrap();
        folder.finish().unwrap();
        assert_eq!(names(&out), ["new"]);
    }

    #[test]
    fn the_state_of_a_training_may_be_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let out = parent.path().join("checkpoint");
        for epoch in ["1", "2", "3"] {
            let next = NewFolder::create(&out, true).unwrap();
            fs::write(next.path().join("state.safetensors"), epoch).unwrap();
            next.finish().unwrap();
        }
        assert_eq!(
            fs::read_to_string(out.join("state.safetensors")).unwrap(),
            "3"
        );
        assert_eq!(names(parent.path()), ["checkpoint"]);
    }

    #[test]
    fn two_renames_do_what_one_exchange_does() {
        let parent = tempfile::tempdir().unwrap();
        let out = model(parent.path(), "old");
        let new = NewFolder::create(&out, true).unwrap();
        fs::write(new.path().join("config.json"), "new").unwrap();
        exchange_in_steps(new.path(), &out).unwrap();
        assert_eq!(
            (word(&out), word(new.path())),
            ("new".to_owned(), "old".to_owned())
        );
    }

    #[test]
    fn an_old_folder_left_aside_by_a_kill_comes_back() {
        let parent = tempfile::tempdir().unwrap();
        let out = model(parent.path(), "old");
        fs::rename(&out, sibling(&out, "old")).unwrap();
        drop(NewFolder::create(&out, true).unwrap());
        assert_eq!(word(&out), "old");
    }

    #[test]
    fn parents_are_made_and_a_bare_name_is_fine() {
        let parent = tempfile::tempdir().unwrap();
        let out = parent.path().join("runs/first");
        NewFolder::create(&out, false).unwrap().finish().unwrap();
        assert!(out.is_dir());
        assert_eq!(super::parent(Path::new("model")), Path::new("."));
    }

    #[test]
    fn the_same_tensors_make_the_same_bytes_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        let tensors: [NamedTensor<'_>; 2] = [("x", &[2, 1], &[1.0, -0.0]), ("b", &[1], &[2.5])];
        write_safetensors(&a, &tensors).unwrap();
        write_safetensors(&b, &[tensors[1], tensors[0]]).unwrap();
        assert_eq!(fs::read(&a).unwrap(), fs::read(&b).unwrap());
        let bytes = fs::read(&a).unwrap();
        let (_, metadata) = ::safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(metadata.metadata().as_ref().unwrap()["format"], "pt");
    }

    #[test]
    fn a_tensor_of_the_wrong_size_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for shape in [&[3][..], &[usize::MAX, 2]] {
            let error = write_safetensors(&path, &[("x", shape, &[1.0])]).unwrap_err();
            assert!(matches!(error, CheckpointError::BadTensor { .. }));
        }
        assert!(!path.exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_that_says_so() {
        let error = write_safetensors(Path::new("/dev/full"), &[("x", &[1], &[1.0])]).unwrap_err();
        assert!(
            error.hint().unwrap().contains("the disk is full"),
            "{error}"
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_reads_back_bit_for_bit(
            tensors in proptest::collection::btree_map(
                "[a-z.\"\\\\é]{1,12}",
                proptest::collection::vec(proptest::num::u32::ANY, 0..20),
                1..6,
            )
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("model.safetensors");
            let tensors: Vec<(String, [usize; 2], Vec<f32>)> = tensors
                .into_iter()
                .filter(|(name, _)| name != "__metadata__")
                .map(|(name, bits)| {
                    let values: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
                    (name, [values.len(), 1], values)
                })
                .collect();
            let written: Vec<NamedTensor<'_>> =
                tensors.iter().map(|(n, s, v)| (n.as_str(), &s[..], &v[..])).collect();
            write_safetensors(&path, &written).unwrap();
            let weights = Weights::open_safetensors(&path).unwrap();
            for (name, shape, values) in &tensors {
                let tensor = weights.get(name).unwrap();
                assert_eq!((tensor.shape, tensor.dtype), (&shape[..], DType::F32));
                let mut read = vec![0.0; values.len()];
                tensor.read_into(&mut read).unwrap();
                assert!(read.iter().zip(values).all(|(a, b)| a.to_bits() == b.to_bits()));
            }
        }
    }
}
