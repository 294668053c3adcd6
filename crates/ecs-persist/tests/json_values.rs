//! Values of every kind as JSON.
#![expect(clippy::option_option, reason = "null inside an option has to be told from none")]

use std::collections::{BTreeMap, HashMap};

use keepstone_ecs_persist::WorldDoc;
use serde::{Deserialize, Serialize};

use crate::json::{check, from_json, only, only_plain};

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Unit;

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Pair(u8, Option<Box<Pair>>);

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
enum Kind {
    Nothing,
    One(u32),
    Two(u8, String),
    #[serde(rename = "$three")]
    Three {
        a: Option<Option<()>>,
        #[serde(rename = "$b")]
        b: Vec<Unit>,
    },
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(crate) struct Everything {
    kinds: Vec<Kind>,
    pair: Pair,
    option: Option<Option<Option<u8>>>,
    units: Option<Unit>,
    by_number: BTreeMap<i16, String>,
    by_name: HashMap<String, u8>,
    by_pair: BTreeMap<(u8, char), bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sometimes: Option<u8>,
    bytes: Bytes,
}

#[derive(Deserialize, Clone, Debug, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

pub(crate) fn everything(seed: u8) -> Everything {
    let kinds = [
        Kind::Nothing,
        Kind::One(seed.into()),
        Kind::Two(seed, "x".repeat(seed.into())),
        Kind::Three { a: Some(Some(())), b: vec![Unit; usize::from(seed % 3)] },
        Kind::Three { a: Some(None), b: vec![] },
    ];
    Everything {
        kinds: kinds.into_iter().skip(usize::from(seed % 4)).collect(),
        pair: Pair(seed, seed.is_multiple_of(2).then(|| Box::new(Pair(1, None)))),
        option: [None, Some(None), Some(Some(None)), Some(Some(Some(7)))][usize::from(seed % 4)],
        units: seed.is_multiple_of(3).then_some(Unit),
        by_number: (0..i16::from(seed % 5)).map(|at| (at * -300, format!("{at}"))).collect(),
        by_name: [("$", 1), ("$$alternative", 2), ("b", seed)].map(|(k, v)| (k.to_owned(), v)).into(),
        by_pair: [((1, 'x'), true), ((seed, '"'), false)].into(),
        sometimes: (seed % 2 == 1).then_some(seed),
        bytes: Bytes(vec![seed; usize::from(seed % 4)]),
    }
}

#[test]
fn primitives_come_back_at_their_extremes() {
    macro_rules! extremes {
        ($($int:ty),*) => {$(
            check(&only(&[<$int>::MIN, <$int>::MAX, 0, 1]));
            check(&only_plain(&[<$int>::MIN, <$int>::MAX, 0, 1]));
        )*};
    }
    extremes!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128);
    let safe = (1_u64 << 53) - 1;
    let text = check(&only(&[safe, safe + 1]));
    assert!(
        text.contains("\"c\": 9007199254740991\n") && text.contains("\"c\": \"9007199254740992\"\n"),
        "{text}"
    );
    let f32s = [f32::MIN, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), -0.0, 0.1, 1e7, 16_777_217.0];
    let odd32 = [f32::NAN, -f32::NAN, f32::from_bits(0x7F80_0001), f32::INFINITY, f32::NEG_INFINITY];
    let f64s = [f64::MIN, f64::MAX, f64::MIN_POSITIVE, f64::from_bits(1), -0.0, 0.1, 1e300, 5e-324];
    let odd64 =
        [f64::NAN, -f64::NAN, f64::from_bits(0x7FF0_0000_0000_0001), f64::INFINITY, f64::NEG_INFINITY];
    check(&only(&[f32s.as_slice(), &odd32].concat()));
    check(&only_plain(&[f32s.as_slice(), &odd32].concat()));
    check(&only(&[f64s.as_slice(), &odd64].concat()));
    check(&only_plain(&[f64s.as_slice(), &odd64].concat()));
    check(&only(&[true, false]));
    check(&only(&['\0', '"', '\u{10FFFF}']));
    check(&only(&[String::new(), "\u{7f}\u{2028}\\\"\u{8}\t\r\n".to_owned(), "none".to_owned()]));
    check(&only(&[(), ()]));
}

#[test]
fn serde_values_of_every_kind_come_back() {
    check(&only(&(0..24).map(everything).collect::<Vec<_>>()));
}

#[test]
fn values_that_differ_from_row_to_row_come_back() {
    let values = [
        "null",
        "1",
        "-1",
        "1.5",
        "true",
        "\"x\"",
        "[]",
        "{}",
        "[1, null, [2.5]]",
        "18446744073709551615",
        r#"{"$alternative": 1, "value": {"a": null}}"#,
        r#"{"a": [{"b": -3}, "inf"]}"#,
    ];
    let values: Vec<serde_json::Value> =
        values.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let text = check(&only(&values));
    assert!(
        text.contains("\"c\": 1.5\n") && text.contains("\"c\": -1\n"),
        "plain where nothing else fits:\n{text}"
    );
}

#[test]
fn times_of_all_years_come_back() {
    for at in [i64::MIN, -1, 0, 1, 951_782_400_000_000_000, 1_709_164_800_000_000_000, i64::MAX] {
        let mut doc = WorldDoc::default();
        doc.meta.created_at_ns = Some(at);
        check(&doc);
    }
    let text = |time: &str| format!(r#"{{"version":1,"timestamp":"{time}","entities":[]}}"#);
    let read = |time: &str| from_json(&text(time)).map(|doc| doc.meta.created_at_ns);
    assert_eq!(read("2000-02-29T00:00:00Z").unwrap(), Some(951_782_400_000_000_000));
    assert_eq!(read("2000-02-29T02:30:00.5+02:30").unwrap(), Some(951_782_400_500_000_000));
    for wrong in ["", "2000-13-01T00:00:00Z", "2000-01-01", "9999-01-01T00:00:00Z", "2000-01-01T00:00:00"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
