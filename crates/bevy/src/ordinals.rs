use std::{borrow::Cow, collections::HashMap};

use bevy_ecs::{archetype::Archetype, entity::Entity, world::World};
use keepstone_ecs_persist::NONE;
use keepstone_value::{Entities, EntityType, Resolve};

/// Ordinals of entities while a world is captured.
///
/// An entity is found by where bevy keeps it, archetype and row, so no index over all entities is made.
pub(crate) struct Ordinals<'w> {
    world: &'w World,
    /// The entity of each ordinal, in pieces; bevy's own lists where they have that order. None where nobody will ask.
    entities: Option<Vec<Cow<'w, [Entity]>>>,
    next: u32,
    /// By archetype.
    rows: Vec<Rows>,
    /// Those of entities that are saved because something refers to them.
    bare: HashMap<Entity, u32>,
}

/// The ordinals of the rows of an archetype.
enum Rows {
    /// It has no table.
    None,
    /// They follow that of the first row.
    From(u32),
    /// Each has its own.
    Each(Vec<u32>),
}

impl<'w> Ordinals<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Self { entities: Some(Vec::new()), ..Self::unlisted(world) }
    }

    /// Without a list of the entities: [`Ordinals::finish`] has none.
    pub(crate) fn unlisted(world: &'w World) -> Self {
        let rows = world.archetypes().iter().map(|_| Rows::None).collect();
        Self { world, entities: None, next: 0, rows, bare: HashMap::new() }
    }

    /// Gives the next ordinals to the rows of an archetype, which are these entities, and returns the first.
    pub(crate) fn add_archetype(
        &mut self,
        archetype: &Archetype,
        entities: impl FnOnce() -> Cow<'w, [Entity]>,
    ) -> u32 {
        let next = self.next;
        if let Some(rows) = self.rows.get_mut(archetype.id().index()) {
            *rows = Rows::From(next);
        }
        // A document with 2^32 entities is refused before it is written.
        self.next = next.saturating_add(archetype.len());
        if let Some(list) = &mut self.entities {
            list.push(entities());
        }
        next
    }

    /// Gives the next ordinal to an entity of an archetype of which not every row is in the same table.
    pub(crate) fn add(&mut self, archetype: &Archetype, entity: Entity) {
        let ordinal = self.push(entity);
        let Ok(at) = self.world.entities().get_spawned(entity) else { return };
        let Some(rows) = self.rows.get_mut(archetype.id().index()) else { return };
        if !matches!(rows, Rows::Each(_)) {
            *rows = Rows::Each(vec![NONE; archetype.len() as usize]);
        }
        if let Rows::Each(rows) = rows
            && let Some(slot) = rows.get_mut(at.archetype_row.index())
        {
            *slot = ordinal;
        }
    }

    fn push(&mut self, entity: Entity) -> u32 {
        let ordinal = self.next;
        if let Some(list) = &mut self.entities {
            match list.last_mut() {
                Some(Cow::Owned(entities)) => entities.push(entity),
                _ => list.push(Cow::Owned(vec![entity])),
            }
        }
        self.next = ordinal.saturating_add(1);
        ordinal
    }

    /// The ordinal that the next entity gets: how many there are.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    /// The entity of each ordinal.
    pub(crate) fn finish(self) -> Vec<Cow<'w, [Entity]>> {
        self.entities.unwrap_or_default()
    }
}

impl Entities for Ordinals<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        let Some(entity) = Entity::try_from_bits(bits) else { return NONE };
        let Ok(at) = self.world.entities().get_spawned(entity) else { return NONE };
        let ordinal = match self.rows.get(at.archetype_id.index()) {
            Some(Rows::From(first)) => return first.saturating_add(at.archetype_row.index_u32()),
            Some(Rows::Each(rows)) => rows.get(at.archetype_row.index()).copied().unwrap_or(NONE),
            _ => self.bare.get(&entity).copied().unwrap_or(NONE),
        };
        if ordinal != NONE {
            return ordinal;
        }
        // Alive, but without a component of its own to save: it is saved bare, so that the reference holds.
        let ordinal = self.push(entity);
        self.bare.insert(entity, ordinal);
        ordinal
    }
}

/// Entities of ordinals while a world is loaded.
pub(crate) struct Spawned<'e> {
    pub(crate) entities: &'e [Entity],
}

impl Spawned<'_> {
    /// The entity of an ordinal; bevy's placeholder for none.
    pub(crate) fn entity_of(&self, ordinal: u32) -> Entity {
        self.entities.get(ordinal as usize).copied().unwrap_or(Entity::PLACEHOLDER)
    }
}

impl Resolve for Spawned<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn bits(&mut self, ordinal: u32) -> u64 {
        self.entity_of(ordinal).to_bits()
    }
}
