//! Builds files as aw-save writes them, and reads their bodies as it does, with serde and the postcard crate, independent
//! of reader and writer.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Year, day of the year, hour, minute, second, nanosecond, offset hours, minutes, seconds.
pub(super) type Date = (i32, u16, u8, u8, u8, u32, i8, i8, i8);

/// 2025-10-09 08:53:20.123456789, the same as 1760000000123456789 ns.
pub(super) const DATE: Date = (2025, 282, 8, 53, 20, 123_456_789, 0, 0, 0);

/// Bytes as the `uuid` crate writes them: with a length.
#[derive(Clone)]
pub(super) struct Id(pub(super) Vec<u8>);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(|bytes| Self(bytes.to_vec()))
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct V2 {
    pub(super) schema: u16,
    pub(super) save_id: Id,
    pub(super) created_at: Date,
    pub(super) player_id: String,
    pub(super) slot: u8,
    pub(super) world: World,
    pub(super) companions: Vec<Companion>,
    pub(super) inventory: Inventory,
    pub(super) meta: Map<String>,
}

#[derive(Clone, Serialize)]
pub(super) struct V1 {
    pub(super) player_id: String,
    pub(super) slot: u8,
    pub(super) created_at: Date,
    pub(super) world: World,
    pub(super) inventory: Inventory,
    pub(super) companion: Option<Companion>,
    pub(super) meta: Map<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct World {
    pub(super) tick: u64,
    pub(super) ecs_blob: Vec<u8>,
    pub(super) state_hash: u64,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Companion {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) level: u8,
    pub(super) skills: Vec<String>,
    pub(super) facts: Vec<String>,
    pub(super) episodes_summarized: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Inventory {
    pub(super) credits: u64,
    pub(super) items: Vec<Item>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) kind: String,
    pub(super) qty: u32,
    pub(super) attrs: Map<i64>,
}

/// A map with a chosen order, which may repeat a key; postcard writes it as any other map.
#[derive(Clone)]
pub(super) struct Map<V>(pub(super) Vec<(String, V)>);

impl<V: Serialize> Serialize for Map<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Map<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self)
    }
}

impl<V: Clone> Map<V> {
    pub(super) fn to_btree(&self) -> BTreeMap<String, V> {
        self.0.iter().cloned().collect()
    }
}

/// A small bundle of version 2, to be changed by a test.
pub(super) fn small() -> V2 {
    V2 {
        schema: 2,
        save_id: Id(vec![7; 16]),
        created_at: DATE,
        player_id: "p".to_owned(),
        slot: 1,
        world: World { tick: 3, ecs_blob: vec![1, 2, 3], state_hash: 4 },
        companions: vec![],
        inventory: Inventory { credits: 5, items: vec![] },
        meta: Map(vec![]),
    }
}

/// A companion without skills, facts and episodes.
pub(super) fn companion() -> Companion {
    Companion {
        id: "c".to_owned(),
        name: "n".to_owned(),
        level: 9,
        skills: vec![],
        facts: vec![],
        episodes_summarized: vec![],
    }
}

pub(super) fn body(bundle: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(bundle).unwrap()
}

/// A file around bytes that stand behind its header.
pub(super) fn container(version: u16, codec: u8, data: &[u8]) -> Vec<u8> {
    let mut file = b"ASVS".to_vec();
    file.extend(version.to_le_bytes());
    file.extend([codec, 0]);
    file.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    file.extend(crc32fast::hash(data).to_le_bytes());
    file.extend(data);
    file
}

pub(super) fn plain(version: u16, bundle: &impl Serialize) -> Vec<u8> {
    container(version, 0, &body(bundle))
}

#[cfg(feature = "lz4")]
pub(super) fn packed(version: u16, bundle: &impl Serialize) -> Vec<u8> {
    container(version, 1, &lz4_flex::compress_prepend_size(&body(bundle)))
}
