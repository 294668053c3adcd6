use std::{collections::BTreeMap, fmt};

use keepstone::{
    ecs::WorldDelta,
    format::{ReadAt, Reader},
};
use serde::Serialize;

use crate::error::with_causes;
use crate::text::{Grid, Shown, count, plural};

/// Components that are listed for people; JSON lists all.
const COMPONENTS_SHOWN_MAX: usize = 50;

/// What a delta changes, and of which chain it is.
#[derive(Debug, Serialize)]
pub(super) struct Delta {
    /// The state of the base.
    root: String,
    /// The state that it applies to.
    previous: String,
    /// The state that it makes.
    state: String,
    sequence: u32,
    rows_before: u32,
    rows_after: u32,
    spawned: u32,
    despawned: u64,
    /// Entities that were there before and have other values.
    changed: u64,
    components: Vec<Component>,
    /// Resources that are new or others.
    resources: Vec<String>,
    resources_removed: Vec<String>,
}

/// What becomes of the values of one component, in entities.
#[derive(Debug, Default, Serialize)]
struct Component {
    name: String,
    spawned: u64,
    changed: u64,
    removed: u64,
}

/// Reads what a delta says; else why it can't be read.
pub(super) fn inspect<R: ReadAt>(reader: &Reader<R>) -> Result<Delta, String> {
    let delta = WorldDelta::decode(reader).map_err(|error| with_causes(&error))?;
    let state = delta.state_id().map_err(|error| with_causes(&error))?.to_string();
    let mut components: BTreeMap<&str, Component> = BTreeMap::new();
    let mut rest = delta.rows.as_slice();
    for table in &delta.doc.tables {
        let own = usize::try_from(table.rows).unwrap_or(usize::MAX).min(rest.len());
        let (own, after) = rest.split_at(own);
        rest = after;
        let old = own.partition_point(|&row| row < delta.rows_before);
        let columns = table.components.iter().filter_map(|&at| delta.doc.columns.get(usize::from(at)));
        for column in columns {
            let component = components.entry(&column.schema.name).or_default();
            component.changed += old as u64;
            component.spawned += (own.len() - old) as u64;
        }
    }
    for (name, rows) in &delta.removed {
        components.entry(name).or_default().removed += rows.len() as u64;
    }
    let components =
        components.into_iter().map(|(name, found)| Component { name: name.to_owned(), ..found }).collect();
    let spawned = delta.rows_after.saturating_sub(delta.rows_before);
    let resources = delta.doc.columns.iter().filter(|column| column.schema.resource);
    Ok(Delta {
        root: delta.root.to_string(),
        previous: delta.previous.to_string(),
        state,
        sequence: delta.sequence,
        rows_before: delta.rows_before,
        rows_after: delta.rows_after,
        spawned,
        despawned: delta.despawned.len() as u64,
        changed: (delta.rows.len() as u64).saturating_sub(spawned.into()),
        components,
        resources: resources.map(|column| column.schema.name.clone()).collect(),
        resources_removed: delta.removed_resources.clone(),
    })
}

impl fmt::Display for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "delta {}: {} spawned, {} changed, {} despawned",
            count(self.sequence),
            plural(self.spawned, "entity"),
            count(self.changed),
            count(self.despawned),
        )?;
        let mut grid = Grid::new("<<");
        grid.line(["base".to_owned(), self.root.clone()]);
        grid.line(["applies to".to_owned(), self.previous.clone()]);
        grid.line(["makes".to_owned(), self.state.clone()]);
        grid.line(["row numbers".to_owned(), format!("{} -> {}", self.rows_before, self.rows_after)]);
        write!(f, "{grid}")?;
        if !self.components.is_empty() {
            let mut grid = Grid::new("<>>>");
            grid.line(["component", "spawned", "changed", "removed"].map(str::to_owned));
            for component in self.components.iter().take(COMPONENTS_SHOWN_MAX) {
                let numbers = [component.spawned, component.changed, component.removed].map(count);
                let [spawned, changed, removed] = numbers;
                grid.line([Shown(&component.name).to_string(), spawned, changed, removed]);
            }
            write!(f, "\n{grid}")?;
            let more = self.components.len().saturating_sub(COMPONENTS_SHOWN_MAX);
            if more > 0 {
                writeln!(f, "  and {} more; --json lists all", count(more as u64))?;
            }
        }
        for name in self.resources.iter().take(COMPONENTS_SHOWN_MAX) {
            writeln!(f, "  resource {}: written", Shown(name))?;
        }
        for name in self.resources_removed.iter().take(COMPONENTS_SHOWN_MAX) {
            writeln!(f, "  resource {}: removed", Shown(name))?;
        }
        Ok(())
    }
}
