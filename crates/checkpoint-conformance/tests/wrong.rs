//! Backends that are wrong in known ways: each is caught, by the check that is about it.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use keepstone_checkpoint::{
    Backend, Kind, MemBackend,
    backend::{BackendError, Object},
};
use keepstone_checkpoint_conformance::{Group, InMemory, Suite};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Overwrites,
    MissesTheNewest,
    Unordered,
    OneByteShort,
    OneByteLate,
    NoneForBehind,
    ManyWinners,
    DeletesNothing,
    DeletesByPrefix,
    RemembersWhatItRead,
    ListsLate,
    ListsLateAfterDeletes,
    OnePageOfList,
    ListsByFolder,
    WrongLengths,
    TornAfterAnError,
    SeenBeforeItIsWhole,
    TakesAnyName,
    IgnoresCase,
    LosesEmptyObjects,
    TrueForTheSameBytes,
    MissingIsAnError,
}

#[derive(Debug)]
struct Wrong {
    fault: Fault,
    inner: MemBackend,
    read: Mutex<HashMap<String, Vec<u8>>>,
    /// The list before the last change.
    before: Mutex<Vec<Object>>,
    puts: AtomicU64,
    is_late: AtomicBool,
}

impl Wrong {
    fn new(fault: Fault) -> Self {
        let (read, before) = (Mutex::default(), Mutex::default());
        let (puts, is_late) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { fault, inner: MemBackend::new(), read, before, puts, is_late }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn changes(&self, is_delete: bool) {
        if self.is(Fault::ListsLate) || self.is(Fault::ListsLateAfterDeletes) && is_delete {
            *self.before.lock().unwrap() = self.inner.list("").unwrap();
            self.is_late.store(true, Ordering::SeqCst);
        }
    }

    /// A name, as it is taken.
    fn name(&self, name: &str) -> String {
        match self.fault {
            Fault::IgnoresCase => name.to_ascii_lowercase(),
            Fault::TakesAnyName => name
                .bytes()
                .map(|byte| {
                    if byte.is_ascii_graphic()
                        && !byte.is_ascii_uppercase()
                        && byte != b'_'
                        && byte != b'\\'
                        && byte != b':'
                    {
                        char::from(byte)
                    } else {
                        'x'
                    }
                })
                .collect::<String>()
                .trim_matches(['.', '/', '-'])
                .replace("//", "/")
                .replace("/.", "/x"),
            _ => name.to_owned(),
        }
    }
}

impl Backend for Wrong {
    fn put_if_absent(&self, name: &str, bytes: &[u8]) -> Result<bool, BackendError> {
        let name = &*self.name(name);
        self.changes(false);
        match self.fault {
            Fault::Overwrites => {
                let was_free = self.inner.get(name)?.is_none();
                self.inner.delete(name)?;
                self.inner.put_if_absent(name, bytes)?;
                return Ok(was_free);
            }
            Fault::ManyWinners => {
                let is_free = self.inner.get(name)?.is_none();
                (0..20).for_each(|_| std::thread::yield_now());
                if is_free {
                    self.inner.delete(name)?;
                    self.inner.put_if_absent(name, bytes)?;
                }
                return Ok(is_free);
            }
            Fault::TornAfterAnError if self.puts.fetch_add(1, Ordering::SeqCst) % 7 == 6 => {
                self.inner.put_if_absent(name, &bytes[..bytes.len() / 2])?;
                return Err(BackendError::new(name, "put", Kind::Io, "the network is gone"));
            }
            Fault::SeenBeforeItIsWhole if self.inner.get(name)?.is_none() => {
                self.inner.put_if_absent(name, &bytes[..bytes.len() / 2])?;
                (0..50).for_each(|_| std::thread::yield_now());
                self.inner.delete(name)?;
            }
            Fault::LosesEmptyObjects if bytes.is_empty() => return Ok(true),
            Fault::TrueForTheSameBytes if self.inner.get(name)?.as_deref() == Some(bytes) => return Ok(true),
            _ => {}
        }
        self.inner.put_if_absent(name, bytes)
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        let name = &*self.name(name);
        if self.is(Fault::RemembersWhatItRead)
            && let Some(bytes) = self.read.lock().unwrap().get(name)
        {
            return Ok(Some(bytes.clone()));
        }
        let found = self.inner.get(name)?;
        if let Some(bytes) = &found {
            self.read.lock().unwrap().insert(name.to_owned(), bytes.clone());
        } else if self.is(Fault::MissingIsAnError) {
            return Err(BackendError::new(name, "get", Kind::NotFound, "404"));
        }
        Ok(found)
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>, BackendError> {
        let name = &*self.name(name);
        let range = match self.fault {
            Fault::OneByteShort => range.start..range.end.saturating_sub(1),
            Fault::OneByteLate => range.start.saturating_add(1)..range.end.saturating_add(1),
            _ => range,
        };
        let found = self.inner.get_range(name, range)?;
        Ok(found.filter(|bytes| !self.is(Fault::NoneForBehind) || !bytes.is_empty()))
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, BackendError> {
        let mut objects = self.inner.list(prefix)?;
        match self.fault {
            // The first list after a change doesn't have it yet.
            Fault::ListsLate | Fault::ListsLateAfterDeletes if self.is_late.swap(false, Ordering::SeqCst) => {
                objects.clone_from(&self.before.lock().unwrap());
                objects.retain(|object| object.name.starts_with(prefix));
            }
            Fault::MissesTheNewest => drop(objects.pop()),
            Fault::Unordered => objects.reverse(),
            Fault::OnePageOfList => objects.truncate(1000),
            Fault::ListsByFolder => {
                let folder =
                    prefix.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
                objects = self.inner.list(&folder)?;
            }
            Fault::WrongLengths => objects.iter_mut().for_each(|object| object.len += 1),
            _ => {}
        }
        Ok(objects)
    }

    fn delete(&self, name: &str) -> Result<(), BackendError> {
        let name = &*self.name(name);
        self.changes(true);
        match self.fault {
            Fault::DeletesNothing => Ok(()),
            Fault::DeletesByPrefix => {
                self.inner.delete(name)?;
                self.inner.list(name)?.iter().try_for_each(|object| self.inner.delete(&object.name))
            }
            Fault::MissingIsAnError if self.inner.get(name)?.is_none() => {
                Err(BackendError::new(name, "delete", Kind::NotFound, "404"))
            }
            _ => self.inner.delete(name),
        }
    }
}

/// The claims that don't hold with a fault, of the group of objects.
fn failed(fault: Fault) -> Vec<String> {
    let report = Suite::new(|| InMemory::new(Wrong::new(fault))).only(Group::Objects).run();
    assert!(!report.is_complete(), "{fault:?}: {report}");
    report.failed().map(|(_, check)| check.claim.clone()).collect()
}

#[test]
fn each_known_fault_is_caught_by_the_check_that_is_about_it() {
    assert_eq!(failed(Fault::None), [""; 0]);
    for (fault, claim) in [
        (Fault::Overwrites, "a put under a taken name changes nothing"),
        (Fault::MissesTheNewest, "a list has an object as soon as it was put"),
        (Fault::Unordered, "a list is in the order of the bytes of the names"),
        (Fault::OneByteShort, "a range gives the bytes between its ends"),
        (Fault::OneByteLate, "a range gives the bytes between its ends"),
        (Fault::NoneForBehind, "a range behind the end gives nothing"),
        (Fault::ManyWinners, "of threads that put one name one is told true"),
        (Fault::DeletesNothing, "a deleted object is none"),
        (Fault::DeletesByPrefix, "a delete takes one object only"),
        (Fault::RemembersWhatItRead, "what is put after a delete is what is read"),
        (Fault::ListsLate, "a list has an object as soon as it was put"),
        (Fault::ListsLateAfterDeletes, "a list has an object no more as soon as it was deleted"),
        (Fault::OnePageOfList, "a list of more objects than a page is complete"),
        (Fault::ListsByFolder, "a list has the names that begin with a prefix and no others"),
        (Fault::WrongLengths, "a list says how long objects are"),
        (Fault::TornAfterAnError, "after an error of a put the object is there whole or not at all"),
        (Fault::SeenBeforeItIsWhole, "an object that is being put is read whole or not at all"),
        (Fault::TakesAnyName, "what is no name is refused by a put"),
        (Fault::IgnoresCase, "what is no name is refused by a get"),
        (Fault::LosesEmptyObjects, "an object without bytes is an object"),
        (Fault::TrueForTheSameBytes, "a put of the same bytes under a taken name is false too"),
        (Fault::MissingIsAnError, "a delete of what is not there is no error"),
    ] {
        let failed = failed(fault);
        assert!(failed.iter().any(|failed| failed == claim), "{fault:?} breaks {failed:#?}");
    }
}

#[test]
fn a_store_on_a_backend_that_lists_late_or_overwrites_loses_what_it_acknowledged() {
    // What a store relies on is not only asked for: without it the checks of stores fail as well.
    for (fault, group) in [
        (Fault::Overwrites, Group::Writers),
        (Fault::MissesTheNewest, Group::Creation),
        (Fault::OneByteLate, Group::States),
        (Fault::ListsLate, Group::Creation),
    ] {
        let report = Suite::new(|| InMemory::new(Wrong::new(fault))).only(group).run();
        assert!(!report.has_passed(), "{fault:?}: {report}");
    }
}
