mod overwrite;

use std::{borrow::Cow, convert::Infallible, fmt, marker::PhantomData, ops::Range};

use keepstone_format::plain::{self, Layout, OwnedLayout, Plain};
use keepstone_value::{Batches, Decoder, Entities, Learner, Options, Resolve, Rows};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    doc::{Column, ColumnData},
    error::Error,
    evolve::{ColumnStep, read_by_name, to_rows},
    lengths::Lengths,
    schema::{ComponentSchema, Encoding},
};

/// The values of one component in a world, as runs of storage or as single references.
#[derive(Debug, Clone)]
pub struct Runs<'w, T> {
    runs: Vec<Run<'w, T>>,
}

#[derive(Debug, Clone)]
enum Run<'w, T> {
    Slice(&'w [T]),
    Scattered(Vec<&'w T>),
}

impl<T> Default for Runs<'_, T> {
    fn default() -> Self {
        Self { runs: Vec::new() }
    }
}

impl<'w, T> Runs<'w, T> {
    /// None yet, with room for so many runs.
    pub fn with_capacity(runs: usize) -> Self {
        Self { runs: Vec::with_capacity(runs) }
    }

    /// Adds rows that lie side by side.
    pub fn push_slice(&mut self, rows: &'w [T]) {
        self.runs.push(Run::Slice(rows));
    }

    /// Adds rows that don't.
    pub fn push_scattered(&mut self, rows: Vec<&'w T>) {
        self.runs.push(Run::Scattered(rows));
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|run| run.iter().len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All rows in order.
    pub fn iter(&self) -> impl Iterator<Item = &'w T> + Clone {
        self.runs.iter().flat_map(Run::iter)
    }
}

impl<'w, T> Run<'w, T> {
    fn iter(&self) -> RunIter<'_, 'w, T> {
        match self {
            Run::Slice(rows) => RunIter::Slice(rows.iter()),
            Run::Scattered(rows) => RunIter::Scattered(rows.iter()),
        }
    }
}

enum RunIter<'r, 'w, T> {
    Slice(std::slice::Iter<'w, T>),
    Scattered(std::slice::Iter<'r, &'w T>),
}

impl<T> Clone for RunIter<'_, '_, T> {
    fn clone(&self) -> Self {
        match self {
            Self::Slice(rows) => Self::Slice(rows.clone()),
            Self::Scattered(rows) => Self::Scattered(rows.clone()),
        }
    }
}

impl<'w, T> Iterator for RunIter<'_, 'w, T> {
    type Item = &'w T;

    fn next(&mut self) -> Option<&'w T> {
        match self {
            Self::Slice(rows) => rows.next(),
            Self::Scattered(rows) => rows.next().copied(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Slice(rows) => rows.size_hint(),
            Self::Scattered(rows) => rows.size_hint(),
        }
    }
}

impl<T> ExactSizeIterator for RunIter<'_, '_, T> {}

/// How values of `T` become a column and come back.
pub trait Codec<T>: 'static {
    /// Whether columns of earlier definitions are read through other types, as with [`AsSince`](crate::AsSince).
    const HAS_EARLIER: bool = false;

    /// Encodes rows, or borrows them where their memory is what the file holds.
    ///
    /// # Errors
    /// When a value's `Serialize` fails or it exceeds a limit of the row format.
    fn capture<'w>(
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error>;

    /// Decodes all `rows` of a column.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when the column's encoding doesn't fit `T`, [`Error::Value`] when a row doesn't.
    fn decode(column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<T>, Error>;

    /// What the rows are, where that is known without looking at values.
    fn encoding() -> Option<Encoding> {
        None
    }

    /// Learns what rows have in common, for a column that is written batch by batch. `entities` is asked for what the rows refer to. Only
    /// codecs without an [`encoding`](Codec::encoding) of their own have anything to learn.
    ///
    /// # Errors
    /// As [`Codec::capture`].
    fn learn(
        rows: Runs<'_, T>,
        entities: &mut dyn Entities,
        learner: &mut Learner,
    ) -> Result<(), keepstone_value::Error> {
        let _ = (rows, entities, learner);
        Ok(())
    }

    /// Encodes the next rows of a column whose rows were learnt; as [`Codec::capture`] where there was nothing to learn.
    ///
    /// # Errors
    /// As [`Codec::capture`].
    fn capture_batch<'w>(
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
        batches: &mut Batches<'_>,
    ) -> Result<ColumnData<'w>, keepstone_value::Error> {
        let _ = batches;
        Self::capture(rows, entities).map(|(_, data)| data)
    }

    /// Appends rows whose bytes are the values' own, and says whether it did. Rows of another kind are left alone, and so are bytes
    /// that don't end where a row does.
    fn append_plain(bytes: &[u8], values: &mut Vec<T>) -> bool {
        let _ = (bytes, values);
        false
    }

    /// Whether a column is of the present definition, so that its bytes mean what those of the present values do.
    fn is_own(schema: &ComponentSchema) -> bool {
        let _ = schema;
        true
    }

    /// Appends the steps that a column takes when it is decoded; none for one of the present definition.
    ///
    /// # Errors
    /// [`Error::NewerComponent`] for a later definition, [`Error::NoMigration`] when no step begins at this one.
    fn steps(schema: &ComponentSchema, steps: &mut Vec<ColumnStep>) -> Result<(), Error> {
        let _ = (schema, steps);
        Ok(())
    }

    /// Adds the names that earlier definitions have in files.
    fn earlier_names(names: &mut Vec<&'static str>) {
        let _ = names;
    }

    /// Writes rows whose bytes are the values' own over `values` where they differ, tells `written` which places those are, in runs that
    /// ascend, and says whether it did. Rows of another kind are left alone, and so are bytes of more or fewer rows than there are values.
    fn overwrite_plain(bytes: &[u8], values: &mut [T], written: &mut dyn FnMut(Range<usize>)) -> bool {
        let _ = (bytes, values, written);
        false
    }
}

