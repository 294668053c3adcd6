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
#![forbid(unsafe_code)]

mod error;
mod files;
mod options;
mod report;

pub use error::Error;
pub use files::{WorldFiles, save_worlds};
pub use keepstone_ecs_persist::{Unknown, WorldMeta};
pub use keepstone_format::{Codec, Kind};
pub use keepstone_storage::Durability;
pub use options::{LoadMode, LoadOptions, SaveOptions};
pub use report::{LoadReport, SaveReport};
