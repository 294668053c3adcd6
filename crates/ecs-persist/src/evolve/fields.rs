use std::{any::type_name, borrow::Cow, ops::Range};

use keepstone_format::plain::{self, Layout, OwnedLayout, Plain, Primitive};
use keepstone_value::{Entities, Resolve};

use crate::{
    codec::{AsPlain, Codec, Runs, mismatch},
    doc::{Column, ColumnData},
    error::Error,
    evolve::from_rows::read_rows,
    schema::Encoding,
};

/// A plain type that says what becomes of fields which files lack or call otherwise.
///
/// Derived: `#[persist(default)]` and `#[persist(alias = "...")]` on fields of a `#[persist(pod)]` type. Removed, reordered and
/// widened fields need nothing of it.
pub trait Evolve: Plain {
    /// The fields that a file need not have.
    const DEFAULTED: &'static [&'static str];
    /// Fields, and a name that each had before.
    const FIELD_ALIASES: &'static [(&'static str, &'static str)];

    /// A value of which the fields in [`Evolve::DEFAULTED`] are taken.
    fn defaults() -> Self;
}

/// Rows are the value's own bytes, as with [`AsPlain`]; columns with other fields are read as [`Evolve`] says.
#[derive(Debug)]
pub struct AsEvolving;

impl<T: Evolve> Codec<T> for AsEvolving {
    fn capture<'w>(
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        AsPlain::capture(rows, entities)
    }

    fn decode(column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<T>, Error> {
        if column.schema.encoding == Encoding::Plain(OwnedLayout::from(&T::LAYOUT)) {
            return AsPlain::decode(column, rows, entities);
        }
        let defaults = T::defaults();
        let template = plain::to_le_bytes_cow(std::slice::from_ref(&defaults));
        let rules = Rules { defaulted: T::DEFAULTED, aliases: T::FIELD_ALIASES };
        read(column, rows, (&rules, &template))
    }

    fn encoding() -> Option<Encoding> {
        <AsPlain as Codec<T>>::encoding()
    }

    fn overwrite_plain(bytes: &[u8], values: &mut [T], written: &mut dyn FnMut(Range<usize>)) -> bool {
        AsPlain::overwrite_plain(bytes, values, written)
    }

    fn append_plain(bytes: &[u8], values: &mut Vec<T>) -> bool {
        AsPlain::append_plain(bytes, values)
    }
}

/// Reads a column that is not of the layout of `T`, field by field.
pub(crate) fn read_by_name<T: Plain>(column: &Column<'_>, rows: usize) -> Result<Vec<T>, Error> {
    let template = vec![0; size_of::<T>()];
    read(column, rows, (&Rules::default(), &template))
}

fn read<T: Plain>(
    column: &Column<'_>,
    rows: usize,
    (rules, template): (&Rules, &[u8]),
) -> Result<Vec<T>, Error> {
    if let Encoding::Plain(layout) = &column.schema.encoding {
        return read_fields(column, layout, rows, (rules, template));
    }
    read_rows(column, (rules, template))?
        .ok_or_else(|| mismatch::<T>(column, &format!("plain {}", OwnedLayout::from(&T::LAYOUT))))
}

/// A value of which all bytes are zero.
#[doc(hidden)]
pub fn zeroed<T: Plain>() -> T {
    let bytes = vec![0; size_of::<T>()];
    plain::read_plain(&bytes).expect("all bytes of a plain value are valid, and there are enough")
}

/// What the fields of the outermost struct say.
#[derive(Default)]
pub(super) struct Rules {
    defaulted: &'static [&'static str],
    pub(super) aliases: &'static [(&'static str, &'static str)],
}

impl Rules {
    /// Whether the outermost field of a path need not be there.
    pub(super) fn is_defaulted(&self, path: &str) -> bool {
        let first = path.split('.').next().unwrap_or(path);
        self.defaulted.contains(&first)
    }
}

/// Where bytes of a row come from.
enum Move {
    /// As they are.
    Copy { from: usize, to: usize, len: usize },
    /// A number of one type as one of a wider type.
    Widen { from: usize, to: usize, source: Primitive, target: Primitive },
}

