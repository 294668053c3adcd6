use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::awsv::SaveId;

/// The schema number that aw-save gives to a bundle it upgrades.
const SCHEMA_V2: u16 = 2;

/// What a save holds, whatever the version of its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaveBundle {
    /// The version of the file, 1 or 2.
    pub version: u16,
    /// The schema number: as stored in a file of version 2, else 2, as aw-save upgrades.
    pub schema: u16,
    /// The identity of the save; a file of version 1 has none, and aw-save makes up a new one at
    /// each read. [`save_id_or_derived`](Self::save_id_or_derived) gives one that stays.
    pub save_id: Option<SaveId>,
    /// When the save was made, in nanoseconds since 1970-01-01 00:00:00 UTC.
    pub created_at: i64,
    /// How many seconds the clock of `created_at` was ahead of UTC.
    pub created_at_offset_seconds: i32,
    /// Who saved.
    pub player_id: String,
    /// The slot that the player chose.
    pub slot: u8,
    /// The world.
    pub world: WorldState,
    /// The companions; at most one in a file of version 1.
    pub companions: Vec<CompanionProfile>,
    /// The inventory.
    pub inventory: PlayerInventory,
    /// Free-form metadata.
    pub meta: BTreeMap<String, String>,
}

/// The fields of a file of version 2, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaveBundleV2 {
    /// The schema number, 2.
    pub schema: u16,
    /// The identity of the save.
    pub save_id: SaveId,
    /// When the save was made, in nanoseconds since 1970-01-01 00:00:00 UTC.
    pub created_at: i64,
    /// How many seconds the clock of `created_at` was ahead of UTC.
    pub created_at_offset_seconds: i32,
    /// Who saved.
    pub player_id: String,
    /// The slot that the player chose.
    pub slot: u8,
    /// The world.
    pub world: WorldState,
    /// The companions.
    pub companions: Vec<CompanionProfile>,
    /// The inventory.
    pub inventory: PlayerInventory,
    /// Free-form metadata.
    pub meta: BTreeMap<String, String>,
}

/// The fields of a file of version 1, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaveBundleV1 {
    /// Who saved.
    pub player_id: String,
    /// The slot that the player chose.
    pub slot: u8,
    /// When the save was made, in nanoseconds since 1970-01-01 00:00:00 UTC.
    pub created_at: i64,
    /// How many seconds the clock of `created_at` was ahead of UTC.
    pub created_at_offset_seconds: i32,
    /// The world.
    pub world: WorldState,
    /// The inventory.
    pub inventory: PlayerInventory,
    /// The only companion.
    pub companion: Option<CompanionProfile>,
    /// Free-form metadata.
    pub meta: BTreeMap<String, String>,
}

/// The state of the engine, opaque to aw-save.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldState {
    /// The simulation step.
    pub tick: u64,
    /// The bytes that the engine gave.
    pub ecs_blob: Vec<u8>,
    /// A hash that the engine gave; nothing checks it.
    pub state_hash: u64,
}

/// A companion of the player.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanionProfile {
    /// A stable name.
    pub id: String,
    /// A name to display.
    pub name: String,
    /// The level.
    pub level: u8,
    /// What the companion can do.
    pub skills: Vec<String>,
    /// What the companion knows.
    pub facts: Vec<String>,
    /// What the companion lived through, in summary.
    pub episodes_summarized: Vec<String>,
}

/// What the player owns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayerInventory {
    /// Money.
    pub credits: u64,
    /// Things.
    pub items: Vec<ItemStack>,
}

/// Some things of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemStack {
    /// The kind.
    pub kind: String,
    /// How many.
    pub qty: u32,
    /// Free-form numbers.
    pub attrs: BTreeMap<String, i64>,
}

impl From<SaveBundleV2> for SaveBundle {
    fn from(v2: SaveBundleV2) -> Self {
        Self {
            version: 2,
            schema: v2.schema,
            save_id: Some(v2.save_id),
            created_at: v2.created_at,
            created_at_offset_seconds: v2.created_at_offset_seconds,
            player_id: v2.player_id,
            slot: v2.slot,
            world: v2.world,
            companions: v2.companions,
            inventory: v2.inventory,
            meta: v2.meta,
        }
    }
}

impl From<SaveBundleV1> for SaveBundle {
    fn from(v1: SaveBundleV1) -> Self {
        Self {
            version: 1,
            schema: SCHEMA_V2,
            save_id: None,
            created_at: v1.created_at,
            created_at_offset_seconds: v1.created_at_offset_seconds,
            player_id: v1.player_id,
            slot: v1.slot,
            world: v1.world,
            companions: v1.companion.into_iter().collect(),
            inventory: v1.inventory,
            meta: v1.meta,
        }
    }
}
