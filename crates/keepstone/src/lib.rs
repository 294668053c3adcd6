#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(feature = "forge")]
pub mod forge;

/// The bevy_ecs adapter.
#[cfg(feature = "bevy")]
pub use keepstone_bevy as bevy;
/// Checkpoints of any payload: sessions, branches and the way back.
#[cfg(feature = "checkpoint")]
pub use keepstone_checkpoint as checkpoint;
/// Readers for the files of other save systems.
#[cfg(feature = "compat")]
pub use keepstone_compat as compat;
/// Worlds without an engine, schemas, registries.
pub use keepstone_ecs_persist as ecs;
/// Containers, checksums, codecs, limits.
pub use keepstone_format as format;
/// The hecs adapter.
#[cfg(feature = "hecs")]
pub use keepstone_hecs as hecs;
/// Save slots.
#[cfg(feature = "slots")]
pub use keepstone_slots as slots;
/// Files that survive a crash.
pub use keepstone_storage as storage;
/// Work in the background: workers and tickets.
pub use keepstone_store as store;
/// Serde values as rows with a schema.
pub use keepstone_value as value;
/// Worlds in files.
pub use keepstone_world as world;

pub use keepstone_derive::Persist;
#[doc(hidden)]
pub use keepstone_ecs_persist::__derive;
#[cfg(feature = "json")]
pub use keepstone_ecs_persist::Json;
pub use keepstone_ecs_persist::{Persist, PersistId, WorldMeta};
pub use keepstone_format::plain::Plain;
/// Marks fields that refer to entities: `#[serde(with = "keepstone::entity")]`.
pub use keepstone_value::entity;
pub use keepstone_world::{
    Codec, Dangling, Durability, EntityStore, Error, Filter, IdConflict, Kind, LiveRows, LoadMode,
    LoadOptions, LoadPlan, LoadedChain, Mark, Marks, MemoryStore, Migration, MigrationChain, OwnedCapture,
    PersistenceManager, SaveOptions, Saver, StoreReport, StoredEntities, Ticket, Unknown, WorldDeltas,
    WorldFiles, WorldFormat, WorldSteps, save_worlds,
};

#[cfg(feature = "slots")]
pub use keepstone_world::{CaptureReport, SlotHanded, SlotLoaded, SlotSaved, SlotSaver, WorldSlots};
#[cfg(feature = "checkpoint")]
pub use keepstone_world::{
    CheckpointLoaded, CheckpointMade, WorldCheckpoints, diff_checkpoints, diff_states,
};

/// What nearly every program imports.
pub mod prelude {
    #[cfg(feature = "bevy")]
    pub use crate::bevy::RegistryExt as _;
    #[cfg(feature = "app")]
    pub use crate::bevy::{AutosaveNow, KeepstonePlugin, LoadGame, QuickLoad, QuickSave, SaveGame, Saves};
    #[cfg(feature = "hecs")]
    pub use crate::hecs::RegistryExt as _;
    #[cfg(feature = "slots")]
    pub use crate::slots::SaveManager;
    pub use crate::{LoadMode, Persist, Saver, WorldDeltas as _, WorldFiles as _};
    #[cfg(feature = "slots")]
    pub use crate::{SlotSaver, WorldSlots as _};
    #[cfg(feature = "checkpoint")]
    pub use crate::{WorldCheckpoints as _, checkpoint::CheckpointStore};
}

/// Registers a type with every enabled ECS adapter whose component it is; `#[derive(Persist)]` expands to it.
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($type:ty) => {
        $crate::__register_bevy!($type);
        $crate::__register_hecs!($type);
    };
}

#[cfg(feature = "bevy")]
#[doc(hidden)]
#[macro_export]
macro_rules! __register_bevy {
    ($type:ty) => {
        $crate::bevy::__register!($type);
    };
}

#[cfg(not(feature = "bevy"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __register_bevy {
    ($type:ty) => {};
}

#[cfg(feature = "hecs")]
#[doc(hidden)]
#[macro_export]
macro_rules! __register_hecs {
    ($type:ty) => {
        $crate::hecs::__register!($type);
    };
}

#[cfg(not(feature = "hecs"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __register_hecs {
    ($type:ty) => {};
}

/// As `__register`, for relationships.
#[doc(hidden)]
#[macro_export]
macro_rules! __register_relationship {
    ($type:ty) => {
        $crate::__register_relationship_bevy!($type);
        $crate::__register_relationship_hecs!($type);
    };
}

#[cfg(feature = "bevy")]
#[doc(hidden)]
#[macro_export]
macro_rules! __register_relationship_bevy {
    ($type:ty) => {
        $crate::bevy::__register_relationship!($type);
    };
}

#[cfg(not(feature = "bevy"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __register_relationship_bevy {
    ($type:ty) => {};
}

#[cfg(feature = "hecs")]
#[doc(hidden)]
#[macro_export]
macro_rules! __register_relationship_hecs {
    ($type:ty) => {
        $crate::hecs::__register_relationship!($type);
    };
}

#[cfg(not(feature = "hecs"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __register_relationship_hecs {
    ($type:ty) => {};
}
