//! A program that is woken by an event may use the store at once, on the thread that woke it.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Wake, Waker},
    thread,
    time::Duration,
};

use futures_core::Stream;
use keepstone_checkpoint::{CheckpointStore, Query, Session};

/// Uses a store when it is woken.
struct Uses {
    session: Session,
    work: fn(&Session),
    count: AtomicUsize,
}

impl Wake for Uses {
    fn wake(self: Arc<Self>) {
        (self.work)(&self.session);
        self.count.fetch_add(1, Ordering::SeqCst);
    }
}

/// Does something to a session with checkpoints 1 and 2, beside another one, while a program waits for an event.
fn woken_by(act: fn(&Session), work: fn(&Session)) {
    let store = CheckpointStore::in_memory();
    let session = store.session("a").unwrap();
    store.session("b").unwrap();
    for number in [1_u8, 2] {
        session.checkpoint(&number).commit().unwrap();
    }
    let mut events = store.subscribe(100);
    let uses = Arc::new(Uses { session: session.clone(), work, count: AtomicUsize::new(0) });
    let waker = Waker::from(Arc::clone(&uses));
    assert!(Pin::new(&mut events).poll_next(&mut Context::from_waker(&waker)).is_pending());
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        act(&session);
        done.send(()).unwrap();
    });
    assert!(is_done.recv_timeout(Duration::from_secs(20)).is_ok(), "it waits for itself");
    assert_eq!(uses.count.load(Ordering::SeqCst), 1);
    assert!(events.try_next().is_some());
}

// A restore told of itself, and woke programs, while it had the head of its branch locked; a session that ended did while
// no prune could begin: what a program did then waited for the thread that it was on.
#[test]
fn a_restore_wakes_once_the_head_is_free() {
    let restore = |session: &Session| {
        let all = session.store().list(&Query::new()).unwrap();
        session.reset(&all[0]).unwrap();
    };
    woken_by(restore, |session| _ = session.checkpoint(&3_u8).commit().unwrap());
    woken_by(|session| _ = session.undo().unwrap(), |session| _ = session.undo().unwrap());
}

#[test]
fn a_session_that_ends_wakes_once_a_prune_may_begin() {
    let sweep = |session: &Session| _ = session.store().sweep(0).unwrap();
    woken_by(|session| session.store().end_session("b").unwrap(), sweep);
    woken_by(|session| _ = session.store().compact(1).unwrap(), sweep);
}
