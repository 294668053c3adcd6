use std::{borrow::Cow, fmt, io::Write, ops::Deref};

use keepstone_format::{
    Error as FormatError, Kind, Metadata, ReadAt, Reader, SectionId, Writer,
    wire::{Input, put_varint},
};
use keepstone_value::{self as value, Decoder, Options, Shape, Value};
use serde::{Serialize, de::DeserializeOwned};

use crate::shapes::Shapes;

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

    /// The same with what earlier payloads of the type have taught, where there is something to learn.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    fn prepare_with<'p>(&'p self, shapes: &'p Shapes) -> Result<Prepared<'p>, PayloadError> {
        let _ = shapes;
        self.prepare()
    }
}

/// Something that can be made again from what its [`Payload`] wrote.
pub trait FromPayload: Sized {
    /// Reads the sections of a container.
    ///
    /// # Errors
    /// [`PayloadError::Format`] where bytes are damaged, [`PayloadError::Missing`] where the payload is of another sort.
    fn from_payload<R: ReadAt>(reader: &Reader<R>) -> Result<Self, PayloadError>;

    /// The same with what was learnt from earlier payloads, where that is of use.
    ///
    /// # Errors
    /// As [`from_payload`](Self::from_payload).
    fn from_payload_with<R: ReadAt>(reader: &Reader<R>, shapes: &Shapes) -> Result<Self, PayloadError> {
        let _ = shapes;
        Self::from_payload(reader)
    }

    /// Makes it of the bytes of one section, where that is all that its [`Payload`] writes: those of [`Prepared::as_section`]. None for any other sort.
    fn from_section(id: SectionId, bytes: &[u8]) -> Option<Result<Self, PayloadError>> {
        let _ = (id, bytes);
        None
    }
}

/// A payload that is ready to be written, once.
pub struct Prepared<'p> {
    /// What it knows of the head of its container: tick, state hash.
    pub head: Metadata,
    /// Bytes before any codec, as far as they are known.
    pub len: u64,
    content: Content<'p>,
}

/// What is written of a payload.
enum Content<'p> {
    /// One section whose bytes are there already.
    Section(SectionId, Box<dyn Deref<Target = [u8]> + Send + 'p>),
    /// Whatever this writes.
    Sections(Box<WriteSections<'p>>),
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
        Self { head: Metadata::new(), len, content: Content::Sections(Box::new(write)) }
    }

    /// Bytes that are kept as they are, as [`Bytes`] are.
    pub fn bytes(bytes: &'p [u8]) -> Self {
        Self::section(SectionId::BYTES, bytes)
    }

    /// The bytes of a serde value behind its shape, as [`as_section`](Self::as_section) has given them.
    pub fn value(bytes: &'p [u8]) -> Self {
        Self::section(SectionId::VALUE, bytes)
    }

    /// One value behind its shape.
    fn row(shape: &Shape, data: &[u8]) -> Self {
        let shape = shape.encode();
        let mut bytes = Vec::with_capacity(shape.len() + 5 + data.len());
        put_varint(&mut bytes, shape.len() as u64);
        bytes.extend_from_slice(&shape);
        bytes.extend_from_slice(data);
        Self::section(SectionId::VALUE, bytes)
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
        match self.content {
            Content::Sections(write) => write(writer),
            Content::Section(id, bytes) => {
                writer.coded_from(id, 0, &[&bytes])?;
                Ok(Metadata::new())
            }
        }
    }

    /// The bytes of the payload, if it is one section whose bytes are there already: those of [`Bytes`] and of serde values.
    pub fn as_section(&self) -> Option<(SectionId, &[u8])> {
        match &self.content {
            Content::Section(id, bytes) => Some((*id, bytes)),
            Content::Sections(_) => None,
        }
    }

    /// One section whose bytes are there already.
    fn section(id: SectionId, bytes: impl Deref<Target = [u8]> + Send + 'p) -> Self {
        let len = bytes.len() as u64;
        Self { head: Metadata::new(), len, content: Content::Section(id, Box::new(bytes)) }
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

    fn from_section(id: SectionId, bytes: &[u8]) -> Option<Result<Self, PayloadError>> {
        (id == SectionId::BYTES).then(|| Ok(Self(Cow::Owned(bytes.to_owned()))))
    }
}

impl<T: Serialize + ?Sized> Payload for T {
    fn prepare(&self) -> Result<Prepared<'_>, PayloadError> {
        let rows = value::encode(std::iter::once(&self), None, &Options::default())?;
        Ok(Prepared::row(&rows.shape, &rows.data))
    }

    fn prepare_with<'p>(&'p self, shapes: &'p Shapes) -> Result<Prepared<'p>, PayloadError> {
        let Some(encoded) = shapes.encode(self)? else { return self.prepare() };
        Ok(Prepared::section(SectionId::VALUE, encoded))
    }
}

impl<T: DeserializeOwned> FromPayload for T {
    fn from_payload<R: ReadAt>(reader: &Reader<R>) -> Result<Self, PayloadError> {
        let bytes = section(reader, SectionId::VALUE, "a serde value")?;
        let row = Row::of(&bytes)?;
        row.value(&Shape::decode(row.shape)?)
    }

    fn from_payload_with<R: ReadAt>(reader: &Reader<R>, shapes: &Shapes) -> Result<Self, PayloadError> {
        let bytes = section(reader, SectionId::VALUE, "a serde value")?;
        let row = Row::of(&bytes)?;
        row.value(&*shapes.decode(row.shape)?)
    }

    fn from_section(id: SectionId, bytes: &[u8]) -> Option<Result<Self, PayloadError>> {
        let read = || {
            let row = Row::of(bytes)?;
            row.value(&Shape::decode(row.shape)?)
        };
        (id == SectionId::VALUE).then(read)
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
        Ok(Prepared::row(&rows.shape, &rows.data))
    }
}

impl FromPayload for Dynamic {
    fn from_payload<R: ReadAt>(reader: &Reader<R>) -> Result<Self, PayloadError> {
        let bytes = section(reader, SectionId::VALUE, "a serde value")?;
        let Row { shape, data, len } = Row::of(&bytes)?;
        let (shape, options) = (Shape::decode(shape)?, Options::default());
        let mut decoder = Decoder::new(&shape, data, &[], None, &options);
        let value = decoder.value(len)?.into_owned();
        decoder.finish()?;
        Ok(Self { shape, value })
    }
}

/// A value and its shape, taken apart.
struct Row<'b> {
    shape: &'b [u8],
    data: &'b [u8],
    len: u32,
}

impl<'b> Row<'b> {
    fn of(bytes: &'b [u8]) -> Result<Self, PayloadError> {
        let mut input = Input::new("a serde value", bytes);
        let len = input.count(1)?;
        let shape = input.take(len)?;
        let data = input.take_rest();
        let len = u32::try_from(data.len()).map_err(|_| FormatError::Limit {
            what: "bytes of a serde value",
            needs: data.len() as u64,
            allowed: u32::MAX.into(),
        })?;
        Ok(Self { shape, data, len })
    }

    /// The value, by a shape that was decoded.
    fn value<T: DeserializeOwned>(&self, shape: &Shape) -> Result<T, PayloadError> {
        let options = Options::default();
        let mut decoder = Decoder::new(shape, self.data, &[], None, &options);
        let value = decoder.row(self.len)?;
        decoder.finish()?;
        Ok(value)
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
