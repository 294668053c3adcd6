//! Values of rows as JSON, and what those of plain columns are made of.

use keepstone_format::wire::Input;
use serde::Serialize;

use crate::{
    check::invalid,
    doc::NONE,
    error::Error,
    json::{
        key::escaped,
        text::{put_hex, put_string},
        tree::{
            Alt, BOOL, BYTES, Body, CHAR, ENTITY, F32, F64, Field, Payload, Pos, STR, Tree, UNIT, Variant,
            class, place_of,
        },
    },
};

/// Integers beyond this are written as strings: other programs read numbers as f64.
const SAFE_MAX: u128 = (1 << 53) - 1;

/// How entities are named.
pub(super) enum Ids<'d> {
    Ordinals,
    /// Ids of another system, no two alike.
    Foreign(&'d [u128]),
}

impl Ids<'_> {
    pub(super) fn put(&self, out: &mut Vec<u8>, ordinal: u32) {
        match self {
            _ if ordinal == NONE => put_string(out, "none"),
            Self::Ordinals => put_integer(out, false, ordinal.into()),
            Self::Foreign(ids) => {
                let id = ids.get(ordinal as usize).copied().unwrap_or_default();
                put_hex(out, &id.to_be_bytes());
            }
        }
    }
}

/// Where commas and colons leave room.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) pretty: bool,
}

impl Style {
    pub(super) fn comma(self, out: &mut Vec<u8>, first: bool) {
        if !first {
            out.extend_from_slice(if self.pretty { b", " } else { b"," });
        }
    }

    pub(super) fn key(self, out: &mut Vec<u8>, key: &str) {
        put_string(out, key);
        self.colon(out);
    }

    pub(super) fn colon(self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.pretty { b": " } else { b":" });
    }
}

/// Writes the value of one row. Its bytes were found to be right before.
pub(super) struct Put<'a, 'i> {
    pub(super) tree: &'a Tree,
    pub(super) input: Input<'a>,
    pub(super) targets: &'a [u32],
    pub(super) ids: &'i Ids<'i>,
    pub(super) out: &'i mut Vec<u8>,
    pub(super) style: Style,
}

fn unseen() -> Error {
    invalid("value of a row", "another", "one of its shape")
}

