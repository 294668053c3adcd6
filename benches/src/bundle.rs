//! A save as a game has it: a world as bytes, and a few companions, items and notes beside it.

use std::{collections::HashMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, SeqAccess, Visitor},
};

use crate::mixed::SplitMix;

/// What alternates in mixed bytes: so many random ones, then as many of entities.
const PIECE_LEN: usize = 256;
const KINDS: [&str; 8] =
    ["crate", "door", "human guard", "human trader", "lamp", "tree", "wild boar", "wolf"];

/// A date with its time and offset, as the `time` crate gives it to formats that are not for people: year, day of the year, hour,
/// minute, second, nanosecond, and the hours, minutes and seconds of the offset.
pub type CreatedAt = (i32, u16, u8, u8, u8, u32, i8, i8, i8);

/// What aw-save saves, by its names; `B` is how the world's bytes are told to serde.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SaveBundle<B> {
    /// The version of these fields.
    pub schema: u16,
    /// Which save this is.
    pub save_id: SaveId,
    /// When it was made.
    pub created_at: CreatedAt,
    /// Whose it is.
    pub player_id: String,
    /// Where it was saved.
    pub slot: u8,
    /// The world.
    pub world: WorldState<B>,
    /// Who travels along.
    pub companions: Vec<CompanionProfile>,
    /// What is carried.
    pub inventory: PlayerInventory,
    /// Anything else.
    pub meta: HashMap<String, String>,
}

/// The same as version 1 had it: one companion, no identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SaveBundleV1<B> {
    /// Whose it is.
    pub player_id: String,
    /// Where it was saved.
    pub slot: u8,
    /// When it was made.
    pub created_at: CreatedAt,
    /// The world.
    pub world: WorldState<B>,
    /// What is carried.
    pub inventory: PlayerInventory,
    /// Who travels along.
    pub companion: Option<CompanionProfile>,
    /// Anything else.
    pub meta: HashMap<String, String>,
}

/// A world that is bytes to whoever saves it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorldState<B> {
    /// How far it got.
    pub tick: u64,
    /// What it is.
    pub ecs_blob: B,
    /// A hash of it.
    pub state_hash: u64,
}

/// Somebody who travels along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanionProfile {
    /// What the game calls them.
    pub id: String,
    /// What they are called.
    pub name: String,
    /// How far they got.
    pub level: u8,
    /// What they can do.
    pub skills: Vec<String>,
    /// What is known of them.
    pub facts: Vec<String>,
    /// What they remember.
    pub episodes_summarized: Vec<String>,
}

/// What is carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayerInventory {
    /// Money.
    pub credits: u64,
    /// Things.
    pub items: Vec<ItemStack>,
}

/// Some things of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemStack {
    /// What they are.
    pub kind: String,
    /// How many.
    pub qty: u32,
    /// What else is true of them.
    pub attrs: HashMap<String, i64>,
}

/// Sixteen bytes that serde is told are bytes, as UUIDs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaveId(pub [u8; 16]);

/// Bytes that serde is told are bytes: what `serde_bytes` is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

/// Which bytes a world is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Random bytes and those of entities in turns.
    Mixed,
    /// 0x42 and nothing else, as in the benchmarks of aw-save.
    Repeated,
    /// Bytes that no codec makes shorter.
    Random,
}

impl Data {
    /// Makes so many of them, the same each time.
    pub fn bytes(self, len: usize) -> Vec<u8> {
        match self {
            Self::Repeated => vec![0x42; len],
            Self::Random => random(len),
            Self::Mixed => mixed(len),
        }
    }
}

impl<B> SaveBundle<B> {
    /// Makes a save of a world.
    pub fn new(ecs_blob: B) -> Self {
        Self {
            schema: 2,
            save_id: SaveId([0x5a; 16]),
            created_at: (2026, 325, 12, 0, 0, 0, 0, 0, 0),
            player_id: "player-12345".to_owned(),
            slot: 0,
            world: WorldState { tick: 12_345, ecs_blob, state_hash: 0xdead_beef },
            companions: vec![companion("1", "Alex", 10), companion("2", "Beth", 8)],
            inventory: inventory(),
            meta: map([("difficulty", "normal".to_owned()), ("seconds_played", "3600".to_owned())]),
        }
    }
}

impl<B> SaveBundleV1<B> {
    /// Makes a save of a world.
    pub fn new(ecs_blob: B) -> Self {
        let SaveBundle { player_id, slot, created_at, world, inventory, companions, meta, .. } =
            SaveBundle::new(ecs_blob);
        let companion = companions.into_iter().next();
        Self { player_id, slot, created_at, world, inventory, companion, meta }
    }

    /// Makes of it what version 2 has, under an id.
    pub fn into_v2(self, save_id: SaveId) -> SaveBundle<B> {
        let Self { player_id, slot, created_at, world, inventory, companion, meta } = self;
        let companions = companion.into_iter().collect();
        SaveBundle { schema: 2, save_id, created_at, player_id, slot, world, companions, inventory, meta }
    }
}

