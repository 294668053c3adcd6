//! Worlds in files, on disks that fail and disks that lose power.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(
    clippy::field_reassign_with_default,
    reason = "options that can grow have no literal outside their crate"
)]

mod background;
#[cfg(feature = "lz4")]
mod checkpoints;
mod crash;
mod deltas;
mod faults;
mod formats;
mod in_parts;
#[cfg(feature = "lz4")]
mod memory;
mod migrations;
#[cfg(not(feature = "lz4"))]
mod no_codec;
mod options;
mod owned;
mod parts;
#[cfg(feature = "lz4")]
mod round_trip;
#[cfg(feature = "lz4")]
mod slots;
mod stored;
mod support;
