//! Bytes that were made to hurt: typed errors, no panic, no recursion without end, no time or memory without bytes.

use std::collections::BTreeMap;
use std::thread;

use keepstone_value::{Decoder, Error, Options, Problem, Rows, Shape, encode};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::arbitrary::{Node, dynamic, encode_nodes, skim};
use crate::dynamic::problem;
use crate::support::{encode_error, read, rows};

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
enum Tree {
    Leaf,
    Node(Box<Tree>),
}

fn tree(depth: usize) -> Tree {
    (0..depth).fold(Tree::Leaf, |inner, _| Tree::Node(Box::new(inner)))
}

/// Reads a row of these bytes, whatever it is.
fn read_row<T: DeserializeOwned>(shape: &Shape, data: &[u8], targets: &[u32]) -> Result<T, Problem> {
    let mut decoder = Decoder::new(shape, data, targets, None, &Options::default());
    decoder.row(u32::try_from(data.len()).unwrap()).map_err(|err| match err {
        Error::Decode { problem, .. } => problem,
        other => panic!("{other}"),
    })
}

/// Reads a row of these bytes by its shape.
fn read_value(shape: &Shape, data: &[u8], targets: &[u32]) -> Option<Problem> {
    let mut decoder = Decoder::new(shape, data, targets, None, &Options::default());
    match decoder.value(u32::try_from(data.len()).unwrap()) {
        Ok(_) => None,
        Err(Error::Decode { problem, .. }) => Some(problem),
        Err(other) => panic!("{other}"),
    }
}

/// Runs where a stack is as small as on a thread of an application.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(1 << 20).spawn(test).unwrap().join().unwrap();
}

#[test]
fn nesting_ends_at_128_on_both_sides() {
    on_a_small_stack(|| {
        let deep = rows(&[tree(128)]);
        assert_eq!(read::<Tree>(&deep).unwrap(), [tree(128)]);
        assert_eq!(read::<IgnoredAny>(&deep).unwrap().len(), 1);
        let err = encode_error(&[tree(129)]);
        assert_eq!(err, Error::Encode { row: 0, problem: Problem::Depth { allowed: 128 } });
        let bytes = [1].repeat(1_000_000);
        assert_eq!(read_row::<Tree>(&deep.shape, &bytes, &[]).unwrap_err(), Problem::Depth { allowed: 128 });
        assert_eq!(
            read_row::<IgnoredAny>(&deep.shape, &bytes, &[]).err(),
            Some(Problem::Depth { allowed: 128 })
        );
        assert_eq!(
            read_row::<serde_json::Value>(&deep.shape, &bytes, &[]).unwrap_err(),
            Problem::Depth { allowed: 128 }
        );
        assert_eq!(crate::dynamic::values(&deep).unwrap().len(), 1);
        assert_eq!(read_value(&deep.shape, &bytes, &[]), Some(Problem::Depth { allowed: 128 }));
    });
}

#[test]
fn dynamic_values_nest_within_the_limit() {
    on_a_small_stack(|| {
        let nested =
            |levels: usize| (0..levels).fold(serde_json::Value::Null, |inner, _| serde_json::json!([inner]));
        assert_eq!(read::<serde_json::Value>(&rows(&[nested(128)])).unwrap(), [nested(128)]);
        assert_eq!(encode_error(&[nested(129)]).kind(), keepstone_format::Kind::Limit);
        let options = Options { depth_max: 3, ..Options::default() };
        encode([nested(3)].iter(), None, &options).unwrap();
        encode([nested(4)].iter(), None, &options).unwrap_err();
    });
}

