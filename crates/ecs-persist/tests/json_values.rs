//! Values of every kind as JSON.
#![expect(clippy::option_option, reason = "null inside an option has to be told from none")]

use std::collections::{BTreeMap, HashMap};

use keepstone_ecs_persist::{Error, Json, JsonProblem, ReadOptions, WorldDoc, WorldFormat, WriteOptions};
use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::{
    json::{check, from_json, only, only_plain, to_json},
    support::small_world,
};

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

#[test]
fn floats_are_written_as_debug_writes_them() {
    let mut state = 1_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let (mut f32s, mut f64s) = (vec![0.0, -0.0_f32], vec![0.0, -0.0_f64]);
    for exponent in -46_i32..40 {
        // Where one way to write them may end and another begin.
        let (narrow, wide): (f32, f64) =
            (format!("1e{exponent}").parse().unwrap(), format!("1e{exponent}").parse().unwrap());
        f32s.extend((0..5).map(|step| f32::from_bits((narrow.to_bits() + step).saturating_sub(2))));
        f64s.extend((0..5).map(|step| f64::from_bits(wide.to_bits() + step - 2)));
    }
    for _ in 0..3000 {
        f32s.push(f32::from_bits(u32::try_from(random() >> 32).unwrap()));
        f64s.push(f64::from_bits(random()));
        let share = f64::from(u32::try_from(random() >> 32).unwrap()) / 65_536.0;
        f64s.push(share - 16_384.0);
        f32s.push(format!("{share:.7}").parse().unwrap());
        // Halfway between two texts of the fewest digits that read as they do.
        let eighths = u16::try_from(random() >> 48).unwrap();
        f32s.push(f32::from(eighths) + 0.0625);
        f64s.push(f64::from(eighths) * 4_294_967_296.0 + 0.000_030_517_578_125 * f64::from(eighths));
    }
    f32s.retain(|value| value.is_finite());
    f64s.retain(|value| value.is_finite());
    let narrow: Vec<String> = f32s.iter().map(|value| format!("{value:?}")).collect();
    let wide: Vec<String> = f64s.iter().map(|value| format!("{value:?}")).collect();
    for (doc, expected) in [
        (only_plain(&f32s), &narrow),
        (only(&f32s), &narrow),
        (only_plain(&f64s), &wide),
        (only(&f64s), &wide),
    ] {
        let text = to_json(&doc, &WriteOptions::default());
        let mut written = text.lines().filter_map(|line| line.strip_prefix("      \"c\": "));
        for expected in expected {
            assert_eq!(written.next(), Some(expected.as_str()));
        }
        assert_eq!(written.next(), None);
    }
}

fn sorted(json: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json).unwrap().to_string()
}

#[test]
fn keys_in_the_order_of_the_alphabet_are_the_same_world() {
    let mut turned_any = false;
    for doc in [small_world(), only(&(0..24).map(everything).collect::<Vec<_>>())] {
        let text = to_json(&doc, &WriteOptions::default());
        assert_eq!(from_json(&text).unwrap(), doc);
        // The entities stand before the types, which nothing that is read in one pass could bear.
        let compact = to_json(&doc, &WriteOptions::default().pretty(false));
        let (head, rest) = compact.split_once(",\"types\":").unwrap();
        let (types, entities) = rest.split_once(",\"entities\":").unwrap();
        let entities = entities.strip_suffix('}').unwrap();
        let moved = format!("{head},\"entities\":{entities},\"types\":{types}}}");
        assert_eq!(from_json(&moved).unwrap(), doc);
        // Only the values are turned.
        let line = |line: &str| match line.split_once("\": ") {
            Some((key, value)) if key.starts_with("      \"") => {
                let comma = if value.ends_with(',') { "," } else { "" };
                format!("{key}\": {}{comma}\n", sorted(value.trim_end_matches(',')))
            }
            _ => format!("{line}\n"),
        };
        let turned: String = text.lines().map(line).collect();
        turned_any |= turned.replace(' ', "") != text.replace(' ', "");
        assert_eq!(from_json(&turned).unwrap(), doc);
    }
    assert!(turned_any);
}

