#[cfg(all(feature = "zstd", not(target_arch = "wasm32")))]
mod built {
    use keepstone_format::Error;
    use zstd::{
        bulk::{Compressor, Decompressor},
        zstd_safe::{compress_bound, find_frame_compressed_size},
    };

    /// What zstd itself takes when it isn't asked.
    const LEVEL: i32 = 3;

    fn no_memory() -> Error {
        Error::OutOfMemory { what: "zstd context", bytes: 1 << 20 }
    }

    pub(crate) struct Encoder(Compressor<'static>);

    impl Encoder {
        pub(crate) fn new() -> Result<Self, Error> {
            Compressor::new(LEVEL).map(Self).map_err(|_| no_memory())
        }

        pub(crate) fn encode(&mut self, piece: &[u8], room: &mut Vec<u8>) -> Result<Option<usize>, Error> {
            super::super::make_room(room, compress_bound(piece.len()))?;
            // With this much room only memory can be missing.
            self.0.compress_to_buffer(piece, room.as_mut_slice()).map(Some).map_err(|_| no_memory())
        }
    }

    pub(crate) struct Decoder(Decompressor<'static>);

    impl Decoder {
        pub(crate) fn new() -> Result<Self, Error> {
            Decompressor::new().map(Self).map_err(|_| no_memory())
        }

        /// It decodes in one go to the room that there is, so a frame's window costs no memory.
        pub(crate) fn decode(&mut self, stored: &[u8], room: &mut [u8]) -> bool {
            if find_frame_compressed_size(stored) != Ok(stored.len()) {
                return false;
            }
            self.0.decompress_to_buffer(stored, room).is_ok_and(|written| written == room.len())
        }
    }
}

#[cfg(not(all(feature = "zstd", not(target_arch = "wasm32"))))]
mod built {
    use keepstone_format::{Codec, Error};

    pub(crate) enum Encoder {}

    impl Encoder {
        pub(crate) fn new() -> Result<Self, Error> {
            Err(super::super::not_built(Codec::Zstd))
        }

        pub(crate) fn encode(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<Option<usize>, Error> {
            match *self {}
        }
    }

    pub(crate) enum Decoder {}

    impl Decoder {
        pub(crate) fn new() -> Result<Self, Error> {
            Err(super::super::not_built(Codec::Zstd))
        }

        pub(crate) fn decode(&mut self, _: &[u8], _: &mut [u8]) -> bool {
            match *self {}
        }
    }
}

pub(super) use built::{Decoder, Encoder};
