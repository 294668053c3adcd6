use keepstone_format::wire::{Input, put_varint};
use keepstone_value::Shape;

use crate::{
    check::invalid,
    doc::{Column, ColumnData},
    error::Error,
    gather::{row_starts, targets_by_row},
    schema::Encoding,
};

/// Levels that a value nests at most, as in rows.
const DEPTH_MAX: u32 = 256;

/// Puts the entries of maps whose keys hold entities in the order that their keys demand: it was that of other ordinals.
///
/// Only such maps depend on ordinals; the rows of other columns are what they are. FORMAT.md, sections 4.1 and 4.2, says how shapes
/// and rows are written.
pub(crate) struct Maps {
    types: Vec<Type>,
    root: Position,
}

/// The alternatives of a place where values stand.
#[derive(Default)]
struct Position(Vec<Node>);

enum Node {
    Bytes(usize),
    Varint,
    /// A length and as many bytes.
    Text,
    Reference,
    Option(Position),
    Seq(Position),
    Map(Position, Position),
    Parts(Vec<Part>),
    Type(usize),
}

struct Part {
    required: bool,
    position: Position,
}

enum Type {
    Parts(Vec<Part>),
    /// The selector and the payload of each variant.
    Enum(Vec<(u64, Vec<Part>)>),
}

/// Rows of a column after their maps were sorted.
pub(crate) struct Sorted {
    pub(crate) data: Vec<u8>,
    pub(crate) targets: Vec<u32>,
}

/// What is written of a row so far.
#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    targets: Vec<u32>,
}

impl Maps {
    /// The maps of a column; nothing if none has entities in its keys.
    pub(crate) fn of(column: &Column<'_>) -> Result<Option<Self>, Error> {
        match (&column.schema.encoding, &column.data) {
            (Encoding::Rows { shape, .. }, ColumnData::Rows { targets, .. }) if !targets.is_empty() => {
                let maps = Self::read(shape)?;
                Ok(maps.any().then_some(maps))
            }
            _ => Ok(None),
        }
    }

    /// Sorts the entries of all rows by what their keys' targets are called.
    pub(crate) fn sort<K: Ord>(
        &self,
        column: &Column<'_>,
        called: &dyn Fn(u32) -> K,
    ) -> Result<Sorted, Error> {
        let ColumnData::Rows { data, lengths, .. } = &column.data else {
            return Err(invalid("data of a column", "another encoding's", "rows"));
        };
        let mut out = Out::default();
        let starts = row_starts(lengths);
        // This reads every row and so checks them: counts of elements are within the limits of rows.
        let by_row = targets_by_row(column)?;
        for (bounds, targets) in starts.windows(2).zip(by_row) {
            let [from, to] = bounds else { continue };
            let row = data.get(*from..*to).unwrap_or_default();
            let mut walk = Walk { types: &self.types, input: Input::new("row", row), targets, called };
            walk.value(&self.root, &mut out, DEPTH_MAX)?;
            walk.input.finish()?;
        }
        Ok(Sorted { data: out.bytes, targets: out.targets })
    }

    fn any(&self) -> bool {
        let of_type = |kind: &Type| match kind {
            Type::Parts(parts) => self.any_in(parts),
            Type::Enum(variants) => variants.iter().any(|(_, parts)| self.any_in(parts)),
        };
        self.any_at(&self.root) || self.types.iter().any(of_type)
    }

    fn any_in(&self, parts: &[Part]) -> bool {
        parts.iter().any(|part| self.any_at(&part.position))
    }

    fn any_at(&self, position: &Position) -> bool {
        position.0.iter().any(|node| match node {
            Node::Map(key, value) => {
                self.names(key, &mut vec![false; self.types.len()]) || self.any_at(key) || self.any_at(value)
            }
            Node::Option(inner) | Node::Seq(inner) => self.any_at(inner),
            Node::Parts(parts) => self.any_in(parts),
            // Each type is looked at by itself.
            Node::Type(_) | Node::Bytes(_) | Node::Varint | Node::Text | Node::Reference => false,
        })
    }

