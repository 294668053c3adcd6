//! The write-ahead log.

mod behaviour;
mod crash;

use std::{path::Path, sync::Arc};

use keepstone_storage::{
    Error, Files, Lsn, Wal, WalOptions,
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
