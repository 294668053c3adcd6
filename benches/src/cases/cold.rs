use std::{
    fs::File,
    path::Path,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use keepstone::storage::{Durability, OsFiles, atomic, read};

use crate::{
    Scratch,
    bundle::Data,
    case::{Case, Plan},
};

/// The CRC-32 of a file, beside reading it from the disk: the ratio is the share that checking has.
pub(super) fn crc(plan: &Plan, dir: &Path) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "cold")?);
    let path = scratch.path().join("cold.bin");
    let bytes = Data::Random.bytes(usize::try_from(plan.amount)?);
    atomic::replace(&OsFiles, &path, Durability::Durable, &bytes)?;
    let (len, expected) = (u64::from(plan.amount), crc32fast::hash(&bytes));
    let mut room = Vec::new();
    let case = plan.case().ours(move |watch| {
        watch.note_bytes(bytes.len() as u64);
        watch.together(|| Ok(crc32fast::hash(&bytes)))
    });
    Ok(case.floor(1.0, "the file read, its pages dropped before", move |watch| {
        watch.note_bytes(len);
        if watch.is_counting() {
            let took = read_cold(&path, len, &mut room)?;
            ensure!(crc32fast::hash(&room) == expected, "the file has other bytes");
            let warm = read_warm(&path, len, &mut room)?;
            // The directory is there as long as the case.
            let _ = scratch.path();
            watch.note_remark(format!(
                "{:.1} times as long as from the page cache: if that is about 1, no page was dropped",
                took.as_secs_f64() / warm.as_secs_f64()
            ));
        }
        watch.spent(|| read_cold(&path, len, &mut room))
    }))
}

/// Reads a file whose pages were dropped, and answers how long that took.
#[expect(clippy::disallowed_methods, reason = "no interface of ours drops pages, and no program needs to")]
fn read_cold(path: &Path, len: u64, room: &mut Vec<u8>) -> Result<Duration> {
    let file = File::open(path)?;
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    drop(file);
    read_warm(path, len, room)
}

fn read_warm(path: &Path, len: u64, room: &mut Vec<u8>) -> Result<Duration> {
    let begin = Instant::now();
    read(&OsFiles, path, len, room)?;
    Ok(begin.elapsed())
}
