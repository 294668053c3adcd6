use std::{collections::HashSet, sync::PoisonError};

use super::CheckpointStore;
use crate::{
    Error,
    manifest::Retired,
    object::Folder,
    planted::{self, Plant},
};

/// What a sweep has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Swept {
    /// Packs that are gone.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packs that nothing refers to, and whose grace has not ended.
    pub waiting: u64,
}

impl CheckpointStore {
    /// Removes packs that nothing refers to any more since longer than the grace, at a time in nanoseconds UTC since 1970, or since nobody told when; and, in a directory, what a crash has left of packs.
    ///
    /// Readers of other processes that hold on to checkpoints which were pruned before the grace began can't restore them afterwards.
    ///
    /// # Errors
    /// [`Error::Storage`] or [`Error::Backend`]: what was not removed is removed by a later sweep. [`Error::Superseded`] if another writer has gone on: then nothing is removed.
    pub fn sweep(&self, now: i64) -> Result<Swept, Error> {
        let shared = &self.shared;
        let _moving = shared.moving.lock().unwrap_or_else(PoisonError::into_inner);
        let backend = shared.ground.backend();
        let (mut retired, packs, manifest) = {
            let live = shared.live()?;
            (live.retired.clone(), live.packs.clone(), live.manifest)
        };
        shared.still_newest(manifest)?;
        let mut swept = Swept::default();
        let known: HashSet<u64> =
            packs.iter().map(|pack| pack.number).chain(retired.iter().map(|pack| pack.number)).collect();
        if planted::is(Plant::SweptLive) {
            retired.extend(packs.first().map(|pack| Retired { number: pack.number, since: None }));
        }
        let listed = backend.list(Folder::PACKS.prefix)?;
        for object in &listed {
            let Some(number) = Folder::PACKS.number(&object.name).filter(|number| !known.contains(number))
            else {
                continue;
            };
            if shared.ground.is_locked() {
                // Nobody else writes, so nobody is about to refer to it.
                backend.delete(&object.name)?;
                swept.packs += 1;
                swept.bytes += object.len;
            } else {
                retired.push(Retired { number, since: Some(now) });
            }
        }
        let is_over =
            |pack: &Retired| pack.since.is_none_or(|since| now.saturating_sub(since) >= shared.options.grace);
        for pack in &retired {
            let name = Folder::PACKS.name(pack.number);
            if !is_over(pack) {
                swept.waiting += 1;
            } else if let Some(object) = listed.iter().find(|object| object.name == name) {
                backend.delete(&name)?;
                swept.packs += 1;
                swept.bytes += object.len;
            }
        }
        let mut live = shared.live()?;
        if live.manifest == manifest {
            // The next manifest has them no more.
            live.retired = retired.into_iter().filter(|pack| !is_over(pack)).collect();
        }
        Ok(swept)
    }
}
