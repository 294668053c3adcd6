//! Which segments of a directory are the log: FORMAT.md section 6.3.

use std::{mem::take, path::Path, sync::Arc};

use super::{
    cursor::Window,
    header::{Before, FRAMES_AT, Header, Page},
    segment::{Segment, epoch_of, path_of},
    survey::{self, Survey, survey},
    walk::{Item, Lost, Walk},
};
use crate::{Error, Files};

/// More segments than this in a directory are not a log.
const SEGMENTS_MAX: usize = 65_536;
/// Higher epochs are nobody's: each segment takes the next one.
const EPOCH_MAX: u64 = 1 << 62;
/// How often a log that changes while it is read is read again.
const TRIES_MAX: u32 = 16;
/// No more damaged places than this are listed.
const LOSSES_MAX: usize = 1024;

/// A segment of the log and what of it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) header: Header,
    /// Where its content ends.
    pub(super) end: u64,
    /// The LSN behind its last record.
    pub(super) next_lsn: u64,
    /// Whether its header was damaged when the chain was read, and `header` stands in for it.
    pub(super) header_lost: bool,
}

impl Link {
    pub(super) fn epoch(&self) -> u64 {
        self.header.epoch
    }
}

/// The log as it was found.
#[derive(Debug)]
pub(super) struct Chain {
    /// Oldest first.
    pub(super) links: Vec<Link>,
    /// The first record that has not been given up.
    pub(super) start_lsn: u64,
    /// What is known of the newest segment; none without one.
    pub(super) newest: Option<Survey>,
    /// What is missing or damaged, as far as it is known without reading all.
    pub(super) losses: Vec<Error>,
    /// The epochs of all names in the directory, ascending.
    pub(super) epochs: Vec<u64>,
    /// Those of segments at the old end that have been given up.
    given_up: Vec<u64>,
    /// Those of segments above the newest that nothing was ever written to.
    unused: Vec<u64>,
}

/// Reads the chain of a log that somebody else may be writing to, until nothing changes under it.
pub(super) fn read_beside_a_writer(
    files: &dyn Files,
    dir: &Path,
    window: &mut Window,
) -> Result<Chain, Error> {
    let mut chain = read(files, dir, window)?;
    for _ in 0..TRIES_MAX {
        if chain.losses.is_empty() {
            break;
        }
        // What is missing may have been given up since the newest segment was read.
        let again = read(files, dir, window)?;
        let same = again.epochs == chain.epochs && again.newest == chain.newest;
        chain = again;
        if same {
            break;
        }
    }
    Ok(chain)
}

/// Reads the chain of the log in `dir`.
pub(super) fn read(files: &dyn Files, dir: &Path, window: &mut Window) -> Result<Chain, Error> {
    let mut epochs: Vec<u64> = files.list(dir)?.iter().filter_map(|name| epoch_of(name)).collect();
    if epochs.len() > SEGMENTS_MAX {
        let what = "has more than 65,536 segments; truncate the log, or move what is not of it away";
        return Err(Error::Options { path: dir.to_owned(), what });
    }
    epochs.sort_unstable();
    if let Some(&epoch) = epochs.last().filter(|&&epoch| epoch > EPOCH_MAX) {
        let what = "has a number that leaves none for the segments after it; move it away";
        return Err(Error::Options { path: path_of(dir, epoch), what });
    }
    let mut chain = Chain {
        links: Vec::new(),
        start_lsn: 1,
        newest: None,
        losses: Vec::new(),
        epochs: epochs.clone(),
        given_up: Vec::new(),
        unused: Vec::new(),
    };
    let Some(log_id) = log_id(files, dir, &epochs)? else { return Ok(chain) };
    Builder { files, dir, log_id, epochs, window }.build(&mut chain)?;
    Ok(chain)
}

/// The id that all valid headers name; none without segments that were ever begun.
fn log_id(files: &dyn Files, dir: &Path, epochs: &[u64]) -> Result<Option<[u8; 16]>, Error> {
    let mut id = None;
    let mut others = Vec::new();
    for &epoch in epochs.iter().rev() {
        let Some(segment) = open(files, dir, &[0; 16], epoch)? else { continue };
        match segment.page()? {
            Page::Newer { what, found, known } => {
                return Err(Error::Newer { path: path_of(dir, epoch), what, found, known });
            }
            Page::Valid { header, .. } => match id {
                Some(other) if other != header.log_id => {
                    let what = "holds a segment of another log; move it away";
                    return Err(Error::Options { path: path_of(dir, epoch), what });
                }
                _ => id = Some(header.log_id),
            },
            Page::Unused | Page::Damaged => others.push(epoch),
        }
    }
    if id.is_none() {
        // Without a single header nothing can be read; to begin a new log over it would destroy it.
        for epoch in others {
            let segment = open(files, dir, &[0; 16], epoch)?;
            if segment.is_some_and(|segment| !segment.is_zero().unwrap_or(false)) {
                return Err(Error::NoHeader { path: path_of(dir, epoch) });
            }
        }
    }
    Ok(id)
}

