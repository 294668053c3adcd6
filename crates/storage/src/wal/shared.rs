//! The log that appenders share: encoding under a mutex, writing and syncing by whoever comes first.
//!
//! Group commit as the leader and followers of DeWitt et al., "Implementation techniques for main memory
//! database systems" (1984): one appender writes and syncs all that has been encoded; those that come
//! meanwhile wait for the next one. No timer holds a group back and nobody spins.

use std::{
    mem::take,
    path::PathBuf,
    sync::{Arc, PoisonError},
};

use super::{
    frame::{self, MARK_LEN},
    header::{FRAMES_AT, Header, LSN_MAX, SEGMENT_LEN_MAX},
    options::{SEGMENT_LEN_LEAST, WalOptions},
    planted::{self, Plant},
    segment::Segment,
    state::{Head, Piece, State},
    stock,
};
use crate::{
    Durability, Error, Lock,
    sync::{Condvar, Mutex, MutexGuard},
};

/// How much is written before the thread syncs it, if nobody else does.
const UNSYNCED_LEN: u64 = 8 << 20;
/// A log that syncs this seldom, in bytes, has no use for segments filled with zeros.
const SELDOM_LEN: u64 = 1 << 20;
/// More than this is not kept in a buffer for the next group.
const BUFFER_KEPT_MAX: usize = 4 << 20;

pub(super) type Guard<'a> = MutexGuard<'a, State>;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) dir: PathBuf,
    pub(super) options: WalOptions,
    pub(super) state: Mutex<State>,
    /// Something was written, synced or failed, or a segment is ready.
    pub(super) changed: Condvar,
    /// There is work for the thread.
    pub(super) work: Condvar,
    /// Held until the last of the log is dropped.
    pub(super) _lock: Lock,
}

