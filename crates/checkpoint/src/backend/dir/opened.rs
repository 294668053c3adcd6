use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keepstone_storage::File;

/// Files that stay open at most.
const OPEN_MAX: usize = 8;

/// Files of objects that were read from lately: they don't change, so asking for a part of one again needs no name.
///
/// Only for who has the directory alone: a file that another process deletes would keep its space for as long as it is open.
#[derive(Debug, Default)]
pub(super) struct Opened(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// By name, the one that was used last at the end.
    files: Vec<(String, Arc<OpenFile>)>,
    /// How many objects were deleted so far.
    deleted: u64,
}

/// A file that is open, and how long it is.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) file: Box<dyn File>,
    pub(super) len: u64,
}

/// What [`Opened::find`] hasn't found, to be [kept](Opened::keep) once it is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    deleted: u64,
}

impl Opened {
    /// Every step under the mutex ends in a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file of an object, if it is open.
    pub(super) fn find(&self, name: &str) -> Result<Arc<OpenFile>, Ticket> {
        let mut state = self.lock();
        let found = state.files.iter().rposition(|(known, _)| known == name);
        let last = state.files.len().saturating_sub(1);
        if let Some(place) = found
            && place < last
            && let Some(later) = state.files.get_mut(place..)
        {
            later.rotate_left(1);
        }
        match state.files.last() {
            Some((_, file)) if found.is_some() => Ok(Arc::clone(file)),
            _ => Err(Ticket { deleted: state.deleted }),
        }
    }

    /// Keeps a file open, unless an object was deleted since it was looked for: it may be that one, and its name another's by now.
    pub(super) fn keep(&self, ticket: Ticket, name: &str, file: &Arc<OpenFile>) {
        let mut state = self.lock();
        if state.deleted != ticket.deleted || state.files.iter().any(|(known, _)| known == name) {
            return;
        }
        if state.files.len() >= OPEN_MAX {
            state.files.remove(0);
        }
        state.files.push((name.to_owned(), Arc::clone(file)));
    }

    /// Closes the file of an object that is about to be deleted, or that couldn't be read.
    pub(super) fn forget(&self, name: &str) {
        let mut state = self.lock();
        state.deleted += 1;
        state.files.retain(|(known, _)| known != name);
    }
}
