//! Save slots.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod attack;
mod background;
mod corpus;
mod crash;
mod damage;
mod edits;
mod faults;
mod migrate;
mod planted;
mod profile;
mod saves;
mod support;
mod sync;
