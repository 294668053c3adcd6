//! Opening a log for writing: FORMAT.md section 6.5.

use std::{
    collections::VecDeque,
    mem::take,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    chain::{self, Chain, Link},
    cursor::Window,
    frame::{FRAME_LEN_MAX, LAST, MARK_LEN},
    frames::Frames,
    header::{Before, FRAMES_AT, Header, SEGMENT_LEN_MAX},
    options::{GivenUp, WalOptions},
    planted::{self, Plant},
    segment::{Segment, ZEROS_LEN, path_of},
    state::{Head, State},
    stock,
    walk::{Item, Walk},
};
use crate::{Durability, Error, Files, atomic, atomic::found};

/// What an opening found and did.
#[non_exhaustive]
#[derive(Debug, Default)]
pub struct Opened {
    /// Whether there was no log yet.
    pub created: bool,
    /// Whether the log had been closed in order.
    pub closed: bool,
    /// Where an unfinished write was cut off: the segment and the offset in it. Nothing behind it had
    /// been acknowledged as durable.
    pub torn: Option<(PathBuf, u64)>,
    /// How many records were copied and synced, since they were not known to be on the disk.
    pub copied: u64,
    /// What is damaged or missing, as far as it was found without reading all of the log; the files are
    /// left as they are.
    pub damage: Vec<Error>,
}

/// Opens the log in `dir`, which is locked, and makes durable what it believes.
pub(super) fn open(dir: &Path, options: &WalOptions, new_id: [u8; 16]) -> Result<(State, Opened), Error> {
    let files = &*options.files;
    // A name that is seen may be one that a killed writer gave and nobody synced.
    files.sync_dir(dir)?;
    let mut window = Window::default();
    let mut chain = chain::read(files, dir, &mut window)?;
    let torn = chain.newest.filter(|newest| newest.torn).map(|newest| newest.end);
    let newest = chain.links.last().copied();
    let mut opened = Opened {
        created: newest.is_none(),
        closed: chain.closed(),
        torn: newest.zip(torn).map(|(link, offset)| (path_of(dir, link.epoch()), offset)),
        ..Opened::default()
    };
    let head = match newest {
        Some(link) if chain.closed() || planted::is(Plant::BelievedCache) => resume(files, dir, link)?,
        _ => {
            let rest = Rest::new(dir, options, &chain, new_id);
            let (head, copied) = rest.copy(&mut window)?;
            opened.copied = copied;
            head
        }
    };
    // The new chain is durable, so what is no part of it may go; what can't be removed is harmless.
    for epoch in chain.strays(&head.header) {
        let path = path_of(dir, epoch);
        let _ = if options.given_up == GivenUp::Archive && chain.had_records(epoch) {
            stock::archive(files, &path)
        } else {
            found(files.remove(&path)).map(drop)
        };
    }
    let _ = atomic::clean(files, dir);
    opened.damage = take(&mut chain.losses);
    Ok((state(&chain, head), opened))
}

/// Goes on in a segment that was closed in order.
fn resume(files: &dyn Files, dir: &Path, link: Link) -> Result<Head, Error> {
    let file = files.open_rw(&path_of(dir, link.epoch()))?;
    let len = file.metadata()?.len.min(SEGMENT_LEN_MAX);
    let segment = Arc::new(Segment::new(file, &link.header.log_id, link.epoch(), len));
    Ok(Head {
        segment,
        header: link.header,
        frames: Frames::behind_close(&link.header, link.end),
        // The closing mark itself was never synced.
        durable: (link.end - MARK_LEN, link.next_lsn),
        syncs: 0,
        written: link.end,
        seq: 1,
        lsn: link.next_lsn,
    })
}

fn state(chain: &Chain, head: Head) -> State {
    let before = head.header.before;
    let mut links: VecDeque<Link> =
        chain.links.iter().filter(|link| link.epoch() <= before.epoch).copied().collect();
    if chain.passed_by(&head.header) {
        links.clear();
    }
    if let Some(last) = links.back_mut().filter(|last| last.epoch() == before.epoch) {
        (last.end, last.next_lsn) = (before.end, head.header.first_lsn);
    }
    State {
        log_id: head.header.log_id,
        links,
        start_lsn: chain.start_lsn,
        next_lsn: head.lsn,
        durable_epoch: head.segment.epoch,
        durable_lsn: head.lsn,
        epoch: chain.highest_epoch().max(head.segment.epoch),
        seq: 1,
        written: 1,
        durable: 1,
        // Its closing mark must be durable before another segment names what is behind that.
        unsynced: vec![Arc::clone(&head.segment)],
        head: Some(head),
        ..State::default()
    }
}

