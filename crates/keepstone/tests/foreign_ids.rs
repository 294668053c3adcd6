//! The ids that another system gave, through worlds of both ECS and files of every kind.

use std::{collections::BTreeMap, num::NonZeroU32};

use bevy_ecs::component::Component;
use keepstone::{
    Json, LoadOptions, PersistenceManager, SaveOptions, Unknown,
    compat::pecs::{File, PecsRows},
    ecs::{EcsWorld as _, EncodeOptions, ForeignId, SpawnOptions, WorldDoc},
    format::{Limits, Reader},
    prelude::*,
};
use serde::{Deserialize, Serialize};

/// A file of PECS whose components no program here knows, and whose ids are its own.
const PECS: &[u8] = include_bytes!("../../compat/tests/fixtures/pecs/11_format_structs_components.pecs");

#[derive(Component, Persist, Clone, Copy, PartialEq, Debug)]
#[persist(name = "foreign.level", pod)]
#[repr(C)]
struct Level(u32);

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(name = "foreign.note")]
struct Note(String);

/// By its id, how many entities have it and how many bytes their components.
fn entities_of(bytes: &[u8]) -> BTreeMap<u128, (u32, Vec<usize>)> {
    let file = File::read(bytes, &Limits::for_file_len(bytes.len() as u64)).unwrap();
    let mut found: BTreeMap<u128, (u32, Vec<usize>)> = BTreeMap::new();
    for entity in file.entities() {
        let (count, lens) = found.entry(entity.id.0).or_default();
        *count += 1;
        lens.extend(entity.components().map(|component| component.data.len()));
    }
    for (_, lens) in found.values_mut() {
        lens.sort_unstable();
    }
    found
}

fn assert_same(found: &BTreeMap<u128, (u32, Vec<usize>)>, expected: &BTreeMap<u128, (u32, Vec<usize>)>) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
}

fn formats() -> PersistenceManager {
    let mut formats = PersistenceManager::with_default_formats();
    formats.register(PecsRows::new()).unwrap();
    formats
}

fn decoded(bytes: &[u8]) -> WorldDoc<'_> {
    let reader = Reader::open(bytes, Limits::for_file_len(bytes.len() as u64)).unwrap();
    WorldDoc::decode(&reader, 0).unwrap().into_owned()
}

