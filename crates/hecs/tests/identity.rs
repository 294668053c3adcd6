//! Ids that stay with entities.

use hecs::{Entity, World};
use keepstone_ecs_persist::{Column, ColumnData, IdConflict, Match, Table, WorldDoc};
use keepstone_hecs::{
    EcsWorld, Error, IdSource, PersistId, PersistIds, PersistIndex, Registry, RegistryExt, SpawnOptions,
};

use crate::support::{Label, full, keeping, little, load, load_into, saved, strict};

fn labelled(labels: &[&str]) -> (World, Vec<Entity>) {
    let mut world = World::new();
    let entities = labels.iter().map(|label| world.spawn((Label((*label).to_owned()),))).collect();
    (world, entities)
}

fn label_of(world: &World, id: PersistId) -> Option<String> {
    world.entity_of(id).map(|entity| world.get::<&Label>(entity).unwrap().0.clone())
}

fn with(conflict: IdConflict) -> SpawnOptions {
    let mut options = strict();
    options.ids = conflict;
    options
}

#[test]
fn ids_are_handed_out_once_and_come_back() {
    let (mut world, entities) = labelled(&["a", "b", "c"]);
    let a = world.assign_persist_id(entities[0]).unwrap();
    assert_eq!(world.assign_persist_id(entities[0]), Some(a), "it keeps its id");
    let c = world.assign_persist_id(entities[2]).unwrap();
    assert_ne!(a, c);
    assert_eq!((world.entity_of(a), world.entity_of(c)), (Some(entities[0]), Some(entities[2])));
    assert_eq!(world.persist_id(entities[1]), None);
    assert_eq!(world.persist_ids().count(), 2);

    let (loaded, report) = load(&saved(&world, full()), full(), &strict()).unwrap();
    assert_eq!((report.entities.len(), report.values, report.resources), (3, 5, 1));
    assert_eq!(label_of(&loaded, a).as_deref(), Some("a"));
    assert_eq!(label_of(&loaded, c).as_deref(), Some("c"));
    assert_eq!(loaded.id_source(), world.id_source());
}

#[test]
fn an_entity_that_is_gone_gets_no_id() {
    let (mut world, entities) = labelled(&["a"]);
    world.despawn(entities[0]).unwrap();
    assert_eq!(world.assign_persist_id(entities[0]), None);
    assert_eq!((world.len(), world.id_source()), (0, None));
}

#[test]
fn an_index_finds_what_it_saw_and_what_was_done_through_it() {
    let (mut world, entities) = labelled(&["a", "b"]);
    let mut index = PersistIndex::of(&world);
    assert!(index.is_empty());
    let a = index.assign(&mut world, entities[0]).unwrap();
    assert_eq!(index.entity_of(&world, a), Some(entities[0]));
    assert_eq!(index.id_of(&world, entities[0]), Some(a));

    let far = PersistId(900);
    let made = index.spawn_with_id(&mut world, far, (Label("made".to_owned()),)).unwrap();
    let error = index.spawn_with_id(&mut world, far, ()).unwrap_err();
    assert!(matches!(error, Error::DuplicateId { id: PersistId(900), .. }), "{error}");
    assert_eq!(world.spawn_with_id(far, ()).map_err(|error| error.to_string()).ok(), None);
    let next = index.assign(&mut world, entities[1]).unwrap();
    assert_eq!(next, PersistId(901), "an id that was given elsewhere is never handed out");

    assert!(index.remap(&mut world, far, PersistId(5000)).unwrap());
    assert!(!index.remap(&mut world, far, PersistId(5001)).unwrap(), "nobody has it any more");
    assert!(matches!(index.remap(&mut world, a, next), Err(Error::DuplicateId { .. })));
    assert_eq!(index.entity_of(&world, PersistId(5000)), Some(made));
    assert_eq!(world.remap(PersistId(5000), PersistId(6000)).ok(), Some(true));
    assert_eq!(index.entity_of(&world, PersistId(5000)), None, "it was changed behind the index");
    index.refresh(&world);
    assert_eq!(index.entity_of(&world, PersistId(6000)), Some(made));
    let all: Vec<PersistId> = index.iter().map(|(id, _)| id).collect();
    assert_eq!(all, [a, next, PersistId(6000)]);
    world.despawn(made).unwrap();
    assert_eq!(index.entity_of(&world, PersistId(6000)), None);
    assert_eq!(index.len(), 3);
}

