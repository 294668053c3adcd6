use hecs::World;
use keepstone_ecs_persist::{Column, EcsWorld, Error, LeftBehind, PartSink, Table, WorldDoc, WorldPart};

use crate::{
    capture::{Plan, Stored},
    ordinals::Ordinals,
    registry::{Registry, schema_of},
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
    let archetypes = Stored::all(world);
    let mut plan = Plan::of(world, registry, &archetypes)?;
    plan.columns_with_rows();
    let mut learnt = Vec::with_capacity(plan.columns.len());
    for column in &plan.columns {
        match Learnt::new(column, rows_max as usize, &mut plan.ordinals)? {
            Some(column) => learnt.push(column),
            None => return capture_whole(world, registry, rows_max, sink),
        }
    }
    let total = plan.ordinals.next();
    plan.add_bare();
    let Plan { columns, tables, mut ordinals, left_out, entities_left_out, .. } = plan;
    let mut behind = LeftBehind::default();
    (behind.left_out, behind.entities) = (left_out, entities_left_out);

    sink.begin(schema_of(learnt.iter().map(|column| column.schema.clone())), total)?;
    let mut cursors: Vec<Cursor<'_, '_, '_>> =
        columns.iter().zip(&learnt).map(|(column, learnt)| Cursor::new(column, learnt)).collect();
    let mut cuts = Cuts { tables: tables.iter(), rest: None };
    let mut first = 0;
    loop {
        let doc = part(cuts.take(rows_max), first, &mut cursors, &mut ordinals)?;
        behind.dangling += doc.columns.iter().map(Column::dangling).sum::<u64>();
        let next = first + doc.entity_count();
        sink.part(&WorldPart::new(doc, first, total))?;
        first = next;
        if first >= total {
            return Ok(behind);
        }
    }
}

/// A component whose codec can't learn is captured at once, and so then are all.
fn capture_whole(
    world: &World,
    registry: &Registry,
    rows_max: u32,
    sink: &mut dyn PartSink,
) -> Result<LeftBehind, Error> {
    let capture = world.capture(registry)?;
    capture.doc.split(rows_max, sink)?;
    let mut behind = LeftBehind::default();
    behind.left_out = capture.left_out;
    behind.entities = capture.entities_left_out;
    behind.dangling = capture.dangling;
    Ok(behind)
}

/// Tables that are left, cut where parts end.
struct Cuts<'t> {
    tables: std::slice::Iter<'t, (u32, Vec<usize>)>,
    rest: Option<(u32, &'t [usize])>,
}

impl<'t> Cuts<'t> {
    fn take(&mut self, rows_max: u32) -> Vec<(u32, &'t [usize])> {
        let mut left = rows_max;
        let mut taken = Vec::new();
        while left > 0 {
            let next = || self.tables.next().map(|(rows, columns)| (*rows, columns.as_slice()));
            let Some((rows, columns)) = self.rest.take().or_else(next) else { break };
            let cut = rows.min(left);
            taken.push((cut, columns));
            left -= cut;
            self.rest = (rows > cut).then_some((rows - cut, columns));
        }
        taken
    }
}

/// The part with these tables, of which the first entity is `first`.
fn part<'c>(
    tables: Vec<(u32, &[usize])>,
    first: u32,
    cursors: &mut [Cursor<'c, '_, '_>],
    ordinals: &mut Ordinals<'_>,
) -> Result<WorldDoc<'c>, Error> {
    let mut rows = vec![0_usize; cursors.len()];
    for (count, columns) in &tables {
        for &column in *columns {
            if let Some(rows) = rows.get_mut(column) {
                *rows += *count as usize;
            }
        }
    }
    let mut doc = WorldDoc::default();
    let mut places: Vec<u16> = Vec::with_capacity(rows.len());
    for (cursor, rows) in cursors.iter_mut().zip(rows) {
        let rows = if cursor.is_resource() { usize::from(first == 0) } else { rows };
        places.push(u16::try_from(doc.columns.len()).unwrap_or(u16::MAX));
        if rows > 0 {
            doc.columns.push(cursor.take(rows, ordinals)?);
        }
    }
    let place = |column: &usize| places.get(*column).copied();
    let table = |(rows, columns): (u32, &[usize])| Table {
        rows,
        components: columns.iter().filter_map(place).collect(),
    };
    doc.tables = tables.into_iter().map(table).collect();
    Ok(doc)
}
