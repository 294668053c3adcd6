//! Columns as values, and values as columns.

use std::borrow::Cow;

use keepstone_value::{Decoder, Options, Rows, Shape, Value, encode_values_like};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    doc::{Column, ColumnData},
    edit::{failed, plain::Plain},
    error::Error,
    evolve::to_rows,
    gather::ranks,
    lengths::Lengths,
    schema::{ComponentSchema, Encoding},
};

/// All values of a column, in the order of its rows.
pub(super) fn read<'a>(column: &'a Column<'_>, rows: u32) -> Result<Vec<Value<'a>>, Error> {
    match (&column.schema.encoding, &column.data) {
        (Encoding::Plain(layout), ColumnData::Plain(pieces)) => {
            let tree = Plain::new(layout);
            let bytes: Cow<'_, [u8]> = match pieces.as_slice() {
                [piece] => Cow::Borrowed(piece),
                pieces => Cow::Owned(pieces.concat()),
            };
            let mut rest: &[u8] = &bytes;
            Ok((0..rows).map(|_| tree.read(&mut rest)).collect())
        }
        (Encoding::Rows { shape, human_readable }, ColumnData::Rows { data, lengths, targets }) => {
            let mut decoder = Decoder::new(shape, data, targets, None, &options(*human_readable));
            let all = lengths.iter().map(|len| decoder.value(len)).collect::<Result<_, _>>();
            let all = all.and_then(|values| decoder.finish().map(|()| values));
            all.map_err(|source| wrap(&column.schema.name, source))
        }
        (_, ColumnData::Opaque { data, lengths }) => {
            let mut rest: &[u8] = data;
            let rows = lengths.iter().map(|len| {
                let (row, tail) = rest.split_at_checked(len as usize).unwrap_or_default();
                rest = tail;
                Value::Bytes(Cow::Borrowed(row))
            });
            Ok(rows.collect())
        }
        (_, ColumnData::References { targets, .. }) => {
            Ok(targets.iter().copied().map(Value::Entity).collect())
        }
        _ => Err(failed(&column.schema.name, None, "its data are not of its encoding")),
    }
}

/// All values of a column as `T`, in the order of its rows.
pub(super) fn read_as<T: DeserializeOwned>(column: &Column<'_>, rows: u32) -> Result<Vec<T>, Error> {
    let name = &column.schema.name;
    let was_plain = to_rows(column, rows as usize)?;
    let column = was_plain.as_ref().unwrap_or(column);
    match (&column.schema.encoding, &column.data) {
        (Encoding::Rows { shape, human_readable }, ColumnData::Rows { data, lengths, targets }) => {
            let mut decoder = Decoder::new(shape, data, targets, None, &options(*human_readable));
            let all = lengths.iter().map(|len| decoder.row(len)).collect::<Result<_, _>>();
            let all = all.and_then(|values| decoder.finish().map(|()| values));
            all.map_err(|source| wrap(name, source))
        }
        _ => Err(failed(name, None, "its rows are no values of a serde type")),
    }
}

