//! Marks fields that refer to entities: `#[serde(with = "keepstone_value::entity")]`.
//!
//! References are recognized where serde names the engine's entity type. A transparent newtype, an untagged enum, a `Cow` or a
//! `Cell` forwards to what is inside without naming it; a marked field is a reference all the same, to this crate's encoder and
//! decoder, if they know of entities. To any other format the mark is invisible: the field is written as if it weren't there.
//! [`option`] and [`mod@vec`] are for fields that hold entities so.
//!
//! A marked field has to serialize as one u64. Its type needs not be the entity type: a u64 that holds an entity's bits may
//! be marked too. A mark can't be seen through what serde buffers while writing, which it does for tuple variants of an enum that
//! stands in an internally tagged one; and what it buffers while reading (untagged and internally tagged enums, flattened fields)
//! gets its entities back, but a plain number there is not refused.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//!
//! # #[derive(Serialize, Deserialize, Clone, Copy)]
//! # struct Entity(u64);
//! #[derive(Serialize, Deserialize)]
//! #[serde(transparent)]
//! struct Target(#[serde(with = "keepstone_value::entity")] Entity);
//!
//! #[derive(Serialize, Deserialize)]
//! #[serde(untagged)]
//! enum Aim {
//!     At(#[serde(with = "keepstone_value::entity")] Entity),
//!     Along { dx: f32, dy: f32 },
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! struct Squad {
//!     #[serde(with = "keepstone_value::entity::option")]
//!     leader: Option<u64>,
//!     #[serde(with = "keepstone_value::entity::vec")]
//!     members: Vec<u64>,
//! }
//! ```

use std::fmt;
use std::marker::PhantomData;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of a newtype that stands for a mark. Only this crate's own serializers ever see it.
pub(crate) const MARK: &str = "keepstone_value::entity, a reference";

/// Writes a reference.
///
/// # Errors
///
/// What the value or the serializer fails with; this crate's encoder refuses a value that isn't written as one u64.
pub fn serialize<E: Serialize + ?Sized, S: Serializer>(value: &E, serializer: S) -> Result<S::Ok, S::Error> {
    if crate::encode::is_slot::<S>() || crate::record::is_slot::<S>() {
        return serializer.serialize_newtype_struct(MARK, value);
    }
    value.serialize(serializer)
}

/// Reads a reference.
///
/// # Errors
///
/// What the value or the deserializer fails with; this crate's decoder refuses a number that was not written as a reference.
pub fn deserialize<'de, E: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<E, D::Error> {
    if crate::decode::is_slot::<D>() {
        return deserializer.deserialize_newtype_struct(MARK, Inside(PhantomData));
    }
    E::deserialize(deserializer)
}

struct Inside<E>(PhantomData<E>);

impl<'de, E: Deserialize<'de>> Visitor<'de> for Inside<E> {
    type Value = E;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entity")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<E, D::Error> {
        E::deserialize(deserializer)
    }
}

/// A borrowed value that is marked.
struct Lent<'v, E: ?Sized>(&'v E);

impl<E: Serialize + ?Sized> Serialize for Lent<'_, E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self.0, serializer)
    }
}

/// A value that is marked.
struct Owned<E>(E);

impl<'de, E: Deserialize<'de>> Deserialize<'de> for Owned<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer).map(Self)
    }
}

/// Marks an `Option` whose inside refers to an entity.
pub mod option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::entity::{Lent, Owned};

    /// Writes a reference, if there is one.
    ///
    /// # Errors
    ///
    /// As [`serialize`](super::serialize).
    pub fn serialize<E: Serialize, S: Serializer>(
        value: &Option<E>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.serialize_some(&Lent(value)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a reference, if there is one.
    ///
    /// # Errors
    ///
    /// As [`deserialize`](super::deserialize).
    pub fn deserialize<'de, E: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<E>, D::Error> {
        Ok(Option::<Owned<E>>::deserialize(deserializer)?.map(|owned| owned.0))
    }
}

/// Marks a `Vec` whose elements refer to entities.
pub mod vec {
    use std::fmt;
    use std::marker::PhantomData;

    use serde::de::{SeqAccess, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::entity::{Lent, Owned};

    /// Writes references.
    ///
    /// # Errors
    ///
    /// As [`serialize`](super::serialize).
    pub fn serialize<E: Serialize, S: Serializer>(values: &[E], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(Lent))
    }

    /// Reads references.
    ///
    /// # Errors
    ///
    /// As [`deserialize`](super::deserialize).
    pub fn deserialize<'de, E: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<E>, D::Error> {
        deserializer.deserialize_seq(Elements(PhantomData))
    }

    struct Elements<E>(PhantomData<E>);

    impl<'de, E: Deserialize<'de>> Visitor<'de> for Elements<E> {
        type Value = Vec<E>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a sequence of entities")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<E>, A::Error> {
            let mut values = Vec::new();
            while let Some(Owned(value)) = elements.next_element()? {
                values.push(value);
            }
            Ok(values)
        }
    }
}
