//! Documents that are spawned when a command buffer is run.

use hecs::{CommandBuffer, Entity, World};
use keepstone_ecs_persist::IdConflict;
use keepstone_hecs::{EcsWorld, Error, PersistIds, Registry, SpawnOptions, spawn_doc_queued};
use proptest::prelude::*;

use crate::{
    random::{build, indices, recipes},
    support::{Friends, Label, Player, decode, full, keeping, little, load, saved, strict},
};

fn queue(
    buffer: &mut CommandBuffer,
    world: &World,
    bytes: &[u8],
    registry: &Registry,
    options: &SpawnOptions,
) -> Result<Vec<Entity>, Error> {
    decode(bytes, |doc| spawn_doc_queued(buffer, world, doc, registry, options)).map(|report| report.entities)
}

#[test]
fn nothing_appears_until_the_buffer_is_run() {
    let mut source = World::new();
    let a = source.spawn((Label("a".into()),));
    source.spawn((Friends(vec![Some(a)]), Player));
    let mut world = World::new();
    world.spawn((Label("old".into()),));
    let mut buffer = CommandBuffer::new();
    let entities = queue(&mut buffer, &world, &saved(&source, full()), full(), &strict()).unwrap();
    assert_eq!((world.len(), world.iter().count(), entities.len()), (1, 1, 2));
    buffer.run_on(&mut world);
    assert_eq!(world.len(), 3);
    let friends = world.query::<(&Friends, &Player)>().iter().next().unwrap().0.clone();
    assert_eq!(world.get::<&Label>(friends.0[0].unwrap()).unwrap().0, "a");
    assert!(entities.iter().all(|&entity| world.contains(entity)));
}

#[test]
fn what_is_kept_is_queued_too() {
    let mut source = World::new();
    let a = source.spawn((Label("a".into()), Player));
    source.spawn((Friends(vec![Some(a), None]), Label("b".into())));
    source.assign_persist_id(a).unwrap();
    let mut world = World::new();
    let mut buffer = CommandBuffer::new();
    queue(&mut buffer, &world, &saved(&source, full()), &little(), &keeping()).unwrap();
    assert_eq!(world.len(), 0);
    buffer.run_on(&mut world);
    let (back, _) = load(&saved(&world, &little()), full(), &strict()).unwrap();
    let friends = back.query::<&Friends>().iter().next().unwrap().clone();
    assert_eq!(back.get::<&Label>(friends.0[0].unwrap()).unwrap().0, "a");
    assert_eq!(back.id_source(), source.id_source());
}

#[test]
fn ids_are_decided_about_when_the_load_is_recorded() {
    let mut source = World::new();
    let a = source.spawn((Label("new".into()),));
    let id = source.assign_persist_id(a).unwrap();
    let bytes = saved(&source, full());
    let mut world = World::new();
    let old = world.spawn((Label("old".into()),));
    assert_eq!(world.assign_persist_id(old), Some(id));
    let mut buffer = CommandBuffer::new();
    let error = queue(&mut buffer, &world, &bytes, full(), &strict()).unwrap_err();
    assert!(matches!(error, Error::DuplicateId { .. }), "{error}");
    buffer.run_on(&mut world);
    assert_eq!(world.len(), 2, "what is refused reserves nothing");
    let mut options = strict();
    options.ids = IdConflict::Replace;
    queue(&mut buffer, &world, &bytes, full(), &options).unwrap();
    assert!(world.contains(old));
    buffer.run_on(&mut world);
    assert!(!world.contains(old));
    assert_eq!(world.get::<&Label>(world.entity_of(id).unwrap()).unwrap().0, "new");
}

#[test]
fn a_value_that_cannot_be_decoded_leaves_no_entity_behind() {
    let mut source = World::new();
    source.spawn((Label("a".into()),));
    let mut capture = source.capture(full()).unwrap();
    let keepstone_ecs_persist::ColumnData::Rows { data, .. } = &mut capture.doc.columns[0].data else {
        panic!()
    };
    *data.to_mut().last_mut().unwrap() = 0xff;
    let mut world = World::new();
    let mut buffer = CommandBuffer::new();
    let error = spawn_doc_queued(&mut buffer, &world, &capture.doc, full(), &strict()).unwrap_err();
    assert!(matches!(error, Error::Value { .. }), "{error}");
    buffer.run_on(&mut world);
    world.flush();
    assert_eq!(world.len(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn any_world_comes_back_through_a_buffer(
        (recipes, despawn) in (recipes(30), indices(10)),
        (others, gone, reserved) in (recipes(10), indices(10), 0..3_u32),
    ) {
        let source = build(&recipes, &despawn);
        let capture = source.capture(full()).unwrap();
        let (mut whole, mut target) = (World::new(), build(&others, &gone));
        let expected = whole.spawn_doc(&capture.doc, full(), &SpawnOptions::default()).unwrap();
        prop_assert_eq!(target.reserve_entities(reserved).count(), reserved as usize);
        let mut buffer = CommandBuffer::new();
        let report =
            spawn_doc_queued(&mut buffer, &target, &capture.doc, full(), &SpawnOptions::default()).unwrap();
        prop_assert_eq!((report.values, report.dangling), (expected.values, expected.dangling));
        buffer.run_on(&mut target);
        let pairs: Vec<_> = expected.entities.into_iter().zip(report.entities).collect();
        prop_assert_eq!(whole.difference(&target, &pairs, full()).unwrap(), None);
    }
}
