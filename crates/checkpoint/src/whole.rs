//! States that are kept whole: in pieces, each compressed if that pays. FORMAT.md section 14.3.

mod lz4;
#[cfg(test)]
mod tests;
mod zstd;

use keepstone_format::{
    Codec, Error,
    wire::{Input, put_varint},
};

/// Bytes of a piece before compression; the last one may be shorter.
const PIECE_LEN: usize = 1 << 20;
/// What errors call the bytes.
const WHAT: &str = "state that is kept whole";
/// Up to so many times its stored bytes memory is taken for a state in one go: more is believed piece by piece.
const BELIEVED: usize = 16;

/// Encodes a state; [`Codec::None`] if no piece of it becomes smaller.
///
/// # Errors
/// [`Error::CodecNotBuilt`], [`Error::OutOfMemory`].
pub(crate) fn encode(state: &[u8], codec: Codec) -> Result<(Codec, Vec<u8>), Error> {
    if codec == Codec::None {
        return Ok((Codec::None, state.to_vec()));
    }
    let mut encoder = Encoder::new(codec)?;
    let (mut out, mut room, mut pays) = (Vec::new(), Vec::new(), false);
    for piece in state.chunks(PIECE_LEN) {
        let len = encoder.encode(piece, &mut room)?;
        let smaller = len.and_then(|len| room.get(..len)).filter(|bytes| bytes.len() < piece.len());
        pays |= smaller.is_some();
        let stored = smaller.unwrap_or(piece);
        put_varint(&mut out, stored.len() as u64);
        out.extend_from_slice(stored);
    }
    if pays && out.len() < state.len() { Ok((codec, out)) } else { Ok((Codec::None, state.to_vec())) }
}

/// Decodes what [`encode`] has made of a state of `len` bytes.
///
/// No more memory is taken than the pieces that are there decode to, and never more than `limit`.
///
/// # Errors
/// [`Error::Limit`] if `len` is above `limit`, [`Error::Truncated`], [`Error::Invalid`] or [`Error::Codec`] for bytes that make no such state, [`Error::CodecNotBuilt`],
/// [`Error::OutOfMemory`].
pub(crate) fn decode(codec: Codec, bytes: &[u8], len: u64, limit: u64) -> Result<Vec<u8>, Error> {
    let no_memory = || Error::OutOfMemory { what: WHAT, bytes: len };
    if len > limit {
        let what = "bytes of a state (raise the limit if the store is trusted)";
        return Err(Error::Limit { what, needs: len, allowed: limit });
    }
    let mut rest = usize::try_from(len).map_err(|_| no_memory())?;
    let mut out = Vec::new();
    if codec == Codec::None {
        let mut input = Input::new(WHAT, bytes);
        let state = input.take(rest)?;
        input.finish()?;
        out.try_reserve_exact(rest).map_err(|_| no_memory())?;
        out.extend_from_slice(state);
        return Ok(out);
    }
    let mut decoder = Decoder::new(codec)?;
    out.try_reserve_exact(rest.min(bytes.len().saturating_mul(BELIEVED))).map_err(|_| no_memory())?;
    let mut input = Input::new(WHAT, bytes);
    while rest > 0 {
        let piece_len = rest.min(PIECE_LEN);
        let before = input.clone();
        let stored_len = usize::try_from(input.varint_u32()?).unwrap_or(usize::MAX);
        if stored_len == 0 || stored_len > piece_len {
            return Err(before.invalid("a piece has no bytes, or more than it decodes to"));
        }
        let offset = input.offset();
        let stored = input.take(stored_len)?;
        out.try_reserve(piece_len).map_err(|_| no_memory())?;
        if stored_len == piece_len {
            out.extend_from_slice(stored);
        } else {
            let start = out.len();
            out.resize(start + piece_len, 0);
            let room = out.get_mut(start..).unwrap_or_default();
            if !decoder.decode(stored, room) {
                return Err(Error::Codec { codec: codec.name(), offset, decoded_len: piece_len as u64 });
            }
        }
        rest -= piece_len;
    }
    input.finish()?;
    Ok(out)
}

/// Encodes pieces to the beginning of a buffer, reusing its memory.
enum Encoder {
    Lz4(lz4::Encoder),
    Zstd(Box<zstd::Encoder>),
}

impl Encoder {
    fn new(codec: Codec) -> Result<Self, Error> {
        match codec {
            Codec::Lz4 => Ok(Self::Lz4(lz4::Encoder::new()?)),
            Codec::Zstd => Ok(Self::Zstd(Box::new(zstd::Encoder::new()?))),
            _ => Err(not_built(codec)),
        }
    }

    /// How many bytes it has made of the piece; none if they would not fit.
    fn encode(&mut self, piece: &[u8], room: &mut Vec<u8>) -> Result<Option<usize>, Error> {
        match self {
            Self::Lz4(encoder) => encoder.encode(piece, room),
            Self::Zstd(encoder) => encoder.encode(piece, room),
        }
    }
}

/// Decodes pieces to where there is room for exactly them.
enum Decoder {
    Lz4(lz4::Decoder),
    Zstd(Box<zstd::Decoder>),
}

impl Decoder {
    fn new(codec: Codec) -> Result<Self, Error> {
        match codec {
            Codec::Lz4 => Ok(Self::Lz4(lz4::Decoder::new()?)),
            Codec::Zstd => Ok(Self::Zstd(Box::new(zstd::Decoder::new()?))),
            _ => Err(not_built(codec)),
        }
    }

    /// Whether the bytes have filled the room.
    fn decode(&mut self, stored: &[u8], room: &mut [u8]) -> bool {
        match self {
            Self::Lz4(decoder) => decoder.decode(stored, room),
            Self::Zstd(decoder) => decoder.decode(stored, room),
        }
    }
}

fn not_built(codec: Codec) -> Error {
    Error::CodecNotBuilt { codec: codec.name(), feature: codec.name() }
}

/// Makes `room` at least `len` bytes long, whatever they are.
#[cfg(any(feature = "lz4", feature = "zstd"))]
fn make_room(room: &mut Vec<u8>, len: usize) -> Result<(), Error> {
    if let Some(more) = len.checked_sub(room.len()) {
        room.try_reserve(more)
            .map_err(|_| Error::OutOfMemory { what: "piece of a state", bytes: len as u64 })?;
        room.resize(len, 0);
    }
    Ok(())
}
