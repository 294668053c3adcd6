//! Segments made ahead of time, and what the thread does.

use std::{
    path::Path,
    sync::{Arc, PoisonError},
};

use super::{
    header::PAGE_LEN,
    options::GivenUp,
    segment::{Segment, fill, path_of},
    shared::{Guard, Shared},
};
use crate::{
    Error, Files,
    atomic::{found, move_synced},
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
    state.epoch += 1;
    let (epoch, spare, log_id) = (state.epoch, spare(&mut state, len), state.log_id);
    // Appenders wait for the mutex meanwhile: they could not go on either.
    let segment = make(log, &log_id, epoch, len, spare)?;
    state.stats.segments_recycled += u64::from(spare.is_some());
    Ok((state, Some(segment)))
}

/// Takes a spare of exactly this length out of the stock.
fn spare(state: &mut Guard<'_>, len: u64) -> Option<u64> {
    let index = state.stock.spares.iter().position(|&(_, spare_len)| spare_len == len)?;
    Some(state.stock.spares.swap_remove(index).0)
}

/// Makes the segment of `epoch`, from a spare or a new file, with its name and length durable.
fn make(
    log: &Shared,
    log_id: &[u8; 16],
    epoch: u64,
    len: u64,
    spare: Option<u64>,
) -> Result<Arc<Segment>, Error> {
    let (files, dir) = (&*log.options.files, &*log.dir);
    let path = path_of(dir, epoch);
    if let Some(spare) = spare {
        move_synced(files, &path_of(dir, spare), &path)?;
        return Ok(Arc::new(Segment::new(files.open_rw(&path)?, log_id, epoch, len)));
    }
    let file = files.create_new(&path)?;
    let made = fill(&*file, 0, len).and_then(|()| file.sync_data()).and_then(|()| files.sync_dir(dir));
    match made {
        Ok(()) => Ok(Arc::new(Segment::new(file, log_id, epoch, len))),
        Err(err) => {
            // What can't be removed now is a stray, which the next opening removes.
            let _ = files.remove(&path);
            Err(err)
        }
    }
}

fn discard(log: &Shared, segment: &Segment) {
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
        GivenUp::Archive => {
            let mut name = path.clone().into_os_string();
            name.push(".archived");
            return found(move_synced(files, &path, Path::new(&name))).map(drop);
        }
        GivenUp::Recycle if wanted(log, len) && empty(files, &path)? => {
            log.lock().stock.spares.push((epoch, len));
            return Ok(());
        }
        GivenUp::Recycle | GivenUp::Remove => {}
    }
    found(files.remove(&path)).map(drop)
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

/// The thread: makes the next segment when it is wanted, until the log is shut.
pub(super) fn run(log: &Shared) {
    let mut state = log.lock();
    loop {
        if state.stock.shut {
            return;
        }
        if let Some(len) = state.stock.wanted.take() {
            state = make_ahead(log, state, len);
        } else {
            state = log.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn make_ahead<'a>(log: &'a Shared, mut state: Guard<'a>, len: u64) -> Guard<'a> {
    state.epoch += 1;
    state.stock.making = true;
    let (epoch, spare, log_id) = (state.epoch, spare(&mut state, len), state.log_id);
    drop(state);
    let made = make(log, &log_id, epoch, len, spare);
    let mut state = log.lock();
    state.stock.making = false;
    // If it failed, the append that needs the segment tries again, and answers for it.
    if let Ok(segment) = made {
        state.stats.segments_recycled += u64::from(spare.is_some());
        state.stock.ready = Some(segment);
    }
    log.changed.notify_all();
    state
}
