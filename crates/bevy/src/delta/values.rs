//! Where the values of a delta come from.

use std::collections::HashMap;

use bevy_ecs::{
    component::{ComponentId, ComponentInfo, StorageType},
    world::World,
};
use keepstone_ecs_persist::{Column, ColumnData, ComponentSchema, Encoding, NONE};

use crate::{
    capture::{Planned, PlannedKind},
    delta::{
        links::LinkRow,
        live::LiveTable,
        numbers::known,
        sets::{Group, Run},
    },
    source::Source,
};

/// The rows of a relationship in the order of the tables.
pub(super) fn linked(
    planned: &Planned<'_, '_>,
    links: &[LinkRow],
    groups: &[Group],
    column: u16,
) -> Column<'static> {
    let (mut targets, mut ranks) = (Vec::with_capacity(links.len()), Vec::with_capacity(links.len()));
    for group in groups.iter().filter(|group| group.columns.contains(&column)) {
        for (row, _) in group.runs.iter().flat_map(|run| &run.rows) {
            let Ok(at) = links.binary_search_by_key(row, |link| link.row) else { continue };
            if let Some(link) = links.get(at) {
                targets.push(link.target);
                ranks.push(link.rank);
            }
        }
    }
    let known = known(planned);
    let encoding = Encoding::Reference { linked: true };
    Column {
        schema: ComponentSchema::new(&known.name, known.version, false, encoding),
        data: ColumnData::References { targets: targets.into(), ranks: Some(ranks.into()) },
    }
}

/// Where the values of a delta come from: the same for all columns of a table that are stored alike.
pub(super) struct Sources {
    /// By group and run.
    made: Vec<Vec<[Option<Source>; 2]>>,
}

impl Sources {
    pub(super) fn of(groups: &[Group]) -> Self {
        Self { made: groups.iter().map(|group| vec![[None, None]; group.runs.len()]).collect() }
    }

    pub(super) fn take(
        &mut self,
        column: u16,
        planned: &Planned<'_, '_>,
        world: &World,
        live: &[LiveTable<'_>],
        groups: &[Group],
    ) -> Vec<Source> {
        let storage = match planned.kind {
            PlannedKind::Registered(id, _) => storage_of(world, id),
            PlannedKind::Kept(..) => None,
        };
        let mut sources = Vec::new();
        for (group, made) in groups.iter().zip(&mut self.made) {
            if !group.columns.contains(&column) {
                continue;
            }
            for (run, [in_table, elsewhere]) in group.runs.iter().zip(made) {
                let made = if storage == Some(StorageType::Table) { in_table } else { elsewhere };
                sources.push(made.get_or_insert_with(|| source(run, live, storage)).clone());
            }
        }
        sources
    }
}

fn source(run: &Run, live: &[LiveTable<'_>], storage: Option<StorageType>) -> Source {
    let positions: Vec<u32> = run.rows.iter().map(|(_, position)| *position).collect();
    match live.get(run.table) {
        Some(table) => table.source(&positions, storage),
        None => Source::of(Vec::new()),
    }
}

fn storage_of(world: &World, id: ComponentId) -> Option<StorageType> {
    world.components().get_info(id).map(ComponentInfo::storage_type)
}

pub(super) fn is_kept_link(planned: &Planned<'_, '_>) -> bool {
    matches!(planned.kind, PlannedKind::Kept(_, column) if column.schema.encoding == Encoding::Reference { linked: true })
}

/// The place of each row among those with its target.
pub(super) fn counted(targets: &[u32]) -> Vec<u32> {
    let mut next: HashMap<u32, u32> = HashMap::new();
    let mut rank = |&target: &u32| {
        let next = next.entry(target).or_default();
        let rank = *next;
        *next += u32::from(target != NONE);
        rank
    };
    targets.iter().map(&mut rank).collect()
}
