//! The shape of a column is that of its rows, whatever their order.

use std::sync::atomic::{AtomicU32, Ordering};

use keepstone_value::{Error, Problem, Rows, ShapeProblem};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::arbitrary::{Name, Node, Payload, encode_nodes, skim};
use crate::support::{encode_error, read, rows, split};

fn unit(of: Name, index: u32, name: Name) -> Node {
    Node::Variant(of, index, name, Box::new(Payload::Unit))
}

fn some(node: Node) -> Node {
    Node::Some(Box::new(node))
}

/// All orders of the rows give one shape, and each row the same bytes.
fn check(nodes: &[Node], shape: &str) {
    let expected = encode_nodes(nodes).unwrap();
    assert_eq!(expected.shape.to_string(), shape);
    let bytes = split(&expected);
    for order in orders(nodes.len()) {
        let shuffled: Vec<_> = order.iter().map(|index| nodes[*index].clone()).collect();
        let rows = encode_nodes(&shuffled).unwrap();
        assert_eq!(rows.shape, expected.shape, "{order:?}");
        assert_eq!(
            split(&rows),
            order.iter().map(|index| bytes[*index].clone()).collect::<Vec<_>>(),
            "{order:?}"
        );
        skim(&rows).unwrap();
    }
}

fn orders(len: usize) -> Vec<Vec<usize>> {
    let Some(last) = len.checked_sub(1) else { return vec![vec![]] };
    let insert = |order: Vec<usize>| {
        (0..len).map(move |at| {
            let mut order = order.clone();
            order.insert(at, last);
            order
        })
    };
    orders(last).into_iter().flat_map(insert).collect()
}

#[test]
fn unknown_positions_fill_up() {
    check(&[Node::None, some(Node::None), some(some(Node::U8(1)))], "Option<Option<u8>>");
    check(
        &[
            Node::Seq(vec![]),
            Node::Seq(vec![Node::Seq(vec![])]),
            Node::Seq(vec![Node::Seq(vec![Node::Str("x".into())])]),
        ],
        "[[str]]",
    );
    check(&[unit("E", 2, "C"), unit("E", 0, "A"), unit("E", 1, "B")], "enum E { A, B, C }");
}

#[test]
fn positions_that_differ_get_alternatives() {
    let tuple = |node| Node::Tuple(vec![Node::U8(0), node]);
    let nodes =
        [tuple(Node::U32(1)), tuple(Node::Str("x".into())), tuple(Node::Unit), tuple(some(Node::Bool(true)))];
    check(&nodes, "(u8, u32 | str | () | Option<bool>)");
    let wrapped = |node| Node::Newtype("N", Box::new(node));
    let nodes = [
        wrapped(Node::Tuple(vec![])),
        wrapped(tuple(Node::Unit)),
        wrapped(Node::Entity(3)),
        wrapped(Node::U64(3)),
    ];
    check(&nodes, "struct N = u64 | entity | () | (u8, ())");
}

#[test]
fn fields_that_are_skipped_become_optional() {
    let record =
        |fields: &[Name]| Node::Struct("S", fields.iter().map(|name| (*name, Node::U8(1))).collect());
    let nodes = [record(&["a", "b", "c"]), record(&["a"]), record(&["a", "c"]), record(&["a", "b"])];
    check(&nodes, "struct S { a: u8, b?: u8, c?: u8 }");
    check(&[record(&[]), record(&["z"])], "struct S { z?: u8 }");
    // b before a in some value, c anywhere: no value contradicts b, a.
    check(
        &[record(&["b", "a"]), record(&["c"]), record(&["a", "d"])],
        "struct S { b?: u8, a?: u8, c?: u8, d?: u8 }",
    );
    // a before b and b before a: the smallest name first.
    check(&[record(&["b", "a"]), record(&["a", "b"]), record(&["b"])], "struct S { a?: u8, b: u8 }");
    check(
        &[record(&["c", "b", "a"]), record(&["a", "c"]), record(&["b", "c"])],
        "struct S { a?: u8, b?: u8, c: u8 }",
    );
}

