//! Exports as they are.

use std::sync::Arc;

use keepstone_checkpoint::{
    Bytes, CheckpointStore, Error, Files, Kind, MemFiles, Query, Selection, Sequence,
};
use keepstone_testkit::Random;

use super::graph::{assert_same, fill, heads, said};
use crate::support::{bytes, mixed, open};

fn exported(store: &CheckpointStore, selection: &Selection) -> Vec<u8> {
    let mut out = Vec::new();
    let exported = store.export(selection, &mut out).unwrap();
    assert_eq!(exported.bytes, out.len() as u64);
    out
}

fn session(name: &str) -> Selection {
    Selection::Session(name.to_owned())
}

fn branch(session: &str, branch: &str) -> Selection {
    Selection::Branch { session: session.to_owned(), branch: branch.to_owned() }
}

#[test]
fn stores_come_back_from_their_exports_as_they_were() {
    for seed in 0..24 {
        let mut random = Random::new(seed);
        let store = CheckpointStore::in_memory();
        fill(&store, &mut random, 60);
        let out = exported(&store, &Selection::All);
        let copy = CheckpointStore::in_memory();
        let imported = copy.import(&*out).unwrap();
        assert_eq!((imported.imported, imported.known), (store.len().unwrap() as u64, 0), "seed {seed}");
        assert!(imported.renamed.is_empty(), "seed {seed}");
        assert_same(&copy, &store);
        let (copied, original) = (copy.stats().unwrap(), store.stats().unwrap());
        assert_eq!(
            (copied.stored_bytes, copied.keyframes),
            (original.stored_bytes, original.keyframes),
            "seed {seed}"
        );
    }
}

#[test]
fn what_is_in_packs_is_exported_as_what_is_in_the_journal_is_and_an_import_is_durable() {
    for seed in 0..8 {
        let mut random = Random::new(seed);
        let files: Arc<dyn Files> = Arc::new(MemFiles::new());
        let store = open(&files).unwrap();
        fill(&store, &mut random, 40);
        let from_journal = exported(&store, &Selection::All);
        store.seal().unwrap();
        assert_eq!(store.stats().unwrap().journal_bytes, 0);
        assert_eq!(exported(&store, &Selection::All), from_journal, "seed {seed}");

        let other: Arc<dyn Files> = Arc::new(MemFiles::new());
        let copy = open(&other).unwrap();
        copy.import(&*from_journal).unwrap();
        assert_same(&copy, &store);
        drop(copy);
        assert_same(&open(&other).unwrap(), &store);
    }
}

#[test]
fn importing_twice_changes_nothing() {
    for seed in 0..8 {
        let store = CheckpointStore::in_memory();
        fill(&store, &mut Random::new(seed), 50);
        let out = exported(&store, &Selection::All);
        let copy = CheckpointStore::in_memory();
        copy.import(&*out).unwrap();
        let before: Vec<_> =
            copy.list(&Query::new()).unwrap().iter().map(|found| (found.id, found.sequence)).collect();
        let (stats, moves) = (copy.stats().unwrap(), copy.moves().unwrap().len());
        for own in [&copy, &store] {
            let again = own.import(&*out).unwrap();
            assert_eq!((again.imported, again.known), (0, before.len() as u64), "seed {seed}");
            assert!(again.sessions.is_empty() && again.renamed.is_empty(), "seed {seed}: {again:?}");
        }
        let after: Vec<_> =
            copy.list(&Query::new()).unwrap().iter().map(|found| (found.id, found.sequence)).collect();
        assert_eq!(after, before, "seed {seed}");
        assert_eq!((copy.stats().unwrap(), copy.moves().unwrap().len()), (stats, moves), "seed {seed}");
        assert_same(&copy, &store);
    }
}

