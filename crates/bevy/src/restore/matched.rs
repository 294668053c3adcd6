use std::collections::HashMap;

use bevy_ecs::{
    archetype::{Archetype, ArchetypeEntity, ArchetypeId},
    component::ComponentId,
    entity::Entity,
    resource::IsResource,
    storage::TableId,
    world::World,
};
use keepstone_ecs_persist::{Error, Match, NONE, WorldDoc};
use keepstone_value::{Entities, EntityType, Resolve};

use crate::{
    capture::{SharedTables, shared_tables},
    identity::PersistIds,
    incoming::Incoming,
    kept::KeptRows,
    ordinals::Spawned,
    registry::Registry,
};

/// Which entity each ordinal of a document is.
pub(super) struct Places {
    /// What they are; for those that are gone what they were, or the placeholder.
    pub(super) entities: Vec<Entity>,
    /// The ordinals of those that are gone, ascending.
    pub(super) missing: Vec<u32>,
    /// By table of the document: the table of the world that has exactly its entities in its order, and their archetype.
    pub(super) tables: Vec<Option<(ArchetypeId, TableId)>>,
}

/// Finds the entities of a document in a world.
pub(super) fn places(
    world: &World,
    doc: &WorldDoc<'_>,
    found: &Match<'_, Entity>,
    registry: &Registry,
) -> Result<Places, Error> {
    let count = doc.entity_count();
    let incoming = Incoming::read(doc, registry)?;
    let entities = match found {
        Match::Entities(entities) if entities.len() as u64 == u64::from(count) => entities.to_vec(),
        Match::Entities(entities) => {
            return Err(Error::Invalid {
                what: "entities to restore",
                found: entities.len().to_string(),
                expected: format!("{count}, as the document has"),
            });
        }
        Match::PersistIds => {
            let mut entities = vec![Entity::PLACEHOLDER; count as usize];
            for (id, ordinal) in incoming.iter().flat_map(Incoming::iter) {
                if let Some(place) = entities.get_mut(ordinal as usize) {
                    *place = world.entity_of(id).unwrap_or(Entity::PLACEHOLDER);
                }
            }
            entities
        }
        _ => return Err(Error::NotSupported { what: "this way of finding entities" }),
    };
    let (mut missing, mut tables) = (Vec::new(), Vec::with_capacity(doc.tables.len()));
    let mut first: u32 = 0;
    for table in &doc.tables {
        let rows = entities.get(first as usize..(first + table.rows) as usize).unwrap_or_default();
        // The entities of a table of the world are all there.
        let same = same_table(world, rows);
        if same.is_none() {
            let gone = (first..).zip(rows).filter(|(_, entity)| !world.entities().contains_spawned(**entity));
            missing.extend(gone.map(|(ordinal, _)| ordinal));
        }
        tables.push(same);
        first += table.rows;
    }
    Ok(Places { entities, missing, tables })
}

/// The table of the world that has exactly these entities in this order, and the archetype of the first.
fn same_table(world: &World, rows: &[Entity]) -> Option<(ArchetypeId, TableId)> {
    let location = world.entities().get_spawned(*rows.first()?).ok()?;
    let table = world.storages().tables.get(location.table_id)?;
    same_entities(table.entities(), rows).then_some((location.archetype_id, location.table_id))
}

/// Whether these are the same entities. Several are compared before the answer is asked for, so that they are at once.
fn same_entities(a: &[Entity], b: &[Entity]) -> bool {
    const TOGETHER: usize = 64;
    let differing = |a: &[Entity], b: &[Entity]| {
        a.iter().zip(b).fold(0, |bits, (a, b)| bits | (a.to_bits() ^ b.to_bits()))
    };
    a.len() == b.len() && a.chunks(TOGETHER).zip(b.chunks(TOGETHER)).all(|(a, b)| differing(a, b) == 0)
}

/// A table of the document beside the world.
#[derive(Debug, Clone, Copy)]
pub(super) enum Beside {
    /// A table of the world has exactly these entities in this order.
    Whole { archetype: ArchetypeId, table: TableId },
    /// They are here and there.
    Rows,
}

/// The entities of a document in a world.
pub(super) struct Matched<'w, 'e> {
    pub(super) world: &'w World,
    /// By ordinal.
    pub(super) entities: &'e [Entity],
    /// The ordinals of those that are still to be spawned, ascending.
    pub(super) missing: Vec<u32>,
    /// By table of the document.
    pub(super) tables: Vec<Beside>,
    /// By archetype: the ordinal of its first row, where a table of the document has the same rows.
    first: Vec<u32>,
    /// The ordinals of the other entities.
    single: HashMap<Entity, u32>,
    /// Numbers that no entity of the document has, for those that it doesn't have.
    next_stray: u32,
    strays: HashMap<u64, u32>,
}

