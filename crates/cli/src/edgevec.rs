//! Write-ahead logs of EdgeVec, which have no magic: their first entry tells them.

use std::path::Path;

use keepstone::{
    compat::edgevec::{Damage, Entry, Wal, begins_with_entry},
    format::{Limits, detect},
    storage::{Files as _, OsFiles},
};

use crate::error::Error;
use crate::source;

/// Reads a file that begins with an entry, or is called `.wal` and has one anywhere; none if it is something else.
pub(crate) fn find(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    if !path.is_file() {
        return Ok(None);
    }
    let file = OsFiles.open(path)?;
    let mut header = [0; Entry::HEADER_LEN];
    let count = file.read_full_at(&mut header, 0)?;
    if count < header.len() || detect(&header).is_some() {
        return Ok(None);
    }
    let len =
        Entry::len_of(&header).filter(|len| file.metadata().is_ok_and(|found| *len as u64 <= found.len));
    let mut first = vec![0; len.unwrap_or(0)];
    file.read_full_at(&mut first, 0)?;
    let is_first_whole = begins_with_entry(&first);
    if !is_first_whole && path.extension().is_none_or(|extension| extension != "wal") {
        return Ok(None);
    }
    let bytes = source::read(path, u64::MAX)?;
    let is_log = is_first_whole || Wal::read(&bytes, &limits(&bytes)).is_ok_and(|wal| wal.entry_count() > 0);
    Ok(is_log.then_some(bytes))
}

/// Reads the entries of a log.
pub(crate) fn read<'a>(path: &Path, bytes: &'a [u8]) -> Result<Wal<'a>, Error> {
    let foreign = |source| Error::Foreign { path: path.to_owned(), source };
    Wal::read(bytes, &limits(bytes)).map_err(foreign)
}

/// Where reading goes on behind a damaged place, in words.
pub(crate) fn resumed(damage: &Damage, bytes: &[u8]) -> String {
    if damage.resumed == bytes.len() as u64 {
        return "; nothing behind it is whole".to_owned();
    }
    format!("; reading resumes at byte {}", damage.resumed)
}

/// An entry costs 20 bytes of the file at least, and 8 bytes of memory.
fn limits(bytes: &[u8]) -> Limits {
    let mut limits = Limits::for_file_len(bytes.len() as u64);
    limits.rows_max = u32::MAX;
    limits
}
