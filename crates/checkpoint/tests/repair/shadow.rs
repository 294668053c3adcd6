//! Stores and what was put into them.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone_checkpoint::{
    Bytes, Checkpoint, CheckpointId, CheckpointReader, CheckpointStore, Error, Files, MemFiles, Progress,
    Query, Repaired, StoreOptions,
};
use keepstone_storage::{Lsn, WalOptions, wal::Log};
use keepstone_testkit::Random;

use crate::support::{ROOT, edit, mixed, open, quiet};

pub(crate) const OUT: &str = "repaired";

/// A checkpoint, and what is known of it beside the store.
#[derive(Debug, Clone)]
pub(crate) struct Shadow {
    pub(crate) known: Arc<Checkpoint>,
    pub(crate) state: Vec<u8>,
    /// When it was moved to a pack: by the first seal, the second, or not at all.
    pub(crate) phase: usize,
    /// The commit that it is in.
    pub(crate) commit: u64,
}

/// What was put into a store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shadows {
    pub(crate) all: BTreeMap<CheckpointId, Shadow>,
    pub(crate) heads: BTreeMap<(String, String), CheckpointId>,
}

pub(crate) fn go(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Commits that there are.
pub(crate) fn commits(files: &Arc<dyn Files>) -> u64 {
    let log = Log::open(Path::new(ROOT).join("log"), WalOptions::default().files(Arc::clone(files)));
    log.unwrap().end().0
}

impl Shadows {
    /// Makes sessions, forks, tags and a checkpoint here and there.
    pub(crate) fn work(
        &mut self,
        store: &CheckpointStore,
        random: &mut Random,
        phase: usize,
        rounds: usize,
        commit: &dyn Fn() -> u64,
    ) {
        for round in 0..rounds {
            let session = store.session(["one", "two"][round % 2]).unwrap();
            let session = match session.head().unwrap() {
                Some(head) if round % 5 == 4 => {
                    session.fork(&format!("fork {phase} {round}"), &head).unwrap()
                }
                _ => session,
            };
            let base = session.latest::<Bytes<'static>>().unwrap();
            let mut state = base.map_or_else(|| mixed(random, 1500), |base| base.0.into_owned());
            if round % 7 != 6 {
                (0..8).for_each(|_| edit(random, &mut state));
            }
            let payload: Bytes<'_> = state.clone().into();
            let draft = session.checkpoint(&payload).message(format!("{phase} {round}"));
            let made = if round % 3 == 0 { draft.tag(format!("t{round}")).commit() } else { draft.commit() };
            let made = made.unwrap();
            store.flush().unwrap();
            let known = store.checkpoint(&made).unwrap();
            let commit = commit();
            let name = (known.session.to_string(), known.branch.to_string());
            self.heads.insert(name, known.id);
            self.all.insert(known.id, Shadow { known, state, phase, commit });
        }
        // What stands on what may have changed as states moved.
        for shadow in self.all.values_mut() {
            shadow.known = store.checkpoint(shadow.known.id).unwrap();
        }
    }

    /// Those whose chains have only what `is_whole` says.
    pub(crate) fn survivors(&self, is_whole: impl Fn(&Shadow) -> bool) -> BTreeSet<CheckpointId> {
        let by_sequence: BTreeMap<_, _> =
            self.all.values().map(|shadow| (shadow.known.sequence, shadow)).collect();
        let survives = |shadow: &&Shadow| {
            let mut next = Some(*shadow);
            while let Some(link) = next {
                if !is_whole(link) {
                    return false;
                }
                next = link.known.base().map(|base| by_sequence[&base]);
            }
            true
        };
        self.all.values().filter(survives).map(|shadow| shadow.known.id).collect()
    }

    /// Sees that a repaired store has what it has to, and that all else is told.
    pub(crate) fn check(
        &self,
        reader: &CheckpointReader,
        repaired: &Repaired,
        expected: &BTreeSet<CheckpointId>,
        what: &str,
    ) {
        let found = reader.list(&Query::new()).unwrap();
        let recovered: BTreeSet<_> = repaired.recovered.iter().map(|found| found.id).collect();
        let lost: BTreeSet<_> = repaired.lost.iter().map(|lost| lost.checkpoint.id).collect();
        assert_eq!(found.len() as u64, repaired.checkpoints, "{what}");
        for checkpoint in &found {
            let state = reader.state(checkpoint.as_ref()).unwrap();
            if recovered.contains(&checkpoint.id) {
                let is_one = self.all.values().any(|shadow| shadow.state == state.bytes());
                assert!(is_one && &*checkpoint.session == "recovered", "{what}: {checkpoint:?}");
                continue;
            }
            let Shadow { known, state: expected, .. } = &self.all[&checkpoint.id];
            assert_eq!(state.bytes(), expected, "{what}: {}", checkpoint.sequence);
            let told = |found: &Checkpoint| {
                let (tags, parent) = (found.tags.clone(), found.parent);
                (
                    found.sequence,
                    Arc::clone(&found.session),
                    Arc::clone(&found.message),
                    tags,
                    parent,
                    found.locked,
                )
            };
            assert_eq!(told(checkpoint), told(known), "{what}");
        }
        let present: BTreeSet<_> = found.iter().map(|checkpoint| checkpoint.id).collect();
        let missed: Vec<_> = expected.difference(&present).collect();
        assert!(missed.is_empty(), "{what}: {missed:?} could be saved\n{repaired:#?}");
        assert!(present.is_disjoint(&lost), "{what}");
        let is_cut = repaired.faults.iter().any(|fault| fault.object.contains("/log/"));
        let is_silent = repaired.lost_commits.is_empty() && repaired.torn.is_none() && !is_cut;
        for id in self.all.keys().filter(|id| !present.contains(id) && !lost.contains(id)) {
            assert!(!is_silent, "{what}: nothing is said of {id}\n{repaired:#?}");
        }
        // A head is the last one of its branch, or the nearest before it.
        let by_sequence: BTreeMap<_, _> =
            self.all.values().map(|shadow| (shadow.known.sequence, shadow)).collect();
        for session in reader.sessions() {
            for (branch, head) in &session.branches {
                let name = (session.name.to_string(), branch.to_string());
                let Some(newest) = self.heads.get(&name).filter(|_| is_silent) else { continue };
                let mut next = Some(self.all[newest].known.sequence);
                while let Some(sequence) = next.filter(|next| !present.contains(&by_sequence[next].known.id))
                {
                    next = by_sequence[&sequence].known.parent;
                }
                assert_eq!(*head, next, "{what}: {name:?}");
            }
        }
        let highest = found.last().map_or(0, |last| last.sequence.0);
        assert!(repaired.next_sequence.unwrap().0 > highest, "{what}");
        if repaired.torn.is_none() && !is_cut {
            let known = self.all.values().map(|shadow| shadow.known.sequence.0).max();
            assert!(repaired.next_sequence.unwrap().0 > known.unwrap(), "{what}: {repaired:#?}");
        }
    }
}

/// A store in a directory: two packs, two manifests, a journal; closed, it has no journal.
pub(crate) fn in_dir(closed: bool) -> (Arc<dyn Files>, Shadows) {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let mut shadows = Shadows::default();
    let store = open(&files).unwrap();
    let mut random = Random::new(5);
    let commit = || commits(&files) - 1;
    shadows.work(&store, &mut random, 0, 7, &commit);
    store.seal().unwrap();
    shadows.work(&store, &mut random, 1, 7, &commit);
    store.seal().unwrap();
    shadows.work(&store, &mut random, 2, 7, &commit);
    if closed {
        store.close().unwrap();
    } else {
        drop(store);
    }
    (files, shadows)
}

/// All files of the store and what is in them.
pub(crate) fn contents(files: &Arc<dyn Files>) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["packs", "manifests", "log"] {
        let dir = PathBuf::from(ROOT).join(folder);
        for name in files.list(&dir).unwrap_or_default() {
            let path = dir.join(name);
            let file = files.open(&path).unwrap();
            let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len).unwrap()];
            file.read_full_at(&mut bytes, 0).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

/// Puts other bytes in the place of those of a file; none: it goes.
pub(crate) fn put(files: &Arc<dyn Files>, path: &Path, bytes: Option<&[u8]>) {
    drop(files.remove(path));
    if let Some(bytes) = bytes {
        files.create_new(path).unwrap().write_all_at(bytes, 0).unwrap();
    }
}

/// The commits that a log reads before the first that is lost.
pub(crate) fn readable(files: &Arc<dyn Files>, from: u64) -> u64 {
    let Ok(log) = Log::open(Path::new(ROOT).join("log"), WalOptions::default().files(Arc::clone(files)))
    else {
        return from;
    };
    let Ok(mut records) = log.read_from(Lsn(from)) else { return from };
    let mut next = from;
    while let Ok(Some(record)) = records.next() {
        if record.lsn.0 != next {
            break;
        }
        next += 1;
    }
    next
}

/// The files of a store once more.
fn copied(files: &Arc<dyn Files>) -> Arc<dyn Files> {
    let copy: Arc<dyn Files> = Arc::new(MemFiles::default());
    for (path, bytes) in contents(files) {
        let dir = path.parent().unwrap();
        for dir in [dir.parent().unwrap(), dir] {
            drop(copy.create_dir(dir));
        }
        put(&copy, &path, Some(&bytes));
    }
    copy
}

/// Repairs a copy of a store.
pub(crate) fn repaired(
    files: &Arc<dyn Files>,
    check: impl FnOnce(&Repaired, &CheckpointReader),
) -> Result<(), Error> {
    let files = copied(files);
    let before = contents(&files);
    let repaired = CheckpointStore::repair(ROOT, OUT, &quiet(&files), &mut go);
    assert_eq!(contents(&files), before, "the old store is only read");
    repaired.map(|repaired| {
        let reader = CheckpointReader::open_with(OUT, quiet(&files)).unwrap();
        check(&repaired, &reader);
        drop(reader);
        goes_on(&quiet(&files), &repaired);
    })
}

/// What is repaired can be written to.
fn goes_on(options: &StoreOptions, repaired: &Repaired) {
    let store = CheckpointStore::open_with(OUT, options.clone()).unwrap();
    let next = store.session("next").unwrap().checkpoint(&7_u8).commit().unwrap();
    assert_eq!(Some(next.checkpoint.sequence), repaired.next_sequence);
    assert_eq!(store.get::<u8>(&next).unwrap(), 7);
}
