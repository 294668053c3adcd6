//! What deltas say of a world, and what they make of another.

use hecs::{Entity, World};
use keepstone_ecs_persist::{
    ColumnData, DeltaWorld, Error, IdConflict, LiveRows, PersistId as Id, Reason, WorldDelta, WorldDoc,
};
use keepstone_hecs::{EcsWorld, Hecs, PersistId, PersistIds as _, RegistryExt as _, SpawnOptions};

use crate::{
    delta_random::{Watched, again},
    relationships::{Parent, children},
    support::{
        Friends, Health, Label, Player, Position, Unregistered, decode, full, keeping, little, load,
        through_bytes,
    },
};

fn label(text: &str) -> Label {
    Label(text.into())
}

fn entity_of(watched: &Watched, ours: Entity) -> Entity {
    let row = (0..watched.mark.rows)
        .find(|&row| <World as DeltaWorld<Hecs>>::entity_of_row(&watched.mark, row) == Some(ours));
    watched.rows.entities[row.unwrap() as usize].unwrap()
}

/// How many values a delta has.
fn values(delta: &WorldDelta<'_>) -> u64 {
    delta.doc.value_count()
}

#[test]
fn nothing_is_in_a_delta_where_nothing_has_changed() {
    let mut world = World::new();
    let a = world.spawn((label("a"), Friends(vec![None])));
    world.spawn((Parent { of: a, place: 7 }, Health { current: 1, max: 2 }));
    let mut watched = Watched::new(world);
    // What is written and equal has not changed, wherever the entity stands now.
    watched.world.insert(a, (label("a"), Unregistered)).unwrap();
    let delta = watched.follow();
    assert!(delta.is_empty(), "{delta:?}");
    assert_eq!(delta.sequence, 1);
}

#[test]
fn a_delta_has_what_changed_alone_and_writes_it_in_place() {
    let mut world = World::new();
    let ids: Vec<Entity> =
        (0..100).map(|i| world.spawn((Health { current: i, max: 9 }, label(&i.to_string())))).collect();
    let mut watched = Watched::new(world);
    let other = entity_of(&watched, ids[8]);
    watched.copy.get::<&mut Health>(other).unwrap().max = 77;
    watched.world.get::<&mut Health>(ids[7]).unwrap().current = -1;
    watched.world.insert_one(ids[9], Player).unwrap();
    let since = watched.world.delta(&watched.mark, full()).unwrap();
    assert_eq!(values(&since.delta), 2);
    let report = watched
        .copy
        .apply_delta(&mut watched.rows, &again(&since.delta), full(), &SpawnOptions::default())
        .unwrap();
    assert_eq!((report.written, report.spawned, report.removed, report.missing), (2, 0, 0, 0));
    // What the delta doesn't say stays as this world has it.
    assert_eq!(watched.copy.get::<&Health>(other).unwrap().max, 77);
    assert_eq!(watched.copy.get::<&Health>(entity_of(&watched, ids[7])).unwrap().current, -1);
}

#[test]
fn an_entity_that_has_the_index_of_another_is_another() {
    let mut world = World::new();
    let a = world.spawn((label("a"),));
    let b = world.spawn((Friends(vec![Some(a)]),));
    let mut watched = Watched::new(world);
    watched.world.despawn(a).unwrap();
    let c = watched.world.spawn((label("c"),));
    assert_eq!((c.id(), c == a), (a.id(), false));
    let delta = watched.follow();
    assert_eq!((delta.despawned.len(), delta.rows_after - delta.rows_before), (1, 1));
    let copy = entity_of(&watched, b);
    // What names something that is gone has not changed, and leads to nothing.
    let friend = watched.copy.get::<&Friends>(copy).unwrap().0[0].unwrap();
    assert!(!watched.copy.contains(friend) && delta.doc.column("test.friends").is_none());
    watched.world.get::<&mut Friends>(b).unwrap().0 = vec![Some(c)];
    watched.follow();
    let (copy, new) = (entity_of(&watched, b), entity_of(&watched, c));
    assert_eq!(watched.copy.get::<&Friends>(copy).unwrap().0, [Some(new)]);
}

#[test]
fn a_component_goes_and_comes_back() {
    let mut world = World::new();
    let a = world.spawn((label("a"), Position { x: 1.0, y: 2.0, z: 3.0 }));
    let mut watched = Watched::new(world);
    watched.world.remove_one::<Label>(a).unwrap();
    let delta = watched.follow();
    assert_eq!(delta.removed, [("test.label".to_owned(), vec![0])]);
    watched.world.insert_one(a, label("again")).unwrap();
    let delta = watched.follow();
    assert_eq!((values(&delta), delta.removed.len()), (1, 0));
    watched.world.remove_one::<Label>(a).unwrap();
    watched.world.insert_one(a, label("again")).unwrap();
    assert!(watched.follow().is_empty());
}

