//! What changed between two worlds.

use std::{fs, path::Path};

use keepstone::{
    ecs::{EncodeOptions, WorldDoc, encode_worlds},
    format::Codec,
};
use serde_json::{Value, json};

use crate::convert::{Dir, convert, open};
use crate::support::{Answer, asset, demo_file, fixture, run};

fn diff(a: &Path, b: &Path, more: &[&str]) -> Answer {
    let args = ["diff".as_ref(), a.as_os_str(), b.as_os_str()];
    run(&args.into_iter().chain(more.iter().map(AsRef::as_ref)).collect::<Vec<_>>())
}

/// Compares two texts, and returns what people see beside the document.
fn of_texts(a: &str, b: &str) -> (Answer, Value) {
    let dir = Dir::new();
    let (path_a, path_b) = (dir.path("a.json"), dir.path("b.json"));
    fs::write(&path_a, a).unwrap();
    fs::write(&path_b, b).unwrap();
    let (answer, document) = (diff(&path_a, &path_b, &[]), diff(&path_a, &path_b, &["--json"]).json());
    assert_eq!(answer.exit, document["exit"].as_i64().map(|exit| i32::try_from(exit).unwrap()).unwrap());
    assert_eq!(document["verb"], "diff");
    (answer, document)
}

/// The lines between those that name the files and the one that counts.
fn lines(answer: &Answer) -> Vec<&str> {
    let lines: Vec<&str> = answer.out.lines().collect();
    lines[2..lines.len() - 1].to_vec()
}

const TYPES: &str = r#""types":[
    {"name":"game.likes","version":1,"encoding":"reference"},
    {"name":"game.name","version":1,"encoding":"rows","shape":{"newtype":"Name","inner":"str"}},
    {"name":"game.pos","version":1,"encoding":"plain","layout":{"struct":{"x":"f32","y":"f32"}}},
    {"name":"game.tick","version":1,"resource":true,"encoding":"plain","layout":"u64"},
    {"name":"keepstone.PersistId","version":1,"encoding":"plain","layout":"u64"}],
    "resources":{"game.tick":7}"#;

