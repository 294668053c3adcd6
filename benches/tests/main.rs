//! What only a counting allocator can say: a binary of its own, as every thread of a process counts.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it measured")]

mod batch;
mod gates;
mod report;
mod streamed;

use std::sync::Mutex;

/// Others that are measured count as well.
static ALONE: Mutex<()> = Mutex::new(());
