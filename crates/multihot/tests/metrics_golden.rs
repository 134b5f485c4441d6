//! Every figure of `evaluate` against scikit-learn's and torchmetrics', written by
//! `tools/reference/metrics.py`.

use multihot::Questions;
use multihot::scores::LogOdds;
use multihot_table::Cell;
use serde_json::Value;

/// The promise is 1e-6; the numbers of the file are rounded to twelve places.
const BOUND: f64 = 1e-6;

#[test]
fn figures_are_those_of_scikit_learn_and_torchmetrics() {
    let golden: Value = serde_json::from_str(include_str!("golden/metrics.json")).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() > 10, "the file has {} cases", cases.len());
    for case in cases {
        let labels: Vec<String> = serde_json::from_value(case["labels"].clone()).unwrap();
        let log_odds = LogOdds::new(
            flat(&case["logits"], |value| value.as_f64().unwrap() as f32),
            labels.len(),
        );
        let cells = flat(&case["cells"], cell);
        let thresholds: Vec<Option<f32>> =
            serde_json::from_value(case["thresholds"].clone()).unwrap();
        let questions = Questions::independent(&labels);
        let actual = multihot::metrics::evaluate(&questions, &log_odds, &cells, &thresholds);
        let actual = serde_json::to_value(actual).unwrap();
        compare(case["name"].as_str().unwrap(), &actual, &case["expected"]);
    }
}

#[test]
fn probabilities_are_those_of_scipy() {
    let golden: Value = serde_json::from_str(include_str!("golden/metrics.json")).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let n_labels = case["labels"].as_array().unwrap().len();
        let number = |value: &Value| value.as_f64().unwrap() as f32;
        let actual = LogOdds::new(flat(&case["logits"], number), n_labels).probabilities();
        for (actual, expected) in actual
            .values()
            .iter()
            .zip(flat(&case["probabilities"], number))
        {
            assert!(
                (actual - expected).abs() <= 1e-6,
                "{}: {actual} vs {expected}",
                case["name"]
            );
        }
    }
}

fn flat<T>(rows: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    let rows = rows.as_array().unwrap();
    rows.iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(read)
        .collect()
}

fn cell(value: &Value) -> Cell {
    match value.as_i64() {
        Some(1) => Cell::Yes,
        Some(0) => Cell::No,
        _ => Cell::Unknown,
    }
}

/// Compares two JSON values: the same keys in the same order, the same nulls, numbers within the bound.
fn compare(at: &str, actual: &Value, expected: &Value) {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            assert!(
                actual.keys().eq(expected.keys()),
                "{at}: {:?}",
                actual.keys()
            );
            for (key, value) in actual {
                compare(&format!("{at} / {key}"), value, &expected[key]);
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= BOUND, "{at}: {a} vs {b}");
        }
        _ => assert_eq!(actual, expected, "{at}"),
    }
}
