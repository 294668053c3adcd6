//! Worlds in files: save and load with one call, for any ECS that has a keepstone adapter.
//!
//! [`WorldFiles`] adds `save`, `load` and their variants to every world type that implements
//! [`EcsWorld`](keepstone_ecs_persist::EcsWorld). A save is atomic: a crash at any moment leaves the previous file or the new one, and
//! when `save` returns, the new one survives a power cut.
//!
//! ```
//! # #[cfg(feature = "lz4")] {
//! use bevy_ecs::prelude::*;
//! use keepstone_bevy::Persist;
//! use keepstone_world::WorldFiles;
//!
//! #[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
//! #[persist(crate = "keepstone_bevy", name = "doc.health", pod)]
//! #[repr(C)]
//! struct Health {
//!     current: u32,
//!     shield: u32,
//! }
//!
//! let mut world = World::new();
//! world.spawn(Health { current: 80, shield: 20 });
//!
//! let mut bytes = Vec::new();
//! world.save_to(&mut bytes)?;
//! let mut loaded = World::load_from(&mut bytes.as_slice())?;
//! let health = loaded.query::<&Health>().single(&loaded).expect("one entity was saved");
//! assert_eq!(*health, Health { current: 80, shield: 20 });
//! # }
//! # Ok::<(), keepstone_world::Error>(())
//! ```
//!
//! [`SaveOptions`] and [`LoadOptions`] say the rest: the format of the file, which components and entities, what is an error. [`Saver`] does the
//! same on a thread of its own, so that a frame waits for the capture alone:
//!
//! ```
//! # #[cfg(feature = "lz4")] {
//! use bevy_ecs::prelude::*;
//! use keepstone_bevy as _;
//! use keepstone_world::{Saver, WorldFiles};
//!
//! # let dir = tempfile::tempdir().expect("a folder for the example");
//! # let path = dir.path().join("auto.keep");
//! let saver = Saver::new()?;
//! let ticket = World::new().save_in_background(&path, &saver)?;
//! let loading = World::load_in_background(&path, &saver)?; // after the save
//!
//! ticket.wait()?;
//! let mut world = World::new();
//! loading.wait()?.spawn_into(&mut world)?;
//! # }
//! # Ok::<(), keepstone_world::Error>(())
//! ```
#![forbid(unsafe_code)]

mod captured;
#[cfg(feature = "checkpoint")]
mod checkpoint_diff;
#[cfg(feature = "checkpoint")]
mod checkpoints;
mod deltas;
mod error;
mod files;
mod loaded;
mod options;
mod owned;
mod parted;
#[cfg(any(feature = "checkpoint", feature = "slots"))]
mod payload;
mod placed;
mod plan;
mod report;
mod saver;
#[cfg(feature = "slots")]
mod slots;
mod source;
mod steps;
mod stored;
mod target;

#[cfg(feature = "checkpoint")]
pub use checkpoint_diff::{diff_checkpoints, diff_states};
#[cfg(feature = "checkpoint")]
pub use checkpoints::{CheckpointLoaded, CheckpointMade, WorldCheckpoints};
pub use deltas::{AuditMark, LoadedChain, Marks, Missed, WorldDeltas};
pub use error::Error;
pub use files::{WorldFiles, save_worlds};
pub use keepstone_ecs_persist::{
    Dangling, DeltaFormat, DiffOptions, EntityStore, Filter, IdConflict, LiveRows, Mark, MemoryStore,
    Migration, MigrationChain, MigrationPlan, MigrationReport, PersistenceManager, RestoreReport, Unknown,
    Validation, WorldChange, WorldDiff, WorldFormat, WorldHash, WorldMeta,
};
pub use keepstone_format::{Codec, Kind};
pub use keepstone_storage::Durability;
pub use keepstone_store::{Unclaimed, Worker, WorkerOptions};
pub use loaded::LoadedDoc;
pub use options::{LoadMode, LoadOptions, SaveOptions};
pub use owned::OwnedCapture;
pub use plan::LoadPlan;
pub use report::{LoadReport, SaveReport};
pub use saver::Saver;
#[cfg(feature = "slots")]
pub use slots::{CaptureReport, SlotHanded, SlotLoaded, SlotSaved, SlotSaver, WorldSlots};
pub use steps::WorldSteps;
pub use stored::{StoreReport, StoredEntities};

/// What a save or load in the background will have been.
pub type Ticket<T> = keepstone_store::Ticket<T, Error>;
