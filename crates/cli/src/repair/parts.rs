mod gaps;
mod ranks;
mod renumber;

use std::{borrow::Cow, collections::BTreeMap};

use keepstone::{
    ecs::{Column, ColumnData, ComponentSchema, Schema, WorldDoc, WorldPart},
    format::{Limits, SalvageReport, SectionId},
};

use self::gaps::Gaps;
use self::renumber::Renumber;
use super::found::FoundSection;
use super::lost::Lost;
use super::sections::{self, Order, Sections};
use super::tables::Tables;

/// Tables of all parts are held at once, at some 32 bytes each.
const BYTES_PER_TABLE: u64 = 32;

/// What is left of a world in parts.
pub(super) struct InParts<'s> {
    pub(super) name: String,
    pub(super) schema: Schema,
    /// How many entities it has.
    pub(super) total: u32,
    parts: Vec<Part<'s>>,
}

impl<'s> InParts<'s> {
    /// The parts, which follow each other.
    pub(super) fn parts(&self) -> impl Iterator<Item = &WorldPart<'s>> {
        self.parts.iter().map(|part| &part.world)
    }
}

/// A part of the new world.
struct Part<'s> {
    /// Its number in the old world.
    number: u16,
    /// The number of the component of each column in the schema of the old world.
    components: Vec<u16>,
    /// By column.
    orders: Vec<Order>,
    world: WorldPart<'s>,
}

/// A part whose tables are consistent with those of the others.
struct Placed<'s> {
    number: u16,
    tables: Tables,
    /// By component.
    rows: Vec<u32>,
    sections: Sections<'s>,
}

/// Whether the sections of a world are those of one in parts. Without the header the tables tell: those of a part end with two numbers
/// more.
pub(super) fn are_parts(report: &SalvageReport, sections: &[FoundSection], limits: &Limits) -> bool {
    if let Some(header) = &report.header {
        return header.is_in_parts();
    }
    let mut tables = sections.iter().filter(|section| section.id == SectionId::TABLES);
    tables.any(|section| section.bytes().is_some_and(|bytes| Tables::read(&bytes, limits, true).is_ok()))
}

/// Saves what is consistent of each part, and takes down what is not.
pub(super) fn salvage<'s>(
    report: &SalvageReport,
    found: &'s [FoundSection],
    limits: &Limits,
    lost: &mut Vec<Lost>,
) -> Option<InParts<'s>> {
    let mut numbered = sections::by_number(report, found);
    let mut gaps = Gaps::new(numbered.keys().next_back().copied(), report.has_tables);
    let common = match Common::of(&numbered, limits) {
        Ok(common) => common,
        Err(message) => {
            lost.push(Lost::of_world("everything", 0, message));
            return None;
        }
    };
    // Its resources may be there even if nothing else of it is.
    let mut resources = common.resources(numbered.entry(0).or_default(), lost);
    let left = common.schema_with(&resources);
    let mut tables_left = limits.decoded_max / BYTES_PER_TABLE;
    let mut placed = Vec::new();
    for (number, sections) in numbered {
        let part = common.place(&sections, gaps.end(), limits, &mut tables_left);
        let (tables, rows) = match part {
            Ok((tables, rows)) => {
                gaps.close(number, &tables, lost);
                (tables, rows)
            }
            Err(message) => {
                gaps.lose(number, message);
                if number != 0 || resources.is_empty() {
                    continue;
                }
                (Tables::default(), Vec::new())
            }
        };
        placed.push(Placed { number, tables, rows, sections });
    }
    gaps.finish(common.total, lost);

    let renumber = Renumber::new(placed.iter().map(|part| (part.tables.first, part.tables.entities)));
    let ids = foreign_ids(&mut placed, lost);
    let mut parts = Vec::new();
    for (part, ids) in placed.into_iter().zip(ids) {
        let own = if part.number == 0 { std::mem::take(&mut resources) } else { BTreeMap::new() };
        let mut part = common.part(part, own, lost);
        part.world.doc.foreign_ids = ids;
        parts.push(part);
    }
    renumber.apply(&mut parts, common.schema.components(), lost);
    ranks::mend(&mut parts, common.schema.components(), lost);
    let is_any = !parts.is_empty();
    is_any.then(|| InParts { name: common.name, schema: left, total: renumber.total(), parts })
}

/// What all parts say alike.
struct Common {
    encoded: Vec<u8>,
    schema: Schema,
    name: String,
    total: u32,
}

impl Common {
    /// What most parts say, should they differ.
    fn of(numbered: &BTreeMap<u16, Sections<'_>>, limits: &Limits) -> Result<Self, String> {
        let schemas = numbered.values().filter_map(|part| part.peek(SectionId::SCHEMA));
        let schemas = schemas.filter(|bytes| Schema::decode(bytes).is_ok());
        let encoded = most_common(schemas).ok_or("SCHEMA is damaged or missing in every part")?.to_vec();
        let schema = Schema::decode(&encoded).map_err(|error| error.to_string())?;
        let tables = numbered.values().filter_map(|part| part.peek(SectionId::TABLES));
        let tables = tables.filter_map(|bytes| Tables::read(bytes, limits, true).ok());
        let (name, total) = most_common(tables.map(|tables| (tables.name, tables.total)))
            .ok_or("TABLES is damaged or missing in every part")?;
        Ok(Self { encoded, schema, name, total })
    }

