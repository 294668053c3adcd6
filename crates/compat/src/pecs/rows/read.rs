use std::{borrow::Cow, collections::HashMap};

use keepstone_ecs_persist::{Column, ColumnData, ComponentSchema, Encoding, Lengths, NONE, Schema, WorldDoc};
use keepstone_format::{Limits, wire::Input};

use super::{
    block::{self, Block},
    ids::{NOTHING, Source},
    shape::holds_references,
};
use crate::{
    error::Error,
    pecs::{File, Id},
};

/// In place of the ordinal of an id that several entities have.
const SEVERAL: u32 = NONE;

const ID_LEN: usize = 16;
const RANK_LEN: usize = 4;

/// Gives a file as a world, by the schema in it, else by that of the caller.
pub(super) fn world(
    file: &File<'_>,
    limits: &Limits,
    given: Option<&Schema>,
) -> Result<WorldDoc<'static>, Error> {
    let Some(bytes) = file.extended() else {
        let opaque = file.to_world();
        let Some(schema) = given else { return Ok(opaque.into_owned()) };
        let doc = typed(opaque, schema, None)?;
        doc.check()?;
        return Ok(doc.into_owned());
    };
    let offset = file.end();
    let Block { source, name, meta, schema, tables, resources } = block::take(bytes, offset)?;
    let problem = "its tables are not those of the entities";
    let opaque = file.to_world_in(&tables).ok_or(Error::Extended { offset, problem })?;
    let resources = Resources { rest: resources, decoded_max: limits.decoded_max };
    let mut doc = typed(opaque, &schema, Some(resources))?;
    name.clone_into(&mut doc.name);
    doc.meta = meta;
    if source != Source::ForeignIds {
        doc.foreign_ids = None;
    }
    doc.check()?;
    Ok(doc.into_owned())
}

/// The resources of a block.
struct Resources<'b> {
    rest: Input<'b>,
    decoded_max: u64,
}

/// Turns opaque columns into those of a schema. With `resources` the schema is that of the file, and has to name each
/// component; without, it may name others, and those that it doesn't name stay opaque.
fn typed<'a>(
    doc: WorldDoc<'a>,
    schema: &Schema,
    resources: Option<Resources<'a>>,
) -> Result<WorldDoc<'a>, Error> {
    let WorldDoc { tables, columns, foreign_ids, .. } = doc;
    let is_whole = resources.is_some();
    let entities = tables.iter().fold(0, |sum: u32, table| sum.saturating_add(table.rows));
    let mut context = Context { ids: foreign_ids.as_deref().unwrap_or_default(), by_id: None, entities };
    let mut made: Vec<(Option<u16>, Column<'a>)> = Vec::with_capacity(columns.len());
    for (place, column) in (0_u16..).zip(columns) {
        let known = find(schema, &column.schema.name);
        let column = match known {
            Some(known) => context.typed(column, known)?,
            None if is_whole => return Err(unlike(&column.schema.name, "no such component", "one")),
            None => column,
        };
        made.push((Some(place), column));
    }
    if let Some(mut resources) = resources {
        for known in schema.components() {
            if known.resource {
                made.push((None, context.resource(known, &mut resources)?));
            }
        }
        // The names of both are unique, and each column was found in the schema.
        let expected = schema.components().len();
        if made.len() != expected {
            let (found, expected) = (format!("{} types and resources", made.len()), expected.to_string());
            return Err(unlike("*", &found, &expected));
        }
        resources.rest.finish()?;
    }
    made.sort_by(|(_, a), (_, b)| a.schema.name.cmp(&b.schema.name));
    let mut moved = vec![0_u16; made.len()];
    for (now, (before, _)) in (0_u16..).zip(&made) {
        if let Some(place) = before.and_then(|before| moved.get_mut(usize::from(before))) {
            *place = now;
        }
    }
    let mut tables = tables;
    for component in tables.iter_mut().flat_map(|table| &mut table.components) {
        *component = moved.get(usize::from(*component)).copied().unwrap_or(u16::MAX);
    }
    let columns = made.into_iter().map(|(_, column)| column).collect();
    Ok(WorldDoc { tables, columns, foreign_ids, ..WorldDoc::default() })
}

fn find<'s>(schema: &'s Schema, name: &str) -> Option<&'s ComponentSchema> {
    let components = schema.components();
    let place = components.binary_search_by(|known| known.name.as_str().cmp(name)).ok()?;
    components.get(place)
}

/// What rows refer to.
struct Context<'i> {
    ids: &'i [u128],
    by_id: Option<HashMap<u128, u32>>,
    entities: u32,
}

