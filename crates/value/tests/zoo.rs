//! Everything that serde's derive makes comes back.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use keepstone_value::{Decoder, Options, encode};
use serde::ser::{SerializeMap, SerializeSeq, SerializeTuple};
use serde::{Deserialize, Serialize};

use crate::support::{read, round_trip, round_trip_dynamic, rows};

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone, Copy)]
struct Numbers {
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    f32: f32,
    f64: f64,
    bool: bool,
    char: char,
}

#[test]
fn primitives_come_back_at_their_bounds() {
    let low = Numbers {
        u8: 0,
        u16: 0,
        u32: 0,
        u64: 0,
        i8: i8::MIN,
        i16: i16::MIN,
        i32: i32::MIN,
        i64: i64::MIN,
        f32: f32::MIN,
        f64: f64::MIN_POSITIVE,
        bool: false,
        char: '\0',
    };
    let high = Numbers {
        u8: u8::MAX,
        u16: u16::MAX,
        u32: u32::MAX,
        u64: u64::MAX,
        i8: i8::MAX,
        i16: i16::MAX,
        i32: i32::MAX,
        i64: i64::MAX,
        f32: 0.5,
        f64: f64::MAX,
        bool: true,
        char: char::MAX,
    };
    round_trip_dynamic(&[low, high]);
    round_trip(&[(i128::MIN, u128::MAX), (i128::MAX, 0), (-1, 1 << 100)]);
    round_trip(&[f64::INFINITY, -0.0]);
    assert!(read::<f32>(&rows(&[f32::NAN])).unwrap()[0].is_nan());
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Unit;

#[derive(Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Clone)]
struct Meters(u32);

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Pair(u8, String);

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Generic<T> {
    inner: T,
}

#[test]
fn structs_of_all_kinds_come_back() {
    round_trip_dynamic(&[Unit, Unit]);
    round_trip_dynamic(&[Meters(3), Meters(300)]);
    round_trip_dynamic(&[Pair(1, "one".into())]);
    round_trip_dynamic(&[((), 1_u8, "two".to_owned())]);
    round_trip_dynamic(&[[1_u16, 2, 3]]);
    round_trip_dynamic(&[Generic { inner: Unit }]);
}

#[test]
fn one_generic_name_with_two_contents_is_one_type() {
    let rows = round_trip_dynamic(&[(Generic { inner: 7_u32 }, Generic { inner: "seven".to_owned() })]);
    assert_eq!(rows.shape.to_string(), "(Generic, Generic)\nstruct Generic { inner: u32 | str }");
}

#[test]
fn options_nest() {
    round_trip(&[None, Some(None), Some(Some(None)), Some(Some(Some(5_u8)))]);
    let rows = round_trip(&[None::<u32>, None]);
    assert_eq!(rows.shape.to_string(), "Option<_>");
}

#[test]
fn collections_come_back() {
    round_trip_dynamic(&[vec![1_u8, 2, 200], vec![]]);
    round_trip_dynamic(&[vec![Some("a".to_owned()), None], vec![]]);
    round_trip_dynamic(&[VecDeque::from([1_i32, -1])]);
    round_trip_dynamic(&[BTreeSet::from(["x".to_owned(), "y".to_owned()])]);
    round_trip_dynamic(&[BTreeMap::from([("long key".to_owned(), 1_u8), ("k".to_owned(), 2)])]);
    round_trip(&[BTreeMap::from([
        (Meters(1000), BTreeMap::from([(Meters(1), 0.5_f32)])),
        (Meters(2), BTreeMap::new()),
    ])]);
    round_trip(&[HashMap::from([((1_u8, 'a'), Meters(1)), ((0, 'b'), Meters(2))])]);
    round_trip(&[vec![(); 1000]]);
}

#[test]
fn a_hash_map_is_written_in_one_order() {
    let keys: Vec<String> = (0..200).map(|key| format!("key {key}")).collect();
    let forward: HashMap<_, _> = keys.iter().cloned().zip(0_u32..).collect();
    let mut backward = HashMap::with_capacity(4096);
    backward.extend(keys.iter().cloned().zip(0_u32..).collect::<Vec<_>>().into_iter().rev());
    let nested = |map: &HashMap<String, u32>| vec![map.clone(), HashMap::new(), map.clone()];
    assert_eq!(round_trip_dynamic(&[nested(&forward)]), rows(&[nested(&backward)]));
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
enum Command {
    Stop,
    Say(String),
    Move(i32, i32),
    Spawn { kind: String, count: Option<u32> },
    Group(Vec<Command>),
}

fn commands() -> Vec<Command> {
    vec![
        Command::Stop,
        Command::Say("hi".into()),
        Command::Move(-1, 1),
        Command::Spawn { kind: "orc".into(), count: Some(3) },
        Command::Group(vec![Command::Stop, Command::Group(vec![Command::Say("in".into())])]),
        Command::Spawn { kind: "elf".into(), count: None },
    ]
}

#[test]
fn enums_with_all_payloads_come_back() {
    let rows = round_trip_dynamic(&commands());
    let expected = "enum Command { Stop, Say(str), Move(i32, i32), Spawn { kind: str, count: Option<u32> }, Group([Command]) }";
    assert_eq!(rows.shape.to_string(), expected);
    round_trip_dynamic(&[Ok::<u8, String>(1), Err("no".into())]);
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct List {
    value: u32,
    next: Option<Box<List>>,
}

#[test]
fn recursive_types_end() {
    let list = (0..40)
        .fold(List { value: 99, next: None }, |next, value| List { value, next: Some(Box::new(next)) });
    let rows = round_trip_dynamic(&[list.clone(), List { value: 1, next: None }]);
    assert_eq!(rows.shape.to_string(), "struct List { value: u32, next: Option<List> }");
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(tag = "type")]
enum Internal {
    Empty,
    Circle { radius: f32 },
    Named(Inner),
    Rect { w: u8, h: u8 },
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Inner {
    name: String,
    tags: Vec<u8>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Empty,
    One(u32),
    Two(u8, String),
    Named { x: i8 },
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
    Text(String),
    Point { x: f64, y: f64 },
    List(Vec<Untagged>),
    Nothing,
}

#[test]
fn tagged_and_untagged_enums_come_back() {
    let inner = || Inner { name: "n".into(), tags: vec![1, 2] };
    let all = [
        Internal::Empty,
        Internal::Circle { radius: 1.5 },
        Internal::Named(inner()),
        Internal::Rect { w: 1, h: 2 },
    ];
    round_trip_dynamic(&all);
    round_trip_dynamic(&all.map(|value| vec![Some(value)]));
    round_trip_dynamic(&[
        Adjacent::Empty,
        Adjacent::One(1),
        Adjacent::Two(2, "b".into()),
        Adjacent::Named { x: -1 },
    ]);
    round_trip_dynamic(&[Adjacent::One(1), Adjacent::One(2)]);
    round_trip_dynamic(&[Adjacent::Empty]);
    round_trip_dynamic(&[
        Untagged::Number(1),
        Untagged::Text("t".into()),
        Untagged::List(vec![Untagged::Number(2), Untagged::Nothing, Untagged::List(vec![])]),
        Untagged::Point { x: 0.5, y: -0.5 },
    ]);
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone, Default)]
struct Skipping {
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<u32>,
    always: u8,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    list: Vec<u16>,
    #[serde(skip)]
    never: u64,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Flat {
    id: u32,
    #[serde(flatten)]
    inner: Inner,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[test]
fn skipped_and_flattened_fields_come_back() {
    let full = Skipping { first: Some(1), always: 2, list: vec![3], never: 0 };
    let rows = round_trip_dynamic(&[
        Skipping::default(),
        full.clone(),
        Skipping { first: None, ..full.clone() },
        Skipping { list: vec![], ..full },
    ]);
    assert_eq!(rows.shape.to_string(), "struct Skipping { first?: Option<u32>, always: u8, list?: [u16] }");
    let inner = Inner { name: "in".into(), tags: vec![9] };
    round_trip_dynamic(&[
        Flat { id: 1, inner: inner.clone(), rest: BTreeMap::new() },
        Flat { id: 2, inner, rest: BTreeMap::from([("a".into(), 1), ("b".into(), 2)]) },
    ]);
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Borrowing<'a> {
    #[serde(borrow)]
    text: &'a str,
    #[serde(borrow)]
    cow: Cow<'a, str>,
}

#[test]
fn text_is_borrowed_from_the_column() {
    let rows = rows(&[Borrowing { text: "lent", cow: "too".into() }]);
    let values: Vec<Borrowing<'_>> = read(&rows).unwrap();
    assert!(rows.data.as_ptr_range().contains(&values[0].text.as_ptr()));
    assert!(matches!(values[0].cow, Cow::Borrowed("too")));
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(untagged)]
enum Address {
    Ip(IpAddr),
}

#[test]
fn the_human_readable_form_saves_what_buffering_loses() {
    round_trip(&[IpAddr::from([127, 0, 0, 1]), IpAddr::from([0_u16; 8])]);
    round_trip(&[Duration::new(1, 5)]);
    let options = Options { human_readable: true, ..Options::default() };
    let values = [Address::Ip(IpAddr::from([127, 0, 0, 1]))];
    let rows = encode(values.iter(), None, &options).unwrap();
    let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, &options);
    assert_eq!(decoder.row::<Address>(rows.lens[0]).unwrap(), values[0]);
}

#[test]
fn dynamic_values_come_back() {
    let text = r#"[{"a": 1, "b": [true, null, -5, 2.5, "x"]}, {"a": "text"}, 7, null, [], {}]"#;
    let values: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    let rows = round_trip_dynamic(&values);
    assert_eq!(rows.shape.to_string(), "u64 | () | [_] | {str: u64 | str | [i64 | f64 | bool | str | ()]}");
}

#[test]
fn no_rows_have_a_shape_too() {
    let rows = round_trip::<Numbers>(&[]);
    assert_eq!(rows.shape.encode(), [0, 0]);
}

struct UnsaidSeq(usize);

impl Serialize for UnsaidSeq {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        (0..self.0).try_for_each(|index| seq.serialize_element(&u32::try_from(index).unwrap()))?;
        seq.end()
    }
}

struct UnsaidMap(usize);

impl Serialize for UnsaidMap {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        (0..self.0).rev().try_for_each(|index| map.serialize_entry(&u32::try_from(index).unwrap(), &true))?;
        map.end()
    }
}

struct Count(usize);

impl Serialize for Count {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(2)?;
        tuple.serialize_element(&UnsaidSeq(self.0))?;
        tuple.serialize_element(&UnsaidMap(self.0))?;
        tuple.end()
    }
}

#[test]
fn counts_need_not_be_known_before() {
    for count in [0, 1, 2, 127, 128, 300] {
        let rows = rows(&[Count(count)]);
        let (list, map): (Vec<u32>, BTreeMap<u32, bool>) = read(&rows).unwrap().pop().unwrap();
        assert_eq!((list.len(), map.len()), (count, count));
        let end = u32::try_from(count).unwrap();
        assert!(list.into_iter().eq(0..end) && map.into_keys().eq(0..end));
    }
}
