pub(crate) mod fields;
mod serializer;
mod shape;

use std::collections::HashMap;

use serde::Serialize;

use crate::entities::EntityType;
use crate::error::Problem;
use crate::fault::Fault;
use crate::options::Options;
use crate::record::fields::FieldsRecord;
use crate::record::serializer::Slot;
use crate::shape::Prim;

/// Joins the shapes of values; nothing is ever taken back.
pub(crate) struct Recorder {
    positions: Vec<Vec<Alternative>>,
    types: Vec<Named>,
    fields: Vec<FieldsRecord<'static>>,
    index: HashMap<(u8, &'static str, usize), u32>,
    entity: EntityType,
    has_entities: bool,
    /// The bits of the references in the row recorded last.
    references: Vec<u64>,
    human_readable: bool,
    depth_max: u32,
}

/// The position of the rows.
const ROOT: u32 = 0;

#[derive(Clone, Copy)]
enum Alternative {
    Prim(Prim),
    Option(u32),
    Seq(u32),
    Map(u32, u32),
    Tuple(Run),
    Type(u32),
}

/// Positions that follow each other.
#[derive(Clone, Copy, PartialEq)]
struct Run {
    first: u32,
    count: usize,
}

struct Named {
    name: &'static str,
    body: Body,
}

enum Body {
    Struct(u32),
    TupleStruct(Run),
    Newtype(u32),
    Unit,
    Enum(Vec<Variant>),
}

#[derive(Clone, Copy)]
struct Variant {
    index: u32,
    name: &'static str,
    payload: Payload,
}

#[derive(Clone, Copy)]
enum Payload {
    Unit,
    Newtype(u32),
    Tuple(Run),
    Struct(u32),
}

/// What a struct variant, tuple variant and so on asks for.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Unit,
    Newtype,
    Tuple(usize),
    Struct,
}

impl Payload {
    fn form(&self) -> Form {
        match self {
            Self::Unit => Form::Unit,
            Self::Newtype(_) => Form::Newtype,
            Self::Tuple(run) => Form::Tuple(run.count),
            Self::Struct(_) => Form::Struct,
        }
    }
}

