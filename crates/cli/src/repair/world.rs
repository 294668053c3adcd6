use std::collections::BTreeSet;

use keepstone::{
    WorldMeta,
    ecs::{Column, Schema, WorldDoc},
    format::{Limits, SalvageReport, SectionId},
};

use super::found::FoundSection;
use super::lost::Lost;
use super::sections::{self, Order, Sections};
use super::tables::Tables;

/// Saves what is consistent of each world, and takes down what is not.
pub(super) fn salvage<'s>(
    report: &SalvageReport,
    sections: &'s [FoundSection],
    limits: &Limits,
    lost: &mut Vec<Lost>,
) -> Vec<WorldDoc<'s>> {
    let mut docs = Vec::new();
    let mut names = BTreeSet::new();
    for (world, sections) in sections::by_number(report, sections) {
        match salvage_one(world, sections, limits, lost) {
            Ok(mut doc) if names.insert(doc.name.clone()) => {
                doc.meta = report.head.as_ref().map(WorldMeta::from_metadata).unwrap_or_default();
                docs.push(doc);
            }
            Ok(doc) => {
                let message = format!("another world has its name {:?}", doc.name);
                lost.push(Lost::of_world("everything", world, message));
            }
            Err(message) => lost.push(Lost::of_world("everything", world, message)),
        }
    }
    docs
}

fn salvage_one<'s>(
    world: u16,
    mut sections: Sections<'s>,
    limits: &Limits,
    lost: &mut Vec<Lost>,
) -> Result<WorldDoc<'s>, String> {
    let schema = sections.require(SectionId::SCHEMA, 0, "SCHEMA")?;
    let schema = Schema::decode(&schema).map_err(|error| error.to_string())?;
    let tables = sections.require(SectionId::TABLES, 0, "TABLES")?;
    let tables = Tables::read(&tables, limits, false).map_err(|error| error.to_string())?;
    let rows = tables.rows_per_column(schema.components())?;
    let Tables { name, runs: mut tables, entities, .. } = tables;

    let mut doc = WorldDoc { name, ..WorldDoc::default() };
    // Where each column is in the new world.
    let mut places: Vec<Option<u16>> = Vec::new();
    for ((component, schema), rows) in (0_u16..).zip(schema.components()).zip(rows) {
        let column = sections.column(component, schema, rows).and_then(|(data, order)| {
            let column = Column { schema: schema.clone(), data };
            Ok((sections::check(column, rows, entities, None)?, order))
        });
        match column {
            Ok((column, order)) => {
                places.push(u16::try_from(doc.columns.len()).ok());
                doc.columns.push(column);
                if order != Order::Known {
                    lost.push(Lost::order(world, &schema.name));
                }
            }
            Err(message) => {
                places.push(None);
                lost.push(Lost::column(world, &schema.name, message));
            }
        }
    }
    for table in &mut tables {
        let place = |old: &u16| places.get(usize::from(*old)).copied().flatten();
        table.components = table.components.iter().filter_map(place).collect();
    }
    doc.tables = tables;
    doc.foreign_ids = sections.foreign_ids(entities).unwrap_or_else(|message| {
        lost.push(Lost::of_world("foreign ids", world, message));
        None
    });
    doc.check().map_err(|error| error.to_string())?;
    Ok(doc)
}