    /// Whether a value here may hold an entity.
    fn names(&self, position: &Position, seen: &mut Vec<bool>) -> bool {
        position.0.iter().any(|node| match node {
            Node::Reference => true,
            Node::Option(inner) | Node::Seq(inner) => self.names(inner, seen),
            Node::Map(key, value) => self.names(key, seen) || self.names(value, seen),
            Node::Parts(parts) => parts.iter().any(|part| self.names(&part.position, seen)),
            Node::Type(at) => match (seen.get_mut(*at), self.types.get(*at)) {
                (Some(seen_it @ false), Some(kind)) => {
                    *seen_it = true;
                    match kind {
                        Type::Parts(parts) => parts.iter().any(|part| self.names(&part.position, seen)),
                        Type::Enum(variants) => variants
                            .iter()
                            .any(|(_, parts)| parts.iter().any(|part| self.names(&part.position, seen))),
                    }
                }
                _ => false,
            },
            Node::Bytes(_) | Node::Varint | Node::Text => false,
        })
    }

    fn read(shape: &Shape) -> Result<Self, Error> {
        let bytes = shape.encode();
        let mut input = Input::new("shape", &bytes);
        let count = input.count(1)?;
        let types = (0..count).map(|_| read_type(&mut input)).collect::<Result<_, _>>()?;
        let root = read_position(&mut input)?;
        input.finish()?;
        Ok(Self { types, root })
    }
}

fn read_type(input: &mut Input<'_>) -> Result<Type, Error> {
    let kind = input.u8()?;
    input.name()?;
    Ok(match kind {
        1 => Type::Parts(read_fields(input)?),
        2 => Type::Parts(read_items(input)?),
        3 => Type::Parts(vec![item(read_position(input)?)]),
        4 => Type::Parts(Vec::new()),
        5 => {
            let by_place = input.u8()? == 1;
            let mut variants = Vec::new();
            for place in 0..input.count(1)? as u64 {
                let index = u64::from(input.varint_u32()?);
                input.name()?;
                let parts = match input.u8()? {
                    0 => Vec::new(),
                    1 => vec![item(read_position(input)?)],
                    2 => read_items(input)?,
                    3 => read_fields(input)?,
                    other => return Err(invalid("payload kind of a variant", other, "0 to 3")),
                };
                variants.push((if by_place { place } else { index }, parts));
            }
            Type::Enum(variants)
        }
        other => return Err(invalid("kind of a type", other, "1 to 5")),
    })
}

fn item(position: Position) -> Part {
    Part { required: true, position }
}

fn read_items(input: &mut Input<'_>) -> Result<Vec<Part>, Error> {
    (0..input.count(1)?).map(|_| read_position(input).map(item)).collect()
}

fn read_fields(input: &mut Input<'_>) -> Result<Vec<Part>, Error> {
    let field = |input: &mut Input<'_>| {
        input.name()?;
        let required = input.u8()? == 1;
        Ok(Part { required, position: read_position(input)? })
    };
    (0..input.count(1)?).map(|_| field(input)).collect()
}

// A shape nests no deeper than the value crate allows, which made it.
fn read_position(input: &mut Input<'_>) -> Result<Position, Error> {
    let node = |input: &mut Input<'_>| {
        Ok(match input.u8()? {
            0x01 | 0x06 | 0x0d => Node::Bytes(1),
            0x02..=0x05 | 0x07..=0x0a => Node::Varint,
            0x0b => Node::Bytes(4),
            0x0c => Node::Bytes(8),
            0x0e..=0x10 => Node::Text,
            0x11 => Node::Bytes(0),
            0x12 => Node::Reference,
            0x20 => Node::Option(read_position(input)?),
            0x21 => Node::Seq(read_position(input)?),
            0x22 => Node::Map(read_position(input)?, read_position(input)?),
            0x23 => Node::Parts(read_items(input)?),
            0x24 => Node::Type(input.varint_u32()? as usize),
            other => return Err(invalid("alternative of a shape", other, "a code of section 4.2")),
        })
    };
    let count = input.count(1)?;
    Ok(Position((0..count).map(|_| node(input)).collect::<Result<_, Error>>()?))
}

/// A row on its way from one order of entries to another.
struct Walk<'w, 'd, K> {
    types: &'w [Type],
    input: Input<'d>,
    targets: &'d [u32],
    called: &'w dyn Fn(u32) -> K,
}

