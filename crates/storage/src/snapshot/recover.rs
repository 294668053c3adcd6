use std::path::Path;

use keepstone_format::{Kind, LogPosition};

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
    /// The last record that is in the snapshot; [`Lsn(0)`](Lsn) for none.
    pub fn applied(&self) -> Lsn {
        Lsn(self.from.0.saturating_sub(1))
    }

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
/// Those of [`Wal::open`] and [`Snapshot::open`]; [`Error::Apart`] if there is no log for the snapshot, if it names no position, or one of
/// another log, or one behind the end of this log, and if the log has given up records that are not in the snapshot, or that a
/// missing snapshot would hold.
pub fn recover(
    snapshot: impl AsRef<Path>,
    wal: impl AsRef<Path>,
    options: WalOptions,
) -> Result<Recovered, Error> {
    let (path, dir) = (snapshot.as_ref(), wal.as_ref());
    let files = std::sync::Arc::clone(&options.files);
    let apart = |what: String| Error::Apart { snapshot: path.to_owned(), what };
    if found(files.metadata(path))?.is_some() && !has_log(&*files, dir)? {
        // To make one would only be in the way of the right one.
        let log = dir.display();
        return Err(apart(format!(
            "there is no log in {log}; name the one that belongs to it, or put it back from a backup"
        )));
    }
    // The log first: its lock keeps other writers of the pair out.
    let wal = Wal::open(dir, options)?;
    let start = wal.start();
    let Some(snapshot) = settle(&*files, path)? else {
        if start > Lsn(1) {
            return Err(apart(format!(
                "is missing, and the log begins at record {start}; put the snapshot back from a backup"
            )));
        }
        return Ok(Recovered { snapshot: None, wal, from: Lsn(1) });
    };
    let Some(LogPosition { log_id, lsn }) = snapshot.head().log_position() else {
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
    if start > from {
        return Err(apart(format!(
            "it holds records up to {lsn}, its log begins at {start}; put a newer snapshot back from a backup"
        )));
    }
    Ok(Recovered { snapshot: Some(snapshot), wal, from })
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
    let file = match files.open_rw(path) {
        // Where it may only be read: that is enough to sync it on most systems.
        Err(err) if err.kind() == Kind::Denied => files.open(path)?,
        opened => opened?,
    };
    file.sync_data()?;
    files.sync_dir(&dir)?;
    Snapshot::open_with(path, Options::default().files(files)).map(Some)
}

/// Whether a directory holds segments of a log.
fn has_log(files: &dyn Files, dir: &Path) -> Result<bool, Error> {
    let names = found(files.list(dir))?.unwrap_or_default();
    Ok(names.iter().any(|name| Path::new(name).extension().is_some_and(|extension| extension == "wal")))
}
