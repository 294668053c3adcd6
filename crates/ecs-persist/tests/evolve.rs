//! Columns of earlier definitions, read by today's types.

use keepstone_derive::Persist;
use keepstone_ecs_persist::{Codec, Coder, Column, ColumnStep, Error, Persist, Registry, Runs, Stateless};
use keepstone_ecs_persist::{ComponentSchema, Encoding};
use keepstone_value::{Entities, EntityType, Resolve};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A world without entities.
struct Nobody;

impl Entities for Nobody {
    fn entity(&self) -> EntityType {
        EntityType::of::<crate::support::Id>()
    }

    fn ordinal(&mut self, _: u64) -> u32 {
        keepstone_ecs_persist::NONE
    }
}

impl Resolve for Nobody {
    fn entity(&self) -> EntityType {
        EntityType::of::<crate::support::Id>()
    }

    fn bits(&mut self, _: u32) -> u64 {
        0
    }
}

fn column<T: Persist>(values: &[T]) -> Column<'_> {
    let mut runs = Runs::default();
    runs.push_slice(values);
    let (encoding, data) = T::Codec::capture(runs, &mut Nobody).expect("captured");
    Column { schema: ComponentSchema::new(T::NAME, T::VERSION, false, encoding), data }
}

fn read<T: Persist>(column: &Column<'_>, rows: usize) -> Result<Vec<T>, Error> {
    T::Codec::decode(column, rows, &mut Nobody)
}

/// What the program of today makes of values of an old type: by this crate, and by serde from JSON.
fn both_ways<Old, New>(old: &[Old]) -> (Vec<New>, Vec<New>)
where
    Old: Persist + Serialize,
    New: Persist + DeserializeOwned,
{
    let ours = read::<New>(&column(old), old.len()).expect("read by name");
    let json = |value| serde_json::from_value(serde_json::to_value(value).expect("to JSON"));
    let theirs = old.iter().map(|value| json(value).expect("from JSON")).collect();
    (ours, theirs)
}

/// A few numbers that are not alike, from a seed.
fn numbers(seed: u64) -> impl FnMut() -> u32 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from(state >> 33).expect("31 bits")
    }
}

macro_rules! pod {
    ($name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)? }) => {
        #[derive(Persist, Serialize, Deserialize, Clone, Copy, PartialEq, Debug)]
        #[persist(crate = "keepstone_ecs_persist", name = "test.body", pod)]
        #[repr(C)]
        struct $name {
            $($(#[$attribute])* $field: $type,)*
        }
    };
}

pod!(Body { x: f32, y: f32, hits: u16, team: u16, speed: [i16; 2] });

impl Body {
    fn random(seed: u64) -> Self {
        let mut next = numbers(seed);
        let mut small = || u16::try_from(next() % 60_000).expect("below 60,000");
        let signed = |value: u16| i16::try_from(i32::from(value) - 30_000).expect("within 16 bits");
        Self {
            x: f32::from(small()) / 8.0,
            y: -f32::from(small()),
            hits: small(),
            team: small(),
            speed: [signed(small()), signed(small())],
        }
    }
}

fn two() -> u32 {
    2
}

pod!(Reordered { team: u16, hits: u16, y: f32, x: f32, speed: [i16; 2] });
pod!(Fewer { y: f32 });
pod!(Wider { x: f64, hits: u32, team: i32, speed: [i64; 2] });
pod!(Grown {
    x: f32,
    y: f32,
    #[persist(default = "two")]
    #[serde(default = "two")]
    lives: u32,
    hits: u16,
    #[persist(default)]
    #[serde(default)]
    rank: u16,
});
pod!(Renamed {
    #[persist(alias = "x")]
    #[serde(alias = "x")]
    east: f32,
    #[persist(alias = "north", alias = "y")]
    #[serde(alias = "north", alias = "y")]
    up: f32,
    #[persist(default, alias = "armour")]
    #[serde(default, alias = "armour")]
    shield: u32,
});

#[derive(Persist, Serialize, Deserialize, Clone, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "test.body")]
struct Loose {
    team: u64,
    speed: [i32; 2],
    x: f32,
    #[serde(default)]
    title: String,
}

#[test]
fn fields_that_changed_are_read_as_serde_would_read_them() {
    let olds: Vec<Body> = (0..700).map(Body::random).collect();
    macro_rules! same {
        ($($new:ty),*) => {$({
            let (ours, theirs) = both_ways::<Body, $new>(&olds);
            assert_eq!(ours, theirs, stringify!($new));
        })*};
    }
    same!(Body, Reordered, Fewer, Wider, Grown, Renamed, Loose);
}

#[test]
fn a_component_that_was_a_serde_type_is_read_as_a_plain_one() {
    let loose = |seed: u64| {
        let mut next = numbers(seed);
        let small = i32::try_from(next() % 30_000).expect("small");
        let (x, title) = (0.25, "captain".repeat(usize::try_from(seed % 3).unwrap_or(0)));
        Loose { team: u64::from(next() % 60_000), speed: [small, -small], x, title }
    };
    let olds: Vec<Loose> = (0..300).map(loose).collect();
    pod!(Tight { x: f64, speed: [i32; 2], team: u64 });
    let (ours, theirs) = both_ways::<Loose, Tight>(&olds);
    assert_eq!(ours, theirs);
    pod!(TooTight { team: u8 });
    let error = read::<TooTight>(&column(&olds), olds.len()).expect_err("60,000 is no u8");
    assert!(error.to_string().contains("team"), "{error}");
}

#[test]
fn a_field_that_no_file_has_and_no_default_fills_is_an_error_that_names_it() {
    pod!(Armed { x: f32, ammunition: u32 });
    let error = read::<Armed>(&column(&[Body::random(1)]), 1).expect_err("no ammunition");
    let text = error.to_string();
    assert!(text.contains("ammunition") && text.contains("test.body") && text.contains("default"), "{text}");
    // A number that may not fit is no widening.
    pod!(Narrow { hits: u8 });
    let error = read::<Narrow>(&column(&[Body::random(1)]), 1).expect_err("u16 is no u8");
    assert!(matches!(&error, Error::Mismatch { found, .. } if found.contains("hits")), "{error}");
}

#[test]
fn pieces_that_end_within_a_row_are_read_as_one() {
    let olds: Vec<Body> = (0..50).map(Body::random).collect();
    let whole = column(&olds);
    let keepstone_ecs_persist::ColumnData::Plain(pieces) = &whole.data else { panic!("plain") };
    let bytes: Vec<u8> = pieces.concat();
    let expected = read::<Reordered>(&whole, olds.len()).expect("in one piece");
    for len in [1, 3, 16, 17, 100] {
        let pieces = bytes.chunks(len).map(|piece| piece.to_vec().into()).collect();
        let cut =
            Column { schema: whole.schema.clone(), data: keepstone_ecs_persist::ColumnData::Plain(pieces) };
        assert_eq!(read::<Reordered>(&cut, olds.len()).expect("in pieces"), expected, "pieces of {len}");
    }
}

#[derive(Persist, Serialize, Deserialize, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "test.health", version = 1, retired)]
struct HealthV1 {
    percent: u8,
}

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "test.hitpoints", version = 4, pod, retired, from = HealthV1)]
#[repr(C)]
struct Hitpoints {
    points: u32,
}

