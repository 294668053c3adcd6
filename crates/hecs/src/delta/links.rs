//! What a delta means for relationships that it doesn't name.

use std::{borrow::Cow, collections::HashMap};

use hecs::{Entity, World};
use keepstone_ecs_persist::{Column, ColumnData, Entry, Error};

use crate::{
    delta::names::{Names, targets},
    ordinals::Spawned,
    registry::Ops,
    restore::found::Marks,
    values::Values,
};

/// The entities that name one of those that will be gone, without those of `own`.
pub(super) fn orphans(world: &World, entry: &Entry<Ops>, gone: &Marks, own: &Marks) -> Vec<Entity> {
    let mut orphans = Vec::new();
    entry.ops().column.holders(world, &mut |holder, (target, _)| {
        let is_left = gone.has(target.id()) && world.contains(target);
        if is_left && !gone.has(holder.id()) && !own.has(holder.id()) {
            orphans.push(holder);
        }
    });
    orphans
}

/// Values for entities that are there.
pub(super) type Moved = (Vec<Option<Entity>>, Box<dyn Values>);

/// Rows that targets of a column of a delta have beside those of the delta, without those of `own`, where they have to give way: they follow
/// those of the delta in the order that they had.
pub(super) fn extras(
    names: &Names<'_>,
    entry: &Entry<Ops>,
    column: &Column<'_>,
    own: &Marks,
) -> Result<Option<Moved>, Error> {
    let (mut marks, mut counts) = (Marks::default(), HashMap::<Entity, u32>::new());
    for &row in targets(&column.data).iter().filter(|&&row| (row as usize) < names.known.len()) {
        let Some(target) = names.get(row) else { continue };
        marks.mark(target.id());
        *counts.entry(target).or_default() += 1;
    }
    if counts.is_empty() {
        return Ok(None);
    }
    let mut found: Vec<(Entity, u32, Entity)> = Vec::new();
    entry.ops().column.holders(names.world, &mut |holder, (target, place)| {
        if marks.has(target.id()) && !own.has(holder.id()) && counts.contains_key(&target) {
            found.push((target, place, holder));
        }
    });
    // Those with one place stay in the order in which the world stores them.
    found.sort_by_key(|&(target, place, _)| (target, place));
    let (mut holders, mut parents, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for group in found.chunk_by(|a, b| a.0 == b.0) {
        let Some((target, lowest, _)) = group.first() else { continue };
        let first = counts.get(target).copied().unwrap_or(0);
        if *lowest < first {
            for (place, (target, _, holder)) in (first..).zip(group) {
                holders.push(Some(*holder));
                parents.push(*target);
                places.push(place);
            }
        }
    }
    if holders.is_empty() {
        return Ok(None);
    }
    let numbers = (0..).zip(&parents).map(|(number, _)| number).collect();
    let data = ColumnData::References { targets: numbers, ranks: Some(Cow::Owned(places)) };
    let column = Column { schema: column.schema.clone(), data };
    let values = entry.ops().column.decode(&column, parents.len(), &mut Spawned { entities: &parents })?;
    Ok(Some((holders, values)))
}
