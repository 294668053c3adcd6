//! What goes wrong between two calls, or while another call is under way.

mod threads;

use std::{
    fmt, io,
    ops::ControlFlow,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use keepstone_checkpoint::{
    Backend, BatchItem, Bytes, CheckpointStore, Durability, Error, Files, Kind, MemBackend, MemFiles, Policy,
    Session, StoreOptions,
    backend::{BackendError, Object},
};
use keepstone_storage::Op;
use keepstone_testkit::{
    Fault, FaultFiles, Random, Until,
    tap::{Call, Tap, Tapped, Verdict},
};

use crate::support::{ROOT, bytes, open, quiet};

/// What another thread was told.
type Found = Mutex<Option<Result<Option<Session>, Error>>>;
/// What is done when an object is put, before it is: false fails the put.
type Hook = Box<dyn FnOnce() -> bool + Send>;

/// A backend on which something happens while an object is put.
#[derive(Default)]
struct Hooked {
    inner: MemBackend,
    /// For the next name that begins so.
    hook: Mutex<Option<(&'static str, Hook)>>,
    /// Objects that were read, whole or in part.
    gets: AtomicU64,
}

impl Hooked {
    fn at_the_next(&self, prefix: &'static str, hook: impl FnOnce() -> bool + Send + 'static) {
        *self.hook.lock().unwrap() = Some((prefix, Box::new(hook)));
    }
}

impl fmt::Debug for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooked")
    }
}

