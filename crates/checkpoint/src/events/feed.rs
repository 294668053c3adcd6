use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

use keepstone_storage::Durability;

use super::{Event, Events, Failure, Pulse, Work, hold, ring::Ring};
use crate::{
    Committed, Error,
    catalog::Catalog,
    journal::Journal,
    planted::{self, Plant},
};

/// Everything that happens to a store, on its way to those who listen.
///
/// What a commit changes is put here while the store is locked, so in the order in which it happens, and delivered once the commit has survived what its call waits for, behind all that came before.
/// Whoever has the store locked may put. Delivering wakes programs: under `live` it is not done, and under the other locks of a store these are woken once they are free, as [`Hold`](super::Hold) says.
#[derive(Default)]
pub(crate) struct Feed {
    /// Whether anybody listens.
    is_listened: AtomicBool,
    told: Mutex<Told>,
    pub(crate) pulse: Pulse,
}

#[derive(Default)]
struct Told {
    pending: VecDeque<Pending>,
    rings: Vec<Arc<Ring>>,
}

/// An event that is not told yet.
struct Pending {
    event: Event,
    /// The commit that it belongs to, until that has survived.
    waits: Option<At>,
}

/// A commit of a journal. The address is that of the journal, which nobody else has while a thread that waits for it holds it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct At {
    journal: usize,
    number: u64,
}

impl At {
    fn new(journal: &Arc<dyn Journal>, number: u64) -> Self {
        Self { journal: Arc::as_ptr(journal).cast::<()>().addr(), number }
    }
}

impl Told {
    /// Keeps events that come last, unless the last listener has gone since it was seen: what is kept then would stand in the way of what the next one is to be told.
    fn keep(&mut self, events: impl IntoIterator<Item = Pending>) {
        if !self.rings.is_empty() {
            self.pending.extend(events);
        }
    }
}

impl Feed {
    /// Begins to tell somebody.
    pub(crate) fn subscribe(self: &Arc<Self>, capacity: usize) -> Events {
        let ring = Arc::new(Ring::new(capacity));
        let mut told = self.lock();
        told.rings.push(Arc::clone(&ring));
        self.pulse.subscribed();
        self.is_listened.store(true, Ordering::Release);
        drop(told);
        Events { ring, feed: Arc::downgrade(self) }
    }

    pub(super) fn unsubscribe(&self, ring: &Arc<Ring>) {
        let mut told = self.lock();
        let before = told.rings.len();
        told.rings.retain(|known| !Arc::ptr_eq(known, ring));
        if told.rings.len() < before {
            self.pulse.unsubscribed();
        }
        if told.rings.is_empty() {
            self.is_listened.store(false, Ordering::Release);
            told.pending.clear();
        }
    }

    /// Whether anybody listens.
    pub(crate) fn is_listened(&self) -> bool {
        self.is_listened.load(Ordering::Acquire)
    }

    /// Takes note of what a commit changes. Its call tells it by [`Feed::arrived`].
    pub(crate) fn put(&self, journal: &Arc<dyn Journal>, number: u64, events: Vec<Event>) {
        let waits = Some(At::new(journal, number));
        self.lock().keep(events.into_iter().map(|event| Pending { event, waits }));
    }

    /// Tells what a commit has changed, which has survived what its call waits for.
    pub(crate) fn arrived(&self, journal: &Arc<dyn Journal>, number: u64, durability: Durability) {
        if !self.is_listened() {
            return;
        }
        let at = At::new(journal, number);
        let mut told = self.lock();
        for pending in &mut told.pending {
            let survived = pending.waits.is_some_and(|waits| match durability {
                // All before it are durable with it.
                Durability::Durable => waits.journal == at.journal && waits.number <= at.number,
                Durability::Buffered => waits == at,
            });
            if survived {
                pending.waits = None;
            }
        }
        self.deliver(told);
    }

    /// Tells of something that is done, behind all that happened before.
    pub(crate) fn happened(&self, event: Event) {
        if !self.is_listened() {
            return;
        }
        let mut told = self.lock();
        told.keep([Pending { event, waits: None }]);
        self.deliver(told);
    }

    /// Takes note of something that is done, behind all that happened before; [`Feed::tell`] tells it.
    pub(crate) fn note(&self, event: Event) {
        if self.is_listened() {
            self.lock().keep([Pending { event, waits: None }]);
        }
    }

