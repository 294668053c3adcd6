//! Values of columns whose shapes differ, made comparable.

use keepstone_value::{Decoder, Fields, Options, Shape, Value};

use crate::{
    doc::{Column, ColumnData},
    error::Error,
};

/// A hash of each row of a column of serde values: equal for equal values, whatever the shape that they are written in. `called` says what
/// stands for an ordinal.
///
/// So no value is in memory longer than it takes to look at it.
pub(super) fn digests(
    column: &Column<'_>,
    shape: &Shape,
    human_readable: bool,
    called: &dyn Fn(u32) -> u32,
) -> Result<Vec<[u8; 16]>, Error> {
    let ColumnData::Rows { data, lengths, targets } = &column.data else { return Ok(Vec::new()) };
    let options = Options { human_readable, ..Options::default() };
    let wrap = |source| Error::Value { component: column.schema.name.clone(), source };
    let mut decoder = Decoder::new(shape, data, targets, None, &options);
    let mut digests = Vec::new();
    for len in lengths.iter() {
        let value = decoder.value(len).map_err(wrap)?;
        let mut out = Vec::new();
        put(&value, called, &mut out);
        digests.push(digest(&out));
    }
    Ok(digests)
}

fn digest(bytes: &[u8]) -> [u8; 16] {
    let mut digest = [0; 16];
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut digest);
    digest
}

/// Writes a value so that different values are written differently: each kind has a tag, and what has no fixed size its length.
fn put(value: &Value<'_>, called: &dyn Fn(u32) -> u32, out: &mut Vec<u8>) {
    match value {
        Value::Unit => out.push(0),
        Value::Bool(value) => out.extend([1, u8::from(*value)]),
        Value::Int(value) => put_int(*value, out),
        Value::Big(value) => put_fixed(3, &value.to_le_bytes(), out),
        Value::F32(bits) => put_fixed(4, &bits.to_le_bytes(), out),
        Value::F64(bits) => put_fixed(5, &bits.to_le_bytes(), out),
        Value::Char(value) => put_fixed(6, &u32::from(*value).to_le_bytes(), out),
        Value::Str(text) => put_text(7, text, out),
        // The same numbers are a sequence where others of the column are wider.
        Value::Bytes(bytes) => {
            put_len(8, bytes.len(), out);
            bytes.iter().for_each(|&byte| put_int(byte.into(), out));
        }
        Value::Seq(values) => put_all(8, values, called, out),
        Value::Entity(ordinal) => put_fixed(9, &called(*ordinal).to_le_bytes(), out),
        Value::Option(None) => out.push(10),
        Value::Option(Some(value)) => {
            out.push(11);
            put(value, called, out);
        }
        Value::Tuple(values) => put_all(12, values, called, out),
        // The order of entries depends on ordinals where keys hold entities.
        Value::Map(entries) => put_sorted(
            13,
            entries.iter().map(|(key, value)| {
                let mut entry = Vec::new();
                put(key, called, &mut entry);
                put(value, called, &mut entry);
                entry
            }),
            out,
        ),
        Value::Struct(found) => {
            put_text(14, &found.name, out);
            put_fields(&found.fields, called, out);
        }
        Value::Variant(found) => {
            put_text(15, &found.of, out);
            put_text(16, &found.name, out);
            put_fixed(17, &found.index.to_le_bytes(), out);
            put_fields(&found.fields, called, out);
        }
    }
}

fn put_fields(fields: &Fields<'_>, called: &dyn Fn(u32) -> u32, out: &mut Vec<u8>) {
    match fields {
        Fields::Unit => out.push(20),
        Fields::Newtype(value) => {
            out.push(21);
            put(value, called, out);
        }
        Fields::Tuple(values) => put_all(22, values, called, out),
        // Their order is that of the shape.
        Fields::Named(fields) => put_sorted(
            23,
            fields.iter().map(|(name, value)| {
                let mut field = Vec::new();
                put_text(24, name, &mut field);
                put(value, called, &mut field);
                field
            }),
            out,
        ),
    }
}

fn put_int(value: i128, out: &mut Vec<u8>) {
    put_fixed(2, &value.to_le_bytes(), out);
}

fn put_fixed(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

fn put_len(tag: u8, len: usize, out: &mut Vec<u8>) {
    put_fixed(tag, &(len as u64).to_le_bytes(), out);
}

fn put_text(tag: u8, text: &str, out: &mut Vec<u8>) {
    put_len(tag, text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

fn put_all(tag: u8, values: &[Value<'_>], called: &dyn Fn(u32) -> u32, out: &mut Vec<u8>) {
    put_len(tag, values.len(), out);
    for value in values {
        put(value, called, out);
    }
}

fn put_sorted(tag: u8, parts: impl Iterator<Item = Vec<u8>>, out: &mut Vec<u8>) {
    let mut parts: Vec<Vec<u8>> = parts.collect();
    parts.sort_unstable();
    put_len(tag, parts.len(), out);
    for part in &parts {
        out.extend_from_slice(part);
    }
}
