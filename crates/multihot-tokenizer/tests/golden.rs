//! Ids equal to those of Transformers, on the folders that tools/reference/tokenizers.py wrote.

use std::path::{Path, PathBuf};

use multihot_tokenizer::{FolderFacts, Tokenizer, TokenizerError};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Row {
    text: String,
    ids: Vec<u32>,
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn json<T: serde::de::DeserializeOwned>(file: &Path) -> T {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn facts(folder: &Path) -> FolderFacts {
    let config: Value = json(&folder.join("config.json"));
    FolderFacts {
        model_type: config["model_type"].as_str().unwrap().to_owned(),
        vocab_size: config["vocab_size"].as_u64().unwrap() as usize,
        pad_token_id: config["pad_token_id"].as_u64().unwrap() as u32,
    }
}

fn load(name: &str) -> Tokenizer {
    let folder = golden(name);
    Tokenizer::from_folder(&folder, &facts(&folder)).unwrap()
}

const FOLDERS: [&str; 12] = [
    "bert-plain",
    "bert-cased",
    "distilbert-accents",
    "electra-decoder",
    "roberta-plain",
    "roberta-prefix",
    "roberta-added",
    "xlm-roberta-mapped",
    "xlm-roberta-bare",
    "camembert-mapped",
    "camembert-bare",
    "bert-with-xlm-roberta",
];

#[test]
fn every_layout_gives_the_ids_of_transformers() {
    let mut wrong = Vec::new();
    for name in FOLDERS {
        let tokenizer = load(name);
        for Row { text, ids } in json::<Vec<Row>>(&golden(name).join("ids.json")) {
            let encoded = tokenizer.encode(&text, 512).unwrap();
            if encoded.ids != ids {
                wrong.push(format!(
                    "{name}: {text:?}: {:?}, Transformers has {ids:?}",
                    encoded.ids
                ));
            }
            assert_eq!(encoded.full_length, ids.len(), "{name}: {text:?}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_long_text_loses_its_right_end_and_keeps_its_special_tokens() {
    for name in FOLDERS {
        let tokenizer = load(name);
        let text = "The match was lost.";
        let whole = tokenizer.encode(text, 512).unwrap();
        for max_length in 2..=whole.ids.len() {
            let cut = tokenizer.encode(text, max_length).unwrap();
            let expected = [
                &whole.ids[..max_length - 1],
                &whole.ids[whole.ids.len() - 1..],
            ]
            .concat();
            assert_eq!(cut.ids, expected, "{name}, {max_length}");
            assert_eq!(cut.full_length, whole.full_length);
        }
        let error = tokenizer.encode(text, 1).unwrap_err();
        assert!(
            matches!(
                error,
                TokenizerError::MaxLengthTooSmall {
                    max_length: 1,
                    n_special: 2
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn a_text_of_a_megabyte_is_encoded() {
    let texts = [
        "the match was lost ".repeat(55_000),
        " ".repeat(1 << 20),
        "e".repeat(1 << 20),
    ];
    for name in ["bert-plain", "roberta-plain", "camembert-mapped"] {
        let tokenizer = load(name);
        for text in &texts {
            let encoded = tokenizer.encode(text, 512).unwrap();
            assert!(
                encoded.ids.len() <= 512 && encoded.full_length >= encoded.ids.len(),
                "{name}"
            );
        }
    }
}

#[test]
fn notes_say_what_is_odd() {
    let cases = [
        ("bert-plain", vec![]),
        ("bert-cased", vec!["model_max_length 512"]),
        ("camembert-mapped", vec![]),
        ("xlm-roberta-bare", vec!["no character map"]),
    ];
    for (name, expected) in cases {
        let tokenizer = load(name);
        let notes = tokenizer.notes();
        assert_eq!(notes.len(), expected.len(), "{name}: {notes:?}");
        for (note, part) in notes.iter().zip(expected) {
            assert!(note.contains(part), "{name}: {note}");
        }
    }
}

#[test]
fn pad_ids_that_disagree_are_both_said() {
    let folder = golden("camembert-mapped");
    let facts = FolderFacts {
        pad_token_id: 0,
        ..facts(&folder)
    };
    let tokenizer = Tokenizer::from_folder(&folder, &facts).unwrap();
    assert!(
        tokenizer.notes()[0].contains("pad_token_id 0; the tokenizer's `<pad>` has id 1"),
        "{:?}",
        tokenizer.notes()
    );
}

#[test]
fn an_id_past_the_embedding_is_a_note_and_an_error_only_where_it_occurs() {
    let folder = golden("roberta-added");
    let facts = FolderFacts {
        vocab_size: 481,
        ..facts(&folder)
    };
    let tokenizer = Tokenizer::from_folder(&folder, &facts).unwrap();
    assert!(
        tokenizer.notes()[0].contains("`<extra>` (481), `<ctrl>` (482)"),
        "{:?}",
        tokenizer.notes()
    );
    assert!(tokenizer.encode("nothing of it", 32).is_ok());
    let error = tokenizer.encode("an <extra> one", 32).unwrap_err();
    assert_eq!(
        error.to_string(),
        "token `<extra>` has id 481; the embedding has 481 rows"
    );
    assert!(error.hint().is_some());
}

#[test]
fn the_files_of_a_tokenizer_are_listed_for_copying() {
    let names: Vec<_> = load("roberta-added")
        .files()
        .iter()
        .map(|file| file.file_name().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "special_tokens_map.json",
            "added_tokens.json",
            "vocab.json",
            "merges.txt"
        ]
    );
}
