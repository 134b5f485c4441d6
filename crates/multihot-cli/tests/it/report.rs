//! `--report`: the page that three commands write, and what it does in a browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use multihot::{Cell, Classifier, Cpu, Isa, LoadOptions, ReadOptions, Source};
use serde_json::Value;

use crate::program::{Place, Run, reviews, text, trained};

/// The data that a page shows.
fn data(page: &Path) -> Value {
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn three_commands_write_the_page() {
    let place = Place::new();
    let table = text(&reviews());
    let report = ["--report", "report.html"];
    let page = place.path("report.html");
    place
        .train(
            &reviews(),
            "model",
            &[&["--epochs", "2"], &report[..]].concat(),
        )
        .succeeds()
        .says(&["report written to report.html"]);
    let training = data(&page);
    assert_eq!(training["kind"], "training");
    assert_eq!(training["rows"], 50);
    assert_eq!(training["epochs"].as_array().unwrap().len(), 2);
    assert_eq!(training["tune_arguments"][1], "HELD-OUT-ROWS");
    let example = training["examples"]
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap();
    assert!(
        example["id"].as_str().unwrap().starts_with('t'),
        "{example}"
    );
    assert!(
        fs::read_to_string(reviews())
            .unwrap()
            .contains(example["text"].as_str().unwrap())
    );

    let run = |args: &[&str]| place.run(&[args, &report].concat()).succeeds();
    run(&["tune", "model", &table]).says(&["report written"]);
    let tuning = data(&page);
    assert_eq!(
        (&tuning["kind"], &tuning["rows"]),
        (&"tuning".into(), &120.into())
    );
    assert!(tuning["labels"][0]["fresh"]["f1"].is_number());

    let json = run(&["evaluate", "model", &table, "--json"]).json();
    let evaluation = data(&page);
    assert_eq!(evaluation["kind"], "evaluation");
    assert_eq!(
        evaluation["labels"][1]["f1"],
        json["report"]["sports"]["f1-score"]
    );
    assert_eq!(
        evaluation["overall"]["micro_f1"],
        json["report"]["micro avg"]["f1-score"]
    );

    run(&["evaluate", "model", &table, "--threshold", "0.3"]);
    assert_eq!(data(&page)["labels"][2]["threshold"], 0.3);

    run_scores(&place, &table);
    let scored = data(&page);
    assert_eq!(scored["tune_arguments"][2], "--scores");
    assert_eq!(scored["labels"][1]["f1"], evaluation["labels"][1]["f1"]);
    let example = scored["examples"]
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap();
    assert_eq!(example["text"], Value::Null);
}

fn run_scores(place: &Place, table: &str) {
    let predict = [
        "predict",
        "model",
        table,
        "--logits",
        "--output",
        "scores.csv",
    ];
    place.run(&predict).succeeds();
    let evaluate = [
        "evaluate",
        "model",
        "scores.csv",
        "--scores",
        "--report",
        "report.html",
    ];
    place.run(&evaluate).succeeds();
}

#[test]
fn a_report_may_lie_in_the_new_model() {
    let place = Place::new();
    let more = ["--epochs", "1", "--report", "model/report.html"];
    place.train(&reviews(), "model", &more).succeeds();
    assert_eq!(data(&place.path("model/report.html"))["model"], "model");
}

#[test]
fn a_place_that_is_not_there_is_refused_at_once() {
    let place = Place::new();
    let more = ["--report", "none/report.html"];
    place.train(&reviews(), "model", &more).fails_with(&[
        "none/report.html: no report can be written there",
        "hint: name a file in a folder that is there",
    ]);
    assert!(place.names().is_empty(), "{:?}", place.names());
}

/// A limit on the size of files stands for a full disk.
#[cfg(unix)]
#[test]
fn a_report_that_fails_leaves_the_old_one_and_the_model() {
    let place = Place::new();
    let model = place.copy(trained(), "model");
    place.file("report.html", "the old one");
    let before = fs::read(model.join("config.json")).unwrap();
    // An ignored signal stays ignored in the program, which then sees a write that fails.
    let line = "trap '' XFSZ; ulimit -f 4; exec \"$@\"";
    let program = env!("CARGO_BIN_EXE_multihot");
    let table = text(&reviews());
    let args = [
        "sh",
        program,
        "tune",
        "model",
        &table,
        "--report",
        "report.html",
    ];
    let mut command = Command::new("sh");
    command
        .current_dir(place.path(""))
        .arg("-c")
        .arg(line)
        .args(args);
    Run::of(&mut command).fails_with(&["report.html"]);
    assert_eq!(fs::read(place.path("report.html")).unwrap(), b"the old one");
    assert_eq!(fs::read(model.join("config.json")).unwrap(), before);
    assert_eq!(place.names(), ["model", "report.html"]);
}

/// What a person does in the page, and what they then see: puts both into the document.
const HAND: &str = r##"
  const seen = [];
  const byId = (id) => document.getElementById(id);
  const value = (id) => byId(id).getAttribute("data-value");
  const look = () => {
    const figures = {};
    for (const id of ["threshold-value", "tp", "fp", "fn", "tn", "now-precision", "now-recall",
                      "now-f1", "now-micro", "now-macro"]) {
      figures[id] = value(id) === "" ? null : Number(value(id));
    }
    figures.command = byId("command").textContent;
    figures.label = Number(byId("label-select").value);
    figures.shown = byId("now-f1").textContent;
    figures.row = [...byId("confusion-table").querySelectorAll("tbody tr")[figures.label].children]
      .slice(1, 5).map((cell) => Number(cell.textContent));
    seen.push(figures);
  };
  const set = (id, kind, to) => { byId(id).value = to; byId(id).dispatchEvent(new Event(kind)); };
  look();
  for (const label of [1, 2]) {
    set("label-select", "change", label);
    for (const place of [0, 20, 47, Number(byId("threshold").max)]) { set("threshold", "input", place); look(); }
    set("threshold", "input", 33);
  }
  byId("reset").click();
  look();
  const chart = document.querySelector("#threshold-chart svg");
  const box = chart.getBoundingClientRect();
  chart.setPointerCapture = () => {};
  chart.dispatchEvent(new PointerEvent("pointerdown", { clientX: box.left + box.width * 0.6, buttons: 1 }));
  look();
  byId("reset-all").click();
  look();
  const out = document.createElement("pre");
  out.id = "seen";
  out.textContent = encodeURIComponent(JSON.stringify(seen));
  document.body.append(out);
"##;

/// A browser of the Chromium kind, where there is one.
fn browser() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|file| file.is_file())
}

