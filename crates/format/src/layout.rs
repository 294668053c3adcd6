use std::collections::BTreeSet;
use std::fmt;

use crate::Error;
use crate::limits::{DEPTH_MAX, PLAIN_LEN_MAX};
use crate::wire::{Input, put_name, put_varint};

const ARRAY: u8 = 0x20;
const STRUCT: u8 = 0x21;
const SAME_NAME: &str = "two fields of a struct share a name";
/// `u32::MAX` of nothing cost no byte in the file and time in the reader.
const EMPTY_ELEMENT: &str = "the elements of an array have no bytes";

/// A number of fixed width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the types")]
pub enum Primitive {
    U8,
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
}

impl Primitive {
    const ALL: [Self; 12] = [
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
    ];

    /// Returns the number in a file.
    pub const fn code(self) -> u8 {
        match self {
            Self::U8 => 0x01,
            Self::U16 => 0x02,
            Self::U32 => 0x03,
            Self::U64 => 0x04,
            Self::U128 => 0x05,
            Self::I8 => 0x06,
            Self::I16 => 0x07,
            Self::I32 => 0x08,
            Self::I64 => 0x09,
            Self::I128 => 0x0a,
            Self::F32 => 0x0b,
            Self::F64 => 0x0c,
        }
    }

    /// Returns the primitive of a number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|primitive| primitive.code() == code)
    }

    /// Returns how many bytes a value takes.
    pub const fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
            Self::U128 | Self::I128 => 16,
        }
    }
}

/// How the bytes of a [`Plain`](crate::plain::Plain) type are made up; known at compile time.
///
/// ```
/// use keepstone_format::plain::{Layout, Plain};
///
/// const POSITION: Layout = Layout::Struct(&[("x", f32::LAYOUT), ("y", f32::LAYOUT)]);
/// assert_eq!(POSITION.size(), 8);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// A number.
    Primitive(Primitive),
    /// As many elements of one layout.
    Array(&'static Layout, u32),
    /// Named fields, in the order of their bytes.
    Struct(&'static [(&'static str, Layout)]),
}

impl Layout {
    /// Returns how many bytes a value takes.
    ///
    /// # Panics
    ///
    /// When that overflows; in a constant that is a compile error.
    pub const fn size(&self) -> usize {
        match self {
            Self::Primitive(primitive) => primitive.size(),
            Self::Array(element, count) => {
                let count = *count as usize;
                count.checked_mul(element.size()).expect("the size of a layout overflows")
            }
            Self::Struct(fields) => {
                let (mut size, mut rest) = (0_usize, *fields);
                while let [(_, first), tail @ ..] = rest {
                    size = size.checked_add(first.size()).expect("the size of a layout overflows");
                    rest = tail;
                }
                size
            }
        }
    }

    /// Appends the bytes of the layout.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] when a name, the nesting, the number of fields or the size is beyond what a file
    /// can hold; [`Error::Invalid`] when two fields share a name or the elements of an array have no bytes.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.encode_at(out, 0).map(|_| ())
    }

    /// Returns the size, which it checks as a decoder does.
    fn encode_at(&self, out: &mut Vec<u8>, depth: u32) -> Result<u64, Error> {
        check_depth(depth)?;
        match self {
            Self::Primitive(primitive) => {
                out.push(primitive.code());
                Ok(primitive.size() as u64)
            }
            Self::Array(element, count) => {
                out.push(ARRAY);
                put_varint(out, (*count).into());
                let size = element.encode_at(out, depth + 1)?;
                if size == 0 {
                    return Err(invalid(EMPTY_ELEMENT, out));
                }
                check_size(u64::from(*count).saturating_mul(size))
            }
            Self::Struct(fields) => {
                let count = fields.len() as u64;
                if count > u32::MAX.into() {
                    return Err(Error::Limit {
                        what: "fields of a layout",
                        needs: count,
                        allowed: u32::MAX.into(),
                    });
                }
                out.push(STRUCT);
                put_varint(out, count);
                let (mut size, mut seen) = (0, BTreeSet::new());
                for (name, field) in *fields {
                    if !seen.insert(name) {
                        return Err(invalid(SAME_NAME, out));
                    }
                    put_name(out, name)?;
                    size = check_size(size + field.encode_at(out, depth + 1)?)?;
                }
                Ok(size)
            }
        }
    }
}

/// A layout that was read from a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OwnedLayout {
    /// A number.
    Primitive(Primitive),
    /// As many elements of one layout.
    Array(Box<OwnedLayout>, u32),
    /// Named fields, in the order of their bytes.
    Struct(Vec<(String, OwnedLayout)>),
}

/// As a person would write it: `f32`, `[f32; 3]`, `{ x: f32, y: f32 }`.
impl fmt::Display for OwnedLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primitive(primitive) => f.write_str(&format!("{primitive:?}").to_lowercase()),
            Self::Array(element, count) => write!(f, "[{element}; {count}]"),
            Self::Struct(fields) => {
                f.write_str("{")?;
                for (at, (name, field)) in fields.iter().enumerate() {
                    let separator = if at == 0 { " " } else { ", " };
                    write!(f, "{separator}{name}: {field}")?;
                }
                f.write_str(if fields.is_empty() { "}" } else { " }" })
            }
        }
    }
}

