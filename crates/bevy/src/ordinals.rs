use std::{borrow::Cow, collections::HashMap};

use bevy_ecs::{archetype::ArchetypeId, entity::Entity, world::World};
use keepstone_ecs_persist::NONE;
use keepstone_value::{Entities, EntityType, Resolve};

/// Ordinals of entities while a world is captured.
///
/// An entity is found by where bevy keeps it, archetype and row, so no index over all entities is made.
pub(crate) struct Ordinals<'w> {
    world: &'w World,
    /// The entity of each ordinal, in pieces; bevy's own lists where they have that order.
    entities: Vec<Cow<'w, [Entity]>>,
    next: u32,
    /// By archetype: the ordinal of its first row, where its rows have ordinals in their order.
    first: Vec<u32>,
    /// The others.
    single: HashMap<Entity, u32>,
}

impl<'w> Ordinals<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        let (first, single) = (vec![NONE; world.archetypes().len()], HashMap::new());
        Self { world, entities: Vec::new(), next: 0, first, single }
    }

    /// Gives the next ordinals to the rows of an archetype, which are these entities, and returns the first.
    pub(crate) fn add_archetype(&mut self, id: ArchetypeId, rows: Cow<'w, [Entity]>) -> u32 {
        let next = self.next;
        if let Some(first) = self.first.get_mut(id.index()) {
            *first = next;
        }
        // A document with 2^32 entities is refused before it is written.
        self.next = next.saturating_add(u32::try_from(rows.len()).unwrap_or(NONE));
        self.entities.push(rows);
        next
    }

    /// Gives the next ordinal to an entity.
    pub(crate) fn add(&mut self, entity: Entity) -> u32 {
        let ordinal = self.next;
        self.single.insert(entity, ordinal);
        match self.entities.last_mut() {
            Some(Cow::Owned(entities)) => entities.push(entity),
            _ => self.entities.push(Cow::Owned(vec![entity])),
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
        self.entities
    }
}

impl Entities for Ordinals<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        let Some(entity) = Entity::try_from_bits(bits) else { return NONE };
        let Ok(at) = self.world.entities().get_spawned(entity) else { return NONE };
        match self.first.get(at.archetype_id.index()) {
            Some(&first) if first != NONE => first.saturating_add(at.archetype_row.index_u32()),
            _ => match self.single.get(&entity) {
                Some(&ordinal) => ordinal,
                // Alive, but without a component of its own to save: it is saved bare, so that the reference holds.
                None => self.add(entity),
            },
        }
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