impl Backend for Hooked {
    fn put_if_absent(&self, name: &str, bytes: &[u8]) -> Result<bool, BackendError> {
        let hook = self.hook.lock().unwrap().take_if(|(prefix, _)| name.starts_with(*prefix));
        if let Some((_, hook)) = hook
            && !hook()
        {
            return Err(BackendError::new(name, "put", Kind::Io, io::Error::other("planned")));
        }
        self.inner.put_if_absent(name, bytes)
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.gets.fetch_add(1, Ordering::SeqCst);
        self.inner.get(name)
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, BackendError> {
        self.inner.list(prefix)
    }

    fn delete(&self, name: &str) -> Result<(), BackendError> {
        self.inner.delete(name)
    }
}

fn on(backend: &Arc<impl Backend + 'static>) -> CheckpointStore {
    CheckpointStore::on(Arc::clone(backend) as Arc<dyn Backend>, StoreOptions::new().background(false))
        .unwrap()
}

#[test]
fn a_handle_of_a_session_that_was_lost_writes_to_no_other() {
    // A thread found a session whose beginning was not durable yet. It was lost, the next session that began got its number,
    // and the checkpoints of the handle went to that one.
    let backend = Arc::new(Hooked::default());
    let store = on(&backend);
    store.session("first").unwrap();
    let found: Arc<Found> = Arc::default();
    let (sent, seen) = channel();
    let (other, place) = (store.clone(), Arc::clone(&found));
    backend.at_the_next("commits/", move || {
        thread::spawn(move || {
            let session = other.find_session("lost");
            *place.lock().unwrap() = Some(session);
            let _ = sent.send(());
        });
        // The other thread may wait for what is being put, or not.
        let _ = seen.recv_timeout(std::time::Duration::from_millis(200));
        false
    });
    assert!(store.session("lost").is_err());
    let next = store.session("next").unwrap();
    while found.lock().unwrap().is_none() {
        thread::yield_now();
    }
    let handle = found.lock().unwrap().take().unwrap();
    if let Ok(Some(handle)) = handle {
        drop(handle.checkpoint(&bytes("of the lost one")).commit());
    }
    assert_eq!(next.latest::<Bytes<'static>>().unwrap(), None);
}

#[test]
fn several_operations_that_the_journal_refuses_don_t_stop_those_after_them() {
    // The journal writes while it takes a batch that is long. Where that failed the store did not take note of it, and all
    // batches and beginnings of sessions failed from then on.
    let mut random = Random::new(1);
    let states: Vec<Bytes<'static>> = (0..3).map(|_| random.bytes(900_000).into()).collect();
    for at in 0.. {
        let files: Arc<dyn Files> = Arc::new(MemFiles::default());
        drop(open(&files).unwrap());
        let faults = FaultFiles::over(files, u64::MAX, Fault::Io, Until::Once);
        let before = {
            let counted: Arc<dyn Files> = Arc::new(faults.clone());
            let store = open(&counted).unwrap();
            drop(store.session("main").unwrap());
            faults.calls()
        };
        let files: Arc<dyn Files> = Arc::new(MemFiles::default());
        drop(open(&files).unwrap());
        let faults = FaultFiles::over(files, before + at, Fault::Io, Until::Once);
        let dynamic: Arc<dyn Files> = Arc::new(faults.clone());
        let store = open(&dynamic).unwrap();
        let session = store.session("main").unwrap();
        let batch = || {
            let items = states.iter().map(|state| BatchItem::new(&session, state)).collect();
            store.checkpoint_batch(items, Durability::Durable)
        };
        let tried: Vec<_> = (0..3).map(|_| batch().map(drop)).collect();
        assert!(tried.iter().filter(|tried| tried.is_err()).count() <= 1, "call {at}: {tried:?}");
        if faults.calls() < before + at {
            return;
        }
    }
}

#[test]
fn a_writer_that_was_left_behind_writes_no_manifest_that_nobody_reads() {
    // Another writer had gone on, and given up the manifest whose number this one took: it took its own for the newest.
    let backend = Arc::new(Hooked::default());
    let one = on(&backend);
    one.session("main").unwrap().checkpoint(&bytes("1")).commit().unwrap();
    let two = on(&backend);
    let session = two.session("main").unwrap();
    for tag in ["2", "3", "4", "5"] {
        session.checkpoint(&bytes(tag)).commit().unwrap();
        two.seal().unwrap();
    }
    assert!(matches!(one.seal(), Err(Error::Superseded { .. })));
    assert_eq!(one.len().unwrap(), 5, "it has read the store again");
}

#[test]
fn a_writer_that_was_left_behind_sweeps_no_packs_of_the_one_that_has_gone_on() {
    let backend = Arc::new(Hooked::default());
    let one = on(&backend);
    one.session("main").unwrap().checkpoint(&bytes("1")).commit().unwrap();
    one.seal().unwrap();
    let two = on(&backend);
    let made = two.session("main").unwrap().checkpoint(&bytes("2")).commit().unwrap();
    two.seal().unwrap();
    // The first sweep has found a pack that it doesn't know, the second one that its grace is over.
    drop(one.sweep(0));
    drop(one.sweep(i64::MAX));
    assert_eq!(on(&backend).state(&made).unwrap().bytes(), b"2");
}

#[test]
fn moves_that_the_manifest_has_no_more_are_not_in_memory_either() {
    let files: Arc<dyn Files> = Arc::new(MemFiles::default());
    let store = open(&files).unwrap();
    let session = store.session("main").unwrap();
    for _ in 0..5000 {
        session.checkpoint(&1_u8).durability(Durability::Buffered).commit().unwrap();
    }
    store.seal().unwrap();
    let moves = store.moves().unwrap();
    drop((session, store));
    assert_eq!(open(&files).unwrap().moves().unwrap(), moves);
    assert!(moves.len() < 5000);
}

/// Runs something once when a file whose path has this in it is created.
struct OnCreate {
    path: &'static str,
    work: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// The next sync of a file of the log fails.
    fail: AtomicBool,
}

impl fmt::Debug for OnCreate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnCreate")
    }
}

impl Tap for OnCreate {
    fn before(&self, call: &Call<'_>) -> Verdict {
        let path = call.path.to_string_lossy().replace('\\', "/");
        if call.op == Op::CreateNew && path.contains(self.path) {
            let work = self.work.lock().unwrap().take();
            if let Some(work) = work {
                work();
            }
        }
        let is_sync = !matches!(call.op, Op::Read | Op::Open | Op::Metadata | Op::List | Op::CreateNew);
        if is_sync && path.contains("/log/") && self.fail.swap(false, Ordering::SeqCst) {
            return Verdict::Fail(io::Error::other("planned"));
        }
        Verdict::Run
    }
}