#[derive(Persist, Serialize, Deserialize, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "test.health", version = 3, from = "Hitpoints")]
struct Health {
    current: u32,
    full: u32,
}

impl From<HealthV1> for Hitpoints {
    fn from(old: HealthV1) -> Self {
        Self { points: u32::from(old.percent) * 10 }
    }
}

impl TryFrom<Hitpoints> for Health {
    type Error = String;

    fn try_from(old: Hitpoints) -> Result<Self, String> {
        match old.points {
            current @ ..=1000 => Ok(Self { current, full: 1000 }),
            points => Err(format!("{points} points are more than a body has")),
        }
    }
}

#[test]
fn a_column_takes_each_step_from_its_own_version_once() {
    let now = [Health { current: 7, full: 9 }];
    assert_eq!(read::<Health>(&column(&now), 1).expect("today's"), now);
    let second = [Hitpoints { points: 70 }, Hitpoints { points: 1000 }];
    let expected = [Health { current: 70, full: 1000 }, Health { current: 1000, full: 1000 }];
    assert_eq!(read::<Health>(&column(&second), 2).expect("the second"), expected);
    let first = [HealthV1 { percent: 7 }];
    assert_eq!(read::<Health>(&column(&first), 1).expect("the first"), [Health { current: 70, full: 1000 }]);

    let mut steps = Vec::new();
    <<Health as Persist>::Codec as Codec<Health>>::steps(&column(&first).schema, &mut steps).expect("known");
    let shown: Vec<String> = steps.iter().map(ColumnStep::to_string).collect();
    assert_eq!(shown, ["test.health 1 -> test.hitpoints 4", "test.hitpoints 4 -> test.health 3"]);
}

#[test]
fn a_value_that_a_step_refuses_is_an_error_with_its_row() {
    let old = [Hitpoints { points: 1 }, Hitpoints { points: 5000 }];
    let error = read::<Health>(&column(&old), 2).expect_err("too many points");
    let source = std::error::Error::source(&error).expect("the reason").to_string();
    assert!(source.contains("row 1") && source.contains("5000 points"), "{source}");
}

#[test]
fn a_version_where_no_step_begins_is_named_and_a_later_one_is_newer() {
    let coder = Stateless::<<Health as Persist>::Codec>::new();
    let check = |name: &str, version| {
        let encoding = Encoding::Reference { linked: false };
        Coder::<Health>::steps(&coder, &ComponentSchema::new(name, version, false, encoding), Health::VERSION)
    };
    for (name, version) in [("test.health", 2), ("test.hitpoints", 3), ("test.hitpoints", 1)] {
        let error = check(name, version).expect_err("no step begins there");
        assert!(
            matches!(&error, Error::NoMigration { found, .. } if *found == version),
            "{name} {version}: {error}"
        );
        assert!(error.to_string().contains(&format!("{name} is version {version}")), "{error}");
    }
    for (name, version) in [("test.health", 4), ("test.hitpoints", 5)] {
        let error = check(name, version).expect_err("later than the program");
        assert_eq!(error.kind(), keepstone_format::Kind::Newer, "{name} {version}: {error}");
    }
    assert_eq!(check("test.health", 3).expect("today's"), []);
}

