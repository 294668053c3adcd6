//! What a world's bytes are, and what happens when they are not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod damage;
mod golden;
mod hostile;
mod parts;
mod round_trip;
mod support;
