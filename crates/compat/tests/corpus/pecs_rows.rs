//! What holds for any bytes that are read as a file of PECS with the rows of a world.

use std::borrow::Cow;

use keepstone_compat::pecs::{PecsRows, crc64_we};
use keepstone_ecs_persist::{ColumnData, WorldDoc};
use keepstone_format::Limits;

/// A file that says what its rows are, which those without it have too.
const EXTENDED: &[u8] = include_bytes!("../golden/rows-pecs-v1-extended.pecs");

const ENTRY: &[u8] = b"keepstone.extended";

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 20;
    limits.rows_max = 1 << 16;
    limits
}

/// Reads the file by itself and with a schema. What is accepted keeps the rules of a world, and reads as it was once it is written.
pub(crate) fn check(bytes: &[u8]) {
    let schema = PecsRows::decode(EXTENDED, &limits(), None).map(|loaded| loaded.doc.schema()).unwrap();
    for schema in [None, Some(&schema)] {
        let loaded = match PecsRows::decode(bytes, &limits(), schema) {
            Ok(loaded) => loaded,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                continue;
            }
        };
        loaded.doc.check().unwrap();
        let doc = in_one_piece(loaded.doc);
        // What has no place in such a file is refused with an error of its own.
        let Ok(again) = PecsRows::new().extended().encode(&doc) else { continue };
        let again = PecsRows::decode(&again, &Limits::default(), None).unwrap();
        assert!(again.is_extended);
        assert!(in_one_piece(again.doc) == doc, "the world reads differently once written");
    }
}

/// Where the pieces of a plain column end is not part of what it says.
fn in_one_piece(mut doc: WorldDoc<'static>) -> WorldDoc<'static> {
    for column in &mut doc.columns {
        if let ColumnData::Plain(pieces) = &mut column.data {
            *pieces = vec![Cow::Owned(pieces.concat())];
        }
    }
    doc
}

/// Makes the checksum right, and the hash of the block where one is found behind it.
pub(crate) fn reseal(bytes: &mut [u8]) {
    let body = match block(bytes) {
        Some((entry, block)) => {
            let hash = blake3::hash(bytes.get(block..).unwrap_or_default());
            if let Some((id, hash)) =
                bytes.get_mut(entry..entry + 16).zip(hash.as_bytes().first_chunk::<16>())
            {
                id.copy_from_slice(hash);
            }
            block.checked_sub(8)
        }
        None => bytes.len().checked_sub(8),
    };
    let Some((body, rest)) = body.and_then(|at| bytes.split_at_mut_checked(at)) else { return };
    if let Some(crc) = rest.first_chunk_mut() {
        *crc = crc64_we(body).to_le_bytes();
    }
}

/// Where the id of the entry is, and where the block: it begins with its length, and is the last thing in the file.
fn block(bytes: &[u8]) -> Option<(usize, usize)> {
    let name = bytes.windows(ENTRY.len()).position(|window| window == ENTRY)?;
    let is_length = |at: &usize| {
        let left = bytes.len() - at - 8;
        bytes.get(*at..at + 8) == Some(&u64::try_from(left).unwrap_or(0).to_le_bytes()[..])
    };
    Some((name.checked_sub(20)?, (name..bytes.len().checked_sub(8)?).find(is_length)?))
}
