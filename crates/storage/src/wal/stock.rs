//! Segments made ahead of time, and what the thread does.

use std::{
    path::Path,
    sync::{Arc, PoisonError},
};

use super::{
    header::PAGE_LEN,
    options::GivenUp,
    segment::{Segment, fill, path_of},
    shared::{Guard, Shared, Unwinding},
    state::State,
};
use crate::{
    Error, Files,
    atomic::{found, rename},
};

/// No more given-up segments than this are kept for use again.
const SPARES_MAX: usize = 1;

/// A segment of at least `len` bytes to begin; none if the caller has to look again.
pub(super) fn take<'a>(
    log: &'a Shared,
    mut state: Guard<'a>,
    len: u64,
) -> Result<(Guard<'a>, Option<Arc<Segment>>), Error> {
    if let Some(ready) = state.stock.ready.take() {
        if ready.len >= len {
            return Ok((state, Some(ready)));
        }
        // Too short for this record: it is the next one's, unless its epoch is passed by.
        discard(log, &ready);
    }
    state.stats.segments_late += 1;
    if state.stock.making {
        return Ok((log.wait(state), None));
    }
    state.stock.wanted = None;
    let wanted = Wanted::next(&mut state, len);
    // Appenders wait for the mutex meanwhile: they could not go on either.
    let segment = wanted.make(log)?;
    state.stats.segments_recycled += u64::from(wanted.spare.is_some());
    Ok((state, Some(segment)))
}

/// A segment that is to be made.
struct Wanted {
    log_id: [u8; 16],
    epoch: u64,
    len: u64,
    /// The epoch of a given-up segment of this length.
    spare: Option<u64>,
    /// Whether it is to be filled with zeros.
    fill: bool,
}

impl Wanted {
    /// Gives it the next epoch.
    fn next(state: &mut State, len: u64) -> Self {
        state.epoch += 1;
        let spares = &mut state.stock.spares;
        let spare = spares.iter().position(|&(_, spare_len)| spare_len == len);
        let spare = spare.map(|index| spares.swap_remove(index).0);
        Self { log_id: state.log_id, epoch: state.epoch, len, spare, fill: Shared::fills(state) }
    }

    /// Makes it, with its name and length durable.
    fn make(&self, log: &Shared) -> Result<Arc<Segment>, Error> {
        let (files, dir) = (&*log.options.files, &*log.dir);
        let path = path_of(dir, self.epoch);
        let segment = |file| Arc::new(Segment::new(file, &self.log_id, self.epoch, self.len));
        if let Some(spare) = self.spare {
            rename(files, &path_of(dir, spare), &path)?;
            return files.open_rw(&path).map(segment);
        }
        let file = files.create_new(&path)?;
        // Its last byte alone makes a file as long as it is to be, and leaves its blocks for later.
        let from = if self.fill { 0 } else { self.len.saturating_sub(1) };
        let made =
            fill(&*file, from, self.len).and_then(|()| file.sync_data()).and_then(|()| files.sync_dir(dir));
        match made {
            Ok(()) => Ok(segment(file)),
            Err(err) => {
                // What can't be removed now is a stray, which the next opening removes.
                let _ = files.remove(&path);
                Err(err)
            }
        }
    }
}

pub(super) fn discard(log: &Shared, segment: &Segment) {
    // What can't be removed now is a stray, which the next opening removes.
    let _ = log.options.files.remove(segment.file.path());
}

/// Removes what was made ahead of time and not begun.
pub(super) fn clear(log: &Shared) {
    let mut state = log.lock();
    let ready = state.stock.ready.take().map(|segment| segment.epoch);
    let spares = std::mem::take(&mut state.stock.spares);
    for epoch in spares.into_iter().map(|(epoch, _)| epoch).chain(ready) {
        // What can't be removed now is a stray, which the next opening removes.
        let _ = log.options.files.remove(&path_of(&log.dir, epoch));
    }
}

/// Does away with a segment that has been given up.
pub(super) fn give_up(log: &Shared, epoch: u64, len: u64) -> Result<(), Error> {
    let (files, path) = (&*log.options.files, path_of(&log.dir, epoch));
    match log.options.given_up {
        GivenUp::Archive => return archive(files, &path),
        GivenUp::Recycle if wanted(log, len) && empty(files, &path)? => {
            log.lock().stock.spares.push((epoch, len));
            return Ok(());
        }
        GivenUp::Recycle | GivenUp::Remove => {}
    }
    found(files.remove(&path)).map(drop)
}

/// Keeps a segment under another name.
pub(super) fn archive(files: &dyn Files, path: &Path) -> Result<(), Error> {
    let mut name = path.to_owned().into_os_string();
    name.push(".archived");
    found(rename(files, path, Path::new(&name))).map(drop)
}

/// Whether a spare of this length would be used.
fn wanted(log: &Shared, len: u64) -> bool {
    let state = log.lock();
    state.stock.spares.len() < SPARES_MAX && log.next_len(&state) == len
}

/// Empties the header page of a segment that nobody reads, durably; false if somebody does.
fn empty(files: &dyn Files, path: &Path) -> Result<bool, Error> {
    let Some(file) = found(files.open_rw(path))? else { return Ok(false) };
    match file.try_lock() {
        Ok(true) => {}
        Ok(false) => return Ok(false),
        Err(err) if err.io_kind() == Some(std::io::ErrorKind::Unsupported) => return Ok(false),
        Err(err) => return Err(err),
    }
    file.write_all_at(&[0; PAGE_LEN], 0)?;
    file.sync_data()?;
    Ok(true)
}

/// The thread: makes the next segment and syncs when that is wanted, until the log is shut.
pub(super) fn run(log: &Shared) {
    let mut state = log.lock();
    loop {
        if state.stock.shut {
            return;
        }
        if let Some(len) = state.stock.wanted.take() {
            state = make_ahead(log, state, len);
        } else if state.stock.to_sync.is_some() {
            state = sync(log, state);
        } else {
            state = log.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn make_ahead<'a>(log: &'a Shared, mut state: Guard<'a>, len: u64) -> Guard<'a> {
    state.stock.making = true;
    let wanted = Wanted::next(&mut state, len);
    drop(state);
    let made = {
        let _unwinding = Unwinding(log);
        wanted.make(log)
    };
    let mut state = log.lock();
    state.stock.making = false;
    if let Ok(segment) = made {
        state.stats.segments_recycled += u64::from(wanted.spare.is_some());
        state.stock.ready = Some(segment);
    } else {
        // The append that needs the segment tries again, and answers for it.
        state.stock.failed = state.head.as_ref().map(|head| head.segment.epoch);
        state.stock.spares.extend(wanted.spare.map(|epoch| (epoch, len)));
    }
    log.changed.notify_all();
    state
}

/// Syncs what is to be synced, once nobody else does.
fn sync<'a>(log: &'a Shared, mut state: Guard<'a>) -> Guard<'a> {
    if state.busy {
        return log.wait(state);
    }
    let Some(segment) = state.stock.to_sync.take() else { return state };
    state.stock.syncing = true;
    drop(state);
    let synced = {
        let _unwinding = Unwinding(log);
        segment.file.sync_data()
    };
    let mut state = log.lock();
    state.stock.syncing = false;
    // What was written meanwhile is not covered, so nothing is taken for durable.
    state.poisoned |= synced.is_err();
    log.changed.notify_all();
    state
}
