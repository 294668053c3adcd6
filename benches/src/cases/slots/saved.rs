use std::{path::Path, rc::Rc, sync::Arc, time::Instant};

use anyhow::Result;
use keepstone::storage::OsFiles;
use keepstone_slots::{Bytes, Payload, SaveManager, SaveOptions, SaveRequest, Saved};
use keepstone_testkit::{CountingFiles, Counts};

use super::{Root, SLOT, Theirs, bundle};
use crate::{
    Scratch, Watch, aw_save,
    bundle::{Data, SaveBundle},
    case::{Case, Plan},
    cases::durable::calls,
    named::PLAYER,
};

/// Until every file that rotates is there and none has to grow.
const SAVES_BEFORE: u32 = 32;

/// How a manager saves.
type Save<P> = fn(&SaveManager, &P) -> Result<Saved, keepstone_slots::Error>;

/// A save in a slot with earlier ones, once the manager has made a file ready, beside aw-save's sequence.
pub(in crate::cases) fn manual(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(waited(plan, dir, bundle(plan)?, to_slot)?.limit(0.6))
}

/// The same of bytes that serde doesn't see.
pub(in crate::cases) fn bytes(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(waited(plan, dir, raw(plan)?, to_slot)?.limit(0.6))
}

/// The same of a bundle whose world serde sees as a sequence of numbers, as aw-save's own does.
pub(in crate::cases) fn manual_listed(plan: &Plan, dir: &Path) -> Result<Case> {
    let bundle = SaveBundle::new(Data::Mixed.bytes(usize::try_from(plan.amount)?));
    waited(plan, dir, bundle, to_slot)
}

/// Saves right behind each other, so that none waits for what is done in idle time.
pub(in crate::cases) fn manual_at_once(plan: &Plan, dir: &Path) -> Result<Case> {
    at_once(plan, dir, bundle(plan)?, to_slot)
}

/// The same of bytes that serde doesn't see.
pub(in crate::cases) fn bytes_at_once(plan: &Plan, dir: &Path) -> Result<Case> {
    at_once(plan, dir, raw(plan)?, to_slot)
}

/// A save to the automatic slot whose turn it is, all of which are full, beside aw-save's sequence.
pub(in crate::cases) fn auto(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(waited(plan, dir, bundle(plan)?, to_auto)?.limit(0.35))
}

/// The same of bytes that serde doesn't see.
pub(in crate::cases) fn auto_bytes(plan: &Plan, dir: &Path) -> Result<Case> {
    Ok(waited(plan, dir, raw(plan)?, to_auto)?.limit(0.35))
}

fn raw(plan: &Plan) -> Result<Bytes<'static>> {
    Ok(Data::Mixed.bytes(usize::try_from(plan.amount)?).into())
}

fn to_slot<P: Payload>(manager: &SaveManager, payload: &P) -> Result<Saved, keepstone_slots::Error> {
    manager.save(PLAYER, SLOT, payload)
}

fn to_auto<P: Payload>(manager: &SaveManager, payload: &P) -> Result<Saved, keepstone_slots::Error> {
    manager.autosave(PLAYER, payload, &SaveRequest::default())
}

/// Times saves and not what the manager does between them.
fn waited<P: Payload + 'static>(plan: &Plan, dir: &Path, payload: P, save: Save<P>) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "slots")?);
    let root = filled(&scratch, &payload, save)?;
    let case = plan.case().ours(move |watch| {
        if watch.is_counting() {
            return counted(&root, &payload, save, watch);
        }
        watch.spent(|| {
            let begin = Instant::now();
            save(root.manager(), &payload)?;
            let took = begin.elapsed();
            root.manager().settle();
            Ok(took)
        })
    });
    beside_aw_save(case, plan, &scratch)
}

/// Times saves and whatever else is going on.
fn at_once<P: Payload + 'static>(plan: &Plan, dir: &Path, payload: P, save: Save<P>) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "slots")?);
    let root = filled(&scratch, &payload, save)?;
    let case = plan.case().ours(move |watch| {
        watch.each(|| Ok(save(root.manager(), &payload)?))?;
        // The other side does not pay for it.
        root.manager().settle();
        Ok(())
    });
    beside_aw_save(case, plan, &scratch)
}

fn filled<P: Payload>(scratch: &Rc<Scratch>, payload: &P, save: Save<P>) -> Result<Root> {
    let root = Root::open(scratch, "ours", SaveOptions::default())?;
    fill(root.manager(), payload, save)?;
    Ok(root)
}

fn fill<P: Payload>(manager: &SaveManager, payload: &P, save: Save<P>) -> Result<()> {
    for _ in 0..SAVES_BEFORE {
        save(manager, payload)?;
        manager.settle();
    }
    Ok(())
}

fn beside_aw_save(case: Case, plan: &Plan, scratch: &Rc<Scratch>) -> Result<Case> {
    let mut theirs = Theirs::new(scratch, plan.amount)?;
    theirs.fill()?;
    Ok(case.floor(1.0, "aw-save's sequence", move |watch| {
        if watch.is_counting() {
            watch.note_syncs(aw_save::SYNCS);
            let mut bytes = 0;
            watch.each(|| {
                bytes = theirs.save()?;
                Ok(())
            })?;
            watch.note_bytes(bytes);
        } else {
            watch.spent(|| {
                let begin = Instant::now();
                theirs.save()?;
                let took = begin.elapsed();
                theirs.saves.keep(super::KEPT)?;
                Ok(took)
            })?;
        }
        theirs.saves.keep(super::KEPT)
    }))
}

/// Counts one save, and what is done in the background behind it.
fn counted<P: Payload>(root: &Root, payload: &P, save: Save<P>, watch: &mut Watch) -> Result<()> {
    let files = Arc::new(CountingFiles::over(Arc::new(OsFiles)));
    let options = SaveOptions::default().files(files.clone());
    let manager = SaveManager::open(root.scratch().join("counted"), options)?;
    fill(&manager, payload, save)?;
    let before = files.counts();
    watch.each(|| Ok(save(&manager, payload)?))?;
    manager.settle();
    let whole = since(&before, &files.counts());
    drop(manager);

    // The thread of a manager begins at once: what it does is told apart by one that has none.
    let options = SaveOptions::default().files(files.clone()).background(false);
    let manager = SaveManager::open(root.scratch().join("alone"), options)?;
    for _ in 0..SAVES_BEFORE {
        save(&manager, payload)?;
        manager.maintain()?;
    }
    let before = files.counts();
    save(&manager, payload)?;
    let alone = since(&before, &files.counts());
    watch.note_bytes(alone.bytes);
    watch.note_calls(alone.calls);
    watch.note_syncs(alone.syncs);
    watch.note_remark(format!(
        "in idle time {} bytes, {} calls, {} syncs; allocations are those of both",
        whole.bytes.saturating_sub(alone.bytes),
        whole.calls.saturating_sub(alone.calls),
        whole.syncs.saturating_sub(alone.syncs)
    ));
    Ok(())
}

struct Did {
    bytes: u64,
    calls: u64,
    syncs: u64,
}

fn since(before: &Counts, after: &Counts) -> Did {
    let syncs = |counts: &Counts| counts.file_syncs + counts.dir_syncs;
    Did {
        bytes: after.bytes_written - before.bytes_written,
        calls: calls(after) - calls(before),
        syncs: syncs(after) - syncs(before),
    }
}
