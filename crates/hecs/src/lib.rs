//! Saves and loads `hecs` worlds with keepstone.
//!
//! This crate implements [`EcsWorld`] for hecs's `World`: it captures archetypes column by column, and spawns a document as one
//! batch for each of its tables. It opens no file; `keepstone-world` adds that. It is versioned with hecs: this is the adapter
//! for hecs 0.11. It contains no unsafe code.
//!
//! A world can also become what a document says in place ([`restore_doc`](EcsWorld::restore_doc)), be captured and spawned part by part
//! ([`capture_parts`](EcsWorld::capture_parts), [`spawn_parts`](EcsWorld::spawn_parts)), and be loaded through a command buffer
//! ([`spawn_doc_queued`]). Entities get ids that outlive a process with [`PersistIds`] and [`PersistIndex`].
//!
//! Saved are the entities with at least one registered component, those without any component, and those that a saved component
//! refers to; what else there is stands in the report. What a value's own [`Persist::is_persistent`] leaves out is left
//! out alone: its entity is saved. Every `Send + Sync + 'static` type is a component to hecs, so every derived
//! type that is one is registered. Entities that are reserved but not flushed are saved when something refers to them.
//!
//! ```
//! use hecs::World;
//! use keepstone_hecs::{EcsWorld, Persist, SpawnOptions};
//!
//! #[derive(Persist, Clone, Copy, PartialEq, Debug)]
//! #[persist(crate = "keepstone_hecs", name = "doc.position", pod)]
//! #[repr(C)]
//! struct Position {
//!     x: f32,
//!     y: f32,
//! }
//!
//! let mut world = World::new();
//! world.spawn((Position { x: 1.0, y: 2.0 },));
//! world.spawn((Position { x: 3.0, y: 4.0 },));
//!
//! let registry = World::derived_registry()?;
//! let capture = world.capture(registry)?;
//!
//! let mut loaded = World::new();
//! let report = loaded.spawn_doc(&capture.doc, registry, &SpawnOptions::default())?;
//! let pairs: Vec<_> = capture.entities().zip(report.entities).collect();
//! assert_eq!(world.difference(&loaded, &pairs, registry)?, None);
//! # Ok::<(), keepstone_ecs_persist::Error>(())
//! ```
//!
//! # What hecs doesn't have
//!
//! - *Columns that can be borrowed for long.* hecs lets a component be changed through a shared reference to the world, and counts
//!   borrows while the program runs. So a capture copies plain columns, once, and a component that is borrowed uniquely
//!   while its world is captured is a panic, as in hecs itself.
//! - *Names of types.* A component that is not registered is reported by its `TypeId` and by the components beside it.
//! - *Resources.* Those of a file are never placed: [`Unknown::Refuse`] makes them an error, [`Unknown::Skip`] leaves them out, and
//!   [`Unknown::Keep`] keeps them on one entity more than the file has, which holds nothing else and is not in the report's
//!   list; the next save writes them back as resources. The source of ids is on that entity too, once there is one.
//! - *Hooks.* Nothing tells of an entity that gets or loses its [`PersistId`], so an index is made when it is needed and
//!   [refreshed](PersistIndex::refresh).
//! - *Change detection.* A restore compares values and writes those that differ; its report says how many. A [delta](keepstone_ecs_persist::DeltaWorld) comes of comparing a
//!   capture with a copy of an older one, which a mark keeps in memory.
//! - *Relationships.* A component that implements [`Relationship`] is saved as the entity that it names, and loads what another
//!   ECS saved as a relationship, such as bevy's `ChildOf`.
//!
//! Loading spawns entities under the ids that hecs's free list announces; references are decoded with these and checked against
//! what hecs gave.
#![forbid(unsafe_code)]

mod builtin;
mod capture;
mod claims;
mod column;
mod decode;
mod delta;
mod derived;
mod difference;
mod handles;
mod hidden;
mod identity;
mod kept;
mod link;
mod naming;
mod ordinals;
mod queued;
mod registry;
mod relationship;
mod restore;
mod rows;
mod spawn;
mod stream;
mod values;
mod world;

pub use keepstone_derive::Persist;
#[doc(hidden)]
pub use keepstone_ecs_persist::__derive;
pub use keepstone_ecs_persist::{
    EcsWorld, Error, ForeignId, IdSource, Persist, PersistId, SpawnOptions, Unknown,
};

pub use identity::{PersistIds, PersistIndex};
pub use queued::spawn_doc_queued;
pub use registry::{Ops, Registry, RegistryExt};
pub use relationship::Relationship;
pub use world::Hecs;

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[doc(hidden)]
pub mod __private {
    pub use inventory;

    pub use crate::derived::{AddComponent, AddNothing, AddRelationship, AddTransient, Derived, Probe};
}
