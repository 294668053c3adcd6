use std::{collections::HashMap, sync::Arc};

use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::NONE;
use keepstone_value::{Entities, EntityType};

use crate::delta::{moment::RowTable, structure::Candidate};

/// Names entities by their row numbers, and notes who is referred to.
pub(super) struct Naming<'w> {
    world: &'w World,
    pub(super) rows: Arc<RowTable>,
    /// Entities that had a row before and are in no table, and whether something refers to them.
    pub(super) candidates: HashMap<Entity, bool>,
    /// The rows of entities that are saved from now on because something refers to them.
    pub(super) bare: Vec<u32>,
}

impl<'w> Naming<'w> {
    pub(super) fn new(world: &'w World, rows: Arc<RowTable>, candidates: &[Candidate]) -> Self {
        let candidates = candidates.iter().map(|candidate| (candidate.entity, false)).collect();
        Self { world, rows, candidates, bare: Vec::new() }
    }

    /// Whether somebody may still turn out to be referred to.
    pub(super) fn asks(&self) -> bool {
        self.candidates.values().any(|referred| !referred)
    }

    /// The row of an entity that is alive.
    pub(super) fn row_of(&mut self, entity: Entity) -> u32 {
        if let Some(row) = self.rows.row_of(entity) {
            if let Some(referred) = self.candidates.get_mut(&entity) {
                *referred = true;
            }
            return row;
        }
        if !self.world.entities().contains_spawned(entity) {
            return NONE;
        }
        // Alive, but without a component of its own to save: it is saved bare, so that the reference holds.
        let row = Arc::make_mut(&mut self.rows).push(entity);
        self.bare.push(row);
        row
    }
}

impl Entities for Naming<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        Entity::try_from_bits(bits).map_or(NONE, |entity| self.row_of(entity))
    }
}

/// Notes who is referred to, and gives no row to anybody.
pub(super) struct Probe<'n, 'w>(pub(super) &'n mut Naming<'w>);

impl Entities for Probe<'_, '_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        if let Some(entity) = Entity::try_from_bits(bits)
            && let Some(referred) = self.0.candidates.get_mut(&entity)
        {
            *referred = true;
        }
        0
    }
}
