//! What one segment holds, with the LSNs counted and damage told.

use std::{mem::replace, path::Path, sync::Arc};

use super::{
    cursor::{Cursor, Found, Window},
    frame::{FIRST, HEAD_LEN, Kind, LAST},
    header::{FRAMES_AT, LSN_MAX},
    planted::{self, Plant},
    segment::Segment,
};
use crate::Error;

/// Lost bytes below which the low LSN says how many records they can have held.
const LOW_LSN_PROVES: u64 = (HEAD_LEN as u64) << 16;

/// Goes through a segment up to a known end; what is not a valid frame before that is damage.
#[derive(Debug)]
pub(super) struct Walk {
    segment: Arc<Segment>,
    cursor: Cursor,
    lsn: u64,
    /// Where the content ends; beyond the cursor's end in a file that was cut.
    end: u64,
    /// The LSN behind the end, where a successor says it.
    lsn_at_end: Option<u64>,
    /// Whether a record has begun and not ended.
    inside: bool,
    /// After damage: a frame already found.
    resumed: Option<Found>,
    /// The part handed out last, and its LSN.
    last: Option<(u64, Found)>,
}

/// What a segment holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Item<'a> {
    /// A record, or a part of one; all parts carry its LSN.
    Part { lsn: u64, flags: u8, payload: &'a [u8] },
    /// A mark.
    Mark,
    /// Records below this LSN are given up.
    Truncation { start_lsn: u64 },
    /// Something that was there is not.
    Lost(Lost),
}

/// What a mark says, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) offset: u64,
    pub(super) end: u64,
    pub(super) durable_end: u64,
    pub(super) durable_lsn: u64,
    pub(super) next_lsn: u64,
}

/// A place where the content is not what was written. The LSNs are those of the records lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) offset: u64,
    pub(super) resumed: u64,
    pub(super) first_lsn: u64,
    pub(super) next_lsn: u64,
}

impl Walk {
    /// Begins at the frame at `from`, whose LSN is `lsn`; `lsn_at_end` is that behind `end`, if it is known.
    pub(super) fn new(
        segment: &Arc<Segment>,
        (from, lsn): (u64, u64),
        end: u64,
        lsn_at_end: Option<u64>,
        window: Window,
    ) -> Self {
        let cursor = Cursor::new(Arc::clone(segment), from, end, window);
        Self {
            segment: Arc::clone(segment),
            cursor,
            lsn,
            end,
            lsn_at_end,
            inside: false,
            resumed: None,
            last: None,
        }
    }

    /// Gives the window back, for the next segment.
    pub(super) fn into_window(self) -> Window {
        self.cursor.into_window()
    }

    /// LSN, flags and bytes of the part handed out last, until the next step.
    #[inline]
    pub(super) fn part(&self) -> Option<(u64, u8, &[u8])> {
        let (lsn, found) = self.last.as_ref()?;
        Some((*lsn, found.head.flags(), self.cursor.payload(found)))
    }

    /// The segment.
    pub(super) fn path(&self) -> &Path {
        self.segment.file.path()
    }

