//! Values of any type: a node serializes as whatever it says.

use keepstone_value::{Decoder, Entities, EntityType, Error, NONE, Options, Resolve, Rows, encode};
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde::ser::*;

use crate::entities::Entity;

pub(crate) type Name = &'static str;

/// One value of serde's data model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    U128(u128),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    I128(i128),
    F32(f32),
    F64(f64),
    Bool(bool),
    Char(char),
    Str(String),
    Bytes(Vec<u8>),
    Unit,
    None,
    Some(Box<Node>),
    UnitStruct(Name),
    Newtype(Name, Box<Node>),
    Seq(Vec<Node>),
    Tuple(Vec<Node>),
    TupleStruct(Name, Vec<Node>),
    Map(Vec<(Node, Node)>),
    Struct(Name, Vec<(Name, Node)>),
    Variant(Name, u32, Name, Box<Payload>),
    Entity(u64),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Payload {
    Unit,
    Newtype(Node),
    Tuple(Vec<Node>),
    Struct(Vec<(Name, Node)>),
}

/// Calls `$write` with the node, or with the entity so that serde names its type.
macro_rules! name {
    ($node:expr, $value:ident => $write:expr) => {
        match $node {
            Node::Entity(bits) => {
                let $value = &Entity(*bits);
                $write
            }
            $value => $write,
        }
    };
}

impl Serialize for Node {
    #[expect(clippy::too_many_lines, reason = "one arm for each form of the data model")]
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::U8(value) => out.serialize_u8(*value),
            Self::U16(value) => out.serialize_u16(*value),
            Self::U32(value) => out.serialize_u32(*value),
            Self::U64(value) => out.serialize_u64(*value),
            Self::U128(value) => out.serialize_u128(*value),
            Self::I8(value) => out.serialize_i8(*value),
            Self::I16(value) => out.serialize_i16(*value),
            Self::I32(value) => out.serialize_i32(*value),
            Self::I64(value) => out.serialize_i64(*value),
            Self::I128(value) => out.serialize_i128(*value),
            Self::F32(value) => out.serialize_f32(*value),
            Self::F64(value) => out.serialize_f64(*value),
            Self::Bool(value) => out.serialize_bool(*value),
            Self::Char(value) => out.serialize_char(*value),
            Self::Str(value) => out.serialize_str(value),
            Self::Bytes(value) => out.serialize_bytes(value),
            Self::Unit => out.serialize_unit(),
            Self::None => out.serialize_none(),
            Self::Some(value) => name!(&**value, value => out.serialize_some(value)),
            Self::UnitStruct(name) => out.serialize_unit_struct(name),
            Self::Newtype(name, value) => name!(&**value, value => out.serialize_newtype_struct(name, value)),
            Self::Seq(items) => {
                let mut seq = out.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| name!(item, item => seq.serialize_element(item)))?;
                seq.end()
            }
            Self::Tuple(items) => {
                let mut tuple = out.serialize_tuple(items.len())?;
                items.iter().try_for_each(|item| name!(item, item => tuple.serialize_element(item)))?;
                tuple.end()
            }
            Self::TupleStruct(name, items) => {
                let mut tuple = out.serialize_tuple_struct(name, items.len())?;
                items.iter().try_for_each(|item| name!(item, item => tuple.serialize_field(item)))?;
                tuple.end()
            }
            Self::Map(entries) => {
                let mut map = out.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    name!(key, key => map.serialize_key(key))?;
                    name!(value, value => map.serialize_value(value))?;
                }
                map.end()
            }
            Self::Struct(name, fields) => {
                let mut record = out.serialize_struct(name, fields.len())?;
                fields.iter().try_for_each(
                    |(name, value)| name!(value, value => record.serialize_field(name, value)),
                )?;
                record.end()
            }
            Self::Variant(of, index, name, payload) => match &**payload {
                Payload::Unit => out.serialize_unit_variant(of, *index, name),
                Payload::Newtype(value) => {
                    name!(value, value => out.serialize_newtype_variant(of, *index, name, value))
                }
                Payload::Tuple(items) => {
                    let mut tuple = out.serialize_tuple_variant(of, *index, name, items.len())?;
                    items.iter().try_for_each(|item| name!(item, item => tuple.serialize_field(item)))?;
                    tuple.end()
                }
                Payload::Struct(fields) => {
                    let mut record = out.serialize_struct_variant(of, *index, name, fields.len())?;
                    let mut field = |(name, value): &(Name, Node)| name!(value, value => record.serialize_field(name, value));
                    fields.iter().try_for_each(&mut field)?;
                    record.end()
                }
            },
            Self::Entity(bits) => Entity(*bits).serialize(out),
        }
    }
}

