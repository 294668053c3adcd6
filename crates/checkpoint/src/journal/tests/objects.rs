use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex},
};

use super::*;
use crate::{
    backend::{Backend, BackendError, Object},
    object::Folder,
};

/// How a put goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Put {
    Done,
    /// It fails, and the object is not there.
    Refused,
    /// It fails, and the object is there.
    Unknown,
    /// It answers that there is one already, since it has asked twice.
    Twice,
    Panics,
}

/// Objects in memory, which a test holds up.
#[derive(Debug)]
struct Held {
    inner: MemBackend,
    next: Mutex<Put>,
    /// Puts wait until so many commits were appended.
    until: u64,
    appended: Mutex<u64>,
    changed: Condvar,
}

impl Held {
    fn new(until: u64) -> Arc<Self> {
        let (inner, next, changed) = (MemBackend::new(), Mutex::new(Put::Done), Condvar::new());
        Arc::new(Self { inner, next, until, appended: Mutex::new(0), changed })
    }

    fn appended(&self) {
        *self.appended.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    fn names(&self) -> Vec<u64> {
        let listed = self.inner.list("commits/").unwrap();
        listed.iter().map(|object| Folder::COMMITS.number(&object.name).unwrap()).collect()
    }
}

impl Backend for Held {
    fn put_if_absent(&self, name: &str, bytes: &[u8]) -> Result<bool, BackendError> {
        let appended = self.appended.lock().unwrap();
        drop(self.changed.wait_while(appended, |appended| *appended < self.until).unwrap());
        let put = std::mem::replace(&mut *self.next.lock().unwrap(), Put::Done);
        match put {
            Put::Done => return self.inner.put_if_absent(name, bytes),
            Put::Refused => {}
            Put::Unknown | Put::Twice => assert!(self.inner.put_if_absent(name, bytes)?),
            Put::Panics => panic!("as the test wants it"),
        }
        if put == Put::Twice {
            return self.inner.put_if_absent(name, bytes);
        }
        Err(BackendError::new(name, "put", Kind::Io, "the line is down"))
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.inner.get(name)
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>, BackendError> {
        self.inner.get_range(name, range)
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, BackendError> {
        self.inner.list(prefix)
    }

    fn delete(&self, name: &str) -> Result<(), BackendError> {
        self.inner.delete(name)
    }
}

fn on_held(backend: &Arc<Held>, from: u64) -> (ObjectJournal, Found) {
    objects_on(Arc::<Held>::clone(backend), from).unwrap()
}

#[test]
fn commits_of_threads_that_wait_together_are_one_object() {
    let backend = Held::new(8);
    let (journal, _) = on_held(&backend, 1);
    let order = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for tag in 0..8_u8 {
            let (journal, backend, order) = (&journal, &backend, &order);
            scope.spawn(move || {
                let number = {
                    let mut order = order.lock().unwrap();
                    order.push(vec![tag; 10]);
                    journal.append(&[tag; 10]).unwrap()
                };
                backend.appended();
                journal.wait(number, Durability::Durable).unwrap();
            });
        }
    });
    // The first put begins with what is there and ends once all have appended; the rest goes with the second.
    assert!(backend.names().len() <= 2, "{:?}", backend.names());
    assert_eq!(journal.stats().groups, backend.names().len() as u64);
    let expected: Found = (1..).zip(order.into_inner().unwrap()).collect();
    assert_eq!(on_held(&backend, 1).1, expected);
}

#[test]
fn a_put_that_fails_is_told_to_all_that_wait_and_to_all_that_come() {
    for how in [Put::Refused, Put::Unknown, Put::Panics] {
        let backend = Held::new(4);
        let (journal, _) = on_held(&backend, 1);
        *backend.next.lock().unwrap() = how;
        let refused: Vec<Option<Error>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let number = journal.append(b"x").unwrap();
                        backend.appended();
                        let waited =
                            catch_unwind(AssertUnwindSafe(|| journal.wait(number, Durability::Durable)));
                        waited.map_or(None, Result::err)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let told = |kind| refused.iter().flatten().filter(|err| err.kind() == kind).count();
        let (first, others) = (told(Kind::Io), told(Kind::Poisoned));
        assert_eq!((first, others), if how == Put::Panics { (0, 3) } else { (1, 3) }, "{how:?}: {refused:?}");
        assert_eq!(journal.append(b"x").unwrap_err().kind(), Kind::Poisoned);
        let text = journal.wait(1, Durability::Durable).unwrap_err().to_string();
        assert!(text.contains("the line is down") || how == Put::Panics, "{text}");
        drop(journal);
        // What is there is known after an opening: at most what was in that object.
        let (journal, found) = on_held(&backend, 1);
        assert!(
            if how == Put::Unknown { (1..=4).contains(&found.len()) } else { found.is_empty() },
            "{found:?}"
        );
        put(&journal, 1);
    }
}

#[test]
fn an_object_that_is_found_to_be_ones_own_is_put() {
    let backend = Held::new(0);
    let (journal, _) = on_held(&backend, 1);
    *backend.next.lock().unwrap() = Put::Twice;
    put(&journal, 2);
    assert_eq!(backend.names(), [1, 2]);
}

#[test]
fn of_two_writers_the_one_that_comes_later_is_found_out() {
    let backend = Arc::new(MemBackend::new());
    let (first, _) = objects(&backend, 1).unwrap();
    let (second, _) = objects(&backend, 1).unwrap();
    put(&*first, 2);
    // The same commit, at the same place, by another.
    second.append(&commit(1)).unwrap();
    let superseded = |answer: Result<(), Error>| {
        assert!(matches!(answer, Err(Error::Superseded { object }) if object == Folder::COMMITS.name(1)));
    };
    superseded(second.wait(1, Durability::Durable));
    superseded(second.wait(1, Durability::Durable));
    superseded(second.append(b"x").map(drop));
    superseded(second.close());
    put(&*first, 1);
    drop(first);
    assert_eq!(objects(&backend, 1).unwrap().1, found_from(1, 4));
}

/// A writer slept while another went on and gave up the commits behind which it stopped: their numbers are free
/// again. Its commit was acknowledged and never seen again, until it looked for objects behind its own.
#[test]
fn a_writer_that_slept_is_found_out_though_its_number_is_free_again() {
    for below in [3, 5] {
        let backend = Arc::new(MemBackend::new());
        let (asleep, _) = objects(&backend, 1).unwrap();
        put(&*asleep, 1);
        let (awake, _) = objects(&backend, 1).unwrap();
        put(&*awake, 3);
        awake.truncate(below).unwrap();
        assert_eq!(backend.get(&Folder::COMMITS.name(2)).unwrap(), None);
        let number = asleep.append(b"lost").unwrap();
        assert_eq!(number, 2);
        assert_eq!(asleep.wait(number, Durability::Durable).unwrap_err().kind(), Kind::Busy);
        // What it has put is in nobody's way.
        put(&*awake, 1);
        drop(awake);
        let (journal, found) = objects(&backend, below).unwrap();
        assert_eq!(found, found_from(below, 6));
        journal.truncate(6).unwrap();
        assert_eq!(backend.list("commits/").unwrap().len(), 1);
    }
}

#[test]
fn the_newest_object_and_the_one_that_is_needed_stay_when_commits_are_given_up() {
    let backend = Held::new(0);
    let (journal, _) = on_held(&backend, 1);
    for group in [3, 1, 2] {
        for _ in 0..group {
            journal.append(&commit(journal.end())).unwrap();
        }
        journal.wait(journal.end() - 1, Durability::Durable).unwrap();
    }
    assert_eq!(backend.names(), [1, 4, 5]);
    journal.truncate(3).unwrap();
    assert_eq!((backend.names(), journal.start()), (vec![1, 4, 5], 3));
    assert_eq!(on_held(&backend, 3).1, found_from(3, 7));
    journal.truncate(4).unwrap();
    assert_eq!(backend.names(), [4, 5]);
    assert_eq!(on_held(&backend, 4).1, found_from(4, 7));
    // Commits that are not durable yet are not given up.
    journal.append(&commit(7)).unwrap();
    journal.truncate(8).unwrap();
    assert_eq!((backend.names(), journal.start()), (vec![5], 7));
    assert_eq!(on_held(&backend, 7).1, []);
}

#[test]
fn objects_that_are_missing_or_damaged_are_damage() {
    let backend = Arc::new(MemBackend::new());
    assert!(is_gap(objects(&backend, 2), 1, 1));
    let (journal, _) = objects(&backend, 1).unwrap();
    put(&*journal, 4);
    drop(journal);
    assert!(is_gap(objects(&backend, 8), 5, 7));
    backend.delete(&Folder::COMMITS.name(3)).unwrap();
    assert!(is_gap(objects(&backend, 1), 3, 3));
    assert!(is_gap(objects(&backend, 3), 3, 3));
    assert_eq!(objects(&backend, 4).unwrap().1, found_from(4, 5));
    backend.delete(&Folder::COMMITS.name(1)).unwrap();
    backend.delete(&Folder::COMMITS.name(2)).unwrap();
    assert!(is_gap(objects(&backend, 1), 1, 3), "{:?}", objects(&backend, 1));
    backend.delete(&Folder::COMMITS.name(4)).unwrap();
    backend.put_if_absent(&Folder::COMMITS.name(1), b"no commits").unwrap();
    let err = objects(&backend, 1).unwrap_err();
    assert!(matches!(&err, Error::Format { object, .. } if *object == Folder::COMMITS.name(1)), "{err}");
    // Those of another store.
    let other = Arc::new(MemBackend::new());
    let journal =
        ObjectJournal::open(Arc::<MemBackend>::clone(&other) as Arc<dyn Backend>, [1; 16], 1, &mut |_, _| {
            Ok(())
        });
    put(&journal.unwrap(), 1);
    assert_eq!(objects(&other, 1).unwrap_err().kind(), Kind::Damaged);
}

#[test]
fn what_was_never_appended_is_not_waited_for() {
    let (journal, _) = objects(&Arc::new(MemBackend::new()), 1).unwrap();
    assert_eq!(journal.wait(1, Durability::Durable).unwrap_err().kind(), Kind::Misuse);
    put(&*journal, 1);
    assert_eq!(journal.wait(2, Durability::Durable).unwrap_err().kind(), Kind::Misuse);
}

#[test]
fn objects_are_read_beside_their_writer() {
    let backend = Arc::new(MemBackend::new());
    let (journal, _) = objects(&backend, 1).unwrap();
    put(&*journal, 3);
    let mut found = Vec::new();
    let end = read_objects(&*backend, &STORE, 2, &mut |number, bytes| {
        found.push((number, bytes.to_vec()));
        Ok(())
    });
    assert_eq!((end.unwrap(), found), (4, found_from(2, 4)));
    put(&*journal, 1);
}