impl<'a> Put<'a, '_> {
    pub(super) fn value(&mut self, pos: &'a Pos) -> Result<(), Error> {
        let [alt] = pos.0.as_slice() else {
            let selector = self.input.varint_u32()?;
            let place = usize::try_from(selector).unwrap_or(usize::MAX);
            let alt = pos.0.get(place).ok_or_else(unseen)?;
            if self.tree.choose(pos, self.class(alt)?) == Some(place) {
                return self.alternative(alt);
            }
            self.out.push(b'{');
            self.style.key(self.out, "$alternative");
            self.out.extend_from_slice(selector.to_string().as_bytes());
            self.style.comma(self.out, false);
            self.style.key(self.out, "value");
            self.alternative(alt)?;
            self.out.push(b'}');
            return Ok(());
        };
        self.alternative(alt)
    }

    /// What the value that comes next will be written as.
    fn class(&self, alt: &'a Alt) -> Result<u8, Error> {
        let mut ahead = self.input.clone();
        Ok(match alt {
            Alt::Prim(prim) => match *prim {
                1..=10 => {
                    let (negative, size) = integer(&mut ahead, *prim)?;
                    match (size > SAFE_MAX, negative) {
                        (true, _) => class::STRING,
                        (false, true) => class::NEGATIVE,
                        (false, false) => class::NATURAL,
                    }
                }
                F32 if f32::from_bits(ahead.u32()?).is_finite() => class::FLOAT,
                F64 if f64::from_bits(ahead.u64()?).is_finite() => class::FLOAT,
                BOOL => class::BOOL,
                UNIT => class::NULL,
                ENTITY => match (self.targets.first(), self.ids) {
                    (Some(&target), Ids::Ordinals) if target != NONE => class::NATURAL,
                    _ => class::STRING,
                },
                _ => class::STRING,
            },
            Alt::Option(_) if ahead.u8()? == 0 => class::NULL,
            Alt::Option(inner) if self.tree.nullable(inner) => class::ARRAY,
            Alt::Option(inner) => self.ahead(ahead).class_at(inner)?,
            Alt::Seq(_) | Alt::Tuple(_) => class::ARRAY,
            Alt::Map(key, _) => {
                if self.tree.key(key).is_some() {
                    class::OBJECT
                } else {
                    class::ARRAY
                }
            }
            Alt::Type(index) => match self.tree.body(*index).ok_or_else(unseen)? {
                Body::Struct(_) => class::OBJECT,
                Body::TupleStruct(_) => class::ARRAY,
                Body::Newtype(inner) => self.class_at(inner)?,
                Body::Unit => class::NULL,
                Body::Enum(variants) => {
                    let selector = ahead.varint_u32()?;
                    let place = place_of(variants, selector).ok_or_else(unseen)?;
                    let variant = variants.get(place).ok_or_else(unseen)?;
                    let unit = matches!(variant.payload, Payload::Unit);
                    if unit && variant.alone { class::STRING } else { class::OBJECT }
                }
            },
        })
    }

    fn class_at(&self, pos: &'a Pos) -> Result<u8, Error> {
        if let [alt] = pos.0.as_slice() {
            return self.class(alt);
        }
        let mut ahead = self.input.clone();
        let place = usize::try_from(ahead.varint_u32()?).unwrap_or(usize::MAX);
        let alt = pos.0.get(place).ok_or_else(unseen)?;
        let found = self.ahead(ahead).class(alt)?;
        Ok(if self.tree.choose(pos, found) == Some(place) { found } else { class::OBJECT })
    }

    fn ahead(&self, input: Input<'a>) -> Ahead<'a, '_> {
        Ahead { tree: self.tree, input, targets: self.targets, ids: self.ids }
    }

    fn alternative(&mut self, alt: &'a Alt) -> Result<(), Error> {
        match alt {
            Alt::Prim(prim) => self.prim(*prim),
            Alt::Option(inner) => {
                if self.input.u8()? == 0 {
                    self.out.extend_from_slice(b"null");
                    return Ok(());
                }
                if !self.tree.nullable(inner) {
                    return self.value(inner);
                }
                self.out.push(b'[');
                self.value(inner)?;
                self.out.push(b']');
                Ok(())
            }
            Alt::Seq(inner) => {
                let count = self.input.varint_u64()?;
                self.out.push(b'[');
                for index in 0..count {
                    self.style.comma(self.out, index == 0);
                    self.value(inner)?;
                }
                self.out.push(b']');
                Ok(())
            }
            Alt::Map(key, value) => self.map(key, value),
            Alt::Tuple(items) => self.items(items),
            Alt::Type(index) => match self.tree.body(*index).ok_or_else(unseen)? {
                Body::Struct(fields) => self.fields(fields),
                Body::TupleStruct(items) => self.items(items),
                Body::Newtype(inner) => self.value(inner),
                Body::Unit => self.prim(UNIT),
                Body::Enum(variants) => self.variant(variants),
            },
        }
    }

    fn items(&mut self, items: &'a [Pos]) -> Result<(), Error> {
        self.out.push(b'[');
        for (index, item) in items.iter().enumerate() {
            self.style.comma(self.out, index == 0);
            self.value(item)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn fields(&mut self, fields: &'a [Field]) -> Result<(), Error> {
        self.out.push(b'{');
        let mut first = true;
        for field in fields {
            if !field.required && self.input.u8()? == 0 {
                continue;
            }
            self.style.comma(self.out, first);
            first = false;
            field.key.put(self.out, self.style);
            self.value(&field.pos)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn variant(&mut self, variants: &'a [Variant]) -> Result<(), Error> {
        let selector = self.input.varint_u32()?;
        let place = place_of(variants, selector).ok_or_else(unseen)?;
        let variant = variants.get(place).ok_or_else(unseen)?;
        let alone = variant.alone;
        if alone && matches!(variant.payload, Payload::Unit) {
            put_string(self.out, &variant.key.name);
            return Ok(());
        }
        self.out.push(b'{');
        if alone {
            variant.key.put(self.out, self.style);
        } else {
            self.style.key(self.out, "$variant");
            self.out.extend_from_slice(place.to_string().as_bytes());
            self.style.comma(self.out, false);
            self.style.key(self.out, "value");
        }
        match &variant.payload {
            Payload::Unit => self.prim(UNIT)?,
            Payload::Newtype(inner) => self.value(inner)?,
            Payload::Tuple(items) => self.items(items)?,
            Payload::Struct(fields) => self.fields(fields)?,
        }
        self.out.push(b'}');
        Ok(())
    }

    fn map(&mut self, key: &'a Pos, value: &'a Pos) -> Result<(), Error> {
        let count = self.input.varint_u64()?;
        let text = self.tree.key(key);
        self.out.push(if text.is_some() { b'{' } else { b'[' });
        for index in 0..count {
            self.style.comma(self.out, index == 0);
            match text {
                Some(prim @ (CHAR | STR)) => {
                    let key = self.text(prim)?;
                    self.style.key(self.out, &escaped(key));
                    self.value(value)?;
                }
                Some(BOOL) => {
                    let key = if self.input.u8()? == 0 { "false" } else { "true" };
                    self.style.key(self.out, key);
                    self.value(value)?;
                }
                Some(prim) => {
                    let (negative, size) = integer(&mut self.input, prim)?;
                    self.style.key(self.out, &decimal(negative, size));
                    self.value(value)?;
                }
                None => {
                    self.out.push(b'[');
                    self.value(key)?;
                    self.style.comma(self.out, false);
                    self.value(value)?;
                    self.out.push(b']');
                }
            }
        }
        self.out.push(if text.is_some() { b'}' } else { b']' });
        Ok(())
    }

    fn text(&mut self, _: u8) -> Result<&'a str, Error> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| unseen())
    }

    fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let len = usize::try_from(self.input.varint_u64()?).unwrap_or(usize::MAX);
        Ok(self.input.take(len)?)
    }

    fn prim(&mut self, prim: u8) -> Result<(), Error> {
        match prim {
            1..=10 => {
                let (negative, size) = integer(&mut self.input, prim)?;
                put_integer(self.out, negative, size);
            }
            F32 => put_f32(self.out, f32::from_bits(self.input.u32()?)),
            F64 => put_f64(self.out, f64::from_bits(self.input.u64()?)),
            BOOL => {
                let text = if self.input.u8()? == 0 { "false" } else { "true" };
                self.out.extend_from_slice(text.as_bytes());
            }
            CHAR | STR => {
                let text = self.text(prim)?;
                put_string(self.out, text);
            }
            BYTES => {
                let bytes = self.bytes()?;
                put_hex(self.out, bytes);
            }
            ENTITY => {
                let (&target, rest) = self.targets.split_first().ok_or_else(unseen)?;
                self.targets = rest;
                self.ids.put(self.out, target);
            }
            _ => self.out.extend_from_slice(b"null"),
        }
        Ok(())
    }
}

/// A place further on, to look at.
struct Ahead<'a, 'i> {
    tree: &'a Tree,
    input: Input<'a>,
    targets: &'a [u32],
    ids: &'i Ids<'i>,
}

impl<'a> Ahead<'a, '_> {
    fn put<'o>(&'o self, out: &'o mut Vec<u8>) -> Put<'a, 'o> {
        let (tree, input, targets) = (self.tree, self.input.clone(), self.targets);
        Put { tree, input, targets, ids: self.ids, out, style: Style { pretty: false } }
    }

    fn class(&self, alt: &'a Alt) -> Result<u8, Error> {
        self.put(&mut Vec::new()).class(alt)
    }

    fn class_at(&self, pos: &'a Pos) -> Result<u8, Error> {
        self.put(&mut Vec::new()).class_at(pos)
    }
}

