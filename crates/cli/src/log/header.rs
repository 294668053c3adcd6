//! The header of a segment, as far as the library does not hand it out: FORMAT.md section 6.1.

use std::{io::ErrorKind, path::Path};

use keepstone::{
    format::crc32,
    storage::{self, Files, OsFiles},
};

/// How far apart the two copies stand.
const COPY_LEN: usize = 4096;
const EPOCH_AT: usize = 48;
const CRC_AT: usize = 124;

/// The bytes of both copies, as far as the file has them.
pub(super) type Copies = [Vec<u8>; 2];

/// Reads both copies.
pub(super) fn copies(path: &Path) -> Result<Copies, storage::Error> {
    let mut first = vec![0; 2 * COPY_LEN];
    let count = OsFiles.open(path)?.read_full_at(&mut first, 0)?;
    first.truncate(count);
    let second = first.split_off(COPY_LEN.min(count));
    Ok([first, second])
}

/// The epoch that a copy names whose checksum holds.
pub(super) fn epoch(copies: &Copies) -> Option<u64> {
    let epoch = |copy: &Vec<u8>| Some(u64::from_le_bytes(*copy.get(EPOCH_AT..)?.first_chunk()?));
    copies.iter().filter(|copy| holds(copy)).find_map(epoch).filter(|epoch| *epoch > 0)
}

/// Where the copy begins that is not as the other one, if they differ.
pub(crate) fn bad_copy(path: &Path) -> Result<Option<u64>, storage::Error> {
    let copies = unless_given_up(path, copies(path))?;
    let [first, second] = &copies;
    if first == second {
        return Ok(None);
    }
    let is_whole = |copy: &[u8]| {
        let rest = copy.get(CRC_AT + 4..).unwrap_or_default();
        holds(copy) && rest.len() == COPY_LEN - CRC_AT - 4 && rest.iter().all(|byte| *byte == 0)
    };
    Ok(Some(if is_whole(first) { COPY_LEN as u64 } else { 0 }))
}

/// A segment of the log that is not there any more has been given up since the log was opened.
pub(super) fn unless_given_up<T>(
    path: &Path,
    answer: Result<T, storage::Error>,
) -> Result<T, storage::Error> {
    answer.map_err(|error| match error.io_kind() {
        Some(ErrorKind::NotFound) => storage::Error::Superseded { path: path.to_owned() },
        _ => error,
    })
}

/// Whether the checksum of a copy holds.
fn holds(copy: &[u8]) -> bool {
    let Some((header, rest)) = copy.split_at_checked(CRC_AT) else { return false };
    rest.first_chunk().is_some_and(|crc| u32::from_le_bytes(*crc) == crc32(header))
}
