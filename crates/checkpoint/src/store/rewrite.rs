//! Writing packs and a manifest: of what is in the journal, and of what stays when checkpoints go.

use std::{collections::HashMap, sync::Arc};

use keepstone_storage::Durability;

use super::{
    Shared,
    live::Live,
    open::write_operations,
    prune::{Stage, Watch},
};
use crate::{
    Error,
    backend::Backend,
    catalog::{Broken, Catalog},
    checkpoint::Checkpoint,
    form::{Body, PackPlace, Place},
    id::Sequence,
    journal::Journal,
    manifest::{self, Manifest, PackInfo, Retired},
    object::Folder,
    op::Op,
    pack::{self, PackWriter},
    planted::{self, Plant},
};

/// Bytes of a pack from which on the next one is begun.
const PACK_BYTES: u64 = 64 << 20;
/// Numbers of packs that are kept for each manifest.
const PACKS_PER_MANIFEST: u64 = 1 << 16;
/// A pack of which less than one part in so many is needed is written anew.
const SPARSE: u64 = 2;
/// Moves of heads that are kept.
const MOVES_MAX: usize = 4096;

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rewritten {
    /// Checkpoints whose states stand on others than before, or on none.
    pub(super) rebased: u64,
    /// Bytes of the packs; of what went to the journal alone, those of the states.
    pub(super) bytes: u64,
}

/// A store at a moment.
struct Moment {
    catalog: Catalog,
    last_time: Option<i64>,
    /// The first commit that is not in the catalog.
    from: u64,
    store_id: [u8; 16],
    manifest: u64,
    manifest_len: u64,
    packs: Vec<PackInfo>,
    retired: Vec<Retired>,
    /// Whether packs that are mostly not needed are written anew.
    repacks: bool,
}

impl Shared {
    /// Writes what stays when `gone` goes, which [`Shared::condemn`] has looked at, and a manifest; or lets it go in the journal if that has room for what is made anew. None if that was stopped, and everything is as it was. Whoever calls holds `moving`.
    pub(super) fn rewrite(
        &self,
        gone: &[Sequence],
        watch: &mut Watch<'_>,
    ) -> Result<Option<Rewritten>, Error> {
        let _pardon = Pardon(self);
        self.rewrite_moment(self.moment()?, gone, watch)
    }

    /// Writes a manifest of what is known. No pack becomes needless by it. Whoever calls holds `moving`.
    pub(super) fn write_down(&self) -> Result<(), Error> {
        let (mut moment, journal) = self.moment()?;
        moment.repacks = false;
        self.rewrite_moment((moment, journal), &[], &mut Watch::nobody()).map(drop)
    }

    fn rewrite_moment(
        &self,
        (mut moment, journal): (Moment, Arc<dyn Journal>),
        gone: &[Sequence],
        watch: &mut Watch<'_>,
    ) -> Result<Option<Rewritten>, Error> {
        // A manifest that knew more than the journal after a power cut would not fit it.
        let behind = moment.from.checked_sub(1);
        let waits = !planted::is(Plant::ManifestFirst);
        behind.filter(|_| waits).map_or(Ok(()), |last| self.waited(&journal, last, Durability::Durable))?;
        if planted::is(Plant::CutFirst) {
            drop(journal.truncate(moment.from));
        }
        // If a commit fails meanwhile, it is opened again, which it can't be while anybody has it.
        drop(journal);
        let Some(mut bodies) = self.rebased(&moment.catalog, gone, watch)? else { return Ok(None) };
        if !gone.is_empty() && self.has_room_for(&bodies)? {
            return self.prune_in_journal(bodies, gone, watch);
        }
        let mut rewritten = Rewritten { rebased: bodies.len() as u64, bytes: 0 };
        if self.ground.is_durable() {
            let Some(written) = self.write_packs(&moment, &mut bodies, gone, watch)? else { return Ok(None) };
            rewritten.bytes = written.iter().map(|pack| pack.len).sum();
            moment.packs.extend(written);
        }
        change(&mut moment.catalog, &bodies, gone)?;
        if self.ground.is_durable() {
            self.write_manifest(&mut moment)?;
        }
        let mut live = self.live()?;
        // Unless it was read again since the manifest was written.
        if live.manifest < moment.manifest || !self.ground.is_durable() {
            if let Err(err) = change(&mut live.catalog, &bodies, gone) {
                // The manifest counts: what is known has to be read again.
                live.fail(&err);
                return Err(err);
            }
            (live.packs, live.retired, live.manifest) = (moment.packs, moment.retired, moment.manifest);
            live.manifest_len = moment.manifest_len;
            live.count_journal(moment.from);
        }
        keep_moves(&mut live.catalog);
        let journal = Arc::clone(&live.journal);
        drop(live);
        if self.ground.is_durable() {
            // What stays in the journal is read again, to no effect.
            drop(journal.truncate(moment.from));
            self.drop_manifests(moment.manifest);
        }
        Ok(Some(rewritten))
    }

