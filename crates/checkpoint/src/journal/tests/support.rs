use std::{path::Path, sync::Arc};

use keepstone_storage::{Files, WalOptions};

use crate::{
    Error,
    backend::Backend,
    journal::{Journal, ObjectJournal, WalJournal, options},
};

pub(super) const STORE: [u8; 16] = [9; 16];

/// Commits and their numbers.
pub(super) type Found = Vec<(u64, Vec<u8>)>;

pub(super) type Opened = Result<(Box<dyn Journal>, Found), Error>;

/// The commit of a number, told from all others.
pub(super) fn commit(number: u64) -> Vec<u8> {
    (0..20 + number * 7 % 300).flat_map(|at| [number.to_le_bytes()[0], at.to_le_bytes()[0]]).collect()
}

/// The commits of these numbers.
pub(super) fn found_from(from: u64, behind: u64) -> Found {
    (from..behind).map(|number| (number, commit(number))).collect()
}

/// A log without a thread, the same every time, in small segments.
pub(super) fn quiet(files: &Arc<dyn Files>) -> WalOptions {
    let mut options = options(Arc::clone(files)).background(false).segment_bytes(12 << 10, 24 << 10);
    options.log_id = Some([7; 16]);
    options
}

pub(super) fn log(files: &Arc<dyn Files>, from: u64) -> Opened {
    log_in(quiet(files), from)
}

pub(super) fn log_in(options: WalOptions, from: u64) -> Opened {
    let mut found = Vec::new();
    let journal = WalJournal::open(Path::new("store"), options, from, &mut |number, bytes| {
        found.push((number, bytes.to_vec()));
        Ok(())
    })?;
    Ok((Box::new(journal), found))
}

pub(super) fn objects_on(backend: Arc<dyn Backend>, from: u64) -> Result<(ObjectJournal, Found), Error> {
    let mut found = Vec::new();
    let journal = ObjectJournal::open(backend, STORE, from, &mut |number, bytes| {
        found.push((number, bytes.to_vec()));
        Ok(())
    })?;
    Ok((journal, found))
}

pub(super) fn objects<B: Backend + 'static>(backend: &Arc<B>, from: u64) -> Opened {
    let backend: Arc<dyn Backend> = Arc::<B>::clone(backend);
    let (journal, found) = objects_on(backend, from)?;
    Ok((Box::new(journal), found))
}

/// Whether it was refused, since these commits are not there.
pub(super) fn is_gap<T>(opened: Result<T, Error>, first: u64, last: u64) -> bool {
    match opened {
        Err(Error::Damaged { what, .. }) => what == format!("the commits {first} to {last} are not there"),
        _ => false,
    }
}
