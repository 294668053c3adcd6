//! The backends of the workspace, and some that are wrong in known ways.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod complete;
mod report;
mod wrong;