fn read_fields<T: Plain>(
    column: &Column<'_>,
    layout: &OwnedLayout,
    rows: usize,
    (rules, template): (&Rules, &[u8]),
) -> Result<Vec<T>, Error> {
    let ColumnData::Plain(pieces) = &column.data else {
        let (found, expected) = (column.schema.encoding.to_string(), "plain rows".to_owned());
        return Err(Error::Invalid { what: "rows of a plain component", found, expected });
    };
    let mut moves = Mapping { column, type_name: type_name::<T>(), rules, moves: Vec::new() };
    moves.plan((layout, 0), (&T::LAYOUT, 0), "")?;
    let (from_size, to_size) = (layout.size(), size_of::<T>());
    if from_size == 0 || to_size == 0 {
        return Ok(plain::read_plain(template).map_or_else(Vec::new, |value| vec![value; rows]));
    }
    let mut values = Vec::with_capacity(rows.min(total(pieces) / from_size));
    let mut adapted = Vec::new();
    let mut cut: Vec<u8> = Vec::new();
    for piece in pieces {
        let mut piece: &[u8] = piece;
        if !cut.is_empty() {
            let (end, rest) = piece.split_at(piece.len().min(from_size.saturating_sub(cut.len())));
            cut.extend_from_slice(end);
            piece = rest;
            if cut.len() < from_size {
                continue;
            }
            moves.append(&cut, (from_size, template), &mut adapted, &mut values)?;
            cut.clear();
        }
        let (whole, rest) = piece.split_at(piece.len() - piece.len() % from_size);
        for block in whole.chunks(from_size.saturating_mul(BLOCK_ROWS)) {
            moves.append(block, (from_size, template), &mut adapted, &mut values)?;
        }
        cut.extend_from_slice(rest);
    }
    Ok(values)
}

/// Rows that are adapted at a time: they stay in the cache.
const BLOCK_ROWS: usize = 512;

fn total(pieces: &[Cow<'_, [u8]>]) -> usize {
    pieces.iter().map(|piece| piece.len()).sum()
}

struct Mapping<'c> {
    column: &'c Column<'c>,
    type_name: &'static str,
    rules: &'c Rules,
    moves: Vec<Move>,
}

impl Mapping<'_> {
    fn plan(&mut self, from: (&OwnedLayout, usize), to: (&Layout, usize), path: &str) -> Result<(), Error> {
        let ((from, from_at), (to, to_at)) = (from, to);
        if *from == *to {
            self.copy(from_at, to_at, to.size());
            return Ok(());
        }
        match (from, to) {
            (OwnedLayout::Primitive(source), Layout::Primitive(target)) if widens(*source, *target) => {
                self.moves.push(Move::Widen { from: from_at, to: to_at, source: *source, target: *target });
                Ok(())
            }
            (OwnedLayout::Array(from, many), Layout::Array(to, count)) if many == count => {
                for at in 0..*count as usize {
                    let (from_at, to_at) = (from_at + at * from.size(), to_at + at * to.size());
                    self.plan((from, from_at), (to, to_at), path)?;
                }
                Ok(())
            }
            (OwnedLayout::Struct(from), Layout::Struct(to)) => {
                self.plan_struct((from, from_at), (to, to_at), path)
            }
            _ => Err(self.mismatch(path, &from.to_string(), to)),
        }
    }

    fn plan_struct(
        &mut self,
        (from, from_at): (&[(String, OwnedLayout)], usize),
        (to, mut to_at): (&[(&'static str, Layout)], usize),
        path: &str,
    ) -> Result<(), Error> {
        for (name, target) in to {
            let is_top = path.is_empty();
            let aliases =
                self.rules.aliases.iter().filter(|(of, _)| is_top && of == name).map(|(_, old)| *old);
            let found = std::iter::once(*name).chain(aliases).find_map(|name| field(from, name));
            let path = if is_top { (*name).to_owned() } else { format!("{path}.{name}") };
            match found {
                Some((source, at)) => self.plan((source, from_at + at), (target, to_at), &path)?,
                None if self.rules.is_defaulted(&path) => {}
                None => return Err(self.missing(&path)),
            }
            to_at += target.size();
        }
        Ok(())
    }

    /// Copies bytes; those that follow each other on both sides are one copy.
    fn copy(&mut self, from: usize, to: usize, len: usize) {
        if let Some(Move::Copy { from: last_from, to: last_to, len: last_len }) = self.moves.last_mut()
            && *last_from + *last_len == from
            && *last_to + *last_len == to
        {
            *last_len += len;
        } else if len > 0 {
            self.moves.push(Move::Copy { from, to, len });
        }
    }

    /// Adapts whole rows and appends their values.
    fn append<T: Plain>(
        &self,
        rows: &[u8],
        (size, template): (usize, &[u8]),
        adapted: &mut Vec<u8>,
        values: &mut Vec<T>,
    ) -> Result<(), Error> {
        adapted.clear();
        for row in rows.chunks_exact(size) {
            let start = adapted.len();
            adapted.extend_from_slice(template);
            let into = adapted.get_mut(start..).unwrap_or_default();
            for step in &self.moves {
                step.apply(row, into);
            }
        }
        plain::append_le_bytes(adapted, values)?;
        Ok(())
    }

    fn mismatch(&self, path: &str, found: &str, expected: &Layout) -> Error {
        let of = |what: String| if path.is_empty() { what } else { format!("{path}: {what}") };
        Error::Mismatch {
            name: self.column.schema.name.clone(),
            type_name: self.type_name,
            found: of(format!("plain {found}")),
            expected: of(format!("plain {}", OwnedLayout::from(expected))),
        }
    }

    fn missing(&self, path: &str) -> Error {
        Error::MissingField {
            name: self.column.schema.name.clone(),
            field: path.to_owned(),
            type_name: self.type_name,
        }
    }
}

impl Move {
    fn apply(&self, row: &[u8], into: &mut [u8]) {
        match *self {
            // A constant length is a load and a store, and these are what most fields are.
            Self::Copy { from, to, len: 4 } => copy_const::<4>(row, from, into, to),
            Self::Copy { from, to, len: 8 } => copy_const::<8>(row, from, into, to),
            Self::Copy { from, to, len: 12 } => copy_const::<12>(row, from, into, to),
            Self::Copy { from, to, len } => {
                if let (Some(source), Some(target)) = (row.get(from..from + len), into.get_mut(to..to + len))
                {
                    target.copy_from_slice(source);
                }
            }
            Self::Widen { from, to, source, target } => {
                let read = row.get(from..from + source.size()).and_then(|bytes| Number::read(source, bytes));
                if let (Some(number), Some(into)) = (read, into.get_mut(to..to + target.size())) {
                    number.write(target, into);
                }
            }
        }
    }
}

fn copy_const<const N: usize>(row: &[u8], from: usize, into: &mut [u8], to: usize) {
    let source = row.get(from..).and_then(|row| row.first_chunk::<N>());
    let target = into.get_mut(to..).and_then(|into| into.first_chunk_mut::<N>());
    if let (Some(source), Some(target)) = (source, target) {
        *target = *source;
    }
}

/// A field of a struct in a file, and where it begins.
fn field<'l>(fields: &'l [(String, OwnedLayout)], name: &str) -> Option<(&'l OwnedLayout, usize)> {
    let mut at = 0;
    for (known, layout) in fields {
        if known == name {
            return Some((layout, at));
        }
        at += layout.size();
    }
    None
}

/// Whether every number of one type is one of the other.
fn widens(from: Primitive, to: Primitive) -> bool {
    use Primitive::{F32, F64, I8, I16, I32, I64, I128, U8, U16, U32, U64, U128};
    matches!(
        (from, to),
        (U8, U16 | U32 | U64 | U128 | I16 | I32 | I64 | I128 | F32 | F64)
            | (U16, U32 | U64 | U128 | I32 | I64 | I128 | F32 | F64)
            | (U32, U64 | U128 | I64 | I128 | F64)
            | (U64, U128 | I128)
            | (I8, I16 | I32 | I64 | I128 | F32 | F64)
            | (I16, I32 | I64 | I128 | F32 | F64)
            | (I32, I64 | I128 | F64)
            | (I64, I128)
            | (F32, F64)
    )
}

/// A number on its way to a wider type.
#[derive(Clone, Copy)]
enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f32),
}

