//! Workers whose jobs fail, panic, wait and are dropped; payloads whose shapes are kept.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod coalescing;
mod futures;
mod panics;
mod shapes;
mod support;
mod worker;
