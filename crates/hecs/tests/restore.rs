//! Worlds that become what a document says, in place.

use hecs::{Entity, World};
use keepstone_ecs_persist::{Match, RestoreReport, Unknown, WorldDoc};
use keepstone_hecs::{EcsWorld, Error, PersistId, PersistIds, SpawnOptions};
use proptest::prelude::*;

use crate::{
    random::{Recipe, build, indices, recipes},
    relationships::{Parent, children},
    support::{
        Friends, Health, Label, Player, Position, Unregistered, decode, full, keeping, little, load, saved,
        strict,
    },
};

fn health(current: i32) -> Health {
    Health { current, max: 100 }
}

/// Captures a world, lets it be changed, and restores it.
fn after(
    world: &mut World,
    change: impl FnOnce(&mut World, &[Entity]),
) -> (Vec<Entity>, RestoreReport<Entity>) {
    let capture = world.capture(full()).unwrap();
    let entities: Vec<Entity> = capture.entities().collect();
    let doc = capture.doc.into_owned();
    change(world, &entities);
    let report =
        world.restore_doc(&doc, Match::Entities(&entities), full(), &SpawnOptions::default()).unwrap();
    check_restored(world, &doc, &report);
    (entities, report)
}

/// Asserts that a restored world is that of the document, and that a second restore changes nothing.
fn check_restored(world: &mut World, doc: &WorldDoc<'_>, report: &RestoreReport<Entity>) {
    let mut fresh = World::new();
    let spawned = fresh.spawn_doc(doc, full(), &SpawnOptions::default()).unwrap();
    let pairs: Vec<_> = spawned.entities.into_iter().zip(report.entities.iter().copied()).collect();
    assert_eq!(fresh.difference(world, &pairs, full()).unwrap(), None);
    assert_eq!(report.written + report.unchanged, doc.value_count());
    let again =
        world.restore_doc(doc, Match::Entities(&report.entities), full(), &SpawnOptions::default()).unwrap();
    let changed = (again.written, again.removed, again.spawned, again.despawned);
    assert_eq!((changed, again.unchanged), ((0, 0, 0, 0), doc.value_count()));
    assert_eq!(again.entities, report.entities);
}

#[test]
fn nothing_is_written_where_nothing_differs() {
    let mut world = World::new();
    let a = world.spawn((health(1), Label("a".into()), Friends(vec![None])));
    world.spawn((health(2), Player, Parent { of: a, place: 30 }));
    world.spawn((Position { x: f32::NAN, y: 0.0, z: 1.0 }, Parent { of: a, place: 7 }));
    let (entities, report) = after(&mut world, |_, _| {});
    assert_eq!((report.written, report.unchanged), (0, 8));
    assert_eq!((report.spawned, report.despawned, report.removed), (0, 0, 0));
    assert_eq!(report.entities, entities);
    let mut places: Vec<u32> = world.query::<&Parent>().iter().map(|parent| parent.place).collect();
    places.sort_unstable();
    assert_eq!(places, [7, 30], "an order that is right keeps its gaps");
}

#[test]
fn what_differs_alone_is_written() {
    let mut world = World::new();
    let ids: Vec<Entity> =
        (0..100).map(|i| world.spawn((health(i), Label(i.to_string()), Friends(vec![])))).collect();
    let (_, report) = after(&mut world, |world, _| {
        world.get::<&mut Health>(ids[7]).unwrap().current = -1;
        world.get::<&mut Label>(ids[50]).unwrap().0.push('!');
        world.get::<&mut Friends>(ids[51]).unwrap().0.push(Some(ids[3]));
    });
    assert_eq!((report.written, report.unchanged), (3, 297));
    assert_eq!(world.get::<&Health>(ids[7]).unwrap().current, 7);
}

#[test]
fn rows_of_another_shape_are_compared_by_their_values() {
    let mut world = World::new();
    let a = world.spawn((Friends(vec![None]),));
    let b = world.spawn((Friends(vec![]),));
    // With a name in one of them, the shape of all is another than in the document.
    let (_, report) = after(&mut world, |world, _| {
        world.get::<&mut Friends>(b).unwrap().0 = vec![Some(a), None];
    });
    assert_eq!((report.written, report.unchanged), (1, 1));
}

#[test]
fn components_come_back_and_go() {
    let mut world = World::new();
    let a = world.spawn((health(1), Label("a".into())));
    let b = world.spawn((Label("b".into()),));
    let (_, report) = after(&mut world, |world, _| {
        world.remove_one::<Health>(a).unwrap();
        world.insert_one(b, Player).unwrap();
        world.insert_one(b, Unregistered).unwrap();
    });
    assert_eq!((report.written, report.unchanged, report.removed), (1, 2, 1));
    assert!(world.entity(b).unwrap().has::<Unregistered>(), "what is not registered stays");
    assert!(!world.entity(b).unwrap().has::<Player>());
}