    /// Reads the tables of the part that follows those which end with entity `end`, and how many rows each component has.
    fn place(
        &self,
        sections: &Sections<'_>,
        end: u32,
        limits: &Limits,
        tables_left: &mut u64,
    ) -> Result<(Tables, Vec<u32>), String> {
        if sections.peek(SectionId::SCHEMA).is_some_and(|bytes| bytes != self.encoded) {
            return Err("its SCHEMA is not that of the other parts".to_owned());
        }
        let bytes = sections.peek(SectionId::TABLES).ok_or("TABLES is damaged or missing")?;
        let tables = Tables::read(bytes, limits, true).map_err(|error| error.to_string())?;
        if (&tables.name, tables.total) != (&self.name, self.total) {
            return Err("its TABLES are those of another world".to_owned());
        }
        let count = tables.runs.len() as u64;
        *tables_left = tables_left.checked_sub(count).ok_or("there are too many tables before it")?;
        let last = tables.first.checked_add(tables.entities).filter(|last| *last <= self.total);
        if tables.first < end || last.is_none() {
            return Err(format!(
                "its {} entities from {} on are not between {end} and {}",
                tables.entities, tables.first, self.total
            ));
        }
        let rows = tables.rows_per_column(self.schema.components())?;
        Ok((tables, rows))
    }

    /// The resources that part 0 has.
    fn resources<'s>(
        &self,
        sections: &mut Sections<'s>,
        lost: &mut Vec<Lost>,
    ) -> BTreeMap<u16, (Column<'s>, Order)> {
        let resources = (0_u16..).zip(self.schema.components()).filter(|(_, schema)| schema.resource);
        let mut found = BTreeMap::new();
        for (component, schema) in resources {
            match self.column(sections, component, schema, 1, 0) {
                Ok(column) => drop(found.insert(component, column)),
                Err(message) => lost.push(Lost::column(0, &schema.name, message).in_part(0)),
            }
        }
        found
    }

    /// The schema without the resources that are lost.
    fn schema_with(&self, resources: &BTreeMap<u16, (Column<'_>, Order)>) -> Schema {
        let kept = (0_u16..)
            .zip(self.schema.components())
            .filter(|(component, schema)| !schema.resource || resources.contains_key(component))
            .map(|(_, schema)| Column { schema: schema.clone(), data: ColumnData::Plain(Vec::new()) });
        WorldDoc { columns: kept.collect(), ..WorldDoc::default() }.schema()
    }

    /// The columns of a part that are consistent, beside its resources.
    fn part<'s>(
        &self,
        placed: Placed<'s>,
        resources: BTreeMap<u16, (Column<'s>, Order)>,
        lost: &mut Vec<Lost>,
    ) -> Part<'s> {
        let Placed { number, tables, rows, mut sections } = placed;
        let mut columns = resources;
        let components = (0_u16..).zip(self.schema.components()).zip(rows);
        for ((component, schema), rows) in
            components.filter(|((_, schema), rows)| !schema.resource && *rows > 0)
        {
            match self.column(&mut sections, component, schema, rows, tables.entities) {
                Ok(column) => drop(columns.insert(component, column)),
                Err(message) => lost.push(Lost::column(0, &schema.name, message).in_part(number)),
            }
        }
        let components: Vec<u16> = columns.keys().copied().collect();
        let mut tables = tables.runs;
        for table in &mut tables {
            let place = |old: &u16| u16::try_from(components.binary_search(old).ok()?).ok();
            table.components = table.components.iter().filter_map(place).collect();
        }
        let (columns, orders) = columns.into_values().unzip();
        let doc = WorldDoc { name: self.name.clone(), tables, columns, ..WorldDoc::default() };
        // Where it comes to stand is known when all are known.
        Part { number, components, orders, world: WorldPart::new(doc, 0, 0) }
    }

    fn column<'s>(
        &self,
        sections: &mut Sections<'s>,
        component: u16,
        schema: &ComponentSchema,
        rows: u32,
        entities: u32,
    ) -> Result<(Column<'s>, Order), String> {
        let (data, order) = sections.column(component, schema, rows)?;
        let column = Column { schema: schema.clone(), data };
        Ok((sections::check(column, rows, entities, Some(self.total))?, order))
    }
}

/// What comes most often; of several the first.
fn most_common<T: Ord + Clone>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: BTreeMap<T, (u32, usize)> = BTreeMap::new();
    for (place, value) in values.enumerate() {
        counts.entry(value).or_insert((0, usize::MAX - place)).0 += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(value, _)| value)
}

/// The ids of the entities of each part: of all of them or of none, as a world has them.
fn foreign_ids<'s>(placed: &mut [Placed<'s>], lost: &mut Vec<Lost>) -> Vec<Option<Cow<'s, [u128]>>> {
    let mut ids = Vec::with_capacity(placed.len());
    let (mut has_any, mut missing) = (false, None);
    for part in placed.iter_mut() {
        let own = part.sections.foreign_ids(part.tables.entities);
        if part.tables.entities == 0 {
            ids.push(Some(Cow::default()));
            continue;
        }
        has_any |= !matches!(own, Ok(None));
        let own = own.ok().flatten();
        if own.is_none() && missing.is_none() {
            missing = Some(part.number);
        }
        ids.push(own);
    }
    match (has_any, missing) {
        (true, None) => ids,
        (true, Some(part)) => {
            let message =
                "FOREIGN_IDS is damaged or missing there, and either all entities have such ids or none";
            lost.push(Lost::of_world("foreign ids", 0, message).in_part(part));
            vec![None; placed.len()]
        }
        (false, _) => vec![None; placed.len()],
    }
}
