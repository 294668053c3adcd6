//! What is left of a damaged store, as a new one.

mod again;
mod heads;
mod strays;

use std::{
    collections::{HashMap, HashSet},
    io::ErrorKind,
    ops::ControlFlow,
    path::{Component, Path, PathBuf, absolute},
    sync::Arc,
};

use keepstone_storage::Files;

use super::{
    CheckpointStore,
    open::{Ground, write_operations},
    prune::{Progress, Stage, Watch},
    rewrite::Packs,
    salvage::{LostCommits, Manifests, ObjectFault, Timeline, is_damage, nothing_known},
    validate::Finding,
    walk::{Unmade, Walk},
};
use crate::{
    Error,
    backend::{Backend, DirBackend},
    catalog::{Broken, Catalog},
    checkpoint::Checkpoint,
    form::{Body, Place},
    id::{CheckpointId, Sequence},
    manifest::{Manifest, PackInfo},
    object::Folder,
    op::Op,
    options::StoreOptions,
    planted::{self, Plant},
};
use again::Again;
pub use heads::MovedHead;
pub use strays::Recovered;

/// What a repair has saved, and what it could not.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Repaired {
    /// Checkpoints of the new store.
    pub checkpoints: u64,
    /// Sessions of the new store.
    pub sessions: u64,
    /// Checkpoints whose states can't be put together any more, by sequence.
    pub lost: Vec<Finding>,
    /// Commits that are lost. How many checkpoints were in them nobody knows.
    pub lost_commits: Vec<LostCommits>,
    /// Checkpoints behind lost commits: what they hold is known, and not where they belong.
    pub recovered: Vec<Recovered>,
    /// Checkpoints behind lost commits whose states can't be put together.
    pub strays_lost: u64,
    /// Branches whose heads are lost, and where they stand now.
    pub moved: Vec<MovedHead>,
    /// What is wrong with the objects of the old store, also where nothing is lost by it.
    pub faults: Vec<ObjectFault>,
    /// Where the journal ends in a write that was not finished, as a crash leaves it. Damage of what was written last looks the same.
    pub torn: Option<ObjectFault>,
    /// Checkpoints that were put together from what an older manifest or the journal says, or from one with the same state.
    pub found_elsewhere: u64,
    /// Whether an older manifest was gone by, or none: what was pruned since may be back. What commits have done since is lost where these are.
    pub is_older: bool,
    /// The sequence that the next checkpoint gets: no checkpoint of the old store had it or a higher one.
    pub next_sequence: Option<Sequence>,
    /// Bytes of packs that were written.
    pub bytes_written: u64,
    /// Whether it was stopped: there is no new store.
    pub stopped: bool,
}

impl Repaired {
    /// Whether nothing was lost.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let nothing_lost = self.lost.is_empty() && self.lost_commits.is_empty();
        nothing_lost && self.strays_lost == 0 && !self.stopped
    }
}

