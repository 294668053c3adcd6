use std::{
    collections::VecDeque,
    ffi::OsString,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread::{self, ThreadId},
};

use crate::{error::Error, unclaimed::Shelf};

/// What becomes of a job.
pub(crate) enum Fate {
    Run,
    /// A later one with its key is in its place.
    Superseded(OsString),
    /// Its ticket took it back.
    Cancelled,
}

/// A job with the way to its ticket. Dropping it uncalled tells the ticket that it is lost.
pub(crate) type Job = Box<dyn FnOnce(Fate) + Send>;

/// A job that waits.
struct Entry {
    id: u64,
    key: Option<OsString>,
    job: Job,
}

/// What the worker's thread and those who give it work share.
pub(crate) struct Queue<E> {
    waiting: Mutex<Waiting>,
    /// There is a job, or there will be none.
    work: Condvar,
    /// A job was taken out.
    room: Condvar,
    len_max: usize,
    /// The thread that runs the jobs, once it runs.
    thread: OnceLock<ThreadId>,
    pub(crate) shelf: std::sync::Arc<Shelf<E>>,
}

#[derive(Default)]
struct Waiting {
    entries: VecDeque<Entry>,
    next_id: u64,
    closing: bool,
}

impl<E> fmt::Debug for Queue<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("len", &self.len())
            .field("len_max", &self.len_max)
            .finish_non_exhaustive()
    }
}

impl<E> Queue<E> {
    pub(crate) fn new(len_max: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            work: Condvar::new(),
            room: Condvar::new(),
            len_max: len_max.max(1),
            thread: OnceLock::new(),
            shelf: std::sync::Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code of a caller runs under this lock, so what a panic leaves is whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many jobs wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether the caller is a job of this queue.
    pub(crate) fn is_own_thread(&self) -> bool {
        self.thread.get() == Some(&thread::current().id())
    }

    /// Whether a job with this key would be taken now.
    pub(crate) fn check_room(&self, key: Option<&OsString>) -> Result<(), Error> {
        let waiting = self.lock();
        if waiting.entries.len() < self.len_max || key.is_some_and(|key| waiting.find(key).is_some()) {
            return Ok(());
        }
        Err(self.busy(&waiting))
    }

    fn busy(&self, waiting: &Waiting) -> Error {
        Error::Busy { queued: waiting.entries.len(), queue_max: self.len_max }
    }

    /// Puts a job at the end, or in the place of one with its key, and returns its number. Waits for room if asked to, but never on the
    /// thread that makes room.
    pub(crate) fn put(&self, key: Option<OsString>, job: Job, wait: bool) -> Result<u64, Error> {
        let mut waiting = self.lock();
        loop {
            let known = key.as_ref().and_then(|key| waiting.find(key));
            if let Some(at) = known {
                let (id, old) = waiting.replace(at, key, job);
                drop(waiting);
                if let Some(Entry { key, job, .. }) = old {
                    contain(|| job(Fate::Superseded(key.unwrap_or_default())));
                }
                return Ok(id);
            }
            if waiting.entries.len() < self.len_max || (wait && self.is_own_thread()) {
                let id = waiting.push(key, job);
                drop(waiting);
                self.work.notify_one();
                return Ok(id);
            }
            if !wait {
                return Err(self.busy(&waiting));
            }
            waiting = self.room.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes a job out that has not begun.
    pub(crate) fn cancel(&self, id: u64) -> bool {
        let mut waiting = self.lock();
        let at = waiting.entries.iter().position(|entry| entry.id == id);
        let found = at.and_then(|at| waiting.entries.remove(at));
        drop(waiting);
        let Some(entry) = found else { return false };
        self.room.notify_all();
        contain(|| (entry.job)(Fate::Cancelled));
        true
    }

    /// Lets [`Queue::work`] return once nothing waits.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.work.notify_all();
    }

    /// Runs jobs on this thread until the queue is closed and empty.
    pub(crate) fn work(&self) {
        // Set once: a queue has one thread.
        let _ = self.thread.set(thread::current().id());
        while let Some(entry) = self.next() {
            // All: one that takes the place of a job with its key leaves the room to another.
            self.room.notify_all();
            contain(|| (entry.job)(Fate::Run));
        }
    }

    fn next(&self) -> Option<Entry> {
        let mut waiting = self.lock();
        let mut has_slept = false;
        loop {
            if let Some(entry) = waiting.entries.pop_front() {
                drop(waiting);
                if has_slept {
                    // Whoever has woken this thread may have had to leave it the processor, and goes on first: a job may take long.
                    thread::yield_now();
                }
                return Some(entry);
            }
            if waiting.closing {
                return None;
            }
            waiting = self.work.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            has_slept = true;
        }
    }
}

impl Waiting {
    fn find(&self, key: &OsString) -> Option<usize> {
        self.entries.iter().position(|entry| entry.key.as_ref() == Some(key))
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn push(&mut self, key: Option<OsString>, job: Job) -> u64 {
        let id = self.id();
        self.entries.push_back(Entry { id, key, job });
        id
    }

    fn replace(&mut self, at: usize, key: Option<OsString>, job: Job) -> (u64, Option<Entry>) {
        let id = self.id();
        let place = self.entries.get_mut(at);
        let old = place.map(|place| std::mem::replace(place, Entry { id, key, job }));
        (id, old)
    }
}

/// Calls what may panic in a caller's code: a job, what it owns, a waker.
pub(crate) fn contain(call: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
        // What was thrown may throw again when it is dropped.
        std::mem::forget(payload);
    }
}