#[test]
fn a_load_never_turns_the_source_back_and_sees_every_id() {
    let (mut world, entities) = labelled(&["a", "b"]);
    world.assign_persist_id(entities[0]).unwrap();
    let early = saved(&world, full());
    let late = world.assign_persist_id(entities[1]).unwrap();
    world.despawn(entities[0]).unwrap();
    world.despawn(entities[1]).unwrap();
    load_into(&mut world, &early, full(), &strict()).unwrap();
    let new = world.spawn(());
    assert!(world.assign_persist_id(new).unwrap() > late);

    // A file without a source: what it brings is seen all the same.
    let (mut other, _) = labelled(&[]);
    other.spawn_with_id(PersistId(70), ()).unwrap();
    assert_eq!(other.id_source(), None);
    let (mut loaded, report) = load(&saved(&other, full()), full(), &strict()).unwrap();
    assert_eq!(report.resources, 0);
    let new = loaded.spawn(());
    assert_eq!(loaded.assign_persist_id(new), Some(PersistId(71)));
}

#[test]
fn a_source_of_another_allocator_stays_what_it_is() {
    let (mut world, entities) = labelled(&["a"]);
    world.set_id_source(IdSource::new(3));
    let id = world.assign_persist_id(entities[0]).unwrap();
    assert_eq!(id.allocator(), 3);
    let mut target = World::new();
    target.set_id_source(IdSource::new(4));
    let first = target.spawn(());
    assert_eq!(target.assign_persist_id(first).unwrap().allocator(), 4);
    load_into(&mut target, &saved(&world, full()), full(), &strict()).unwrap();
    let second = target.spawn(());
    let new = target.assign_persist_id(second).unwrap();
    assert_eq!((new.allocator(), new.number()), (4, 2));
    // A world that never handed out an id goes on with that of the file.
    let (loaded, _) = load(&saved(&world, full()), full(), &strict()).unwrap();
    assert_eq!(loaded.id_source(), world.id_source());
}

/// A world and a file that share an id.
fn conflict() -> (World, Vec<u8>, PersistId) {
    let (mut world, entities) = labelled(&["old", "other"]);
    let id = world.assign_persist_id(entities[0]).unwrap();
    let (mut file, entities) = labelled(&["new", "second"]);
    assert_eq!(file.assign_persist_id(entities[0]), Some(id));
    file.assign_persist_id(entities[1]).unwrap();
    (world, saved(&file, full()), id)
}

#[test]
fn an_id_that_is_in_use_is_refused_before_anything_is_spawned() {
    let (mut world, bytes, id) = conflict();
    let (before, source) = (world.len(), world.id_source());
    let error = load_into(&mut world, &bytes, full(), &with(IdConflict::Refuse)).unwrap_err();
    assert!(matches!(error, Error::DuplicateId { id: found, .. } if found == id), "{error}");
    assert_eq!((world.len(), world.id_source()), (before, source));
    assert_eq!(label_of(&world, id).as_deref(), Some("old"));
}

