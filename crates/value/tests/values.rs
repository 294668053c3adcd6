//! Dynamic values become the rows that they were read from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use keepstone_value::{
    Decoder, Error, Fields, NONE, Options, Problem, Rows, Shape, Struct, Value, Variant, encode_values,
    encode_values_like,
};
use proptest::prelude::*;
use serde::Serialize;

use crate::arbitrary::{Node, Payload, encode_nodes, nodes};
use crate::support::rows;

fn read(rows: &Rows) -> Vec<Value<'_>> {
    let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, &Options::default());
    let values = rows.lens.iter().map(|len| decoder.value(*len)).collect::<Result<_, _>>().unwrap();
    decoder.finish().unwrap();
    values
}

fn like(values: &[Value<'_>], shapes: &[&Shape]) -> Rows {
    encode_values_like(values.iter(), shapes, &Options::default()).unwrap()
}

fn alone(values: &[Value<'_>]) -> Rows {
    encode_values(values.iter(), &Options::default()).unwrap()
}

fn problem(values: &[Value<'_>]) -> Problem {
    match encode_values(values.iter(), &Options::default()) {
        Err(Error::Encode { row: 0, problem }) => problem,
        other => panic!("{other:?}"),
    }
}

/// Calls `change` with each node, inner ones first.
fn each(node: &mut Node, change: &dyn Fn(&mut Node)) {
    let fields = |fields: &mut Vec<(_, Node)>| {
        for (_, node) in fields {
            each(node, change);
        }
    };
    match node {
        Node::Some(inner) | Node::Newtype(_, inner) => each(inner, change),
        Node::Seq(items) | Node::Tuple(items) | Node::TupleStruct(_, items) => {
            for node in items {
                each(node, change);
            }
        }
        Node::Map(entries) => {
            for (_, node) in entries {
                each(node, change);
            }
        }
        Node::Struct(_, list) => fields(list),
        Node::Variant(_, _, _, payload) => match &mut **payload {
            Payload::Unit => {}
            Payload::Newtype(inner) => each(inner, change),
            Payload::Tuple(items) => {
                for node in items {
                    each(node, change);
                }
            }
            Payload::Struct(list) => fields(list),
        },
        _ => {}
    }
    change(node);
}

/// Makes all integers one type: of two that stand at one position a value doesn't know which it was. For the same reason there are no bytes
/// beside sequences of u8, and no rows that are entities, which serde doesn't name.
fn told_apart(nodes: &mut Vec<Node>, kind: u8) {
    nodes.retain(|node| !matches!(node, Node::Entity(_)));
    let change = |node: &mut Node| {
        let value: i128 = match node {
            Node::U8(value) => (*value).into(),
            Node::U32(value) => (*value).into(),
            Node::U64(value) => (*value).into(),
            Node::U128(value) => value.cast_signed(),
            Node::I16(value) => (*value).into(),
            Node::I64(value) => (*value).into(),
            Node::I128(value) => *value,
            Node::Bytes(bytes) if kind == 0 => {
                *node = Node::Seq(bytes.iter().map(|byte| Node::U8(*byte)).collect());
                return;
            }
            _ => return,
        };
        let bytes = value.to_le_bytes();
        *node = match kind {
            0 => Node::U8(bytes[0]),
            1 => Node::U32(u32::from_le_bytes(*bytes.first_chunk().unwrap())),
            2 => Node::U64(u64::from_le_bytes(*bytes.first_chunk().unwrap())),
            3 => Node::U128(value.cast_unsigned()),
            4 => Node::I16(i16::from_le_bytes(*bytes.first_chunk().unwrap())),
            5 => Node::I64(i64::from_le_bytes(*bytes.first_chunk().unwrap())),
            _ => Node::I128(value),
        };
    };
    for node in nodes {
        each(node, &change);
    }
}

/// Writes all fields in the order of their names.
fn in_order(nodes: &mut [Node]) {
    let change = |node: &mut Node| match node {
        Node::Struct(_, fields) => fields.sort_by_key(|(name, _)| *name),
        Node::Variant(_, _, _, payload) => {
            if let Payload::Struct(fields) = &mut **payload {
                fields.sort_by_key(|(name, _)| *name);
            }
        }
        _ => {}
    };
    for node in nodes {
        each(node, &change);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn values_that_are_told_apart_get_the_shape_and_bytes_they_had(mut nodes in nodes(), kind in 0..7_u8) {
        told_apart(&mut nodes, kind);
        let rows = encode_nodes(&nodes).unwrap();
        prop_assert_eq!(like(&read(&rows), &[&rows.shape]), rows);
    }

    #[test]
    fn any_values_come_back(nodes in nodes()) {
        let rows = encode_nodes(&nodes).unwrap();
        let values = read(&rows);
        let once = like(&values, &[&rows.shape]);
        prop_assert_eq!(like(&read(&once), &[&once.shape]), once.clone());
        let unshaped = alone(&values);
        prop_assert_eq!(alone(&read(&unshaped)), unshaped);
        if !rows.shape.to_string().contains("bytes") {
            // Bytes beside sequences of numbers are read as what all of them are.
            for (before, after) in values.iter().zip(read(&once)) {
                prop_assert_eq!(before.difference(&after), None, "{}", rows.shape);
            }
        }
    }

    #[test]
    fn two_columns_together_get_the_shape_of_all_rows(mut a in nodes(), mut b in nodes(), kind in 0..7_u8) {
        for nodes in [&mut a, &mut b] {
            told_apart(nodes, kind);
            in_order(nodes);
        }
        let (first, second) = (encode_nodes(&a).unwrap(), encode_nodes(&b).unwrap());
        let values: Vec<_> = read(&first).into_iter().chain(read(&second)).collect();
        a.extend(b);
        prop_assert_eq!(like(&values, &[&first.shape, &second.shape]), encode_nodes(&a).unwrap());
    }
}

fn structure(name: &str, fields: Vec<(&str, Value<'static>)>) -> Value<'static> {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned().into(), value)).collect();
    Value::Struct(Box::new(Struct { name: name.to_owned().into(), fields: Fields::Named(fields) }))
}

#[test]
fn integers_without_a_shape_are_of_the_first_type_that_holds_all_of_a_position() {
    let shape = |values: &[i128]| {
        let values: Vec<_> = values.iter().copied().map(Value::Int).collect();
        alone(&values).shape.to_string()
    };
    assert_eq!(shape(&[0, 255]), "u64");
    assert_eq!(shape(&[0, -1]), "i64");
    assert_eq!(shape(&[u64::MAX.into()]), "u64");
    assert_eq!(shape(&[u64::MAX.into(), -1]), "i128");
    assert_eq!(shape(&[i128::from(u64::MAX) + 1]), "u128");
    assert_eq!(shape(&[i128::MIN, i128::MAX]), "i128");
    assert_eq!(alone(&[Value::Big(u128::MAX), Value::Int(7)]).shape.to_string(), "u128");
    let both = [Value::Big(u128::MAX), Value::Int(-1), Value::Int(7)];
    let rows = alone(&both);
    assert_eq!(rows.shape.to_string(), "u128 | i128");
    assert_eq!(read(&rows), both);
}

#[test]
fn a_position_whose_values_outgrow_its_type_gets_one_that_holds_all() {
    let rows = rows(&[(7_u8, -7_i8), (255, 0)]);
    let mut values = read(&rows);
    values.push(Value::Tuple(vec![Value::Int(256), Value::Int(127)]));
    let edited = like(&values, &[&rows.shape]);
    assert_eq!(edited.shape.to_string(), "(u64, i8)");
    assert_eq!(read(&edited), values);
}

#[test]
fn types_are_known_by_name_wherever_they_stand() {
    #[derive(Serialize)]
    struct Item {
        count: u16,
    }
    let rows = rows(&[vec![Item { count: 7 }]]);
    let moved = structure("Bag", vec![("first", structure("Item", vec![("count", Value::Int(8))]))]);
    let edited = like(&[moved], &[&rows.shape]);
    assert_eq!(edited.shape.to_string(), "struct Bag { first: Item }\nstruct Item { count: u16 }");
}

#[test]
fn fields_may_come_go_and_change_places() {
    let values = [
        structure("Health", vec![("now", Value::Int(1)), ("most", Value::F32(0))]),
        structure(
            "Health",
            vec![("most", Value::F32(0)), ("new", Value::Bool(true)), ("now", Value::Int(2))],
        ),
        structure("Health", vec![("most", Value::F32(0))]),
    ];
    let rows = alone(&values);
    assert_eq!(rows.shape.to_string(), "struct Health { most: f32, new?: bool, now?: u64 }");
    assert_eq!(read(&rows)[1], values[1]);
    assert_eq!(like(&read(&rows), &[&rows.shape]), rows);
}

#[test]
fn fields_that_were_written_in_no_common_order_keep_theirs() {
    let fields = |names: &[&'static str]| {
        Node::Struct("A", names.iter().map(|name| (*name, Node::Unit)).collect::<Vec<_>>())
    };
    let nodes = [fields(&["z"]), fields(&["a", "b"]), fields(&["b", "a"])];
    let rows = encode_nodes(&nodes).unwrap();
    assert_eq!(rows.shape.to_string(), "struct A { z?: (), a?: (), b?: () }");
    assert_eq!(like(&read(&rows), &[&rows.shape]), rows);
    assert_eq!(alone(&read(&rows)).shape.to_string(), "struct A { a?: (), b?: (), z?: () }");
    let mut others = read(&rows);
    others.push(structure("A", vec![("b", Value::Unit), ("a", Value::Unit), ("z", Value::Unit)]));
    assert_eq!(like(&others, &[&rows.shape]).shape.to_string(), "struct A { a?: (), b?: (), z?: () }");
}

#[test]
fn maps_are_sorted_and_references_go_to_the_targets() {
    let map = Value::Map(vec![
        (Value::Entity(7), Value::Entity(1)),
        (Value::Entity(3), Value::Entity(2)),
        (Value::Entity(NONE), Value::Unit),
        (Value::Entity(NONE), Value::Unit),
    ]);
    let rows = alone(&[map]);
    assert_eq!(rows.targets, [3, 2, 7, 1, NONE, NONE]);
    let names = ["bb", "a", "ccc"].map(|name| (Value::Str(name.into()), Value::Int(1)));
    let sorted: BTreeMap<_, _> = [("bb", 1_u64), ("a", 1), ("ccc", 1)].into();
    assert_eq!(alone(&[Value::Map(names.into())]), crate::support::rows(&[sorted]));
}

#[test]
fn enums_keep_their_variants() {
    #[derive(Serialize)]
    enum Shape {
        Dot,
        Circle(f32),
        Box { w: u8, h: u8 },
        Pair(u8, i64),
    }
    let values = [Shape::Pair(1, 2), Shape::Box { w: 1, h: 2 }, Shape::Dot, Shape::Circle(0.5)];
    let rows = rows(&values);
    assert_eq!(like(&read(&rows), &[&rows.shape]), rows);
    let made = Value::Variant(Box::new(Variant {
        of: "Shape".into(),
        index: 4,
        name: "Line".into(),
        fields: Fields::Newtype(Value::Int(9)),
    }));
    let mut more = read(&rows);
    more.push(made);
    assert_eq!(read(&like(&more, &[&rows.shape])), more);
}

#[test]
fn values_that_no_row_can_hold_are_refused() {
    let key = || (Value::Str("a".into()), Value::Unit);
    assert_eq!(problem(&[Value::Map(vec![key(), key()])]), Problem::DuplicateKey);
    let twice = structure("A", vec![("a", Value::Unit), ("a", Value::Unit)]);
    assert_eq!(problem(&[twice]), Problem::DuplicateField("a".into()));
    let deep = (0..129).fold(Value::Unit, |inner, _| Value::Option(Some(Box::new(inner))));
    assert_eq!(problem(&[deep]), Problem::Depth { allowed: 128 });
    let options = Options { elements_max: 0, ..Options::default() };
    let units = [Value::Seq(vec![Value::Unit; 1000])];
    let refused = encode_values(units.iter(), &options).unwrap_err();
    assert!(matches!(refused, Error::Encode { row: 0, problem: Problem::Elements { .. } }), "{refused}");
    let name = structure(&"n".repeat(256), vec![]);
    assert!(matches!(encode_values([name].iter(), &Options::default()), Err(Error::Unshaped { .. })));
}

#[test]
fn no_rows_have_an_empty_shape() {
    assert_eq!(alone(&[]), rows::<()>(&[]));
    assert_eq!(alone(&[Value::Seq(vec![]), Value::Option(None)]).shape.to_string(), "Option<_> | [_]");
}

#[test]
fn structs_and_enums_of_thousands_take_no_longer_than_their_values() {
    let field = |number: usize| (Cow::Owned(format!("field{number:06}")), Value::Bool(true));
    let with = |numbers: &mut dyn Iterator<Item = usize>| {
        Value::Struct(Box::new(Struct {
            name: "Wide".into(),
            fields: Fields::Named(numbers.map(field).collect()),
        }))
    };
    let wide = 20_000;
    let odd = with(&mut (1..wide).step_by(2));
    let values = [with(&mut (0..wide)), odd.clone(), odd.clone(), odd];
    let variant = |index: u32| {
        let name = format!("v{index}").into();
        Value::Variant(Box::new(Variant { of: "Many".into(), index, name, fields: Fields::Unit }))
    };
    let variants: Vec<Value<'_>> = (0..20_000).map(variant).collect();
    let start = std::time::Instant::now();
    for values in [&values[..], &variants] {
        let rows = alone(values);
        assert_eq!(like(values, &[&rows.shape]), rows);
    }
    // Where each field and variant was looked for among all it took a minute.
    assert!(start.elapsed().as_secs() < 12, "{:?}", start.elapsed());
}
