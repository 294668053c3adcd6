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
    dangling: u64,
}

impl<'w> Ordinals<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Self { world, by_index: Vec::new(), entities: Vec::new(), dangling: 0 }
    }

    /// Gives the next ordinals to these entities. To be called before anything asks for one.
    pub(crate) fn extend(&mut self, entities: impl IntoIterator<Item = Entity>) {
        self.entities.extend(entities);
    }

    /// Lists the ordinals by entity index, once something refers to an entity.
    #[cold]
    fn index(&mut self) {
        self.by_index = vec![NONE; self.world.entities().len() as usize];
        for (ordinal, entity) in (0..).zip(&self.entities) {
            if let Some(slot) = self.by_index.get_mut(entity.index_u32() as usize) {
                *slot = ordinal;
            }
        }
    }

    #[cold]
    fn dangling(&mut self) -> u32 {
        self.dangling += 1;
        NONE
    }

    /// Gives the next ordinal to an entity that is alive but was not going to be saved: it has no component of its own to
    /// save, and is saved bare so that the reference holds.
    #[cold]
    fn add(&mut self, entity: Entity) -> u32 {
        if !self.world.entities().contains_spawned(entity) {
            return self.dangling();
        }
        let ordinal = u32::try_from(self.entities.len()).unwrap_or(NONE);
        if let Some(slot) = self.by_index.get_mut(entity.index_u32() as usize) {
            *slot = ordinal;
        }
        self.entities.push(entity);
        ordinal
    }

    pub(crate) fn len(&self) -> usize {
        self.entities.len()
    }

    /// The entity of each ordinal, and how many references named none.
    pub(crate) fn finish(self) -> (Vec<Entity>, u64) {
        (self.entities, self.dangling)
    }
}

impl Entities for Ordinals<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        if self.by_index.is_empty() {
            self.index();
        }
        let Some(entity) = Entity::try_from_bits(bits) else { return self.dangling() };
        let ordinal = self.by_index.get(entity.index_u32() as usize).copied().unwrap_or(NONE);
        // The generation tells a despawned entity from the one that has its index now.
        if self.entities.get(ordinal as usize) == Some(&entity) {
            return ordinal;
        }
        self.add(entity)
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
