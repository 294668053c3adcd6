use std::path::Path;

use keepstone_format::LogPosition;

use super::{Options, Snapshot};
use crate::{
    Error, Files, Lsn, Wal, WalOptions,
    atomic::{self, found},
    wal::Reader,
};

/// A snapshot and its log, both open.
#[derive(Debug)]
pub struct Recovered {
    /// The snapshot; none if none was ever committed.
    pub snapshot: Option<Snapshot>,
    /// The log, open for writing.
    pub wal: Wal,
    /// The first record that is not in the snapshot.
    pub from: Lsn,
}

impl Recovered {
    /// The records that are not in the snapshot.
    ///
    /// # Errors
    /// Those of [`Wal::read_from`].
    pub fn tail(&self) -> Result<Reader, Error> {
        self.wal.read_from(self.from)
    }
}

/// Opens a log and the snapshot that goes with it, and checks that together they are whole: that the log is the one whose
/// position the snapshot names, and holds all records behind it.
///
/// When it returns, both are durable: a snapshot whose name a killed program had not synced yet is synced, so
/// that records that are in it may be given up. Temporaries beside the snapshot that killed programs left are removed.
///
/// # Errors
/// Those of [`Wal::open`] and [`Snapshot::open`]; [`Error::Apart`] if the snapshot names no position, or one of
/// another log, or one behind the end of this log; [`Error::GivenUp`] if records behind the snapshot have been given up.
pub fn recover(
    snapshot: impl AsRef<Path>,
    wal: impl AsRef<Path>,
    options: WalOptions,
) -> Result<Recovered, Error> {
    let path = snapshot.as_ref();
    let files = std::sync::Arc::clone(&options.files);
    // The log first: its lock keeps other writers of the pair out.
    let wal = Wal::open(wal, options)?;
    let Some(position) = settle(&*files, path)? else {
        check_start(&wal, Lsn(1))?;
        return Ok(Recovered { snapshot: None, wal, from: Lsn(1) });
    };
    let apart = |what: String| Error::Apart { snapshot: path.to_owned(), what };
    let Some(LogPosition { log_id, lsn }) = position.head().log_position() else {
        return Err(apart(
            "it names no position in a log; write it with Metadata::set_log_position".to_owned(),
        ));
    };
    if log_id != wal.log_id() {
        let log = wal.dir().display();
        return Err(apart(format!(
            "it belongs to another log than {log}; put the two that belong together side by side"
        )));
    }
    let from = Lsn(lsn).next();
    if from > wal.end() {
        return Err(apart(format!(
            "it holds records up to {lsn}, its log ends before {}; put the log back from a backup",
            wal.end()
        )));
    }
    check_start(&wal, from)?;
    Ok(Recovered { snapshot: Some(position), wal, from })
}

/// Opens the snapshot once its name is durable.
fn settle(files: &dyn Files, path: &Path) -> Result<Option<Snapshot>, Error> {
    let dir = atomic::dir_of(path);
    if found(files.metadata(&dir))?.is_some() {
        atomic::clean(files, &dir)?;
    }
    if found(files.metadata(path))?.is_none() {
        return Ok(None);
    }
    // A writer syncs the bytes before they get their name, a person who has put them there does not.
    files.open_rw(path)?.sync_data()?;
    files.sync_dir(&dir)?;
    Snapshot::open_with(path, Options::default().files(files)).map(Some)
}

fn check_start(wal: &Wal, from: Lsn) -> Result<(), Error> {
    let start = wal.start();
    if start > from {
        return Err(Error::GivenUp { path: wal.dir().to_owned(), asked: from.0, start: start.0 });
    }
    Ok(())
}
