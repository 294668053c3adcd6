use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    task::Waker,
    time::Duration,
};

use super::{Event, Feed};
use crate::planted::{self, Plant};

/// What happens to a store, for one who listens: [`CheckpointStore::subscribe`](crate::CheckpointStore::subscribe) gives it.
///
/// As an iterator it waits for the next event, and ends with the last handle of the store. It holds as many events as it was asked to; when more come, the oldest go, and [`Event::Missed`] in their
/// place says how many. Dropping it ends the subscription.
///
/// With the feature `async` it is a `futures_core::Stream` as well.
#[must_use = "dropping it ends the subscription"]
pub struct Events {
    pub(super) ring: Arc<Ring>,
    pub(super) feed: Weak<Feed>,
}

/// Events on their way to one who listens.
pub(super) struct Ring {
    waiting: Mutex<Waiting>,
    came: Condvar,
    capacity: usize,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    /// Dropped before the first of `events`.
    missed: u64,
    has_ended: bool,
    /// Threads that wait for `came`.
    sleepers: u32,
    waker: Option<Waker>,
}

/// What there is for a listener.
pub(super) enum Taken {
    Event(Event),
    Nothing,
    Ended,
}

impl Ring {
    pub(super) fn new(capacity: usize) -> Self {
        Self { waiting: Mutex::default(), came: Condvar::new(), capacity: capacity.max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an event in; answers whether another one had to go for it, and who is to be woken.
    pub(super) fn put(&self, event: Event) -> (bool, Option<Waker>) {
        let mut waiting = self.lock();
        let is_full = waiting.events.len() >= self.capacity;
        if is_full {
            waiting.events.pop_front();
            let told = u64::from(!planted::is(Plant::UntoldDrop));
            waiting.missed = waiting.missed.saturating_add(told);
        }
        waiting.events.push_back(event);
        let waker = waiting.waker.take();
        if waiting.sleepers > 0 {
            self.came.notify_one();
        }
        (is_full, waker)
    }

    /// Ends it; what it holds can still be taken.
    pub(super) fn end(&self) -> Option<Waker> {
        let mut waiting = self.lock();
        waiting.has_ended = true;
        self.came.notify_all();
        waiting.waker.take()
    }

    pub(super) fn take(&self) -> Taken {
        self.lock().take()
    }

    /// Takes what there is, or has this one woken once there is something.
    #[cfg(feature = "async")]
    pub(super) fn take_or_wake(&self, waker: &Waker) -> Taken {
        let mut waiting = self.lock();
        let taken = waiting.take();
        let is_known = waiting.waker.as_ref().is_some_and(|known| known.will_wake(waker));
        let mut old = None;
        if matches!(taken, Taken::Nothing) && !is_known {
            old = waiting.waker.replace(waker.clone());
        }
        drop(waiting);
        drop(old);
        taken
    }

    fn wait(&self) -> Option<Event> {
        let mut waiting = self.lock();
        loop {
            match waiting.take() {
                Taken::Event(event) => return Some(event),
                Taken::Ended => return None,
                Taken::Nothing => {}
            }
            waiting.sleepers += 1;
            waiting = self.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            waiting.sleepers -= 1;
        }
    }

    fn wait_timeout(&self, timeout: Duration) -> Taken {
        let mut waiting = self.lock();
        waiting.sleepers += 1;
        let is_still =
            |waiting: &mut Waiting| waiting.events.is_empty() && waiting.missed == 0 && !waiting.has_ended;
        let waited = self.came.wait_timeout_while(waiting, timeout, is_still);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        waiting.sleepers -= 1;
        waiting.take()
    }
}

impl Waiting {
    fn take(&mut self) -> Taken {
        if self.missed > 0 {
            return Taken::Event(Event::Missed(std::mem::take(&mut self.missed)));
        }
        match self.events.pop_front() {
            Some(event) => Taken::Event(event),
            None if self.has_ended => Taken::Ended,
            None => Taken::Nothing,
        }
    }
}

impl Events {
    /// The next event if there is one at this moment.
    pub fn try_next(&mut self) -> Option<Event> {
        match self.ring.take() {
            Taken::Event(event) => Some(event),
            Taken::Nothing | Taken::Ended => None,
        }
    }

    /// The next event, if one comes before so long. [`has_ended`](Self::has_ended) tells whether another one may come.
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<Event> {
        match self.ring.wait_timeout(timeout) {
            Taken::Event(event) => Some(event),
            Taken::Nothing | Taken::Ended => None,
        }
    }

    /// Whether the store is gone, and all of its events have been taken.
    pub fn has_ended(&self) -> bool {
        let waiting = self.ring.lock();
        waiting.has_ended && waiting.events.is_empty() && waiting.missed == 0
    }
}

impl Iterator for Events {
    type Item = Event;

    /// Waits for the next event; none once the last handle of the store is gone.
    fn next(&mut self) -> Option<Event> {
        self.ring.wait()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if let Some(feed) = self.feed.upgrade() {
            feed.unsubscribe(&self.ring);
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.ring.lock();
        f.debug_struct("Events")
            .field("waiting", &waiting.events.len())
            .field("missed", &waiting.missed)
            .field("capacity", &self.ring.capacity)
            .finish_non_exhaustive()
    }
}
