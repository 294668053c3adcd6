use std::{collections::HashSet, sync::atomic::Ordering};

use super::{CheckpointStore, Shared, prune::Watch};
use crate::{
    Error,
    manifest::Retired,
    object::Folder,
    planted::{self, Plant},
};

/// What a sweep has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Swept {
    /// Packs that are gone.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packs that nothing refers to, and whose grace has not ended, or that may be exported at the moment.
    pub waiting: u64,
}

impl CheckpointStore {
    /// Removes packs that nothing refers to any more since longer than the grace, at a time in nanoseconds UTC since 1970; and, in a directory, what a crash has left of packs.
    ///
    /// Since when nothing refers to a pack is unknown if nobody told the time then. Its grace begins with the first sweep that finds it, which writes that down; so does that of
    /// one that is said to have been needed at a later time than `now`.
    ///
    /// Behind a prune that is only in the journal it first writes down what is not needed any more, as [`seal`](Self::seal) does, and writes anew what is needed of packs that are mostly not. From then on it waits for the grace.
    ///
    /// While an export runs packs stay, and are removed by the next sweep.
    ///
    /// Readers of other processes that hold on to checkpoints which were pruned before the grace began can't restore them afterwards.
    ///
    /// # Errors
    /// [`Error::Storage`] or [`Error::Backend`]: what was not removed is removed by a later sweep. [`Error::Superseded`] if another writer has gone on: then nothing is removed.
    pub fn sweep(&self, now: i64) -> Result<Swept, Error> {
        let _moving = self.shared.moving();
        self.shared.sweep_moving(now)
    }
}

impl Shared {
    /// Removes packs at a time. Whoever calls holds `moving`.
    pub(super) fn sweep_moving(&self, now: i64) -> Result<Swept, Error> {
        if self.live()?.has_waste() {
            // What a prune has let go of is retired, and what is left of its packs written anew.
            self.rewrite(&[], &mut Watch::nobody())?;
        }
        self.date(now)?;
        let backend = self.ground.backend();
        let (mut retired, packs, manifest, is_exported) = {
            let live = self.live()?;
            // An export that begins after this has no use for what is retired by now.
            let is_exported = self.exports.load(Ordering::SeqCst) > 0;
            (live.retired.clone(), live.packs.clone(), live.manifest, is_exported)
        };
        self.still_newest(manifest)?;
        let mut swept = Swept::default();
        let known: HashSet<u64> =
            packs.iter().map(|pack| pack.number).chain(retired.iter().map(|pack| pack.number)).collect();
        if planted::is(Plant::SweptLive) {
            retired.extend(packs.first().map(|pack| Retired { number: pack.number, since: Some(i64::MIN) }));
        }
        let listed = backend.list(Folder::PACKS.prefix)?;
        for object in &listed {
            let Some(number) = Folder::PACKS.number(&object.name).filter(|number| !known.contains(number))
            else {
                continue;
            };
            if self.ground.is_locked() {
                // Nobody else writes, so nobody is about to refer to it.
                backend.delete(&object.name)?;
                swept.packs += 1;
                swept.bytes += object.len;
            } else {
                retired.push(Retired { number, since: Some(now) });
            }
        }
        let grace = self.options.grace;
        let is_over = |pack: &Retired| {
            let has_grace = match pack.since {
                Some(since) => now.saturating_sub(since) < grace,
                None => grace > 0 && !planted::is(Plant::UntimedGo),
            };
            !is_exported && !has_grace
        };
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
        let mut live = self.live()?;
        if live.manifest == manifest {
            // The next manifest has them no more.
            live.retired = retired.into_iter().filter(|pack| !is_over(pack)).collect();
        }
        Ok(swept)
    }

    /// Lets the grace of packs begin of which nobody knows since when nothing refers to them, and of those that are said to have been needed later than now, by a clock that was
    /// wrong; and writes that down.
    fn date(&self, now: i64) -> Result<(), Error> {
        let is_dated = |pack: &Retired| pack.since.is_some_and(|since| since <= now);
        let mut live = self.live()?;
        if live.retired.iter().all(is_dated) || self.options.grace <= 0 || planted::is(Plant::UntimedGo) {
            return Ok(());
        }
        for pack in live.retired.iter_mut().filter(|pack| !is_dated(pack)) {
            pack.since = Some(now);
        }
        drop(live);
        if self.ground.is_durable() { self.write_down() } else { Ok(()) }
    }
}
