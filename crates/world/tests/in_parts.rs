//! Worlds that are saved and loaded part by part.

use std::{
    io::{self, Read, Write},
    num::NonZeroU32,
    path::Path,
    sync::Arc,
};

use bevy_ecs::prelude::*;
use keepstone_bevy::{EcsWorld as _, Persist, PersistId, PersistIds as _, Registry};
use keepstone_format::{Header, Limits};
use keepstone_storage::MemFiles;
use keepstone_world::{
    Codec, Dangling, Error, Filter, IdConflict, Kind, LoadMode, LoadOptions, SaveOptions, WorldFiles,
};
use serde::{Deserialize, Serialize};

use crate::support::{PATH, Score, Title};

#[derive(Component, Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone_bevy", name = "test.friends")]
struct Friends(Vec<Entity>);

#[derive(Resource, Persist, Clone, Copy)]
#[persist(crate = "keepstone_bevy", name = "test.season", pod)]
#[repr(C)]
struct Season(u32);

fn in_parts(rows: u32) -> SaveOptions<'static, Registry> {
    SaveOptions::default().codec(Codec::None).part_rows(NonZeroU32::new(rows).unwrap())
}

/// A world in which entities refer to others before and behind them.
fn world() -> World {
    let mut world = World::new();
    let ids: Vec<Entity> = (0..50).map(|i| world.spawn(Score(i)).id()).collect();
    for (i, &id) in ids.iter().enumerate() {
        if i % 3 == 0 {
            world.entity_mut(id).insert(Title("t".repeat(i)));
        }
        if i % 4 == 1 {
            world.entity_mut(id).insert(Friends(vec![ids[(i + 20) % 50], ids[0]]));
        }
        if i % 5 == 2 {
            world.entity_mut(id).insert(ChildOf(ids[(i + 33) % 50 / 5 * 5]));
        }
    }
    world
}

fn assert_equal(world: &World, loaded: &World, entities: &[Entity]) {
    let registry = World::derived_registry().unwrap();
    let pairs: Vec<(Entity, Entity)> =
        world.capture(registry).unwrap().entities().zip(entities.iter().copied()).collect();
    assert_eq!(world.difference(loaded, &pairs, registry).unwrap(), None);
}

#[test]
fn a_world_saved_in_parts_is_loaded_from_a_stream_and_from_a_file() {
    let world = world();
    for rows in [1, 7, 16, 1000] {
        let mut bytes = Vec::new();
        let saved = world.save_to_with(&mut bytes, &in_parts(rows)).unwrap();
        assert!(Header::read(&bytes).unwrap().is_in_parts());
        assert_eq!((saved.encoded.entities, saved.encoded.bytes_total), (50, bytes.len() as u64));
        let (loaded, report) = World::load_from_with(&mut bytes.as_slice(), &LoadOptions::default()).unwrap();
        assert_equal(&world, &loaded, &report.spawned.entities);
        let (loaded, report) = World::load_bytes_with(&bytes, &LoadOptions::default()).unwrap();
        assert_equal(&world, &loaded, &report.spawned.entities);

        let files: Arc<MemFiles> = Arc::default();
        let options = in_parts(rows).files(files.clone()).read_back(true);
        world.save_with(PATH, &options).unwrap();
        let (loaded, report) =
            World::load_with(Path::new(PATH), &LoadOptions::default().files(files)).unwrap();
        assert_equal(&world, &loaded, &report.spawned.entities);
        assert_eq!(report.bytes, bytes.len() as u64);
    }
}

#[test]
fn what_asks_for_the_whole_world_reads_parts_as_one() {
    let world = world();
    let mut bytes = Vec::new();
    world.save_to_with(&mut bytes, &in_parts(7)).unwrap();
    let options = LoadOptions::default().filter(Filter::new().having("test.title"));
    let (_, report) = World::load_from_with(&mut bytes.as_slice(), &options).unwrap();
    assert_eq!(report.spawned.entities.len(), 17);
}

#[test]
fn a_save_in_parts_refuses_what_needs_all_of_it() {
    let world = world();
    let refused = [
        in_parts(7).filter(Filter::new()),
        in_parts(7).canonical(true),
        in_parts(7).dangling(Dangling::LeaveOut),
    ];
    for options in &refused {
        let error = world.save_to_with(&mut Vec::new(), options).unwrap_err();
        assert_eq!(error.kind(), Kind::Misuse, "{error}");
    }
}

