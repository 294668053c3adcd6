//! What a log that is open for writing knows, behind one mutex. Nothing here waits or touches a disk.

use std::{collections::VecDeque, sync::Arc};

use super::{
    chain::Link,
    frame::MARK_LEN,
    frames::Frames,
    header::{Before, Header},
    segment::Segment,
    stats::Stats,
};
use crate::{Error, Op};

/// Everything that changes.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) log_id: [u8; 16],
    /// Segments that are full, and their ends; oldest first.
    pub(super) links: VecDeque<Link>,
    /// The segment that is appended to; none after a failed write, until the next append.
    pub(super) head: Option<Head>,
    /// What the next header will say of the segment before, while there is no head.
    pub(super) before: Before,
    /// What is encoded for segments that are full already, not yet written.
    pub(super) queue: Vec<Piece>,
    /// Segments with writes that are not synced, oldest first.
    pub(super) unsynced: Vec<Arc<Segment>>,
    /// Bytes written since the last sync.
    pub(super) unsynced_len: u64,
    pub(super) start_lsn: u64,
    pub(super) next_lsn: u64,
    /// Highest epoch that any name ever had.
    pub(super) epoch: u64,
    /// The highest epoch of a segment whose header is durable.
    pub(super) durable_epoch: u64,
    /// Numbers appends, truncations and syncs; unlike LSNs, never given twice.
    pub(super) seq: u64,
    /// All seqs below have been written, or have failed.
    pub(super) written: u64,
    /// All records below are durable.
    pub(super) durable_lsn: u64,
    /// All seqs below are durable, or have failed.
    pub(super) durable: u64,
    /// Seqs that failed, as long as somebody may ask.
    pub(super) failed: Vec<Failed>,
    /// Who waits for an outcome, and who for any change.
    pub(super) waiting: usize,
    pub(super) sleeping: usize,
    /// Whether somebody writes or syncs.
    pub(super) busy: bool,
    /// Whether records that nobody waits for have been encoded since the last write.
    pub(super) unwatched: bool,
    /// A failure that took records whose appenders had gone: all are told of it, until the log is opened again.
    pub(super) lost: Option<Failed>,
    /// What is being written begins in the segment of this header, at this offset and LSN.
    pub(super) in_flight: Option<(Header, u64, u64)>,
    pub(super) poisoned: bool,
    /// Buffers for use again.
    pub(super) buffers: Vec<Vec<u8>>,
    pub(super) stock: Stock,
    pub(super) stats: Stats,
}

/// The segment that is appended to.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) segment: Arc<Segment>,
    pub(super) header: Header,
    pub(super) frames: Frames,
    /// Up to where this segment is known durable, and the LSN there; zeros if nothing is.
    pub(super) durable: (u64, u64),
    /// How often it was synced.
    pub(super) syncs: u64,
    /// Where the frames that are not yet written start, and the first seq and LSN in them.
    pub(super) written: u64,
    pub(super) seq: u64,
    pub(super) lsn: u64,
}

/// Encoded frames of one segment.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) segment: Arc<Segment>,
    pub(super) header: Header,
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) seq: u64,
    pub(super) lsn: u64,
}

/// Seqs and records that were not written, and why.
#[derive(Debug, Clone)]
pub(super) struct Failed {
    pub(super) seqs: std::ops::Range<u64>,
    pub(super) first_lsn: u64,
    op: Op,
    path: std::path::PathBuf,
    kind: std::io::ErrorKind,
    raw: Option<i32>,
}

/// Segments that are ready to be begun, and what there is to make some of.
#[derive(Debug, Default)]
pub(super) struct Stock {
    pub(super) ready: Option<Arc<Segment>>,
    /// Whether the thread is to make one, of this length.
    pub(super) wanted: Option<u64>,
    pub(super) making: bool,
    /// The head for which none could be made: it is not tried again before the next.
    pub(super) failed: Option<u64>,
    /// Given-up segments with an empty header page: epoch of the name, and length.
    pub(super) spares: Vec<(u64, u64)>,
    /// The segment that the thread is to sync, and whether it does.
    pub(super) to_sync: Option<Arc<Segment>>,
    pub(super) syncing: bool,
    pub(super) shut: bool,
}

impl Head {
    /// A segment whose header page has yet to be written, with the first frames.
    pub(super) fn begin(segment: Arc<Segment>, header: Header, seq: u64, buffer: Vec<u8>) -> Self {
        let frames = Frames::begin(&header, buffer);
        Self { segment, header, frames, durable: (0, 0), syncs: 0, written: 0, seq, lsn: header.first_lsn }
    }

    /// Whether records of `len` encoded bytes fit, with the marks that must follow.
    pub(super) fn has_room(&self, len: u64) -> bool {
        // One mark for their sync and one for closing.
        self.frames.at + len + 2 * MARK_LEN <= self.segment.len
    }

