use std::collections::HashMap;

use crate::encode::values::hints::{Hint, Hints, has};
use crate::encode::values::ints::{Int, Ints};
use crate::error::Problem;
use crate::options::Options;
use crate::record::fields::FieldsRecord;
use crate::shape::{self, Position, Prim, Shape, TypeKey};
use crate::value::{Fields, Value};

/// Joins the shapes of dynamic values.
pub(super) struct Recorder<'v, 'h> {
    pub(super) places: Vec<Place<'h>>,
    pub(super) types: Vec<Named<'v>>,
    pub(super) structs: Vec<Record<'v, 'h>>,
    pub(super) index: HashMap<TypeKey<'v>, u32>,
    /// What variants hold, by type, index, name and form.
    pub(super) variants: HashMap<(u32, u32, &'v str, u8, usize), Payload>,
    pub(super) hints: Hints<'h>,
    depth_max: u32,
}

/// Where the rows stand.
pub(super) const ROOT: u32 = 0;

/// A position, and what the shapes to go by have there.
pub(super) struct Place<'h> {
    hint: Hint<'h>,
    /// Whether bytes stand there as a sequence.
    bytes_are_list: bool,
    pub(super) ints: Ints,
    pub(super) alternatives: Vec<Alternative>,
}

/// What isn't an integer.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Alternative {
    Prim(Prim),
    Option(u32),
    Seq(u32),
    Map(u32, u32),
    Tuple(Run),
    Type(u32),
}

/// Positions that follow each other.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Run {
    pub(super) first: u32,
    pub(super) count: usize,
}

pub(super) struct Named<'v> {
    pub(super) name: &'v str,
    pub(super) body: Body<'v>,
}

pub(super) enum Body<'v> {
    Unit,
    Newtype(u32),
    Tuple(Run),
    Struct(u32),
    Enum(Vec<Variant<'v>>),
}

pub(super) struct Variant<'v> {
    pub(super) index: u32,
    pub(super) name: &'v str,
    pub(super) payload: Payload,
}

#[derive(Clone, Copy)]
pub(super) enum Payload {
    Unit,
    Newtype(u32),
    Tuple(Run),
    Struct(u32),
}

/// The fields of a struct or struct variant, and those that the shapes to go by have.
pub(super) struct Record<'v, 'h> {
    pub(super) fields: FieldsRecord<'v>,
    pub(super) hints: Vec<&'h [shape::Field]>,
    pub(super) by_name: HashMap<&'h str, Hint<'h>>,
}

impl<'h> Place<'h> {
    /// One that no value has come to. What it may hold is found out once: there may be as many shapes as values.
    fn new(hint: Hint<'h>) -> Self {
        let mut alternatives = hint.iter().flat_map(|position| &position.0);
        let has_list = alternatives.any(|found| matches!(found, shape::Alternative::Seq(_)));
        let bytes_are_list = has_list && !has(&hint, Prim::Bytes);
        let ints = Ints::new(|prim| has(&hint, prim));
        Self { hint, bytes_are_list, ints, alternatives: Vec::new() }
    }
}

/// Kind and count of what a struct or variant holds, as in the keys of types and variants.
pub(super) fn form(fields: &Fields<'_>) -> (u8, usize) {
    match fields {
        Fields::Unit => (0, 0),
        Fields::Newtype(_) => (1, 0),
        Fields::Tuple(items) => (2, items.len()),
        Fields::Named(_) => (3, 0),
    }
}

impl Payload {
    pub(super) fn form(&self) -> (u8, usize) {
        match self {
            Self::Unit => (0, 0),
            Self::Newtype(_) => (1, 0),
            Self::Tuple(run) => (2, run.count),
            Self::Struct(_) => (3, 0),
        }
    }
}

