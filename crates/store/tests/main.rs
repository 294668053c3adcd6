//! Workers whose jobs fail, panic, wait and are dropped.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod coalescing;
mod futures;
mod panics;
mod support;
mod worker;
