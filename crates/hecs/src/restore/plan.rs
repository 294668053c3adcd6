use std::{any::TypeId, collections::HashMap};

use hecs::{Entity, World};
use keepstone_ecs_persist::{Column, Entry, Error, Unknown};

use crate::{
    column::{Rows, Source},
    decode::Decoding,
    kept::{Kept, KeptResources, KeptRow},
    naming::Naming,
    ordinals::Spawned,
    registry::Ops,
    restore::{
        extra,
        found::{Found, Places, Segment},
    },
    rows::Live,
    values::Values,
};

/// All that has to be done, decoded, before any of it is.
pub(crate) struct Plan {
    /// Entities that the document doesn't have.
    pub(crate) despawned: Vec<Entity>,
    /// Components that it doesn't give to entities which have them.
    pub(crate) removals: Vec<(TypeId, Entity)>,
    /// Values that go over others, column by column.
    pub(crate) over: Vec<(Vec<Entity>, Box<dyn Values>)>,
    /// Values that entities lack: ordinal, and place in `values`.
    pub(crate) inserts: Vec<(u32, usize)>,
    pub(crate) values: Vec<Box<dyn Values>>,
    /// Values that are kept, and the ordinals of their entities.
    pub(crate) kept: Vec<(u32, KeptRow)>,
    pub(crate) resources: Vec<KeptRow>,
    /// Names of kept resources that the document doesn't have.
    pub(crate) resources_removed: Vec<String>,
    pub(crate) written: u64,
    pub(crate) unchanged: u64,
}

/// What all columns are planned with.
struct Planning<'p, 'd, 'a> {
    world: &'p World,
    decoding: &'p Decoding<'d, 'a>,
    places: Places<'p>,
    entities: &'p [Entity],
    /// Of each table.
    segments: Vec<Vec<Segment>>,
}

impl Plan {
    /// Plans the restore of a world in which those that were not found have no component yet.
    pub(crate) fn new(world: &World, decoding: &Decoding<'_, '_>, found: &Found<'_>) -> Result<Self, Error> {
        let entities = found.entities.as_slice();
        let places = Places::new(world);
        let mut segments = Vec::with_capacity(decoding.doc.tables.len());
        let mut first = 0;
        for table in &decoding.doc.tables {
            segments.push(places.segments(found, first, table.rows));
            first += table.rows;
        }
        let planning = Planning { world, decoding, places, entities, segments };
        let mut plan = Self {
            despawned: extra::despawned(world, decoding.registry, found)?,
            removals: planning.removals(),
            over: Vec::new(),
            inserts: Vec::new(),
            values: Vec::new(),
            kept: Vec::new(),
            resources: Vec::new(),
            resources_removed: Vec::new(),
            written: 0,
            unchanged: 0,
        };
        let mut naming = Naming::new(world, entities);
        for (at, (column, rows)) in
            decoding.doc.columns.iter().zip(decoding.doc.rows_per_column()).enumerate()
        {
            match decoding.entry(column) {
                Some(entry) => plan.add_column(&planning, (at, column, rows), entry, &mut naming)?,
                None => plan.add_kept(&planning, (at, column, rows))?,
            }
        }
        plan.inserts.sort_unstable();
        if decoding.options.unknown == Unknown::Keep {
            plan.remove_resources(&planning);
        }
        Ok(plan)
    }

    /// How many components and resources are removed.
    pub(crate) fn removed(&self) -> u64 {
        (self.removals.len() + self.resources_removed.len()) as u64
    }

