use keepstone_value::{Fields, Value};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::number::is_exact;

/// A value that JSON has a place for.
pub(crate) struct Shown(Value<'static>);

/// A part of one.
struct Part<'v>(&'v Value<'static>);

/// A value that was read, for serde: `null` is an option without a value.
pub(super) struct Read<'v>(pub(super) &'v serde_json::Value);

/// What a struct or variant holds.
struct Held<'v>(&'v Fields<'static>);

impl Shown {
    /// Takes a value, if it is the same value but for the width of its numbers when its JSON is read, and no deeper than this.
    pub(super) fn of(value: Value<'static>, depth_max: u32) -> Option<Self> {
        fits(&value, depth_max).then_some(Self(value))
    }
}

fn fits(value: &Value<'_>, depth: u32) -> bool {
    let Some(within) = depth.checked_sub(1) else { return false };
    match value {
        Value::Bool(_) | Value::Char(_) | Value::Str(_) | Value::Bytes(_) | Value::Option(None) => true,
        Value::Int(number) => i64::try_from(*number).is_ok() || u64::try_from(*number).is_ok(),
        Value::F32(bits) => f32::from_bits(*bits).is_finite(),
        Value::F64(bits) => f64::from_bits(*bits).is_finite() && is_exact(f64::from_bits(*bits)),
        // `null` is read as an option.
        Value::Big(_) | Value::Entity(_) | Value::Unit => false,
        // Two that are null would be one.
        Value::Option(Some(inner)) => !is_null(inner) && fits(inner, depth),
        Value::Seq(values) | Value::Tuple(values) => values.iter().all(|value| fits(value, within)),
        Value::Map(entries) => {
            entries.iter().all(|(key, value)| matches!(key, Value::Str(_)) && fits(value, within))
        }
        Value::Struct(found) => found.fields != Fields::Unit && fields_fit(&found.fields, depth),
        Value::Variant(found) => fields_fit(&found.fields, within),
    }
}

fn fields_fit(fields: &Fields<'_>, depth: u32) -> bool {
    let Some(within) = depth.checked_sub(1) else { return false };
    match fields {
        Fields::Unit => true,
        Fields::Newtype(inner) => fits(inner, within),
        Fields::Tuple(values) => values.iter().all(|value| fits(value, within)),
        Fields::Named(fields) => fields.iter().all(|(_, value)| fits(value, within)),
    }
}

/// Whether a value may be written as `null`.
fn is_null(value: &Value<'_>) -> bool {
    match value {
        Value::Option(_) => true,
        Value::Struct(found) => matches!(&found.fields, Fields::Newtype(inner) if is_null(inner)),
        _ => false,
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Part(&self.0).serialize(serializer)
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Unit | Value::Option(None) | Value::Entity(_) => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(number) => match i64::try_from(*number) {
                Ok(number) => serializer.serialize_i64(number),
                Err(_) => {
                    serializer.serialize_u64(u64::try_from(*number).map_err(serde::ser::Error::custom)?)
                }
            },
            Value::Big(number) => serializer.serialize_u128(*number),
            Value::F32(bits) => serializer.serialize_f32(f32::from_bits(*bits)),
            Value::F64(bits) => serializer.serialize_f64(f64::from_bits(*bits)),
            Value::Char(letter) => serializer.serialize_char(*letter),
            Value::Str(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.collect_seq(bytes.iter()),
            Value::Option(Some(inner)) => Self(inner).serialize(serializer),
            Value::Seq(values) | Value::Tuple(values) => serializer.collect_seq(values.iter().map(Part)),
            Value::Map(entries) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (Part(key), Part(value))))
            }
            Value::Struct(found) => Held(&found.fields).serialize(serializer),
            Value::Variant(found) if found.fields == Fields::Unit => serializer.serialize_str(&found.name),
            Value::Variant(found) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(&*found.name, &Held(&found.fields))?;
                map.end()
            }
        }
    }
}

impl Serialize for Held<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Fields::Unit => serializer.serialize_unit(),
            Fields::Newtype(inner) => Part(inner).serialize(serializer),
            Fields::Tuple(values) => serializer.collect_seq(values.iter().map(Part)),
            Fields::Named(fields) => {
                serializer.collect_map(fields.iter().map(|(name, value)| (name, Part(value))))
            }
        }
    }
}

impl Serialize for Read<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            serde_json::Value::Null => serializer.serialize_none(),
            serde_json::Value::Array(values) => serializer.collect_seq(values.iter().map(Read)),
            serde_json::Value::Object(members) => {
                serializer.collect_map(members.iter().map(|(key, value)| (key, Read(value))))
            }
            value => value.serialize(serializer),
        }
    }
}
