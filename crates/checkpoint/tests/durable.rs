//! What is there after an opening.

use std::sync::Arc;

use keepstone_checkpoint::{
    Bytes, Cause, CheckpointId, CheckpointReader, CheckpointStore, Durability, Error, Fields, Files, Kind,
    MemBackend, MemFiles, Query, StoreOptions,
};
use keepstone_testkit::Random;

use crate::support::{ROOT, bytes, edit, mixed, open, quiet};

/// Everything that a store shows.
pub(crate) fn shown(store: &CheckpointStore) -> Vec<String> {
    let sessions = store.sessions().unwrap().into_iter().map(|session| format!("{session:?}"));
    let all = store.list(&Query::new()).unwrap().into_iter().map(|found| {
        let state = store.state(&found).unwrap();
        format!(
            "{} {} {} {} {:?} {:?} {:?} {} {:?} {:?} {} {:?} {}",
            found.id,
            found.sequence,
            found.session,
            found.branch,
            found.parent,
            found.time,
            found.trigger,
            found.message,
            found.tags,
            found.annotations,
            found.locked,
            found.content,
            state.bytes().len()
        )
    });
    let moves = store.moves().unwrap().into_iter().map(|moved| format!("{moved:?}"));
    sessions.chain(all).chain(moves).collect()
}

/// Does what a program does, and answers all states.
fn work(
    store: &CheckpointStore,
    random: &mut Random,
    opening: u64,
    rounds: u64,
) -> Vec<(CheckpointId, Vec<u8>)> {
    let mut states = Vec::new();
    let mut state = mixed(random, 3000);
    for round in 0..rounds {
        let session = store.session(["one", "two"][random.index(2)]).unwrap();
        edit(random, &mut state);
        let payload: Bytes<'_> = state.clone().into();
        let time = 1000 * i64::try_from(round).unwrap();
        let made = session.checkpoint(&payload).at(time).message(format!("round {round}")).commit().unwrap();
        states.push((made.id(), state.clone()));
        match random.index(8) {
            0 => {
                let known = session.store().list(&Query::new().session(session.name())).unwrap();
                let to = &known[random.index(known.len())];
                state = session.restore::<Bytes<'static>>(to).unwrap().0.into_owned();
            }
            1 => drop(session.undo().unwrap()),
            2 => drop(session.fork(&format!("branch {opening} {round}"), &made).unwrap()),
            3 => store.tag(&made, &["kept", "x"]).unwrap(),
            4 => store.annotate(&made, "key", Some("value")).unwrap(),
            5 => store.lock(&made, true).unwrap(),
            6 => store.seal().unwrap(),
            _ => {}
        }
    }
    states
}

#[test]
fn an_opening_finds_everything_whether_it_was_moved_to_packs_or_not() {
    for seed in 0..6 {
        let mut random = Random::new(seed);
        let files: Arc<dyn Files> = Arc::new(MemFiles::default());
        let mut states = Vec::new();
        let mut before = Vec::new();
        for round in 0..4 {
            let store = open(&files).unwrap();
            if round > 0 {
                assert_eq!(shown(&store), before, "seed {seed}, opening {round}");
            }
            states.extend(work(&store, &mut random, round, 12));
            for (id, state) in &states {
                assert_eq!(store.state(*id).unwrap().bytes(), state);
            }
            before = shown(&store);
            if round % 2 == 0 { store.close().unwrap() } else { drop(store) }
        }
        let reader = CheckpointReader::open_with(ROOT, quiet(&files)).unwrap();
        for (id, state) in &states {
            assert_eq!(reader.state(*id).unwrap().bytes(), state);
        }
    }
}

