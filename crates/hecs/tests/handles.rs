//! Worlds that come back under the handles that they had.

mod refused;

use std::borrow::Cow;

use hecs::{Entity, World};
use keepstone_ecs_persist::{ColumnData, Error, IdConflict, Match, SpawnOptions, Unknown, WorldDoc};
use keepstone_hecs::{EcsWorld, PersistIds, Registry, RegistryExt};
use proptest::prelude::*;

use crate::{
    random::{build, indices, recipes},
    relationships::Parent,
    support::{Friends, Health, Label, Unregistered, decode, full, keeping, load, load_into, saved, strict},
};

const HANDLES: &str = "hecs.Entity";
const FREE: &str = "hecs.FreeList";

fn exact() -> Registry {
    let mut registry = full().clone();
    registry.keep_handles().unwrap();
    registry
}

fn alive(world: &World) -> Vec<Entity> {
    let mut alive: Vec<Entity> = world.iter().map(|entity| entity.entity()).collect();
    alive.sort_unstable();
    alive
}

fn bits(index: u32, generation: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(index)
}

fn handle(index: u32, generation: u32) -> Entity {
    Entity::from_bits(bits(index, generation)).unwrap()
}

fn despawn(world: &mut World, entities: impl Iterator<Item = Entity>) {
    for entity in entities {
        world.despawn(entity).unwrap();
    }
}

/// A world with a past: indices are free, some of them for the third time.
fn used() -> World {
    let mut world = World::new();
    for generation in 0..3_i32 {
        let all: Vec<Entity> =
            (0..40).map(|i| world.spawn((Health { current: i, max: generation },))).collect();
        if generation < 2 {
            despawn(&mut world, all.into_iter());
        } else {
            despawn(&mut world, all.into_iter().step_by(3));
        }
    }
    let first = alive(&world)[0];
    let label = world.spawn((Label("named".into()), Friends(vec![Some(first), None])));
    world.insert_one(first, Parent { of: label, place: 0 }).unwrap();
    world
}

/// A document whose only column is this one, in one table.
fn doc_of(bits: &[u64]) -> WorldDoc<'static> {
    let mut world = World::new();
    world.spawn_batch((0..bits.len()).map(|_| (Health { current: 1, max: 2 },)));
    let mut doc = world.capture(&exact()).unwrap().doc.into_owned();
    let column = doc.columns.iter_mut().find(|column| column.schema.name == HANDLES).unwrap();
    column.data =
        ColumnData::Plain(vec![Cow::Owned(bits.iter().flat_map(|bits| bits.to_le_bytes()).collect())]);
    doc
}

fn spawn(world: &mut World, bits: &[u64]) -> Result<Vec<Entity>, Error> {
    world.spawn_doc(&doc_of(bits), &exact(), &strict()).map(|report| report.entities)
}

#[test]
fn entities_come_back_under_their_handles_and_free_ones_stay_free() {
    let world = used();
    let (mut loaded, report) = load(&saved(&world, &exact()), &exact(), &strict()).unwrap();
    assert_eq!(alive(&loaded), alive(&world));
    assert!(alive(&world).iter().any(|entity| entity.to_bits().get() >> 32 == 3), "a third life");
    for entity in alive(&world) {
        let value = |world: &World| world.get::<&Health>(entity).map(|health| *health).ok();
        assert_eq!(value(&loaded), value(&world));
    }
    assert_eq!(report.unknown, []);
    assert_eq!(loaded.freelist().collect::<Vec<_>>(), world.freelist().collect::<Vec<_>>());
    // So what both spawn from now on has the same handles.
    let mut world = world;
    for _ in 0..60 {
        assert_eq!(loaded.spawn(()), world.spawn(()));
    }
}

#[test]
fn no_handle_that_was_given_is_given_again() {
    let mut world = used();
    let hidden: Vec<Entity> = (0..4).map(|_| world.spawn((Unregistered,))).collect();
    let mut given: Vec<Entity> = alive(&world);
    given.extend((0..50).flat_map(|i| (1..4).map(move |generation| handle(i, generation))));
    let capture = world.capture(&exact()).unwrap();
    assert_eq!(capture.entities_left_out, 4);
    let mut loaded = World::new();
    loaded.spawn_doc(&capture.doc, &exact(), &strict()).unwrap();
    assert!(hidden.iter().all(|&entity| !loaded.contains(entity)));
    let before = alive(&loaded);
    let free: Vec<Entity> = world.freelist().collect();
    for _ in 0..free.len() + 4 {
        let new = loaded.spawn(());
        assert!(
            !before.contains(&new) && !hidden.contains(&new) && !given.contains(&new) || free.contains(&new)
        );
    }
}

