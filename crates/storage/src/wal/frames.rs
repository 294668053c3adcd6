//! Encoded frames that follow one another.

use super::{
    frame::{self, BATCH, FIRST, Kind, LAST, MARK_LEN, PAYLOAD_LEN_MAX, Seeds},
    header::{FRAMES_AT, Header},
};

/// Frames that are not yet written, and where in their segment the next one will stand.
#[derive(Debug)]
pub(super) struct Frames {
    seeds: Seeds,
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
    /// Whether the last frame is a mark that says all before it is durable.
    pub(super) closed: bool,
}

impl Frames {
    /// Begins a segment: its header is the first of the bytes.
    pub(super) fn begin(header: &Header, mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        bytes.extend_from_slice(&header.encode());
        Self { seeds: Seeds::of(&header.log_id, header.epoch), at: FRAMES_AT, bytes, closed: false }
    }

    /// Goes on behind a mark that says all before it is durable.
    pub(super) fn behind_close(header: &Header, at: u64) -> Self {
        Self { seeds: Seeds::of(&header.log_id, header.epoch), at, bytes: Vec::new(), closed: true }
    }

    /// Encodes a record, in parts if it is long.
    pub(super) fn record(&mut self, lsn: u64, record: &[u8], batch_goes_on: bool) {
        let batch = if batch_goes_on { BATCH } else { 0 };
        if record.len() <= PAYLOAD_LEN_MAX {
            self.push(Kind::Record, FIRST | LAST | batch, lsn, record);
            return;
        }
        let last = record.len().div_ceil(PAYLOAD_LEN_MAX) - 1;
        for (index, part) in record.chunks(PAYLOAD_LEN_MAX).enumerate() {
            let first = if index == 0 { FIRST } else { 0 };
            let ends = if index == last { LAST } else { 0 };
            self.push(Kind::Record, first | ends | batch, lsn, part);
        }
    }

    pub(super) fn truncation(&mut self, next_lsn: u64, start_lsn: u64) {
        self.push(Kind::Truncation, 0, next_lsn, &start_lsn.to_le_bytes());
    }

    /// Encodes a part of a record, with the flags it had.
    pub(super) fn part(&mut self, lsn: u64, flags: u8, part: &[u8]) {
        self.push(Kind::Record, flags, lsn, part);
    }

    /// Encodes a mark that names what is known durable, as an offset and its LSN.
    pub(super) fn mark(&mut self, next_lsn: u64, durable: (u64, u64)) {
        let payload = [durable.0, durable.1, next_lsn].map(u64::to_le_bytes);
        self.push(Kind::Mark, 0, next_lsn, payload.as_flattened());
        self.closed = durable.0 == self.at - MARK_LEN;
    }

    fn push(&mut self, kind: Kind, flags: u8, lsn: u64, payload: &[u8]) {
        let seed = self.seeds.at(self.at);
        frame::encode(&mut self.bytes, seed, kind, flags, lsn, payload);
        self.at += frame::frame_len(payload.len());
        self.closed = false;
    }
}
