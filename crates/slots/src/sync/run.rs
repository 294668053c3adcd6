mod finish;
mod fork;

use std::collections::{BTreeMap, BTreeSet};

use keepstone_format::{Limits, Reader, tag};

use super::{
    base::{Base, Common},
    counted::Counted,
    history::{Sides, Step, Version, judge},
    moved::{extended, keeps, set_ancestors},
    options::SyncOptions,
    remote::{Obtained, Remote},
    report::{Relation, SlotAction, SlotOutcome, SyncReport},
    target::SyncTarget,
};
use crate::{
    Error, SaveManager,
    entry::SaveEntry,
    id::SaveId,
    manager::{Fate, Survey},
    planted::{self, Plant},
    player::Player,
};

/// How often a slot is judged anew because it was saved to meanwhile, or because the list of heads was wrong about it.
const TRIES_MAX: u32 = 32;

/// Synchronizes the saves of a player.
pub(crate) fn run(
    manager: &SaveManager,
    player: &Player,
    target: &dyn SyncTarget,
    options: &SyncOptions,
) -> Result<SyncReport, Error> {
    let target = &Counted::new(target);
    let remote = Remote::learn(target, player, options)?;
    let base = Base::read(&*manager.options().files, &manager.player_path(player), target.name());
    let mut run = Run {
        manager,
        player,
        options,
        target,
        base_holds: base.manifest_id != [0; 16] && base.manifest_id == remote.manifest_id(),
        base,
        remote,
        moved: BTreeSet::new(),
        report: SyncReport::default(),
    };
    run.slots()?;
    run.finish()?;
    let Run { remote, mut report, .. } = run;
    report.damaged = remote.into_damaged();
    report.traffic = target.traffic();
    Ok(report)
}

/// A synchronization on its way.
struct Run<'a> {
    manager: &'a SaveManager,
    player: &'a Player,
    options: &'a SyncOptions,
    target: &'a Counted<'a>,
    base: Base,
    base_holds: bool,
    remote: Remote<'a>,
    /// Slots that got a save of this machine's making, which the other side doesn't have.
    moved: BTreeSet<Option<u8>>,
    report: SyncReport,
}

/// What was done about a slot; none if it has to be judged anew.
type Done = Result<Option<SlotAction>, Error>;

