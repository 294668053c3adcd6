use std::{path::Path, sync::Arc};

use anyhow::Result;
use keepstone::storage::{Durability, OsFiles, atomic};
use keepstone_testkit::{CountingFiles, Counts};

use super::Removed;
use crate::{
    case::{Case, Plan},
    mixed::SplitMix,
    protocol,
};

/// An atomic replacement that is on the disk when it returns, beside the same steps written by hand in the same
/// directory.
#[expect(clippy::unnecessary_wraps, reason = "building another case can fail")]
pub(super) fn case(plan: &Plan, dir: &Path) -> Result<Case> {
    let bytes = random_bytes(plan.amount);
    let same = bytes.clone();
    let (ours, by_hand) = (Removed(dir.join("keepstone-ours")), Removed(dir.join("keepstone-by-hand")));
    Ok(plan
        .case()
        .ours(move |watch| {
            if !watch.is_counting() {
                return watch
                    .each(|| Ok(atomic::replace(&OsFiles, ours.path(), Durability::Durable, &bytes)?));
            }
            let files = CountingFiles::over(Arc::new(OsFiles));
            watch.each(|| Ok(atomic::replace(&files, ours.path(), Durability::Durable, &bytes)?))?;
            let counts = files.counts();
            watch.note_bytes(counts.bytes_written);
            watch.note_calls(calls(&counts));
            watch.note_syncs(counts.file_syncs + counts.dir_syncs);
            Ok(())
        })
        .floor(1.0, "write, fdatasync, rename, directory sync", move |watch| {
            watch.note_bytes(same.len() as u64);
            watch.note_calls(protocol::BY_HAND.0);
            watch.note_syncs(protocol::BY_HAND.1);
            watch.each(|| Ok(protocol::replace_by_hand(by_hand.path(), &same)?))
        })
        .limit(1.1))
}

/// All calls that were counted.
pub(super) fn calls(counts: &Counts) -> u64 {
    let Counts { creates, writes, reads, file_syncs, dir_syncs, renames, removes, others, .. } = counts;
    creates + writes + reads + file_syncs + dir_syncs + renames + removes + others
}

/// Bytes that no disk can make smaller.
pub(super) fn random_bytes(count: u32) -> Vec<u8> {
    let mut random = SplitMix::new(1);
    (0..count.div_ceil(8)).flat_map(|_| random.next_u64().to_le_bytes()).collect()
}
