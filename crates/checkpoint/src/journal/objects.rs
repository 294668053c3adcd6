mod group;

use std::{
    collections::BTreeSet,
    fmt,
    mem::take,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use keepstone_format::wire::put_varint;
use keepstone_storage::{Durability, random_id};

use super::{Journal, Replay, Stats, gap};
use crate::{Error, backend::Backend, object::Folder};

pub(crate) use group::Group;

/// Commits as objects of a backend, FORMAT.md section 14.5.
///
/// What threads append while an object is being put goes into the next one, which one of them puts for all. An object is there or not, so to be with the system is to be durable.
///
/// Another writer is found out in two ways: it has put the object with the number that is next, or an object behind it, since it has given that number up meanwhile. For this the
/// newest object stays when commits are given up.
pub(crate) struct ObjectJournal {
    backend: Arc<dyn Backend>,
    store_id: [u8; 16],
    /// Drawn when it was opened: no other writer makes the same objects.
    writer: [u8; 16],
    state: Mutex<State>,
    /// An object was put, or could not be.
    changed: Condvar,
}

struct State {
    start: u64,
    end: u64,
    /// All commits below are durable. Those from here on are being put, while somebody is busy, or in the queue.
    durable: u64,
    /// Commits as the section of an object has them.
    queue: Vec<u8>,
    busy: bool,
    /// Why nothing more is put.
    dead: Option<Dead>,
    /// The numbers of the objects that are there.
    objects: BTreeSet<u64>,
    stats: Stats,
}

#[derive(Debug, Clone)]
enum Dead {
    Superseded(String),
    Failed(String),
}

impl ObjectJournal {
    /// Goes through the commits from a number on, and goes on behind them.
    ///
    /// # Errors
    /// [`Error::Damaged`] if commits from `from` on are missing, [`Error::Format`] for an object that is damaged or newer, [`Error::Superseded`] if another writer is giving them up,
    /// [`Error::Backend`], what `replay` answers.
    pub(crate) fn open(
        backend: Arc<dyn Backend>,
        store_id: [u8; 16],
        from: u64,
        replay: Replay<'_>,
    ) -> Result<Self, Error> {
        let objects = numbers(&*backend)?;
        let end = go_through(&*backend, &objects, &store_id, from, replay)?;
        let state = State {
            start: from,
            end,
            durable: end,
            queue: Vec::new(),
            busy: false,
            dead: None,
            objects,
            stats: Stats::default(),
        };
        Ok(Self { backend, store_id, writer: random_id(), state: Mutex::new(state), changed: Condvar::new() })
    }

    /// No step under the mutex can end half-way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts one object with all commits of the queue.
    fn put_queue<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
    ) -> (MutexGuard<'a, State>, Result<(), Error>) {
        let (first, behind) = (state.durable, state.end);
        let commits = take(&mut state.queue);
        state.busy = true;
        drop(state);
        let put = {
            let _unwinding = Unwinding(self);
            self.put(first, commits)
        };
        let mut state = self.lock();
        state.busy = false;
        match &put {
            Ok(()) => {
                state.durable = behind;
                state.objects.insert(first);
                state.stats.groups += 1;
            }
            Err(err) => state.dead = Some(Dead::of(err)),
        }
        self.changed.notify_all();
        (state, put)
    }

    fn put(&self, first: u64, commits: Vec<u8>) -> Result<(), Error> {
        let name = Folder::COMMITS.name(first);
        let bytes = Group { first, store_id: self.store_id, writer: self.writer, commits }.encode()?;
        if !self.backend.put_if_absent(&name, &bytes)? {
            // A backend that asks again after a lost answer finds its own object.
            let found = self.backend.get(&name)?;
            if found.as_deref() != Some(&bytes) {
                return Err(Error::Superseded { object: name });
            }
        }
        // The number may have been free since somebody else gave it up.
        match numbers(&*self.backend)?.last() {
            Some(&last) if last > first => Err(Error::Superseded { object: Folder::COMMITS.name(last) }),
            _ => Ok(()),
        }
    }
}

/// Goes through the commits from a number on without writing, and answers the number behind the last one.
///
/// # Errors
/// As [`ObjectJournal::open`].
pub(crate) fn read(
    backend: &dyn Backend,
    store_id: &[u8; 16],
    from: u64,
    replay: Replay<'_>,
) -> Result<u64, Error> {
    go_through(backend, &numbers(backend)?, store_id, from, replay)
}

