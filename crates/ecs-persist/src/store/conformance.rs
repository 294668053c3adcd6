//! What every [`EntityStore`] promises, as a check that the author of one runs in a test.
//!
//! ```
//! use keepstone_ecs_persist::{MemoryStore, conformance};
//!
//! conformance::check(|| Box::new(MemoryStore::new()))?;
//! # Ok::<(), conformance::Violation>(())
//! ```

mod batches;
mod iteration;
mod reopening;
mod single;
mod threads;
mod transactions;

use std::fmt;

use crate::{
    identity::PersistId,
    store::{entity_store::EntityStore, error::StoreError},
};

/// A promise of [`EntityStore`] that a store doesn't keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(String);

impl Violation {
    fn new(promise: impl Into<String>) -> Self {
        Self(promise.into())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// Checks all that can be checked without a crash: single records, batches, transactions, going through the store, threads.
///
/// `open` gives an empty store each time. A store without transactions, or that can't go through its entities, has to say so with the error
/// meant for it. Some thousand records are written, the longest of 1 MiB. A store that holds a lock while it hands out an
/// entity doesn't come back from this.
///
/// # Errors
/// The first promise that doesn't hold.
pub fn check(mut open: impl FnMut() -> Box<dyn EntityStore>) -> Result<(), Violation> {
    for part in [
        single::check,
        single::check_values,
        batches::check,
        transactions::check,
        iteration::check,
        iteration::check_use_within,
        threads::check,
        threads::check_one_entity,
        threads::check_transactions,
        threads::check_iteration,
    ] {
        part(&*open())?;
    }
    Ok(())
}

/// Checks that a store that is dropped and opened again has what it had: for stores that keep their entities.
///
/// `open` opens one store again and again; the first time it is empty.
///
/// # Errors
/// The first promise that doesn't hold.
pub fn check_reopening(mut open: impl FnMut() -> Box<dyn EntityStore>) -> Result<(), Violation> {
    reopening::check(&mut open)
}

fn hold(holds: bool, promise: impl Into<String>) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(promise)) }
}

/// Turns an error where there is no reason for one into a violation.
fn done<T>(result: Result<T, StoreError>, what: &str) -> Result<T, Violation> {
    result.map_err(|error| {
        let mut text = format!("{what} works, and failed: {error}");
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            text = format!("{text}: {inner}");
            source = inner.source();
        }
        Violation::new(text)
    })
}

/// Checks what is kept under an id.
fn holds(store: &dyn EntityStore, id: u64, record: Option<&[u8]>, when: &str) -> Result<(), Violation> {
    let id = PersistId(id);
    match (store.load(id), record) {
        (Ok(found), Some(record)) => hold(
            found == record,
            format!(
                "a record is loaded as it was saved: {when}, that of {id} has {} bytes, and {} were loaded or others",
                record.len(),
                found.len()
            ),
        )?,
        (Err(StoreError::Missing { id: named }), None) => {
            hold(
                named == id,
                format!("a missing entity is named: {when}, {id} was asked for, and {named} is named"),
            )?;
        }
        (Ok(_), None) => {
            return Err(Violation::new(format!(
                "an entity that is not there is Missing: {when}, {id} was loaded"
            )));
        }
        (Err(error), None) => {
            return Err(Violation::new(format!(
                "an entity that is not there is Missing: {when}, {id} gave another error: {error}"
            )));
        }
        (Err(error), Some(_)) => {
            return Err(Violation::new(format!("what was saved can be loaded: {when}, {id} gave: {error}")));
        }
    }
    let exists = done(store.exists(id), "asking whether an entity exists")?;
    hold(
        exists == record.is_some(),
        format!("exists says whether load finds something: {when}, of {id} it says {exists}"),
    )
}

/// How many entities there are, and that the store says so too; nothing if it can't go through them.
fn counts(store: &dyn EntityStore, expected: u64, when: &str) -> Result<(), Violation> {
    let found = match store.len() {
        Err(StoreError::NotSupported { .. }) => return Ok(()),
        found => done(found, "counting entities")?,
    };
    hold(
        found == expected,
        format!("len counts the entities: {when} there are {expected}, and it says {found}"),
    )?;
    let is_empty = done(store.is_empty(), "asking whether a store is empty")?;
    hold(is_empty == (expected == 0), format!("is_empty says whether len is 0: {when} it says {is_empty}"))
}

/// Bytes without a pattern, the same for a seed.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        bytes.extend((state ^ (state >> 29)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
