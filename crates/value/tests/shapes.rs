//! Shapes have one form in bytes, and no bytes make decoding them panic.

use keepstone_value::{Error, Shape, ShapeProblem};
use proptest::prelude::*;
use serde_json::Value;

use crate::arbitrary::{Node, Payload, encode_nodes, nodes};

fn golden() -> Vec<Vec<u8>> {
    let cases: Vec<Value> = serde_json::from_str(include_str!("golden/rows-v1.json")).unwrap();
    let bytes = |text: &str| {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    cases.iter().map(|case| bytes(case["shape"].as_str().unwrap())).collect()
}

/// Bytes that decode are the canonical ones.
fn check(bytes: &[u8]) {
    match Shape::decode(bytes) {
        Ok(shape) => assert_eq!(shape.encode(), bytes, "{shape}"),
        Err(Error::Shape { offset, .. }) => assert!(offset <= u64::try_from(bytes.len()).unwrap()),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn golden_shapes_decode() {
    for bytes in golden() {
        assert_eq!(Shape::decode(&bytes).unwrap().encode(), bytes);
    }
}

#[test]
fn truncated_shapes_are_refused() {
    for bytes in golden() {
        for len in 0..bytes.len() {
            let err = Shape::decode(&bytes[..len]).unwrap_err();
            assert!(
                matches!(err, Error::Shape { problem: ShapeProblem::Truncated, .. }),
                "{bytes:?} at {len}: {err}"
            );
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(matches!(Shape::decode(&longer), Err(Error::Shape { problem: ShapeProblem::Trailing, .. })));
    }
}

#[test]
fn flipped_bits_decode_to_canonical_shapes_or_not_at_all() {
    for bytes in golden() {
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            check(&flipped);
        }
    }
}

#[test]
fn each_rule_is_held() {
    let cases: &[(&[u8], ShapeProblem)] = &[
        (&[0x80, 0, 0], ShapeProblem::Varint),
        (&[0, 1, 0x13], ShapeProblem::Code { found: 0x13 }),
        (&[0, 1, 0], ShapeProblem::Code { found: 0 }),
        (&[1, 6, 0, 0], ShapeProblem::Code { found: 6 }),
        (&[0, 2, 2, 1], ShapeProblem::Order),
        (&[0, 2, 1, 1], ShapeProblem::Order),
        (&[0, 1, 0x24, 0], ShapeProblem::Types),
        (&[1, 4, 0, 0], ShapeProblem::Types),
        (&[1, 4, 1, 0xFF, 1, 0x24, 0], ShapeProblem::Utf8),
        (&[1, 5, 0, 0, 0, 1, 0x24, 0], ShapeProblem::Empty),
        (&[1, 5, 0, 1, 1, 0, 0, 0, 1, 0x24, 0], ShapeProblem::Mode),
        (&[1, 5, 0, 0, 2, 1, 0, 0, 0, 0, 0, 1, 0x24, 0], ShapeProblem::Order),
        (&[1, 1, 0, 2, 0, 1, 0, 0, 1, 0, 1, 0x24, 0], ShapeProblem::Order),
        (&[1, 1, 0, 1, 0, 2, 0, 1, 0x24, 0], ShapeProblem::Code { found: 2 }),
        // Types stand in the order in which they are met.
        (&[2, 4, 1, b'b', 4, 1, b'a', 2, 0x24, 0, 0x24, 1], ShapeProblem::Order),
        (&[2, 4, 1, b'a', 3, 1, b'b', 1, 0x24, 0, 1, 0x24, 1], ShapeProblem::Types),
        (&[2, 4, 1, b'a', 4, 1, b'a', 1, 0x24, 0], ShapeProblem::Types),
    ];
    for (bytes, expected) in cases {
        let err = Shape::decode(bytes).unwrap_err();
        assert!(matches!(err, Error::Shape { problem, .. } if problem == *expected), "{bytes:?}: {err}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| [[0].as_slice(), &[1, 0x20].repeat(levels), &[0]].concat();
    assert_eq!(Shape::decode(&nested(128)).unwrap().encode(), nested(128));
    let err = Shape::decode(&nested(129)).unwrap_err();
    assert!(matches!(err, Error::Shape { problem: ShapeProblem::Depth, .. }), "{err}");
    let err = Shape::decode(&nested(1_000_000)).unwrap_err();
    assert_eq!(err.kind(), keepstone_format::Kind::Limit);
}

#[test]
fn a_long_chain_of_types_is_walked_without_recursion() {
    let mut bytes = vec![0xE0, 0xD4, 0x03];
    for index in 0..60_000_u32 {
        let name = format!("T{index:05}");
        bytes.extend([3, 6]);
        bytes.extend(name.as_bytes());
        let mut next = vec![1, 0x24];
        let mut rest = index + 1;
        while rest >= 0x80 {
            next.push(u8::try_from(rest & 0x7F).unwrap() | 0x80);
            rest >>= 7;
        }
        next.push(u8::try_from(rest).unwrap());
        bytes.extend(if index == 59_999 { vec![1, 1] } else { next });
    }
    bytes.extend([1, 0x24, 0]);
    let shape = Shape::decode(&bytes).unwrap();
    assert_eq!(shape.encode(), bytes);
    let mut decoder =
        keepstone_value::Decoder::new(&shape, &[1], &[], None, &keepstone_value::Options::default());
    let err = decoder.row::<u8>(1).unwrap_err();
    assert!(
        matches!(err, Error::Decode { problem: keepstone_value::Problem::Depth { allowed: 128 }, .. }),
        "{err}"
    );
}

proptest! {
    #[test]
    fn damaged_shapes_decode_to_canonical_shapes_or_not_at_all(
        nodes in nodes(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
    ) {
        let mut bytes = encode_nodes(&nodes).unwrap().shape.encode();
        check(&bytes);
        for (index, byte) in edits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        check(&bytes);
    }

    #[test]
    fn noise_is_no_shape_that_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        check(&bytes);
    }
}

#[test]
fn a_shape_can_be_taken_apart_and_put_together() {
    let nodes = [
        Node::Variant("E", 3, "V", Box::new(Payload::Struct(vec![("a", Node::None), ("b", Node::Unit)]))),
        Node::Map(vec![(
            Node::Str("k".into()),
            Node::Tuple(vec![Node::Newtype("N", Box::new(Node::U8(1)))]),
        )]),
        Node::Seq(vec![Node::TupleStruct("T", vec![Node::Bool(true), Node::Entity(1)])]),
        Node::UnitStruct("U"),
    ];
    let shape = encode_nodes(&nodes).unwrap().shape;
    assert_eq!(Shape::new(shape.types().to_vec(), shape.root().clone()).unwrap(), shape);
}

#[test]
fn what_is_put_together_wrongly_is_refused() {
    use keepstone_value::shape::{Alternative, Body, Position, Prim, Type};
    let check = |types: Vec<Type>, root: Vec<Alternative>, expected: ShapeProblem| {
        let err = Shape::new(types, Position(root)).unwrap_err();
        assert!(matches!(err, Error::Shape { problem, .. } if problem == expected), "{err}");
    };
    let unit = |name: &str| Type { name: name.into(), body: Body::Unit };
    let prim = Alternative::Prim;
    check(vec![], vec![prim(Prim::U16), prim(Prim::U8)], ShapeProblem::Order);
    check(vec![], vec![Alternative::Type(0)], ShapeProblem::Types);
    check(vec![unit("A")], vec![], ShapeProblem::Types);
    check(vec![unit(&"x".repeat(256))], vec![Alternative::Type(0)], ShapeProblem::Name);
    check(
        vec![Type { name: "E".into(), body: Body::Enum(vec![]) }],
        vec![Alternative::Type(0)],
        ShapeProblem::Empty,
    );
    let deep = (0..200).fold(Position::default(), |inner, _| Position(vec![Alternative::Seq(inner)]));
    check(vec![], deep.0, ShapeProblem::Depth);
}
