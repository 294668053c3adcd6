//! Rows read by their shape alone hold what was written.

use std::borrow::Cow;
use std::collections::BTreeMap;

use keepstone_value::{Decoder, Error, Fields, NONE, Options, Problem, Rows, Struct, Value, Variant};
use proptest::prelude::*;
use serde::Serialize;

use crate::arbitrary::{Name, Node, Payload, encode_nodes, nodes, skim};
use crate::support::rows;

pub(crate) fn values(rows: &Rows) -> Result<Vec<Value<'_>>, Error> {
    let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, &Options::default());
    let values = rows.lens.iter().map(|len| decoder.value(*len)).collect::<Result<_, _>>()?;
    decoder.finish()?;
    Ok(values)
}

/// What is wrong, wherever it is: skipping says less about where.
pub(crate) fn problem(err: Error) -> Option<Problem> {
    if let Error::Decode { problem, .. } = err { Some(problem) } else { None }
}

fn all(nodes: &[Node]) -> Vec<Value<'static>> {
    nodes.iter().map(as_value).collect()
}

fn named(fields: &[(Name, Node)]) -> Fields<'static> {
    Fields::Named(fields.iter().map(|(name, node)| (Cow::Borrowed(*name), as_value(node))).collect())
}

fn structure(name: Name, fields: Fields<'static>) -> Value<'static> {
    structure_of(name.into(), fields)
}

/// What a row with the node reads as, but for the order of fields and entries.
pub(crate) fn as_value(node: &Node) -> Value<'static> {
    match node {
        Node::U8(value) => Value::Int((*value).into()),
        Node::U16(value) => Value::Int((*value).into()),
        Node::U32(value) => Value::Int((*value).into()),
        Node::U64(value) => Value::Int((*value).into()),
        Node::U128(value) => i128::try_from(*value).map_or(Value::Big(*value), Value::Int),
        Node::I8(value) => Value::Int((*value).into()),
        Node::I16(value) => Value::Int((*value).into()),
        Node::I32(value) => Value::Int((*value).into()),
        Node::I64(value) => Value::Int((*value).into()),
        Node::I128(value) => Value::Int(*value),
        Node::F32(value) => Value::F32(value.to_bits()),
        Node::F64(value) => Value::F64(value.to_bits()),
        Node::Bool(value) => Value::Bool(*value),
        Node::Char(value) => Value::Char(*value),
        Node::Str(text) => Value::Str(text.clone().into()),
        Node::Bytes(bytes) => Value::Bytes(bytes.clone().into()),
        Node::Unit => Value::Unit,
        Node::None => Value::Option(None),
        Node::Some(value) => Value::Option(Some(Box::new(as_value(value)))),
        Node::UnitStruct(name) => structure(name, Fields::Unit),
        Node::Newtype(name, value) => structure(name, Fields::Newtype(as_value(value))),
        Node::Seq(items) => Value::Seq(all(items)),
        Node::Tuple(items) => Value::Tuple(all(items)),
        Node::TupleStruct(name, items) => structure(name, Fields::Tuple(all(items))),
        Node::Map(entries) => {
            Value::Map(entries.iter().map(|(key, value)| (as_value(key), as_value(value))).collect())
        }
        Node::Struct(name, fields) => structure(name, named(fields)),
        Node::Variant(of, index, name, payload) => {
            let fields = match &**payload {
                Payload::Unit => Fields::Unit,
                Payload::Newtype(value) => Fields::Newtype(as_value(value)),
                Payload::Tuple(items) => Fields::Tuple(all(items)),
                Payload::Struct(fields) => named(fields),
            };
            Value::Variant(Box::new(Variant {
                of: (*of).into(),
                index: *index,
                name: (*name).into(),
                fields,
            }))
        }
        Node::Entity(bits) => Value::Entity(u32::try_from(*bits).unwrap_or(NONE)),
    }
}

