mod lz4;
mod zstd;

use std::sync::{Mutex, PoisonError};

use crate::chunk::ChunkEntry;
use crate::filter::Filter;
use crate::{Error, SectionOptions};

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
    /// zstd frames, at the level of [`SectionOptions::zstd_level`]. Not on wasm32.
    Zstd,
}

impl Codec {
    /// Returns the number in a file.
    pub fn id(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Lz4 => 1,
            Self::Zstd => 2,
        }
    }

    /// Returns the codec of a number, if this build knows it.
    pub fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Lz4),
            2 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Returns the name.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Returns whether this build can encode and decode with it.
    pub fn is_built(self) -> bool {
        match self {
            Self::None => true,
            Self::Lz4 => cfg!(feature = "lz4"),
            Self::Zstd => cfg!(all(feature = "zstd", not(target_arch = "wasm32"))),
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
    filtered: Vec<u8>,
    lz4: lz4::State,
    zstd: zstd::Encoder,
}

impl Encoder {
    /// Encodes a chunk to the start of `encoded`; the entry says how many bytes that took, and what their
    /// checksum is stays open. `None` when the chunk is best stored as it is.
    pub(crate) fn encode(
        &mut self,
        options: SectionOptions,
        chunk: &[u8],
        encoded: &mut Vec<u8>,
    ) -> Result<Option<ChunkEntry>, Error> {
        let bytes = match (options.filter, options.codec) {
            (Filter::None, _) => chunk,
            (Filter::Shuffle { width }, Codec::None) => {
                shuffle_into(width, chunk, encoded)?;
                return Ok(Some(entry(options, chunk.len(), chunk.len())));
            }
            (Filter::Shuffle { width }, _) => shuffle_into(width, chunk, &mut self.filtered)?,
        };
        let len = match options.codec {
            Codec::None => None,
            Codec::Lz4 => lz4::encode(bytes, encoded, &mut self.lz4)?,
            Codec::Zstd => self.zstd.encode(bytes, options.zstd_level, encoded)?,
        };
        Ok(len.filter(|&len| len < chunk.len()).map(|len| entry(options, len, chunk.len())))
    }
}

/// Shuffles a chunk to the start of `room`, and returns it from there.
fn shuffle_into<'r>(width: u8, chunk: &[u8], room: &'r mut Vec<u8>) -> Result<&'r [u8], Error> {
    make_room(room, chunk.len())?;
    let room = room.get_mut(..chunk.len()).unwrap_or_default();
    crate::filter::shuffle(width.into(), chunk, room);
    Ok(room)
}

fn entry(options: SectionOptions, stored_len: usize, decoded_len: usize) -> ChunkEntry {
    let len = |len| u32::try_from(len).expect("a chunk has at most CHUNK_LEN bytes");
    let entry = ChunkEntry::new(len(stored_len), len(decoded_len), 0, options.codec.id());
    ChunkEntry { filter: options.filter.id(), filter_parameter: options.filter.parameter(), ..entry }
}

/// Makes `buf` at least `len` bytes long, whatever they are.
fn make_room(buf: &mut Vec<u8>, len: usize) -> Result<(), Error> {
    if let Some(more) = len.checked_sub(buf.len()) {
        let no_memory = |_| Error::OutOfMemory { what: "chunk", bytes: len as u64 };
        buf.try_reserve(more).map_err(no_memory)?;
        buf.resize(len, 0);
    }
    Ok(())
}

/// Decodes chunks, reusing its memory.
#[derive(Default)]
pub(crate) struct Decoder {
    filtered: Vec<u8>,
    zstd: zstd::Decoder,
}

impl Decoder {
    /// Appends what the payload of the chunk at `offset` decodes to, which is at most 16 MiB. On an error
    /// `out` is as it was.
    pub(crate) fn append(
        &mut self,
        entry: &ChunkEntry,
        payload: &[u8],
        offset: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if entry.is_verbatim() {
            out.extend_from_slice(payload);
            return Ok(());
        }
        let (start, len) = (out.len(), entry.decoded_len());
        make_room(out, start + len)?;
        let room = out.get_mut(start..).unwrap_or_default();
        let result = self.decode(entry, payload, offset, room);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    /// Makes `out` what the payload of the chunk at `offset` decodes to.
    pub(crate) fn replace(
        &mut self,
        entry: &ChunkEntry,
        payload: &[u8],
        offset: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        out.truncate(entry.decoded_len());
        make_room(out, entry.decoded_len())?;
        self.decode(entry, payload, offset, out)
    }

    /// Fills `room`, which is as long as the chunk says.
    fn decode(
        &mut self,
        entry: &ChunkEntry,
        payload: &[u8],
        offset: u64,
        room: &mut [u8],
    ) -> Result<(), Error> {
        let Some(codec) = Codec::from_id(entry.codec) else {
            return Err(Error::UnknownCodec { id: entry.codec, offset });
        };
        let Some(filter) = Filter::from_parts(entry.filter, entry.filter_parameter) else {
            return Err(Error::UnknownFilter { id: entry.filter, offset });
        };
        codec.check_built()?;
        let Filter::Shuffle { width } = filter else {
            return decode_codec(&mut self.zstd, codec, payload, offset, room);
        };
        if codec == Codec::None {
            crate::filter::unshuffle(width.into(), payload, room);
            return Ok(());
        }
        make_room(&mut self.filtered, room.len())?;
        let filtered = self.filtered.get_mut(..room.len()).unwrap_or_default();
        decode_codec(&mut self.zstd, codec, payload, offset, filtered)?;
        crate::filter::unshuffle(width.into(), filtered, room);
        Ok(())
    }
}

fn decode_codec(
    zstd: &mut zstd::Decoder,
    codec: Codec,
    payload: &[u8],
    offset: u64,
    room: &mut [u8],
) -> Result<(), Error> {
    let is_whole = match codec {
        Codec::None => {
            let is_whole = payload.len() == room.len();
            if is_whole {
                room.copy_from_slice(payload);
            }
            is_whole
        }
        Codec::Lz4 => lz4::decode(payload, room),
        Codec::Zstd => zstd.decode(payload, room)?,
    };
    if is_whole {
        return Ok(());
    }
    Err(Error::Codec { codec: codec.name(), offset, decoded_len: room.len() as u64 })
}

/// Decoders that nobody uses at the moment: as many as there were readers at one time.
#[derive(Default)]
pub(crate) struct Decoders(Mutex<Vec<Decoder>>);

impl Decoders {
    /// Calls `use_it` with a decoder that is nobody else's.
    pub(crate) fn with<T>(&self, use_it: impl FnOnce(&mut Decoder) -> T) -> T {
        // A decoder is put back only after it was used to the end, so a panic leaves nothing behind.
        let idle = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut decoder = taken.unwrap_or_default();
        let answer = use_it(&mut decoder);
        idle().push(decoder);
        answer
    }
}

impl std::fmt::Debug for Decoders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoders").finish_non_exhaustive()
    }
}
