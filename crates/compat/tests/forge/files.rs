//! The fixtures, and exports made from one of their checkpoints.

use keepstone_compat::Error;
use keepstone_compat::forge::{Export, Secrets};
use keepstone_format::Limits;

pub(crate) const ALL: &[u8] = include_bytes!("../fixtures/forge/export_all.json");
pub(crate) const SESSION: &[u8] =
    include_bytes!("../fixtures/forge/session_cd986105-ba04-4172-a387-99f0962f7474.json");
pub(crate) const LISTING: &str = include_str!("../fixtures/forge/listing.json");

/// A checkpoint of `export_all.json` with tags, and a line break where its white space is.
pub(crate) const CHECKPOINT: &str = include_str!("checkpoint.json");

/// An export of all sessions with these checkpoints.
pub(crate) fn export(checkpoints: &[&str]) -> String {
    let checkpoints = checkpoints.join(",");
    format!(
        "{{\"checkpoints\":[{checkpoints}],\"global_sequence\":60,\"exported_at\":\"2026-11-20T22:27:29.405011600Z\"}}"
    )
}

pub(crate) fn read(bytes: &[u8]) -> Result<Export<'_>, Error> {
    Export::read(bytes, &Limits::for_file_len(bytes.len() as u64), Secrets::Drop)
}
