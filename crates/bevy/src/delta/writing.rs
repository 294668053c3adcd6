//! Values over those that are there.

use bevy_ecs::{component::ComponentId, entity::Entity, storage::TableId, world::World};
use keepstone_ecs_persist::ApplyReport;

use crate::{
    raw::{self, Moving},
    registry::Ops,
};

/// Moves the next values onto entities that are there already.
pub(super) fn write_over(
    world: &mut World,
    columns: &mut [(u16, Writing<'_>)],
    entities: &[Entity],
    has_id: impl Fn(u32) -> bool,
    report: &mut ApplyReport,
) {
    let ids: Vec<ComponentId> = columns.iter().map(|(_, column)| column.moving.id()).collect();
    let mut run = Run::default();
    let mut last = None;
    for (at, &entity) in (0_u32..).zip(entities) {
        let place = world.entities().get_spawned(entity).ok();
        let has_all = place.is_some_and(|place| match last {
            Some((archetype, has)) if archetype == place.archetype_id => has,
            _ => {
                let archetype = world.archetypes().get(place.archetype_id);
                let has = archetype.is_some_and(|own| ids.iter().all(|&id| own.contains(id)));
                last = Some((place.archetype_id, has));
                has
            }
        });
        if let Some(place) = place.filter(|_| has_all) {
            if run.table != Some(place.table_id) {
                run.write(world, columns, &has_id, report);
                run.table = Some(place.table_id);
            }
            run.rows.push(place.table_row.index_u32());
            run.entities.push((at, entity));
            continue;
        }
        // What is inserted moves entities: nothing may wait for its place.
        run.write(world, columns, &has_id, report);
        let is_there = place.is_some();
        let mut row: Vec<(&mut Moving, bool)> = Vec::with_capacity(columns.len());
        for (_, column) in columns.iter_mut() {
            let wanted = is_there && !(column.is_id && has_id(at));
            report.written += u64::from(wanted);
            row.push((&mut column.moving, wanted));
        }
        raw::write_row(world, &mut row, entity);
    }
    run.write(world, columns, &has_id, report);
}

/// A column on its way into the world.
pub(super) struct Writing<'r> {
    pub(super) moving: Moving,
    pub(super) ops: &'r Ops,
    pub(super) is_id: bool,
}

/// Entities of one table that have all components of the next values.
#[derive(Default)]
struct Run {
    table: Option<TableId>,
    rows: Vec<u32>,
    /// With their places among those that are written.
    entities: Vec<(u32, Entity)>,
}

impl Run {
    fn write(
        &mut self,
        world: &mut World,
        columns: &mut [(u16, Writing<'_>)],
        has_id: impl Fn(u32) -> bool,
        report: &mut ApplyReport,
    ) {
        let Some(table) = self.table.take() else { return };
        // Whole columns first: what is inserted runs hooks, and they may move entities.
        let mut waiting: Vec<&mut Writing<'_>> = Vec::new();
        for (_, column) in columns {
            if column.ops.column.replace(world, &mut column.moving, table, &self.rows) {
                report.written += self.rows.len() as u64;
            } else {
                waiting.push(column);
            }
        }
        for column in waiting {
            for &(at, entity) in &self.entities {
                let wanted = !(column.is_id && has_id(at));
                report.written += u64::from(wanted);
                raw::write_row(world, &mut [(&mut column.moving, wanted)], entity);
            }
        }
        self.rows.clear();
        self.entities.clear();
    }
}
