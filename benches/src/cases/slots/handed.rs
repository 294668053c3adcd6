use std::{
    path::Path,
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Instant,
};

use anyhow::Result;
use keepstone::storage::{OsFiles, atomic};
use keepstone_slots::{Bytes, Durability, Handed, SaveOptions, SaveRequest};

use super::{Root, SLOT};
use crate::{
    Scratch,
    bundle::Data,
    case::{Case, Plan},
    named::PLAYER,
    sleeper::doze,
};

/// What the caller of a save in the background waits for when it keeps the bytes, beside a copy of them into memory used before and
/// the wake of a thread, which then writes them to a file: what was in the caches goes in both.
pub(in crate::cases) fn copied(plan: &Plan, dir: &Path) -> Result<Case> {
    let bytes = Data::Mixed.bytes(usize::try_from(plan.amount)?);
    let same = bytes.clone();
    let (case, scratch) = handed(plan, dir, move |root| {
        let manager = root.manager();
        let begin = Instant::now();
        let handed = manager.save_bytes_in_background(PLAYER, SLOT, &bytes, request())?;
        Ok((begin, handed))
    })?;
    let by_hand = ByHand::new(scratch);
    Ok(case.floor(1.0, "memcpy + wake of a thread", move |watch| {
        watch.spent(|| {
            let begin = Instant::now();
            let mut copy = by_hand.take_back();
            copy.clear();
            copy.extend_from_slice(&same);
            by_hand.hand_over(copy);
            let took = begin.elapsed();
            by_hand.settle();
            Ok(took)
        })
    }))
}

/// The same when the caller gives the bytes away, beside the wake alone.
pub(in crate::cases) fn owned(plan: &Plan, dir: &Path) -> Result<Case> {
    let bytes = Data::Mixed.bytes(usize::try_from(plan.amount)?);
    let same = bytes.clone();
    let (case, scratch) = handed(plan, dir, move |root| {
        let manager = root.manager();
        let payload: Bytes<'static> = bytes.clone().into();
        let begin = Instant::now();
        let handed = manager.save_in_background(PLAYER, SLOT, payload, request())?;
        Ok((begin, handed))
    })?;
    let by_hand = ByHand::new(scratch);
    Ok(case.floor(1.0, "wake of a thread", move |watch| {
        watch.spent(|| {
            let payload = same.clone();
            let begin = Instant::now();
            by_hand.hand_over(payload);
            let took = begin.elapsed();
            by_hand.settle();
            Ok(took)
        })
    }))
}

/// Hands over what is to be saved, and waits, untimed, until it is.
fn handed(
    plan: &Plan,
    dir: &Path,
    mut hand: impl FnMut(&Root) -> Result<(Instant, Handed)> + 'static,
) -> Result<(Case, Rc<Scratch>)> {
    let scratch = Rc::new(Scratch::new(dir, "slots-handed")?);
    let root = Root::open(&scratch, "ours", SaveOptions::default())?;
    let case = plan.case().stalls().limit(1.2).ours(move |watch| {
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
    });
    Ok((case, scratch))
}

fn request() -> SaveRequest {
    SaveRequest::new().durability(Durability::Buffered)
}

/// What anybody would write: a thread that sleeps until it is given bytes, and puts them in the place of a file.
struct ByHand {
    shared: Arc<Mutex<Between>>,
    thread: Option<JoinHandle<()>>,
    _scratch: Rc<Scratch>,
}

#[derive(Default)]
struct Between {
    to_save: Option<Vec<u8>>,
    /// What was saved, for the next copy.
    saved: Option<Vec<u8>>,
    is_busy: bool,
    ends: bool,
}

impl ByHand {
    fn new(scratch: Rc<Scratch>) -> Self {
        let shared = Arc::<Mutex<Between>>::default();
        let (same, path) = (Arc::clone(&shared), scratch.path().join("by-hand"));
        let thread = thread::spawn(move || {
            loop {
                let (bytes, ends) = {
                    let mut between = held(&same);
                    (between.to_save.take(), between.ends)
                };
                match bytes {
                    Some(bytes) => {
                        // A disk that is full is noticed by ours.
                        let _ = atomic::replace(&OsFiles, &path, Durability::Buffered, &bytes);
                        let mut between = held(&same);
                        between.saved = Some(bytes);
                        between.is_busy = false;
                    }
                    None if ends => return,
                    None => thread::park(),
                }
            }
        });
        Self { shared, thread: Some(thread), _scratch: scratch }
    }

    fn take_back(&self) -> Vec<u8> {
        held(&self.shared).saved.take().unwrap_or_default()
    }

    fn hand_over(&self, bytes: Vec<u8>) {
        let mut between = held(&self.shared);
        between.to_save = Some(bytes);
        between.is_busy = true;
        drop(between);
        self.wake();
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// Waits until it sleeps again.
    fn settle(&self) {
        while held(&self.shared).is_busy {
            doze();
        }
        doze();
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        held(&self.shared).ends = true;
        self.wake();
        if let Some(thread) = self.thread.take() {
            // It does nothing that could panic.
            let _ = thread.join();
        }
    }
}

fn held(shared: &Mutex<Between>) -> MutexGuard<'_, Between> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
