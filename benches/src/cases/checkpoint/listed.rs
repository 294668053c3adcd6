use std::path::Path;

use anyhow::{Result, ensure};
use keepstone_checkpoint::{CheckpointStore, Query};

use super::in_memory;
use crate::case::{Case, Plan};

/// One checkpoint in so many has the tag.
const TAGGED: u32 = 10;

/// All checkpoints, beside a clone of as many handles.
pub(in crate::cases) fn all(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(case(plan, Query::new(), 1)?.limit(2.0))
}

/// Those of a session, which are all.
pub(in crate::cases) fn of_session(plan: &Plan, _: &Path) -> Result<Case> {
    Ok(case(plan, Query::new().session("main"), 1)?.limit(2.0))
}

/// Those with a tag, beside a clone of all.
pub(in crate::cases) fn by_tag(plan: &Plan, _: &Path) -> Result<Case> {
    case(plan, Query::new().tag("safe"), TAGGED)
}

fn case(plan: &Plan, query: Query, share: u32) -> Result<Case> {
    let (ours, other) = (filled(plan.amount)?, filled(plan.amount)?);
    let count = usize::try_from(plan.amount / share)?;
    let case = plan.case().per("checkpoint", plan.amount).ours(move |watch| {
        ensure!(ours.list(&query)?.len() == count, "not all are listed");
        watch.together(|| Ok(ours.list(&query)?))
    });
    let handles = other.list(&Query::new())?;
    Ok(case.floor(1.0, "clone of a Vec of as many Arcs", move |watch| watch.together(|| Ok(handles.clone()))))
}

/// A store with so many checkpoints of small states.
fn filled(count: u32) -> Result<CheckpointStore> {
    let session = in_memory()?;
    for number in 0..count {
        let draft = session.checkpoint(&number);
        if number % TAGGED == 0 {
            draft.tag("safe").commit()?
        } else {
            draft.commit()?
        };
    }
    Ok(session.store().clone())
}
