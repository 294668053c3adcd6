use std::borrow::Cow;

use keepstone_format::plain::{OwnedLayout, Primitive};
use keepstone_value::{Fields, Struct, Value};

/// A layout as the values that rows of it are.
///
/// Structs of a layout have no names. Each has the number of its place, as where a plain column is read as serde rows.
pub(super) enum Plain<'a> {
    Number(Primitive),
    Array(Box<Plain<'a>>, u32),
    Struct(Cow<'static, str>, Form<'a>),
}

pub(super) enum Form<'a> {
    Unit,
    Newtype(Box<Plain<'a>>),
    Tuple(Vec<Plain<'a>>),
    Named(Vec<(&'a str, Plain<'a>)>),
}

impl<'a> Plain<'a> {
    pub(super) fn new(layout: &'a OwnedLayout) -> Self {
        Self::of(layout, &mut 0)
    }

    fn of(layout: &'a OwnedLayout, structs: &mut u32) -> Self {
        match layout {
            OwnedLayout::Primitive(primitive) => Self::Number(*primitive),
            OwnedLayout::Array(element, count) => Self::Array(Box::new(Self::of(element, structs)), *count),
            OwnedLayout::Struct(fields) => {
                let name = name(*structs);
                *structs += 1;
                let is_tuple = fields.iter().enumerate().all(|(at, (name, _))| *name == at.to_string());
                let mut each = fields.iter().map(|(name, field)| (name.as_str(), Self::of(field, structs)));
                let form = match fields.len() {
                    0 => Form::Unit,
                    _ if !is_tuple => Form::Named(each.collect()),
                    1 => each.next().map_or(Form::Unit, |(_, inner)| Form::Newtype(Box::new(inner))),
                    _ => Form::Tuple(each.map(|(_, field)| field).collect()),
                };
                Self::Struct(name, form)
            }
        }
    }

    /// Reads a value from the front of `bytes`, which has all of it.
    pub(super) fn read(&self, bytes: &mut &[u8]) -> Value<'a> {
        match self {
            Self::Number(primitive) => number(*primitive, bytes),
            Self::Array(element, count) => Value::Tuple((0..*count).map(|_| element.read(bytes)).collect()),
            Self::Struct(name, form) => {
                let fields = match form {
                    Form::Unit => Fields::Unit,
                    Form::Newtype(inner) => Fields::Newtype(inner.read(bytes)),
                    Form::Tuple(items) => Fields::Tuple(items.iter().map(|item| item.read(bytes)).collect()),
                    Form::Named(fields) => {
                        let read =
                            |(name, field): &(&'a str, Self)| (Cow::Borrowed(*name), field.read(bytes));
                        Fields::Named(fields.iter().map(read).collect())
                    }
                };
                Value::Struct(Box::new(Struct { name: name.clone(), fields }))
            }
        }
    }

    /// Appends a value; none if it doesn't fit. What structs are called doesn't matter.
    pub(super) fn write(&self, value: &Value<'_>, out: &mut Vec<u8>) -> Option<()> {
        match (self, value) {
            (Self::Number(primitive), value) => put(*primitive, value, out),
            (Self::Array(element, count), Value::Tuple(items)) if items.len() == *count as usize => {
                items.iter().try_for_each(|item| element.write(item, out))
            }
            (Self::Struct(_, form), Value::Struct(found)) => match (form, &found.fields) {
                (Form::Unit, Fields::Unit) => Some(()),
                (Form::Newtype(inner), Fields::Newtype(value)) => inner.write(value, out),
                (Form::Tuple(items), Fields::Tuple(values)) if items.len() == values.len() => {
                    items.iter().zip(values).try_for_each(|(item, value)| item.write(value, out))
                }
                (Form::Named(fields), Fields::Named(values)) if fields.len() == values.len() => {
                    fields.iter().try_for_each(|(name, field)| {
                        let (_, value) = values.iter().find(|(other, _)| other == name)?;
                        field.write(value, out)
                    })
                }
                _ => None,
            },
            _ => None,
        }
    }
}

fn name(number: u32) -> Cow<'static, str> {
    const FIRST: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];
    match FIRST.get(number as usize) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(number.to_string()),
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    match bytes.split_first_chunk() {
        Some((first, rest)) => {
            *bytes = rest;
            *first
        }
        None => [0; N],
    }
}

fn number(primitive: Primitive, bytes: &mut &[u8]) -> Value<'static> {
    match primitive {
        Primitive::U8 => Value::Int(u8::from_le_bytes(take(bytes)).into()),
        Primitive::U16 => Value::Int(u16::from_le_bytes(take(bytes)).into()),
        Primitive::U32 => Value::Int(u32::from_le_bytes(take(bytes)).into()),
        Primitive::U64 => Value::Int(u64::from_le_bytes(take(bytes)).into()),
        Primitive::U128 => {
            let value = u128::from_le_bytes(take(bytes));
            i128::try_from(value).map_or(Value::Big(value), Value::Int)
        }
        Primitive::I8 => Value::Int(i8::from_le_bytes(take(bytes)).into()),
        Primitive::I16 => Value::Int(i16::from_le_bytes(take(bytes)).into()),
        Primitive::I32 => Value::Int(i32::from_le_bytes(take(bytes)).into()),
        Primitive::I64 => Value::Int(i64::from_le_bytes(take(bytes)).into()),
        Primitive::I128 => Value::Int(i128::from_le_bytes(take(bytes))),
        Primitive::F32 => Value::F32(u32::from_le_bytes(take(bytes))),
        Primitive::F64 => Value::F64(u64::from_le_bytes(take(bytes))),
    }
}

fn put(primitive: Primitive, value: &Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    match (primitive, value) {
        (Primitive::U8, Value::Int(value)) => out.extend(u8::try_from(*value).ok()?.to_le_bytes()),
        (Primitive::U16, Value::Int(value)) => out.extend(u16::try_from(*value).ok()?.to_le_bytes()),
        (Primitive::U32, Value::Int(value)) => out.extend(u32::try_from(*value).ok()?.to_le_bytes()),
        (Primitive::U64, Value::Int(value)) => out.extend(u64::try_from(*value).ok()?.to_le_bytes()),
        (Primitive::U128, Value::Int(value)) => out.extend(u128::try_from(*value).ok()?.to_le_bytes()),
        (Primitive::U128, Value::Big(value)) => out.extend(value.to_le_bytes()),
        (Primitive::I8, Value::Int(value)) => out.extend(i8::try_from(*value).ok()?.to_le_bytes()),
        (Primitive::I16, Value::Int(value)) => out.extend(i16::try_from(*value).ok()?.to_le_bytes()),
        (Primitive::I32, Value::Int(value)) => out.extend(i32::try_from(*value).ok()?.to_le_bytes()),
        (Primitive::I64, Value::Int(value)) => out.extend(i64::try_from(*value).ok()?.to_le_bytes()),
        (Primitive::I128, Value::Int(value)) => out.extend(value.to_le_bytes()),
        (Primitive::F32, Value::F32(bits)) => out.extend(bits.to_le_bytes()),
        (Primitive::F64, Value::F64(bits)) => out.extend(bits.to_le_bytes()),
        _ => return None,
    }
    Some(())
}