#[test]
fn a_backend_holds_a_store_as_a_directory_does() {
    let backend = Arc::new(MemBackend::default());
    let mut random = Random::new(3);
    let store = CheckpointStore::on(backend.clone(), StoreOptions::new().background(false)).unwrap();
    let states = work(&store, &mut random, 0, 30);
    let before = shown(&store);
    drop(store);
    let store = CheckpointStore::on(backend, StoreOptions::new().background(false)).unwrap();
    assert_eq!(shown(&store), before);
    for (id, state) in &states {
        assert_eq!(store.state(*id).unwrap().bytes(), state);
    }
}

#[test]
fn of_two_writers_on_a_backend_the_one_that_comes_too_late_is_told() {
    let backend = Arc::new(MemBackend::default());
    let options = || StoreOptions::new().background(false);
    let one = CheckpointStore::on(backend.clone(), options()).unwrap();
    let made = one.session("main").unwrap().checkpoint(&bytes("1")).commit().unwrap();
    let two = CheckpointStore::on(backend.clone(), options()).unwrap();
    two.session("main").unwrap().checkpoint(&bytes("2")).commit().unwrap();
    let late = one.session("main").unwrap().checkpoint(&bytes("3")).commit().unwrap_err();
    assert!(matches!(late, Error::Superseded { .. }), "{late}");
    // It has read the store again by the next call, and goes on behind the other.
    let next = one.session("main").unwrap().checkpoint(&bytes("4")).commit().unwrap();
    assert_eq!(next.checkpoint.sequence.0, 3);
    let all = CheckpointReader::on(backend, options()).unwrap();
    let states: Vec<Vec<u8>> = all
        .list(&Query::new())
        .unwrap()
        .iter()
        .map(|found| all.state(found).unwrap().bytes().to_vec())
        .collect();
    assert_eq!(states, [b"1", b"2", b"4"]);
    assert_ne!(made.id(), next.id());
}

#[test]
fn a_reader_sees_how_the_heads_of_a_session_moved() {
    let backend = Arc::new(MemBackend::default());
    let options = || StoreOptions::new().background(false);
    let store = CheckpointStore::on(backend.clone(), options()).unwrap();
    let session = store.session("main").unwrap();
    let first = session.checkpoint(&bytes("1")).commit().unwrap();
    session.checkpoint(&bytes("2")).commit().unwrap();
    session.reset(first.id()).unwrap();
    session.fork("what if", first.id()).unwrap();
    store.session("other").unwrap().checkpoint(&bytes("3")).commit().unwrap();
    session.end_branch("what if").unwrap();
    let reader = CheckpointReader::on(backend, options()).unwrap();
    let moves = reader.moves("main").unwrap();
    let seen: Vec<_> =
        moves.iter().map(|(branch, found)| (&**branch, found.cause, found.to.unwrap().0)).collect();
    let expected = [
        ("main", Cause::Checkpoint, 1),
        ("main", Cause::Checkpoint, 2),
        ("main", Cause::Restore, 1),
        ("what if", Cause::Fork, 1),
    ];
    assert_eq!(seen, expected);
    let none = reader.moves("gone").unwrap_err();
    assert!(matches!(&none, Error::NoSession { name } if name == "gone"), "{none}");
}

#[test]
fn one_process_writes_and_any_number_read() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    assert!(matches!(CheckpointReader::open_with(ROOT, quiet(&files)), Err(Error::NoStore { .. })));
    let store = open(&files).unwrap();
    let session = store.session("main").unwrap();
    let first = session.checkpoint(&bytes("first")).commit().unwrap();
    assert_eq!(open(&files).unwrap_err().kind(), Kind::Busy);
    let reader = CheckpointReader::open_with(ROOT, quiet(&files)).unwrap();
    let second = session.checkpoint(&bytes("second")).commit().unwrap();
    assert_eq!(reader.state(&first).unwrap().bytes(), b"first");
    assert_eq!(reader.state(&second).unwrap_err().kind(), Kind::NotFound);
    store.seal().unwrap();
    let third = session.checkpoint(&bytes("third")).commit().unwrap();
    reader.refresh().unwrap();
    for (made, state) in [(&first, "first"), (&second, "second"), (&third, "third")] {
        assert_eq!(reader.state(made).unwrap().bytes(), state.as_bytes());
    }
    assert_eq!(reader.sessions()[0].checkpoints, 3);
    drop((session, store));
    assert!(open(&files).is_ok(), "a lock ends with its holder");
}

