//! Files of a game's versions 1, 2 and 3, written by programs of these versions, in the program of today.

mod game;
mod sides;

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use bevy_ecs::prelude::{DetectChanges as _, DetectChangesMut as _, Ref, With};
use keepstone_bevy::Bevy;
use keepstone_ecs_persist::Error as Cause;
use keepstone_hecs::Hecs;
use keepstone_storage::{Files, MemFiles};
use keepstone_world::{
    Error, Filter, Kind, LoadMode, LoadOptions, LoadPlan, MigrationChain, PersistenceManager, SaveOptions,
    Saver, Unknown, WorldFiles, WorldSteps,
};

use self::{
    game::{Health, Stats, chain, take_ran, without_levels},
    sides::{Census, Program, Side},
};
use crate::support::PATH;

type BevyWorld = bevy_ecs::world::World;
type HecsWorld = hecs::World;

const FILES: [(u32, &str, &[u8]); 12] = [
    (1, "bevy", include_bytes!("golden/game-v1-bevy.bin")),
    (1, "hecs", include_bytes!("golden/game-v1-hecs.bin")),
    (1, "parts", include_bytes!("golden/game-v1-parts.bin")),
    (1, "text", include_bytes!("golden/game-v1-text.json")),
    (2, "bevy", include_bytes!("golden/game-v2-bevy.bin")),
    (2, "hecs", include_bytes!("golden/game-v2-hecs.bin")),
    (2, "parts", include_bytes!("golden/game-v2-parts.bin")),
    (2, "text", include_bytes!("golden/game-v2-text.json")),
    (3, "bevy", include_bytes!("golden/game-v3-bevy.bin")),
    (3, "hecs", include_bytes!("golden/game-v3-hecs.bin")),
    (3, "parts", include_bytes!("golden/game-v3-parts.bin")),
    (3, "text", include_bytes!("golden/game-v3-text.json")),
];

/// What of the steps is in the chain, in their order.
const OF_THE_CHAIN: [&str; 3] =
    ["levels by rank (world 1 -> 2)", "one treasury (world 2 -> 3)", "game.rank 1 -> 2"];
/// And between types.
const OF_TYPES: [&str; 5] = [
    "game.bond 1 -> 3",
    "game.heading 1 -> 2",
    "game.health 1 -> 2",
    "game.health 2 -> 3",
    "game.position 1 -> game.place 1",
];

fn steps_from(version: u32) -> Vec<&'static str> {
    let all = OF_THE_CHAIN.iter().chain(&OF_TYPES).copied();
    match version {
        1 => all.collect(),
        2 => all.filter(|step| *step != OF_THE_CHAIN[0] && *step != OF_TYPES[2]).collect(),
        _ => Vec::new(),
    }
}

/// How often the steps run: each world step once, each other once for each of the two entities that have such a component.
fn counts_from(version: u32) -> Vec<(String, u32)> {
    let times = |step: &str| if step.contains("world") { 1 } else { 2 };
    let mut counts: Vec<_> =
        steps_from(version).iter().map(|step| ((*step).to_owned(), times(step))).collect();
    counts.sort();
    counts
}

fn counted() -> Vec<(String, u32)> {
    take_ran().into_iter().collect()
}

/// The game, whatever file it comes from.
fn today() -> Census {
    let hero = "Place { x: 1.5, y: -2.0, z: 0.0 } Health { current: 70, max: 100 } Heading { value: 8 } \
        Stats { luck: 3, mana: 10, might: 12, age: 30 } \
        Bag { items: [\"rope\", \"lamp\"], coins: 200, owner: \"nobody\" } Speed { dx: -3, dy: 4 } \
        Rank { level: 3, title: \"captain\" } Level { level: 3 } since 1 with Some(Name(\"rat\"))";
    let rat = "Place { x: -1.0, y: 0.25, z: 0.0 } Health { current: 5, max: 100 } Heading { value: 24 } \
        Stats { luck: 60000, mana: 10, might: 1, age: 2 } Mood { level: 7, note: \"\" } \
        Rank { level: 1, title: \"private\" } Level { level: 1 } since 1 with Some(Name(\"hero\"))";
    let ghost = "Speed { dx: 300, dy: -300 } Mood { level: 1, note: \"\" } ";
    let all = [("hero", hero), ("rat", rat), ("ghost", ghost), ("treasury", "Treasury { gold: 12 } ")];
    all.map(|(name, line)| (name.to_owned(), line.to_owned())).into()
}

