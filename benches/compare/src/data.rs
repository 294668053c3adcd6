//! What serializers and codecs are given: bytes, the rows of the mixed world, and a save as a game has it.

use std::collections::HashMap;

use keepstone_benches::{
    bundle::{self, Blob, SaveBundle},
    mixed,
};

/// Derives what every serializer wants of a type.
macro_rules! data {
    ($($(#[$attribute:meta])* pub(crate) struct $name:ident { $($(#[$of_field:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$attribute])*
        #[derive(
            Debug,
            Clone,
            PartialEq,
            serde::Serialize,
            serde::Deserialize,
            bitcode::Encode,
            bitcode::Decode,
            rkyv::Archive,
            rkyv::Serialize,
            rkyv::Deserialize,
        )]
        pub(crate) struct $name { $($(#[$of_field])* $field: $type,)* }
    )*};
}

data! {
    /// Bytes that serde is told are bytes.
    pub(crate) struct Bytes {
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    }

    /// An entity of the mixed world.
    pub(crate) struct Row {
        position: [f32; 3],
        velocity: Option<[f32; 3]>,
        health: Option<[i32; 2]>,
        name: Option<String>,
        parent: Option<u32>,
    }

    /// What aw-save saves, in its second version.
    pub(crate) struct Bundle {
        schema: u16,
        save_id: [u8; 16],
        created_at: (i32, u16, u8, u8, u8, u32, i8, i8, i8),
        player_id: String,
        slot: u8,
        world: World,
        companions: Vec<Companion>,
        inventory: Inventory,
        meta: HashMap<String, String>,
    }

    pub(crate) struct World {
        tick: u64,
        #[serde(with = "serde_bytes")]
        ecs_blob: Vec<u8>,
        state_hash: u64,
    }

    pub(crate) struct Companion {
        id: String,
        name: String,
        level: u8,
        skills: Vec<String>,
        facts: Vec<String>,
        episodes_summarized: Vec<String>,
    }

    pub(crate) struct Inventory {
        credits: u64,
        items: Vec<Item>,
    }

    pub(crate) struct Item {
        kind: String,
        qty: u32,
        attrs: HashMap<String, i64>,
    }
}

/// So many bytes of a kind.
pub(crate) fn bytes(kind: bundle::Data, len: usize) -> Bytes {
    Bytes { bytes: kind.bytes(len) }
}

/// The first rows of the mixed world.
pub(crate) fn rows(count: u32) -> Vec<Row> {
    let rows = mixed::rows(count).into_iter();
    rows.map(|row| Row {
        position: [row.position.x, row.position.y, row.position.z],
        velocity: row.velocity.map(|velocity| [velocity.x, velocity.y, velocity.z]),
        health: row.health.map(|health| [health.current, health.max]),
        name: row.name.map(|name| name.0),
        parent: row.parent,
    })
    .collect()
}

/// A save with a world of so many mixed bytes.
pub(crate) fn bundle(len: usize) -> Bundle {
    let bundle = SaveBundle::new(Blob(bundle::Data::Mixed.bytes(len)));
    let companions = bundle.companions.into_iter().map(|companion| Companion {
        id: companion.id,
        name: companion.name,
        level: companion.level,
        skills: companion.skills,
        facts: companion.facts,
        episodes_summarized: companion.episodes_summarized,
    });
    let items = bundle.inventory.items.into_iter();
    let items = items.map(|item| Item { kind: item.kind, qty: item.qty, attrs: item.attrs });
    Bundle {
        schema: bundle.schema,
        save_id: bundle.save_id.0,
        created_at: bundle.created_at,
        player_id: bundle.player_id,
        slot: bundle.slot,
        world: World {
            tick: bundle.world.tick,
            ecs_blob: bundle.world.ecs_blob.0,
            state_hash: bundle.world.state_hash,
        },
        companions: companions.collect(),
        inventory: Inventory { credits: bundle.inventory.credits, items: items.collect() },
        meta: bundle.meta,
    }
}
