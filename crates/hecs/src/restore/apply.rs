use hecs::{Entity, EntityBuilder, World};

use crate::{
    kept::{self, Kept, KeptResources, KeptRow},
    registry::Registry,
    restore::plan::Plan,
    spawn,
};

impl Plan {
    /// Does all of it. `entities` are those of all ordinals.
    pub(crate) fn apply(self, world: &mut World, registry: &Registry, entities: &[Entity]) {
        spawn::despawn(world, &self.despawned);
        for (type_id, entity) in self.removals {
            if let Some(entry) = registry.get_by_type(type_id) {
                entry.ops().column.remove(world, entity);
            }
        }
        for (entities, mut values) in self.over {
            for entity in entities {
                values.replace(world, entity);
            }
        }
        let mut values = self.values;
        let mut builder = EntityBuilder::new();
        for group in self.inserts.chunk_by(|a, b| a.0 == b.0) {
            for (_, place) in group {
                if let Some(values) = values.get_mut(*place) {
                    values.add_to(&mut builder);
                }
            }
            let ordinal = group.first().map_or(usize::MAX, |(ordinal, _)| *ordinal as usize);
            if let Some(&entity) = entities.get(ordinal) {
                // It was found or spawned, and is not among those that were despawned.
                let _ = world.insert(entity, builder.build());
            }
        }
        for (ordinal, row) in self.kept {
            if let Some(&entity) = entities.get(ordinal as usize) {
                keep(world, entity, row);
            }
        }
        if !self.resources_removed.is_empty() {
            for kept in world.query_mut::<&mut KeptResources>() {
                kept.rows.retain(|row| !self.resources_removed.iter().any(|name| name == row.name()));
            }
        }
        kept::keep_resources(world, self.resources, None);
    }
}

/// Puts a row to what an entity keeps.
pub(crate) fn keep(world: &mut World, entity: Entity, row: KeptRow) {
    if let Ok(mut kept) = world.get::<&mut Kept>(entity) {
        kept.rows.retain(|known| known.name() != row.name());
        kept.rows.push(row);
        return;
    }
    // It was found or spawned, and is not among those that were despawned.
    let _ = world.insert_one(entity, Kept { rows: vec![row] });
}
