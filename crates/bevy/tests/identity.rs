//! Ids that stay with their entities.

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;
use keepstone_bevy::{
    Bevy, EcsWorld, Error, PersistId, PersistIds, PersistIndex, Registry, RegistryExt, SpawnOptions,
};
use keepstone_ecs_persist::{IdConflict, IdSource, SpawnReport};

use crate::support::{Label, check, decode, through_bytes};

fn derived() -> &'static Registry {
    <World as EcsWorld<Bevy>>::derived_registry().unwrap()
}

fn save(world: &World) -> Vec<u8> {
    through_bytes(&world.capture(derived()).unwrap())
}

fn merge(world: &mut World, bytes: &[u8], ids: IdConflict) -> Result<SpawnReport<Entity>, Error> {
    let mut options = SpawnOptions::default();
    options.ids = ids;
    decode(bytes, |doc| world.spawn_doc(doc, derived(), &options))
}

/// Labels by id, after checking the index against the components.
fn labels(world: &mut World) -> BTreeMap<u64, String> {
    let found: BTreeMap<u64, (Entity, String)> = world
        .query::<(Entity, &PersistId, &Label)>()
        .iter(world)
        .map(|(entity, id, label)| (id.0, (entity, label.0.clone())))
        .collect();
    let indexed: BTreeMap<u64, Entity> = world.persist_ids().map(|(id, entity)| (id.0, entity)).collect();
    assert_eq!(indexed, found.iter().map(|(&id, &(entity, _))| (id, entity)).collect());
    assert_eq!(indexed.len(), world.resource::<PersistIndex>().len());
    found.into_iter().map(|(id, (_, label))| (id, label)).collect()
}

fn named(count: usize) -> World {
    let mut world = World::new();
    for i in 0..count {
        let entity = world.spawn(Label(i.to_string())).id();
        world.assign_persist_id(entity).unwrap();
    }
    world
}

#[test]
fn an_entity_keeps_the_id_that_it_was_given() {
    let mut world = World::new();
    let (a, b) = (world.spawn(Label("a".into())).id(), world.spawn_empty().id());
    let id = world.assign_persist_id(a).unwrap();
    assert_eq!(world.assign_persist_id(a), Some(id));
    let other = world.assign_persist_id(b).unwrap();
    assert!(other > id && world.entity_of(id) == Some(a) && world.entity_of(other) == Some(b));
    assert_eq!((world.persist_id(a), world.persist_id(b)), (Some(id), Some(other)));
    world.despawn(a);
    assert_eq!(world.entity_of(id), None);
    assert_eq!(world.assign_persist_id(a), None, "an entity that is gone gets none");
    world.entity_mut(b).remove::<PersistId>();
    assert_eq!(world.entity_of(other), None);
    assert_eq!(world.resource::<PersistIndex>().len(), 0);
}

#[test]
fn an_id_that_was_given_elsewhere_is_never_handed_out() {
    let mut world = World::new();
    let entity = world.spawn_with_id(PersistId(500), Label("given".into())).unwrap();
    let error = world.spawn_with_id(PersistId(500), ()).unwrap_err();
    assert!(matches!(error, Error::DuplicateId { id, .. } if id.0 == 500), "{error}");
    let next = world.spawn_empty().id();
    assert_eq!(world.assign_persist_id(next), Some(PersistId(501)));
    assert_eq!(world.entity_of(PersistId(500)), Some(entity));
}

#[test]
fn one_id_can_be_exchanged_for_another() {
    let mut world = World::new();
    let entity = world.spawn_with_id(PersistId(1), ()).unwrap();
    world.spawn_with_id(PersistId(2), ()).unwrap();
    assert!(matches!(world.remap(PersistId(1), PersistId(2)), Err(Error::DuplicateId { .. })));
    assert!(world.remap(PersistId(1), PersistId(9)).unwrap());
    assert!(!world.remap(PersistId(1), PersistId(10)).unwrap());
    assert_eq!((world.entity_of(PersistId(9)), world.entity_of(PersistId(1))), (Some(entity), None));
}

#[test]
fn a_clone_of_an_entity_has_no_id() {
    let mut world = World::new();
    let entity = world.spawn_with_id(PersistId(7), Label("a".into())).unwrap();
    let clone = world.entity_mut(entity).clone_and_spawn();
    assert_eq!((world.persist_id(clone), world.entity_of(PersistId(7))), (None, Some(entity)));
}

