//! The fixtures; see their README for where they come from.

use keepstone_compat::Error;
use keepstone_compat::edgevec::Snapshot;
use keepstone_format::Limits;

pub(super) const EMPTY: &[u8] = include_bytes!("../../fixtures/edgevec/snap_0x128.evec");
pub(super) const ONE: &[u8] = include_bytes!("../../fixtures/edgevec/snap_1x128.evec");
pub(super) const FULL: &[u8] = include_bytes!("../../fixtures/edgevec/snap_100x8_deleted_meta.evec");
pub(super) const HEADER: &[u8] = include_bytes!("../../fixtures/edgevec/header_only_dim16.evec");

pub(super) fn read(bytes: &[u8]) -> Result<Snapshot<'_>, Error> {
    Snapshot::read(bytes, &Limits::for_file_len(bytes.len() as u64))
}

pub(super) fn numbers(snapshot: &Snapshot<'_>, row: u32) -> Vec<f32> {
    snapshot.vector(row).unwrap().to_f32().unwrap().collect()
}
