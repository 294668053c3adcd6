//! Components and values that are left out on purpose.

use hecs::World;
use keepstone_ecs_persist::{Match, Reason};
use keepstone_hecs::{EcsWorld, Error, Persist, Registry, RegistryExt};
use serde::{Deserialize, Serialize};

use crate::support::{Health, Label, check, full, keeping, little, load, saved, strict};

#[derive(Persist)]
#[persist(crate = "keepstone_hecs", transient)]
struct Hovered;

#[derive(Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_hecs", name = "test.effect", persistent_if = "Effect::lasts")]
struct Effect {
    name: String,
    lasts: bool,
}

impl Effect {
    fn lasts(&self) -> bool {
        self.lasts
    }
}

fn effect(name: &str, lasts: bool) -> Effect {
    Effect { name: name.to_owned(), lasts }
}

#[test]
fn a_transient_component_is_no_loss() {
    let mut world = World::new();
    world.spawn((Label("a".into()), Hovered));
    world.spawn((Hovered,));
    let capture = world.capture(full()).unwrap();
    let [left] = capture.left_out.as_slice() else { panic!("{:?}", capture.left_out) };
    assert_eq!((left.count, left.reason, left.reason.is_loss()), (2, Reason::Transient, false));
    assert_eq!(capture.doc.entity_count(), 1);
    let mut registry = little();
    registry.add_transient::<Hovered>().unwrap();
    assert!(matches!(registry.add_transient::<Label>(), Err(Error::DuplicateType { .. })));
    assert_eq!(world.capture(&registry).unwrap().left_out[0].reason, Reason::Transient);
}

#[test]
fn a_value_that_says_so_is_not_saved_and_its_entity_is() {
    let mut world = World::new();
    world.spawn((effect("burning", false), Label("a".into())));
    world.spawn((effect("cursed", true), Label("b".into())));
    world.spawn((effect("wet", false),));
    let capture = world.capture(full()).unwrap();
    let [left] = capture.left_out.as_slice() else { panic!("{:?}", capture.left_out) };
    assert_eq!((left.count, left.reason), (2, Reason::Transient));
    assert!(left.component.ends_with("Effect"), "{left:?}");
    assert_eq!((capture.doc.entity_count(), capture.doc.value_count()), (3, 3));
    let (loaded, _) = check(&world);
    assert_eq!(
        loaded.query::<&Effect>().iter().map(|effect| effect.name.as_str()).collect::<Vec<_>>(),
        ["cursed"]
    );
}

#[test]
fn a_value_that_says_so_survives_a_restore() {
    let mut world = World::new();
    let a = world.spawn((effect("burning", false), Label("a".into())));
    let b = world.spawn((effect("cursed", true), Label("b".into())));
    let capture = world.capture(full()).unwrap();
    let entities: Vec<_> = capture.entities().collect();
    let doc = capture.doc.into_owned();
    world.get::<&mut Effect>(b).unwrap().lasts = false;
    let report = world.restore_doc(&doc, Match::Entities(&entities), full(), &strict()).unwrap();
    assert_eq!((report.written, report.unchanged, report.removed), (1, 2, 0));
    assert!(world.get::<&Effect>(a).is_ok() && world.get::<&Effect>(b).unwrap().lasts);
    world.insert_one(a, effect("cursed", true)).unwrap();
    let report = world.restore_doc(&doc, Match::Entities(&entities), full(), &strict()).unwrap();
    assert_eq!((report.written, report.unchanged, report.removed), (0, 3, 1));
}

#[test]
fn an_alias_is_read_and_never_written() {
    #[derive(Persist, Clone, Copy)]
    #[persist(crate = "keepstone_ecs_persist", name = "test.vitality", alias = "test.health", pod)]
    #[repr(C)]
    struct Vitality {
        current: i32,
        max: i32,
    }
    let mut registry = Registry::default();
    registry.add::<Vitality>().unwrap();
    let mut old = World::new();
    old.spawn((Health { current: 3, max: 4 },));
    let (loaded, report) = load(&saved(&old, full()), &registry, &strict()).unwrap();
    assert_eq!((report.values, loaded.query::<&Vitality>().iter().next().unwrap().current), (1, 3));
    assert!(loaded.query::<&Vitality>().iter().all(|vitality| vitality.max == 4));
    crate::support::decode(&saved(&loaded, &registry), |doc| {
        assert!(doc.column("test.vitality").is_some() && doc.column("test.health").is_none());
    });

    // Both names in one file.
    let mut both = little();
    both.add_as::<Vitality, keepstone_ecs_persist::AsPlain>("test.vitality", 1).unwrap();
    old.spawn((Vitality { current: 1, max: 2 },));
    let bytes = saved(&old, &both);
    let error = load(&bytes, &registry, &keeping()).err().unwrap();
    assert!(
        matches!(&error, Error::SameComponent { first, second, .. }
            if first == "test.health" && second == "test.vitality"),
        "{error}"
    );
}

#[test]
fn a_foreign_component_is_saved_through_two_functions() {
    struct Grid(Vec<Vec<u8>>);
    let mut registry = Registry::default();
    registry
        .try_add_with(
            "test.grid",
            1,
            |grid: &Grid| (grid.0.len(), grid.0.concat()),
            |(rows, cells): (usize, Vec<u8>)| match cells.len().checked_div(rows) {
                Some(len @ 1..) => Ok(Grid(cells.chunks(len).map(<[u8]>::to_vec).collect())),
                _ => Err("a grid has rows"),
            },
        )
        .unwrap();
    registry.add_with("test.word", 1, |word: &&'static str| word.len(), |len: usize| &"aaaa"[..len]).unwrap();
    let mut world = World::new();
    world.spawn((Grid(vec![vec![1, 2], vec![3, 4]]), "abc"));
    let (loaded, _) = load(&saved(&world, &registry), &registry, &strict()).unwrap();
    assert_eq!(loaded.query::<&Grid>().iter().next().unwrap().0, [[1, 2], [3, 4]]);
    assert_eq!(loaded.query::<&&'static str>().iter().next().copied(), Some("aaa"));
    world.spawn((Grid(Vec::new()),));
    let mut target = World::new();
    let bytes = saved(&world, &registry);
    let error = crate::support::load_into(&mut target, &bytes, &registry, &strict()).unwrap_err();
    assert!(matches!(error, Error::Value { ref component, .. } if component == "test.grid"), "{error}");
    assert_eq!(target.len(), 0);
}

#[test]
fn the_schema_is_what_is_known_without_values() {
    let schema = <World as EcsWorld<keepstone_hecs::Hecs>>::schema(full());
    let named = |name: &str| {
        schema.components().iter().find(|component| component.name == name).map(|c| c.encoding.to_string())
    };
    assert_eq!(named("test.health").as_deref(), Some("plain { current: i32, max: i32 }"));
    assert_eq!(named("bevy_ecs.ChildOf").as_deref(), Some("relationship"));
    assert_eq!(named("keepstone.PersistId").as_deref(), Some("plain u64"));
    assert_eq!(named("test.label"), None);
    assert!(schema.components().is_sorted_by(|a, b| a.name < b.name));
}
