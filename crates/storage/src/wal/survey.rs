//! What of the newest segment is durable and where its content ends: FORMAT.md section 6.4.

use std::{mem::take, sync::Arc};

use super::{
    cursor::{Cursor, Found, Window},
    frame::{BATCH, FIRST, Kind, LAST},
    header::FRAMES_AT,
    segment::Segment,
    walk::{Control, Mark, control, low},
};
use crate::Error;

/// Findings about one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Survey {
    /// Up to where it is durable, and the LSN there; none if no mark says.
    pub(super) durable: Option<(u64, u64)>,
    /// Where the content ends, before an unfinished record or batch.
    pub(super) end: u64,
    /// The LSN of the record that would come next.
    pub(super) next_lsn: u64,
    /// The highest start LSN of a truncation.
    pub(super) start_lsn: u64,
    /// Whether the content ends in a mark that says all before it is durable.
    pub(super) closed: bool,
    /// Whether something was cut off at the end: an unfinished record, or frames behind a gap.
    pub(super) torn: bool,
    /// Whether something in the durable part is not what was written.
    pub(super) damaged: bool,
}

/// Surveys a segment whose end nobody says; no record from `stop` on is its own.
pub(super) fn survey(
    segment: &Arc<Segment>,
    first_lsn: u64,
    stop: Option<u64>,
    window: &mut Window,
) -> Result<Survey, Error> {
    let stop = stop.unwrap_or(u64::MAX);
    let mut survey = scan(segment, (FRAMES_AT, first_lsn), stop, window)?;
    match survey.durable {
        Some((end, lsn)) if survey.end < end => {
            // Something durable changed: the content goes on at what is known of it.
            let behind = scan(segment, (end, lsn), stop, window)?;
            survey = Survey {
                durable: survey.durable,
                start_lsn: survey.start_lsn.max(behind.start_lsn),
                damaged: true,
                ..behind
            };
            survey.closed = false;
            Ok(survey)
        }
        _ => Ok(survey),
    }
}

/// Up to where the marks of a segment say it is durable.
pub(super) fn durable(segment: &Arc<Segment>, window: &mut Window) -> Result<Option<(u64, u64)>, Error> {
    Ok(scan(segment, (FRAMES_AT, 1), u64::MAX, window)?.durable)
}

/// The LSN of the first record of a segment whose header is lost: counted back from its first mark, or from
/// the end and the LSN there.
///
/// Where something before that is damaged too, it is the LSN of the first valid frame, by its low LSN: what
/// was before that is lost, and was below it.
pub(super) fn first_lsn(
    segment: &Arc<Segment>,
    behind: Option<(u64, u64)>,
    window: &mut Window,
) -> Result<Option<u64>, Error> {
    let end = behind.map_or(u64::MAX, |(end, _)| end);
    let mut cursor = Cursor::new(Arc::clone(segment), FRAMES_AT, end, take(window));
    let (mut records, mut whole) = (0, true);
    let (mut first_low, mut known) = (None, None);
    loop {
        let mut found = cursor.frame()?;
        if found.is_none() && cursor.at() < cursor.end() {
            let from = cursor.at();
            found = cursor.resume()?;
            // Behind the last frame of a segment without an end it is zeros that are passed over.
            whole &= found.is_none() && behind.is_none_or(|(end, _)| from >= end);
        }
        let Some(found) = found else { break };
        first_low.get_or_insert(found.head.lsn_low());
        if let Some(Control::Mark(mark)) = control(&found, cursor.payload(&found)) {
            known = Some(mark.next_lsn);
            break;
        }
        records += u64::from(found.head.kind() == Kind::Record && found.head.flags() & LAST != 0);
        cursor.advance(found.end);
    }
    let reached = behind.filter(|&(end, _)| cursor.at() >= end).map(|(_, lsn)| lsn);
    *window = cursor.into_window();
    let Some(anchor) = known.or(reached) else { return Ok(None) };
    let back = match first_low {
        Some(first_low) if !whole => u64::from(low(anchor).wrapping_sub(first_low)),
        _ => records,
    };
    Ok(anchor.checked_sub(back).filter(|&lsn| lsn > 0))
}