impl<'v, 'h> Recorder<'v, 'h> {
    pub(super) fn new(like: &[&'h Shape], options: &Options) -> Self {
        let hints = Hints::new(like);
        let root = Place::new(hints.root());
        Self {
            places: vec![root],
            types: Vec::new(),
            structs: Vec::new(),
            index: HashMap::new(),
            variants: HashMap::new(),
            hints,
            depth_max: options.depth(),
        }
    }

    /// Joins the shape of a row.
    pub(super) fn row(&mut self, value: &'v Value<'_>) -> Result<(), Problem> {
        self.value(value, ROOT, 0)
    }

    fn value(&mut self, value: &'v Value<'_>, at: u32, depth: u32) -> Result<(), Problem> {
        let prim = match value {
            Value::Int(value) => {
                self.int(at, Int::Small(*value));
                return Ok(());
            }
            Value::Big(value) => {
                self.int(at, Int::Big(*value));
                return Ok(());
            }
            Value::Bytes(bytes) => return self.bytes(at, bytes, depth),
            Value::Unit => Prim::Unit,
            Value::Bool(_) => Prim::Bool,
            Value::F32(_) => Prim::F32,
            Value::F64(_) => Prim::F64,
            Value::Char(_) => Prim::Char,
            Value::Str(_) => Prim::Str,
            Value::Entity(_) => Prim::Reference,
            _ => return self.compound(value, at, self.enter(depth)?),
        };
        self.prim(at, prim);
        Ok(())
    }

    fn compound(&mut self, value: &'v Value<'_>, at: u32, depth: u32) -> Result<(), Problem> {
        match value {
            Value::Option(value) => {
                let inner = self.option(at);
                value.as_ref().map_or(Ok(()), |value| self.value(value, inner, depth))
            }
            Value::Seq(values) => {
                let element = self.seq(at);
                values.iter().try_for_each(|value| self.value(value, element, depth))
            }
            Value::Map(entries) => {
                let (keys, values) = self.map(at);
                entries.iter().try_for_each(|(key, value)| {
                    self.value(key, keys, depth)?;
                    self.value(value, values, depth)
                })
            }
            Value::Tuple(items) => {
                let run = self.tuple(at, items.len());
                self.items(items, run, depth)
            }
            Value::Struct(found) => match self.structure(at, &found.name, &found.fields) {
                Some(payload) => self.payload(&found.fields, payload, depth),
                None => Err(Problem::Unstable),
            },
            Value::Variant(found) => {
                let payload = self.variant(at, &found.of, (found.index, &found.name), &found.fields);
                self.payload(&found.fields, payload, depth)
            }
            _ => Err(Problem::Unstable),
        }
    }

    fn payload(&mut self, fields: &'v Fields<'_>, payload: Payload, depth: u32) -> Result<(), Problem> {
        match (fields, payload) {
            (Fields::Unit, Payload::Unit) => Ok(()),
            (Fields::Newtype(value), Payload::Newtype(inner)) => self.value(value, inner, depth),
            (Fields::Tuple(items), Payload::Tuple(run)) => self.items(items, run, depth),
            (Fields::Named(fields), Payload::Struct(record)) => {
                let mut visit = get_mut(&mut self.structs, record).map(|record| record.fields.start());
                let visit = visit.get_or_insert_default();
                for (name, value) in fields {
                    let Self { places, structs, .. } = &mut *self;
                    let Some(record) = get_mut(structs, record) else { return Err(Problem::Unstable) };
                    let by_name = &record.by_name;
                    let fresh = || fresh(places, by_name.get(&**name).cloned().unwrap_or_default());
                    let place = record.fields.field(visit, name, fresh);
                    let Some(place) = place else { return Err(Problem::DuplicateField(name.to_string())) };
                    self.value(value, place, depth)?;
                }
                Ok(())
            }
            _ => Err(Problem::Unstable),
        }
    }

    fn items(&mut self, items: &'v [Value<'_>], run: Run, depth: u32) -> Result<(), Problem> {
        items.iter().zip(run.first..).try_for_each(|(item, place)| self.value(item, place, depth))
    }

    /// The level inside a container at `depth`.
    fn enter(&self, depth: u32) -> Result<u32, Problem> {
        if depth < self.depth_max { Ok(depth + 1) } else { Err(Problem::Depth { allowed: self.depth_max }) }
    }

    fn int(&mut self, at: u32, value: Int) {
        if let Some(place) = get_mut(&mut self.places, at) {
            place.ints.add(value);
        }
    }

    fn bytes(&mut self, at: u32, bytes: &[u8], depth: u32) -> Result<(), Problem> {
        if get(&self.places, at).is_none_or(|place| !place.bytes_are_list) {
            self.prim(at, Prim::Bytes);
            return Ok(());
        }
        self.enter(depth)?;
        let element = self.seq(at);
        for byte in bytes {
            self.int(element, Int::Small((*byte).into()));
        }
        Ok(())
    }

    pub(super) fn hint(&self, at: u32) -> &[&'h Position] {
        get(&self.places, at).map_or(&[], |place| place.hint.as_slice())
    }
}

pub(super) fn fresh<'h>(places: &mut Vec<Place<'h>>, hint: Hint<'h>) -> u32 {
    places.push(Place::new(hint));
    last(places.len())
}

pub(super) fn get<T>(list: &[T], index: u32) -> Option<&T> {
    usize::try_from(index).ok().and_then(|index| list.get(index))
}

pub(super) fn get_mut<T>(list: &mut [T], index: u32) -> Option<&mut T> {
    usize::try_from(index).ok().and_then(|index| list.get_mut(index))
}

/// The index of the last of `len` things.
pub(super) fn last(len: usize) -> u32 {
    u32::try_from(len.saturating_sub(1)).unwrap_or(u32::MAX)
}