#[test]
fn sequences_go_on_and_ids_are_never_given_twice_by_copies_of_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let options = || StoreOptions::new().background(false);
    let store = CheckpointStore::open_with(&one, options()).unwrap();
    let session = store.begin_session("main", Fields::new()).unwrap();
    let made = session.checkpoint(&bytes("1")).commit().unwrap();
    drop((session, store));
    copy(&one, &two);
    let ids: Vec<CheckpointId> = [one, two]
        .iter()
        .map(|dir| {
            let store = CheckpointStore::open_with(dir, options()).unwrap();
            assert_eq!(store.checkpoint(&made).unwrap().sequence.0, 1);
            let next = store.session("main").unwrap().checkpoint(&bytes("2")).commit().unwrap();
            assert_eq!(next.checkpoint.sequence.0, 2);
            next.id()
        })
        .collect();
    assert_ne!(ids[0], ids[1]);
}

#[expect(clippy::disallowed_methods, reason = "a person copies a directory with what there is")]
fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            assert!(std::fs::copy(entry.path(), to).is_ok());
        }
    }
}

#[test]
fn a_buffered_checkpoint_is_there_after_the_process_ends_and_a_flush_makes_it_durable() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let store = open(&files).unwrap();
    let session = store.session("main").unwrap();
    let made = session.checkpoint(&bytes("1")).durability(Durability::Buffered).commit().unwrap();
    assert_eq!(made.durability, Durability::Buffered);
    store.flush().unwrap();
    drop((session, store));
    assert_eq!(open(&files).unwrap().state(&made).unwrap().bytes(), b"1");
}

#[test]
fn the_journal_moves_to_packs_by_itself_as_it_grows() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let options = quiet(&files).journal_bytes_max(10_000);
    let store = CheckpointStore::open_with(ROOT, options).unwrap();
    let session = store.session("main").unwrap();
    let mut random = Random::new(1);
    for _ in 0..20 {
        let state: Bytes<'_> =
            (0..2000).map(|_| u8::try_from(random.index(256)).unwrap()).collect::<Vec<_>>().into();
        session.checkpoint(&state).commit().unwrap();
    }
    let stats = store.stats().unwrap();
    assert!(stats.packs > 1 && stats.manifest > 1 && stats.journal_bytes <= 12_000, "{stats:?}");
    store.seal().unwrap();
    assert_eq!(store.stats().unwrap().journal_bytes, 0);
}

#[test]
fn a_long_manifest_is_written_anew_once_the_journal_is_as_long() {
    // It was written for each 8 MiB of states, however long it was.
    let files: Arc<dyn Files> = Arc::new(MemFiles::new());
    let open = |bytes| {
        let options = StoreOptions::new().files(Arc::clone(&files)).background(false);
        CheckpointStore::open_with(ROOT, options.journal_bytes_max(bytes)).unwrap()
    };
    let store = open(u64::MAX);
    let session = store.session("main").unwrap();
    for _ in 0..100 {
        session.checkpoint(&bytes("state")).message("m".repeat(1000)).commit().unwrap();
    }
    drop(session);
    store.close().unwrap();

    let store = open(1);
    let session = store.session("main").unwrap();
    let before = store.stats().unwrap().manifest;
    let mut random = Random::new(1);
    let mut written = |count| {
        for _ in 0..count {
            let state: Bytes<'_> = random.bytes(1000).into();
            session.checkpoint(&state).commit().unwrap();
        }
        store.stats().unwrap().manifest - before
    };
    assert_eq!(written(90), 0);
    assert_eq!(written(30), 1);
}
