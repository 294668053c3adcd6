use std::fmt;

use keepstone::value::{Fields, Value};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap as _, SerializeSeq as _},
};

use crate::text::Hex;

/// A value as JSON: structs are objects, variants of enums objects of one key, or a text if they hold nothing.
pub(crate) struct Json<'v>(pub(crate) &'v Value<'v>);

struct List<'v>(&'v [Value<'v>]);

struct Held<'v>(&'v Fields<'v>);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Unit | Value::Option(None) => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(number) => serializer.serialize_i128(*number),
            Value::Big(number) => serializer.serialize_u128(*number),
            Value::F32(bits) => float(f32::from_bits(*bits), f32::is_finite, serializer),
            Value::F64(bits) => float(f64::from_bits(*bits), f64::is_finite, serializer),
            Value::Char(value) => serializer.serialize_char(*value),
            Value::Str(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.collect_str(&Hex(bytes)),
            Value::Entity(ordinal) => serializer.serialize_u32(*ordinal),
            Value::Option(Some(value)) => Json(value).serialize(serializer),
            Value::Seq(values) | Value::Tuple(values) => List(values).serialize(serializer),
            Value::Map(entries) => map(entries, serializer),
            Value::Struct(found) => Held(&found.fields).serialize(serializer),
            Value::Variant(found) => match &found.fields {
                Fields::Unit => serializer.serialize_str(&found.name),
                fields => {
                    let mut map = serializer.serialize_map(Some(1))?;
                    map.serialize_entry(&found.name, &Held(fields))?;
                    map.end()
                }
            },
        }
    }
}

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        self.0.iter().try_for_each(|value| list.serialize_element(&Json(value)))?;
        list.end()
    }
}

impl Serialize for Held<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Fields::Unit => serializer.serialize_unit(),
            Fields::Newtype(value) => Json(value).serialize(serializer),
            Fields::Tuple(values) => List(values).serialize(serializer),
            Fields::Named(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, value)| map.serialize_entry(name, &Json(value)))?;
                map.end()
            }
        }
    }
}

/// JSON has no number for some floats.
fn float<F: Copy + Serialize + fmt::Display, S: Serializer>(
    number: F,
    is_finite: fn(F) -> bool,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if is_finite(number) { number.serialize(serializer) } else { serializer.collect_str(&number) }
}

/// An object where all keys are texts, else a list of pairs.
fn map<S: Serializer>(entries: &[(Value<'_>, Value<'_>)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut texts = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let Value::Str(key) = key else {
            let mut list = serializer.serialize_seq(Some(entries.len()))?;
            for (key, value) in entries {
                list.serialize_element(&(Json(key), Json(value)))?;
            }
            return list.end();
        };
        texts.push((key, value));
    }
    let mut map = serializer.serialize_map(Some(texts.len()))?;
    texts.iter().try_for_each(|(key, value)| map.serialize_entry(key, &Json(value)))?;
    map.end()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use keepstone::value::{Decoder, Options, encode};
    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    enum State {
        Idle,
        Moving(f32, f64),
        Named { id: u128 },
    }

    /// Writes a value and gives the JSON of what is read back without its type.
    fn shown<T: Serialize>(value: T) -> serde_json::Value {
        let options = Options::default();
        let rows = encode([value].iter(), None, &options).expect("it can be written");
        let mut decoder = Decoder::new(&rows.shape, &rows.data, &[], None, &options);
        let len = rows.data.len().try_into().expect("it is short");
        serde_json::to_value(Json(&decoder.value(len).expect("it was just written"))).expect("it is JSON")
    }

    #[test]
    fn values_are_what_serde_would_make_of_them() {
        let map = BTreeMap::from([("a", Some(1)), ("b", None)]);
        assert_eq!(shown(map), json!({"a": 1, "b": null}));
        assert_eq!(
            shown(vec![State::Idle, State::Moving(1.5, -2.0)]),
            json!(["Idle", {"Moving": [1.5, -2.0]}])
        );
        assert_eq!(shown(State::Named { id: 7 }), json!({"Named": {"id": 7}}));
        assert_eq!(shown((true, 'x', "text", -3_i8)), json!([true, "x", "text", -3]));
    }

    #[test]
    fn what_json_has_no_form_for_is_text_or_pairs() {
        assert_eq!(shown(f32::NAN), json!("NaN"));
        assert_eq!(shown(vec![1_u8, 255]), json!("01ff"));
        assert_eq!(shown(BTreeMap::from([(1, 2)])), json!([[1, 2]]));
    }
}
