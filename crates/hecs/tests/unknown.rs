//! A program that doesn't know some components loads a world, changes it, and saves it again.

use hecs::{Entity, World};
use keepstone_ecs_persist::Reason;
use keepstone_hecs::{EcsWorld, Error, Persist, Registry, RegistryExt, SpawnOptions, Unknown};
use serde::{Deserialize, Serialize};

use crate::{
    relationships::{Parent, children},
    support::{
        Friends, Health, Label, Player, Position, decode, full, keeping, little, load, load_into, saved,
        strict,
    },
};

fn world() -> World {
    let mut world = World::new();
    let ids: Vec<Entity> = (0..12).map(|i| world.spawn((Label(i.to_string()),))).collect();
    for (i, &id) in ids.iter().enumerate() {
        let at = |step: usize| ids[(i + step) % ids.len()];
        let number = f32::from(u8::try_from(i).unwrap());
        if i % 2 == 0 {
            world.insert_one(id, Position { x: 1.0, y: 2.0, z: number }).unwrap();
        }
        if i % 3 == 0 {
            world.insert(id, (Friends(vec![Some(at(1)), None, Some(at(5))]), Player)).unwrap();
        }
    }
    // The order among the children is not that of the entities.
    for (place, i) in [(0, 7), (1, 3), (2, 5), (3, 9)] {
        world.insert_one(ids[i], Parent { of: ids[0], place }).unwrap();
    }
    world
}

/// The labels of all entities with their other components, as text.
fn census(world: &World) -> Vec<String> {
    let name = |who: Entity| world.get::<&Label>(who).map(|label| label.0.clone()).ok();
    let mut lines: Vec<String> = world
        .iter()
        .filter_map(|entity| {
            let label = entity.get::<&Label>()?.0.clone();
            let position = entity.get::<&Position>().map(|position| *position);
            let friends = entity
                .get::<&Friends>()
                .map(|friends| friends.0.iter().map(|who| who.and_then(name)).collect::<Vec<_>>());
            let parent = entity.get::<&Parent>().map(|parent| name(parent.of));
            let player = entity.has::<Player>();
            Some(format!(
                "{label} {position:?} {player} {friends:?} {parent:?} {:?}",
                children(world, &label)
            ))
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn what_is_kept_comes_back_as_it_was() {
    let original = world();
    let (middle, report) = load(&saved(&original, full()), &little(), &keeping()).unwrap();
    let mut unknown = report.unknown.clone();
    unknown.sort();
    let expected = [("bevy_ecs.ChildOf", 4), ("test.friends", 4), ("test.player", 4), ("test.position", 6)];
    assert_eq!(unknown, expected.map(|(name, count)| (name.to_owned(), count)));
    assert_eq!(report.values, 12);
    let capture = middle.capture(&little()).unwrap();
    assert_eq!(capture.left_out, []);
    let (back, _) = load(&saved(&middle, &little()), full(), &strict()).unwrap();
    assert_eq!(census(&back), census(&original));
    assert_eq!(census(&original).len(), 12);
}

#[test]
fn what_is_kept_follows_its_entities() {
    let mut original = world();
    let (mut middle, _) = load(&saved(&original, full()), &little(), &keeping()).unwrap();
    // What the little program does: it despawns some, changes others, and spawns a few.
    let change = |world: &mut World| {
        let all: Vec<(Entity, String)> = world
            .query::<(Entity, &Label)>()
            .iter()
            .map(|(entity, label)| (entity, label.0.clone()))
            .collect();
        for (entity, label) in all {
            match label.as_str() {
                "4" | "5" | "10" => world.despawn(entity).unwrap(),
                "3" | "6" => world.insert_one(entity, Health { current: 1, max: 2 }).unwrap(),
                _ => {}
            }
        }
        world.spawn((Label("new".into()),));
    };
    change(&mut middle);
    change(&mut original);
    let (back, report) = load(&saved(&middle, &little()), full(), &SpawnOptions::default()).unwrap();
    // "5" was named by "0" and by nobody else, "4" by "3", "10" by "9".
    assert_eq!(report.dangling, 3);
    assert_eq!(census(&back), census(&original));
    assert_eq!(back.query::<(&Health, &Friends)>().iter().count(), 2);
}

#[test]
fn what_is_registered_later_is_reported_until_it_is_loaded_again() {
    let (middle, _) = load(&saved(&world(), full()), &little(), &keeping()).unwrap();
    let mut more = little();
    more.add::<Position>().unwrap();
    let capture = middle.capture(&more).unwrap();
    let [left] = capture.left_out.as_slice() else { panic!("{:?}", capture.left_out) };
    assert_eq!((left.component.as_str(), left.count, left.reason), ("test.position", 6, Reason::KeptBefore));
    assert!(capture.doc.column("test.position").is_none());
    assert!(capture.doc.column("test.friends").is_some());
    capture.doc.check().unwrap();
}

#[test]
fn skipped_components_are_gone_and_reported() {
    let mut options = SpawnOptions::default();
    options.unknown = Unknown::Skip;
    let (loaded, report) = load(&saved(&world(), full()), &little(), &options).unwrap();
    assert!(report.unknown.contains(&("test.friends".to_owned(), 4)));
    let bytes = saved(&loaded, &little());
    decode(&bytes, |doc| assert!(doc.column("test.friends").is_none()));
    assert_eq!(loaded.len(), 12);
}

#[derive(Persist, Serialize, Deserialize)]
#[persist(crate = "keepstone_ecs_persist", name = "test.varied")]
#[serde(untagged)]
enum Varied {
    Small(u32),
    Text(String),
}

#[test]
fn a_second_file_that_wrote_an_unknown_component_otherwise_is_refused() {
    let little = little();
    let spawn = |target: &mut World, numbers: &[u32]| {
        let mut registry = Registry::default();
        registry.add::<Varied>().unwrap();
        let mut source = World::new();
        for &number in numbers {
            source.spawn((if number < 10 {
                Varied::Small(number)
            } else {
                Varied::Text(number.to_string())
            },));
        }
        load_into(target, &saved(&source, &registry), &little, &keeping())
    };
    let mut target = World::new();
    spawn(&mut target, &[1, 2]).unwrap();
    spawn(&mut target, &[3]).unwrap();
    let error = spawn(&mut target, &[4, 20]).unwrap_err();
    assert!(matches!(error, Error::KeptOtherwise { ref name } if name == "test.varied"), "{error}");
    assert_eq!(target.len(), 3);
    decode(&saved(&target, &little), |doc| {
        assert_eq!(doc.column("test.varied").unwrap().dangling(), 0);
        assert_eq!(doc.value_count(), 3);
    });

    // hecs moves whole entities between worlds: what two of them keep may then not fit together.
    let mut other = World::new();
    spawn(&mut other, &[4, 20]).unwrap();
    let stranger = other.iter().next().unwrap().entity();
    let taken = other.take(stranger).unwrap();
    target.spawn(taken);
    let error = target.capture(&little).unwrap_err();
    assert!(matches!(error, Error::KeptOtherwise { ref name } if name == "test.varied"), "{error}");
}
