//! What a world's bytes are, and what happens when they are not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(
    clippy::field_reassign_with_default,
    reason = "options that can grow have no literal outside their crate"
)]

mod canonical;
mod corpus;
mod damage;
mod delta;
mod delta_file;
mod delta_world;
#[cfg(feature = "json")]
mod diff;
mod edit;
mod evolve;
mod filter;
mod formats;
mod gather;
mod golden;
mod hash;
mod hostile;
mod hostile_delta;
mod hostile_parts;
mod in_parts;
mod in_saves;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "json")]
mod json_values;
mod migrate;
mod parts;
mod random;
mod records;
mod round_trip;
mod stores;
mod support;
mod validate;
