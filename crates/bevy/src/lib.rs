//! Saves and loads `bevy_ecs` worlds with keepstone.
//!
//! This crate implements [`EcsWorld`] for bevy's `World`: it captures tables column by column, without a copy
//! where a column's bytes are what the file holds, and spawns a document back with relationships and hooks. It opens no
//! file; `keepstone-world` adds that. It is versioned with bevy: this is the adapter for bevy_ecs 0.20.
//!
//! Saved are the entities with at least one registered component, those without any component, and those that a saved
//! component refers to; what else there is stands in the report. `ChildOf`, `Name` and `Disabled` of bevy_ecs are
//! registered already. Resources are saved when their type is registered; what is left out on purpose is marked as transient (see
//! `#[derive(Persist)]`).
//!
//! [`PersistId`] names an entity across saves; [`PersistIds`] gives, finds and exchanges such ids. [`EcsWorld::restore_doc`] takes a
//! world back to a document in place and touches only what differs. [`CommandsExt`] queues a load from a system.
//! [`RegistryExt`] registers what can't derive anything: by proxy, by two functions, or with the feature `reflect` by bevy_reflect;
//! [`RegistryExt::add_bundle`] makes loads of common sets of components faster.
//!
//! With the feature `app`, `KeepstonePlugin` saves and loads the world of an app in slots: by messages, by itself, and when the app ends.
//!
//! Limits: a component that is changed in its place by a restore runs no hooks, as with any `Mut`; immutable ones are inserted and
//! run theirs.
//!
//! ```
//! use bevy_ecs::prelude::*;
//! use keepstone_bevy::{EcsWorld, Persist, SpawnOptions};
//!
//! #[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
//! #[persist(crate = "keepstone_bevy", name = "doc.position", pod)]
//! #[repr(C)]
//! struct Position {
//!     x: f32,
//!     y: f32,
//! }
//!
//! let mut world = World::new();
//! let parent = world.spawn(Position { x: 1.0, y: 2.0 }).id();
//! world.spawn((Position { x: 3.0, y: 4.0 }, ChildOf(parent)));
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
#![deny(unsafe_code)]

#[cfg(feature = "app")]
mod app;
mod builtin;
mod bundle;
mod capture;
mod column;
mod commands;
mod delta;
mod derived;
mod difference;
mod hidden;
mod identity;
mod incoming;
mod kept;
mod ordinals;
mod raw;
#[cfg(feature = "reflect")]
mod reflected;
mod registry;
mod relationship;
mod restore;
mod rows;
mod source;
mod spawn;
mod stream;
mod world;

pub use keepstone_derive::Persist;
#[doc(hidden)]
pub use keepstone_ecs_persist::__derive;
pub use keepstone_ecs_persist::{EcsWorld, Error, Persist, SpawnOptions, Unknown};

#[cfg(feature = "app")]
pub use app::{
    AutosaveNow, KeepstonePlugin, KeepstoneSystems, LoadFailed, LoadFinished, LoadGame, QuickLoad, QuickSave,
    SaveFailed, SaveFinished, SaveGame, SaveRecovered, SaveStarted, Saves, SavesUnavailable, has_save, idle,
    saving, wait_for_saves,
};
pub use bundle::TypedBundle;
pub use commands::{CommandsExt, SpawnDoc, WorldLoaded};
pub use delta::Moment;
pub use identity::{ForeignId, PersistId, PersistIds, PersistIndex};
pub use registry::{Ops, Registry, RegistryExt};
pub use world::Bevy;

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[doc(hidden)]
pub mod __private {
    pub use inventory;

    pub use crate::derived::{AddComponent, AddNothing, AddRelationship, AddTransient, Derived, Probe};
}
