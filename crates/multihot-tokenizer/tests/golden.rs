//! Ids equal to those of Transformers, on the folders that tools/reference/tokenizers.py wrote.

use std::path::{Path, PathBuf};

use multihot_tokenizer::{
    Encoded, Fit, FolderFacts, LongText, Text, Tokenizer, TokenizerError, Truncation,
};
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

/// The ids of a text that is one row.
fn only_row(encoded: &Encoded) -> &[u32] {
    assert_eq!(encoded.windows.len(), 1);
    &encoded.windows[0].ids
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
            let encoded = tokenizer.encode(text.as_str(), Fit::cut(512)).unwrap();
            let found = only_row(&encoded);
            if found != ids {
                wrong.push(format!(
                    "{name}: {text:?}: {found:?}, Transformers has {ids:?}"
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
        let encoded = tokenizer.encode(text, Fit::cut(512)).unwrap();
        let whole = only_row(&encoded);
        for max_length in 2..=whole.len() {
            let cut = tokenizer.encode(text, Fit::cut(max_length)).unwrap();
            let expected = [&whole[..max_length - 1], &whole[whole.len() - 1..]].concat();
            assert_eq!(only_row(&cut), expected, "{name}, {max_length}");
            assert_eq!(cut.full_length, encoded.full_length);
            assert_eq!(cut.is_cut, max_length < whole.len());
        }
        let error = tokenizer.encode(text, Fit::cut(1)).unwrap_err();
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

/// A text or a pair, and what Transformers makes of it at this length.
#[derive(Deserialize)]
struct CutRow {
    text: String,
    pair: Option<String>,
    side: String,
    max_length: usize,
    ids: Vec<u32>,
    /// As the encoder is given them: empty where the tokenizer gives none.
    types: Vec<u8>,
}

#[test]
fn pairs_and_what_is_cut_are_as_in_transformers() {
    for name in FOLDERS {
        let tokenizer = load(name);
        let rows = json::<Vec<CutRow>>(&golden(name).join("cut.json"));
        assert!(rows.iter().any(|row| row.pair.is_some()));
        for row in rows {
            let side = match row.side.as_str() {
                "left" => Truncation::Left,
                _ => Truncation::Right,
            };
            let (max_length, long) = (row.max_length, LongText::Cut(side));
            let text = Text {
                text: &row.text,
                pair: row.pair.as_deref(),
            };
            let encoded = tokenizer.encode(text, Fit { max_length, long }).unwrap();
            let window = &encoded.windows[0];
            let mut types = window.types.clone();
            if row.types.contains(&1) || !types.is_empty() {
                types.resize(window.ids.len(), 0);
            } else {
                types = vec![0; row.types.len()];
            }
            let about = format!("{name}, {max_length}, {side:?}: {text:?}");
            assert_eq!((&window.ids, &types), (&row.ids, &row.types), "{about}");
            assert_eq!(encoded.is_cut, encoded.full_length > max_length, "{about}");
        }
    }
}

fn windows_of(max_length: usize, stride: usize) -> Fit {
    Fit {
        max_length,
        long: LongText::Windows { stride },
    }
}

#[test]
fn windows_hold_every_token_in_its_place_and_a_short_text_is_one_row() {
    let text = "the bread is good, the coffee is better ".repeat(5) + "👩 straße";
    for name in FOLDERS {
        let tokenizer = load(name);
        let whole = tokenizer.encode(text.as_str(), Fit::cut(512)).unwrap();
        let whole_ids = &only_row(&whole)[1..whole.full_length - 1];
        for (max_length, stride) in [(16, 7), (16, 14), (3, 1), (200, 3)] {
            let fit = windows_of(max_length, stride);
            let encoded = tokenizer.encode(text.as_str(), fit).unwrap();
            assert!(!encoded.is_cut);
            assert_eq!(encoded.full_length, whole.full_length);
            let (mut start, last) = (0, encoded.windows.len() - 1);
            for (index, window) in encoded.windows.iter().enumerate() {
                let of_text = &window.ids[1..window.ids.len() - 1];
                if index == last {
                    start = whole_ids.len() - of_text.len();
                }
                assert_eq!(of_text, &whole_ids[start..][..of_text.len()], "{name}");
                assert_eq!(window.ids.len(), max_length.min(whole.full_length));
                start += stride;
                // What the window shows is in those bytes: their tokens are among its own.
                assert!(text.is_char_boundary(window.bytes.start), "{name}");
                assert!(text.is_char_boundary(window.bytes.end), "{name}");
            }
            assert_eq!(encoded.windows[0].bytes.start, 0, "{name}");
            assert_eq!(encoded.windows[last].bytes.end, text.len(), "{name}");
        }
        let short = tokenizer.encode("the bread", windows_of(64, 10)).unwrap();
        let same = tokenizer.encode("the bread", Fit::cut(64)).unwrap();
        assert_eq!(short, same);
        let empty = tokenizer.encode("", windows_of(64, 10)).unwrap();
        assert_eq!((empty.windows.len(), empty.full_length), (1, 2));
    }
}

#[test]
fn the_second_text_of_a_pair_stands_in_every_window() {
    let tokenizer = load("bert-plain");
    let long = "the bread is good, the coffee is better ".repeat(5);
    let ids = |text: &str| {
        let encoded = tokenizer.encode(text, Fit::cut(512)).unwrap();
        let row = only_row(&encoded);
        row[1..row.len() - 1].to_vec()
    };
    let (first, second) = (ids(&long), ids("is it good"));
    let pair = |text, pair| Text {
        text,
        pair: Some(pair),
    };
    let fit = windows_of(20, 10);
    let encoded = tokenizer.encode(pair(&long, "is it good"), fit).unwrap();
    assert!(encoded.windows.len() > 3 && !encoded.is_cut);
    let room = 17 - second.len();
    for (index, window) in encoded.windows.iter().enumerate() {
        let start = (10 * index).min(first.len() - room);
        assert_eq!(window.ids[1..][..room], first[start..][..room]);
        assert_eq!(window.ids[2 + room..19], second);
        assert_eq!(
            window.types.iter().filter(|ty| **ty == 1).count(),
            1 + second.len()
        );
    }
    // The second text gets half of the row where both are long, and no more windows than the first one needs.
    let encoded = tokenizer.encode(pair(&long, &long), fit).unwrap();
    assert!(encoded.is_cut && encoded.windows.len() > 3);
    let encoded = tokenizer.encode(pair("the bread", &long), fit).unwrap();
    assert!(encoded.is_cut && encoded.windows.len() == 1);
    let error = tokenizer
        .encode(pair("a", "b"), windows_of(4, 1))
        .unwrap_err();
    assert!(
        matches!(
            error,
            TokenizerError::MaxLengthTooSmall { n_special: 3, .. }
        ),
        "{error}"
    );
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
            let encoded = tokenizer.encode(text.as_str(), Fit::cut(512)).unwrap();
            assert!(
                encoded.tokens() <= 512 && encoded.full_length >= encoded.tokens(),
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
    assert!(tokenizer.encode("nothing of it", Fit::cut(32)).is_ok());
    let error = tokenizer
        .encode("an <extra> one", Fit::cut(32))
        .unwrap_err();
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