fn on_disk(bytes: &[u8]) -> Arc<MemFiles> {
    let files = Arc::new(MemFiles::new());
    files.create_dir(Path::new(PATH).parent().unwrap()).unwrap();
    files.create_new(Path::new(PATH)).unwrap().write_all_at(bytes, 0).unwrap();
    files
}

fn bytes_of(version: u32, kind: &str) -> &'static [u8] {
    FILES.iter().find(|file| (file.0, file.1) == (version, kind)).unwrap().2
}

fn options<'r, R>(files: &Arc<MemFiles>, registry: &'r R) -> LoadOptions<'r, R> {
    LoadOptions::default().files(files.clone()).registry(registry)
}

fn lines(plan: &LoadPlan) -> Vec<String> {
    plan.to_string().lines().map(str::to_owned).collect()
}

fn each_version_is_the_game_of_today<M, W: Side<M>>() {
    take_ran();
    let registry = W::knows(Program::Today);
    for (version, kind, bytes) in FILES {
        let case = format!("version {version}, {kind}, into {}", W::KIND);
        let files = on_disk(bytes);
        let options = options(&files, &registry).migrations(&chain());
        let plan = W::dry_run(PATH, &options).unwrap();
        assert_eq!(lines(&plan), steps_from(version), "{case}");
        assert_eq!(plan.is_empty(), version == 3, "{case}");
        assert_eq!(counted(), [], "a dry run takes no step: {case}");

        let (mut world, report) = W::load_with(PATH, &options).unwrap();
        assert_eq!(world.census(), today(), "{case}");
        assert_eq!(counted(), counts_from(version), "{case}");
        let migrated = report.migrated.unwrap();
        assert_eq!((migrated.from_version, migrated.into_version), (version, 3), "{case}");
        assert_eq!(migrated.steps, plan.chain.unwrap().steps, "{case}");
        assert_eq!(report.meta.world_version, Some(3), "{case}");
        let mut kept = Vec::new();
        keepstone_storage::read(&*files, Path::new(PATH), u64::MAX, &mut kept).unwrap();
        assert!(kept == bytes, "a load leaves the file alone: {case}");

        // What is saved with the version that the load led to has no steps before it.
        let save = SaveOptions::default().files(files).registry(&registry).meta(report.meta);
        world.save_with(PATH, &save).unwrap();
        assert!(W::dry_run(PATH, &options).unwrap().is_empty(), "{case}");
        let (mut again, report) = W::load_with(PATH, &options).unwrap();
        assert_eq!((again.census(), counted()), (today(), Vec::new()), "{case}");
        assert_eq!(report.migrated.unwrap().steps, [], "{case}");
    }
}

#[test]
fn each_version_of_the_game_becomes_that_of_today_and_each_step_runs_once() {
    each_version_is_the_game_of_today::<Bevy, BevyWorld>();
    each_version_is_the_game_of_today::<Hecs, HecsWorld>();
}

/// The error of a load into a world that has something already, which is as it was afterwards.
fn refused<M, W: Side<M>>(
    version: u32,
    program: Program,
    chain: &MigrationChain,
    mode: LoadMode,
) -> (Kind, Cause) {
    let known = W::knows(Program::Today);
    let mut world = W::load_with(PATH, &options(&on_disk(bytes_of(3, W::KIND)), &known)).unwrap().0;
    world.turn("hero", 1);
    let (before, entities) =
        (world.census(), world.hash_with(&SaveOptions::default().registry(&known)).unwrap());
    take_ran();

    let (files, registry) = (on_disk(bytes_of(version, W::KIND)), W::knows(program));
    let load = options(&files, &registry).migrations(chain).unknown(Unknown::Skip);
    let planned = W::dry_run(PATH, &load).unwrap_err();
    let error = world.load_into_with(PATH, mode, &load).unwrap_err();
    assert_eq!(error.kind(), planned.kind(), "{planned}");
    assert_eq!(world.census(), before, "the world is as it was");
    assert_eq!(world.hash_with(&SaveOptions::default().registry(&known)).unwrap(), entities);
    let kind = error.kind();
    match (error, planned) {
        (
            Error::File { source, .. } | Error::World(source),
            Error::File { source: planned, .. } | Error::World(planned),
        ) => {
            assert_eq!(source.to_string(), planned.to_string(), "a dry run says it before");
            (kind, source)
        }
        other => panic!("{other:?}"),
    }
}

