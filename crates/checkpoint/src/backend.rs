//! What a store stands on.

mod dir;
mod mem;

use std::{error::Error as StdError, fmt::Debug, ops::Range};

use keepstone_format::Kind;

pub use dir::DirBackend;
pub use mem::MemBackend;

/// Bytes of a name at most.
const NAME_LEN_MAX: usize = 64;

/// Named objects that are created once and never changed.
///
/// Of all that storages can do a store asks for this: to put an object under a name that is free, to get one, whole or in part, to list names and to delete. It calls from
/// several threads. `keepstone-checkpoint-conformance` tests whether a backend does all that a store relies on.
///
/// # Names
///
/// Names are made of lower-case letters, digits, `.` and `-`, and have at most one `/`; what is before and behind it begins and ends with a letter or a digit. They have at most 64
/// bytes. So all of them are names of files on every system, and none leads out of a directory. No object is put under what stands before the `/` of another.
///
/// # What is seen is durable
///
/// What a list or a get shows is built on: a power cut no longer takes it, even if the one who put it was told of an error or was killed. That holds once the put has ended. An
/// object that was deleted, though, may be there again after a crash.
pub trait Backend: Debug + Send + Sync {
    /// Creates an object under a name that must be free; false: there is one already, and it is as it was.
    ///
    /// When it returns true the object is durable, whole, and in every list from then on. After an error it is there whole, or it is not. Of several that put
    /// the same name at the same time one gets true.
    ///
    /// # Errors
    /// [`BackendError`], of the kind `NoSpace` if there is no room.
    fn put_if_absent(&self, name: &str, bytes: &[u8]) -> Result<bool, BackendError>;

    /// Reads an object; none: there is none of that name.
    ///
    /// # Errors
    /// [`BackendError`].
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, BackendError>;

    /// Reads a part of an object; none: there is none of that name. A range that reaches past its end gives what is there.
    ///
    /// Ranges come from bytes that may be damaged: no memory is taken for what is not there.
    ///
    /// # Errors
    /// [`BackendError`].
    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>, BackendError> {
        let Some(bytes) = self.get(name)? else { return Ok(None) };
        Ok(Some(part(&bytes, range).to_vec()))
    }

    /// Lists the objects whose names begin with `prefix`, in the order of the bytes of their names.
    ///
    /// # Errors
    /// [`BackendError`].
    fn list(&self, prefix: &str) -> Result<Vec<Object>, BackendError>;

    /// Deletes an object; one that is not there is no error.
    ///
    /// # Errors
    /// [`BackendError`].
    fn delete(&self, name: &str) -> Result<(), BackendError>;
}

/// What a list says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub len: u64,
}

/// Why a backend has refused.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {what} failed: {source}")]
pub struct BackendError {
    /// The object, or the beginning of the names that were listed.
    pub name: String,
    /// What was asked for: put, get, list, delete.
    pub what: &'static str,
    /// What the caller should do.
    pub kind: Kind,
    /// Why.
    pub source: Box<dyn StdError + Send + Sync>,
}

/// Why a backend did not even begin with what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The name is none that an object can have.
    #[error(
        "no object has such a name: at most 64 lower-case letters, digits, '.' and '-', and one '/', each side of which begins and ends with a letter or digit"
    )]
    Name,
    /// The backend was opened for reading.
    #[error("it was opened for reading alone; open it for writing")]
    ReadOnly,
}

impl BackendError {
    /// Puts one together.
    pub fn new(
        name: &str,
        what: &'static str,
        kind: Kind,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { name: name.to_owned(), what, kind, source: source.into() }
    }

    /// What the caller should do.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    fn refused(name: &str, what: &'static str, why: Refused) -> Self {
        let kind = match why {
            Refused::Name => Kind::Misuse,
            Refused::ReadOnly => Kind::Denied,
        };
        Self::new(name, what, kind, why)
    }
}

/// Answers [`Refused::Name`] for what is no name of an object.
fn check_name(name: &str, what: &'static str) -> Result<(), BackendError> {
    if is_name(name) { Ok(()) } else { Err(BackendError::refused(name, what, Refused::Name)) }
}

fn is_name(name: &str) -> bool {
    let (first, rest) = name.split_once('/').map_or((name, None), |(first, rest)| (first, Some(rest)));
    name.len() <= NAME_LEN_MAX && is_part(first) && rest.is_none_or(is_part)
}

/// Whether it may stand before or behind the `/` of a name.
fn is_part(part: &str) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    part.as_bytes().first().is_some_and(is_plain)
        && part.as_bytes().last().is_some_and(is_plain)
        && part.bytes().all(|byte| is_plain(&byte) || matches!(byte, b'.' | b'-'))
}

