#[cfg(all(feature = "zstd", not(target_arch = "wasm32")))]
mod built {
    use zstd::bulk::{Compressor, Decompressor};
    use zstd::zstd_safe::{CParameter, compress_bound, find_frame_compressed_size};

    use crate::Error;
    use crate::limits::CHUNK_LEN;
    use crate::wire::Input;

    /// A window that holds a whole chunk, so that every frame is a single segment; zstd makes it smaller
    /// for a smaller chunk.
    const WINDOW_LOG: u32 = CHUNK_LEN.ilog2();
    const _: () = assert!(CHUNK_LEN.is_power_of_two());

    /// One context, made when the first chunk is encoded, and its level.
    #[derive(Default)]
    pub(crate) struct Encoder(Option<(Compressor<'static>, u8)>);

    impl Encoder {
        /// Encodes to the start of `encoded` and returns how many bytes that took.
        pub(crate) fn encode(
            &mut self,
            chunk: &[u8],
            level: u8,
            encoded: &mut Vec<u8>,
        ) -> Result<Option<usize>, Error> {
            // With this much room only memory can be missing.
            super::super::make_room(encoded, compress_bound(chunk.len()))?;
            let no_memory = |_| Error::OutOfMemory { what: "zstd encoder", bytes: chunk.len() as u64 };
            let context = match &mut self.0 {
                Some((context, own_level)) if *own_level == level => context,
                slot => {
                    let mut context = Compressor::new(level.into()).map_err(no_memory)?;
                    context.set_parameter(CParameter::WindowLog(WINDOW_LOG)).map_err(no_memory)?;
                    &mut slot.insert((context, level)).0
                }
            };
            context.compress_to_buffer(chunk, encoded.as_mut_slice()).map(Some).map_err(no_memory)
        }
    }

    /// One context, made when the first chunk is decoded.
    #[derive(Default)]
    pub(crate) struct Decoder(Option<Decompressor<'static>>);

    impl Decoder {
        /// Answers whether the payload decodes to exactly as many bytes as there is room for.
        pub(crate) fn decode(&mut self, payload: &[u8], room: &mut [u8]) -> Result<bool, Error> {
            if !is_single_segment(payload, room.len() as u64)
                || find_frame_compressed_size(payload) != Ok(payload.len())
            {
                return Ok(false);
            }
            let context = match &mut self.0 {
                Some(context) => context,
                slot => {
                    let no_memory = |_| Error::OutOfMemory { what: "zstd decoder", bytes: 1 << 18 };
                    slot.insert(Decompressor::new().map_err(no_memory)?)
                }
            };
            Ok(context.decompress_to_buffer(payload, room).is_ok_and(|written| written == room.len()))
        }
    }

    /// Whether the frame header says: a single segment of `len` bytes, no dictionary. Then the window is
    /// the content, and nothing but the room for it is needed.
    fn is_single_segment(payload: &[u8], len: u64) -> bool {
        const MAGIC: u32 = 0xfd2f_b528;
        let mut input = Input::new("zstd frame", payload);
        let mut content_len = || {
            let (magic, descriptor) = (input.u32().ok()?, input.u8().ok()?);
            let (is_single, is_reserved, dictionary) =
                (descriptor & 0x20 != 0, descriptor & 0x08 != 0, descriptor & 0x03);
            if magic != MAGIC || !is_single || is_reserved || dictionary != 0 {
                return None;
            }
            match descriptor >> 6 {
                0 => input.u8().ok().map(u64::from),
                1 => input.u16().ok().map(|len| u64::from(len) + 256),
                2 => input.u32().ok().map(u64::from),
                _ => input.u64().ok(),
            }
        };
        content_len() == Some(len)
    }
}

#[cfg(not(all(feature = "zstd", not(target_arch = "wasm32"))))]
mod built {
    use crate::{Codec, Error};

    #[derive(Default)]
    pub(crate) struct Encoder;

    impl Encoder {
        #[expect(clippy::unused_self, reason = "as the codec that is built")]
        pub(crate) fn encode(&mut self, _: &[u8], _: u8, _: &mut Vec<u8>) -> Result<Option<usize>, Error> {
            Codec::Zstd.check_built().map(|()| None)
        }
    }

    #[derive(Default)]
    pub(crate) struct Decoder;

    impl Decoder {
        #[expect(clippy::unused_self, reason = "as the codec that is built")]
        pub(crate) fn decode(&mut self, _: &[u8], _: &mut [u8]) -> Result<bool, Error> {
            Codec::Zstd.check_built().map(|()| false)
        }
    }
}

pub(super) use built::{Decoder, Encoder};
