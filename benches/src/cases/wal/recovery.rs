use std::{path::Path, rc::Rc};

use anyhow::{Context, Result, ensure};
use keepstone::storage::{Durability, Files as _, OsFiles, Wal, wal::Log};

use super::{SEGMENT_LEN, open};
use crate::{
    Ring, Scratch,
    case::{Case, Plan},
    cases::durable::random_bytes,
};

const READ_LEN: usize = 1 << 20;
const FRAME_LEN: usize = 16;

/// A log in the page cache, opened for writing and read through, beside reading as many bytes, with a CRC-32 of each record.
pub(in crate::cases) fn recovery(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(recovered(plan, dir, 1024)?.limit(1.3))
}

/// The same with records so short that what is done once for each of them shows.
pub(in crate::cases) fn recovery_short(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(recovered(plan, dir, 100)?.limit(1.8))
}

/// Records as long as an insert of a vector of 128 `f32` by EdgeVec, in a log as long as its benchmark has.
pub(in crate::cases) fn recovery_540(plan: &Plan, dir: &Path) -> Result<Case> {
    recovered(plan, dir, 540)
}

/// The same with its short records.
pub(in crate::cases) fn recovery_44(plan: &Plan, dir: &Path) -> Result<Case> {
    recovered(plan, dir, 44)
}

fn recovered(plan: &Plan, dir: &Path, record_len: usize) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "wal-recovery")?);
    let record = random_bytes(u32::try_from(record_len)?);
    let stride = FRAME_LEN + record_len.next_multiple_of(8);
    let count = u64::from(plan.amount) / stride as u64;
    let log = scratch.path().join("log");
    let wal = open(&log, SEGMENT_LEN)?;
    let block = record.repeat(READ_LEN / record_len);
    let len = count * stride as u64;
    let mut ring = Ring::new(OsFiles.create_new(&scratch.path().join("by-hand"))?, len + READ_LEN as u64);
    for _ in 0..count {
        wal.append(&record, Durability::Buffered)?;
    }
    wal.close()?;
    for _ in 0..len.div_ceil(block.len() as u64) {
        ring.write(&block)?;
    }
    ring.sync()?;
    let same = Rc::clone(&scratch);
    let case = plan.case().ours(move |watch| {
        watch.note_bytes(
            Log::open(&log, keepstone::storage::WalOptions::default())?
                .segments()
                .map(|segment| segment.content_end)
                .sum(),
        );
        watch.each(|| {
            let wal = open(&log, SEGMENT_LEN)?;
            ensure!(read_through(&wal)? == count, "another number of records");
            Ok(())
        })
    });
    let mut buffer = vec![0; READ_LEN / stride * stride];
    Ok(case.floor(1.0, "read 1 MiB at a time + CRC-32 of each record", move |watch| {
        watch.note_bytes(len);
        watch.each(|| {
            let file = OsFiles.open(&same.path().join("by-hand"))?;
            let (mut at, mut sum) = (0, 0);
            while at < len {
                let wanted = usize::try_from(len - at)?.min(buffer.len());
                let room = buffer.get_mut(..wanted).context("as long as the buffer")?;
                ensure!(file.read_full_at(room, at)? == wanted, "the file is shorter");
                for place in room.chunks(stride) {
                    sum ^= crc32fast::hash(place.get(..record_len).unwrap_or(place));
                }
                at += wanted as u64;
            }
            Ok(sum)
        })
    }))
}

/// Goes through all records and returns how many there are.
fn read_through(wal: &Wal) -> Result<u64> {
    let mut records = wal.read_from(wal.start())?;
    let mut count = 0;
    while let Some(record) = records.next()? {
        count += u64::from(!record.bytes.is_empty());
    }
    Ok(count)
}