fn what_is_missing_or_later_is_refused<M, W: Side<M>>() {
    let none = MigrationChain::new();
    for mode in [LoadMode::Merge, LoadMode::Restore] {
        let (_, error) = refused::<M, W>(1, Program::Today, &without_levels(), mode);
        assert!(matches!(error, Cause::NoWorldMigration { found: 1, at: 1, newest: 3, .. }), "{error}");
        assert!(error.to_string().contains("no step begins at 1: known are 2 -> 3"), "{error}");

        let (_, error) = refused::<M, W>(1, Program::Forgetful, &none, mode);
        assert!(
            matches!(&error, Cause::NoMigration { name, found: 1, .. } if name == "game.health"),
            "{error}"
        );
        assert!(error.to_string().contains("known is game.health 2 -> game.health 3"), "{error}");

        let late = chain().component("game.bag", 2, 3, |_| Ok(()));
        let (_, error) = refused::<M, W>(1, Program::Today, &late, mode);
        assert!(matches!(&error, Cause::NoMigration { name, found: 1, .. } if name == "game.bag"), "{error}");

        let (kind, error) = refused::<M, W>(3, Program::Second, &none, mode);
        assert!(matches!(error, Cause::NewerComponent { found: 3, newest: 2, .. }), "{error}");
        assert_eq!(kind, Kind::Newer);

        let second = MigrationChain::new().step(1, 2, "to the second", |_| Ok(()));
        let (kind, error) = refused::<M, W>(3, Program::Today, &second, mode);
        assert!(matches!(error, Cause::NewerWorld { found: 3, newest: 2 }), "{error}");
        assert_eq!(kind, Kind::Newer);
    }
}

#[test]
fn a_missing_step_is_named_and_a_later_component_or_world_is_newer_and_changes_nothing() {
    what_is_missing_or_later_is_refused::<Bevy, BevyWorld>();
    what_is_missing_or_later_is_refused::<Hecs, HecsWorld>();
}

fn a_restore_writes_what_differs<M, W: Side<M>>() {
    let registry = W::knows(Program::Today);
    let from = |version| options(&on_disk(bytes_of(version, W::KIND)), &registry).migrations(&chain());
    for version in [1, 2, 3] {
        let case = format!("version {version} into {}", W::KIND);
        let (mut world, _) = W::load_with(PATH, &from(3)).unwrap();
        let restored = world.load_into_with(PATH, LoadMode::Restore, &from(version)).unwrap();
        let changed = restored.restored.unwrap();
        assert_eq!((changed.written, changed.spawned, changed.despawned), (0, 0, 0), "{case}");
        // The number of the first two versions, which means something else there.
        world.turn("hero", 90);
        let restored = world.load_into_with(PATH, LoadMode::Restore, &from(version)).unwrap();
        let changed = restored.restored.unwrap();
        assert_eq!((changed.written, changed.spawned, changed.despawned), (1, 0, 0), "{case}");
        assert_eq!(world.census(), today(), "{case}");
    }
}

#[test]
fn a_restore_from_an_old_file_writes_only_what_differs_and_trusts_no_equal_bytes() {
    a_restore_writes_what_differs::<Bevy, BevyWorld>();
    a_restore_writes_what_differs::<Hecs, HecsWorld>();
}

#[test]
fn a_restore_from_an_old_file_looks_like_no_change_where_there_is_none() {
    let registry = BevyWorld::knows(Program::Today);
    let files = on_disk(bytes_of(1, "bevy"));
    let old = options(&files, &registry).migrations(&chain());
    let (mut world, _) = BevyWorld::load_with(PATH, &old).unwrap();
    world.clear_trackers();
    let changed = |world: &mut BevyWorld| {
        let stats = world.query::<Ref<'_, Stats>>().iter(world).filter(Ref::is_changed).count();
        let health = world.query::<Ref<'_, Health>>().iter(world).filter(Ref::is_changed).count();
        (stats, health)
    };
    world.load_into_with(PATH, LoadMode::Restore, &old).unwrap();
    assert_eq!(changed(&mut world), (0, 0));
    let mut stats = world.query_filtered::<&mut Stats, With<Health>>();
    stats.iter_mut(&mut world).next().unwrap().set_changed();
    assert_eq!(changed(&mut world), (1, 0), "and it would be seen");
}

fn parts_need_no_chain_for_steps_between_types<M, W: Side<M>>() {
    take_ran();
    let registry = W::knows(Program::WithoutRank);
    for version in [1, 2] {
        let load = |kind| {
            take_ran();
            let load = options(&on_disk(bytes_of(version, kind)), &registry).unknown(Unknown::Skip);
            let (mut world, report) = W::load_with(PATH, &load).unwrap();
            assert_eq!(report.migrated, None);
            (world.census(), counted())
        };
        let (found, counts) = load("parts");
        assert_eq!(found, load("bevy").0);
        let typed = counts_from(version).into_iter().filter(|(step, _)| OF_TYPES.contains(&step.as_str()));
        assert_eq!(counts, typed.collect::<Vec<_>>());
        assert_eq!(found.len(), 3);
        let hero = &found["hero"];
        assert!(hero.contains("Health { current: 70, max: 100 }") && !hero.contains("Rank"), "{hero}");
        let level = "Level { level: 3 }";
        assert_eq!(hero.contains(level), version == 2, "without a chain no step of it is taken");
    }
}

