//! What holds for any bytes that are read as records of entities.

use keepstone_ecs_persist::{EntityRecord, Error, PersistId, from_records, records};
use keepstone_format::crc32;

/// Cuts an input into records: two bytes of length before each; the last one takes what is left.
pub(crate) fn cut(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk::<2>() {
        let len = usize::from(u16::from_le_bytes(*len)).min(rest.len());
        let (piece, rest) = rest.split_at(len);
        pieces.push(piece.to_vec());
        bytes = rest;
    }
    pieces
}

/// Records are read or refused as they are, and with checksums that are right. What is accepted keeps the rules of a world, is written again and reads equal.
pub(crate) fn check(bytes: &[u8]) {
    let mut pieces = cut(bytes);
    read(&pieces);
    for piece in &mut pieces {
        if let Some((body, sum)) = piece.split_last_chunk_mut::<4>() {
            *sum = crc32(body).to_le_bytes();
        }
    }
    read(&pieces);
}

fn read(pieces: &[Vec<u8>]) {
    let id = |piece: &Vec<u8>| EntityRecord::decode(piece).map_or(PersistId(1), |record| record.id());
    let lent: Vec<(PersistId, &[u8])> = pieces.iter().map(|piece| (id(piece), piece.as_slice())).collect();
    let Ok(stored) = from_records(&lent) else { return };
    let mut found = 0;
    for one in &stored.docs {
        one.doc.check().unwrap();
        found += one.whole;
        assert_eq!(one.ids.len(), one.doc.entity_count() as usize);
        let made = match records(&one.doc, one.whole) {
            // Rows without references are not read until somebody wants them.
            Err(Error::Value { .. }) => continue,
            made => made.unwrap(),
        };
        let lent: Vec<(PersistId, &[u8])> = made.iter().map(|(id, bytes)| (*id, bytes.as_slice())).collect();
        let again = from_records(&lent).unwrap();
        assert_eq!(again.docs.as_slice(), std::slice::from_ref(one));
    }
    assert_eq!(found as usize, pieces.len());
    assert!(stored.pending.is_sorted());
}
