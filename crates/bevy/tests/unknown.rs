//! A program that doesn't know some components loads a world, changes it, and saves it again.

use bevy_ecs::prelude::*;
use keepstone_bevy::{Bevy, EcsWorld, Error, Persist, Registry, RegistryExt, SpawnOptions, Unknown};
use serde::{Deserialize, Serialize};

use crate::support::{Health, Label, Player, Poisoned, Position, Sparse, decode, load, through_bytes};

#[derive(Component, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.knows_who")]
struct KnowsWho(Vec<Option<Entity>>);

#[derive(Component, Persist, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.follows", relationship)]
#[relationship(relationship_target = Followers)]
struct Follows(Entity);

#[derive(Component, Debug)]
#[relationship_target(relationship = Follows)]
struct Followers(Vec<Entity>);

#[derive(Resource, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.season")]
struct Season(String);

/// A registry that knows labels and health alone.
fn little() -> Registry {
    let mut registry = Registry::default();
    registry.add::<Label>().unwrap();
    registry.add::<Health>().unwrap();
    registry
}

fn full() -> &'static Registry {
    <World as EcsWorld<Bevy>>::derived_registry().unwrap()
}

fn world() -> World {
    let mut world = World::new();
    world.insert_resource(Season("autumn".into()));
    let ids: Vec<Entity> = (0..12).map(|i| world.spawn(Label(i.to_string())).id()).collect();
    for (i, &id) in ids.iter().enumerate() {
        let at = |step: usize| ids[(i + step) % ids.len()];
        let mut entity = world.entity_mut(id);
        if i % 2 == 0 {
            entity.insert(Position { x: 1.0, y: 2.0, z: f32::from(u8::try_from(i).unwrap()) });
        }
        if i % 3 == 0 {
            entity.insert((KnowsWho(vec![Some(at(1)), None, Some(at(5))]), Player, Sparse(i as u64)));
        }
        if i % 4 == 1 {
            entity.insert(Poisoned { turns: 3 });
        }
    }
    // The order in the list on the target is not that of the entities.
    for &i in &[7, 3, 5, 9] {
        world.entity_mut(ids[i]).insert(Follows(ids[0]));
    }
    world
}

/// The labels of all entities with their other components, as text.
fn census(world: &mut World) -> Vec<String> {
    type All<'a> = (
        Entity,
        &'a Label,
        Option<&'a Position>,
        Option<&'a KnowsWho>,
        Has<Player>,
        Option<&'a Sparse>,
        Option<&'a Poisoned>,
        Option<&'a Followers>,
    );
    let name = |world: &World, entity: Entity| world.get::<Label>(entity).unwrap().0.clone();
    let mut lines: Vec<String> = Vec::new();
    let mut query = world.query::<All>();
    for (_, label, position, knows, player, sparse, poisoned, followers) in query.iter(world) {
        let knows =
            knows.map(|knows| knows.0.iter().map(|who| who.map(|who| name(world, who))).collect::<Vec<_>>());
        let followers = followers.map(|list| list.0.iter().map(|&who| name(world, who)).collect::<Vec<_>>());
        lines
            .push(format!("{label:?} {position:?} {knows:?} {player} {sparse:?} {poisoned:?} {followers:?}"));
    }
    lines.sort();
    lines
}

#[test]
fn what_is_kept_comes_back_as_it_was() {
    let mut original = world();
    let little = little();
    let bytes = through_bytes(&original.capture(full()).unwrap());
    let (middle, report) = load(&bytes, &little, false).unwrap();
    let names: Vec<&str> = report.unknown.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"test.follows") && names.contains(&"test.season"), "{names:?}");
    let capture = middle.capture(&little).unwrap();
    assert!(capture.left_out.iter().all(|left| !left.component.contains("Kept")), "{:?}", capture.left_out);
    let (mut back, _) = load(&through_bytes(&capture), full(), true).unwrap();
    assert_eq!(census(&mut back), census(&mut original));
    assert_eq!(back.resource::<Season>(), &Season("autumn".into()));
    assert_eq!(census(&mut original).len(), 12);
}

