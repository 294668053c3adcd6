use std::{path::Path, rc::Rc, sync::Arc};

use anyhow::{Context, Result};
use keepstone::{
    Codec,
    format::{FileKind, Metadata, SectionId, WriterOptions},
    storage::{GenerationOptions, Generations, OsFiles},
};
use keepstone_testkit::{CountingFiles, Counts};

use super::durable::{calls, random_bytes};
use crate::{
    Scratch, Watch,
    case::{Case, Plan},
    mixed::SplitMix,
    protocol,
};

/// Until all files are there and none has to grow.
const COMMITS_BEFORE: u32 = 32;

/// A state saved over the oldest of its kind, beside the replacement of a file written by hand.
pub(super) fn random(plan: &Plan, dir: &Path) -> Result<Case> {
    committed(plan, dir, random_bytes(plan.amount + plan.amount / 10))
}

/// The same with bytes that are all 0x42.
pub(super) fn repeated(plan: &Plan, dir: &Path) -> Result<Case> {
    committed(plan, dir, vec![0x42; usize::try_from(plan.amount + plan.amount / 10)?])
}

fn committed(plan: &Plan, dir: &Path, bytes: Vec<u8>) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "generation")?);
    let bytes = Rc::new(bytes);
    let (same, other) = (Rc::clone(&bytes), scratch.path().join("by-hand"));
    let mut sizes = Sizes::new(plan.amount);
    let mut generations = Generations::open(scratch.path().join("ours"), GenerationOptions::default())?;
    for _ in 0..COMMITS_BEFORE {
        commit(&mut generations, sizes.next_of(&bytes)?)?;
    }
    let amount = usize::try_from(plan.amount)?;
    let case = plan.case().limit(0.45).ours(move |watch| {
        if watch.is_counting() {
            return counted(&scratch, bytes.get(..amount).context("there are more")?, watch);
        }
        watch.together(|| commit(&mut generations, sizes.next_of(&bytes)?))
    });
    let mut sizes = Sizes::new(plan.amount);
    for _ in 0..COMMITS_BEFORE {
        protocol::replace_by_hand(&other, sizes.next_of(&same)?)?;
    }
    Ok(case.floor(1.0, "write, fdatasync, rename, directory sync", move |watch| {
        if watch.is_counting() {
            watch.note_bytes(amount as u64);
            watch.note_calls(protocol::BY_HAND.0);
            watch.note_syncs(protocol::BY_HAND.1);
            return watch
                .each(|| Ok(protocol::replace_by_hand(&other, same.get(..amount).unwrap_or(&same))?));
        }
        watch.together(|| Ok(protocol::replace_by_hand(&other, sizes.next_of(&same)?)?))
    }))
}

/// One section without a codec, with its checksums, made and committed.
fn commit(generations: &mut Generations, bytes: &[u8]) -> Result<()> {
    let mut draft = generations.begin()?;
    let mut writer = draft.container(WriterOptions::new(FileKind::SAVE).codec(Codec::None))?;
    writer.coded_from(SectionId::BYTES, 0, &[bytes])?;
    let (_, written) = writer.finish(Metadata::new())?;
    draft.commit(written)?;
    Ok(())
}

/// Counts one commit over a file that is there.
fn counted(scratch: &Scratch, bytes: &[u8], watch: &mut Watch) -> Result<()> {
    let files = Arc::new(CountingFiles::over(Arc::new(OsFiles)));
    let options = GenerationOptions::default().files(files.clone());
    let mut generations = Generations::open(scratch.path().join("counted"), options)?;
    for _ in 0..COMMITS_BEFORE {
        commit(&mut generations, bytes)?;
    }
    let before = files.counts();
    watch.each(|| commit(&mut generations, bytes))?;
    let after = files.counts();
    let syncs = |counts: &Counts| counts.file_syncs + counts.dir_syncs;
    watch.note_bytes(after.bytes_written - before.bytes_written);
    watch.note_calls(calls(&after) - calls(&before));
    watch.note_syncs(syncs(&after) - syncs(&before));
    Ok(())
}

/// Lengths up to a tenth above and below `middle`, the same for both sides.
struct Sizes {
    middle: u32,
    random: SplitMix,
}

impl Sizes {
    fn new(middle: u32) -> Self {
        Self { middle, random: SplitMix::new(7) }
    }

    /// As many of the bytes as are saved next.
    fn next_of<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8]> {
        let tenth = u64::from(self.middle / 10);
        let len = u64::from(self.middle) - tenth + self.random.next_u64() % (2 * tenth);
        bytes.get(..usize::try_from(len)?).context("there are fewer bytes")
    }
}
