//! One file, two ECS.

use std::collections::BTreeMap;

use keepstone_ecs_persist::{Persist as _, SpawnOptions};
use keepstone_hecs::EcsWorld;
use serde::{Deserialize, Serialize};

use crate::support::{decode, keeping, through_bytes};

/// A component of both, with one definition; the names of the fields' entities are each its own.
#[derive(bevy_ecs::component::Component, keepstone_hecs::Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_hecs", name = "both.place", pod)]
#[repr(C)]
struct Place {
    x: f64,
    y: f64,
}

#[derive(
    bevy_ecs::component::Component, keepstone_hecs::Persist, Clone, PartialEq, Debug, Serialize, Deserialize,
)]
#[persist(crate = "keepstone_hecs", name = "both.title")]
struct Title {
    text: String,
    tags: Vec<Option<u8>>,
}

#[derive(bevy_ecs::component::Component, keepstone_hecs::Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_hecs", name = "both.marked")]
struct Marked;

mod bevy {
    use super::{BTreeMap, Deserialize, Serialize};
    pub(super) use bevy_ecs::prelude::*;
    use keepstone_bevy::Persist;

    #[derive(Component, Persist, Serialize, Deserialize, Clone)]
    #[persist(crate = "keepstone_bevy", name = "both.links")]
    pub(super) struct Links {
        pub(super) next: Entity,
        pub(super) by_name: BTreeMap<String, Option<Entity>>,
    }

    #[derive(Resource, Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
    #[persist(crate = "keepstone_bevy", name = "both.season")]
    pub(super) struct Season(pub(super) String);

    pub(super) fn registry() -> keepstone_bevy::Registry {
        use keepstone_bevy::RegistryExt as _;
        let mut registry =
            <World as keepstone_bevy::EcsWorld<keepstone_bevy::Bevy>>::derived_registry().unwrap().clone();
        registry.add::<super::Place>().unwrap();
        registry.add::<super::Title>().unwrap();
        registry.add::<super::Marked>().unwrap();
        registry
    }
}

mod hecs_side {
    use super::{BTreeMap, Deserialize, Serialize};
    pub(super) use hecs::{Entity, World};
    use keepstone_hecs::Persist;

    #[derive(Persist, Serialize, Deserialize, Clone)]
    #[persist(crate = "keepstone_hecs", name = "both.links")]
    pub(super) struct Links {
        pub(super) next: Entity,
        pub(super) by_name: BTreeMap<String, Option<Entity>>,
    }
}

use crate::relationships::Parent;

/// What a world says, in words that both ECS have.
type Census = BTreeMap<String, String>;

/// The name of the next, and the others by name.
type Named = (String, Vec<(String, Option<String>)>);

fn line(
    place: Option<&Place>,
    title: &Title,
    marked: bool,
    links: Option<&Named>,
    children: &[String],
) -> String {
    format!("{place:?} {title:?} {marked} {links:?} {children:?}")
}

fn bevy_census(world: &mut bevy::World) -> Census {
    use bevy::*;
    let name = |world: &World, who: Entity| world.get::<Title>(who).unwrap().text.clone();
    let mut query = world.query::<(Entity, &Title)>();
    let all: Vec<(Entity, Title)> =
        query.iter(world).map(|(entity, title)| (entity, title.clone())).collect();
    let mut census = Census::new();
    for (entity, title) in all {
        let links = world.get::<Links>(entity).map(|links| {
            let by_name =
                links.by_name.iter().map(|(key, who)| (key.clone(), who.map(|who| name(world, who))));
            (name(world, links.next), by_name.collect())
        });
        let children: Vec<String> = world
            .get::<Children>(entity)
            .map(|children| children.iter().map(|who| name(world, who)).collect())
            .unwrap_or_default();
        let marked = world.get::<Marked>(entity).is_some();
        census.insert(title.text.clone(), line(world.get(entity), &title, marked, links.as_ref(), &children));
    }
    census
}

fn hecs_census(world: &hecs_side::World) -> Census {
    use hecs_side::*;
    let name = |who: Entity| world.get::<&Title>(who).unwrap().text.clone();
    let mut census = Census::new();
    for entity in world {
        let Some(title) = entity.get::<&Title>() else { continue };
        let links = entity.get::<&Links>().map(|links| {
            let by_name = links.by_name.iter().map(|(key, who)| (key.clone(), who.map(name)));
            (name(links.next), by_name.collect())
        });
        let mut children: Vec<(u32, String)> = world
            .query::<(Entity, &Parent)>()
            .iter()
            .filter(|(_, parent)| parent.of == entity.entity())
            .map(|(child, parent)| (parent.place, name(child)))
            .collect();
        children.sort();
        let children: Vec<String> = children.into_iter().map(|(_, name)| name).collect();
        let place = entity.get::<&Place>();
        let marked = entity.has::<Marked>();
        census.insert(title.text.clone(), line(place.as_deref(), &title, marked, links.as_ref(), &children));
    }
    census
}