impl<K: Ord> Walk<'_, '_, K> {
    fn value(&mut self, position: &Position, out: &mut Out, depth: u32) -> Result<(), Error> {
        let depth = depth
            .checked_sub(1)
            .ok_or_else(|| invalid("levels of a value", "more", format!("at most {DEPTH_MAX}")))?;
        let at = match position.0.len() {
            0 | 1 => 0,
            _ => self.varint(out)?,
        };
        let node = usize::try_from(at).ok().and_then(|at| position.0.get(at));
        match node
            .ok_or_else(|| invalid("alternative of a row", at, format!("below {}", position.0.len())))?
        {
            Node::Bytes(count) => self.bytes(*count, out),
            Node::Varint => {
                while self.byte(out)? >= 0x80 {}
                Ok(())
            }
            Node::Text => {
                let len = self.length(out)?;
                self.bytes(len, out)
            }
            Node::Reference => {
                let (&target, rest) = self
                    .targets
                    .split_first()
                    .ok_or_else(|| invalid("references of a row", "none", "one more"))?;
                self.targets = rest;
                out.targets.push(target);
                Ok(())
            }
            Node::Option(inner) => match self.byte(out)? {
                0 => Ok(()),
                _ => self.value(inner, out, depth),
            },
            Node::Seq(inner) => {
                let count = self.varint(out)?;
                (0..count).try_for_each(|_| self.value(inner, out, depth))
            }
            Node::Map(key, value) => self.map(key, value, out, depth),
            Node::Parts(parts) => self.parts(parts, out, depth),
            Node::Type(at) => match self.types.get(*at) {
                Some(Type::Parts(parts)) => self.parts(parts, out, depth),
                Some(Type::Enum(variants)) => {
                    let selector = self.varint(out)?;
                    match variants.iter().find(|(of, _)| *of == selector) {
                        Some((_, parts)) => self.parts(parts, out, depth),
                        None => Err(invalid("variant of a row", selector, "one of the shape")),
                    }
                }
                None => Err(invalid("type of a shape", at, format!("below {}", self.types.len()))),
            },
        }
    }

    fn parts(&mut self, parts: &[Part], out: &mut Out, depth: u32) -> Result<(), Error> {
        for part in parts {
            if part.required || self.byte(out)? != 0 {
                self.value(&part.position, out, depth)?;
            }
        }
        Ok(())
    }

    fn map(&mut self, key: &Position, value: &Position, out: &mut Out, depth: u32) -> Result<(), Error> {
        let count = self.varint(out)?;
        let mut entries = Vec::new();
        for _ in 0..count {
            let (mut of_key, mut of_value) = (Out::default(), Out::default());
            self.value(key, &mut of_key, depth)?;
            self.value(value, &mut of_value, depth)?;
            let call = |targets: &[u32]| targets.iter().map(|&target| (self.called)(target)).collect();
            let (keys, values): (Vec<K>, Vec<K>) = (call(&of_key.targets), call(&of_value.targets));
            entries.push((keys, of_key, values, of_value));
        }
        // Keys can be equal where they lead to nothing: then the values decide.
        entries
            .sort_by(|a, b| (&a.0, &a.1.bytes, &a.2, &a.3.bytes).cmp(&(&b.0, &b.1.bytes, &b.2, &b.3.bytes)));
        for (_, key, _, value) in entries {
            for part in [key, value] {
                out.bytes.extend(part.bytes);
                out.targets.extend(part.targets);
            }
        }
        Ok(())
    }

    fn byte(&mut self, out: &mut Out) -> Result<u8, Error> {
        let byte = self.input.u8()?;
        out.bytes.push(byte);
        Ok(byte)
    }

    fn bytes(&mut self, count: usize, out: &mut Out) -> Result<(), Error> {
        out.bytes.extend_from_slice(self.input.take(count)?);
        Ok(())
    }

    fn varint(&mut self, out: &mut Out) -> Result<u64, Error> {
        let value = self.input.varint_u64()?;
        put_varint(&mut out.bytes, value);
        Ok(value)
    }

    fn length(&mut self, out: &mut Out) -> Result<usize, Error> {
        let len = self.varint(out)?;
        usize::try_from(len).map_err(|_| invalid("length in a row", len, "less than memory"))
    }
}
