use std::{borrow::Cow, collections::BTreeSet};

use keepstone_derive::Persist;
use keepstone_ecs_persist::{
    Capture, Error, Filter, Filtered, IdSource, LeftOut, NONE, PersistId, Reason, Table, WorldDoc,
};
use keepstone_value::{EntityType, Resolve};
use serde::{Deserialize, Serialize};

use crate::{
    random::{Id, Random, model, rows, world},
    support::{Pos, column, links, plain},
};

#[derive(Persist, Serialize, Deserialize, Clone)]
#[persist(crate = "keepstone_ecs_persist", name = "b.name")]
struct Name(String);

#[derive(Persist, Serialize, Deserialize, Clone, Copy)]
#[persist(crate = "keepstone_ecs_persist", name = "d.likes")]
struct Likes(Option<Id>);

/// Entities 0 to 5: two with position and name, two with position, likes and parent, two that are bare.
fn crowd() -> WorldDoc<'static> {
    let at = [(1.0, 2.0), (3.0, 4.0), (f32::NAN, 0.0), (9.0, 9.0)].map(|(x, y)| Pos { x, y });
    let mut doc = WorldDoc::default();
    doc.tables = vec![
        Table { rows: 2, components: vec![0, 1, 4] },
        Table { rows: 2, components: vec![0, 2, 3, 4] },
        Table { rows: 2, components: vec![] },
    ];
    doc.columns = vec![
        column("a.pos", false, plain(&at)),
        column("b.name", false, rows(&[Name("ann".into()), Name("bo".into())])),
        column("c.parent", false, links(&[0, 4], None)),
        column("d.likes", false, rows(&[Likes(Some(Id(5))), Likes(None)])),
        column(PersistId::COMPONENT, false, plain(&[11_u64, 12, 13, 14])),
        column(IdSource::RESOURCE, true, plain(&[[0_u64, 20]])),
        column("z.clock", true, plain(&[99_u64])),
    ];
    doc.columns.sort_by(|a, b| a.schema.name.cmp(&b.schema.name));
    let places: Vec<u16> = ["a.pos", "b.name", "c.parent", "d.likes", PersistId::COMPONENT]
        .map(|name| doc.columns.iter().position(|c| c.schema.name == name).unwrap())
        .map(|at| u16::try_from(at).unwrap())
        .to_vec();
    for table in &mut doc.tables {
        table.components.iter_mut().for_each(|c| *c = places[usize::from(*c)]);
    }
    doc.check().unwrap();
    doc.into_owned()
}

fn names(doc: &WorldDoc<'_>) -> Vec<String> {
    doc.columns.iter().map(|column| column.schema.name.clone()).collect()
}

fn kept(filtered: &Filtered<'_>) -> Vec<u32> {
    (0..).zip(&filtered.ordinals).filter(|(_, new)| **new != NONE).map(|(old, _)| old).collect()
}

fn apply(filter: &Filter) -> Filtered<'static> {
    let filtered = filter.apply(&crowd()).unwrap().into_owned();
    filtered.doc.check().unwrap();
    filtered
}

#[test]
fn a_filter_without_conditions_changes_nothing() {
    for seed in 0..50 {
        let doc = world(&mut Random(seed), 6);
        let filtered = Filter::new().apply(&doc).unwrap();
        assert_eq!(filtered.doc, doc);
        assert_eq!((filtered.left_out.len(), filtered.entities_left_out, filtered.dangling), (0, 0, 0));
    }
}

#[test]
fn a_list_of_components_leaves_those_and_our_own() {
    let filtered = apply(&Filter::new().only(["a.pos"]).only(["z.clock"]));
    assert_eq!(names(&filtered.doc), ["a.pos", IdSource::RESOURCE, PersistId::COMPONENT, "z.clock"]);
    assert_eq!(kept(&filtered), [0, 1, 2, 3, 4, 5]);
    let left = |name: &str, count| LeftOut::new(name.into(), count, Reason::Filtered);
    assert_eq!(filtered.left_out, [left("b.name", 2), left("c.parent", 2), left("d.likes", 2)]);
    let filtered = apply(&Filter::new().only(["a.pos"]).without([PersistId::COMPONENT, IdSource::RESOURCE]));
    assert_eq!(names(&filtered.doc), ["a.pos"]);
}

