//! What changed between two worlds, for programs.

use keepstone_ecs_persist::{DiffAbout, DiffOptions, Error, MatchedBy, Table, WorldDiff, WorldDoc};

use crate::json::from_json;

const TYPES: &str = r#""version":1,"types":[
    {"name":"bag","version":1,"encoding":"rows","shape":{"newtype":"Bag","inner":{"seq":"str"}}},
    {"name":"likes","version":1,"encoding":"reference"},
    {"name":"pos","version":1,"encoding":"plain","layout":{"struct":{"x":"f32","y":"f32"}}},
    {"name":"tick","version":1,"resource":true,"encoding":"plain","layout":"u64"},
    {"name":"keepstone.PersistId","version":1,"encoding":"plain","layout":"u64"}]"#;

fn world(tick: u64, entities: &str) -> WorldDoc<'static> {
    from_json(&format!(r#"{{{TYPES},"resources":{{"tick":{tick}}},"entities":[{entities}]}}"#)).unwrap()
}

fn diff(a: &WorldDoc<'_>, b: &WorldDoc<'_>) -> WorldDiff {
    let there = a.diff(b, &DiffOptions::default()).unwrap();
    let back = b.diff(a, &DiffOptions::default()).unwrap();
    assert_eq!(there.is_empty(), back.is_empty());
    assert_eq!(there.counts.entities_added, back.counts.entities_removed);
    assert_eq!(there.counts.components_added, back.counts.components_removed);
    there
}

const TWO: &str = r#"
    {"id":0,"components":{"bag":["coin","gem"],"likes":1,"pos":{"x":1.0,"y":2.0},"keepstone.PersistId":101}},
    {"id":1,"components":{"bag":[],"keepstone.PersistId":102}}"#;

#[test]
fn a_world_has_not_changed_from_itself_whatever_the_order_of_its_entities() {
    let moved = r#"
        {"id":0,"components":{"bag":[],"keepstone.PersistId":102}},
        {"id":1,"components":{"bag":["coin","gem"],"likes":0,"pos":{"x":1.0,"y":2.0},"keepstone.PersistId":101}}"#;
    let diff = diff(&world(7, TWO), &world(7, moved));
    assert!(diff.is_empty() && diff.changes.is_empty() && diff.to_string().is_empty(), "{diff}");
    assert_eq!((diff.matched_by, diff.entities), (MatchedBy::PersistIds, [2, 2]));
}

#[test]
fn changes_are_told_by_entity_component_and_field() {
    let changed = r#"
        {"id":0,"components":{"bag":["coin","nut","gem"],"likes":1,"pos":{"x":1.5,"y":2.0},"keepstone.PersistId":101}},
        {"id":1,"components":{"bag":[],"keepstone.PersistId":103}}"#;
    let diff = diff(&world(7, TWO), &world(8, changed));
    let expected = [
        "resource tick: 7 -> 8",
        // What is put into a list is one change.
        "+ entity 0:101 bag[1]: \"nut\"",
        "entity 0:101 likes: entity 0:102 -> entity 0:103",
        "entity 0:101 pos.x: 1.0 -> 1.5",
        "- entity 0:102: bag, keepstone.PersistId",
        "+ entity 0:103: bag, keepstone.PersistId",
    ];
    assert_eq!(diff.to_string().lines().collect::<Vec<_>>(), expected);
    let counts = diff.counts;
    assert_eq!((counts.entities_changed, counts.components_changed, counts.values), (1, 3, 3));
    assert_eq!((counts.entities_removed, counts.entities_added, counts.total()), (1, 1, 6));
    let field = &diff.changes[3];
    assert_eq!((field.about, field.path.as_deref()), (DiffAbout::Value, Some(".x")));
    assert_eq!((field.before.as_deref(), field.after.as_deref()), (Some("1.0"), Some("1.5")));
}

#[test]
fn what_is_listed_is_bounded_and_all_is_counted() {
    let entities = |x: u32| {
        let one = |id| format!(r#"{{"id":{id},"components":{{"pos":{{"x":{x}.0,"y":0.0}}}}}}"#);
        let entities = (0..300).map(one).collect::<Vec<_>>().join(",");
        let pos =
            r#"{"name":"pos","version":1,"encoding":"plain","layout":{"struct":{"x":"f32","y":"f32"}}}"#;
        from_json(&format!(r#"{{"version":1,"types":[{pos}],"entities":[{entities}]}}"#)).unwrap()
    };
    let (a, b) = (entities(1), entities(2));
    let diff = a.diff(&b, &DiffOptions::default().listed_max(2)).unwrap();
    let expected = "entity 0 pos.x: 1.0 -> 2.0\nentity 1 pos.x: 1.0 -> 2.0\nand 298 more";
    assert_eq!((diff.to_string().as_str(), diff.counts.total()), (expected, 300));
    assert_eq!(diff.matched_by, MatchedBy::Ordinals);
}

#[test]
fn a_document_that_breaks_the_rules_is_refused() {
    let mut odd = world(7, TWO);
    odd.tables.push(Table { rows: 1, components: vec![999] });
    for (a, b) in [(&odd, &world(7, TWO)), (&world(7, TWO), &odd)] {
        assert!(matches!(a.diff(b, &DiffOptions::default()), Err(Error::Invalid { .. })));
    }
}
