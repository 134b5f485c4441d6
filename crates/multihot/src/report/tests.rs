use Cell::{No, Unknown, Yes};
use multihot_kernels::{Pool, random};
use serde_json::{Value, json};

use super::*;
use crate::baseline::BaselineReport;
use crate::decisions::{TuneOptions, tune};
use crate::metrics::evaluate;
use crate::scores::Logits;

/// Rows with answers and scores, and what was made of them.
struct Made {
    questions: Questions,
    log_odds: LogOdds,
    calibrated: LogOdds,
    cells: Vec<Cell>,
    decisions: Decisions,
    tuning: Option<Tuning>,
    evaluation: Evaluation,
    texts: Vec<String>,
    ids: Vec<Value>,
}

impl Made {
    /// Tuned where `options` say how, else at 0.5.
    fn new(
        labels: &[&str],
        logits: Logits,
        cells: Vec<Cell>,
        options: Option<TuneOptions>,
    ) -> Self {
        let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        Self::of(Questions::independent(&labels), logits, cells, options)
    }

    fn of(
        questions: Questions,
        logits: Logits,
        cells: Vec<Cell>,
        options: Option<TuneOptions>,
    ) -> Self {
        let tuned = |options| tune(&questions, &logits, &cells, &options, &Pool::new(2)).unwrap();
        let tuning = options.map(tuned);
        let decisions = tuning.as_ref().map_or_else(
            || Decisions::fixed(&questions, 0.5),
            |tuning| tuning.decisions.clone(),
        );
        let calibrated = decisions.calibrate(&questions, &logits);
        Self {
            evaluation: evaluate(&questions, &calibrated, &cells, &decisions.thresholds()),
            texts: (0..logits.rows())
                .map(|row| format!("text {row}"))
                .collect(),
            ids: (0..logits.rows())
                .map(|row| json!(format!("t{row}")))
                .collect(),
            log_odds: logits.log_odds(&questions),
            questions,
            calibrated,
            cells,
            decisions,
            tuning,
        }
    }

    /// `rows` rows of drawn answers, and logits that are right about them by and large.
    fn drawn(labels: &[&str], rows: usize, options: Option<TuneOptions>) -> Self {
        let n = rows * labels.len();
        let yes = |i| random::uniform(random::key(7, &[1]), i) < 0.3;
        let logit = |i| {
            let noise = random::normal(random::key(7, &[2]), i);
            (if yes(i) { 1.0 } else { -1.5 } + noise) as f32
        };
        let cells = (0..n as u64).map(|i| match i % 19 {
            0 => Unknown,
            _ if yes(i) => Yes,
            _ => No,
        });
        let logits = Logits::new((0..n as u64).map(logit).collect(), labels.len());
        Self::new(labels, logits, cells.collect(), options)
    }

    /// The page, and the data in it.
    fn page(&self) -> (String, Value) {
        self.page_with(&More::default())
    }

    fn page_with(&self, more: &More<'_>) -> (String, Value) {
        let texts: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        let ids: Vec<&Value> = self.ids.iter().collect();
        let page = page(&ReportInput {
            kind: match more.epochs {
                [] => ReportKind::Evaluation,
                _ => ReportKind::Training,
            },
            model: more.model.unwrap_or("model"),
            table: "table.csv",
            tune_arguments: &["model".into(), "table.csv".into()],
            questions: &self.questions,
            log_odds: &self.log_odds,
            calibrated: &self.calibrated,
            cells: &self.cells,
            decisions: &self.decisions,
            texts: (!more.no_texts).then_some(&texts),
            ids: (!more.no_texts).then_some(&ids),
            evaluation: &self.evaluation,
            tuning: self.tuning.as_ref(),
            epochs: more.epochs,
            baseline: more.baseline,
            warnings: more.warnings,
        });
        let (_, rest) = page.split_once("id=\"data\">").unwrap();
        let (json, _) = rest.split_once("</script>").unwrap();
        let data = serde_json::from_str(json).unwrap();
        (page, data)
    }
}

/// What only some pages have.
#[derive(Default)]
struct More<'a> {
    model: Option<&'a str>,
    no_texts: bool,
    baseline: Option<&'a BaselineReport>,
    epochs: &'a [EpochReport],
    warnings: &'a [String],
}

fn sentences(data: &Value) -> Vec<&str> {
    let sentences = data["summary"].as_array().unwrap().iter();
    sentences
        .map(|sentence| sentence["text"].as_str().unwrap())
        .collect()
}

