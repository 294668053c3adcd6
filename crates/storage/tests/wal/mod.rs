//! The write-ahead log.

mod behaviour;
mod crash;
mod damage;
mod faults;
mod golden;
#[cfg(keepstone_shuttle)]
mod interleave;
mod memory;
#[cfg(feature = "planted")]
mod planted;
mod round_trip;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone_storage::{
    Error, Files, Lsn, MemFiles, Wal, WalOptions,
    wal::{Log, Reader},
};

/// The directory of the logs here.
pub(crate) const DIR: &str = "log";

/// Short segments and no thread, so that all is done in one order.
pub(crate) fn options(files: &Arc<dyn Files>) -> WalOptions {
    WalOptions::default().files(Arc::clone(files)).segment_bytes(16 << 10, 16 << 10).background(false)
}

pub(crate) fn open(files: &Arc<dyn Files>) -> Result<Wal, Error> {
    Wal::open(Path::new(DIR), options(files))
}

/// All records from `from` on, with their LSNs.
pub(crate) fn drain(mut reader: Reader) -> Result<Vec<(u64, Vec<u8>)>, Error> {
    let mut records = Vec::new();
    while let Some(record) = reader.next()? {
        records.push((record.lsn.0, record.bytes.to_vec()));
    }
    Ok(records)
}

pub(crate) fn read(wal: &Wal) -> Result<Vec<(u64, Vec<u8>)>, Error> {
    drain(wal.read_from(wal.start())?)
}

pub(crate) fn read_only(files: &Arc<dyn Files>) -> Result<Vec<(u64, Vec<u8>)>, Error> {
    let log = Log::open(Path::new(DIR), options(files))?;
    drain(log.read_from(log.start())?)
}

/// The bytes of record `lsn` in these tests: as long as `len`, and telling.
pub(crate) fn record(lsn: u64, len: usize) -> Vec<u8> {
    let seed = lsn.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (0..len).map(|i| seed.rotate_left(u32::try_from(i % 64).unwrap()).to_le_bytes()[i % 8]).collect()
}

pub(crate) fn lsns(records: &[(u64, Vec<u8>)]) -> Vec<u64> {
    records.iter().map(|(lsn, _)| *lsn).collect()
}

pub(crate) const fn lsn(lsn: u64) -> Lsn {
    Lsn(lsn)
}

pub(crate) fn path_of(epoch: u64) -> PathBuf {
    Path::new(DIR).join(format!("{epoch:016x}.wal"))
}

/// The bytes of a segment.
pub(crate) fn segment(files: &dyn Files, epoch: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    keepstone_storage::read(files, &path_of(epoch), u64::MAX, &mut bytes).unwrap();
    bytes
}

/// A disk in memory with these segments alone.
pub(crate) fn disk(segments: &[(u64, &[u8])]) -> Arc<dyn Files> {
    let files = MemFiles::new();
    files.create_dir(Path::new(DIR)).unwrap();
    for (epoch, bytes) in segments {
        files.create_new(&path_of(*epoch)).unwrap().write_all_at(bytes, 0).unwrap();
    }
    Arc::new(files)
}

/// All files of a log, by name.
pub(crate) fn content(files: &dyn Files) -> Vec<(PathBuf, Vec<u8>)> {
    let mut names = files.list(Path::new(DIR)).unwrap();
    names.sort();
    let read = |name| {
        let (path, mut bytes) = (Path::new(DIR).join(name), Vec::new());
        keepstone_storage::read(files, &path, u64::MAX, &mut bytes).unwrap();
        (path, bytes)
    };
    names.into_iter().map(read).collect()
}

/// The same content on a disk without locks held.
pub(crate) fn image(files: &Arc<dyn Files>) -> Arc<dyn Files> {
    let copy = MemFiles::new();
    copy.create_dir(Path::new(DIR)).unwrap();
    for (path, bytes) in content(&**files) {
        copy.create_new(&path).unwrap().write_all_at(&bytes, 0).unwrap();
    }
    Arc::new(copy)
}

/// All that a reader says: the records, and the errors between them.
pub(crate) fn serve(mut reader: Reader) -> (Vec<(u64, Vec<u8>)>, Vec<Error>) {
    let (mut records, mut errors) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok(Some(record)) => records.push((record.lsn.0, record.bytes.to_vec())),
            Ok(None) => return (records, errors),
            Err(err) => errors.push(err),
        }
        assert!(errors.len() < 10_000, "a reader comes to an end: {:?}", errors.last());
    }
}
