//! The memory of worlds in parts.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "what was measured is worth knowing when it changes")]

use bevy_ecs::prelude::*;
use keepstone::{
    Persist,
    ecs::{EcsWorld, Error, PartSink, PartSource, Schema, SpawnOptions, WorldPart},
    hecs::Relationship,
};
use keepstone_benches::alloc;
use serde::{Deserialize, Serialize};

use crate::ALONE;

const FEW: u32 = 70_000;
const MANY: u32 = 4 * FEW;
/// Both worlds have more than the 32 parts whose ranks are worked out at once.
const PART_ROWS: u32 = 1_024;
/// What may come and go by chance: less than a byte for each entity that the one world has more. Rows of serde differ in length, and
/// vectors grow by doubling.
const SLACK: usize = 64 << 10;

/// Takes parts and drops them.
struct Nowhere {
    parts: u32,
    ranked: u32,
}

impl PartSink for Nowhere {
    fn begin(&mut self, _: Schema, _: u32) -> Result<(), Error> {
        Ok(())
    }

    fn part(&mut self, part: &WorldPart<'_>) -> Result<(), Error> {
        use keepstone::ecs::ColumnData::References;
        part.check()?;
        self.parts += 1;
        self.ranked += u32::from(
            part.doc.columns.iter().any(|column| matches!(column.data, References { ranks: Some(_), .. })),
        );
        Ok(())
    }
}

/// The peak of a capture beside its world, in bytes; whether rows have ranks, or there are references at all, is up to the world.
fn peak<M, W: EcsWorld<M>>(world: &W, is_ranked: bool) -> usize {
    let registry = W::derived_registry().unwrap();
    let mut sink = Nowhere { parts: 0, ranked: 0 };
    let (result, heap) = alloc::heap(|| world.capture_parts(registry, PART_ROWS, &mut sink));
    result.unwrap();
    assert!(sink.parts > 64 && (sink.ranked > 0) == is_ranked, "{} of {}", sink.ranked, sink.parts);
    heap.peak
}

/// Bytes for each entity that the one world has more.
fn each_of(few: usize, many: usize) -> f64 {
    let bytes = |bytes: usize| f64::from(u32::try_from(bytes).unwrap());
    (bytes(many) - bytes(few)) / f64::from(MANY - FEW)
}

/// Measures a world of few and one of many entities, and returns what each took.
fn per_entity<M, W: EcsWorld<M>>(name: &str, is_ranked: bool, build: impl Fn(u32) -> W) -> (usize, usize) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let few = peak(&build(FEW), is_ranked);
    let many = peak(&build(MANY), is_ranked);
    let each = each_of(few, many);
    println!("{name}: {few} bytes beside {FEW} entities, {many} beside {MANY}: {each:.3} an entity");
    (few, many)
}

#[derive(Component, Persist, Clone, Copy)]
#[persist(name = "heap.place", pod)]
#[repr(C)]
struct Place(f32, f32);

#[derive(Component, Persist, Serialize, Deserialize, Clone)]
#[persist(name = "heap.label")]
struct Label(Option<u32>);

#[derive(Component, Persist, Clone, Copy)]
#[persist(name = "heap.marked")]
#[component(storage = "SparseSet")]
struct Marked;

/// Half of all entities have one parent, the others one of many, and no list has the order of the entities.
fn bevy_world(entities: u32) -> World {
    let mut world = World::new();
    let root = world.spawn(Place(0.0, 0.0)).id();
    let mut parent = root;
    let mut doomed = Vec::new();
    for at in 0..entities {
        if at % 40 == 0 {
            parent = world.spawn(Place(1.0, 0.0)).id();
        }
        let own = if at % 2 == 0 { root } else { parent };
        let entity = world.spawn((Place(2.0, 0.0), Label((at % 5 == 0).then_some(at)), ChildOf(own))).id();
        if at % 3 == 0 {
            // Archetypes that share a table.
            world.entity_mut(entity).insert(Marked);
        }
        if at < 8 {
            doomed.push(entity);
        }
    }
    // The last rows move to the place of those that go.
    for entity in doomed {
        assert!(world.despawn(entity));
    }
    world
}

#[test]
fn a_capture_of_bevy_in_parts_takes_the_same_memory_for_four_times_as_many_entities() {
    let (few, many) = per_entity("bevy", true, bevy_world);
    assert!(many < few + SLACK, "{few} bytes, then {many}");
}

