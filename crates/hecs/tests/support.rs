//! Components and the one path that every test takes: capture, encode, decode, spawn, compare.

use hecs::{Entity, World};
use keepstone_ecs_persist::{Capture, EncodeOptions, SpawnReport, WorldDoc};
use keepstone_format::{Codec, Limits, Reader};
use keepstone_hecs::{EcsWorld, Error, Hecs, Persist, Registry, RegistryExt, SpawnOptions, Unknown};
use serde::{Deserialize, Serialize};

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_hecs", name = "test.position", pod)]
#[repr(C)]
pub(crate) struct Position {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) z: f32,
}

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_hecs", name = "test.health", pod)]
#[repr(C)]
pub(crate) struct Health {
    pub(crate) current: i32,
    pub(crate) max: i32,
}

#[derive(Persist, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[persist(crate = "keepstone_hecs", name = "test.label")]
pub(crate) struct Label(pub(crate) String);

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_hecs", name = "test.player")]
pub(crate) struct Player;

#[derive(Persist, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[persist(crate = "keepstone_hecs", name = "test.friends")]
pub(crate) struct Friends(pub(crate) Vec<Option<Entity>>);

pub(crate) struct Unregistered;

pub(crate) fn full() -> &'static Registry {
    <World as EcsWorld<Hecs>>::derived_registry().unwrap()
}

/// A registry that knows labels and health alone.
pub(crate) fn little() -> Registry {
    let mut registry = Registry::default();
    registry.add::<Label>().unwrap();
    registry.add::<Health>().unwrap();
    registry
}

pub(crate) fn through_bytes<E: Copy>(capture: &Capture<'_, E>) -> Vec<u8> {
    let options = EncodeOptions::default().codec(Codec::None);
    let (bytes, _) = capture.doc.encode(Vec::new(), &options).unwrap();
    bytes
}

pub(crate) fn saved(world: &World, registry: &Registry) -> Vec<u8> {
    through_bytes(&world.capture(registry).unwrap())
}

pub(crate) fn decode<T>(bytes: &[u8], then: impl FnOnce(&WorldDoc<'_>) -> T) -> T {
    let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64)).unwrap();
    then(&WorldDoc::decode(&reader, 0).unwrap())
}

pub(crate) fn keeping() -> SpawnOptions {
    let mut options = SpawnOptions::default();
    options.unknown = Unknown::Keep;
    options
}

pub(crate) fn strict() -> SpawnOptions {
    let mut options = SpawnOptions::default();
    options.refuse_dangling = true;
    options
}

pub(crate) fn load_into(
    world: &mut World,
    bytes: &[u8],
    registry: &Registry,
    options: &SpawnOptions,
) -> Result<SpawnReport<Entity>, Error> {
    decode(bytes, |doc| world.spawn_doc(doc, registry, options))
}

pub(crate) fn load(
    bytes: &[u8],
    registry: &Registry,
    options: &SpawnOptions,
) -> Result<(World, SpawnReport<Entity>), Error> {
    let mut world = World::new();
    let report = load_into(&mut world, bytes, registry, options)?;
    Ok((world, report))
}

/// Saves and loads a world into this one, and asserts that what came is equal.
pub(crate) fn check_into(world: &World, target: &mut World) -> SpawnReport<Entity> {
    let capture = world.capture(full()).unwrap();
    let report = load_into(target, &through_bytes(&capture), full(), &strict()).unwrap();
    let pairs: Vec<_> = capture.entities().zip(report.entities.iter().copied()).collect();
    assert_eq!(pairs.len(), capture.doc.entity_count() as usize);
    let mut distinct = report.entities.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), pairs.len());
    assert!(distinct.iter().all(|&entity| target.contains(entity)));
    assert_eq!(world.difference(target, &pairs, full()).unwrap(), None);
    report
}

/// As [`check_into`]; and asserts that hecs gave the ids that were expected, so that nothing was spawned twice.
pub(crate) fn check_at_once(world: &World, target: &mut World) -> SpawnReport<Entity> {
    target.flush();
    let free: Vec<Entity> = target.freelist().collect();
    let report = check_into(world, target);
    let is_new = |entity: &Entity| entity.to_bits().get() >> 32 == 1;
    assert!(report.entities.iter().all(|entity| free.contains(entity) || is_new(entity)));
    assert_eq!(target.freelist().len(), free.len().saturating_sub(report.entities.len()));
    report
}

/// Saves and loads a world, and asserts that both are equal.
pub(crate) fn check(world: &World) -> (World, SpawnReport<Entity>) {
    let mut loaded = World::new();
    let report = check_at_once(world, &mut loaded);
    (loaded, report)
}
