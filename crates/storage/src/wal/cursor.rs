//! From frame to frame through one segment, in a window of fixed size.

use std::sync::Arc;

use super::{
    frame::{self, HEAD_LEN, Head, PAYLOAD_LEN_MAX},
    segment::Segment,
};
use crate::Error;

/// What is read at once.
const READ_LEN: usize = 1 << 20;
/// The window: a longest frame cut short, and what is read behind it.
const WINDOW_LEN: usize = READ_LEN + HEAD_LEN + PAYLOAD_LEN_MAX + 4096;
/// Reads begin at multiples of this, as the pages of the system do: copying out of them is faster so.
const PAGE_LEN: u64 = 4096;
/// Frames start at multiples of this.
const STEP: u64 = 8;
/// How many bytes are checked in vain in one segment before it is given up.
const SEARCH_MAX: u64 = 1 << 30;

/// The window that cursors pass on, so that one reader takes memory once.
#[derive(Debug, Default)]
pub(super) struct Window(Vec<u8>);

/// A position in a segment.
#[derive(Debug)]
pub(super) struct Cursor {
    segment: Arc<Segment>,
    /// Where the next frame starts.
    at: u64,
    /// Where frames must end.
    end: u64,
    window: Window,
    /// How many bytes searches may still check in vain.
    patience: u64,
    /// Where in the segment the window starts, and how much of it is filled.
    base: u64,
    filled: usize,
}

impl Cursor {
    pub(super) fn new(segment: Arc<Segment>, from: u64, end: u64, window: Window) -> Self {
        let end = end.min(segment.frames_end());
        Self { segment, at: from, end, window, patience: SEARCH_MAX, base: from, filled: 0 }
    }

    /// Gives the window back, for the next cursor.
    pub(super) fn into_window(self) -> Window {
        self.window
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The valid frame that starts here, if one does, with where its payload stands in the window.
    #[inline]
    pub(super) fn frame(&mut self) -> Result<Option<Found>, Error> {
        let Some(head) = self.head()? else { return Ok(None) };
        let frame_len = HEAD_LEN + head.body_len();
        if frame_len as u64 > self.end - self.at || !self.fill(frame_len)? {
            return Ok(None);
        }
        let index = self.index();
        let frame = self.window.0.get(index..index + frame_len).unwrap_or_default();
        if !frame::is_sound(frame, head, self.segment.seeds.at(self.at)) {
            return Ok(None);
        }
        let end = self.at + frame_len as u64;
        Ok(Some(Found { head, payload_at: index + HEAD_LEN, offset: self.at, end }))
    }

    /// The payload of the frame found last.
    #[inline]
    pub(super) fn payload(&self, found: &Found) -> &[u8] {
        self.window.0.get(found.payload_at..found.payload_at + found.head.payload_len()).unwrap_or_default()
    }

    /// Goes on to where the next frame starts.
    pub(super) fn advance(&mut self, to: u64) {
        self.at = to;
    }

    /// Looks for the next place, after this one, where a valid frame starts, and goes there; else to the end.
    pub(super) fn resume(&mut self) -> Result<Option<Found>, Error> {
        self.at += STEP;
        // Only bytes that were made to deceive name many long frames that are none.
        while self.at + HEAD_LEN as u64 <= self.end && self.patience > 0 {
            if let Some(head) = self.head()?
                && self.head_is_sound()
            {
                if let Some(found) = self.frame()? {
                    return Ok(Some(found));
                }
                self.patience = self.patience.saturating_sub(head.body_len() as u64);
            }
            self.at += STEP;
            self.skip_zeros()?;
        }
        self.at = self.end;
        Ok(None)
    }

    /// Passes over zeros, in which no frame starts, as fast as memory is read.
    fn skip_zeros(&mut self) -> Result<(), Error> {
        while self.at + HEAD_LEN as u64 <= self.end && self.fill(HEAD_LEN)? {
            let window = self.window.0.get(self.index()..self.filled).unwrap_or_default();
            let (words, _) = window.as_chunks::<8>();
            let zeros = words.iter().take_while(|&&word| word == [0; 8]).count() as u64;
            // The kind stands in the first eight bytes, so a frame starts with some that are not all zero.
            self.at += zeros * STEP;
            if zeros < words.len() as u64 {
                break;
            }
        }
        Ok(())
    }

    #[inline]
    fn head(&mut self) -> Result<Option<Head>, Error> {
        if self.end.saturating_sub(self.at) < HEAD_LEN as u64 || !self.fill(HEAD_LEN)? {
            return Ok(None);
        }
        Ok(self.window.0.get(self.index()..).and_then(<[u8]>::first_chunk).and_then(Head::decode))
    }

    fn head_is_sound(&self) -> bool {
        let bytes = self.window.0.get(self.index()..).and_then(<[u8]>::first_chunk);
        bytes.is_some_and(|bytes| frame::head_is_sound(bytes, self.segment.seeds.at(self.at)))
    }

    /// Where in the window the next frame starts.
    #[inline]
    fn index(&self) -> usize {
        usize::try_from(self.at - self.base).unwrap_or(usize::MAX).min(self.filled)
    }

    /// Has `len` bytes from here in the window; false if the file ends before.
    #[inline]
    fn fill(&mut self, len: usize) -> Result<bool, Error> {
        // A search may be past what was read, never before it.
        if self.at - self.base + len as u64 <= self.filled as u64 {
            return Ok(true);
        }
        self.read(len)
    }

    #[cold]
    fn read(&mut self, len: usize) -> Result<bool, Error> {
        let base = self.at / PAGE_LEN * PAGE_LEN;
        let window = &mut self.window.0;
        let passed = base.checked_sub(self.base).and_then(|passed| usize::try_from(passed).ok());
        match passed.filter(|&passed| passed <= self.filled) {
            Some(passed) => {
                window.copy_within(passed..self.filled, 0);
                self.filled -= passed;
            }
            None => self.filled = 0,
        }
        self.base = base;
        let rest = usize::try_from(self.end - base).unwrap_or(WINDOW_LEN).min(WINDOW_LEN);
        if window.len() < rest {
            window.resize(rest, 0);
        }
        let needed = usize::try_from(self.at - base).unwrap_or(usize::MAX).saturating_add(len);
        while self.filled < needed {
            let wanted = usize::try_from(self.end - base).unwrap_or(usize::MAX).min(self.filled + READ_LEN);
            let room = window.get_mut(self.filled..wanted).unwrap_or_default();
            let count = self.segment.file.read_full_at(room, base + self.filled as u64)?;
            if count == 0 {
                return Ok(false);
            }
            self.filled += count;
        }
        Ok(true)
    }
}

/// A valid frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) head: Head,
    payload_at: usize,
    pub(super) offset: u64,
    pub(super) end: u64,
}