/// Ordinals are bits.
pub(crate) struct Same;

impl Entities for Same {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn ordinal(&mut self, bits: u64) -> u32 {
        u32::try_from(bits).unwrap_or(NONE)
    }
}

impl Resolve for Same {
    fn entity(&self) -> EntityType {
        EntityType::of::<Entity>()
    }

    fn bits(&mut self, ordinal: u32) -> u64 {
        u64::from(ordinal)
    }
}

pub(crate) fn encode_nodes(nodes: &[Node]) -> Result<Rows, Error> {
    encode(nodes.iter(), Some(&mut Same), &Options::default())
}

/// Reads rows as JSON, which takes any value but 128-bit integers outside 64 bits.
pub(crate) fn dynamic(rows: &Rows) -> Result<Vec<serde_json::Value>, Error> {
    let mut same = Same;
    let mut decoder =
        Decoder::new(&rows.shape, &rows.data, &rows.targets, Some(&mut same), &Options::default());
    let values = rows.lens.iter().map(|len| decoder.row(*len)).collect::<Result<_, _>>()?;
    decoder.finish()?;
    Ok(values)
}

pub(crate) fn skim(rows: &Rows) -> Result<(), Error> {
    let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, &Options::default());
    rows.lens.iter().try_for_each(|len| decoder.row::<IgnoredAny>(*len).map(drop))?;
    decoder.finish()
}

const NAMES: [Name; 4] = ["a", "b", "Some name", ""];

fn name() -> impl Strategy<Value = Name> {
    prop::sample::select(&NAMES[..])
}

fn leaf() -> impl Strategy<Value = Node> {
    prop_oneof![
        any::<u8>().prop_map(Node::U8),
        any::<u32>().prop_map(Node::U32),
        any::<u64>().prop_map(Node::U64),
        any::<u32>().prop_map(|value| Node::U128(u128::from(value))),
        any::<i16>().prop_map(Node::I16),
        any::<i64>().prop_map(Node::I64),
        (-1000..1000_i128).prop_map(Node::I128),
        (-100.0..100.0_f32).prop_map(Node::F32),
        any::<bool>().prop_map(Node::Bool),
        any::<char>().prop_map(Node::Char),
        "[a-c]{0,3}".prop_map(Node::Str),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Node::Bytes),
        Just(Node::Unit),
        Just(Node::None),
        name().prop_map(Node::UnitStruct),
        (0..9_u64).prop_map(Node::Entity),
    ]
}

/// Fields of a few names, in any order, some missing.
fn fields(node: impl Strategy<Value = Node>) -> impl Strategy<Value = Vec<(Name, Node)>> {
    let names = prop::sample::subsequence(NAMES.to_vec(), 0..=NAMES.len()).prop_shuffle();
    (names, prop::collection::vec(node, NAMES.len()))
        .prop_map(|(names, nodes)| names.into_iter().zip(nodes).collect())
}

/// Entries with different keys, as they are written and as JSON.
fn entries(node: impl Strategy<Value = Node>) -> impl Strategy<Value = Vec<(Node, Node)>> {
    prop::collection::btree_map("[a-e]{0,3}", node, 0..4)
        .prop_map(|map| map.into_iter().map(|(key, value)| (Node::Str(key), value)).collect::<Vec<_>>())
        .prop_shuffle()
}

