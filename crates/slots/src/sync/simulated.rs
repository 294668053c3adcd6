use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use keepstone_format::Kind;

use super::target::{SyncTarget, TargetError};

/// What a simulated cloud is like.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CloudOptions {
    /// What it calls itself.
    pub name: String,
    /// Bytes of all files at most: 200 MB unless chosen.
    pub bytes_max: u64,
    /// How many files at most: 1000 unless chosen.
    pub files_max: usize,
    /// Bytes of one file at most: 100 MiB unless chosen, as Steam Remote Storage takes.
    pub file_len_max: u64,
    /// Bits per second, each way: 1,000,000 unless chosen.
    pub bits_per_second: u64,
    /// What each request takes beside its bytes: 50 ms unless chosen.
    pub latency: Duration,
}

impl Default for CloudOptions {
    fn default() -> Self {
        Self {
            name: "simulated cloud".to_owned(),
            bytes_max: 200_000_000,
            files_max: 1000,
            file_len_max: 100 << 20,
            bits_per_second: 1_000_000,
            latency: Duration::from_millis(50),
        }
    }
}

impl CloudOptions {
    /// Bounds what it takes, as an application's quotas do.
    pub fn quota(mut self, bytes_max: u64, files_max: usize) -> Self {
        (self.bytes_max, self.files_max) = (bytes_max, files_max);
        self
    }
}

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing has happened.
    Before,
    /// It was done, and the answer was lost.
    After,
    /// Of a file that is put, half is there. Other requests fail as with [`Fault::Before`].
    Torn,
}

/// A cloud in memory, for the tests of programs: with quotas, time that is counted and not slept, and failures on demand.
///
/// Several machines may share one.
#[derive(Debug, Default)]
pub struct SimulatedCloud {
    options: CloudOptions,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    elapsed: Duration,
    requests: u64,
    /// By the number of the request.
    faults: BTreeMap<u64, Fault>,
    is_offline: bool,
}

impl SimulatedCloud {
    /// Makes an empty one.
    pub fn new(options: CloudOptions) -> Self {
        Self { options, state: Mutex::default() }
    }

    /// How long the requests would have taken.
    pub fn elapsed(&self) -> Duration {
        self.state().elapsed
    }

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.state().requests
    }

    /// Has a request fail: the one after `after` others.
    pub fn fail(&self, after: u64, fault: Fault) {
        let mut state = self.state();
        let number = state.requests.saturating_add(after);
        state.faults.insert(number, fault);
    }

    /// Has all requests fail, or none any longer, those told to [`SimulatedCloud::fail`] included.
    pub fn set_offline(&self, is_offline: bool) {
        let mut state = self.state();
        state.is_offline = is_offline;
        state.faults.clear();
    }

    /// All files.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.state().files.clone()
    }

    /// Puts other files in the place of all that are there, as nobody's request.
    pub fn set_files(&self, files: BTreeMap<String, Vec<u8>>) {
        self.state().files = files;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request, and says how it fails.
    fn begin(&self) -> (MutexGuard<'_, State>, Option<Fault>) {
        let mut state = self.state();
        let number = state.requests;
        state.requests += 1;
        state.elapsed += self.options.latency;
        let fault = if state.is_offline { Some(Fault::Before) } else { state.faults.remove(&number) };
        (state, fault)
    }

    fn transfer(&self, state: &mut State, len: usize) {
        let bits = (len as u128).saturating_mul(8_000_000_000);
        let nanoseconds = bits / u128::from(self.options.bits_per_second.max(1));
        state.elapsed += Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
    }

    /// Whether there is room for a file.
    fn check(&self, state: &State, name: &str, len: u64) -> Result<(), TargetError> {
        let no_space = |message: String| Err(TargetError::new(Kind::NoSpace, message));
        let CloudOptions { bytes_max, files_max, file_len_max, .. } = self.options;
        if len > file_len_max {
            return no_space(format!("a file of {len} bytes, {file_len_max} are allowed"));
        }
        let others = state.files.iter().filter(|(other, _)| *other != name);
        let (count, bytes) =
            others.fold((1, len), |(count, sum), (_, file)| (count + 1, sum + file.len() as u64));
        if bytes > bytes_max {
            return no_space(format!("the files would have {bytes} bytes, {bytes_max} are allowed"));
        }
        if count > files_max {
            return no_space(format!("there would be {count} files, {files_max} are allowed"));
        }
        Ok(())
    }
}

impl SyncTarget for SimulatedCloud {
    fn name(&self) -> &str {
        &self.options.name
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), TargetError> {
        let (mut state, fault) = self.begin();
        if fault == Some(Fault::Before) {
            return Err(offline());
        }
        self.check(&state, name, bytes.len() as u64)?;
        self.transfer(&mut state, bytes.len());
        let kept =
            if fault == Some(Fault::Torn) { bytes.get(..bytes.len() / 2).unwrap_or(bytes) } else { bytes };
        state.files.insert(name.to_owned(), kept.to_vec());
        fault.map_or(Ok(()), |_| Err(offline()))
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, TargetError> {
        let (mut state, fault) = self.begin();
        if fault.is_some() {
            return Err(offline());
        }
        let found = state.files.get(name).cloned();
        self.transfer(&mut state, found.as_ref().map_or(0, Vec::len));
        Ok(found)
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, TargetError> {
        let (state, fault) = self.begin();
        if fault.is_some() {
            return Err(offline());
        }
        let listed = state.files.iter().filter(|(name, _)| name.starts_with(prefix));
        Ok(listed.map(|(name, file)| (name.clone(), file.len() as u64)).collect())
    }

    fn delete(&self, name: &str) -> Result<(), TargetError> {
        let (mut state, fault) = self.begin();
        if matches!(fault, Some(Fault::Before | Fault::Torn)) {
            return Err(offline());
        }
        state.files.remove(name);
        fault.map_or(Ok(()), |_| Err(offline()))
    }
}

fn offline() -> TargetError {
    TargetError::new(Kind::Io, "the connection was lost")
}
