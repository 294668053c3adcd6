mod check;

use std::any::TypeId;

use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::{
    Column, ColumnData, Entry, Error, IdSource, NONE, SpawnOptions, SpawnReport, Unknown, WorldDoc,
};

pub(crate) use self::check::{ENTITY_LEN, check, check_content, check_count};
use crate::{
    bundle::Spawners,
    identity::{Expecting, PersistId, PersistIndex},
    incoming::{self, Incoming},
    kept::{self, Kept, Unplaced},
    ordinals::Spawned,
    raw::{self, Moving, Values},
    registry::{Ops, Registry},
};

/// Spawns a document: see [`EcsWorld::spawn_doc`](keepstone_ecs_persist::EcsWorld::spawn_doc).
pub(crate) fn spawn(
    world: &mut World,
    doc: &WorldDoc<'_>,
    registry: &Registry,
    options: &SpawnOptions,
) -> Result<SpawnReport<Entity>, Error> {
    check(doc, registry, options)?;
    let ids = ids(world, doc, registry);
    let decoded = Incoming::of(world, doc, registry, options.ids).and_then(|incoming| {
        Ok((decode(world, doc, registry, options, &ids, (incoming.as_ref(), &Later::default()))?, incoming))
    });
    match decoded {
        Ok((columns, incoming)) => {
            let (mut report, mut later) = (SpawnReport::new(ids), Later::default());
            if let Some(incoming) = &incoming {
                make_room(world, incoming.replaced(), &mut report);
            }
            place(world, (doc, 0), registry, columns, incoming, (&mut report, &mut later))?;
            later.insert(world, &mut report);
            Ok(report)
        }
        Err(error) => {
            let given: Vec<Entity> = ids.into_iter().filter(|&id| id != NOT_YET).collect();
            world.entity_allocator_mut().free_many(&given);
            Err(error)
        }
    }
}

/// Stands for an entity that gets its id when it is spawned.
const NOT_YET: Entity = Entity::PLACEHOLDER;

/// The ids of a document's entities, by ordinal. Bundles are spawned fastest with new ids, which only those can wait for that nothing in
/// the document names.
fn ids(world: &World, doc: &WorldDoc<'_>, registry: &Registry) -> Vec<Entity> {
    if registry.bundles.is_empty() {
        return world.entity_allocator().alloc_many(doc.entity_count()).collect();
    }
    let named = named_tables(doc, registry);
    let tables = || doc.tables.iter().zip(&named);
    let count = tables().filter(|(_, named)| **named).fold(0, |sum: u32, (table, _)| sum + table.rows);
    let mut given = world.entity_allocator().alloc_many(count);
    let mut ids = Vec::with_capacity(doc.entity_count() as usize);
    for (table, named) in tables() {
        let rows = table.rows as usize;
        if *named {
            ids.extend(given.by_ref().take(rows));
        } else {
            ids.resize(ids.len() + rows, NOT_YET);
        }
    }
    ids
}

/// By table of a document: whether something names its entities, a reference or the index of ids.
fn named_tables(doc: &WorldDoc<'_>, registry: &Registry) -> Vec<bool> {
    let mut firsts = Vec::with_capacity(doc.tables.len());
    doc.tables.iter().fold(0, |first: u32, table| {
        firsts.push(first);
        first + table.rows
    });
    let mut named = vec![false; doc.tables.len()];
    for (place, column) in (0..).zip(&doc.columns) {
        let is_id = |entry: &Entry<Ops>| entry.type_id() == TypeId::of::<PersistId>();
        if registry.get(&column.schema.name).is_some_and(is_id) {
            for (table, named) in doc.tables.iter().zip(&mut named) {
                *named |= table.components.binary_search(&place).is_ok();
            }
        }
        let (ColumnData::References { targets, .. } | ColumnData::Rows { targets, .. }) = &column.data else {
            continue;
        };
        for &target in targets.iter().filter(|&&target| target != NONE) {
            let table = firsts.partition_point(|&first| first <= target).checked_sub(1);
            if let Some(named) = table.and_then(|table| named.get_mut(table)) {
                *named = true;
            }
        }
    }
    named
}