    /// Takes what is encoded out, to be written.
    pub(super) fn take(&mut self, buffer: Vec<u8>, seq: u64, lsn: u64) -> Option<Piece> {
        if self.frames.bytes.is_empty() {
            return None;
        }
        let bytes = std::mem::replace(&mut self.frames.bytes, buffer);
        let piece = Piece {
            segment: Arc::clone(&self.segment),
            header: self.header,
            offset: self.written,
            bytes,
            seq: self.seq,
            lsn: self.lsn,
        };
        (self.written, self.seq, self.lsn) = (self.frames.at, seq, lsn);
        Some(piece)
    }

    /// What the next header says of this segment.
    pub(super) fn before(&self) -> Before {
        Before { epoch: self.segment.epoch, end: self.frames.at }
    }

    pub(super) fn link(&self, next_lsn: u64) -> Link {
        Link { header: self.header, end: self.frames.at, next_lsn, header_lost: false }
    }
}

impl State {
    /// How many bytes are encoded and not given to anybody who writes.
    pub(super) fn held(&self) -> usize {
        let queued: usize = self.queue.iter().map(|piece| piece.bytes.len()).sum();
        queued + self.head.as_ref().map_or(0, |head| head.frames.bytes.len())
    }

    /// The segments as far as they are written, and the LSN behind that.
    pub(super) fn readable(&self) -> (Vec<Link>, u64) {
        let queued = self.queue.first().map(|piece| (piece.header, piece.offset, piece.lsn));
        let head = self.head.as_ref().map(|head| (head.header, head.written, head.lsn));
        let mut links: Vec<Link> = self.links.iter().copied().collect();
        let Some((header, end, next_lsn)) = self.in_flight.or(queued).or(head) else {
            return (links, self.next_lsn);
        };
        links.retain(|link| link.epoch() < header.epoch);
        if end > 0 {
            links.push(Link { header, end, next_lsn, header_lost: false });
        }
        (links, next_lsn)
    }

    /// Whether what is encoded begins a segment.
    pub(super) fn begins(&self) -> bool {
        self.queue.iter().any(|piece| piece.offset == 0)
            || self.head.as_ref().is_some_and(|head| head.written == 0)
    }

    /// A buffer to encode into.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    /// Ends the head: what is encoded goes to the queue, the segment to the full ones.
    pub(super) fn retire(&mut self) {
        let spare = self.buffer();
        let Some(mut head) = self.head.take() else { return };
        self.before = head.before();
        self.links.push_back(head.link(self.next_lsn));
        self.queue.extend(head.take(spare, self.seq, self.next_lsn));
    }

    /// Takes back all from a piece on that could not be written.
    pub(super) fn roll_back(&mut self, piece: &Piece, cause: &Error) {
        let failed = Failed::new(piece, self.seq, cause);
        self.next_lsn = piece.lsn;
        self.queue.clear();
        self.head = None;
        let begun = piece.offset == 0;
        // The segment it was for ends before it, or, if it was to be its beginning, does not exist.
        self.links.retain(|link| link.epoch() < piece.segment.epoch);
        if begun {
            self.before = piece.header.before;
        } else {
            let end = piece.offset;
            self.before = Before { epoch: piece.segment.epoch, end };
            self.links.push_back(Link { header: piece.header, end, next_lsn: piece.lsn, header_lost: false });
        }
        self.written = self.seq;
        if self.waiting > 0 {
            self.failed.push(failed.clone());
        }
        if std::mem::take(&mut self.unwatched) {
            self.lost.get_or_insert(failed);
        }
    }

    /// What became of a seq, once that is known.
    pub(super) fn outcome(&self, seq: u64, dir: &std::path::Path) -> Option<Result<(), Error>> {
        if let Some(failed) = self.failed.iter().find(|failed| failed.seqs.contains(&seq)) {
            return Some(Err(failed.error()));
        }
        if self.durable > seq {
            return Some(Ok(()));
        }
        self.poisoned.then(|| Err(Error::LogPoisoned { path: dir.to_owned() }))
    }
}

impl Failed {
    fn new(piece: &Piece, seq: u64, cause: &Error) -> Self {
        let kind = cause.io_kind().unwrap_or(std::io::ErrorKind::Other);
        let (op, raw) = match cause {
            Error::Io { op, source, .. } => (*op, source.raw_os_error()),
            _ => (Op::Write, None),
        };
        let path = piece.segment.file.path().to_owned();
        Self { seqs: piece.seq..seq, first_lsn: piece.lsn, op, path, kind, raw }
    }

    /// The error, for each who has to be told.
    pub(super) fn error(&self) -> Error {
        let source = self.raw.map_or_else(|| self.kind.into(), std::io::Error::from_raw_os_error);
        let source = Box::new(Error::io(self.op, &self.path, source));
        Error::NotAppended { first_lsn: self.first_lsn, source }
    }
}
