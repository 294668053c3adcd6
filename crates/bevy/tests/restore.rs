//! Documents restored in place.

use bevy_ecs::prelude::*;
use keepstone_bevy::{
    Bevy, EcsWorld, Error, Persist, PersistId, PersistIds, PersistIndex, Registry, SpawnOptions,
};
use keepstone_ecs_persist::{Match, RestoreReport, WorldDoc};
use serde::{Deserialize, Serialize};

use crate::support::{Health, Label, Player, Poisoned, Position, Unregistered};

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.friend")]
struct Friend {
    whom: Entity,
    since: Vec<u8>,
}

#[derive(Resource, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.score", pod)]
#[repr(C)]
struct Score(u64);

/// A saved state: the document and the entities of its ordinals.
pub(crate) struct State {
    doc: WorldDoc<'static>,
    pub(crate) entities: Vec<Entity>,
}

fn derived() -> &'static Registry {
    <World as EcsWorld<Bevy>>::derived_registry().unwrap()
}

pub(crate) fn state(world: &World) -> State {
    let capture = world.capture(derived()).unwrap();
    let entities = capture.entities().collect();
    State { doc: capture.doc.into_owned(), entities }
}

fn restore(world: &mut World, state: &State) -> RestoreReport<Entity> {
    world
        .restore_doc(&state.doc, Match::Entities(&state.entities), derived(), &SpawnOptions::default())
        .unwrap()
}

/// A world of its own with the state.
pub(crate) fn spawned(state: &State) -> (World, Vec<Entity>) {
    let mut world = World::new();
    let report = world.spawn_doc(&state.doc, derived(), &SpawnOptions::default()).unwrap();
    (world, report.entities)
}

/// Restores a state and asserts that the world is what it was.
pub(crate) fn check_restore(world: &mut World, state: &State) -> RestoreReport<Entity> {
    let (original, entities) = spawned(state);
    let report = restore(world, state);
    let pairs: Vec<_> = entities.into_iter().zip(report.entities.iter().copied()).collect();
    assert_eq!(original.difference(world, &pairs, derived()).unwrap(), None);
    let again = self::state(world);
    assert!(report.entities.iter().all(|&entity| world.get_entity(entity).is_ok()));
    // Fewer when an entity that had no component has got one that isn't registered: it stays, and is not saved any more.
    assert!(again.doc.entity_count() <= state.doc.entity_count(), "nothing else is left");
    assert_eq!(again.doc.value_count(), state.doc.value_count());
    report
}

fn position(i: u16) -> Position {
    Position { x: i.into(), y: 0.0, z: 0.0 }
}

fn crowd() -> World {
    let mut world = World::new();
    for i in 0..100_u16 {
        let mut entity = world.spawn((position(i), Health { current: i.into(), max: 100 }));
        if i % 2 == 0 {
            entity.insert((Label(i.to_string()), Poisoned { turns: 3 }));
        }
    }
    world.insert_resource(Score(7));
    world
}

/// The entities whose `T` changed since change detection was last reset.
fn changed<T: Component>(world: &mut World) -> Vec<Entity> {
    world.query_filtered::<Entity, Changed<T>>().iter(world).collect()
}

#[test]
fn what_is_equal_is_not_touched() {
    let mut world = crowd();
    let state = state(&world);
    world.clear_trackers();
    let report = check_restore(&mut world, &state);
    assert_eq!((report.written, report.spawned, report.despawned, report.removed), (0, 0, 0, 0));
    assert_eq!(report.unchanged, state.doc.value_count());
    assert!(changed::<Position>(&mut world).is_empty() && changed::<Label>(&mut world).is_empty());
    assert!(!world.is_resource_changed::<Score>());
}