fn go_through(
    backend: &dyn Backend,
    objects: &BTreeSet<u64>,
    store_id: &[u8; 16],
    from: u64,
    replay: Replay<'_>,
) -> Result<u64, Error> {
    if objects.is_empty() && from == 1 {
        return Ok(from);
    }
    // What is before the last object that can hold the first commit was given up.
    let begin = objects.range(..=from).next_back().copied().unwrap_or(from);
    let mut next = begin;
    for &first in objects.range(begin..) {
        let name = Folder::COMMITS.name(first);
        if first != next {
            return Err(gap(&name, next, first));
        }
        let bytes = backend.get(&name)?.ok_or_else(|| Error::Superseded { object: name.clone() })?;
        let group = Group::decode(first, store_id, &bytes)?;
        group.each(&mut |commit| {
            let number = next;
            next += 1;
            if number < from { Ok(()) } else { replay(number, commit) }
        })?;
    }
    // The newest object stays, so it reaches to where a manifest begins.
    if next < from || objects.range(..=from).next().is_none() {
        return Err(gap(Folder::COMMITS.prefix, next.min(from - 1), from));
    }
    Ok(next)
}

fn numbers(backend: &dyn Backend) -> Result<BTreeSet<u64>, Error> {
    let listed = backend.list(Folder::COMMITS.prefix)?;
    Ok(listed.iter().filter_map(|object| Folder::COMMITS.number(&object.name)).collect())
}

impl Journal for ObjectJournal {
    fn append(&self, commit: &[u8]) -> Result<u64, Error> {
        let mut state = self.lock();
        if let Some(dead) = &state.dead {
            return Err(dead.error());
        }
        put_varint(&mut state.queue, commit.len() as u64);
        state.queue.extend_from_slice(commit);
        let number = state.end;
        state.end += 1;
        state.stats.commits += 1;
        state.stats.commit_bytes += commit.len() as u64;
        Ok(number)
    }

    fn wait(&self, number: u64, _: Durability) -> Result<(), Error> {
        let mut state = self.lock();
        while state.durable <= number {
            if let Some(dead) = &state.dead {
                return Err(dead.error());
            }
            if state.durable == state.end {
                return Err(Error::Misuse {
                    what: "a commit is waited for that was never appended; append it first",
                });
            }
            if state.busy {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (after, put) = self.put_queue(state);
            put?;
            state = after;
        }
        Ok(())
    }

    fn truncate(&self, below: u64) -> Result<(), Error> {
        loop {
            let mut state = self.lock();
            state.start = state.start.max(below.min(state.durable));
            // The one that holds `start` is the last that begins at it or before; the newest of all stays.
            let start = state.start;
            let kept = state.objects.range(..=start).next_back().copied().unwrap_or_default();
            let Some(oldest) = state.objects.first().copied().filter(|first| *first < kept) else {
                return Ok(());
            };
            drop(state);
            self.backend.delete(&Folder::COMMITS.name(oldest))?;
            self.lock().objects.remove(&oldest);
        }
    }

    fn start(&self) -> u64 {
        self.lock().start
    }

    fn end(&self) -> u64 {
        self.lock().end
    }

    #[cfg(test)]
    fn close(self: Box<Self>) -> Result<(), Error> {
        let (durable, end) = {
            let state = self.lock();
            (state.durable, state.end)
        };
        if durable < end { self.wait(end - 1, Durability::Durable) } else { Ok(()) }
    }

    fn stats(&self) -> Stats {
        self.lock().stats
    }
}

/// Held while an object is put without the mutex: after a panic nobody waits for ever.
struct Unwinding<'a>(&'a ObjectJournal);

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.lock();
            state.busy = false;
            state.dead = Some(Dead::Failed("the backend panicked".to_owned()));
            self.0.changed.notify_all();
        }
    }
}

impl Dead {
    fn of(err: &Error) -> Self {
        match err {
            Error::Superseded { object } => Self::Superseded(object.clone()),
            other => Self::Failed(other.to_string()),
        }
    }

    fn error(&self) -> Error {
        match self {
            Self::Superseded(object) => Error::Superseded { object: object.clone() },
            Self::Failed(what) => Error::Poisoned { what: what.clone() },
        }
    }
}

impl fmt::Debug for ObjectJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("ObjectJournal")
            .field("start", &state.start)
            .field("end", &state.end)
            .finish_non_exhaustive()
    }
}
