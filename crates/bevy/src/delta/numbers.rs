//! The components of two moments.

use std::sync::Arc;

use keepstone_ecs_persist::{Column, ColumnData};

use crate::{
    capture::{Plan, Planned, PlannedKind},
    delta::moment::{Inner, Known, KnownTable},
};

/// The components of both moments under one numbering: that of the plan, and behind it those that only the earlier one has.
pub(super) struct Numbers {
    pub(super) names: Vec<Arc<str>>,
    /// By component of the plan, the place among those of the moment.
    pub(super) known: Vec<Option<usize>>,
    /// The sets of the moment's tables.
    pub(super) sets: Vec<Vec<u16>>,
}

impl Numbers {
    pub(super) fn of(before: &Inner, plan: &Plan<'_, '_>) -> Self {
        let mut names: Vec<Arc<str>> = Vec::with_capacity(plan.columns.len());
        let mut known = Vec::with_capacity(plan.columns.len());
        for column in &plan.columns {
            let at = before.components.binary_search_by(|known| (*known.name).cmp(column.name())).ok();
            let name = at.and_then(|at| before.components.get(at)).map(|known| Arc::clone(&known.name));
            names.push(name.unwrap_or_else(|| column.name().into()));
            known.push(at);
        }
        let mut numbers: Vec<u16> = Vec::with_capacity(before.components.len());
        for component in &before.components {
            let at = plan.columns.binary_search_by(|column| column.name().cmp(&component.name));
            let at = at.unwrap_or_else(|_| {
                names.push(Arc::clone(&component.name));
                names.len() - 1
            });
            numbers.push(u16::try_from(at).unwrap_or(u16::MAX));
        }
        let number = |at: &u16| numbers.get(usize::from(*at)).copied();
        let set = |table: &KnownTable| {
            let mut set: Vec<u16> = table.set.iter().filter_map(number).collect();
            set.sort_unstable();
            set
        };
        let sets = before.tables.iter().map(set).collect();
        Self { names, known, sets }
    }
}

/// What is remembered of a column.
pub(super) fn known(column: &Planned<'_, '_>) -> Known {
    let (version, encoding) = match column.kind {
        PlannedKind::Registered(_, entry) => (entry.version(), entry.ops().column.encoding()),
        PlannedKind::Kept(_, column) => (column.schema.version, Some(column.schema.encoding.clone())),
    };
    let resource = column.resource && !column.sources.is_empty();
    Known { name: column.name().into(), version, encoding, resource, refers: false }
}

/// Whether a value of a column refers to an entity.
pub(super) fn refers(column: &Column<'_>) -> bool {
    match &column.data {
        ColumnData::Rows { targets, .. } | ColumnData::References { targets, .. } => !targets.is_empty(),
        _ => false,
    }
}
