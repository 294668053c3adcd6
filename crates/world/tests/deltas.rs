//! Worlds saved as a base and what changed since, in both ECS.

mod audit;
mod crash;
mod faults;
mod formats;
mod game;
mod refused;

use std::{path::Path, sync::Arc};

use keepstone_ecs_persist::{Columnar, Error as Cause, LiveRows, Mark, ReadOptions, WorldFormat as _};
use keepstone_storage::{Files, MemFiles};
use keepstone_world::{
    Error, Kind, LoadMode, LoadOptions, LoadedChain, MigrationChain, SaveOptions, WorldDeltas as _, WorldMeta,
};

use self::game::{BevyWorld, Game, HecsWorld, Random};

const BASE: &str = "saves/auto.keep";

fn delta(number: u32) -> String {
    format!("saves/auto-{number}.delta")
}

fn in_files<'r, R>(files: &Arc<MemFiles>) -> SaveOptions<'r, R> {
    SaveOptions::default().files(Arc::clone(files) as Arc<dyn Files>)
}

fn from_files<'r, R>(files: &Arc<MemFiles>) -> LoadOptions<'r, R> {
    LoadOptions::default().files(Arc::clone(files) as Arc<dyn Files>)
}

/// Asserts that another world has the entities of all rows, and their values, and no others.
fn assert_same<M, W: Game<M>>(world: &W, mark: &Mark<W::Detail>, other: &W, rows: &LiveRows<W::Entity>) {
    assert_eq!((rows.root, rows.state, rows.sequence), (mark.root, mark.state, mark.sequence));
    let mut pairs = Vec::new();
    for (row, theirs) in (0..).zip(&rows.entities) {
        let ours = W::entity_of_row(mark, row);
        assert_eq!(ours.is_some(), theirs.is_some(), "row {row}");
        pairs.extend(ours.zip(*theirs));
    }
    let registry = W::derived_registry().unwrap();
    assert_eq!(world.difference(other, &pairs, registry).unwrap(), None);
    let count = |world: &W| world.capture(registry).unwrap().doc.entity_count() as usize;
    assert_eq!((count(world), count(other)), (pairs.len(), pairs.len()));
}

fn a_base_and_its_deltas_are_the_live_world<M, W: Game<M>>() {
    for seed in 1..=40 {
        let (files, mut random) = (Arc::new(MemFiles::new()), Random(seed));
        let mut world = W::game(12);
        let (saved, mut mark) = world.save_base_with(BASE, &in_files(&files)).unwrap();
        assert_eq!(saved.encoded.entities, 12);
        let LoadedChain { world: mut running, rows: mut live, .. } =
            W::load_deltas_with(BASE, [""; 0], &from_files(&files)).unwrap();
        assert_same(&world, &mark, &running, &live);
        for number in 1..=5 {
            (0..random.below(8)).for_each(|_| world.edit(&mut random));
            let path = delta(number);
            let saved = world.save_delta_with(&mut mark, &path, &in_files(&files)).unwrap();
            assert_eq!(mark.sequence, number);
            let paths = (1..=number).map(delta);
            let chain = W::load_deltas_with(BASE, paths, &from_files(&files)).unwrap();
            assert_same(&world, &mark, &chain.world, &chain.rows);
            let report = running.apply_delta_file_with(&mut live, &path, &from_files(&files)).unwrap();
            assert_eq!((report.missing, report.dangling), (0, saved.encoded.dangling), "seed {seed}");
            assert_same(&world, &mark, &running, &live);
        }
    }
}

#[test]
fn a_base_and_its_deltas_are_the_live_world_in_both_ecs() {
    a_base_and_its_deltas_are_the_live_world::<_, HecsWorld>();
    a_base_and_its_deltas_are_the_live_world::<_, BevyWorld>();
}

fn a_peer_follows_over_a_stream<M, W: Game<M>>() {
    let (mut world, mut random) = (W::game(5), Random(7));
    let mut sent = Vec::new();
    let (_, mut mark) = world.save_base_to(&mut sent).unwrap();
    let mut peer = W::load_base_from(&mut sent.as_slice(), &LoadOptions::default()).unwrap();
    for _ in 0..20 {
        world.edit(&mut random);
        sent.clear();
        world.save_delta_to(&mut mark, &mut sent).unwrap();
        peer.world.apply_delta_from(&mut peer.rows, &mut sent.as_slice()).unwrap();
        assert_same(&world, &mark, &peer.world, &peer.rows);
    }
}