    /// Takes note of what failed, which is told before what waits for a commit; [`Feed::tell`] tells it.
    pub(crate) fn failed(&self, work: Work, error: &Error) {
        self.pulse.failed(work, error);
        if self.is_listened() {
            let event = Event::Failed { work, failure: Failure::from(error) };
            let mut told = self.lock();
            let waiting = told.pending.iter().position(|pending| pending.waits.is_some());
            let at = waiting.unwrap_or(told.pending.len());
            if !told.rings.is_empty() {
                told.pending.insert(at, Pending { event, waits: None });
            }
        }
    }

    /// Counts checkpoints that were made, or that were to be.
    pub(crate) fn counted(&self, done: Result<&[Committed], &Error>, count: u64) {
        match done {
            Ok(made) => made.iter().for_each(|made| self.pulse.made(&made.checkpoint)),
            Err(_) if planted::is(Plant::CountedFailure) => self.pulse.checkpoints.add(count),
            Err(_) => {
                self.pulse.checkpoints_failed.add(count);
                self.tell();
            }
        }
    }

    /// Takes note of how something went that nobody waits for, and tells it.
    pub(crate) fn ended<T>(&self, work: Work, done: &Result<T, Error>) {
        match done {
            Ok(_) => self.pulse.went_well(work),
            Err(error) => {
                self.failed(work, error);
                self.tell();
            }
        }
    }

    /// Sorts out what waited while a commit failed, once the store has been read again: what is there has happened, the rest has not. [`Feed::tell`] tells it.
    pub(crate) fn settle(&self, catalog: &Catalog, journal: &dyn Journal, is_locked: bool) {
        self.pulse.recovered(catalog.next_sequence());
        if !self.is_listened() {
            return;
        }
        let mut told = self.lock();
        let is_there = |pending: &Pending| match (&pending.event, pending.waits) {
            (_, None) => true,
            (Event::Created { checkpoint }, Some(_)) => catalog.find(checkpoint.id).is_some(),
            // Where another one may have written, the number may be that of its commit.
            (_, Some(waits)) => is_locked && waits.number < journal.end(),
        };
        told.pending.retain(is_there);
        told.pending.iter_mut().for_each(|pending| pending.waits = None);
        told.keep([Pending { event: Event::Recovered, waits: None }]);
    }

    /// Tells what need not wait any more.
    pub(crate) fn tell(&self) {
        if self.is_listened() {
            self.deliver(self.lock());
        }
    }

    fn deliver(&self, mut told: MutexGuard<'_, Told>) {
        let mut wakers: Vec<Waker> = Vec::new();
        let mut missed = 0;
        let Told { pending, rings } = &mut *told;
        while let Some(Pending { event, .. }) = pending.pop_front_if(|pending| pending.waits.is_none()) {
            for ring in rings.iter() {
                let (is_full, waker) = ring.put(event.clone());
                missed += u64::from(is_full);
                wakers.extend(waker);
            }
        }
        if missed > 0 {
            self.pulse.missed.add(missed);
        }
        // What is woken may come straight back.
        drop(told);
        hold::wake(wakers);
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let told = self.told.get_mut().unwrap_or_else(PoisonError::into_inner);
        for ring in std::mem::take(&mut told.rings) {
            if let Some(waker) = ring.end() {
                waker.wake();
            }
        }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("pulse", &self.pulse).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::NoJournal;

    fn event(name: &str) -> Vec<Event> {
        vec![Event::SessionBegun { session: name.into() }]
    }

    // A commit saw that somebody listened, who went away before it put what it changed: nobody took that out again, and it
    // stood in front of all that the next listener was to be told.
    #[test]
    fn what_is_put_once_nobody_listens_any_more_keeps_nothing_from_the_next_one() {
        let feed = Arc::new(Feed::default());
        let journal: Arc<dyn Journal> = Arc::new(NoJournal::new(1));
        drop(feed.subscribe(9));
        feed.put(&journal, 1, event("before"));
        feed.note(Event::Recovered);
        let mut events = feed.subscribe(9);
        feed.put(&journal, 2, event("after"));
        feed.arrived(&journal, 2, Durability::Buffered);
        let told = std::iter::from_fn(|| events.try_next()).collect::<Vec<_>>();
        assert!(matches!(&told[..], [Event::SessionBegun { session }] if &**session == "after"), "{told:?}");
    }
}
