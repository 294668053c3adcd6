//! Checkpoints.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod attack;
mod automatic;
mod concurrency;
mod crash;
mod damage;
mod delta;
mod diff;
mod durable;
mod exchange;
mod faults;
mod model;
mod planted;
mod repair;
mod retention;
mod service;
mod sessions;
mod sizes;
mod support;
mod validate;