/// Rows are the value's own bytes: one copy a column.
#[derive(Debug)]
pub struct AsPlain;

/// A type with one value, such as a unit struct.
pub trait Marker: Sized + 'static {
    /// The value.
    const VALUE: Self;
}

/// Rows are serde values with a recorded shape.
#[derive(Debug)]
pub struct AsSerde;

/// Rows have no bytes: for unit structs.
#[derive(Debug)]
pub struct AsMarker;

/// Rows are serde values of `P`, which stands in for a foreign type.
#[derive(Debug)]
pub struct AsProxy<P>(PhantomData<P>);

impl<T: Plain> Codec<T> for AsPlain {
    fn capture<'w>(
        rows: Runs<'w, T>,
        _: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        let mut pieces = Vec::with_capacity(rows.runs.len());
        for run in &rows.runs {
            match run {
                Run::Slice(rows) => pieces.push(plain::to_le_bytes_cow(rows)),
                Run::Scattered(rows) => {
                    let mut bytes = Vec::with_capacity(rows.len() * size_of::<T>());
                    for row in rows {
                        bytes.extend_from_slice(&plain::to_le_bytes_cow(std::slice::from_ref(*row)));
                    }
                    pieces.push(Cow::Owned(bytes));
                }
            }
        }
        Ok((Encoding::Plain(OwnedLayout::from(&T::LAYOUT)), ColumnData::Plain(pieces)))
    }

    fn decode(column: &Column<'_>, rows: usize, _: &mut dyn Resolve) -> Result<Vec<T>, Error> {
        match (&column.schema.encoding, &column.data) {
            (Encoding::Plain(layout), ColumnData::Plain(pieces)) if *layout == T::LAYOUT => {
                Ok(collect_rows(pieces, rows)?)
            }
            _ => read_by_name(column, rows),
        }
    }

    fn encoding() -> Option<Encoding> {
        Some(Encoding::Plain(OwnedLayout::from(&T::LAYOUT)))
    }

    fn append_plain(bytes: &[u8], values: &mut Vec<T>) -> bool {
        size_of::<T>() > 0 && plain::append_le_bytes(bytes, values).is_ok()
    }

    fn overwrite_plain(bytes: &[u8], values: &mut [T], written: &mut dyn FnMut(Range<usize>)) -> bool {
        overwrite::differing(bytes, values, written)
    }
}

/// Gathers rows from pieces that needn't end where a row ends.
pub(crate) fn collect_rows<T: Plain>(
    pieces: &[Cow<'_, [u8]>],
    rows: usize,
) -> Result<Vec<T>, keepstone_format::Error> {
    let size = size_of::<T>();
    if let Some(value) = plain::read_plain(&[]) {
        return Ok(vec![value; rows]);
    }
    let mut values = Vec::with_capacity(rows);
    let mut cut = Vec::new();
    for piece in pieces {
        let mut piece: &[u8] = piece;
        if !cut.is_empty() {
            let (end, rest) = piece.split_at(piece.len().min(size - cut.len()));
            cut.extend_from_slice(end);
            piece = rest;
            if cut.len() < size {
                continue;
            }
            plain::append_le_bytes(&cut, &mut values)?;
            cut.clear();
        }
        let (whole, rest) = piece.split_at(piece.len() - piece.len() % size);
        plain::append_le_bytes(whole, &mut values)?;
        cut.extend_from_slice(rest);
    }
    Ok(values)
}

pub(crate) fn mismatch<T>(column: &Column<'_>, expected: &str) -> Error {
    Error::Mismatch {
        name: column.schema.name.clone(),
        type_name: std::any::type_name::<T>(),
        found: column.schema.encoding.to_string(),
        expected: expected.to_owned(),
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Codec<T> for AsSerde {
    fn capture<'w>(
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        encode_rows(rows.iter(), entities)
    }

    fn decode(column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<T>, Error> {
        decode_rows(column, rows, entities, |row: T| Ok::<T, Infallible>(row))
    }

    fn learn(
        rows: Runs<'_, T>,
        entities: &mut dyn Entities,
        learner: &mut Learner,
    ) -> Result<(), keepstone_value::Error> {
        learner.add(rows.iter(), Some(entities))
    }

    fn capture_batch<'w>(
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
        batches: &mut Batches<'_>,
    ) -> Result<ColumnData<'w>, keepstone_value::Error> {
        Ok(rows_data(batches.encode(rows.iter(), Some(&mut *entities))?, entities))
    }
}

impl<T, P> Codec<T> for AsProxy<P>
where
    P: Serialize + DeserializeOwned + Into<T> + for<'a> From<&'a T> + 'static,
    T: 'static,
{
    fn capture<'w>(
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        let proxies: Vec<P> = rows.iter().map(P::from).collect();
        encode_rows(proxies.iter(), entities)
    }

    fn decode(column: &Column<'_>, rows: usize, entities: &mut dyn Resolve) -> Result<Vec<T>, Error> {
        decode_rows(column, rows, entities, |row: P| Ok::<T, Infallible>(row.into()))
    }

    fn learn(
        rows: Runs<'_, T>,
        entities: &mut dyn Entities,
        learner: &mut Learner,
    ) -> Result<(), keepstone_value::Error> {
        let proxies: Vec<P> = rows.iter().map(P::from).collect();
        learner.add(proxies.iter(), Some(entities))
    }

    fn capture_batch<'w>(
        rows: Runs<'w, T>,
        entities: &mut dyn Entities,
        batches: &mut Batches<'_>,
    ) -> Result<ColumnData<'w>, keepstone_value::Error> {
        let proxies: Vec<P> = rows.iter().map(P::from).collect();
        Ok(rows_data(batches.encode(proxies.iter(), Some(&mut *entities))?, entities))
    }
}