impl Shared {
    /// A panic elsewhere leaves nothing half-changed: every step under the mutex ends in a whole state.
    pub(super) fn lock(&self) -> Guard<'_> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something has changed.
    pub(super) fn wait<'a>(&self, mut guard: Guard<'a>) -> Guard<'a> {
        guard.sleeping += 1;
        let mut guard = self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        guard.sleeping -= 1;
        guard
    }

    /// Appends records that belong together and returns the LSN of the first and the one behind the last.
    pub(super) fn append(&self, records: &[&[u8]], durability: Durability) -> Result<(u64, u64), Error> {
        let needed = self.measure(records)?;
        let mut state = self.ready()?;
        state = self.make_room(state, needed)?;
        let first = state.next_lsn;
        let seq = state.seq;
        if first >= LSN_MAX - records.len() as u64 {
            return Err(Error::Options { path: self.dir.clone(), what: "has no LSNs left; begin a new log" });
        }
        let count = records.len();
        {
            let State { head, next_lsn, stats, .. } = &mut *state;
            let Some(head) = head else { return Err(self.poisoned()) };
            for (index, record) in records.iter().enumerate() {
                head.frames.record(*next_lsn, record, index + 1 < count);
                *next_lsn += 1;
                stats.records += 1;
                stats.record_bytes += record.len() as u64;
            }
        }
        let behind = state.next_lsn;
        state.seq += 1;
        match durability {
            Durability::Durable => self.settle(state, seq)?,
            Durability::Buffered => self.hold_back(state)?,
        }
        Ok((first, behind))
    }

    /// Makes all that has been appended durable.
    pub(super) fn sync(&self) -> Result<(), Error> {
        let state = self.ready()?;
        if state.durable == state.seq {
            return Ok(());
        }
        let seq = state.seq - 1;
        self.settle(state, seq)
    }

    /// Gives all that has been appended so far to the system.
    pub(super) fn flush(&self) -> Result<(), Error> {
        let mut state = self.ready()?;
        let seq = state.seq;
        while state.written < seq && !state.poisoned {
            state = if state.busy { self.wait(state) } else { self.write(state, false)? };
        }
        drop(state);
        self.ready().map(drop)
    }

    /// Gives up all records below `start_lsn`, durably.
    pub(super) fn give_up(&self, start_lsn: u64) -> Result<(), Error> {
        let state = self.ready()?;
        if start_lsn <= state.start_lsn { Ok(()) } else { self.write_start(state, start_lsn) }
    }

    /// Writes, durably, below which LSN all records are given up, whether that is known already or not.
    fn write_start<'a>(&'a self, mut state: Guard<'a>, start_lsn: u64) -> Result<(), Error> {
        state = self.make_room(state, frame::frame_len(8))?;
        let next_lsn = state.next_lsn;
        let start_lsn = start_lsn.min(next_lsn);
        if let Some(head) = &mut state.head {
            head.frames.truncation(next_lsn, start_lsn);
        }
        let seq = state.seq;
        state.seq += 1;
        self.settle(state, seq)?;
        let mut state = self.lock();
        state.start_lsn = state.start_lsn.max(start_lsn);
        Ok(())
    }

    /// Writes the mark that says a log was closed in order, if all of it is durable.
    ///
    /// Without the mark the next opening copies the last group, and nothing is lost.
    pub(super) fn close(&self) -> Result<(), Error> {
        let mut state = self.lock();
        while state.busy {
            state = self.wait(state);
        }
        if state.poisoned || state.durable < state.seq {
            return Ok(());
        }
        let next_lsn = state.next_lsn;
        let Some(head) = &mut state.head else { return Ok(()) };
        if head.frames.closed || !head.frames.bytes.is_empty() || head.durable.0 == 0 {
            return Ok(());
        }
        let (segment, at) = (Arc::clone(&head.segment), head.frames.at);
        head.frames.mark(next_lsn, (at, next_lsn));
        let bytes = take(&mut head.frames.bytes);
        head.written = head.frames.at;
        segment.file.write_all_at(&bytes, at)
    }

    /// The state, unless the log must be opened again first.
    fn ready(&self) -> Result<Guard<'_>, Error> {
        let state = self.lock();
        if state.poisoned {
            return Err(self.poisoned());
        }
        match &state.lost {
            Some(failed) => Err(failed.error()),
            None => Ok(state),
        }
    }

    pub(super) fn poisoned(&self) -> Error {
        Error::LogPoisoned { path: self.dir.clone() }
    }

    /// Length of the frames for `records`, if they may be appended.
    fn measure(&self, records: &[&[u8]]) -> Result<u64, Error> {
        let mut sum = 0;
        for record in records {
            let needs = record.len() as u64;
            let allowed = self.options.record_bytes_max;
            if needs > allowed {
                return Err(Error::RecordTooLong { path: self.dir.clone(), needs, allowed });
            }
            sum += frame::record_len(record.len());
        }
        let allowed = SEGMENT_LEN_MAX - FRAMES_AT - 4 * MARK_LEN;
        if sum > allowed {
            return Err(Error::RecordTooLong { path: self.dir.clone(), needs: sum, allowed });
        }
        Ok(sum)
    }

    /// Has a head with room for `needed` bytes, going on to the next segment if there is none.
    fn make_room<'a>(&'a self, mut state: Guard<'a>, needed: u64) -> Result<Guard<'a>, Error> {
        loop {
            match &state.head {
                Some(head) if head.has_room(needed) => {
                    if head.frames.at > head.segment.len / 2 {
                        self.order(&mut state);
                    }
                    return Ok(state);
                }
                _ => {}
            }
            let len = self.next_len(&state).max(FRAMES_AT + needed + 2 * MARK_LEN);
            let (again, segment) = stock::take(self, state, len)?;
            state = again;
            if state.poisoned {
                return Err(self.poisoned());
            }
            let Some(segment) = segment else { continue };
            Self::turn_over(&mut state, segment);
        }
    }

    /// Gives up all records in a segment of the least length, which is begun unless the newest is one.
    pub(super) fn begin_least(&self) -> Result<(), Error> {
        let mut state = self.ready()?;
        while state.head.as_ref().is_some_and(|head| head.segment.len > SEGMENT_LEN_LEAST) {
            if let Some(ready) = state.stock.ready.take() {
                stock::discard(self, &ready);
            }
            let (again, segment) = stock::take(self, state, SEGMENT_LEN_LEAST)?;
            state = again;
            if state.poisoned {
                return Err(self.poisoned());
            }
            if let Some(segment) = segment {
                Self::turn_over(&mut state, segment);
            }
        }
        if state.head.is_none() {
            return Ok(());
        }
        let end = state.next_lsn;
        // Also where they were given up before: the segments before this one go once its header is durable.
        self.write_start(state, end)
    }

    fn turn_over(state: &mut State, segment: Arc<Segment>) {
        state.retire();
        let header = Header {
            log_id: state.log_id,
            epoch: segment.epoch,
            first_lsn: state.next_lsn,
            start_lsn: state.start_lsn,
            before: state.before,
            segment_len: segment.len,
        };
        let buffer = state.buffer();
        state.stats.segments_begun += 1;
        state.head = Some(Head::begin(segment, header, state.seq, buffer));
    }

    /// The length that the next segment is made with.
    pub(super) fn next_len(&self, state: &State) -> u64 {
        let last = state.head.as_ref().map(|head| head.header.segment_len);
        let last = last.or_else(|| state.links.back().map(|link| link.header.segment_len)).unwrap_or(0);
        let (first, max) = (self.options.segment_bytes_first, self.options.segment_bytes_max);
        (last.saturating_mul(2)).clamp(first, max)
    }

    /// Whether the next segment is to be filled with zeros, which makes syncs cheaper and costs writing it once more.
    pub(super) fn fills(state: &State) -> bool {
        state.head.as_ref().is_none_or(|head| head.frames.at / SELDOM_LEN <= head.syncs)
    }

    /// Lets the thread sync what has come together without a sync, so that the next one is short.
    fn order_sync(&self, state: &mut State, synced: bool) {
        let due = UNSYNCED_LEN.min(self.options.segment_bytes_max / 2);
        if synced {
            state.unsynced_len = 0;
        } else if self.options.background && state.unsynced_len >= due {
            state.unsynced_len = 0;
            state.stock.to_sync = state.head.as_ref().map(|head| Arc::clone(&head.segment));
            self.work.notify_one();
        }
    }

    /// Lets the thread make the next segment.
    fn order(&self, state: &mut State) {
        let stock = &state.stock;
        let failed =
            stock.failed.is_some() && stock.failed == state.head.as_ref().map(|head| head.segment.epoch);
        let idle = stock.ready.is_none() && !stock.making && stock.wanted.is_none();
        if self.options.background && idle && !failed {
            state.stock.wanted = Some(self.next_len(state));
            self.work.notify_one();
        }
    }

    /// Leaves records to a later write, unless enough have come together.
    fn hold_back<'a>(&'a self, mut state: Guard<'a>) -> Result<(), Error> {
        state.unwatched = true;
        let most = self.options.buffer_bytes.max(1);
        while state.held() >= most || !state.queue.is_empty() {
            if !state.busy {
                state = self.write(state, false)?;
            } else if state.held() < most.saturating_mul(4) {
                return Ok(());
            } else {
                // Whoever is ahead of the disk waits for it here.
                state = self.wait(state);
            }
        }
        match &state.lost {
            Some(failed) => Err(failed.error()),
            None => Ok(()),
        }
    }

    /// Waits until a seq is durable, and writes and syncs if nobody does.
    fn settle<'a>(&'a self, mut state: Guard<'a>, seq: u64) -> Result<(), Error> {
        state.waiting += 1;
        let outcome = loop {
            if let Some(outcome) = state.outcome(seq, &self.dir) {
                break outcome;
            }
            if state.busy {
                state = self.wait(state);
                continue;
            }
            match self.write(state, true) {
                Ok(after) => state = after,
                Err(err) => {
                    state = self.lock();
                    break Err(err);
                }
            }
        };
        state.waiting -= 1;
        if state.waiting == 0 {
            state.failed.clear();
        }
        outcome
    }

    /// Writes all that is encoded, and with `sync` makes it durable. Only while nobody else does.
    ///
    /// A failed write is not its error but the outcome of the seqs it took along.
    fn write<'a>(&'a self, mut state: Guard<'a>, sync: bool) -> Result<Guard<'a>, Error> {
        // A failed sync is told once: so that nobody misses it, there is one at a time.
        while state.stock.syncing && (sync || state.begins()) {
            state.busy = true;
            state = self.wait(state);
            state.busy = false;
        }
        if state.poisoned {
            self.changed.notify_all();
            return Err(self.poisoned());
        }
        let (seq, next_lsn) = (state.seq, state.next_lsn);
        let unwatched = take(&mut state.unwatched);
        let pieces = Self::pieces(&mut state, sync);
        let mut transfer = Transfer { unsynced: take(&mut state.unsynced), ..Transfer::default() };
        state.busy = true;
        state.in_flight = pieces.first().map(|piece| (piece.header, piece.offset, piece.lsn));
        drop(state);

        let answer = {
            let _unwinding = Unwinding(self);
            transfer.run(&pieces, sync)
        };

        let mut state = self.lock();
        state.busy = false;
        state.in_flight = None;
        let done = pieces.get(..transfer.written).unwrap_or_default();
        state.stats.writes += done.len() as u64;
        let written_len = done.iter().map(|piece| piece.bytes.len() as u64).sum::<u64>();
        state.stats.bytes_written += written_len;
        state.unsynced_len += written_len;
        state.stats.syncs += transfer.syncs;
        state.unsynced = transfer.unsynced;
        state.durable_epoch = state.durable_epoch.max(transfer.durable_epoch);
        state.written = seq;
        if let (Some(cause), Some(piece)) = (&transfer.failed, pieces.get(transfer.written)) {
            state.unwatched |= unwatched;
            state.roll_back(piece, cause);
        }
        if answer.is_err() && !planted::is(Plant::RetriedSync) {
            state.poisoned = true;
        } else if sync && transfer.failed.is_none() {
            mark_durable(&mut state, seq, next_lsn, done);
        }
        self.order_sync(&mut state, sync);
        recycle(&mut state, pieces);
        if state.sleeping > 0 {
            self.changed.notify_all();
        }
        answer.map(|()| state)
    }

    /// Takes what is encoded, with a mark behind it if it is to be synced.
    fn pieces(state: &mut State, sync: bool) -> Vec<Piece> {
        let spare = state.buffer();
        let (seq, next_lsn) = (state.seq, state.next_lsn);
        let mut pieces = take(&mut state.queue);
        if let Some(head) = &mut state.head {
            if sync {
                head.frames.mark(next_lsn, head.durable);
            }
            pieces.extend(head.take(spare, seq, next_lsn));
        }
        pieces
    }
}

