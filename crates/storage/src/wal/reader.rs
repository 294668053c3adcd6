use std::{collections::VecDeque, mem::take, path::PathBuf, sync::Arc};

use super::{
    Lsn,
    chain::Link,
    cursor::Window,
    frame::{BATCH, FIRST, LAST},
    header::{FRAMES_AT, Page},
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
    walk: Option<Walk>,
    window: Window,
    /// A record of several parts.
    record: Vec<u8>,
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
        Self { files, dir, links, from, walk: None, window, record, next_lsn }
    }

    /// The number that the record behind the last one will have.
    pub fn end(&self) -> Lsn {
        Lsn(self.next_lsn)
    }

    /// Reads the next record; none at the end.
    ///
    /// # Errors
    /// [`Error::Damaged`] where records are lost, [`Error::Superseded`] where the writer gave them up
    /// meanwhile, else [`Error::Io`]. After the first of these the next call goes on behind the damage.
    #[expect(clippy::should_implement_trait, reason = "a record borrows from its reader")]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        let mut record = take(&mut self.record);
        record.clear();
        let whole = loop {
            let Some(part) = self.next_part()? else { return Ok(None) };
            if part.first && part.last {
                break None;
            }
            if part.first {
                record.clear();
            }
            let room = record.try_reserve(part.bytes.len());
            if room.is_err() {
                let (needs, allowed) = (record.len() as u64 + part.bytes.len() as u64, record.len() as u64);
                return Err(Error::RecordTooLong { path: self.dir.clone(), needs, allowed });
            }
            record.extend_from_slice(part.bytes);
            if part.last {
                break Some((part.lsn, part.batch_goes_on));
            }
        };
        self.record = record;
        let Some((lsn, batch_goes_on)) = whole else {
            return Ok(self.last_part());
        };
        Ok(Some(Record { lsn, bytes: &self.record, batch_goes_on }))
    }

    /// Reads the next record piece by piece: at most 1 MiB at once, each checked before it is handed out.
    ///
    /// A long record need not fit into memory. After [`Error::Damaged`] the record that was begun is lost.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn next_part(&mut self) -> Result<Option<Part<'_>>, Error> {
        loop {
            if self.walk.is_none() && !self.enter()? {
                return Ok(None);
            }
            let Some(walk) = &mut self.walk else { return Ok(None) };
            match walk.next()? {
                Some(Item::Part { lsn, .. }) if lsn < self.from => {}
                Some(Item::Part { .. }) => break,
                Some(Item::Lost(lost)) if lost.next_lsn <= self.from && lost.first_lsn < self.from => {}
                Some(Item::Lost(lost)) => return Err(self.damaged(lost)),
                Some(Item::Mark | Item::Truncation { .. }) => {}
                None => {
                    self.window = self.walk.take().map(Walk::into_window).unwrap_or_default();
                }
            }
        }
        Ok(self.walk.as_ref().and_then(Walk::part).map(|(lsn, flags, bytes)| Part {
            lsn: Lsn(lsn),
            bytes,
            first: flags & FIRST != 0,
            last: flags & LAST != 0,
            batch_goes_on: flags & BATCH != 0,
        }))
    }

    /// The part read last, which is a whole record.
    fn last_part(&self) -> Option<Record<'_>> {
        let (lsn, flags, bytes) = self.walk.as_ref()?.part()?;
        Some(Record { lsn: Lsn(lsn), bytes, batch_goes_on: flags & BATCH != 0 })
    }

    /// Goes into the next segment; false if there is none.
    fn enter(&mut self) -> Result<bool, Error> {
        let Some(link) = self.links.pop_front() else { return Ok(false) };
        let path = path_of(&self.dir, link.epoch());
        let Some(segment) = Segment::open(&*self.files, &self.dir, &link.header.log_id, link.epoch())? else {
            return Err(Error::Superseded { path });
        };
        // Between the list and the lock it may have been taken for something else.
        if segment.page()? == Page::Unused {
            return Err(Error::Superseded { path });
        }
        let window = take(&mut self.window);
        let lsn_at_end = Some(link.next_lsn);
        self.walk = Some(Walk::new(
            &Arc::new(segment),
            (FRAMES_AT, link.header.first_lsn),
            link.end,
            lsn_at_end,
            window,
        ));
        Ok(true)
    }

    fn damaged(&self, lost: Lost) -> Error {
        let path = self.walk.as_ref().map(|walk| walk.path().to_owned()).unwrap_or_default();
        let Lost { offset, resumed, first_lsn, next_lsn } = lost;
        Error::Damaged { path, offset, resumed, first_lsn, next_lsn }
    }
}