impl Number {
    fn read(of: Primitive, bytes: &[u8]) -> Option<Self> {
        Some(match of {
            Primitive::U8 => Self::Unsigned(u8::from_le_bytes(*bytes.first_chunk()?).into()),
            Primitive::U16 => Self::Unsigned(u16::from_le_bytes(*bytes.first_chunk()?).into()),
            Primitive::U32 => Self::Unsigned(u32::from_le_bytes(*bytes.first_chunk()?).into()),
            Primitive::U64 => Self::Unsigned(u64::from_le_bytes(*bytes.first_chunk()?)),
            Primitive::I8 => Self::Signed(i8::from_le_bytes(*bytes.first_chunk()?).into()),
            Primitive::I16 => Self::Signed(i16::from_le_bytes(*bytes.first_chunk()?).into()),
            Primitive::I32 => Self::Signed(i32::from_le_bytes(*bytes.first_chunk()?).into()),
            Primitive::I64 => Self::Signed(i64::from_le_bytes(*bytes.first_chunk()?)),
            Primitive::F32 => Self::Float(f32::from_le_bytes(*bytes.first_chunk()?)),
            // Nothing is wider.
            Primitive::U128 | Primitive::I128 | Primitive::F64 => return None,
        })
    }

    /// Writes it as a type that [`widens`] allows: its value fits.
    fn write(self, to: Primitive, into: &mut [u8]) {
        let wide = match self {
            Self::Unsigned(value) => i128::from(value),
            Self::Signed(value) => i128::from(value),
            Self::Float(value) => {
                into.copy_from_slice(&f64::from(value).to_le_bytes());
                return;
            }
        };
        match to {
            Primitive::F32 => {
                // At most 16 bits: exact.
                let small =
                    i16::try_from(wide).map(f32::from).or_else(|_| u16::try_from(wide).map(f32::from));
                into.copy_from_slice(&small.unwrap_or_default().to_le_bytes());
            }
            Primitive::F64 => {
                // At most 32 bits: exact.
                let small =
                    i32::try_from(wide).map(f64::from).or_else(|_| u32::try_from(wide).map(f64::from));
                into.copy_from_slice(&small.unwrap_or_default().to_le_bytes());
            }
            // Two's complement: the low bytes of a number that fits are the number.
            _ => {
                let bytes = wide.to_le_bytes();
                into.copy_from_slice(bytes.get(..into.len()).unwrap_or_default());
            }
        }
    }
}
