use std::{path::Path, rc::Rc, time::Instant};

use anyhow::Result;
use keepstone_slots::{Bytes, Durability, Handed, SaveOptions, SaveRequest};

use super::{Root, SLOT};
use crate::{
    Scratch,
    bundle::Data,
    case::{Case, Plan},
    named::PLAYER,
    sleeper::{Sleeper, doze},
};

/// What the caller of a save in the background waits for when it keeps the bytes, beside a copy of them into memory used before and
/// the wake of a thread.
pub(in crate::cases) fn copied(plan: &Plan, dir: &Path) -> Result<Case> {
    let bytes = Data::Mixed.bytes(usize::try_from(plan.amount)?);
    let (same, mut copy) = (bytes.clone(), Vec::new());
    let case = handed(plan, dir, move |root| {
        let manager = root.manager();
        let begin = Instant::now();
        let handed = manager.save_bytes_in_background(PLAYER, SLOT, &bytes, request())?;
        Ok((begin, handed))
    })?;
    let sleeper = Sleeper::new();
    Ok(case.floor(1.0, "memcpy + wake of a thread", move |watch| {
        watch.spent(|| {
            let begin = Instant::now();
            copy.clear();
            copy.extend_from_slice(&same);
            sleeper.wake();
            let took = begin.elapsed();
            sleeper.settle();
            Ok(took)
        })
    }))
}

/// The same when the caller gives the bytes away, beside the wake alone.
pub(in crate::cases) fn owned(plan: &Plan, dir: &Path) -> Result<Case> {
    let bytes = Data::Mixed.bytes(usize::try_from(plan.amount)?);
    let case = handed(plan, dir, move |root| {
        let manager = root.manager();
        let payload: Bytes<'static> = bytes.clone().into();
        let begin = Instant::now();
        let handed = manager.save_in_background(PLAYER, SLOT, payload, request())?;
        Ok((begin, handed))
    })?;
    let sleeper = Sleeper::new();
    Ok(case.floor(1.0, "wake of a thread", move |watch| {
        watch.spent(|| {
            let begin = Instant::now();
            sleeper.wake();
            let took = begin.elapsed();
            sleeper.settle();
            Ok(took)
        })
    }))
}

/// Hands over what is to be saved, and waits, untimed, until it is.
fn handed(
    plan: &Plan,
    dir: &Path,
    mut hand: impl FnMut(&Root) -> Result<(Instant, Handed)> + 'static,
) -> Result<Case> {
    let scratch = Rc::new(Scratch::new(dir, "slots-handed")?);
    let root = Root::open(&scratch, "ours", SaveOptions::default())?;
    Ok(plan.case().limit(1.2).ours(move |watch| {
        if watch.is_counting() {
            return watch.each(|| {
                let (_, handed) = hand(&root)?;
                Ok(handed.ticket.wait()?)
            });
        }
        watch.spent(|| {
            let (begin, handed) = hand(&root)?;
            let took = begin.elapsed();
            handed.ticket.wait()?;
            root.manager().settle();
            doze();
            Ok(took)
        })
    }))
}

fn request() -> SaveRequest {
    SaveRequest::new().durability(Durability::Buffered)
}
