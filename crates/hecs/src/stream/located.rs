use std::{any::TypeId, collections::HashMap, ops::Range};

use hecs::{Archetype, Entity, World};
use keepstone_ecs_persist::NONE;
use keepstone_value::{Entities, EntityType};

use crate::{
    capture::Numbering,
    column::{AnyColumn, Locate},
};

/// Ordinals of entities while a world is captured in parts, without a list of all of them.
///
/// hecs tells no place of an entity. But it lends the value that an entity has of a component, and the values of an archetype, which lie side
/// by side: how far one lies behind the first is the entity's row. The archetype's own list of ids says whether that is right.
pub(crate) struct Located<'w> {
    world: &'w World,
    /// By a component that has bytes: enough of them that each archetype which is one table has one.
    by_value: Vec<ByValue<'w>>,
    /// By raw id, where an archetype has no such component, or isn't one table; empty where there is none of these.
    by_id: Vec<u32>,
    /// By raw id: those that are saved because something refers to them.
    bare: HashMap<u32, u32>,
    next: u32,
}

struct ByValue<'w> {
    component: TypeId,
    values: Box<dyn Locate + 'w>,
    /// Ascending by address.
    archetypes: Vec<Placed<'w>>,
}

struct Placed<'w> {
    archetype: &'w Archetype,
    addresses: Range<usize>,
    first: u32,
}

impl<'w> Located<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Self { world, by_value: Vec::new(), by_id: Vec::new(), bare: HashMap::new(), next: 0 }
    }

    /// Has an archetype found by its values of some component, if there is one.
    fn place(
        &mut self,
        archetype: &'w Archetype,
        columns: &mut dyn Iterator<Item = (TypeId, &dyn AnyColumn)>,
    ) -> bool {
        let has = |by: &ByValue<'w>| archetype.has_dynamic(by.component);
        let mut at = self.by_value.iter().position(has);
        for (component, column) in columns {
            if at.is_none()
                && let Some(values) = column.locate(self.world)
            {
                at = Some(self.by_value.len());
                self.by_value.push(ByValue { component, values, archetypes: Vec::new() });
            }
        }
        let Some(by) = at.and_then(|at| self.by_value.get_mut(at)) else { return false };
        let Some(addresses) = by.values.addresses(archetype) else { return false };
        let at = by.archetypes.partition_point(|other| other.addresses.start < addresses.start);
        by.archetypes.insert(at, Placed { archetype, addresses, first: self.next });
        true
    }

    fn push(&mut self) -> u32 {
        let ordinal = self.next;
        // A document with 2^32 entities is refused before it is written.
        self.next = ordinal.saturating_add(1);
        ordinal
    }
}

impl ByValue<'_> {
    fn ordinal(&self, entity: Entity) -> Option<u32> {
        let address = self.values.address(entity)?;
        let behind = self.archetypes.partition_point(|placed| placed.addresses.start <= address);
        let placed = self.archetypes.get(behind.checked_sub(1)?)?;
        let row = (address - placed.addresses.start) / self.values.size().max(1);
        if placed.archetype.ids().get(row) != Some(&entity.id()) {
            return None;
        }
        Some(placed.first.saturating_add(u32::try_from(row).ok()?))
    }
}

impl<'w> Numbering<'w> for Located<'w> {
    fn add_archetype(
        &mut self,
        archetype: &'w Archetype,
        columns: &mut dyn Iterator<Item = (TypeId, &dyn AnyColumn)>,
    ) {
        if self.place(archetype, columns) {
            self.next = self.next.saturating_add(archetype.len());
        } else {
            self.add_ids(&mut archetype.ids().iter().copied());
        }
    }

    fn add_ids(&mut self, ids: &mut dyn Iterator<Item = u32>) {
        if self.by_id.is_empty() {
            // Nearly always this is all: an id that was ever given is alive or free.
            self.by_id = vec![NONE; self.world.len() as usize + self.world.freelist().len()];
        }
        for id in ids {
            let at = id as usize;
            if at >= self.by_id.len() {
                self.by_id.resize(at + 1, NONE);
            }
            let ordinal = self.push();
            if let Some(slot) = self.by_id.get_mut(at) {
                *slot = ordinal;
            }
        }
    }

    fn next(&self) -> u32 {
        self.next
    }
}

impl Entities for Located<'_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        let Some(entity) = Entity::from_bits(bits) else { return NONE };
        if let Some(ordinal) = self.by_value.iter().find_map(|by| by.ordinal(entity)) {
            return ordinal;
        }
        if !self.world.contains(entity) {
            return NONE;
        }
        let known = self.by_id.get(entity.id() as usize).copied().filter(|&ordinal| ordinal != NONE);
        if let Some(ordinal) = known.or_else(|| self.bare.get(&entity.id()).copied()) {
            return ordinal;
        }
        // Alive, but without a component to save: it is saved bare, so that the reference holds.
        let ordinal = self.push();
        self.bare.insert(entity.id(), ordinal);
        ordinal
    }
}