#[test]
fn a_commit_that_fails_while_states_are_moved_stops_neither() {
    // Who moves states held the journal for as long as that took, so that it could not be opened again.
    let tap = OnCreate { path: "packs/", work: Mutex::default(), fail: AtomicBool::default() };
    let files = Tapped::new(Arc::new(MemFiles::default()), tap);
    let dynamic: Arc<dyn Files> = Arc::new(files.clone());
    let store = open(&dynamic).unwrap();
    let session = store.session("main").unwrap();
    session.checkpoint(&bytes("1")).commit().unwrap();
    let (same, tapped) = (session.clone(), files.clone());
    let during: Arc<Mutex<Vec<Result<(), Error>>>> = Arc::default();
    let results = Arc::clone(&during);
    *files.tap().work.lock().unwrap() = Some(Box::new(move || {
        tapped.tap().fail.store(true, Ordering::SeqCst);
        let mut results = results.lock().unwrap();
        results.push(same.checkpoint(&bytes("2")).commit().map(drop));
        results.push(same.checkpoint(&bytes("3")).commit().map(drop));
    }));
    let sealed = store.seal();
    let during = during.lock().unwrap();
    assert!(during[0].is_err());
    assert!(during[1].is_ok(), "{during:?}");
    assert!(sealed.is_ok(), "{sealed:?}");
    assert_eq!(session.latest::<Bytes<'static>>().unwrap().unwrap(), bytes("3"));
    drop(files.tap().work.lock().unwrap().take());
    drop((session, store));
    assert_eq!(
        open(&dynamic).unwrap().session("main").unwrap().latest::<Bytes<'static>>().unwrap().unwrap(),
        bytes("3")
    );
}

#[test]
fn a_journal_that_has_grown_is_moved_once_and_not_again_for_what_came_meanwhile() {
    // Each commit while the journal was being moved asked for it to be moved again, however little was left in it.
    let tap = OnCreate { path: "packs/", work: Mutex::default(), fail: AtomicBool::default() };
    let files = Tapped::new(Arc::new(MemFiles::default()), tap);
    let dynamic: Arc<dyn Files> = Arc::new(files.clone());
    let options = quiet(&dynamic).journal_bytes_max(1000).background(true);
    let store = CheckpointStore::open_with(ROOT, options).unwrap();
    let session = store.session("main").unwrap();
    let (one, small) = (Random::new(1).bytes(2000), bytes("small"));
    let (same, again) = (session.clone(), Arc::new(AtomicBool::default()));
    let done = Arc::clone(&again);
    *files.tap().work.lock().unwrap() = Some(Box::new(move || {
        same.checkpoint(&small).commit().unwrap();
        done.store(true, Ordering::SeqCst);
    }));
    session.checkpoint(&Bytes::from(one.as_slice())).commit().unwrap();
    // Ends the thread.
    drop((session, store));
    while !again.load(Ordering::SeqCst) {
        thread::yield_now();
    }
    let reader = loop {
        // The thread that holds the last handle may not be done.
        if let Ok(store) = open(&dynamic) {
            break store;
        }
        thread::yield_now();
    };
    assert_eq!(reader.stats().unwrap().manifest, 2);
}

#[test]
fn a_prune_beside_a_commit_that_fails_lets_nothing_come_to_stand_on_what_goes() {
    // Where the store was read again it forgot what was about to go: a branch began there, and the store could not be opened any more.
    let backend = Arc::new(Hooked::default());
    let store = on(&backend);
    let session = store.session("main").unwrap();
    let first = session.checkpoint(&bytes("1")).commit().unwrap();
    session.checkpoint(&bytes("2")).commit().unwrap();
    let plan = store.plan(&Policy::new().keep_last_of_all(1).ending_undo(), None).unwrap();
    let mut forked = None;
    let pruned = store.apply(&plan, &mut |_| {
        if forked.is_none() {
            backend.at_the_next("commits/", || false);
            assert!(session.checkpoint(&bytes("lost")).commit().is_err());
            forked = Some(session.fork("fork", &first));
        }
        ControlFlow::Continue(())
    });
    assert!(matches!(forked, Some(Err(Error::NoCheckpoint { .. }))), "{forked:?}");
    assert_eq!(pruned.unwrap().checkpoints, 1);
    drop((session, store));
    assert_eq!(on(&backend).len().unwrap(), 1);
}

#[test]
fn a_prune_whose_watcher_panics_leaves_everything_as_it_was() {
    let store = on(&Arc::new(MemBackend::default()));
    let session = store.session("main").unwrap();
    let first = session.checkpoint(&bytes("1")).commit().unwrap();
    session.checkpoint(&bytes("2")).commit().unwrap();
    let plan = store.plan(&Policy::new().keep_last_of_all(1).ending_undo(), None).unwrap();
    let panics = std::panic::AssertUnwindSafe(|| store.apply(&plan, &mut |_| panic!("in user code")));
    assert!(std::panic::catch_unwind(panics).is_err());
    session.fork("fork", &first).unwrap();
}

/// Stops while it is decoded, once it is told to.
#[derive(serde::Serialize, Debug)]
struct Stops(u8);

/// Who is told that it is being decoded, and where it waits for more.
static STOPS: Mutex<Option<(Sender<()>, Receiver<()>)>> = Mutex::new(None);

impl<'de> serde::Deserialize<'de> for Stops {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Stops(u8);
        let Stops(value) = Stops::deserialize(from)?;
        if let Some((reached, go_on)) = STOPS.lock().unwrap().take() {
            reached.send(()).unwrap();
            go_on.recv().unwrap();
        }
        Ok(Self(value))
    }
}

