use std::path::Path;

use anyhow::{Context, Result, ensure};
use keepstone::storage::snapshot::Verify;

use super::{Stored, options};
use crate::{
    case::{Case, Plan},
    mapped,
};

/// What a format that checks no content would look at.
const HEADER_LEN: usize = 64;

/// A snapshot mapped, every byte checked and its vectors viewed, beside a mapping and a CRC-32 of all of it.
pub(in crate::cases) fn verified(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(checked(plan, dir, false)?.limit(1.2))
}

/// The same by one thread.
pub(in crate::cases) fn verified_alone(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(checked(plan, dir, true)?.limit(1.2))
}

fn checked(plan: &Plan, dir: &Path, is_alone: bool) -> Result<Case> {
    let stored = Stored::new(plan, dir, "snapshot-map-verified")?;
    let (path, same, len) = (stored.path(), stored.path(), stored.len);
    let case = super::case(plan).ours(move |watch| {
        let _ = stored.path();
        watch.note_bytes(len);
        watch.together(|| {
            let snapshot = mapped::snapshot(&path, Verify::Now, options(is_alone))?;
            Ok(snapshot.view::<f32>("vectors")?.len())
        })
    });
    Ok(case.floor(1.0, "map, CRC-32 of the file", move |watch| {
        watch.note_bytes(len);
        watch.together(|| Ok(crc32fast::hash(&mapped::by_hand(&same)?)))
    }))
}

/// A snapshot mapped and asked what is in it, beside a mapping and a CRC-32 of 64 bytes.
pub(in crate::cases) fn mapped(plan: &Plan, dir: &Path) -> Result<Case> {
    let stored = Stored::new(plan, dir, "snapshot-map")?;
    let (path, same, rows) = (stored.path(), stored.path(), u64::from(plan.amount));
    let case = super::case(plan).limit(2.0).ours(move |watch| {
        let _ = stored.path();
        watch.together(|| {
            let snapshot = mapped::snapshot(&path, Verify::OnUse, options(false))?;
            let array = snapshot.array("vectors")?;
            ensure!(array.rows() == rows, "another number of vectors");
            Ok(array.width())
        })
    });
    Ok(case.floor(1.0, "map, CRC-32 of 64 bytes", move |watch| {
        watch.together(|| {
            let map = mapped::by_hand(&same)?;
            Ok(crc32fast::hash(map.get(..HEADER_LEN).context("the file is shorter")?))
        })
    }))
}
