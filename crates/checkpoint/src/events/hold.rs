//! Programs that wait for events are woken by whoever has no lock.

use std::{cell::RefCell, marker::PhantomData, task::Waker};

thread_local! {
    static HELD: RefCell<Held> = const { RefCell::new(Held { locks: 0, wakers: Vec::new() }) };
}

/// What this thread holds.
struct Held {
    /// Locks of stores, of any of them.
    locks: usize,
    /// Who is to be woken once there is none.
    wakers: Vec<Waker>,
}

/// Says that this thread has a lock of a store, for as long as it is there: what is woken may come straight back for that lock, and is only woken once this thread has none.
pub(crate) struct Hold {
    /// It stays on its thread.
    thread: PhantomData<*const ()>,
}

impl Hold {
    /// Begins before the lock is taken; it has to end behind it.
    pub(crate) fn begin() -> Self {
        change(|held| held.locks += 1);
        Self { thread: PhantomData }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let wakers = change(|held| {
            held.locks = held.locks.saturating_sub(1);
            if held.locks == 0 { std::mem::take(&mut held.wakers) } else { Vec::new() }
        });
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

/// Wakes programs now, or as soon as this thread has no lock.
pub(super) fn wake(wakers: Vec<Waker>) {
    if wakers.is_empty() {
        return;
    }
    let mut wakers = Some(wakers);
    change(|held| {
        if held.locks > 0 {
            held.wakers.extend(wakers.take().into_iter().flatten());
        }
    });
    wakers.into_iter().flatten().for_each(Waker::wake);
}

/// None at the end of a thread, when it has no locks either.
fn change<T>(change: impl FnOnce(&mut Held) -> T) -> Option<T> {
    HELD.try_with(|held| change(&mut held.borrow_mut())).ok()
}
