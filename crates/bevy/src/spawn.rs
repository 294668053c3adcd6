use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::{
    Column, ColumnData, Entry, Error, NONE, SpawnOptions, SpawnReport, Unknown, WorldDoc,
};

use crate::{
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
    doc.check()?;
    let count = doc.entity_count();
    if count > options.entities_max {
        return Err(Error::Limit {
            what: "entities",
            needs: count.into(),
            allowed: options.entities_max.into(),
        });
    }
    let ids: Vec<Entity> = world.entity_allocator().alloc_many(count).collect();
    match decode(world.get_resource(), doc, registry, options, &ids) {
        Ok(columns) => place(world, doc, columns, SpawnReport::new(ids)),
        Err(error) => {
            world.entity_allocator_mut().free_many(&ids);
            Err(error)
        }
    }
}

/// What becomes of a column.
enum Decoded<'r, 'd, 'a> {
    /// Its component is not registered, and it is left out.
    Skipped,
    /// Its component is not registered, and it is kept.
    Kept(Unplaced<'d, 'a>),
    /// Its values are inserted with the rest of each entity.
    Rows(&'r Entry<Ops>, Box<dyn Values>),
    /// Its rows are inserted once all entities are there, in an order of their own.
    Later(&'r Entry<Ops>),
}

/// What an entity takes in bevy's lists, about.
const ENTITY_LEN: u64 = 80;
/// What bevy adds to each value: when it was added and when it was changed.
const TICKS_LEN: usize = 8;
/// What a kept row takes beside its bytes, about.
const KEPT_ROW_LEN: usize = 160;

/// Decodes all columns, so that nothing is spawned from a file that can't be.
fn decode<'r, 'd, 'a>(
    kept: Option<&Kept>,
    doc: &'d WorldDoc<'a>,
    registry: &'r Registry,
    options: &SpawnOptions,
    ids: &[Entity],
) -> Result<Vec<Decoded<'r, 'd, 'a>>, Error> {
    let mut needs = u64::from(doc.entity_count()).saturating_mul(ENTITY_LEN);
    let mut columns = Vec::with_capacity(doc.columns.len());
    let mut kept_ordinals = unknown_ordinals(doc, registry, options);
    for (place, (column, rows)) in doc.columns.iter().zip(doc.rows_per_column()).enumerate() {
        let size =
            registry.get(&column.schema.name).map_or(KEPT_ROW_LEN, |entry| entry.ops().size + TICKS_LEN);
        needs = needs.saturating_add(u64::from(rows).saturating_mul(size as u64));
        if needs > options.bytes_max {
            let (what, allowed) = ("bytes of component values", options.bytes_max);
            return Err(Error::Limit { what, needs, allowed });
        }
        let mut spawned = Spawned { entities: ids };
        columns.push(match registry.get(&column.schema.name) {
            Some(entry) => decode_column(column, rows, entry, &mut spawned)?,
            None => match options.unknown {
                Unknown::Keep => {
                    kept.map_or(Ok(()), |kept| kept.check(&column.schema))?;
                    let ordinals = kept_ordinals.get_mut(place).map(std::mem::take).unwrap_or_default();
                    Decoded::Kept(Unplaced::new(column, ordinals, rows as usize, &spawned)?)
                }
                Unknown::Skip => Decoded::Skipped,
                _ => return Err(Error::UnknownComponent { name: column.schema.name.clone() }),
            },
        });
    }
    let count = dangling(doc);
    if options.refuse_dangling && count > 0 {
        return Err(Error::Dangling { count });
    }
    Ok(columns)
}

/// The entity of each row of the columns that will be kept, in one walk over the tables.
fn unknown_ordinals(doc: &WorldDoc<'_>, registry: &Registry, options: &SpawnOptions) -> Vec<Vec<u32>> {
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

fn dangling(doc: &WorldDoc<'_>) -> u64 {
    doc.columns.iter().map(Column::dangling).sum()
}

fn decode_column<'r, 'd, 'a>(
    column: &Column<'_>,
    rows: u32,
    entry: &'r Entry<Ops>,
    spawned: &mut Spawned<'_>,
) -> Result<Decoded<'r, 'd, 'a>, Error> {
    let schema = &column.schema;
    if schema.version > entry.version() {
        let (name, found, newest) = (schema.name.clone(), schema.version, entry.version());
        return Err(Error::NewerComponent { name, found, newest });
    }
    if let (Some(_), ColumnData::References { targets, ranks }) = (entry.ops().target, &column.data)
        && (ranks.is_some() || targets.contains(&NONE))
    {
        return Ok(Decoded::Later(entry));
    }
    let values = (entry.ops().decode)(column, rows as usize, spawned)?;
    Ok(Decoded::Rows(entry, values))
}

