use std::cell::Cell;

use super::{
    report::{Requests, Traffic},
    target::{SyncTarget, TargetError},
};
use crate::Error;

/// A target whose requests are counted, and whose errors say whose they are.
pub(super) struct Counted<'t> {
    target: &'t dyn SyncTarget,
    traffic: Cell<Traffic>,
}

impl<'t> Counted<'t> {
    pub(super) fn new(target: &'t dyn SyncTarget) -> Self {
        Self { target, traffic: Cell::default() }
    }

    pub(super) fn name(&self) -> &str {
        self.target.name()
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.traffic.get()
    }

    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.count(bytes.len() as u64, |traffic| &mut traffic.put);
        self.target.put(name, bytes).map_err(|err| self.failed("putting a file", err))
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let got = self.target.get(name).map_err(|err| self.failed("fetching a file", err));
        let len = got.as_ref().map_or(0, |bytes| bytes.as_ref().map_or(0, Vec::len));
        self.count(len as u64, |traffic| &mut traffic.get);
        got
    }

    pub(super) fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Error> {
        let listed = self.target.list(prefix).map_err(|err| self.failed("listing files", err));
        let len: usize = listed.iter().flatten().map(|(name, _)| name.len()).sum();
        self.count(len as u64, |traffic| &mut traffic.list);
        listed
    }

    pub(super) fn delete(&self, name: &str) -> Result<(), Error> {
        self.count(0, |traffic| &mut traffic.delete);
        self.target.delete(name).map_err(|err| self.failed("deleting a file", err))
    }

    fn count(&self, bytes: u64, of: impl FnOnce(&mut Traffic) -> &mut Requests) {
        let mut traffic = self.traffic.get();
        let requests = of(&mut traffic);
        requests.count += 1;
        requests.bytes += bytes;
        self.traffic.set(traffic);
    }

    fn failed(&self, what: &'static str, source: TargetError) -> Error {
        Error::Target { target: self.target.name().to_owned(), what, source: Box::new(source) }
    }
}