#[test]
fn a_peer_follows_over_a_stream_in_both_ecs() {
    a_peer_follows_over_a_stream::<_, HecsWorld>();
    a_peer_follows_over_a_stream::<_, BevyWorld>();
}

/// A world that has the base's entities from elsewhere, such as a level of its own, tells them by their ids.
fn a_world_found_by_its_ids_takes_deltas<M, W: Game<M>>() {
    let (files, mut random) = (Arc::new(MemFiles::new()), Random(3));
    let mut world = W::game(6);
    world.name_all();
    let (_, mut mark) = world.save_base_with(BASE, &in_files(&files)).unwrap();
    let mut other = W::empty();
    // Entities of its own are before them.
    other.add(77);
    other.load_into_with(BASE, LoadMode::Merge, &from_files(&files)).unwrap();
    let mut bytes = Vec::new();
    keepstone_storage::read(&*files, BASE.as_ref(), 1 << 20, &mut bytes).unwrap();
    let base = Columnar.load(&mut bytes.as_slice(), &ReadOptions::default()).unwrap();
    let state = base.state_id().unwrap();
    assert_eq!(state, mark.root);
    let mut rows = LiveRows::by_ids(&base, state, |id| other.entities_of(&[id])[0]).unwrap();
    assert!(rows.entities.iter().all(Option::is_some));
    let count = |world: &W| world.capture(W::derived_registry().unwrap()).unwrap().doc.entity_count();
    let beside = count(&other) - count(&world);
    for number in 1..=10 {
        world.edit(&mut random);
        world.save_delta_with(&mut mark, delta(number), &in_files(&files)).unwrap();
        let report = other.apply_delta_file_with(&mut rows, delta(number), &from_files(&files)).unwrap();
        assert_eq!(report.missing, 0);
        let pairs: Vec<_> = (0..)
            .zip(&rows.entities)
            .filter_map(|(row, theirs)| Some((W::entity_of_row(&mark, row)?, (*theirs)?)))
            .collect();
        assert_eq!(world.difference(&other, &pairs, W::derived_registry().unwrap()).unwrap(), None);
        assert_eq!((count(&world) as usize, count(&other)), (pairs.len(), count(&world) + beside));
    }
}

#[test]
fn a_world_found_by_its_ids_takes_deltas_in_both_ecs() {
    a_world_found_by_its_ids_takes_deltas::<_, HecsWorld>();
    a_world_found_by_its_ids_takes_deltas::<_, BevyWorld>();
}

#[test]
fn a_delta_of_one_ecs_applies_in_the_other() {
    let (mut world, mut random) = (BevyWorld::game(9), Random(5));
    let mut sent = Vec::new();
    let (_, mut mark) = world.save_base_to(&mut sent).unwrap();
    let mut peer = HecsWorld::load_base_from(&mut sent.as_slice(), &LoadOptions::default()).unwrap();
    for _ in 0..40 {
        world.edit(&mut random);
        sent.clear();
        world.save_delta_to(&mut mark, &mut sent).unwrap();
        peer.world.apply_delta_from(&mut peer.rows, &mut sent.as_slice()).unwrap();
        assert_eq!(peer.world.census(), world.census());
    }
}

/// Several marks, each for a reader of its own, and a moment that is found by its time.
fn marks_are_for_readers<M, W: Game<M>>() {
    let mut world = W::game(4);
    let mut bytes = Vec::new();
    let (_, base) = world.save_base_to(&mut bytes).unwrap();
    let mut marks = keepstone_world::Marks::new(3);
    marks.push(0, 0, &base);
    let mut last = base.clone();
    for tick in 1..=4_u64 {
        world.add(tick);
        world.save_delta_to(&mut last, &mut Vec::new()).unwrap();
        marks.push(tick * 10, i64::try_from(tick).unwrap() * 1_000_000, &last);
    }
    assert!(marks.at_tick(19).is_none() && marks.at_time(1_500_000).is_none(), "they were forgotten");
    // What changed since tick 25 is what changed since 20, the last mark before.
    let mut since = marks.at_tick(25).unwrap().clone();
    assert_eq!((since.sequence, marks.at_time(2_000_000).unwrap().sequence), (2, 2));
    let mut sent = Vec::new();
    let saved = world.save_delta_to(&mut since, &mut sent).unwrap();
    assert_eq!((saved.encoded.entities, since.sequence), (2, 3));
    // A reader that missed all of it is told at once.
    let mut peer = W::load_base_from(&mut bytes.as_slice(), &LoadOptions::default()).unwrap();
    let mut since = base;
    sent.clear();
    world.save_delta_to(&mut since, &mut sent).unwrap();
    peer.world.apply_delta_from(&mut peer.rows, &mut sent.as_slice()).unwrap();
    assert_same(&world, &since, &peer.world, &peer.rows);
}