impl Serialize for SaveId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for SaveId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = deserializer.deserialize_bytes(AsBytes)?;
        bytes.try_into().map(Self).map_err(|bytes: Vec<u8>| Error::invalid_length(bytes.len(), &"16 bytes"))
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(AsBytes).map(Self)
    }
}

struct AsBytes;

impl<'de> Visitor<'de> for AsBytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_owned())
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

fn companion(number: &str, name: &str, level: u8) -> CompanionProfile {
    CompanionProfile {
        id: format!("companion_{number}"),
        name: name.to_owned(),
        level,
        skills: vec!["combat".to_owned(), "stealth".to_owned()],
        facts: vec!["afraid of heights".to_owned()],
        episodes_summarized: vec!["crossed the bridge at night".to_owned()],
    }
}

fn inventory() -> PlayerInventory {
    let potions = ItemStack { kind: "health_potion".to_owned(), qty: 5, attrs: map([("rarity", 1)]) };
    let attrs = map([("damage", 25), ("durability", 100)]);
    let sword = ItemStack { kind: "iron_sword".to_owned(), qty: 1, attrs };
    PlayerInventory { credits: 10_000, items: vec![potions, sword] }
}

fn map<T, const N: usize>(entries: [(&str, T); N]) -> HashMap<String, T> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn random(len: usize) -> Vec<u8> {
    let mut random = SplitMix::new(1);
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| random.next_u64().to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}

/// Random bytes and those of entities in turns.
fn mixed(len: usize) -> Vec<u8> {
    let (random, mut numbers) = (random(len), SplitMix::new(2));
    let (mut bytes, mut components) = (Vec::with_capacity(len + 2 * PIECE_LEN), Vec::new());
    let mut id = 0;
    for piece in random.chunks(PIECE_LEN) {
        bytes.extend_from_slice(piece);
        while components.len() < PIECE_LEN {
            entity(id, &mut numbers, &mut components);
            id += 1;
        }
        bytes.extend(components.drain(..PIECE_LEN));
        if bytes.len() >= len {
            break;
        }
    }
    bytes.truncate(len);
    bytes
}

/// An entity as it stands in saves: somewhere, mostly at rest, mostly unhurt, one of a few kinds.
fn entity(id: u32, numbers: &mut SplitMix, out: &mut Vec<u8>) {
    out.extend_from_slice(&id.to_le_bytes());
    for _ in 0..3 {
        out.extend_from_slice(&(f32::from(numbers.next_u16()) / 64.0 - 512.0).to_le_bytes());
    }
    for _ in 0..3 {
        let speed = if id.is_multiple_of(4) { f32::from(numbers.next_u16()) / 1024.0 } else { 0.0 };
        out.extend_from_slice(&speed.to_le_bytes());
    }
    let health = if id.is_multiple_of(8) { i32::from(numbers.next_u16() % 100) } else { 100 };
    out.extend_from_slice(&health.to_le_bytes());
    out.extend_from_slice(&100_i32.to_le_bytes());
    let kind = KINDS.get(usize::from(numbers.next_u16()) % KINDS.len()).copied().unwrap_or_default();
    out.extend(u8::try_from(kind.len()));
    out.extend_from_slice(kind.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_has_the_length_asked_for_and_compresses_as_its_name_says() {
        let percent = |data: Data, len: usize| {
            let bytes = data.bytes(len);
            assert_eq!(bytes.len(), len);
            lz4_flex::compress(&bytes).len() * 100 / len
        };
        for len in [1024, 10_240, 1 << 20] {
            assert!(percent(Data::Repeated, len) < 5);
            assert!(percent(Data::Random, len) >= 100);
            let mixed = percent(Data::Mixed, len);
            assert!((70..90).contains(&mixed), "{mixed} % of {len}");
        }
    }

    #[test]
    fn both_blobs_and_both_versions_come_back() {
        let bytes = Data::Mixed.bytes(1000);
        let [listed, told] = [
            postcard::to_allocvec(&SaveBundle::new(bytes.clone())).unwrap(),
            postcard::to_allocvec(&SaveBundle::new(Blob(bytes.clone()))).unwrap(),
        ];
        assert_eq!(listed.len(), told.len());
        let listed: SaveBundle<Vec<u8>> = postcard::from_bytes(&listed).unwrap();
        let told: SaveBundle<Blob> = postcard::from_bytes(&told).unwrap();
        assert_eq!(listed.world.ecs_blob, told.world.ecs_blob.0);
        assert_eq!(told, SaveBundle::new(Blob(bytes.clone())));
        let old = postcard::to_allocvec(&SaveBundleV1::new(bytes.clone())).unwrap();
        let old: SaveBundleV1<Vec<u8>> = postcard::from_bytes(&old).unwrap();
        let new = old.into_v2(SaveId([1; 16]));
        assert_eq!((new.companions.len(), new.world.ecs_blob), (1, bytes));
    }
}
