use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use keepstone_ecs_persist::{Capture, DeltaWorld, Mark, NONE, WorldDelta, WorldDoc};

use crate::error::Error;

/// A mark with a copy of all values, for [`WorldDeltas::audit`](crate::WorldDeltas::audit). It takes as much memory as the values of the
/// world.
#[derive(Debug, Clone)]
pub struct AuditMark<D> {
    mark: Mark<D>,
    doc: WorldDoc<'static>,
}

/// A value that was changed behind the back of change detection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Missed<E> {
    /// The entity; none for a resource.
    pub entity: Option<E>,
    /// The component.
    pub component: String,
}

pub(super) fn mark<M, W: DeltaWorld<M>>(
    world: &mut W,
    registry: &W::Registry,
) -> Result<AuditMark<W::Detail>, Error> {
    let (capture, mark) = world.mark(registry)?;
    Ok(AuditMark { doc: capture.doc.into_owned(), mark })
}

pub(super) fn audit<M, W: DeltaWorld<M, Entity: Hash>>(
    world: &mut W,
    since: &AuditMark<W::Detail>,
    registry: &W::Registry,
) -> Result<Vec<Missed<W::Entity>>, Error> {
    let told = world.delta(&since.mark, registry)?;
    let capture = world.capture(registry)?;
    let rows = rows::<M, W>(&capture, &told.mark);
    let old_rows: Vec<u32> = (0..since.doc.entity_count()).collect();
    let all = WorldDelta::between(&since.mark, &since.doc, &old_rows, &capture.doc, &rows)?;
    let known: HashSet<(&str, Option<u32>)> = values(&told.delta).collect();
    let missed = values(&all).filter(|value| !known.contains(value));
    let entity = |row: u32| W::entity_of_row(&told.mark, row);
    Ok(missed
        .map(|(component, row)| Missed { entity: row.and_then(entity), component: component.to_owned() })
        .collect())
}

/// The row number of each entity of a capture, by the mark that was taken with it.
fn rows<M, W: DeltaWorld<M, Entity: Hash>>(
    capture: &Capture<'_, W::Entity>,
    now: &Mark<W::Detail>,
) -> Vec<u32> {
    let named = (0..now.rows).filter_map(|row| Some((W::entity_of_row(now, row)?, row)));
    let by_entity: HashMap<W::Entity, u32> = named.collect();
    capture.entities().map(|entity| by_entity.get(&entity).copied().unwrap_or(NONE)).collect()
}

/// The values that a delta writes, by component and row; resources have none.
fn values<'d>(delta: &'d WorldDelta<'_>) -> impl Iterator<Item = (&'d str, Option<u32>)> {
    let mut first = 0;
    let of_tables = delta.doc.tables.iter().flat_map(move |table| {
        let rows = first..first + table.rows as usize;
        first = rows.end;
        let rows = delta.rows.get(rows).unwrap_or_default();
        table.components.iter().flat_map(move |&component| {
            let column = delta.doc.columns.get(usize::from(component));
            column
                .into_iter()
                .flat_map(move |column| rows.iter().map(move |&row| (column.schema.name.as_str(), Some(row))))
        })
    });
    let resources = delta.doc.columns.iter().filter(|column| column.schema.resource);
    of_tables.chain(resources.map(|column| (column.schema.name.as_str(), None)))
}