impl Recorder {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            positions: vec![Vec::new()],
            types: Vec::new(),
            fields: Vec::new(),
            index: HashMap::new(),
            entity: EntityType::none(),
            has_entities: false,
            references: Vec::new(),
            human_readable: options.human_readable,
            depth_max: options.depth(),
        }
    }

    /// Recognizes references to entities of this type from here on, or none.
    pub(crate) fn recognize(&mut self, entity: Option<EntityType>) {
        self.has_entities = entity.is_some();
        self.entity = entity.unwrap_or_else(EntityType::none);
    }

    /// The bits of the references in the row recorded last.
    pub(crate) fn references(&self) -> &[u64] {
        &self.references
    }

    /// Joins the shape of a row.
    pub(crate) fn row<T: Serialize>(&mut self, value: &T) -> Result<(), Problem> {
        self.references.clear();
        self.value(value, ROOT, 0).map_err(|fault| fault.into_problem().unwrap_or(Problem::Unstable))
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T, position: u32, depth: u32) -> Result<(), Fault> {
        let reference = self.entity.names(value);
        value.serialize(Slot { recorder: self, position, depth, reference })
    }

    /// The level inside a container at `depth`.
    fn enter(&self, depth: u32) -> Result<u32, Fault> {
        if depth < self.depth_max {
            Ok(depth + 1)
        } else {
            Err(Problem::Depth { allowed: self.depth_max }.into())
        }
    }

    fn fresh(&mut self) -> u32 {
        self.positions.push(Vec::new());
        last(self.positions.len())
    }

    fn fresh_run(&mut self, count: usize) -> Run {
        let first = last(self.positions.len() + 1);
        self.positions.resize_with(self.positions.len() + count, Vec::new);
        Run { first, count }
    }

    fn fresh_fields(&mut self) -> u32 {
        self.fields.push(FieldsRecord::default());
        last(self.fields.len())
    }

    /// What `pick` finds among the alternatives of a position; if nothing, what `make` adds.
    fn join<R>(
        &mut self,
        position: u32,
        pick: impl Fn(&Alternative) -> Option<R>,
        make: impl FnOnce(&mut Self) -> (Alternative, R),
    ) -> R {
        if let Some(found) = at(&self.positions, position).into_iter().flatten().find_map(pick) {
            return found;
        }
        let (alternative, result) = make(self);
        if let Some(list) = at_mut(&mut self.positions, position) {
            list.push(alternative);
        }
        result
    }

    fn prim(&mut self, position: u32, prim: Prim) {
        self.join(
            position,
            |found| matches!(found, Alternative::Prim(other) if *other == prim).then_some(()),
            |_| (Alternative::Prim(prim), ()),
        );
    }

    fn option(&mut self, position: u32) -> u32 {
        let pick =
            |found: &Alternative| if let Alternative::Option(inner) = found { Some(*inner) } else { None };
        self.join(position, pick, |this| {
            let inner = this.fresh();
            (Alternative::Option(inner), inner)
        })
    }

    fn seq(&mut self, position: u32) -> u32 {
        let pick =
            |found: &Alternative| if let Alternative::Seq(inner) = found { Some(*inner) } else { None };
        self.join(position, pick, |this| {
            let inner = this.fresh();
            (Alternative::Seq(inner), inner)
        })
    }

    fn map(&mut self, position: u32) -> (u32, u32) {
        let pick = |found: &Alternative| {
            if let Alternative::Map(key, value) = found { Some((*key, *value)) } else { None }
        };
        self.join(position, pick, |this| {
            let (key, value) = (this.fresh(), this.fresh());
            (Alternative::Map(key, value), (key, value))
        })
    }

    fn tuple(&mut self, position: u32, count: usize) -> Run {
        let pick = |found: &Alternative| match found {
            Alternative::Tuple(run) if run.count == count => Some(*run),
            _ => None,
        };
        self.join(position, pick, |this| {
            let run = this.fresh_run(count);
            (Alternative::Tuple(run), run)
        })
    }

    /// The type of this kind, name and count, as an alternative of the position.
    fn named(
        &mut self,
        position: u32,
        (kind, name, count): (u8, &'static str, usize),
        body: impl FnOnce(&mut Self) -> Body,
    ) -> u32 {
        let known = self.index.get(&(kind, name, count)).copied();
        let index = known.unwrap_or_else(|| {
            let body = body(self);
            self.types.push(Named { name, body });
            let index = last(self.types.len());
            self.index.insert((kind, name, count), index);
            index
        });
        self.join(
            position,
            |found| matches!(found, Alternative::Type(other) if *other == index).then_some(()),
            |_| (Alternative::Type(index), ()),
        );
        index
    }

    fn variant(
        &mut self,
        position: u32,
        of: &'static str,
        index: u32,
        name: &'static str,
        form: Form,
    ) -> Payload {
        let found = self.named(position, (5, of, 0), |_| Body::Enum(Vec::new()));
        let same =
            |other: &&Variant| other.index == index && other.name == name && other.payload.form() == form;
        if let Some(Named { body: Body::Enum(variants), .. }) = at(&self.types, found)
            && let Some(known) = variants.iter().find(same)
        {
            return known.payload;
        }
        let payload = match form {
            Form::Unit => Payload::Unit,
            Form::Newtype => Payload::Newtype(self.fresh()),
            Form::Tuple(count) => Payload::Tuple(self.fresh_run(count)),
            Form::Struct => Payload::Struct(self.fresh_fields()),
        };
        if let Some(Named { body: Body::Enum(variants), .. }) = at_mut(&mut self.types, found) {
            variants.push(Variant { index, name, payload });
        }
        payload
    }
}

/// Whether `S` is the recorder's serializer.
pub(crate) fn is_slot<S>() -> bool {
    typeid::of::<S>() == typeid::of::<Slot<'_>>()
}

fn at<T>(list: &[T], index: u32) -> Option<&T> {
    usize::try_from(index).ok().and_then(|index| list.get(index))
}

fn at_mut<T>(list: &mut [T], index: u32) -> Option<&mut T> {
    usize::try_from(index).ok().and_then(|index| list.get_mut(index))
}

/// The index of the last of `len` things.
fn last(len: usize) -> u32 {
    u32::try_from(len.saturating_sub(1)).unwrap_or(u32::MAX)
}
