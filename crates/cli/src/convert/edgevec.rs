use std::path::Path;

use keepstone::storage::{Durability, Wal, WalOptions};

use super::Written;
use crate::edgevec::{read, resumed};
use crate::error::{Error, with_causes};
use crate::log::{bytes_of, refuse_out};

/// Writes all entries that are whole to a new log: FORMAT.md section 9.3.
pub(super) fn convert(path: &Path, bytes: &[u8], out: &Path) -> Result<(Written, u64), Error> {
    let found = read(path, bytes)?;
    refuse_out(path, out)?;
    let wal = Wal::open(out, WalOptions::default()).map_err(Error::Out)?;
    let mut record = Vec::new();
    for entry in found.entries() {
        record.clear();
        record.extend_from_slice(&entry.sequence.to_le_bytes());
        record.push(entry.entry_type);
        record.extend_from_slice(entry.payload);
        wal.append(&record, Durability::Buffered).map_err(Error::Out)?;
    }
    wal.close().map_err(Error::Out)?;
    let mut warnings: Vec<String> = found.warnings.iter().map(ToString::to_string).collect();
    let lost =
        found.damage.iter().map(|damage| format!("{}{}", with_causes(&damage.cause), resumed(damage, bytes)));
    warnings.extend(lost);
    let written = Written {
        kind: "log".to_owned(),
        codec: None,
        bytes_in: bytes.len() as u64,
        sections: 0,
        entities: None,
        records: Some(found.entry_count()),
        damage_count: found.damage_count,
        warnings,
        lost: Vec::new(),
    };
    Ok((written, bytes_of(out)?))
}
