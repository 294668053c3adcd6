//! Frames, FORMAT.md section 6.2.

use crc32fast::Hasher;

use super::planted::{self, Plant};

/// Length of a frame's head.
pub(super) const HEAD_LEN: usize = 16;
/// The most payload in a frame: what a reader holds of a log, beside a record asked for whole.
pub(super) const PAYLOAD_LEN_MAX: usize = 1 << 20;
/// The longest frame.
pub(super) const FRAME_LEN_MAX: usize = HEAD_LEN + PAYLOAD_LEN_MAX;
/// Length of a mark frame.
pub(super) const MARK_LEN: u64 = (HEAD_LEN + 24) as u64;

const BODY_CRC_AT: usize = 0;
const HEAD_CRC_AT: usize = BODY_CRC_AT + 4;
const FIELDS_AT: usize = HEAD_CRC_AT + 4;
const _: () = assert!(FIELDS_AT == 8 && FIELDS_AT + 8 == HEAD_LEN && PAYLOAD_LEN_MAX.is_multiple_of(8));

/// The frame holds the first part of a record.
pub(super) const FIRST: u8 = 1;
/// The frame holds the last part of a record.
pub(super) const LAST: u8 = 1 << 1;
/// Another record of the same batch follows.
pub(super) const BATCH: u8 = 1 << 2;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Record = 1,
    Mark = 2,
    Truncation = 3,
}

/// What a frame's head says. Eight bytes, as they stand in the frame: this is passed on for every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head(u64);

impl Head {
    /// Takes a head apart; none if no frame has such fields. Nothing of it is checked against a CRC.
    #[inline]
    pub(super) fn decode(bytes: &[u8; HEAD_LEN]) -> Option<Self> {
        let [_, _, _, _, _, _, _, _, fields @ ..] = *bytes;
        let head = Self(u64::from_le_bytes(fields));
        let flags_max = match fields[4] {
            1 => FIRST | LAST | BATCH,
            2 | 3 => 0,
            _ => return None,
        };
        let len = head.payload_len();
        if head.flags() & !flags_max != 0 || len > PAYLOAD_LEN_MAX {
            return None;
        }
        // Records are cut as late as they can be.
        let record = flags_max != 0;
        let (first, last) = (head.flags() & FIRST != 0, head.flags() & LAST != 0);
        let cut_early = !last && len < PAYLOAD_LEN_MAX || !first && len == 0;
        (!record || !cut_early).then_some(head)
    }

    #[inline]
    pub(super) fn payload_len(self) -> usize {
        let [l0, l1, l2, l3, ..] = self.0.to_le_bytes();
        u32::from_le_bytes([l0, l1, l2, l3]) as usize
    }

    /// Length of payload and padding.
    #[inline]
    pub(super) fn body_len(self) -> usize {
        self.payload_len().next_multiple_of(8)
    }

    #[inline]
    pub(super) fn kind(self) -> Kind {
        match self.0.to_le_bytes() {
            [_, _, _, _, 1, ..] => Kind::Record,
            [_, _, _, _, 2, ..] => Kind::Mark,
            _ => Kind::Truncation,
        }
    }

    #[inline]
    pub(super) fn flags(self) -> u8 {
        let [_, _, _, _, _, flags, ..] = self.0.to_le_bytes();
        flags
    }

    #[inline]
    pub(super) fn lsn_low(self) -> u16 {
        let [.., n0, n1] = self.0.to_le_bytes();
        u16::from_le_bytes([n0, n1])
    }
}

/// Whether the CRC of a head is right where `seed` is from: the first thing a search looks at.
pub(super) fn head_is_sound(bytes: &[u8; HEAD_LEN], seed: u32) -> bool {
    let [_, _, _, _, h0, h1, h2, h3, fields @ ..] = *bytes;
    crc(seed, &fields) == u32::from_le_bytes([h0, h1, h2, h3])
}

/// Whether a whole frame, head to padding, is what was written where `seed` is from.
#[inline]
pub(super) fn is_sound(frame: &[u8], head: Head, seed: u32) -> bool {
    let Some((expected, covered)) = frame.split_first_chunk() else { return false };
    let padding = head.body_len() - head.payload_len();
    let last = frame.last_chunk().map_or(0, |last| u64::from_le_bytes(*last));
    let padded = padding == 0 || last >> (64 - 8 * padding) == 0;
    let sound = crc(seed, covered) == u32::from_le_bytes(*expected);
    (sound || planted::is(Plant::TrustedLength)) && padded
}

/// Length of the frame that holds `payload_len` bytes.
pub(super) fn frame_len(payload_len: usize) -> u64 {
    (HEAD_LEN + payload_len.next_multiple_of(8)) as u64
}

/// Length of the frames that hold a record of `len` bytes.
pub(super) fn record_len(len: usize) -> u64 {
    let whole = (len / PAYLOAD_LEN_MAX) as u64;
    let rest = len % PAYLOAD_LEN_MAX;
    let last = if rest > 0 || len == 0 { frame_len(rest) } else { 0 };
    whole * FRAME_LEN_MAX as u64 + last
}

