//! The umbrella: more than one ECS, and exports of forge.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[cfg(all(feature = "bevy", feature = "hecs", feature = "lz4", feature = "compat", feature = "json"))]
mod foreign_ids;
#[cfg(feature = "forge")]
mod forge;
#[cfg(all(feature = "bevy", feature = "hecs", feature = "lz4"))]
mod hidden;
#[cfg(all(feature = "bevy", feature = "hecs", feature = "lz4"))]
mod marked;
#[cfg(all(feature = "bevy", feature = "hecs", feature = "lz4"))]
mod random;
#[cfg(all(feature = "bevy", feature = "hecs", feature = "lz4"))]
mod two_ecs;