#[test]
fn entities_that_stand_table_by_table_or_mixed_are_the_same_world() {
    let doc = only_plain(&[1_u8, 2]);
    let types = to_json(&doc, &WriteOptions::default().pretty(false));
    let head = types.split_once("\"entities\"").unwrap().0;
    let read = |entities: &str, count: u32| {
        let head = head.replace("\"entity_count\":2", &format!("\"entity_count\":{count}"));
        from_json(&format!("{head}\"entities\":[{entities}]}}"))
    };
    let with = |id: u32, value: u32| format!(r#"{{"id":{id},"components":{{"c":{value}}}}}"#);
    let without = |id: u32| format!(r#"{{"id":{id},"components":{{}}}}"#);
    let tables = read(&[with(0, 1), with(1, 2), without(2)].join(","), 3).unwrap();
    assert_eq!(tables.tables.iter().map(|table| table.rows).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(tables.columns, doc.columns);
    assert_eq!(read(&[with(0, 1), without(1), with(2, 2)].join(","), 3).unwrap(), tables);
    assert_eq!(read(&[with(7, 1), with(3, 2), without(5)].join(","), 3).unwrap(), tables);
    let twice = r#"{"id":0,"components":{"c":1,"c":2}}"#;
    let Err(Error::Json { problem, .. }) = read(twice, 1) else { panic!() };
    assert!(matches!(&*problem, JsonProblem::DuplicateKey { key } if key == "c"), "{problem}");
    let few = read(&with(0, 1), 2);
    let Err(Error::Json { problem, .. }) = few else { panic!("{few:?}") };
    assert!(matches!(&*problem, JsonProblem::Count { said: 2, found: 1 }), "{problem}");
}

#[test]
fn keys_too_many_are_found_behind_those_that_stand_in_order() {
    let text = to_json(&small_world(), &WriteOptions::default());
    let problem = |to: &str| match from_json(&text.replace("{\"x\": 3.0, \"y\": 4.0}", to)) {
        Err(Error::Json { path, problem, .. }) => {
            assert_eq!(path, "$.entities[1].components[\"a.pos\"]");
            *problem
        }
        other => panic!("{other:?}"),
    };
    let found = problem(r#"{"x": 3.0, "y": 4.0, "z": 5.0}"#);
    assert!(
        matches!(&found, JsonProblem::UnknownKey { key, known } if key == "z" && known == "x, y"),
        "{found}"
    );
    let found = problem(r#"{"x": 3.0, "y": 4.0, "x": 3.0}"#);
    assert!(matches!(&found, JsonProblem::DuplicateKey { key } if key == "x"), "{found}");
    let found = problem(r#"{"y": 3.0, "x": 4.0, "y": 3.0}"#);
    assert!(matches!(&found, JsonProblem::DuplicateKey { key } if key == "y"), "{found}");
    let found = problem(r#"{"x": 3.0, "$y": 4.0}"#);
    assert!(matches!(&found, JsonProblem::UnknownKey { key, .. } if key == "$y"), "{found}");
}

#[derive(Serialize)]
struct Node {
    inner: Option<Box<Node>>,
    b: u8,
    c: u8,
}

#[test]
fn values_within_values_in_another_order_are_not_read_over_and_over() {
    let node = |inner| Node { inner, b: 1, c: 2 };
    let deep = (0..50).fold(node(None), |inner, _| node(Some(Box::new(inner))));
    let mut rows = keepstone_value::encode([&deep].into_iter(), None, &keepstone_value::Options::default());
    let shape = rows.as_mut().unwrap().shape.clone();
    let mut doc = only(&[0_u8]);
    let rows = rows.unwrap();
    doc.columns[0].schema.encoding = keepstone_ecs_persist::Encoding::Rows { shape, human_readable: false };
    doc.columns[0].data = keepstone_ecs_persist::ColumnData::Rows {
        lengths: keepstone_ecs_persist::Lengths::each(rows.lens),
        data: rows.data.into(),
        targets: rows.targets.into(),
    };
    let text = to_json(&doc, &WriteOptions::default());
    // Each level shows only behind what is inside of it that its keys are turned: trying twice would take 2^50 tries.
    let turned = text.replace("\"b\": 1, \"c\": 2", "\"c\": 2, \"b\": 1");
    assert_ne!(turned, text);
    assert_eq!(from_json(&turned).unwrap(), doc);
}

#[test]
fn what_is_not_json_is_not_read() {
    let doc = only(&[everything(6)]);
    let schema = doc.schema();
    let mut read = 0;
    let text = to_json(&doc, &WriteOptions::default().schema(false).pretty(false));
    let mut check = |bytes: &[u8]| {
        let found = Json.load(&mut &*bytes, &ReadOptions::default().schema(&schema));
        if found.is_ok() {
            read += 1;
            let text = String::from_utf8_lossy(bytes);
            assert!(serde_json::from_slice::<IgnoredAny>(bytes).is_ok(), "{text}");
        }
    };
    for at in 0..text.len() {
        let mut without = text.clone().into_bytes();
        without.remove(at);
        check(&without);
        for byte in b",:0-.e\n\\\"x]}" {
            let mut bytes = text.clone().into_bytes();
            bytes.insert(at, *byte);
            check(&bytes);
            bytes.remove(at + 1);
            check(&bytes);
        }
    }
    assert!(read > 0, "some of the changes are other worlds");
}
