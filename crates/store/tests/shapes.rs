use std::{
    cell::Cell,
    fmt::Debug,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use keepstone_format::{Codec, FileKind, Limits, Reader, SectionId, Writer, WriterOptions};
use keepstone_store::{Dynamic, FromPayload, Payload, PayloadError, Prepared, Shapes};
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned, ser::SerializeStruct};

fn container(prepared: Prepared<'_>) -> Vec<u8> {
    let (len, mut bytes) = (prepared.len, Vec::new());
    let options = WriterOptions::new(FileKind::SAVE).codec(Codec::None);
    let mut writer = Writer::new(&mut bytes as &mut dyn Write, options).unwrap();
    let tail = prepared.write(&mut writer).unwrap();
    let (_, written) = writer.finish(tail).unwrap();
    assert_eq!(written.raw_bytes, len, "the length is known before");
    bytes
}

fn saved<T: Payload + ?Sized>(value: &T, shapes: &Shapes) -> Vec<u8> {
    container(value.prepare_with(shapes).unwrap())
}

fn reader(bytes: &[u8]) -> Reader<&[u8]> {
    Reader::open(bytes, Limits::default()).unwrap()
}

/// Saves and loads a value, with and without what was kept.
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, shapes: &Shapes) -> Vec<u8> {
    let bytes = saved(value, shapes);
    assert_eq!(&T::from_payload(&reader(&bytes)).unwrap(), value);
    assert_eq!(&T::from_payload_with(&reader(&bytes), shapes).unwrap(), value);
    bytes
}

/// The bytes of the shape in front of a value.
fn shape_of(bytes: &[u8]) -> Vec<u8> {
    Dynamic::from_payload(&reader(bytes)).unwrap().shape.encode()
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Goal {
    Rest,
    Walk { to: (i32, i32), via: Option<String> },
    Trade(u64, Vec<Goal>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Game {
    tick: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    weather: Option<String>,
    goals: Vec<Goal>,
    #[serde(flatten)]
    others: std::collections::BTreeMap<String, u8>,
}

/// Games that have little in common.
fn game(number: u64) -> Game {
    let goals = match number % 4 {
        0 => Vec::new(),
        1 => vec![Goal::Rest],
        2 => vec![Goal::Walk { to: (-1, 1), via: (number % 8 == 2).then(|| "mill".to_owned()) }],
        _ => vec![Goal::Trade(number, vec![Goal::Rest, Goal::Trade(1, Vec::new())]), Goal::Rest],
    };
    let weather = (number % 3 == 1).then(|| format!("rain {number}"));
    let others = (0..number % 5).map(|key| (format!("key {number} {key}"), 7)).collect();
    Game { tick: number, weather, goals, others }
}

#[test]
fn values_that_have_little_in_common_load_equal_in_any_order() {
    let shapes = Shapes::default();
    for number in [0, 1, 2, 3, 4, 10, 5, 0, 23, 7, 2, 1, 0].into_iter().chain(20..80) {
        check(&game(number), &shapes);
    }
}

#[test]
fn a_type_is_learnt_once_and_then_all_of_its_values_have_one_shape() {
    let shapes = Shapes::default();
    let alone = shape_of(&check(&game(0), &shapes));
    let numbers = 0..64;
    numbers.clone().for_each(|number| drop(check(&game(number), &shapes)));
    let settled = shape_of(&check(&game(0), &shapes));
    assert_ne!(settled, alone, "it has what the other values brought");
    for number in numbers {
        assert_eq!(shape_of(&check(&game(number), &shapes)), settled, "{number}");
    }
    // Another store has learnt nothing of it.
    assert_eq!(shape_of(&check(&game(0), &Shapes::default())), alone);
}

#[test]
fn an_option_that_was_none_may_be_some_later_and_none_again() {
    let shapes = Shapes::default();
    for value in [None, Some(None), Some(Some(7_u8)), None, Some(Some(8)), Some(None)] {
        let bytes = saved(&(1_u8, value), &shapes);
        let loaded: (u8, Option<Option<u8>>) = FromPayload::from_payload(&reader(&bytes)).unwrap();
        assert_eq!(loaded, (1, value));
    }
}

mod other {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    pub(super) struct Game {
        pub(super) tick: String,
    }
}

#[test]
fn types_of_one_name_are_kept_apart() {
    let shapes = Shapes::default();
    for number in 0..4 {
        check(&game(number), &shapes);
        let bytes = check(&other::Game { tick: number.to_string() }, &shapes);
        let alone = container(other::Game { tick: number.to_string() }.prepare().unwrap());
        assert_eq!(bytes, alone, "the other type has taught it nothing");
    }
}

/// Says how often it was serialized, and does once what it is told to.
struct Watched {
    times: Cell<u32>,
    mood: Cell<Mood>,
}

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Calm,
    Refuses,
    Panics,
}

impl Serialize for Watched {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.times.set(self.times.get() + 1);
        let mut fields = serializer.serialize_struct("Watched", 2)?;
        fields.serialize_field("first", &1_u8)?;
        match self.mood.get() {
            Mood::Calm => {}
            Mood::Refuses => return Err(serde::ser::Error::custom("not now")),
            Mood::Panics => panic!("not now"),
        }
        fields.serialize_field("second", &Some(2_u8))?;
        fields.end()
    }
}

fn watched(mood: Mood) -> Watched {
    Watched { times: Cell::new(0), mood: Cell::new(mood) }
}

#[derive(Debug, PartialEq, Deserialize)]
struct Seen {
    first: u8,
    second: Option<u8>,
}

#[test]
fn once_a_type_is_learnt_a_value_serializes_itself_once() {
    let shapes = Shapes::default();
    saved(&watched(Mood::Calm), &shapes);
    for _ in 0..3 {
        let value = watched(Mood::Calm);
        saved(&value, &shapes);
        assert_eq!(value.times.get(), 1);
    }
}

#[test]
fn a_value_that_refuses_or_panics_leaves_nothing_behind() {
    let expected = container(watched(Mood::Calm).prepare().unwrap());
    for mood in [Mood::Refuses, Mood::Panics] {
        for calm_before in [false, true] {
            let shapes = Shapes::default();
            if calm_before {
                saved(&watched(Mood::Calm), &shapes);
            }
            let value = watched(mood);
            let answer = catch_unwind(AssertUnwindSafe(|| value.prepare_with(&shapes).map(drop)));
            match answer {
                Ok(answer) => {
                    assert!(matches!(answer, Err(PayloadError::Value(_))) && mood == Mood::Refuses);
                }
                Err(_) => assert!(mood == Mood::Panics),
            }
            for _ in 0..2 {
                let value = watched(Mood::Calm);
                let bytes = saved(&value, &shapes);
                assert_eq!(bytes, expected);
                assert_eq!(Seen::from_payload(&reader(&bytes)).unwrap(), Seen { first: 1, second: Some(2) });
            }
            let value = watched(Mood::Calm);
            saved(&value, &shapes);
            assert_eq!(value.times.get(), 1, "it is learnt again");
        }
    }
}

/// Has the fields that it is given, which no derived type could.
struct Fields(Vec<&'static str>);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Fields", self.0.len())?;
        for name in &self.0 {
            fields.serialize_field(name, name)?;
        }
        fields.end()
    }
}