#[test]
fn entities_come_back_under_new_ids_and_what_is_new_goes() {
    let mut world = World::new();
    let a = world.spawn((Label("a".into()),));
    let b = world.spawn((Friends(vec![Some(a)]), Label("b".into())));
    world.spawn((Parent { of: a, place: 0 }, Label("c".into())));
    let mut others = Vec::new();
    let (entities, report) = after(&mut world, |world, _| {
        world.despawn(a).unwrap();
        others.push(world.spawn((Label("new".into()), Unregistered)));
        others.push(world.spawn(()));
        others.push(world.spawn((Unregistered,)));
    });
    let place = entities.iter().position(|&entity| entity == a).unwrap();
    let new = report.entities[place];
    assert_eq!(report.respawned, [(a, new)]);
    assert!(new != a && world.contains(new));
    assert_eq!(world.get::<&Friends>(b).unwrap().0, [Some(new)]);
    assert_eq!((report.spawned, report.despawned), (1, 2));
    let alive: Vec<bool> = others.iter().map(|&entity| world.contains(entity)).collect();
    assert_eq!(alive, [false, false, true], "what no capture would hold stays");
    assert_eq!(children(&world, "a"), ["c"]);
}

#[test]
fn what_only_a_reference_saves_is_despawned_with_what_referred_to_it() {
    let mut world = World::new();
    world.spawn((Label("a".into()),));
    let mut bare = Vec::new();
    let (_, report) = after(&mut world, |world, _| {
        bare.push(world.spawn((Unregistered,)));
        world.spawn((Friends(vec![Some(bare[0])]),));
    });
    assert_eq!(report.despawned, 2);
    assert!(!world.contains(bare[0]));
}

#[test]
fn another_order_of_children_is_put_right() {
    let mut world = World::new();
    let root = world.spawn((Label("root".into()),));
    let ids: Vec<Entity> = (0..4)
        .map(|i| world.spawn((Label(i.to_string()), Parent { of: root, place: 10 * (4 - i) })))
        .collect();
    let before = children(&world, "root");
    let (_, report) = after(&mut world, |world, _| {
        world.get::<&mut Parent>(ids[0]).unwrap().place = 1;
        world.despawn(ids[2]).unwrap();
    });
    assert_eq!(children(&world, "root"), before);
    assert!(report.written >= 3, "{report:?}");
}

#[test]
fn entities_are_found_by_their_ids() {
    let mut world = World::new();
    let ids: Vec<Entity> = (0..3).map(|i| world.spawn((Label(i.to_string()), health(i)))).collect();
    let names: Vec<PersistId> = ids.iter().map(|&id| world.assign_persist_id(id).unwrap()).collect();
    world.spawn((Label("nameless".into()),));
    let bytes = saved(&world, full());

    // Another process: other entities, the same ids.
    let (mut other, _) = load(&bytes, full(), &strict()).unwrap();
    other.get::<&mut Health>(other.entity_of(names[1]).unwrap()).unwrap().current = 50;
    let gone = other.entity_of(names[2]).unwrap();
    other.despawn(gone).unwrap();
    let stranger = other.spawn((health(5),));
    let foreign = other.assign_persist_id(stranger).unwrap();
    let source = other.id_source();
    let kept = other.entity_of(names[0]).unwrap();
    let report = decode(&bytes, |doc| other.restore_doc(doc, Match::PersistIds, full(), &strict())).unwrap();
    assert_eq!(other.entity_of(names[0]), Some(kept));
    assert_eq!((report.spawned, report.despawned), (2, 2), "the one that is gone and the nameless one");
    assert_eq!(report.respawned, []);
    assert_eq!((other.entity_of(foreign), other.id_source()), (None, source), "the source never goes back");
    assert_eq!(other.get::<&Health>(other.entity_of(names[1]).unwrap()).unwrap().current, 1);
    decode(&bytes, |doc| {
        let mut fresh = World::new();
        let spawned = fresh.spawn_doc(doc, full(), &strict()).unwrap();
        let pairs: Vec<_> = spawned.entities.into_iter().zip(report.entities.iter().copied()).collect();
        assert_eq!(fresh.difference(&other, &pairs, full()).unwrap(), None);
    });

    let twin = other.spawn(());
    other.insert_one(twin, names[0]).unwrap();
    let error =
        decode(&bytes, |doc| other.restore_doc(doc, Match::PersistIds, full(), &strict())).unwrap_err();
    assert!(matches!(error, Error::DuplicateId { id, .. } if id == names[0]), "{error}");
}

#[test]
fn entities_that_do_not_fit_the_document_are_refused() {
    let mut world = World::new();
    let a = world.spawn((Label("a".into()),));
    world.spawn((Label("b".into()),));
    let bytes = saved(&world, full());
    for wrong in [&[a][..], &[a, a][..]] {
        let found = Match::Entities(wrong);
        let error = decode(&bytes, |doc| world.restore_doc(doc, found, full(), &strict())).unwrap_err();
        assert!(matches!(error, Error::BadSelection { expected: 2, .. }), "{error}");
    }
    assert_eq!(world.len(), 2);
}