impl CheckpointStore {
    /// Writes all that is left of the store in a directory to a new one in `out`. The old one is only read: nobody should write to it meanwhile.
    ///
    /// A checkpoint is kept if its state can be put together and is the one that was checkpointed, with its id, sequence, messages, tags, and its parent, also if that is lost. Bytes are looked for where the newest manifest that can be
    /// read says, then where an older one and the journal do, then at checkpoints with the same state. A branch whose head is lost goes back to the nearest checkpoint before it that is left. Behind commits that are lost nothing is known
    /// of where a checkpoint belongs: it comes, with a new id and sequence, into a session `recovered`.
    ///
    /// `progress` is told how far it is, and can stop it. When this returns the new store is durable. Before that, also after a crash, there is no store in `out` but files to remove. Memory is taken for what is known of the checkpoints,
    /// for a few states, and for a pack of 64 MiB.
    ///
    /// # Errors
    /// [`Error::NoStore`]; [`Error::NothingLeft`]; [`Error::Misuse`] if there is something in `out`; [`Error::Storage`] and [`Error::Backend`], for what can't be read may be sound; of the kind `Newer` for what a newer version wrote, of the kind `Limit` for states
    /// above [`StoreOptions::state_bytes_max`].
    pub fn repair(
        dir: impl AsRef<Path>,
        out: impl AsRef<Path>,
        options: &StoreOptions,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Repaired, Error> {
        let (dir, out) = (dir.as_ref(), out.as_ref());
        refuse_out(&*options.files, dir, out)?;
        let repair = Repair::read(Ground::to_read(dir, options), options)?;
        let backend = DirBackend::open(Arc::clone(&options.files), out)?;
        repair.write(&backend, &mut Watch::told(progress))
    }

    /// The same from one backend to another, on which there is no object yet.
    ///
    /// # Errors
    /// As [`CheckpointStore::repair`].
    pub fn repair_on(
        from: Arc<dyn Backend>,
        out: &dyn Backend,
        options: &StoreOptions,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Repaired, Error> {
        if !out.list("")?.is_empty() {
            return Err(OUT_EXISTS);
        }
        Repair::read(Ground::Backend(from), options)?.write(out, &mut Watch::told(progress))
    }
}

const OUT_EXISTS: Error = Error::Misuse {
    what: "there is something already where the repaired store is to be; name another place",
};

/// Refuses a directory in which there is something, or which is in the store.
fn refuse_out(files: &dyn Files, dir: &Path, out: &Path) -> Result<(), Error> {
    if plain(out).starts_with(plain(dir)) {
        return Err(Error::Misuse {
            what: "the repaired store is to be inside of the damaged one; name a directory elsewhere",
        });
    }
    match files.list(out) {
        Ok(names) if names.is_empty() => Ok(()),
        Ok(_) => Err(OUT_EXISTS),
        Err(err) if err.io_kind() == Some(ErrorKind::NotFound) => Ok(()),
        Err(err) => Err(err.into()),
    }
}

/// A path from the root on, without steps back. Where one is a link it may be another one.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

/// Checkpoints whose states can't be had where they are said to be.
type Failed = Vec<(Arc<Checkpoint>, Unmade)>;

/// What is known of a damaged store.
struct Repair<'r> {
    ground: Ground,
    options: &'r StoreOptions,
    timeline: Timeline,
    /// What else is said of how checkpoints are kept.
    others: HashMap<CheckpointId, Vec<Body>>,
    repaired: Repaired,
}

impl<'r> Repair<'r> {
    fn read(ground: Ground, options: &'r StoreOptions) -> Result<Self, Error> {
        let manifests = Manifests::read(ground.backend())?;
        let mut timeline = Timeline::read(&ground, manifests.read.first(), None)?;
        let nothing = timeline.lost.is_empty() && timeline.catalog.next_sequence() == Sequence::default();
        if manifests.count == 0 && nothing {
            return Err(nothing_known(&ground));
        }
        let mut repaired = Repaired { is_older: manifests.lacks_newest(), ..Repaired::default() };
        repaired.faults.clone_from(&manifests.faults);
        repaired.faults.append(&mut timeline.faults);
        repaired.torn = timeline.torn.take();
        repaired.lost_commits = std::mem::take(&mut timeline.lost);
        let mut others: HashMap<CheckpointId, Vec<Body>> = HashMap::new();
        let first = manifests.read.first().map(|read| read.manifest.journal_from);
        for read in manifests.read.iter().skip(1) {
            let older = Timeline::read(&ground, Some(read), first)?;
            for checkpoint in older.catalog.all() {
                others.entry(checkpoint.id).or_default().push(checkpoint.body.clone());
            }
        }
        Ok(Self { ground, options, timeline, others, repaired })
    }

    fn write(mut self, out: &dyn Backend, watch: &mut Watch<'_>) -> Result<Repaired, Error> {
        let store_id = keepstone_storage::random_id();
        let mut packs = Packs::new(out, store_id, 1);
        let all = self.timeline.catalog.all().to_vec();
        let mut bodies: HashMap<Sequence, Body> = HashMap::with_capacity(all.len());
        let Some(failed) = self.walk(&all, &mut bodies, &mut packs, watch)? else {
            packs.abandon();
            return Ok(Repaired { stopped: true, ..self.repaired });
        };
        self.again(&all, failed, &mut bodies, &mut packs)?;
        let strays = std::mem::take(&mut self.timeline.strays);
        let recovered = strays::verify(&self, strays, &mut packs)?;
        self.repaired.strays_lost = recovered.lost;
        if bodies.is_empty() && recovered.good.is_empty() && !all.is_empty() {
            packs.abandon();
            return Err(Error::NothingLeft { lost: all.len() as u64 });
        }
        if planted::is(Plant::RepairedFirst) {
            let catalog = self.catalog(&all, &bodies)?;
            put(out, store_id, Vec::new(), &catalog)?;
        }
        let written = packs.finish()?;
        self.repaired.bytes_written = written.iter().map(|pack| pack.len).sum();
        let mut catalog = self.catalog(&all, &bodies)?;
        self.repaired.recovered = recovered.join(&mut catalog)?;
        self.repaired.checkpoints = catalog.all().len() as u64;
        self.repaired.sessions = catalog.sessions().count() as u64;
        self.repaired.next_sequence = Some(catalog.next_sequence());
        put(out, store_id, written, &catalog)?;
        Ok(self.repaired)
    }

