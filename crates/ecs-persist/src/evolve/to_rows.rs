use std::borrow::Cow;

use keepstone_format::{
    plain::{OwnedLayout, Primitive},
    wire::{put_varint, put_varint_u128},
};
use keepstone_value::{
    Shape,
    shape::{Alternative, Body, Field, Position, Prim, Type},
};

use crate::{
    doc::{Column, ColumnData},
    error::Error,
    lengths::Lengths,
    schema::{ComponentSchema, Encoding},
};

/// A plain column as rows that serde reads: of a component that was plain and is not any more. None for columns of another kind, and
/// for layouts that no shape can hold.
pub(crate) fn to_rows(column: &Column<'_>, rows: usize) -> Result<Option<Column<'static>>, Error> {
    let (Encoding::Plain(layout), ColumnData::Plain(pieces)) = (&column.schema.encoding, &column.data) else {
        return Ok(None);
    };
    if values_of(layout) > VALUES_MAX {
        return Ok(None);
    }
    let (mut types, mut numbers) = (Vec::new(), Vec::new());
    let root = position(layout, &mut types);
    leaves(layout, &mut numbers);
    let wrap = |source| Error::Value { component: column.schema.name.clone(), source };
    let shape = Shape::new(types, root).map_err(wrap)?;
    let mut data = Vec::new();
    let mut lens = Vec::new();
    let bytes: Cow<'_, [u8]> = match pieces.as_slice() {
        [piece] => Cow::Borrowed(piece),
        pieces => Cow::Owned(pieces.concat()),
    };
    if layout.size() == 0 {
        lens.resize(rows, 0);
    } else {
        for row in bytes.chunks_exact(layout.size()) {
            let start = data.len();
            let mut rest = row;
            for number in &numbers {
                let Some((bytes, tail)) = rest.split_at_checked(number.size()) else { break };
                put(&mut data, *number, bytes);
                rest = tail;
            }
            lens.push(u32::try_from(data.len() - start).unwrap_or(u32::MAX));
        }
    }
    let encoding = Encoding::Rows { shape, human_readable: false };
    let ComponentSchema { name, version, resource, .. } = &column.schema;
    let schema = ComponentSchema::new(name, *version, *resource, encoding);
    let (data, targets) = (Cow::Owned(data), Cow::Owned(Vec::new()));
    Ok(Some(Column { schema, data: ColumnData::Rows { data, lengths: Lengths::each(lens), targets } }))
}

/// Numbers of one value: each has a position in a shape, of which there are 65,535.
const VALUES_MAX: usize = 60_000;

/// How many numbers and structs a value has, at least.
fn values_of(layout: &OwnedLayout) -> usize {
    match layout {
        OwnedLayout::Primitive(_) => 1,
        OwnedLayout::Array(element, count) => values_of(element).saturating_mul(*count as usize),
        OwnedLayout::Struct(fields) => {
            fields.iter().fold(1, |sum: usize, (_, field)| sum.saturating_add(values_of(field)))
        }
    }
}

fn position(layout: &OwnedLayout, types: &mut Vec<Type>) -> Position {
    Position(vec![match layout {
        OwnedLayout::Primitive(primitive) => Alternative::Prim(prim(*primitive)),
        OwnedLayout::Array(element, count) => {
            // Types of one name are one type: the first element has them all.
            let first = position(element, types);
            Alternative::Tuple(vec![first; *count as usize])
        }
        OwnedLayout::Struct(fields) => Alternative::Type(structure(fields, types)),
    }])
}

/// Types get the number of their place as a name, as plain layouts have none, in the order in which they are met.
fn structure(fields: &[(String, OwnedLayout)], types: &mut Vec<Type>) -> u32 {
    let number = types.len();
    types.push(Type { name: number.to_string(), body: Body::Unit });
    let is_tuple = fields.iter().enumerate().all(|(at, (name, _))| *name == at.to_string());
    let body = match fields {
        [] => Body::Unit,
        [(_, inner)] if is_tuple => Body::Newtype(position(inner, types)),
        _ if is_tuple => Body::TupleStruct(fields.iter().map(|(_, field)| position(field, types)).collect()),
        _ => {
            let field = |(name, layout): &(String, OwnedLayout)| Field {
                name: name.clone(),
                required: true,
                position: position(layout, types),
            };
            Body::Struct(fields.iter().map(field).collect())
        }
    };
    if let Some(found) = types.get_mut(number) {
        found.body = body;
    }
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The numbers of a value in the order of their bytes.
fn leaves(layout: &OwnedLayout, into: &mut Vec<Primitive>) {
    match layout {
        OwnedLayout::Primitive(primitive) => into.push(*primitive),
        OwnedLayout::Array(element, count) => (0..*count).for_each(|_| leaves(element, into)),
        OwnedLayout::Struct(fields) => fields.iter().for_each(|(_, field)| leaves(field, into)),
    }
}

fn prim(of: Primitive) -> Prim {
    match of {
        Primitive::U8 => Prim::U8,
        Primitive::U16 => Prim::U16,
        Primitive::U32 => Prim::U32,
        Primitive::U64 => Prim::U64,
        Primitive::U128 => Prim::U128,
        Primitive::I8 => Prim::I8,
        Primitive::I16 => Prim::I16,
        Primitive::I32 => Prim::I32,
        Primitive::I64 => Prim::I64,
        Primitive::I128 => Prim::I128,
        Primitive::F32 => Prim::F32,
        Primitive::F64 => Prim::F64,
    }
}

/// Writes a number as a row has it: FORMAT.md, section 4.1.
fn put(out: &mut Vec<u8>, of: Primitive, bytes: &[u8]) {
    match of {
        Primitive::U8 | Primitive::I8 | Primitive::F32 | Primitive::F64 => out.extend_from_slice(bytes),
        Primitive::U16 | Primitive::U32 | Primitive::U64 => put_varint(out, unsigned(bytes)),
        Primitive::U128 => put_varint_u128(out, wide(bytes)),
        Primitive::I16 | Primitive::I32 | Primitive::I64 => {
            let bits = u32::try_from(64 - bytes.len() * 8).unwrap_or(0);
            let value = unsigned(bytes).wrapping_shl(bits).cast_signed().wrapping_shr(bits);
            put_varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
        }
        Primitive::I128 => {
            let value = wide(bytes).cast_signed();
            put_varint_u128(out, ((value << 1) ^ (value >> 127)).cast_unsigned());
        }
    }
}

fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

fn wide(bytes: &[u8]) -> u128 {
    bytes.iter().rev().fold(0, |value, byte| (value << 8) | u128::from(*byte))
}