fn bevy_world() -> bevy::World {
    use bevy::*;
    let mut world = World::new();
    world.insert_resource(Season("autumn".into()));
    let ids: Vec<Entity> =
        (0..10).map(|i| world.spawn(Title { text: i.to_string(), tags: vec![None, Some(i)] }).id()).collect();
    for (i, &id) in ids.iter().enumerate() {
        let mut entity = world.entity_mut(id);
        if i % 2 == 0 {
            entity.insert(Place { x: f64::MIN_POSITIVE, y: -0.0 });
        }
        if i % 3 == 0 {
            let by_name = [("a".to_owned(), None), ("b".to_owned(), Some(ids[(i + 4) % 10]))].into();
            entity.insert((Marked, Links { next: ids[(i + 7) % 10], by_name }));
        }
    }
    for i in [8, 2, 5] {
        world.entity_mut(ids[i]).insert(ChildOf(ids[1]));
    }
    world
}

fn bevy_bytes(world: &bevy::World) -> Vec<u8> {
    through_bytes(&EcsWorld::capture(world, &bevy::registry()).unwrap())
}

#[test]
fn a_world_of_bevy_goes_through_hecs_and_back() {
    let mut original = bevy_world();
    let bytes = bevy_bytes(&original);
    let registry = crate::support::full();
    let mut middle = hecs_side::World::new();
    let report = decode(&bytes, |doc| middle.spawn_doc(doc, registry, &keeping())).unwrap();
    assert_eq!(report.unknown, [("both.season".to_owned(), 1)]);
    assert_eq!(hecs_census(&middle), bevy_census(&mut original));
    assert_eq!(bevy_census(&mut original).len(), 10);

    let bytes = through_bytes(&middle.capture(registry).unwrap());
    let mut back = bevy::World::new();
    let options = SpawnOptions::default();
    let report =
        decode(&bytes, |doc| EcsWorld::spawn_doc(&mut back, doc, &bevy::registry(), &options)).unwrap();
    assert_eq!((report.resources, report.dangling), (1, 0));
    assert_eq!(bevy_census(&mut back), bevy_census(&mut original));
    assert_eq!(back.resource::<bevy::Season>().0, "autumn");
}

#[test]
fn a_world_of_hecs_goes_through_bevy_and_back() {
    use hecs_side::*;
    let mut original = World::new();
    let ids: Vec<Entity> =
        (0..7_u8).map(|i| original.spawn((Title { text: i.to_string(), tags: vec![Some(i)] },))).collect();
    original.insert(ids[3], (Marked, Place { x: 1.0, y: f64::MAX })).unwrap();
    let by_name = [("x".to_owned(), Some(ids[6]))].into();
    original.insert_one(ids[0], Links { next: ids[0], by_name }).unwrap();
    for (place, i) in [(4, 2), (3, 1), (9, 6)] {
        original.insert_one(ids[i], Parent { of: ids[5], place }).unwrap();
    }
    let registry = crate::support::full();
    let bytes = through_bytes(&original.capture(registry).unwrap());
    let mut middle = bevy::World::new();
    let options = SpawnOptions::default();
    decode(&bytes, |doc| EcsWorld::spawn_doc(&mut middle, doc, &bevy::registry(), &options)).unwrap();
    assert_eq!(bevy_census(&mut middle), hecs_census(&original));

    let bytes = bevy_bytes(&middle);
    let mut back = World::new();
    let report = decode(&bytes, |doc| back.spawn_doc(doc, registry, &options)).unwrap();
    assert_eq!(report.unknown, []);
    assert_eq!(hecs_census(&back), hecs_census(&original));
    assert!(hecs_census(&original)["5"].ends_with(r#"["1", "2", "6"]"#), "{:?}", hecs_census(&original)["5"]);
}

#[test]
fn what_hecs_does_not_know_of_a_bevy_file_is_kept_with_its_order() {
    use keepstone_hecs::RegistryExt as _;
    let mut original = bevy_world();
    let mut little = keepstone_hecs::Registry::default();
    little.add::<Title>().unwrap();
    let mut middle = hecs_side::World::new();
    let bytes = bevy_bytes(&original);
    decode(&bytes, |doc| middle.spawn_doc(doc, &little, &keeping())).unwrap();
    let bytes = through_bytes(&middle.capture(&little).unwrap());
    let mut back = bevy::World::new();
    let options = SpawnOptions::default();
    decode(&bytes, |doc| EcsWorld::spawn_doc(&mut back, doc, &bevy::registry(), &options)).unwrap();
    assert_eq!(bevy_census(&mut back), bevy_census(&mut original));
    assert_eq!(Title::NAME, "both.title");
}