/// The same for both ECS.
macro_rules! tests {
    ($module:ident, $ecs:ident, $world:ty, $mark:ty, |$in:ident, $value:ident| $spawn:expr, |$of:ident, $entity:ident| $get:expr,
     |$with:ident, $to:ident, $id:ident| $set:expr) => {
        mod $module {
            use super::*;

            type World = $world;
            type Mark = $mark;
            type Entity = <World as keepstone::ecs::EcsWorld<Mark>>::Entity;
            type Registry = keepstone::$ecs::Registry;
            type Save = SaveOptions<'static, Registry>;

            fn spawn($in: &mut World, $value: Level) -> Entity {
                $spawn
            }

            fn get($of: &World, $entity: Entity) -> Option<u128> {
                $get
            }

            fn set($with: &mut World, $to: Entity, $id: Option<u128>) {
                $set
            }

            fn ways() -> Vec<Save> {
                let parts = |rows| SaveOptions::default().part_rows(NonZeroU32::new(rows).unwrap());
                vec![
                    SaveOptions::default(),
                    parts(1),
                    parts(3),
                    SaveOptions::default().format(Json),
                    SaveOptions::default().format(PecsRows::new().extended()),
                ]
            }

            fn from() -> LoadOptions<'static, Registry> {
                LoadOptions::default().unknown(Unknown::Keep).formats(formats())
            }

            #[test]
            fn a_file_of_pecs_that_went_through_worlds_and_files_has_its_ids_and_components() {
                let (mut world, report) = World::load_from_with(&mut &*PECS, &from()).unwrap();
                // A component that its entity has twice is left out by whoever reads the file.
                let doc = File::read(PECS, &Limits::for_file_len(PECS.len() as u64))
                    .unwrap()
                    .to_world()
                    .into_owned();
                let expected = entities_of(&PecsRows::new().encode(&doc).unwrap());
                assert_eq!(expected.keys().collect::<Vec<_>>(), entities_of(PECS).keys().collect::<Vec<_>>());
                assert_eq!(expected.len(), 1000);
                for &entity in &report.spawned.entities {
                    assert!(expected.contains_key(&get(&world, entity).unwrap()));
                }
                for way in ways() {
                    let mut bytes = Vec::new();
                    world.save_to_with(&mut bytes, &way).unwrap();
                    world = World::load_from_with(&mut bytes.as_slice(), &from()).unwrap().0;
                    let mut bytes = Vec::new();
                    world.save_to_with(&mut bytes, &SaveOptions::default().format(PecsRows::new())).unwrap();
                    assert_same(&entities_of(&bytes), &expected);
                }
            }

            #[test]
            fn entities_without_an_id_stay_without_one_in_every_file() {
                let mut world = World::new();
                let ids = [None, Some(7), Some(7), None, None, Some(u128::MAX), Some(0), None];
                let entities: Vec<Entity> = (0..8).map(|at| spawn(&mut world, Level(at))).collect();
                for (&entity, &id) in entities.iter().zip(&ids) {
                    set(&mut world, entity, id);
                }
                let registry = <World as keepstone::ecs::EcsWorld<Mark>>::derived_registry().unwrap();
                for way in ways() {
                    let mut bytes = Vec::new();
                    world.save_to_with(&mut bytes, &way).unwrap();
                    let (loaded, report) = World::load_from_with(&mut bytes.as_slice(), &from()).unwrap();
                    let captured: Vec<Entity> = world.capture(registry).unwrap().entities().collect();
                    let pairs: Vec<_> = captured.into_iter().zip(report.spawned.entities).collect();
                    assert_eq!(pairs.len(), 8);
                    assert_eq!(world.difference(&loaded, &pairs, registry).unwrap(), None);
                    for &(before, after) in &pairs {
                        assert_eq!(get(&world, before), get(&loaded, after));
                    }
                }
            }

            #[test]
            fn a_document_has_the_ids_beside_the_entities_and_not_in_a_column() {
                let mut world = World::new();
                let one = spawn(&mut world, Level(1));
                spawn(&mut world, Level(2));
                let registry = <World as keepstone::ecs::EcsWorld<Mark>>::derived_registry().unwrap();
                assert_eq!(world.capture(registry).unwrap().doc.foreign_ids, None);
                set(&mut world, one, Some(9));
                for way in ways().into_iter().take(3) {
                    let mut bytes = Vec::new();
                    world.save_to_with(&mut bytes, &way).unwrap();
                    let doc = decoded(&bytes);
                    assert!(doc.column(ForeignId::COMPONENT).is_none());
                    let ids = doc.foreign_ids.as_deref().unwrap();
                    assert!(ids.contains(&9) && ids.iter().any(|&id| ForeignId(id).is_stand_in()), "{ids:?}");
                }
                // Both at once is no document.
                let mut doc = world.capture(registry).unwrap().doc.into_owned();
                let mut both = doc.foreign_as_column().unwrap().into_owned();
                both.foreign_ids = doc.foreign_ids.take();
                assert!(both.encode(Vec::new(), &EncodeOptions::default()).is_err());
                assert!(World::new().spawn_doc(&both, registry, &SpawnOptions::default()).is_err());
            }

            #[test]
            fn a_restore_gives_ids_back_to_their_entities() {
                let mut world = World::new();
                let entities: Vec<Entity> = (0..4).map(|at| spawn(&mut world, Level(at))).collect();
                for (&entity, id) in entities.iter().zip([Some(5), None, Some(6), None]) {
                    set(&mut world, entity, id);
                }
                let mut before = keepstone::OwnedCapture::default();
                world.capture_into(&mut before, &SaveOptions::default()).unwrap();
                for (&entity, id) in entities.iter().zip([None, Some(8), Some(9), None]) {
                    set(&mut world, entity, id);
                }
                world.restore(&before).unwrap();
                let ids: Vec<Option<u128>> = entities.iter().map(|&entity| get(&world, entity)).collect();
                assert_eq!(ids, [Some(5), None, Some(6), None]);
            }
        }
    };
}

tests!(
    in_bevy,
    bevy,
    bevy_ecs::prelude::World,
    keepstone::bevy::Bevy,
    |world, level| world.spawn((level, Note("bevy".into()))).id(),
    |world, entity| world.get::<keepstone::bevy::ForeignId>(entity).map(|id| id.0),
    |world, entity, id| match id {
        Some(id) => drop(world.entity_mut(entity).insert(keepstone::bevy::ForeignId(id))),
        None => drop(world.entity_mut(entity).remove::<keepstone::bevy::ForeignId>()),
    }
);
tests!(
    in_hecs,
    hecs,
    hecs::World,
    keepstone::hecs::Hecs,
    |world, level| world.spawn((level, Note("hecs".into()))),
    |world, entity| world.get::<&ForeignId>(entity).ok().map(|id| id.0),
    |world, entity, id| match id {
        Some(id) => world.insert_one(entity, ForeignId(id)).unwrap(),
        None => drop(world.remove_one::<ForeignId>(entity)),
    }
);
