//! JSON as values of rows and of plain columns.

use std::cmp::Ordering;

use keepstone_format::wire::put_varint;

use crate::{
    doc::NONE,
    json::{
        JsonProblem,
        id::{Ordinals, reference},
        key::unescape,
        members::{members, others, refuse},
        scalar::{expected, f32_bits, f64_bits, integer, number_or_text, prim_name, put_integer, put_text},
        text::{Cursor, Result, Within, fault, member, take_hex},
        tree::{Alt, BOOL, BYTES, Body, CHAR, ENTITY, F32, F64, Field, Payload, Pos, STR, Tree, Variant},
    },
};

/// Values nest at most 128 levels, and each takes at most two of these.
const DEPTH_MAX: u32 = 260;

/// Reads the value of one row and appends its bytes and references.
pub(super) struct Take<'a, 't> {
    pub(super) tree: &'a Tree,
    pub(super) cursor: Cursor<'t>,
    pub(super) out: Vec<u8>,
    pub(super) targets: Vec<u32>,
    pub(super) ordinals: &'a Ordinals,
    pub(super) depth: u32,
}

/// Where an entry of a map stands in the bytes and references: key, value, end.
type Entry = [(usize, usize); 3];

impl<'a> Take<'a, '_> {
    pub(super) fn value(&mut self, pos: &'a Pos) -> Result<()> {
        if self.depth >= DEPTH_MAX {
            let (what, needs, allowed) = ("levels of a value", u64::from(DEPTH_MAX) + 1, DEPTH_MAX.into());
            return self.cursor.problem(JsonProblem::Limit { what, needs, allowed });
        }
        self.depth += 1;
        match pos.0.as_slice() {
            [alt] => self.alternative(alt)?,
            [] => return self.cursor.unexpected("nothing: no value was seen here when the schema was made"),
            several => self.union(pos, several)?,
        }
        self.depth -= 1;
        Ok(())
    }

    fn union(&mut self, pos: &'a Pos, several: &'a [Alt]) -> Result<()> {
        let start = self.cursor;
        if let Some((number, inside)) = self.tagged("$alternative")? {
            let Some(alt) = several.get(number) else {
                return start.unexpected(format!("an alternative below {}", several.len()));
            };
            put_varint(&mut self.out, number as u64);
            let end = std::mem::replace(&mut self.cursor, Cursor { checked: true, ..start.go(inside) });
            self.alternative(alt).within(|| ".value".to_owned())?;
            self.cursor = end;
            return Ok(());
        }
        let found = self.cursor.class();
        let place = self.tree.choose(pos, found);
        let Some((place, alt)) = place.and_then(|place| Some((place, several.get(place)?))) else {
            let known: Vec<String> = several.iter().map(|alt| self.name_of(alt)).collect();
            return start.unexpected(known.join(" or "));
        };
        put_varint(&mut self.out, place as u64);
        self.alternative(alt)
    }

    /// Takes an object that says which of several things its value is; the place of that value.
    fn tagged(&mut self, key: &str) -> Result<Option<(usize, usize)>> {
        let start = self.cursor;
        let mut ahead = start;
        if !ahead.open(b'{') || ahead.key(true)?.is_none_or(|(_, found)| found != key) {
            return Ok(None);
        }
        let found = members(&mut self.cursor, "an object")?;
        let [(_, _, number), (value_key, value_at, value)] = found.as_slice() else {
            return start.unexpected(format!("an object with {key} and value"));
        };
        if value_key != "value" {
            let known = format!("{key:?}, \"value\"");
            return fault(*value_at, JsonProblem::UnknownKey { key: value_key.to_string(), known });
        }
        let mut at = start.go(*number);
        match at.number().and_then(|number| number.parse().ok()) {
            Some(number) => Ok(Some((number, *value))),
            None => start.go(*number).unexpected("a place in a list"),
        }
    }

    fn name_of(&self, alt: &Alt) -> String {
        match alt {
            Alt::Prim(prim) => prim_name(*prim).to_owned(),
            Alt::Option(_) => "null or a value".to_owned(),
            Alt::Seq(_) | Alt::Tuple(_) => "an array".to_owned(),
            Alt::Map(..) => "a map".to_owned(),
            Alt::Type(index) => self.tree.types.get(*index).map_or("?", |found| &found.name).to_owned(),
        }
    }

    fn alternative(&mut self, alt: &'a Alt) -> Result<()> {
        match alt {
            Alt::Prim(prim) => self.prim(*prim),
            Alt::Option(inner) => {
                if self.cursor.null() {
                    self.out.push(0);
                    return Ok(());
                }
                self.out.push(1);
                if !self.tree.nullable(inner) {
                    return self.value(inner);
                }
                let start = self.cursor;
                let open = self.cursor.open(b'[') && self.cursor.element(true)?;
                if !open {
                    return start.unexpected("null, or a value in brackets");
                }
                self.value(inner)?;
                if self.cursor.element(false)? {
                    return start.unexpected("null, or one value in brackets");
                }
                Ok(())
            }
            Alt::Seq(inner) => self.sequence(inner),
            Alt::Map(key, value) => self.map(key, value),
            Alt::Tuple(items) => self.items(items),
            Alt::Type(index) => match self.tree.body(*index) {
                Some(Body::Struct(fields)) => self.fields(fields),
                Some(Body::TupleStruct(items)) => self.items(items),
                Some(Body::Newtype(inner)) => self.value(inner),
                Some(Body::Enum(variants)) => self.variant(variants),
                Some(Body::Unit) | None => self.unit(),
            },
        }
    }

    fn unit(&mut self) -> Result<()> {
        if self.cursor.null() { Ok(()) } else { self.cursor.unexpected("null") }
    }

    fn sequence(&mut self, inner: &'a Pos) -> Result<()> {
        if !self.cursor.open(b'[') {
            return self.cursor.unexpected("an array");
        }
        let start = self.out.len();
        let mut count = 0_u64;
        while self.cursor.element(count == 0)? {
            self.value(inner).within(|| format!("[{count}]"))?;
            count += 1;
        }
        // How many there are is known at their end, and stands before them.
        let end = self.out.len();
        put_varint(&mut self.out, count);
        let len = self.out.len() - end;
        if let Some(elements) = self.out.get_mut(start..) {
            elements.rotate_right(len);
        }
        Ok(())
    }

    fn items(&mut self, items: &'a [Pos]) -> Result<()> {
        let start = self.cursor;
        let wrong = || start.unexpected(format!("an array of {}", items.len()));
        if !self.cursor.open(b'[') {
            return wrong();
        }
        for (index, item) in items.iter().enumerate() {
            if !self.cursor.element(index == 0)? {
                return wrong();
            }
            self.value(item).within(|| format!("[{index}]"))?;
        }
        if self.cursor.element(items.is_empty())? { wrong() } else { Ok(()) }
    }

    fn fields(&mut self, fields: &'a [Field]) -> Result<()> {
        let start = self.cursor;
        if !self.cursor.open(b'{') {
            return self.cursor.unexpected("an object");
        }
        // As they are written: in this order.
        let mut rest = fields.iter();
        while let Some(field) = rest.as_slice().first() {
            let first = rest.len() == fields.len();
            if !self.cursor.pass_key(field.key.quoted(), first) {
                break;
            }
            rest.next();
            self.field(field)?;
        }
        let rest = rest.as_slice();
        if rest.is_empty() && self.cursor.open(b'}') {
            return Ok(());
        }
        let before = fields.get(..fields.len() - rest.len()).unwrap_or_default();
        let mut others = others(&mut self.cursor, &mut before.iter().map(|field| &field.key))?;
        let end = self.cursor;
        for field in rest {
            match others.remove(&field.key.name) {
                Some((_, value)) => {
                    self.cursor = Cursor { checked: true, ..start.go(value) };
                    self.field(field)?;
                }
                None if field.required => {
                    return start.problem(JsonProblem::MissingKey { key: field.key.name.clone() });
                }
                None => self.out.push(0),
            }
        }
        refuse(&others, &mut fields.iter().map(|field| &field.key))?;
        self.cursor = end;
        Ok(())
    }

    fn field(&mut self, field: &'a Field) -> Result<()> {
        if !field.required {
            self.out.push(1);
        }
        self.value(&field.pos).within(|| member(&field.key.name))
    }

    fn variant(&mut self, variants: &'a [Variant]) -> Result<()> {
        let start = self.cursor;
        if let Some((place, inside)) = self.tagged("$variant")? {
            let Some(variant) = variants.get(place) else {
                return start.unexpected(format!("a variant below {}", variants.len()));
            };
            let end = std::mem::replace(&mut self.cursor, Cursor { checked: true, ..start.go(inside) });
            self.payload(variant)?;
            self.cursor = end;
            return Ok(());
        }
        let unknown = || {
            let known: Vec<&str> =
                variants.iter().map(|variant| variant.key.name.as_str()).take(20).collect();
            start.unexpected(format!("a variant the schema knows: {}", known.join(", ")))
        };
        let find = |name: &str, unit: bool| {
            let fits = |variant: &Variant| {
                variant.key.name == name && matches!(variant.payload, Payload::Unit) == unit && variant.alone
            };
            variants.iter().find(|variant| fits(variant))
        };
        if let Some(name) = self.cursor.string()? {
            let Some(variant) = find(&name, true) else { return unknown() };
            put_varint(&mut self.out, variant.selector.into());
            return Ok(());
        }
        let wrong = || start.unexpected("a variant: a string, or an object with one key");
        if !self.cursor.open(b'{') {
            return wrong();
        }
        let Some((at, key)) = self.cursor.key(true)? else { return wrong() };
        let name = unescape(&key, at)?;
        let Some(variant) = find(name, false) else { return unknown() };
        self.payload(variant).within(|| member(name))?;
        if self.cursor.open(b'}') { Ok(()) } else { wrong() }
    }

    fn payload(&mut self, variant: &'a Variant) -> Result<()> {
        put_varint(&mut self.out, variant.selector.into());
        match &variant.payload {
            Payload::Unit => self.unit(),
            Payload::Newtype(inner) => self.value(inner),
            Payload::Tuple(items) => self.items(items),
            Payload::Struct(fields) => self.fields(fields),
        }
    }

    fn map(&mut self, key: &'a Pos, value: &'a Pos) -> Result<()> {
        let start = self.cursor;
        let (outer, outer_targets) = (std::mem::take(&mut self.out), std::mem::take(&mut self.targets));
        let mut entries: Vec<Entry> = Vec::new();
        if let Some(prim) = self.tree.key(key) {
            if !self.cursor.open(b'{') {
                return self.cursor.unexpected("an object");
            }
            while let Some((at, text)) = self.cursor.key(entries.is_empty())? {
                let first = self.place();
                self.text_key(prim, unescape(&text, at)?, at)?;
                let second = self.place();
                self.value(value).within(|| member(&text))?;
                entries.push([first, second, self.place()]);
            }
        } else {
            if !self.cursor.open(b'[') {
                return self.cursor.unexpected("an array of pairs");
            }
            while self.cursor.element(entries.is_empty())? {
                let pair = self.cursor;
                let index = entries.len();
                let first = self.place();
                if !(self.cursor.open(b'[') && self.cursor.element(true)?) {
                    return pair.unexpected("a pair of key and value");
                }
                self.value(key).within(|| format!("[{index}][0]"))?;
                let second = self.place();
                if !self.cursor.element(false)? {
                    return pair.unexpected("a pair of key and value");
                }
                self.value(value).within(|| format!("[{index}][1]"))?;
                if self.cursor.element(false)? {
                    return pair.unexpected("a pair of key and value");
                }
                entries.push([first, second, self.place()]);
            }
        }
        let bytes = std::mem::replace(&mut self.out, outer);
        let targets = std::mem::replace(&mut self.targets, outer_targets);
        if matches!(self.ordinals, Ordinals::Later(_))
            && entries.iter().any(|[key, value, _]| key.1 < value.1)
        {
            // These are sorted by their ordinals.
            return start.bad();
        }
        let order = |a: &Entry, b: &Entry| key_of(a, &bytes, &targets).cmp(&key_of(b, &bytes, &targets));
        entries.sort_by(order);
        for pair in entries.windows(2) {
            if let [a, b] = pair
                && order(a, b) == Ordering::Equal
                && !key_of(a, &bytes, &targets).0.contains(&NONE)
            {
                return start.problem(JsonProblem::Value(keepstone_value::Error::Encode {
                    row: 0,
                    problem: keepstone_value::Problem::DuplicateKey,
                }));
            }
        }
        put_varint(&mut self.out, entries.len() as u64);
        for [first, _, end] in entries {
            self.out.extend_from_slice(bytes.get(first.0..end.0).unwrap_or_default());
            self.targets.extend_from_slice(targets.get(first.1..end.1).unwrap_or_default());
        }
        Ok(())
    }

    fn place(&self) -> (usize, usize) {
        (self.out.len(), self.targets.len())
    }

    fn text_key(&mut self, prim: u8, text: &str, at: usize) -> Result<()> {
        let wrong = || self.cursor.go(at).unexpected(format!("a key that is {}", prim_name(prim)));
        match prim {
            STR => put_text(&mut self.out, text),
            CHAR if text.chars().count() == 1 => put_text(&mut self.out, text),
            BOOL => match text {
                "false" => self.out.push(0),
                "true" => self.out.push(1),
                _ => return wrong(),
            },
            1..=10 => {
                let Some(value) = integer(text, prim) else { return wrong() };
                put_integer(&mut self.out, prim, value);
            }
            _ => return wrong(),
        }
        Ok(())
    }

    fn prim(&mut self, prim: u8) -> Result<()> {
        let start = self.cursor;
        let wrong = || start.unexpected(expected(prim));
        match prim {
            1..=10 => {
                let value = number_or_text(&mut self.cursor)?.and_then(|text| integer(&text, prim));
                let Some(value) = value else { return wrong() };
                put_integer(&mut self.out, prim, value);
            }
            F32 => {
                let Some(bits) = number_or_text(&mut self.cursor)?.and_then(|text| f32_bits(&text)) else {
                    return wrong();
                };
                self.out.extend_from_slice(&bits.to_le_bytes());
            }
            F64 => {
                let Some(bits) = number_or_text(&mut self.cursor)?.and_then(|text| f64_bits(&text)) else {
                    return wrong();
                };
                self.out.extend_from_slice(&bits.to_le_bytes());
            }
            BOOL => {
                let Some(value) = self.cursor.boolean() else { return wrong() };
                self.out.push(u8::from(value));
            }
            CHAR | STR => match self.cursor.string()? {
                Some(text) if prim == STR || text.chars().count() == 1 => put_text(&mut self.out, &text),
                _ => return wrong(),
            },
            BYTES => {
                let mut bytes = Vec::new();
                match self.cursor.string()? {
                    Some(text) if take_hex(&text, &mut bytes) => {
                        put_varint(&mut self.out, bytes.len() as u64);
                        self.out.extend_from_slice(&bytes);
                    }
                    _ => return wrong(),
                }
            }
            ENTITY => {
                let target = reference(&mut self.cursor, self.ordinals)?;
                self.targets.push(target);
            }
            _ => return self.unit(),
        }
        Ok(())
    }
}

/// The references and bytes of the key of an entry.
fn key_of<'b>([from, to, _]: &Entry, bytes: &'b [u8], targets: &'b [u32]) -> (&'b [u32], &'b [u8]) {
    (targets.get(from.1..to.1).unwrap_or_default(), bytes.get(from.0..to.0).unwrap_or_default())
}
