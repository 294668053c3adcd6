//! That every backend keeps the promises of a store, and those of its own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod redb;