/// Goes along frames that are in place, from an offset with its LSN; behind the first gap it looks for marks.
fn scan(segment: &Arc<Segment>, from: (u64, u64), stop: u64, window: &mut Window) -> Result<Survey, Error> {
    let mut run = Run::new(from);
    let mut cursor = Cursor::new(Arc::clone(segment), from.0, u64::MAX, take(window));
    while let Some(found) = cursor.frame()? {
        if run.whole.1 >= stop || !run.take(&found, control(&found, cursor.payload(&found)).as_ref()) {
            break;
        }
        cursor.advance(found.end);
    }
    let mut survey = run.survey(cursor.at());
    let mut next = match cursor.frame()? {
        Some(found) => Some(found),
        None => cursor.resume()?,
    };
    while let Some(found) = next {
        survey.torn = true;
        survey.closed = false;
        if let Some(Control::Mark(mark)) = control(&found, cursor.payload(&found)) {
            survey.durable = later(survey.durable, &mark);
        }
        cursor.advance(found.end);
        next = match cursor.frame()? {
            Some(found) => Some(found),
            None => cursor.resume()?,
        };
    }
    *window = cursor.into_window();
    Ok(survey)
}

fn later(durable: Option<(u64, u64)>, mark: &Mark) -> Option<(u64, u64)> {
    let named = (mark.durable_end > 0).then_some((mark.durable_end, mark.durable_lsn));
    durable.max(named)
}

/// Counts along frames that follow one another.
#[derive(Debug)]
struct Run {
    lsn: u64,
    inside_record: bool,
    inside_batch: bool,
    /// Behind the last record, batch or mark that is whole, and the LSN there.
    whole: (u64, u64),
    /// Behind the last mark, or where it began, and the LSN there.
    marked: (u64, u64),
    durable: Option<(u64, u64)>,
    start_lsn: u64,
    closed: bool,
}

impl Run {
    fn new(from: (u64, u64)) -> Self {
        Self {
            lsn: from.1,
            inside_record: false,
            inside_batch: false,
            whole: from,
            marked: from,
            durable: None,
            start_lsn: 1,
            closed: false,
        }
    }

    /// Goes over a frame; false if it is not in place.
    fn take(&mut self, found: &Found, control: Option<&Control>) -> bool {
        let head = &found.head;
        if head.lsn_low() != low(self.lsn) {
            return false;
        }
        let inside = self.inside_record || self.inside_batch;
        match control {
            None if head.kind() == Kind::Record && (head.flags() & FIRST == 0) == self.inside_record => {
                self.inside_record = head.flags() & LAST == 0;
                self.inside_batch = head.flags() & BATCH != 0;
                self.lsn += u64::from(!self.inside_record);
                self.closed = false;
            }
            Some(Control::Mark(mark)) if !inside && mark.next_lsn == self.lsn && self.agrees(mark) => {
                self.marked = (found.end, self.lsn);
                self.durable = later(self.durable, mark);
                self.closed = mark.durable_end == mark.offset;
            }
            Some(Control::Truncation { start_lsn }) if !inside && *start_lsn <= self.lsn => {
                self.start_lsn = self.start_lsn.max(*start_lsn);
                self.closed = false;
            }
            _ => return false,
        }
        if !self.inside_record && !self.inside_batch {
            self.whole = (found.end, self.lsn);
        }
        true
    }

    /// Whether the LSN that a mark names is the one at the place it names, where that can be told.
    ///
    /// A writer names the end of the group before, what it named before, or the mark's own offset.
    fn agrees(&self, mark: &Mark) -> bool {
        let named = (mark.durable_end, mark.durable_lsn);
        let (end, lsn) = self.marked;
        match mark.durable_end {
            at if at == mark.offset => mark.durable_lsn == self.lsn,
            at if at == end => mark.durable_lsn == lsn,
            at => {
                at < end
                    && mark.durable_lsn <= lsn
                    && self.durable.is_none_or(|before| before.0 != at || before == named)
            }
        }
    }

    fn survey(&self, gap: u64) -> Survey {
        let (end, next_lsn) = self.whole;
        Survey {
            durable: self.durable,
            end,
            next_lsn,
            start_lsn: self.start_lsn,
            closed: self.closed && end == gap,
            torn: end != gap,
            damaged: false,
        }
    }
}