#[test]
fn files_without_a_free_list_leave_indices_in_between_free() {
    let mut doc = used().capture(&exact()).unwrap().doc.into_owned();
    let at = doc.columns.iter().position(|column| column.schema.name == FREE).unwrap();
    doc.columns.remove(at);
    for place in doc.tables.iter_mut().flat_map(|table| &mut table.components) {
        *place -= u16::from(usize::from(*place) > at);
    }
    doc.check().unwrap();
    let mut loaded = World::new();
    loaded.spawn_doc(&doc, &exact(), &strict()).unwrap();
    let before = alive(&loaded);
    assert_eq!(before, alive(&used()));
    let highest = before.iter().map(|entity| entity.id()).max().unwrap();
    assert_eq!(loaded.freelist().len() + before.len(), highest as usize + 1);
    let new: Vec<Entity> = (0..50).map(|_| loaded.spawn(())).collect();
    assert!(new.iter().all(|entity| !before.contains(entity)));
    assert_eq!(alive(&loaded).len(), before.len() + 50);
}

#[test]
fn nothing_is_written_unless_it_is_asked_for() {
    decode(&saved(&used(), full()), |doc| {
        assert!(doc.columns.iter().all(|column| !column.schema.name.starts_with("hecs.")));
    });
    decode(&saved(&World::new(), &exact()), |doc| assert_eq!(doc.columns.len(), 0));
}

#[test]
fn who_keeps_no_handles_loads_under_new_ones() {
    let bytes = saved(&used(), &exact());
    for unknown in [Unknown::Refuse, Unknown::Skip] {
        let mut options = SpawnOptions::default();
        options.unknown = unknown;
        let (loaded, report) = load(&bytes, full(), &options).unwrap();
        assert_eq!(alive(&loaded), (0..27).map(|i| handle(i, 1)).collect::<Vec<_>>());
        assert_eq!(report.unknown, [(HANDLES.to_owned(), 27), (FREE.to_owned(), 1)]);
    }
}

#[test]
fn who_keeps_what_is_unknown_hands_handles_on() {
    let world = used();
    let (mut middle, _) = load(&saved(&world, &exact()), full(), &keeping()).unwrap();
    let new = middle.spawn((Label("new".into()),));
    assert!(middle.contains(new));
    let (loaded, report) = load(&saved(&middle, full()), &exact(), &strict()).unwrap();
    let mut expected = alive(&world);
    // What was added has an index behind all that anybody spoke of.
    expected.push(handle(40, 1));
    expected.sort_unstable();
    assert_eq!(alive(&loaded), expected);
    assert_eq!(report.unknown, []);
    assert_eq!(loaded.get::<&Label>(handle(40, 1)).unwrap().0, "new");
    // A program that kept them and asks for handles now writes those that it has.
    let capture = middle.capture(&exact()).unwrap();
    capture.doc.check().unwrap();
    let mut again = World::new();
    again.spawn_doc(&capture.doc, &exact(), &strict()).unwrap();
    assert!(again.contains(new));
}

#[test]
fn entities_that_give_way_leave_their_handles() {
    let mut world = World::new();
    world.spawn(());
    let hero = world.spawn((Label("hero".into()),));
    let id = world.assign_persist_id(hero).unwrap();
    let bytes = saved(&world, &exact());
    world.get::<&mut Label>(hero).unwrap().0.push_str(" as changed");
    // The first entity is in the way.
    let mut options = strict();
    options.ids = IdConflict::Replace;
    let error = load_into(&mut world, &bytes, &exact(), &options).unwrap_err();
    assert!(matches!(error, Error::NotSupported { .. }), "{error}");
    world.despawn(handle(0, 1)).unwrap();
    let report = load_into(&mut world, &bytes, &exact(), &options).unwrap();
    assert_eq!((report.replaced, world.entity_of(id)), (1, Some(hero)));
    assert_eq!(world.get::<&Label>(hero).unwrap().0, "hero");
}

