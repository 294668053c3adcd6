//! The fixtures; see their README for where they come from.

use keepstone_compat::Error;
use keepstone_compat::edgevec::Wal;
use keepstone_format::Limits;

pub(super) const F32: &[u8] = include_bytes!("../fixtures/edgevec/wal_f32_100x8.wal");
pub(super) const MIXED: &[u8] = include_bytes!("../fixtures/edgevec/wal_mixed_types.wal");
pub(super) const TORN: &[u8] = include_bytes!("../fixtures/edgevec/wal_torn_crc.wal");
pub(super) const LISTING: &str = include_str!("../fixtures/edgevec/listing.json");

pub(super) fn read(bytes: &[u8]) -> Result<Wal<'_>, Error> {
    Wal::read(bytes, &Limits::for_file_len(bytes.len() as u64))
}

/// Offsets and sequences of the entries.
pub(super) fn places(wal: &Wal<'_>) -> Vec<(u64, u64)> {
    wal.entries().map(|entry| (entry.offset, entry.sequence)).collect()
}
