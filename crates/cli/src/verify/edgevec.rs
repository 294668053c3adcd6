use std::path::Path;

use super::{Damage, Verified};
use crate::edgevec::{read, resumed};
use crate::error::Error;

/// Checks every checksum of a log of EdgeVec.
pub(super) fn verify(path: &Path, bytes: &[u8]) -> Result<Verified, Error> {
    let wal = read(path, bytes)?;
    let mut verified = Verified::new(path, "edgevec-wal", bytes.len() as u64);
    "write-ahead log of EdgeVec".clone_into(&mut verified.kind);
    let place = |damage| Damage::of_foreign_entry(damage, &resumed(damage, bytes));
    verified.damage = wal.damage.iter().map(place).collect();
    verified.warnings = wal.warnings.iter().map(ToString::to_string).collect();
    let more = wal.damage_count - wal.damage.len() as u64;
    verified.warnings.extend((more > 0).then(|| format!("{more} more places are damaged")));
    Ok(verified)
}