/// What becomes of a column.
pub(crate) enum Decoded<'r, 'd, 'a> {
    /// Its component is not registered, and it is left out.
    Skipped,
    /// Its component is not registered, and it is kept.
    Kept(Unplaced<'d, 'a>),
    /// Its values are inserted with the rest of each entity.
    Rows(&'r Entry<Ops>, Box<dyn Values>),
    /// Its rows are inserted once all entities are there, in an order of their own.
    Later(&'r Entry<Ops>),
    /// The source of ids: the world's own goes on where it stands.
    Source(IdSource),
}

/// Decodes all columns, so that nothing is spawned from a file that can't be.
pub(crate) fn decode<'r, 'd, 'a>(
    world: &World,
    doc: &'d WorldDoc<'a>,
    registry: &'r Registry,
    options: &SpawnOptions,
    ids: &[Entity],
    (incoming, later): (Option<&Incoming>, &Later),
) -> Result<Vec<Decoded<'r, 'd, 'a>>, Error> {
    let kept = world.get_resource::<Kept>();
    let mut columns = Vec::with_capacity(doc.columns.len());
    let mut kept_ordinals = unknown_ordinals(doc, registry, options);
    for (place, (column, rows)) in doc.columns.iter().zip(doc.rows_per_column()).enumerate() {
        let mut spawned = Spawned { entities: ids };
        columns.push(match registry.get(&column.schema.name) {
            Some(entry) => {
                let waits = later.has(entry.type_id());
                decode_column(column, rows, entry, &mut spawned, (incoming, waits))?
            }
            None if options.unknown == Unknown::Keep => {
                kept.map_or(Ok(()), |kept| kept.check(&column.schema))?;
                let ordinals = kept_ordinals.get_mut(place).map(std::mem::take).unwrap_or_default();
                Decoded::Kept(Unplaced::new(column, ordinals, rows as usize, &spawned)?)
            }
            None => Decoded::Skipped,
        });
    }
    Ok(columns)
}

/// The entity of each row of the columns that will be kept, in one walk over the tables.
pub(crate) fn unknown_ordinals(
    doc: &WorldDoc<'_>,
    registry: &Registry,
    options: &SpawnOptions,
) -> Vec<Vec<u32>> {
    let kept =
        |column: &Column<'_>| options.unknown == Unknown::Keep && registry.get(&column.schema.name).is_none();
    let wanted: Vec<bool> = doc.columns.iter().map(kept).collect();
    let mut ordinals = vec![Vec::new(); doc.columns.len()];
    let mut first = 0;
    for table in &doc.tables {
        let rows = first..first + table.rows;
        for &place in &table.components {
            let place = usize::from(place);
            if let (Some(true), Some(ordinals)) = (wanted.get(place), ordinals.get_mut(place)) {
                ordinals.extend(rows.clone());
            }
        }
        first = rows.end;
    }
    ordinals
}

pub(crate) fn dangling(doc: &WorldDoc<'_>) -> u64 {
    doc.columns.iter().map(Column::dangling).sum()
}

fn decode_column<'r, 'd, 'a>(
    column: &Column<'_>,
    rows: u32,
    entry: &'r Entry<Ops>,
    spawned: &mut Spawned<'_>,
    (incoming, waits): (Option<&Incoming>, bool),
) -> Result<Decoded<'r, 'd, 'a>, Error> {
    if let Some(incoming) = incoming
        && entry.type_id() == TypeId::of::<PersistId>()
    {
        return Ok(Decoded::Rows(entry, Box::new(incoming.ids().to_vec())));
    }
    if entry.type_id() == TypeId::of::<PersistIndex>() {
        return Ok(Decoded::Source(incoming::source(column)?));
    }
    if let (Some(_), ColumnData::References { targets, ranks }) = (entry.ops().target, &column.data)
        && (waits || ranks.is_some() || targets.contains(&NONE))
    {
        return Ok(Decoded::Later(entry));
    }
    let values = entry.ops().column.decode(column, rows as usize, spawned)?;
    Ok(Decoded::Rows(entry, values))
}

