use bevy_ecs::{entity::Entity, world::World};
use keepstone_ecs_persist::{Column, ColumnData, Error, RestoreReport, WorldDoc};

use crate::{
    identity::PersistIndex,
    kept,
    raw::{self, Moving},
    restore::plan::{Change, Plan},
    rows,
    spawn::{self, Link},
};

/// Does what was planned.
pub(super) fn apply(
    world: &mut World,
    doc: &WorldDoc<'_>,
    mut plan: Plan<'_, '_, '_>,
    mut report: RestoreReport<Entity>,
) -> Result<RestoreReport<Entity>, Error> {
    report.unknown = std::mem::take(&mut plan.unknown);
    // First of all, while the tables are as they were compared: nothing is moved by this, and no hook runs.
    for (column, change) in changes(doc, &plan) {
        overwrite(world, column, change, &mut report);
    }
    for &entity in plan.missing.iter().filter_map(|&ordinal| report.entities.get(ordinal as usize)) {
        // An id that was just allocated is free.
        let _ = world.spawn_empty_at(entity);
    }
    for &(entity, id) in &plan.removed {
        if let Ok(mut entity) = world.get_entity_mut(entity) {
            entity.remove_by_id(id);
            report.removed += 1;
        }
    }
    // Before anything is despawned: a parent that goes takes along the children that it still has.
    let links: Vec<(usize, Vec<Link>)> = doc
        .columns
        .iter()
        .zip(&plan.columns)
        .enumerate()
        .filter(|(_, (_, change))| change.as_ref().is_some_and(|change| change.entry.ops().target.is_some()))
        .map(|(place, (column, _))| (place, spawn::links(doc, column)))
        .collect();
    for (place, links) in &links {
        if let Some(Some(change)) = plan.columns.get(*place) {
            link(world, change, links, &mut report);
        }
    }
    for &entity in &plan.despawned {
        // It may have gone with another of them already.
        if world.try_despawn(entity).is_ok() {
            report.despawned += 1;
        }
    }
    write(world, doc, &mut plan, &mut report);
    for (place, links) in &links {
        if let Some(Some(change)) = plan.columns.get(*place) {
            order(world, change, links, &report.entities);
        }
    }
    for &id in &plan.removed_resources {
        report.removed += u64::from(world.remove_resource_by_id(id));
    }
    if let Some(source) = plan.source {
        world.get_resource_or_init::<PersistIndex>().join(source);
    }
    kept::keep(world, plan.kept, &report.entities)?;
    Ok(report)
}

fn changes<'p, 'c, 'a, 'r>(
    doc: &'c WorldDoc<'a>,
    plan: &'p Plan<'r, '_, '_>,
) -> impl Iterator<Item = (&'c Column<'a>, &'p Change<'r>)> {
    doc.columns.iter().zip(&plan.columns).filter_map(|(column, change)| Some((column, change.as_ref()?)))
}

fn overwrite(
    world: &mut World,
    column: &Column<'_>,
    change: &Change<'_>,
    report: &mut RestoreReport<Entity>,
) {
    report.unchanged += change.unchanged;
    let ColumnData::Plain(pieces) = &column.data else { return };
    for (table, rows) in &change.overwrites {
        let bytes = rows::plain(pieces, rows.start * change.row_size..rows.end * change.row_size);
        let written = change.entry.ops().column.overwrite(world, *table, &bytes);
        report.written += written;
        report.unchanged += (rows.len() as u64).saturating_sub(written);
    }
}

fn link(world: &mut World, change: &Change<'_>, links: &[Link], report: &mut RestoreReport<Entity>) {
    let Some(ops) = change.entry.ops().target else { return };
    for link in links.iter().filter(|link| change.writes.get(link.row as usize) == Some(&true)) {
        let entity = |ordinal: u32| report.entities.get(ordinal as usize).copied();
        if let (Some(source), Some(target)) = (entity(link.source), entity(link.target)) {
            (ops.insert)(world, source, target);
            report.written += 1;
        }
    }
}

/// Puts every list into the order that the document has for it.
fn order(world: &mut World, change: &Change<'_>, links: &[Link], entities: &[Entity]) {
    let Some(ops) = change.entry.ops().target else { return };
    let entity = |ordinal: u32| entities.get(ordinal as usize).copied();
    for list in links.chunk_by(|a, b| a.target == b.target).filter(|list| list.len() > 1) {
        let sources: Vec<Entity> = list.iter().filter_map(|link| entity(link.source)).collect();
        if let Some(target) = list.first().and_then(|link| entity(link.target)) {
            (ops.order)(world, target, &sources);
        }
    }
}

/// A column on its way into the world.
struct Writing {
    place: u16,
    moving: Moving,
    /// By row of the column.
    writes: Vec<bool>,
    next: usize,
}

/// Moves the values that differ onto the entities, table by table, and sets the resources.
fn write(
    world: &mut World,
    doc: &WorldDoc<'_>,
    plan: &mut Plan<'_, '_, '_>,
    report: &mut RestoreReport<Entity>,
) {
    let mut columns: Vec<Writing> = Vec::new();
    for ((place, column), change) in (0..).zip(&doc.columns).zip(&mut plan.columns) {
        let Some(change) = change else { continue };
        let Some(values) = change.values.take() else { continue };
        let mut moving = Moving::new((change.entry.ops().register)(world), values);
        if column.schema.resource {
            raw::insert_resource(world, &mut moving);
            report.written += 1;
        } else {
            columns.push(Writing { place, moving, writes: std::mem::take(&mut change.writes), next: 0 });
        }
    }
    let mut first = 0;
    for table in &doc.tables {
        let rows = first..first + table.rows as usize;
        first = rows.end;
        let in_table = |column: &&mut Writing| table.components.binary_search(&column.place).is_ok();
        let mut own: Vec<&mut Writing> = columns.iter_mut().filter(in_table).collect();
        // Tables that nothing is written to are passed over as a whole.
        own.retain_mut(|column| {
            let end = column.next + rows.len();
            let any = column.writes.get(column.next..end).is_some_and(|writes| writes.contains(&true));
            if !any {
                column.next = end;
                column.moving.skip(rows.len());
            }
            any
        });
        if own.is_empty() {
            continue;
        }
        for &entity in report.entities.get(rows).unwrap_or_default() {
            let mut row: Vec<(&mut Moving, bool)> = Vec::with_capacity(own.len());
            for column in &mut own {
                let wanted = column.writes.get(column.next) == Some(&true);
                column.next += 1;
                report.written += u64::from(wanted);
                row.push((&mut column.moving, wanted));
            }
            raw::write_row(world, &mut row, entity);
        }
    }
}