#[test]
fn figures_are_those_of_the_evaluation() {
    let made = Made::drawn(&["a", "b", "c"], 400, Some(TuneOptions::default()));
    let (_, data) = made.page();
    for (i, (name, line)) in made.evaluation.report.labels.iter().enumerate() {
        let label = &data["labels"][i];
        assert_eq!(label["name"], **name);
        let figures = [line.precision, line.recall, line.f1_score];
        assert_eq!(
            json!(figures),
            json!([label["precision"], label["recall"], label["f1"]])
        );
        assert_eq!(label["positives"], line.support);
        // And once more from what the page works with.
        let curve = &label["curve"];
        let at = curve["stored"].as_u64().unwrap() as usize;
        let thresholds: Vec<f32> = serde_json::from_value(curve["thresholds"].clone()).unwrap();
        assert_eq!(Some(thresholds[at]), made.decisions.labels[i].threshold);
    }
    let micro = made.evaluation.report.micro_average.f1_score;
    assert_eq!(data["overall"]["micro_f1"], json!(micro));
    assert_eq!(
        data["overall"]["macro_f1"],
        json!(made.evaluation.report.macro_average.f1_score)
    );
    let tuning = made.tuning.as_ref().unwrap();
    assert_eq!(
        data["labels"][1]["fresh"]["f1"],
        json!(tuning.labels[1].cross_fitted.f1_score)
    );
}

#[test]
fn names_and_texts_cannot_leave_the_data() {
    let hostile = [
        "</script><script>alert(1)</script>",
        "<!-- <script> --> ]]>",
        "\"quotes\" 'and' \\back\\slashes `ticks` ${x}",
        "line\nbreak\u{2028}and\ttab\0",
        "שלום \u{202e}evil",
        "👩‍👩‍👧 🎉",
        "@JS@ @DATA@ @CSS@",
    ];
    let mut made = Made::drawn(&hostile, 60, None);
    for (row, text) in made.texts.iter_mut().enumerate() {
        *text = hostile[row % hostile.len()].to_owned();
    }
    made.ids.fill(json!({"<script>": "</script>"}));
    let plain = Made::drawn(&["a", "b", "c", "d", "e", "f", "g"], 60, None);
    let (page, data) = made.page_with(&More {
        model: Some("</title><script>alert(2)</script>"),
        ..More::default()
    });
    let (plain_page, _) = plain.page();
    for tag in ["<script", "</script", "<!--", "</title", "</style"] {
        assert_eq!(
            page.matches(tag).count(),
            plain_page.matches(tag).count(),
            "{tag}"
        );
    }
    for (label, name) in data["labels"].as_array().unwrap().iter().zip(hostile) {
        assert_eq!(label["name"], name);
    }
    for (row, example) in data["examples"].as_object().unwrap() {
        let row: usize = row.parse().unwrap();
        assert_eq!(example["text"], made.texts[row]);
    }
}

#[test]
fn nothing_is_loaded_from_anywhere() {
    let (page, _) = Made::drawn(&["a"], 30, None).page();
    assert!(page.contains("default-src 'none'"));
    let names_only = page.replace("http://www.w3.org/2000/svg", "");
    for outside in [
        "http:", "https:", "//cdn", "src=", "<link", "@import", "url(",
    ] {
        assert!(!names_only.contains(outside), "{outside}");
    }
}

#[test]
fn what_has_no_value_is_null() {
    let cases = [
        ("no rows", vec![], vec![]),
        ("nothing known", vec![1.0, 2.0, 3.0, 4.0], vec![Unknown; 4]),
        ("never yes", vec![1.0, 2.0, 3.0, 4.0], vec![No; 4]),
        ("always yes", vec![1.0, -2.0, 3.0, 4.0], vec![Yes; 4]),
        ("all equal", vec![0.0; 4], vec![Yes, No, No, Yes]),
        (
            "a broken logit",
            vec![f32::NAN, f32::INFINITY, -1e30, 0.0],
            vec![Yes, No, Yes, No],
        ),
        ("one row", vec![0.5, -0.5], vec![Yes, No]),
    ];
    for (name, logits, cells) in cases {
        let (_, data) = Made::new(&["a", "b"], Logits::new(logits, 2), cells, None).page();
        assert!(!sentences(&data).concat().contains("NaN"), "{name}");
        assert_eq!(data["labels"].as_array().unwrap().len(), 2, "{name}");
    }
}

#[test]
fn many_rows_make_no_large_page() {
    let mut made = Made::drawn(&["a", "b", "c", "d"], 10_000, None);
    made.texts.fill("long ".repeat(100));
    let (page, data) = made.page();
    assert!(page.len() < 300_000, "{} bytes", page.len());
    assert_eq!(data["mistakes"].as_array().unwrap().len(), 40);
    assert_eq!(data["suspects"]["surest"].as_array().unwrap().len(), 60);
    assert!(data["suspects"]["in_all"].as_u64().unwrap() > 60);
}

