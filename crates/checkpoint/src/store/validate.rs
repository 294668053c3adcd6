//! Whether what is stored is what was checkpointed.

mod finding;
mod objects;

use std::{collections::HashSet, ops::ControlFlow, path::Path};

use keepstone_storage::Durability;

use super::{
    CheckpointReader, CheckpointStore,
    open::Ground,
    prune::Stage,
    salvage::{LostCommits, Manifests, ObjectFault, Timeline, is_damage, nothing_known},
    walk::{Unmade, Walk},
};
use crate::{
    Error,
    catalog::Catalog,
    checkpoint::Checkpoint,
    id::{CheckpointId, Sequence},
    options::StoreOptions,
};
pub use finding::Finding;

/// How often what a writer has moved meanwhile is looked at anew.
const TRIES_MAX: u32 = 4;

/// Which checkpoints are validated.
///
/// ```
/// use keepstone_checkpoint::{CheckpointStore, Validate};
///
/// let store = CheckpointStore::in_memory();
/// let session = store.session("main")?;
/// for number in 0..100_u8 {
///     session.checkpoint(&number).commit()?;
/// }
/// let found = store.validate(&Validate::all())?;
/// assert!(found.is_good() && found.checkpoints == 100);
/// // Some each night, other ones with each seed.
/// assert_eq!(store.validate(&Validate::sample(10, 7))?.checkpoints, 10);
/// # Ok::<(), keepstone_checkpoint::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validate(Which);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    One(CheckpointId),
    Sample { count: usize, seed: u64 },
}

/// What a validation has found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Validation {
    /// Checkpoints that were looked at.
    pub checkpoints: u64,
    /// Those whose states are the ones that were checkpointed.
    pub good: u64,
    /// Bytes of their states.
    pub state_bytes: u64,
    /// Bytes that were read from what the store stands on.
    pub bytes_read: u64,
    /// The others, by sequence.
    pub findings: Vec<Finding>,
    /// What is wrong with manifests, packs and the journal, also where nothing is lost by it. Packs are read whole where all checkpoints are validated.
    pub faults: Vec<ObjectFault>,
    /// Commits that are lost, with all that was in them.
    pub lost_commits: Vec<LostCommits>,
    /// Where the journal ends in a write that was not finished, as a crash leaves it; that is no damage.
    pub torn: Option<ObjectFault>,
    /// Whether it was stopped before all was looked at.
    pub stopped: bool,
}

/// What a validation tells as it goes on.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Validated<'v> {
    /// What is being done.
    pub stage: Stage,
    /// Objects or checkpoints that were looked at.
    pub done: u64,
    /// Those that are to be looked at.
    pub total: u64,
    /// What was just found, if something is wrong.
    pub finding: Option<&'v Finding>,
}

/// Who is told, and can stop it.
type Tell<'t> = &'t mut dyn FnMut(Validated<'_>) -> ControlFlow<()>;

impl Validate {
    /// All checkpoints, and every byte of the objects that the store consists of.
    #[must_use]
    pub fn all() -> Self {
        Self(Which::All)
    }

    /// One checkpoint, and what it stands on.
    #[must_use]
    pub fn one(id: impl Into<CheckpointId>) -> Self {
        Self(Which::One(id.into()))
    }

    /// So many checkpoints, or all if there are no more, and what they stand on. The same ones for the same seed as long as no others are made.
    #[must_use]
    pub fn sample(count: usize, seed: u64) -> Self {
        Self(Which::Sample { count, seed })
    }

    /// Those that are asked for.
    fn of(self, catalog: &Catalog) -> Result<HashSet<Sequence>, Error> {
        match self.0 {
            Which::All => Ok(catalog.all().iter().map(|checkpoint| checkpoint.sequence).collect()),
            Which::One(id) => {
                let found = catalog.find(id).ok_or(Error::NoCheckpoint { id })?;
                Ok(HashSet::from([found.sequence]))
            }
            Which::Sample { count, seed } => {
                let lot = |checkpoint: &Checkpoint| {
                    let mut hasher = blake3::Hasher::new();
                    hasher.update(&seed.to_le_bytes()).update(checkpoint.id.as_bytes());
                    *hasher.finalize().as_bytes()
                };
                let mut lots: Vec<([u8; 32], Sequence)> =
                    catalog.all().iter().map(|found| (lot(found), found.sequence)).collect();
                lots.sort_unstable();
                Ok(lots.into_iter().take(count).map(|(_, sequence)| sequence).collect())
            }
        }
    }
}

impl Validation {
    /// Whether everything that was looked at is what was written.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.findings.is_empty() && self.faults.is_empty() && self.lost_commits.is_empty()
    }
}

