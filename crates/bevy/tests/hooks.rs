//! Hooks and observers that run while a world is loaded.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use bevy_ecs::{lifecycle::HookContext, prelude::*, world::DeferredWorld};
use keepstone_bevy::{Bevy, EcsWorld, Persist, SpawnOptions};
use serde::{Deserialize, Serialize};

use crate::support::{Label, check, decode, through_bytes};

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[component(on_add = explode)]
#[persist(crate = "keepstone_bevy", name = "test.fuse")]
struct Fuse(String);

fn explode(_: DeferredWorld<'_>, _: HookContext) {
    assert!(!ARMED.get(), "the hook panics");
}

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[component(on_insert = greet)]
#[persist(crate = "keepstone_bevy", name = "test.greets")]
struct Greets(Entity);

#[expect(clippy::needless_pass_by_value, reason = "the signature of a hook")]
fn greet(world: DeferredWorld<'_>, context: HookContext) {
    let whom = world.get::<Greets>(context.entity).unwrap().0;
    assert!(world.get_entity(whom).is_ok(), "what a component refers to is there when its hook runs");
}

#[test]
fn hooks_find_the_entities_that_their_component_names() {
    let mut world = World::new();
    let ids: Vec<Entity> = (0..10).map(|i| world.spawn(Label(i.to_string())).id()).collect();
    for (i, &id) in ids.iter().enumerate() {
        world.entity_mut(id).insert(Greets(ids[(i + 7) % 10]));
    }
    check(&world);
}

#[test]
fn a_load_after_a_hook_that_panicked_inserts_whole_values() {
    // A hook panicked once during a load. bevy 0.20 loses its cached list of storages then, and every later insertion of the same components
    // through it wrote nothing while the entity claimed to have them.
    let mut source = World::new();
    source.spawn((Fuse("short".into()), Label("a".into())));
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    let bytes = through_bytes(&source.capture(registry).unwrap());
    let mut target = World::new();
    let load =
        |target: &mut World| decode(&bytes, |doc| target.spawn_doc(doc, registry, &SpawnOptions::default()));
    ARMED.set(true);
    let panicked = catch_unwind(AssertUnwindSafe(|| load(&mut target)));
    ARMED.set(false);
    assert!(panicked.is_err());
    let report = load(&mut target).unwrap();
    let loaded = report.entities[0];
    assert_eq!(target.get::<Fuse>(loaded), Some(&Fuse("short".into())));
    assert_eq!(target.get::<Label>(loaded), Some(&Label("a".into())));
}

#[test]
fn a_hook_that_swaps_the_world_stops_the_load() {
    #[derive(Component, Persist, Clone, Copy)]
    #[component(on_insert = swap)]
    #[persist(crate = "keepstone_ecs_persist", name = "test.swap", pod)]
    #[repr(C)]
    struct Swap(u64);
    fn swap(mut world: DeferredWorld<'_>, _: HookContext) {
        world.commands().queue(|world: &mut World| {
            if ARMED.get() {
                *world = World::new();
            }
        });
    }
    let mut registry = keepstone_bevy::Registry::default();
    keepstone_bevy::RegistryExt::add::<Swap>(&mut registry).unwrap();
    let mut source = World::new();
    source.spawn_batch([Swap(1), Swap(2)]);
    let capture = source.capture(&registry).unwrap();
    ARMED.set(true);
    let stopped = catch_unwind(AssertUnwindSafe(|| {
        World::new().spawn_doc(&capture.doc, &registry, &SpawnOptions::default()).map(drop)
    }));
    ARMED.set(false);
    assert!(stopped.is_err());
}
