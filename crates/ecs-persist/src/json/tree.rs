//! A shape taken apart, read from and written as the bytes of FORMAT.md section 4.2.

use std::collections::HashMap;

use keepstone_format::wire::{Input, put_name, put_varint};

use crate::{error::Error, json::key::Key};

/// The primitives by code, from 1.
pub(super) const PRIMS: [&str; 18] = [
    "u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128", "f32", "f64", "bool", "char",
    "str", "bytes", "unit", "entity",
];

pub(super) const F32: u8 = 0x0B;
pub(super) const F64: u8 = 0x0C;
pub(super) const BOOL: u8 = 0x0D;
pub(super) const CHAR: u8 = 0x0E;
pub(super) const STR: u8 = 0x0F;
pub(super) const BYTES: u8 = 0x10;
pub(super) const UNIT: u8 = 0x11;
pub(super) const ENTITY: u8 = 0x12;

const OPTION: u8 = 0x20;
const SEQ: u8 = 0x21;
const MAP: u8 = 0x22;
const TUPLE: u8 = 0x23;
const TYPE: u8 = 0x24;

/// The kinds of JSON value that something is written as.
pub(super) mod class {
    pub(crate) const NULL: u8 = 1;
    pub(crate) const BOOL: u8 = 1 << 1;
    pub(crate) const NATURAL: u8 = 1 << 2;
    pub(crate) const NEGATIVE: u8 = 1 << 3;
    pub(crate) const FLOAT: u8 = 1 << 4;
    pub(crate) const STRING: u8 = 1 << 5;
    pub(crate) const ARRAY: u8 = 1 << 6;
    pub(crate) const OBJECT: u8 = 1 << 7;
}

#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) types: Vec<Type>,
    pub(super) root: Pos,
    /// What values of each type are written as.
    classes: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Pos(pub(super) Vec<Alt>);

#[derive(Debug)]
pub(super) enum Alt {
    Prim(u8),
    Option(Pos),
    Seq(Pos),
    Map(Pos, Pos),
    Tuple(Vec<Pos>),
    Type(usize),
}

#[derive(Debug)]
pub(super) struct Type {
    pub(super) name: String,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    Struct(Vec<Field>),
    TupleStruct(Vec<Pos>),
    Newtype(Pos),
    Unit,
    Enum(Vec<Variant>),
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) key: Key,
    pub(super) required: bool,
    pub(super) pos: Pos,
}

#[derive(Debug)]
pub(super) struct Variant {
    pub(super) index: u32,
    pub(super) key: Key,
    pub(super) payload: Payload,
    /// What rows say: the index, or the place where two variants share one. Known once the tree is made.
    pub(super) selector: u32,
    /// Whether its name tells it from the others.
    pub(super) alone: bool,
}

impl Variant {
    pub(super) fn new(index: u32, name: String, payload: Payload) -> Self {
        Self { index, key: Key::of_data(name), payload, selector: 0, alone: false }
    }
}

#[derive(Debug)]
pub(super) enum Payload {
    Unit,
    Newtype(Pos),
    Tuple(Vec<Pos>),
    Struct(Vec<Field>),
}

type Result<T, E = keepstone_format::Error> = std::result::Result<T, E>;

impl Tree {
    pub(super) fn of(shape: &keepstone_value::Shape) -> Result<Self, Error> {
        let bytes = shape.encode();
        let mut input = Input::new("shape", &bytes);
        let count = input.count(1)?;
        let types = (0..count).map(|_| one_type(&mut input)).collect::<Result<_>>()?;
        let root = position(&mut input)?;
        input.finish()?;
        Ok(Self::new(types, root))
    }

    pub(super) fn new(types: Vec<Type>, root: Pos) -> Self {
        let mut tree = Self { types, root, classes: Vec::new() };
        for found in &mut tree.types {
            if let Body::Enum(variants) = &mut found.body {
                mark(variants);
            }
        }
        tree.classify();
        tree
    }

    /// The shape, whose rules are checked by whoever owns them.
    pub(super) fn to_shape(&self) -> Result<keepstone_value::Shape, keepstone_value::Error> {
        let mut out = Vec::new();
        put_varint(&mut out, self.types.len() as u64);
        for found in &self.types {
            put_type(&mut out, found);
        }
        put_position(&mut out, &self.root);
        keepstone_value::Shape::decode(&out)
    }

    pub(super) fn body(&self, index: usize) -> Option<&Body> {
        self.types.get(index).map(|found| &found.body)
    }

