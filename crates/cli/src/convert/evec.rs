use std::path::Path;

use keepstone::format::{Codec, FileKind};

use super::Written;
use crate::error::Error;
use crate::evec;

/// Writes a snapshot of EdgeVec as a container of kind snapshot: FORMAT.md section 9.4.
pub(super) fn convert(path: &Path, out: &Path, codec: Codec) -> Result<(Written, u64), Error> {
    let bytes = evec::bytes(path)?;
    let snapshot = evec::read(path, &bytes)?;
    let (sections, bytes_out) = evec::write(path, out, &snapshot, codec)?;
    let written = Written {
        kind: FileKind::SNAPSHOT.to_string(),
        codec: Some(codec),
        bytes_in: bytes.len() as u64,
        sections,
        entities: None,
        records: None,
        damage_count: 0,
        warnings: snapshot.warnings.iter().map(ToString::to_string).collect(),
        lost: Vec::new(),
    };
    Ok((written, bytes_out))
}