#[test]
fn what_is_kept_follows_its_entities() {
    let mut original = world();
    let little = little();
    let bytes = through_bytes(&original.capture(full()).unwrap());
    let (mut middle, report) = load(&bytes, &little, false).unwrap();
    // What the little program does: it despawns some, changes others, and spawns a few.
    let gone: Vec<Entity> = middle
        .query::<(Entity, &Label)>()
        .iter(&middle)
        .filter(|(_, label)| ["4", "5", "10"].contains(&label.0.as_str()))
        .map(|(entity, _)| entity)
        .collect();
    assert_eq!((gone.len(), report.entities.len()), (3, 12));
    for entity in gone {
        assert!(middle.despawn(entity));
    }
    middle.spawn(Label("new".into()));
    let (mut back, _) = load(&through_bytes(&middle.capture(&little).unwrap()), full(), false).unwrap();
    for entity in original
        .query::<(Entity, &Label)>()
        .iter(&original)
        .map(|(e, l)| (e, l.0.clone()))
        .collect::<Vec<_>>()
    {
        if ["4", "5", "10"].contains(&entity.1.as_str()) {
            original.despawn(entity.0);
        }
    }
    original.spawn(Label("new".into()));
    // References to what is gone are none; the rest is as if the full program had done it.
    let clean = |world: &mut World| {
        let alive: Vec<Entity> =
            world.query::<(Entity, &Label)>().iter(world).map(|(entity, _)| entity).collect();
        for mut knows in world.query::<&mut KnowsWho>().iter_mut(world) {
            knows.0.iter_mut().for_each(|who| *who = who.filter(|who| alive.contains(who)));
        }
        census(world)
    };
    assert_eq!(clean(&mut back), clean(&mut original));
}

#[test]
fn skipped_components_are_gone_and_reported() {
    let bytes = through_bytes(&world().capture(full()).unwrap());
    let little = little();
    let mut options = SpawnOptions::default();
    options.unknown = Unknown::Skip;
    let mut target = World::new();
    let report = decode(&bytes, |doc| target.spawn_doc(doc, &little, &options)).unwrap();
    assert!(report.unknown.iter().any(|(name, count)| name == "test.knows_who" && *count == 4));
    let capture = target.capture(&little).unwrap();
    assert!(capture.doc.column("test.knows_who").is_none());
}

#[test]
fn a_second_file_that_wrote_an_unknown_component_otherwise_is_refused() {
    let little = little();
    let spawn = |target: &mut World, numbers: &[u32]| {
        #[derive(Component, Persist, Serialize, Deserialize)]
        #[persist(crate = "keepstone_ecs_persist", name = "test.varied")]
        #[serde(untagged)]
        enum Varied {
            Small(u32),
            Text(String),
        }
        let mut registry = Registry::default();
        registry.add::<Varied>().unwrap();
        let mut source = World::new();
        for &number in numbers {
            source.spawn(if number < 10 { Varied::Small(number) } else { Varied::Text(number.to_string()) });
        }
        let bytes = through_bytes(&source.capture(&registry).unwrap());
        let mut options = SpawnOptions::default();
        options.unknown = Unknown::Keep;
        decode(&bytes, |doc| target.spawn_doc(doc, &little, &options))
    };
    let mut target = World::new();
    spawn(&mut target, &[1, 2]).unwrap();
    spawn(&mut target, &[3]).unwrap();
    let before = target.entities().count_spawned();
    let error = spawn(&mut target, &[4, 20]).unwrap_err();
    assert!(matches!(error, Error::KeptOtherwise { ref name } if name == "test.varied"), "{error}");
    assert_eq!(target.entities().count_spawned(), before);
    assert_eq!(target.capture(&little).unwrap().doc.column("test.varied").unwrap().dangling(), 0);
}
