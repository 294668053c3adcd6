use std::path::Path;

use keepstone::{
    compat::edgevec::{
        Snapshot,
        snapshot::{Loss, Salvaged},
    },
    format::{Codec, FileKind},
};

use super::Repaired;
use super::lost::Lost;
use crate::convert::refuse_same;
use crate::error::{Error, with_causes};
use crate::evec;

/// Writes what is left of a snapshot of EdgeVec as a container.
pub(super) fn run(path: &Path, out: &Path) -> Result<Repaired, Error> {
    refuse_same(path, out)?;
    let bytes = evec::bytes(path)?;
    let salvaged = Snapshot::salvage(&bytes, &evec::limits(&bytes));
    let Salvaged { snapshot, losses } = salvaged.map_err(|source| evec::foreign(path, source))?;
    let (sections, bytes_out) = evec::write(path, out, &snapshot, Codec::None)?;
    let mut warnings: Vec<String> = snapshot.warnings.iter().map(ToString::to_string).collect();
    let is_mended = |loss: &&Loss| matches!(loss, Loss::HeaderBit { .. });
    warnings.extend(losses.iter().filter(is_mended).map(ToString::to_string));
    Ok(Repaired {
        name: path.display().to_string(),
        out: out.display().to_string(),
        generation: None,
        kind: FileKind::SNAPSHOT.to_string(),
        bytes: bytes.len() as u64,
        bytes_out,
        sections,
        entities: None,
        rows: Some(snapshot.row_count()),
        lost: losses.iter().filter(|loss| !is_mended(loss)).map(|loss| lost(loss, &snapshot)).collect(),
        log_position_left_out: None,
        damaged: Vec::new(),
        warnings,
    })
}

fn lost(loss: &Loss, snapshot: &Snapshot<'_>) -> Lost {
    let [vectors, _, deleted, graph] = Snapshot::ARRAYS;
    let message = loss.to_string();
    match loss {
        Loss::Rows { first, count } => {
            let first = u64::from(*first);
            let rows = first..first.saturating_add(*count);
            Lost::array(vectors, [rows].into(), message)
        }
        Loss::Graph => Lost::array(graph, Vec::new(), message),
        Loss::Bitmap | Loss::Deleted => Lost::array(deleted, Vec::new(), message),
        Loss::Metadata { cause } => Lost::new("metadata", with_causes(cause)),
        Loss::Header { .. } => Lost::new("certainty", message),
        _ => Lost::new("certainty", format!("{message}; all of it was kept, {} rows", snapshot.row_count())),
    }
}