#[derive(Deserialize, Debug)]
struct Endless(#[expect(dead_code, reason = "never made")] Option<Box<Endless>>);

#[test]
fn types_without_end_on_either_side_end() {
    on_a_small_stack(|| {
        let number = rows(&[1_u8]);
        let err = read::<Endless>(&number).unwrap_err();
        assert!(matches!(err, Error::Decode { problem: Problem::Depth { .. }, .. }), "{err}");
        // struct T = T
        let endless = Shape::decode(&[1, 3, 1, b'T', 1, 0x24, 0, 1, 0x24, 0]).unwrap();
        for problem in [
            read_row::<u8>(&endless, &[], &[]).err(),
            read_row::<IgnoredAny>(&endless, &[], &[]).err(),
            read_row::<serde_json::Value>(&endless, &[], &[]).err(),
            read_row::<Endless>(&endless, &[], &[]).err(),
            read_row::<Vec<u8>>(&endless, &[], &[]).err(),
            read_value(&endless, &[], &[]),
        ] {
            assert_eq!(problem, Some(Problem::Depth { allowed: 128 }));
        }
    });
}

const HUGE: [u8; 5] = [0xFF, 0xFF, 0xFF, 0xFF, 0x0F];

#[test]
fn counts_are_compared_with_what_is_left() {
    let lists = rows(&[vec![7_u32]]);
    assert_eq!(read_row::<Vec<u32>>(&lists.shape, &HUGE, &[]).unwrap_err(), Problem::Truncated);
    assert_eq!(read_row::<IgnoredAny>(&lists.shape, &HUGE, &[]).err(), Some(Problem::Truncated));
    assert_eq!(read_value(&lists.shape, &HUGE, &[]), Some(Problem::Truncated));
    let bytes = rows(&[vec![7_u8]]);
    assert_eq!(read_value(&bytes.shape, &HUGE, &[]), Some(Problem::Truncated));
    let texts = rows(&["x".to_owned()]);
    assert_eq!(read_row::<String>(&texts.shape, &HUGE, &[]).unwrap_err(), Problem::Truncated);
    let maps = rows(&[BTreeMap::from([(1_u8, 1_u8)])]);
    assert_eq!(read_row::<BTreeMap<u8, u8>>(&maps.shape, &HUGE, &[]).unwrap_err(), Problem::Truncated);
    assert_eq!(read_value(&maps.shape, &HUGE, &[]), Some(Problem::Truncated));
    let units = rows(&[BTreeMap::from([((), 1_u8)])]);
    assert_eq!(read_row::<BTreeMap<(), u8>>(&units.shape, &HUGE, &[]).unwrap_err(), Problem::Order);
}

#[test]
fn elements_without_bytes_are_counted_on_both_sides() {
    let units = rows(&[vec![(); 3]]);
    let problem = read_row::<Vec<()>>(&units.shape, &HUGE, &[]).unwrap_err();
    assert!(matches!(problem, Problem::Elements { .. }), "{problem}");
    let problem = read_row::<IgnoredAny>(&units.shape, &HUGE, &[]).err().unwrap();
    assert!(matches!(problem, Problem::Elements { .. }), "{problem}");
    let problem = read_value(&units.shape, &HUGE, &[]).unwrap();
    assert!(matches!(problem, Problem::Elements { .. }), "{problem}");
    let options = Options { elements_max: 0, ..Options::default() };
    // 64 for the row and 64 for each byte of the count.
    let most = encode([vec![(); 192]].iter(), None, &options).unwrap();
    let mut decoder = Decoder::new(&most.shape, &most.data, &[], None, &options);
    assert_eq!(decoder.row::<Vec<()>>(2).unwrap().len(), 192);
    let err = encode([vec![(); 193]].iter(), None, &options).unwrap_err();
    assert_eq!(err, Error::Encode { row: 0, problem: Problem::Elements { allowed: 192 } });
    let many = encode(vec![vec![(); 1000]; 100].iter(), None, &Options::default()).unwrap();
    for (elements_max, allowed) in [(16_000, true), (15_999, false)] {
        let options = Options { elements_max, ..Options::default() };
        let mut decoder = Decoder::new(&many.shape, &many.data, &[], None, &options);
        for _ in 0..if allowed { 30 } else { 1 } {
            assert_eq!(decoder.value(2).is_ok(), allowed, "memory is for each row");
        }
    }
    // A marker in every row is no reason to refuse a column.
    encode([((), ()); 100_000].iter(), None, &options).unwrap();
}

#[test]
fn a_shape_that_doubles_at_each_type_is_paid_for() {
    // T0 = ((), ()), T1 = (T0, T0), ... : 2^40 units in no bytes.
    let mut bytes = vec![40];
    for index in 0..40_u8 {
        let inner: &[u8] =
            if index == 39 { &[1, 0x11, 1, 0x11] } else { &[1, 0x24, index + 1, 1, 0x24, index + 1] };
        bytes.extend([&[2, 1, b'0' + index, 2], inner].concat());
    }
    bytes.extend([1, 0x24, 0]);
    let shape = Shape::decode(&bytes).unwrap();
    for problem in [read_row::<IgnoredAny>(&shape, &[], &[]).err(), read_value(&shape, &[], &[])] {
        assert!(matches!(problem, Some(Problem::Elements { .. })), "{problem:?}");
    }
}

#[test]
fn each_rule_is_held() {
    let check = |node: Node, bytes: &[u8], expected: Problem| {
        let rows = encode_nodes(&[node]).unwrap();
        assert_eq!(
            read_row::<IgnoredAny>(&rows.shape, bytes, &[]).err(),
            Some(expected.clone()),
            "{}",
            rows.shape
        );
        assert_eq!(read_value(&rows.shape, bytes, &[]), Some(expected.clone()), "{}", rows.shape);
        assert_eq!(
            read_row::<serde_json::Value>(&rows.shape, bytes, &[]).err(),
            Some(expected),
            "{}",
            rows.shape
        );
    };
    check(Node::Bool(true), &[2], Problem::Flag { found: 2 });
    check(Node::Some(Box::new(Node::U8(1))), &[2, 1], Problem::Flag { found: 2 });
    check(Node::None, &[1], Problem::Unseen);
    check(Node::Seq(vec![]), &[1, 0], Problem::Unseen);
    check(Node::U8(1), &[], Problem::Truncated);
    check(Node::U8(1), &[1, 2, 3], Problem::Trailing { bytes: 2 });
    check(Node::U16(1), &[0x80, 0], Problem::Varint);
    check(Node::U16(1), &[0xFF, 0xFF, 4], Problem::Varint);
    check(Node::U32(1), &[0xFF, 0xFF, 0xFF, 0xFF, 0x10], Problem::Varint);
    check(Node::U64(1), &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2], Problem::Varint);
    check(Node::U64(1), &[0x80; 30], Problem::Varint);
    check(Node::U128(1), &[0x81; 30], Problem::Varint);
    check(Node::F32(1.0), &[0; 3], Problem::Truncated);
    check(Node::Str("x".into()), &[1, 0xFF], Problem::Utf8);
    check(Node::Char('x'), &[2, b'a', b'b'], Problem::Char);
    check(Node::Char('x'), &[0], Problem::Char);
    let entry = |key: &str| (Node::Str(key.into()), Node::U8(0));
    let map = || Node::Map(vec![entry("a"), entry("b")]);
    check(map(), &[2, 1, b'b', 0, 1, b'a', 0], Problem::Order);
    check(map(), &[2, 1, b'a', 0, 1, b'a', 0], Problem::Order);
    check(Node::Tuple(vec![Node::Entity(1)]), &[], Problem::Targets);
    let rows = encode_nodes(&[Node::U8(1), Node::Unit]).unwrap();
    assert_eq!(read_row::<u8>(&rows.shape, &[2], &[]).unwrap_err(), Problem::Selector { found: 2 });
    let shots = self::rows(&[tree(1)]);
    assert_eq!(read_row::<Tree>(&shots.shape, &[2], &[]).unwrap_err(), Problem::Selector { found: 2 });
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Sample {
    id: u32,
    signed: i64,
    ratio: f32,
    name: String,
    maybe: Option<u16>,
    bytes: Vec<u8>,
    tree: Tree,
    map: BTreeMap<String, (bool, char)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    tagged: Tagged,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(tag = "type")]
enum Tagged {
    A { x: u8 },
    B { y: Vec<u64> },
}

fn samples() -> Vec<Sample> {
    let first = Sample {
        id: 300,
        signed: -70_000,
        ratio: 0.5,
        name: "name".into(),
        maybe: Some(1),
        bytes: vec![1, 2, 3],
        tree: tree(2),
        map: BTreeMap::from([("a".into(), (true, 'x')), ("b".into(), (false, '\u{e9}'))]),
        note: None,
        tagged: Tagged::A { x: 1 },
    };
    let second =
        Sample { note: Some("note".into()), tagged: Tagged::B { y: vec![1 << 40] }, ..first.clone() };
    vec![first, second]
}

/// Reads all rows as their own type, as a dynamic value and as nothing; what one refuses for its bytes, all refuse.
fn read_all_ways(rows: &Rows) {
    let own = read::<Sample>(rows);
    let values = crate::dynamic::values(rows);
    assert_eq!(skim(rows).map_err(problem), values.map(drop).map_err(problem));
    let skimmed = skim(rows);
    assert!(skimmed.is_ok() || (own.is_err() && dynamic(rows).is_err()), "{skimmed:?} but {own:?}");
}

#[test]
fn truncated_rows_are_refused() {
    let rows = rows(&samples());
    assert_eq!(read::<Sample>(&rows).unwrap(), samples());
    for row in crate::support::split(&rows) {
        for len in 0..row.len() {
            read_row::<Sample>(&rows.shape, &row[..len], &[]).unwrap_err();
            assert!(read_row::<IgnoredAny>(&rows.shape, &row[..len], &[]).is_err());
            assert!(read_value(&rows.shape, &row[..len], &[]).is_some());
        }
    }
}

#[test]
fn flipped_bits_give_a_value_or_an_error() {
    let rows = rows(&samples());
    for bit in 0..rows.data.len() * 8 {
        let mut flipped = rows.clone();
        flipped.data[bit / 8] ^= 1 << (bit % 8);
        read_all_ways(&flipped);
    }
}

#[test]
fn rows_of_another_shape_give_a_value_or_an_error() {
    let mut rows = rows(&samples());
    let bytes = rows.shape.encode();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(shape) = Shape::decode(&flipped) {
            rows.shape = shape;
            read_all_ways(&rows);
        }
    }
}

#[test]
fn lengths_that_lie_are_refused() {
    let rows = rows(&[1_u8, 2]);
    let mut decoder = Decoder::new(&rows.shape, &rows.data, &[], None, &Options::default());
    let err = decoder.row::<u8>(u32::MAX).unwrap_err();
    assert!(matches!(err, Error::Decode { row: 0, problem: Problem::Truncated, .. }), "{err}");
    let mut decoder = Decoder::new(&rows.shape, &rows.data, &[], None, &Options::default());
    decoder.row::<u8>(1).unwrap();
    assert_eq!(decoder.finish().unwrap_err(), Error::Unread { bytes: 1, targets: 0 });
}
