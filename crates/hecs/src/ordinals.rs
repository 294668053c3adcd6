use std::any::TypeId;

use hecs::{Archetype, Entity, World};
use keepstone_ecs_persist::NONE;
use keepstone_value::{Entities, EntityType, Resolve};

use crate::{capture::Numbering, column::AnyColumn};

/// Ordinals of entities while a world is captured.
///
/// hecs tells neither where an entity is nor, in safe code, which entity an archetype's raw id belongs to. So there is one list by
/// raw id, which answers both.
pub(crate) struct Ordinals<'w> {
    world: &'w World,
    /// By raw id: the entity that has it, and its ordinal.
    by_id: Vec<(Entity, u32)>,
    /// The entity of each ordinal.
    entities: Vec<Entity>,
    /// Ordinals of entities that are reserved but not spawned: they are not in the list.
    reserved: Vec<(Entity, u32)>,
}

impl<'w> Ordinals<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        // Nearly always this is all: an id that was ever given is alive or free.
        let mut by_id = vec![(Entity::DANGLING, NONE); world.len() as usize + world.freelist().len()];
        for entity in &mut world.query::<Entity>() {
            let at = entity.id() as usize;
            if at >= by_id.len() {
                by_id.resize(at + 1, (Entity::DANGLING, NONE));
            }
            if let Some(slot) = by_id.get_mut(at) {
                *slot = (entity, NONE);
            }
        }
        let entities = Vec::with_capacity(by_id.len());
        Self { world, by_id, entities, reserved: Vec::new() }
    }

    /// Those so far.
    pub(crate) fn entities(&self) -> &[Entity] {
        &self.entities
    }

    /// Entities that have no ordinal.
    pub(crate) fn others(&self) -> impl Iterator<Item = Entity> {
        let others = self.by_id.iter().filter(|(_, ordinal)| *ordinal == NONE).map(|(entity, _)| *entity);
        others.filter(|entity| *entity != Entity::DANGLING)
    }

    /// The world that is captured.
    pub(crate) fn world(&self) -> &'w World {
        self.world
    }

    /// The entity of each ordinal.
    pub(crate) fn finish(self) -> Vec<Entity> {
        self.entities
    }

    /// The ordinal of an entity that has been reserved, which is saved bare.
    fn reserved(&mut self, entity: Entity) -> u32 {
        if let Some(&(_, ordinal)) = self.reserved.iter().find(|(known, _)| *known == entity) {
            return ordinal;
        }
        if !self.world.contains(entity) {
            return NONE;
        }
        let next = self.next();
        self.reserved.push((entity, next));
        self.entities.push(entity);
        next
    }
}

impl<'w> Numbering<'w> for Ordinals<'w> {
    fn add_archetype(
        &mut self,
        archetype: &'w Archetype,
        _: &mut dyn Iterator<Item = (TypeId, &dyn AnyColumn)>,
    ) {
        self.add_ids(&mut archetype.ids().iter().copied());
    }

    fn add_ids(&mut self, ids: &mut dyn Iterator<Item = u32>) {
        for id in ids {
            // A document with 2^32 entities is refused before it is written.
            let next = u32::try_from(self.entities.len()).unwrap_or(NONE);
            let entity = self.by_id.get_mut(id as usize).map_or(Entity::DANGLING, |(entity, ordinal)| {
                *ordinal = next;
                *entity
            });
            self.entities.push(entity);
        }
    }

    fn next(&self) -> u32 {
        u32::try_from(self.entities.len()).unwrap_or(NONE)
    }
}

impl Entities for Ordinals<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        let Some(entity) = Entity::from_bits(bits) else { return NONE };
        let next = self.next();
        match self.by_id.get_mut(entity.id() as usize) {
            Some((found, ordinal)) if *found == entity => {
                if *ordinal == NONE {
                    // Alive, but without a component to save: it is saved bare, so that the reference holds.
                    *ordinal = next;
                    self.entities.push(entity);
                }
                *ordinal
            }
            _ => self.reserved(entity),
        }
    }
}

/// Entities of ordinals while a world is loaded.
pub(crate) struct Spawned<'e> {
    pub(crate) entities: &'e [Entity],
}

impl Spawned<'_> {
    /// The entity of an ordinal; hecs's dangling one for none.
    pub(crate) fn entity_of(&self, ordinal: u32) -> Entity {
        self.entities.get(ordinal as usize).copied().unwrap_or(Entity::DANGLING)
    }
}

impl Resolve for Spawned<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn bits(&mut self, ordinal: u32) -> u64 {
        self.entity_of(ordinal).to_bits().get()
    }
}