fn name(number: usize, len: usize) -> &'static str {
    format!("{number:0len$}").leak()
}

#[test]
fn what_is_kept_of_ever_new_fields_is_bounded() {
    let shapes = Shapes::default();
    let mut longest = 0;
    for number in 0..1000 {
        let value = Fields(vec![name(number, 10)]);
        let bytes = saved(&value, &shapes);
        longest = longest.max(bytes.len());
        let loaded: std::collections::BTreeMap<String, String> =
            FromPayload::from_payload_with(&reader(&bytes), &shapes).unwrap();
        assert_eq!(loaded.into_iter().collect::<Vec<_>>(), [(value.0[0].to_owned(), value.0[0].to_owned())]);
    }
    // 64 fields and what is around them.
    assert!(longest < 64 * 20 + 500, "{longest}");
}

#[test]
fn a_shape_that_is_too_long_is_not_kept_and_its_value_is_saved_all_the_same() {
    let shapes = Shapes::default();
    let value = Fields((0..400).map(|number| name(number, 200)).collect());
    let alone = container(value.prepare().unwrap());
    for _ in 0..3 {
        assert_eq!(saved(&value, &shapes), alone);
    }
}

#[test]
fn threads_that_save_one_type_at_a_time_each_save_what_they_have() {
    let shapes = Shapes::default();
    thread::scope(|scope| {
        for start in 0..4 {
            let shapes = &shapes;
            scope.spawn(move || (0..60).for_each(|number| drop(check(&game(start * 7 + number), shapes))));
        }
    });
}

#[test]
fn a_section_holds_the_shape_and_behind_it_the_value() {
    let shapes = Shapes::default();
    for _ in 0..2 {
        let bytes = saved(&300_u16, &shapes);
        let reader = reader(&bytes);
        let section = reader.find(SectionId::VALUE, 0).unwrap();
        // No type; one alternative, u16. Then the varint.
        assert_eq!(*reader.read(section).unwrap(), [3, 0, 1, 2, 0xAC, 2]);
    }
}