/// Takes an integer of a row: its sign and size.
fn integer(input: &mut Input<'_>, prim: u8) -> Result<(bool, u128), Error> {
    let raw = match prim {
        1 => return Ok((false, input.u8()?.into())),
        6 => {
            let value = input.u8()?.cast_signed();
            return Ok((value < 0, value.unsigned_abs().into()));
        }
        _ => input.varint_u128()?,
    };
    if prim <= 5 {
        return Ok((false, raw));
    }
    let value = (raw >> 1).cast_signed() ^ -(raw & 1).cast_signed();
    Ok((value < 0, value.unsigned_abs()))
}

fn decimal(negative: bool, size: u128) -> String {
    if negative { format!("-{size}") } else { size.to_string() }
}

pub(super) fn put_integer(out: &mut Vec<u8>, negative: bool, size: u128) {
    if size > SAFE_MAX {
        return put_string(out, &decimal(negative, size));
    }
    let size = i64::try_from(size).unwrap_or_default();
    put_json(out, &if negative { -size } else { size });
}

/// Appends a number as serde_json writes it.
fn put_json(out: &mut Vec<u8>, number: &impl Serialize) {
    // Numbers have no rule to break, and memory takes every byte.
    serde_json::to_writer(out, number).unwrap_or_default();
}

