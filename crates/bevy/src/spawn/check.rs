use std::{any::TypeId, collections::HashMap};

use keepstone_ecs_persist::{Error, SpawnOptions, Unknown, WorldDoc};

use crate::{registry::Registry, spawn::dangling};

/// What an entity takes in bevy's lists, about.
pub(crate) const ENTITY_LEN: u64 = 80;
/// What bevy adds to each value: when it was added and when it was changed.
const TICKS_LEN: usize = 8;
/// What a kept row takes beside its bytes, about.
const KEPT_ROW_LEN: usize = 160;

/// What can be said against a document before its rows are looked at.
pub(crate) fn check(doc: &WorldDoc<'_>, registry: &Registry, options: &SpawnOptions) -> Result<(), Error> {
    doc.check()?;
    check_count(doc.entity_count(), options)?;
    let mut needs = u64::from(doc.entity_count()).saturating_mul(ENTITY_LEN);
    check_content(doc, registry, options, &mut HashMap::new(), &mut needs)
}

/// Checks how many entities there will be.
pub(crate) fn check_count(count: u32, options: &SpawnOptions) -> Result<(), Error> {
    if count > options.entities_max {
        return Err(Error::Limit {
            what: "entities",
            needs: count.into(),
            allowed: options.entities_max.into(),
        });
    }
    check_needs(u64::from(count).saturating_mul(ENTITY_LEN), options)
}

/// As [`check`], for a document or part whose tables and columns agree. `seen` are the components of the parts before, and `needs` what they
/// take.
pub(crate) fn check_content(
    doc: &WorldDoc<'_>,
    registry: &Registry,
    options: &SpawnOptions,
    seen: &mut HashMap<TypeId, String>,
    needs: &mut u64,
) -> Result<(), Error> {
    check_columns(doc, registry, options.unknown, seen)?;
    check_size(doc, registry, options, needs)?;
    let count = dangling(doc);
    if options.refuse_dangling && count > 0 {
        return Err(Error::Dangling { count });
    }
    Ok(())
}

/// Checks what the columns say of themselves against the registered components.
fn check_columns(
    doc: &WorldDoc<'_>,
    registry: &Registry,
    unknown: Unknown,
    seen: &mut HashMap<TypeId, String>,
) -> Result<(), Error> {
    for schema in doc.columns.iter().map(|column| &column.schema) {
        let name = &schema.name;
        let Some(entry) = registry.get(name) else {
            if matches!(unknown, Unknown::Keep | Unknown::Skip) {
                continue;
            }
            return Err(Error::UnknownComponent { name: name.clone() });
        };
        entry.ops().column.steps(schema, entry.version())?;
        let known = seen.entry(entry.type_id()).or_insert_with(|| name.clone());
        if known != name {
            let (first, second) = (known.clone(), name.clone());
            return Err(Error::SameComponent { first, second, type_name: entry.type_name() });
        }
    }
    Ok(())
}

fn check_size(
    doc: &WorldDoc<'_>,
    registry: &Registry,
    options: &SpawnOptions,
    needs: &mut u64,
) -> Result<(), Error> {
    for (column, rows) in doc.columns.iter().zip(doc.rows_per_column()) {
        let size =
            registry.get(&column.schema.name).map_or(KEPT_ROW_LEN, |entry| entry.ops().size + TICKS_LEN);
        *needs = needs.saturating_add(u64::from(rows).saturating_mul(size as u64));
    }
    check_needs(*needs, options)
}

fn check_needs(needs: u64, options: &SpawnOptions) -> Result<(), Error> {
    if needs > options.bytes_max {
        let (what, allowed) = ("bytes of component values", options.bytes_max);
        return Err(Error::Limit { what, needs, allowed });
    }
    Ok(())
}