    /// Puts all states together as the timeline says, and copies what they are kept as; none: it was stopped. Answers those that can't be had.
    fn walk(
        &self,
        all: &[Arc<Checkpoint>],
        bodies: &mut HashMap<Sequence, Body>,
        packs: &mut Packs<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Failed>, Error> {
        let walk =
            Walk { backend: self.ground.backend(), all, state_bytes_max: self.options.state_bytes_max };
        let (mut failed, mut done, total) = (Vec::new(), 0, all.len() as u64);
        let finished = walk.run(&|_| true, &mut |checkpoint, made| {
            if watch.stops(Stage::States, done, total) {
                return Ok(ControlFlow::Break(()));
            }
            done += 1;
            match made {
                Ok(made) => {
                    if planted::is(Plant::StopsAtLoss) && !failed.is_empty() {
                        return Ok(ControlFlow::Continue(()));
                    }
                    let place = place(packs, checkpoint.sequence, made.stored)?;
                    bodies.insert(checkpoint.sequence, Body { form: checkpoint.body.form, place });
                }
                Err(unmade) if is_damage(&unmade.error) => failed.push((Arc::clone(checkpoint), unmade)),
                Err(unmade) => return Err(unmade.error),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(finished.then_some(failed))
    }

    /// Looks elsewhere for what can't be had.
    fn again(
        &mut self,
        all: &[Arc<Checkpoint>],
        mut failed: Failed,
        bodies: &mut HashMap<Sequence, Body>,
        packs: &mut Packs<'_>,
    ) -> Result<(), Error> {
        // What others stand on comes before them.
        failed.sort_by_key(|(checkpoint, _)| checkpoint.sequence);
        let mut again = Again::new(self.ground.backend(), self.options.state_bytes_max, all, bodies);
        for (checkpoint, unmade) in failed {
            let others = self.others.get(&checkpoint.id).map(Vec::as_slice).unwrap_or_default();
            match again.find(&checkpoint, others)? {
                Some((form, stored)) => {
                    let place = place(packs, checkpoint.sequence, &stored)?;
                    bodies.insert(checkpoint.sequence, Body { form, place });
                    self.repaired.found_elsewhere += 1;
                }
                None => self.repaired.lost.push(Finding::new(&checkpoint, &unmade)),
            }
        }
        Finding::count_dependents(&mut self.repaired.lost, all);
        Ok(())
    }

    /// What the new store knows.
    fn catalog(
        &mut self,
        all: &[Arc<Checkpoint>],
        bodies: &HashMap<Sequence, Body>,
    ) -> Result<Catalog, Error> {
        let broken = |Broken(what)| Error::Misuse { what };
        let mut catalog = self.timeline.catalog.clone();
        for (sequence, body) in bodies {
            catalog.rehouse(*sequence, body.clone()).map_err(broken)?;
        }
        let gone: Vec<Sequence> = all
            .iter()
            .map(|checkpoint| checkpoint.sequence)
            .filter(|sequence| !bodies.contains_key(sequence))
            .collect();
        self.repaired.moved = heads::move_back(&mut catalog, &gone).map_err(broken)?;
        catalog.lose(&gone);
        if !planted::is(Plant::SequencesAgain) {
            catalog.apply(Op::Skip { next: self.timeline.beyond }).map_err(broken)?;
        }
        Ok(catalog)
    }
}

/// Writes the manifest: from then on it is a store.
fn put(out: &dyn Backend, store_id: [u8; 16], packs: Vec<PackInfo>, catalog: &Catalog) -> Result<(), Error> {
    let needed: HashSet<u64> = catalog
        .all()
        .iter()
        .filter_map(|checkpoint| match &checkpoint.body.place {
            Place::Pack(place) => Some(place.pack),
            Place::Journal(_) => None,
        })
        .collect();
    let manifest = Manifest {
        number: 1,
        store_id,
        journal_from: 1,
        packs: packs.into_iter().filter(|pack| needed.contains(&pack.number)).collect(),
        retired: Vec::new(),
        operations: write_operations(catalog, None)?,
    };
    let name = Folder::MANIFESTS.name(1);
    if out.put_if_absent(&name, &manifest.encode()?)? || planted::is(Plant::RepairedFirst) {
        Ok(())
    } else {
        Err(Error::Superseded { object: name })
    }
}

/// Where bytes are in the new store; a state that is the same as another has none.
fn place(packs: &mut Packs<'_>, sequence: Sequence, bytes: &[u8]) -> Result<Place, Error> {
    if bytes.is_empty() {
        return Ok(Place::Journal(Arc::default()));
    }
    packs.add(sequence, bytes).map(Place::Pack)
}
