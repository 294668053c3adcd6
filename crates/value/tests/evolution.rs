//! Rows are read by types that have changed since.

use std::collections::BTreeMap;
use std::fmt::Debug;

use keepstone_value::{Error, Problem};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::support::{read, rows};

fn reads_as<Old: Serialize, New: DeserializeOwned + PartialEq + Debug>(old: Old, new: New) {
    let rows = rows(&[old]);
    assert_eq!(read::<New>(&rows).unwrap(), [new], "{}", rows.shape);
}

#[derive(Serialize)]
struct Health {
    current: u32,
    max: u32,
    name: &'static str,
}

const HEALTH: Health = Health { current: 3, max: 10, name: "orc" };

#[derive(Deserialize, PartialEq, Debug)]
struct Added {
    current: u32,
    #[serde(default)]
    shield: Option<u8>,
    max: u32,
    name: String,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Removed {
    max: u32,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Reordered {
    name: String,
    max: u32,
    current: u32,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Widened {
    current: u64,
    max: i64,
    name: String,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Wrapped {
    current: Option<u32>,
    max: Points,
    name: Option<Title>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Points(u32);

#[derive(Deserialize, PartialEq, Debug)]
struct Title(String);

#[derive(Deserialize, PartialEq, Debug)]
struct Renamed {
    #[serde(alias = "current")]
    hits: u32,
    #[serde(rename = "max")]
    limit: u32,
    name: String,
}

#[test]
fn fields_are_found_by_name() {
    reads_as(HEALTH, Added { current: 3, shield: None, max: 10, name: "orc".into() });
    reads_as(HEALTH, Removed { max: 10 });
    reads_as(HEALTH, Reordered { name: "orc".into(), max: 10, current: 3 });
    reads_as(HEALTH, Renamed { hits: 3, limit: 10, name: "orc".into() });
}

#[test]
fn values_widen_and_are_wrapped() {
    reads_as(HEALTH, Widened { current: 3, max: 10, name: "orc".into() });
    reads_as(HEALTH, Wrapped { current: Some(3), max: Points(10), name: Some(Title("orc".into())) });
    reads_as(1.5_f32, 1.5_f64);
    reads_as(7_u8, 7_u128);
    reads_as(Some(Points(7)), 7_u64);
    reads_as(Points(7), Some(7_u16));
    reads_as(b"bytes".to_vec(), b"bytes".to_vec());
    reads_as(Raw(b"bytes"), b"bytes".to_vec());
    reads_as(Raw(&[1, 2]), (1_u8, 2_u8));
    reads_as('x', "x".to_owned());
    reads_as((1_u8, 2_u8), vec![1_u32, 2]);
    reads_as(
        HEALTH,
        BTreeMap::from(
            [("current", "3"), ("max", "10"), ("name", "orc")]
                .map(|(a, b)| (a.to_owned(), Text(b.to_owned()))),
        ),
    );
    reads_as(BTreeMap::from([("max", 10)]), Removed { max: 10 });
}

struct Raw(&'static [u8]);

impl Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Any value as text.
#[derive(PartialEq, Debug)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self(value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
    }
}

#[derive(Serialize)]
enum OldShot {
    Miss,
    Hit(u32),
    Burst(u8, u8),
    Beam { power: f32, width: f32 },
}

#[derive(Deserialize, PartialEq, Debug)]
enum NewShot {
    #[serde(alias = "Burst")]
    Volley(u16, u16),
    Beam {
        #[serde(default)]
        color: u8,
        power: f64,
    },
    Hit(Damage),
    Miss,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Damage(u64);

#[derive(Deserialize, PartialEq, Debug)]
enum Plain {
    Hit,
    Red,
}

#[test]
fn variants_are_found_by_name() {
    let rows = rows(&[
        OldShot::Miss,
        OldShot::Hit(4),
        OldShot::Burst(1, 2),
        OldShot::Beam { power: 0.5, width: 1.0 },
    ]);
    let expected = [
        NewShot::Miss,
        NewShot::Hit(Damage(4)),
        NewShot::Volley(1, 2),
        NewShot::Beam { color: 0, power: 0.5 },
    ];
    assert_eq!(read::<NewShot>(&rows).unwrap(), expected);
    reads_as(OldShot::Hit(4), Plain::Hit);
    reads_as("Red", Plain::Red);
    reads_as(BTreeMap::from([("Hit", 4_u8)]), NewShot::Hit(Damage(4)));
}

#[derive(Deserialize, Debug)]
enum Broken {
    #[expect(dead_code, reason = "never read")]
    Hit(u32),
    Miss,
    #[expect(dead_code, reason = "never read")]
    Burst(u8, String),
}

#[test]
fn a_type_that_no_longer_fits_is_named_with_its_place() {
    let list = rows(&[vec![OldShot::Hit(1)], vec![OldShot::Hit(2), OldShot::Miss, OldShot::Burst(1, 2)]]);
    let err = read::<Vec<Broken>>(&list).unwrap_err();
    let &Error::Decode { row: 1, offset, ref path, problem: Problem::Message(ref message) } = &err else {
        panic!("{err:?}");
    };
    assert_eq!((offset, path.as_str()), (10, "value[2].Burst[1]"));
    assert_eq!(message, "invalid type: integer `2`, expected a string");
    assert_eq!(err.kind(), keepstone_format::Kind::Misuse);

    let rows = rows(&[HEALTH]);
    let err = read::<(u8, u8)>(&rows).unwrap_err();
    assert!(matches!(err, Error::Decode { problem: Problem::Message(_), .. }), "{err:?}");
    let err = read::<BTreeMap<String, u32>>(&rows).unwrap_err();
    let Error::Decode { path, .. } = &err else { panic!("{err:?}") };
    assert_eq!(path, "Health.name");
}

#[test]
fn elements_are_not_dropped_in_silence() {
    let err = read::<(u8, u8)>(&rows(&[vec![1_u8, 2, 3]])).unwrap_err();
    assert!(matches!(err, Error::Decode { problem: Problem::Leftover { left: 1 }, .. }), "{err:?}");
    let err = read::<u8>(&rows(&[None::<u8>])).unwrap_err();
    assert!(matches!(err, Error::Decode { problem: Problem::Message(_), .. }), "{err:?}");
}
