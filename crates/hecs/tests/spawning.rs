//! Nothing of a file is in the world before all of it is decoded.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hecs::{Entity, World};
use keepstone_hecs::{EcsWorld, Error, Persist, SpawnOptions};
use serde::{Deserialize, Deserializer, Serialize};

use crate::support::{
    Friends, Label, Player, check, check_into, full, keeping, little, load_into, saved, strict,
};

/// Loads what it was saved as, unless that is one of two numbers.
#[derive(Persist, Serialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_hecs", name = "test.touchy")]
struct Touchy(u32);

const FAILS: u32 = 13;
const PANICS: u32 = 14;

impl<'de> Deserialize<'de> for Touchy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "Touchy")]
        struct Raw(u32);

        let raw = Raw::deserialize(deserializer)?;
        assert!(raw.0 != PANICS, "panics on purpose");
        if raw.0 == FAILS { Err(serde::de::Error::custom("fails on purpose")) } else { Ok(Self(raw.0)) }
    }
}

/// A world with a past: free ids, and entities of its own.
fn target() -> World {
    let mut world = World::new();
    let ids: Vec<Entity> = (0..9).map(|i| world.spawn((Label(format!("old {i}")),))).collect();
    for i in [2, 7, 4] {
        world.despawn(ids[i]).unwrap();
    }
    world.spawn((Friends(vec![Some(ids[0])]),));
    world
}

fn state(world: &World) -> (Vec<Entity>, Vec<Entity>, Vec<u8>) {
    let mut alive: Vec<Entity> = world.iter().map(|entity| entity.entity()).collect();
    alive.sort_unstable();
    (alive, world.freelist().collect(), saved(world, full()))
}

/// A file whose last row is this number. A debug build reads back what it writes, so the number is put in afterwards.
fn file(number: u32) -> Vec<u8> {
    let mut source = World::new();
    let a = source.spawn((Label("a".into()), Touchy(1)));
    source.spawn((Friends(vec![Some(a)]), Player));
    source.spawn((Touchy(2),));
    let mut capture = source.capture(full()).unwrap();
    let column = capture.doc.columns.iter_mut().find(|column| column.schema.name == "test.touchy").unwrap();
    let keepstone_ecs_persist::ColumnData::Rows { data, .. } = &mut column.data else { panic!() };
    *data.to_mut().last_mut().unwrap() = u8::try_from(number).unwrap();
    crate::support::through_bytes(&capture)
}

#[test]
fn a_deserialize_that_panics_leaves_the_world_as_it_was() {
    let mut world = target();
    let before = state(&world);
    let bytes = file(PANICS);
    let result =
        catch_unwind(AssertUnwindSafe(|| load_into(&mut world, &bytes, full(), &strict()).map(|_| ())));
    assert!(result.is_err());
    assert_eq!(state(&world), before);
    check_into(&target(), &mut world);
}

#[test]
fn a_deserialize_that_fails_leaves_the_world_as_it_was() {
    let mut world = target();
    let before = state(&world);
    let error = load_into(&mut world, &file(FAILS), full(), &strict()).unwrap_err();
    assert!(matches!(error, Error::Value { ref component, .. } if component == "test.touchy"), "{error}");
    assert_eq!(state(&world), before);
    let error = load_into(&mut world, &file(3), &little(), &strict()).unwrap_err();
    assert!(matches!(error, Error::UnknownComponent { .. }), "{error}");
    assert_eq!(state(&world), before);
    load_into(&mut world, &file(3), full(), &strict()).unwrap();
    assert_eq!(world.query::<&Touchy>().iter().map(|touchy| touchy.0).sum::<u32>(), 1 + 3);
}

/// A world whose free list names an id that was never given, which hecs's contract forbids: ids below it are lost, and new ones
/// come after it.
fn deranged() -> World {
    let mut world = World::new();
    world.spawn((Label("old".into()),));
    world.set_freelist(&[Entity::from_bits((1 << 32) + 10).unwrap()]);
    world
}

#[test]
fn references_are_right_when_hecs_gives_other_ids_than_its_free_list_says() {
    let mut world = deranged();
    let mut source = World::new();
    let ids: Vec<Entity> = (0..6).map(|i| source.spawn((Label(i.to_string()),))).collect();
    for (i, &id) in ids.iter().enumerate() {
        source.insert_one(id, Friends(vec![Some(ids[(i + 1) % 6])])).unwrap();
        if i % 2 == 0 {
            source.insert_one(id, Player).unwrap();
        }
    }
    let report = check_into(&source, &mut world);
    // This is the case that was meant: without the free list's word these would be 1, 2 and so on.
    assert!(report.entities.iter().all(|entity| entity.id() >= 10), "{:?}", report.entities);
    check(&world);
    // What was put in the way is gone.
    let before = world.len();
    world.spawn((Player,));
    assert_eq!(world.len(), before + 1);
}

