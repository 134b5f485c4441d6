//! Runs the program in a folder of its own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

/// The two-layer encoder of the library's tests.
pub fn tiny_bert() -> PathBuf {
    fixtures().join("tiny-bert")
}

/// The table of the library's tests: 120 rows, three labels, some unknown cells.
pub fn reviews() -> PathBuf {
    fixtures().join("reviews.csv")
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../multihot/tests/fixtures")
}

/// The program, to be started in the current folder.
pub fn multihot() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_multihot"));
    command.env_remove("MULTIHOT_ISA").stdin(Stdio::null());
    command
}

/// A model trained once for all tests that only read one.
pub fn trained() -> &'static Path {
    static MODEL: OnceLock<PathBuf> = OnceLock::new();
    MODEL.get_or_init(|| {
        let place = Place::new();
        place
            .train(
                &reviews(),
                "model",
                &["--epochs", "2", "--precision", "f32"],
            )
            .succeeds();
        place.keep().join("model")
    })
}

/// A folder in which the program runs, and which goes away.
pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))
            .expect("cargo gives the tests a folder to write in");
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A copy of a folder of plain files.
    pub fn copy(&self, folder: &Path, name: &str) -> PathBuf {
        let copy = self.path(name);
        fs::create_dir(&copy).unwrap();
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        copy
    }

    /// A copy of the trained model that calibrates its labels in known ways.
    pub fn calibrated(&self) -> PathBuf {
        let model = self.copy(trained(), "calibrated");
        let mut changed = config(&model);
        let ways = [
            json!({"method": "platt", "a": 1.5, "b": -0.25}),
            json!({"method": "temperature", "temperature": 2.0}),
            json!({"method": "none"}),
        ];
        for (label, way) in ways.into_iter().enumerate() {
            changed["multihot"]["decisions"]["labels"][label]["calibration"] = way;
        }
        self.file("calibrated/config.json", changed.to_string());
        model
    }

    /// The program, to be started here.
    pub fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = multihot();
        command.args(args).current_dir(self.folder.path());
        command
    }

    /// Runs the program here.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Run {
        Run::of(&mut self.command(args))
    }

    /// Runs the program here with `input` on its standard input.
    pub fn run_with_input<S: AsRef<OsStr>>(&self, args: &[S], input: impl AsRef<[u8]>) -> Run {
        let input = self.file(".input", input);
        let mut command = self.command(args);
        Run::of(command.stdin(fs::File::open(input).unwrap()))
    }

    /// `train TABLE --encoder tiny-bert --out OUT …` on one thread.
    pub fn train(&self, table: &Path, out: &str, more: &[&str]) -> Run {
        self.run(&train_args(table, &tiny_bert(), out, more))
    }

    /// Keeps the folder, and gives its path.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    /// Names in this folder, in order.
    pub fn names(&self) -> Vec<String> {
        names(self.folder.path())
    }
}

/// The arguments of `train`, on one thread.
pub fn train_args(table: &Path, encoder: &Path, out: &str, more: &[&str]) -> Vec<String> {
    let mut args = vec!["train".into(), text(table)];
    args.extend(["--encoder".into(), text(encoder)]);
    args.extend(["--out".into(), out.into(), "--threads".into(), "1".into()]);
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    args
}

/// A path as an argument.
pub fn text(path: &Path) -> String {
    path.to_str()
        .expect("paths of the tests are UTF-8")
        .to_owned()
}

/// Names in a folder, in order.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// How an invocation went.
#[derive(Debug)]
pub struct Run {
    pub stdout: String,
    pub stderr: String,
    pub code: Option<i32>,
}

impl Run {
    /// Runs `command` to its end.
    pub fn of(command: &mut Command) -> Self {
        Self::from(command.output().expect("the program starts"))
    }

    /// The same, having ended well.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.ends_with(0)
    }

    /// The same, having ended with `code` and without a panic.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The same, having ended with 1, nothing on standard output, and all of `parts` in the
    /// error and its hint.
    #[track_caller]
    pub fn fails_with(self, parts: &[&str]) -> Self {
        let run = self.ends_with(1);
        assert_eq!(run.stdout, "");
        let error = run.error();
        for part in parts {
            assert!(error.contains(part), "`{part}` is not in: {error}");
        }
        run
    }

    /// The lines from `error: ` on.
    #[track_caller]
    pub fn error(&self) -> &str {
        let start = self.stderr.find("error: ");
        &self.stderr[start.unwrap_or_else(|| panic!("no error in: {}", self.stderr))..]
    }

    /// Standard output as one JSON object on one line.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).expect("standard output is JSON")
    }

    /// What `evaluate --json` printed, without time and memory.
    #[track_caller]
    pub fn figures(self) -> Value {
        let mut figures = self.succeeds().json();
        let object = figures.as_object_mut().unwrap();
        object.retain(|key, _| key != "scoring" && key != "peak_rss_bytes");
        figures
    }

    /// Asserts that standard error has a line with all of `parts`.
    #[track_caller]
    pub fn says(&self, parts: &[&str]) {
        let says = |line: &str| parts.iter().all(|part| line.contains(part));
        assert!(self.stderr.lines().any(says), "{parts:?}: {}", self.stderr);
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Self {
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            code: output.status.code(),
        }
    }
}

/// `text` with `#` for every number with a decimal point or an exponent (figures depend on the
/// instruction set, times on the machine), and for the numbers before `MB` and `tokens/s`.
pub fn without_figures(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            let (before, number) = rest.split_at(start);
            let is_part = |c: char| c.is_ascii_digit() || ".e-".contains(c);
            let end = number.find(|c| !is_part(c)).unwrap_or(number.len());
            let (number, after) = number.split_at(end);
            let is_figure =
                number.contains('.') || after.starts_with(" MB") || after.starts_with(" tokens/s");
            out += before;
            out += if is_figure { "#" } else { number };
            rest = after;
        }
        out += rest;
    }
    out
}

/// The tensors of a safetensors file, as their bytes.
pub fn tensors(file: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(file).unwrap();
    let (length, rest) = bytes.split_first_chunk().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: Value = serde_json::from_slice(header).unwrap();
    let named = header.as_object().unwrap().iter();
    named
        .filter(|(name, _)| *name != "__metadata__")
        .map(|(name, tensor)| {
            let offset = |i: usize| tensor["data_offsets"][i].as_u64().unwrap() as usize;
            (name.clone(), data[offset(0)..offset(1)].to_vec())
        })
        .collect()
}

/// The values of an f32 tensor.
pub fn floats(bytes: &[u8]) -> Vec<f32> {
    let values = bytes.as_chunks().0.iter();
    values.map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Bytes of a model's weights.
pub fn weights(model: &Path) -> Vec<u8> {
    fs::read(model.join("model.safetensors")).unwrap()
}

/// A model's config.json.
pub fn config(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap()
}