/// What follows the durable part of the newest segment, to be copied into one of its own.
struct Rest<'a> {
    dir: &'a Path,
    options: &'a WalOptions,
    newest: Option<Link>,
    header: Header,
    /// Where it starts in the newest segment, and the LSN there.
    from: (u64, u64),
}

impl<'a> Rest<'a> {
    fn new(dir: &'a Path, options: &'a WalOptions, chain: &Chain, new_id: [u8; 16]) -> Self {
        let newest = chain.links.last().copied();
        let durable = chain.newest.and_then(|newest| newest.durable);
        let (from, before) = match (newest, durable) {
            (Some(link), Some(from)) => (from, Before { epoch: link.epoch(), end: from.0 }),
            // Nothing of it is known durable, so the new segment takes its place.
            (Some(link), None) => ((FRAMES_AT, link.header.first_lsn), link.header.before),
            (None, _) => ((FRAMES_AT, chain.start_lsn), Before::default()),
        };
        let len = newest.map_or(0, |link| link.header.segment_len);
        let len = len.clamp(options.segment_bytes_first, options.segment_bytes_max);
        let copied = newest.map_or(0, |link| link.end.saturating_sub(from.0));
        let header = Header {
            log_id: newest.map_or(new_id, |link| link.header.log_id),
            epoch: chain.highest_epoch() + 1,
            first_lsn: from.1,
            // What was given up behind its beginning, a truncation in it says.
            start_lsn: chain.start_lsn.min(from.1),
            before,
            segment_len: len.max(FRAMES_AT + copied + 4 * MARK_LEN).min(SEGMENT_LEN_MAX),
        };
        Self { dir, options, newest, header, from }
    }

    /// Copies it, durably, and answers the segment to append to and how many records it holds.
    ///
    /// A crash half-way leaves the log as it was, and a temporary.
    fn copy(&self, window: &mut Window) -> Result<(Head, u64), Error> {
        let Header { epoch, segment_len, log_id, .. } = self.header;
        let files = &*self.options.files;
        let path = path_of(self.dir, epoch);
        let mut writer = atomic::Writer::create(files, &path, Durability::Durable)?;
        let mut frames = Frames::begin(&self.header, Vec::new());
        let mut next_lsn = self.from.1;
        if let Some(link) = self.newest {
            let segment = Segment::open(files, self.dir, &log_id, link.epoch())?;
            let segment =
                segment.ok_or_else(|| Error::Superseded { path: path_of(self.dir, link.epoch()) })?;
            let mut walk =
                Walk::new(&Arc::new(segment), self.from, link.end, Some(link.next_lsn), take(window));
            while let Some(item) = walk.next()? {
                match item {
                    Item::Part { lsn, flags, payload } => {
                        frames.part(lsn, flags, payload);
                        next_lsn = lsn + u64::from(flags & LAST != 0);
                    }
                    Item::Truncation { start_lsn } => frames.truncation(next_lsn, start_lsn),
                    // There is none behind the durable end, where the content is what was found whole.
                    Item::Mark | Item::Lost(_) => {}
                }
                if frames.bytes.len() >= FRAME_LEN_MAX {
                    writer.append(&take(&mut frames.bytes))?;
                }
            }
        }
        frames.mark(next_lsn, (frames.at, next_lsn));
        let end = frames.at;
        writer.append(&take(&mut frames.bytes))?;
        let zeros = vec![0; ZEROS_LEN];
        while let Some(missing) = segment_len.checked_sub(writer.len()).filter(|&missing| missing > 0) {
            let count = usize::try_from(missing).unwrap_or(ZEROS_LEN).min(ZEROS_LEN);
            writer.append(zeros.get(..count).unwrap_or_default())?;
        }
        writer.commit()?;
        let segment = Arc::new(Segment::new(files.open_rw(&path)?, &log_id, epoch, segment_len));
        let durable = (end, next_lsn);
        let head = Head {
            segment,
            header: self.header,
            frames,
            durable,
            syncs: 0,
            written: end,
            seq: 1,
            lsn: next_lsn,
        };
        Ok((head, next_lsn - self.from.1))
    }
}