#[test]
fn change_detection_sees_what_was_written_and_nothing_else() {
    let mut world = crowd();
    let state = state(&world);
    let (moved, renamed, cured) = (state.entities[3], state.entities[70], state.entities[80]);
    world.get_mut::<Position>(moved).unwrap().x = -1.0;
    world.get_mut::<Label>(renamed).unwrap().0 = "other".into();
    world.get_mut::<Poisoned>(cured).unwrap().turns = 0;
    world.resource_mut::<Score>().0 = 8;
    world.clear_trackers();
    let report = check_restore(&mut world, &state);
    assert_eq!(report.written, 4);
    assert_eq!(changed::<Position>(&mut world), [moved]);
    assert_eq!(changed::<Label>(&mut world), [renamed]);
    assert_eq!(changed::<Poisoned>(&mut world), [cured]);
    assert!(changed::<Health>(&mut world).is_empty());
    assert!(world.is_resource_changed::<Score>());
    assert!(world.query_filtered::<Entity, Added<Position>>().iter(&world).next().is_none());
}

#[test]
fn of_a_long_table_those_rows_are_changed_that_differ() {
    let mut world = World::new();
    let ids: Vec<Entity> = world
        .spawn_batch((0..5000_u16).map(|i| (position(i), Health { current: i.into(), max: 100 })))
        .collect();
    let state = state(&world);
    let row = |at: usize| ids[at];
    // All but one, single ones, a run across what is compared at a time, and the ends.
    for wanted in [
        (0..5000).filter(|at| *at != 2500).collect::<Vec<usize>>(),
        (0..5000).step_by(3).collect(),
        (900..2100).collect(),
        vec![0, 4999],
        (0..5000).collect(),
    ] {
        for &at in &wanted {
            world.get_mut::<Position>(row(at)).unwrap().z -= 1.0;
        }
        world.clear_trackers();
        let report = check_restore(&mut world, &state);
        assert_eq!(report.written, wanted.len() as u64);
        let wanted: Vec<Entity> = wanted.into_iter().map(row).collect();
        assert_eq!(changed::<Position>(&mut world), wanted);
        assert!(changed::<Health>(&mut world).is_empty());
    }
}

#[test]
fn an_entity_that_was_despawned_comes_back_under_a_new_id() {
    let mut world = World::new();
    let target = world.spawn(Label("target".into())).id();
    let holder = world.spawn(Friend { whom: target, since: vec![1] }).id();
    let state = state(&world);
    world.despawn(target);
    let report = check_restore(&mut world, &state);
    let [(before, after)] = report.respawned[..] else { panic!("{:?}", report.respawned) };
    assert_eq!(before, target);
    assert_ne!(after, target);
    assert_eq!((report.spawned, world.get::<Friend>(holder).unwrap().whom), (1, after));
    assert_eq!(world.get::<Label>(after), Some(&Label("target".into())));
}

#[test]
fn what_came_since_goes() {
    let mut world = crowd();
    let state = state(&world);
    let newcomer = world.spawn((position(5), Player)).id();
    let stranger = world.spawn(Unregistered).id();
    world.entity_mut(state.entities[0]).insert((Player, Unregistered));
    world.entity_mut(state.entities[1]).remove::<Health>();
    let report = check_restore(&mut world, &state);
    assert!(world.get_entity(newcomer).is_err());
    assert!(world.get_entity(stranger).is_ok(), "what is not saved stays");
    let first = world.entity(state.entities[0]);
    assert!(!first.contains::<Player>() && first.contains::<Unregistered>());
    assert_eq!((report.despawned, report.removed), (1, 1));
}

#[test]
fn resources_come_and_go() {
    let mut world = World::new();
    world.spawn(Player);
    let without = state(&world);
    world.insert_resource(Score(1));
    let with = state(&world);
    assert_eq!(check_restore(&mut world, &without).removed, 1);
    assert!(world.get_resource::<Score>().is_none());
    check_restore(&mut world, &with);
    assert_eq!(world.resource::<Score>(), &Score(1));
}

#[test]
fn relationships_and_the_order_of_their_lists_come_back() {
    let mut world = World::new();
    let (a, b) = (world.spawn(Label("a".into())).id(), world.spawn(Label("b".into())).id());
    let children: Vec<Entity> = (0..6_u16).map(|i| world.spawn((position(i), ChildOf(a))).id()).collect();
    let state = state(&world);
    // Two go to another parent, one becomes free, and the list is turned around.
    world.entity_mut(children[1]).insert(ChildOf(b));
    world.entity_mut(children[2]).insert(ChildOf(b));
    world.entity_mut(children[4]).remove::<ChildOf>();
    world.get_mut::<Children>(a).unwrap().sort_unstable_by(|a, b| b.cmp(a));
    let report = check_restore(&mut world, &state);
    assert_eq!(world.get::<Children>(a).unwrap().iter().collect::<Vec<_>>(), children);
    assert!(world.get::<Children>(b).is_none());
    assert_eq!(report.written, 3);
    world.clear_trackers();
    check_restore(&mut world, &state);
    assert!(changed::<Children>(&mut world).is_empty());
}