#[test]
fn children_take_their_new_order_and_those_of_this_world_follow_them() {
    let mut world = World::new();
    let root = world.spawn((label("root"),));
    for (place, text) in [(0, "a"), (1, "b"), (2, "c")] {
        world.spawn((label(text), Parent { of: root, place }));
    }
    let mut watched = Watched::new(world);
    let there = entity_of(&watched, root);
    for (place, text) in [(9, "x"), (3, "y")] {
        watched.copy.spawn((label(text), Parent { of: there, place }));
    }
    assert_eq!(children(&watched.copy, "root"), ["a", "b", "c", "y", "x"]);
    let order = |watched: &mut Watched, places: &[(u32, &str)]| {
        for (parent, label) in watched.world.query_mut::<(&mut Parent, &Label)>() {
            parent.place = places.iter().find(|(_, text)| *text == label.0).unwrap().0;
        }
        let since = watched.world.delta(&watched.mark, full()).unwrap();
        watched.mark = since.mark;
        let (copy, rows) = (&mut watched.copy, &mut watched.rows);
        copy.apply_delta(rows, &again(&since.delta), full(), &SpawnOptions::default()).unwrap()
    };
    let report = order(&mut watched, &[(4, "c"), (5, "a"), (6, "b")]);
    assert_eq!(children(&watched.copy, "root"), ["c", "a", "b", "y", "x"]);
    assert_eq!(report.written, 3, "those that are behind already stay untouched");
    for (place, text) in [(1, "d"), (8, "e")] {
        watched.world.spawn((label(text), Parent { of: root, place }));
    }
    let report = order(&mut watched, &[(4, "c"), (5, "a"), (6, "b"), (1, "d"), (8, "e")]);
    assert_eq!(children(&watched.copy, "root"), ["d", "c", "a", "b", "e", "y", "x"]);
    assert_eq!(report.written, 3 + 2 * 2 + 2, "one of them stood where a row of the delta stands now");
}

#[test]
fn a_relationship_goes_with_its_target() {
    let mut world = World::new();
    let root = world.spawn((label("root"),));
    world.spawn((label("a"), Parent { of: root, place: 0 }));
    let (capture, mark) = world.mark(full()).unwrap();
    let bytes = through_bytes(&capture);
    // A program that knows the relationship, and one that keeps it.
    for (registry, options) in [(full(), SpawnOptions::default()), (&little(), keeping())] {
        let (mut copy, report) = load(&bytes, registry, &options).unwrap();
        let mut rows = LiveRows::of_base(mark.state, report.entities);
        let mut delta = WorldDelta::since(&mark);
        // Other ECS need not say that the child has it no longer.
        delta.despawned = vec![
            (0..2).find(|&row| <World as DeltaWorld<Hecs>>::entity_of_row(&mark, row) == Some(root)).unwrap(),
        ];
        let report = copy.apply_delta(&mut rows, &delta, registry, &options).unwrap();
        assert_eq!((report.despawned, report.removed), (1, 1));
        assert_eq!(copy.query::<&Parent>().iter().count(), 0);
        let doc = copy.capture(registry).unwrap().doc;
        assert!(doc.column("bevy_ecs.ChildOf").is_none() && doc.entity_count() == 1);
    }
}

#[test]
fn what_is_gone_here_is_counted_and_passed_over() {
    let mut world = World::new();
    let ids: Vec<Entity> =
        (0..4).map(|i| world.spawn((label(&i.to_string()), Health { current: i, max: 0 }))).collect();
    let mut watched = Watched::new(world);
    for at in [1, 2, 3] {
        let gone = entity_of(&watched, ids[at]);
        watched.copy.despawn(gone).unwrap();
    }
    watched.world.despawn(ids[1]).unwrap();
    watched.world.remove_one::<Label>(ids[2]).unwrap();
    watched.world.get::<&mut Health>(ids[2]).unwrap().current = 9;
    watched.world.remove_one::<Label>(ids[3]).unwrap();
    watched.world.insert_one(ids[0], Friends(vec![Some(ids[2])])).unwrap();
    let since = watched.world.delta(&watched.mark, full()).unwrap();
    let mut options = SpawnOptions::default();
    options.refuse_dangling = true;
    let error = watched.copy.apply_delta(&mut watched.rows, &since.delta, full(), &options).unwrap_err();
    assert!(matches!(error, Error::Dangling { count: 1 }), "{error}");
    options.refuse_dangling = false;
    let report = watched.copy.apply_delta(&mut watched.rows, &since.delta, full(), &options).unwrap();
    assert_eq!((report.missing, report.despawned, report.written, report.dangling), (2, 0, 1, 1));
    assert_eq!((report.removed, watched.copy.len()), (0, 1));
}

