use hecs::{Entity, World};
use keepstone_ecs_persist::NONE;
use keepstone_value::{Entities, EntityType, Resolve};

/// Entities of a world by the ordinals of a document, and back.
pub(crate) struct Naming<'w> {
    world: &'w World,
    /// The entity of each ordinal.
    entities: &'w [Entity],
    /// By raw id: the ordinal. Made when it is first asked for.
    ordinals: Vec<u32>,
    /// What the next entity without an ordinal is called: it equals nothing.
    next_stray: u32,
}

impl<'w> Naming<'w> {
    pub(crate) fn new(world: &'w World, entities: &'w [Entity]) -> Self {
        let next_stray = u32::try_from(entities.len()).unwrap_or(NONE);
        Self { world, entities, ordinals: Vec::new(), next_stray }
    }

    fn fill(&mut self) {
        let last = self.entities.iter().map(|entity| entity.id()).max();
        self.ordinals = vec![NONE; last.map_or(0, |last| last as usize) + 1];
        for (ordinal, entity) in (0..).zip(self.entities) {
            if let Some(slot) = self.ordinals.get_mut(entity.id() as usize) {
                *slot = ordinal;
            }
        }
    }
}

impl Entities for Naming<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        let Some(entity) = Entity::from_bits(bits) else { return NONE };
        if self.ordinals.is_empty() {
            self.fill();
        }
        if let Some(&ordinal) = self.ordinals.get(entity.id() as usize)
            && self.entities.get(ordinal as usize) == Some(&entity)
        {
            return ordinal;
        }
        if !self.world.contains(entity) {
            return NONE;
        }
        let stray = self.next_stray;
        self.next_stray = stray.saturating_add(1).min(NONE - 1);
        stray
    }
}

impl Resolve for Naming<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn bits(&mut self, ordinal: u32) -> u64 {
        self.entities.get(ordinal as usize).copied().unwrap_or(Entity::DANGLING).to_bits().get()
    }
}
