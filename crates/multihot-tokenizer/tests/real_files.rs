//! Real tokenizers, from the folder that `MULTIHOT_SHARED` names; without it each test says that it is skipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use multihot_tokenizer::{Fit, FolderFacts, Tokenizer};
use serde_json::Value;

fn shared(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("MULTIHOT_SHARED")
        .map(PathBuf::from)
        .filter(|folder| folder.is_dir());
    if folder.is_none() {
        println!("skipped {test}: MULTIHOT_SHARED names no folder");
    }
    folder
}

fn load(folder: &Path) -> Tokenizer {
    let config: Value =
        serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap();
    let facts = FolderFacts {
        model_type: config["model_type"].as_str().unwrap().to_owned(),
        vocab_size: config["vocab_size"].as_u64().unwrap() as usize,
        pad_token_id: config["pad_token_id"].as_u64().unwrap() as u32,
    };
    Tokenizer::from_folder(folder, &facts).unwrap()
}

const REAL: [&str; 4] = [
    "tokenizers/roberta-base",
    "tokenizers/camembert-base",
    "models/all-MiniLM-L6-v2",
    "models/multilingual-e5-small-fr-en",
];

#[test]
fn real_tokenizers_give_the_ids_of_the_tokenizers_library() {
    let Some(shared) = shared("real_tokenizers_give_the_ids_of_the_tokenizers_library") else {
        return;
    };
    let golden: Value = serde_json::from_str(include_str!("golden/real.json")).unwrap();
    for name in REAL {
        let tokenizer = load(&shared.join(name));
        for (text, ids) in golden["texts"]
            .as_array()
            .unwrap()
            .iter()
            .zip(golden["ids"][name].as_array().unwrap())
        {
            let encoded = tokenizer
                .encode(text.as_str().unwrap(), Fit::cut(512))
                .unwrap();
            assert_eq!(
                serde_json::to_value(&encoded.windows[0].ids).unwrap(),
                *ids,
                "{name}: {text}"
            );
        }
    }
}

#[test]
fn real_traps_are_noted() {
    let Some(shared) = shared("real_traps_are_noted") else {
        return;
    };
    let camembert = load(&shared.join("tokenizers/camembert-base"));
    let notes = camembert.notes().join("\n");
    assert!(
        notes.contains("truncates at 128 tokens and pads each batch to its longest row"),
        "{notes}"
    );
    assert!(
        notes.contains("pad_token_id 0; the tokenizer's `<pad>` has id 1"),
        "{notes}"
    );
    assert!(notes.contains("Transformers 5 drops it"), "{notes}");
    let notes = load(&shared.join("models/all-MiniLM-L6-v2"))
        .notes()
        .join("\n");
    assert!(
        notes.contains("truncates at 128 tokens and pads to 128"),
        "{notes}"
    );
    assert!(notes.contains("model_max_length 512"), "{notes}");
    assert!(notes.contains("max_seq_length 256"), "{notes}");
}

#[test]
fn a_vocab_txt_alone_gives_the_ids_of_its_tokenizer_json() {
    let Some(shared) = shared("a_vocab_txt_alone_gives_the_ids_of_its_tokenizer_json") else {
        return;
    };
    let folder = shared.join("models/all-MiniLM-L6-v2");
    let alone = tempfile::tempdir().unwrap();
    for name in ["vocab.txt", "config.json"] {
        fs::copy(folder.join(name), alone.path().join(name)).unwrap();
    }
    let (json, alone) = (load(&folder), load(alone.path()));
    assert!(alone.source().ends_with("vocab.txt"));
    let table = fs::read_to_string(shared.join("data/goemotions/dev.csv")).unwrap();
    for line in table.lines().take(2000) {
        assert_eq!(
            json.encode(line, Fit::cut(64)).unwrap(),
            alone.encode(line, Fit::cut(64)).unwrap(),
            "{line}"
        );
    }
}

#[test]
#[ignore = "takes minutes without optimization; prints how long ten million bytes take"]
fn ten_million_bytes_are_encoded() {
    let Some(shared) = shared("ten_million_bytes_are_encoded") else {
        return;
    };
    let words = "Les élèves étaient très fatigués, and the coffee is better. ".repeat(170_000);
    for name in REAL {
        let tokenizer = load(&shared.join(name));
        for (kind, text) in [
            ("words", words.as_str()),
            ("spaces", &" ".repeat(10_000_000)),
            ("one word", &"e".repeat(10_000_000)),
        ] {
            let start = Instant::now();
            let encoded = tokenizer.encode(text, Fit::cut(512)).unwrap();
            println!(
                "{name}, {kind}: {} ids in {:.1?}",
                encoded.full_length,
                start.elapsed()
            );
        }
    }
}