#[test]
fn a_registry_knows_a_component_by_the_names_of_its_earlier_definitions() {
    let mut registry = Registry::<()>::default();
    registry.insert::<Health>(()).expect("registered");
    let names = ["test.health", "test.hitpoints"];
    let found = names.map(|name| registry.get(name).map(|entry| entry.name().to_owned()));
    assert_eq!(found, [Some("test.health".to_owned()), Some("test.health".to_owned())]);
}

#[test]
fn hostile_layouts_and_rows_are_refused() {
    // A wide array would be a shape of millions of positions.
    let layout = keepstone_format::plain::OwnedLayout::Array(
        Box::new(keepstone_format::plain::OwnedLayout::Primitive(keepstone_format::plain::Primitive::U8)),
        1 << 23,
    );
    let wide = Column {
        schema: ComponentSchema::new("test.body", 1, false, Encoding::Plain(layout)),
        data: keepstone_ecs_persist::ColumnData::Plain(vec![vec![0; 1 << 23].into()]),
    };
    assert!(matches!(read::<Loose>(&wide, 1), Err(Error::Mismatch { .. })));
    assert!(matches!(read::<Fewer>(&wide, 1), Err(Error::Mismatch { .. })));
}

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "test.length", version = 1, pod, retired)]
#[repr(C)]
struct Inches {
    value: u32,
}

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "test.length", version = 2, pod, from = Inches)]
#[repr(C)]
struct Micrometres {
    value: u32,
}

impl From<Inches> for Micrometres {
    fn from(old: Inches) -> Self {
        Self { value: old.value * 25_400 }
    }
}

#[test]
fn a_name_that_only_the_registry_knows_is_one_of_the_present_type_and_of_its_namesakes() {
    let coder = Stateless::<<Micrometres as Persist>::Codec>::new();
    let mut now = column(&[Micrometres { value: 7 }]);
    now.schema.name = "mod.length".into();
    assert!(Coder::<Micrometres>::is_own(&coder, &now.schema));
    assert_eq!(Coder::<Micrometres>::steps(&coder, &now.schema, 2).expect("today's"), []);
    assert_eq!(read::<Micrometres>(&now, 1).expect("today's"), [Micrometres { value: 7 }]);
    let mut old = column(&[Inches { value: 7 }]);
    old.schema.name = "mod.length".into();
    assert!(!Coder::<Micrometres>::is_own(&coder, &old.schema));
    assert_eq!(read::<Micrometres>(&old, 1).expect("the first"), [Micrometres { value: 177_800 }]);
}

#[derive(Persist, Clone, Copy, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "test.filled", pod)]
#[repr(C)]
struct Filled {
    #[persist(default)]
    value: u32,
    #[persist(default = "seven")]
    r#type: u32,
}

fn seven() -> u32 {
    7
}

#[test]
fn rows_without_bytes_become_as_many_values_of_defaults() {
    let layout = keepstone_format::plain::OwnedLayout::Struct(Vec::new());
    let marker = Column {
        schema: ComponentSchema::new("test.filled", 1, false, Encoding::Plain(layout)),
        data: keepstone_ecs_persist::ColumnData::Plain(Vec::new()),
    };
    assert_eq!(read::<Filled>(&marker, 3).expect("defaults"), [Filled { value: 0, r#type: 7 }; 3]);
}

#[test]
fn rows_that_are_no_struct_are_refused_with_the_layout_that_they_lack() {
    let texts = ["text".to_owned()];
    let text = crate::support::column("test.filled", false, crate::support::rows(&texts));
    let error = read::<Filled>(&text, 1).expect_err("text").to_string();
    assert!(error.contains("plain { value: u32, type: u32 }"), "{error}");
}

#[derive(Persist, Serialize, Deserialize, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "test.slot", retired)]
struct OldSlot<T>(T);

#[derive(Persist, Serialize, Deserialize, PartialEq, Debug)]
#[persist(crate = "keepstone_ecs_persist", name = "test.slot", version = 2, from = OldSlot<T>)]
struct Slot<T> {
    item: T,
    count: u32,
}

impl<T> From<OldSlot<T>> for Slot<T> {
    fn from(OldSlot(item): OldSlot<T>) -> Self {
        Self { item, count: 1 }
    }
}

#[test]
fn generic_components_have_earlier_definitions_too() {
    let slots = read::<Slot<u8>>(&column(&[OldSlot(7_u8)]), 1).expect("the first");
    assert_eq!(slots, [Slot { item: 7, count: 1 }]);
}