#[test]
fn components_and_resources_can_be_left_out() {
    let filtered = apply(&Filter::new().without(["z.clock", "c.parent", "not.there"]));
    assert_eq!(
        names(&filtered.doc),
        ["a.pos", "b.name", "d.likes", IdSource::RESOURCE, PersistId::COMPONENT]
    );
    assert_eq!(filtered.entities_left_out, 0);
}

#[test]
fn entities_of_which_no_component_is_left_go() {
    let filtered = apply(&Filter::new().only(["b.name"]));
    assert_eq!(kept(&filtered), [0, 1, 4, 5], "the last two had nothing to begin with");
    assert_eq!(filtered.entities_left_out, 2);
}

#[test]
fn markers_choose_entities_whether_they_are_saved_or_not() {
    assert_eq!(kept(&apply(&Filter::new().having("b.name"))), [0, 1]);
    assert_eq!(kept(&apply(&Filter::new().not_having("b.name"))), [2, 3, 4, 5]);
    assert_eq!(kept(&apply(&Filter::new().having("a.pos").not_having("b.name"))), [2, 3]);
    assert_eq!(kept(&apply(&Filter::new().having("not.there"))), [] as [u32; 0]);
    let filtered = apply(&Filter::new().having("b.name").without(["b.name"]));
    assert_eq!((kept(&filtered), filtered.doc.column("b.name")), (vec![0, 1], None));
}

#[test]
fn a_region_keeps_what_lies_in_it_and_nothing_that_lies_nowhere() {
    let within = |min, max| kept(&apply(&Filter::new().within(|at: &Pos| [at.x, at.y], min, max)));
    assert_eq!(within([0.0, 0.0], [5.0, 5.0]), [0, 1]);
    assert_eq!(within([3.0, 4.0], [9.0, 9.0]), [1, 3], "the corners belong to it");
    assert_eq!(
        within([-1e9, -1e9], [1e9, 1e9]),
        [0, 1, 3],
        "not a number is nowhere, and so is who has no position"
    );
}

#[test]
fn predicates_see_values_names_and_targets() {
    let by_value = Filter::new().where_value(|name: &Name| name.0.starts_with('b'));
    assert_eq!(kept(&apply(&by_value)), [1]);
    let by_id = Filter::new().entities(|row| row.persist_id().is_some_and(|id| id.0 > 12));
    assert_eq!(kept(&apply(&by_id)), [2, 3]);
    let child =
        Filter::new().entities(|row| row.target("c.parent") == Some(0) && row.target("a.pos").is_none());
    assert_eq!(kept(&apply(&child)), [2]);
    let several = Filter::new().entities(|row| match row.get::<Name>() {
        Some(name) => row.has("a.pos") && name.0 == "ann" && row.get::<Pos>().is_some_and(|at| at.x < 2.0),
        None => row.ordinal() == 5,
    });
    assert_eq!(kept(&apply(&several)), [0, 5]);
}

#[test]
fn references_to_who_was_left_out_are_counted() {
    let filtered = apply(&Filter::new().having("c.parent"));
    assert_eq!(kept(&filtered), [2, 3]);
    assert_eq!(filtered.dangling, 3);
    let parents = &filtered.doc.column("c.parent").unwrap().data;
    assert!(
        matches!(parents, keepstone_ecs_persist::ColumnData::References { targets, .. } if targets.as_ref() == [NONE, NONE])
    );
}

#[test]
fn who_is_referred_to_can_be_kept_bare() {
    let filtered = apply(&Filter::new().having("c.parent").keep_referenced());
    assert_eq!((kept(&filtered), filtered.bare, filtered.dangling), (vec![0, 2, 3, 4, 5], 3, 0));
    assert_eq!(filtered.doc.column("a.pos").map(|_| filtered.doc.rows_per_column()[0]), Some(2));
    let ids = filtered.doc.rows_per_column()
        [filtered.doc.columns.iter().position(|c| c.schema.name == PersistId::COMPONENT).unwrap()];
    assert_eq!(ids, 3, "entity 0 keeps its id");
    let unlisted = apply(&Filter::new().having("c.parent").only(["a.pos"]).keep_referenced());
    assert_eq!(unlisted.bare, 0, "components that are left out keep nobody");
}

