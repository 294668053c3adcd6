//! Fields marked with `keepstone_value::entity` are references wherever serde forwards.

use std::borrow::Cow;
use std::cell::Cell;

use keepstone_value::{Decoder, Error, Options, Problem, Rows, encode, entity};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::arbitrary::{Node, Payload, Same, encode_nodes};
use crate::entities::{Entity, load, new, old, save};

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone, Copy)]
#[serde(transparent)]
struct Inside(#[serde(with = "entity")] Entity);

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone, Copy)]
#[serde(transparent)]
struct Unmarked(Entity);

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(untagged)]
enum Loose {
    Link(#[serde(with = "entity")] Entity),
    Pair((Inside, Inside)),
    Text(String),
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(tag = "type")]
enum Tagged {
    Follow {
        #[serde(with = "entity")]
        whom: u64,
    },
    Wait,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Everywhere {
    inside: Inside,
    #[serde(with = "entity")]
    around: Unmarked,
    #[serde(with = "entity")]
    cow: Cow<'static, Entity>,
    #[serde(with = "entity")]
    cell: Cell<Entity>,
    #[serde(with = "entity")]
    bits: u64,
    some: Option<Inside>,
    #[serde(with = "entity::option")]
    option: Option<Unmarked>,
    #[serde(with = "entity::option")]
    none: Option<u64>,
    #[serde(with = "entity::vec")]
    list: Vec<u64>,
    loose: Vec<Loose>,
    tagged: Tagged,
    number: u64,
}

fn everywhere(of: fn(u32) -> Entity) -> Everywhere {
    Everywhere {
        inside: Inside(of(1)),
        around: Unmarked(of(2)),
        cow: Cow::Owned(of(3)),
        cell: Cell::new(of(4)),
        bits: of(5).0,
        some: Some(Inside(of(6))),
        option: Some(Unmarked(of(7))),
        none: None,
        list: vec![of(8).0, of(9).0],
        loose: vec![
            Loose::Text("text".into()),
            Loose::Link(of(10)),
            Loose::Pair((Inside(of(11)), Inside(of(12)))),
        ],
        tagged: Tagged::Follow { whom: of(13).0 },
        number: 999,
    }
}

#[test]
fn marked_fields_are_references() {
    let rows = save(&[everywhere(old), Everywhere { tagged: Tagged::Wait, ..everywhere(old) }]);
    assert!(rows.targets.iter().copied().eq((1..14).chain(1..13)));
    assert_eq!(rows.shape.to_string().matches("u64").count(), 1, "{}", rows.shape);
    let loaded = load::<Everywhere>(&rows).unwrap();
    assert_eq!(loaded, [everywhere(new), Everywhere { tagged: Tagged::Wait, ..everywhere(new) }]);
}

#[test]
fn the_mark_leaves_no_trace_in_the_shape() {
    #[derive(Serialize)]
    struct Marked {
        #[serde(with = "entity")]
        of: Unmarked,
    }
    assert_eq!(save(&[Marked { of: Unmarked(old(1)) }]).shape.to_string(), "struct Marked { of: entity }");
    assert_eq!(save(&[vec![Unmarked(old(1))]]).shape.to_string(), "[u64]");
    assert_eq!(save(&[vec![Inside(old(1))]]).shape.to_string(), "[entity]");
}

fn json<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> String {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *value);
    let bytes = postcard::to_stdvec(&(1_u8, value)).unwrap();
    assert_eq!(bytes.len(), postcard::to_stdvec(value).unwrap().len() + 1);
    text
}

#[test]
fn other_formats_see_plain_numbers() {
    assert_eq!(json(&Inside(Entity(5))), "5");
    assert_eq!(json(&Some(Inside(Entity(5)))), "5");
    let expected = r#"{"inside":0,"around":1099511627776"#;
    let mut text = everywhere(|ordinal| Entity(u64::from(ordinal - 1) << 40));
    text.some = None;
    let text = serde_json::to_string(&text).unwrap();
    assert!(text.starts_with(expected), "{text}");
    assert_eq!(serde_json::to_string(&Loose::Link(Entity(5))).unwrap(), "5");
}

#[test]
fn without_entities_marked_fields_are_numbers() {
    let rows = encode([everywhere(old)].iter(), None, &Options::default()).unwrap();
    assert!(rows.targets.is_empty());
    let mut decoder = Decoder::new(&rows.shape, &rows.data, &[], None, &Options::default());
    assert_eq!(decoder.row::<Everywhere>(rows.lens[0]).unwrap(), everywhere(old));
}

fn refused<T: DeserializeOwned + std::fmt::Debug>(rows: &Rows) -> Problem {
    match load::<T>(rows).unwrap_err() {
        Error::Decode { problem, .. } => problem,
        other => panic!("{other}"),
    }
}

#[test]
fn a_plain_number_is_no_marked_reference() {
    assert_eq!(load::<Unmarked>(&save(&[7_u64])).unwrap(), [Unmarked(Entity(7))], "it can't be told");
    assert_eq!(refused::<Inside>(&save(&[7_u64])), Problem::NotReference);
    assert_eq!(refused::<Vec<Inside>>(&save(&[vec![7_u64]])), Problem::NotReference);
    let either = encode_nodes(&[Node::U64(7), Node::Entity(7)]).unwrap();
    assert_eq!(refused::<Inside>(&either), Problem::NotReference);
    let optional = save(&[Some(old(1)), None]);
    assert_eq!(
        load::<Option<Inside>>(&optional).unwrap(),
        [Some(Inside(new(1))), None],
        "an entity that was named reads as one that is marked"
    );
}

#[test]
fn what_is_marked_has_to_be_one_number() {
    #[derive(Serialize)]
    struct Wrong(#[serde(with = "entity")] Option<u64>);
    for value in [Wrong(None), Wrong(Some(1))] {
        let err = encode([value].iter(), Some(&mut Same), &Options::default()).unwrap_err();
        assert_eq!(err, Error::Encode { row: 0, problem: Problem::EntityForm });
    }
}

#[test]
fn a_marked_reference_in_an_enum_takes_no_bytes() {
    #[derive(Serialize)]
    enum E {
        V(#[serde(with = "entity")] u64),
    }
    let rows = encode([E::V(5)].iter(), Some(&mut Same), &Options::default()).unwrap();
    let same = Node::Variant("E", 0, "V", Box::new(Payload::Newtype(Node::Entity(5))));
    assert_eq!(rows, encode_nodes(&[same]).unwrap());
}