impl Context<'_> {
    fn typed<'a>(&mut self, column: Column<'a>, known: &ComponentSchema) -> Result<Column<'a>, Error> {
        let name = &known.name;
        if known.resource {
            return Err(unlike(name, "a component", "a resource"));
        }
        if column.schema.version != known.version {
            let (found, expected) = (column.schema.version, known.version);
            return Err(unlike(name, &format!("version {found}"), &format!("version {expected}")));
        }
        let ColumnData::Opaque { data, lengths } = column.data else { return Ok(column) };
        Ok(Column { schema: known.clone(), data: self.data(data, lengths, known)? })
    }

    fn resource<'a>(
        &mut self,
        known: &ComponentSchema,
        resources: &mut Resources<'a>,
    ) -> Result<Column<'a>, Error> {
        let data = block::take_sized(&mut resources.rest)?;
        let (needs, allowed) = (data.len() as u64, resources.decoded_max);
        if needs > allowed {
            return Err(Error::Limit { what: "decoded bytes", needs, allowed });
        }
        let len = u32::try_from(data.len()).expect("a varint u32 says the length");
        let data = self.data(Cow::Borrowed(data), Lengths::same(len, 1), known)?;
        Ok(Column { schema: known.clone(), data })
    }

    fn data<'a>(
        &mut self,
        data: Cow<'a, [u8]>,
        lengths: Lengths,
        known: &ComponentSchema,
    ) -> Result<ColumnData<'a>, Error> {
        match &known.encoding {
            Encoding::Plain(layout) => {
                let size = layout.size();
                if let Some(len) = lengths.iter().find(|&len| usize::try_from(len) != Ok(size)) {
                    let (found, expected) = (format!("{len} bytes"), format!("{size} bytes"));
                    return Err(unlike(&known.name, &found, &expected));
                }
                Ok(ColumnData::Plain(if data.is_empty() { Vec::new() } else { vec![data] }))
            }
            Encoding::Rows { shape, .. } if holds_references(shape)? => {
                self.referring(&data, &lengths, known)
            }
            Encoding::Rows { .. } => Ok(ColumnData::Rows { data, lengths, targets: Cow::default() }),
            Encoding::Reference { linked } => self.references(&data, &lengths, known, *linked),
            Encoding::Opaque { .. } => Ok(ColumnData::Opaque { data, lengths }),
            encoding => Err(unlike(&known.name, &encoding.to_string(), "an encoding that this build knows")),
        }
    }

    /// Takes the references out of the data of rows that have some.
    fn referring<'a>(
        &mut self,
        data: &[u8],
        lengths: &Lengths,
        known: &ComponentSchema,
    ) -> Result<ColumnData<'a>, Error> {
        let mut rest = data;
        let (mut rows, mut lens, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        for len in lengths.iter() {
            let row = take(&mut rest, len);
            let mut input = Input::new("a component", row);
            for _ in 0..input.count(ID_LEN)? {
                targets.push(self.ordinal(u128::from_le_bytes(input.array()?), known)?);
            }
            let row = input.take_rest();
            lens.push(u32::try_from(row.len()).expect("a part of the data"));
            rows.extend_from_slice(row);
        }
        Ok(ColumnData::Rows {
            data: Cow::Owned(rows),
            lengths: Lengths::each(lens),
            targets: Cow::Owned(targets),
        })
    }

    fn references<'a>(
        &mut self,
        data: &[u8],
        lengths: &Lengths,
        known: &ComponentSchema,
        linked: bool,
    ) -> Result<ColumnData<'a>, Error> {
        let len = lengths.common().and_then(|len| usize::try_from(len).ok());
        let is_ranked = match len {
            _ if lengths.rows() == 0 => false,
            Some(ID_LEN) => false,
            Some(len) if len == ID_LEN + RANK_LEN && linked => true,
            _ => {
                let found = len.map_or("rows of several lengths".to_owned(), |len| format!("{len} bytes"));
                let expected = if linked { "16 bytes, or 20 in all rows" } else { "16 bytes" };
                return Err(unlike(&known.name, &found, expected));
            }
        };
        let (mut targets, mut ranks) = (Vec::new(), Vec::new());
        let mut input = Input::new("references", data);
        for _ in 0..lengths.rows() {
            targets.push(self.ordinal(u128::from_le_bytes(input.array()?), known)?);
            if is_ranked {
                ranks.push(input.u32()?);
            }
        }
        // As a document has them: not where the order of the ordinals says the same.
        let ranks = (is_ranked && ranks != ranks_in_order(&targets, self.entities)).then_some(ranks);
        Ok(ColumnData::References { targets: Cow::Owned(targets), ranks: ranks.map(Cow::Owned) })
    }

    fn ordinal(&mut self, id: u128, known: &ComponentSchema) -> Result<u32, Error> {
        if id == NOTHING {
            return Ok(NONE);
        }
        let by_id = match &mut self.by_id {
            Some(by_id) => by_id,
            none => none.insert(index(self.ids)?),
        };
        match by_id.get(&id) {
            Some(&SEVERAL) => Err(Error::Ambiguous { component: known.name.clone(), id: Id(id) }),
            Some(ordinal) => Ok(*ordinal),
            None => {
                let found = format!("a reference to {}", Id(id));
                Err(unlike(&known.name, &found, "the stable id of an entity, or all ones"))
            }
        }
    }
}

/// The next `len` bytes; the lengths of a column add up to its data.
fn take<'b>(rest: &mut &'b [u8], len: u32) -> &'b [u8] {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let (row, behind) = rest.split_at_checked(len).unwrap_or((rest, &[]));
    *rest = behind;
    row
}

fn index(ids: &[u128]) -> Result<HashMap<u128, u32>, Error> {
    let mut by_id = HashMap::new();
    let needs = (ids.len() as u64).saturating_mul(32);
    by_id.try_reserve(ids.len()).map_err(|source| Error::OutOfMemory { needs, source })?;
    for (ordinal, id) in (0..).zip(ids) {
        by_id.entry(*id).and_modify(|known| *known = SEVERAL).or_insert(ordinal);
    }
    Ok(by_id)
}

/// The rank of each row among those with its target, by the order of the rows.
pub(super) fn ranks_in_order(targets: &[u32], entities: u32) -> Vec<u32> {
    let mut next = vec![0_u32; usize::try_from(entities).unwrap_or(0)];
    let rank = |target: &u32| match usize::try_from(*target).ok().and_then(|target| next.get_mut(target)) {
        Some(next) => {
            *next += 1;
            *next - 1
        }
        None => 0,
    };
    targets.iter().map(rank).collect()
}

fn unlike(component: &str, found: &str, expected: &str) -> Error {
    Error::Component {
        component: component.to_owned(),
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}