fn text(types: &str, entities: &str) -> String {
    format!(r#"{{"version":1,{types},"entities":[{entities}]}}"#)
}

const THREE: &str = r#"
    {"id":0,"components":{"game.likes":1,"game.pos":{"x":1.0,"y":2.0},"keepstone.PersistId":101}},
    {"id":1,"components":{"game.name":"bo","keepstone.PersistId":102}},
    {"id":2,"components":{"game.name":"cy","keepstone.PersistId":103}}"#;

#[test]
fn the_same_world_in_every_format_has_no_differences() {
    let (dir, first) = (Dir::new(), demo_file("demo.keep"));
    let mut paths = vec![first.clone(), demo_file("demo-lz4.keep")];
    for (target, more) in [("json", &[][..]), ("pecs", &[]), ("pecs", &["--codec", "lz4"])] {
        let out = dir.path(&format!("{target}{}", more.len()));
        assert_eq!(convert(&first, &out, &[&["--to", target], more].concat()).exit, 0);
        paths.push(out);
    }
    for a in &paths {
        for b in &paths {
            let answer = diff(a, b, &["--json"]);
            let document = answer.json();
            assert_eq!((answer.exit, &document["equal"]), (0, &json!(true)), "{document}");
            assert_eq!(document["worlds"][0]["entities"], json!([300, 300]));
        }
    }
    let answer = diff(&first, &paths[2], &[]);
    assert!(answer.out.ends_with("hold the same: 300 entities\n"), "{}", answer.out);
}

#[test]
fn changes_are_named_by_entity_component_and_field() {
    let changed = r#"
        {"id":0,"components":{"game.name":"new","keepstone.PersistId":104}},
        {"id":1,"components":{"game.name":"cy!","keepstone.PersistId":103}},
        {"id":2,"components":{"game.likes":1,"game.pos":{"x":1.5,"y":2.0},"game.name":"ann","keepstone.PersistId":101}}"#;
    let (answer, document) = of_texts(&text(TYPES, THREE), &text(TYPES, changed));
    assert_eq!(answer.exit, 1);
    let expected = [
        "  ~  entity 0:101  game.likes  entity 0:102 -> entity 0:103",
        "  +  entity 0:101  game.name   Name(\"ann\")",
        "  ~  entity 0:101  game.pos.x  1.0 -> 1.5",
        "  -  entity 0:102              game.name, keepstone.PersistId",
        "  ~  entity 0:103  game.name   \"cy\" -> \"cy!\"",
        "  +  entity 0:104              game.name, keepstone.PersistId",
    ];
    assert_eq!(lines(&answer), expected, "{}", answer.out);
    let last = answer.out.lines().last().unwrap();
    let counted =
        "1 entity removed, 1 entity added, 2 entities changed, 1 component added, 3 components changed";
    assert_eq!(last, format!("entities are matched by PersistId: {counted}"));
    let world = &document["worlds"][0];
    assert_eq!((&world["matched_by"], &world["entities_only_a"]), (&json!("PersistId"), &json!(1)));
    assert_eq!((&document["total"], &document["listed"]), (&json!(6), &json!(6)));
    let field = json!({"what":"value","entity":"0:101","name":"game.pos","path":".x","a":"1.0","b":"1.5"});
    assert_eq!(world["differences"][2], field);
    let added = json!({"what":"component","entity":"0:101","name":"game.name","a":null,"b":"Name(\"ann\")"});
    assert_eq!(world["differences"][1], added);
}

#[test]
fn the_order_of_entities_makes_no_difference_where_they_have_ids() {
    let moved = r#"
        {"id":7,"components":{"game.name":"cy","keepstone.PersistId":103}},
        {"id":8,"components":{"game.name":"bo","keepstone.PersistId":102}},
        {"id":9,"components":{"game.likes":8,"game.pos":{"x":1.0,"y":2.0},"keepstone.PersistId":101}}"#;
    let (answer, _) = of_texts(&text(TYPES, THREE), &text(TYPES, moved));
    assert_eq!(answer.exit, 0, "{}", answer.out);
}

#[test]
fn ids_of_another_system_come_after_persist_ids_and_before_places() {
    let types = r#""types":[{"name":"n","version":1,"encoding":"plain","layout":"u8"}]"#;
    let entity = |id: &str, n: u8| format!(r#"{{"id":{id},"components":{{"n":{n}}}}}"#);
    let (x, y) = (format!("\"{:032x}\"", 1), format!("\"{:032x}\"", 2));
    let foreign = text(types, &[entity(&x, 1), entity(&y, 2)].join(","));
    let swapped = text(types, &[entity(&y, 2), entity(&x, 1)].join(","));
    let (answer, document) = of_texts(&foreign, &swapped);
    assert_eq!((answer.exit, &document["worlds"][0]["matched_by"]), (0, &json!("foreign id")));
    let places = |first, second| text(types, &[entity("0", first), entity("1", second)].join(","));
    let (answer, document) = of_texts(&places(1, 2), &places(2, 1));
    assert_eq!((answer.exit, &document["worlds"][0]["matched_by"]), (1, &json!("ordinal")));
    assert_eq!(lines(&answer), ["  ~  entity 0  n  1 -> 2", "  ~  entity 1  n  2 -> 1"]);
    // Ids that one has alone are a difference of their own.
    let (answer, _) = of_texts(&places(1, 2), &foreign);
    assert_eq!(lines(&answer), ["  +  metadata  foreign ids  2 ids"]);
}

#[test]
fn resources_metadata_and_schema_are_compared() {
    let base = text(TYPES, THREE);
    let (answer, document) = of_texts(&base, &base.replace("\"game.tick\":7", "\"game.tick\":8"));
    assert_eq!(lines(&answer), ["  ~  resource  game.tick  7 -> 8"]);
    assert_eq!(document["worlds"][0]["resources"], 1);
    let meta = r#""version":1,"meta":{"tick":"5","custom":{"mod":"x"}},"timestamp":"2026-01-01T00:00:00Z""#;
    let (answer, _) = of_texts(&base, &base.replacen("\"version\":1", meta, 1));
    let expected = [
        "  +  metadata  created     2026-01-01T00:00:00Z",
        "  +            custom mod  x",
        "  +            tick        5",
    ];
    assert_eq!(lines(&answer), expected);
    let pos = r#"{"struct":{"x":"f32","y":"f32"}}"#;
    let (answer, _) = of_texts(&base, &base.replace(pos, r#"{"struct":{"x":"f64","y":"f32"}}"#));
    let text = answer.out.clone();
    assert!(text.contains("schema") && text.contains("game.pos.encoding"), "{text}");
    let version = base.replace(r#""game.name","version":1"#, r#""game.name","version":2"#);
    let (answer, _) = of_texts(&base, &version);
    assert_eq!(lines(&answer), ["  ~  schema  game.name.version  1 -> 2"]);
    // What a shape records follows from the values, so it is no difference of its own.
    let (answer, document) = of_texts(&base, &base.replace("\"bo\"", "\"b\""));
    assert_eq!(document["worlds"][0]["schema"], 0);
    assert_eq!(lines(&answer), ["  ~  entity 0:102  game.name  \"bo\" -> \"b\""]);
}

#[test]
fn only_the_first_hundred_are_listed_and_all_are_counted() {
    let types = r#""types":[{"name":"n","version":1,"encoding":"plain","layout":"u32"}]"#;
    let entities = |add: u32| -> String {
        let one = |id: u32| format!(r#"{{"id":{id},"components":{{"n":{}}}}}"#, id + add);
        text(types, &(0..1234).map(one).collect::<Vec<_>>().join(","))
    };
    let (answer, document) = of_texts(&entities(0), &entities(1));
    assert_eq!((&document["total"], &document["listed"]), (&json!(1234), &json!(100)));
    assert_eq!(document["worlds"][0]["entities_changed"], 1234);
    assert_eq!(answer.out.lines().count(), 2 + 100 + 2);
    assert!(answer.out.ends_with("100 of 1,234 differences are listed; --all lists all\n"), "{}", answer.out);
    let dir = Dir::new();
    let (a, b) = (dir.path("a.json"), dir.path("b.json"));
    fs::write(&a, entities(0)).unwrap();
    fs::write(&b, entities(1)).unwrap();
    let all = diff(&a, &b, &["--all", "--json"]).json();
    assert_eq!(all["worlds"][0]["differences"].as_array().unwrap().len(), 1234);
}

#[test]
fn worlds_of_one_file_are_compared_by_name() {
    let reader = open(&demo_file("demo.keep"));
    let named = |name: &str| {
        let mut doc = WorldDoc::decode(&reader, 0).unwrap().into_owned();
        doc.name = name.to_owned();
        doc
    };
    let options = EncodeOptions::default().codec(Codec::None);
    let file = |docs: &[&WorldDoc<'_>]| encode_worlds(docs, Vec::new(), &options).unwrap().0;
    let (one, two, three) = (named("one"), named("two"), named("three"));
    let dir = Dir::new();
    let (a, b) = (dir.path("a"), dir.path("b"));
    fs::write(&a, file(&[&one, &two])).unwrap();
    fs::write(&b, file(&[&three, &one])).unwrap();
    let answer = diff(&a, &b, &["--json"]);
    let document = answer.json();
    assert_eq!((answer.exit, &document["total"]), (1, &json!(2)));
    let worlds = document["worlds"].as_array().unwrap();
    let entities: Vec<_> = worlds.iter().map(|world| (&world["name"], &world["entities"])).collect();
    let expected = [
        (&json!("one"), &json!([300, 300])),
        (&json!("three"), &json!([null, 300])),
        (&json!("two"), &json!([300, null])),
    ];
    assert_eq!(entities, expected);
}

#[test]
fn the_order_of_children_is_compared_where_a_file_has_one() {
    let types = r#""types":[{"name":"parent","version":1,"encoding":"relationship"}]"#;
    let entities = |ranks: [u32; 2]| {
        let [a, b] = ranks.map(|rank| format!(r#"{{"parent":{{"target":0,"rank":{rank}}}}}"#));
        text(
            types,
            &format!(
                r#"{{"id":0,"components":{{}}}},{{"id":1,"components":{a}}},{{"id":2,"components":{b}}}"#
            ),
        )
    };
    let (answer, _) = of_texts(&entities([0, 1]), &entities([1, 0]));
    assert_eq!(lines(&answer), ["  ~  entity 1  parent.rank  0 -> 1", "  ~  entity 2  parent.rank  1 -> 0"]);
    assert_eq!(of_texts(&entities([1, 0]), &entities([1, 0])).0.exit, 0);
}

#[test]
fn trouble_is_2_and_never_1() {
    let good = demo_file("demo.keep");
    let dir = Dir::new();
    let mut bytes = fs::read(&good).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(dir.path("damaged.keep"), &bytes).unwrap();
    fs::write(dir.path("cut.keep"), &bytes[..middle]).unwrap();
    fs::write(dir.path("a.txt"), b"once upon a time").unwrap();
    let bad = ["damaged.keep", "cut.keep", "a.txt", "gone"].map(|name| dir.path(name));
    for path in bad.iter().chain([&asset(), &fixture("snap_1x128.evec")]) {
        for (a, b) in [(&good, path), (path, &good)] {
            let answer = diff(a, b, &["--json"]);
            let document = answer.json();
            assert!(answer.exit == 2 && document["error"]["message"].is_string(), "{document}");
            assert!(diff(a, b, &[]).err.starts_with("error: "));
        }
    }
    assert_eq!(diff(&bad[0], &good, &["--json"]).json()["error"]["kind"], "damaged");
    assert_eq!(diff(&bad[3], &good, &["--json"]).json()["error"]["kind"], "not_found");
}
