use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::NONE;
use keepstone_value::{Entities, EntityType, Resolve};

/// Ordinals of entities while a world is captured.
pub(crate) struct Ordinals<'w> {
    world: &'w World,
    /// By entity index; only spawned entities are looked up, and an index has one of those.
    by_index: Vec<u32>,
    entities: Vec<Entity>,
    /// References to entities that no longer exist.
    pub(crate) dangling: u64,
}

impl<'w> Ordinals<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Self { world, by_index: Vec::new(), entities: Vec::new(), dangling: 0 }
    }

    /// Gives the next ordinal to an entity.
    pub(crate) fn push(&mut self, entity: Entity) -> u32 {
        let index = entity.index_u32() as usize;
        if index >= self.by_index.len() {
            self.by_index.resize((index + 1).next_power_of_two(), NONE);
        }
        let ordinal = u32::try_from(self.entities.len()).unwrap_or(NONE);
        if let Some(slot) = self.by_index.get_mut(index) {
            *slot = ordinal;
        }
        self.entities.push(entity);
        ordinal
    }

    pub(crate) fn len(&self) -> usize {
        self.entities.len()
    }

    pub(crate) fn into_entities(self) -> Vec<Entity> {
        self.entities
    }
}

impl Entities for Ordinals<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        let entity = Entity::try_from_bits(bits).filter(|&entity| self.world.entities().contains_spawned(entity));
        let Some(entity) = entity else {
            self.dangling += 1;
            return NONE;
        };
        match self.by_index.get(entity.index_u32() as usize) {
            Some(&ordinal) if ordinal != NONE => ordinal,
            // Alive, but without a component of its own to save: it is saved bare, so that the reference holds.
            _ => self.push(entity),
        }
    }
}

/// Entities of ordinals while a world is loaded.
pub(crate) struct Spawned<'e> {
    pub(crate) entities: &'e [Entity],
    /// References to nothing.
    pub(crate) dangling: u64,
}

impl Resolve for Spawned<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn bits(&mut self, ordinal: u32) -> u64 {
        let entity = self.entities.get(ordinal as usize).copied();
        self.dangling += u64::from(entity.is_none());
        entity.unwrap_or(Entity::PLACEHOLDER).to_bits()
    }
}
