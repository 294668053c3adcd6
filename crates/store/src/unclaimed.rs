use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

/// How many errors are held for [`Worker::take_errors`](crate::Worker::take_errors): the first ones, as they name the cause.
const HELD_MAX: usize = 64;

/// Errors of jobs whose tickets were dropped, in the order in which they came up.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unclaimed<E> {
    /// The first of them, at most 64.
    pub errors: Vec<E>,
    /// How many there were beyond those.
    pub more: u64,
}

impl<E> Default for Unclaimed<E> {
    fn default() -> Self {
        Self { errors: Vec::new(), more: 0 }
    }
}

impl<E> Unclaimed<E> {
    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty() && self.more == 0
    }
}

/// Where tickets leave errors that nobody took.
pub(crate) struct Shelf<E>(Mutex<Unclaimed<E>>);

impl<E> Default for Shelf<E> {
    fn default() -> Self {
        Self(Mutex::new(Unclaimed::default()))
    }
}

impl<E> Shelf<E> {
    /// Keeps an error, or counts it.
    pub(crate) fn put(&self, error: E) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.errors.len() < HELD_MAX {
            held.errors.push(error);
        } else {
            held.more = held.more.saturating_add(1);
            // What an error's own drop does is not done under the lock.
            drop(held);
            drop(error);
        }
    }

    /// Hands out what is held.
    pub(crate) fn take(&self) -> Unclaimed<E> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<E> fmt::Debug for Shelf<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}
