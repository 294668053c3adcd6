//! A write-ahead log, or one segment of it, for reading: no lock is taken and no byte changed.

mod alone;
mod damage;
mod header;

use std::{io::ErrorKind, path::Path};

use keepstone::{
    format::{Format, detect},
    storage::{
        self, Files, Op, OsFiles, WalOptions,
        wal::{Log, Segment},
    },
};

use self::alone::Alone;
use crate::error::Error;

pub(crate) use damage::{Damage, lost_count};
pub(crate) use header::bad_copy;

/// A log that is open for reading.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) log: Log,
    /// Where only one segment is looked at: that file.
    alone: Option<Alone>,
}

/// Opens the log at a path, if there is one: a directory of segments, or one of them.
pub(crate) fn find(path: &Path) -> Result<Option<Found>, Error> {
    // Asked before opening: to open a pipe is to wait for its writer.
    let found = path.metadata().map_err(|source| storage::Error::io(Op::Metadata, path, source))?;
    if found.is_dir() {
        let has_segments = OsFiles.list(path)?.iter().any(|name| alone::epoch_of(name).is_some());
        return if has_segments { open_dir(path).map(Some) } else { Ok(None) };
    }
    if !found.is_file() {
        return Ok(None);
    }
    let copies = header::copies(path)?;
    if copies.iter().all(|copy| detect(copy) != Some(Format::LogSegment)) {
        return Ok(None);
    }
    let alone = Alone::new(path, &copies);
    let log = Log::open(alone.dir(), WalOptions::default().files(alone.files()))?;
    Ok(Some(Found { log, alone: Some(alone) }))
}

/// Opens the log at a path where nothing else will do.
pub(crate) fn open(path: &Path) -> Result<Found, Error> {
    find(path)?.ok_or_else(|| Error::NoLog { path: path.to_owned() })
}

fn open_dir(path: &Path) -> Result<Found, Error> {
    Ok(Found { log: Log::open(path, WalOptions::default())?, alone: None })
}

impl Found {
    /// What is damaged or missing, as far as it is known without reading all.
    pub(crate) fn damage(&self) -> Vec<Damage> {
        let told = self.log.damage().iter().filter(|error| !self.is_elsewhere(error));
        told.filter_map(|error| Damage::of(error, |path| self.shown(path))).collect()
    }

    /// Adds a place where records are lost, unless it is known; errors of other kinds end the work.
    pub(crate) fn note(&self, damage: &mut Vec<Damage>, error: storage::Error) -> Result<(), Error> {
        if self.is_elsewhere(&error) {
            return Ok(());
        }
        let Some(place) = Damage::of(&error, |path| self.shown(path)) else { return Err(error.into()) };
        if !damage.contains(&place) {
            damage.push(place);
        }
        Ok(())
    }

    /// What stands before a segment is not missed where only that is looked at.
    fn is_elsewhere(&self, error: &storage::Error) -> bool {
        self.alone.is_some() && matches!(error, storage::Error::Missing { .. })
    }

    /// The name of a file as it was given.
    pub(crate) fn shown(&self, path: &Path) -> String {
        let path = self.alone.as_ref().map_or(path, |alone| alone.real());
        path.display().to_string()
    }

    /// Whether only one segment is looked at.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone.is_some()
    }

    /// The first record there is: that of the first segment, where only one is looked at.
    pub(crate) fn start(&self) -> u64 {
        let first = self.log.segments().next().map_or(0, |segment| segment.first.0);
        let start = self.log.start().0;
        if self.is_alone() { start.max(first) } else { start }
    }

    /// The number that the next record would get.
    pub(crate) fn end(&self) -> u64 {
        self.log.end().0.max(self.start())
    }

    /// The file that a segment is in.
    pub(crate) fn file_of<'a>(&'a self, segment: &'a Segment) -> &'a Path {
        self.alone.as_ref().map_or(segment.path.as_path(), Alone::real)
    }

    /// Where an unfinished write will be cut off.
    pub(crate) fn torn(&self) -> Option<(String, u64)> {
        self.log.torn().map(|(path, offset)| (self.shown(&path), offset))
    }
}

/// How long a segment is.
pub(crate) fn file_len(path: &Path) -> Result<u64, storage::Error> {
    Ok(header::unless_given_up(path, OsFiles.metadata(path))?.len)
}

/// How long the segments of a log are that was written.
pub(crate) fn bytes_of(out: &Path) -> Result<u64, Error> {
    let log = Log::open(out, WalOptions::default()).map_err(Error::Out)?;
    log.segments().map(|segment| file_len(&segment.path)).sum::<Result<_, _>>().map_err(Error::Out)
}

/// Refuses what is there already, and what would change the directory that is read.
pub(crate) fn refuse_out(path: &Path, out: &Path) -> Result<(), Error> {
    match OsFiles.metadata(out) {
        Err(error) if error.io_kind() == Some(ErrorKind::NotFound) => {}
        Err(error) => return Err(Error::Out(error)),
        Ok(_) => return Err(Error::OutExists { path: out.to_owned() }),
    }
    let dir = if path.is_dir() { Some(path) } else { path.parent() };
    let dir = dir.map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir });
    let inside = dir.and_then(|dir| dir.canonicalize().ok()).is_some_and(|dir| {
        // Of OUT only some of the directories above are there.
        let absolute = std::path::absolute(out).unwrap_or_else(|_| out.to_owned());
        absolute
            .ancestors()
            .find_map(|above| above.canonicalize().ok())
            .is_some_and(|above| above.starts_with(&dir))
    });
    // Beside a segment that is looked at alone there is room.
    if inside && path.is_dir() { Err(Error::OutInside { path: out.to_owned() }) } else { Ok(()) }
}
