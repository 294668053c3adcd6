use std::{any::type_name, borrow::Cow};

use hecs::{Component, Entity};
use keepstone_ecs_persist::{Column, ColumnData, Encoding, Error, NONE, Runs};
use keepstone_value::{Entities, Resolve};

use crate::registry::{Captured, Ops, has, with_runs, with_selected};
use crate::values::Values;

/// A component that names one entity, such as a parent: what the relationships of other ECS become in hecs.
///
/// It is saved as its target, and so `bevy_ecs.ChildOf` of a file loads into a type that is registered under that name. hecs has
/// no lists on targets; whoever needs the order of children keeps [`place`](Relationship::place).
///
/// ```
/// use hecs::Entity;
/// use keepstone_hecs::{Persist, Relationship};
///
/// #[derive(Persist)]
/// #[persist(crate = "keepstone_hecs", name = "bevy_ecs.ChildOf", relationship)]
/// struct Parent(Entity, u32);
///
/// impl Relationship for Parent {
///     fn new(target: Entity, place: u32) -> Self {
///         Self(target, place)
///     }
///
///     fn target(&self) -> Entity {
///         self.0
///     }
///
///     fn place(&self) -> u32 {
///         self.1
///     }
/// }
/// ```
pub trait Relationship: Component {
    /// A component that names `target` and is at this place, from 0, among those that name it. Where the target was gone when the
    /// world was saved, it is [`Entity::DANGLING`].
    fn new(target: Entity, place: u32) -> Self;

    /// The entity that it names.
    fn target(&self) -> Entity;

    /// Its place among those that name the same entity. Places may have gaps; those with the same place come in the order in which
    /// the world stores them.
    fn place(&self) -> u32 {
        0
    }
}

pub(crate) fn ops<R: Relationship>() -> Ops {
    Ops {
        size: size_of::<R>(),
        has: has::<R>,
        capture: |sources, entities| with_runs(sources, |rows| capture::<R>(&rows, entities)),
        select: |world, selected, entities| {
            with_selected(world, selected, |rows| capture::<R>(&rows, entities))
        },
        decode: decode::<R>,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "has the signature of every component's capture")]
fn capture<R: Relationship>(rows: &Runs<'_, R>, entities: &mut dyn Entities) -> Captured {
    let ordinal = |row: &R| entities.ordinal(row.target().to_bits().get());
    let targets: Vec<u32> = rows.iter().map(ordinal).collect();
    let ranks = ranks(&targets, rows.iter().map(Relationship::place));
    let data = ColumnData::References { targets: Cow::Owned(targets), ranks: ranks.map(Cow::Owned) };
    Ok((Encoding::Reference { linked: true }, data))
}

/// Each row's place among the rows with its target, by the places that are given; nothing if the order of the rows is that order.
pub(crate) fn ranks(targets: &[u32], places: impl Iterator<Item = u32>) -> Option<Vec<u32>> {
    let rows = targets.iter().zip(places).enumerate();
    let mut sorted: Vec<(u32, u32, usize)> =
        rows.map(|(row, (&target, place))| (target, place, row)).collect();
    sorted.retain(|&(target, _, _)| target != NONE);
    sorted.sort_unstable();
    let groups = || sorted.chunk_by(|a, b| a.0 == b.0);
    if groups().all(|group| group.is_sorted_by_key(|&(_, _, row)| row)) {
        return None;
    }
    let mut ranks = vec![0; targets.len()];
    for group in groups() {
        for (rank, &(_, _, row)) in (0..).zip(group) {
            if let Some(slot) = ranks.get_mut(row) {
                *slot = rank;
            }
        }
    }
    Some(ranks)
}

fn decode<R: Relationship>(
    column: &Column<'_>,
    _: usize,
    entities: &mut dyn Resolve,
) -> Result<Box<dyn Values>, Error> {
    let ColumnData::References { targets, ranks } = &column.data else {
        return Err(Error::Mismatch {
            name: column.schema.name.clone(),
            type_name: type_name::<R>(),
            found: column.schema.encoding.to_string(),
            expected: Encoding::Reference { linked: true }.to_string(),
        });
    };
    let counted = if ranks.is_none() { places(targets) } else { Vec::new() };
    let places = ranks.as_deref().unwrap_or(&counted);
    let mut rows = Vec::with_capacity(targets.len());
    for (&target, &place) in targets.iter().zip(places) {
        let target = Entity::from_bits(entities.bits(target)).unwrap_or(Entity::DANGLING);
        rows.push(R::new(target, place));
    }
    Ok(Box::new(rows.into_iter()))
}

/// The place of each row when rows with one target stand in their order.
fn places(targets: &[u32]) -> Vec<u32> {
    let last = targets.iter().filter(|&&target| target != NONE).max();
    let mut next = vec![0_u32; last.map_or(0, |&last| last as usize + 1)];
    let place = |&target: &u32| {
        next.get_mut(target as usize).map_or(0, |next| {
            *next += 1;
            *next - 1
        })
    };
    targets.iter().map(place).collect()
}