/// A column of such values. Its encoding is that of the schema if every value fits it, else rows.
pub(super) fn write(schema: &ComponentSchema, values: &[Value<'_>]) -> Result<Column<'static>, Error> {
    let (like, human_readable) = match &schema.encoding {
        Encoding::Plain(layout) => {
            let tree = Plain::new(layout);
            let mut bytes = Vec::with_capacity(layout.size().saturating_mul(values.len()));
            if values.iter().all(|value| tree.write(value, &mut bytes).is_some()) {
                let pieces = if bytes.is_empty() { Vec::new() } else { vec![Cow::Owned(bytes)] };
                return Ok(Column { schema: schema.clone(), data: ColumnData::Plain(pieces) });
            }
            let empty = Column { schema: schema.clone(), data: ColumnData::Plain(Vec::new()) };
            let rows = to_rows(&empty, 0)?;
            (rows.and_then(|rows| shape_of(&rows.schema).cloned()).unwrap_or_default(), false)
        }
        Encoding::Rows { shape, human_readable } => (shape.clone(), *human_readable),
        Encoding::Reference { .. } => {
            let target = |value: &Value<'_>| if let Value::Entity(at) = value { Some(*at) } else { None };
            if let Some(targets) = values.iter().map(target).collect::<Option<Vec<_>>>() {
                let data = ColumnData::References { targets: Cow::Owned(targets), ranks: None };
                return Ok(Column { schema: schema.clone(), data });
            }
            (Shape::default(), false)
        }
        Encoding::Opaque { .. } => return write_opaque(schema, values),
    };
    let rows = encode_values_like(values.iter(), &[&like], &options(human_readable));
    Ok(rows_column(schema, rows.map_err(|source| wrap(&schema.name, source))?, human_readable))
}

/// As [`write`], of values that serde writes.
pub(super) fn write_as<T: Serialize>(
    schema: &ComponentSchema,
    values: &[T],
) -> Result<Column<'static>, Error> {
    let human_readable = matches!(schema.encoding, Encoding::Rows { human_readable: true, .. });
    let rows = keepstone_value::encode(values.iter(), None, &options(human_readable));
    let rows = rows.map_err(|source| wrap(&schema.name, source))?;
    let column = rows_column(schema, rows, human_readable);
    if let Encoding::Plain(_) = schema.encoding {
        let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
        let plain = write(schema, &read(&column, count)?)?;
        if plain.row_size().is_some() {
            return Ok(plain);
        }
    }
    Ok(column)
}

fn write_opaque(schema: &ComponentSchema, values: &[Value<'_>]) -> Result<Column<'static>, Error> {
    let (mut data, mut lens) = (Vec::new(), Vec::new());
    for value in values {
        let Value::Bytes(bytes) = value else {
            return Err(failed(&schema.name, None, "a value of an opaque column can be nothing but bytes"));
        };
        data.extend_from_slice(bytes);
        let len = u32::try_from(bytes.len());
        lens.push(len.map_err(|_| failed(&schema.name, None, "a value has more bytes than a row can have"))?);
    }
    let data = ColumnData::Opaque { data: Cow::Owned(data), lengths: Lengths::each(lens) };
    Ok(Column { schema: schema.clone(), data })
}

fn rows_column(schema: &ComponentSchema, rows: Rows, human_readable: bool) -> Column<'static> {
    let encoding = Encoding::Rows { shape: rows.shape, human_readable };
    let data = ColumnData::Rows {
        data: Cow::Owned(rows.data),
        lengths: Lengths::each(rows.lens),
        targets: Cow::Owned(rows.targets),
    };
    Column { schema: ComponentSchema { encoding, ..schema.clone() }, data }
}

fn shape_of(schema: &ComponentSchema) -> Option<&Shape> {
    if let Encoding::Rows { shape, .. } = &schema.encoding { Some(shape) } else { None }
}

fn options(human_readable: bool) -> Options {
    Options { human_readable, ..Options::default() }
}

fn wrap(component: &str, source: keepstone_value::Error) -> Error {
    Error::Value { component: component.to_owned(), source }
}

/// A row of a relationship: who holds it, its target, and what it is ordered by among the rows with that target.
pub(super) struct Link {
    pub(super) holder: u32,
    pub(super) target: u32,
    pub(super) rank: u32,
}

/// The links of a linked column, ascending by holder; none for another column.
pub(super) fn links(column: &Column<'_>, holders: &[u32]) -> Vec<Link> {
    let (Encoding::Reference { linked: true }, ColumnData::References { targets, ranks }) =
        (&column.schema.encoding, &column.data)
    else {
        return Vec::new();
    };
    let rank = |row: u32| match ranks {
        Some(ranks) => ranks.get(row as usize).copied().unwrap_or(row),
        None => row,
    };
    let rows = (0..).zip(holders.iter().zip(targets.iter()));
    rows.map(|(row, (&holder, &target))| Link { holder, target, rank: rank(row) }).collect()
}

/// Puts the rows of each target in the order that they had. New ones come behind the others, by their ordinals.
pub(super) fn order(column: &mut Column<'_>, holders: &[u32], before: &[Link], entities: u32) {
    let (Encoding::Reference { linked: true }, ColumnData::References { targets, ranks: list }) =
        (&column.schema.encoding, &mut column.data)
    else {
        return;
    };
    let behind = u32::try_from(before.len()).unwrap_or(u32::MAX);
    let rows = (0_u32..).zip(targets.iter().zip(holders));
    let keys = rows.map(|(row, (&target, &holder))| {
        let known = before.binary_search_by_key(&holder, |link| link.holder).ok();
        let known = known.and_then(|at| before.get(at)).filter(|link| link.target == target);
        known.map_or(behind.saturating_add(row), |link| link.rank)
    });
    let keys: Vec<u32> = keys.collect();
    *list = ranks(targets, &keys, entities).map(Cow::Owned);
}
