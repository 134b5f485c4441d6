//! The file that a prediction writes before its output stands: it outlives a stop, and the same
//! prediction goes on from its last whole row.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use multihot::{Format, Source, Written, read_written};
use serde_json::{Value, json};

use crate::args::PredictArgs;
use crate::exit::Usage;

/// `OUT.part`, and beside it `OUT.part.json`, which says what it is made from.
pub struct Part {
    output: PathBuf,
    rows: PathBuf,
    origin: PathBuf,
}

impl Part {
    /// The part of the prediction that is to become `output`.
    pub fn of(output: &Path) -> Self {
        let with = |ending: &str| {
            let mut name = output.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        Self {
            rows: with(".part"),
            origin: with(".part.json"),
            output: output.to_owned(),
        }
    }

    /// Begins one, made from `origin`.
    ///
    /// # Errors
    ///
    /// When an earlier prediction has left one, which may be hours of work.
    pub fn begin(&self, origin: &Value) -> Result<File> {
        if self.rows.exists() {
            return Err(Usage {
                message: format!(
                    "{} is there: an earlier prediction was stopped",
                    self.rows.display()
                ),
                hint: Some("go on with `--resume`, or delete that file to begin again".into()),
            }
            .into());
        }
        let cannot = || format!("{}: cannot be written", self.output.display());
        fs::write(&self.origin, format!("{origin}\n")).with_context(cannot)?;
        File::create(&self.rows).with_context(cannot)
    }

    /// Goes on with the one that is there: its file, cut behind the last whole row, and what stands
    /// in it. Where there is none, begins one.
    ///
    /// # Errors
    ///
    /// When it is made from something else, or is no output of this program.
    pub fn resume(
        &self,
        origin: &Value,
        format: Format,
        labels: &[String],
    ) -> Result<(File, Written)> {
        if !self.rows.exists() {
            return Ok((self.begin(origin)?, Written::default()));
        }
        let rows = self.rows.display();
        let found = fs::read(&self.origin).with_context(|| format!("{}", self.origin.display()))?;
        let found: Value = serde_json::from_slice(&found)
            .with_context(|| format!("{}: not JSON", self.origin.display()))?;
        if let Some(what) = difference(&found, origin) {
            return Err(Usage {
                message: format!("{rows} was made with another {what}"),
                hint: Some(format!(
                    "go on with the {what} that it was begun with, or delete {rows} to begin again"
                )),
            }
            .into());
        }
        let cannot = || format!("{rows}: cannot be read");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&self.rows)
            .with_context(cannot)?;
        let written = read_written(BufReader::new(&file), format, labels).with_context(cannot)?;
        file.set_len(written.bytes).with_context(cannot)?;
        file.seek(SeekFrom::End(0)).with_context(cannot)?;
        Ok((file, written))
    }

    /// Puts the finished `file` in the output's place.
    pub fn finish(self, file: &File) -> Result<()> {
        let cannot = || format!("{}: cannot be written", self.output.display());
        file.sync_all().with_context(cannot)?;
        fs::rename(&self.rows, &self.output).with_context(cannot)?;
        // The output stands: what is left over does no harm.
        let _ = fs::remove_file(&self.origin);
        Ok(())
    }

    /// Where its rows stand.
    pub fn rows(&self) -> &Path {
        &self.rows
    }

    /// Takes it away.
    pub fn discard(self) {
        for path in [&self.rows, &self.origin] {
            let _ = fs::remove_file(path);
        }
    }
}

/// What the rows of a prediction depend on; `None` where its table is no file that can be read again.
pub fn origin(args: &PredictArgs) -> Option<Value> {
    let table = Source::from(args.table.as_slice()).files().ok()?;
    let table = table.iter().map(|file| match file {
        Source::File(path) if path.is_file() => Some(stamp(path)),
        _ => None,
    });
    let table: Vec<Value> = table.collect::<Option<_>>()?;
    let files = fs::read_dir(&args.model).into_iter().flatten();
    let mut model: Vec<Value> = files.flatten().map(|file| stamp(&file.path())).collect();
    model.sort_by_key(Value::to_string);
    let columns = &args.columns;
    Some(json!({
        "model": model,
        "table": table,
        "format": args.format.map(|format| format!("{format:?}")),
        "threshold": args.threshold.threshold,
        "precision": format!("{:?}", args.precision.precision),
        "choice of columns": format!("{columns:?} {} {} {}", args.logits, args.raw, args.answers),
    }))
}

/// A file's name, size, and when it was last changed.
fn stamp(path: &Path) -> Value {
    let facts = path.metadata().ok();
    let changed = facts.as_ref().and_then(|facts| facts.modified().ok());
    let changed = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    json!([
        path.display().to_string(),
        facts.map(|facts| facts.len()),
        changed.map(|time| time.as_nanos().to_string()),
    ])
}

/// The first key whose values differ.
fn difference<'a>(found: &Value, expected: &'a Value) -> Option<&'a str> {
    let expected = expected.as_object()?;
    let differs = |(key, value): &(&'a String, &Value)| found.get(key.as_str()) != Some(value);
    expected.iter().find(differs).map(|(key, _)| key.as_str())
}
