//! What the readers of foreign files promise.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test helper that fails is a failed test"
)]

mod awsv;
mod corpus;
mod edgevec;
#[cfg(feature = "forge")]
mod forge;
mod pecs;