fn open(files: &dyn Files, dir: &Path, log_id: &[u8; 16], epoch: u64) -> Result<Option<Arc<Segment>>, Error> {
    match Segment::open(files, dir, log_id, epoch) {
        // It is being recycled, so it has been given up.
        Err(Error::Superseded { .. }) => Ok(None),
        opened => Ok(opened?.map(Arc::new)),
    }
}

struct Builder<'a> {
    files: &'a dyn Files,
    dir: &'a Path,
    log_id: [u8; 16],
    /// Those not yet looked at, ascending.
    epochs: Vec<u64>,
    window: &'a mut Window,
}

/// What a segment says of the one before it, or `None` for an end that nobody says.
#[derive(Clone, Copy)]
struct Named {
    epoch: u64,
    end: Option<u64>,
    /// The LSN there.
    next_lsn: u64,
}

impl Builder<'_> {
    /// Follows the predecessors from the newest segment.
    fn build(mut self, chain: &mut Chain) -> Result<(), Error> {
        let mut named: Option<Named> = None;
        let mut unsure = Vec::new();
        while let Some(epoch) = self.epochs.pop() {
            if named.is_some_and(|named| epoch > named.epoch) {
                continue;
            }
            let Some(segment) = open(self.files, self.dir, &self.log_id, epoch)? else { continue };
            let (header, header_lost) = match segment.page()? {
                Page::Valid { header, .. } => (header, false),
                // Below the newest only what is named counts.
                _ if named.is_some_and(|named| named.epoch != epoch) => continue,
                page if named.is_none() && survey::durable(&segment, self.window)?.is_none() => {
                    if page == Page::Unused {
                        chain.unused.push(epoch);
                    }
                    continue;
                }
                _ => {
                    unsure.push((epoch, chain.losses.len()));
                    chain.losses.push(Error::HeaderDamaged { path: path_of(self.dir, epoch) });
                    (self.stand_in(&segment, named)?, true)
                }
            };
            let link = self.link(chain, &segment, header, named)?;
            chain.links.push(Link { header_lost, ..link });
            let end = Some(header.before.end).filter(|&end| end > 0);
            named = Some(Named { epoch: header.before.epoch, end, next_lsn: header.first_lsn });
            if header.before.epoch == 0 {
                break;
            }
        }
        chain.links.reverse();
        chain.settle(self.dir, &unsure);
        Ok(())
    }

    /// What of a segment counts: up to what its successor says, else what a survey finds.
    fn link(
        &mut self,
        chain: &mut Chain,
        segment: &Arc<Segment>,
        header: Header,
        named: Option<Named>,
    ) -> Result<Link, Error> {
        if let Some(Named { epoch, end: Some(end), next_lsn }) = named
            && epoch == segment.epoch
        {
            return Ok(Link { header, end, next_lsn, header_lost: false });
        }
        let stop = named.map(|named| named.next_lsn);
        let found = survey(segment, header.first_lsn, stop, self.window)?;
        let link = Link { header, end: found.end, next_lsn: found.next_lsn, header_lost: false };
        if let Some(Named { epoch, next_lsn, .. }) = named {
            // The segment between is not there.
            let path = path_of(self.dir, epoch);
            if found.next_lsn < next_lsn {
                chain.losses.push(Error::Missing { path, first_lsn: found.next_lsn, next_lsn });
            }
            return Ok(link);
        }
        chain.newest = Some(found);
        chain.start_lsn = chain.start_lsn.max(found.start_lsn);
        if found.damaged {
            self.losses(segment, &link, &found, &mut chain.losses)?;
        }
        Ok(link)
    }

    /// A header for a segment whose own is damaged.
    fn stand_in(&mut self, segment: &Arc<Segment>, named: Option<Named>) -> Result<Header, Error> {
        let behind = named.and_then(|named| named.end.map(|end| (end, named.next_lsn)));
        let first_lsn = survey::first_lsn(segment, behind, self.window)?;
        let mut header = Header {
            log_id: self.log_id,
            epoch: segment.epoch,
            first_lsn: first_lsn.or(named.map(|named| named.next_lsn)).unwrap_or(1),
            start_lsn: 1,
            before: Before::default(),
            segment_len: segment.len,
        };
        for &epoch in self.epochs.iter().rev() {
            let Some(older) = open(self.files, self.dir, &self.log_id, epoch)? else { continue };
            let page = older.page()?;
            if matches!(page, Page::Valid { .. }) || survey::durable(&older, self.window)?.is_some() {
                header.before = Before { epoch, end: 0 };
                break;
            }
        }
        Ok(header)
    }

    /// Tells the damage in the durable part of the newest segment.
    fn losses(
        &mut self,
        segment: &Arc<Segment>,
        link: &Link,
        found: &Survey,
        losses: &mut Vec<Error>,
    ) -> Result<(), Error> {
        let Some((end, lsn)) = found.durable else { return Ok(()) };
        let from = (FRAMES_AT, link.header.first_lsn);
        let mut walk = Walk::new(segment, from, end, Some(lsn), take(self.window));
        while let Some(item) = walk.next()? {
            if let Item::Lost(Lost { offset, resumed, first_lsn, next_lsn }) = item
                && losses.len() < LOSSES_MAX
            {
                let path = path_of(self.dir, link.epoch());
                losses.push(Error::Damaged { path, offset, resumed, first_lsn, next_lsn });
            }
        }
        *self.window = walk.into_window();
        Ok(())
    }
}

