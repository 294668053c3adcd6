//! The container from outside: round trips, golden files, damage and hostile input.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::indexing_slicing, reason = "an index out of bounds is a failed test")]

mod batch;
mod codec;
mod copy;
mod corpus;
mod damage;
mod ends;
mod forge;
mod golden;
mod hostile;
mod load;
mod random;
mod recode;
mod round_trip;
mod salvage;
mod shuffle;
mod stream;
mod verify;
mod writer;
mod zstd;
