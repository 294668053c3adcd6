use hecs::{CommandBuffer, Entity, EntityBuilder, World};
use keepstone_ecs_persist::{Error, SpawnOptions, SpawnReport, WorldDoc};

use crate::{
    builtin,
    claims::Claims,
    decode::Decoding,
    kept::{self, Kept, KeptRow},
    ordinals::Spawned,
    registry::Registry,
    spawn::{check_limits, report},
    values::Values,
};

/// Records the spawn of a document, for a world that can't be changed now: its entities get their components when the buffer is run on
/// this world. Otherwise as [`EcsWorld::spawn_doc`](keepstone_ecs_persist::EcsWorld::spawn_doc).
///
/// The entities are reserved at once, so the report names them. As all that hecs reserves, they become entities without components
/// if the world is flushed before the buffer is run. Entities of the world that give way to those of the document
/// ([`IdConflict::Replace`](keepstone_ecs_persist::IdConflict::Replace)) stay until then. Ids are chosen for the world as it is: run
/// the buffer before more ids are handed out, or another document with ids is recorded.
///
/// # Errors
/// As [`EcsWorld::spawn_doc`](keepstone_ecs_persist::EcsWorld::spawn_doc). When a value can't be decoded, the entities are reserved
/// already: the buffer despawns them when it is run, and does nothing else.
pub fn spawn_doc_queued(
    buffer: &mut CommandBuffer,
    world: &World,
    doc: &WorldDoc<'_>,
    registry: &Registry,
    options: &SpawnOptions,
) -> Result<SpawnReport<Entity>, Error> {
    doc.check()?;
    let placed = builtin::with_foreign(doc, registry);
    let doc = placed.as_ref().unwrap_or(doc);
    check_limits(world, doc.entity_count(), options)?;
    let decoding = Decoding::new(world, doc, registry, options);
    decoding.check()?;
    decoding
        .refuse_handles("keeping handles through a command buffer; use a registry without keep_handles")?;
    let mut claims = Claims::new(world, options.ids);
    let claimed = decoding.claim(world, &mut claims)?;
    let source = claims.finish()?;
    let entities: Vec<Entity> = world.reserve_entities(doc.entity_count()).collect();
    let mut columns: Vec<Column> = Vec::with_capacity(doc.columns.len());
    let mut resources = Vec::new();
    for (at, (column, rows)) in doc.columns.iter().zip(doc.rows_per_column()).enumerate() {
        let mut spawned = Spawned { entities: &entities };
        let ids = claimed.as_ref().filter(|claimed| claimed.column == at);
        let decoded = match (decoding.entry(column), ids) {
            (Some(_), Some(claimed)) => Ok(Column::Values(Box::new(claimed.ids.clone().into_iter()))),
            (Some(entry), None) => {
                entry.ops().column.decode(column, rows as usize, &mut spawned).map(Column::Values)
            }
            (None, _) => decoding.keep(column, rows, &spawned).map(Column::kept),
        };
        match decoded {
            Ok(Column::Kept(rows)) if column.schema.resource => {
                resources.extend(rows);
                columns.push(Column::Skipped);
            }
            Ok(column) => columns.push(column),
            Err(error) => {
                for &entity in &entities {
                    buffer.despawn(entity);
                }
                return Err(error);
            }
        }
    }
    for &entity in &claims.victims {
        buffer.despawn(entity);
    }
    let values = record(buffer, doc, columns, &entities);
    buffer.queue(move |world| kept::keep_resources(world, resources, source));
    Ok(report(&decoding, claims, entities, values))
}

/// What becomes of a column.
enum Column {
    Skipped,
    Kept(std::vec::IntoIter<KeptRow>),
    Values(Box<dyn Values>),
}

impl Column {
    fn kept(rows: Option<Vec<KeptRow>>) -> Self {
        rows.map_or(Self::Skipped, |rows| Self::Kept(rows.into_iter()))
    }
}

/// Records the components of each entity, and returns how many values they are.
fn record(
    buffer: &mut CommandBuffer,
    doc: &WorldDoc<'_>,
    mut columns: Vec<Column>,
    entities: &[Entity],
) -> u64 {
    let mut entities = entities.iter();
    let mut builder = EntityBuilder::new();
    let mut count = 0;
    for table in &doc.tables {
        for &entity in entities.by_ref().take(table.rows as usize) {
            let mut kept = Vec::new();
            for place in &table.components {
                match columns.get_mut(usize::from(*place)) {
                    Some(Column::Values(values)) => {
                        values.add_to(&mut builder);
                        count += 1;
                    }
                    Some(Column::Kept(rows)) => kept.extend(rows.next()),
                    _ => {}
                }
            }
            if !kept.is_empty() {
                builder.add(Kept { rows: kept });
            }
            buffer.insert(entity, builder.build());
        }
    }
    count
}
