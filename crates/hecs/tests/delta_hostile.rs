//! Deltas that don't fit: the world stays as it was.

use hecs::{Entity, World};
use keepstone_ecs_persist::{
    Chain, ColumnData, DeltaWorld as _, Error, LiveRows, StateId, Table, WorldDelta,
};
use keepstone_hecs::{EcsWorld, Registry, SpawnOptions, Unknown};

use crate::{
    delta_random::{Watched, again},
    support::{Friends, Health, Label, Player, full, keeping, little, through_bytes},
};

fn label(text: &str) -> Label {
    Label(text.into())
}

/// A world with a delta that does something of everything.
fn watched() -> (Watched, WorldDelta<'static>) {
    let mut world = World::new();
    let ids: Vec<Entity> =
        (0..4).map(|i| world.spawn((label(&i.to_string()), Health { current: i, max: 0 }))).collect();
    let mut watched = Watched::new(world);
    let world = &mut watched.world;
    world.despawn(ids[0]).unwrap();
    world.remove_one::<Label>(ids[1]).unwrap();
    world.get::<&mut Health>(ids[2]).unwrap().max = 5;
    let new = world.spawn((label("new"), Player));
    world.insert_one(ids[2], Friends(vec![Some(new), Some(ids[1])])).unwrap();
    let delta = again(&world.delta(&watched.mark, full()).unwrap().delta);
    (watched, delta)
}

/// Applies a delta that is refused, and asserts that nothing is changed by it.
fn refused(
    watched: &mut Watched,
    delta: &WorldDelta<'_>,
    registry: &Registry,
    options: &SpawnOptions,
) -> Error {
    let before = through_bytes(&watched.copy.capture(full()).unwrap());
    let (len, state, entities) = (watched.copy.len(), watched.rows.state, watched.rows.entities.clone());
    let error = watched.copy.apply_delta(&mut watched.rows, delta, registry, options).unwrap_err();
    assert_eq!(through_bytes(&watched.copy.capture(full()).unwrap()), before, "{error}");
    assert_eq!((watched.copy.len(), watched.rows.state), (len, state), "{error}");
    assert_eq!(watched.rows.entities, entities);
    error
}

#[test]
fn a_delta_of_another_state_is_refused() {
    let (mut watched, delta) = watched();
    let options = SpawnOptions::default();
    let mut other = delta.clone();
    other.root = StateId::default();
    other.previous = StateId::default();
    let error = refused(&mut watched, &other, full(), &options);
    assert!(matches!(error, Error::WrongBase { chain: Chain::Other, .. }), "{error}");
    watched.copy.apply_delta(&mut watched.rows, &delta, full(), &options).unwrap();
    let error = refused(&mut watched, &delta, full(), &options);
    assert!(matches!(error, Error::WrongBase { chain: Chain::Same, sequence: 1, applied: 1, .. }), "{error}");
    let mut rows = LiveRows::of_base(delta.root, [Entity::DANGLING]);
    let error = watched.copy.apply_delta(&mut rows, &delta, full(), &options).unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
}

#[test]
fn rows_that_are_out_of_range_are_refused() {
    let changes: [fn(&mut WorldDelta<'_>); 6] = [
        |delta| delta.despawned.push(4),
        |delta| delta.removed[0].1.push(9),
        |delta| *delta.rows.last_mut().unwrap() = 77,
        |delta| delta.rows_after = 1,
        |delta| delta.doc.tables.push(Table { rows: 1, components: vec![] }),
        |delta| {
            let friends = delta.doc.columns.iter_mut().find(|column| column.schema.name == "test.friends");
            let ColumnData::Rows { targets, .. } = &mut friends.unwrap().data else { panic!() };
            targets.to_mut()[0] = 5;
        },
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let (mut watched, mut delta) = watched();
        change(&mut delta);
        let error = refused(&mut watched, &delta, full(), &SpawnOptions::default());
        assert!(matches!(error, Error::Invalid { .. }), "{at}: {error}");
    }
}

#[test]
fn values_that_cannot_be_read_leave_the_world_as_it_was() {
    let (mut watched, mut delta) = watched();
    let names = delta.doc.columns.iter_mut().find(|column| column.schema.name == "test.label").unwrap();
    let ColumnData::Rows { data, .. } = &mut names.data else { panic!("{names:?}") };
    // No UTF-8.
    data.to_mut().fill(0xff);
    let error = refused(&mut watched, &delta, full(), &SpawnOptions::default());
    assert!(matches!(error, Error::Value { ref component, .. } if component == "test.label"), "{error}");
    let (mut watched, mut delta) = self::watched();
    for column in &mut delta.doc.columns {
        column.schema.version = 9;
    }
    let error = refused(&mut watched, &delta, full(), &SpawnOptions::default());
    assert!(matches!(error, Error::NewerComponent { found: 9, .. }), "{error}");
}

#[test]
fn what_is_not_known_is_refused_kept_or_skipped() {
    let (mut watched, delta) = watched();
    let error = refused(&mut watched, &delta, &little(), &SpawnOptions::default());
    assert!(matches!(error, Error::UnknownComponent { ref name } if name == "test.friends"), "{error}");
    let mut skipping = SpawnOptions::default();
    skipping.unknown = Unknown::Skip;
    for (options, friends) in [(&skipping, 0), (&keeping(), 1)] {
        let (mut watched, delta) = self::watched();
        let report = watched.copy.apply_delta(&mut watched.rows, &delta, &little(), options).unwrap();
        assert_eq!(report.unknown, [("test.friends".to_owned(), 1), ("test.player".to_owned(), 1)]);
        let doc = watched.copy.capture(&little()).unwrap().doc;
        let rows = doc.column("test.friends").map_or(0, |_| 1);
        assert_eq!((rows, doc.entity_count()), (friends, 4));
    }
}

#[test]
fn limits_hold_before_anything_is_made_room_for() {
    let (mut watched, delta) = watched();
    let mut options = SpawnOptions::default();
    options.entities_max = 0;
    let error = refused(&mut watched, &delta, full(), &options);
    assert!(matches!(error, Error::Limit { what: "entities", needs: 1, allowed: 0 }), "{error}");
    let mut options = SpawnOptions::default();
    options.bytes_max = 50;
    let error = refused(&mut watched, &delta, full(), &options);
    assert!(matches!(error, Error::Limit { allowed: 50, .. }), "{error}");
}
