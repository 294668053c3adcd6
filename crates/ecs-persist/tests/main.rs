//! What a world's bytes are, and what happens when they are not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(
    clippy::field_reassign_with_default,
    reason = "options that can grow have no literal outside their crate"
)]

mod corpus;
mod damage;
mod formats;
mod golden;
mod hostile;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "json")]
mod json_values;
mod parts;
mod round_trip;
mod support;