#[test]
fn children_survive_a_parent_that_goes() {
    let mut world = World::new();
    let home = world.spawn(Label("home".into())).id();
    let child = world.spawn((Player, ChildOf(home))).id();
    let free = world.spawn(position(1)).id();
    let state = state(&world);
    let stranger = world.spawn(Label("stranger".into())).id();
    world.entity_mut(child).insert(ChildOf(stranger));
    world.entity_mut(free).insert(ChildOf(stranger));
    let report = check_restore(&mut world, &state);
    assert!(world.get_entity(child).is_ok() && world.get_entity(free).is_ok());
    assert_eq!((report.spawned, report.despawned), (0, 1));
}

#[test]
fn immutable_components_are_inserted_with_their_hooks() {
    let mut world = World::new();
    let entity = world.spawn((Label("a".into()), PersistId(5))).id();
    let state = state(&world);
    world.remap(PersistId(5), PersistId(6)).unwrap();
    check_restore(&mut world, &state);
    assert_eq!((world.entity_of(PersistId(5)), world.entity_of(PersistId(6))), (Some(entity), None));
    assert_eq!(world.resource::<PersistIndex>().source().to_parts(), [0, 7], "the source never goes back");
}

#[test]
fn entities_are_found_by_their_persist_ids() {
    let mut world = World::new();
    let ids: Vec<PersistId> = (0..10_u16)
        .map(|i| {
            let entity = world.spawn(position(i)).id();
            world.assign_persist_id(entity).unwrap()
        })
        .collect();
    world.spawn(Label("nameless".into()));
    let state = state(&world);
    let kept = world.entity_of(ids[3]).unwrap();
    world.get_mut::<Position>(kept).unwrap().y = 9.0;
    let gone = world.entity_of(ids[4]).unwrap();
    world.despawn(gone);
    let report =
        world.restore_doc(&state.doc, Match::PersistIds, derived(), &SpawnOptions::default()).unwrap();
    // The one without an id can't be found: it is spawned, and what was there goes.
    assert_eq!((report.spawned, report.despawned), (2, 1));
    assert_eq!(world.entity_of(ids[3]), Some(kept));
    assert_eq!(world.get::<Position>(kept), Some(&position(3)));
    assert!(world.entity_of(ids[4]).is_some_and(|entity| entity != gone));
    let (original, entities) = spawned(&state);
    let pairs: Vec<_> = entities.into_iter().zip(report.entities.iter().copied()).collect();
    assert_eq!(original.difference(&world, &pairs, derived()).unwrap(), None);
}

#[test]
fn a_list_of_entities_that_does_not_fit_is_refused() {
    let mut world = crowd();
    let mut state = state(&world);
    let options = SpawnOptions::default();
    let few = &state.entities[1..];
    let error = world.restore_doc(&state.doc, Match::Entities(few), derived(), &options).unwrap_err();
    assert!(matches!(error, Error::Invalid { what: "entities to restore", .. }), "{error}");
    state.entities[0] = state.entities[99];
    let error =
        world.restore_doc(&state.doc, Match::Entities(&state.entities), derived(), &options).unwrap_err();
    assert!(matches!(error, Error::Invalid { what: "entities to restore", .. }), "{error}");
}