/// Opens `page` in `browser` with `script` at its end, and gives what the script left in `#seen`.
fn open(place: &Place, browser: &Path, page: &Path, script: &str) -> Value {
    let html = fs::read_to_string(page).unwrap();
    let html = html.replace("</body>", &format!("<script>{script}</script></body>"));
    let copy = place.file("driven.html", html);
    let profile = format!("--user-data-dir={}", text(&place.path("browser")));
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1200,900",
        ])
        .args([&profile, "--dump-dom", &format!("file://{}", text(&copy))])
        .output()
        .expect("the browser starts");
    let dom = String::from_utf8(output.stdout).unwrap();
    let seen = dom.split_once("<pre id=\"seen\">");
    let seen = seen
        .unwrap_or_else(|| panic!("the script has not come to its end: {dom}"))
        .1;
    let seen = seen.split_once("</pre>").unwrap().0;
    serde_json::from_str(&percent_decoded(seen)).unwrap()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut parts = text.split('%');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].bytes());
    }
    String::from_utf8(bytes).unwrap()
}

/// The reviews as the trained model sees them: by brute force, cell by cell.
struct Seen {
    probabilities: multihot::Probabilities,
    cells: Vec<Cell>,
    thresholds: Vec<f32>,
}

impl Seen {
    fn new() -> Self {
        let cpu = Arc::new(Cpu::new(Isa::detect().unwrap(), 1));
        let classifier = Classifier::load(trained(), LoadOptions::default(), cpu).unwrap();
        let options = ReadOptions {
            labels: Some(classifier.labels().to_vec()),
            ..ReadOptions::default()
        };
        let table = multihot::read(&Source::from(text(&reviews()).as_str()), &options).unwrap();
        Self {
            probabilities: classifier.score_table(&table).unwrap().probabilities,
            cells: table.cells(),
            thresholds: classifier.thresholds().into_iter().flatten().collect(),
        }
    }

    /// True and false yes, false and true no of `label`.
    fn counts(&self, label: usize, threshold: f32) -> [u64; 4] {
        let mut counts = [0; 4];
        for row in 0..self.probabilities.rows() {
            let yes = self.probabilities.row(row)[label] >= threshold;
            match (yes, self.cells[3 * row + label]) {
                (true, Cell::Yes) => counts[0] += 1,
                (true, Cell::No) => counts[1] += 1,
                (false, Cell::Yes) => counts[2] += 1,
                (false, Cell::No) => counts[3] += 1,
                (_, Cell::Unknown) => {}
            }
        }
        counts
    }
}

