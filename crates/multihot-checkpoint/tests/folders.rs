//! Whole folders: golden ones that PyTorch and safetensors wrote, and our own read back.

use std::fs;
use std::path::{Path, PathBuf};

use multihot_checkpoint::save::{
    NewFolder, write_sentence_transformers, write_sequence_classifier,
};
use multihot_checkpoint::{
    CheckpointError, DType, ModelFolder, ParameterSpec, Pooling, ProblemType, Weights, parameters,
};
use serde_json::{Value, json};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn expected(table: &str) -> serde_json::Map<String, Value> {
    let text = fs::read_to_string(golden("expected.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    value[table].as_object().unwrap().clone()
}

fn values(weights: &Weights, name: &str) -> Vec<f32> {
    let tensor = weights
        .get(name)
        .unwrap_or_else(|| panic!("{name} is not there"));
    let mut out = vec![f32::NAN; tensor.len()];
    tensor.read_into(&mut out).unwrap();
    out
}

/// Compares bits: every value of the golden files is exact in f32.
fn assert_holds(weights: &Weights, table: &str) {
    for (name, tensor) in expected(table) {
        let found = weights
            .get(&name)
            .unwrap_or_else(|| panic!("{name} is not there"));
        let shape: Vec<usize> = serde_json::from_value(tensor["shape"].clone()).unwrap();
        assert_eq!(found.shape, shape, "{name}");
        assert_eq!(
            found.dtype.name(),
            tensor["dtype"].as_str().unwrap().to_lowercase(),
            "{name}"
        );
        let expected: Vec<f64> = serde_json::from_value(tensor["values"].clone()).unwrap();
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let expected: Vec<f32> = expected.into_iter().map(|value| value as f32).collect();
        assert_eq!(bits(values(weights, &name)), bits(expected), "{name}");
    }
}

#[test]
fn every_layout_holds_the_same_values() {
    let cases = [
        ("safetensors", "tensors"),
        ("safetensors-sharded", "tensors"),
        ("safetensors-f16", "f16"),
        ("safetensors-bf16", "bf16"),
        ("torch-zip", "tensors"),
        ("torch-legacy", "tensors"),
        ("torch-sharded", "tensors"),
    ];
    for (name, table) in cases {
        let folder = ModelFolder::open(golden(name), None).unwrap();
        let weights = folder
            .weights()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_holds(&weights, table);
    }
}

#[test]
fn a_buffer_of_another_type_is_listed_and_not_read() {
    for name in ["torch-zip", "torch-legacy", "torch-sharded"] {
        let weights = ModelFolder::open(golden(name), None)
            .unwrap()
            .weights()
            .unwrap();
        let tensor = weights.get("bert.embeddings.position_ids").unwrap();
        assert_eq!(tensor.dtype, DType::Other("int64"));
        let error = tensor.read_into(&mut [0.0; 6]).unwrap_err().to_string();
        assert!(
            error.contains("holds int64; f32, f16 and bf16 are read"),
            "{error}"
        );
    }
}

#[test]
fn hostile_files_of_torch_are_refused_by_name() {
    let cases = [
        (
            "hostile-zip",
            "this file tries to call `posix.system`; only tensors are read",
        ),
        ("hostile-legacy", "this file tries to call `"),
        (
            "lying-zip",
            "tensor `lie` reaches past the end of its storage",
        ),
    ];
    for (name, expected) in cases {
        let error = ModelFolder::open(golden(name), None)
            .unwrap()
            .weights()
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert!(
            error.to_string().contains("pytorch_model.bin"),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_torch_file_cut_anywhere_or_changed_anywhere_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pytorch_model.bin");
    for name in ["torch-zip", "torch-legacy"] {
        let whole = fs::read(golden(name).join("pytorch_model.bin")).unwrap();
        for cut in (0..whole.len()).step_by(37) {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(Weights::open_torch(&path).is_err(), "{name} cut at {cut}");
        }
        for at in (0..whole.len()).step_by(23) {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            fs::write(&path, &changed).unwrap();
            read_everything(&path);
        }
    }
}

/// Reads what opens; whatever is in it, there must be values or an error.
fn read_everything(path: &Path) {
    let Ok(weights) = Weights::open_torch(path) else {
        return;
    };
    for name in weights.names() {
        let tensor = weights.get(name).unwrap();
        if tensor.len() < 1 << 20 {
            let _ = tensor.read_into(&mut vec![0.0; tensor.len()]);
        }
    }
}

#[test]
fn names_are_found_with_gamma_and_beta() {
    let folder = ModelFolder::open(golden("torch-zip"), None).unwrap();
    let weights = folder.weights().unwrap();
    let specs = parameters(folder.config(), Pooling::Cls, 3);
    let found: Vec<&str> = specs
        .iter()
        .filter_map(|spec| weights.find(spec))
        .map(|tensor| tensor.name)
        .collect();
    assert!(
        found.contains(&"bert.embeddings.LayerNorm.gamma"),
        "{found:?}"
    );
    assert!(
        found.contains(&"bert.embeddings.LayerNorm.beta"),
        "{found:?}"
    );
    assert!(found.contains(&"classifier.bias"), "{found:?}");
}

#[test]
fn notes_tell_of_halves_and_of_files_left_unread() {
    let f16 = ModelFolder::open(golden("safetensors-f16"), None)
        .unwrap()
        .notes();
    assert_eq!(
        f16,
        ["model.safetensors: weights are f16; they are converted to f32"]
    );
    let folder = copied("safetensors");
    fs::copy(
        golden("torch-zip").join("pytorch_model.bin"),
        folder.path().join("pytorch_model.bin"),
    )
    .unwrap();
    let notes = ModelFolder::open(folder.path(), None)
        .unwrap()
        .notes()
        .join("\n");
    assert!(
        notes.contains("both model.safetensors and pytorch_model.bin are there"),
        "{notes}"
    );
}

fn copied(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(golden(name)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}

#[test]
fn an_index_that_lies_is_an_error() {
    let cases = [
        (json!({}), "`weight_map` is missing"),
        (json!({"weight_map": []}), "expected an object"),
        (
            json!({"weight_map": {"a": "../model.safetensors"}}),
            "not the name of a file",
        ),
        (
            json!({"weight_map": {"a": "/etc/passwd"}}),
            "not the name of a file",
        ),
        (json!({"weight_map": {"a": 3}}), "`weight_map` is 3 for `a`"),
        (
            json!({"weight_map": {"a": "gone.safetensors"}}),
            "gone.safetensors: cannot open",
        ),
        (
            json!({"weight_map": {"a": "model-00001-of-00002.safetensors"}}),
            "holds `a`; it does not",
        ),
    ];
    for (index, expected) in cases {
        let folder = copied("safetensors-sharded");
        let path = folder.path().join("model.safetensors.index.json");
        fs::write(path, index.to_string()).unwrap();
        let error = ModelFolder::open(folder.path(), None)
            .unwrap()
            .weights()
            .unwrap_err();
        let expected = expected.strip_prefix("expected ").unwrap_or(expected);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tf_model.h5"), "").unwrap();
    let error = ModelFolder::open(folder.path(), None).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no config.json here; the folder holds tf_model.h5")
    );
    fs::copy(
        golden("safetensors/config.json"),
        folder.path().join("config.json"),
    )
    .unwrap();
    let error = ModelFolder::open(folder.path(), None)
        .unwrap()
        .weights()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no model.safetensors or pytorch_model.bin"),
        "{error}"
    );
    let error = ModelFolder::open(folder.path().join("tf_model.h5"), None).unwrap_err();
    assert!(matches!(error, CheckpointError::NotAFolder { .. }));
}

#[test]
fn a_name_of_the_hub_says_how_to_get_the_folder() {
    for name in ["camembert-base", "sentence-transformers/all-MiniLM-L6-v2"] {
        let error = ModelFolder::open(name, None).unwrap_err();
        assert!(error.to_string().contains("not resolved yet"), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.contains(&format!("hf download {name} ")), "{hint}");
    }
    for path in ["./camembert", "/no/such/folder", "../x", "a/b/c"] {
        let error = ModelFolder::open(path, None).unwrap_err();
        assert!(
            matches!(error, CheckpointError::NoFolder { .. }),
            "{path}: {error}"
        );
    }
}

#[test]
fn a_pointer_of_git_lfs_is_told_apart() {
    let folder = copied("safetensors");
    fs::write(
        folder.path().join("model.safetensors"),
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    )
    .unwrap();
    let error = ModelFolder::open(folder.path(), None)
        .unwrap()
        .weights()
        .unwrap_err();
    assert!(
        matches!(error, CheckpointError::LfsPointer { .. }),
        "{error}"
    );
}

/// Values for every parameter: its index and the value's place.
fn drawn(specs: &[ParameterSpec]) -> Vec<Vec<f32>> {
    specs
        .iter()
        .enumerate()
        .map(|(at, spec)| {
            (0..spec.len())
                .map(|i| at as f32 + i as f32 / 1024.0)
                .collect()
        })
        .collect()
}

#[test]
fn a_written_classifier_reads_back_the_same() {
    let config = ModelFolder::open(golden("safetensors"), None)
        .unwrap()
        .config()
        .clone();
    let labels = ["b".to_owned(), "a".to_owned()];
    let specs = parameters(&config, Pooling::Cls, labels.len());
    let values_written = drawn(&specs);
    let parameters: Vec<_> = specs
        .iter()
        .zip(&values_written)
        .map(|(spec, values)| (spec, values.as_slice()))
        .collect();
    let parent = tempfile::tempdir().unwrap();
    let out = parent.path().join("model");
    let folder = NewFolder::create(&out, false).unwrap();
    write_sequence_classifier(
        folder.path(),
        &config,
        (&labels, ProblemType::SingleLabel),
        json!({"pooling": "cls"}),
        &parameters,
    )
    .unwrap();
    folder.finish().unwrap();

    let read = ModelFolder::open(&out, None).unwrap();
    assert!(read.config().is_classifier());
    assert_eq!(read.config().problem_type, Some(ProblemType::SingleLabel));
    assert_eq!(read.config().label_names.as_deref(), Some(&labels[..]));
    assert_eq!(read.config().multihot(), Some(&json!({"pooling": "cls"})));
    assert!(read.mean_head().unwrap().is_none());
    assert!(read.notes().is_empty());
    let weights = read.weights().unwrap();
    for (spec, expected) in specs.iter().zip(&values_written) {
        assert_eq!(weights.find(spec).unwrap().shape, spec.shape);
        assert_eq!(values(&weights, &spec.name), *expected, "{}", spec.name);
    }
}

#[test]
fn a_written_mean_pooled_model_has_the_layout_of_sentence_transformers() {
    let config = ModelFolder::open(golden("safetensors"), None)
        .unwrap()
        .config()
        .clone();
    let labels = ["sports".to_owned()];
    let specs = parameters(&config, Pooling::Mean, labels.len());
    let drawn = drawn(&specs);
    let parameters: Vec<_> = specs
        .iter()
        .zip(&drawn)
        .map(|(spec, values)| (spec, values.as_slice()))
        .collect();
    let out = tempfile::tempdir().unwrap();
    let ours = json!({"pooling": "mean"});
    write_sentence_transformers(out.path(), &config, &labels, ours, 6, &parameters).unwrap();

    let read = ModelFolder::open(out.path(), None).unwrap();
    assert!(!read.config().is_classifier());
    assert_eq!(read.config().architectures, ["BertModel"]);
    assert_eq!(read.config().label_names.as_deref(), Some(&labels[..]));
    assert_eq!(read.pooling_hint().as_deref(), Some("mean"));
    let weights = read.weights().unwrap();
    assert!(weights.names().all(|name| !name.starts_with("bert.")));
    assert!(
        weights
            .get("encoder.layer.0.attention.self.query.weight")
            .is_some()
    );
    let head = read.mean_head().unwrap().unwrap();
    assert_eq!(
        head.names().collect::<Vec<_>>(),
        ["linear.bias", "linear.weight"]
    );
    for (spec, expected) in specs.iter().zip(&drawn) {
        let holder = if spec.is_head() { &head } else { &weights };
        let tensor = holder.find(spec).unwrap();
        assert_eq!(values(holder, tensor.name), *expected, "{}", spec.name);
    }
    let json = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(out.path().join(name)).unwrap()).unwrap()
    };
    assert_eq!(
        json("modules.json")[2]["type"],
        "sentence_transformers.models.Dense"
    );
    assert_eq!(json("2_Dense/config.json")["out_features"], 1);
    assert_eq!(
        json("sentence_bert_config.json"),
        json!({"max_seq_length": 6, "do_lower_case": false})
    );
}

/// Real encoders, where `MULTIHOT_SHARED` says that they are at hand.
#[test]
fn real_encoders_hold_every_parameter_but_the_head() {
    let Some(shared) = std::env::var_os("MULTIHOT_SHARED") else {
        return;
    };
    let cases = [
        ("all-MiniLM-L6-v2", DType::F32, true, Some("mean")),
        ("multilingual-e5-small-fr-en", DType::F16, false, None),
    ];
    for (name, dtype, has_pooler, pooling) in cases {
        let folder = ModelFolder::open(Path::new(&shared).join("models").join(name), None).unwrap();
        let weights = folder.weights().unwrap();
        assert_eq!(folder.pooling_hint().as_deref(), pooling);
        for spec in parameters(folder.config(), Pooling::Cls, 3) {
            let Some(tensor) = weights.find(&spec) else {
                let missing = spec.name.starts_with("classifier.") || !has_pooler;
                assert!(missing && spec.is_head(), "{} in {name}", spec.name);
                continue;
            };
            assert_eq!((tensor.shape, tensor.dtype), (&spec.shape[..], dtype));
            let values = values(&weights, tensor.name);
            assert!(
                values.iter().all(|value| value.is_finite()),
                "{}",
                spec.name
            );
        }
    }
}
