use std::{borrow::Cow, fmt, io::Write};

use keepstone_format::{
    Error as FormatError, Kind, Metadata, ReadAt, Reader, SectionId, Writer,
    wire::{Input, put_varint},
};
use keepstone_value::{self as value, Decoder, Options, Shape, Value};
use serde::{Serialize, de::DeserializeOwned};

/// Something whose state can be kept: it turns itself into sections of a container.
///
/// Everything that serde serializes is one, as a single value with its shape, so that a file can be shown and migrated without the
/// program that wrote it. [`Bytes`] are kept as they are.
pub trait Payload {
    /// Makes what is written: the part that takes long, before any store is touched.
    ///
    /// # Errors
    /// What the payload can't be encoded for.
    fn prepare(&self) -> Result<Prepared<'_>, PayloadError>;
}

/// Something that can be made again from what its [`Payload`] wrote.
pub trait FromPayload: Sized {
    /// Reads the sections of a container.
    ///
    /// # Errors
    /// [`PayloadError::Format`] where bytes are damaged, [`PayloadError::Missing`] where the payload is of another sort.
    fn from_payload<R: ReadAt>(reader: &Reader<R>) -> Result<Self, PayloadError>;
}

/// A payload that is ready to be written, once.
pub struct Prepared<'p> {
    /// What it knows of the head of its container: tick, state hash.
    pub head: Metadata,
    /// Bytes before any codec, as far as they are known.
    pub len: u64,
    write: Box<WriteSections<'p>>,
}

/// Writes the sections of a payload and returns the tail metadata.
type WriteSections<'p> =
    dyn FnOnce(&mut Writer<&mut dyn Write>) -> Result<Metadata, PayloadError> + Send + 'p;

impl<'p> Prepared<'p> {
    /// Puts together the length of a payload and what writes it.
    pub fn new(
        len: u64,
        write: impl FnOnce(&mut Writer<&mut dyn Write>) -> Result<Metadata, PayloadError> + Send + 'p,
    ) -> Self {
        Self { head: Metadata::new(), len, write: Box::new(write) }
    }

    /// Bytes that are kept as they are, as [`Bytes`] are.
    pub fn bytes(bytes: &'p [u8]) -> Self {
        Self::section(SectionId::BYTES, Cow::Borrowed(bytes))
    }

    /// One value behind its shape.
    fn row(shape: &Shape, data: Vec<u8>) -> Self {
        let shape = shape.encode();
        let mut start = Vec::with_capacity(shape.len() + 5);
        put_varint(&mut start, shape.len() as u64);
        start.extend_from_slice(&shape);
        let len = (start.len() + data.len()) as u64;
        Self::new(len, move |writer| {
            writer.coded_from(SectionId::VALUE, 0, &[&start, &data])?;
            Ok(Metadata::new())
        })
    }

    /// Sets what the payload knows of the head.
    pub fn head(mut self, head: Metadata) -> Self {
        self.head = head;
        self
    }

    /// Writes the sections and returns the tail metadata.
    ///
    /// # Errors
    /// Those of the payload, and of the writer.
    pub fn write(self, writer: &mut Writer<&mut dyn Write>) -> Result<Metadata, PayloadError> {
        (self.write)(writer)
    }

    /// One section whose bytes are there already.
    fn section(id: SectionId, bytes: Cow<'p, [u8]>) -> Self {
        let len = bytes.len() as u64;
        Self::new(len, move |writer| {
            writer.coded_from(id, 0, &[&bytes])?;
            Ok(Metadata::new())
        })
    }
}

impl fmt::Debug for Prepared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("head", &self.head).field("len", &self.len).finish_non_exhaustive()
    }
}

/// Bytes of the application's own, kept and handed out as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bytes<'a>(pub Cow<'a, [u8]>);

impl From<Vec<u8>> for Bytes<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Cow::Owned(bytes))
    }
}

impl<'a> From<&'a [u8]> for Bytes<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Cow::Borrowed(bytes))
    }
}

impl Payload for Bytes<'_> {
    fn prepare(&self) -> Result<Prepared<'_>, PayloadError> {
        Ok(Prepared::bytes(&self.0))
    }
}

impl FromPayload for Bytes<'static> {
    fn from_payload<R: ReadAt>(reader: &Reader<R>) -> Result<Self, PayloadError> {
        Ok(Self(Cow::Owned(section(reader, SectionId::BYTES, "bytes")?.into_owned())))
    }
}

