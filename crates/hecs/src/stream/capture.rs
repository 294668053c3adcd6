use std::ops::Range;

use hecs::World;
use keepstone_ecs_persist::{Column, Cuts, EcsWorld, Error, LeftBehind, PartColumns, PartSink, Table};

use crate::{
    capture::{Numbering, Plan, Stored},
    registry::{Registry, schema_of},
    stream::{
        cursor::{Cursor, Learnt},
        located::Located,
    },
};

/// Captures a world part by part: see [`EcsWorld::capture_parts`].
pub(crate) fn capture_parts(
    world: &World,
    registry: &Registry,
    rows_max: u32,
    sink: &mut dyn PartSink,
) -> Result<LeftBehind, Error> {
    let rows_max = rows_max.max(1);
    let archetypes = Stored::all(world);
    let mut plan = Plan::of(registry, &archetypes, Located::new(world))?;
    plan.columns_with_rows();
    let mut learnt = Vec::with_capacity(plan.columns.len());
    for column in &plan.columns {
        match Learnt::new(column, rows_max, &mut plan.ordinals)? {
            Some(column) => learnt.push(column),
            // A component whose codec can't learn is captured at once, and so then are all.
            None => return world.capture(registry)?.split(rows_max, sink),
        }
    }
    plan.add_bare();
    let total = plan.ordinals.next();
    let Plan { columns, tables, ordinals, left_out, entities_left_out, .. } = plan;
    let mut behind = LeftBehind::default();
    (behind.left_out, behind.entities) = (left_out, entities_left_out);
    sink.begin(schema_of(learnt.iter().map(|column| column.schema.clone())), total)?;

    let cursor = |(column, learnt)| Cursor::new(column, learnt, (total, rows_max));
    let cursors = columns.iter().zip(&learnt).map(cursor).collect();
    let mut cursors = Cursors { cursors, ordinals };
    let place = |place: &usize| u16::try_from(*place).unwrap_or(u16::MAX);
    let table = |(rows, columns): &(u32, Vec<usize>)| Table {
        rows: *rows,
        components: columns.iter().map(place).collect(),
    };
    let tables: Vec<Table> = tables.iter().map(table).collect();
    let mut cuts = Cuts::new(&tables, rows_max);
    while let Some(part) = cuts.next_part(&mut cursors)? {
        behind.dangling += part.doc.columns.iter().map(Column::dangling).sum::<u64>();
        sink.part(&part)?;
    }
    Ok(behind)
}

struct Cursors<'c, 'p, 'r> {
    cursors: Vec<Cursor<'c, 'p, 'r>>,
    ordinals: Located<'p>,
}

impl<'c> PartColumns<'c> for Cursors<'c, '_, '_> {
    fn count(&self) -> usize {
        self.cursors.len()
    }

    fn is_resource(&self, column: usize) -> bool {
        self.cursors.get(column).is_some_and(Cursor::is_resource)
    }

    fn take(&mut self, column: usize, rows: u32, _: Range<u32>) -> Result<Column<'c>, Error> {
        match self.cursors.get_mut(column) {
            Some(cursor) => cursor.take(rows, &mut self.ordinals),
            None => Err(Error::NotSupported { what: "rows of a component that has none" }),
        }
    }
}
