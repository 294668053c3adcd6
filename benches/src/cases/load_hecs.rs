use std::path::Path;

use anyhow::Result;
use hecs::World;
use keepstone::{Codec, SaveOptions, prelude::*};

use crate::{
    case::{Case, Plan},
    in_hecs::{self, Batches},
    mixed,
};

/// From memory into a fresh world of hecs, beside `spawn_column_batch` of the same columns. Dropping the worlds is not timed.
pub(super) fn case(plan: &Plan, _: &Path) -> Result<Case> {
    let rows = mixed::rows(plan.amount);
    let mut bytes = Vec::new();
    in_hecs::world(&rows).save_to_with(&mut bytes, &SaveOptions::default().codec(Codec::None))?;
    let batches = Batches::new(&rows)?;
    let case = plan.case().ours(move |watch| {
        watch.note_bytes(bytes.len() as u64);
        watch.each(|| Ok(World::load_from(&mut bytes.as_slice())?))
    });
    let case = case.floor(1.0, "spawn_column_batch", move |watch| watch.each(|| batches.spawn()));
    Ok(case.limit(1.3).per("entity", plan.amount))
}