    /// Writes what is in the journal, and in packs that are mostly not needed, to new packs, and says in `bodies` where it is; none if that was stopped.
    fn write_packs(
        &self,
        moment: &Moment,
        bodies: &mut HashMap<Sequence, Body>,
        gone: &[Sequence],
        watch: &mut Watch<'_>,
    ) -> Result<Option<Vec<PackInfo>>, Error> {
        let sparse = if moment.repacks { sparse(moment, bodies, gone) } else { Vec::new() };
        let is_due = |place: &Place| match place {
            Place::Journal(bytes) => !bytes.is_empty(),
            Place::Pack(place) => sparse.contains(&place.pack),
        };
        let all = moment.catalog.all().iter();
        let stays = all.filter(|checkpoint| gone.binary_search(&checkpoint.sequence).is_err());
        let mut due: Vec<(&Arc<Checkpoint>, Body)> = Vec::new();
        for checkpoint in stays {
            let body = bodies.get(&checkpoint.sequence).unwrap_or(&checkpoint.body);
            if is_due(&body.place) {
                due.push((checkpoint, body.clone()));
            }
        }
        let total = due.len() as u64;
        let mut packs = Packs::new(self.ground.backend(), moment.store_id, moment.manifest);
        for (done, (checkpoint, body)) in (0..).zip(due) {
            if watch.stops(Stage::Write, done, total) {
                packs.abandon();
                return Ok(None);
            }
            let bytes = match &body.place {
                Place::Journal(bytes) => Arc::clone(bytes),
                Place::Pack(place) => {
                    match pack::read(self.ground.backend(), checkpoint.id, checkpoint.sequence, place) {
                        Ok(bytes) => bytes.into(),
                        // What is lost stays where it was, and holds up nothing else.
                        Err(Error::MissingPack { .. } | Error::State { .. }) => continue,
                        Err(err) => return Err(err),
                    }
                }
            };
            let place = Place::Pack(packs.add(checkpoint.sequence, &bytes)?);
            bodies.insert(checkpoint.sequence, Body { form: body.form, place });
        }
        packs.finish().map(Some)
    }

    fn moment(&self) -> Result<(Moment, Arc<dyn Journal>), Error> {
        let live = self.live()?;
        let mut catalog = live.catalog.clone();
        keep_moves(&mut catalog);
        let moment = Moment {
            catalog,
            last_time: live.encoder().last_time(),
            from: live.journal.end(),
            store_id: live.store_id,
            manifest: live.manifest,
            manifest_len: live.manifest_len,
            packs: live.packs.clone(),
            retired: live.retired.clone(),
            repacks: true,
        };
        Ok((moment, Arc::clone(&live.journal)))
    }