impl<T: Marker> Codec<T> for AsMarker {
    fn capture<'w>(
        _: Runs<'w, T>,
        _: &mut dyn Entities,
    ) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
        Ok((Encoding::Plain(OwnedLayout::from(&Layout::Struct(&[]))), ColumnData::Plain(Vec::new())))
    }

    fn decode(column: &Column<'_>, rows: usize, _: &mut dyn Resolve) -> Result<Vec<T>, Error> {
        match &column.schema.encoding {
            Encoding::Plain(layout) if layout.size() == 0 => Ok((0..rows).map(|_| T::VALUE).collect()),
            _ => Err(mismatch::<T>(column, "plain {}")),
        }
    }

    fn encoding() -> Option<Encoding> {
        Some(Encoding::Plain(OwnedLayout::from(&Layout::Struct(&[]))))
    }
}

pub(crate) fn encode_rows<'t, 'w, T: Serialize + 't>(
    rows: impl Iterator<Item = &'t T> + Clone,
    entities: &mut dyn Entities,
) -> Result<(Encoding, ColumnData<'w>), keepstone_value::Error> {
    let options = Options { report_hidden: entities.watches(), ..Options::default() };
    let rows = keepstone_value::encode(rows, Some(&mut *entities), &options)?;
    let encoding = Encoding::Rows { shape: rows.shape.clone(), human_readable: options.human_readable };
    Ok((encoding, rows_data(rows, entities)))
}

pub(crate) fn rows_data(rows: Rows, entities: &mut dyn Entities) -> ColumnData<'static> {
    if let Some(suspects) = rows.suspects {
        entities.suspect(suspects);
    }
    ColumnData::Rows {
        data: Cow::Owned(rows.data),
        lengths: Lengths::each(rows.lens),
        targets: Cow::Owned(rows.targets),
    }
}

pub(crate) fn decode_rows<T: DeserializeOwned, U, E: fmt::Display>(
    column: &Column<'_>,
    rows: usize,
    entities: &mut dyn Resolve,
    finish: impl Fn(T) -> Result<U, E>,
) -> Result<Vec<U>, Error> {
    let was_plain = to_rows(column, rows)?;
    let column = was_plain.as_ref().unwrap_or(column);
    let (Encoding::Rows { shape, human_readable }, ColumnData::Rows { data, lengths, targets }) =
        (&column.schema.encoding, &column.data)
    else {
        return Err(mismatch::<T>(column, "rows (a serde type)"));
    };
    let wrap = |source| Error::Value { component: column.schema.name.clone(), source };
    let options = Options { human_readable: *human_readable, ..Options::default() };
    let mut decoder = Decoder::new(shape, data, targets, Some(entities), &options);
    // Lengths were checked against the data, but an empty row costs no byte of it: grow as rows decode.
    let mut rows = Vec::with_capacity(data.len().min(usize::try_from(lengths.rows()).unwrap_or(usize::MAX)));
    for (row, len) in (0..).zip(lengths.iter()) {
        let value = decoder.row(len).map_err(wrap)?;
        rows.push(finish(value).map_err(|why| wrap(refused(row, &why)))?);
    }
    decoder.finish().map_err(wrap)?;
    Ok(rows)
}

/// A row that was read, and whose value is not one of the component.
pub(crate) fn refused(row: u32, why: &impl fmt::Display) -> keepstone_value::Error {
    let problem = keepstone_value::Problem::Message(why.to_string());
    keepstone_value::Error::Decode { row, offset: 0, path: String::new(), problem }
}
