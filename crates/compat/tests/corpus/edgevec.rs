//! What holds for any bytes that are read as a log of EdgeVec.

use keepstone_compat::edgevec::{Vector, Wal, begins_with_entry, verify};
use keepstone_format::{Limits, crc32};

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.decoded_max = 1 << 20;
    limits
}

/// Every byte is of one entry, of a damaged place or of the torn tail; the entries alone are a good log.
pub(crate) fn check(bytes: &[u8]) {
    let limits = limits();
    let Ok(wal) = Wal::read(bytes, &limits) else {
        assert!(verify(bytes, &limits).is_err());
        return;
    };
    assert_eq!(verify(bytes, &limits).is_ok(), wal.damage_count == 0);
    assert_eq!(begins_with_entry(bytes), wal.entries().next().is_some_and(|first| first.offset == 0));
    let (mut kept, mut behind) = (Vec::new(), 0);
    let mut gaps = Vec::new();
    for entry in wal.entries() {
        let len = 20 + entry.payload.len();
        let at = usize::try_from(entry.offset).unwrap();
        if at > behind {
            gaps.push((behind as u64, entry.offset));
        }
        kept.extend_from_slice(&bytes[at..at + len]);
        behind = at + len;
        if let Some(insert) = entry.insert() {
            let vector_len = match insert.vector {
                Vector::F32(numbers) => numbers.len() * 4,
                Vector::U8(bytes) | Vector::Bits(bytes) => bytes.len(),
                other => panic!("{other:?}"),
            };
            assert_eq!(vector_len + 8, entry.payload.len());
        }
    }
    let damaged: Vec<_> = wal.damage.iter().map(|damage| (damage.offset, damage.resumed)).collect();
    let shown = gaps.len().min(damaged.len());
    assert_eq!(gaps[..shown], damaged[..shown]);
    let again = Wal::read(&kept, &limits).unwrap();
    assert_eq!((again.entry_count(), again.damage_count), (wal.entry_count(), 0));
}

/// Makes the checksums of the entries right, as far as their lengths lead through the bytes.
pub(crate) fn reseal(bytes: &mut [u8]) {
    let mut rest = bytes;
    while let Some((header, _)) = rest.split_first_chunk::<16>() {
        let len = u32::from_le_bytes([header[12], header[13], header[14], header[15]]) as usize;
        let Some((entry, behind)) = rest.split_at_mut_checked(len.saturating_add(20)) else { return };
        let (body, crc) = entry.split_at_mut(len + 16);
        crc.copy_from_slice(&crc32(body).to_le_bytes());
        rest = behind;
    }
}
