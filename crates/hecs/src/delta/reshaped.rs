use std::borrow::Cow;

use hecs::{Entity, World};
use keepstone_ecs_persist::{Column, ColumnData, ComponentSchema, Encoding, Error, Lengths, SpawnOptions};
use keepstone_value::{Decoder, Options, Value, encode_values_like};

use crate::{
    delta::names::targets,
    kept::{self, Kept, KeptRow},
    ordinals::Spawned,
};

/// What a world keeps of a component, when a delta describes it otherwise: serde rows have one shape.
pub(super) struct Reshaped {
    /// The rows that the world keeps.
    pub(super) before: Vec<(Entity, KeptRow)>,
    /// Those of the delta.
    pub(super) rows: Vec<KeptRow>,
}

/// The most memory, in bytes, that a value takes for a byte of its row.
const VALUE_LEN_MAX: u64 = 150;

/// Writes the rows of a component that a world keeps, and those of a delta, under one shape. The column's references are numbered: `entities` has
/// them. Rows of the `replaced` are left out.
pub(super) fn reshape(
    world: &World,
    known: &ComponentSchema,
    column: &Column<'_>,
    entities: &[Entity],
    replaced: &dyn Fn(Entity) -> bool,
    options: &SpawnOptions,
) -> Result<Option<Reshaped>, Error> {
    let schema = &column.schema;
    let otherwise = || Error::KeptOtherwise { name: schema.name.clone() };
    if known.resource != schema.resource {
        return Err(otherwise());
    }
    let mut before = Before::default();
    for (entity, kept) in &mut world.query::<(Entity, &Kept)>() {
        for row in kept.rows.iter().filter(|row| row.name() == schema.name && !replaced(entity)) {
            if *row.schema != *known {
                return Err(otherwise());
            }
            before.add(entity, row, entities.len());
        }
    }
    if before.holders.is_empty() {
        return Ok(None);
    }
    let (
        Encoding::Rows { shape: old, human_readable },
        Encoding::Rows { shape: new, human_readable: also },
        ColumnData::Rows { data, lengths, .. },
        true,
    ) = (&known.encoding, &schema.encoding, &column.data, known.version == schema.version)
    else {
        return Err(otherwise());
    };
    if human_readable != also {
        return Err(otherwise());
    }
    let needs = ((before.data.len() + data.len()) as u64).saturating_mul(VALUE_LEN_MAX);
    if needs > options.bytes_max {
        let (what, allowed) = ("bytes of values that are kept and described otherwise", options.bytes_max);
        return Err(Error::Limit { what, needs, allowed });
    }
    let wrap = |source| Error::Value { component: schema.name.clone(), source };
    let format = Options { human_readable: *human_readable, ..Options::default() };
    let mut values: Vec<Value<'_>> = Vec::new();
    let mut olds = Decoder::new(old, &before.data, &before.targets, None, &format);
    for &len in &before.lens {
        values.push(olds.value(len).map_err(wrap)?);
    }
    let mut news = Decoder::new(new, data, targets(&column.data), None, &format);
    for len in lengths.iter() {
        values.push(news.value(len).map_err(wrap)?);
    }
    let rows = encode_values_like(values.iter(), &[old, new], &format).map_err(wrap)?;
    let encoding = Encoding::Rows { shape: rows.shape, human_readable: *human_readable };
    let joined = Column {
        schema: ComponentSchema::new(&schema.name, schema.version, false, encoding),
        data: ColumnData::Rows {
            data: Cow::Owned(rows.data),
            lengths: Lengths::each(rows.lens),
            targets: Cow::Owned(rows.targets),
        },
    };
    let named: Vec<Entity> = entities.iter().chain(&before.named).copied().collect();
    let mut all = kept::split(&joined, values.len(), &Spawned { entities: &named })?.into_iter();
    let before = before.holders.into_iter().zip(all.by_ref()).collect();
    Ok(Some(Reshaped { before, rows: all.collect() }))
}

/// What a world keeps of a component.
#[derive(Default)]
struct Before {
    holders: Vec<Entity>,
    data: Vec<u8>,
    lens: Vec<u32>,
    /// References, numbered behind those of the delta.
    targets: Vec<u32>,
    named: Vec<Entity>,
}

impl Before {
    fn add(&mut self, holder: Entity, row: &KeptRow, first: usize) {
        self.holders.push(holder);
        self.data.extend_from_slice(&row.bytes);
        self.lens.push(u32::try_from(row.bytes.len()).unwrap_or(u32::MAX));
        for &target in &row.targets {
            self.targets.push(u32::try_from(first + self.named.len()).unwrap_or(u32::MAX));
            self.named.push(target);
        }
    }
}