    /// Types may wrap each other, so what they are written as is looked for until nothing is added. Where that takes too long
    /// everything is possible: a reader and a writer come to the same answer, which is all that counts.
    fn classify(&mut self) {
        self.classes = vec![0; self.types.len()];
        for _ in 0..16 {
            let mut changed = false;
            for index in (0..self.types.len()).rev() {
                let found = self.types.get(index).map_or(0, |found| self.type_classes(found));
                if let Some(known) = self.classes.get_mut(index) {
                    changed |= *known != found;
                    *known = found;
                }
            }
            if !changed {
                return;
            }
        }
        self.classes.fill(u8::MAX);
    }

    fn type_classes(&self, found: &Type) -> u8 {
        match &found.body {
            Body::Struct(_) => class::OBJECT,
            Body::TupleStruct(_) => class::ARRAY,
            Body::Newtype(inner) => self.classes(inner),
            Body::Unit => class::NULL,
            Body::Enum(variants) => {
                let units = variants.iter().any(|variant| matches!(variant.payload, Payload::Unit));
                class::OBJECT | if units { class::STRING } else { 0 }
            }
        }
    }

    /// What values of a position may be written as.
    pub(super) fn classes(&self, pos: &Pos) -> u8 {
        let explicit = if pos.0.len() > 1 { class::OBJECT } else { 0 };
        pos.0.iter().fold(explicit, |all, alt| all | self.alt_classes(alt))
    }

    pub(super) fn alt_classes(&self, alt: &Alt) -> u8 {
        match alt {
            Alt::Prim(prim) => match *prim {
                1..=5 => class::NATURAL | class::STRING,
                6..=10 => class::NATURAL | class::NEGATIVE | class::STRING,
                F32 | F64 => class::FLOAT | class::STRING,
                BOOL => class::BOOL,
                UNIT => class::NULL,
                ENTITY => class::NATURAL | class::STRING,
                _ => class::STRING,
            },
            Alt::Option(inner) => {
                let inner = self.classes(inner);
                class::NULL | inner | if inner & class::NULL == 0 { 0 } else { class::ARRAY }
            }
            Alt::Map(key, _) if self.key(key).is_some() => class::OBJECT,
            Alt::Map(..) | Alt::Seq(_) | Alt::Tuple(_) => class::ARRAY,
            Alt::Type(index) => self.classes.get(*index).copied().unwrap_or(0),
        }
    }

    /// Whether a value inside an option has to be told from none.
    pub(super) fn nullable(&self, pos: &Pos) -> bool {
        self.classes(pos) & class::NULL != 0
    }

    /// The place of the alternative that a JSON value of this class is, unless it says another.
    pub(super) fn choose(&self, pos: &Pos, found: u8) -> Option<usize> {
        let with = |class: u8| pos.0.iter().position(|alt| self.alt_classes(alt) & class != 0);
        let number = class::NATURAL | class::NEGATIVE;
        with(found).or_else(|| if found & number == 0 { None } else { with(class::FLOAT) })
    }

    /// What keys of a map are, where they can be the keys of an object: text, characters, integers and bools, also wrapped.
    pub(super) fn key<'p>(&'p self, mut pos: &'p Pos) -> Option<u8> {
        for _ in 0..=128 {
            match pos.0.as_slice() {
                [Alt::Prim(prim)] if matches!(*prim, 1..=10 | BOOL | CHAR | STR) => return Some(*prim),
                [Alt::Type(index)] => match self.body(*index) {
                    Some(Body::Newtype(inner)) => pos = inner,
                    _ => return None,
                },
                _ => return None,
            }
        }
        None
    }
}

fn mark(variants: &mut [Variant]) {
    let by_place = by_place(variants);
    let mut counts: HashMap<String, u32> = HashMap::new();
    for variant in variants.iter() {
        *counts.entry(variant.key.name.clone()).or_default() += 1;
    }
    for (place, variant) in (0..).zip(variants) {
        variant.selector = if by_place { place } else { variant.index };
        variant.alone = counts.get(&variant.key.name) == Some(&1);
    }
}

/// Whether selectors are places rather than indexes.
fn by_place(variants: &[Variant]) -> bool {
    variants.windows(2).any(|pair| matches!(pair, [a, b] if a.index == b.index))
}

/// The place of the variant with this selector; selectors ascend.
pub(super) fn place_of(variants: &[Variant], selector: u32) -> Option<usize> {
    variants.binary_search_by_key(&selector, |variant| variant.selector).ok()
}