impl CheckpointStore {
    /// Reads what is stored, puts states together, and compares each with the content id and length that were taken down when it was checkpointed. What is in memory is not believed.
    ///
    /// Each state is made once, from the one that it stands on. At one time as many states are in memory as the number of checkpoints has binary digits, at most. Checkpoints can be made meanwhile, and are not looked at; prunes and
    /// moving states from the journal to packs wait.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`]; [`Error::Storage`] and [`Error::Backend`] if it can't be read at all. Damage is no error but in the answer.
    pub fn validate(&self, which: &Validate) -> Result<Validation, Error> {
        self.validate_with(which, &mut |_| ControlFlow::Continue(()))
    }

    /// The same, and tells how far it is and what it finds. It stops when it is told to: then the answer is of what was looked at.
    ///
    /// # Errors
    /// As [`CheckpointStore::validate`].
    pub fn validate_with(
        &self,
        which: &Validate,
        tell: &mut dyn FnMut(Validated<'_>) -> ControlFlow<()>,
    ) -> Result<Validation, Error> {
        let shared = &*self.shared;
        // Until it is over what is stored stays where it is.
        let _moving = shared.moving();
        let (journal, end, known) = {
            let live = shared.live()?;
            (live.journal.clone(), live.journal.end(), live.catalog.clone())
        };
        // What is not with the system yet is nowhere but in memory.
        if let Some(last) = end.checked_sub(1) {
            shared.waited(&journal, last, Durability::Buffered)?;
        }
        validate(&shared.ground, &known, *which, shared.options.state_bytes_max, tell)
    }
}

impl CheckpointReader {
    /// Reads what is stored, puts states together, and compares each with the content id and length that were taken down when it was checkpointed.
    ///
    /// Each state is made once, from the one that it stands on. At one time as many states are in memory as the number of checkpoints has binary digits, at most.
    ///
    /// # Errors
    /// As [`CheckpointStore::validate`].
    pub fn validate(&self, which: &Validate) -> Result<Validation, Error> {
        self.validate_with(which, &mut |_| ControlFlow::Continue(()))
    }