impl OwnedLayout {
    /// Takes a layout.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`]; [`Error::Invalid`] for an unknown code, for two fields with one name or for an
    /// array of nothing; [`Error::Limit`] when it nests deeper than 128 or takes more than 2^24 bytes.
    pub fn decode(input: &mut Input<'_>) -> Result<Self, Error> {
        Self::decode_at(input, 0).map(|(layout, _)| layout)
    }

    /// Returns how many bytes a value takes. A layout that was decoded takes at most 2^24.
    pub fn size(&self) -> usize {
        match self {
            Self::Primitive(primitive) => primitive.size(),
            Self::Array(element, count) => {
                usize::try_from(*count).unwrap_or(usize::MAX).saturating_mul(element.size())
            }
            Self::Struct(fields) => fields.iter().fold(0, |sum, (_, field)| sum.saturating_add(field.size())),
        }
    }

    /// Appends the bytes of the layout.
    ///
    /// # Errors
    ///
    /// Those of [`Layout::encode`].
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.encode_at(out, 0).map(|_| ())
    }

    fn decode_at(input: &mut Input<'_>, depth: u32) -> Result<(Self, u64), Error> {
        check_depth(depth)?;
        let start = input.clone();
        match input.u8()? {
            ARRAY => {
                let count = input.varint_u32()?;
                let (element, size) = Self::decode_at(input, depth + 1)?;
                if size == 0 {
                    return Err(start.invalid(EMPTY_ELEMENT));
                }
                let size = check_size(u64::from(count).saturating_mul(size))?;
                Ok((Self::Array(Box::new(element), count), size))
            }
            STRUCT => {
                let count = input.count(2)?;
                let (mut fields, mut size, mut seen) = (Vec::new(), 0, BTreeSet::new());
                for _ in 0..count {
                    let name = input.name()?;
                    if !seen.insert(name) {
                        return Err(start.invalid(SAME_NAME));
                    }
                    let (field, field_size) = Self::decode_at(input, depth + 1)?;
                    size = check_size(size + field_size)?;
                    fields.push((name.to_owned(), field));
                }
                Ok((Self::Struct(fields), size))
            }
            code => match Primitive::from_code(code) {
                Some(primitive) => Ok((Self::Primitive(primitive), primitive.size() as u64)),
                None => Err(start.invalid("a layout has an unknown code")),
            },
        }
    }

    fn encode_at(&self, out: &mut Vec<u8>, depth: u32) -> Result<u64, Error> {
        check_depth(depth)?;
        match self {
            Self::Primitive(primitive) => {
                out.push(primitive.code());
                Ok(primitive.size() as u64)
            }
            Self::Array(element, count) => {
                out.push(ARRAY);
                put_varint(out, (*count).into());
                let size = element.encode_at(out, depth + 1)?;
                if size == 0 {
                    return Err(invalid(EMPTY_ELEMENT, out));
                }
                check_size(u64::from(*count).saturating_mul(size))
            }
            Self::Struct(fields) => {
                out.push(STRUCT);
                put_varint(out, fields.len() as u64);
                let (mut size, mut seen) = (0, BTreeSet::new());
                for (name, field) in fields {
                    if !seen.insert(name) {
                        return Err(invalid(SAME_NAME, out));
                    }
                    put_name(out, name)?;
                    size = check_size(size + field.encode_at(out, depth + 1)?)?;
                }
                Ok(size)
            }
        }
    }
}

impl From<&Layout> for OwnedLayout {
    fn from(layout: &Layout) -> Self {
        match layout {
            Layout::Primitive(primitive) => Self::Primitive(*primitive),
            Layout::Array(element, count) => Self::Array(Box::new(Self::from(*element)), *count),
            Layout::Struct(fields) => {
                Self::Struct(fields.iter().map(|(name, field)| ((*name).to_owned(), field.into())).collect())
            }
        }
    }
}

/// Two layouts are equal when their bytes are.
impl PartialEq<Layout> for OwnedLayout {
    fn eq(&self, other: &Layout) -> bool {
        match (self, other) {
            (Self::Primitive(own), Layout::Primitive(other)) => own == other,
            (Self::Array(own, own_count), Layout::Array(other, count)) => {
                own_count == count && **own == **other
            }
            (Self::Struct(own), Layout::Struct(other)) => {
                let same =
                    |((a, own), (b, other)): (&(String, Self), &(&str, Layout))| a == b && own == other;
                own.len() == other.len() && own.iter().zip(*other).all(same)
            }
            _ => false,
        }
    }
}

impl PartialEq<OwnedLayout> for Layout {
    fn eq(&self, other: &OwnedLayout) -> bool {
        other == self
    }
}

fn check_depth(depth: u32) -> Result<(), Error> {
    if depth <= DEPTH_MAX {
        return Ok(());
    }
    Err(Error::Limit { what: "nesting of a layout", needs: depth.into(), allowed: DEPTH_MAX.into() })
}

fn invalid(rule: &'static str, out: &[u8]) -> Error {
    Error::Invalid { what: "layout", rule, offset: out.len() as u64 }
}

fn check_size(size: u64) -> Result<u64, Error> {
    if size <= PLAIN_LEN_MAX.into() {
        return Ok(size);
    }
    Err(Error::Limit { what: "bytes of a plain row", needs: size, allowed: PLAIN_LEN_MAX.into() })
}