    /// Puts the manifest of a moment, which gets its number.
    fn write_manifest(&self, moment: &mut Moment) -> Result<(), Error> {
        let needed = needed(moment.catalog.all().iter());
        let now = self.options.now();
        let (mut packs, mut retired) = (Vec::new(), std::mem::take(&mut moment.retired));
        for mut pack in std::mem::take(&mut moment.packs) {
            match needed.get(&pack.number) {
                Some(live) => {
                    pack.live = *live;
                    packs.push(pack);
                }
                None => retired.push(Retired { number: pack.number, since: now }),
            }
        }
        packs.sort_unstable_by_key(|pack| pack.number);
        retired.sort_unstable_by_key(|pack| pack.number);
        moment.manifest += 1;
        let operations = write_operations(&moment.catalog, moment.last_time)?;
        moment.manifest_len = operations.len() as u64;
        let manifest = Manifest {
            number: moment.manifest,
            store_id: moment.store_id,
            journal_from: moment.from,
            packs: packs.clone(),
            retired: retired.clone(),
            operations,
        };
        let name = manifest.name();
        let put = self.ground.backend().put_if_absent(&name, &manifest.encode()?);
        // Whatever went wrong, it may be there: then it counts, and the packs that it names are needed.
        let put = match put {
            Ok(true) => self.still_newest(manifest.number),
            Ok(false) => Err(Error::Superseded { object: name }),
            // Where nobody else writes, what is not there has not been made, and nothing needs to be read again.
            Err(err) if self.ground.is_locked() && matches!(self.ground.backend().get(&name), Ok(None)) => {
                return Err(err.into());
            }
            Err(err) => Err(err.into()),
        };
        self.noted(put)?;
        for (name, bytes) in planted::late() {
            self.ground.backend().put_if_absent(&name, &bytes)?;
        }
        (moment.packs, moment.retired) = (packs, retired);
        Ok(())
    }

    /// Sees that no other writer has gone on with a manifest of its own. It may have given up those with lower numbers, so that a number which is free says nothing.
    pub(super) fn still_newest(&self, manifest: u64) -> Result<(), Error> {
        if self.ground.is_locked() {
            return Ok(());
        }
        match manifest::numbers(self.ground.backend())?.last() {
            Some(&newest) if newest > manifest => {
                Err(Error::Superseded { object: Folder::MANIFESTS.name(newest) })
            }
            _ => Ok(()),
        }
    }

    /// Deletes manifests that a newer one has taken the place of, but the last of them. One that stays is no harm.
    fn drop_manifests(&self, newest: u64) {
        let backend = self.ground.backend();
        for number in manifest::numbers(backend).unwrap_or_default() {
            if number + 1 < newest {
                drop(backend.delete(&Folder::MANIFESTS.name(number)));
            }
        }
    }
}

/// Whatever comes of it, also if who is told of the progress panics: nothing is about to go any more.
struct Pardon<'s>(&'s Shared);

impl Drop for Pardon<'_> {
    fn drop(&mut self) {
        self.0.known().condemned = Vec::new();
    }
}

impl Live {
    /// Whether since the newest manifest so much was let go of a pack that it is not needed any more, or is to be written anew.
    pub(super) fn has_waste(&self) -> bool {
        if self.unsealed == 0 || self.packs.is_empty() {
            return false;
        }
        let needed = needed(self.catalog.all().iter());
        // What was so little by then has been looked at.
        let has_less = |pack: &PackInfo| needed.get(&pack.number).is_none_or(|bytes| *bytes < pack.live);
        self.packs.iter().any(|pack| has_less(pack) && is_sparse(pack, &needed))
    }

    /// Counts what is in the journal behind the commits that a manifest has.
    fn count_journal(&mut self, from: u64) {
        let inline = |checkpoint: &Arc<Checkpoint>| match &checkpoint.body.place {
            Place::Journal(bytes) => bytes.len() as u64,
            Place::Pack(_) => 0,
        };
        self.journal_bytes = self.catalog.all().iter().map(inline).sum();
        self.unsealed = self.journal.end().saturating_sub(from);
    }
}

/// Says in a catalog where states are, and lets go of what goes.
fn change(catalog: &mut Catalog, bodies: &HashMap<Sequence, Body>, gone: &[Sequence]) -> Result<(), Error> {
    for (sequence, body) in bodies {
        catalog.rehouse(*sequence, body.clone()).map_err(|Broken(what)| Error::Misuse { what })?;
    }
    if gone.is_empty() {
        return Ok(());
    }
    catalog.apply(Op::Prune { gone: gone.to_vec() }).map_err(|Broken(what)| Error::Misuse { what })
}