impl<'w, 'e> Matched<'w, 'e> {
    pub(super) fn new(
        world: &'w World,
        doc: &WorldDoc<'_>,
        entities: &'e [Entity],
        missing: Vec<u32>,
        same: &[Option<(ArchetypeId, TableId)>],
    ) -> Result<Self, Error> {
        let shared = shared_tables(world);
        let mut matched = Self {
            world,
            entities,
            missing,
            tables: Vec::with_capacity(doc.tables.len()),
            first: vec![NONE; world.archetypes().len()],
            single: HashMap::new(),
            next_stray: NONE - 1,
            strays: HashMap::new(),
        };
        let mut first: u32 = 0;
        for (table, same) in doc.tables.iter().zip(same) {
            let rows = entities.get(first as usize..(first + table.rows) as usize).unwrap_or_default();
            let beside = matched.find(*same, &shared);
            match beside {
                Beside::Whole { archetype, .. } => {
                    if let Some(slot) = matched.first.get_mut(archetype.index()) {
                        *slot = first;
                    }
                }
                Beside::Rows => matched.single.extend(rows.iter().copied().zip(first..)),
            }
            matched.tables.push(beside);
            first += table.rows;
        }
        matched.refuse_duplicates()?;
        Ok(matched)
    }

    fn find(&self, same: Option<(ArchetypeId, TableId)>, shared: &SharedTables) -> Beside {
        let Some((archetype, table)) = same else { return Beside::Rows };
        let taken = self.first.get(archetype.index()).is_none_or(|&first| first != NONE);
        if !taken && !shared.contains(table) { Beside::Whole { archetype, table } } else { Beside::Rows }
    }

    /// An entity that stands for two ordinals can be neither.
    fn refuse_duplicates(&self) -> Result<(), Error> {
        let whole = self.tables.iter().filter_map(|beside| match beside {
            Beside::Whole { table, .. } => self.world.storages().tables.get(*table),
            Beside::Rows => None,
        });
        let counted = whole.map(|table| table.entities().len()).sum::<usize>() + self.single.len();
        let twice = self.single.keys().any(|&entity| self.whole_ordinal(entity).is_some());
        if counted == self.entities.len() && !twice {
            return Ok(());
        }
        Err(Error::Invalid {
            what: "entities to restore",
            found: "one of them twice".to_owned(),
            expected: "each once".to_owned(),
        })
    }

    fn whole_ordinal(&self, entity: Entity) -> Option<u32> {
        let at = self.world.entities().get_spawned(entity).ok()?;
        let first = *self.first.get(at.archetype_id.index())?;
        (first != NONE).then(|| first.saturating_add(at.archetype_row.index_u32()))
    }

    /// Saved entities of the world that the document doesn't have. `lists` are what relationships keep on their targets: an entity with
    /// nothing else is saved as bare as one without components.
    pub(super) fn extra(&self, registered: &[ComponentId], lists: &[ComponentId]) -> Vec<Entity> {
        let is_resource = self.world.component_id::<IsResource>();
        let kept = self.world.component_id::<KeptRows>();
        let is_saved = |archetype: &&Archetype| {
            !archetype.is_empty()
                && !is_resource.is_some_and(|id| archetype.contains(id))
                && self.first.get(archetype.id().index()).is_none_or(|&first| first == NONE)
                && (archetype.iter_components().all(|id| lists.contains(&id))
                    || kept.is_some_and(|id| archetype.contains(id))
                    || registered.iter().any(|&id| archetype.contains(id)))
        };
        let archetypes = self.world.archetypes().iter().filter(is_saved);
        let entities = archetypes.flat_map(Archetype::entities).map(ArchetypeEntity::id);
        entities.filter(|entity| !self.single.contains_key(entity)).collect()
    }
}

impl Entities for Matched<'_, '_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        let Some(entity) = Entity::try_from_bits(bits) else { return NONE };
        if let Some(ordinal) = self.whole_ordinal(entity).or_else(|| self.single.get(&entity).copied()) {
            return ordinal;
        }
        if !self.world.entities().contains_spawned(entity) {
            return NONE;
        }
        let next = &mut self.next_stray;
        *self.strays.entry(bits).or_insert_with(|| {
            let stray = *next;
            *next = stray.saturating_sub(1);
            stray
        })
    }
}

impl Resolve for Matched<'_, '_> {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn bits(&mut self, ordinal: u32) -> u64 {
        Spawned { entities: self.entities }.entity_of(ordinal).to_bits()
    }
}