/// The bytes of a range, as many as there are.
fn part(bytes: &[u8], range: Range<u64>) -> &[u8] {
    let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(place(range.start)..place(range.end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keepstone_storage::MemFiles;

    use super::*;

    /// Does the same with each backend there is.
    fn on_each(check: impl Fn(&dyn Backend)) {
        check(&MemBackend::new());
        check(&DirBackend::open(Arc::new(MemFiles::new()), "some/store").unwrap());
        let dir = tempfile::tempdir().unwrap();
        check(&DirBackend::open(Arc::new(keepstone_storage::OsFiles), dir.path().join("store")).unwrap());
    }

    fn listed(backend: &dyn Backend, prefix: &str) -> Vec<(String, u64)> {
        backend.list(prefix).unwrap().into_iter().map(|object| (object.name, object.len)).collect()
    }

    #[test]
    fn an_object_is_put_once_and_read_until_it_is_deleted() {
        on_each(|backend| {
            assert_eq!(backend.get("packs/a").unwrap(), None);
            assert!(backend.put_if_absent("packs/a", b"one").unwrap());
            assert!(!backend.put_if_absent("packs/a", b"other").unwrap());
            assert_eq!(backend.get("packs/a").unwrap().unwrap(), b"one");
            backend.delete("packs/a").unwrap();
            backend.delete("packs/a").unwrap();
            backend.delete("never/there").unwrap();
            assert_eq!(backend.get("packs/a").unwrap(), None);
            assert_eq!(backend.get_range("packs/a", 0..1).unwrap(), None);
            assert!(backend.put_if_absent("packs/a", b"").unwrap());
            assert_eq!(backend.get("packs/a").unwrap().unwrap(), b"");
        });
    }

    #[test]
    fn a_range_gives_what_is_there_of_it() {
        on_each(|backend| {
            backend.put_if_absent("p/a", b"0123456789").unwrap();
            #[expect(clippy::reversed_empty_ranges, reason = "what a damaged place may ask for")]
            let cases = [
                (0..10, "0123456789"),
                (2..5, "234"),
                (5..5, ""),
                (8..u64::MAX, "89"),
                (10..12, ""),
                (u64::MAX - 1..u64::MAX, ""),
                (6..3, ""),
            ];
            for (range, expected) in cases {
                let found = backend.get_range("p/a", range.clone()).unwrap().unwrap();
                assert_eq!(found, expected.as_bytes(), "{range:?}");
            }
        });
    }

    #[test]
    fn a_list_has_the_names_that_begin_so_in_their_order() {
        on_each(|backend| {
            for name in ["packs/b", "manifests/1", "packs/a-long", "packs/a", "single", "packs-more/a"] {
                backend.put_if_absent(name, name.as_bytes()).unwrap();
            }
            let of = |prefix: &str| {
                let listed = listed(backend, prefix);
                assert!(listed.iter().all(|(name, len)| name.len() as u64 == *len), "{listed:?}");
                listed.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
            };
            assert_eq!(of("packs/"), ["packs/a", "packs/a-long", "packs/b"]);
            assert_eq!(of("packs/a"), ["packs/a", "packs/a-long"]);
            assert_eq!(of("pack"), ["packs-more/a", "packs/a", "packs/a-long", "packs/b"]);
            assert_eq!(of("s"), ["single"]);
            assert_eq!(of("x"), [""; 0]);
            assert_eq!(of("../"), [""; 0]);
            assert_eq!(of("").len(), 6);
        });
    }

    #[test]
    fn what_is_no_name_is_refused_everywhere() {
        let long = "a".repeat(65);
        on_each(|backend| {
            for name in [
                "", "/", "/a", "a/", "a//b", "a/b/c", ".", "..", "../a", "a/..", "a/../b", ".hidden", "a/.b",
                "-a", "A", "a.", "a-/b", "a_b", "a b", "a\\b", "c:a", "a\0", "\u{e9}", &long,
            ] {
                let refused = |answer: Result<(), BackendError>| {
                    let err = answer.unwrap_err();
                    assert_eq!((err.kind(), err.name.as_str()), (Kind::Misuse, name));
                    assert_eq!(err.source.downcast_ref(), Some(&Refused::Name), "{name:?}");
                };
                refused(backend.put_if_absent(name, b"x").map(drop));
                refused(backend.get(name).map(drop));
                refused(backend.get_range(name, 0..1).map(drop));
                refused(backend.delete(name));
            }
            assert_eq!(listed(backend, ""), []);
            assert!(backend.put_if_absent(&long[1..], b"x").unwrap());
            assert!(backend.put_if_absent("0a-b.c/d..-1", b"x").unwrap());
        });
    }

    #[test]
    fn of_many_that_put_one_name_one_gets_it() {
        on_each(|backend| {
            let won: Vec<u8> = std::thread::scope(|scope| {
                let put = |tag: u8| backend.put_if_absent("packs/a", &[tag; 100]).unwrap().then_some(tag);
                let threads: Vec<_> = (0..8).map(|tag| scope.spawn(move || put(tag))).collect();
                threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(won.len(), 1);
            assert_eq!(backend.get("packs/a").unwrap().unwrap(), [won[0]; 100]);
        });
    }
}
