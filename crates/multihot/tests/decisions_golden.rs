//! Calibrations and thresholds against scikit-learn's and scipy's, written by
//! `tools/reference/decisions.py`.

use multihot::decisions::{Calibration, CalibrationMethod, TuneOptions, Tuning, tune};
use multihot::{Cell, Logits, Questions};
use multihot_kernels::Pool;
use serde_json::Value;

fn cases() -> Vec<Value> {
    let golden: Value = serde_json::from_str(include_str!("golden/decisions.json")).unwrap();
    let cases = golden["cases"].as_array().unwrap().clone();
    assert_eq!(cases.len(), 4);
    cases
}

fn tuned(case: &Value, method: CalibrationMethod, objective: &str) -> Tuning {
    let numbers = |key: &str| case[key].as_array().unwrap().clone();
    let logits = numbers("logits")
        .iter()
        .map(|z| z.as_f64().unwrap() as f32)
        .collect();
    let cell = |value: &Value| match value.as_i64() {
        Some(1) => Cell::Yes,
        Some(0) => Cell::No,
        _ => Cell::Unknown,
    };
    let cells: Vec<Cell> = numbers("cells").iter().map(cell).collect();
    let options = TuneOptions {
        objective: objective.parse().unwrap(),
        calibration: method,
        ..TuneOptions::default()
    };
    let questions = Questions::independent(&["label".to_owned()]);
    tune(
        &questions,
        &Logits::new(logits, 1),
        &cells,
        &options,
        &Pool::new(1),
    )
    .unwrap()
}

#[track_caller]
fn assert_close(actual: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    // The quasi-Newton method ends at a gradient of some 1e-9.
    assert!(
        (actual - expected).abs() <= 1e-5 * expected.abs().max(1.0),
        "{what}: {actual}, {expected}"
    );
}

#[test]
fn calibrations_are_those_of_least_log_loss() {
    for case in cases() {
        let name = case["name"].as_str().unwrap();
        let fitted = |method| {
            tuned(&case, method, "f1").decisions.labels[0]
                .calibration
                .clone()
        };
        let Calibration::Platt { a, b } = fitted(CalibrationMethod::Platt) else {
            panic!("{name}: no Platt");
        };
        assert_close(a, &case["platt"][0], name);
        assert_close(b, &case["platt"][1], name);
        let Calibration::Temperature { temperature } = fitted(CalibrationMethod::Temperature)
        else {
            panic!("{name}: no temperature");
        };
        assert_close(temperature, &case["temperature"], name);
        let Calibration::Beta { a, b, c } = fitted(CalibrationMethod::Beta) else {
            panic!("{name}: no beta");
        };
        let expected = &case["beta"];
        // Where the free optimum has a negative slope, ours is that with this slope at 0.
        if expected[0].as_f64().unwrap() >= 0.0 && expected[1].as_f64().unwrap() >= 0.0 {
            assert_close(a, &expected[0], name);
            assert_close(b, &expected[1], name);
            assert_close(c, &expected[2], name);
        } else {
            assert!(a == 0.0 || b == 0.0, "{name}: {a} {b}");
        }
    }
}

#[test]
fn isotonic_pools_are_those_of_scikit_learn() {
    for case in cases() {
        let fitted = tuned(&case, CalibrationMethod::Isotonic, "f1");
        let Calibration::Isotonic { calibrated, .. } = &fitted.decisions.labels[0].calibration
        else {
            panic!("{}: no isotonic", case["name"]);
        };
        let known = fitted.labels[0].known as f64;
        let expected = case["isotonic"].as_array().unwrap();
        assert_eq!(calibrated.len(), expected.len(), "{}", case["name"]);
        for (logit, share) in calibrated.iter().zip(expected) {
            // A share of 0 or 1 stands half a cell away from it.
            let edge = 0.5 / (known + 1.0);
            let share = share.as_f64().unwrap().clamp(edge, 1.0 - edge);
            let chance = 1.0 / (1.0 + (-logit).exp());
            assert!(
                (chance - share).abs() < 1e-9,
                "{}: {chance}, {share}",
                case["name"]
            );
        }
    }
}

#[test]
fn thresholds_are_as_good_as_the_best_that_scikit_learn_finds() {
    for case in cases() {
        for method in [CalibrationMethod::Platt, CalibrationMethod::None] {
            let of = |objective: &str| tuned(&case, method, objective).labels[0].clone();
            for objective in ["f1", "f-beta=2"] {
                let figure = of(objective).on_tuning_rows.objective.unwrap();
                assert_close(figure, &case[objective], objective);
            }
            let precise = of("precision>=0.8");
            assert!(precise.on_tuning_rows.objective.unwrap() >= 0.8);
            let found = precise.on_tuning_rows.recall.unwrap() * precise.positives as f64;
            assert_close(found, &case["precision>=0.8"], "precision>=0.8");
            let wide = of("recall>=0.9");
            assert!(wide.on_tuning_rows.objective.unwrap() >= 0.9);
            let found = wide.on_tuning_rows.recall.unwrap() * wide.positives as f64;
            let yes = found / wide.on_tuning_rows.precision.unwrap();
            assert_close(yes, &case["recall>=0.9"], "recall>=0.9");
        }
    }
}