#[test]
fn worlds_in_parts_take_steps_between_types_as_they_are_read() {
    parts_need_no_chain_for_steps_between_types::<Bevy, BevyWorld>();
    parts_need_no_chain_for_steps_between_types::<Hecs, HecsWorld>();
}

#[test]
fn a_load_in_the_background_is_migrated_where_it_is_placed() {
    take_ran();
    let registry = BevyWorld::knows(Program::Today);
    let files = on_disk(bytes_of(1, "bevy"));
    let options = options(&files, &registry).migrations(&chain());
    let saver = Saver::new().unwrap();
    let loaded = saver.load_with::<Bevy, BevyWorld>(PATH, &options).unwrap().wait().unwrap();
    assert_eq!(loaded.doc().meta.world_version, Some(1));
    let mut world = BevyWorld::new();
    let report = loaded.spawn_into_with(&mut world, LoadMode::Merge, &options).unwrap();
    assert_eq!((world.census(), counted()), (today(), counts_from(1)));
    assert_eq!(report.migrated.unwrap().steps.len(), 3);
}

fn migrations_that_are_registered<M, W: Side<M>>() {
    take_ran();
    let registry = W::knows(Program::Today);
    let files = on_disk(bytes_of(1, W::KIND));
    let mut manager = PersistenceManager::with_default_formats();
    manager.register_migrations("game", chain()).unwrap();
    manager.register_migrations("another game", without_levels()).unwrap();
    let options = options(&files, &registry).formats(manager);
    assert_eq!(lines(&W::dry_run(PATH, &options).unwrap()), steps_from(1));
    let (mut world, _) = W::load_with(PATH, &options).unwrap();
    assert_eq!((world.census(), counted()), (today(), counts_from(1)));
    let asked = options.migrations(&without_levels());
    let error = W::load_with(PATH, &asked).map(|_| ()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::File { source: Cause::NoWorldMigration { .. }, .. }
                | Error::World(Cause::NoWorldMigration { .. })
        ),
        "what a load asks for comes before: {error:?}"
    );
}

#[test]
fn loads_take_the_steps_that_are_registered_with_the_formats() {
    migrations_that_are_registered::<Bevy, BevyWorld>();
    migrations_that_are_registered::<Hecs, HecsWorld>();
}

#[test]
fn steps_of_the_living_world_go_on_from_the_version_that_the_file_had() {
    let ran: Arc<Mutex<Vec<u32>>> = Arc::default();
    let step = |from| {
        let ran = ran.clone();
        move |world: &mut BevyWorld| {
            ran.lock().unwrap().push(from);
            (world.census().len() == 4).then_some(()).ok_or_else(|| "the game is not loaded".into())
        }
    };
    let steps = WorldSteps::new().step(2, 3, step(2)).step(1, 2, step(1));
    let registry = BevyWorld::knows(Program::Today);
    for (version, expected) in [(1, &[1, 2][..]), (2, &[2]), (3, &[])] {
        let files = on_disk(bytes_of(version, "bevy"));
        let options = options(&files, &registry).migrations(&chain());
        let (mut world, report) = BevyWorld::load_with(PATH, &options).unwrap();
        let migrated = report.migrated.unwrap();
        assert_eq!(steps.run(&mut world, migrated.from_version).unwrap(), migrated.into_version);
        assert_eq!(std::mem::take(&mut *ran.lock().unwrap()), expected);
    }
    let failing = WorldSteps::new().step(1, 3, |_: &mut BevyWorld| Err("no engine".into()));
    let error = failing.run(&mut BevyWorld::new(), 1).unwrap_err();
    assert_eq!(error.to_string(), "the step of the loaded world from version 1 to 3 failed: no engine");
}

#[test]
fn a_filter_sees_what_the_steps_leave() {
    let registry = BevyWorld::knows(Program::Today);
    let files = on_disk(bytes_of(1, "bevy"));
    let rich = Filter::new().having("game.treasury");
    let options = options(&files, &registry).migrations(&chain()).filter(rich);
    let (mut world, report) = BevyWorld::load_with(PATH, &options).unwrap();
    assert_eq!(world.census().into_keys().collect::<Vec<_>>(), ["treasury"]);
    assert_eq!(report.entities_left_out, 3);
}
