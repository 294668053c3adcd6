use std::{
    any::Any,
    ffi::OsString,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
};

use crate::{
    error::Error,
    queue::{Fate, Job, Queue, contain},
    ticket::{Deliver, Slot, Ticket},
    unclaimed::Unclaimed,
};

/// One background thread that runs jobs in the order in which they came, and the bounded queue before it.
///
/// Each job has a [`Ticket`]. A job that panics ends with [`Error::Panicked`] on its ticket, and the worker goes on. Dropping the worker
/// waits until every accepted job has run; only a job that drops its own worker doesn't wait for itself, and what waits is then run
/// without anybody waiting for it.
///
/// `E` is the error of the jobs: what a job returns, and what the worker's own [`Error`] is turned into.
#[derive(Debug)]
pub struct Worker<E = Error> {
    queue: Arc<Queue<E>>,
    thread: Option<JoinHandle<()>>,
}

/// How a worker is made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WorkerOptions {
    /// The name of the thread, for debuggers and panic messages; `keepstone` unless chosen.
    pub name: String,
    /// How many jobs may wait, beside the one that runs; 4 unless chosen, at least 1.
    pub queue_max: usize,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self { name: "keepstone".to_owned(), queue_max: 4 }
    }
}

impl WorkerOptions {
    /// Chooses the name of the thread.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Chooses how many jobs may wait; 0 is taken as 1.
    pub fn queue_max(mut self, queue_max: usize) -> Self {
        self.queue_max = queue_max;
        self
    }
}

impl<E> Worker<E> {
    /// How many jobs wait, the one that runs aside.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Whether [`Worker::try_submit`], or [`Worker::try_submit_latest`] with this key, would be accepted at this moment. For callers whose jobs are
    /// dear to make.
    pub fn has_room(&self, key: Option<&OsString>) -> bool {
        self.queue.check_room(key).is_ok()
    }

    /// As [`Worker::has_room`], and says why not.
    ///
    /// # Errors
    /// [`Error::Busy`] when it would not be accepted.
    pub fn check_room(&self, key: Option<&OsString>) -> Result<(), Error> {
        self.queue.check_room(key)
    }

    /// Hands out the errors of jobs whose tickets were dropped, each once.
    ///
    /// A worker never refuses a job because an earlier one failed, as that would lose a second save for the first. Whoever drops tickets
    /// should ask here before the next job, and at the end through [`Worker::finish`].
    pub fn take_errors(&self) -> Unclaimed<E> {
        self.queue.shelf.take()
    }

    /// Runs what was accepted, ends the thread, and returns the errors that nobody took.
    pub fn finish(mut self) -> Unclaimed<E> {
        self.end();
        self.queue.shelf.take()
    }

    fn end(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take()
            && !self.queue.is_own_thread()
        {
            // Jobs are contained, so the thread doesn't panic; if it did, their tickets say that they are lost.
            drop(thread.join());
        }
    }
}

impl<E: From<Error> + Send + 'static> Worker<E> {
    /// Starts a thread.
    ///
    /// # Errors
    /// [`Error::Thread`] when the system gives none.
    pub fn spawn(options: &WorkerOptions) -> Result<Self, Error> {
        let queue = Arc::new(Queue::new(options.queue_max));
        let at_work = Arc::clone(&queue);
        // The standard library panics at a zero byte.
        let name = options.name.replace('\0', " ");
        let thread = thread::Builder::new().name(name).spawn(move || at_work.work());
        let thread = Some(thread.map_err(|source| Error::Thread { source })?);
        Ok(Self { queue, thread })
    }

    /// Takes a job; waits while the queue is full. A job that submits to its own worker never waits: its job is taken beyond the bound.
    pub fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Ticket<T, E> {
        self.put_or_wait(None, job)
    }

    /// Takes a job if the queue has room.
    ///
    /// # Errors
    /// [`Error::Busy`] when it has none; the job is dropped.
    pub fn try_submit<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<Ticket<T, E>, Error> {
        self.put(None, job, false)
    }

    /// Takes a job that makes an earlier one with the same key needless: if that has not begun, this one takes its place in the queue,
    /// and the earlier ticket ends with [`Error::Superseded`], which is kept for nobody when that ticket is gone.
    ///
    /// The place is the earlier one's, so that a key that is submitted over and over still gets its turn, and a job between the two sees what
    /// the later leaves. Taking the later back with [`Ticket::cancel`] doesn't bring the earlier back. Jobs of one key never run out of order. Waits while the queue is full and no such job is in it.
    pub fn submit_latest<T: Send + 'static>(
        &self,
        key: impl Into<OsString>,
        job: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Ticket<T, E> {
        self.put_or_wait(Some(key.into()), job)
    }

    /// As [`Worker::submit_latest`], if there is room or a job to take the place of.
    ///
    /// # Errors
    /// [`Error::Busy`] when there is neither; the job is dropped.
    pub fn try_submit_latest<T: Send + 'static>(
        &self,
        key: impl Into<OsString>,
        job: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<Ticket<T, E>, Error> {
        self.put(Some(key.into()), job, false)
    }

    fn put_or_wait<T: Send + 'static>(
        &self,
        key: Option<OsString>,
        job: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Ticket<T, E> {
        let slot = Arc::new(Slot::new(Arc::clone(&self.queue.shelf)));
        let boxed = boxed(job, Deliver::new(Arc::clone(&slot)));
        // Refused only when not waiting; then the dropped job tells its ticket.
        let id = self.queue.put(key, boxed, true).unwrap_or(0);
        Ticket::new(slot, Arc::downgrade(&self.queue), id)
    }

    fn put<T: Send + 'static>(
        &self,
        key: Option<OsString>,
        job: impl FnOnce() -> Result<T, E> + Send + 'static,
        wait: bool,
    ) -> Result<Ticket<T, E>, Error> {
        let slot = Arc::new(Slot::new(Arc::clone(&self.queue.shelf)));
        let boxed = boxed(job, Deliver::new(Arc::clone(&slot)));
        let id = self.queue.put(key, boxed, wait)?;
        Ok(Ticket::new(slot, Arc::downgrade(&self.queue), id))
    }
}

impl<E> Drop for Worker<E> {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ties a job to its ticket.
fn boxed<T: Send + 'static, E: From<Error> + Send + 'static>(
    job: impl FnOnce() -> Result<T, E> + Send + 'static,
    deliver: Deliver<T, E>,
) -> Job {
    Box::new(move |fate| match fate {
        Fate::Run => match catch_unwind(AssertUnwindSafe(job)) {
            Ok(result) => deliver.done(result),
            Err(payload) => {
                deliver.done(Err(Error::Panicked { message: message(&*payload) }.into()));
                contain(move || drop(payload));
            }
        },
        // The ticket is told first: what the job owns may panic when it goes.
        Fate::Superseded(key) => {
            deliver.superseded(key.to_string_lossy().into_owned());
            drop(job);
        }
        Fate::Cancelled => {
            deliver.cancelled();
            drop(job);
        }
    })
}

/// What `panic!` was given, if it was text.
fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