fn place(
    world: &mut World,
    doc: &WorldDoc<'_>,
    decoded: Vec<Decoded<'_, '_, '_>>,
    mut report: SpawnReport<Entity>,
) -> Result<SpawnReport<Entity>, Error> {
    let (mut later, mut kept) = (Vec::new(), Vec::new());
    let mut moving: Vec<Option<Moving>> = Vec::with_capacity(decoded.len());
    for ((column, rows), decoded) in doc.columns.iter().zip(doc.rows_per_column()).zip(decoded) {
        if matches!(decoded, Decoded::Skipped | Decoded::Kept(_)) {
            report.unknown.push((column.schema.name.clone(), u64::from(rows)));
        }
        moving.push(match decoded {
            Decoded::Skipped => None,
            Decoded::Kept(column) => {
                kept.push(column);
                None
            }
            Decoded::Later(entry) => {
                later.extend(entry.ops().target.map(|target| (column, target)));
                None
            }
            Decoded::Rows(entry, values) => {
                spawn_targets(world, column, &report.entities);
                Some(Moving::new((entry.ops().register)(world), values))
            }
        });
    }
    report.values += insert_tables(world, doc, &mut moving, &report.entities);
    for (column, target) in later {
        report.values += insert_later(world, doc, column, target.insert, &report.entities);
    }
    for (column, moving) in doc.columns.iter().zip(&mut moving) {
        if let (true, Some(moving)) = (column.schema.resource, moving) {
            raw::insert_resource(world, moving);
            report.resources += 1;
        }
    }
    report.dangling = dangling(doc);
    kept::keep(world, kept, &report.entities)?;
    Ok(report)
}

/// Moves the columns onto the entities, table by table, and returns how many values that were.
fn insert_tables(
    world: &mut World,
    doc: &WorldDoc<'_>,
    moving: &mut [Option<Moving>],
    entities: &[Entity],
) -> u64 {
    let (mut first, mut values) = (0, 0);
    for table in &doc.tables {
        let rows = table.rows as usize;
        let entities = entities.get(first..first + rows).unwrap_or_default();
        // Taken out and put back: only the table's own columns are looked at.
        let mut own: Vec<(u16, Moving)> = Vec::with_capacity(table.components.len());
        for &place in &table.components {
            own.extend(
                moving.get_mut(usize::from(place)).and_then(Option::take).map(|column| (place, column)),
            );
        }
        let mut columns: Vec<&mut Moving> = own.iter_mut().map(|(_, column)| column).collect();
        raw::insert_rows(world, &mut columns, entities);
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

/// Inserts relationships in the order of the lists on their targets.
fn insert_later(
    world: &mut World,
    doc: &WorldDoc<'_>,
    column: &Column<'_>,
    insert: fn(&mut World, Entity, Entity),
    entities: &[Entity],
) -> u64 {
    let ColumnData::References { targets, ranks } = &column.data else { return 0 };
    let mut rows: Vec<(u32, u32, u32)> = Vec::with_capacity(targets.len()); // target, rank, ordinal of the row
    for (row, (&target, ordinal)) in targets.iter().zip(row_ordinals(doc, column)).enumerate() {
        if target != NONE {
            let rank = ranks.as_ref().and_then(|ranks| ranks.get(row)).copied().unwrap_or(0);
            rows.push((target, rank, ordinal));
        }
    }
    rows.sort_unstable();
    for &(target, _, ordinal) in &rows {
        if let (Some(&source), Some(&target)) =
            (entities.get(ordinal as usize), entities.get(target as usize))
        {
            insert(world, source, target);
        }
    }
    rows.len() as u64
}

/// The entity ordinal of each row of a column.
fn row_ordinals<'d>(doc: &'d WorldDoc<'_>, column: &Column<'_>) -> impl Iterator<Item = u32> + 'd {
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
