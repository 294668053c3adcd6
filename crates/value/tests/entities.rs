//! References leave the rows and come back as other entities.

use std::collections::{BTreeMap, HashMap};

use keepstone_value::{Decoder, Entities, EntityType, Error, NONE, Options, Problem, Resolve, Rows, encode};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An engine's entity: bits that mean nothing outside its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entity(pub(crate) u64);

impl Serialize for Entity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Entity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self)
    }
}

/// Ordinal `n` was saved with bits `1000 - n` and is loaded with bits `n << 40`.
struct Session;

pub(crate) fn old(ordinal: u32) -> Entity {
    Entity(u64::from(1000 - ordinal))
}

pub(crate) fn new(ordinal: u32) -> Entity {
    Entity(u64::from(ordinal) << 40)
}

impl Entities for Session {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        1000_u64.checked_sub(bits).and_then(|ordinal| u32::try_from(ordinal).ok()).unwrap_or(NONE)
    }
}

impl Resolve for Session {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn bits(&mut self, ordinal: u32) -> u64 {
        if ordinal == NONE { u64::MAX } else { u64::from(ordinal) << 40 }
    }
}

pub(crate) fn save<T: Serialize>(values: &[T]) -> Rows {
    encode(values.iter(), Some(&mut Session), &Options::default()).unwrap()
}

pub(crate) fn load<T: DeserializeOwned>(rows: &Rows) -> Result<Vec<T>, Error> {
    let mut session = Session;
    let mut decoder =
        Decoder::new(&rows.shape, &rows.data, &rows.targets, Some(&mut session), &Options::default());
    let values = rows.lens.iter().map(|len| decoder.row(*len)).collect::<Result<_, _>>()?;
    decoder.finish()?;
    Ok(values)
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Everywhere {
    field: Entity,
    option: Option<Entity>,
    list: Vec<Entity>,
    pair: (Entity, u64),
    array: [Entity; 2],
    keys: HashMap<Entity, u8>,
    values: BTreeMap<u8, Vec<Entity>>,
    both: BTreeMap<(Entity, u8), Entity>,
    wrapped: Wrapped,
    choice: Vec<Choice>,
    boxed: Box<(Entity, u8)>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Wrapped(Entity);

#[derive(Serialize, Deserialize, PartialEq, Debug)]
enum Choice {
    Nobody,
    One(Entity),
    Two(Entity, Entity),
    Named { who: Entity, why: String },
}

fn everywhere(of: fn(u32) -> Entity) -> Everywhere {
    Everywhere {
        field: of(1),
        option: Some(of(2)),
        list: vec![of(3), of(4)],
        pair: (of(5), 999),
        array: [of(6), of(7)],
        keys: (8..30).map(|ordinal| (of(ordinal), 1)).collect(),
        values: BTreeMap::from([(1, vec![of(30)]), (0, vec![])]),
        both: BTreeMap::from([((of(33), 0), of(31)), ((of(32), 1), of(34)), ((of(32), 0), of(35))]),
        wrapped: Wrapped(of(36)),
        choice: vec![
            Choice::Named { who: of(40), why: "because".into() },
            Choice::Two(of(38), of(39)),
            Choice::One(of(37)),
            Choice::Nobody,
        ],
        boxed: Box::new((of(41), 3)),
    }
}

#[test]
fn references_are_found_and_remapped_wherever_serde_names_them() {
    let none = Everywhere { option: None, list: vec![], keys: HashMap::new(), ..everywhere(old) };
    let rows = save(&[everywhere(old), none]);
    // Keys ascend by ordinal, so the bits of another session give the same rows.
    let mut expected: Vec<u32> = (1..31).collect();
    expected.extend([32, 35, 32, 34, 33, 31, 36, 40, 38, 39, 37, 41]);
    assert_eq!(rows.targets[..expected.len()], expected);
    assert_eq!(rows.shape.to_string().matches("u64").count(), 1, "{}", rows.shape);
    let none = Everywhere { option: None, list: vec![], keys: HashMap::new(), ..everywhere(new) };
    assert_eq!(load::<Everywhere>(&rows).unwrap(), [everywhere(new), none]);
}

#[test]
fn rows_that_are_references_take_no_bytes() {
    let rows = save(&[old(5), old(6)]);
    assert_eq!((rows.data.len(), rows.targets.as_slice()), (0, [5, 6].as_slice()));
    assert_eq!(rows.shape.to_string(), "entity");
    assert_eq!(load::<Entity>(&rows).unwrap(), [new(5), new(6)]);
    let many = save(&[vec![old(1); 100]]);
    assert_eq!((many.data.len(), many.targets.len()), (1, 100));
    assert_eq!(load::<Vec<Entity>>(&many).unwrap(), [vec![new(1); 100]]);
}

#[test]
fn a_reference_to_nothing_that_was_saved_is_none() {
    let rows = save(&[Some(Entity(5000))]);
    assert_eq!(rows.targets, [NONE]);
    assert_eq!(load::<Option<Entity>>(&rows).unwrap(), [Some(Entity(u64::MAX))]);
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(untagged)]
enum Loose {
    Link { to: Entity },
    Number(u64),
}

#[test]
fn a_reference_beside_a_number_is_told_apart() {
    let rows = save(&[Loose::Link { to: old(1) }, Loose::Number(7), Loose::Link { to: old(2) }]);
    assert_eq!(rows.shape.to_string(), "u64 | Loose\nstruct Loose { to: entity }");
    let expected = [Loose::Link { to: new(1) }, Loose::Number(7), Loose::Link { to: new(2) }];
    assert_eq!(load::<Loose>(&rows).unwrap(), expected);
}

#[test]
fn references_in_fields_out_of_order_stay_with_their_fields() {
    use crate::arbitrary::Node;
    let record = |fields: [&'static str; 2]| {
        let value = |name| (name, if name == "a" { Node::Entity(995) } else { Node::Entity(994) });
        Node::Struct("S", fields.map(value).to_vec())
    };
    let rows = save(&[record(["a", "b"]), record(["b", "a"])]);
    assert_eq!(rows.targets, [5, 6, 5, 6]);
    let expected = BTreeMap::from([("a".to_owned(), new(5)), ("b".to_owned(), new(6))]);
    assert_eq!(load::<BTreeMap<String, Entity>>(&rows).unwrap(), [expected.clone(), expected]);
}

#[test]
fn rows_without_a_resolver_can_be_skipped_but_not_read() {
    let rows = save(&[old(5)]);
    let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, &Options::default());
    let err = decoder.row::<Entity>(0).unwrap_err();
    assert!(matches!(err, Error::Decode { problem: Problem::Unresolved, .. }), "{err:?}");
    let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, &Options::default());
    decoder.row::<IgnoredAny>(0).unwrap();
    decoder.row::<IgnoredAny>(0).unwrap_err();
}

#[test]
fn a_number_is_no_entity() {
    let rows = save(&[vec![7_u64]]);
    let err = load::<Vec<Entity>>(&rows).unwrap_err();
    assert!(matches!(err, Error::Decode { problem: Problem::NotReference, .. }), "{err:?}");
}

#[test]
fn targets_are_used_up() {
    let mut rows = save(&[old(5)]);
    rows.targets.push(9);
    assert_eq!(load::<Entity>(&rows).unwrap_err(), Error::Unread { bytes: 0, targets: 1 });
    rows.targets.clear();
    let err = load::<Entity>(&rows).unwrap_err();
    assert!(matches!(err, Error::Decode { problem: Problem::Targets, .. }), "{err:?}");
}
