//! Checkpoints.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod attack;
mod concurrency;
mod crash;
mod damage;
mod delta;
mod durable;
mod exchange;
mod faults;
mod model;
mod planted;
mod retention;
mod sessions;
mod sizes;
mod support;
