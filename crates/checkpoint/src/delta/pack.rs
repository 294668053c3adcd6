//! Steps and literals through a codec.

use keepstone_format::Codec;

use crate::delta::Error;

pub(super) fn check_built(codec: Codec) -> Result<(), Error> {
    let has_zstd = cfg!(all(feature = "zstd", not(target_arch = "wasm32")));
    let is_built = codec == Codec::None
        || codec == Codec::Lz4 && cfg!(feature = "lz4")
        || codec == Codec::Zstd && has_zstd;
    if is_built { Ok(()) } else { Err(Error::CodecNotBuilt { codec: codec.name() }) }
}

/// Returns the bytes packed, if they take less than `len_max` then.
pub(super) fn pack(codec: Codec, bytes: &[u8], len_max: usize) -> Option<Vec<u8>> {
    built::pack(codec, bytes).filter(|packed| packed.len() < len_max)
}

/// Returns the `len` bytes that were packed; the length has been checked.
pub(super) fn unpack(codec: Codec, packed: &[u8], len: usize) -> Result<Vec<u8>, Error> {
    check_built(codec)?;
    let mut room = room(len)?;
    if built::unpack(codec, packed, &mut room) == Some(len) {
        return Ok(room);
    }
    Err(Error::Codec { codec: codec.name(), decoded_len: len as u64 })
}

/// So many zero bytes.
pub(super) fn room(len: usize) -> Result<Vec<u8>, Error> {
    let mut room = Vec::new();
    room.try_reserve_exact(len).map_err(|_| Error::OutOfMemory { bytes: len as u64 })?;
    room.resize(len, 0);
    Ok(room)
}

#[cfg(any(feature = "lz4", all(feature = "zstd", not(target_arch = "wasm32"))))]
mod built {
    use keepstone_format::Codec;

    pub(super) fn pack(codec: Codec, bytes: &[u8]) -> Option<Vec<u8>> {
        match codec {
            #[cfg(feature = "lz4")]
            Codec::Lz4 => Some(lz4_flex::block::compress(bytes)),
            #[cfg(all(feature = "zstd", not(target_arch = "wasm32")))]
            Codec::Zstd => zstd::bulk::compress(bytes, zstd::DEFAULT_COMPRESSION_LEVEL).ok(),
            _ => None,
        }
    }

    /// Returns how many bytes came out.
    pub(super) fn unpack(codec: Codec, packed: &[u8], room: &mut [u8]) -> Option<usize> {
        match codec {
            #[cfg(feature = "lz4")]
            Codec::Lz4 => lz4_flex::block::decompress_into(packed, room).ok(),
            // zstd itself would go on behind the first frame.
            #[cfg(all(feature = "zstd", not(target_arch = "wasm32")))]
            Codec::Zstd if zstd::zstd_safe::find_frame_compressed_size(packed) == Ok(packed.len()) => {
                zstd::bulk::decompress_to_buffer(packed, room).ok()
            }
            _ => None,
        }
    }
}

#[cfg(not(any(feature = "lz4", all(feature = "zstd", not(target_arch = "wasm32")))))]
mod built {
    use keepstone_format::Codec;

    pub(super) fn pack(_: Codec, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    pub(super) fn unpack(_: Codec, _: &[u8], _: &mut [u8]) -> Option<usize> {
        None
    }
}
