//! The write-ahead log, beside logs written by hand.

mod append;
mod recovery;
mod threads;
mod turnover;

pub(super) use append::{buffered, buffered_summed, durable, durable_long};
pub(super) use recovery::{recovery, recovery_44, recovery_540, recovery_short};
pub(super) use threads::{threads, threads_cpu};
pub(super) use turnover::{turnover, turnover_threads};

use std::path::Path;

use anyhow::Result;
use keepstone::storage::{Wal, WalOptions};

/// The length of a segment, and of the files of floors.
const SEGMENT_LEN: u64 = 64 << 20;

/// Opens a log whose segments all have the same length.
fn open(dir: &Path, segment_len: u64) -> Result<Wal> {
    Ok(Wal::open(dir, WalOptions::default().segment_bytes(segment_len, segment_len))?)
}

/// Gives up what fills whole segments, as a program does that has saved elsewhere what was in them.
fn truncate(wal: &Wal) -> Result<()> {
    if wal.stats().segments > 1 {
        wal.truncate(wal.end())?;
    }
    Ok(())
}