#[test]
fn a_damaged_later_part_leaves_the_world_as_it_was() {
    let world = world();
    let mut bytes = Vec::new();
    world.save_to_with(&mut bytes, &in_parts(7)).unwrap();
    let end = bytes.len() * 2 / 3;
    bytes[end] ^= 1;
    let files: Arc<MemFiles> = Arc::default();
    keepstone_storage::atomic::replace(
        &*files,
        Path::new(PATH),
        keepstone_world::Durability::Durable,
        &bytes,
    )
    .unwrap();
    let mut own = World::new();
    own.spawn(Score(1));
    let before = own.entities().count_spawned();
    let options = LoadOptions::default().files(files);
    own.load_into_with(PATH, LoadMode::Merge, &options).unwrap_err();
    assert_eq!(own.entities().count_spawned(), before);
    assert_eq!(own.query::<&Score>().iter(&own).count(), 1);
}

fn entities(world: &mut World) -> Vec<Entity> {
    world.query_filtered::<Entity, With<Score>>().iter(world).collect()
}

#[test]
fn a_damaged_later_part_leaves_resources_and_entities_that_would_give_way() {
    let mut world = world();
    world.insert_resource(Season(7));
    for (id, entity) in (1..).zip(entities(&mut world)) {
        world.entity_mut(entity).insert(PersistId(id));
    }
    let mut bytes = Vec::new();
    world.save_to_with(&mut bytes, &in_parts(7)).unwrap();
    let end = bytes.len() - bytes.len() / 4;
    bytes[end] ^= 1;
    let files: Arc<MemFiles> = Arc::default();
    let put = |bytes: &[u8]| {
        let durability = keepstone_world::Durability::Durable;
        keepstone_storage::atomic::replace(&*files, Path::new(PATH), durability, bytes).unwrap();
    };
    put(&bytes);
    let mut own = World::new();
    own.insert_resource(Season(1));
    let holders: Vec<Entity> = (1..=50).map(|id| own.spawn((Score(id), PersistId(id))).id()).collect();
    let options = LoadOptions::default().files(files.clone()).ids(IdConflict::Replace);
    own.load_into_with(PATH, LoadMode::Merge, &options).unwrap_err();
    assert_eq!(own.resource::<Season>().0, 1);
    let found: Vec<Entity> = (1..=50).filter_map(|id| own.entity_of(PersistId(id))).collect();
    assert_eq!((found, entities(&mut own)), (holders.clone(), holders.clone()));

    bytes[end] ^= 1;
    put(&bytes);
    let report = own.load_into_with(PATH, LoadMode::Merge, &options).unwrap();
    assert_eq!(
        (report.spawned.replaced, report.spawned.resources),
        (50, 2),
        "the season and the source of ids"
    );
    assert_eq!(own.resource::<Season>().0, 7);
    let found: Vec<Entity> = (1..=50).filter_map(|id| own.entity_of(PersistId(id))).collect();
    assert!(found.len() == 50 && holders.iter().all(|holder| own.get_entity(*holder).is_err()));
}

#[test]
fn a_stream_that_claims_more_entities_than_the_limits_allow_is_refused() {
    let world = world();
    let mut bytes = Vec::new();
    world.save_to_with(&mut bytes, &in_parts(7)).unwrap();
    let few = LoadOptions::default().entities_max(49);
    let error = World::load_from_with(&mut bytes.as_slice(), &few).map(|(_, report)| report).unwrap_err();
    assert_eq!(error.kind(), Kind::Limit, "{error}");
    let mut limits = Limits::default();
    limits.decoded_max = 2000;
    let small = LoadOptions::default().limits(limits);
    let error = World::load_from_with(&mut bytes.as_slice(), &small).map(|(_, report)| report).unwrap_err();
    assert_eq!(error.kind(), Kind::Limit, "{error}");
}

#[test]
fn a_stream_in_parts_that_is_longer_than_the_limit_is_refused_as_that() {
    let world = world();
    let mut bytes = Vec::new();
    world.save_to_with(&mut bytes, &in_parts(7)).unwrap();
    let len = u64::try_from(bytes.len()).unwrap();
    let load = |allowed: u64| {
        let options = LoadOptions::default().bytes_max(allowed);
        World::load_from_with(&mut bytes.as_slice(), &options).map(|(_, report)| report.bytes)
    };
    assert_eq!(load(len).unwrap(), len);
    for allowed in [len - 1, len - 2, len / 2, 60] {
        let error = load(allowed).unwrap_err();
        assert!(matches!(error, Error::TooLong { .. }), "{allowed}: {error}");
    }
}

/// Gives and takes a few bytes at a time.
struct Slow<T>(T);

impl<T: Read> Read for Slow<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = buf.len().min(13);
        self.0.read(&mut buf[..len])
    }
}

impl<T: Write> Write for Slow<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(&buf[..buf.len().min(13)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn streams_may_give_and_take_a_few_bytes_at_a_time() {
    let world = world();
    let mut out = Slow(Vec::new());
    world.save_to_with(&mut out, &in_parts(16)).unwrap();
    let mut from = Slow(out.0.as_slice());
    let (loaded, report) = World::load_from_with(&mut from, &LoadOptions::default()).unwrap();
    assert_equal(&world, &loaded, &report.spawned.entities);
}
