//! What is no handle, or can't be given.

use hecs::{CommandBuffer, Entity, World};
use keepstone_ecs_persist::{
    AsSerde, Codec, Column, Error, PartSource, Runs, SpawnOptions, WorldDoc, WorldPart,
};
use keepstone_hecs::{EcsWorld, RegistryExt, spawn_doc_queued};

use super::{FREE, HANDLES, alive, bits, doc_of, exact, handle, spawn, used};
use crate::support::{Position, full, little, strict};

#[test]
fn bits_that_are_no_handle_are_refused() {
    for none in [0, 7, 0xffff_ffff] {
        let mut world = World::new();
        let error = spawn(&mut world, &[1 << 32, none]).unwrap_err();
        let is_expected =
            matches!(error, Error::Invalid { what: "bits of a handle in hecs.Entity or hecs.FreeList", .. });
        assert!(is_expected, "{error}");
        assert_eq!((world.len(), world.freelist().len()), (0, 0));
    }
}

#[test]
fn an_index_that_comes_twice_is_refused() {
    for told in [[bits(0, 1); 2], [bits(5, 3), bits(5, 1)]] {
        let mut world = World::new();
        let error = spawn(&mut world, &told).unwrap_err();
        assert!(matches!(error, Error::Invalid { what: "handle in hecs.Entity", .. }), "{error}");
        assert_eq!((world.len(), world.freelist().len()), (0, 0));
    }
}

#[test]
fn an_index_that_is_taken_is_refused_and_one_that_is_free_is_not() {
    let mut world = World::new();
    let [a, b, c] = [(); 3].map(|()| world.spawn((Position { x: 0.0, y: 0.0, z: 0.0 },)));
    world.despawn(b).unwrap();
    let free: Vec<Entity> = world.freelist().collect();
    // Another generation of `c` would be `c`'s end too.
    for taken in [a, c, handle(c.id(), 9)] {
        let error = spawn(&mut world, &[b.to_bits().get(), taken.to_bits().get()]).unwrap_err();
        assert!(matches!(error, Error::NotSupported { .. }), "{error}");
        assert_eq!((alive(&world), world.freelist().collect()), (vec![a, c], free.clone()));
    }
    assert_eq!(
        spawn(&mut world, &[b.to_bits().get(), handle(9, 4).to_bits().get()]).unwrap(),
        [b, handle(9, 4)]
    );
    assert_eq!(alive(&world), [a, b, c, handle(9, 4)]);
    let new: Vec<Entity> = (0..8).map(|_| world.spawn(())).collect();
    assert_eq!(new, [3, 4, 5, 6, 7, 8, 10, 11].map(|index| handle(index, 1)));
}

#[test]
fn an_index_far_beyond_all_is_refused_before_room_is_made() {
    for index in [5_000_000, u32::MAX - 2] {
        let mut world = World::new();
        let error = spawn(&mut world, &[1 << 32, bits(index, 1)]).unwrap_err();
        assert!(matches!(error, Error::Invalid { what: "highest index of an entity", .. }), "{error}");
        assert_eq!((world.len(), world.freelist().len()), (0, 0));
    }
    let mut options = SpawnOptions::default();
    options.entities_max = 1000;
    let mut world = World::new();
    let mut with = |index: u32| world.spawn_doc(&doc_of(&[bits(index, 1)]), &exact(), &options);
    let error = with(1000).unwrap_err();
    assert!(matches!(error, Error::Limit { needs: 1001, allowed: 1000, .. }), "{error}");
    with(999).unwrap();
    // What the dangling handle looks like.
    let error = spawn(&mut World::new(), &[Entity::DANGLING.to_bits().get()]).unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error}");
}

