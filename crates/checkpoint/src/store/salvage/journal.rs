use std::{collections::BTreeSet, io::ErrorKind, path::Path, sync::Arc};

use keepstone_format::Kind;
use keepstone_storage::{Error as StorageError, Files, wal::Log};

use super::{ObjectFault, is_damage};
use crate::{
    Error,
    backend::Backend,
    journal::{self, Group},
    object::Folder,
    store::open::Ground,
};

/// A part of a journal.
pub(in crate::store) enum Piece<'p> {
    /// A commit.
    Commit(u64, &'p [u8]),
    /// Commits that can't be had: from one on, to below another one if that is known, in so many bytes if that is.
    Lost { from: u64, below: Option<u64>, bytes: Option<u64>, fault: ObjectFault },
    /// Something is wrong, and no commit is lost by it.
    Fault(ObjectFault),
    /// A write that was never finished, or was damaged since: that can't be told.
    Torn(ObjectFault),
    /// So many bytes were read.
    Read(u64),
}

/// What takes the parts of a journal.
pub(in crate::store) type Take<'t> = &'t mut dyn FnMut(Piece<'_>) -> Result<(), Error>;

impl Ground {
    /// Goes through all commits that are left, also those that were given up and are still there. `from` is the first one that is needed: where those from there on are missing, that is told.
    ///
    /// # Errors
    /// What `take` answers, [`Error::Storage`] and [`Error::Backend`]; of the kind `Newer` for what a newer version wrote.
    pub(in crate::store) fn each_commit(
        &self,
        store_id: Option<[u8; 16]>,
        from: u64,
        take: Take<'_>,
    ) -> Result<(), Error> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Dir { files, dir, .. } => of_log(files, dir, from, take),
            Self::Backend(backend) => of_objects(&**backend, store_id, from, take),
        }
    }
}

fn of_log(files: &Arc<dyn Files>, store: &Path, from: u64, take: Take<'_>) -> Result<(), Error> {
    let dir = journal::dir_of(store);
    let name = dir.display().to_string();
    let lost = |what: &str| {
        let fault = ObjectFault::new(&name, what);
        Piece::Lost { from, below: None, bytes: None, fault }
    };
    let log = match Log::open(&dir, journal::options(Arc::clone(files))) {
        Ok(log) => log,
        Err(err) if err.io_kind() == Some(ErrorKind::NotFound) => {
            // A store that nothing was committed to yet has none.
            return if from == 1 { Ok(()) } else { take(lost("the log is not there")) };
        }
        Err(err) if err.kind() == Kind::Damaged => return take(lost(&err.to_string())),
        Err(err) => return Err(err.into()),
    };
    for damage in log.damage().iter().filter(|damage| !matches!(damage, StorageError::Missing { .. })) {
        if let StorageError::HeaderDamaged { path } = damage {
            take(Piece::Fault(ObjectFault::new(path.display().to_string(), damage.to_string())))?;
        }
    }
    if let Some((path, offset)) = log.torn() {
        let mut fault = ObjectFault::new(
            path.display().to_string(),
            "an unfinished write is left out; had it been acknowledged, it was damaged since",
        );
        fault.offset = Some(offset);
        take(Piece::Torn(fault))?;
    }
    for segment in log.segments() {
        let found = files.metadata(&segment.path)?.len;
        if found < segment.len {
            let what =
                format!("it has {found} bytes of {}; commits may have been in the others", segment.len);
            take(Piece::Fault(ObjectFault::new(segment.path.display().to_string(), what)))?;
        }
    }
    take(Piece::Read(log.segments().map(|segment| segment.content_end).sum()))?;
    let mut records = log.read_left();
    let mut next = None;
    loop {
        match records.next() {
            Ok(None) => break,
            Ok(Some(record)) => {
                if next.is_none() && record.lsn.0 > from {
                    let fault = ObjectFault::new(&name, "the first commits are not there");
                    take(Piece::Lost { from, below: Some(record.lsn.0), bytes: None, fault })?;
                }
                take(Piece::Commit(record.lsn.0, record.bytes))?;
                next = Some(record.lsn.0 + 1);
            }
            Err(err) => {
                take(lost_of(&err).ok_or(err)?)?;
                next = next.or(Some(from));
            }
        }
    }
    let end = log.end().0;
    if end < from {
        return take(lost(&format!("it ends before commit {end}, and commit {from} is needed")));
    }
    if next.is_none() && log.start().0 > from {
        let fault = ObjectFault::new(&name, "the first commits are not there");
        return take(Piece::Lost { from, below: Some(log.start().0), bytes: None, fault });
    }
    Ok(())
}