/// Replaces bytes by the sequence of their numbers: whether a sequence is written as u8 depends on all rows.
fn spread(value: Value<'static>) -> Value<'static> {
    let all = |values: Vec<_>| values.into_iter().map(spread).collect();
    let fields = |fields| match fields {
        Fields::Unit => Fields::Unit,
        Fields::Newtype(value) => Fields::Newtype(spread(value)),
        Fields::Tuple(values) => Fields::Tuple(all(values)),
        Fields::Named(fields) => {
            Fields::Named(fields.into_iter().map(|(name, value)| (name, spread(value))).collect())
        }
    };
    match value {
        Value::Bytes(bytes) => Value::Seq(bytes.iter().map(|byte| Value::Int((*byte).into())).collect()),
        Value::Option(value) => Value::Option(value.map(|value| Box::new(spread(*value)))),
        Value::Seq(values) => Value::Seq(all(values)),
        Value::Tuple(values) => Value::Tuple(all(values)),
        Value::Map(entries) => {
            Value::Map(entries.into_iter().map(|(key, value)| (spread(key), spread(value))).collect())
        }
        Value::Struct(found) => structure_of(found.name, fields(found.fields)),
        Value::Variant(found) => {
            Value::Variant(Box::new(Variant { fields: fields(found.fields.clone()), ..*found }))
        }
        leaf => leaf,
    }
}

fn structure_of(name: Cow<'static, str>, fields: Fields<'static>) -> Value<'static> {
    Value::Struct(Box::new(Struct { name, fields }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_rows_read_as_the_values_they_are(nodes in nodes()) {
        let rows = encode_nodes(&nodes).unwrap();
        let found = values(&rows).unwrap();
        prop_assert_eq!(found.len(), nodes.len());
        for (node, found) in nodes.iter().zip(found) {
            let expected = match node {
                // serde doesn't name what a row is.
                Node::Entity(bits) => Value::Int((*bits).into()),
                node => spread(as_value(node)),
            };
            let found = spread(found.into_owned());
            prop_assert_eq!(found.difference(&expected), None, "{} is {}", found, expected);
            prop_assert_eq!(expected.difference(&found), None);
            prop_assert_eq!(found.to_string().len(), expected.to_string().len());
        }
    }

    #[test]
    fn two_values_differ_where_their_nodes_do(a in nodes(), b in nodes()) {
        for (a, b) in a.iter().zip(&b) {
            let (x, y) = (as_value(a), as_value(b));
            let there = x.differences(&y, usize::MAX);
            let back = y.differences(&x, usize::MAX);
            prop_assert_eq!(there.is_empty(), back.is_empty());
            prop_assert_eq!(there.len(), back.len());
            prop_assert_eq!(x == y && !there.is_empty(), false);
            let mut swapped: Vec<_> = back.into_iter().map(|found| (found.path, found.after, found.before)).collect();
            swapped.sort_by(|a, b| a.0.cmp(&b.0));
            let mut there: Vec<_> = there.into_iter().map(|found| (found.path, found.before, found.after)).collect();
            there.sort_by(|a, b| a.0.cmp(&b.0));
            prop_assert_eq!(there, swapped);
        }
    }

    #[test]
    fn damaged_rows_read_as_values_or_errors(nodes in nodes(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut rows = encode_nodes(&nodes).unwrap();
        if !rows.data.is_empty() {
            for (index, byte) in flips {
                let at = index.index(rows.data.len());
                rows.data[at] = byte;
            }
            prop_assert_eq!(skim(&rows).map_err(problem), values(&rows).map(drop).map_err(problem));
        }
    }
}

#[derive(Serialize, Clone)]
struct Bag {
    name: String,
    items: Vec<Item>,
    prices: BTreeMap<String, f32>,
    raw: Vec<u8>,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<u8>,
}

#[derive(Serialize, Clone)]
struct Item(u32, Option<char>);

#[derive(Serialize, Clone)]
enum State {
    Open,
    Locked { by: u64 },
}

fn bag() -> Bag {
    Bag {
        name: "bag \"1\"".into(),
        items: vec![Item(1, None), Item(2, Some('x'))],
        prices: BTreeMap::from([("coin".into(), 1.0), ("gem".into(), f32::NAN)]),
        raw: vec![1, b'a'],
        state: State::Locked { by: 7 },
        note: None,
    }
}

/// Each path with both values.
fn paths(a: Bag, b: Bag) -> Vec<String> {
    let (a, b) = (rows(&[a]), rows(&[b]));
    let (a, b) = (values(&a).unwrap(), values(&b).unwrap());
    let text = |value: Option<&Value<'_>>| value.map_or("-".to_owned(), ToString::to_string);
    let found = a[0].differences(&b[0], usize::MAX).into_iter();
    found.map(|found| format!("{} {} {}", found.path, text(found.before), text(found.after))).collect()
}

#[test]
fn values_are_shown_as_rust_writes_them() {
    let rows = rows(&[bag()]);
    let expected = concat!(
        r#"Bag { name: "bag \"1\"", items: [Item(1, None), Item(2, Some('x'))], "#,
        r#"prices: {"gem": NaN, "coin": 1.0}, raw: b"\x01a", state: Locked { by: 7 } }"#
    );
    assert_eq!(values(&rows).unwrap()[0].to_string(), expected);
}

#[test]
fn a_difference_says_where() {
    assert_eq!(paths(bag(), bag()), [""; 0], "NaN is the same as itself");
    let mut other = bag();
    other.items[1] = Item(3, None);
    other.items.push(Item(9, None));
    assert_eq!(
        paths(bag(), other.clone()),
        [".items[1][0] 2 3", ".items[1][1] Some('x') None", ".items[2] - Item(9, None)"]
    );
    assert_eq!(paths(other, bag())[2], ".items[2] Item(9, None) -");
    let mut other = bag();
    other.prices = BTreeMap::from([("gem".into(), 2.0), ("nut".into(), 3.0)]);
    other.raw.push(0);
    other.note = Some(1);
    assert_eq!(
        paths(bag(), other),
        [
            r#".prices["gem"] NaN 2.0"#,
            r#".prices["coin"] 1.0 -"#,
            r#".prices["nut"] - 3.0"#,
            r#".raw b"\x01a" b"\x01a\x00""#,
            ".note - Some(1)",
        ]
    );
    assert_eq!(paths(bag(), Bag { state: State::Locked { by: 8 }, ..bag() }), [".state.Locked.by 7 8"]);
    assert_eq!(paths(bag(), Bag { state: State::Open, ..bag() }), [".state Locked { by: 7 } Open"]);
}

#[test]
fn no_more_differences_are_found_than_asked_for() {
    let (a, b) = (Value::Seq(vec![Value::Int(1); 9]), Value::Seq(vec![Value::Int(2); 9]));
    assert_eq!(a.differences(&b, 0), []);
    assert_eq!(a.differences(&b, 3).len(), 3);
    assert_eq!(a.differences(&b, 99).len(), 9);
    let first = a.difference(&b).unwrap();
    assert_eq!((first.path.as_str(), first.before), ("[0]", Some(&Value::Int(1))));
    assert_eq!(a.difference(&Value::Unit).unwrap().path, "");
}

#[test]
fn keys_that_stand_twice_are_paired_in_their_order() {
    let map = |values: &[i128]| {
        Value::Map(values.iter().map(|value| (Value::Entity(NONE), Value::Int(*value))).collect())
    };
    assert_eq!(map(&[1, 2]).difference(&map(&[1, 2])), None);
    let found = map(&[1, 2]);
    let other = map(&[1, 3, 4]);
    let found: Vec<_> = found.differences(&other, 9).into_iter().map(|found| found.after.cloned()).collect();
    assert_eq!(found, [Some(Value::Int(3)), Some(Value::Int(4))]);
}

#[test]
fn ordinals_can_be_replaced() {
    let nodes = [Node::Map(vec![(
        Node::Entity(1),
        Node::Variant(
            "E",
            0,
            "V",
            Box::new(Payload::Struct(vec![("a", Node::Some(Box::new(Node::Entity(2)))), ("b", Node::U8(1))])),
        ),
    )])];
    let rows = encode_nodes(&nodes).unwrap();
    let mut found = values(&rows).unwrap();
    found[0].for_each_entity(&mut |ordinal| *ordinal += 10);
    assert_eq!(found[0].to_string(), "{entity 11: V { a: Some(entity 12), b: 1 }}");
    assert_eq!(Value::Entity(NONE).to_string(), "entity none");
}

#[test]
fn integers_are_exact_and_floats_keep_their_bits() {
    let nodes = [
        Node::U128(u128::MAX),
        Node::U128(1),
        Node::I128(i128::MIN),
        Node::U64(u64::MAX),
        Node::I64(i64::MIN),
        Node::F32(f32::from_bits(0x7FC0_1234)),
        Node::F64(-0.0),
    ];
    let rows = encode_nodes(&nodes).unwrap();
    assert_eq!(values(&rows).unwrap(), all(&nodes));
}
