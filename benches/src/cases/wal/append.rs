use std::{path::Path, rc::Rc, sync::Arc};

use anyhow::{Result, ensure};
use keepstone::storage::{Durability, OsFiles, Wal, WalOptions};
use keepstone_testkit::{CountingFiles, Counts};

use super::{SEGMENT_LEN, open, truncate};
use crate::{
    Ring, Scratch, Watch,
    case::{Case, Plan},
    cases::durable::{calls, random_bytes},
};

/// What a record has around it in the file: its frame's head, and the mark behind it.
const FRAME_LEN: usize = 16;
const MARK_LEN: usize = 40;
const BUFFERED_COUNT: u32 = 10_000;
const BUFFER_LEN: usize = 256 << 10;

/// A record made durable by one thread, beside one write of as many bytes and one sync.
pub(in crate::cases) fn durable(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(appended(plan, dir)?.limit(1.1))
}

/// The same for records whose checksum and copy take longer.
pub(in crate::cases) fn durable_long(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(appended(plan, dir)?.limit(1.15))
}

fn appended(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "wal-durable")?);
    let record = random_bytes(plan.amount);
    let bytes = vec![0x5a; FRAME_LEN + record.len().next_multiple_of(8) + MARK_LEN];
    let wal = open(&scratch.path().join("log"), SEGMENT_LEN)?;
    let mut ring = Ring::new(scratch.zeros("by-hand", SEGMENT_LEN)?, SEGMENT_LEN);
    let expected =
        Counts { writes: 1, bytes_written: bytes.len() as u64, file_syncs: 1, ..Counts::default() };
    let case = plan.case().ours(move |watch| {
        if watch.is_counting() {
            return counted(&scratch, &record, &expected, watch);
        }
        truncate(&wal)?;
        watch.together(|| Ok(wal.append(&record, Durability::Durable)?))
    });
    Ok(case.floor(1.0, "write, fdatasync", move |watch| {
        watch.note_bytes(bytes.len() as u64);
        watch.note_calls(2);
        watch.note_syncs(1);
        watch.together(|| {
            ring.write(&bytes)?;
            ring.sync()
        })
    }))
}

/// Counts one append, and holds it to what it may do.
fn counted(scratch: &Scratch, record: &[u8], expected: &Counts, watch: &mut Watch) -> Result<()> {
    let files = Arc::new(CountingFiles::over(Arc::new(OsFiles)));
    let options = WalOptions::default().files(files.clone()).background(false);
    let wal = Wal::open(scratch.path().join("counted"), options)?;
    // The first append of all brings no header along: it is there since the log was opened.
    for _ in 0..3 {
        wal.append(record, Durability::Durable)?;
    }
    let before = files.counts();
    watch.each(|| Ok(wal.append(record, Durability::Durable)?))?;
    let after = files.counts();
    let counts = Counts {
        writes: after.writes - before.writes,
        bytes_written: after.bytes_written - before.bytes_written,
        file_syncs: after.file_syncs - before.file_syncs,
        ..Counts::default()
    };
    ensure!(counts == *expected, "an append did {counts:?}, expected {expected:?}");
    watch.note_bytes(counts.bytes_written);
    watch.note_calls(calls(&after) - calls(&before));
    watch.note_syncs(counts.file_syncs);
    Ok(())
}

/// Records that are given to the system whenever a buffer is full, beside the same loop without checksums.
pub(in crate::cases) fn buffered(plan: &Plan, dir: &Path) -> Result<Case> {
    let name = "length and record into a buffer, written when it is full";
    Ok(held_back(plan, dir, name, None)?.limit(2.0))
}

/// The same beside a loop with checksums.
pub(in crate::cases) fn buffered_summed(plan: &Plan, dir: &Path) -> Result<Case> {
    held_back(
        plan,
        dir,
        "length, CRC-32 and record into a buffer, written when it is full",
        Some(crc32fast::hash),
    )
}

fn held_back(plan: &Plan, dir: &Path, name: &'static str, sum: Option<fn(&[u8]) -> u32>) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "wal-buffered")?);
    let record = random_bytes(plan.amount);
    let same = record.clone();
    let wal = open(&scratch.path().join("log"), SEGMENT_LEN)?;
    let mut ring = Ring::new(scratch.zeros("by-hand", SEGMENT_LEN)?, SEGMENT_LEN);
    let case = plan.case().ours(move |watch| {
        // The directory is there as long as the log.
        let _ = scratch.path();
        truncate(&wal)?;
        let before = wal.stats();
        watch.together(|| {
            for _ in 0..BUFFERED_COUNT {
                wal.append(&record, Durability::Buffered)?;
            }
            Ok(())
        })?;
        watch.note_bytes(wal.stats().bytes_written - before.bytes_written);
        watch.note_syncs(wal.stats().syncs - before.syncs);
        Ok(())
    });
    let mut buffer = Vec::with_capacity(BUFFER_LEN);
    Ok(case.floor(1.0, name, move |watch| {
        watch.together(|| {
            for _ in 0..BUFFERED_COUNT {
                if buffer.len() + 8 + same.len() > BUFFER_LEN {
                    ring.write(&buffer)?;
                    buffer.clear();
                }
                buffer.extend_from_slice(&u32::try_from(same.len())?.to_le_bytes());
                if let Some(sum) = sum {
                    buffer.extend_from_slice(&sum(&same).to_le_bytes());
                }
                buffer.extend_from_slice(&same);
            }
            Ok(())
        })
    }))
}