#[test]
fn a_restore_of_a_checkpoint_that_was_lost_moves_no_head_to_the_one_that_got_its_sequence() {
    // It was found before it was durable; between its state and the move of the head it was lost and another one got its sequence.
    let backend = Arc::new(Hooked::default());
    let store = on(&backend);
    let session = store.session("main").unwrap();
    session.checkpoint(&Stops(0)).commit().unwrap();
    let (reached, is_reached) = channel();
    let (go, go_on) = channel();
    let restoring = Arc::new(Mutex::new(None));
    let (other, place) = (session.clone(), Arc::clone(&restoring));
    backend.at_the_next("commits/", move || {
        *STOPS.lock().unwrap() = Some((reached, go_on));
        let lost = other.head().unwrap().unwrap();
        let thread = thread::spawn(move || other.restore::<Stops>(&lost).map(drop));
        *place.lock().unwrap() = Some(thread);
        is_reached.recv().unwrap();
        false
    });
    assert!(session.checkpoint(&Stops(1)).commit().is_err());
    session.checkpoint(&Stops(2)).commit().unwrap();
    let last = session.checkpoint(&Stops(3)).commit().unwrap();
    go.send(()).unwrap();
    let restored = restoring.lock().unwrap().take().unwrap().join().unwrap();
    assert!(matches!(restored, Err(Error::NoCheckpoint { .. })), "{restored:?}");
    assert_eq!(session.head().unwrap().unwrap().id, last.id());
}

/// A store of which as many states are in memory as take 10 KB, and 20 sessions.
fn forgetful(backend: &Arc<Hooked>) -> (CheckpointStore, Vec<Session>) {
    let options = StoreOptions::new().background(false).cache_bytes_max(10_000);
    let store = CheckpointStore::on(Arc::clone(backend) as Arc<dyn Backend>, options).unwrap();
    let sessions = (0..20).map(|number| store.session(&number.to_string()).unwrap()).collect();
    (store, sessions)
}