#[test]
fn an_error_leaves_the_world_as_it_was() {
    #[derive(Component, Persist, Clone, Copy)]
    #[persist(crate = "keepstone_ecs_persist", name = "test.health", pod)]
    #[repr(C)]
    struct Other {
        current: [u8; 4],
    }
    let mut world = crowd();
    let state = state(&world);
    world.get_mut::<Position>(state.entities[0]).unwrap().x = 50.0;
    let mut other = Registry::default();
    keepstone_bevy::RegistryExt::add::<Position>(&mut other).unwrap();
    keepstone_bevy::RegistryExt::add::<Other>(&mut other).unwrap();
    let mut options = SpawnOptions::default();
    options.unknown = keepstone_bevy::Unknown::Skip;
    world.despawn(state.entities[9]);
    let before = world.entities().count_spawned();
    let error =
        world.restore_doc(&state.doc, Match::Entities(&state.entities), &other, &options).unwrap_err();
    assert!(matches!(&error, Error::Mismatch { name, .. } if name == "test.health"), "{error}");
    assert_eq!(world.entities().count_spawned(), before);
    assert_eq!(world.get::<Position>(state.entities[0]), Some(&position(50)));
}

#[derive(Component, Persist, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[persist(crate = "keepstone_bevy", name = "test.mood", persistent_if = "Self::lasts")]
struct Mood(bool);

impl Mood {
    fn lasts(&self) -> bool {
        self.0
    }
}

#[test]
fn values_that_a_capture_leaves_out_stay_and_others_go() {
    let mut world = World::new();
    let (calm, wild) = (world.spawn((Player, Mood(false))).id(), world.spawn((Player, Mood(false))).id());
    let state = state(&world);
    world.get_mut::<Mood>(wild).unwrap().0 = true;
    let report = check_restore(&mut world, &state);
    assert_eq!((world.get::<Mood>(calm), world.get::<Mood>(wild)), (Some(&Mood(false)), None));
    assert_eq!(report.removed, 1);
}

#[test]
fn what_is_kept_comes_back_with_entities_that_were_despawned() {
    let mut source = World::new();
    source.spawn((Player, Label("known".into())));
    source.spawn((Player, Label("gone".into())));
    let bytes = crate::support::through_bytes(&source.capture(derived()).unwrap());
    let mut registry = Registry::default();
    keepstone_bevy::RegistryExt::add::<Player>(&mut registry).unwrap();
    let (mut world, report) = crate::support::load(&bytes, &registry, false).unwrap();
    let capture = world.capture(&registry).unwrap();
    let entities: Vec<Entity> = capture.entities().collect();
    let doc = capture.doc.into_owned();
    world.despawn(report.entities[1]);
    let mut options = SpawnOptions::default();
    options.unknown = keepstone_bevy::Unknown::Keep;
    let report = world.restore_doc(&doc, Match::Entities(&entities), &registry, &options).unwrap();
    assert_eq!((report.spawned, report.unknown.as_slice()), (1, &[("test.label".to_owned(), 2)][..]));
    let again = crate::support::through_bytes(&world.capture(&registry).unwrap());
    let (mut loaded, _) = crate::support::load(&again, derived(), true).unwrap();
    let mut labels: Vec<&str> =
        loaded.query::<&Label>().iter(&loaded).map(|label| label.0.as_str()).collect();
    labels.sort_unstable();
    assert_eq!(labels, ["gone", "known"]);
}

#[test]
fn rows_are_compared_whatever_order_the_entities_are_in() {
    let mut world = crowd();
    let state = state(&world);
    // Rows move when others go: the tables of the world no longer have the order of the document.
    let Position { x, .. } = *world.get::<Position>(state.entities[1]).unwrap();
    world.despawn(state.entities[0]);
    world.get_mut::<Position>(state.entities[5]).unwrap().y = x + 1.0;
    world.clear_trackers();
    let report = check_restore(&mut world, &state);
    assert_eq!(report.spawned, 1);
    let mut touched = changed::<Position>(&mut world);
    touched.sort_unstable();
    let mut expected = vec![report.entities[0], state.entities[5]];
    expected.sort_unstable();
    assert_eq!(touched, expected);
}

#[test]
fn an_entity_that_was_saved_for_its_children_alone_goes_with_them() {
    let mut world = World::new();
    let child = world.spawn(Player).id();
    let state = state(&world);
    let parent = world.spawn_empty().id();
    world.entity_mut(child).insert(ChildOf(parent));
    let report = check_restore(&mut world, &state);
    assert!(world.get_entity(parent).is_err() && world.get_entity(child).is_ok());
    assert_eq!((report.despawned, report.removed), (1, 1));
}
