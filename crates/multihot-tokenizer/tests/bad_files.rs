//! A file from outside gets a test for each lie it can tell: an error that names it, never a panic.

use std::fs;
use std::path::{Path, PathBuf};

use multihot_tokenizer::{Fit, FolderFacts, Tokenizer, TokenizerError};
use serde_json::json;

fn facts(model_type: &str) -> FolderFacts {
    FolderFacts {
        model_type: model_type.to_owned(),
        vocab_size: 1000,
        pad_token_id: 0,
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// Names and contents.
type Files<'a> = &'a [(&'a str, &'a [u8])];

/// What reading a folder with these files says.
fn error(model_type: &str, files: Files) -> TokenizerError {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    match Tokenizer::from_folder(folder.path(), &facts(model_type)) {
        Ok(_) => panic!(
            "{model_type} read {:?}",
            files.iter().map(|(name, _)| name).collect::<Vec<_>>()
        ),
        Err(error) => error,
    }
}

#[test]
fn an_empty_folder_lists_the_files_that_would_do() {
    let error = error("camembert", &[]);
    assert!(
        error
            .to_string()
            .contains("no tokenizer here for model_type `camembert`"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("sentencepiece.bpe.model"));
}

#[test]
fn damaged_text_files_are_named() {
    let vocab: &[u8] = br#"{"<s>":0,"a":1,"b":2}"#;
    let words: &[u8] = b"[UNK]\n[CLS]\n[SEP]\na\n";
    let cases: [(&str, Files, &str); 15] = [
        (
            "bert",
            &[("tokenizer.json", b"{")],
            "tokenizer.json: not the JSON",
        ),
        (
            "bert",
            &[("tokenizer.json", b"{}")],
            "tokenizer.json: the tokenizers library",
        ),
        (
            "bert",
            &[("tokenizer.json", b"[1]")],
            "tokenizer.json: not the JSON",
        ),
        ("bert", &[("vocab.txt", b"")], "vocab.txt: it has no tokens"),
        (
            "bert",
            &[("vocab.txt", b"a\nb\n")],
            "vocab.txt: the unknown token `[UNK]` is not in it",
        ),
        (
            "bert",
            &[("vocab.txt", b"[UNK]\n\xff\n")],
            "vocab.txt: not UTF-8 from byte 6",
        ),
        (
            "bert",
            &[("vocab.txt", words), ("tokenizer_config.json", b"x")],
            "tokenizer_config.json: not the JSON",
        ),
        (
            "bert",
            &[("vocab.txt", words), ("tokenizer_config.json", b"[]")],
            "tokenizer_config.json: not the JSON",
        ),
        (
            "bert",
            &[
                ("vocab.txt", words),
                ("special_tokens_map.json", br#"{"pad_token":7}"#),
            ],
            "`pad_token` is no token",
        ),
        (
            "bert",
            &[("vocab.txt", words), ("added_tokens.json", br#"{"x":-1}"#)],
            "`x` has the id -1",
        ),
        ("roberta", &[("vocab.json", vocab)], "no tokenizer here"),
        (
            "roberta",
            &[("vocab.json", b"[]"), ("merges.txt", b"")],
            "vocab.json: not the JSON",
        ),
        (
            "roberta",
            &[("vocab.json", vocab), ("merges.txt", b"#version: 0.2\na\n")],
            "merges.txt: line 2 is not two",
        ),
        (
            "roberta",
            &[("vocab.json", vocab), ("merges.txt", b"a b\n")],
            "merges.txt: it does not fit vocab.json",
        ),
        (
            "roberta",
            &[("vocab.json", vocab), ("merges.txt", b"a b c\n")],
            "merges.txt: line 1 is not two",
        ),
    ];
    for (model_type, files, expected) in cases {
        let message = error(model_type, files).to_string();
        assert!(
            message.contains(expected),
            "expected `{expected}`, found `{message}`"
        );
    }
}

#[test]
fn a_sentencepiece_model_of_another_type_is_refused() {
    let message = error(
        "xlm-roberta",
        &[("sentencepiece.bpe.model", &model("not-unigram"))],
    )
    .to_string();
    assert!(
        message.contains("of type Bpe; Unigram is supported"),
        "{message}"
    );
}

#[test]
fn a_sentencepiece_model_of_nobody_is_refused() {
    let error = error("bert", &[("spiece.model", &model("xlm-roberta-bare"))]);
    assert!(
        error
            .to_string()
            .contains("`bert` does not say how the ids"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("XLMRobertaTokenizer"));
}

fn model(name: &str) -> Vec<u8> {
    fs::read(golden(name).join("sentencepiece.bpe.model")).unwrap()
}

/// Every text here goes through every map that is accepted: an accepted one must not panic.
#[test]
fn a_damaged_sentencepiece_model_is_an_error_or_works() {
    let whole = model("camembert-mapped");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sentencepiece.bpe.model");
    let texts = ["½ … ﬁ ａ", "e\u{301}\u{1}a", "😀 北京", ""];
    let cuts = (0..whole.len())
        .step_by(97)
        .map(|end| whole[..end].to_vec());
    let flips = (0..whole.len()).step_by(41).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        bytes
    });
    for bytes in cuts.chain(flips) {
        fs::write(&file, bytes).unwrap();
        if let Ok(tokenizer) = Tokenizer::from_folder(folder.path(), &facts("camembert")) {
            for text in texts {
                let _ = tokenizer.encode(text, Fit::cut(16));
            }
        }
    }
}

#[test]
fn a_damaged_character_map_in_tokenizer_json_is_an_error() {
    let cases = [
        ("not base64", "*"),
        ("no array", "AAAAAA=="),
        ("too long", "/////w=="),
        ("nothing", ""),
    ];
    for (name, map) in cases {
        let normalizer = json!({"type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": map}]});
        let message = error(
            "camembert",
            &[("tokenizer.json", &tokenizer_json(normalizer, None))],
        )
        .to_string();
        assert!(
            message.contains("tokenizer.json: the character map"),
            "{name}: {message}"
        );
    }
}

#[test]
fn a_template_that_repeats_the_text_is_an_error() {
    let sequence = json!({"Sequence": {"id": "A", "type_id": 0}});
    let post = json!({"type": "TemplateProcessing", "single": [sequence, sequence], "pair": [], "special_tokens": {}});
    let message = error(
        "bert",
        &[("tokenizer.json", &tokenizer_json(json!(null), Some(post)))],
    )
    .to_string();
    assert!(message.contains("tokenizer.json: "), "{message}");
}

/// The library cuts the second token of a merge where its prefix should end.
#[test]
fn a_tokenizer_json_that_the_library_panics_at_is_an_error() {
    let mut value: serde_json::Value =
        serde_json::from_slice(&tokenizer_json(json!(null), None)).unwrap();
    value["model"] = json!({"type": "BPE", "continuing_subword_prefix": "####", "merges": ["a b"],
        "vocab": {"a": 0, "b": 1, "ab": 2}});
    let message = error(
        "roberta",
        &[("tokenizer.json", &serde_json::to_vec(&value).unwrap())],
    )
    .to_string();
    assert!(message.contains("tokenizer.json: "), "{message}");
}

#[test]
fn truncation_and_padding_in_tokenizer_json_are_shown_and_not_applied() {
    let mut value: serde_json::Value =
        serde_json::from_slice(&tokenizer_json(json!(null), None)).unwrap();
    value["truncation"] =
        json!({"max_length": 2, "strategy": "LongestFirst", "stride": 0, "direction": "Right"});
    value["padding"] = json!({"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
        "pad_type_id": 0, "pad_token": "u"});
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("tokenizer.json"),
        serde_json::to_vec(&value).unwrap(),
    )
    .unwrap();
    let tokenizer = Tokenizer::from_folder(folder.path(), &facts("bert")).unwrap();
    assert_eq!(
        tokenizer.notes(),
        ["tokenizer.json truncates at 2 tokens and pads to 9: shown, not applied"]
    );
    assert_eq!(
        tokenizer.encode("ababa", Fit::cut(64)).unwrap().full_length,
        5
    );
}

fn tokenizer_json(
    normalizer: serde_json::Value,
    post_processor: Option<serde_json::Value>,
) -> Vec<u8> {
    let value = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": normalizer,
        "pre_tokenizer": null, "post_processor": post_processor, "decoder": null,
        "model": {"type": "Unigram", "unk_id": 0, "vocab": [["u", 0.0], ["a", -1.0], ["b", -1.0]]},
    });
    serde_json::to_vec(&value).unwrap()
}
