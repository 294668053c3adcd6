//! Frames, FORMAT.md section 6.2.

use crc32fast::Hasher;

/// Length of a frame's head.
pub(super) const HEAD_LEN: usize = 16;
/// The most payload in a frame: what a reader holds of a log, beside a record asked for whole.
pub(super) const PAYLOAD_LEN_MAX: usize = 1 << 20;
/// The longest frame.
pub(super) const FRAME_LEN_MAX: usize = HEAD_LEN + PAYLOAD_LEN_MAX;
/// Length of a mark frame.
pub(super) const MARK_LEN: u64 = (HEAD_LEN + 24) as u64;

const LEN_AT: usize = 0;
const KIND_AT: usize = LEN_AT + 4;
const FLAGS_AT: usize = KIND_AT + 1;
const LSN_AT: usize = FLAGS_AT + 1;
const HEAD_CRC_AT: usize = LSN_AT + 2;
const BODY_CRC_AT: usize = HEAD_CRC_AT + 4;
const _: () = assert!(BODY_CRC_AT + 4 == HEAD_LEN && PAYLOAD_LEN_MAX.is_multiple_of(8));

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

/// What a frame's head says, once its CRC is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) flags: u8,
    pub(super) lsn_low: u16,
    pub(super) payload_len: usize,
    /// Where the CRC of the body begins, and where it ends.
    begin_crc: u32,
    body_crc: u32,
}

impl Head {
    /// Takes a head apart; none if it is not valid where `seed` is from.
    pub(super) fn decode(bytes: &[u8; HEAD_LEN], seed: u32) -> Option<Self> {
        let [l0, l1, l2, l3, kind, flags, n0, n1, h0, h1, h2, h3, b0, b1, b2, b3] = *bytes;
        let (kind, flags_max) = match kind {
            1 => (Kind::Record, FIRST | LAST | BATCH),
            2 => (Kind::Mark, 0),
            3 => (Kind::Truncation, 0),
            _ => return None,
        };
        let payload_len = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).ok()?;
        if flags & !flags_max != 0 || payload_len > PAYLOAD_LEN_MAX {
            return None;
        }
        let (first, last) = (flags & FIRST != 0, flags & LAST != 0);
        // Records are cut as late as they can be.
        if kind == Kind::Record && (!last && payload_len < PAYLOAD_LEN_MAX || !first && payload_len == 0) {
            return None;
        }
        let head_crc = u32::from_le_bytes([h0, h1, h2, h3]);
        if crc([l0, l1, l2, l3, *bytes.get(KIND_AT)?, flags, n0, n1], seed) != head_crc {
            return None;
        }
        let body_crc = u32::from_le_bytes([b0, b1, b2, b3]);
        let lsn_low = u16::from_le_bytes([n0, n1]);
        Some(Self { kind, flags, lsn_low, payload_len, begin_crc: head_crc, body_crc })
    }

    /// Length of payload and padding.
    pub(super) fn body_len(&self) -> usize {
        self.payload_len.next_multiple_of(8)
    }

    /// Whether `body` is the payload and padding that belong to this head.
    pub(super) fn holds(&self, body: &[u8]) -> bool {
        let padding = body.get(self.payload_len..).unwrap_or_default();
        continued(self.begin_crc, body) == self.body_crc && padding.iter().all(|&byte| byte == 0)
    }
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
        Self { epoch_crc: continued(crc32fast::hash(log_id), &epoch.to_le_bytes()) }
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
    let head_crc = crc(fields, seed);
    let [pad @ .., _] = [0; 8];
    let pad = pad.get(..payload.len().next_multiple_of(8) - payload.len()).unwrap_or_default();
    let mut body = Hasher::new_with_initial(head_crc);
    body.update(payload);
    if !pad.is_empty() {
        body.update(pad);
    }
    let body_crc = body.finalize();
    let [f0, f1, f2, f3, f4, f5, f6, f7] = fields;
    let [h0, h1, h2, h3] = head_crc.to_le_bytes();
    let [b0, b1, b2, b3] = body_crc.to_le_bytes();
    to.reserve(HEAD_LEN + payload.len() + pad.len());
    to.extend_from_slice(&[f0, f1, f2, f3, f4, f5, f6, f7, h0, h1, h2, h3, b0, b1, b2, b3]);
    to.extend_from_slice(payload);
    to.extend_from_slice(pad);
}

/// CRC-32 of a head's fields, begun from `seed`.
fn crc(fields: [u8; HEAD_CRC_AT], seed: u32) -> u32 {
    continued(seed, &fields)
}

fn continued(crc: u32, bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(crc);
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, flags: u8, lsn: u64, payload: &[u8]) {
        let seeds = Seeds::of(&[3; 16], 7);
        let mut bytes = Vec::new();
        encode(&mut bytes, seeds.at(4096), kind, flags, lsn, payload);
        assert_eq!(bytes.len() as u64, frame_len(payload.len()));
        let (head, body) = bytes.split_first_chunk().unwrap();
        let decoded = Head::decode(head, seeds.at(4096)).unwrap();
        assert_eq!((decoded.kind, decoded.flags, decoded.payload_len), (kind, flags, payload.len()));
        assert_eq!(u64::from(decoded.lsn_low), lsn & 0xffff);
        assert!(decoded.holds(body) && body.starts_with(payload));
        // In another place or segment it is no frame.
        assert_eq!(Head::decode(head, seeds.at(4104)), None);
        assert_eq!(Head::decode(head, Seeds::of(&[3; 16], 8).at(4096)), None);
        assert_eq!(Head::decode(head, Seeds::of(&[4; 16], 7).at(4096)), None);
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
        let seed = Seeds::of(&[3; 16], 1).at(4096);
        let mut bytes = Vec::new();
        encode(&mut bytes, seed, Kind::Record, FIRST | LAST, 5, b"eleven byte");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let (head, body) = flipped.split_first_chunk().unwrap();
            let valid = Head::decode(head, seed)
                .is_some_and(|head| head.body_len() == body.len() && head.holds(body));
            assert!(!valid, "bit {bit}");
        }
    }

    #[test]
    fn zeros_are_no_frame_wherever_they_stand() {
        for offset in (4096..1 << 20).step_by(8) {
            assert_eq!(Head::decode(&[0; HEAD_LEN], Seeds::of(&[3; 16], 1).at(offset)), None);
        }
    }
}