#[test]
fn a_failure_after_hecs_gave_other_ids_leaves_no_entity() {
    for number in [FAILS, PANICS] {
        let mut world = deranged();
        let bytes = file(number);
        let result =
            catch_unwind(AssertUnwindSafe(|| load_into(&mut world, &bytes, full(), &strict()).is_ok()));
        assert_ne!(result.ok(), Some(true));
        assert_eq!(world.len(), 1);
    }
}

#[test]
fn kept_values_are_right_when_hecs_gives_other_ids_than_its_free_list_says() {
    let mut source = World::new();
    let a = source.spawn((Label("a".into()), Player));
    source.spawn((Friends(vec![Some(a), None]), Label("b".into())));
    let mut world = deranged();
    load_into(&mut world, &saved(&source, full()), &little(), &keeping()).unwrap();
    let mut back = World::new();
    load_into(&mut back, &saved(&world, &little()), full(), &SpawnOptions::default()).unwrap();
    let (friends, label) =
        back.query::<(&Friends, &Label)>().iter().next().map(|(f, l)| (f.clone(), l.clone())).unwrap();
    assert_eq!((label.0.as_str(), friends.0[1]), ("b", None));
    assert_eq!(back.get::<&Label>(friends.0[0].unwrap()).unwrap().0, "a");
}

#[test]
fn a_codec_that_decodes_too_few_rows_is_an_error() {
    use keepstone_ecs_persist::{AsSerde, Codec, Column, ColumnData, Encoding, Runs};
    use keepstone_hecs::{Registry, RegistryExt};
    use keepstone_value::{Entities, Resolve};

    struct Lossy;
    impl Codec<Label> for Lossy {
        fn capture<'w>(
            rows: Runs<'w, Label>,
            entities: &mut dyn Entities,
        ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
            AsSerde::capture(rows, entities)
        }

        fn decode(column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<Label>, Error> {
            let mut decoded = AsSerde::decode(column, rows, entities)?;
            decoded.pop();
            Ok(decoded)
        }
    }

    let mut registry = Registry::default();
    registry.add_as::<Label, Lossy>("test.label", 1).unwrap();
    let mut world = target();
    let before = state(&world);
    let error = load_into(&mut world, &saved(&target(), &registry), &registry, &strict()).unwrap_err();
    assert!(matches!(error, Error::Invalid { what: "rows that a codec decoded", .. }), "{error}");
    assert_eq!(state(&world), before);
}

#[test]
fn columns_of_several_chunks_are_cut_where_tables_end() {
    // Rows of 12 bytes don't fill a chunk of 1 MiB, so one of them lies in two.
    let position = |x: u16| crate::support::Position { x: f32::from(x), y: f32::from(x % 7), z: 0.5 };
    let mut source = World::new();
    for round in 0..3_u16 {
        source.spawn_batch((0..30_000).map(|i| (position(i + round),))).for_each(drop);
        source.spawn_batch((0..30_000).map(|i| (position(i * 2 % 501 + round), Player))).for_each(drop);
    }
    let mut world = target();
    let report = load_into(&mut world, &saved(&source, full()), full(), &strict()).unwrap();
    assert_eq!((report.entities.len(), report.values), (180_000, 180_000 + 90_000));
    let all =
        |world: &World, of: &mut dyn Iterator<Item = Entity>| -> Vec<(crate::support::Position, bool)> {
            let view = world.view::<(&crate::support::Position, hecs::Satisfies<&Player>)>();
            of.map(|entity| view.get(entity).map(|(position, player)| (*position, player)).unwrap()).collect()
        };
    let capture = source.capture(full()).unwrap();
    let expected = all(&source, &mut capture.entities());
    assert!(expected == all(&world, &mut report.entities.into_iter()));
    assert!(expected.iter().any(|(_, player)| *player) && expected[40_000].0 != expected[0].0);
}

#[test]
fn a_codec_that_decodes_too_few_plain_rows_of_a_long_column_is_an_error() {
    use keepstone_ecs_persist::{AsPlain, Codec, Column, ColumnData, Encoding, Runs};
    use keepstone_hecs::{Registry, RegistryExt};
    use keepstone_value::{Entities, Resolve};

    struct Lossy;
    impl Codec<u64> for Lossy {
        fn capture<'w>(
            rows: Runs<'w, u64>,
            entities: &mut dyn Entities,
        ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
            AsPlain::capture(rows, entities)
        }

        fn decode(column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<u64>, Error> {
            let mut decoded = AsPlain::decode(column, rows, entities)?;
            if decoded.contains(&99_999) {
                decoded.pop();
            }
            Ok(decoded)
        }
    }

    let mut registry = Registry::default();
    registry.add_as::<u64, Lossy>("test.number", 1).unwrap();
    let mut source = World::new();
    source.spawn_batch((0..100_000_u64).map(|number| (number,))).for_each(drop);
    let mut world = target();
    let before = state(&world);
    let error = load_into(&mut world, &saved(&source, &registry), &registry, &strict()).unwrap_err();
    assert!(matches!(error, Error::Invalid { what: "rows that a codec decoded", .. }), "{error}");
    assert_eq!(state(&world), before);
}
