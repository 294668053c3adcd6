//! Components and the one path that every test takes: capture, encode, decode, spawn, compare.

use bevy_ecs::prelude::*;
use keepstone_bevy::{Bevy, EcsWorld, Error, Persist, Registry, SpawnOptions, Unknown};
use keepstone_ecs_persist::{Capture, EncodeOptions, SpawnReport, WorldDoc};
use keepstone_format::{Codec, Limits, Reader};
use serde::{Deserialize, Serialize};

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.position", pod)]
#[repr(C)]
pub(crate) struct Position {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) z: f32,
}

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.health", pod)]
#[repr(C)]
pub(crate) struct Health {
    pub(crate) current: i32,
    pub(crate) max: i32,
}

#[derive(Component, Persist, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[persist(crate = "keepstone_bevy", name = "test.label")]
pub(crate) struct Label(pub(crate) String);

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.player")]
pub(crate) struct Player;

#[derive(Component, Persist, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[component(storage = "SparseSet")]
#[persist(crate = "keepstone_bevy", name = "test.poisoned")]
pub(crate) struct Poisoned {
    pub(crate) turns: u8,
}

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[component(storage = "SparseSet")]
#[persist(crate = "keepstone_bevy", name = "test.sparse", pod)]
#[repr(C)]
pub(crate) struct Sparse(pub(crate) u64);

#[derive(Component)]
pub(crate) struct Unregistered;

/// Encodes a capture, reads it back, and checks that the document came back as it was.
pub(crate) fn through_bytes(capture: &Capture<'_, Entity>) -> Vec<u8> {
    let options = EncodeOptions::default().codec(Codec::None);
    let (bytes, _) = capture.doc.encode(Vec::new(), &options).unwrap();
    bytes
}

pub(crate) fn decode<T>(bytes: &[u8], then: impl FnOnce(&WorldDoc<'_>) -> T) -> T {
    let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64)).unwrap();
    then(&WorldDoc::decode(&reader, 0).unwrap())
}

pub(crate) fn load(
    bytes: &[u8],
    registry: &Registry,
    strict: bool,
) -> Result<(World, SpawnReport<Entity>), Error> {
    let mut world = World::new();
    let mut options = SpawnOptions::default();
    options.refuse_dangling = strict;
    options.unknown = if strict { Unknown::Refuse } else { Unknown::Keep };
    let report = decode(bytes, |doc| world.spawn_doc(doc, registry, &options))?;
    Ok((world, report))
}

/// Saves and loads a world, and asserts that both are equal.
pub(crate) fn check(world: &World) -> (World, SpawnReport<Entity>) {
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    check_with(world, registry)
}

pub(crate) fn check_with(world: &World, registry: &Registry) -> (World, SpawnReport<Entity>) {
    let capture = world.capture(registry).unwrap();
    let (loaded, report) = load(&through_bytes(&capture), registry, true).unwrap();
    let pairs: Vec<_> = capture.entities().zip(report.entities.iter().copied()).collect();
    assert_eq!(pairs.len(), capture.doc.entity_count() as usize);
    assert_eq!(world.difference(&loaded, &pairs, registry).unwrap(), None);
    (loaded, report)
}
