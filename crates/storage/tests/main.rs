//! What holds for every file system this crate is given, and after every crash of a simulated one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod behaviour;
mod corpus;
mod counts;
mod crash;
mod faults;
mod generation;
mod snapshot;
mod spare;
mod support;
mod temporaries;
mod vector_index;
mod wal;
