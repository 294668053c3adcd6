//! Shapes and rows that were worked out by hand from the specification.

use serde_json::Value;

use crate::arbitrary::{Name, Node, Payload, encode_nodes, skim};
use crate::support::split;

const CASES: &str = include_str!("golden/rows-v1.json");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn name(value: &Value) -> Name {
    text(value).leak()
}

fn integer<T: TryFrom<i128>>(value: &Value) -> T {
    let digits = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    T::try_from(digits.parse().unwrap()).ok().unwrap()
}

fn items(value: &Value) -> Vec<Node> {
    value.as_array().unwrap().iter().map(node).collect()
}

fn fields(value: &Value) -> Vec<(Name, Node)> {
    value.as_array().unwrap().iter().map(|field| (name(&field[0]), node(&field[1]))).collect()
}

fn variant(value: &Value) -> Node {
    let payload = match &value["payload"] {
        Value::String(_) => Payload::Unit,
        payload => match payload.as_object().unwrap().iter().next().unwrap() {
            (kind, value) if kind == "newtype" => Payload::Newtype(node(value)),
            (kind, value) if kind == "tuple" => Payload::Tuple(items(value)),
            (kind, value) if kind == "struct" => Payload::Struct(fields(value)),
            other => panic!("{other:?}"),
        },
    };
    Node::Variant(name(&value["enum"]), integer(&value["index"]), name(&value["name"]), Box::new(payload))
}

fn node(value: &Value) -> Node {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "u8" => Node::U8(integer(value)),
        "u16" => Node::U16(integer(value)),
        "u32" => Node::U32(integer(value)),
        "u64" => Node::U64(integer(value)),
        "u128" => Node::U128(text(value).parse().unwrap()),
        "i8" => Node::I8(integer(value)),
        "i16" => Node::I16(integer(value)),
        "i32" => Node::I32(integer(value)),
        "i64" => Node::I64(integer(value)),
        "i128" => Node::I128(integer(value)),
        "f32" => Node::F32(value.to_string().parse().unwrap()),
        "f64" => Node::F64(value.as_f64().unwrap()),
        "bool" => Node::Bool(value.as_bool().unwrap()),
        "char" => Node::Char(text(value).parse().unwrap()),
        "str" => Node::Str(text(value)),
        "bytes" => {
            let text = text(value);
            let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
            Node::Bytes((0..text.len()).step_by(2).map(byte).collect())
        }
        "unit" => Node::Unit,
        "none" => Node::None,
        "some" => Node::Some(Box::new(node(value))),
        "entity" => Node::Entity(integer(value)),
        "seq" => Node::Seq(items(value)),
        "tuple" => Node::Tuple(items(value)),
        "map" => {
            let entries = value.as_array().unwrap().iter();
            Node::Map(entries.map(|entry| (node(&entry[0]), node(&entry[1]))).collect())
        }
        "struct" => Node::Struct(name(&value["name"]), fields(&value["fields"])),
        "tuple_struct" => Node::TupleStruct(name(&value["name"]), items(&value["elements"])),
        "newtype_struct" => Node::Newtype(name(&value["name"]), Box::new(node(&value["value"]))),
        "unit_struct" => Node::UnitStruct(name(&value["name"])),
        "variant" => variant(value),
        other => panic!("{other}"),
    }
}

#[test]
fn the_bytes_are_those_of_the_specification() {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    assert_eq!(cases.len(), 17);
    for case in cases {
        let described = &case["description"];
        let rows = encode_nodes(&items(&case["values"])).unwrap();
        assert_eq!(hex(&rows.shape.encode()), text(&case["shape"]), "{described}");
        let expected: Vec<_> = case["rows"].as_array().unwrap().iter().map(text).collect();
        assert_eq!(split(&rows).iter().map(|row| hex(row)).collect::<Vec<_>>(), expected, "{described}");
        let targets: Vec<u8> = rows.targets.iter().flat_map(|target| target.to_le_bytes()).collect();
        assert_eq!(hex(&targets), text(&case["targets"]).replace(' ', ""), "{described}");
        skim(&rows).unwrap();
    }
}