#[test]
fn an_id_that_is_in_use_becomes_another() {
    let (mut world, bytes, id) = conflict();
    let report = load_into(&mut world, &bytes, full(), &with(IdConflict::Remap)).unwrap();
    let [(from, to)] = report.remapped.as_slice() else { panic!("{:?}", report.remapped) };
    assert_eq!(*from, id);
    assert_eq!(label_of(&world, id).as_deref(), Some("old"));
    assert_eq!(label_of(&world, *to).as_deref(), Some("new"));
    assert_eq!(label_of(&world, PersistId(id.0 + 1)).as_deref(), Some("second"));
    let mut ids: Vec<PersistId> = world.persist_ids().map(|(id, _)| id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[test]
fn the_entity_of_the_world_gives_way() {
    let (mut world, bytes, id) = conflict();
    let report = load_into(&mut world, &bytes, full(), &with(IdConflict::Replace)).unwrap();
    assert_eq!((report.replaced, report.remapped.as_slice()), (1, [].as_slice()));
    assert_eq!(label_of(&world, id).as_deref(), Some("new"));
    // "other", the two of the file, and the entity of the source.
    assert_eq!(world.len(), 1 + 2 + 1);
    assert!(report.entities.iter().all(|&entity| world.contains(entity)));
    assert_eq!(world.query::<&Label>().iter().filter(|label| label.0 == "old").count(), 0);
}

#[test]
fn nothing_gives_way_to_a_file_that_cannot_be_loaded() {
    let (mut world, bytes, id) = conflict();
    let mut options = with(IdConflict::Replace);
    options.entities_max = 1;
    load_into(&mut world, &bytes, full(), &options).unwrap_err();
    assert_eq!(label_of(&world, id).as_deref(), Some("old"));
}

#[test]
fn two_entities_of_a_file_with_one_id_are_refused() {
    let mut world = World::new();
    world.spawn((PersistId(9), Label("a".into())));
    world.spawn((PersistId(9),));
    for conflict in [IdConflict::Refuse, IdConflict::Remap, IdConflict::Replace] {
        let mut target = World::new();
        let error = load_into(&mut target, &saved(&world, full()), full(), &with(conflict)).unwrap_err();
        assert!(matches!(error, Error::DuplicateId { id: PersistId(9), .. }), "{error}");
        assert_eq!(target.len(), 0);
    }
    let report = world.restore_doc(&WorldDoc::default(), Match::PersistIds, full(), &strict()).unwrap();
    assert_eq!((report.despawned, world.len()), (2, 0), "a document without ids looks for none");
}

#[test]
fn ids_are_plain_numbers_in_a_file() {
    let mut world = World::new();
    world.spawn((PersistId(0x0102),));
    let capture = world.capture(full()).unwrap();
    let column = capture.doc.column(PersistId::COMPONENT).unwrap();
    assert_eq!(column.schema.encoding.to_string(), "plain u64");
    assert!(matches!(&column.data, ColumnData::Plain(pieces) if pieces.concat() == [2, 1, 0, 0, 0, 0, 0, 0]));
}

#[test]
fn ids_are_kept_by_a_program_that_knows_none() {
    let (mut world, entities) = labelled(&["a"]);
    let id = world.assign_persist_id(entities[0]).unwrap();
    let (middle, _) = load(&saved(&world, full()), &little(), &keeping()).unwrap();
    assert_eq!(middle.persist_id(middle.iter().next().unwrap().entity()), None);
    let (back, _) = load(&saved(&middle, &little()), full(), &strict()).unwrap();
    assert_eq!(label_of(&back, id).as_deref(), Some("a"));
    assert_eq!(back.id_source(), world.id_source());
    let mut registry = little();
    registry.add_builtins().unwrap();
    let (knowing, _) = load(&saved(&world, full()), &registry, &strict()).unwrap();
    assert_eq!(label_of(&knowing, id).as_deref(), Some("a"));
    assert!(Registry::default().get(PersistId::COMPONENT).is_none());
}

#[test]
fn ids_of_another_kind_are_refused() {
    let mut doc = WorldDoc::default();
    let mut world = World::new();
    world.spawn((Label("x".into()),));
    let capture = world.capture(full()).unwrap();
    let mut column: Column<'_> = capture.doc.columns[0].clone();
    column.schema.name = PersistId::COMPONENT.to_owned();
    doc.columns.push(column);
    doc.tables.push(Table { rows: 1, components: vec![0] });
    let error = World::new().spawn_doc(&doc, full(), &strict()).unwrap_err();
    assert!(matches!(error, Error::Mismatch { ref name, .. } if name == PersistId::COMPONENT), "{error}");
}