    /// The next thing in the segment; none at its end.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Item<'_>>, Error> {
        let found = match self.resumed.take() {
            Some(found) => found,
            None if self.cursor.at() >= self.cursor.end() => return Ok(self.finish()),
            None => match self.cursor.frame()?.filter(|found| self.fits(found)) {
                Some(found) => found,
                None if planted::is(Plant::SkippedRecord) => {
                    self.lost()?;
                    return self.next();
                }
                None => return self.lost().map(Some),
            },
        };
        self.cursor.advance(found.end);
        Ok(Some(self.item(&found)))
    }

    #[inline]
    fn item(&mut self, found: &Found) -> Item<'_> {
        let offset = found.offset;
        if found.head.kind() == Kind::Record {
            let lsn = self.lsn;
            let last = found.head.flags() & LAST != 0;
            self.inside = !last;
            self.lsn += u64::from(last);
            self.last = Some((lsn, *found));
            let payload = self.cursor.payload(found);
            return Item::Part { lsn, flags: found.head.flags(), payload };
        }
        match control(found, self.cursor.payload(found)) {
            Some(Control::Mark(_)) => Item::Mark,
            Some(Control::Truncation { start_lsn }) => Item::Truncation { start_lsn },
            // `fits` let only those two through.
            None => Item::Lost(Lost { offset, resumed: found.end, first_lsn: self.lsn, next_lsn: self.lsn }),
        }
    }

    /// At the end a record may be unfinished, the count differ from what the successor says, or the file be cut.
    #[cold]
    fn finish(&mut self) -> Option<Item<'_>> {
        let offset = self.cursor.end();
        let resumed = self.take_end();
        let expected = self.lsn_at_end.take().unwrap_or(self.lsn);
        if self.inside || expected > self.lsn || resumed > offset {
            let first_lsn = self.lsn;
            self.inside = false;
            self.lsn = expected.max(first_lsn);
            return Some(Item::Lost(Lost { offset, resumed, first_lsn, next_lsn: self.lsn }));
        }
        None
    }

    /// Where the content ends, the first time that somebody asks.
    fn take_end(&mut self) -> u64 {
        replace(&mut self.end, self.cursor.end()).max(self.cursor.end())
    }

    /// Whether a frame that is valid alone is also what may come next.
    #[inline]
    fn fits(&self, found: &Found) -> bool {
        let head = &found.head;
        if head.lsn_low() != low(self.lsn) {
            return false;
        }
        match head.kind() {
            Kind::Record => (head.flags() & FIRST == 0) == self.inside,
            Kind::Mark | Kind::Truncation => {
                !self.inside
                    && match control(found, self.cursor.payload(found)) {
                        Some(Control::Mark(mark)) => mark.next_lsn == self.lsn,
                        Some(Control::Truncation { start_lsn }) => start_lsn <= self.lsn,
                        None => false,
                    }
            }
        }
    }

    /// Passes over damage to the next frame that begins something.
    #[cold]
    fn lost(&mut self) -> Result<Item<'_>, Error> {
        let (offset, first_lsn) = (self.cursor.at(), self.lsn);
        self.inside = false;
        let mut next = self.cursor.resume()?;
        while let Some(found) = next {
            let begins = found.head.kind() != Kind::Record || found.head.flags() & FIRST != 0;
            let sound =
                found.head.kind() == Kind::Record || control(&found, self.cursor.payload(&found)).is_some();
            if begins && sound {
                break;
            }
            // Parts of a record whose beginning is lost.
            self.cursor.advance(found.end);
            next = match self.cursor.frame()? {
                Some(found) => Some(found),
                None => self.cursor.resume()?,
            };
        }
        let resumed = if next.is_some() { self.cursor.at() } else { self.take_end() };
        self.lsn = match &next {
            Some(found) => self.lsn_after(found, resumed - offset)?.max(first_lsn),
            None => self.lsn_at_end.take().unwrap_or(first_lsn).max(first_lsn),
        };
        self.resumed = next;
        Ok(Item::Lost(Lost { offset, resumed, first_lsn, next_lsn: self.lsn }))
    }

    /// The LSN at a frame behind `lost_len` lost bytes.
    fn lsn_after(&self, found: &Found, lost_len: u64) -> Result<u64, Error> {
        if let Some(Control::Mark(mark)) = control(found, self.cursor.payload(found)) {
            return Ok(mark.next_lsn);
        }
        let nearest = self.lsn + u64::from(found.head.lsn_low().wrapping_sub(low(self.lsn)));
        if lost_len < LOW_LSN_PROVES {
            return Ok(nearest);
        }
        // Count back from the next place that says its LSN.
        let segment = Arc::clone(&self.segment);
        let mut ahead = Cursor::new(segment, found.offset, self.cursor.end(), Window::default());
        let mut count = 0;
        while let Some(next) = ahead.frame()? {
            if let Some(Control::Mark(mark)) = control(&next, ahead.payload(&next)) {
                return Ok(mark.next_lsn.saturating_sub(count));
            }
            count += u64::from(next.head.kind() == Kind::Record && next.head.flags() & LAST != 0);
            ahead.advance(next.end);
        }
        let counted = self.lsn_at_end.filter(|_| ahead.at() >= ahead.end());
        Ok(counted.map_or(nearest, |lsn| lsn.saturating_sub(count)))
    }
}

/// What a frame that is not of a record says.
pub(super) enum Control {
    Mark(Mark),
    Truncation { start_lsn: u64 },
}

/// Takes a mark or truncation apart; none if its payload breaks the rules.
pub(super) fn control(found: &Found, payload: &[u8]) -> Option<Control> {
    let (first, rest) = payload.split_first_chunk()?;
    let first = u64::from_le_bytes(*first);
    match found.head.kind() {
        Kind::Record => None,
        Kind::Mark => {
            let ([durable, next], []) = rest.as_chunks::<8>() else { return None };
            let (durable_lsn, next_lsn) = (u64::from_le_bytes(*durable), u64::from_le_bytes(*next));
            let durable = match first {
                0 => durable_lsn == 0,
                end => {
                    (FRAMES_AT..=found.offset).contains(&end)
                        && end.is_multiple_of(8)
                        && (1..=next_lsn).contains(&durable_lsn)
                }
            };
            let next = low(next_lsn) == found.head.lsn_low() && (1..=LSN_MAX).contains(&next_lsn);
            let (offset, end) = (found.offset, found.end);
            let mark = Mark { offset, end, durable_end: first, durable_lsn, next_lsn };
            (durable && next).then_some(Control::Mark(mark))
        }
        Kind::Truncation => {
            (rest.is_empty() && first > 0).then_some(Control::Truncation { start_lsn: first })
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
pub(super) fn low(lsn: u64) -> u16 {
    lsn as u16
}