#[test]
fn what_cannot_be_decoded_changes_nothing() {
    let mut world = World::new();
    let a = world.spawn((Label("a".into()), health(3)));
    let mut capture = world.capture(full()).unwrap();
    let column = capture.doc.columns.iter_mut().find(|column| column.schema.name == "test.label").unwrap();
    let keepstone_ecs_persist::ColumnData::Rows { data, .. } = &mut column.data else { panic!() };
    *data.to_mut().last_mut().unwrap() = 0xff;
    let doc = capture.doc.into_owned();
    world.get::<&mut Health>(a).unwrap().current = 9;
    let extra = world.spawn((Player,));
    for found in [Match::Entities(&[a]), Match::PersistIds] {
        let error = world.restore_doc(&doc, found, full(), &strict()).unwrap_err();
        assert!(matches!(error, Error::Value { ref component, .. } if component == "test.label"), "{error}");
        assert_eq!(world.len(), 2);
        assert!(world.contains(extra) && world.get::<&Health>(a).unwrap().current == 9);
    }
}

#[test]
fn what_is_kept_is_restored_too() {
    let mut world = World::new();
    let a = world.spawn((Label("a".into()), Player));
    world.spawn((Label("b".into()), Friends(vec![Some(a)])));
    let bytes = saved(&world, full());
    let (mut middle, loaded) = load(&bytes, &little(), &keeping()).unwrap();
    middle.despawn(loaded.entities[0]).unwrap();
    let report = decode(&bytes, |doc| {
        middle.restore_doc(doc, Match::Entities(&loaded.entities), &little(), &keeping())
    })
    .unwrap();
    assert_eq!((report.respawned.len(), report.unknown.len()), (1, 2));
    let (back, _) = load(&saved(&middle, &little()), full(), &strict()).unwrap();
    let friends = back.query::<&Friends>().iter().next().unwrap().clone();
    assert_eq!(back.get::<&Label>(friends.0[0].unwrap()).unwrap().0, "a");
    assert_eq!(back.query::<&Player>().iter().count(), 1);

    let mut options = keeping();
    options.unknown = Unknown::Refuse;
    let found = Match::Entities(&report.entities);
    let error = decode(&bytes, |doc| middle.restore_doc(doc, found, &little(), &options)).unwrap_err();
    assert!(matches!(error, Error::UnknownComponent { .. }), "{error}");
}

/// Changes some of a world's entities, by recipes.
fn edit(world: &mut World, edits: &[Recipe]) {
    let mut entities: Vec<Entity> = world.iter().map(|entity| entity.entity()).collect();
    for edit in edits {
        let other = (!entities.is_empty()).then(|| *edit.other.get(&entities));
        match (edit.components % 11, other.filter(|&other| world.contains(other))) {
            (0 | 1, Some(entity)) => world.despawn(entity).unwrap(),
            (2, Some(entity)) => drop(world.remove_one::<Health>(entity)),
            (3, Some(entity)) => drop(world.remove_one::<Parent>(entity)),
            (4, Some(entity)) => drop(world.insert_one(entity, health(edit.value))),
            (5, Some(entity)) => drop(world.insert_one(entity, Label(edit.text.clone()))),
            (6, Some(entity)) => drop(world.insert_one(entity, Friends(vec![other, None, None]))),
            (7, Some(entity)) => drop(world.insert_one(entity, Parent { of: entity, place: 3 })),
            (8, Some(entity)) => drop(world.insert_one(entity, Unregistered)),
            (9, Some(of)) => entities.push(world.spawn((Parent { of, place: 1 }, Unregistered))),
            _ => entities.push(world.spawn((Label(edit.text.clone()), Friends(vec![other])))),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_world_comes_back_after_any_edits(
        (recipes, despawn) in (recipes(50), indices(10)),
        edits in recipes(30),
    ) {
        let mut world = build(&recipes, &despawn);
        after(&mut world, |world, _| edit(world, &edits));
    }

    #[test]
    fn any_world_becomes_any_other(one in recipes(30), other in recipes(30)) {
        let mut world = build(&one, &[]);
        let other = build(&other, &[]);
        let capture = other.capture(full()).unwrap();
        let dead = vec![Entity::DANGLING; capture.doc.entity_count() as usize];
        let report = world
            .restore_doc(&capture.doc, Match::Entities(&dead), full(), &SpawnOptions::default())
            .unwrap();
        check_restored(&mut world, &capture.doc, &report);
        let pairs: Vec<_> = capture.entities().zip(report.entities).collect();
        // References to what is gone are none in a document, and something else in a world.
        if capture.dangling == 0 {
            prop_assert_eq!(other.difference(&world, &pairs, full()).unwrap(), None);
        }
    }
}
