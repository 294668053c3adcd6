//! The umbrella with more than one ECS.
#![cfg(all(feature = "bevy", feature = "hecs", feature = "lz4"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[cfg(all(feature = "compat", feature = "json"))]
mod foreign_ids;
mod hidden;
mod marked;
mod random;
mod two_ecs;