#[test]
fn variants_that_share_an_index_are_told_apart() {
    check(&[unit("E", 0, "A"), unit("E", 0, "B"), unit("E", 7, "C")], "enum E { A, B, C }");
    let payload = |payload| Node::Variant("E", 0, "A", Box::new(payload));
    let nodes = [
        payload(Payload::Unit),
        payload(Payload::Newtype(Node::U8(1))),
        payload(Payload::Tuple(vec![Node::U8(2), Node::Unit])),
        payload(Payload::Struct(vec![("x", Node::U8(3))])),
    ];
    check(&nodes, "enum E { A, A(u8), A(u8, ()), A { x: u8 } }");
}

#[test]
fn many_variants_are_learnt_in_one_go() {
    let name = |index: u32| -> Name { format!("V{index}").leak() };
    let nodes: Vec<_> = (0..600).map(|index| unit("E", index, name(index))).collect();
    let straight = encode_nodes(&nodes).unwrap();
    let reversed = encode_nodes(&nodes.iter().rev().cloned().collect::<Vec<_>>()).unwrap();
    assert_eq!(straight.shape, reversed.shape);
    assert_eq!(split(&straight), split(&reversed).into_iter().rev().collect::<Vec<_>>());
    let fields: Vec<_> = (0..40).map(|index| Node::Struct("S", vec![(name(index), Node::U8(1))])).collect();
    let rows: Rows = encode_nodes(&fields).unwrap();
    assert_eq!(rows.shape.to_string().matches("?: u8").count(), 40);
    skim(&rows).unwrap();
}

#[test]
fn one_key_twice_is_refused() {
    let entry = |key: u8| (Node::U8(key), Node::Unit);
    let err = encode_nodes(&[Node::Map(vec![entry(1)]), Node::Map(vec![entry(1), entry(2), entry(1)])])
        .unwrap_err();
    assert_eq!(err, Error::Encode { row: 1, problem: Problem::DuplicateKey });
    let err = encode_nodes(&[Node::Struct("S", vec![("a", Node::Unit), ("a", Node::Unit)])]).unwrap_err();
    assert_eq!(err, Error::Encode { row: 0, problem: Problem::DuplicateField("a".into()) });
}

#[test]
fn entries_ascend_by_references_then_bytes() {
    let key = |bits, byte| Node::Tuple(vec![Node::Entity(bits), Node::U8(byte)]);
    let map = Node::Map(
        [(9, 0), (2, 1), (2, 0), (300, 0)].map(|(bits, byte)| (key(bits, byte), Node::U8(byte))).to_vec(),
    );
    let rows = encode_nodes(&[map]).unwrap();
    assert_eq!(
        (rows.targets.as_slice(), rows.data.as_slice()),
        ([2, 2, 9, 300].as_slice(), [4, 0, 0, 1, 1, 0, 0, 0, 0].as_slice())
    );
}

struct Unpaired;

impl Serialize for Unpaired {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_key(&1)?;
        map.end()
    }
}

struct Moody(AtomicU32);

impl Serialize for Moody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => serializer.serialize_u8(0),
            _ => serializer.serialize_some(&Moody(AtomicU32::new(self.0.load(Ordering::Relaxed)))),
        }
    }
}

struct Refusing;

impl Serialize for Refusing {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

#[test]
fn values_that_break_serde_are_refused() {
    assert_eq!(encode_error(&[Unpaired]), Error::Encode { row: 0, problem: Problem::Unpaired });
    assert_eq!(
        encode_error(&[Refusing]),
        Error::Encode { row: 0, problem: Problem::Message("not today".into()) }
    );
    // Either both forms are seen and kept, or the column is refused; it never ends in a row that doesn't read.
    let moody: Vec<_> = (0..3).map(|start| Moody(AtomicU32::new(start))).collect();
    if let Ok(rows) = keepstone_value::encode(moody.iter(), None, &keepstone_value::Options::default()) {
        read::<serde::de::IgnoredAny>(&rows).unwrap();
    }
}

#[test]
fn what_no_shape_can_hold_is_refused() {
    let long: Name = "n".repeat(256).leak();
    let err = encode_nodes(&[Node::UnitStruct(long)]).unwrap_err();
    assert_eq!(err, Error::Unshaped { problem: ShapeProblem::Name });
    rows(&[vec![0_u8; 70_000]]);
    let err = encode_nodes(&[Node::Tuple(vec![Node::U8(0); 65_536])]).unwrap_err();
    assert_eq!(err, Error::Unshaped { problem: ShapeProblem::Count });
}