#[test]
fn ids_come_along_and_stay_where_they_are() {
    let mut world = World::new();
    let a = world.spawn((label("a"),));
    let b = world.spawn((label("b"),));
    let mut watched = Watched::new(world);
    assert_eq!(watched.world.ensure_ids(&[b, a, b]).unwrap(), [Id(1), Id(2), Id(1)]);
    assert_eq!(watched.world.ensure_ids(&[a]).unwrap(), [Id(2)]);
    let gone = watched.world.spawn(());
    watched.world.despawn(gone).unwrap();
    let error = watched.world.ensure_ids(&[a, gone]).unwrap_err();
    assert!(matches!(error, Error::BadSelection { found: 1, expected: 2, .. }), "{error}");
    let copy_of_a = entity_of(&watched, a);
    watched.copy.insert_one(copy_of_a, PersistId(2)).unwrap();
    let since = watched.world.delta(&watched.mark, full()).unwrap();
    let options = SpawnOptions::default();
    let report = watched.copy.apply_delta(&mut watched.rows, &since.delta, full(), &options).unwrap();
    assert_eq!(report.written, 2, "the id of b and the source");
    watched.mark = since.mark;
    watched.chain.apply(&since.delta).unwrap();
    watched.check();
    assert_eq!(
        watched.copy.entities_of(&[Id(2), Id(9), Id(1), Id(2)]),
        [Some(copy_of_a), None, Some(entity_of(&watched, b)), Some(copy_of_a)]
    );
    // Two entities change their ids with each other.
    watched.world.insert_one(a, PersistId(1)).unwrap();
    watched.world.insert_one(b, PersistId(2)).unwrap();
    watched.follow();
}

#[test]
fn an_id_that_another_entity_has_is_refused_replaced_or_remapped() {
    for (conflict, len) in [(IdConflict::Refuse, 3), (IdConflict::Replace, 3), (IdConflict::Remap, 4)] {
        let mut world = World::new();
        world.spawn((label("a"), PersistId(1)));
        let mut watched = Watched::new(world);
        let own = watched.copy.spawn((label("own"), PersistId(5)));
        watched.world.spawn((label("new"), PersistId(5)));
        let since = watched.world.delta(&watched.mark, full()).unwrap();
        let mut options = SpawnOptions::default();
        options.ids = conflict;
        let (free, state) = (watched.copy.freelist().len(), watched.rows.state);
        let result = watched.copy.apply_delta(&mut watched.rows, &since.delta, full(), &options);
        // One more holds the source of ids.
        assert_eq!(watched.copy.len(), len, "{conflict:?}");
        match conflict {
            IdConflict::Refuse => {
                let error = result.unwrap_err();
                assert!(matches!(error, Error::DuplicateId { id: Id(5), .. }), "{error}");
                assert_eq!((watched.copy.freelist().len(), watched.rows.state), (free, state));
            }
            IdConflict::Replace => {
                assert_eq!(result.unwrap().despawned, 1);
                assert!(!watched.copy.contains(own));
            }
            _ => {
                result.unwrap();
                let new = watched.rows.entities[1].unwrap();
                assert_eq!(watched.copy.persist_id(new), Some(Id(6)));
            }
        }
    }
}

