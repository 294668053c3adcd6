use keepstone_format::{Limits, Reader};

use super::{Done, Run};
use crate::{
    Error,
    entry::SaveEntry,
    id::SaveId,
    manager::Fate,
    sync::{
        history::Version,
        moved::{derived_head, keeps, merged_id, moved_id},
        options::ForkPolicy,
        remote::Obtained,
        report::SlotAction,
    },
};

/// The slot where a fork is kept; none: among the backups of the profile, or the player has deleted it there.
pub(super) struct Kept(Option<u8>);

impl Run<'_> {
    /// Settles a fork: of the save here, and of `winner` and `others` there.
    pub(super) fn settle(
        &mut self,
        slot: Option<u8>,
        here: &SaveEntry,
        winner: SaveId,
        others: &[SaveId],
    ) -> Done {
        match (self.options.fork, slot) {
            (ForkPolicy::KeepBoth, Some(_)) => self.keep_both(slot, here, winner, others),
            (ForkPolicy::KeepBoth, None) if winner == here.id() => self.prefer_here(slot, here, others, true),
            (ForkPolicy::KeepBoth, None) => self.prefer_there(slot, here, winner, others, true),
            (ForkPolicy::PreferLocal, _) => {
                let there = others.iter().copied().chain([winner]).filter(|id| *id != here.id());
                self.prefer_here(slot, here, &there.collect::<Vec<_>>(), false)
            }
            (ForkPolicy::PreferRemote, _) if winner != here.id() => {
                self.prefer_there(slot, here, winner, others, false)
            }
            (ForkPolicy::PreferRemote, _) => match others.split_first() {
                Some((first, rest)) => self.prefer_there(slot, here, *first, rest, false),
                None => Ok(Some(SlotAction::Nothing)),
            },
        }
    }

    /// Gives each save of a fork a slot of its own; that of `winner` is the one where the fork is.
    fn keep_both(&mut self, slot: Option<u8>, here: &SaveEntry, winner: SaveId, others: &[SaveId]) -> Done {
        let mut other_slot = None;
        for other in others {
            let Some(Kept(kept)) = self.keep_other(slot, *other)? else { return Ok(None) };
            other_slot = other_slot.or(kept);
        }
        if winner != here.id() {
            // First the copy, then what takes its place: a crash between them leaves both where they were, and a copy that isn't made twice.
            let Some(Kept(kept)) = self.move_here(slot, here)? else { return Ok(None) };
            other_slot = kept;
            match self.take(slot, winner, Some(here.id()))? {
                None => return Ok(None),
                // Another slot has it: both are here.
                Some(false) => return Ok(Some(SlotAction::Nothing)),
                Some(true) => {}
            }
        }
        Ok(Some(SlotAction::KeptBoth { other_slot }))
    }

    /// Copies the save of a slot to a free one, unless it was already, and answers which. None: judge anew.
    fn move_here(&mut self, slot: Option<u8>, here: &SaveEntry) -> Result<Option<Kept>, Error> {
        if let Some(kept) = self.kept_elsewhere(slot, here.id())? {
            return Ok(Some(kept));
        }
        let free = Some(self.free_slot()?);
        let head = derived_head(&here.head(), moved_id(here.id()), free, &[here.id().short()]);
        let derived = self.manager.derive(self.player, free, here, &head, None)?;
        Ok(derived.map(|_| {
            self.moved.insert(free);
            Kept(free)
        }))
    }

    /// Puts a fork from there in a free slot, unless it is kept already, and answers in which. One of a profile becomes a locked backup. None: judge anew.
    pub(super) fn keep_other(&mut self, slot: Option<u8>, id: SaveId) -> Result<Option<Kept>, Error> {
        if slot.is_none() {
            let newest = self.survey()?.newest(slot).map(SaveEntry::id);
            let Some(is_new) = self.take(slot, id, newest)? else { return Ok(None) };
            if is_new {
                self.manager.lock(id)?;
            }
            return Ok(Some(Kept(None)));
        }
        if let Some(kept) = self.kept_elsewhere(slot, id)? {
            return Ok(Some(kept));
        }
        let Some(obtained) = self.remote.obtain(slot, id)? else { return Ok(None) };
        self.check_readable(&obtained, slot)?;
        let free = Some(self.free_slot()?);
        let Obtained { head, bytes, .. } = obtained;
        let failed = |source| Error::format(&self.manager.player_path(self.player), source);
        let reader =
            Reader::open(bytes.as_slice(), Limits::for_file_len(bytes.len() as u64)).map_err(failed)?;
        let head = derived_head(&head, moved_id(id), free, &[id.short()]);
        let received = self.manager.receive(self.player, free, &reader, &head, None)?;
        Ok(received.map(|_| {
            self.moved.insert(free);
            Kept(free)
        }))
    }

    /// The other slot that has a save, or what was made of it when it was moved. One that was moved and then deleted by the player was kept as well.
    fn kept_elsewhere(&self, slot: Option<u8>, id: SaveId) -> Result<Option<Kept>, Error> {
        let of_other = |fate| match fate {
            Fate::Here(other) => (other != slot).then_some(Kept(other)),
            Fate::Deleted => Some(Kept(None)),
            Fate::Lost | Fate::Unknown => None,
        };
        let survey = self.survey()?;
        if let Some(kept) = of_other(survey.fate(moved_id(id))) {
            return Ok(Some(kept));
        }
        let mut others = survey.newest_of_others(slot);
        let keeper = others.find(|entry| entry.id() == id || keeps(&Version::of_entry(entry), id));
        Ok(keeper.map(|entry| Kept(entry.slot())))
    }

    /// A slot that is free on both sides: one of those that a player chooses, else one that the layout doesn't use.
    fn free_slot(&self) -> Result<u8, Error> {
        let mut taken = self.survey()?.slots();
        taken.extend(self.remote.slots());
        let layout = &self.manager.options().layout;
        let used = layout.slots();
        let unused = (0..=u8::MAX).filter(|slot| !used.contains(slot));
        let free = layout.manual.iter().copied().chain(unused).find(|slot| !taken.contains(&Some(*slot)));
        free.ok_or_else(|| Error::NoFreeSlot { player: self.player.as_str().to_owned() })
    }

    /// Makes the save here follow the others, which become backups.
    fn prefer_here(&mut self, slot: Option<u8>, here: &SaveEntry, others: &[SaveId], keep_all: bool) -> Done {
        // Not rotated out, whatever happens before it is the latest again.
        let was_locked = here.is_locked();
        if !was_locked {
            self.manager.lock(here.id())?;
        }
        let mut newest = here.id();
        for other in others {
            match self.take(slot, *other, Some(newest))? {
                Some(true) => newest = *other,
                Some(false) => {}
                None => return Ok(None),
            }
            if keep_all {
                self.manager.lock(*other)?;
            }
        }
        if !self.merge(slot, here, others, newest)? {
            return Ok(None);
        }
        if !was_locked {
            self.manager.unlock(here.id())?;
        }
        Ok(Some(if keep_all { SlotAction::KeptBoth { other_slot: None } } else { SlotAction::Uploaded }))
    }

    /// Takes a save from there over the one here, which becomes a backup.
    fn prefer_there(
        &mut self,
        slot: Option<u8>,
        here: &SaveEntry,
        winner: SaveId,
        others: &[SaveId],
        keep_all: bool,
    ) -> Done {
        if keep_all {
            self.manager.lock(here.id())?;
        }
        let mut newest = here.id();
        for id in others.iter().chain([&winner]) {
            match self.take(slot, *id, Some(newest))? {
                Some(true) => newest = *id,
                Some(false) => {}
                None => return Ok(None),
            }
            if keep_all && *id != winner {
                self.manager.lock(*id)?;
            }
        }
        // Where the other side has the rest too, it is told that they are settled.
        let mut rest = others.to_vec();
        if self.remote.has(slot, here.id()) {
            rest.push(here.id());
        }
        if !rest.is_empty()
            && let Some(taken) = self.survey()?.newest(slot).filter(|entry| entry.id() == winner)
            && !self.merge(slot, taken, &rest, winner)?
        {
            return Ok(None);
        }
        Ok(Some(if keep_all { SlotAction::KeptBoth { other_slot: None } } else { SlotAction::Downloaded }))
    }

    /// Makes a save with the payload of `of` that follows it and `others`, and answers whether the slot was as expected.
    fn merge(
        &mut self,
        slot: Option<u8>,
        of: &SaveEntry,
        others: &[SaveId],
        expected: SaveId,
    ) -> Result<bool, Error> {
        let ids: Vec<SaveId> = std::iter::once(of.id()).chain(others.iter().copied()).collect();
        let ancestors: Vec<[u8; 8]> = ids.iter().map(SaveId::short).chain(of.ancestors()).collect();
        let head = derived_head(&of.head(), merged_id(&ids), slot, &ancestors);
        let merged = self.manager.derive(self.player, slot, of, &head, Some(expected))?;
        self.moved.insert(slot);
        Ok(merged.is_some())
    }
}
