//! A table's rows into the files of its parts.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use multihot_checkpoint::save::{self, NewFolder};
use multihot_table::raw_records;

use super::job::SplitJob;
use super::report::SplitReport;
use crate::error::Error;

/// Stands beside the parts, says how they were made, and that the folder may be overwritten.
pub(super) const MARK: &str = "split.json";

/// Which rows a file has.
#[derive(Clone, Copy)]
enum Taken {
    /// Those of this part.
    Part(usize),
    /// Those of all other parts.
    AllBut(usize),
}

/// Writes the files of a split, and [`MARK`] beside them, as one folder that is whole or not there.
/// `part_of` has the part of each row.
pub(super) fn write(
    job: &SplitJob<'_>,
    part_of: &[usize],
    report: &SplitReport,
    folder: NewFolder,
) -> Result<(), Error> {
    let outs: Result<Vec<Out>, Error> = files(report)
        .map(|(file, taken)| Out::create(folder.path().join(file), taken))
        .collect();
    copy_rows(job, part_of, outs?)?;
    let mark = serde_json::to_value(report).expect("string keys and plain values always serialize");
    save::write_json(&folder.path().join(MARK), &mark)?;
    Ok(folder.finish()?)
}

/// The files within the folder, and what each has: a part, or of a fold what it holds out and what
/// it leaves to learn from.
fn files(report: &SplitReport) -> impl Iterator<Item = (String, Taken)> {
    report.parts.iter().enumerate().flat_map(|(i, part)| {
        let others = report.are_folds.then(|| {
            let file = format!("{}/train.{}", part.part, report.ending);
            (file, Taken::AllBut(i))
        });
        others
            .into_iter()
            .chain([(part.file.clone(), Taken::Part(i))])
    })
}

/// Copies every record into the files that take its row.
fn copy_rows(job: &SplitJob<'_>, part_of: &[usize], mut outs: Vec<Out>) -> Result<(), Error> {
    let mut records = raw_records(job.source, job.read)?;
    for out in &mut outs {
        out.write(records.header())?;
    }
    let changed = || Error::TableChanged {
        source_name: job.table.source.clone(),
    };
    let mut parts = part_of.iter();
    for record in records.by_ref() {
        let (record, part) = (record?, *parts.next().ok_or_else(changed)?);
        for out in outs.iter_mut().filter(|out| out.takes(part)) {
            out.write(&record)?;
        }
    }
    if parts.next().is_some() {
        return Err(changed());
    }
    outs.into_iter().try_for_each(Out::finish)
}

/// An open file.
struct Out {
    path: PathBuf,
    taken: Taken,
    file: BufWriter<File>,
}

impl Out {
    fn create(path: PathBuf, taken: Taken) -> Result<Self, Error> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(Error::io(folder))?;
        let file = BufWriter::new(File::create(&path).map_err(Error::io(&path))?);
        Ok(Self { path, taken, file })
    }

    fn takes(&self, part: usize) -> bool {
        match self.taken {
            Taken::Part(taken) => part == taken,
            Taken::AllBut(left_out) => part != left_out,
        }
    }

    fn write(&mut self, record: &[u8]) -> Result<(), Error> {
        self.file.write_all(record).map_err(Error::io(&self.path))
    }

    fn finish(mut self) -> Result<(), Error> {
        self.file.flush().map_err(Error::io(&self.path))
    }
}