#[test]
fn entities_are_captured_alone_with_what_they_name() {
    let mut world = World::new();
    let far = world.spawn((label("far"), PersistId(7)));
    let bare = world.spawn((label("bare"),));
    let a = world.spawn((label("a"), Friends(vec![Some(far), Some(bare)]), Unregistered));
    let b = world.spawn((Parent { of: a, place: 3 }, PersistId(8), Health { current: 1, max: 2 }));
    let gone = world.spawn(());
    world.despawn(gone).unwrap();
    world.set_id_source(keepstone_hecs::IdSource::new(0));

    let capture = world.capture_entities(&[b, gone, a, b], full()).unwrap();
    capture.doc.check().unwrap();
    assert_eq!(capture.entities().collect::<Vec<_>>(), [b, a, far, bare]);
    assert_eq!((capture.entities_left_out, capture.dangling), (1, 0));
    let [left] = capture.left_out.as_slice() else { panic!("{:?}", capture.left_out) };
    assert_eq!((left.count, left.reason), (1, Reason::NotRegistered));
    let names: Vec<&str> = capture.doc.columns.iter().map(|column| column.schema.name.as_str()).collect();
    assert_eq!(
        names,
        ["bevy_ecs.ChildOf", "keepstone.PersistId", "test.friends", "test.health", "test.label"]
    );
    assert_eq!(capture.doc.rows_per_column(), [1, 2, 1, 1, 1]);

    let (loaded, report) = load(&through_bytes(&capture), full(), &SpawnOptions::default()).unwrap();
    let pairs: Vec<_> = [b, a].into_iter().zip(report.entities.clone()).collect();
    assert_eq!(loaded.get::<&Label>(report.entities[1]).unwrap().0, "a");
    assert_eq!(loaded.persist_id(report.entities[2]), Some(Id(7)));
    assert_eq!(loaded.get::<&Friends>(report.entities[1]).unwrap().0[1], Some(report.entities[3]));
    assert_eq!(loaded.get::<&Parent>(report.entities[0]).unwrap().of, pairs[1].1);
    let none = world.capture_entities(&[gone], full()).unwrap();
    assert_eq!((none.doc, none.entities_left_out), (WorldDoc::default(), 1));
}

#[test]
fn what_is_kept_is_captured_with_its_entity() {
    let mut world = World::new();
    let a = world.spawn((label("a"), PersistId(3)));
    let b = world.spawn((label("b"), Friends(vec![Some(a)]), Parent { of: a, place: 0 }));
    let bytes = through_bytes(&world.capture(full()).unwrap());
    let (middle, report) = load(&bytes, &little(), &keeping()).unwrap();
    let place = world.capture(full()).unwrap().entities().position(|entity| entity == b).unwrap();
    let capture = middle.capture_entities(&[report.entities[place]], &little()).unwrap();
    let (back, report) = load(&through_bytes(&capture), full(), &SpawnOptions::default()).unwrap();
    let [b, a] = report.entities.as_slice() else { panic!("{report:?}") };
    assert_eq!(back.get::<&Friends>(*b).unwrap().0, [Some(*a)]);
    assert_eq!((back.get::<&Parent>(*b).unwrap().of, back.get::<&Label>(*b).unwrap().0.as_str()), (*a, "b"));
    assert!(back.get::<&Label>(*a).is_err());
}

#[test]
fn handles_are_told_by_deltas_and_not_applied() {
    let mut registry = full().clone();
    registry.keep_handles().unwrap();
    let mut world = World::new();
    world.spawn((label("a"),));
    let (capture, mark) = world.mark(&registry).unwrap();
    let bytes = through_bytes(&capture);
    let (mut copy, report) = load(&bytes, &registry, &SpawnOptions::default()).unwrap();
    let new = world.spawn((label("b"),));
    let since = world.delta(&mark, &registry).unwrap();
    let mut rows = LiveRows::of_base(mark.state, report.entities);
    let options = SpawnOptions::default();
    let error = copy.apply_delta(&mut rows, &since.delta, &registry, &options).unwrap_err();
    assert!(matches!(error, Error::NotSupported { .. }), "{error}");
    // The way that is left.
    let mut chain =
        decode(&bytes, |doc| keepstone_ecs_persist::DeltaChain::new(doc.clone().into_owned()).unwrap());
    chain.apply(&since.delta).unwrap();
    let mut whole = World::new();
    whole.spawn_doc(chain.doc(), &registry, &options).unwrap();
    assert_eq!(whole.get::<&Label>(new).unwrap().0, "b");
    // A program that keeps none takes the delta.
    copy.apply_delta(&mut rows, &since.delta, full(), &options).unwrap();
    assert_eq!(copy.len(), 2);
}

#[test]
fn ranks_of_a_delta_are_those_of_whole_lists() {
    let mut world = World::new();
    let root = world.spawn((label("root"),));
    for place in 0..3 {
        world.spawn((Parent { of: root, place },));
    }
    let mut watched = Watched::new(world);
    watched.world.spawn((Parent { of: root, place: 1 }, label("new")));
    let delta = watched.follow();
    let ColumnData::References { targets, ranks } = &delta.doc.column("bevy_ecs.ChildOf").unwrap().data
    else {
        panic!("{delta:?}")
    };
    assert_eq!((targets.len(), ranks.as_ref().map(|ranks| ranks.len())), (4, Some(4)));
}
