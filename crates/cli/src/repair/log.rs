use std::{
    fmt,
    path::{Path, PathBuf},
};

use keepstone::storage::{Durability, Lsn, Wal, WalOptions};
use serde::Serialize;

use crate::error::Error;
use crate::log::{Damage, Found, bytes_of, file_len, lost_count, refuse_out};
use crate::output::{Exit, Report};
use crate::progress::Progress;
use crate::text::{Shown, count, plural};

/// Places and runs that are listed for people; JSON lists all.
const SHOWN_MAX: usize = 50;

/// What `repair` copied of a log and what it could not.
#[derive(Debug, Serialize)]
pub(crate) struct Repaired {
    #[serde(skip)]
    name: String,
    out: String,
    kind: &'static str,
    bytes: u64,
    bytes_out: u64,
    /// Records that were copied.
    records: u64,
    /// How many were not.
    records_lost: u64,
    /// Which numbers they had, and have.
    mapping: Vec<Run>,
    /// Places that records are lost at, or a part of the log that isn't one.
    lost: Vec<Damage>,
}

/// Records that followed one another and still do.
#[derive(Debug, Serialize)]
struct Run {
    #[serde(rename = "first_lsn")]
    first: u64,
    #[serde(rename = "last_lsn")]
    last: u64,
    /// What the first one is now.
    #[serde(rename = "new_first_lsn")]
    new_first: u64,
}

/// Writes all records that verify to a new log in `out`.
pub(super) fn run(path: &Path, found: &Found, out: &Path, progress: &Progress) -> Result<Repaired, Error> {
    refuse_out(path, out)?;
    let mut lost = found.damage();
    let mut reader = found.log.read_from(found.log.start())?;
    let mut bytes = 0;
    for segment in found.log.segments() {
        bytes += file_len(found.file_of(&segment))?;
    }
    let mut copy = Copy::begin(out)?;
    loop {
        match reader.next() {
            Ok(None) => break,
            Ok(Some(record)) => {
                progress.add(record.bytes.len() as u64, bytes);
                copy.take(record.lsn.0, record.bytes, record.batch_goes_on)?;
            }
            Err(error) => {
                // The rest of a batch that lost a record is copied as what it is.
                copy.append()?;
                found.note(&mut lost, error)?;
            }
        }
    }
    let (mapping, bytes_out) = copy.finish()?;
    Ok(Repaired {
        name: path.display().to_string(),
        out: out.display().to_string(),
        kind: "log",
        bytes,
        bytes_out,
        records: mapping.iter().map(|run| run.last + 1 - run.first).sum(),
        records_lost: lost_count(&lost),
        mapping,
        lost,
    })
}

/// The log that is written.
struct Copy {
    wal: Wal,
    dir: PathBuf,
    /// Records of a batch, until it is whole.
    batch: Vec<Vec<u8>>,
    mapping: Vec<Run>,
}

impl Copy {
    fn begin(out: &Path) -> Result<Self, Error> {
        let wal = Wal::open(out, WalOptions::default()).map_err(Error::Out)?;
        Ok(Self { wal, dir: out.to_owned(), batch: Vec::new(), mapping: Vec::new() })
    }

    fn take(&mut self, lsn: u64, record: &[u8], batch_goes_on: bool) -> Result<(), Error> {
        // What waits in the batch comes before it.
        let new_lsn = self.wal.end().0 + self.batch.len() as u64;
        match self.mapping.last_mut().filter(|run| run.last + 1 == lsn) {
            Some(run) => run.last = lsn,
            None => self.mapping.push(Run { first: lsn, last: lsn, new_first: new_lsn }),
        }
        if self.batch.is_empty() && !batch_goes_on {
            return self.wal.append(record, Durability::Buffered).map(drop).map_err(Error::Out);
        }
        self.batch.push(record.to_vec());
        if batch_goes_on { Ok(()) } else { self.append() }
    }

    /// Appends the batch as far as it has come.
    fn append(&mut self) -> Result<(), Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let records: Vec<&[u8]> = self.batch.iter().map(Vec::as_slice).collect();
        self.wal.append_batch(&records, Durability::Buffered).map_err(Error::Out)?;
        self.batch.clear();
        Ok(())
    }

    /// Makes the log durable, and says which records it has and how long its files are.
    fn finish(mut self) -> Result<(Vec<Run>, u64), Error> {
        self.append()?;
        let expected = self.mapping.last().map_or(1, |run| run.new_first + run.last + 1 - run.first);
        debug_assert_eq!(self.wal.end(), Lsn(expected), "every record that was taken is in the new log");
        self.wal.close().map_err(Error::Out)?;
        Ok((self.mapping, bytes_of(&self.dir)?))
    }
}

impl Report for Repaired {
    fn exit(&self) -> Exit {
        if self.lost.is_empty() { Exit::Good } else { Exit::Bad }
    }
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} -> {}", Shown(&self.name), Shown(&self.out))?;
        let (bytes, bytes_out) = (count(self.bytes), count(self.bytes_out));
        writeln!(f, "  log, {bytes} bytes -> {bytes_out} bytes, {}", plural(self.records, "record"))?;
        for run in self.mapping.iter().take(SHOWN_MAX) {
            let new_last = run.new_first + run.last - run.first;
            let Run { first, last, new_first } = run;
            writeln!(f, "  records {first} to {last} are now {new_first} to {new_last}")?;
        }
        for lost in self.lost.iter().take(SHOWN_MAX) {
            writeln!(f, "  lost: {}", Shown(&lost.to_string()))?;
        }
        let more = self.mapping.len().saturating_sub(SHOWN_MAX) + self.lost.len().saturating_sub(SHOWN_MAX);
        if more > 0 {
            writeln!(f, "  and {} more; --json lists all", count(more as u64))?;
        }
        match self.records_lost {
            0 if self.lost.is_empty() => writeln!(f, "  nothing was lost"),
            lost => writeln!(f, "  {} lost", plural(lost, "record")),
        }
    }
}
