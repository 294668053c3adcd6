use crate::Error;

/// How the payload of a chunk is stored.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Codec {
    /// As it is.
    None,
    /// LZ4 blocks. The default, whether this build has it or not: what a program writes doesn't depend on
    /// which features happen to be on.
    #[default]
    Lz4,
}

impl Codec {
    /// Returns the number in a file.
    pub fn id(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Lz4 => 1,
        }
    }

    /// Returns the codec of a number, if this build knows it.
    pub fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Lz4),
            _ => None,
        }
    }

    /// Returns the name.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
        }
    }

    /// Returns whether this build can encode and decode with it.
    pub fn is_built(self) -> bool {
        match self {
            Self::None => true,
            Self::Lz4 => cfg!(feature = "lz4"),
        }
    }

    /// Answers [`Error::CodecNotBuilt`] when this build can't encode and decode with it.
    pub(crate) fn check_built(self) -> Result<(), Error> {
        if self.is_built() {
            return Ok(());
        }
        Err(Error::CodecNotBuilt { codec: self.name(), feature: self.name() })
    }
}

/// Encodes chunks, reusing its memory.
#[derive(Default)]
pub(crate) struct Encoder {
    encoded: Vec<u8>,
    lz4: lz4::State,
}

impl Encoder {
    /// Encodes a chunk; `None` when that doesn't make it smaller.
    pub(crate) fn encode(&mut self, codec: Codec, chunk: &[u8]) -> Result<Option<&[u8]>, Error> {
        let len = match codec {
            Codec::None => return Ok(None),
            Codec::Lz4 => lz4::encode(chunk, &mut self.encoded, &mut self.lz4)?,
        };
        Ok(len.filter(|&len| len < chunk.len()).and_then(|len| self.encoded.get(..len)))
    }
}

/// Appends what the payload of the chunk at `offset` decodes to: exactly `decoded_len` bytes, which the
/// caller has checked against the limits.
pub(crate) fn decode(
    id: u8,
    payload: &[u8],
    decoded_len: u32,
    offset: u64,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let Some(codec) = Codec::from_id(id) else {
        return Err(Error::UnknownCodec { id, offset });
    };
    let start = out.len();
    let is_whole = match codec {
        Codec::None => {
            out.extend_from_slice(payload);
            true
        }
        Codec::Lz4 => lz4::decode(payload, decoded_len, out)?,
    };
    if is_whole && (out.len() - start) as u64 == u64::from(decoded_len) {
        return Ok(());
    }
    out.truncate(start);
    Err(Error::Codec { codec: codec.name(), offset, decoded_len: decoded_len.into() })
}

#[cfg(feature = "lz4")]
mod lz4 {
    use lz4_flex::block::{
        CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size,
    };

    use crate::Error;

    /// Made when the first chunk is encoded. The table is always the large one: which one is used changes
    /// the bytes, so it must not depend on the chunks before.
    #[derive(Default)]
    pub(super) struct State(Option<CompressTable>);

    /// Encodes to the start of `encoded` and returns how many bytes that took.
    pub(super) fn encode(
        chunk: &[u8],
        encoded: &mut Vec<u8>,
        state: &mut State,
    ) -> Result<Option<usize>, Error> {
        let room = get_maximum_output_size(chunk.len());
        if let Some(more) = room.checked_sub(encoded.len()) {
            let no_memory = |_| Error::OutOfMemory { what: "encoded chunk", bytes: room as u64 };
            encoded.try_reserve(more).map_err(no_memory)?;
            encoded.resize(room, 0);
        }
        let table = state.0.get_or_insert_with(CompressTable::large);
        Ok(compress_into_with_table(chunk, encoded, table).ok())
    }

    /// Appends what the payload decodes to and answers whether that was `decoded_len` bytes.
    pub(super) fn decode(payload: &[u8], decoded_len: u32, out: &mut Vec<u8>) -> Result<bool, Error> {
        let (start, len) = (out.len(), usize::try_from(decoded_len).unwrap_or(usize::MAX));
        let no_memory = |_| Error::OutOfMemory { what: "decoded chunk", bytes: decoded_len.into() };
        out.try_reserve(len).map_err(no_memory)?;
        out.resize(start + len, 0);
        let room = out.get_mut(start..).unwrap_or_default();
        Ok(decompress_into(payload, room).is_ok_and(|written| written == len))
    }
}

#[cfg(not(feature = "lz4"))]
mod lz4 {
    use crate::{Codec, Error};

    #[derive(Default)]
    pub(super) struct State;

    pub(super) fn encode(_: &[u8], _: &mut Vec<u8>, _: &mut State) -> Result<Option<usize>, Error> {
        Codec::Lz4.check_built().map(|()| None)
    }

    pub(super) fn decode(_: &[u8], _: u32, _: &mut Vec<u8>) -> Result<bool, Error> {
        Codec::Lz4.check_built().map(|()| false)
    }
}
