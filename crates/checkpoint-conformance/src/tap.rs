use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keepstone_checkpoint::{
    Backend, Kind,
    backend::{BackendError, Object},
};

/// A backend through which all requests of a store go, to be counted, cut off or lied to.
#[derive(Debug)]
pub(crate) struct Tap {
    inner: Arc<dyn Backend>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counts: Counts,
    cut: Option<Cut>,
    /// Requests since the cut was set that it is for.
    seen: u64,
    hit: bool,
    lie: Option<Lie>,
    /// Threads change places around each request.
    dawdles: bool,
}

/// Requests, and what they have moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) puts: u64,
    pub(crate) gets: u64,
    pub(crate) lists: u64,
    pub(crate) deletes: u64,
    pub(crate) bytes_read: u64,
}

/// Where requests end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// Which request fails, counted from 0.
    pub(crate) at: u64,
    pub(crate) when: When,
    pub(crate) then: Then,
}

/// Whether the request that fails has taken effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

/// What comes behind the request that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next requests are served.
    GoesOn,
    /// Nothing any more: the process was killed.
    Dead,
    /// No put: there is no room. Only puts are counted.
    NoRoom,
}

/// An object that is read as something else than was put.
#[derive(Debug, Clone)]
pub(crate) struct Lie {
    pub(crate) name: String,
    /// None: it is not there.
    pub(crate) bytes: Option<Vec<u8>>,
}

/// What the suite has injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Injected;

impl std::fmt::Display for Injected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the suite lets this request fail")
    }
}

impl std::error::Error for Injected {}

impl Tap {
    pub(crate) fn new(inner: Arc<dyn Backend>) -> Arc<Self> {
        Arc::new(Self { inner, state: Mutex::default() })
    }

    /// No step under the mutex can end half-way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// Lets requests end from here on.
    pub(crate) fn cut(&self, cut: Cut) {
        let mut state = self.lock();
        (state.cut, state.seen, state.hit) = (Some(cut), 0, false);
    }

    /// Serves all requests again.
    pub(crate) fn mend(&self) {
        self.lock().cut = None;
    }

    /// Whether a request has failed since the cut was set.
    pub(crate) fn is_hit(&self) -> bool {
        self.lock().hit
    }

    pub(crate) fn lie(&self, lie: Lie) {
        self.lock().lie = Some(lie);
    }

    pub(crate) fn dawdle(&self) {
        self.lock().dawdles = true;
    }

    /// Whether a request fails, and if so, when.
    fn step(&self, what: &'static str, count: impl FnOnce(&mut Counts)) -> (Option<When>, Kind) {
        let mut state = self.lock();
        count(&mut state.counts);
        if state.dawdles {
            drop(state);
            std::thread::yield_now();
            state = self.lock();
        }
        let Some(cut) = state.cut else { return (None, Kind::Io) };
        let kind = if cut.then == Then::NoRoom { Kind::NoSpace } else { Kind::Io };
        if cut.then == Then::NoRoom && what != "put" {
            return (None, kind);
        }
        let seen = state.seen;
        state.seen += 1;
        let when = match seen.cmp(&cut.at) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(cut.when),
            std::cmp::Ordering::Greater => (cut.then != Then::GoesOn).then_some(When::Before),
        };
        state.hit |= when.is_some();
        (when, kind)
    }

    /// Serves a request, unless it fails.
    fn serve<T>(
        &self,
        what: &'static str,
        name: &str,
        count: impl FnOnce(&mut Counts),
        serve: impl FnOnce() -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        let (when, kind) = self.step(what, count);
        match when {
            None => serve(),
            Some(when) => {
                if when == When::After {
                    drop(serve()?);
                }
                Err(BackendError::new(name, what, kind, Injected))
            }
        }
    }

    /// What is said of an object instead of the truth.
    fn lie_about(&self, name: &str) -> Option<Lie> {
        self.lock().lie.clone().filter(|lie| lie.name == name)
    }

    fn count_read(&self, bytes: Option<&Vec<u8>>) {
        self.lock().counts.bytes_read += bytes.map_or(0, |bytes| bytes.len() as u64);
    }
}

impl Backend for Tap {
    fn put_if_absent(&self, name: &str, bytes: &[u8]) -> Result<bool, BackendError> {
        self.serve("put", name, |counts| counts.puts += 1, || self.inner.put_if_absent(name, bytes))
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        if let Some(lie) = self.lie_about(name) {
            return Ok(lie.bytes);
        }
        let bytes = self.serve("get", name, |counts| counts.gets += 1, || self.inner.get(name))?;
        self.count_read(bytes.as_ref());
        Ok(bytes)
    }

    fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>, BackendError> {
        if let Some(lie) = self.lie_about(name) {
            return Ok(lie.bytes.map(|bytes| part(&bytes, &range)));
        }
        let bytes =
            self.serve("get", name, |counts| counts.gets += 1, || self.inner.get_range(name, range))?;
        self.count_read(bytes.as_ref());
        Ok(bytes)
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, BackendError> {
        let mut objects =
            self.serve("list", prefix, |counts| counts.lists += 1, || self.inner.list(prefix))?;
        if let Some(lie) = &self.lock().lie {
            let told = lie.bytes.as_ref().map(|bytes| bytes.len() as u64);
            objects.retain(|object| object.name != lie.name || told.is_some());
            for object in objects.iter_mut().filter(|object| object.name == lie.name) {
                object.len = told.unwrap_or_default();
            }
        }
        Ok(objects)
    }

    fn delete(&self, name: &str) -> Result<(), BackendError> {
        self.serve("delete", name, |counts| counts.deletes += 1, || self.inner.delete(name))
    }
}

/// The bytes of a range, as many as there are.
pub(crate) fn part(bytes: &[u8], range: &Range<u64>) -> Vec<u8> {
    let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(place(range.start)..place(range.end)).unwrap_or_default().to_vec()
}