impl<T: Serialize + ?Sized> Payload for T {
    fn prepare(&self) -> Result<Prepared<'_>, PayloadError> {
        let rows = value::encode(std::iter::once(&self), None, &Options::default())?;
        Ok(Prepared::row(&rows.shape, rows.data))
    }
}

impl<T: DeserializeOwned> FromPayload for T {
    fn from_payload<R: ReadAt>(reader: &Reader<R>) -> Result<Self, PayloadError> {
        let bytes = section(reader, SectionId::VALUE, "a serde value")?;
        let row = Row::of(&bytes)?;
        let options = Options::default();
        let mut decoder = Decoder::new(&row.shape, row.data, &[], None, &options);
        let value = decoder.row(row.len)?;
        decoder.finish()?;
        Ok(value)
    }
}

/// A serde value without the type that it was made from: what tools show, and what migrations change.
#[derive(Debug, Clone, PartialEq)]
pub struct Dynamic {
    /// Its shape.
    pub shape: Shape,
    /// The value.
    pub value: Value<'static>,
}

impl Payload for Dynamic {
    /// As the type would be that the value came from, by the shape: what the shape says of integers and fields is kept.
    fn prepare(&self) -> Result<Prepared<'_>, PayloadError> {
        let options = Options::default();
        let rows = value::encode_values_like(std::iter::once(&self.value), &[&self.shape], &options)?;
        Ok(Prepared::row(&rows.shape, rows.data))
    }
}

impl FromPayload for Dynamic {
    fn from_payload<R: ReadAt>(reader: &Reader<R>) -> Result<Self, PayloadError> {
        let bytes = section(reader, SectionId::VALUE, "a serde value")?;
        let Row { shape, data, len } = Row::of(&bytes)?;
        let options = Options::default();
        let mut decoder = Decoder::new(&shape, data, &[], None, &options);
        let value = decoder.value(len)?.into_owned();
        decoder.finish()?;
        Ok(Self { shape, value })
    }
}

/// A value and its shape, taken apart.
struct Row<'b> {
    shape: Shape,
    data: &'b [u8],
    len: u32,
}

impl<'b> Row<'b> {
    fn of(bytes: &'b [u8]) -> Result<Self, PayloadError> {
        let mut input = Input::new("a serde value", bytes);
        let len = input.count(1)?;
        let shape = Shape::decode(input.take(len)?)?;
        let data = input.take_rest();
        let len = u32::try_from(data.len()).map_err(|_| FormatError::Limit {
            what: "bytes of a serde value",
            needs: data.len() as u64,
            allowed: u32::MAX.into(),
        })?;
        Ok(Self { shape, data, len })
    }
}

fn section<'r, R: ReadAt>(
    reader: &'r Reader<R>,
    id: SectionId,
    what: &'static str,
) -> Result<Cow<'r, [u8]>, PayloadError> {
    match reader.find(id, 0) {
        Ok(section) => Ok(reader.read(section)?),
        Err(FormatError::MissingSection { .. }) => {
            let found =
                reader.sections().iter().map(keepstone_format::Section::id).find(|id| !id.is_ancillary());
            Err(PayloadError::Missing { what, id, found })
        }
        Err(err) => Err(err.into()),
    }
}

/// Why a payload can't be written, or not be made again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The container can't be written or read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A serde value can't be encoded, or isn't what the type expects.
    #[error(transparent)]
    Value(Box<value::Error>),
    /// The payload is of another sort.
    #[error("there is no section {id} with {what}{}; load it as what it was saved as", but(*found))]
    Missing {
        /// What was asked for.
        what: &'static str,
        /// The section that would hold it.
        id: SectionId,
        /// The first section that is there.
        found: Option<SectionId>,
    },
    /// Something that this crate knows nothing of.
    #[error("{what}")]
    Other {
        /// What went wrong.
        what: String,
        /// What the caller should do.
        kind: Kind,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl PayloadError {
    /// What the caller should do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Format(err) => err.kind(),
            // The bytes are those that were written, or the container would have said so.
            Self::Value(err) => match err.kind() {
                Kind::Damaged => Kind::Misuse,
                kind => kind,
            },
            Self::Missing { .. } => Kind::Misuse,
            Self::Other { kind, .. } => *kind,
        }
    }
}

impl From<value::Error> for PayloadError {
    fn from(err: value::Error) -> Self {
        Self::Value(Box::new(err))
    }
}

fn but(found: Option<SectionId>) -> String {
    found.map(|id| format!(", but one {id}")).unwrap_or_default()
}
