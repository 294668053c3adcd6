use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::{error::Error, queue::Queue, unclaimed::Shelf};

/// The receipt for a job: what it returns can be waited for, polled or awaited.
///
/// Dropping a ticket lets the job go on; an error that it ends with is then kept for
/// [`Worker::take_errors`](crate::Worker::take_errors). Awaiting needs no runtime of ours and any of yours will do: the ticket is a
/// plain [`Future`] that is woken when the job is done.
#[must_use = "an error of the job goes unseen until Worker::take_errors is called"]
pub struct Ticket<T, E = Error> {
    slot: Arc<Slot<T, E>>,
    queue: Weak<Queue<E>>,
    id: u64,
}

/// Where a job leaves its result.
pub(crate) struct Slot<T, E> {
    state: Mutex<State<T, E>>,
    done: Condvar,
    shelf: Arc<Shelf<E>>,
}

enum State<T, E> {
    /// The job is not done, and wakes this one then.
    Waiting(Option<Waker>),
    /// The result, and whether an error in it concerns somebody even without the ticket.
    Done(Result<T, E>, bool),
    /// The ticket is gone, or the result was taken.
    Closed,
}

impl<T, E> Slot<T, E> {
    pub(crate) fn new(shelf: Arc<Shelf<E>>) -> Self {
        Self { state: Mutex::new(State::Waiting(None)), done: Condvar::new(), shelf }
    }

    fn lock(&self) -> MutexGuard<'_, State<T, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, result: Result<T, E>, notable: bool) {
        let mut state = self.lock();
        if let State::Waiting(waker) = &mut *state {
            let waker = waker.take();
            *state = State::Done(result, notable);
            drop(state);
            self.done.notify_all();
            if let Some(waker) = waker {
                waker.wake();
            }
            return;
        }
        drop(state);
        self.leave(result, notable);
    }

    /// Keeps what nobody waits for any more.
    fn leave(&self, result: Result<T, E>, notable: bool) {
        if let (Err(error), true) = (result, notable) {
            self.shelf.put(error);
        }
    }

    /// Takes the result out; [`Error::Taken`] when there is none.
    fn take(mut state: MutexGuard<'_, State<T, E>>) -> Result<T, E>
    where
        E: From<Error>,
    {
        match std::mem::replace(&mut *state, State::Closed) {
            State::Done(result, _) => result,
            State::Waiting(_) | State::Closed => Err(Error::Taken.into()),
        }
    }
}

/// The job's side of a ticket. Dropped without a result, it says that the job is lost.
pub(crate) struct Deliver<T, E: From<Error>>(Option<Arc<Slot<T, E>>>);

impl<T, E: From<Error>> Deliver<T, E> {
    pub(crate) fn new(slot: Arc<Slot<T, E>>) -> Self {
        Self(Some(slot))
    }

    /// Hands over the result of the job.
    pub(crate) fn done(mut self, result: Result<T, E>) {
        if let Some(slot) = self.0.take() {
            slot.put(result, true);
        }
    }

    /// Says that another job took its place, which concerns nobody but its ticket.
    pub(crate) fn superseded(mut self, key: String) {
        if let Some(slot) = self.0.take() {
            slot.put(Err(Error::Superseded { key }.into()), false);
        }
    }

    /// Says nothing: there is no ticket any more.
    pub(crate) fn cancelled(mut self) {
        self.0 = None;
    }
}

impl<T, E: From<Error>> Drop for Deliver<T, E> {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            slot.put(Err(Error::Lost.into()), true);
        }
    }
}

impl<T, E> Ticket<T, E> {
    pub(crate) fn new(slot: Arc<Slot<T, E>>, queue: Weak<Queue<E>>, id: u64) -> Self {
        Self { slot, queue, id }
    }

    /// Whether the job is done, so that [`Ticket::wait`] returns at once.
    pub fn is_done(&self) -> bool {
        !matches!(*self.slot.lock(), State::Waiting(_))
    }

    /// Takes the job back if it has not begun; it then never runs.
    ///
    /// # Errors
    /// Gives the ticket back when the job has begun or is done: nothing stops it then.
    pub fn cancel(self) -> Result<(), Self> {
        let cancelled = self.queue.upgrade().is_some_and(|queue| queue.cancel(self.id));
        if cancelled { Ok(()) } else { Err(self) }
    }

    /// Whether the caller is a job of the worker that this ticket waits for.
    fn is_own_worker(&self) -> bool {
        self.queue.upgrade().is_some_and(|queue| queue.is_own_thread())
    }
}

impl<T, E: From<Error>> Ticket<T, E> {
    /// Waits until the job is done and returns what it returned.
    ///
    /// # Errors
    /// The job's own; [`Error::Panicked`], [`Error::Superseded`] when a later job with its key took its place;
    /// [`Error::OwnWorker`] in a job of the same worker that would wait for ever.
    pub fn wait(self) -> Result<T, E> {
        if !self.is_done() && self.is_own_worker() {
            return Err(Error::OwnWorker.into());
        }
        let state = self.slot.lock();
        let waited = self.slot.done.wait_while(state, |state| matches!(state, State::Waiting(_)));
        Slot::take(waited.unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits at most so long.
    ///
    /// # Errors
    /// Gives the ticket back when the job is not done by then; inside as [`Ticket::wait`].
    pub fn wait_timeout(self, timeout: Duration) -> Result<Result<T, E>, Self> {
        let state = self.slot.lock();
        let waited =
            self.slot.done.wait_timeout_while(state, timeout, |state| matches!(state, State::Waiting(_)));
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Waiting(_)) {
            drop(state);
            return Err(self);
        }
        Ok(Slot::take(state))
    }
}

impl<T, E: From<Error>> Future for Ticket<T, E> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.slot.lock();
        if let State::Waiting(waker) = &mut *state {
            let old = match waker {
                Some(known) if known.will_wake(context.waker()) => None,
                _ => waker.replace(context.waker().clone()),
            };
            drop(state);
            drop(old);
            return Poll::Pending;
        }
        Poll::Ready(Slot::take(state))
    }
}

impl<T, E> Drop for Ticket<T, E> {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut *self.slot.lock(), State::Closed);
        if let State::Done(result, notable) = state {
            self.slot.leave(result, notable);
        }
    }
}

impl<T, E> fmt::Debug for Ticket<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("id", &self.id)
            .field("is_done", &self.is_done())
            .finish_non_exhaustive()
    }
}
