use bevy_ecs::world::World;
use keepstone_ecs_persist::{
    Column, EcsWorld, Error, LeftBehind, PartSink, Schema, Table, WorldDoc, WorldPart,
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
    let mut plan = Plan::of(world, registry);
    let mut learnt = Vec::with_capacity(plan.columns.len());
    for column in &plan.columns {
        if column.sources.is_empty() {
            learnt.push(None);
            continue;
        }
        match Learnt::new(world, column, rows_max as usize, &mut plan.ordinals)? {
            Some(column) => learnt.push(Some(column)),
            None => return capture_whole(world, registry, rows_max, sink),
        }
    }
    let total = plan.ordinals.next();
    let Plan { columns, mut tables, mut ordinals, left_out, entities_left_out, .. } = plan;
    let mut behind = LeftBehind::default();
    behind.left_out = left_out;
    // They were counted as left out before something referred to them.
    let bare = total - tables.iter().map(|(rows, _)| rows).sum::<u32>();
    behind.entities = entities_left_out.saturating_sub(u64::from(bare));
    if bare > 0 {
        tables.push((bare, Vec::new()));
    }
    sink.begin(Schema::of(learnt.iter().flatten().map(|column| column.schema.clone())), total)?;
    let cursor = |(column, learnt)| -> Option<Cursor<'_, '_, '_>> {
        let learnt: &Option<Learnt> = learnt;
        Some(Cursor::new(world, column, learnt.as_ref()?))
    };
    let mut cursors: Vec<Option<Cursor<'_, '_, '_>>> = columns.iter().zip(&learnt).map(cursor).collect();
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
fn part<'c, 'w: 'c>(
    tables: Vec<(u32, &[usize])>,
    first: u32,
    cursors: &mut [Option<Cursor<'c, 'w, '_>>],
    ordinals: &mut Ordinals<'w>,
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
    let mut places: Vec<Option<u16>> = Vec::with_capacity(rows.len());
    for (cursor, rows) in cursors.iter_mut().zip(rows) {
        let Some(cursor) = cursor else {
            places.push(None);
            continue;
        };
        let rows = if cursor.is_resource() { usize::from(first == 0) } else { rows };
        places.push(u16::try_from(doc.columns.len()).ok().filter(|_| rows > 0));
        if rows > 0 {
            doc.columns.push(cursor.take(rows, ordinals)?);
        }
    }
    let place = |column: &usize| places.get(*column).copied().flatten();
    let table = |(rows, columns): (u32, &[usize])| Table {
        rows,
        components: columns.iter().filter_map(place).collect(),
    };
    doc.tables = tables.into_iter().map(table).collect();
    Ok(doc)
}
