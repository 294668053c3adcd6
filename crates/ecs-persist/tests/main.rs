//! What a world's bytes are, and what happens when they are not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(
    clippy::field_reassign_with_default,
    reason = "options that can grow have no literal outside their crate"
)]

mod canonical;
mod corpus;
mod damage;
mod filter;
mod formats;
mod gather;
mod golden;
mod hash;
mod hostile;
mod hostile_parts;
mod in_parts;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "json")]
mod json_values;
mod parts;
mod random;
mod round_trip;
mod support;
mod validate;
