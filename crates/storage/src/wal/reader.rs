use std::{
    collections::VecDeque,
    mem::{replace, take},
    path::PathBuf,
    sync::Arc,
};

use super::{
    Lsn,
    chain::Link,
    cursor::Window,
    frame::{BATCH, FIRST, LAST},
    header::{FRAMES_AT, Page},
    options::RECORD_LEN_MAX,
    segment::{Segment, path_of},
    walk::{Item, Lost, Walk},
};
use crate::{Error, Files};

/// The records of a log, oldest first, up to where the log ended when the reader was made.
///
/// It holds 2 MiB, and for [`next`](Self::next) the longest record besides. A place that is damaged is an
/// error once; the next call goes on behind it. While it reads a segment, the writer does not recycle
/// that; what the writer gives up meanwhile is [`Error::Superseded`].
#[derive(Debug)]
pub struct Reader {
    files: Arc<dyn Files>,
    dir: PathBuf,
    links: VecDeque<Link>,
    from: u64,
    /// The LSN up to which all has been gone through.
    at: u64,
    walk: Option<Walk>,
    window: Window,
    /// A record of several parts, and its LSN while it is not whole: kept over errors of the system.
    record: Vec<u8>,
    partial: Option<u64>,
    /// Where the log ends.
    next_lsn: u64,
}

/// A record of the log, borrowed from its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number.
    pub lsn: Lsn,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Whether the next record belongs to the same batch.
    pub batch_goes_on: bool,
}

/// A record of the log, or up to 1 MiB of a longer one, borrowed from its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// The number of the record.
    pub lsn: Lsn,
    /// The bytes of this part.
    pub bytes: &'a [u8],
    /// Whether the record begins here.
    pub first: bool,
    /// Whether the record ends here.
    pub last: bool,
    /// Whether the next record belongs to the same batch.
    pub batch_goes_on: bool,
}

impl Reader {
    pub(super) fn new(files: Arc<dyn Files>, dir: PathBuf, links: &[Link], from: u64, next_lsn: u64) -> Self {
        let links = links.iter().filter(|link| link.next_lsn > from).copied().collect();
        let (window, record) = (Window::default(), Vec::new());
        Self { files, dir, links, from, at: from, walk: None, window, record, partial: None, next_lsn }
    }

    /// The number that the record behind the last one will have.
    pub fn end(&self) -> Lsn {
        Lsn(self.next_lsn)
    }

    /// Reads the next record; none at the end.
    ///
    /// # Errors
    /// [`Error::Damaged`] and [`Error::Missing`] where records are lost, [`Error::Superseded`] where the writer gave
    /// them up meanwhile: the next call goes on behind these. Else [`Error::Io`], after which the next call
    /// tries again.
    #[expect(clippy::should_implement_trait, reason = "a record borrows from its reader")]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        loop {
            if !self.step()? {
                return Ok(None);
            }
            let Some((lsn, flags, bytes)) = self.walk.as_ref().and_then(Walk::part) else { return Ok(None) };
            if flags & FIRST != 0 {
                self.record.clear();
                self.partial = Some(lsn);
                if flags & LAST != 0 {
                    break;
                }
            } else if self.partial != Some(lsn) {
                // The beginning was lost, or handed out as a part.
                continue;
            }
            let len = (self.record.len() + bytes.len()) as u64;
            if len > RECORD_LEN_MAX || self.record.try_reserve(bytes.len()).is_err() {
                self.partial = None;
                let path = self.dir.clone();
                return Err(Error::Limit { path, needs: len, allowed: RECORD_LEN_MAX.min(len - 1) });
            }
            self.record.extend_from_slice(bytes);
            if flags & LAST != 0 {
                break;
            }
        }
        self.partial = None;
        let Some((lsn, flags, bytes)) = self.walk.as_ref().and_then(Walk::part) else { return Ok(None) };
        let bytes = if flags & FIRST != 0 { bytes } else { &self.record };
        Ok(Some(Record { lsn: Lsn(lsn), bytes, batch_goes_on: flags & BATCH != 0 }))
    }

    /// Reads the next record piece by piece: at most 1 MiB at once, each checked before it is handed out.
    ///
    /// A long record need not fit into memory. After [`Error::Damaged`] the record that was begun is lost.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn next_part(&mut self) -> Result<Option<Part<'_>>, Error> {
        self.partial = None;
        if !self.step()? {
            return Ok(None);
        }
        Ok(self.walk.as_ref().and_then(Walk::part).map(|(lsn, flags, bytes)| Part {
            lsn: Lsn(lsn),
            bytes,
            first: flags & FIRST != 0,
            last: flags & LAST != 0,
            batch_goes_on: flags & BATCH != 0,
        }))
    }

    /// Goes on to the next part; false at the end.
    #[inline]
    fn step(&mut self) -> Result<bool, Error> {
        loop {
            if self.walk.is_none() && !self.enter()? {
                return Ok(false);
            }
            let Some(walk) = &mut self.walk else { return Ok(false) };
            match walk.next()? {
                Some(Item::Part { lsn, .. }) if lsn < self.from => {}
                Some(Item::Part { .. }) => return Ok(true),
                Some(Item::Lost(lost)) if lost.next_lsn <= self.from && lost.first_lsn < self.from => {}
                Some(Item::Lost(lost)) => return Err(self.damaged(lost)),
                Some(Item::Mark | Item::Truncation { .. }) => {}
                None => {
                    self.window = self.walk.take().map(Walk::into_window).unwrap_or_default();
                }
            }
        }
    }

    /// Goes into the next segment; false if there is none.
    // Apart, for its page of header on the stack.
    #[cold]
    #[inline(never)]
    fn enter(&mut self) -> Result<bool, Error> {
        let Some(link) = self.links.front().copied() else { return Ok(false) };
        let path = path_of(&self.dir, link.epoch());
        let next_lsn = link.header.first_lsn;
        if self.at < next_lsn {
            // No segment holds what is between.
            let first_lsn = replace(&mut self.at, next_lsn);
            let path = path_of(&self.dir, link.header.before.epoch);
            return Err(Error::Missing { path, first_lsn, next_lsn });
        }
        let opened = Segment::open(&*self.files, &self.dir, &link.header.log_id, link.epoch());
        let segment = match opened {
            Ok(Some(segment)) => Some(segment),
            Ok(None) | Err(Error::Superseded { .. }) => None,
            Err(err) => return Err(err),
        };
        // Between the list and the lock it may have been taken for something else.
        let unused = |segment: &Segment| Ok(segment.page()? == Page::Unused && !link.header_lost);
        let segment = match segment {
            Some(segment) if !unused(&segment)? => segment,
            _ => {
                self.links.pop_front();
                self.at = self.at.max(link.next_lsn);
                return Err(Error::Superseded { path });
            }
        };
        self.links.pop_front();
        self.at = self.at.max(link.next_lsn);
        let window = take(&mut self.window);
        let from = (FRAMES_AT, next_lsn);
        self.walk = Some(Walk::new(&Arc::new(segment), from, link.end, Some(link.next_lsn), window));
        Ok(true)
    }

    #[cold]
    fn damaged(&self, lost: Lost) -> Error {
        let path = self.walk.as_ref().map(|walk| walk.path().to_owned()).unwrap_or_default();
        let Lost { offset, resumed, first_lsn, next_lsn } = lost;
        Error::Damaged { path, offset, resumed, first_lsn, next_lsn }
    }
}
