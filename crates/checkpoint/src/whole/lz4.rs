#[cfg(feature = "lz4")]
mod built {
    use keepstone_format::Error;
    use lz4_flex::block::{
        CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size,
    };

    /// Always the large table: which one is used changes the bytes.
    pub(crate) struct Encoder(CompressTable);

    impl Encoder {
        #[expect(clippy::unnecessary_wraps, reason = "as the one that is not built")]
        pub(crate) fn new() -> Result<Self, Error> {
            Ok(Self(CompressTable::large()))
        }

        pub(crate) fn encode(&mut self, piece: &[u8], room: &mut Vec<u8>) -> Result<Option<usize>, Error> {
            super::super::make_room(room, get_maximum_output_size(piece.len()))?;
            Ok(compress_into_with_table(piece, room, &mut self.0).ok())
        }
    }

    pub(crate) struct Decoder;

    impl Decoder {
        #[expect(clippy::unnecessary_wraps, reason = "as the one that is not built")]
        pub(crate) fn new() -> Result<Self, Error> {
            Ok(Self)
        }

        #[expect(clippy::unused_self, reason = "as zstd's")]
        pub(crate) fn decode(&self, stored: &[u8], room: &mut [u8]) -> bool {
            decompress_into(stored, room).is_ok_and(|written| written == room.len())
        }
    }
}

#[cfg(not(feature = "lz4"))]
mod built {
    use keepstone_format::{Codec, Error};

    pub(crate) enum Encoder {}

    impl Encoder {
        pub(crate) fn new() -> Result<Self, Error> {
            Err(super::super::not_built(Codec::Lz4))
        }

        pub(crate) fn encode(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<Option<usize>, Error> {
            match *self {}
        }
    }

    pub(crate) enum Decoder {}

    impl Decoder {
        pub(crate) fn new() -> Result<Self, Error> {
            Err(super::super::not_built(Codec::Lz4))
        }

        pub(crate) fn decode(&self, _: &[u8], _: &mut [u8]) -> bool {
            match *self {}
        }
    }
}

pub(super) use built::{Decoder, Encoder};