/// What an error of a reader says is lost; none: it says something else.
fn lost_of(err: &StorageError) -> Option<Piece<'static>> {
    let named = |path: &Path, offset| {
        let mut fault = ObjectFault::new(path.display().to_string(), err.to_string());
        fault.offset = offset;
        fault
    };
    match err {
        StorageError::Damaged { path, offset, first_lsn, next_lsn, .. } if first_lsn == next_lsn => {
            Some(Piece::Fault(named(path, Some(*offset))))
        }
        StorageError::Damaged { path, offset, resumed, first_lsn, next_lsn } => Some(Piece::Lost {
            from: *first_lsn,
            below: Some(*next_lsn),
            bytes: Some(resumed.saturating_sub(*offset)),
            fault: named(path, Some(*offset)),
        }),
        StorageError::Missing { path, first_lsn, next_lsn } => Some(Piece::Lost {
            from: *first_lsn,
            below: Some(*next_lsn),
            bytes: None,
            fault: named(path, None),
        }),
        _ => None,
    }
}

fn of_objects(
    backend: &dyn Backend,
    store_id: Option<[u8; 16]>,
    from: u64,
    take: Take<'_>,
) -> Result<(), Error> {
    let listed = backend.list(Folder::COMMITS.prefix)?;
    let objects: BTreeSet<u64> =
        listed.iter().filter_map(|object| Folder::COMMITS.number(&object.name)).collect();
    let mut next: Option<u64> = None;
    for &first in &objects {
        let name = Folder::COMMITS.name(first);
        let behind = objects.range(first + 1..).next().copied();
        if next.map_or(first > from, |next| first > next) {
            let fault = ObjectFault::new(&name, "the commits before it are not there");
            let (from, below) = (next.unwrap_or(from), Some(first));
            take(Piece::Lost { from, below, bytes: None, fault })?;
        }
        next = Some(first);
        let bytes = backend.get(&name)?.unwrap_or_default();
        take(Piece::Read(bytes.len() as u64))?;
        let group = match decode(first, store_id, &bytes) {
            Ok(group) => group,
            Err(error) if is_damage(&error) => {
                let fault = ObjectFault::of(&name, &error);
                take(Piece::Lost { from: first, below: behind, bytes: None, fault })?;
                next = Some(behind.unwrap_or(first));
                continue;
            }
            Err(error) => return Err(error),
        };
        group.each(&mut |commit| {
            let number = next.unwrap_or(first);
            next = Some(number + 1);
            take(Piece::Commit(number, commit))
        })?;
    }
    if next.is_none_or(|next| next < from) && from > 1 {
        let fault = ObjectFault::new(
            Folder::COMMITS.prefix,
            format!("commit {from} and those before it are not there"),
        );
        take(Piece::Lost { from, below: None, bytes: None, fault })?;
    }
    Ok(())
}

/// Takes an object of commits apart; without the id of the store it is believed to be of the store it is in.
fn decode(first: u64, store_id: Option<[u8; 16]>, bytes: &[u8]) -> Result<Group, Error> {
    let store_id = match store_id {
        Some(store_id) => store_id,
        None => Group::store_of(first, bytes)?,
    };
    Group::decode(first, &store_id, bytes)
}
