//! What the log synchronises its threads with, exchanged where their interleavings are explored.

#[cfg(not(keepstone_shuttle))]
pub(crate) use std::{
    sync::{Condvar, Mutex, MutexGuard},
    thread,
};

#[cfg(keepstone_shuttle)]
pub(crate) use shuttle::{
    sync::{Condvar, Mutex, MutexGuard},
    thread,
};
