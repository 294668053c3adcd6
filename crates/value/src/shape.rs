mod decode;
mod display;
mod encode;
mod walk;

use crate::error::ShapeProblem;

/// Alternatives, fields, variants and types of one shape, each: a hostile shape has to be small.
pub(crate) const COUNT_MAX: usize = 65_535;

/// Bytes of a name: its length takes one byte.
pub(crate) const NAME_MAX: usize = 255;

/// What the rows of a column have in common: enough to read them without the program that wrote them.
///
/// Two columns with the same rows have the same shape, whatever the order of the rows.
///
/// ```
/// use keepstone_value::{Options, Shape, encode};
///
/// let rows = encode([(1_u32, "one"), (2, "two")].iter(), None, &Options::default())?;
/// assert_eq!(rows.shape.to_string(), "(u32, str)");
/// assert_eq!(Shape::decode(&rows.shape.encode())?, rows.shape);
/// # Ok::<(), keepstone_value::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape {
    pub(crate) types: Vec<Type>,
    pub(crate) root: Position,
}

/// A place where values stand; the alternatives ascend by key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Position(pub(crate) Vec<Alternative>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Alternative {
    Prim(Prim),
    Option(Position),
    Seq(Position),
    Map(Position, Position),
    Tuple(Vec<Position>),
    Type(u32),
}

#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Prim {
    U8 = 0x01,
    U16,
    U32,
    U64,
    U128,
    I8,
    I16,
    I32,
    I64,
    I128,
    F32,
    F64,
    Bool,
    Char,
    Str,
    Bytes,
    Unit,
    Reference,
}

impl Prim {
    pub(crate) const ALL: [Self; 18] = [
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::U128,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::I128,
        Self::F32,
        Self::F64,
        Self::Bool,
        Self::Char,
        Self::Str,
        Self::Bytes,
        Self::Unit,
        Self::Reference,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::U128 => "u128",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::I128 => "i128",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Bool => "bool",
            Self::Char => "char",
            Self::Str => "str",
            Self::Bytes => "bytes",
            Self::Unit => "()",
            Self::Reference => "entity",
        }
    }
}

pub(crate) const OPTION: u8 = 0x20;
pub(crate) const SEQ: u8 = 0x21;
pub(crate) const MAP: u8 = 0x22;
pub(crate) const TUPLE: u8 = 0x23;
pub(crate) const TYPE: u8 = 0x24;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Type {
    pub(crate) name: String,
    pub(crate) body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Body {
    Struct(Vec<Field>),
    TupleStruct(Vec<Position>),
    Newtype(Position),
    Unit,
    Enum(Vec<Variant>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) required: bool,
    pub(crate) position: Position,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Variant {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) payload: Payload,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Payload {
    Unit,
    Newtype(Position),
    Tuple(Vec<Position>),
    Struct(Vec<Field>),
}

/// What tells types apart: kind, name, and the count of a tuple struct.
pub(crate) type TypeKey<'a> = (u8, &'a str, usize);

impl Type {
    pub(crate) fn key(&self) -> TypeKey<'_> {
        let (kind, count) = match &self.body {
            Body::Struct(_) => (1, 0),
            Body::TupleStruct(items) => (2, items.len()),
            Body::Newtype(_) => (3, 0),
            Body::Unit => (4, 0),
            Body::Enum(_) => (5, 0),
        };
        (kind, &self.name, count)
    }
}

impl Variant {
    /// What variants ascend by. Two Rust enums of one name may give one variant different payloads.
    pub(crate) fn key(&self) -> (u32, &str, u8, usize) {
        let (kind, count) = match &self.payload {
            Payload::Unit => (0, 0),
            Payload::Newtype(_) => (1, 0),
            Payload::Tuple(items) => (2, items.len()),
            Payload::Struct(_) => (3, 0),
        };
        (self.index, &self.name, kind, count)
    }
}

/// Whether two variants share an index, so that the selector has to be the place in the list.
pub(crate) fn by_place(variants: &[Variant]) -> bool {
    variants.windows(2).any(|pair| matches!(pair, [a, b] if a.index == b.index))
}

/// What alternatives of one position ascend by.
pub(crate) type AlternativeKey<'a> = (u8, usize, TypeKey<'a>);

impl Alternative {
    pub(crate) fn key<'a>(&'a self, types: &'a [Type]) -> AlternativeKey<'a> {
        const NONE: TypeKey<'static> = (0, "", 0);
        match self {
            Self::Prim(prim) => (*prim as u8, 0, NONE),
            Self::Option(_) => (OPTION, 0, NONE),
            Self::Seq(_) => (SEQ, 0, NONE),
            Self::Map(..) => (MAP, 0, NONE),
            Self::Tuple(items) => (TUPLE, items.len(), NONE),
            Self::Type(index) => (TYPE, 0, type_at(types, *index).map_or(NONE, Type::key)),
        }
    }
}

pub(crate) fn type_at(types: &[Type], index: u32) -> Option<&Type> {
    usize::try_from(index).ok().and_then(|index| types.get(index))
}

impl Shape {
    /// The name of the type that all rows share, or `value`.
    pub(crate) fn root_name(&self) -> &str {
        match self.root.0.as_slice() {
            [Alternative::Type(index)] => type_at(&self.types, *index).map_or("value", |found| &found.name),
            _ => "value",
        }
    }
}

/// Counts parts of a shape against its limits.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    alternatives: usize,
    fields: usize,
    variants: usize,
}

impl Counts {
    pub(crate) fn alternatives(&mut self, more: usize) -> Result<(), ShapeProblem> {
        add(&mut self.alternatives, more)
    }

    pub(crate) fn fields(&mut self, more: usize) -> Result<(), ShapeProblem> {
        add(&mut self.fields, more)
    }

    pub(crate) fn variants(&mut self, more: usize) -> Result<(), ShapeProblem> {
        add(&mut self.variants, more)
    }
}

fn add(count: &mut usize, more: usize) -> Result<(), ShapeProblem> {
    *count = count.saturating_add(more);
    if *count > COUNT_MAX { Err(ShapeProblem::Count) } else { Ok(()) }
}