fn node() -> impl Strategy<Value = Node> {
    leaf().prop_recursive(4, 40, 4, |inner| {
        let items = || prop::collection::vec(inner.clone(), 0..4);
        let payload = prop_oneof![
            Just(Payload::Unit),
            inner.clone().prop_map(Payload::Newtype),
            items().prop_map(Payload::Tuple),
            fields(inner.clone()).prop_map(Payload::Struct),
        ];
        prop_oneof![
            inner.clone().prop_map(|value| Node::Some(Box::new(value))),
            (name(), inner.clone()).prop_map(|(name, value)| Node::Newtype(name, Box::new(value))),
            items().prop_map(Node::Seq),
            items().prop_map(Node::Tuple),
            (name(), items()).prop_map(|(name, items)| Node::TupleStruct(name, items)),
            entries(inner.clone()).prop_map(Node::Map),
            (name(), fields(inner.clone())).prop_map(|(name, fields)| Node::Struct(name, fields)),
            (name(), 0..3_u32, name(), payload).prop_map(|(of, index, name, payload)| Node::Variant(
                of,
                index,
                name,
                Box::new(payload)
            )),
        ]
    })
}

pub(crate) fn nodes() -> impl Strategy<Value = Vec<Node>> {
    prop::collection::vec(node(), 0..8)
}

/// What a row with the node reads as.
fn as_json(node: &Node) -> serde_json::Value {
    use serde_json::{Value, json};
    let list = |items: &[Node]| Value::Array(items.iter().map(as_json).collect());
    let object = |fields: &[(Name, Node)]| {
        fields.iter().map(|(name, node)| ((*name).to_owned(), as_json(node))).collect()
    };
    match node {
        Node::Some(value) | Node::Newtype(_, value) => as_json(value),
        Node::Seq(items) | Node::Tuple(items) | Node::TupleStruct(_, items) => list(items),
        Node::Map(entries) => {
            let entry =
                |(key, value): &(Node, Node)| (as_json(key).as_str().unwrap().to_owned(), as_json(value));
            Value::Object(entries.iter().map(entry).collect())
        }
        Node::Struct(_, fields) => Value::Object(object(fields)),
        Node::Variant(_, _, name, payload) => match &**payload {
            Payload::Unit => json!(name),
            Payload::Newtype(value) => json!({ *name: as_json(value) }),
            Payload::Tuple(items) => json!({ *name: list(items) }),
            Payload::Struct(fields) => json!({ *name: Value::Object(object(fields)) }),
        },
        Node::Bytes(bytes) => json!(bytes),
        Node::Entity(bits) => json!(bits),
        leaf => serde_json::to_value(leaf).unwrap(),
    }
}

/// Bytes are no JSON.
fn has_bytes(node: &Node) -> bool {
    format!("{node:?}").contains("Bytes(")
}

proptest! {
    #[test]
    fn any_rows_come_back(nodes in nodes()) {
        let rows = encode_nodes(&nodes).unwrap();
        skim(&rows).unwrap();
        let shape = keepstone_value::Shape::decode(&rows.shape.encode()).unwrap();
        prop_assert_eq!(&shape, &rows.shape);
        if !nodes.iter().any(has_bytes) {
            let expected: Vec<_> = nodes.iter().map(as_json).collect();
            prop_assert_eq!(dynamic(&rows).unwrap(), expected, "{}", rows.shape);
        }
    }

    #[test]
    fn any_order_of_the_rows_gives_the_same_rows((nodes, order) in nodes().prop_flat_map(|nodes| {
        let order = Just((0..nodes.len()).collect::<Vec<_>>()).prop_shuffle();
        (Just(nodes), order)
    })) {
        let straight = encode_nodes(&nodes).unwrap();
        let shuffled = encode_nodes(&order.iter().map(|index| nodes[*index].clone()).collect::<Vec<_>>()).unwrap();
        prop_assert_eq!(&straight.shape, &shuffled.shape);
        let (straight, shuffled) = (crate::support::split(&straight), crate::support::split(&shuffled));
        for (place, index) in order.iter().enumerate() {
            prop_assert_eq!(&straight[*index], &shuffled[place]);
        }
    }

    #[test]
    fn damaged_rows_never_panic(nodes in nodes(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut rows = encode_nodes(&nodes).unwrap();
        if !rows.data.is_empty() {
            for (index, byte) in flips {
                let at = index.index(rows.data.len());
                rows.data[at] = byte;
            }
            let (skimmed, read) = (skim(&rows), dynamic(&rows));
            prop_assert!(skimmed.is_ok() || read.is_err(), "read {:?} but {:?}", read, skimmed);
        }
    }
}
