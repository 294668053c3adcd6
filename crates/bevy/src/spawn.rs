use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::{Column, ColumnData, Entry, Error, NONE, SpawnOptions, SpawnReport, WorldDoc};

use crate::{
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
    match decode(doc, registry, options, ids) {
        Ok((columns, report)) => Ok(place(world, doc, columns, report)),
        Err((error, ids)) => {
            world.entity_allocator_mut().free_many(&ids);
            Err(error)
        }
    }
}

/// What becomes of a column.
enum Decoded<'r> {
    /// Its component is not registered.
    Unknown,
    /// Its values are inserted with the rest of each entity.
    Rows(&'r Entry<Ops>, Box<dyn Values>),
    /// Its rows are inserted once all entities are there, in an order of their own.
    Later(&'r Entry<Ops>),
}

type Decoding<'r> = Result<(Vec<Decoded<'r>>, SpawnReport<Entity>), (Error, Vec<Entity>)>;

/// Decodes all columns, so that nothing is spawned from a file that can't be.
fn decode<'r>(
    doc: &WorldDoc<'_>,
    registry: &'r Registry,
    options: &SpawnOptions,
    ids: Vec<Entity>,
) -> Decoding<'r> {
    let mut unknown = Vec::new();
    let mut spawned = Spawned { entities: &ids, dangling: 0 };
    let mut columns = Vec::with_capacity(doc.columns.len());
    let mut needs = 0_u64;
    for (column, rows) in doc.columns.iter().zip(doc.rows_per_column()) {
        let size = registry.get(&column.schema.name).map_or(0, |entry| entry.ops().size);
        needs = needs.saturating_add(u64::from(rows).saturating_mul(size as u64));
        if needs > options.bytes_max {
            let (what, allowed) = ("bytes of component values", options.bytes_max);
            return Err((Error::Limit { what, needs, allowed }, ids));
        }
        match decode_column(column, rows, registry, &mut spawned) {
            Ok(Decoded::Unknown) if options.strict => {
                return Err((Error::UnknownComponent { name: column.schema.name.clone() }, ids));
            }
            Ok(Decoded::Unknown) => {
                unknown.push((column.schema.name.clone(), u64::from(rows)));
                columns.push(Decoded::Unknown);
            }
            Ok(decoded) => columns.push(decoded),
            Err(error) => return Err((error, ids)),
        }
    }
    let dangling = spawned.dangling;
    if options.strict && dangling > 0 {
        let what = "references to entities that are not in the file".to_owned();
        return Err((Error::CouldNotPlace { what, count: dangling }, ids));
    }
    let mut report = SpawnReport::new(ids);
    report.unknown = unknown;
    report.dangling = dangling;
    Ok((columns, report))
}

fn decode_column<'r>(
    column: &Column<'_>,
    rows: u32,
    registry: &'r Registry,
    spawned: &mut Spawned<'_>,
) -> Result<Decoded<'r>, Error> {
    let schema = &column.schema;
    let Some(entry) = registry.get(&schema.name) else { return Ok(Decoded::Unknown) };
    if schema.version > entry.version() {
        return Err(Error::NewerComponent {
            name: schema.name.clone(),
            found: schema.version,
            newest: entry.version(),
        });
    }
    if let (Some(_), ColumnData::References { targets, ranks }) = (entry.ops().target, &column.data) {
        let dangling = targets.iter().filter(|&&target| target == NONE).count() as u64;
        if dangling > 0 || ranks.is_some() {
            spawned.dangling += dangling;
            return Ok(Decoded::Later(entry));
        }
    }
    let values = (entry.ops().decode)(column, rows as usize, spawned)?;
    Ok(Decoded::Rows(entry, values))
}

fn place(
    world: &mut World,
    doc: &WorldDoc<'_>,
    decoded: Vec<Decoded<'_>>,
    mut report: SpawnReport<Entity>,
) -> SpawnReport<Entity> {
    let mut later = Vec::new();
    let mut moving: Vec<Option<Moving>> = Vec::with_capacity(decoded.len());
    for (column, decoded) in doc.columns.iter().zip(decoded) {
        moving.push(match decoded {
            Decoded::Unknown => None,
            Decoded::Later(entry) => {
                later.extend(entry.ops().target.map(|target| (column, target)));
                None
            }
            Decoded::Rows(entry, values) => {
                if entry.ops().target.is_some() {
                    spawn_targets(world, column, &report.entities);
                }
                Some(Moving::new((entry.ops().register)(world), values))
            }
        });
    }
    let mut first = 0;
    for table in &doc.tables {
        let rows = table.rows as usize;
        let entities = report.entities.get(first..first + rows).unwrap_or_default();
        let mut columns: Vec<&mut Moving> = (0_u16..)
            .zip(&mut moving)
            .filter(|(place, _)| table.components.binary_search(place).is_ok())
            .filter_map(|(_, column)| column.as_mut())
            .collect();
        raw::insert_rows(world, &mut columns, entities);
        report.values += table.rows as u64 * columns.len() as u64;
        first += rows;
    }
    for (column, target) in later {
        report.values += insert_later(world, doc, column, target.insert, &report.entities);
    }
    for (column, moving) in doc.columns.iter().zip(&mut moving) {
        if let (true, Some(moving)) = (column.schema.resource, moving) {
            raw::insert_resource(world, moving);
            report.resources += 1;
        }
    }
    report
}

/// Spawns what relationships point to: their hooks need it to be there.
fn spawn_targets(world: &mut World, column: &Column<'_>, entities: &[Entity]) {
    let ColumnData::References { targets, .. } = &column.data else { return };
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
