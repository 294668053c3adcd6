mod access;
mod difference;
mod display;

use std::borrow::Cow;

pub use crate::value::difference::Difference;

/// A value of any type, read by its shape alone; made by [`Decoder::value`](crate::Decoder::value).
///
/// What the program's types were is kept where it can matter: names, variants, options, the width of floats. The width of integers
/// is not: it is in the shape, and a number is the same number in a wider type. Floats are kept as bits, so that values
/// can be compared and hashed. An element of a collection takes 32 bytes whatever it takes in its row.
///
/// ```
/// use keepstone_value::{Decoder, Options, Value, encode};
///
/// #[derive(serde::Serialize)]
/// struct Item { name: String, count: u8 }
///
/// let options = Options::default();
/// let rows = encode([vec![Item { name: "coin".into(), count: 3 }], vec![]].iter(), None, &options)?;
/// let mut decoder = Decoder::new(&rows.shape, &rows.data, &rows.targets, None, &options);
/// let full = decoder.value(rows.lens[0])?;
/// assert_eq!(full.to_string(), r#"[Item { name: "coin", count: 3 }]"#);
/// let empty = decoder.value(rows.lens[1])?;
/// assert_eq!(empty, Value::Seq(vec![]));
/// assert_eq!(full.difference(&empty).unwrap().path, "[0]");
/// # Ok::<(), keepstone_value::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value<'a> {
    /// `()`.
    Unit,
    /// A bool.
    Bool(bool),
    /// An integer of any type, unless it is above `i128::MAX`.
    Int(i128),
    /// An integer above `i128::MAX`.
    Big(u128),
    /// The bits of an f32.
    F32(u32),
    /// The bits of an f64.
    F64(u64),
    /// A char.
    Char(char),
    /// Text.
    Str(Cow<'a, str>),
    /// Bytes, or a sequence of u8.
    Bytes(Cow<'a, [u8]>),
    /// The ordinal of the entity that is referred to, or [`NONE`](crate::NONE).
    Entity(u32),
    /// An option.
    Option(Option<Box<Value<'a>>>),
    /// A sequence of something other than u8.
    Seq(Vec<Value<'a>>),
    /// A tuple or an array.
    Tuple(Vec<Value<'a>>),
    /// Keys and values, in the order in which they are written.
    Map(Vec<(Value<'a>, Value<'a>)>),
    /// A struct of any kind.
    Struct(Box<Struct<'a>>),
    /// A variant of an enum.
    Variant(Box<Variant<'a>>),
}

/// A struct in a [`Value`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Struct<'a> {
    /// Name of the type.
    pub name: Cow<'a, str>,
    /// What it holds.
    pub fields: Fields<'a>,
}

/// A variant of an enum in a [`Value`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Variant<'a> {
    /// Name of the enum.
    pub of: Cow<'a, str>,
    /// Number of the variant in the enum.
    pub index: u32,
    /// Name of the variant.
    pub name: Cow<'a, str>,
    /// What it holds.
    pub fields: Fields<'a>,
}

/// What a struct or a variant holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fields<'a> {
    /// Nothing: `struct Unit;`.
    Unit,
    /// One value: `struct Newtype(T);`.
    Newtype(Value<'a>),
    /// Values without names.
    Tuple(Vec<Value<'a>>),
    /// Values with names, in the order of the shape. A field that is missing in the row is missing here.
    Named(Vec<(Cow<'a, str>, Value<'a>)>),
}

const _: () = assert!(size_of::<Value<'static>>() == 32, "an element takes 32 bytes");

fn own<T: ToOwned + ?Sized>(value: Cow<'_, T>) -> Cow<'static, T> {
    Cow::Owned(value.into_owned())
}

fn own_all(values: Vec<Value<'_>>) -> Vec<Value<'static>> {
    values.into_iter().map(Value::into_owned).collect()
}

impl Value<'_> {
    /// The value without what it borrows from its row and its shape.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Unit => Value::Unit,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Big(value) => Value::Big(value),
            Self::F32(bits) => Value::F32(bits),
            Self::F64(bits) => Value::F64(bits),
            Self::Char(value) => Value::Char(value),
            Self::Str(text) => Value::Str(own(text)),
            Self::Bytes(bytes) => Value::Bytes(own(bytes)),
            Self::Entity(ordinal) => Value::Entity(ordinal),
            Self::Option(value) => Value::Option(value.map(|value| Box::new(value.into_owned()))),
            Self::Seq(values) => Value::Seq(own_all(values)),
            Self::Tuple(values) => Value::Tuple(own_all(values)),
            Self::Map(entries) => Value::Map(
                entries.into_iter().map(|(key, value)| (key.into_owned(), value.into_owned())).collect(),
            ),
            Self::Struct(found) => {
                Value::Struct(Box::new(Struct { name: own(found.name), fields: found.fields.into_owned() }))
            }
            Self::Variant(found) => Value::Variant(Box::new(Variant {
                of: own(found.of),
                index: found.index,
                name: own(found.name),
                fields: found.fields.into_owned(),
            })),
        }
    }

    /// Calls `visit` with the ordinal of each reference, in the order in which they are written.
    ///
    /// Ordinals are those of one world: before values of two worlds are compared, those of one have to become those of the other.
    pub fn for_each_entity(&mut self, visit: &mut dyn FnMut(&mut u32)) {
        match self {
            Self::Entity(ordinal) => visit(ordinal),
            Self::Option(Some(value)) => value.for_each_entity(visit),
            Self::Seq(values) | Self::Tuple(values) => {
                for value in values {
                    value.for_each_entity(visit);
                }
            }
            Self::Map(entries) => {
                for (key, value) in entries {
                    key.for_each_entity(visit);
                    value.for_each_entity(visit);
                }
            }
            Self::Struct(found) => found.fields.for_each_entity(visit),
            Self::Variant(found) => found.fields.for_each_entity(visit),
            _ => {}
        }
    }
}

impl Fields<'_> {
    fn into_owned(self) -> Fields<'static> {
        match self {
            Self::Unit => Fields::Unit,
            Self::Newtype(value) => Fields::Newtype(value.into_owned()),
            Self::Tuple(values) => Fields::Tuple(own_all(values)),
            Self::Named(fields) => Fields::Named(
                fields.into_iter().map(|(name, value)| (own(name), value.into_owned())).collect(),
            ),
        }
    }

    fn for_each_entity(&mut self, visit: &mut dyn FnMut(&mut u32)) {
        match self {
            Self::Unit => {}
            Self::Newtype(value) => value.for_each_entity(visit),
            Self::Tuple(values) => {
                for value in values {
                    value.for_each_entity(visit);
                }
            }
            Self::Named(fields) => {
                for (_, value) in fields {
                    value.for_each_entity(visit);
                }
            }
        }
    }
}
