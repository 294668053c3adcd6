use hecs::{Entity, World};
use keepstone_ecs_persist::ColumnData;
use keepstone_hecs::{EcsWorld, Error, Persist, Registry, RegistryExt, Relationship, SpawnOptions};
use serde::{Deserialize, Serialize};

use crate::support::{Label, check, decode, full, load, saved};

/// As bevy's, and it keeps the order of children.
#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_hecs", name = "bevy_ecs.ChildOf", relationship)]
pub(crate) struct Parent {
    pub(crate) of: Entity,
    pub(crate) place: u32,
}

impl Relationship for Parent {
    fn new(target: Entity, place: u32) -> Self {
        Self { of: target, place }
    }

    fn target(&self) -> Entity {
        self.of
    }

    fn place(&self) -> u32 {
        self.place
    }
}

/// The labels of the children of the entity with this label, in their order.
pub(crate) fn children(world: &World, parent: &str) -> Vec<String> {
    let mut found: Vec<(u32, String)> = Vec::new();
    for (child, label) in &mut world.query::<(&Parent, &Label)>() {
        if world.get::<&Label>(child.of).is_ok_and(|of| of.0 == parent) {
            found.push((child.place, label.0.clone()));
        }
    }
    found.sort();
    found.into_iter().map(|(_, label)| label).collect()
}

fn family(places: &[u32]) -> World {
    let mut world = World::new();
    let root = world.spawn((Label("root".into()),));
    for (i, &place) in places.iter().enumerate() {
        world.spawn((Label(i.to_string()), Parent { of: root, place }));
    }
    world
}

#[test]
fn the_order_of_children_comes_back_and_gaps_close() {
    let world = family(&[30, 7, 100, 8]);
    assert_eq!(children(&world, "root"), ["1", "3", "0", "2"]);
    let (loaded, _) = check(&world);
    assert_eq!(children(&loaded, "root"), ["1", "3", "0", "2"]);
    let mut places: Vec<u32> = loaded.query::<&Parent>().iter().map(|parent| parent.place).collect();
    places.sort_unstable();
    assert_eq!(places, [0, 1, 2, 3]);
}

#[test]
fn an_order_that_is_that_of_the_entities_takes_no_bytes() {
    for (places, written) in [([0, 1, 2], false), ([5, 5, 5], false), ([2, 1, 0], true)] {
        let bytes = saved(&family(&places), full());
        decode(&bytes, |doc| match &doc.column("bevy_ecs.ChildOf").unwrap().data {
            ColumnData::References { ranks, targets } => {
                assert_eq!((ranks.is_some(), targets.len()), (written, 3), "{places:?}");
            }
            other => panic!("{other:?}"),
        });
        let (loaded, _) = load(&bytes, full(), &SpawnOptions::default()).unwrap();
        let expected = if written { ["2", "1", "0"] } else { ["0", "1", "2"] };
        assert_eq!(children(&loaded, "root"), expected);
        let mut places: Vec<u32> = loaded.query::<&Parent>().iter().map(|parent| parent.place).collect();
        places.sort_unstable();
        assert_eq!(places, [0, 1, 2]);
    }
}

#[test]
fn another_order_of_children_is_a_difference() {
    let (one, other) = (family(&[0, 1, 2]), family(&[0, 2, 1]));
    let ids = |world: &World| {
        let mut ids: Vec<Entity> = world.iter().map(|entity| entity.entity()).collect();
        ids.sort_unstable();
        ids
    };
    let pairs: Vec<_> = ids(&one).into_iter().zip(ids(&other)).collect();
    let found = one.difference(&other, &pairs, full()).unwrap().unwrap();
    assert_eq!(found.component, "bevy_ecs.ChildOf");
}

#[test]
fn a_child_whose_parent_is_gone_stays_and_names_nothing() {
    // Nothing is no target: those that name it have no order.
    let mut world = family(&[1, 0]);
    let root = world.query::<(Entity, &Label)>().without::<&Parent>().iter().next().unwrap().0;
    world.despawn(root).unwrap();
    let (loaded, report) = load(&saved(&world, full()), full(), &SpawnOptions::default()).unwrap();
    assert_eq!((loaded.len(), report.dangling), (2, 2));
    assert!(loaded.query::<&Parent>().iter().all(|parent| parent.of == Entity::DANGLING));
}

#[test]
fn a_relationship_does_not_load_into_a_serde_type() {
    #[derive(Persist, Serialize, Deserialize)]
    #[persist(crate = "keepstone_ecs_persist", name = "bevy_ecs.ChildOf")]
    struct Row(u32);

    let mut registry = Registry::default();
    registry.add::<Row>().unwrap();
    registry.add::<Label>().unwrap();
    let error = load(&saved(&family(&[0]), full()), &registry, &SpawnOptions::default()).err().unwrap();
    assert!(matches!(error, Error::Mismatch { ref found, .. } if found == "relationship"), "{error}");
    let mut world = World::new();
    world.spawn((Row(1),));
    let error = load(&saved(&world, &registry), full(), &SpawnOptions::default()).err().unwrap();
    assert!(matches!(error, Error::Mismatch { ref expected, .. } if expected == "relationship"), "{error}");
}