/// Where checksums of a segment begin: the part of the seed that all its frames share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seeds {
    epoch_crc: u32,
}

impl Seeds {
    pub(super) fn of(log_id: &[u8; 16], epoch: u64) -> Self {
        let epoch = if planted::is(Plant::StaleTail) { 0 } else { epoch };
        Self { epoch_crc: crc(crc32fast::hash(log_id), &epoch.to_le_bytes()) }
    }

    /// The seed of the frame at `offset`.
    #[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
    pub(super) fn at(self, offset: u64) -> u32 {
        self.epoch_crc ^ (offset >> 3) as u32
    }
}

/// Appends a frame to `to`; `seed` is that of the offset at which it will stand.
pub(super) fn encode(to: &mut Vec<u8>, seed: u32, kind: Kind, flags: u8, lsn: u64, payload: &[u8]) {
    debug_assert!(payload.len() <= PAYLOAD_LEN_MAX, "cut before");
    let [l0, l1, l2, l3, ..] = (payload.len() as u64).to_le_bytes();
    let [n0, n1, ..] = lsn.to_le_bytes();
    let fields = [l0, l1, l2, l3, kind as u8, flags, n0, n1];
    let head_crc = crc(seed, &fields);
    let at = to.len();
    let len = HEAD_LEN + payload.len().next_multiple_of(8);
    to.reserve(len);
    to.extend_from_slice(&[0; HEAD_CRC_AT]);
    to.extend_from_slice(&head_crc.to_le_bytes());
    to.extend_from_slice(&fields);
    to.extend_from_slice(payload);
    to.resize(at + len, 0);
    let frame = to.get_mut(at..).unwrap_or_default();
    if let Some((body_crc, covered)) = frame.split_first_chunk_mut() {
        *body_crc = crc(seed, covered).to_le_bytes();
    }
}

/// CRC-32 begun from `seed`.
#[inline]
fn crc(seed: u32, bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(seed);
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(frame: &[u8], seed: u32) -> Option<Head> {
        let head = Head::decode(frame.first_chunk().unwrap())?;
        (frame.len() == HEAD_LEN + head.body_len() && is_sound(frame, head, seed)).then_some(head)
    }

    fn check(kind: Kind, flags: u8, lsn: u64, payload: &[u8]) {
        let seeds = Seeds::of(&[3; 16], 7);
        let mut bytes = Vec::new();
        encode(&mut bytes, seeds.at(8192), kind, flags, lsn, payload);
        assert_eq!(bytes.len() as u64, frame_len(payload.len()));
        let head = sound(&bytes, seeds.at(8192)).unwrap();
        assert_eq!((head.kind(), head.flags(), head.payload_len()), (kind, flags, payload.len()));
        assert_eq!(u64::from(head.lsn_low()), lsn & 0xffff);
        assert!(head_is_sound(bytes.first_chunk().unwrap(), seeds.at(8192)));
        assert!(bytes[HEAD_LEN..].starts_with(payload));
        // In another place, segment or log it is no frame.
        for seed in [seeds.at(8200), Seeds::of(&[3; 16], 8).at(8192), Seeds::of(&[4; 16], 7).at(8192)] {
            assert_eq!(sound(&bytes, seed), None);
            assert!(!head_is_sound(bytes.first_chunk().unwrap(), seed));
        }
    }

    #[test]
    fn a_frame_holds_what_was_put_in_and_only_in_its_place() {
        for len in [0, 1, 7, 8, 9, 1000] {
            let payload: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
            check(Kind::Record, FIRST | LAST, 0x1_2345, &payload);
        }
        check(Kind::Mark, 0, 1, &[1; 24]);
        check(Kind::Truncation, 0, 2, &[1; 8]);
    }

    #[test]
    fn any_flipped_bit_makes_a_frame_invalid() {
        let seed = Seeds::of(&[3; 16], 1).at(8192);
        let mut bytes = Vec::new();
        encode(&mut bytes, seed, Kind::Record, FIRST | LAST, 5, b"eleven byte");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(sound(&flipped, seed), None, "bit {bit}");
        }
    }

    #[test]
    fn any_two_flipped_bits_make_a_frame_invalid() {
        // Once the CRC of the body was begun from the seed and the head's CRC mixed: a bit of the one cancelled a
        // bit of the length, and a record was served longer than it was.
        let seed = Seeds::of(&[3; 16], 1).at(8192);
        let mut bytes = Vec::new();
        encode(&mut bytes, seed, Kind::Record, FIRST | LAST, 5, b"hello");
        for (one, other) in (0..bytes.len() * 8).flat_map(|one| (0..one).map(move |other| (one, other))) {
            let mut flipped = bytes.clone();
            flipped[one / 8] ^= 1 << (one % 8);
            flipped[other / 8] ^= 1 << (other % 8);
            assert_eq!(sound(&flipped, seed), None, "bits {one} and {other}");
        }
    }

    #[test]
    fn zeros_are_no_frame_wherever_they_stand() {
        assert_eq!(Head::decode(&[0; HEAD_LEN]), None);
    }
}