/// Puts a document, or the part of a world whose first entity has this ordinal, onto the entities of a report.
pub(crate) fn place<'r>(
    world: &mut World,
    (doc, first): (&WorldDoc<'_>, u32),
    registry: &'r Registry,
    decoded: Vec<Decoded<'r, '_, '_>>,
    incoming: Option<Incoming>,
    (report, later): (&mut SpawnReport<Entity>, &mut Later),
) -> Result<(), Error> {
    let _expecting = incoming.as_ref().map(|_| Expecting);
    if let Some(incoming) = incoming {
        later.replaced.extend(incoming.announce(world, first, report));
    }
    let mut kept = Vec::new();
    let mut moving: Vec<Option<Moving>> = Vec::with_capacity(decoded.len());
    for ((column, rows), decoded) in doc.columns.iter().zip(doc.rows_per_column()).zip(decoded) {
        if matches!(decoded, Decoded::Skipped | Decoded::Kept(_)) {
            count_unknown(report, &column.schema.name, u64::from(rows));
        }
        moving.push(match decoded {
            Decoded::Skipped => None,
            Decoded::Kept(column) => {
                kept.push(column);
                None
            }
            Decoded::Later(entry) => {
                later.add((doc, first), column, entry);
                None
            }
            Decoded::Source(source) => {
                world.get_resource_or_init::<PersistIndex>().join(source);
                report.resources += 1;
                None
            }
            Decoded::Rows(entry, values) => {
                spawn_targets(world, column, &report.entities);
                Some(Moving::new((entry.ops().register)(world), values))
            }
        });
    }
    let spawners = Spawners::new(world, &registry.bundles);
    let own = report.entities.get_mut(first as usize..).unwrap_or_default();
    report.values += insert_tables(world, doc, &mut moving, &spawners, own);
    for (column, moving) in doc.columns.iter().zip(&mut moving) {
        if column.schema.resource {
            later.resources.extend(moving.take());
        }
    }
    report.dangling += dangling(doc);
    kept::keep(world, kept, report.entities.get(first as usize..).unwrap_or_default())
}

/// Despawns entities of the world that give way.
fn make_room(world: &mut World, replaced: &[(PersistId, Entity)], report: &mut SpawnReport<Entity>) {
    for &(_, entity) in replaced {
        // It may have gone with another of them already, as its child.
        if world.try_despawn(entity).is_ok() {
            report.replaced += 1;
        }
    }
}

fn count_unknown(report: &mut SpawnReport<Entity>, name: &str, rows: u64) {
    match report.unknown.iter_mut().find(|(known, _)| known == name) {
        Some((_, count)) => *count += rows,
        None => report.unknown.push((name.to_owned(), rows)),
    }
}

/// What is done once all entities are there, and nothing of a file can be wrong any more: relationships are inserted in the order of
/// the lists on their targets, resources are set, and entities of the world give way that still do not.
#[derive(Default)]
pub(crate) struct Later {
    columns: Vec<LaterColumn>,
    resources: Vec<Moving>,
    replaced: Vec<(PersistId, Entity)>,
}

/// Those of one relationship.
struct LaterColumn {
    component: TypeId,
    insert: fn(&mut World, Entity, Entity),
    links: Vec<Link>,
}

impl Later {
    /// Whether rows of this component wait already: then those behind them have to wait as well.
    pub(crate) fn has(&self, component: TypeId) -> bool {
        self.columns.iter().any(|column| column.component == component)
    }

