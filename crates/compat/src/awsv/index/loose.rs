//! JSON that may have anything in the place of anything, read without keeping what isn't needed.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Index, IndexEntry};
use crate::awsv::{SaveId, stamp};

/// A whole index; what isn't an array is an error.
pub(super) struct Entries(pub(super) Index);

/// An element of the array, or, within one, the value of a field.
struct Held<const IS_ENTRY: bool>(Value);

enum Value {
    Entry(Box<Fields>),
    Text(String),
    Number(u64),
    Other,
}

#[derive(Default)]
struct Fields {
    save_id: Option<SaveId>,
    file: Option<String>,
    created_at: Option<(i64, i32)>,
    player_id: Option<String>,
    slot: Option<u8>,
    schema: Option<u16>,
}

impl Fields {
    /// A field that comes again replaces the one before.
    fn set(&mut self, key: &str, value: Value) {
        match (key, value) {
            ("save_id", Value::Text(text)) => self.save_id = SaveId::parse(&text),
            ("file", Value::Text(text)) => self.file = Some(text),
            ("created_at", Value::Text(text)) => self.created_at = stamp::read_index(&text),
            ("player_id", Value::Text(text)) => self.player_id = Some(text),
            ("slot", Value::Number(number)) => self.slot = u8::try_from(number).ok(),
            ("schema", Value::Number(number)) => self.schema = u16::try_from(number).ok(),
            _ => {}
        }
    }

    fn entry(self) -> Option<IndexEntry> {
        let (created_at, created_at_offset_seconds) = self.created_at?;
        Some(IndexEntry {
            save_id: self.save_id?,
            file: self.file?,
            created_at,
            created_at_offset_seconds,
            player_id: self.player_id?,
            slot: self.slot?,
            schema: self.schema?,
        })
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(OfEntries).map(Self)
    }
}

struct OfEntries;

impl<'de> Visitor<'de> for OfEntries {
    type Value = Index;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of saves")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Index, A::Error> {
        let mut index = Index::default();
        while let Some(Held(value)) = list.next_element::<Held<true>>()? {
            let entry = if let Value::Entry(fields) = value { fields.entry() } else { None };
            match entry {
                Some(entry) => index.entries.push(entry),
                None => index.unreadable += 1,
            }
        }
        Ok(index)
    }
}

impl<'de, const IS_ENTRY: bool> Deserialize<'de> for Held<IS_ENTRY> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfAnything::<IS_ENTRY>).map(Self)
    }
}

struct OfAnything<const IS_ENTRY: bool>;

impl<'de, const IS_ENTRY: bool> Visitor<'de> for OfAnything<IS_ENTRY> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        if !IS_ENTRY {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Value::Other);
        }
        let mut fields = Fields::default();
        while let Some((key, Held(value))) = map.next_entry::<String, Held<false>>()? {
            fields.set(&key, value);
        }
        Ok(Value::Entry(Box::new(fields)))
    }
}