    fn add_column(
        &mut self,
        planning: &Planning<'_, '_, '_>,
        (at, column, rows): (usize, &Column<'_>, u32),
        entry: &Entry<Ops>,
        naming: &mut Naming<'_>,
    ) -> Result<(), Error> {
        let ops = &entry.ops().column;
        let mut live: Vec<Live<'_>> = Vec::new();
        let mut live_entities: Vec<&[Entity]> = Vec::new();
        let mut missing: Vec<u32> = Vec::new();
        for (row, segment) in planning.rows(at) {
            let archetype = segment.at.and_then(|(archetype, first)| {
                let archetype = *planning.places.archetypes.get(archetype)?;
                archetype.has_dynamic(entry.type_id()).then_some((archetype, first))
            });
            if let Some((archetype, first)) = archetype {
                let rows = Rows::Range(first..first + segment.len as usize);
                live.push(Live { first: row, source: Source { archetype, rows } });
                live_entities.push(planning.entities(segment));
            } else {
                missing.extend(row..row + segment.len);
                let place = self.values.len();
                self.inserts.extend((segment.first..segment.first + segment.len).map(|at| (at, place)));
            }
        }
        let differing = ops.differing(column, rows as usize, &live, naming)?;
        let live_count: u64 = live.iter().map(|live| live.source.len() as u64).sum();
        self.unchanged += live_count - differing.len() as u64;
        self.written += (differing.len() + missing.len()) as u64;
        if !differing.is_empty() {
            let mut wanted = differing.iter().peekable();
            let holders = live.iter().zip(live_entities).flat_map(|(live, own)| live.rows().zip(own));
            let entities = holders.filter(|(row, _)| wanted.next_if_eq(&row).is_some());
            let entities = entities.map(|(_, &entity)| entity).collect();
            self.over.push((entities, ops.pick(column, rows as usize, &differing, naming)?));
        }
        if !missing.is_empty() {
            self.values.push(ops.pick(column, rows as usize, &missing, naming)?);
        }
        Ok(())
    }

    fn add_kept(
        &mut self,
        planning: &Planning<'_, '_, '_>,
        (at, column, rows): (usize, &Column<'_>, u32),
    ) -> Result<(), Error> {
        let spawned = Spawned { entities: planning.entities };
        let Some(rows) = planning.decoding.keep(column, rows, &spawned)? else { return Ok(()) };
        if column.schema.resource {
            let mut resources = planning.world.query::<&KeptResources>();
            let known: Vec<&KeptRow> = resources.iter().flat_map(|kept| &kept.rows).collect();
            for row in rows {
                if known.contains(&&row) {
                    self.unchanged += 1;
                } else {
                    self.written += 1;
                    self.resources.push(row);
                }
            }
            return Ok(());
        }
        let ordinals = planning.rows(at).flat_map(|(_, segment)| segment.first..segment.first + segment.len);
        for (ordinal, row) in ordinals.zip(rows) {
            let entity = planning.entities.get(ordinal as usize).copied().unwrap_or(Entity::DANGLING);
            let known = planning.world.get::<&Kept>(entity);
            if known.is_ok_and(|kept| kept.rows.contains(&row)) {
                self.unchanged += 1;
            } else {
                self.written += 1;
                self.kept.push((ordinal, row));
            }
        }
        Ok(())
    }

    fn remove_resources(&mut self, planning: &Planning<'_, '_, '_>) {
        let doc = planning.decoding.doc;
        for kept in &mut planning.world.query::<&KeptResources>() {
            let names = kept.rows.iter().map(KeptRow::name);
            let gone = names.filter(|name| !doc.columns.iter().any(|column| column.schema.name == *name));
            self.resources_removed.extend(gone.map(str::to_owned));
        }
    }
}

impl Planning<'_, '_, '_> {
    /// The segments that have a column, and the first row of each.
    fn rows(&self, column: usize) -> impl Iterator<Item = (u32, &Segment)> {
        let column = u16::try_from(column).unwrap_or(u16::MAX);
        let tables = self.decoding.doc.tables.iter().zip(&self.segments);
        let having = tables.filter(move |(table, _)| table.components.binary_search(&column).is_ok());
        let mut row = 0;
        having.flat_map(|(_, segments)| segments).map(move |segment| {
            let first = row;
            row += segment.len;
            (first, segment)
        })
    }

    fn entities(&self, segment: &Segment) -> &[Entity] {
        let first = segment.first as usize;
        self.entities.get(first..first + segment.len as usize).unwrap_or_default()
    }

    /// Registered components that entities have and the document doesn't give them.
    fn removals(&self) -> Vec<(TypeId, Entity)> {
        let doc = self.decoding.doc;
        let type_of = |column: &Column<'_>| self.decoding.entry(column).map(Entry::type_id);
        let types: Vec<Option<TypeId>> = doc.columns.iter().map(type_of).collect();
        let mut removals = Vec::new();
        for (table, segments) in doc.tables.iter().zip(&self.segments) {
            let wanted: Vec<TypeId> =
                table.components.iter().filter_map(|&at| *types.get(usize::from(at))?).collect();
            let mut surplus: HashMap<usize, Vec<&Entry<Ops>>> = HashMap::new();
            for segment in segments {
                let Some((at, _)) = segment.at else { continue };
                let surplus = surplus.entry(at).or_insert_with(|| self.surplus(at, &wanted));
                for entry in surplus {
                    let column = &entry.ops().column;
                    let own = self.entities(segment).iter();
                    let own = own.filter(|&&entity| column.has(self.world, entity));
                    removals.extend(own.map(|&entity| (entry.type_id(), entity)));
                }
            }
        }
        removals
    }

    /// The registered components of an archetype that are not among these.
    fn surplus(&self, archetype: usize, wanted: &[TypeId]) -> Vec<&Entry<Ops>> {
        let archetype = self.places.archetypes.get(archetype);
        let types = archetype.into_iter().flat_map(|archetype| archetype.component_types());
        let registry = self.decoding.registry;
        types.filter(|id| !wanted.contains(id)).filter_map(|id| registry.get_by_type(id)).collect()
    }
}