    fn add(&mut self, (doc, first): (&WorldDoc<'_>, u32), column: &Column<'_>, entry: &Entry<Ops>) {
        let Some(target) = entry.ops().target else { return };
        let mut own = links(doc, column);
        for link in &mut own {
            link.source = link.source.saturating_add(first);
        }
        let component = entry.type_id();
        match self.columns.iter_mut().find(|known| known.component == component) {
            Some(known) => known.links.extend(own),
            None => self.columns.push(LaterColumn { component, insert: target.insert, links: own }),
        }
    }

    /// Lets entities that would have given way have their ids again.
    pub(crate) fn take_back(self, world: &mut World) {
        if let Some(mut index) = world.get_resource_mut::<PersistIndex>() {
            index.fill(self.replaced.into_iter());
        }
    }

    /// Does all of it.
    pub(crate) fn insert(self, world: &mut World, report: &mut SpawnReport<Entity>) {
        make_room(world, &self.replaced, report);
        for mut moving in self.resources {
            raw::insert_resource(world, &mut moving);
            report.resources += 1;
        }
        for LaterColumn { insert, mut links, .. } in self.columns {
            links.sort_unstable();
            for link in &links {
                let source = report.entities.get(link.source as usize);
                if let (Some(&source), Some(&target)) = (source, report.entities.get(link.target as usize)) {
                    insert(world, source, target);
                }
            }
            report.values += links.len() as u64;
        }
    }
}

/// Moves the columns onto the entities, table by table, and returns how many values that were.
fn insert_tables(
    world: &mut World,
    doc: &WorldDoc<'_>,
    moving: &mut [Option<Moving>],
    spawners: &Spawners,
    entities: &mut [Entity],
) -> u64 {
    let ids = world.component_id::<PersistId>();
    let (mut first, mut values) = (0, 0);
    for table in &doc.tables {
        let rows = table.rows as usize;
        let entities = entities.get_mut(first..first + rows).unwrap_or_default();
        // Taken out and put back: only the table's own columns are looked at.
        let mut own: Vec<(u16, Moving)> = Vec::with_capacity(table.components.len());
        for &place in &table.components {
            own.extend(
                moving.get_mut(usize::from(place)).and_then(Option::take).map(|column| (place, column)),
            );
        }
        let mut columns: Vec<&mut Moving> = own.iter_mut().map(|(_, column)| column).collect();
        let ids_known = columns.iter().any(|column| Some(column.id()) == ids);
        if entities.first() == Some(&NOT_YET) {
            spawners.spawn_new(world, &mut columns, entities);
        } else {
            spawners.spawn(world, &mut columns, entities, ids_known);
        }
        values += u64::from(table.rows) * columns.len() as u64;
        for (place, column) in own {
            if let Some(slot) = moving.get_mut(usize::from(place)) {
                *slot = Some(column);
            }
        }
        first += rows;
    }
    values
}

/// Spawns what a column refers to: hooks and observers need it to be there.
fn spawn_targets(world: &mut World, column: &Column<'_>, entities: &[Entity]) {
    let (ColumnData::References { targets, .. } | ColumnData::Rows { targets, .. }) = &column.data else {
        return;
    };
    for &target in targets.iter() {
        let Some(&entity) = entities.get(target as usize) else { continue };
        if !world.entities().is_index_spawned(entity.index()) {
            // An id that was just allocated is free, and one that a hook took is spawned: neither is an error.
            let _ = world.spawn_empty_at(entity);
        }
    }
}

/// One row of a relationship. They are ordered as in the lists on their targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Link {
    pub(crate) target: u32,
    rank: u32,
    pub(crate) source: u32,
    pub(crate) row: u32,
}

/// The rows of a relationship that have a target, list by list in the order of the lists.
pub(crate) fn links(doc: &WorldDoc<'_>, column: &Column<'_>) -> Vec<Link> {
    let ColumnData::References { targets, ranks } = &column.data else { return Vec::new() };
    let mut links = Vec::with_capacity(targets.len());
    for ((row, &target), source) in (0..).zip(targets.iter()).zip(row_ordinals(doc, column)) {
        if target != NONE {
            let rank = ranks.as_ref().and_then(|ranks| ranks.get(row as usize)).copied().unwrap_or(0);
            links.push(Link { target, rank, source, row });
        }
    }
    links.sort_unstable();
    links
}

/// The entity ordinal of each row of a column.
pub(crate) fn row_ordinals<'d>(doc: &'d WorldDoc<'_>, column: &Column<'_>) -> impl Iterator<Item = u32> + 'd {
    let place = doc
        .columns
        .iter()
        .position(|other| std::ptr::eq(other, column))
        .and_then(|at| u16::try_from(at).ok());
    let mut first = 0;
    doc.tables.iter().flat_map(move |table| {
        let start = first;
        first += table.rows;
        let has = place.is_some_and(|place| table.components.binary_search(&place).is_ok());
        if has { start..first } else { 0..0 }
    })
}