#[test]
fn random_filters_keep_what_they_say() {
    for seed in 0..80 {
        let mut random = Random(seed);
        let doc = world(&mut random, 6);
        let odd = random.chance(2);
        let mut filter =
            Filter::new().entities(move |row| row.persist_id().is_some_and(|id| id.0 % 2 == u64::from(odd)));
        if random.chance(2) {
            filter = filter.keep_referenced();
        }
        let filtered = filter.apply(&doc).unwrap();
        let (before, after) = (model(&doc), model(&filtered.doc));
        let chosen: BTreeSet<u128> =
            before.entities.keys().copied().filter(|tag| tag % 2 == u128::from(odd)).collect();
        for tag in &chosen {
            let bodies = |model: &crate::random::Model| -> Vec<_> {
                model.entities[tag].iter().map(|(name, value)| (name.clone(), value.body.clone())).collect()
            };
            assert_eq!(bodies(&before), bodies(&after), "seed {seed}");
        }
        let bare = after.entities.keys().filter(|tag| !chosen.contains(tag)).count() as u64;
        assert_eq!(bare, filtered.bare, "seed {seed}");
        if format!("{filter:?}").contains("keep_referenced: true") {
            assert_eq!(filtered.dangling, 0, "seed {seed}");
        } else {
            assert_eq!(bare, 0);
        }
    }
}

/// An ECS whose entities are ordinals plus 100.
struct Shifted;

impl Resolve for Shifted {
    fn entity(&self) -> EntityType {
        EntityType::of::<Id>()
    }

    fn bits(&mut self, ordinal: u32) -> u64 {
        u64::from(ordinal) + 100
    }
}

#[test]
fn values_that_hold_entities_are_read_with_the_help_of_the_ecs() {
    let filter = Filter::new().where_value(|likes: &Likes| likes.0 == Some(Id(105)));
    let doc = crowd();
    assert_eq!(kept(&filter.apply_with(&doc, &mut Shifted).unwrap()), [2]);
    let error = filter.apply(&doc).unwrap_err();
    assert!(matches!(error, Error::NotSupported { .. }), "{error}");
}

#[test]
fn a_value_that_cannot_be_read_is_an_error() {
    #[derive(Persist, Clone, Copy)]
    #[persist(crate = "keepstone_ecs_persist", name = "a.pos", pod)]
    #[repr(C)]
    struct Other {
        x: [u8; 4],
    }
    let error = Filter::new().where_value(|other: &Other| other.x[0] > 0).apply(&crowd()).unwrap_err();
    assert!(matches!(&error, Error::Mismatch { name, .. } if name == "a.pos"), "{error}");

    let two = Filter::new().where_value(|_: &Pos| true).where_value(|_: &Other| true);
    let error = two.apply(&crowd()).unwrap_err();
    assert!(matches!(error, Error::Mismatch { .. }), "{error}");

    let mut newer = crowd();
    newer.columns[0].schema.version = 2;
    let error = Filter::new().where_value(|_: &Pos| true).apply(&newer).unwrap_err();
    assert!(matches!(error, Error::NewerComponent { found: 2, newest: 1, .. }), "{error}");
}

#[test]
fn a_filtered_capture_knows_its_entities_and_says_what_is_not_there() {
    let entities: Vec<u64> = (70..76).collect();
    let mut capture = Capture::new(crowd(), vec![Cow::Owned(entities)]);
    capture.left_out.push(LeftOut::new("game::Cache".into(), 1, Reason::NotRegistered));
    capture.dangling = 2;
    let filtered = capture.filtered(&Filter::new().having("c.parent").keep_referenced()).unwrap();
    // Rows of one table that keep other components stand apart.
    let by_ordinal: Vec<u64> = filtered.entities().collect();
    assert_eq!(by_ordinal.len(), filtered.doc.entity_count() as usize);
    assert_eq!(by_ordinal.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from([70, 72, 73, 74, 75]));
    assert_eq!(filtered.left_out[0].reason, Reason::NotRegistered);
    assert!(filtered.left_out[1..].iter().all(|left| left.reason == Reason::Filtered));
    assert_eq!((filtered.entities_left_out, filtered.dangling), (1, 2));
    let chosen = capture.filtered(&Filter::new().where_value(|at: &Pos| at.x > 8.0)).unwrap();
    assert_eq!(chosen.entities().collect::<Vec<_>>(), [73]);
}
