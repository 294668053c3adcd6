use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// Places for calls that wait or run: who finds none is woken when one is free, the first first.
pub(super) struct Room(Mutex<State>);

struct State {
    free: usize,
    next: u64,
    waiting: VecDeque<(u64, Waker)>,
}

/// A place, which is free again when this goes.
pub(super) struct Place(Arc<Room>);

/// Waits for a place.
pub(super) struct Wait {
    room: Arc<Room>,
    /// Its number among those that wait.
    number: Option<u64>,
}

impl Room {
    pub(super) fn new(places: usize) -> Arc<Self> {
        let state = State { free: places.max(1), next: 0, waiting: VecDeque::new() };
        Arc::new(Self(Mutex::new(state)))
    }

    pub(super) fn place(self: &Arc<Self>) -> Wait {
        Wait { room: Arc::clone(self), number: None }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the first who waits, if there is a place for it, without the lock.
fn wake_next(state: MutexGuard<'_, State>) {
    let first = state.waiting.front().filter(|_| state.free > 0).map(|(_, waker)| waker.clone());
    drop(state);
    if let Some(waker) = first {
        waker.wake();
    }
}

impl Future for Wait {
    type Output = Place;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Place> {
        let room = Arc::clone(&self.room);
        let mut state = room.lock();
        let number = self.number;
        let is_first = state.waiting.front().is_none_or(|(first, _)| Some(*first) == number);
        if state.free > 0 && is_first {
            state.free -= 1;
            if number.is_some() {
                state.waiting.pop_front();
            }
            self.number = None;
            wake_next(state);
            return Poll::Ready(Place(room));
        }
        if let Some(number) = number {
            let mut own = state.waiting.iter_mut().filter(|(other, _)| *other == number);
            if let Some((_, waker)) = own.next() {
                waker.clone_from(context.waker());
            }
        } else {
            let number = state.next;
            state.next += 1;
            state.waiting.push_back((number, context.waker().clone()));
            self.number = Some(number);
        }
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.room.lock();
        state.waiting.retain(|(other, _)| *other != number);
        wake_next(state);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.free += 1;
        wake_next(state);
    }
}