#[test]
fn the_states_that_stay_in_memory_are_those_that_were_used_last() {
    // Those of the oldest branches stayed, so that two branches that took turns read their states from packs each time.
    let backend = Arc::new(Hooked::default());
    let (store, sessions) = forgetful(&backend);
    let mut state = Random::new(1).bytes(4000);
    for session in &sessions {
        session.checkpoint(&Bytes::from(state.as_slice())).commit().unwrap();
    }
    store.seal().unwrap();
    let reads = backend.gets.load(Ordering::SeqCst);
    for round in 0..4 {
        for session in &sessions[18..] {
            state[round] ^= 1;
            session.checkpoint(&Bytes::from(state.as_slice())).commit().unwrap();
        }
    }
    assert_eq!(backend.gets.load(Ordering::SeqCst), reads);
    store.state(&sessions[0].head().unwrap().unwrap()).unwrap();
    assert_eq!(backend.gets.load(Ordering::SeqCst), reads + 1);
}

#[test]
fn a_batch_keeps_no_more_states_in_memory_than_are_allowed() {
    let backend = Arc::new(Hooked::default());
    let (store, sessions) = forgetful(&backend);
    let mut random = Random::new(1);
    let states: Vec<Bytes<'static>> = sessions.iter().map(|_| random.bytes(4000).into()).collect();
    let items = sessions.iter().zip(&states).map(|(session, state)| BatchItem::new(session, state)).collect();
    let made = store.checkpoint_batch(items, Durability::Durable).unwrap();
    store.seal().unwrap();
    let reads = backend.gets.load(Ordering::SeqCst);
    for (made, state) in made.iter().zip(&states) {
        assert_eq!(store.state(made).unwrap().bytes(), &*state.0);
    }
    assert_eq!(backend.gets.load(Ordering::SeqCst), reads + 18);
}

#[test]
fn a_pack_that_is_lost_holds_up_nothing_else() {
    // It was mostly not needed any more, and so was to be written anew each time that the journal was moved: that failed, and the journal grew for ever.
    let backend = Arc::new(MemBackend::default());
    let store = on(&backend);
    let (one, two) = (store.session("one").unwrap(), store.session("two").unwrap());
    let state = Random::new(1).bytes(4000);
    one.checkpoint(&Bytes::from(state.as_slice())).commit().unwrap();
    let lost = two.checkpoint(&bytes("lost")).commit().unwrap();
    store.seal().unwrap();
    store.end_session("one").unwrap();
    for object in backend.list("packs/").unwrap() {
        backend.delete(&object.name).unwrap();
    }
    let three = store.session("three").unwrap();
    let made = three.checkpoint(&bytes("here")).commit().unwrap();
    store.seal().unwrap();
    assert_eq!(store.stats().unwrap().journal_bytes, 0);
    assert_eq!(on(&backend).state(&made).unwrap().bytes(), b"here");
    assert!(matches!(on(&backend).state(&lost), Err(Error::MissingPack { .. })));
}

#[test]
fn what_was_acknowledged_is_seen_though_the_store_was_read_again_while_it_was_on_its_way() {
    // A manifest could not be put while a thread waited for its checkpoint. The store was read again without it, and the journal went on beside the one that the thread waited for.
    let backend = Arc::new(Hooked::default());
    let store = on(&backend);
    let session = store.session("main").unwrap();
    let (inner, same) = (Arc::clone(&backend), session.clone());
    let (begun, has_begun) = channel();
    let (go, go_on) = channel();
    let waiting = Arc::new(Mutex::new(None));
    let place = Arc::clone(&waiting);
    backend.at_the_next("manifests/", move || {
        inner.at_the_next("commits/", move || {
            begun.send(()).unwrap();
            go_on.recv().unwrap();
            true
        });
        *place.lock().unwrap() = Some(thread::spawn(move || same.checkpoint(&bytes("1")).commit()));
        has_begun.recv().unwrap();
        false
    });
    assert!(store.seal().is_err());
    let later = thread::spawn(move || {
        // Long enough for the store to be read again, unless that waits.
        (0..1000).for_each(|_| thread::yield_now());
        go.send(()).unwrap();
    });
    assert!(store.len().unwrap() <= 1);
    later.join().unwrap();
    let made = waiting.lock().unwrap().take().unwrap().join().unwrap().unwrap();
    assert_eq!(session.head().unwrap().map(|head| head.id), Some(made.id()));
    session.checkpoint(&bytes("2")).commit().unwrap();
}