    /// The same, and tells how far it is and what it finds. It stops when it is told to: then the answer is of what was looked at.
    ///
    /// # Errors
    /// As [`CheckpointReader::validate`].
    pub fn validate_with(
        &self,
        which: &Validate,
        tell: &mut dyn FnMut(Validated<'_>) -> ControlFlow<()>,
    ) -> Result<Validation, Error> {
        let mut tries = 0;
        loop {
            let known = self.now();
            let found = validate(self.ground(), &known, *which, self.options().state_bytes_max, tell)?;
            tries += 1;
            // What its writer has moved or pruned meanwhile is not where it was.
            if found.is_good() || found.stopped || tries == TRIES_MAX || !self.has_moved_on() {
                return Ok(found);
            }
        }
    }
}

impl CheckpointStore {
    /// Validates the store in a directory that may be damaged so that it can't be opened. It is only read.
    ///
    /// # Errors
    /// [`Error::NoStore`]; else as [`CheckpointReader::validate`].
    pub fn validate_dir(
        dir: impl AsRef<Path>,
        options: &StoreOptions,
        which: &Validate,
        tell: &mut dyn FnMut(Validated<'_>) -> ControlFlow<()>,
    ) -> Result<Validation, Error> {
        let ground = Ground::to_read(dir.as_ref(), options);
        match ground.read() {
            Ok(_) => CheckpointReader::open_with(dir, options.clone())?.validate_with(which, tell),
            // Without a manifest there may be something all the same.
            Err(error) if is_damage(&error) => {
                validate(&ground, &Catalog::default(), *which, options.state_bytes_max, tell)
            }
            Err(error) => Err(error),
        }
    }
}

impl CheckpointReader {
    /// Opens what is left of the store in a directory, for a look at one that is damaged: as much as the newest manifest that can be read and the commits behind it say. It answers what is wrong, without a look at packs and states.
    ///
    /// # Errors
    /// [`Error::NoStore`]; [`Error::Storage`] and [`Error::Backend`]; of the kind `Newer` for what a newer version wrote.
    pub fn open_what_is_left(
        dir: impl AsRef<Path>,
        options: StoreOptions,
    ) -> Result<(Self, Validation), Error> {
        let ground = Ground::to_read(dir.as_ref(), &options);
        let mut found = Validation::default();
        let none = Validate::sample(0, 0);
        let tell = &mut |_: Validated<'_>| ControlFlow::Continue(());
        let known = stored(&ground, &Catalog::default(), none, &mut found, tell)?.unwrap_or_default();
        Ok((Self::of_known(ground, options, known), found))
    }
}

fn validate(
    ground: &Ground,
    known: &Catalog,
    which: Validate,
    state_bytes_max: u64,
    tell: Tell<'_>,
) -> Result<Validation, Error> {
    let mut found = Validation::default();
    let stored = match ground {
        // It is nowhere else.
        Ground::Memory(_) => known.clone(),
        _ => match stored(ground, known, which, &mut found, tell)? {
            Some(stored) => stored,
            None => return Ok(Validation { stopped: true, ..found }),
        },
    };
    // One that is known and not stored is lost.
    let wanted = match which.of(&stored) {
        Err(Error::NoCheckpoint { id }) if known.find(id).is_some() => HashSet::new(),
        wanted => wanted?,
    };
    let total = wanted.len() as u64;
    let walk = Walk { backend: ground.backend(), all: stored.all(), state_bytes_max };
    let mut done = 0;
    let finished =
        walk.run(&|checkpoint| wanted.contains(&checkpoint.sequence), &mut |checkpoint, made| {
            done += 1;
            let finding = match made {
                Ok(made) => {
                    found.good += 1;
                    found.state_bytes = found.state_bytes.saturating_add(made.state.len() as u64);
                    found.bytes_read = found.bytes_read.saturating_add(made.stored.len() as u64);
                    None
                }
                Err(unmade) => Some(Finding::new(checkpoint, &unmade)),
            };
            let told = tell(Validated { stage: Stage::States, done, total, finding: finding.as_ref() });
            found.findings.extend(finding);
            Ok(told)
        })?;
    found.checkpoints = done;
    found.stopped = !finished;
    if finished {
        found.note_missing(known, &stored, which)?;
    }
    found.findings.sort_by_key(|finding| finding.checkpoint.sequence);
    Finding::count_dependents(&mut found.findings, stored.all());
    Ok(found)
}

/// What is stored of everything but states; none: it was stopped.
fn stored(
    ground: &Ground,
    known: &Catalog,
    which: Validate,
    found: &mut Validation,
    tell: Tell<'_>,
) -> Result<Option<Catalog>, Error> {
    let manifests = Manifests::read(ground.backend())?;
    let mut timeline = Timeline::read(ground, manifests.read.first(), None)?;
    let is_new = timeline.catalog.next_sequence() == Sequence::default() && timeline.lost.is_empty();
    if manifests.count == 0 && known.all().is_empty() && is_new {
        return Err(nothing_known(ground));
    }
    found.bytes_read = manifests.bytes_read.saturating_add(timeline.bytes_read);
    found.faults.clone_from(&manifests.faults);
    found.faults.append(&mut timeline.faults);
    found.torn = timeline.torn.take();
    found.lost_commits = std::mem::take(&mut timeline.lost);
    if which == Validate::all() && !objects::check(ground, &manifests, found, tell)? {
        return Ok(None);
    }
    Ok(Some(timeline.catalog))
}

impl Validation {
    /// Takes note of checkpoints that are known and not stored.
    fn note_missing(&mut self, known: &Catalog, stored: &Catalog, which: Validate) -> Result<(), Error> {
        let wanted = which.of(known)?;
        let is_missing = |checkpoint: &&std::sync::Arc<Checkpoint>| {
            wanted.contains(&checkpoint.sequence) && stored.find(checkpoint.id).is_none()
        };
        for checkpoint in known.all().iter().filter(is_missing) {
            let what = "what is stored says nothing of it; the manifest or the commit that did is lost";
            let unmade = Unmade { error: Error::state(checkpoint.id, what), of: None };
            self.checkpoints += 1;
            let mut finding = Finding::new(checkpoint, &unmade);
            (finding.object, finding.offset) = (None, None);
            self.findings.push(finding);
        }
        Ok(())
    }
}
