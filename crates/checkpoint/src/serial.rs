//! What serde is told of types that it can't derive.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor},
};

use crate::{
    Kind,
    id::{CheckpointId, ContentId},
};

/// Bytes that are taken for a list before it is known how long it is.
const ROOM_MAX: usize = 4096;

/// Kinds by their names; one that this build doesn't know is `io`: look at what the message says.
pub(crate) mod kind {
    use super::{Deserialize, Deserializer, Kind, Serializer};

    const NAMES: [(Kind, &str); 10] = [
        (Kind::NotFound, "not_found"),
        (Kind::Damaged, "damaged"),
        (Kind::Newer, "newer"),
        (Kind::Busy, "busy"),
        (Kind::Limit, "limit"),
        (Kind::NoSpace, "no_space"),
        (Kind::Denied, "denied"),
        (Kind::Poisoned, "poisoned"),
        (Kind::Misuse, "misuse"),
        (Kind::Io, "io"),
    ];

    pub(super) fn name(of: Kind) -> &'static str {
        NAMES.iter().find(|(kind, _)| *kind == of).map_or("io", |(_, name)| name)
    }

    pub(super) fn named(text: &str) -> Kind {
        NAMES.iter().find(|(_, name)| *name == text).map_or(Kind::Io, |(kind, _)| *kind)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    pub(crate) fn serialize<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(name(*kind))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
        Ok(named(&String::deserialize(deserializer)?))
    }
}

/// The same where there may be none.
pub(crate) mod kind_option {
    use super::{Deserialize, Deserializer, Kind, Serialize, Serializer, kind};

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    pub(crate) fn serialize<S: Serializer>(of: &Option<Kind>, serializer: S) -> Result<S::Ok, S::Error> {
        of.map(kind::name).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Kind>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(|name| kind::named(&name)))
    }
}

/// Bytes as such, where a format has them, and else as a list of numbers.
pub(crate) mod bytes {
    use super::{Deserializer, Serializer, ToBytes};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        deserializer.deserialize_byte_buf(ToBytes)
    }
}

struct ToBytes;

impl<'de> Visitor<'de> for ToBytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::with_capacity(list.size_hint().unwrap_or(0).min(ROOM_MAX));
        while let Some(byte) = list.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

/// As hexadecimal digits where people read, else as the 16 bytes.
fn serialize_id<S: Serializer>(
    bytes: &[u8; 16],
    text: &impl fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() { serializer.collect_str(text) } else { bytes.serialize(serializer) }
}

fn deserialize_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 16], D::Error> {
    if !deserializer.is_human_readable() {
        return <[u8; 16]>::deserialize(deserializer);
    }
    let text = String::deserialize(deserializer)?;
    let id: CheckpointId = text.parse().map_err(de::Error::custom)?;
    Ok(*id.as_bytes())
}

impl Serialize for CheckpointId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_id(self.as_bytes(), self, serializer)
    }
}

impl<'de> Deserialize<'de> for CheckpointId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_id(deserializer).map(Self::from_bytes)
    }
}

impl Serialize for ContentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_id(self.as_bytes(), self, serializer)
    }
}

impl<'de> Deserialize<'de> for ContentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_id(deserializer).map(Self::from_bytes)
    }
}
