//! Behaviour of the bevy adapter, through documents and through bytes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(
    clippy::field_reassign_with_default,
    reason = "options that can grow have no literal outside their crate"
)]

#[cfg(feature = "lz4")]
mod app;
mod attributes;
mod bundles;
mod commands;
mod delta;
mod delta_apply;
mod delta_random;
mod earlier;
mod entities;
mod hierarchy;
mod hooks;
mod identity;
mod in_parts;
mod left_out;
mod random;
mod random_restore;
mod references;
#[cfg(feature = "reflect")]
mod reflected;
mod registration;
mod resources;
mod restore;
mod serde_components;
mod support;
mod unknown;