#[test]
fn marks_are_for_readers_in_both_ecs() {
    marks_are_for_readers::<_, HecsWorld>();
    marks_are_for_readers::<_, BevyWorld>();
}

/// A chain of an earlier version loads through the migrations, and is no chain any more.
fn an_earlier_chain_is_migrated<M, W: Game<M>>() {
    let files = Arc::new(MemFiles::new());
    let mut world = W::game(4);
    let mut meta = WorldMeta::default();
    meta.world_version = Some(1);
    let (_, mut mark) = world.save_base_with(BASE, &in_files(&files).meta(meta)).unwrap();
    world.add(9);
    world.save_delta_with(&mut mark, delta(1), &in_files(&files)).unwrap();
    // Ordinals are others than rows behind it.
    let steps = MigrationChain::new().step(1, 2, "without the first", |doc| doc.despawn(&[0]).map(drop));
    let options = || from_files(&files).migrations(&steps);
    let mut chain = W::load_deltas_with(BASE, [delta(1)], &options()).unwrap();
    assert_eq!(chain.report.migrated.as_ref().unwrap().steps.len(), 1);
    assert_eq!(chain.world.census().len(), 4);
    world.add(10);
    world.save_delta_with(&mut mark, delta(2), &in_files(&files)).unwrap();
    let before = chain.world.census();
    let error =
        chain.world.apply_delta_file_with(&mut chain.rows, delta(2), &from_files(&files)).unwrap_err();
    assert!(matches!(error, Error::File { source: Cause::WrongBase { .. }, .. }), "{error:?}");
    assert_eq!(chain.world.census(), before);
    // Where nothing is to be done, the rows are those of the chain.
    let current = MigrationChain::new().unversioned(1);
    let options = || from_files(&files).migrations(&current);
    let mut chain = W::load_deltas_with(BASE, [delta(1)], &options()).unwrap();
    chain.world.apply_delta_file_with(&mut chain.rows, delta(2), &options()).unwrap();
    assert_same(&world, &mark, &chain.world, &chain.rows);
    // And a delta that says that it is of an earlier version is not applied to a world of today.
    let mut meta = WorldMeta::default();
    meta.world_version = Some(1);
    world.save_delta_with(&mut mark, delta(3), &in_files(&files).meta(meta)).unwrap();
    let options = from_files(&files).migrations(&steps);
    let error = chain.world.apply_delta_file_with(&mut chain.rows, delta(3), &options).unwrap_err();
    assert!(matches!(error, Error::NotInChain { .. }) && error.kind() == Kind::Misuse, "{error:?}");
}

#[test]
fn an_earlier_chain_is_migrated_in_both_ecs() {
    an_earlier_chain_is_migrated::<_, HecsWorld>();
    an_earlier_chain_is_migrated::<_, BevyWorld>();
}

#[test]
fn the_last_metadata_is_that_of_the_world() {
    let files = Arc::new(MemFiles::new());
    let mut world = HecsWorld::game(2);
    let named = |tick| {
        let mut meta = WorldMeta::default();
        meta.tick = Some(tick);
        meta
    };
    let (_, mut mark) = world.save_base_with(BASE, &in_files(&files).meta(named(1))).unwrap();
    world.save_delta_with(&mut mark, delta(1), &in_files(&files).meta(named(2))).unwrap();
    world.save_delta_with(&mut mark, Path::new(&delta(2)), &in_files(&files)).unwrap();
    let chain = HecsWorld::load_deltas_with(BASE, [delta(1), delta(2)], &from_files(&files)).unwrap();
    assert_eq!(chain.report.meta.tick, Some(2));
}