#[test]
fn a_restore_leaves_handles_as_they_are() {
    let mut world = World::new();
    let [a, b] = ["a", "b"].map(|name| world.spawn((Label(name.into()),)));
    let capture = world.capture(&exact()).unwrap();
    let (doc, before) = (capture.doc.clone().into_owned(), capture.entities().collect::<Vec<_>>());
    drop(capture);
    world.despawn(a).unwrap();
    world.get::<&mut Label>(b).unwrap().0.clear();
    let report = world.restore_doc(&doc, Match::Entities(&before), &exact(), &strict()).unwrap();
    assert_eq!((report.written, report.spawned, report.unknown.len()), (2, 1, 0));
    assert_eq!(world.get::<&Label>(b).unwrap().0, "b");
    assert_eq!(report.respawned, [(a, handle(a.id(), 2))]);
    assert_eq!(world.entity(b).unwrap().component_types().count(), 1, "handles are no component");
}

#[test]
fn a_world_captured_in_parts_has_its_handles() {
    let (world, registry) = (used(), exact());
    let mut parts = crate::in_parts::Parts::default();
    world.capture_parts(&registry, 5, &mut parts).unwrap();
    let bits: Vec<u64> = parts
        .docs()
        .flat_map(|doc| match &doc.column(HANDLES).unwrap().data {
            ColumnData::Plain(pieces) => pieces.concat(),
            other => panic!("{other:?}"),
        })
        .collect::<Vec<u8>>()
        .chunks(8)
        .map(|bits| u64::from_le_bytes(bits.try_into().unwrap()))
        .collect();
    let capture = world.capture(&registry).unwrap();
    let expected: Vec<u64> = capture.entities().map(|entity: Entity| entity.to_bits().get()).collect();
    assert_eq!(bits, expected);
}

#[test]
fn a_world_without_entities_remembers_which_handles_it_gave() {
    let mut world = World::new();
    let gone = world.spawn((Label("gone".into()),));
    world.despawn(gone).unwrap();
    let registry = exact();
    let bytes = crate::support::through_bytes(&world.capture(&registry).unwrap());
    let (mut loaded, _) = load(&bytes, &registry, &SpawnOptions::default()).unwrap();
    assert_ne!(loaded.spawn(()), gone);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_world_comes_back_as_itself(recipes in recipes(60), gone in indices(40), again in 0..30_usize) {
        let mut world = build(&recipes, &gone);
        for _ in 0..again {
            world.spawn((Label("again".into()),));
        }
        let registry = exact();
        let capture = world.capture(&registry).unwrap();
        let bytes = crate::support::through_bytes(&capture);
        let (mut loaded, report) = load(&bytes, &registry, &SpawnOptions::default()).unwrap();
        let entities: Vec<Entity> = capture.entities().collect();
        prop_assert_eq!(&report.entities, &entities);
        let pairs: Vec<_> = entities.iter().map(|&entity| (entity, entity)).collect();
        prop_assert_eq!(world.difference(&loaded, &pairs, &registry).unwrap(), None);
        if world.len() == loaded.len() {
            prop_assert_eq!(loaded.freelist().collect::<Vec<_>>(), world.freelist().collect::<Vec<_>>());
        }
        let mut seen = alive(&loaded);
        let more = loaded.freelist().len() + 3;
        for _ in 0..more {
            seen.push(loaded.spawn(()));
        }
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        prop_assert_eq!(seen.len(), count);
    }

    #[test]
    fn any_bits_are_handles_or_an_error(
        told in proptest::collection::vec(prop_oneof![any::<u64>(), 0..(3_u64 << 32), bits(0, 1)..bits(40, 1)], 1..12),
        (recipes, gone) in (recipes(20), indices(20)),
    ) {
        let mut world = build(&recipes, &gone);
        let before = alive(&world);
        if let Ok(entities) = spawn(&mut world, &told) {
            let given: Vec<u64> = entities.iter().map(|entity| entity.to_bits().get()).collect();
            prop_assert_eq!(given, told);
            prop_assert_eq!(alive(&world).len(), before.len() + entities.len());
            prop_assert!(before.iter().chain(&entities).all(|&entity| world.contains(entity)));
        } else {
            prop_assert_eq!(alive(&world), before);
        }
        let live = alive(&world);
        prop_assert!(!live.contains(&world.spawn(())));
    }
}