/// The text of a float that is no number: with its bits, if they are not the usual ones.
fn put_special(out: &mut Vec<u8>, infinite: bool, negative: bool, usual: bool, bits: u64) {
    match (infinite, negative, usual) {
        (true, false, _) => put_string(out, "inf"),
        (true, true, _) => put_string(out, "-inf"),
        (false, _, true) => put_string(out, "NaN"),
        (false, _, false) => put_string(out, &format!("NaN:{bits:x}")),
    }
}

/// Whether a value with so many binary digits behind the point has one decimal digit more than the text that ends here: it
/// stands halfway between two texts.
fn halfway(text: &[u8], fraction_bits: u64) -> bool {
    let point = usize::try_from(fraction_bits).ok().and_then(|digits| text.len().checked_sub(digits));
    // Elsewhere may be the point of another number: then the slower way is taken for nothing.
    point.and_then(|at| text.get(at)) == Some(&b'.')
}

pub(super) fn put_f32(out: &mut Vec<u8>, value: f32) {
    let size = value.abs();
    if size == 0.0 || (1e-4..16_777_216.0).contains(&size) {
        // Here serde_json writes what `Debug` would, in a fraction of the time: the nearest of the shortest texts, but for values
        // that have two.
        let start = out.len();
        put_json(out, &value);
        let (exponent, mantissa) = (size.to_bits() >> 23, size.to_bits() | 1 << 23);
        if !halfway(out, 150_u32.saturating_sub(exponent + mantissa.trailing_zeros()).into()) {
            return;
        }
        out.truncate(start);
    }
    if value.is_finite() {
        return out.extend_from_slice(format!("{value:?}").as_bytes());
    }
    let usual = value.to_bits() == super::NAN_32;
    put_special(out, value.is_infinite(), value.is_sign_negative(), usual, value.to_bits().into());
}

pub(super) fn put_f64(out: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    if size == 0.0 || (1e-4..9_007_199_254_740_992.0).contains(&size) {
        let start = out.len();
        put_json(out, &value);
        let (exponent, mantissa) = (size.to_bits() >> 52, size.to_bits() | 1 << 52);
        if !halfway(out, 1075_u64.saturating_sub(exponent + u64::from(mantissa.trailing_zeros()))) {
            return;
        }
        out.truncate(start);
    }
    if value.is_finite() {
        return out.extend_from_slice(format!("{value:?}").as_bytes());
    }
    let usual = value.to_bits() == super::NAN_64;
    put_special(out, value.is_infinite(), value.is_sign_negative(), usual, value.to_bits());
}