fn f1([tp, fp, fn_, _]: [u64; 4]) -> Option<f64> {
    let whole = 2 * tp + fp + fn_;
    (whole > 0).then(|| (2 * tp) as f64 / whole as f64)
}

#[track_caller]
fn assert_close(seen: &Value, expected: Option<f64>) {
    match (seen.as_f64(), expected) {
        (Some(seen), Some(expected)) => {
            assert!((seen - expected).abs() < 1e-12, "{seen} {expected}")
        }
        (seen, expected) => assert_eq!(seen, expected),
    }
}

#[test]
fn a_threshold_is_dragged_in_a_browser() {
    let Some(browser) = browser() else {
        println!("skipped: neither chromium, chromium-browser nor google-chrome is installed");
        return;
    };
    let place = Place::new();
    let model = text(trained());
    let table = text(&reviews());
    place
        .run(&["evaluate", &model, &table, "--report", "report.html"])
        .succeeds();
    let seen = open(&place, &browser, &place.path("report.html"), HAND);
    let looks = seen.as_array().unwrap();
    assert_eq!(looks.len(), 12);

    let truth = Seen::new();
    let mut thresholds = truth.thresholds.clone();
    for (i, look) in looks.iter().enumerate() {
        let label = look["label"].as_u64().unwrap() as usize;
        let threshold = look["threshold-value"].as_f64().unwrap() as f32;
        // Label 1 was left at place 33 when the page went on to label 2.
        if i == 5 {
            thresholds[1] = data(&place.path("report.html"))["labels"][1]["curve"]["thresholds"][33]
                .as_f64()
                .unwrap() as f32;
        }
        if i == 11 {
            thresholds.clone_from(&truth.thresholds);
        }
        thresholds[label] = threshold;
        let counts = truth.counts(label, threshold);
        let shown = ["tp", "fp", "fn", "tn"].map(|id| look[id].as_u64().unwrap());
        assert_eq!(shown, counts, "look {i}: {look}");
        let [tp, fp, fn_, tn] = counts;
        assert_eq!(
            look["row"],
            serde_json::json!([tp, fn_, fp, tn]),
            "look {i}"
        );
        let share = |part, whole| (whole > 0).then(|| part as f64 / whole as f64);
        assert_close(&look["now-precision"], share(tp, tp + fp));
        assert_close(&look["now-recall"], share(tp, tp + fn_));
        assert_close(&look["now-f1"], f1(counts));
        let all: Vec<[u64; 4]> = (0..3)
            .map(|label| truth.counts(label, thresholds[label]))
            .collect();
        let sum: Vec<u64> = (0..4)
            .map(|i| all.iter().map(|counts| counts[i]).sum())
            .collect();
        assert_close(&look["now-micro"], f1([sum[0], sum[1], sum[2], sum[3]]));
        let defined: Vec<f64> = all.iter().filter_map(|counts| f1(*counts)).collect();
        let mean = defined.iter().sum::<f64>() / defined.len() as f64;
        assert_close(&look["now-macro"], Some(mean));
    }
    // The slider has moved something, or all of this says nothing.
    assert_ne!(looks[2]["tp"], looks[3]["tp"]);
    assert_eq!(
        looks[9]["threshold-value"].as_f64().unwrap() as f32,
        truth.thresholds[2]
    );
    assert_eq!(
        looks[11]["threshold-value"].as_f64().unwrap() as f32,
        truth.thresholds[2]
    );
    // And so has the pointer in the chart.
    assert_ne!(looks[10]["threshold-value"], looks[9]["threshold-value"]);

    commands_store_what_they_say(&place, &looks[3]);
}

/// The command of the page, run by a shell, leaves the threshold in the model.
fn commands_store_what_they_say(place: &Place, look: &Value) {
    let command = look["command"].as_str().unwrap();
    let (_, arguments) = command.split_once("multihot ").unwrap();
    let model = place.copy(trained(), "model");
    let arguments = arguments.replace(&text(trained()), "model");
    let line = format!("exec \"$0\" {arguments}");
    let program = env!("CARGO_BIN_EXE_multihot");
    let mut shell = Command::new("sh");
    shell
        .current_dir(place.path(""))
        .args(["-c", &line, program]);
    Run::of(&mut shell).succeeds();
    let stored = crate::program::config(&model);
    let label = &stored["multihot"]["decisions"]["labels"][1];
    // config.json holds all digits of the f32.
    let number = |value: &Value| value.as_f64().unwrap() as f32;
    let (told, shown) = (
        number(&label["threshold"]),
        number(&look["threshold-value"]),
    );
    assert_eq!(told, shown, "{command}");
    assert_eq!(label["basis"], "given");
}