#[test]
fn ids_and_their_source_come_back() {
    let mut world = named(10);
    let gone = world.entity_of(PersistId(10)).unwrap();
    world.despawn(gone);
    let (mut loaded, _) = check(&world);
    assert_eq!(labels(&mut loaded), labels(&mut world));
    let next = loaded.spawn_empty().id();
    assert_eq!(loaded.assign_persist_id(next), Some(PersistId(11)), "an id is not handed out twice");
}

#[test]
fn a_load_never_turns_the_source_back() {
    let (small, mut large) = (save(&named(2)), named(0));
    large.init_resource::<PersistIndex>();
    large.resource_mut::<PersistIndex>().set_source(IdSource::from_parts([0, 900]));
    merge(&mut large, &small, IdConflict::Refuse).unwrap();
    assert_eq!(large.resource::<PersistIndex>().source().to_parts(), [0, 900]);
}

#[test]
fn a_conflict_is_refused_before_anything_is_spawned() {
    let (bytes, mut world) = (save(&named(5)), World::new());
    world.spawn_with_id(PersistId(3), Label("mine".into())).unwrap();
    let before = world.entities().count_spawned();
    let error = merge(&mut world, &bytes, IdConflict::Refuse).unwrap_err();
    assert!(matches!(error, Error::DuplicateId { id, .. } if id.0 == 3), "{error}");
    assert_eq!(world.entities().count_spawned(), before);
    assert_eq!(labels(&mut world).len(), 1);
}

#[test]
fn a_conflict_can_give_the_newcomer_a_new_id() {
    let (bytes, mut world) = (save(&named(5)), World::new());
    world.spawn_with_id(PersistId(3), Label("mine".into())).unwrap();
    let report = merge(&mut world, &bytes, IdConflict::Remap).unwrap();
    assert_eq!(report.remapped, [(PersistId(3).into(), PersistId(6).into())]);
    let labels = labels(&mut world);
    assert_eq!((labels[&3].as_str(), labels[&6].as_str(), labels.len()), ("mine", "2", 6));
}

#[test]
fn a_conflict_can_replace_what_was_there() {
    let (bytes, mut world) = (save(&named(5)), World::new());
    world.spawn_with_id(PersistId(3), Label("mine".into())).unwrap();
    let report = merge(&mut world, &bytes, IdConflict::Replace).unwrap();
    assert_eq!((report.replaced, report.remapped.len()), (1, 0));
    let labels = labels(&mut world);
    assert_eq!((labels[&3].as_str(), labels.len()), ("2", 5));
}

#[test]
fn one_id_twice_in_a_file_is_refused() {
    let mut world = named(3);
    // Nobody stops a program from giving an id twice by hand.
    world.spawn((Label("twin".into()), PersistId(1)));
    let error = merge(&mut World::new(), &save(&world), IdConflict::Replace).unwrap_err();
    assert!(matches!(error, Error::DuplicateId { id, place: "in the file" } if id.0 == 1), "{error}");
}

#[test]
fn hooks_of_a_load_find_entities_by_their_ids() {
    let bytes = save(&named(4));
    let mut world = World::new();
    world.init_resource::<Seen>();
    world.add_observer(|added: On<Insert<PersistId>>, ids: Query<&PersistId>, mut seen: ResMut<Seen>| {
        seen.0.push((*ids.get(added.entity).unwrap(), added.entity));
    });
    let report = merge(&mut world, &bytes, IdConflict::Refuse).unwrap();
    let seen = world.resource::<Seen>().0.clone();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|&(id, entity)| world.entity_of(id) == Some(entity)));
    assert!(seen.iter().zip(&report.entities).all(|(&(_, entity), spawned)| entity == *spawned));
}

#[derive(Resource, Default)]
struct Seen(Vec<(PersistId, Entity)>);

#[test]
fn a_registry_of_ones_own_has_ids_with_the_builtins() {
    let mut registry = Registry::default();
    registry.add_builtins().unwrap();
    registry.add::<Label>().unwrap();
    let world = named(2);
    let bytes = through_bytes(&world.capture(&registry).unwrap());
    let mut loaded = World::new();
    decode(&bytes, |doc| loaded.spawn_doc(doc, &registry, &SpawnOptions::default())).unwrap();
    assert_eq!(labels(&mut loaded).len(), 2);
}
