//! Builds logs as EdgeVec lays them out, independent of the reader.

/// One entry with a right checksum.
pub(super) fn entry(sequence: u64, entry_type: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = sequence.to_le_bytes().to_vec();
    out.extend([entry_type, 0, 0, 0]);
    out.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
    out.extend(payload);
    sealed(out)
}

/// Puts the right checksum behind an entry, whatever it holds.
pub(super) fn sealed(mut body: Vec<u8>) -> Vec<u8> {
    let crc = crc(&body);
    body.extend(crc.to_le_bytes());
    body
}

/// The payload of an insert of f32.
pub(super) fn insert(id: u64, numbers: &[f32]) -> Vec<u8> {
    let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
    id.to_le_bytes().into_iter().chain(numbers).collect()
}

/// A log of inserts of two numbers each, whose ids count from 1.
pub(super) fn log(count: u8) -> Vec<u8> {
    let numbers = |at: u8| insert(u64::from(at) + 1, &[f32::from(at), -f32::from(at)]);
    (0..count).flat_map(|at| entry(at.into(), 0, &numbers(at))).collect()
}

/// CRC-32/ISO-HDLC, one bit after the other.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ ((crc & 1) * 0xEDB8_8320);
        }
    }
    !crc
}

#[test]
fn checksums_are_of_the_published_kind() {
    assert_eq!(crc(b"123456789"), 0xCBF4_3926);
}
