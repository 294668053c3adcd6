use std::ops::Range;

use bevy_ecs::world::World;
use keepstone_ecs_persist::{
    Column, Cuts, EcsWorld, Error, LeftBehind, PartColumns, PartSink, Schema, Table,
};

use crate::{
    capture::Plan,
    ordinals::Ordinals,
    registry::Registry,
    stream::cursor::{Cursor, Learnt},
};

/// Captures a world part by part: see [`EcsWorld::capture_parts`].
pub(crate) fn capture_parts(
    world: &World,
    registry: &Registry,
    rows_max: u32,
    sink: &mut dyn PartSink,
) -> Result<LeftBehind, Error> {
    let rows_max = rows_max.max(1);
    let mut plan = Plan::of(world, registry, Ordinals::unlisted(world));
    let mut learnt = Vec::with_capacity(plan.columns.len());
    for column in &plan.columns {
        if column.sources.is_empty() {
            learnt.push(None);
            continue;
        }
        match Learnt::new(world, column, rows_max as usize, &mut plan.ordinals)? {
            Some(column) => learnt.push(Some(column)),
            // A component whose codec can't learn is captured at once, and so then are all.
            None => return world.capture(registry)?.split(rows_max, sink),
        }
    }
    let total = plan.ordinals.next();
    let Plan { columns, tables, ordinals, left_out, entities_left_out, .. } = plan;
    let mut behind = LeftBehind::default();
    behind.left_out = left_out;
    // They were counted as left out before something referred to them.
    let bare = total - tables.iter().map(|(rows, _)| rows).sum::<u32>();
    behind.entities = entities_left_out.saturating_sub(u64::from(bare));
    sink.begin(Schema::of(learnt.iter().flatten().map(|column| column.schema.clone())), total)?;

    let cursor = |(column, learnt)| -> Option<Cursor<'_, '_, '_>> {
        let learnt: &Option<Learnt> = learnt;
        Some(Cursor::new(world, column, learnt.as_ref()?, (total, rows_max)))
    };
    let cursors = columns.iter().zip(&learnt).map(cursor).collect();
    let mut cursors = Cursors { cursors, ordinals };
    let tables = tables_of(&tables, bare);
    let mut cuts = Cuts::new(&tables, rows_max);
    while let Some(part) = cuts.next_part(&mut cursors)? {
        behind.dangling += part.doc.columns.iter().map(Column::dangling).sum::<u64>();
        sink.part(&part)?;
    }
    Ok(behind)
}

/// Tables that name columns by their places, those without rows among them.
fn tables_of(tables: &[(u32, Vec<usize>)], bare: u32) -> Vec<Table> {
    let place = |place: &usize| u16::try_from(*place).unwrap_or(u16::MAX);
    let table = |(rows, columns): &(u32, Vec<usize>)| Table {
        rows: *rows,
        components: columns.iter().map(place).collect(),
    };
    let bare = (bare > 0).then(|| Table { rows: bare, components: Vec::new() });
    tables.iter().map(table).chain(bare).collect()
}

struct Cursors<'c, 'w, 'r> {
    /// None for a component that has no rows.
    cursors: Vec<Option<Cursor<'c, 'w, 'r>>>,
    ordinals: Ordinals<'w>,
}

impl<'c, 'w: 'c> PartColumns<'c> for Cursors<'c, 'w, '_> {
    fn count(&self) -> usize {
        self.cursors.len()
    }

    fn is_resource(&self, column: usize) -> bool {
        self.cursors.get(column).and_then(Option::as_ref).is_some_and(Cursor::is_resource)
    }

    fn take(&mut self, column: usize, rows: u32, part: Range<u32>) -> Result<Column<'c>, Error> {
        match self.cursors.get_mut(column).and_then(Option::as_mut) {
            Some(cursor) => cursor.take(rows, part, &mut self.ordinals),
            None => Err(Error::NotSupported { what: "rows of a component that has none" }),
        }
    }
}