#[test]
fn an_exported_session_has_its_checkpoints_and_no_others() {
    for seed in 0..8 {
        let store = CheckpointStore::in_memory();
        fill(&store, &mut Random::new(seed), 60);
        let copy = CheckpointStore::in_memory();
        copy.import(&*exported(&store, &session("session 0"))).unwrap();
        let mut expected = said(&store);
        expected.retain(|_, said| &*said.session == "session 0");
        assert_eq!(said(&copy), expected, "seed {seed}");
        let own: Vec<_> = heads(&store).into_iter().filter(|session| &*session.0 == "session 0").collect();
        assert_eq!(heads(&copy), own, "seed {seed}");
        // What is missing comes with another export.
        copy.import(&*exported(&store, &Selection::All)).unwrap();
        assert_same(&copy, &store);
    }
}

#[test]
fn an_exported_branch_is_its_head_and_what_that_goes_back_to() {
    let store = CheckpointStore::in_memory();
    let main = store.session("agent").unwrap();
    let made: Vec<_> =
        (0..4).map(|step| main.checkpoint(&bytes(&format!("state {step}"))).commit().unwrap()).collect();
    let fork = main.fork("other", &made[1]).unwrap();
    let last = fork.checkpoint(&bytes("state of the other")).commit().unwrap();
    let copy = CheckpointStore::in_memory();
    let imported = copy.import(&*exported(&store, &branch("agent", "other"))).unwrap();
    assert_eq!(imported.imported, 3);
    let mut expected = said(&store);
    expected.retain(|id, _| [made[0].id(), made[1].id(), last.id()].contains(id));
    assert_eq!(said(&copy), expected);
    let branches = copy.sessions().unwrap().remove(0).branches;
    assert_eq!(branches, [(Arc::from("other"), Some(Sequence(3)))]);
    assert_eq!(copy.get::<Bytes<'_>>(&last).unwrap(), bytes("state of the other"));
    // The rest of the store joins it.
    copy.import(&*exported(&store, &Selection::All)).unwrap();
    assert_same(&copy, &store);
}

#[test]
fn what_is_not_there_is_not_exported() {
    let store = CheckpointStore::in_memory();
    store.session("agent").unwrap();
    let mut out = Vec::new();
    assert!(
        matches!(store.export(&session("other"), &mut out), Err(Error::NoSession { name }) if name == "other")
    );
    let err = store.export(&branch("agent", "other"), &mut out).unwrap_err();
    assert!(matches!(err, Error::NoBranch { .. }) && err.kind() == Kind::NotFound);
    let exported = store.export(&branch("agent", "main"), &mut out).unwrap();
    assert_eq!((exported.checkpoints, exported.sessions, exported.branches), (0, 1, 1));
    let copy = CheckpointStore::in_memory();
    assert_eq!(&*copy.import(&*out).unwrap().sessions[0], "agent");
    assert_same(&copy, &store);
}

#[test]
fn a_branch_that_went_on_in_both_stores_gets_a_free_name_once() {
    let store = CheckpointStore::in_memory();
    let here = store.session("agent").unwrap();
    here.checkpoint(&bytes("both")).commit().unwrap();
    let copy = CheckpointStore::in_memory();
    copy.import(&*exported(&store, &Selection::All)).unwrap();
    let there = copy.session("agent").unwrap();
    let own = there.checkpoint(&bytes("there")).commit().unwrap();
    here.checkpoint(&bytes("here")).commit().unwrap();

    let out = exported(&store, &Selection::All);
    let imported = copy.import(&*out).unwrap();
    let [renamed] = &*imported.renamed else { panic!("{imported:?}") };
    assert_eq!((&*renamed.session, &*renamed.branch, &*renamed.to), ("agent", "main", "main-2"));
    assert_eq!((imported.imported, imported.known), (1, 1));
    assert_eq!(there.head().unwrap().unwrap().id, own.id());
    assert_eq!(there.on("main-2").unwrap().latest::<Bytes<'_>>().unwrap(), Some(bytes("here")));

    let before = (said(&copy), heads(&copy));
    assert_eq!(copy.import(&*out).unwrap().imported, 0);
    assert_eq!((said(&copy), heads(&copy)), before);
    // What comes later goes on where the first import put it.
    here.checkpoint(&bytes("here again")).commit().unwrap();
    copy.import(&*exported(&store, &Selection::All)).unwrap();
    assert_eq!(there.on("main-2").unwrap().latest::<Bytes<'_>>().unwrap(), Some(bytes("here again")));
    assert_eq!(copy.sessions().unwrap()[0].branches.len(), 2);
}

#[test]
fn heads_go_on_with_an_import_and_never_back() {
    let store = CheckpointStore::in_memory();
    let here = store.session("agent").unwrap();
    here.checkpoint(&bytes("one")).commit().unwrap();
    let old = exported(&store, &Selection::All);
    let last = here.checkpoint(&bytes("two")).commit().unwrap();
    let copy = CheckpointStore::in_memory();
    copy.import(&*old).unwrap();
    copy.import(&*exported(&store, &Selection::All)).unwrap();
    let there = copy.session("agent").unwrap();
    assert_eq!(there.head().unwrap().unwrap().id, last.id());
    assert!(copy.import(&*old).unwrap().renamed.is_empty());
    assert_eq!(there.head().unwrap().unwrap().id, last.id());
    there.undo().unwrap();
    assert_eq!(there.latest::<Bytes<'_>>().unwrap(), Some(bytes("one")));
}

/// An import makes commits of bounded size. One that fails half-way has made some of them; doing it again does the rest.
#[test]
fn an_import_that_fails_half_way_is_done_again() {
    let mut random = Random::new(7);
    let store = CheckpointStore::in_memory();
    let main = store.session("agent").unwrap();
    for _ in 0..8 {
        let state = Bytes::from(random.bytes(1 << 20));
        main.checkpoint(&state).commit().unwrap();
    }
    main.checkpoint(&Bytes::from(mixed(&mut random, 1000))).commit().unwrap();
    let out = exported(&store, &Selection::All);
    let mut broken = out.clone();
    let place = out.len() * 7 / 8;
    broken[place] ^= 1;
    let copy = CheckpointStore::in_memory();
    let err = copy.import(&*broken).unwrap_err();
    assert_eq!(err.kind(), Kind::Damaged, "{err}");
    let half = copy.len().unwrap();
    assert!(half > 0 && half < 9, "{half}");
    assert_eq!(copy.session("agent").unwrap().head().unwrap().map(|head| head.id), None);
    let imported = copy.import(&*out).unwrap();
    assert_eq!((imported.imported, imported.known), (9 - half as u64, half as u64));
    assert!(imported.renamed.is_empty());
    assert_same(&copy, &store);
}

/// What stays when its parent is pruned stands on an ancestor that the branch no longer goes back to.
#[test]
fn a_state_that_stands_on_one_that_is_not_exported_is_exported_whole() {
    let store = CheckpointStore::in_memory();
    let main = store.session("agent").unwrap();
    let mut random = Random::new(3);
    let mut state = mixed(&mut random, 4000);
    let made: Vec<_> = (0..6)
        .map(|step| {
            state[step * 100] ^= 1;
            main.checkpoint(&Bytes::from(state.clone())).commit().unwrap()
        })
        .collect();
    store.lock(&made[0], true).unwrap();
    store.compact(2).unwrap();
    let fifth = store.checkpoint(&made[4]).unwrap();
    assert_eq!((fifth.parent, fifth.base()), (Some(Sequence(4)), Some(Sequence(1))));
    assert_eq!(store.len().unwrap(), 3);

    let mut out = Vec::new();
    let exported = store.export(&branch("agent", "main"), &mut out).unwrap();
    assert_eq!((exported.checkpoints, exported.rebased), (2, 1));
    let copy = CheckpointStore::in_memory();
    copy.import(&*out).unwrap();
    let fifth = copy.checkpoint(&made[4]).unwrap();
    assert!(fifth.parent.is_none() && fifth.is_keyframe());
    for made in &made[4..] {
        assert_eq!(copy.state(made).unwrap().bytes(), store.state(made).unwrap().bytes());
    }
    // All of it needs nothing anew.
    assert_eq!(store.export(&Selection::All, Vec::new()).unwrap().rebased, 0);
}
