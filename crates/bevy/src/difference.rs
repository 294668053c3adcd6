use std::{any::TypeId, collections::HashMap};

use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::{ColumnData, Difference, Encoding, Entry, Error, Lengths, NONE};
use keepstone_value::{Entities, EntityType};

use crate::{
    identity::PersistIndex,
    registry::{Ops, Registry},
    source::Source,
};

/// Compares two worlds: see [`EcsWorld::difference`](keepstone_ecs_persist::EcsWorld::difference).
pub(crate) fn difference(
    mine: &World,
    theirs: &World,
    pairs: &[(Entity, Entity)],
    registry: &Registry,
) -> Result<Option<Difference>, Error> {
    // Even numbers on one side and odd ones on the other: what has no pair equals nothing.
    let strays = u32::try_from(pairs.len()).unwrap_or(NONE).next_multiple_of(2);
    let (mut left, mut right) = (Side::new(mine, strays), Side::new(theirs, strays + 1));
    for (pair, &(a, b)) in (0_u32..).zip(pairs) {
        left.pairs.insert(a.to_bits(), pair);
        right.pairs.insert(b.to_bits(), pair);
    }
    for entry in registry.iter() {
        if let Some(found) = component(&mut left, &mut right, pairs, entry)? {
            return Ok(Some(found));
        }
        if entry.type_id() == TypeId::of::<PersistIndex>() {
            // Where the source of ids stands says nothing about the world, and it never goes back.
            continue;
        }
        if let Some(found) = resource(&mut left, &mut right, entry)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// One of the two worlds; its entities are named by the number of their pair.
struct Side<'w> {
    world: &'w World,
    pairs: HashMap<u64, u32>,
    /// What the next entity without a pair is called: on this side alone.
    next_stray: u32,
}

impl<'w> Side<'w> {
    fn new(world: &'w World, next_stray: u32) -> Self {
        Self { world, pairs: HashMap::new(), next_stray }
    }

    fn has(&self, entity: Entity, entry: &Entry<Ops>) -> bool {
        let id = (entry.ops().id)(self.world);
        id.zip(self.world.get_entity(entity).ok()).is_some_and(|(id, entity)| entity.contains_id(id))
            && entry.ops().persists(self.world, entity)
    }

    fn resource(&self, entry: &Entry<Ops>) -> Option<Entity> {
        let id = (entry.ops().id)(self.world)?;
        let entity = self.world.resource_entities().get(id)?;
        // bevy keeps the entity of a resource that was removed.
        let has = self.world.get_entity(entity).is_ok_and(|entity| entity.contains_id(id));
        (has && entry.ops().persists(self.world, entity)).then_some(entity)
    }

    fn capture(
        &mut self,
        entities: Vec<Entity>,
        entry: &Entry<Ops>,
    ) -> Result<(Encoding, ColumnData<'w>), Error> {
        entry
            .ops()
            .column
            .capture(self.world, &[Source::of(entities)], self)
            .map_err(|source| Error::Value { component: entry.name().to_owned(), source })
    }
}

impl Entities for Side<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        if let Some(&pair) = self.pairs.get(&bits) {
            return pair;
        }
        let alive =
            Entity::try_from_bits(bits).is_some_and(|entity| self.world.entities().contains_spawned(entity));
        if !alive {
            return NONE;
        }
        let stray = self.next_stray;
        self.next_stray = stray.saturating_add(2);
        self.pairs.insert(bits, stray);
        stray
    }
}

