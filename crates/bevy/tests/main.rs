//! Behaviour of the bevy adapter, through documents and through bytes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(
    clippy::field_reassign_with_default,
    reason = "options that can grow have no literal outside their crate"
)]

mod entities;
mod hierarchy;
mod hooks;
mod left_out;
mod random;
mod references;
mod registration;
mod resources;
mod serde_components;
mod support;
mod unknown;