impl Run<'_> {
    fn slots(&mut self) -> Result<(), Error> {
        let survey = self.survey()?;
        let mut all = survey.slots();
        all.extend(self.remote.slots());
        // A fork that was moved to another slot has to be here before it is judged where it came from.
        let mut forks = Vec::new();
        for slot in all {
            match self.judge(slot, &survey).1 {
                Step::Settle { .. } => forks.push(slot),
                Step::Take { others, .. } if !others.is_empty() => forks.push(slot),
                _ => self.slot(slot),
            }
        }
        for slot in forks {
            self.slot(slot);
        }
        // What became of forks goes there like any other save.
        while let Some(slot) = self.moved.pop_first() {
            if self.options.may_upload() {
                self.slot(slot);
            }
        }
        Ok(())
    }

    fn survey(&self) -> Result<Survey, Error> {
        self.manager.survey(self.player)
    }

    fn write_base(&self, base: &Base) -> Result<(), Error> {
        base.write(&*self.manager.options().files, &self.manager.player_path(self.player), self.target.name())
    }

    /// Synchronizes a slot, and reports what became of it.
    fn slot(&mut self, slot: Option<u8>) {
        let mut relation = Relation::Same;
        let failure = self.remote.take_failure(slot);
        let done = failure.map_or_else(|| self.try_slot(slot, &mut relation), Err);
        let action = done.unwrap_or_else(SlotAction::Failed);
        self.report.slots.push(SlotOutcome { slot, relation, action });
    }

    fn try_slot(&mut self, slot: Option<u8>, relation: &mut Relation) -> Result<SlotAction, Error> {
        for _ in 0..TRIES_MAX {
            let survey = self.survey()?;
            let step;
            (*relation, step) = self.judge(slot, &survey);
            if let Some(action) = self.act(slot, survey.newest(slot), *relation, step)? {
                return Ok(action);
            }
        }
        // It is saved to faster than a save is fetched.
        Ok(SlotAction::Nothing)
    }

    fn judge(&self, slot: Option<u8>, survey: &Survey) -> (Relation, Step) {
        let version = survey.newest(slot).map(Version::of_entry);
        judge(&Sides {
            here: version.as_ref(),
            there: &self.remote.there(slot),
            base: self.base_of(slot, survey),
            base_holds: self.base_holds,
            is_unwanted: &|id| self.is_unwanted(slot, id, survey),
            is_elsewhere: &|id| {
                let mut others = survey.newest_of_others(slot);
                others.any(|entry| entry.id() == id || keeps(&Version::of_entry(entry), id))
                    || self.remote.keeps_elsewhere(slot, id)
            },
        })
    }

    /// What was last in common, unless it was lost here since: then what is here doesn't follow it.
    fn base_of(&self, slot: Option<u8>, survey: &Survey) -> Option<SaveId> {
        let base = self.base.slots.get(&slot).map(|common| common.id);
        base.filter(|id| survey.fate(*id) != Fate::Lost)
    }

    /// Whether the player has deleted a save here.
    fn is_unwanted(&self, slot: Option<u8>, id: SaveId, survey: &Survey) -> bool {
        match survey.fate(id) {
            Fate::Deleted => true,
            // Its time may be over, and it is gone.
            Fate::Unknown => {
                self.base.slots.get(&slot).is_some_and(|common| common.is_unwanted && common.id == id)
            }
            Fate::Here(_) | Fate::Lost => false,
        }
    }

    fn act(&mut self, slot: Option<u8>, here: Option<&SaveEntry>, relation: Relation, step: Step) -> Done {
        if planted::is(Plant::EmptyDeletes)
            && let (Relation::OnlyHere, Some(here)) = (relation, here)
        {
            self.manager.delete(here.id())?;
            return Ok(Some(SlotAction::Nothing));
        }
        match (step, here) {
            (Step::Upload, Some(here)) if self.options.may_upload() => self.upload(slot, here),
            (Step::Take { winner, others }, _) if self.options.may_download() => {
                for other in others {
                    if self.keep_other(slot, other)?.is_none() {
                        return Ok(None);
                    }
                }
                let taken = self.take(slot, winner, here.map(SaveEntry::id))?;
                Ok(taken.map(|is_new| if is_new { SlotAction::Downloaded } else { SlotAction::Nothing }))
            }
            (Step::Settle { winner, others }, Some(here)) if self.options.may_download() => {
                self.settle(slot, here, winner, &others)
            }
            _ => Ok(Some(SlotAction::Nothing)),
        }
    }

    /// Puts the save of a slot there.
    fn upload(&mut self, slot: Option<u8>, here: &SaveEntry) -> Done {
        if planted::is(Plant::BaseFirst) {
            self.base.slots.insert(slot, Common { id: here.id(), is_unwanted: false });
            self.write_base(&self.base)?;
        }
        let mut head = SaveManager::outgoing_head(here);
        // What was in common it follows, even if it doesn't remember that: others don't know what was in common.
        let base = self.base_of(slot, &self.survey()?).filter(|base| self.remote.has(slot, *base));
        let follows: Vec<[u8; 8]> =
            base.filter(|base| *base != here.id()).iter().map(SaveId::short).collect();
        let mut naming = head.clone();
        set_ancestors(&mut naming, &extended(&here.ancestors(), &follows));
        naming.set(tag::CODEC, &[self.options.compression.codec.id()]);
        // A head that has no room for more goes as it is.
        if naming.to_bytes().is_ok() {
            head = naming;
        }
        let bytes = self.manager.pack(here, head.clone(), self.options.compression)?;
        self.remote.put(here.stem(), head, &bytes)?;
        Ok(Some(SlotAction::Uploaded))
    }

    /// Takes a save from there as the latest of a slot, and answers whether it is new here. None: judge anew.
    fn take(
        &mut self,
        slot: Option<u8>,
        id: SaveId,
        expected: Option<SaveId>,
    ) -> Result<Option<bool>, Error> {
        if matches!(self.survey()?.fate(id), Fate::Here(_)) {
            return Ok(Some(false));
        }
        let Some(obtained) = self.remote.obtain(slot, id)? else { return Ok(None) };
        self.check_readable(&obtained, slot)?;
        let Obtained { head, bytes, .. } = obtained;
        let failed = |source| Error::format(&self.manager.player_path(self.player), source);
        let reader =
            Reader::open(bytes.as_slice(), Limits::for_file_len(bytes.len() as u64)).map_err(failed)?;
        let received = self.manager.receive(self.player, slot, &reader, &head, expected)?;
        Ok(received.map(|_| true))
    }

    /// Refuses a save that the program could not load: it would hide the one that it can.
    fn check_readable(&self, obtained: &Obtained, slot: Option<u8>) -> Result<(), Error> {
        let Some(known) = self.manager.schema(slot) else { return Ok(()) };
        let version = obtained.head.get(tag::PAYLOAD_VERSION).and_then(|version| version.try_into().ok());
        let found = version.map_or(0, u32::from_le_bytes);
        let is_same = obtained.head.get(tag::PAYLOAD_TYPE) == Some(known.name.as_bytes());
        if !is_same || found <= known.version {
            return Ok(());
        }
        Err(Error::Newer { id: obtained.stem.id, name: known.name.clone(), found, known: known.version })
    }

    /// What is in common by slot, as far as nothing failed.
    fn in_common(&self) -> Result<BTreeMap<Option<u8>, Common>, Error> {
        let mut slots = self.base.slots.clone();
        let survey = self.survey()?;
        for outcome in &self.report.slots {
            let slot = outcome.slot;
            if outcome.error().is_some() {
                continue;
            }
            if let Some(here) = survey.newest(slot).filter(|here| self.remote.has(slot, here.id())) {
                slots.insert(slot, Common { id: here.id(), is_unwanted: false });
            }
            let there = self.remote.there(slot);
            let heads = there.iter().filter(|version| !there.iter().any(|other| other.follows(version.id())));
            for head in heads {
                if self.is_unwanted(slot, head.id(), &survey) {
                    slots.insert(slot, Common { id: head.id(), is_unwanted: true });
                }
            }
        }
        Ok(slots)
    }
}
