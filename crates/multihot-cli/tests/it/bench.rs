//! `multihot bench`: that it measures, not what.

use serde_json::{Value, json};

use crate::program::{Place, Run, multihot, reviews, text, tiny_bert, trained};

/// `bench tiny-bert` with next to no time.
fn bench(more: &[&str]) -> Run {
    let folder = text(&tiny_bert());
    let quick = ["--seconds", "0", "--tokens", "8", "--lengths", "4,8"];
    let small = ["--batch-tokens", "16", "--batch-rows", "4"];
    let args = [&["bench", &folder], &quick[..], &small, more].concat();
    Run::of(multihot().args(args))
}

#[test]
fn every_section_is_printed() {
    let table = text(&reviews());
    let options = ["--precision", "f32,int8", "--threads", "2", "--breakdown"];
    let sweep = ["--sweep", "lengths,batch,rows,threads"];
    let run = bench(&[&options[..], &sweep, &[&table]].concat()).succeeds();
    for part in [
        "model    tiny-bert: bert, 2 layers, 32 wide, 48 inside, 151 word pieces\n",
        "threads 2, instruction set ",
        "\npeak of this machine, from registers, in GFLOP/s (int8: GOP/s)\n",
        "\nproducts of the layers, and their share of the peak on all threads, f32\n",
        "\nproducts of the layers, and their share of the peak on all threads, int8\n",
        "  attention output  d_weights       8       32      32 ",
        "  median ",
        "\ntokens a second, by tokens of a row\n",
        "f32 predict  f32 train  int8 predict\n",
        "\ntokens a second, by the table, rows of a batch\n",
        "\nwhere the time goes, f32 train: 4 rows, ",
        "  products, d_input ",
        "  optimizer ",
        "  rest ",
        "  all ",
        "\nwhere the time goes, int8 predict: 4 rows, ",
        "\nsweep: tokens a second, by tokens of a row\n",
        "\nsweep: tokens a second, by rows of a batch\n",
        "\nsweep: tokens a second, by rows\n",
        "\nsweep: tokens a second, by threads\n",
    ] {
        assert!(run.stdout.contains(part), "`{part}`: {}", run.stdout);
    }
    assert!(!run.stdout.contains("NaN"), "{}", run.stdout);
    run.says(&["measuring products in int8"]);
}

#[test]
fn json_has_everything_by_name() {
    let options = ["--json", "--threads", "1", "--precision", "f32"];
    let report = bench(&[&options[..], &["--breakdown", "--sweep", "batch"]].concat());
    let report = report.succeeds().json();
    let keys = |value: &Value| -> Vec<String> {
        let object = value.as_object().expect("this is an object");
        object.keys().cloned().collect()
    };
    let sections = [
        "model",
        "machine",
        "peak",
        "roofline",
        "tokens",
        "breakdown",
        "sweep",
    ];
    assert_eq!(keys(&report), sections);
    let shape = json!({"name": "tiny-bert", "family": "bert", "layers": 2, "hidden_size": 32,
        "intermediate_size": 48, "vocab_size": 151});
    assert_eq!(report["model"], shape);
    let cases: [(&Value, &[&str]); 8] = [
        (&report["machine"], &["cpu", "threads", "instruction_set"]),
        (
            &report["peak"][0],
            &["precision", "gops_one_thread", "gops_all_threads"],
        ),
        (
            &report["roofline"][0],
            &[
                "precision",
                "median_share",
                "lowest_share",
                "median_best_share",
                "lowest_best_share",
                "products",
            ],
        ),
        (
            &report["roofline"][0]["products"][0],
            &[
                "layer",
                "product",
                "tokens",
                "outputs",
                "inputs",
                "gops",
                "peak_share",
                "best_share",
            ],
        ),
        (
            &report["tokens"][0],
            &["what", "x", "precision", "work", "tokens_per_s"],
        ),
        (
            &report["sweep"][0],
            &["what", "x", "precision", "work", "tokens_per_s"],
        ),
        (
            &report["breakdown"][1],
            &[
                "precision",
                "work",
                "rows",
                "tokens",
                "ms",
                "products_share",
                "parts",
            ],
        ),
        (
            &report["breakdown"][1]["parts"][0],
            &["part", "ms", "share"],
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(keys(value), expected);
    }
    // Four layers of three products each; two lengths, predicted and learned.
    assert_eq!(
        report["roofline"][0]["products"].as_array().unwrap().len(),
        12
    );
    assert_eq!(report["tokens"].as_array().unwrap().len(), 4);
    let train = &report["breakdown"][1];
    assert_eq!(
        (&train["work"], &train["tokens"]),
        (&json!("train"), &json!(128))
    );
    let parts = train["parts"].as_array().unwrap();
    let shares = parts.iter().map(|part| part["share"].as_f64().unwrap());
    assert!((shares.sum::<f64>() - 1.0).abs() < 1e-6, "{train}");
}

#[test]
fn a_model_is_measured_as_well_as_an_encoder() {
    let folder = text(trained());
    let quick = ["--seconds", "0", "--tokens", "8", "--lengths", "4"];
    let args = [
        &["bench", &folder, "--precision", "f32", "--json"],
        &quick[..],
    ]
    .concat();
    let report = Run::of(multihot().args(args)).succeeds().json();
    assert_eq!(report["model"]["name"], json!("model"));
}

#[test]
fn what_cannot_be_measured_is_wrong_usage_and_says_what_can() {
    let cases: [(&[&str], &[&str]); 7] = [
        (&["--precision", "f64"], &["'f64'", "f32, bf16, int8"]),
        (
            &["--sweep", "rows,colour"],
            &["'colour'", "lengths, batch, rows, threads"],
        ),
        (
            &["--lengths", "65"],
            &["`--lengths` is 65; expected 1 to 64, the longest row that this encoder reads"],
        ),
        (
            &["--tokens", "8,0"],
            &["`--tokens` is 0; expected at least 1"],
        ),
        (
            &["--batch-rows", "0"],
            &["`--batch-rows` is 0; expected at least 1"],
        ),
        (
            &["--seconds", "NaN"],
            &["`--seconds` is NaN; expected 0 to 3600"],
        ),
        (
            &["--threads", "0"],
            &["`--threads` is 0; expected 1 to 1024"],
        ),
    ];
    let folder = text(&tiny_bert());
    for (options, parts) in cases {
        let run = Run::of(multihot().args(["bench", &folder]).args(options)).ends_with(2);
        assert_eq!(run.stdout, "", "{options:?}");
        for part in parts {
            assert!(run.stderr.contains(part), "`{part}`: {}", run.stderr);
        }
    }
}

#[test]
fn a_folder_without_weights_is_an_error_at_once() {
    let place = Place::new();
    place.copy(&tiny_bert(), "encoder");
    std::fs::remove_file(place.path("encoder/model.safetensors")).unwrap();
    let run = place.run(&["bench", "encoder"]);
    run.fails_with(&["encoder", "model.safetensors"]);
}
