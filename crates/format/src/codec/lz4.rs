#[cfg(feature = "lz4")]
mod built {
    use lz4_flex::block::{
        CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size,
    };

    use crate::Error;

    /// Made when the first chunk is encoded. The table is always the large one: which one is used changes
    /// the bytes, so it must not depend on the chunks before.
    #[derive(Default)]
    pub(crate) struct State(Option<CompressTable>);

    /// Encodes to the start of `encoded` and returns how many bytes that took.
    pub(crate) fn encode(
        chunk: &[u8],
        encoded: &mut Vec<u8>,
        state: &mut State,
    ) -> Result<Option<usize>, Error> {
        super::super::make_room(encoded, get_maximum_output_size(chunk.len()))?;
        let table = state.0.get_or_insert_with(CompressTable::large);
        Ok(compress_into_with_table(chunk, encoded, table).ok())
    }

    /// Answers whether the payload decodes to exactly as many bytes as there is room for.
    pub(crate) fn decode(payload: &[u8], room: &mut [u8]) -> bool {
        decompress_into(payload, room).is_ok_and(|written| written == room.len())
    }
}

#[cfg(not(feature = "lz4"))]
mod built {
    use crate::{Codec, Error};

    #[derive(Default)]
    pub(crate) struct State;

    pub(crate) fn encode(_: &[u8], _: &mut Vec<u8>, _: &mut State) -> Result<Option<usize>, Error> {
        Codec::Lz4.check_built().map(|()| None)
    }

    pub(crate) fn decode(_: &[u8], _: &mut [u8]) -> bool {
        false
    }
}

pub(super) use built::{State, decode, encode};