impl Chain {
    /// Drops what has been given up at the old end, and tells what is missing there.
    fn settle(&mut self, dir: &Path, unsure: &[(u64, usize)]) {
        // What a header gave up had been appended; where that is lost, its LSNs are given again, to records that count.
        let said = self.links.iter().map(|link| link.header.start_lsn.min(link.next_lsn)).max();
        self.start_lsn = self.start_lsn.max(said.unwrap_or(1)).min(self.next_lsn());
        let over = self.links.len().saturating_sub(1);
        let given_up =
            self.links.iter().take(over).take_while(|link| link.next_lsn <= self.start_lsn).count();
        self.given_up = self.links.drain(..given_up).map(|link| link.epoch()).collect();
        let start_lsn = self.start_lsn;
        // A header that was emptied to be used again is no damage, nor is anything lost that was given up.
        for &(epoch, index) in unsure.iter().rev() {
            if self.given_up.contains(&epoch) {
                self.losses.remove(index);
            }
        }
        self.losses.retain(|loss| !matches!(loss, Error::Missing { next_lsn, .. } if *next_lsn <= start_lsn));
        let Some(first) = self.links.first() else { return };
        if start_lsn < first.header.first_lsn {
            let path = path_of(dir, first.header.before.epoch);
            self.losses.push(Error::Missing { path, first_lsn: start_lsn, next_lsn: first.header.first_lsn });
        }
    }

    /// The names that a writer may remove once the chain is durable, with `head` its newest segment.
    ///
    /// Where anything is lost, only what was made ahead of time and never begun: the rest may be of use.
    pub(super) fn strays(&self, head: &Header) -> Vec<u64> {
        if !self.losses.is_empty() {
            return self.unused.clone();
        }
        // What was copied whole is no part of it either: the new segment took its place.
        let kept = |epoch: u64| epoch <= head.before.epoch && !self.passed_by(head);
        let linked = |epoch: &u64| self.links.binary_search_by_key(epoch, Link::epoch).is_ok();
        let stray = |&&epoch: &&u64| epoch != head.epoch && !(kept(epoch) && linked(&epoch));
        self.epochs.iter().filter(stray).copied().collect()
    }

    /// Whether an epoch is that of a segment that held records of the log, all given up.
    pub(super) fn had_records(&self, epoch: u64) -> bool {
        self.given_up.contains(&epoch) || self.links.binary_search_by_key(&epoch, Link::epoch).is_ok()
    }

    /// Whether all records before a new segment have been given up.
    pub(super) fn passed_by(&self, head: &Header) -> bool {
        head.first_lsn <= self.start_lsn
    }

    pub(super) fn highest_epoch(&self) -> u64 {
        self.epochs.last().copied().unwrap_or(0)
    }

    /// The LSN behind the last record.
    pub(super) fn next_lsn(&self) -> u64 {
        self.links.last().map_or(1, |link| link.next_lsn)
    }

    /// Whether the log was closed in order. A header that is damaged, or gives up what is not there, is reason
    /// enough not to write to its segment.
    pub(super) fn closed(&self) -> bool {
        let sound = |link: &Link| !link.header_lost && link.header.start_lsn <= link.next_lsn;
        self.newest.is_some_and(|newest| newest.closed) && self.links.last().is_some_and(sound)
    }
}