/// Held while files are at work without the mutex: a panic there leaves the log poisoned, not waiting for ever.
pub(super) struct Unwinding<'a>(pub(super) &'a Shared);

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.lock();
            state.poisoned = true;
            (state.busy, state.stock.making, state.stock.syncing) = (false, false, false);
            self.0.changed.notify_all();
        }
    }
}

/// What a leader does without the mutex, and how far it came.
#[derive(Debug, Default)]
struct Transfer {
    /// Segments with writes that are not synced, oldest first.
    unsynced: Vec<Arc<Segment>>,
    /// How many pieces are whole.
    written: usize,
    syncs: u64,
    /// The highest epoch that was synced.
    durable_epoch: u64,
    /// Why no more pieces are.
    failed: Option<Error>,
}

impl Transfer {
    /// Writes pieces in order, and syncs.
    ///
    /// # Errors
    /// That of a sync, after which nothing is known of what was written.
    fn run(&mut self, pieces: &[Piece], sync: bool) -> Result<(), Error> {
        for piece in pieces {
            if piece.offset == 0 && !planted::is(Plant::OneSyncTurnover) {
                // The header says that all before it is durable.
                self.sync()?;
            }
            if let Err(err) = piece.segment.file.write_all_at(&piece.bytes, piece.offset) {
                self.failed = Some(err);
                return Ok(());
            }
            if !self.unsynced.iter().any(|known| Arc::ptr_eq(known, &piece.segment)) {
                self.unsynced.push(Arc::clone(&piece.segment));
            }
            self.written += 1;
        }
        if sync { self.sync() } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<(), Error> {
        for segment in self.unsynced.drain(..) {
            segment.file.sync_data()?;
            self.syncs += 1;
            self.durable_epoch = self.durable_epoch.max(segment.epoch);
        }
        Ok(())
    }
}

/// All before a seq is durable, and the LSN there is `next_lsn`.
fn mark_durable(state: &mut State, seq: u64, next_lsn: u64, done: &[Piece]) {
    state.durable = seq;
    state.durable_lsn = next_lsn;
    let Some(head) = &mut state.head else { return };
    head.syncs += 1;
    if let Some(piece) = done.iter().rfind(|piece| Arc::ptr_eq(&piece.segment, &head.segment)) {
        head.durable = (piece.offset + piece.bytes.len() as u64, next_lsn);
    }
}

fn recycle(state: &mut State, pieces: Vec<Piece>) {
    for mut piece in pieces {
        if state.buffers.len() < 2 && piece.bytes.capacity() <= BUFFER_KEPT_MAX {
            piece.bytes.clear();
            state.buffers.push(piece.bytes);
        }
    }
}
