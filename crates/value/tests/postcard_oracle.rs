//! Where postcard can write a value and read it back, the bytes are its own; where it can't, ours still come back.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::support::{round_trip, split};

fn same_bytes<T: Serialize + DeserializeOwned + PartialEq + Debug>(values: &[T]) {
    let rows = round_trip(values);
    for (row, value) in split(&rows).iter().zip(values) {
        assert_eq!(*row, postcard::to_allocvec(value).unwrap(), "{value:?}");
    }
}

/// Postcard fails on at least one of the values; ours come back.
fn only_ours<T: Serialize + DeserializeOwned + PartialEq + Debug>(values: &[T]) {
    let back = |value: &T| {
        let bytes = postcard::to_allocvec(value).ok()?;
        postcard::from_bytes::<T>(&bytes).ok().filter(|back| back == value)
    };
    assert!(values.iter().any(|value| back(value).is_none()));
    round_trip(values);
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
enum Kind {
    Unit,
    Newtype(u64),
    Tuple(i8, Option<bool>),
    Struct { a: Vec<String>, b: char },
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Mixed {
    id: u32,
    signed: (i16, i32, i64, i128),
    wide: u128,
    floats: [f32; 2],
    double: f64,
    name: String,
    maybe: Option<u16>,
    bytes: Vec<u8>,
    kind: Kind,
    unit: (),
    map: BTreeMap<u8, String>,
}

#[test]
fn the_bytes_are_those_of_postcard() {
    same_bytes(&[0_u64, 1, 127, 128, 16383, 16384, u64::MAX]);
    same_bytes(&[0_i64, -1, 63, -64, 64, i64::MIN, i64::MAX]);
    same_bytes(&[i128::MIN, i128::MAX, 0, -1]);
    same_bytes(&[u128::MAX, 0, 300]);
    same_bytes(&['a', '\u{e9}', '\u{1f600}']);
    let mixed = |id: u32, kind| Mixed {
        id,
        signed: (-1, 300, i64::MIN, 1 << 90),
        wide: u128::from(id) << 70,
        floats: [0.1, -2.5],
        double: 1e300,
        name: "n\u{e4}me".repeat(usize::try_from(id).unwrap() % 50),
        maybe: id.is_multiple_of(2).then_some(513),
        bytes: vec![7; usize::try_from(id).unwrap() % 200],
        kind,
        unit: (),
        map: BTreeMap::from([(1, "x".into()), (2, String::new())]),
    };
    same_bytes(&[
        mixed(0, Kind::Unit),
        mixed(1000, Kind::Newtype(1 << 40)),
        mixed(77, Kind::Tuple(-3, None)),
        mixed(130, Kind::Struct { a: vec!["p".into(), String::new()], b: '#' }),
        mixed(131, Kind::Tuple(-3, Some(true))),
    ]);
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(tag = "type")]
enum Tagged {
    A { x: u8 },
    B { y: String },
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
    Text(String),
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Skipping {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    note: String,
    id: u32,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Flat {
    id: u32,
    #[serde(flatten)]
    extra: BTreeMap<String, u32>,
}

#[test]
fn what_postcard_cannot_read_back_comes_back() {
    only_ours(&[Tagged::A { x: 1 }, Tagged::B { y: "y".into() }]);
    only_ours(&[Untagged::Number(1), Untagged::Text("t".into())]);
    only_ours(&[Skipping { note: String::new(), id: 5 }, Skipping { note: "n".into(), id: 6 }]);
    only_ours(&[Flat { id: 1, extra: BTreeMap::from([("k".into(), 2)]) }]);
    only_ours(&[serde_json::json!({"a": [1, null]})]);
}
