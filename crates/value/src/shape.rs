//! What a [`Shape`] is made of, to be read and to be put together.
//!
//! The parts are those of FORMAT.md, section 4.2, which says what they mean for the bytes of a row.

mod decode;
mod display;
mod encode;
mod walk;

use crate::error::{Error, ShapeProblem};

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

/// A place where values stand, with what was seen there; the alternatives ascend by key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Position(pub Vec<Alternative>);

/// Something that values of a position are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Alternative {
    /// A primitive.
    Prim(Prim),
    /// An option of this.
    Option(Position),
    /// A sequence of this.
    Seq(Position),
    /// A map with these keys and values.
    Map(Position, Position),
    /// A tuple or an array.
    Tuple(Vec<Position>),
    /// The type with this number, see [`Shape::types`].
    Type(u32),
}

/// What has no parts; the value is its code in a shape's bytes.
#[expect(missing_docs, reason = "the names are those of Rust")]
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prim {
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
    /// A reference to an entity.
    Reference,
}

impl Prim {
    /// All of them, ascending.
    pub const ALL: [Self; 18] = [
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

    /// The name that a shape is shown with.
    pub fn name(self) -> &'static str {
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

/// A type with a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Type {
    /// Its name in the program, without a path.
    pub name: String,
    /// What it is.
    pub body: Body,
}

/// What a type is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Body {
    /// A struct with fields.
    Struct(Vec<Field>),
    /// A struct of several values without names.
    TupleStruct(Vec<Position>),
    /// A struct around one value.
    Newtype(Position),
    /// A struct of nothing.
    Unit,
    /// An enum; the variants ascend by index, name, kind of the payload and its count.
    Enum(Vec<Variant>),
}

/// A field of a struct or of a struct variant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Whether every value has it; if not, a byte says whether one does.
    pub required: bool,
    /// What stands there.
    pub position: Position,
}

/// A variant of an enum.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Variant {
    /// Its number in the program's enum.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What it holds.
    pub payload: Payload,
}

/// What a variant holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Payload {
    /// Nothing.
    Unit,
    /// One value.
    Newtype(Position),
    /// Several values without names.
    Tuple(Vec<Position>),
    /// Fields.
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

/// Whether two variants of an enum share an index: rows then name a variant by its place in the list, else by its index.
pub fn by_place(variants: &[Variant]) -> bool {
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
    /// Puts a shape together.
    ///
    /// ```
    /// use keepstone_value::Shape;
    /// use keepstone_value::shape::{Alternative, Body, Field, Position, Prim, Type};
    ///
    /// let position = Position(vec![Alternative::Prim(Prim::U32)]);
    /// let field = Field { name: "current".into(), required: true, position };
    /// let health = Type { name: "Health".into(), body: Body::Struct(vec![field]) };
    /// let shape = Shape::new(vec![health], Position(vec![Alternative::Type(0)]))?;
    /// assert_eq!(shape.to_string(), "struct Health { current: u32 }");
    /// # Ok::<(), keepstone_value::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `Error::Shape` if it breaks a rule of the format, or if types are not numbered in the order in which they are met. The offset is
    /// that in the shape's bytes.
    pub fn new(types: Vec<Type>, root: Position) -> Result<Self, Error> {
        let shape = Self { types, root };
        // What bytes can't say is checked here, all else where bytes are.
        shape.measure().map_err(|problem| Error::Shape { offset: 0, problem })?;
        Self::decode(&shape.encode())
    }

    /// The types that positions name by their number.
    pub fn types(&self) -> &[Type] {
        &self.types
    }

    /// Where the rows stand.
    pub fn root(&self) -> &Position {
        &self.root
    }

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
