//! Behaviour of the hecs adapter, through documents and through bytes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(
    clippy::field_reassign_with_default,
    reason = "options that can grow have no literal outside their crate"
)]

mod both_ecs;
mod delta;
mod delta_hostile;
mod delta_random;
mod earlier;
mod entities;
mod handles;
mod identity;
mod in_parts;
mod left_out;
mod queued;
mod random;
mod references;
mod registration;
mod relationships;
mod resources;
mod restore;
mod spawning;
mod support;
mod transient;
mod unknown;
