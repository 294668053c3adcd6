//! Plain values as JSON, both ways.

use keepstone_format::{
    plain::{OwnedLayout, Primitive},
    wire::Input,
};

use crate::{
    error::Error,
    json::{
        JsonProblem,
        key::Key,
        members::{others, refuse},
        put::{Style, put_f32, put_f64, put_integer},
        scalar::{expected, f32_bits, f64_bits, integer, number_or_text},
        text::{Cursor, Result, Within, member},
    },
};

/// A layout whose keys are worked out.
#[derive(Debug)]
pub(super) enum Plain {
    Primitive(Primitive),
    Array(Box<Plain>, u32),
    Struct(Vec<(Key, Plain)>),
}

impl Plain {
    pub(super) fn of(layout: &OwnedLayout) -> Self {
        match layout {
            OwnedLayout::Primitive(primitive) => Self::Primitive(*primitive),
            OwnedLayout::Array(element, count) => Self::Array(Box::new(Self::of(element)), *count),
            OwnedLayout::Struct(fields) => {
                let field = |(name, field): &(String, _)| (Key::of_data(name.clone()), Self::of(field));
                Self::Struct(fields.iter().map(field).collect())
            }
        }
    }

    /// Writes a value.
    pub(super) fn put(&self, out: &mut Vec<u8>, input: &mut Input<'_>, style: Style) -> Result<(), Error> {
        match self {
            Self::Primitive(primitive) => put_primitive(out, *primitive, input),
            Self::Array(element, count) => {
                out.push(b'[');
                for index in 0..*count {
                    style.comma(out, index == 0);
                    element.put(out, input, style)?;
                }
                out.push(b']');
                Ok(())
            }
            Self::Struct(fields) => {
                out.push(b'{');
                for (index, (key, field)) in fields.iter().enumerate() {
                    style.comma(out, index == 0);
                    key.put(out, style);
                    field.put(out, input, style)?;
                }
                out.push(b'}');
                Ok(())
            }
        }
    }

    /// Reads a value and appends its bytes.
    pub(super) fn take(&self, cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Primitive(primitive) => take_primitive(cursor, *primitive, out),
            Self::Array(element, count) => {
                let start = *cursor;
                let wrong = || start.unexpected(format!("an array of {count}"));
                if !cursor.open(b'[') {
                    return wrong();
                }
                for index in 0..*count {
                    if !cursor.element(index == 0)? {
                        return wrong();
                    }
                    element.take(cursor, out).within(|| format!("[{index}]"))?;
                }
                if cursor.element(*count == 0)? { wrong() } else { Ok(()) }
            }
            Self::Struct(fields) => take_struct(cursor, fields, out),
        }
    }
}

fn take_struct(cursor: &mut Cursor<'_>, fields: &[(Key, Plain)], out: &mut Vec<u8>) -> Result<()> {
    let start = *cursor;
    if !cursor.open(b'{') {
        return cursor.unexpected("an object");
    }
    // As they are written: in this order.
    let mut rest = fields.iter();
    while let Some((key, field)) = rest.as_slice().first() {
        if !cursor.pass_key(key.quoted(), rest.len() == fields.len()) {
            break;
        }
        rest.next();
        field.take(cursor, out).within(|| member(&key.name))?;
    }
    let rest = rest.as_slice();
    if rest.is_empty() && cursor.open(b'}') {
        return Ok(());
    }
    let before = fields.get(..fields.len() - rest.len()).unwrap_or_default();
    let mut others = others(cursor, &mut before.iter().map(|(key, _)| key))?;
    for (key, field) in rest {
        let Some((_, value)) = others.remove(&key.name) else {
            return start.problem(JsonProblem::MissingKey { key: key.name.clone() });
        };
        let mut at = Cursor { checked: true, ..start.go(value) };
        field.take(&mut at, out).within(|| member(&key.name))?;
    }
    refuse(&others, &mut fields.iter().map(|(key, _)| key))
}

fn take_primitive(cursor: &mut Cursor<'_>, primitive: Primitive, out: &mut Vec<u8>) -> Result<()> {
    let start = *cursor;
    let prim = primitive.code();
    let Some(text) = number_or_text(cursor)? else { return start.unexpected(expected(prim)) };
    match primitive {
        Primitive::F32 => {
            let Some(bits) = f32_bits(&text) else { return start.unexpected(expected(prim)) };
            out.extend_from_slice(&bits.to_le_bytes());
        }
        Primitive::F64 => {
            let Some(bits) = f64_bits(&text) else { return start.unexpected(expected(prim)) };
            out.extend_from_slice(&bits.to_le_bytes());
        }
        _ => {
            let Some(bits) = integer(&text, prim) else { return start.unexpected(expected(prim)) };
            out.extend_from_slice(bits.to_le_bytes().get(..primitive.size()).unwrap_or_default());
        }
    }
    Ok(())
}

fn put_primitive(out: &mut Vec<u8>, primitive: Primitive, input: &mut Input<'_>) -> Result<(), Error> {
    let signed = |value: i128| (value < 0, value.unsigned_abs());
    let (negative, size) = match primitive {
        Primitive::U8 => (false, input.u8()?.into()),
        Primitive::U16 => (false, input.u16()?.into()),
        Primitive::U32 => (false, input.u32()?.into()),
        Primitive::U64 => (false, input.u64()?.into()),
        Primitive::U128 => (false, input.u128()?),
        Primitive::I8 => signed(input.u8()?.cast_signed().into()),
        Primitive::I16 => signed(input.u16()?.cast_signed().into()),
        Primitive::I32 => signed(input.u32()?.cast_signed().into()),
        Primitive::I64 => signed(input.u64()?.cast_signed().into()),
        Primitive::I128 => signed(input.u128()?.cast_signed()),
        Primitive::F32 => {
            put_f32(out, f32::from_bits(input.u32()?));
            return Ok(());
        }
        Primitive::F64 => {
            put_f64(out, f64::from_bits(input.u64()?));
            return Ok(());
        }
    };
    put_integer(out, negative, size);
    Ok(())
}