/// Forgets moves of heads that are more than there are to be.
fn keep_moves(catalog: &mut Catalog) {
    let first = catalog.moves().len().saturating_sub(MOVES_MAX);
    if first == 0 {
        return;
    }
    if let Some(oldest) = catalog.moves().get(first).map(|moved| moved.number) {
        catalog.forget_moves(|moved| moved.number >= oldest);
    }
}

/// How many bytes of each pack checkpoints need. A length may be that of bytes which are not there.
fn needed<'c>(checkpoints: impl Iterator<Item = &'c Arc<Checkpoint>>) -> HashMap<u64, u64> {
    let mut needed: HashMap<u64, u64> = HashMap::new();
    for checkpoint in checkpoints {
        if let Place::Pack(place) = &checkpoint.body.place {
            let bytes = needed.entry(place.pack).or_default();
            *bytes = bytes.saturating_add(place.len);
        }
    }
    needed
}

/// The packs of which so little is needed that it is written anew.
fn sparse(moment: &Moment, bodies: &HashMap<Sequence, Body>, gone: &[Sequence]) -> Vec<u64> {
    let stays = |checkpoint: &&Arc<Checkpoint>| {
        !bodies.contains_key(&checkpoint.sequence) && gone.binary_search(&checkpoint.sequence).is_err()
    };
    let needed = needed(moment.catalog.all().iter().filter(stays));
    moment.packs.iter().filter(|pack| is_sparse(pack, &needed)).map(|pack| pack.number).collect()
}

/// Whether so little of a pack is needed that it is written anew.
fn is_sparse(pack: &PackInfo, needed: &HashMap<u64, u64>) -> bool {
    needed.get(&pack.number).copied().unwrap_or_default().saturating_mul(SPARSE) < pack.len
}

/// Packs that are written one after the other.
pub(super) struct Packs<'s> {
    backend: &'s dyn Backend,
    store_id: [u8; 16],
    next: u64,
    open: Option<PackWriter>,
    written: Vec<PackInfo>,
}

impl<'s> Packs<'s> {
    /// Begins behind a manifest of a store.
    pub(super) fn new(backend: &'s dyn Backend, store_id: [u8; 16], manifest: u64) -> Self {
        // A number is never used again: a reader may still go by a manifest that names the pack which had it.
        let next = (manifest + 1).saturating_mul(PACKS_PER_MANIFEST).saturating_add(1);
        Self { backend, store_id, next, open: None, written: Vec::new() }
    }

    pub(super) fn add(&mut self, sequence: Sequence, bytes: &[u8]) -> Result<PackPlace, Error> {
        if self.open.as_ref().is_some_and(|pack| pack.payload_len() >= PACK_BYTES) {
            self.put()?;
        }
        if self.open.is_none() {
            self.next = self.free_number()?;
        }
        let (next, store_id) = (self.next, self.store_id);
        Ok(self.open.get_or_insert_with(|| PackWriter::new(next, store_id)).add(sequence, bytes))
    }

    /// A number that no pack has; of one that a crash has left nobody knows.
    fn free_number(&self) -> Result<u64, Error> {
        let listed = self.backend.list(Folder::PACKS.prefix)?;
        let highest = listed.iter().filter_map(|object| Folder::PACKS.number(&object.name)).max();
        Ok(self.next.max(highest.unwrap_or(0) + 1))
    }

    fn put(&mut self) -> Result<(), Error> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let (number, live, name) = (self.next, open.payload_len(), open.name());
        let bytes = open.finish()?;
        let is_late = planted::is(Plant::LatePack);
        if is_late {
            planted::put_later(&name, &bytes);
        }
        if !is_late && !self.backend.put_if_absent(&name, &bytes)? {
            return Err(Error::Superseded { object: name });
        }
        self.written.push(PackInfo { number, len: bytes.len() as u64, live });
        self.next += 1;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Vec<PackInfo>, Error> {
        self.put()?;
        Ok(self.written)
    }

    /// Deletes what was written. What stays is swept.
    pub(super) fn abandon(self) {
        for pack in self.written {
            drop(self.backend.delete(&Folder::PACKS.name(pack.number)));
        }
    }
}