#[test]
fn ninety_labels_make_no_large_page_either() {
    let names: Vec<String> = (0..90).map(|label| format!("label {label}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut made = Made::drawn(&names, 500, None);
    made.texts.fill("long ".repeat(100));
    let (page, data) = made.page();
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    assert!(data["mistakes"].as_array().unwrap().len() <= 4 * 90);
}

#[test]
fn the_worst_mistakes_come_first() {
    // Probabilities of a false yes rise with the row, of a false no they fall.
    let logits: Vec<f32> = (0..40)
        .map(|row| {
            if row % 2 == 0 {
                row as f32
            } else {
                -(row as f32)
            }
        })
        .collect();
    let cells: Vec<Cell> = (0..40)
        .map(|row| if row % 2 == 0 { No } else { Yes })
        .collect();
    let (_, data) = Made::new(&["a"], Logits::new(logits, 1), cells, None).page();
    let mistakes = data["mistakes"].as_array().unwrap();
    let rows: Vec<u64> = mistakes
        .iter()
        .map(|mistake| mistake["row"].as_u64().unwrap())
        .collect();
    assert_eq!(rows, [39, 38, 37, 36, 35, 34, 33, 32, 31, 30]);
    assert_eq!(mistakes[0]["given"], true);
    assert_eq!(
        data["examples"]["39"],
        json!({"id": "t39", "text": "text 39", "yes": [0]})
    );
}

#[test]
fn rows_without_texts_are_numbered_from_1() {
    let made = Made::drawn(&["a"], 30, None);
    let (_, data) = made.page_with(&More {
        no_texts: true,
        ..More::default()
    });
    for (row, example) in data["examples"].as_object().unwrap() {
        let row: usize = row.parse().unwrap();
        assert_eq!(example["text"], Value::Null);
        assert_eq!(example["id"], (row + 1).to_string());
    }
}

#[test]
fn the_summary_says_what_matters() {
    let made = Made::drawn(&["good", "bad"], 400, Some(TuneOptions::default()));
    let tuning = made.tuning.clone().unwrap();
    let baseline = |evaluation, macro_f1| {
        let mut tuning = tuning.clone();
        tuning.overall.macro_f1 = macro_f1;
        BaselineReport {
            features: 5,
            seconds: 0.1,
            evaluation,
            tuning,
        }
    };
    let useless = LogOdds::new(vec![0.0; 800], 2);
    let thresholds = made.decisions.thresholds();
    let useless = evaluate(&made.questions, &useless, &made.cells, &thresholds);
    let worse = baseline(useless.clone(), Some(0.25));
    let epoch = |epoch, dev_loss| EpochReport {
        epoch,
        train_loss: 0.5,
        dev_loss: Some(dev_loss),
        dev_macro_average_precision: None,
    };
    let epochs = [epoch(1, 0.4), epoch(2, 0.3)];
    let warnings = ["the model has collapsed".to_owned()];
    let (_, data) = made.page_with(&More {
        baseline: Some(&worse),
        epochs: &epochs,
        warnings: &warnings,
        ..More::default()
    });
    let summary = sentences(&data).join("\n");
    let expected = [
        "2 labels on 400 held-out rows of table.csv: 757 known cells, ",
        "43 unknown cells count nowhere.",
        "The thresholds were chosen on these very rows: on fresh ones expect a macro F1 of about ",
        "From best to worst by F1: ",
        "The encoder earns its keep: macro average precision ",
        " against 0.2500 of TF-IDF",
        "it ranks 2 of 2 labels better.",
        "the mean calibration error: ",
        "With 0.5 everywhere macro F1 would be ",
        "Epoch 2 of 2 was kept. It was the last one, so more epochs may do better.",
        "the model has collapsed",
    ];
    for part in expected {
        assert!(summary.contains(part), "`{part}` is not in:\n{summary}");
    }
    let tone = |text: &str| {
        let all = data["summary"].as_array().unwrap();
        let found = all
            .iter()
            .find(|sentence| sentence["text"].as_str().unwrap().contains(text));
        found.unwrap()["tone"].clone()
    };
    assert_eq!(
        (tone("earns"), tone("collapsed")),
        (json!("good"), json!("warning"))
    );

    // As on screen, F1 is the cross-fitted one where decisions were chosen on these rows.
    let fresh = tuning.overall.macro_f1;
    let equal = baseline(made.evaluation.clone(), fresh);
    let decides_better = baseline(useless, fresh.map(|f1| f1 + 0.01));
    let cases = [
        (&equal, "does not earn its keep here"),
        (
            &decides_better,
            "earns its keep on ranking, but not on decisions",
        ),
    ];
    for (linear, expected) in cases {
        let (_, data) = made.page_with(&More {
            baseline: Some(linear),
            ..More::default()
        });
        let verdict = linear.verdict(&made.evaluation, Some(&tuning)).to_string();
        assert!(verdict.contains(expected), "{verdict}");
        assert!(sentences(&data).contains(&verdict.as_str()), "{verdict}");
    }
    let few = Made::drawn(&["a", "b"], 20, None).page().1;
    assert!(sentences(&few).concat().contains("Fewer than 10 yes cells"));
}

#[test]
fn a_label_that_is_never_a_yes_has_no_threshold_in_the_summary() {
    let mut made = Made::drawn(&["a", "b", "c"], 100, None);
    let said = |made: &Made| sentences(&made.page().1).join(" ");
    assert!(said(&made).contains("A probability from 0.500 up is a yes, for every label."));
    made.decisions.labels[1].threshold = Some(1.0_f32.next_up());
    let expected = "One label is never answered with yes. A probability from 0.500 up is a yes, for \
                    every other label.";
    assert!(said(&made).contains(expected), "{}", said(&made));
    made.decisions.labels[2].threshold = Some(0.25);
    let expected = "yes. Each other label has a threshold of its own, from 0.250 (";
    assert!(said(&made).contains(expected), "{}", said(&made));
    for label in &mut made.decisions.labels {
        label.threshold = Some(1.0_f32.next_up());
    }
    let expected = "3 labels are never answered with yes. With 0.5 everywhere";
    assert!(said(&made).contains(expected), "{}", said(&made));
}

#[test]
fn a_method_of_calibration_goes_into_the_command() {
    let tune_arguments = |calibration| {
        let options = TuneOptions {
            calibration,
            ..TuneOptions::default()
        };
        let made = Made::drawn(&["a", "b"], 400, Some(options));
        made.page().1["tune_arguments"].clone()
    };
    use crate::decisions::CalibrationMethod::{Beta, None, Platt};
    assert_eq!(tune_arguments(Platt), json!(["model", "table.csv"]));
    assert_eq!(
        tune_arguments(Beta),
        json!(["model", "table.csv", "--calibration", "beta"])
    );
    assert_eq!(
        tune_arguments(None),
        json!(["model", "table.csv", "--calibration", "none"])
    );
}

#[test]
fn a_place_is_refused_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let to_come = folder.path().join("model");
    for good in [
        folder.path().join("r.html"),
        to_come.join("r.html"),
        "r.html".into(),
    ] {
        check_place(&good, &to_come).unwrap();
    }
    for bad in [folder.path().to_owned(), folder.path().join("none/r.html")] {
        let error = check_place(&bad, &to_come).unwrap_err().to_string();
        assert!(error.contains("no report can be written there"), "{error}");
    }
}

#[test]
fn all_cores_give_all_results_in_order() {
    for n in [0, 1, 2, 7, 100] {
        assert_eq!(
            on_all_cores(n, |i| i * i),
            (0..n).map(|i| i * i).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_label_of_a_group_is_shown_as_it_is_decided() {
    use crate::questions::tests::questions;

    let drawn = Made::drawn(&["a", "b", "free"], 300, None);
    let questions = questions("a,b,free", &["topic?=a,b"], &[]);
    // Of two yes the second goes, as they exclude each other.
    let mut cells = drawn.cells;
    for row in cells.chunks_mut(3) {
        if row[0] == Yes {
            row[1] = No;
        }
    }
    let logits = Logits::new(drawn.log_odds.values().to_vec(), 3);
    let made = Made::of(questions, logits, cells, Some(TuneOptions::default()));
    let (_, data) = made.page();
    for label in 0..3 {
        let counts = made.evaluation.labels[label].confusion_matrix;
        let shown = &data["labels"][label];
        assert_eq!(shown["decided"], json!([counts.tp, counts.fp]));
        assert_eq!(shown["f1"], json!(counts.f1()));
        let is_free = label == 2;
        assert_eq!(shown["threshold"].is_null(), !is_free);
        assert_eq!(
            shown["group"],
            if is_free { Value::Null } else { json!("topic") }
        );
    }
    assert_eq!(data["labels"][0]["objective"], "likeliest");
    // The group has a temperature; of the options only the other label's tell.
    assert_eq!(data["tune_arguments"], json!(["model", "table.csv"]));
    let sentences = data["summary"].to_string();
    assert!(
        sentences.contains("In an exclusive group the likeliest label is the answer."),
        "{sentences}"
    );
}
