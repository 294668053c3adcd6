//! What the attributes of the derive do to a save.

use bevy_ecs::prelude::*;
use keepstone_bevy::{Bevy, EcsWorld, Error, Persist, Registry, RegistryExt, SpawnOptions};
use keepstone_ecs_persist::{Capture, Encoding, Reason};
use serde::{Deserialize, Serialize};

use crate::support::{Health, Label, Player, Position, check, check_with, decode, load, through_bytes};

#[derive(Component, Persist, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[persist(crate = "keepstone_bevy", name = "test.agent", alias = "test.npc", alias = "test.mob")]
struct Agent(String);

#[derive(Component, Persist, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[persist(crate = "keepstone_ecs_persist", name = "test.npc")]
struct Npc(String);

#[derive(Component, Persist, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[persist(crate = "keepstone_ecs_persist", name = "test.mob")]
struct Mob(String);

#[derive(Component, Persist)]
#[persist(crate = "keepstone_bevy", transient)]
struct Cache(#[expect(dead_code, reason = "only its presence matters")] Vec<u8>);

#[derive(Resource, Persist)]
#[persist(crate = "keepstone_bevy", transient)]
struct Scratch;

#[derive(Component, Persist, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[persist(crate = "keepstone_bevy", name = "test.effect", persistent_if = "Self::should_save")]
struct Effect {
    lasts: bool,
}

impl Effect {
    fn should_save(&self) -> bool {
        self.lasts
    }
}

#[derive(Resource, Persist, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[persist(crate = "keepstone_bevy", name = "test.climate", persistent_if = "is_settled")]
struct Climate {
    settled: bool,
}

fn is_settled(climate: &Climate) -> bool {
    climate.settled
}

#[derive(Component, Persist, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.walker")]
struct Walker {
    goal: Option<Entity>,
    #[persist(skip)]
    path: Vec<f32>,
    speed: u8,
    #[persist(skip, default = "fresh")]
    patience: u32,
}

fn fresh() -> u32 {
    100
}

#[derive(Component, Persist, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.pair")]
struct Pair(#[persist(skip)] u8, String, #[persist(skip, default = "fresh")] u32, u16);

#[derive(PartialEq, Debug, Serialize, Deserialize)]
struct Saved(u8);

/// A field's type may have any name.
#[derive(Component, Persist, PartialEq, Debug)]
#[persist(crate = "keepstone_bevy", name = "test.slot")]
struct Slot {
    saved: Saved,
    #[persist(skip)]
    is_open: bool,
}

#[derive(Component, Persist, PartialEq, Debug, Default)]
#[persist(crate = "keepstone_bevy", name = "test.hollow")]
struct Hollow {
    #[persist(skip)]
    all: u8,
}

/// Written by hand, as `Walker` should be written.
#[derive(Component, Persist, PartialEq, Debug, Serialize, Deserialize)]
#[persist(crate = "keepstone_ecs_persist", name = "test.walker")]
#[serde(rename = "Walker")]
struct WalkerByHand {
    goal: Option<Entity>,
    speed: u8,
}

fn derived() -> &'static Registry {
    <World as EcsWorld<Bevy>>::derived_registry().unwrap()
}

fn left_out(capture: &Capture<'_, Entity>, reason: Reason) -> Vec<(String, u64)> {
    let of_reason = capture.left_out.iter().filter(|left| left.reason == reason);
    of_reason
        .map(|left| (left.component.rsplit("::").next().unwrap_or_default().to_owned(), left.count))
        .collect()
}

#[test]
fn a_saved_field_is_of_its_own_type_whatever_that_is_called() {
    let mut world = World::new();
    world.spawn(Slot { saved: Saved(3), is_open: true });
    let bytes = through_bytes(&world.capture(derived()).unwrap());
    let (mut loaded, _) = load(&bytes, derived(), true).unwrap();
    let slots: Vec<&Slot> = loaded.query::<&Slot>().iter(&loaded).collect();
    assert_eq!(slots, [&Slot { saved: Saved(3), is_open: false }]);
}

#[test]
fn a_column_under_an_old_name_goes_to_its_component_and_is_written_under_the_new() {
    let mut old = Registry::default();
    old.add::<Npc>().unwrap();
    let mut world = World::new();
    world.spawn(Npc("guard".into()));
    let bytes = through_bytes(&world.capture(&old).unwrap());
    let (mut loaded, report) = load(&bytes, derived(), true).unwrap();
    assert!(report.unknown.is_empty());
    let agents: Vec<&Agent> = loaded.query::<&Agent>().iter(&loaded).collect();
    assert_eq!(agents, [&Agent("guard".into())]);
    let capture = loaded.capture(derived()).unwrap();
    assert!(capture.doc.column("test.agent").is_some() && capture.doc.column("test.npc").is_none());
}

#[test]
fn two_columns_of_one_component_are_refused() {
    let mut old = Registry::default();
    old.add::<Npc>().unwrap();
    old.add::<Mob>().unwrap();
    let mut world = World::new();
    world.spawn(Npc("a".into()));
    world.spawn(Mob("b".into()));
    let bytes = through_bytes(&world.capture(&old).unwrap());
    let error = load(&bytes, derived(), true).unwrap_err();
    assert!(
        matches!(&error, Error::SameComponent { first, second, .. } if first == "test.mob" && second == "test.npc"),
        "{error}"
    );
}

#[test]
fn transient_types_are_left_out_without_a_loss() {
    let mut world = World::new();
    world.spawn((Label("a".into()), Cache(vec![1])));
    world.spawn(Cache(vec![2]));
    world.insert_resource(Scratch);
    let capture = world.capture(derived()).unwrap();
    assert_eq!(left_out(&capture, Reason::Transient), [("Cache".to_owned(), 2), ("Scratch".to_owned(), 1)]);
    assert!(capture.left_out.iter().all(|left| !left.reason.is_loss()), "{:?}", capture.left_out);
    assert_eq!((capture.doc.entity_count(), capture.entities_left_out), (1, 1));
}

#[test]
fn a_type_is_saved_or_transient() {
    let mut registry = Registry::default();
    registry.add::<Label>().unwrap();
    assert!(matches!(registry.add_transient::<Label>().unwrap_err(), Error::DuplicateType { .. }));
}

#[test]
fn values_that_say_so_are_left_out_and_their_entities_stay() {
    let mut world = World::new();
    for i in 0..10 {
        world.spawn((Label(i.to_string()), Effect { lasts: i % 3 == 0 }));
    }
    let lonely = world.spawn(Effect { lasts: false }).id();
    world.spawn((Player, Effect { lasts: true }));
    let capture = world.capture(derived()).unwrap();
    assert_eq!(left_out(&capture, Reason::Transient), [("Effect".to_owned(), 7)]);
    assert!(capture.entities().any(|entity| entity == lonely));
    assert_eq!(capture.doc.entity_count(), 12);
    let (mut loaded, _) = check(&world);
    assert_eq!(loaded.query::<&Effect>().iter(&loaded).filter(|effect| effect.lasts).count(), 5);
    assert_eq!(loaded.query::<&Effect>().iter(&loaded).count(), 5);
    assert_eq!(loaded.query::<&Label>().iter(&loaded).count(), 10);
}

#[test]
fn archetypes_whose_values_are_all_saved_stay_whole() {
    let mut world = World::new();
    world.spawn_batch((0..100).map(|i| (Health { current: i, max: 100 }, Effect { lasts: true })));
    let capture = world.capture(derived()).unwrap();
    assert_eq!(capture.doc.tables.len(), 1);
    assert!(left_out(&capture, Reason::Transient).is_empty());
}

#[test]
fn a_resource_can_say_that_it_is_not_saved() {
    let mut world = World::new();
    world.insert_resource(Climate { settled: false });
    let capture = world.capture(derived()).unwrap();
    assert!(capture.doc.column("test.climate").is_none());
    assert_eq!(left_out(&capture, Reason::Transient), [("Climate".to_owned(), 1)]);
    world.insert_resource(Climate { settled: true });
    let (loaded, _) = check(&world);
    assert_eq!(loaded.resource::<Climate>(), &Climate { settled: true });
}

#[test]
fn skipped_fields_come_back_as_their_defaults() {
    let mut world = World::new();
    let goal = world.spawn(Player).id();
    world.spawn(Walker { goal: Some(goal), path: vec![1.0], speed: 7, patience: 3 });
    world.spawn((Pair(1, "kept".into(), 2, 9), Hollow { all: 4 }));
    let (mut loaded, _) = check(&world);
    let walker = loaded.query::<&Walker>().single(&loaded).unwrap();
    assert_eq!((walker.path.len(), walker.speed, walker.patience), (0, 7, 100));
    let goal = walker.goal.unwrap();
    assert!(loaded.get::<Player>(goal).is_some(), "references in saved fields are followed");
    let (pair, hollow) = loaded.query::<(&Pair, &Hollow)>().single(&loaded).unwrap();
    assert_eq!((pair, hollow), (&Pair(0, "kept".into(), 100, 9), &Hollow { all: 0 }));
}

#[test]
fn skipping_writes_what_serde_attributes_would() {
    let mut by_hand = Registry::default();
    by_hand.add::<WalkerByHand>().unwrap();
    let mut world = World::new();
    world.spawn(WalkerByHand { goal: None, speed: 9 });
    let bytes = through_bytes(&world.capture(&by_hand).unwrap());
    let (mut loaded, _) = load(&bytes, derived(), true).unwrap();
    assert_eq!(loaded.query::<&Walker>().single(&loaded).unwrap().speed, 9);
    assert_eq!(through_bytes(&loaded.capture(derived()).unwrap()), bytes);
}

/// Of another crate, without serde.
#[derive(Component, PartialEq, Debug)]
struct Foreign(std::ops::Range<u16>);

#[test]
fn functions_stand_in_for_serde() {
    let mut registry = Registry::default();
    let offset = 1000_u16;
    registry
        .try_add_with::<Foreign, (u16, u16), String>(
            "test.range",
            1,
            move |range| (range.0.start + offset, range.0.end + offset),
            move |(start, end)| match start.checked_sub(offset) {
                Some(start) => Ok(Foreign(start..end - offset)),
                None => Err(format!("{start} is below {offset}")),
            },
        )
        .unwrap();
    let mut world = World::new();
    world.spawn(Foreign(3..7));
    world.spawn(Foreign(4..9));
    check_with(&world, &registry);
    let bytes = through_bytes(&world.capture(&registry).unwrap());

    let mut stricter = Registry::default();
    let from = |_: (u16, u16)| Err::<Foreign, _>("no ranges today");
    stricter.try_add_with::<Foreign, (u16, u16), _>("test.range", 1, |_| (0, 0), from).unwrap();
    let error = load(&bytes, &stricter, true).unwrap_err();
    let Error::Value { component, source } = &error else { panic!("{error}") };
    assert!(component == "test.range" && source.to_string().contains("no ranges today"), "{source}");

    let mut infallible = Registry::default();
    infallible
        .add_with::<Foreign, (u16, u16)>("test.range", 1, |_| (0, 0), |(start, end)| Foreign(start..end))
        .unwrap();
    let (mut loaded, _) = load(&bytes, &infallible, true).unwrap();
    assert_eq!(loaded.query::<&Foreign>().iter(&loaded).next(), Some(&Foreign(1003..1007)));
}

#[test]
fn the_schema_without_values_is_that_of_the_values() {
    let schema = <World as EcsWorld<Bevy>>::schema(derived());
    let names: Vec<&str> = schema.components().iter().map(|component| component.name.as_str()).collect();
    assert!(names.is_sorted() && names.contains(&"test.position") && names.contains(&"test.player"));
    assert!(!names.contains(&"test.label"), "a serde type is known by its values alone");
    let mut world = World::new();
    let parent = world.spawn((Position { x: 0.0, y: 0.0, z: 0.0 }, Player)).id();
    world.spawn((Health { current: 1, max: 2 }, ChildOf(parent)));
    let capture = world.capture(derived()).unwrap();
    for column in &capture.doc.columns {
        assert!(schema.components().contains(&column.schema), "{:?}", column.schema);
    }
    assert!(matches!(
        schema.components().iter().find(|component| component.name == "bevy_ecs.ChildOf").unwrap().encoding,
        Encoding::Reference { linked: true }
    ));
}

/// A relationship of another ECS, named so by the derive.
#[derive(Persist)]
#[persist(crate = "keepstone_bevy", name = "test.owned_by", relationship)]
struct OwnedBy;

#[test]
fn a_relationship_that_is_none_of_bevys_is_passed_over() {
    let _ = OwnedBy;
    assert!(derived().get("test.owned_by").is_none());
}

#[test]
fn a_failed_load_says_which_component_refused() {
    let mut world = World::new();
    world.spawn(Agent("x".into()));
    let bytes = through_bytes(&world.capture(derived()).unwrap());
    let result = decode(&bytes, |doc| {
        World::new().spawn_doc(doc, &Registry::default(), &SpawnOptions::default()).map(drop)
    });
    assert!(matches!(result, Err(Error::UnknownComponent { name }) if name == "test.agent"));
}