fn component(
    left: &mut Side<'_>,
    right: &mut Side<'_>,
    pairs: &[(Entity, Entity)],
    entry: &Entry<Ops>,
) -> Result<Option<Difference>, Error> {
    let mut rows = Vec::new();
    for (pair, &(a, b)) in pairs.iter().enumerate() {
        match (left.has(a, entry), right.has(b, entry)) {
            (true, true) => rows.push(pair),
            (false, false) => {}
            (here, _) => {
                let what = if here { "only the first has it" } else { "only the second has it" };
                return Ok(Some(Difference::new(Some(pair), entry.name(), what)));
            }
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let side = |pick: fn(&(Entity, Entity)) -> Entity| {
        rows.iter().filter_map(|&pair| pairs.get(pair)).map(pick).collect()
    };
    let (here, there): (Vec<Entity>, Vec<Entity>) = (side(|pair| pair.0), side(|pair| pair.1));
    let (a, b) = (left.capture(here.clone(), entry)?, right.capture(there.clone(), entry)?);
    let Some((row, what)) = first_difference(&a, &b) else { return Ok(None) };
    let row = match row {
        Some(row) => Some(row),
        None => single_difference(left, right, &here, &there, entry)?,
    };
    // An order among several rows is no row's own: the first then stands for all.
    let pair = row.and_then(|row| rows.get(row)).or(rows.first()).copied();
    Ok(Some(Difference::new(pair, entry.name(), what)))
}

/// The first row that differs when each is captured alone.
fn single_difference(
    left: &mut Side<'_>,
    right: &mut Side<'_>,
    here: &[Entity],
    there: &[Entity],
    entry: &Entry<Ops>,
) -> Result<Option<usize>, Error> {
    for (row, (&a, &b)) in here.iter().zip(there).enumerate() {
        let (a, b) = (left.capture(vec![a], entry)?, right.capture(vec![b], entry)?);
        if first_difference(&a, &b).is_some() {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

fn resource(
    left: &mut Side<'_>,
    right: &mut Side<'_>,
    entry: &Entry<Ops>,
) -> Result<Option<Difference>, Error> {
    let what = match (left.resource(entry), right.resource(entry)) {
        (None, None) => return Ok(None),
        (Some(_), None) => "only the first world has it".to_owned(),
        (None, Some(_)) => "only the second world has it".to_owned(),
        (Some(a), Some(b)) => {
            let (a, b) = (left.capture(vec![a], entry)?, right.capture(vec![b], entry)?);
            match first_difference(&a, &b) {
                None => return Ok(None),
                Some((_, what)) => what,
            }
        }
    };
    Ok(Some(Difference::new(None, entry.name(), what)))
}

type Captured<'w> = (Encoding, ColumnData<'w>);

/// The first row in which two columns differ, if it can be told, and how.
fn first_difference(a: &Captured<'_>, b: &Captured<'_>) -> Option<(Option<usize>, String)> {
    if a == b {
        return None;
    }
    let row = match (&a.1, &b.1) {
        (ColumnData::Plain(left), ColumnData::Plain(right)) => {
            let (left, right) = (left.concat(), right.concat());
            if a.0 == b.0 && left == right {
                // Only the pieces differ.
                return None;
            }
            let size = if let Encoding::Plain(layout) = &a.0 { layout.size() } else { 0 };
            first_mismatch(&left, &right).and_then(|at| at.checked_div(size))
        }
        (ColumnData::References { targets: a, .. }, ColumnData::References { targets: b, .. }) => {
            first_mismatch(a, b)
        }
        (
            ColumnData::Rows { data: a, lengths: a_lens, .. },
            ColumnData::Rows { data: b, lengths: b_lens, .. },
        ) => {
            let length = a_lens.iter().zip(b_lens.iter()).position(|(a, b)| a != b);
            length.or_else(|| first_mismatch(a, b).and_then(|at| row_of(a_lens, at)))
        }
        _ => None,
    };
    Some((
        row,
        if row.is_some() { "values differ" } else { "references, their order or shapes differ" }.to_owned(),
    ))
}

fn first_mismatch<T: PartialEq>(a: &[T], b: &[T]) -> Option<usize> {
    if a.len() != b.len() {
        return Some(a.len().min(b.len()));
    }
    a.iter().zip(b).position(|(a, b)| a != b)
}

fn row_of(lengths: &Lengths, at: usize) -> Option<usize> {
    let mut end = 0;
    lengths.iter().position(|len| {
        end += len as usize;
        at < end
    })
}
