use std::{
    hint::black_box,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::Result;
use keepstone_checkpoint::{CheckpointService, CheckpointStore, Fields, Session};

use super::States;
use crate::case::{Case, Plan};

/// Checkpoints before another store is begun, which isn't timed.
const COUNT_MAX: usize = 10_000;
/// A checkpoint through the service may take so many times what it takes without.
const SERVICE_MAX: f64 = 1.1;
/// Metrics may take so many times what reading as many atomics does.
const METRICS_MAX: f64 = 5.0;
/// Numbers in the metrics.
const NUMBERS: usize = 18;
/// What is timed at once: one is too short for a clock.
const AT_ONCE: u32 = 100;

/// A checkpoint through the service, beside one of a session that is at hand.
pub(in crate::cases) fn checkpoint(plan: &Plan, _: &Path) -> Result<Case> {
    let mut states = States::new(usize::try_from(plan.amount)?, 1);
    let mut same = states.clone();
    let mut service = begun()?;
    let case = plan.case().ours(move |watch| {
        if service.store().len()? >= COUNT_MAX {
            service = begun()?;
        }
        watch.together(|| Ok(service.checkpoint("main", states.next())?))
    });
    let mut session: Session = super::in_memory()?;
    let case = case.floor(1.0, "checkpoint of the store", move |watch| {
        if session.store().len()? >= COUNT_MAX {
            session = super::in_memory()?;
        }
        watch.together(|| Ok(session.checkpoint(same.next()).commit()?))
    });
    Ok(case.limit(SERVICE_MAX))
}

/// All that is counted, beside a read of as many atomics.
pub(in crate::cases) fn metrics(plan: &Plan, _: &Path) -> Result<Case> {
    let service = begun()?;
    service.checkpoint("main", &1_u32)?;
    let case = plan.case().per("call", AT_ONCE).ours(move |watch| {
        watch.together(|| {
            for _ in 0..AT_ONCE {
                black_box(service.metrics());
            }
            Ok(())
        })
    });
    let numbers: Box<[AtomicU64; NUMBERS]> = Box::new(std::array::from_fn(|_| AtomicU64::new(1)));
    let case = case.floor(1.0, "as many atomics, read", move |watch| {
        watch.together(|| {
            for _ in 0..AT_ONCE {
                let read: [u64; NUMBERS] =
                    black_box(&numbers).each_ref().map(|number| number.load(Ordering::Relaxed));
                black_box(read);
            }
            Ok(())
        })
    });
    Ok(case.limit(METRICS_MAX))
}

/// A service with a session that has no checkpoint yet.
fn begun() -> Result<CheckpointService> {
    let service = CheckpointService::new(CheckpointStore::in_memory());
    service.create_session("main", Fields::new())?;
    Ok(service)
}
