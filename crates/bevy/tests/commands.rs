//! Loads that are queued.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use bevy_ecs::{
    error::{BevyError, ErrorContext, FallbackErrorHandler},
    prelude::*,
    system::RunSystemOnce,
};
use keepstone_bevy::{Bevy, CommandsExt, EcsWorld, Error, Registry, SpawnDoc, SpawnOptions, WorldLoaded};
use keepstone_ecs_persist::WorldDoc;

use crate::support::{Label, Player};

fn doc() -> WorldDoc<'static> {
    let mut world = World::new();
    world.spawn_batch([Label("a".into()), Label("b".into())]);
    let registry = <World as EcsWorld<Bevy>>::derived_registry().unwrap();
    world.capture(registry).unwrap().doc.into_owned()
}

#[test]
fn a_queued_load_tells_observers_what_it_spawned() {
    let mut world = World::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    world.add_observer(move |loaded: On<WorldLoaded>, labels: Query<&Label>| {
        assert_eq!(labels.iter().count(), 2, "all of it is there");
        sink.lock().unwrap().extend_from_slice(&loaded.report.entities);
    });
    let load = |mut commands: Commands| commands.spawn_doc(doc(), SpawnOptions::default());
    world.run_system_once(load).unwrap();
    let mut labels = world.query_filtered::<Entity, With<Label>>();
    assert_eq!(*seen.lock().unwrap(), labels.iter(&world).collect::<Vec<_>>());
}

#[test]
fn the_error_of_a_queued_load_reaches_the_error_handler() {
    static HANDLED: AtomicUsize = AtomicUsize::new(0);
    #[expect(clippy::needless_pass_by_value, reason = "the signature of a handler")]
    fn handle(error: BevyError, _: ErrorContext) {
        assert!(error.to_string().contains("test.label"), "{error}");
        HANDLED.fetch_add(1, Ordering::Relaxed);
    }
    let mut world = World::new();
    world.insert_resource(FallbackErrorHandler(handle));
    let registry = Arc::new(Registry::default());
    world
        .run_system_once(move |mut commands: Commands| {
            commands.spawn_doc_with(doc(), registry.clone(), SpawnOptions::default());
        })
        .unwrap();
    assert_eq!(HANDLED.load(Ordering::Relaxed), 1);
    assert_eq!(world.query::<&Label>().iter(&world).count(), 0);
}

#[test]
fn a_function_can_answer_for_report_and_error() {
    let mut world = World::new();
    world.add_observer(|_: On<WorldLoaded>| panic!("the function answers alone"));
    let good = SpawnDoc::new(doc(), SpawnOptions::default()).then(|world, result| {
        let first = result.unwrap().entities[0];
        world.entity_mut(first).insert(Player);
    });
    let bad = SpawnDoc::new(doc(), SpawnOptions::default()).registry(Arc::default()).then(|_, result| {
        assert!(matches!(result, Err(Error::UnknownComponent { .. })));
    });
    world.commands().queue(good);
    world.commands().queue(bad);
    world.flush();
    assert_eq!(world.query::<(&Label, &Player)>().iter(&world).count(), 1);
}