#[test]
fn free_lists_that_contradict_the_entities_give_way() {
    let mut doc = used().capture(&exact()).unwrap().doc.into_owned();
    // All are told to be free: those of the entities, and the one that is free in the target.
    let live: Vec<u64> = alive(&used()).iter().map(|entity| entity.to_bits().get()).collect();
    let mut told = live.clone();
    told.extend([bits(90, 1), bits(90, 1), bits(90, 5)]);
    set_free_list(&mut doc, &told);
    let mut loaded = World::new();
    loaded.spawn_doc(&doc, &exact(), &strict()).unwrap();
    assert_eq!(alive(&loaded), alive(&used()));
    assert_eq!(loaded.spawn(()), handle(90, 1));
    let new: Vec<Entity> = (0..100).map(|_| loaded.spawn(())).collect();
    assert!(new.iter().all(|entity| !alive(&used()).contains(entity)));
    set_free_list(&mut doc, &vec![3]);
    let error = World::new().spawn_doc(&doc, &exact(), &strict()).unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
    set_free_list(&mut doc, &vec![bits(0xffff_fff0, 1)]);
    let error = World::new().spawn_doc(&doc, &exact(), &strict()).unwrap_err();
    assert!(matches!(error, Error::Invalid { what: "highest index of an entity", .. }), "{error}");
}

fn set_free_list(doc: &mut WorldDoc<'static>, told: &Vec<u64>) {
    let mut runs = Runs::default();
    runs.push_slice(std::slice::from_ref(told));
    let (encoding, data) = <AsSerde as Codec<Vec<u64>>>::capture(runs, &mut NoEntities).unwrap();
    let column = doc.columns.iter_mut().find(|column| column.schema.name == FREE).unwrap();
    let mut schema = column.schema.clone();
    schema.encoding = encoding;
    *column = Column { schema, data }.into_owned();
}

struct NoEntities;

impl keepstone_value::Entities for NoEntities {
    fn entity(&self) -> keepstone_value::EntityType {
        keepstone_value::EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, _: u64) -> u32 {
        u32::MAX
    }
}

#[test]
fn handles_of_a_later_version_or_another_shape_are_refused() {
    let mut doc = doc_of(&[1 << 32]);
    doc.columns[0].schema.version = 2;
    assert_eq!(doc.columns[0].schema.name, HANDLES);
    let error = World::new().spawn_doc(&doc, &exact(), &strict()).unwrap_err();
    assert!(matches!(error, Error::NewerComponent { found: 2, newest: 1, .. }), "{error}");
    let mut doc = doc_of(&[1 << 32]);
    let health = doc.columns[1].clone();
    let name = doc.columns[0].schema.name.clone();
    doc.columns[0] = health;
    doc.columns[0].schema.name = name;
    let error = World::new().spawn_doc(&doc, &exact(), &strict()).unwrap_err();
    assert!(matches!(error, Error::Mismatch { .. }), "{error}");
}

/// One part.
struct One(Option<WorldPart<'static>>);
impl PartSource for One {
    fn next_part(&mut self) -> Result<Option<WorldPart<'static>>, Error> {
        Ok(self.0.take())
    }
}

#[test]
fn buffers_and_parts_refuse_handles() {
    let doc = doc_of(&[bits(0, 1), bits(8, 2)]);
    let mut buffer = CommandBuffer::new();
    let world = World::new();
    let error = spawn_doc_queued(&mut buffer, &world, &doc, &exact(), &strict()).unwrap_err();
    assert!(matches!(error, Error::NotSupported { .. }), "{error}");

    let part = || One(Some(WorldPart::new(doc.clone(), 0, 2)));
    let mut world = World::new();
    let error = world.spawn_parts(&mut part(), &exact(), &strict()).unwrap_err();
    assert!(matches!(error, Error::NotSupported { .. }), "{error}");
    assert_eq!(world.len(), 0);
    assert_eq!(world.spawn_parts(&mut part(), full(), &strict()).unwrap().entities.len(), 2);
}

#[test]
fn the_name_is_taken_once_handles_are_kept() {
    #[derive(Clone, Copy)]
    struct Other;
    let mut registry = exact();
    registry.keep_handles().unwrap();
    let error = registry.add_with::<Other, u8>(HANDLES, 1, |_| 0, |_| Other).unwrap_err();
    assert!(matches!(error, Error::DuplicateName { .. }), "{error}");
    assert!(World::schema(&registry).components().iter().any(|component| component.name == HANDLES));
    assert!(little().get(HANDLES).is_none());
}