#[derive(Persist, Clone, Copy)]
#[persist(crate = "keepstone::hecs", name = "heap.hecs_place", pod)]
#[repr(C)]
struct At(f32, f32);

#[derive(Persist, Clone, Copy)]
#[persist(crate = "keepstone::hecs", name = "heap.hecs_parent", relationship)]
struct Parent(hecs::Entity, u32);

#[derive(Persist, Serialize, Deserialize, Clone, Copy)]
#[persist(crate = "keepstone::hecs", name = "heap.hecs_mark")]
struct Mark;

impl Relationship for Parent {
    fn new(target: hecs::Entity, place: u32) -> Self {
        Self(target, place)
    }

    fn target(&self) -> hecs::Entity {
        self.0
    }

    fn place(&self) -> u32 {
        self.1
    }
}

/// As [`bevy_world`]; the places of children descend.
fn hecs_world(entities: u32) -> hecs::World {
    let mut world = hecs::World::new();
    let root = world.spawn((At(0.0, 0.0),));
    let mut parent = root;
    for at in 0..entities {
        if at % 40 == 0 {
            parent = world.spawn((At(1.0, 0.0), Mark));
        }
        let own = Parent(if at % 2 == 0 { root } else { parent }, 3 * (entities - at));
        if at % 3 == 0 {
            world.spawn((At(2.0, 0.0), own, Mark));
        } else {
            world.spawn((At(2.0, 0.0), own));
        }
    }
    world
}

#[test]
fn a_capture_of_hecs_in_parts_takes_the_same_memory_for_four_times_as_many_entities() {
    let (few, many) = per_entity("hecs", true, hecs_world);
    assert!(many < few + SLACK, "{few} bytes, then {many}");
}

/// Nothing but markers: no value lies anywhere, so an entity is found by a list of ids.
#[test]
fn entities_of_hecs_without_a_value_take_four_bytes_a_slot() {
    let (few, many) = per_entity("hecs, markers alone", false, |entities| {
        let mut world = hecs::World::new();
        for _ in 0..entities {
            world.spawn((Mark,));
        }
        world
    });
    assert!(many < few + 4 * (MANY - FEW) as usize + SLACK, "{few} bytes, then {many}");
}

/// Parts in front of a loader, made when they are asked for.
struct Made<'w> {
    parts: std::vec::IntoIter<&'w WorldPart<'static>>,
}

impl PartSource for Made<'_> {
    fn next_part(&mut self) -> Result<Option<WorldPart<'static>>, Error> {
        Ok(self.parts.next().cloned())
    }
}

struct Kept(Vec<WorldPart<'static>>);

impl PartSink for Kept {
    fn begin(&mut self, _: Schema, _: u32) -> Result<(), Error> {
        Ok(())
    }

    fn part(&mut self, part: &WorldPart<'_>) -> Result<(), Error> {
        self.0.push(WorldPart::new(part.doc.clone().into_owned(), part.first, part.total));
        Ok(())
    }
}

/// What a load holds beside the world at its peak, in bytes an entity: the world and the report's ids stay.
fn of_load<M, W: EcsWorld<M> + Default>(name: &str, build: impl Fn(u32) -> W) -> f64 {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let registry = W::derived_registry().unwrap();
    let load = |entities: u32| {
        let mut parts = Kept(Vec::new());
        build(entities).capture_parts(registry, PART_ROWS, &mut parts).unwrap();
        let (loaded, heap) = alloc::heap(|| {
            let mut world = W::default();
            let mut parts = Made { parts: parts.0.iter().collect::<Vec<_>>().into_iter() };
            let report = world.spawn_parts(&mut parts, registry, &SpawnOptions::default()).unwrap();
            (world, report)
        });
        drop(loaded);
        heap.peak - heap.stays
    };
    let (few, many) = (load(FEW), load(MANY));
    let each = each_of(few, many);
    println!("{name}: a load takes {few} bytes, then {many}: {each:.3} an entity");
    each
}

/// Twelve bytes a row that waits for its place in a list, in a vector that doubles; and bevy's tables, which it copies when they grow.
#[test]
fn a_load_of_bevy_holds_rows_of_relationships_that_have_an_order() {
    let each = of_load("bevy", bevy_world);
    assert!(each < 40.0, "{each}");
}

/// hecs's archetypes, which it copies when they grow.
#[test]
fn a_load_of_hecs_holds_nothing_of_rows_that_say_their_place() {
    let each = of_load("hecs", hecs_world);
    assert!(each < 16.0, "{each}");
}