fn one_type(input: &mut Input<'_>) -> Result<Type> {
    let kind = input.u8()?;
    let name = input.name()?.to_owned();
    let body = match kind {
        1 => Body::Struct(fields(input)?),
        2 => Body::TupleStruct(items(input)?),
        3 => Body::Newtype(position(input)?),
        4 => Body::Unit,
        _ => {
            input.u8()?;
            let count = input.count(1)?;
            Body::Enum((0..count).map(|_| variant(input)).collect::<Result<_>>()?)
        }
    };
    Ok(Type { name, body })
}

fn variant(input: &mut Input<'_>) -> Result<Variant> {
    let (index, name) = (input.varint_u32()?, input.name()?.to_owned());
    let payload = match input.u8()? {
        0 => Payload::Unit,
        1 => Payload::Newtype(position(input)?),
        2 => Payload::Tuple(items(input)?),
        _ => Payload::Struct(fields(input)?),
    };
    Ok(Variant::new(index, name, payload))
}

fn fields(input: &mut Input<'_>) -> Result<Vec<Field>> {
    let count = input.count(1)?;
    (0..count)
        .map(|_| {
            let name = input.name()?.to_owned();
            Ok(Field { key: Key::of_data(name), required: input.u8()? == 1, pos: position(input)? })
        })
        .collect()
}

fn items(input: &mut Input<'_>) -> Result<Vec<Pos>> {
    let count = input.count(1)?;
    (0..count).map(|_| position(input)).collect()
}

/// A shape was checked before it was written, its depth as well.
fn position(input: &mut Input<'_>) -> Result<Pos> {
    let count = input.count(1)?;
    (0..count).map(|_| alternative(input)).collect::<Result<_>>().map(Pos)
}

fn alternative(input: &mut Input<'_>) -> Result<Alt> {
    Ok(match input.u8()? {
        OPTION => Alt::Option(position(input)?),
        SEQ => Alt::Seq(position(input)?),
        MAP => Alt::Map(position(input)?, position(input)?),
        TUPLE => Alt::Tuple(items(input)?),
        TYPE => Alt::Type(usize::try_from(input.varint_u32()?).unwrap_or(usize::MAX)),
        prim => Alt::Prim(prim),
    })
}

fn put_type(out: &mut Vec<u8>, found: &Type) {
    out.push(match &found.body {
        Body::Struct(_) => 1,
        Body::TupleStruct(_) => 2,
        Body::Newtype(_) => 3,
        Body::Unit => 4,
        Body::Enum(_) => 5,
    });
    put_text(out, &found.name);
    match &found.body {
        Body::Struct(fields) => put_fields(out, fields),
        Body::TupleStruct(items) => put_items(out, items),
        Body::Newtype(inner) => put_position(out, inner),
        Body::Unit => {}
        Body::Enum(variants) => {
            out.push(u8::from(by_place(variants)));
            put_varint(out, variants.len() as u64);
            for variant in variants {
                put_varint(out, variant.index.into());
                put_text(out, &variant.key.name);
                match &variant.payload {
                    Payload::Unit => out.push(0),
                    Payload::Newtype(inner) => {
                        out.push(1);
                        put_position(out, inner);
                    }
                    Payload::Tuple(items) => {
                        out.push(2);
                        put_items(out, items);
                    }
                    Payload::Struct(fields) => {
                        out.push(3);
                        put_fields(out, fields);
                    }
                }
            }
        }
    }
}

fn put_fields(out: &mut Vec<u8>, fields: &[Field]) {
    put_varint(out, fields.len() as u64);
    for field in fields {
        put_text(out, &field.key.name);
        out.push(u8::from(field.required));
        put_position(out, &field.pos);
    }
}

fn put_items(out: &mut Vec<u8>, items: &[Pos]) {
    put_varint(out, items.len() as u64);
    for item in items {
        put_position(out, item);
    }
}

fn put_position(out: &mut Vec<u8>, pos: &Pos) {
    put_varint(out, pos.0.len() as u64);
    for alt in &pos.0 {
        match alt {
            Alt::Prim(prim) => out.push(*prim),
            Alt::Option(inner) => {
                out.push(OPTION);
                put_position(out, inner);
            }
            Alt::Seq(inner) => {
                out.push(SEQ);
                put_position(out, inner);
            }
            Alt::Map(key, value) => {
                out.push(MAP);
                put_position(out, key);
                put_position(out, value);
            }
            Alt::Tuple(items) => {
                out.push(TUPLE);
                put_items(out, items);
            }
            Alt::Type(index) => {
                out.push(TYPE);
                put_varint(out, *index as u64);
            }
        }
    }
}

/// The length of names was checked where they came from.
fn put_text(out: &mut Vec<u8>, name: &str) {
    put_name(out, name).unwrap_or_default();
}
